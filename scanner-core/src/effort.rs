//! Limits arithmetic by counted units, not by time, so that the same input gives the same report on any machine.
//!
//! Detectors prove keys by arithmetic deep inside their readers. Matching numbers cost little; numbers made not to
//! match cost the most, and an archive of a few kilobytes may contain ten thousand of them. So each input has an amount
//! of work that it may cost. The count is kept per thread: one thread at a time reads an input, and keeps its count
//! while it scans a blob.

use std::cell::Cell;
use std::sync::atomic::AtomicU64;
use std::sync::atomic::Ordering::Relaxed;

/// Maximum work for one input, in cubed bits: 128 exponentiations of 4096 bits, or 1024 of 2048 bits.
pub const MOST: u64 = 1 << 43;

thread_local! {
    /// Work left for the current blob, and whether any was refused. `None` while no blob is scanned.
    static LEFT: Cell<Option<(u64, bool)>> = const { Cell::new(None) };
}

/// Asks for work before it is done; `false` means that it must not be done. There is no limit outside of a scan.
pub fn take(units: u64) -> bool {
    LEFT.with(|cell| {
        let Some((left, refused)) = cell.get() else { return true };
        let rest = left.checked_sub(units);
        cell.set(Some((rest.unwrap_or(left), refused || rest.is_none())));
        rest.is_some()
    })
}

/// Calls `look` with the work that is left for its input. Returns whether work was refused. A blob within another blob
/// takes from the same amount; the outer call reports the refusal.
pub(crate) fn within(input: &AtomicU64, look: impl FnOnce()) -> bool {
    if LEFT.with(Cell::get).is_some() {
        look();
        return false;
    }
    LEFT.with(|cell| cell.set(Some((input.load(Relaxed), false))));
    look();
    let (left, refused) = LEFT.with(Cell::take).unwrap_or_default();
    input.store(left, Relaxed);
    refused
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn effort_is_counted_per_input() {
        assert!(take(u64::MAX), "no scan");
        let (input, inner) = (AtomicU64::new(10), AtomicU64::new(100));
        assert!(!within(&input, || {
            assert!(take(4));
            assert!(!within(&inner, || assert!(take(3))));
        }));
        assert!(within(&input, || assert!(!take(4) && take(3) && !take(1) && take(0))));
        assert_eq!((input.load(Relaxed), inner.load(Relaxed)), (0, 100));
    }
}
