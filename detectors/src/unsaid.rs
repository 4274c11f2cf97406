//! Names and labels from the input that may be secret themselves are replaced by their length.
//!
//! `JWT_SECRET_KEY=` may be followed by a path or by the secret; a comment may contain another key. The two cases
//! cannot always be distinguished, so any text that may be a secret is reported by its length alone.

use keyradius_core::material::{Kind, Material, Name, Occurrence};
use keyradius_readers::chance;

use crate::knowledge;

/// Fewest characters of a text that can contain a private key: 32 bytes in base64 without padding take 43, less some
/// margin.
const KEY: usize = 40;

/// Removes secrets from the texts of an occurrence. Call it last: everything that depends on names must be done before.
pub(crate) fn hush(occurrence: &mut Occurrence) {
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
    }
    if let Some(reference) = &mut material.reference {
        for name in &mut reference.names {
            hush_name(name);
        }
    }
}

fn hush_text(text: &mut String) {
    if text.len() >= KEY && holds_key(text) {
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

fn holds_key(text: &str) -> bool {
    let found = knowledge::engine().bytes("", text.as_bytes()).occurrences;
    found.iter().any(|occurrence| occurrence.material.kind == Kind::PrivateKey)
}

#[cfg(test)]
mod tests {
    use keyradius_core::material::{Encoding, Label};
    use keyradius_readers::text::base64;
    use sha2::{Digest, Sha256};

    use super::*;

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
