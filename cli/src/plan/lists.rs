//! The user's own lists of known keys.

use std::path::{Path, PathBuf};

use keyradius_core::blob::printable_path;
use keyradius_core::hex::hex;
use keyradius_core::material::Identity;
use keyradius_judgement::KnownKeys;
use sha2::{Digest, Sha256};

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
            let list = if text.contains("-----BEGIN ") { of_pem(&text, path) } else { Ok(text) };
            list.and_then(|list| keys.add(&list)).map_err(|what| {
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

/// The list of the public keys and certificates in a PEM file, as leaked keys named after the file.
fn of_pem(text: &str, path: &Path) -> Result<String, String> {
    let name = printable_path(Path::new(path.file_name().unwrap_or(path.as_os_str()))).replace('\t', " ");
    let mut list = String::from("spki_sha256\tclass\tlabel\tsource\n");
    for (number, block) in pem::parse_many(text).map_err(|error| error.to_string())?.into_iter().enumerate() {
        let what = format!("block {} ({})", number + 1, block.tag());
        if block.tag().contains("PRIVATE KEY") {
            return Err(format!("{what} is a private key: keep it, and name a file with its public key"));
        }
        let found = keyradius_detectors::engine().bytes(&name, block.contents()).occurrences;
        let half = found.iter().find_map(|occurrence| match &occurrence.material.identity {
            Some(Identity::Public(half)) => Some(hex(&Sha256::digest(&half.spki))),
            _ => None,
        });
        let half = half.ok_or_else(|| format!("{what} is neither a public key nor a certificate that can be read"))?;
        list.extend([half.as_str(), "\tleaked_product\t", &name, "\t--known-keys\n"]);
    }
    Ok(list)
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
        let list = of_pem(&public(), Path::new("lost/k.pem")).expect("a list");
        let row = list.lines().nth(1).expect("a row");
        assert!(row.ends_with("\tleaked_product\tk.pem\t--known-keys"), "{row}");
        assert!(KnownKeys::default().add(&list).is_ok());
        for (text, said) in [
            (public().replace("PUBLIC", "PRIVATE"), "block 1 (PRIVATE KEY) is a private key"),
            (public().replace("MCow", "MCox"), "neither a public key nor a certificate"),
            (public().replace("-----END", "-----ENG"), ""),
        ] {
            let told = of_pem(&text, Path::new("k.pem"));
            assert!(told.as_ref().is_err_and(|what| what.contains(said)) || said.is_empty(), "{told:?}");
        }
    }
}
