//! Limits as one value per run, never global.

use std::cell::Cell;
use std::time::{Duration, Instant};

use serde::{Deserialize, Serialize};

use crate::error::Reason;

/// The limits of a run.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Limits {
    /// Largest input read, in bytes. Larger ones are a gap.
    pub max_bytes: u64,
    /// Most bytes that unwrapping one input (one window of a large one) may produce in all.
    pub max_expanded: u64,
    /// How many wrappers deep.
    pub max_depth: u32,
    /// Most bytes that may come out of the archives in one input, at all depths. What is only stored is no more than was
    /// there, and always allowed.
    pub max_unpacked: u64,
    /// How many times its own size may come out of one input (1 GiB may come out of any).
    pub max_ratio: u64,
    /// Most members opened of the archives in one input.
    pub max_entries: u64,
    /// Most bytes held in memory by one input: of archives inside of others, of windows over their members, of a decoder's
    /// dictionary. One input at a time holds more than its share of them.
    pub max_held: u64,
    /// Most time spent on unpacking one input.
    pub max_unpack_time: Duration,
    /// Most time spent on the hits of one input (one window of a large one). Checked between hits.
    pub max_time: Duration,
    /// Most materials kept from one input (one window of a large one).
    pub max_materials: usize,
    /// Most work of a run on passwords for locked keystores, in nominal nanoseconds of one thread: counted, not timed.
    pub max_password_work: u64,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            max_bytes: u64::MAX,
            max_expanded: 256 << 20,
            max_depth: 12,
            max_unpacked: 64 << 30,
            max_ratio: 250,
            max_entries: 5_000_000,
            max_held: 160 << 20,
            max_unpack_time: Duration::from_mins(15),
            max_time: Duration::from_mins(1),
            max_materials: 100_000,
            max_password_work: 20_000_000_000,
        }
    }
}

/// What is left of the limits for one input. One thread's business: its counters are cells.
#[derive(Clone, Debug)]
pub struct Budget {
    limits: Limits,
    expanded: Cell<u64>,
    started: Cell<Option<Instant>>,
}

impl Budget {
    /// A fresh budget.
    pub const fn new(limits: Limits) -> Self {
        Self { limits, expanded: Cell::new(0), started: Cell::new(None) }
    }

    /// The limits it was made from.
    pub const fn limits(&self) -> &Limits {
        &self.limits
    }

    /// How many bytes of output are left.
    pub const fn left(&self) -> u64 {
        self.limits.max_expanded.saturating_sub(self.expanded.get())
    }

    /// Takes `bytes` of output. `Err` if that is more than is left: do not allocate, do not produce.
    pub fn take(&self, bytes: u64) -> Result<(), Reason> {
        let total = self.expanded.get().saturating_add(bytes);
        if total > self.limits.max_expanded {
            return Err(Reason::TooMuchOutput);
        }
        self.expanded.set(total);
        Ok(())
    }

    /// Whether the time is up. The clock starts with the first call, so inputs without a hit cost no system call.
    pub fn out_of_time(&self) -> bool {
        let started = self.started.get().unwrap_or_else(Instant::now);
        self.started.set(Some(started));
        started.elapsed() > self.limits.max_time
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn output_is_taken_until_it_is_gone() {
        let budget = Budget::new(Limits { max_expanded: 10, ..Limits::default() });
        assert_eq!(budget.take(6), Ok(()));
        assert_eq!(budget.take(5), Err(Reason::TooMuchOutput));
        assert_eq!(budget.take(4), Ok(()), "a refused request costs nothing");
        assert_eq!(budget.take(u64::MAX), Err(Reason::TooMuchOutput));
    }

    #[test]
    fn what_is_left_is_what_was_not_taken() {
        let budget = Budget::new(Limits { max_expanded: 10, ..Limits::default() });
        for (taken, left) in [(0, 10), (3, 7), (7, 0)] {
            assert_eq!((budget.take(taken), budget.left()), (Ok(()), left));
        }
        assert_eq!(budget.take(1), Err(Reason::TooMuchOutput));
        assert_eq!((budget.left(), budget.take(0), budget.limits().max_expanded), (0, Ok(()), 10));
    }

    #[test]
    fn time_is_counted_from_the_first_question() {
        let budget = |max_time| Budget::new(Limits { max_time, ..Limits::default() });
        assert!(!budget(Duration::from_hours(1)).out_of_time());
        let short = budget(Duration::from_millis(40));
        std::thread::sleep(Duration::from_millis(60));
        assert!(!short.out_of_time(), "nobody asked before");
        std::thread::sleep(Duration::from_millis(60));
        assert!(short.out_of_time());
        assert!(short.out_of_time(), "it stays so");
    }
}
