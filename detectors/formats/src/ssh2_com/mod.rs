//! Private keys of ssh.com and Tectia: `---- BEGIN SSH2 ENCRYPTED PRIVATE KEY ----`, RSA and DSA, plaintext or
//! encrypted with 3DES.
//!
//! The delimiter is four dashes and a blank, which is not PEM, so `readers/armor.rs` does not match it. Reads either line
//! ending, indentation, and escaped line ends as in a JSON string.

mod open;
mod read;

use keyradius_core::blob::Blob;
use keyradius_core::error::Malformed;
use keyradius_core::lock::{Lock, boxed};
use keyradius_core::material::{Encoding, Identity, Kind, Label, Locked, Material, ProtectionState};
use keyradius_core::seam::{About, Anchor, Decoded, Detector, Hit, Inspection};
use keyradius_readers::{carrier, signs};

use read::{BEGIN, File, LABEL, Text};

/// Detects private keys of ssh.com and Tectia.
#[derive(Debug)]
pub(crate) struct Ssh2Com;

const ANCHOR: Anchor = Anchor::anywhere(LABEL);

static ABOUT: About = About {
    id: "ssh2_com",
    title: "Private key (ssh.com)",
    detects: "SSH2 ENCRYPTED PRIVATE KEY blocks with RSA and DSA keys; only the cipher name inside shows whether they \
              are encrypted. Verified when they are not encrypted and the public numbers follow from the private \
              ones.",
    blind_to: "The public key of an encrypted key: all of it is encrypted. Ciphers other than 3des-cbc, which no \
               current tool writes.",
    respond: "Remove the public key from every authorized_keys and account that has it (search for the SHA256 \
              fingerprint), then make a new key. A password guess costs only one MD5: treat an encrypted key as \
              readable.",
    references: &["PuTTY import.c", "RFC 4716", "CWE-321", "CWE-916"],
};

impl Detector for Ssh2Com {
    fn about(&self) -> &'static About {
        &ABOUT
    }

    fn anchors(&self) -> &'static [Anchor<'static>] {
        &[ANCHOR]
    }

    fn inspect(&self, blob: Blob<'_>, hit: Hit<'_>, out: &mut Inspection) -> Result<(), Malformed> {
        // The END line contains the same words.
        let start = hit.at.checked_sub(BEGIN.len()).filter(|&start| blob.bytes.get(start..hit.at) == Some(BEGIN));
        let Some(start) = start else { return Ok(()) };
        let here = |error: Malformed| Malformed::new(error.what, start + error.at);
        let before = start.checked_sub(1).and_then(|at| blob.bytes.get(at)).copied();
        let quote = before.filter(|byte| matches!(byte, b'"' | b'\'' | b'`'));
        let text = Text::read(blob.bytes.get(start..).unwrap_or_default(), quote).map_err(here)?;
        let file = File::read(&text.body)?;
        let mut material = Material::new(Kind::PrivateKey, ABOUT.id, Encoding::Text, start..start + text.length);
        if file.protection.state == ProtectionState::Plaintext {
            let (key, private) = file.open(file.data)?;
            let (half, fit) = signs::signs_as(&key, private);
            fit.describe(&mut material);
            material.identity = Some(Identity::public(half));
        } else {
            material.identity = Some(carrier::opaque(file.data));
            material.locked = text.body.get(..file.length).map(Locked::new);
        }
        material.protection = Some(file.protection);
        material.labels.extend(Some(Label::new("comment", &text.comment)).filter(|label| !label.text.is_empty()));
        let span = material.span.clone();
        out.found(material);
        out.decoded(Decoded { kind: ABOUT.id, span, bytes: text.body, tail: 0, shifts: &[] });
        Ok(())
    }

    fn lock<'b>(&self, kept: &'b [u8]) -> Option<Box<dyn Lock + 'b>> {
        open::Key::read(kept).map(boxed)
    }
}

#[cfg(test)]
mod tests {
    use keyradius_core::material::Proof;
    use keyradius_readers::text::base64;

    use super::*;
    use crate::ask;

    fn string(bytes: &[u8]) -> Vec<u8> {
        [&(bytes.len() as u32).to_be_bytes(), bytes].concat()
    }

    fn number(digits: &[u8]) -> Vec<u8> {
        [&keyradius_readers::number::bits(digits).to_be_bytes()[..], digits].concat()
    }

