//! OpenPGP packets (RFC 9580, RFC 4880, LibrePGP for version 5): framing, secret keys, signatures.
//!
//! Only what tells one key from another is read: the numbers, how they are protected, and what self-signatures say of
//! them. Signatures are read, never verified.

use std::ops::Deref;

use md5::Md5;
use scanner_core::error::Malformed;
use scanner_core::material::{Identity, Protection, ProtectionState, PublicHalf, Uses};
use sha1::Sha1;
use sha2::{Digest, Sha256};
use zeroize::Zeroizing;

use super::carrier;
use super::cursor::Cursor;
use super::curves::{self, Curve};
use super::proof;
use super::public::{self, Domain, PublicKey, Raw};
use super::text::hex;

/// Packet type ids, RFC 9580 5.
pub(crate) mod tag {
    pub(crate) const SIGNATURE: u8 = 2;
    pub(crate) const SECRET_KEY: u8 = 5;
    pub(crate) const PUBLIC_KEY: u8 = 6;
    pub(crate) const SECRET_SUBKEY: u8 = 7;
    pub(crate) const MARKER: u8 = 10;
    pub(crate) const TRUST: u8 = 12;
    pub(crate) const USER_ID: u8 = 13;
    pub(crate) const PUBLIC_SUBKEY: u8 = 14;
    /// Comment of GnuPG before 1.0; reserved since.
    pub(crate) const OLD_COMMENT: u8 = 16;
    pub(crate) const USER_ATTRIBUTE: u8 = 17;
    pub(crate) const PADDING: u8 = 21;
    /// Private or experimental, up to 63; GnuPG writes comments as 61.
    pub(crate) const PRIVATE: u8 = 60;
}

/// A packet.
pub(crate) struct Packet<'a> {
    pub(crate) tag: u8,
    pub(crate) body: Body<'a>,
    /// Where the next one begins.
    pub(crate) end: usize,
}

/// What is in a packet. Wiped when dropped if it had to be put together: it may be a private key.
pub(crate) enum Body<'a> {
    Whole(&'a [u8]),
    Joined(Zeroizing<Vec<u8>>),
}

impl Deref for Body<'_> {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        match self {
            Self::Whole(bytes) => bytes,
            Self::Joined(bytes) => bytes,
        }
    }
}

/// Most parts of a packet with partial lengths. The first has at least 512 bytes (RFC 9580 4.2.1.4); a key has a few
/// thousand at most, and writers of keys use no partial lengths at all.
const MAX_PARTS: usize = 64;

/// How long a packet is (RFC 9580 4.2.1, 4.2.2).
enum Length {
    Exact(usize),
    Partial(usize),
    /// To the end of the data: old packets only.
    Rest,
}

/// Reads the packet at `at`.
pub(crate) fn packet(bytes: &[u8], at: usize) -> Result<Packet<'_>, Malformed> {
    let here = |error: Malformed| Malformed::new(error.what, at.saturating_add(error.at));
    let mut fields = Cursor::new(bytes.get(at..).unwrap_or_default());
    let (tag, body) = framed(&mut fields).map_err(here)?;
    Ok(Packet { tag, body, end: at + fields.at() })
}

fn framed<'a>(fields: &mut Cursor<'a>) -> Result<(u8, Body<'a>), Malformed> {
    const WHAT: &str = "OpenPGP packet body";
    let first = fields.u8("OpenPGP packet")?;
    // Bit 7 is always set; bit 6 tells the new format (RFC 9580 4.2).
    let (tag, length) = match first {
        0xc0.. => (first & 0x3f, new_length(fields)?),
        0x80.. => ((first >> 2) & 0x0f, old_length(first & 3, fields)?),
        _ => return Err(Malformed::new("OpenPGP packet header", 0)),
    };
    let body = match length {
        Length::Exact(len) => Body::Whole(fields.take(len, WHAT)?),
        Length::Rest => Body::Whole(fields.take(fields.rest().len(), WHAT)?),
        Length::Partial(len) => {
            let mut parts = vec![fields.take(len, WHAT)?];
            while parts.len() < MAX_PARTS {
                match new_length(fields)? {
                    Length::Partial(len) => parts.push(fields.take(len, WHAT)?),
                    Length::Exact(len) => {
                        parts.push(fields.take(len, WHAT)?);
                        return Ok((tag, Body::Joined(Zeroizing::new(parts.concat()))));
                    }
                    Length::Rest => break,
                }
            }
            return Err(Malformed::new("OpenPGP packet of few parts", fields.at()));
        }
    };
    Ok((tag, body))
}

