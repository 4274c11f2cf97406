//! What a run gives back.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use crate::blob::Origin;
use crate::candidates::Candidates;
use crate::error::Gap;
use crate::material::{Occurrence, Word};

/// How many places are kept of each format that is recognised and not opened.
pub const UNOPENED_PLACES: usize = 32;

/// Everything a run found, and everything it did not read.
#[derive(Debug, Default)]
pub struct Harvest {
    /// Materials at their places, sorted by origin, then offset.
    pub occurrences: Vec<Occurrence>,
    /// Texts that may be passwords of what was found. None if no private key was found.
    pub candidates: Candidates,
    /// What could not be read, sorted. More than fits into memory is counted: one gap for each input and reason says how many.
    pub gaps: Vec<Gap>,
    /// How many gaps are counted so and not listed, of those that leave a run incomplete.
    pub unlisted: u64,
    /// Formats recognised and not opened, by id: how many inputs of each.
    pub unopened: BTreeMap<&'static str, u64>,
    /// The first [`UNOPENED_PLACES`] places of each, in order.
    pub unopened_at: BTreeMap<&'static str, BTreeSet<Origin>>,
    /// Containers opened, by id: how many of each.
    pub opened: BTreeMap<&'static str, u64>,
    /// Members that came out of them.
    pub members: u64,
    /// Inputs read to their end.
    pub files: u64,
    /// Bytes read.
    pub bytes: u64,
    /// Hits that looked like material and were none.
    pub rejected: u64,
    /// Whether the run was interrupted.
    pub interrupted: bool,
}

/// What a run read and did not read, in numbers.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Counts {
    /// Inputs read to their end.
    pub files: u64,
    /// Bytes read.
    pub bytes: u64,
    /// Hits that looked like material and were none.
    pub rejected: u64,
    /// Containers opened, by id: how many of each.
    #[serde(with = "crate::wire::counts")]
    pub containers: BTreeMap<Word, u64>,
    /// Members that came out of them.
    pub members: u64,
    /// Formats recognised and not opened, by id: how many inputs of each.
    #[serde(with = "crate::wire::counts")]
    pub unopened: BTreeMap<Word, u64>,
    /// Gaps that are counted and not listed, of those that leave a run incomplete.
    pub unlisted: u64,
    /// Whether it was interrupted.
    pub interrupted: bool,
}

impl Counts {
    /// Adds those of another run. A sum that does not fit stays at the largest number.
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
    /// What was read and was not, in numbers.
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
