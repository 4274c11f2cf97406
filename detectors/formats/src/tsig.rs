//! TSIG keys: the shared secrets that sign updates and transfers of DNS zones, and rndc commands, in BIND's format:
//! `key "name" { algorithm hmac-sha256; secret "base64"; };`.

use keyradius_core::blob::Blob;
use keyradius_core::error::Malformed;
use keyradius_core::material::{Encoding, Identity, Kind, Label, Material, Protection};
use keyradius_core::seam::{About, Anchor, Detector, Hit, Inspection};
use keyradius_readers::braces::{Braces, Strings};
use keyradius_readers::chance::looks_random;
use keyradius_readers::text::{Decoder, digit};
use sha2::{Digest, Sha256};

/// Detects TSIG keys.
#[derive(Debug)]
pub(crate) struct Tsig;

const ANCHOR: Anchor = Anchor::anywhere(b"algorithm hmac-");

/// How far before and after the algorithm its clause is read, in bytes.
const CLAUSE: usize = 512;
/// Minimum bytes of a secret that cannot be guessed: 80 bits.
const SHORTEST: usize = 10;

static ABOUT: About = About {
    id: "tsig",
    title: "Shared secret (TSIG, rndc)",
    detects: "Key clauses of named.conf, rndc.conf and rndc.key, as tsig-keygen, rndc-confgen and ddns-confgen write \
              them: name, algorithm and a secret of at least 80 bits. The name is reported, and the same secret under \
              two names is one key.",
    blind_to: "Secrets in the syntax of other servers (Knot, NSD, PowerDNS) and in nsupdate's one-line form. There is \
               no public half: the key is identified by a digest of the secret.",
    respond: "Whoever has the secret can change the zone (update policies) or command the server (rndc). Install a \
              new secret from tsig-keygen on both ends, and search the journal of the zone for changes that are not \
              yours.",
    references: &["RFC 8945", "BIND 9: tsig-keygen(8), rndc.conf(5)", "CWE-321", "CWE-798"],
};

impl Detector for Tsig {
    fn about(&self) -> &'static About {
        &ABOUT
    }

    fn anchors(&self) -> &'static [Anchor<'static>] {
        &[ANCHOR]
    }

    fn inspect(&self, blob: Blob<'_>, hit: Hit<'_>, out: &mut Inspection) -> Result<(), Malformed> {
        let bytes = blob.bytes;
        if !out.may_work() {
            return Ok(());
        }
        let mut work = 0;
        let braces = Braces::new(bytes, hit.at, (CLAUSE, CLAUSE), Strings::OneLine);
        let clause = braces.enclosing(hit.at, &mut work).find_map(|clause| {
            let head = bytes.get(clause.start.saturating_sub(256)..clause.start)?;
            let (start, name) = name(head)?;
            Some((clause.start - (head.len() - start), name, clause))
        });
        out.work(work);
        let Some((start, name, clause)) = clause else { return Ok(()) };
        let end = clause.end;
        let wrong = Malformed::new("secret of a TSIG key", hit.at);
        let secret = secret(bytes.get(clause).unwrap_or_default()).ok_or(wrong)?;
        let padding = secret.iter().rev().take(2).take_while(|&&byte| byte == b'=').count();
        let digits = secret.get(..secret.len() - padding).unwrap_or_default();
        let mut decoder = Decoder::with_capacity(secret.len());
        for &byte in digits {
            decoder.push(digit(byte).ok_or(wrong)?);
        }
        let secret = decoder.finish();
        if !(digits.len() + padding).is_multiple_of(4) || secret.len() < SHORTEST || !looks_random(&secret) {
            return Err(wrong);
        }
        let mut material = Material::new(Kind::PrivateKey, ABOUT.id, Encoding::Text, start..end);
        material.protection = Some(Protection::plaintext());
        let digest = Sha256::new().chain_update(b"tsig\0").chain_update(&secret).finalize();
        material.identity = Some(Identity::Opaque(digest.into()));
        material.labels.push(Label::new("name", name));
        out.found(material);
        Ok(())
    }
}

