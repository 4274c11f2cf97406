//! JSON Web Keys (RFC 7517, RFC 7518 6, RFC 8037, RFC 8812): private, symmetric and public, alone and in sets.
//!
//! The anchor is the one member that every JWK has, `kty`, in the four ways that its name can end: in JSON, in a string of
//! JSON, in a literal of a program or of YAML. The object around it is read whatever the file is, and each key of a set is
//! an object of its own. Names and values are read without their escapes. A private number that signs is a key whatever public
//! one stands beside it (`read/signs.rs`).
//!
//! A symmetric key (`oct`) is reported where it can sign: its algorithm is HS*, or nothing says what it is for. It has to
//! be hard to guess (`read/symmetric.rs`).

use scanner_core::blob::Blob;
use scanner_core::error::{Malformed, Reason};
use scanner_core::material::{Encoding, Identity, Kind, Label, Material, Protection, PublicHalf, Remark};
use scanner_core::seam::{About, Anchor, Detector, Hit, Inspection};

use crate::read::escaped::{self, Unescaped};
use crate::read::object::{self, Object};
use crate::read::public::{self, Domain, PublicKey, Raw};
use crate::read::signs::{self, Fit};
use crate::read::{curves, symmetric};

/// JSON Web Keys.
#[derive(Debug)]
pub(crate) struct Jwk;

static ABOUT: About = About {
    id: "jwk",
    title: "JSON Web Key (JWK)",
    detects: "RSA, EC (P-256, P-384, P-521, secp256k1), OKP (Ed25519, Ed448, X25519, X448) and symmetric signing keys of \
              RFC 7517 and RFC 8037, each key of a set by itself, with its kid, alg and use. The object may stand in JSON, \
              in a JSON string, in YAML or in a literal of a program. Asymmetric keys are verified where the private \
              number gives the public one, the primes give the modulus, or e and d undo each other. Public keys are reported \
              as such.",
    blind_to: "Key sets that are encrypted (JWE). Symmetric keys for encryption, and such as may be guessed.",
    respond: "Whoever has the key issues tokens that every relying service accepts. Take its kid out of the published key \
              set, sign with a new key, and end the sessions that it opened.",
    references: &["RFC 7517", "RFC 7518 6", "RFC 8037", "RFC 8812", "CWE-321"],
};

/// How the name ends, and its letters where one of them is escaped (`"k\u0074y"`).
const ANCHORS: [Anchor; 6] = [
    Anchor::anywhere(b"kty\""),
    Anchor::anywhere(b"kty\\"),
    Anchor::anywhere(b"kty'"),
    Anchor::anywhere(b"kty:"),
    Anchor::anywhere(b"u006"),
    Anchor::anywhere(b"u007"),
];

impl Detector for Jwk {
    fn about(&self) -> &'static About {
        &ABOUT
    }

    fn anchors(&self) -> &'static [Anchor<'static>] {
        &ANCHORS
    }

    fn inspect(&self, blob: Blob<'_>, hit: Hit<'_>, out: &mut Inspection) -> Result<(), Malformed> {
        if hit.anchor.bytes.first() == Some(&b'u') && !spells_kty(blob.bytes, hit.at) {
            return Ok(());
        }
        if !out.may_work() {
            return Ok(());
        }
        let mut work = 0;
        let read = read_around(blob.bytes, hit.at, &mut work);
        out.work(work);
        let failed = read.iter().find_map(|read| read.as_ref().err().copied());
        let mut found: Vec<Material> = Vec::new();
        for material in read.into_iter().flatten().flatten() {
            // Of members that stand there twice, most programs take the last and some the first: often the same key.
            match found.iter_mut().find(|other| other.identity == material.identity && other.kind == material.kind) {
                Some(other) if other.proof < material.proof => *other = material,
                Some(_) => {}
                None => found.push(material),
            }
        }
        match failed {
            Some(failed) if found.is_empty() => {
                if is_member(blob.bytes, hit.at) {
                    out.work(object::MAX);
                    if Object::is_too_long(blob.bytes, hit.at) {
                        out.unread(
                            Reason::TooLarge,
                            "a JSON Web Key in an object that is larger than what is read of one",
                        );
                    }
                }
                return Err(failed);
            }
            _ => found.into_iter().for_each(|material| out.found(material)),
        }
        Ok(())
    }
}

