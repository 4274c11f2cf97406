//! git's answers about a repository.

use std::collections::{BTreeMap, BTreeSet};

use super::repo::Repo;

/// An object as `git cat-file` prints it.
pub(crate) struct Object {
    pub(crate) kind: String,
    pub(crate) bytes: Vec<u8>,
}

/// Every object of a repository and of its alternates.
pub(crate) fn objects(repo: &Repo) -> BTreeMap<String, Object> {
    let output = repo.feed(&["cat-file", "--batch-all-objects", "--unordered", "--buffer", "--batch"], b"");
    let (mut rest, mut all) = (&output[..], BTreeMap::new());
    while !rest.is_empty() {
        let end = rest.iter().position(|&byte| byte == b'\n').expect("a line");
        let head = String::from_utf8_lossy(&rest[..end]).into_owned();
        let words: Vec<&str> = head.split(' ').collect();
        let [id, kind, size] = words[..] else { panic!("cat-file says {head}") };
        let size: usize = size.parse().expect("a size");
        let bytes = rest[end + 1..][..size].to_vec();
        all.insert(id.to_owned(), Object { kind: kind.to_owned(), bytes });
        rest = &rest[end + size + 2..];
    }
    all
}

/// The expected counts in `coverage.repositories[]`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Counts {
    pub(crate) objects: u64,
    pub(crate) blobs: u64,
    pub(crate) blob_bytes: u64,
    pub(crate) commits: u64,
    pub(crate) tags: u64,
    pub(crate) trees: u64,
}

/// Ids, kinds and sizes of all objects.
pub(crate) fn listing(repo: &Repo) -> Vec<(String, String, u64)> {
    let format = "--batch-check=%(objectname) %(objecttype) %(objectsize)";
    let listing = repo.git(&["cat-file", "--batch-all-objects", "--unordered", "--buffer", format]);
    let words = listing.lines().map(|line| line.split(' ').collect::<Vec<_>>());
    words.map(|word| (word[0].into(), word[1].into(), word[2].parse().expect("a size"))).collect()
}

/// Counts of all objects.
pub(crate) fn counts(repo: &Repo) -> Counts {
    let mut counts = Counts::default();
    for (_, kind, size) in listing(repo) {
        counts.objects += 1;
        match kind.as_str() {
            "blob" => {
                counts.blobs += 1;
                counts.blob_bytes += size;
            }
            "commit" => counts.commits += 1,
            "tag" => counts.tags += 1,
            "tree" => counts.trees += 1,
            other => panic!("a {other}"),
        }
    }
    counts
}

/// The counts by libgit2, which shares no code with git. `None` for repositories that it cannot open: SHA-256,
/// reftables.
pub(crate) fn counts_of_libgit2(repo: &Repo) -> Option<Counts> {
    let repository = git2::Repository::open(&repo.dir).ok()?;
    let odb = repository.odb().ok()?;
    let mut ids = BTreeSet::new();
    odb.foreach(|id| {
        ids.insert(*id);
        true
    })
    .ok()?;
    let mut counts = Counts::default();
    for id in ids {
        // Read completely, so that every delta is applied.
        let object = odb.read(id).unwrap_or_else(|error| panic!("{id}: {error}"));
        let count = match object.kind() {
            git2::ObjectType::Blob => &mut counts.blobs,
            git2::ObjectType::Commit => &mut counts.commits,
            git2::ObjectType::Tag => &mut counts.tags,
            git2::ObjectType::Tree => &mut counts.trees,
            git2::ObjectType::Any => panic!("{id}: of no kind"),
        };
        *count += 1;
        counts.objects += 1;
        if object.kind() == git2::ObjectType::Blob {
            counts.blob_bytes += object.len() as u64;
        }
    }
    Some(counts)
}

/// The object ids of a listing such as that of `git rev-list --objects`: the first word of every line.
pub(crate) fn ids(repo: &Repo, args: &[&str]) -> BTreeSet<String> {
    repo.git(args).lines().filter_map(|line| line.split(' ').next()).map(str::to_owned).collect()
}

/// How an object is reachable; best first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Reach {
    Refs,
    Stash,
    Reflog,
    Index,
    Unreachable,
}

impl Reach {
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Refs => "refs",
            Self::Stash => "stash",
            Self::Reflog => "reflog",
            Self::Index => "index",
            Self::Unreachable => "unreachable",
        }
    }
}

/// What git knows about a blob at a path.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Truth {
    pub(crate) reach: Reach,
    /// Every commit that has the blob there, and none of whose parents has.
    pub(crate) everywhere: BTreeSet<String>,
    /// The first of them: best reachable, not a descendant of another one, oldest. Several only if their times are
    /// equal.
    pub(crate) introduced: BTreeSet<String>,
    /// Empty if the blob was never removed.
    pub(crate) removed: BTreeSet<String>,
    pub(crate) at_head: bool,
}

