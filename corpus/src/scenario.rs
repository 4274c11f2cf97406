//! Scenarios: small trees that recreate incidents and ordinary uses, judged as a whole. Made by `scenarios/make.sh`;
//! the expectations are what a person who knows the incident would conclude.

use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};

use keyradius_core::engine::Progress;
use keyradius_core::source::fs::Tree;
use keyradius_detectors::Judging;
use keyradius_git::Repositories;
use keyradius_judgement::{Band, Finding, KnownKeys};
use serde::Deserialize;

use crate::pack;

/// 2026-11-20, the date for expiry checks.
const NOW: i64 = 1_795_132_800;

/// What a person would conclude about one key.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Expected {
    /// A file that contains the key.
    pub file: String,
    /// Roles that must be asserted; `a|b` is met by either.
    pub roles: Vec<String>,
    /// The tier; empty if several are acceptable.
    pub tier: String,
    /// The lowest and the highest severity, in tenths.
    pub severity: [i32; 2],
    /// Whether it is a signing key.
    pub signing: Option<bool>,
    /// The weakest protection.
    pub protection: Option<String>,
    /// The file with the password that opened the key.
    pub opened_by: Option<String>,
    /// `path:line` of lines that must be listed as uses.
    #[serde(default)]
    pub used_by: Vec<String>,
    /// `issued` and `same_key`: links that must be reported.
    #[serde(default)]
    pub links: Vec<String>,
    /// Rules that the key must break.
    #[serde(default)]
    pub rules: Vec<String>,
    /// Rules that the key must not break.
    #[serde(default)]
    pub not_rules: Vec<String>,
    /// Roles that must not be asserted.
    #[serde(default)]
    pub not_roles: Vec<String>,
}

/// One tree.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Scenario {
    /// The scenario's name, and that of its folder in the pack.
    pub name: String,
    /// What happened, in one line.
    pub story: String,
    /// The incident scenario that this one is a harmless look-alike of.
    #[serde(default)]
    pub twin_of: String,
    /// Whether `known-keys.tsv` of the tree is used as the user's list.
    #[serde(default)]
    pub known: bool,
    /// The expected findings.
    #[serde(default)]
    pub finding: Vec<Expected>,
}

#[derive(Deserialize)]
struct Expectations {
    scenario: Vec<Scenario>,
}

/// An aspect of a finding that can be wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Aspect {
    /// The key was not found.
    Found,
    /// Roles.
    Role,
    /// The tier.
    Tier,
    /// The severity, and whether the key ranks as a signing key.
    Severity,
    /// The protection, and what opened the key.
    Opened,
    /// Uses and links.
    Links,
    /// Rules.
    Rules,
}

impl Aspect {
    /// All aspects.
    pub const ALL: [Self; 7] =
        [Self::Found, Self::Role, Self::Tier, Self::Severity, Self::Opened, Self::Links, Self::Rules];
}

/// The result of all scenarios.
#[derive(Debug, Default)]
pub struct Outcome {
    /// Scenarios judged.
    pub scenarios: usize,
    /// Expectations judged.
    pub keys: usize,
    /// All deviations: scenario, aspect, description.
    pub faults: Vec<(String, Aspect, String)>,
    /// Keys with a wide tier ranked below keys with a narrow one, over all trees together.
    pub misranked: Vec<String>,
}

impl Outcome {
    /// Share of keys that are right in an aspect, in tenths of a percent.
    pub fn right(&self, aspect: Aspect) -> usize {
        let mut wrong: Vec<&String> =
            self.faults.iter().filter(|fault| fault.1 == aspect).map(|fault| &fault.0).collect();
        wrong.dedup();
        (self.keys.saturating_sub(wrong.len()) * 1000).checked_div(self.keys).unwrap_or(0)
    }

    /// Whether the promise is kept: 95 % of roles, and no wide key below a narrow one.
    pub fn holds(&self) -> bool {
        self.right(Aspect::Role) >= 950 && self.misranked.is_empty()
    }

