//! Opens containers: what is inside of an archive is read like a file of its own, out of one allowance for the whole of
//! the outermost input.
//!
//! Nothing is unpacked to disk, and little is held: members are streams that are read in windows, whatever their size.
//! Only a container that has to be read at any place, inside of another one, is held whole, up to a limit.

use std::cell::Cell;
use std::io::{self, Cursor as Slice, Read};
use std::ops::ControlFlow;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::sync::atomic::AtomicU64;
use std::sync::atomic::Ordering::Relaxed;
use std::sync::{Arc, Mutex, PoisonError};

use super::Session;
use super::allowance::Allowance;
use super::cover::Known;
use super::memory::{Holding, Taken};
use super::worker::Around;
use crate::blob::{Blob, Origin, Wrap};
use crate::budget::{Budget, Limits};
use crate::error::{Gap, Reason};
use crate::prefilter::Prefilter;
use crate::random::{Cursor, Held};
use crate::seam::{BlobSink, Container, Inside, Looked, Member, Packed, Random, Reader, Unopenable};
use crate::source::stream::{AHEAD, CORE, Windows};

/// The sink for what lies at one depth of containers.
struct Level<'s> {
    session: &'s Session<'s>,
    allowance: &'s Allowance,
    depth: u32,
}

/// How a reader of a container came out.
enum Outcome {
    /// It was one; whether it is damaged.
    Opened { damaged: bool },
    /// It was none of its format, and nothing came out.
    NotOne,
}

impl<'s> Session<'s> {
    /// Records a panic that no guard nearer to its place caught.
    pub(super) fn fault(&self, origin: &Origin) {
        let detail = "engine; the rest was not read".to_owned();
        self.gap(Gap { origin: origin.clone(), reason: Reason::DetectorFault, detail });
    }

    /// Opens a container that is no part of another one.
    pub(super) fn unpack_root(&'s self, origin: &Origin, input: Packed<'_>) -> Option<Looked> {
        let packed = match &input {
            Packed::Random(bytes) => bytes.size(),
            Packed::Stream(first, _) => first.len() as u64,
        };
        let allowance = Allowance::new(self.limits, packed, Holding::new(&self.room, self.limits.max_held));
        Level { session: self, allowance: &allowance, depth: 0 }.unpack(origin, input)
    }

    /// Opens a container that was wrapped in text, out of what is left for text. What was found in it; `None` if it is none.
    pub(super) fn unpack_text(
        &'s self,
        origin: &Origin,
        bytes: &[u8],
        budget: &Budget,
        around: &Around<'_>,
    ) -> Option<Known> {
        if !self.contains(bytes) {
            return None;
        }
        let limits = Limits { max_unpacked: budget.left(), ..self.limits };
        let holding = around.holding.clone().unwrap_or_else(|| Holding::new(&self.room, self.limits.max_held));
        let allowance = Allowance::new(limits, bytes.len() as u64, holding);
        let allowance = Allowance { known: Some(Mutex::default()), ..allowance };
        let level = Level { session: self, allowance: &allowance, depth: around.depth };
        let opened = level.unpack(origin, Packed::Stream(bytes, &mut io::empty()));
        // More than is left was told of already.
        let _ = budget.take(allowance.unpacked.load(Relaxed).min(budget.left()));
        let known = allowance.known.map(|known| known.into_inner().unwrap_or_else(PoisonError::into_inner));
        opened.and(known)
    }

    /// The containers that something may be, by its first bytes.
    fn containers(&self, start: &[u8]) -> impl Iterator<Item = &'s dyn Container> {
        self.knowledge.containers.iter().filter(move |container| container.claims(start)).copied()
    }
}

