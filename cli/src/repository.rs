//! Finds the user's own repository, the boundary within which configuration and marks are obeyed.

use std::path::Path;

/// Whether a repository begins here. Anything called `.git` counts, even if damaged: a boundary too many costs the user
/// a second configuration, a missing boundary would obey somebody else's. A bare repository has `HEAD`, `objects` and
/// `refs` (git's setup.c, `is_git_directory`); the `.git` of a work tree belongs to the work tree.
pub(crate) fn begins_at(directory: &Path) -> bool {
    let bare = || ["HEAD", "objects", "refs"].iter().all(|name| directory.join(name).exists());
    directory.join(".git").exists() || (directory.file_name().is_none_or(|name| name != ".git") && bare())
}

/// The root of the repository around a directory; outside a repository, the directory itself.
pub(crate) fn around(directory: &Path) -> &Path {
    directory.ancestors().find(|directory| begins_at(directory)).unwrap_or(directory)
}
