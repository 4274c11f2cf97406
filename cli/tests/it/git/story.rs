//! A random history as a stream for `git fast-import`: branches, merges, renames, reverts, tags, notes and keys.

use std::collections::BTreeMap;
use std::io::Write;
use std::rc::Rc;

use super::plant::{Doc, Plants};
use super::rng::Rng;

const FOLDERS: &[&str] = &["", "", "src/", "deploy/prod/", "with space/", "gr\u{f6}\u{df}e/", "tests/data/x/"];
const ENDS: &[&str] = &["pem", "yaml", "c", "conf", "json", "md"];
const BINARY_ENDS: &[&str] = &["jks", "der", "bin"];
const ODD_NAMES: &[&str] = &["new\nline.txt", "quo\"te.pem", "tab\there.yaml", "back\\slash.c"];

/// The content of a path.
#[derive(Clone)]
enum Entry {
    File { doc: Rc<Doc>, executable: bool },
    Link(&'static str),
    Module,
}

impl Entry {
    fn same(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::File { doc: a, executable: x }, Self::File { doc: b, executable: y }) => Rc::ptr_eq(a, b) && x == y,
            (Self::Link(a), Self::Link(b)) => a == b,
            (Self::Module, Self::Module) => true,
            _ => false,
        }
    }
}

type Tree = BTreeMap<String, Entry>;

/// The history so far.
pub(crate) struct Story<'a> {
    rng: &'a mut Rng,
    plants: &'a mut Plants,
    /// Hex digits of an object id.
    hex: usize,
    stream: Vec<u8>,
    /// The tree of every commit; its mark is its index + 1.
    commits: Vec<Tree>,
    /// The commit of each branch.
    heads: BTreeMap<String, usize>,
    tags: usize,
    /// Seconds since 1970.
    clock: i64,
    /// Whether some commits have dates before those of their parents.
    skewed: bool,
}

impl<'a> Story<'a> {
    /// Makes a history of this many commits. Returns the stream.
    pub(crate) fn tell(rng: &'a mut Rng, plants: &'a mut Plants, hex: usize, commits: usize, skewed: bool) -> Vec<u8> {
        let (stream, commits_so_far, heads, clock) = (Vec::new(), Vec::new(), BTreeMap::new(), 1_700_000_000);
        let mut story = Story { rng, plants, hex, stream, commits: commits_so_far, heads, tags: 0, clock, skewed };
        story.beginning("main");
        while story.commits.len() < commits {
            story.step();
        }
        story.end();
        story.stream
    }

    fn step(&mut self) {
        let branch = self.branch();
        match self.rng.below(20) {
            0 if self.heads.len() < 6 => self.beginning(&format!("orphan-{}", self.commits.len())),
            1 | 2 if self.heads.len() < 6 => {
                let from = self.rng.below(self.commits.len());
                let name = format!("topic/{}", self.commits.len());
                let mut tree = self.commits[from].clone();
                self.change(&mut tree);
                self.commit(&name, &[from], tree);
            }
            3..6 if self.heads.len() > 1 => self.merge(&branch),
            6 => {
                // Dropped commits stay in the object database.
                if branch != "main" && self.rng.chance(40) {
                    self.heads.remove(&branch);
                    self.reset(&format!("refs/heads/{branch}"), &"0".repeat(self.hex));
                }
            }
            7 => self.tag(),
            _ => {
                let head = self.heads[&branch];
                let mut tree = self.commits[head].clone();
                self.change(&mut tree);
                self.commit(&branch, &[head], tree);
            }
        }
    }

    fn branch(&mut self) -> String {
        let names: Vec<&String> = self.heads.keys().collect();
        // Half of the commits are on `main`.
        if self.rng.chance(50) { "main".into() } else { (*self.rng.pick(&names)).clone() }
    }

    fn beginning(&mut self, branch: &str) {
        let mut tree = Tree::new();
        for _ in 0..4 {
            self.create(&mut tree);
        }
        self.commit(branch, &[], tree);
    }

    fn merge(&mut self, into: &str) {
        let mut parents = vec![self.heads[into]];
        let others: Vec<usize> = self.heads.values().copied().filter(|head| !parents.contains(head)).collect();
        for other in others.into_iter().take(self.rng.between(1, 4)) {
            parents.push(other);
        }
        if parents.len() < 2 {
            return;
        }
        let mut tree = Tree::new();
        let paths: Vec<String> = parents.iter().flat_map(|&parent| self.commits[parent].keys().cloned()).collect();
        for path in paths {
            let from = *self.rng.pick(&parents);
            if let Some(entry) = self.commits[from].get(&path) {
                tree.entry(path).or_insert_with(|| entry.clone());
            }
        }
        if self.rng.chance(20) {
            self.change(&mut tree);
        }
        self.commit(into, &parents, tree);
    }

