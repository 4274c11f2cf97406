//! OpenPGP packets (RFC 9580, RFC 4880), as far as keys need them: framing, the public part of a key and its
//! fingerprint, the protection of the secret part. `format/openpgp/signature.rs` reads signatures.

mod numbers;

use std::ops::Range;

use keyradius_core::error::Malformed;
use keyradius_core::hex::hex;
use keyradius_core::material::{Encoding, Identity, Kind, Material, Protection, ProtectionState, PublicHalf, Remark};
use md5::Md5;
use sha1::Sha1;
use sha2::{Digest, Sha256};

use super::cursor::Cursor;
use super::public::PublicKey;
use numbers::{Numbers, fits, half, is_known, numbers};

/// Packet types, RFC 9580 5.
pub const SIGNATURE: u8 = 2;
/// Packet tag of a secret key (RFC 9580 5.5.1.3).
pub const SECRET_KEY: u8 = 5;
/// Packet tag of a public key (RFC 9580 5.5.1.1).
pub const PUBLIC_KEY: u8 = 6;
/// Packet tag of a public subkey (RFC 9580 5.5.1.2).
pub const PUBLIC_SUBKEY: u8 = 14;
/// Packet tag of a secret subkey (RFC 9580 5.5.1.4).
pub const SECRET_SUBKEY: u8 = 7;
/// Packet tag of a user id (RFC 9580 5.11).
pub const USER_ID: u8 = 13;

/// Octets hashed by an iterated S2K below which it counts as weak: gpg 1.4 used 65,536, gpg 2 uses tens of millions.
const FEW_OCTETS: u64 = 1 << 20;

/// One packet.
#[derive(Clone, Copy, Debug)]
pub struct Packet<'a> {
    /// The packet tag.
    pub kind: u8,
    /// The content.
    pub body: &'a [u8],
    /// Offset of the end of the packet.
    pub end: usize,
}

/// The type and body of the packet at the start of `bytes`. The body may be truncated and its length field of any kind.
pub fn tag(bytes: &[u8]) -> Option<(u8, &[u8])> {
    let (first, second) = (*bytes.first()?, *bytes.get(1)?);
    let (kind, header) = match first {
        0xc0.. => (first & 0x3f, if second == 255 { 6 } else { 2 + usize::from((192..224).contains(&second)) }),
        0x80..0xc0 => (first >> 2 & 0x0f, if first & 3 == 3 { 1 } else { 1 + (1 << (first & 3)) }),
        _ => return None,
    };
    Some((kind, bytes.get(header..).unwrap_or_default()))
}

/// Packet tag of literal data (RFC 9580 5.9).
pub const LITERAL: u8 = 11;

/// Whether a packet may have partial lengths: compressed, encrypted and literal data (RFC 9580 4.2.1.4).
const fn is_data(kind: u8) -> bool {
    matches!(kind, 8 | 9 | LITERAL | 18 | 20)
}

/// Reads the parts of a body whose first length octet, already read, is a partial one.
fn partial<'a>(cursor: &mut Cursor<'a>, first: u8, each: &mut dyn FnMut(&'a [u8])) -> Result<(), Malformed> {
    let mut octet = first;
    loop {
        let (length, is_last) = match octet {
            0..192 => (usize::from(octet), true),
            192..224 => ((usize::from(octet) - 192) * 256 + usize::from(cursor.u8("packet length")?) + 192, true),
            224..255 => (1 << (octet & 0x1f), false),
            255 => (cursor.u32("packet length")? as usize, true),
        };
        each(cursor.take(length, "part of a packet")?);
        if is_last {
            return Ok(());
        }
        octet = cursor.u8("packet length")?;
    }
}

/// The content of the literal data packet at `at`, if partial lengths cut it; without them it is in one piece. Each part
/// is handed to `each`, and the end of the packet is returned.
pub fn literal_parts<'a>(bytes: &'a [u8], at: usize, each: &mut dyn FnMut(&'a [u8])) -> Option<usize> {
    let mut cursor = Cursor::new(bytes.get(at..)?);
    let is_literal = cursor.u8("packet").ok()? == 0xc0 | LITERAL;
    let octet = cursor.u8("packet length").ok().filter(|octet| is_literal && (224..255).contains(octet))?;
    // Format, name and date precede the content (RFC 9580 5.9), all in the first part, which has 512 octets at least.
    let mut is_first = true;
    let mut strip = |part: &'a [u8]| {
        let header = part.get(1).filter(|_| std::mem::take(&mut is_first)).map_or(0, |name| 6 + usize::from(*name));
        each(part.get(header..).unwrap_or_default());
    };
    partial(&mut cursor, octet, &mut strip).ok()?;
    Some(at + cursor.at())
}

