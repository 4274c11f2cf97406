//! What is a repository: where its objects, its refs and its work tree lie.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use super::odb::TEXT;
use super::refs::pointer;
use super::store::read_regular;
use keyradius_core::oid::{Format, ObjectId};

/// Something of git that the walk came by.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Found {
    /// A directory with `HEAD` and `objects` or `commondir`: `.git`, a bare repository, a mirror, `.git/modules/x`.
    Directory(PathBuf),
    /// A `.git` file that says where such a directory lies: linked worktrees and submodules.
    Pointer(PathBuf),
    /// A pack or a bundle that lies by itself.
    Pack(PathBuf),
}

impl Found {
    /// Where it is.
    pub(crate) fn path(&self) -> &Path {
        let (Self::Directory(path) | Self::Pointer(path) | Self::Pack(path)) = self;
        path
    }

    /// What of git a path is, if it is: the object directory of a repository, a file that says where that lies, or a `.git`
    /// file.
    pub(crate) fn at(path: &Path, is_directory: bool) -> Option<Self> {
        let name = path.file_name()?;
        if (name == "objects" && is_directory) || (name == "commondir" && !is_directory) {
            let git_dir = path.parent()?;
            let head = git_dir.join("HEAD");
            // A HEAD may be a link to a branch that is not born yet.
            return head.symlink_metadata().is_ok().then(|| Self::Directory(git_dir.to_owned()));
        }
        (name == ".git" && !is_directory).then(|| Self::Pointer(path.to_owned()))
    }
}

/// What of a repository's storage a file may be, by where it is. Its first bytes decide whether it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Storage {
    /// Anything in the directory of packs, whatever it is called.
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

    /// Whether a file that begins like this is it: then its objects are read through the repository, and what of it is no
    /// object is searched there too. Everything else is read as the file that it is.
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
    /// What places in its history are called by: the work tree, or the directory of a bare repository.
    pub(crate) name: PathBuf,
    /// The directory that holds `HEAD` and `index`.
    pub(crate) git_dir: PathBuf,
    /// The directory that holds objects and refs; the same but for linked worktrees.
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

    /// Where its objects lie.
    pub(crate) fn objects(&self) -> PathBuf {
        self.common.join("objects")
    }

    /// Every index: that of the work tree and those of the linked ones.
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

/// The repositories behind what was found, each once, sorted by name. What a directory that was found has below
/// `objects` is read in any case, wherever the directory says that its objects are.
pub(crate) fn resolve(found: &[Found]) -> Vec<Repository> {
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
            // A link to such a directory, as `repo` and git-new-workdir make them.
            Found::Pointer(path) if path.is_dir() => Repository::open(path, path.parent()),
            Found::Pointer(path) => {
                pointer(path, b"gitdir:").and_then(|git_dir| Repository::open(&git_dir, path.parent()))
            }
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

/// The last value of a key in a section of a git configuration, with or without subsection; lower-case names. Nothing
/// else is read from a configuration that came with the bytes to scan, and includes are not followed.
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
    fn a_setting_is_found_where_git_finds_it() {
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
