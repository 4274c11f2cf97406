//! Counts what the header of a 7z archive declares, before the decoder reads it.
//!
//! The decoder allocates every entry that a header declares, and one byte of the header can declare up to 200 bytes of
//! them. [`Counts`] reads a header as the decoder does (7zFormat.txt, "Header"), counts what it declares and allocates
//! nothing. It stops after the number of files: the rest is no longer than the header.

use keyradius_core::error::Reason;
use sevenz_rust2::{ArchiveEntry, Block, Coder};

/// Why a header or a block is not read, with a fixed text.
pub(super) type Refused = (Reason, &'static str);

/// The header is cut off or contradicts itself.
pub(super) const DAMAGED: Refused = (Reason::Damaged, "header");

/// The header has parts that 7-Zip does not write and the decoder does not read.
const UNSUPPORTED: Refused = (Reason::Unsupported, "header");

/// First byte of an uncompressed header (7zFormat.txt, "Property IDs").
const PLAIN: u8 = 0x01;

/// First byte of a compressed header.
pub(super) const ENCODED: u8 = 0x17;

const END: u8 = 0x00;
const ARCHIVE_PROPERTIES: u8 = 0x02;
const ADDITIONAL_STREAMS: u8 = 0x03;
const MAIN_STREAMS: u8 = 0x04;
const FILES: u8 = 0x05;
const PACK_INFO: u8 = 0x06;
const UNPACK_INFO: u8 = 0x07;
const SUB_STREAMS: u8 = 0x08;
const SIZE: u8 = 0x09;
const CRC: u8 = 0x0a;
const FOLDER: u8 = 0x0b;
const UNPACK_SIZE: u8 = 0x0c;
const SUB_STREAM_COUNT: u8 = 0x0d;

/// Maximum number of coders in a block, and of streams into them (7-Zip, CPP/7zip/Archive/7z/7zIn.cpp).
const MOST_STREAMS: u64 = 64;

/// Overhead of one allocation, in bytes.
const ALLOCATION: u64 = 32;

/// Numbers that a header declares.
#[derive(Debug, Default, PartialEq)]
pub(super) struct Counts {
    packed_streams: u64,
    blocks: u64,
    coders: u64,
    /// Streams into the coders.
    inputs: u64,
    /// Length of the properties of all coders, in bytes.
    properties: u64,
    /// Parts of the decompressed blocks: the contents of files.
    parts: u64,
    files: u64,
    /// Length of the data after the number of files, in bytes; most of it is names.
    names: u64,
    /// Upper bound for the length of the longest name, in bytes.
    longest: u64,
}

impl Counts {
    /// Counts the declarations of an uncompressed header.
    pub(super) fn of(header: &[u8]) -> Result<Self, Refused> {
        let mut walk = Walk::new(header);
        if walk.byte()? != PLAIN {
            return Err(DAMAGED);
        }
        let mut id = walk.byte()?;
        if id == ARCHIVE_PROPERTIES {
            while walk.byte()? != END {
                let length = walk.count()?;
                walk.skip(length)?;
            }
            id = walk.byte()?;
        }
        if id == ADDITIONAL_STREAMS {
            return Err(UNSUPPORTED);
        }
        if id == MAIN_STREAMS {
            walk.streams()?;
            id = walk.byte()?;
        }
        if id == FILES {
            walk.counts.files = walk.count()?;
            let names = walk.rest();
            walk.counts.names = names.len() as u64;
            walk.counts.longest = longest_name(names);
        } else if id != END {
            return Err(DAMAGED);
        }
        Ok(walk.counts)
    }

    /// Returns the numbers of packed streams, blocks, coders and files.
    #[cfg(test)]
    pub(super) fn numbers(&self) -> [usize; 4] {
        [self.packed_streams, self.blocks, self.coders, self.files].map(|number| usize::try_from(number).unwrap())
    }

    /// Returns the maximum memory of the decoder for this header, in bytes, without the header itself.
    pub(super) fn memory(&self) -> u64 {
        const WORD: u64 = size_of::<u64>() as u64;
        // Sizes, checksums and offsets, and one bit for each checksum.
        let packed_streams = self.packed_streams * (3 * WORD + 1);
        // The block; coders, sizes, pairs and packed streams, one allocation each; four numbers in the map of streams.
        let blocks = self.blocks * (size_of::<Block>() as u64 + 4 * ALLOCATION + 4 * WORD);
        // The coder and its properties, a size, and the pair that binds the coder to another one.
        let coders = self.coders * (size_of::<Coder>() as u64 + ALLOCATION + 3 * WORD) + self.properties;
        let inputs = self.inputs * (WORD + 1);
        // A size, a checksum, a second copy while reading, and a bit for each.
        let parts = self.parts * (3 * WORD + 1);
        // The entry, its name, its block in the map of streams, and a few bits.
        let files = self.files * (size_of::<ArchiveEntry>() as u64 + ALLOCATION + 2 * WORD + 1);
        // Two bytes of UTF-16 become up to three of UTF-8. The longest name is built in a buffer that grows by
        // doubling.
        let names = self.names / 2 * 3 + self.longest * 3;
        packed_streams + blocks + coders + inputs + parts + files + names
    }
}

/// Returns the bytes of a compressed header that describe its position and its only block.
pub(super) fn encoded(header: &[u8]) -> Result<&[u8], Refused> {
    let mut walk = Walk::new(header);
    if walk.byte()? != ENCODED {
        return Err(DAMAGED);
    }
    let streams = walk.streams()?;
    if walk.counts.blocks == 1 { Ok(streams) } else { Err(DAMAGED) }
}

/// Returns the maximum number of bytes between two zero units, at either alignment.
fn longest_name(names: &[u8]) -> u64 {
    let longest = |names: &[u8]| {
        let (units, rest) = names.as_chunks::<2>();
        let ended = units.split(|unit| *unit == [0; 2]).map(<[_]>::len).max().unwrap_or_default();
        2 * ended + rest.len()
    };
    longest(names).max(longest(names.get(1..).unwrap_or_default())) as u64
}

/// A position in a header.
struct Walk<'h> {
    header: &'h [u8],
    at: usize,
    counts: Counts,
}

