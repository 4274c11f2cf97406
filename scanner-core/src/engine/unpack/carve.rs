//! Opens containers in the middle of other bytes. Those bytes were searched as they are, whatever comes of it, so a
//! failure is not reported: at most [`super::super::carving::MOST`] candidates of an input are tried, all of them within the
//! allowance of the outermost input. What lies inside a container that was opened is not tried again.

use std::sync::Arc;

use super::account::Account;
use super::kept::Carved;
use super::opener::{Opener, Outcome};
use super::{Allowance, Holding, Level, Looked, Rescan, Session};
use crate::blob::{Origin, Wrap};
use crate::engine::carving::Candidate;
use crate::read_at::{Cursor, ReadAt};
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
        let all = matches!(reader, Reader::InOrder(_));
        let carved = Arc::new(Carved::new(part, &account, all));
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
            Outcome::Opened { damaged: true } if all => Some((opener.looked, 1)),
            Outcome::Opened { .. } => Some((opener.looked, length.unwrap_or_else(|| carved.reach()).max(1))),
        }
    }
}
