//! The entries of a pack and their bases: a forest, whose trees are the units of work.

use super::pack::{MISSING_BASE, Pack, Pages, Stored};
use keyradius_core::error::Malformed;
use keyradius_core::oid::{Kind, ObjectId};

/// Stands for no entry.
const NONE: u32 = u32::MAX;

/// The entries of a pack in the order of their offsets, and their deltas. About 37 bytes per entry.
#[derive(Debug)]
pub(crate) struct Forest {
    /// Offset of each entry.
    offsets: Vec<u64>,
    /// Position of each entry in the index.
    positions: Vec<u32>,
    /// The offset after the last entry.
    end: u64,
    /// The object kind of each entry, found through its bases; 0 if unknown.
    kinds: Vec<u8>,
    /// `children[starts[e]..starts[e + 1]]` are the entries whose base is `e`, the lightest first.
    starts: Vec<u32>,
    children: Vec<u32>,
    /// Bytes to inflate for an entry and all its descendants.
    weights: Vec<u64>,
    /// Entries that are not deltas.
    roots: Vec<u32>,
    /// Entries that cannot be read at all, and why.
    pub(crate) faults: Vec<(u32, Malformed)>,
}

impl Forest {
    /// Reads the header of every entry listed by the index of a pack.
    pub(crate) fn of(pack: &Pack) -> Self {
        let mut order: Vec<(u64, u32)> = pack.index.offsets().into_iter().zip(0..).collect();
        order.sort_unstable();
        let offsets = order.iter().map(|(offset, _)| *offset).collect();
        let positions = order.iter().map(|(_, position)| *position).collect();
        drop(order);
        Self::new(pack, offsets, positions, &mut |_, _| false)
    }

    /// Reads the header of every entry at one of these sorted offsets. Deltas whose base is given by object id are
    /// passed to `named`, because it is not yet known which entry has that id.
    pub(crate) fn at(pack: &Pack, offsets: Vec<u64>, named: &mut dyn FnMut(u32, ObjectId)) -> Self {
        let positions = (0..offsets.len() as u32).collect();
        let mut take = |entry, id| {
            named(entry, id);
            true
        };
        Self::new(pack, offsets, positions, &mut take)
    }

    fn new(pack: &Pack, offsets: Vec<u64>, positions: Vec<u32>, named: &mut dyn FnMut(u32, ObjectId) -> bool) -> Self {
        let count = offsets.len();
        let mut forest = Self {
            offsets,
            positions,
            end: pack.end(),
            kinds: vec![0; count],
            starts: Vec::new(),
            children: Vec::new(),
            weights: vec![0; count],
            roots: Vec::new(),
            faults: Vec::new(),
        };
        let (bases, adopted) = forest.read_headers(pack, named);
        forest.link(&bases, adopted);
        forest
    }

    /// Sets the kinds of roots and the weight of each entry itself. Returns the base of each entry, and how many
    /// entries `named` took.
    fn read_headers(&mut self, pack: &Pack, named: &mut dyn FnMut(u32, ObjectId) -> bool) -> (Vec<u32>, usize) {
        let mut bases = vec![NONE; self.offsets.len()];
        let by_position = |positions: &[u32]| {
            let mut entries = vec![NONE; positions.len()];
            for (entry, position) in positions.iter().enumerate() {
                if let Some(to) = entries.get_mut(*position as usize) {
                    *to = entry as u32;
                }
            }
            entries
        };
        // Only needed for packs whose deltas name their bases by id.
        let mut entries: Option<Vec<u32>> = None;
        let mut pages = Pages::new(pack);
        let mut adopted = 0;
        let parts = self.offsets.iter().zip(&mut bases).zip(self.kinds.iter_mut().zip(&mut self.weights));
        for (number, ((&offset, base), (kind, weight))) in parts.enumerate() {
            let number = number as u32;
            let header = match pages.entry(offset) {
                Ok(header) => header,
                Err(what) => {
                    self.faults.push((number, what));
                    continue;
                }
            };
            // The cost of an entry beyond its bytes: the lookup, starting the decompressor.
            *weight = header.size.saturating_add(256).min(1 << 40);
            let found = match header.stored {
                Stored::Whole(whole) => {
                    *kind = whole as u8;
                    self.roots.push(number);
                    continue;
                }
                Stored::DeltaAt(at) => self.offsets.binary_search(&at).ok().map(|entry| entry as u32),
                Stored::DeltaOf(id) => {
                    if named(number, id) {
                        adopted += 1;
                        continue;
                    }
                    pack.index.find(&id).and_then(|position| {
                        entries.get_or_insert_with(|| by_position(&self.positions)).get(position as usize).copied()
                    })
                }
            };
            match found {
                Some(entry) if entry != number => *base = entry,
                _ => self.faults.push((number, Malformed::new(MISSING_BASE, offset as usize))),
            }
        }
        (bases, adopted)
    }

