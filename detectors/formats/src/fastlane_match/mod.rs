//! Signing keys in the storage of fastlane match: `certs/<type>/<id>.p12`, encrypted, as base64.
//!
//! Version 2 has a magic number of its own. Version 1 begins like all output of `openssl enc`, so there the path must
//! be one that match prescribes. Certificates and profiles of the same storage are encrypted too, but contain no
//! secret.

mod open;

use std::path::Path;

use keyradius_core::blob::Blob;
use keyradius_core::error::Malformed;
use keyradius_core::lock::{Lock, boxed};
use keyradius_core::material::{Encoding, Kind, Locked, Material, Protection, ProtectionState};
use keyradius_core::seam::{About, Anchor, Detector, Hit, Inspection};
use keyradius_readers::carrier;
use keyradius_readers::text::{Decoder, digit};

/// Detects storage of fastlane match.
#[derive(Debug)]
pub(crate) struct FastlaneMatch;

static ABOUT: About = About {
    id: "fastlane_match",
    title: "Signing key in fastlane match storage",
    detects: "Encrypted .p12 files of fastlane match, both versions. Identified by a digest of the ciphertext.",
    blind_to: "The certificate, which is encrypted as well, and the content of the .p12, which has no password of its \
               own and may be a PEM file. Version 1 where the path is unknown (git history) or was changed.",
    respond: "One password, MATCH_PASSWORD, opens every key of the storage; look for it in CI settings and .env \
              files. If others may know it, revoke the certificates with Apple, make new ones, and change the \
              password.",
    references: &["docs.fastlane.tools/actions/match", "fastlane match/lib/match/encryption", "CWE-321", "CWE-916"],
};

/// base64 of `Salted__`, without digits that depend on the bytes after it.
const V1: Anchor = Anchor::at_start(b"U2FsdGVkX1");
/// base64 of `match_encrypted_v2__`, without digits that depend on the bytes after it.
const V2: Anchor = Anchor::at_start(b"bWF0Y2hfZW5jcnlwdGVkX3YyX1");

const SALTED: &[u8] = b"Salted__";
const MAGIC: &[u8] = b"match_encrypted_v2__";
/// Bytes of the salt in both versions, and of the tag in version 2.
const SALT: usize = 8;
const TAG: usize = 16;
/// Minimum bytes of ciphertext: a P-256 key with its certificate has more.
const MIN: usize = 96;
/// Maximum text read, in bytes.
const MAX: usize = 1 << 20;

impl Detector for FastlaneMatch {
    fn about(&self) -> &'static About {
        &ABOUT
    }

    fn anchors(&self) -> &'static [Anchor<'static>] {
        &[V1, V2]
    }

    fn inspect(&self, blob: Blob<'_>, hit: Hit<'_>, out: &mut Inspection) -> Result<(), Malformed> {
        let location = blob.origin.location();
        let in_storage = is_storage(&location);
        let named = has_ending(&location, "p12");
        // A `.p12` file counts in the storage or with the magic number of version 2; a file without an extension (git
        // history has no names) only with the latter.
        let unnamed = location.extension().is_none();
        if !(named && (in_storage || hit.anchor == V2) || unnamed && hit.anchor == V2) {
            return Ok(());
        }
        let body = decode(blob.bytes)?;
        let (head, protection) = if hit.anchor == V2 {
            (
                MAGIC.len() + SALT + TAG,
                Protection::new(ProtectionState::Strong, "PBKDF2-HMAC-SHA256 10000 iterations, AES-256-GCM"),
            )
        } else {
            (
                SALTED.len() + SALT,
                Protection::new(ProtectionState::Weak, "one MD5 or SHA-256 of the password, AES-256-CBC"),
            )
        };
        let magic = if hit.anchor == V2 { MAGIC } else { SALTED };
        let blocks = hit.anchor == V2 || body.len().is_multiple_of(16);
        if !body.starts_with(magic) || body.len() < head + MIN || !blocks {
            return Err(Malformed::new("ciphertext of fastlane match", 0));
        }
        let kind = if named { Kind::PrivateKey } else { Kind::Keystore };
        let mut material = Material::new(kind, ABOUT.id, Encoding::Text, 0..blob.bytes.len());
        material.identity = Some(carrier::opaque(&body));
        material.protection = Some(protection);
        material.locked = Some(Locked::new(&body));
        material.container = Some("fastlane match");
        out.found(material);
        Ok(())
    }

    fn lock<'b>(&self, kept: &'b [u8]) -> Option<Box<dyn Lock + 'b>> {
        open::Key::read(kept).map(boxed)
    }
}

