//! Opens keys that securesystemslib encrypted: PBKDF2, an HMAC that confirms the password, AES in counter mode, then
//! JSON.

use keyradius_core::hex::unhex;
use keyradius_core::lock::Lock;
use keyradius_core::lock::Unlocked;
use keyradius_core::material::{Encoding, Identity, Kind, Material};
use keyradius_readers::carrier;
use keyradius_readers::members;
use keyradius_readers::private;
use keyradius_readers::public::{self, PublicKey, Raw};
use zeroize::Zeroizing;

use super::read::{ITERATIONS, Sealed, private_key};
use crate::unlock::cipher::{Cipher, Mode, Suite};
use crate::unlock::kdf::Hash;

/// An encrypted key.
pub(super) struct Key(Sealed);

const AES: Suite = Suite::new(Cipher::Aes, Mode::Ctr, 32);

impl Key {
    pub(super) fn read(bytes: &[u8]) -> Option<Self> {
        Sealed::read(bytes).ok().map(Self)
    }

    fn item(&self, password: &[u8]) -> Option<Unlocked> {
        let key = Hash::Sha256.pbkdf2(password, &self.0.salt, ITERATIONS, 32);
        if !Hash::Sha256.hmac_is(&key, &self.0.ciphertext, &self.0.mac) {
            return None;
        }
        let mut plain = Zeroizing::new(self.0.ciphertext.clone());
        AES.decrypt(&key, &self.0.iv, &mut plain)?;
        let text = members::string(&plain, "private")?;
        let mut material = Material::new(Kind::PrivateKey, "intoto", Encoding::Text, 0..0);
        // The HMAC proves the password, so a foreign public half is only a remark.
        let listed = members::string(&plain, "public").and_then(unhex);
        let beside = listed.map(|bytes| public::half(&PublicKey::Raw { kind: Raw::Ed25519, bytes: &bytes }));
        if let Some(found) = private_key(text, beside.as_ref()) {
            let (half, fit) = found.ok()?;
            fit.describe(&mut material);
            material.identity = Some(Identity::public(half));
            return Some(Unlocked::new(Some(0), material).with_plain(&plain));
        }
        // RSA and ECDSA keys are PEM.
        let armor = keyradius_readers::armor::read(text, 0).ok()?;
        let readers = [private::pkcs8, private::pkcs1, private::sec1];
        let key = readers.iter().find_map(|read| read(&armor.body).ok().filter(|key| key.public.is_some()))?;
        Some(carrier::unlocked(0, key, &armor.body))
    }
}

impl Lock for Key {
    fn price(&self) -> u64 {
        Hash::Sha256.pbkdf2_price(ITERATIONS.into(), 32)
    }

    fn open(&self, password: &[u8], _done: &[bool]) -> Vec<Unlocked> {
        self.item(password).into_iter().collect()
    }
}
