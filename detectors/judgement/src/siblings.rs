//! Which files of the run are in the same directory.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use keyradius_core::material::Occurrence;

/// Names of files with occurrences, lower-case, by directory.
#[derive(Debug, Default)]
pub(crate) struct Siblings(BTreeMap<PathBuf, BTreeSet<String>>);

impl Siblings {
    /// The files of these occurrences.
    pub(crate) fn of<'o>(occurrences: impl Iterator<Item = &'o Occurrence>) -> Self {
        let mut beside = Self::default();
        for occurrence in occurrences {
            let path = &*occurrence.origin.location();
            if let (Some(directory), Some(name)) = (path.parent(), name(path)) {
                if let Some(names) = beside.0.get_mut(directory) {
                    names.insert(name);
                } else {
                    beside.0.insert(directory.to_owned(), BTreeSet::from([name]));
                }
            }
        }
        beside
    }

    /// Whether another file in the path's directory has one of these names; `{stem}` in a name stands for the path's
    /// own file name without its last extension.
    pub(crate) fn has_any(&self, path: &Path, wanted: &[String]) -> bool {
        let (Some(names), Some(own)) = (path.parent().and_then(|directory| self.0.get(directory)), name(path)) else {
            return false;
        };
        let stem = own.rsplit_once('.').map_or(own.as_str(), |(stem, _)| stem);
        wanted.iter().map(|name| name.replace("{stem}", stem)).any(|name| name != own && names.contains(&name))
    }
}

fn name(path: &Path) -> Option<String> {
    Some(path.file_name()?.to_string_lossy().to_lowercase())
}

#[cfg(test)]
mod tests {
    use keyradius_core::blob::Origin;
    use keyradius_core::material::{Encoding, Kind, Material};

    use super::*;

    fn found(path: &str) -> Occurrence {
        let material = Material::new(Kind::Certificate, "x509", Encoding::Pem, 0..1);
        Occurrence { material, origin: Origin::file(path), offset: 0, line: 1, section: None, mark: None, git: None }
    }

    #[test]
    fn names_are_searched_in_the_same_directory() {
        let files = ["a/fullchain.pem", "a/privkey.pem", "a/Platform.x509.PEM"].map(found);
        let beside = Siblings::of(files.iter());
        for (path, wanted, has) in [
            ("a/privkey.pem", "fullchain.pem", true),
            ("b/privkey.pem", "fullchain.pem", false),
            ("a/deep/privkey.pem", "fullchain.pem", false),
            ("a/platform.pk8", "{stem}.x509.pem", true),
            ("a/media.pk8", "{stem}.x509.pem", false),
            ("a/privkey.pem", "{stem}.pem", false),
            ("a/privkey", "{stem}.pem", true),
        ] {
            assert_eq!(beside.has_any(Path::new(path), &[wanted.to_owned()]), has, "{wanted} beside {path}");
        }
    }
}
