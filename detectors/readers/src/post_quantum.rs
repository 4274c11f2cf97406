//! ML-DSA (FIPS 204, RFC 9881) and SLH-DSA (FIPS 205, RFC 9909) keys: sizes, names, and the arithmetic that derives the
//! public half of ML-DSA.
//!
//! An SLH-DSA private key ends with its public half, so nothing is derived; recomputing it would cost thousands of hash
//! trees for the small parameter sets.

use keyradius_core::error::Malformed;
use keyradius_core::material::Remark;
use ml_dsa::{
    ExpandedSigningKey, ExpandedSigningKeyBytes, MlDsa44, MlDsa65, MlDsa87, MlDsaParams, Signature, SigningKey,
    VerifyingKey,
};
use shake::{ExtendableOutput, Shake256, Update, XofReader};
use zeroize::Zeroizing;

use super::ber::{BerReader, OCTET_STRING, SEQUENCE};
use super::chance::looks_random;

/// 2.16.840.1.101.3.4.3, NIST's arc of signature algorithms: content octets.
const ARC: [u8; 8] = [0x60, 0x86, 0x48, 0x01, 0x65, 0x03, 0x04, 0x03];

/// Length of an ML-DSA seed in bytes (FIPS 204 algorithm 1).
const SEED: usize = 32;
/// The range of tr, the digest of the public key, in an expanded key (FIPS 204 algorithm 24).
const TR: std::ops::Range<usize> = 64..128;

/// A parameter set.
#[derive(Debug, PartialEq, Eq)]
pub struct Set {
    pub(crate) name: &'static str,
    /// All content octets of the OID.
    pub(crate) oid: [u8; 9],
    /// Size of a public key, in bytes.
    pub(crate) public: usize,
    /// Size of a private key, in bytes: expanded for ML-DSA.
    private: usize,
    /// The number in the name of the FIPS 204 parameter set: 44, 65, 87; 0 for SLH-DSA.
    lattice: u8,
}

const fn set(last: u8, name: &'static str, public: usize, private: usize, lattice: u8) -> Set {
    let [a, b, c, d, e, f, g, h] = ARC;
    Set { name, oid: [a, b, c, d, e, f, g, h, last], public, private, lattice }
}

/// FIPS 204 table 2, FIPS 205 table 2; OIDs from NIST's Computer Security Objects Register.
static SETS: [Set; 15] = [
    set(17, "ML-DSA-44", 1312, 2560, 44),
    set(18, "ML-DSA-65", 1952, 4032, 65),
    set(19, "ML-DSA-87", 2592, 4896, 87),
    set(20, "SLH-DSA-SHA2-128s", 32, 64, 0),
    set(21, "SLH-DSA-SHA2-128f", 32, 64, 0),
    set(22, "SLH-DSA-SHA2-192s", 48, 96, 0),
    set(23, "SLH-DSA-SHA2-192f", 48, 96, 0),
    set(24, "SLH-DSA-SHA2-256s", 64, 128, 0),
    set(25, "SLH-DSA-SHA2-256f", 64, 128, 0),
    set(26, "SLH-DSA-SHAKE-128s", 32, 64, 0),
    set(27, "SLH-DSA-SHAKE-128f", 32, 64, 0),
    set(28, "SLH-DSA-SHAKE-192s", 48, 96, 0),
    set(29, "SLH-DSA-SHAKE-192f", 48, 96, 0),
    set(30, "SLH-DSA-SHAKE-256s", 64, 128, 0),
    set(31, "SLH-DSA-SHAKE-256f", 64, 128, 0),
];

impl Set {
    pub(crate) fn from_oid(oid: &[u8]) -> Option<&'static Self> {
        SETS.iter().find(|set| set.oid == oid)
    }

    /// Whether the set is ML-DSA.
    pub(crate) const fn is_lattice(&self) -> bool {
        self.lattice != 0
    }
}

/// The data derived from a private key.
pub(crate) struct Derived {
    pub(crate) public: Vec<u8>,
    /// Whether the parts of the private key fit together; `None` if there is only one part.
    pub(crate) fits: Option<bool>,
    pub(crate) remark: Option<Remark>,
    /// Whether a random generator may have produced the secret bytes, as far as `looks_random` can tell.
    pub(crate) plausible: bool,
}

/// Reads the content of the privateKey OCTET STRING.
///
/// ML-DSA is a choice of a seed, the expanded key, or both (RFC 9881 6). Older tools wrote the bare bytes of either,
/// without a tag.
pub(crate) fn private(set: &Set, octets: &[u8]) -> Result<Derived, Malformed> {
    if set.lattice == 0 {
        return hash_based(set, octets);
    }
    let (seed, expanded) = choice(set, octets)?;
    let derive = match set.lattice {
        44 => lattice::<MlDsa44>,
        65 => lattice::<MlDsa65>,
        _ => lattice::<MlDsa87>,
    };
    // Eta: the private vectors contain numbers from -eta to eta (FIPS 204 table 1).
    let eta = if set.lattice == 65 { 4 } else { 2 };
    derive(seed, expanded, eta).ok_or(Malformed::new("ML-DSA private key", 0))
}

