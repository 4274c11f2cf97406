//! The graph of commits, gathered while their messages are scanned.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::hash::BuildHasherDefault;
use std::num::{IntErrorKind, ParseIntError};

use super::keys::{KeyMap, KeySet};
use keyradius_core::oid::{Format, ObjectId};

/// One commit. Ids are stored as [`ObjectId::key`]s: a million commits take about 50 MB.
#[derive(Clone, Debug)]
pub(crate) struct Commit {
    pub(crate) key: u64,
    pub(crate) tree: u64,
    /// The commit time, in seconds since 1970.
    pub(crate) time: i64,
    first: u32,
    parents: u32,
}

/// Commits in any order.
#[derive(Clone, Debug, Default)]
pub(crate) struct Commits {
    list: Vec<Commit>,
    parents: Vec<u64>,
}

impl Commits {
    /// Adds a commit. An object without a tree is not a commit.
    pub(crate) fn push(&mut self, id: &ObjectId, bytes: &[u8]) {
        let first = self.parents.len() as u32;
        let (mut tree, mut time) = (None, 0);
        for (word, rest) in lines(bytes) {
            match word {
                b"tree" if tree.is_none() => tree = ObjectId::from_hex(id.format(), rest),
                b"parent" => self.parents.extend(ObjectId::from_hex(id.format(), rest).map(|parent| parent.key())),
                b"committer" => time = split_signature(rest).1,
                _ => {}
            }
        }
        let parents = self.parents.len() as u32 - first;
        if let Some(tree) = tree {
            self.list.push(Commit { key: id.key(), tree: tree.key(), time, first, parents });
        }
    }

    /// The number of parents that are named and missing.
    pub(crate) fn missing_parents(&self) -> usize {
        let mut known: Vec<u64> = self.list.iter().map(|commit| commit.key).collect();
        known.sort_unstable();
        let mut missing: Vec<u64> =
            self.parents.iter().copied().filter(|parent| known.binary_search(parent).is_err()).collect();
        missing.sort_unstable();
        missing.dedup();
        missing.len()
    }

    /// Adds the commits of another thread.
    pub(crate) fn append(&mut self, mut other: Self) {
        let offset = self.parents.len() as u32;
        other.list.iter_mut().for_each(|commit| commit.first += offset);
        self.list.append(&mut other.list);
        self.parents.append(&mut other.parents);
    }
}

/// The graph of commits, parents before children.
#[derive(Debug)]
pub(crate) struct Graph {
    commits: Vec<Commit>,
    parents: Vec<u32>,
    by_key: KeyMap<u32>,
}

/// A commit of a [`Graph`].
pub(crate) type Node = u32;

impl Graph {
    /// Sorts commits by date, as far as parents allow: dates may be wrong. Commits in `shallow` get no parents: earlier
    /// history was never fetched, even if it is present for another reason.
    pub(crate) fn new(mut found: Commits, shallow: &[ObjectId]) -> Self {
        found.list.sort_by_key(|commit| (commit.time, commit.key));
        found.list.dedup_by_key(|commit| commit.key);
        let index: KeyMap<u32> = found.list.iter().enumerate().map(|(at, commit)| (commit.key, at as u32)).collect();
        let cut: KeySet = shallow.iter().map(ObjectId::key).collect();
        // Indices into the sorted list, as are all numbers up to the last loop.
        let parents: Vec<Vec<u32>> = found
            .list
            .iter()
            .map(|commit| {
                let range = commit.first as usize..(commit.first + commit.parents) as usize;
                let named = found.parents.get(range).filter(|_| !cut.contains(&commit.key)).unwrap_or_default();
                named.iter().filter_map(|key| index.get(key)).copied().collect()
            })
            .collect();
        let mut graph = Self {
            commits: Vec::with_capacity(found.list.len()),
            parents: Vec::with_capacity(found.parents.len()),
            by_key: KeyMap::with_capacity_and_hasher(found.list.len(), BuildHasherDefault::default()),
        };
        let mut place = vec![0; found.list.len()];
        for old in order(&parents) {
            let Some(commit) = found.list.get(old as usize) else { continue };
            let new = graph.commits.len() as u32;
            if let Some(to) = place.get_mut(old as usize) {
                *to = new;
            }
            let first = graph.parents.len() as u32;
            let known =
                parents.get(old as usize).into_iter().flatten().filter_map(|parent| place.get(*parent as usize));
            graph.parents.extend(known.copied());
            let parents = graph.parents.len() as u32 - first;
            graph.by_key.insert(commit.key, new);
            graph.commits.push(Commit { first, parents, ..commit.clone() });
        }
        graph
    }

