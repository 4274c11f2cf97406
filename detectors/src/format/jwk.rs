//! JSON Web Keys (RFC 7517, RFC 7518 6, RFC 8037, RFC 8812): private, symmetric and public, alone and in sets.
//!
//! The anchor is the one member that every JWK has, `kty`, in the four ways that its name can end: in JSON, in a string of
//! JSON, in a literal of a program or of YAML. The object around it is read whatever the file is, and each key of a set is
//! an object of its own. A private number has to give the public one that stands beside it: documentation is full of keys
//! with some digits replaced, and those are no keys.
//!
//! A symmetric key (`oct`) is reported where it can sign: its algorithm is HS*, or nothing says what it is for. It has to
//! be hard to guess (`read/symmetric.rs`).

use scanner_core::blob::Blob;
use scanner_core::error::Malformed;
use scanner_core::material::{Encoding, Identity, Kind, Label, Material, Proof, Protection, PublicHalf};
use scanner_core::seam::{About, Anchor, Detector, Hit, Inspection};
use zeroize::Zeroizing;

use crate::read::object::Object;
use crate::read::public::{self, Domain, PublicKey, Raw};
use crate::read::{curves, proof, symmetric};

/// JSON Web Keys.
#[derive(Debug)]
pub(crate) struct Jwk;

static ABOUT: About = About {
    id: "jwk",
    title: "JSON Web Key (JWK)",
    detects: "RSA, EC (P-256, P-384, P-521, secp256k1), OKP (Ed25519, Ed448, X25519, X448) and symmetric signing keys of \
              RFC 7517 and RFC 8037, each key of a set by itself, with its kid, alg and use. The object may stand in JSON, \
              in a JSON string, in YAML or in a literal of a program. Asymmetric keys are verified: the private number \
              gives the public one, or e and d undo each other. Public keys are reported as such.",
    blind_to: "Key sets that are encrypted (JWE). Symmetric keys for encryption, and such as may be guessed. Keys whose \
               numbers do not fit together.",
    respond: "Whoever has the key issues tokens that every relying service accepts. Take its kid out of the published key \
              set, sign with a new key, and end the sessions that it opened.",
    references: &["RFC 7517", "RFC 7518 6", "RFC 8037", "RFC 8812", "CWE-321"],
};

const ANCHORS: [Anchor; 4] =
    [Anchor::anywhere(b"kty\""), Anchor::anywhere(b"kty\\"), Anchor::anywhere(b"kty'"), Anchor::anywhere(b"kty:")];

impl Detector for Jwk {
    fn about(&self) -> &'static About {
        &ABOUT
    }

    fn anchors(&self) -> &'static [Anchor] {
        &ANCHORS
    }

    fn inspect(&self, blob: Blob<'_>, hit: Hit, out: &mut Inspection) -> Result<(), Malformed> {
        if !out.may_work() {
            return Ok(());
        }
        let mut work = 0;
        let object = Object::around(blob.bytes, hit.at, &mut work);
        out.work(work);
        let object = object.ok_or(Malformed::new("object around kty", hit.at))?;
        // Of members that stand there twice, most programs take the last and some the first.
        let last = object.last_of_each();
        let read: Vec<_> = [Some(&object), last.as_ref()].into_iter().flatten().map(read).collect();
        let failed = read.iter().find_map(|read| read.as_ref().err().copied());
        let found: Vec<_> = read.into_iter().flatten().flatten().collect();
        match failed {
            Some(failed) if found.is_empty() => return Err(failed),
            _ => found.into_iter().for_each(|material| out.found(material)),
        }
        Ok(())
    }
}

