//! A server with the pre-receive hook, and objects and packs that git would not send.

use std::io::Write as _;
use std::process::Stdio;

use crate::hook::repo::Repo;
use crate::workshop::Ran;

/// Variants of a server: object format, ref format, and the number of objects from which a pack is kept.
pub(super) const SERVERS: [(&str, &str, &str); 3] =
    [("sha1", "files", "1"), ("sha256", "files", "1"), ("sha1", "reftable", "100")];

/// A repository with one commit, and the bare repository `server.git` with the hook and these options.
pub(super) fn served(test: &str, (objects, refs, unpack): (&str, &str, &str), options: &str) -> Repo {
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

pub(super) fn hooked(repo: &Repo, options: &str) {
    // Tests run in parallel: what is fast here may be slow there.
    let script = format!("#!/bin/sh\nexec keyradius hook pre-receive --budget 2m {options}\n");
    repo.script("../server.git/hooks/pre-receive", &script);
}

pub(super) fn unhooked(repo: &Repo) {
    std::fs::remove_file(repo.place().join("../server.git/hooks/pre-receive")).expect("removed");
}

pub(super) fn push(repo: &Repo, what: &[&str]) -> Ran {
    repo.git(&[&["push", "-q"], what].concat())
}

/// Stores bytes as an object of this kind.
pub(super) fn object(repo: &Repo, kind: &str, bytes: &[u8]) -> String {
    let mut command = repo.command("git", &["hash-object", "-w", "--stdin", "--literally", "-t", kind]);
    let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().expect("git runs");
    child.stdin.take().expect("a pipe").write_all(bytes).expect("written");
    let output = child.wait_with_output().expect("it ends");
    String::from_utf8(output.stdout).expect("a name").trim().to_owned()
}

/// A tree with these blobs at these one-part paths.
pub(super) fn tree(repo: &Repo, entries: &[(&str, &str, &str)]) -> String {
    let mut bytes = Vec::new();
    for (mode, name, oid) in entries {
        bytes.extend(format!("{mode} {name}\0").bytes());
        bytes.extend((0..oid.len()).step_by(2).map(|at| u8::from_str_radix(&oid[at..at + 2], 16).expect("hex")));
    }
    object(repo, "tree", &bytes)
}

pub(super) fn commit(repo: &Repo, tree: &str, parents: &[&str]) -> String {
    let mut args = vec!["commit-tree", "-m", "x", tree];
    for parent in parents {
        args.extend(["-p", parent]);
    }
    repo.answer(&args)
}

/// Sends a pack of exactly these objects, unlike git, and requests a ref. The result has the exit status of a push.
pub(super) fn push_raw(repo: &Repo, name: &str, new: &str, oids: &[&str]) -> Ran {
    push_of_shallow(repo, None, name, new, oids)
}

/// Like `push_raw`, from a client that declares that it has no parents of this commit.
pub(super) fn push_of_shallow(repo: &Repo, shallow: Option<&str>, name: &str, new: &str, oids: &[&str]) -> Ran {
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
