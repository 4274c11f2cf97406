//! Compares two reports: which findings are new, worse, gone or not seen.
//!
//! Findings are matched by id, which depends on the key alone. Only a small summary of each finding is held in memory.
//! A finding is `gone` only if the new scan read every place where it was.

pub(crate) mod human;
mod side;
#[cfg(test)]
mod tests;

use keyradius_core::error::Reason;
use keyradius_core::material::ProtectionState;
use keyradius_judgement::Tier;
use serde::Serialize;

use super::model::{Id, Scan, Tenths, Text, Tool, Word, ids};
use crate::choice::NOTE_BELOW;
use side::{Record, Spot, Unread};

pub(crate) use side::Side;

/// Name and version of the format.
const SCHEMA: &str = "keyradius.diff/1";

/// Maximum number of places listed for one finding; all are counted.
const MOST_PLACES: usize = 100;

/// The difference between two reports.
#[derive(Debug, Serialize)]
pub(crate) struct Diff {
    schema: &'static str,
    tool: Tool,
    old: About,
    new: About,
    summary: Summary,
    /// Findings that only the new report has, the most severe first.
    new_findings: Vec<New>,
    /// Findings that differ between the reports, those that are worse first.
    changed: Vec<Changed>,
    /// Findings that only the old report has, and whose places the new scan read.
    gone: Vec<Entry>,
    /// Findings that only the old report has, and of whose places the new scan did not read all.
    not_seen: Vec<NotSeen>,
    coverage: Coverage,
}

/// A summary of one of the reports.
#[derive(Debug, Serialize)]
struct About {
    version: Word,
    started: Word,
    complete: bool,
    targets: Vec<Text>,
}

/// Counts of findings.
#[derive(Debug, Serialize)]
struct Summary {
    new: usize,
    worse: usize,
    changed: usize,
    gone: usize,
    not_seen: usize,
    unchanged: usize,
}

/// The kind of a finding.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Kind {
    PrivateKey,
    TrustedKey,
    Secret,
}

impl Id for Kind {
    const WHAT: &'static str = "kind";
    const ALL: &'static [Self] = &[Self::PrivateKey, Self::TrustedKey, Self::Secret];

    fn id(self) -> &'static str {
        match self {
            Self::PrivateKey => "private_key",
            Self::TrustedKey => "trusted_key",
            Self::Secret => "secret",
        }
    }
}

/// A finding in one report.
#[derive(Clone, Debug, Serialize)]
struct Entry {
    id: Word,
    #[serde(serialize_with = "ids::serialize")]
    kind: Kind,
    title: Text,
    #[serde(flatten)]
    state: State,
    places: Places,
}

/// The parts of a finding that can change.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
struct State {
    severity: Tenths,
    #[serde(serialize_with = "ids::optional::serialize")]
    tier: Option<Tier>,
    #[serde(serialize_with = "ids::optional::serialize")]
    protection: Option<ProtectionState>,
    roles: Vec<Word>,
    allowed: bool,
}

/// Places of a finding: their number, and the first of them.
#[derive(Clone, Debug, Default, Serialize)]
struct Places {
    count: usize,
    listed: Vec<Text>,
}

impl Places {
    fn of<'a>(spots: impl Iterator<Item = (&'a Spot, usize)>) -> Self {
        let mut places = Self::default();
        for (spot, copies) in spots {
            places.count = places.count.saturating_add(copies);
            if places.listed.len() < MOST_PLACES {
                places.listed.push(spot.origin.clone());
            }
        }
        places
    }
}

/// A finding that only the new report has.
#[derive(Debug, Serialize)]
struct New {
    #[serde(flatten)]
    entry: Entry,
    /// Whether the old scan read at least one of the places where the finding is now.
    old_read: bool,
}

/// A finding that differs between the reports.
#[derive(Debug, Serialize)]
struct Changed {
    #[serde(flatten)]
    entry: Entry,
    was: State,
    worse: bool,
    /// New places.
    added: Places,
    /// Old places that the new scan read, and where it did not find the key.
    removed: Places,
    /// Old places that the new scan did not read.
    not_seen: Places,
}

/// A finding that the new scan may have missed.
#[derive(Debug, Serialize)]
struct NotSeen {
    #[serde(flatten)]
    entry: Entry,
    /// Why the finding was not seen: the nearest reason of all its places.
    why: &'static str,
    #[serde(serialize_with = "ids::optional::serialize")]
    reason: Option<Reason>,
}

/// Targets and gaps that differ between the reports.
#[derive(Debug, Serialize)]
struct Coverage {
    targets_only_old: Vec<Text>,
    targets_only_new: Vec<Text>,
    /// Inputs that only the old scan did not read.
    gaps_only_old: Vec<Gap>,
    /// Inputs that only the new scan did not read.
    gaps_only_new: Vec<Gap>,
}

#[derive(Debug, Serialize)]
struct Gap {
    origin: Text,
    #[serde(serialize_with = "ids::serialize")]
    reason: Reason,
}