/// Reads the packet at `at` (RFC 9580 4.2). Of a body with partial lengths, which only data has, the first part.
pub fn packet(bytes: &[u8], at: usize) -> Result<Packet<'_>, Malformed> {
    let wrong = |what| Malformed::new(what, at);
    let mut cursor = Cursor::new(bytes.get(at..).unwrap_or_default());
    let first = cursor.u8("packet")?;
    let (kind, length) = match first {
        0xc0.. => {
            let length = match cursor.u8("packet length")? {
                octet @ 0..192 => usize::from(octet),
                octet @ 192..224 => (usize::from(octet) - 192) * 256 + usize::from(cursor.u8("packet length")?) + 192,
                255 => cursor.u32("packet length")? as usize,
                octet => {
                    let kind = first & 0x3f;
                    if !is_data(kind) {
                        return Err(wrong("partial packet length"));
                    }
                    let mut body = None;
                    partial(&mut cursor, octet, &mut |part| body = body.or(Some(part)))?;
                    return Ok(Packet { kind, body: body.unwrap_or_default(), end: at + cursor.at() });
                }
            };
            (first & 0x3f, length)
        }
        0x80..0xc0 => {
            let length = match first & 3 {
                0 => usize::from(cursor.u8("packet length")?),
                1 => usize::from(cursor.u16("packet length")?),
                2 => cursor.u32("packet length")? as usize,
                _ => return Err(wrong("indeterminate packet length")),
            };
            (first >> 2 & 0x0f, length)
        }
        _ => return Err(wrong("packet tag")),
    };
    let body = cursor.take(length, "packet body")?;
    Ok(Packet { kind, body, end: at + cursor.at() })
}

/// A parsed secret key packet.
#[derive(Debug)]
pub struct SecretKey {
    /// Lower-case hex.
    pub fingerprint: String,
    /// `None` for ElGamal and curves without a SubjectPublicKeyInfo.
    pub public: Option<PublicHalf>,
    /// SHA-256 of the public part: the identity of keys without any other.
    pub digest: [u8; 32],
    /// How the secret part is protected.
    pub protection: Protection,
    /// Whether the secret part is proven to belong to the public one.
    pub verified: bool,
    /// Seconds since 1970.
    pub created: u32,
    /// Whether the standards define every id in the packet. Random bytes are full of undefined ids.
    pub known: bool,
    /// What is worth saying of it.
    pub remarks: Vec<Remark>,
}

/// The parts of a secret key packet.
pub struct Parts<'a> {
    /// The version of the packet, 3 to 6.
    pub version: u8,
    created: u32,
    numbers: Numbers<'a>,
    public: &'a [u8],
    /// All bytes from the S2K usage octet on.
    pub secret: &'a [u8],
}

impl Parts<'_> {
    /// Whether decrypted secret numbers belong to the public ones, and how many bytes they occupy.
    pub fn fits(&self, plain: &[u8]) -> Result<(bool, usize), Malformed> {
        let mut cursor = Cursor::new(plain);
        Ok((fits(&mut cursor, &self.numbers)?, cursor.at()))
    }
}

/// Splits the body of a secret key packet (RFC 9580 5.5.3).
pub fn parts(body: &[u8]) -> Result<Parts<'_>, Malformed> {
    let mut cursor = Cursor::new(body);
    let version = cursor.u8("key version")?;
    let created = cursor.u32("creation time")?;
    if !(2..=6).contains(&version) {
        return Err(Malformed::new("key version", 0));
    }
    if version < 4 {
        cursor.u16("validity")?;
    }
    let algorithm = cursor.u8("key algorithm")?;
    let declared = if version >= 5 { Some(cursor.u32("length of the public part")? as usize) } else { None };
    let before = cursor.at();
    let numbers = match declared {
        // Versions 5 and 6 state the length of the public part, so keys with unknown algorithms can be read too.
        Some(length) if !is_known(algorithm) => {
            cursor.take(length, "public part")?;
            Numbers::Unknown
        }
        _ => numbers(&mut cursor, algorithm)?,
    };
    if declared.is_some_and(|length| length != cursor.at() - before) {
        return Err(Malformed::new("length of the public part", before));
    }
    let public = body.get(..cursor.at()).unwrap_or_default();
    Ok(Parts { version, created, numbers, public, secret: cursor.rest() })
}

