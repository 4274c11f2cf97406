//! Compares what the scanner reports with what the oracles say.

use std::fmt::Write as _;

use keyradius_core::hex::hex;
use keyradius_core::material::{Identity, Kind, Occurrence, Proof};

use crate::expect::{Case, Key, Sample};
use crate::generate::generate;

/// Counts for one family, or for all of them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Tally {
    /// Files scanned.
    pub samples: usize,
    /// Private keys in the files.
    pub keys: usize,
    /// Of those, reported at structure or better.
    pub found: usize,
    /// Of those, reported as verified.
    pub verified: usize,
    /// Reported private keys that do not exist, and damaged keys reported as verified.
    pub false_reports: usize,
    /// Private keys reported more often than they occur.
    pub duplicates: usize,
    /// Found keys whose identity the oracle knows.
    pub identities: usize,
    /// Of those, reported with that identity.
    pub identities_right: usize,
    /// Found keys whose protection is graded.
    pub grades: usize,
    /// Of those, graded as expected.
    pub grades_right: usize,
    /// Certificates and public keys in the files.
    pub publics: usize,
    /// Of those, reported.
    pub publics_found: usize,
}

impl Tally {
    /// Adds another tally to this one.
    pub fn add(&mut self, other: &Self) {
        self.samples += other.samples;
        self.keys += other.keys;
        self.found += other.found;
        self.verified += other.verified;
        self.false_reports += other.false_reports;
        self.duplicates += other.duplicates;
        self.identities += other.identities;
        self.identities_right += other.identities_right;
        self.grades += other.grades;
        self.grades_right += other.grades_right;
        self.publics += other.publics;
        self.publics_found += other.publics_found;
    }
}

/// A fault in the report on one file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fault {
    /// The family.
    pub family: String,
    /// The file.
    pub file: String,
    /// The promise it breaks.
    pub breach: Breach,
    /// A description.
    pub what: String,
    /// Whether the sample is marked as harder than what is promised.
    pub stretch: bool,
}

/// The promises that can be broken.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Breach {
    /// A private key was not found.
    Missed,
    /// A reported private key does not exist.
    False,
    /// A key was reported twice.
    Duplicate,
    /// A key was reported with another identity.
    WrongIdentity,
    /// A key's protection was graded differently.
    WrongGrade,
    /// A certificate or public key was not found.
    PublicMissed,
}

impl Breach {
    /// One word for reports.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Missed => "missed",
            Self::False => "false",
            Self::Duplicate => "duplicate",
            Self::WrongIdentity => "identity",
            Self::WrongGrade => "protection",
            Self::PublicMissed => "public",
        }
    }
}

/// Scores every sample of a case, stored and generated.
pub fn score(case: &Case) -> (Tally, Vec<Fault>) {
    let mut tally = Tally::default();
    let mut faults = Vec::new();
    for (sample, content) in case.expect.samples.iter().zip(&case.contents) {
        let found = keyradius_detectors::engine().bytes(&sample.file, content).occurrences;
        let mut sheet = Sheet { tally: Tally::default(), faults: Vec::new() };
        sheet.privates(sample, &found);
        sheet.publics(sample, &found);
        tally.add(&sheet.tally);
        tally.samples += 1;
        faults.extend(sheet.faults.into_iter().map(|(breach, what)| Fault {
            family: case.expect.id.clone(),
            file: sample.file.clone(),
            breach,
            what,
            stretch: sample.stretch || (sample.public_stretch && breach == Breach::PublicMissed),
        }));
    }
    for what in &case.expect.generated {
        let found = keyradius_detectors::engine().bytes(&what.name, &generate(what)).occurrences;
        tally.samples += 1;
        for report in found.iter().filter(|o| o.material.kind == Kind::PrivateKey).map(Report::new) {
            tally.false_reports += 1;
            faults.push(Fault {
                family: case.expect.id.clone(),
                file: format!("generated {}", what.name),
                breach: Breach::False,
                what: report.describe(),
                stretch: false,
            });
        }
    }
    (tally, faults)
}

/// One file's result in the making.
struct Sheet {
    tally: Tally,
    faults: Vec<(Breach, String)>,
}

