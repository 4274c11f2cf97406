//! Finds repositories: where their objects, refs and work trees are.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use super::odb::TEXT;
use super::refs::pointer;
use super::store::read_regular;
use keyradius_core::blob::printable_path;
use keyradius_core::oid::{Format, ObjectId};

/// A part of git's storage that a walk met.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Found {
    /// A directory with `HEAD` and `objects` or `commondir`: `.git`, a bare repository, a mirror, `.git/modules/x`.
    Directory(PathBuf),
    /// A `.git` file with the path of such a directory: linked work trees and submodules.
    Pointer(PathBuf),
    /// A standalone pack or bundle.
    Pack(PathBuf),
}

impl Found {
    /// Its path.
    pub(crate) fn path(&self) -> &Path {
        let (Self::Directory(path) | Self::Pointer(path) | Self::Pack(path)) = self;
        path
    }

    /// What a path is to git, if anything: the object directory of a repository, a file with the path of that
    /// directory, or a `.git` file.
    pub(crate) fn at(path: &Path, is_directory: bool) -> Option<Self> {
        let name = path.file_name()?;
        if (name == "objects" && is_directory) || (name == "commondir" && !is_directory) {
            let git_dir = path.parent()?;
            let head = git_dir.join("HEAD");
            // HEAD may be a link to a branch that does not exist yet.
            return head.symlink_metadata().is_ok().then(|| Self::Directory(git_dir.to_owned()));
        }
        (name == ".git" && !is_directory).then(|| Self::Pointer(path.to_owned()))
    }
}

/// What part of a repository's storage a file may be, by its path. Its first bytes decide whether it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Storage {
    /// Any file in the pack directory, whatever its name.
    Pack,
    /// A file that is named like a loose object.
    Loose,
}

impl Storage {
    /// What a file below the object directory of a repository may be.
    pub(crate) fn at(path: &Path) -> Option<Self> {
        let directory = path.parent()?;
        let objects = directory.parent()?;
        let storage = if directory.file_name()? == "pack" {
            Self::Pack
        } else if super::loose::is_named(path) {
            Self::Loose
        } else {
            return None;
        };
        Found::at(objects, true).map(|_| storage)
    }

    /// Whether a file with this start is such a part: then its objects are read through the repository, and its other
    /// bytes are searched there too. Any other file is read as a plain file.
    pub(crate) fn begins(self, start: &[u8]) -> bool {
        match self {
            Self::Pack => super::pack::check_header(start).is_ok(),
            Self::Loose => super::loose::begins(start),
        }
    }
}

/// A repository.
#[derive(Clone, Debug)]
pub(crate) struct Repository {
    /// The path under which its history is reported: the work tree, or the directory of a bare repository.
    pub(crate) name: PathBuf,
    /// The directory that contains `HEAD` and `index`.
    pub(crate) git_dir: PathBuf,
    /// The directory that contains objects and refs; differs from `git_dir` only for linked work trees.
    pub(crate) common: PathBuf,
    pub(crate) format: Format,
    /// Commits whose parents were never fetched.
    pub(crate) shallow: Vec<ObjectId>,
    /// Whether the configuration says that objects may be left on a server.
    pub(crate) partial: bool,
}

impl Repository {
    /// The repository of a directory; `None` if it has no objects.
    fn open(git_dir: &Path, work_tree: Option<&Path>) -> Option<Self> {
        let common = pointer(&git_dir.join("commondir"), b"").unwrap_or_else(|| git_dir.to_owned());
        common.join("objects").is_dir().then(|| Self::at(git_dir, common, work_tree))
    }

    /// The repository of a directory whose objects are below `common`.
    fn at(git_dir: &Path, common: PathBuf, work_tree: Option<&Path>) -> Self {
        let config = read_regular(&common.join("config"), 16 << 20).unwrap_or_default();
        let format = match setting(&config, "extensions", "objectformat").as_deref() {
            Some(b"sha256") => Format::Sha256,
            _ => Format::Sha1,
        };
        let partial = setting(&config, "extensions", "partialclone").is_some()
            || setting(&config, "remote", "promisor").is_some_and(|value| value == b"true");
        let shallow = read_regular(&common.join("shallow"), TEXT).unwrap_or_default();
        let shallow =
            shallow.split(|byte| *byte == b'\n').filter_map(|line| ObjectId::from_hex(format, line)).collect();
        let beside = git_dir.file_name().filter(|name| *name == ".git").and_then(|_| git_dir.parent());
        let beside = beside.map(|path| if path.as_os_str().is_empty() { Path::new(".") } else { path });
        let name = work_tree.or(beside).unwrap_or(git_dir).to_owned();
        Self { name, git_dir: git_dir.to_owned(), common, format, shallow, partial }
    }

