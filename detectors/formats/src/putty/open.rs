//! Opens PuTTY private keys. The MAC is not checked: the private numbers must belong to the public key in the file.

use keyradius_core::lock::Lock;
use keyradius_core::lock::Unlocked;
use keyradius_core::material::{Encoding, Identity, Kind, Material};
use keyradius_readers::putty::{self, File};
use zeroize::Zeroizing;

use crate::unlock::cipher::{Cipher, Mode, Suite};
use crate::unlock::kdf::{Argon2, Hash};

/// A key file to open.
pub(super) struct Key<'a> {
    file: File<'a>,
    /// Derivation and salt of version 3.
    argon2: Option<(Argon2, Vec<u8>)>,
}

/// Bytes of key, IV and MAC key together (PuTTY user manual, appendix C.4).
const DERIVED: usize = 80;

const AES: Suite = Suite::new(Cipher::Aes, Mode::Cbc, 32);

impl<'a> Key<'a> {
    pub(super) fn read(bytes: &'a [u8]) -> Option<Self> {
        let file = putty::unlock(bytes).ok()?;
        // Only its MAC could confirm a key of an unknown type.
        file.public().ok()??;
        let argon2 = match &file.derivation {
            None => None,
            Some(derivation) => {
                let flavour = match derivation.flavour {
                    "Argon2id" => argon2::Algorithm::Argon2id,
                    "Argon2i" => argon2::Algorithm::Argon2i,
                    _ => argon2::Algorithm::Argon2d,
                };
                let text = str::from_utf8(derivation.salt).ok()?;
                let digits = |at| u8::from_str_radix(text.get(at..at + 2)?, 16).ok();
                let salt = (0..text.len()).step_by(2).map(digits).collect::<Option<Vec<u8>>>()?;
                let (memory, passes, lanes) = (derivation.memory, derivation.passes, derivation.lanes);
                Some((Argon2 { flavour, memory, passes, lanes }, salt))
            }
        };
        Some(Self { file, argon2 })
    }

    /// Derives key and IV.
    fn derive(&self, password: &[u8]) -> Option<Zeroizing<Vec<u8>>> {
        if let Some((argon2, salt)) = &self.argon2 {
            return argon2.derive(password, salt, DERIVED);
        }
        // Two SHA-1 digests, each with a counter before the password, truncated to 32 bytes; the IV is zero (appendix
        // C.5).
        let mut derived = Hash::Sha1.digest(&[&[0; 4], password]);
        derived.extend_from_slice(&Hash::Sha1.digest(&[&[0, 0, 0, 1], password]));
        derived.truncate(32);
        derived.extend_from_slice(&[0; 16]);
        Some(derived)
    }

    fn item(&self, password: &[u8]) -> Option<Unlocked> {
        let derived = self.derive(password)?;
        let (key, iv) = (derived.get(..32)?, derived.get(32..48)?);
        // A private section begins with the length of its first number.
        let mut first = Zeroizing::new(self.file.private.get(..16)?.to_vec());
        AES.decrypt(key, iv, &mut first)?;
        let length = u32::from_be_bytes(first.get(..4)?.try_into().ok()?);
        if length as usize > self.file.private.len() {
            return None;
        }
        let mut plain = Zeroizing::new(self.file.private.to_vec());
        AES.decrypt(key, iv, &mut plain)?;
        let public = self.file.public().ok()??;
        let (half, fit) = File::signs_as(&public, &plain).ok()?;
        if !fit.is_proven() {
            return None;
        }
        let mut material = Material::new(Kind::PrivateKey, "putty", Encoding::Text, 0..0);
        material.identity = Some(Identity::public(half));
        fit.describe(&mut material);
        Some(Unlocked::new(Some(0), material).with_plain(&plain))
    }
}

impl Lock for Key<'_> {
    fn price(&self) -> u64 {
        match &self.argon2 {
            Some((argon2, _)) => argon2.price(),
            None => 2 * Hash::Sha1.price() + AES.setup_price(),
        }
    }

    /// PuTTY treats an empty passphrase as no passphrase.
    fn empty(&self) -> u64 {
        0
    }

    fn open(&self, password: &[u8], _done: &[bool]) -> Vec<Unlocked> {
        self.item(password).into_iter().collect()
    }
}
