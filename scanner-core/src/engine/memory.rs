//! The memory that inputs use while they are read: containers inside containers, windows, and decoder dictionaries.
//!
//! Every input may use its share without waiting. One input at a time may use more, up to the limit of the run
//! (`max_held`); other inputs wait for it. So the sum is bounded by one limit plus a share for each thread, and what is
//! read of an input depends neither on other inputs nor on the number of threads.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::Relaxed};
use std::sync::{Arc, Condvar, Mutex, PoisonError};

use crate::error::Reason;
use crate::source::stream::{AHEAD, CORE};

/// The share of an input, in bytes: a tree of compressed archives, three deep, with the windows of usual compression
/// levels.
pub(super) const SHARE: u64 = 40 << 20;

/// Bytes that an input may use under any limit: its share, and a window over a member at each of twelve depths.
const LEAST: u64 = SHARE + 12 * (CORE + AHEAD) as u64;

/// The right to use more than a share: one for each run.
#[derive(Debug, Default)]
pub(super) struct Room {
    taken: Mutex<bool>,
    free: Condvar,
}

/// The memory of one outermost input. Only the thread of the input takes and gives back, so it never waits for itself.
#[derive(Debug)]
pub(super) struct Holding {
    room: Arc<Room>,
    most: u64,
    held: AtomicU64,
    /// Whether the input has the right to use more than its share.
    large: AtomicBool,
}

impl Holding {
    /// `max_held` is the limit of the run; windows over nested members are possible under any limit.
    pub(super) fn new(room: &Arc<Room>, max_held: u64) -> Arc<Self> {
        let (held, large) = (AtomicU64::default(), AtomicBool::default());
        Arc::new(Self { room: Arc::clone(room), most: max_held.max(LEAST), held, large })
    }

    /// The number of bytes that may still be taken.
    pub(super) fn left(&self) -> u64 {
        self.most.saturating_sub(self.held.load(Relaxed))
    }

    /// Takes bytes before they are allocated. If the sum exceeds the share, waits until no other input exceeds its own.
    pub(super) fn take(&self, bytes: u64) -> Result<(), Reason> {
        let held = self.held.load(Relaxed).saturating_add(bytes);
        if held > self.most {
            return Err(Reason::TooLarge);
        }
        if held > SHARE && !self.large.swap(true, Relaxed) {
            let taken = self.room.taken.lock().unwrap_or_else(PoisonError::into_inner);
            let mut taken = self.room.free.wait_while(taken, |taken| *taken).unwrap_or_else(PoisonError::into_inner);
            *taken = true;
        }
        self.held.store(held, Relaxed);
        Ok(())
    }

    /// Gives back bytes that are no longer allocated.
    pub(super) fn give(&self, bytes: u64) {
        let held = self.held.load(Relaxed).saturating_sub(bytes);
        self.held.store(held, Relaxed);
        if held <= SHARE && self.large.swap(false, Relaxed) {
            *self.room.taken.lock().unwrap_or_else(PoisonError::into_inner) = false;
            self.room.free.notify_one();
        }
    }
}

impl Drop for Holding {
    fn drop(&mut self) {
        self.give(u64::MAX);
    }
}

/// Bytes that are given back on drop.
#[derive(Debug)]
pub(super) struct Taken {
    holding: Arc<Holding>,
    bytes: u64,
}

impl Taken {
    /// Takes no bytes yet.
    pub(super) const fn none(holding: Arc<Holding>) -> Self {
        Self { holding, bytes: 0 }
    }

    /// Changes the total to `bytes`. On an error the total is unchanged.
    pub(super) fn set(&mut self, bytes: u64) -> Result<(), Reason> {
        match bytes.checked_sub(self.bytes) {
            Some(more) => self.holding.take(more)?,
            None => self.holding.give(self.bytes - bytes),
        }
        self.bytes = bytes;
        Ok(())
    }

    /// The number of bytes taken.
    pub(super) const fn bytes(&self) -> u64 {
        self.bytes
    }
}

impl Drop for Taken {
    fn drop(&mut self) {
        self.holding.give(self.bytes);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_input_takes_up_to_the_limit_and_gives_back() {
        let room = Arc::new(Room::default());
        let holding = Holding::new(&room, 3 * SHARE);
        let mut taken = Taken::none(Arc::clone(&holding));
        assert_eq!(taken.set(2 * SHARE), Ok(()));
        assert_eq!((taken.set(4 * SHARE), taken.bytes(), holding.left()), (Err(Reason::TooLarge), 2 * SHARE, SHARE));
        assert!(*room.taken.lock().unwrap());
        taken.set(SHARE).unwrap();
        assert!(!*room.taken.lock().unwrap(), "not more than its share");
        drop(taken);
        assert_eq!(holding.left(), 3 * SHARE);
    }

    #[test]
    fn a_share_needs_no_waiting_and_is_given_back_at_the_end() {
        let room = Arc::new(Room::default());
        let is_taken = || *room.taken.lock().unwrap();
        let holding = Holding::new(&room, 2 * SHARE);
        assert_eq!((holding.take(SHARE), is_taken()), (Ok(()), false));
        assert_eq!((holding.take(holding.left()), is_taken()), (Ok(()), true));
        assert_eq!(holding.take(1), Err(Reason::TooLarge));
        drop(holding);
        assert!(!is_taken());
        assert_eq!(Holding::new(&room, 0).left(), LEAST, "under any limit");
    }

    #[test]
    fn one_input_at_a_time_exceeds_its_share() {
        let room = Arc::new(Room::default());
        let (now, most) = (AtomicU64::default(), AtomicU64::default());
        std::thread::scope(|scope| {
            for _ in 0..4 {
                scope.spawn(|| {
                    for _ in 0..50 {
                        let mut taken = Taken::none(Holding::new(&room, 4 * SHARE));
                        taken.set(SHARE).unwrap();
                        taken.set(3 * SHARE).unwrap();
                        most.fetch_max(now.fetch_add(1, Relaxed) + 1, Relaxed);
                        std::thread::yield_now();
                        now.fetch_sub(1, Relaxed);
                    }
                });
            }
        });
        assert_eq!(most.into_inner(), 1);
    }
}
