//! Opens secret keys of signify: a key stream of bcrypt_pbkdf. The digest or the public half confirms the key.

use keyradius_core::lock::Lock;
use keyradius_core::lock::Unlocked;
use keyradius_core::material::{Encoding, Identity, Kind, Material};
use zeroize::Zeroizing;

use super::read::Secret;

/// A file to open.
pub(super) struct Key<'a>(Secret<'a>);

/// Bytes of seed and public key.
const KEY: usize = 64;

impl<'a> Key<'a> {
    pub(super) fn read(bytes: &'a [u8]) -> Option<Self> {
        Secret::read(bytes).ok().filter(|secret| secret.rounds > 0).map(Self)
    }

    fn item(&self, password: &[u8]) -> Option<Unlocked> {
        let mut plain = Zeroizing::new(vec![0; KEY]);
        bcrypt_pbkdf::bcrypt_pbkdf(password, self.0.salt, self.0.rounds, &mut plain).ok()?;
        plain.iter_mut().zip(self.0.sealed).for_each(|(stream, byte)| *stream ^= byte);
        let key = self.0.key(&plain).filter(|key| key.has_digest || key.fit.is_proven())?;
        let mut material = Material::new(Kind::PrivateKey, "signify", Encoding::Text, 0..0);
        key.fit.describe(&mut material);
        material.identity = Some(Identity::public(key.half));
        Some(Unlocked::new(Some(0), material).with_plain(&plain))
    }
}

impl Lock for Key<'_> {
    fn price(&self) -> u64 {
        /// Nominal nanoseconds of one bcrypt hash of 32 bytes, as for OpenSSH.
        const BCRYPT: u64 = 3_600_000;
        u64::from(self.0.rounds).saturating_mul((KEY / 32) as u64).saturating_mul(BCRYPT)
    }

    /// signify refuses an empty passphrase.
    fn empty(&self) -> u64 {
        0
    }

    fn open(&self, password: &[u8], _done: &[bool]) -> Vec<Unlocked> {
        self.item(password).into_iter().collect()
    }
}
