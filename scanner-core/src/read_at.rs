//! Bytes readable at any offset, and a cursor over them.

use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom};
use std::sync::Arc;

use zeroize::Zeroizing;

/// Bytes that can be read at any offset: a file, or bytes in memory.
pub trait ReadAt: Send + Sync {
    /// The number of bytes.
    fn size(&self) -> u64;
    /// Reads bytes from offset `at`; 0 at or after the end.
    fn read_at(&self, at: u64, into: &mut [u8]) -> io::Result<usize>;
    /// The same for a table that leads to content. A page of it is read for one entry, so that what else is in the page
    /// must not count as read.
    fn read_table_at(&self, at: u64, into: &mut [u8]) -> io::Result<usize> {
        self.read_at(at, into)
    }
}

impl ReadAt for File {
    fn size(&self) -> u64 {
        // The metadata of a disk has no size: the end of the device is its size. A size that cannot be determined is 0.
        match self.metadata() {
            Ok(meta) if meta.is_file() => meta.len(),
            _ => (&*self).seek(SeekFrom::End(0)).unwrap_or(0),
        }
    }

    #[cfg(unix)]
    fn read_at(&self, at: u64, into: &mut [u8]) -> io::Result<usize> {
        std::os::unix::fs::FileExt::read_at(self, into, at)
    }

    #[cfg(windows)]
    fn read_at(&self, at: u64, into: &mut [u8]) -> io::Result<usize> {
        std::os::windows::fs::FileExt::seek_read(self, into, at)
    }
}

/// Bytes in memory. Wiped on drop: an archive may contain a key uncompressed.
#[derive(Default)]
pub struct Held(Zeroizing<Vec<u8>>);

impl Held {
    /// Takes ownership of the bytes.
    pub fn new(bytes: Vec<u8>) -> Self {
        Self(Zeroizing::new(bytes))
    }
}

impl ReadAt for Held {
    fn size(&self) -> u64 {
        self.0.len() as u64
    }

    fn read_at(&self, at: u64, into: &mut [u8]) -> io::Result<usize> {
        let from = usize::try_from(at).ok().and_then(|at| self.0.get(at..)).unwrap_or_default();
        let length = from.len().min(into.len());
        if let (Some(into), Some(from)) = (into.get_mut(..length), from.get(..length)) {
            into.copy_from_slice(from);
        }
        Ok(length)
    }
}

/// A cursor over bytes readable at any offset: gives archive readers `Read + Seek`. Cheap to clone; each clone has its
/// own position.
#[derive(Clone)]
pub struct Cursor {
    bytes: Arc<dyn ReadAt>,
    /// The visible part: start and end in `bytes`.
    start: u64,
    end: u64,
    /// The position, from `start`.
    at: u64,
}

impl std::fmt::Debug for Cursor {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Cursor({} of {} bytes)", self.at, self.size())
    }
}

impl Cursor {
    /// Covers all of the bytes, from the first.
    pub fn new(bytes: Arc<dyn ReadAt>) -> Self {
        let end = bytes.size();
        Self { bytes, start: 0, end, at: 0 }
    }

    /// The number of visible bytes.
    pub const fn size(&self) -> u64 {
        self.end.saturating_sub(self.start)
    }

    /// A part of the bytes, cut at their end.
    #[must_use]
    pub fn part(&self, at: u64, length: u64) -> Self {
        let start = self.start.saturating_add(at).min(self.end);
        let end = start.saturating_add(length).min(self.end);
        Self { bytes: Arc::clone(&self.bytes), start, end, at: 0 }
    }

    /// The visible part of `bytes`; `None` if the cursor is over other bytes.
    pub(crate) fn range_in(&self, bytes: &Arc<dyn ReadAt>) -> Option<std::ops::Range<u64>> {
        let same = std::ptr::addr_eq(Arc::as_ptr(&self.bytes), Arc::as_ptr(bytes));
        same.then_some(self.start..self.end)
    }

    /// Reads a page of a table from offset `at`, until `into` is full or the bytes end: [`ReadAt::read_table_at`].
    pub fn read_table_from(&self, at: u64, into: &mut [u8]) -> io::Result<usize> {
        let mut held = 0;
        while let Some(room) = into.get_mut(held..).filter(|room| !room.is_empty()) {
            match ReadAt::read_table_at(self, at.saturating_add(held as u64), room)? {
                0 => break,
                read => held += read,
            }
        }
        Ok(held)
    }

    /// Reads from offset `at` until `into` is full or the bytes end.
    pub fn read_from(&self, at: u64, into: &mut [u8]) -> io::Result<usize> {
        let mut part = self.part(at, into.len() as u64);
        let mut held = 0;
        while let Some(room) = into.get_mut(held..).filter(|room| !room.is_empty()) {
            match part.read(room)? {
                0 => break,
                read => held += read,
            }
        }
        Ok(held)
    }
}

impl ReadAt for Cursor {
    fn size(&self) -> u64 {
        Self::size(self)
    }

    fn read_at(&self, at: u64, into: &mut [u8]) -> io::Result<usize> {
        self.part(at, into.len() as u64).read(into)
    }

    fn read_table_at(&self, at: u64, into: &mut [u8]) -> io::Result<usize> {
        let part = self.part(at, into.len() as u64);
        let length = usize::try_from(part.size()).unwrap_or(usize::MAX).min(into.len());
        self.bytes.read_table_at(part.start, into.get_mut(..length).unwrap_or_default())
    }
}

impl Read for Cursor {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        let left = usize::try_from(self.size().saturating_sub(self.at)).unwrap_or(usize::MAX);
        let length = into.len().min(left);
        let Some(into) = into.get_mut(..length).filter(|into| !into.is_empty()) else { return Ok(0) };
        loop {
            match self.bytes.read_at(self.start.saturating_add(self.at), into) {
                Ok(read) => {
                    self.at += read as u64;
                    return Ok(read);
                }
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
    }
}

impl Seek for Cursor {
    fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
        let at = match to {
            SeekFrom::Start(at) => Some(at),
            SeekFrom::End(by) => self.size().checked_add_signed(by),
            SeekFrom::Current(by) => self.at.checked_add_signed(by),
        };
        self.at = at.ok_or_else(|| io::Error::from(io::ErrorKind::InvalidInput))?;
        Ok(self.at)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_part_is_read_like_a_whole() {
        let mut whole = Cursor::new(Arc::new(Held::new((0..100).collect())));
        assert_eq!(whole.seek(SeekFrom::End(-1)).unwrap(), 99);
        let mut part = whole.part(10, 5);
        let mut bytes = Vec::new();
        part.read_to_end(&mut bytes).unwrap();
        assert_eq!(bytes, [10, 11, 12, 13, 14]);
        assert_eq!(part.seek(SeekFrom::Start(3)).unwrap(), 3);
        assert_eq!(part.seek(SeekFrom::Current(-1)).unwrap(), 2);
        assert!(part.seek(SeekFrom::Current(-3)).is_err());
        assert_eq!((part.part(4, 9).size(), part.part(u64::MAX, 9).size()), (1, 0));
        let mut far = [0; 4];
        assert_eq!((part.read_from(3, &mut far).unwrap(), part.read_from(300, &mut far).unwrap()), (2, 0));
        part.seek(SeekFrom::Start(u64::MAX)).unwrap();
        assert_eq!(part.read(&mut far).unwrap(), 0);
    }
}
