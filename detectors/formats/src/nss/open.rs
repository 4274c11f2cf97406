//! Opens keys of NSS databases: key4.db (nss/lib/softoken/sftkpwd.c: PBES2 with a salted password, one derivation for
//! each value) and key3.db (lib/softoken/lowpbe.c, nsspkcs5_PKCS12PBE: a few rounds of SHA-1, 3DES).

use hmac::{Hmac, KeyInit, Mac};
use keyradius_core::lock::Unlocked;
use keyradius_core::lock::{Lock, PROOF};
use keyradius_core::material::PublicHalf;
use keyradius_readers::ber::{BerReader, INTEGER, OCTET_STRING, OID, SEQUENCE, SET};
use keyradius_readers::carrier;
use keyradius_readers::nss::{self, FRAME_SALT};
use keyradius_readers::pkcs11::{Attributes, PRIVATE_EXPONENT, VALUE};
use keyradius_readers::private::{self, PrivateKey};
use keyradius_readers::proof;
use keyradius_readers::public::{self, PublicKey};
use sha1::Sha1;
use zeroize::Zeroizing;

use crate::unlock::cipher::{Cipher, Mode, Suite, unpadded};
use crate::unlock::kdf::Hash;
use crate::unlock::pbe;

/// Reads the bytes that the detector kept of one key.
pub(super) fn read<'a>(bytes: &'a [u8]) -> Option<Box<dyn Lock + 'a>> {
    match bytes.first()? {
        &SET => Legacy::read(bytes).map(|key| Box::new(key) as Box<dyn Lock>),
        _ => Key::read(bytes).map(|key| Box::new(key) as Box<dyn Lock>),
    }
}

/// AES-256-CBC, the only cipher that NSS writes with PBES2.
const AES: Suite = Suite::new(Cipher::Aes, Mode::Cbc, 32);

/// A key of key4.db.
struct Key {
    salt: Vec<u8>,
    /// The plaintext attributes, and the encrypted values by attribute number.
    attributes: Attributes,
    /// The attribute number of the value that is tried first.
    first: u32,
    rounds: u64,
    hash: Hash,
}

impl Key {
    fn read(bytes: &[u8]) -> Option<Self> {
        let attributes = nss::unframe(bytes)?;
        let salt = attributes.get(FRAME_SALT)?.to_vec();
        let first = [PRIVATE_EXPONENT, VALUE].into_iter().find(|number| attributes.get(*number).is_some())?;
        let (rounds, hash) =
            Sealed::read(attributes.get(first)?).map(|sealed| (u64::from(sealed.rounds), sealed.hash))?;
        Some(Self { salt, attributes, first, rounds, hash })
    }
}

/// An encrypted value with its own salt.
struct Sealed<'a> {
    hash: Hash,
    salt: &'a [u8],
    rounds: u32,
    iv: &'a [u8],
    ciphertext: &'a [u8],
}

impl<'a> Sealed<'a> {
    fn read(der: &'a [u8]) -> Option<Self> {
        let (algorithm, ciphertext) = nss::sealed(der)?;
        let mut fields = algorithm.children();
        fields.value(OID, "PBES2").ok()?;
        let mut parameters = fields.value(SEQUENCE, "parameters").ok()?.children();
        let (hash, salt, rounds, _) = pbe::pbkdf2(parameters.value(SEQUENCE, "KDF").ok()?)?;
        let mut cipher = parameters.value(SEQUENCE, "cipher").ok()?.children();
        cipher.value(OID, "AES-256-CBC").ok()?;
        let iv = cipher.value(OCTET_STRING, "IV").ok()?;
        // NSS uses the header of the OCTET STRING as the first two bytes of the IV.
        let iv = if iv.raw.len() == AES.iv() { iv.raw } else { iv.content };
        Some(Self { hash, salt, rounds, iv, ciphertext })
    }

    /// Decrypts the value. `password` is the salted password.
    fn open(&self, password: &[u8]) -> Option<Zeroizing<Vec<u8>>> {
        let key = self.hash.pbkdf2(password, self.salt, self.rounds, AES.key);
        let mut plain = Zeroizing::new(self.ciphertext.to_vec());
        AES.decrypt(&key, self.iv, &mut plain)?;
        let length = unpadded(&plain, AES.block()).filter(|&length| length > 0)?;
        plain.truncate(length);
        Some(plain)
    }
}

impl Lock for Key {
    fn price(&self) -> u64 {
        self.hash.pbkdf2_price(self.rounds, AES.key).saturating_add(AES.setup_price())
    }

    /// An RSA key also needs its primes decrypted to be proven.
    fn price_of_success(&self) -> u64 {
        self.price().saturating_mul(3).saturating_add(PROOF)
    }

