//! Key blobs of Windows' old CryptoAPI (wincrypt.h: BLOBHEADER, RSAPUBKEY, DSSPUBKEY). Numbers are little-endian.
//!
//! Strong name files, PVK files and key containers contain private blobs; .NET assemblies contain public ones.

use keyradius_core::error::Malformed;
use keyradius_core::hex::hex;
use keyradius_core::material::{Encoding, Identity, Kind, Label, Material, Protection, PublicHalf, Remark};
use sha1::{Digest, Sha1};
use zeroize::Zeroizing;

use super::number;
use super::proof;
use super::public::{self, PublicKey};
use super::signs::{self, Fit};

/// Minimum and maximum size of a modulus, in bits, as for other RSA keys (`readers/private.rs`).
const BITS: std::ops::RangeInclusive<u32> = 256..=16_384;
/// Length of BLOBHEADER, in bytes.
pub const HEADER: usize = 8;
/// Length of x and q of DSS, and of its seed, in bytes.
const DSS_NUMBER: usize = 20;
/// DSSSEED: a counter and the seed, at the end of every DSS blob.
const DSS_SEED: usize = 24;
/// PUBLICKEYBLOB and PRIVATEKEYBLOB.
const PUBLIC: u8 = 6;
const PRIVATE: u8 = 7;
/// CALG_RSA_SIGN, CALG_RSA_KEYX, CALG_DSS_SIGN.
const RSA_SIGN: u32 = 0x2400;
const RSA_KEYX: u32 = 0xa400;
const DSS_SIGN: u32 = 0x2200;

/// Reads little-endian fields from a slice. Numbers are returned big-endian, as all arithmetic here expects.
#[derive(Clone, Debug)]
pub struct Little<'a> {
    bytes: &'a [u8],
    at: usize,
}

impl<'a> Little<'a> {
    /// Reads from the first of these bytes on.
    pub const fn new(bytes: &'a [u8]) -> Self {
        Self { bytes, at: 0 }
    }

    /// How many bytes were read.
    pub const fn at(&self) -> usize {
        self.at
    }

    /// The next bytes; `what` names them if there are fewer.
    pub fn take(&mut self, length: usize, what: &'static str) -> Result<&'a [u8], Malformed> {
        let end = self.at.checked_add(length).ok_or(Malformed::new(what, self.at))?;
        let taken = self.bytes.get(self.at..end).ok_or(Malformed::new(what, self.at))?;
        self.at = end;
        Ok(taken)
    }

    /// The next four bytes as a number.
    pub fn u32(&mut self, what: &'static str) -> Result<u32, Malformed> {
        let bytes = self.take(4, what)?;
        Ok(bytes.iter().rev().fold(0, |number, &byte| number << 8 | u32::from(byte)))
    }

    /// Reads a number of `length` bytes and reverses it.
    fn number(&mut self, length: usize, what: &'static str) -> Result<Zeroizing<Vec<u8>>, Malformed> {
        Ok(Zeroizing::new(self.take(length, what)?.iter().rev().copied().collect()))
    }
}

/// BLOBHEADER.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Header {
    /// Whether the blob is a PRIVATEKEYBLOB.
    pub private: bool,
    algorithm: u32,
}

impl Header {
    /// Reads the eight bytes in front of every blob.
    pub fn read(blob: &mut Little<'_>) -> Result<Self, Malformed> {
        let at = blob.at();
        let kind = blob.take(4, "BLOBHEADER")?;
        let algorithm = blob.u32("aiKeyAlg")?;
        match kind {
            [kind @ (PUBLIC | PRIVATE), 2, 0, 0] if matches!(algorithm, RSA_SIGN | RSA_KEYX | DSS_SIGN) => {
                Ok(Self { private: *kind == PRIVATE, algorithm })
            }
            _ => Err(Malformed::new("BLOBHEADER", at)),
        }
    }

    /// The purpose of the key that the writer declared.
    const fn meant_for(self) -> Remark {
        match self.algorithm {
            RSA_KEYX => Remark::MadeToExchange,
            _ => Remark::MadeToSign,
        }
    }
}

/// A key blob.
#[derive(Debug)]
pub struct Key {
    pub(crate) header: Header,
    /// The public half.
    pub public: PublicHalf,
    /// For private keys: how the numbers fit.
    pub fit: Fit,
    /// For RSA: the public key token by which assemblies are referenced.
    token: Option<Label>,
    /// Length in bytes.
    pub consumed: usize,
}

impl Key {
    /// Reads the blob at the start of `bytes`. Accepted are keys that part of their numbers proves, keys whose numbers
    /// all have valid sizes, and plausible public keys: every program that reads such blobs contains a header of four
    /// bytes and a few numbers.
    pub fn read(bytes: &[u8]) -> Result<Self, Malformed> {
        let mut blob = Little::new(bytes);
        let header = Header::read(&mut blob)?;
        Self::body(header, blob)
    }

    /// Reads a blob after its header. `blob` is at the magic number.
    pub fn body(header: Header, mut blob: Little<'_>) -> Result<Self, Malformed> {
        let at = blob.at();
        let magic = blob.take(4, "magic")?;
        let bits = blob.u32("bitlen")?;
        if !BITS.contains(&bits) {
            return Err(Malformed::new("bitlen", at));
        }
        match (magic, header.private, header.algorithm == DSS_SIGN) {
            (b"RSA1", false, false) => rsa_public(header, bits, &mut blob),
            (b"RSA2", true, false) => rsa_private(header, bits, &mut blob),
            (b"DSS1", false, true) | (b"DSS2", true, true) => dss(header, bits, &mut blob),
            _ => Err(Malformed::new("magic", at)),
        }
    }

