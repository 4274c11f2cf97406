//! `git push` from a repository with the pre-push hook.

use super::repo::{Repo, body};
use crate::workshop::key_pem;

/// A repository with the hook, pushed once to the bare repository `origin`.
fn pushed(test: &str) -> Repo {
    let repo = Repo::bare_of_hooks(test, &[]);
    repo.git(&["init", "-q", "--bare", "-b", "main", "../origin.git"]).passes("bare");
    repo.git(&["remote", "add", "origin", "../origin.git"]).passes("remote");
    repo.keyradius(&["hook", "install", "pre-push"]).passes("install");
    repo.file("readme.md", "nothing\n").commit_all("begin").git(&["push", "-q", "origin", "main"]).passes("first push");
    repo
}

#[test]
fn what_the_remote_does_not_have_is_checked() {
    let push = |what: &'static [&'static str]| move |repo: &Repo| repo.git(&[&["push", "-q"], what].concat());
    let (main, side) = (push(&["origin", "main"]), push(&["origin", "HEAD:side"]));
    let repo = pushed("push");
    repo.file("a.txt", "x").commit_all("no key");
    main(&repo).passes("existing branch");

    repo.file("deploy/a.pem", key_pem(1)).commit_all("key");
    let commit = repo.answer(&["rev-parse", "HEAD"]);
    let place = format!("  at    deploy/a.pem:1  in commit {}\n", &commit[..12]);
    let told = ["keyradius: this push would publish 1 new key\n", &place, "git push --no-verify"];
    assert!(!main(&repo).blocked("existing branch", &told).stderr.contains(body(&key_pem(1))));
    side(&repo).blocked("new branch", &told);

    std::fs::remove_file(repo.place().join("deploy/a.pem")).expect("removed");
    repo.commit_all("removed again");
    main(&repo).blocked("gone from the tip, there in history", &told);
    push(&["-f", "origin", "main"])(&repo).blocked("forced", &told);
    repo.git(&["tag", "-a", "-m", "x", "v1"]).passes("tag");
    push(&["origin", "v1"])(&repo).blocked("a tag", &told);
    push(&["../origin.git", "main:by-address"])(&repo).blocked("by address", &told);
    push(&["--no-verify", "origin", "HEAD:side"])(&repo).passes("past the hook");
    main(&repo).passes("the remote has it by now, on another branch");

    push(&["origin", "main:new"])(&repo).passes("a branch without news");
    push(&["origin", ":side"])(&repo).passes("a deletion");
    push(&["origin", ":new", "main:newer"])(&repo).passes("a deletion and a branch without news");
    main(&repo).passes("nothing to push");
}

#[test]
fn what_is_fetched_elsewhere_is_not_known_where_it_is_pushed() {
    for setting in ["remote.origin.pushurl", "url.../public.git.pushInsteadOf"] {
        let repo = pushed("push-elsewhere");
        repo.git(&["init", "-q", "--bare", "-b", "main", "../public.git"]).passes("bare");
        repo.file("a.pem", key_pem(1)).commit_all("key");
        repo.git(&["push", "-q", "--no-verify", "origin", "main"]).passes("to where it is private");
        let to = if setting.starts_with("remote") { "../public.git" } else { "../origin.git" };
        repo.git(&["config", setting, to]).passes("config");
        repo.git(&["push", "-q", "origin", "main"]).blocked(setting, &["this push would publish 1 new key\n"]);
    }
}

#[test]
fn a_key_that_lies_there_already_is_no_news() {
    let repo = pushed("push-known");
    repo.file("a.pem", key_pem(1)).commit_all("key").git(&["push", "-q", "--no-verify", "origin", "main"]).passes("x");
    repo.file("a.pem", key_pem(1) + "more\n").commit_all("edit").git(&["push", "-q", "origin", "main"]).passes("edit");
    repo.git(&["checkout", "-q", "-b", "side"]).passes("side");
    repo.file("a.pem", key_pem(1) + "side\n").commit_all("edit");
    repo.git(&["checkout", "-q", "main"]).passes("main");
    repo.file("b.txt", "x").commit_all("b").git(&["merge", "-q", "--no-edit", "side"]).passes("merge");
    repo.git(&["push", "-q", "origin", "main"]).passes("edit that came by a merge");
    repo.file("a.pem", key_pem(2) + "more\n").commit_all("rotated");
    repo.git(&["push", "-q", "origin", "main"]).blocked("rotated", &["  at    a.pem:1  in commit"]);
    repo.file("a.pem", key_pem(2) + "and more\n").commit_all("edited");
    let ran = repo.git(&["push", "-q", "origin", "main"]);
    assert_eq!(ran.blocked("told once", &[]).stderr.matches("in commit").count(), 1, "{ran:?}");
    repo.git(&["reset", "-q", "--hard", "origin/main"]).passes("reset");
    repo.git(&["push", "-q", "origin", "main"]).passes("back");
}

