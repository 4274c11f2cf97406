//! Reads files on disk: all of them, hidden and ignored ones too.
//!
//! Repositories are recorded during the walk; a [`StorageReader`] reads what they store.
//!
//! Symbolic links are counted and not followed, except those named by the user. Special files are opened only if the
//! user named them ([`super::special`]); pseudo file systems are skipped. Anything named but not read is reported. The
//! walk itself is in `source/walk.rs`.

use std::cell::Cell;
use std::collections::{BTreeMap, BTreeSet};
use std::fs::{File, OpenOptions};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use super::name;
use super::sectors::{Bad, Sectors};
use super::special::Special;
use super::storage::{self, StorageReader};
use super::stream::{CORE, Windows};
use super::tap::Tap;
use super::walk::{self, Entry};
use crate::blob::Origin;
use crate::error::{Gap, Reason, SourceError};
use crate::material::Occurrence;
use crate::read_at::{Cursor, ReadAt};
use crate::run::Run;
use crate::seam::{Feed, Packed, Source};
use crate::secret::wipe_stack;

/// Directories and files, walked in parallel.
#[derive(Debug)]
pub struct Tree<'a> {
    /// The starting points: directories and files.
    pub roots: Vec<PathBuf>,
    /// Whether to stay on the file systems of the roots.
    pub one_file_system: bool,
    /// Reads the repositories, packs and bundles found by the walk; their objects are then not read as files.
    pub repositories: &'a dyn StorageReader,
}

impl Source for Tree<'_> {
    fn feed(&self, jobs: usize, to: Feed<'_>) -> Result<(), SourceError> {
        for path in &self.roots {
            path.metadata().map_err(|error| SourceError::Unusable { path: path.clone(), error })?;
        }
        let (special, roots): (Vec<_>, Vec<_>) =
            distinct(&self.roots).into_iter().partition(|root| Special::of(root).is_some());
        for root in special {
            if let Some(special) = Special::of(root) {
                special.read(root, to);
            }
        }
        let devices = self.one_file_system.then(|| self.roots.iter().filter_map(|r| device(r)).collect());
        let links = Mutex::new(BTreeMap::new());
        let visitor = || Visitor {
            windows: Windows::default(),
            to,
            devices: &devices,
            repositories: self.repositories,
            links: &links,
            last: PathBuf::new(),
            worked: false,
        };
        // A file is read by one thread.
        let jobs = if roots.iter().all(|root| root.is_file()) { jobs.min(roots.len()) } else { jobs };
        walk::walk(roots.into_iter().cloned().collect(), jobs, &visitor)
            .map_err(|error| SourceError::Threads(error.to_string()))?;
        for (root, seen) in links.into_inner().unwrap_or_else(PoisonError::into_inner) {
            seen.tell(&root, to.run);
        }
        Ok(())
    }

    fn annotate(&self, _jobs: usize, found: &mut Vec<Occurrence>, run: &Run<'_>) {
        let is_here = |o: &Occurrence| o.origin.object.is_none() && o.section.is_none() && o.git.is_none();
        for file in found.chunk_by_mut(|a, b| a.origin.path == b.origin.path) {
            let in_file = |o: &Occurrence| is_here(o) && o.origin.wraps.iter().all(|wrap| wrap.text);
            if file.iter().all(in_file) && file.first().is_some_and(|o| o.origin.path.as_os_str() != "-") {
                annotate_files(file, run);
            }
        }
    }
}

/// Adds sections to the findings in one file on disk that was read in windows: the worker adds them only to whole
/// files.
fn annotate_files(found: &mut [Occurrence], run: &Run<'_>) {
    let Some(path) = found.first().map(|occurrence| occurrence.origin.path.clone()) else { return };
    let Ok(file) = open(&path, false) else { return };
    let program = Cursor::new(Arc::new(file));
    if program.size() <= CORE as u64 {
        return;
    }
    let mut start = [0; 16];
    let read = program.read_from(0, &mut start).unwrap_or(0);
    run.locate(start.get(..read).unwrap_or_default(), found, &|| program.clone());
}

