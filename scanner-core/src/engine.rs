//! Runs detectors and unwrappers over blobs: schedule, panic guard, cancellation, counters.
//!
//! A source feeds blobs from its threads; each blob is looked at by a worker from a pool. Blobs of one file come from
//! one thread in order, and everything is sorted by origin at the end, so what is reported does not depend on the
//! number of jobs. Containers are opened by `unpack`.

mod allow;
mod allowance;
mod cover;
#[cfg(test)]
mod faked;
mod found;
mod gaps;
mod locked;
mod memory;
mod unpack;
mod worker;

use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Condvar, Mutex, PoisonError};

use serde::{Deserialize, Serialize};

use allowance::Allowance;
use cover::Known;
use found::{Found, Same};
use gaps::Gaps;
use memory::Room;
use worker::{Around, Worker};

use crate::blob::{Blob, Origin};
use crate::budget::{Budget, Limits};
use crate::candidates::Candidates;
use crate::effort;
use crate::error::{Gap, Reason, SourceError};
use crate::material::{Kind, Material, Occurrence, Word};
use crate::prefilter::Prefilter;
use crate::random::Cursor;
use crate::seam::{BlobSink, Knowledge, Looked, Packed, Source};
use crate::secret::wipe_stack;
use crate::source::stream::Windows;

/// What others may see of a run while it goes on, and how they stop it.
#[derive(Debug, Default)]
pub struct Watch {
    /// Set to stop the run within a second.
    pub cancelled: AtomicBool,
    /// Inputs read to their end.
    pub files: AtomicU64,
    /// Bytes read.
    pub bytes: AtomicU64,
    /// Git objects read.
    pub objects: AtomicU64,
    /// Bytes of git objects.
    pub object_bytes: AtomicU64,
    /// Materials found.
    pub materials: AtomicU64,
}

/// How many places are kept of each format that is recognised and not opened.
pub const UNOPENED_PLACES: usize = 32;

/// Everything a run found, and everything it did not read.
#[derive(Debug, Default)]
pub struct Harvest {
    /// Materials at their places, sorted by origin, then offset.
    pub occurrences: Vec<Occurrence>,
    /// Texts that may be passwords of what was found. None if no private key was found.
    pub candidates: Candidates,
    /// What could not be read, sorted. More than fits into memory is counted: one gap for each input and reason says how many.
    pub gaps: Vec<Gap>,
    /// How many gaps are counted so and not listed, of those that leave a run incomplete.
    pub unlisted: u64,
    /// Formats recognised and not opened, by id: how many inputs of each.
    pub unopened: BTreeMap<&'static str, u64>,
    /// The first [`UNOPENED_PLACES`] places of each that do not lie in a git history, in order.
    pub unopened_at: BTreeMap<&'static str, BTreeSet<Origin>>,
    /// Containers opened, by id: how many of each.
    pub opened: BTreeMap<&'static str, u64>,
    /// Members that came out of them.
    pub members: u64,
    /// Inputs read to their end.
    pub files: u64,
    /// Bytes read.
    pub bytes: u64,
    /// Hits that looked like material and were none.
    pub rejected: u64,
    /// Whether the run was interrupted.
    pub interrupted: bool,
}

/// What a run read and did not read, in numbers.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Counts {
    /// Inputs read to their end.
    pub files: u64,
    /// Bytes read.
    pub bytes: u64,
    /// Hits that looked like material and were none.
    pub rejected: u64,
    /// Containers opened, by id: how many of each.
    #[serde(with = "crate::wire::counts")]
    pub containers: BTreeMap<Word, u64>,
    /// Members that came out of them.
    pub members: u64,
    /// Formats recognised and not opened, by id: how many inputs of each.
    #[serde(with = "crate::wire::counts")]
    pub unopened: BTreeMap<Word, u64>,
    /// Gaps that are counted and not listed, of those that leave a run incomplete.
    pub unlisted: u64,
    /// Whether it was interrupted.
    pub interrupted: bool,
}

impl Counts {
    /// Adds those of another run. A sum that does not fit stays at the largest number.
    pub fn add(&mut self, other: Self) {
        let add = |sum: &mut u64, more: u64| *sum = sum.saturating_add(more);
        for (sum, more) in [
            (&mut self.files, other.files),
            (&mut self.bytes, other.bytes),
            (&mut self.rejected, other.rejected),
            (&mut self.members, other.members),
            (&mut self.unlisted, other.unlisted),
        ] {
            add(sum, more);
        }
        for (sums, more) in [(&mut self.containers, other.containers), (&mut self.unopened, other.unopened)] {
            for (word, count) in more {
                add(sums.entry(word).or_default(), count);
            }
        }
        self.interrupted |= other.interrupted;
    }
}

