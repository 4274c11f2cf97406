//! Checks of the laboratory itself: its repositories are valid, contain what they should, and are the same every time.

use std::collections::BTreeSet;

use super::lab::Lab;
use super::oracle::{History, Reach, listing, objects};
use super::repo::{Ground, Repo, files};
use super::seen::as_files;
use super::variant::VARIANTS;

#[test]
fn a_lab_is_a_sound_repository_and_always_the_same() {
    let ground = Ground::new("lab-same");
    for (seed, init) in [(1, &[][..]), (2, &["--object-format=sha256"])] {
        let [one, two] = ["one", "two"].map(|name| Lab::new(seed, &ground.join(&format!("{name}-{seed}")), init));
        one.repo.git(&["fsck", "--full", "--strict", "--no-dangling"]);
        assert_eq!(listing(&one.repo), listing(&two.repo), "seed {seed}");
        assert_eq!(one.repo.git(&["for-each-ref"]), two.repo.git(&["for-each-ref"]), "seed {seed}");
    }
}

#[test]
fn every_kind_of_object_and_every_reach_holds_a_planted_key() {
    let ground = Ground::new("lab-reach");
    let mut kinds = BTreeSet::new();
    for seed in 0..12 {
        let lab = Lab::new(seed, &ground.join(&seed.to_string()), &[]);
        let objects = objects(&lab.repo);
        let planted = objects.iter().filter(|(_, object)| lab.plants.any_in(&object.bytes));
        let planted: Vec<_> = planted.filter(|(_, object)| object.kind != "tree").collect();
        assert!(lab.plants.count() > 15 && planted.len() > 12, "seed {seed}: {} planted", planted.len());
        kinds.extend(planted.iter().map(|(_, object)| object.kind.clone()));

        let history = History::of(&lab.repo);
        let (mut reaches, mut nowhere, mut removed) = (BTreeSet::new(), 0, 0);
        for (id, _) in planted.iter().filter(|(_, object)| object.kind == "blob") {
            let places = history.places(id);
            nowhere += usize::from(places.is_empty());
            for (path, truth) in places {
                let known = truth.reach == Reach::Index || truth.introduced.len() == 1;
                assert!(known && truth.removed.len() < 2, "seed {seed}: {id} at {path}: {truth:?}");
                assert!(!truth.at_head || truth.reach == Reach::Refs, "seed {seed}: {id} at {path}: {truth:?}");
                removed += truth.removed.len();
                reaches.insert(truth.reach);
            }
        }
        let all = [Reach::Refs, Reach::Stash, Reach::Reflog, Reach::Index, Reach::Unreachable];
        // A staged blob is not lost.
        assert!(seed % 3 == 1 || reaches == all.into(), "seed {seed}: {reaches:?}");
        // The unreachable blob, and the one that only a tag refers to.
        assert!(nowhere >= 2 && removed > 0, "seed {seed}: {nowhere} {removed}");
    }
    assert_eq!(kinds, ["blob", "commit", "tag"].map(str::to_owned).into());
}

#[test]
fn what_is_planted_is_found_in_files() {
    let ground = Ground::new("lab-files");
    for seed in 0..3 {
        let lab = Lab::new(seed, &ground.join(&seed.to_string()), &[]);
        let objects = objects(&lab.repo);
        let found: BTreeSet<String> =
            as_files(&objects, &ground.join("files")).into_iter().map(|sighting| sighting.object).collect();
        for (id, object) in objects.iter().filter(|(_, object)| object.kind != "tree") {
            assert!(found.contains(id) || !lab.plants.any_in(&object.bytes), "seed {seed}: {} {id}", object.kind);
        }
    }
}

