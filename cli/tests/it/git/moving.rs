//! A repository that is repacked while it is read: packs disappear during the scan, and others replace them.

use std::collections::BTreeSet;
use std::sync::atomic::{AtomicBool, Ordering};

use super::lab::Lab;
use super::oracle::{ids, objects};
use super::repo::{Ground, Repo};
use super::seen::{Sighting, as_files, scan};

#[test]
fn a_repository_that_is_repacked_while_it_is_read_loses_nothing_in_silence() {
    let ground = Ground::new("moving");
    let lab = Lab::new(8, &ground.join("lab"), &[]);
    // Unreachable objects may disappear: removing them is a purpose of repacking.
    let kept = ids(&lab.repo, &["rev-list", "--objects", "--all", "--reflog", "--indexed-objects"]);
    let all = as_files(&objects(&lab.repo), &ground.join("files"));
    let expected: BTreeSet<Sighting> = all.into_iter().filter(|key| kept.contains(&key.object)).collect();
    assert!(expected.len() > 20);

    let (done, dir) = (AtomicBool::new(false), lab.repo.dir.clone());
    let steps: [&[&str]; 5] = [
        &["repack", "-adfq"],
        &["gc", "-q", "--prune=now"],
        &["repack", "-adq", "--depth=2"],
        &["repack", "-Adq"],
        &["unpack-everything"],
    ];
    let (mut runs, mut told) = (Vec::new(), 0);
    let rounds = std::thread::scope(|scope| {
        let repacking = scope.spawn(|| {
            let repo = Repo::at(&dir);
            let mut rounds = 0;
            while !done.load(Ordering::Relaxed) {
                match steps[rounds % steps.len()] {
                    ["unpack-everything"] => unpack(&repo),
                    step => drop(repo.git(step)),
                }
                rounds += 1;
            }
            rounds
        });
        for run in 0..30 {
            let seen = scan(&dir, &["--jobs", "2", "."]);
            let found = seen.keys();
            let missed: Vec<Sighting> = expected.iter().filter(|key| !found.contains(key)).cloned().collect();
            told += usize::from(!missed.is_empty() && !seen.gaps().is_empty());
            runs.push((run, missed, seen.gaps().is_empty()));
        }
        done.store(true, Ordering::Relaxed);
        repacking.join().expect("git works")
    });
    let silent: Vec<String> = runs
        .iter()
        .filter(|(_, missed, no_gap)| *no_gap && !missed.is_empty())
        .map(|(run, missed, _)| format!("run {run}: missed {missed:?}"))
        .collect();
    assert!(silent.is_empty(), "{silent:#?}");
    // git kept all of them.
    let left = ids(&lab.repo, &["cat-file", "--batch-all-objects", "--batch-check"]);
    assert!(expected.iter().all(|key| left.contains(&key.object)));
    // Each of these runs started and ended with every key in the repository.
    assert!(told <= 3, "{told} of 30 runs lost keys, with a gap, in {rounds} rounds of repacking");
}

/// Unpacks every packed object into a loose one and removes the packs.
fn unpack(repo: &Repo) {
    for pack in super::repo::files(&repo.dir.join(".git/objects/pack"), ".pack") {
        let bytes = std::fs::read(&pack).expect("a pack");
        // `git unpack-objects` only writes missing objects, so it has to run in another repository.
        let elsewhere = Repo::init(repo.dir.with_file_name("elsewhere.git"), &["--bare"]);
        elsewhere.feed(&["unpack-objects", "-q"], &bytes);
        for loose in super::repo::files(&elsewhere.dir.join("objects"), "") {
            let name = loose.strip_prefix(elsewhere.dir.join("objects")).expect("below").to_owned();
            let to = repo.dir.join(".git/objects").join(name);
            std::fs::create_dir_all(to.parent().expect("a folder")).expect("made");
            std::fs::rename(loose, to).expect("moved");
        }
        std::fs::remove_dir_all(&elsewhere.dir).expect("removed");
        for end in ["idx", "pack", "rev", "bitmap", "mtimes"] {
            let _ = std::fs::remove_file(pack.with_extension(end));
        }
    }
}
