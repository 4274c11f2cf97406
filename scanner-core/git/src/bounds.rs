//! Limits the cost of reading packs: memory for all threads of a run, and work for each pack.

use std::io::{self, Read};
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::sync::{Arc, Mutex};

use keyradius_core::budget::Limits;

/// Bytes of objects that each thread may hold while it builds others from them.
const OWN: u64 = 24 << 20;

/// Bytes of indexes that all threads together hold in memory: 1.2 million objects. The index of git's own history has
/// 24 MB.
const INDEXES: u64 = 32 << 20;

/// The bounds of a run.
#[derive(Debug)]
pub(crate) struct Bounds {
    /// Bytes of indexes that may still be held in memory.
    indexes: AtomicU64,
    /// Bytes that a thread may hold at any time.
    pub(crate) own: u64,
    /// Additional bytes for the one thread that holds the turn.
    pub(crate) most: u64,
    /// Held by the thread that may exceed its own bytes. A waiting thread holds no more than its own bytes, so threads
    /// never wait for each other.
    pub(crate) turn: Mutex<()>,
    floor: u64,
    ratio: u64,
}

impl Bounds {
    /// Makes the bounds from the limits of a run. Objects may take half of the memory of one input, or, up to 128 MiB,
    /// four fifths: what the default limit leaves. Containers opened inside an object are counted separately.
    pub(crate) fn new(limits: &Limits) -> Self {
        Self {
            indexes: AtomicU64::new(INDEXES.min(limits.max_held / 4)),
            own: OWN.min(limits.max_held),
            most: (limits.max_held / 2).max((limits.max_held / 5 * 4).min(128 << 20)),
            turn: Mutex::new(()),
            floor: limits.max_unpacked / 4,
            ratio: limits.max_ratio,
        }
    }

    /// Reserves memory for an index of this size, until the lease is dropped; `None` if other indexes take too much.
    pub(crate) fn index(self: &Arc<Self>, size: u64) -> Option<Lease> {
        self.indexes.fetch_update(Relaxed, Relaxed, |left| left.checked_sub(size)).ok()?;
        Some(Lease { bounds: Arc::clone(self), size })
    }

    /// Largest object that may be built, in bytes.
    pub(crate) const fn object(&self) -> u64 {
        self.own + self.most
    }

    /// Maximum number of bytes that may be inflated and built to read a pack of this size. Histories compress well:
    /// git's own is 27 times the size of its pack, and a large file that changes often is thousands of times the size
    /// of its pack. So a small pack may cost a quarter of what the largest archive may (16 GiB, some minutes), and a
    /// large pack as many times its size as an archive.
    pub(crate) fn work(&self, pack: u64) -> u64 {
        self.floor.max(self.ratio.saturating_mul(pack))
    }
}

/// A reservation of memory, given back on drop.
#[derive(Debug)]
pub(crate) struct Lease {
    bounds: Arc<Bounds>,
    size: u64,
}

impl Drop for Lease {
    fn drop(&mut self) {
        self.bounds.indexes.fetch_add(self.size, Relaxed);
    }
}

/// The detail of a gap for a pack or an object that costs too much work.
pub(crate) const EXPENSIVE: &str = "more work than --max-expanded and --max-ratio allow";

/// A stream that counts the bytes read as work.
#[derive(Debug)]
pub(crate) struct Metered<'m, R> {
    pub(crate) inner: &'m mut R,
    pub(crate) left: &'m AtomicU64,
}

impl<R: Read> Read for Metered<'_, R> {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        if self.left.load(Relaxed) == 0 {
            return Err(io::Error::other(EXPENSIVE));
        }
        let read = self.inner.read(into)?;
        spend(self.left, read as u64);
        Ok(read)
    }
}

/// Subtracts work from what is left.
pub(crate) fn spend(left: &AtomicU64, work: u64) {
    // The result is the previous value, which is not needed.
    let _ = left.fetch_update(Relaxed, Relaxed, |left| Some(left.saturating_sub(work)));
}

impl Default for Bounds {
    fn default() -> Self {
        Self::new(&Limits::default())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn work_is_bounded_by_ratio_and_floor() {
        let bounds = Bounds::new(&Limits { max_unpacked: 4_000, max_ratio: 10, ..Limits::default() });
        for (pack, work) in [(0, 1_000), (100, 1_000), (101, 1_010), (u64::MAX, u64::MAX)] {
            assert_eq!(bounds.work(pack), work, "{pack}");
        }
    }

    #[test]
    fn objects_get_their_share_of_memory() {
        for (max_held, own, most) in [
            (10 << 20, 10 << 20, 8 << 20),
            (160 << 20, OWN, 128 << 20),
            (200 << 20, OWN, 128 << 20),
            (1 << 30, OWN, 512 << 20),
        ] {
            let bounds = Bounds::new(&Limits { max_held, ..Limits::default() });
            assert_eq!((bounds.own, bounds.most, bounds.object()), (own, most, own + most), "{max_held}");
        }
    }

    #[test]
    fn a_stream_ends_when_work_is_exhausted() {
        let left = AtomicU64::new(10);
        let mut metered = Metered { inner: &mut &[0; 25][..], left: &left };
        let mut read = || metered.read(&mut [0; 4]).ok();
        assert_eq!([read(), read(), read(), read()], [Some(4), Some(4), Some(4), None]);
        assert_eq!(left.into_inner(), 0);
    }
}