/// Finds `key "name" ` before the brace, and returns its start and the name.
fn name(head: &[u8]) -> Option<(usize, &[u8])> {
    let text = head.trim_ascii_end();
    let is_mark = |byte: &u8| matches!(byte, b'"' | b'\\');
    let name_end = text.len() - text.iter().rev().take_while(|byte| is_mark(byte)).count();
    let name = text.get(..name_end)?;
    let is_name = |byte: &u8| byte.is_ascii_alphanumeric() || b".-_".contains(byte);
    let length = name.iter().rev().take_while(|byte| is_name(byte)).count();
    let name_start = name_end - length;
    let before = text.get(..name_start)?;
    let marks = before.iter().rev().take_while(|byte| is_mark(byte)).count();
    let before = before.get(..before.len() - marks)?;
    let key = before.trim_ascii_end().strip_suffix(b"key")?;
    let begins = key.last().is_none_or(|byte| !byte.is_ascii_alphanumeric() || key.ends_with(b"\\n"));
    (length > 0 && begins && before.len() > key.len() + 3)
        .then(|| (key.len(), text.get(name_start..name_end).unwrap_or_default()))
}

/// The secret of a clause, with or without quotation marks.
fn secret(clause: &[u8]) -> Option<&[u8]> {
    let at = memchr::memmem::find(clause, b"secret")? + b"secret".len();
    let text = clause.get(at..)?;
    let skipped = text.iter().take_while(|byte| byte.is_ascii_whitespace() || matches!(byte, b'"' | b'\\')).count();
    let value = text.get(skipped..).filter(|_| skipped > 0)?;
    let length = value.iter().take_while(|&&byte| digit(byte).is_some() || byte == b'=').count();
    let behind = value.get(length..)?.iter().find(|byte| !matches!(byte, b'"' | b'\\' | b' '))?;
    value.get(..length).filter(|_| *behind == b';')
}

#[cfg(test)]
mod tests {

    use super::*;
    use crate::ask;
    use keyradius_readers::text::base64;

    fn inspect(text: &str) -> Result<Vec<Material>, Malformed> {
        ask::first(&Tsig, "named.conf", text, &[ANCHOR])
    }

    #[test]
    fn clauses_as_people_write_them() {
        let secret =
            format!("{}=", base64(&(0..32_u8).map(|n| n.wrapping_mul(37).wrapping_add(3)).collect::<Vec<u8>>()));
        let plain = format!("key \"tsig-key\" {{\n\talgorithm hmac-sha256;\n\tsecret \"{secret}\";\n}};\n");
        for text in [
            plain.clone(),
            format!("options {{ }};\n{plain}"),
            format!("zone \"{{\" {{ }};\n{plain}"),
            plain.replace("secret", "// {not} this \"\n\tsecret"),
            plain.replace("\talgorithm", "\t# disk of 3.5\"\n\talgorithm"),
            plain.replace("\talgorithm", "\tremark \"}\"; algorithm").replace("};", "remark \"{\"; };"),
            plain.split_inclusive('\n').flat_map(|line| ["# ", line]).collect(),
            format!("key tsig-key {{ algorithm hmac-md5; secret {secret}; }};"),
            format!("key \"tsig-key\" {{ secret \"{secret}\"; algorithm hmac-sha256; }};"),
            format!("{{\"conf\": \"{}\"}}", plain.replace('"', "\\\"").replace('\n', "\\n").replace('\t', "  ")),
        ] {
            let found = inspect(&text).unwrap_or_else(|error| panic!("{error}: {text}"));
            let [material] = found.as_slice() else { panic!("{text}") };
            assert_eq!(material.labels, [Label::new("name", b"tsig-key")]);
            assert!(text[material.span.clone()].starts_with("key") && text[..material.span.end].ends_with('}'));
            assert!(matches!(material.identity, Some(Identity::Opaque(_))));
        }
        for wrong in [
            plain.replace(&secret, "<base64>"),
            plain.replace(&secret, "c2VjcmV0"),
            plain.replace(&secret, "{{ secret }}"),
            plain.replace(&secret, "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA="),
            plain.replace("secret \"", "sekret \""),
        ] {
            assert!(inspect(&wrong).map_or(true, |found| found.is_empty()), "{wrong}");
        }
        for other in [
            "algorithm hmac-sha256;",
            "if (x) { algorithm hmac-sha256; }",
            "monkey \"a\" { algorithm hmac-sha256; secret \"x\"; }",
        ] {
            assert!(inspect(other).unwrap().is_empty(), "{other}");
        }
    }
}
