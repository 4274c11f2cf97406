//! Looks at every object of a repository, without building those that cannot hold anything.

use std::collections::HashSet;
use std::io::Read;
use std::path::Path;

use rayon::prelude::*;

use super::commits::{Commits, tagged};
use super::forest::Forest;
use super::inflate::Inflater;
use super::loose::{self, Loose};
use super::odb::{Directory, Odb, reason, unread};
use super::oid::{Kind, ObjectId};
use super::pack::{MISSING_BASE, Pack};
use super::rescue::Rescue;
use super::trees::Forests;
use super::walk::{Change, STREAMED, Visitor, walk};
use crate::blob::{Blob, Origin};
use crate::error::{Gap, Malformed, Reason};
use crate::prefilter::{Prefilter, Seen};
use crate::seam::BlobSink;
use crate::source::stream::{self, Windows};

/// What is looked at: trees hold names, which are not scanned.
const KINDS: [Kind; 3] = [Kind::Blob, Kind::Commit, Kind::Tag];

/// What a scan of objects counted and gathered.
#[derive(Debug, Default)]
pub(crate) struct Tally {
    /// Distinct objects by kind: commits, trees, blobs, tags.
    pub(crate) kinds: [u64; 4],
    /// Bytes of blobs.
    pub(crate) blob_bytes: u64,
    pub(crate) commits: Commits,
    /// Tag objects and what they stand for.
    pub(crate) tags: Vec<(ObjectId, ObjectId)>,
    /// Whether anything was found.
    pub(crate) found: bool,
    /// What could not be read where it was looked for first.
    pub(crate) lost: Vec<Lost>,
    /// Forests of packs that hold something that was found.
    pub(crate) forests: Forests,
}

/// An object that could not be read in one place.
#[derive(Debug)]
pub(crate) struct Lost {
    pub(crate) id: ObjectId,
    reason: Reason,
    detail: String,
    /// Whether it is among [`Tally::kinds`].
    counted: bool,
}

impl Tally {
    pub(crate) fn append(&mut self, other: Self) {
        self.kinds.iter_mut().zip(other.kinds).for_each(|(to, from)| *to += from);
        self.blob_bytes += other.blob_bytes;
        self.commits.append(other.commits);
        self.tags.extend(other.tags);
        self.found |= other.found;
        self.lost.extend(other.lost);
        self.forests.extend(other.forests);
    }

    pub(crate) fn count(&mut self, kind: Kind) {
        if let Some(count) = self.kinds.get_mut(kind as usize - 1) {
            *count += 1;
        }
    }
}

/// What all threads of a scan share.
#[derive(Clone, Copy)]
pub(crate) struct Scan<'a> {
    pub(crate) sink: &'a dyn BlobSink,
    /// What objects are called by until their paths are known.
    pub(crate) name: &'a Path,
    /// Objects to look at; `None` for all.
    pub(crate) wanted: Option<&'a HashSet<ObjectId>>,
    /// Whether deltas on clean bases may be judged by what they add.
    pub(crate) shortcut: bool,
    pub(crate) jobs: usize,
}

