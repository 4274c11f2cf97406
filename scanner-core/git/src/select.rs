//! Selects the part of a history to scan.

use std::collections::HashSet;

use super::commits::{Commits, Graph, Header, Node, tagged};
use super::forest::Forest;
use super::odb::Odb;
use super::refs::Refs;
use super::revisions::Reader;
use super::walk::{Change, Visitor, walk};
use keyradius_core::error::Reason;
use keyradius_core::oid::{Kind, ObjectId};

/// A part of a history.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum History {
    /// Every stored object, reachable or not.
    #[default]
    All,
    /// Nothing: only files are scanned.
    None,
    /// The contents of HEAD's tree.
    Head,
    /// The contents of commits reachable from the second name and not from the first: `A..B`.
    Range(String, String),
    /// The contents of commits reachable from the second name and not from the best common ancestor of both: `A...B`.
    Fork(String, String),
}

impl History {
    /// Parses what a user typed.
    pub fn parse(text: &str) -> Result<Self, String> {
        match text {
            "all" => Ok(Self::All),
            "none" => Ok(Self::None),
            "head" => Ok(Self::Head),
            range => match range.split_once("..") {
                Some((from, to)) if !range.trim_matches('.').is_empty() => {
                    let or_head = |name: &str| if name.is_empty() { "HEAD" } else { name }.to_owned();
                    match to.strip_prefix('.') {
                        Some(to) => Ok(Self::Fork(or_head(from), or_head(to))),
                        None => Ok(Self::Range(or_head(from), or_head(to))),
                    }
                }
                _ => Err("expected all, head, none, or a range of commits A..B or A...B".to_owned()),
            },
        }
    }
}

impl std::fmt::Display for History {
    /// Writes the part as [`Self::parse`] reads it.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::All => f.write_str("all"),
            Self::None => f.write_str("none"),
            Self::Head => f.write_str("head"),
            Self::Range(from, to) => write!(f, "{from}..{to}"),
            Self::Fork(from, to) => write!(f, "{from}...{to}"),
        }
    }
}

/// A part of a history, and its start in time.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Selection {
    /// The part.
    pub history: History,
    /// Only commits made at or after this time, in seconds since 1970.
    pub since: Option<i64>,
}

impl Selection {
    /// Whether everything is scanned.
    pub fn is_all(&self) -> bool {
        self.history == History::All && self.since.is_none()
    }

    /// Whether only the files of the current commit are scanned.
    pub(crate) fn is_head(&self) -> bool {
        self.history == History::Head
    }

