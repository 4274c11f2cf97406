//! Deltas: an object as pieces of another object and new bytes (gitformat-pack, "Deltified representation").

use std::io::{self, Read};
use std::ops::Range;

use super::walk::TOO_LARGE;
use keyradius_core::error::Malformed;

/// Maximum number of pieces of a delta that are held in memory: 24 MiB.
const MOST_PIECES: usize = 1 << 20;

/// A piece of the result.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Piece {
    /// A range of the base.
    Copy(Range<usize>),
    /// A range of the delta.
    Insert(Range<usize>),
}

impl Piece {
    /// The length of the piece in bytes.
    pub(crate) fn len(&self) -> usize {
        let (Self::Copy(range) | Self::Insert(range)) = self;
        range.len()
    }
}

/// A parsed and checked delta: every piece is inside its source, and their total length is the declared one.
#[derive(Debug, Default)]
pub(crate) struct Delta {
    /// Size of the result in bytes.
    pub(crate) size: usize,
    /// The pieces in the order of the result; adjacent copies are merged.
    pub(crate) pieces: Vec<Piece>,
}

/// The size of the base, the size of the result, and the offset of the instructions.
pub(crate) fn sizes(delta: &[u8]) -> Result<(u64, u64, usize), Malformed> {
    let mut at = 0;
    let base = size(delta, &mut at)?;
    let result = size(delta, &mut at)?;
    Ok((base, result, at))
}

impl Delta {
    /// Parses a delta. `base` is the length of its base, `limit` the largest result that may be built.
    pub(crate) fn parse(&mut self, delta: &[u8], base: usize, limit: u64) -> Result<(), Malformed> {
        let (expected, result, mut at) = sizes(delta)?;
        if expected != base as u64 {
            return Err(Malformed::new("delta expects a base of another size", 0));
        }
        if result > limit {
            return Err(Malformed::new("object larger than the limit", 0));
        }
        self.size = result as usize;
        self.pieces.clear();
        let mut built = 0_usize;
        while let Some(&op) = delta.get(at) {
            let start = at;
            at += 1;
            let piece = if op & 0x80 == 0 {
                // 1 to 127 literal bytes; 0 is reserved.
                let range = at..at + usize::from(op);
                if op == 0 || range.end > delta.len() {
                    return Err(Malformed::new("delta instruction", start));
                }
                at = range.end;
                Piece::Insert(range)
            } else {
                let mut number = |bits: Range<u8>| -> Option<usize> {
                    let mut value = 0;
                    for (shift, bit) in bits.enumerate() {
                        if op & 1 << bit != 0 {
                            value |= usize::from(*delta.get(at)?) << (8 * shift);
                            at += 1;
                        }
                    }
                    Some(value)
                };
                let (offset, length) =
                    number(0..4).zip(number(4..7)).ok_or(Malformed::new("delta is cut off", start))?;
                // A size of 0 means 64 KiB.
                let length = if length == 0 { 0x10000 } else { length };
                if offset + length > base {
                    return Err(Malformed::new("delta copies from beyond its base", start));
                }
                Piece::Copy(offset..offset + length)
            };
            built += piece.len();
            if built > self.size {
                return Err(Malformed::new("delta result is larger than declared", start));
            }
            match (self.pieces.last_mut(), piece) {
                (Some(Piece::Copy(last)), Piece::Copy(next)) if last.end == next.start => last.end = next.end,
                (_, piece) => {
                    if self.pieces.len() >= MOST_PIECES {
                        return Err(Malformed::new(TOO_LARGE, start));
                    }
                    self.pieces.push(piece);
                }
            }
        }
        if built == self.size { Ok(()) } else { Err(Malformed::new("delta result is smaller than declared", at)) }
    }

    /// Builds the result in `out`.
    pub(crate) fn apply(&self, delta: &[u8], base: &[u8], out: &mut Vec<u8>) {
        out.clear();
        out.reserve_exact(self.size);
        for piece in &self.pieces {
            out.extend_from_slice(bytes_of(piece, delta, base));
        }
    }

