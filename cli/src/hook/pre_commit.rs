//! `keyradius hook pre-commit` and pre-merge-commit: scan the staged files, from the index that git uses.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use keyradius_core::engine::Progress;

use super::answer::{self, Change, is_empty_blob, is_oid, is_zero};
use super::blobs::{self, Blobs, Tally};
use super::git::{Children, Git};
use super::judge::{Place, Places, judge};
use super::known::{Known, Scanned, named, oid};
use super::policy::{Policy, Repository};
use super::question::diff;
use super::tell::{Page, Words};
use crate::args::hook::PreCommitArgs;
use crate::confine::Guard;
use crate::exit::{Exit, Failure, Outcome};
use crate::surroundings::{Surroundings, Variables};

/// Ids of the empty tree (SHA-1 and SHA-256), which a first commit is compared with.
const EMPTY_TREES: [&str; 2] =
    ["4b825dc642cb6eb9a060e54bf8d69288fbee4904", "6ef19b41225c5369f1c104d45d8d85efa9b057b53b14b4b9b939dd74decc5321"];

/// How to remove a key from the index.
const REMEDY: &str = "To remove it: `git restore --staged PATH` (before the first commit, `git rm --cached PATH`), and \
                      keep the file outside the repository.";

const BYPASS: &str = "To commit without this check: git commit --no-verify";

/// Checks the staged files.
pub(crate) fn run(args: &PreCommitArgs, around: &Surroundings, guard: Guard) -> Result<Exit, Failure> {
    let git = &Git::of(Children::confined(guard)?);
    // Both commands are started at once: most commits are not merges, and then these two are enough.
    let repository = Repository::start(git)?;
    let first = if args.amend_aware { None } else { Some(git.start(&diff(None))?) };
    let repository = Repository::found(repository, &around.directory)?;
    let Some(root) = &repository.root else {
        return Err(Failure::new("no staged files to check: this is a bare repository or a directory inside .git")
            .hint("run this hook in a work tree; on a server, use `keyradius hook pre-receive`"));
    };
    let mut diffs = Vec::new();
    if let Some(first) = first {
        diffs.push(answer::changes(&first.answer()?));
    } else {
        for parent in parents_of_head(git)? {
            diffs.push(answer::changes(&git.ask(&diff(Some(&parent)))?));
        }
    }
    for parent in other_parents(git, &repository.merge_head, &around.variables) {
        diffs.push(answer::changes(&git.ask(&diff(Some(&parent)))?));
    }
    let places = staged(diffs);
    if places.is_empty() {
        if around.variables.get("PRE_COMMIT").is_some() {
            super::tell::nothing("staged");
        }
        return Ok(Exit::Nothing);
    }

    let policy = Policy::load(&args.check, around, Some(root))?;
    let oids: Vec<String> = places.keys().cloned().collect();
    let common = Some(repository.common.as_path());
    let tally = Tally::default();
    let blobs = Blobs::new(git, blobs::list(&oids), common, &tally);
    let engine = policy.search.engine(policy.limits);
    let mut scanned = Scanned::read(vec![blobs], &engine, policy.jobs, &Progress::default())?;
    let hits = scanned.hits();
    let olds: BTreeSet<String> =
        places.iter().filter(|(oid, _)| hits.contains(*oid)).flat_map(|(_, places)| olds(places)).collect();
    let known = Known::read(git, &Vec::from_iter(olds), common, &engine)?;

    let path_of = |oid: &str| places.get(oid).and_then(|places| places.first()).map(|place| place.path.clone());
    let mut gaps = std::mem::take(&mut scanned.gaps);
    for gap in &mut gaps {
        gap.origin = named(&gap.origin, path_of(&oid(&gap.origin)).unwrap_or_default());
    }
    let aside = scanned.aside(&|oid| path_of(oid).unwrap_or_default());
    let judged = judge(scanned, &|oid| places.get(oid).cloned().unwrap_or_default(), &known, &policy);

    let mut page = Page::default();
    page.judged(&judged, Words { adds: "this commit would add", remedy: REMEDY, bypass: BYPASS, allows: true });
    page.gaps(&gaps, "part of the staged content", BYPASS);
    page.aside(&aside, args.check.strict, BYPASS);
    page.say();
    let incomplete = !gaps.is_empty() || (args.check.strict && !aside.is_empty());
    let outcome = Outcome { failing: judged.blocks(), incomplete, ..Outcome::default() };
    Ok(Exit::of_scan(outcome, false, false))
}

fn olds(places: &[Place]) -> impl Iterator<Item = String> + '_ {
    places.iter().flat_map(|place| place.olds.iter().cloned())
}

/// The parents of HEAD, which an amended commit is compared with.
fn parents_of_head(git: &Git) -> Result<Vec<String>, Failure> {
    let Ok(line) = git.ask(&["rev-list", "--parents", "--max-count=1", "HEAD", "--"]) else {
        return Ok(vec!["HEAD".to_owned()]);
    };
    let line = answer::text(&line);
    let mut oids = line.split_whitespace().map(str::to_owned);
    let head = oids.next().unwrap_or_default();
    let parents: Vec<String> = oids.collect();
    if !parents.is_empty() {
        return Ok(parents);
    }
    let empty = EMPTY_TREES.iter().find(|tree| tree.len() == head.len());
    empty.map(|tree| vec![(*tree).to_owned()]).ok_or_else(|| {
        Failure::new("git reports an unknown object format for HEAD").hint("run the hook without --amend-aware")
    })
}

/// The other parents of a merge. After conflicts, MERGE_HEAD lists them; before the commit of a clean merge, only the
/// environment does (`GITHEAD_<oid>`, set by `git merge` for its children).
fn other_parents(git: &Git, merge_head: &Path, variables: &Variables) -> Vec<String> {
    if let Ok(text) = std::fs::read_to_string(merge_head) {
        return text.split_whitespace().filter(|oid| is_oid(oid)).map(str::to_owned).collect();
    }
    let action = variables.text("GIT_REFLOG_ACTION").and_then(|what| what.split_whitespace().next());
    let merging = action.is_some_and(|word| matches!(word, "merge" | "pull"));
    if !merging {
        return Vec::new();
    }
    let named = variables.names().filter_map(|name| name.strip_prefix("GITHEAD_").map(str::to_owned));
    // A variable left over from a merge in another repository does not name a commit here.
    named
        .filter(|oid| {
            is_oid(oid) && git.ask(&["rev-parse", "--verify", "--quiet", &format!("{oid}^{{commit}}")]).is_ok()
        })
        .collect()
}

/// Staged objects that differ from every parent, with their paths and the object of each parent at that path.
fn staged(diffs: Vec<Vec<Change>>) -> Places {
    let parents = diffs.len();
    let mut by_path: BTreeMap<PathBuf, (String, usize, Vec<String>)> = BTreeMap::new();
    for change in diffs.into_iter().flatten() {
        if change.submodule || is_zero(&change.new) || is_empty_blob(&change.new) {
            continue;
        }
        let (_, differs, olds) = by_path.entry(change.path).or_insert_with(|| (change.new, 0, Vec::new()));
        *differs += 1;
        olds.extend(Some(change.old).filter(|old| !is_zero(old)));
    }
    let mut places = Places::new();
    for (path, (new, differs, olds)) in by_path {
        if differs == parents {
            places.entry(new).or_default().push(Place { path, commit: None, olds });
        }
    }
    places
}
