//! The accounting law: bytes of a container that its reader does not hand out as the content of a member are searched as
//! plain bytes, whatever they are: padding, gaps, boot blocks, headers, and everything after the end.
//!
//! Of a container that is read in order, everything that is read while no member is being read passes by here. Of a
//! container that is read at any place, ranges count as content if they were read directly into the buffer of the
//! engine that asked for the content of a member. All other ranges are read again in the end: tables, blocks that were
//! decompressed, and what nobody read.
//!
//! A text may begin in content and end beside it, or the other way round. So text beside content is searched together
//! with the end of the content before it, and if a key may begin in it, with the start of the content after it.

use std::io::{self, Read};
use std::sync::Arc;

use zeroize::Zeroizing;

use super::Level;
use super::account::{Account, FEWEST};
use super::opener::search_aside;
use crate::blob::Origin;
use crate::prefilter::Seen;
use crate::read_at::{Cursor, ReadAt};
use crate::seam::Looked;
use crate::secret::Wiped;

/// Bytes that are collected before they are searched.
const BATCH: usize = 256 << 10;

/// This many zeros in one piece separate parts. A header of a container has fewer.
const ZEROS: usize = 512;

/// Most zeros that are searched before a part: a container may begin with them, an ISO image with 32 KiB.
const BEFORE: u64 = 40 << 10;

/// Bytes of a long part that are searched again with those that follow, because a key may lie across the end of a batch,
/// and of content with what is beside it.
const OVERLAP: usize = 16 << 10;

/// Bytes at the border of content that must be printable, so that a text may continue there.
const BORDER: usize = 16;

/// Whether these bytes may be part of a text.
fn is_text(bytes: &[u8]) -> bool {
    !bytes.is_empty() && bytes.iter().all(|byte| matches!(byte, b' '..=b'~' | b'\t' | b'\r' | b'\n'))
}

/// Bytes that are read at any place, with an account.
pub(super) struct Watched {
    bytes: Arc<dyn ReadAt>,
    pub(super) account: Arc<Account>,
}

impl Watched {
    pub(super) fn new(bytes: &Arc<dyn ReadAt>) -> Self {
        Self { bytes: Arc::clone(bytes), account: Arc::default() }
    }

    /// Searches everything that was not read as the content of a member.
    pub(super) fn search_others(&self, level: &Level<'_>, origin: &Origin) -> Looked {
        let mut batch = Batch::new(level, origin);
        for (start, end) in self.account.others(self.bytes.size()) {
            if batch.looked.stop {
                break;
            }
            let (start, end) = self.widened(start, end, &mut batch);
            let mut part = Cursor::new(Arc::clone(&self.bytes)).part(start, end - start);
            if end - start > BATCH as u64 {
                batch.looked |= search_aside(level, origin, start, &mut part);
                continue;
            }
            let mut bytes = Zeroizing::new(Vec::with_capacity((end - start) as usize));
            // What cannot be read here was not needed by the reader of the container either, which reports damage.
            let _ = part.read_to_end(&mut bytes);
            batch.add(start, &bytes);
        }
        batch.finish()
    }

    /// Adds content to a range that is not content, if text may cross its borders.
    fn widened(&self, start: u64, end: u64, batch: &mut Batch<'_>) -> (u64, u64) {
        let read = |from: u64, length: u64| {
            let mut bytes = Zeroizing::new(vec![0; length.min(OVERLAP as u64) as usize]);
            let read = self.bytes.read_at(from, &mut bytes).unwrap_or(0);
            bytes.truncate(read);
            bytes
        };
        let border = (end - start).min(BORDER as u64);
        let (mut from, mut to) = (start, end);
        if start > 0 && is_text(&read(start, border)) {
            from = start.saturating_sub(OVERLAP as u64);
        }
        if end < self.bytes.size() && is_text(&read(end - border, border)) {
            let last = (end - start).min(OVERLAP as u64);
            if batch.has_anchor(&read(end - last, last)) {
                to = end.saturating_add(OVERLAP as u64).min(self.bytes.size());
            }
        }
        (from, to)
    }
}

impl ReadAt for Watched {
    fn size(&self) -> u64 {
        self.bytes.size()
    }

    fn read_at(&self, at: u64, into: &mut [u8]) -> io::Result<usize> {
        let is_content = self.account.is_content(into);
        let read = self.bytes.read_at(at, into)?;
        if is_content {
            self.account.read(at, read as u64);
        } else if self.account.is_in_member() {
            self.account.touch(at, read as u64);
        }
        Ok(read)
    }