/// RFC 9580 4.2.1.
fn new_length(fields: &mut Cursor<'_>) -> Result<Length, Malformed> {
    const WHAT: &str = "OpenPGP packet length";
    Ok(match fields.u8(WHAT)? {
        short @ ..192 => Length::Exact(usize::from(short)),
        high @ 192..224 => Length::Exact(two_octets(high, fields.u8(WHAT)?)),
        power @ 224..255 => Length::Partial(1 << (power & 0x1f)),
        255 => Length::Exact(fields.u32(WHAT)? as usize),
    })
}

/// RFC 9580 4.2.1.2, and 5.2.3.7 for subpackets.
fn two_octets(high: u8, low: u8) -> usize {
    (usize::from(high.saturating_sub(192)) << 8) + usize::from(low) + 192
}

/// RFC 9580 4.2.2.
fn old_length(kind: u8, fields: &mut Cursor<'_>) -> Result<Length, Malformed> {
    const WHAT: &str = "OpenPGP packet length";
    Ok(match kind {
        0 => Length::Exact(usize::from(fields.u8(WHAT)?)),
        1 => Length::Exact(usize::from(fields.u16(WHAT)?)),
        2 => Length::Exact(fields.u32(WHAT)? as usize),
        _ => Length::Rest,
    })
}

/// What is known of a secret key packet.
#[derive(Debug)]
pub(crate) struct SecretKey {
    pub(crate) version: u8,
    /// Seconds since 1970-01-01T00:00:00Z.
    pub(crate) created: u32,
    pub(crate) identity: Identity,
    /// Lower-case hex.
    pub(crate) fingerprint: String,
    pub(crate) protection: Protection,
    /// Whether the private numbers belong to the public ones.
    pub(crate) verified: bool,
    /// Whether every field is as a writer would have it: known algorithms, exact bit counts, a right checksum. What
    /// stands without armor has nothing else to tell it from noise.
    pub(crate) neat: bool,
    pub(crate) notes: Vec<&'static str>,
}

/// Note for keys that X.509 has no form for.
const NO_SPKI: &str = "no SubjectPublicKeyInfo form: known by its fingerprint";

/// Largest RSA, DSA or ElGamal modulus read, in bits, as elsewhere; GnuPG makes no more than 4096.
const MAX_MODULUS: u32 = 16_384;
/// Smallest modulus read, in bits. PGP 2 made keys of 384.
const MIN_MODULUS: u32 = 256;
/// Largest modulus of DSA and ElGamal that is computed with: bounds the time a packet can cost.
const MAX_COMPUTED: u32 = 8192;

