//! Walks the objects of a pack, bases first: each entry is inflated once, whatever is built on it.

use std::io::Read;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

use super::delta::Delta;
use super::forest::Forest;
use super::inflate::{Inflater, Stream};
use super::oid::Kind;
use super::pack::{Entry, Pack};
use crate::error::Malformed;

/// Objects up to this size are held whole and may be the base of others, in bytes. git makes no deltas of files larger
/// than 512 MiB (`core.bigFileThreshold`), so that only foreign packs hold larger ones.
pub(crate) const WHOLE: u64 = 1 << 30;

/// Objects beyond this size that nothing is built on are not held whole at all, in bytes.
pub(crate) const STREAMED: u64 = (crate::source::stream::CORE + crate::source::stream::AHEAD) as u64;

/// Objects beyond this size are held by one thread at a time, in bytes.
const GREAT: usize = 64 << 20;

/// Said of objects beyond [`WHOLE`] that something is built on.
pub(crate) const TOO_LARGE: &str = "what it is built on is larger than 1 GiB";

/// Trees of deltas that a thread takes at a time, once the great ones are gone.
const BATCH: usize = 16;

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
    /// An object too large to be held whole.
    fn stream(&mut self, _entry: u32, _kind: Kind, _size: u64, _bytes: &mut dyn Read) {}
    /// An entry that could not be read. Only the visitor that looks for keys tells of it; one telling is enough.
    fn damaged(&mut self, _entry: u32, _what: Malformed) {}
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
    let great = Mutex::new(());
    let work = || {
        let mut walker = Walker {
            pack,
            forest,
            great: &great,
            inflater: Inflater::default(),
            pieces: Delta::default(),
            delta: Vec::new(),
            spare: Vec::new(),
            visitor: visitor(),
        };
        loop {
            // Great trees one by one, small ones by the batch.
            let at = next.load(Ordering::Relaxed);
            let take = if at * 4 < roots.len() { 1 } else { BATCH };
            let at = next.fetch_add(take, Ordering::Relaxed);
            let Some(batch) = roots.get(at..roots.len().min(at + take)).filter(|batch| !batch.is_empty()) else {
                break;
            };
            for &root in batch {
                if walker.visitor.stop() {
                    break;
                }
                walker.tree(root);
                walker.wipe();
            }
        }
        done.lock().unwrap_or_else(PoisonError::into_inner).push(walker.visitor);
    };
    if jobs > 1 {
        rayon::scope(|scope| (0..jobs).for_each(|_| scope.spawn(|_| work())));
    } else {
        work();
    }
    done.into_inner().unwrap_or_else(PoisonError::into_inner)
}

/// One thread's part of a walk.
struct Walker<'a, V> {
    pack: &'a Pack,
    forest: &'a Forest,
    great: &'a Mutex<()>,
    inflater: Inflater,
    pieces: Delta,
    delta: Vec<u8>,
    /// Buffers not in use.
    spare: Vec<Vec<u8>>,
    visitor: V,
}

/// An object some of whose children are still to come.
struct Held {
    entry: u32,
    bytes: Vec<u8>,
    clean: bool,
    /// How many of the children were visited.
    visited: usize,
}

