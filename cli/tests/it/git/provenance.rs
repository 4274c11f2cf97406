//! Who added a key, when, where, and whether it is still there: keyradius and git agree on every place of every key.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use serde_json::{Value, json};

use super::lab::Lab;
use super::oracle::{History, Reach, Truth, containing, ids};
use super::repo::{Ground, Repo};
use super::seen::{Hit, Seen, scan};
use super::variant::variant;

/// git's answers, queried once per commit.
struct Archive<'a> {
    repo: &'a Repo,
    history: History,
    commits: BTreeMap<String, Value>,
    branches: BTreeMap<String, [Vec<String>; 3]>,
    /// Reachable objects, best first.
    reachable: Vec<(Reach, BTreeSet<String>)>,
}

impl<'a> Archive<'a> {
    fn of(repo: &'a Repo) -> Self {
        let reachable = |args: &[&str]| ids(repo, &[&["rev-list", "--objects"], args].concat());
        let reachable = vec![
            (Reach::Refs, reachable(&["--exclude=refs/stash", "--all"])),
            (Reach::Stash, reachable(&["--all"])),
            (Reach::Reflog, reachable(&["--all", "--reflog"])),
            (Reach::Index, reachable(&["--all", "--reflog", "--indexed-objects"])),
        ];
        Self { repo, history: History::of(repo), commits: BTreeMap::new(), branches: BTreeMap::new(), reachable }
    }

    /// A commit in the form of the report.
    fn commit(&mut self, id: Option<&String>) -> Value {
        let Some(id) = id else { return Value::Null };
        let read = || {
            let format = "--format=%H%n%an <%ae>%n%ad%n%cn <%ce>%n%cd";
            let date = "--date=format-local:%Y-%m-%dT%H:%M:%SZ";
            let text = self.repo.git(&["log", "--no-walk", date, format, id]);
            let line: Vec<&str> = text.lines().collect();
            let [commit, author, author_date, committer, commit_date] = line[..] else { panic!("git log says {text}") };
            json!({ "commit": commit, "author": author, "author_date": author_date, "committer": committer,
                    "commit_date": commit_date })
        };
        self.commits.entry(id.clone()).or_insert_with(read).clone()
    }

    /// Branches, tags and other refs whose history contains it.
    fn containing(&mut self, id: &str) -> [Vec<String>; 3] {
        let ask = || containing(self.repo, id);
        self.branches.entry(id.to_owned()).or_insert_with(ask).clone()
    }

    /// The expected report on a blob at a path.
    fn place(&mut self, truth: &Truth) -> Value {
        // The branches and tags of a place are those with any commit that added it there; other refs are named if there
        // is neither.
        let (mut branches, mut tags, mut others) = (BTreeSet::new(), BTreeSet::new(), BTreeSet::new());
        for id in &truth.everywhere {
            let [some_branches, some_tags, some_others] = self.containing(id);
            branches.extend(some_branches);
            tags.extend(some_tags);
            others.extend(some_others);
        }
        if branches.is_empty() && tags.is_empty() {
            branches = others;
        }
        let (introduced, removed) = (truth.introduced.first(), truth.removed.first());
        json!({
            "attributed": true,
            "introduced": self.commit(introduced),
            "removed": self.commit(removed),
            "at_head": truth.at_head,
            "reach": truth.reach.name(),
            "branches": branches,
            "tags": tags,
        })
    }
}

/// Compares every place. Returns what is wrong.
fn check(repo: &Repo, seen: &Seen) -> Vec<String> {
    let mut archive = Archive::of(repo);
    let mut wrong = Vec::new();
    let mut by_object: BTreeMap<String, Vec<Hit>> = BTreeMap::new();
    for hit in seen.hits() {
        by_object.entry(hit.object.clone()).or_default().push(hit);
    }
    for (object, hits) in by_object {
        let places = archive.history.places(&object);
        if hits[0].kind != "blob" || places.is_empty() {
            wrong.extend(hits.iter().filter_map(|hit| pathless(&mut archive, hit)));
            continue;
        }
        let told: BTreeSet<Option<String>> = hits.iter().map(|hit| hit.path.clone()).collect();
        let known: BTreeSet<Option<String>> = places.keys().cloned().map(Some).collect();
        if told != known {
            wrong.push(format!("{object}: git knows it at {known:?}, told is {told:?}"));
        }
        for (path, truth) in &places {
            let expected = archive.place(truth);
            for hit in hits.iter().filter(|hit| hit.path.as_ref() == Some(path)) {
                wrong.extend(differences(hit, &expected));
                wrong.extend(misplaced(repo, hit, path));
            }
        }
    }
    wrong
}

