//! What finds keys: anchors, and the detectors that are called where one is seen.

use std::ops::Range;

use zeroize::Zeroizing;

use super::About;
use crate::blob::Blob;
use crate::error::{Malformed, Reason};
use crate::lock::Lock;
use crate::material::Material;

/// A short literal that must be present before a detector has anything to do.
///
/// Bounded length is a promise that reading git history depends on: bytes without any anchor need no second look.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Anchor<'a> {
    /// The literal, [`Anchor::MIN`] to [`Anchor::MAX`] bytes (a start anchor may be shorter).
    pub bytes: &'a [u8],
    /// Whether it counts only as the very first bytes of a blob.
    pub at_start: bool,
}

impl<'a> Anchor<'a> {
    /// Shortest literal that may be searched for anywhere.
    pub const MIN: usize = 4;
    /// Longest literal.
    pub const MAX: usize = 32;

    /// A literal that may stand anywhere.
    pub const fn anywhere(bytes: &'a [u8]) -> Self {
        Self { bytes, at_start: false }
    }

    /// A literal that counts at the start of a blob only.
    pub const fn at_start(bytes: &'a [u8]) -> Self {
        Self { bytes, at_start: true }
    }
}

/// An anchor that was seen.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Hit<'a> {
    /// Which one.
    pub anchor: Anchor<'a>,
    /// Where it begins, as an index into the blob's bytes.
    pub at: usize,
}

impl Hit<'_> {
    /// The start of a blob that an unwrapper claims as a whole.
    pub const START: Self = Self { anchor: Anchor::at_start(b""), at: 0 };
}

/// Bytes that a detector decoded to read its finding: the body of a PEM block.
#[derive(Debug)]
pub struct Decoded {
    /// What they were decoded from: the id of the unwrapper that reads the same digits, such as `base64`, or of the detector.
    pub kind: &'static str,
    /// The encoded text, in the blob.
    pub span: Range<usize>,
    /// The bytes, wiped when dropped.
    pub bytes: Zeroizing<Vec<u8>>,
    /// The bits after the last whole byte, from the highest bit down; the rest of it is zero.
    pub tail: u8,
    /// By how many bits the bytes may be shifted to read digits that were added without a separator: 2, 4 and 6 for base64.
    pub shifts: &'static [u32],
}

/// What a detector has to say about a hit.
#[derive(Debug)]
pub struct Inspection {
    materials: Vec<Material>,
    decoded: Vec<Decoded>,
    /// Bytes that the detector may still read in this blob, beyond those of what it finds.
    left: usize,
    refused: bool,
    unread: Option<(Reason, &'static str)>,
}

impl Default for Inspection {
    fn default() -> Self {
        Self { materials: Vec::new(), decoded: Vec::new(), left: usize::MAX, refused: false, unread: None }
    }
}

impl Inspection {
    /// Something was found. Its span must lie in the blob. Hits inside the span are still asked; what they give is dropped
    /// if it is only a second reading of the same key.
    pub fn found(&mut self, material: Material) {
        self.materials.push(material);
    }

    /// Hands over what was decoded on the way to a finding, or to the conclusion that there is none. It is searched like a
    /// blob of its own: no detector uses every byte that it decodes, and what it leaves (attributes, comments, trailing bytes)
    /// may hold another key. Of several with the same span the first counts.
    pub fn decoded(&mut self, decoded: Decoded) {
        self.decoded.push(decoded);
    }

    /// Says that what stands here is a key by its own word and whole, and that the detector cannot read it. It becomes a gap, unless
    /// another detector reads it or something is found in what was decoded.
    pub const fn unread(&mut self, reason: Reason, detail: &'static str) {
        self.unread = Some((reason, detail));
    }

    /// Takes what was said of something unread.
    pub const fn take_unread(&mut self) -> Option<(Reason, &'static str)> {
        self.unread.take()
    }

    /// Takes everything decoded so far.
    pub fn take_decoded(&mut self) -> Vec<Decoded> {
        std::mem::take(&mut self.decoded)
    }

    /// Everything found so far.
    pub fn materials(&self) -> &[Material] {
        &self.materials
    }

    /// Counts bytes that were read for a hit, where hits that are close together make a detector read the same bytes again.
    pub const fn work(&mut self, bytes: usize) {
        self.left = self.left.saturating_sub(bytes);
    }

    /// Whether the detector may look at another hit of the blob. If not, it returns at once, and the engine reports that.
    pub const fn may_work(&mut self) -> bool {
        self.refused |= self.left == 0;
        self.left > 0
    }

    /// Sets how many bytes may be read from now on; returns how many were left, and whether a hit was refused.
    pub const fn allow(&mut self, bytes: usize) -> (usize, bool) {
        let before = (self.left, self.refused);
        (self.left, self.refused) = (bytes, false);
        before
    }

    /// Takes everything found so far.
    pub fn take(&mut self) -> Vec<Material> {
        std::mem::take(&mut self.materials)
    }
}

/// Turns an anchor hit in a blob into materials.
pub trait Detector: Sync {
    /// What it says of itself.
    fn about(&self) -> &'static About;
    /// Its anchors; never empty, unless it has [`Self::literals`].
    fn anchors(&self) -> &[Anchor<'_>];
    /// More anchors that may stand anywhere, for a detector that learns them when it is made: rules of a user.
    fn literals(&self) -> &[Vec<u8>] {
        &[]
    }
    /// Called once per hit, on any thread. What was found stays found; `Err` says why it only looked like one, `Ok`
    /// without a find means that the hit does not belong to this detector.
    fn inspect(&self, blob: Blob<'_>, hit: Hit<'_>, out: &mut Inspection) -> Result<(), Malformed>;
    /// Reads a locked container of this format as [`Self::inspect`] kept it in [`Material::locked`], so that passwords can be tried
    /// on it; `None` if none can open it.
    fn lock<'b>(&self, _kept: &'b [u8]) -> Option<Box<dyn Lock + 'b>> {
        None
    }
}