    fn read_table_at(&self, at: u64, into: &mut [u8]) -> io::Result<usize> {
        self.bytes.read_table_at(at, into)
    }
}

/// A container that is read in order: what is not the content of a member is collected.
pub(super) struct Strained<'r> {
    inner: &'r mut dyn Read,
    account: Arc<Account>,
    at: u64,
    batch: Batch<'r>,
    /// The end of the content that was read last, if nothing was read since.
    content: Zeroizing<Vec<u8>>,
}

impl<'r> Strained<'r> {
    pub(super) fn new(inner: &'r mut dyn Read, account: &Arc<Account>, batch: Batch<'r>) -> Self {
        Self { inner, account: Arc::clone(account), at: 0, batch, content: Zeroizing::default() }
    }

    /// Takes bytes that were read: content, or bytes beside it.
    fn pass(&mut self, bytes: &[u8]) {
        if self.account.is_in_member() {
            if self.content.is_empty() {
                self.batch.complete(self.at, bytes);
                self.content.reserve_exact(2 * OVERLAP);
            }
            if self.content.len() + bytes.len() > 2 * OVERLAP {
                let (before, length) = (OVERLAP.saturating_sub(bytes.len()), self.content.len());
                let kept = length.saturating_sub(before);
                self.content.copy_within(kept.., 0);
                self.content.truncate(length - kept);
            }
            self.content.extend_from_slice(bytes.get(bytes.len().saturating_sub(OVERLAP)..).unwrap_or(bytes));
            return;
        }
        if !self.content.is_empty() && is_text(bytes.get(..BORDER).unwrap_or(bytes)) {
            let end = self.content.get(self.content.len().saturating_sub(OVERLAP)..).unwrap_or_default();
            self.batch.add_part(self.at - end.len() as u64, end);
        }
        self.content.clear();
        self.batch.add(self.at, bytes);
    }

    /// Reads what the reader of the container left over, and searches everything that it did not hand out. Returns the
    /// offset of what was left as well.
    pub(super) fn finish(mut self) -> (Looked, u64) {
        let left = self.at;
        let mut bytes = Zeroizing::new(vec![0; OVERLAP]);
        while !self.batch.looked.stop && !self.batch.level.is_over() {
            match self.read(&mut bytes) {
                Ok(0) | Err(_) => break,
                Ok(_) => {}
            }
        }
        (self.batch.finish(), left)
    }
}

impl Read for Strained<'_> {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        let read = self.inner.read(into)?;
        if read > 0 {
            self.pass(into.get(..read).unwrap_or_default());
        }
        self.at += read as u64;
        Ok(read)
    }
}

/// Parts of a container, collected until it is worth searching them.
pub(super) struct Batch<'r> {
    level: &'r Level<'r>,
    origin: &'r Origin,
    bytes: Wiped,
    /// For each part: where it begins in `bytes` and in the container, and how many zeros are known to be before it.
    parts: Vec<(usize, u64, u64)>,
    /// The end of the last zeros that were left out, and how many there were.
    zeros: (u64, u64),
    seen: Vec<Seen>,
    looked: Looked,
}

impl<'r> Batch<'r> {
    pub(super) fn new(level: &'r Level<'r>, origin: &'r Origin) -> Self {
        let (bytes, parts, seen, looked) = (Wiped::default(), Vec::new(), Vec::new(), Looked::default());
        Self { level, origin, bytes, parts, zeros: (0, 0), seen, looked }
    }

    /// Adds bytes at a place of the container, without its zeros: no key contains that many, and they are slow to search.
    fn add(&mut self, at: u64, bytes: &[u8]) {
        let mut from = 0;
        let mut to = 0;
        for chunk in bytes.chunks(ZEROS) {
            if chunk.iter().fold(0, |any, byte| any | byte) == 0 {
                self.add_part(at + from as u64, bytes.get(from..to).unwrap_or_default());
                from = to + chunk.len();
                let before = if self.zeros.0 == at + to as u64 { self.zeros.1 } else { 0 };
                self.zeros = (at + from as u64, before + chunk.len() as u64);
            }
            to += chunk.len();
        }
        self.add_part(at + from as u64, bytes.get(from..to).unwrap_or_default());
    }