/// Whether the name that ends at a hit has the type of a key as its value.
fn is_member(bytes: &[u8], at: usize) -> bool {
    let behind = bytes.get(at..bytes.len().min(at + 32)).unwrap_or_default();
    [&b"RSA"[..], b"EC", b"OKP", b"oct"].iter().any(|kind| {
        memchr::memmem::find(behind, kind).is_some_and(|found| {
            let between = behind.get(3..found).unwrap_or_default();
            between.contains(&b':') && !between.iter().any(u8::is_ascii_alphanumeric)
        })
    })
}

/// Whether the escape whose `u` is at `at` is the first one in the name `kty`: each name is read once.
fn spells_kty(bytes: &[u8], at: usize) -> bool {
    let mut before = bytes.get(at.saturating_sub(16)..at).unwrap_or_default();
    while let Some(shorter) = before.strip_suffix(b"\\") {
        before = shorter;
    }
    let mut rest = bytes.get(at.saturating_sub(1)..bytes.len().min(at + 64)).unwrap_or_default();
    let mut name = Vec::new();
    while name.len() < 3 {
        let (letter, length) = escaped::letter(rest).or_else(|| Some((*rest.first()?, 1))).unwrap_or_default();
        name.push(letter);
        let Some(next) = rest.get(length.max(1)..) else { return false };
        rest = next;
        let plain = "kty".len() - name.len();
        let whole = [before.get(before.len().saturating_sub(plain)..).unwrap_or_default(), &name].concat();
        if whole == b"kty" {
            return matches!(rest.first(), Some(b'"' | b'\'' | b'\\'));
        }
    }
    false
}

/// What the objects around a place are read as, with each way of reading members that stand there twice.
fn read_around(bytes: &[u8], at: usize, work: &mut usize) -> Vec<Result<Option<Material>, Malformed>> {
    // .NET writes the quotes of an object inside a string so.
    let quotes = bytes.get(..at).is_some_and(|before| before.ends_with(b"\\u0022"));
    let outer = if quotes { None } else { Object::around(bytes, at, work) };
    let span = match &outer {
        Some(object) if !escaped::is_escaped(bytes.get(object.span.clone()).unwrap_or_default()) => {
            return ways(object);
        }
        Some(object) => object.span.clone(),
        None if quotes => {
            let Some(start) = object::open_brace(bytes, at) else { return Vec::new() };
            start..bytes.len().min(start + object::MAX)
        }
        None => return vec![Err(Malformed::new("object around kty", at))],
    };
    *work += span.len();
    let copy = Unescaped::new(bytes.get(span.clone()).unwrap_or_default(), quotes);
    let Some(inner) = Object::around(&copy.text, copy.place(at - span.start), work) else {
        return vec![Err(Malformed::new("object around an escaped kty", at))];
    };
    let place = span.start + copy.end(inner.span.start)..span.start + copy.end(inner.span.end);
    let mut read = ways(&inner);
    read.iter_mut().flatten().flatten().for_each(|material| material.span = place.clone());
    read
}

/// An object as it stands there, and with the last of each of its members.
fn ways(object: &Object<'_>) -> Vec<Result<Option<Material>, Malformed>> {
    let last = object.last_of_each();
    [Some(object), last.as_ref()].into_iter().flatten().map(read).collect()
}

/// The key that an object is, if it is one.
fn read(object: &Object<'_>) -> Result<Option<Material>, Malformed> {
    let malformed = |what| Malformed::new(what, object.span.start);
    let kind = if object.get("d").or(object.get("k")).is_some() { Kind::PrivateKey } else { Kind::PublicKey };
    let (identity, fit) = match object.text("kty") {
        Some(b"RSA") => rsa(object).map(public).ok_or(malformed("numbers of an RSA JWK"))?,
        Some(b"EC") => ec(object).map(public).ok_or(malformed("numbers of an EC JWK"))?,
        Some(b"OKP") => okp(object).map(public).ok_or(malformed("numbers of an OKP JWK"))?,
        Some(b"oct") if signs(object) => {
            let identity = object.base64("k").and_then(|key| symmetric::identity(&key));
            (identity.ok_or(malformed("symmetric JWK"))?, None)
        }
        _ => return Ok(None),
    };
    let mut material = Material::new(kind, ABOUT.id, Encoding::Text, object.span.clone());
    if kind == Kind::PrivateKey {
        material.protection = Some(Protection::plaintext());
        if let Some(fit) = fit {
            fit.describe(&mut material);
        }
    }
    if matches!(identity, Identity::Opaque(_)) {
        material.remarks.push(Remark::SymmetricSigner);
    }
    material.identity = Some(identity);
    for (name, label) in [("kid", "key id"), ("alg", "algorithm"), ("use", "use")] {
        material.labels.extend(object.text(name).map(|text| Label::new(label, text)).filter(|l| !l.text.is_empty()));
    }
    Ok(Some(material))
}

