//! `keyradius hook pre-push`: every object that the remote does not have.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use scanner_core::engine::Watch;
use scanner_core::error::{Gap, Reason};

use super::git::{self, Git, is_oid, is_zero, text};
use super::judge::{Place, Places, judge};
use super::known::{Known, Scanned, oid};
use super::policy::{Policy, Repository};
use super::tell::{Page, Words};
use crate::args::hook::PrePushArgs;
use crate::exit::{Exit, Failure, Outcome};

const BYPASS: &str = "To push without this check: git push --no-verify";

/// What is pushed, and what the remote is known to have.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct Push {
    tips: Vec<String>,
    /// What its refs are now, as far as the pushed ones go.
    theirs: Vec<String>,
    remote: Option<String>,
}

/// Checks what is pushed.
pub(crate) fn run(args: &PrePushArgs, here: &Path) -> Result<Exit, Failure> {
    let git = Git::default();
    let repository = Repository::start(git)?;
    let repository = Repository::found(repository, here)?;
    // What git says comes first: what the framework left in the environment may be of another push.
    let lines = git::lines();
    let told = Push::read(lines.as_deref().unwrap_or_default(), args.remote.clone())?;
    let push = match (told, lines) {
        (None, lines) => match (Push::of_framework(git, args.remote.clone())?, lines) {
            (None, Err(failure)) => return Err(failure),
            (push, _) => push,
        },
        (told, _) => told,
    };
    let Some(push) = push else {
        if std::env::var_os("PRE_COMMIT").is_some() {
            super::tell::nothing("pushed");
        }
        return Ok(Exit::Nothing);
    };
    if push.tips.is_empty() {
        return Ok(Exit::Nothing);
    }
    let policy = Policy::load(&args.check, here, repository.root.as_deref())?;
    let (tips, range) = push.range(git)?;
    let listing = listing(git, &tips, &range)?;
    let oids: Vec<String> = listing.paths.keys().cloned().collect();
    let common = Some(repository.common.as_path());
    let mut scanned =
        Scanned::read(git, &oids, common, (policy.search.0, policy.limits, policy.jobs), &Watch::default())?;
    let hits = scanned.hits();
    let places = if hits.is_empty() { Places::new() } else { super::origin::places(git, &hits, &range, &tips)? };
    let olds: BTreeSet<String> = places.values().flatten().flat_map(|place| place.olds.iter().cloned()).collect();
    let known = Known::read(git, &Vec::from_iter(olds), common, (policy.search.0, policy.limits))?;

    let name = |oid: &str| name(oid, &listing.paths, &scanned.seen.kinds);
    let mut gaps = scanned.gaps.clone();
    for gap in &mut gaps {
        gap.origin.path = name(&oid(&gap.origin));
    }
    gaps.extend(listing.missing);
    let absent: Vec<PathBuf> = scanned.seen.absent_lfs.iter().map(|oid| name(oid)).collect();
    let found = Scanned { occurrences: std::mem::take(&mut scanned.occurrences), ..Scanned::default() };
    let judged = judge(found, &|oid| places_or_name(oid, &places, &name), &known, &policy, None);

    let mut page = Page::default();
    page.absent_lfs(absent.iter().map(PathBuf::as_path));
    page.judged(&judged, Words { adds: "this push would publish", bypass: BYPASS, allows: true });
    page.gaps(&gaps, "part of what is pushed", BYPASS);
    page.say();
    let outcome = Outcome { failing: judged.blocks(), incomplete: !gaps.is_empty(), ..Outcome::default() };
    Ok(Exit::of_scan(outcome, false, false))
}

/// Where an object lies, or what it is.
pub(crate) fn places_or_name(oid: &str, places: &Places, name: &dyn Fn(&str) -> PathBuf) -> Vec<Place> {
    places.get(oid).cloned().unwrap_or_else(|| vec![Place { path: name(oid), ..Place::default() }])
}

/// A path, `commit 0123456789ab`, or `object 0123456789ab`.
pub(crate) fn name(oid: &str, paths: &BTreeMap<String, PathBuf>, kinds: &BTreeMap<String, &'static str>) -> PathBuf {
    match (paths.get(oid).filter(|path| !path.as_os_str().is_empty()), kinds.get(oid)) {
        (Some(path), None) => path.clone(),
        (_, kind) => PathBuf::from(format!("{} {}", kind.unwrap_or(&"object"), oid.get(..12).unwrap_or(oid))),
    }
}

impl Push {
    /// From the lines that git writes: `<local-ref> <local-oid> <remote-ref> <remote-oid>`. Nothing if there are none.
    fn read(lines: &str, remote: Option<String>) -> Result<Option<Self>, Failure> {
        let mut push = Self { remote, ..Self::default() };
        let mut any = false;
        for line in lines.lines().filter(|line| !line.trim().is_empty()) {
            let words: Vec<&str> = line.split_whitespace().collect();
            let (Some(&theirs), Some(&ours)) = (words.last(), words.get(words.len().wrapping_sub(3))) else {
                return Err(not_lines());
            };
            if words.len() < 4 || !is_oid(ours) || !is_oid(theirs) {
                return Err(not_lines());
            }
            any = true;
            // Zeros: a deletion on our side, a new ref on theirs.
            if !is_zero(ours) {
                push.tips.push(ours.to_owned());
                push.theirs.extend((!is_zero(theirs)).then(|| theirs.to_owned()));
            }
        }
        Ok(any.then_some(push))
    }

