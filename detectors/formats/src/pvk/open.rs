//! Opens PVK files: RC4 with the first 128 bits of one SHA-1 of salt and password, or with the first 40 bits and zeros,
//! as export tools wrote. The plaintext begins with a magic number and must be a key whose numbers fit.

use keyradius_core::lock::Lock;
use keyradius_core::lock::Unlocked;
use keyradius_core::material::{Encoding, Identity, Kind, Material};
use keyradius_readers::capi::{HEADER, Key, Little};
use keyradius_readers::signs::Fit;
use zeroize::Zeroizing;

use super::read::Pvk;
use crate::unlock::cipher::{Cipher, Mode, Suite};
use crate::unlock::kdf::Hash;

/// Length of the RC4 key in bytes, and how many of its bytes come from the password in a weak key.
const KEY: usize = 16;
const WEAK: usize = 5;

const RC4: Suite = Suite::new(Cipher::Rc4, Mode::Cbc, KEY);

/// An encrypted PVK file.
pub(super) struct File<'a>(Pvk<'a>);

impl<'a> File<'a> {
    pub(super) fn read(bytes: &'a [u8]) -> Option<Self> {
        Pvk::read(bytes).ok().filter(|file| file.encrypted).map(Self)
    }

    fn attempt(&self, key: &[u8]) -> Option<Key> {
        let mut first = Zeroizing::new(self.0.body().get(..4)?.to_vec());
        RC4.decrypt(key, &[], &mut first)?;
        if ![b"RSA2", b"DSS2"].iter().any(|magic| first.as_slice() == magic.as_slice()) {
            return None;
        }
        let mut plain = Zeroizing::new(self.0.blob.to_vec());
        RC4.decrypt(key, &[], plain.get_mut(HEADER..)?)?;
        let mut blob = Little::new(&plain);
        blob.take(HEADER, "BLOBHEADER").ok()?;
        Key::body(self.0.header, blob).ok().filter(|key| key.consumed == plain.len())
    }
}

impl Lock for File<'_> {
    fn price(&self) -> u64 {
        Hash::Sha1.price() + 2 * RC4.setup_price()
    }

    fn open(&self, password: &[u8], _done: &[bool]) -> Vec<Unlocked> {
        let digest = Hash::Sha1.digest(&[self.0.salt, password]);
        let Some(strong) = digest.get(..KEY) else { return Vec::new() };
        let mut weak = Zeroizing::new([0; KEY]);
        weak.iter_mut().zip(strong).take(WEAK).for_each(|(to, from)| *to = *from);
        let key = self.attempt(strong).or_else(|| self.attempt(&weak[..])).filter(|key| key.fit != Fit::Nothing);
        let item = key.map(|key| {
            let mut material = Material::new(Kind::PrivateKey, "pvk", Encoding::Binary, 0..0);
            key.fit.describe(&mut material);
            material.identity = Some(Identity::public(key.public));
            Unlocked::new(Some(0), material)
        });
        item.into_iter().collect()
    }
}
