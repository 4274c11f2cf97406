//! Content that hooks must not skip: files that stand for others, and files that are not opened.

use crate::hook::repo::Repo;
use crate::workshop::{Ran, key_pem};

const VERSION: &str = "version https://git-lfs.github.com/spec/v1";

/// A repository with pre-commit, pre-push, and a server with pre-receive, all with these options.
fn hooked(test: &str, options: &str) -> Repo {
    let repo = Repo::bare_of_hooks(test, &[]);
    repo.git(&["init", "-q", "--bare", "-b", "main", "../server.git"]).passes("server");
    repo.git(&["remote", "add", "origin", "../server.git"]).passes("remote");
    repo.file("readme.md", "nothing\n").commit_all("begin").git(&["push", "-q", "origin", "main"]).passes("first push");
    for (path, hook) in [
        (".git/hooks/pre-commit", "pre-commit"),
        (".git/hooks/pre-push", "pre-push"),
        ("../server.git/hooks/pre-receive", "pre-receive --budget 2m"),
    ] {
        repo.script(path, &format!("#!/bin/sh\nexec keyradius hook {hook} {options} \"$@\"\n"));
    }
    repo
}

/// The result of each of the three hooks for the content of the work tree.
fn asked(repo: &Repo) -> [(&'static str, Ran); 3] {
    let commit = repo.stage().commit();
    repo.commit_all("past the hook");
    let push = repo.git(&["push", "-q", "origin", "main"]);
    let receive = repo.git(&["push", "-q", "--no-verify", "origin", "main"]);
    [("pre-commit", commit), ("pre-push", push), ("pre-receive", receive)]
}

#[test]
fn a_pointer_of_git_lfs_never_hides_its_own_bytes() {
    let digest = "ab12".repeat(16);
    let pointer = format!("{VERSION}\noid sha256:{digest}\nsize 8\n");
    for (name, text) in [
        ("a key after the pointer", pointer.clone() + &key_pem(1)),
        ("a key before the size", format!("{VERSION}\noid sha256:{digest}\n{}size 8\n", key_pem(1))),
        ("a key as an extension", format!("{VERSION}\next-0-x {}\noid sha256:{digest}\nsize 8\n", key_pem(1))),
        ("a version alone", format!("{VERSION}\n{}", key_pem(1))),
        ("other spaces", format!("{VERSION} \noid sha256:{digest}\nsize 8\n{}", key_pem(1))),
    ] {
        for object in [None, Some("harmless"), Some("of another size")] {
            let repo = hooked("hostile-lfs", "");
            repo.file("a.bin", &text);
            if let Some(object) = object {
                repo.file(format!(".git/lfs/objects/ab/12/{digest}"), object);
                repo.file(format!("../server.git/lfs/objects/ab/12/{digest}"), object);
            }
            for (hook, ran) in asked(&repo) {
                ran.blocked(&format!("{name}, {hook}, {object:?}"), &["a.bin:"]);
            }
        }
    }
}

#[test]
fn an_object_of_git_lfs_that_is_not_what_its_pointer_says_is_read_and_reported() {
    let digest = "ab12".repeat(16);
    let pointer = |size: usize| format!("{VERSION}\noid sha256:{digest}\nsize {size}\n");
    for (name, size, object, told, blocked) in [
        ("absent", 8, None, "skipped: a git-lfs pointer", false),
        ("another size", 9, Some("harmless".to_owned()), "has 8 bytes, but the pointer says 9", false),
        ("another digest", 8, Some("harmless".to_owned()), "SHA-256 differs", false),
        ("a key", 8, Some(key_pem(1)), "a.bin:1", true),
    ] {
        for (options, passes) in [("", !blocked), ("--strict", false)] {
            let repo = hooked("hostile-lfs-object", options);
            repo.file("a.bin", pointer(size));
            if let Some(object) = &object {
                repo.file(format!(".git/lfs/objects/ab/12/{digest}"), object);
                repo.file(format!("../server.git/lfs/objects/ab/12/{digest}"), object);
            }
            // The server's hook runs last, so that a successful push has not happened before.
            for (hook, ran) in asked(&repo).into_iter().filter(|(hook, _)| !passes || *hook == "pre-push") {
                assert_eq!(ran.code == Some(0), passes, "{name} {hook} {options}: {ran:?}");
                assert!(ran.stderr.contains(told), "{name} {hook} {options}: {ran:?}");
            }
        }
    }
}

#[test]
fn what_is_not_opened_is_named_and_strict_blocks_on_it() {
    for (name, bytes, format) in
        [("an archive that is only recognised", b"Rar!\x1a\x07\x01\0 and more".to_vec(), "rar")]
    {
        let repo = hooked("hostile-unopened", "--strict");
        repo.file("dir/it", &bytes);
        for (hook, ran) in asked(&repo) {
            let told = ["--strict does not allow", "dir/it", format];
            ran.fails(&format!("{name} {hook} --strict"), &told);
        }
        let direct = repo.keyradius(&["hook", "pre-commit", "--strict"]);
        assert_eq!(direct.code, Some(0), "it is committed by now: {direct:?}");
        repo.git(&["reset", "-q", "--soft", "HEAD~1"]).passes("reset");
        let direct = repo.keyradius(&["hook", "pre-commit", "--strict"]);
        assert_eq!(direct.code, Some(3), "{direct:?}");
        let direct = repo.keyradius(&["hook", "pre-commit"]);
        assert!(direct.passes(name).stderr.contains("keyradius: note: not opened"), "{direct:?}");
    }
}
#[test]
fn packs_and_bundles_in_a_commit_are_opened() {
    let made = Repo::bare_of_hooks("hostile-packs-made", &[]);
    made.file("a.pem", key_pem(1)).commit_all("key");
    made.git(&["bundle", "create", "-q", "../a.bundle", "HEAD"]).passes("bundle");
    made.git(&["pack-objects", "-q", "--all", "../a"]).passes("pack");
    let bundle = std::fs::read(made.around().join("a.bundle")).expect("a bundle");
    let pack = std::fs::read_dir(made.around()).expect("a directory").flatten();
    let pack = pack.map(|entry| entry.path()).find(|path| path.extension().is_some_and(|e| e == "pack"));
    let pack = std::fs::read(pack.expect("a pack")).expect("a pack");
    for (name, bytes) in [("a bundle", bundle), ("a pack", pack)] {
        let repo = hooked("hostile-packs", "");
        repo.file("fixtures/it", &bytes);
        for (hook, ran) in asked(&repo) {
            ran.blocked(&format!("{name} {hook}"), &["fixtures/it"]);
        }
    }
}

#[test]
fn a_loose_object_in_a_commit_is_opened() {
    let made = Repo::bare_of_hooks("hostile-loose-made", &[]);
    made.file("a.pem", key_pem(1)).commit_all("key");
    let oid = made.answer(&["rev-parse", "HEAD:a.pem"]);
    let path = made.place().join(".git/objects").join(&oid[..2]).join(&oid[2..]);
    let repo = hooked("hostile-loose", "");
    repo.file("fixtures/it", std::fs::read(path).expect("a loose object"));
    for (hook, ran) in asked(&repo) {
        ran.blocked(hook, &["fixtures/it"]);
    }
}
