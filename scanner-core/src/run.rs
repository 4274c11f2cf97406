//! One run, as a source sees it: limits and anchors to read, counters and gaps to report to.
//!
//! A source gets a [`Run`] beside the [`Sink`](crate::seam::Sink) that takes its bytes. The run answers what the limits
//! are, whether the user has interrupted it, which anchors matter, and which files may use keys. It counts what was
//! read, and keeps findings and gaps in bounded memory. [`crate::engine`] scans the blobs.

mod found;
mod gaps;
pub(crate) mod harvest;
mod unopened;
mod usage_hints;

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::Relaxed};
use std::sync::{Mutex, MutexGuard, PoisonError};

use crate::blob::Origin;
use crate::budget::Limits;
use crate::candidates::Candidates;
use crate::error::Gap;
use crate::material::{Kind, Material, Occurrence};
use crate::prefilter::Prefilter;
use crate::read_at::Cursor;
use crate::seam::{Container, INNER, Knowledge, Unopened};
use crate::source::digest::Digests;

use found::Found;
use gaps::Gaps;
use harvest::Harvest;
use unopened::Formats;

pub(crate) use found::Same;
#[cfg(test)]
pub(crate) use usage_hints::LARGEST as LARGEST_USAGE_FILE;

/// The counters of a run that others may read while it goes on, and the flag that stops it.
#[derive(Debug, Default)]
pub struct Progress {
    /// Set to stop the run within a second.
    pub cancelled: AtomicBool,
    /// Inputs read to their end.
    pub files: AtomicU64,
    /// Bytes read.
    pub bytes: AtomicU64,
    /// Git objects read.
    pub objects: AtomicU64,
    /// Bytes of git objects read.
    pub(crate) object_bytes: AtomicU64,
    /// Materials found.
    pub materials: AtomicU64,
}

/// One run, shared by all its threads.
pub struct Run<'r> {
    knowledge: &'r Knowledge<'r>,
    prefilter: &'r Prefilter<'r>,
    limits: Limits,
    progress: &'r Progress,
    digests: Option<&'r Digests>,
    /// Files and bytes that runs before this one counted in the same progress.
    before: [u64; 2],
    found: Mutex<Found>,
    candidates: Mutex<Candidates>,
    gaps: Mutex<Gaps>,
    unopened: Mutex<Formats>,
}

impl std::fmt::Debug for Run<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Run({:?}, {:?})", self.limits, self.progress)
    }
}

impl<'r> Run<'r> {
    /// A run that has read nothing yet.
    pub(crate) fn new(
        knowledge: &'r Knowledge<'r>,
        prefilter: &'r Prefilter<'r>,
        limits: Limits,
        progress: &'r Progress,
        digests: Option<&'r Digests>,
    ) -> Self {
        Self {
            knowledge,
            prefilter,
            limits,
            progress,
            digests,
            before: [progress.files.load(Relaxed), progress.bytes.load(Relaxed)],
            found: Mutex::default(),
            candidates: Mutex::default(),
            gaps: Mutex::default(),
            unopened: Mutex::default(),
        }
    }

    /// Where the digests of files go, if the run computes them.
    pub(crate) const fn digests(&self) -> Option<&Digests> {
        self.digests
    }

    /// The limits of the run.
    pub const fn limits(&self) -> &Limits {
        &self.limits
    }

    /// Whether the run was cancelled: read nothing more.
    pub fn cancelled(&self) -> bool {
        self.progress.cancelled.load(Relaxed)
    }

    /// Records that something could not be read.
    pub fn gap(&self, gap: Gap) {
        lock(&self.gaps).push(gap);
    }

    /// Counts one input that was read to its end. `bytes` is its size.
    pub fn count_file(&self, bytes: u64) {
        self.progress.files.fetch_add(1, Relaxed);
        self.progress.bytes.fetch_add(bytes, Relaxed);
    }

    /// Counts one object of a git history that was read to its end. `bytes` is its size.
    pub fn count_object(&self, bytes: u64) {
        self.progress.objects.fetch_add(1, Relaxed);
        self.progress.object_bytes.fetch_add(bytes, Relaxed);
    }

    /// Counts materials that were found.
    pub(crate) fn count_materials(&self, more: u64) {
        self.progress.materials.fetch_add(more, Relaxed);
    }

    /// The compiled anchors, for sources that can tell without building a blob that it contains none.
    pub const fn prefilter(&self) -> &'r Prefilter<'r> {
        self.prefilter
    }

    /// Whether bytes with this start are a container that can be opened.
    pub fn is_container(&self, start: &[u8]) -> bool {
        self.knowledge.containers.iter().any(|container| container.claims(start))
    }

    /// Like [`Self::is_container`], for bytes from a known place: the name decides if a format has no magic number.
    pub(crate) fn is_container_at(&self, origin: &Origin, start: &[u8]) -> bool {
        self.is_container(start) || self.named(origin, start).is_some()
    }

