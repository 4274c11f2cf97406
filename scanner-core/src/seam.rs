//! Every trait between the rooms.
//!
//! * [`Detector`]: turns an anchor that was seen into materials.
//! * [`Unwrapper`]: opens an encoding of text. [`Container`]: opens an archive, a compressed stream or an image.
//! * [`Mapper`] and [`UsageReader`]: add sections of programs, and what other files say of keys.
//! * [`Source`]: brings bytes, and hands them to a [`Sink`].

mod container;
mod context;
mod detector;
mod source;
mod unwrapper;

use crate::error::{Malformed, Reason};

pub use container::{Container, Inside, Magic, Member, Reader, Unopened};
pub use context::{Candidate, Mapper, Section, UsageHints, UsageReader};
pub use detector::{Anchor, Decoded, Detector, Hit, Inspection};
pub use source::{Feed, Looked, Packed, Sink, Source};
pub use unwrapper::{Entry, Unwrapper};

/// What a detector or unwrapper says of itself: `explain`, SARIF rules and `docs/detectors.md` are made from it.
#[derive(Debug)]
pub struct About {
    /// Its id: the name of its file, of its corpus folder and of its heading in the docs.
    pub id: &'static str,
    /// A short title.
    pub title: &'static str,
    /// What it detects and how it is sure.
    pub detects: &'static str,
    /// What it cannot see.
    pub blind_to: &'static str,
    /// What to do about a find.
    pub respond: &'static str,
    /// Standards and sources.
    pub references: &'static [&'static str],
}

/// Why a wrapper gave nothing, or not all.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unopenable {
    /// It only looked like this format.
    Malformed(Malformed),
    /// It is of this format by more than its magic, and nothing of it can be read: why, and what in a few fixed words.
    /// A gap; its bytes are searched as they are.
    Closed(Reason, &'static str),
    /// A limit was exceeded; recorded as a gap.
    Limit(Reason),
}

impl From<Malformed> for Unopenable {
    fn from(malformed: Malformed) -> Self {
        Self::Malformed(malformed)
    }
}

impl From<Reason> for Unopenable {
    fn from(reason: Reason) -> Self {
        Self::Limit(reason)
    }
}

/// Everything the engine knows about formats: built in, and of whoever embeds it.
#[derive(Clone, Default)]
pub struct Knowledge<'k> {
    /// All detectors.
    pub detectors: Vec<&'k dyn Detector>,
    /// All unwrappers.
    pub unwrappers: Vec<&'k dyn Unwrapper>,
    /// All containers. The first whose magic is there is asked; then those whose magic stands at another place, because one file
    /// may be several things at once.
    pub containers: Vec<&'k dyn Container>,
    /// Finds the sections of programs.
    pub mapper: Option<&'k dyn Mapper>,
    /// Formats that are recognised and not opened.
    pub unopened: &'k [Unopened],
    /// Reads files that use keys; `None` where only keys are looked for.
    pub usage_hints: Option<&'k dyn UsageReader>,
}
