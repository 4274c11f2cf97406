//! Opens BouncyCastle's keystores. In BKS every key may have a password of its own; the MAC, which uses the store
//! password, is not checked. UBER has one password for the whole file, and a digest inside confirms it.

use keyradius_core::lock::Unlocked;
use keyradius_core::lock::{Lock, PROOF, boxed};
use keyradius_core::material::{Kind, Material, ProtectionState, Remark};
use keyradius_readers::ber::{self, OCTET_STRING, SEQUENCE};
use keyradius_readers::cursor::Cursor;
use zeroize::Zeroizing;

use super::read::{self, Content, DIGEST, Head, Sealed, Unlock};
use crate::unlock::cipher::{Cipher, Mode, Suite, unpadded};
use crate::unlock::kdf::Hash;
use crate::unlock::pbe::{Password, Scheme};

const TRIPLE_DES: Suite = Suite::new(Cipher::TripleDes, Mode::Cbc, 24);
const TWOFISH: Suite = Suite::new(Cipher::Twofish, Mode::Cbc, 32);

/// Reads a BKS or an UBER file.
pub(super) fn read<'a>(bytes: &'a [u8]) -> Option<Box<dyn Lock + 'a>> {
    if let Ok(store) = read::Store::read(bytes) {
        return Some(boxed(Bks { store }));
    }
    read::Uber::read(bytes).ok().map(|store| boxed(Uber { store }))
}

/// Nominal nanoseconds to derive key and IV and to decrypt the first block.
fn price(head: Head<'_>, suite: Suite) -> u64 {
    let rounds = u64::from(head.iterations);
    let derived = Hash::Sha1.pkcs12_price(rounds, suite.key) + Hash::Sha1.pkcs12_price(rounds, suite.iv());
    derived + suite.setup_price()
}

/// Decrypts if the first block satisfies `fits` and the padding is correct.
fn decrypt(
    head: Head<'_>,
    suite: Suite,
    ciphertext: &[u8],
    password: &Password<'_>,
    fits: impl Fn(&[u8]) -> bool,
) -> Option<Zeroizing<Vec<u8>>> {
    let derive = |id, length| Hash::Sha1.pkcs12(id, &password.bmp, head.salt, head.iterations, length);
    let (key, iv) = (derive(1, suite.key), derive(2, suite.iv()));
    let mut first = Zeroizing::new(ciphertext.get(..suite.block())?.to_vec());
    suite.decrypt(&key, &iv, &mut first)?;
    if !fits(&first) {
        return None;
    }
    let mut plain = Zeroizing::new(ciphertext.to_vec());
    suite.decrypt(&key, &iv, &mut plain)?;
    let length = unpadded(&plain, suite.block())?;
    plain.truncate(length);
    Some(plain)
}

/// A password to unlock entries with.
struct Key<'p>(Password<'p>);

impl<'p> Key<'p> {
    /// BouncyCastle treats an empty password as no password.
    fn new(password: &'p [u8]) -> Self {
        Self(if password.is_empty() { Password::none() } else { Password::new(password) })
    }
}

impl Unlock for Key<'_> {
    fn sealed(&self, sealed: &Sealed<'_>) -> Option<Zeroizing<Vec<u8>>> {
        // The kind of key, then the name of its format: two bytes of length and the first letters.
        const BEGINNINGS: [&[u8]; 3] = [b"\0\0\x06PKCS", b"\x01\0\x05X.50", b"\x02\0\x03RAW\0"];
        decrypt(sealed.head, TRIPLE_DES, sealed.ciphertext, &self.0, |first| {
            BEGINNINGS.iter().any(|beginning| first.starts_with(beginning))
        })
    }

    fn protected(&self, der: &[u8]) -> Option<Zeroizing<Vec<u8>>> {
        let (scheme, ciphertext) = scheme(der)?;
        scheme.decrypt(&self.0, ciphertext)
    }
}

fn scheme(der: &[u8]) -> Option<(Scheme<'_>, &[u8])> {
    let mut info = ber::parse(der, 0).ok().filter(|info| info.tag == SEQUENCE)?.children();
    let scheme = Scheme::read(info.value(SEQUENCE, "encryptionAlgorithm").ok()?)?;
    Some((scheme, info.value(OCTET_STRING, "encryptedData").ok()?.content))
}

