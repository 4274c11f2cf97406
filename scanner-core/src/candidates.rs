//! Password candidates of a run, in bounded memory.
//!
//! If there are too many, the first candidates in the order of their places are kept, whatever the number of threads.
//! Dropped candidates are remembered, so that a nearby keystore that stays locked is reported as not fully tried.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use crate::blob::Origin;
use crate::error::{Gap, Reason};
use crate::material::Occurrence;
use crate::seam::Candidate;

/// Maximum memory for the candidates of a run, in bytes, counted by `weight`: about 100,000 candidates of usual length.
pub const MAX: u64 = 32 << 20;

/// Maximum number of directories remembered as having passwords that were not read. Beyond that, every directory that
/// sorts after them counts as one.
const DIRECTORIES: usize = 4096;

/// The password candidates of a run.
#[derive(Debug, Default)]
pub struct Candidates {
    list: Vec<Candidate>,
    weight: u64,
    left_out: LeftOut,
}

/// Candidates that were not kept, or not read.
#[derive(Debug, Default)]
pub struct LeftOut {
    /// The first candidate that was not kept; no candidate at or after its place is kept.
    from: Option<Box<Candidate>>,
    /// Number of candidates that were not kept.
    count: u64,
    /// Directories with files whose passwords were not all read.
    directories: BTreeSet<PathBuf>,
    /// The first directory that did not fit into `directories`.
    beyond: Option<PathBuf>,
}

impl Candidates {
    /// Adds a candidate.
    pub fn push(&mut self, candidate: Candidate) {
        self.weight += weight(&candidate);
        self.list.push(candidate);
        if self.weight > 2 * MAX {
            self.prune();
        }
    }

    /// Records that passwords of a file were not read: the file is too large, or contains too many.
    pub(crate) fn not_all_of(&mut self, file: &Origin) {
        let place = file.location();
        self.left_out.add(place.parent().unwrap_or(Path::new("")).to_owned());
    }

    /// Adds the candidates of another thread.
    pub fn append(&mut self, other: Self) {
        let left_out = other.left_out;
        for directory in left_out.directories.into_iter().chain(left_out.beyond) {
            self.left_out.add(directory);
        }
        self.left_out.count += left_out.count;
        if let Some(from) = left_out.from {
            self.left_out.starts_at(from);
        }
        for candidate in other.list {
            self.push(candidate);
        }
    }

    /// The number of candidates.
    pub fn len(&self) -> usize {
        self.list.len()
    }

    /// Whether there are no candidates.
    pub fn is_empty(&self) -> bool {
        self.list.is_empty()
    }

    /// Drops all candidates.
    pub fn clear(&mut self) {
        *self = Self::default();
    }

    /// Applies `change` to every path.
    pub fn map_paths(&mut self, change: impl Fn(&mut PathBuf)) {
        let from = self.left_out.from.as_deref_mut();
        self.list.iter_mut().chain(from).for_each(|candidate| change(&mut candidate.origin.path));
        let directories = std::mem::take(&mut self.left_out.directories).into_iter();
        self.left_out.directories = directories
            .map(|mut path| {
                change(&mut path);
                path
            })
            .collect();
        self.left_out.beyond.iter_mut().for_each(change);
    }

    /// The candidates, sorted by place, and what was left out.
    pub fn into_parts(mut self) -> (Vec<Candidate>, LeftOut) {
        self.prune();
        (self.list, self.left_out)
    }

    /// Keeps the first candidates that fit into [`MAX`].
    fn prune(&mut self) {
        self.list.sort_by(|a, b| a.place().cmp(&b.place()));
        let mut weights = 0;
        let fits = |candidate: &Candidate| {
            weights += weight(candidate);
            let before = self.left_out.from.as_deref().is_none_or(|from| candidate.place() < from.place());
            weights <= MAX && before
        };
        let kept = self.list.iter().map(fits).take_while(|fits| *fits).count();
        let mut dropped = self.list.drain(kept..);
        if let Some(first) = dropped.next() {
            self.left_out.count += 1 + dropped.count() as u64;
            self.left_out.starts_at(Box::new(first));
        } else {
            drop(dropped);
        }
        self.weight = self.list.iter().map(weight).sum();
    }
}

impl FromIterator<Candidate> for Candidates {
    fn from_iter<I: IntoIterator<Item = Candidate>>(list: I) -> Self {
        let mut candidates = Self::default();
        list.into_iter().for_each(|candidate| candidates.push(candidate));
        candidates
    }
}

