//! What arithmetic says of every public half of an estate. Apart from the judgement, because it takes time and threads.

use std::collections::BTreeMap;

use scanner_core::engine::each;
use scanner_core::material::PublicHalf;

use super::estate::{Estate, KeyGroup, KeyName};
use crate::weak::{self, Weakness};

/// Weaknesses by key, for those that have any; worst first.
pub type Weaknesses = BTreeMap<KeyName, Vec<Weakness>>;

/// Checks every key of the run, one by one on up to `jobs` threads and all together.
pub fn survey(estate: &Estate, jobs: usize) -> Weaknesses {
    let groups = estate.keys.iter().chain(&estate.public);
    let keys: Vec<(&KeyGroup, &PublicHalf)> =
        groups.filter_map(|group| Some((group, group.public.as_ref()?))).collect();
    let mut all = Weaknesses::new();
    for ((group, _), found) in keys.iter().zip(each(jobs, &keys, |(_, public)| weak::check(public))) {
        // A check that panicked says nothing; its key is judged by the rest.
        let found = found.unwrap_or_default();
        if !found.is_empty() {
            all.insert(group.name, found);
        }
    }
    let halves: Vec<&PublicHalf> = keys.iter().map(|(_, public)| *public).collect();
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
    all
}
