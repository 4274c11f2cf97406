//! Tables of LevelDB and RocksDB (`.ldb`, `.sst`; IndexedDB of browsers, Ethereum clients): blocks of keys and values, known
//! by the footer at the end.

use std::io::{self, Read};

use keyradius_core::error::{Malformed, Reason};
use keyradius_core::read_at::Cursor;
use keyradius_core::seam::{About, Container, Inside, Magic, Member, Reader, Unopenable};
use keyradius_readers::stored::held;

use super::compressed::blocks::{block, varint};

/// Tables of LevelDB.
#[derive(Debug)]
pub(crate) struct Sstable;

static ABOUT: About = About {
    id: "sstable",
    title: "LevelDB table",
    detects: "Tables of LevelDB and of RocksDB in its first format: all blocks, stored or compressed by Snappy, zlib or \
              Zstandard. Logs are searched as they are.",
    blind_to: "Tables of RocksDB in a later format are counted as not opened. Keys of entries are stored as differences.",
    respond: "Treat the contents as plain text; deleted values stay until a table is compacted.",
    references: &["LevelDB, doc/table_format.md"],
};

/// kTableMagicNumber, and its offset in a footer of 48 bytes.
const MAGIC: &[u8] = &[0x57, 0xfb, 0x80, 0x8b, 0x24, 0x75, 0x47, 0xdb];
const FOOTER: u64 = 48;
const AT: usize = 40;

/// Length of what follows each block, in bytes: the number of its compression and a checksum.
const TRAILER: u64 = 5;

/// Most bytes of a block, and most blocks of a table.
const MOST: usize = 16 << 20;
const MOST_BLOCKS: usize = 1 << 20;

impl Container for Sstable {
    fn about(&self) -> &'static About {
        &ABOUT
    }

    fn magics(&self) -> &'static [Magic] {
        &[Magic { at: AT, bytes: MAGIC }]
    }

    /// A table is found by its end.
    fn claims(&self, _start: &[u8]) -> bool {
        false
    }

    fn inner(&self) -> &'static [Magic] {
        self.magics()
    }

    fn begins(&self, footer: &[u8]) -> bool {
        self.magics().iter().any(|magic| magic.begins(footer)) && index(footer).is_some()
    }

    fn trailer(&self) -> Option<u64> {
        Some(FOOTER)
    }

    fn reader(&self) -> Reader {
        Reader::AnyPlace(read)
    }
}

/// A place of a block: offset and length.
type Handle = (u64, u64);

fn handle(bytes: &mut &[u8]) -> Option<Handle> {
    Some((varint(bytes)?, varint(bytes)?))
}

/// The index: after the handle of the index of metadata.
fn index(footer: &[u8]) -> Option<Handle> {
    let mut handles = footer.get(..AT)?;
    let (_, index) = (handle(&mut handles)?, handle(&mut handles)?);
    // The handles are padded with zeros.
    (index.1 > 0 && index.1 < MOST as u64 && handles.iter().all(|byte| *byte == 0)).then_some(index)
}

#[allow(clippy::needless_pass_by_value, reason = "the seam hands it over")]
fn read(bytes: Cursor, inside: &mut dyn Inside) -> Result<(), Unopenable> {
    let malformed = Malformed::new("footer of a table", 0);
    let footer = bytes.size().checked_sub(FOOTER).and_then(|at| held(&bytes, at, FOOTER, FOOTER)).ok_or(malformed)?;
    inside.holds((4 * MOST as u64).min(inside.memory()))?;
    // The index and its checksum end where the footer begins. Other bytes may be before the table, and the offsets count
    // from its start.
    let before = index(&footer).and_then(|(at, length)| {
        let end = at.checked_add(length)?.checked_add(TRAILER)?;
        (bytes.size() - FOOTER).checked_sub(end)
    });
    let bytes = before.map(|before| bytes.part(before, u64::MAX)).ok_or(malformed)?;
    let blocks = index(&footer).and_then(|index| unpacked(&bytes, index)).and_then(|index| handles(&index));
    let Some(blocks) = blocks else { return Err(malformed.into()) };
    let mut content = Blocks { bytes: &bytes, handles: blocks.into_iter(), block: Vec::new(), at: 0, damaged: None };
    let flow = inside.member(Member { name: b"blocks", at: 0 }, &mut content);
    if let Some(at) = content.damaged.filter(|_| flow.is_continue()) {
        inside.unread(Member { name: b"blocks", at }, Reason::Damaged, "block");
    }
    Ok(())
}

/// A block: its bytes, then the number of its compression and a checksum.
fn unpacked(bytes: &Cursor, (at, length): Handle) -> Option<Vec<u8>> {
    let mut packed = held(bytes, at, length.checked_add(1)?, MOST as u64)?;
    let method = packed.pop()?;
    let limited = |from: &mut dyn Read| {
        let mut out = Vec::new();
        from.take(MOST as u64).read_to_end(&mut out).ok().map(|_| out)
    };
    match method {
        0 => Some(packed),
        1 => block(&packed, MOST),
        2 => limited(&mut flate2::bufread::ZlibDecoder::new(packed.as_slice())),
        3 => limited(&mut flate2::bufread::DeflateDecoder::new(packed.as_slice())),
        // Zstandard of LevelDB.
        7 => limited(&mut zstd::stream::read::Decoder::with_buffer(packed.as_slice()).ok()?),
        _ => None,
    }
}

/// The handles in an index block: entries of a shared and an own part of the key, and the handle as value. The offsets of
/// restart points, and their number, come last.
fn handles(index: &[u8]) -> Option<Vec<Handle>> {
    let (rest, count) = index.split_last_chunk()?;
    let restarts = usize::try_from(u32::from_le_bytes(*count)).ok()?.checked_mul(4)?;
    let mut rest = rest.get(..rest.len().checked_sub(restarts)?)?;
    let mut all = Vec::new();
    while !rest.is_empty() && all.len() < MOST_BLOCKS {
        let (_, own, value) = (varint(&mut rest)?, varint(&mut rest)?, varint(&mut rest)?);
        let (_, after) = rest.split_at_checked(usize::try_from(own).ok()?)?;
        let (mut value, after) = after.split_at_checked(usize::try_from(value).ok()?)?;
        all.push(handle(&mut value)?);
        rest = after;
    }
    Some(all)
}

/// All blocks as one stream.
struct Blocks<'b> {
    bytes: &'b Cursor,
    handles: std::vec::IntoIter<Handle>,
    block: Vec<u8>,
    at: usize,
    /// Offset of the first block that could not be read.
    damaged: Option<u64>,
}

impl Read for Blocks<'_> {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        while self.at >= self.block.len() {
            let Some(next) = self.handles.next() else { return Ok(0) };
            self.at = 0;
            self.block = unpacked(self.bytes, next).unwrap_or_else(|| {
                self.damaged.get_or_insert(next.0);
                Vec::new()
            });
        }
        let read = self.block.get(self.at..).unwrap_or_default().read(into)?;
        self.at += read;
        Ok(read)
    }
}
