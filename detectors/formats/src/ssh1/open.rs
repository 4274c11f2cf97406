//! Opens keys of SSH protocol 1: the MD5 of the password is the key of its 3DES, which chains each of the three passes
//! separately. The numbers must belong to the public key in the file.

use aes::cipher::{BlockCipherEncrypt, KeyInit};
use des::Des;
use keyradius_core::lock::Lock;
use keyradius_core::lock::Unlocked;
use keyradius_core::material::{Encoding, Identity, Kind, Material};
use keyradius_readers::signs;
use zeroize::Zeroizing;

use super::read::File;
use crate::unlock::cipher::{Cipher, Mode, Suite};
use crate::unlock::kdf::Hash;

/// A key file to open.
pub(super) struct Key<'a> {
    file: File<'a>,
}

const DES: Suite = Suite::new(Cipher::Des, Mode::Cbc, BLOCK);
const BLOCK: usize = 8;

impl<'a> Key<'a> {
    pub(super) fn read(bytes: &'a [u8]) -> Option<Self> {
        let file = File::read(bytes).ok()?;
        file.is_3des().then_some(Self { file })
    }

    fn item(&self, password: &[u8]) -> Option<Unlocked> {
        let derived = Hash::Md5.digest(&[password]);
        // Two check bytes, repeated.
        let mut first = Zeroizing::new(self.file.private.get(..BLOCK)?.to_vec());
        decrypt(&derived, &mut first)?;
        if first.get(..2)? != first.get(2..4)? {
            return None;
        }
        let mut plain = Zeroizing::new(self.file.private.to_vec());
        decrypt(&derived, &mut plain)?;
        let private = File::open(&plain).ok()?;
        let (half, fit) = signs::signs_as(&self.file.key, private);
        if !fit.is_proven() {
            return None;
        }
        let mut material = Material::new(Kind::PrivateKey, "ssh1", Encoding::Binary, 0..0);
        material.identity = Some(Identity::public(half));
        fit.describe(&mut material);
        Some(Unlocked::new(Some(0), material).with_plain(&plain))
    }
}

/// Decrypts with the first half of the key, encrypts with the second, decrypts with the first; each pass is a separate
/// chain with an IV of zero (OpenSSH 7.5 `cipher-3des1.c`).
fn decrypt(key: &[u8], data: &mut [u8]) -> Option<()> {
    let (one, two) = key.split_at_checked(BLOCK)?;
    DES.decrypt(one, &[0; BLOCK], data)?;
    let cipher = Des::new_from_slice(two).ok()?;
    let mut chain = Zeroizing::new([0_u8; BLOCK]);
    for chunk in data.chunks_exact_mut(BLOCK) {
        chunk.iter_mut().zip(chain.iter()).for_each(|(byte, before)| *byte ^= before);
        cipher.encrypt_block(chunk.try_into().ok()?);
        chain.copy_from_slice(chunk);
    }
    DES.decrypt(one, &[0; BLOCK], data)
}

impl Lock for Key<'_> {
    fn price(&self) -> u64 {
        Hash::Md5.price() + 3 * DES.setup_price()
    }

    /// An empty password means that the file is not encrypted.
    fn empty(&self) -> u64 {
        0
    }

    fn open(&self, password: &[u8], _done: &[bool]) -> Vec<Unlocked> {
        self.item(password).into_iter().collect()
    }
}
