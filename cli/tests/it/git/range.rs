//! Parts of a history: `--history head|none|A..B` and `--since` read what git lists for the same arguments.

use std::collections::BTreeSet;
use std::path::Path;

use super::lab::Lab;
use super::oracle::{ids, objects};
use super::repo::{Ground, Repo};
use super::rng::Rng;
use super::seen::{Sighting, as_files, scan};
use super::variant::variant;

/// A bare repository, so that no work tree and no index is read, and its objects.
struct Stage {
    repo: Repo,
    keys: BTreeSet<Sighting>,
    kinds: std::collections::BTreeMap<String, String>,
}

impl Stage {
    fn new(seed: u64, ground: &Ground) -> Self {
        let lab = Lab::new(seed, &ground.join(&format!("lab-{seed}")), &[]);
        let place = ground.join(&format!("place-{seed}"));
        std::fs::create_dir_all(&place).expect("made");
        let repo = variant("mirror").make(&lab, &place).repositories.remove(0);
        let all = objects(&repo);
        let keys = as_files(&all, &ground.join("files"));
        Self { repo, keys, kinds: all.into_iter().map(|(id, object)| (id, object.kind)).collect() }
    }

    /// What is wrong with a scan of only these objects. Only blobs are compared: whether messages of commits and tags
    /// belong to a range is not tested here.
    fn check(&self, args: &[&str], objects: &BTreeSet<String>) -> Option<String> {
        let blob = |id: &String| self.kinds[id] == "blob";
        let expected: BTreeSet<&Sighting> =
            self.keys.iter().filter(|key| blob(&key.object) && objects.contains(&key.object)).collect();
        let seen = scan(&self.repo.dir, &[args, &["."]].concat());
        let keys = seen.keys();
        let found: BTreeSet<&Sighting> = keys.iter().filter(|key| blob(&key.object)).collect();
        let missed: Vec<_> = expected.difference(&found).take(2).collect();
        let invented: Vec<_> = found.difference(&expected).take(2).collect();
        let counts = format!("{} expected, {} found", expected.len(), found.len());
        (expected != found).then(|| format!("{args:?}: {counts}, such as missed {missed:?}, invented {invented:?}"))
    }
}

#[test]
fn head_is_the_tree_of_head_and_none_is_nothing() {
    let ground = Ground::new("range-head");
    let mut complaints = Vec::new();
    for seed in 0..6 {
        let stage = Stage::new(seed, &ground);
        let tree = stage.repo.git(&["ls-tree", "-r", "-z", "HEAD"]);
        let blobs = tree.split('\0').filter_map(|line| line.split(['\t', ' ']).nth(2)).map(str::to_owned).collect();
        for (args, objects) in [(["--history", "head"], blobs), (["--history", "none"], BTreeSet::new())] {
            complaints.extend(stage.check(&args, &objects).map(|wrong| format!("seed {seed}: {wrong}")));
        }
    }
    assert!(complaints.is_empty(), "{}", complaints.join("\n"));
}

#[test]
fn ranges_are_those_of_git() {
    let ground = Ground::new("range-range");
    let mut complaints = Vec::new();
    for seed in 0..6 {
        let (stage, mut rng) = (Stage::new(seed, &ground), Rng::new(seed + 1000));
        let commits = stage.repo.git(&["rev-list", "--all"]);
        let commits: Vec<&str> = commits.lines().collect();
        for _ in 0..6 {
            let range = format!("{}..{}", rng.pick(&commits), rng.pick(&commits));
            let objects = ids(&stage.repo, &["rev-list", "--objects", &range]);
            complaints
                .extend(stage.check(&["--history", &range], &objects).map(|wrong| format!("seed {seed}: {wrong}")));
        }
        let range = "main~4..main";
        let objects = ids(&stage.repo, &["rev-list", "--objects", range]);
        complaints.extend(stage.check(&["--history", range], &objects).map(|wrong| format!("seed {seed}: {wrong}")));
    }
    assert!(complaints.is_empty(), "{}", complaints.join("\n"));
}

/// Objects of commits since a day that their older parents do not have: `git rev-list --objects --since` would also
/// list old objects that are still in the trees. A day starts at its first second, in UTC. Commits of labs with wrong
/// clocks are not tested: even git gives no clear answer for them.
#[test]
fn since_is_what_came_with_commits_since() {
    let ground = Ground::new("range-since");
    let mut complaints = Vec::new();
    for seed in [0, 1, 3, 4, 6, 7] {
        let stage = Stage::new(seed, &ground);
        let dates = stage.repo.git(&["log", "--all", "--date=format-local:%Y-%m-%d", "--format=%cd"]);
        let dates: Vec<&str> = dates.lines().collect();
        for share in 1..4 {
            let day = dates[dates.len() * share / 4];
            let since = format!("--since={day}T00:00:00Z");
            let since = ids(&stage.repo, &["rev-list", "--all", &since]);
            let parents = stage.repo.git(&["log", "--all", "--format=%H %P"]);
            let parents =
                parents.lines().filter(|line| since.contains(&line[..40])).flat_map(|line| line.split(' ').skip(1));
            let before = parents.filter(|id| id.len() == 40 && !since.contains(*id)).map(|id| format!("^{id}"));
            let tips: Vec<String> = before.chain(since.iter().cloned()).collect();
            let list = stage.repo.feed_line(&["rev-list", "--objects", "--stdin"], tips.join("\n").as_bytes());
            let objects = list.lines().map(|line| line[..40].to_owned()).collect();
            complaints.extend(stage.check(&["--since", day], &objects).map(|wrong| format!("seed {seed}: {wrong}")));
        }
    }
    assert!(complaints.is_empty(), "{}", complaints.join("\n"));
}

/// Without any history, the work tree is still read, and the error is reported.
#[test]
fn none_still_reads_the_work_tree_and_a_wrong_range_is_an_error() {
    let ground = Ground::new("range-none");
    let lab = Lab::new(1, &ground.join("lab"), &[]);
    let seen = scan(&lab.repo.dir, &["--history", "none", "."]);
    let paths: Vec<&str> = seen.occurrences().iter().filter_map(|(_, place)| place["origin"].as_str()).collect();
    assert!(paths.contains(&"untracked.pem") && paths.contains(&"staged.pem"), "{paths:?}");
    assert!(
        paths
            .iter()
            .all(|path| lab.repo.dir.join(path.split('!').next().unwrap_or_default()).is_file() || path.contains('\\'))
    );
    for range in ["no-such-thing..main", "main..no-such-thing", "--all"] {
        let seen = super::seen::try_scan(Path::new(&lab.repo.dir), &[&format!("--history={range}"), "."]);
        assert_eq!(seen.code, Some(2), "{range}: {}", seen.stderr);
        assert!(seen.stdout.is_empty() && seen.stderr.contains(range), "{range}: {}", seen.stderr);
    }
}
