//! Finds the commit that added an object, at which path, and what was there before. Only hits are looked up.
//!
//! Trees are walked instead of logs: a tree of a kilobyte can have a million paths, and git would print every one of
//! them. Here, a tree that leads to no hit is read once, and everything read, kept and found is limited. Beyond a
//! limit, objects are reported by id instead of path: a refusal does not need paths.

use std::collections::{BTreeMap, BTreeSet};
use std::io::{self, BufRead, BufReader, Read, Write};
use std::ops::ControlFlow;
use std::process::{ChildStdin, ChildStdout};
use std::rc::Rc;

use keyradius_core::oid::{Format, ObjectId};

use super::answer;
use super::git::{Git, Running};
use super::judge::{Place, Places};
use super::range::Range;
use crate::exit::Failure;

/// Maximum number of trees whose result is remembered.
const TREES: usize = 500_000;

/// Maximum size of a tree that is read, in bytes: about 200,000 entries.
const LARGEST: u64 = 8 << 20;

/// Maximum bytes of trees that are held in memory.
const HELD: usize = 32 << 20;

/// Maximum number of places of all objects together, and bytes of their paths.
const PLACES: usize = 10_000;
const PATHS: usize = 8 << 20;

/// Maximum depth of nested directories.
const DEEP: usize = 512;

/// Where objects were added.
#[derive(Debug, Default)]
pub(crate) struct Found {
    /// Places by object id.
    pub(crate) places: Places,
    /// Whether a limit was exceeded: there may be more places than these.
    pub(crate) partly: bool,
}

/// Finds the places of these objects in a range of commits, the earliest first. `late` says when to stop.
pub(crate) fn places(
    git: &Git,
    oids: &BTreeSet<String>,
    range: &Range,
    late: &dyn Fn() -> bool,
) -> Result<Found, Failure> {
    let format = if oids.iter().any(|oid| oid.len() == 64) { Format::Sha256 } else { Format::Sha1 };
    let wanted: BTreeSet<ObjectId> = oids.iter().filter_map(|oid| ObjectId::from_hex(format, oid.as_bytes())).collect();
    if wanted.is_empty() {
        return Ok(Found::default());
    }
    let trees = Trees::new(git, format)?;
    let mut finder = Finder {
        trees,
        wanted,
        leading: BTreeMap::new(),
        dull: BTreeSet::new(),
        found: Found::default(),
        many: 0,
        paths: 0,
        late,
    };
    range.commits(git, &mut |commit, parents| {
        finder.commit(commit, parents);
        if finder.found.partly { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
    })?;
    Ok(finder.found)
}

/// The trees of the parents at one path; `None` for a parent without a tree there.
type Parents = Vec<Option<ObjectId>>;

struct Finder<'a> {
    trees: Trees,
    wanted: BTreeSet<ObjectId>,
    /// For each visited tree, whether a wanted object is in it, at any depth.
    leading: BTreeMap<ObjectId, bool>,
    /// Trees that add no wanted object compared with these parents.
    dull: BTreeSet<(ObjectId, Parents)>,
    found: Found,
    many: usize,
    paths: usize,
    late: &'a dyn Fn() -> bool,
}

