//! Names and labels from the input that may be secret themselves are replaced by their length.
//!
//! `JWT_SECRET_KEY=` may be followed by a path or by the secret; a comment may contain another key. The two cases
//! cannot always be distinguished, so any text that may be a secret is reported by its length alone.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

use keyradius_core::material::{CertFacts, Identity, Kind, Material, Name, Occurrence, PublicHalf};
use keyradius_core::signature::Signed;
use keyradius_readers::{chance, reveals};
use zeroize::Zeroizing;

use crate::knowledge;

/// Fewest characters of a text that can contain a private key: 32 bytes in base64 without padding take 43, less some
/// margin.
const KEY: usize = 40;

/// Maximum number of keys of one file that a text of the file is compared with.
const KEYS: usize = 64;

/// Removes secrets from the texts of occurrences. Call it last: everything that depends on names must be done before.
pub(crate) fn hush(occurrences: &mut [Occurrence]) {
    hush_numbers(occurrences);
    occurrences.iter_mut().for_each(hush_one);
}

/// Replaces labels that are the private number of a key in the same file. Whoever writes the file chooses both.
fn hush_numbers(occurrences: &mut [Occurrence]) {
    let mut keys: BTreeMap<&Path, Vec<Arc<PublicHalf>>> = BTreeMap::new();
    for occurrence in occurrences.iter().filter(|occurrence| occurrence.material.kind == Kind::PrivateKey) {
        if let Some(Identity::Public(half)) = &occurrence.material.identity {
            let list = keys.entry(&occurrence.origin.path).or_default();
            if list.len() < KEYS && !list.iter().any(|other| other.id == half.id) {
                list.push(Arc::clone(half));
            }
        }
    }
    if keys.is_empty() {
        return;
    }
    let reveals = |occurrence: &Occurrence, text: &str| {
        let keys = keys.get(&*occurrence.origin.path);
        reveals::numbers(text)
            .iter()
            .any(|number| keys.into_iter().flatten().any(|half| reveals::is_private(number, half)))
    };
    let mut told = Vec::new();
    for (at, occurrence) in occurrences.iter().enumerate() {
        let material = &occurrence.material;
        let names = material.certificate.iter().flat_map(|facts| [&facts.subject, &facts.issuer]);
        let texts = material.labels.iter().map(|label| &label.text).chain(names);
        told.extend(texts.enumerate().filter(|(_, text)| reveals(occurrence, text)).map(|(text, _)| (at, text)));
    }
    for (at, text) in told {
        let Some(material) = occurrences.get_mut(at).map(|occurrence| &mut occurrence.material) else { continue };
        let names = material.certificate.iter_mut().flat_map(|facts| {
            let facts = &mut **facts;
            [&mut facts.subject, &mut facts.issuer]
        });
        if let Some(text) = material.labels.iter_mut().map(|label| &mut label.text).chain(names).nth(text) {
            *text = format!("[{} characters that contain a private number]", text.chars().count());
        }
    }
}

fn hush_one(occurrence: &mut Occurrence) {
    if let Some(mark) = &mut occurrence.mark {
        // The ` until=` date after the reason says how long the mark is valid: it is kept.
        let until = mark.text.split_off(mark.text.rfind(" until=").unwrap_or(mark.text.len()));
        hush_text(&mut mark.text);
        mark.text.push_str(&until);
    }
    hush_material(&mut occurrence.material);
}

fn hush_material(material: &mut Material) {
    for label in &mut material.labels {
        hush_text(&mut label.text);
    }
    if let Some(facts) = &mut material.certificate {
        hush_text(&mut facts.subject);
        hush_text(&mut facts.issuer);
        hush_certificate(facts);
    }
    if let Some(reference) = &mut material.reference {
        for name in &mut reference.names {
            hush_name(name);
        }
    }
}

/// Longest object identifier that is printed, in characters: standards and vendors use some 50.
const LONGEST_OID: usize = 128;

/// Removes the bytes that a certificate gives to facts, if a private key is among them: whoever makes a certificate
/// chooses its signature, numbers and identifiers.
fn hush_certificate(facts: &mut CertFacts) {
    for list in [&mut facts.ext_key_usage, &mut facts.policies, &mut facts.extensions] {
        list.retain(|oid| oid.len() <= LONGEST_OID);
    }
    let mut bytes = Zeroizing::new(Vec::new());
    let mut add = |part: &[u8]| {
        bytes.extend_from_slice(part);
        bytes.extend_from_slice(&[0; 16]);
    };
    if let Some(signature) = &facts.signed {
        let (Signed::Digest(over) | Signed::Message(over)) = &signature.over;
        add(over);
        add(&signature.value);
    }
    if let Some(serial) = keyradius_core::hex::unhex(&facts.serial) {
        add(&serial);
    }
    for id in [&facts.subject_key_id, &facts.authority_key_id].into_iter().flatten() {
        add(id);
    }
    if holds_key(&bytes) {
        (facts.signed, facts.subject_key_id, facts.authority_key_id) = (None, None, None);
        facts.serial = format!("[{} digits that contain a key]", facts.serial.len());
    }
}

fn hush_text(text: &mut String) {
    if text.len() >= KEY && holds_key(text.as_bytes()) {
        *text = format!("[{} characters that contain a key]", text.chars().count());
    }
}

