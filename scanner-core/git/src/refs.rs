//! Refs: branches, tags, HEAD, and the objects that reflogs remember.

use std::collections::{BTreeMap, BTreeSet};
use std::io::{self, BufRead, Read};
use std::path::{Path, PathBuf};

use super::odb::{TEXT, as_path, reason, unread};
use super::reftable::{self, Tables, Value};
use super::store::{open_regular, read_regular};
use keyradius_core::error::{Gap, Reason};
use keyradius_core::oid::{Format, ObjectId};

/// Maximum number of symbolic refs that are followed in a row (git's own limit).
const SYMBOLIC: usize = 5;

/// Largest file of one ref, and longest line of packed refs, in bytes.
const LOOSE: u64 = 64 << 10;

/// Maximum number of bytes that packed refs may take, with the overhead of each: a million refs.
const MOST_NAMES: usize = 128 << 20;
const AROUND: usize = 80;

/// Everything that points into the history.
#[derive(Debug, Default)]
pub(crate) struct Refs {
    /// Full names (`refs/heads/main`) and targets, sorted. Broken refs are left out.
    pub(crate) by_name: BTreeMap<String, ObjectId>,
    /// Names in `by_name` that are symbolic refs, such as `refs/remotes/origin/HEAD`.
    symbolic: BTreeSet<String>,
    /// The target of HEAD; `None` on an unborn branch.
    pub(crate) head: Option<ObjectId>,
    /// HEADs of linked work trees and pseudo-refs such as MERGE_HEAD.
    pub(crate) others: Vec<ObjectId>,
    /// All present and past values of `refs/stash`.
    pub(crate) stash: Vec<ObjectId>,
    /// The values that reflogs remember.
    pub(crate) reflog: Vec<ObjectId>,
}

impl Refs {
    /// Reads the refs of a repository. `git_dir` is that of the work tree, `common` the directory that it shares.
    pub(crate) fn read(git_dir: &Path, common: &Path, format: Format, gap: &mut dyn FnMut(Gap)) -> Self {
        let mut refs = Self::default();
        refs.packed(common, format, gap);
        let mut symbolic = BTreeMap::new();
        let mut tables = vec![common.join("reftable")];
        tables.extend((git_dir != common).then(|| git_dir.join("reftable")));
        for directory in tables.iter().filter(|directory| directory.is_dir()) {
            match reftable::read(directory, format) {
                Ok(tables) => refs.tables(tables, &mut symbolic),
                Err(what) => gap(unread(directory, Reason::Damaged, what.to_string())),
            }
        }
        let mut found = files(&common.join("refs"), "refs", gap);
        if git_dir != common {
            found.extend(files(&git_dir.join("refs"), "refs", gap));
        }
        for (name, path) in found {
            // A symbolic link to a ref name is a symbolic ref; any other link is followed, as git does.
            if let Some(to) = path.read_link().ok().and_then(|to| to.to_str().map(str::to_owned)) {
                if to.starts_with("refs/") {
                    symbolic.insert(name, to);
                    continue;
                }
                if path.is_dir() {
                    gap(unread(&path, Reason::Ambiguous, "a symbolic link instead of a directory of refs".to_owned()));
                    continue;
                }
            }
            each(&path, LOOSE, gap, |text| match parse(text, format) {
                Some(Target::Object(id)) => drop(refs.by_name.insert(name, id)),
                Some(Target::Symbolic(to)) => drop(symbolic.insert(name, to)),
                None => {}
            });
        }
        for (name, to) in &symbolic {
            if let Some(id) = refs.resolve(to, &symbolic) {
                refs.by_name.insert(name.clone(), id);
            }
        }
        refs.symbolic = symbolic.keys().cloned().collect();
        // With reftables HEAD is one of their refs, and the file `HEAD` has a dummy value (`ref: refs/heads/.invalid`).
        let head = read_one(&git_dir.join("HEAD"), format).and_then(|target| refs.target(target, &symbolic));
        refs.head = refs.by_name.remove("HEAD").or(head);
        let mut places = vec![git_dir.to_owned(), common.to_owned()];
        places.extend(common.join("worktrees").read_dir().into_iter().flatten().flatten().map(|entry| entry.path()));
        places.sort();
        places.dedup();
        for place in &places {
            for name in
                ["HEAD", "ORIG_HEAD", "MERGE_HEAD", "CHERRY_PICK_HEAD", "REVERT_HEAD", "REBASE_HEAD", "BISECT_HEAD"]
            {
                let target = read_one(&place.join(name), format);
                refs.others.extend(target.and_then(|target| refs.target(target, &symbolic)));
            }
            if let Ok(text) = read_regular(&place.join("FETCH_HEAD"), TEXT) {
                let lines = text.split(|byte| *byte == b'\n');
                refs.others
                    .extend(lines.filter_map(|line| ObjectId::from_hex(format, line.get(..format.bytes() * 2)?)));
            }
            for (name, path) in files(&place.join("logs"), "", gap) {
                let into = if name == "refs/stash" { &mut refs.stash } else { &mut refs.reflog };
                each(&path, TEXT, gap, |text| reflog(text, format, into));
            }
        }
        refs.stash.extend(refs.by_name.get("refs/stash"));
        refs
    }