impl Harvest {
    /// What was read and was not, in numbers.
    pub fn counts(&self) -> Counts {
        Counts {
            files: self.files,
            bytes: self.bytes,
            rejected: self.rejected,
            containers: self.opened.clone(),
            members: self.members,
            unopened: self.unopened.clone(),
            unlisted: self.unlisted,
            interrupted: self.interrupted,
        }
    }
}

/// All that is known of formats, compiled once: what every run and every single look at bytes share.
///
/// It borrows what it knows, so that a detector of one's own or the rules of a user need not live longer than it does.
#[derive(Clone)]
pub struct Engine<'k> {
    knowledge: Knowledge<'k>,
    prefilter: Arc<Prefilter<'k>>,
    limits: Limits,
}

impl std::fmt::Debug for Engine<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Engine({:?}, {:?})", self.prefilter, self.limits)
    }
}

impl<'k> Engine<'k> {
    /// Compiles the anchors of what is known: some milliseconds.
    pub fn new(knowledge: Knowledge<'k>, limits: Limits) -> Self {
        let prefilter = Arc::new(Prefilter::new(&knowledge));
        Self { knowledge, prefilter, limits }
    }

    /// The same with other limits. Nothing is compiled again.
    #[must_use]
    pub fn limited(&self, limits: Limits) -> Self {
        Self { limits, ..self.clone() }
    }

    /// The limits that hold for each run.
    pub const fn limits(&self) -> Limits {
        self.limits
    }

    /// The anchors, compiled.
    pub fn prefilter(&self) -> &Prefilter<'k> {
        &self.prefilter
    }

    /// Scans every source, on up to `jobs` threads.
    pub fn scan(&self, sources: &[&dyn Source], jobs: usize, watch: &Watch) -> Result<Harvest, SourceError> {
        threads(jobs).map_err(|error| SourceError::Threads(format!("{jobs} of them: {error}")))?;
        let session = Session::new(self, watch, jobs);
        for source in sources {
            source.feed(jobs, &session)?;
        }
        let mut occurrences = session.take();
        for source in sources {
            source.settle(jobs, &mut occurrences, &session);
        }
        Ok(session.finish(occurrences))
    }

    /// Scans bytes that are already in memory, as if they were the file `name`.
    pub fn bytes(&self, name: &str, bytes: &[u8]) -> Harvest {
        let watch = Watch::default();
        let session = Session::new(self, &watch, 1);
        session.blob(Blob::whole(bytes, &Origin::file(name)));
        session.done(bytes.len() as u64);
        let occurrences = session.take();
        session.finish(occurrences)
    }

    /// What is in bytes that came to light after a run, such as those of a container that a password opened, and says more than
    /// `known`, which was found in them already.
    pub fn beyond(&self, origin: &Origin, bytes: &[u8], known: &[Material]) -> Vec<Material> {
        let watch = Watch::default();
        let session = Session::new(self, &watch, 1);
        session.blob(Blob::whole(bytes, origin));
        let known = Known::of(known);
        let found = session.take().into_iter().map(|occurrence| occurrence.material);
        found.filter(|material| !known.says(material)).collect()
    }
}

/// Whether the system gives so many threads at once. Asked before the work begins: libraries panic where it does not.
fn threads(jobs: usize) -> io::Result<()> {
    let wait = Barrier::default();
    std::thread::scope(|scope| {
        let made =
            (0..jobs).try_for_each(|_| std::thread::Builder::new().spawn_scoped(scope, || wait.wait()).map(drop));
        wait.open();
        made
    })
}

/// Keeps threads waiting until it is opened.
#[derive(Default)]
struct Barrier {
    open: Mutex<bool>,
    opened: Condvar,
}

impl Barrier {
    fn wait(&self) {
        let open = self.open.lock().unwrap_or_else(PoisonError::into_inner);
        drop(self.opened.wait_while(open, |open| !*open));
    }

    fn open(&self) {
        *self.open.lock().unwrap_or_else(PoisonError::into_inner) = true;
        self.opened.notify_all();
    }
}

