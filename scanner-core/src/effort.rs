//! Arithmetic in units that are counted, not timed, so that the same input gives the same report on any machine.
//!
//! Detectors prove keys by arithmetic deep inside of their readers. Numbers that fit together cost little; numbers made not to fit
//! cost the most, and an archive of some kilobytes may hold ten thousand of them. So each input has an amount of work that may be
//! done in vain for it. It is counted where it is done: every input is read by one thread at a time, and that thread keeps the
//! count while it looks at a blob.

use std::cell::Cell;
use std::sync::atomic::AtomicU64;
use std::sync::atomic::Ordering::Relaxed;

/// What may be done for one input: cubes of bits, so 128 powers of 4096 bits, or 1024 of 2048 bits.
pub const MOST: u64 = 1 << 43;

thread_local! {
    /// What is left for the blob at hand, and whether anything was refused. Nothing while no blob is looked at.
    static LEFT: Cell<Option<(u64, bool)>> = const { Cell::new(None) };
}

/// Asks for work before it is done. Outside of a scan there is no limit.
pub fn take(units: u64) -> bool {
    LEFT.with(|cell| {
        let Some((left, refused)) = cell.get() else { return true };
        let rest = left.checked_sub(units);
        cell.set(Some((rest.unwrap_or(left), refused || rest.is_none())));
        rest.is_some()
    })
}

/// Looks at a blob with what is left of its input. Returns whether work was refused. A blob within another one takes from the same
/// amount, and leaves it to that one to report.
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
    fn what_is_left_belongs_to_the_input() {
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