    /// Branches, remote branches and tags by their short names, and all other refs but the stash by their full names,
    /// with their targets.
    pub(crate) fn named(&self) -> impl Iterator<Item = (Named, &str, ObjectId)> {
        let direct = |name: &str| name != "refs/stash" && !self.symbolic.contains(name);
        self.by_name.iter().filter(move |(name, _)| direct(name)).map(|(name, id)| {
            let tag = name.strip_prefix("refs/tags/").map(|short| (Named::Tag, short));
            let local = name.strip_prefix("refs/heads/").map(|short| (Named::Branch, short));
            let remote = name.strip_prefix("refs/remotes/").map(|short| (Named::Branch, short));
            let (kind, short) = tag.or(local).or(remote).unwrap_or((Named::Other, name));
            (kind, short, *id)
        })
    }

    /// The target of a name as a user types it: HEAD, a full name, a branch, a tag, a remote branch.
    pub(crate) fn typed(&self, name: &str) -> Option<ObjectId> {
        if name == "HEAD" || name == "@" {
            return self.head;
        }
        self.meanings(name).next()
    }

    /// Every object that a name may mean, in the order of gitrevisions(7).
    fn meanings(&self, name: &str) -> impl Iterator<Item = ObjectId> {
        let prefixed =
            ["", "refs/", "refs/tags/", "refs/heads/", "refs/remotes/"].map(|prefix| format!("{prefix}{name}"));
        let names = prefixed.into_iter().chain([format!("refs/remotes/{name}/HEAD")]);
        names.filter_map(|name| self.by_name.get(&name).copied())
    }

    /// Whether a name may mean several objects.
    pub(crate) fn is_ambiguous(&self, name: &str) -> bool {
        let mut meanings = self.meanings(name);
        let first = if name == "HEAD" || name == "@" { self.head } else { meanings.next() };
        meanings.any(|other| Some(other) != first)
    }

    /// The objects that git shows in the place of others.
    pub(crate) fn replacements(&self) -> impl Iterator<Item = ObjectId> {
        let named = self.by_name.range("refs/replace/".to_owned()..);
        named.take_while(|(name, _)| name.starts_with("refs/replace/")).map(|(_, id)| *id)
    }

    fn tables(&mut self, tables: Tables, symbolic: &mut BTreeMap<String, String>) {
        for (name, value) in tables.refs {
            match value {
                Value::Object(id) => drop(self.by_name.insert(name, id)),
                Value::Symbolic(to) => drop(symbolic.insert(name, to)),
                Value::Deleted => {}
            }
        }
        for (name, id) in tables.logs {
            if name == "refs/stash" { self.stash.push(id) } else { self.reflog.push(id) }
        }
    }

    fn packed(&mut self, common: &Path, format: Format, gap: &mut dyn FnMut(Gap)) {
        let path = common.join("packed-refs");
        let (mut line, mut names) = (Vec::new(), 0);
        // If the first line says that names are sorted, git searches a name from the middle of the file.
        let (mut sorted, mut last, mut doubtful) = (false, Vec::new(), None);
        let mut read = || -> io::Result<()> {
            let mut lines = io::BufReader::new(open_regular(&path)?);
            while lines.by_ref().take(LOOSE).read_until(b'\n', &mut line)? > 0 {
                let (hex, name) = line.split_at_checked(format.bytes() * 2).unwrap_or_default();
                if let (Some(id), Some(name)) = (ObjectId::from_hex(format, hex), name.strip_prefix(b" ")) {
                    names += name.len() + AROUND;
                    if names > MOST_NAMES {
                        return Err(io::Error::other("too many packed refs"));
                    }
                    let name = name.trim_ascii_end();
                    let before = self.by_name.insert(String::from_utf8_lossy(name).into_owned(), id);
                    if before.is_some_and(|before| before != id) || (sorted && *name < *last) {
                        doubtful.get_or_insert_with(|| String::from_utf8_lossy(name).into_owned());
                    }
                    name.clone_into(&mut last);
                } else if let Some(traits) = line.strip_prefix(b"# pack-refs with:") {
                    sorted |= traits.split(u8::is_ascii_whitespace).any(|word| word == b"sorted");
                }
                line.clear();
            }
            Ok(())
        };
        match read() {
            Err(error) if error.kind() != io::ErrorKind::NotFound => {
                gap(unread(&path, reason(&error), error.to_string()));
            }
            _ => {}
        }
        if let Some(name) = doubtful {
            let detail = format!("{name} is listed twice or out of order, so git may resolve it to another object");
            gap(unread(&path, Reason::Ambiguous, detail));
        }
    }