/// Reads the body of a secret key packet.
pub fn secret_key(body: &[u8]) -> Result<SecretKey, Malformed> {
    let Parts { version, created, numbers, public: public_part, secret } = parts(body)?;
    let fingerprint = fingerprint(version, public_part, &numbers);
    let mut key = SecretKey {
        fingerprint,
        public: half(&numbers),
        digest: Sha256::digest(public_part).into(),
        protection: Protection::plaintext(),
        verified: false,
        created,
        known: !matches!(numbers, Numbers::Unknown),
        remarks: Vec::new(),
    };
    if matches!(numbers, Numbers::Unknown) {
        key.remarks.push(Remark::UnknownAlgorithm);
    } else if key.public.is_none() {
        key.remarks.push(Remark::NoSpkiForm);
    }
    secret_part(&mut Cursor::new(secret), version, &numbers, &mut key)?;
    Ok(key)
}

/// A parsed public key packet.
#[derive(Debug)]
pub struct PublicOnly {
    /// The key, with its fingerprint. User ids and key flags follow in other packets.
    pub material: Material,
    /// Seconds since 1970.
    pub created: u32,
    /// Whether the standards define its algorithm.
    pub known: bool,
}

/// Reads the whole body of a public key packet (RFC 9580 5.5.2), found by the detector `format`.
pub fn public_key(body: &[u8], is_subkey: bool, format: &'static str) -> Result<PublicOnly, Malformed> {
    let Parts { version, created, numbers, public, secret } = parts(body)?;
    if !secret.is_empty() {
        return Err(Malformed::new("bytes after a public key", public.len()));
    }
    let mut material = Material::new(Kind::PublicKey, format, Encoding::Binary, Range::default());
    material.identity = Some(match half(&numbers) {
        Some(half) => Identity::public(half),
        None => Identity::Opaque(Sha256::digest(public).into()),
    });
    material.pgp_fingerprint = Some(fingerprint(version, public, &numbers));
    material.remarks.extend(is_subkey.then_some(Remark::Subkey));
    Ok(PublicOnly { material, created, known: !matches!(numbers, Numbers::Unknown) })
}

/// The fingerprint (RFC 9580 5.5.4).
fn fingerprint(version: u8, public_part: &[u8], numbers: &Numbers<'_>) -> String {
    let long = (public_part.len() as u32).to_be_bytes();
    match version {
        2 | 3 => match numbers {
            Numbers::Key(PublicKey::Rsa { n, e }, _) => hex(&Md5::new().chain_update(n).chain_update(e).finalize()),
            _ => hex(&Md5::digest(public_part)),
        },
        4 => {
            let length = (public_part.len() as u16).to_be_bytes();
            hex(&Sha1::new().chain_update([0x99]).chain_update(length).chain_update(public_part).finalize())
        }
        5 => hex(&Sha256::new().chain_update([0x9a]).chain_update(long).chain_update(public_part).finalize()),
        _ => hex(&Sha256::new().chain_update([0x9b]).chain_update(long).chain_update(public_part).finalize()),
    }
}

/// Reads the protection of the secret part and, if it is not encrypted, proves it.
fn secret_part(
    cursor: &mut Cursor<'_>,
    version: u8,
    numbers: &Numbers<'_>,
    key: &mut SecretKey,
) -> Result<(), Malformed> {
    let usage = cursor.u8("S2K usage")?;
    if version == 5 || (version == 6 && usage != 0) {
        cursor.u8("length of the S2K fields")?;
    }
    match usage {
        0 => {
            if version == 5 {
                cursor.u32("length of the secret part")?;
            }
            let secret = cursor.rest();
            let mut fields = Cursor::new(secret);
            let fits = match numbers {
                Numbers::Unknown => {
                    fields.take(secret.len().saturating_sub(if version == 6 { 0 } else { 2 }), "secret part")?;
                    false
                }
                _ => fits(&mut fields, numbers)?,
            };
            let held = secret.get(..fields.at()).unwrap_or_default();
            let checked = version == 6 || {
                let sum = held.iter().fold(0_u16, |sum, &b| sum.wrapping_add(u16::from(b)));
                fields.u16("checksum")? == sum
            };
            // A proven key is a key even if its two checksum octets are damaged.
            if !checked && !fits {
                return Err(Malformed::new("checksum of the secret part", cursor.at()));
            }
            if !checked {
                key.remarks.push(Remark::WrongChecksum);
            }
            if !fits {
                key.remarks.push(Remark::NotShown);
            }
            key.verified = fits;
            Ok(())
        }
        253..=255 => {
            let id = cursor.u8("cipher")?;
            let mode = if usage == 253 { aead(cursor.u8("AEAD algorithm")?) } else { "" };
            let cipher = format!("{}{mode}", cipher(id));
            if version == 6 && usage != 255 {
                cursor.u8("length of the S2K")?;
            }
            key.protection = s2k(cursor, &cipher)?;
            let stub = matches!(key.protection.state, ProtectionState::Stub | ProtectionState::Hardware);
            key.known &= stub || !(id == 0 || key.protection.detail.contains("unknown"));
            // An IV of at least one block of eight bytes, and some ciphertext.
            if !stub && cursor.rest().len() < 16 {
                return Err(Malformed::new("encrypted secret part", cursor.at()));
            }
            Ok(())
        }
        1..=13 if cursor.rest().len() >= 16 => {
            let detail = format!("one MD5 of the passphrase, {}", cipher(usage));
            // The scheme of PGP 2. Writers of version 4 keys have always named their S2K.
            key.known &= version < 4 && !detail.contains("unknown");
            key.protection = Protection::new(ProtectionState::Weak, detail);
            Ok(())
        }
        _ => Err(Malformed::new("S2K usage", cursor.at())),
    }
}

