//! The allowance of one outermost input: bytes of output, members, memory and time.

use std::sync::atomic::Ordering::Relaxed;
use std::sync::atomic::{AtomicBool, AtomicU64};
use std::sync::{Arc, Mutex, OnceLock};
use std::time::Instant;

use super::cover::Known;
use super::memory::Holding;
use crate::budget::Limits;
use crate::effort;
use crate::error::Reason;

/// What is left of the limits for one outermost input.
pub(super) struct Allowance {
    pub(super) limits: Limits,
    /// Size of the input in bytes, or how much of it was read.
    pub(super) packed: AtomicU64,
    /// Bytes of output, at all depths.
    pub(super) unpacked: AtomicU64,
    pub(super) entries: AtomicU64,
    /// Arithmetic that may still be done.
    pub(super) effort: AtomicU64,
    /// Memory in use.
    pub(super) holding: Arc<Holding>,
    pub(super) started: Instant,
    /// The limit that was exceeded: nothing more is unpacked.
    pub(super) spent: OnceLock<Reason>,
    /// Whether that was reported.
    pub(super) told: AtomicBool,
    /// Findings so far, if the enclosing text needs them.
    pub(super) known: Option<Mutex<Known>>,
}

impl Allowance {
    pub(super) fn new(limits: Limits, packed: u64, holding: Arc<Holding>) -> Self {
        Self {
            limits,
            packed: AtomicU64::new(packed),
            unpacked: AtomicU64::default(),
            entries: AtomicU64::default(),
            effort: AtomicU64::new(effort::MOST),
            holding,
            started: Instant::now(),
            spent: OnceLock::new(),
            told: AtomicBool::default(),
            known: None,
        }
    }

    /// Counts bytes of output.
    pub(super) fn take(&self, bytes: u64) -> Result<(), Reason> {
        let total = self.unpacked.fetch_add(bytes, Relaxed).saturating_add(bytes);
        let packed = self.packed.load(Relaxed);
        let ratio = packed.saturating_mul(self.limits.max_ratio).max(RATIO_FLOOR);
        // Repacking without compression adds at most the size of the input at each level: always allowed.
        let most = self.limits.max_unpacked.min(ratio).max(packed.saturating_mul(u64::from(self.limits.max_depth)));
        if total > most {
            self.spend(Reason::TooMuchOutput);
        } else if self.started.elapsed() > self.limits.max_unpack_time {
            self.spend(Reason::TooSlow);
        }
        self.spent().map_or(Ok(()), Err)
    }

    /// Counts a member.
    pub(super) fn entry(&self) {
        if self.entries.fetch_add(1, Relaxed) >= self.limits.max_entries {
            self.spend(Reason::TooMany);
        }
    }

    pub(super) fn spend(&self, reason: Reason) {
        self.spent.get_or_init(|| reason);
    }

    pub(super) fn spent(&self) -> Option<Reason> {
        self.spent.get().copied()
    }

    /// The exceeded limit and its details, once: the innermost level notices first.
    pub(super) fn to_tell(&self) -> Option<(Reason, String)> {
        let reason = self.spent().filter(|_| !self.told.swap(true, Relaxed))?;
        let count = |counter: &AtomicU64| counter.load(Relaxed);
        Some((
            reason,
            match reason {
                Reason::TooMany => format!("more than {} members", self.limits.max_entries),
                _ => format!("{} bytes out of {}", count(&self.unpacked), count(&self.packed)),
            },
        ))
    }
}

/// Bytes of output that any input may have, however small: compressed images of empty disks have ratios of thousands.
const RATIO_FLOOR: u64 = 1 << 30;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::memory::Room;

    /// For an input of `packed` bytes and a ratio of two.
    fn allowance(packed: u64) -> Allowance {
        let limits = Limits { max_unpacked: u64::MAX, max_ratio: 2, max_depth: 0, ..Limits::default() };
        Allowance::new(limits, packed, Holding::new(&Arc::new(Room::default()), 0))
    }

    #[test]
    fn output_is_bounded_by_the_ratio_with_a_floor_of_one_gibibyte() {
        for (packed, most) in [(0, RATIO_FLOOR), (RATIO_FLOOR / 2, RATIO_FLOOR), (RATIO_FLOOR, 2 * RATIO_FLOOR)] {
            assert_eq!(allowance(packed).take(most), Ok(()), "{packed}");
            assert_eq!(allowance(packed).take(most + 1), Err(Reason::TooMuchOutput), "{packed}");
            let twice = allowance(packed);
            assert_eq!((twice.take(most), twice.take(1)), (Ok(()), Err(Reason::TooMuchOutput)), "{packed}");
        }
        let wraps = allowance(0);
        assert_eq!((wraps.take(1), wraps.take(u64::MAX)), (Ok(()), Err(Reason::TooMuchOutput)));
    }
}