impl Sheet {
    fn privates(&mut self, sample: &Sample, found: &[Occurrence]) {
        let reports: Vec<Report> =
            found.iter().filter(|o| o.material.kind == Kind::PrivateKey).map(Report::new).collect();
        if sample.partial {
            for report in reports.iter().filter(|r| r.verified) {
                self.tally.false_reports += 1;
                self.faults.push((Breach::False, format!("damaged, yet verified: {}", report.describe())));
            }
            return;
        }
        self.tally.keys += sample.keys.len();
        let pairs = pair(&sample.keys, &reports);
        for (key, report) in sample.keys.iter().zip(&pairs) {
            match report.and_then(|at| reports.get(at)) {
                Some(report) => self.compare(key, report),
                None => self.faults.push((Breach::Missed, describe(key))),
            }
        }
        for (at, report) in reports.iter().enumerate() {
            if pairs.contains(&Some(at)) {
                continue;
            }
            let again = report.spki.is_some() && sample.keys.iter().any(|k| report.is(k));
            if again {
                self.tally.duplicates += 1;
            } else {
                self.tally.false_reports += 1;
            }
            self.faults.push((if again { Breach::Duplicate } else { Breach::False }, report.describe()));
        }
    }

    fn compare(&mut self, key: &Key, report: &Report) {
        self.tally.found += 1;
        self.tally.verified += usize::from(report.verified);
        let known = key.spki_sha256.is_some() || key.fingerprint.is_some() || key.ssh.is_some();
        let contradicts = key.opaque && report.spki.is_some() && key.opened_spki_sha256.is_some() && !report.is(key);
        if (known && !key.opaque) || contradicts {
            self.tally.identities += 1;
            if report.is(key) {
                self.tally.identities_right += 1;
            } else {
                let what = format!("{} reported as {}", describe(key), report.describe());
                self.faults.push((Breach::WrongIdentity, what));
            }
        }
        if let Some(grade) = key.protection {
            self.tally.grades += 1;
            if report.grade == Some(grade.id()) {
                self.tally.grades_right += 1;
            } else {
                let what = format!("{} graded {}", describe(key), report.grade.unwrap_or("not at all"));
                self.faults.push((Breach::WrongGrade, what));
            }
        }
    }

    fn publics(&mut self, sample: &Sample, found: &[Occurrence]) {
        let certificates: Vec<String> =
            found.iter().filter_map(|o| o.material.certificate.as_ref()).map(|c| hex(&c.sha256)).collect();
        let keys: Vec<String> = found
            .iter()
            .filter(|o| o.material.kind == Kind::PublicKey)
            .filter_map(|o| match &o.material.identity {
                Some(Identity::Public(half)) => Some(hex(&half.id.spki_sha256)),
                _ => None,
            })
            .collect();
        let wanted = sample.cert_sha256.iter().map(|c| ("certificate", c, &certificates));
        let wanted = wanted.chain(sample.public_spki_sha256.iter().map(|k| ("public key", k, &keys)));
        for (what, digest, seen) in wanted {
            self.tally.publics += 1;
            if seen.contains(digest) {
                self.tally.publics_found += 1;
            } else {
                self.faults.push((Breach::PublicMissed, format!("{what} {}", short(digest))));
            }
        }
    }
}

/// A private key as the scanner reported it.
struct Report {
    format: &'static str,
    place: String,
    spki: Option<String>,
    ssh: Option<String>,
    fingerprint: Option<String>,
    grade: Option<&'static str>,
    verified: bool,
}

impl Report {
    fn new(occurrence: &Occurrence) -> Self {
        let material = &occurrence.material;
        let half = match &material.identity {
            Some(Identity::Public(half)) => Some(half),
            _ => None,
        };
        Self {
            format: material.format,
            place: format!("{}@{:#x}", occurrence.origin, occurrence.offset),
            spki: half.map(|h| hex(&h.id.spki_sha256)),
            ssh: half.and_then(|h| h.ssh_sha256.clone()),
            fingerprint: material.pgp_fingerprint.clone(),
            grade: material.protection.as_ref().map(|p| p.state.id()),
            verified: material.proof == Proof::Verified,
        }
    }

    /// Whether this is the given key, by the strongest identifier that both have.
    fn is(&self, key: &Key) -> bool {
        if let (Some(a), Some(b)) = (&self.fingerprint, &key.fingerprint) {
            // Keys without an X.509 form are compared by fingerprint alone.
            let spki = key.spki_sha256.as_ref().zip(self.spki.as_ref()).is_none_or(|(a, b)| a == b);
            return a.eq_ignore_ascii_case(b) && spki;
        }
        if let Some(spki) = &self.spki {
            let mut names = key.spki_sha256.iter().chain(&key.opened_spki_sha256).chain(&key.also).peekable();
            if names.peek().is_some() {
                return names.any(|n| n == spki);
            }
        }
        self.ssh.is_some() && self.ssh == key.ssh
    }

