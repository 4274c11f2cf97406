//! Describes the git history of a key in a few words.

use keyradius_core::material::Reach;
use keyradius_core::oid;

use super::escape;
use crate::report::model::{Commit, Finding, Git, Text};
use crate::report::words;

/// Branches or tags named in one line; further ones are only counted.
const NAMED: usize = 3;

/// Branches that are named first: the usual names of a default branch.
const TRUNKS: [&str; 4] = ["main", "master", "origin/main", "origin/master"];

/// Since when the key has been exposed, by whom, and on which branches and tags; `None` if the exposure is unknown.
pub(super) fn since(finding: &Finding, verbose: bool) -> Option<String> {
    let exposure = finding.exposure.as_ref()?;
    let day = exposure.first_seen.split('T').next().unwrap_or_default();
    let mut parts = vec![format!("{day}, {}", words::plural(exposure.days.unsigned_abs(), "day", "days"))];
    let histories = || finding.occurrences.iter().filter_map(|occurrence| occurrence.git.as_ref());
    let first = histories()
        .filter_map(|git| git.introduced.as_ref())
        .find(|commit| commit.commit_date.as_deref() == Some(exposure.first_seen.as_str()));
    parts.extend(first.map(|commit| format!("by {}", escape(&commit.author))));
    for (what, many, names) in [
        (
            "branch",
            "branches",
            histories().flat_map(|git| &git.branches).filter(|name| !is_full(name)).collect::<Vec<_>>(),
        ),
        ("other ref", "other refs", histories().flat_map(|git| &git.branches).filter(|name| is_full(name)).collect()),
        ("tag", "tags", histories().flat_map(|git| &git.tags).collect::<Vec<_>>()),
    ] {
        parts.extend(some(what, many, names, verbose));
    }
    if finding.signing && !finding.certificates.is_empty() {
        parts.push(format!("revoke as of {}", exposure.revocation_date));
    }
    Some(parts.join(" · "))
}

/// Whether the name is that of a ref that is neither a branch nor a tag: such names are full.
fn is_full(name: &Text) -> bool {
    name.as_str().starts_with("refs/")
}

/// A count with names, such as `in 2 tags (v1, v2)`; `None` if there are no names.
fn some(one: &str, many: &str, mut names: Vec<&Text>, verbose: bool) -> Option<String> {
    names.sort_by_key(|name| (!TRUNKS.contains(&name.as_str()), name.as_str()));
    names.dedup();
    let shown = if verbose { names.len() } else { NAMED };
    let mut list: Vec<String> = names.iter().take(shown).map(|name| escape(name)).collect();
    if names.len() > shown {
        list.push("...".to_owned());
    }
    let count = words::plural(names.len() as u64, one, many);
    (!names.is_empty()).then(|| format!("in {count} ({})", list.join(", ")))
}

/// Describes one place in a history: `at HEAD`, `removed 2020-01-02 (3f2a91c04b1d)`.
pub(super) fn facts(git: &Git, verbose: bool) -> String {
    let mut facts = Vec::new();
    facts.extend(match git.kind {
        oid::Kind::Commit => Some("in a commit message".to_owned()),
        oid::Kind::Tag => Some("in a tag message".to_owned()),
        _ => None,
    });
    facts.extend(git.introduced.as_ref().map(|commit| format!("added {}", told(commit, verbose))));
    facts.push(match (git.reach, &git.removed) {
        _ if git.at_head => "at HEAD".to_owned(),
        (Reach::Refs, Some(commit)) => format!("removed {}", told(commit, verbose)),
        (Reach::Refs, None) if git.kind == oid::Kind::Blob => "not at HEAD".to_owned(),
        (Reach::Refs, None) => "in the history".to_owned(),
        (Reach::Stash, _) => "in a stash".to_owned(),
        (Reach::Reflog, _) => "in a reflog only".to_owned(),
        (Reach::Index, _) => "staged".to_owned(),
        (Reach::Unreachable, _) => "not reachable from any branch, tag or reflog".to_owned(),
    });
    facts.join(", ")
}

/// The day and id of a commit, such as `2020-01-02 (3f2a91c04b1d)`; with its author if `verbose`.
fn told(commit: &Commit, verbose: bool) -> String {
    let day = commit.commit_date.as_deref().and_then(|date| date.get(..10)).unwrap_or("at an unknown time");
    let id = commit.commit.get(..12).unwrap_or(&commit.commit);
    if verbose { format!("{day} by {} ({id})", escape(&commit.author)) } else { format!("{day} ({id})") }
}
