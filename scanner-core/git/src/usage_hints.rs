//! Reads files of a history that may use the keys found in it: build scripts, properties, CI configuration.
//!
//! A work tree is read as files. This module reads what is in no work tree: all of HEAD's tree if there is no work
//! tree, and, for a key that is only in history, the files beside it and above it in the commit that introduced it. Old
//! versions of all other files say nothing about a key stored elsewhere, and would cost as much to read as the history
//! itself.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use super::commits::Header;
use super::history::below;
use super::odb::{Odb, as_path, unread};
use super::source::Read;
use super::trees::entries;
use keyradius_core::blob::{Blob, Origin};
use keyradius_core::error::Reason;
use keyradius_core::material::Provenance;
use keyradius_core::oid::{Kind, ObjectId};
use keyradius_core::run::Run;

/// Maximum number of commits whose trees are read, in each repository.
const COMMITS: usize = 256;

/// Maximum number of tree entries that are read, in each repository.
const ENTRIES: usize = 1_000_000;

/// Directories, relative to the root of a tree, that configure CI systems.
const CI: [&str; 3] = [".github/workflows", ".circleci", ".buildkite"];

/// Reads every such file of a repository. `keys` is the history of the private keys found in it.
pub(crate) fn feed(read: &Read, keys: &[&Provenance], run: &Run<'_>) {
    if !run.reads_clues() {
        return;
    }
    let bare = read.repository.name == read.repository.git_dir;
    let mut brought: BTreeSet<(ObjectId, PathBuf)> = BTreeSet::new();
    for git in keys {
        if let (Some(commit), Some(path), false) = (&git.introduced, &git.path, git.at_head) {
            brought.insert((commit.id, path.parent().map(Path::to_owned).unwrap_or_default()));
        }
    }
    let mut reader = Reader { odb: &read.odb, name: &read.repository.name, run, seen: BTreeSet::new(), left: ENTRIES };
    if bare && let Some(tree) = read.refs.head.and_then(|head| reader.tree_of(&head)) {
        reader.all(tree);
    }
    let commits: BTreeSet<ObjectId> = brought.iter().map(|(commit, _)| *commit).collect();
    if commits.len() > COMMITS || reader.left == 0 {
        let detail = format!(
            "{} commits introduced keys; files that may use them were read for {COMMITS}, {ENTRIES} entries at most",
            commits.len()
        );
        run.gap(unread(&read.repository.git_dir, Reason::TooMany, detail));
    }
    let read_for: BTreeSet<ObjectId> = commits.into_iter().take(COMMITS).collect();
    for (commit, directory) in brought.iter().filter(|(commit, _)| read_for.contains(commit)) {
        if run.cancelled() {
            return;
        }
        let Some(root) = reader.tree_of(commit) else { continue };
        for directory in directory.ancestors().map(Path::to_owned).chain(CI.map(PathBuf::from)) {
            if let Some(tree) = reader.descend(root, &directory) {
                reader.files(tree, &directory);
            }
        }
    }
}

struct Reader<'a> {
    odb: &'a Odb,
    name: &'a Path,
    run: &'a Run<'a>,
    /// The files that were handed on: a file that does not change is read once.
    seen: BTreeSet<(ObjectId, PathBuf)>,
    /// Tree entries that may still be read.
    left: usize,
}

impl Reader<'_> {
    /// The tree of a commit.
    fn tree_of(&self, commit: &ObjectId) -> Option<ObjectId> {
        let Ok((Kind::Commit, bytes)) = self.odb.read(commit) else { return None };
        Header::parse(self.odb.format, &bytes).tree
    }

    /// The tree at a path.
    fn descend(&self, root: ObjectId, path: &Path) -> Option<ObjectId> {
        let mut tree = root;
        for part in path {
            let mut next = None;
            self.each(&tree, &mut |name, is_tree, key| {
                if is_tree && name == part.as_encoded_bytes() {
                    next = Some(key);
                }
            });
            tree = self.odb.by_key(next?)?;
        }
        Some(tree)
    }

    fn each(&self, tree: &ObjectId, each: &mut dyn FnMut(&[u8], bool, u64)) {
        if let Ok((Kind::Tree, bytes)) = self.odb.read(tree) {
            entries(&bytes, self.odb.format.bytes(), &mut |entry| {
                if !entry.is_submodule {
                    each(entry.name, entry.is_tree, entry.key);
                }
            });
        }
    }

    /// Reads every file below a tree.
    fn all(&mut self, root: ObjectId) {
        let mut stack = vec![(root, PathBuf::new())];
        while let Some((tree, path)) = stack.pop() {
            if self.left == 0 || self.run.cancelled() {
                return;
            }
            stack.extend(self.files(tree, &path));
        }
    }

    /// Reads the files of one tree. Returns its subtrees.
    fn files(&mut self, tree: ObjectId, directory: &Path) -> Vec<(ObjectId, PathBuf)> {
        let (mut trees, mut files) = (Vec::new(), Vec::new());
        let mut left = self.left;
        self.each(&tree, &mut |name, is_tree, key| {
            left = left.saturating_sub(1);
            let path = directory.join(as_path(name));
            if is_tree {
                trees.push((key, path));
            } else if self.run.wants_clues(&path) {
                files.push((key, path));
            }
        });
        self.left = left;
        for (key, path) in files {
            let Some(id) = self.odb.by_key(key) else { continue };
            let path = below(self.name, &path);
            if self.seen.insert((id, path.clone()))
                && let Ok((Kind::Blob, bytes)) = self.odb.read(&id)
            {
                self.run.read_usage(Blob::whole(&bytes, &Origin { path, object: Some(id), wraps: Vec::new() }));
            }
        }
        trees.into_iter().filter_map(|(key, path)| Some((self.odb.by_key(key)?, path))).collect()
    }
}