    /// A table for people.
    pub fn table(&self) -> String {
        let mut text = format!("{} scenarios, {} keys\n", self.scenarios, self.keys);
        for aspect in Aspect::ALL {
            let right = self.right(aspect);
            let _ =
                writeln!(text, "{:<10} {:>3}.{} % right", format!("{aspect:?}").to_lowercase(), right / 10, right % 10);
        }
        let _ = writeln!(text, "ranking    {} wide keys below narrow ones", self.misranked.len());
        for (name, aspect, what) in &self.faults {
            let _ = writeln!(text, "{name}: {}: {what}", format!("{aspect:?}").to_lowercase());
        }
        for what in &self.misranked {
            let _ = writeln!(text, "ranking: {what}");
        }
        text
    }
}

/// The folder of the scenarios in this source tree.
pub fn directory() -> PathBuf {
    PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/scenarios"))
}

/// Unpacks and judges every scenario whose name starts with `prefix`. `scratch` is created and emptied.
pub fn judge(scratch: &Path, prefix: &str) -> Result<Outcome, String> {
    let read = |name: &str| fs::read(directory().join(name)).map_err(|error| format!("{name}: {error}"));
    let expectations = String::from_utf8(read("expect.toml")?).map_err(|error| error.to_string())?;
    let expectations: Expectations = toml::from_str(&expectations).map_err(|error| error.to_string())?;
    let files = pack::read(&read("scenarios.pack")?).map_err(|error| error.to_string())?;
    // The folder may not exist yet.
    let _ = fs::remove_dir_all(scratch);
    for file in files.iter().filter(|file| file.name.starts_with(prefix)) {
        let path = scratch.join(file.name.replace('|', "/"));
        let made = path.parent().map_or(Ok(()), fs::create_dir_all).and_then(|()| fs::write(&path, &file.bytes));
        made.map_err(|error| format!("{}: {error}", path.display()))?;
    }
    let mut outcome = Outcome::default();
    let mut ranked: Vec<(Finding, String, i32)> = Vec::new();
    for scenario in expectations.scenario.iter().filter(|scenario| scenario.name.starts_with(prefix)) {
        outcome.scenarios += 1;
        let root = scratch.join(&scenario.name);
        let findings = findings(&root, scenario.known)?;
        for expected in &scenario.finding {
            outcome.keys += 1;
            let found = findings
                .iter()
                .find(|finding| finding.occurrences.iter().any(|o| o.origin.path == root.join(&expected.file)));
            let mut fault = |aspect, what: String| outcome.faults.push((scenario.name.clone(), aspect, what));
            match found {
                None => fault(Aspect::Found, format!("no key at {}", expected.file)),
                Some(finding) => {
                    compare(expected, finding, &root, &mut fault);
                    // A look-alike contains the same key: only with the scenario's name is the id unique.
                    let id = format!("{} {}", finding.id, scenario.name);
                    let finding = Finding { id, ..finding.clone() };
                    ranked.push((finding, scenario.name.clone(), expected.severity[0]));
                }
            }
        }
    }
    let mut order: Vec<Finding> = ranked.iter().map(|(finding, _, _)| finding.clone()).collect();
    keyradius_judgement::rank::rank(&mut order);
    let name = |finding: &Finding| {
        ranked.iter().find(|(other, _, _)| other.id == finding.id).map_or("", |(_, name, _)| name.as_str())
    };
    for (at, finding) in order.iter().enumerate() {
        // The key is expected to be wide and serious, but a narrow key is ranked above it.
        let expected = ranked.iter().find(|(other, _, _)| other.id == finding.id).map_or(0, |(_, _, least)| *least);
        let narrow = order.iter().take(at).find(|above| above.tier.id() >= "T3");
        if let (80.., Some(narrow)) = (expected, narrow) {
            outcome.misranked.push(format!("{} below {}", name(finding), name(narrow)));
        }
    }
    fs::remove_dir_all(scratch).map_err(|error| format!("{}: {error}", scratch.display()))?;
    Ok(outcome)
}

