//! Rules that prose cannot hold, checked over the source tree.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use detectors::{CONTAINERS, DETECTORS, UNWRAPPERS};
use scanner_core::prefilter::Prefilter;
use scanner_core::seam::{About, Anchor};

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("the workspace").to_owned()
}

fn abouts() -> Vec<(&'static About, &'static [Anchor<'static>])> {
    let detectors = DETECTORS.iter().map(|d| (d.about(), d.anchors()));
    detectors.chain(UNWRAPPERS.iter().map(|u| (u.about(), u.anchors()))).collect()
}

/// What every detector, unwrapper and container says of itself.
fn all() -> Vec<&'static About> {
    abouts().into_iter().map(|(about, _)| about).chain(CONTAINERS.iter().map(|c| c.about())).collect()
}

fn rust_files(folder: &Path, out: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).expect("a folder").map(|e| e.expect("an entry").path()) {
        if entry.is_dir() {
            if entry.file_name().is_some_and(|n| n != "target") {
                rust_files(&entry, out);
            }
        } else if entry.extension().is_some_and(|e| e == "rs") {
            out.push(entry);
        }
    }
}

#[test]
fn every_format_file_is_registered_and_has_a_case() {
    let ids: BTreeSet<String> = all().iter().map(|about| about.id.to_owned()).collect();
    assert_eq!(ids.len(), all().len(), "an id stands twice");
    let mut files = BTreeSet::new();
    for folder in ["detectors/src/format", "detectors/src/wrap"] {
        for entry in fs::read_dir(root().join(folder)).expect("the folder") {
            let stem = entry.expect("an entry").path().file_stem().expect("a name").to_string_lossy().into_owned();
            if !["mod", "unopened", "compressed", "starts", "folders"].contains(&stem.as_str()) {
                files.insert(stem);
            }
        }
    }
    assert_eq!(files, ids, "file name = id, and every file is in DETECTORS, UNWRAPPERS or CONTAINERS");
    for id in ids {
        let case = root().join("corpus/cases").join(&id);
        for part in ["samples.pack", "expect.toml", "make.sh"] {
            assert!(case.join(part).is_file(), "{id}: no {part}");
        }
    }
}

#[test]
fn every_playbook_file_is_compiled_in() {
    let mut files = BTreeSet::new();
    for entry in fs::read_dir(root().join("detectors/data/playbooks")).expect("the folder") {
        let stem = entry.expect("an entry").path().file_stem().expect("a name").to_string_lossy().into_owned();
        if !["_common", "CHECKED"].contains(&stem.as_str()) {
            files.insert(stem);
        }
    }
    let known: BTreeSet<String> = detectors::radius::playbook::Playbook::roles().map(str::to_owned).collect();
    assert_eq!(files, known);
}

#[test]
fn every_about_says_something() {
    for (about, anchors) in abouts() {
        for text in [about.title, about.detects, about.blind_to, about.respond] {
            assert!(!text.is_empty(), "{}", about.id);
        }
        assert!(!about.references.is_empty(), "{}", about.id);
        assert!(!anchors.is_empty(), "{}", about.id);
        for anchor in anchors {
            let length = anchor.bytes.len();
            assert!(length <= Anchor::MAX && (anchor.at_start || length >= Anchor::MIN), "{}: {anchor:?}", about.id);
        }
    }
}

/// Every pass is paid by everybody, whatever they look for: text is gone over once for keys, twice with ordinary secrets.
#[test]
fn the_prefilter_stays_hot() {
    assert_eq!(Prefilter::new(&detectors::keys()).passes(), (1, 1));
    assert_eq!(Prefilter::new(&detectors::everything()).passes(), (2, 1));
}

#[test]
fn no_anchor_is_the_start_of_another() {
    let all: BTreeSet<&[u8]> =
        abouts().iter().flat_map(|(_, a)| a.iter()).filter(|a| !a.at_start).map(|a| a.bytes).collect();
    for (a, b) in all.iter().flat_map(|a| all.iter().map(move |b| (a, b))) {
        assert!(a == b || !b.starts_with(a), "{b:02x?} would never be seen behind {a:02x?}");
    }
}

