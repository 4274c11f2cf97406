//! A run in progress: workers and buffers shared by threads, and the sink for blobs outside containers.

use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::AtomicU64;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::allowance::Allowance;
use super::carving::{Candidates, MOST};
use super::locked::Shelf;
use super::memory::Room;
use super::worker::{Context, Worker};
use crate::blob::{Blob, Origin, Wrap};
use crate::budget::Budget;
use crate::effort;
use crate::error::{Gap, Reason};
use crate::material::{Occurrence, Proof, Remark};
use crate::read_at::{Held, ReadAt};
use crate::run::harvest::Harvest;
use crate::run::{Run, Same};
use crate::seam::{Feed, Knowledge, Looked, Packed, Sink};
use crate::source::stream::Windows;

/// A run in progress.
pub(super) struct Session<'a> {
    pub(super) run: Run<'a>,
    pub(super) knowledge: &'a Knowledge<'a>,
    /// Workers not in use. Each blob takes one, so there are never more workers than threads.
    idle: Mutex<Vec<Worker>>,
    /// Read buffers not in use. Each member of a container takes one.
    windows: Mutex<Vec<Windows>>,
    /// Maximum number of read buffers that are kept.
    spare_windows: usize,
    opened: Mutex<Opened>,
    pub(super) locked: Mutex<Shelf>,
    pub(super) room: Arc<Room>,
    /// Containers of which bytes were scanned as they are, with findings.
    rescanned: Mutex<BTreeMap<Origin, (Rescan, Vec<Span>)>>,
    /// Members whose content other members have in another form.
    views: Mutex<BTreeSet<Origin>>,
    /// Containers seen in the middle of inputs that are being read.
    pub(super) candidates: Candidates,
}

/// Containers opened, and members read from them.
#[derive(Default)]
struct Opened {
    containers: BTreeMap<&'static str, u64>,
    members: u64,
}

impl<'a> Session<'a> {
    pub(super) fn new(run: Run<'a>, knowledge: &'a Knowledge<'a>, jobs: usize) -> Self {
        Self {
            run,
            knowledge,
            idle: Mutex::default(),
            windows: Mutex::default(),
            spare_windows: jobs.saturating_mul(2),
            opened: Mutex::default(),
            locked: Mutex::default(),
            room: Arc::default(),
            rescanned: Mutex::default(),
            views: Mutex::default(),
            candidates: Candidates::default(),
        }
    }