/// One line of `git diff-tree`: the blob at a path before and after.
struct Change {
    path: String,
    before: String,
    after: String,
}

struct Commit {
    parents: Vec<String>,
    date: i64,
    /// One list for each parent with any difference.
    changes: Vec<Change>,
}

/// The history of a repository, including unreachable commits.
pub(crate) struct History {
    commits: BTreeMap<String, Commit>,
    /// Commits by their way to be reached.
    reached: Vec<(Reach, BTreeSet<String>)>,
    /// The tree of HEAD.
    head: BTreeMap<String, String>,
    head_commits: BTreeSet<String>,
    /// The indexes of all work trees: paths and blobs.
    index: BTreeSet<(String, String)>,
}

impl History {
    pub(crate) fn of(repo: &Repo) -> Self {
        let all: Vec<String> =
            listing(repo).into_iter().filter(|(_, kind, _)| kind == "commit").map(|(id, ..)| id).collect();
        let mut commits = BTreeMap::new();
        let input = all.join("\n") + "\n";
        for line in repo.feed_line(&["log", "--no-walk", "--stdin", "--format=%H %ct %P"], input.as_bytes()).lines() {
            let mut words = line.split(' ').map(str::to_owned);
            let (id, date) = (words.next().expect("an id"), words.next().expect("a date").parse().expect("a number"));
            let parents = words.filter(|word| !word.is_empty()).collect();
            commits.insert(id, Commit { parents, date, changes: Vec::new() });
        }
        let diff = ["diff-tree", "--stdin", "-m", "-r", "--root", "-z", "--raw", "--no-renames", "--no-abbrev"];
        read_changes(&repo.feed(&diff, input.as_bytes()), &mut commits);

        let walk = |args: &[&str]| ids(repo, &[&["rev-list"], args].concat());
        // Older stashes are in the stash's reflog, which a clone does not have.
        let stash = if repo.attempt(&["rev-parse", "-q", "--verify", "refs/stash"]).status.success() {
            let entries = repo.git(&["reflog", "show", "--format=%H", "refs/stash"]);
            walk(&["refs/stash"].into_iter().chain(entries.lines()).collect::<Vec<_>>())
        } else {
            BTreeSet::new()
        };
        let reached = vec![
            (Reach::Refs, walk(&["--exclude=refs/stash", "--all"])),
            (Reach::Stash, stash),
            (Reach::Reflog, walk(&["--reflog", "--all"])),
            (Reach::Unreachable, all.into_iter().collect()),
        ];
        Self {
            reached,
            head: tree(repo, &["ls-tree", "-r", "-z", "HEAD"], 2).into_iter().collect(),
            head_commits: walk(&["HEAD"]),
            index: work_trees(repo).iter().flat_map(|repo| tree(repo, &["ls-files", "-s", "-z"], 1)).collect(),
            commits,
        }
    }

    /// Every path where the blob ever was, with git's facts about it.
    pub(crate) fn places(&self, blob: &str) -> BTreeMap<String, Truth> {
        let mut places = BTreeMap::new();
        let mut paths: BTreeSet<&String> =
            self.index.iter().filter(|(_, held)| held == blob).map(|(path, _)| path).collect();
        let changes = self.commits.values().flat_map(|commit| &commit.changes);
        paths.extend(changes.filter(|change| change.after == blob).map(|change| &change.path));
        for path in paths {
            places.insert(path.clone(), self.place(blob, path));
        }
        places
    }

    fn place(&self, blob: &str, path: &str) -> Truth {
        let at_head = self.head.get(path).is_some_and(|held| held == blob);
        // A commit introduces a blob at a path if none of its parents has it there.
        let introduces = |commit: &Commit| {
            let new = commit.changes.iter().filter(|c| c.path == path && c.after == blob && c.before != blob);
            new.count() == commit.parents.len().max(1)
        };
        let candidates: BTreeSet<&String> =
            self.commits.iter().filter(|(_, commit)| introduces(commit)).map(|(id, _)| id).collect();
        for (reach, commits) in &self.reached {
            let here: BTreeSet<&String> = candidates.iter().copied().filter(|id| commits.contains(*id)).collect();
            if !here.is_empty() {
                let introduced = self.ends(&here, |a, b| self.leads(b, a), |date| date);
                let removed = if at_head { BTreeSet::new() } else { self.removed(blob, path) };
                // A staged blob is not lost.
                let staged = self.index.iter().any(|entry| entry.0 == path && entry.1 == blob);
                let staged = *reach == Reach::Unreachable && staged;
                let reach = if staged { Reach::Index } else { *reach };
                let everywhere = candidates.iter().map(|id| (*id).clone()).collect();
                return Truth { reach, everywhere, introduced, removed, at_head };
            }
        }
        let [everywhere, introduced, removed] = [const { BTreeSet::new() }; 3];
        Truth { reach: Reach::Index, everywhere, introduced, removed, at_head }
    }

