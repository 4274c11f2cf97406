//! Private keys of securesystemslib, for the detector and for trying passwords.

use keyradius_core::error::Malformed;
use keyradius_core::hex::unhex;
use keyradius_core::material::{PublicHalf, Remark};
use keyradius_readers::cursor::Cursor;
use keyradius_readers::signs::{self, Fit};

/// PBKDF2 iterations of securesystemslib (settings.PBKDF2_ITERATIONS).
pub(crate) const ITERATIONS: u32 = 100_000;

/// The fields of an encrypted key (securesystemslib 0.31, `_encrypt` of keys.py), decoded from hex.
pub(crate) struct Sealed {
    pub(crate) salt: Vec<u8>,
    /// HMAC-SHA-256 of the ciphertext, with the same key.
    pub(crate) mac: Vec<u8>,
    pub(crate) iv: Vec<u8>,
    pub(crate) ciphertext: Vec<u8>,
    /// Length of the text in bytes.
    pub(crate) length: usize,
}

impl Sealed {
    /// Hex digits of the salt, which is the first field.
    pub(crate) const SALT: usize = 32;

    pub(crate) fn read(text: &[u8]) -> Result<Self, Malformed> {
        /// Bounds of the ciphertext in hex digits. Minimum: the JSON of an Ed25519 key, whose two numbers alone have
        /// 128 digits. Maximum: an RSA key with room to spare.
        const CIPHERTEXT: std::ops::RangeInclusive<usize> = 256..=64 << 10;
        let mut fields = Cursor::new(text);
        let mut digits = |length, behind: &[u8], what| {
            let field = unhex(fields.take(length, what)?).ok_or(Malformed::new(what, 0))?;
            fields.expect(behind, what)?;
            Ok::<_, Malformed>(field.to_vec())
        };
        let salt = digits(Self::SALT, b"@@@@100000@@@@", "salt of securesystemslib")?;
        let mac = digits(64, b"@@@@", "HMAC of securesystemslib")?;
        let iv = digits(32, b"@@@@", "IV of securesystemslib")?;
        let length = fields.rest().iter().take_while(|byte| byte.is_ascii_hexdigit()).count();
        let ciphertext = unhex(fields.take(length, "ciphertext")?).filter(|_| CIPHERTEXT.contains(&length));
        let ciphertext = ciphertext.ok_or(Malformed::new("ciphertext of securesystemslib", fields.at()))?.to_vec();
        Ok(Self { salt, mac, iv, ciphertext, length: fields.at() })
    }
}

/// The key that an Ed25519 private key in hex signs as. `text` is the seed, or seed and public key as Go writes it.
/// `beside` is the public half of the same `keyval`. `None` if the key is PEM.
pub(crate) fn private_key(text: &[u8], beside: Option<&PublicHalf>) -> Option<Result<(PublicHalf, Fit), Malformed>> {
    if text.starts_with(b"-----BEGIN ") {
        return None;
    }
    let wrong = |what| Some(Err(Malformed::new(what, 0)));
    let Some(digits) = unhex(text).filter(|digits| matches!(digits.len(), 32 | 64)) else {
        return wrong("private key of a keyval");
    };
    let (seed, behind) = digits.split_at_checked(32)?;
    let Some((half, fit)) = signs::ed25519(seed, behind) else { return wrong("seed of a keyval") };
    let fit = match beside.map(|beside| beside.id == half.id) {
        None => fit,
        Some(true) if fit == Fit::Derived(Remark::ForeignPublicNumbers) => Fit::Part(Remark::ForeignPublicNumbers),
        Some(true) => Fit::Whole,
        Some(false) if fit == Fit::Whole => Fit::Part(Remark::ForeignPublicNumbers),
        Some(false) => Fit::Derived(Remark::ForeignPublicNumbers),
    };
    Some(Ok((half, fit)))
}