impl SecretKey {
    /// Reads the body of a Secret-Key or Secret-Subkey packet (RFC 9580 5.5.3).
    pub(crate) fn read(body: &[u8]) -> Result<Self, Malformed> {
        let mut fields = Cursor::new(body);
        let version = fields.u8("OpenPGP key version")?;
        if !(2..=6).contains(&version) {
            return Err(Malformed::new("OpenPGP key version", 0));
        }
        let created = fields.u32("creation time")?;
        if version < 4 {
            // Validity in days (RFC 4880 5.5.2).
            fields.u16("validity")?;
        }
        let algorithm = fields.u8("public key algorithm")?;
        let counted = if version >= 5 { Some(fields.u32("length of the public key")? as usize) } else { None };
        if version < 4 && !matches!(algorithm, 1..=3) {
            return Err(Malformed::new("RSA in an old key", fields.at()));
        }
        let start = fields.at();
        let mut neat = true;
        let numbers = match (Numbers::read(algorithm, &mut fields, &mut neat)?, counted) {
            (Numbers::Unknown, Some(len)) => {
                fields.take(len, "public key of an unknown algorithm")?;
                Numbers::Unknown
            }
            (Numbers::Unknown, None) => return Err(Malformed::new("known public key algorithm", start)),
            (_, Some(len)) if fields.at() - start != len => return Err(Malformed::new("length of the public key", start)),
            (numbers, _) => numbers,
        };
        let public = body.get(..fields.at()).unwrap_or_default();
        let fingerprint = fingerprint(version, public, &numbers).ok_or(Malformed::new("public key of sane length", start))?;
        let mut notes = Vec::new();
        let identity = if let Some(half) = numbers.half() {
            Identity::Public(Box::new(half))
        } else {
            notes.push(NO_SPKI);
            carrier::opaque(public)
        };
        match numbers {
            Numbers::ElGamal { .. } if algorithm == 16 => notes.push("ElGamal key: encrypts, cannot sign"),
            Numbers::ElGamal { .. } => notes.push("ElGamal key"),
            Numbers::Unknown => notes.push("public key algorithm not known"),
            _ => {}
        }
        let secret = Secret::read(version, &mut fields)?;
        let mut verified = false;
        neat &= secret.neat;
        if secret.protection.state == ProtectionState::Plaintext {
            let plain = numbers.plain(version, &mut fields)?;
            verified = plain.fits;
            neat &= plain.checksum;
            if !plain.checksum {
                notes.push("checksum wrong: damaged or made up");
            }
            if !plain.fits && !matches!(numbers, Numbers::Unknown | Numbers::UnknownCurve) {
                notes.push("the private numbers do not belong to the public ones");
            }
        }
        Ok(Self { version, created, identity, fingerprint, protection: secret.protection, verified, neat, notes })
    }

    /// Key ID, lower-case hex (RFC 9580 5.5.4); `None` for keys older than that rule.
    fn key_id(&self) -> Option<&str> {
        match self.version {
            4 => self.fingerprint.get(self.fingerprint.len().checked_sub(16)?..),
            5 | 6 => self.fingerprint.get(..16),
            _ => None,
        }
    }
}

/// RFC 9580 5.5.4; MD5 of the numbers before version 4.
fn fingerprint(version: u8, public: &[u8], numbers: &Numbers<'_>) -> Option<String> {
    let long = || Some(u32::try_from(public.len()).ok()?.to_be_bytes());
    Some(match (version, numbers) {
        (..4, Numbers::Rsa { n, e }) => hex(&Md5::new().chain_update(n).chain_update(e).finalize()),
        (4, _) => {
            let len = u16::try_from(public.len()).ok()?.to_be_bytes();
            hex(&Sha1::new().chain_update([0x99]).chain_update(len).chain_update(public).finalize())
        }
        (5, _) => hex(&Sha256::new().chain_update([0x9a]).chain_update(long()?).chain_update(public).finalize()),
        (6, _) => hex(&Sha256::new().chain_update([0x9b]).chain_update(long()?).chain_update(public).finalize()),
        _ => return None,
    })
}

/// A multiprecision integer (RFC 9580 3.2). `neat` is lost if its bit count is not exact.
fn mpi<'a>(fields: &mut Cursor<'a>, neat: &mut bool, what: &'static str) -> Result<&'a [u8], Malformed> {
    let count = u32::from(fields.u16(what)?);
    let number = fields.take(count.div_ceil(8) as usize, what)?;
    *neat &= public::bits(number) == count;
    Ok(number)
}

/// How the private number of a bare key is written.
#[derive(Clone, Copy, Debug)]
enum Form {
    /// As it is (RFC 9580 5.5.5.7 to 5.5.5.10).
    Native,
    /// An MPI whose digits are the native bytes (RFC 9580 5.5.5.5; Ed448 and X448 of LibrePGP).
    Mpi,
    /// An MPI of the number itself, so that the native bytes are reversed (RFC 9580 5.5.5.6.1.1, Curve25519Legacy).
    Reversed,
}

