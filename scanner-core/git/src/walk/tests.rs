//! Walks over hand-made packs: what is shown, in which order, and what is wiped.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use super::super::made::{self, FORMATS, Folder, Op, PackWriter, noise};
use super::*;
use keyradius_core::oid::{Format, ObjectId};

/// The objects that a walk showed.
#[derive(Default)]
struct Seen {
    /// Kind and content of whole objects, and how often each was shown.
    whole: BTreeMap<u32, (Kind, Vec<u8>, usize)>,
    /// Objects shown as changes, built from their bases.
    changed: BTreeMap<u32, (Kind, Vec<u8>)>,
    streamed: BTreeMap<u32, (u64, usize)>,
    damaged: BTreeMap<u32, &'static str>,
    /// Ranges of bytes that belong to no object.
    stray: Vec<(u64, u64)>,
    /// Number of objects that may still be shown before the walk is stopped.
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
        assert!(lock_seen(self.seen).damaged.insert(entry, what.what).is_none(), "{entry} is reported twice");
    }

    fn stray(&mut self, from: u64, to: u64) {
        lock_seen(self.seen).stray.push((from, to));
    }

    fn stop(&self) -> bool {
        lock_seen(self.seen).left == Some(0)
    }
}

fn lock_seen(seen: &Mutex<Seen>) -> MutexGuard<'_, Seen> {
    seen.lock().unwrap_or_else(PoisonError::into_inner)
}

const ALL: [Kind; 4] = [Kind::Commit, Kind::Tree, Kind::Blob, Kind::Tag];

/// Writes a pack and walks it.
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

/// Delta trees of all kinds, some deep and some broad; and the kind and content of each entry, by its number.
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
fn every_object_is_visited_once_with_its_kind_and_content() {
    for format in FORMATS {
        let (made, all) = orchard(format);
        let everything: Vec<u32> = (0..all.len() as u32).collect();
        for jobs in [1, 3] {
            let seen = walked(&made, &ALL, jobs, &everything, None);
            assert_eq!((seen.damaged.len(), seen.changed.len(), seen.whole.len()), (0, 0, all.len()));
            assert_eq!(seen.stray, []);
            for (entry, (kind, content)) in all.iter().enumerate() {
                assert!(seen.whole[&(entry as u32)] == (*kind, content.clone(), 1), "entry {entry}, {jobs} jobs");
            }
        }
    }
}