    fn target(&self, target: Target, symbolic: &BTreeMap<String, String>) -> Option<ObjectId> {
        match target {
            Target::Object(id) => Some(id),
            Target::Symbolic(name) => self.resolve(&name, symbolic),
        }
    }

    fn resolve(&self, name: &str, symbolic: &BTreeMap<String, String>) -> Option<ObjectId> {
        let mut name = name;
        for _ in 0..SYMBOLIC {
            match symbolic.get(name) {
                Some(next) => name = next,
                None => return self.by_name.get(name).copied(),
            }
        }
        None
    }
}

/// The kind of a named ref.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Named {
    Branch,
    Tag,
    /// A pull request, a note, a replacement: any ref with another prefix.
    Other,
}

enum Target {
    Object(ObjectId),
    Symbolic(String),
}

fn read_one(path: &Path, format: Format) -> Option<Target> {
    // HEAD may be a symbolic link to its ref, as git wrote it until 2005.
    if let Ok(to) = path.read_link() {
        let name = to.to_str()?;
        return name.starts_with("refs/").then(|| Target::Symbolic(name.to_owned()));
    }
    parse(&read_regular(path, TEXT).ok()?, format)
}

fn parse(text: &[u8], format: Format) -> Option<Target> {
    let text = text.trim_ascii();
    match text.strip_prefix(b"ref:") {
        Some(name) => Some(Target::Symbolic(String::from_utf8_lossy(name.trim_ascii()).into_owned())),
        None => ObjectId::from_hex(format, text.get(..format.bytes() * 2)?).map(Target::Object),
    }
}

/// Collects the ids of every line: `<old> <new> <who> <when>\t<why>`.
fn reflog(text: &[u8], format: Format, into: &mut Vec<ObjectId>) {
    let digits = format.bytes() * 2;
    for line in text.split(|byte| *byte == b'\n') {
        let ids = [line.get(..digits), line.get(digits + 1..2 * digits + 1)];
        let ids = ids.into_iter().flatten().filter_map(|hex| ObjectId::from_hex(format, hex));
        into.extend(ids.filter(|id| !id.is_null()));
    }
}

/// Every file and symbolic link below a directory, with its relative name, sorted; links to directories are not
/// entered.
fn files(directory: &Path, name: &str, gap: &mut dyn FnMut(Gap)) -> Vec<(String, PathBuf)> {
    let mut found = Vec::new();
    let mut stack = vec![(directory.to_owned(), name.to_owned())];
    while let Some((directory, name)) = stack.pop() {
        let entries = match directory.read_dir() {
            Ok(entries) => entries,
            Err(error) if error.kind() == io::ErrorKind::NotFound => continue,
            Err(error) => {
                gap(unread(&directory, reason(&error), error.to_string()));
                continue;
            }
        };
        for entry in entries.flatten() {
            let file = entry.file_name();
            let part = file.to_string_lossy();
            let name = if name.is_empty() { part.into_owned() } else { format!("{name}/{part}") };
            match entry.file_type() {
                Ok(kind) if kind.is_dir() => stack.push((entry.path(), name)),
                Ok(kind) if (kind.is_file() || kind.is_symlink()) && !is_lock(&entry.path()) => {
                    found.push((name, entry.path()));
                }
                _ => {}
            }
        }
    }
    found.sort();
    found
}

/// Reads a file that may have been deleted meanwhile.
fn each(path: &Path, most: u64, gap: &mut dyn FnMut(Gap), read: impl FnOnce(&[u8])) {
    match read_regular(path, most) {
        Ok(text) => read(&text),
        Err(error) if error.kind() == io::ErrorKind::NotFound => {}
        Err(error) => gap(unread(path, reason(&error), error.to_string())),
    }
}

/// Whether a file is the temporary file that git renames over a ref.
fn is_lock(path: &Path) -> bool {
    path.extension().is_some_and(|extension| extension == "lock")
}

/// The path in a file of one line, relative to the directory of the file: `gitdir: ...` and `commondir`.
pub(crate) fn pointer(path: &Path, prefix: &[u8]) -> Option<PathBuf> {
    let text = read_regular(path, 64 << 10).ok()?;
    let line = text.strip_prefix(prefix)?.split(|byte| *byte == b'\n').next()?.trim_ascii();
    (!line.is_empty()).then(|| path.parent().map(|parent| parent.join(as_path(line)))).flatten()
}