fn public((half, fit): (PublicHalf, Fit)) -> (Identity, Option<Fit>) {
    (Identity::public(half), Some(fit))
}

/// n and e, and of a private key d or the primes (RFC 7518 6.3).
fn rsa(object: &Object<'_>) -> Option<(PublicHalf, Fit)> {
    let (n, e) = (object.number("n")?, object.number("e")?);
    let bits = public::bits(&n);
    let odd = |number: &[u8]| number.last().is_some_and(|b| b & 1 == 1);
    if !(256..=16_384).contains(&bits) || !odd(&n) || !odd(&e) || public::bits(&e) < 2 || e.len() > n.len() {
        return None;
    }
    if object.get("d").is_none() {
        return Some((public::half(&PublicKey::Rsa { n: &n, e: &e }), Fit::Whole));
    }
    let number = |name| object.number(name).unwrap_or_default();
    let d = number("d");
    // Further primes of RFC 7518 6.3.2.7 are not read: nothing writes them.
    let several = object.get("oth").is_some();
    let primes: Vec<_> =
        ["p", "q"].into_iter().filter(|name| !several && object.get(name).is_some()).map(number).collect();
    let primes: Vec<&[u8]> = primes.iter().map(|prime| prime.as_slice()).collect();
    let signs::Rsa { e, fit } = signs::rsa(&n, &e, &d, &primes);
    let stands = fit.is_proven() || signs::has_rsa_shape(&n, &d, &primes);
    stands.then(|| (public::half(&PublicKey::Rsa { n: &n, e }), fit))
}

/// The scalar signs alone (RFC 7518 6.2.2): the coordinates may be missing, foreign or written with a zero in front.
fn ec(object: &Object<'_>) -> Option<(PublicHalf, Fit)> {
    // P-256K is what RFC 8812 called it before it was one.
    let name = object.text("crv").map(|name| if name == b"P-256K" { b"secp256k1" } else { name })?;
    let curve = curves::by_jose(name)?;
    let size = curve.bits.div_ceil(8) as usize;
    // Coordinates are as long as the field (RFC 7518 6.2.1.2); some writers drop leading zeros, or add one for the sign.
    let number = |name| signs::padded(&object.number(name)?, size);
    let point =
        || Some([&[4][..], &number("x")?, &number("y")?].concat()).filter(|point| curve.decompress(point).is_some());
    let point = point().unwrap_or_default();
    let key = PublicKey::Ec { domain: Domain::Named(curve), point: &point };
    if object.get("d").is_some() {
        signs::one_number(&key, &number("d")?, curve.bits)
    } else {
        (!point.is_empty()).then(|| (public::half(&key), Fit::Whole))
    }
}

/// As for EC, d signs alone (RFC 8037 2).
fn okp(object: &Object<'_>) -> Option<(PublicHalf, Fit)> {
    let name = object.text("crv")?;
    let kind = [Raw::Ed25519, Raw::Ed448, Raw::X25519, Raw::X448].into_iter().find(|k| k.name().as_bytes() == name)?;
    let x = object.number("x").filter(|x| x.len() == kind.len());
    let key = PublicKey::Raw { kind, bytes: x.as_ref().map_or(&[], |x| x.as_slice()) };
    if object.get("d").is_none() {
        return x.as_ref().map(|_| (public::half(&key), Fit::Whole));
    }
    let d = object.number("d")?;
    let seed = signs::cut(&d, kind.len());
    // A seed is bytes, not a number: only one that is too long has zeros that do not belong to it.
    (seed.len() == kind.len()).then(|| signs::one_number(&key, seed, kind.len() as u32 * 8))?
}

/// Whether nothing says that a symmetric key is for something else than signing.
fn signs(object: &Object<'_>) -> bool {
    let encrypts = object.text("use") == Some(b"enc");
    object.text("alg").map_or(!encrypts, |alg| alg.starts_with(b"HS"))
}

#[cfg(test)]
mod tests {
    use scanner_core::blob::Origin;
    use scanner_core::material::Proof;

    use super::*;
    use crate::read::proof;
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

