//! Opens containers: the members of an archive are read like files, within one allowance for the outermost input.
//!
//! Nothing is unpacked to disk, and little is held in memory: members are streams that are read in windows, whatever
//! their size. Only a container that must be read at any offset, inside another one, is held whole, up to a limit.

mod account;
mod aside;
mod carve;
mod kept;
mod opener;

use std::cell::Cell;
use std::io::{self, Cursor as Slice, Read};
use std::sync::atomic::AtomicU64;
use std::sync::atomic::Ordering::Relaxed;
use std::sync::{Arc, Mutex, PoisonError};

use super::allowance::Allowance;
use super::carving::Candidate;
use super::cover::Known;
use super::memory::{Holding, Taken};
use super::session::{Rescan, Session};
use super::worker::Context;
use crate::blob::{Blob, Origin};
use crate::budget::{Budget, Limits};
use crate::error::{Gap, Reason};
use crate::read_at::{Cursor, Held, ReadAt};
use crate::seam::{Container, Feed, Inside, Looked, Packed, Reader, Sink, Unopenable};
use crate::source::stream::Windows;
use account::Account;
use aside::{Batch, Strained, Watched};
use opener::{Opener, Outcome};

/// The sink for members at one depth of containers.
struct Level<'s> {
    session: &'s Session<'s>,
    allowance: &'s Allowance,
    depth: u32,
}

impl<'s> Session<'s> {
    /// Opens a container that is not inside another one.
    pub(super) fn unpack(&'s self, origin: &Origin, input: Packed<'_>) -> Option<Looked> {
        let packed = match &input {
            Packed::AnyPlace(bytes) => bytes.size(),
            Packed::Stream(first, _) => first.len() as u64,
        };
        let limits = *self.run.limits();
        let allowance = Allowance::new(limits, packed, Holding::new(&self.room, limits.max_held));
        Level { session: self, allowance: &allowance, depth: 0 }.open(origin, input)
    }

    /// Opens a container that was wrapped in text, within the budget for text. Returns what was found in it; `None` if
    /// it was not opened.
    pub(super) fn unpack_text(
        &'s self,
        origin: &Origin,
        bytes: &[u8],
        budget: &Budget,
        around: &Context<'_>,
    ) -> Option<Known> {
        if !self.run.is_container(bytes) {
            return None;
        }
        let limits = Limits { max_unpacked: budget.left(), ..*self.run.limits() };
        let holding = around.holding.clone().unwrap_or_else(|| Holding::new(&self.room, self.run.limits().max_held));
        let allowance = Allowance::new(limits, bytes.len() as u64, holding);
        let allowance = Allowance { known: Some(Mutex::default()), ..allowance };
        let level = Level { session: self, allowance: &allowance, depth: around.depth };
        let opened = level.open(origin, Packed::Stream(bytes, &mut io::empty()));
        // Exceeding the budget has already been reported.
        let _ = budget.take(allowance.unpacked.load(Relaxed).min(budget.left()));
        let known = allowance.known.map(|known| known.into_inner().unwrap_or_else(PoisonError::into_inner));
        opened.and(known)
    }

    /// The containers that match the first bytes of an input.
    fn containers(&self, start: &[u8]) -> impl Iterator<Item = &'s dyn Container> {
        self.knowledge.containers.iter().filter(move |container| container.claims(start)).copied()
    }
}

impl<'s> Session<'s> {
    /// The container that is known by its end, of which `end` returns a number of bytes.
    fn by_end(&self, end: impl Fn(u64) -> Vec<u8>) -> Option<&'s dyn Container> {
        let all = || self.knowledge.containers.iter().filter_map(|one| Some((*one, one.trailer()?)));
        let most = all().map(|(_, length)| length).max()?;
        let end = end(most);
        let trailer = |length: u64| end.get(end.len().checked_sub(usize::try_from(length).ok()?)?..);
        all().find(|(one, length)| trailer(*length).is_some_and(|trailer| one.begins(trailer))).map(|(one, _)| one)
    }
}