impl<'a, V: Visitor> Walker<'a, V> {
    fn tree(&mut self, root: u32) {
        let Some(kind) = self.forest.kind(root) else { return };
        let Ok(entry) = self.pack.entry(self.forest.offset(root)) else { return };
        let childless = self.forest.children(root).is_empty();
        if entry.size > WHOLE || (childless && entry.size > STREAMED) {
            self.visitor.stream(root, kind, entry.size, &mut Stream::new(self.pack.data(&entry), entry.size));
            if !childless {
                self.lose(root, Malformed::new(TOO_LARGE, entry.data), false);
            }
            return;
        }
        let mut turn = (entry.size as usize > GREAT).then(|| lock(self.great));
        let mut bytes = self.spare.pop().unwrap_or_default();
        if let Err(what) = self.inflater.exact(self.pack.data(&entry), entry.size, &mut bytes) {
            self.spare.push(bytes);
            return self.lose(root, what, true);
        }
        let clean = self.visitor.whole(root, kind, &bytes);
        let mut held = Vec::new();
        self.hold(&mut held, root, bytes, clean);
        while let Some(top) = held.last_mut() {
            let children = self.forest.children(top.entry);
            let Some(&child) = children.get(top.visited) else {
                if let Some(top) = held.pop() {
                    self.release(top.bytes);
                }
                continue;
            };
            top.visited += 1;
            let last = top.visited == children.len();
            let base = std::mem::take(&mut top.bytes);
            let (on, base_clean) = (top.entry, top.clean);
            if last {
                held.pop();
            }
            if self.visitor.stop() {
                self.spare.push(base);
                self.spare.extend(held.into_iter().map(|held| held.bytes));
                return;
            }
            let built = self.child(child, kind, (on, &base, base_clean), &mut turn);
            if last {
                self.release(base);
            } else if let Some(top) = held.last_mut() {
                top.bytes = base;
            }
            if let Some((bytes, clean)) = built {
                self.hold(&mut held, child, bytes, clean);
            }
        }
    }

    /// Visits one delta. Returns it built if anything is built on it.
    fn child(
        &mut self,
        child: u32,
        kind: Kind,
        (on, base, base_clean): (u32, &[u8], bool),
        turn: &mut Option<MutexGuard<'a, ()>>,
    ) -> Option<(Vec<u8>, bool)> {
        let mut delta = std::mem::take(&mut self.delta);
        let mut pieces = std::mem::take(&mut self.pieces);
        let read = self.pack.entry(self.forest.offset(child)).and_then(|entry: Entry| {
            if entry.size > WHOLE {
                return Err(Malformed::new("delta larger than can be held", entry.data));
            }
            self.inflater.exact(self.pack.data(&entry), entry.size, &mut delta)?;
            pieces.parse(&delta, base.len(), WHOLE)
        });
        let mut built = None;
        if let Err(what) = read {
            self.lose(child, what, true);
        } else {
            let change = Change { on, base, delta: &delta, pieces: &pieces };
            let clean = base_clean && self.visitor.change(child, kind, change);
            let parent = !self.forest.children(child).is_empty();
            if !clean || parent {
                if pieces.size > GREAT && turn.is_none() {
                    *turn = Some(lock(self.great));
                }
                let mut bytes = self.spare.pop().unwrap_or_default();
                pieces.apply(&delta, base, &mut bytes);
                let clean = clean || self.visitor.whole(child, kind, &bytes);
                if parent {
                    built = Some((bytes, clean));
                } else {
                    self.release(bytes);
                }
            }
        }
        self.delta = delta;
        self.pieces = pieces;
        built
    }

    fn hold(&mut self, held: &mut Vec<Held>, entry: u32, bytes: Vec<u8>, clean: bool) {
        if self.forest.children(entry).is_empty() {
            self.release(bytes);
        } else {
            held.push(Held { entry, bytes, clean, visited: 0 });
        }
    }

    /// Keeps a buffer for the next object. Whether it held a key is known when its tree is done.
    fn release(&mut self, bytes: Vec<u8>) {
        self.spare.push(bytes);
    }

    /// Between two trees: wipes what held a key, and gives back what is so large that it would only lie there.
    fn wipe(&mut self) {
        if self.visitor.take_wipe() {
            self.spare.iter_mut().for_each(wipe);
            wipe(&mut self.delta);
        }
        self.spare.retain(|buffer| buffer.capacity() <= STREAMED as usize);
        if self.delta.capacity() > STREAMED as usize {
            self.delta = Vec::new();
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
fn wipe(buffer: &mut Vec<u8>) {
    buffer.clear();
    buffer.resize(buffer.capacity(), 0);
    std::hint::black_box(buffer.as_slice());
}

fn lock(mutex: &Mutex<()>) -> MutexGuard<'_, ()> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