    #[test]
    fn characters_that_are_no_digits_are_passed_over() {
        let [n, e, d, p, q] = rsa();
        let odd = |digits: &str| format!("{}.{}*", &digits[..3], &digits[3..]);
        let [n, d, p, q] = [n, d, p, q].map(|number| odd(&number));
        let rsa = format!(r#"{{"kty":"RSA","n":"{n}","e":"{e}","d":"{d}","p":"{p}","q":"{q}"}}"#);
        let scalar = base64url(&[7; 32]);
        for text in [rsa, ec("P-256", &[7; 32]).replace(&scalar, &odd(&scalar))] {
            let found = inspect(&text).unwrap_or_else(|error| panic!("{error}: {text}"));
            assert_eq!((found[0].kind, found[0].proof), (Kind::PrivateKey, Proof::Verified), "{text}");
        }
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
    fn members_far_from_each_other_are_read_or_said() {
        let key = okp("Ed25519", Raw::Ed25519);
        let long = "y".repeat(100);
        let others = |many: usize| {
            let members: Vec<String> = (0..many).map(|n| format!("\"x{n}\":\"{long}\",")).collect();
            members.concat()
        };
        let far = format!("{{{}{}", others(2000), &key[1..]);
        assert_eq!(inspect(&far).unwrap()[0].proof, Proof::Verified);
        let deep = format!("{{\"deep\":{}1{},{}", "{\"a\":".repeat(40), "}".repeat(40), &key[1..]);
        assert_eq!(inspect(&deep).unwrap()[0].proof, Proof::Verified);
        let origin = Origin::file("k");
        for (many, said) in [(20_000, true), (0, false)] {
            let text = format!("{{{}{}", others(many), key[1..].replace("\"d\"", if said { "\"d\"" } else { "\"d" }));
            let at = memchr::memmem::find(text.as_bytes(), b"kty\"").unwrap();
            let mut out = Inspection::default();
            let hit = Hit { anchor: ANCHORS[0], at };
            let _ = Jwk.inspect(Blob::whole(text.as_bytes(), &origin), hit, &mut out);
            assert_eq!(out.take_unread().map(|(reason, _)| reason), said.then_some(Reason::TooLarge), "{many}");
        }
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

    fn identity_of(text: &str) -> Option<Identity> {
        inspect(text).unwrap_or_else(|error| panic!("{error}: {text}"))[0].identity.clone()
    }

    #[test]
    fn a_part_that_signs_is_enough() {
        let [n, e, d, p, q] = rsa();
        let text = |e: &str, d: &str, p: &str, q: &str| {
            format!(r#"{{"kty":"RSA","n":"{n}","e":"{e}","d":"{d}","p":"{p}","q":"{q}"}}"#)
        };
        let identity = identity_of(&text(&e, &d, &p, &q));
        for (text, note) in [
            (text(&e, &n, &p, &q), Remark::WrongExponent),
            (text(&e, &d, &q, &q), Remark::WrongPrimes),
            (text(&e, &d, &p, &d), Remark::WrongPrimes),
            (text(&e, &n, &n, &q), Remark::OnePrime),
            (text("AQAD", &d, &p, &q), Remark::WrongPublicExponent),
        ] {
            let found = inspect(&text).unwrap_or_else(|error| panic!("{error}: {text}"));
            assert_eq!((found[0].proof, &found[0].identity), (Proof::Verified, &identity), "{text}");
            assert_eq!(found[0].remarks, [note], "{text}");
        }
        let masked = inspect(&text(&e, "...", &p, &q)).unwrap();
        assert_eq!((masked[0].proof, &masked[0].identity), (Proof::Verified, &identity), "the primes are there");
    }

    #[test]
    fn one_number_signs_alone() {
        let scalar: Vec<u8> = (1..=32).collect();
        let whole = ec("P-256", &scalar);
        let member = |text: &str, name: &str| {
            let from = text.find(&format!("\"{name}\"")).unwrap();
            let to = from + text[from..].find([',', '}']).unwrap();
            text[from..to].to_owned()
        };
        let foreign = ec("P-256", &[9; 32]);
        let zero = |text: &str, name: &str| {
            let value = object::decode(member(text, name).split('"').nth(3).unwrap().as_bytes()).unwrap();
            text.replace(&member(text, name), &format!("\"{name}\": \"{}\"", base64url(&[&[0], &value[..]].concat())))
        };
        let alone = Remark::NoPublicNumber;
        let other = Remark::ForeignPublicNumbers;
        let curve = okp("Ed25519", Raw::Ed25519);
        for (text, same, proof, remarks) in [
            (zero(&whole, "d"), &whole, Proof::Verified, &[][..]),
            (zero(&whole, "x"), &whole, Proof::Verified, &[]),
            (zero(&whole, "y"), &whole, Proof::Verified, &[]),
            (whole.replace(&member(&whole, "x"), &member(&foreign, "x")), &whole, Proof::Structure, &[alone]),
            (
                whole
                    .replace(&member(&whole, "x"), &member(&foreign, "x"))
                    .replace(&member(&whole, "y"), &member(&foreign, "y")),
                &whole,
                Proof::Structure,
                &[other],
            ),
            (whole.replace("\"x\"", "\"_\""), &whole, Proof::Structure, &[alone]),
            (okp("Ed25519", Raw::X25519), &curve, Proof::Structure, &[other]),
            (curve.replace("\"x\"", "\"_\""), &curve, Proof::Structure, &[alone]),
            (zero(&curve, "d"), &curve, Proof::Verified, &[]),
        ] {
            let found = inspect(&text).unwrap_or_else(|error| panic!("{error}: {text}"));
            assert_eq!(
                (found[0].proof, &*found[0].remarks, &found[0].identity),
                (proof, remarks, &identity_of(same)),
                "{text}"
            );
        }
    }

    #[test]
    fn names_and_values_are_read_without_their_escapes() {
        let key = okp("Ed25519", Raw::Ed25519);
        let identity = identity_of(&key);
        let escaped = |text: &str| text.replace("kty", "\\u006B\\u0074\\u0079");
        for (text, count) in [
            (key.replace("\"d\"", "\"\\u0064\""), 1),
            (key.replace("kty", "k\\u0074y"), 1),
            (key.replace("kty", "kt\\u0079"), 1),
            (escaped(&key), 1),
            (key.replace("AQID", "\\u0041QID"), 1),
            (key.replace("OKP", "O\\u004bP").replace("Ed25519", "\\u0045d25519"), 1),
            (format!("{{\"keys\": [{}, {}]}}", escaped(&key), escaped(&ec("P-256", &[7; 32]))), 2),
            // In a string of JSON, as most programs and as .NET write it.
            (format!("{{\"env\": \"{}\"}}", escaped(&key).replace('\\', "\\\\").replace('"', "\\\"")), 1),
            (format!("{{\"env\": \"{}\"}}", key.replace('"', "\\u0022")), 1),
        ] {
            let origin = Origin::file("k");
            let mut out = Inspection::default();
            for anchor in ANCHORS {
                for at in memchr::memmem::find_iter(text.as_bytes(), anchor.bytes) {
                    let _ = Jwk.inspect(Blob::whole(text.as_bytes(), &origin), Hit { anchor, at }, &mut out);
                }
            }
            let found = out.take();
            assert_eq!((found.len(), &found[0].identity), (count, &identity), "{text}");
            let span = &text[found[0].span.clone()];
            assert!(span.starts_with('{') && span.ends_with('}') && found[0].kind == Kind::PrivateKey, "{span}");
        }
        for text in ["\\u006b", "k\\u0074y", "{\"sty\\u006c\\u0065\": \"\\u006bty\"}", "\\u006bt", "u0079"] {
            let origin = Origin::file("k");
            let mut out = Inspection::default();
            for anchor in ANCHORS {
                for at in memchr::memmem::find_iter(text.as_bytes(), anchor.bytes) {
                    let _ = Jwk.inspect(Blob::whole(text.as_bytes(), &origin), Hit { anchor, at }, &mut out);
                }
            }
            assert!(out.take().is_empty(), "{text}");
        }
    }

    #[test]
    fn what_does_not_fit_is_no_key() {
        let [n, e, ..] = rsa();
        let whole = ec("P-256", &[7; 32]);
        let zeros = base64url(&[0; 32]);
        for text in [
            whole.replace("P-256", "secp256k1"),
            whole.replace("P-256", "P-999"),
            ec("P-256", &[8; 32]).replace(&base64url(&[8; 32]), &base64url(&[9; 32])),
            ec("P-256", &[8; 32]).replace(&base64url(&[8; 32]), &zeros),
            okp("Ed448", Raw::X448),
            format!("{{\"kty\":\"RSA\",\"n\":\"{n}\",\"e\":\"{e}\",\"d\":\"{n}\"}}"),
            format!("{{\"kty\":\"RSA\",\"n\":\"{n}\",\"e\":\"{e}\",\"d\":\"{n}\",\"p\":\"{n}\",\"q\":\"{n}\"}}"),
            format!("{{\"kty\":\"RSA\",\"n\":\"{n}\",\"e\":\"{e}\",\"d\":\"...\"}}"),
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
