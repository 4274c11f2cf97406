//! Scans the objects of a pack that one thread of a walk visits.

use std::io::Read;
use std::sync::Arc;

use super::super::forest::Forest;
use super::super::pack::Pack;
use super::super::walk::{self, Change, TOO_LARGE, Visitor};
use super::{Lost, Scan, Tally};
use keyradius_core::blob::Origin;
use keyradius_core::error::{Malformed, Reason};
use keyradius_core::oid::{Kind, ObjectId};
use keyradius_core::prefilter::{Prefilter, Seen};
use keyradius_core::source::stream::Windows;

/// One thread's visitor.
pub(super) struct Objects<'a> {
    pub(super) scan: Scan<'a>,
    pub(super) pack: &'a Pack,
    pub(super) forest: &'a Forest,
    pub(super) duplicates: &'a [bool],
    pub(super) file: Arc<str>,
    pub(super) prefilter: &'a Prefilter<'a>,
    pub(super) reach: usize,
    pub(super) opening: usize,
    pub(super) scratch: Vec<u8>,
    pub(super) seen: Vec<Seen>,
    pub(super) windows: Windows,
    pub(super) tally: Tally,
    /// Ranges of bytes that belong to no object.
    pub(super) strays: Vec<(u64, u64)>,
    pub(super) visited: u64,
    /// Number of objects that need more memory than allowed.
    pub(super) too_large: u64,
    pub(super) wipe: bool,
}

impl Objects<'_> {
    /// The id of an entry that is to be scanned, and whether the entry counts.
    fn id(&self, entry: u32) -> Option<(ObjectId, bool)> {
        let position = self.forest.position(entry);
        let id = self.pack.index.id(position)?;
        self.scan.wants(&id).then(|| (id, self.counts(entry)))
    }

    fn counts(&self, entry: u32) -> bool {
        self.duplicates.get(self.forest.position(entry) as usize) != Some(&true)
    }

    /// Whether an entry is to be scanned.
    fn is_wanted(&self, entry: u32) -> bool {
        self.scan.wanted.is_none() || self.id(entry).is_some()
    }
}

/// Maximum number of pieces of a delta whose boundaries are scanned; a delta of more pieces is built.
const SEAMS: usize = 1 << 16;

impl Visitor for Objects<'_> {
    fn whole(&mut self, entry: u32, kind: Kind, bytes: &[u8]) -> bool {
        self.visited += 1;
        let Some((id, counts)) = self.id(entry) else {
            // Not scanned, but the deltas on it depend on whether it is clean.
            return !self.prefilter.is_inside(bytes, &mut self.seen) && !self.prefilter.is_at_start(bytes);
        };
        let (clean, wipe) = self.scan.look(id, kind, bytes, counts, &mut self.seen, &mut self.tally);
        self.wipe |= wipe;
        clean
    }

    fn change(&mut self, entry: u32, kind: Kind, change: Change<'_>) -> bool {
        // Commits are always read whole, for the history.
        let Change { base, delta, pieces, .. } = change;
        if !self.scan.shortcut
            || !matches!(kind, Kind::Blob | Kind::Tree)
            || pieces.size as u64 > self.scan.to.run.limits().max_bytes
            || pieces.pieces.len() > SEAMS
        {
            return false;
        }
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
        self.visited += 1;
        if kind == Kind::Blob && self.is_wanted(entry) {
            let origin = || match self.id(entry) {
                Some((id, _)) => Origin::object(self.scan.name, id),
                None => Origin::file(self.scan.name),
            };
            self.scan.to.run.count_unopened(start, origin);
            if self.counts(entry) {
                self.scan.to.run.count_object(pieces.size as u64);
                self.tally.blob_bytes += pieces.size as u64;
            }
        }
        true
    }

    fn streams(&self) -> bool {
        true
    }

    fn stream(&mut self, entry: u32, kind: Kind, size: u64, bytes: &mut dyn Read) {
        self.visited += 1;
        if let Some((id, counts)) = self.id(entry) {
            self.scan.stream(id, (kind, size, counts), bytes, &mut self.windows, &mut self.tally);
        }
    }

    fn damaged(&mut self, entry: u32, what: Malformed) {
        self.visited += 1;
        let Some((id, _)) = self.id(entry) else { return };
        if what.what == TOO_LARGE {
            self.too_large += 1;
        } else {
            let file = Some(Arc::clone(&self.file));
            self.tally.lose(Lost { id, reason: Reason::Damaged, what: what.what, file, counted: true });
        }
    }

    fn stray(&mut self, from: u64, to: u64) {
        self.strays.push((from, to));
    }

    fn exhausted(&mut self) {
        self.tally.exhausted = true;
    }

    fn stop(&self) -> bool {
        self.scan.to.run.cancelled()
    }

    fn take_wipe(&mut self) -> bool {
        let wipe = std::mem::take(&mut self.wipe);
        if wipe {
            walk::wipe(&mut self.scratch);
        }
        wipe
    }
}