/// The public part of a key (RFC 9580 5.5.5).
#[derive(Clone, Copy, Debug)]
enum Numbers<'a> {
    Rsa { n: &'a [u8], e: &'a [u8] },
    Dsa { p: &'a [u8], q: &'a [u8], g: &'a [u8], y: &'a [u8] },
    ElGamal { p: &'a [u8], g: &'a [u8], y: &'a [u8] },
    Curve { curve: &'static Curve, point: &'a [u8] },
    Raw { kind: Raw, bytes: &'a [u8], form: Form },
    UnknownCurve,
    Unknown,
}

/// What the unencrypted private part says.
struct Plain {
    fits: bool,
    checksum: bool,
}

impl<'a> Numbers<'a> {
    /// Reads the public fields of an algorithm (ids: RFC 9580 9.1).
    fn read(algorithm: u8, fields: &mut Cursor<'a>, neat: &mut bool) -> Result<Self, Malformed> {
        let at = fields.at();
        let native = |kind: Raw, fields: &mut Cursor<'a>| {
            Ok(Self::Raw { kind, bytes: fields.take(kind.len(), "public key")?, form: Form::Native })
        };
        match algorithm {
            // RSA: both uses, encrypt only, sign only.
            1..=3 => {
                let (n, e) = (mpi(fields, neat, "RSA n")?, mpi(fields, neat, "RSA e")?);
                if !is_modulus(n) || e.last().is_none_or(|b| b & 1 == 0) || public::bits(e) > public::bits(n) {
                    return Err(Malformed::new("RSA public key", at));
                }
                Ok(Self::Rsa { n, e })
            }
            // ElGamal: encrypt only; both uses, until it was found to be unsafe (RFC 4880 13.8).
            16 | 20 => {
                let (p, g) = (mpi(fields, neat, "ElGamal p")?, mpi(fields, neat, "ElGamal g")?);
                let y = mpi(fields, neat, "ElGamal y")?;
                if !is_modulus(p) || [g, y].into_iter().any(|v| public::bits(v) == 0 || public::bits(v) > public::bits(p)) {
                    return Err(Malformed::new("ElGamal public key", at));
                }
                Ok(Self::ElGamal { p, g, y })
            }
            17 => {
                let (p, q) = (mpi(fields, neat, "DSA p")?, mpi(fields, neat, "DSA q")?);
                let (g, y) = (mpi(fields, neat, "DSA g")?, mpi(fields, neat, "DSA y")?);
                let below = [q, g, y].into_iter().all(|v| public::bits(v) > 0 && public::bits(v) <= public::bits(p));
                if !is_modulus(p) || !below {
                    return Err(Malformed::new("DSA public key", at));
                }
                Ok(Self::Dsa { p, q, g, y })
            }
            // ECDH, ECDSA, EdDSALegacy.
            18 | 19 | 22 => Self::elliptic(algorithm == 18, fields, neat),
            25 => native(Raw::X25519, fields),
            26 => native(Raw::X448, fields),
            27 => native(Raw::Ed25519, fields),
            28 => native(Raw::Ed448, fields),
            _ => {
                *neat = false;
                Ok(Self::Unknown)
            }
        }
    }

    fn elliptic(is_ecdh: bool, fields: &mut Cursor<'a>, neat: &mut bool) -> Result<Self, Malformed> {
        let at = fields.at();
        // 0 and 255 are reserved (RFC 9580 9.2).
        let len = match fields.u8("curve OID")? {
            0 | 255 => return Err(Malformed::new("curve OID", at)),
            len => usize::from(len),
        };
        let oid = fields.take(len, "curve OID")?;
        // The Ed448 and X448 of LibrePGP are octet strings: their bit count may be off.
        let mut exact = true;
        let point = mpi(fields, &mut exact, "public point")?;
        if is_ecdh {
            // KDF parameters: 3, 1, hash, cipher (RFC 9580 5.5.5.6).
            let len = usize::from(fields.u8("KDF parameters")?);
            let parameters = fields.take(len, "KDF parameters")?;
            *neat &= matches!(parameters, [1, _, _]);
        }
        if let Some((kind, form)) = raw(oid) {
            // 0x40: native point (RFC 9580 11.2).
            let bytes = if point.len() == kind.len() + 1 { point.strip_prefix(&[0x40]) } else { Some(point) };
            let bytes = bytes.filter(|b| b.len() == kind.len()).ok_or(Malformed::new("public point", at))?;
            return Ok(Self::Raw { kind, bytes, form });
        }
        *neat &= exact;
        if let Some(curve) = curves::by_oid(oid) {
            if !matches!(point.first(), Some(2..=4)) {
                return Err(Malformed::new("public point", at));
            }
            return Ok(Self::Curve { curve, point });
        }
        *neat = false;
        Ok(Self::UnknownCurve)
    }

    /// Identity and names, where X.509 has a form for the key.
    fn half(&self) -> Option<PublicHalf> {
        Some(public::half(&match *self {
            Self::Rsa { n, e } => PublicKey::Rsa { n, e },
            Self::Dsa { p, q, g, y } => PublicKey::Dsa { p, q, g, y },
            Self::Curve { curve, point } => PublicKey::Ec { domain: Domain::Named(curve), point },
            Self::Raw { kind, bytes, .. } => PublicKey::Raw { kind, bytes },
            Self::ElGamal { .. } | Self::UnknownCurve | Self::Unknown => return None,
        }))
    }

    /// Reads the private fields, which must be all that is left, and their checksum.
    fn plain(&self, version: u8, fields: &mut Cursor<'_>) -> Result<Plain, Malformed> {
        if version == 5 {
            // Length of the private fields (LibrePGP 5.5.3); the checksum counts with some writers.
            let len = fields.u32("length of the private key")? as usize;
            let left = fields.rest().len();
            if len != left && len + 2 != left {
                return Err(Malformed::new("length of the private key", fields.at()));
            }
        }
        let all = fields.rest();
        let start = fields.at();
        let fits = self.private(version, fields)?;
        let secret = all.get(..fields.at() - start).unwrap_or_default();
        let checksum = version == 6 || {
            // Sum of all octets (RFC 9580 5.5.3).
            let sum = secret.iter().fold(0_u16, |sum, &byte| sum.wrapping_add(u16::from(byte)));
            fields.u16("checksum")? == sum
        };
        if !fields.is_empty() {
            return Err(Malformed::new("end of the secret key packet", fields.at()));
        }
        Ok(Plain { fits, checksum })
    }

    /// Whether the private fields belong to the public ones.
    fn private(&self, version: u8, fields: &mut Cursor<'_>) -> Result<bool, Malformed> {
        // Bit counts of private numbers prove nothing that arithmetic does not.
        let mut number = |what| mpi(fields, &mut false, what);
        Ok(match *self {
            Self::Rsa { n, e } => {
                let (d, p, q) = (number("RSA d")?, number("RSA p")?, number("RSA q")?);
                number("RSA u")?;
                proof::rsa_fits(n, e, d, &[p, q])
            }
            Self::Dsa { p, g, y, .. } | Self::ElGamal { p, g, y } => {
                let x = number("private number")?;
                public::bits(p) <= MAX_COMPUTED
                    && proof::dsa_public(p, g, x).is_some_and(|computed| strip(&computed) == strip(y))
            }
            Self::Curve { curve, point } => {
                let computed = curve.public_point(number("private scalar")?);
                computed.is_some() && computed == curve.decompress(point)
            }
            Self::Raw { kind, bytes, form } => {
                let private = match form {
                    Form::Native => Zeroizing::new(fields.take(kind.len(), "private key")?.to_vec()),
                    Form::Mpi | Form::Reversed => unwrapped(number("private key")?, kind, form)
                        .ok_or(Malformed::new("length of the private key", fields.at()))?,
                };
                proof::raw_public(kind, &private).is_some_and(|computed| computed == bytes)
            }
            Self::UnknownCurve => {
                number("private scalar")?;
                false
            }
            Self::Unknown => {
                let checksum = if version == 6 { 0 } else { 2 };
                fields.take(fields.rest().len().saturating_sub(checksum), "private key")?;
                false
            }
        })
    }
}

