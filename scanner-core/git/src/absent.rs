//! Counts the objects that a partial clone left on its server.

use super::forest::Forest;
use super::keys::KeySet;
use super::odb::Odb;
use super::trees::{Seen, ascends, entries, gained};
use super::walk::{Change, Visitor, walk};
use keyradius_core::oid::Kind;

/// The number of objects that trees name and that are not stored here; submodules do not count.
pub(crate) fn absent(odb: &Odb, jobs: usize) -> usize {
    let mut absent = KeySet::default();
    let hash = odb.format.bytes();
    for directory in &odb.directories {
        for pack in &directory.packs {
            let forest = Forest::of(pack);
            let named = || Named { hash, seen: KeySet::default(), window: Vec::new() };
            for part in walk(pack, &forest, &[Kind::Tree], jobs, &named) {
                absent.extend(part.seen);
            }
        }
        for id in &directory.loose {
            if let Ok((Kind::Tree, bytes)) = odb.read(id) {
                let mut named = Named { hash, seen: KeySet::default(), window: Vec::new() };
                named.whole(0, Kind::Tree, &bytes);
                absent.extend(named.seen);
            }
        }
    }
    absent.retain(|key| odb.by_key(*key).is_none());
    absent.len()
}

/// Objects named by trees.
struct Named {
    hash: usize,
    seen: KeySet,
    window: Vec<u8>,
}

impl Visitor for Named {
    fn whole(&mut self, _: u32, _: Kind, bytes: &[u8]) -> bool {
        let seen = &mut self.seen;
        entries(bytes, self.hash, &mut |entry| keep(entry, seen));
        true
    }
    fn change(&mut self, _: u32, _: Kind, change: Change<'_>) -> bool {
        let seen = &mut self.seen;
        let ascends = ascends(change);
        if ascends {
            gained(change, &mut self.window, self.hash, &mut |entry| keep(entry, seen));
        }
        ascends
    }
}

fn keep(entry: &Seen<'_>, seen: &mut KeySet) {
    if !entry.is_submodule {
        seen.insert(entry.key);
    }
}