    /// The container that bytes are by their name.
    pub(crate) fn named(&self, origin: &Origin, start: &[u8]) -> Option<&'r dyn Container> {
        let name = origin.wraps.last().map_or(&origin.path, |wrap| &wrap.name);
        let extension = name.extension()?;
        let start = start.get(..start.len().min(INNER)).unwrap_or_default();
        let is_one = |one: &&dyn Container| {
            one.extension().is_some_and(|of| extension.eq_ignore_ascii_case(of)) && one.begins(start)
        };
        self.knowledge.containers.iter().copied().find(is_one)
    }

    /// Counts the unopened formats that match the first bytes of an input. `origin` is called only if one matches.
    pub fn count_unopened(&self, start: &[u8], origin: impl FnOnce() -> Origin) {
        self.count_formats(origin, |format| format.begins(start));
    }

    /// Whether [`Self::count_unopened`] counts an input with these first bytes.
    pub(crate) fn is_unopened(&self, start: &[u8]) -> bool {
        self.knowledge.unopened.iter().any(|format| format.begins(start))
    }

    /// Like [`Self::count_unopened`], for formats known by their last bytes.
    pub(crate) fn count_unopened_by_end(&self, end: &[u8], origin: &Origin) {
        self.count_formats(|| origin.clone(), |format| format.ends(end));
    }

    fn count_formats(&self, origin: impl FnOnce() -> Origin, is_one: impl Fn(&Unopened) -> bool) {
        if self.knowledge.unopened.iter().any(&is_one) {
            lock(&self.unopened).count(self.knowledge.unopened, &origin(), is_one);
        }
    }

    /// Adds the section to each occurrence inside a program. Does nothing if `start` is not the start of a program.
    pub(crate) fn locate(&self, start: &[u8], found: &mut [Occurrence], program: &dyn Fn() -> Cursor) {
        let Some(mapper) = self.knowledge.mapper.filter(|mapper| mapper.begins(start)) else { return };
        let Ok(sections) = catch_unwind(AssertUnwindSafe(|| mapper.sections(program()))) else { return };
        for occurrence in found {
            // A finding wrapped in text is where the text is.
            let wrapped = occurrence.origin.wraps.iter().rev().take_while(|wrap| wrap.text).last();
            let at = wrapped.map_or(occurrence.offset, |wrap| wrap.at);
            let section = sections.iter().find(|section| (section.start..section.end).contains(&at));
            occurrence.section = section.map(|section| format!("{}+{:#x}", section.name, at - section.start));
        }
    }

    /// Keeps findings.
    pub(crate) fn add(&self, found: impl Iterator<Item = Occurrence>) {
        let Some(wanted) = self.knowledge.wanted else { return lock(&self.found).extend(found) };
        let is_kept = |material: &Material| material.locked.is_some() || wanted.wants(material);
        let kept: Vec<Occurrence> = found.filter(|occurrence| is_kept(&occurrence.material)).collect();
        lock(&self.found).extend(kept.into_iter());
    }

    /// Takes everything found so far, in an order that does not depend on threads.
    pub(crate) fn take_found(&self) -> Vec<Occurrence> {
        let found = std::mem::take(&mut *lock(&self.found));
        let (mut occurrences, gaps) = found.finish();
        for gap in gaps {
            self.gap(gap);
        }
        in_order(&mut occurrences);
        occurrences
    }

    /// Ends the run. `occurrences` is everything taken from it.
    pub(crate) fn finish(self, mut occurrences: Vec<Occurrence>) -> Harvest {
        // Passwords are useless without a locked key. A container that is opaque until opened may contain a key.
        let has_keys = occurrences.iter().any(|o| o.material.kind == Kind::PrivateKey || o.material.locked.is_some());
        let candidates = self.candidates.into_inner().unwrap_or_else(PoisonError::into_inner);
        let candidates = if has_keys { candidates } else { Candidates::default() };
        let (gaps, unlisted) = self.gaps.into_inner().unwrap_or_else(PoisonError::into_inner).finish();
        let unopened = self.unopened.into_inner().unwrap_or_else(PoisonError::into_inner);
        in_order(&mut occurrences);
        let [files, bytes] = self.before;
        Harvest {
            occurrences,
            candidates,
            gaps,
            unlisted,
            unopened: unopened.counts,
            unopened_at: unopened.places,
            files: self.progress.files.load(Relaxed).saturating_sub(files),
            bytes: self.progress.bytes.load(Relaxed).saturating_sub(bytes),
            interrupted: self.progress.cancelled.load(Relaxed),
            ..Harvest::default()
        }
    }
}

/// A stable sort: findings of one blob stay in the order in which they were found.
fn in_order(occurrences: &mut [Occurrence]) {
    occurrences.sort_by(|a, b| (&a.origin, a.offset).cmp(&(&b.origin, b.offset)));
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
