//! Opens containers in the middle of other bytes. Those bytes were searched as they are, whatever comes of it, so a
//! failure is not reported until something was read of a container: then its damage is a gap, as for any other.
//!
//! At most [`super::super::carving::MOST`] candidates of an input are tried, all of them within the allowance of the
//! outermost input, and until [`Metered`] says that the input was read often enough. What was read as the content of a
//! member is not tried again. All other bytes in the span of a container are: a false header may claim any span.

use std::collections::VecDeque;
use std::sync::Arc;

use super::account::Account;
use super::kept::{Carved, Metered};
use super::opener::{Opener, Outcome};
use super::{Allowance, Holding, Level, Looked, Rescan, Session};
use crate::blob::{Origin, Wrap};
use crate::engine::carving::Candidate;
use crate::error::{Gap, Reason};
use crate::read_at::{Cursor, ReadAt};
use crate::seam::{Container, Reader};

/// After how many bytes of output a stream in the middle of other bytes is believed to be one: any bytes after a magic
/// number may decode for a while.
const BELIEVED: u64 = 4 << 10;

/// How many containers are remembered that were opened last. What lies in earlier ones is read again.
const MOST_OPENED: usize = 64;

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
        let level = Level { session: self, allowance: &allowance, depth: 0 };
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
        let Some(first) = candidates.first() else { return Looked::default() };
        if self.depth >= self.session.run.limits().max_depth {
            let id = self.session.knowledge.containers.get(first.container).map_or("", |one| one.about().id);
            let detail = format!("{id} at depth {}", self.depth + 1);
            self.session.run.gap(Gap::new(origin.clone(), Reason::TooDeep, detail));
            return Looked::default();
        }
        self.open_each(origin, candidates, &bytes(), from)
    }

    fn open_each(&self, origin: &Origin, mut candidates: Vec<Candidate>, bytes: &Arc<dyn ReadAt>, from: u64) -> Looked {
        let container = |candidate: &Candidate| self.session.knowledge.containers.get(candidate.container).copied();
        // What is known by its end contains everything before.
        let is_at_start = |candidate: &Candidate| container(candidate).is_none_or(|one| one.trailer().is_none());
        candidates.sort_unstable_by_key(|candidate| (is_at_start(candidate), *candidate));
        let whole = Arc::new(Metered::new(bytes));
        let mut all = Looked::default();
        let mut opened: VecDeque<Opened> = VecDeque::new();
        let mut found = Vec::new();
        for candidate in candidates {
            if all.stop || self.is_over() {
                break;
            }
            let at = candidate.at;
            let Some(container) = container(&candidate) else { continue };
            if opened.iter().any(|one| one.has(at, container)) {
                continue;
            }
            if whole.is_spent() {
                let detail = format!("containers amid other bytes: gave up at byte {at}");
                self.session.run.gap(Gap::new(origin.clone(), Reason::TooSlow, detail));
                break;
            }
            let bytes = Cursor::new(Arc::clone(&whole) as Arc<dyn ReadAt>);
            let (part, start) = match container.trailer() {
                Some(length) => (bytes.part(0, (at - from).saturating_add(length)), from),
                None => (bytes.part(at - from, u64::MAX), at),
            };
            if let Some((looked, one)) = self.open_one(origin, container, &part, at, start) {
                if looked.found {
                    found.push((one.start, one.end));
                }
                if opened.len() >= MOST_OPENED {
                    opened.pop_front();
                }
                opened.push_back(one);
                all |= looked;
            }
        }
        if !found.is_empty() {
            // A member that is stored as it is was found among the plain bytes as well.
            self.session.rescanned_in(origin, Rescan::Carved, &found);
        }
        all
    }

    /// Returns what was found, and what belongs to the container; `None` if it was none, or nothing of it could be read.
    fn open_one(
        &self,
        origin: &Origin,
        container: &dyn Container,
        part: &Cursor,
        at: u64,
        start: u64,
    ) -> Option<(Looked, Opened)> {
        let id = container.about().id;
        let length = container.length(part);
        let origin = origin.inside(Wrap::member(id, at, std::path::PathBuf::new()));
        let part = part.part(0, length.unwrap_or(u64::MAX));
        let account = Arc::<Account>::default();
        let reader = container.reader();
        let in_order = matches!(reader, Reader::InOrder(_));
        let carved = Arc::new(Carved::new(part, &account, in_order));
        let source = Arc::clone(&carved) as Arc<dyn ReadAt>;
        let mut input = Cursor::new(Arc::clone(&source));
        let mut opener = Opener::new(self, &origin, id, Arc::clone(&account), Some(source));
        opener.carved = Some(Arc::clone(&carved));
        opener.believed_after = if in_order { BELIEVED } else { 0 };
        let outcome = opener.read(|inside| match reader {
            Reader::InOrder(read) => read(&mut input, inside),
            Reader::AnyPlace(read) => read(input, inside),
        });
        let Outcome::Opened { damaged } = outcome else { return None };
        let length = length.filter(|_| !damaged).unwrap_or_else(|| carved.reach()).max(1);
        let end = start.saturating_add(length);
        Some((opener.looked, Opened { start, end, id, account, is_in_order: in_order, is_damaged: damaged }))
    }
}

/// What was read of a container in the middle of an input. What is in its span, but was not read for its members, may be
/// anything: a few false bytes may claim a span of any length.
struct Opened {
    /// Its start and its end, as offsets in the input.
    start: u64,
    end: u64,
    id: &'static str,
    account: Arc<Account>,
    is_in_order: bool,
    /// Whether anything of it could not be read: then even what was read for a member may be something else.
    is_damaged: bool,
}

impl Opened {
    /// Whether what begins at an offset is a part of this container.
    fn has(&self, at: u64, container: &dyn Container) -> bool {
        let Some(at) = at.checked_sub(self.start) else { return false };
        if self.is_in_order {
            // Where a damaged stream ends is unknown: what looked like one may begin anywhere.
            return !self.is_damaged && at < self.end - self.start;
        }
        (!self.is_damaged && self.account.is_taken(at))
            || (container.has_headers() && container.about().id == self.id && at < self.account.reach())
    }
}