/// The roots without those inside another root, so that no file is read twice.
fn distinct(roots: &[PathBuf]) -> Vec<&PathBuf> {
    let real: Vec<PathBuf> = roots.iter().map(|root| root.canonicalize().unwrap_or_else(|_| root.clone())).collect();
    let mut first: BTreeMap<&Path, usize> = BTreeMap::new();
    for (index, path) in real.iter().enumerate() {
        first.entry(path).or_insert(index);
    }
    let is_first = |index: usize, path: &PathBuf| first.get(path.as_path()) == Some(&index);
    let is_below = |path: &PathBuf| path.ancestors().skip(1).any(|above| first.contains_key(above));
    let kept =
        roots.iter().zip(&real).enumerate().filter(|(index, (_, path))| is_first(*index, path) && !is_below(path));
    kept.map(|(_, (root, _))| root).collect()
}

/// Counts of what a walk met below one root.
#[derive(Clone, Copy, Debug, Default)]
struct Below {
    /// Symbolic links, which are not followed.
    links: u64,
    /// Whether there was anything else that is not a directory.
    others: bool,
}

fn many(links: u64) -> String {
    if links == 1 { "1 symbolic link".to_owned() } else { format!("{links} symbolic links") }
}

impl Below {
    fn tell(self, root: &Path, run: &Run<'_>) {
        let (reason, detail) = match self {
            Self { links: 0, .. } => return,
            Self { links, others: true } => (Reason::LinksNotFollowed, many(links)),
            Self { links, others: false } => {
                (Reason::TargetUnread, format!("nothing but {}; name their targets", many(links)))
            }
        };
        run.gap(Gap::new(Origin::file(root), reason, detail));
    }
}

/// The reader of a file that is not read in windows.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Claim {
    /// None: the file is read in windows.
    None,
    /// The reader of the storage that it is or belongs to.
    Storage(storage::Claim),
    /// It is a large container.
    Container,
}

/// One thread's share of the walk.
struct Visitor<'a> {
    windows: Windows,
    to: Feed<'a>,
    devices: &'a Option<BTreeSet<u64>>,
    repositories: &'a dyn StorageReader,
    /// Counts for each root that has a link or a file.
    links: &'a Mutex<BTreeMap<PathBuf, Below>>,
    /// The root below which this thread last saw a file.
    last: PathBuf,
    /// Whether this thread got anything to read.
    worked: bool,
}

impl Drop for Visitor<'_> {
    /// Wipes the stack of a thread of the walk before it ends, if anything was read on it.
    fn drop(&mut self) {
        if self.worked {
            wipe_stack();
        }
    }
}

impl walk::Visitor for Visitor<'_> {
    fn entry(&mut self, entry: Entry) -> bool {
        self.worked = true;
        let kind = entry.file_type();
        let given = entry.depth() == 0;
        self.repositories.notice(entry.path(), kind);
        if let Some(named) = entry.path().file_name().map(std::ffi::OsStr::as_encoded_bytes) {
            name::feed(named, &Origin::file(entry.path()), self.to);
        }
        if kind.is_dir() {
            return self.directory(entry.path(), given);
        }
        self.below(&entry, kind.is_symlink() && !given);
        if kind.is_file() || (given && is_readable(entry.path())) {
            let depth = entry.depth();
            self.file(entry.into_path(), given, depth);
        } else if !kind.is_symlink() {
            self.gap(entry.path(), Reason::SpecialFile, "FIFO, socket or device: not opened");
        }
        false
    }

    fn fault(&mut self, path: &Path, error: &io::Error) {
        self.unread(path, error);
    }

    fn left_out(&mut self, path: &Path) {
        self.gap(path, Reason::TooMany, "more waiting directories than fit into memory; not entered");
    }

    fn stop(&self) -> bool {
        self.to.run.cancelled()
    }
}

