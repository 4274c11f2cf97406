//! `git push` to a bare repository whose pre-receive hook is keyradius.

use super::repo::{Repo, body};
use crate::workshop::{Ran, key_pem};

/// A repository, and the bare repository `server` with the hook, after one push.
fn served(test: &str) -> Repo {
    let mut repo = Repo::bare_of_hooks(test, &[]);
    repo.git(&["init", "-q", "--bare", "-b", "main", "../server.git"]).passes("bare");
    repo.git(&["remote", "add", "origin", "../server.git"]).passes("remote");
    repo.file("readme.md", "nothing\n").commit_all("begin");
    repo.go("server.git").git(&["config", "receive.advertisePushOptions", "true"]).passes("options");
    repo.keyradius(&["hook", "install", "pre-receive"]).passes("install");
    repo.go("repo").git(&["push", "-q", "origin", "main"]).passes("first push");
    repo
}

fn push(repo: &Repo, what: &[&str]) -> Ran {
    repo.git(&[&["push", "-q"], what].concat())
}

#[test]
fn a_push_that_brings_a_key_is_refused() {
    for (test, unpack) in [("receive", "100"), ("receive-pack", "1")] {
        let mut repo = served(test);
        repo.go("server.git").git(&["config", "receive.unpackLimit", unpack]).passes("unpack");
        repo.go("repo").file("a.txt", "x").commit_all("no key");
        push(&repo, &["origin", "main"]).passes("no key");
        for n in 0..30 {
            repo.file(format!("many/{n}"), format!("{n}"));
        }
        repo.commit_all("many").file("deploy/a.pem", key_pem(1)).commit_all("key");
        let commit = repo.answer(&["rev-parse", "HEAD"]);
        let place = format!("at    deploy/a.pem:1  in commit {}", &commit[..12]);
        repo.git(&["rm", "-q", "deploy/a.pem"]).passes("rm");
        repo.commit_all("removed again");
        let told = ["keyradius: this push would add 1 new key", &place, "-o keyradius.allow=\"why\""];
        let ran = push(&repo, &["origin", "main"]);
        assert!(!ran.blocked("refused", &told).stderr.contains(body(&key_pem(1))), "{ran:?}");
        assert!(!ran.stderr.contains("[[allow]]"), "the pusher has no say: {ran:?}");
        push(&repo, &["origin", "HEAD:refs/heads/new", "HEAD:refs/tags/t"]).blocked("new refs", &told);
        push(&repo, &["origin", "HEAD~2:refs/heads/before"]).passes("what lies before the key");
        push(&repo, &["origin", ":before"]).passes("a deletion alone");
        push(&repo, &["origin", "HEAD~2:refs/heads/before", "HEAD~2:refs/heads/again"]).passes("nothing but refs");
    }
}

#[test]
fn a_push_option_lets_a_push_in_with_a_reason() {
    let repo = served("receive-option");
    repo.file("a.pem", key_pem(1)).commit_all("key");
    let option = |text: &'static str| push(&repo, &["-o", text, "origin", "main"]);
    option("keyradius.allow=").blocked("no reason", &["push option keyradius.allow needs a reason"]);
    option("keyradius.allow").blocked("no reason", &["push option keyradius.allow needs a reason"]);
    option("keyradius.allowed=x").blocked("another option", &[]);
    option("something.else").blocked("another option", &[]);
    let ran = option("keyradius.allow=throw-away key");
    assert_eq!(ran.code, Some(0), "{ran:?}");
    for told in ["a.pem:1", "accepted by push option keyradius.allow: throw-away key"] {
        assert!(ran.stderr.contains(told), "{ran:?}");
    }
    repo.file("a.pem", key_pem(1) + "more\n").commit_all("edit");
    push(&repo, &["origin", "main"]).passes("by now it lies there");
}

#[test]
fn what_the_server_had_is_no_news() {
    let repo = served("receive-thin");
    let long = |n: u32| {
        let line = |line: u32| format!("line {line} of version {}\n", n * u32::from(line == 7));
        (0..200).map(line).collect::<Vec<_>>().concat()
    };
    repo.file("a.pem", key_pem(1) + &long(1)).commit_all("key");
    push(&repo, &["-o", "keyradius.allow=test", "origin", "main"]);
    repo.file("b.pem", key_pem(1) + &long(2)).commit_all("copy");
    push(&repo, &["--thin", "origin", "main"]).blocked("a copy", &["at    b.pem:1"]);
    // A kept pack (here: of any size) is completed with the bases that it lacks.
    repo.git(&["-C", "../server.git", "config", "receive.unpackLimit", "1"]).passes("keep packs");
    // A thin pack of this edit is completed with the blob that contains the key.
    repo.git(&["reset", "-q", "--hard", "HEAD~1"]).passes("reset");
    repo.file("a.pem", long(3)).commit_all("key removed");
    push(&repo, &["--thin", "origin", "main"]).passes("the base of a delta");
}