    /// The feed for sources.
    pub(super) fn feed(&self) -> Feed<'_> {
        Feed { run: &self.run, sink: self }
    }

    /// Counts an opened container and its members.
    pub(super) fn opened(&self, kind: &'static str, members: u64) {
        let mut opened = lock(&self.opened);
        *opened.containers.entry(kind).or_default() += 1;
        opened.members += members;
    }

    /// Records that bytes of a container were scanned as they are, with findings.
    pub(super) fn rescanned(&self, container: &Origin, how: Rescan) {
        self.rescanned_in(container, how, &[(0, u64::MAX)]);
    }

    /// Like [`Self::rescanned`], for parts of the bytes.
    pub(super) fn rescanned_in(&self, container: &Origin, how: Rescan, spans: &[Span]) {
        let mut all = lock(&self.rescanned);
        let (known, within) = all.entry(container.clone()).or_insert((how, Vec::new()));
        *known = how.max(*known);
        within.extend_from_slice(spans);
    }

    /// Records a member whose content other members of its container have in another form; the first [`MOST_VIEWS`].
    pub(super) fn views(&self, member: Origin) {
        let mut views = lock(&self.views);
        if views.len() < MOST_VIEWS {
            views.insert(member);
        }
    }

    /// Calls `work` with a read buffer that is not in use.
    pub(super) fn with_windows<T>(&self, work: impl FnOnce(&mut Windows) -> T) -> T {
        let idle = lock(&self.windows).pop();
        let mut windows = idle.unwrap_or_default();
        let done = work(&mut windows);
        let mut idle = lock(&self.windows);
        if idle.len() < self.spare_windows {
            idle.push(windows);
        }
        done
    }

    /// Records a panic that no inner guard caught.
    fn fault(&self, origin: &Origin) {
        let detail = "engine; the rest was not read".to_owned();
        self.run.gap(Gap::new(origin.clone(), Reason::DetectorFault, detail));
    }

    /// Scans a blob as plain bytes: it is not a container, or is not to be opened. Work counts against the allowance of
    /// its input.
    pub(super) fn plain(&self, blob: Blob<'_>, depth: u32, allowance: Option<&Allowance>) -> Looked {
        let around = Context::file(depth, allowance.map(|allowance| &allowance.holding)).carving();
        self.plain_in(blob, &around, allowance)
    }

    /// Like [`Self::plain`], in other surroundings.
    pub(super) fn plain_in(&self, blob: Blob<'_>, around: &Context<'_>, allowance: Option<&Allowance>) -> Looked {
        let known = allowance.and_then(|allowance| allowance.known.as_ref());
        if is_blank(blob.bytes) {
            return Looked { stop: self.run.cancelled(), ..Looked::default() };
        }
        if blob.window.first() && !around.is_beside() {
            self.run.count_unopened(blob.bytes, || blob.origin.clone());
            if blob.origin.object.is_none() {
                self.run.read_usage(blob);
            }
        }
        if blob.window.last {
            self.run.count_unopened_by_end(blob.bytes, blob.origin);
        }
        let idle = lock(&self.idle).pop();
        let mut worker = idle.unwrap_or_default();
        let before = worker.count;
        let budget = Budget::new(*self.run.limits());
        let frame = known.is_some().then(|| worker.begin());
        // Detectors and unwrappers have guards of their own; findings before the fault are kept.
        let look = AssertUnwindSafe(|| worker.look(self, blob, &budget, around));
        let own = AtomicU64::new(effort::MOST);
        let left = allowance.map_or(&own, |allowance| &allowance.effort);
        if effort::within(left, || catch_unwind(look).unwrap_or_else(|_| self.fault(blob.origin))) {
            let detail = "limit on arithmetic for keys whose numbers do not match".to_owned();
            self.run.gap(Gap::new(blob.origin.clone(), Reason::TooSlow, detail));
        }
        // What is compressed in a thousand members counts as if it were a member itself. Whoever opens them stops.
        if let Some(allowance) = allowance.filter(|_| budget.grown() > 0) {
            let _ = allowance.take(budget.grown());
        }
        if let Some((known, frame)) = known.zip(frame) {
            lock(known).join(worker.end(frame));
        }
        worker.known.clear();
        if !self.candidates.add(blob.origin, &mut worker.candidates) {
            let detail = format!("more than {MOST} containers amid other bytes");
            self.run.gap(Gap::new(blob.origin.clone(), Reason::TooMany, detail));
        }
        worker.flush(self, blob);
        let now = worker.count;
        self.run.count_materials(now.all - before.all);
        let looked = Looked {
            stop: self.run.cancelled(),
            wipe: now.secrets > before.secrets,
            found: now.all > before.all,
            key: now.keys > before.keys,
        };
        lock(&self.idle).push(worker);
        looked
    }

    /// Takes everything found so far, in an order that does not depend on threads.
    pub(super) fn take(&self) -> Vec<Occurrence> {
        let mut occurrences = self.run.take_found();
        self.without_twins(&mut occurrences);
        occurrences
    }

    /// Removes findings in the bytes of a container that one of its members has too: they are the same findings. Beside
    /// the members of a sound container, the start of a key is not one: its parts are stored apart.
    fn without_twins(&self, occurrences: &mut Vec<Occurrence>) {
        let mut twins: BTreeSet<usize> = BTreeSet::new();
        for (container, (how, within)) in lock(&self.rescanned).iter() {
            let first = occurrences.partition_point(|o| o.origin < *container);
            let inside = |o: &Occurrence| {
                o.origin.path == container.path
                    && o.origin.object == container.object
                    && o.origin.wraps.starts_with(&container.wraps)
            };
            let all = || occurrences.iter().enumerate().skip(first).take_while(|(_, o)| inside(o));
            // What was decoded from text in the container is in it as much as the text.
            let is_own = |o: &Occurrence| {
                o.origin.wraps.get(container.wraps.len()..).is_some_and(|inner| inner.iter().all(|wrap| wrap.text))
            };
            let place = |o: &Occurrence| o.origin.wraps.get(container.wraps.len()).map_or(o.offset, |wrap| wrap.at);
            let (mut own, members): (Vec<_>, Vec<_>) = all().partition(|(_, o)| is_own(o));
            let within = joined(within.clone());
            own.retain(|(_, o)| {
                let before = within.partition_point(|(start, _)| *start <= place(o));
                before.checked_sub(1).and_then(|at| within.get(at)).is_some_and(|(_, end)| place(o) < *end)
            });
            let members: BTreeSet<Same> = members.iter().filter_map(|(_, o)| Same::of(&o.material)).collect();
            let is_twin = |o: &Occurrence| Same::of(&o.material).is_some_and(|same| members.contains(&same));
            let is_part = |o: &Occurrence| {
                *how == Rescan::Beside
                    && o.material.proof < Proof::Verified
                    && o.material.remarks.contains(&Remark::Cut)
            };
            // Bytes may have been searched before it turned out that they are no container, and then again.
            let mut seen = BTreeSet::new();
            let mut is_again = |o: &Occurrence| {
                !seen.insert((o.origin.clone(), o.offset, o.material.kind, o.material.format, Same::of(&o.material)))
            };
            let drop = own.iter().filter(|(_, o)| is_twin(o) || is_part(o) || is_again(o));
            twins.extend(drop.map(|(index, _)| *index));
        }
        for view in lock(&self.views).iter() {
            let Some((_, container)) = view.wraps.split_last() else { continue };
            let container_origin = Origin { wraps: container.to_vec(), ..view.clone() };
            let first = occurrences.partition_point(|o| o.origin < container_origin);
            let is_below = |o: &Occurrence, wraps: &[Wrap]| {
                o.origin.path == view.path && o.origin.object == view.object && o.origin.wraps.starts_with(wraps)
            };
            let all = || occurrences.iter().enumerate().skip(first).take_while(|(_, o)| is_below(o, container));
            let (own, others): (Vec<_>, Vec<_>) = all().partition(|(_, o)| is_below(o, &view.wraps));
            let is_member = |o: &Occurrence| o.origin.wraps.get(container.len()).is_some_and(|wrap| !wrap.text);
            let others = others.into_iter().filter(|(_, o)| is_member(o));
            let others: BTreeSet<Same> = others.filter_map(|(_, o)| Same::of(&o.material)).collect();
            let is_twin = |o: &Occurrence| Same::of(&o.material).is_some_and(|same| others.contains(&same));
            twins.extend(own.iter().filter(|(_, o)| is_twin(o)).map(|(index, _)| *index));
        }
        let mut index = 0;
        occurrences.retain(|_| {
            index += 1;
            !twins.contains(&(index - 1))
        });
    }

    pub(super) fn finish(self, mut occurrences: Vec<Occurrence>) -> Harvest {
        // Histories add findings while they are annotated.
        occurrences.append(&mut self.take());
        let opened = self.opened.into_inner().unwrap_or_else(PoisonError::into_inner);
        let workers = self.idle.into_inner().unwrap_or_else(PoisonError::into_inner);
        Harvest {
            opened: opened.containers,
            members: opened.members,
            rejected: workers.iter().map(|worker| worker.rejected).sum(),
            ..self.run.finish(occurrences)
        }
    }
}