    /// Builds the lists of children, and passes kinds down and weights up.
    fn link(&mut self, bases: &[u32], adopted: usize) {
        let count = bases.len();
        let mut starts = vec![0_u32; count + 2];
        for base in bases.iter().filter(|base| **base != NONE) {
            if let Some(start) = starts.get_mut(*base as usize + 2) {
                *start += 1;
            }
        }
        let mut sum = 0;
        for start in &mut starts {
            sum += *start;
            *start = sum;
        }
        self.children = vec![NONE; sum as usize];
        for (entry, base) in bases.iter().enumerate().filter(|(_, base)| **base != NONE) {
            if let Some(start) = starts.get_mut(*base as usize + 1)
                && let Some(child) = self.children.get_mut(*start as usize)
            {
                *child = entry as u32;
                *start += 1;
            }
        }
        starts.pop();
        self.starts = starts;

        // Starts from the roots, so that cycles are never reached.
        let mut order: Vec<u32> = self.roots.clone();
        let mut next = 0;
        while let Some(&entry) = order.get(next) {
            next += 1;
            let kind = self.kind_number(entry);
            let range = self.child_range(entry);
            for &child in self.children.get(range).unwrap_or_default() {
                if let Some(to) = self.kinds.get_mut(child as usize) {
                    *to = kind;
                }
                order.push(child);
            }
        }
        for &entry in order.iter().rev() {
            let weight = self.weight(entry);
            let base = bases.get(entry as usize).copied().unwrap_or(NONE);
            if let Some(to) = self.weights.get_mut(base as usize) {
                *to = to.saturating_add(weight);
            }
        }
        if adopted == 0 && order.len() + self.faults.len() < count {
            let circle = Malformed::new("its base is damaged, or its deltas form a cycle", 0);
            let known: std::collections::BTreeSet<u32> = self.faults.iter().map(|(entry, _)| *entry).collect();
            let lost = (0..count as u32).filter(|entry| self.kind_number(*entry) == 0 && !known.contains(entry));
            self.faults.extend(lost.map(|entry| (entry, circle)).collect::<Vec<_>>());
        }
        // The lightest first: the base of the last child is dropped before that child's own children are built, so that
        // at most log2(n) bases are held at a time.
        let weights = std::mem::take(&mut self.weights);
        for entry in 0..count as u32 {
            let range = self.child_range(entry);
            if range.len() > 1
                && let Some(children) = self.children.get_mut(range)
            {
                children.sort_unstable_by_key(|child| (weights.get(*child as usize).copied(), *child));
            }
        }
        self.weights = weights;
    }

    /// The number of entries.
    pub(crate) const fn len(&self) -> usize {
        self.offsets.len()
    }

    /// Offset of an entry.
    pub(crate) fn offset(&self, entry: u32) -> u64 {
        self.offsets.get(entry as usize).copied().unwrap_or(u64::MAX)
    }

    /// Whether an entry begins at an offset.
    pub(crate) fn has(&self, offset: u64) -> bool {
        self.offsets.binary_search(&offset).is_ok()
    }

    /// The offset of what follows an entry: the next entry, or the trailing checksum.
    pub(crate) fn end(&self, entry: u32) -> u64 {
        let own = self.offset(entry);
        let behind = self.offsets.get(entry as usize + 1..).unwrap_or_default();
        // In a damaged index two names may share one entry.
        behind.iter().copied().find(|offset| *offset > own).unwrap_or(self.end).min(self.end)
    }

    /// Position of an entry in the index.
    pub(crate) fn position(&self, entry: u32) -> u32 {
        self.positions.get(entry as usize).copied().unwrap_or(NONE)
    }

