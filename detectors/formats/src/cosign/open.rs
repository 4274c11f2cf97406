//! Opens keys of cosign: scrypt, then XSalsa20 as in a NaCl secretbox. The tag is not checked: the plaintext must be
//! PKCS#8 whose numbers fit together.

use salsa20::XSalsa20;
use salsa20::cipher::{KeyIvInit, StreamCipher, StreamCipherSeek};
use zeroize::Zeroizing;

use super::read::Sealed;
use crate::unlock::kdf::Scrypt;
use keyradius_core::lock::Lock;
use keyradius_core::lock::Unlocked;
use keyradius_readers::carrier;
use keyradius_readers::private::{self, PrivateKey};

/// A key file.
pub(super) struct Key {
    sealed: Sealed,
    scrypt: Scrypt,
}

impl Key {
    pub(super) fn read(bytes: &[u8]) -> Option<Self> {
        let sealed = Sealed::read(bytes).ok()?;
        let (n, r, p) = sealed.scrypt;
        Some(Self { scrypt: Scrypt::new(n, r, p)?, sealed })
    }

    fn item(&self, password: &[u8]) -> Option<Unlocked> {
        let key = self.scrypt.derive(password, &self.sealed.salt, 32)?;
        let mut plain = Zeroizing::new(self.sealed.ciphertext.get(Sealed::TAG..)?.to_vec());
        let mut cipher = XSalsa20::new_from_slices(&key, &self.sealed.nonce).ok()?;
        // The first 32 bytes of the stream are the key of the tag.
        cipher.try_seek(32).ok()?;
        cipher.apply_keystream(&mut plain);
        let key = PrivateKey::decrypted(private::pkcs8, &plain)?;
        Some(carrier::unlocked(0, key, &plain))
    }
}

impl Lock for Key {
    fn price(&self) -> u64 {
        self.scrypt.price()
    }

    fn open(&self, password: &[u8], _done: &[bool]) -> Vec<Unlocked> {
        self.item(password).into_iter().collect()
    }
}
