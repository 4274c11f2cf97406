//! Password-based decryption: PBES1 and PBES2 (RFC 8018), PKCS#12's own schemes (RFC 7292 C), and that of JCEKS.
//!
//! `readers/pbe.rs` reads the strength of a scheme from the same structures.

use zeroize::Zeroizing;

use super::cipher::{Cipher, Mode, Suite, unpadded};
use super::kdf::{Hash, Scrypt, bmp};
use keyradius_readers::ber::{self, BerReader, INTEGER, OCTET_STRING, OID, SEQUENCE, Value, dotted};

/// A password in the two encodings that the schemes hash.
pub(crate) struct Password<'p> {
    /// The bytes as typed: UTF-8.
    pub(crate) bytes: &'p [u8],
    /// The encoding of PKCS#12: see [`bmp`].
    pub(crate) bmp: Zeroizing<Vec<u8>>,
}

impl<'p> Password<'p> {
    pub(crate) fn new(bytes: &'p [u8]) -> Self {
        Self { bytes, bmp: bmp(bytes) }
    }

    /// The absent password, which PKCS#12 distinguishes from an empty one (RFC 7292 B.1).
    pub(crate) fn none() -> Self {
        Self { bytes: b"", bmp: Zeroizing::default() }
    }
}

/// How the key is derived from the password.
enum Kdf {
    Pbkdf1(Hash),
    Pkcs12,
    Pbkdf2(Hash),
    Scrypt(Scrypt),
    /// PBEWithMD5AndTripleDES (com.sun.crypto.provider.PBES1Core).
    Jceks,
}

/// A scheme with its parameters.
pub(crate) struct Scheme<'a> {
    kdf: Kdf,
    salt: &'a [u8],
    /// 0 for derivations without an iteration count.
    rounds: u32,
    suite: Suite,
    /// Used by PBES2; the older schemes derive the IV.
    iv: Vec<u8>,
    /// Length of the authentication tag after the ciphertext, in bytes.
    tag: usize,
    /// Whether key wrap (RFC 5649) replaces cipher and mode.
    wrapped: bool,
}

/// A key and an IV.
type KeyAndIv = (Zeroizing<Vec<u8>>, Zeroizing<Vec<u8>>);

/// The key protector of JCEKS.
const JCEKS: &str = "1.3.6.1.4.1.42.2.19.1";
const PBES2: &str = "1.2.840.113549.1.5.13";
const PBKDF2: &str = "1.2.840.113549.1.5.12";
const SCRYPT: &str = "1.3.6.1.4.1.11591.4.11";
const AES_256_KWP: &str = "2.16.840.1.101.3.4.1.48";

