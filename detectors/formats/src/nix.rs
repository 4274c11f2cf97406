//! Signing keys of Nix binary caches: `name:` and 64 bytes in base64, seed and public key (nix-store(1),
//! --generate-binary-cache-key). The seed proves the public key.
//!
//! The format contains no fixed word to search for. A file is recognised by the usual first words of such names, and
//! verified by arithmetic. Keys with other names, or inside other files, are not found.
//!
//! A seed next to a foreign public key also signs, but Nix signatures and digests have the same shape as such a key. So
//! it is reported only if the file name indicates a key. Not found: such a key in a file with another name, or in git
//! history, where blobs have no name when they are read. Those count as rejected.

use std::path::Path;

use keyradius_core::blob::Blob;
use keyradius_core::error::Malformed;
use keyradius_core::material::{Encoding, Identity, Kind, Label, Material, Protection};
use keyradius_core::seam::{About, Anchor, Detector, Hit, Inspection};
use keyradius_readers::signs;
use keyradius_readers::text::{Decoder, digit};

/// Detects signing keys of Nix.
#[derive(Debug)]
pub(crate) struct Nix;

/// Usual starts of cache names: from manuals, tools, and build systems. Includes the separator where the word alone
/// begins other files (`cache:`).
const ANCHORS: [Anchor; 21] = [
    Anchor::at_start(b"cache."),
    Anchor::at_start(b"cache-"),
    Anchor::at_start(b"binarycache"),
    Anchor::at_start(b"binary-cache"),
    Anchor::at_start(b"nix-"),
    Anchor::at_start(b"nix."),
    Anchor::at_start(b"nixcache"),
    Anchor::at_start(b"hydra"),
    Anchor::at_start(b"attic"),
    Anchor::at_start(b"harmonia"),
    Anchor::at_start(b"builder"),
    Anchor::at_start(b"build."),
    Anchor::at_start(b"ci."),
    Anchor::at_start(b"ci-"),
    Anchor::at_start(b"my-"),
    Anchor::at_start(b"mycache"),
    Anchor::at_start(b"store."),
    Anchor::at_start(b"s3-"),
    Anchor::at_start(b"test-"),
    Anchor::at_start(b"example."),
    Anchor::at_start(b"pkgs."),
];

/// Maximum length of a name, in bytes.
const MAX_NAME: usize = 128;
/// Base64 digits of 64 bytes, without padding.
const DIGITS: usize = 86;

static ABOUT: About = About {
    id: "nix",
    title: "Signing key (Nix binary cache)",
    detects: "Secret keys of Nix binary caches, name:base64, as files whose name part begins with a usual word \
              (cache, nix, hydra, attic and others). Verified if the second half is the public key of the first; \
              otherwise reported if the file name contains a word for key or secret.",
    blind_to: "Keys whose names begin with other words, and keys inside other files (variables, YAML): the format \
               contains no fixed word to search for. Keys with a foreign public half in a file whose name does not \
               indicate a key.",
    respond: "Whoever has the key can put any binary into a cache that machines with the public key in \
              trusted-public-keys install from. Make a new key, sign the store paths again (nix store sign), and \
              remove the old public key from every nix.conf and flake.",
    references: &["Nix manual: nix-store --generate-binary-cache-key, nix key generate-secret", "CWE-321"],
};

impl Detector for Nix {
    fn about(&self) -> &'static About {
        &ABOUT
    }

    fn anchors(&self) -> &'static [Anchor<'static>] {
        &ANCHORS
    }

    fn inspect(&self, blob: Blob<'_>, hit: Hit<'_>, out: &mut Inspection) -> Result<(), Malformed> {
        let text = blob.bytes.get(hit.at..).unwrap_or_default();
        let is_name = |byte: &&u8| byte.is_ascii_alphanumeric() || b"._-@".contains(byte);
        let length = text.iter().take(MAX_NAME + 1).take_while(is_name).count();
        let (name, behind) = text.split_at_checked(length).unwrap_or_default();
        // Most files that begin with such a word are not keys. This is not an error: they never looked like one.
        let Some(body) = behind.strip_prefix(b":").and_then(|body| body.get(..DIGITS)) else { return Ok(()) };
        let mut decoder = Decoder::with_capacity(DIGITS);
        for &byte in body {
            let Some(value) = digit(byte).filter(|_| !matches!(byte, b'-' | b'_')) else { return Ok(()) };
            decoder.push(value);
        }
        let end = hit.at + length + 1 + DIGITS;
        let padding = blob.bytes.get(end..).unwrap_or_default().iter().take(3).take_while(|&&b| b == b'=').count();
        let key = decoder.finish();
        let halves = key.split_at_checked(32).filter(|(_, public)| padding == 2 && public.len() == 32);
        let (seed, bytes) = halves.ok_or(Malformed::new("64 bytes of a Nix key", end))?;
        let (half, fit) = signs::ed25519(seed, bytes)
            .filter(|(_, fit)| fit.is_proven() || is_key_file(&blob.origin.location()))
            .ok_or(Malformed::new("the public key of the seed", hit.at))?;
        let mut material = Material::new(Kind::PrivateKey, ABOUT.id, Encoding::Text, hit.at..end + padding);
        fit.describe(&mut material);
        material.protection = Some(Protection::plaintext());
        material.identity = Some(Identity::public(half));
        material.labels.push(Label::new("name", name));
        out.found(material);
        Ok(())
    }
}

