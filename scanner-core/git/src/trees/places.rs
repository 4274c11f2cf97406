//! Finds the paths of hits below every tree that leads to one.
//!
//! A place is a hit and a path; it is kept once and has a number, however many trees contain it. A few kilobytes of
//! trees that contain each other name more paths than fit into memory, so there are limits: on the paths of one tree,
//! on the bytes of all paths, on the size of all sets of paths, and on the work to choose paths. Beyond the last three,
//! a tree keeps one known place for each hit, and the history is reported as incomplete.

use std::collections::{BTreeSet, HashMap};
use std::hash::{BuildHasher, RandomState};
use std::sync::Arc;

use super::super::keys::{KeyMap, KeySet};
use super::{Entry, NONE, Name, Names};

/// Maximum number of paths that are kept for one tree.
const MOST_PATHS: usize = 1000;

/// Maximum total length of all paths, in bytes.
const BYTES: usize = 24 << 20;

/// The overhead of a path, in bytes: two pointers, a number, an allocation.
const AROUND: usize = 96;

/// Maximum total length of all sets: 32 MiB of numbers.
const NUMBERS: usize = 8 << 20;

/// Maximum number of places that are compared to choose the paths of all trees: some seconds.
const WORK: usize = 100_000_000;

/// A place below some tree: the number of its hit, and its path.
pub(crate) type Place = (u32, Vec<u8>);

/// The places of hits below every tree that leads to one.
#[derive(Debug)]
pub(crate) struct Places {
    /// The set of each tree.
    of_tree: KeyMap<u32>,
    sets: Vec<Arc<[u32]>>,
    list: Vec<Arc<Place>>,
    /// Whether some trees have more places than their sets.
    pub(crate) left_out: bool,
}

impl Default for Places {
    fn default() -> Self {
        Self { of_tree: KeyMap::default(), sets: vec![Arc::default()], list: Vec::new(), left_out: false }
    }
}

impl Places {
    /// The set of a tree: equal numbers mean equal sets, and 0 is the empty set.
    pub(crate) fn set(&self, tree: u64) -> u32 {
        self.of_tree.get(&tree).copied().unwrap_or(0)
    }

    /// The numbers of the places in a set, ascending.
    pub(crate) fn numbers(&self, set: u32) -> &[u32] {
        self.sets.get(set as usize).map(AsRef::as_ref).unwrap_or_default()
    }

    /// The place with this number.
    pub(crate) fn place(&self, number: u32) -> Option<&Place> {
        self.list.get(number as usize).map(AsRef::as_ref)
    }
}

/// Finds the places below all trees by the entries that lead to a hit, the innermost trees first.
pub(super) fn name(by_tree: &KeyMap<&[Entry]>, names: &Names, hits: &KeyMap<u32>) -> Places {
    let mut naming = Naming {
        names,
        places: Places::default(),
        numbers: HashMap::new(),
        sets: HashMap::new(),
        of_hit: HashMap::new(),
        bytes: BYTES,
        ids: NUMBERS,
        work: WORK,
    };
    // Most trees differ from others in nothing that matters here: what is below each name decides. Two hashes with
    // random keys identify it.
    let mut known: HashMap<(u64, u64), u32> = HashMap::new();
    let hashes = (RandomState::new(), RandomState::new());
    let mut trees: Vec<u64> = by_tree.keys().copied().collect();
    trees.sort_unstable();
    let mut entered = KeySet::default();
    let mut stack: Vec<u64> = Vec::new();
    for start in trees {
        stack.push(start);
        while let Some(&tree) = stack.last() {
            let entries = by_tree.get(&tree).copied().unwrap_or_default();
            let of_tree = &naming.places.of_tree;
            if entered.insert(tree) {
                let unknown = |key: &u64| by_tree.contains_key(key) && !of_tree.contains_key(key);
                let mut next: Vec<u64> = entries.iter().map(|(_, key)| *key).filter(unknown).collect();
                // Sorted, because threads read trees in any order.
                next.sort_unstable();
                next.dedup();
                stack.append(&mut next);
                continue;
            }
            stack.pop();
            if of_tree.contains_key(&tree) {
                continue;
            }
            // Name, hit, and set below; only one of the last two is present.
            let mut below: Vec<Below> = entries
                .iter()
                .map(|(name, key)| (*name, hits.get(key).copied().unwrap_or(NONE), naming.places.set(*key)))
                .collect();
            below.sort_unstable_by_key(|(name, hit, set)| (names.get(*name), *hit, *set));
            below.dedup();
            let key = (hashes.0.hash_one(&below), hashes.1.hash_one(&below));
            let set = match known.get(&key) {
                Some(set) => *set,
                None => naming.set(&below),
            };
            known.insert(key, set);
            naming.places.of_tree.insert(tree, set);
        }
    }
    naming.places
}