impl Visitor<'_> {
    /// Counts a link, or records that there is something else.
    fn below(&mut self, entry: &Entry, link: bool) {
        let Some(root) = entry.path().ancestors().nth(entry.depth()) else { return };
        if !link && self.last == root {
            return;
        }
        let mut links = self.links.lock().unwrap_or_else(PoisonError::into_inner);
        let below = links.entry(root.to_owned()).or_default();
        if link {
            below.links += 1;
        } else {
            below.others = true;
            root.clone_into(&mut self.last);
        }
    }

    /// Whether to enter a directory.
    fn directory(&self, path: &Path, given: bool) -> bool {
        if let Some(name) = pseudo_file_system(path) {
            if given {
                let detail = format!("a {name} directory, whose files are not stored bytes; name the files to read");
                self.gap(path, Reason::TargetUnread, &detail);
            } else {
                self.gap(path, Reason::PseudoFileSystem, name);
            }
            return false;
        }
        if let Some(devices) = self.devices
            && device(path).is_some_and(|d| !devices.contains(&d))
        {
            self.gap(path, Reason::OtherFileSystem, "--one-file-system");
            return false;
        }
        true
    }

    fn file(&mut self, path: PathBuf, follow: bool, depth: usize) {
        match open(&path, follow) {
            Ok(file) => {
                let (file, origin) = (Arc::new(file), Origin::file(path));
                let any_place = || Arc::clone(&file) as Arc<dyn ReadAt>;
                let claimed = Cell::new(Claim::None);
                let claim = |start: &[u8]| {
                    claimed.set(match self.repositories.claims(&origin.path, depth, start) {
                        Some(claim) => Claim::Storage(claim),
                        None if start.len() > CORE && self.to.run.is_container_at(&origin, start) => Claim::Container,
                        None => Claim::None,
                    });
                    claimed.get() != Claim::None
                };
                let bad = Cell::default();
                let tap = Tap::new(Sectors::new(&*file, &bad), self.to.run);
                let mut skip = |at| {
                    let zeros = pass_hole(&file, at);
                    tap.zeros(zeros);
                    zeros
                };
                let is_claimed = self.windows.feed_file(&mut &tap, &mut skip, &origin, self.to, &claim);
                let Bad { places, bytes, first } = bad.get();
                if places > 0 {
                    tap.fail();
                    let detail = format!("{bytes} bytes at {places} places cannot be read, the first at byte {first}");
                    self.gap(&origin.path, Reason::ReadError, &detail);
                }
                tap.end_file(&origin.path, &file, self.to.run);
                if !is_claimed {
                    self.to.sink.carve(&origin, &any_place);
                    return;
                }
                match claimed.get() {
                    Claim::Storage(storage::Claim::Now) => {
                        if let Some(file) = Arc::into_inner(file) {
                            self.repositories.read(file, &origin, &mut self.windows, self.to);
                        }
                        return;
                    }
                    Claim::Storage(storage::Claim::Later) | Claim::None => return,
                    Claim::Container => {}
                }
                // A large container on disk: readable at any offset.
                let mut again = Cursor::new(any_place());
                let size = again.size();
                let most = self.to.run.limits().max_bytes;
                if size > most {
                    let detail = format!("larger than {most} bytes");
                    self.gap(&origin.path, Reason::TooLarge, &detail);
                } else if self.to.sink.open(&origin, Packed::AnyPlace(any_place())).is_some() {
                    self.to.run.count_file(size);
                } else {
                    self.windows.feed_plain(&mut again, &origin, self.to);
                    self.to.sink.carve(&origin, &any_place);
                }
            }
            Err(error) => self.unread(&path, &error),
        }
    }

    fn unread(&self, path: &Path, error: &io::Error) {
        let reason = match error.kind() {
            io::ErrorKind::PermissionDenied => Reason::Permission,
            io::ErrorKind::NotFound => Reason::Vanished,
            _ => Reason::ReadError,
        };
        self.gap(path, reason, &error.to_string());
    }

    fn gap(&self, path: &Path, reason: Reason, detail: &str) {
        self.to.run.gap(Gap::new(Origin::file(path), reason, detail.to_owned()));
    }
}