    /// The object kind of an entry, if known.
    pub(crate) fn kind(&self, entry: u32) -> Option<Kind> {
        [Kind::Commit, Kind::Tree, Kind::Blob, Kind::Tag]
            .into_iter()
            .find(|kind| *kind as u8 == self.kind_number(entry))
    }

    fn kind_number(&self, entry: u32) -> u8 {
        self.kinds.get(entry as usize).copied().unwrap_or(0)
    }

    /// Entries whose base is this entry, the lightest first.
    pub(crate) fn children(&self, entry: u32) -> &[u32] {
        self.children.get(self.child_range(entry)).unwrap_or_default()
    }

    fn child_range(&self, entry: u32) -> std::ops::Range<usize> {
        let at = |entry: usize| self.starts.get(entry).copied().unwrap_or_default() as usize;
        at(entry as usize)..at(entry as usize + 1)
    }

    fn weight(&self, entry: u32) -> u64 {
        self.weights.get(entry as usize).copied().unwrap_or(0)
    }

    /// All descendants of an entry, itself included.
    pub(crate) fn descendants(&self, entry: u32) -> Vec<u32> {
        let mut all = vec![entry];
        let mut next = 0;
        while let Some(&entry) = all.get(next) {
            next += 1;
            all.extend_from_slice(self.children(entry));
        }
        all
    }

    /// The roots of these kinds, the heaviest first, so that no thread is left with a large tree at the end.
    pub(crate) fn roots(&self, kinds: &[Kind]) -> Vec<u32> {
        let mut roots: Vec<u32> = self
            .roots
            .iter()
            .copied()
            .filter(|root| self.kind(*root).is_some_and(|kind| kinds.contains(&kind)))
            .collect();
        roots.sort_by_key(|root| std::cmp::Reverse(self.weight(*root)));
        roots
    }

    /// Keeps only the entries that `keep` selects, and their bases.
    pub(crate) fn prune(&mut self, keep: &dyn Fn(u32) -> bool) {
        let mut needed = vec![false; self.len()];
        let mut stack: Vec<(u32, bool)> = self.roots.iter().map(|root| (*root, false)).collect();
        while let Some((entry, seen)) = stack.pop() {
            if !seen {
                stack.push((entry, true));
                stack.extend(self.children(entry).iter().map(|child| (*child, false)));
                continue;
            }
            let need =
                keep(entry) || self.children(entry).iter().any(|child| needed.get(*child as usize) == Some(&true));
            if let Some(to) = needed.get_mut(entry as usize) {
                *to = need;
            }
        }
        let is_needed = |entry: &u32| needed.get(*entry as usize) == Some(&true);
        self.roots.retain(is_needed);
        let mut children = Vec::new();
        let mut starts = Vec::with_capacity(self.starts.len());
        for entry in 0..self.len() as u32 {
            starts.push(children.len() as u32);
            children.extend(self.children(entry).iter().copied().filter(is_needed));
        }
        starts.push(children.len() as u32);
        self.starts = starts;
        self.children = children;
    }
}

#[cfg(test)]
mod tests {
    use super::super::made::{self, FORMATS, Folder, Op, PackWriter, noise};
    use super::*;
    use keyradius_core::oid::{Format, ObjectId};

    fn forest(made: &PackWriter) -> Forest {
        let folder = Folder::new();
        Forest::of(&Pack::open(&made.write(&folder), made.format, &std::sync::Arc::default()).expect("a pack"))
    }

    /// A delta for a base of one byte that inflates to about `bytes` bytes.
    fn heavy(bytes: usize) -> Vec<u8> {
        made::delta(1, &[Op::Copy(0, 1), Op::Insert(&noise(bytes as u64, bytes))])
    }

    fn name(format: Format, n: u8) -> ObjectId {
        ObjectId::of(format, Kind::Blob, &[n])
    }

    /// Entries: 0 a light tree; 1 a blob with children 2, 3 and 4, of which 3 is the base of 5; 6 a commit.
    fn family(format: Format) -> PackWriter {
        let mut made = PackWriter::new(format);
        made.whole(Kind::Tree, b"");
        let (root, at) = made.whole(Kind::Blob, b"r");
        made.delta_at(name(format, 2), at, &heavy(3000));
        let third = made.delta_of(name(format, 3), &root, &heavy(10));
        made.delta_at(name(format, 4), at, &heavy(2000));
        made.delta_at(name(format, 5), third, &heavy(5000));
        made.whole(Kind::Commit, b"c");
        made
    }

