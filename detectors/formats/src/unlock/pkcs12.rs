//! Opens PKCS#12 files. A wrong password is rejected by the cheapest test, the MAC or one encrypted part. A right
//! password is confirmed by the MAC. If there is no MAC, or it has a password of its own, a key whose parts match or a
//! decrypted certificate confirms the password.

use std::cell::RefCell;

use zeroize::Zeroizing;

use super::kdf::Hash;
use super::pbe::{self, Password, Scheme};
use keyradius_core::lock::Unlocked;
use keyradius_core::lock::{Lock, PROOF};
use keyradius_core::material::{Kind, Proof, ProtectionState};
use keyradius_readers::ber::{INTEGER, OCTET_STRING, OID, SEQUENCE, Value, dotted, parse};
use keyradius_readers::pbe::PBMAC1;
use keyradius_readers::pkcs12::{Pfx, Unlock};

/// A PKCS#12 file.
pub(crate) struct Store<'a> {
    pfx: Pfx<'a>,
    mac: Option<Integrity<'a>>,
    /// The encrypted parts: AlgorithmIdentifier and ciphertext.
    parts: Vec<(Vec<u8>, Vec<u8>)>,
    /// The test that rejects a wrong password.
    gate: Gate,
    price: u64,
    /// Price of opening everything, in nominal nanoseconds.
    all: u64,
}

/// The cheapest test that rejects a wrong password.
enum Gate {
    Mac,
    /// Decrypting the part with this index.
    Part(usize),
}

impl<'a> Store<'a> {
    pub(crate) fn read(der: &'a [u8]) -> Option<Self> {
        let pfx = Pfx::read(der).ok()?;
        let mac = pfx.mac.and_then(Integrity::read);
        let listener = Listener::default();
        pfx.open(&listener).ok()?;
        let parts = listener.parts.into_inner();
        let prices: Vec<Option<u64>> = parts.iter().map(|(der, _)| Some(scheme(der)?.price())).collect();
        let of_parts = prices.iter().enumerate().filter_map(|(which, price)| Some(((*price)?, Gate::Part(which))));
        let of_mac = mac.iter().map(|mac| (mac.price(pfx.content.len()), Gate::Mac));
        // The MAC comes first and wins a tie because it proves more.
        let (price, gate) = of_mac.chain(of_parts).min_by_key(|(price, _)| *price)?;
        let all = prices
            .iter()
            .flatten()
            .fold(mac.as_ref().map_or(0, |mac| mac.price(pfx.content.len())), |a, b| a.saturating_add(*b));
        (!parts.is_empty()).then_some(Self { pfx, mac, parts, gate, price, all })
    }

    fn attempt(&self, password: &Password<'_>) -> Option<Vec<Unlocked>> {
        let mac = |mac: &Integrity<'_>| mac.holds(password, &self.pfx.content);
        let proven = match self.gate {
            Gate::Mac => self.mac.as_ref().is_some_and(mac).then_some(true)?,
            Gate::Part(which) => {
                let (algorithm, ciphertext) = self.parts.get(which)?;
                scheme(algorithm)?.decrypt(password, ciphertext)?;
                self.mac.as_ref().is_some_and(mac)
            }
        };
        let items = self.pfx.open(&Key(password)).ok()?;
        let is_open =
            |item: &Unlocked| item.material.protection.as_ref().is_some_and(|p| p.state == ProtectionState::Opened);
        // A decrypted certificate that parses to its end is no accident either.
        let hidden = self.pfx.materials().ok()?.iter().filter(|m| m.kind == Kind::Certificate).count();
        let certificates = items.iter().filter(|i| i.material.kind == Kind::Certificate).count() > hidden;
        let key = items.iter().any(|i| is_open(i) && i.material.proof == Proof::Verified);
        if !(proven || key || certificates) {
            return None;
        }
        Some(items.into_iter().filter(|i| is_open(i) || i.material.kind == Kind::Certificate).collect())
    }
}

