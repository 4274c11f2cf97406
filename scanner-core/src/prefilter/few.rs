//! Searches a few bytes for all anchors without compiling them.
//!
//! Compiling the searchers takes as long as this search of half a megabyte. A hook that looks at one small file, or a
//! decrypted keystore, would spend most of its time on it.

use super::{Owners, Seen};
use crate::blob::Window;
use crate::seam::Anchor;

/// Bits of the filter for the first two bytes: the anchors set about one in ten.
const PAIRS: usize = 1 << 12;

/// The bit for two bytes. Texts share the upper half of a byte more often than the lower one.
fn pair(first: u8, second: u8) -> usize {
    usize::from(first) << 4 ^ usize::from(second)
}

/// The anchors that count anywhere, by their first bytes.
pub(super) struct Index {
    /// Which first two bytes some anchor may have.
    pairs: [u64; PAIRS / 64],
    /// The numbers of the anchors, by their first byte.
    ids: Vec<u32>,
    /// For each first byte, where its anchors begin in `ids`; those of the next byte begin where they end.
    from: [u32; 257],
}

impl Index {
    /// An index of the anchors with these numbers.
    pub(super) fn new(anchors: &[(Anchor<'_>, Owners)], numbers: impl Iterator<Item = usize>) -> Self {
        let mut all: Vec<(u8, u32)> = Vec::with_capacity(anchors.len());
        let mut pairs = [0; PAIRS / 64];
        let mut set = |first, second| {
            let bit = pair(first, second);
            if let Some(word) = pairs.get_mut(bit / 64) {
                *word |= 1 << (bit % 64);
            }
        };
        for number in numbers {
            let bytes = anchors.get(number).map_or(&[][..], |(anchor, _)| anchor.bytes);
            let (Some(&first), Ok(number)) = (bytes.first(), u32::try_from(number)) else { continue };
            match bytes.get(1) {
                Some(&second) => set(first, second),
                None => (0..=u8::MAX).for_each(|second| set(first, second)),
            }
            all.push((first, number));
        }
        all.sort_unstable();
        let mut from = [0; 257];
        for (first, _) in &all {
            if let Some(count) = from.get_mut(usize::from(*first) + 1) {
                *count += 1;
            }
        }
        let mut sum = 0;
        for count in &mut from {
            sum += *count;
            *count = sum;
        }
        Self { pairs, ids: all.into_iter().map(|(_, number)| number).collect(), from }
    }

    fn may_begin(&self, first: u8, second: u8) -> bool {
        let bit = pair(first, second);
        self.pairs.get(bit / 64).is_some_and(|word| word >> (bit % 64) & 1 == 1)
    }

    /// The numbers of the anchors with this first byte.
    fn beginning(&self, first: u8) -> &[u32] {
        let at = |index: usize| self.from.get(index).map_or(0, |at| *at as usize);
        self.ids.get(at(usize::from(first))..at(usize::from(first) + 1)).unwrap_or_default()
    }

    /// Appends every anchor that begins in the window's core and ends within the bytes.
    pub(super) fn find(&self, anchors: &[(Anchor<'_>, Owners)], bytes: &[u8], window: Window, out: &mut Vec<Seen>) {
        let core = bytes.get(window.core_start..window.core_end.min(bytes.len())).unwrap_or_default();
        let seconds = bytes.get(window.core_start + 1..).unwrap_or_default().iter().map(Some);
        for ((at, &first), second) in (window.core_start..).zip(core).zip(seconds.chain([None])) {
            if second.is_some_and(|second| !self.may_begin(first, *second)) {
                continue;
            }
            let rest = bytes.get(at..).unwrap_or_default();
            let begins =
                |id: &&u32| anchors.get(**id as usize).is_some_and(|(anchor, _)| rest.starts_with(anchor.bytes));
            out.extend(self.beginning(first).iter().filter(begins).map(|id| Seen { at, anchor: *id as usize }));
        }
    }
}
