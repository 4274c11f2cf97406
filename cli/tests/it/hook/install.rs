//! `keyradius hook install`, `uninstall` and `status`, and the scripts they write.

use std::path::Path;

use super::repo::Repo;
use crate::workshop::{Ran, key_pem};

/// Name, content and mode of everything in a directory.
fn listing(directory: &Path) -> Vec<(String, Vec<u8>, u32)> {
    let mut all: Vec<_> = std::fs::read_dir(directory)
        .expect("a directory")
        .map(|entry| {
            let path = entry.expect("an entry").path();
            let name = path.file_name().expect("a name").to_string_lossy().into_owned();
            (name, std::fs::read(&path).unwrap_or_default(), mode(&path))
        })
        .filter(|(name, ..)| !name.ends_with(".sample"))
        .collect();
    all.sort();
    all
}

#[cfg(unix)]
fn mode(path: &Path) -> u32 {
    use std::os::unix::fs::PermissionsExt;
    path.symlink_metadata().expect("there").permissions().mode()
}

#[cfg(not(unix))]
fn mode(_path: &Path) -> u32 {
    0
}

#[test]
fn installing_twice_changes_nothing_and_uninstalling_leaves_nothing() {
    let repo = Repo::bare_of_hooks("install-twice", &[]);
    let hooks = repo.place().join(".git/hooks");
    let before = listing(&hooks);
    let ran = repo.keyradius(&["hook", "status"]);
    assert_eq!(ran.passes("status").stdout.matches("not installed").count(), 4, "{ran:?}");
    repo.keyradius(&["hook", "install"]).passes("install");
    let ran = repo.keyradius(&["hook", "status"]);
    assert!(ran.stdout.starts_with("hooks are in .git/hooks\npre-commit        installed\n"), "{ran:?}");
    let installed = listing(&hooks);
    let names: Vec<_> = installed.iter().map(|(name, ..)| name.as_str()).collect();
    assert_eq!(names, ["pre-commit", "pre-merge-commit"]);
    assert!(repo.keyradius(&["hook", "install"]).passes("again").stdout.contains("already installed"));
    assert_eq!(listing(&hooks), installed);
    repo.keyradius(&["hook", "install", "pre-push"]).passes("on request");
    assert!(hooks.join("pre-push").is_file());
    repo.keyradius(&["hook", "uninstall"]).passes("uninstall");
    assert_eq!(listing(&hooks), before);
    assert!(repo.keyradius(&["hook", "uninstall"]).passes("nothing left").stdout.contains("no keyradius hooks"));
}

#[test]
fn what_was_there_runs_first_and_comes_back() {
    let repo = Repo::bare_of_hooks("install-chain", &[]);
    let hooks = repo.place().join(".git/hooks");
    repo.script(".git/hooks/pre-commit", "#!/bin/sh\necho \"first: $#\" >&2\n[ ! -e refuse ] || exit 7\n");
    repo.script(".git/hooks/pre-push", "#!/bin/sh\necho \"args: $1\" >&2\nread -r line; echo \"line: $line\" >&2\n");
    let before = listing(&hooks);
    let ran = repo.keyradius(&["hook", "install", "pre-commit", "pre-push"]);
    assert!(ran.passes("install").stdout.contains("as pre-commit.before-keyradius"), "{ran:?}");
    assert!(repo.keyradius(&["hook", "status"]).stdout.contains("installed; pre-commit.before-keyradius runs first"));

    let ran = repo.file("a.txt", "x").stage().commit();
    assert!(ran.passes("both pass").stderr.contains("first: 0"), "{ran:?}");
    let ran = repo.file("a.pem", key_pem(1)).stage().commit();
    assert!(ran.blocked("ours blocks", &["a.pem:1"]).stderr.contains("first: 0"), "{ran:?}");
    let ran = repo.file("refuse", "x").commit();
    assert!(!ran.fails("theirs blocks", &["first: 0"]).stderr.contains("a.pem"), "it ends there: {ran:?}");
    std::fs::remove_file(repo.place().join("refuse")).expect("removed");

    repo.git(&["init", "-q", "--bare", "../origin.git"]).passes("bare");
    repo.commit_all("key").git(&["remote", "add", "origin", "../origin.git"]).passes("remote");
    let told = ["args: origin\n", "line: refs/heads/main ", "  at    a.pem:1  in commit"];
    repo.git(&["push", "-q", "origin", "main"]).blocked("both read the lines", &told);

    repo.keyradius(&["hook", "uninstall"]).passes("uninstall");
    assert_eq!(listing(&hooks), before);
}