    #[test]
    fn entries_have_their_children_and_weights() {
        for format in FORMATS {
            let forest = forest(&family(format));
            assert_eq!(forest.faults, []);
            assert_eq!(forest.len(), 7);
            let kinds: Vec<_> = (0..8).map(|entry| forest.kind(entry)).collect();
            let [tree, blob, commit] = [Kind::Tree, Kind::Blob, Kind::Commit].map(Some);
            assert_eq!(kinds, [tree, blob, blob, blob, blob, blob, commit, None]);
            assert_eq!(forest.children(1), [4, 2, 3], "the lightest first, descendants included");
            assert_eq!(forest.children(3), [5]);
            assert!([0, 2, 4, 5, 6, 7].iter().all(|entry| forest.children(*entry).is_empty()));
            assert_eq!(forest.descendants(1), [1, 4, 2, 3, 5]);
            assert_eq!(forest.descendants(3), [3, 5]);
            assert_eq!(forest.roots(&[Kind::Tree, Kind::Blob, Kind::Commit]), [1, 6, 0], "the heaviest first");
            assert_eq!(forest.roots(&[Kind::Commit]), [6]);
            assert!(forest.roots(&[Kind::Tag]).is_empty());
            let own = |entry: u32| {
                forest.weight(entry) - forest.children(entry).iter().map(|c| forest.weight(*c)).sum::<u64>()
            };
            assert_eq!([own(0), own(6)], [256, 257], "the bytes, and the fixed cost of an entry");
            assert!((5256..5400).contains(&own(5)) && (256..300).contains(&own(3)));
            let sorted = (0..7).all(|entry| entry == 0 || forest.offset(entry - 1) < forest.offset(entry));
            assert!(sorted && forest.offset(0) == 12 && forest.offset(7) == u64::MAX);
        }
    }

    #[test]
    fn pruning_keeps_wanted_entries_and_their_bases() {
        for (keep, roots, of_one, of_three) in [
            (vec![5], vec![1], vec![3], vec![5]),
            (vec![3], vec![1], vec![3], vec![]),
            (vec![1, 0], vec![1, 0], vec![], vec![]),
            (vec![2, 4, 6], vec![1, 6], vec![4, 2], vec![]),
            (vec![], vec![], vec![], vec![]),
        ] {
            let mut forest = forest(&family(Format::Sha1));
            forest.prune(&|entry| keep.contains(&entry));
            assert_eq!(forest.roots(&[Kind::Tree, Kind::Blob, Kind::Commit]), roots, "{keep:?}");
            if roots.contains(&1) {
                assert_eq!(forest.children(1), of_one, "{keep:?}");
                assert_eq!(forest.children(3), of_three, "{keep:?}");
            }
        }
    }

    #[test]
    fn every_entry_without_a_base_is_one_fault() {
        let format = Format::Sha1;
        let mut made = PackWriter::new(format);
        let (_, root) = made.whole(Kind::Blob, b"r");
        made.delta_of(name(format, 1), &name(format, 2), &heavy(1));
        made.delta_of(name(format, 2), &name(format, 1), &heavy(1));
        made.delta_of(name(format, 3), &name(format, 2), &heavy(1));
        made.delta_of(name(format, 4), &name(format, 4), &heavy(1));
        made.delta_of(name(format, 5), &name(format, 99), &heavy(1));
        made.delta_at(name(format, 6), root + 1, &heavy(1));
        let bad = made.raw(name(format, 7), &[0x05; 4]);
        made.delta_at(name(format, 8), bad, &heavy(1));
        made.delta_at(name(format, 9), root, &heavy(1));
        let forest = forest(&made);
        let mut faults: Vec<_> = forest.faults.iter().map(|(entry, what)| (*entry, what.what)).collect();
        faults.sort_unstable();
        let circle = "its base is damaged, or its deltas form a cycle";
        let expected = [
            (1, circle),
            (2, circle),
            (3, circle),
            (4, MISSING_BASE),
            (5, MISSING_BASE),
            (6, MISSING_BASE),
            (7, "entry type"),
            (8, circle),
        ];
        assert_eq!(faults, expected);
        assert!((1..9).all(|entry| forest.kind(entry).is_none()));
        assert_eq!((forest.kind(9), forest.children(0)), (Some(Kind::Blob), &[9][..]));
    }
}
