//! Opens OpenSSL's PEM encryption before PKCS#8. There is no MAC: the plaintext must be a key whose parts fit.

use zeroize::Zeroizing;

use crate::unlock::cipher::{Cipher, Mode, Suite, unpadded};
use crate::unlock::kdf::Hash;
use keyradius_core::lock::Lock;
use keyradius_core::lock::Unlocked;
use keyradius_readers::ber::{self, SEQUENCE};
use keyradius_readers::carrier;
use keyradius_readers::private::{self, PrivateKey};

/// A body to decrypt.
pub(super) struct Key<'a> {
    suite: Suite,
    iv: Vec<u8>,
    body: &'a [u8],
}

impl<'a> Key<'a> {
    /// Reads `bytes`: the value of DEK-Info, a line end, then the body.
    pub(super) fn read(bytes: &'a [u8]) -> Option<Self> {
        let end = memchr::memchr(b'\n', bytes)?;
        let (cipher, iv) = str::from_utf8(bytes.get(..end)?).ok()?.split_once(',')?;
        let digits = |at| u8::from_str_radix(iv.get(at..at + 2)?, 16).ok();
        let iv = (0..iv.len()).step_by(2).map(digits).collect::<Option<Vec<u8>>>()?;
        let suite = suite(cipher)?;
        (iv.len() == suite.iv()).then_some(Self { suite, iv, body: bytes.get(end + 1..)? })
    }

    /// EVP_BytesToKey with MD5 and a count of one: each digest covers the previous digest, the password and the salt,
    /// which is the start of the IV.
    fn derive(&self, password: &[u8]) -> Zeroizing<Vec<u8>> {
        let salt = self.iv.get(..8).unwrap_or_default();
        let mut key = Hash::Md5.digest(&[password, salt]);
        let mut last = key.clone();
        while key.len() < self.suite.key {
            last = Hash::Md5.digest(&[&last, password, salt]);
            key.extend_from_slice(&last);
        }
        key.truncate(self.suite.key);
        key
    }
}

impl Lock for Key<'_> {
    fn price(&self) -> u64 {
        self.suite.key.div_ceil(16) as u64 * Hash::Md5.price() + self.suite.setup_price()
    }

    fn open(&self, password: &[u8], _done: &[bool]) -> Vec<Unlocked> {
        let key = self.derive(password);
        let open = || {
            let mut first = Zeroizing::new(self.body.get(..self.suite.block())?.to_vec());
            self.suite.decrypt(&key, &self.iv, &mut first)?;
            match ber::header(&first) {
                Ok((SEQUENCE, header, Some(length))) if header.checked_add(length)? <= self.body.len() => {}
                _ => return None,
            }
            let mut plain = Zeroizing::new(self.body.to_vec());
            self.suite.decrypt(&key, &self.iv, &mut plain)?;
            let length = if self.suite.padded() { unpadded(&plain, self.suite.block()) } else { Some(plain.len()) };
            let whole = length.and_then(|length| plain.get(..length)).unwrap_or_default();
            [private::pkcs1, private::sec1, private::dsa, private::pkcs8].into_iter().find_map(|read| {
                // Without the END line, a body may have extra blocks: then only the arithmetic decides.
                let alone = || read(&plain).ok().filter(|key| key.verified);
                let key = PrivateKey::decrypted(read, whole).or_else(alone)?;
                Some(carrier::unlocked(0, key, &plain))
            })
        };
        open().into_iter().collect()
    }
}

/// A cipher by its OpenSSL name (`openssl enc -list`).
fn suite(name: &str) -> Option<Suite> {
    let (name, mode) = name.rsplit_once('-')?;
    let mode = match mode {
        "CBC" => Mode::Cbc,
        "CFB" => Mode::Cfb,
        "OFB" => Mode::Ofb,
        "CTR" => Mode::Ctr,
        _ => return None,
    };
    let (cipher, key) = match name {
        "AES-128" => (Cipher::Aes, 16),
        "AES-192" => (Cipher::Aes, 24),
        "AES-256" => (Cipher::Aes, 32),
        "BF" => (Cipher::Blowfish, 16),
        "CAMELLIA-128" => (Cipher::Camellia, 16),
        "CAMELLIA-192" => (Cipher::Camellia, 24),
        "CAMELLIA-256" => (Cipher::Camellia, 32),
        "CAST5" => (Cipher::Cast5, 16),
        "DES" => (Cipher::Des, 8),
        "DES-EDE" => (Cipher::TripleDes, 16),
        "DES-EDE3" => (Cipher::TripleDes, 24),
        "IDEA" => (Cipher::Idea, 16),
        "RC2" => (Cipher::Rc2 { bits: 128 }, 16),
        "RC2-64" => (Cipher::Rc2 { bits: 64 }, 8),
        "RC2-40" => (Cipher::Rc2 { bits: 40 }, 5),
        _ => return None,
    };
    Some(Suite::new(cipher, mode, key))
}