    /// Reads the result as a stream.
    pub(crate) const fn reader<'b>(&'b self, delta: &'b [u8], base: &'b [u8]) -> Built<'b> {
        Built { pieces: self.pieces.as_slice(), delta, base, at: 0 }
    }

    /// Appends what is new: inserted bytes, and `reach` bytes on either side of each boundary of a copy. Contains every
    /// literal of at most `reach + 1` bytes that is in the result but not in the base. Unrelated pieces may become
    /// adjacent, so it may contain a literal that is in neither.
    pub(crate) fn fresh(&self, delta: &[u8], base: &[u8], reach: usize, out: &mut Vec<u8>) {
        let last = self.pieces.len().saturating_sub(1);
        for (number, piece) in self.pieces.iter().enumerate() {
            let bytes = bytes_of(piece, delta, base);
            let (head, tail) = (if number == 0 { 0 } else { reach }, if number == last { 0 } else { reach });
            if matches!(piece, Piece::Insert(_)) || bytes.len() <= head + tail {
                out.extend_from_slice(bytes);
            } else {
                out.extend_from_slice(bytes.get(..head).unwrap_or_default());
                out.extend_from_slice(bytes.get(bytes.len() - tail..).unwrap_or_default());
            }
        }
    }

    /// Appends the first `length` bytes of the result, or all of it. Returns `false` and appends nothing if they are
    /// the first bytes of the base.
    pub(crate) fn start(&self, delta: &[u8], base: &[u8], length: usize, out: &mut Vec<u8>) -> bool {
        if let Some(Piece::Copy(range)) = self.pieces.first()
            && range.start == 0
            && (range.len() >= length || range.len() == base.len() && self.pieces.len() == 1)
        {
            return false;
        }
        for piece in &self.pieces {
            let bytes = bytes_of(piece, delta, base);
            let room = length.saturating_sub(out.len());
            out.extend_from_slice(bytes.get(..room.min(bytes.len())).unwrap_or_default());
            if out.len() >= length {
                break;
            }
        }
        true
    }
}

/// The result of a delta, as a stream.
#[derive(Debug)]
pub(crate) struct Built<'b> {
    /// The remaining pieces; `at` bytes of the first one were read.
    pieces: &'b [Piece],
    at: usize,
    delta: &'b [u8],
    base: &'b [u8],
}

impl Read for Built<'_> {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        while let Some((piece, rest)) = self.pieces.split_first() {
            let left = bytes_of(piece, self.delta, self.base).get(self.at..).unwrap_or_default();
            let length = left.len().min(into.len());
            if length == 0 && !into.is_empty() {
                (self.pieces, self.at) = (rest, 0);
                continue;
            }
            if let (Some(to), Some(from)) = (into.get_mut(..length), left.get(..length)) {
                to.copy_from_slice(from);
            }
            self.at += length;
            return Ok(length);
        }
        Ok(0)
    }
}

/// The bytes of a piece.
pub(crate) fn bytes_of<'b>(piece: &Piece, delta: &'b [u8], base: &'b [u8]) -> &'b [u8] {
    match piece {
        Piece::Copy(range) => base.get(range.clone()).unwrap_or_default(),
        Piece::Insert(range) => delta.get(range.clone()).unwrap_or_default(),
    }
}

/// Reads a size: seven bits per byte, lowest first.
fn size(delta: &[u8], at: &mut usize) -> Result<u64, Malformed> {
    let mut value = 0_u64;
    for shift in (0..63).step_by(7) {
        let byte = *delta.get(*at).ok_or(Malformed::new("delta is cut off", *at))?;
        *at += 1;
        value |= u64::from(byte & 0x7f) << shift;
        if byte & 0x80 == 0 {
            return Ok(value);
        }
    }
    Err(Malformed::new("delta size", *at))
}

#[cfg(test)]
mod tests {
    use super::*;

    const BASE: &[u8] = b"the quick brown fox jumps over the lazy dog";

    /// Three copies, with an insertion after the first copy and one at the end.
    fn delta() -> Vec<u8> {
        let mut delta = vec![BASE.len() as u8, 4 + 3 + 6 + 4 + 1];
        delta.extend([0x91, 0, 4]); // "the "
        delta.extend([3, b'r', b'e', b'd']);
        delta.extend([0x91, 15, 4]); // " fox"
        delta.extend([0x91, 19, 6]); // " jumps"
        delta.extend([1, b'!']);
        delta
    }

    fn parse(delta: &[u8], base: usize) -> Result<Delta, Malformed> {
        let mut parsed = Delta::default();
        parsed.parse(delta, base, 1 << 20).map(|()| parsed)
    }

    #[test]
    fn pieces_build_the_result() {
        let delta = delta();
        let parsed = parse(&delta, BASE.len()).unwrap();
        assert_eq!(parsed.pieces.len(), 4, "adjacent copies are merged");
        let mut out = Vec::new();
        parsed.apply(&delta, BASE, &mut out);
        assert_eq!(out, b"the red fox jumps!");
        let mut read = Vec::new();
        parsed.reader(&delta, BASE).read_to_end(&mut read).unwrap();
        assert_eq!(read, out, "as a stream");
        let mut fresh = Vec::new();
        parsed.fresh(&delta, BASE, 2, &mut fresh);
        assert_eq!(fresh, b"e red fps!");
        let mut start = Vec::new();
        assert!(!parsed.start(&delta, BASE, 4, &mut start));
        assert!(parsed.start(&delta, BASE, 5, &mut start));
        assert_eq!(start, b"the r");
    }