/// Maximum number of views with findings that are remembered, because each is compared with all findings of its
/// container. Findings in further ones are reported twice.
const MOST_VIEWS: usize = 1 << 10;

/// The start and the end of a part of an input, in bytes.
type Span = (u64, u64);

/// Sorts spans and joins those that overlap.
fn joined(mut spans: Vec<Span>) -> Vec<Span> {
    spans.sort_unstable();
    spans.dedup_by(|(start, end), before| {
        let overlaps = *start <= before.1;
        if overlaps {
            before.1 = before.1.max(*end);
        }
        overlaps
    });
    spans
}

/// Why bytes of a container were scanned as they are.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Rescan {
    /// A container in the middle of other bytes was opened as well.
    Carved,
    /// They belong to no member.
    Beside,
    /// The container is damaged.
    Damaged,
}

/// Whether all bytes are zero: holes in images, and decompression bombs. A key is never all zeros, and zeros are slow
/// to search, because many binary anchors contain several.
pub(super) fn is_blank(bytes: &[u8]) -> bool {
    bytes.chunks(1 << 12).all(|page| page.iter().fold(0, |any, byte| any | byte) == 0)
}

pub(super) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Sink for Session<'_> {
    fn blob(&self, blob: Blob<'_>) -> Looked {
        if blob.window.first() && blob.window.last && self.run.is_container_at(blob.origin, blob.bytes) {
            let opened = self.open(blob.origin, Packed::Stream(blob.bytes, &mut io::empty()));
            if let Some(looked) = opened {
                return looked;
            }
        }
        let looked = self.plain(blob, 0, None);
        if blob.window.first() && blob.window.last && !looked.stop {
            let carved = self.carve(blob.origin, &|| Arc::new(Held::new(blob.bytes.to_vec())));
            return looked.with(carved);
        }
        looked
    }

    fn carve(&self, origin: &Origin, bytes: &dyn Fn() -> Arc<dyn ReadAt>) -> Looked {
        let candidates = self.candidates.take(origin);
        if candidates.is_empty() { Looked::default() } else { self.unpack_inner(origin, candidates, &bytes()) }
    }

    fn open(&self, origin: &Origin, input: Packed<'_>) -> Option<Looked> {
        self.unpack(origin, input)
    }
}
