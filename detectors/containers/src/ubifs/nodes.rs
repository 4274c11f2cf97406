//! The nodes of UBIFS: all of an image, found by their magic number and proven by their checksum.

use std::collections::BTreeMap;

use keyradius_core::error::Reason;
use keyradius_core::read_at::Cursor;
use keyradius_core::seam::{Inside, Member};
use keyradius_readers::stored::{array, held, le16, le32, le64};

use super::MOST_NODE;
use crate::inner::checksum;

/// UBIFS_NODE_MAGIC.
pub(super) const MAGIC: &[u8] = &[0x31, 0x18, 0x10, 0x06];

/// Kinds of nodes.
const INODE: u8 = 0;
const DATA: u8 = 1;
const ENTRY: u8 = 2;
pub(super) const SUPERBLOCK: u8 = 6;

/// Length of the header of each node, and the unit of their places, in bytes.
const HEADER: u64 = 24;
const STEP: u64 = 8;

/// Most nodes of an image, and how many bytes of memory each takes besides its name.
const MOST_NODES: usize = 1 << 22;
const AROUND: u64 = 192;

/// Longest name in bytes (UBIFS_MAX_NLEN).
const MOST_NAME: u16 = 255;

/// The header of a node.
pub(super) struct Node {
    pub(super) kind: u8,
    /// Number that is higher in newer nodes.
    sequence: u64,
    /// Length with the header, in bytes.
    length: u64,
    checksum: u32,
}

impl Node {
    /// Reads a header. Its length may be impossible.
    pub(super) fn read(bytes: &[u8]) -> Option<Self> {
        let length = u64::from(le32(bytes, 16)?);
        let kind = *bytes.get(20)?;
        let is_one = bytes.starts_with(MAGIC) && kind < 16;
        is_one.then_some(Self { kind, sequence: le64(bytes, 8)?, length, checksum: le32(bytes, 4)? })
    }
}

/// A block of a file, or data in an inode.
#[derive(Clone, Copy)]
pub(super) struct Part {
    /// Its number in the file.
    pub(super) block: u32,
    sequence: u64,
    /// Offset of its data in the image, and its lengths in bytes.
    pub(super) at: u64,
    pub(super) packed: u64,
    pub(super) length: u64,
    pub(super) method: u16,
}

/// What is known of an image, by inodes.
#[derive(Default)]
pub(super) struct Files {
    /// Parent and name.
    pub(super) names: BTreeMap<u32, (u32, Vec<u8>)>,
    /// Sorted by block, older ones first.
    pub(super) parts: BTreeMap<u32, Vec<Part>>,
    /// Length of all names in bytes, those that were replaced included.
    named: u64,
}

impl Files {
    /// Reads all nodes.
    pub(super) fn read(bytes: &Cursor, inside: &mut dyn Inside) -> Self {
        let mut files = Self::default();
        let (mut at, mut nodes, mut granted) = (Some(0), 0_usize, 0);
        let mut damaged = None;
        while let Some(start) = at {
            let node = held(bytes, start, HEADER, HEADER).and_then(|head| Node::read(&head));
            let Some(node) = node else {
                at = next(bytes, start + STEP);
                continue;
            };
            nodes += 1;
            let held_bytes = nodes as u64 * AROUND + files.named;
            if held_bytes > granted {
                granted = held_bytes.next_multiple_of(1 << 20);
                if nodes > MOST_NODES || inside.holds(granted).is_err() {
                    inside.unread(Member { name: b"", at: start }, Reason::TooLarge, "nodes");
                    break;
                }
            }
            let is_sound = files.add(bytes, start, &node);
            let length = if is_sound { node.length.max(HEADER).next_multiple_of(STEP) } else { STEP };
            damaged = damaged.or((!is_sound).then_some(start));
            at = start.checked_add(length).filter(|next| next + HEADER <= bytes.size());
        }
        if let Some(at) = damaged {
            inside.unread(Member { name: b"", at }, Reason::Damaged, "node");
        }
        for parts in files.parts.values_mut() {
            parts.sort_unstable_by_key(|part| (part.block, part.sequence));
        }
        files
    }

    /// Adds a node. Returns whether its checksum is right, or it is of no interest. What is wrong is read as if it was
    /// older than all that is right.
    fn add(&mut self, bytes: &Cursor, at: u64, node: &Node) -> bool {
        if !matches!(node.kind, INODE | DATA | ENTRY) {
            return (HEADER..=1 << 20).contains(&node.length);
        }
        let length = node.length.min(MOST_NODE).min(bytes.size().saturating_sub(at));
        let Some(all) = held(bytes, at, length, MOST_NODE) else { return false };
        let is_sound = length == node.length && all.get(8..).is_some_and(|rest| checksum(rest) == node.checksum);
        let Some(inode) = le32(&all, 24) else { return false };
        // A key of eight bytes: the inode, then the kind of key and the number of a block.
        let block = le32(&all, 28).unwrap_or_default() & 0x1fff_ffff;
        let sequence = if is_sound { node.sequence } else { 0 };
        let part = |from: u64| (at + from, length.saturating_sub(from));
        match node.kind {
            INODE => {
                let ((at, room), length) = (part(160), le32(&all, 112).map_or(0, u64::from));
                if length > 0 {
                    let part = Part { block, sequence, at, packed: length.min(room), length, method: 0 };
                    self.parts.entry(inode).or_default().push(part);
                }
            }
            DATA => {
                let (at, packed) = part(48);
                let length = le32(&all, 40).map_or(0, u64::from);
                let method = le16(&all, 44).unwrap_or_default();
                let part = Part { block, sequence, at, packed, length, method };
                self.parts.entry(inode).or_default().push(part);
            }
            _ => {
                let target = array(&all, 40).map(u64::from_le_bytes).and_then(|inode| u32::try_from(inode).ok());
                let length = le16(&all, 50).map(|length| length.min(MOST_NAME));
                let name = length.and_then(|length| all.get(56..56 + usize::from(length)));
                // Without an inode, the entry says that a name was removed.
                if let Some((target, name)) = target.zip(name).filter(|(target, _)| *target != 0) {
                    self.named += name.len() as u64;
                    if is_sound || !self.names.contains_key(&target) {
                        self.names.insert(target, (inode, name.to_vec()));
                    }
                }
            }
        }
        is_sound
    }
}

/// Finds the next magic number, on a multiple of eight bytes.
fn next(bytes: &Cursor, from: u64) -> Option<u64> {
    const CHUNK: usize = 64 << 10;
    let mut chunk = vec![0; CHUNK];
    let mut at = from;
    loop {
        let read = bytes.read_from(at, &mut chunk).ok()?;
        let held = chunk.get(..read)?;
        let is_step = |found: &usize| (at + *found as u64).is_multiple_of(STEP);
        if let Some(found) = memchr::memmem::find_iter(held, MAGIC).find(is_step) {
            return Some(at + found as u64);
        }
        if read < CHUNK {
            return None;
        }
        at += (CHUNK - 4) as u64;
    }
}
