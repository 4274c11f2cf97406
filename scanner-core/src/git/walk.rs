//! Walks the objects of a pack, bases first: each entry is inflated once, whatever is built on it.
//!
//! What is held is bounded ([`Bounds`]): beyond that the base that is needed last is dropped, and built again when its turn
//! comes. What is done is bounded too, since a pack of a megabyte can describe more than any machine builds in a year.

use std::io::{self, Read};
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

use super::bounds::{Bounds, Metered, spend};
use super::delta::{Delta, Piece};
use super::forest::Forest;
use super::inflate::Inflater;
use super::oid::Kind;
use super::pack::{Pack, Pages};
use crate::error::Malformed;

/// Objects beyond this size that nothing is built on are not held whole at all, in bytes.
pub(crate) const STREAMED: u64 = (crate::source::stream::CORE + crate::source::stream::AHEAD) as u64;

/// Said of objects that would need more memory than a run may use.
pub(crate) const TOO_LARGE: &str = "needs more memory than --max-held allows";

/// Trees of deltas that a thread takes at a time, once the great ones are gone.
const BATCH: usize = 16;

/// How many deltas deep. git makes 50, and 4,095 if it is told to.
const DEEPEST: usize = 1 << 16;

/// Buffers that a thread keeps for the next object.
const SPARE: usize = 8;

/// What an entry costs beyond its bytes, in bytes.
const EACH: u64 = 256;

/// An object that is a delta, before it is built.
#[derive(Clone, Copy)]
pub(crate) struct Change<'a> {
    /// The entry that it is built on.
    pub(crate) on: u32,
    pub(crate) base: &'a [u8],
    pub(crate) delta: &'a [u8],
    pub(crate) pieces: &'a Delta,
}

/// What a walk is for. One visitor for each thread.
pub(crate) trait Visitor: Send {
    /// An object that is held whole. Returns whether it is clean: then what is built on it comes to
    /// [`Visitor::change`] first.
    fn whole(&mut self, entry: u32, kind: Kind, bytes: &[u8]) -> bool;
    /// An object on a clean base, not built yet. Returns whether it is clean too; if not, it is built and comes to
    /// [`Visitor::whole`].
    fn change(&mut self, entry: u32, kind: Kind, change: Change<'_>) -> bool;
    /// Whether large objects that nothing is built on come to [`Visitor::stream`].
    fn streams(&self) -> bool {
        false
    }
    /// An object too large to be held whole.
    fn stream(&mut self, _entry: u32, _kind: Kind, _size: u64, _bytes: &mut dyn Read) {}
    /// An entry that could not be read. Only the visitor that looks for keys tells of it; one telling is enough.
    fn damaged(&mut self, _entry: u32, _what: Malformed) {}
    /// Bytes between two offsets that belong to no object that could be read.
    fn stray(&mut self, _from: u64, _to: u64) {}
    /// More entries that are built on one, beyond those that the forest knows of. Asked after [`Visitor::whole`].
    fn adopts(&mut self, _entry: u32) -> Vec<u32> {
        Vec::new()
    }
    /// The pack costs more work than it may: not everything was visited.
    fn exhausted(&mut self) {}
    /// Whether to stop.
    fn stop(&self) -> bool {
        false
    }
    /// Whether a private key was found since this was last asked: then the buffers are wiped.
    fn take_wipe(&mut self) -> bool {
        false
    }
}

/// Walks every tree of these kinds on up to `jobs` threads of the pool that this is called in. Returns the visitors.
pub(crate) fn walk<V: Visitor>(
    pack: &Pack,
    forest: &Forest,
    kinds: &[Kind],
    jobs: usize,
    visitor: &(dyn Fn() -> V + Sync),
) -> Vec<V> {
    let roots = forest.roots(kinds);
    let next = AtomicUsize::new(0);
    let done = Mutex::new(Vec::new());
    let left = AtomicU64::new(pack.bounds.work(pack.size()));
    let work = || {
        let mut walker = Walker::new(pack, forest, &left, visitor());
        loop {
            // Great trees one by one, small ones by the batch.
            let at = next.load(Ordering::Relaxed);
            let take = if at * 4 < roots.len() { 1 } else { BATCH };
            let at = next.fetch_add(take, Ordering::Relaxed);
            let Some(batch) = roots.get(at..roots.len().min(at + take)).filter(|batch| !batch.is_empty()) else {
                break;
            };
            for &root in batch {
                if walker.is_over() {
                    break;
                }
                walker.tree(root);
                walker.tidy();
            }
        }
        if walker.exhausted {
            walker.visitor.exhausted();
        }
        done.lock().unwrap_or_else(PoisonError::into_inner).push(walker.visitor);
    };
    if jobs > 1 && roots.len() > 1 {
        rayon::scope(|scope| (0..jobs.min(roots.len())).for_each(|_| scope.spawn(|_| work())));
    } else {
        work();
    }
    done.into_inner().unwrap_or_else(PoisonError::into_inner)
}

/// One thread's part of a walk.
struct Walker<'a, V> {
    forest: &'a Forest,
    bounds: &'a Bounds,
    pages: Pages<'a>,
    inflater: Inflater,
    pieces: Delta,
    delta: Vec<u8>,
    /// Buffers not in use.
    spare: Vec<Vec<u8>>,
    /// From the root to the object whose children are visited.
    path: Vec<Held>,
    /// Bytes of the objects in use.
    used: u64,
    turn: Option<MutexGuard<'a, ()>>,
    /// Work that is left for the pack.
    left: &'a AtomicU64,
    exhausted: bool,
    visitor: V,
}

