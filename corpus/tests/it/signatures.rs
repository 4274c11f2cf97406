//! Signatures against OpenSSL's verdict (`corpus/signatures`): each pair of a CA certificate and a certificate that it
//! issued verifies, no other pair does, and no pair with a changed bit.

use keyradius_core::material::PublicHalf;
use keyradius_core::signature::{Signature, Signed};
use keyradius_corpus::pack;
use keyradius_readers::x509;
use keyradius_signed::{Verdict, verify};

/// The public key of a certificate, and the signature in it.
fn parts(der: &[u8]) -> (PublicHalf, Signature) {
    let certificate = x509::read(der).expect("a certificate");
    (certificate.public.expect("a known algorithm"), *certificate.facts.signed.expect("a known scheme"))
}

struct Pair {
    name: String,
    verified_by_openssl: bool,
    issuer: PublicHalf,
    own: Signature,
    leaf: Signature,
}

fn pairs() -> Vec<Pair> {
    let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("signatures");
    let files = pack::read(&std::fs::read(folder.join("signatures.pack")).expect("the pack")[..]).expect("a pack");
    let expected: toml::Table =
        toml::from_str(&std::fs::read_to_string(folder.join("expect.toml")).expect("the verdicts")).expect("TOML");
    let read = |name: &str, kind: &str| {
        let file = files.iter().find(|file| file.name == format!("{name}.{kind}.der"));
        parts(&file.expect("both certificates of each pair").bytes)
    };
    let pair = |entry: &toml::Value| {
        let name = entry.get("name").and_then(toml::Value::as_str).expect("a name").to_owned();
        let (issuer, own) = read(&name, "ca");
        let (_, leaf) = read(&name, "leaf");
        Pair {
            verified_by_openssl: entry.get("openssl").and_then(toml::Value::as_bool).expect("a verdict"),
            name,
            issuer,
            own,
            leaf,
        }
    };
    let all: Vec<Pair> =
        expected.get("pair").and_then(toml::Value::as_array).expect("pairs").iter().map(pair).collect();
    assert!(all.len() >= 40 && 2 * all.len() == files.len(), "{} pairs, {} files", all.len(), files.len());
    all
}

#[test]
fn openssl_agrees_about_every_pair() {
    for pair in pairs() {
        // A binary field: OpenSSL verifies, and this says that it does not know.
        let ours = if pair.name == "ec_binary" { Verdict::Unknown } else { Verdict::Verified };
        assert!(pair.verified_by_openssl, "{}", pair.name);
        assert_eq!(verify(&pair.issuer.spki, &pair.leaf), ours, "{}", pair.name);
        assert_eq!(verify(&pair.issuer.spki, &pair.own), ours, "{}: self-signed", pair.name);
    }
}

#[test]
fn no_other_key_of_the_same_name_verifies() {
    let all = pairs();
    for (key, signed) in all.iter().flat_map(|key| all.iter().map(move |signed| (key, signed))) {
        if key.name != signed.name {
            let verdict = verify(&key.issuer.spki, &signed.leaf);
            assert_ne!(verdict, Verdict::Verified, "{} and {}", key.name, signed.name);
        }
    }
}

#[test]
fn no_changed_bit_verifies() {
    for pair in pairs().iter().filter(|pair| pair.name != "ec_binary") {
        let check = |changed: &Signature, what: &str| {
            assert_eq!(verify(&pair.issuer.spki, changed), Verdict::Failed, "{}: {what}", pair.name);
        };
        // Every seventh bit of the value, and the first bits of what was signed.
        for bit in (0..8 * pair.leaf.value.len()).step_by(7) {
            let mut changed = pair.leaf.clone();
            changed.value[bit / 8] ^= 1 << (bit % 8);
            check(&changed, &format!("bit {bit} of the value"));
        }
        for bit in 0..8 {
            let mut changed = pair.leaf.clone();
            let (Signed::Digest(over) | Signed::Message(over)) = &mut changed.over;
            over[0] ^= 1 << bit;
            check(&changed, &format!("bit {bit} of what was signed"));
        }
        for shorter in [0, 1, pair.leaf.value.len() - 1] {
            let mut changed = pair.leaf.clone();
            changed.value.truncate(shorter);
            check(&changed, &format!("the first {shorter} bytes"));
        }
    }
}
