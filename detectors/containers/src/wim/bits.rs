//! Bits in words of 16 bits, the highest first, and canonical Huffman codes.

/// A stream of bits, in little-endian words. Beyond the end, there are zeros.
pub(super) struct Bits<'b> {
    bytes: &'b [u8],
    at: usize,
    held: u32,
    count: u32,
}

impl<'b> Bits<'b> {
    pub(super) const fn new(bytes: &'b [u8]) -> Self {
        Self { bytes, at: 0, held: 0, count: 0 }
    }

    /// Reads words until at least `count` bits are held, at most 16.
    pub(super) fn ensure(&mut self, count: u32) {
        if self.count < count {
            let at = |at: usize| self.bytes.get(at).copied().map_or(0, u32::from);
            self.held |= (at(self.at) | at(self.at + 1) << 8) << (16 - self.count);
            self.at += 2;
            self.count += 16;
        }
    }

    /// Takes bits, at most 16.
    pub(super) fn take(&mut self, count: u32) -> u32 {
        if count == 0 {
            return 0;
        }
        self.ensure(count);
        let bits = self.held >> (32 - count);
        self.held <<= count;
        self.count -= count;
        bits
    }

    /// Drops the bits that are held, and returns the bytes from the next word on.
    pub(super) fn align(&mut self) -> &'b [u8] {
        self.ensure(1);
        (self.held, self.count) = (0, 0);
        self.bytes.get(self.at..).unwrap_or_default()
    }

    /// Takes bytes between the words.
    pub(super) fn bytes(&mut self, count: usize) -> Option<&'b [u8]> {
        let bytes = self.bytes.get(self.at..self.at.checked_add(count)?)?;
        self.at += count;
        Some(bytes)
    }

    /// Whether more bits were taken than there are, by more than what a word has.
    pub(super) const fn is_over(&self) -> bool {
        self.at > self.bytes.len() + 4
    }
}

/// The longest code, in bits.
const LONGEST: usize = 16;

/// A canonical code: shorter codes first, then in the order of the symbols.
pub(super) struct Code {
    /// How many codes have each length.
    counts: [u32; LONGEST + 1],
    symbols: Vec<u16>,
    /// For each first byte of a code of at most eight bits: its symbol and length; 0 for longer ones.
    short: [(u16, u8); 256],
}

impl Code {
    /// The code with these lengths. `None` if there are more codes than fit.
    pub(super) fn new(lengths: &[u8]) -> Option<Self> {
        let mut counts = [0_u32; LONGEST + 1];
        for length in lengths {
            *counts.get_mut(usize::from(*length))? += 1;
        }
        if let Some(unused) = counts.first_mut() {
            *unused = 0;
        }
        let space: u64 =
            (1..=LONGEST).map(|length| u64::from(counts.get(length).copied().unwrap_or(0)) << (LONGEST - length)).sum();
        if space > 1 << LONGEST {
            return None;
        }
        let mut symbols: Vec<u16> =
            (0_u16..).zip(lengths).filter(|(_, length)| **length > 0).map(|(at, _)| at).collect();
        symbols.sort_by_key(|symbol| lengths.get(usize::from(*symbol)).copied());
        let mut code = Self { counts, symbols, short: [(0, 0); 256] };
        for first in 0..=255_u8 {
            let found = code.search(u32::from(first) << 24).filter(|(_, length)| *length <= 8);
            if let Some(slot) = code.short.get_mut(usize::from(first)) {
                *slot = found.unwrap_or_default();
            }
        }
        Some(code)
    }

    /// Finds the code at the start of 32 bits: its symbol and length.
    fn search(&self, held: u32) -> Option<(u16, u8)> {
        let (mut first, mut index) = (0_u32, 0_u32);
        for (length, count) in self.counts.iter().enumerate().skip(1) {
            let code = held >> (32 - length);
            if code.checked_sub(first)? < *count {
                return Some((*self.symbols.get((index + code - first) as usize)?, length as u8));
            }
            index += count;
            first = (first + count) << 1;
        }
        None
    }

    /// Takes one symbol.
    pub(super) fn symbol(&self, bits: &mut Bits<'_>) -> Option<u16> {
        bits.ensure(16);
        let short = self.short.get((bits.held >> 24) as usize).copied().unwrap_or_default();
        let (symbol, length) = if short.1 > 0 { short } else { self.search(bits.held)? };
        bits.take(length.into());
        (!bits.is_over()).then_some(symbol)
    }
}