#[test]
fn the_pusher_cannot_allow_what_the_server_refuses() {
    let repo = served("receive-allow");
    repo.file("a.pem", format!("# keyradius:allow reason=\"let me in\"\n{}", key_pem(1)));
    repo.file("b.pem", key_pem(2));
    repo.file("keyradius.toml", "[[allow]]\npath = \"b.pem\"\nreason = \"me too\"\n").commit_all("keys");
    let told = [
        "this push would add 2 new keys",
        "Ignored on a server: a mark beside the key allows the key, a.pem:2 (let me in)",
        "Ignored on a server: the keyradius.toml of this push",
    ];
    push(&repo, &["origin", "main"]).blocked("not obeyed", &told);

    let repo = served("receive-allow-server");
    repo.file("../etc/policy.toml", "[[allow]]\npath = \"tests/**\"\nreason = \"made for tests\"\n");
    let script = "#!/bin/sh\nexec keyradius hook pre-receive --config ../etc/policy.toml\n";
    repo.script("../server.git/hooks/pre-receive", script);
    repo.file("tests/a.pem", key_pem(1)).commit_all("allowed");
    push(&repo, &["origin", "main"]).passes("by the server");
    repo.file("a.pem", key_pem(2)).commit_all("not allowed");
    push(&repo, &["origin", "main"]).blocked("elsewhere", &["a.pem:1"]);
}

#[test]
fn a_push_that_takes_too_long_is_refused_or_let_in_loudly() {
    let repo = served("receive-slow");
    for (on_timeout, code) in [("block", Some(1)), ("allow", Some(0))] {
        let script = format!("#!/bin/sh\nexec keyradius hook pre-receive --budget 0s --on-timeout {on_timeout}\n");
        repo.script("../server.git/hooks/pre-receive", &script);
        repo.file("a.pem", key_pem(1)).file("x", on_timeout).commit_all("key");
        let ran = push(&repo, &["origin", "main"]);
        assert_eq!(ran.code, code, "{ran:?}");
        for told in ["in 0.00 s: stopped while ", ", after 0 objects", "--on-timeout"] {
            assert!(ran.stderr.contains(told), "{on_timeout}: {told}: {ran:?}");
        }
        assert_eq!(ran.stderr.contains("WARNING"), on_timeout == "allow", "{ran:?}");
        repo.git(&["reset", "-q", "--hard", "HEAD~1"]).passes("reset");
    }
}

#[test]
fn people_in_a_browser_see_every_line() {
    let repo = served("receive-web");
    repo.script("../server.git/hooks/pre-receive", "#!/bin/sh\nGL_PROTOCOL=web exec keyradius hook pre-receive\n");
    repo.file("a.pem", key_pem(1)).commit_all("key");
    let ran = push(&repo, &["origin", "main"]);
    for line in ran.blocked("web", &["GL-HOOK-ERR:   at    a.pem:1"]).stderr.lines() {
        if line.starts_with("remote: ") && !line.trim_end().ends_with("remote:") {
            assert!(line.starts_with("remote: GL-HOOK-ERR:"), "{line:?}");
        }
    }
}

#[test]
fn other_words_on_standard_input_are_refused() {
    let repo = Repo::begun("receive-words");
    let ran = repo.keyradius_with(&[], &["hook", "pre-receive"], "what is this\n");
    assert_eq!(ran.fails("words", &["not in git's format for pre-receive"]).code, Some(2));
    repo.keyradius(&["hook", "pre-receive"]).passes("nothing");
    // Without a quarantine, unreachable objects count as new.
    repo.file("a.pem", key_pem(1)).stage();
    let tree = repo.answer(&["write-tree"]);
    let commit = repo.answer(&["commit-tree", "-m", "x", &tree]);
    let line = format!("{} {commit} refs/heads/x\n", "0".repeat(40));
    repo.keyradius_with(&[], &["hook", "pre-receive"], &line).blocked("no quarantine", &["a.pem:1"]);
}
