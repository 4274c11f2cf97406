//! Opens keys in fastlane match's storage: AES around a PKCS#12 file without a password, or around a PEM key.
//!
//! The tag of version 2 is not checked: the plaintext must be a key whose parts fit.

use keyradius_core::lock::Unlocked;
use keyradius_core::lock::{Lock, PROOF};
use keyradius_core::material::{Kind, Proof};
use keyradius_readers::carrier;
use keyradius_readers::{armor, private};
use zeroize::Zeroizing;

use crate::unlock::cipher::{Cipher, Mode, Suite, unpadded};
use crate::unlock::kdf::Hash;
use crate::unlock::pkcs12::Store;

/// A file's version and parts (match `encryption/encryption.rb`).
pub(super) enum Key<'a> {
    /// `openssl enc`: old versions default to MD5, recent ones to SHA-256.
    One { salt: &'a [u8], ciphertext: &'a [u8] },
    /// PBKDF2 and AES-GCM.
    Two { salt: &'a [u8], ciphertext: &'a [u8] },
}

const CBC: Suite = Suite::new(Cipher::Aes, Mode::Cbc, 32);
const CTR: Suite = Suite::new(Cipher::Aes, Mode::Ctr, 32);
/// PBKDF2 rounds of version 2.
const ROUNDS: u32 = 10_000;
/// Bytes of key and nonce of version 2.
const DERIVED: usize = 32 + 12;
/// The counter after the nonce, for GCM's first block of text.
const COUNTER: [u8; 4] = [0, 0, 0, 2];
/// AES block size, in bytes.
const BLOCK: usize = 16;

impl<'a> Key<'a> {
    pub(super) fn read(bytes: &'a [u8]) -> Option<Self> {
        if let Some(rest) = bytes.strip_prefix(b"match_encrypted_v2__") {
            let (salt, rest) = rest.split_at_checked(8)?;
            // The tag precedes the ciphertext.
            return Some(Self::Two { salt, ciphertext: rest.get(16..)? });
        }
        let (salt, ciphertext) = bytes.strip_prefix(b"Salted__")?.split_at_checked(8)?;
        Some(Self::One { salt, ciphertext })
    }

    /// The plaintext, if its first bytes are those of DER or PEM.
    fn decrypt(&self, password: &[u8]) -> Option<Zeroizing<Vec<u8>>> {
        match *self {
            Self::One { salt, ciphertext } => [Hash::Md5, Hash::Sha256].into_iter().find_map(|hash| {
                let derived = bytes_to_key(hash, password, salt);
                let plain = begins(CBC, derived.get(..32)?, derived.get(32..48)?, ciphertext)?;
                let length = unpadded(&plain, BLOCK)?;
                Some(Zeroizing::new(plain.get(..length)?.to_vec()))
            }),
            Self::Two { salt, ciphertext } => {
                let derived = Hash::Sha256.pbkdf2(password, salt, ROUNDS, DERIVED);
                let iv = [derived.get(32..)?, &COUNTER].concat();
                begins(CTR, derived.get(..32)?, &iv, ciphertext)
            }
        }
    }

    fn items(&self, password: &[u8]) -> Option<Vec<Unlocked>> {
        let plain = self.decrypt(password)?;
        if let Some(at) = memchr::memmem::find(&plain, armor::ANCHOR.bytes) {
            let body = armor::read(&plain, at).ok()?.body;
            let key =
                private::pkcs8(&body).or_else(|_| private::pkcs1(&body)).or_else(|_| private::sec1(&body)).ok()?;
            return key.verified.then(|| vec![carrier::unlocked(0, key, &body).with_plain(&plain)]);
        }
        let store = Store::read(&plain)?;
        let mut items = store.open(b"", &[]);
        let mut keys = 0;
        for item in &mut items {
            // The first key replaces the locked one. Its protection is that of match, not of the PKCS#12 file.
            if item.material.kind == Kind::PrivateKey && item.material.proof == Proof::Verified {
                item.which = (keys == 0).then_some(0);
                item.material.protection = None;
                keys += 1;
            } else {
                item.which = None;
            }
        }
        (keys > 0).then_some(items)
    }
}

/// EVP_BytesToKey with one round: each digest covers the previous digest, the password and the salt.
fn bytes_to_key(hash: Hash, password: &[u8], salt: &[u8]) -> Zeroizing<Vec<u8>> {
    // Full capacity, because growing would leave an unwiped copy.
    let mut derived = Zeroizing::new(Vec::with_capacity(96));
    let mut last = Zeroizing::new(Vec::new());
    while derived.len() < 48 {
        last = hash.digest(&[&last, password, salt]);
        derived.extend_from_slice(&last);
    }
    derived
}

/// Decrypts everything if the first block begins like DER or PEM.
fn begins(suite: Suite, key: &[u8], iv: &[u8], ciphertext: &[u8]) -> Option<Zeroizing<Vec<u8>>> {
    let mut first = Zeroizing::new(ciphertext.get(..BLOCK)?.to_vec());
    suite.decrypt(key, iv, &mut first)?;
    if !(first.starts_with(&[0x30]) || first.starts_with(b"-----BEGIN ")) {
        return None;
    }
    let mut plain = Zeroizing::new(ciphertext.to_vec());
    suite.decrypt(key, iv, &mut plain)?;
    Some(plain)
}

impl Lock for Key<'_> {
    fn price(&self) -> u64 {
        match self {
            Self::One { .. } => 3 * Hash::Md5.price() + 2 * Hash::Sha256.price() + 2 * CBC.setup_price(),
            Self::Two { .. } => Hash::Sha256.pbkdf2_price(u64::from(ROUNDS), DERIVED) + CTR.setup_price(),
        }
    }

    /// The PKCS#12 file inside has key derivations of its own: 2048 rounds, three times.
    fn price_of_success(&self) -> u64 {
        Hash::Sha256.pbkdf2_price(3 * 2048, 32).saturating_add(PROOF)
    }

    fn open(&self, password: &[u8], _done: &[bool]) -> Vec<Unlocked> {
        self.items(password).unwrap_or_default()
    }
}
