//! Drafts on other systems than Unix: the same steps by path, without owners and permissions.

use std::fs::File;
use std::hash::{BuildHasher, RandomState};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use super::{Existing, Named};

impl Named {
    /// The kind of file that `path` names.
    pub(super) fn by(path: &Path) -> io::Result<Self> {
        let kind = match path.symlink_metadata() {
            Ok(metadata) => metadata.file_type(),
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Self::Nothing),
            Err(error) => return Err(error),
        };
        Ok(match kind {
            kind if kind.is_symlink() => Self::Link(path.read_link()?),
            kind if kind.is_dir() => Self::Directory,
            kind if kind.is_file() => Self::File,
            _ => Self::Special,
        })
    }
}

/// The place of a file: its path.
#[derive(Debug)]
pub(crate) struct Place(PathBuf);

impl Place {
    /// The place at `path`.
    pub(crate) fn at(path: &Path) -> io::Result<Self> {
        let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
        if folder.metadata()?.permissions().readonly() {
            return Err(io::ErrorKind::PermissionDenied.into());
        }
        Ok(Self(path.to_owned()))
    }

    /// Fails if the user may not replace the existing file.
    pub(super) fn check_replaceable(&self) -> io::Result<()> {
        match self.0.symlink_metadata() {
            Ok(metadata) if metadata.permissions().readonly() => Err(io::ErrorKind::PermissionDenied.into()),
            _ => Ok(()),
        }
    }
}

/// A file that is being written for a place. It is removed unless it is [put](Self::put) there.
#[derive(Debug)]
pub(crate) struct Draft<'a> {
    place: &'a Place,
    file: File,
    name: Option<PathBuf>,
}

impl<'a> Draft<'a> {
    /// Creates a draft. Permissions are not set on these systems.
    pub(crate) fn new(place: &'a Place, _mode: Option<u32>) -> io::Result<Self> {
        let name = place.0.with_file_name(format!(".keyradius-{:016x}", RandomState::new().hash_one(0)));
        Ok(Self { place, file: File::create_new(&name)?, name: Some(name) })
    }

    /// Puts the draft in its place, after its bytes have reached the disk.
    pub(crate) fn put(mut self, existing: Existing) -> io::Result<()> {
        self.file.sync_all()?;
        let Some(name) = &self.name else { return Ok(()) };
        if existing == Existing::Keep {
            // `drop` removes the draft's own name.
            return std::fs::hard_link(name, &self.place.0);
        }
        std::fs::rename(name, &self.place.0)?;
        self.name = None;
        Ok(())
    }
}

impl Write for Draft<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.file.write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.file.flush()
    }
}

impl Drop for Draft<'_> {
    fn drop(&mut self) {
        if let Some(name) = self.name.take() {
            let _ = std::fs::remove_file(name);
        }
    }
}