#[test]
fn hooks_that_git_would_not_run_are_kept_and_not_run() {
    let repo = Repo::bare_of_hooks("install-mode", &[]);
    repo.file(".git/hooks/pre-commit", "#!/bin/sh\necho ran >&2; exit 1\n");
    let before = listing(&repo.place().join(".git/hooks"));
    repo.keyradius(&["hook", "install", "pre-commit"]).passes("install");
    let ran = repo.file("a.txt", "x").stage().commit();
    assert!(!ran.passes("commit").stderr.contains("ran"), "{ran:?}");
    repo.keyradius(&["hook", "uninstall"]).passes("uninstall");
    assert_eq!(listing(&repo.place().join(".git/hooks")), before);
}

#[test]
fn what_has_no_clear_way_is_refused_and_nothing_changes() {
    for (name, files, told) in [
        (
            "two others",
            &[("pre-commit", "#!/bin/sh\n"), ("pre-commit.before-keyradius", "#!/bin/sh\n:\n")][..],
            "two hooks of other tools exist",
        ),
        ("an orphan", &[("pre-merge-commit.before-keyradius", "#!/bin/sh\n")], "without the hook that runs it"),
        (
            "one by name",
            &[("pre-commit", "#!/bin/sh\nexec run-parts \"$(basename \"$0\")\"\n")],
            "depends on its own file name",
        ),
        ("a directory", &[("pre-commit/x", "")], "cannot read .git/hooks/pre-commit"),
    ] {
        let repo = Repo::bare_of_hooks("install-refused", &[]);
        for (file, text) in files {
            repo.file(format!(".git/hooks/{file}"), text);
        }
        let before = listing(&repo.place().join(".git/hooks"));
        let ran = repo.keyradius(&["hook", "install"]);
        assert_eq!(ran.fails(name, &[told, "\nhint: "]).code, Some(2), "{ran:?}");
        assert_eq!(listing(&repo.place().join(".git/hooks")), before, "{name}");
        let ran = repo.keyradius(&["hook", "uninstall"]);
        assert!(name == "a directory" || ran.code == Some(0), "{ran:?}");
        assert_eq!(listing(&repo.place().join(".git/hooks")), before, "{name}");
    }

    // A hook manager that rewrites its hook does not create a second one.
    let repo = Repo::bare_of_hooks("install-anew", &[]);
    repo.script(".git/hooks/pre-commit", "#!/bin/sh\n:\n").keyradius(&["hook", "install"]).passes("install");
    repo.script(".git/hooks/pre-commit", "#!/bin/sh\n:\n").keyradius(&["hook", "install"]).passes("install again");
    repo.file("a.pem", key_pem(1)).stage().commit().blocked("installed", &["a.pem:1"]);
}

#[test]
fn hooks_go_where_git_looks_for_them() {
    let mut repo = Repo::bare_of_hooks("install-path", &[]);
    repo.git(&["config", "core.hooksPath", "tools/hooks"]).passes("config");
    let ran = repo.keyradius(&["hook", "install"]);
    assert!(ran.passes("install").stdout.contains("installed in tools/hooks\n"), "{ran:?}");
    assert!(!repo.place().join(".git/hooks/pre-commit").exists());
    repo.file("sub/a.pem", key_pem(1)).stage().commit().blocked("hooksPath", &["sub/a.pem:1"]);

    repo.commit_all("key").git(&["config", "--unset", "core.hooksPath"]).passes("config");
    repo.git(&["worktree", "add", "-q", "-b", "side", "../linked"]).passes("worktree");
    repo.go("linked").keyradius(&["hook", "install"]).passes("install from a linked worktree");
    repo.file("b.pem", key_pem(2)).stage().commit().blocked("linked", &["b.pem:1"]);
    repo.go("repo").file("b.pem", key_pem(2)).stage().commit().blocked("main", &["b.pem:1"]);

    // Husky: its directory is generated; the user's scripts are next to it.
    let repo = Repo::bare_of_hooks("install-husky", &[]);
    repo.git(&["config", "core.hooksPath", ".husky/_"]).passes("config");
    repo.script(".husky/_/pre-commit", "#!/usr/bin/env sh\n. \"${0%/*}/h\"\n");
    repo.file(".husky/_/h", "s=\"$(dirname \"$(dirname \"$0\")\")/$(basename \"$0\")\"\nsh -e \"$s\" \"$@\"\n");
    repo.keyradius(&["hook", "install"]).fails("husky", &["belongs to husky", "`keyradius hook pre-commit`"]);
    repo.file(".husky/pre-commit", "keyradius hook pre-commit\n");
    repo.file("a.pem", key_pem(1)).stage().commit().blocked("husky", &["a.pem:1"]);
}

