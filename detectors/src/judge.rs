//! Judges the harvest of a run: the one pipeline that scans, hooks, the scorer and the tests share.
//!
//! Passwords are tried on locked containers; keys, certificates and uses are joined; public keys are checked for
//! weaknesses; then every key and every ordinary secret is judged. Nothing here reads a file or the clock.

use std::path::PathBuf;
use std::sync::LazyLock;

use keyradius_core::engine::Harvest;
use keyradius_core::error::Gap;
use keyradius_core::material::{Kind, Occurrence};
use keyradius_core::seam::Detector;
use keyradius_core::secret::Secret;
use keyradius_judgement::{Estate, Evidence, Finding, Judge, KnownKeys, RoleScore, SecretFinding, Survey, Tables};
use keyradius_judgement::{classify_all, ledger, secrets, survey};

use crate::facts::{Facts, Opening};
use crate::{open, unsaid};

/// Options and context of a judgement, besides the harvest.
pub struct Judging<'a> {
    /// Where the run began: directories above these paths say nothing about a key.
    pub roots: &'a [PathBuf],
    /// Which passwords are tried, and for how long.
    pub passwords: open::Options,
    /// Units of the run: no password is carried from one to another.
    pub units: open::Units,
    /// Custom detectors, asked for the locks of the materials they found. The built-in detectors need not be listed.
    pub own: &'a [&'a dyn Detector],
    /// Passwords of the operator, tried on every locked container of every unit.
    pub given: &'a [Secret<Vec<u8>>],
    /// Known keys; `None` for the built-in list.
    pub known: Option<&'a KnownKeys>,
    /// Whether facts that the author of a change controls (path, certificates) may lower the severity. A gate sets
    /// `false`: it does not ask the pusher whether a key is for tests.
    pub author: bool,
    /// The time of the run, seconds since 1970; decides what is expired.
    pub now: i64,
    /// Threads, at least one.
    pub jobs: usize,
    /// Returns true when no more passwords should be tried.
    pub cancelled: &'a (dyn Fn() -> bool + Sync),
}

impl<'a> Judging<'a> {
    /// The default options at a time, in seconds since 1970, without any roots.
    pub fn at(now: i64) -> Self {
        let passwords = open::Options::default();
        let units = open::Units::default();
        Self {
            roots: &[],
            passwords,
            units,
            own: &[],
            given: &[],
            known: None,
            author: true,
            now,
            jobs: 1,
            cancelled: &|| false,
        }
    }

    fn means(&self) -> open::Means<'a> {
        open::Means {
            options: self.passwords,
            own: self.own,
            given: self.given,
            jobs: self.jobs,
            cancelled: self.cancelled,
        }
    }
}

impl Facts {
    /// Tries passwords on locked containers: the last step that needs more than facts.
    pub fn of(harvest: Harvest, judging: &Judging<'_>) -> Self {
        let counts = harvest.counts();
        let Harvest { mut occurrences, candidates, mut gaps, .. } = harvest;
        let mut summary = open::open_units(&mut occurrences, candidates, &judging.units, judging.means());
        unsaid::hush(&mut occurrences);
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

/// The result of a judgement.
#[derive(Debug, Default)]
pub struct Judgement {
    /// Keys, ranked. Their evidence and weaker hypotheses are left out: [`Judgement::ledger`] computes them for one
    /// finding.
    pub findings: Vec<Finding>,
    /// Ordinary secrets, ranked.
    pub secrets: Vec<SecretFinding>,
    /// Certificates, public keys and stores that belong to no finding, sorted by place.
    pub public: Vec<Occurrence>,
    /// What was not read or not opened, and which checks for weaknesses were left out.
    pub gaps: Vec<Gap>,
    /// How the opening of what is locked went.
    pub opening: Opening,
    /// The estate that [`Judgement::ledger`] computes evidence from.
    estate: Estate,
}

/// Roles, evidence and known keys, parsed once: parsing takes longer than scanning a small tree without keys.
static TABLES: LazyLock<Tables> = LazyLock::new(Tables::built_in);
static KNOWN: LazyLock<KnownKeys> = LazyLock::new(KnownKeys::built_in);

/// Judges a harvest.
pub fn judge(harvest: Harvest, judging: &Judging<'_>) -> Judgement {
    judge_facts(Facts::of(harvest, judging), judging)
}

/// Judges facts of one or more sources, from any run. Nothing is opened here, so the passwords of `judging` are not
/// used.
pub fn judge_facts(facts: Facts, judging: &Judging<'_>) -> Judgement {
    let Facts { mut occurrences, mut gaps, opening, .. } = facts;
    if occurrences.iter().all(|occurrence| occurrence.material.kind != Kind::PrivateKey) {
        // References are meaningless when no private key was found: drop them.
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
    /// The evidence for and against every role of a finding, and its weaker hypotheses.
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
