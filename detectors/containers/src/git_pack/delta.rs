//! Deltas of git (gitformat-pack, "Deltified representation"): copies from a base, and literals.

use keyradius_core::error::Reason;
use zeroize::Zeroizing;

/// A number of seven bits a byte, the lowest first.
fn number(delta: &mut &[u8]) -> Option<u64> {
    let (mut value, mut shift) = (0_u64, 0);
    loop {
        let (byte, rest) = delta.split_first()?;
        *delta = rest;
        value |= u64::from(byte & 0x7f).checked_shl(shift).filter(|_| shift < 60)?;
        if byte & 0x80 == 0 {
            return Some(value);
        }
        shift += 7;
    }
}

/// Builds an object from a delta and its base.
pub(super) fn apply(delta: &[u8], base: &[u8], most: u64) -> Result<Zeroizing<Vec<u8>>, Reason> {
    let mut rest = delta;
    let (from, size) = number(&mut rest).zip(number(&mut rest)).ok_or(Reason::Damaged)?;
    if from != base.len() as u64 {
        return Err(Reason::Damaged);
    }
    if size > most {
        return Err(Reason::TooLarge);
    }
    let size = usize::try_from(size).map_err(|_| Reason::TooLarge)?;
    let mut out = Zeroizing::new(Vec::with_capacity(size.min(delta.len() + base.len())));
    while let Some((&op, after)) = rest.split_first() {
        rest = after;
        let piece = if op & 0x80 == 0 {
            let (literal, after) = rest.split_at_checked(op.into()).filter(|_| op > 0).ok_or(Reason::Damaged)?;
            rest = after;
            literal
        } else {
            let mut value = |bits: std::ops::Range<u32>| {
                bits.clone().try_fold(0_usize, |value, bit| {
                    if op >> bit & 1 == 0 {
                        return Some(value);
                    }
                    let (byte, after) = rest.split_first()?;
                    rest = after;
                    Some(value | usize::from(*byte) << (8 * (bit - bits.start)))
                })
            };
            let (offset, length) = value(0..4).zip(value(4..7)).ok_or(Reason::Damaged)?;
            // A size of 0 means 64 KiB.
            let length = if length == 0 { 0x10000 } else { length };
            base.get(offset..).and_then(|base| base.get(..length)).ok_or(Reason::Damaged)?
        };
        if out.len() + piece.len() > size {
            return Err(Reason::Damaged);
        }
        out.extend_from_slice(piece);
    }
    if out.len() == size { Ok(out) } else { Err(Reason::Damaged) }
}