/// An entry: its name, and the hit or set that it leads to.
type Below = (Name, u32, u32);

struct Naming<'a> {
    names: &'a Names,
    places: Places,
    numbers: HashMap<Arc<Place>, u32>,
    sets: HashMap<Arc<[u32]>, u32>,
    /// The first numbered place of each hit.
    of_hit: HashMap<u32, u32>,
    /// What is left of the limits on bytes of paths, numbers in sets, and comparisons.
    bytes: usize,
    ids: usize,
    work: usize,
}

impl Naming<'_> {
    /// The set of a tree with these entries.
    fn set(&mut self, below: &[Below]) -> u32 {
        let mut numbers = if self.bytes == 0 || self.ids == 0 || self.work == 0 {
            self.places.left_out = true;
            self.one_of_each_hit(below)
        } else {
            self.paths(below)
        };
        numbers.sort_unstable();
        numbers.dedup();
        let numbers: Arc<[u32]> = numbers.into();
        if let Some(set) = self.sets.get(&numbers) {
            return *set;
        }
        if numbers.is_empty() {
            return 0;
        }
        self.ids = self.ids.saturating_sub(numbers.len());
        let set = self.places.sets.len() as u32;
        self.places.sets.push(Arc::clone(&numbers));
        self.sets.insert(numbers, set);
        set
    }

    /// The numbers of the first places below, in the order of hits and paths.
    fn paths(&mut self, below: &[Below]) -> Vec<u32> {
        let mut first: BTreeSet<Place> = BTreeSet::new();
        for (name, hit, deeper) in below {
            let name = self.names.get(*name);
            if *hit != NONE {
                offer(&mut first, *hit, name, None);
            }
            let deeper = self.places.numbers(*deeper);
            self.work = self.work.saturating_sub(1 + deeper.len());
            for place in deeper.iter().filter_map(|number| self.places.place(*number)) {
                offer(&mut first, place.0, name, Some(&place.1));
            }
        }
        first.into_iter().map(|place| self.number(place)).collect()
    }

    fn number(&mut self, place: Place) -> u32 {
        if let Some(number) = self.numbers.get(&place) {
            return *number;
        }
        let (hit, number) = (place.0, self.places.list.len() as u32);
        self.bytes = self.bytes.saturating_sub(place.1.len() + AROUND);
        let place = Arc::new(place);
        self.places.list.push(Arc::clone(&place));
        self.numbers.insert(place, number);
        self.of_hit.entry(hit).or_insert(number);
        number
    }

    /// A known place for each hit below, or a new one. Of each set below only a few places are considered.
    fn one_of_each_hit(&mut self, below: &[Below]) -> Vec<u32> {
        let mut hits: BTreeSet<u32> = BTreeSet::new();
        let mut seen: BTreeSet<u32> = BTreeSet::new();
        let mut numbers = Vec::new();
        for (name, hit, deeper) in below.iter().take(MOST_PATHS) {
            if *hit != NONE && hits.insert(*hit) {
                let known = self.of_hit.get(hit).copied();
                numbers.push(known.unwrap_or_else(|| self.number((*hit, self.names.get(*name).to_vec()))));
            }
            if seen.insert(*deeper) {
                let deeper = self.places.numbers(*deeper).iter().take(super::FEW);
                let those = deeper.filter_map(|number| self.places.place(*number)).map(|place| place.0);
                numbers.extend(those.filter(|hit| hits.insert(*hit)).filter_map(|hit| self.of_hit.get(&hit)));
            }
        }
        numbers
    }
}

/// Adds a place if it is among the first [`MOST_PATHS`].
fn offer(first: &mut BTreeSet<Place>, hit: u32, name: &[u8], path: Option<&[u8]>) {
    let (parted, behind): (&[u8], &[u8]) = path.map_or((&[], &[]), |path| (b"/", path));
    let whole = || name.iter().chain(parted).chain(behind).copied();
    if first.len() >= MOST_PATHS
        && first.last().is_some_and(|last| hit.cmp(&last.0).then_with(|| whole().cmp(last.1.iter().copied())).is_ge())
    {
        return;
    }
    first.insert((hit, whole().collect()));
    if first.len() > MOST_PATHS {
        first.pop_last();
    }
}