    /// Adds bytes at a place. Those that continue the last part belong to it.
    fn add_part(&mut self, at: u64, bytes: &[u8]) {
        if bytes.is_empty() {
            return;
        }
        let next = self.parts.last().map(|(from, start, _)| start + (self.bytes.0.len() - from) as u64);
        if next != Some(at) {
            self.drop_short();
            let zeros = if self.zeros.0 == at { self.zeros.1.min(BEFORE) } else { 0 };
            self.parts.push((self.bytes.0.len(), at, zeros));
        }
        if self.bytes.0.capacity() == 0 {
            // Reserved at once: a growing buffer would leave copies in memory.
            self.bytes.0.reserve_exact(BATCH + OVERLAP);
        }
        for chunk in bytes.chunks(OVERLAP) {
            self.bytes.0.extend_from_slice(chunk);
            if self.bytes.0.len() >= BATCH {
                self.search(OVERLAP);
            }
        }
    }

    /// Adds the start of content to the part before it, if a text with a key may continue there.
    fn complete(&mut self, at: u64, content: &[u8]) {
        let Some((from, start, _)) = self.parts.last().copied() else { return };
        let part = self.bytes.0.get(from..).unwrap_or_default();
        let last = part.get(part.len().saturating_sub(OVERLAP)..).unwrap_or(part);
        if start + part.len() as u64 == at
            && is_text(last.get(last.len().saturating_sub(BORDER)..).unwrap_or(last))
            && self.level.session.run.prefilter().is_inside(last, &mut self.seen)
        {
            self.add_part(at, content.get(..OVERLAP).unwrap_or(content));
        }
    }

    /// Whether a key may begin in these bytes.
    fn has_anchor(&mut self, bytes: &[u8]) -> bool {
        self.level.session.run.prefilter().is_inside(bytes, &mut self.seen)
    }

    /// Forgets the last part if it is too short for a key.
    fn drop_short(&mut self) {
        let is_short = |(from, ..): &(usize, u64, u64)| self.bytes.0.len() - from < FEWEST as usize;
        if let Some((from, ..)) = self.parts.last().copied().filter(is_short) {
            self.bytes.0.truncate(from);
            self.parts.pop();
        }
    }

    /// Searches all parts if one of them contains an anchor, and forgets them but for the end of the last one.
    fn search(&mut self, overlap: usize) {
        if self.level.session.run.prefilter().is_inside(&self.bytes.0, &mut self.seen) {
            let ends = self.parts.iter().skip(1).map(|(from, ..)| *from).chain([self.bytes.0.len()]);
            for ((from, at, zeros), end) in self.parts.iter().zip(ends) {
                let part = self.bytes.0.get(*from..end).unwrap_or_default();
                if *zeros > 0 && !self.level.session.run.prefilter().is_inside(part, &mut self.seen) {
                    continue;
                }
                let mut content = io::repeat(0).take(*zeros).chain(part);
                self.looked |= search_aside(self.level, self.origin, at.saturating_sub(*zeros), &mut content);
            }
        }
        let last = self.parts.pop();
        self.parts.clear();
        let length = self.bytes.0.len();
        if let Some((from, at, _)) = last.filter(|_| overlap > 0) {
            let kept = from.max(length.saturating_sub(overlap));
            self.bytes.0.copy_within(kept.., 0);
            self.bytes.0.truncate(length - kept);
            self.parts.push((0, at + (kept - from) as u64, 0));
        } else {
            self.bytes.0.clear();
        }
    }

    fn finish(mut self) -> Looked {
        self.drop_short();
        self.search(0);
        self.looked
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::read_at::Held;

    #[test]
    fn only_what_reaches_the_buffer_directly_is_content() {
        let bytes: Arc<dyn ReadAt> = Arc::new(Held::new(vec![7; 1000]));
        let watched = Watched::new(&bytes);
        let account = Arc::clone(&watched.account);
        let (mut buffer, mut own) = ([0; 100], [0; 100]);
        watched.read_at(0, &mut buffer).unwrap();
        account.in_member(|| {
            account.filling(&mut buffer, |into| {
                watched.read_at(300, &mut own).unwrap();
                watched.read_at(500, &mut into[..60]).unwrap();
                watched.read_at(560, &mut into[60..]).unwrap();
            });
            watched.read_at(700, &mut own).unwrap();
        });
        assert_eq!(account.others(1000), [(0, 500), (600, 1000)]);
    }
}
