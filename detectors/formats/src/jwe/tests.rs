//! Tests of `jwe`.

use keyradius_readers::text::base64url;

use super::*;
use crate::ask;

fn header(alg: &str, enc: &str) -> String {
    format!(r#"{{"alg":"{alg}","cty":"jwk+json","enc":"{enc}","kid":"signer-1","p2c":8192,"p2s":"QhZLsjxI72ZDH6YE"}}"#)
}

/// A token of noise with lengths that fit the cipher.
fn token(header: &str, [key, iv, text, tag]: [usize; 4]) -> String {
    let noise = |length: usize| base64url(&(0..length).map(|n| (n * 113 + 7) as u8).collect::<Vec<u8>>());
    [base64url(header.as_bytes()), noise(key), noise(iv), noise(text), noise(tag)].join(".")
}

const GCM: [usize; 4] = [40, 12, 155, 16];
const CBC: [usize; 4] = [72, 16, 160, 32];

fn inspect(text: &str) -> Result<Vec<Material>, Malformed> {
    ask::first(&Jwe, "key.jwe", text, &ANCHORS)
}

#[test]
fn derivations_ciphers_and_surroundings() {
    let gcm = token(&header("PBES2-HS256+A128KW", "A256GCM"), GCM);
    let cbc = token(&header("PBES2-HS512+A256KW", "A256CBC-HS512"), CBC);
    let first = "PBKDF2-HMAC-SHA256 8192 iterations, AES-128 key wrap, AES-256-GCM";
    for (text, token, detail) in [
        (gcm.clone(), &gcm, first),
        (cbc.clone(), &cbc, "PBKDF2-HMAC-SHA512 8192 iterations, AES-256 key wrap, AES-256-CBC"),
        (format!("{{\"encryptedKey\":\"{gcm}\"}}"), &gcm, first),
        (format!("\\n{gcm}\\n"), &gcm, first),
        (format!("KEY={gcm}\n"), &gcm, first),
    ] {
        let found = inspect(&text).unwrap_or_else(|error| panic!("{error}: {text}"));
        let key = found.first().expect("a key");
        assert_eq!(text.get(key.span.clone()), Some(token.as_str()));
        assert_eq!(key.protection.as_ref().map(|p| p.detail.as_str()), Some(detail));
        assert_eq!(key.labels.first().map(|label| label.text.as_str()), Some("signer-1"));
        assert!(key.locked.is_some());
    }
}

#[test]
fn blanks_may_follow_the_names_of_members() {
    let plain = header("PBES2-HS256+A128KW", "A256GCM");
    let blanks = plain.replace(':', ": ").replace(',', ", ");
    for header in [plain, blanks] {
        assert_eq!(inspect(&token(&header, GCM)).map(|found| found.len()), Ok(1), "{header}");
    }
}

#[test]
fn a_key_set_is_a_keystore_until_it_is_opened() {
    let header = header("PBES2-HS384+A192KW", "A128GCM").replace("jwk+json", "application/JWK-SET+json");
    let found = inspect(&token(&header, [24, 12, 100, 16])).expect("a set");
    assert_eq!(found.first().map(|set| set.kind), Some(Kind::Keystore));
}

#[test]
fn messages_and_incomplete_tokens_are_refused() {
    let good = header("PBES2-HS256+A128KW", "A256GCM");
    for (from, to) in [
        ("jwk+json", "text/plain"),
        ("cty", "typ"),
        ("A256GCM", "XC20P"),
        ("8192", "0"),
        ("8192", "99999999999"),
        ("QhZLsjxI72ZDH6YE", "..."),
        ("A128KW", "A999KW"),
    ] {
        assert!(inspect(&token(&good.replace(from, to), GCM)).is_err(), "{to}");
    }
    for lengths in [[32, 12, 155, 16], [40, 16, 155, 16], [40, 12, 20, 16], [40, 12, 155, 12]] {
        assert!(inspect(&token(&good, lengths)).is_err(), "{lengths:?}");
    }
    let whole = token(&good, GCM);
    let cut = whole.rsplit_once('.').expect("parts").0;
    assert!(inspect(cut).is_err());
}
