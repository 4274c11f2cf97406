//! The parts of a JWE in compact form, for its detector and for trying passwords.

use std::ops::Range;

use keyradius_core::error::Malformed;
use keyradius_core::material::{Protection, ProtectionState};
use keyradius_core::seam::Anchor;
use keyradius_readers::members;
use keyradius_readers::text::{digit, unbase64};
use zeroize::Zeroizing;

use crate::unlock::kdf::Hash;

/// `PBES2-HS` in base64url, without digits that depend on other bytes, where it follows `{"alg":"` and `{"alg": "`.
pub(super) const ANCHORS: [Anchor<'_>; 2] = [Anchor::anywhere(b"QQkVTMi1IU"), Anchor::anywhere(b"UEJFUzItSF")];

/// Maximum length of a header that is read, in digits. A header with a certificate chain may be longer; no writer of
/// PBES2 adds one.
const MAX_HEADER: usize = 4096;

/// Maximum length of the encrypted content key, in digits: 64 bytes and 8 of the key wrap take 96.
const MAX_WRAPPED: usize = 128;

/// Maximum length of a token that is read, in bytes: a set of some hundred keys.
const MAX: usize = 1 << 18;

/// Smallest JWK, in bytes: an Ed25519 key without a kid.
const SMALLEST: usize = 80;

/// A key derivation with its key wrap (RFC 7518 4.8).
#[derive(Clone, Copy)]
pub(super) struct Algorithm {
    name: &'static [u8],
    pub(super) hash: Hash,
    hash_bits: u32,
    /// Bytes of the wrapping key.
    pub(super) key: usize,
}

const ALGORITHMS: [Algorithm; 3] = [
    Algorithm { name: b"PBES2-HS256+A128KW", hash: Hash::Sha256, hash_bits: 256, key: 16 },
    Algorithm { name: b"PBES2-HS384+A192KW", hash: Hash::Sha384, hash_bits: 384, key: 24 },
    Algorithm { name: b"PBES2-HS512+A256KW", hash: Hash::Sha512, hash_bits: 512, key: 32 },
];

/// A content encryption (RFC 7518 5.1).
#[derive(Clone, Copy)]
pub(super) struct Cipher {
    id: &'static [u8],
    name: &'static str,
    /// Bytes of its whole key. A CBC cipher uses the second half; the first half is for its tag (RFC 7518 5.2.2.1).
    pub(super) key: usize,
    pub(super) gcm: bool,
}

const CIPHERS: [Cipher; 6] = [
    Cipher { id: b"A128GCM", name: "AES-128-GCM", key: 16, gcm: true },
    Cipher { id: b"A192GCM", name: "AES-192-GCM", key: 24, gcm: true },
    Cipher { id: b"A256GCM", name: "AES-256-GCM", key: 32, gcm: true },
    Cipher { id: b"A128CBC-HS256", name: "AES-128-CBC", key: 32, gcm: false },
    Cipher { id: b"A192CBC-HS384", name: "AES-192-CBC", key: 48, gcm: false },
    Cipher { id: b"A256CBC-HS512", name: "AES-256-CBC", key: 64, gcm: false },
];

/// An encrypted key or key set.
pub(super) struct Sealed {
    pub(super) algorithm: Algorithm,
    pub(super) cipher: Cipher,
    /// `p2c`, at least 1.
    pub(super) rounds: u32,
    /// Salt of the derivation: the name of the algorithm, a zero byte, and `p2s`.
    pub(super) salt: Vec<u8>,
    pub(super) kid: Option<Vec<u8>>,
    /// Whether it contains a key set (RFC 7517 8.5).
    pub(super) is_set: bool,
    /// The content key, encrypted: 8 bytes longer than the key (RFC 3394 2.2.1).
    pub(super) wrapped: Zeroizing<Vec<u8>>,
    pub(super) iv: Zeroizing<Vec<u8>>,
    pub(super) ciphertext: Zeroizing<Vec<u8>>,
}

const fn in_token(byte: u8) -> bool {
    matches!(byte, b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'_')
}

/// The range of the token whose header contains `at`.
pub(super) fn token(bytes: &[u8], at: usize) -> Option<Range<usize>> {
    let before = bytes.get(at.saturating_sub(MAX_HEADER)..at)?;
    let run = before.iter().rev().take_while(|byte| in_token(**byte)).count();
    // `{` and a quote or a blank (`ey`) or a line break (`ew`); a letter of an escape such as `\n` may precede them.
    let start = at - run + bytes.get(at - run..at)?.windows(2).position(|pair| pair == b"ey" || pair == b"ew")?;
    let text = bytes.get(start..bytes.len().min(start + MAX))?;
    // The first two parts are short: without their ends, the rest is not looked at for every hit.
    let mut short = text.iter().take(MAX_HEADER + MAX_WRAPPED).enumerate().filter(|(_, byte)| !in_token(**byte));
    let ends = [short.next()?, short.next()?];
    if ends.iter().any(|(_, byte)| **byte != b'.') || ends.first()?.0 > MAX_HEADER {
        return None;
    }
    let mut dots = 0;
    let length = text.iter().take_while(|&&byte| {
        dots += usize::from(byte == b'.');
        in_token(byte) || (byte == b'.' && dots < 5)
    });
    let length = length.count();
    (dots >= 4).then_some(start..start + length)
}

impl Sealed {
    pub(super) fn protection(&self) -> Protection {
        let (hash, wrap) = (self.algorithm.hash_bits, self.algorithm.key * 8);
        let (rounds, cipher) = (self.rounds, self.cipher.name);
        let detail = format!("PBKDF2-HMAC-SHA{hash} {rounds} iterations, AES-{wrap} key wrap, {cipher}");
        Protection::new(ProtectionState::Strong, detail)
    }

    /// Reads a whole token.
    pub(super) fn read(token: &[u8]) -> Result<Self, Malformed> {
        let wrong = |what| Malformed::new(what, 0);
        let mut parts = token.split(|byte| *byte == b'.');
        let mut part = || {
            let digits = parts.next().filter(|part| part.len() % 4 != 1 && part.iter().all(|b| digit(*b).is_some()))?;
            unbase64(digits)
        };
        let header = part().ok_or(wrong("header of a JWE"))?;
        let member = |name| members::string(&header, name);
        let name = member("alg").unwrap_or_default();
        let algorithm = ALGORITHMS.into_iter().find(|known| known.name == name).ok_or(wrong("alg of a JWE"))?;
        let cipher = CIPHERS.into_iter().find(|known| Some(known.id) == member("enc")).ok_or(wrong("enc of a JWE"))?;
        let content = member("cty").unwrap_or_default().to_ascii_lowercase();
        let content = content.strip_prefix(b"application/").unwrap_or(&content);
        let is_set = content == b"jwk-set+json";
        if !is_set && content != b"jwk+json" {
            return Err(wrong("cty of a JWE that contains a key"));
        }
        let rounds = members::number(&header, "p2c").and_then(|rounds| u32::try_from(rounds).ok());
        let rounds = rounds.filter(|rounds| *rounds > 0).ok_or(wrong("p2c of a JWE"))?;
        let drawn = member("p2s").and_then(unbase64).filter(|salt| salt.len() >= 8).ok_or(wrong("p2s of a JWE"))?;
        let salt = [name, &[0], &drawn].concat();
        let kid = member("kid").map(<[u8]>::to_vec);
        let wrapped = part().filter(|key| key.len() == cipher.key + 8).ok_or(wrong("encrypted key of a JWE"))?;
        let iv = part().filter(|iv| iv.len() == if cipher.gcm { 12 } else { 16 }).ok_or(wrong("IV of a JWE"))?;
        let fits = |text: &Zeroizing<Vec<u8>>| text.len() >= SMALLEST && (cipher.gcm || text.len().is_multiple_of(16));
        let ciphertext = part().filter(fits).ok_or(wrong("ciphertext of a JWE"))?;
        let tag = if cipher.gcm { 16 } else { cipher.key / 2 };
        part().filter(|bytes| bytes.len() == tag).ok_or(wrong("tag of a JWE"))?;
        Ok(Self { algorithm, cipher, rounds, salt, kid, is_set, wrapped, iv, ciphertext })
    }
}
