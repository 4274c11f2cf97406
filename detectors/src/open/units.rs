//! Units of opening: passwords of one unit are never tried on containers of another, and each unit has its own budget.
//!
//! A unit is a scanned directory or a repository in it. Files named one by one on the command line are one unit
//! together. A scan of two repositories therefore reports the same as two scans, and a foreign repository next to your
//! own neither spends its budget nor learns its passwords.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use keyradius_core::candidates::Candidates;
use keyradius_core::material::Occurrence;
use keyradius_core::seam::Candidate;

use super::{Means, Summary, open_list};

/// The units of a run.
#[derive(Clone, Debug, Default)]
pub struct Units {
    /// Directories of the units, longest path first.
    places: Vec<PathBuf>,
}

impl Units {
    /// Creates units for these directories, as origins name them. Everything outside all of them is one more unit.
    pub fn new(directories: impl IntoIterator<Item = PathBuf>) -> Self {
        let mut places: Vec<PathBuf> = directories.into_iter().collect();
        places.sort_by(|a, b| (b.components().count(), b).cmp(&(a.components().count(), a)));
        places.dedup();
        Self { places }
    }

    /// Returns the number of the unit of a path.
    fn of(&self, path: &Path) -> usize {
        self.places.iter().position(|place| is_below(path, place)).unwrap_or(self.places.len())
    }

    /// Returns the number of the unit of an occurrence. Occurrences in a history belong to the unit of their
    /// repository.
    fn of_occurrence(&self, occurrence: &Occurrence) -> usize {
        self.of(occurrence.git.as_deref().map_or(&occurrence.origin.path, |git| &git.repository))
    }

    fn of_candidate(&self, candidate: &Candidate) -> usize {
        self.of(&candidate.origin.path)
    }
}

/// Whether a path is at or below a directory. The empty path is the current directory, which does not contain paths
/// that begin with `/` or `..`.
fn is_below(path: &Path, directory: &Path) -> bool {
    if directory.as_os_str().is_empty() {
        return path.is_relative() && !path.starts_with("..");
    }
    path.starts_with(directory)
}

/// Runs [`super::open_all`] for each unit separately. The order of `occurrences` stays that of the engine.
pub(crate) fn open_units(
    occurrences: &mut Vec<Occurrence>,
    candidates: Candidates,
    units: &Units,
    means: Means<'_>,
) -> Summary {
    let mut parts: BTreeMap<usize, Vec<Occurrence>> = BTreeMap::new();
    for occurrence in std::mem::take(occurrences) {
        parts.entry(units.of_occurrence(&occurrence)).or_default().push(occurrence);
    }
    let (list, left_out) = candidates.into_parts();
    let mut lists: BTreeMap<usize, Vec<Candidate>> = BTreeMap::new();
    for candidate in list {
        lists.entry(units.of_candidate(&candidate)).or_default().push(candidate);
    }
    let mut all = Summary::default();
    for (unit, mut part) in parts {
        let list = lists.remove(&unit).unwrap_or_default();
        let summary = open_list(&mut part, list, &left_out, means);
        all.containers += summary.containers;
        all.tried += summary.tried;
        all.opened += summary.opened;
        all.cost = all.cost.saturating_add(summary.cost);
        all.gave_up.extend(summary.gave_up);
        occurrences.append(&mut part);
    }
    occurrences.sort_by(|a, b| (&a.origin, a.offset).cmp(&(&b.origin, b.offset)));
    all.gave_up.sort();
    all
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_innermost_directory_is_the_unit() {
        let units = Units::new(["".into(), "vendor/lib".into(), "/srv/git".into(), "../else".into()]);
        let same = |a: &str, b: &str| units.of(Path::new(a)) == units.of(Path::new(b));
        assert!(same("a.pem", "src/b.pem") && same("vendor/lib/a", "vendor/lib/deep/b"));
        assert!(same("/srv/git/x", "/srv/git/y"));
        assert!(!same("a.pem", "vendor/lib/a") && !same("a.pem", "/srv/git/x") && !same("a.pem", "../else/x"));
        // Files named one by one.
        assert!(same("/etc/a.pem", "../b.pem") && !same("/etc/a.pem", "a.pem"));
        assert!(same("vendor/library/a", "a.pem"), "a name with the same prefix");
    }
}