impl Sink for Level<'_> {
    fn blob(&self, blob: Blob<'_>) -> Looked {
        if blob.window.first() && blob.window.last && self.session.run.is_container_at(blob.origin, blob.bytes) {
            let opened = self.open(blob.origin, Packed::Stream(blob.bytes, &mut io::empty()));
            if let Some(looked) = opened {
                return looked;
            }
        }
        self.searched(blob)
    }

    fn carve(&self, origin: &Origin, bytes: &dyn Fn() -> Arc<dyn ReadAt>) -> Looked {
        self.open_inner(origin, 0, bytes, &|_| true)
    }

    fn open(&self, origin: &Origin, input: Packed<'_>) -> Option<Looked> {
        let mut start = Vec::new();
        let start = match &input {
            Packed::AnyPlace(bytes) => {
                start.resize(START, 0);
                let read = Cursor::new(Arc::clone(bytes)).read_from(0, &mut start).ok()?;
                start.get(..read)?
            }
            Packed::Stream(first, _) => first,
        };
        let ending = match &input {
            Packed::AnyPlace(bytes) => self.session.by_end(|most| {
                let cursor = Cursor::new(Arc::clone(bytes));
                let mut end = vec![0; usize::try_from(most.min(cursor.size())).unwrap_or_default()];
                cursor.read_from(cursor.size().saturating_sub(most), &mut end).ok();
                end
            }),
            Packed::Stream(first, _) => self.session.by_end(|most| {
                let most = usize::try_from(most).unwrap_or(usize::MAX);
                first.get(first.len().saturating_sub(most)..).unwrap_or_default().to_vec()
            }),
        };
        // The end proves more than the start, which may be that of a compressed block.
        let mut containers: Vec<_> = match ending {
            Some(container) => vec![container],
            None => self.session.containers(start).collect(),
        };
        if containers.is_empty() {
            containers.extend(self.session.run.named(origin, start));
        }
        let first = containers.first()?;
        if self.depth >= self.session.run.limits().max_depth {
            let detail = format!("{} at depth {}", first.about().id, self.depth + 1);
            self.session.run.gap(Gap::new(origin.clone(), Reason::TooDeep, detail));
            return None;
        }
        match input {
            Packed::AnyPlace(bytes) => self.at_any_place(origin, &containers, start, &bytes),
            Packed::Stream(first, rest) => self.in_order(origin, &containers, first, rest),
        }
    }
}

/// Bytes needed to match every magic number: that of btrfs is at 65,600.
const START: usize = 66 << 10;

/// Offset of a container's magic number; `None` if the container is recognised by something else.
fn place(container: &dyn Container, start: &[u8]) -> Option<usize> {
    container.magics().iter().find(|magic| magic.begins(start)).map(|magic| magic.at)
}

