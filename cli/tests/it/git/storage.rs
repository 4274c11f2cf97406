//! Every storage variant: everything is read, every key is found in every object that contains it, and the result does
//! not depend on threads or on the delta shortcut.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use super::lab::Lab;
use super::oracle::{Counts, counts, counts_of_libgit2, listing, objects};
use super::repo::{Ground, Repo, find};
use super::seen::{Seen, Sighting, as_files, scan};
use super::variant::{Target, VARIANTS, Variant};

/// Three seeds in every variant. Labs of other formats are made again; all others are copies of one. Reports all
/// faults, not only the first.
fn check(seeds: std::ops::Range<u64>) {
    let ground = Ground::new(&format!("storage-{}", seeds.start));
    let mut complaints = Vec::new();
    for seed in seeds {
        let mut labs: BTreeMap<&[&str], (Lab, BTreeSet<Sighting>)> = BTreeMap::new();
        for variant in VARIANTS {
            if !git_knows(&ground, variant) {
                continue;
            }
            let (lab, keys) = labs.entry(variant.init).or_insert_with(|| {
                let lab = Lab::new(seed, &ground.join(&format!("lab-{seed}-{}", variant.name)), variant.init);
                let keys = as_files(&objects(&lab.repo), &ground.join("files"));
                (lab, keys)
            });
            let place = ground.join(&format!("{seed}-{}", variant.name));
            std::fs::create_dir_all(&place).expect("made");
            let wrong = check_one(&variant.make(lab, &place), keys, variant);
            if wrong.is_empty() {
                std::fs::remove_dir_all(place).expect("removed");
            }
            complaints.extend(wrong.into_iter().map(|wrong| format!("seed {seed}, {}: {wrong}", variant.name)));
        }
    }
    assert!(complaints.is_empty(), "{} complaints\n{}", complaints.len(), complaints.join("\n"));
}

/// Whether this git supports such repositories: reftables were added in 2.45.
fn git_knows(ground: &Ground, variant: &Variant) -> bool {
    let probe = Repo::at(ground.path());
    variant.init.is_empty() || {
        let known = probe.attempt(&[&["init", "-q"], variant.init, &["probe"]].concat()).status.success();
        let _ = std::fs::remove_dir_all(ground.join("probe"));
        known
    }
}

fn check_one(target: &Target, keys: &BTreeSet<Sighting>, variant: &Variant) -> Vec<String> {
    let ids: BTreeSet<String> = target.repositories.iter().flat_map(listing).map(|(id, ..)| id).collect();
    let expected: BTreeSet<Sighting> = keys.iter().filter(|key| ids.contains(&key.object)).cloned().collect();
    assert!(!expected.is_empty() || variant.name == "partial", "{}: nothing to find", variant.name);

    let scan = |args: &[&str]| run(&target.scan, args);
    let seen = scan(&["--jobs", "4"]);
    let mut wrong: Vec<String> = different(&seen.keys(), &expected, "by default").into_iter().collect();
    wrong.extend(different(&scan(&["--jobs", "2", "--no-delta-shortcut"]).keys(), &expected, "without the shortcut"));
    if scan(&["--jobs", "1"]).stdout != seen.stdout {
        wrong.push("one thread says something else than four".into());
    }

    let mut told = seen.counts();
    let mut true_counts: Vec<Counts> = target.repositories.iter().map(counts).collect();
    told.sort();
    true_counts.sort();
    if told != true_counts {
        wrong.push(format!("git has {true_counts:?}, told are {:?}", seen.repositories()));
    }
    let seconds: Vec<Option<Counts>> = target.repositories.iter().map(counts_of_libgit2).collect();
    let opens = variant.init.is_empty();
    assert!(!opens || seconds.iter().all(Option::is_some), "{}: libgit2 opens what is of SHA-1", variant.name);
    let mut seconds: Vec<Counts> = seconds.into_iter().flatten().collect();
    seconds.sort();
    if opens && told != seconds {
        wrong.push(format!("libgit2 has {seconds:?}, told are {:?}", seen.repositories()));
    }
    let format = if variant.name.starts_with("sha256") { "sha256" } else { "sha1" };
    for repository in seen.repositories() {
        let (shallow, partial) = (variant.name == "shallow", variant.name == "partial");
        let right =
            [repository["object_format"] == format, repository["shallow"] == shallow, repository["partial"] == partial];
        if right.contains(&false) {
            wrong.push(format!("not of this kind: {repository}"));
        }
    }
    wrong.extend(whole(&seen, variant));
    wrong
}

