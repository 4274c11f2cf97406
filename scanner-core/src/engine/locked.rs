//! The locked containers of a run, each once and in bounded memory.
//!
//! Which ones are kept when there is too much does not depend on threads: the smallest.

use std::collections::BTreeMap;

use crate::material::Locked;

/// Most bytes of locked containers that a run keeps: some 25,000 of the usual size.
const MAX: usize = 64 << 20;

/// All that were seen.
#[derive(Debug, Default)]
pub(super) struct Shelf {
    /// By length, then content.
    kept: BTreeMap<(usize, [u8; 32]), Locked>,
    bytes: usize,
}

impl Shelf {
    /// Takes a container in. If there is one with the same content, `locked` becomes that one.
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
            largest.let_go("not kept: the locked containers of this run take more than 64 MiB");
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;

    #[test]
    fn the_smallest_are_kept_whatever_the_order() {
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
