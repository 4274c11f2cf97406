//! Where bytes come from, and what takes them.

use std::io::Read;
use std::sync::Arc;

use crate::blob::{Blob, Origin};
use crate::error::SourceError;
use crate::material::Occurrence;
use crate::read_at::ReadAt;
use crate::run::Run;

/// Where bytes come from.
pub trait Source: Sync {
    /// Feeds every blob, on up to `jobs` threads.
    fn feed(&self, jobs: usize, to: Feed<'_>) -> Result<(), SourceError>;

    /// Called once, when all sources were fed, with everything that was found: to add to the places of what came from
    /// this source details too expensive to compute for every blob, such as the commit that brought a key.
    fn annotate(&self, _jobs: usize, _found: &mut Vec<Occurrence>, _run: &Run<'_>) {}
}

/// What a source feeds.
#[derive(Clone, Copy)]
pub struct Feed<'f> {
    /// What to know before reading, and where to report what was read and what could not be.
    pub run: &'f Run<'f>,
    /// Takes the bytes.
    pub sink: &'f dyn Sink,
}

/// Takes bytes. How deep in containers they lie is part of the value.
pub trait Sink: Sync {
    /// Looks at one blob, or one window of it.
    fn blob(&self, blob: Blob<'_>) -> Looked;
    /// Opens a container. `None` if the input is not a container, or may not be opened: feed its bytes as blobs then.
    /// Nothing was read of a stream in that case.
    fn open(&self, origin: &Origin, input: Packed<'_>) -> Option<Looked>;
}

/// The bytes of a container, as its source can give them.
pub enum Packed<'a> {
    /// At any place.
    AnyPlace(Arc<dyn ReadAt>),
    /// In order; the first of them again, which were looked at already.
    Stream(&'a [u8], &'a mut dyn Read),
}

/// What the sink says of a blob.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[allow(clippy::struct_excessive_bools, reason = "four independent facts about a blob")]
pub struct Looked {
    /// Stop feeding: the run was interrupted.
    pub stop: bool,
    /// A private key was found: wipe the buffer before it is used again.
    pub wipe: bool,
    /// Anything was found.
    pub found: bool,
    /// A private key was found.
    pub key: bool,
}

impl std::ops::BitOrAssign for Looked {
    fn bitor_assign(&mut self, other: Self) {
        self.stop |= other.stop;
        self.wipe |= other.wipe;
        self.found |= other.found;
        self.key |= other.key;
    }
}
