//! The user's own lists of known keys.

use std::path::{Path, PathBuf};

use keyradius_core::blob::printable_path;
use keyradius_judgement::KnownKeys;

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
            let text = std::fs::read_to_string(here.join(path)).map_err(|error| unreadable(path, &error))?;
            keys.add(&text).map_err(|what| {
                Failure::new(format!("--known-keys {}: {what}", printable_path(path))).hint(
                    "use the format of detectors/judgement/data/known-keys.tsv: tab-separated columns, named in the first line",
                )
            })?;
        }
        if let Some(path) = blocked {
            let bytes = std::fs::read(here.join(path)).map_err(|error| unreadable(path, &error))?;
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