/// An object some of whose children are still to come, or are being visited.
struct Held {
    entry: u32,
    /// `None` if they are not needed any more, or were dropped to be built again.
    bytes: Option<Vec<u8>>,
    clean: bool,
    adopted: Vec<u32>,
    /// How many of the children were visited.
    visited: usize,
}

impl<'a, V: Visitor> Walker<'a, V> {
    fn new(pack: &'a Pack, forest: &'a Forest, left: &'a AtomicU64, visitor: V) -> Self {
        Self {
            forest,
            bounds: &pack.bounds,
            pages: Pages::new(pack),
            inflater: Inflater::default(),
            pieces: Delta::default(),
            delta: Vec::new(),
            spare: Vec::new(),
            path: Vec::new(),
            used: 0,
            turn: None,
            left,
            exhausted: false,
            visitor,
        }
    }

    fn is_over(&mut self) -> bool {
        self.exhausted |= self.left.load(Ordering::Relaxed) == 0;
        self.exhausted || self.visitor.stop()
    }

    /// Counts work.
    fn spend(&self, bytes: u64) {
        spend(self.left, bytes.saturating_add(EACH));
    }

    fn tree(&mut self, root: u32) {
        let Some(kind) = self.forest.kind(root) else { return };
        let (offset, end) = (self.forest.offset(root), self.forest.end(root));
        let entry = match self.pages.entry(offset) {
            Ok(entry) => entry,
            Err(what) => {
                self.visitor.stray(offset, end);
                return self.lose(root, what, true);
            }
        };
        let childless = self.forest.children(root).is_empty();
        let fits = self.reserve(entry.size).is_ok();
        if !fits || (childless && entry.size > STREAMED && self.visitor.streams()) {
            let mut stream = self.pages.stream(&entry, end);
            let mut metered = Metered { inner: &mut stream, left: self.left };
            self.visitor.stream(root, kind, entry.size, &mut metered);
            if !self.visitor.stop() {
                // A visitor may have had enough; where the stream ends has to be known all the same.
                let drained = io::copy(&mut metered, &mut io::sink());
                match drained.ok().and_then(|_| stream.consumed()) {
                    Some(read) => self.strays(entry.data + read, end),
                    None => self.visitor.stray(offset, end),
                }
            }
            if !fits {
                self.lose(root, Malformed::new(TOO_LARGE, entry.data as usize), false);
            }
            return;
        }
        self.spend(entry.size);
        let mut bytes = self.spare.pop().unwrap_or_default();
        match self.pages.inflate(&entry, Some(end), &mut self.inflater, &mut bytes) {
            Ok(behind) => self.strays(behind, end),
            Err(what) => {
                self.keep(bytes);
                self.visitor.stray(offset, end);
                return self.lose(root, what, true);
            }
        }
        self.used += bytes.capacity() as u64;
        let clean = self.visitor.whole(root, kind, &bytes);
        self.hold(root, bytes, clean);
        while let Some(level) = self.path.len().checked_sub(1) {
            let Some((child, on, last)) = self.next_child(level) else {
                self.pop();
                continue;
            };
            if self.is_over() {
                while !self.path.is_empty() {
                    self.pop();
                }
                return;
            }
            let base = match self.base(level) {
                Ok(base) => base,
                Err(what) => {
                    self.lose(child, what, true);
                    continue;
                }
            };
            let clean = self.path.get(level).is_some_and(|held| held.clean);
            let built = self.child(child, kind, (on, &base, clean));
            if last {
                self.release(base);
            } else if let Some(held) = self.path.get_mut(level) {
                held.bytes = Some(base);
            }
            if let Some((bytes, clean)) = built {
                self.hold(child, bytes, clean);
            }
        }
    }

