//! What stands in a secret key of signify, for its detector and for trying passwords.

use scanner_core::error::Malformed;
use sha2::{Digest, Sha512};

use super::cursor::Cursor;
use super::proof;
use super::public::Raw;

/// A secret key, as its 104 bytes say it (signify.c, `struct enckey`).
pub(crate) struct Secret<'a> {
    /// Rounds of bcrypt_pbkdf; zero if the key is not encrypted.
    pub(crate) rounds: u32,
    /// 16 bytes.
    pub(crate) salt: &'a [u8],
    /// The first 8 bytes of the SHA-512 of the key.
    digest: &'a [u8],
    /// Key number.
    pub(crate) number: &'a [u8],
    /// Seed and public key, under the key stream if there is one.
    pub(crate) sealed: &'a [u8],
}

impl<'a> Secret<'a> {
    /// Bytes of the whole.
    pub(crate) const LENGTH: usize = 104;

    pub(crate) fn read(body: &'a [u8]) -> Result<Self, Malformed> {
        let mut fields = Cursor::new(body);
        fields.expect(b"EdBK", "algorithm and KDF of signify")?;
        let rounds = fields.u32("rounds")?;
        let salt = fields.take(16, "salt")?;
        let digest = fields.take(8, "digest")?;
        let number = fields.take(8, "key number")?;
        let sealed = fields.take(64, "signify key")?;
        if !fields.is_empty() || sealed.iter().all(|&byte| byte == 0) {
            return Err(Malformed::new("signify key", fields.at()));
        }
        Ok(Self { rounds, salt, digest, number, sealed })
    }

    /// The public key, if what was read or decrypted is the key: its digest and its public half say so.
    pub(crate) fn fits<'p>(&self, plain: &'p [u8]) -> Option<&'p [u8]> {
        let (seed, public) = plain.split_at_checked(32)?;
        let fits = Sha512::digest(plain).starts_with(self.digest)
            && proof::raw_public(Raw::Ed25519, seed).as_deref() == Some(public);
        fits.then_some(public)
    }
}
