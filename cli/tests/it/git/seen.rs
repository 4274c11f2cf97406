//! keyradius' report on a repository: the parts that the laboratory compares with git.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::process::{Command, Stdio};

use serde_json::Value;

use super::oracle::{Counts, Object};
use super::repo::without_opinions;
use crate::patience::run_to_its_end;

/// A key at a place in git.
#[derive(Clone, Debug)]
pub(crate) struct Hit {
    /// The key's id.
    pub(crate) key: String,
    pub(crate) object: String,
    pub(crate) kind: String,
    pub(crate) path: Option<String>,
    /// Byte offset in the innermost wrapper.
    pub(crate) offset: u64,
    /// The place as printed for people.
    pub(crate) origin: String,
    /// All other reported facts.
    pub(crate) git: Value,
}

/// A report, and how the process ended.
pub(crate) struct Seen {
    pub(crate) code: Option<i32>,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
    pub(crate) json: Value,
}

/// The binary, in a neutral environment, limited to 2 GiB of address space.
pub(crate) fn keyradius(directory: &Path, args: &[&str]) -> Command {
    let mut command = Command::new("sh");
    without_opinions(&mut command)
        .args(["-c", "ulimit -v 2097152; exec \"$0\" \"$@\"", env!("CARGO_BIN_EXE_keyradius"), "scan"])
        .args(["--format", "json", "--reproducible", "--no-config"])
        .args(args)
        .current_dir(directory)
        .env("HOME", directory)
        .stdin(Stdio::null());
    command
}

/// Scans. Fails if the scan crashes, or takes longer than a minute, which counts as hanging.
pub(crate) fn scan(directory: &Path, args: &[&str]) -> Seen {
    let seen = try_scan(directory, args);
    assert!(
        matches!(seen.code, Some(0 | 1 | 3)),
        "{args:?} in {}: {:?} {}",
        directory.display(),
        seen.code,
        seen.stderr
    );
    seen
}

/// Like `scan`, but the target may be one that cannot be scanned at all.
pub(crate) fn try_scan(directory: &Path, args: &[&str]) -> Seen {
    let output = run_to_its_end(&mut keyradius(directory, args));
    let [stdout, stderr] = [output.stdout, output.stderr].map(|bytes| String::from_utf8(bytes).expect("UTF-8"));
    let code = output.status.code();
    assert!(matches!(code, Some(0..=3)), "{args:?} in {}: {:?}\n{stderr}", directory.display(), output.status);
    let json = if code == Some(2) { Value::Null } else { serde_json::from_str(&stdout).expect("JSON") };
    Seen { code, stdout, stderr, json }
}

impl Seen {
    /// Every place of a key that is in git.
    pub(crate) fn hits(&self) -> Vec<Hit> {
        let mut hits = Vec::new();
        for (finding, occurrence) in self.occurrences() {
            let git = &occurrence["git"];
            if git.is_null() {
                continue;
            }
            let text = |name: &str| git[name].as_str().map(str::to_owned);
            hits.push(Hit {
                key: identity(finding),
                object: text("object").unwrap_or_else(|| panic!("no object: {occurrence}")),
                kind: text("kind").unwrap_or_else(|| panic!("no kind: {occurrence}")),
                path: text("path"),
                offset: occurrence["offset"].as_u64().expect("an offset"),
                origin: occurrence["origin"].as_str().expect("an origin").to_owned(),
                git: git.clone(),
            });
        }
        hits
    }

    /// Every place of a key with its finding.
    pub(crate) fn occurrences(&self) -> Vec<(&Value, &Value)> {
        let findings = array(&self.json["findings"]);
        findings.iter().flat_map(|f| array(&f["occurrences"]).iter().map(move |place| (f, place))).collect()
    }

    /// Which keys are in which objects.
    pub(crate) fn keys(&self) -> BTreeSet<Sighting> {
        self.hits().into_iter().map(|hit| Sighting::new(hit.object, &hit.kind, hit.key, hit.offset)).collect()
    }

    /// The objects with keys.
    pub(crate) fn objects(&self) -> BTreeSet<String> {
        self.hits().into_iter().map(|hit| hit.object).collect()
    }

    pub(crate) fn repositories(&self) -> &[Value] {
        array(&self.json["coverage"]["repositories"])
    }

    /// The reported counts, for each repository.
    pub(crate) fn counts(&self) -> Vec<Counts> {
        let count = |repository: &Value| {
            let number = |name: &str| repository[name].as_u64().unwrap_or_else(|| panic!("no {name}: {repository}"));
            Counts {
                objects: number("objects"),
                blobs: number("blobs"),
                blob_bytes: number("blob_bytes"),
                commits: number("commits"),
                tags: number("tags"),
                trees: number("trees"),
            }
        };
        self.repositories().iter().map(count).collect()
    }

    /// The reasons of all gaps.
    pub(crate) fn gaps(&self) -> Vec<String> {
        let gaps = array(&self.json["coverage"]["gaps"]).iter();
        gaps.map(|gap| format!("{} {}: {}", gap["reason"], gap["origin"], gap["detail"])).collect()
    }

    /// Whether a gap with this reason is reported.
    pub(crate) fn gap(&self, reason: &str) -> bool {
        array(&self.json["coverage"]["gaps"]).iter().any(|gap| gap["reason"] == reason)
    }

    pub(crate) fn complete(&self) -> bool {
        self.json["scan"]["complete"] == true
    }
}

/// A key in an object.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Sighting {
    pub(crate) object: String,
    key: String,
    /// Offset in a blob. In commits and tags a scanner may count from the message.
    offset: Option<u64>,
}

impl Sighting {
    fn new(object: String, kind: &str, key: String, offset: u64) -> Self {
        Self { object, key, offset: (kind == "blob").then_some(offset) }
    }
}

/// The result of a scan with every blob, commit and tag as a file: a scan of their repository has to find the same.
pub(crate) fn as_files(objects: &BTreeMap<String, Object>, folder: &Path) -> BTreeSet<Sighting> {
    std::fs::create_dir_all(folder).expect("a directory");
    for (id, object) in objects.iter().filter(|(_, object)| object.kind != "tree") {
        std::fs::write(folder.join(format!("{}-{id}", object.kind)), &object.bytes).expect("a file");
    }
    let seen = scan(folder, &[]);
    let mut keys = BTreeSet::new();
    for (finding, occurrence) in seen.occurrences() {
        let name = occurrence["path"].as_str().expect("a path");
        let (kind, id) = name.split_once('-').expect("a name of ours");
        let offset = occurrence["offset"].as_u64().expect("an offset");
        keys.insert(Sighting::new(id.to_owned(), kind, identity(finding), offset));
    }
    std::fs::remove_dir_all(folder).expect("removed");
    keys
}

fn identity(finding: &Value) -> String {
    finding["key"]["identity"].as_str().unwrap_or_else(|| panic!("no identity: {finding}")).to_owned()
}

fn array(value: &Value) -> &[Value] {
    value.as_array().map_or(&[], Vec::as_slice)
}
