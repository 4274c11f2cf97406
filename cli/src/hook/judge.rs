//! Decides which keys are new, and which of the new ones block.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use keyradius_core::blob::Origin;
use keyradius_core::engine::Harvest;
use keyradius_core::material::{Kind, Occurrence};
use keyradius_detectors::{Judging, open};
use keyradius_judgement::estate::KeyName;
use keyradius_judgement::{Estate, Finding, SecretFinding};

use super::known::{Known, Scanned, named, oid, own_name};
use super::policy::Policy;
use crate::allow::{AllowList, Allowance, Notice};
use crate::marks::Marks;

/// A place of an object.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Place {
    /// Path in the repository.
    pub(crate) path: PathBuf,
    /// Id of the commit that added the object at this path.
    pub(crate) commit: Option<String>,
    /// Ids of the objects that were at this path before: one for each parent that has the path.
    pub(crate) olds: Vec<String>,
}

/// Places by object id.
pub(crate) type Places = BTreeMap<String, Vec<Place>>;

/// A new key.
#[derive(Debug)]
pub(crate) struct NewKey {
    /// The key, with its new places only.
    pub(crate) finding: Finding,
    /// For each place, the commit that added it.
    pub(crate) commits: Vec<Option<String>>,
    /// For each place, why it is allowed.
    pub(crate) allowed: Vec<Option<Allowance>>,
}

/// A new ordinary secret.
#[derive(Debug)]
pub(crate) struct NewSecret {
    /// The secret, with its new places only.
    pub(crate) finding: SecretFinding,
    /// For each place, the commit that added it.
    pub(crate) commits: Vec<Option<String>>,
}

/// The result of a check.
#[derive(Debug, Default)]
pub(crate) struct Judged {
    /// Keys that block.
    pub(crate) blocking: Vec<NewKey>,
    /// New keys below `--fail-on`.
    pub(crate) below: Vec<NewKey>,
    /// New keys that are allowed at every place.
    pub(crate) allowed: Vec<NewKey>,
    /// Ordinary secrets that block.
    pub(crate) secrets: Vec<NewSecret>,
    /// Number of new ordinary secrets below `--fail-on`, and number of those allowed at every place.
    pub(crate) secrets_below: usize,
    pub(crate) secrets_allowed: usize,
    /// Allow entries that need attention.
    pub(crate) notices: Vec<Notice>,
    /// Allowances that are ignored, because the pusher wrote them.
    pub(crate) ignored: Vec<Allowance>,
    /// Whether the push contains a configuration, which is not read.
    pub(crate) pushed_config: bool,
}

impl Judged {
    /// Whether anything blocks.
    pub(crate) fn blocks(&self) -> bool {
        !self.blocking.is_empty() || !self.secrets.is_empty()
    }
}

/// Identifies a key in one version of a file: its origin, its offset and its own name.
type Spot = (Origin, u64, Option<KeyName>);