impl Scan<'_> {
    fn wants(&self, id: &ObjectId) -> bool {
        self.wanted.is_none_or(|wanted| wanted.contains(id))
    }

    fn gap(&self, id: Option<ObjectId>, reason: Reason, detail: String) {
        let origin = match id {
            Some(id) => Origin::object(self.name, id),
            None => Origin::file(self.name),
        };
        self.sink.gap(Gap { origin, reason, detail });
    }

    /// Looks at every object of a pack that no pack before it holds.
    pub(crate) fn pack(&self, pack: &Pack, earlier: &[&Pack]) -> Tally {
        let mut forest = Forest::of(pack);
        let duplicates = duplicates(pack, earlier);
        let fresh = |entry: u32| duplicates.get(forest.position(entry) as usize) != Some(&true);
        let mut tally = Tally::default();
        let wanted = |entry: u32| {
            self.wanted.is_none() || pack.index.id(forest.position(entry)).is_some_and(|id| self.wants(&id))
        };
        for entry in (0..forest.len() as u32).filter(|entry| fresh(*entry) && wanted(*entry)) {
            if let Some(kind) = forest.kind(entry) {
                tally.count(kind);
            }
        }
        let faults: Vec<_> = forest.faults.iter().filter(|(entry, _)| fresh(*entry)).copied().collect();
        for (entry, what) in faults {
            let id = pack.index.id(forest.position(entry));
            let reason = if what.what == MISSING_BASE { Reason::MissingBase } else { Reason::Damaged };
            let detail = format!("{} in {}", what.what, file_name(&pack.path));
            match id {
                Some(id) if self.wants(&id) => {
                    tally.lost.push(Lost { id, reason, detail, counted: forest.kind(entry).is_some() });
                }
                _ => self.gap(id, reason, detail),
            }
        }
        if self.wanted.is_none() {
            for entry in misread(pack, &forest) {
                let Some(id) = pack.index.id(forest.position(entry)).filter(|_| fresh(entry)) else { continue };
                let detail = format!("checksum of the entry in {}", file_name(&pack.path));
                tally.lost.push(Lost { id, reason: Reason::Damaged, detail, counted: true });
            }
        }
        if let Some(wanted) = self.wanted {
            let positions: Vec<u32> = (0..forest.len() as u32).map(|entry| forest.position(entry)).collect();
            let keep = |entry: u32| {
                positions.get(entry as usize).and_then(|at| pack.index.id(*at)).is_some_and(|id| wanted.contains(&id))
            };
            forest.prune(&keep);
        }
        let prefilter = self.sink.prefilter();
        let visitor = || Objects {
            scan: *self,
            pack,
            forest: &forest,
            duplicates: &duplicates,
            prefilter,
            reach: prefilter.longest().saturating_sub(1),
            opening: prefilter.opening(),
            scratch: Vec::new(),
            seen: Vec::new(),
            windows: Windows::default(),
            tally: Tally::default(),
            wipe: false,
        };
        for objects in walk(pack, &forest, &KINDS, self.jobs, &visitor) {
            tally.append(objects.tally);
        }
        if tally.found && self.wanted.is_none() {
            tally.forests.insert(pack.path.clone(), forest);
        }
        tally
    }

    /// Looks at loose objects. Returns those that were gone when they were to be read, too.
    pub(crate) fn loose(&self, directory: &Directory, ids: &[ObjectId]) -> (Tally, Vec<ObjectId>) {
        ids.par_chunks(64)
            .map(|chunk| {
                let mut reader = LooseReader { scan: *self, inflater: Inflater::default(), bytes: Vec::new() };
                let mut windows = Windows::default();
                let (mut tally, mut gone) = (Tally::default(), Vec::new());
                for id in chunk {
                    if self.sink.cancelled() {
                        break;
                    }
                    if !reader.one(&directory.path, id, &mut windows, &mut tally) {
                        gone.push(*id);
                    }
                }
                (tally, gone)
            })
            .reduce(Default::default, |(mut tally, mut gone), (other, vanished)| {
                tally.append(other);
                gone.extend(vanished);
                (tally, gone)
            })
    }

    /// Looks for another copy of everything that could not be read, and tells of what has none.
    pub(crate) fn rescue(&self, odb: &Odb, tally: &mut Tally) {
        let mut lost = std::mem::take(&mut tally.lost);
        lost.sort_by(|a, b| a.id.cmp(&b.id).then(b.counted.cmp(&a.counted)));
        lost.dedup_by(|a, b| a.id == b.id);
        let mut rescue = Rescue::new(odb);
        for Lost { id, reason, detail, counted } in lost {
            let object = if self.sink.cancelled() { None } else { rescue.object(&id) };
            let Some((kind, bytes)) = object else {
                self.gap(Some(id), reason, detail);
                continue;
            };
            if !counted {
                tally.count(kind);
            }
            let (_, wipe) = self.look(id, kind, &bytes, &mut Vec::new(), tally);
            if wipe {
                zeroize::Zeroize::zeroize(&mut { bytes });
            }
        }
    }

    /// Hands a whole object to the engine if it holds any anchor. Returns whether it holds none.
    fn look(&self, id: ObjectId, kind: Kind, bytes: &[u8], seen: &mut Vec<Seen>, tally: &mut Tally) -> (bool, bool) {
        match kind {
            Kind::Commit => tally.commits.push(&id, bytes),
            Kind::Tag => tally.tags.extend(tagged(id.format(), bytes).map(|target| (id, target))),
            Kind::Blob => tally.blob_bytes += bytes.len() as u64,
            Kind::Tree => return (true, false),
        }
        self.sink.object(bytes.len() as u64);
        if bytes.len() as u64 > self.sink.max_bytes() {
            self.gap(Some(id), Reason::TooLarge, format!("{} bytes", bytes.len()));
            return (false, false);
        }
        let prefilter = self.sink.prefilter();
        if !prefilter.is_inside(bytes, seen) && !prefilter.is_at_start(bytes) {
            self.sink.begins(bytes);
            return (true, false);
        }
        let origin = Origin::object(self.name, id);
        let looked = if bytes.len() as u64 > STREAMED {
            stream::slices(bytes, &origin, self.sink)
        } else {
            self.sink.blob(Blob::whole(bytes, &origin))
        };
        if looked.found && ObjectId::of(id.format(), kind, bytes) != id {
            self.gap(Some(id), Reason::Damaged, "content is not what the name says; scanned all the same".to_owned());
        }
        tally.found |= looked.found;
        (false, looked.wipe)
    }

    fn stream(
        &self,
        id: ObjectId,
        kind: Kind,
        size: u64,
        bytes: &mut dyn Read,
        windows: &mut Windows,
        tally: &mut Tally,
    ) {
        if kind == Kind::Tree {
            return;
        }
        if kind == Kind::Blob {
            tally.blob_bytes += size;
        }
        self.sink.object(size);
        if size > self.sink.max_bytes() {
            return self.gap(Some(id), Reason::TooLarge, format!("{size} bytes"));
        }
        let (looked, fault) = windows.feed_part(bytes, &Origin::object(self.name, id), self.sink);
        tally.found |= looked.found;
        if let Some(detail) = fault {
            tally.lost.push(Lost { id, reason: Reason::Damaged, detail, counted: true });
        }
    }
}

