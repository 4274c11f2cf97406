//! Opens private keys of ssh.com: two MD5 digests form the key of 3DES, and the arithmetic confirms it.

use keyradius_core::lock::Lock;
use keyradius_core::lock::Unlocked;
use keyradius_core::material::{Encoding, Identity, Kind, Material};
use keyradius_readers::signs;
use zeroize::Zeroizing;

use super::read::File;
use crate::unlock::cipher::{Cipher, Mode, Suite};
use crate::unlock::kdf::Hash;

/// A body to decrypt.
pub(super) struct Key<'a> {
    file: File<'a>,
}

const DES3: Suite = Suite::new(Cipher::TripleDes, Mode::Cbc, 24);

impl<'a> Key<'a> {
    pub(super) fn read(bytes: &'a [u8]) -> Option<Self> {
        Some(Self { file: File::read(bytes).ok()? })
    }

    fn item(&self, password: &[u8]) -> Option<Unlocked> {
        // MD5(password), then MD5(password, first digest); the IV is zero (PuTTY import.c, `sshcom_derivekey`).
        let mut key: Zeroizing<Vec<u8>> = Hash::Md5.digest(&[password]);
        let second = Hash::Md5.digest(&[password, &key]);
        key.extend_from_slice(&second);
        key.truncate(DES3.key);
        // A private part begins with the length of its numbers.
        let mut first = Zeroizing::new(self.file.data.get(..8)?.to_vec());
        DES3.decrypt(&key, &[0; 8], &mut first)?;
        let length = u32::from_be_bytes(first.get(..4)?.try_into().ok()?);
        if length as usize > self.file.data.len() {
            return None;
        }
        let mut plain = Zeroizing::new(self.file.data.to_vec());
        DES3.decrypt(&key, &[0; 8], &mut plain)?;
        let (public, private) = self.file.open(&plain).ok()?;
        let (half, fit) = signs::signs_as(&public, private);
        if !fit.is_proven() {
            return None;
        }
        let mut material = Material::new(Kind::PrivateKey, "ssh2_com", Encoding::Text, 0..0);
        material.identity = Some(Identity::public(half));
        fit.describe(&mut material);
        Some(Unlocked::new(Some(0), material).with_plain(&plain))
    }
}

impl Lock for Key<'_> {
    fn price(&self) -> u64 {
        2 * Hash::Md5.price() + DES3.setup_price()
    }

    /// An empty password means that the file is not encrypted.
    fn empty(&self) -> u64 {
        0
    }

    fn open(&self, password: &[u8], _done: &[bool]) -> Vec<Unlocked> {
        self.item(password).into_iter().collect()
    }
}
