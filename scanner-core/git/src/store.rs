//! Reads files of a repository at any offset.
//!
//! Nothing is memory-mapped: if a mapped file is truncated, the process ends with SIGBUS, and the owner of a scanned
//! tree can truncate files. The bytes read here are copied, so they cannot change under a reader, and a short read is a
//! named error. Reading a window at a time (see [`super::pack::Pages`]) costs no more CPU time than a mapping.

use std::fs::File;
use std::io::{self, Read};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use keyradius_core::error::Malformed;
use keyradius_core::read_at::{Held, ReadAt};

/// The error if a file ends before the requested bytes.
pub(crate) const SHORTER: &str = "the file was cut short or changed while it was read";

/// Maximum number of files that are kept open between two reads, in the whole process, because descriptors belong to
/// the process. The usual limit is 1024 descriptors, and a repository may have thousands of packs. Other files are
/// opened for each read.
const KEPT_OPEN: usize = 320;

static OPEN: AtomicUsize = AtomicUsize::new(0);

/// A file of known size, or bytes in memory in its place.
#[derive(Clone)]
pub(crate) struct Store {
    bytes: Bytes,
    size: u64,
}

#[derive(Clone)]
enum Bytes {
    Memory(Arc<Held>),
    Kept(Arc<Kept>),
    Named(Arc<PathBuf>),
}

impl std::fmt::Debug for Store {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Store({} bytes)", self.size)
    }
}

/// An open file that counts against [`KEPT_OPEN`].
struct Kept(File);

impl Drop for Kept {
    fn drop(&mut self) {
        OPEN.fetch_sub(1, Ordering::Relaxed);
    }
}

impl Store {
    /// Opens a regular file: a FIFO in a repository must not block the scan.
    pub(crate) fn open(path: &Path) -> io::Result<Self> {
        let file = open_regular(path)?;
        if OPEN.load(Ordering::Relaxed) < KEPT_OPEN {
            return Self::of(file);
        }
        let size = file.metadata()?.len();
        Ok(Self { bytes: Bytes::Named(Arc::new(path.to_owned())), size })
    }

    /// Uses an open file.
    pub(crate) fn of(file: File) -> io::Result<Self> {
        let size = file.metadata()?.len();
        OPEN.fetch_add(1, Ordering::Relaxed);
        Ok(Self { bytes: Bytes::Kept(Arc::new(Kept(file))), size })
    }

    /// Uses bytes in memory. Wiped on drop.
    pub(crate) fn memory(bytes: Vec<u8>) -> Self {
        let size = bytes.len() as u64;
        Self { bytes: Bytes::Memory(Arc::new(Held::new(bytes))), size }
    }

    /// Loads a file of at most `limit` bytes into memory now; a larger file is returned as it is.
    pub(crate) fn loaded(self, limit: u64) -> io::Result<Self> {
        if self.size > limit || matches!(self.bytes, Bytes::Memory(_)) {
            return Ok(self);
        }
        let mut bytes = vec![0; usize::try_from(self.size).unwrap_or(usize::MAX)];
        self.exact(0, &mut bytes).map_err(|what| io::Error::other(what.what))?;
        Ok(Self::memory(bytes))
    }

    /// The size in bytes when the file was opened.
    pub(crate) const fn size(&self) -> u64 {
        self.size
    }

    /// Fills `into` with the bytes from offset `at` on; a short read is an error.
    pub(crate) fn exact(&self, at: u64, into: &mut [u8]) -> Result<(), Malformed> {
        let wanted = into.len();
        if self.read_at(at, into)? == wanted { Ok(()) } else { Err(Malformed::new(SHORTER, at as usize)) }
    }

