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

#[cfg(test)]
mod tests {
    use std::collections::{BTreeMap, BTreeSet};

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

        fn stream(&mut self, entry: u32, _: Kind, size: u64, bytes: &mut dyn Read) {
            let read = std::io::copy(bytes, &mut std::io::sink()).expect("the whole stream");
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
        let pack = Pack::open(&made.write(&folder), made.format).expect("a pack");
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
        let pack = Pack::open(&made.write(&folder), Format::Sha1).expect("a pack");
        let forest = Forest::of(&pack);
        let great = Mutex::new(());
        let mut walker = Walker {
            pack: &pack,
            forest: &forest,
            great: &great,
            inflater: Inflater::default(),
            pieces: Delta::default(),
            delta: Vec::new(),
            spare: Vec::new(),
            visitor: Finder(0),
        };
        for wiped in [true, false] {
            walker.tree(0);
            assert!(!walker.spare.is_empty() && !walker.delta.is_empty(), "buffers are kept for the next object");
            walker.wipe();
            let zeros = |bytes: &Vec<u8>| bytes.iter().all(|byte| *byte == 0);
            assert_eq!(walker.spare.iter().all(zeros) && zeros(&walker.delta), wiped);
        }
        walker.spare.push(Vec::with_capacity(STREAMED as usize + 1));
        walker.delta = Vec::with_capacity(STREAMED as usize + 1);
        walker.wipe();
        let capacities = walker.spare.iter().chain([&walker.delta]).map(Vec::capacity);
        assert!(capacities.max() <= Some(STREAMED as usize), "what is so large only lies there");
    }
}
