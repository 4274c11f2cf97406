//! Finds the branches, tags and other refs that have a commit in their history.

use std::collections::HashMap;
use std::sync::Arc;

use super::History;
use crate::commits::Node;
use crate::refs::Named;

/// Maximum number of names of branches and tags that are reported for all places of one history.
const MOST_NAMES: usize = 1 << 19;

/// The branches and tags that contain some commits. If there are none, `branches` has the other refs by their full names
/// (`refs/pull/7/head`): hosting sites keep a ref for each pull request, so they would drown the branches.
#[derive(Clone, Default)]
pub(super) struct Containing {
    pub(super) branches: Arc<[String]>,
    pub(super) tags: Arc<[String]>,
}

impl History {
    /// For each list of commits, the branches and tags whose history has any of them. Works on 64 lists at a time: one
    /// bit of a word for each, passed from parents to children.
    pub(super) fn containing(&self, lists: &[&[Node]]) -> Vec<Containing> {
        let mut out = Vec::with_capacity(lists.len());
        let most = MOST_NAMES / lists.len().max(1);
        // Most places were introduced by the same few commits.
        let mut known: HashMap<Vec<u32>, Containing> = HashMap::new();
        for batch in lists.chunks(64) {
            let mut words = vec![0_u64; self.graph.len()];
            for (bit, list) in batch.iter().enumerate() {
                for node in *list {
                    if let Some(word) = words.get_mut(*node as usize) {
                        *word |= 1 << bit;
                    }
                }
            }
            for node in self.graph.nodes() {
                let inherited = self
                    .graph
                    .parents(node)
                    .iter()
                    .filter_map(|parent| words.get(*parent as usize))
                    .fold(0, |a, b| a | b);
                if let Some(word) = words.get_mut(node as usize) {
                    *word |= inherited;
                }
            }
            for bit in 0..batch.len() {
                let has =
                    |(_, _, node): &(Named, String, Node)| words.get(*node as usize).is_some_and(|w| w & 1 << bit != 0);
                let mut refs: Vec<u32> =
                    (0..).zip(&self.refs).filter(|(_, named)| has(named)).map(|(number, _)| number).collect();
                let is_other = |number: &u32| matches!(self.refs.get(*number as usize), Some((Named::Other, ..)));
                if !refs.iter().all(is_other) {
                    refs.retain(|number| !is_other(number));
                }
                if refs.len() > most {
                    self.left_out.set(true);
                    refs.truncate(most);
                }
                let names = |wanted: Named, refs: &[u32]| -> Arc<[String]> {
                    let named = refs.iter().filter_map(|number| self.refs.get(*number as usize));
                    let mut names: Vec<String> =
                        named.filter(|(kind, ..)| *kind == wanted).map(|(_, name, _)| name.clone()).collect();
                    names.sort();
                    names.into()
                };
                let found = known.entry(refs).or_insert_with_key(|refs| {
                    let (branches, tags) = (names(Named::Branch, refs), names(Named::Tag, refs));
                    let others = names(Named::Other, refs);
                    Containing { branches: if others.is_empty() { branches } else { others }, tags }
                });
                out.push(found.clone());
            }
        }
        out
    }
}
