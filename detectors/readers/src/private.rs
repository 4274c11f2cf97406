//! DER private keys: PKCS#1, SEC1, DSA and PKCS#8, each proven by its own arithmetic.
//!
//! The formats share this reader because they nest: PKCS#8 contains the others, keystores contain PKCS#8. The private
//! numbers stay in `der`: only public numbers are returned.

use keyradius_core::error::Malformed;
use keyradius_core::material::{PublicHalf, Remark};
use zeroize::Zeroizing;

use super::ber::{self, BIT_STRING, BerReader, INTEGER, OCTET_STRING, OID, SEQUENCE};
use super::chance::looks_random;
use super::number;
use super::number::strip;
use super::post_quantum::{self, Set};
use super::proof;
use super::public::{self, Domain, PublicKey, Raw};
use super::signs::{self, Fit};

/// The result of reading a private key.
#[derive(Debug)]
pub struct PrivateKey {
    /// The public half; `None` for algorithms whose public half keyradius cannot derive.
    pub public: Option<PublicHalf>,
    /// Whether the parts are proven to fit together.
    pub verified: bool,
    /// `pkcs1`, `pkcs8`, `sec1` or `dsa`.
    pub format: &'static str,
    /// Whether the key contains parts to compare. If it does and is not verified, the key is damaged.
    pub comparable: bool,
    /// Whether the private number is plausible: bytes without redundancy inside a program may be a template instead.
    pub plausible: bool,
    /// Remarks to report.
    pub remarks: Vec<Remark>,
    /// Length of the structure in bytes, without any bytes after it.
    pub consumed: usize,
}

impl PrivateKey {
    /// The key at the start of decrypted bytes: one that its own arithmetic proves, or one without anything to compare.
    /// A wrong password does not produce the algorithm identifier before the key by accident. Other bytes may follow
    /// the key: they are searched separately. `read` is a reader of this file.
    pub fn decrypted(read: fn(&[u8]) -> Result<Self, Malformed>, plain: &[u8]) -> Option<Self> {
        let stands = |key: &Self| key.verified || (!key.comparable && key.public.is_some());
        read(plain).ok().filter(stands)
    }
}

/// Maximum modulus read, in bits: OpenSSL refuses larger public keys (OPENSSL_RSA_MAX_MODULUS_BITS).
const MAX_MODULUS: u32 = 16_384;
/// Minimum modulus read, in bits. Smaller ones occur only in test suites.
const MIN_MODULUS: u32 = 256;

/// Reads an RSAPrivateKey (RFC 8017 A.1.2).
pub fn pkcs1(der: &[u8]) -> Result<PrivateKey, Malformed> {
    rsa(der, None)
}

/// Reads an RSA key. `pss` is the parameters if the outer structure says RSASSA-PSS.
fn rsa(der: &[u8], pss: Option<&[u8]>) -> Result<PrivateKey, Malformed> {
    let outer = BerReader::new(der).value(SEQUENCE, "RSAPrivateKey")?;
    let mut fields = outer.children();
    // OpenSSL ignores the version of a key, and so do the readers below.
    fields.value(INTEGER, "version")?;
    let mut number = |what| Ok::<_, Malformed>(fields.value(INTEGER, what)?.unsigned());
    let n = number("modulus")?;
    let e = number("publicExponent")?;
    let d = number("privateExponent")?;
    let (p, q) = (number("prime1")?, number("prime2")?);
    for what in ["exponent1", "exponent2", "coefficient"] {
        number(what)?;
    }
    let mut primes = vec![p, q];
    if let Some(others) = fields.optional(SEQUENCE)? {
        let mut others = others.children();
        while !others.is_empty() && primes.len() < 16 {
            primes.push(others.value(SEQUENCE, "OtherPrimeInfo")?.children().value(INTEGER, "prime")?.unsigned());
        }
    }
    let bits = number::bits(n);
    if !(MIN_MODULUS..=MAX_MODULUS).contains(&bits) || n.last().is_none_or(|b| b & 1 == 0) {
        return Err(Malformed::new("RSA modulus", 0));
    }
    // If Java knows a key only by modulus and private exponent, it writes zeros for the other numbers.
    let is_bare = [e, p, q].iter().all(|number| number::bits(number) == 0);
    // Whoever has the other numbers can sign, whatever exponent is stored with them.
    let is_none = |e: &[u8]| e.last().is_none_or(|b| b & 1 == 0) || e == [1] || number::bits(e) > bits;
    let sought = is_bare || is_none(e);
    let e = if sought { proof::rsa_exponent(n, &[], d).unwrap_or_default() } else { e };
    if is_none(e) {
        return Err(Malformed::new("RSA public exponent", 0));
    }
    // Random bytes between valid headers would be accepted up to here; a key has primes of a plausible size.
    let usable = number::bits(d) > bits / 4 || number::bits(p) > bits / 8;
    if !usable {
        return Err(Malformed::new("RSA private numbers", 0));
    }
    let signs::Rsa { n, e, fit } =
        if is_bare { signs::Rsa { n: n.into(), e, fit: Fit::Whole } } else { signs::rsa(n, e, d, &primes) };
    let n = &*n;
    let verified = fit.is_proven();
    // Go ignores additional fields of a key. A key that is not proven must match the format exactly.
    if !verified && !fields.is_empty() {
        return Err(Malformed::new("RSAPrivateKey has more fields", fields.at()));
    }
    let mut remarks = Vec::new();
    if is_bare {
        remarks.push(Remark::BareRsa);
    } else if sought {
        remarks.push(Remark::NoPublicExponent);
    }
    remarks.extend(fit.remark());
    if primes.len() > 2 {
        remarks.push(Remark::MultiPrime);
    }
    let key = match pss {
        None => PublicKey::Rsa { n, e },
        Some(parameters) => PublicKey::RsaPss { n, e, parameters },
    };
    Ok(PrivateKey {
        public: Some(public::half(&key)),
        verified,
        format: "pkcs1",
        comparable: true,
        plausible: true,
        remarks,
        consumed: outer.raw.len(),
    })
}