#[test]
fn detectors_open_no_file_and_formats_know_only_what_they_share() {
    let mut files = Vec::new();
    rust_files(&root().join("detectors/src"), &mut files);
    for file in files {
        let text = fs::read_to_string(&file).expect("readable");
        for word in ["std::fs", "std::process", "std::env", "std::net", "println!", "HashMap"] {
            assert!(!text.contains(word), "{} names {word}", file.display());
        }
        if file.parent().is_some_and(|p| p.ends_with("format") || p.ends_with("wrap")) {
            assert!(!text.contains("crate::format") && !text.contains("crate::radius"), "{}", file.display());
        }
        if file.components().any(|c| c.as_os_str() == "radius") {
            let allowed = text.replace("crate::read::text", "");
            assert!(!allowed.contains("crate::read") && !allowed.contains("crate::format"), "{}", file.display());
        }
    }
    let mut files = Vec::new();
    rust_files(&root().join("scanner-core/src"), &mut files);
    for file in files {
        let text = fs::read_to_string(&file).expect("readable");
        assert!(!text.contains("println!") && !text.contains("eprint"), "{} prints", file.display());
    }
}

#[test]
fn every_file_says_what_it_is() {
    let mut files = Vec::new();
    for folder in ["scanner-core", "detectors", "cli", "corpus", "benches"] {
        rust_files(&root().join(folder), &mut files);
    }
    for file in files {
        let text = fs::read_to_string(&file).expect("readable");
        assert!(text.starts_with("//!"), "{} has no head", file.display());
        let lines = text.lines().count();
        assert!(lines <= 600, "{} has {lines} lines: two rooms in one?", file.display());
    }
}

/// Keys for tests are packed: a clone must not set off other people's scanners.
#[test]
fn no_key_lies_in_the_open() {
    let mut files = Vec::new();
    rust_files(&root(), &mut files);
    for file in files {
        let harvest = detectors::engine().bytes(&file.display().to_string(), &fs::read(&file).expect("readable"));
        let keys = harvest.occurrences.iter().filter(|o| o.material.kind == scanner_core::material::Kind::PrivateKey);
        assert_eq!(keys.count(), 0, "{}", file.display());
    }
}

/// `deny.toml` for machines without `cargo deny`: every crate of the lock file has a licence that is allowed.
#[test]
fn licences_are_permissive() {
    let deny = fs::read_to_string(root().join("deny.toml")).expect("deny.toml");
    let deny: toml::Table = deny.parse().expect("TOML");
    let allowed: BTreeSet<&str> =
        deny["licenses"]["allow"].as_array().expect("a list").iter().filter_map(toml::Value::as_str).collect();
    let cargo = std::env::var_os("CARGO").expect("run by cargo");
    let output = std::process::Command::new(cargo)
        .args(["metadata", "--format-version", "1", "--locked", "--filter-platform", "x86_64-unknown-linux-gnu"])
        .current_dir(root())
        .output()
        .expect("cargo runs");
    let metadata: serde_json::Value = serde_json::from_slice(&output.stdout).expect("JSON");
    let packages = metadata["packages"].as_array().expect("packages");
    assert!(packages.len() > 50);
    for package in packages {
        let licence = package["license"].as_str().unwrap_or("none");
        // `A OR B` needs one of them, `A AND B` both; `/` is the old way to write OR.
        let fine = licence.replace('/', " OR ").split(" OR ").any(|choice| {
            choice.trim_matches(['(', ')', ' ']).split(" AND ").all(|one| {
                let one = one.trim_matches(['(', ')', ' ']).split(" WITH ").next().unwrap_or_default();
                allowed.contains(one)
            })
        });
        assert!(fine, "{}: {licence}", package["name"]);
    }
}

#[test]
fn every_promise_has_a_test() {
    let text = fs::read_to_string(root().join("docs/threats.md")).expect("docs/threats.md");
    let mut named = 0;
    for row in text.lines().filter(|line| line.starts_with("| ") && !line.starts_with("| promise")) {
        let tests: Vec<&str> = row.split('`').filter(|word| word.contains(".rs::")).collect();
        assert!(!tests.is_empty(), "a promise without a test: {row}");
        for test in tests {
            let (file, function) = test.split_once("::").expect("file::function");
            let source = fs::read_to_string(root().join(file)).unwrap_or_else(|error| panic!("{file}: {error}"));
            let (before, _) = source
                .split_once(&format!("fn {function}("))
                .unwrap_or_else(|| panic!("docs/threats.md names {test}, which is not there"));
            let attribute = before.rsplit("\n\n").next().unwrap_or_default();
            assert!(attribute.contains("#[test]"), "{test} is not a test");
            named += 1;
        }
    }
    assert!(named >= 20, "{named} tests are named");
}