    /// From the environment of the pre-commit framework, which reads the lines itself. A first push of a whole history
    /// leaves its refs out and names the local branch only.
    fn of_framework(git: Git, remote: Option<String>) -> Result<Option<Self>, Failure> {
        let get = |name: &str| std::env::var(name).ok().filter(|value| !value.is_empty());
        let Some(to) = get("PRE_COMMIT_TO_REF").or_else(|| get("PRE_COMMIT_LOCAL_BRANCH")) else { return Ok(None) };
        let verify = |what: &str| git.ask(&["rev-parse", "--verify", "--quiet", "--end-of-options", what]);
        let tip = verify(&to).map_err(|_| {
            Failure::new("PRE_COMMIT_TO_REF names nothing in this repository").hint("run it through `pre-commit`")
        })?;
        let theirs = get("PRE_COMMIT_FROM_REF").filter(|from| !is_zero(from)).and_then(|from| verify(&from).ok());
        let line = |answer: Vec<u8>| text(&answer).trim().to_owned();
        Ok(Some(Self {
            tips: vec![line(tip)],
            theirs: theirs.map(line).into_iter().collect(),
            remote: get("PRE_COMMIT_REMOTE_NAME").or(remote),
        }))
    }

    /// Input and last arguments of `git rev-list --stdin` for what is new.
    fn range(&self, git: Git) -> Result<(Vec<u8>, Vec<String>), Failure> {
        let mut input: String = self.tips.iter().flat_map(|oid| [oid.as_str(), "\n"]).collect();
        if !self.theirs.is_empty() {
            let ask: String = self.theirs.iter().flat_map(|oid| [oid.as_str(), "\n"]).collect();
            let there = git.tell(&["cat-file", "--batch-check=%(objectname) %(objecttype)"], ask.as_bytes())?;
            for line in text(&there).lines().filter(|line| !line.ends_with(" missing")) {
                input.extend(["^", line.split(' ').next().unwrap_or_default(), "\n"]);
            }
        }
        // A push to an address instead of a name has no such refs: then everything counts as new.
        let remote = self.remote.as_ref().filter(|remote| is_remote(remote));
        let range = remote.map(|remote| vec!["--not".to_owned(), format!("--remotes={remote}")]);
        Ok((input.into_bytes(), range.unwrap_or_default()))
    }
}

/// Whether this can be the name of a remote, which is a part of the names of its refs: then it holds no wildcard.
fn is_remote(name: &str) -> bool {
    !name.is_empty() && !name.contains(['*', '?', '[', ':', '\\', '^', '~', ' ']) && !name.starts_with(['/', '.', '-'])
}

fn not_lines() -> Failure {
    Failure::new("standard input is not what git writes for pre-push: `<local ref> <oid> <remote ref> <oid>`")
        .hint("let git run it (`keyradius hook install pre-push`); see docs/hooks.md for hook managers")
}

/// What is new.
#[derive(Debug, Default)]
pub(crate) struct Listing {
    /// Objects, and a path of each: empty for commits, tags and root trees.
    pub(crate) paths: BTreeMap<String, PathBuf>,
    /// Objects that are not here.
    pub(crate) missing: Vec<Gap>,
}

/// Lists every object of a range.
pub(crate) fn listing(git: Git, tips: &[u8], range: &[String]) -> Result<Listing, Failure> {
    let mut args = ["rev-list", "--objects", "--missing=print", "--stdin"].map(str::to_owned).to_vec();
    args.extend(range.iter().cloned());
    let mut listing = Listing::default();
    for line in git.tell(&args, tips)?.split(|byte| *byte == b'\n').filter(|line| !line.is_empty()) {
        if let Some(oid) = line.strip_prefix(b"?") {
            let origin = scanner_core::blob::Origin::file(format!("object {}", text(oid.get(..12).unwrap_or(oid))));
            let detail = "not in this repository, which may be a partial clone".to_owned();
            listing.missing.push(Gap { origin, reason: Reason::ReadError, detail });
            continue;
        }
        let mut parts = line.splitn(2, |byte| *byte == b' ');
        let oid = text(parts.next().unwrap_or_default());
        listing.paths.insert(oid, parts.next().map(git::path).unwrap_or_default());
    }
    Ok(listing)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_of_git_are_read_and_others_are_refused() {
        let (a, b, zero) = ("a".repeat(40), "b".repeat(40), "0".repeat(40));
        let long = "c".repeat(64);
        for (lines, tips, theirs) in [
            (format!("refs/heads/x {a} refs/heads/x {zero}\n"), vec![&a], vec![]),
            (format!("refs/heads/x {a} refs/heads/x {b}\n"), vec![&a], vec![&b]),
            (format!("(delete) {zero} refs/heads/x {b}\n"), vec![], vec![]),
            (format!("HEAD~1 and more {a} refs/heads/x {zero}\nx {long} y {zero}\n"), vec![&a, &long], vec![]),
        ] {
            let push = Push::read(&lines, None).expect(&lines).expect(&lines);
            assert_eq!((push.tips.iter().collect(), push.theirs.iter().collect()), (tips, theirs), "{lines}");
        }
        assert_eq!(Push::read("\n", None).expect("nothing"), None);
        for lines in ["x", "a b c d", &format!("{a} {b}"), &format!("{zero} {zero} refs/heads/x")] {
            assert!(Push::read(lines, None).is_err(), "{lines}");
        }
    }

    #[test]
    fn an_address_is_no_remote() {
        for (name, is) in
            [("origin", true), ("me/fork", true), ("https://x/y", false), ("../y.git", false), ("*", false)]
        {
            assert_eq!(is_remote(name), is, "{name}");
        }
    }
}
