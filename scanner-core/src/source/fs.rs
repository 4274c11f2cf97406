//! Files on disk: every one, hidden and ignored ones too.
//!
//! Repositories are noted on the way; what they store is read by [`crate::git`].
//!
//! Symlinks are not followed (a link given by the user is), special files are never opened, pseudo file systems are
//! left alone. The walk and its threads are those of the `ignore` crate, as in ripgrep.

use std::collections::BTreeSet;
use std::fs::{File, OpenOptions};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use ignore::{DirEntry, WalkBuilder, WalkState};

use super::stream::{CORE, Windows};
use crate::blob::Origin;
use crate::error::{Gap, Reason, SourceError};
use crate::git::{Found, Repositories, is_storage};
use crate::material::Occurrence;
use crate::random::Cursor;
use crate::seam::{BlobSink, Packed, Random, Source};

/// Directories and files, walked in parallel.
#[derive(Debug)]
pub struct Tree<'a> {
    /// Where to start.
    pub roots: Vec<PathBuf>,
    /// Whether to stay on the file systems of the roots.
    pub one_file_system: bool,
    /// Who reads the repositories, packs and bundles that the walk comes by; their objects are not read as files then.
    pub repositories: &'a Repositories,
}

impl Source for Tree<'_> {
    fn feed(&self, jobs: usize, sink: &dyn BlobSink) -> Result<(), SourceError> {
        for path in &self.roots {
            path.metadata().map_err(|error| SourceError::Unusable { path: path.clone(), error })?;
        }
        let mut roots = distinct(&self.roots).into_iter();
        let Some(first) = roots.next() else { return Ok(()) };
        let mut walk = WalkBuilder::new(first);
        roots.for_each(|root| {
            walk.add(root);
        });
        let devices = self.one_file_system.then(|| self.roots.iter().filter_map(|r| device(r)).collect());
        walk.standard_filters(false).follow_links(false).threads(jobs.max(1));
        walk.build_parallel().run(|| {
            let mut visitor =
                Visitor { windows: Windows::default(), sink, devices: &devices, repositories: self.repositories };
            Box::new(move |entry| visitor.visit(entry))
        });
        Ok(())
    }

    fn settle(&self, _jobs: usize, found: &mut Vec<Occurrence>, sink: &dyn BlobSink) {
        let is_here = |o: &Occurrence| o.origin.object.is_none() && o.section.is_none() && o.git.is_none();
        for file in found.chunk_by_mut(|a, b| a.origin.path == b.origin.path) {
            let in_file = |o: &Occurrence| is_here(o) && o.origin.wraps.iter().all(|wrap| wrap.text);
            if file.iter().all(in_file) && file.first().is_some_and(|o| o.origin.path.as_os_str() != "-") {
                settle_file(file, sink);
            }
        }
    }
}

/// What the run found in one file on disk that was read in windows: nothing has told the sections of a program yet.
fn settle_file(found: &mut [Occurrence], sink: &dyn BlobSink) {
    let Some(path) = found.first().map(|occurrence| occurrence.origin.path.clone()) else { return };
    let Ok(file) = open(&path, false) else { return };
    let program = Cursor::new(Arc::new(file));
    if program.size() <= CORE as u64 {
        return;
    }
    let mut start = [0; 16];
    let read = program.read_from(0, &mut start).unwrap_or(0);
    sink.map(start.get(..read).unwrap_or_default(), found, &|| program.clone());
}

/// The roots without those that lie in another one, so that no file is read twice.
fn distinct(roots: &[PathBuf]) -> Vec<&PathBuf> {
    let real: Vec<PathBuf> = roots.iter().map(|root| root.canonicalize().unwrap_or_else(|_| root.clone())).collect();
    let covered = |index: usize, path: &PathBuf| {
        real.iter().enumerate().any(|(other, root)| path.starts_with(root) && (path != root || other < index))
    };
    roots
        .iter()
        .zip(&real)
        .enumerate()
        .filter(|(index, (_, path))| !covered(*index, path))
        .map(|(_, (root, _))| root)
        .collect()
}

/// One thread's share of the walk.
struct Visitor<'a> {
    windows: Windows,
    sink: &'a dyn BlobSink,
    devices: &'a Option<BTreeSet<u64>>,
    repositories: &'a Repositories,
}