impl Level<'_> {
    /// Searches a blob that is no container, and opens the containers in the middle of it.
    fn searched(&self, blob: Blob<'_>) -> Looked {
        let looked = self.session.plain(blob, self.depth, Some(self.allowance));
        if blob.window.first() && blob.window.last && !looked.stop {
            return looked.with(self.carve(blob.origin, &|| Arc::new(Held::new(blob.bytes.to_vec()))));
        }
        looked
    }

    /// The next depth.
    const fn within(&self) -> Self {
        Self { depth: self.depth + 1, ..*self }
    }

    /// Scans the bytes of a container as they are.
    fn as_it_is(&self, bytes: &mut dyn Read, origin: &Origin) -> Looked {
        let to = Feed { run: &self.session.run, sink: &Plain { level: self, beside: false, carves: true } };
        Windows::default().feed_member(bytes, origin, to).0
    }

    /// Whether the bytes may be a container that would have to be held in memory if it came as a stream.
    fn opens_at_any_place(&self, bytes: &Cursor) -> bool {
        let mut start = vec![0; START];
        let read = bytes.read_from(0, &mut start).unwrap_or_default();
        let start = start.get(..read).unwrap_or_default();
        self.session.containers(start).any(|container| matches!(container.reader(), Reader::AnyPlace(_)))
    }

    /// Whether a limit ends the reading of everything in the outermost input.
    fn is_over(&self) -> bool {
        self.allowance.spent().is_some() || self.session.run.cancelled()
    }

    /// Opens a container that is read in order, and searches what belongs to no member of it. Returns the offset after
    /// which its reader read nothing as well.
    fn strained(
        &self,
        origin: &Origin,
        id: &'static str,
        input: &mut dyn Read,
        read: fn(&mut dyn Read, &mut dyn Inside) -> Result<(), Unopenable>,
    ) -> (Outcome, Looked, u64) {
        let account = Arc::<Account>::default();
        let mut input = Strained::new(input, &account, Batch::new(self, origin));
        let mut opener = Opener::new(self, origin, id, account, None);
        let outcome = opener.read(|inside| read(&mut input, inside));
        let (mut looked, mut left) = (opener.looked, u64::MAX);
        if matches!(outcome, Outcome::Opened { .. }) {
            let (rest, at) = input.finish();
            looked |= rest;
            left = at;
        }
        (outcome, looked, left)
    }

    /// Reports a container whose first bytes promised another format than the rest, which was read.
    fn is_not_one(&self, origin: &Origin) {
        let detail = "not the format that its first bytes indicate".to_owned();
        if self.allowance.spent().is_none() {
            self.session.run.gap(Gap::new(origin.clone(), Reason::Damaged, detail));
        }
    }

    /// Opens every format that matches: a file may begin like a stream and be an image by a magic number at a later
    /// offset.
    fn at_any_place(
        &self,
        origin: &Origin,
        containers: &[&dyn Container],
        start: &[u8],
        bytes: &Arc<dyn ReadAt>,
    ) -> Option<Looked> {
        let mut all: Option<Looked> = None;
        let (mut any_damaged, mut in_order) = (false, false);
        let mut places = Vec::new();
        let watched = Arc::new(Watched::new(bytes));
        let (mut at_any_place, mut left) = (false, u64::MAX);
        for container in containers {
            let place = place(*container, start);
            if places.contains(&place) || all.is_some_and(|looked| looked.stop) {
                continue;
            }
            let id = container.about().id;
            let (outcome, looked) = match container.reader() {
                Reader::InOrder(read) => {
                    let mut input = io::BufReader::with_capacity(READ, Cursor::new(Arc::clone(bytes)));
                    let (outcome, looked, at) = self.strained(origin, id, &mut input, read);
                    left = left.min(at);
                    (outcome, looked)
                }
                Reader::AnyPlace(read) => {
                    let bytes: Arc<dyn ReadAt> = Arc::clone(&watched) as Arc<dyn ReadAt>;
                    let mut opener =
                        Opener::new(self, origin, id, Arc::clone(&watched.account), Some(Arc::clone(&bytes)));
                    (opener.read(|inside| read(Cursor::new(bytes), inside)), opener.looked)
                }
            };
            if let Outcome::Opened { damaged } = outcome {
                at_any_place |= matches!(container.reader(), Reader::AnyPlace(_));
                any_damaged |= damaged && matches!(container.reader(), Reader::AnyPlace(_));
                in_order |= matches!(container.reader(), Reader::InOrder(_));
                places.push(place);
                *all.get_or_insert_default() |= looked;
            }
        }
        let mut looked = all?;
        // If another format was read in order, everything that is no member of it was searched.
        if at_any_place && !any_damaged && !in_order && !looked.stop {
            looked |= watched.search_others(self, origin);
        }
        if any_damaged && !looked.stop {
            // Members that a damaged container no longer leads to may still be among its bytes.
            let again = self.as_it_is(&mut Cursor::new(Arc::clone(bytes)), origin);
            if again.found {
                self.session.rescanned(origin, Rescan::Damaged);
            }
            looked |= again;
        } else {
            self.session.run.count_unopened(start, || origin.clone());
        }
        // Between members, after them, and in what a damaged container no longer leads to.
        // Headers between the members of an archive are no archive.
        let reach = watched.account.reach();
        let is_new = |candidate: Candidate| {
            let is_same = || {
                let of = self.session.knowledge.containers.get(candidate.container);
                of.is_some_and(|of| {
                    containers.iter().any(|one| {
                        // What is known by its end contains everything before.
                        one.about().id == of.about().id && (one.has_headers() || one.trailer().is_some())
                    })
                })
            };
            let is_before = || candidate.at < reach || containers.iter().any(|one| one.trailer().is_some());
            if in_order {
                return candidate.at >= left;
            }
            let is_exact = containers.iter().all(|one| one.is_exact());
            !(is_exact && watched.account.is_touched(candidate.at) || is_before() && is_same())
        };
        let inner = self.open_inner(origin, 0, &|| Arc::clone(bytes), &is_new);
        Some(looked.with(inner))
    }

    fn in_order(
        &self,
        origin: &Origin,
        containers: &[&dyn Container],
        first: &[u8],
        rest: &mut dyn Read,
    ) -> Option<Looked> {
        let consumed = Cell::new(0);
        let grows = (self.depth == 0).then_some(&self.allowance.packed);
        let mut places = containers.iter().map(|container| place(*container, first));
        let one = places.next();
        let several = places.any(|place| Some(place) != one);
        for container in containers {
            let mut again = Slice::new(first);
            let mut counted = Consumed { inner: &mut *rest, bytes: &consumed, grows };
            let mut input = Read::chain(&mut again, &mut counted);
            match container.reader() {
                Reader::InOrder(read) if !several => {
                    let (outcome, looked, left) = self.strained(origin, container.about().id, &mut input, read);
                    // Of a stream, only the first bytes are still there.
                    let whole = || Arc::new(Held::new(first.to_vec())) as Arc<dyn ReadAt>;
                    let is_new = |candidate: Candidate| candidate.at >= left && consumed.get() == 0;
                    if consumed.get() > 0 && self.session.candidates.is_beyond(origin, left) {
                        let detail = format!("containers after byte {left} of a stream in another container");
                        self.session.run.gap(Gap::new(origin.clone(), Reason::Unsupported, detail));
                    }
                    let looked = looked.with(self.open_inner(origin, 0, &whole, &is_new));
                    match outcome {
                        Outcome::Opened { .. } => {
                            self.session.run.count_unopened(first, || origin.clone());
                            return Some(looked);
                        }
                        Outcome::NotOne if consumed.get() > 0 => {
                            self.is_not_one(origin);
                            return Some(looked);
                        }
                        Outcome::NotOne => {}
                    }
                }
                Reader::InOrder(_) | Reader::AnyPlace(_) => {
                    // If the result is `None`, nothing was read from the stream beyond the bytes in `first`.
                    return self.held(origin, containers, &mut input, first, &consumed);
                }
            }
        }
        None
    }

    /// Reads a stream into memory, up to the limit, and opens it there.
    fn held(
        &self,
        origin: &Origin,
        containers: &[&dyn Container],
        input: &mut dyn Read,
        first: &[u8],
        consumed: &Cell<u64>,
    ) -> Option<Looked> {
        let max_held = self.session.run.limits().max_held;
        let mut taken = Taken::none(Arc::clone(&self.allowance.holding));
        let mut bytes = Vec::new();
        let mut fault = None;
        let mut step = first.len().clamp(STEP, MOST_STEP);
        let whole = loop {
            // In steps: a buffer that doubles would take twice as much memory, and is wiped as a whole.
            let most = max_held.saturating_sub(bytes.len() as u64);
            let next = u64::try_from(step).unwrap_or(u64::MAX).min(most.saturating_add(1));
            if taken.set(bytes.len() as u64 + next).is_err() || bytes.len() as u64 > max_held {
                break false;
            }
            bytes.reserve_exact(step);
            match (&mut *input).take(next).read_to_end(&mut bytes) {
                Ok(read) if (read as u64) < next => break true,
                Ok(_) => step = bytes.len().min(MOST_STEP),
                Err(error) => {
                    fault = Some(error);
                    break true;
                }
            }
        };
        let length = bytes.len() as u64;
        if !whole {
            let detail = format!("larger than {max_held} bytes inside another container");
            self.session.run.gap(Gap::new(origin.clone(), Reason::TooLarge, detail));
            let held = Held::new(bytes);
            let mut all = Read::chain(Cursor::new(Arc::new(held)), input);
            // The other formats cannot be opened; a stream can.
            if let Some((Reader::InOrder(read), id)) = containers.first().map(|one| (one.reader(), one.about().id)) {
                let (outcome, looked, _) = self.strained(origin, id, &mut all, read);
                self.session.candidates.take(origin);
                if matches!(outcome, Outcome::NotOne) {
                    self.is_not_one(origin);
                }
                return Some(looked);
            }
            return Some(self.as_it_is(&mut all, origin));
        }
        let bytes: Arc<dyn ReadAt> = Arc::new(Held::new(bytes));
        let opened = self.at_any_place(origin, containers, first, &bytes);
        if let Some(error) = fault {
            let detail = format!("{error}, after {length} bytes");
            self.session.run.gap(Gap::new(origin.clone(), Reason::Damaged, detail));
        }
        if opened.is_none() && consumed.get() > 0 {
            return Some(self.as_it_is(&mut Cursor::new(bytes), origin));
        }
        opened
    }
}

