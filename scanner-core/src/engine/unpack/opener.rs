//! Receives what a container hands out: members, bytes that belong to no member, and what could not be read.

use std::io::{self, Read};
use std::ops::ControlFlow;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::PathBuf;
use std::sync::Arc;

use super::account::Account;
use super::kept::{Carved, Keeper};
use super::{Level, Plain};
use crate::blob::{Origin, Wrap};
use crate::engine::allowance::Allowance;
use crate::engine::memory::Taken;
use crate::engine::session::Rescan;
use crate::error::{Gap, Reason};
use crate::read_at::{Cursor, ReadAt};
use crate::run::Run;
use crate::seam::{Feed, Inside, Looked, Member, Packed, Sink, Unopenable};
use crate::source::name;
use crate::source::stream::{AHEAD, CORE};

/// Memory of a window over a member, in bytes.
const WINDOW: u64 = (CORE + AHEAD) as u64;

/// Longest member name kept, in bytes: PATH_MAX of Linux.
const LONGEST_NAME: usize = 4096;

/// Most faults of a container in the middle of other bytes that are kept until something was read of it.
const MOST_UNSAID: usize = 1 << 10;

/// The name that readers give to what follows a container.
const TRAILING: &[u8] = b"trailing";

/// The result of reading a container.
pub(super) enum Outcome {
    /// The input was of this format; whether it is damaged.
    Opened { damaged: bool },
    /// Not this format; no member was produced.
    NotOne,
}

/// Receives what a container hands out.
pub(super) struct Opener<'l> {
    run: &'l Run<'l>,
    level: &'l Level<'l>,
    origin: &'l Origin,
    kind: &'static str,
    pub(super) looked: Looked,
    members: u64,
    /// Whether anything unreadable was reported.
    told: bool,
    damaged: bool,
    /// The memory that the reader uses.
    taken: Taken,
    /// What the reader reads for members.
    account: Arc<Account>,
    /// The bytes of a container that is read at any place.
    source: Option<Arc<dyn ReadAt>>,
    /// The bytes of a container in the middle of others.
    pub(super) carved: Option<Arc<Carved>>,
    /// How many bytes of members were read.
    content: u64,
    /// Damage of a container in the middle of other bytes, of which nothing was read yet.
    unsaid: Vec<Gap>,
    /// How many bytes of members must be read before damage of a container in the middle of other bytes is reported.
    pub(super) believed_after: u64,
}

/// Searches bytes of a container that belong to no member, from an offset. They are not opened.
pub(super) fn search_aside(level: &Level<'_>, origin: &Origin, at: u64, content: &mut dyn Read) -> Looked {
    let (run, allowance) = (&level.session.run, level.allowance);
    if allowance.spent().is_some() || run.cancelled() {
        return Looked { stop: run.cancelled(), ..Looked::default() };
    }
    let mut taken = Taken::none(Arc::clone(&allowance.holding));
    if let Err(reason) = taken.set(WINDOW) {
        let detail = format!("more than {} bytes in memory", run.limits().max_held);
        run.gap(Gap::new(origin.clone(), reason, detail));
        return Looked::default();
    }
    let within = level.within();
    let mut counted = Counted { inner: content, allowance, account: None, bytes: 0 };
    let to = Feed { run, sink: &Plain { level: &within, beside: true, carves: true } };
    let (looked, fault) = level.session.with_windows(|windows| windows.feed_member_at(at, &mut counted, origin, to));
    if looked.found {
        // A reader may have taken content of a member beside the member, or handed out what it had read before.
        level.session.rescanned(origin, Rescan::Beside);
    }
    if let Some((reason, detail)) = allowance.to_tell() {
        run.gap(Gap::new(origin.clone(), reason, detail));
    } else if let Some(detail) = fault.filter(|_| allowance.spent().is_none() && !run.cancelled()) {
        run.gap(Gap::new(origin.clone(), Reason::Damaged, detail));
    }
    looked
}

