//! Pages of a file as bytes: the only `unsafe` of the object database.

use std::fs::File;
use std::io;
use std::path::Path;

use memmap2::Mmap;

/// A file that is mapped, read-only.
///
/// A pack is read all over, delta by delta. Copying it would hold hundreds of megabytes of anonymous memory; reading
/// each entry by a call of its own costs a system call for every object of the history. Pages of the file cost
/// neither and go back to the system when it needs them.
#[derive(Debug)]
pub(crate) struct Map(Bytes);

#[derive(Debug)]
enum Bytes {
    Mapped(Mmap),
    Memory(Vec<u8>),
}

impl Map {
    /// Maps the file. Only regular files: a FIFO in a repository must not hang the scan.
    pub(crate) fn open(path: &Path) -> io::Result<Self> {
        let file = open_regular(path)?;
        if file.metadata()?.len() == 0 {
            return Ok(Self::memory(Vec::new()));
        }
        // SAFETY: the mapping is private and read-only, and lives as long as the bytes that are borrowed from it. git
        // writes packs and indexes once, under a temporary name, and afterwards only unlinks them, which leaves a
        // mapping intact. Someone who cuts the file short while it is read makes the process end with SIGBUS; someone
        // who rewrites it in place makes the bytes change between two reads. Every reader here checks bounds at each
        // use and never trusts what it checked before, so that changed bytes are damaged bytes. git has the same
        // exposure for the same reason.
        #[allow(unsafe_code, reason = "the argument stands above")]
        let map = unsafe { Mmap::map(&file)? };
        Ok(Self(Bytes::Mapped(map)))
    }

    /// Bytes that are in memory, as if they were a file.
    pub(crate) const fn memory(bytes: Vec<u8>) -> Self {
        Self(Bytes::Memory(bytes))
    }

    /// The bytes.
    pub(crate) fn bytes(&self) -> &[u8] {
        match &self.0 {
            Bytes::Mapped(map) => map,
            Bytes::Memory(bytes) => bytes,
        }
    }
}

/// Opens a regular file for reading; anything else is refused before it can block.
pub(crate) fn open_regular(path: &Path) -> io::Result<File> {
    let file = open(path)?;
    if !file.metadata()?.is_file() {
        return Err(io::Error::other("not a regular file"));
    }
    Ok(file)
}

/// Reads a regular file whole, up to `limit` bytes; a larger one is an error.
pub(crate) fn read_regular(path: &Path, limit: u64) -> io::Result<Vec<u8>> {
    use io::Read;
    let file = open_regular(path)?;
    let mut bytes = Vec::new();
    let read = file.take(limit.saturating_add(1)).read_to_end(&mut bytes)? as u64;
    if read > limit {
        return Err(io::Error::other("larger than it can be"));
    }
    Ok(bytes)
}

#[cfg(unix)]
fn open(path: &Path) -> io::Result<File> {
    use rustix::fs::OFlags;
    use std::os::unix::fs::OpenOptionsExt;
    let flags = OFlags::NONBLOCK | OFlags::CLOEXEC | OFlags::NOCTTY;
    File::options().read(true).custom_flags(flags.bits().cast_signed()).open(path)
}

#[cfg(not(unix))]
fn open(path: &Path) -> io::Result<File> {
    File::open(path)
}
