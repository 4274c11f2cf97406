//! What opens encodings of text.

use std::ops::{ControlFlow, Range};

use super::{About, Anchor, Hit, Unopenable};
use crate::blob::Blob;
use crate::budget::Budget;

/// One blob that came out of a wrapper.
#[derive(Debug)]
pub struct Entry<'a> {
    /// The bytes inside.
    pub bytes: &'a [u8],
    /// Where the wrapped bytes lie in the blob around them.
    pub span: Range<usize>,
}

/// Opens a wrapper into more blobs.
pub trait Unwrapper: Sync {
    /// What it says of itself.
    fn about(&self) -> &'static About;
    /// Its anchors; never empty.
    fn anchors(&self) -> &[Anchor<'_>];
    /// Hands every blob inside to `each`. Every byte that is produced is taken from the budget first.
    fn open(
        &self,
        blob: Blob<'_>,
        hit: Hit<'_>,
        budget: &Budget,
        each: &mut dyn FnMut(Entry<'_>) -> ControlFlow<()>,
    ) -> Result<(), Unopenable>;
    /// Whether a blob is one from its first byte on, whatever is inside and whether or not an anchor shows. Asked of the
    /// start of every blob, so it may cost next to nothing. [`Self::open`] is then called with [`Hit::START`]; if nothing
    /// comes of it, the blob is still read as it is. Objects of a git history are not asked but where an anchor is.
    fn claims(&self, _blob: Blob<'_>) -> bool {
        false
    }
    /// Whether the text inside has the lines of the text around it, so that they are counted in it.
    fn keeps_lines(&self) -> bool {
        false
    }
    /// How many digits a piece of a run has, for an encoding whose digits form groups. A run is opened once for each
    /// alignment of its groups that a hit asks for: two runs may have been put together without a separator.
    fn digits(&self, _text: &[u8]) -> usize {
        0
    }
    /// The alignment that a hit asks for, below 32, if so many digits of the run stand before it.
    fn alignment(&self, _hit: Hit<'_>, _digits: usize) -> u32 {
        0
    }
}