impl<'l> Opener<'l> {
    pub(super) fn new(
        level: &'l Level<'l>,
        origin: &'l Origin,
        kind: &'static str,
        account: Arc<Account>,
        source: Option<Arc<dyn ReadAt>>,
    ) -> Self {
        let run = &level.session.run;
        let taken = Taken::none(Arc::clone(&level.allowance.holding));
        let looked = Looked::default();
        Self {
            run,
            level,
            origin,
            kind,
            looked,
            members: 0,
            told: false,
            damaged: false,
            taken,
            account,
            source,
            carved: None,
            content: 0,
            unsaid: Vec::new(),
            believed_after: 0,
        }
    }

    /// Runs a reader, and counts the container if the input was one.
    pub(super) fn read(&mut self, read: impl FnOnce(&mut dyn Inside) -> Result<(), Unopenable>) -> Outcome {
        let result = catch_unwind(AssertUnwindSafe(|| read(self)));
        match result {
            Ok(Ok(())) => {}
            Ok(Err(Unopenable::Malformed(_))) if self.members == 0 && !self.told => return Outcome::NotOne,
            // Any bytes may look like a container that cannot be opened.
            Ok(Err(Unopenable::Closed(..))) if self.carved.is_some() && self.members == 0 => return Outcome::NotOne,
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
        if self.carved.is_some() {
            if self.damaged && self.content == 0 {
                return Outcome::NotOne;
            }
            if self.content > self.believed_after {
                self.unsaid.drain(..).for_each(|gap| self.run.gap(gap));
            }
        }
        self.level.session.opened(self.kind, self.members);
        Outcome::Opened { damaged: self.damaged }
    }

    /// Reports a gap. Damage of what may be no container is kept until something was read of it.
    fn tell(&mut self, gap: Gap) {
        if self.carved.is_none() || self.content > self.believed_after || gap.reason != Reason::Damaged {
            self.run.gap(gap);
        } else if self.unsaid.len() < MOST_UNSAID {
            self.unsaid.push(gap);
        }
    }

    /// Records a gap, unless it only follows from a limit that was exceeded.
    fn gap(&mut self, reason: Reason, detail: &str) {
        if self.level.allowance.spent().is_none() {
            self.tell(Gap::new(self.origin.clone(), reason, detail.to_owned()));
        }
    }

    fn inside(&self, member: Member<'_>) -> Origin {
        // The origin of a stream in the middle of other bytes says all.
        if self.carved.is_some() && member.name.is_empty() && member.at == 0 {
            return self.origin.clone();
        }
        self.origin.inside(Wrap::member(self.kind, member.at, name(member.name)))
    }
}

impl Opener<'_> {
    /// Reads bytes in windows, as a member or as plain bytes.
    fn feed(&mut self, member: Member<'_>, content: &mut dyn Read, plain: bool) -> ControlFlow<()> {
        let allowance = self.level.allowance;
        let session = self.level.session;
        let origin = self.inside(member);
        let mut looked = Looked { stop: self.run.cancelled(), ..Looked::default() };
        let mut fault = None;
        let mut taken = Taken::none(Arc::clone(&allowance.holding));
        if allowance.spent().is_none() && !looked.stop {
            if let Err(reason) = taken.set(WINDOW) {
                let detail = format!("more than {} bytes in memory", self.run.limits().max_held);
                self.run.gap(Gap::new(origin, reason, detail));
                return ControlFlow::Continue(());
            }
            let within = self.level.within();
            let account = Arc::clone(&self.account);
            account.begin();
            let mut counted = Counted { inner: content, allowance, account: Some(&account), bytes: 0 };
            let plain_sink = Plain { level: &within, beside: false, carves: false };
            let keeper = Keeper::new(&within);
            let sink: &dyn Sink = if plain { &plain_sink } else { &keeper };
            let to = Feed { run: self.run, sink };
            (looked, fault) =
                account.in_member(|| session.with_windows(|windows| windows.feed_member(&mut counted, &origin, to)));
            self.content += counted.bytes;
            if keeper.has_opened() {
                account.open();
            }
            drop(taken);
            looked |= account.in_member(|| keeper.finish(&origin));
        }
        if let Some((reason, detail)) = allowance.to_tell() {
            self.run.gap(Gap::new(origin, reason, detail));
        } else if let Some(detail) = fault.filter(|_| allowance.spent().is_none() && !self.run.cancelled()) {
            self.damaged = true;
            self.tell(Gap::new(origin, Reason::Damaged, detail));
        }
        self.looked |= looked;
        let stop = looked.stop || allowance.spent().is_some();
        if stop { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
    }
}

impl Inside for Opener<'_> {
    fn member(&mut self, member: Member<'_>, content: &mut dyn Read) -> ControlFlow<()> {
        if let Some(carved) = self.carved.as_ref().filter(|_| member.name == TRAILING) {
            // What follows is no part of it.
            carved.close(content);
            return ControlFlow::Continue(());
        }
        self.members += 1;
        self.level.allowance.entry();
        if name::may_hold_key(member.name) {
            let mut named = member.name;
            self.looked |= search_aside(self.level, &name::origin(&self.inside(member)), 0, &mut named);
        }
        self.feed(member, content, false)
    }