    /// The next child of what is held at a level, what it is built on, and whether it is the last one.
    fn next_child(&mut self, level: usize) -> Option<(u32, u32, bool)> {
        let held = self.path.get_mut(level)?;
        let children = self.forest.children(held.entry);
        let adopted = held.visited.checked_sub(children.len());
        let child = match adopted {
            None => children.get(held.visited),
            Some(at) => held.adopted.get(at),
        };
        let child = *child?;
        held.visited += 1;
        Some((child, held.entry, held.visited == children.len() + held.adopted.len()))
    }

    /// Visits one delta. Returns it built if anything is built on it.
    fn child(&mut self, child: u32, kind: Kind, (on, base, base_clean): (u32, &[u8], bool)) -> Option<(Vec<u8>, bool)> {
        let mut delta = std::mem::take(&mut self.delta);
        let mut pieces = std::mem::take(&mut self.pieces);
        let built = match self.read_delta(child, base.len(), &mut delta, &mut pieces) {
            Ok(()) => {
                let change = Change { on, base, delta: &delta, pieces: &pieces };
                let clean = base_clean && self.visitor.change(child, kind, change);
                self.build(child, kind, clean, change)
            }
            Err(what) => Err(what),
        };
        self.delta = delta;
        self.pieces = pieces;
        match built {
            Ok(built) => built,
            Err(what) => {
                self.lose(child, what, true);
                None
            }
        }
    }

    /// Inflates a delta and takes it apart.
    fn read_delta(
        &mut self,
        child: u32,
        base: usize,
        delta: &mut Vec<u8>,
        pieces: &mut Delta,
    ) -> Result<(), Malformed> {
        let (offset, end) = (self.forest.offset(child), self.forest.end(child));
        let entry = self.pages.entry(offset).inspect_err(|_| self.visitor.stray(offset, end))?;
        self.spend(entry.size);
        self.reserve(entry.size)?;
        match self.pages.inflate(&entry, Some(end), &mut self.inflater, delta) {
            Ok(behind) => self.strays(behind, end),
            Err(what) => {
                self.visitor.stray(offset, end);
                return Err(what);
            }
        }
        pieces.parse(delta, base, u64::from(u32::MAX))
    }

    /// Builds an object if it is not clean or anything is built on it, and shows it to the visitor.
    fn build(
        &mut self,
        child: u32,
        kind: Kind,
        clean: bool,
        change: Change<'_>,
    ) -> Result<Option<(Vec<u8>, bool)>, Malformed> {
        let Change { base, delta, pieces, .. } = change;
        let parent = !self.forest.children(child).is_empty();
        if clean && !parent {
            return Ok(None);
        }
        let size = pieces.size as u64;
        self.spend(size);
        // Beyond the base and the delta a large object that nothing is built on needs no memory.
        if !parent && size > STREAMED && self.visitor.streams() {
            self.visitor.stream(child, kind, size, &mut pieces.reader(delta, base));
            return Ok(None);
        }
        // The delta is out of its place: count it.
        let out = delta.len() as u64;
        self.used += out;
        let reserved = self.reserve(size);
        self.used -= out;
        reserved?;
        let mut bytes = self.spare.pop().unwrap_or_default();
        pieces.apply(delta, base, &mut bytes);
        self.used += bytes.capacity() as u64;
        let clean = clean || self.visitor.whole(child, kind, &bytes);
        Ok(Some((bytes, clean)))
    }

