//! What is pushed to a server with the pre-receive hook to hide a key, or to hurt the server: real servers, real pushes.

use std::fmt::Write as _;
use std::io::Write as _;
use std::process::Stdio;
use std::time::{Duration, Instant};

use super::boxes::gzip;
use crate::hook::repo::Repo;
use crate::workshop::{Ran, base64, key_der, key_pem};

/// How a server names and stores: object format, ref format, and from how many objects on a pack is kept.
const SERVERS: [(&str, &str, &str); 3] =
    [("sha1", "files", "1"), ("sha256", "files", "1"), ("sha1", "reftable", "100")];

/// A repository with one commit, and the bare repository `server.git` with the hook and these options.
fn served(test: &str, (objects, refs, unpack): (&str, &str, &str), options: &str) -> Repo {
    let object_format = format!("--object-format={objects}");
    let repo = Repo::bare_of_hooks(test, &[&object_format]);
    let refs = format!("--ref-format={refs}");
    repo.git(&["init", "-q", "--bare", "-b", "main", &object_format, &refs, "../server.git"]).passes("server");
    for (key, value) in [("receive.advertisePushOptions", "true"), ("receive.unpackLimit", unpack)] {
        repo.git(&["-C", "../server.git", "config", key, value]).passes(key);
    }
    repo.git(&["remote", "add", "origin", "../server.git"]).passes("remote");
    hooked(&repo, options);
    repo.file("readme.md", "nothing\n").commit_all("begin").git(&["push", "-q", "origin", "main"]).passes("first push");
    repo
}

fn hooked(repo: &Repo, options: &str) {
    // Tests run beside others: what takes no time here may take some there.
    let script = format!("#!/bin/sh\nexec keyradius hook pre-receive --budget 2m {options}\n");
    repo.script("../server.git/hooks/pre-receive", &script);
}

fn unhooked(repo: &Repo) {
    std::fs::remove_file(repo.place().join("../server.git/hooks/pre-receive")).expect("removed");
}

fn push(repo: &Repo, what: &[&str]) -> Ran {
    repo.git(&[&["push", "-q"], what].concat())
}

/// Stores bytes as an object of this kind.
fn object(repo: &Repo, kind: &str, bytes: &[u8]) -> String {
    let mut command = repo.command("git", &["hash-object", "-w", "--stdin", "--literally", "-t", kind]);
    let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().expect("git runs");
    child.stdin.take().expect("a pipe").write_all(bytes).expect("written");
    let output = child.wait_with_output().expect("it ends");
    String::from_utf8(output.stdout).expect("a name").trim().to_owned()
}

/// A tree with these blobs at these paths of one part.
fn tree(repo: &Repo, entries: &[(&str, &str, &str)]) -> String {
    let mut bytes = Vec::new();
    for (mode, name, oid) in entries {
        bytes.extend(format!("{mode} {name}\0").bytes());
        bytes.extend((0..oid.len()).step_by(2).map(|at| u8::from_str_radix(&oid[at..at + 2], 16).expect("hex")));
    }
    object(repo, "tree", &bytes)
}

fn commit(repo: &Repo, tree: &str, parents: &[&str]) -> String {
    let mut args = vec!["commit-tree", "-m", "x", tree];
    for parent in parents {
        args.extend(["-p", parent]);
    }
    repo.answer(&args)
}

/// Sends a pack of exactly these objects, as no git would, and asks for a ref. What comes back has the exit code of a push.
fn push_raw(repo: &Repo, name: &str, new: &str, oids: &[&str]) -> Ran {
    push_of_shallow(repo, None, name, new, oids)
}

