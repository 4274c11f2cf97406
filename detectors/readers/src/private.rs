//! DER private keys: PKCS#1, SEC1, DSA and PKCS#8, each proven by its own arithmetic.
//!
//! The formats share this reader because they nest: PKCS#8 holds the others, keystores hold PKCS#8. A private key that
//! is read here is in `der` and nowhere else: only numbers of the public half leave.

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

/// What is known of a private key.
#[derive(Debug)]
pub struct PrivateKey {
    /// The public half; `None` for algorithms that keyradius cannot derive it for.
    pub public: Option<PublicHalf>,
    /// Whether the parts fit together.
    pub verified: bool,
    /// `pkcs1`, `pkcs8`, `sec1` or `dsa`.
    pub format: &'static str,
    /// Whether there was anything that the parts had to fit: if so and they are not verified, something is wrong.
    pub comparable: bool,
    /// Whether the private number could be one: bytes without redundancy inside a program may be a template instead.
    pub plausible: bool,
    /// Remarks for a person.
    pub remarks: Vec<Remark>,
    /// Length of the structure in bytes; what follows is not part of it.
    pub consumed: usize,
}

impl PrivateKey {
    /// The key that decrypted bytes begin with: one that its own arithmetic proves, or one without anything to compare. The
    /// algorithm's identifier in front of it is no accident of a wrong password. Bytes may follow: they are searched by
    /// themselves. `read` is a reader of this file.
    pub fn decrypted(read: fn(&[u8]) -> Result<Self, Malformed>, plain: &[u8]) -> Option<Self> {
        let stands = |key: &Self| key.verified || (!key.comparable && key.public.is_some());
        read(plain).ok().filter(stands)
    }
}

/// Largest modulus read, in bits: OpenSSL refuses larger public keys (OPENSSL_RSA_MAX_MODULUS_BITS).
const MAX_MODULUS: u32 = 16_384;
/// Smallest modulus read, in bits. Toys below that are in test suites only.
const MIN_MODULUS: u32 = 256;

/// RSAPrivateKey (RFC 8017 A.1.2).
pub fn pkcs1(der: &[u8]) -> Result<PrivateKey, Malformed> {
    rsa(der, None)
}

