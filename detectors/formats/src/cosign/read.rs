//! The JSON in a cosign key, for the detector and for trying passwords.

use keyradius_core::error::Malformed;
use keyradius_readers::members;
use keyradius_readers::text::{unbase64, without_padding};

/// PKCS#8 in a NaCl secretbox, with a key derived by scrypt.
pub(crate) struct Sealed {
    /// N, r and p.
    pub(crate) scrypt: (u64, u64, u64),
    pub(crate) salt: Vec<u8>,
    /// 24 bytes.
    pub(crate) nonce: Vec<u8>,
    /// A tag of 16 bytes, then the encrypted key, which has the length of the plaintext.
    pub(crate) ciphertext: Vec<u8>,
}

impl Sealed {
    /// Bytes of the tag before the ciphertext (NaCl: crypto_secretbox_MACBYTES).
    pub(crate) const TAG: usize = 16;

    pub(crate) fn read(json: &[u8]) -> Result<Self, Malformed> {
        /// The smallest possible key, in bytes: Ed25519 in PKCS#8.
        const SMALLEST: usize = 48;
        let wrong = |what| Malformed::new(what, 0);
        let json = json.trim_ascii();
        if !json.starts_with(b"{") || !json.ends_with(b"}") {
            return Err(wrong("JSON of cosign"));
        }
        let has = |word: &[u8]| memchr::memmem::find(json, word).is_some();
        if !has(b"\"scrypt\"") || !has(b"\"nacl/secretbox\"") {
            return Err(wrong("KDF and cipher of cosign"));
        }
        let number = |name| members::number(json, name).ok_or(wrong("scrypt parameters"));
        let (n, r, p) = (number("N")?, number("r")?, number("p")?);
        let bytes = |name| {
            let bytes = members::string(json, name).and_then(|text| unbase64(without_padding(text, 2)));
            bytes.map(|bytes| bytes.to_vec()).ok_or(wrong("base64 in the JSON of cosign"))
        };
        let sealed =
            Self { scrypt: (n, r, p), salt: bytes("salt")?, nonce: bytes("nonce")?, ciphertext: bytes("ciphertext")? };
        let sane = n.is_power_of_two() && n > 1 && r > 0 && p > 0 && sealed.salt.len() >= 8 && sealed.nonce.len() == 24;
        if !sane || sealed.ciphertext.len() < Self::TAG + SMALLEST {
            return Err(wrong("scrypt and secretbox of cosign"));
        }
        Ok(sealed)
    }
}