/// Reads the DSA private key that OpenSSL wrote before PKCS#8: six INTEGERs 0, p, q, g, y, x.
pub fn dsa(der: &[u8]) -> Result<PrivateKey, Malformed> {
    let outer = BerReader::new(der).value(SEQUENCE, "DSA private key")?;
    let mut fields = outer.children();
    fields.value(INTEGER, "version")?;
    let mut number = |what| Ok::<_, Malformed>(fields.value(INTEGER, what)?.unsigned());
    let (p, q, g, y, x) = (number("p")?, number("q")?, number("g")?, number("y")?, number("x")?);
    check_dsa(p, q, g, x)?;
    let computed = proof::dsa_public(p, g, x);
    let verified = computed.as_ref().is_some_and(|c| strip(c) == y);
    if !verified && !fields.is_empty() {
        return Err(Malformed::new("DSA private key has more fields", fields.at()));
    }
    // A key is what it signs as: a stored public number may belong to another key, and a published one would hide this
    // key.
    let y = computed.as_deref().map_or(y, strip);
    Ok(PrivateKey {
        public: Some(public::half(&PublicKey::Dsa { p, q, g, y })),
        verified,
        format: "dsa",
        comparable: true,
        plausible: true,
        remarks: if verified { vec![] } else { vec![Remark::ForeignPublicNumber] },
        consumed: outer.raw.len(),
    })
}

/// Checks the sizes of a DSA key (FIPS 186-4 4.2, with room for older ones).
fn check_dsa(p: &[u8], q: &[u8], g: &[u8], x: &[u8]) -> Result<(), Malformed> {
    let (p_bits, q_bits) = (number::bits(p), number::bits(q));
    let sane = (512..=8192).contains(&p_bits)
        && (128..=512).contains(&q_bits)
        && p.last().is_some_and(|b| b & 1 == 1)
        && number::bits(g) > 1
        && (1..=q_bits).contains(&number::bits(x));
    if sane { Ok(()) } else { Err(Malformed::new("DSA numbers", 0)) }
}

/// Reads an ECPrivateKey (RFC 5915 3) that contains its curve.
pub fn sec1(der: &[u8]) -> Result<PrivateKey, Malformed> {
    ec(der, None)
}