impl<'a> Scheme<'a> {
    /// Reads an AlgorithmIdentifier. `None` if the scheme is unknown or its parameters are invalid.
    pub(crate) fn read(algorithm: Value<'a>) -> Option<Self> {
        let mut fields = algorithm.children();
        let oid = dotted(fields.value(OID, "encryption scheme OID").ok()?.content);
        if oid == PBES2 {
            return Self::pbes2(fields.value(SEQUENCE, "PBES2-params").ok()?);
        }
        let cbc = |cipher, key| Suite::new(cipher, Mode::Cbc, key);
        // RFC 8018 A.3, RFC 7292 C. Schemes with MD2 are left out because no available tool writes them.
        let (kdf, suite) = match oid.as_str() {
            "1.2.840.113549.1.5.3" => (Kdf::Pbkdf1(Hash::Md5), cbc(Cipher::Des, 8)),
            "1.2.840.113549.1.5.6" => (Kdf::Pbkdf1(Hash::Md5), cbc(Cipher::Rc2 { bits: 64 }, 8)),
            "1.2.840.113549.1.5.10" => (Kdf::Pbkdf1(Hash::Sha1), cbc(Cipher::Des, 8)),
            "1.2.840.113549.1.5.11" => (Kdf::Pbkdf1(Hash::Sha1), cbc(Cipher::Rc2 { bits: 64 }, 8)),
            "1.2.840.113549.1.12.1.1" => (Kdf::Pkcs12, cbc(Cipher::Rc4, 16)),
            "1.2.840.113549.1.12.1.2" => (Kdf::Pkcs12, cbc(Cipher::Rc4, 5)),
            "1.2.840.113549.1.12.1.3" => (Kdf::Pkcs12, cbc(Cipher::TripleDes, 24)),
            "1.2.840.113549.1.12.1.4" => (Kdf::Pkcs12, cbc(Cipher::TripleDes, 16)),
            "1.2.840.113549.1.12.1.5" => (Kdf::Pkcs12, cbc(Cipher::Rc2 { bits: 128 }, 16)),
            "1.2.840.113549.1.12.1.6" => (Kdf::Pkcs12, cbc(Cipher::Rc2 { bits: 40 }, 5)),
            JCEKS => (Kdf::Jceks, cbc(Cipher::TripleDes, 24)),
            _ => return None,
        };
        let mut parameters = fields.value(SEQUENCE, "PBE parameters").ok()?.children();
        let salt = parameters.value(OCTET_STRING, "salt").ok()?.content;
        let rounds = rounds(&mut parameters)?;
        Some(Self { kdf, salt, rounds, suite, iv: Vec::new(), tag: 0, wrapped: false })
    }

    fn pbes2(parameters: Value<'a>) -> Option<Self> {
        let mut fields = parameters.children();
        let kdf = fields.value(SEQUENCE, "keyDerivationFunc").ok()?;
        let (kdf, salt, rounds, length) = derivation(kdf)?;
        let mut scheme = fields.value(SEQUENCE, "encryptionScheme").ok()?.children();
        let wrapped = dotted(scheme.clone().value(OID, "cipher OID").ok()?.content) == AES_256_KWP;
        if wrapped {
            let suite = Suite::new(Cipher::Aes, Mode::Cbc, 32);
            return Some(Self { kdf, salt, rounds, suite, iv: Vec::new(), tag: 0, wrapped });
        }
        let (suite, iv, tag) = encryption(&mut scheme, length)?;
        Some(Self { kdf, salt, rounds, suite, iv, tag, wrapped })
    }

    /// Returns the scheme as BCFKS keystores use it: see [`Scrypt::of_bcfks`].
    pub(crate) fn of_bcfks(self) -> Self {
        match self.kdf {
            Kdf::Scrypt(scrypt) => Self { kdf: Kdf::Scrypt(scrypt.of_bcfks()), ..self },
            _ => self,
        }
    }

    /// Price of one trial, in nominal nanoseconds.
    pub(crate) fn price(&self) -> u64 {
        let rounds = u64::from(self.rounds);
        let Suite { key, .. } = self.suite;
        let kdf = match &self.kdf {
            Kdf::Pbkdf1(hash) => rounds.saturating_mul(hash.price()),
            Kdf::Pkcs12 => {
                let iv = if self.suite.iv() > 0 { Hash::Sha1.pkcs12_price(rounds, self.suite.iv()) } else { 0 };
                Hash::Sha1.pkcs12_price(rounds, key).saturating_add(iv)
            }
            Kdf::Pbkdf2(hash) => hash.pbkdf2_price(rounds, key),
            Kdf::Scrypt(scrypt) => scrypt.price(),
            Kdf::Jceks => rounds.saturating_mul(2 * Hash::Md5.price()),
        };
        kdf.saturating_add(self.suite.setup_price())
    }

    /// Decrypts a DER structure. `None` if the password is wrong. The result is only known to begin like DER of its
    /// length and to have valid padding; the caller must parse it to its end.
    pub(crate) fn decrypt(&self, password: &Password<'_>, ciphertext: &[u8]) -> Option<Zeroizing<Vec<u8>>> {
        self.decrypt_if(password, ciphertext, begins_like_der)
    }

