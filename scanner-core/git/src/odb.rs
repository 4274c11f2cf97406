//! The object database of a repository: object directories, the packs and loose objects in them, and their alternates.

use std::collections::BTreeSet;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::agree;
use super::bounds::Bounds;
use super::bundle;
use super::inflate::Inflater;
use super::loose::{self, Loose};
use super::pack::{MISSING_BASE, Pack};
use super::rescue::Rescue;
use super::store::read_regular;
use keyradius_core::blob::Origin;
use keyradius_core::error::{Gap, Malformed, Reason};
use keyradius_core::oid::{Format, Kind, ObjectId};

/// Maximum number of levels of alternates (git's own limit).
const ALTERNATES: usize = 5;

/// Largest text file of a repository that is held in memory, in bytes: a reflog of about 400,000 lines.
pub(crate) const TEXT: u64 = 64 << 20;

/// Largest object that is read by itself, in bytes: a commit, a tree, a file that may use keys, a second copy. Two of
/// them and a delta are in memory at a time.
pub(crate) const ALONE: u64 = 32 << 20;

/// Maximum number of damaged entries of a pack that are reported one by one.
const MOST_FAULTS: usize = 1000;

/// One object directory.
#[derive(Debug)]
pub(crate) struct Directory {
    pub(crate) path: PathBuf,
    pub(crate) packs: Vec<Pack>,
    pub(crate) loose: Vec<ObjectId>,
    /// Whether other repositories read its objects: then they are only looked up here.
    pub(crate) elsewhere: bool,
}

/// The object directories of a repository.
#[derive(Debug)]
pub(crate) struct Odb {
    pub(crate) format: Format,
    pub(crate) directories: Vec<Directory>,
    /// Whether a pack is a promisor pack, whose missing objects a server has (a partial clone).
    pub(crate) promisor: bool,
    pub(crate) bounds: Arc<Bounds>,
}

/// Why an object could not be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Missing {
    /// The object is not stored here.
    Absent,
    /// The object is stored here and cannot be read.
    Damaged(Malformed),
}

impl Odb {
    /// Opens an object directory and its alternates. What cannot be read is reported to `gap`.
    pub(crate) fn open(objects: &Path, format: Format, bounds: &Arc<Bounds>, gap: &mut dyn FnMut(Gap)) -> Self {
        let bounds = Arc::clone(bounds);
        let mut odb = Self { format, directories: Vec::new(), promisor: false, bounds };
        for path in with_alternates(objects, gap) {
            let directory = odb.directory(&path, gap);
            odb.directories.push(directory);
        }
        odb
    }

    /// The object database of standalone packs.
    pub(crate) fn of_packs(format: Format, path: &Path, packs: Vec<Pack>, bounds: &Arc<Bounds>) -> Self {
        let directory = Directory { path: path.to_owned(), packs, loose: Vec::new(), elsewhere: false };
        Self { format, directories: vec![directory], promisor: false, bounds: Arc::clone(bounds) }
    }

    /// Lists everything again, to find what was added while it was read. Returns the new loose objects of each
    /// directory, and whether anything is new.
    pub(crate) fn refresh(&mut self, gap: &mut dyn FnMut(Gap)) -> (Vec<Vec<ObjectId>>, bool) {
        let mut directories = std::mem::take(&mut self.directories);
        let mut changed = false;
        let mut fresh = Vec::new();
        for directory in &mut directories {
            let known: BTreeSet<PathBuf> = directory.packs.iter().map(|pack| pack.path.clone()).collect();
            for name in names(&directory.path.join("pack"), gap) {
                if name.extension().is_some_and(|extension| extension == "pack") && !known.contains(&name) {
                    directory.packs.extend(self.pack(&name, gap));
                    changed = true;
                }
            }
            let now = loose::list(&directory.path, self.format).map(|(ids, _)| ids).unwrap_or_default();
            let new: Vec<ObjectId> = now.into_iter().filter(|id| directory.loose.binary_search(id).is_err()).collect();
            changed |= !new.is_empty();
            directory.loose.extend_from_slice(&new);
            directory.loose.sort_unstable();
            fresh.push(new);
        }
        self.directories = directories;
        (fresh, changed)
    }

    fn directory(&mut self, path: &Path, gap: &mut dyn FnMut(Gap)) -> Directory {
        let mut directory = Directory { path: path.to_owned(), packs: Vec::new(), loose: Vec::new(), elsewhere: false };
        match loose::list(path, self.format) {
            Ok((ids, others)) => {
                directory.loose = ids;
                for other in others.iter().filter(|other| loose::is_named(other)) {
                    gap(unread(other, Reason::Unknown, "not an object of this repository's format".to_owned()));
                }
            }
            Err(error) => gap(unread(path, reason(&error), error.to_string())),
        }
        for name in names(&path.join("pack"), gap) {
            match name.extension().and_then(|extension| extension.to_str()) {
                Some("pack") => directory.packs.extend(self.pack(&name, gap)),
                Some("promisor") => self.promisor = true,
                // Whatever its name: a pack is read as a pack, everything else as a plain file.
                _ => {}
            }
            if name.extension().is_none_or(|extension| extension != "pack") && bundle::is_pack(&name) {
                self.leftover(&name, &mut directory, gap);
            }
        }
        agree::check_multi(&directory, self.format, gap);
        directory
    }

