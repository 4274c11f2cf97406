//! Runs detectors and unwrappers over blobs: schedule, panic guard, cancellation, counters.
//!
//! A source feeds blobs from its threads; each blob is looked at by a worker from a pool. Blobs of one file come from
//! one thread in order, and everything is sorted by origin at the end, so what is reported does not depend on the
//! number of jobs. Containers are opened by `unpack`.

mod allow;
mod cover;
#[cfg(test)]
mod faked;
mod locked;
mod searcher;
mod unpack;

use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::ops::{ControlFlow, Range};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use zeroize::Zeroizing;

use allow::mark;
use cover::{Covers, Enclosing, Known, MAX_NESTED};
use searcher::Compiled;
pub use searcher::Searcher;

use crate::blob::{Blob, Origin, Window, Wrap};
use crate::budget::{Budget, Limits};
use crate::candidates::Candidates;
use crate::error::{Gap, Reason, SourceError};
use crate::material::{Kind, Mark, Material, Occurrence};
use crate::prefilter::{Prefilter, Seen};
use crate::random::{Cursor, Held};
use crate::seam::{
    BlobSink, Clues, Decoded, Hit, Inspection, Knowledge, Looked, Packed, Source, Unopenable, Unopened, Unwrapper,
};
use crate::secret::wipe_stack;
use crate::source::stream::{Windows, count_lines};

/// Largest file that is read for what it says of keys that lie elsewhere, in bytes. Larger ones are data.
const CLUES: usize = 1 << 20;

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
    /// What could not be read, sorted.
    pub gaps: Vec<Gap>,
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