/// The name of an RFC 9580 9.3 cipher.
const fn cipher(id: u8) -> &'static str {
    match id {
        0 => "no cipher",
        1 => "IDEA",
        2 => "3DES",
        3 => "CAST5",
        4 => "Blowfish",
        7 => "AES-128",
        8 => "AES-192",
        9 => "AES-256",
        10 => "Twofish",
        11 => "Camellia-128",
        12 => "Camellia-192",
        13 => "Camellia-256",
        _ => "unknown cipher",
    }
}

/// The name of an RFC 9580 9.6 AEAD mode, to follow the name of a cipher.
const fn aead(id: u8) -> &'static str {
    match id {
        1 => "-EAX",
        2 => "-OCB",
        3 => "-GCM",
        _ => " in an unknown mode",
    }
}

/// The name of an RFC 9580 9.5 digest.
const fn digest(id: u8) -> &'static str {
    match id {
        1 => "MD5",
        2 => "SHA-1",
        3 => "RIPEMD-160",
        8 => "SHA-256",
        9 => "SHA-384",
        10 => "SHA-512",
        11 => "SHA-224",
        12 => "SHA3-256",
        14 => "SHA3-512",
        _ => "unknown digest",
    }
}

/// Reads a string-to-key specifier (RFC 9580 3.7.1), or GnuPG's own 101.
fn s2k(cursor: &mut Cursor<'_>, cipher: &str) -> Result<Protection, Malformed> {
    let kind = cursor.u8("S2K type")?;
    if kind == 4 {
        cursor.take(16, "S2K salt")?;
        let (passes, lanes, memory) = (cursor.u8("passes")?, cursor.u8("lanes")?, cursor.u8("memory")?);
        let detail = format!("Argon2 t={passes} p={lanes} m=2^{memory} KiB, {cipher}");
        return Ok(Protection::new(ProtectionState::Strong, detail));
    }
    let hash = digest(cursor.u8("S2K digest")?);
    match kind {
        0 => Ok(Protection::new(ProtectionState::Weak, format!("simple S2K {hash}, {cipher}"))),
        1 => {
            cursor.take(8, "S2K salt")?;
            Ok(Protection::new(ProtectionState::Weak, format!("salted S2K {hash}, {cipher}")))
        }
        3 => {
            cursor.take(8, "S2K salt")?;
            let coded = cursor.u8("S2K count")?;
            let octets = (16 + u64::from(coded & 15)) << (u32::from(coded >> 4) + 6);
            let state = if octets < FEW_OCTETS { ProtectionState::Weak } else { ProtectionState::Strong };
            Ok(Protection::new(state, format!("iterated S2K {hash} {octets} octets, {cipher}")))
        }
        101 => {
            cursor.expect(b"GNU", "GNU S2K")?;
            match cursor.u8("GNU S2K mode")? {
                1 => Ok(Protection::new(ProtectionState::Stub, "gnu-dummy: the secret part is not in this file")),
                2 => Ok(Protection::new(ProtectionState::Hardware, "on a smart card")),
                _ => Err(Malformed::new("GNU S2K mode", cursor.at())),
            }
        }
        _ => Err(Malformed::new("S2K type", cursor.at())),
    }
}