/// The key that an object is, if it is one.
fn read(object: &Object<'_>) -> Result<Option<Material>, Malformed> {
    let malformed = |what| Malformed::new(what, object.span.start);
    let kind = if object.get("d").or(object.get("k")).is_some() { Kind::PrivateKey } else { Kind::PublicKey };
    let identity = match object.text("kty") {
        Some(b"RSA") => rsa(object).map(public).ok_or(malformed("numbers of an RSA JWK"))?,
        Some(b"EC") => ec(object).map(public).ok_or(malformed("numbers of an EC JWK"))?,
        Some(b"OKP") => okp(object).map(public).ok_or(malformed("numbers of an OKP JWK"))?,
        Some(b"oct") if signs(object) => {
            object.base64("k").and_then(|key| symmetric::identity(&key)).ok_or(malformed("symmetric JWK"))?
        }
        _ => return Ok(None),
    };
    let mut material = Material::new(kind, ABOUT.id, Encoding::Text, object.span.clone());
    if kind == Kind::PrivateKey {
        material.protection = Some(Protection::plaintext());
    }
    if matches!(identity, Identity::Public(_)) && kind == Kind::PrivateKey {
        material.proof = Proof::Verified;
    }
    if matches!(identity, Identity::Opaque(_)) {
        material.notes.push("symmetric: the same secret signs and verifies");
    }
    material.identity = Some(identity);
    for (name, label) in [("kid", "key id"), ("alg", "algorithm"), ("use", "use")] {
        material.labels.extend(object.text(name).map(|text| Label::new(label, text)).filter(|l| !l.text.is_empty()));
    }
    Ok(Some(material))
}

fn public(half: PublicHalf) -> Identity {
    Identity::public(half)
}

/// n and e, and of a private key d with the primes or alone (RFC 7518 6.3).
fn rsa(object: &Object<'_>) -> Option<PublicHalf> {
    let (n, e) = (object.base64("n")?, object.base64("e")?);
    let bits = public::bits(&n);
    let odd = |number: &[u8]| number.last().is_some_and(|b| b & 1 == 1);
    if !(256..=16_384).contains(&bits) || !odd(&n) || !odd(&e) || public::bits(&e) < 2 || e.len() > n.len() {
        return None;
    }
    if object.get("d").is_some() {
        let d = object.base64("d")?;
        let fits = match (object.base64("p"), object.base64("q")) {
            (Some(p), Some(q)) => {
                let others = other_primes(object)?;
                let primes: Vec<&[u8]> = [&p, &q].into_iter().chain(&others).map(|prime| prime.as_slice()).collect();
                proof::rsa_fits(&n, &e, &d, &primes)
            }
            _ => undo_each_other(&n, &e, &d),
        };
        if !fits {
            return None;
        }
    }
    Some(public::half(&PublicKey::Rsa { n: &n, e: &e }))
}

/// Further primes of RFC 7518 6.3.2.7 are not read: nothing writes them. `None` if there are any.
fn other_primes(object: &Object<'_>) -> Option<Vec<Zeroizing<Vec<u8>>>> {
    object.get("oth").is_none().then(Vec::new)
}

/// Whether 2 to the e to the d is 2 again, modulo n: what proves a private exponent that stands without its primes.
fn undo_each_other(n: &[u8], e: &[u8], d: &[u8]) -> bool {
    let sensible = public::bits(d) > public::bits(n) / 4 && public::bits(d) <= public::bits(n);
    let undone = || Some(Zeroizing::new(proof::dsa_public(n, &proof::dsa_public(n, &[2], e)?, d)?));
    sensible && undone().is_some_and(|number| number.as_slice() == [2])
}

fn ec(object: &Object<'_>) -> Option<PublicHalf> {
    // P-256K is what RFC 8812 called it before it was one.
    let name = object.text("crv").map(|name| if name == b"P-256K" { b"secp256k1" } else { name })?;
    let curve = curves::by_jose(name)?;
    let size = curve.bits.div_ceil(8) as usize;
    // Coordinates are as long as the field (RFC 7518 6.2.1.2); some writers drop leading zeros.
    let coordinate = |name| {
        let number = object.base64(name)?;
        let zeros = size.checked_sub(number.len())?;
        Some([&vec![0; zeros][..], &number].concat())
    };
    let point = [&[4][..], &coordinate("x")?, &coordinate("y")?].concat();
    curve.decompress(&point)?;
    if object.get("d").is_some() {
        let d = object.base64("d").filter(|d| d.len() <= size)?;
        if curve.public_point(&d)? != point {
            return None;
        }
    }
    Some(public::half(&PublicKey::Ec { domain: Domain::Named(curve), point: &point }))
}

fn okp(object: &Object<'_>) -> Option<PublicHalf> {
    let name = object.text("crv")?;
    let kind = [Raw::Ed25519, Raw::Ed448, Raw::X25519, Raw::X448].into_iter().find(|k| k.name().as_bytes() == name)?;
    let x = object.base64("x").filter(|x| x.len() == kind.len())?;
    if object.get("d").is_some() && proof::raw_public(kind, &object.base64("d")?)? != **x {
        return None;
    }
    Some(public::half(&PublicKey::Raw { kind, bytes: &x }))
}

