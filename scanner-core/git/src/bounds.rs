//! What reading packs may cost: memory for all threads of a run, and work for each pack.

use std::io::{self, Read};
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::sync::{Arc, Mutex};

use keyradius_core::budget::Limits;

/// Bytes of objects that each thread may hold while it builds others on them.
const OWN: u64 = 24 << 20;

/// Bytes of indexes that all threads together hold in memory: 1.2 million objects. Git's own history has an index of 24 MB.
const INDEXES: u64 = 32 << 20;

/// The bounds of a run.
#[derive(Debug)]
pub(crate) struct Bounds {
    /// Bytes of indexes that may still be held in memory.
    indexes: AtomicU64,
    /// Bytes that a thread may hold by itself.
    pub(crate) own: u64,
    /// Bytes that the one thread whose turn it is may hold beyond that.
    pub(crate) most: u64,
    /// Whose turn it is. Whoever waits holds no more than its own, so that nobody waits for each other.
    pub(crate) turn: Mutex<()>,
    floor: u64,
    ratio: u64,
}

impl Bounds {
    /// From the limits of a run: objects may take half of what one input may hold in memory, and up to 128 MiB four fifths
    /// of it, which is what the usual limit leaves. What is opened inside of one of them is counted by itself.
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

    /// Room for an index of this size in memory, until it is dropped; `None` if others hold too much.
    pub(crate) fn index(self: &Arc<Self>, size: u64) -> Option<Lease> {
        self.indexes.fetch_update(Relaxed, Relaxed, |left| left.checked_sub(size)).ok()?;
        Some(Lease { bounds: Arc::clone(self), size })
    }

    /// Largest object that may be built, in bytes.
    pub(crate) const fn object(&self) -> u64 {
        self.own + self.most
    }

    /// Most bytes that may be inflated and built to read a pack of this size. Histories are stored well: that of git itself
    /// is 27 times its pack, and a large file that is changed often is thousands of times its own. So a small pack may
    /// cost a quarter of what the largest archive may (16 GiB, some minutes), and a large one as many times its size as an archive.
    pub(crate) fn work(&self, pack: u64) -> u64 {
        self.floor.max(self.ratio.saturating_mul(pack))
    }
}

/// Room in memory, given back when this is dropped.
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

/// Said of a pack or an object that costs more work than it may.
pub(crate) const EXPENSIVE: &str = "more work than --max-expanded and --max-ratio allow";

/// A stream that counts as work what is read of it.
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

/// Takes work from what is left.
pub(crate) fn spend(left: &AtomicU64, work: u64) {
    // What is returned is what was left before.
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
    fn a_pack_may_cost_its_ratio_and_a_small_one_the_floor() {
        let bounds = Bounds::new(&Limits { max_unpacked: 4_000, max_ratio: 10, ..Limits::default() });
        for (pack, work) in [(0, 1_000), (100, 1_000), (101, 1_010), (u64::MAX, u64::MAX)] {
            assert_eq!(bounds.work(pack), work, "{pack}");
        }
    }

    #[test]
    fn objects_take_their_part_of_what_one_input_may_hold() {
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
    fn a_stream_ends_where_the_work_is_done() {
        let left = AtomicU64::new(10);
        let mut metered = Metered { inner: &mut &[0; 25][..], left: &left };
        let mut read = || metered.read(&mut [0; 4]).ok();
        assert_eq!([read(), read(), read(), read()], [Some(4), Some(4), Some(4), None]);
        assert_eq!(left.into_inner(), 0);
    }
}