/// The native bytes of a private key that was written as an MPI: zeros in front are put back.
fn unwrapped(number: &[u8], kind: Raw, form: Form) -> Option<Zeroizing<Vec<u8>>> {
    let native = if number.len() == kind.len() + 1 { number.strip_prefix(&[0x40])? } else { number };
    let mut bytes = Zeroizing::new(vec![0; kind.len().checked_sub(native.len())?]);
    // No copy is left behind by growing: there is room.
    bytes.reserve_exact(native.len());
    bytes.extend_from_slice(native);
    if matches!(form, Form::Reversed) {
        bytes.reverse();
    }
    Some(bytes)
}

/// The curves whose keys are bare bytes (RFC 9580 9.2), by the content octets of the OID.
fn raw(oid: &[u8]) -> Option<(Raw, Form)> {
    match oid {
        // 1.3.6.1.4.1.11591.15.1, Ed25519Legacy.
        [0x2b, 0x06, 0x01, 0x04, 0x01, 0xda, 0x47, 0x0f, 0x01] => Some((Raw::Ed25519, Form::Mpi)),
        // 1.3.6.1.4.1.3029.1.5.1, Curve25519Legacy; the OIDs of RFC 8410 are those of LibrePGP.
        [0x2b, 0x06, 0x01, 0x04, 0x01, 0x97, 0x55, 0x01, 0x05, 0x01] | public::OID_X25519 => {
            Some((Raw::X25519, Form::Reversed))
        }
        _ => Raw::from_oid(oid).map(|kind| (kind, Form::Mpi)),
    }
}