#[test]
fn all_repositories_at_once_and_none_loses_its_own_hooks() {
    let repo = Repo::bare_of_hooks("install-global", &[]);
    let global = repo.around().join("gitconfig").to_string_lossy().into_owned();
    let config = repo.around().join("config").to_string_lossy().into_owned();
    let around = [("GIT_CONFIG_GLOBAL", global.as_str()), ("XDG_CONFIG_HOME", &config), ("KEYRADIUS_PASSED_ON", "")];
    let run = |args: &[&str]| repo.keyradius_with(&around, args, "");
    let commit = || repo.git_with(&around, &["commit", "-q", "--allow-empty", "-m", "x"]);
    repo.script(".git/hooks/pre-commit", "#!/bin/sh\necho own pre-commit >&2\n");
    repo.script(".git/hooks/commit-msg", "#!/bin/sh\necho own commit-msg >&2\n");

    let ran = run(&["hook", "install", "--global"]);
    assert!(ran.passes("install").stdout.contains("core.hooksPath in the global git configuration is now "), "{ran:?}");
    run(&["hook", "install", "--global"]).passes("again");
    run(&["hook", "install"]).fails("not by accident", &["sets core.hooksPath", "--global"]);
    let ran = run(&["hook", "status", "--global"]);
    assert!(ran.stdout.contains("\npre-push          not installed; the repository's own hook runs\n"), "{ran:?}");
    repo.file("a.txt", "x").stage();
    commit().passes("commit");
    let ran = commit();
    for own in ["own pre-commit", "own commit-msg"] {
        assert_eq!(ran.stderr.matches(own).count(), 1, "{ran:?}");
    }
    repo.file("a.pem", key_pem(1)).stage();
    commit().blocked("global", &["own pre-commit", "a.pem:1"]);

    // Also installed in the repository, before the global hook: it runs once.
    std::fs::remove_file(repo.place().join(".git/hooks/pre-commit")).expect("removed");
    repo.keyradius(&["hook", "install"]).passes("local");
    assert_eq!(commit().blocked("once", &[]).stderr.matches("would add").count(), 1);

    run(&["hook", "uninstall", "--global"]).passes("uninstall");
    assert_eq!(repo.git_with(&around, &["config", "--global", "core.hooksPath"]).code, Some(1), "unset");
    assert!(!Path::new(&config).join("keyradius/hooks").exists(), "gone");

    // A hooks directory set by the user is used.
    repo.script("../mine/pre-commit", "#!/bin/sh\necho mine >&2\n");
    let mine = repo.around().join("mine");
    let before = listing(&mine);
    repo.git_with(&around, &["config", "--global", "core.hooksPath", &mine.to_string_lossy()]).passes("config");
    run(&["hook", "install", "--global"]).passes("install");
    commit().blocked("mine", &["mine\n", "a.pem:1"]);
    run(&["hook", "uninstall", "--global"]).passes("uninstall");
    assert_eq!(listing(&mine), before);
    assert_eq!(repo.git_with(&around, &["config", "--global", "core.hooksPath"]).code, Some(0), "still set");
}

#[cfg(unix)]
#[test]
fn without_keyradius_on_the_path_the_one_that_installed_is_used_or_the_commit_fails() {
    let repo = Repo::begun("install-absent");
    repo.file("a.pem", key_pem(1)).stage();
    let git = repo.answer(&["--exec-path"]);
    // The tools of git and of the system, without keyradius.
    let path = [("PATH", format!("{git}:/usr/local/bin:/usr/bin:/bin"))];
    let path: Vec<_> = path.iter().map(|(name, value)| (*name, value.as_str())).collect();
    repo.git_with(&path, &["commit", "-q", "-m", "x"]).blocked("by its full path", &["a.pem:1"]);
    let hook = repo.place().join(".git/hooks/pre-commit");
    let script = std::fs::read_to_string(&hook).expect("a script").replace(env!("CARGO_BIN_EXE_keyradius"), "/no/such");
    std::fs::write(&hook, script.replace("command -v keyradius ", "command -v no-such-keyradius ")).expect("a script");
    super::repo::make_executable(&hook);
    let told = ["error: the pre-commit hook cannot find keyradius", "hint: put it on the PATH", "--no-verify"];
    repo.git_with(&path, &["commit", "-q", "-m", "x"]).fails("nowhere", &told);
}

#[test]
fn a_bare_repository_gets_the_hook_that_runs_there() {
    let repo = Repo::bare_of_hooks("install-bare", &[]);
    repo.git(&["init", "-q", "--bare", "../origin.git"]).passes("bare");
    let mut command = repo.command(env!("CARGO_BIN_EXE_keyradius"), &["hook", "install"]);
    let installed =
        Ran::from(command.current_dir(repo.place().join("../origin.git")).output().expect("the binary runs"));
    assert!(installed.passes("install").stdout.contains("pre-receive"), "{installed:?}");
    repo.file("a.pem", key_pem(1)).commit_all("key");
    repo.git(&["push", "-q", "../origin.git", "HEAD:refs/heads/main"]).blocked("push", &["a.pem:1"]);
}