    /// Tells of bytes behind an entry.
    fn strays(&mut self, behind: u64, end: u64) {
        if behind < end {
            self.visitor.stray(behind, end);
        }
    }

    /// Goes on with what is built on an object, if anything is.
    fn hold(&mut self, entry: u32, bytes: Vec<u8>, clean: bool) {
        let adopted = self.visitor.adopts(entry);
        if self.forest.children(entry).is_empty() && adopted.is_empty() {
            return self.release(bytes);
        }
        if self.path.len() >= DEEPEST {
            self.release(bytes);
            return self.lose(entry, Malformed::new("more deltas deep than can be followed", 0), false);
        }
        self.path.push(Held { entry, bytes: Some(bytes), clean, adopted, visited: 0 });
    }

    fn pop(&mut self) {
        if let Some(bytes) = self.path.pop().and_then(|held| held.bytes) {
            self.release(bytes);
        }
    }

    /// The bytes of what is held at a level: built again if they were dropped. They count as used until they are released.
    fn base(&mut self, level: usize) -> Result<Vec<u8>, Malformed> {
        if let Some(bytes) = self.path.get_mut(level).and_then(|held| held.bytes.take()) {
            return Ok(bytes);
        }
        let lost = Malformed::new("what it is built on cannot be read", 0);
        let near = self.path.get(..level).and_then(|path| path.iter().rposition(|held| held.bytes.is_some()));
        let mut from = near.map_or(0, |near| near + 1);
        let mut kept = near.and_then(|near| self.path.get_mut(near)).and_then(|held| held.bytes.take());
        let mut object: Option<Vec<u8>> = None;
        let mut failed = None;
        let mut delta = std::mem::take(&mut self.delta);
        let mut pieces = std::mem::take(&mut self.pieces);
        while from <= level {
            let Some(number) = self.path.get(from).map(|held| held.entry) else { break };
            let base = object.as_ref().or(kept.as_ref()).map_or(&[][..], Vec::as_slice);
            match self.again(number, from == 0, base, &mut delta, &mut pieces) {
                Ok(built) => {
                    if let Some(before) = object.replace(built) {
                        self.release(before);
                    }
                }
                Err(what) => {
                    failed = Some(what);
                    break;
                }
            }
            from += 1;
        }
        self.delta = delta;
        self.pieces = pieces;
        if let Some(held) = near.and_then(|near| self.path.get_mut(near)) {
            held.bytes = kept.take();
        }
        match (failed, object) {
            (None, Some(object)) => Ok(object),
            (failed, object) => {
                if let Some(bytes) = object {
                    self.release(bytes);
                }
                Err(failed.unwrap_or(lost))
            }
        }
    }

    /// One object of a path, built again.
    fn again(
        &mut self,
        number: u32,
        root: bool,
        base: &[u8],
        delta: &mut Vec<u8>,
        pieces: &mut Delta,
    ) -> Result<Vec<u8>, Malformed> {
        let end = self.forest.end(number);
        let entry = self.pages.entry(self.forest.offset(number))?;
        self.spend(entry.size);
        self.reserve(entry.size)?;
        let mut bytes = self.spare.pop().unwrap_or_default();
        if root {
            self.pages.inflate(&entry, Some(end), &mut self.inflater, &mut bytes)?;
        } else {
            self.pages.inflate(&entry, Some(end), &mut self.inflater, delta)?;
            pieces.parse(delta, base.len(), u64::from(u32::MAX))?;
            self.spend(pieces.size as u64);
            self.reserve(pieces.size as u64 + delta.len() as u64)?;
            pieces.apply(delta, base, &mut bytes);
        }
        self.used += bytes.capacity() as u64;
        Ok(bytes)
    }