    /// Makes one to three changes in a tree.
    fn change(&mut self, tree: &mut Tree) {
        for _ in 0..self.rng.between(1, 4) {
            let path = self.some_file(tree);
            match (self.rng.below(24), path) {
                (0..3, _) | (_, None) => self.create(tree),
                (3..11, Some(path)) => self.edit(tree, &path),
                (11, Some(path)) => drop(tree.remove(&path)),
                (12 | 13, Some(path)) => {
                    let (name, entry) = (self.name(false), tree.remove(&path));
                    tree.extend(entry.map(|entry| (name.clone(), entry)));
                    if self.rng.chance(50) {
                        self.edit(tree, &name);
                    }
                }
                (14, Some(path)) => {
                    let name = self.name(false);
                    tree.extend(tree.get(&path).cloned().map(|entry| (name, entry)));
                }
                (15 | 16, Some(_)) => self.go_back(tree),
                (17, Some(path)) => {
                    // Renames a whole directory.
                    if let Some((folder, _)) = path.rsplit_once('/') {
                        let (old, new) = (format!("{folder}/"), format!("moved-{}/", self.commits.len()));
                        let inside: Vec<String> = tree.keys().filter(|path| path.starts_with(&old)).cloned().collect();
                        for path in inside {
                            let entry = tree.remove(&path);
                            tree.extend(entry.map(|entry| (path.replacen(&old, &new, 1), entry)));
                        }
                    }
                }
                (18, Some(path)) => {
                    if let Some(Entry::File { executable, .. }) = tree.get_mut(&path) {
                        *executable ^= true;
                    }
                }
                (19, _) => drop(tree.insert("link".into(), Entry::Link("src/nowhere.pem"))),
                (20, _) => drop(tree.insert("vendor/module".into(), Entry::Module)),
                (21, _) => {
                    let empty = Entry::File { doc: Rc::new(Doc::new(self.rng, false, 0)), executable: false };
                    tree.insert("empty.txt".into(), empty);
                }
                (_, Some(path)) => self.plant(tree, &path),
            }
        }
    }

    fn some_file(&mut self, tree: &Tree) -> Option<String> {
        let files: Vec<&String> =
            tree.iter().filter(|(_, entry)| matches!(entry, Entry::File { .. })).map(|(path, _)| path).collect();
        (!files.is_empty()).then(|| (*self.rng.pick(&files)).clone())
    }

    fn name(&mut self, binary: bool) -> String {
        let folder = *self.rng.pick(FOLDERS);
        if self.rng.chance(5) {
            return format!("{folder}{}", self.rng.pick(ODD_NAMES));
        }
        let end = *self.rng.pick(if binary { BINARY_ENDS } else { ENDS });
        format!("{folder}file{}.{end}", self.rng.below(40))
    }

    fn create(&mut self, tree: &mut Tree) {
        let binary = self.rng.chance(25);
        let parts = match self.rng.below(100) {
            0..8 => self.rng.between(1800, 2400),
            8..50 => self.rng.between(40, 120),
            _ => self.rng.between(2, 30),
        };
        let mut doc = Doc::new(self.rng, binary, parts);
        if self.rng.chance(30) {
            doc.plant(self.rng, self.plants);
        }
        tree.insert(self.name(binary), Entry::File { doc: Rc::new(doc), executable: false });
    }

    fn edit(&mut self, tree: &mut Tree, path: &str) {
        if let Some(Entry::File { doc, .. }) = tree.get_mut(path) {
            let mut new = Doc::clone(doc);
            if !self.rng.chance(45) || !new.trouble(self.rng, self.plants) {
                new.edit(self.rng);
            }
            *doc = Rc::new(new);
        }
    }

    fn plant(&mut self, tree: &mut Tree, path: &str) {
        if let Some(Entry::File { doc, .. }) = tree.get_mut(path) {
            let mut new = Doc::clone(doc);
            new.plant(self.rng, self.plants);
            *doc = Rc::new(new);
        }
    }