    fn open(&self, password: &[u8], _done: &[bool]) -> Vec<Unlocked> {
        let opened = || {
            let password = Hash::Sha1.digest(&[&self.salt, password]);
            let first = Sealed::read(self.attributes.get(self.first)?)?.open(&password)?;
            let mut plain = Attributes::default();
            plain.push(self.first, first);
            for (number, value) in self.attributes.iter().filter(|(number, _)| *number != self.first) {
                let open = || Sealed::read(value)?.open(&password);
                plain.push(number, open().unwrap_or_else(|| Zeroizing::new(value.to_vec())));
            }
            let (public, verified) = plain.private()?;
            // Padding alone is correct by chance once in 256 times.
            verified.then(|| carrier::unlocked(0, proven(public), b""))
        };
        opened().into_iter().collect()
    }
}

/// A key of key3.db.
struct Legacy<'a> {
    global: &'a [u8],
    salt: &'a [u8],
    ciphertext: &'a [u8],
}

impl<'a> Legacy<'a> {
    fn read(bytes: &'a [u8]) -> Option<Self> {
        let mut fields = BerReader::new(bytes).value(SET, "kept key").ok()?.children();
        let global = fields.value(OCTET_STRING, "global salt").ok()?.content;
        let (algorithm, ciphertext) = nss::sealed(fields.any().ok()?.raw)?;
        let mut algorithm = algorithm.children();
        algorithm.value(OID, "scheme").ok()?;
        let mut parameters = algorithm.value(SEQUENCE, "parameters").ok()?.children();
        let salt = parameters.value(OCTET_STRING, "salt").ok()?.content;
        (salt.len() <= SALT).then_some(Self { global, salt, ciphertext })
    }

    /// lowpbe.c, nsspkcs5_PFXPBE: two blocks of an HMAC chain over the salt.
    fn derive(&self, password: &[u8]) -> Option<Zeroizing<Vec<u8>>> {
        let password = Hash::Sha1.digest(&[self.global, password]);
        let secret = Hash::Sha1.digest(&[&password, self.salt]);
        let mac = |parts: &[&[u8]]| {
            let start = Hmac::<Sha1>::new_from_slice(&secret).ok()?;
            let sum = parts.iter().fold(start, Mac::chain_update).finalize().into_bytes();
            Some(Zeroizing::new(sum.to_vec()))
        };
        let mut padded = self.salt.to_vec();
        padded.resize(SALT, 0);
        let first = mac(&[&padded, self.salt])?;
        let state = mac(&[&padded])?;
        let second = mac(&[&state, self.salt])?;
        Some(Zeroizing::new([first.as_slice(), second.as_slice()].concat()))
    }
}

/// Reads a DSA key as old NSS wrote it: y precedes x where PKCS#8 has x alone.
fn dsa(plain: &[u8]) -> Option<PrivateKey> {
    let mut fields = BerReader::new(plain).value(SEQUENCE, "PrivateKeyInfo").ok()?.children();
    fields.value(INTEGER, "version").ok()?;
    let mut algorithm = fields.value(SEQUENCE, "algorithm").ok()?.children();
    algorithm.value(OID, "id-dsa").ok().filter(|oid| oid.content == public::OID_DSA)?;
    let mut numbers = algorithm.value(SEQUENCE, "DSA parameters").ok()?.children();
    let mut number = || numbers.value(INTEGER, "DSA number").ok().map(|number| number.unsigned());
    let (p, q, g) = (number()?, number()?, number()?);
    let octets = fields.value(OCTET_STRING, "privateKey").ok()?.content;
    let mut numbers = BerReader::new(octets).value(SEQUENCE, "y and x").ok()?.children();
    let y = numbers.value(INTEGER, "y").ok()?.unsigned();
    let x = numbers.value(INTEGER, "x").ok()?.unsigned();
    let fits = numbers.is_empty() && proof::dsa_public(p, g, x).is_some_and(|computed| computed == y);
    fits.then(|| proven(public::half(&PublicKey::Dsa { p, q, g, y })))
}

/// A key whose numbers fit.
fn proven(public: PublicHalf) -> PrivateKey {
    PrivateKey {
        public: Some(public),
        verified: true,
        format: "nss",
        comparable: true,
        plausible: true,
        remarks: Vec::new(),
        consumed: 0,
    }
}

/// Length in bytes of a SHA-1 digest, and of a salt.
const SALT: usize = 20;
const TRIPLE_DES: Suite = Suite::new(Cipher::TripleDes, Mode::Cbc, 24);

impl Lock for Legacy<'_> {
    fn price(&self) -> u64 {
        10 * Hash::Sha1.price() + TRIPLE_DES.setup_price()
    }

    fn open(&self, password: &[u8], _done: &[bool]) -> Vec<Unlocked> {
        let opened = || {
            let derived = self.derive(password)?;
            let (key, iv) = (derived.get(..24)?, derived.get(32..40)?);
            let mut plain = Zeroizing::new(self.ciphertext.to_vec());
            TRIPLE_DES.decrypt(key, iv, &mut plain)?;
            let length = unpadded(&plain, TRIPLE_DES.block())?;
            plain.truncate(length);
            let key = PrivateKey::decrypted(private::pkcs8, &plain).or_else(|| dsa(&plain))?;
            Some(carrier::unlocked(0, PrivateKey { format: "nss", ..key }, &plain))
        };
        opened().into_iter().collect()
    }
}
