//! Finds the user's own repository, the boundary within which configuration and marks are obeyed.

use std::path::Path;

/// Whether a repository begins here. Anything called `.git` counts, even if damaged: a boundary too many costs the user
/// a second configuration, a missing boundary would obey somebody else's.
pub(crate) fn begins_at(directory: &Path) -> bool {
    directory.join(".git").exists()
}

/// The root of the repository around a directory; outside a repository, the directory itself.
pub(crate) fn around(directory: &Path) -> &Path {
    directory.ancestors().find(|directory| begins_at(directory)).unwrap_or(directory)
}
