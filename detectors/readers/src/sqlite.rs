//! SQLite databases (sqlite.org/fileformat2.html), read-only, without trusting any number in them.
//!
//! Every page is read at most once: a page that is referenced twice is damage. So a walk terminates, the output is
//! bounded by the input, and a contradictory database yields its readable part. Deleted data stays in free pages and in
//! the free space of others until it is overwritten: see [`leftover`]. Write-ahead logs are separate files and are not
//! read: changes that were not checkpointed are not seen.

pub mod leftover;
pub mod record;
pub(crate) mod schema;

use std::ops::ControlFlow;

use keyradius_core::error::{Malformed, Reason};
use keyradius_core::read_at;
use keyradius_core::seam::Unopenable;
use zeroize::Zeroizing;

use super::cursor::Cursor;
use leftover::Free;
use record::Record;

/// The first 16 bytes of a database, section 1.2.1.
pub const MAGIC: &[u8] = b"SQLite format 3\0";

/// Length of the file header, with which page 1 begins.
const HEADER: usize = 100;

/// Text encoding, section 1.3.13.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Encoding {
    Utf8,
    Utf16Little,
    Utf16Big,
}

/// The kind of a tree.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Tree {
    /// Rows by row number.
    Table,
    /// Records in their own order: an index, or a table without row numbers.
    Index,
}

/// The result of walking a tree.
#[derive(Clone, Copy, Debug)]
pub struct Walk {
    /// `Break` if the caller stopped the walk.
    pub flow: ControlFlow<()>,
    /// The first damage: a description, and the page.
    pub damage: Option<(&'static str, u32)>,
}

/// A database.
pub struct Database {
    bytes: read_at::Cursor,
    page_size: usize,
    /// Bytes of each page that SQLite uses; extensions use the rest (checksums, encryption).
    usable: usize,
    /// Number of pages. Page numbers begin at 1.
    pages: u32,
    pub(crate) encoding: Encoding,
    /// First trunk page of the freelist; 0 if there is none.
    freelist: u32,
    /// Whether there are pointer map pages, section 1.8.
    auto_vacuum: bool,
    /// Pages that were referenced.
    seen: Bits,
    free: Vec<Free>,
}

/// Minimum usable bytes of a page, section 1.3.4.
const LEAST_USABLE: usize = 480;

impl Database {
    /// Reads the header. `memory` bounds the bytes for tracking pages.
    pub fn open(bytes: read_at::Cursor, memory: u64) -> Result<Self, Unopenable> {
        let mut header = [0; HEADER];
        let read = bytes.read_from(0, &mut header).map_err(|_| Malformed::new("SQLite header", 0))?;
        let mut fields = Cursor::new(header.get(..read).unwrap_or_default());
        fields.expect(MAGIC, "SQLite magic")?;
        let page_size = match fields.u16("page size")? {
            1 => 65_536,
            size => usize::from(size),
        };
        fields.take(2, "file format")?;
        let reserved = usize::from(fields.u8("reserved bytes")?);
        // The fractions of a page that a payload may fill. Their values are fixed.
        fields.expect(&[64, 32, 32], "payload fractions")?;
        let usable = page_size.saturating_sub(reserved);
        if !(512..=65_536).contains(&page_size) || !page_size.is_power_of_two() || usable < LEAST_USABLE {
            return Err(Malformed::new("SQLite page size", 16).into());
        }
        let changes = fields.u32("change counter")?;
        let declared = fields.u32("page count")?;
        let freelist = fields.u32("freelist")?;
        fields.take(16, "cookie and sizes")?;
        let auto_vacuum = fields.u32("largest root page")? != 0;
        let encoding = match fields.u32("text encoding")? {
            0 | 1 => Encoding::Utf8,
            2 => Encoding::Utf16Little,
            3 => Encoding::Utf16Big,
            _ => return Err(Malformed::new("text encoding", 56).into()),
        };
        fields.take(32, "version and reserved")?;
        let current = fields.u32("version-valid-for")? == changes;
        let held = u32::try_from(bytes.size() / page_size as u64).unwrap_or(u32::MAX - 1);
        // Writers before 3.7.0 did not update the count, section 1.3.7.
        let pages = if current && declared > 0 { held.min(declared) } else { held };
        if u64::from(pages) / 4 > memory {
            return Err(Reason::TooLarge.into());
        }
        let mut database = Self {
            bytes,
            page_size,
            usable,
            pages,
            encoding,
            freelist,
            auto_vacuum,
            seen: Bits::new(pages),
            free: Vec::new(),
        };
        database.leave_out();
        Ok(database)
    }