fn ec(der: &[u8], domain: Option<Domain<'_>>) -> Result<PrivateKey, Malformed> {
    let outer = BerReader::new(der).value(SEQUENCE, "ECPrivateKey")?;
    let mut fields = outer.children();
    fields.value(INTEGER, "version")?;
    let scalar = Zeroizing::new(fields.string(OCTET_STRING, "privateKey")?.octets()?.into_owned());
    // OpenSSL accepts any number of leading zeros.
    let scalar = strip(&scalar);
    if scalar.is_empty() || scalar.len() > 128 {
        return Err(Malformed::new("EC private scalar", 0));
    }
    let inner = fields.optional(ber::context(0))?.map(|v| public::domain(&mut v.children())).transpose()?;
    let point = match fields.optional(ber::context(1))? {
        Some(value) => Some(value.children().string(BIT_STRING, "publicKey")?.bits()?),
        None => None,
    };
    let point = point.as_deref();
    let domain = inner.or(domain).ok_or(Malformed::new("EC curve", 0))?;
    let curve = match domain {
        Domain::Named(curve) => Some(curve),
        Domain::Explicit { same_as, .. } => same_as,
        Domain::Unknown(_) => None,
    };
    let computed = match (curve, domain) {
        (Some(curve), _) => curve.public_point(scalar),
        (None, Domain::Explicit { der, .. }) => BerReader::new(der)
            .any()
            .and_then(super::curves::Explicit::read)
            .ok()
            .and_then(|explicit| explicit.public_point(scalar)),
        _ => None,
    };
    let mut remarks = Vec::new();
    let verified = match (&computed, point) {
        (Some(computed), Some(point)) => {
            same_point(computed, point) || curve.and_then(|c| c.decompress(point)).as_ref() == Some(computed)
        }
        // Nothing to compare with: the scalar is in range, and the curve is known.
        (Some(_), None) => {
            remarks.push(Remark::NoPublicPoint);
            false
        }
        (None, _) => false,
    };
    // As for RSA: a damaged key may have fields that it never had.
    if !verified && !fields.is_empty() {
        return Err(Malformed::new("ECPrivateKey has more fields", fields.at()));
    }
    if !verified && point.is_some() && computed.is_some() {
        remarks.push(Remark::ForeignPublicPoint);
    }
    // On an unknown curve nothing can be proven.
    let comparable = point.is_some();
    // As for DSA, a key is what it signs as.
    let point = point.map(<[u8]>::to_vec);
    let shown = if verified { point.or(computed) } else { computed.or(point) };
    let public = shown.map(|point| public::half(&PublicKey::Ec { domain, point: &point }));
    let plausible = looks_random(scalar);
    Ok(PrivateKey { public, verified, format: "sec1", comparable, plausible, remarks, consumed: outer.raw.len() })
}

/// Whether two X9.62 points are equal. The first is uncompressed.
fn same_point(uncompressed: &[u8], other: &[u8]) -> bool {
    match other.split_first() {
        Some((4, _)) => uncompressed == other,
        // Hybrid form (06, 07): contains both coordinates.
        Some((6 | 7, coordinates)) => uncompressed.get(1..) == Some(coordinates),
        // Compressed form (02, 03): the same x, and the parity of y.
        Some((form @ (2 | 3), x)) => {
            uncompressed.get(1..=x.len()) == Some(x) && uncompressed.last().map(|y| y & 1) == Some(form & 1)
        }
        _ => false,
    }
}

/// Reads a PrivateKeyInfo or OneAsymmetricKey (RFC 5208, RFC 5958).
pub fn pkcs8(der: &[u8]) -> Result<PrivateKey, Malformed> {
    // Attributes may have any length. A key is complete without them.
    let (outer, cut) = BerReader::cut(der, SEQUENCE, "PrivateKeyInfo")?;
    let mut fields = outer.children();
    fields.value(INTEGER, "version")?;
    let mut algorithm = fields.value(SEQUENCE, "privateKeyAlgorithm")?.children();
    let oid = algorithm.value(OID, "algorithm OID")?.content;
    let octets = fields.string(OCTET_STRING, "privateKey")?.octets()?;
    let octets = Zeroizing::new(octets.into_owned());
    // [0] attributes, [1] publicKey: as BIT STRING content (RFC 5958), or wrapped once more (ring, old Java).
    let (mut public, mut others) = (None, false);
    while !fields.is_empty() {
        let field = match fields.any() {
            Ok(field) => field,
            Err(_) if cut => break,
            Err(error) => return Err(error),
        };
        match field.tag {
            0x81 => public = field.content.get(1..),
            0xa1 => public = BerReader::new(field.content).any().ok().and_then(|v| v.content.get(1..)),
            0xa0 => {}
            _ => others = true,
        }
    }
    let mut key = match oid {
        public::OID_RSA | public::OID_RSA_X509 => rsa(&octets, None)?,
        public::OID_RSA_PSS => {
            let parameters = algorithm.any().map_or(&[][..], |v| v.raw);
            rsa(&octets, Some(parameters))?
        }
        public::OID_EC => ec(&octets, Some(public::domain(&mut algorithm)?))?,
        oid if public::is_dsa(oid) => dsa_pkcs8(&mut algorithm, &octets)?,
        public::OID_DH => dh(public::OID_DH, &mut algorithm, &octets)?,
        public::OID_DHX => dh(public::OID_DHX, &mut algorithm, &octets)?,
        _ => match (Raw::from_oid(oid), Set::from_oid(oid)) {
            (Some(kind), _) => raw(kind, &octets, public)?,
            (None, Some(set)) => post_quantum(set, &octets, public)?,
            (None, None) => return Err(Malformed::new("private key algorithm", 0)),
        },
    };
    if (others || cut) && !key.verified && key.comparable {
        return Err(Malformed::new("PrivateKeyInfo has more fields", fields.at()));
    }
    key.format = "pkcs8";
    key.consumed = if cut { outer.raw.len() - outer.content.len() + fields.at() } else { outer.raw.len() };
    Ok(key)
}

