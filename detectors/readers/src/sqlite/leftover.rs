//! What is deleted in a database and still there: SQLite overwrites little of what it frees (unless `secure_delete` is
//! on, as Debian builds it), so that a key that was removed lies in the file for years.
//!
//! Pages that nothing leads to are read as what they were: leaves give their rows, other chains of pages their bytes.
//! A row that was deleted alone lost its first four bytes to the list of free blocks: its space is handed out as it is,
//! with the chain of pages that its end may lead to. Also serves where the root of a tree is damaged.

use std::io::Read;
use std::ops::ControlFlow;

use zeroize::Zeroizing;

use super::record::{Payload, Record};
use super::{Bits, Database, Node};
use crate::cursor::Cursor;

/// Fewest bytes that are not zero for free space to be worth a look: the smallest key.
const LEAST: usize = 32;

/// Most blocks of free space that are remembered.
const MOST: usize = 1 << 16;

/// Free space in a page that is in use.
#[derive(Clone, Copy, Debug)]
pub(super) struct Free {
    page: u32,
    start: usize,
    end: usize,
}

/// Something that is no part of the database any more.
pub enum Left<'r, 'd> {
    /// A row of a page.
    Row(u32, &'r mut Record<'d>),
    /// Bytes of a page, and of those that follow on it.
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
            // Blocks are listed in the order in which they lie.
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

    /// Hands out everything that no tree led to. Only after all trees were walked.
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

    /// The pages that list free pages, section 1.5: what stands behind the list is what was there before.
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

    /// Leaves of trees that are gone.
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

    /// Free space inside of pages.
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

    /// Chains of pages that no row leads to.
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
        // Those that follow on none, then what is left of rings.
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
    /// Whether a page that nothing leads to can have been a leaf.
    fn is_plausible(&self) -> bool {
        let behind = |cell: &usize| *cell >= self.gap.start;
        self.leaf && !self.cells.is_empty() && self.cells.iter().all(behind)
    }
}
