//! Checks every public half of an estate for weaknesses. Separate from the judgement, because it needs time and
//! threads.

use std::collections::BTreeMap;
use std::path::Path;

use keyradius_core::blob::Origin;
use keyradius_core::engine::each;
use keyradius_core::error::{Gap, Reason};
use keyradius_core::material::PublicHalf;

use super::estate::{Estate, KeyGroup, KeyName};
use crate::weak::{self, Checked, Weakness};

/// Weaknesses of each key that has any; worst first.
pub type Weaknesses = BTreeMap<KeyName, Vec<Weakness>>;

/// The result of checking a run's keys.
#[derive(Debug, Default)]
pub struct Survey {
    /// The weaknesses found.
    pub weaknesses: Weaknesses,
    /// Checks that were skipped because there were too many keys: one gap per file and check.
    pub gaps: Vec<Gap>,
}

/// Checks every key of the run: each alone, on up to `jobs` threads, and all together.
pub fn survey(estate: &Estate, jobs: usize) -> Survey {
    let groups = estate.keys.iter().chain(&estate.public);
    let keys: Vec<(&KeyGroup, &PublicHalf)> =
        groups.filter_map(|group| Some((group, group.public.as_deref()?))).collect();
    let mut all = Weaknesses::new();
    let halves: Vec<&PublicHalf> = keys.iter().map(|(_, public)| *public).collect();
    let (alone, untested) = alone(&halves, jobs);
    for ((group, _), found) in keys.iter().zip(alone) {
        if !found.is_empty() {
            all.insert(group.name, found);
        }
    }
    for (key, weakness) in weak::shared_primes(&halves) {
        if let Some((group, _)) = keys.get(key) {
            all.entry(group.name).or_default().push(weakness);
        }
    }
    for (group, _) in &keys {
        for weakness in group.certificates().flat_map(weak::certificate) {
            all.entry(group.name).or_default().push(weakness);
        }
    }
    for list in all.values_mut() {
        list.sort_by(|a, b| (b.computable, b.grade, a.id, &a.text).cmp(&(a.computable, a.grade, b.id, &b.text)));
        list.dedup();
    }
    let mut gaps = Vec::new();
    let mut leave_out = |indexes: Vec<usize>, what: &str| {
        let mut files: BTreeMap<&Path, usize> = BTreeMap::new();
        let groups = indexes.into_iter().filter_map(|index| keys.get(index));
        let places = groups.filter_map(|(group, _)| group.private.first().or(group.related.first()));
        places.for_each(|place| *files.entry(&place.origin.path).or_default() += 1);
        gaps.extend(files.into_iter().map(|(path, count)| {
            let detail = format!("{count} RSA keys were not {what}: too many in one run");
            Gap::new(Origin::file(path), Reason::TooMany, detail)
        }));
    };
    leave_out(untested, "tested for a prime next to a tiny factor");
    leave_out(weak::not_compared(&halves), "compared with the others for shared primes");
    Survey { weaknesses: all, gaps }
}

/// Weaknesses of each key alone. All cheap checks run first; then the primality tests that they request, in the order
/// of the keys, up to [`weak::MAX_PRIME_TESTS`]. Also returns the indexes of the keys that were not tested.
fn alone(keys: &[&PublicHalf], jobs: usize) -> (Vec<Vec<Weakness>>, Vec<usize>) {
    // A check that panicked gives no result; its key is judged by the rest.
    let first = each(jobs, keys, |public| weak::check_within(public, 0));
    let mut all: Vec<Checked> = first.into_iter().map(Option::unwrap_or_default).collect();
    let mut left = weak::MAX_PRIME_TESTS;
    let mut untested = Vec::new();
    let mut open: Vec<(&mut Checked, &PublicHalf)> = Vec::new();
    for (index, (checked, key)) in all.iter_mut().zip(keys.iter().copied()).enumerate() {
        if checked.left_out == 0 {
            continue;
        }
        match left.checked_sub(checked.left_out) {
            Some(rest) => {
                left = rest;
                open.push((checked, key));
            }
            None => untested.push(index),
        }
    }
    let again = each(jobs, &open, |(_, public)| weak::check(public));
    for ((checked, _), found) in open.into_iter().zip(again) {
        checked.weaknesses = found.unwrap_or_default();
    }
    (all.into_iter().map(|checked| checked.weaknesses).collect(), untested)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::weak::tests::usual_rsa;

    #[test]
    fn tests_for_primes_are_made_for_the_first_keys_only() {
        // Three times 2^4093 - i: at 4095 bits, a run makes at most 250 tests.
        let keys: Vec<_> = (0..300_u16)
            .map(|i| {
                let mut n = vec![0xff; 512];
                n.splice(509.., [[0xff].as_slice(), &(u16::MAX - 6 * i).to_be_bytes()].concat());
                usual_rsa(&n)
            })
            .collect();
        let keys: Vec<&PublicHalf> = keys.iter().collect();
        let (one, left_out) = alone(&keys, 1);
        let untested = |found: &Vec<Weakness>| {
            found.iter().any(|weakness| weakness.text.ends_with("a damaged copy of another key, or a weak key"))
        };
        let first = one.iter().position(untested).unwrap();
        assert!((250..260).contains(&first), "{first}");
        assert!(one.iter().skip(first).all(untested), "nothing is left out");
        assert_eq!(left_out, (first..300).collect::<Vec<usize>>());
        assert_eq!(alone(&keys, 2).0, one, "whatever the threads");
    }
}
