//! Drafts on Unix. All steps are relative to a directory that was opened before, so that no path is resolved twice.

use std::ffi::{OsStr, OsString};
use std::fs::File;
use std::hash::{BuildHasher, RandomState};
use std::io::{self, Write};
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use rustix::fs::{Access, AtFlags, CWD, FileType, Gid, Mode, OFlags, Stat, Uid};
use rustix::io::Errno;

use super::{Existing, Named};

/// Permissions of a new file, from which the user's umask is subtracted, as for files of other tools.
const NEW: Mode = Mode::from_raw_mode(0o666);

/// Permission bits of a replaced file that are kept: not set-user-ID, set-group-ID or sticky.
const KEPT: Mode = Mode::from_raw_mode(0o777);

/// Maximum number of attempts to find an unused name. A second attempt is needed with a probability of 2^-64.
const TRIES: u32 = 8;

impl Named {
    /// The kind of file that `path` names.
    pub(super) fn by(path: &Path) -> io::Result<Self> {
        if path.as_os_str().as_bytes().ends_with(b"/") {
            return Ok(Self::Directory);
        }
        let stat = match rustix::fs::statat(CWD, path, AtFlags::SYMLINK_NOFOLLOW) {
            Ok(stat) => stat,
            Err(Errno::NOENT) => return Ok(Self::Nothing),
            Err(error) => return Err(error.into()),
        };
        Ok(match FileType::from_raw_mode(stat.st_mode) {
            FileType::Directory => Self::Directory,
            FileType::RegularFile if is_mount(path) => Self::Mount,
            FileType::RegularFile => Self::File,
            FileType::Symlink => {
                let target = path.read_link()?;
                if is_descriptor(path) || is_descriptor(&target) { Self::Descriptor } else { Self::Link(target) }
            }
            _ => Self::Special,
        })
    }
}

/// Whether this file itself is a mount point, as files of the host are in containers.
#[cfg(target_os = "linux")]
fn is_mount(path: &Path) -> bool {
    use rustix::fs::{StatxAttributes, StatxFlags, statx};
    let stat = statx(CWD, path, AtFlags::SYMLINK_NOFOLLOW, StatxFlags::empty());
    stat.is_ok_and(|stat| stat.stx_attributes.contains(StatxAttributes::MOUNT_ROOT))
}

#[cfg(not(target_os = "linux"))]
fn is_mount(_path: &Path) -> bool {
    false
}

/// Whether this path is an entry of `/proc/PID/fd`, under any name of that directory (`/dev/fd`).
fn is_descriptor(path: &Path) -> bool {
    let folder = path.parent().and_then(|folder| folder.canonicalize().ok());
    folder.is_some_and(|folder| folder.starts_with("/proc") && folder.ends_with("fd"))
}

/// The place of a file: its open directory, and its name there.
#[derive(Debug)]
pub(crate) struct Place {
    directory: OwnedFd,
    name: OsString,
}

impl Place {
    /// The place at `path`; fails if files cannot be created in its directory.
    pub(crate) fn at(path: &Path) -> io::Result<Self> {
        let name = path.file_name().ok_or(io::ErrorKind::InvalidFilename)?.to_owned();
        let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
        let how = OFlags::DIRECTORY | OFlags::CLOEXEC | only_as_a_place();
        let directory = rustix::fs::openat(CWD, folder, how, Mode::empty())?;
        rustix::fs::accessat(&directory, ".", Access::WRITE_OK | Access::EXEC_OK, AtFlags::EACCESS)?;
        Ok(Self { directory, name })
    }

    /// The open directory.
    pub(crate) fn directory(&self) -> BorrowedFd<'_> {
        self.directory.as_fd()
    }

    /// Fails if the user may not replace the existing file: a write-protected file or, in a sticky directory such as
    /// `/tmp`, a file of another user.
    pub(super) fn check_replaceable(&self) -> io::Result<()> {
        let Some(there) = self.there()? else { return Ok(()) };
        rustix::fs::accessat(&self.directory, &self.name, Access::WRITE_OK, AtFlags::EACCESS)?;
        let directory = rustix::fs::fstat(&self.directory)?;
        let me = rustix::process::geteuid().as_raw();
        let sticky = Mode::from_raw_mode(directory.st_mode).contains(Mode::SVTX);
        let mine = me == 0 || there.st_uid == me || directory.st_uid == me;
        if sticky && !mine { Err(io::ErrorKind::PermissionDenied.into()) } else { Ok(()) }
    }

    /// The metadata of the existing regular file, if there is one.
    fn there(&self) -> io::Result<Option<Stat>> {
        match rustix::fs::statat(&self.directory, &self.name, AtFlags::SYMLINK_NOFOLLOW) {
            Ok(stat) => Ok((FileType::from_raw_mode(stat.st_mode) == FileType::RegularFile).then_some(stat)),
            Err(Errno::NOENT) => Ok(None),
            Err(error) => Err(error.into()),
        }
    }
}

