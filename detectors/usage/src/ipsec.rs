//! `ipsec.secrets` of strongSwan, Libreswan and Openswan: `ID : RSA file.pem "passphrase"`.
//!
//! Read here and not by a rule: the words of a line are too common to be searched for in other files. A key that is
//! written out in braces (`: RSA { ... }`) is found by a detector.

use std::path::Path;

use keyradius_core::blob::Blob;
use keyradius_core::material::{Encoding, Kind, Material, Name, Reference};
use keyradius_core::seam::{Candidate, UsageHints};
use keyradius_core::secret::Secret;

use super::tables::Password;
use super::text::Text;
use super::value::{LONGEST_PASSWORD, is_placeholder};
use super::{CANDIDATES, REFERENCES};

/// Words after `:` before the name of a file: ipsec.secrets(5) of strongSwan 5.9.
const KINDS: [&str; 5] = ["rsa", "ecdsa", "bliss", "p12", "pkcs8"];

/// Whether a path is that of such a file.
pub(super) fn wants(path: &Path) -> bool {
    path.extension().is_some_and(|ending| ending == "secrets")
}

/// Reads the names of keys and their passphrases.
pub(super) fn read(blob: Blob<'_>, table: &Password, out: &mut UsageHints) {
    let Some(text) = Text::of(blob.bytes) else { return };
    for number in 0..text.count() {
        let line = text.of_line(number);
        let Some((_, rest)) = line.split_once(':').filter(|_| !line.trim_start().starts_with('#')) else { continue };
        let mut words = rest.split_whitespace();
        let kind = words.next().unwrap_or_default().to_ascii_lowercase();
        let Some(file) = words.next().map(|word| word.trim_matches('"')) else { continue };
        if !KINDS.contains(&kind.as_str()) || file.starts_with('{') || file.is_empty() {
            continue;
        }
        if out.references.len() >= REFERENCES || out.candidates.len() >= CANDIDATES {
            out.not_all = true;
            return;
        }
        let at = text.range(number).start + line.find(file).unwrap_or(0);
        let mut material = Material::new(Kind::Reference, "usage", Encoding::Text, text.span(at..at + file.len()));
        material.reference = Some(Box::new(Reference {
            tool: "ipsec-secrets".to_owned(),
            role: "vpn".to_owned(),
            weight: 60,
            text: "an IPsec gateway authenticates with it".to_owned(),
            names: vec![Name::Path(file.to_owned())],
        }));
        out.references.push(material);
        let passphrase = rest.split('"').nth(1).filter(|word| *word != file);
        if let Some(word) = passphrase.filter(|word| word.len() <= LONGEST_PASSWORD && !is_placeholder(word, table)) {
            out.candidates.push(Candidate {
                secret: Secret::new(word.as_bytes().to_vec()),
                origin: blob.origin.clone(),
                line: number as u64 + 1,
                field: kind,
                about: vec![file.to_owned()],
            });
        }
    }
}

#[cfg(test)]
mod tests {
    use keyradius_core::blob::Origin;

    use super::super::tables::TABLES;
    use super::*;

    #[test]
    fn keys_and_passphrases() {
        for (line, file, passphrase) in [
            (": RSA moonKey.pem", Some("moonKey.pem"), None),
            ("@moon : ECDSA keys/a.pem \"s3cret\"", Some("keys/a.pem"), Some("s3cret")),
            (": P12 a.p12 \"%prompt\"", Some("a.p12"), Some("%prompt")),
            ("# : RSA moonKey.pem", None, None),
            (": PSK \"s3cret\"", None, None),
            (": RSA {", None, None),
        ] {
            let origin = Origin::file("etc/ipsec.secrets");
            let mut out = UsageHints::default();
            read(Blob::whole(line.as_bytes(), &origin), &TABLES.password, &mut out);
            let names = out.references.first().and_then(|m| m.reference.as_deref()).map(|r| r.names.clone());
            assert_eq!(names, file.map(|file| vec![Name::Path(file.to_owned())]), "{line}");
            let found = out.candidates.first().map(|c| String::from_utf8_lossy(c.secret.expose()).into_owned());
            assert_eq!(found.as_deref(), passphrase, "{line}");
        }
    }
}
