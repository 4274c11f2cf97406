//! Commands planted in a repository: in its configuration, attributes, submodules and hooks. Scans and hooks read such
//! a repository without running any of them.

use std::path::Path;

use crate::git::repo::fed;
use crate::hook::repo::{Repo, make_executable};
use crate::workshop::key_pem;

/// Settings that name a command or refer to one, one per line: `PROGRAM` writes the marker, `AROUND` is the parent
/// directory.
const CONFIG: &str = "\
[core]\nrepositoryFormatVersion = 1\nfsmonitor = PROGRAM\nsshCommand = PROGRAM\npager = PROGRAM\neditor = PROGRAM
askPass = PROGRAM\ngitProxy = PROGRAM\nalternateRefsCommand = PROGRAM\nhooksPath = AROUND/hooks\nattributesFile = AROUND/attributes
[pager]\nlog = PROGRAM\ndiff = PROGRAM\nrev-list = PROGRAM\ncat-file = PROGRAM
[alias]\nlog = !PROGRAM\nrev-list = !PROGRAM\ncat-file = !PROGRAM\ndiff-index = !PROGRAM
[diff]\nexternal = PROGRAM\n[diff \"evil\"]\ntextconv = PROGRAM\ncommand = PROGRAM\ncachetextconv = true
[interactive]\ndiffFilter = PROGRAM\n[sequence]\neditor = PROGRAM
[filter \"evil\"]\nclean = PROGRAM\nsmudge = PROGRAM\nprocess = PROGRAM\nrequired = true
[merge \"evil\"]\ndriver = PROGRAM\n[include]\npath = AROUND/included\n[includeIf \"gitdir:/**\"]\npath = AROUND/included
[credential]\nhelper = !PROGRAM\n[gpg]\nprogram = PROGRAM\n[gpg \"ssh\"]\nprogram = PROGRAM\ndefaultKeyCommand = PROGRAM
[log]\nshowSignature = true\n[uploadpack]\npackObjectsHook = PROGRAM\n[trailer \"x\"]\ncommand = PROGRAM
[protocol]\nallow = always\n[protocol \"ext\"]\nallow = always\n[url \"ext::PROGRAM \"]\ninsteadOf = https://
[extensions]\npartialClone = origin
[remote \"origin\"]\nurl = ext::PROGRAM\npromisor = true\nvcs = evil\nreceivepack = PROGRAM\nuploadpack = PROGRAM
[submodule \"x\"]\nurl = ext::PROGRAM\nupdate = !PROGRAM\n[submodule]\nrecurse = true\n[push]\nrecurseSubmodules = check
[man \"x\"]\ncmd = PROGRAM\n[difftool \"x\"]\ncmd = PROGRAM\n[browser \"x\"]\ncmd = PROGRAM\n[gc]\nauto = 1\n[maintenance]\nauto = true
";

/// All markers in this directory, left by programs that were run.
fn marks(around: &Path) -> String {
    std::fs::read_to_string(around.join("marks")).unwrap_or_default()
}

#[test]
fn nothing_that_is_planted_runs() {
    let repo = Repo::bare_of_hooks("planted", &[]);
    let around = repo.around().to_owned();
    let program = around.join("program");
    let script = format!("#!/bin/sh\necho \"$0 $*\" >>'{}'\ncat\n", around.join("marks").display());
    std::fs::create_dir_all(around.join("hooks")).expect("a directory");
    let hooks = [
        "pre-commit",
        "pre-push",
        "pre-receive",
        "post-index-change",
        "reference-transaction",
        "fsmonitor-watchman",
        "pre-auto-gc",
        "post-checkout",
    ];
    for place in hooks.map(|hook| around.join("hooks").join(hook)).iter().chain([&program]) {
        std::fs::write(place, &script).expect("a script");
        make_executable(place);
    }
    std::fs::write(around.join("attributes"), "* filter=evil diff=evil merge=evil\n").expect("written");
    std::fs::write(around.join("included"), format!("[core]\nfsmonitor = {}\n", program.display())).expect("written");

    repo.file("readme.md", "nothing\n").commit_all("begin");
    repo.file("k.pem", key_pem(1)).file("b.bin", [b"\0", key_pem(2).as_bytes()].concat());
    repo.file(".gitattributes", "* filter=evil diff=evil merge=evil -text\n");
    repo.file(".gitmodules", "[submodule \"x\"]\npath = sub\nurl = ext::sh -c x\n").stage();
    let gitlink = format!("160000,{},sub", "1".repeat(40));
    repo.git(&["update-index", "--add", "--cacheinfo", &gitlink]).passes("a submodule");
    let tree = repo.answer(&["write-tree", "--missing-ok"]);
    let commit = repo.answer(&["commit-tree", "-m", "x", &tree]);
    let config = repo.place().join(".git/config");
    let planted = CONFIG.replace("PROGRAM", &program.to_string_lossy()).replace("AROUND", &around.to_string_lossy());
    let config_before = std::fs::read_to_string(&config).expect("a configuration");
    std::fs::write(&config, config_before + &planted).expect("written");
    // The trap works: git itself runs the planted commands.
    fed(&mut repo.command("git", &["status"]), b"");
    assert!(marks(&around).contains("program"), "git reads no planted configuration here");
    std::fs::remove_file(around.join("marks")).expect("removed");

    let zero = "0".repeat(40);
    for (args, input, code) in [
        (&["scan", "."][..], String::new(), 1),
        (&["scan", "--history", "none", "."], String::new(), 1),
        (&["hook", "pre-commit"], String::new(), 1),
        (&["hook", "pre-push", "origin", "ext::x"], format!("refs/heads/main {commit} refs/heads/main {zero}\n"), 1),
        (&["hook", "pre-receive", "--budget", "5m"], format!("{zero} {commit} refs/heads/main\n"), 1),
        (&["hook", "status"], String::new(), 0),
    ] {
        let ran = repo.keyradius_with(&[], args, &input);
        assert_eq!(ran.code, Some(code), "{args:?}: {ran:?}");
        assert_eq!(marks(&around), "", "{args:?} ran what is planted");
    }
}

/// A server whose configuration, apart from hooks, is foreign: a restored backup, a mirror.
#[test]
fn nothing_that_is_planted_in_a_server_runs() {
    let mut repo = Repo::bare_of_hooks("planted-server", &[]);
    let around = repo.around().to_owned();
    let program = around.join("program");
    std::fs::write(&program, format!("#!/bin/sh\necho \"$0 $*\" >>'{}'\ncat\n", around.join("marks").display()))
        .expect("a script");
    make_executable(&program);
    repo.git(&["init", "-q", "--bare", "-b", "main", "../server.git"]).passes("bare");
    repo.git(&["remote", "add", "origin", "../server.git"]).passes("remote");
    repo.go("server.git").keyradius(&["hook", "install", "pre-receive"]).passes("install");
    let config = repo.place().join("config");
    let planted = CONFIG.replace("hooksPath = AROUND/hooks\n", "");
    let before = std::fs::read_to_string(&config).expect("a configuration");
    // Without the settings whose commands git itself runs when it receives a push: the promisor remote, and the command
    // that lists an alternate's refs.
    let planted = planted.replace("promisor = true\n", "").replace("partialClone = origin", "noop = true");
    let planted = planted.replace("alternateRefsCommand = PROGRAM\n", "");
    let planted = planted.replace("PROGRAM", &program.to_string_lossy()).replace("AROUND", &around.to_string_lossy());
    std::fs::write(&config, before + &planted).expect("written");
    repo.go("repo").file("a.txt", "x").commit_all("no key");
    repo.git(&["push", "-q", "origin", "main"]).passes("no key");
    repo.file("k.pem", key_pem(3)).commit_all("a key");
    repo.git(&["push", "-q", "origin", "main"]).blocked("a key", &["k.pem:1"]);
    assert_eq!(marks(&around), "");
}
