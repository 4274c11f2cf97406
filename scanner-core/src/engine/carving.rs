//! Containers in the middle of other bytes: a shell script with an archive after it, a picture with one behind it, the
//! file systems of a flash dump.
//!
//! The prefilter finds their magic numbers with all other anchors. What looks like a container beyond its magic number
//! is a candidate. When the whole input was searched as plain bytes, its candidates are opened: `unpack/carve.rs`.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use crate::blob::Origin;

/// Maximum number of candidates of one input. Further ones are searched as plain bytes only, and are a gap.
pub(super) const MOST: usize = 1 << 16;

/// What looks like the start of a container.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Candidate {
    /// Its offset in the input.
    pub(super) at: u64,
    /// The container: an index into [`crate::seam::Knowledge::containers`].
    pub(super) container: usize,
}

/// The candidates of inputs that are being read.
#[derive(Default)]
pub(super) struct Candidates(Mutex<BTreeMap<Origin, Vec<Candidate>>>);

impl Candidates {
    fn lock(&self) -> MutexGuard<'_, BTreeMap<Origin, Vec<Candidate>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Keeps the candidates of a blob. Returns whether there is room for all of them.
    pub(super) fn add(&self, origin: &Origin, more: &mut Vec<Candidate>) -> bool {
        if more.is_empty() {
            return true;
        }
        let mut all = self.lock();
        let known = all.entry(origin.clone()).or_default();
        if known.len() + more.len() > MOST {
            // Parts of a container that overlap show the same candidate again.
            known.sort_unstable();
            known.dedup();
        }
        let room = MOST.saturating_sub(known.len());
        let fits = more.len() <= room;
        known.extend(more.drain(..).take(room));
        fits
    }

    /// Whether an input has candidates.
    pub(super) fn has(&self, origin: &Origin) -> bool {
        self.lock().contains_key(origin)
    }

    /// Whether an input has candidates from an offset on.
    pub(super) fn is_beyond(&self, origin: &Origin, at: u64) -> bool {
        self.lock().get(origin).is_some_and(|all| all.iter().any(|candidate| candidate.at >= at))
    }

    /// Takes the candidates of an input.
    pub(super) fn take(&self, origin: &Origin) -> Vec<Candidate> {
        self.lock().remove(origin).unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_candidates_count_once() {
        let (all, origin) = (Candidates::default(), Origin::file("x"));
        let some = |from: u64| (from..from + 1000).map(|at| Candidate { at, container: 0 }).collect::<Vec<_>>();
        for _ in 0..100 {
            assert!(all.add(&origin, &mut some(5)));
        }
        for from in 1..65 {
            assert!(all.add(&origin, &mut some(1000 * from + 5)), "{from}");
        }
        assert!(!all.add(&origin, &mut some(90_000)), "more than there is room for");
        assert_eq!(all.take(&origin).len(), MOST);
    }
}