/// Which of several checksums are present.
enum Defined<'h> {
    All,
    Bits(&'h [u8]),
}

impl Defined<'_> {
    fn has(&self, index: u64) -> bool {
        match self {
            Self::All => true,
            Self::Bits(bits) => {
                let byte = usize::try_from(index / 8).ok().and_then(|at| bits.get(at)).copied().unwrap_or_default();
                byte & (0x80 >> (index % 8)) != 0
            }
        }
    }
}

impl<'h> Walk<'h> {
    fn new(header: &'h [u8]) -> Self {
        Self { header, at: 0, counts: Counts::default() }
    }

    fn rest(&self) -> &'h [u8] {
        self.header.get(self.at..).unwrap_or_default()
    }

    /// Returns the next `length` bytes and advances.
    fn skip(&mut self, length: u64) -> Result<&'h [u8], Refused> {
        let skipped = usize::try_from(length).ok().and_then(|length| self.rest().get(..length)).ok_or(DAMAGED)?;
        self.at += skipped.len();
        Ok(skipped)
    }

    fn byte(&mut self) -> Result<u8, Refused> {
        self.skip(1)?.first().copied().ok_or(DAMAGED)
    }

    /// Reads a number of one to nine bytes: the high bits of the first are the number of further bytes (7zFormat.txt,
    /// "REAL_UINT64").
    fn number(&mut self) -> Result<u64, Refused> {
        let first = self.byte()?;
        let length = first.leading_ones();
        let low = self.skip(length.into())?.iter().rev().fold(0, |number, &byte| number << 8 | u64::from(byte));
        let high = u64::from(first) & (0x7f >> length);
        Ok(low | high.checked_shl(8 * length).unwrap_or_default())
    }

    /// Reads a count. The length of the header is the limit, because each item counted takes at least one byte.
    fn count(&mut self) -> Result<u64, Refused> {
        self.number().and_then(|count| if count <= self.header.len() as u64 { Ok(count) } else { Err(DAMAGED) })
    }

    fn numbers(&mut self, count: u64) -> Result<(), Refused> {
        (0..count).try_for_each(|_| self.number().map(drop))
    }

    fn expect(&mut self, id: u8) -> Result<(), Refused> {
        if self.byte()? == id { Ok(()) } else { Err(DAMAGED) }
    }

    /// Skips the packed streams, the blocks and their parts. Returns the bytes of the first two.
    fn streams(&mut self) -> Result<&'h [u8], Refused> {
        let start = self.at;
        let mut defined = Defined::Bits(&[]);
        let mut end = start;
        let mut id = self.byte()?;
        if id == PACK_INFO {
            self.packed_streams()?;
            end = self.at;
            id = self.byte()?;
        }
        if id == UNPACK_INFO {
            defined = self.blocks()?;
            end = self.at;
            id = self.byte()?;
        }
        if id == SUB_STREAMS {
            self.parts(&defined)?;
            id = self.byte()?;
        }
        if id != END {
            return Err(DAMAGED);
        }
        Ok(self.header.get(start..end).unwrap_or_default())
    }

    fn packed_streams(&mut self) -> Result<(), Refused> {
        let _position = self.number()?;
        let count = self.count()?;
        self.counts.packed_streams = count;
        let mut id = self.byte()?;
        if id == SIZE {
            self.numbers(count)?;
            id = self.byte()?;
        }
        if id == CRC {
            self.checksums(count)?;
            id = self.byte()?;
        }
        if id == END { Ok(()) } else { Err(DAMAGED) }
    }

    /// Skips the blocks. Returns which of them have a checksum.
    fn blocks(&mut self) -> Result<Defined<'h>, Refused> {
        self.expect(FOLDER)?;
        let count = self.count()?;
        if self.byte()? != 0 {
            return Err(UNSUPPORTED);
        }
        (0..count).try_for_each(|_| self.block())?;
        self.counts.blocks = count;
        self.expect(UNPACK_SIZE)?;
        self.numbers(self.counts.coders)?;
        let mut id = self.byte()?;
        let mut defined = Defined::Bits(&[]);
        if id == CRC {
            defined = self.checksums(count)?;
            id = self.byte()?;
        }
        if id == END { Ok(defined) } else { Err(DAMAGED) }
    }

    /// Skips one block: its coders, each with one output stream, and the pairs that bind their streams.
    fn block(&mut self) -> Result<(), Refused> {
        let coders = self.number()?;
        if coders == 0 || coders > MOST_STREAMS {
            return Err(DAMAGED);
        }
        let mut inputs = 0;
        for _ in 0..coders {
            let flags = self.byte()?;
            self.skip(u64::from(flags & 0x0f))?;
            if flags & 0x10 == 0 {
                inputs += 1;
            } else {
                let most = MOST_STREAMS.saturating_sub(inputs);
                inputs += Some(self.number()?).filter(|count| *count <= most).ok_or(DAMAGED)?;
                self.expect(1)?;
            }
            if flags & 0x20 != 0 {
                let length = self.count()?;
                self.skip(length)?;
                self.counts.properties += length;
            }
            // Alternative methods, which no program writes.
            if flags & 0x80 != 0 {
                return Err(UNSUPPORTED);
            }
        }
        let pairs = coders - 1;
        self.numbers(2 * pairs)?;
        match inputs.checked_sub(pairs) {
            None | Some(0) => return Err(DAMAGED),
            // The only stream without a pair.
            Some(1) => {}
            Some(packed) => self.numbers(packed)?,
        }
        self.counts.coders += coders;
        self.counts.inputs += inputs;
        Ok(())
    }

    /// Skips the parts of the blocks. A block in `defined` has a checksum, which is also that of its only part.
    fn parts(&mut self, defined: &Defined<'h>) -> Result<(), Refused> {
        let own = |block: u64, parts: u64| if parts == 1 && defined.has(block) { 0 } else { parts };
        let (mut sizes, mut checksums) = (0, 0);
        let mut id = self.byte()?;
        if id == SUB_STREAM_COUNT {
            for block in 0..self.counts.blocks {
                let parts = self.count()?;
                self.counts.parts += parts;
                // The size of the last part is the remainder.
                sizes += parts.saturating_sub(1);
                checksums += own(block, parts);
            }
            id = self.byte()?;
        } else {
            self.counts.parts = self.counts.blocks;
            checksums = (0..self.counts.blocks).map(|block| own(block, 1)).sum();
        }
        if self.counts.parts > self.header.len() as u64 {
            return Err(DAMAGED);
        }
        if id == SIZE {
            self.numbers(sizes)?;
            id = self.byte()?;
        }
        if id == CRC {
            self.checksums(checksums)?;
            id = self.byte()?;
        }
        if id == END { Ok(()) } else { Err(DAMAGED) }
    }

    /// Skips up to `count` checksums. Returns which of them are present.
    fn checksums(&mut self, count: u64) -> Result<Defined<'h>, Refused> {
        let defined = if self.byte()? == 0 { Defined::Bits(self.skip(count.div_ceil(8))?) } else { Defined::All };
        let there = (0..count).filter(|&index| defined.has(index)).count() as u64;
        self.skip(4 * there)?;
        Ok(defined)
    }
}