    /// All commits, parents before children.
    pub(crate) fn nodes(&self) -> impl DoubleEndedIterator<Item = Node> + use<> {
        0..self.commits.len() as u32
    }

    /// The number of commits.
    pub(crate) const fn len(&self) -> usize {
        self.commits.len()
    }

    /// The commit with this id.
    pub(crate) fn node(&self, id: &ObjectId) -> Option<Node> {
        self.by_key.get(&id.key()).copied()
    }

    /// The facts of a commit.
    pub(crate) fn commit(&self, node: Node) -> Option<&Commit> {
        self.commits.get(node as usize)
    }

    /// The parents of a commit that are present.
    pub(crate) fn parents(&self, node: Node) -> &[Node] {
        self.commit(node)
            .and_then(|commit| self.parents.get(commit.first as usize..(commit.first + commit.parents) as usize))
            .unwrap_or_default()
    }

    /// Marks every commit reachable from `from`.
    pub(crate) fn reach(&self, from: impl IntoIterator<Item = Node>, seen: &mut [bool]) {
        let mut stack: Vec<Node> = from.into_iter().collect();
        while let Some(node) = stack.pop() {
            if let Some(seen) = seen.get_mut(node as usize).filter(|seen| !**seen) {
                *seen = true;
                stack.extend_from_slice(self.parents(node));
            }
        }
    }
}

/// An order in which parents come before children; otherwise the lowest possible number is next.
fn order(parents: &[Vec<u32>]) -> Vec<u32> {
    let mut missing: Vec<u32> = parents.iter().map(|parents| parents.len() as u32).collect();
    let mut starts = vec![0_u32; parents.len() + 2];
    for parent in parents.iter().flatten() {
        if let Some(start) = starts.get_mut(*parent as usize + 2) {
            *start += 1;
        }
    }
    let mut sum = 0;
    for start in &mut starts {
        sum += *start;
        *start = sum;
    }
    let mut children = vec![0_u32; sum as usize];
    for (child, parents) in parents.iter().enumerate() {
        for parent in parents {
            if let Some(start) = starts.get_mut(*parent as usize + 1)
                && let Some(to) = children.get_mut(*start as usize)
            {
                *to = child as u32;
                *start += 1;
            }
        }
    }
    let mut ready: BinaryHeap<Reverse<u32>> =
        missing.iter().enumerate().filter(|(_, count)| **count == 0).map(|(node, _)| Reverse(node as u32)).collect();
    let mut order = Vec::with_capacity(parents.len());
    while let Some(Reverse(node)) = ready.pop() {
        order.push(node);
        let range = starts.get(node as usize).zip(starts.get(node as usize + 1)).map(|(a, b)| *a as usize..*b as usize);
        for child in range.and_then(|range| children.get(range)).unwrap_or_default() {
            if let Some(count) = missing.get_mut(*child as usize) {
                *count -= 1;
                if *count == 0 {
                    ready.push(Reverse(*child));
                }
            }
        }
    }
    order
}

/// The header of a commit.
#[derive(Debug, Default)]
pub(crate) struct Header {
    pub(crate) tree: Option<ObjectId>,
    pub(crate) parents: Vec<ObjectId>,
    pub(crate) author: Signature,
    pub(crate) committer: Signature,
}

/// A person and a time.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Signature {
    /// `Name <mail>`, as written in the commit.
    pub(crate) who: String,
    /// Seconds since 1970.
    pub(crate) time: i64,
}

impl Header {
    /// Parses the header; damaged lines are skipped.
    pub(crate) fn parse(format: Format, bytes: &[u8]) -> Self {
        let mut header = Self::default();
        for (word, rest) in lines(bytes) {
            match word {
                b"tree" if header.tree.is_none() => header.tree = ObjectId::from_hex(format, rest),
                b"parent" => header.parents.extend(ObjectId::from_hex(format, rest)),
                b"author" => header.author = Signature::parse(rest),
                b"committer" => header.committer = Signature::parse(rest),
                _ => {}
            }
        }
        header
    }
}

impl Signature {
    /// Parses `Name <mail> 1700000000 +0100`.
    fn parse(text: &[u8]) -> Self {
        let (who, time) = split_signature(text);
        Self { who: String::from_utf8_lossy(who.trim_ascii()).into_owned(), time }
    }
}