fn hush_name(name: &mut Name) {
    let (Name::Path(text) | Name::Directory(text) | Name::Alias(text) | Name::Variable(text)) = name else { return };
    if chance::may_be_secret(text) {
        *text = format!("[{} characters that may be a secret]", text.chars().count());
    } else {
        hush_text(text);
    }
}

fn holds_key(bytes: &[u8]) -> bool {
    let found = knowledge::engine().bytes("", bytes).occurrences;
    found.iter().any(|occurrence| occurrence.material.kind == Kind::PrivateKey)
}

#[cfg(test)]
mod tests {
    use keyradius_core::material::{Encoding, Label};
    use keyradius_readers::text::base64;
    use sha2::{Digest, Sha256};

    use super::*;

    #[test]
    fn a_private_number_in_a_label_of_the_same_file_is_replaced_by_its_length() {
        use keyradius_core::blob::Origin;
        use keyradius_readers::proof::raw_public;
        use keyradius_readers::public::{self, PublicKey, Raw};

        let seed = Sha256::digest(b"a seed");
        let half =
            public::half(&PublicKey::Raw { kind: Raw::Ed25519, bytes: &raw_public(Raw::Ed25519, &seed).unwrap() });
        let place = |path: &str, kind, label: &[u8], identity| {
            let mut material = Material::new(kind, "jwk", Encoding::Text, 0..0);
            material.labels = vec![Label::new("comment", b"release"), Label::new("kid", label)];
            material.identity = identity;
            Occurrence {
                material,
                origin: Origin::file(path),
                offset: 0,
                line: 1,
                section: None,
                mark: None,
                git: None,
            }
        };
        let secret = keyradius_core::hex::hex(&seed);
        let key = || Some(Identity::public(half.clone()));
        let mut all = [
            place("a", Kind::PrivateKey, secret.as_bytes(), key()),
            place("a", Kind::PublicKey, base64(&seed).as_bytes(), None),
            place("a", Kind::PublicKey, keyradius_core::hex::hex(&half.id.spki_sha256).as_bytes(), key()),
        ];
        hush(&mut all);
        let texts: Vec<&str> = all.iter().map(|o| o.material.labels[1].text.as_str()).collect();
        let [own, other, digest] = texts[..] else { panic!("{texts:?}") };
        assert_eq!(own, "[64 characters that contain a private number]");
        assert_eq!(other, "[43 characters that contain a private number]");
        assert_eq!(digest, keyradius_core::hex::hex(&half.id.spki_sha256));
        assert!(all.iter().all(|o| o.material.labels[0].text == "release"));
    }

    #[test]
    fn a_key_in_a_certificate_does_not_get_into_facts() {
        use keyradius_core::signature::{Hash, Scheme, Signature};

        let mut der = vec![0x30, 0x2e, 2, 1, 0, 0x30, 5, 6, 3, 0x2b, 0x65, 0x70, 4, 0x22, 4, 0x20];
        der.extend_from_slice(&Sha256::digest(b"a seed"));
        let facts = |value: &[u8], message: &[u8], id: &[u8], serial: &[u8]| CertFacts {
            subject: "CN=a".into(),
            issuer: "CN=b".into(),
            serial: keyradius_core::hex::hex(serial),
            version: 3,
            ext_key_usage: vec!["1.2.3".into(), format!("1.2.{}", "1".repeat(300))],
            subject_key_id: Some(id.to_vec()),
            signed: Some(Box::new(Signature {
                scheme: Scheme::RsaPkcs1(Hash::Sha256),
                over: Signed::Message(message.to_vec()),
                value: value.to_vec(),
            })),
            ..CertFacts::default()
        };
        let other = Sha256::digest(b"no key");
        let mut sound = facts(&other, &other, &other, &other);
        hush_certificate(&mut sound);
        assert!(sound.signed.is_some() && sound.subject_key_id.is_some() && sound.serial.len() == 64);
        assert_eq!(sound.ext_key_usage, ["1.2.3"]);
        let long = [&other[..], &der, &other].concat();
        for mut holder in [
            facts(&long, &other, &other, &other),
            facts(&other, &long, &other, &other),
            facts(&other, &other, &long, &other),
            facts(&other, &other, &other, &der),
        ] {
            hush_certificate(&mut holder);
            let text = format!("{holder:?}");
            assert!(holder.signed.is_none() && holder.subject_key_id.is_none(), "{text}");
            assert!(!text.contains(&keyradius_core::hex::hex(&der[16..])));
        }
    }

    #[test]
    fn a_key_in_a_label_is_replaced_by_its_length() {
        let mut der = vec![0x30, 0x2e, 2, 1, 0, 0x30, 5, 6, 3, 0x2b, 0x65, 0x70, 4, 0x22, 4, 0x20];
        der.extend_from_slice(&Sha256::digest(b"a seed"));
        let mut material = Material::new(Kind::PrivateKey, "jwk", Encoding::Text, 0..0);
        let text = base64(&der);
        material.labels =
            vec![Label::new("kid", text.as_bytes()), Label::new("comment", b"release key of example.org, 2026")];
        hush_material(&mut material);
        assert_eq!(material.labels[0].text, format!("[{} characters that contain a key]", text.len()));
        assert_eq!(material.labels[1].text, "release key of example.org, 2026");
    }
}
