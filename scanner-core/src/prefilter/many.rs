//! Searches bytes for any number of long literals: a hunt for ten thousand keys has half a million.
//!
//! A packed searcher slows down with every literal, and an automaton for so many fits into no cache. But these literals
//! are long. Whoever looks at every eighth position sees eight whole bytes of each of them, so one lookup in a filter
//! decides about eight positions, and its cost depends little on the number of literals.

use super::{Owners, Seen};
use crate::blob::Window;
use crate::seam::Anchor;

/// Bytes that are looked up at once.
const WIDTH: usize = 8;

/// Distance of the positions that are looked up.
const STEP: usize = 8;

/// Shortest literal that is found at any position: [`WIDTH`] bytes of it begin at a multiple of [`STEP`].
pub(super) const SHORTEST: usize = WIDTH + STEP - 1;

/// Bits of the filter for each entry. With 32, one lookup in thirty-two leads to the entries in vain.
const BITS: usize = 32;

/// Most bits of the filter: 32 MiB.
const MOST_BITS: usize = 1 << 28;

/// Eight bytes of a literal.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Entry {
    hash: u64,
    key: u64,
    /// Number of the anchor.
    anchor: u32,
    /// Where the eight bytes begin in the literal.
    from: u32,
}

/// The long literals, by eight of their bytes.
#[derive(Default)]
pub(super) struct Many {
    /// One bit for each value of the upper bits of a hash.
    filter: Vec<u64>,
    /// How far a hash is shifted to the right for its bit in the filter.
    filter_shift: u32,
    /// Sorted by hash.
    entries: Vec<Entry>,
    /// For each value of the upper bits of a hash, where its entries begin; those of the next begin where they end.
    from: Vec<u32>,
    /// How far a hash is shifted to the right for its index in `from`.
    from_shift: u32,
}

/// A product whose upper bits depend on all bits of the key (Fibonacci hashing: 2^64 divided by the golden ratio).
const fn hash(key: u64) -> u64 {
    key.wrapping_mul(0x9e37_79b9_7f4a_7c15)
}

fn bit(hash: u64, shift: u32) -> usize {
    usize::try_from(hash >> shift).unwrap_or(usize::MAX)
}

impl Many {
    /// The literals of these anchors, by their numbers. Those shorter than [`SHORTEST`] are not found.
    pub(super) fn new(anchors: &[(Anchor<'_>, Owners)], numbers: &[usize]) -> Self {
        let mut entries = Vec::with_capacity(numbers.len() * STEP);
        for &number in numbers {
            let bytes = anchors.get(number).map_or(&[][..], |(anchor, _)| anchor.bytes);
            let Ok(anchor) = u32::try_from(number) else { continue };
            for (part, from) in bytes.windows(WIDTH).take(STEP).zip(0..) {
                let Some(key) = part.first_chunk().map(|part| u64::from_le_bytes(*part)) else { continue };
                entries.push(Entry { hash: hash(key), key, anchor, from });
            }
        }
        if entries.is_empty() {
            return Self::default();
        }
        entries.sort_unstable();
        let bits = entries.len().saturating_mul(BITS).next_power_of_two().clamp(1 << 13, MOST_BITS);
        let filter_shift = u64::BITS - bits.trailing_zeros();
        let mut filter = vec![0_u64; bits / 64];
        let slots = entries.len().next_power_of_two().max(2);
        let from_shift = u64::BITS - slots.trailing_zeros();
        let mut from = vec![0_u32; slots + 1];
        for entry in &entries {
            let at = bit(entry.hash, filter_shift);
            if let Some(word) = filter.get_mut(at / 64) {
                *word |= 1 << (at % 64);
            }
            if let Some(count) = from.get_mut(bit(entry.hash, from_shift) + 1) {
                *count += 1;
            }
        }
        let mut sum = 0;
        for count in &mut from {
            sum += *count;
            *count = sum;
        }
        Self { filter, filter_shift, entries, from, from_shift }
    }

    /// The entries of a hash, and of others with the same upper bits.
    fn entries(&self, hash: u64) -> &[Entry] {
        let slot = bit(hash, self.from_shift);
        let at = |index: usize| self.from.get(index).map_or(0, |at| *at as usize);
        self.entries.get(at(slot)..at(slot + 1)).unwrap_or_default()
    }

    /// Appends every literal that begins in the window's core and ends within the bytes.
    pub(super) fn find(&self, anchors: &[(Anchor<'_>, Owners)], bytes: &[u8], window: Window, out: &mut Vec<Seen>) {
        if self.entries.is_empty() {
            return;
        }
        let first = window.core_start.next_multiple_of(STEP);
        for (part, number) in bytes.get(first..).unwrap_or_default().chunks_exact(WIDTH).zip(0..) {
            let Some(key) = part.first_chunk().map(|part| u64::from_le_bytes(*part)) else { continue };
            let hash = hash(key);
            let at = bit(hash, self.filter_shift);
            if self.filter.get(at / 64).is_none_or(|word| word >> (at % 64) & 1 == 0) {
                continue;
            }
            let position = first + number * STEP;
            for entry in self.entries(hash).iter().filter(|entry| entry.key == key) {
                let Some(at) = position.checked_sub(entry.from as usize) else { continue };
                let is_mine = (window.core_start..window.core_end).contains(&at);
                let literal = anchors.get(entry.anchor as usize).map_or(&[][..], |(anchor, _)| anchor.bytes);
                if is_mine && bytes.get(at..).is_some_and(|rest| rest.starts_with(literal)) {
                    out.push(Seen { at, anchor: entry.anchor as usize });
                }
            }
        }
    }
}
