//! Merges: content that both sides already have is not new.

use super::repo::Repo;
use crate::workshop::key_pem;

/// Branches `main` and `side` that differ in `file`, so that a merge is not a fast-forward; in conflict if requested.
fn forked(test: &str, conflict: bool) -> Repo {
    let repo = Repo::begun(test);
    repo.git(&["checkout", "-q", "-b", "side"]).passes("branch");
    repo.file(if conflict { "same" } else { "theirs" }, "theirs\n").commit_all("theirs");
    repo.git(&["checkout", "-q", "main"]).passes("back");
    repo.file(if conflict { "same" } else { "ours" }, "ours\n").commit_all("ours");
    repo
}

/// Adds a key on `side`, bypassing the hooks.
fn key_on_side(repo: &Repo) {
    repo.git(&["checkout", "-q", "side"]).passes("side");
    repo.file("side.pem", key_pem(1)).commit_all("key");
    repo.git(&["checkout", "-q", "main"]).passes("back");
}

#[test]
fn a_clean_merge_is_checked_by_pre_merge_commit() {
    let repo = forked("clean", false);
    key_on_side(&repo);
    repo.git(&["merge", "-q", "--no-edit", "side"]).passes("a key that the other side has is no news");

    let repo = forked("clean-dirty", false);
    repo.git(&["merge", "-q", "--no-commit", "side"]).passes("merge");
    repo.file("evil.pem", key_pem(2)).stage();
    repo.commit().blocked("put into the merge", &["would add 1 new key\n", "evil.pem:1"]);

    // git alone creates no new content in a clean merge; a merge driver can.
    let repo = forked("clean-driver", true);
    repo.git(&["config", "merge.put.driver", "cat ../key.pem > %A"]).passes("driver");
    repo.file("../key.pem", key_pem(3)).file(".git/info/attributes", "same merge=put\n");
    repo.git(&["merge", "-q", "--no-edit", "side"]).blocked("made by the merge", &["  at    same:1"]);
}

#[test]
fn concluding_a_merge_brings_what_no_parent_has() {
    for (name, resolved, other, blocked) in [
        ("resolved without a key", "both\n".to_owned(), None, false),
        ("resolved with a key", key_pem(2), None, true),
        ("with a key on the side", "both\n".to_owned(), None, false),
        ("with a key put beside it", "both\n".to_owned(), Some(key_pem(3)), true),
    ] {
        let repo = forked("conflict", true);
        if name.contains("on the side") {
            key_on_side(&repo);
        }
        repo.git(&["merge", "-q", "side"]).fails("conflict", &[]);
        repo.file("same", resolved);
        if let Some(key) = other {
            repo.file("beside.pem", key);
        }
        let ran = repo.stage().commit();
        if blocked {
            ran.blocked(name, &["would add 1 new key\n"])
        } else {
            ran.passes(name)
        };
    }
}

#[test]
fn a_key_of_either_parent_at_that_path_is_no_news() {
    let repo = forked("either", true);
    repo.git(&["checkout", "-q", "side"]).passes("side");
    repo.file("same", key_pem(1)).commit_all("key");
    repo.git(&["checkout", "-q", "main"]).passes("back");
    repo.git(&["merge", "-q", "side"]).fails("conflict", &[]);
    repo.file("same", format!("{}ours\n", key_pem(1))).stage().commit().passes("theirs with our line");
}