/// Whether a path is `certs/<type>/<file>`, the names that match's `Storage` prescribes.
fn is_storage(path: &Path) -> bool {
    const TYPES: [&str; 7] = [
        "development",
        "distribution",
        "enterprise",
        "developer_id_application",
        "developer_id_installer",
        "mac_installer_distribution",
        "safari_extension",
    ];
    let mut folders = path.ancestors().skip(1).filter_map(Path::file_name);
    let kind = folders.next().and_then(|name| name.to_str());
    kind.is_some_and(|kind| TYPES.contains(&kind)) && folders.next().is_some_and(|name| name == "certs")
}

fn has_ending(path: &Path, ending: &str) -> bool {
    path.extension().is_some_and(|found| found.eq_ignore_ascii_case(ending))
}

/// Decodes a whole text as base64, wrapped or not. Any other byte is an error.
fn decode(text: &[u8]) -> Result<Vec<u8>, Malformed> {
    if text.len() > MAX {
        return Err(Malformed::new("base64 of fastlane match", MAX));
    }
    let text = text.trim_ascii_end();
    let padding = text.iter().rev().take_while(|byte| **byte == b'=').count();
    let mut decoder = Decoder::with_capacity(text.len() / 4 * 3 + 3);
    for (at, byte) in text.iter().enumerate().take(text.len() - padding).filter(|(_, byte)| !byte.is_ascii_whitespace())
    {
        decoder.push(digit(*byte).ok_or(Malformed::new("base64 of fastlane match", at))?);
    }
    Ok(decoder.finish().to_vec())
}

#[cfg(test)]
mod tests {
    use keyradius_core::blob::Origin;
    use keyradius_readers::text::base64;

    use super::*;

    #[test]
    fn the_path_decides_where_the_magic_does_not() {
        let one = base64(&[SALTED, &[7; 8 + 160]].concat());
        let two = base64(&[MAGIC, &[7; 8 + 16 + 150]].concat());
        let key = Some(Kind::PrivateKey);
        for (path, text, found) in [
            ("certs/distribution/A1B2C3D4E5.p12", one.clone(), key),
            ("ios/certs/development/A1.p12", format!("{one}\n"), key),
            ("certs/distribution/A1.cer", one.clone(), None),
            ("certs/other/A1.p12", one.clone(), None),
            ("backup/secrets.p12", one.clone(), None),
            ("secrets.enc", one.clone(), None),
            ("certs/distribution/A1.p12", one[..40].to_owned(), None),
            ("certs/distribution/A1.p12", base64(&[SALTED, &[7; 8 + 161]].concat()), None),
            ("certs/distribution/A1.p12", format!("{one}{{}}"), None),
            ("certs/distribution/A1.p12", two.clone(), key),
            ("moved.p12", two.clone(), key),
            ("certs/distribution/A1.cer", two.clone(), None),
            ("profiles/appstore/AppStore_a.mobileprovision", two.clone(), None),
            ("repository", two.clone(), Some(Kind::Keystore)),
            ("moved.p12", two[..60].to_owned(), None),
        ] {
            let origin = Origin::file(path);
            let anchor = if text.starts_with("U2") { V1 } else { V2 };
            assert!(text.as_bytes().starts_with(anchor.bytes));
            let mut out = Inspection::default();
            let _ = FastlaneMatch.inspect(Blob::whole(text.as_bytes(), &origin), Hit { anchor, at: 0 }, &mut out);
            assert_eq!(out.take().first().map(|material| material.kind), found, "{path} {}", text.len());
        }
    }
}