    #[test]
    fn mismatched_deltas_are_refused() {
        let good = delta();
        assert!(parse(&good, BASE.len() + 1).is_err(), "another base");
        assert!(parse(&good[..good.len() - 1], BASE.len()).is_err(), "insert cut off");
        assert!(Delta::default().parse(&good, BASE.len(), 10).is_err(), "limit");
        for (at, byte) in [(1, 17), (1, 19), (3, 40), (5, 0)] {
            let mut bad = good.clone();
            bad[at] = byte;
            assert!(parse(&bad, BASE.len()).is_err(), "byte {at} = {byte}");
        }
        assert!(parse(&[0x80; 12], BASE.len()).is_err(), "endless size");
        assert!(parse(&[BASE.len() as u8, 1, 0, 1, b'x'], BASE.len()).is_err(), "a reserved instruction");
        // Each instruction copies 16 MiB: a few bytes must not become gigabytes.
        let mut bomb = vec![BASE.len() as u8, 1];
        bomb.extend([0xf0, 0xff, 0xff, 0xff].repeat(1000));
        assert!(parse(&bomb, BASE.len()).is_err());
    }

    #[test]
    fn fresh_bytes_contain_every_new_literal() {
        // Every literal of at most reach + 1 bytes in the result is in the base or in the fresh bytes.
        let delta = delta();
        let parsed = parse(&delta, BASE.len()).unwrap();
        let mut out = Vec::new();
        parsed.apply(&delta, BASE, &mut out);
        for reach in 0..8 {
            let mut fresh = Vec::new();
            parsed.fresh(&delta, BASE, reach, &mut fresh);
            for literal in out.windows(reach + 1) {
                let within = |bytes: &[u8]| bytes.windows(literal.len()).any(|window| window == literal);
                assert!(within(BASE) || within(&fresh), "{literal:?} with reach {reach}");
            }
        }
    }

    use super::super::made::{self, Op, noise};

    #[test]
    fn sizes_are_written_in_groups_of_seven_bits() {
        for size in [0, 1, 0x7f, 0x80, 0x3fff, 0x4000, 0x1f_ffff, 0x20_0000, 1 << 40, (1 << 62) - 1] {
            let bytes = [made::number(size), made::number(5), vec![9]].concat();
            assert_eq!(sizes(&bytes), Ok((size as u64, 5, bytes.len() - 1)), "{size}");
        }
        assert!(sizes(&[0x80; 3]).is_err() && sizes(&[5]).is_err() && sizes(&[]).is_err(), "cut off");
        assert!(sizes(&[[0xff; 9].as_slice(), &[1, 1]].concat()).is_err(), "64 bits and more");
    }

    #[test]
    fn instructions_are_read_as_git_reads_them() {
        let base = noise(3, 0x0102_0304);
        for (name, op, expected) in [
            ("every byte of the offset", vec![0x9f, 4, 3, 1, 1, 2], Piece::Copy(0x0101_0304..0x0101_0306)),
            ("every byte of the size", vec![0xf0, 1, 2, 3], Piece::Copy(0..0x03_0201)),
            ("no size is 64 KiB", vec![0x81, 7], Piece::Copy(7..0x10007)),
            ("the highest byte of the size alone", vec![0xc0, 1], Piece::Copy(0..0x10000)),
            ("no offset and no size", vec![0x80], Piece::Copy(0..0x10000)),
        ] {
            let delta = [made::number(base.len()), made::number(expected.len()), op].concat();
            assert_eq!(parse(&delta, base.len()).expect(name).pieces, [expected], "{name}");
        }
        let longest = [vec![1, 127, 127], vec![b'x'; 127]].concat();
        assert_eq!(parse(&longest, 1).unwrap().pieces, [Piece::Insert(3..130)]);
        let cut = &[&made::number(base.len())[..], &[2, 0x9f, 4, 3, 1, 1]].concat();
        assert!(parse(cut, base.len()).is_err(), "a copy that is cut off");
        for (size, fits) in [(0x0102_0303_usize, true), (0x0102_0304, false)] {
            let op = [&[0x9f][..], &(size as u32).to_le_bytes(), &[1]].concat();
            let delta = [made::number(base.len()), vec![1], op].concat();
            assert_eq!(parse(&delta, base.len()).is_ok(), fits, "one byte from {size:#x}");
        }
    }

    #[test]
    fn the_limit_is_the_largest_result() {
        let delta = delta();
        for (limit, fits) in [(17, false), (18, true), (19, true)] {
            assert_eq!(Delta::default().parse(&delta, BASE.len(), limit).is_ok(), fits, "{limit}");
        }
    }

