//! Where a repository may be, and what is read if only a part of it is named.

#![cfg(unix)]

use std::os::unix::fs::symlink;

use super::plant::Plants;
use super::repo::{Ground, Repo};
use super::rng::Rng;
use super::seen::scan;

/// A repository with the key in its history only; and the id of the key's blob.
fn buried(ground: &Ground, name: &str) -> (Repo, String) {
    let repo = Repo::init(ground.join(name), &[]);
    repo.file("src/key.pem", Plants::default().pem(&mut Rng::new(77)).as_bytes());
    repo.git(&["add", "."]);
    repo.git(&["commit", "-q", "-m", "One"]);
    let id = repo.git(&["rev-parse", "HEAD:src/key.pem"]);
    repo.git(&["rm", "-q", "src/key.pem"]);
    repo.git(&["commit", "-q", "-m", "Two"]);
    repo.file("src/main.c", b"int main;\n");
    (repo, id)
}

#[test]
fn links_to_git_directories_and_to_objects_are_followed() {
    let ground = Ground::new("places-links");
    let (repo, id) = buried(&ground, "linked");
    for (from, to) in [(".git/objects", "store"), (".git", "elsewhere")] {
        std::fs::rename(repo.dir.join(from), ground.join(to)).expect("moved");
        symlink(ground.join(to), repo.dir.join(from)).expect("a link");
        let seen = scan(&repo.dir, &["."]);
        assert!(seen.objects().contains(&id), "{from} as a link: {:?}", seen.gaps());
        assert_eq!(seen.hits()[0].path.as_deref(), Some("src/key.pem"), "{from} as a link");
    }
}

#[test]
fn a_directory_that_says_where_its_objects_are_is_followed() {
    let ground = Ground::new("places-common");
    let (repo, id) = buried(&ground, "work");
    let git_dir = repo.dir.join(".git");
    std::fs::rename(&git_dir, ground.join("common")).expect("moved");
    std::fs::create_dir(&git_dir).expect("made");
    for file in ["HEAD", "index"] {
        std::fs::copy(ground.join("common").join(file), git_dir.join(file)).expect("copied");
    }
    std::fs::write(git_dir.join("commondir"), "../../common\n").expect("written");
    assert!(repo.git(&["log", "--oneline"]).lines().count() > 1, "git follows it");
    let seen = scan(&repo.dir, &["."]);
    assert!(seen.objects().contains(&id), "{:?}", seen.gaps());
    assert_eq!(seen.hits()[0].path.as_deref(), Some("src/key.pem"));
}

#[test]
fn a_part_is_what_is_read() {
    let ground = Ground::new("places-parts");
    let (repo, id) = buried(&ground, "whole");
    let found = |target: &str| scan(&repo.dir, &[target]).objects().contains(&id);
    assert!(found("."));
    assert!(found(".git"));
    assert!(found(".git/objects"), "the repository around it is meant");
    assert!(!found("src"), "files below, and no history");
    repo.git(&["gc", "-q", "--prune=now"]);
    assert!(found(".git/objects/pack"), "the packs by themselves");
    assert!(scan(&repo.dir, &["--history", "none", "."]).complete(), "left out as asked");
}

#[test]
fn a_history_that_was_asked_for_is_read_or_the_scan_is_incomplete() {
    let ground = Ground::new("places-asked");
    let (repo, _) = buried(&ground, "whole");
    let plain = ground.join("plain");
    std::fs::create_dir(&plain).expect("a directory");
    let ceiled = |dir: &std::path::Path, args: &[&str], ceiling: &std::path::Path| {
        let output = std::process::Command::new(env!("CARGO_BIN_EXE_keyradius"))
            .env("GIT_CEILING_DIRECTORIES", ceiling)
            .args([&["scan", "--no-config", "--show-skipped"][..], args].concat())
            .current_dir(dir)
            .output()
            .expect("the binary runs");
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        (output.status.code(), text(&output.stdout) + &text(&output.stderr))
    };
    let run = |dir: &std::path::Path, args: &[&str]| ceiled(dir, args, ground.path());
    let src = repo.dir.join("src");
    // git does not search above the ceiling; nor does the note.
    let (code, text) = ceiled(&src, &["."], &repo.dir);
    assert_eq!((code, text.contains("is part of")), (Some(0), false), "{text}");
    for (dir, args, code, said) in [
        (&repo.dir, &["--history", "HEAD~1..HEAD", "."][..], 0, ""),
        (&repo.dir, &["--history", "all", "."], 1, ""),
        // What CI systems call the state before the first push of a branch.
        (&repo.dir, &["--history", &format!("{}..HEAD", "0".repeat(40)), "."], 1, ""),
        (&repo.dir, &["--history", &format!("{}...HEAD~1", "0".repeat(40)), "."], 1, ""),
        (&repo.dir, &["--history", "HEAD~1..HEAD", "src", "."], 0, ""),
        (&src, &["--history", "HEAD~1..HEAD", "."], 3, "its history is in the repository"),
        (&src, &["--history", "all", "."], 3, "scan that"),
        (&src, &["--since", "90d", "."], 3, "--since: its history is in"),
        (&repo.dir, &["--history", "HEAD~1..HEAD", "src"], 3, "its history is in the repository"),
        (&repo.dir, &["--history", "head", "src/main.c"], 3, "its history is in the repository"),
        (&src, &["--history", "none", "."], 0, ""),
        (&src, &["."], 0, "is part of the repository"),
        (&src, &["-q", "."], 0, ""),
        (&plain, &["--history", "foo..bar", "."], 3, "history"),
    ] {
        let (ended, text) = run(dir, args);
        assert_eq!(ended, Some(code), "{args:?} in {}: {text}", dir.display());
        assert!(text.contains(said), "{args:?}: {text}");
        let speaks = text.contains("is part of the repository");
        assert_eq!(speaks, said.starts_with("is part"), "{args:?}: {text}");
    }
}

#[test]
fn a_git_file_whose_directory_is_not_there_is_said() {
    let ground = Ground::new("places-lost");
    let (repo, _) = buried(&ground, "whole");
    repo.git(&["worktree", "add", "-q", "../linked", "HEAD~1"]);
    let linked = ground.join("linked");
    assert!(scan(&linked, &["."]).gaps().is_empty());
    std::fs::rename(&repo.dir, ground.join("moved")).expect("moved");
    let git = std::process::Command::new("git").arg("status").current_dir(&linked).output().expect("git runs");
    assert!(!git.status.success(), "git does not find it either");
    let seen = scan(&linked, &["."]);
    assert_eq!(seen.json["scan"]["exit_code"], 1, "the key is in the work tree");
    assert!(seen.gaps().iter().any(|gap| gap.contains("is not there, or has no objects")), "{:?}", seen.gaps());
    assert_eq!(seen.json["scan"]["complete"], false);
}

#[test]
fn the_current_commit_of_a_shallow_clone_is_complete() {
    let ground = Ground::new("places-shallow");
    let (repo, _) = buried(&ground, "whole");
    let from = format!("file://{}", repo.dir.display());
    let clone = std::process::Command::new("git")
        .args(["clone", "-q", "--depth", "1", &from, "shallow"])
        .current_dir(ground.path())
        .status()
        .expect("git runs");
    assert!(clone.success());
    let shallow = ground.join("shallow");
    for (history, complete) in [("head", true), ("all", false), ("HEAD..HEAD", false)] {
        let seen = scan(&shallow, &["--history", history, "."]);
        assert_eq!(seen.json["scan"]["complete"], complete, "{history}: {:?}", seen.gaps());
    }
}
