//! DNSSEC private keys in BIND's text format (`K<zone>+<algorithm>+<tag>.private`), and the `.key` files next to them.
//!
//! RSA and DSA keys are proven by their numbers. The others are a single number, from which the public half is
//! computed. Only the `.key` file says whether a key signs other keys (KSK): its public key is reported with that
//! remark and has the same identity.

mod read;

use keyradius_core::blob::Blob;
use keyradius_core::error::Malformed;
use keyradius_core::material::{Encoding, Identity, Kind, Label, Material, Protection, Remark};
use keyradius_core::seam::{About, Anchor, Detector, Hit, Inspection};
use keyradius_readers::chance::looks_random;
use keyradius_readers::number::bits;
use keyradius_readers::public::{self, Domain, PublicKey, Raw};
use keyradius_readers::signs::{self, Fit};
use keyradius_readers::{curves, proof, ssh};
use sha2::{Digest, Sha256};

use read::{Fields, dnskey};

/// Detects DNSSEC keys.
#[derive(Debug)]
pub(crate) struct Dnssec;

const PRIVATE: Anchor = Anchor::anywhere(b"Private-key-format");
/// How dnssec-keygen begins a public key file.
const KSK: Anchor = Anchor::at_start(b"; This is a key-signing key");
const ZSK: Anchor = Anchor::at_start(b"; This is a zone-signing key");

static ABOUT: About = About {
    id: "dnssec",
    title: "Private key (DNSSEC)",
    detects: "Private key files of BIND and compatible tools: RSA, DSA, ECDSA P-256 and P-384, Ed25519, Ed448, and \
              the HMAC keys that dnssec-keygen once made. Verified where the numbers must fit together (RSA, DSA). \
              The public .key files give the zone and say whether a key signs keys (KSK) or the zone (ZSK).",
    blind_to: "Keys in an HSM (Engine and Label lines): the file contains no number. The zone of a private key: only \
               the file name or the .key file next to it gives the zone.",
    respond: "Roll the key: publish a new one, for a KSK change the DS record at the parent, wait for the longest \
              time to live, remove the old key. Until then whoever has it can forge every answer of the zone.",
    references: &["BIND 9: dnssec-keygen(8)", "RFC 4034", "RFC 5702", "RFC 6605", "RFC 8080", "CWE-321"],
};

impl Detector for Dnssec {
    fn about(&self) -> &'static About {
        &ABOUT
    }

    fn anchors(&self) -> &'static [Anchor<'static>] {
        &[PRIVATE, KSK, ZSK]
    }

    fn inspect(&self, blob: Blob<'_>, hit: Hit<'_>, out: &mut Inspection) -> Result<(), Malformed> {
        if hit.anchor != PRIVATE {
            return public_key(blob.bytes, out);
        }
        let text = blob.bytes.get(hit.at..).unwrap_or_default();
        let (fields, length) = Fields::read(text).map_err(|error| Malformed::new(error.what, hit.at + error.at))?;
        let mut material = Material::new(Kind::PrivateKey, ABOUT.id, Encoding::Text, hit.at..hit.at + length);
        material.protection = Some(Protection::plaintext());
        let (identity, fit) = identity(&fields).map_err(|error| Malformed::new(error.what, hit.at))?;
        material.identity = Some(identity);
        if let Some(fit) = fit {
            fit.describe(&mut material);
        }
        material.labels.push(Label::new("algorithm", fields.algorithm.to_string().as_bytes()));
        out.found(material);
        Ok(())
    }
}