impl Visitor<'_> {
    fn visit(&mut self, entry: Result<DirEntry, ignore::Error>) -> WalkState {
        if self.sink.cancelled() {
            return WalkState::Quit;
        }
        match entry {
            Ok(entry) => self.entry(entry),
            Err(error) => {
                self.walk_fault(&error, None);
                WalkState::Continue
            }
        }
    }

    fn entry(&mut self, entry: DirEntry) -> WalkState {
        let Some(kind) = entry.file_type() else { return WalkState::Continue };
        let given = entry.depth() == 0;
        let is_directory =
            kind.is_dir() || (kind.is_symlink() && entry.file_name() == "objects" && entry.path().is_dir());
        if let Some(found) = Found::at(entry.path(), is_directory) {
            self.repositories.found(found);
        }
        // Only if the object directory is part of the walk: `scan .git/objects/pack` means those files.
        let inside = entry.depth() >= if kind.is_dir() { 1 } else { 2 };
        if inside && is_storage(entry.path(), kind.is_dir()) {
            return WalkState::Skip;
        }
        if kind.is_dir() {
            return self.directory(entry.path());
        }
        if kind.is_file() || (given && kind.is_symlink() && entry.path().is_file()) {
            self.file(entry.into_path(), given);
        } else if !kind.is_symlink() {
            self.gap(entry.path(), Reason::SpecialFile, "FIFO, socket or device: not opened");
        }
        WalkState::Continue
    }

    fn directory(&self, path: &Path) -> WalkState {
        if let Some(name) = pseudo_file_system(path) {
            self.gap(path, Reason::PseudoFileSystem, name);
            return WalkState::Skip;
        }
        if let Some(devices) = self.devices
            && device(path).is_some_and(|d| !devices.contains(&d))
        {
            self.gap(path, Reason::OtherFileSystem, "--one-file-system");
            return WalkState::Skip;
        }
        WalkState::Continue
    }

    fn file(&mut self, path: PathBuf, follow: bool) {
        match open(&path, follow) {
            Ok(mut file) => {
                let origin = Origin::file(path);
                let claim =
                    |start: &[u8]| self.repositories.claims(start) || start.len() > CORE && self.sink.contains(start);
                if !self.windows.feed_unless(&mut file, &origin, self.sink, &claim) {
                    return;
                }
                // A large file that is claimed: it can be read at any place.
                let file = Arc::new(file);
                let mut again = Cursor::new(Arc::clone(&file) as Arc<dyn Random>);
                let size = again.size();
                let mut start = [0; 64];
                let read = again.read_from(0, &mut start).unwrap_or(0);
                if self.repositories.claims(start.get(..read).unwrap_or_default()) {
                    self.repositories.found(Found::Pack(origin.path));
                } else if size > self.sink.max_bytes() {
                    let detail = format!("larger than {} bytes", self.sink.max_bytes());
                    self.gap(&origin.path, Reason::TooLarge, &detail);
                } else if self.sink.unpack(&origin, Packed::Random(file)).is_some() {
                    self.sink.done(size);
                } else {
                    self.windows.feed_plain(&mut again, &origin, self.sink);
                }
            }
            Err(error) => self.fault(&path, &error),
        }
    }

    fn walk_fault(&self, error: &ignore::Error, path: Option<&Path>) {
        match error {
            ignore::Error::WithPath { path, err } => self.walk_fault(err, Some(path)),
            ignore::Error::WithDepth { err, .. } | ignore::Error::WithLineNumber { err, .. } => {
                self.walk_fault(err, path);
            }
            ignore::Error::Partial(errors) => errors.iter().for_each(|error| self.walk_fault(error, path)),
            ignore::Error::Io(error) => self.fault(path.unwrap_or(Path::new("")), error),
            other => self.gap(path.unwrap_or(Path::new("")), Reason::ReadError, &other.to_string()),
        }
    }

    fn fault(&self, path: &Path, error: &io::Error) {
        let reason = match error.kind() {
            io::ErrorKind::PermissionDenied => Reason::Permission,
            io::ErrorKind::NotFound => Reason::Vanished,
            _ => Reason::ReadError,
        };
        self.gap(path, reason, &error.to_string());
    }

    fn gap(&self, path: &Path, reason: Reason, detail: &str) {
        self.sink.gap(Gap { origin: Origin::file(path), reason, detail: detail.to_owned() });
    }
}

/// Opens for reading, never blocking on a FIFO that took the file's place and never through a link that did.
#[cfg(unix)]
fn open(path: &Path, follow: bool) -> io::Result<File> {
    use rustix::fs::OFlags;
    use std::os::unix::fs::OpenOptionsExt;
    let mut flags = OFlags::NONBLOCK | OFlags::CLOEXEC | OFlags::NOCTTY;
    if !follow {
        flags |= OFlags::NOFOLLOW;
    }
    OpenOptions::new().read(true).custom_flags(flags.bits().cast_signed()).open(path)
}

#[cfg(not(unix))]
fn open(path: &Path, _follow: bool) -> io::Result<File> {
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

/// The name of the pseudo file system that a directory is on (magic numbers of `linux/magic.h`). Its files hold no
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