/// Judges the scanned objects. `places` returns the places of an object id; `known` has the keys that were there
/// before.
pub(crate) fn judge(scanned: Scanned, places: &dyn Fn(&str) -> Vec<Place>, known: &Known, policy: &Policy) -> Judged {
    let mut commits: BTreeMap<Spot, Option<String>> = BTreeMap::new();
    let mut fresh = Vec::new();
    let estate = Estate::new(scanned.occurrences);
    let mut context = estate.others;
    context.extend(estate.public.into_iter().flat_map(|group| group.related));
    for group in estate.keys {
        for occurrence in group.private {
            for place in places(&oid(&occurrence.origin)) {
                if place.olds.iter().any(|old| known.covers(old, group.name, &occurrence)) {
                    continue;
                }
                let occurrence = moved(&occurrence, &place.path);
                commits.insert(spot(&occurrence), place.commit);
                fresh.push(occurrence);
            }
        }
        context.extend(group.related);
    }
    let mut tokens = Vec::new();
    for occurrence in estate.secrets {
        for place in places(&oid(&occurrence.origin)) {
            if !place.olds.iter().any(|old| known.covers_secret(old, &occurrence)) {
                let occurrence = moved(&occurrence, &place.path);
                commits.insert(spot(&occurrence), place.commit);
                tokens.push(occurrence);
            }
        }
    }
    if fresh.is_empty() && tokens.is_empty() {
        return Judged::default();
    }
    if !fresh.is_empty() {
        fresh.extend(around(context, places));
    }
    fresh.append(&mut tokens);
    let now = crate::moment::end_of(policy.today);
    // The pusher chooses the paths, and the certificates beside a key. Locked containers are not opened: a hook has no
    // time for that. Skipping checks for weak keys changes no verdict.
    let passwords = open::Options { enabled: false, ..open::Options::default() };
    let judging = Judging { passwords, author: policy.inline, ..Judging::at(now) };
    let judgement = keyradius_detectors::judge(Harvest { occurrences: fresh, ..Harvest::default() }, &judging);
    let (mut findings, mut tokens) = (judgement.findings, judgement.secrets);
    // A hook checks for added private keys, not for trust in the keys of others.
    findings.retain(|finding| finding.private);
    for finding in &mut findings {
        // Whoever commits a key decides how its place looks.
        finding.severity = finding.threshold();
        finding.limited = 0;
    }
    let ignored = if policy.inline { Vec::new() } else { not_obeyed(&mut findings, &mut tokens, policy) };

    let verdict = policy.allow.judge(&findings, &tokens, &[], &policy.here, policy.today, false);
    let mut judged = Judged { notices: verdict.notices, ignored, ..Judged::default() };
    for (finding, allowed) in findings.into_iter().zip(verdict.allowed) {
        let commits = finding.occurrences.iter().map(|o| commits.get(&spot(o)).cloned().flatten()).collect();
        let blocks = policy.fail_on.fails(&finding);
        let free = allowed.iter().all(Option::is_some);
        let news = NewKey { finding, commits, allowed };
        match (free, blocks) {
            (true, _) => judged.allowed.push(news),
            (false, true) => judged.blocking.push(news),
            (false, false) => judged.below.push(news),
        }
    }
    for (finding, allowed) in tokens.into_iter().zip(verdict.secrets) {
        let commits = finding.occurrences.iter().map(|o| commits.get(&spot(o)).cloned().flatten()).collect();
        match (allowed.iter().all(Option::is_some), policy.fail_on.fails_secret(&finding)) {
            (true, _) => judged.secrets_allowed += 1,
            (false, true) => judged.secrets.push(NewSecret { finding, commits }),
            (false, false) => judged.secrets_below += 1,
        }
    }
    judged
}

/// Certificates, public keys and references found with the new keys, at each of their paths: they show what a key is
/// for.
fn around(context: Vec<Occurrence>, places: &dyn Fn(&str) -> Vec<Place>) -> Vec<Occurrence> {
    let public = context.into_iter().filter(|occurrence| occurrence.material.kind != Kind::PrivateKey);
    let at = |occurrence: Occurrence| {
        let places = places(&oid(&occurrence.origin));
        places.into_iter().map(move |place| moved(&occurrence, &place.path)).collect::<Vec<_>>()
    };
    public.flat_map(at).collect()
}

/// Removes the marks beside keys, and returns what they would have allowed.
fn not_obeyed(findings: &mut [Finding], tokens: &mut [SecretFinding], policy: &Policy) -> Vec<Allowance> {
    let verdict =
        AllowList::default().obeying(Marks::Given).judge(findings, tokens, &[], &policy.here, policy.today, false);
    let of_keys = findings.iter_mut().flat_map(|finding| &mut finding.occurrences);
    for occurrence in of_keys.chain(tokens.iter_mut().flat_map(|token| &mut token.occurrences)) {
        occurrence.mark = None;
    }
    verdict.allowed.into_iter().chain(verdict.secrets).flatten().flatten().collect()
}

fn moved(occurrence: &Occurrence, path: &Path) -> Occurrence {
    Occurrence { origin: named(&occurrence.origin, path), ..occurrence.clone() }
}

fn spot(occurrence: &Occurrence) -> Spot {
    (occurrence.origin.clone(), occurrence.offset, own_name(occurrence))
}

#[cfg(test)]
mod tests;