impl LeftOut {
    fn starts_at(&mut self, candidate: Box<Candidate>) {
        if self.from.as_deref().is_none_or(|from| candidate.place() < from.place()) {
            self.from = Some(candidate);
        }
    }

    fn add(&mut self, directory: PathBuf) {
        if self.beyond.as_ref().is_some_and(|beyond| directory >= *beyond) {
            return;
        }
        self.directories.insert(directory);
        if self.directories.len() > DIRECTORIES {
            self.beyond = self.directories.pop_last();
        }
    }

    fn contains(&self, directory: &Path) -> bool {
        self.directories.contains(directory) || self.beyond.as_deref().is_some_and(|beyond| directory >= beyond)
    }

    /// The gap to report for a container that stays locked, if passwords that may be near it were left out.
    pub fn gap<'o>(&self, copies: impl Iterator<Item = &'o Occurrence>) -> Option<Gap> {
        let mut copies = copies.peekable();
        let origin = copies.peek()?.origin.clone();
        if self.from.is_some() {
            let detail = format!("{} passwords of this run were not kept: more than {} MiB", self.count, MAX >> 20);
            return Some(Gap::new(origin, Reason::NearPasswordsNotTried, detail));
        }
        let beside = copies.find(|copy| {
            let place = copy.origin.location();
            self.contains(place.parent().unwrap_or(Path::new("")))
        })?;
        let detail = "a file beside it is too large to be read for passwords, or contains too many".to_owned();
        Some(Gap::new(beside.origin.clone(), Reason::NearPasswordsNotTried, detail))
    }
}

/// Memory that a candidate takes with its share of the index, in bytes: an estimate, not a measurement.
fn weight(candidate: &Candidate) -> u64 {
    /// The candidate itself and its places in four lists.
    const FIXED: usize = 200;
    /// A name in the same statement, in two lists.
    const NAME: usize = 200;
    let origin = candidate.origin.path.as_os_str().len() + candidate.origin.wraps.len() * 64;
    let about: usize = candidate.about.iter().map(|about| NAME + 2 * about.len()).sum();
    (FIXED + origin + candidate.secret.expose().len() + candidate.field.len() + about) as u64
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::secret::Secret;

    fn candidate(number: u32) -> Candidate {
        Candidate {
            secret: Secret::new(vec![b'x'; 1 + (number % 977) as usize]),
            origin: Origin::file(format!("d{}/{number}.env", number % 7)),
            line: 1,
            field: "storePassword".to_owned(),
            about: (0..number % 5).map(|n| n.to_string()).collect(),
        }
    }

    #[test]
    fn kept_candidates_do_not_depend_on_the_order() {
        let numbers: Vec<u32> = (0..120_000).collect();
        let all = |threads: usize, turned: bool| {
            let mut workers: Vec<Candidates> = (0..threads).map(|_| Candidates::default()).collect();
            let feed =
                |at: usize, number: u32, workers: &mut Vec<Candidates>| workers[at % threads].push(candidate(number));
            if turned {
                numbers.iter().rev().enumerate().for_each(|(at, &number)| feed(at, number, &mut workers));
            } else {
                numbers.iter().enumerate().for_each(|(at, &number)| feed(at, number, &mut workers));
            }
            let mut whole = Candidates::default();
            for worker in workers {
                whole.append(worker);
            }
            let (kept, left_out) = whole.into_parts();
            let weights: u64 = kept.iter().map(weight).sum();
            assert!(weights <= MAX && weights > MAX / 2, "{weights}");
            let kept: Vec<_> = kept.iter().map(|candidate| candidate.origin.to_string()).collect();
            (kept, left_out.count, left_out.from.map(|from| from.origin))
        };
        let one = all(1, false);
        assert_eq!(one.0.len() as u64 + one.1, 120_000);
        assert!(one == all(3, true) && one == all(4, false));
    }

    #[test]
    fn directories_beyond_the_limit_count_as_left_out() {
        let mut candidates = Candidates::default();
        for number in (0..2 * DIRECTORIES).rev() {
            candidates.not_all_of(&Origin::file(format!("{number:06}/x.env")));
        }
        let (_, left_out) = candidates.into_parts();
        assert_eq!(left_out.directories.len(), DIRECTORIES);
        for number in [0, DIRECTORIES - 1, DIRECTORIES, 2 * DIRECTORIES - 1] {
            assert!(left_out.contains(Path::new(&format!("{number:06}"))), "{number}");
        }
        assert!(!left_out.contains(Path::new("")));
    }
}