impl Finder<'_> {
    fn commit(&mut self, commit: &str, parents: &[&str]) {
        let Some((root, _)) = self.tree(&format!("{commit}^{{tree}}")) else {
            self.found.partly = true;
            return;
        };
        if !self.leads(root, 0) {
            return;
        }
        // A parent that is missing (a shallow push) counts as empty.
        let parents = parents.iter().map(|parent| Some(self.tree(&format!("{parent}^{{tree}}"))?.0)).collect();
        self.walk(root, &parents, &mut Vec::new(), 0, commit);
    }

    fn tree(&mut self, name: &str) -> Option<(ObjectId, Rc<[u8]>)> {
        let read = self.trees.read(name);
        self.found.partly |= read.is_err();
        read.ok().flatten()
    }

    /// Whether a wanted object is in a tree, at any depth.
    fn leads(&mut self, id: ObjectId, deep: usize) -> bool {
        if let Some(known) = self.leading.get(&id) {
            return *known;
        }
        if self.leading.len() >= TREES || deep > DEEP || (self.late)() {
            self.found.partly = true;
        }
        if self.found.partly {
            return false;
        }
        let Some((_, bytes)) = self.tree(&id.to_string()) else { return false };
        let leads = Entries::of(&bytes, id.format()).any(|entry| match entry.kind {
            EntryKind::Tree => self.leads(entry.id, deep + 1),
            EntryKind::Blob | EntryKind::Other => self.wanted.contains(&entry.id),
            EntryKind::Submodule => false,
        });
        self.leading.insert(id, leads);
        leads
    }

    /// Records the wanted objects that a tree has and none of the parents has at the same path. Returns whether there
    /// were any.
    fn walk(&mut self, id: ObjectId, parents: &Parents, path: &mut Vec<u8>, deep: usize, commit: &str) -> bool {
        if parents.contains(&Some(id)) || !self.leads(id, deep) || self.found.partly {
            return false;
        }
        let key = (id, parents.clone());
        if self.dull.contains(&key) {
            return false;
        }
        let Some((_, bytes)) = self.tree(&id.to_string()) else { return false };
        let theirs: Vec<Option<Rc<[u8]>>> =
            parents.iter().map(|parent| parent.and_then(|id| Some(self.tree(&id.to_string())?.1))).collect();
        let mut leading = Vec::new();
        for entry in Entries::of(&bytes, id.format()) {
            let leads = match entry.kind {
                EntryKind::Tree => self.leads(entry.id, deep + 1),
                EntryKind::Blob | EntryKind::Other => self.wanted.contains(&entry.id),
                EntryKind::Submodule => false,
            };
            leading.extend(leads.then_some(entry));
        }
        let names: BTreeSet<&[u8]> = leading.iter().map(|entry| entry.name).collect();
        let theirs: Vec<BTreeMap<&[u8], Vec<Entry<'_>>>> =
            theirs.iter().map(|tree| by_name(tree.as_deref().unwrap_or_default(), id.format(), &names)).collect();
        let mut brings = false;
        for entry in leading {
            if self.found.partly {
                return true;
            }
            let there: Vec<&[Entry<'_>]> =
                theirs.iter().map(|tree| tree.get(entry.name).map(Vec::as_slice).unwrap_or_default()).collect();
            // The kinds are compared too: an earlier submodule may have named the same id, without any content.
            if there.iter().copied().flatten().any(|other| (other.id, other.kind) == (entry.id, entry.kind)) {
                continue;
            }
            let before = path.len();
            if before > 0 {
                path.push(b'/');
            }
            path.extend_from_slice(entry.name);
            if entry.kind == EntryKind::Tree {
                let parents = there
                    .iter()
                    .map(|same| same.iter().find(|other| other.kind == EntryKind::Tree).map(|other| other.id))
                    .collect();
                brings |= self.walk(entry.id, &parents, path, deep + 1, commit);
            } else {
                brings = true;
                let olds = there.iter().copied().flatten().filter(|other| other.kind == EntryKind::Blob);
                let olds = olds.map(|other| other.id.to_string()).collect();
                self.add(entry.id, Place { path: answer::path(path), commit: Some(commit.to_owned()), olds });
            }
            path.truncate(before);
        }
        if !brings && !self.found.partly {
            if self.dull.len() >= TREES {
                self.found.partly = true;
            }
            self.dull.insert(key);
        }
        brings
    }

    fn add(&mut self, id: ObjectId, place: Place) {
        self.many += 1;
        self.paths += place.path.as_os_str().len();
        if self.many > PLACES || self.paths > PATHS || (self.late)() {
            self.found.partly = true;
            return;
        }
        self.found.places.entry(id.to_string()).or_default().push(place);
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum EntryKind {
    Tree,
    Blob,
    Submodule,
    /// An entry with a mode that git never writes. It is searched as a file, but not used as the previous version of
    /// one, because git takes it for a submodule.
    Other,
}

/// An entry of a tree.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Entry<'t> {
    kind: EntryKind,
    name: &'t [u8],
    id: ObjectId,
}

/// Iterates over the entries of a tree, `<mode> <name>\0<raw id>`, up to the first damaged one.
struct Entries<'t> {
    rest: &'t [u8],
    format: Format,
}

impl<'t> Entries<'t> {
    fn of(bytes: &'t [u8], format: Format) -> Self {
        Self { rest: bytes, format }
    }
}

impl<'t> Iterator for Entries<'t> {
    type Item = Entry<'t>;

    fn next(&mut self) -> Option<Entry<'t>> {
        let space = self.rest.iter().position(|byte| *byte == b' ')?;
        let (mode, rest) = (self.rest.get(..space)?, self.rest.get(space + 1..)?);
        let end = rest.iter().position(|byte| *byte == 0)?;
        let (name, rest) = (rest.get(..end)?, rest.get(end + 1..)?);
        let id = ObjectId::new(self.format, rest.get(..self.format.bytes())?)?;
        self.rest = rest.get(self.format.bytes()..)?;
        let kind = match without_zeros(mode) {
            b"40000" => EntryKind::Tree,
            b"160000" => EntryKind::Submodule,
            [b'1', b'0' | b'2', b'0'..=b'7', b'0'..=b'7', b'0'..=b'7', b'0'..=b'7'] => EntryKind::Blob,
            _ => EntryKind::Other,
        };
        Some(Entry { kind, name, id })
    }
}