/// Whether an ML-DSA signature with an empty context verifies (FIPS 204 5.3). `set` is the number in the name of the
/// parameter set. False for lengths that do not belong to the set.
pub fn lattice_verifies(set: u8, public: &[u8], message: &[u8], signature: &[u8]) -> bool {
    fn of<P: MlDsaParams>(public: &[u8], message: &[u8], signature: &[u8]) -> Option<bool> {
        let public = VerifyingKey::<P>::decode(public.try_into().ok()?);
        let signature = Signature::<P>::decode(signature.try_into().ok()?)?;
        Some(public.verify_with_context(message, &[], &signature))
    }
    let verify = match set {
        44 => of::<MlDsa44>,
        65 => of::<MlDsa65>,
        87 => of::<MlDsa87>,
        _ => return false,
    };
    verify(public, message, signature).unwrap_or(false)
}

/// Reads SK.seed, SK.prf, PK.seed, PK.root (FIPS 205 figure 15), which RFC 9909 5 stores without an inner structure.
fn hash_based(set: &Set, octets: &[u8]) -> Result<Derived, Malformed> {
    let framed = BerReader::new(octets).value(OCTET_STRING, "SLH-DSA private key").ok().map(|value| value.content);
    let bytes = framed.filter(|content| content.len() == set.private).unwrap_or(octets);
    let (secret, public) = bytes
        .split_at_checked(set.private - set.public)
        .filter(|(_, public)| public.len() == set.public)
        .ok_or(Malformed::new("SLH-DSA private key length", 0))?;
    if secret.iter().all(|&byte| byte == 0) {
        return Err(Malformed::new("SLH-DSA private key of zeros", 0));
    }
    Ok(Derived {
        public: public.to_vec(),
        fits: None,
        remark: Some(Remark::PublicNotRecomputed),
        plausible: looks_random(secret) && looks_random(public),
    })
}

/// Seed and expanded key, each if present.
type Choice<'a> = (Option<&'a [u8]>, Option<&'a [u8]>);

/// Splits the octets of an ML-DSA key into seed and expanded key.
fn choice<'a>(set: &Set, octets: &'a [u8]) -> Result<Choice<'a>, Malformed> {
    if octets.len() == SEED {
        return Ok((Some(octets), None));
    }
    if octets.len() == set.private || octets.len() == set.private + set.public {
        return Ok((None, octets.get(..set.private)));
    }
    let mut reader = BerReader::new(octets);
    let value = reader.any()?;
    let (seed, expanded) = match value.tag {
        0x80 => (Some(value.content), None),
        OCTET_STRING if value.content.len() == SEED => (Some(value.content), None),
        OCTET_STRING => (None, value.content.get(..set.private)),
        SEQUENCE => {
            let mut both = value.children();
            let seed = both.value(OCTET_STRING, "ML-DSA seed")?.content;
            let expanded = both.value(OCTET_STRING, "ML-DSA expanded key")?.content;
            if !both.is_empty() || expanded.len() != set.private {
                return Err(Malformed::new("ML-DSA expanded key length", 0));
            }
            (Some(seed), Some(expanded))
        }
        _ => return Err(Malformed::new("ML-DSA private key", 0)),
    };
    if !reader.is_empty() || seed.is_some_and(|seed| seed.len() != SEED) || (seed.is_none() && expanded.is_none()) {
        return Err(Malformed::new("ML-DSA private key length", 0));
    }
    Ok((seed, expanded))
}

fn lattice<P: MlDsaParams>(seed: Option<&[u8]>, expanded: Option<&[u8]>, eta: u8) -> Option<Derived> {
    if let Some(seed) = seed {
        let key = Box::new(SigningKey::<P>::from_seed(seed.try_into().ok()?));
        let expanded_key = key.expanded_key();
        #[allow(deprecated, reason = "the expanded form is what has to be compared")]
        let fits = expanded.map(|found| Zeroizing::new(expanded_key.to_expanded()).as_slice() == found);
        return Some(Derived {
            public: expanded_key.verifying_key().encode().to_vec(),
            fits,
            remark: (fits == Some(false)).then_some(Remark::ForeignSeed),
            plausible: looks_random(seed),
        });
    }
    let bytes = expanded?;
    // rho and K, then tr, then the two vectors, whose numbers the crate does not check.
    let vectors = bytes.get(TR.end..bytes.len() - t0_length(bytes.len())?)?;
    if !small(vectors, eta) {
        return None;
    }
    let encoded = Zeroizing::new(ExpandedSigningKeyBytes::<P>::try_from(bytes).ok()?);
    #[allow(deprecated, reason = "keys in this form exist; what could make it panic was checked above")]
    let key = Box::new(ExpandedSigningKey::<P>::from_expanded(&encoded));
    let public = key.verifying_key().encode().to_vec();
    let mut tr = [0; 64];
    let mut hash = Shake256::default();
    hash.update(&public);
    hash.finalize_xof().read(&mut tr);
    let fits = bytes.get(TR)? == tr;
    Some(Derived { public, fits: Some(fits), remark: (!fits).then_some(Remark::ForeignDigest), plausible: true })
}