/// Opens the directory only as a place (`O_PATH`): it is never listed, so permission to read it is not needed.
#[cfg(any(target_os = "linux", target_os = "android"))]
fn only_as_a_place() -> OFlags {
    OFlags::PATH
}

#[cfg(not(any(target_os = "linux", target_os = "android")))]
fn only_as_a_place() -> OFlags {
    OFlags::RDONLY
}

/// A file that is being written for a place. It is removed unless it is [put](Self::put) there.
#[derive(Debug)]
pub(crate) struct Draft<'a> {
    place: &'a Place,
    file: File,
    /// `None` while the file has no name: then a killed process leaves no file.
    name: Option<OsString>,
}

impl<'a> Draft<'a> {
    /// Creates a draft with these permissions, else with those of the existing file, else with [`NEW`].
    pub(crate) fn new(place: &'a Place, mode: Option<u32>) -> io::Result<Self> {
        match Self::unnamed(place, mode)? {
            Some(draft) => Ok(draft),
            None => Self::named(place, mode),
        }
    }

    /// Creates a draft without a name, if the file system supports such files and `/proc` can name them later.
    #[cfg(target_os = "linux")]
    fn unnamed(place: &'a Place, mode: Option<u32>) -> io::Result<Option<Self>> {
        let how = OFlags::TMPFILE | OFlags::WRONLY | OFlags::CLOEXEC;
        let Ok(file) = rustix::fs::openat(&place.directory, ".", how, NEW) else { return Ok(None) };
        let inode = |stat: Stat| (stat.st_dev, stat.st_ino);
        let here = rustix::fs::fstat(&file).map(inode);
        let there = rustix::fs::statat(CWD, by_number(&file), AtFlags::empty()).map(inode);
        if here.is_err() || here != there {
            return Ok(None);
        }
        Self { place, file: File::from(file), name: None }.permitted(mode).map(Some)
    }

    #[cfg(not(target_os = "linux"))]
    fn unnamed(_place: &'a Place, _mode: Option<u32>) -> io::Result<Option<Self>> {
        Ok(None)
    }

    /// Creates a draft with an unused name that nobody can guess.
    fn named(place: &'a Place, mode: Option<u32>) -> io::Result<Self> {
        let how = OFlags::WRONLY | OFlags::CREATE | OFlags::EXCL | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        let (file, name) = with_free_name(|name| rustix::fs::openat(&place.directory, name, how, NEW))?;
        Self { place, file: File::from(file), name: Some(name) }.permitted(mode)
    }

    /// Sets the permissions and, if a regular file is replaced, the owner, before the first byte is written.
    fn permitted(self, mode: Option<u32>) -> io::Result<Self> {
        if let Some(mode) = mode {
            rustix::fs::fchmod(&self.file, Mode::from_raw_mode(mode))?;
            return Ok(self);
        }
        let Some(there) = self.place.there()? else { return Ok(self) };
        let new = rustix::fs::fstat(&self.file)?;
        if (new.st_uid, new.st_gid) != (there.st_uid, there.st_gid) {
            // Only root can change the owner. For other users, the file becomes their own.
            let (owner, group) = (Uid::from_raw(there.st_uid), Gid::from_raw(there.st_gid));
            if rustix::fs::fchown(&self.file, Some(owner), Some(group)).is_err() {
                let _ = rustix::fs::fchown(&self.file, None, Some(group));
            }
        }
        rustix::fs::fchmod(&self.file, Mode::from_raw_mode(there.st_mode) & KEPT)?;
        Ok(self)
    }

    /// Puts the draft in its place, after its bytes have reached the disk.
    pub(crate) fn put(mut self, existing: Existing) -> io::Result<()> {
        self.file.sync_all()?;
        let directory = &self.place.directory;
        let name = match (self.name.take(), existing) {
            (Some(name), _) => name,
            (None, Existing::Keep) => return Ok(give_name(&self.file, directory, &self.place.name)?),
            (None, Existing::Replace) => with_free_name(|name| give_name(&self.file, directory, name))?.1,
        };
        let name = self.name.insert(name);
        match existing {
            Existing::Replace => rustix::fs::renameat(directory, &*name, directory, &self.place.name)?,
            Existing::Keep => {
                // `drop` removes the draft's own name.
                return Ok(rustix::fs::linkat(directory, &*name, directory, &self.place.name, AtFlags::empty())?);
            }
        }
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
            let _ = rustix::fs::unlinkat(&self.place.directory, name, AtFlags::empty());
        }
    }
}