    /// Makes room for so many bytes more: first what is only kept for later goes, then it is waited for the turn, then
    /// the bases that are needed last go.
    fn reserve(&mut self, more: u64) -> Result<(), Malformed> {
        let pieces = (self.pieces.pieces.capacity() * size_of::<Piece>()) as u64;
        let fixed = self.delta.capacity() as u64 + pieces;
        let total = |walker: &Self| {
            let spare: usize = walker.spare.iter().map(Vec::capacity).sum();
            walker.used.saturating_add(spare as u64 + fixed).saturating_add(more)
        };
        if total(self) <= self.bounds.own {
            return Ok(());
        }
        self.drop_spare();
        if total(self) <= self.bounds.own {
            return Ok(());
        }
        let most = self.bounds.own + self.bounds.most;
        if more > most {
            return Err(Malformed::new(TOO_LARGE, 0));
        }
        if self.turn.is_none() {
            self.turn = Some(self.bounds.turn.lock().unwrap_or_else(PoisonError::into_inner));
        }
        let mut level = 0;
        while total(self) > most {
            let Some(held) = self.path.get_mut(level) else { return Err(Malformed::new(TOO_LARGE, 0)) };
            if let Some(mut bytes) = held.bytes.take() {
                self.used -= bytes.capacity() as u64;
                wipe(&mut bytes);
            }
            level += 1;
        }
        Ok(())
    }

    /// An object that is not needed any more.
    fn release(&mut self, bytes: Vec<u8>) {
        self.used = self.used.saturating_sub(bytes.capacity() as u64);
        self.keep(bytes);
    }

    /// Keeps a buffer for the next object. Whether it held a key is known when its tree is done.
    fn keep(&mut self, mut bytes: Vec<u8>) {
        if self.spare.len() < SPARE && bytes.capacity() as u64 <= STREAMED {
            self.spare.push(bytes);
        } else {
            wipe(&mut bytes);
        }
    }

    fn drop_spare(&mut self) {
        for mut bytes in std::mem::take(&mut self.spare) {
            wipe(&mut bytes);
        }
    }

    /// Between two trees: wipes what held a key, and gives back what is so large that it would only lie there.
    fn tidy(&mut self) {
        self.turn = None;
        if self.visitor.take_wipe() {
            self.spare.iter_mut().for_each(wipe);
            wipe(&mut self.delta);
            self.pages.wipe();
        }
        self.spare.retain(|buffer| buffer.capacity() as u64 <= STREAMED);
        if self.delta.capacity() as u64 > STREAMED {
            wipe(&mut self.delta);
            self.delta = Vec::new();
        }
        if self.pieces.pieces.capacity() * size_of::<Piece>() > STREAMED as usize {
            self.pieces = Delta::default();
        }
    }

    /// Tells of an entry that cannot be read, and of everything built on it.
    fn lose(&mut self, entry: u32, what: Malformed, itself: bool) {
        for lost in self.forest.descendants(entry) {
            if lost == entry {
                if itself {
                    self.visitor.damaged(lost, what);
                }
            } else {
                let text = if what.what == TOO_LARGE { TOO_LARGE } else { "what it is built on cannot be read" };
                self.visitor.damaged(lost, Malformed::new(text, what.at));
            }
        }
    }
}

/// Overwrites all that a buffer can hold. `zeroize` writes byte by byte, which for a history full of keys took a tenth of
/// the time; this is one `memset` that the compiler may not leave out, because it cannot know that nobody looks.
pub(super) fn wipe(buffer: &mut Vec<u8>) {
    buffer.clear();
    buffer.resize(buffer.capacity(), 0);
    std::hint::black_box(buffer.as_slice());
}

#[cfg(test)]
mod tests {
    use std::collections::{BTreeMap, BTreeSet};
    use std::sync::Arc;

    use super::super::made::{self, FORMATS, Folder, Op, PackWriter, noise};
    use super::super::oid::{Format, ObjectId};
    use super::*;