/// Scans, opens and judges a tree like `keyradius scan`.
fn findings(root: &Path, known: bool) -> Result<Vec<Finding>, String> {
    let roots = vec![root.to_owned()];
    let tree = Tree { roots: roots.clone(), one_file_system: false, repositories: &Repositories::default() };
    let harvest = keyradius_detectors::engine().scan(&[&tree], 1, &Progress::default());
    let harvest = harvest.map_err(|error| error.to_string())?;
    let mut lists = KnownKeys::built_in();
    if known {
        let text = fs::read_to_string(root.join("known-keys.tsv")).map_err(|error| error.to_string())?;
        lists.add(&text)?;
    }
    let judging = Judging { roots: &roots, known: Some(&lists), jobs: 2, ..Judging::at(NOW) };
    Ok(keyradius_detectors::judge(harvest, &judging).findings)
}

fn compare(expected: &Expected, finding: &Finding, root: &Path, fault: &mut dyn FnMut(Aspect, String)) {
    let roles: Vec<&str> = finding.roles.iter().map(|role| role.role.as_str()).collect();
    let met = |role: &String| role.split('|').any(|one| roles.contains(&one));
    let said = || finding.roles.iter().map(|r| format!("{} {}", r.role, r.score)).collect::<Vec<_>>().join(", ");
    // A hint asserts nothing.
    let asserted = |role: &String| finding.roles.iter().any(|score| score.role == *role && score.band > Band::Hint);
    if !expected.roles.iter().all(met) || expected.not_roles.iter().any(asserted) {
        fault(Aspect::Role, format!("{} and not {:?}, but {}", expected.roles.join(", "), expected.not_roles, said()));
    }
    if !expected.tier.is_empty() && expected.tier != finding.tier.id() {
        fault(Aspect::Tier, format!("{}, not {} ({})", finding.tier.id(), expected.tier, said()));
    }
    let [least, most] = expected.severity;
    if !(least..=most).contains(&finding.severity) || expected.signing.is_some_and(|signing| signing != finding.signing)
    {
        let list: Vec<String> = finding.modifiers.iter().map(|m| format!("{:+} {}", m.tenths, m.text)).collect();
        let signing = finding.signing;
        fault(
            Aspect::Severity,
            format!("{} (signing {signing}), not {least} to {most}: {}", finding.severity, list.join(", ")),
        );
    }
    let protections = || finding.occurrences.iter().filter_map(|o| o.material.protection.as_ref());
    if expected.protection.as_deref().is_some_and(|protection| protection != finding.protection.id()) {
        fault(Aspect::Opened, format!("{}, not {:?}", finding.protection.id(), expected.protection));
    }
    if let Some(file) = &expected.opened_by {
        let mut opened = protections().filter_map(|p| p.opened.as_deref()?.origin.as_ref());
        if !opened.any(|origin| origin.path == root.join(file)) {
            let by: Vec<String> = protections().map(|p| format!("{:?}", p.opened)).collect();
            fault(Aspect::Opened, format!("not opened by {file}, but {by:?}"));
        }
    }
    let uses: Vec<String> = finding
        .uses
        .iter()
        .map(|used| {
            let place = &used.reference;
            format!("{}:{}", place.origin.path.strip_prefix(root).unwrap_or(&place.origin.path).display(), place.line)
        })
        .collect();
    for place in expected.used_by.iter().filter(|place| !uses.contains(place)) {
        fault(Aspect::Links, format!("{place} is not listed as a use; listed: {uses:?}"));
    }
    for link in &expected.links {
        let there = match link.as_str() {
            "issued" => !finding.issued.is_empty(),
            _ => finding.related.iter().any(|related| related.material.certificate.is_none()),
        };
        if !there {
            fault(Aspect::Links, format!("no link of kind {link}"));
        }
    }
    let broken: Vec<&str> = finding.rules.iter().map(|hit| hit.rule).collect();
    let missing = expected.rules.iter().any(|rule| !broken.contains(&rule.as_str()));
    if missing || expected.not_rules.iter().any(|rule| broken.contains(&rule.as_str())) {
        fault(Aspect::Rules, format!("{:?} and not {:?}, but {broken:?}", expected.rules, expected.not_rules));
    }
}