/// Does the same with every item, on up to `jobs` threads. What comes back is in the order of the items, and `None` for
/// one that panicked: it costs itself alone. Without threads to be had it goes on one after the other.
pub fn each<T: Sync, R: Send>(jobs: usize, items: &[T], work: impl Fn(&T) -> R + Sync) -> Vec<Option<R>> {
    use rayon::prelude::*;
    let one = |item: &T| catch_unwind(AssertUnwindSafe(|| work(item))).ok();
    let pool = (jobs > 1 && items.len() > 1).then(|| rayon::ThreadPoolBuilder::new().num_threads(jobs).build());
    match pool {
        Some(Ok(pool)) => {
            let done = pool.install(|| items.par_iter().with_max_len(1).map(one).collect());
            // The stacks of threads that end are kept for the next ones.
            pool.broadcast(|_| wipe_stack());
            done
        }
        _ => items.iter().map(one).collect(),
    }
}

/// One run.
struct Session<'a> {
    knowledge: &'a Knowledge<'a>,
    prefilter: &'a Prefilter<'a>,
    limits: Limits,
    watch: &'a Watch,
    /// Workers not in use. One is taken for each blob: as many come to exist as there are threads.
    idle: Mutex<Vec<Worker>>,
    /// Read buffers not in use: one is taken for each member of a container.
    windows: Mutex<Vec<Windows>>,
    /// How many of them are kept.
    spare_windows: usize,
    found: Mutex<Found>,
    candidates: Mutex<Candidates>,
    gaps: Mutex<Gaps>,
    opened: Mutex<Opened>,
    locked: Mutex<locked::Shelf>,
    room: Arc<Room>,
    /// Damaged containers in whose bytes something was found, read as they are after what their members gave.
    rescanned: Mutex<BTreeSet<Origin>>,
}

/// Containers opened and members that came out.
#[derive(Default)]
struct Opened {
    containers: BTreeMap<&'static str, u64>,
    members: u64,
}

impl<'a> Session<'a> {
    fn new(engine: &'a Engine<'a>, watch: &'a Watch, jobs: usize) -> Self {
        Self {
            knowledge: &engine.knowledge,
            prefilter: &engine.prefilter,
            limits: engine.limits,
            watch,
            idle: Mutex::default(),
            windows: Mutex::default(),
            spare_windows: jobs.saturating_mul(2),
            found: Mutex::default(),
            candidates: Mutex::default(),
            gaps: Mutex::default(),
            opened: Mutex::default(),
            locked: Mutex::default(),
            room: Arc::default(),
            rescanned: Mutex::default(),
        }
    }

    /// Tells in which sections of a program finds lie, if it is one.
    fn locate(&self, start: &[u8], found: &mut [Occurrence], program: &dyn Fn() -> Cursor) {
        let Some(mapper) = self.knowledge.mapper.filter(|mapper| mapper.begins(start)) else { return };
        let Ok(sections) = catch_unwind(AssertUnwindSafe(|| mapper.sections(program()))) else { return };
        for occurrence in found {
            // What is wrapped in text lies where the text does.
            let wrapped = occurrence.origin.wraps.iter().rev().take_while(|wrap| wrap.text).last();
            let at = wrapped.map_or(occurrence.offset, |wrap| wrap.at);
            let section = sections.iter().find(|section| (section.start..section.end).contains(&at));
            occurrence.section = section.map(|section| format!("{}+{:#x}", section.name, at - section.start));
        }
    }

    /// Counts a container that was opened.
    fn opened(&self, kind: &'static str, members: u64) {
        let mut opened = self.opened.lock().unwrap_or_else(PoisonError::into_inner);
        *opened.containers.entry(kind).or_default() += 1;
        opened.members += members;
    }