    #[test]
    fn a_reused_delta_keeps_nothing() {
        let mut parsed = Delta::default();
        parsed.parse(&delta(), BASE.len(), 1 << 20).unwrap();
        let second = made::delta(BASE.len(), &[Op::Insert(b"new")]);
        parsed.parse(&second, BASE.len(), 1 << 20).unwrap();
        let mut out = b"old".to_vec();
        parsed.apply(&second, BASE, &mut out);
        assert_eq!(out, b"new");
    }

    #[test]
    fn only_adjacent_copies_are_merged() {
        for (ops, pieces) in [
            (vec![Op::Copy(0, 4), Op::Copy(4, 4)], 1),
            (vec![Op::Copy(0, 4), Op::Copy(5, 4)], 2),
            (vec![Op::Copy(4, 4), Op::Copy(0, 4)], 2),
            (vec![Op::Copy(0, 4), Op::Insert(b"x"), Op::Copy(4, 4)], 3),
            (vec![Op::Insert(b"x"), Op::Insert(b"y")], 2),
        ] {
            assert_eq!(parse(&made::delta(BASE.len(), &ops), BASE.len()).unwrap().pieces.len(), pieces);
        }
    }

    #[test]
    fn random_deltas_give_result_start_and_new_literals() {
        let base = noise(5, 400);
        let inserted = noise(6, 200);
        for round in 0..200_u64 {
            let dice: Vec<usize> = noise(round, 64).iter().map(|byte| usize::from(*byte)).collect();
            let ops: Vec<Op<'_>> = dice
                .chunks_exact(3)
                .take(1 + round as usize % 6)
                .map(|three| match three {
                    [0..150, from, length] => Op::Copy(*from, 1 + length % 90),
                    [_, from, length] => Op::Insert(&inserted[from % 100..][..=length % 40]),
                    _ => unreachable!("three"),
                })
                .collect();
            let expected: Vec<u8> = ops
                .iter()
                .flat_map(|op| match op {
                    Op::Copy(from, length) => &base[*from..from + length],
                    Op::Insert(bytes) => bytes,
                })
                .copied()
                .collect();
            let delta = made::delta(base.len(), &ops);
            let parsed = parse(&delta, base.len()).unwrap();
            let mut out = Vec::new();
            parsed.apply(&delta, &base, &mut out);
            assert!(out == expected, "round {round}");
            for length in [1, 7, 50, 4000] {
                let mut start = Vec::new();
                if parsed.start(&delta, &base, length, &mut start) {
                    assert!(start == expected[..length.min(expected.len())], "round {round}, {length} bytes");
                } else {
                    assert!(start.is_empty() && base.starts_with(&expected[..length.min(expected.len())]));
                    assert!(expected.len() >= length || expected == base, "round {round}: less than the base is new");
                }
            }
            for reach in [0, 3, 20] {
                let mut fresh = Vec::new();
                parsed.fresh(&delta, &base, reach, &mut fresh);
                assert!(fresh.len() <= expected.len(), "round {round}: more than there is");
                for literal in expected.windows(reach + 1) {
                    let within = |bytes: &[u8]| memchr::memmem::find(bytes, literal).is_some();
                    assert!(within(&fresh) || within(&base), "round {round}, reach {reach}");
                }
            }
        }
    }

    #[test]
    fn a_start_equals_the_base_only_within_the_base() {
        let (all, more) = (Op::Copy(0, BASE.len()), Op::Insert(b"!"));
        for (ops, fresh) in [(vec![all], false), (vec![Op::Copy(0, BASE.len()), more], true)] {
            let delta = made::delta(BASE.len(), &ops);
            let mut start = Vec::new();
            assert_eq!(parse(&delta, BASE.len()).unwrap().start(&delta, BASE, 100, &mut start), fresh);
            assert_eq!(start, if fresh { [BASE, b"!"].concat() } else { Vec::new() });
        }
    }

    #[test]
    fn fresh_bytes_are_minimal() {
        let ops = [Op::Copy(0, 20), Op::Insert(b"NEW"), Op::Copy(20, 20)];
        let delta = made::delta(BASE.len(), &ops);
        let parsed = parse(&delta, BASE.len()).unwrap();
        for (reach, expected) in
            [(0, &b"NEW"[..]), (2, b"x NEWju"), (10, &[&BASE[10..20], b"NEW", &BASE[20..30]].concat())]
        {
            let mut fresh = Vec::new();
            parsed.fresh(&delta, BASE, reach, &mut fresh);
            assert_eq!(fresh, expected, "reach {reach}");
        }
        let between = made::delta(BASE.len(), &[Op::Copy(30, 5), Op::Copy(0, 10), Op::Copy(20, 5)]);
        let parsed = parse(&between, BASE.len()).unwrap();
        let mut fresh = Vec::new();
        parsed.fresh(&between, BASE, 3, &mut fresh);
        assert_eq!(fresh, [&BASE[32..35], &BASE[..3], &BASE[7..10], &BASE[20..23]].concat());
    }
}
