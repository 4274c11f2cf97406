//! Opens encrypted JSON Web Keys: PBKDF2, AES key wrap, then AES in GCM or CBC. The key wrap shows whether the password
//! is right. The tag of the content is not checked: the plaintext must be keys.

use keyradius_core::lock::{Lock, Unlocked};
use keyradius_core::material::{Kind, Material};
use keyradius_readers::jwk;
use keyradius_readers::object::Object;
use zeroize::Zeroizing;

use super::ABOUT;
use super::read::Sealed;
use crate::unlock::cipher::{self, Cipher, Mode, Suite};
use crate::unlock::key_wrap;

/// Maximum number of keys that are read from a set.
const MOST: usize = 256;

/// An encrypted key, ready for passwords.
pub(super) struct Key(Sealed);

impl Key {
    pub(super) fn read(kept: &[u8]) -> Option<Self> {
        Sealed::read(kept).ok().map(Self)
    }

    fn decrypt(&self, password: &[u8]) -> Option<Zeroizing<Vec<u8>>> {
        let Sealed { algorithm, cipher, rounds, salt, wrapped, iv, ciphertext, .. } = &self.0;
        let wrapping = algorithm.hash.pbkdf2(password, salt, *rounds, algorithm.key);
        let content = key_wrap::unwrap_unpadded(&wrapping, wrapped)?;
        let mut plain = ciphertext.clone();
        if cipher.gcm {
            // The block of counter 1 is for the tag (NIST SP 800-38D 7.1).
            let counter = [iv.as_slice(), &[0, 0, 0, 2]].concat();
            Suite::new(Cipher::Aes, Mode::Ctr, content.len()).decrypt(&content, &counter, &mut plain)?;
        } else {
            let key = content.get(cipher.key / 2..)?;
            Suite::new(Cipher::Aes, Mode::Cbc, key.len()).decrypt(key, iv, &mut plain)?;
            let length = cipher::unpadded(&plain, 16)?;
            plain.truncate(length);
        }
        Some(plain)
    }
}

/// The private keys in the plaintext: one object, or those of a set.
fn keys(plain: &[u8]) -> Vec<Material> {
    let mut work = 0;
    let mut keys: Vec<Material> = Vec::new();
    for at in memchr::memmem::find_iter(plain, b"\"kty\"").take(MOST) {
        let object = Object::around(plain, at, &mut work);
        let key = object.and_then(|object| jwk::read(&object, ABOUT.id).ok().flatten());
        keys.extend(key.filter(|key| key.kind == Kind::PrivateKey));
    }
    keys
}

impl Lock for Key {
    fn price(&self) -> u64 {
        self.0.algorithm.hash.pbkdf2_price(u64::from(self.0.rounds), self.0.algorithm.key)
    }

    fn open(&self, password: &[u8], _done: &[bool]) -> Vec<Unlocked> {
        let Some(plain) = self.decrypt(password) else { return Vec::new() };
        let mut items = Vec::new();
        for (number, mut material) in keys(&plain).into_iter().enumerate() {
            // The first key replaces the locked one; the others were not visible before.
            let first = number == 0;
            material.protection = (self.0.is_set || !first).then(|| self.0.protection());
            material.span = 0..0;
            items.push(Unlocked::new(first.then_some(0), material));
        }
        if let Some(first) = items.first_mut() {
            first.plain.push(plain);
        }
        items
    }
}
