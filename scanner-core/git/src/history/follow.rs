//! Which commit brought something to a place, and which took it away.

use std::collections::{BTreeMap, BTreeSet, HashSet};

use super::History;
use crate::commits::Node;
use crate::trees::entries;

/// Most merges whose trees are read to find the one that took something away.
const MERGES_READ: usize = 64;

/// Most commits that are kept of those that brought one place, or took it away: the first, and the last.
const TURNS: usize = 1000;

/// What is known of one object at one path.
#[derive(Debug, Default)]
pub(super) struct Story {
    /// Commits that have it and none of whose parents has.
    pub(super) introduced: Vec<Node>,
    /// Commits on HEAD's history that took it away, in order.
    pub(super) removed: Vec<Node>,
    /// Merges there that do not have it although some parent has, in order.
    merged_away: Vec<Node>,
    pub(super) at_head: bool,
}

/// Takes note of a commit that took a place away. Of very many the last are kept.
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

    /// A merge that is like none of its parents at the path took it away itself; one that took the side of a parent
    /// without it did so only if nothing else did.
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

    /// The first of some commits (in order): of those that do not build on another one of them, the oldest.
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

    /// The last of some commits (in order): of those that no other one of them builds on, the youngest.
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

    /// What a commit holds at a path.
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
