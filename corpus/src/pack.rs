//! Packs: sample files in a form that other people's scanners do not recognise.
//!
//! A pack is [`MAGIC`], then a gzipped tar of plain files, with every byte XORed with [`MASK`]. This hides nothing from
//! a person: it only keeps a clone of this repository from looking like a leak.

use std::fmt;
use std::io::{self, Read, Write};

use flate2::Compression;
use flate2::read::GzDecoder;
use flate2::write::GzEncoder;

/// First bytes of a pack.
pub const MAGIC: &[u8; 8] = b"KRPACK1\n";

/// Every byte after the magic is XORed with this.
pub const MASK: u8 = 0xA5;

/// Largest size of one packed file, in bytes: samples are small, and a damaged pack must not exhaust the memory.
const MAX_FILE: u64 = 16 << 20;

/// One file of a pack.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct File {
    /// A plain name: no separators, no `..`.
    pub name: String,
    /// The content.
    pub bytes: Vec<u8>,
}

/// Why a pack could not be read or written.
#[derive(Debug)]
#[non_exhaustive]
pub enum PackError {
    /// The file does not start with [`MAGIC`].
    NotAPack,
    /// A name that is not a plain file name.
    BadName(String),
    /// A file too large for a sample: its size in bytes.
    TooLarge(u64),
    /// The gzip or tar stream is damaged.
    Damaged(io::Error),
}

impl fmt::Display for PackError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotAPack => f.write_str("not a pack: it does not start with KRPACK1"),
            Self::BadName(name) => write!(f, "{name:?} is not a plain file name"),
            Self::TooLarge(bytes) => write!(f, "a file of {bytes} bytes is too large for a sample"),
            Self::Damaged(error) => write!(f, "damaged pack: {error}"),
        }
    }
}

impl std::error::Error for PackError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::Damaged(error) => Some(error),
            _ => None,
        }
    }
}

impl From<io::Error> for PackError {
    fn from(error: io::Error) -> Self {
        Self::Damaged(error)
    }
}

/// Reads every file of a pack, in order.
pub fn read(packed: &[u8]) -> Result<Vec<File>, PackError> {
    let body = packed.strip_prefix(MAGIC).ok_or(PackError::NotAPack)?;
    let mut archive = tar::Archive::new(GzDecoder::new(Unmask(body)));
    let mut files = Vec::new();
    for entry in archive.entries()? {
        let mut entry = entry?;
        let name = String::from_utf8_lossy(&entry.path_bytes()).into_owned();
        check_name(&name)?;
        if entry.size() > MAX_FILE {
            return Err(PackError::TooLarge(entry.size()));
        }
        let mut bytes = Vec::new();
        entry.read_to_end(&mut bytes)?;
        files.push(File { name, bytes });
    }
    Ok(files)
}

/// Writes files as a pack, sorted by name; deterministic.
pub fn write(files: &[File]) -> Result<Vec<u8>, PackError> {
    let mut sorted: Vec<&File> = files.iter().collect();
    sorted.sort_by(|a, b| a.name.cmp(&b.name));
    let mut archive = tar::Builder::new(GzEncoder::new(Vec::new(), Compression::best()));
    for file in sorted {
        check_name(&file.name)?;
        let mut header = tar::Header::new_ustar();
        header.set_size(file.bytes.len() as u64);
        header.set_mode(0o644);
        archive.append_data(&mut header, &file.name, file.bytes.as_slice())?;
    }
    let zipped = archive.into_inner()?.finish()?;
    let mut packed = MAGIC.to_vec();
    packed.write_all(&zipped)?;
    if let Some(body) = packed.get_mut(MAGIC.len()..) {
        for byte in body {
            *byte ^= MASK;
        }
    }
    Ok(packed)
}

fn check_name(name: &str) -> Result<(), PackError> {
    let plain = !name.is_empty() && name != "." && name != ".." && !name.contains(['/', '\\', ':', '\0']);
    if plain { Ok(()) } else { Err(PackError::BadName(name.to_owned())) }
}

/// Removes the mask while reading.
struct Unmask<'a>(&'a [u8]);

impl Read for Unmask<'_> {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        let n = self.0.read(out)?;
        for byte in out.iter_mut().take(n) {
            *byte ^= MASK;
        }
        Ok(n)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn file(name: &str, bytes: &[u8]) -> File {
        File { name: name.to_owned(), bytes: bytes.to_vec() }
    }

    #[test]
    fn a_pack_is_read_back_sorted() {
        let packed = write(&[file("b.pem", b"two"), file("a.der", b"")]).unwrap();
        assert!(packed.starts_with(MAGIC));
        assert_eq!(read(&packed).unwrap(), [file("a.der", b""), file("b.pem", b"two")]);
    }

    #[test]
    fn a_pack_contains_no_readable_text() {
        let packed = write(&[file("k", b"-----BEGIN RSA PRIVATE KEY-----")]).unwrap();
        assert!(!packed.windows(5).any(|w| w == b"BEGIN" || w.starts_with(&[0x1f, 0x8b])));
    }

    #[test]
    fn names_stay_in_their_folder() {
        for name in ["", ".", "..", "a/b", "..\\a", "c:a", "a\0"] {
            assert!(matches!(write(&[file(name, b"")]), Err(PackError::BadName(_))), "{name:?}");
        }
    }

    #[test]
    fn damage_is_an_error() {
        assert!(matches!(read(b"gzip"), Err(PackError::NotAPack)));
        let mut packed = write(&[file("a", &[7; 5000])]).unwrap();
        packed.truncate(packed.len() - 12);
        assert!(matches!(read(&packed), Err(PackError::Damaged(_))));
    }
}