    /// Restores the content of a path from an earlier commit: a revert, or a restored deletion.
    fn go_back(&mut self, tree: &mut Tree) {
        let then = self.rng.below(self.commits.len());
        if let Some(path) = self.some_file(&self.commits[then].clone()) {
            tree.extend(self.commits[then].get(&path).cloned().map(|entry| (path, entry)));
        }
    }

    fn commit(&mut self, branch: &str, parents: &[usize], tree: Tree) {
        self.clock += i64::from(self.rng.between(600, 90_000) as u32);
        let odd = self.skewed && self.rng.chance(15);
        let date = if odd { self.clock - 400_000 } else { self.clock };
        let mark = self.commits.len() + 1;
        let message = if self.rng.chance(4) { self.plants.pem(self.rng) } else { format!("Commit {mark}\n") };
        let stream = &mut self.stream;
        write(stream, &format!("commit refs/heads/{branch}\nmark :{mark}\n"));
        write(stream, &format!("author Ada <ada@example.org> {} -0330\n", date - 77));
        write(stream, &format!("committer Carl <carl@example.org> {date} +0200\n"));
        data(stream, message.as_bytes());
        for (number, parent) in parents.iter().enumerate() {
            let word = if number == 0 { "from" } else { "merge" };
            write(stream, &format!("{word} :{}\n", parent + 1));
        }
        let nothing = Tree::new();
        let before = parents.first().map_or(&nothing, |&parent| &self.commits[parent]);
        for path in before.keys().filter(|path| !tree.contains_key(*path)) {
            write(stream, &format!("D {}\n", quoted(path)));
        }
        for (path, entry) in &tree {
            if before.get(path).is_some_and(|old| old.same(entry)) {
                continue;
            }
            let path = quoted(path);
            match entry {
                Entry::Module => write(stream, &format!("M 160000 {} {path}\n", "5".repeat(self.hex))),
                Entry::Link(to) => {
                    write(stream, &format!("M 120000 inline {path}\n"));
                    data(stream, to.as_bytes());
                }
                Entry::File { doc, executable } => {
                    let mode = if *executable { "100755" } else { "100644" };
                    write(stream, &format!("M {mode} inline {path}\n"));
                    data(stream, &doc.bytes());
                }
            }
        }
        self.commits.push(tree);
        self.heads.insert(branch.into(), mark - 1);
    }

    fn tag(&mut self) {
        self.tags += 1;
        let (number, mark) = (self.tags, self.rng.between(1, self.commits.len() + 1));
        if self.rng.chance(50) {
            return self.reset(&format!("refs/tags/light-{number}"), &format!(":{mark}"));
        }
        let message = if self.rng.chance(25) { self.plants.pem(self.rng) } else { "A release\n".into() };
        write(
            &mut self.stream,
            &format!("tag v{number}\nfrom :{mark}\ntagger Tom <tom@example.org> {} +0000\n", self.clock),
        );
        data(&mut self.stream, message.as_bytes());
    }

    fn reset(&mut self, name: &str, to: &str) {
        write(&mut self.stream, &format!("reset {name}\nfrom {to}\n\n"));
    }

    /// Adds remote branches, and notes, one of them with a key.
    fn end(&mut self) {
        let main = self.heads["main"] + 1;
        self.reset("refs/remotes/origin/main", &format!(":{}", main.div_ceil(2)));
        for name in ["refs/remotes/origin/topic/far", "refs/pull/7/head"] {
            let mark = self.rng.between(1, main + 1);
            self.reset(name, &format!(":{mark}"));
        }
        for note in [self.plants.pem(self.rng), "seen\n".to_owned()] {
            self.clock += 60;
            let date = self.clock;
            write(&mut self.stream, "commit refs/notes/commits\n");
            write(&mut self.stream, &format!("committer Carl <carl@example.org> {date} +0200\n"));
            data(&mut self.stream, b"A note\n");
            write(&mut self.stream, &format!("N inline :{}\n", self.rng.between(1, main + 1)));
            data(&mut self.stream, note.as_bytes());
        }
        write(&mut self.stream, "done\n");
    }
}

fn write(stream: &mut Vec<u8>, text: &str) {
    stream.write_all(text.as_bytes()).expect("memory");
}

fn data(stream: &mut Vec<u8>, bytes: &[u8]) {
    write(stream, &format!("data {}\n", bytes.len()));
    stream.extend_from_slice(bytes);
    stream.push(b'\n');
}

/// A path for `git fast-import`: quoted, with C escapes.
fn quoted(path: &str) -> String {
    format!("\"{}\"", path.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n").replace('\t', "\\t"))
}