/// `pss` holds the parameters if the key around it says RSASSA-PSS.
fn rsa(der: &[u8], pss: Option<&[u8]>) -> Result<PrivateKey, Malformed> {
    let outer = BerReader::new(der).value(SEQUENCE, "RSAPrivateKey")?;
    let mut fields = outer.children();
    // OpenSSL reads a key whatever version it says; so do the others below.
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
    // Java writes a key that it knows by modulus and private exponent alone with zeros for all the rest.
    let is_bare = [e, p, q].iter().all(|number| number::bits(number) == 0);
    // Who has the other numbers signs, whatever exponent stands beside them.
    let is_none = |e: &[u8]| e.last().is_none_or(|b| b & 1 == 0) || e == [1] || number::bits(e) > bits;
    let sought = is_bare || is_none(e);
    let e = if sought { proof::rsa_exponent(n, &[], d).unwrap_or_default() } else { e };
    if is_none(e) {
        return Err(Malformed::new("RSA public exponent", 0));
    }
    // Random bytes between real headers would pass up to here; a key has primes of a sensible size.
    let usable = number::bits(d) > bits / 4 || number::bits(p) > bits / 8;
    if !usable {
        return Err(Malformed::new("RSA private numbers", 0));
    }
    let signs::Rsa { n, e, fit } =
        if is_bare { signs::Rsa { n: n.into(), e, fit: Fit::Whole } } else { signs::rsa(n, e, d, &primes) };
    let n = &*n;
    let verified = fit.is_proven();
    // Go reads a key and leaves further fields alone. Numbers that prove nothing have to be what the format says.
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

/// The DSA private key that OpenSSL wrote before it took to PKCS#8: six INTEGERs 0, p, q, g, y, x.
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
    // A key is what it signs as: a number beside it that belongs to another key is a claim, and a published one would hide it.
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

/// Sizes that a DSA key can have (FIPS 186-4 4.2, with room for older ones).
fn check_dsa(p: &[u8], q: &[u8], g: &[u8], x: &[u8]) -> Result<(), Malformed> {
    let (p_bits, q_bits) = (number::bits(p), number::bits(q));
    let sane = (512..=8192).contains(&p_bits)
        && (128..=512).contains(&q_bits)
        && p.last().is_some_and(|b| b & 1 == 1)
        && number::bits(g) > 1
        && (1..=q_bits).contains(&number::bits(x));
    if sane { Ok(()) } else { Err(Malformed::new("DSA numbers", 0)) }
}

/// ECPrivateKey (RFC 5915 3), with its curve inside.
pub fn sec1(der: &[u8]) -> Result<PrivateKey, Malformed> {
    ec(der, None)
}

fn ec(der: &[u8], domain: Option<Domain<'_>>) -> Result<PrivateKey, Malformed> {
    let outer = BerReader::new(der).value(SEQUENCE, "ECPrivateKey")?;
    let mut fields = outer.children();
    fields.value(INTEGER, "version")?;
    let scalar = Zeroizing::new(fields.string(OCTET_STRING, "privateKey")?.octets()?.into_owned());
    // Zeros in front are read by OpenSSL, however many.
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
    // As for RSA: a damaged key has fields that it never had.
    if !verified && !fields.is_empty() {
        return Err(Malformed::new("ECPrivateKey has more fields", fields.at()));
    }
    if !verified && point.is_some() && computed.is_some() {
        remarks.push(Remark::ForeignPublicPoint);
    }
    // On a curve that is not known nothing can be shown.
    let comparable = point.is_some();
    // As for DSA, a key is what it signs as.
    let point = point.map(<[u8]>::to_vec);
    let shown = if verified { point.or(computed) } else { computed.or(point) };
    let public = shown.map(|point| public::half(&PublicKey::Ec { domain, point: &point }));
    let plausible = looks_random(scalar);
    Ok(PrivateKey { public, verified, format: "sec1", comparable, plausible, remarks, consumed: outer.raw.len() })
}

/// Whether two X9.62 points, the first uncompressed, are the same.
fn same_point(uncompressed: &[u8], other: &[u8]) -> bool {
    match other.split_first() {
        Some((4, _)) => uncompressed == other,
        // Hybrid (06, 07): both coordinates are there.
        Some((6 | 7, coordinates)) => uncompressed.get(1..) == Some(coordinates),
        // Compressed (02, 03): the same x, and the parity of y.
        Some((form @ (2 | 3), x)) => {
            uncompressed.get(1..=x.len()) == Some(x) && uncompressed.last().map(|y| y & 1) == Some(form & 1)
        }
        _ => false,
    }
}

/// PrivateKeyInfo and OneAsymmetricKey (RFC 5208, RFC 5958).
pub fn pkcs8(der: &[u8]) -> Result<PrivateKey, Malformed> {
    // Attributes may be of any length. A key is whole without them.
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

/// A Diffie-Hellman key (PKCS#3 8, X9.42) agrees, it does not sign: found, so that it is not taken for something else.
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

/// CurvePrivateKey (RFC 8410 7): an OCTET STRING in the OCTET STRING.
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

/// ML-DSA and SLH-DSA.
fn post_quantum(set: &'static Set, octets: &[u8], public: Option<&[u8]>) -> Result<PrivateKey, Malformed> {
    let derived = post_quantum::private(set, octets)?;
    let agrees = public.map(|public| public == derived.public);
    let mut remarks: Vec<_> = derived.remark.into_iter().collect();
    if agrees == Some(false) {
        remarks.push(Remark::ForeignPublicKey);
    }
    // An SLH-DSA public half is only repeated, not derived: to find it twice proves nothing.
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
