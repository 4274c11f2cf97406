//! A file's claim about its key is not proof: a published public half does not hide an unpublished private key. A name
//! that may be a secret is not printed.

use std::collections::BTreeSet;

use super::super::workshop::{Workshop, base64, key_der};

/// Public half and seed of RFC 8032 7.1, TEST 1, which are in the list of known keys.
const KNOWN: (&str, &str) = (
    "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a",
    "9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60",
);

fn unhex(digits: &str) -> Vec<u8> {
    let pairs = digits.as_bytes().chunks(2);
    pairs.map(|pair| u8::from_str_radix(std::str::from_utf8(pair).expect("ASCII"), 16).expect("hex")).collect()
}

/// An OpenPGP secret key of Ed25519, version 4 without a password (RFC 9580 5.5.3), and a user id.
fn openpgp(public: &[u8], seed: &[u8]) -> Vec<u8> {
    let mpi = |bytes: &[u8]| {
        let bits = bytes.len() as u16 * 8 - bytes[0].leading_zeros() as u16;
        [&bits.to_be_bytes()[..], bytes].concat()
    };
    let oid = [0x2b, 0x06, 0x01, 0x04, 0x01, 0xda, 0x47, 0x0f, 0x01];
    let half = [&[4, 0x5f, 0x5e, 0x10, 0, 22, oid.len() as u8][..], &oid, &mpi(&[&[0x40], public].concat())].concat();
    let secret = mpi(seed);
    let sum = secret.iter().fold(0_u16, |sum, &byte| sum.wrapping_add(u16::from(byte)));
    let body = [&half[..], &[0], &secret, &sum.to_be_bytes()].concat();
    let user = b"Release <release@example.org>";
    [&[0xc5, body.len() as u8][..], &body, &[0xcd, user.len() as u8], user].concat()
}

/// A bare key with Nebula's label: a seed and a public half.
fn nebula(public: &[u8], seed: &[u8]) -> Vec<u8> {
    let label = "NEBULA ED25519 PRIVATE KEY";
    format!("-----BEGIN {label}-----\n{}\n-----END {label}-----\n", base64(&[seed, public].concat())).into_bytes()
}

#[test]
fn a_published_public_half_hides_no_private_key() {
    let shop = Workshop::new("claims_published");
    let (public, published) = (unhex(KNOWN.0), unhex(KNOWN.1));
    let mut own = key_der(7).split_off(16);
    own[0] |= 0x80;
    for (name, write) in [("key.pgp", openpgp as fn(&[u8], &[u8]) -> Vec<u8>), ("key.pem", nebula)] {
        shop.file(name, write(&public, &published));
        let (twin, note) = (shop.run(&["scan", name]), shop.run(&["scan", "--format", "json", name]).json());
        assert_eq!((twin.code, note["summary"]["notes"].as_u64()), (Some(0), Some(1)), "{name}: {twin:?}");
        shop.file(name, write(&public, &own));
        let claimed = shop.run(&["scan", name]);
        assert_eq!(claimed.code, Some(1), "{name}: {claimed:?}");
    }
}

#[test]
fn the_primes_sign_whatever_modulus_stands_before_them() {
    let shop = Workshop::new("claims_modulus");
    let run = |args: &[&str]| {
        let done = std::process::Command::new("openssl").args(args).current_dir(shop.path()).output();
        done.ok().filter(|done| done.status.success()).map(|done| done.stdout)
    };
    let Some(own) = run(&["genrsa", "-traditional", "1024"]) else {
        return super::skipped("no openssl: nobody makes RSA keys");
    };
    shop.file("own.pem", &own);
    let der = run(&["rsa", "-in", "own.pem", "-traditional", "-outform", "DER"]).expect("DER");
    let other = run(&["genrsa", "-traditional", "1024"]).expect("another key");
    shop.file("other.pem", &other);
    let modulus = String::from_utf8(run(&["rsa", "-in", "other.pem", "-noout", "-modulus"]).expect("a modulus"));
    let modulus = unhex(modulus.expect("text").trim().trim_start_matches("Modulus="));
    // SEQUENCE (30 82 ll ll), version (02 01 00), INTEGER of 129 bytes (02 81 81 00): the modulus starts at 11.
    assert_eq!(der[7..11], [2, 0x81, 0x81, 0]);
    let forged = [&der[..11], &modulus, &der[11 + 128..]].concat();
    shop.file("forged.der", &forged);
    let key = |name: &str| {
        let report = shop.run(&["scan", "--format", "json", name]).json();
        report["findings"][0]["key"]["spki_sha256"].as_str().map(str::to_owned)
    };
    assert_eq!(key("forged.der"), key("own.pem"), "named by the primes");
    assert!(key("own.pem").is_some() && key("own.pem") != key("other.pem"));
}

#[test]
fn what_may_be_a_secret_is_no_name() {
    let shop = Workshop::new("claims_names");
    // 32 random-looking bytes whose base64 has slashes, so that it may be a path.
    let secret = base64(&(0..32_u8).map(|n| n.wrapping_mul(197) ^ 0xff ^ (n << 3)).collect::<Vec<u8>>());
    assert!(secret.contains('/'), "{secret}");
    let (hidden, marked) = (base64(&key_der(9)), base64(&key_der(7)));
    let seed = base64(&key_der(8)[16..]).replace('+', "-").replace('/', "_");
    let jwk = format!(
        "{{\"kty\":\"OKP\",\"crv\":\"Ed25519\",\"d\":\"{}\",\"kid\":\"{hidden}\"}}",
        seed.trim_end_matches('=')
    );
    shop.file(
        "app/.env",
        format!("FLASK_ENV=production\nJWT_SECRET_KEY={secret}\nTAURI_SIGNING_PRIVATE_KEY={secret}\n"),
    )
    .file("key.jwk", jwk)
    .file("key.pem", super::super::workshop::key_pem(3))
    .file("allowed.txt", format!("# keyradius:allow reason=\"{marked}\"\n{}\n", base64(&key_der(6))));
    let parts: BTreeSet<&str> = [&secret[4..30], &hidden[24..60], &marked[24..60]].into();
    for format in ["human", "json", "jsonl", "sarif", "facts"] {
        let ran = shop.run(&["scan", "-v", "--show-skipped", "--format", format, "."]);
        for part in &parts {
            assert!(!ran.stdout.contains(part) && !ran.stderr.contains(part), "{format}: {part} in {ran:?}");
        }
        assert_ne!(ran.stdout, "", "{format}");
    }
}
