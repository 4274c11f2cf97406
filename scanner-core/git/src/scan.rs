//! Scans every object of a repository, without building objects that cannot contain anything.

mod loose_reader;
mod message;
mod visitor;

use std::collections::{BTreeMap, HashSet};
use std::io::{self, Read};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use rayon::prelude::*;

use loose_reader::LooseReader;
use visitor::Objects;

use super::bounds::Bounds;
use super::commits::{Commits, tagged};
use super::forest::Forest;
use super::index::Index;
use super::odb::{Directory, Odb, unread};
use super::pack::{HEADER, MISSING_BASE, Pack};
use super::reindex;
use super::rescue::Rescue;
use super::trees::Forests;
use super::walk::{STREAMED, walk};
use keyradius_core::blob::{Blob, Origin, Wrap};
use keyradius_core::error::{Gap, Reason};
use keyradius_core::oid::{Kind, ObjectId};
use keyradius_core::prefilter::Seen;
use keyradius_core::seam::{Feed, Looked};
use keyradius_core::source::stream::{self, Windows};

/// The kinds that are scanned. Trees too: anybody can store anything as a tree.
const KINDS: [Kind; 4] = [Kind::Blob, Kind::Commit, Kind::Tag, Kind::Tree];

/// Maximum number of unreadable objects that are reported one by one; second copies are searched only for these.
const MOST_LOST: usize = 100_000;

/// The counts and results of a scan of objects.
#[derive(Debug, Default)]
pub(crate) struct Tally {
    /// Distinct objects by kind: commits, trees, blobs, tags.
    pub(crate) kinds: [u64; 4],
    /// Bytes of blobs.
    pub(crate) blob_bytes: u64,
    pub(crate) commits: Commits,
    /// Tag objects and their targets.
    pub(crate) tags: Vec<(ObjectId, ObjectId)>,
    /// Objects with findings, and whether these include a private key.
    pub(crate) hits: BTreeMap<ObjectId, bool>,
    /// Objects whose first copy could not be read.
    lost: Vec<Lost>,
    /// Number of further objects that could not be read.
    unlisted: u64,
    /// Whether a pack exceeded its limit on work.
    exhausted: bool,
    /// Forests of packs with findings.
    pub(crate) forests: Forests,
}

/// An object that could not be read in one place.
#[derive(Debug)]
pub(crate) struct Lost {
    pub(crate) id: ObjectId,
    reason: Reason,
    what: &'static str,
    /// The pack that contains it; `None` for a loose object.
    file: Option<Arc<str>>,
    /// Whether it is counted in [`Tally::kinds`].
    counted: bool,
}

impl Lost {
    fn detail(&self) -> String {
        match &self.file {
            Some(file) => format!("{} in {file}", self.what),
            None => format!("{} (loose object)", self.what),
        }
    }
}

impl Tally {
    /// Whether there are findings.
    pub(crate) fn found(&self) -> bool {
        !self.hits.is_empty()
    }

    fn hit(&mut self, id: ObjectId, looked: Looked) {
        if looked.found {
            *self.hits.entry(id).or_default() |= looked.key;
        }
    }

    fn lose(&mut self, lost: Lost) {
        if self.lost.len() < MOST_LOST {
            self.lost.push(lost);
        } else {
            self.unlisted += 1;
        }
    }

    pub(crate) fn append(&mut self, other: Self) {
        self.kinds.iter_mut().zip(other.kinds).for_each(|(to, from)| *to += from);
        self.blob_bytes += other.blob_bytes;
        self.commits.append(other.commits);
        self.tags.extend(other.tags);
        for (id, key) in other.hits {
            *self.hits.entry(id).or_default() |= key;
        }
        other.lost.into_iter().for_each(|lost| self.lose(lost));
        self.unlisted += other.unlisted;
        self.exhausted |= other.exhausted;
        self.forests.extend(other.forests);
    }

    pub(crate) fn count(&mut self, kind: Kind) {
        if let Some(count) = self.kinds.get_mut(kind as usize - 1) {
            *count += 1;
        }
    }
}

