//! The account of a container: which of its bytes were read as the content of a member.

use std::collections::BTreeMap;
use std::ops::Range;
use std::sync::atomic::Ordering::Relaxed;
use std::sync::atomic::{AtomicBool, AtomicUsize};
use std::sync::{Mutex, PoisonError};

/// Fewest bytes that are searched: the shortest key that is recognised amid other bytes, an Ed25519 key in DER, has 48.
pub(super) const FEWEST: u64 = 48;

/// Maximum number of ranges that are remembered for one container, some megabytes.
const MOST_RANGES: usize = 1 << 16;

/// Ranges are rounded to multiples of this once there are [`MOST_RANGES`]: bytes between them count as read.
const COARSE: u64 = 64 << 10;

/// Whether the content of a member is being read, where to, and which ranges were read as such.
#[derive(Default)]
pub(super) struct Account {
    in_member: AtomicBool,
    /// Addresses of the buffer that is to be filled with content: its start, and its end.
    buffer: [AtomicUsize; 2],
    /// Disjoint ranges that were read as content: starts and ends.
    ranges: Mutex<Ranges>,
    /// Disjoint ranges that were read for the content of members, decoded or not.
    touched: Mutex<Ranges>,
    /// Disjoint ranges that are members which were opened as containers.
    opened: Mutex<Ranges>,
    /// The start and the end of what was read as content since [`Self::begin`].
    extent: Mutex<Option<(u64, u64)>>,
}

/// Starts and ends of disjoint ranges.
type Ranges = BTreeMap<u64, u64>;

impl Account {
    /// Runs `read`, during which everything that is read is the content of a member.
    pub(super) fn in_member<T>(&self, read: impl FnOnce() -> T) -> T {
        let before = self.in_member.swap(true, Relaxed);
        let done = read();
        self.in_member.store(before, Relaxed);
        done
    }

    /// Whether the content of a member is being read.
    pub(super) fn is_in_member(&self) -> bool {
        self.in_member.load(Relaxed)
    }

    /// Runs `read`, which fills a buffer with content of a member.
    pub(super) fn filling<T>(&self, into: &mut [u8], read: impl FnOnce(&mut [u8]) -> T) -> T {
        let Range { start, end } = into.as_ptr_range();
        let [from, to] = &self.buffer;
        let before = [from.swap(start as usize, Relaxed), to.swap(end as usize, Relaxed)];
        let done = read(into);
        from.store(before[0], Relaxed);
        to.store(before[1], Relaxed);
        done
    }

    /// Whether bytes are read directly into the buffer for content. The addresses are only compared.
    pub(super) fn is_content(&self, into: &[u8]) -> bool {
        let address = into.as_ptr() as usize;
        let [from, to] = &self.buffer;
        self.in_member.load(Relaxed) && (from.load(Relaxed)..to.load(Relaxed)).contains(&address)
    }

    /// Remembers a range that was read as content.
    pub(super) fn read(&self, from: u64, length: u64) {
        Self::note(&self.ranges, from, length);
        let mut extent = self.extent.lock().unwrap_or_else(PoisonError::into_inner);
        let (start, end) = extent.unwrap_or((from, from));
        *extent = Some((start.min(from), end.max(from.saturating_add(length))));
    }

    /// Begins a member.
    pub(super) fn begin(&self) {
        *self.extent.lock().unwrap_or_else(PoisonError::into_inner) = None;
    }

    /// Remembers that the member that was read since [`Self::begin`] was opened as a container.
    pub(super) fn open(&self) {
        let extent = self.extent.lock().unwrap_or_else(PoisonError::into_inner).take();
        if let Some((start, end)) = extent {
            Self::note(&self.opened, start, end.saturating_sub(start));
        }
    }

    /// Whether the byte at an offset was decoded for a member, or is in a member that was opened. A stored member that was
    /// only searched may end where something else begins.
    pub(super) fn is_taken(&self, at: u64) -> bool {
        Self::has(&self.touched, at) || Self::has(&self.opened, at)
    }

    fn has(ranges: &Mutex<Ranges>, at: u64) -> bool {
        let ranges = ranges.lock().unwrap_or_else(PoisonError::into_inner);
        ranges.range(..=at).next_back().is_some_and(|(_, end)| *end > at)
    }

    /// Remembers a range that was read for the content of a member.
    pub(super) fn touch(&self, from: u64, length: u64) {
        Self::note(&self.touched, from, length);
    }

    /// Whether the byte at an offset was read for the content of a member.
    pub(super) fn is_touched(&self, at: u64) -> bool {
        Self::has(&self.touched, at) || Self::has(&self.ranges, at)
    }

    /// The end of everything that was read for the content of members.
    pub(super) fn reach(&self) -> u64 {
        let end = |ranges: &Mutex<Ranges>| {
            let ranges = ranges.lock().unwrap_or_else(PoisonError::into_inner);
            ranges.last_key_value().map_or(0, |(_, end)| *end)
        };
        end(&self.touched).max(end(&self.ranges))
    }

    fn note(ranges: &Mutex<Ranges>, from: u64, length: u64) {
        if length == 0 {
            return;
        }
        let mut ranges = ranges.lock().unwrap_or_else(PoisonError::into_inner);
        let (mut from, mut to) = (from, from.saturating_add(length));
        if ranges.len() >= MOST_RANGES {
            (from, to) = (from - from % COARSE, to.next_multiple_of(COARSE));
        }
        // The last range that begins before the end of this one reaches furthest of those that touch it.
        while let Some((&start, &end)) = ranges.range(..=to).next_back().filter(|(_, end)| **end >= from) {
            (from, to) = (from.min(start), to.max(end));
            ranges.remove(&start);
        }
        ranges.insert(from, to);
    }

    /// The ranges below `size` that were not read as content.
    pub(super) fn others(&self, size: u64) -> Vec<(u64, u64)> {
        let ranges = self.ranges.lock().unwrap_or_else(PoisonError::into_inner);
        let mut others = Vec::new();
        let mut at = 0;
        for (&start, &end) in &*ranges {
            others.push((at, start.min(size)));
            at = end;
        }
        others.push((at, size));
        others.retain(|(start, end)| start.saturating_add(FEWEST) <= *end);
        others
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranges_join_and_the_others_remain() {
        let account = Account::default();
        assert_eq!(account.others(1000), [(0, 1000)]);
        let read = |from, length| account.read(from, length);
        for (from, length) in [(100, 10), (110, 5), (300, 100), (90, 10), (400, 1), (350, 20), (120, 0)] {
            read(from, length);
        }
        assert_eq!(account.others(1000), [(0, 90), (115, 300), (401, 1000)]);
        read(115, 140);
        assert_eq!(account.others(1000), [(0, 90), (401, 1000)], "45 bytes are too few");
        read(50, 400);
        read(940, 1000);
        assert_eq!(account.others(1000), [(0, 50), (450, 940)]);
    }

    #[test]
    fn many_ranges_are_rounded() {
        let account = Account::default();
        for number in 0..2 * MOST_RANGES as u64 {
            account.read(number * 1000, 100);
        }
        let ranges = account.ranges.lock().unwrap();
        assert!(ranges.len() <= MOST_RANGES + 1, "{}", ranges.len());
        assert!(ranges.values().zip(ranges.keys().skip(1)).all(|(end, start)| end < start));
    }
}