impl BlobSink for Level<'_> {
    fn blob(&self, blob: Blob<'_>) -> Looked {
        if blob.window.first() && blob.window.last && self.contains(blob.bytes) {
            let opened = self.unpack(blob.origin, Packed::Stream(blob.bytes, &mut io::empty()));
            if let Some(looked) = opened {
                return looked;
            }
        }
        self.session.plain(blob, self.depth, Some(self.allowance))
    }

    fn gap(&self, gap: Gap) {
        self.session.gap(gap);
    }

    /// Members are no inputs of their own.
    fn done(&self, _bytes: u64) {}

    fn object(&self, _bytes: u64) {}

    fn prefilter(&self) -> &Prefilter<'_> {
        self.session.prefilter()
    }

    fn begins(&self, start: &[u8]) {
        self.session.begins(start);
    }

    fn reads_clues(&self) -> bool {
        self.session.reads_clues()
    }

    fn wants_clue(&self, path: &Path) -> bool {
        self.session.wants_clue(path)
    }

    fn clue(&self, blob: Blob<'_>) {
        self.session.clue(blob);
    }

    fn cancelled(&self) -> bool {
        self.session.cancelled()
    }

    /// What bounds members is the allowance.
    fn max_bytes(&self) -> u64 {
        u64::MAX
    }

    fn contains(&self, start: &[u8]) -> bool {
        self.session.contains(start)
    }

    fn unpack(&self, origin: &Origin, input: Packed<'_>) -> Option<Looked> {
        let mut start = Vec::new();
        let start = match &input {
            Packed::Random(bytes) => {
                start.resize(START, 0);
                let read = Cursor::new(Arc::clone(bytes)).read_from(0, &mut start).ok()?;
                start.get(..read)?
            }
            Packed::Stream(first, _) => first,
        };
        let containers: Vec<_> = self.session.containers(start).collect();
        let first = containers.first()?;
        if self.depth >= self.session.limits.max_depth {
            let detail = format!("{} at depth {}", first.about().id, self.depth + 1);
            self.gap(Gap { origin: origin.clone(), reason: Reason::TooDeep, detail });
            return None;
        }
        match input {
            Packed::Random(bytes) => self.at_any_place(origin, &containers, start, &bytes),
            Packed::Stream(first, rest) => self.in_order(origin, &containers, first, rest),
        }
    }
}

/// As many first bytes as any magic number needs: that of btrfs stands at 65,600.
const START: usize = 66 << 10;

/// Where the magic number of a container stands; `None` if it is known by something else.
fn place(container: &dyn Container, start: &[u8]) -> Option<usize> {
    container.magics().iter().find(|magic| magic.begins(start)).map(|magic| magic.at)
}

