//! Gaps in bounded memory: a million encrypted members of an archive become one line with a count.
//!
//! Each input keeps its first gaps in their order, up to [`INPUT`] bytes; the run keeps those of the first inputs, up
//! to [`RUN`] bytes. Dropped gaps are counted by reason and become a gap of their own, so a run that left something out
//! never looks complete. Which gaps are kept depends on the gaps alone, not on the order in which threads report them:
//! whatever was dropped once bounds what is accepted later.

use std::collections::BTreeMap;
use std::path::PathBuf;

use crate::blob::Origin;
use crate::error::{Gap, Reason};

/// Maximum size of the gaps of one input, in bytes.
const INPUT: u64 = 256 << 10;

/// Maximum size of the gaps of all inputs, in bytes.
const RUN: u64 = 12 << 20;

/// Bytes of a gap beyond its texts: the value, its place in a tree, its allocations.
const EACH: u64 = 256;

/// The gaps of a run.
#[derive(Debug, Default)]
pub(super) struct Gaps {
    inputs: BTreeMap<PathBuf, Input>,
    /// The sum of what the kept inputs are charged.
    charged: u64,
    /// The first input that had to be dropped: neither it nor any later one is kept.
    beyond: Option<PathBuf>,
    /// Number of gaps dropped with their inputs, by reason.
    dropped: BTreeMap<Reason, u64>,
}

/// The gaps of one input.
#[derive(Debug, Default)]
struct Input {
    /// Each gap, and how often it was reported.
    kept: BTreeMap<Gap, u64>,
    bytes: u64,
    /// The cost of everything ever reported, up to [`INPUT`].
    charged: u64,
    /// The first gap that had to be dropped.
    beyond: Option<Gap>,
    dropped: BTreeMap<Reason, u64>,
}

impl Gaps {
    pub(super) fn push(&mut self, gap: Gap) {
        if self.beyond.as_ref().is_some_and(|beyond| gap.origin.path >= *beyond) {
            *self.dropped.entry(gap.reason).or_default() += 1;
            return;
        }
        let input = match self.inputs.get_mut(&gap.origin.path) {
            Some(input) => input,
            None => self.inputs.entry(gap.origin.path.clone()).or_default(),
        };
        let before = input.charged;
        input.push(gap);
        self.charged += input.charged - before;
        while self.charged > RUN {
            let Some((path, input)) = self.inputs.pop_last() else { break };
            self.charged -= input.charged;
            let kept = input.kept.iter().map(|(gap, times)| (gap.reason, *times));
            for (reason, times) in kept.chain(input.dropped.iter().map(|(reason, times)| (*reason, *times))) {
                *self.dropped.entry(reason).or_default() += times;
            }
            self.beyond = Some(path);
        }
    }

    /// The gaps, sorted, with one more for each reason and input that has dropped gaps; and how many of the dropped
    /// gaps leave the run incomplete.
    pub(super) fn finish(self) -> (Vec<Gap>, u64) {
        let mut all = Vec::new();
        let mut unlisted = 0;
        let mut more = |dropped: BTreeMap<Reason, u64>, all: &mut Vec<Gap>, gap: &dyn Fn(Reason, u64) -> Gap| {
            for (reason, times) in dropped {
                unlisted += if reason.leaves_incomplete() { times } else { 0 };
                all.push(gap(reason, times));
            }
        };
        for (path, input) in self.inputs {
            all.extend(input.kept.into_keys());
            more(input.dropped, &mut all, &|reason, times| {
                Gap::new(Origin::file(&path), reason, format!("and {times} more in it"))
            });
        }
        if let Some(path) = self.beyond {
            more(self.dropped, &mut all, &|reason, times| {
                Gap::of_many(Origin::file(&path), reason, format!("and {times} more from here on"))
            });
        }
        all.sort();
        all.dedup();
        (all, unlisted)
    }
}

impl Input {
    fn push(&mut self, gap: Gap) {
        let cost = cost(&gap);
        self.charged = INPUT.min(self.charged + cost);
        if let Some(times) = self.kept.get_mut(&gap) {
            *times += 1;
            return;
        }
        if self.beyond.as_ref().is_some_and(|beyond| gap >= *beyond) {
            *self.dropped.entry(gap.reason).or_default() += 1;
            return;
        }
        self.bytes += cost;
        self.kept.insert(gap, 1);
        // One gap is kept whatever its size: names are bounded.
        while self.bytes > INPUT && self.kept.len() > 1 {
            let Some((last, times)) = self.kept.pop_last() else { break };
            self.bytes -= self::cost(&last);
            *self.dropped.entry(last.reason).or_default() += times;
            self.beyond = Some(last);
        }
    }
}

