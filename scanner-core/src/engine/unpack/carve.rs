//! Opens containers in the middle of other bytes. Those bytes were searched as they are, whatever comes of it, so a
//! failure is not reported: at most [`super::super::carving::MOST`] candidates of an input are tried, all of them within the
//! allowance of the outermost input. What lies inside a container that was opened is not tried again.

use std::io::{self, Read};
use std::sync::atomic::Ordering::Relaxed;
use std::sync::atomic::{AtomicBool, AtomicU64};
use std::sync::{Arc, Mutex, PoisonError};

use super::account::Account;
use super::opener::{Opener, Outcome};
use super::{Allowance, Holding, Level, Looked, Packed, Rescan, Session, Sink, Taken};
use crate::blob::{Blob, Origin, Wrap};
use crate::engine::carving::Candidate;
use crate::read_at::{Cursor, Held, ReadAt};
use crate::seam::{Container, Reader};

impl Session<'_> {
    /// Opens the containers in the middle of an input that is no container itself.
    pub(in super::super) fn unpack_inner(
        &self,
        origin: &Origin,
        candidates: Vec<Candidate>,
        bytes: &Arc<dyn ReadAt>,
    ) -> Looked {
        let limits = *self.run.limits();
        let allowance = Allowance::new(limits, bytes.size(), Holding::new(&self.room, limits.max_held));
        let level = Level { session: self, allowance: &allowance, depth: 0, quiet: true };
        level.open_each(origin, candidates, bytes, 0)
    }
}

impl Level<'_> {
    /// Opens the containers in the middle of an input, of which `bytes` returns those from an offset on.
    pub(super) fn open_inner(
        &self,
        origin: &Origin,
        from: u64,
        bytes: &dyn Fn() -> Arc<dyn ReadAt>,
        is_new: &dyn Fn(Candidate) -> bool,
    ) -> Looked {
        let mut candidates = self.session.candidates.take(origin);
        candidates.retain(|candidate| candidate.at >= from && is_new(*candidate));
        if candidates.is_empty() || self.depth >= self.session.run.limits().max_depth {
            return Looked::default();
        }
        Level { quiet: true, ..*self }.open_each(origin, candidates, &bytes(), from)
    }

    fn open_each(&self, origin: &Origin, mut candidates: Vec<Candidate>, bytes: &Arc<dyn ReadAt>, from: u64) -> Looked {
        let container = |candidate: &Candidate| self.session.knowledge.containers.get(candidate.container).copied();
        // What is known by its end contains everything before.
        let is_at_start = |candidate: &Candidate| container(candidate).is_none_or(|one| one.trailer().is_none());
        candidates.sort_unstable_by_key(|candidate| (is_at_start(candidate), *candidate));
        let mut all = Looked::default();
        let (mut first, mut end): (Option<u64>, u64) = (None, 0);
        for candidate in candidates {
            if all.stop || self.is_over() {
                break;
            }
            let at = candidate.at;
            let Some(container) = container(&candidate).filter(|_| at >= end) else { continue };
            let whole = Cursor::new(Arc::clone(bytes));
            let (part, start) = match container.trailer() {
                Some(length) => (whole.part(0, (at - from).saturating_add(length)), from),
                None => (whole.part(at - from, u64::MAX), at),
            };
            if let Some((looked, length)) = self.open_one(origin, container, &part, at) {
                end = container.trailer().map_or(start.saturating_add(length), |length| at.saturating_add(length));
                first = Some(first.map_or(start, |first| first.min(start)));
                all |= looked;
            }
        }
        if let Some(first) = first.filter(|_| all.found) {
            // A member that is stored as it is was found among the plain bytes as well.
            self.session.rescanned_from(origin, Rescan::Carved, first);
        }
        all
    }

    /// Returns what was found, and how many bytes the container has; `None` if it was none.
    fn open_one(&self, origin: &Origin, container: &dyn Container, part: &Cursor, at: u64) -> Option<(Looked, u64)> {
        let id = container.about().id;
        let length = container.length(part);
        let origin = origin.inside(Wrap::member(id, at, std::path::PathBuf::new()));
        let part = part.part(0, length.unwrap_or(u64::MAX));
        let account = Arc::<Account>::default();
        let reader = container.reader();
        let carved = Arc::new(Carved {
            bytes: part,
            account: Arc::clone(&account),
            all: matches!(reader, Reader::InOrder(_)),
            reach: AtomicU64::default(),
            is_closed: AtomicBool::default(),
        });
        let source = Arc::clone(&carved) as Arc<dyn ReadAt>;
        let mut input = Cursor::new(Arc::clone(&source));
        let mut opener = Opener::new(self, &origin, id, account, Some(source));
        opener.carved = Some(Arc::clone(&carved));
        let outcome = opener.read(|inside| match reader {
            Reader::InOrder(read) => read(&mut input, inside),
            Reader::AnyPlace(read) => read(input, inside),
        });
        match outcome {
            Outcome::NotOne => None,
            // Where a damaged stream ends is unknown: what looked like one may begin anywhere.
            Outcome::Opened { damaged: true } if carved.all => Some((opener.looked, 1)),
            Outcome::Opened { .. } => {
                Some((opener.looked, length.unwrap_or_else(|| carved.reach.load(Relaxed)).max(1)))
            }
        }
    }
}

