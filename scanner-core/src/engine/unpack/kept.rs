//! Bytes of containers in the middle of others: where such a container ends, and what must be kept of a member to open them.

use std::io::{self, Read};
use std::sync::atomic::Ordering::Relaxed;
use std::sync::atomic::{AtomicBool, AtomicU64};
use std::sync::{Arc, Mutex, PoisonError};

use super::account::Account;
use super::{Level, Looked, Packed, Sink, Taken};
use crate::blob::{Blob, Origin};
use crate::error::{Gap, Reason};
use crate::read_at::{Cursor, Held, ReadAt};

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
    /// `all` is whether everything that is read belongs to the container.
    pub(super) fn new(bytes: Cursor, account: &Arc<Account>, all: bool) -> Self {
        let (reach, is_closed) = (AtomicU64::default(), AtomicBool::default());
        Self { bytes, account: Arc::clone(account), all, reach, is_closed }
    }

    /// The end of what belongs to the container, in bytes from its start.
    pub(super) fn reach(&self) -> u64 {
        self.reach.load(Relaxed)
    }

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
        let is_content = self.account.is_content(into);
        let read = self.bytes.read_at(at, into)?;
        if self.all || self.account.is_in_member() {
            self.reach.fetch_max(at.saturating_add(read as u64), Relaxed);
        }
        if is_content {
            self.account.read(at, read as u64);
        } else if self.account.is_in_member() {
            self.account.touch(at, read as u64);
        }
        Ok(read)
    }

    fn read_table_at(&self, at: u64, into: &mut [u8]) -> io::Result<usize> {
        if self.is_closed.load(Relaxed) { Ok(0) } else { self.bytes.read_table_at(at, into) }
    }
}

/// The bytes of an input, of which is counted how many are read for the containers in it.
pub(super) struct Metered {
    bytes: Arc<dyn ReadAt>,
    read: AtomicU64,
}

impl Metered {
    /// How many bytes are read for the containers in an input of a length, before the rest of them is given up.
    const fn most(length: u64) -> u64 {
        (1 << 30) + length.saturating_mul(16)
    }

    pub(super) fn new(bytes: &Arc<dyn ReadAt>) -> Self {
        Self { bytes: Arc::clone(bytes), read: AtomicU64::default() }
    }

    /// Whether no more containers are opened.
    pub(super) fn is_spent(&self) -> bool {
        self.read.load(Relaxed) > Self::most(self.bytes.size())
    }
}

impl ReadAt for Metered {
    fn size(&self) -> u64 {
        self.bytes.size()
    }

    fn read_at(&self, at: u64, into: &mut [u8]) -> io::Result<usize> {
        let read = self.bytes.read_at(at, into)?;
        self.read.fetch_add(read as u64, Relaxed);
        Ok(read)
    }

    fn read_table_at(&self, at: u64, into: &mut [u8]) -> io::Result<usize> {
        let read = self.bytes.read_table_at(at, into)?;
        self.read.fetch_add(read as u64, Relaxed);
        Ok(read)
    }
}

/// Hands on the blobs of a member, and keeps its bytes from the first candidate on: they can be read only once.
pub(super) struct Keeper<'l> {
    level: &'l Level<'l>,
    kept: Mutex<Kept>,
    /// Whether the member was opened as a container.
    opened: AtomicBool,
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
        Self {
            level,
            kept: Mutex::new(Kept { bytes: Vec::new(), from: 0, taken, is_full: false }),
            opened: AtomicBool::default(),
        }
    }

    /// Whether the member was opened as a container.
    pub(super) fn has_opened(&self) -> bool {
        self.opened.load(Relaxed)
    }

    /// Opens the containers in the middle of the member.
    pub(super) fn finish(self, origin: &Origin) -> Looked {
        let kept = self.kept.into_inner().unwrap_or_else(PoisonError::into_inner);
        let Kept { bytes, from, taken: _taken, is_full } = kept;
        let session = self.level.session;
        if is_full && session.candidates.is_beyond(origin, from.saturating_add(bytes.len() as u64)) {
            let detail = format!("containers amid other bytes, after byte {}", from.saturating_add(bytes.len() as u64));
            session.run.gap(Gap::new(origin.clone(), Reason::TooLarge, detail));
        }
        if bytes.is_empty() {
            return Looked::default();
        }
        let held: Arc<dyn ReadAt> = Arc::new(Held::new(bytes));
        self.level.open_inner(origin, from, &|| Arc::clone(&held), &|_| true)
    }
}

impl Sink for Keeper<'_> {
    fn blob(&self, blob: Blob<'_>) -> Looked {
        if blob.window.first() && blob.window.last && self.level.session.run.is_container_at(blob.origin, blob.bytes) {
            let opened = self.open(blob.origin, Packed::Stream(blob.bytes, &mut io::empty()));
            if let Some(looked) = opened {
                return looked;
            }
        }
        let looked = self.level.searched(blob);
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
        let opened = self.level.open(origin, input);
        self.opened.store(opened.is_some(), Relaxed);
        opened
    }
}
