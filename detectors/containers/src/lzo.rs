//! LZO1X, the method of every lzop file: blocks of literals and copies.
//!
//! Source: Linux, Documentation/staging/lzo.rst.

use crate::compressed::blocks::copy;

/// Decompresses a block. `None` if it is damaged, or not exactly `length` bytes.
pub(crate) fn block(bytes: &[u8], length: usize) -> Option<Vec<u8>> {
    let mut out = Vec::with_capacity(length);
    decompress(bytes, &mut out, length)?;
    (out.len() == length).then_some(out)
}

/// Decompresses a block to at most `length` bytes. `None` if it is damaged; what came before the damage is in `out`.
pub(crate) fn decompress(bytes: &[u8], out: &mut Vec<u8>, length: usize) -> Option<()> {
    let mut input = Input { bytes, at: 0 };
    // Number of literals that the last instruction copied, at most 4.
    let mut state = 0;
    let first = usize::from(*bytes.first()?);
    if first > 17 {
        input.at = 1;
        input.literals(first - 17, out, length)?;
        state = (first - 17).min(4);
    }
    loop {
        let code = input.byte()?;
        let (count, distance, literals) = match code {
            0..=15 if state == 0 => {
                let count = input.count(code, 15)? + 3;
                input.literals(count, out, length)?;
                state = 4;
                continue;
            }
            0..=15 => {
                let far = if state == 4 { 2049 } else { 1 };
                let count = if state == 4 { 3 } else { 2 };
                (count, (input.byte()? << 2) + (code >> 2) + far, code & 3)
            }
            16..=31 => {
                let count = input.count(code & 7, 7)? + 2;
                let word = input.word()?;
                let distance = 16_384 + ((code & 8) << 11) + (word >> 2);
                if distance == 16_384 {
                    return Some(());
                }
                (count, distance, word & 3)
            }
            32..=63 => {
                let count = input.count(code & 31, 31)? + 2;
                let word = input.word()?;
                (count, (word >> 2) + 1, word & 3)
            }
            64..=127 => (3 + (code >> 5 & 1), (input.byte()? << 3) + (code >> 2 & 7) + 1, code & 3),
            _ => (5 + (code >> 5 & 3), (input.byte()? << 3) + (code >> 2 & 7) + 1, code & 3),
        };
        copy(out, distance, count, length)?;
        input.literals(literals, out, length)?;
        state = literals;
    }
}

struct Input<'b> {
    bytes: &'b [u8],
    at: usize,
}

impl Input<'_> {
    fn byte(&mut self) -> Option<usize> {
        self.at += 1;
        self.bytes.get(self.at - 1).copied().map(usize::from)
    }

    fn word(&mut self) -> Option<usize> {
        Some(self.byte()? | self.byte()? << 8)
    }

    /// A length in a code; 0 means that it is more than `most`.
    fn count(&mut self, coded: usize, most: usize) -> Option<usize> {
        if coded == 0 { self.run()?.checked_add(most) } else { Some(coded) }
    }

    /// A length that does not fit into its code: 255 for each zero byte, and the next byte.
    fn run(&mut self) -> Option<usize> {
        let mut length = 0_usize;
        loop {
            match self.byte()? {
                0 => length = length.checked_add(255)?,
                last => return length.checked_add(last),
            }
        }
    }

    fn literals(&mut self, count: usize, out: &mut Vec<u8>, most: usize) -> Option<()> {
        let literals = self.bytes.get(self.at..self.at.checked_add(count)?)?;
        if out.len() + count > most {
            return None;
        }
        out.extend_from_slice(literals);
        self.at += count;
        Some(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn instructions() {
        // Four literals, a copy of 8 from a distance of 4, the end.
        let packed = [21, b'a', b'b', b'c', b'd', 0xe0 | 3 << 2, 0, 0x11, 0, 0];
        assert_eq!(block(&packed, 12).unwrap(), b"abcd".repeat(3));
        assert_eq!((block(&packed, 11), block(&packed, 13)), (None, None));
        for cut in 0..packed.len() {
            assert_eq!(block(&packed[..cut], 12), None);
        }
        assert_eq!(block(&[18, b'a', 0x60, 9, 0x11, 0, 0], 5), None, "before the start");
    }
}
