//! The results of a run.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use crate::blob::Origin;
use crate::candidates::Candidates;
use crate::error::Gap;
use crate::material::{Occurrence, Word};

/// Maximum number of places kept of each format that is recognised and not opened.
pub const UNOPENED_PLACES: usize = 32;

/// Everything a run found, and everything it did not read.
#[derive(Debug, Default)]
pub struct Harvest {
    /// Materials at their places, sorted by origin, then offset.
    pub occurrences: Vec<Occurrence>,
    /// Possible passwords for the findings. Empty if neither a private key nor a locked container was found.
    pub candidates: Candidates,
    /// What could not be read, sorted. Gaps that do not fit into memory are counted: one gap for each input and reason
    /// has the count.
    pub gaps: Vec<Gap>,
    /// Number of gaps that leave a run incomplete and are only counted, not listed.
    pub unlisted: u64,
    /// Formats recognised and not opened, by id: the number of inputs.
    pub unopened: BTreeMap<&'static str, u64>,
    /// The first [`UNOPENED_PLACES`] places of each such format, in order.
    pub unopened_at: BTreeMap<&'static str, BTreeSet<Origin>>,
    /// Containers opened, by id: the number of each.
    pub opened: BTreeMap<&'static str, u64>,
    /// Members read from these containers.
    pub members: u64,
    /// Inputs read to their end.
    pub files: u64,
    /// Bytes read.
    pub bytes: u64,
    /// Hits that looked like material and were rejected.
    pub rejected: u64,
    /// Whether the run was interrupted.
    pub interrupted: bool,
}

/// Counts of what a run read and did not read.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Counts {
    /// Inputs read to their end.
    pub files: u64,
    /// Bytes read.
    pub bytes: u64,
    /// Hits that looked like material and were rejected.
    pub rejected: u64,
    /// Containers opened, by id: the number of each.
    #[serde(with = "crate::wire::counts")]
    pub containers: BTreeMap<Word, u64>,
    /// Members read from these containers.
    pub members: u64,
    /// Formats recognised and not opened, by id: the number of inputs.
    #[serde(with = "crate::wire::counts")]
    pub unopened: BTreeMap<Word, u64>,
    /// Gaps that leave a run incomplete and are only counted, not listed.
    pub unlisted: u64,
    /// Whether the run was interrupted.
    pub interrupted: bool,
}

impl Counts {
    /// Adds the counts of another run. Sums saturate.
    pub fn add(&mut self, other: Self) {
        let add = |sum: &mut u64, more: u64| *sum = sum.saturating_add(more);
        for (sum, more) in [
            (&mut self.files, other.files),
            (&mut self.bytes, other.bytes),
            (&mut self.rejected, other.rejected),
            (&mut self.members, other.members),
            (&mut self.unlisted, other.unlisted),
        ] {
            add(sum, more);
        }
        for (sums, more) in [(&mut self.containers, other.containers), (&mut self.unopened, other.unopened)] {
            for (word, count) in more {
                add(sums.entry(word).or_default(), count);
            }
        }
        self.interrupted |= other.interrupted;
    }
}

impl Harvest {
    /// The numbers of this harvest.
    pub fn counts(&self) -> Counts {
        Counts {
            files: self.files,
            bytes: self.bytes,
            rejected: self.rejected,
            containers: self.opened.clone(),
            members: self.members,
            unopened: self.unopened.clone(),
            unlisted: self.unlisted,
            interrupted: self.interrupted,
        }
    }
}
