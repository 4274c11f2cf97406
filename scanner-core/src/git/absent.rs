//! What a partial clone left on its server.

use std::collections::HashSet;

use super::forest::Forest;
use super::odb::Odb;
use super::oid::{Format, Kind, ObjectId};
use super::walk::{Change, Visitor, walk};
use crate::error::Malformed;

/// Every object that a tree names and that is not stored here; submodules are not meant to be.
pub(crate) fn absent(odb: &Odb, jobs: usize) -> HashSet<ObjectId> {
    let mut absent = HashSet::new();
    for directory in &odb.directories {
        for pack in &directory.packs {
            let forest = Forest::of(pack);
            let named = || Named { format: odb.format, seen: HashSet::new() };
            for part in walk(pack, &forest, &[Kind::Tree], jobs, &named) {
                absent.extend(part.seen.into_iter().filter(|id| !odb.has(id)));
            }
        }
        for id in &directory.loose {
            if let Ok((Kind::Tree, bytes)) = odb.read(id) {
                let mut named = Named { format: odb.format, seen: HashSet::new() };
                named.tree(&bytes);
                absent.extend(named.seen.into_iter().filter(|id| !odb.has(id)));
            }
        }
    }
    absent
}

/// Objects that trees name.
struct Named {
    format: Format,
    seen: HashSet<ObjectId>,
}

impl Named {
    fn tree(&mut self, bytes: &[u8]) {
        let mut rest = bytes;
        while let Some(zero) = memchr::memchr(0, rest) {
            let (head, tail) = rest.split_at(zero + 1);
            let Some((raw, next)) = tail.split_at_checked(self.format.bytes()) else { break };
            if !head.starts_with(b"160000 ") {
                self.seen.extend(ObjectId::new(self.format, raw));
            }
            rest = next;
        }
    }
}

impl Visitor for Named {
    fn whole(&mut self, _: u32, _: Kind, bytes: &[u8]) -> bool {
        self.tree(bytes);
        false
    }
    fn change(&mut self, _: u32, _: Kind, _: Change<'_>) -> bool {
        false
    }
    fn stream(&mut self, _: u32, _: Kind, _: u64, _: &mut dyn std::io::Read) {}
    fn damaged(&mut self, _: u32, _: Malformed) {}
    fn stop(&self) -> bool {
        false
    }
    fn take_wipe(&mut self) -> bool {
        false
    }
}