    /// Decrypts like [`Self::decrypt`], but calls `fits` with the first block and the ciphertext length instead of
    /// testing for DER.
    pub(crate) fn decrypt_if(
        &self,
        password: &Password<'_>,
        ciphertext: &[u8],
        fits: impl Fn(&[u8], usize) -> bool,
    ) -> Option<Zeroizing<Vec<u8>>> {
        let ciphertext = ciphertext.get(..ciphertext.len().checked_sub(self.tag)?)?;
        let (key, iv) = self.derive(password)?;
        if self.wrapped {
            return super::key_wrap::unwrap(&key, ciphertext).filter(|plain| fits(plain, plain.len()));
        }
        let block = self.suite.block().max(8);
        let mut first = Zeroizing::new(ciphertext.get(..block)?.to_vec());
        self.suite.decrypt(&key, &iv, &mut first)?;
        if !fits(&first, ciphertext.len()) {
            return None;
        }
        let mut plain = Zeroizing::new(ciphertext.to_vec());
        self.suite.decrypt(&key, &iv, &mut plain)?;
        if self.suite.padded() {
            let length = unpadded(&plain, self.suite.block())?;
            plain.truncate(length);
        }
        Some(plain)
    }

    /// Derives the key and the IV.
    fn derive(&self, password: &Password<'_>) -> Option<KeyAndIv> {
        let Suite { key: length, .. } = self.suite;
        let given = || Zeroizing::new(self.iv.clone());
        Some(match &self.kdf {
            Kdf::Pbkdf1(hash) => split(&hash.pbkdf1(password.bytes, self.salt, self.rounds), length, 8)?,
            Kdf::Pkcs12 => {
                let derive = |id, length| match length {
                    0 => Zeroizing::default(),
                    _ => Hash::Sha1.pkcs12(id, &password.bmp, self.salt, self.rounds, length),
                };
                (derive(1, length), derive(2, self.suite.iv()))
            }
            Kdf::Pbkdf2(hash) => (hash.pbkdf2(password.bytes, self.salt, self.rounds, length), given()),
            Kdf::Scrypt(scrypt) => (scrypt.derive(password.bytes, self.salt, length)?, given()),
            Kdf::Jceks => split(&jceks(password.bytes, self.salt, self.rounds)?, 24, 8)?,
        })
    }
}

fn split(derived: &[u8], key: usize, iv: usize) -> Option<KeyAndIv> {
    let part = |from: usize, to: usize| derived.get(from..to).map(|part| Zeroizing::new(part.to_vec()));
    Some((part(0, key)?, part(key, key + iv)?))
}

/// Maximum key length that a file may request, in bytes: no cipher or HMAC needs more.
const MAX_KEY: u64 = 128;

/// Reads an optional key length. `None` if the length is absent or out of range.
fn key_length(parameters: &mut BerReader<'_>) -> Option<usize> {
    let length = parameters.optional(INTEGER).ok()??.small()?;
    usize::try_from(length).ok().filter(|_| (1..=MAX_KEY).contains(&length))
}

/// Reads an iteration count: from 1 to `u32::MAX`.
fn rounds(fields: &mut BerReader<'_>) -> Option<u32> {
    let rounds = fields.value(INTEGER, "iterations").ok()?.small()?;
    u32::try_from(rounds).ok().filter(|&rounds| rounds > 0)
}

