//! Damage: two thousand repositories, each with one file changed, truncated or overwritten. The scanner neither crashes
//! nor hangs nor exceeds its memory. It finds what git can still read, and lists what is lost.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use super::oracle::objects;
use super::plant::{Doc, Plants};
use super::repo::{Ground, Repo, fed, files};
use super::rng::Rng;
use super::seen::try_scan;

/// A small repository with everything that can be damaged: packs with delta chains, loose objects, packed refs, an
/// index, and another repository as its alternate. Every second one has all objects twice, in another pack or loose:
/// git reads the undamaged copy.
struct Victim {
    repo: Repo,
    /// Blobs with keys, and their content.
    keys: BTreeMap<String, Vec<u8>>,
    /// Files to damage, one after the other.
    files: Vec<PathBuf>,
}

impl Victim {
    fn new(folder: &Path, rng: &mut Rng, twice: bool) -> Self {
        let store = Repo::init(folder.join("store.git"), &["--bare"]);
        let repo = Repo::init(folder.join("repo"), &[]);
        let borrowed = "../../../store.git/objects\n";
        std::fs::write(repo.dir.join(".git/objects/info/alternates"), borrowed).expect("written");
        let mut plants = Plants::default();
        let mut docs: Vec<Doc> = (0..3).map(|_| Doc::new(rng, false, 25)).collect();
        for round in 0..8 {
            for (number, doc) in docs.iter_mut().enumerate() {
                doc.edit(rng);
                if round % 3 == 1 {
                    doc.plant(rng, &mut plants);
                }
                repo.file(&format!("file{number}.conf"), &doc.bytes());
            }
            repo.git(&["add", "."]);
            repo.git(&["commit", "-q", "-m", "A round"]);
            match round {
                2 => {
                    repo.git(&["repack", "-adfq"]);
                    let pack = repo.dir.join(".git/objects/pack");
                    for file in files(&pack, "") {
                        let to = store.dir.join("objects/pack").join(file.file_name().expect("a name"));
                        std::fs::rename(file, to).expect("moved");
                    }
                }
                4 => drop(repo.git(&["repack", "-dlfq"])),
                6 => drop(repo.git(&["-c", "repack.useDeltaBaseOffset=false", "repack", "-dlfq"])),
                _ => {}
            }
        }
        if twice {
            for file in files(&store.dir.join("objects/pack"), "") {
                let name = file.file_name().expect("a name");
                std::fs::copy(&file, repo.dir.join(".git/objects/pack").join(name)).expect("copied");
            }
            repo.git(&["repack", "-aq", "--depth=3"]);
        }
        repo.git(&["pack-refs", "--all"]);
        repo.file("file0.conf", &docs[1].bytes());
        repo.git(&["add", "."]);
        // Keys only in git: the work tree has no files to find them in.
        for number in 0..3 {
            std::fs::remove_file(repo.dir.join(format!("file{number}.conf"))).expect("removed");
        }
        let all = objects(&repo);
        let keys = all.into_iter().filter(|(_, object)| object.kind == "blob" && plants.any_in(&object.bytes));
        let keys: BTreeMap<_, _> = keys.map(|(id, object)| (id, object.bytes)).collect();
        assert!(keys.len() > 10, "{}", keys.len());
        let git = repo.dir.join(".git");
        let mut damaged = files(&git.join("objects"), "");
        damaged.extend(files(&store.dir.join("objects/pack"), ""));
        damaged.retain(|file| file.extension().is_none_or(|end| end == "pack" || end == "idx"));
        damaged.extend(["HEAD", "index", "packed-refs", "logs/HEAD", "config"].map(|name| git.join(name)));
        Self { repo, keys, files: damaged }
    }

    /// The blobs with keys that git still prints unchanged. `None` if git no longer recognises the repository.
    fn intact(&self) -> Option<Vec<&String>> {
        let mut left: Vec<&String> = self.keys.keys().collect();
        let mut intact = Vec::new();
        // git exits at the first badly damaged object: ask again for the objects after it.
        while !left.is_empty() {
            let input = left.iter().map(|id| id.as_str()).collect::<Vec<_>>().join("\n") + "\n";
            let output = fed(&mut self.repo.command(&["cat-file", "--batch"]), input.as_bytes());
            if String::from_utf8_lossy(&output.stderr).contains("not a git repository") {
                return None;
            }
            let (mut rest, mut answered) = (&output.stdout[..], 0);
            for id in &left {
                let content = &self.keys[*id];
                let head = format!("{id} blob {}\n", content.len());
                let missing = format!("{id} missing\n");
                if let Some(body) = rest.strip_prefix(head.as_bytes()).filter(|body| body.len() > content.len()) {
                    if body.starts_with(content) {
                        intact.push(*id);
                    }
                    rest = &body[content.len() + 1..];
                } else if let Some(behind) = rest.strip_prefix(missing.as_bytes()) {
                    rest = behind;
                } else {
                    break;
                }
                answered += 1;
            }
            left.drain(..(answered + 1).min(left.len()));
        }
        Some(intact)
    }

