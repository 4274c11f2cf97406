//! Walks the objects of a pack, bases first: each entry is inflated once, however many deltas depend on it.
//!
//! Memory is bounded ([`Bounds`]): beyond that the base that is needed last is dropped, and built again when it is
//! needed. Work is bounded too, because a pack of a megabyte can describe more than any machine builds in a year.

mod memory;

use std::io::{self, Read};
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

use super::bounds::{Bounds, Metered, spend};
use super::delta::Delta;
use super::forest::Forest;
use super::inflate::Inflater;
use super::pack::{Pack, Pages};
use keyradius_core::error::Malformed;
use keyradius_core::oid::Kind;
pub(super) use memory::wipe;

/// Largest object without children that is held in memory, in bytes.
pub(crate) const STREAMED: u64 = (keyradius_core::source::stream::CORE + keyradius_core::source::stream::AHEAD) as u64;

/// The error for objects that need more memory than a run may use.
pub(crate) const TOO_LARGE: &str = "needs more memory than --max-held allows";

/// Delta trees that a thread takes at a time, once the large ones are done.
const BATCH: usize = 16;

/// Longest chain of deltas. git makes 50 by default, and 4,095 at most.
const DEEPEST: usize = 1 << 16;

/// Buffers that a thread keeps for later objects.
const SPARE: usize = 8;

/// The fixed cost of an entry, counted in bytes.
const EACH: u64 = 256;

/// A delta, before its object is built.
#[derive(Clone, Copy)]
pub(crate) struct Change<'a> {
    /// The entry that is its base.
    pub(crate) on: u32,
    pub(crate) base: &'a [u8],
    pub(crate) delta: &'a [u8],
    pub(crate) pieces: &'a Delta,
}

/// Receives the objects of a walk. There is one visitor for each thread.
pub(crate) trait Visitor: Send {
    /// Visits a whole object. Returns whether it is clean: then its children come to [`Visitor::change`] first.
    fn whole(&mut self, entry: u32, kind: Kind, bytes: &[u8]) -> bool;
    /// Visits a delta on a clean base, before it is built. Returns whether it is clean too; if not, it is built and
    /// comes to [`Visitor::whole`].
    fn change(&mut self, entry: u32, kind: Kind, change: Change<'_>) -> bool;
    /// Whether large objects without children come to [`Visitor::stream`].
    fn streams(&self) -> bool {
        false
    }
    /// Visits an object that is too large to be held in memory.
    fn stream(&mut self, _entry: u32, _kind: Kind, _size: u64, _bytes: &mut dyn Read) {}
    /// Takes an entry that could not be read. Only the visitor that searches for keys reports it, so it is reported
    /// once.
    fn damaged(&mut self, _entry: u32, _what: Malformed) {}
    /// Takes a range of bytes that belong to no readable object.
    fn stray(&mut self, _from: u64, _to: u64) {}
    /// Returns more children of an entry, beyond those that the forest knows. Called after [`Visitor::whole`].
    fn adopts(&mut self, _entry: u32) -> Vec<u32> {
        Vec::new()
    }
    /// Called if the pack exceeds its limit on work: not everything was visited.
    fn exhausted(&mut self) {}
    /// Whether to stop.
    fn stop(&self) -> bool {
        false
    }
    /// Whether a private key was found since the last call: then the buffers are wiped.
    fn take_wipe(&mut self) -> bool {
        false
    }
}

/// Walks every delta tree of these kinds on up to `jobs` threads of the current pool. Returns the visitors.
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
            // Large trees one by one, small ones in batches.
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

/// An object with children that are not visited yet, or are being visited.
struct Held {
    entry: u32,
    /// `None` if the bytes are no longer needed, or were dropped to be built again.
    bytes: Option<Vec<u8>>,
    clean: bool,
    adopted: Vec<u32>,
    /// Number of children already visited.
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

    /// Counts work, in bytes.
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
                // The visitor may have stopped reading, but the end of the stream must be known.
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

    /// The next child of the object at a level, its base, and whether it is the last child.
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

    /// Visits one delta. Returns the object if it was built.
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

    /// Inflates and parses a delta.
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

    /// Builds an object if it is not clean or has children, and shows it to the visitor if it is not clean.
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
        // A large object without children needs no memory beyond the base and the delta.
        if !parent && size > STREAMED && self.visitor.streams() {
            self.visitor.stream(child, kind, size, &mut pieces.reader(delta, base));
            return Ok(None);
        }
        // The delta was moved out of its buffer, so it is counted here.
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

    /// Reports the bytes after an entry.
    fn strays(&mut self, behind: u64, end: u64) {
        if behind < end {
            self.visitor.stray(behind, end);
        }
    }

    /// Descends into the children of an object, if it has any.
    fn hold(&mut self, entry: u32, bytes: Vec<u8>, clean: bool) {
        let adopted = self.visitor.adopts(entry);
        if self.forest.children(entry).is_empty() && adopted.is_empty() {
            return self.release(bytes);
        }
        if self.path.len() >= DEEPEST {
            self.release(bytes);
            return self.lose(entry, Malformed::new("delta chain too long", 0), false);
        }
        self.path.push(Held { entry, bytes: Some(bytes), clean, adopted, visited: 0 });
    }

    fn pop(&mut self) {
        if let Some(bytes) = self.path.pop().and_then(|held| held.bytes) {
            self.release(bytes);
        }
    }

    /// Reports an entry that cannot be read, if `itself` is set, and all of its descendants.
    fn lose(&mut self, entry: u32, what: Malformed, itself: bool) {
        for lost in self.forest.descendants(entry) {
            if lost == entry {
                if itself {
                    self.visitor.damaged(lost, what);
                }
            } else {
                let text = if what.what == TOO_LARGE { TOO_LARGE } else { "its delta base cannot be read" };
                self.visitor.damaged(lost, Malformed::new(text, what.at));
            }
        }
    }
}

#[cfg(test)]
mod tests;