fn is_open(material: &Material) -> bool {
    material.protection.as_ref().is_some_and(|protection| protection.state == ProtectionState::Opened)
}

/// Sum of the prices of all entries.
fn prices(entries: &[read::Entry<'_>]) -> u64 {
    let price = |entry: &read::Entry<'_>| match &entry.content {
        Content::Sealed(sealed) => price(sealed.head, TRIPLE_DES),
        Content::Protected(der) => scheme(der).map_or(0, |(scheme, _)| scheme.price()),
        _ => 0,
    };
    entries.iter().map(price).fold(0, u64::saturating_add)
}

struct Bks<'a> {
    store: read::Store<'a>,
}

impl Lock for Bks<'_> {
    fn price(&self) -> u64 {
        prices(&self.store.entries)
    }

    fn price_of_success(&self) -> u64 {
        (self.store.entries.len() as u64).saturating_mul(PROOF)
    }

    fn open(&self, password: &[u8], done: &[bool]) -> Vec<Unlocked> {
        let mut items = read::materials(&self.store.entries, "BKS", &Key::new(password));
        let closed = |which: usize| done.get(which) != Some(&true);
        items.retain(|item| item.which.is_some_and(closed) && is_open(&item.material));
        items
    }
}

struct Uber<'a> {
    store: read::Uber<'a>,
}

impl Uber<'_> {
    /// The decrypted list of entries.
    fn plain(&self, password: &Key<'_>) -> Option<Zeroizing<Vec<u8>>> {
        // The type of the first entry and the high byte of the length of its alias.
        let fits = |first: &[u8]| matches!(first, [0..=4, 0 | 1, ..]);
        let mut plain = decrypt(self.store.head, TWOFISH, self.store.ciphertext, &password.0, fits)?;
        let length = plain.len().checked_sub(DIGEST)?;
        let digest = plain.split_off(length);
        (*Hash::Sha1.digest(&[&plain]) == digest).then_some(plain)
    }
}

impl Lock for Uber<'_> {
    fn price(&self) -> u64 {
        price(self.store.head, TWOFISH)
    }

    /// Decrypting the whole file, then every sealed key: each takes at least 110 bytes, and as many iterations as the
    /// store.
    fn price_of_success(&self) -> u64 {
        let length = self.store.ciphertext.len() as u64;
        let keys = length / 110 + 1;
        keys.min(64).saturating_mul(PROOF + 2 * price(self.store.head, TRIPLE_DES)).saturating_add(length * 20)
    }

    fn open(&self, password: &[u8], _done: &[bool]) -> Vec<Unlocked> {
        let key = Key::new(password);
        let Some(plain) = self.plain(&key) else { return Vec::new() };
        let (entries, _) = read::list(&mut Cursor::new(&plain));
        let mut items = read::materials(&entries, "UBER", &key);
        for material in
            items.iter_mut().map(|item| &mut item.material).filter(|m| m.protection.is_some() && !is_open(m))
        {
            if material.kind == Kind::PrivateKey {
                // A key that stays closed has no public half to show, so it is reported as a keystore.
                material.kind = Kind::Keystore;
                material.identity = None;
                material.remarks.push(Remark::OtherPassword);
            }
        }
        // One entry replaces the locked keystore: a private key if there is one.
        let first = items.iter().position(|item| item.material.kind == Kind::PrivateKey);
        let first = first.or_else(|| items.iter().position(|item| item.material.kind == Kind::Keystore));
        for (at, item) in items.iter_mut().enumerate() {
            item.which = (Some(at) == first).then_some(0);
            // The keystore was encrypted as a whole, so nothing in it was plaintext.
            if !matches!(item.material.kind, Kind::Certificate | Kind::PublicKey) {
                let protection = item.material.protection.take().filter(|p| p.state != ProtectionState::Plaintext);
                item.material.protection = protection.or_else(|| self.store.material().protection);
            }
        }
        items
    }
}