    /// Damages a file, scans, and restores the file. Returns what is wrong.
    fn strike(&self, rng: &mut Rng) -> Option<String> {
        let file = rng.pick(&self.files);
        let whole = std::fs::read(file).expect("it reads");
        let (damage, bytes) = damaged(rng, &whole);
        replace(file, &bytes);
        let what = format!(
            "{} of {} bytes, {damage}",
            file.strip_prefix(&self.repo.dir).unwrap_or(file).display(),
            whole.len()
        );
        let seen = try_scan(&self.repo.dir, &["--jobs", "1", "."]);
        let (found, told) = (seen.objects(), !seen.gaps().is_empty());
        let wrong = match self.intact() {
            None => {
                (found.len() < self.keys.len() && !told && seen.code != Some(2)).then(|| "lost in silence".to_owned())
            }
            Some(_) if seen.code == Some(2) => Some(format!("git still reads it: {}", seen.stderr)),
            Some(intact) => {
                let missed: Vec<_> = intact.iter().filter(|id| !found.contains(**id)).collect();
                let silent = found.len() < self.keys.len() && !told;
                let expected = if found.is_empty() { 3 } else { 1 };
                if !missed.is_empty() {
                    Some(format!("git still reads {missed:?}; gaps {:?}", seen.gaps()))
                } else if silent {
                    Some("lost in silence".into())
                } else {
                    (seen.code != Some(expected)).then(|| format!("exit {:?}, not {expected}", seen.code))
                }
            }
        };
        replace(file, &whole);
        wrong.map(|wrong| format!("{what}: {wrong}"))
    }
}

/// One kind of damage.
fn damaged(rng: &mut Rng, whole: &[u8]) -> (String, Vec<u8>) {
    let (mut bytes, at) = (whole.to_vec(), rng.below(whole.len()));
    match rng.below(10) {
        0 | 1 => {
            bytes.truncate(at);
            (format!("cut to {at}"), bytes)
        }
        2 => {
            let end = (at + rng.between(1, 200)).min(bytes.len());
            bytes[at..end].fill(0);
            (format!("zeros from {at} to {end}"), bytes)
        }
        3 => {
            let more = rng.between(1, 100);
            bytes.splice(at..at, rng.bytes(more));
            (format!("{more} bytes more at {at}"), bytes)
        }
        4..7 => {
            // The heads of files determine how the rest is read.
            let at = at % 64.min(bytes.len());
            bytes[at] ^= 1 << rng.below(8);
            (format!("a bit of byte {at}"), bytes)
        }
        _ => {
            bytes[at] ^= rng.between(1, 256) as u8;
            (format!("byte {at}"), bytes)
        }
    }
}

/// git makes its files read-only.
fn replace(file: &Path, bytes: &[u8]) {
    std::fs::remove_file(file).expect("removed");
    std::fs::write(file, bytes).expect("written");
}

fn strikes(seed: u64) {
    let ground = Ground::new(&format!("faults-{seed}"));
    let mut rng = Rng::new(seed);
    let victim = Victim::new(ground.path(), &mut rng, seed.is_multiple_of(2));
    let seen = try_scan(&victim.repo.dir, &["--jobs", "1", "."]);
    let found = seen.objects();
    assert!(victim.keys.keys().all(|id| found.contains(id)), "nothing is damaged yet: {:?}", seen.gaps());
    assert_eq!(victim.intact().map(|intact| intact.len()), Some(victim.keys.len()));
    let wrong: Vec<String> = (0..500).filter_map(|_| victim.strike(&mut rng)).collect();
    assert!(wrong.is_empty(), "seed {seed}, {} of 500\n{}", wrong.len(), wrong.join("\n"));
}

#[test]
fn five_hundred_strikes_at_one_repository() {
    strikes(1);
}

#[test]
fn five_hundred_strikes_at_a_second() {
    strikes(2);
}

#[test]
fn five_hundred_strikes_at_a_third() {
    strikes(3);
}

#[test]
fn five_hundred_strikes_at_a_fourth() {
    strikes(4);
}