/// Bytes of t0 at the end of an expanded key: k polynomials of 256 numbers with 13 bits (FIPS 204 algorithm 24).
fn t0_length(length: usize) -> Option<usize> {
    let rows = match length {
        2560 => 4,
        4032 => 6,
        4896 => 8,
        _ => return None,
    };
    Some(rows * 256 * 13 / 8)
}

/// Whether every packed number is at most 2 * eta: 3 bits each for eta 2, 4 bits for eta 4 (FIPS 204 algorithm 17).
fn small(packed: &[u8], eta: u8) -> bool {
    let width = if eta == 2 { 3 } else { 4 };
    // Three bytes contain eight numbers of 3 bits or six of 4 bits, so groups of three bytes have no remainder.
    packed.chunks(3).all(|group| {
        let word = group.iter().rev().fold(0_u32, |word, &byte| word << 8 | u32::from(byte));
        (0..group.len() * 8 / width).all(|at| (word >> (at * width)) & ((1 << width) - 1) <= u32::from(2 * eta))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lattice_sets() -> impl Iterator<Item = &'static Set> {
        SETS.iter().filter(|set| set.lattice != 0)
    }

    fn expanded(set: &Set, seed: [u8; 32]) -> Vec<u8> {
        fn of<P: MlDsaParams>(seed: [u8; 32]) -> Vec<u8> {
            #[allow(deprecated, reason = "the form under test")]
            SigningKey::<P>::from_seed(&seed.into()).expanded_key().to_expanded().to_vec()
        }
        match set.lattice {
            44 => of::<MlDsa44>(seed),
            65 => of::<MlDsa65>(seed),
            _ => of::<MlDsa87>(seed),
        }
    }

    #[test]
    fn every_form_gives_one_public_key() {
        for set in lattice_sets() {
            let seed = [7; 32];
            let long = expanded(set, seed);
            let der = |tag: u8, body: &[u8]| super::super::ber::encode(tag, &[body]);
            let both = [der(4, &seed), der(4, &long)].concat();
            let expected = private(set, &seed).unwrap().public;
            assert_eq!(expected.len(), set.public);
            for (octets, fits) in [
                (der(0x80, &seed), None),
                (der(4, &seed), None),
                (der(4, &long), Some(true)),
                (long.clone(), Some(true)),
                ([&long[..], &expected].concat(), Some(true)),
                (der(0x30, &both), Some(true)),
            ] {
                let derived = private(set, &octets).unwrap();
                assert!(derived.public == expected && derived.fits == fits, "{} {}", set.name, octets.len());
            }
            let other = [der(4, &[8; 32]), der(4, &long)].concat();
            assert_eq!(private(set, &der(0x30, &other)).unwrap().fits, Some(false));
        }
    }

    /// The crate panics on vectors that no generator writes; the reader must refuse them first.
    #[test]
    fn any_byte_may_be_wrong() {
        for set in lattice_sets() {
            let long = expanded(set, [7; 32]);
            for at in (0..long.len()).step_by(61) {
                for wrong in [0, 0x7f, 0xff] {
                    let mut long = long.clone();
                    long[at] = wrong;
                    let _ = private(set, &long);
                }
            }
            assert!(private(set, &vec![0xff; set.private]).is_err());
            assert!(private(set, &vec![0; set.private]).is_ok_and(|derived| derived.fits == Some(false)));
            for length in 0..64 {
                assert_eq!(private(set, &vec![0x80; length]).is_ok(), length == 32, "{length}");
            }
        }
    }

    #[test]
    fn hash_based_keys_end_in_their_public_half() {
        for set in SETS.iter().filter(|set| set.lattice == 0) {
            let bytes: Vec<u8> = (0..set.private).map(|at| at as u8).collect();
            let derived = private(set, &bytes).unwrap();
            assert_eq!(derived.public, bytes[set.private / 2..]);
            assert!(private(set, &bytes[1..]).is_err());
            assert!(private(set, &vec![0; set.private]).is_err());
        }
    }
}