fn is_modulus(number: &[u8]) -> bool {
    (MIN_MODULUS..=MAX_MODULUS).contains(&public::bits(number)) && number.last().is_some_and(|b| b & 1 == 1)
}

fn strip(number: &[u8]) -> &[u8] {
    let zeros = number.iter().take_while(|&&b| b == 0).count();
    number.get(zeros..).unwrap_or_default()
}

/// How the private part is protected. For a plaintext key the cursor is left at its private fields.
struct Secret {
    protection: Protection,
    neat: bool,
}

/// Fewest bytes of ciphertext: the smallest private number there is (DSA, 160 bits).
const MIN_CIPHERTEXT: usize = 20;

/// Fewest octets hashed by an iterated S2K that cost a guesser something. GnuPG 1 hashed 65536, GnuPG 2 hashes as many
/// as take a tenth of a second.
const FEW_OCTETS: u32 = 1 << 20;

impl Secret {
    /// From the S2K usage octet on (RFC 9580 3.7.2.1 and 5.5.3).
    fn read(version: u8, fields: &mut Cursor<'_>) -> Result<Self, Malformed> {
        let usage = fields.u8("S2K usage")?;
        let counted = if version == 5 || (version == 6 && usage != 0) {
            let len = usize::from(fields.u8("length of the S2K fields")?);
            Some(fields.at() + len)
        } else {
            None
        };
        let mut neat = true;
        let (protection, iv) = match usage {
            0 => (Protection::plaintext(), 0),
            253..=255 => {
                let cipher = Cipher::of(fields.u8("cipher")?);
                // RFC 9580 9.6.
                let aead = match if usage == 253 { Some(fields.u8("AEAD mode")?) } else { None } {
                    Some(1) => Some(("EAX", 16)),
                    Some(2) => Some(("OCB", 15)),
                    Some(3) => Some(("GCM", 12)),
                    Some(_) => return Err(Malformed::new("AEAD mode", fields.at())),
                    None => None,
                };
                if version == 6 && usage != 255 {
                    fields.u8("length of the S2K specifier")?;
                }
                match s2k(fields, &mut neat)? {
                    S2k::Elsewhere(protection) => (protection, 0),
                    S2k::Derived(state, derived) => {
                        neat &= cipher.known;
                        let Cipher { name, block, .. } = cipher;
                        let (mode, iv) = aead.map_or((String::new(), block), |(mode, len)| (format!("-{mode}"), len));
                        (Protection::new(state, format!("{derived}, {name}{mode}")), iv)
                    }
                }
            }
            // A cipher, and the MD5 of the password as its key.
            1..=13 => {
                let Cipher { name, block, known } = Cipher::of(usage);
                neat &= known;
                (Protection::new(ProtectionState::Weak, format!("simple S2K MD5, {name}")), block)
            }
            _ => return Err(Malformed::new("S2K usage", fields.at())),
        };
        fields.take(iv, "initialization vector")?;
        if counted.is_some_and(|end| end != fields.at()) {
            return Err(Malformed::new("length of the S2K fields", fields.at()));
        }
        match protection.state {
            ProtectionState::Weak | ProtectionState::Strong if fields.rest().len() < MIN_CIPHERTEXT => {
                return Err(Malformed::new("encrypted private key", fields.at()));
            }
            ProtectionState::Stub | ProtectionState::Hardware => neat &= fields.is_empty(),
            _ => {}
        }
        Ok(Self { protection, neat })
    }
}

