//! Opens encrypted PKCS#8 (RFC 5958 3). There is no MAC: the plaintext must be a whole key whose parts fit.

use std::borrow::Cow;

use crate::unlock::pbe::{Password, Scheme, begins_like_der};
use keyradius_core::lock::Lock;
use keyradius_core::lock::Unlocked;
use keyradius_readers::ber::{BerReader, OCTET_STRING, SEQUENCE};
use keyradius_readers::carrier;
use keyradius_readers::private::{self, PrivateKey};

/// An EncryptedPrivateKeyInfo.
pub(super) struct Key<'a> {
    scheme: Scheme<'a>,
    ciphertext: Cow<'a, [u8]>,
}

impl<'a> Key<'a> {
    pub(super) fn read(der: &'a [u8]) -> Option<Self> {
        let mut fields = BerReader::new(der).value(SEQUENCE, "EncryptedPrivateKeyInfo").ok()?.children();
        let scheme = Scheme::read(fields.value(SEQUENCE, "encryptionAlgorithm").ok()?)?;
        let ciphertext = fields.string(OCTET_STRING, "encryptedData").ok()?.octets().ok()?;
        Some(Self { scheme, ciphertext })
    }

    /// Tries one form of a password.
    fn key(&self, password: &Password<'_>) -> Option<Unlocked> {
        let fits = |first: &[u8], length| begins_like_der(first, length) || begins_like_pkcs8(first);
        let plain = self.scheme.decrypt_if(password, &self.ciphertext, fits)?;
        Some(carrier::unlocked(0, PrivateKey::decrypted(private::pkcs8, &plain)?, &plain))
    }
}

/// Whether a block begins like PrivateKeyInfo, however much follows its end: SEQUENCE, version, AlgorithmIdentifier.
const fn begins_like_pkcs8(first: &[u8]) -> bool {
    matches!(
        first,
        [0x30, 0x82, _, _, 2, 1, 0 | 1, 0x30, ..]
            | [0x30, 0x81, _, 2, 1, 0 | 1, 0x30, ..]
            | [0x30, 0..=0x7f, 2, 1, 0 | 1, 0x30, ..]
    )
}

impl Lock for Key<'_> {
    fn price(&self) -> u64 {
        self.scheme.price()
    }

    fn empty(&self) -> u64 {
        2
    }

    fn open(&self, password: &[u8], _done: &[bool]) -> Vec<Unlocked> {
        let none = || password.is_empty().then(|| self.key(&Password::none()))?;
        self.key(&Password::new(password)).or_else(none).into_iter().collect()
    }
}