    /// Counts what something is that is not opened, by its first bytes.
    fn count_unopened(&self, start: &[u8], origin: Option<&Origin>) {
        if self.knowledge.unopened.iter().any(|format| format.begins(start)) {
            let idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner).pop();
            let mut worker = idle.unwrap_or_default();
            worker.count_unopened(self.knowledge.unopened, origin, |format| format.begins(start));
            self.idle.lock().unwrap_or_else(PoisonError::into_inner).push(worker);
        }
    }

    /// Looks at a blob that is no container, or is taken for the bytes that it is, out of what is left for its input.
    fn plain(&self, blob: Blob<'_>, depth: u32, allowance: Option<&Allowance>) -> Looked {
        let known = allowance.and_then(|allowance| allowance.known.as_ref());
        let holding = allowance.map(|allowance| &allowance.holding);
        if is_blank(blob.bytes) {
            return Looked { stop: self.cancelled(), ..Looked::default() };
        }
        let idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner).pop();
        let mut worker = idle.unwrap_or_default();
        if blob.window.first() {
            worker.count_unopened(self.knowledge.unopened, Some(blob.origin), |format| format.begins(blob.bytes));
            if blob.origin.object.is_none() {
                worker.clues(self, blob);
            }
        }
        if blob.window.last {
            worker.count_unopened(self.knowledge.unopened, Some(blob.origin), |format| format.ends(blob.bytes));
        }
        let before = worker.count;
        let budget = Budget::new(self.limits);
        let frame = known.is_some().then(|| worker.begin());
        let around = Around::file(depth, holding);
        // Detectors and unwrappers have guards of their own; what was found before the fault stays.
        let look = AssertUnwindSafe(|| worker.look(self, blob, &budget, &around));
        let own = AtomicU64::new(effort::MOST);
        let left = allowance.map_or(&own, |allowance| &allowance.effort);
        if effort::within(left, || catch_unwind(look).unwrap_or_else(|_| self.fault(blob.origin))) {
            let detail = "keys whose numbers do not fit together: arithmetic".to_owned();
            self.gap(Gap { origin: blob.origin.clone(), reason: Reason::TooSlow, detail });
        }
        if let Some((known, frame)) = known.zip(frame) {
            known.lock().unwrap_or_else(PoisonError::into_inner).join(worker.end(frame));
        }
        worker.known.clear();
        worker.flush(self, blob);
        let now = worker.count;
        self.watch.materials.fetch_add(now.all - before.all, Ordering::Relaxed);
        let looked = Looked {
            stop: self.cancelled(),
            wipe: now.secrets > before.secrets,
            found: now.all > before.all,
            key: now.keys > before.keys,
        };
        self.idle.lock().unwrap_or_else(PoisonError::into_inner).push(worker);
        looked
    }

    /// Takes everything found so far, in an order that does not depend on threads.
    fn take(&self) -> Vec<Occurrence> {
        let found = std::mem::take(&mut *self.found.lock().unwrap_or_else(PoisonError::into_inner));
        let (mut occurrences, gaps) = found.finish();
        for gap in gaps {
            self.gap(gap);
        }
        in_order(&mut occurrences);
        self.without_twins(&mut occurrences);
        occurrences
    }

    /// Takes out what was found in the bytes of a damaged container and in a member of it: it is the same.
    fn without_twins(&self, occurrences: &mut Vec<Occurrence>) {
        let mut twins: BTreeSet<usize> = BTreeSet::new();
        for container in self.rescanned.lock().unwrap_or_else(PoisonError::into_inner).iter() {
            let first = occurrences.partition_point(|o| o.origin < *container);
            let inside = |o: &Occurrence| {
                o.origin.path == container.path
                    && o.origin.object == container.object
                    && o.origin.wraps.starts_with(&container.wraps)
            };
            let all = || occurrences.iter().enumerate().skip(first).take_while(|(_, o)| inside(o));
            let (own, members): (Vec<_>, Vec<_>) = all().partition(|(_, o)| o.origin == *container);
            let members: BTreeSet<Same> = members.iter().filter_map(|(_, o)| Same::of(&o.material)).collect();
            let is_twin = |o: &Occurrence| Same::of(&o.material).is_some_and(|same| members.contains(&same));
            twins.extend(own.iter().filter(|(_, o)| is_twin(o)).map(|(index, _)| *index));
        }
        let mut index = 0;
        occurrences.retain(|_| {
            index += 1;
            !twins.contains(&(index - 1))
        });
    }

    fn finish(self, mut occurrences: Vec<Occurrence>) -> Harvest {
        // Those of the histories came last.
        occurrences.append(&mut self.take());
        // Passwords are of no use where nothing is locked. A container that tells nothing before it is open may hold a key.
        let has_keys = occurrences.iter().any(|o| o.material.kind == Kind::PrivateKey || o.material.locked.is_some());
        let candidates = self.candidates.into_inner().unwrap_or_else(PoisonError::into_inner);
        let candidates = if has_keys { candidates } else { Candidates::default() };
        let (gaps, unlisted) = self.gaps.into_inner().unwrap_or_else(PoisonError::into_inner).finish();
        let opened = self.opened.into_inner().unwrap_or_else(PoisonError::into_inner);
        let mut harvest = Harvest {
            occurrences,
            candidates,
            opened: opened.containers,
            members: opened.members,
            gaps,
            unlisted,
            files: self.watch.files.load(Ordering::Relaxed),
            bytes: self.watch.bytes.load(Ordering::Relaxed),
            interrupted: self.watch.cancelled.load(Ordering::Relaxed),
            ..Harvest::default()
        };
        for worker in self.idle.into_inner().unwrap_or_else(PoisonError::into_inner) {
            harvest.rejected += worker.rejected;
            for (id, count) in worker.unopened {
                *harvest.unopened.entry(id).or_default() += count;
            }
            for (id, places) in worker.unopened_at {
                let kept = harvest.unopened_at.entry(id).or_default();
                for place in places {
                    keep_first(kept, place);
                }
            }
        }
        in_order(&mut harvest.occurrences);
        harvest
    }
}