/// The public half of a private key, and how its numbers fit, if it has more than one. Algorithm numbers: IANA, DNS
/// Security Algorithm Numbers; those of HMAC are BIND's own.
fn identity(fields: &Fields) -> Result<(Identity, Option<Fit>), Malformed> {
    let known = |key: PublicKey<'_>| Identity::public(public::half(&key));
    let number = |name: &str| fields.get(name).ok_or(Malformed::new("number of a DNSSEC key", 0));
    let wrong = |what| Malformed::new(what, 0);
    match fields.algorithm {
        1 | 5 | 7 | 8 | 10 => {
            let (n, e) = (number("Modulus")?, number("PublicExponent")?);
            let [d, p, q] = ["PrivateExponent", "Prime1", "Prime2"].map(|name| fields.get(name).unwrap_or_default());
            let PublicKey::Rsa { n, e } = ssh::rsa(n, e, 0)? else { return Err(wrong("numbers of an RSA key")) };
            let key = signs::rsa_by_name(n, e, d, &[p, q]).ok_or(wrong("numbers of an RSA key"))?;
            Ok((Identity::public(key.half()), Some(key.fit)))
        }
        3 | 6 => {
            let (p, q, g) = (number("Prime(p)")?, number("Subprime(q)")?, number("Base(g)")?);
            let (x, y) = (number("Private_value(x)")?, fields.get("Public_value(y)").unwrap_or_default());
            let known = signs::one_number(&PublicKey::Dsa { p, q, g, y }, x, bits(q)).filter(|_| bits(p) >= 512);
            let (half, fit) = known.ok_or(wrong("numbers of a DSA key"))?;
            Ok((Identity::public(half), Some(fit)))
        }
        13 | 14 => {
            let curve = if fields.algorithm == 13 { b"nistp256" } else { b"nistp384" };
            let curve = curves::by_ssh(curve).ok_or(wrong("curve"))?;
            let scalar = number("PrivateKey")?;
            let point = curve.public_point(scalar).filter(|_| looks_random(scalar)).ok_or(wrong("scalar"))?;
            Ok((known(PublicKey::Ec { domain: Domain::Named(curve), point: &point }), None))
        }
        15 | 16 => {
            let kind = if fields.algorithm == 15 { Raw::Ed25519 } else { Raw::Ed448 };
            let seed = number("PrivateKey")?;
            let bytes = proof::raw_public(kind, seed).filter(|_| looks_random(seed)).ok_or(wrong("seed"))?;
            Ok((known(PublicKey::Raw { kind, bytes: &bytes }), None))
        }
        // Shared secrets have no public half. They are identified by a digest if they are too long to be guessed.
        157 | 161..=165 => {
            let secret = number("Key")?;
            if secret.len() < 10 || !looks_random(secret) {
                return Err(wrong("HMAC key"));
            }
            let digest = Sha256::new().chain_update(b"tsig\0").chain_update(secret).finalize();
            Ok((Identity::Opaque(digest.into()), None))
        }
        _ => Err(wrong("DNSSEC algorithm")),
    }
}

/// Reads a `.key` file: comments, then `zone. IN DNSKEY flags 3 algorithm key`.
fn public_key(bytes: &[u8], out: &mut Inspection) -> Result<(), Malformed> {
    let record = dnskey(bytes)?;
    let key = record.key()?;
    let half = public::half(&key.as_public()?);
    let mut material = Material::new(Kind::PublicKey, ABOUT.id, Encoding::Text, 0..record.end);
    material.identity = Some(Identity::public(half));
    material.labels.push(Label::new("zone", record.zone));
    // RFC 4034 2.1.1: zone keys have bit 7. RFC 3757: keys that sign keys have the last bit as well.
    material.remarks.push(if record.flags & 1 == 1 { Remark::KeySigningKey } else { Remark::ZoneSigningKey });
    out.found(material);
    Ok(())
}

#[cfg(test)]
mod tests {
    use keyradius_core::hex::hex;
    use keyradius_core::material::Proof;
    use keyradius_readers::text::base64;

    use super::*;
    use crate::ask;

    fn inspect(text: &str) -> Result<Vec<Material>, Malformed> {
        ask::first(&Dnssec, "Kexample.com.+015+00001.private", text, &[PRIVATE, KSK, ZSK])
    }

    fn padded(bytes: &[u8]) -> String {
        let text = base64(bytes);
        format!("{text}{}", "=".repeat((4 - text.len() % 4) % 4))
    }