/// The bytes of a container in the middle of others, and of whatever follows it.
pub(super) struct Carved {
    bytes: Cursor,
    account: Arc<Account>,
    /// Whether everything that is read belongs to the container, or only what is read for its members.
    all: bool,
    /// The end of what belongs to the container.
    reach: AtomicU64,
    is_closed: AtomicBool,
}

impl Carved {
    /// Ends the container: `rest` are bytes that its reader read ahead.
    pub(super) fn close(&self, rest: &mut dyn Read) {
        self.is_closed.store(true, Relaxed);
        let ahead = io::copy(rest, &mut io::sink()).unwrap_or_default();
        self.reach.store(self.reach.load(Relaxed).saturating_sub(ahead), Relaxed);
    }
}

impl ReadAt for Carved {
    fn size(&self) -> u64 {
        self.bytes.size()
    }

    fn read_at(&self, at: u64, into: &mut [u8]) -> io::Result<usize> {
        if self.is_closed.load(Relaxed) {
            return Ok(0);
        }
        let read = self.bytes.read_at(at, into)?;
        if self.all || self.account.is_in_member() {
            self.reach.fetch_max(at.saturating_add(read as u64), Relaxed);
        }
        Ok(read)
    }
}

/// Hands on the blobs of a member, and keeps its bytes from the first candidate on: they can be read only once.
pub(super) struct Keeper<'l> {
    level: &'l Level<'l>,
    kept: Mutex<Kept>,
}

struct Kept {
    bytes: Vec<u8>,
    /// Offset of the first kept byte in the member.
    from: u64,
    taken: Taken,
    /// Whether no more bytes are kept, because there is no memory.
    is_full: bool,
}

impl<'l> Keeper<'l> {
    pub(super) fn new(level: &'l Level<'l>) -> Self {
        let taken = Taken::none(Arc::clone(&level.allowance.holding));
        Self { level, kept: Mutex::new(Kept { bytes: Vec::new(), from: 0, taken, is_full: false }) }
    }

    /// Opens the containers in the middle of the member.
    pub(super) fn finish(self, origin: &Origin) -> Looked {
        let Kept { bytes, from, taken: _taken, .. } = self.kept.into_inner().unwrap_or_else(PoisonError::into_inner);
        if bytes.is_empty() {
            return Looked::default();
        }
        let held: Arc<dyn ReadAt> = Arc::new(Held::new(bytes));
        self.level.open_inner(origin, from, &|| Arc::clone(&held), &|_| true)
    }
}

impl Sink for Keeper<'_> {
    fn blob(&self, blob: Blob<'_>) -> Looked {
        let looked = self.level.blob(blob);
        if blob.window.first() && blob.window.last {
            return looked;
        }
        let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        if kept.is_full || (kept.bytes.is_empty() && !self.level.session.candidates.has(blob.origin)) {
            return looked;
        }
        // A container may begin before its magic number: the first window is kept with the bytes before its core.
        let start = if kept.bytes.is_empty() { 0 } else { blob.window.core_start };
        let core = blob.bytes.get(start..blob.window.core_end).unwrap_or_default();
        let length = kept.bytes.len() + core.len();
        // As much as a container that must be held: beyond this, what was kept is opened.
        if length as u64 > self.level.session.run.limits().max_held || kept.taken.set(length as u64).is_err() {
            kept.is_full = true;
            return looked;
        }
        if kept.bytes.is_empty() {
            kept.from = blob.window.start;
        }
        kept.bytes.reserve_exact(core.len());
        kept.bytes.extend_from_slice(core);
        looked
    }

    fn open(&self, origin: &Origin, input: Packed<'_>) -> Option<Looked> {
        self.level.open(origin, input)
    }
}