#[test]
fn a_history_is_pushed_whole() {
    let repo = pushed("push-long");
    let key = key_pem(1);
    let commits = (0..1500).map(|n| {
        let (text, path) = if n == 3 { (key.as_str(), "old.pem") } else { ("text\n", "x") };
        let head = format!("commit refs/heads/long\ncommitter A <a@b> {} +0000\ndata 1\nm\n", 1_700_000_000 + n);
        format!("{head}M 644 inline {path}\ndata {}\n{text}{n}\n\n", text.len() + n.to_string().len() + 1)
    });
    let stream = commits.collect::<Vec<_>>().concat();
    let mut child = repo.command("git", &["fast-import", "--quiet"]).stdin(std::process::Stdio::piped()).spawn();
    let child = child.as_mut().expect("git runs");
    std::io::Write::write_all(&mut child.stdin.take().expect("a pipe"), stream.as_bytes()).expect("written");
    assert!(child.wait().expect("it ends").success());
    repo.git(&["push", "-q", "origin", "long"]).blocked("1500 commits", &["old.pem:1  in commit"]);
}

#[test]
fn keys_in_messages_are_found() {
    let repo = pushed("push-message");
    std::fs::write(repo.around().join("message"), format!("Oops\n\n{}", key_pem(1))).expect("a file");
    repo.git(&["commit", "-q", "--allow-empty", "-F", "../message"]).passes("commit");
    let commit = repo.answer(&["rev-parse", "HEAD"]);
    let place = format!("  at    commit {}:", &commit[..12]);
    repo.git(&["push", "-q", "origin", "main"]).blocked("a commit's message", &[&place]);
}

#[test]
fn the_frameworks_words_are_understood() {
    let repo = pushed("push-framework");
    let old = repo.answer(&["rev-parse", "HEAD"]);
    repo.file("a.pem", key_pem(1)).commit_all("key");
    let new = repo.answer(&["rev-parse", "HEAD"]);
    let zero = "0".repeat(40);
    let base = [("PRE_COMMIT", "1"), ("PRE_COMMIT_REMOTE_NAME", "origin"), ("PRE_COMMIT_REMOTE_URL", "../origin.git")];
    for (name, refs, blocked) in [
        ("both", vec![("PRE_COMMIT_FROM_REF", old.as_str()), ("PRE_COMMIT_TO_REF", &new)], true),
        ("new branch", vec![("PRE_COMMIT_FROM_REF", zero.as_str()), ("PRE_COMMIT_TO_REF", &new)], true),
        ("whole history", vec![("PRE_COMMIT_LOCAL_BRANCH", "refs/heads/main")], true),
        ("nothing new", vec![("PRE_COMMIT_FROM_REF", new.as_str()), ("PRE_COMMIT_TO_REF", &new)], false),
        ("no refs", vec![], false),
    ] {
        let ran = repo.keyradius_with(&[&base[..], &refs].concat(), &["hook", "pre-push"], "");
        if blocked {
            ran.blocked(name, &["a.pem:1"])
        } else {
            ran.passes(name)
        };
        assert_eq!(ran.stderr.contains("nothing is pushed"), name == "no refs", "{ran:?}");
    }
    let line = format!("refs/heads/main {new} refs/heads/main {old}\n");
    let left_over = [("PRE_COMMIT_FROM_REF", old.as_str()), ("PRE_COMMIT_TO_REF", &old)];
    repo.keyradius_with(&left_over, &["hook", "pre-push", "origin"], &line).blocked("git comes first", &["a.pem:1"]);
    let ran = repo.keyradius_with(&[("PRE_COMMIT_TO_REF", "nowhere")], &["hook", "pre-push"], "");
    assert_eq!(ran.fails("nowhere", &["PRE_COMMIT_TO_REF does not name"]).code, Some(2));
    let ran = repo.keyradius_with(&[], &["hook", "pre-push", "origin"], "what is this\n");
    assert_eq!(ran.fails("not git", &["not in git's format", "hint: "]).code, Some(2));
}

#[test]
fn what_a_partial_clone_lacks_is_told() {
    let mut repo = pushed("push-partial");
    repo.file("dir/old", "old\n").commit_all("old").file("dir/old", "new\n").commit_all("new");
    repo.git(&["push", "-q", "origin", "main"]).passes("push");
    repo.git(&["-C", "../origin.git", "config", "uploadpack.allowFilter", "true"]).passes("filter");
    let origin = format!("file://{}", repo.around().join("origin.git").display());
    repo.git(&["clone", "-q", "--filter=blob:none", &origin, "../partial"]).passes("clone");
    repo.git(&["init", "-q", "--bare", "../other.git"]).passes("bare");
    repo.go("partial").keyradius(&["hook", "install", "pre-push"]).passes("install");
    let line = format!("refs/heads/main {} refs/heads/main {}\n", repo.answer(&["rev-parse", "HEAD"]), "0".repeat(40));
    let ran = repo.keyradius_with(&[], &["hook", "pre-push", "../other.git", "../other.git"], &line);
    ran.fails("partial", &["part of the pushed content could not be read", "which may be a shallow or partial clone"]);
    assert_eq!(ran.code, Some(3), "{ran:?}");
    repo.git(&["read-tree", "HEAD~1"]).passes("stage what is not here");
    let ran = repo.keyradius(&["hook", "pre-commit"]);
    ran.fails(
        "staged",
        &["part of the staged content could not be read:\n  dir/old: the object is not in this repository"],
    );
    repo.git(&["read-tree", "HEAD"]).passes("back");
    repo.file("b.txt", "x")
        .commit_all("x")
        .git(&["push", "-q", "origin", "main"])
        .passes("what the remote has is not read");
}
