//! lh4 to lh7: a window, and blocks of codes with their own Huffman tables.
//!
//! Source: ar002 by Haruhiko Okumura (1990), whose methods LHA adopted.

use std::io::{self, BufReader, Read};

/// Codes of literals and lengths (NC), and the most codes of distances or of lengths of codes (NPT).
const CODES: usize = 510;
const MOST_TABLE: usize = 32;

/// Longest code, in bits.
const LONGEST: usize = 16;

/// Shortest copy, in bytes (THRESHOLD).
const SHORTEST: usize = 3;

/// A canonical Huffman code.
struct Table {
    /// Number of codes of each length.
    counts: [u16; LONGEST + 1],
    /// Symbols in the order of their codes.
    symbols: Vec<u16>,
    /// The only symbol, which has no bits.
    only: Option<u16>,
}

impl Table {
    const fn only(symbol: u16) -> Self {
        Self { counts: [0; LONGEST + 1], symbols: Vec::new(), only: Some(symbol) }
    }

    /// From the length of each symbol's code; `None` unless the codes are complete.
    fn new(lengths: &[u8]) -> Option<Self> {
        let mut counts = [0_u16; LONGEST + 1];
        for length in lengths.iter().filter(|length| **length > 0) {
            *counts.get_mut(usize::from(*length))? += 1;
        }
        let space: u32 =
            (1..=LONGEST).map(|length| u32::from(counts.get(length).copied().unwrap_or(0)) << (LONGEST - length)).sum();
        if space != 1 << LONGEST {
            return None;
        }
        let mut symbols: Vec<(u8, u16)> =
            (0..).zip(lengths).filter(|(_, length)| **length > 0).map(|(symbol, length)| (*length, symbol)).collect();
        symbols.sort_unstable();
        Some(Self { counts, symbols: symbols.into_iter().map(|(_, symbol)| symbol).collect(), only: None })
    }
}

/// A decoder of one member.
pub(super) struct Decoder<R: Read> {
    input: BufReader<R>,
    /// Bits that were read and not used, the next one highest, and their number.
    bits: u64,
    have: u32,
    /// Bytes read beyond the end, as zeros.
    beyond: u32,
    window: Vec<u8>,
    at: usize,
    /// Bytes that are still to be produced.
    left: u64,
    /// Codes left in this block.
    codes: u32,
    literals: Table,
    distances: Table,
    /// Bits of the number of codes of distances, and most of these codes.
    distance_bits: u32,
    /// A copy that was begun: its distance, and the bytes that are left of it.
    copy: (usize, usize),
    failed: bool,
}

impl<R: Read> Decoder<R> {
    /// A decoder for a window of `bits` bits; `length` is the number of bytes that come out.
    pub(super) fn new(input: R, bits: u32, length: u64) -> Self {
        Self {
            input: BufReader::with_capacity(8 << 10, input),
            bits: 0,
            have: 0,
            beyond: 0,
            // Text before the first byte is blanks.
            window: vec![b' '; 1 << bits],
            at: 0,
            left: length,
            codes: 0,
            literals: Table::only(0),
            distances: Table::only(0),
            distance_bits: if bits > 13 { 5 } else { 4 },
            copy: (0, 0),
            failed: false,
        }
    }

    /// Has at least 32 bits ready; zeros after the end.
    fn fill(&mut self) -> io::Result<()> {
        while self.have <= 32 {
            let mut byte = [0];
            if self.input.read(&mut byte)? == 0 {
                self.beyond += 1;
                if self.beyond > 16 {
                    return Err(io::ErrorKind::UnexpectedEof.into());
                }
            }
            self.bits |= u64::from(byte.first().copied().unwrap_or(0)) << (56 - self.have);
            self.have += 8;
        }
        Ok(())
    }

    fn take(&mut self, count: u32) -> io::Result<u32> {
        if count == 0 {
            return Ok(0);
        }
        self.fill()?;
        let value = self.bits >> (64 - count);
        self.bits <<= count;
        self.have -= count;
        Ok(u32::try_from(value).unwrap_or_default())
    }