/// The same from a client that says that it has no parents of this commit.
fn push_of_shallow(repo: &Repo, shallow: Option<&str>, name: &str, new: &str, oids: &[&str]) -> Ran {
    let pack = |args: &[&str], input: &[u8]| {
        let mut command = repo.command("git", args);
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().expect("git runs");
        let mut stdin = child.stdin.take().expect("a pipe");
        stdin.write_all(input).expect("written");
        drop(stdin);
        child.wait_with_output().expect("it ends")
    };
    let list = oids.iter().fold(String::new(), |list, oid| list + oid + "\n");
    let packed = pack(&["pack-objects", "-q", "--stdout"], list.as_bytes());
    let format = if new.len() == 64 { " object-format=sha256" } else { "" };
    let line = format!("{} {new} {name}\0report-status{format}", "0".repeat(new.len()));
    let lines = shallow.map(|commit| format!("shallow {commit}")).into_iter().chain([line]);
    let mut input =
        lines.fold(String::new(), |input, line| format!("{input}{:04x}{line}", line.len() + 4)).into_bytes();
    input.extend(b"0000");
    input.extend(packed.stdout);
    let output = pack(&["receive-pack", "../server.git"], &input);
    let moved = repo.git(&["-C", "../server.git", "rev-parse", "-q", "--verify", name]).stdout.trim() == new;
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    Ran { code: Some(i32::from(!moved)), stdout: text(&output.stdout), stderr: text(&output.stderr) }
}

