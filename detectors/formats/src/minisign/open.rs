//! Opens secret keys of minisign and Tauri. The checksum inside is not checked: the public key must belong to the seed.
//! minisign's default limits need a gibibyte of memory, so its keys stay locked; rsign and Tauri need a thirtieth of
//! that.

use keyradius_core::lock::Lock;
use keyradius_core::lock::Unlocked;
use keyradius_core::material::{Encoding, Identity, Kind, Label, Material, Proof};
use keyradius_readers::public::{self, PublicKey, Raw};
use keyradius_readers::{proof, untrusted};
use zeroize::Zeroizing;

use super::read::{CIPHERTEXT, Parts, Secret};
use crate::unlock::kdf::Scrypt;

/// An encrypted key file.
pub(super) struct Key<'a> {
    secret: Secret<'a>,
    scrypt: Scrypt,
}

impl<'a> Key<'a> {
    pub(super) fn read(bytes: &'a [u8]) -> Option<Self> {
        let secret = Secret::read(bytes).ok()?;
        let parameters = secret.scrypt?;
        let scrypt = Scrypt::new(1_u64.checked_shl(parameters.log_n)?, parameters.r, parameters.p)?;
        Some(Self { secret, scrypt })
    }

    fn item(&self, password: &[u8]) -> Option<Unlocked> {
        let mut plain: Zeroizing<Vec<u8>> = self.scrypt.derive(password, self.secret.salt, CIPHERTEXT)?;
        plain.iter_mut().zip(self.secret.sealed).for_each(|(stream, byte)| *stream ^= byte);
        let Parts { number, seed, public: bytes } = Parts::read(&plain).ok()?;
        if proof::raw_public(Raw::Ed25519, seed).as_deref() != Some(bytes) {
            return None;
        }
        let mut material = Material::new(Kind::PrivateKey, "minisign", Encoding::Text, 0..0);
        let half = public::half(&PublicKey::Raw { kind: Raw::Ed25519, bytes });
        material.identity = Some(Identity::public(half));
        material.proof = Proof::Verified;
        material.labels.push(Label::new("key id", untrusted::key_number(number).as_bytes()));
        Some(Unlocked::new(Some(0), material).with_plain(&plain))
    }
}

impl Lock for Key<'_> {
    fn price(&self) -> u64 {
        self.scrypt.price()
    }

    fn open(&self, password: &[u8], _done: &[bool]) -> Vec<Unlocked> {
        self.item(password).into_iter().collect()
    }
}