/// How much more is read at once of a container held in memory, in bytes: as much as is held already, within these
/// bounds.
const STEP: usize = 64 << 10;
const MOST_STEP: usize = 8 << 20;

/// Buffer size for reading a container sequentially, in bytes.
const READ: usize = 128 << 10;

/// Scans everything as plain bytes.
struct Plain<'l> {
    level: &'l Level<'l>,
    /// Whether the bytes are what a container has beside its members.
    beside: bool,
    /// Whether containers in them are looked for.
    carves: bool,
}

impl Sink for Plain<'_> {
    fn blob(&self, blob: Blob<'_>) -> Looked {
        let Level { session, allowance, depth, .. } = *self.level;
        let around = Context::file(depth, Some(&allowance.holding));
        let around = if self.beside { around.beside_members() } else { around };
        let around = if self.carves { around.carving() } else { around };
        session.plain_in(blob, &around, Some(allowance))
    }

    fn open(&self, _origin: &Origin, _input: Packed<'_>) -> Option<Looked> {
        None
    }
}

/// Counts what is read from a stream.
struct Consumed<'r> {
    inner: &'r mut dyn Read,
    bytes: &'r Cell<u64>,
    grows: Option<&'r AtomicU64>,
}

impl Read for Consumed<'_> {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        let read = self.inner.read(into)?;
        self.bytes.set(self.bytes.get() + read as u64);
        if let Some(packed) = self.grows {
            packed.fetch_add(read as u64, Relaxed);
        }
        Ok(read)
    }
}
