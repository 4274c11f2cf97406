//! Deleted data that is still in a database. SQLite overwrites little of what it frees (unless `secure_delete` is on,
//! as in Debian's build), so a removed key can stay in the file for years.
//!
//! Unreferenced pages are read as what they were: leaves yield their rows, other chains of pages their bytes. A single
//! deleted row has lost its first four bytes to the list of free blocks: its space is returned as bytes, with the chain
//! of overflow pages that may follow it. This also recovers data when the root of a tree is damaged.

use std::io::Read;
use std::ops::ControlFlow;

use zeroize::Zeroizing;

use super::record::{Payload, Record};
use super::{Bits, Database, Node};
use crate::cursor::Cursor;

/// Minimum nonzero bytes of free space that is read: the smallest key.
const LEAST: usize = 32;

/// Maximum number of free blocks that are remembered.
const MOST: usize = 1 << 16;

/// Free space in a page that is in use.
#[derive(Clone, Copy, Debug)]
pub(super) struct Free {
    page: u32,
    start: usize,
    end: usize,
}

/// Data that no longer belongs to the database.
pub enum Left<'r, 'd> {
    /// A row of a page.
    Row(u32, &'r mut Record<'d>),
    /// Bytes of a page, and of the pages that follow it.
    Bytes(u32, &'r mut dyn Read),
}

type Each<'e> = &'e mut dyn FnMut(Left<'_, '_>) -> ControlFlow<()>;

impl Database {
    /// Remembers the free space of a page that is in use.
    pub(super) fn note_free(&mut self, page: &[u8], number: u32, node: &Node) {
        self.note(page, Free { page: number, start: node.gap.start, end: node.gap.end });
        let mut at = node.first_free;
        while at != 0 {
            let mut fields = Cursor::new(page.get(at..).unwrap_or_default());
            let (Ok(next), Ok(size)) = (fields.u16("next block"), fields.u16("block size")) else { return };
            let (next, size) = (usize::from(next), usize::from(size));
            self.note(page, Free { page: number, start: at + 4, end: at + size });
            // Blocks are listed in the order of their offsets.
            if next <= at {
                return;
            }
            at = next;
        }
    }

    fn note(&mut self, page: &[u8], free: Free) {
        let bytes = page.get(free.start..free.end).unwrap_or_default();
        if self.free.len() < MOST && bytes.iter().filter(|byte| **byte != 0).count() >= LEAST {
            self.free.push(free);
        }
    }

    /// Returns all unreferenced data. Call it only after all trees were walked.
    pub fn leftovers(&mut self, each: Each<'_>) -> ControlFlow<()> {
        self.trunks();
        self.rows(each)?;
        self.blocks(each)?;
        self.chains(each)?;
        let mut tail = self.tail();
        if tail.size() > 0 {
            each(Left::Bytes(self.pages.saturating_add(1), &mut tail))
        } else {
            ControlFlow::Continue(())
        }
    }

    /// Claims the pages that list free pages, section 1.5. The bytes after the list are old data.
    fn trunks(&mut self) {
        let mut page = Zeroizing::new(Vec::new());
        let mut number = self.freelist;
        while self.claim(number) && self.load(number, &mut page) {
            let mut fields = Cursor::new(&page);
            let next = fields.u32("next trunk").unwrap_or_default();
            let leaves = fields.u32("free pages").unwrap_or_default() as usize;
            let start = leaves.saturating_mul(4).saturating_add(8);
            self.note(&page, Free { page: number, start, end: page.len() });
            number = next;
        }
    }

    /// Returns the rows of unreferenced leaves.
    fn rows(&mut self, each: Each<'_>) -> ControlFlow<()> {
        let mut page = Zeroizing::new(Vec::new());
        for number in 2..=self.pages {
            if !self.is_loose(number) || !self.load(number, &mut page) {
                continue;
            }
            let Some(node) = Node::read(&page, number).filter(Node::is_plausible) else { continue };
            self.claim(number);
            self.note_free(&page, number, &node);
            let mut damage = None;
            self.records(&page, number, &node, &mut damage, &mut |record| each(Left::Row(number, record)))?;
        }
        ControlFlow::Continue(())
    }

    /// Returns the free space inside pages.
    fn blocks(&mut self, each: Each<'_>) -> ControlFlow<()> {
        let mut page = Zeroizing::new(Vec::new());
        for free in std::mem::take(&mut self.free) {
            if !self.load(free.page, &mut page) {
                continue;
            }
            let bytes = page.get(free.start..free.end).unwrap_or_default();
            let (local, next) = match bytes.split_last_chunk::<4>() {
                Some((local, next)) if self.is_loose(u32::from_be_bytes(*next)) => (local, u32::from_be_bytes(*next)),
                _ => (bytes, 0),
            };
            each(Left::Bytes(free.page, &mut Payload::new(self, local, next)))?;
        }
        ControlFlow::Continue(())
    }

    /// Returns chains of pages that no row references.
    fn chains(&mut self, each: Each<'_>) -> ControlFlow<()> {
        let mut page = Zeroizing::new(Vec::new());
        let mut follows = Bits::new(self.pages);
        for number in 2..=self.pages {
            if self.is_loose(number) && self.load(number, &mut page) {
                let next = Cursor::new(&page).u32("next page").unwrap_or_default();
                if page.iter().all(|byte| *byte == 0) {
                    self.claim(number);
                } else if self.is_loose(next) && next != number {
                    follows.set(next);
                }
            }
        }
        // First the starts of chains, then the remaining rings.
        for rings in [false, true] {
            for number in 2..=self.pages {
                if self.is_loose(number) && (rings || !follows.has(number)) {
                    let mut chain = Payload::new(self, &[], number);
                    let flow = each(Left::Bytes(number, &mut chain));
                    chain.skip(u64::MAX);
                    flow?;
                }
            }
        }
        ControlFlow::Continue(())
    }
}

impl Node {
    /// Whether an unreferenced page may have been a leaf.
    fn is_plausible(&self) -> bool {
        let behind = |cell: &usize| *cell >= self.gap.start;
        self.leaf && !self.cells.is_empty() && self.cells.iter().all(behind)
    }
}