    /// Marks pages without content as seen: the lock-byte page (section 1.6) and pointer map pages.
    fn leave_out(&mut self) {
        /// Offset of the locks in the file.
        const LOCKS: u64 = 1 << 30;
        let size = self.page_size as u64;
        if let Ok(page) = u32::try_from(LOCKS / size + 1) {
            self.seen.set(page);
        }
        if self.auto_vacuum {
            let step = self.usable as u32 / 5 + 1;
            let mut page = 2_u32;
            while page <= self.pages {
                self.seen.set(page);
                let Some(next) = page.checked_add(step) else { break };
                page = next;
            }
        }
    }

    /// Size of a page in bytes.
    pub const fn page_size(&self) -> u64 {
        self.page_size as u64
    }

    /// Byte offset of a page.
    pub fn offset(&self, page: u32) -> u64 {
        u64::from(page.saturating_sub(1)) * self.page_size as u64
    }

    /// The bytes after the last page.
    pub(crate) fn tail(&self) -> read_at::Cursor {
        self.bytes.part(u64::from(self.pages) * self.page_size as u64, u64::MAX)
    }

    /// Claims a page for a tree or chain. `false` if the page does not exist or is already claimed.
    fn claim(&mut self, page: u32) -> bool {
        (1..=self.pages).contains(&page) && self.seen.set(page)
    }

    /// Whether a page of the file is unreferenced.
    fn is_loose(&self, page: u32) -> bool {
        (1..=self.pages).contains(&page) && !self.seen.has(page)
    }

    /// Reads the usable part of a page.
    fn load(&self, page: u32, into: &mut Zeroizing<Vec<u8>>) -> bool {
        into.clear();
        into.resize(self.usable, 0);
        self.bytes.read_from(self.offset(page), into).is_ok_and(|read| read == self.usable)
    }

