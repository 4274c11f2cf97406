//! `keyradius hook pre-push`: scan every object that the remote lacks.

use keyradius_core::engine::Progress;

use super::answer::{is_oid, is_zero, text};
use super::blobs::{Blobs, Tally};
use super::git::{self, Children, Git};
use super::known::Scanned;
use super::policy::{Policy, Repository};
use super::push::{self, Told};
use super::question::{addresses, is_remote};
use super::range::Range;
use super::tell::{OUT_OF_COMMITS, Page, Words};
use crate::args::hook::PrePushArgs;
use crate::confine::Guard;
use crate::exit::{Exit, Failure, Outcome};
use crate::surroundings::{Surroundings, Variables};

const BYPASS: &str = "To push without this check: git push --no-verify";

/// The objects that are pushed, and those that the remote is known to have.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct Push {
    /// New values of the pushed refs.
    tips: Vec<String>,
    /// Current values of these refs on the remote.
    theirs: Vec<String>,
    remote: Option<String>,
}

/// Checks a push.
pub(crate) fn run(args: &PrePushArgs, around: &Surroundings, guard: Guard) -> Result<Exit, Failure> {
    let git = Git::of(Children::confined(guard)?);
    let repository = Repository::start(&git)?;
    let repository = Repository::found(repository, &around.directory)?;
    // Git's own lines take precedence: the environment of the framework may be left over from another push.
    let lines = git::lines();
    let told = Push::read(lines.as_deref().unwrap_or_default(), args.remote.clone())?;
    let push = match (told, lines) {
        (None, lines) => match (Push::of_framework(&git, args.remote.clone(), &around.variables)?, lines) {
            (None, Err(failure)) => return Err(failure),
            (push, _) => push,
        },
        (told, _) => told,
    };
    let Some(push) = push else {
        if around.variables.get("PRE_COMMIT").is_some() {
            super::tell::nothing("pushed");
        }
        return Ok(Exit::Nothing);
    };
    if push.tips.is_empty() {
        return Ok(Exit::Nothing);
    }
    let policy = Policy::load(&args.check, around, repository.root.as_deref())?;
    let range = push.range(&git)?;
    let tally = Tally::default();
    let blobs = Blobs::new(&git, range.objects(&git)?, Some(&repository.common), &tally);
    let engine = policy.search.engine(policy.limits);
    let scanned = Scanned::read(vec![blobs], &engine, policy.jobs, &Progress::default())?;
    let (git, common) = (&git, repository.common.as_path());
    let checked =
        push::Push { git, range: &range, common, policy: &policy, engine: &engine, unreached: false, late: &|| false };
    let Told { judged, gaps, aside } = checked.tell(scanned)?;

    let mut page = Page::default();
    page.judged(
        &judged,
        Words { adds: "this push would publish", remedy: OUT_OF_COMMITS, bypass: BYPASS, allows: true },
    );
    page.gaps(&gaps, "part of the pushed content", BYPASS);
    page.aside(&aside, args.check.strict, BYPASS);
    page.say();
    let incomplete = !gaps.is_empty() || (args.check.strict && !aside.is_empty());
    let outcome = Outcome { failing: judged.blocks(), incomplete, ..Outcome::default() };
    Ok(Exit::of_scan(outcome, false, false))
}

impl Push {
    /// Parses the lines that git writes, `<local-ref> <local-oid> <remote-ref> <remote-oid>`; `None` if there are none.
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
            // Zeros mean a deletion in `ours`, and a new ref in `theirs`.
            if !is_zero(ours) {
                push.tips.push(ours.to_owned());
                push.theirs.extend((!is_zero(theirs)).then(|| theirs.to_owned()));
            }
        }
        Ok(any.then_some(push))
    }

    /// Reads the environment of the pre-commit framework, which consumes the lines itself. For a first push of a whole
    /// history, the framework sets no refs and names only the local branch.
    fn of_framework(git: &Git, remote: Option<String>, variables: &Variables) -> Result<Option<Self>, Failure> {
        let get = |name: &str| variables.text(name).filter(|value| !value.is_empty());
        let Some(to) = get("PRE_COMMIT_TO_REF").or_else(|| get("PRE_COMMIT_LOCAL_BRANCH")) else { return Ok(None) };
        let verify = |what: &str| git.ask(&["rev-parse", "--verify", "--quiet", "--end-of-options", what]);
        let tip = verify(to).map_err(|_| {
            Failure::new("PRE_COMMIT_TO_REF does not name an object of this repository")
                .hint("run this hook through `pre-commit`")
        })?;
        let theirs = get("PRE_COMMIT_FROM_REF").filter(|from| !is_zero(from)).and_then(|from| verify(from).ok());
        let line = |answer: Vec<u8>| text(&answer).trim().to_owned();
        Ok(Some(Self {
            tips: vec![line(tip)],
            theirs: theirs.map(line).into_iter().collect(),
            remote: get("PRE_COMMIT_REMOTE_NAME").map(str::to_owned).or(remote),
        }))
    }

    /// The range of objects that are new to the remote.
    fn range(&self, git: &Git) -> Result<Range, Failure> {
        let mut input: String = self.tips.iter().flat_map(|oid| [oid.as_str(), "\n"]).collect();
        if !self.theirs.is_empty() {
            let ask: String = self.theirs.iter().flat_map(|oid| [oid.as_str(), "\n"]).collect();
            let there = git.tell(&["cat-file", "--batch-check=%(objectname) %(objecttype)"], ask.as_bytes())?;
            for line in text(&there).lines().filter(|line| !line.ends_with(" missing")) {
                input.extend(["^", line.split(' ').next().unwrap_or_default(), "\n"]);
            }
        }
        // A push to an address instead of a named remote has no remote-tracking refs: then everything counts as new.
        let remote = self.remote.as_ref().filter(|remote| is_remote(remote) && is_one_place(git, remote));
        let range = remote.map(|remote| vec!["--not".to_owned(), format!("--remotes={remote}")]);
        Ok(Range { tips: input.into_bytes(), rest: range.unwrap_or_default() })
    }
}

/// Whether a remote is fetched from the addresses that it is pushed to. If not (`pushurl`, `pushInsteadOf`), its
/// remote-tracking refs do not say what the push address has.
fn is_one_place(git: &Git, remote: &str) -> bool {
    let of = |push| git.ask(&addresses(remote, push)).ok();
    of(false).is_some_and(|fetched| of(true) == Some(fetched))
}

fn not_lines() -> Failure {
    Failure::new("standard input is not in git's format for pre-push: `<local ref> <oid> <remote ref> <oid>`")
        .hint("let git run this hook (`keyradius hook install pre-push`); see docs/hooks.md for hook managers")
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
        for lines in
            ["x", "a b c d", &format!("{a} {b}"), &format!("{a} x {b}"), &format!("{zero} {zero} refs/heads/x")]
        {
            assert!(Push::read(lines, None).is_err(), "{lines}");
        }
    }
}
