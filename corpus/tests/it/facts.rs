//! Facts that were written, read back and joined are judged like the result of one scan.

use std::fs;
use std::path::{Path, PathBuf};

use keyradius_core::budget::Limits;
use keyradius_core::engine::Progress;
use keyradius_core::source::fs::Tree;
use keyradius_corpus::{cases_dir, expect, pack, scenario};
use keyradius_detectors::facts::{self, Facts, Header};
use keyradius_detectors::open::{Options, Units};
use keyradius_detectors::{Judging, judge_facts};
use keyradius_git::Repositories;

/// 2025-10-01: later than all samples, and after the expiry of some.
const NOW: i64 = 1_759_276_800;

/// Writes every case and every scenario into a separate directory; returns the directories of cases and of scenarios.
fn unpack(scratch: &Path) -> (Vec<PathBuf>, Vec<PathBuf>) {
    let _ = fs::remove_dir_all(scratch);
    let (mut cases, mut scenarios) = (Vec::new(), Vec::new());
    for case in expect::load_all(&cases_dir()).expect("the corpus is there") {
        let directory = scratch.join("cases").join(&case.expect.id);
        fs::create_dir_all(&directory).expect("a directory");
        for (number, (sample, bytes)) in case.expect.samples.iter().zip(&case.contents).enumerate() {
            let name: String = sample.file.chars().map(|c| if c == '/' || c == '|' { '-' } else { c }).collect();
            fs::write(directory.join(format!("{number}-{name}")), bytes).expect("a file");
        }
        cases.push(directory);
    }
    let packed = fs::read(scenario::directory().join("scenarios.pack")).expect("the scenarios are there");
    for file in pack::read(&packed).expect("a pack") {
        let (name, rest) = file.name.split_once(['|', '/']).expect("a file of a scenario");
        let directory = scratch.join("scenarios").join(name);
        let path = directory.join(rest.replace('|', "/"));
        fs::create_dir_all(path.parent().expect("a parent")).expect("a directory");
        fs::write(path, &file.bytes).expect("a file");
        if scenarios.last() != Some(&directory) {
            scenarios.push(directory);
        }
    }
    (cases, scenarios)
}

/// Scans directories in one run; `passwords` enables passwords, which take time.
fn scan(roots: &[PathBuf], passwords: bool) -> Facts {
    let repositories = Repositories::default();
    let tree = Tree { roots: roots.to_vec(), one_file_system: false, repositories: &repositories };
    let harvest = keyradius_detectors::engine().scan(&[&tree, &repositories], 2, &Progress::default()).expect("roots");
    let units = Units::new(roots.iter().cloned().chain(repositories.places()));
    let passwords = Options { enabled: passwords, ..Options::default() };
    let mut facts = Facts::of(harvest, &Judging { passwords, units, jobs: 2, ..Judging::at(NOW) });
    facts.seal(None);
    facts.settle();
    facts
}

fn header() -> Header {
    Header {
        schema: facts::SCHEMA.to_owned(),
        version: "0".to_owned(),
        rules: "0".to_owned(),
        limits: Limits::default(),
        passwords: true,
        reading: Some(facts::Reading {
            history: "main..topic".to_owned(),
            since: Some("90d".to_owned()),
            only: None,
            one_file_system: true,
        }),
        join_key: None,
        targets: Vec::new(),
        started: 0,
    }
}

fn written(facts: &Facts) -> Vec<u8> {
    let mut bytes = Vec::new();
    facts::write(facts, &header(), 0, &mut bytes).expect("memory");
    bytes
}

fn read(bytes: &[u8]) -> Facts {
    facts::read(&mut &*bytes, &mut { u64::MAX }).expect("what was written").1
}

/// The judgement of facts as text.
fn told(facts: Facts, roots: &[PathBuf]) -> String {
    let judgement = judge_facts(facts, &Judging { roots, jobs: 2, ..Judging::at(NOW) });
    let findings = judgement.findings.iter().map(|finding| format!("{finding:?}\n{:?}", judgement.ledger(finding)));
    let mut lines: Vec<String> = findings.collect();
    lines.extend(judgement.secrets.iter().map(|secret| format!("{secret:?}")));
    lines.extend(judgement.public.iter().map(|public| format!("{public:?}")));
    lines.extend(judgement.gaps.iter().map(|gap| format!("{gap:?}")));
    format!("{:?}\n{}", judgement.opening, lines.join("\n"))
}

/// The first line that differs.
fn difference(a: &str, b: &str) -> String {
    let differs = a.lines().zip(b.lines()).find(|(a, b)| a != b);
    let cut = |text: &str| text.chars().take(4000).collect::<String>();
    differs.map_or_else(|| "one is longer".to_owned(), |(a, b)| format!("{}\n\n{}", cut(a), cut(b)))
}

#[test]
fn sources_scanned_separately_and_joined_are_judged_like_one_scan() {
    let scratch = Path::new(env!("CARGO_TARGET_TMPDIR")).join("facts");
    let (cases, scenarios) = unpack(&scratch);
    assert!(cases.len() > 50 && scenarios.len() >= 60, "{} and {}", cases.len(), scenarios.len());
    for (roots, passwords) in [(cases, false), (scenarios, true)] {
        let whole = scan(&roots, passwords);
        let bytes = written(&whole);
        assert!(whole.occurrences.len() > 200, "{}", whole.occurrences.len());
        // Reading back returns exactly what was written.
        let again = read(&bytes);
        assert_eq!(whole.counts, again.counts);
        assert!(written(&again) == bytes, "{}", difference(&text(&written(&again)), &text(&bytes)));
        let mut joined = Facts::default();
        for root in &roots {
            joined.join(read(&written(&scan(std::slice::from_ref(root), passwords))));
        }
        joined.settle();
        assert_eq!(joined.counts, again.counts);
        assert!(written(&joined) == bytes, "{}", difference(&text(&written(&joined)), &text(&bytes)));
        let (one, many) = (told(again, &roots), told(joined, &roots));
        assert!(one == many, "{}", difference(&one, &many));
        // Facts that were not written give the same judgement, apart from the encrypted bytes.
        let mut unwritten = whole;
        unwritten.occurrences.iter_mut().for_each(|occurrence| occurrence.material.locked = None);
        let direct = told(unwritten, &roots);
        assert!(direct == one, "{}", difference(&direct, &one));
    }
    fs::remove_dir_all(scratch).expect("removed");
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}
