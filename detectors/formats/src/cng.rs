//! Private key blobs of Windows' CNG (bcrypt.h): RSA, ECDSA, ECDH and DSA, as BCryptExportKey and .NET's
//! `CngKey.Export` write them.
//!
//! The magic numbers are four letters that occur in every program that uses them. So a blob counts only if a part of it
//! that can sign is proven (`readers/signs.rs`), or if its structure leaves no doubt: a complete RSA blob, a point on its
//! curve before a scalar, a file with the length of an EC blob, a group of order q. At the start of a file all kinds
//! are searched for. Elsewhere, to keep scans fast, only kinds with a longer common prefix are: RSA of 2048, 3072 and
//! 4096 bits with a usual exponent, and ECDSA on the NIST curves.
//! usual exponent, and ECDSA on the NIST curves.

use keyradius_core::blob::Blob;
use keyradius_core::error::Malformed;
use keyradius_core::material::{Encoding, Identity, Kind, Material, Protection, Remark};
use keyradius_core::seam::{About, Anchor, Detector, Hit, Inspection};
use keyradius_readers::capi::Little;
use keyradius_readers::curves::{self, Curve};
use keyradius_readers::number;
use keyradius_readers::proof;
use keyradius_readers::public::{Domain, PublicKey};
use keyradius_readers::signs::{self, Fit, Private};

/// Detects CNG key blobs.
#[derive(Debug)]
pub(crate) struct Cng;

static ABOUT: About = About {
    id: "cng",
    title: "Key blob of CNG (BCryptExportKey)",
    detects: "Private key blobs of RSA (RSA2, RSA3), ECDSA and ECDH on P-256, P-384 and P-521 (ECS2 to ECK6) and DSA \
              (DSPV, DPV2) at the start of a file; RSA of 2048, 3072 and 4096 bits with exponent 65537 or another of \
              three bytes, and ECDSA, at any offset. Only blobs that arithmetic or all of their sizes confirm.",
    blind_to: "Blobs that offer no proof: public keys, Diffie-Hellman, symmetric keys (KDBM), keys on other curves \
               (ECDV, ECKV), which do not name their curve. EC blobs inside other files whose point is not on the \
               curve. Opaque blobs of key storage providers.",
    respond: "Whoever has the file has the key. Revoke the certificates of the key, make a new key, and keep it in a \
              key storage provider without export permission, preferably that of the TPM.",
    references: &[
        "bcrypt.h: BCRYPT_RSAKEY_BLOB, BCRYPT_ECCKEY_BLOB, BCRYPT_DSA_KEY_BLOB, BCRYPT_DSA_KEY_BLOB_V2",
        "CWE-321",
    ],
};

/// Sizes in bytes of exponent (3), modulus and both primes, as they follow magic number and bit length.
const RSA_2048: Anchor = Anchor::anywhere(&[3, 0, 0, 0, 0, 1, 0, 0, 128, 0, 0, 0, 128, 0, 0, 0]);
const RSA_3072: Anchor = Anchor::anywhere(&[3, 0, 0, 0, 128, 1, 0, 0, 192, 0, 0, 0, 192, 0, 0, 0]);
const RSA_4096: Anchor = Anchor::anywhere(&[3, 0, 0, 0, 0, 2, 0, 0, 0, 1, 0, 0, 0, 1, 0, 0]);
/// Bytes of an RSA blob before these sizes.
const BEFORE_SIZES: usize = 8;

const ANCHORS: &[Anchor] = &[
    RSA_2048,
    RSA_3072,
    RSA_4096,
    Anchor::anywhere(b"ECS2\x20\0\0\0"),
    Anchor::anywhere(b"ECS4\x30\0\0\0"),
    Anchor::anywhere(b"ECS6\x42\0\0\0"),
    Anchor::at_start(b"RSA2"),
    Anchor::at_start(b"RSA3"),
    Anchor::at_start(b"ECK2\x20\0\0\0"),
    Anchor::at_start(b"ECK4\x30\0\0\0"),
    Anchor::at_start(b"ECK6\x42\0\0\0"),
    Anchor::at_start(b"DSPV"),
    Anchor::at_start(b"DPV2"),
];

