//! Writes files completely or not at all.
//!
//! The new content goes to a file in the same directory, which replaces the old file in a single step (`rename`) after
//! its last byte was written. A full disk, a crash or a kill leaves the old file unchanged. Pipes and devices have no
//! old content: they are written directly.

#[cfg(not(unix))]
mod other;
#[cfg(unix)]
mod unix;

use std::fs::File;
use std::io::{self, BufWriter, IntoInnerError, Seek, Write};
use std::path::{Path, PathBuf};

use keyradius_core::blob::printable_path;

use crate::exit::Failure;
use crate::exit::plain;

#[cfg(not(unix))]
use other as system;
#[cfg(unix)]
use unix as system;

pub(crate) use system::{Draft, Place};

/// Number of bytes that are collected before they are written.
const BUFFER: usize = 64 << 10;

/// A function that writes the content, in pieces.
pub(crate) type Writer<'w> = &'w dyn Fn(&mut dyn Write) -> io::Result<()>;

/// What to do with an existing file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Existing {
    /// Replace the file.
    Replace,
    /// Keep the file, and fail with [`io::ErrorKind::AlreadyExists`].
    Keep,
}

/// The kind of file that a path names before anything is written.
#[cfg_attr(not(unix), expect(dead_code, reason = "only Unix distinguishes mounts and descriptors"))]
#[derive(Debug, PartialEq, Eq)]
enum Named {
    /// Nothing.
    Nothing,
    /// A regular file.
    File,
    /// A regular file that is a mount point, as in containers: it cannot be replaced, only written.
    Mount,
    /// A directory.
    Directory,
    /// A symbolic link, with its target.
    Link(PathBuf),
    /// An open descriptor of this process, such as `/dev/stdout`.
    Descriptor,
    /// A pipe, a device or a socket.
    Special,
}

/// Fails if the path of a file contains a symbolic link below the current directory. Such links may come with a
/// checkout, from somebody else. Links above the current directory (`/tmp`, `/var`) belong to the system, links
/// elsewhere to the user.
pub(crate) fn check_way(path: &Path) -> Result<(), Failure> {
    let here = std::env::current_dir().and_then(|here| here.canonicalize()).unwrap_or_default();
    if here.parent().is_none() {
        return Ok(());
    }
    for folder in path.ancestors().skip(1).filter(|folder| !folder.as_os_str().is_empty()) {
        let Ok(to) = folder.read_link() else { continue };
        let above = folder.parent().filter(|above| !above.as_os_str().is_empty()).unwrap_or(Path::new("."));
        if above.canonicalize().is_ok_and(|above| above.starts_with(&here)) {
            let shown = printable_path(path);
            return Err(Failure::new(format!("cannot write {shown}: {} is a symbolic link", printable_path(folder)))
                .hint(format!(
                    "name the directory itself ({}), or remove the link: output does not follow links below the \
                     current directory, because others may have created them",
                    printable_path(&to)
                )));
        }
    }
    Ok(())
}

/// The destination of output that the user named.
#[derive(Debug)]
pub(crate) struct Target {
    path: PathBuf,
    to: To,
}

#[derive(Debug)]
enum To {
    /// Written directly, after truncating it if `empty`.
    InPlace { file: File, empty: bool },
    /// Replaced by a complete file at the end.
    Whole(Place),
}

impl Target {
    /// Opens the file at `path`, or the directory that will contain it, so that mistakes are reported before the work
    /// and not after it. Does not create or change a file.
    pub(crate) fn open(path: PathBuf) -> Result<Self, Failure> {
        let shown = printable_path(&path);
        let refuse = |why: &str, hint: String| Err(Failure::new(format!("cannot write {shown}: {why}")).hint(hint));
        let fail = |error: &io::Error| {
            let hint = "name a file in an existing directory that you can write to, because a new file is created there \
                        first; or redirect standard output";
            Failure::new(format!("cannot write {shown}: {}", plain(error))).hint(hint)
        };
        check_way(&path)?;
        let open = |append: bool| File::options().write(true).append(append).open(&path).map_err(|error| fail(&error));
        let to = match Named::by(&path).map_err(|error| fail(&error))? {
            Named::Nothing | Named::File => {
                let place = Place::at(&path).and_then(|place| place.check_replaceable().map(|()| place));
                To::Whole(place.map_err(|error| fail(&error))?)
            }
            Named::Mount => To::InPlace { file: open(false)?, empty: true },
            // Append, to keep what the shell or another program writes to the same file.
            Named::Descriptor => To::InPlace { file: open(true)?, empty: false },
            Named::Special => To::InPlace { file: open(false)?, empty: false },
            Named::Directory => return refuse("it is a directory", "name a file in it".to_owned()),
            Named::Link(to) => {
                return refuse(
                    "it is a symbolic link",
                    format!(
                        "name the file itself ({}), or remove the link: output does not follow links, because others \
                         may have created them",
                        printable_path(&to)
                    ),
                );
            }
        };
        Ok(Self { path, to })
    }

    /// The place of a file that is replaced at the end; `None` for a file that is written directly.
    pub(crate) const fn place(&self) -> Option<&Place> {
        match &self.to {
            To::InPlace { .. } => None,
            To::Whole(place) => Some(place),
        }
    }

    /// The directory in which a new file is created; `None` for a file that is written directly.
    pub(crate) fn directory(&self) -> Option<&Path> {
        match self.to {
            To::InPlace { .. } => None,
            To::Whole(_) => {
                self.path.parent().map(|parent| if parent.as_os_str().is_empty() { Path::new(".") } else { parent })
            }
        }
    }

    /// Writes the content as `write` produces it.
    pub(crate) fn write_by(self, write: Writer<'_>) -> Result<(), Failure> {
        let shown = printable_path(&self.path);
        let (result, hint) = match self.to {
            To::InPlace { file, empty } => (in_place(file, empty, write), "check that the disk or device is not full"),
            To::Whole(place) => {
                (place.put_by(write, Existing::Replace), "check that the disk is not full; the old file is unchanged")
            }
        };
        result.map_err(|error| Failure::new(format!("cannot write {shown}: {}", plain(&error))).hint(hint))
    }
}

fn in_place(mut file: File, empty: bool, write: Writer<'_>) -> io::Result<()> {
    if empty {
        file.set_len(0)?;
        file.rewind()?;
    }
    let mut buffered = BufWriter::with_capacity(BUFFER, file);
    match write(&mut buffered).and_then(|()| buffered.flush()) {
        // A closed pipe is not an error: its reader needs no more.
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(()),
        result => result,
    }
}

impl Place {
    /// Writes these bytes to a file at this place. The permissions of an existing file are kept.
    pub(crate) fn put(&self, bytes: &[u8], existing: Existing) -> io::Result<()> {
        self.put_by(&|file| file.write_all(bytes), existing)
    }

    /// Writes a file at this place as `write` produces it. On failure, the old file stays.
    pub(crate) fn put_by(&self, write: Writer<'_>, existing: Existing) -> io::Result<()> {
        let mut draft = BufWriter::with_capacity(BUFFER, Draft::new(self, None)?);
        write(&mut draft)?;
        draft.into_inner().map_err(IntoInnerError::into_error)?.put(existing)
    }
}

/// Writes these bytes to a file at `path`, or changes nothing.
pub(crate) fn put(path: &Path, bytes: &[u8], existing: Existing) -> io::Result<()> {
    Place::at(path)?.put(bytes, existing)
}
