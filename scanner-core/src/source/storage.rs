//! Who reads what a walk over files comes by and does not read as files: the storage of repositories.

use std::fmt::Debug;
use std::fs::{File, FileType};
use std::path::Path;

use super::stream::Windows;
use crate::blob::Origin;
use crate::seam::Feed;

/// Reads storage of objects that a walk comes by, such as git repositories: its files are not read as files then.
pub trait StorageReader: Debug + Sync {
    /// Takes note of an entry of the walk. `kind` is that of the entry itself; a link is not followed.
    fn notice(&self, path: &Path, kind: FileType);

    /// Whether it reads the file at `path`, `depth` levels below a root of the walk, which begins with `start`. `None` if the
    /// file is a file like any other.
    fn claims(&self, path: &Path, depth: usize, start: &[u8]) -> Option<Claim>;

    /// Reads a file that it claimed to read [`Now`](Claim::Now). `windows` are the buffers of the thread.
    fn read(&self, file: File, origin: &Origin, windows: &mut Windows, to: Feed<'_>);
}

/// When a file that was claimed is read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Claim {
    /// At once, by [`StorageReader::read`].
    Now,
    /// With the storage that it is part of, when that is fed as a source.
    Later,
}
