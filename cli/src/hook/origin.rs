//! Which commit brought an object, to which path, and what lay there before: asked for hits only.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;

use super::git::{self, Change, Commit, Git, LOG_FORMAT, is_zero};
use super::judge::{Place, Places};
use crate::exit::Failure;

/// How many objects one log is asked for: a command line has an end.
const AT_ONCE: usize = 400;

/// The places of these objects in a range of commits, which is the last arguments of a `git log` and its input.
pub(crate) fn places(git: Git, oids: &BTreeSet<String>, range: &[String], tips: &[u8]) -> Result<Places, Failure> {
    let mut places = Places::new();
    let oids: Vec<&String> = oids.iter().collect();
    for chunk in oids.chunks(AT_ONCE) {
        let fixed = ["-c", "log.showRoot=true", "-c", "log.showSignature=false", "log", "-z", "--raw", "--no-abbrev"];
        let mut args: Vec<String> = fixed.map(str::to_owned).to_vec();
        args.extend(
            ["--no-renames", "--no-relative", "--no-color", "--no-ext-diff", "-O/dev/null", "-m", LOG_FORMAT]
                .map(str::to_owned),
        );
        args.extend(chunk.iter().map(|oid| format!("--find-object={oid}")));
        args.push("--stdin".to_owned());
        args.extend(range.iter().cloned());
        let wanted: BTreeSet<&str> = chunk.iter().map(|oid| oid.as_str()).collect();
        for (oid, place) in introduced(&git::changes(&git.tell(&args, tips)?), &wanted) {
            places.entry(oid).or_default().push(place);
        }
    }
    Ok(places)
}

/// Where and by which commits an object came. A merge brings only what none of its parents has there.
fn introduced(changes: &[Change], wanted: &BTreeSet<&str>) -> Vec<(String, Place)> {
    let mut by_commit: BTreeMap<(&Commit, &PathBuf, &str), Vec<&str>> = BTreeMap::new();
    let mut order = Vec::new();
    for change in changes {
        let Some(commit) = change.commit.as_ref().filter(|_| wanted.contains(change.new.as_str())) else { continue };
        let key = (commit, &change.path, change.new.as_str());
        by_commit
            .entry(key)
            .or_insert_with(|| {
                order.push(key);
                Vec::new()
            })
            .push(&change.old);
    }
    // A log begins with the newest commit: the one that brought it first stands last.
    order
        .into_iter()
        .rev()
        .filter_map(|key| {
            let (commit, path, oid) = key;
            let olds = by_commit.get(&key)?;
            (olds.len() >= commit.parents.max(1)).then(|| {
                let olds = olds.iter().filter(|old| !is_zero(old)).map(|old| (*old).to_owned()).collect();
                (oid.to_owned(), Place { path: path.clone(), commit: Some(commit.oid.clone()), olds })
            })
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn change(commit: &str, parents: usize, old: &str, new: &str) -> Change {
        Change {
            commit: Some(Commit { oid: commit.into(), parents }),
            submodule: false,
            old: old.into(),
            new: new.into(),
            path: "k".into(),
        }
    }

    #[test]
    fn a_merge_brings_only_what_no_parent_has() {
        let wanted = BTreeSet::from(["key"]);
        for (name, changes, commits) in [
            ("added, then removed", vec![change("c2", 1, "key", "00"), change("c1", 1, "00", "key")], &["c1"][..]),
            ("merged from one side", vec![change("m", 2, "00", "key"), change("c1", 1, "00", "key")], &["c1"]),
            ("made by the merge", vec![change("m", 2, "00", "key"), change("m", 2, "aa", "key")], &["m"]),
            ("root", vec![change("c1", 0, "00", "key")], &["c1"]),
            ("twice", vec![change("c3", 1, "00", "key"), change("c1", 1, "00", "key")], &["c1", "c3"]),
        ] {
            let told: Vec<_> =
                introduced(&changes, &wanted).into_iter().filter_map(|(_, place)| place.commit).collect();
            assert_eq!(told, commits, "{name}");
        }
    }
}