#[cfg(test)]
mod tests {
    use super::super::made::{FORMATS, Folder};
    use super::*;
    use keyradius_core::oid::Kind;

    fn id(format: Format, n: u8) -> ObjectId {
        ObjectId::of(format, Kind::Commit, &[n])
    }

    #[test]
    fn all_refs_and_reflogs_are_read() {
        for format in FORMATS {
            let folder = Folder::new();
            let text = |n| id(format, n).to_string();
            let null = "0".repeat(format.bytes() * 2);
            let write = |name: &str, text: String| drop(folder.write(name, text.as_bytes()));
            write("HEAD", "ref: refs/heads/main\n".into());
            write(
                "packed-refs",
                format!(
                    "# pack-refs with: peeled\n{} refs/heads/main\n{} refs/tags/v1\n^{}\n",
                    text(1),
                    text(2),
                    text(3)
                ),
            );
            write("refs/heads/main", format!("{}\n", text(4)));
            write("refs/heads/main.lock", format!("{}\n", text(99)));
            write("refs/heads/feature/x", text(5));
            write("refs/heads/broken", "not a name".into());
            write("refs/remotes/origin/main", text(6));
            write("refs/remotes/origin/HEAD", "ref: refs/remotes/origin/main\n".into());
            write("refs/stash", text(7));
            write("refs/pull/7/head", text(5));
            write("ORIG_HEAD", text(8));
            write("FETCH_HEAD", format!("{}\tnot-for-merge\tbranch\n{}\n", text(9), text(10)));
            write("worktrees/w/HEAD", text(11));
            write(
                "logs/HEAD",
                format!("{null} {} A <a@b> 1 +0000\twhy\n{} {} A <a@b> 2 +0000\n", text(12), text(12), text(13)),
            );
            write("logs/refs/stash", format!("{} {} A <a@b> 1 +0000\n", text(14), text(15)));
            let mut gaps = Vec::new();
            let refs = Refs::read(folder.path(), folder.path(), format, &mut |gap| gaps.push(gap));
            assert_eq!(gaps, []);
            let ids = |numbers: &[u8]| numbers.iter().map(|n| id(format, *n)).collect::<Vec<_>>();
            let named: Vec<_> = refs.named().collect();
            let expected = [
                (Named::Branch, "feature/x", id(format, 5)),
                (Named::Branch, "main", id(format, 4)),
                (Named::Other, "refs/pull/7/head", id(format, 5)),
                (Named::Branch, "origin/main", id(format, 6)),
                (Named::Tag, "v1", id(format, 2)),
            ];
            assert_eq!(named, expected, "a file overrides a packed ref; no lock, no symbolic ref");
            assert_eq!(refs.head, Some(id(format, 4)));
            assert_eq!(refs.stash, ids(&[14, 15, 7]));
            assert_eq!(refs.reflog, ids(&[12, 12, 13]));
            let mut others = refs.others.clone();
            others.sort();
            let mut expected = ids(&[4, 8, 9, 10, 11]);
            expected.sort();
            assert_eq!(others, expected);
            for (name, n) in [("HEAD", 4), ("@", 4), ("v1", 2), ("tags/v1", 2), ("origin/HEAD", 6), ("refs/stash", 7)] {
                assert_eq!(refs.typed(name), Some(id(format, n)), "{name}");
            }
            assert_eq!((refs.typed("broken"), refs.typed("none")), (None, None));
        }
    }

    #[test]
    fn symbolic_refs_are_followed_as_far_as_git_does() {
        let folder = Folder::new();
        folder.write("refs/heads/0", id(Format::Sha1, 1).to_string().as_bytes());
        for n in 1..8 {
            folder.write(&format!("refs/heads/{n}"), format!("ref: refs/heads/{}", n - 1).as_bytes());
        }
        folder.write("refs/heads/loop", b"ref: refs/heads/loop");
        for (target, known) in [("0", true), ("4", true), ("5", false), ("loop", false), ("none", false)] {
            folder.write("HEAD", format!("ref: refs/heads/{target}").as_bytes());
            let refs = Refs::read(folder.path(), folder.path(), Format::Sha1, &mut |_| {});
            assert_eq!(refs.head.is_some(), known, "{target}");
        }
    }

    #[test]
    fn a_pointer_names_a_path_beside_it() {
        let folder = Folder::new();
        for (text, to) in
            [("gitdir: ../x\n", Some("../x")), ("gitdir: a\nb", Some("a")), ("gitdir: \n", None), ("dir: x", None)]
        {
            let path = folder.write("link", text.as_bytes());
            assert_eq!(pointer(&path, b"gitdir:"), to.map(|to| folder.path().join(to)), "{text:?}");
        }
    }
}