/// The laboratory's evaluation of `git diff-tree` against `git log --find-object`, which people would use.
#[test]
fn commits_that_git_log_names_are_those_of_the_oracle() {
    let ground = Ground::new("lab-log");
    let lab = Lab::new(5, &ground.join("5"), &[]);
    let history = History::of(&lab.repo);
    let objects = objects(&lab.repo);
    let blobs = objects.iter().filter(|(_, object)| object.kind == "blob" && lab.plants.any_in(&object.bytes));
    for (id, _) in blobs {
        let find = format!("--find-object={id}");
        let log = lab.repo.git(&["log", "--all", "--reflog", "-m", "--no-renames", "--format=%H", &find]);
        let named: BTreeSet<&str> = log.lines().collect();
        for (path, truth) in history.places(id) {
            let known = matches!(truth.reach, Reach::Index | Reach::Unreachable);
            let here = truth.introduced.iter().chain(&truth.removed).all(|commit| named.contains(commit.as_str()));
            assert!(known || here, "{id} at {path}: {truth:?}, git log says {named:?}");
        }
    }
}

/// git finds every variant valid, and each variant is what its name says.
#[test]
fn variants_are_sound_and_are_what_they_are_called() {
    let ground = Ground::new("lab-variants");
    let plain = Lab::new(4, &ground.join("lab-sha1"), &[]);
    let sha256 = Lab::new(4, &ground.join("lab-sha256"), &["--object-format=sha256"]);
    for variant in VARIANTS {
        let lab = match variant.init {
            [] => &plain,
            ["--object-format=sha256"] => &sha256,
            _ => continue,
        };
        let place = ground.join(variant.name);
        std::fs::create_dir_all(&place).expect("made");
        let mut objects = 0;
        for repo in variant.make(lab, &place).repositories {
            let fsck = repo.attempt(&["fsck", "--full", "--no-dangling", "--connectivity-only"]);
            assert!(fsck.status.success(), "{}: {fsck:?}", variant.name);
            objects += listing(&repo).len();
        }
        assert!(objects > 30, "{}: {objects}", variant.name);
    }
    let repo = |name: &str| ground.join(name).join("repo");
    let folder = |name: &str| repo(name).join(".git/objects");
    let packs = |name: &str| files(&folder(name), ".pack").len();
    assert_eq!([packs("loose"), packs("gc"), packs("incremental"), packs("twice")], [0, 2, 3, 1]);
    assert!(packs("cruft") > 1 && !files(&folder("cruft"), ".mtimes").is_empty());
    for (name, end) in
        [("bitmaps", ".bitmap"), ("multi-pack-index", "multi-pack-index"), ("commit-graph", "commit-graph")]
    {
        assert!(!files(&folder(name), end).is_empty(), "{name}");
    }
    let index = |name: &str| std::fs::read(&files(&folder(name), ".idx")[0]).expect("an index");
    assert!(index("gc").starts_with(b"\xfftOc") && !index("index-v1").starts_with(b"\xfftOc"));
    let (short, long) = (index("repacked").len(), index("long-offsets").len());
    assert!(long > short, "the longer offsets take room: {long} {short}");

    let deep = Repo::at(repo("repacked"));
    let pack = &files(&folder("repacked"), ".idx")[0];
    let chains = deep.git(&["verify-pack", "-v", &pack.to_string_lossy()]);
    let deepest =
        chains.lines().filter_map(|line| line.strip_prefix("chain length = ")?.split(':').next()?.parse().ok());
    assert!(deepest.max() > Some(2), "{chains}");
    // A completed thin pack ends with the bases it lacked, so it contains objects of the first pack too.
    let pushed = Repo::at(ground.join("thin-push/repo.git"));
    let held: usize = files(&pushed.dir, ".idx")
        .iter()
        .map(|index| pushed.git(&["verify-pack", "-v", &index.to_string_lossy()]))
        .map(|text| text.lines().filter(|line| line.get(40..41) == Some(" ")).count())
        .sum();
    assert!(held > listing(&pushed).len(), "{held}");
    assert!(ground.join("shared/third/.git/objects/info/alternates").is_file());
    assert!(files(&ground.join("shared/third/.git/objects"), "").iter().all(|file| file.ends_with("info/alternates")));
}
