//! PuTTY private keys (PPK), versions 1, 2 and 3: text in which the public key is not encrypted (PuTTY user manual,
//! appendix C).
//!
//! Reads either line ending, indentation as in YAML, and escaped line ends as in a JSON string.

mod open;

use keyradius_core::blob::Blob;
use keyradius_core::error::{Malformed, Reason};
use keyradius_core::lock::{Lock, boxed};
use keyradius_core::material::{Encoding, Identity, Kind, Label, Material, ProtectionState, Remark};
use keyradius_core::seam::{About, Anchor, Decoded, Detector, Hit, Inspection};
use keyradius_readers::putty::{self, File, MAGIC};
use sha2::{Digest, Sha256};

/// Detects PuTTY private keys.
#[derive(Debug)]
pub(crate) struct Putty;

const ANCHOR: Anchor = Anchor::anywhere(MAGIC);

static ABOUT: About = About {
    id: "putty",
    title: "Private key (PuTTY)",
    detects: "PPK files of versions 1, 2 and 3 with RSA, DSA, ECDSA, Ed25519 and Ed448 keys, also indented or inside a \
              JSON string. The public key is read even when the private one is encrypted. Verified when the file is \
              not encrypted and the public numbers follow from the private ones.",
    blind_to: "Whether the password is a good one: only the cost of a guess is reported. The MAC is not checked, \
               because for an encrypted file it needs the password, and for others the arithmetic proves more. \
               Unknown key types are identified by a digest of the public blob.",
    respond: "Remove the public key from every authorized_keys and account that has it (search for the SHA256 \
              fingerprint), then make a new key. Encrypted files of versions 1 and 2 hash the password with SHA-1 \
              only: treat them as readable. Version 3 with Argon2 buys time, not safety.",
    references: &["PuTTY user manual, appendix C: PPK file format", "RFC 4253 6.6", "RFC 9106", "CWE-321", "CWE-916"],
};

impl Detector for Putty {
    fn about(&self) -> &'static About {
        &ABOUT
    }

    fn anchors(&self) -> &'static [Anchor<'static>] {
        &[ANCHOR]
    }

    fn inspect(&self, blob: Blob<'_>, hit: Hit<'_>, out: &mut Inspection) -> Result<(), Malformed> {
        let text = blob.bytes.get(hit.at..).unwrap_or_default();
        let quote = hit
            .at
            .checked_sub(1)
            .and_then(|at| blob.bytes.get(at))
            .copied()
            .filter(|b| matches!(b, b'"' | b'\'' | b'`'));
        let file = File::read(text, quote).map_err(|error| {
            if error.what == putty::CUT && !blob.window.last {
                out.unread(
                    Reason::TooLarge,
                    "a PuTTY private key with a comment that exceeds the maximum read at once",
                );
            }
            Malformed::new(error.what, hit.at + error.at)
        })?;
        let key = file.public()?;
        let mut material = Material::new(Kind::PrivateKey, ABOUT.id, Encoding::Text, hit.at..hit.at + file.length);
        material.identity = Some(match &key {
            Some(key) => Identity::public(key.half()),
            None => Identity::Opaque(Sha256::digest(&file.public).into()),
        });
        if file.protection.state == ProtectionState::Plaintext {
            match key.map(|key| File::signs_as(&key, &file.private)).transpose()? {
                Some((half, fit)) => {
                    material.identity = Some(Identity::public(half));
                    fit.describe(&mut material);
                }
                None => material.remarks.push(Remark::UnknownKeyType),
            }
        }
        if file.protection.state != ProtectionState::Plaintext {
            material.locked = putty::lock(text, quote, file.length);
        }
        material.protection = Some(file.protection);
        material.labels.extend(Some(Label::new("comment", file.comment)).filter(|label| !label.text.is_empty()));
        let span = material.span.clone();
        out.found(material);
        for bytes in [file.public, file.private] {
            out.decoded(Decoded { kind: ABOUT.id, span: span.clone(), bytes, tail: 0, shifts: &[] });
        }
        Ok(())
    }

    fn lock<'b>(&self, kept: &'b [u8]) -> Option<Box<dyn Lock + 'b>> {
        open::Key::read(kept).map(boxed)
    }
}

#[cfg(test)]
mod tests {
    use crate::samples::RFC8032_SEED as SEED;
    use keyradius_core::blob::Origin;
    use keyradius_core::hex::hex;
    use keyradius_core::material::Proof;
    use keyradius_core::material::Protection;
    use keyradius_readers::proof;
    use keyradius_readers::public::Raw;
    use keyradius_readers::text::base64;

    use super::*;
    use crate::ask;

    fn blob(fields: &[&[u8]]) -> Vec<u8> {
        fields.iter().flat_map(|field| [&(field.len() as u32).to_be_bytes(), *field].concat()).collect()
    }

    fn lines(name: &str, bytes: &[u8]) -> String {
        let text = base64(bytes);
        let wrapped: Vec<&str> = text.as_bytes().chunks(64).map(|line| str::from_utf8(line).unwrap()).collect();
        format!("{name}: {}\n{}\n", wrapped.len(), wrapped.join("\n"))
    }

    fn ppk(version: u8, encryption: &str, kdf: &str, private: &[u8]) -> String {
        let public = proof::raw_public(Raw::Ed25519, &SEED).unwrap();
        let digits = if version == 3 { 64 } else { 40 };
        format!(
            "PuTTY-User-Key-File-{version}: ssh-ed25519\nEncryption: {encryption}\nComment: C:\\new key\n{}{kdf}{}\
             Private-MAC: {}\n",
            lines("Public-Lines", &blob(&[b"ssh-ed25519", &public])),
            lines("Private-Lines", private),
            "0a".repeat(digits / 2),
        )
    }