impl Level<'_> {
    /// Whether something may be a container that would have to be held in memory if it came as a stream.
    fn opens_at_any_place(&self, bytes: &Cursor) -> bool {
        let mut start = vec![0; START];
        let read = bytes.read_from(0, &mut start).unwrap_or_default();
        let start = start.get(..read).unwrap_or_default();
        self.session.containers(start).any(|container| matches!(container.reader(), Reader::AnyPlace(_)))
    }

    /// Opens everything that it is: one file may begin like a stream and be an image by a magic number further on.
    fn at_any_place(
        &self,
        origin: &Origin,
        containers: &[&dyn Container],
        start: &[u8],
        bytes: &Arc<dyn Random>,
    ) -> Option<Looked> {
        let mut all: Option<Looked> = None;
        let mut any_damaged = false;
        let mut places = Vec::new();
        for container in containers {
            let place = place(*container, start);
            if places.contains(&place) || all.is_some_and(|looked| looked.stop) {
                continue;
            }
            let mut opener = Opener::new(self, origin, container.about().id);
            let outcome = opener.run(|inside| match container.reader() {
                Reader::InOrder(read) => {
                    read(&mut io::BufReader::with_capacity(READ, Cursor::new(Arc::clone(bytes))), inside)
                }
                Reader::AnyPlace(read) => read(Cursor::new(Arc::clone(bytes)), inside),
            });
            if let Outcome::Opened { damaged } = outcome {
                any_damaged |= damaged && matches!(container.reader(), Reader::AnyPlace(_));
                places.push(place);
                *all.get_or_insert_default() |= opener.looked;
            }
        }
        let mut looked = all?;
        if any_damaged && !looked.stop {
            // What a damaged container does not lead to any more may still lie in it as it is.
            let plain = Plain(self);
            let again = Windows::default().feed_part(&mut Cursor::new(Arc::clone(bytes)), origin, &plain).0;
            if again.found {
                self.session.rescanned.lock().unwrap_or_else(PoisonError::into_inner).insert(origin.clone());
            }
            looked |= again;
        } else {
            self.session.count_unopened(start, Some(origin));
        }
        Some(looked)
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
                    let mut opener = Opener::new(self, origin, container.about().id);
                    let outcome = opener.run(|inside| read(&mut input, inside));
                    match outcome {
                        Outcome::Opened { .. } => {
                            self.session.count_unopened(first, Some(origin));
                            return Some(opener.looked);
                        }
                        Outcome::NotOne if consumed.get() > 0 => {
                            opener.gap(Reason::Damaged, "not what its start says");
                            return Some(opener.looked);
                        }
                        Outcome::NotOne => {}
                    }
                }
                Reader::InOrder(_) | Reader::AnyPlace(_) => {
                    // If there is none, nothing was read of the stream but what its owner has in hand.
                    return self.held(origin, containers, &mut input, first, &consumed);
                }
            }
        }
        None
    }

    /// Reads a stream into memory, as far as it may be held, and opens it there.
    fn held(
        &self,
        origin: &Origin,
        containers: &[&dyn Container],
        input: &mut dyn Read,
        first: &[u8],
        consumed: &Cell<u64>,
    ) -> Option<Looked> {
        let mut taken = Taken::none(Arc::clone(&self.allowance.holding));
        let mut bytes = Vec::new();
        let mut fault = None;
        let mut step = first.len().clamp(STEP, MOST_STEP);
        let whole = loop {
            // In steps, because a buffer that doubles would hold twice as much, and is wiped as a whole.
            let most = self.session.limits.max_held.saturating_sub(bytes.len() as u64);
            let next = u64::try_from(step).unwrap_or(u64::MAX).min(most.saturating_add(1));
            if taken.set(bytes.len() as u64 + next).is_err() || bytes.len() as u64 > self.session.limits.max_held {
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
            let detail = format!("larger than {} bytes inside of another", self.session.limits.max_held);
            self.gap(Gap { origin: origin.clone(), reason: Reason::TooLarge, detail });
            let held = Held::new(bytes);
            let mut all = Read::chain(Cursor::new(Arc::new(held)), input);
            // What else it is cannot be opened; a stream can.
            if let Some((Reader::InOrder(read), id)) = containers.first().map(|one| (one.reader(), one.about().id)) {
                let mut opener = Opener::new(self, origin, id);
                if matches!(opener.run(|inside| read(&mut all, inside)), Outcome::NotOne) {
                    opener.gap(Reason::Damaged, "not what its start says");
                }
                return Some(opener.looked);
            }
            return Some(Windows::default().feed_part(&mut all, origin, &Plain(self)).0);
        }
        let bytes: Arc<dyn Random> = Arc::new(Held::new(bytes));
        let opened = self.at_any_place(origin, containers, first, &bytes);
        if let Some(error) = fault {
            let detail = format!("{error}, after {length} bytes");
            self.gap(Gap { origin: origin.clone(), reason: Reason::Damaged, detail });
        }
        if opened.is_none() && consumed.get() > 0 {
            let plain = Plain(self);
            return Some(Windows::default().feed_part(&mut Cursor::new(bytes), origin, &plain).0);
        }
        opened
    }
}

/// How much more is read at once into memory of a container that is held, in bytes: as much again as is held, within these.
const STEP: usize = 64 << 10;
const MOST_STEP: usize = 8 << 20;

/// What a window over a member takes.
const WINDOW: u64 = (CORE + AHEAD) as u64;

/// How much is read at once of a container that is read in order.
const READ: usize = 128 << 10;

/// Takes everything for the bytes that they are.
struct Plain<'l>(&'l Level<'l>);