    fn describe(&self) -> String {
        let name = self.fingerprint.as_deref().or(self.spki.as_deref()).map_or("no identity", short);
        let proof = if self.verified { "verified" } else { "structure" };
        format!("{} {name} {} ({proof}) at {}", self.format, self.grade.unwrap_or("-"), self.place)
    }
}

/// For each key, its report: matched by identity first, then by format among the rest.
fn pair(keys: &[Key], reports: &[Report]) -> Vec<Option<usize>> {
    let mut pairs = vec![None; keys.len()];
    let rules: [fn(&Key, &Report) -> bool; 4] = [
        |key, report| report.is(key) && report.format == key.format,
        |key, report| report.is(key),
        |key, report| report.format == key.format && (report.spki.is_none() || key.opaque),
        |key, report| report.format == key.format,
    ];
    for rule in rules {
        for (at, key) in keys.iter().enumerate() {
            if pairs.get(at) != Some(&None) {
                continue;
            }
            let free = reports.iter().enumerate().position(|(i, r)| !pairs.contains(&Some(i)) && rule(key, r));
            if let Some(slot) = pairs.get_mut(at) {
                *slot = free;
            }
        }
    }
    pairs
}

fn describe(key: &Key) -> String {
    let names = [&key.fingerprint, &key.spki_sha256, &key.opened_spki_sha256, &key.ssh];
    let name = names.into_iter().flatten().next().map_or("?", |n| short(n));
    format!("{} {name} {}", key.format, key.protection.map_or("-", |g| g.id()))
}

/// The start of a digest, enough to find it in `expect.toml`.
fn short(digest: &str) -> &str {
    digest.get(..16).unwrap_or(digest)
}

/// The table of a run: one row per family, and the total.
pub fn table(rows: &[(String, Tally)]) -> String {
    let mut sum = Tally::default();
    for (_, tally) in rows {
        sum.add(tally);
    }
    let head = [
        "family",
        "samples",
        "keys",
        "found",
        "recall",
        "false",
        "twice",
        "precision",
        "identity",
        "protection",
        "verified",
        "public",
    ];
    let mut lines = vec![head.map(str::to_owned)];
    for (name, t) in rows.iter().map(|(n, t)| (n.as_str(), t)).chain([("all", &sum)]) {
        lines.push([
            name.to_owned(),
            t.samples.to_string(),
            t.keys.to_string(),
            t.found.to_string(),
            percent(t.found, t.keys),
            t.false_reports.to_string(),
            t.duplicates.to_string(),
            percent(t.found, t.found + t.false_reports),
            percent(t.identities_right, t.identities),
            percent(t.grades_right, t.grades),
            percent(t.verified, t.found),
            percent(t.publics_found, t.publics),
        ]);
    }
    let mut out = String::new();
    for line in &lines {
        for (column, cell) in line.iter().enumerate() {
            let _ = if column == 0 { write!(out, "{cell:<16}") } else { write!(out, "{cell:>11}") };
        }
        out.push('\n');
    }
    out
}

/// A share with one decimal, rounded down: 100 % means all of them.
fn percent(part: usize, whole: usize) -> String {
    if whole == 0 {
        return "-".to_owned();
    }
    let tenths = part * 1000 / whole;
    format!("{}.{}", tenths / 10, tenths % 10)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_hundred_percent_means_all_of_them() {
        assert_eq!(percent(999_999, 1_000_000), "99.9");
        assert_eq!(percent(3, 3), "100.0");
        assert_eq!(percent(0, 0), "-");
    }

    fn key(spki: &str) -> Key {
        let text = format!("format = 'pkcs8'\nspki_sha256 = '{spki}'");
        toml::from_str(&text).unwrap()
    }

    fn report(spki: Option<&str>) -> Report {
        Report {
            format: "pkcs8",
            place: String::new(),
            spki: spki.map(str::to_owned),
            ssh: None,
            fingerprint: None,
            grade: None,
            verified: false,
        }
    }

    #[test]
    fn identity_pairs_before_order() {
        let reports = [report(Some("b")), report(None), report(Some("a"))];
        assert_eq!(pair(&[key("a"), key("b"), key("c"), key("d")], &reports), [Some(2), Some(0), Some(1), None]);
    }
}
