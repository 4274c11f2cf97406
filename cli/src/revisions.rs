//! Revisions as git reads them, by libgit2: `@{upstream}`, `main@{yesterday}`, `:/message`, and merge bases.
//!
//! It reads the configuration, which the reader of histories does not, and so it is asked only about names that the user typed and
//! that refs and objects do not explain, and only in repositories of the user: libgit2 refuses those of others (`safe.directory`).
//! It runs where everything else runs that reads foreign bytes, in the confined process.

use std::path::Path;

use git2::{Error, Object, Repository, RepositoryOpenFlags};
use scanner_core::blob::printable_path;
use scanner_core::git::Revisions;

/// libgit2 as a reader of revisions.
#[derive(Debug)]
pub(crate) struct Libgit2;

impl Revisions for Libgit2 {
    fn commit(&self, git_dir: &Path, revision: &str) -> Result<String, String> {
        let repository = open(git_dir)?;
        Ok(peeled(&repository, revision).map_err(|error| said(&error))?.id().to_string())
    }

    fn merge_base(&self, git_dir: &Path, one: &str, other: &str) -> Result<String, String> {
        let repository = open(git_dir)?;
        let base = peeled(&repository, one)
            .and_then(|one| repository.merge_base(one.id(), peeled(&repository, other)?.id()))
            .map_err(|error| said(&error))?;
        Ok(base.to_string())
    }
}

fn open(git_dir: &Path) -> Result<Repository, String> {
    let nothing: [&Path; 0] = [];
    Repository::open_ext(git_dir, RepositoryOpenFlags::NO_SEARCH, nothing).map_err(|error| {
        format!("libgit2 cannot open this repository ({}): name a ref or the digits of a commit", said(&error))
    })
}

fn peeled<'r>(repository: &'r Repository, revision: &str) -> Result<Object<'r>, Error> {
    repository.revparse_single(revision)?.peel(git2::ObjectType::Commit)
}

/// Its message, which may quote names of the repository.
fn said(error: &Error) -> String {
    printable_path(Path::new(error.message()))
}