/// The first word and the rest of every line of a header.
fn lines(bytes: &[u8]) -> impl Iterator<Item = (&[u8], &[u8])> {
    let mut rest = bytes;
    std::iter::from_fn(move || {
        let end = memchr::memchr(b'\n', rest).unwrap_or(rest.len());
        let (line, next) = rest.split_at(end);
        rest = next.get(1..).unwrap_or_default();
        let space = memchr::memchr(b' ', line).unwrap_or(line.len());
        (!line.is_empty()).then(|| (line.get(..space).unwrap_or_default(), line.get(space + 1..).unwrap_or_default()))
    })
}

/// Splits off the name, and the time in seconds since 1970. A time that does not fit into 64 bits saturates, as in git;
/// a time that is not a number is 0.
fn split_signature(text: &[u8]) -> (&[u8], i64) {
    let end = memchr::memrchr(b'>', text).map_or(text.len(), |at| at + 1);
    let (who, when) = text.split_at(end);
    let time = when.trim_ascii().split(|byte| *byte == b' ').next().unwrap_or_default();
    let time = std::str::from_utf8(time).unwrap_or_default().parse().unwrap_or_else(|error: ParseIntError| match error
        .kind()
    {
        IntErrorKind::PosOverflow => i64::MAX,
        IntErrorKind::NegOverflow => i64::MIN,
        _ => 0,
    });
    (who, time)
}

/// The object that a tag points to.
pub(crate) fn tagged(format: Format, bytes: &[u8]) -> Option<ObjectId> {
    let line = bytes.strip_prefix(b"object ")?;
    ObjectId::from_hex(format, line.get(..format.bytes() * 2)?)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn id(number: u8) -> ObjectId {
        ObjectId::new(Format::Sha1, &[number; 20]).unwrap()
    }

    fn commit(parents: &[u8], time: i64) -> Vec<u8> {
        let parents: Vec<String> = parents.iter().map(|parent| format!("parent {}\n", id(*parent))).collect();
        let parents = parents.concat();
        let text = format!(
            "tree {}\n{parents}author A U Thor <a@x> {time} +0200\ncommitter C O <c@x> {time} -0700\n\nparent {}\n",
            id(0xee),
            id(9)
        );
        text.into_bytes()
    }

    #[test]
    fn parents_come_first_whatever_their_dates() {
        let mut commits = Commits::default();
        commits.push(&id(3), &commit(&[1, 2], 10));
        commits.push(&id(1), &commit(&[], 90));
        let mut other = Commits::default();
        other.push(&id(2), &commit(&[1, 7], 50));
        commits.append(other);
        assert_eq!(commits.missing_parents(), 1);
        let graph = Graph::new(commits.clone(), &[]);
        let order: Vec<u64> = graph.nodes().map(|node| graph.commit(node).unwrap().key).collect();
        assert_eq!(order, [id(1).key(), id(2).key(), id(3).key()]);
        assert_eq!(graph.parents(2), [0, 1]);
        let mut seen = vec![false; graph.len()];
        graph.reach(graph.node(&id(2)), &mut seen);
        assert_eq!(seen, [true, true, false]);
        let shallow = Graph::new(commits, &[id(2)]);
        let order: Vec<u64> = shallow.nodes().map(|node| shallow.commit(node).unwrap().key).collect();
        assert_eq!(order, [id(2).key(), id(1).key(), id(3).key()], "by date, where parents allow");
        assert_eq!(shallow.parents(0), [0_u32; 0]);
    }

    #[test]
    fn a_header_ends_where_the_message_begins() {
        let header = Header::parse(Format::Sha1, &commit(&[4], 1_700_000_000));
        assert_eq!(header.parents, [id(4)]);
        assert_eq!(header.author, Signature { who: "A U Thor <a@x>".into(), time: 1_700_000_000 });
        assert_eq!(header.committer.who, "C O <c@x>");
    }

    #[test]
    fn dates_out_of_range_saturate() {
        for (text, time) in [
            ("a <b> 1 +0000", 1),
            ("a <b> -1 +0000", -1),
            ("a <b> 9223372036854775807 +0000", i64::MAX),
            ("a <b> 99999999999999999999999 +0000", i64::MAX),
            ("a <b> -99999999999999999999999 +0000", i64::MIN),
            ("a <b> soon", 0),
            ("a <b>", 0),
        ] {
            assert_eq!(split_signature(text.as_bytes()).1, time, "{text}");
        }
    }
}
