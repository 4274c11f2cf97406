//! Rules of the source tree that documentation alone cannot enforce.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use keyradius_core::prefilter::Prefilter;
use keyradius_core::seam::{About, Anchor};
use keyradius_detectors::{CONTAINERS, DETECTORS, UNWRAPPERS};

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("the workspace").to_owned()
}

fn abouts() -> Vec<(&'static About, &'static [Anchor<'static>])> {
    let detectors = DETECTORS.iter().map(|d| (d.about(), d.anchors()));
    detectors.chain(UNWRAPPERS.iter().map(|u| (u.about(), u.anchors()))).collect()
}

/// The descriptions of all detectors, unwrappers and containers.
fn all() -> Vec<&'static About> {
    abouts().into_iter().map(|(about, _)| about).chain(CONTAINERS.iter().map(|c| c.about())).collect()
}

pub(crate) fn rust_files(folder: &Path, out: &mut Vec<PathBuf>) {
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

/// Near misses of formats without one in their own case: samples of `corpus/cases/negatives`.
const NEAR: [(&str, &str); 14] = [
    ("dsa", "dsa_parameters.der"),
    ("encrypted_pkcs8", "enveloped.pem"),
    ("jks", "jks_magic.bin"),
    ("legacy_pem", "proc_type_docs.txt"),
    ("openpgp", "pgp_noise.bin"),
    ("openssh", "openssh_magic.bin"),
    ("pkcs1", "nine_integers.der"),
    ("pkcs12", "truststore.p12"),
    ("pkcs8", "templates.bin"),
    ("putty", "ppk_header.ppk"),
    ("sec1", "ec_parameters.pem"),
    ("spki", "oids.c"),
    ("utf16", "utf16_headers.txt"),
    ("x509", "certificate_labelled_private.pem"),
];

/// The samples of a case that must not be reported as private keys.
fn silent(case: &Path) -> BTreeSet<String> {
    let samples = keyradius_corpus::expect::load(case).expect("expectations").expect.samples;
    samples.into_iter().filter(|sample| sample.silent).map(|sample| sample.file).collect()
}

#[test]
fn every_format_file_is_registered_and_has_a_case() {
    let ids: BTreeSet<String> = all().iter().map(|about| about.id.to_owned()).collect();
    assert_eq!(ids.len(), all().len(), "duplicate id");
    let mut files = BTreeSet::new();
    for folder in ["detectors/formats/src", "detectors/containers/src"] {
        for entry in fs::read_dir(root().join(folder)).expect("the folder") {
            let stem = entry.expect("an entry").path().file_stem().expect("a name").to_string_lossy().into_owned();
            let shared = [
                "lib",
                "ask",
                "samples",
                "unlock",
                "collect",
                "unopened",
                "compressed",
                "starts",
                "folders",
                "digits",
                "inner",
                "lzo",
            ];
            if !shared.contains(&stem.as_str()) {
                files.insert(stem);
            }
        }
    }
    assert_eq!(files, ids, "file name = id, and every file is in DETECTORS, UNWRAPPERS or CONTAINERS");
    let negatives = silent(&root().join("corpus/cases/negatives"));
    for id in ids {
        let case = root().join("corpus/cases").join(&id);
        for part in ["samples.pack", "expect.toml", "make.sh"] {
            assert!(
                case.join(part).is_file(),
                "{id}: no {part}: fill in make.py and run make.sh in {}",
                case.display()
            );
        }
        let own = silent(&case);
        let shared = NEAR.iter().find(|(of, _)| *of == id).map(|(_, file)| *file);
        assert!(!own.is_empty() || shared.is_some(), "{id}: no near miss (a `silent` sample)");
        assert!(shared.is_none_or(|file| negatives.contains(file)), "{id}: {shared:?} is not in `negatives`");
    }
}

#[test]
fn every_playbook_file_is_compiled_in() {
    let mut files = BTreeSet::new();
    for entry in fs::read_dir(root().join("detectors/judgement/data/playbooks")).expect("the folder") {
        let stem = entry.expect("an entry").path().file_stem().expect("a name").to_string_lossy().into_owned();
        if !["_common", "CHECKED"].contains(&stem.as_str()) {
            files.insert(stem);
        }
    }
    let known: BTreeSet<String> = keyradius_judgement::playbook::Playbook::roles().map(str::to_owned).collect();
    assert_eq!(files, known);
}

#[test]
fn every_description_is_complete() {
    for (about, anchors) in abouts() {
        let texts = [about.title, about.detects, about.blind_to, about.respond];
        let empty = texts.iter().any(|text| text.is_empty()) || about.references.is_empty();
        assert!(!empty, "{}: a field of its `About` is empty", about.id);
        assert!(!anchors.is_empty(), "{}", about.id);
        for anchor in anchors {
            let length = anchor.bytes.len();
            assert!(length <= Anchor::MAX && (anchor.at_start || length >= Anchor::MIN), "{}: {anchor:?}", about.id);
        }
    }
}

/// Every pass costs every user: text is searched once for keys, and twice with ordinary secrets.
#[test]
fn the_prefilter_needs_few_passes() {
    let many = "too many anchors for these passes: use a shared anchor, fewer anchors, or `Anchor::at_start`";
    assert_eq!(Prefilter::new(&keyradius_detectors::keys()).passes(), (1, 1), "{many}");
    assert_eq!(Prefilter::new(&keyradius_detectors::everything()).passes(), (2, 1), "{many}");
}

#[test]
fn no_anchor_is_a_prefix_of_another() {
    let all: BTreeSet<&[u8]> =
        abouts().iter().flat_map(|(_, a)| a.iter()).filter(|a| !a.at_start).map(|a| a.bytes).collect();
    for (a, b) in all.iter().flat_map(|a| all.iter().map(move |b| (a, b))) {
        assert!(a == b || !b.starts_with(a), "{b:02x?} would never be found after {a:02x?}");
    }
}

/// The crates, by their folders, and which of the others each may depend on.
pub(crate) const CRATES: &[(&str, &[&str])] = &[
    ("scanner-core", &[]),
    ("scanner-core/git", &["core"]),
    ("detectors/readers", &["core"]),
    ("detectors/containers", &["core", "readers"]),
    ("detectors/formats", &["core", "readers"]),
    ("detectors/secrets", &["core", "readers"]),
    ("detectors/usage", &["core", "readers"]),
    ("detectors/signed", &["core", "readers"]),
    ("detectors/target", &["core", "readers"]),
    ("detectors/judgement", &["core", "readers", "signed"]),
    ("detectors", &["core", "readers", "containers", "formats", "secrets", "usage", "target", "judgement"]),
    ("cli", &["core", "git", "detectors", "secrets", "signed", "target", "judgement"]),
    ("corpus", &["core", "git", "detectors", "readers", "secrets", "signed", "usage", "judgement"]),
    ("benches", &["core", "corpus", "detectors", "usage", "judgement"]),
];

#[test]
fn dependencies_run_one_way() {
    let workspace = fs::read_to_string(root().join("Cargo.toml")).expect("Cargo.toml");
    let workspace: toml::Table = workspace.parse().expect("TOML");
    let members: BTreeSet<&str> =
        workspace["workspace"]["members"].as_array().expect("a list").iter().filter_map(toml::Value::as_str).collect();
    assert_eq!(members, CRATES.iter().map(|(folder, _)| *folder).collect());
    for (folder, may) in CRATES {
        let manifest = fs::read_to_string(root().join(folder).join("Cargo.toml")).expect("Cargo.toml");
        let manifest: toml::Table = manifest.parse().expect("TOML");
        let tables = ["dependencies", "dev-dependencies", "build-dependencies"];
        for table in tables.iter().filter_map(|table| manifest.get(*table)?.as_table()) {
            for name in table.keys().filter_map(|name| name.strip_prefix("keyradius-")) {
                assert!(may.contains(&name), "{folder} depends on keyradius-{name}");
            }
        }
    }
}

#[test]
fn detectors_open_no_file_and_formats_know_only_what_they_share() {
    for (folder, _) in CRATES.iter().filter(|(folder, _)| folder.starts_with("detectors")) {
        let source = root().join(folder).join("src");
        let room = folder.rsplit('/').next().unwrap_or(folder);
        let mut files = Vec::new();
        rust_files(&source, &mut files);
        for file in files {
            let text = fs::read_to_string(&file).expect("readable");
            for word in ["std::fs", "std::process", "std::env", "std::net", "println!", "HashMap"] {
                assert!(!text.contains(word), "{} names {word}", file.display());
            }
            let within = file.strip_prefix(&source).expect("below the source");
            // Who judges reads no key; arithmetic on public keys does.
            assert!(
                room != "judgement" || within.starts_with("weak") || !text.contains("keyradius_readers"),
                "{} reads",
                file.display()
            );
            if room == "formats" || room == "containers" {
                let beside = beside(&Path::new(room).join(within), &text);
                assert!(
                    beside.is_empty(),
                    "{} names {beside:?}: put what they share into readers/ or unlock/",
                    file.display()
                );
            }
        }
    }
    let mut files = Vec::new();
    rust_files(&root().join("scanner-core"), &mut files);
    for file in files {
        let text = fs::read_to_string(&file).expect("readable");
        assert!(!text.contains("println!") && !text.contains("eprint"), "{} prints", file.display());
    }
}

/// Wrappers that are two views of one format, and may import each other.
const PAIRS: [(&str, &str); 4] = [
    ("hex", "hexdump"),
    ("runs", "base64"),
    ("openpgp_packets", "openpgp_compressed"),
    ("openpgp_compressed", "openpgp_packets"),
];

/// The other formats that a file of `format/` or `wrap/` names by `super::`, from any depth of folders or modules.
fn beside(within: &Path, text: &str) -> Vec<String> {
    let own: BTreeSet<String> = all().iter().map(|about| about.id.to_owned()).collect();
    let mut modules: Vec<String> =
        within.with_extension("").iter().map(|part| part.to_string_lossy().into_owned()).collect();
    modules.retain(|part| part != "mod");
    // The helpers shared by formats may name formats.
    if within.starts_with("containers") && modules.get(1).is_some_and(|module| !own.contains(module)) {
        return Vec::new();
    }
    let pair = |word: &str| PAIRS.iter().any(|(a, b)| modules.contains(&(*a).to_owned()) && word == *b);
    let other = |word: &&str| own.contains(*word) && !pair(word);
    let words = |path: &str| {
        let taken = if path.starts_with('{') { usize::MAX } else { 1 };
        let words = path.split(|c: char| !(c.is_alphanumeric() || c == '_')).filter(|word| !word.is_empty());
        words.take(taken).filter(other).map(str::to_owned).collect::<Vec<String>>()
    };
    let (mut inside, mut named) = (0, Vec::new());
    for line in text.lines() {
        if line.starts_with('}') {
            inside = 0;
        }
        for (at, root) in line.match_indices("crate::") {
            named.extend(words(&line[at + root.len()..]).into_iter().filter(|word| modules.get(1) != Some(word)));
        }
        for (at, _) in line.match_indices("super::") {
            if line[..at].ends_with("super::") {
                continue;
            }
            let rest = &line[at..];
            let path = rest.trim_start_matches("super::");
            let ups = (rest.len() - path.len()) / "super::".len();
            // At the top of `format/x.rs`, one step up is `format`; in a module of that file, it is the file.
            if ups == modules.len() + inside - 1 {
                named.extend(words(path));
            }
        }
        if line.starts_with("mod ") && line.ends_with('{') {
            inside = 1;
        }
    }
    named
}

#[test]
fn a_format_that_names_another_is_detected() {
    let names = |file: &str, text: &str| beside(Path::new(file), text);
    for (file, text) in [
        ("formats/jks.rs", "use super::pkcs12::Store;"),
        ("formats/jks/mod.rs", "use super::{jwk, pkcs12};"),
        ("formats/jks/open.rs", "    let store = super::super::pkcs12::read(bytes);"),
        ("formats/jks/open.rs", "use crate::pkcs12::Store;"),
        ("formats/jks.rs", "use crate::{jwk, unlock::kdf};"),
        ("formats/unlock/kdf.rs", "use crate::jks::Store;"),
        ("formats/jks.rs", "mod tests {\n    use super::super::pkcs12;\n}"),
        ("containers/zip/entry.rs", "use super::super::tar::Header;"),
    ] {
        assert!(!names(file, text).is_empty(), "{file}: {text}");
    }
    for (file, text) in [
        ("formats/jks/open.rs", "use super::read::Store;"),
        ("formats/jks/open.rs", "use crate::unlock::pkcs12::Store;"),
        ("formats/jks/open.rs", "use crate::jks::read::Store;"),
        ("formats/jks.rs", "mod tests {\n    use super::*;\n    use super::pkcs12;\n}"),
        ("containers/squashfs.rs", "use super::folders::Folders;"),
        ("containers/compressed/joined.rs", "use super::super::{gzip, xz};"),
        ("formats/pkcs12/open.rs", "use super::pkcs12;"),
    ] {
        assert_eq!(names(file, text), [] as [&str; 0], "{file}: {text}");
    }
}

/// Inputs of a run other than the scanned data: read in a second place, they could differ.
#[test]
fn the_command_reads_time_and_environment_in_one_place() {
    let source = root().join("cli/src");
    let mut files = Vec::new();
    rust_files(&source, &mut files);
    for file in files {
        let within = file.strip_prefix(&source).expect("below the source").to_string_lossy().into_owned();
        // Processes confine themselves before they read their surroundings.
        if ["surroundings.rs", "moment.rs", "report/json.rs"].contains(&&*within) || within.starts_with("confine/") {
            continue;
        }
        let text = fs::read_to_string(&file).expect("readable");
        for word in ["env::var", "SystemTime", "Timestamp::now", "moment::now", "Zoned::now"] {
            assert!(!text.contains(word), "{within} names {word}: ask `Surroundings`");
        }
    }
}

#[test]
fn every_file_has_a_head_comment_and_at_most_500_lines() {
    let mut files = Vec::new();
    for folder in ["scanner-core", "detectors", "cli", "corpus", "benches"] {
        rust_files(&root().join(folder), &mut files);
    }
    for file in files {
        let text = fs::read_to_string(&file).expect("readable");
        assert!(text.starts_with("//!"), "{} has no `//!` comment", file.display());
        let lines = text.lines().count();
        assert!(lines <= 500, "{} has {lines} lines: split it?", file.display());
    }
}

/// Test keys are packed: a clone must not trigger other people's scanners.
#[test]
fn no_key_is_stored_unpacked() {
    let mut files = Vec::new();
    rust_files(&root(), &mut files);
    for file in files {
        let harvest =
            keyradius_detectors::engine().bytes(&file.display().to_string(), &fs::read(&file).expect("readable"));
        let keys = harvest.occurrences.iter().filter(|o| o.material.kind == keyradius_core::material::Kind::PrivateKey);
        assert_eq!(keys.count(), 0, "{}", file.display());
    }
}

/// A check of `deny.toml` for machines without `cargo deny`: every crate of the lock file has an allowed licence.
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
        // `A OR B` needs one of them, `A AND B` both; `/` is the old syntax for OR.
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
                .unwrap_or_else(|| panic!("docs/threats.md names {test}, which does not exist"));
            let attribute = before.rsplit("\n\n").next().unwrap_or_default();
            assert!(attribute.contains("#[test]"), "{test} is not a test");
            named += 1;
        }
    }
    assert!(named >= 20, "{named} tests are named");
}

/// Tests count work and check results: durations depend on the machine. Only the guards against hanging, in one file,
/// read a clock.
#[test]
fn no_test_reads_a_clock() {
    const CLOCKS: [&str; 3] = [concat!("Instant", "::now"), concat!("SystemTime", "::now"), concat!(".elapsed", "()")];
    let mut files = Vec::new();
    for folder in ["scanner-core", "detectors", "cli", "corpus/tests"] {
        rust_files(&root().join(folder), &mut files);
    }
    assert!(files.len() > 300, "{} files", files.len());
    for file in files.iter().filter(|file| !file.ends_with("cli/tests/it/patience.rs")) {
        let text = fs::read_to_string(file).expect("a source file");
        let is_test = file.components().any(|part| part.as_os_str() == "tests" || part.as_os_str() == "tests.rs");
        let tests = if is_test { &text[..] } else { text.split_once("#[cfg(test)]").map_or("", |(_, tests)| tests) };
        for clock in CLOCKS {
            assert!(!tests.contains(clock), "{} reads a clock: {clock}", file.display());
        }
    }
}
