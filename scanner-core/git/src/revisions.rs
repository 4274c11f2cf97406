//! Names of commits that take more than refs and objects to resolve.

use std::fmt::Debug;
use std::path::Path;

/// Resolves revisions (gitrevisions(7)) where [`History`](super::History) names a commit by more than a ref or the
/// digits of its id: a reflog (`main@{yesterday}`), the configuration (`@{upstream}`), a message (`:/fix`). The
/// embedding program passes an implementation to [`Options`](super::Options), because the reader of foreign
/// repositories obeys no configuration.
///
/// Ids are hexadecimal digits. An error says why there is no commit, in words for people.
pub trait Revisions: Debug + Send + Sync {
    /// The commit that a revision names in the repository with this git directory.
    fn commit(&self, git_dir: &Path, revision: &str) -> Result<String, String>;
    /// The best common ancestor of two commits, as `git merge-base` prints it.
    fn merge_base(&self, git_dir: &Path, one: &str, other: &str) -> Result<String, String>;
}

/// A resolver of revisions for one repository.
#[derive(Clone, Copy)]
pub(crate) struct Reader<'a> {
    pub(crate) git_dir: &'a Path,
    pub(crate) revisions: Option<&'a dyn Revisions>,
}

impl Reader<'_> {
    /// Asks the resolver for an id.
    pub(crate) fn ask(
        self,
        what: &str,
        ask: impl FnOnce(&dyn Revisions, &Path) -> Result<String, String>,
    ) -> Result<String, String> {
        let Some(revisions) = self.revisions else { return Err(format!("{what}: no such commit")) };
        ask(revisions, self.git_dir).map_err(|why| format!("{what}: no such commit: {why}"))
    }
}