/// One thread's visits.
struct Objects<'a> {
    scan: Scan<'a>,
    pack: &'a Pack,
    forest: &'a Forest,
    duplicates: &'a [bool],
    prefilter: &'a Prefilter,
    reach: usize,
    opening: usize,
    scratch: Vec<u8>,
    seen: Vec<Seen>,
    windows: Windows,
    tally: Tally,
    wipe: bool,
}

impl Objects<'_> {
    /// Whether an entry is to be looked at, and here.
    fn is_wanted(&self, entry: u32) -> bool {
        let position = self.forest.position(entry);
        let duplicate = self.duplicates.get(position as usize) == Some(&true);
        !duplicate
            && (self.scan.wanted.is_none() || self.pack.index.id(position).is_some_and(|id| self.scan.wants(&id)))
    }

    /// The name of an entry that is to be looked at here.
    fn id(&self, entry: u32) -> Option<ObjectId> {
        if self.is_wanted(entry) { self.pack.index.id(self.forest.position(entry)) } else { None }
    }
}

impl Visitor for Objects<'_> {
    fn whole(&mut self, entry: u32, kind: Kind, bytes: &[u8]) -> bool {
        let Some(id) = self.id(entry) else {
            // Not looked at, but what is built on it needs to know.
            return !self.prefilter.is_inside(bytes, &mut self.seen) && !self.prefilter.is_at_start(bytes);
        };
        let (clean, wipe) = self.scan.look(id, kind, bytes, &mut self.seen, &mut self.tally);
        self.wipe |= wipe;
        clean
    }

    fn change(&mut self, entry: u32, kind: Kind, change: Change<'_>) -> bool {
        // Commits are read for what they say of the history.
        if !self.scan.shortcut || kind != Kind::Blob || change.pieces.size as u64 > self.scan.sink.max_bytes() {
            return false;
        }
        let Change { base, delta, pieces, .. } = change;
        self.scratch.clear();
        pieces.fresh(delta, base, self.reach, &mut self.scratch);
        if self.prefilter.is_inside(&self.scratch, &mut self.seen) {
            return false;
        }
        self.scratch.clear();
        let start = if pieces.start(delta, base, self.opening, &mut self.scratch) { &self.scratch[..] } else { base };
        if self.prefilter.is_at_start(start) {
            return false;
        }
        if self.is_wanted(entry) {
            self.scan.sink.begins(start);
            self.scan.sink.object(pieces.size as u64);
            self.tally.blob_bytes += pieces.size as u64;
        }
        true
    }

    fn stream(&mut self, entry: u32, kind: Kind, size: u64, bytes: &mut dyn Read) {
        if let Some(id) = self.id(entry) {
            self.scan.stream(id, kind, size, bytes, &mut self.windows, &mut self.tally);
        }
    }

    fn damaged(&mut self, entry: u32, what: Malformed) {
        if let Some(id) = self.id(entry) {
            let reason = if what.what == super::walk::TOO_LARGE { Reason::TooLarge } else { Reason::Damaged };
            let detail = format!("{} in {}", what.what, file_name(&self.pack.path));
            self.tally.lost.push(Lost { id, reason, detail, counted: true });
        }
    }

    fn stop(&self) -> bool {
        self.scan.sink.cancelled()
    }

    fn take_wipe(&mut self) -> bool {
        std::mem::take(&mut self.wipe)
    }
}

