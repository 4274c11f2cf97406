//! LZX as WIM files have it: chunks that are independent of each other, blocks whose sizes have 1 or 17 bits, and calls of
//! x86 that are always translated, for a file of 12,000,000 bytes.

use super::bits::{Bits, Code};
use crate::compressed::blocks::copy;

/// Lengths are differences modulo this.
const LENGTHS: u8 = 17;

/// How many codes there are for lengths, after the shortest; and literals.
const LENGTH_CODES: usize = 249;
const LITERALS: usize = 256;

/// The size of a block that has no size.
const USUAL: usize = 32 << 10;

/// The size of a file for the translation of calls.
const TRANSLATED: i32 = 12_000_000;

/// Decompresses a chunk of `length` bytes, of a file with chunks of `size` bytes. `None` if it is damaged.
pub(super) fn chunk(packed: &[u8], length: usize, size: u32) -> Option<Vec<u8>> {
    let slots = match size.ilog2() {
        ..=15 => 30,
        16 => 32,
        17 => 34,
        18 => 36,
        19 => 38,
        20 => 42,
        _ => 50,
    };
    let mut state = State {
        bits: Bits::new(packed),
        main: vec![0; LITERALS + 8 * slots],
        lengths: vec![0; LENGTH_CODES],
        recent: [1; 3],
        out: Vec::with_capacity(length),
        length,
    };
    while state.out.len() < length {
        state.block(size > USUAL as u32)?;
    }
    let mut out = state.out;
    translate(&mut out);
    Some(out)
}

struct State<'b> {
    bits: Bits<'b>,
    /// Lengths of codes: the next block has differences to them.
    main: Vec<u8>,
    lengths: Vec<u8>,
    /// Distances of the last copies.
    recent: [usize; 3],
    out: Vec<u8>,
    length: usize,
}

impl State<'_> {
    fn block(&mut self, is_large: bool) -> Option<()> {
        let kind = self.bits.take(3);
        let size = if self.bits.take(1) == 1 {
            USUAL
        } else {
            let size = self.bits.take(16) as usize;
            if is_large { size << 8 | self.bits.take(8) as usize } else { size }
        };
        let end = self.out.len().checked_add(size).filter(|end| size > 0 && *end <= self.length)?;
        if kind == 3 {
            return self.stored(size);
        }
        let aligned = match kind {
            1 => None,
            2 => {
                let lengths: [u8; 8] = std::array::from_fn(|_| self.bits.take(3) as u8);
                Some(Code::new(&lengths)?)
            }
            _ => return None,
        };
        let (literals, copies) = self.main.split_at_mut_checked(LITERALS)?;
        read_lengths(&mut self.bits, literals)?;
        read_lengths(&mut self.bits, copies)?;
        read_lengths(&mut self.bits, &mut self.lengths)?;
        let (main, lengths) = (Code::new(&self.main)?, Code::new(&self.lengths)?);
        while self.out.len() < end {
            let symbol = main.symbol(&mut self.bits)?;
            let Ok(literal) = u8::try_from(symbol) else {
                let symbol = symbol - 256;
                let mut count = usize::from(symbol & 7);
                if count == 7 {
                    count += usize::from(lengths.symbol(&mut self.bits)?);
                }
                let distance = self.distance(usize::from(symbol >> 3), aligned.as_ref())?;
                copy(&mut self.out, distance, count + 2, end)?;
                continue;
            };
            self.out.push(literal);
        }
        Some(())
    }

    fn stored(&mut self, size: usize) -> Option<()> {
        self.bits.align();
        for slot in &mut self.recent {
            let bytes = self.bits.bytes(4)?;
            *slot = u32::from_le_bytes(bytes.try_into().ok()?) as usize;
        }
        let bytes = self.bits.bytes(size)?;
        self.out.extend_from_slice(bytes);
        if size % 2 == 1 {
            self.bits.bytes(1);
        }
        Some(())
    }

    fn distance(&mut self, slot: usize, aligned: Option<&Code>) -> Option<usize> {
        if slot < 3 {
            let distance = *self.recent.get(slot)?;
            self.recent.swap(0, slot);
            return Some(distance);
        }
        let bits = extra(slot);
        let base: usize = (0..slot).map(|slot| 1 << extra(slot)).sum();
        let more = match aligned {
            Some(aligned) if bits >= 3 => {
                let high = self.long(bits - 3) << 3;
                high + usize::from(aligned.symbol(&mut self.bits)?)
            }
            _ => self.long(bits),
        };
        let distance = (base + more).checked_sub(2)?;
        self.recent = [distance, *self.recent.first()?, *self.recent.get(1)?];
        Some(distance)
    }

    /// Takes up to 17 bits.
    fn long(&mut self, count: u32) -> usize {
        let first = count.min(16);
        let high = self.bits.take(first) as usize;
        high << (count - first) | self.bits.take(count - first) as usize
    }
}

/// How many bits follow a slot of distances.
const fn extra(slot: usize) -> u32 {
    match slot {
        0..=3 => 0,
        4..=36 => (slot / 2 - 1) as u32,
        _ => 17,
    }
}

/// Reads lengths of codes, which have a code of their own.
fn read_lengths(bits: &mut Bits<'_>, lengths: &mut [u8]) -> Option<()> {
    let own: [u8; 20] = std::array::from_fn(|_| bits.take(4) as u8);
    let code = Code::new(&own)?;
    let mut at = 0;
    while at < lengths.len() {
        let symbol = code.symbol(bits)? as u8;
        let (count, value) = match symbol {
            17 => (4 + bits.take(4), None),
            18 => (20 + bits.take(5), None),
            19 => {
                let count = 4 + bits.take(1);
                (count, Some(code.symbol(bits)? as u8))
            }
            symbol => (1, Some(symbol)),
        };
        let value = match value {
            None => 0,
            Some(value) => (lengths.get(at)? + LENGTHS).checked_sub(value)? % LENGTHS,
        };
        for slot in lengths.iter_mut().skip(at).take(count as usize) {
            *slot = value;
        }
        at += count as usize;
    }
    Some(())
}

/// Makes the targets of calls relative again.
fn translate(out: &mut [u8]) {
    let Some(end) = out.len().checked_sub(10) else { return };
    let mut at = 0;
    while at < end {
        if out.get(at) != Some(&0xe8) {
            at += 1;
            continue;
        }
        let Some(field) = out.get_mut(at + 1..at + 5) else { return };
        let target = field.iter().rev().fold(0_u32, |value, byte| value << 8 | u32::from(*byte)).cast_signed();
        let place = i32::try_from(at).unwrap_or(i32::MAX);
        let relative = if (0..TRANSLATED).contains(&target) {
            Some(target - place)
        } else if target < 0 && target >= -place {
            Some(target + TRANSLATED)
        } else {
            None
        };
        if let Some(relative) = relative {
            field.copy_from_slice(&relative.to_le_bytes());
        }
        at += 5;
    }
}