impl Lock for Store<'_> {
    fn price(&self) -> u64 {
        self.price
    }

    fn price_of_success(&self) -> u64 {
        self.all.saturating_add(PROOF)
    }

    fn empty(&self) -> u64 {
        2
    }

    fn open(&self, password: &[u8], _done: &[bool]) -> Vec<Unlocked> {
        let none = || password.is_empty().then(|| self.attempt(&Password::none()))?;
        self.attempt(&Password::new(password)).or_else(none).unwrap_or_default()
    }
}

fn scheme(algorithm: &[u8]) -> Option<Scheme<'_>> {
    Scheme::read(parse(algorithm, 0).ok()?)
}

/// Decrypts nothing, and records what should be decrypted.
#[derive(Default)]
struct Listener {
    parts: RefCell<Vec<(Vec<u8>, Vec<u8>)>>,
}

impl Unlock for Listener {
    fn decrypt(&self, algorithm: Value<'_>, ciphertext: &[u8]) -> Option<Zeroizing<Vec<u8>>> {
        self.parts.borrow_mut().push((algorithm.raw.to_vec(), ciphertext.to_vec()));
        None
    }
}

/// Decrypts with a password.
struct Key<'p>(&'p Password<'p>);

impl Unlock for Key<'_> {
    fn decrypt(&self, algorithm: Value<'_>, ciphertext: &[u8]) -> Option<Zeroizing<Vec<u8>>> {
        Scheme::read(algorithm)?.decrypt(self.0, ciphertext)
    }
}

/// MacData (RFC 7292 4), or PBMAC1 in its place (RFC 9579).
struct Integrity<'a> {
    hash: Hash,
    salt: &'a [u8],
    rounds: u32,
    expected: &'a [u8],
    /// For PBMAC1: the digest of PBKDF2, and the key length in bytes.
    pbkdf2: Option<(Hash, usize)>,
}

impl<'a> Integrity<'a> {
    fn read(value: Value<'a>) -> Option<Self> {
        let mut fields = value.children();
        let mut info = fields.value(SEQUENCE, "DigestInfo").ok()?.children();
        let mut algorithm = info.value(SEQUENCE, "digestAlgorithm").ok()?.children();
        let expected = info.value(OCTET_STRING, "digest").ok()?.content;
        let oid = dotted(algorithm.value(OID, "digest OID").ok()?.content);
        if oid == PBMAC1 {
            let mut parameters = algorithm.value(SEQUENCE, "PBMAC1-params").ok()?.children();
            let (prf, salt, rounds, length) = pbe::pbkdf2(parameters.value(SEQUENCE, "keyDerivationFunc").ok()?)?;
            let mut scheme = parameters.value(SEQUENCE, "messageAuthScheme").ok()?.children();
            let hash = Hash::from_hmac_oid(&dotted(scheme.value(OID, "MAC OID").ok()?.content))?;
            // RFC 9579 requires the key length. 64 is the longest that any of these HMACs needs.
            let length = length.unwrap_or(hash.len()).min(64);
            return Some(Self { hash, salt, rounds, expected, pbkdf2: Some((prf, length)) });
        }
        let hash = Hash::from_oid(&oid)?;
        let salt = fields.value(OCTET_STRING, "macSalt").ok()?.content;
        let rounds = match fields.optional(INTEGER).ok()? {
            Some(value) => u32::try_from(value.small()?).ok()?,
            None => 1,
        };
        Some(Self { hash, salt, rounds, expected, pbkdf2: None }).filter(|mac| mac.rounds > 0)
    }

    /// Price of verifying `content` bytes, in nominal nanoseconds.
    fn price(&self, content: usize) -> u64 {
        let rounds = u64::from(self.rounds);
        let key = match self.pbkdf2 {
            Some((prf, length)) => prf.pbkdf2_price(rounds, length),
            None => self.hash.pkcs12_price(rounds, self.hash.len()),
        };
        key.saturating_add(self.hash.price_of(content as u64))
    }

    fn holds(&self, password: &Password<'_>, content: &[u8]) -> bool {
        let key = match self.pbkdf2 {
            Some((prf, length)) => prf.pbkdf2(password.bytes, self.salt, self.rounds, length),
            None => self.hash.pkcs12(3, &password.bmp, self.salt, self.rounds, self.hash.len()),
        };
        self.hash.hmac_is(&key, content, self.expected)
    }
}