    fn pack(&self, path: &Path, gap: &mut dyn FnMut(Gap)) -> Option<Pack> {
        match Pack::open(path, self.format, &self.bounds) {
            Ok(pack) => Some(pack),
            Err(error) => {
                let index = path.with_extension("idx");
                // Gone between listing and opening: a repack. The caller lists again.
                if !path.exists() {
                    gap(unread(path, Reason::Vanished, error.to_string()));
                    return None;
                }
                match rebuilt(path, 0, self.format, &self.bounds, gap) {
                    Ok(pack) => {
                        if index.exists() {
                            agree::check_set_aside(&index, &pack, &error.to_string(), gap);
                        }
                        Some(pack)
                    }
                    Err(error) => {
                        gap(unread(path, reason(&error), error.to_string()));
                        None
                    }
                }
            }
        }
    }

    /// Reads what an interrupted git left behind: most of a pack.
    fn leftover(&self, path: &Path, directory: &mut Directory, gap: &mut dyn FnMut(Gap)) {
        match rebuilt(path, 0, self.format, &self.bounds, gap) {
            Ok(pack) => directory.packs.push(pack),
            Err(_) => gap(unread(path, Reason::Unknown, "neither an object nor a pack".to_owned())),
        }
    }

    /// Reads one object.
    pub(crate) fn read(&self, id: &ObjectId) -> Result<(Kind, Vec<u8>), Missing> {
        let mut missing = Missing::Absent;
        for directory in &self.directories {
            for pack in &directory.packs {
                let Some(position) = pack.index.find(id) else { continue };
                match pack.read(position, ALONE) {
                    Ok(object) => return Ok(object),
                    Err(what) => missing = Missing::Damaged(what),
                }
            }
            if directory.loose.binary_search(id).is_ok() {
                match read_loose(&directory.path, id) {
                    Ok(object) => return Ok(object),
                    Err(what) => missing = Missing::Damaged(what),
                }
            }
        }
        // The object is damaged here; the base of a delta may be whole elsewhere.
        match missing {
            Missing::Damaged(_) => Rescue::new(self).object(id).ok_or(missing),
            Missing::Absent => Err(missing),
        }
    }

    /// Whether an object is stored here.
    pub(crate) fn has(&self, id: &ObjectId) -> bool {
        self.directories.iter().any(|directory| {
            directory.packs.iter().any(|pack| pack.index.find(id).is_some())
                || directory.loose.binary_search(id).is_ok()
        })
    }

    /// The object whose id begins with these eight bytes.
    pub(crate) fn by_key(&self, key: u64) -> Option<ObjectId> {
        self.directories.iter().find_map(|directory| {
            let at = directory.loose.partition_point(|id| id.key() < key);
            let loose = directory.loose.get(at).filter(|id| id.key() == key).copied();
            directory.packs.iter().find_map(|pack| pack.index.by_key(key)).or(loose)
        })
    }

    /// The object whose id begins with these digits, if there is exactly one.
    pub(crate) fn abbreviated(&self, digits: &str) -> Option<ObjectId> {
        let mut found = BTreeSet::new();
        for directory in &self.directories {
            directory.packs.iter().for_each(|pack| found.extend(pack.index.beginning(digits)));
            found.extend(directory.loose.iter().filter(|id| id.to_string().starts_with(digits)));
        }
        (found.len() == 1).then(|| found.pop_first()).flatten()
    }
}

/// Opens a pack without an index, and reports what could not be read of it.
pub(crate) fn rebuilt(
    path: &Path,
    start: u64,
    format: Format,
    bounds: &Arc<Bounds>,
    gap: &mut dyn FnMut(Gap),
) -> io::Result<Pack> {
    let (pack, faults) = Pack::without_index(path, start, format, bounds)?;
    let (missing, damaged): (Vec<_>, Vec<_>) = faults.into_iter().partition(|what| what.what == MISSING_BASE);
    if !missing.is_empty() {
        let detail = format!("{} objects are stored as deltas whose bases are missing", missing.len());
        gap(unread(path, Reason::MissingBase, detail));
    }
    let many = damaged.len();
    for what in damaged.into_iter().take(MOST_FAULTS) {
        gap(unread(path, Reason::Damaged, format!("entry at byte {}: {}", what.at, what.what)));
    }
    if many > MOST_FAULTS {
        gap(unread(path, Reason::Damaged, format!("and {} more entries", many - MOST_FAULTS)));
    }
    Ok(pack)
}