    /// The object directory.
    pub(crate) fn objects(&self) -> PathBuf {
        self.common.join("objects")
    }

    /// The index files of the work tree and of linked work trees.
    pub(crate) fn indexes(&self) -> Vec<PathBuf> {
        let mut indexes = vec![self.git_dir.join("index"), self.common.join("index")];
        let linked = self.common.join("worktrees").read_dir().into_iter().flatten().flatten();
        indexes.extend(linked.map(|entry| entry.path().join("index")));
        indexes.sort();
        indexes.dedup();
        indexes.retain(|index| index.is_file());
        indexes
    }
}

/// The repositories of what was found, each once, sorted by name. The `objects` of a found directory are read in any
/// case, even if the directory says that its objects are elsewhere. `lost` takes each `.git` file whose directory has no
/// objects: those of a submodule or a linked work tree that was copied alone.
pub(crate) fn resolve(found: &[Found], lost: &mut dyn FnMut(&Path, String)) -> Vec<Repository> {
    let mut by_objects: BTreeMap<PathBuf, Repository> = BTreeMap::new();
    let mut add = |repository: Repository| {
        let objects = repository.objects();
        let real = objects.canonicalize().unwrap_or(objects);
        let better = |known: &Repository| {
            // The main work tree before linked ones; a work tree before the bare directory below `.git/modules`.
            let rank = |r: &Repository| (r.git_dir != r.common, r.name == r.git_dir, r.name.clone());
            rank(&repository) < rank(known)
        };
        if by_objects.get(&real).is_none_or(better) {
            by_objects.insert(real, repository);
        }
    };
    for found in found {
        let repository = match found {
            Found::Directory(path) => Repository::open(path, None),
            // A link to such a directory, as `repo` and git-new-workdir make it.
            Found::Pointer(path) if path.is_dir() => Repository::open(path, path.parent()),
            Found::Pointer(path) => pointer(path, b"gitdir:").and_then(|git_dir| {
                let repository = Repository::open(&git_dir, path.parent());
                if repository.is_none() {
                    lost(path, format!("its directory {} is not there, or has no objects", printable_path(&git_dir)));
                }
                repository
            }),
            Found::Pack(_) => None,
        };
        if let Found::Directory(path) = found
            && repository.as_ref().is_none_or(|repository| repository.common != *path)
            && path.join("objects").is_dir()
        {
            add(Repository::at(path, path.clone(), None));
        }
        repository.into_iter().for_each(&mut add);
    }
    let mut repositories: Vec<Repository> = by_objects.into_values().collect();
    repositories.sort_by(|a, b| a.name.cmp(&b.name));
    repositories
}

/// The last value of a key in a section of a git configuration, with or without subsection; both names in lower case.
/// Nothing else is read from a configuration that came with the bytes to scan, and includes are not followed.
fn setting(config: &[u8], section: &str, key: &str) -> Option<Vec<u8>> {
    let mut inside = false;
    let mut value = None;
    for line in config.split(|byte| *byte == b'\n') {
        let line = line.trim_ascii();
        if let Some(header) = line.strip_prefix(b"[") {
            let end = header.iter().position(|byte| matches!(byte, b']' | b' ' | b'\t' | b'.')).unwrap_or(header.len());
            inside = header.get(..end).unwrap_or_default().eq_ignore_ascii_case(section.as_bytes());
            continue;
        }
        let mut parts = line.splitn(2, |byte| *byte == b'=');
        let name = parts.next().unwrap_or_default().trim_ascii();
        if inside && name.eq_ignore_ascii_case(key.as_bytes()) {
            let text = parts.next().map_or(&b"true"[..], <[u8]>::trim_ascii);
            value = Some(
                text.trim_ascii().strip_prefix(b"\"").and_then(|t| t.strip_suffix(b"\"")).unwrap_or(text).to_vec(),
            );
        }
    }
    value
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn settings_are_found_as_git_finds_them() {
        let config =
            b"[core]\n\tbare = false\n[Extensions]\n  objectFormat = \"sha256\"\n[remote \"o\"]\n\tpromisor = true\n";
        for (section, key, value) in [
            ("extensions", "objectformat", Some("sha256")),
            ("remote", "promisor", Some("true")),
            ("core", "objectformat", None),
        ] {
            assert_eq!(setting(config, section, key), value.map(|v| v.as_bytes().to_vec()), "{section}.{key}");
        }
    }
}
