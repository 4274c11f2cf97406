//! `git commit` in a repository with the pre-commit hook.

use super::repo::{Repo, body};
use crate::workshop::{Ran, key_der, key_pem};

/// The expected result of a commit.
pub(super) enum Expect {
    Passes,
    /// Blocked; the message contains these words.
    Blocked(&'static [&'static str]),
}
pub(super) use Expect::{Blocked, Passes};

/// A case: its name, the steps in a repository with one commit, and the expected result.
pub(super) type Case = (&'static str, fn(&mut Repo) -> Ran, Expect);

pub(super) fn check(test: &str, cases: &[Case]) {
    for (name, act, expect) in cases {
        let mut repo = Repo::begun(&format!("{test}-{}", name.replace(|c: char| !c.is_ascii_alphanumeric(), "-")));
        let ran = act(&mut repo);
        match expect {
            Passes => ran.passes(name),
            Blocked(told) => ran.blocked(name, told),
        };
        for number in 1..4 {
            assert!(!ran.stderr.contains(body(&key_pem(number))), "{name} prints a key: {ran:?}");
        }
    }
}

#[test]
fn what_is_staged_counts_and_nothing_else() {
    check(
        "staged",
        &[
            ("no key", |r| r.file("a.txt", "nothing").stage().commit(), Passes),
            (
                "a key",
                |r| r.file("deploy/a.pem", key_pem(1)).stage().commit(),
                Blocked(&["keyradius: this commit would add 1 new key\n", "  at    deploy/a.pem:1\n", "--no-verify"]),
            ),
            (
                "two keys",
                |r| r.file("a.pem", key_pem(1)).file("b.pem", key_pem(2)).stage().commit(),
                Blocked(&["would add 2 new keys\n", " a.pem:1\n", " b.pem:1\n"]),
            ),
            (
                "one key at two paths",
                |r| r.file("a.pem", key_pem(1)).file("b.pem", key_pem(1)).stage().commit(),
                Blocked(&["would add 1 new key\n", " a.pem:1\n", " b.pem:1\n"]),
            ),
            (
                "staged, gone from the work tree",
                |r| {
                    r.file("a.pem", key_pem(1)).stage().file("a.pem", "nothing");
                    r.commit()
                },
                Blocked(&["a.pem:1"]),
            ),
            (
                "in the work tree, not staged",
                |r| {
                    r.file("a.txt", "nothing").stage().file("a.txt", key_pem(1)).file("b.pem", key_pem(2));
                    r.commit()
                },
                Passes,
            ),
            (
                "commit -a",
                |r| {
                    r.file("readme.md", key_pem(1));
                    r.git(&["commit", "-q", "-a", "-m", "x"])
                },
                Blocked(&["readme.md:1"]),
            ),
            (
                "commit PATH",
                |r| {
                    r.file("readme.md", key_pem(1));
                    r.git(&["commit", "-q", "-m", "x", "readme.md"])
                },
                Blocked(&["readme.md:1"]),
            ),
            (
                "commit another PATH",
                |r| {
                    r.file("a.pem", key_pem(1)).stage().file("readme.md", "more");
                    r.git(&["commit", "-q", "-m", "x", "readme.md"])
                },
                Passes,
            ),
            (
                "from a subdirectory",
                |r| {
                    r.file("sub/x", "").file("a.pem", key_pem(1)).stage();
                    r.go("repo/sub").commit()
                },
                Blocked(&["  at    a.pem:1"]),
            ),
            (
                "another index",
                |r| {
                    let index = [("GIT_INDEX_FILE", ".git/other-index")];
                    r.git(&["read-tree", "--index-output=.git/other-index", "HEAD"]).passes("read-tree");
                    r.file("a.pem", key_pem(1));
                    r.git_with(&index, &["add", "a.pem"]).passes("add");
                    r.commit().fails("the usual index", &[]);
                    r.git_with(&index, &["commit", "-q", "-m", "x"])
                },
                Blocked(&["a.pem:1"]),
            ),
            (
                "split index",
                |r| {
                    r.git(&["update-index", "--split-index"]).passes("split");
                    r.file("a.pem", key_pem(1)).stage().commit()
                },
                Blocked(&["a.pem:1"]),
            ),
            (
                "sparse index",
                |r| {
                    r.file("in/x", "x").file("out/x", "x").commit_all("two directories");
                    r.git(&["sparse-checkout", "set", "--cone", "--sparse-index", "in"]).passes("sparse");
                    r.file("out/a.pem", key_pem(1)).git(&["add", "--sparse", "out/a.pem"]).passes("add");
                    r.commit()
                },
                Blocked(&["out/a.pem:1"]),
            ),
            (
                "linked worktree",
                |r| {
                    r.git(&["worktree", "add", "-q", "-b", "side", "../linked"]).passes("worktree");
                    r.go("linked").file("a.pem", key_pem(1)).stage().commit()
                },
                Blocked(&["a.pem:1"]),
            ),
            (
                "configured for other diffs",
                |r| {
                    for (key, value) in [
                        ("diff.relative", "true"),
                        ("diff.orderFile", "nowhere"),
                        ("diff.renames", "copies"),
                        ("diff.external", "false"),
                        ("color.ui", "always"),
                        ("diff.noprefix", "true"),
                    ] {
                        r.git(&["config", key, value]).passes(key);
                    }
                    r.file("sub/x", "").file("a.pem", key_pem(1)).stage();
                    r.go("repo/sub").keyradius(&["hook", "pre-commit"])
                },
                Blocked(&["a.pem:1"]),
            ),
            (
                "no-verify",
                |r| {
                    r.file("a.pem", key_pem(1)).stage();
                    r.git(&["commit", "-q", "--no-verify", "-m", "x"])
                },
                Passes,
            ),
        ],
    );
}

#[test]
fn a_key_is_new_unless_it_lies_there_already() {
    check(
        "new",
        &[
            (
                "an unrelated edit beside a key",
                |r| {
                    r.file("a.pem", key_pem(1)).commit_all("key");
                    r.file("a.pem", format!("{}more\n", key_pem(1))).stage().commit()
                },
                Passes,
            ),
            (
                "the key written in another way",
                |r| {
                    r.file("a.pem", key_pem(1)).commit_all("key");
                    r.file("a.pem", key_der(1)).stage().commit()
                },
                Passes,
            ),
            (
                "rotated: another body behind the same BEGIN line",
                |r| {
                    r.file("a.pem", key_pem(1)).commit_all("key");
                    r.file("a.pem", key_pem(2)).stage().commit()
                },
                Blocked(&["a.pem:1"]),
            ),
            (
                "a second key",
                |r| {
                    r.file("a.pem", key_pem(1)).commit_all("key");
                    r.file("a.pem", key_pem(1) + &key_pem(2)).stage().commit()
                },
                Blocked(&["would add 1 new key\n", "  at    a.pem:4\n"]),
            ),
            (
                "a copy",
                |r| {
                    r.file("a.pem", key_pem(1)).commit_all("key");
                    r.file("b.pem", key_pem(1)).stage().commit()
                },
                Blocked(&["  at    b.pem:1\n"]),
            ),
            (
                "renamed and edited",
                |r| {
                    r.file("a.pem", key_pem(1) + &"text\n".repeat(99)).commit_all("key");
                    r.git(&["mv", "a.pem", "b.pem"]).passes("mv");
                    r.file("b.pem", key_pem(1) + &"text\n".repeat(98)).stage().commit()
                },
                Blocked(&["b.pem:1"]),
            ),
            (
                "removed",
                |r| {
                    r.file("a.pem", key_pem(1)).commit_all("key");
                    r.git(&["rm", "-q", "a.pem"]).passes("rm");
                    r.commit()
                },
                Passes,
            ),
            (
                "amended, and the key stays",
                |r| {
                    r.file("a.pem", key_pem(1)).commit_all("key");
                    r.file("b.txt", "x").stage();
                    r.git(&["commit", "-q", "--amend", "-m", "x"])
                },
                Passes,
            ),
            (
                "amended with a key",
                |r| {
                    r.file("a.pem", key_pem(1)).stage();
                    r.git(&["commit", "-q", "--amend", "-m", "x"])
                },
                Blocked(&["a.pem:1"]),
            ),
            (
                "amended, judged whole",
                |r| {
                    r.file("a.pem", key_pem(1)).commit_all("key");
                    r.keyradius(&["hook", "pre-commit"]).passes("without the flag");
                    r.keyradius(&["hook", "pre-commit", "--amend-aware"])
                },
                Blocked(&["a.pem:1"]),
            ),
            (
                "a replaced object hides nothing",
                |r| {
                    r.file("x.txt", "harmless").file("a.pem", key_pem(1)).stage();
                    let (key, other) = (r.answer(&["hash-object", "a.pem"]), r.answer(&["hash-object", "x.txt"]));
                    r.git(&["replace", &key, &other]).passes("replace");
                    r.commit()
                },
                Blocked(&["a.pem:1"]),
            ),
        ],
    );
}

#[test]
fn the_first_commit_is_compared_with_nothing() {
    let repo = Repo::new("unborn");
    repo.file("a.pem", key_pem(1)).stage().commit().blocked("unborn", &["a.pem:1"]);
    repo.git(&["rm", "-q", "--cached", "a.pem"]).passes("rm");
    repo.file("a.pem", "nothing").stage().commit().passes("without the key");
    repo.keyradius(&["hook", "pre-commit", "--amend-aware"]).passes("a root has no parent");
}

#[test]
fn sha_256_repositories_are_read() {
    let repo = Repo::bare_of_hooks("sha256", &["--object-format=sha256"]);
    repo.keyradius(&["hook", "install"]).passes("install");
    repo.file("a.pem", key_pem(1)).stage().commit().blocked("unborn", &["a.pem:1"]);
    repo.commit_all("key").file("a.pem", key_pem(1) + "x").stage().commit().passes("known");
    repo.file("empty", "").file("a.pem", key_pem(2)).stage().commit().blocked("rotated", &["a.pem:1"]);
    repo.keyradius(&["hook", "pre-commit", "--amend-aware"]).blocked("against no parent", &["a.pem:1"]);
}

#[test]
fn what_is_allowed_passes_with_a_reason() {
    let marked = |reason: &str| format!("# keyradius:allow{reason}\n{}", key_pem(1));
    let repo = Repo::begun("allowed");
    repo.file("a.pem", marked(" reason=\"made for a test\"")).stage();
    let ran = repo.commit();
    assert!(ran.passes("inline").stderr.contains("1 new key is allowed by a.pem:2"), "{ran:?}");

    let repo = Repo::begun("allowed");
    let told = repo.file("keys/a.pem", key_pem(1)).stage().commit();
    told.blocked("not allowed yet", &["[[allow]]"]);
    let id = told.stderr.lines().find_map(|line| line.strip_prefix("  id    ")).expect("an id");
    for (name, entry) in [
        ("finding", format!("finding = \"{id}\"")),
        ("path", "path = \"keys/**\"".into()),
        ("wrong", "path = \"x\"".into()),
    ] {
        repo.file("keyradius.toml", format!("[[allow]]\n{entry}\nreason = \"made for a test\"\n"));
        let ran = repo.keyradius(&["hook", "pre-commit"]);
        if name == "wrong" {
            ran.blocked(name, &[])
        } else {
            ran.passes(name)
        };
    }
    repo.file("keyradius.toml", "[scan]\nfail_on = \"signing\"\n");
    let ran = repo.keyradius(&["hook", "pre-commit"]);
    assert!(ran.passes("below").stderr.contains("below the --fail-on threshold: keys/a.pem:1"), "{ran:?}");
    repo.keyradius(&["hook", "pre-commit", "--no-config"]).blocked("without it", &["keys/a.pem:1"]);
    repo.keyradius(&["hook", "pre-commit", "--fail-on", "any"]).blocked("the flag wins", &["keys/a.pem:1"]);
    repo.keyradius(&["hook", "pre-commit", "--config", "none.toml"]).fails("no such", &["cannot read configuration"]);
}

#[test]
fn what_cannot_be_read_blocks_and_is_told() {
    let repo = Repo::begun("gone");
    repo.file("a.txt", "text that will be gone").stage();
    let oid = repo.answer(&["rev-parse", ":a.txt"]);
    std::fs::remove_file(repo.place().join(format!(".git/objects/{}/{}", &oid[..2], &oid[2..]))).expect("removed");
    let ran = repo.keyradius(&["hook", "pre-commit"]);
    ran.fails("gone", &["part of the staged content could not be read:\n  a.txt: ", "--no-verify"]);
    assert_eq!(ran.code, Some(3), "{ran:?}");
}

#[test]
fn a_run_without_anything_to_check_says_so_to_the_framework() {
    let repo = Repo::begun("vacuous");
    let ran = repo.keyradius_with(&[("PRE_COMMIT", "1")], &["hook", "pre-commit"], "");
    assert!(ran.passes("framework").stderr.contains("nothing is staged"), "{ran:?}");
    assert!(ran.stderr.contains("keyradius scan"), "{ran:?}");
    assert_eq!(repo.keyradius(&["hook", "pre-commit"]).stderr, "");
}

#[test]
fn where_nothing_can_be_staged_the_message_says_so() {
    let mut repo = Repo::begun("nowhere");
    repo.git(&["clone", "-q", "--bare", ".", "../bare.git"]).passes("clone");
    std::fs::create_dir(repo.around().join("plain")).expect("a directory");
    for (place, told) in [
        ("bare.git", "this is a bare repository or a directory inside .git\nhint: "),
        ("repo/.git", "this is a bare repository or a directory inside .git\nhint: "),
    ] {
        let ran = repo.go(place).keyradius(&["hook", "pre-commit"]);
        assert_eq!(ran.fails(place, &[told]).code, Some(2), "{ran:?}");
    }
    let ceiling = repo.around().to_string_lossy().into_owned();
    let around = [("GIT_CEILING_DIRECTORIES", ceiling.as_str())];
    let ran = repo.go("plain").keyradius_with(&around, &["hook", "pre-commit"], "");
    assert_eq!(ran.fails("plain", &["not a git repository", "\nhint: ", "keyradius scan"]).code, Some(2), "{ran:?}");
}
