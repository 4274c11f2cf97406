//! Revisions as git reads them, by libgit2: `@{upstream}`, `main@{yesterday}`, `:/message`, and merge bases.
//!
//! It reads the configuration, files that it includes too, which the reader of histories does not. So it is asked only about names
//! that the user typed and that refs and objects do not explain, and only in repositories of the user: libgit2 refuses those of others
//! (`safe.directory`). It runs where everything else runs that reads foreign bytes, in the confined process, and has little time: it
//! opens pipes that lie in the place of files.

use std::path::{Path, PathBuf};
use std::sync::mpsc;
use std::time::Duration;

use git2::{Error, Object, Repository, RepositoryOpenFlags};
use keyradius_core::blob::printable_path;
use keyradius_git::Revisions;

/// How long it may take. Reflogs and graphs of large repositories take less than a second.
const TIME: Duration = Duration::from_secs(10);

/// libgit2 as a reader of revisions.
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

/// Asks on a thread of its own, which is left to itself if it does not answer.
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
    std::thread::Builder::new().spawn(work).map_err(|error| format!("no thread for libgit2: {error}"))?;
    answer.recv_timeout(TIME).unwrap_or_else(|_| {
        Err(format!("libgit2 did not answer in {} seconds: name a ref or the digits of a commit", TIME.as_secs()))
    })
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

/// Of several upstreams of a branch git means the first and libgit2 the last: neither is taken.
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
    if several { Err(Error::from_str("a branch with several upstreams: name the one that is meant")) } else { Ok(()) }
}

/// Its message, which may quote names of the repository.
fn said(error: &Error) -> String {
    printable_path(Path::new(error.message()))
}
