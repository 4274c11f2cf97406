//! Where a repository may lie, and what is read if only a part of it is named.

#![cfg(unix)]

use std::os::unix::fs::symlink;

use super::plant::Plants;
use super::repo::{Ground, Repo};
use super::rng::Rng;
use super::seen::scan;

/// A repository in which only the history holds the key; the id of its blob.
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
