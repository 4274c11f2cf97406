//! Tests of `jwk`.

use crate::samples::bytes;
use keyradius_core::blob::Origin;
use keyradius_core::hex::hex;
use keyradius_core::material::{Identity, Kind, Proof, Remark};
use keyradius_readers::public::Raw;
use keyradius_readers::text::base64url;
use keyradius_readers::{curves, proof};

use super::*;
use crate::ask;

fn inspect(text: &str) -> Result<Vec<Material>, Malformed> {
    ask::first(&Jwk, "k", text, &ANCHORS)
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
fn characters_that_are_not_digits_are_skipped() {
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
    let n = [vec![0xff; 65], vec![0x7f], vec![0xff; 9], vec![0xfe], vec![0; 64], vec![1]].concat();
    let d = "2a7fd580".repeat(16) + "2a5555aaaa5555aaaa5555aa" + &"0055ffaa".repeat(16) + "01";
    [base64url(&n), "AQAB".to_owned(), base64url(&bytes(&d)), prime(521), prime(607)]
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
fn distant_members_are_read_or_reported_as_unread() {
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
    let one_string =
        format!("{{{},\"note\":\"{}\"}}", key[1..key.len() - 1].replace("\"d\"", "\"x\""), "y".repeat(2 << 20));
    let many_members = format!("{{{}{}", others(20_000), &key[1..]);
    let cut = format!("{{{}", key[1..].replace("\"d\"", "\"d"));
    for (text, said) in [(many_members, true), (one_string, true), (cut, false)] {
        let at = memchr::memmem::find(text.as_bytes(), b"kty\"").unwrap();
        let mut out = Inspection::default();
        let hit = Hit { anchor: ANCHORS[0], at };
        let _ = Jwk.inspect(Blob::whole(text.as_bytes(), &origin), hit, &mut out);
        assert_eq!(out.take_unread().map(|(reason, _)| reason), said.then_some(Reason::TooLarge), "{text:.80}");
    }
}

#[test]
fn duplicate_members_are_read_both_ways() {
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
    // A different key in each reading.
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
        // In a JSON string, as most programs and as .NET write it.
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
fn inconsistent_keys_are_refused() {
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
fn symmetric_keys_that_sign_are_reported() {
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