struct Cipher {
    name: String,
    block: usize,
    known: bool,
}

impl Cipher {
    /// RFC 9580 9.3.
    fn of(id: u8) -> Self {
        let (name, block) = match id {
            1 => ("IDEA", 8),
            2 => ("3DES", 8),
            3 => ("CAST5", 8),
            4 => ("Blowfish", 8),
            7 => ("AES-128", 16),
            8 => ("AES-192", 16),
            9 => ("AES-256", 16),
            10 => ("Twofish", 16),
            11 => ("Camellia-128", 16),
            12 => ("Camellia-192", 16),
            13 => ("Camellia-256", 16),
            _ => return Self { name: format!("cipher {id}"), block: 16, known: false },
        };
        Self { name: name.to_owned(), block, known: true }
    }
}

enum S2k {
    /// There is no private part, only a word on where it is.
    Elsewhere(Protection),
    /// A key is derived from a password.
    Derived(ProtectionState, String),
}

/// String-to-key specifier (RFC 9580 3.7.1).
fn s2k(fields: &mut Cursor<'_>, neat: &mut bool) -> Result<S2k, Malformed> {
    use ProtectionState::{Hardware, Strong, Stub, Weak};
    let at = fields.at();
    let kind = fields.u8("S2K kind")?;
    if kind == 4 {
        fields.take(16, "Argon2 salt")?;
        let [passes, lanes, memory] = fields.array("Argon2 parameters")?;
        return Ok(S2k::Derived(Strong, format!("Argon2id t={passes} p={lanes} m=2^{memory} KiB")));
    }
    let hash = fields.u8("S2K hash")?;
    // RFC 9580 9.5.
    let name = match hash {
        1 => "MD5",
        2 => "SHA-1",
        3 => "RIPEMD-160",
        8 => "SHA-256",
        9 => "SHA-384",
        10 => "SHA-512",
        11 => "SHA-224",
        12 => "SHA3-256",
        14 => "SHA3-512",
        _ => "unknown hash",
    };
    if kind != 101 {
        *neat &= name != "unknown hash";
    }
    Ok(match kind {
        0 => S2k::Derived(Weak, format!("simple S2K {name}")),
        1 => {
            fields.take(8, "salt")?;
            S2k::Derived(Weak, format!("salted S2K {name}"))
        }
        3 => {
            fields.take(8, "salt")?;
            // RFC 9580 3.7.1.3: four bits of mantissa, four of exponent.
            let coded = u32::from(fields.u8("S2K count")?);
            let octets = (16 + (coded & 15)) << ((coded >> 4) + 6);
            let state = if octets < FEW_OCTETS { Weak } else { Strong };
            S2k::Derived(state, format!("iterated S2K {name} {octets} octets"))
        }
        // GnuPG doc/DETAILS, "GNU extensions to the S2K algorithm".
        101 => {
            fields.expect(b"GNU", "GNU extension")?;
            match fields.u8("GNU extension")? {
                1 => S2k::Elsewhere(Protection::new(Stub, "gnu-dummy: the private key is not in this file")),
                2 => {
                    let len = usize::from(fields.u8("card serial number")?);
                    let serial = fields.take(len, "card serial number")?;
                    let shown = serial.get(..16).unwrap_or(serial);
                    S2k::Elsewhere(Protection::new(Hardware, format!("smart card, serial number {}", hex(shown))))
                }
                _ => return Err(Malformed::new("GNU extension", at)),
            }
        }
        _ => return Err(Malformed::new("S2K kind", at)),
    })
}