pub(super) fn read_loose(objects: &Path, id: &ObjectId) -> Result<(Kind, Vec<u8>), Malformed> {
    let mut inflater = Inflater::default();
    let unreadable = Malformed::new("loose object cannot be opened", 0);
    let object = Loose::open(&loose::path(objects, id), &mut inflater).map_err(|_| unreadable)??;
    if object.size > ALONE {
        return Err(Malformed::new(super::walk::TOO_LARGE, 0));
    }
    let mut bytes = Vec::new();
    let (header, _) = object.read(&mut inflater, &mut bytes)?;
    bytes.drain(..header);
    Ok((object.kind, bytes))
}

/// The object directory and its alternates, each once.
pub(super) fn with_alternates(objects: &Path, gap: &mut dyn FnMut(Gap)) -> Vec<PathBuf> {
    let mut seen = BTreeSet::new();
    let mut paths = Vec::new();
    let mut queue = vec![(objects.to_owned(), 0)];
    while let Some((path, depth)) = queue.pop() {
        let real = match path.canonicalize() {
            Ok(real) if real.is_dir() => real,
            Ok(_) => {
                gap(unread(&path, Reason::MissingObjects, "alternate is not a directory".to_owned()));
                continue;
            }
            Err(error) => {
                gap(unread(&path, Reason::MissingObjects, format!("alternate: {error}")));
                continue;
            }
        };
        if !seen.insert(real) {
            continue;
        }
        let list = path.join("info/alternates");
        match read_regular(&list, TEXT) {
            Ok(text) if depth < ALTERNATES => {
                // To git this is a C string, which ends at the first zero byte.
                let text = text.split(|byte| *byte == 0).next().unwrap_or_default();
                let lines =
                    text.split(|byte| *byte == b'\n').filter(|line| !line.is_empty() && !line.starts_with(b"#"));
                // In the order of the file: the queue is a stack.
                let next: Vec<_> = lines.map(|line| (path.join(as_path(&unquote(line))), depth + 1)).collect();
                queue.extend(next.into_iter().rev());
            }
            Ok(text) if text.is_empty() => {}
            Ok(_) => gap(unread(&list, Reason::TooDeep, format!("more than {ALTERNATES} alternates deep"))),
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            Err(error) => gap(unread(&list, reason(&error), error.to_string())),
        }
        paths.push(path);
    }
    paths
}

/// Undoes the C quoting that git applies to unusual paths.
fn unquote(line: &[u8]) -> Vec<u8> {
    let Some(inner) = line.strip_prefix(b"\"").and_then(|rest| rest.strip_suffix(b"\"")) else { return line.to_vec() };
    let mut out = Vec::with_capacity(inner.len());
    let mut bytes = inner.iter().copied().peekable();
    while let Some(byte) = bytes.next() {
        if byte != b'\\' {
            out.push(byte);
            continue;
        }
        match bytes.next() {
            Some(b'n') => out.push(b'\n'),
            Some(b't') => out.push(b'\t'),
            Some(b'r') => out.push(b'\r'),
            Some(digit @ b'0'..=b'3') => {
                let mut value = digit - b'0';
                for _ in 0..2 {
                    if let Some(next) = bytes.next_if(|next| (b'0'..=b'7').contains(next)) {
                        value = value << 3 | (next - b'0');
                    }
                }
                out.push(value);
            }
            Some(other) => out.push(other),
            None => out.push(b'\\'),
        }
    }
    out
}

/// Bytes as a path.
#[cfg(unix)]
pub(crate) fn as_path(bytes: &[u8]) -> PathBuf {
    use std::os::unix::ffi::OsStrExt;
    PathBuf::from(std::ffi::OsStr::from_bytes(bytes))
}

#[cfg(not(unix))]
pub(crate) fn as_path(bytes: &[u8]) -> PathBuf {
    PathBuf::from(String::from_utf8_lossy(bytes).into_owned())
}

/// The files of a directory, sorted; empty if there is no such directory.
fn names(directory: &Path, gap: &mut dyn FnMut(Gap)) -> Vec<PathBuf> {
    let mut names = Vec::new();
    match directory.read_dir() {
        Ok(entries) => {
            for entry in entries {
                match entry {
                    Ok(entry) if entry.file_type().is_ok_and(|kind| kind.is_dir()) => {}
                    Ok(entry) => names.push(entry.path()),
                    Err(error) => gap(unread(directory, reason(&error), error.to_string())),
                }
            }
        }
        Err(error) if error.kind() == io::ErrorKind::NotFound => {}
        Err(error) => gap(unread(directory, reason(&error), error.to_string())),
    }
    names.sort();
    names
}

/// A gap for a file of a repository.
pub(crate) fn unread(path: &Path, reason: Reason, detail: String) -> Gap {
    Gap::new(Origin::file(path), reason, detail)
}

/// The reason for a system error.
pub(crate) fn reason(error: &io::Error) -> Reason {
    match error.kind() {
        io::ErrorKind::PermissionDenied => Reason::Permission,
        io::ErrorKind::NotFound => Reason::Vanished,
        io::ErrorKind::Other => Reason::Damaged,
        _ => Reason::ReadError,
    }
}