/// The state that all threads of a scan share.
#[derive(Clone, Copy)]
pub(crate) struct Scan<'a> {
    pub(crate) to: Feed<'a>,
    /// The path given to objects until their own paths are known.
    pub(crate) name: &'a Path,
    /// Objects to scan; `None` for all.
    pub(crate) wanted: Option<&'a HashSet<ObjectId>>,
    /// Whether a delta on a clean base may be judged by what it adds.
    pub(crate) shortcut: bool,
    pub(crate) jobs: usize,
    pub(crate) bounds: &'a Bounds,
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
        self.to.run.gap(Gap::new(origin, reason, detail));
    }

    /// Scans every object of a pack; objects of earlier packs are not counted again. Bytes that belong to no object are
    /// scanned as they are. Returns the same pack with another index, if its own index is incomplete.
    pub(crate) fn pack(&self, pack: &Pack, earlier: &[&Pack]) -> (Tally, Option<Pack>) {
        let mut tally = Tally::default();
        let (forest, strays) = self.pass(pack, earlier, None, &mut tally);
        let mut rebuilt = None;
        // A part of a history leaves most of a pack unread, and an interrupted scan cannot tell what is unlisted.
        if self.wanted.is_none() && !self.to.run.cancelled() && !tally.exhausted {
            rebuilt = self.strays(pack, &forest, strays, &mut tally);
        }
        if tally.found() && self.wanted.is_none() && rebuilt.is_none() {
            tally.forests.insert(pack.path.clone(), forest);
        }
        (tally, rebuilt)
    }

    /// Scans the objects of a pack, or only the entries at some offsets. Also returns the ranges of bytes that belong
    /// to no object.
    fn pass(
        &self,
        pack: &Pack,
        earlier: &[&Pack],
        only: Option<&HashSet<u64>>,
        tally: &mut Tally,
    ) -> (Forest, Vec<(u64, u64)>) {
        let mut forest = Forest::of(pack);
        let duplicates = duplicates(pack, earlier);
        let fresh = |entry: u32| duplicates.get(forest.position(entry) as usize) != Some(&true);
        let wanted = |entry: u32| {
            only.is_none_or(|only| only.contains(&forest.offset(entry)))
                && (self.wanted.is_none() || pack.index.id(forest.position(entry)).is_some_and(|id| self.wants(&id)))
        };
        for entry in (0..forest.len() as u32).filter(|entry| fresh(*entry) && wanted(*entry)) {
            if let Some(kind) = forest.kind(entry) {
                tally.count(kind);
            }
        }
        let file: Arc<str> = file_name(&pack.path).into();
        let mut strays = Vec::new();
        if forest.len() == 0 || forest.offset(0) > HEADER {
            strays.push((HEADER, if forest.len() == 0 { pack.end() } else { forest.offset(0).min(pack.end()) }));
        }
        for (entry, what) in &forest.faults {
            strays.push((forest.offset(*entry), forest.end(*entry)));
            let reason = if what.what == MISSING_BASE { Reason::MissingBase } else { Reason::Damaged };
            match pack.index.id(forest.position(*entry)) {
                Some(id) if self.wants(&id) => {
                    let counted = forest.kind(*entry).is_some();
                    tally.lose(Lost { id, reason, what: what.what, file: Some(Arc::clone(&file)), counted });
                }
                id => self.gap(id, reason, format!("{} in {file}", what.what)),
            }
        }
        if self.wanted.is_some() || only.is_some() {
            let keep: Vec<bool> = (0..forest.len() as u32).map(wanted).collect();
            forest.prune(&|entry| keep.get(entry as usize) == Some(&true));
        }
        let prefilter = self.to.run.prefilter();
        let visitor = || Objects {
            scan: *self,
            pack,
            forest: &forest,
            duplicates: &duplicates,
            file: Arc::clone(&file),
            prefilter,
            reach: prefilter.longest().saturating_sub(1),
            opening: prefilter.opening(),
            scratch: Vec::new(),
            seen: Vec::new(),
            windows: Windows::default(),
            tally: Tally::default(),
            strays: Vec::new(),
            visited: 0,
            too_large: 0,
            wipe: false,
        };
        let (mut visited, mut too_large) = (0, 0);
        for mut objects in walk(pack, &forest, &KINDS, self.jobs, &visitor) {
            visited += objects.visited;
            too_large += objects.too_large;
            strays.append(&mut objects.strays);
            tally.append(objects.tally);
        }
        let about = |reason, detail| self.to.run.gap(unread(&pack.path, reason, detail));
        if too_large > 0 {
            let most = pack.bounds.object() >> 20;
            let detail = format!("{too_large} objects not read: building them needs more than {most} MiB of memory");
            about(Reason::TooLarge, detail);
        }
        if tally.exhausted {
            let left = (forest.len() as u64).saturating_sub(visited);
            let most = pack.bounds.work(pack.size()) >> 20;
            let detail = format!("{left} objects not read: building the others took {most} MiB of bytes");
            about(Reason::TooMuchOutput, detail);
        }
        (forest, strays)
    }

    /// Reads the bytes of a pack that belong to no listed object: entries that its index does not list, and other
    /// bytes.
    fn strays(&self, pack: &Pack, forest: &Forest, mut strays: Vec<(u64, u64)>, tally: &mut Tally) -> Option<Pack> {
        strays.sort_unstable();
        strays.dedup();
        let (mut unlisted, mut bytes): (Vec<u64>, Vec<(u64, u64)>) = (Vec::new(), Vec::new());
        let mut behind = 0;
        for (from, to) in strays {
            let from = from.max(behind);
            if from < to {
                let (entries, _) = reindex::run(pack, from, to, usize::MAX);
                let rest = entries.last().map_or(from, |(_, next)| *next);
                unlisted.extend(entries.into_iter().map(|(offset, _)| offset).filter(|offset| !forest.has(*offset)));
                if rest < to {
                    bytes.push((rest, to));
                }
            }
            behind = behind.max(to);
        }
        // Bytes after the trailing checksum, or in its place, begin where the last entry ends.
        if let Some((_, to)) = bytes.last_mut().filter(|(_, to)| *to >= pack.end()) {
            *to = pack.size();
        }
        self.search(pack, &bytes);
        let (listed, declared) = (pack.index.len(), pack.declared);
        if unlisted.is_empty() {
            if declared != listed && bytes.is_empty() {
                let detail = format!("declares {declared} objects and has {listed}; all were read");
                self.to.run.gap(unread(&pack.path, Reason::IndexRebuilt, detail));
            }
            return None;
        }
        let only: HashSet<u64> = unlisted.iter().copied().collect();
        let mut offsets: Vec<u64> = (0..forest.len() as u32).map(|entry| forest.offset(entry)).collect();
        offsets.extend(unlisted);
        offsets.sort_unstable();
        offsets.dedup();
        let mut faults = 0;
        let table = reindex::table(pack, offsets, &mut |_| faults += 1);
        let rebuilt = pack.by(Index::made(table, pack.format));
        let detail = format!("lists {listed} of {} objects of its pack; all were read", rebuilt.index.len() + faults);
        let index = pack.path.with_extension("idx");
        self.to.run.gap(unread(if index.exists() { &index } else { &pack.path }, Reason::IndexRebuilt, detail));
        self.pass(&rebuilt, &[pack], Some(&only), tally);
        Some(rebuilt)
    }

    /// Scans bytes of a pack as they are.
    fn search(&self, pack: &Pack, places: &[(u64, u64)]) {
        let Some((first, _)) = places.first() else { return };
        let many: u64 = places.iter().map(|(from, to)| to - from).sum();
        let at = pack.in_file(*first);
        let detail =
            format!("{many} bytes belong to no object, the first at byte {at}; they were searched as they are");
        self.to.run.gap(unread(&pack.path, Reason::Damaged, detail));
        for (from, to) in places {
            if self.to.run.cancelled() {
                return;
            }
            let at = pack.in_file(*from);
            self.raw(&pack.path, at, &mut pack.part(*from, *to));
        }
    }

    /// Scans a part of a repository's file as plain bytes.
    fn raw(&self, path: &Path, at: u64, bytes: &mut dyn Read) {
        let origin = Origin::file(path);
        let origin = if at == 0 { origin } else { origin.inside(Wrap::member("rest", at, PathBuf::new())) };
        let (_, fault) = Windows::default().feed_part(bytes, &origin, self.to);
        if let Some(detail) = fault {
            self.to.run.gap(Gap::new(origin, Reason::ReadError, detail));
        }
    }

    /// Scans loose objects; `counts` tells which of them are in no pack. Also returns those that had vanished before
    /// they were read.
    pub(crate) fn loose(
        &self,
        directory: &Directory,
        ids: &[ObjectId],
        counts: &(dyn Fn(&ObjectId) -> bool + Sync),
    ) -> (Tally, Vec<ObjectId>) {
        ids.par_chunks(64)
            .map(|chunk| {
                let mut reader = LooseReader::new(*self);
                let mut windows = Windows::default();
                let (mut tally, mut gone) = (Tally::default(), Vec::new());
                for id in chunk {
                    if self.to.run.cancelled() {
                        break;
                    }
                    if !reader.one(&directory.path, id, counts(id), &mut windows, &mut tally) {
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

    /// Searches another copy of everything that could not be read, and reports what has none.
    pub(crate) fn rescue(&self, odb: &Odb, tally: &mut Tally) {
        let mut lost = std::mem::take(&mut tally.lost);
        lost.sort_by(|a, b| a.id.cmp(&b.id).then(b.counted.cmp(&a.counted)));
        lost.dedup_by(|a, b| a.id == b.id);
        let mut rescue = Rescue::new(odb);
        for lost in lost {
            let object = if self.to.run.cancelled() { None } else { rescue.object(&lost.id) };
            let Some((kind, bytes)) = object else {
                self.gap(Some(lost.id), lost.reason, lost.detail());
                continue;
            };
            if !lost.counted {
                tally.count(kind);
            }
            let (_, wipe) = self.look(lost.id, kind, &bytes, !lost.counted, &mut Vec::new(), tally);
            if wipe {
                zeroize::Zeroize::zeroize(&mut { bytes });
            }
        }
        if tally.unlisted > 0 {
            let detail = format!("and {} more objects that cannot be read", tally.unlisted);
            self.gap(None, Reason::Damaged, detail);
        }
    }

    /// Hands a whole object to the engine if it contains an anchor. Returns whether it contains none, and whether to
    /// wipe its bytes. `counts`: the object is not a second copy.
    fn look(
        &self,
        id: ObjectId,
        kind: Kind,
        bytes: &[u8],
        counts: bool,
        seen: &mut Vec<Seen>,
        tally: &mut Tally,
    ) -> (bool, bool) {
        if counts {
            match kind {
                Kind::Commit => tally.commits.push(&id, bytes),
                Kind::Tag => tally.tags.extend(tagged(id.format(), bytes).map(|target| (id, target))),
                Kind::Blob => tally.blob_bytes += bytes.len() as u64,
                Kind::Tree => {}
            }
            if kind != Kind::Tree {
                self.to.run.count_object(bytes.len() as u64);
            }
        }
        if bytes.len() as u64 > self.to.run.limits().max_bytes {
            self.gap(Some(id), Reason::TooLarge, format!("{} bytes", bytes.len()));
            return (false, false);
        }
        let message = self.message(id, kind, bytes, &mut io::empty()).unwrap_or_default();
        tally.hit(id, message);
        let prefilter = self.to.run.prefilter();
        if !prefilter.is_inside(bytes, seen) && !prefilter.is_at_start(bytes) {
            self.to.run.count_unopened(bytes, || Origin::object(self.name, id));
            return (true, message.wipe);
        }
        let origin = Origin::object(self.name, id);
        let looked = if bytes.len() as u64 > STREAMED {
            stream::slices(bytes, &origin, self.to)
        } else {
            self.to.sink.blob(Blob::whole(bytes, &origin))
        };
        if looked.found && ObjectId::of(id.format(), kind, bytes) != id {
            self.gap(Some(id), Reason::Damaged, "content does not match the object id; scanned anyway".to_owned());
        }
        tally.hit(id, looked);
        (false, looked.wipe || message.wipe)
    }

    fn stream(
        &self,
        id: ObjectId,
        (kind, size, counts): (Kind, u64, bool),
        bytes: &mut dyn Read,
        windows: &mut Windows,
        tally: &mut Tally,
    ) {
        if counts && kind == Kind::Blob {
            tally.blob_bytes += size;
        }
        if counts && kind != Kind::Tree {
            self.to.run.count_object(size);
        }
        if size > self.to.run.limits().max_bytes {
            return self.gap(Some(id), Reason::TooLarge, format!("{size} bytes"));
        }
        let origin = Origin::object(self.name, id);
        let (looked, fault) = match kind {
            Kind::Commit | Kind::Tag => self.stream_text(id, kind, bytes, windows),
            Kind::Blob | Kind::Tree => windows.feed_part(bytes, &origin, self.to),
        };
        tally.hit(id, looked);
        if fault.is_some() {
            let reason = Reason::Damaged;
            tally.lose(Lost { id, reason, what: "cannot be read to its end", file: None, counted: true });
        }
    }
}

/// For every position of a pack, whether an earlier pack contains the same object.
fn duplicates(pack: &Pack, earlier: &[&Pack]) -> Vec<bool> {
    let mut duplicates = Vec::new();
    for other in earlier {
        let (count, others) = (pack.index.len(), other.index.len());
        if duplicates.is_empty() {
            duplicates.resize(count as usize, false);
        }
        // If the other pack is much larger, ids are looked up; otherwise the two lists are merged.
        if u64::from(count) * 16 > u64::from(others) {
            let mut theirs = other.index.ids().peekable();
            for (duplicate, id) in duplicates.iter_mut().zip(pack.index.ids()) {
                while theirs.next_if(|other| *other < id).is_some() {}
                *duplicate |= theirs.peek() == Some(&id);
            }
        } else {
            for (duplicate, id) in duplicates.iter_mut().zip(pack.index.ids()) {
                *duplicate = *duplicate || other.index.find(&id).is_some();
            }
        }
    }
    duplicates
}

fn file_name(path: &Path) -> String {
    path.file_name().unwrap_or_default().to_string_lossy().into_owned()
}