    /// Reads from offset `at` until `into` is full or the file ends.
    pub(crate) fn read_at(&self, at: u64, into: &mut [u8]) -> Result<usize, Malformed> {
        let named;
        let bytes: &dyn ReadAt = match &self.bytes {
            Bytes::Memory(held) => held.as_ref(),
            Bytes::Kept(kept) => &kept.0,
            Bytes::Named(path) => {
                named = open_regular(path).map_err(|_| Malformed::new("file cannot be opened again", 0))?;
                &named
            }
        };
        let mut held = 0;
        while let Some(room) = into.get_mut(held..).filter(|room| !room.is_empty()) {
            match bytes.read_at(at.saturating_add(held as u64), room) {
                Ok(0) => break,
                Ok(read) => held += read,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(_) => return Err(Malformed::new("file cannot be read", at as usize)),
            }
        }
        Ok(held)
    }

    /// A range of the file, as a stream.
    pub(crate) fn part(&self, from: u64, to: u64) -> Part<'_> {
        Part { store: self, at: from, end: to.min(self.size) }
    }
}

/// A range of a file, read sequentially. It is an error if the file ends before the range does.
#[derive(Debug)]
pub(crate) struct Part<'s> {
    store: &'s Store,
    at: u64,
    end: u64,
}

impl Read for Part<'_> {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        let left = usize::try_from(self.end.saturating_sub(self.at)).unwrap_or(usize::MAX);
        let length = into.len().min(left);
        let Some(into) = into.get_mut(..length).filter(|into| !into.is_empty()) else { return Ok(0) };
        match self.store.read_at(self.at, into) {
            Ok(0) => Err(io::Error::other(SHORTER)),
            Ok(read) => {
                self.at += read as u64;
                Ok(read)
            }
            Err(what) => Err(io::Error::other(what.what)),
        }
    }
}

/// Opens a regular file for reading; any other file is refused before it can block.
pub(crate) fn open_regular(path: &Path) -> io::Result<File> {
    let file = open(path)?;
    if !file.metadata()?.is_file() {
        return Err(io::Error::other("not a regular file"));
    }
    Ok(file)
}

/// Reads a whole regular file of up to `limit` bytes; a larger file is an error.
pub(crate) fn read_regular(path: &Path, limit: u64) -> io::Result<Vec<u8>> {
    let file = open_regular(path)?;
    let mut bytes = Vec::new();
    let read = file.take(limit.saturating_add(1)).read_to_end(&mut bytes)? as u64;
    if read > limit {
        return Err(io::Error::other("larger than expected"));
    }
    Ok(bytes)
}

#[cfg(unix)]
fn open(path: &Path) -> io::Result<File> {
    use rustix::fs::OFlags;
    keyradius_core::source::fs::open_quietly(path, OFlags::NONBLOCK | OFlags::CLOEXEC | OFlags::NOCTTY)
}

#[cfg(not(unix))]
fn open(path: &Path) -> io::Result<File> {
    File::open(path)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_truncated_file_is_an_error_and_not_a_signal() {
        let path = std::env::temp_dir().join(format!("keyradius-store-{}", std::process::id()));
        std::fs::write(&path, vec![7; 100_000]).unwrap();
        let store = Store::open(&path).unwrap();
        let mut bytes = [0; 10];
        assert_eq!(store.exact(99_990, &mut bytes), Ok(()));
        File::options().write(true).open(&path).unwrap().set_len(50_000).unwrap();
        assert_eq!(store.exact(99_990, &mut bytes).map_err(|what| what.what), Err(SHORTER));
        assert_eq!(store.exact(49_995, &mut bytes).map_err(|what| what.what), Err(SHORTER));
        assert_eq!(store.exact(49_990, &mut bytes), Ok(()));
        let mut all = Vec::new();
        assert!(store.part(0, 100_000).read_to_end(&mut all).is_err() && all.len() == 50_000);
        std::fs::remove_file(&path).unwrap();
        let memory = Store::memory(vec![1, 2, 3]);
        assert_eq!((memory.size(), memory.read_at(2, &mut bytes), memory.read_at(9, &mut bytes)), (3, Ok(1), Ok(0)));
    }
}
