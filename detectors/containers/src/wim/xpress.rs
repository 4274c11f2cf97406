//! XPRESS with Huffman codes ([MS-XCA] 2.2): one code of 512 symbols for literals and copies.

use super::bits::{Bits, Code};
use crate::compressed::blocks::copy;

/// Decompresses a chunk of `length` bytes. `None` if it is damaged.
pub(super) fn chunk(packed: &[u8], length: usize) -> Option<Vec<u8>> {
    let (lengths, rest) = packed.split_at_checked(256)?;
    let lengths: Vec<u8> = lengths.iter().flat_map(|pair| [pair & 15, pair >> 4]).collect();
    let code = Code::new(&lengths)?;
    let mut bits = Bits::new(rest);
    let mut out = Vec::with_capacity(length);
    while out.len() < length {
        let symbol = code.symbol(&mut bits)?;
        let Ok(literal) = u8::try_from(symbol) else {
            let log = u32::from(symbol >> 4 & 15);
            // The length may have bytes of its own, between the words.
            bits.ensure(16);
            let distance = (1_usize << log) | bits.take(log) as usize;
            let mut count = usize::from(symbol & 15);
            if count == 15 {
                count += usize::from(*bits.bytes(1)?.first()?);
                if count == 15 + 255 {
                    count = usize::from(u16::from_le_bytes(bits.bytes(2)?.try_into().ok()?));
                }
            }
            copy(&mut out, distance, count.checked_add(3)?, length)?;
            continue;
        };
        out.push(literal);
    }
    Some(out)
}
