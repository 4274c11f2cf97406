//! Judges what a run found: the one pipeline that scans, hooks, the scorer and the tests share.
//!
//! Passwords are tried on what is locked; keys, certificates and uses are joined; arithmetic is asked what it says of public
//! halves; then every key is judged, and every ordinary secret. Nothing here reads a file or asks for the time.

use std::path::PathBuf;
use std::sync::LazyLock;

use keyradius_core::engine::Harvest;
use keyradius_core::error::Gap;
use keyradius_core::material::{Kind, Occurrence};
use keyradius_core::seam::Detector;
use keyradius_judgement::{Estate, Evidence, Finding, Judge, KnownKeys, RoleScore, SecretFinding, Survey, Tables};
use keyradius_judgement::{classify_all, ledger, secrets, survey};

use crate::facts::{Facts, Opening};
use crate::{open, unsaid};

/// What a run is judged by, besides what it found.
pub struct Judging<'a> {
    /// Where the run began: what stands above says nothing about a key.
    pub roots: &'a [PathBuf],
    /// Which passwords are tried, and how long.
    pub passwords: open::Options,
    /// Between what no password is carried.
    pub units: open::Units,
    /// Detectors of one's own: asked for the locks of what they found. The built-in ones need not be named.
    pub own: &'a [&'a dyn Detector],
    /// Keys that many people have; `None` for those that are built in.
    pub known: Option<&'a KnownKeys>,
    /// Whether whoever put a key where it lies has a say in how severe it is. A gate does not ask the pusher whether a key is one
    /// for tests.
    pub author: bool,
    /// The time of the run, seconds since 1970: what is expired follows from it.
    pub now: i64,
    /// Threads, at least one.
    pub jobs: usize,
    /// Says when to try no more passwords.
    pub cancelled: &'a (dyn Fn() -> bool + Sync),
}

impl<'a> Judging<'a> {
    /// What holds at a time, in seconds since 1970: nothing is known of where the run began, and everything else is as usual.
    pub fn at(now: i64) -> Self {
        let passwords = open::Options::default();
        let units = open::Units::default();
        Self { roots: &[], passwords, units, own: &[], known: None, author: true, now, jobs: 1, cancelled: &|| false }
    }

    fn means(&self) -> open::Means<'a> {
        open::Means { options: self.passwords, own: self.own, jobs: self.jobs, cancelled: self.cancelled }
    }
}

impl Facts {
    /// Tries passwords on what is locked: the last step that needs anything but facts.
    pub fn of(harvest: Harvest, judging: &Judging<'_>) -> Self {
        let counts = harvest.counts();
        let Harvest { mut occurrences, candidates, mut gaps, .. } = harvest;
        let mut summary = open::open_units(&mut occurrences, candidates, &judging.units, judging.means());
        for occurrence in &mut occurrences {
            unsaid::hush(occurrence);
        }
        gaps.append(&mut summary.gave_up);
        let opening = Opening { containers: summary.containers, tried: summary.tried, opened: summary.opened };
        Self { occurrences, gaps, opening, counts, repositories: Vec::new() }
    }
}

impl std::fmt::Debug for Judging<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Judging({:?}, {:?}, at {}, {} jobs)", self.roots, self.passwords, self.now, self.jobs)
    }
}

/// What came of it.
#[derive(Debug, Default)]
pub struct Judgement {
    /// Keys, ranked. Their evidence and weaker hypotheses are left out: [`Self::ledger`] works them out for one.
    pub findings: Vec<Finding>,
    /// Ordinary secrets, ranked.
    pub secrets: Vec<SecretFinding>,
    /// Certificates, public keys and stores that no finding is about, sorted by place.
    pub public: Vec<Occurrence>,
    /// What was not read, what was not opened, and what arithmetic was not asked of.
    pub gaps: Vec<Gap>,
    /// How the opening of what is locked went.
    pub opening: Opening,
    /// What the evidence follows from.
    estate: Estate,
}

/// Roles, evidence and known keys, read once: that takes longer than scanning a small tree that holds no key.
static TABLES: LazyLock<Tables> = LazyLock::new(Tables::built_in);
static KNOWN: LazyLock<KnownKeys> = LazyLock::new(KnownKeys::built_in);

/// Judges what a run found.
pub fn judge(harvest: Harvest, judging: &Judging<'_>) -> Judgement {
    judge_facts(Facts::of(harvest, judging), judging)
}

/// Judges facts, of one source or of many, from whichever run. Nothing is opened any more, so the passwords of `judging` do
/// not matter.
pub fn judge_facts(facts: Facts, judging: &Judging<'_>) -> Judgement {
    let Facts { mut occurrences, mut gaps, opening, .. } = facts;
    if occurrences.iter().all(|occurrence| occurrence.material.kind != Kind::PrivateKey) {
        // What uses keys says nothing where there are none.
        occurrences.retain(|occurrence| occurrence.material.kind != Kind::Reference);
    }
    if occurrences.is_empty() {
        return Judgement { gaps, opening, ..Judgement::default() };
    }
    let mut estate = Estate::new(occurrences).below(judging.roots);
    let Survey { weaknesses, gaps: left_out } = survey(&estate, judging.jobs);
    gaps.extend(left_out);
    gaps.sort();
    let known = judging.known.unwrap_or(&KNOWN);
    let judge = Judge { tables: &TABLES, known, weak: &weaknesses, author: judging.author, now: judging.now };
    let secrets = secrets(&mut estate, judging.now);
    let (findings, public) = classify_all(&mut estate, judge);
    let is_public = |place: &&Occurrence| !matches!(place.material.kind, Kind::PrivateKey);
    let mut public: Vec<Occurrence> = public.into_iter().flat_map(|group| group.related).collect();
    public.extend(estate.others.iter().filter(is_public).cloned());
    public.sort_by(|a, b| (&a.origin, a.offset).cmp(&(&b.origin, b.offset)));
    Judgement { findings, secrets, public, gaps, opening, estate }
}

impl Judgement {
    /// The evidence for and against every role of a finding, and the roles that it only hints at.
    pub fn ledger(&self, finding: &Finding) -> (Vec<Evidence>, Vec<RoleScore>) {
        ledger(finding, &self.estate, &TABLES)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_gate_does_not_ask_who_put_the_key_there() {
        // An Ed25519 key (RFC 8410 7), any 32 bytes behind a fixed header.
        let mut der = vec![0x30, 0x2e, 2, 1, 0, 0x30, 5, 6, 3, 0x2b, 0x65, 0x70, 4, 0x22, 4, 0x20];
        der.extend((0..32).map(|n: u8| n.wrapping_mul(37) ^ 0x5a));
        let severities = |path: &str, der: &[u8]| {
            [true, false].map(|author| {
                let judging = Judging { author, ..Judging::at(1_800_000_000) };
                let judgement = judge(crate::knowledge::engine().bytes(path, der), &judging);
                judgement.findings.first().expect("a key").severity
            })
        };
        let [plain, same] = severities("k.der", &der);
        assert_eq!(plain, same);
        assert_eq!(severities("tests/fixtures/k.der", &der), [plain - 30, plain]);
    }
}