/// A mode without leading zeros, which some old programs wrote.
fn without_zeros(mode: &[u8]) -> &[u8] {
    let zeros = mode.iter().take_while(|byte| **byte == b'0').count();
    mode.get(zeros..).unwrap_or_default()
}

/// The entries of a tree with one of these names. A malformed tree may have several entries of one name.
fn by_name<'t>(tree: &'t [u8], format: Format, names: &BTreeSet<&[u8]>) -> BTreeMap<&'t [u8], Vec<Entry<'t>>> {
    let mut entries: BTreeMap<&[u8], Vec<Entry<'_>>> = BTreeMap::new();
    for entry in Entries::of(tree, format).filter(|entry| names.contains(entry.name)) {
        entries.entry(entry.name).or_default().push(entry);
    }
    entries
}

/// A git process that is asked for one tree at a time, with a cache.
struct Trees {
    format: Format,
    ask: ChildStdin,
    answers: BufReader<ChildStdout>,
    held: BTreeMap<String, (ObjectId, Rc<[u8]>)>,
    bytes: usize,
    /// Killed on drop.
    _running: Running,
}

impl Trees {
    fn new(git: &Git, format: Format) -> Result<Self, Failure> {
        let mut running = git.converse(&["cat-file", "--batch"])?;
        let (Some(ask), Some(answers)) = (running.stdin.take(), running.stdout.take()) else {
            return Err(Failure::new("cannot communicate with git: there are no pipes"));
        };
        let answers = BufReader::with_capacity(64 << 10, answers);
        Ok(Self { format, ask, answers, held: BTreeMap::new(), bytes: 0, _running: running })
    }

    /// Reads a tree by any name that git understands; `None` if it is missing.
    fn read(&mut self, name: &str) -> io::Result<Option<(ObjectId, Rc<[u8]>)>> {
        if let Some(held) = self.held.get(name) {
            return Ok(Some(held.clone()));
        }
        self.ask.write_all(format!("{name}\n").as_bytes())?;
        let mut header = Vec::new();
        (&mut self.answers).take(1024).read_until(b'\n', &mut header)?;
        let header = answer::text(&header);
        let mut words = header.split_whitespace();
        let id = words.next().unwrap_or_default();
        let (kind, size) = (words.next(), words.next().and_then(|size| size.parse::<u64>().ok()));
        let Some(size) = size else {
            return if header.ends_with(" missing\n") { Ok(None) } else { Err(io::Error::other("git ended early")) };
        };
        let mut content = (&mut self.answers).take(size + 1);
        if kind != Some("tree") || size > LARGEST {
            io::copy(&mut content, &mut io::sink())?;
            return Err(io::Error::other("not a tree that is read"));
        }
        let mut bytes = Vec::new();
        content.read_to_end(&mut bytes)?;
        if bytes.len() as u64 != size + 1 {
            return Err(io::Error::other("git ended early"));
        }
        bytes.pop();
        let Some(id) = ObjectId::from_hex(self.format, id.as_bytes()) else {
            return Err(io::Error::other("another object format"));
        };
        if self.bytes + bytes.len() > HELD {
            self.held.clear();
            self.bytes = 0;
        }
        // 512: names and maps of an entry.
        self.bytes += bytes.len() + 512;
        let bytes: Rc<[u8]> = bytes.into();
        self.held.insert(name.to_owned(), (id, Rc::clone(&bytes)));
        self.held.insert(id.to_string(), (id, Rc::clone(&bytes)));
        Ok(Some((id, bytes)))
    }
}

#[cfg(test)]
mod tests {
    use super::EntryKind::{Blob, Other, Submodule, Tree};
    use super::*;

    #[test]
    fn entries_of_a_tree_are_read_up_to_the_first_damaged_one() {
        let mut tree = Vec::new();
        for (mode, name, byte) in [
            ("100644", "a b", 1),
            ("40000", "dir", 2),
            ("040000", "old", 3),
            ("160000", "sub", 4),
            ("160755", "odd", 5),
        ] {
            tree.extend(format!("{mode} {name}\0").bytes());
            tree.extend([byte; 20]);
        }
        let read = |bytes: &[u8]| {
            let entries = Entries::of(bytes, Format::Sha1);
            entries.map(|entry| (entry.kind, answer::text(entry.name), entry.id.raw()[0])).collect::<Vec<_>>()
        };
        let all = [(Blob, "a b", 1), (Tree, "dir", 2), (Tree, "old", 3), (Submodule, "sub", 4), (Other, "odd", 5)];
        assert_eq!(read(&tree), all.map(|(kind, name, byte)| (kind, name.to_owned(), byte)));
        assert_eq!(read(&tree[..tree.len() - 1]).len(), 4);
        assert!(read(b"").is_empty() && read(b"100644").is_empty());
    }
}
