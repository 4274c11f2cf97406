//! Names of commits that take more to read than refs and objects.

use std::fmt::Debug;
use std::path::Path;

/// Reads what gitrevisions(7) calls revisions, where [`History`](super::History) names a commit by more than a ref or the digits of
/// its id: a reflog (`main@{yesterday}`), the configuration (`@{upstream}`), a message (`:/fix`). Whoever embeds keyradius gives one
/// to [`Options`](super::Options), because the reader of foreign repositories obeys no configuration.
///
/// Ids are hexadecimal digits. An error says why there is none, in words for people.
pub trait Revisions: Debug + Send + Sync {
    /// The commit that a revision names in the repository with this git directory.
    fn commit(&self, git_dir: &Path, revision: &str) -> Result<String, String>;
    /// The best common ancestor of two commits, as `git merge-base` tells it.
    fn merge_base(&self, git_dir: &Path, one: &str, other: &str) -> Result<String, String>;
}

/// Such a reader for one repository.
#[derive(Clone, Copy)]
pub(crate) struct Reader<'a> {
    pub(crate) git_dir: &'a Path,
    pub(crate) revisions: Option<&'a dyn Revisions>,
}

impl Reader<'_> {
    /// Asks it for an id.
    pub(crate) fn ask(
        self,
        what: &str,
        ask: impl FnOnce(&dyn Revisions, &Path) -> Result<String, String>,
    ) -> Result<String, String> {
        let Some(revisions) = self.revisions else { return Err(format!("{what}: no such commit")) };
        ask(revisions, self.git_dir).map_err(|why| format!("{what}: no such commit: {why}"))
    }
}