/// Data that was read completely is reported as complete; objects that git does not have here are reported as absent.
fn whole(seen: &Seen, variant: &Variant) -> Option<String> {
    let fine = match variant.name {
        "partial" => seen.gap("missing_objects"),
        "shallow" => seen.gap("shallow"),
        "leftovers" => true,
        // Symbolic links of a work tree are counted, but do not make it incomplete.
        _ => seen.complete() && seen.gaps().iter().all(|gap| gap.starts_with("\"links_not_followed\"")),
    };
    let code = if seen.occurrences().is_empty() { 3 } else { 1 };
    let fine = fine && seen.code == Some(code);
    (!fine).then(|| format!("exit {:?}, gaps {:?}", seen.code, seen.gaps()))
}

fn run(target: &Path, args: &[&str]) -> Seen {
    let (folder, name) =
        if target.is_file() { (target.parent().expect("a folder"), target.file_name()) } else { (target, None) };
    let name = name.map_or(".".into(), |name| name.to_string_lossy());
    scan(folder, &[args, &[&*name]].concat())
}

fn different(found: &BTreeSet<Sighting>, expected: &BTreeSet<Sighting>, how: &str) -> Option<String> {
    let missed: Vec<&Sighting> = expected.difference(found).collect();
    let invented: Vec<&Sighting> = found.difference(expected).collect();
    let first = |all: &[&Sighting]| format!("{} {:?}", all.len(), &all[..all.len().min(3)]);
    (found != expected)
        .then(|| format!("{how}: of {} missed {}, invented {}", expected.len(), first(&missed), first(&invented)))
}

#[test]
fn seeds_0_to_2() {
    check(0..3);
}

#[test]
fn seeds_3_to_5() {
    check(3..6);
}

#[test]
fn seeds_6_to_8() {
    check(6..9);
}

#[test]
fn seeds_9_to_11() {
    check(9..12);
}

/// Objects of an incremental bundle that are deltas against objects outside it cannot be rebuilt: they are listed.
/// Everything else in it is read.
#[test]
fn an_incremental_bundle_gives_what_it_has_and_lists_the_rest() {
    let ground = Ground::new("storage-thin-bundle");
    let mut thin = 0;
    for seed in 0..6 {
        let lab = Lab::new(seed, &ground.join(&seed.to_string()), &[]);
        let keys = as_files(&objects(&lab.repo), &ground.join("files"));
        let file = ground.join("range.bundle");
        let commits = lab.repo.git(&["rev-list", "--reverse", "main"]);
        let commits: Vec<&str> = commits.lines().collect();
        let range = format!("{}..main", commits[commits.len() / 2]);
        lab.repo.git(&["bundle", "create", "-q", &file.to_string_lossy(), &range, "maintainer-key"]);
        let inside = super::oracle::ids(&lab.repo, &["rev-list", "--objects", &range, "maintainer-key"]);
        let expected: BTreeSet<Sighting> = keys.iter().filter(|key| inside.contains(&key.object)).cloned().collect();

        let seen = run(&file, &[]);
        let found = seen.keys();
        // git may put more into a bundle than is new: such objects are in it too.
        let invented: Vec<&Sighting> = found.difference(&keys).collect();
        assert!(invented.is_empty(), "seed {seed}: {invented:?}");
        assert!(seen.objects().contains(&lab.repo.git(&["rev-parse", "maintainer-key"])), "seed {seed}");
        // git shows that a pack is thin by refusing to index it without its bases.
        let pack = std::fs::read(&file).expect("the bundle");
        let at = find(b"\n\nPACK", &pack).expect("a pack") + 2;
        let empty = Repo::init(ground.join(&format!("empty-{seed}.git")), &["--bare"]);
        let refused = !super::repo::fed(&mut empty.command(&["index-pack", "--stdin"]), &pack[at..]).status.success();
        assert_eq!(seen.gap("missing_base"), refused, "seed {seed}: {:?}", seen.gaps());
        assert!(refused || found.is_superset(&expected), "seed {seed}: nothing was in the way");
        thin += usize::from(refused);
    }
    assert!(thin > 0, "no seed made a thin bundle");
}