impl Diff {
    /// Compares an old report with a new one.
    pub(crate) fn of(mut old: Side, mut new: Side) -> Self {
        old.beside(&new);
        new.beside(&old);
        let (mut new_findings, mut changed, mut gone, mut not_seen) = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
        let mut unchanged = 0;
        for (id, now) in &new.records {
            match old.records.get(id) {
                Some(was) => match compare(id, was, now, &new) {
                    Some(change) => changed.push(change),
                    None => unchanged += 1,
                },
                None => new_findings.push(New {
                    entry: entry(id, now),
                    old_read: now.places.keys().any(|spot| old.unread(spot).is_none()),
                }),
            }
        }
        for (id, was) in old.records.iter().filter(|(id, _)| !new.records.contains_key(*id)) {
            let entry = entry(id, was);
            // A finding without places cannot have been searched for.
            let nearest = was.places.keys().filter_map(|spot| new.unread(spot)).min();
            match nearest.or(was.places.is_empty().then_some(Unread::Incomplete)) {
                None => gone.push(entry),
                Some(unread) => not_seen.push(NotSeen {
                    entry,
                    why: unread.id(),
                    reason: match unread {
                        Unread::Gap(reason) => Some(reason),
                        Unread::NoTarget | Unread::Incomplete => None,
                    },
                }),
            }
        }
        new_findings.sort_by(|a, b| rank(&a.entry).cmp(&rank(&b.entry)));
        changed.sort_by(|a, b| (!a.worse, rank(&a.entry)).cmp(&(!b.worse, rank(&b.entry))));
        gone.sort_by(|a, b| rank(a).cmp(&rank(b)));
        not_seen.sort_by(|a, b| rank(&a.entry).cmp(&rank(&b.entry)));
        let worse = changed.iter().filter(|change| change.worse).count();
        let summary = Summary {
            new: new_findings.len(),
            worse,
            changed: changed.len() - worse,
            gone: gone.len(),
            not_seen: not_seen.len(),
            unchanged,
        };
        Self {
            schema: SCHEMA,
            tool: Tool::THIS,
            summary,
            new_findings,
            changed,
            gone,
            not_seen,
            coverage: Coverage {
                targets_only_old: only(&old.scan.targets, &new.scan.targets),
                targets_only_new: only(&new.scan.targets, &old.scan.targets),
                gaps_only_old: gaps(&only(&old.gaps, &new.gaps)),
                gaps_only_new: gaps(&only(&new.gaps, &old.gaps)),
            },
            old: about(old.version, old.scan),
            new: about(new.version, new.scan),
        }
    }

    /// Whether somebody has to act: a finding is new or worse, not allowed, and not a note.
    pub(crate) fn is_worse(&self) -> bool {
        let counts = |state: &State| !state.allowed && state.severity.get() >= NOTE_BELOW;
        self.new_findings.iter().any(|new| counts(&new.entry.state))
            || self.changed.iter().any(|change| change.worse && counts(&change.entry.state))
    }

    /// Whether the new scan read everything.
    pub(crate) const fn new_is_complete(&self) -> bool {
        self.new.complete
    }
}

fn about(version: Word, scan: Scan) -> About {
    About { version, started: scan.started, complete: scan.complete, targets: scan.targets }
}

/// Sort key of an entry: keys before ordinary secrets, the most severe first.
fn rank(entry: &Entry) -> (bool, std::cmp::Reverse<Tenths>, &Word) {
    (entry.kind == Kind::Secret, std::cmp::Reverse(entry.state.severity), &entry.id)
}

/// The sorted items that only the first list has.
fn only<T: Ord + Clone>(these: &[T], others: &[T]) -> Vec<T> {
    let others: std::collections::BTreeSet<&T> = others.iter().collect();
    let mut only: Vec<T> = these.iter().filter(|one| !others.contains(one)).cloned().collect();
    only.sort();
    only.dedup();
    only
}

fn gaps(gaps: &[(Text, Reason)]) -> Vec<Gap> {
    gaps.iter().map(|(origin, reason)| Gap { origin: origin.clone(), reason: *reason }).collect()
}

fn entry(id: &Word, record: &Record) -> Entry {
    Entry {
        id: id.clone(),
        kind: record.kind,
        title: record.title.clone(),
        state: state(record),
        places: Places::of(record.places.iter().map(|(spot, copies)| (spot, *copies))),
    }
}

fn state(record: &Record) -> State {
    State {
        severity: record.severity,
        tier: record.tier,
        protection: record.protection,
        roles: record.roles.clone(),
        allowed: record.allowed,
    }
}

/// How a finding changed; `None` if it did not.
fn compare(id: &Word, was: &Record, now: &Record, new: &Side) -> Option<Changed> {
    let more = |these: &Record, others: &Record| -> Vec<(Spot, usize)> {
        let copies = these
            .places
            .iter()
            .map(|(spot, copies)| (spot, copies.saturating_sub(others.places.get(spot).copied().unwrap_or_default())));
        let is_new = |spot: &Spot| !others.behind.contains(spot);
        copies
            .filter(|(spot, copies)| *copies > 0 && is_new(spot))
            .map(|(spot, copies)| (spot.clone(), copies))
            .collect()
    };
    let added = more(now, was);
    let (not_seen, removed): (Vec<_>, Vec<_>) =
        more(was, now).into_iter().partition(|(spot, _)| new.unread(spot).is_some());
    let (before, after) = (state(was), state(now));
    if before == after && added.is_empty() && removed.is_empty() && not_seen.is_empty() {
        return None;
    }
    // What remains of a key after a copy was deleted may have a role that the copy had hidden, or none.
    let lower = after.severity < before.severity || after.tier > before.tier;
    let new_role = |role: &Word| role.as_str() != "unknown" && before.roles.binary_search(role).is_err();
    let worse = after.severity > before.severity
        || after.tier < before.tier
        || after.protection < before.protection
        || (!lower && after.roles.iter().any(new_role))
        || (before.allowed && !after.allowed)
        || !added.is_empty();
    let listed = |places: &[(Spot, usize)]| Places::of(places.iter().map(|(spot, copies)| (spot, *copies)));
    Some(Changed {
        entry: entry(id, now),
        was: before,
        worse,
        added: listed(&added),
        removed: listed(&removed),
        not_seen: listed(&not_seen),
    })
}