/// Reads a key derivation function of PBES2 or PBMAC1: with its salt, its rounds and, if given, the key length.
fn derivation(algorithm: Value<'_>) -> Option<(Kdf, &[u8], u32, Option<usize>)> {
    let mut fields = algorithm.children();
    let oid = dotted(fields.value(OID, "KDF OID").ok()?.content);
    let mut parameters = fields.value(SEQUENCE, "KDF parameters").ok()?.children();
    let salt = parameters.value(OCTET_STRING, "salt").ok()?.content;
    let mut number = || parameters.value(INTEGER, "KDF parameter").ok()?.small();
    match oid.as_str() {
        PBKDF2 => {
            let rounds = rounds(&mut parameters)?;
            let length = key_length(&mut parameters);
            let hash = match parameters.optional(SEQUENCE).ok()? {
                Some(prf) => Hash::from_hmac_oid(&dotted(prf.children().value(OID, "prf OID").ok()?.content))?,
                None => Hash::Sha1,
            };
            Some((Kdf::Pbkdf2(hash), salt, rounds, length))
        }
        SCRYPT => {
            let scrypt = Scrypt::new(number()?, number()?, number()?)?;
            Some((Kdf::Scrypt(scrypt), salt, 0, key_length(&mut parameters)))
        }
        _ => None,
    }
}

/// Reads PBKDF2 as used by PBMAC1 (RFC 8018 A.5): digest, salt, rounds and, if given, the key length.
pub(crate) fn pbkdf2(algorithm: Value<'_>) -> Option<(Hash, &[u8], u32, Option<usize>)> {
    match derivation(algorithm)? {
        (Kdf::Pbkdf2(hash), salt, rounds, length) => Some((hash, salt, rounds, length)),
        _ => None,
    }
}

/// Reads a cipher of PBES2 with its IV and tag length. `length` is the key length, if the derivation gives one.
fn encryption(scheme: &mut BerReader<'_>, length: Option<usize>) -> Option<(Suite, Vec<u8>, usize)> {
    let oid = dotted(scheme.value(OID, "cipher OID").ok()?.content);
    if let Some(arc) = oid.strip_prefix("2.16.840.1.101.3.4.1.") {
        // NIST: 1..6 for AES-128, 21..26 for AES-192, 41..47 for AES-256: ECB, CBC, OFB, CFB, wrap, GCM, CCM.
        let arc: usize = arc.parse().ok()?;
        let key = 16 + arc / 20 * 8;
        let aes = |mode| Suite::new(Cipher::Aes, mode, key);
        let suite = match arc % 20 {
            2 => aes(Mode::Cbc),
            3 => aes(Mode::Ofb),
            4 => aes(Mode::Cfb),
            6 => {
                // The counter starts at 2 after the nonce (NIST SP 800-38D 7.2); RFC 5084 3.2 for the parameters. The
                // tag is not verified, because the plaintext must parse as a key.
                let mut parameters = scheme.value(SEQUENCE, "GCMParameters").ok()?.children();
                let nonce = parameters.value(OCTET_STRING, "nonce").ok()?.content;
                let tag = parameters.optional(INTEGER).ok()?.and_then(|v| v.small()).unwrap_or(12);
                let iv = [nonce, &[0, 0, 0, 2]].concat();
                return Some((aes(Mode::Ctr), iv, usize::try_from(tag).ok().filter(|&tag| tag <= 16)?));
            }
            7 => {
                // The payload of CCM starts at counter 1; the first byte encodes the size of the counter (RFC 3610
                // 2.3). RFC 5084 3.1 for the parameters.
                let mut parameters = scheme.value(SEQUENCE, "CCMParameters").ok()?.children();
                let nonce = parameters.value(OCTET_STRING, "nonce").ok()?.content;
                let tag = parameters.optional(INTEGER).ok()?.and_then(|v| v.small()).unwrap_or(12);
                let mut iv = vec![0; 16];
                *iv.first_mut()? = 14_u8.checked_sub(u8::try_from(nonce.len()).ok()?)?;
                iv.get_mut(1..=nonce.len())?.copy_from_slice(nonce);
                *iv.last_mut()? = 1;
                return Some((aes(Mode::Ctr), iv, usize::try_from(tag).ok().filter(|&tag| tag <= 16)?));
            }
            _ => return None,
        };
        return Some((suite, iv(scheme)?, 0));
    }
    let cbc = |cipher, key| Suite::new(cipher, Mode::Cbc, key);
    let suite = match oid.as_str() {
        "1.2.840.113549.3.7" => cbc(Cipher::TripleDes, 24),
        "1.3.14.3.2.7" => cbc(Cipher::Des, 8),
        "1.3.6.1.4.1.3029.1.2" => cbc(Cipher::Blowfish, length.unwrap_or(16)),
        "1.3.6.1.4.1.188.7.1.1.2" => cbc(Cipher::Idea, 16),
        "1.2.392.200011.61.1.1.1.2" => cbc(Cipher::Camellia, 16),
        "1.2.392.200011.61.1.1.1.3" => cbc(Cipher::Camellia, 24),
        "1.2.392.200011.61.1.1.1.4" => cbc(Cipher::Camellia, 32),
        // OpenSSL writes the IV alone; CAST5CBCParameters (RFC 2144 B.2) add the key length in bits after it.
        "1.2.840.113533.7.66.10" if scheme.peek() == Some(SEQUENCE) => {
            let mut parameters = scheme.value(SEQUENCE, "CAST5CBCParameters").ok()?.children();
            let iv = iv(&mut parameters)?;
            let bits = parameters.optional(INTEGER).ok()?.and_then(|v| v.small()).unwrap_or(128);
            return Some((cbc(Cipher::Cast5, length.unwrap_or(usize::try_from(bits / 8).ok()?)), iv, 0));
        }
        "1.2.840.113533.7.66.10" => cbc(Cipher::Cast5, length.unwrap_or(16)),
        // RC2-CBC-Parameter (RFC 8018 B.2.3): a number that encodes the effective bits, and the IV.
        "1.2.840.113549.3.2" => {
            let mut parameters = scheme.value(SEQUENCE, "RC2-CBC-Parameter").ok()?.children();
            let bits = match parameters.optional(INTEGER).ok()?.and_then(|v| v.small()) {
                None => 32,
                Some(160) => 40,
                Some(120) => 64,
                Some(58) => 128,
                Some(bits @ 256..=1024) => usize::try_from(bits).ok()?,
                _ => return None,
            };
            let iv = parameters.value(OCTET_STRING, "IV").ok()?.content.to_vec();
            return Some((cbc(Cipher::Rc2 { bits }, length.unwrap_or(bits / 8)), iv, 0));
        }
        _ => return None,
    };
    Some((suite, iv(scheme)?, 0))
}

