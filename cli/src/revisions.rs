//! Resolves git revisions such as `@{upstream}`, `main@{yesterday}` and `:/message`, and merge bases, with libgit2.
//!
//! Unlike the history reader, libgit2 reads the configuration of a repository and the files that it includes. So
//! libgit2 resolves only names that the user typed and that are not refs or object ids, and only in the user's own
//! repositories: it refuses those of other users (`safe.directory`). Like all code that reads untrusted bytes, libgit2
//! runs in the confined process. Its time is limited, because it opens pipes that are in the place of files.

use std::path::{Path, PathBuf};
use std::sync::mpsc;
use std::time::Duration;

use git2::{Error, Object, Repository, RepositoryOpenFlags};
use keyradius_core::blob::printable_path;
use keyradius_git::Revisions;

/// Time limit of one question. Reflogs and graphs of large repositories take less than a second.
const TIME: Duration = Duration::from_secs(10);

/// Resolves revisions with libgit2.
#[derive(Debug)]
pub(crate) struct Libgit2;

impl Revisions for Libgit2 {
    fn commit(&self, git_dir: &Path, revision: &str) -> Result<String, String> {
        let revision = revision.to_owned();
        in_time(git_dir, move |repository| {
            one_upstream(repository, &revision)?;
            Ok(peeled(repository, &revision)?.id().to_string())
        })
    }

    fn merge_base(&self, git_dir: &Path, one: &str, other: &str) -> Result<String, String> {
        let (one, other) = (one.to_owned(), other.to_owned());
        in_time(git_dir, move |repository| {
            let (one, other) = (peeled(repository, &one)?.id(), peeled(repository, &other)?.id());
            Ok(repository.merge_base(one, other)?.to_string())
        })
    }
}

/// Runs a question on a separate thread, which is abandoned if it does not answer in time.
fn in_time(
    git_dir: &Path,
    ask: impl FnOnce(&Repository) -> Result<String, Error> + Send + 'static,
) -> Result<String, String> {
    let (done, answer) = mpsc::channel();
    let git_dir: PathBuf = git_dir.to_owned();
    let work = move || {
        let asked = open(&git_dir).and_then(|repository| ask(&repository).map_err(|error| said(&error)));
        drop(done.send(asked));
    };
    std::thread::Builder::new().spawn(work).map_err(|error| format!("cannot start a thread for libgit2: {error}"))?;
    answer.recv_timeout(TIME).unwrap_or_else(|_| {
        Err(format!("libgit2 did not answer in {} seconds: use a ref or a commit id", TIME.as_secs()))
    })
}

fn open(git_dir: &Path) -> Result<Repository, String> {
    let nothing: [&Path; 0] = [];
    Repository::open_ext(git_dir, RepositoryOpenFlags::NO_SEARCH, nothing)
        .map_err(|error| format!("libgit2 cannot open this repository ({}): use a ref or a commit id", said(&error)))
}

fn peeled<'r>(repository: &'r Repository, revision: &str) -> Result<Object<'r>, Error> {
    repository.revparse_single(revision)?.peel(git2::ObjectType::Commit)
}

/// Refuses `@{upstream}` if a branch has several: git would use the first, libgit2 the last.
fn one_upstream(repository: &Repository, revision: &str) -> Result<(), Error> {
    if !revision.to_ascii_lowercase().contains("@{u") {
        return Ok(());
    }
    let config = repository.config()?.snapshot()?;
    let mut names = std::collections::BTreeSet::new();
    let mut several = false;
    config.entries(Some(r"^branch\..*\.merge$"))?.for_each(|entry| {
        several |= !names.insert(entry.name_bytes().to_owned());
    })?;
    if several { Err(Error::from_str("a branch has several upstreams: name one of them")) } else { Ok(()) }
}

/// The message of an error, escaped because it may quote names from the repository.
fn said(error: &Error) -> String {
    printable_path(Path::new(error.message()))
}
