//! Every trait between the crates.
//!
//! * [`Detector`]: turns an anchor hit into materials.
//! * [`Unwrapper`]: opens a text encoding. [`Container`]: opens an archive, a compressed stream or an image.
//! * [`Mapper`] and [`UsageReader`]: find sections of programs, and what other files say of keys.
//! * [`Source`]: reads bytes and hands them to a [`Sink`].

mod container;
mod context;
mod detector;
mod source;
mod unwrapper;

use crate::error::{Malformed, Reason};
use crate::material::Material;

pub use container::{Container, INNER, Inside, Magic, Member, Reader, Unopened};
pub use context::{Candidate, Mapper, Section, UsageHints, UsageReader};
pub use detector::{Anchor, Decoded, Detector, Hit, Inspection};
pub use source::{Feed, Looked, Packed, Sink, Source};
pub use unwrapper::{Entry, Unwrapper};

/// The description of a detector or unwrapper: `explain`, SARIF rules and `docs/detectors.md` are generated from it.
#[derive(Debug)]
pub struct About {
    /// The id: the name of its file, of its corpus folder and of its heading in the docs.
    pub id: &'static str,
    /// A short title.
    pub title: &'static str,
    /// The formats it detects, and how it verifies them.
    pub detects: &'static str,
    /// Its blind spots.
    pub blind_to: &'static str,
    /// The response to a finding.
    pub respond: &'static str,
    /// Standards and sources.
    pub references: &'static [&'static str],
}

/// Why a wrapper was not opened, or not completely.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unopenable {
    /// The input only looked like this format.
    Malformed(Malformed),
    /// The input is of this format by more than its magic, but nothing of it can be read: the reason, and a fixed text
    /// with details. Recorded as a gap; its bytes are searched as they are.
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

/// Everything the engine knows about formats: built in, or supplied by the embedding program.
#[derive(Clone, Default)]
pub struct Knowledge<'k> {
    /// All detectors.
    pub detectors: Vec<&'k dyn Detector>,
    /// All unwrappers.
    pub unwrappers: Vec<&'k dyn Unwrapper>,
    /// All containers. The first whose magic matches is asked, then those whose magic matches at another offset,
    /// because one file may have several formats at once.
    pub containers: Vec<&'k dyn Container>,
    /// Finds the sections of programs.
    pub mapper: Option<&'k dyn Mapper>,
    /// Formats that are recognised and not opened.
    pub unopened: &'k [Unopened],
    /// Reads files that use keys; `None` to look for keys only.
    pub usage_hints: Option<&'k dyn UsageReader>,
    /// Decides which materials are kept; `None` to keep all.
    pub wanted: Option<&'k dyn Wanted>,
}

/// Decides which materials a run keeps: a hunt for one key does not need the others. Locked containers are kept
/// whatever it says, because they may contain what is wanted.
pub trait Wanted: Sync {
    /// Whether a material is kept.
    fn wants(&self, material: &Material) -> bool;
}