/// Seeks past the hole of a sparse file that begins at `at`, and returns its length. A file of eight terabytes may take
/// ten kilobytes on disk.
#[cfg(target_os = "linux")]
fn pass_hole(file: &File, at: u64) -> u64 {
    use rustix::fs::{SeekFrom, seek};
    let next = match seek(file, SeekFrom::Data(at)) {
        Err(rustix::io::Errno::NXIO) => {
            file.metadata().and_then(|file_is| Ok(seek(file, SeekFrom::Start(file_is.len()))?))
        }
        other => Ok(other.unwrap_or(at)),
    };
    next.unwrap_or(at).saturating_sub(at)
}

#[cfg(not(target_os = "linux"))]
const fn pass_hole(_file: &File, _at: u64) -> u64 {
    0
}

/// Whether a path named by the user is a file or a disk.
fn is_readable(path: &Path) -> bool {
    #[cfg(unix)]
    let is_disk = |kind: std::fs::FileType| std::os::unix::fs::FileTypeExt::is_block_device(&kind);
    #[cfg(not(unix))]
    let is_disk = |_| false;
    path.metadata().is_ok_and(|metadata| metadata.is_file() || is_disk(metadata.file_type()))
}

/// Opens a file for reading. Does not block if a FIFO took its place, and does not follow a link that did unless
/// `follow` is set.
#[cfg(unix)]
pub(super) fn open(path: &Path, follow: bool) -> io::Result<File> {
    use rustix::fs::OFlags;
    let flags = OFlags::NONBLOCK | OFlags::CLOEXEC | OFlags::NOCTTY;
    open_quietly(path, if follow { flags } else { flags | OFlags::NOFOLLOW })
}

/// Opens a file for reading and, if the system allows it, without a trace in its access time: only the owner of a file
/// may do so (`O_NOATIME`, open(2)).
#[cfg(unix)]
pub fn open_quietly(path: &Path, flags: rustix::fs::OFlags) -> io::Result<File> {
    use std::os::unix::fs::OpenOptionsExt;
    let open =
        |flags: rustix::fs::OFlags| OpenOptions::new().read(true).custom_flags(flags.bits().cast_signed()).open(path);
    #[cfg(target_os = "linux")]
    match open(flags | rustix::fs::OFlags::NOATIME) {
        Err(error) if error.kind() == io::ErrorKind::PermissionDenied => {}
        opened => return opened,
    }
    open(flags)
}

#[cfg(not(unix))]
pub(super) fn open(path: &Path, _follow: bool) -> io::Result<File> {
    OpenOptions::new().read(true).open(path)
}

#[cfg(unix)]
fn device(path: &Path) -> Option<u64> {
    use std::os::unix::fs::MetadataExt;
    path.metadata().ok().map(|m| m.dev())
}

#[cfg(not(unix))]
fn device(_path: &Path) -> Option<u64> {
    None
}

/// The name of the pseudo file system that contains a directory (magic numbers of `linux/magic.h`). Its files have no
/// stored bytes, and some (`/proc/kcore`) have no end.
#[cfg(target_os = "linux")]
fn pseudo_file_system(path: &Path) -> Option<&'static str> {
    Some(match rustix::fs::statfs(path).ok()?.f_type {
        0x9fa0 => "proc",
        0x6265_6572 => "sysfs",
        0x6462_6720 => "debugfs",
        0x7472_6163 => "tracefs",
        0x7363_6673 => "securityfs",
        0x0027_e0eb | 0x6367_7270 => "cgroup",
        0xcafe_4a11 => "bpf",
        0x1cd1 => "devpts",
        _ => return None,
    })
}

#[cfg(not(target_os = "linux"))]
fn pseudo_file_system(_path: &Path) -> Option<&'static str> {
    None
}
