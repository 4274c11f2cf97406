//! Files that keyradius writes: whole, or not at all.
//!
//! The new text goes to a file in the same directory, which takes the place of the old one in a single step (`rename`) after its
//! last byte was written. A full disk, a crash or a kill leaves the old file as it was. Pipes and devices have no old
//! text: they are written in place.

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

/// How many bytes are collected before they are written.
const BUFFER: usize = 64 << 10;

/// What makes a text, in pieces.
pub(crate) type Writer<'w> = &'w dyn Fn(&mut dyn Write) -> io::Result<()>;

/// What to do with a file that is there already.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Existing {
    /// Replace it.
    Replace,
    /// Leave it, and fail with [`io::ErrorKind::AlreadyExists`].
    Keep,
}

/// What a path names before anything is written.
#[cfg_attr(not(unix), expect(dead_code, reason = "other systems are not asked for mounts and descriptors"))]
#[derive(Debug, PartialEq, Eq)]
enum Named {
    /// Nothing.
    Nothing,
    /// A regular file.
    File,
    /// A regular file that something is mounted on, as containers do: it cannot be replaced, only written.
    Mount,
    /// A directory.
    Directory,
    /// A symbolic link, and where it leads.
    Link(PathBuf),
    /// An open descriptor of this process, such as `/dev/stdout`.
    Descriptor,
    /// A pipe, a device or a socket.
    Special,
}

/// Fails if the way to a file leads through a symbolic link below the current directory: such links come with a checkout, from
/// whoever wrote it. Those above it (`/tmp`, `/var`) are the system's, and those elsewhere the user's.
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
                    "name the directory itself ({}), or remove the link: output follows no link below the current \
                     directory, because others may have put it there",
                    printable_path(&to)
                )));
        }
    }
    Ok(())
}

/// Where output goes that a user named.
#[derive(Debug)]
pub(crate) struct Target {
    path: PathBuf,
    to: To,
}

#[derive(Debug)]
enum To {
    /// Written as it stands; `empty` it first.
    InPlace { file: File, empty: bool },
    /// Replaced at the end.
    Whole(Place),
}

impl Target {
    /// Opens what `path` names, or the directory where it will be, so that a mistake is reported before the work and
    /// not after it. Creates no file and changes none.
    pub(crate) fn open(path: PathBuf) -> Result<Self, Failure> {
        let shown = printable_path(&path);
        let refuse = |why: &str, hint: String| Err(Failure::new(format!("cannot write {shown}: {why}")).hint(hint));
        let fail = |error: &io::Error| {
            let hint = "name a file in a directory that exists and that you may write to: the new file is written beside \
                        its place first. Or redirect standard output";
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
            // What the shell wrote there before, or another program writes meanwhile, stays.
            Named::Descriptor => To::InPlace { file: open(true)?, empty: false },
            Named::Special => To::InPlace { file: open(false)?, empty: false },
            Named::Directory => return refuse("it is a directory", "name a file in it".to_owned()),
            Named::Link(to) => {
                return refuse(
                    "it is a symbolic link",
                    format!(
                        "name the file itself ({}), or remove the link: output follows no link, because others may \
                         have put it there",
                        printable_path(&to)
                    ),
                );
            }
        };
        Ok(Self { path, to })
    }

    /// The place of a file that is replaced at the end; what is written in place is open already.
    pub(crate) const fn place(&self) -> Option<&Place> {
        match &self.to {
            To::InPlace { .. } => None,
            To::Whole(place) => Some(place),
        }
    }

    /// The directory that a file is written to before it is in its place; none for what is written in place.
    pub(crate) fn directory(&self) -> Option<&Path> {
        match self.to {
            To::InPlace { .. } => None,
            To::Whole(_) => {
                self.path.parent().map(|parent| if parent.as_os_str().is_empty() { Path::new(".") } else { parent })
            }
        }
    }

    /// Writes everything as it is made.
    pub(crate) fn write_by(self, write: Writer<'_>) -> Result<(), Failure> {
        let shown = printable_path(&self.path);
        let (result, hint) = match self.to {
            To::InPlace { file, empty } => (in_place(file, empty, write), "check the disk or the device"),
            To::Whole(place) => {
                (place.put_by(write, Existing::Replace), "check the disk; what was there before is unchanged")
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
        // A reader that went away had enough.
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(()),
        result => result,
    }
}

impl Place {
    /// Writes a file of these bytes here. The permissions of an existing file are kept.
    pub(crate) fn put(&self, bytes: &[u8], existing: Existing) -> io::Result<()> {
        self.put_by(&|file| file.write_all(bytes), existing)
    }

    /// Writes a file here as it is made. If that fails, what was there before stays.
    fn put_by(&self, write: Writer<'_>, existing: Existing) -> io::Result<()> {
        let mut draft = BufWriter::with_capacity(BUFFER, Draft::new(self, None)?);
        write(&mut draft)?;
        draft.into_inner().map_err(IntoInnerError::into_error)?.put(existing)
    }
}

/// Writes a file of these bytes at `path`, or changes nothing.
pub(crate) fn put(path: &Path, bytes: &[u8], existing: Existing) -> io::Result<()> {
    Place::at(path)?.put(bytes, existing)
}
