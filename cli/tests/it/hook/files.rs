//! Kinds of files in a commit: binary, large, links, submodules, names with arbitrary bytes, git-lfs pointers.

use super::commit::{Blocked, Passes, check};
use super::repo::Repo;
use crate::workshop::{key_der, key_pem};

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
    use std::path::Path;
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
    assert!(ran.passes("absent").stderr.contains("a.pem: skipped: a git-lfs pointer"), "{ran:?}");
    repo.file(format!(".git/lfs/objects/ab/12/{digest}"), key_pem(1));
    repo.commit().blocked("present", &["a.pem:1"]);
}
