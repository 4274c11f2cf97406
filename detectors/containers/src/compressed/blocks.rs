//! Bare blocks, as several formats have them, of literals and copies of what came before: Snappy, LZ4, LZF.
//!
//! Sources: snappy, format_description.txt; LibLZF, lzf_d.c (what its encoder writes).

/// Decompresses a bare block: its length, then literals and copies. `None` if it is damaged, or longer than `most`.
pub(crate) fn block(mut bytes: &[u8], most: usize) -> Option<Vec<u8>> {
    let length = varint(&mut bytes).and_then(|length| usize::try_from(length).ok()).filter(|l| *l <= most)?;
    // A copy of three bytes makes at most 64.
    if length / 22 > bytes.len() {
        return None;
    }
    let mut out: Vec<u8> = Vec::with_capacity(length);
    while let Some((&tag, rest)) = bytes.split_first() {
        let upper = usize::from(tag >> 2);
        let number = |count: usize| {
            let field = rest.get(..count)?;
            Some(field.iter().rev().fold(0_usize, |value, byte| value << 8 | usize::from(*byte)))
        };
        let (count, distance, used) = match tag & 3 {
            0 => {
                let extra = upper.saturating_sub(59);
                let count = if extra == 0 { upper } else { number(extra)? }.checked_add(1)?;
                let literal = rest.get(extra..extra.checked_add(count)?)?;
                if out.len().checked_add(count)? > length {
                    return None;
                }
                out.extend_from_slice(literal);
                bytes = rest.get(extra + count..)?;
                continue;
            }
            1 => (4 + (upper & 7), (upper >> 3) << 8 | number(1)?, 1),
            2 => (1 + upper, number(2)?, 2),
            _ => (1 + upper, number(4)?, 4),
        };
        copy(&mut out, distance, count, length)?;
        bytes = rest.get(used..)?;
    }
    (out.len() == length).then_some(out)
}

/// Decompresses a bare block of LZ4. `None` if it is damaged, or longer than `most`.
pub(crate) fn lz4(bytes: &[u8], most: usize) -> Option<Vec<u8>> {
    // A byte adds at most 255 to a length.
    lz4_flex::block::decompress(bytes, most.min(bytes.len().saturating_mul(255))).ok()
}

/// Decompresses a bare block of LZF. `None` if it is damaged, or longer than `most`.
pub(crate) fn lzf(mut bytes: &[u8], most: usize) -> Option<Vec<u8>> {
    let mut out = Vec::new();
    while let Some((&control, rest)) = bytes.split_first() {
        let upper = usize::from(control >> 5);
        if upper == 0 {
            let (literal, rest) = rest.split_at_checked(usize::from(control) + 1)?;
            if out.len().checked_add(literal.len())? > most {
                return None;
            }
            out.extend_from_slice(literal);
            bytes = rest;
            continue;
        }
        let (extra, rest) = if upper == 7 { rest.split_first()? } else { (&0, rest) };
        let (low, rest) = rest.split_first()?;
        let distance = (usize::from(control & 31) << 8 | usize::from(*low)) + 1;
        copy(&mut out, distance, upper + usize::from(*extra) + 2, most)?;
        bytes = rest;
    }
    Some(out)
}

/// Appends `count` bytes from `distance` bytes before the end; they may overlap. `None` beyond the start, or beyond
/// `most` bytes.
pub(crate) fn copy(out: &mut Vec<u8>, distance: usize, count: usize, most: usize) -> Option<()> {
    let from = out.len().checked_sub(distance).filter(|_| distance > 0)?;
    if out.len().checked_add(count)? > most {
        return None;
    }
    for at in from..from + count {
        let byte = *out.get(at)?;
        out.push(byte);
    }
    Some(())
}

/// A number of 7 bits per byte, the lowest first; at most five bytes.
pub(crate) fn varint(bytes: &mut &[u8]) -> Option<u64> {
    let length = bytes.iter().take(10).position(|byte| byte & 0x80 == 0)? + 1;
    let (number, rest) = bytes.split_at_checked(length)?;
    *bytes = rest;
    Some(number.iter().rev().fold(0, |value: u64, byte| value << 7 | u64::from(byte & 0x7f)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn literals_and_copies() {
        // 20 bytes: "abcd" and a copy of 16 from a distance of 4.
        let packed = [20, 3 << 2, b'a', b'b', b'c', b'd', 15 << 2 | 2, 4, 0];
        assert_eq!(block(&packed, 100).unwrap(), b"abcd".repeat(5));
        assert_eq!(block(&packed, 19), None, "longer than allowed");
        for cut in 0..packed.len() {
            assert_eq!(block(&packed[..cut], 100), None, "{cut}");
        }
        assert_eq!(block(&[4, 0, b'a', 2 << 2 | 2, 2, 0], 100), None, "before the start");
        assert_eq!(block(&[0], 100).unwrap(), b"");
        let long = [&[0x80, 0x02, 60 << 2, 255][..], &[7; 256]].concat();
        assert_eq!(block(&long, 300).unwrap(), [7; 256]);
    }

    #[test]
    fn blocks_of_lz4_and_lzf() {
        // "abcd", a copy of 16 from a distance of 4, and "end".
        let packed = [0x4c, b'a', b'b', b'c', b'd', 4, 0, 0x30, b'e', b'n', b'd'];
        let text = [&b"abcd".repeat(5)[..], b"end"].concat();
        assert_eq!(lz4(&packed, 100).unwrap(), text);
        assert_eq!(lz4(&packed, 22), None, "longer than allowed");
        let long = [&[0xf0, 255, 1][..], &[7; 271]].concat();
        assert_eq!(lz4(&long, 300).unwrap(), [7; 271]);
        // The same in LZF: 4 literals, 16 = 7 + 7 + 2 from a distance of 3 + 1, 3 literals.
        let lzf_packed = [3, b'a', b'b', b'c', b'd', 7 << 5, 7, 3, 2, b'e', b'n', b'd'];
        assert_eq!(lzf(&lzf_packed, 100).unwrap(), text);
        assert_eq!((lzf(&lzf_packed, 22), lzf(&[0x20, 0], 9)), (None, None), "too long, before the start");
        for cut in 1..packed.len() {
            let _ = (lz4(&packed[..cut], 100), lzf(&lzf_packed[..cut], 100));
        }
    }
}
