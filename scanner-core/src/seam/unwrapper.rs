//! The trait that opens text encodings.

use std::ops::{ControlFlow, Range};

use super::{About, Anchor, Hit, Unopenable};
use crate::blob::Blob;
use crate::budget::Budget;

/// A blob produced by a wrapper.
#[derive(Debug)]
pub struct Entry<'a> {
    /// The bytes inside.
    pub bytes: &'a [u8],
    /// The range of the wrapped bytes in the enclosing blob.
    pub span: Range<usize>,
}

/// Opens a wrapper into more blobs.
pub trait Unwrapper: Sync {
    /// The description of the unwrapper.
    fn about(&self) -> &'static About;
    /// The anchors; never empty.
    fn anchors(&self) -> &[Anchor<'_>];
    /// Hands every blob inside to `each`. Every byte of output is taken from the budget first.
    fn open(
        &self,
        blob: Blob<'_>,
        hit: Hit<'_>,
        budget: &Budget,
        each: &mut dyn FnMut(Entry<'_>) -> ControlFlow<()>,
    ) -> Result<(), Unopenable>;
    /// Whether a blob is of this encoding from its first byte on, with or without an anchor. Called for the start of
    /// every blob, so it must cost next to nothing. [`Self::open`] is then called with [`Hit::START`]; if that finds
    /// nothing, the blob is still read as it is. Objects of a git history are asked only where they have an anchor.
    fn claims(&self, _blob: Blob<'_>) -> bool {
        false
    }
    /// Offsets at which [`Self::open`] is called besides the hits of anchors, in ascending order, for an encoding that no
    /// literal betrays. Called for every blob, so it must cost next to nothing. The anchor of such a hit is that of
    /// [`Hit::START`]. Objects of a git history are asked only where they have an anchor.
    fn places(&self, _blob: Blob<'_>) -> Vec<usize> {
        Vec::new()
    }
    /// Whether the inner text has the same lines as the outer text, so that lines are counted inside.
    fn keeps_lines(&self) -> bool {
        false
    }
    /// Counts the digits in a piece of a run, for an encoding whose digits form groups. A run is opened once for each
    /// alignment of its groups that a hit asks for: two runs may have been joined without a separator.
    fn digits(&self, _text: &[u8]) -> usize {
        0
    }
    /// The alignment, below 32, that a hit asks for if `digits` digits of the run precede it.
    fn alignment(&self, _hit: Hit<'_>, _digits: usize) -> u32 {
        0
    }
}