/// What a signature says.
#[derive(Debug)]
pub(crate) struct Signature {
    /// RFC 9580 5.2.1.
    pub(crate) kind: u8,
    /// Seconds since 1970-01-01T00:00:00Z.
    pub(crate) created: u32,
    /// Key flags.
    pub(crate) uses: Option<Uses>,
    /// Issuer fingerprint, lower-case hex.
    issuer: Option<String>,
    /// Issuer key ID, lower-case hex.
    issuer_id: Option<String>,
}

impl Signature {
    /// Reads the body of a Signature packet (RFC 9580 5.2).
    pub(crate) fn read(body: &[u8]) -> Result<Self, Malformed> {
        const WHAT: &str = "OpenPGP signature";
        let mut fields = Cursor::new(body);
        let version = fields.u8(WHAT)?;
        if version < 4 {
            // RFC 9580 5.2.2.
            fields.expect(&[5], WHAT)?;
            let (kind, created) = (fields.u8(WHAT)?, fields.u32(WHAT)?);
            return Ok(Self { kind, created, uses: None, issuer: None, issuer_id: Some(hex(fields.take(8, WHAT)?)) });
        }
        let mut signature = Self { kind: fields.u8(WHAT)?, created: 0, uses: None, issuer: None, issuer_id: None };
        fields.take(2, WHAT)?;
        for hashed in [true, false] {
            let len = if version == 6 { fields.u32(WHAT)? as usize } else { usize::from(fields.u16(WHAT)?) };
            signature.subpackets(fields.take(len, WHAT)?, hashed)?;
        }
        Ok(signature)
    }

    /// Reads an area of subpackets (RFC 9580 5.2.3.7). Only the hashed one is signed; who signed may stand in both.
    fn subpackets(&mut self, area: &[u8], hashed: bool) -> Result<(), Malformed> {
        const WHAT: &str = "signature subpacket";
        let mut fields = Cursor::new(area);
        while !fields.is_empty() {
            let len = match fields.u8(WHAT)? {
                short @ ..192 => usize::from(short),
                high @ 192..255 => two_octets(high, fields.u8(WHAT)?),
                255 => fields.u32(WHAT)? as usize,
            };
            // Bit 7 says critical.
            match fields.take(len, WHAT)?.split_first().map(|(kind, data)| (kind & 0x7f, data)) {
                // Signature creation time, RFC 9580 5.2.3.11.
                Some((2, data)) if hashed => self.created = Cursor::new(data).u32(WHAT)?,
                // Issuer key ID, 5.2.3.12.
                Some((16, data)) if data.len() == 8 => self.issuer_id = Some(hex(data)),
                // Key flags, 5.2.3.29.
                Some((27, data)) if hashed => {
                    let flags = data.first().copied().unwrap_or(0);
                    self.uses = Some(Uses {
                        certify: flags & 0x01 != 0,
                        sign: flags & 0x02 != 0,
                        encrypt: flags & 0x0c != 0,
                        authenticate: flags & 0x20 != 0,
                    });
                }
                // Issuer fingerprint with the key's version before it, 5.2.3.35.
                Some((33, [_, data @ ..])) if data.len() <= 32 => self.issuer = Some(hex(data)),
                _ => {}
            }
        }
        Ok(())
    }

    /// Whether it may come from this key: it says so, or says nothing.
    pub(crate) fn may_be_by(&self, key: &SecretKey) -> bool {
        match (&self.issuer, &self.issuer_id) {
            (Some(issuer), _) => *issuer == key.fingerprint,
            (None, Some(id)) => key.key_id().is_none_or(|own| own == id),
            (None, None) => true,
        }
    }
}