impl BlobSink for Plain<'_> {
    fn blob(&self, blob: Blob<'_>) -> Looked {
        let Level { session, allowance, depth } = *self.0;
        session.plain(blob, depth, Some(allowance))
    }

    fn gap(&self, gap: Gap) {
        self.0.gap(gap);
    }

    fn done(&self, _bytes: u64) {}

    fn object(&self, _bytes: u64) {}

    fn prefilter(&self) -> &Prefilter<'_> {
        self.0.prefilter()
    }

    fn begins(&self, _start: &[u8]) {}

    fn reads_clues(&self) -> bool {
        false
    }

    fn wants_clue(&self, _path: &Path) -> bool {
        false
    }

    fn clue(&self, _blob: Blob<'_>) {}

    fn cancelled(&self) -> bool {
        self.0.cancelled()
    }

    fn max_bytes(&self) -> u64 {
        u64::MAX
    }
}

/// Counts what is read of a stream.
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

/// What a container hands out goes through here.
struct Opener<'l> {
    level: &'l Level<'l>,
    origin: &'l Origin,
    kind: &'static str,
    looked: Looked,
    members: u64,
    /// Whether anything was told of it that could not be read.
    told: bool,
    damaged: bool,
    /// What its reader holds.
    taken: Taken,
}

impl<'l> Opener<'l> {
    fn new(level: &'l Level<'l>, origin: &'l Origin, kind: &'static str) -> Self {
        let taken = Taken::none(Arc::clone(&level.allowance.holding));
        Self { level, origin, kind, looked: Looked::default(), members: 0, told: false, damaged: false, taken }
    }

    fn run(&mut self, read: impl FnOnce(&mut dyn Inside) -> Result<(), Unopenable>) -> Outcome {
        let result = catch_unwind(AssertUnwindSafe(|| read(self)));
        match result {
            Ok(Ok(())) => {}
            Ok(Err(Unopenable::Malformed(_))) if self.members == 0 && !self.told => return Outcome::NotOne,
            Ok(Err(Unopenable::Closed(reason, detail))) => {
                self.gap(reason, detail);
                if self.members == 0 && !self.told {
                    return Outcome::NotOne;
                }
                self.damaged = true;
            }
            Ok(Err(Unopenable::Malformed(malformed))) => {
                self.damaged = true;
                self.gap(Reason::Damaged, malformed.what);
            }
            Ok(Err(Unopenable::Limit(reason))) => {
                self.gap(reason, self.kind);
            }
            Err(_) => {
                self.damaged = true;
                self.gap(Reason::DetectorFault, self.kind);
            }
        }
        self.level.session.opened(self.kind, self.members);
        Outcome::Opened { damaged: self.damaged }
    }

    /// Tells of a gap, unless it only follows from a limit that bit.
    fn gap(&self, reason: Reason, detail: &str) {
        if self.level.allowance.spent().is_none() {
            self.level.gap(Gap { origin: self.origin.clone(), reason, detail: detail.to_owned() });
        }
    }

    fn inside(&self, member: Member<'_>) -> Origin {
        self.origin.inside(Wrap::member(self.kind, member.at, name(member.name)))
    }
}

