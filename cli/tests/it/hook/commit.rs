//! `git commit` in a repository with the pre-commit hook.

use std::path::Path;

use super::repo::{Repo, body};
use crate::workshop::{Ran, key_der, key_pem};

/// What should come of a commit.
enum Expect {
    Passes,
    /// Blocked; these words stand in the message.
    Blocked(&'static [&'static str]),
}
use Expect::{Blocked, Passes};

/// A case: its name, what is done in a repository with one commit, and what should come of it.
type Case = (&'static str, fn(&mut Repo) -> Ran, Expect);

fn check(test: &str, cases: &[Case]) {
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
fn files_of_every_kind_are_read() {
    check(
        "kinds",
        &[
            (
                "DER, which git calls binary",
                |r| {
                    r.file("key.p12", key_der(1)).stage();
                    assert!(r.answer(&["diff", "--cached", "--numstat"]).starts_with("-\t-\t"), "binary");
                    r.commit()
                },
                Blocked(&["key.p12:1"]),
            ),
            (
                "larger than a window",
                |r| {
                    r.file("big", [vec![b'x'; 6 << 20], b"\n".to_vec(), key_pem(1).into_bytes()].concat())
                        .stage()
                        .commit()
                },
                Blocked(&["big:2"]),
            ),
            (
                "attributes say binary",
                |r| r.file(".gitattributes", "*.pem binary -diff\n").file("a.pem", key_pem(1)).stage().commit(),
                Blocked(&["a.pem:1"]),
            ),
            (
                "more files than one batch",
                |r| {
                    for n in 0..600 {
                        r.file(format!("many/{n}"), format!("{n}"));
                    }
                    r.file("many/z.pem", key_pem(1)).stage().commit()
                },
                Blocked(&["many/z.pem:1"]),
            ),
            (
                "an intent to add",
                |r| {
                    r.file("a.pem", key_pem(1)).git(&["add", "-N", "a.pem"]).passes("add -N");
                    r.file("b.txt", "x").git(&["add", "b.txt"]).passes("add");
                    r.commit()
                },
                Passes,
            ),
        ],
    );
}

#[cfg(unix)]
#[test]
fn links_and_submodules_are_not_followed() {
    check(
        "links",
        &[
            (
                "a link to a key",
                |r| {
                    std::fs::write(r.around().join("outside.pem"), key_pem(1)).expect("a file");
                    std::os::unix::fs::symlink("../outside.pem", r.place().join("link")).expect("a link");
                    r.stage().commit()
                },
                Passes,
            ),
            (
                "a link whose target is a key",
                |r| {
                    std::os::unix::fs::symlink(key_pem(1), r.place().join("link")).expect("a link");
                    r.stage().commit()
                },
                Blocked(&["link:1"]),
            ),
            (
                "a file in place of a link",
                |r| {
                    std::os::unix::fs::symlink("readme.md", r.place().join("link")).expect("a link");
                    r.commit_all("link");
                    std::fs::remove_file(r.place().join("link")).expect("removed");
                    r.file("link", key_pem(1)).stage().commit()
                },
                Blocked(&["link:1"]),
            ),
            (
                "a key in place of a submodule that has its name",
                |r| {
                    r.file("k", key_pem(1));
                    let key = r.answer(&["hash-object", "-w", "k"]);
                    r.git(&["update-index", "--add", "--cacheinfo", &format!("160000,{key},k")]).passes("a link");
                    r.git(&["commit", "-q", "--no-verify", "-m", "link"]).passes("committed");
                    r.git(&["update-index", "--cacheinfo", &format!("100644,{key},k")]).passes("a file");
                    r.commit()
                },
                Blocked(&["k:1"]),
            ),
            (
                "a submodule",
                |r| {
                    r.git(&["clone", "-q", "../repo", "../inner"]).passes("clone");
                    r.go("inner").file("a.pem", key_pem(1)).commit_all("key");
                    r.go("repo");
                    let add = ["-c", "protocol.file.allow=always", "submodule", "--quiet", "add", "../inner", "sub"];
                    r.git(&add).passes("submodule");
                    r.commit()
                },
                Passes,
            ),
        ],
    );
}

#[cfg(unix)]
#[test]
fn names_of_files_come_through_and_do_no_harm() {
    use std::os::unix::ffi::OsStrExt;
    for (name, told) in [
        (&b"a\nb.pem"[..], "a\\x0ab.pem:1"),
        (b"\"q'uote\\d\".pem", "\"q'uote\\d\".pem:1"),
        ("schl\u{fc}ssel \u{9375}.pem".as_bytes(), "schl\u{fc}ssel \u{9375}.pem:1"),
        (b"esc\x1b[31m.pem", "esc\\x1b[31m.pem:1"),
        (b" -lead", " -lead:1"),
        (b"\xff.pem", "\\xff.pem:1"),
    ] {
        let repo = Repo::begun("names");
        repo.file(Path::new(std::ffi::OsStr::from_bytes(name)), key_pem(1)).stage();
        repo.commit().blocked(told, &[told]);
    }
}

#[test]
fn pointers_of_git_lfs_are_followed_as_far_as_their_objects_are_here() {
    let repo = Repo::begun("lfs");
    let digest = "ab12".repeat(16);
    let pointer = format!("version https://git-lfs.github.com/spec/v1\noid sha256:{digest}\nsize 119\n");
    repo.file("a.pem", pointer).stage();
    let ran = repo.keyradius(&["hook", "pre-commit"]);
    assert!(ran.passes("absent").stderr.contains("a.pem: skipped: lfs pointer"), "{ran:?}");
    repo.file(format!(".git/lfs/objects/ab/12/{digest}"), key_pem(1));
    repo.commit().blocked("present", &["a.pem:1"]);
}

#[test]
fn what_is_allowed_passes_with_a_reason() {
    let marked = |reason: &str| format!("# keyradius:allow{reason}\n{}", key_pem(1));
    let repo = Repo::begun("allowed");
    repo.file("a.pem", marked(" reason=\"made for a test\"")).stage();
    let ran = repo.commit();
    assert!(ran.passes("inline").stderr.contains("1 new key is allowed: a.pem:2"), "{ran:?}");

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
    assert!(ran.passes("below").stderr.contains("below what blocks (--fail-on): keys/a.pem:1"), "{ran:?}");
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
    ran.fails("gone", &["part of what is staged could not be read:\n  a.txt: ", "--no-verify"]);
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
        ("bare.git", "this is a bare repository or the inside of .git\nhint: "),
        ("repo/.git", "this is a bare repository or the inside of .git\nhint: "),
    ] {
        let ran = repo.go(place).keyradius(&["hook", "pre-commit"]);
        assert_eq!(ran.fails(place, &[told]).code, Some(2), "{ran:?}");
    }
    let ceiling = repo.around().to_string_lossy().into_owned();
    let around = [("GIT_CEILING_DIRECTORIES", ceiling.as_str())];
    let ran = repo.go("plain").keyradius_with(&around, &["hook", "pre-commit"], "");
    assert_eq!(ran.fails("plain", &["not a git repository", "\nhint: ", "keyradius scan"]).code, Some(2), "{ran:?}");
}
