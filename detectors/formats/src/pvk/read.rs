//! The outer structure of Microsoft's PVK files: six numbers, a salt, and a CryptoAPI key blob whose first eight bytes
//! stay plaintext when the rest is encrypted.

use keyradius_core::error::Malformed;
use keyradius_readers::capi::{HEADER, Header, Little};

/// The magic number, then a reserved zero.
pub(crate) const MAGIC: [u8; 8] = [0x1e, 0xf1, 0xb5, 0xb0, 0, 0, 0, 0];

/// Length of the salt in bytes, the same for every writer.
const SALT: usize = 16;

/// A parsed PVK file.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Pvk<'a> {
    pub(crate) encrypted: bool,
    pub(crate) salt: &'a [u8],
    pub(crate) header: Header,
    /// The whole blob: its header, then the part that may be encrypted.
    pub(crate) blob: &'a [u8],
    /// Length of the whole file, in bytes.
    pub(crate) consumed: usize,
}

impl<'a> Pvk<'a> {
    /// Reads the file at the start of `bytes`. Every program that reads PVK contains the magic number, so all fields
    /// with known bounds are checked.
    pub(crate) fn read(bytes: &'a [u8]) -> Result<Self, Malformed> {
        let mut file = Little::new(bytes);
        if file.take(MAGIC.len(), "magic")? != MAGIC {
            return Err(Malformed::new("magic", 0));
        }
        // AT_KEYEXCHANGE or AT_SIGNATURE.
        let kind = file.u32("key type")?;
        let encrypted = file.u32("encrypted")?;
        let (salt, length) = (file.u32("salt length")? as usize, file.u32("key length")? as usize);
        let salted = if encrypted == 1 { salt == SALT } else { salt == 0 || salt == SALT };
        if !matches!(kind, 1 | 2) || encrypted > 1 || !salted || !is_key_length(length) {
            return Err(Malformed::new("PVK header", MAGIC.len()));
        }
        let salt = file.take(salt, "salt")?;
        let blob = file.take(length, "key blob")?;
        let header = Header::read(&mut Little::new(blob))?;
        if !header.private {
            return Err(Malformed::new("a public key blob", file.at()));
        }
        Ok(Self { encrypted: encrypted == 1, salt, header, blob, consumed: file.at() })
    }

    /// The part that may be encrypted.
    pub(crate) fn body(&self) -> &'a [u8] {
        self.blob.get(HEADER..).unwrap_or_default()
    }
}

/// Whether a private key blob can have this length. RSA: 20 bytes, then two numbers of the size of n and five of half
/// that size. DSS: 80 fixed bytes, and two numbers of the size of p.
fn is_key_length(length: usize) -> bool {
    let rsa = |n: usize| 20 + 2 * n + 5 * n.div_ceil(2);
    (32..=2048).any(|n| rsa(n) == length) || (64..=1024).any(|p| 80 + 2 * p == length)
}