/// A case: its name, what is pushed, what is said of it.
type Case = (&'static str, fn(&mut Repo) -> Ran, &'static [&'static str]);

const CASES: &[Case] = &[
    (
        "a key that the pack holds and nothing reaches",
        |r| {
            let tip = r.file("x", "1").commit_all("x").answer(&["rev-parse", "HEAD"]);
            let (root, x) = (r.answer(&["rev-parse", "HEAD^{tree}"]), r.answer(&["rev-parse", "HEAD:x"]));
            let key = object(r, "blob", key_pem(1).as_bytes());
            push_raw(r, "refs/heads/x", &tip, &[&tip, &root, &x, &key])
        },
        &[", reachable from no new commit:1"],
    ),
    (
        "a commit that names an object which was there before, unreachable",
        |r| {
            let key = object(r, "blob", key_pem(1).as_bytes());
            r.file("../key", key_pem(1));
            r.git(&["-C", "../server.git", "hash-object", "-w", "../key"]).passes("stored");
            let root = tree(r, &[("100644", "a.pem", &key)]);
            let tip = commit(r, &root, &["main"]);
            push_raw(r, "refs/heads/x", &tip, &[&tip, &root])
        },
        &["at    a.pem:1  in commit"],
    ),
    (
        "a branch that was let in, deleted, and comes again",
        |r| {
            r.file("a.pem", key_pem(1)).commit_all("key");
            assert_eq!(push(r, &["-o", "keyradius.allow=once", "origin", "HEAD:refs/heads/x"]).code, Some(0));
            push(r, &["origin", ":x"]).passes("deleted");
            push(r, &["origin", "HEAD:refs/heads/again"])
        },
        &["at    a.pem:1  in commit"],
    ),
    (
        "a commit that is on the server already",
        |r| {
            r.file("a.pem", key_pem(1)).commit_all("key");
            let tip = r.answer(&["rev-parse", "HEAD"]);
            unhooked(r);
            push(r, &["origin", "HEAD:refs/heads/x"]).passes("before the hook");
            push(r, &["origin", ":x"]).passes("deleted");
            hooked(r, "");
            // Not an object is sent.
            push_raw(r, "refs/heads/y", &tip, &[])
        },
        &["at    a.pem:1  in commit"],
    ),
    (
        "an object that only an alternate has",
        |r| {
            let format = format!("--object-format={}", r.answer(&["rev-parse", "--show-object-format"]));
            r.file("a.pem", key_pem(1)).commit_all("key");
            r.git(&["init", "-q", "--bare", &format, "../other.git"]).passes("other");
            push(r, &["../other.git", "HEAD:refs/heads/x"]).passes("to the other");
            let other = r.around().join("other.git/objects");
            r.file("../server.git/objects/info/alternates", format!("{}\n", other.display()));
            push(r, &["origin", "HEAD:refs/heads/x"])
        },
        &["at    a.pem:1  in commit"],
    ),
    (
        "a key that the second of two commits has at the same path",
        |r| {
            r.file("a.pem", key_pem(1)).commit_all("key").file("a.pem", key_pem(1) + "more\n").commit_all("edit");
            push(r, &["origin", "main"])
        },
        &["this push brings 1 new key", "at    a.pem:1  in commit"],
    ),
    (
        "two branches, one built on the other",
        |r| {
            r.file("a.pem", key_pem(1)).commit_all("key").git(&["branch", "one"]).passes("one");
            r.file("a.pem", key_pem(1) + "more\n").commit_all("edit");
            push(r, &["origin", "main", "one"])
        },
        &["at    a.pem:1  in commit"],
    ),
    (
        "a merge that brings what no parent has",
        |r| {
            r.git(&["checkout", "-q", "-b", "side"]).passes("side");
            r.file("s", "s").commit_all("side").git(&["checkout", "-q", "main"]).passes("main");
            r.file("m", "m").commit_all("main").git(&["merge", "-q", "--no-commit", "side"]);
            r.file("a.pem", key_pem(1)).commit_all("merge");
            push(r, &["origin", "main"])
        },
        &["at    a.pem:1  in commit"],
    ),
    (
        "a ref to a blob",
        |r| {
            let key = object(r, "blob", key_pem(1).as_bytes());
            push(r, &["origin", &format!("{key}:refs/tags/x")])
        },
        &["at    object "],
    ),
    (
        "a ref to a tree",
        |r| {
            let key = object(r, "blob", &key_der(1));
            let root = tree(r, &[("100644", "a.der", &key)]);
            push(r, &["origin", &format!("{root}:refs/x/y")])
        },
        &["at    a.der:1"],
    ),
    (
        "a tag of a tag of a blob",
        |r| {
            let key = object(r, "blob", key_pem(1).as_bytes());
            r.git(&["tag", "-a", "-m", "x", "one", &key]).passes("one");
            r.git(&["tag", "-a", "-m", "x", "two", "one"]).passes("two");
            push(r, &["origin", "two"])
        },
        &["at    object "],
    ),
    (
        "a key that was known at its path, and a ref to its blob",
        |r| {
            r.file("a.pem", key_pem(1)).commit_all("key");
            assert_eq!(push(r, &["-o", "keyradius.allow=once", "origin", "main"]).code, Some(0));
            r.file("a.pem", key_pem(1) + "more\n").commit_all("edit");
            let blob = r.answer(&["rev-parse", "HEAD:a.pem"]);
            push(r, &["origin", "main", &format!("{blob}:refs/tags/x")])
        },
        &["this push brings 1 new key"],
    ),
    (
        "the message of a tag",
        |r| {
            r.file("../message", key_pem(1)).git(&["tag", "-a", "-F", "../message", "x"]).passes("tag");
            push(r, &["origin", "x"])
        },
        &["at    tag "],
    ),
    (
        "an archive as the message of a commit",
        |r| {
            let root = r.answer(&["rev-parse", "main^{tree}"]);
            let parent = r.answer(&["rev-parse", "main"]);
            let header = format!("tree {root}\nparent {parent}\nauthor a <a@b> 1 +0000\ncommitter a <a@b> 1 +0000\n\n");
            let tip = object(r, "commit", &[header.into_bytes(), gzip(key_pem(1).as_bytes())].concat());
            push_raw(r, "refs/heads/x", &tip, &[&tip])
        },
        &["at    commit "],
    ),
    (
        "an archive as the message of a tag",
        |r| {
            let main = r.answer(&["rev-parse", "main"]);
            let header = format!("object {main}\ntype commit\ntag x\ntagger a <a@b> 1 +0000\n\n");
            let tag = object(r, "tag", &[header.into_bytes(), gzip(key_pem(1).as_bytes())].concat());
            push_raw(r, "refs/tags/x", &tag, &[&tag])
        },
        &["at    tag "],
    ),
    (
        "an archive as the message of a large commit, behind a long header",
        |r| {
            let root = r.answer(&["rev-parse", "main^{tree}"]);
            let parent = r.answer(&["rev-parse", "main"]);
            let header = format!("tree {root}\nparent {parent}\nauthor a <a@b> 1 +0000\ncommitter a <a@b> 1 +0000\n");
            let long = format!("more {}\n\n", "x".repeat(500_000));
            let tail = vec![b'-'; 6 << 20];
            let message = gzip(&[key_pem(1).as_bytes(), &tail].concat());
            let bytes = [header.as_bytes(), long.as_bytes(), &message, &tail].concat();
            let tip = object(r, "commit", &bytes);
            push_raw(r, "refs/heads/x", &tip, &[&tip])
        },
        &["at    commit "],
    ),
    (
        "a note",
        |r| {
            r.file("../note", key_pem(1)).git(&["notes", "add", "-F", "../note"]).passes("note");
            push(r, &["origin", "refs/notes/commits"])
        },
        &["in commit"],
    ),
    (
        "a replacement of a blob without a key",
        |r| {
            let (key, old) = (object(r, "blob", key_pem(1).as_bytes()), r.answer(&["rev-parse", "HEAD:readme.md"]));
            r.git(&["replace", &old, &key]).passes("replace");
            push(r, &["origin", "refs/replace/*"])
        },
        &["at    object "],
    ),
    (
        "a commit that is replaced by one without the key",
        |r| {
            r.git(&["tag", "clean"]).passes("clean");
            r.file("a.pem", key_pem(1)).commit_all("key").git(&["replace", "HEAD", "clean"]).passes("replace");
            push(r, &["-f", "origin", "main", "refs/replace/*"])
        },
        &["at    a.pem:1  in commit"],
    ),
    (
        "a hidden ref",
        |r| {
            r.git(&["-C", "../server.git", "config", "transfer.hideRefs", "refs/hidden"]).passes("hide");
            r.file("a.pem", key_pem(1)).commit_all("key");
            unhooked(r);
            r.git(&["-C", "../server.git", "config", "--unset", "transfer.hideRefs"]).passes("show");
            push(r, &["origin", "HEAD:refs/hidden/x"]).passes("before the hook");
            r.git(&["-C", "../server.git", "update-ref", "-d", "refs/hidden/x"]).passes("gone");
            hooked(r, "");
            push(r, &["origin", "HEAD:refs/heads/x"])
        },
        &["at    a.pem:1  in commit"],
    ),
    (
        "a push from a shallow clone",
        |r| {
            r.git(&["-C", "../server.git", "config", "receive.shallowUpdate", "true"]).passes("shallow");
            r.file("b", "b").commit_all("b");
            let origin = format!("file://{}", r.place().display());
            r.git(&["clone", "-q", "--depth=1", &origin, "../shallow"]).passes("clone");
            r.go("shallow").file("c", "c").commit_all("c");
            push(r, &["../server.git", "HEAD:refs/heads/no-key"]).passes("no key");
            r.file("a.pem", key_pem(1)).commit_all("key");
            push(r, &["../server.git", "HEAD:refs/heads/x"])
        },
        &["at    a.pem:1  in commit"],
    ),
    (
        "an object that a shallow push left out and a later one brings",
        |r| {
            r.git(&["-C", "../server.git", "config", "receive.shallowUpdate", "true"]).passes("shallow");
            let key = object(r, "blob", key_pem(1).as_bytes());
            let root = tree(r, &[("100644", "a.pem", &key)]);
            let lacks = commit(r, &root, &[]);
            // Git takes it: it does not look what a commit without parents leads to.
            push_of_shallow(r, Some(&lacks), "refs/heads/lacks", &lacks, &[&lacks, &root]).passes("without the key");
            let other = commit(r, &tree(r, &[]), &["main"]);
            push_raw(r, "refs/heads/x", &other, &[&other, &tree(r, &[]), &key])
        },
        &[", reachable from no new commit:1"],
    ),
    (
        "a tree that a shallow push left out, over a key that lies there",
        |r| {
            r.git(&["-C", "../server.git", "config", "receive.shallowUpdate", "true"]).passes("shallow");
            let key = object(r, "blob", key_pem(1).as_bytes());
            let root = tree(r, &[("100644", "a.pem", &key)]);
            let lacks = commit(r, &root, &[]);
            push_of_shallow(r, Some(&lacks), "refs/heads/lacks", &lacks, &[&lacks]).passes("without the tree");
            r.file("../key", key_pem(1));
            r.git(&["-C", "../server.git", "hash-object", "-w", "../key"]).passes("stored");
            let other = commit(r, &tree(r, &[]), &["main"]);
            push_raw(r, "refs/heads/x", &other, &[&other, &tree(r, &[]), &root])
        },
        &[", reachable from no new commit:1"],
    ),
    (
        "a commit upon one whose tree was left out, with that tree over a key that lies there",
        |r| {
            r.git(&["-C", "../server.git", "config", "receive.shallowUpdate", "true"]).passes("shallow");
            let key = object(r, "blob", key_pem(1).as_bytes());
            let root = tree(r, &[("100644", "a.pem", &key)]);
            let lacks = commit(r, &root, &[]);
            push_of_shallow(r, Some(&lacks), "refs/heads/lacks", &lacks, &[&lacks]).passes("without the tree");
            let other = commit(r, &tree(r, &[]), &["main"]);
            push(r, &["origin", &format!("{other}:refs/heads/other")]).passes("while the tree is not there");
            r.file("../key", key_pem(1));
            r.git(&["-C", "../server.git", "hash-object", "-w", "../key"]).passes("stored");
            let upon = commit(r, &root, &[&lacks]);
            push_raw(r, "refs/heads/x", &upon, &[&upon, &root])
        },
        &[", reachable from no new commit:1"],
    ),
    (
        "a tree whose entries have one name and no order",
        |r| {
            let (key, no) = (object(r, "blob", key_pem(1).as_bytes()), object(r, "blob", b"nothing"));
            let root = tree(r, &[("100644", "z", &no), ("100644", "a.pem", &no), ("100644", "a.pem", &key)]);
            let tip = commit(r, &root, &["main"]);
            push_raw(r, "refs/heads/x", &tip, &[&tip, &root, &key, &no])
        },
        &["at    a.pem:1  in commit"],
    ),
    (
        "a million paths from a kilobyte",
        |r| {
            let key = object(r, "blob", key_pem(1).as_bytes());
            let names: Vec<String> = (0..10).map(|n| format!("d{n}")).collect();
            let all = |mode: &'static str, oid: &str| {
                let entries: Vec<_> = names.iter().map(|name| (mode, name.as_str(), oid)).collect();
                tree(r, &entries)
            };
            let root = (0..5).fold(all("100644", &key), |below, _| all("40000", &below));
            let tip = commit(r, &root, &["main"]);
            push(r, &["origin", &format!("{tip}:refs/heads/x")])
        },
        &["at    d0/d0/d0/d0/d0/d0:1"],
    ),
    (
        "a configuration of 200,000 globs",
        |r| {
            let globs = (0..200_000).fold(String::new(), |mut globs, n| {
                let _ = writeln!(globs, "[[allow]]\npath = \"a{n}/**/*.pem\"\nreason = \"x\"");
                globs
            });
            r.file("keyradius.toml", globs).file("a.pem", key_pem(1)).commit_all("key");
            push(r, &["origin", "main"])
        },
        &["at    a.pem:1  in commit", "Not read on a server: the keyradius.toml of this push"],
    ),
    (
        "a tree of 20 MB",
        |r| {
            let key = object(r, "blob", key_pem(1).as_bytes());
            let names: Vec<String> = (0..600_000).map(|n| format!("f{n:07}")).collect();
            let entries: Vec<_> = names.iter().map(|name| ("100644", name.as_str(), key.as_str())).collect();
            let tip = commit(r, &tree(r, &entries), &["main"]);
            push(r, &["origin", &format!("{tip}:refs/heads/x")])
        },
        &["this push brings 1 new key"],
    ),
];

#[test]
fn no_way_of_pushing_hides_a_key() {
    std::thread::scope(|scope| {
        for (number, server) in SERVERS.iter().enumerate() {
            scope.spawn(move || {
                for (index, (name, act, told)) in CASES.iter().enumerate() {
                    // The hook and each git that it starts may take 256 MiB: nothing here needs more.
                    let mut repo = served(&format!("hostile-receive-{number}-{index}"), *server, "--memory 256MiB");
                    act(&mut repo).blocked(&format!("{name} ({server:?})"), told);
                }
            });
        }
    });
}

/// An RSA key of OpenSSL's own form, and one with its modulus and exponent and made-up numbers for all others.
fn key_and_decoy() -> Option<(String, String)> {
    let made = std::process::Command::new("openssl").args(["genrsa", "-traditional", "2048"]).output().ok()?;
    let pem = String::from_utf8(made.stdout).expect("text");
    let convert = ["rsa", "-traditional", "-outform", "DER"];
    let mut child = std::process::Command::new("openssl")
        .args(convert)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .ok()?;
    child.stdin.take()?.write_all(pem.as_bytes()).ok()?;
    let mut der = child.wait_with_output().ok()?.stdout;
    // Behind the header of the sequence: integers, of which the first three are the version, n and e.
    let mut at = 4;
    for number in 0.. {
        let Some([2, first, ..]) = der.get(at..) else { break };
        let octets = if first & 0x80 == 0 { 0 } else { usize::from(first & 0x7f) };
        let digits = &der[at + 2..at + 2 + octets];
        let length =
            if octets == 0 { usize::from(*first) } else { digits.iter().fold(0, |n, d| n << 8 | usize::from(*d)) };
        let start = at + 2 + octets;
        if number > 2 {
            // Not the first two bytes, which say its sign and length, and not the last, so that it stays odd.
            der[start + 2..start + length - 1].iter_mut().for_each(|byte| *byte ^= 0x55);
        }
        at = start + length;
    }
    let label = "RSA PRIVATE KEY";
    Some((pem, format!("-----BEGIN {label}-----\n{}\n-----END {label}-----\n", base64(&der))))
}

#[test]
fn made_up_numbers_around_a_modulus_are_no_key_that_was_known() {
    let Some((key, decoy)) = key_and_decoy() else { return super::skipped("no openssl: no RSA key to push") };
    let repo = served("hostile-decoy", SERVERS[0], "");
    repo.file("docs/k.pem", decoy).commit_all("decoy");
    push(&repo, &["origin", "main"]).passes("below docs, and no key");
    repo.file("docs/k.pem", key).commit_all("the key");
    push(&repo, &["origin", "main"])
        .blocked("the key", &["this push brings 1 new key", "at    docs/k.pem:1  in commit"]);
}

#[test]
fn what_was_reachable_before_is_not_new() {
    for (number, server) in SERVERS.iter().enumerate() {
        let repo = served(&format!("hostile-known-{number}"), *server, "");
        repo.file("a.pem", key_pem(1)).commit_all("key");
        assert_eq!(push(&repo, &["-o", "keyradius.allow=once", "origin", "main"]).code, Some(0));
        let (tip, blob) = (repo.answer(&["rev-parse", "HEAD"]), repo.answer(&["rev-parse", "HEAD:a.pem"]));
        push(&repo, &["origin", "main:refs/heads/same", "main:refs/tags/same"]).passes("refs alone");
        repo.file("b.txt", "x").commit_all("beside");
        let (next, root) = (repo.answer(&["rev-parse", "HEAD"]), repo.answer(&["rev-parse", "HEAD^{tree}"]));
        let b = repo.answer(&["rev-parse", "HEAD:b.txt"]);
        // The blob is in the pack once more, as the base of a delta would be.
        push_raw(&repo, "refs/heads/next", &next, &[&next, &root, &b, &blob, &tip]).passes("sent again");
        repo.file("a.pem", key_pem(1) + "more\n").commit_all("edit");
        push(&repo, &["origin", "main"]).passes("edited");
        repo.file("c.pem", key_pem(1) + "copy\n").commit_all("copied");
        push(&repo, &["origin", "main"]).blocked("at another path", &["at    c.pem:1  in commit"]);
        // The same object in a history of its own, which git lists as new.
        let orphan = commit(&repo, &tree(&repo, &[("100644", "d.pem", &blob)]), &[]);
        push(&repo, &["origin", &format!("{orphan}:refs/heads/orphan")]).passes("the same object");
    }
}

#[test]
fn a_server_can_take_no_push_option() {
    let repo = served("hostile-option", SERVERS[0], "--no-push-option");
    repo.file("a.pem", key_pem(1)).commit_all("key");
    let ran = push(&repo, &["-o", "keyradius.allow=please", "origin", "main"]);
    let told = ["keyradius.allow is not taken by this server", "This server does not take the push option"];
    assert!(!ran.blocked("option", &told).stderr.contains("To push anyway"), "{ran:?}");
    push(&repo, &["origin", "main"]).blocked("without", &told[1..]);
}

/// A git that hangs where the hook needs it, and works otherwise.
const HANGS: &str = "#!/bin/sh\nfor word in \"$@\"; do [ \"$word\" = HANG ] && { echo $$ >>PIDS; exec sleep 300; }; done\n\
                     PATH=${PATH#*:}\nexec git \"$@\"\n";

#[test]
fn a_git_that_does_not_end_is_ended() {
    for (word, on_timeout, code) in
        [("rev-list", "block", 1), ("rev-list", "allow", 0), ("--batch", "block", 1), ("for-each-ref", "block", 1)]
    {
        let repo = served("hostile-hang", SERVERS[0], "");
        let pids = repo.around().join("pids");
        let bin = repo.around().join("bin");
        let script = HANGS.replace("HANG", word).replace("PIDS", &pids.display().to_string());
        repo.script(bin.join("git").to_str().expect("UTF-8"), &script);
        let hook = format!(
            "#!/bin/sh\nPATH={}:$PATH exec keyradius hook pre-receive --budget 2s --on-timeout {on_timeout}\n",
            bin.display()
        );
        repo.script("../server.git/hooks/pre-receive", &hook);
        repo.file("a.txt", "no key").commit_all("no key");
        let began = Instant::now();
        let ran = push(&repo, &["origin", "main"]);
        assert!(began.elapsed() < Duration::from_mins(1), "{word}: {:?}", began.elapsed());
        assert_eq!(ran.code, Some(code), "{word}: {ran:?}");
        assert!(ran.stderr.contains("stopped while "), "{word}: {ran:?}");
        let started = std::fs::read_to_string(&pids).expect("it was asked");
        for pid in started.lines() {
            assert!(!std::path::Path::new("/proc").join(pid).join("exe").exists(), "{word}: {pid} still runs");
        }
    }
}

#[test]
fn a_git_that_fails_refuses_the_push() {
    for word in ["rev-list", "--batch", "--batch-check", "--batch-all-objects"] {
        let repo = served("hostile-fails", SERVERS[0], "");
        let bin = repo.around().join("bin");
        let script = HANGS.replace("echo $$ >>PIDS; exec sleep 300;", "exit 1;").replace("HANG", word);
        repo.script(bin.join("git").to_str().expect("UTF-8"), &script);
        let hook = format!("#!/bin/sh\nPATH={}:$PATH exec keyradius hook pre-receive\n", bin.display());
        repo.script("../server.git/hooks/pre-receive", &hook);
        repo.file("a.pem", key_pem(1)).commit_all("key");
        assert_ne!(push(&repo, &["origin", "main"]).code, Some(0), "{word}");
    }
}

#[test]
fn more_keys_than_are_held_refuse_the_push() {
    let repo = served("hostile-flood", SERVERS[0], "");
    for file in 0..25u16 {
        let keys = (0..1000u16).fold(String::new(), |mut keys, n| {
            let mut der = key_der(1);
            let (number, end) = ((file * 1000 + n).to_be_bytes(), der.len());
            der[end - 2..].copy_from_slice(&number);
            let _ = writeln!(keys, "-----BEGIN {0}-----\n{1}\n-----END {0}-----", "PRIVATE KEY", base64(&der));
            keys
        });
        repo.file(format!("{file}.pem"), keys);
    }
    let told = ["could not be checked whole, because more than 20 000 keys", " a private key"];
    push(repo.commit_all("keys"), &["origin", "main"]).fails("flood", &told);
}

#[test]
fn a_first_push_has_a_budget_of_its_own() {
    let repo = Repo::bare_of_hooks("hostile-first", &[]);
    repo.git(&["init", "-q", "--bare", "-b", "main", "../server.git"]).passes("server");
    let bin = repo.around().join("bin");
    // A git that takes longer than the one budget and not as long as the other.
    let script = HANGS.replace("echo $$ >>PIDS; exec sleep 300;", "sleep 4;").replace("HANG", "--batch-all-objects");
    repo.script(bin.join("git").to_str().expect("UTF-8"), &script);
    let options = "--budget 3s --first-push-budget 2m";
    let hook = format!("#!/bin/sh\nPATH={}:$PATH exec keyradius hook pre-receive {options}\n", bin.display());
    repo.script("../server.git/hooks/pre-receive", &hook);
    repo.file("a", "a").commit_all("a").git(&["push", "-q", "../server.git", "main"]).passes("the first");
    let ran = repo.file("b", "b").commit_all("b").git(&["push", "-q", "../server.git", "main"]);
    ran.fails("the second", &["could not be checked in 3.00 s"]);
}