/// The path in `/proc` of an open file.
fn by_number(file: &impl AsFd) -> PathBuf {
    use std::os::fd::AsRawFd;
    PathBuf::from(format!("/proc/self/fd/{}", file.as_fd().as_raw_fd()))
}

/// Gives a name to a file without one; fails if the name is used.
fn give_name(file: &File, directory: &OwnedFd, name: &OsStr) -> rustix::io::Result<()> {
    rustix::fs::linkat(CWD, by_number(file), directory, name, AtFlags::SYMLINK_FOLLOW)
}

/// Attempts an action with names that nobody can guess, until one is unused.
fn with_free_name<T>(mut attempt: impl FnMut(&OsStr) -> rustix::io::Result<T>) -> io::Result<(T, OsString)> {
    let mut tries = 0;
    loop {
        // `RandomState` is keyed with random bytes of the system.
        let name = OsString::from(format!(".keyradius-{:016x}", RandomState::new().hash_one(tries)));
        match attempt(&name) {
            Err(Errno::EXIST) if tries < TRIES => tries += 1,
            result => return Ok((result?, name)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// An empty directory that is removed after the test.
    struct Folder(PathBuf);

    impl Folder {
        fn new(test: &str) -> Self {
            let path = std::env::temp_dir().join(format!("keyradius-draft-{test}-{}", std::process::id()));
            std::fs::create_dir(&path).unwrap();
            Self(path)
        }

        fn names(&self) -> Vec<String> {
            let mut names: Vec<_> =
                self.0.read_dir().unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
            names.sort();
            names
        }
    }

    impl Drop for Folder {
        fn drop(&mut self) {
            let _ = std::fs::remove_dir_all(&self.0);
        }
    }

    /// Drafts with a name, and drafts of the kind that the file system gives.
    const KINDS: [&str; 2] = ["named", "any"];

    fn make<'a>(kind: &str, place: &'a Place, mode: Option<u32>) -> Draft<'a> {
        let made = if kind == "named" { Draft::named(place, mode) } else { Draft::new(place, mode) };
        made.unwrap()
    }

    #[test]
    fn a_draft_is_invisible_until_it_is_put() {
        for kind in KINDS {
            let folder = Folder::new(kind);
            let path = folder.0.join("report");
            let place = Place::at(&path).unwrap();
            for existing in [Existing::Replace, Existing::Keep] {
                let mut draft = make(kind, &place, None);
                draft.write_all(b"half").unwrap();
                assert!(!path.exists(), "{kind}");
                drop(draft);
                assert!(folder.names().is_empty(), "{kind} {existing:?}: {:?}", folder.names());
            }
            for (text, existing, done) in [
                ("one", Existing::Keep, true),
                ("two", Existing::Keep, false),
                ("three", Existing::Replace, true),
                ("four", Existing::Keep, false),
            ] {
                let mut draft = make(kind, &place, None);
                draft.write_all(text.as_bytes()).unwrap();
                let result = draft.put(existing);
                assert_eq!(result.as_ref().is_ok(), done, "{kind} {text}: {result:?}");
                if let Err(error) = result {
                    assert_eq!(error.kind(), io::ErrorKind::AlreadyExists, "{kind} {text}");
                }
                assert_eq!(std::fs::read_to_string(&path).unwrap() == text, done, "{kind} {text}");
                assert_eq!(folder.names(), ["report"], "{kind} {text}");
            }
        }
    }

    #[test]
    fn a_link_in_the_place_is_replaced_and_not_followed() {
        for kind in KINDS {
            let folder = Folder::new(&format!("link-{kind}"));
            std::fs::write(folder.0.join("other"), "precious").unwrap();
            let path = folder.0.join("report");
            std::os::unix::fs::symlink("other", &path).unwrap();
            let place = Place::at(&path).unwrap();
            let mut draft = make(kind, &place, Some(0o755));
            draft.write_all(b"new").unwrap();
            draft.put(Existing::Replace).unwrap();
            assert!(path.symlink_metadata().unwrap().is_file(), "{kind}");
            assert_eq!(std::fs::read_to_string(folder.0.join("other")).unwrap(), "precious", "{kind}");
            assert_eq!(std::os::unix::fs::MetadataExt::mode(&path.metadata().unwrap()) & 0o7777, 0o755, "{kind}");
        }
    }

    #[test]
    fn names_of_drafts_are_unique() {
        let mut names = std::collections::BTreeSet::new();
        for _ in 0..1_000 {
            assert!(names.insert(with_free_name(|_| Ok(())).unwrap().1));
        }
        assert_eq!(with_free_name(|_| Err::<(), _>(Errno::EXIST)).unwrap_err().kind(), io::ErrorKind::AlreadyExists);
    }
}
