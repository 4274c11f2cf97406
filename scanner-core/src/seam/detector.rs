//! Anchors, and the detectors that are called where one is seen.

use std::ops::Range;

use zeroize::Zeroizing;

use super::About;
use crate::blob::Blob;
use crate::error::{Malformed, Reason};
use crate::lock::Lock;
use crate::material::Material;

/// A short literal that must be present before a detector has anything to do.
///
/// Bounded length is a promise that reading git history relies on: bytes without any anchor need no second look.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Anchor<'a> {
    /// The literal, [`Anchor::MIN`] to [`Anchor::MAX`] bytes (a start anchor may be shorter).
    pub bytes: &'a [u8],
    /// Whether it counts only as the first bytes of a blob.
    pub at_start: bool,
}

impl<'a> Anchor<'a> {
    /// Shortest literal that may be searched for anywhere.
    pub const MIN: usize = 4;
    /// Longest literal.
    pub const MAX: usize = 32;
    /// Shortest literal of [`Detector::needles`]: eight of its bytes are found at a multiple of eight.
    pub const LONG: usize = 15;

    /// A literal that counts anywhere.
    pub const fn anywhere(bytes: &'a [u8]) -> Self {
        Self { bytes, at_start: false }
    }

    /// A literal that counts only at the start of a blob.
    pub const fn at_start(bytes: &'a [u8]) -> Self {
        Self { bytes, at_start: true }
    }
}

/// An anchor that was seen.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Hit<'a> {
    /// The anchor.
    pub anchor: Anchor<'a>,
    /// Its first byte, as an index into the blob's bytes.
    pub at: usize,
}

impl Hit<'_> {
    /// The start of a blob that an unwrapper claims as a whole.
    pub const START: Self = Self { anchor: Anchor::at_start(b""), at: 0 };
}

/// Bytes that a detector decoded to read its finding: the body of a PEM block.
#[derive(Debug)]
pub struct Decoded {
    /// What the bytes were decoded from: the id of the unwrapper that reads the same digits, such as `base64`, or the
    /// id of the detector.
    pub kind: &'static str,
    /// The encoded text, as a range of the blob.
    pub span: Range<usize>,
    /// The bytes, wiped when dropped.
    pub bytes: Zeroizing<Vec<u8>>,
    /// The bits after the last whole byte, from the highest bit down; the remaining bits are zero.
    pub tail: u8,
    /// Bit shifts that read digits inserted without a separator: 2, 4 and 6 for base64.
    pub shifts: &'static [u32],
}

/// The report of a detector about a hit.
#[derive(Debug)]
pub struct Inspection {
    materials: Vec<Material>,
    decoded: Vec<Decoded>,
    /// Bytes that the detector may still read in this blob, beyond those of its findings.
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
    /// Reports a material. Its span must be inside the blob. Hits inside the span are still inspected; their materials
    /// are dropped if they are only a second reading of the same key.
    pub fn found(&mut self, material: Material) {
        self.materials.push(material);
    }

    /// Hands over bytes that were decoded, whether or not they led to a finding. They are searched like a blob of their
    /// own: no detector uses every byte that it decodes, and the rest (attributes, comments, trailing bytes) may
    /// contain another key. Of several with the same span the first counts.
    pub fn decoded(&mut self, decoded: Decoded) {
        self.decoded.push(decoded);
    }

    /// Reports a key that claims to be complete and that the detector cannot read. Recorded as a gap, unless another
    /// detector reads it or something is found in the decoded bytes.
    pub const fn unread(&mut self, reason: Reason, detail: &'static str) {
        self.unread = Some((reason, detail));
    }

    /// Takes the report of an unread key.
    pub const fn take_unread(&mut self) -> Option<(Reason, &'static str)> {
        self.unread.take()
    }

    /// Takes everything decoded so far.
    pub(crate) fn take_decoded(&mut self) -> Vec<Decoded> {
        std::mem::take(&mut self.decoded)
    }

    /// Everything found so far.
    pub fn materials(&self) -> &[Material] {
        &self.materials
    }

    /// Counts bytes that were read for a hit, where adjacent hits make a detector read the same bytes again.
    pub const fn work(&mut self, bytes: usize) {
        self.left = self.left.saturating_sub(bytes);
    }

    /// Whether the detector may inspect another hit of the blob. If not, it must return at once; the engine reports
    /// that.
    pub const fn may_work(&mut self) -> bool {
        self.refused |= self.left == 0;
        self.left > 0
    }

    /// Sets how many bytes may be read from now on. Returns how many were left, and whether a hit was refused.
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
    /// The description of the detector.
    fn about(&self) -> &'static About;
    /// The anchors; never empty, unless there are [`Self::literals`] or [`Self::needles`].
    fn anchors(&self) -> &[Anchor<'_>];
    /// More anchors that count anywhere, for a detector that gets them at run time: user rules.
    fn literals(&self) -> &[Vec<u8>] {
        &[]
    }
    /// Long literals that count anywhere, of [`Anchor::LONG`] to [`Anchor::MAX`] bytes, in any number: half a million cost
    /// little more than one. For a detector that gets them at run time: a hunt for keys.
    fn needles(&self) -> &[Vec<u8>] {
        &[]
    }
    /// Called once per hit, on any thread. Materials reported before an error are kept. `Err` says why the bytes only
    /// looked like the format; `Ok` without a finding means that the hit does not belong to this detector.
    fn inspect(&self, blob: Blob<'_>, hit: Hit<'_>, out: &mut Inspection) -> Result<(), Malformed>;
    /// Parses a locked container of this format, as [`Self::inspect`] kept it in [`Material::locked`], so that
    /// passwords can be tried on it; `None` if no password can open it.
    fn lock<'b>(&self, _kept: &'b [u8]) -> Option<Box<dyn Lock + 'b>> {
        None
    }
}