/// Whether nothing says that a symmetric key is for something else than signing.
fn signs(object: &Object<'_>) -> bool {
    let encrypts = object.text("use") == Some(b"enc");
    object.text("alg").map_or(!encrypts, |alg| alg.starts_with(b"HS"))
}

#[cfg(test)]
mod tests {
    use scanner_core::blob::Origin;

    use super::*;
    use crate::read::text::{base64url, hex};

    fn inspect(text: &str) -> Result<Vec<Material>, Malformed> {
        let origin = Origin::file("k");
        let (at, anchor) =
            ANCHORS.iter().find_map(|a| Some((memchr::memmem::find(text.as_bytes(), a.bytes)?, *a))).unwrap();
        let mut out = Inspection::default();
        Jwk.inspect(Blob::whole(text.as_bytes(), &origin), Hit { anchor, at }, &mut out)?;
        Ok(out.take())
    }

    fn okp(crv: &str, kind: Raw) -> String {
        let private: Vec<u8> = (1..=kind.len() as u8).collect();
        let x = proof::raw_public(kind, &private).unwrap();
        format!(
            r#"{{"kty":"OKP","kid":"a/b","crv":"{crv}","d":"{}","x":"{}","use":"sig"}}"#,
            base64url(&private),
            base64url(&x)
        )
    }

