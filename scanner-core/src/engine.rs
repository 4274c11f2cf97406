//! Runs detectors and unwrappers over blobs: schedule, panic guard, cancellation, counters.
//!
//! A source feeds blobs from its threads; each blob is looked at by a worker from a pool. Blobs of one file come from
//! one thread in order, and everything is sorted by origin at the end, so what is reported does not depend on the
//! number of jobs. Containers are opened by `unpack`.

mod allow;
#[cfg(test)]
mod faked;
mod unpack;

use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::ops::{ControlFlow, Range};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use allow::inline_allow;

use crate::blob::{Blob, Origin, Window, Wrap};
use crate::budget::{Budget, Limits};
use crate::error::{Gap, Reason, SourceError};
use crate::material::{Kind, Material, Occurrence};
use crate::prefilter::{Prefilter, Seen};
use crate::random::{Cursor, Held};
use crate::seam::{
    BlobSink, Candidate, Clues, Hit, Inspection, Knowledge, Looked, Packed, Source, Unopenable, Unopened, Unwrapper,
};
use crate::source::stream::{Windows, count_lines};

/// Largest file that is read for what it says of keys that lie elsewhere, in bytes. Larger ones are data.
pub(crate) const CLUES: usize = 1 << 20;

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

/// Everything a run found, and everything it did not read.
#[derive(Debug, Default)]
pub struct Harvest {
    /// Materials at their places, sorted by origin, then offset.
    pub occurrences: Vec<Occurrence>,
    /// Texts that may be passwords of what was found, sorted by place. None if no private key was found.
    pub candidates: Vec<Candidate>,
    /// What could not be read, sorted.
    pub gaps: Vec<Gap>,
    /// Formats recognised and not opened, by id: how many inputs of each.
    pub unopened: BTreeMap<&'static str, u64>,
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
        Some(Ok(pool)) => pool.install(|| items.par_iter().with_max_len(1).map(one).collect()),
        _ => items.iter().map(one).collect(),
    }
}

