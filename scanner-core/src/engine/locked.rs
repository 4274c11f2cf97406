//! The locked containers of a run, each kept once, in bounded memory.
//!
//! If there are too many, the smallest are kept, whatever the number of threads.

use std::collections::BTreeMap;

use crate::material::Locked;

/// Maximum number of bytes of locked containers that a run keeps: about 25,000 of usual size.
const MAX: usize = 64 << 20;

/// The locked containers that a run keeps.
#[derive(Debug, Default)]
pub(super) struct Shelf {
    /// By length, then by id.
    kept: BTreeMap<(usize, [u8; 32]), Locked>,
    bytes: usize,
}

impl Shelf {
    /// Keeps a container. If one with the same content is kept already, `locked` becomes a handle to that one.
    pub(super) fn keep(&mut self, locked: &mut Locked) {
        if locked.unread().is_some() {
            return;
        }
        let name = (locked.length(), locked.id());
        if let Some(known) = self.kept.get(&name) {
            *locked = known.clone();
            return;
        }
        self.bytes += locked.length();
        self.kept.insert(name, locked.clone());
        while self.bytes > MAX {
            let Some((_, largest)) = self.kept.pop_last() else { return };
            self.bytes -= largest.length();
            largest.let_go("not kept: the locked containers of this run exceed 64 MiB");
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;

    #[test]
    fn the_smallest_containers_are_kept_in_any_order() {
        let sizes: Vec<usize> = (0..120).map(|n| (n * 37 % 120) * 9000 + 1).collect();
        let kept = |sizes: &mut dyn Iterator<Item = &usize>| {
            let mut shelf = Shelf::default();
            let mut all: Vec<Locked> = sizes.map(|&size| Locked::new(&vec![7; size])).collect();
            for locked in &mut all {
                shelf.keep(locked);
            }
            let mut kept: Vec<usize> = all.iter().filter_map(Locked::bytes).map(|bytes| bytes.len()).collect();
            kept.sort_unstable();
            kept
        };
        let one = kept(&mut sizes.iter());
        assert!((100..120).contains(&one.len()) && one.iter().sum::<usize>() <= MAX, "{}", one.len());
        assert_eq!(one, kept(&mut sizes.iter().rev()));
    }

    #[test]
    fn the_same_content_is_kept_once() {
        let mut shelf = Shelf::default();
        let mut copies: Vec<Locked> = (0..1000).map(|_| Locked::new(&vec![7; 1 << 20])).collect();
        for copy in &mut copies {
            shelf.keep(copy);
        }
        assert_eq!((shelf.kept.len(), shelf.bytes), (1, 1 << 20));
        let bytes = copies[0].bytes().expect("kept");
        assert!(copies.iter().filter_map(Locked::bytes).all(|copy| Arc::ptr_eq(&copy, &bytes)));
    }
}
