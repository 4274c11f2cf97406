//! The blocks of a file: in extents, in a block map, or in the inode.

use std::io::{self, Read};

use keyradius_core::read_at::Cursor;
use keyradius_readers::stored::{le16, le32};

use super::{EXTENTS, INLINE, Inode, Volume};

/// Maximum number of separate runs of one file.
const PIECES: usize = 1 << 20;

/// Maximum number of tables read for the blocks of one file. A table may point to any number of others.
const TABLES: u32 = 1 << 16;

impl Volume {
    /// Returns the content of a file. `None` if the tables of its blocks are damaged.
    pub(in crate::ext) fn content(&self, inode: &Inode) -> Option<Content> {
        if inode.flags & INLINE != 0 {
            return Some(Content::Inline(io::Cursor::new(inode.inline()).chain(io::repeat(0))));
        }
        let mut runs = Vec::new();
        self.left.set(TABLES);
        if inode.flags & EXTENTS != 0 {
            self.extents(inode.map(), 5, &mut runs)?;
        } else {
            let mut next = 0;
            let last = inode.size.div_ceil(self.block);
            for (entry, depth) in inode.map().chunks_exact(4).zip([0; 12].into_iter().chain([1, 2, 3])) {
                self.indirect(le32(entry, 0)?.into(), depth, &mut next, last, &mut runs)?;
            }
        }
        runs.sort_unstable_by_key(|run| run.first);
        Some(Content::Runs(Pieces { bytes: self.bytes.clone(), block: self.block, runs, at: 0, size: inode.size }))
    }

    /// Reads a block that contains block numbers.
    fn table(&self, block: u64) -> Option<Vec<u8>> {
        self.left.set(self.left.get().checked_sub(1)?);
        self.tables.set(self.tables.get() + self.block);
        self.held(block, 0, self.block)
    }

    /// Returns the number of bytes of such blocks read since the last call.
    pub(in crate::ext) fn tables(&self) -> u64 {
        self.tables.take()
    }

    /// Collects the runs of a tree of extents. Each node declares its depth, which must decrease at each level.
    fn extents(&self, node: &[u8], below: u16, runs: &mut Vec<Run>) -> Option<()> {
        let (count, depth) = (le16(node, 2)?, le16(node, 6)?);
        if le16(node, 0)? != 0xf30a || depth > below {
            return None;
        }
        for entry in node.get(12..)?.chunks_exact(12).take(count.into()) {
            let first = u64::from(le32(entry, 0)?);
            if depth == 0 {
                let length = le16(entry, 4)?;
                let start = u64::from(le16(entry, 6)?) << 32 | u64::from(le32(entry, 8)?);
                // A length above 32768 marks blocks that are reserved but not written.
                let written = length <= 0x8000;
                let length = if written { length } else { length - 0x8000 };
                if written {
                    push(runs, Run { first, start, length: length.into() })?;
                }
            } else {
                let child = u64::from(le16(entry, 8)?) << 32 | u64::from(le32(entry, 4)?);
                self.extents(&self.table(child)?, depth - 1, runs)?;
            }
        }
        Some(())
    }

    /// Collects the runs of a block map that is `depth` tables deep.
    fn indirect(&self, block: u64, depth: u32, next: &mut u64, last: u64, runs: &mut Vec<Run>) -> Option<()> {
        let spans = (self.block / 4).pow(depth);
        if *next >= last || block == 0 {
            *next = next.saturating_add(spans);
            return Some(());
        }
        if depth == 0 {
            push(runs, Run { first: *next, start: block, length: 1 })?;
            *next += 1;
            return Some(());
        }
        for entry in self.table(block)?.chunks_exact(4) {
            self.indirect(le32(entry, 0)?.into(), depth - 1, next, last, runs)?;
        }
        Some(())
    }
}

/// Contiguous blocks of a file.
#[derive(Clone, Copy)]
struct Run {
    /// Number of the first block, in the file and in the file system.
    first: u64,
    start: u64,
    length: u64,
}

/// Adds a run, merging it with the previous one if they are contiguous.
fn push(runs: &mut Vec<Run>, run: Run) -> Option<()> {
    if let Some(last) = runs.last_mut()
        && last.first + last.length == run.first
        && last.start + last.length == run.start
    {
        last.length += run.length;
        return Some(());
    }
    runs.push(run);
    (runs.len() < PIECES).then_some(())
}

/// The content of a file.
pub(in crate::ext) enum Content {
    /// Followed by zero bytes, for a file that was truncated and extended again.
    Inline(io::Chain<io::Cursor<Vec<u8>>, io::Repeat>),
    Runs(Pieces),
}

impl Read for Content {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        match self {
            Self::Inline(bytes) => bytes.read(into),
            Self::Runs(pieces) => pieces.read(into),
        }
    }
}

/// A file in runs, with zero bytes in between.
pub(in crate::ext) struct Pieces {
    bytes: Cursor,
    block: u64,
    /// In the order of the file.
    runs: Vec<Run>,
    at: u64,
    size: u64,
}

impl Read for Pieces {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        let left = self.size.saturating_sub(self.at);
        let (number, within) = (self.at / self.block, self.at % self.block);
        let index = self.runs.partition_point(|run| run.first <= number);
        let run = index.checked_sub(1).and_then(|index| self.runs.get(index));
        let (length, place) = match run.filter(|run| number < run.first + run.length) {
            Some(run) => ((run.first + run.length - number), Some(run.start.saturating_add(number - run.first))),
            None => (self.runs.get(index).map_or(u64::MAX, |run| run.first - number), None),
        };
        let most = length.saturating_mul(self.block).saturating_sub(within).min(left);
        let length = usize::try_from(most).unwrap_or(usize::MAX).min(into.len());
        let into = into.get_mut(..length).unwrap_or_default();
        let read = if let Some(block) = place {
            self.bytes.read_from(block.saturating_mul(self.block).saturating_add(within), into)?
        } else {
            into.fill(0);
            length
        };
        self.at += read as u64;
        Ok(read)
    }
}