/// One run.
struct Session<'a> {
    knowledge: &'a Knowledge,
    prefilter: Prefilter,
    limits: Limits,
    watch: &'a Watch,
    /// Workers not in use. One is taken for each blob: as many come to exist as there are threads.
    idle: Mutex<Vec<Worker>>,
    /// Read buffers not in use: one is taken for each member of a container.
    windows: Mutex<Vec<Windows>>,
    gaps: Mutex<Vec<Gap>>,
    opened: Mutex<Opened>,
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
        Self {
            knowledge,
            prefilter: Prefilter::new(knowledge),
            limits,
            watch,
            idle: Mutex::default(),
            windows: Mutex::default(),
            gaps: Mutex::default(),
            opened: Mutex::default(),
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
    fn plain(&self, blob: Blob<'_>, depth: u32) -> Looked {
        if is_blank(blob.bytes) {
            return Looked { stop: self.cancelled(), ..Looked::default() };
        }
        let idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner).pop();
        let mut worker = idle.unwrap_or_default();
        if blob.window.first() {
            worker.count_unopened(blob.bytes, self.knowledge.unopened);
            if blob.window.last && blob.origin.object.is_none() {
                worker.clues(self, blob);
            }
        }
        let before = worker.occurrences.len();
        let budget = Budget::new(self.limits);
        worker.look(self, blob, &budget, &Around { depth, ..Around::default() });
        let found = worker.occurrences.get_mut(before..).unwrap_or_default();
        if !found.is_empty() && blob.window.first() && blob.window.last {
            self.locate(blob.bytes, found, &|| Cursor::new(Arc::new(Held::new(blob.bytes.to_vec()))));
        }
        let wipe = found.iter().any(|o| matches!(o.material.kind, Kind::PrivateKey | Kind::Secret));
        self.watch.materials.fetch_add(found.len() as u64, Ordering::Relaxed);
        let looked = Looked { stop: self.cancelled(), wipe, found: !found.is_empty() };
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
            harvest.candidates.append(&mut worker.candidates);
            harvest.rejected += worker.rejected;
            for (id, count) in worker.unopened {
                *harvest.unopened.entry(id).or_default() += count;
            }
        }
        // What uses keys says nothing where there are none.
        if !harvest.occurrences.iter().any(|o| o.material.kind == Kind::PrivateKey) {
            harvest.occurrences.retain(|o| o.material.kind != Kind::Reference);
            harvest.candidates.clear();
        }
        in_order(&mut harvest.occurrences);
        let place = |c: &Candidate| (c.origin.clone(), c.line, c.field.clone());
        harvest.candidates.sort_by_cached_key(place);
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
        self.plain(blob, 0)
    }

    fn object(&self, bytes: u64) {
        self.watch.objects.fetch_add(1, Ordering::Relaxed);
        self.watch.object_bytes.fetch_add(bytes, Ordering::Relaxed);
    }

    fn prefilter(&self) -> &Prefilter {
        &self.prefilter
    }

    fn begins(&self, start: &[u8]) {
        if self.knowledge.unopened.iter().any(|format| format.begins(start)) {
            let idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner).pop();
            let mut worker = idle.unwrap_or_default();
            worker.count_unopened(start, self.knowledge.unopened);
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
struct Around {
    depth: u32,
    /// Line of the outermost wrapper; `None` for a file itself.
    line: Option<u64>,
    allow: Option<String>,
}

/// One thread's findings and scratch space.
#[derive(Default)]
struct Worker {
    occurrences: Vec<Occurrence>,
    candidates: Vec<Candidate>,
    unopened: BTreeMap<&'static str, u64>,
    rejected: u64,
    /// Lists of hits not in use, one for each level of wrapping.
    spare: Vec<Vec<Seen>>,
}

impl Worker {
    fn count_unopened(&mut self, bytes: &[u8], formats: &[Unopened]) {
        let known = formats.iter().find(|format| format.begins(bytes));
        if let Some(format) = known {
            *self.unopened.entry(format.id).or_default() += 1;
        }
    }

    /// Reads what a file says of keys that lie elsewhere, if its name tells that it may.
    fn clues(&mut self, session: &Session<'_>, blob: Blob<'_>) {
        let Some(reader) = session.knowledge.clues else { return };
        if blob.bytes.len() > CLUES || !reader.wants(&blob.origin.location()) {
            return;
        }
        let mut clues = Clues::default();
        if catch_unwind(AssertUnwindSafe(|| reader.read(blob, &mut clues))).is_err() {
            let origin = blob.origin.clone();
            session.gap(Gap { origin, reason: Reason::DetectorFault, detail: "usage".to_owned() });
        }
        self.candidates.append(&mut clues.candidates);
        let mut lines = Lines { at: 0, line: 1 };
        clues.references.sort_by_key(|material| material.span.start);
        for material in clues.references {
            let line = lines.at(blob, material.span.start);
            self.keep(blob, material, line, None);
        }
    }

    /// Finds every anchor in a blob and asks its owners.
    fn look(&mut self, session: &Session<'_>, blob: Blob<'_>, budget: &Budget, around: &Around) {
        let mut hits = self.spare.pop().unwrap_or_default();
        hits.clear();
        session.prefilter.find(blob.bytes, blob.window, &mut hits);
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
        around: &Around,
    ) {
        let gap = |reason, detail: &str| {
            session.gap(Gap { origin: blob.origin.clone(), reason, detail: detail.to_owned() });
        };
        let mut lines = Lines { at: 0, line: blob.window.line };
        let mut covered: Vec<Range<usize>> = Vec::new();
        let mut inspection = Inspection::default();
        let first = self.occurrences.len();
        let claiming = session.knowledge.unwrappers.iter().filter(|unwrapper| whole && unwrapper.claims(blob));
        for unwrapper in claiming {
            let mut wrapper = Wrapper { session, blob, hit: Hit::START, budget, around, line: blob.window.line };
            // What is in it is told once; if there is nothing in it, it may have been none. Digits may be of two kinds.
            if let Some(opened) = self.unwrap(*unwrapper, &mut wrapper).filter(|opened| opened.found) {
                covered.push(opened.span);
                break;
            }
        }
        for &seen in hits {
            covered.retain(|span| span.end > seen.at);
            if covered.iter().any(|span| span.contains(&seen.at)) {
                continue;
            }
            if session.cancelled() {
                return;
            }
            if budget.out_of_time() {
                return gap(Reason::TooSlow, &format!("gave up at byte {}", blob.window.start + seen.at as u64));
            }
            let Some((hit, owners)) = session.prefilter.hit(seen) else { continue };
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
            let found = inspection.take();
            if found.is_empty() {
                self.rejected += u64::from(looked_like);
                for unwrapper in owners.unwrappers.iter().filter_map(|&i| session.knowledge.unwrappers.get(i)) {
                    // It was asked already.
                    if whole && hit.anchor.at_start && unwrapper.claims(blob) {
                        continue;
                    }
                    let mut wrapper = Wrapper { session, blob, hit, budget, around, line: lines.at(blob, seen.at) };
                    covered.extend(self.unwrap(*unwrapper, &mut wrapper).map(|opened| opened.span));
                }
                continue;
            }
            for material in found {
                if self.occurrences.len() - first >= session.limits.max_materials {
                    return gap(Reason::TooMany, &format!("more than {} materials", session.limits.max_materials));
                }
                if covered.last() != Some(&material.span) {
                    covered.push(material.span.clone());
                }
                let line = around.line.unwrap_or_else(|| lines.at(blob, material.span.start));
                let allow = around.allow.clone().or_else(|| inline_allow(blob.bytes, &material.span));
                self.keep(blob, material, line, allow);
            }
        }
    }

    fn keep(&mut self, blob: Blob<'_>, material: Material, line: u64, allow: Option<String>) {
        self.occurrences.push(Occurrence {
            origin: blob.origin.clone(),
            offset: blob.window.start + material.span.start as u64,
            line,
            section: None,
            allow,
            git: None,
            material,
        });
    }

    /// Opens a wrapper and looks at what is inside.
    fn unwrap(&mut self, unwrapper: &dyn Unwrapper, wrapper: &mut Wrapper<'_>) -> Option<Unwrapped> {
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
                allow: around.allow.clone().or_else(|| inline_allow(blob.bytes, &entry.span)),
            };
            let before = self.occurrences.len();
            // A release of Helm is gzip in base64 in base64.
            let unpacked = session.unpack_text(&origin, entry.bytes, budget, inside.depth);
            if !unpacked {
                self.look(session, Blob { bytes: entry.bytes, origin: &origin, window }, budget, &inside);
            }
            covered = Some(Unwrapped { span: entry.span, found: unpacked || self.occurrences.len() > before });
            if session.cancelled() { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
        };
        match catch_unwind(AssertUnwindSafe(|| unwrapper.open(blob, hit, budget, &mut each))) {
            Ok(Ok(()) | Err(Unopenable::Malformed(_))) => {}
            Ok(Err(Unopenable::Limit(reason))) => gap(reason, format!("{kind} at byte {}", hit.at)),
            Err(_) => gap(Reason::DetectorFault, kind.to_owned()),
        }
        covered
    }
}

/// What came of a wrapper.
struct Unwrapped {
    /// The bytes it covers.
    span: Range<usize>,
    /// Whether anything was found inside.
    found: bool,
}

/// A wrapper about to be opened.
#[derive(Clone, Copy)]
struct Wrapper<'w> {
    session: &'w Session<'w>,
    blob: Blob<'w>,
    hit: Hit,
    budget: &'w Budget,
    around: &'w Around,
    line: u64,
}

/// Counts lines as far as it is asked, each byte once as long as the questions ascend.
struct Lines {
    at: usize,
    line: u64,
}

impl Lines {
    fn at(&mut self, blob: Blob<'_>, at: usize) -> u64 {
        if at < self.at {
            *self = Self { at: 0, line: blob.window.line };
        }
        self.line += count_lines(blob.bytes.get(self.at..at).unwrap_or_default());
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