    fn view(&mut self, member: Member<'_>, content: &mut dyn Read) -> ControlFlow<()> {
        let before = std::mem::take(&mut self.looked.found);
        let flow = self.member(member, content);
        if self.looked.found {
            self.level.session.views(self.inside(member));
        }
        self.looked.found |= before;
        flow
    }

    fn rest(&mut self, at: u64, content: &mut dyn Read) -> ControlFlow<()> {
        if self.source.is_some() {
            // Whatever is not read as content is searched in the end, with the content around it.
            return ControlFlow::Continue(());
        }
        self.feed(Member { name: b"", at }, content, true)
    }

    fn stored(&mut self, member: Member<'_>, mut content: Cursor) -> ControlFlow<()> {
        let within = self.level.within();
        let open = self.level.allowance.spent().is_none() && !self.run.cancelled();
        let account = Arc::clone(&self.account);
        if open
            && within.depth < self.run.limits().max_depth
            && account.in_member(|| within.opens_at_any_place(&content))
        {
            let origin = self.inside(member);
            self.level.allowance.entry();
            let opened = account.in_member(|| within.open(&origin, Packed::AnyPlace(Arc::new(content.clone()))));
            if opened.is_some()
                && let Some(range) = self.source.as_ref().and_then(|source| content.range_in(source))
            {
                account.begin();
                account.read(range.start, range.end.saturating_sub(range.start));
                account.open();
            }
            if let Some(looked) = opened {
                self.members += 1;
                self.content += content.size();
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
            self.tell(Gap::new(origin, reason, detail.to_owned()));
        }
    }

    fn memory(&self) -> u64 {
        let left = self.level.allowance.holding.left() + self.taken.bytes();
        left.min(self.run.limits().max_held)
    }

    fn holds(&mut self, bytes: u64) -> Result<(), Reason> {
        if bytes > self.memory() {
            return Err(Reason::TooLarge);
        }
        self.taken.set(bytes)
    }
}

/// Passes on the output of a decoder, within the allowance.
struct Counted<'r> {
    inner: &'r mut dyn Read,
    allowance: &'r Allowance,
    /// Learns which buffer is filled; `None` for bytes that belong to no member.
    account: Option<&'r Account>,
    /// How many bytes came out.
    bytes: u64,
}

impl Read for Counted<'_> {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        let read = match self.account {
            Some(account) => account.filling(into, |into| self.inner.read(into))?,
            None => self.inner.read(into)?,
        };
        self.bytes += read as u64;
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