/// Memory that a gap takes, in bytes.
fn cost(gap: &Gap) -> u64 {
    let wraps = gap.origin.wraps.iter().map(|wrap| 64 + wrap.name.as_os_str().len());
    EACH + (gap.origin.path.as_os_str().len() + gap.detail.len() + wraps.sum::<usize>()) as u64
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::blob::Wrap;

    fn gap(path: &str, member: usize, reason: Reason) -> Gap {
        let wrap = Wrap::member("zip", member as u64, format!("member-{member}").into());
        Gap::new(Origin::file(path).inside(wrap), reason, String::new())
    }

    fn all(gaps: impl Iterator<Item = Gap>) -> (Vec<Gap>, u64) {
        let mut kept = Gaps::default();
        gaps.for_each(|gap| kept.push(gap));
        assert!(kept.charged <= RUN);
        kept.finish()
    }

    #[test]
    fn dropped_gaps_are_counted() {
        let many =
            || (0..100_000).map(|i| gap("a.zip", i, if i % 10 == 0 { Reason::Damaged } else { Reason::Encrypted }));
        let (kept, unlisted) = all(many());
        assert!(kept.len() < 2_000, "{}", kept.len());
        let more: Vec<_> = kept.iter().filter(|gap| gap.detail.starts_with("and ")).collect();
        assert_eq!(more.iter().map(|gap| gap.reason).collect::<Vec<_>>(), [Reason::Damaged, Reason::Encrypted]);
        assert!(more.iter().all(|gap| !gap.of_many), "all are of one input");
        assert_eq!(kept.len() as u64 - 2 + unlisted, 100_000);
        // In any order; repeated gaps count once.
        let backwards: Vec<Gap> = many().collect();
        assert_eq!(all(backwards.into_iter().rev()), (kept, unlisted));
    }

    #[test]
    fn every_report_of_a_dropped_gap_is_counted() {
        let many = || (0..2_000).map(|i| gap("a.zip", i, Reason::Damaged));
        // The last gap is reported twice more, before it is dropped and after.
        let last = || gap("a.zip", 1_999, Reason::Damaged);
        let (kept, unlisted) = all([last(), last()].into_iter().chain(many()));
        assert_eq!(kept.len() as u64 - 1 + unlisted, 2_002);
        assert_eq!(all(many().chain([last(), last()])), (kept, unlisted));
    }

    #[test]
    fn one_gap_is_kept_at_any_size_and_the_first_ones_in_any_order() {
        let sized = |member: usize, size: u64| Gap {
            detail: "x".repeat(size as usize),
            ..gap("a.zip", member, Reason::Damaged)
        };
        assert_eq!(all([sized(0, INPUT)].into_iter()), (vec![sized(0, INPUT)], 0));
        let (first, second, third) = (sized(0, INPUT / 4 * 3), sized(1, INPUT / 2), sized(2, 10));
        let kept = all([first.clone(), second.clone(), third.clone()].into_iter());
        assert_eq!(kept.1, 2, "there is room for the third one, but not for the second");
        assert_eq!(all([third, first, second].into_iter()), kept);
    }

    #[test]
    fn intended_gaps_do_not_count_as_unlisted() {
        let (kept, unlisted) = all((0..2_000).map(|i| gap("a.zip", i, Reason::SpecialFile)));
        assert_eq!((kept.len() < 2_000, unlisted), (true, 0));
    }

    #[test]
    fn counts_of_a_dropped_input_are_kept() {
        let crowd = (0..2_000).map(|i| gap("z", i, Reason::Damaged));
        let others = (0..100_000).map(|i| gap(&format!("{i:06}"), 0, Reason::Damaged));
        let (kept, unlisted) = all(crowd.chain(others));
        assert!(kept.iter().all(|gap| gap.origin.path.as_os_str() != "z"));
        assert_eq!(kept.len() as u64 - 1 + unlisted, 102_000);
    }

    #[test]
    fn inputs_beyond_the_limit_of_a_run_are_counted_in_any_order() {
        let path = |i: usize| format!("{i:06}");
        let many: Vec<Gap> = (0..200_000).map(|i| gap(&path(i), i % 7, Reason::Permission)).collect();
        let (kept, unlisted) = all(many.iter().cloned());
        let last = kept.last().unwrap();
        assert_eq!(
            *last,
            Gap::of_many(last.origin.clone(), Reason::Permission, format!("and {unlisted} more from here on"))
        );
        assert_eq!(kept.len() as u64 - 1 + unlisted, 200_000);
        for step in [7, 99_991] {
            let mixed = (0..many.len()).map(|i| many[i * step % many.len()].clone());
            assert_eq!(all(mixed), (kept.clone(), unlisted), "{step}");
        }
        // An input with more gaps than it may keep does not displace the others.
        let crowd = (0..300_000).map(|i| gap("000000", i, Reason::Damaged)).chain(many.iter().take(10_000).cloned());
        let (kept, _) = all(crowd);
        assert!(kept.iter().any(|gap| gap.origin.path.as_os_str() == "009999"));
    }
}
