//! Revisions that refs and objects alone do not resolve: libgit2 resolves them like git.

use std::collections::BTreeSet;

use super::oracle::ids;
use super::repo::{Ground, Repo};
use super::seen::try_scan;
use crate::workshop::key_pem;

/// A repository with a fork, an upstream branch and a reflog; every commit adds one key.
fn forked(ground: &Ground, args: &[&str]) -> Repo {
    let origin = Repo::init(ground.join("origin"), &[&["-b", "main"], args].concat());
    let commit = |repo: &Repo, number: u8| {
        repo.file(&format!("{number}.pem"), key_pem(number).as_bytes());
        repo.git(&["add", "."]);
        repo.git(&["commit", "-q", "-m", &format!("Key number {number}")]);
    };
    commit(&origin, 1);
    commit(&origin, 2);
    let bare = ground.join("work.git");
    origin.git(&["clone", "-q", "--bare", ".", &bare.to_string_lossy()]);
    let work = Repo::init(ground.join("work"), &[&["-b", "main"], args].concat());
    work.git(&["remote", "add", "origin", &bare.to_string_lossy()]);
    work.git(&["fetch", "-q", "origin"]);
    work.git(&["checkout", "-q", "-B", "main", "--track", "origin/main"]);
    commit(&work, 3);
    work.git(&["checkout", "-q", "-b", "topic", "HEAD~1"]);
    commit(&work, 4);
    work.git(&["checkout", "-q", "main"]);
    commit(&work, 5);
    // The work tree is empty, so that only the history has findings.
    work.git(&["rm", "-q", "-r", "."]);
    work.git(&["commit", "-q", "-m", "Remove all"]);
    work
}

fn found(repo: &Repo, range: &str) -> (Option<i32>, BTreeSet<String>, String) {
    let seen = try_scan(&repo.dir, &[&format!("--history={range}"), "."]);
    let objects = if seen.stdout.is_empty() { BTreeSet::new() } else { seen.objects() };
    (seen.code, objects, seen.stderr)
}

#[test]
fn revisions_are_those_of_git() {
    let ground = Ground::new("revisions");
    let repo = forked(&ground, &[]);
    let keys =
        ids(&repo, &["rev-list", "--all", "--objects", "--filter=object:type=blob", "--filter-provided-objects"]);
    assert_eq!(keys.len(), 5, "{keys:?}");
    for (range, many) in [
        ("@{upstream}..", 2),
        ("@{u}..main~1", 2),
        ("main@{2}..main", 1),
        ("main@{upstream}~1..topic", 2),
        (":/number 2..topic", 1),
        ("HEAD^{commit}~3..HEAD^{/number 3}", 1),
        ("main...topic", 1),
        ("topic...", 2),
        ("topic...main@{1}", 2),
    ] {
        // Here git's symmetric difference corresponds to the range from the fork, as in `git diff`.
        let words: Vec<String> = match range.split_once("...") {
            Some((one, other)) => {
                let or_head = |name: &str| if name.is_empty() { "HEAD" } else { name }.to_owned();
                let (one, other) = (or_head(one), or_head(other));
                vec![format!("^{}", repo.git(&["merge-base", &one, &other])), other]
            }
            None => vec![range.to_owned()],
        };
        let words: Vec<&str> = words.iter().map(String::as_str).collect();
        let listed = repo.attempt(&[&["rev-list", "--objects"][..], &words, &["--"]].concat());
        assert!(listed.status.success(), "git reads {range}: {listed:?}");
        let (code, objects, said) = found(&repo, range);
        let listed = String::from_utf8_lossy(&listed.stdout).into_owned();
        let expected = listed.lines().filter_map(|line| line.split(' ').next()).map(str::to_owned);
        let expected: BTreeSet<String> = expected.filter(|id| keys.contains(id)).collect();
        assert_eq!((code, &objects), (Some(1), &expected), "{range}: {said}");
        assert_eq!(objects.len(), many, "{range}");
    }
    for (range, said) in [
        ("@{yesteryear}..no/such@{upstream}", "no such commit"),
        ("topic@{upstream}..", "no such commit"),
        ("main^{tree}..", "no such commit"),
        ("main...no-such", "no such commit"),
    ] {
        let (code, _, stderr) = found(&repo, range);
        assert_eq!((code, stderr.contains(said)), (Some(2), true), "{range}: {stderr}");
    }
}

#[test]
fn what_git_and_libgit2_do_not_agree_on_is_refused() {
    let ground = Ground::new("revisions-several");
    let repo = forked(&ground, &[]);
    repo.git(&["config", "--add", "branch.main.merge", "refs/heads/topic"]);
    let (code, _, said) = found(&repo, "@{upstream}..");
    assert_eq!((code, said.contains("several upstreams")), (Some(2), true), "{said}");
}

#[cfg(unix)]
#[test]
fn a_pipe_in_the_place_of_a_file_ends() {
    let ground = Ground::new("revisions-pipe");
    let repo = forked(&ground, &[]);
    let made = std::process::Command::new("mkfifo").arg(repo.git_dir().join("refs/heads/pipe")).status();
    assert!(made.is_ok_and(|status| status.success()), "mkfifo");
    let (code, _, said) = found(&repo, "pipe..main");
    assert_eq!((code, said.contains("did not answer")), (Some(2), true), "{said}");
}

#[test]
fn what_libgit2_does_not_open_is_said() {
    let ground = Ground::new("revisions-closed");
    let repo = forked(&ground, &["--object-format=sha256"]);
    let (code, _, said) = found(&repo, "@{upstream}..");
    assert_eq!((code, said.contains("libgit2 cannot open this repository")), (Some(2), true), "{said}");
    let (code, objects, said) = found(&repo, "origin/main..main");
    assert_eq!((code, objects.len()), (Some(1), 2), "refs are read without it: {said}");
}