    /// The material of the key, without a location.
    pub fn material(&self, format: &'static str) -> Material {
        let kind = if self.header.private { Kind::PrivateKey } else { Kind::PublicKey };
        let mut material = Material::new(kind, format, Encoding::Binary, 0..self.consumed);
        material.identity = Some(Identity::public(self.public.clone()));
        material.labels.extend(self.token.clone());
        if self.header.private {
            material.protection = Some(Protection::plaintext());
            self.fit.describe(&mut material);
            material.remarks.push(self.header.meant_for());
        }
        material
    }
}

/// Bytes of a number of `bits` bits.
const fn bytes(bits: u32) -> usize {
    bits.div_ceil(8) as usize
}

/// Checks that the modulus is odd and exactly as long as stated, and that the exponent is valid.
fn check_rsa(n: &[u8], e: &[u8], bits: u32) -> Result<(), Malformed> {
    let fits = number::bits(n) == bits && n.last().is_some_and(|last| last & 1 == 1);
    let exponent = number::bits(e) > 1 && e.last().is_some_and(|last| last & 1 == 1);
    if fits && exponent { Ok(()) } else { Err(Malformed::new("RSA modulus and exponent", HEADER)) }
}

fn rsa_public(header: Header, bits: u32, blob: &mut Little<'_>) -> Result<Key, Malformed> {
    let e = blob.u32("pubexp")?.to_be_bytes();
    let n = blob.number(bytes(bits), "modulus")?;
    check_rsa(&n, &e, bits)?;
    let public = public::half(&PublicKey::Rsa { n: &n, e: &e });
    Ok(Key { header, public, fit: Fit::Whole, token: public_key_token(&n, e, bits), consumed: blob.at() })
}

fn rsa_private(header: Header, bits: u32, blob: &mut Little<'_>) -> Result<Key, Malformed> {
    let e = blob.u32("pubexp")?.to_be_bytes();
    let n = blob.number(bytes(bits), "modulus")?;
    check_rsa(&n, &e, bits)?;
    let half = bits.div_ceil(16) as usize;
    let (p, q) = (blob.number(half, "prime1")?, blob.number(half, "prime2")?);
    for what in ["exponent1", "exponent2", "coefficient"] {
        blob.take(half, what)?;
    }
    let d = blob.number(bytes(bits), "privateExponent")?;
    // Some writers omit d; then the primes alone are the proof.
    let key = signs::rsa_by_name(&n, &e, &d, &[&p, &q]).ok_or(Malformed::new("RSA numbers do not fit", HEADER))?;
    let (public, signs::Rsa { n, e, fit }) = (key.half(), key);
    let e: [u8; 4] =
        number::padded(e, 4).and_then(|e| e.first_chunk().copied()).ok_or(Malformed::new("pubexp", HEADER))?;
    Ok(Key { header, public, fit, token: public_key_token(&n, e, bits), consumed: blob.at() })
}

fn dss(header: Header, bits: u32, blob: &mut Little<'_>) -> Result<Key, Malformed> {
    let at = blob.at();
    let size = bytes(bits);
    let (p, q) = (blob.number(size, "p")?, blob.number(DSS_NUMBER, "q")?);
    let g = blob.number(size, "g")?;
    let last = blob.number(if header.private { DSS_NUMBER } else { size }, "x or y")?;
    blob.take(DSS_SEED, "DSSSEED")?;
    // A private key has no public number, but its group can be proven: g has order q.
    let group = number::bits(&p) == bits && number::bits(&q) == 160 && number::bits(&g) > 1;
    let one = |power: Option<Vec<u8>>| power.is_some_and(|power| power == [1]);
    if !group || !one(proof::dsa_public(&p, &g, &q)) {
        return Err(Malformed::new("DSS group", at));
    }
    let y = if header.private {
        let fits = (1..=160).contains(&number::bits(&last));
        fits.then(|| proof::dsa_public(&p, &g, &last)).flatten().ok_or(Malformed::new("DSS private number", at))?
    } else if one(proof::dsa_public(&p, &last, &q)) {
        last.to_vec()
    } else {
        return Err(Malformed::new("DSS public number", at));
    };
    let public = public::half(&PublicKey::Dsa { p: &p, q: &q, g: &g, y: &y });
    let fit = if header.private { Fit::Derived(Remark::NoPublicDsaBlob) } else { Fit::Whole };
    Ok(Key { header, public, fit, token: None, consumed: blob.at() })
}

/// .NET's public key token of a strong name: the last eight bytes of the SHA-1 of the public blob as stored in
/// assemblies (ECMA-335 II.6.3), reversed. The blob is CALG_RSA_SIGN, CALG_SHA1, its length, then PUBLICKEYBLOB.
fn public_key_token(n: &[u8], e: [u8; 4], bits: u32) -> Option<Label> {
    const CALG_SHA1: u32 = 0x8004;
    let mut blob = vec![PUBLIC, 2, 0, 0];
    for number in [RSA_SIGN, u32::from_le_bytes(*b"RSA1"), bits, u32::from_be_bytes(e)] {
        blob.extend_from_slice(&number.to_le_bytes());
    }
    blob.extend(n.iter().rev());
    let head = [RSA_SIGN, CALG_SHA1, blob.len() as u32].map(u32::to_le_bytes).concat();
    let mut token: [u8; 8] = *Sha1::new().chain_update(head).chain_update(blob).finalize().last_chunk()?;
    token.reverse();
    Some(Label::new("public key token", hex(&token).as_bytes()))
}
