//! SHA-256 of the files that a run reads, computed while they are read: evidence of what was searched.

use std::path::PathBuf;
use std::sync::{Mutex, PoisonError};

/// Maximum number of files whose digests are kept: some 200 MB with their paths. More are counted.
const MOST: usize = 1 << 20;

/// A file that was read.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct FileDigest {
    /// Its path; `-` is standard input.
    pub path: PathBuf,
    /// Bytes that were hashed: all, if there is a digest.
    pub size: u64,
    /// SHA-256 of all bytes; `None` if they could not all be read.
    pub sha256: Option<[u8; 32]>,
    /// Bytes that were read a second time for the digest, because the search did not read them in order.
    pub again: u64,
}

/// The digests of a run.
#[derive(Debug, Default)]
pub struct Digests {
    kept: Mutex<(Vec<FileDigest>, u64)>,
}

impl Digests {
    /// The files in the order of their paths, and the number of those that did not fit.
    pub fn take(&self) -> (Vec<FileDigest>, u64) {
        let (mut kept, over) = std::mem::take(&mut *self.kept.lock().unwrap_or_else(PoisonError::into_inner));
        kept.sort_unstable();
        (kept, over)
    }

    pub(super) fn add(&self, digest: FileDigest) {
        let (kept, over) = &mut *self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        if kept.len() < MOST {
            kept.push(digest);
        } else {
            *over += 1;
        }
    }
}
