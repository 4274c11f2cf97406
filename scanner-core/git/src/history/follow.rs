//! Finds the commit that introduced an object at a path, and the commit that removed it.

use std::collections::{BTreeMap, BTreeSet, HashSet};

use super::History;
use crate::commits::Node;
use crate::trees::entries;

/// Maximum number of merges whose trees are read to find the one that removed an object.
const MERGES_READ: usize = 64;

/// Maximum number of commits kept of those that introduced a place (the first ones) or removed it (the last ones).
const TURNS: usize = 1000;

/// The history of one object at one path.
#[derive(Debug, Default)]
pub(super) struct Story {
    /// Commits that have it, and none of whose parents have it.
    pub(super) introduced: Vec<Node>,
    /// Commits in HEAD's history that removed it, in order.
    pub(super) removed: Vec<Node>,
    /// Merges in HEAD's history that do not have it although some parent has, in order.
    merged_away: Vec<Node>,
    pub(super) at_head: bool,
}

/// Records a commit that removed a place. Of too many commits the last are kept.
fn turn(commits: &mut Vec<Node>, node: Node) {
    if commits.len() >= 2 * TURNS {
        commits.drain(..TURNS);
    }
    commits.push(node);
}

impl History {
    /// Follows every place, by its number, through the commits.
    pub(super) fn follow(&self) -> BTreeMap<u32, Story> {
        let mut stories: BTreeMap<u32, Story> = BTreeMap::new();
        let set = |node: &Node| self.sets.get(*node as usize).copied().unwrap_or(0);
        let mut on_head = vec![false; self.graph.len()];
        self.graph.reach(self.head, &mut on_head);
        for node in self.graph.nodes() {
            let (own, parents) = (set(&node), self.graph.parents(node));
            if parents.iter().any(|parent| set(parent) != own) || (parents.is_empty() && own != 0) {
                // A merge may have any number of parents; most have the same places.
                let mut sets: Vec<u32> = parents.iter().map(set).collect();
                sets.sort_unstable();
                sets.dedup();
                let has = |set: u32, place| self.places.numbers(set).binary_search(place).is_ok();
                for place in self.places.numbers(own) {
                    if sets.iter().all(|set| !has(*set, place)) {
                        let introduced = &mut stories.entry(*place).or_default().introduced;
                        if introduced.len() < TURNS {
                            introduced.push(node);
                        }
                    }
                }
                if on_head.get(node as usize) == Some(&true) {
                    let before: BTreeSet<u32> =
                        sets.iter().flat_map(|set| self.places.numbers(*set)).copied().collect();
                    for place in before.iter().filter(|place| !has(own, place)) {
                        let story = stories.entry(*place).or_default();
                        if sets.iter().all(|set| has(*set, place)) {
                            turn(&mut story.removed, node);
                        } else {
                            turn(&mut story.merged_away, node);
                        }
                    }
                }
            }
        }
        for place in self.head.map(|head| self.places.numbers(set(&head))).unwrap_or_default() {
            let story = stories.entry(*place).or_default();
            story.at_head = true;
            (story.removed, story.merged_away) = (Vec::new(), Vec::new());
        }
        for (number, story) in &mut stories {
            if let Some((_, path)) = self.places.place(*number) {
                self.judge_merges(path, story);
            }
        }
        stories
    }

    /// A merge that differs from all of its parents at the path removed the object itself. A merge that took the side
    /// of a parent without it counts only if no other commit removed it.
    fn judge_merges(&self, path: &[u8], story: &mut Story) {
        for merge in story.merged_away.iter().rev().take(MERGES_READ) {
            let own = self.object_at(*merge, path);
            if self.graph.parents(*merge).iter().all(|parent| self.object_at(*parent, path) != own) {
                story.removed.push(*merge);
            }
        }
        if story.removed.is_empty() {
            story.removed.append(&mut story.merged_away);
        }
        story.removed.sort_unstable();
    }

    /// The first of some commits (in order): the oldest of those that do not descend from another of them.
    pub(super) fn first(&self, commits: &[Node]) -> Option<Node> {
        let first = *commits.first()?;
        let time = |node: &Node| (self.graph.commit(*node).map(|commit| commit.time), *node);
        if commits.iter().map(time).min() == Some(time(&first)) {
            return Some(first);
        }
        let among: HashSet<Node> = commits.iter().copied().collect();
        let mut behind = vec![false; self.graph.len()];
        let mut ends = Vec::new();
        for node in self.graph.nodes().skip(first as usize) {
            let before = |parent: &Node| among.contains(parent) || behind.get(*parent as usize) == Some(&true);
            let built = self.graph.parents(node).iter().any(before);
            if built {
                behind.get_mut(node as usize).into_iter().for_each(|behind| *behind = true);
            } else if among.contains(&node) {
                ends.push(node);
            }
        }
        ends.into_iter().min_by_key(time)
    }

    /// The last of some commits (in order): the youngest of those that no other of them descends from.
    pub(super) fn last(&self, commits: &[Node]) -> Option<Node> {
        let last = *commits.last()?;
        let time = |node: &Node| (self.graph.commit(*node).map(|commit| commit.time), *node);
        if commits.iter().map(time).max() == Some(time(&last)) {
            return Some(last);
        }
        let parents = commits.iter().flat_map(|node| self.graph.parents(*node)).copied();
        let mut before = vec![false; self.graph.len()];
        self.graph.reach(parents, &mut before);
        commits.iter().copied().filter(|node| before.get(*node as usize) == Some(&false)).max_by_key(time)
    }

    /// The object of a commit at a path.
    fn object_at(&self, node: Node, path: &[u8]) -> Option<u64> {
        let mut key = self.graph.commit(node)?.tree;
        for part in path.split(|byte| *byte == b'/') {
            let (_, tree) = self.read.odb.read(&self.read.odb.by_key(key)?).ok()?;
            let mut next = None;
            entries(&tree, self.read.odb.format.bytes(), &mut |entry| {
                if entry.name == part {
                    next = Some(entry.key);
                }
            });
            key = next?;
        }
        Some(key)
    }
}