impl Detector for Cng {
    fn about(&self) -> &'static About {
        &ABOUT
    }

    fn anchors(&self) -> &'static [Anchor<'static>] {
        ANCHORS
    }

    fn inspect(&self, blob: Blob<'_>, hit: Hit<'_>, out: &mut Inspection) -> Result<(), Malformed> {
        let sizes = [RSA_2048, RSA_3072, RSA_4096].contains(&hit.anchor);
        let Some(start) = hit.at.checked_sub(if sizes { BEFORE_SIZES } else { 0 }) else { return Ok(()) };
        let mut fields = Little::new(blob.bytes.get(start..).unwrap_or_default());
        let length = blob.bytes.len();
        // Whether the file contains a blob and nothing else.
        let is_file = |size: u32| start == 0 && length == 8 + 3 * size as usize;
        let (key, fit) = match fields.take(4, "magic")? {
            b"RSA2" => rsa(&mut fields, false)?,
            b"RSA3" => rsa(&mut fields, true)?,
            b"ECS2" | b"ECK2" => ecc(&mut fields, P256, is_file)?,
            b"ECS4" | b"ECK4" => ecc(&mut fields, P384, is_file)?,
            b"ECS6" | b"ECK6" => ecc(&mut fields, P521, is_file)?,
            b"DSPV" => dsa(&mut fields)?,
            b"DPV2" => dsa_v2(&mut fields)?,
            // The four sizes of an RSA anchor without the magic number: not a blob.
            _ => return Ok(()),
        };
        let mut material = Material::new(Kind::PrivateKey, ABOUT.id, Encoding::Binary, start..start + fields.at());
        fit.describe(&mut material);
        material.protection = Some(Protection::plaintext());
        material.identity = Some(Identity::public(key));
        if blob.bytes.get(start..start + 3) == Some(b"ECK") {
            material.remarks.push(Remark::EcdhKey);
        }
        out.found(material);
        Ok(())
    }
}

/// secp256r1, secp384r1 and secp521r1: contents of their OIDs, and the sizes of their numbers in bytes.
const P256: (&[u8], u32) = (&[0x2a, 0x86, 0x48, 0xce, 0x3d, 0x03, 0x01, 0x07], 32);
const P384: (&[u8], u32) = (&[0x2b, 0x81, 0x04, 0x00, 0x22], 48);
const P521: (&[u8], u32) = (&[0x2b, 0x81, 0x04, 0x00, 0x23], 66);

type Half = (keyradius_core::material::PublicHalf, Fit);

/// BCRYPT_RSAKEY_BLOB; a `full` blob also contains the numbers that follow from the primes. Numbers are big-endian.
fn rsa(fields: &mut Little<'_>, full: bool) -> Result<Half, Malformed> {
    /// As for other RSA keys (`readers/private.rs`), and the largest exponent that Windows accepts.
    const BITS: std::ops::RangeInclusive<u32> = 256..=16_384;
    const MAX_EXPONENT: usize = 8;
    let bits = fields.u32("BitLength")?;
    let mut size = |what| fields.u32(what).map(|size| size as usize);
    let (e, n) = (size("cbPublicExp")?, size("cbModulus")?);
    let (p, q) = (size("cbPrime1")?, size("cbPrime2")?);
    let fits = BITS.contains(&bits) && n == bits.div_ceil(8) as usize && (1..=MAX_EXPONENT).contains(&e);
    if !fits || p == 0 || q == 0 || p.max(q) >= n {
        return Err(Malformed::new("sizes", 4));
    }
    let (e, n) = (fields.take(e, "PublicExponent")?, fields.take(n, "Modulus")?);
    let (p, q) = (fields.take(p, "Prime1")?, fields.take(q, "Prime2")?);
    let mut d = &[][..];
    if full {
        fields.take(p.len() + q.len() + p.len(), "CRT numbers")?;
        d = fields.take(n.len(), "PrivateExponent")?;
    }
    let sane = number::bits(n) == bits && number::bits(e) > 1 && e.last().is_some_and(|last| last & 1 == 1);
    // In a full blob, five consistent sizes leave no doubt. A blob without d never has the shape of a key.
    let key = signs::rsa_by_name(n, e, d, &[p, q]).filter(|_| sane);
    let key = key.ok_or(Malformed::new("RSA numbers do not fit", 4))?;
    Ok((key.half(), key.fit))
}

/// BCRYPT_ECCKEY_BLOB: the point, then the scalar.
fn ecc(fields: &mut Little<'_>, (oid, size): (&[u8], u32), is_file: impl Fn(u32) -> bool) -> Result<Half, Malformed> {
    if fields.u32("cbKey")? != size {
        return Err(Malformed::new("cbKey", 4));
    }
    let curve: &'static Curve = curves::by_oid(oid).ok_or(Malformed::new("curve", 0))?;
    let coordinates = fields.take(2 * size as usize, "point")?;
    let scalar = fields.take(size as usize, "scalar")?;
    // A multiplication is a hundred times as expensive, and the magic numbers are everywhere. So even a point that does
    // not match the scalar must be on the curve, unless the file has room for nothing but a blob.
    let point = [&[4], coordinates].concat();
    if curve.decompress(&point).is_none() && !is_file(size) {
        return Err(Malformed::new("the point is not on the curve", 8));
    }
    let key = PublicKey::Ec { domain: Domain::Named(curve), point: &point };
    signs::one_number(&key, scalar, curve.bits).ok_or(Malformed::new("scalar", 8))
}

