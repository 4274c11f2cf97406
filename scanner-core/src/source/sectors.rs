//! Reads past bad sectors of a disk, or of an image on one: what cannot be read counts as zeros, and is reported.

use std::cell::Cell;
use std::io::{self, Read, Seek, SeekFrom};

/// Size of what is left out at a bad place, in bytes: the sector of today's disks, and a page of memory.
const SECTOR: u64 = 4096;

/// Largest step over a bad region, in bytes. A disk takes seconds for each sector that it cannot read, so the steps
/// double as long as nothing is read in between (as those of GNU ddrescue do).
const FARTHEST: u64 = 1 << 20;

/// Maximum number of bad places of a file. With more, the disk is broken, and an image should be made of it first.
const MOST: u64 = 10_000;

/// What could not be read.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Bad {
    /// The number of places.
    pub(super) places: u64,
    /// The number of bytes.
    pub(super) bytes: u64,
    /// Where the first place begins.
    pub(super) first: u64,
}

/// A reader that steps over read errors of the hardware.
pub(super) struct Sectors<'b, R> {
    input: R,
    /// Zeros that stand for bytes that were left out, and are still to be handed on.
    zeros: u64,
    step: u64,
    bad: &'b Cell<Bad>,
}

impl<'b, R> Sectors<'b, R> {
    pub(super) const fn new(input: R, bad: &'b Cell<Bad>) -> Self {
        Self { input, zeros: 0, step: SECTOR, bad }
    }
}

impl<R: Read + Seek> Read for Sectors<'_, R> {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        if self.zeros == 0 {
            match self.input.read(into) {
                Ok(read) => {
                    self.step = SECTOR;
                    return Ok(read);
                }
                Err(error) => self.step_over(error)?,
            }
        }
        let count = into.len().min(usize::try_from(self.zeros).unwrap_or(usize::MAX));
        into.get_mut(..count).unwrap_or_default().fill(0);
        self.zeros -= count as u64;
        Ok(count)
    }
}

impl<R: Seek> Sectors<'_, R> {
    /// Moves behind the sector in which a read failed. Other errors than those of hardware remain errors.
    fn step_over(&mut self, error: io::Error) -> io::Result<()> {
        let mut bad = self.bad.get();
        if !is_of_hardware(&error) || bad.places >= MOST {
            return Err(error);
        }
        let at = self.input.stream_position()?;
        let end = self.input.seek(SeekFrom::End(0))?;
        let next = (at - at % SECTOR).saturating_add(self.step).min(end);
        self.input.seek(SeekFrom::Start(next))?;
        if next <= at {
            return Err(error);
        }
        if bad.places == 0 {
            bad.first = at;
        }
        bad.places += 1;
        bad.bytes += next - at;
        self.bad.set(bad);
        self.zeros = next - at;
        self.step = (self.step * 2).min(FARTHEST);
        Ok(())
    }
}

#[cfg(unix)]
fn is_of_hardware(error: &io::Error) -> bool {
    error.raw_os_error() == Some(rustix::io::Errno::IO.raw_os_error())
}

#[cfg(not(unix))]
fn is_of_hardware(_: &io::Error) -> bool {
    false
}

#[cfg(all(test, unix))]
mod tests {
    use super::*;

    /// A disk of ones, of which some bytes cannot be read.
    struct Disk {
        at: u64,
        size: u64,
        bad: std::ops::Range<u64>,
        error: i32,
    }

    impl Read for Disk {
        fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
            if self.bad.contains(&self.at) {
                return Err(io::Error::from_raw_os_error(self.error));
            }
            let end = if self.at < self.bad.start { self.bad.start } else { self.size };
            let count = into.len().min(usize::try_from(end.saturating_sub(self.at)).expect("64 bits"));
            into.iter_mut().take(count).for_each(|byte| *byte = 1);
            self.at += count as u64;
            Ok(count)
        }
    }

    impl Seek for Disk {
        fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
            self.at = match to {
                SeekFrom::Start(at) => at,
                SeekFrom::End(by) => self.size.saturating_add_signed(by),
                SeekFrom::Current(by) => self.at.saturating_add_signed(by),
            };
            Ok(self.at)
        }
    }

    fn read(size: u64, range: std::ops::Range<u64>, error: rustix::io::Errno) -> (io::Result<Vec<u8>>, Bad) {
        let bad = Cell::default();
        let disk = Disk { at: 0, size, bad: range, error: error.raw_os_error() };
        let mut out = Vec::new();
        let done = Sectors::new(disk, &bad).read_to_end(&mut out).map(|_| out);
        (done, bad.get())
    }

    #[test]
    fn bad_sectors_count_as_zeros_and_are_counted() {
        use rustix::io::Errno;
        for (size, range, places, bytes) in [
            (100_000, 0..0, 0, 0),
            (100_000, 5000..5001, 1, 3192),
            (100_000, 8192..12_288, 1, 4096),
            // The second step is twice as long.
            (100_000, 8192..12_289, 2, 4096 + 8192),
            (100_000, 99_000..100_000, 1, 1000),
            (100_000, 0..100_000, 5, 100_000),
        ] {
            let (out, bad) = read(size, range.clone(), Errno::IO);
            let out = out.expect("read to the end");
            assert_eq!((bad.places, bad.bytes), (places, bytes), "{range:?}");
            assert_eq!(out.len() as u64, size, "{range:?}");
            assert_eq!(out.iter().map(|byte| u64::from(*byte == 0)).sum::<u64>(), bytes, "{range:?}");
            assert!(places == 0 || bad.first == range.start, "{range:?}");
        }
        assert!(read(100_000, 5000..5001, Errno::ACCESS).0.is_err());
    }

    #[test]
    fn a_broken_disk_is_an_error() {
        let bad = Cell::default();
        let error = rustix::io::Errno::IO.raw_os_error();
        let disk = Disk { at: 0, size: u64::MAX / 2, bad: 0..u64::MAX / 2, error };
        assert!(io::copy(&mut Sectors::new(disk, &bad), &mut io::sink()).is_err());
        let bad = bad.get();
        assert_eq!(bad.places, MOST);
    }
}