    fn plain(version: u8) -> String {
        ppk(version, "none", "", &blob(&[&SEED]))
    }

    fn inspect(text: &str) -> Result<Vec<Material>, Malformed> {
        ask::first(&Putty, "k", text, &[ANCHOR])
    }

    #[test]
    fn comments_of_any_length_and_lines_of_any_number() {
        let text = plain(2);
        let long = text.replace("C:\\new key", &"x".repeat(3_000_000));
        assert_eq!(inspect(&long).unwrap()[0].proof, Proof::Verified);
        let digits = base64(&blob(&[&SEED]));
        let short: Vec<&str> = digits.as_bytes().chunks(1).map(|line| str::from_utf8(line).unwrap()).collect();
        let many = text.replace(
            &lines("Private-Lines", &blob(&[&SEED])),
            &format!("Private-Lines: {}\n{}\n", short.len(), short.join("\n")),
        );
        assert_ne!(many, text);
        assert_eq!(inspect(&many).unwrap()[0].proof, Proof::Verified);
        // A comment that continues in the next window is reported.
        let origin = Origin::file("k");
        let cut = &long.as_bytes()[..2_000_000];
        for last in [true, false] {
            let mut blob = Blob::whole(cut, &origin);
            blob.window.last = last;
            let mut out = Inspection::default();
            assert!(Putty.inspect(blob, Hit { anchor: ANCHOR, at: 0 }, &mut out).is_err());
            assert_eq!(out.take_unread().map(|(reason, _)| reason), (!last).then_some(Reason::TooLarge));
        }
    }

    #[test]
    fn versions_and_disguises() {
        let plain_text = plain(2);
        let argon = "Key-Derivation: Argon2id\nArgon2-Memory: 8192\nArgon2-Passes: 13\nArgon2-Parallelism: 1\n\
                     Argon2-Salt: 00ff\n";
        let json = |text: &str| format!("{{\"key\": \"{}\"}}", text.replace('\\', "\\\\").replace('\n', "\\n"));
        let wrong = ppk(3, "none", "", &blob(&[&[7; 32]]));
        let verified = (Proof::Verified, ProtectionState::Plaintext, "");
        for (text, (proof, state, detail)) in [
            (plain(1), verified),
            (plain(2), verified),
            (plain(3), verified),
            (plain(1).replace("Private-MAC", "Private-Hash"), verified),
            (plain_text.replace('\n', "\r\n"), verified),
            (plain_text.replace('\n', "\r"), verified),
            (plain_text.replace('\n', "\n    "), verified),
            (json(&plain_text.replace("C:\\new key", "cc")), verified),
            (json(&plain_text.replace("C:\\new key", "cc")).replace("\\n", "\\r\\n"), verified),
            (json(&json(&plain_text.replace("C:\\new key", "cc"))), verified),
            (plain_text.trim_end().to_owned(), verified),
            (wrong.clone(), (Proof::Structure, ProtectionState::Plaintext, "")),
            (
                ppk(2, "aes256-cbc", "", &[0x5a; 48]),
                (Proof::Structure, ProtectionState::Weak, "SHA-1 of the password, AES-256-CBC"),
            ),
            (
                ppk(3, "aes256-cbc", argon, &[0x5a; 48]),
                (Proof::Structure, ProtectionState::Strong, "Argon2id 8192 KiB, 13 passes, parallelism 1, AES-256-CBC"),
            ),
        ] {
            let found = inspect(&text).unwrap_or_else(|error| panic!("{error}: {text}"));
            let [material] = found.as_slice() else { panic!("{text}") };
            assert_eq!((material.proof, material.protection.clone()), (proof, Some(Protection::new(state, detail))));
            let Some(Identity::Public(half)) = &material.identity else { panic!("identity") };
            // A key is what its seed signs as, even if the stored public key differs.
            let signs_as = if text == wrong {
                // Output of openssl pkey -pubout for the seed 0707..07.
                "ea4a6c63e29c520abef5507b132ec5f9954776aebebe7b92421eea691446d22c"
            } else {
                "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a"
            };
            assert_eq!(hex(&half.spki[12..]), signs_as);
            assert_eq!(material.labels.len(), 1);
            assert!(text.as_bytes()[..material.span.end].ends_with(b"0a"));
        }
        assert_eq!(inspect(&plain_text).unwrap()[0].labels[0].text, "C:\\new key");
    }

    #[test]
    fn any_byte_may_be_wrong() {
        let text = plain(3);
        for at in MAGIC.len()..text.len() {
            for wrong in ["\0", "\n", "\\", "\"", "=", ":", "z"] {
                let _ = inspect(&[&text[..at], wrong, &text[at + 1..]].concat());
            }
        }
    }

    #[test]
    fn incomplete_input_is_refused() {
        let text = plain(3);
        for length in MAGIC.len()..text.trim_end().len() {
            assert!(inspect(&text[..length]).is_err(), "cut at {length}");
        }
        for (from, to) in [
            ("Private-Lines: 1", "Private-Lines: 2"),
            ("Public-Lines: 2", "Public-Lines: 1"),
            ("Private-Lines: 1", "Private-Lines: 0"),
            ("Private-Lines: 1", "Private-Lines: 4294967295"),
            ("File-3", "File-4"),
            ("Encryption: none", "Encryption: rot13"),
            ("Encryption: none", "Encryption: aes256-cbc"),
            ("ssh-ed25519", "ssh-rsa"),
            ("Comment", "Remark"),
        ] {
            assert!(inspect(&text.replace(from, to)).is_err(), "{to}");
        }
    }
}
