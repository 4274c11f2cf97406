//! The fields of a signify secret key, for the detector and for trying passwords.

use keyradius_core::error::Malformed;
use keyradius_core::material::PublicHalf;
use keyradius_readers::cursor::Cursor;
use keyradius_readers::signs::{self, Fit};
use sha2::{Digest, Sha512};

/// A secret key, parsed from its 104 bytes (signify.c, `struct enckey`).
pub(crate) struct Secret<'a> {
    /// Rounds of bcrypt_pbkdf; zero if the key is not encrypted.
    pub(crate) rounds: u32,
    /// 16 bytes.
    pub(crate) salt: &'a [u8],
    /// The first 8 bytes of the SHA-512 of the key.
    digest: &'a [u8],
    /// Key number.
    pub(crate) number: &'a [u8],
    /// Seed and public key, XORed with the key stream if the key is encrypted.
    pub(crate) sealed: &'a [u8],
}

impl<'a> Secret<'a> {
    /// Length of the whole structure, in bytes.
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

    /// The key in `plain`, which was read or decrypted. A password is correct if the digest or the public half confirms
    /// the key.
    pub(crate) fn key(&self, plain: &[u8]) -> Option<Key> {
        let (seed, public) = plain.split_at_checked(32)?;
        let (half, fit) = signs::ed25519(seed, public)?;
        Some(Key { half, fit, has_digest: Sha512::digest(plain).starts_with(self.digest) })
    }
}

/// The key that a secret key signs as.
pub(crate) struct Key {
    pub(crate) half: PublicHalf,
    pub(crate) fit: Fit,
    /// Whether the digest in the file belongs to the key.
    pub(crate) has_digest: bool,
}