/// Commits, tags, and blobs that are in no tree of any commit.
fn pathless(archive: &mut Archive<'_>, hit: &Hit) -> Option<String> {
    let object = &hit.object;
    let reach = archive.reachable.iter().find(|(_, objects)| objects.contains(object)).map(|(reach, _)| *reach);
    let (reach, attributed) = (reach.unwrap_or(Reach::Unreachable), reach.is_some());
    let mut expected = json!({ "reach": reach.name(), "path": null, "removed": null, "at_head": false });
    if hit.kind == "blob" {
        expected["attributed"] = attributed.into();
        expected["introduced"] = Value::Null;
    }
    if hit.kind == "commit" {
        let [branches, tags, others] = archive.containing(object);
        let branches = if branches.is_empty() && tags.is_empty() { others } else { branches };
        expected["introduced"] = archive.commit(Some(object));
        expected["branches"] = branches.into();
        expected["tags"] = tags.into();
    }
    differences(hit, &expected)
}

fn differences(hit: &Hit, expected: &Value) -> Option<String> {
    let fields = expected.as_object().expect("fields");
    let different = fields.iter().filter(|(name, value)| hit.git[name.as_str()] != **value);
    let told: Vec<String> =
        different.map(|(name, value)| format!("{name}: git {value}, told {}", hit.git[name.as_str()])).collect();
    let Hit { kind, object, path, .. } = hit;
    (!told.is_empty()).then(|| format!("{kind} {object} at {path:?}: {}", told.join("; ")))
}

/// A blob that is in the work tree is named by its file; another one by its path and the start of its id.
fn misplaced(repo: &Repo, hit: &Hit, path: &str) -> Option<String> {
    let on_disk = std::fs::read(repo.dir.join(path)).is_ok_and(|bytes| {
        let folder = Repo::at(repo.git_dir());
        folder.feed_line(&["hash-object", "--stdin"], &bytes) == hit.object
    });
    let path = printable(path);
    let expected = if on_disk { path } else { format!("{path}@{}", &hit.object[..12]) };
    let fine = hit.origin.strip_prefix(&expected).is_some_and(|rest| rest.is_empty() || rest.starts_with('!'));
    (!fine).then(|| format!("{} at {path:?}: lies at {expected}, told is {}", hit.object, hit.origin, path = hit.path))
}

/// A path as printed in an origin.
fn printable(path: &str) -> String {
    path.chars().map(|c| if c.is_control() { format!("\\x{:02x}", c as u32) } else { c.into() }).collect()
}

/// Checks every seed in this variant.
fn check_variant(name: &str, seeds: impl Iterator<Item = u64>) {
    let ground = Ground::new(&format!("provenance-{name}"));
    let mut complaints = Vec::new();
    for seed in seeds {
        let variant = variant(name);
        let lab = Lab::new(seed, &ground.join(&format!("lab-{seed}")), variant.init);
        let place = ground.join(&format!("place-{seed}"));
        std::fs::create_dir_all(&place).expect("made");
        let target = variant.make(&lab, &place);
        let seen = scan(&target.scan, &["."]);
        let hits = seen.hits().len();
        let mut wrong = check(&target.repositories[0], &seen);
        if hits < if name == "shallow" { 5 } else { 10 } {
            wrong.push(format!("only {hits} places: {}", seen.stderr));
        }
        complaints.extend(wrong.into_iter().map(|wrong| format!("seed {seed}: {wrong}")));
    }
    assert!(complaints.is_empty(), "{name}: {} complaints\n{}", complaints.len(), complaints.join("\n"));
}

#[test]
fn as_it_was_made() {
    check_variant("loose", 0..12);
}

#[test]
fn packed_with_all_the_helps_git_has() {
    check_variant("commit-graph", 12..18);
    check_variant("packed-refs", 18..21);
}

#[test]
fn cloned() {
    check_variant("mirror", 0..3);
    check_variant("reference", 3..6);
}

#[test]
fn from_a_linked_work_tree() {
    check_variant("linked-worktree", 0..3);
}

#[test]
fn of_sha256() {
    check_variant("sha256", 0..3);
}

#[test]
fn of_a_shallow_clone() {
    check_variant("shallow", 0..3);
}

#[test]
fn the_first_sight_of_a_key_is_that_of_its_oldest_place() {
    let ground = Ground::new("provenance-exposure");
    let lab = Lab::new(7, &ground.join("lab"), &[]);
    let seen = scan(Path::new(&lab.repo.dir), &["."]);
    let mut known = 0;
    for finding in seen.json["findings"].as_array().expect("findings") {
        let places = finding["occurrences"].as_array().expect("places").iter();
        let first = places.filter_map(|place| place["git"]["introduced"]["commit_date"].as_str()).min();
        if let Some(first) = first {
            assert_eq!(finding["exposure"]["first_seen"], first, "{}", finding["id"]);
            known += 1;
        }
    }
    assert!(known > 10, "{known} of them have a date");
}
