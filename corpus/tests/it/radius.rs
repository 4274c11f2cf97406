//! Invariants of every judgement, over the whole corpus.

use std::collections::BTreeMap;

use keyradius_core::engine::Harvest;
use keyradius_core::material::Occurrence;
use keyradius_corpus::{cases_dir, expect};
use keyradius_detectors::open::Options;
use keyradius_detectors::{Judging, judge};
use keyradius_judgement::Finding;

/// 2026-11-20.
const NOW: i64 = 1_795_132_800;

/// Findings with their ledgers. No password is tried: no case contains the password of another.
fn judged(occurrences: Vec<Occurrence>) -> Vec<Finding> {
    let passwords = Options { enabled: false, ..Options::default() };
    let judging = Judging { passwords, jobs: 2, ..Judging::at(NOW) };
    let mut judgement = judge(Harvest { occurrences, ..Harvest::default() }, &judging);
    let findings = std::mem::take(&mut judgement.findings);
    let whole = |finding: Finding| {
        let (evidence, hypotheses) = judgement.ledger(&finding);
        Finding { evidence, hypotheses, ..finding }
    };
    findings.into_iter().map(whole).collect()
}

/// All occurrences of all cases, as if they were one tree.
fn everything() -> Vec<Occurrence> {
    let mut all = Vec::new();
    for case in expect::load_all(&cases_dir()).expect("the cases load") {
        for (sample, bytes) in case.expect.samples.iter().zip(&case.contents) {
            let path = format!("{}/{}", case.expect.id, sample.file);
            all.extend(keyradius_detectors::engine().bytes(&path, bytes).occurrences);
        }
    }
    assert!(all.len() > 1_000, "{}", all.len());
    all
}

#[test]
fn every_ledger_adds_up() {
    let findings = judged(everything());
    assert!(findings.len() > 300, "{}", findings.len());
    for finding in &findings {
        let sum: i32 = finding.modifiers.iter().map(|modifier| modifier.tenths).sum();
        assert_eq!(sum, finding.severity, "{}: {:?}", finding.id, finding.modifiers);
        assert!((10..=100).contains(&sum), "{}", finding.id);
        for role in finding.roles.iter().chain(&finding.hypotheses).filter(|role| role.role != "unknown") {
            let of_role = || finding.evidence.iter().filter(|item| item.role == role.role);
            let mut groups: BTreeMap<&str, i32> = BTreeMap::new();
            let mut against: BTreeMap<&str, i32> = BTreeMap::new();
            for item in of_role() {
                if item.weight > 0 {
                    let best = groups.entry(&item.group).or_default();
                    *best = item.weight.max(*best);
                } else {
                    let worst = against.entry(&item.text).or_default();
                    *worst = item.weight.min(*worst);
                }
            }
            let points: i32 = groups.values().chain(against.values()).sum();
            assert_eq!(points.min(200), role.score, "{} {}: {:?}", finding.id, role.role, finding.evidence);
        }
        let widest = finding.roles.iter().map(|role| role.tier).min();
        assert_eq!(widest, Some(finding.tier), "{}", finding.id);
    }
}

#[test]
fn the_order_of_occurrences_changes_nothing() {
    let all = everything();
    let expected = format!("{:?}", judged(all.clone()));
    let mut state = 1_u64;
    for round in 0..5 {
        let mut shuffled = all.clone();
        for at in (1..shuffled.len()).rev() {
            // Knuth's MMIX generator: any generator works, if it is the same everywhere.
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            shuffled.swap(at, (state >> 33) as usize % (at + 1));
        }
        assert!(format!("{:?}", judged(shuffled)) == expected, "round {round}");
    }
}
