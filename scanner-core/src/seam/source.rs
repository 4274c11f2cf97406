//! The traits that bring bytes and take them.

use std::io::Read;
use std::sync::Arc;

use crate::blob::{Blob, Origin};
use crate::error::SourceError;
use crate::material::Occurrence;
use crate::read_at::ReadAt;
use crate::run::Run;

/// Brings bytes: a directory, a git repository, a stream.
pub trait Source: Sync {
    /// Feeds every blob, on up to `jobs` threads.
    fn feed(&self, jobs: usize, to: Feed<'_>) -> Result<(), SourceError>;

    /// Called once, after all sources were fed, with all findings: adds details too expensive to compute for every blob
    /// to those of this source, such as the commit that brought a key.
    fn annotate(&self, _jobs: usize, _found: &mut Vec<Occurrence>, _run: &Run<'_>) {}
}

/// The destination of a source's bytes and reports.
#[derive(Clone, Copy)]
pub struct Feed<'f> {
    /// The limits and anchors of the run, and its counters and gaps.
    pub run: &'f Run<'f>,
    /// Takes the bytes.
    pub sink: &'f dyn Sink,
}

/// Takes bytes. The depth inside containers is part of the value.
pub trait Sink: Sync {
    /// Scans one blob, or one window of it.
    fn blob(&self, blob: Blob<'_>) -> Looked;
    /// Opens a container. `None` if the input is not a container, or may not be opened: the caller feeds its bytes as
    /// blobs then. In that case nothing was read from a stream.
    fn open(&self, origin: &Origin, input: Packed<'_>) -> Option<Looked>;
    /// Opens the containers that were seen in the middle of an input, after the last of its blobs. `bytes` returns the
    /// input; it is called only if there are any. An input that is one blob needs no call.
    fn carve(&self, _origin: &Origin, _bytes: &dyn Fn() -> Arc<dyn ReadAt>) -> Looked {
        Looked::default()
    }
}

/// The bytes of a container, in the way its source can read them.
pub enum Packed<'a> {
    /// At any offset.
    AnyPlace(Arc<dyn ReadAt>),
    /// Sequentially: the first bytes, which were already read, and the rest.
    Stream(&'a [u8], &'a mut dyn Read),
}

/// The result of scanning a blob.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[allow(clippy::struct_excessive_bools, reason = "four independent facts about a blob")]
pub struct Looked {
    /// The run was interrupted: stop feeding.
    pub stop: bool,
    /// A private key or an ordinary secret was found: wipe the buffer before it is reused.
    pub wipe: bool,
    /// Anything was found.
    pub found: bool,
    /// A private key was found, or a locked container that may contain one.
    pub key: bool,
}

impl Looked {
    /// Both results as one.
    #[must_use]
    pub fn with(mut self, other: Self) -> Self {
        self |= other;
        self
    }
}

impl std::ops::BitOrAssign for Looked {
    fn bitor_assign(&mut self, other: Self) {
        self.stop |= other.stop;
        self.wipe |= other.wipe;
        self.found |= other.found;
        self.key |= other.key;
    }
}
