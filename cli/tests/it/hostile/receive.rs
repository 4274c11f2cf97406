//! Pushes to a server with the pre-receive hook that try to hide a key or to harm the server: real servers, real
//! pushes.

mod server;
mod ways;

use std::fmt::Write as _;
use std::io::Write as _;
use std::process::Stdio;

use crate::hook::repo::Repo;
use crate::patience::run_to_its_end;
use crate::workshop::{Ran, base64, key_der, key_pem};
use server::{SERVERS, commit, push, push_raw, served, tree};
use ways::{CASES, UNREAD};

#[test]
fn no_way_of_pushing_hides_a_key() {
    std::thread::scope(|scope| {
        for (number, server) in SERVERS.iter().enumerate() {
            scope.spawn(move || {
                for (index, (name, act, told)) in CASES.iter().enumerate() {
                    // The hook and each git that it starts may use 256 MiB: nothing here needs more.
                    let mut repo = served(&format!("hostile-receive-{number}-{index}"), *server, "--memory 256MiB");
                    act(&mut repo).blocked(&format!("{name} ({server:?})"), told);
                }
                for (index, (name, act, told)) in UNREAD.iter().enumerate() {
                    let mut repo = served(&format!("hostile-unread-{number}-{index}"), *server, "");
                    act(&mut repo).fails(&format!("{name} ({server:?})"), told);
                }
            });
        }
    });
}

/// An RSA key in OpenSSL's traditional form, and a decoy with its modulus and exponent and made-up other numbers.
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
    // After the header of the sequence: integers, first the version, n and e.
    let mut at = 4;
    for number in 0.. {
        let Some([2, first, ..]) = der.get(at..) else { break };
        let octets = if first & 0x80 == 0 { 0 } else { usize::from(first & 0x7f) };
        let digits = &der[at + 2..at + 2 + octets];
        let length =
            if octets == 0 { usize::from(*first) } else { digits.iter().fold(0, |n, d| n << 8 | usize::from(*d)) };
        let start = at + 2 + octets;
        if number > 2 {
            // Not the first two bytes, which determine sign and length, and not the last, so that the number stays odd.
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
        .blocked("the key", &["this push would add 1 new key", "at    docs/k.pem:1  in commit"]);
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
        // The pack contains the blob again, like the base of a delta.
        push_raw(&repo, "refs/heads/next", &next, &[&next, &root, &b, &blob, &tip]).passes("sent again");
        repo.file("a.pem", key_pem(1) + "more\n").commit_all("edit");
        push(&repo, &["origin", "main"]).passes("edited");
        repo.file("c.pem", key_pem(1) + "copy\n").commit_all("copied");
        push(&repo, &["origin", "main"]).blocked("at another path", &["at    c.pem:1  in commit"]);
        // The same object in a separate history, which git lists as new.
        let orphan = commit(&repo, &tree(&repo, &[("100644", "d.pem", &blob)]), &[]);
        push(&repo, &["origin", &format!("{orphan}:refs/heads/orphan")]).passes("the same object");
    }
}

#[test]
fn a_server_can_take_no_push_option() {
    let repo = served("hostile-option", SERVERS[0], "--no-push-option");
    repo.file("a.pem", key_pem(1)).commit_all("key");
    let ran = push(&repo, &["-o", "keyradius.allow=please", "origin", "main"]);
    let told = ["keyradius.allow is not accepted by this server", "This server does not accept the push option"];
    assert!(!ran.blocked("option", &told).stderr.contains("To push anyway"), "{ran:?}");
    push(&repo, &["origin", "main"]).blocked("without", &told[1..]);
}

/// A git that hangs where the hook needs it, and otherwise works.
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
        let mut command = repo.command("git", &["push", "-q", "origin", "main"]);
        let ran = Ran::from(run_to_its_end(command.stdin(Stdio::null())));
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
    let told = ["could not be checked completely because it contains more than 20 000 keys", " a private key"];
    push(repo.commit_all("keys"), &["origin", "main"]).fails("flood", &told);
}

#[test]
fn too_little_memory_is_refused_before_anything_else() {
    let repo = Repo::bare_of_hooks("hostile-little", &[]);
    for (size, told) in [("10MiB", "expected 64MiB or more"), ("0", "expected 64MiB or more"), ("x", "expected a size")]
    {
        let ran = repo.keyradius(&["hook", "pre-receive", "--memory", size]);
        assert!(ran.code == Some(2) && ran.stderr.contains(told), "{size}: {ran:?}");
    }
    let repo = served("hostile-least", SERVERS[0], "--memory 64MiB");
    repo.file("a.txt", "no key").commit_all("no key");
    push(&repo, &["origin", "main"]).passes("the least that is taken is enough");
    repo.file("a.pem", key_pem(1)).commit_all("key");
    push(&repo, &["origin", "main"]).blocked("and finds", &["a.pem:1"]);
}

#[test]
fn a_first_push_has_a_budget_of_its_own() {
    let repo = Repo::bare_of_hooks("hostile-first", &[]);
    repo.git(&["init", "-q", "--bare", "-b", "main", "../server.git"]).passes("server");
    let bin = repo.around().join("bin");
    // A git that takes longer than one budget but less than the other.
    let script = HANGS.replace("echo $$ >>PIDS; exec sleep 300;", "sleep 4;").replace("HANG", "--batch-all-objects");
    repo.script(bin.join("git").to_str().expect("UTF-8"), &script);
    let options = "--budget 3s --first-push-budget 2m";
    let hook = format!("#!/bin/sh\nPATH={}:$PATH exec keyradius hook pre-receive {options}\n", bin.display());
    repo.script("../server.git/hooks/pre-receive", &hook);
    repo.file("a", "a").commit_all("a").git(&["push", "-q", "../server.git", "main"]).passes("the first");
    let ran = repo.file("b", "b").commit_all("b").git(&["push", "-q", "../server.git", "main"]);
    ran.fails("the second", &["could not be checked completely within 3.00 s"]);
}