    fn number() -> Vec<u8> {
        (0..57_u8).map(|n| n.wrapping_mul(37).wrapping_add(11)).collect()
    }

    fn one(algorithm: &str, name: &str, bytes: &[u8]) -> String {
        format!(
            "Private-key-format: v1.3\nAlgorithm: {algorithm}\n{name}: {}\nCreated: 20261120200422\nPublish: 20261120200422\n",
            padded(bytes)
        )
    }

    #[test]
    fn one_number_gives_the_public_half() {
        let number = number();
        for (algorithm, length, name) in [
            ("13 (ECDSAP256SHA256)", 32, "EC"),
            ("14 (ECDSAP384SHA384)", 48, "EC"),
            ("15 (ED25519)", 32, "Ed25519"),
            ("16 (ED448)", 57, "Ed448"),
        ] {
            let plain = one(algorithm, "PrivateKey", &number[..length]);
            for text in [
                plain.clone(),
                plain.replace('\n', "\r\n"),
                plain.replace('\n', "\n  "),
                format!("k: \"{}\"", plain.replace('\n', "\\n")),
            ] {
                let found = inspect(&text).unwrap_or_else(|error| panic!("{error}: {text}"));
                let Some(Identity::Public(half)) = &found[0].identity else { panic!("identity") };
                assert_eq!((half.algorithm.name, found[0].proof), (name, Proof::Structure));
                assert!(text[..found[0].span.end].ends_with("20261120200422"), "{text}");
            }
        }
        let hmac = inspect(&one("163 (HMAC_SHA256)", "Key", &number[..32])).unwrap();
        assert!(matches!(hmac[0].identity, Some(Identity::Opaque(_))));
    }

    #[test]
    fn the_public_file_shows_the_kind_of_key() {
        let seed = &number()[..32];
        let public = proof::raw_public(Raw::Ed25519, seed).unwrap();
        for (flags, what, note) in [(257, "key", Remark::KeySigningKey), (256, "zone", Remark::ZoneSigningKey)] {
            let text = format!(
                "; This is a {what}-signing key, keyid 1, for example.com.\n; Created: 20261120200422 (Fri)\nexample.com. 3600 IN DNSKEY {flags} 3 15 {} {}\n",
                &padded(&public)[..20],
                &padded(&public)[20..]
            );
            let found = inspect(&text).unwrap();
            let Some(Identity::Public(half)) = &found[0].identity else { panic!("identity") };
            assert_eq!(hex(&half.spki[12..]), hex(&public));
            assert_eq!((&*found[0].labels[0].text, &*found[0].remarks), ("example.com.", &[note][..]));
        }
    }

    #[test]
    fn invalid_keys_are_refused() {
        let number = number();
        for text in [
            one("13 (ECDSAP256SHA256)", "PrivateKey", &[0; 32]),
            one("13 (ECDSAP256SHA256)", "PrivateKey", &[0xff; 32]),
            one("15 (ED25519)", "PrivateKey", &number[..31]),
            one("15 (ED25519)", "Key", &number[..32]),
            one("99 (NONE)", "PrivateKey", &number[..32]),
            one("8 (RSASHA256)", "Modulus", &number[..32]),
            one("163 (HMAC_SHA256)", "Key", &number[..9]),
            "Private-key-format: v1.3\nAlgorithm: 15 (ED25519)\nPrivateKey: <base64>\n".to_owned(),
            "Private-key-format: v1.3\nAlgorithm: 13 (ECDSAP256SHA256)\nEngine: cGtjczExAA==\nLabel: cGtjczExOg==\n"
                .to_owned(),
            "#define PRIVATE_KEY_STR \"Private-key-format:\"".to_owned(),
            "; This is a key-signing key, keyid 1\nexample.com. IN DNSKEY 257 3 15 AAAA\n".to_owned(),
            "; This is a key-signing key\n".to_owned(),
        ] {
            assert!(inspect(&text).is_err(), "{text}");
        }
    }
}