impl Opener<'_> {
    /// Reads bytes in windows, as a member or as the bytes that they are.
    fn feed(&mut self, member: Member<'_>, content: &mut dyn Read, plain: bool) -> ControlFlow<()> {
        let allowance = self.level.allowance;
        let session = self.level.session;
        let origin = self.inside(member);
        let mut looked = Looked { stop: self.level.cancelled(), ..Looked::default() };
        let mut fault = None;
        let mut taken = Taken::none(Arc::clone(&allowance.holding));
        if allowance.spent().is_none() && !looked.stop {
            if let Err(reason) = taken.set(WINDOW) {
                let detail = format!("more than {} bytes in memory", session.limits.max_held);
                self.level.gap(Gap { origin, reason, detail });
                return ControlFlow::Continue(());
            }
            let idle = session.windows.lock().unwrap_or_else(PoisonError::into_inner).pop();
            let mut windows = idle.unwrap_or_default();
            let within = Level { depth: self.level.depth + 1, ..*self.level };
            let mut counted = Counted { inner: content, allowance };
            (looked, fault) = if plain {
                windows.feed_part(&mut counted, &origin, &Plain(&within))
            } else {
                windows.feed_part(&mut counted, &origin, &within)
            };
            let mut idle = session.windows.lock().unwrap_or_else(PoisonError::into_inner);
            if idle.len() < session.spare_windows {
                idle.push(windows);
            }
        }
        if let Some((reason, detail)) = allowance.to_tell() {
            self.level.gap(Gap { origin, reason, detail });
        } else if let Some(detail) = fault.filter(|_| allowance.spent().is_none() && !self.level.cancelled()) {
            self.damaged = true;
            self.level.gap(Gap { origin, reason: Reason::Damaged, detail });
        }
        self.looked |= looked;
        let stop = looked.stop || allowance.spent().is_some();
        if stop { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
    }
}

impl Inside for Opener<'_> {
    fn member(&mut self, member: Member<'_>, content: &mut dyn Read) -> ControlFlow<()> {
        self.members += 1;
        self.level.allowance.entry();
        self.feed(member, content, false)
    }

    fn rest(&mut self, at: u64, content: &mut dyn Read) -> ControlFlow<()> {
        self.feed(Member { name: b"", at }, content, true)
    }

    fn stored(&mut self, member: Member<'_>, mut content: Cursor) -> ControlFlow<()> {
        let within = Level { depth: self.level.depth + 1, ..*self.level };
        let open = self.level.allowance.spent().is_none() && !within.cancelled();
        if open && within.depth < self.level.session.limits.max_depth && within.opens_at_any_place(&content) {
            let origin = self.inside(member);
            self.level.allowance.entry();
            if let Some(looked) = within.unpack(&origin, Packed::Random(Arc::new(content.clone()))) {
                self.members += 1;
                self.looked |= looked;
                let stop = looked.stop || self.level.allowance.spent().is_some();
                return if stop { ControlFlow::Break(()) } else { ControlFlow::Continue(()) };
            }
        }
        self.member(member, &mut content)
    }

    fn unread(&mut self, member: Member<'_>, reason: Reason, detail: &str) {
        self.told = true;
        self.damaged |= reason == Reason::Damaged;
        if self.level.allowance.spent().is_none() {
            let origin = self.inside(member);
            self.level.gap(Gap { origin, reason, detail: detail.to_owned() });
        }
    }

    fn memory(&self) -> u64 {
        let left = self.level.allowance.holding.left() + self.taken.bytes();
        left.min(self.level.session.limits.max_held)
    }

    fn holds(&mut self, bytes: u64) -> Result<(), Reason> {
        if bytes > self.memory() {
            return Err(Reason::TooLarge);
        }
        self.taken.set(bytes)
    }
}

/// Hands on what a decoder gives, as far as the allowance goes.
struct Counted<'r> {
    inner: &'r mut dyn Read,
    allowance: &'r Allowance,
}

impl Read for Counted<'_> {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        let read = self.inner.read(into)?;
        match self.allowance.take(read as u64) {
            Ok(()) => Ok(read),
            Err(_) => Err(io::Error::other("a limit of the run")),
        }
    }
}

/// The name of a member as a path, cut at [`LONGEST_NAME`].
fn name(bytes: &[u8]) -> PathBuf {
    let bytes = bytes.get(..LONGEST_NAME).unwrap_or(bytes);
    #[cfg(unix)]
    let name = <std::ffi::OsStr as std::os::unix::ffi::OsStrExt>::from_bytes(bytes).to_owned();
    #[cfg(not(unix))]
    let name = String::from_utf8_lossy(bytes).into_owned();
    PathBuf::from(name)
}

/// Longest name kept of a member, in bytes: PATH_MAX of Linux.
const LONGEST_NAME: usize = 4096;