    /// The last commit below HEAD that removed it: one that differs from all its parents at this path, or a merge that
    /// chose a parent without it.
    fn removed(&self, blob: &str, path: &str) -> BTreeSet<String> {
        let mut chosen = [BTreeSet::new(), BTreeSet::new()];
        for (id, commit) in self.commits.iter().filter(|(id, _)| self.head_commits.contains(*id)) {
            let here: Vec<&Change> = commit.changes.iter().filter(|c| c.path == path && c.before != c.after).collect();
            if here.iter().any(|change| change.before == blob) {
                let like_none = here.len() == commit.parents.len().max(1);
                chosen[usize::from(!like_none)].insert(id);
            }
        }
        let removals = if chosen[0].is_empty() { &chosen[1] } else { &chosen[0] };
        self.ends(removals, |a, b| self.leads(a, b), |date| -date)
    }

    /// Items without another one `beyond` them; of these, the first by `order` of the date.
    fn ends(
        &self,
        among: &BTreeSet<&String>,
        beyond: impl Fn(&str, &str) -> bool,
        order: impl Fn(i64) -> i64,
    ) -> BTreeSet<String> {
        let ends = among.iter().filter(|a| !among.iter().any(|b| b != *a && beyond(a, b)));
        let key = |id: &str| order(self.commits[id].date);
        let ends: Vec<&String> = ends.copied().collect();
        let first = ends.iter().map(|id| key(id)).min();
        ends.into_iter().filter(|id| Some(key(id)) == first).cloned().collect()
    }

    /// Whether `from` is an ancestor of `to`.
    fn leads(&self, from: &str, to: &str) -> bool {
        let (mut seen, mut todo) = (BTreeSet::new(), vec![to]);
        while let Some(id) = todo.pop() {
            if id == from {
                return true;
            }
            if seen.insert(id) {
                todo.extend(self.commits.get(id).into_iter().flat_map(|commit| &commit.parents).map(String::as_str));
            }
        }
        false
    }
}

/// Paths and blobs of a listing; the id is the given word of each line.
fn tree(repo: &Repo, args: &[&str], word: usize) -> Vec<(String, String)> {
    let lines = repo.git(args);
    let entries = lines.split('\0').filter_map(|line| line.split_once('\t'));
    entries.map(|(meta, path)| (path.into(), meta.split(' ').nth(word).expect("an id").into())).collect()
}

/// Every work tree of a repository.
fn work_trees(repo: &Repo) -> Vec<Repo> {
    let list = repo.git(&["worktree", "list", "--porcelain", "-z"]);
    list.split('\0').filter_map(|line| line.strip_prefix("worktree ")).map(Repo::at).collect()
}

/// Parses the output of `git diff-tree --stdin -z`: the commit, then `:mode mode before after letter` and path,
/// repeated.
fn read_changes(output: &[u8], commits: &mut BTreeMap<String, Commit>) {
    let text = String::from_utf8_lossy(output);
    let (mut words, mut commit) = (text.split('\0'), String::new());
    while let Some(word) = words.next() {
        if let Some(meta) = word.strip_prefix(':') {
            let meta: Vec<&str> = meta.split(' ').collect();
            let path = words.next().expect("a path").to_owned();
            let change = Change { path, before: meta[2].to_owned(), after: meta[3].to_owned() };
            commits.get_mut(&commit).expect("a known commit").changes.push(change);
        } else if !word.is_empty() {
            word.clone_into(&mut commit);
        }
    }
}

/// The names of branches and of tags whose history contains a commit, in short form, and those of other refs, sorted.
pub(crate) fn containing(repo: &Repo, commit: &str) -> [Vec<String>; 3] {
    let format = "--format=%(symref) %(refname)";
    let lines = repo.git(&["for-each-ref", format, "--contains", commit]);
    // A symbolic ref (`origin/HEAD`) is another name of a branch, not another branch.
    let names: Vec<&str> = lines.lines().filter_map(|line| line.strip_prefix(' ')).collect();
    let short = |prefixes: &[&str]| {
        let mut short: Vec<String> = names
            .iter()
            .filter_map(|name| prefixes.iter().find_map(|prefix| name.strip_prefix(prefix)))
            .map(str::to_owned)
            .collect();
        short.sort();
        short
    };
    let known = ["refs/heads/", "refs/remotes/", "refs/tags/", "refs/stash"];
    let mut others: Vec<String> = names
        .iter()
        .filter(|name| !known.iter().any(|prefix| name.starts_with(prefix)))
        .map(|name| (*name).to_owned())
        .collect();
    others.sort();
    [short(&["refs/heads/", "refs/remotes/"]), short(&["refs/tags/"]), others]
}