/// BCRYPT_DSA_KEY_BLOB: up to 1024 bits, with a q of 160 bits.
fn dsa(fields: &mut Little<'_>) -> Result<Half, Malformed> {
    const GROUP: usize = 20;
    let size = fields.u32("cbKey")? as usize;
    fields.take(4 + 20, "count and seed")?;
    let q = fields.take(GROUP, "q")?;
    dsa_numbers(fields, size, q)
}

/// BCRYPT_DSA_KEY_BLOB_V2: longer keys.
fn dsa_v2(fields: &mut Little<'_>) -> Result<Half, Malformed> {
    let size = fields.u32("cbKey")? as usize;
    // hashAlgorithm, standardVersion.
    fields.take(8, "versions")?;
    let (seed, group) = (fields.u32("cbSeedLength")? as usize, fields.u32("cbGroupSize")? as usize);
    fields.take(4, "count")?;
    if seed > 64 || !(20..=64).contains(&group) {
        return Err(Malformed::new("sizes", 4));
    }
    fields.take(seed, "seed")?;
    let q = fields.take(group, "q")?;
    dsa_numbers(fields, size, q)
}

fn dsa_numbers(fields: &mut Little<'_>, size: usize, q: &[u8]) -> Result<Half, Malformed> {
    if !(64..=512).contains(&size) {
        return Err(Malformed::new("cbKey", 4));
    }
    let (p, g, y) = (fields.take(size, "p")?, fields.take(size, "g")?, fields.take(size, "y")?);
    let x = fields.take(q.len(), "x")?;
    let (half, fit) = signs::signs_as(&PublicKey::Dsa { p, q, g, y }, Private::Number(x));
    // If the public number does not match, the group is the proof: g has order q.
    let group = || proof::dsa_public(p, g, q).is_some_and(|power| power == [1]);
    let stands = fit.is_proven() || (signs::is_full_size(x, number::bits(q)) && group());
    if fit == Fit::Nothing || number::bits(g) < 2 || number::bits(x) < 2 || !stands {
        return Err(Malformed::new("DSA numbers do not fit", 4));
    }
    Ok((half, fit))
}

#[cfg(test)]
mod tests {

    use super::*;
    use crate::ask;

    /// The scalar 1. Its point is the base point of P-256 (SEC 2, 2.4.2).
    const BASE: &str = "6b17d1f2e12c4247f8bce6e563a440f277037d812deb33a0f4a13945d898c296\
                        4fe342e2fe1a7f9b8ee7eb4a7c0f9e162bce33576b315ececbb6406837bf51f5";

    fn ecs2() -> Vec<u8> {
        let point = (0..BASE.len()).step_by(2).map(|at| u8::from_str_radix(&BASE[at..at + 2], 16).unwrap());
        let scalar = [&[0; 31][..], &[1]].concat();
        [b"ECS2\x20\0\0\0".to_vec(), point.collect(), scalar].concat()
    }

    /// (2^521 - 1)^2: a product with known factors.
    fn rsa2() -> Vec<u8> {
        let p = [vec![1], vec![0xff; 65]].concat();
        let mut n = vec![0xff; 131];
        n[0] = 3;
        n[65] = 0xfc;
        n[66..130].fill(0);
        n[130] = 1;
        let sizes = [1042_u32, 3, 131, 66, 66].map(u32::to_le_bytes).concat();
        [&b"RSA2"[..], &sizes, &[1, 0, 1], &n, &p, &p].concat()
    }

    fn inspect(bytes: &[u8]) -> Vec<Material> {
        ask::every(&Cng, "x", bytes)
    }

    #[test]
    fn only_consistent_blobs_are_keys() {
        for (what, good, elsewhere) in [("ECS2", ecs2(), 1), ("RSA2", rsa2(), 0)] {
            let found = inspect(&[&good[..], b"behind"].concat());
            assert_eq!((found.len(), found[0].span.clone()), (1, 0..good.len()), "{what}");
            assert_eq!(inspect(&[b"before", &good[..]].concat()).len(), elsewhere, "{what}");
            for length in 0..good.len() {
                assert!(inspect(&good[..length]).is_empty(), "{what} {length}");
            }
            for at in 0..good.len() {
                let mut bytes = good.clone();
                bytes[at] ^= 2;
                // Nothing checks the exponent of RSA2, and either prime proves the other. If the size of the second
                // prime is smaller, the first is still read.
                let free = what == "RSA2" && (at == 20 || (24..27).contains(&at) || at >= 27 + 131);
                assert_eq!(inspect(&bytes).is_empty(), !free, "{what} {at}");
            }
        }
    }
}