    fn ec(crv: &str, scalar: &[u8]) -> String {
        let point = curves::by_jose(crv.as_bytes()).unwrap().public_point(scalar).unwrap();
        let (x, y) = point[1..].split_at(point.len() / 2);
        let [d, x, y] = [scalar, x, y].map(base64url);
        format!(r#"{{"kty": "EC", "crv": "{crv}", "d": "{d}", "x": "{x}", "y": "{y}"}}"#)
    }

    /// n = p * q with the Mersenne primes 2^521 - 1 and 2^607 - 1, e = 65537 (computed with Python's integers).
    fn rsa() -> [String; 5] {
        let prime = |bits: usize| base64url(&[&[(1_u16 << (bits % 8)) as u8 - 1][..], &vec![0xff; bits / 8]].concat());
        let unhex = |digits: &str| -> Vec<u8> {
            (0..digits.len()).step_by(2).map(|at| u8::from_str_radix(&digits[at..at + 2], 16).unwrap()).collect()
        };
        let n = [vec![0xff; 65], vec![0x7f], vec![0xff; 9], vec![0xfe], vec![0; 64], vec![1]].concat();
        let d = "2a7fd580".repeat(16) + "2a5555aaaa5555aaaa5555aa" + &"0055ffaa".repeat(16) + "01";
        [base64url(&n), "AQAB".to_owned(), base64url(&unhex(&d)), prime(521), prime(607)]
    }

    #[test]
    fn every_type_is_verified() {
        let [n, e, d, p, q] = rsa();
        for (text, algorithm, bits) in [
            (okp("Ed25519", Raw::Ed25519), "Ed25519", 0),
            (okp("Ed448", Raw::Ed448), "Ed448", 0),
            (okp("X25519", Raw::X25519), "X25519", 0),
            (okp("X448", Raw::X448), "X448", 0),
            (ec("P-256", &[7; 32]), "EC", 256),
            (ec("P-384", &[7; 48]), "EC", 384),
            (ec("P-521", &[1; 66]), "EC", 521),
            (ec("secp256k1", &[9]), "EC", 256),
            (format!("{{kty: 'RSA', n: '{n}', e: '{e}', d: '{d}', p: '{p}', q: '{q}'}}"), "RSA", 1128),
            (format!("{{'kty': 'RSA', 'n': '{n}', 'e': '{e}', 'd': '{d}'}}"), "RSA", 1128),
        ] {
            let found = inspect(&text).unwrap_or_else(|error| panic!("{error}: {text}"));
            let [material] = found.as_slice() else { panic!("{text}") };
            assert_eq!((material.kind, material.proof), (Kind::PrivateKey, Proof::Verified), "{text}");
            assert_eq!(material.span, 0..text.len());
            let Some(Identity::Public(half)) = &material.identity else { panic!("{text}") };
            assert_eq!((half.algorithm.name, half.algorithm.bits), (algorithm, bits), "{text}");
            let public = text.replace("\"d\"", "\"_\"").replace("'d'", "'_'").replace(" d:", " _:");
            let found = inspect(&public).unwrap();
            assert_eq!((found[0].kind, &found[0].protection), (Kind::PublicKey, &None));
            assert_eq!(found[0].identity, material.identity);
        }
        let labels = &inspect(&okp("Ed25519", Raw::Ed25519)).unwrap()[0].labels;
        assert_eq!(
            labels.iter().map(|l| (l.kind, l.text.as_str())).collect::<Vec<_>>(),
            [("key id", "a/b"), ("use", "sig")]
        );
    }

    #[test]
    fn members_that_stand_there_twice_are_read_both_ways() {
        let key = okp("Ed25519", Raw::Ed25519);
        let identity = inspect(&key).unwrap()[0].identity.clone();
        for (first, last) in [
            (r#""kty":"oct","#, ""),
            (r#""kty":"RSA","#, ""),
            (r#""x":"AAAA","#, ""),
            ("", r#","kty":"oct""#),
            ("", r#","d":"AAAA""#),
        ] {
            let text = format!("{{{first}{}{last}}}", &key[1..key.len() - 1]);
            let found = inspect(&text).unwrap();
            assert!(found.iter().any(|m| m.kind == Kind::PrivateKey && m.identity == identity), "{text}");
        }
        // A key of its own for each.
        let other = ec("P-256", &[7; 32]);
        let both = format!("{{{},{}}}", &other[1..other.len() - 1], &key[1..key.len() - 1]);
        assert_eq!(inspect(&both).unwrap().len(), 2);
    }

    #[test]
    fn what_does_not_fit_is_no_key() {
        let [n, e, d, p, q] = rsa();
        let whole = ec("P-256", &[7; 32]);
        let zeros = base64url(&[0; 32]);
        for text in [
            whole.replace("P-256", "secp256k1"),
            whole.replace("P-256", "P-999"),
            ec("P-256", &[8; 32]).replace(&base64url(&[8; 32]), &base64url(&[9; 32])),
            ec("P-256", &[8; 32]).replace(&base64url(&[8; 32]), &zeros),
            okp("Ed25519", Raw::X25519),
            okp("Ed448", Raw::X448),
            format!("{{\"kty\":\"RSA\",\"n\":\"{n}\",\"e\":\"{e}\",\"d\":\"{n}\"}}"),
            format!("{{\"kty\":\"RSA\",\"n\":\"{n}\",\"e\":\"{e}\",\"d\":\"{d}\",\"p\":\"{p}\",\"q\":\"{p}\"}}"),
            format!("{{\"kty\":\"RSA\",\"n\":\"{n}\",\"e\":\"{e}\",\"d\":\"...\",\"p\":\"{p}\",\"q\":\"{q}\"}}"),
            "{\"kty\":\"RSA\",\"n\":\"0vx7agoebGcQSuu...\",\"e\":\"AQAB\"}".to_owned(),
            "{\"kty\":\"oct\",\"k\":\"c2VjcmV0\"}".to_owned(),
        ] {
            assert!(inspect(&text).is_err(), "{text}");
        }
        for text in ["{\"kty\":\"AKP\"}", "{\"kty\":\"EC\"", "if (!jwk.kty'", "kty: string"] {
            assert!(inspect(text).unwrap_or_default().is_empty(), "{text}");
        }
    }

    #[test]
    fn symmetric_keys_that_sign() {
        let key = base64url(&proof::raw_public(Raw::Ed25519, &[3; 32]).unwrap());
        for (more, signs) in [
            ("", true),
            (",\"alg\":\"HS256\"", true),
            (",\"use\":\"sig\"", true),
            (",\"alg\":\"A256GCM\"", false),
            (",\"alg\":\"dir\"", false),
            (",\"use\":\"enc\"", false),
        ] {
            let text = format!("{{\"kty\":\"oct\",\"k\":\"{key}\"{more}}}");
            let found = inspect(&text).unwrap();
            assert_eq!(found.len(), usize::from(signs), "{text}");
            if let [material] = found.as_slice() {
                let Some(Identity::Opaque(digest)) = material.identity else { panic!("{text}") };
                assert_eq!(hex(&digest).len(), 64);
            }
        }
    }
}
