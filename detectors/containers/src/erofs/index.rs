//! The indexes of compressed files: for each logical cluster, whether one begins in it, and where.

use keyradius_core::read_at::Cursor;
use keyradius_readers::stored::{held, le16, le32};

/// Flags of the header of an index: packs of two bytes, and clusters of several blocks for each of two methods.
pub(super) const COMPACT_2B: u16 = 1;
pub(super) const BIG_1: u16 = 2;
pub(super) const BIG_2: u16 = 4;

/// The bit of a distance that is a number of blocks instead.
const IS_COUNT: u32 = 1 << 11;

/// What begins in a cluster.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Plain,
    First,
    Second,
}

/// The start of a compressed cluster.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Head {
    /// Its first byte in the file.
    pub(super) start: u64,
    /// Its first block in the image, and how many it has; 0 if that is not said.
    pub(super) block: u32,
    pub(super) blocks: u32,
    pub(super) kind: Kind,
}

const fn kind(bits: u32) -> Option<Kind> {
    match bits & 3 {
        0 => Some(Kind::Plain),
        1 => Some(Kind::First),
        3 => Some(Kind::Second),
        _ => None,
    }
}

/// Most bytes of an index.
const MOST: u64 = 4 << 20;

/// Eight bytes for each logical cluster.
pub(super) fn full(bytes: &Cursor, at: u64, count: u64, log: u32) -> Option<Vec<Head>> {
    let table = held(bytes, at, count.checked_mul(8)?, MOST)?;
    let mut heads: Vec<Head> = Vec::with_capacity(usize::try_from(count).ok()?);
    for (number, entry) in table.chunks_exact(8).enumerate() {
        if let Some(kind) = kind(le16(entry, 0)?.into()) {
            let start = ((number as u64) << log) + u64::from(le16(entry, 2)?);
            heads.push(Head { start, block: le32(entry, 4)?, blocks: 0, kind });
            continue;
        }
        // The first one after a start may say how many blocks there are.
        let distance = u32::from(le16(entry, 4)?);
        if let Some(head) = heads.last_mut().filter(|_| distance & IS_COUNT != 0) {
            head.blocks = distance & (IS_COUNT - 1);
        }
    }
    Some(heads)
}

/// Packs of two entries in eight bytes, or of sixteen in 32: bits for each entry, then the block of the first start.
pub(super) fn compact(bytes: &Cursor, mut at: u64, count: u64, log: u32, advise: u16) -> Option<Vec<Head>> {
    // The first entries have four bytes each, to a multiple of 32; then those of two bytes, then four again.
    let initial = ((32 - at % 32) / 4 % 8).min(count);
    let small = if advise & COMPACT_2B != 0 && log <= 12 { (count - initial) / 16 * 16 } else { 0 };
    let low_bits = log.max(12);
    let big = advise & (BIG_1 | BIG_2) != 0;
    let mut heads: Vec<Head> = Vec::with_capacity(usize::try_from(count).ok()?);
    let mut number = 0;
    while number < count {
        let is_small = (initial..initial + small).contains(&number);
        let (entries, length) = if is_small { (16, 32) } else { (2, 8) };
        let pack = held(bytes, at, length, length).or_else(|| short(bytes, at, length))?;
        let bits = (length as u32 - 4) * 8 / entries;
        let base = le32(&pack, length as usize - 4)?;
        let entry = |index: u32| {
            let place = index * bits;
            let word = le32(&pack, (place / 8) as usize)? >> (place & 7);
            Some((word & ((1 << low_bits) - 1), word >> low_bits & 3))
        };
        // How many blocks the starts before an entry of this pack take.
        let mut blocks = u32::from(!big);
        for index in 0..entries {
            if number >= count {
                break;
            }
            let (low, bits) = entry(index)?;
            if let Some(kind) = kind(bits) {
                let start = (number << log) + u64::from(low);
                // Without sizes, each start has the block after that of the start before.
                heads.push(Head { start, block: base.checked_add(blocks)?, blocks: 0, kind });
                blocks = blocks.checked_add(1)?;
            } else if low & IS_COUNT != 0 {
                let size = low & (IS_COUNT - 1);
                if let Some(head) = heads.last_mut() {
                    head.blocks = size;
                }
                // The start counted as one block, if it is in this pack.
                blocks = blocks.checked_add(size)?.checked_sub(u32::from(index > 0))?;
            }
            number += 1;
        }
        at += length;
    }
    Some(heads)
}

/// A pack at the end of an image, which may be cut.
fn short(bytes: &Cursor, at: u64, length: u64) -> Option<Vec<u8>> {
    let mut pack = held(bytes, at, bytes.size().checked_sub(at)?.min(length), length)?;
    pack.resize(usize::try_from(length).ok()?, 0);
    Some(pack)
}