fn iv(scheme: &mut BerReader<'_>) -> Option<Vec<u8>> {
    Some(scheme.value(OCTET_STRING, "IV").ok()?.content.to_vec())
}

/// Derives 24 bytes of key and 8 of IV by PBEWithMD5AndTripleDES: each half of the salt is hashed repeatedly with the
/// password. `None` if the salt is not 8 bytes.
fn jceks(password: &[u8], salt: &[u8], rounds: u32) -> Option<Zeroizing<Vec<u8>>> {
    let mut salt: [u8; 8] = salt.try_into().ok()?;
    // Equal halves would derive the same key twice. Java tries to reverse the first half and gets the order wrong.
    if let [a, b, c, d, rest @ ..] = salt
        && [a, b, c, d] == rest
    {
        salt = [d, a, b, d, a, b, c, d];
    }
    let mut out = Zeroizing::new(Vec::with_capacity(32));
    for half in salt.chunks(4) {
        let mut hash = Hash::Md5.digest(&[half, password]);
        for _ in 1..rounds {
            hash = Hash::Md5.digest(&[&hash, password]);
        }
        out.extend_from_slice(&hash);
    }
    Some(out)
}

/// Whether `first` can begin a plaintext of `length` bytes including padding: a SEQUENCE that reaches the end. A
/// SEQUENCE of indefinite length (BER) is accepted.
pub(crate) fn begins_like_der(first: &[u8], length: usize) -> bool {
    match ber::header(first) {
        Ok((SEQUENCE, _, None)) => true,
        Ok((SEQUENCE, header, Some(content))) => {
            let whole = header.saturating_add(content);
            whole <= length && whole + 16 >= length
        }
        _ => false,
    }
}
