//! Files that describe a directory, such as a README: what they are about concerns every key below.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;

use keyradius_core::material::Occurrence;

/// Whether a reference concerns every key below its directory.
pub(super) fn is_description(reference: &Occurrence) -> bool {
    reference.material.reference.as_deref().is_some_and(|reference| reference.tool == "topic-place")
}

/// The description of each directory: of two that differ, the first one by name.
pub(super) fn by_directory(descriptions: Vec<Occurrence>) -> BTreeMap<PathBuf, Arc<Occurrence>> {
    let mut all: BTreeMap<PathBuf, Arc<Occurrence>> = BTreeMap::new();
    for line in descriptions {
        let path = line.origin.location().into_owned();
        let Some(directory) = path.parent() else { continue };
        all.entry(directory.to_owned()).or_insert_with(|| Arc::new(line));
    }
    all
}

/// The description of the nearest directory around a place.
pub(super) fn nearest<'a>(
    all: &'a BTreeMap<PathBuf, Arc<Occurrence>>,
    place: &Occurrence,
) -> Option<&'a Arc<Occurrence>> {
    if all.is_empty() {
        return None;
    }
    let location = place.origin.location();
    location.ancestors().skip(1).find_map(|directory| all.get(directory))
}