struct LooseReader<'a> {
    scan: Scan<'a>,
    inflater: Inflater,
    bytes: Vec<u8>,
}

impl LooseReader<'_> {
    /// Looks at one loose object; `false` if it is gone.
    fn one(&mut self, objects: &Path, id: &ObjectId, windows: &mut Windows, tally: &mut Tally) -> bool {
        let lost = |what: Malformed, counted| Lost {
            id: *id,
            reason: Reason::Damaged,
            detail: format!("{} (loose object)", what.what),
            counted,
        };
        let path = loose::path(objects, id);
        let object = match Loose::open(&path, &mut self.inflater) {
            Ok(Ok(object)) => object,
            Ok(Err(what)) => {
                if self.scan.wants(id) {
                    tally.lost.push(lost(what, false));
                }
                return true;
            }
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return false,
            Err(error) => {
                self.scan.sink.gap(unread(&path, reason(&error), error.to_string()));
                return true;
            }
        };
        if !self.scan.wants(id) {
            return true;
        }
        tally.count(object.kind);
        if object.kind == Kind::Tree {
            return true;
        }
        if object.size > STREAMED {
            match object.stream() {
                Ok(mut bytes) => self.scan.stream(*id, object.kind, object.size, &mut bytes, windows, tally),
                Err(_) => tally.lost.push(lost(Malformed::new("zlib stream is damaged", 0), true)),
            }
            return true;
        }
        match object.read(&mut self.inflater, &mut self.bytes) {
            Ok(header) => {
                let content = self.bytes.get(header..).unwrap_or_default();
                let (_, wipe) = self.scan.look(*id, object.kind, content, &mut Vec::new(), tally);
                if wipe {
                    zeroize::Zeroize::zeroize(&mut self.bytes);
                }
            }
            Err(what) => tally.lost.push(lost(what, true)),
        }
        true
    }
}

/// Entries that are taken for trees, are not read for that reason, and are not what they were when they were stored: a
/// damaged header may hide a file. What is built on them counts as well.
fn misread(pack: &Pack, forest: &Forest) -> Vec<u32> {
    let bytes = pack.bytes();
    let is_whole = |entry: u32| {
        let Some(expected) = pack.index.checksum(forest.position(entry)) else { return true };
        let start = usize::try_from(forest.offset(entry)).unwrap_or(usize::MAX);
        let end = if entry as usize + 1 == forest.len() { bytes.len() as u64 } else { forest.offset(entry + 1) };
        let mut checksum = libdeflater::Crc::new();
        checksum.update(bytes.get(start..usize::try_from(end).unwrap_or(usize::MAX)).unwrap_or_default());
        checksum.sum() == expected
    };
    let damaged: Vec<u32> = (0..forest.len() as u32)
        .into_par_iter()
        .with_min_len(4096)
        .filter(|entry| forest.kind(*entry) == Some(Kind::Tree) && !is_whole(*entry))
        .collect();
    let mut all: Vec<u32> = damaged.into_iter().flat_map(|entry| forest.descendants(entry)).collect();
    all.sort_unstable();
    all.dedup();
    all
}

/// For every position of a pack whether an earlier pack holds the same object.
fn duplicates(pack: &Pack, earlier: &[&Pack]) -> Vec<bool> {
    let mut duplicates = Vec::new();
    for other in earlier {
        let (count, others) = (pack.index.len(), other.index.len());
        if duplicates.is_empty() {
            duplicates.resize(count as usize, false);
        }
        // Few in many are looked up; many in many are merged.
        let merge = u64::from(count) * 16 > u64::from(others);
        let mut at = 0;
        for (position, duplicate) in duplicates.iter_mut().enumerate().filter(|(_, duplicate)| !**duplicate) {
            let Some(id) = pack.index.id(position as u32) else { continue };
            *duplicate = if merge {
                while at < others && other.index.id(at).is_some_and(|theirs| theirs < id) {
                    at += 1;
                }
                other.index.id(at) == Some(id)
            } else {
                other.index.find(&id).is_some()
            };
        }
    }
    duplicates
}

fn file_name(path: &Path) -> String {
    path.file_name().unwrap_or_default().to_string_lossy().into_owned()
}