fn dsa_pkcs8(algorithm: &mut BerReader<'_>, octets: &[u8]) -> Result<PrivateKey, Malformed> {
    let mut dss = algorithm.value(SEQUENCE, "DSA parameters")?.children();
    let (p, q, g) = (dss.value(INTEGER, "p")?, dss.value(INTEGER, "q")?, dss.value(INTEGER, "g")?);
    let (p, q, g) = (p.unsigned(), q.unsigned(), g.unsigned());
    let x = BerReader::new(octets).value(INTEGER, "DSA x")?.unsigned();
    check_dsa(p, q, g, x)?;
    let y = proof::dsa_public(p, g, x);
    Ok(PrivateKey {
        verified: false,
        public: y.map(|y| public::half(&PublicKey::Dsa { p, q, g, y: &y })),
        format: "pkcs8",
        comparable: false,
        plausible: true,
        remarks: vec![Remark::NoPublicDsa],
        consumed: 0,
    })
}

/// Reads a Diffie-Hellman key (PKCS#3 8, X9.42). It cannot sign; it is read so that it is not mistaken for another key.
fn dh(oid: &'static [u8], algorithm: &mut BerReader<'_>, octets: &[u8]) -> Result<PrivateKey, Malformed> {
    let parameters = algorithm.value(SEQUENCE, "Diffie-Hellman parameters")?;
    let mut numbers = parameters.children();
    let p = numbers.value(INTEGER, "p")?.unsigned();
    let g = numbers.value(INTEGER, "g")?.unsigned();
    let x = BerReader::new(octets).value(INTEGER, "DH private value")?.unsigned();
    let y = proof::dsa_public(p, g, x);
    Ok(PrivateKey {
        public: y.map(|y| public::half(&PublicKey::Dh { oid, parameters: parameters.raw, p, y: &y })),
        verified: false,
        format: "pkcs8",
        comparable: false,
        plausible: true,
        remarks: vec![Remark::AgreesOnly],
        consumed: 0,
    })
}

/// Reads a CurvePrivateKey (RFC 8410 7): an OCTET STRING in the OCTET STRING.
fn raw(kind: Raw, octets: &[u8], public: Option<&[u8]>) -> Result<PrivateKey, Malformed> {
    let private = match BerReader::new(octets).string(OCTET_STRING, "CurvePrivateKey") {
        Ok(value) => Zeroizing::new(value.octets()?.into_owned()),
        Err(_) if octets.len() == kind.len() => Zeroizing::new(octets.to_vec()),
        Err(error) => return Err(error),
    };
    let private = private.as_slice();
    if private.len() != kind.len() || private.iter().all(|&b| b == 0) {
        return Err(Malformed::new("private key length", 0));
    }
    let computed = proof::raw_public(kind, private);
    let mut remarks = Vec::new();
    let verified = match (&computed, public) {
        (Some(computed), Some(public)) if computed != public => {
            remarks.push(Remark::ForeignPublicKey);
            false
        }
        (Some(_), Some(_)) => true,
        _ => false,
    };
    let shown = computed.as_deref().or(public);
    Ok(PrivateKey {
        public: shown.map(|bytes| public::half(&PublicKey::Raw { kind, bytes })),
        verified,
        format: "pkcs8",
        comparable: computed.is_some() && public.is_some(),
        plausible: looks_random(private),
        remarks,
        consumed: 0,
    })
}

/// Reads an ML-DSA or SLH-DSA key.
fn post_quantum(set: &'static Set, octets: &[u8], public: Option<&[u8]>) -> Result<PrivateKey, Malformed> {
    let derived = post_quantum::private(set, octets)?;
    let agrees = public.map(|public| public == derived.public);
    let mut remarks: Vec<_> = derived.remark.into_iter().collect();
    if agrees == Some(false) {
        remarks.push(Remark::ForeignPublicKey);
    }
    // An SLH-DSA public half is only repeated, not derived: two equal copies prove nothing.
    let compared = if set.is_lattice() { [derived.fits, agrees] } else { [None, None] };
    Ok(PrivateKey {
        public: Some(public::half(&PublicKey::PostQuantum { set, bytes: &derived.public })),
        verified: compared.contains(&Some(true)) && !compared.contains(&Some(false)),
        format: "pkcs8",
        comparable: compared.iter().any(Option::is_some),
        plausible: derived.plausible,
        remarks,
        consumed: 0,
    })
}