    /// Passes every record of a tree to `each`, in order.
    pub fn walk(&mut self, root: u32, tree: Tree, each: &mut dyn FnMut(&mut Record<'_>) -> ControlFlow<()>) -> Walk {
        let mut walk = Walk { flow: ControlFlow::Continue(()), damage: None };
        let mut page = Zeroizing::new(Vec::new());
        let mut stack = vec![root];
        while let Some(number) = stack.pop() {
            if !self.claim(number) || !self.load(number, &mut page) {
                walk.damage = walk.damage.or(Some(("a page is missing, or used twice", number)));
                continue;
            }
            let Some(node) = Node::read(&page, number).filter(|node| node.tree == tree) else {
                walk.damage = walk.damage.or(Some(("a page does not belong to its tree", number)));
                continue;
            };
            self.note_free(&page, number, &node);
            // More pending pages than the file has would mean duplicates.
            if stack.len() <= self.pages as usize {
                stack.extend(node.children(&page).rev());
            }
            walk.flow = self.records(&page, number, &node, &mut walk.damage, each);
            if walk.flow.is_break() {
                break;
            }
        }
        walk
    }

    /// Passes the records that begin on one page to `each`.
    fn records(
        &mut self,
        page: &[u8],
        number: u32,
        node: &Node,
        damage: &mut Option<(&'static str, u32)>,
        each: &mut dyn FnMut(&mut Record<'_>) -> ControlFlow<()>,
    ) -> ControlFlow<()> {
        if node.tree == Tree::Table && !node.leaf {
            return ControlFlow::Continue(());
        }
        // Overlapping cells would return the same bytes repeatedly.
        let mut room = page.len();
        for &at in &node.cells {
            let cell = Cell::read(page, at, node, self.usable).filter(|cell| cell.local.len() <= room);
            let Some(cell) = cell else {
                damage.get_or_insert(("a cell is damaged", number));
                continue;
            };
            room -= cell.local.len();
            let mut record = Record::new(self, &cell, number, at);
            let flow = each(&mut record);
            if !record.close() {
                damage.get_or_insert(("a value continues in a missing page", number));
            }
            flow?;
        }
        ControlFlow::Continue(())
    }
}

/// A page of a tree.
struct Node {
    tree: Tree,
    leaf: bool,
    /// Offsets of the cells in the page.
    cells: Vec<usize>,
    /// The last child of an inner page.
    right: u32,
    /// First free block between cells; 0 if there is none.
    first_free: usize,
    /// The free space between the cell list and the cells.
    gap: std::ops::Range<usize>,
}

impl Node {
    /// Reads the header of a page, section 1.6.
    fn read(page: &[u8], number: u32) -> Option<Self> {
        let head = if number == 1 { HEADER } else { 0 };
        let mut fields = Cursor::new(page.get(head..)?);
        let (tree, leaf) = match fields.u8("page type").ok()? {
            0x02 => (Tree::Index, false),
            0x05 => (Tree::Table, false),
            0x0a => (Tree::Index, true),
            0x0d => (Tree::Table, true),
            _ => return None,
        };
        let first_free = usize::from(fields.u16("freeblock").ok()?);
        let count = fields.u16("cells").ok()?;
        let content = match fields.u16("content").ok()? {
            0 => 65_536,
            at => usize::from(at),
        };
        fields.u8("fragments").ok()?;
        let right = if leaf { 0 } else { fields.u32("right child").ok()? };
        let mut cells = Vec::new();
        for _ in 0..count {
            cells.push(usize::from(fields.u16("cell").ok()?));
        }
        let gap = head + fields.at()..content.min(page.len());
        Some(Self { tree, leaf, cells, right, first_free, gap })
    }

    /// The child pages, in order.
    fn children<'n>(&'n self, page: &'n [u8]) -> impl DoubleEndedIterator<Item = u32> + 'n {
        let inner = if self.leaf { &[][..] } else { &self.cells };
        let left = inner.iter().filter_map(|&at| Cursor::new(page.get(at..)?).u32("left child").ok());
        left.chain((!self.leaf).then_some(self.right))
    }
}

/// The part of a record in its page.
struct Cell<'p> {
    /// 0 if rows have no number.
    rowid: i64,
    /// Length of the whole record.
    length: u64,
    local: &'p [u8],
    /// First overflow page; 0 if there is none.
    overflow: u32,
    /// Length of the cell in the page.
    size: usize,
}

impl<'p> Cell<'p> {
    fn read(page: &'p [u8], at: usize, node: &Node, usable: usize) -> Option<Self> {
        let mut fields = Cursor::new(page.get(at..)?);
        if !node.leaf {
            fields.u32("left child").ok()?;
        }
        let length = record::varint(&mut fields)?;
        let rowid = if node.tree == Tree::Table { record::varint(&mut fields)?.cast_signed() } else { 0 };
        let local = usize::try_from(local_length(length, usable, node.tree)).ok()?;
        let content = fields.take(local, "payload").ok()?;
        let overflow = if length > local as u64 { fields.u32("overflow page").ok()? } else { 0 };
        Some(Self { rowid, length, local: content, overflow, size: fields.at() })
    }
}

/// Bytes of a record that stay in its page, section 1.6.
fn local_length(length: u64, usable: usize, tree: Tree) -> u64 {
    let usable = usable as u64;
    let least = (usable - 12) * 32 / 255 - 23;
    let most = match tree {
        Tree::Table => usable - 35,
        Tree::Index => (usable - 12) * 64 / 255 - 23,
    };
    if length <= most {
        return length;
    }
    let fitting = least + (length - least) % (usable - 4);
    if fitting <= most { fitting } else { least }
}

/// One bit per page.
struct Bits(Vec<u8>);

impl Bits {
    fn new(pages: u32) -> Self {
        Self(vec![0; pages as usize / 8 + 1])
    }

    fn has(&self, page: u32) -> bool {
        self.0.get(page as usize / 8).is_some_and(|byte| byte >> (page % 8) & 1 == 1)
    }

    /// Sets a bit. Returns whether it was clear.
    fn set(&mut self, page: u32) -> bool {
        let Some(byte) = self.0.get_mut(page as usize / 8) else { return false };
        let clear = *byte >> (page % 8) & 1 == 0;
        *byte |= 1 << (page % 8);
        clear
    }
}