    /// What a walk showed.
    #[derive(Default)]
    struct Seen {
        /// Kind and content of what came whole, and how often it came.
        whole: BTreeMap<u32, (Kind, Vec<u8>, usize)>,
        /// What came as a change, built from its base.
        changed: BTreeMap<u32, (Kind, Vec<u8>)>,
        streamed: BTreeMap<u32, (u64, usize)>,
        damaged: BTreeMap<u32, &'static str>,
        /// How many objects may still come before the walk is stopped.
        left: Option<usize>,
    }

    struct Eye<'s> {
        seen: &'s Mutex<Seen>,
        /// Entries that are not clean.
        dirty: &'s BTreeSet<u32>,
    }

    impl Visitor for Eye<'_> {
        fn whole(&mut self, entry: u32, kind: Kind, bytes: &[u8]) -> bool {
            let mut seen = lock_seen(self.seen);
            seen.left = seen.left.map(|left| left.saturating_sub(1));
            let row = seen.whole.entry(entry).or_insert((kind, bytes.to_vec(), 0));
            row.2 += 1;
            !self.dirty.contains(&entry)
        }

        fn change(&mut self, entry: u32, kind: Kind, change: Change<'_>) -> bool {
            let mut built = Vec::new();
            change.pieces.apply(change.delta, change.base, &mut built);
            let mut seen = lock_seen(self.seen);
            assert!(!seen.whole.contains_key(&entry), "{entry} came whole before it came as a change");
            seen.changed.insert(entry, (kind, built));
            !self.dirty.contains(&entry)
        }

        fn streams(&self) -> bool {
            true
        }

        fn stream(&mut self, entry: u32, _: Kind, size: u64, bytes: &mut dyn Read) {
            let read = io::copy(bytes, &mut io::sink()).expect("the whole stream");
            lock_seen(self.seen).streamed.insert(entry, (size, read as usize));
        }

        fn damaged(&mut self, entry: u32, what: Malformed) {
            assert!(lock_seen(self.seen).damaged.insert(entry, what.what).is_none(), "{entry} is told of twice");
        }

        fn stop(&self) -> bool {
            lock_seen(self.seen).left == Some(0)
        }
    }

    fn lock_seen(seen: &Mutex<Seen>) -> MutexGuard<'_, Seen> {
        seen.lock().unwrap_or_else(PoisonError::into_inner)
    }

    const ALL: [Kind; 4] = [Kind::Commit, Kind::Tree, Kind::Blob, Kind::Tag];

    /// Walks a pack that was written like this; `change` may damage it.
    fn walked(made: &PackWriter, kinds: &[Kind], jobs: usize, dirty: &[u32], left: Option<usize>) -> Seen {
        let folder = Folder::new();
        let pack = Pack::open(&made.write(&folder), made.format, &Arc::default()).expect("a pack");
        let forest = Forest::of(&pack);
        let seen = Mutex::new(Seen { left, ..Seen::default() });
        let dirty = dirty.iter().copied().collect();
        let visitors = walk(&pack, &forest, kinds, jobs, &|| Eye { seen: &seen, dirty: &dirty });
        assert_eq!(visitors.len(), jobs);
        drop(visitors);
        seen.into_inner().unwrap_or_else(PoisonError::into_inner)
    }

    /// Trees of deltas, some deep and some broad, of all kinds; what each entry is when built, by its number.
    fn orchard(format: Format) -> (PackWriter, Vec<(Kind, Vec<u8>)>) {
        let mut made = PackWriter::new(format);
        let mut all: Vec<(Kind, Vec<u8>, u64)> = Vec::new();
        for number in 0..120_usize {
            let dice = noise(number as u64, 3);
            let base = usize::from(dice[0]) % number.max(1);
            if number < 8 || dice[1] < 40 {
                let kind = ALL[number % 4];
                let content = noise(number as u64, 50 + number);
                let (_, at) = made.whole(kind, &content);
                all.push((kind, content, at));
                continue;
            }
            let (kind, under, base_at) = all[base].clone();
            let text = format!("change {number}");
            let keep = under.len() / 2;
            let ops = [Op::Copy(0, keep), Op::Insert(text.as_bytes()), Op::Copy(under.len() - 5, 5)];
            let content = [&under[..keep], text.as_bytes(), &under[under.len() - 5..]].concat();
            let delta = made::delta(under.len(), &ops);
            let id = ObjectId::of(format, kind, &content);
            let at = if dice[2] < 128 {
                made.delta_at(id, base_at, &delta)
            } else {
                made.delta_of(id, &ObjectId::of(format, kind, &under), &delta)
            };
            all.push((kind, content, at));
        }
        (made, all.into_iter().map(|(kind, content, _)| (kind, content)).collect())
    }

    #[test]
    fn every_object_comes_once_as_what_it_is() {
        for format in FORMATS {
            let (made, all) = orchard(format);
            let everything: Vec<u32> = (0..all.len() as u32).collect();
            for jobs in [1, 3] {
                let seen = walked(&made, &ALL, jobs, &everything, None);
                assert_eq!((seen.damaged.len(), seen.changed.len(), seen.whole.len()), (0, 0, all.len()));
                for (entry, (kind, content)) in all.iter().enumerate() {
                    assert!(seen.whole[&(entry as u32)] == (*kind, content.clone(), 1), "entry {entry}, {jobs} jobs");
                }
            }
        }
    }

    #[test]
    fn what_is_built_on_clean_objects_comes_as_a_change_and_is_only_built_if_it_is_not() {
        let (made, all) = orchard(Format::Sha1);
        for dirty in [vec![], vec![8, 20, 33, 70, 100, 119]] {
            let seen = walked(&made, &ALL, 1, &dirty, None);
            for (entry, (kind, content)) in all.iter().enumerate() {
                let entry = entry as u32;
                let whole = seen.whole.get(&entry);
                let change = seen.changed.get(&entry);
                assert!(whole.is_some() || change.is_some(), "{entry} did not come");
                assert!(whole.is_none_or(|row| *row == (*kind, content.clone(), 1)), "{entry}");
                assert!(change.is_none_or(|row| *row == (*kind, content.clone())), "{entry}");
                if dirty.is_empty() {
                    assert!(whole.is_none() || change.is_none(), "{entry} is clean and was built");
                } else if dirty.contains(&entry) {
                    assert!(whole.is_some(), "{entry} is not clean and was not built");
                }
            }
        }
    }

    #[test]
    fn only_the_kinds_that_are_asked_for_come() {
        let (made, all) = orchard(Format::Sha1);
        for kind in ALL {
            let seen = walked(&made, &[kind], 2, &[], None);
            let came: BTreeSet<u32> = seen.whole.keys().chain(seen.changed.keys()).copied().collect();
            let expected = all.iter().enumerate().filter(|(_, (is, _))| *is == kind).map(|(entry, _)| entry as u32);
            assert_eq!(came, expected.collect());
        }
    }

    #[test]
    fn a_walk_stops_when_it_is_told_to() {
        let (made, all) = orchard(Format::Sha1);
        let everything: Vec<u32> = (0..all.len() as u32).collect();
        for left in [0, 1, 7] {
            let seen = walked(&made, &ALL, 1, &everything, Some(left));
            assert_eq!(seen.whole.len(), left);
        }
    }

    #[test]
    fn what_is_damaged_is_told_with_all_that_is_built_on_it_and_nothing_else_is_lost() {
        let format = Format::Sha1;
        let mut made = PackWriter::new(format);
        let name = |n: u8| ObjectId::of(format, Kind::Blob, &[n]);
        let add = |n: u8, length| made::delta(length, &[Op::Copy(0, length), Op::Insert(&[n])]);
        let (_, good) = made.whole(Kind::Blob, b"0");
        let bad = made.raw(name(1), &[&made::head(3, 5)[..], b"no stream"].concat());
        let on_bad = made.delta_at(name(2), bad, &add(2, 5));
        made.delta_at(name(3), on_bad, &add(3, 6));
        let torn = made.delta_at(name(4), good, &add(4, 7));
        made.delta_at(name(5), torn, &add(5, 8));
        made.delta_at(name(6), good, &add(6, 1));
        let seen = walked(&made, &ALL, 1, &[0, 6], None);
        assert_eq!(seen.whole.keys().copied().collect::<Vec<_>>(), [0, 6]);
        let lost = "what it is built on cannot be read";
        let told: Vec<_> = seen.damaged.into_iter().collect();
        let stream = "zlib stream is damaged";
        let size = "delta is for a base of another size";
        assert_eq!(told, [(1, stream), (2, lost), (3, lost), (4, size), (5, lost)]);
    }

    #[test]
    fn large_objects_are_streamed_unless_something_is_built_on_them() {
        let format = Format::Sha1;
        let mut made = PackWriter::new(format);
        let large = vec![b'x'; STREAMED as usize + 1];
        let edge = vec![b'y'; STREAMED as usize];
        made.whole(Kind::Blob, &large);
        made.whole(Kind::Blob, &edge);
        let base = vec![b'z'; STREAMED as usize + 1];
        let (_, at) = made.whole(Kind::Blob, &base);
        let delta = made::delta(base.len(), &[Op::Copy(0, 4), Op::Insert(b"!")]);
        made.delta_at(ObjectId::of(format, Kind::Blob, b"zzzz!"), at, &delta);
        let seen = walked(&made, &ALL, 1, &[2], None);
        let streamed: Vec<_> = seen.streamed.into_iter().collect();
        assert_eq!(streamed, [(0, (STREAMED + 1, STREAMED as usize + 1))]);
        assert_eq!(seen.whole.keys().copied().collect::<Vec<_>>(), [1, 2, 3]);
        assert_eq!(seen.whole[&3].1, b"zzzz!");
    }

    #[test]
    fn a_wiped_buffer_holds_nothing_in_all_that_it_can_hold() {
        let mut buffer = noise(1, 5000);
        buffer.truncate(10);
        wipe(&mut buffer);
        assert!(buffer.len() == buffer.capacity() && buffer.len() >= 5000);
        assert!(buffer.iter().all(|byte| *byte == 0));
    }

    /// A visitor that found a key in the first tree and nothing in the second.
    struct Finder(usize);

    impl Visitor for Finder {
        fn whole(&mut self, _: u32, _: Kind, _: &[u8]) -> bool {
            true
        }

        fn change(&mut self, _: u32, _: Kind, _: Change<'_>) -> bool {
            true
        }

        fn take_wipe(&mut self) -> bool {
            self.0 += 1;
            self.0 == 1
        }
    }

    #[test]
    fn buffers_that_held_a_key_are_wiped_before_the_next_tree() {
        let folder = Folder::new();
        let mut made = PackWriter::new(Format::Sha1);
        let (_, at) = made.whole(Kind::Blob, &noise(1, 500));
        let id = ObjectId::of(Format::Sha1, Kind::Blob, b"other");
        made.delta_at(id, at, &made::delta(500, &[Op::Insert(&noise(2, 90))]));
        let pack = Pack::open(&made.write(&folder), Format::Sha1, &Arc::default()).expect("a pack");
        let forest = Forest::of(&pack);
        let left = AtomicU64::new(u64::MAX);
        let mut walker = Walker::new(&pack, &forest, &left, Finder(0));
        for wiped in [true, false] {
            walker.tree(0);
            assert!(!walker.spare.is_empty() && !walker.delta.is_empty(), "buffers are kept for the next object");
            walker.tidy();
            let zeros = |bytes: &Vec<u8>| bytes.iter().all(|byte| *byte == 0);
            assert_eq!(walker.spare.iter().all(zeros) && zeros(&walker.delta), wiped);
        }
        walker.spare.push(Vec::with_capacity(STREAMED as usize + 1));
        walker.delta = Vec::with_capacity(STREAMED as usize + 1);
        walker.tidy();
        let capacities = walker.spare.iter().chain([&walker.delta]).map(Vec::capacity);
        assert!(capacities.max() <= Some(STREAMED as usize), "what is so large only lies there");
    }
}