    fn symbol(&mut self, distances: bool) -> io::Result<u16> {
        self.fill()?;
        let table = if distances { &self.distances } else { &self.literals };
        if let Some(only) = table.only {
            return Ok(only);
        }
        let (mut code, mut first, mut index) = (0_u32, 0_u32, 0_u32);
        for length in 1..=LONGEST {
            code = code << 1 | u32::from(self.bits >> (64 - length) & 1 == 1);
            let count = u32::from(table.counts.get(length).copied().unwrap_or(0));
            if code < first + count {
                let symbol = table.symbols.get((index + code - first) as usize).copied();
                self.bits <<= length;
                self.have -= u32::try_from(length).unwrap_or(0);
                return symbol.ok_or_else(|| io::ErrorKind::InvalidData.into());
            }
            index += count;
            first = (first + count) << 1;
        }
        Err(io::ErrorKind::InvalidData.into())
    }

    /// Reads the code of lengths, or that of distances: lengths of up to three bits, longer ones in unary. After
    /// `special` lengths, a number of zeros follows.
    fn short_table(&mut self, bits: u32, special: Option<usize>) -> io::Result<Table> {
        let many = self.take(bits)? as usize;
        if many == 0 {
            return Ok(Table::only(u16::try_from(self.take(bits)?).unwrap_or_default()));
        }
        let mut lengths = Vec::with_capacity(MOST_TABLE);
        while lengths.len() < many {
            let mut length = self.take(3)?;
            if length == 7 {
                while self.take(1)? == 1 {
                    length += 1;
                    if length as usize > LONGEST {
                        return Err(io::ErrorKind::InvalidData.into());
                    }
                }
            }
            lengths.push(u8::try_from(length).unwrap_or_default());
            if Some(lengths.len()) == special {
                let zeros = self.take(2)? as usize;
                lengths.resize(lengths.len() + zeros, 0);
            }
        }
        Table::new(&lengths).ok_or_else(|| io::ErrorKind::InvalidData.into())
    }

    /// Reads the code of literals; `self.distances` is the code of its lengths.
    fn long_table(&mut self) -> io::Result<Table> {
        let many = self.take(9)? as usize;
        if many == 0 {
            return Ok(Table::only(u16::try_from(self.take(9)?).unwrap_or_default()));
        }
        let mut lengths = Vec::with_capacity(CODES);
        while lengths.len() < many.min(CODES) {
            let zeros = match self.symbol(true)? {
                0 => 1,
                1 => self.take(4)? + 3,
                2 => self.take(9)? + 20,
                length => {
                    lengths.push(u8::try_from(length - 2).unwrap_or_default());
                    continue;
                }
            };
            lengths.resize(lengths.len() + zeros as usize, 0);
        }
        lengths.truncate(CODES);
        Table::new(&lengths).ok_or_else(|| io::ErrorKind::InvalidData.into())
    }

    /// Decodes until a byte is known.
    fn byte(&mut self) -> io::Result<u8> {
        if self.copy.1 == 0 {
            if self.codes == 0 {
                self.codes = self.take(16)?;
                if self.codes == 0 {
                    return Err(io::ErrorKind::InvalidData.into());
                }
                self.distances = self.short_table(5, Some(3))?;
                self.literals = self.long_table()?;
                self.distances = self.short_table(self.distance_bits, None)?;
            }
            self.codes -= 1;
            let code = usize::from(self.symbol(false)?);
            if let Ok(literal) = u8::try_from(code) {
                self.put(literal);
                return Ok(literal);
            }
            let bits = u32::from(self.symbol(true)?);
            let distance = match bits {
                0 => 0,
                1..=17 => (1 << (bits - 1)) + self.take(bits - 1)? as usize,
                _ => return Err(io::ErrorKind::InvalidData.into()),
            };
            self.copy = (distance + 1, code - 256 + SHORTEST);
        }
        let mask = self.window.len() - 1;
        let byte = self.window.get(self.at.wrapping_sub(self.copy.0) & mask).copied().unwrap_or_default();
        self.copy.1 -= 1;
        self.put(byte);
        Ok(byte)
    }

    fn put(&mut self, byte: u8) {
        if let Some(to) = self.window.get_mut(self.at) {
            *to = byte;
        }
        self.at = (self.at + 1) & (self.window.len() - 1);
    }
}

impl<R: Read> Read for Decoder<R> {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        let mut read = 0;
        if self.failed {
            return Err(io::ErrorKind::InvalidData.into());
        }
        while let Some(to) = into.get_mut(read).filter(|_| self.left > 0) {
            match self.byte() {
                Ok(byte) => *to = byte,
                // What came before is kept, and the next call fails.
                Err(_) if read > 0 => {
                    self.failed = true;
                    break;
                }
                Err(error) => return Err(error),
            }
            read += 1;
            self.left -= 1;
        }
        Ok(read)
    }
}