#[test]
fn deltas_on_clean_objects_are_built_only_if_they_are_not_clean() {
    let (made, all) = orchard(Format::Sha1);
    for dirty in [vec![], vec![8, 20, 33, 70, 100, 119]] {
        let seen = walked(&made, &ALL, 1, &dirty, None);
        assert!(!seen.changed.is_empty());
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
fn only_requested_kinds_are_visited() {
    let (made, all) = orchard(Format::Sha1);
    for kind in ALL {
        let seen = walked(&made, &[kind], 2, &[], None);
        let came: BTreeSet<u32> = seen.whole.keys().chain(seen.changed.keys()).copied().collect();
        let expected = all.iter().enumerate().filter(|(_, (is, _))| *is == kind).map(|(entry, _)| entry as u32);
        assert_eq!(came, expected.collect());
    }
}

#[test]
fn a_walk_stops_on_request() {
    let (made, all) = orchard(Format::Sha1);
    let everything: Vec<u32> = (0..all.len() as u32).collect();
    for left in [0, 1, 7] {
        let seen = walked(&made, &ALL, 1, &everything, Some(left));
        assert_eq!(seen.whole.len(), left);
    }
}

#[test]
fn damaged_entries_are_reported_with_their_descendants_only() {
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
    assert_eq!(seen.stray, [(bad, on_bad)], "the bytes of a damaged entry belong to no object");
    let lost = "its delta base cannot be read";
    let told: Vec<_> = seen.damaged.into_iter().collect();
    let stream = "zlib stream is damaged";
    let size = "delta expects a base of another size";
    assert_eq!(told, [(1, stream), (2, lost), (3, lost), (4, size), (5, lost)]);
}

#[test]
fn large_objects_without_children_are_streamed() {
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
fn wiping_overwrites_the_whole_capacity() {
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
fn buffers_with_keys_are_wiped_before_the_next_tree() {
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
        assert_eq!(walker.pages.is_empty(), wiped);
    }
    walker.spare.push(Vec::with_capacity(STREAMED as usize + 1));
    walker.delta = Vec::with_capacity(STREAMED as usize + 1);
    walker.tidy();
    let capacities = walker.spare.iter().chain([&walker.delta]).map(Vec::capacity);
    assert!(capacities.max() <= Some(STREAMED as usize), "unusually large buffers are freed");
}

#[test]
fn bytes_between_objects_are_strays() {
    let mut made = PackWriter::new(Format::Sha1);
    let id = |n: u8| ObjectId::of(Format::Sha1, Kind::Blob, &[n]);
    let entry = [&made::head(3, 1)[..], &made::deflate(b"a")].concat();
    let at = made.raw(id(0), &[&entry[..], b"between"].concat());
    let behind = at + entry.len() as u64;
    let next = made.delta_at(id(1), at, &made::delta(1, &[Op::Copy(0, 1)]));
    assert_eq!(walked(&made, &ALL, 1, &[0, 1], None).stray, [(behind, next)]);
}

/// A visitor that takes no streams: the sizes of the objects that it is shown.
struct Sizes(Vec<usize>);

impl Visitor for Sizes {
    fn whole(&mut self, _: u32, _: Kind, bytes: &[u8]) -> bool {
        self.0.push(bytes.len());
        true
    }

    fn change(&mut self, _: u32, _: Kind, _: Change<'_>) -> bool {
        true
    }
}

#[test]
fn visitors_without_streams_get_large_objects_whole() {
    let folder = Folder::new();
    let mut made = PackWriter::new(Format::Sha1);
    made.whole(Kind::Blob, &vec![b'x'; STREAMED as usize + 1]);
    let pack = Pack::open(&made.write(&folder), Format::Sha1, &Arc::default()).expect("a pack");
    let visitors = walk(&pack, &Forest::of(&pack), &ALL, 1, &|| Sizes(Vec::new()));
    assert_eq!(visitors[0].0, [STREAMED as usize + 1]);
}

/// A chain of four objects, each the base of the next, in a pack that may use 1,000 bytes, and 800 more with the turn.
fn line(folder: &Folder) -> (Pack, Vec<Vec<u8>>) {
    let mut made = PackWriter::new(Format::Sha1);
    let mut all = vec![noise(1, 600)];
    let (_, mut at) = made.whole(Kind::Blob, &all[0]);
    for step in 1..4_u8 {
        let content = [&all[usize::from(step) - 1][1..], &[step]].concat();
        let delta = made::delta(600, &[Op::Copy(1, 599), Op::Insert(&[step])]);
        at = made.delta_at(ObjectId::of(Format::Sha1, Kind::Blob, &content), at, &delta);
        all.push(content);
    }
    let limits = keyradius_core::budget::Limits { max_held: 1000, ..Default::default() };
    let pack = Pack::open(&made.write(folder), Format::Sha1, &Arc::new(Bounds::new(&limits))).expect("a pack");
    (pack, all)
}

fn held(entry: u32, bytes: Option<Vec<u8>>) -> Held {
    Held { entry, bytes, clean: true, adopted: Vec::new(), visited: 0 }
}

#[test]
fn the_base_needed_last_is_dropped_first() {
    let folder = Folder::new();
    let (pack, all) = line(&folder);
    let (forest, left) = (Forest::of(&pack), AtomicU64::new(u64::MAX));
    let mut walker = Walker::new(&pack, &forest, &left, Finder(0));
    for (entry, content) in all[..3].iter().enumerate() {
        walker.used += content.capacity() as u64;
        walker.path.push(held(entry as u32, Some(content.clone())));
    }
    walker.used = 1800;
    assert_eq!(walker.reserve(1), Ok(()));
    let there = |walker: &Walker<'_, Finder>| walker.path.iter().map(|held| held.bytes.is_some()).collect::<Vec<_>>();
    assert_eq!((there(&walker), walker.turn.is_some()), (vec![false, true, true], true));
    assert_eq!(walker.reserve(1801).map_err(|what| what.what), Err(TOO_LARGE));
    assert_eq!(there(&walker), [false, true, true], "nothing is dropped for what can never fit");
    walker.tidy();
    assert!(walker.turn.is_none(), "the turn ends with the tree");
}

#[test]
fn dropped_bases_are_rebuilt_from_the_nearest_one() {
    let folder = Folder::new();
    let (pack, all) = line(&folder);
    let (forest, left) = (Forest::of(&pack), AtomicU64::new(u64::MAX));
    let mut walker = Walker::new(&pack, &forest, &left, Finder(0));
    for near in [None, Some(0), Some(1), Some(2)] {
        (walker.path, walker.used) = ((0..4).map(|entry| held(entry, None)).collect(), 0);
        if let Some(near) = near {
            walker.path[near].bytes = Some(all[near].clone());
        }
        assert_eq!(walker.base(3), Ok(all[3].clone()), "from {near:?}");
        let kept: Vec<usize> = (0..4).filter(|level| walker.path[*level].bytes.is_some()).collect();
        assert_eq!(kept, near.into_iter().collect::<Vec<_>>());
    }
}