/// Whether there is nothing but zeros: holes of images and what is unpacked to hurt. No key is, and zeros are slow
/// to search, because many binary anchors hold several.
fn is_blank(bytes: &[u8]) -> bool {
    bytes.chunks(1 << 12).all(|page| page.iter().fold(0, |any, byte| any | byte) == 0)
}

/// Keeps the first places in their order, whatever the order they come in.
fn keep_first(places: &mut BTreeSet<Origin>, place: Origin) {
    places.insert(place);
    if places.len() > UNOPENED_PLACES {
        places.pop_last();
    }
}

/// Stable: what one blob gave stays in the order in which it was found.
fn in_order(occurrences: &mut [Occurrence]) {
    occurrences.sort_by(|a, b| (&a.origin, a.offset).cmp(&(&b.origin, b.offset)));
}

impl BlobSink for Session<'_> {
    fn blob(&self, blob: Blob<'_>) -> Looked {
        if blob.window.first() && blob.window.last && self.contains(blob.bytes) {
            let opened = self.unpack(blob.origin, Packed::Stream(blob.bytes, &mut io::empty()));
            if let Some(looked) = opened {
                return looked;
            }
        }
        self.plain(blob, 0, None)
    }

    fn object(&self, bytes: u64) {
        self.watch.objects.fetch_add(1, Ordering::Relaxed);
        self.watch.object_bytes.fetch_add(bytes, Ordering::Relaxed);
    }

    fn prefilter(&self) -> &Prefilter<'_> {
        self.prefilter
    }

    fn begins(&self, start: &[u8]) {
        self.count_unopened(start, None);
    }

    fn gap(&self, gap: Gap) {
        self.gaps.lock().unwrap_or_else(PoisonError::into_inner).push(gap);
    }

    fn done(&self, bytes: u64) {
        self.watch.files.fetch_add(1, Ordering::Relaxed);
        self.watch.bytes.fetch_add(bytes, Ordering::Relaxed);
    }

    fn reads_clues(&self) -> bool {
        self.knowledge.clues.is_some()
    }

    fn wants_clue(&self, path: &Path) -> bool {
        self.knowledge.clues.is_some_and(|reader| reader.wants(path))
    }

    fn clue(&self, blob: Blob<'_>) {
        let idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner).pop();
        let mut worker = idle.unwrap_or_default();
        worker.clues(self, blob);
        worker.flush(self, blob);
        self.idle.lock().unwrap_or_else(PoisonError::into_inner).push(worker);
    }

    fn cancelled(&self) -> bool {
        self.watch.cancelled.load(Ordering::Relaxed)
    }

    fn max_bytes(&self) -> u64 {
        self.limits.max_bytes
    }

    fn limits(&self) -> Limits {
        self.limits
    }

    fn contains(&self, start: &[u8]) -> bool {
        self.knowledge.containers.iter().any(|container| container.claims(start))
    }

    fn map(&self, start: &[u8], found: &mut [Occurrence], program: &dyn Fn() -> Cursor) {
        self.locate(start, found, program);
    }

    fn unpack(&self, origin: &Origin, input: Packed<'_>) -> Option<Looked> {
        self.unpack_root(origin, input)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_keeps_the_order_and_survives_a_panic() {
        let items: Vec<u32> = (0..100).collect();
        let square = |&n: &u32| if n == 50 { panic!("fifty") } else { n * n };
        let one = each(1, &items, square);
        assert_eq!((one[49], one[50], one[51]), (Some(49 * 49), None, Some(51 * 51)));
        assert_eq!(each(4, &items, square), one);
    }
}
