//! The limits of a run, as one value that is never global.

use std::cell::Cell;
use std::time::{Duration, Instant};

use serde::{Deserialize, Serialize};

use crate::error::Reason;

/// The limits of a run.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Limits {
    /// Largest input that is read, in bytes. A larger input is a gap.
    pub max_bytes: u64,
    /// Maximum number of bytes that unwrapping one input (one window of a large input) may produce.
    pub max_expanded: u64,
    /// Maximum number of wrappers around a blob.
    pub max_depth: u32,
    /// Maximum number of bytes that the archives in one input may produce, at all depths. Members stored uncompressed
    /// produce no more than was read and are always allowed.
    pub max_unpacked: u64,
    /// Largest ratio of produced bytes to the size of an input; any input may produce 1 GiB.
    pub max_ratio: u64,
    /// Maximum number of archive members opened in one input.
    pub max_entries: u64,
    /// Maximum number of bytes of memory that one input may use for archives inside archives, windows over their
    /// members, and decoder dictionaries. Only one input at a time uses more than its share.
    pub max_held: u64,
    /// Longest time spent on unpacking one input.
    pub max_unpack_time: Duration,
    /// Longest time spent on the hits of one input (one window of a large input). Checked between hits.
    pub max_time: Duration,
    /// Maximum number of materials kept from one input (one window of a large input).
    pub max_materials: usize,
    /// Maximum work spent on passwords for locked keystores in a run, in nominal nanoseconds of one thread: counted,
    /// not timed.
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

/// What is left of the limits for one input. Used by one thread: its counters are cells.
#[derive(Clone, Debug)]
pub struct Budget {
    limits: Limits,
    expanded: Cell<u64>,
    grown: Cell<u64>,
    started: Cell<Option<Instant>>,
}

impl Budget {
    /// A fresh budget.
    pub const fn new(limits: Limits) -> Self {
        Self { limits, expanded: Cell::new(0), grown: Cell::new(0), started: Cell::new(None) }
    }

    /// The limits that the budget was made from.
    pub const fn limits(&self) -> &Limits {
        &self.limits
    }

    /// The number of output bytes that are left.
    pub const fn left(&self) -> u64 {
        self.limits.max_expanded.saturating_sub(self.expanded.get())
    }

    /// Takes `bytes` of output. `Err` if fewer are left: the caller must neither allocate nor produce them.
    pub fn take(&self, bytes: u64) -> Result<(), Reason> {
        let total = self.expanded.get().saturating_add(bytes);
        if total > self.limits.max_expanded {
            return Err(Reason::TooMuchOutput);
        }
        self.expanded.set(total);
        Ok(())
    }

    /// Counts what unwrapping made of `from` bytes, if it is more: only decompression makes more.
    pub(crate) fn grow(&self, from: usize, to: usize) {
        self.grown.set(self.grown.get().saturating_add(to.saturating_sub(from) as u64));
    }

    /// The number of bytes that [`Self::grow`] counted.
    pub(crate) const fn grown(&self) -> u64 {
        self.grown.get()
    }

    /// Whether the time is up. The clock starts with the first call, so inputs without a hit need no system call.
    pub(crate) fn out_of_time(&self) -> bool {
        let started = self.started.get().unwrap_or_else(Instant::now);
        self.started.set(Some(started));
        started.elapsed() > self.limits.max_time
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn output_is_taken_until_the_limit() {
        let budget = Budget::new(Limits { max_expanded: 10, ..Limits::default() });
        assert_eq!(budget.take(6), Ok(()));
        assert_eq!(budget.take(5), Err(Reason::TooMuchOutput));
        assert_eq!(budget.take(4), Ok(()), "a refused request costs nothing");
        assert_eq!(budget.take(u64::MAX), Err(Reason::TooMuchOutput));
    }

    #[test]
    fn the_rest_is_the_limit_minus_the_taken() {
        let budget = Budget::new(Limits { max_expanded: 10, ..Limits::default() });
        for (taken, left) in [(0, 10), (3, 7), (7, 0)] {
            assert_eq!((budget.take(taken), budget.left()), (Ok(()), left));
        }
        assert_eq!(budget.take(1), Err(Reason::TooMuchOutput));
        assert_eq!((budget.left(), budget.take(0), budget.limits().max_expanded), (0, Ok(()), 10));
    }

    #[test]
    fn time_counts_from_the_first_call() {
        let budget = |max_time| Budget::new(Limits { max_time, ..Limits::default() });
        assert!(!budget(Duration::from_hours(1)).out_of_time());
        let short = budget(Duration::from_millis(40));
        std::thread::sleep(Duration::from_millis(60));
        assert!(!short.out_of_time(), "the clock starts with the first call");
        std::thread::sleep(Duration::from_millis(60));
        assert!(short.out_of_time());
        assert!(short.out_of_time(), "time stays up");
    }
}
