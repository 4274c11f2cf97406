//! The user's own lists of known keys.

use std::path::{Path, PathBuf};

use keyradius_core::blob::printable_path;
use keyradius_core::material::Identity;
use keyradius_judgement::KnownKeys;
use keyradius_judgement::known::{Class, Known};

use crate::bounded;
use crate::exit::Failure;
use crate::exit::plain;

/// The user's own lists of known keys, which are read and checked before the work begins.
#[derive(Debug, Default)]
pub(crate) struct Lists(Option<KnownKeys>);

impl Lists {
    /// Reads the lists and adds them to the built-in one. Paths are relative to `here`.
    pub(super) fn read(files: &[PathBuf], blocked: Option<&Path>, here: &Path) -> Result<Self, Failure> {
        if files.is_empty() && blocked.is_none() {
            return Ok(Self(None));
        }
        let mut keys = KnownKeys::built_in();
        let unreadable = |path: &Path, error: &std::io::Error| {
            Failure::new(format!("cannot read {}: {}", printable_path(path), plain(error)))
                .hint("check that it exists and that you have permission to read it")
        };
        for path in files {
            let text = bounded::text(&here.join(path), bounded::LIST).map_err(|error| unreadable(path, &error))?;
            let added = if text.contains("-----BEGIN ") { add_pem(&mut keys, &text, path) } else { keys.add(&text) };
            added.map_err(|what| {
                Failure::new(format!("--known-keys {}: {what}", printable_path(path))).hint(
                    "name public keys or certificates in PEM, or a list in the format of \
                     detectors/judgement/data/known-keys.tsv: tab-separated columns, named in the first line",
                )
            })?;
        }
        if let Some(path) = blocked {
            let bytes = bounded::read(&here.join(path), bounded::LIST).map_err(|error| unreadable(path, &error))?;
            keys.block(bytes).map_err(|what| {
                Failure::new(format!("--badkeys-blocklist {}: {what}", printable_path(path)))
                    .hint("name the unpacked blocklist.dat of the badkeys project")
            })?;
        }
        Ok(Self(Some(keys)))
    }

    /// All lists of the run, including the built-in one; `None` if the user named no list.
    pub(crate) const fn all(&self) -> Option<&KnownKeys> {
        self.0.as_ref()
    }
}

/// Adds the public keys and certificates in a PEM file, as leaked keys named after the file. `Err` names the block and
/// what is wrong with it.
fn add_pem(keys: &mut KnownKeys, text: &str, path: &Path) -> Result<(), String> {
    let name = printable_path(Path::new(path.file_name().unwrap_or(path.as_os_str())));
    for (number, block) in pem::parse_many(text).map_err(|error| error.to_string())?.into_iter().enumerate() {
        let what = format!("block {} ({})", number + 1, block.tag());
        if block.tag().contains("PRIVATE KEY") {
            return Err(format!("{what} is a private key: keep it, and name a file with its public key"));
        }
        let found = keyradius_detectors::engine().bytes(&name, block.contents()).occurrences;
        let half = found.iter().find_map(|occurrence| match &occurrence.material.identity {
            Some(Identity::Public(half)) => Some(half),
            _ => None,
        });
        let half = half.ok_or_else(|| format!("{what} is neither a public key nor a certificate that can be read"))?;
        let known = Known {
            class: Class::LeakedProduct,
            role: String::new(),
            label: name.clone(),
            source: "--known-keys".to_owned(),
        };
        keys.add_key(half, known);
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A made-up Ed25519 public key: any 32 bytes after a fixed header (RFC 8410 10.1).
    fn public() -> String {
        let mut der = vec![0x30, 0x2a, 0x30, 5, 6, 3, 0x2b, 0x65, 0x70, 3, 0x21, 0];
        der.extend((0..32_u8).map(|n| n.wrapping_mul(37) ^ 0x1a));
        pem::encode(&pem::Pem::new("PUBLIC KEY", der))
    }

    #[test]
    fn public_keys_in_pem_are_a_list() {
        let mut keys = KnownKeys::default();
        add_pem(&mut keys, &public(), Path::new("lost/k.pem")).expect("a list");
        let known = Known {
            class: Class::LeakedProduct,
            role: String::new(),
            label: "k.pem".to_owned(),
            source: "--known-keys".to_owned(),
        };
        let block = pem::parse(public()).expect("PEM");
        let found = keyradius_detectors::engine().bytes("k.der", block.contents()).occurrences;
        let Some(Identity::Public(half)) = &found.first().expect("a key").material.identity else {
            panic!("a public key")
        };
        assert_eq!((keys.entries(), keys.key(half).as_ref()), (&[known.clone()][..], Some(&known)));
        // The first of two lists counts.
        add_pem(&mut keys, &public(), Path::new("again.pem")).expect("a list");
        assert_eq!(keys.key(half), Some(known));
        for (text, said) in [
            (public().replace("PUBLIC", "PRIVATE"), "block 1 (PRIVATE KEY) is a private key"),
            (public().replace("MCow", "MCox"), "neither a public key nor a certificate"),
            (public().replace("-----END", "-----ENG"), ""),
        ] {
            let told = add_pem(&mut KnownKeys::default(), &text, Path::new("k.pem"));
            assert!(told.as_ref().is_err_and(|what| what.contains(said)) || said.is_empty(), "{told:?}");
        }
    }
}
