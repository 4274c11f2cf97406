//! Where the user's own repository is: the wall around what the user has a say in, such as configuration and marks.

use std::path::Path;

/// Whether a repository begins here. Anything called `.git` counts, whole or not: a wall too many costs a second file, a missing
/// one obeys somebody else.
pub(crate) fn begins_at(directory: &Path) -> bool {
    directory.join(".git").exists()
}

/// The root of the repository around a directory; outside of any, the directory itself.
pub(crate) fn around(directory: &Path) -> &Path {
    directory.ancestors().find(|directory| begins_at(directory)).unwrap_or(directory)
}
