//! Opens keys of gpg-agent: an iterated S2K, AES-128 in CBC or OCB, then an S-expression with the private numbers.
//! Neither digest nor tag is checked: the numbers must belong to the plaintext public numbers.

use keyradius_core::lock::Lock;
use keyradius_core::lock::Unlocked;
use keyradius_core::material::{Encoding, Identity, Kind, Material};
use keyradius_readers::agent::Numbers;
use keyradius_readers::sexp::{self, Node};
use zeroize::Zeroizing;

use super::ocb;
use crate::unlock::cipher::{Cipher, Mode, Suite};
use crate::unlock::kdf::Hash;

/// A locked key file.
pub(super) struct Key {
    node: Node,
    ocb: bool,
    salt: Vec<u8>,
    count: u64,
    iv: Vec<u8>,
    ciphertext: Vec<u8>,
}

const AES: Suite = Suite::new(Cipher::Aes, Mode::Cbc, 16);

impl Key {
    pub(super) fn read(bytes: &[u8]) -> Option<Self> {
        let (node, _) = sexp::read(bytes).ok()?;
        let protected = node.items().get(1)?.find(b"protected")?;
        let ocb = match protected.items().get(1)?.atom()? {
            b"openpgp-s2k3-ocb-aes" => true,
            b"openpgp-s2k3-sha1-aes-cbc" => false,
            _ => return None,
        };
        let [derivation, iv] = protected.items().get(2)?.items() else { return None };
        let [hash, salt, count] = derivation.items() else { return None };
        let count = str::from_utf8(count.atom()?).ok()?.parse().ok().filter(|_| hash.atom() == Some(b"sha1"))?;
        let (salt, iv) = (salt.atom()?.to_vec(), iv.atom()?.to_vec());
        let ciphertext = protected.items().get(3)?.atom()?.to_vec();
        // Without a public half to compare with, nothing confirms the right numbers.
        let known = matches!(Numbers::read(node.items().get(1)?).ok()?, Numbers::Key(_));
        known.then_some(Self { node, ocb, salt, count, iv, ciphertext })
    }

    fn item(&self, password: &[u8]) -> Option<Unlocked> {
        let key = Hash::Sha1.s2k(password, &self.salt, self.count, AES.key);
        let mut plain = Zeroizing::new(self.ciphertext.clone());
        if self.ocb {
            let length = plain.len().checked_sub(ocb::TAG)?;
            ocb::decrypt(&key, &self.iv, plain.get_mut(..length)?)?;
        } else {
            AES.decrypt(&key, &self.iv, &mut plain)?;
        }
        let (private, _) = sexp::read(&plain).ok()?;
        // `((d ..))`, nested in as many lists as the mode uses.
        let mut numbers = &private;
        for _ in 0..4 {
            match numbers.items().first() {
                Some(first) if first.head().is_none() => numbers = first,
                _ => break,
            }
        }
        let listed = Numbers::read(self.node.items().get(1)?).ok()?;
        let (half, fit) = listed.signs_as(numbers)?;
        if !fit.is_proven() {
            return None;
        }
        let mut material = Material::new(Kind::PrivateKey, "gnupg_agent", Encoding::Binary, 0..0);
        material.identity = Some(Identity::public(half));
        fit.describe(&mut material);
        Some(Unlocked::new(Some(0), material).with_plain(&plain))
    }
}

impl Lock for Key {
    fn price(&self) -> u64 {
        Hash::Sha1.s2k_price(self.count, AES.key) + AES.setup_price()
    }

    fn open(&self, password: &[u8], _done: &[bool]) -> Vec<Unlocked> {
        self.item(password).into_iter().collect()
    }
}