/// Scans every source.
pub fn scan(
    knowledge: &Knowledge,
    sources: &[&dyn Source],
    jobs: usize,
    limits: Limits,
    watch: &Watch,
) -> Result<Harvest, SourceError> {
    let session = Session::new(knowledge, limits, watch);
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
pub fn scan_bytes(knowledge: &Knowledge, name: &str, bytes: &[u8], limits: Limits) -> Harvest {
    let watch = Watch::default();
    let session = Session::new(knowledge, limits, &watch);
    session.blob(Blob::whole(bytes, &Origin::file(name)));
    session.done(bytes.len() as u64);
    let occurrences = session.take();
    session.finish(occurrences)
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
    knowledge: &'a Knowledge,
    prefilter: Compiled<'a>,
    limits: Limits,
    watch: &'a Watch,
    /// Workers not in use. One is taken for each blob: as many come to exist as there are threads.
    idle: Mutex<Vec<Worker>>,
    /// Read buffers not in use: one is taken for each member of a container.
    windows: Mutex<Vec<Windows>>,
    gaps: Mutex<Vec<Gap>>,
    opened: Mutex<Opened>,
    locked: Mutex<locked::Shelf>,
    /// Damaged containers whose bytes were looked at as they are, after what their members gave.
    rescanned: Mutex<BTreeSet<Origin>>,
}

/// Containers opened and members that came out.
#[derive(Default)]
struct Opened {
    containers: BTreeMap<&'static str, u64>,
    members: u64,
}

impl<'a> Session<'a> {
    fn new(knowledge: &'a Knowledge, limits: Limits, watch: &'a Watch) -> Self {
        Self::with(knowledge, Compiled::Own(Box::new(Prefilter::new(knowledge))), limits, watch)
    }

    fn with(knowledge: &'a Knowledge, prefilter: Compiled<'a>, limits: Limits, watch: &'a Watch) -> Self {
        Self {
            knowledge,
            prefilter,
            limits,
            watch,
            idle: Mutex::default(),
            windows: Mutex::default(),
            gaps: Mutex::default(),
            opened: Mutex::default(),
            locked: Mutex::default(),
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

    /// Looks at a blob that is no container, or is taken for the bytes that it is.
    fn plain(&self, blob: Blob<'_>, depth: u32, known: Option<&Mutex<Known>>) -> Looked {
        if is_blank(blob.bytes) {
            return Looked { stop: self.cancelled(), ..Looked::default() };
        }
        let idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner).pop();
        let mut worker = idle.unwrap_or_default();
        if blob.window.first() {
            worker.count_unopened(blob.bytes, self.knowledge.unopened, Some(blob.origin));
            if blob.origin.object.is_none() {
                worker.clues(self, blob);
            }
        }
        let before = worker.occurrences.len();
        let budget = Budget::new(self.limits);
        // Detectors and unwrappers have guards of their own; what was found before the fault stays.
        let look = AssertUnwindSafe(|| worker.look(self, blob, &budget, &Around { depth, ..Around::default() }));
        catch_unwind(look).unwrap_or_else(|_| self.fault(blob.origin));
        let found = worker.occurrences.get_mut(before..).unwrap_or_default();
        if !found.is_empty() && blob.window.first() && blob.window.last {
            self.locate(blob.bytes, found, &|| Cursor::new(Arc::new(Held::new(blob.bytes.to_vec()))));
        }
        if let Some(known) = known.filter(|_| !found.is_empty()) {
            let found = Known::of(found.iter().map(|occurrence| &occurrence.material));
            known.lock().unwrap_or_else(PoisonError::into_inner).join(found);
        }
        let wipe = found.iter().any(|o| matches!(o.material.kind, Kind::PrivateKey | Kind::Secret));
        self.watch.materials.fetch_add(found.len() as u64, Ordering::Relaxed);
        let key = found.iter().any(|o| o.material.kind == Kind::PrivateKey);
        let looked = Looked { stop: self.cancelled(), wipe, found: !found.is_empty(), key };
        self.idle.lock().unwrap_or_else(PoisonError::into_inner).push(worker);
        looked
    }

    /// Takes everything found so far, in an order that does not depend on threads.
    fn take(&self) -> Vec<Occurrence> {
        let mut occurrences = Vec::new();
        for worker in self.idle.lock().unwrap_or_else(PoisonError::into_inner).iter_mut() {
            occurrences.append(&mut worker.occurrences);
        }
        in_order(&mut occurrences);
        self.without_twins(&mut occurrences);
        occurrences
    }

    /// Takes out what was found in the bytes of a damaged container and in a member of it: it is the same.
    fn without_twins(&self, occurrences: &mut Vec<Occurrence>) {
        for container in self.rescanned.lock().unwrap_or_else(PoisonError::into_inner).iter() {
            let first = occurrences.partition_point(|o| o.origin < *container);
            let inside = |o: &Occurrence| {
                o.origin.path == container.path
                    && o.origin.object == container.object
                    && o.origin.wraps.starts_with(&container.wraps)
            };
            let many = occurrences.iter().skip(first).take_while(|o| inside(o)).count();
            let all = occurrences.get(first..first + many).unwrap_or_default();
            let members: Vec<&Material> = all.iter().filter(|o| o.origin != *container).map(|o| &o.material).collect();
            let is_twin =
                |o: &Occurrence| o.origin == *container && members.iter().any(|member| member.is_same(&o.material));
            let twins: BTreeSet<usize> =
                all.iter().enumerate().filter(|(_, o)| is_twin(o)).map(|(index, _)| first + index).collect();
            let mut index = 0;
            occurrences.retain(|_| {
                index += 1;
                !twins.contains(&(index - 1))
            });
        }
    }

    fn finish(self, occurrences: Vec<Occurrence>) -> Harvest {
        let opened = self.opened.into_inner().unwrap_or_else(PoisonError::into_inner);
        let mut harvest = Harvest {
            occurrences,
            opened: opened.containers,
            members: opened.members,
            gaps: self.gaps.into_inner().unwrap_or_else(PoisonError::into_inner),
            files: self.watch.files.load(Ordering::Relaxed),
            bytes: self.watch.bytes.load(Ordering::Relaxed),
            interrupted: self.watch.cancelled.load(Ordering::Relaxed),
            ..Harvest::default()
        };
        for mut worker in self.idle.into_inner().unwrap_or_else(PoisonError::into_inner) {
            // Those of the histories came last.
            harvest.occurrences.append(&mut worker.occurrences);
            harvest.candidates.append(std::mem::take(&mut worker.candidates));
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
        // What uses keys says nothing where there are none.
        if !harvest.occurrences.iter().any(|o| o.material.kind == Kind::PrivateKey) {
            harvest.occurrences.retain(|o| o.material.kind != Kind::Reference);
            harvest.candidates.clear();
        }
        in_order(&mut harvest.occurrences);
        harvest.gaps.sort();
        harvest.gaps.dedup();
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

    fn prefilter(&self) -> &Prefilter {
        self.prefilter.get()
    }

    fn begins(&self, start: &[u8]) {
        if self.knowledge.unopened.iter().any(|format| format.begins(start)) {
            let idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner).pop();
            let mut worker = idle.unwrap_or_default();
            worker.count_unopened(start, self.knowledge.unopened, None);
            self.idle.lock().unwrap_or_else(PoisonError::into_inner).push(worker);
        }
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

/// What surrounds a blob that came out of a wrapper.
#[derive(Clone, Default)]
struct Around<'a> {
    depth: u32,
    /// Line of the outermost wrapper; `None` for a file itself.
    line: Option<u64>,
    /// The mark beside the text that wraps it.
    mark: Option<Mark>,
    /// Whether a person who looks at the file does not see the marks in this blob.
    encoded: bool,
    /// Whether something was found in these bytes already.
    again: bool,
    /// What was found around it.
    enclosing: Option<Enclosing<'a>>,
}

impl Around<'_> {
    /// The mark that belongs to a span of the blob.
    fn mark(&self, bytes: &[u8], span: &Range<usize>) -> Option<Mark> {
        let here = || mark(bytes, span).map(|found| if self.encoded { found.hidden() } else { found });
        self.mark.clone().or_else(here)
    }
}

/// One thread's findings and scratch space.
#[derive(Default)]
struct Worker {
    occurrences: Vec<Occurrence>,
    candidates: Candidates,
    unopened: BTreeMap<&'static str, u64>,
    unopened_at: BTreeMap<&'static str, BTreeSet<Origin>>,
    rejected: u64,
    /// Lists of hits not in use, one for each level of wrapping.
    spare: Vec<Vec<Seen>>,
}

impl Worker {
    fn count_unopened(&mut self, bytes: &[u8], formats: &[Unopened], origin: Option<&Origin>) {
        let known = formats.iter().find(|format| format.begins(bytes));
        if let Some(format) = known {
            *self.unopened.entry(format.id).or_default() += 1;
            if let Some(origin) = origin.filter(|origin| origin.object.is_none()) {
                keep_first(self.unopened_at.entry(format.id).or_default(), origin.clone());
            }
        }
    }

    /// Reads what a file says of keys that lie elsewhere, if its name tells that it may.
    fn clues(&mut self, session: &Session<'_>, blob: Blob<'_>) {
        let Some(reader) = session.knowledge.clues else { return };
        if !reader.wants(&blob.origin.location()) {
            return;
        }
        if blob.bytes.len() > CLUES || !blob.window.last {
            return self.candidates.not_all_of(blob.origin);
        }
        let mut clues = Clues::default();
        if catch_unwind(AssertUnwindSafe(|| reader.read(blob, &mut clues))).is_err() {
            let origin = blob.origin.clone();
            session.gap(Gap { origin, reason: Reason::DetectorFault, detail: "usage".to_owned() });
        }
        if clues.not_all {
            self.candidates.not_all_of(blob.origin);
        }
        clues.candidates.into_iter().for_each(|candidate| self.candidates.push(candidate));
        let mut lines = Lines { at: 0, line: 1 };
        clues.references.sort_by_key(|material| material.span.start);
        for material in clues.references {
            let line = lines.at(blob, material.span.start);
            self.keep(blob, material, line, None);
        }
    }

    /// Finds every anchor in a blob and asks its owners.
    fn look(&mut self, session: &Session<'_>, blob: Blob<'_>, budget: &Budget, around: &Around<'_>) {
        let mut hits = self.spare.pop().unwrap_or_default();
        hits.clear();
        session.prefilter.get().find(blob.bytes, blob.window, &mut hits);
        let whole = blob.window.first() && session.knowledge.unwrappers.iter().any(|unwrapper| unwrapper.claims(blob));
        if !hits.is_empty() || whole {
            self.ask(session, blob, whole, &hits, budget, around);
        }
        self.spare.push(hits);
    }

    fn ask(
        &mut self,
        session: &Session<'_>,
        blob: Blob<'_>,
        whole: bool,
        hits: &[Seen],
        budget: &Budget,
        around: &Around<'_>,
    ) {
        let gap = |reason, detail: &str| {
            session.gap(Gap { origin: blob.origin.clone(), reason, detail: detail.to_owned() });
        };
        let mut lines = Lines { at: 0, line: blob.window.line };
        let mut covers = Covers::within(around.enclosing);
        let mut too_deep = false;
        let mut inspection = Inspection::default();
        let first = self.occurrences.len();
        let claiming = session.knowledge.unwrappers.iter().filter(|unwrapper| whole && unwrapper.claims(blob));
        for unwrapper in claiming {
            let mut wrapper = Wrapper { session, blob, hit: Hit::START, budget, around, line: blob.window.line };
            // What is in it is told once; if there is nothing in it, it may have been none. Digits may be of two kinds.
            if let Some(opened) = self.unwrap(*unwrapper, &mut wrapper, &covers).filter(|opened| opened.found) {
                covers.opened(*unwrapper, blob, Hit::START, opened.span.clone());
                covers.add(opened.span, opened.known);
                break;
            }
        }
        for &seen in hits {
            covers.pass(seen.at);
            if session.cancelled() {
                return;
            }
            if budget.out_of_time() {
                return gap(Reason::TooSlow, &format!("gave up at byte {}", blob.window.start + seen.at as u64));
            }
            let depth = covers.depth(seen.at);
            if depth > MAX_NESTED {
                if !std::mem::replace(&mut too_deep, true) {
                    let at = blob.window.start + seen.at as u64;
                    gap(Reason::TooDeep, &format!("findings inside of findings at byte {at}"));
                }
                continue;
            }
            let Some((hit, owners)) = session.prefilter.get().hit(seen) else { continue };
            let mut looked_like = false;
            for detector in owners.detectors.iter().filter_map(|&i| session.knowledge.detectors.get(i)) {
                // The detectors hold no state, so a panic leaves nothing half changed but the inspection.
                match catch_unwind(AssertUnwindSafe(|| detector.inspect(blob, hit, &mut inspection))) {
                    Ok(Ok(())) => {}
                    Ok(Err(_)) => looked_like = true,
                    Err(_) => gap(Reason::DetectorFault, detector.about().id),
                }
                if !inspection.materials().is_empty() {
                    break;
                }
            }
            let (found, decoded) = (inspection.take(), inspection.take_decoded());
            if found.is_empty() {
                // Inside of a finding much looks like a key that is a part of one.
                self.rejected += u64::from(looked_like && depth == 0 && !around.again);
                let wrapper = Wrapper { session, blob, hit, budget, around, line: 0 };
                self.search_decoded(decoded, &wrapper, &mut covers, &mut lines, false);
                for unwrapper in owners.unwrappers.iter().filter_map(|&i| session.knowledge.unwrappers.get(i)) {
                    // It was asked already.
                    if (whole && hit.anchor.at_start && unwrapper.claims(blob))
                        || covers.was_opened(*unwrapper, blob, hit)
                    {
                        continue;
                    }
                    let mut wrapper = Wrapper { session, blob, hit, budget, around, line: lines.at(blob, seen.at) };
                    if let Some(opened) = self.unwrap(*unwrapper, &mut wrapper, &covers) {
                        covers.opened(*unwrapper, blob, hit, opened.span.clone());
                        covers.add(opened.span, opened.known);
                    }
                }
                continue;
            }
            let start = found.iter().map(|material| material.span.start).min().unwrap_or(seen.at);
            let end = found.iter().map(|material| material.span.end).max().unwrap_or(seen.at);
            let known = Known::of(&found);
            let mut new = false;
            for mut material in found {
                if covers.say(&material, seen.at) {
                    continue;
                }
                if self.occurrences.len() - first >= session.limits.max_materials {
                    return gap(Reason::TooMany, &format!("more than {} materials", session.limits.max_materials));
                }
                new = true;
                let line = around.line.unwrap_or_else(|| lines.at(blob, material.span.start));
                let mark = around.mark(blob.bytes, &material.span);
                if let Some(locked) = &mut material.locked {
                    session.locked.lock().unwrap_or_else(PoisonError::into_inner).keep(locked);
                }
                self.keep(blob, material, line, mark);
            }
            if new {
                covers.add(start..end, known);
            }
            let wrapper = Wrapper { session, blob, hit, budget, around, line: 0 };
            self.search_decoded(decoded, &wrapper, &mut covers, &mut lines, true);
        }
    }

    fn keep(&mut self, blob: Blob<'_>, material: Material, line: u64, mark: Option<Mark>) {
        self.occurrences.push(Occurrence {
            origin: blob.origin.clone(),
            offset: blob.window.start + material.span.start as u64,
            line,
            section: None,
            mark,
            git: None,
            material,
        });
    }

    /// Opens a wrapper and looks at what is inside.
    fn unwrap(
        &mut self,
        unwrapper: &dyn Unwrapper,
        wrapper: &mut Wrapper<'_>,
        covers: &Covers<'_>,
    ) -> Option<Unwrapped> {
        let Wrapper { session, blob, hit, budget, around, line } = *wrapper;
        let kind = unwrapper.about().id;
        let gap = |reason: Reason, detail: String| {
            session.gap(Gap { origin: blob.origin.clone(), reason, detail });
        };
        if around.depth >= session.limits.max_depth {
            gap(Reason::TooDeep, format!("{kind} at depth {}", around.depth + 1));
            return None;
        }
        let mut covered = None;
        let mut each = |entry: crate::seam::Entry<'_>| {
            let at = blob.window.start + entry.span.start as u64;
            let origin = blob.origin.inside(Wrap::text(kind, at));
            let mut window = Window::whole(entry.bytes.len());
            let keeps_lines = around.line.is_none() && unwrapper.keeps_lines();
            if keeps_lines {
                window.line = line - count_lines(blob.bytes.get(entry.span.start..hit.at).unwrap_or_default());
            }
            let inside = Around {
                depth: around.depth + 1,
                line: Some(around.line.unwrap_or(line)).filter(|_| !keeps_lines),
                mark: around.mark(blob.bytes, &entry.span),
                // A file of UTF-16 is text, and its marks are seen.
                encoded: around.encoded || !(keeps_lines && hit == Hit::START),
                again: around.again,
                enclosing: Some(covers.at(hit.at)),
            };
            let before = self.occurrences.len();
            // A release of Helm is gzip in base64 in base64.
            let unpacked = session.unpack_text(&origin, entry.bytes, budget, inside.depth);
            if unpacked.is_none() {
                self.look(session, Blob { bytes: entry.bytes, origin: &origin, window }, budget, &inside);
            }
            let found = self.occurrences.get(before..).unwrap_or_default();
            let mut known = Known::of(found.iter().map(|occurrence| &occurrence.material));
            let found = unpacked.is_some() || !found.is_empty();
            known.join(unpacked.unwrap_or_default());
            covered = Some(Unwrapped { span: entry.span, found, known });
            if session.cancelled() { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
        };
        match catch_unwind(AssertUnwindSafe(|| unwrapper.open(blob, hit, budget, &mut each))) {
            Ok(Ok(()) | Err(Unopenable::Malformed(_))) => {}
            Ok(Err(Unopenable::Limit(reason))) => gap(reason, format!("{kind} at byte {}", hit.at)),
            Err(_) => gap(Reason::DetectorFault, kind.to_owned()),
        }
        covered
    }

    /// Looks at what detectors decoded at a hit. `again` says that they found something in it.
    fn search_decoded(
        &mut self,
        mut decoded: Vec<Decoded>,
        wrapper: &Wrapper<'_>,
        covers: &mut Covers<'_>,
        lines: &mut Lines,
        again: bool,
    ) {
        let Wrapper { session, blob, .. } = *wrapper;
        decoded.dedup_by(|next, first| next.kind == first.kind && next.span == first.span && next.bytes == first.bytes);
        for decoded in decoded {
            let line = lines.at(blob, decoded.span.start);
            let wrapper = Wrapper { line, ..*wrapper };
            let mut known = self.search_one(&decoded, &decoded.bytes, &wrapper, covers, again);
            for bits in decoded.shifts {
                known.join(self.search_one(&decoded, &shifted(&decoded.bytes, *bits), &wrapper, covers, again));
            }
            let same = session.knowledge.unwrappers.iter().find(|unwrapper| unwrapper.about().id == decoded.kind);
            let text = blob.bytes.get(decoded.span.clone()).unwrap_or_default();
            // Where the unwrapper would read other digits, it has to be asked.
            if let Some(unwrapper) = same.filter(|u| u.digits(text) * 3 / 4 == decoded.bytes.len()) {
                covers.read_whole(*unwrapper, decoded.span.clone(), decoded.shifts.len() as u32 + 1);
            }
            if !known.is_empty() {
                covers.add(decoded.span, known);
            }
        }
    }

    fn search_one(
        &mut self,
        decoded: &Decoded,
        bytes: &[u8],
        wrapper: &Wrapper<'_>,
        covers: &Covers<'_>,
        again: bool,
    ) -> Known {
        let Wrapper { session, blob, hit, budget, around, line } = *wrapper;
        let gap = |reason: Reason, detail: String| {
            session.gap(Gap { origin: blob.origin.clone(), reason, detail });
        };
        // One level more than wrappers have: what is decoded for a finding is no wrapper that somebody could do without.
        if around.depth > session.limits.max_depth {
            gap(Reason::TooDeep, format!("{} at depth {}", decoded.kind, around.depth + 1));
            return Known::default();
        }
        if let Err(reason) = budget.take(bytes.len() as u64) {
            gap(reason, format!("{} at byte {}", decoded.kind, hit.at));
            return Known::default();
        }
        let at = blob.window.start + decoded.span.start as u64;
        let origin = blob.origin.inside(Wrap::text(decoded.kind, at));
        // A mark beside a finding says nothing of what is hidden in it.
        let mark = around.mark(blob.bytes, &decoded.span).map(|mark| if again { mark.hidden() } else { mark });
        let inside = Around {
            depth: around.depth + 1,
            line: Some(around.line.unwrap_or(line)),
            mark,
            encoded: true,
            again,
            enclosing: Some(covers.at(hit.at)),
        };
        let before = self.occurrences.len();
        let blob = Blob { bytes, origin: &origin, window: Window::whole(bytes.len()) };
        self.look(session, blob, budget, &inside);
        let found = self.occurrences.get(before..).unwrap_or_default();
        Known::of(found.iter().map(|occurrence| &occurrence.material))
    }
}

/// Bytes without their first bits.
fn shifted(bytes: &[u8], bits: u32) -> Zeroizing<Vec<u8>> {
    let next = bytes.iter().skip(1);
    let pairs = bytes.iter().zip(next);
    Zeroizing::new(pairs.map(|(byte, next)| (byte << (bits % 8)) | (next >> (8 - bits % 8).min(7))).collect())
}

/// What came of a wrapper.
struct Unwrapped {
    /// The bytes it covers.
    span: Range<usize>,
    /// Whether anything was found inside.
    found: bool,
    /// What was found inside.
    known: Known,
}

/// A wrapper about to be opened.
#[derive(Clone, Copy)]
struct Wrapper<'w> {
    session: &'w Session<'w>,
    blob: Blob<'w>,
    hit: Hit,
    budget: &'w Budget,
    around: &'w Around<'w>,
    line: u64,
}

/// Counts lines from the place that was asked for last: backwards too, because a finding may begin before its anchor.
struct Lines {
    at: usize,
    line: u64,
}

impl Lines {
    fn at(&mut self, blob: Blob<'_>, at: usize) -> u64 {
        if at < self.at {
            self.line -= count_lines(blob.bytes.get(at..self.at).unwrap_or_default());
        } else {
            self.line += count_lines(blob.bytes.get(self.at..at).unwrap_or_default());
        }
        self.at = at;
        self.line
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