    /// The objects to scan. `Err` says which name cannot be resolved. `doubt` gets the reasons why the selection may be
    /// incomplete or differ from that of git.
    pub(crate) fn objects(
        &self,
        odb: &Odb,
        refs: &Refs,
        (shallow, reader): (&[ObjectId], Reader<'_>),
        jobs: usize,
        doubt: &mut dyn FnMut(Reason, String),
    ) -> Result<HashSet<ObjectId>, String> {
        let mut wanted = HashSet::new();
        let mut seen = HashSet::new();
        let mut lost = 0;
        if self.history == History::Head {
            let Some(head) = refs.head else { return Ok(wanted) };
            odb.read(&head).map_err(|_| "HEAD cannot be read".to_owned())?;
            // git shows replacements in place of other objects, so they are scanned too.
            for id in refs.replacements().chain([head]) {
                lost += take(odb, id, &mut seen, &mut wanted);
            }
            tell_lost(lost, doubt);
            return Ok(wanted);
        }
        let replaced = refs.replacements().count();
        if replaced > 0 {
            doubt(
                Reason::Ambiguous,
                format!(
                    "git shows {replaced} objects in place of others (refs/replace), \
                   so git may select other commits; scan the whole history (--history all)"
                ),
            );
        }
        let graph = Graph::new(commits(odb, jobs), shallow);
        let mut inside = vec![self.history == History::All; graph.len()];
        if let History::Range(from, to) | History::Fork(from, to) = &self.history {
            let is_fork = matches!(self.history, History::Fork(..));
            let mut outside = vec![false; graph.len()];
            let mut commit = |name: &str| {
                if refs.is_ambiguous(name_of(name)) {
                    let detail =
                        format!("{name} names several refs; write the full name of the intended ref (refs/...)");
                    doubt(Reason::Ambiguous, detail);
                }
                resolve(name, odb, refs, &graph)
                    .or_else(|_| of_id(&reader.ask(name, |ask, git_dir| ask.commit(git_dir, name))?, odb, &graph))
                    .map_err(|what| format!("cannot select {from}..{to}: {what}"))
            };
            // What CI systems call the state before the first push of a branch.
            let nothing = matches!(from.len(), 40 | 64) && from.bytes().all(|digit| digit == b'0');
            let last = commit(to)?;
            let mut first = if nothing { None } else { Some(commit(from)?) };
            if is_fork && let Some(first) = &mut first {
                let id = |node: Node| graph.commit(node).and_then(|commit| odb.by_key(commit.key));
                if let (Some(one), Some(other)) = (id(*first), id(last)) {
                    let (one, other) = (one.to_string(), other.to_string());
                    let base = reader.ask(&format!("the merge base of {from} and {to}"), |ask, git_dir| {
                        ask.merge_base(git_dir, &one, &other)
                    })?;
                    *first = of_id(&base, odb, &graph)?;
                }
            }
            graph.reach(first, &mut outside);
            graph.reach([last], &mut inside);
            inside.iter_mut().zip(&outside).for_each(|(inside, outside)| *inside &= !outside);
        }
        if let Some(since) = self.since {
            for (inside, node) in inside.iter_mut().zip(graph.nodes()) {
                *inside &= graph.commit(node).is_some_and(|commit| commit.time >= since);
            }
        }
        let is_inside = |node: Node| inside.get(node as usize) == Some(&true);
        // The contents of the commits just outside are not new.
        let mut boundary: Vec<Node> =
            graph.nodes().filter(|node| is_inside(*node)).flat_map(|node| graph.parents(node).to_vec()).collect();
        boundary.retain(|node| !is_inside(*node));
        boundary.sort_unstable();
        boundary.dedup();
        let mut old = HashSet::new();
        let tree = |node: Node| graph.commit(node).and_then(|commit| odb.by_key(commit.tree));
        for node in boundary {
            gather(odb, tree(node), &mut seen, &mut old);
        }
        for node in graph.nodes().filter(|node| is_inside(*node)) {
            wanted.extend(graph.commit(node).and_then(|commit| odb.by_key(commit.key)));
            lost += gather(odb, tree(node), &mut seen, &mut wanted);
        }
        tell_lost(lost, doubt);
        wanted.retain(|id| !old.contains(id));
        Ok(wanted)
    }
}

fn tell_lost(lost: usize, doubt: &mut dyn FnMut(Reason, String)) {
    if lost > 0 {
        doubt(Reason::MissingObjects, format!("{lost} trees cannot be read, so their contents are unknown"));
    }
}

/// Adds an object and, if it is a commit or a tree, every blob below it. Returns how many trees could not be read.
fn take(odb: &Odb, id: ObjectId, seen: &mut HashSet<ObjectId>, wanted: &mut HashSet<ObjectId>) -> usize {
    wanted.insert(id);
    match odb.read(&id) {
        Ok((Kind::Commit, bytes)) => gather(odb, Header::parse(odb.format, &bytes).tree, seen, wanted),
        Ok((Kind::Tree, _)) => gather(odb, Some(id), seen, wanted),
        _ => 0,
    }
}

/// Adds every blob below a tree; trees seen before are not entered again. Returns how many trees could not be read.
fn gather(odb: &Odb, tree: Option<ObjectId>, seen: &mut HashSet<ObjectId>, blobs: &mut HashSet<ObjectId>) -> usize {
    let mut stack: Vec<ObjectId> = tree.into_iter().collect();
    let mut lost = 0;
    while let Some(tree) = stack.pop() {
        if !seen.insert(tree) {
            continue;
        }
        let Ok((Kind::Tree, bytes)) = odb.read(&tree) else {
            // Every git knows the empty tree, so it need not be stored.
            lost += usize::from(tree != ObjectId::of(odb.format, Kind::Tree, b""));
            continue;
        };
        let size = odb.format.bytes();
        let mut rest = bytes.as_slice();
        while let Some(zero) = memchr::memchr(0, rest) {
            let (head, tail) = rest.split_at(zero + 1);
            let Some((raw, next)) = tail.split_at_checked(size) else { break };
            if let Some(id) = ObjectId::new(odb.format, raw) {
                // Modes as git reads them: octal, with any number of leading zeros; only the type matters.
                match kind_of_mode(head) & 0o170_000 {
                    0o040_000 => stack.push(id),
                    0o160_000 => {}
                    _ => drop(blobs.insert(id)),
                }
            }
            rest = next;
        }
    }
    lost
}

/// The mode at the start of a tree entry.
fn kind_of_mode(entry: &[u8]) -> u32 {
    let digits = entry.iter().take_while(|byte| (b'0'..=b'7').contains(*byte));
    digits.fold(0, |mode, digit| (mode << 3) | u32::from(digit - b'0'))
}

/// A name without the steps that follow it.
fn name_of(text: &str) -> &str {
    text.split(['^', '~']).next().unwrap_or_default()
}

/// The commit with this id.
fn of_id(id: &str, odb: &Odb, graph: &Graph) -> Result<Node, String> {
    let node = ObjectId::from_hex(odb.format, id.as_bytes()).and_then(|id| graph.node(&id));
    node.ok_or_else(|| format!("{id}: no such commit"))
}

/// The commit of a name as users type it: a ref or the digits of an id, followed by steps such as `^` and `~2`.
fn resolve(text: &str, odb: &Odb, refs: &Refs, graph: &Graph) -> Result<Node, String> {
    let unknown = || format!("{text}: no such commit");
    let end = text.find(['^', '~']).unwrap_or(text.len());
    let (name, steps) = text.split_at(end);
    let digits = || {
        let hex = (4..=64).contains(&name.len()) && name.bytes().all(|byte| byte.is_ascii_hexdigit());
        hex.then(|| odb.abbreviated(&name.to_ascii_lowercase())).flatten()
    };
    // Enough digits for a whole id are an id, whatever refs are called.
    let whole = ObjectId::from_hex(odb.format, name.as_bytes());
    let mut id = whole.or_else(|| refs.typed(name)).or_else(digits).ok_or_else(unknown)?;
    while let Ok((Kind::Tag, bytes)) = odb.read(&id) {
        id = tagged(odb.format, &bytes).ok_or_else(unknown)?;
    }
    let mut node = graph.node(&id).ok_or_else(unknown)?;
    let mut steps = steps.chars().peekable();
    while let Some(step) = steps.next() {
        let mut number = None;
        while let Some(digit) = steps.peek().and_then(|c| c.to_digit(10)) {
            number = Some(number.unwrap_or(0_usize).saturating_mul(10).saturating_add(digit as usize));
            steps.next();
        }
        let number = number.unwrap_or(1);
        match step {
            '^' if number == 0 => {}
            '^' => node = *graph.parents(node).get(number - 1).ok_or_else(unknown)?,
            '~' => {
                for _ in 0..number {
                    node = *graph.parents(node).first().ok_or_else(unknown)?;
                }
            }
            // Such as `^{commit}`: not a step that is counted.
            _ => return Err(unknown()),
        }
    }
    Ok(node)
}

/// Reads every commit.
pub(crate) fn commits(odb: &Odb, jobs: usize) -> Commits {
    struct Gather<'a>(&'a super::pack::Pack, &'a Forest, Commits);
    impl Visitor for Gather<'_> {
        fn whole(&mut self, entry: u32, _: Kind, bytes: &[u8]) -> bool {
            if let Some(id) = self.0.index.id(self.1.position(entry)) {
                self.2.push(&id, bytes);
            }
            false
        }
        fn change(&mut self, _: u32, _: Kind, _: Change<'_>) -> bool {
            false
        }
    }
    let mut commits = Commits::default();
    let mut known = HashSet::new();
    for directory in &odb.directories {
        for pack in &directory.packs {
            let forest = Forest::of(pack);
            let gather = || Gather(pack, &forest, Commits::default());
            for part in walk(pack, &forest, &[Kind::Commit], jobs, &gather) {
                commits.append(part.2);
            }
        }
        for id in directory.loose.iter().filter(|id| known.insert(**id)) {
            if let Ok((Kind::Commit, bytes)) = odb.read(id) {
                commits.push(id, &bytes);
            }
        }
    }
    commits
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn selections_are_parsed() {
        let range = |from: &str, to: &str| Ok(History::Range(from.to_owned(), to.to_owned()));
        for (text, history) in [
            ("all", Ok(History::All)),
            ("head", Ok(History::Head)),
            ("none", Ok(History::None)),
            ("v1..v2", range("v1", "v2")),
            ("main..", range("main", "HEAD")),
            ("..topic", range("HEAD", "topic")),
            ("main...", Ok(History::Fork("main".to_owned(), "HEAD".to_owned()))),
            ("@{upstream}..", range("@{upstream}", "HEAD")),
        ] {
            assert_eq!(History::parse(text), history, "{text}");
        }
        for text in ["", "..", "...", "everything"] {
            assert!(History::parse(text).is_err(), "{text}");
        }
    }
}