/// Whether a file name indicates a secret key: `cache-priv-key.pem` in Nix's manual, `cache.sec`.
fn is_key_file(path: &Path) -> bool {
    let name = path.file_name().map(|name| name.to_string_lossy().to_lowercase()).unwrap_or_default();
    let extension = name.rsplit_once('.').map_or("", |(_, extension)| extension);
    ["key", "priv", "secret"].iter().any(|word| name.contains(word)) || matches!(extension, "sec" | "sk")
}

#[cfg(test)]
mod tests {
    use keyradius_core::hex::hex;
    use keyradius_core::material::Proof;
    use keyradius_core::material::Remark;
    use keyradius_readers::proof;
    use keyradius_readers::public::Raw;
    use keyradius_readers::text::base64;

    use super::*;
    use crate::ask;

    fn inspect(text: &str) -> Result<Vec<Material>, Malformed> {
        inspect_as("k", text)
    }

    fn inspect_as(name: &str, text: &str) -> Result<Vec<Material>, Malformed> {
        ask::at(&Nix, name, text, (ANCHORS[0], 0))
    }

    #[test]
    fn a_foreign_half_is_reported_if_the_file_name_indicates_a_key() {
        let seed: Vec<u8> = (0..32_u8).map(|n| n.wrapping_mul(37)).collect();
        let text = format!("cache.example.org-1:{}==\n", base64(&[&seed[..], &[9; 32]].concat()));
        for (name, found) in [
            ("cache.sec", true),
            ("nix/cache-priv-key.pem", true),
            ("Secret-Key", true),
            ("keys/signatures.txt", false),
            ("signature", false),
            ("cache.sec.txt", false),
        ] {
            let all = inspect_as(name, &text).unwrap_or_default();
            assert_eq!(all.len(), usize::from(found), "{name}");
            let [material] = all.as_slice() else { continue };
            let Some(Identity::Public(half)) = &material.identity else { panic!("identity") };
            assert_eq!(hex(&half.spki[12..]), hex(&proof::raw_public(Raw::Ed25519, &seed).unwrap()));
            assert_eq!(
                (material.proof, &material.remarks[..]),
                (Proof::Structure, &[Remark::ForeignPublicNumbers][..])
            );
        }
        let zeros = format!("cache.example.org-1:{}==\n", base64(&[0; 64]));
        assert!(inspect_as("cache.sec", &zeros).is_err());
    }

    #[test]
    fn halves_must_belong_together() {
        let seed: Vec<u8> = (0..32_u8).map(|n| n.wrapping_mul(37)).collect();
        let public = proof::raw_public(Raw::Ed25519, &seed).unwrap();
        let line = format!("cache.example.org-1:{}==", base64(&[&seed[..], &public].concat()));
        for text in [line.clone(), format!("{line}\n"), format!("{line} and more")] {
            let found = inspect(&text).unwrap();
            assert_eq!((&*found[0].labels[0].text, found[0].span.clone()), ("cache.example.org-1", 0..line.len()));
            assert_eq!(found[0].proof, Proof::Verified);
        }
        let other = format!("cache.example.org-1:{}==", base64(&[&seed[..], &seed].concat()));
        for text in [other.as_str(), line.trim_end_matches('=')] {
            assert!(inspect(text).is_err(), "{text}");
        }
        for text in [
            "cache: 1",
            "cache.example.org-1:NcvZ",
            "cachet",
            "cache.nixos.org-1:6NCHdD59X431o0gWypbMrAURkbJ16ZPMQFGspcDShjY=",
            "",
        ] {
            assert!(inspect(text).unwrap().is_empty(), "{text}");
        }
    }
}