    /// A tiny DSA key: p = 2^521 - 1, g = 2 and x = 5, so y = 32. q only has to look valid.
    fn dsa(y: u8) -> Vec<u8> {
        let p = [&[1][..], &[0xff; 65]].concat();
        string(&[&[0; 4][..], &number(&p), &number(&[2]), &number(&[0xff; 20]), &number(&[y]), &number(&[5])].concat())
    }

    fn body(kind: &[u8], cipher: &[u8], data: &[u8]) -> Vec<u8> {
        let rest = [string(kind), string(cipher), string(data)].concat();
        [&0x3f6f_f9eb_u32.to_be_bytes()[..], &(rest.len() as u32 + 8).to_be_bytes(), &rest].concat()
    }

    fn block(body: &[u8]) -> String {
        let digits = base64(body);
        let lines: Vec<&str> = digits.as_bytes().chunks(70).map(|line| str::from_utf8(line).unwrap()).collect();
        format!(
            "---- BEGIN SSH2 ENCRYPTED PRIVATE KEY ----\nSubject: me\nComment: \"a key of \\\nmine\"\n{}\n\
             ---- END SSH2 ENCRYPTED PRIVATE KEY ----\n",
            lines.join("\n")
        )
    }

    fn inspect(text: &str) -> Result<Vec<Material>, Malformed> {
        ask::first(&Ssh2Com, "k", text, &[ANCHOR])
    }

    const DSA: &[u8] = b"dl-modp{sign{dsa-nist-sha1},dh{plain}}";

    #[test]
    fn states_proofs_and_disguises() {
        let plain = block(&body(DSA, b"none", &dsa(32)));
        let no_headers = plain.replace("Subject: me\nComment: \"a key of \\\nmine\"\n", "");
        for (text, proof, state) in [
            (plain.clone(), Proof::Verified, "plaintext"),
            (plain.replace('\n', "\r\n"), Proof::Verified, "plaintext"),
            (format!("key: |\n  {}", plain.replace('\n', "\n  ")), Proof::Verified, "plaintext"),
            (format!("{{\"k\": \"{}\"}}", no_headers.replace('\n', "\\n")), Proof::Verified, "plaintext"),
            (no_headers, Proof::Verified, "plaintext"),
            (block(&body(DSA, b"none", &dsa(33))), Proof::Structure, "plaintext"),
            (block(&body(DSA, b"3des-cbc", &[0x5a; 128])), Proof::Structure, "weak"),
        ] {
            let found = inspect(&text).unwrap_or_else(|error| panic!("{error}: {text}"));
            let [material] = found.as_slice() else { panic!("{text}") };
            let protection = material.protection.as_ref().unwrap();
            assert_eq!((material.proof, protection.state.id()), (proof, state), "{text}");
            assert_eq!(material.locked.is_some(), state == "weak");
            assert!(text[..material.span.end].ends_with("PRIVATE KEY ----"));
        }
        assert_eq!(inspect(&plain).unwrap()[0].labels[0].text, "a key of");
    }

    #[test]
    fn incomplete_input_is_refused() {
        let good = block(&body(DSA, b"none", &dsa(32)));
        for length in LABEL.len() + BEGIN.len()..good.trim_end().len() - 5 {
            assert!(inspect(&good[..length]).is_err(), "cut at {length}");
        }
        for (name, text) in [
            ("unknown cipher", block(&body(DSA, b"rot13", &[0x5a; 128]))),
            ("unknown type", block(&body(b"ec-modp{sign{}}", b"none", &dsa(32)))),
            ("half a block", block(&body(DSA, b"3des-cbc", &[0x5a; 127]))),
            ("one number too many", block(&body(DSA, b"none", &string(&[&dsa(32)[4..], &number(&[1])].concat())))),
            ("no magic", block(&[0x41; 200])),
            ("documentation", good.replace(&good[100..180], "...")),
        ] {
            assert!(inspect(&text).is_err(), "{name}");
        }
        for at in LABEL.len() + BEGIN.len()..good.len() {
            for wrong in ["\0", "\n", "\\", "\"", "=", ":", "z"] {
                let _ = inspect(&[&good[..at], wrong, &good[at + 1..]].concat());
            }
        }
        assert_eq!(inspect(&good.replace("BEGIN", "START")).unwrap().len(), 0, "not the first line of a key");
    }
}
