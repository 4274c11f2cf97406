//! Reads files that the user named, up to a limit: a device or a pipe may never end.

use std::fs::File;
use std::io::{self, Read};
use std::path::Path;

/// Maximum size of a configuration, in bytes: 10,000 allow entries are 2 MB.
pub(crate) const CONFIG: u64 = 16 << 20;

/// Maximum size of a list of keys, in bytes: the block list of badkeys has 5 MB.
pub(crate) const LIST: u64 = 256 << 20;

/// Reads a file of at most `most` bytes.
pub(crate) fn read(path: &Path, most: u64) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    if File::open(path)?.take(most.saturating_add(1)).read_to_end(&mut bytes)? as u64 > most {
        return Err(io::Error::new(io::ErrorKind::FileTooLarge, format!("larger than {} MiB", most >> 20)));
    }
    Ok(bytes)
}

/// Reads a text of at most `most` bytes.
pub(crate) fn text(path: &Path, most: u64) -> io::Result<String> {
    String::from_utf8(read(path, most)?).map_err(|_| io::Error::new(io::ErrorKind::InvalidData, "not UTF-8"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reading_ends_at_the_limit() {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("Cargo.toml");
        let size = path.metadata().expect("a file").len();
        assert_eq!(read(&path, size).expect("fits").len() as u64, size);
        assert!(read(&path, size - 1).is_err_and(|error| error.to_string().contains("larger than")));
        #[cfg(unix)]
        assert!(text(Path::new("/dev/zero"), 1 << 16).is_err());
    }
}
