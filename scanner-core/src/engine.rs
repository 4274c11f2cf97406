//! Runs detectors over blobs: being written.

use crate::error::Gap;
use crate::material::Occurrence;

/// Everything a run found, and everything it did not read.
#[derive(Debug, Default)]
pub struct Harvest {
    /// Materials at their places, sorted by origin, then offset.
    pub occurrences: Vec<Occurrence>,
    /// What could not be read, sorted.
    pub gaps: Vec<Gap>,
    /// Formats recognised and not opened, by id: how many inputs of each, sorted by id.
    pub unopened: std::collections::BTreeMap<&'static str, u64>,
    /// Inputs read to their end.
    pub files: u64,
    /// Bytes read.
    pub bytes: u64,
    /// Hits that looked like a private key and were none.
    pub rejected: u64,
    /// Whether the run was interrupted.
    pub interrupted: bool,
}
