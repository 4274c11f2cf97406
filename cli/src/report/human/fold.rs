//! Findings that belong together, folded to lines with counts.
//!
//! A report is written while its findings are built, so a block is never taken back: the first findings of a group are
//! shown, and what follows them is counted in one line at the end of the section.

use std::collections::BTreeMap;

use keyradius_judgement::Tier;

use super::super::model::{Finding, Place, Tenths, Word};
use crate::choice::Group;
use crate::report::words;

/// Findings of a group that are shown.
const SHOWN: usize = 3;

/// Maximum number of groups that are counted; findings of further groups are all shown. Some megabytes.
const GROUPS: usize = 1 << 14;

/// The groups of a section.
pub(super) struct Folds {
    by: Group,
    groups: BTreeMap<Key, Fold>,
    /// Files of a git history: the first object of each that was shown.
    versions: BTreeMap<Key, Word>,
}

/// What findings of one group have in common: where they are, and what they are.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Key {
    place: String,
    what: String,
}

/// A group: how many of it were shown, and what was not shown.
#[derive(Clone, Copy)]
struct Fold {
    shown: usize,
    more: usize,
    high: Tenths,
    low: Tenths,
}

impl Folds {
    pub(super) fn new(by: Group) -> Self {
        Self { by, groups: BTreeMap::new(), versions: BTreeMap::new() }
    }

    /// Counts a finding. Returns whether it is to be shown.
    pub(super) fn shows(&mut self, finding: &Finding) -> bool {
        let Some(first) = finding.occurrences.first().filter(|_| self.by != Group::None) else { return true };
        let roles: Vec<&str> = finding.roles.iter().map(|role| role.title.as_str()).collect();
        let key = |place: &str| Key { place: place.to_owned(), what: roles.join(", ") };
        let file = without_object(&first.place);
        // Another version of a file in a history is the same thing made again.
        let object = first.git.as_ref().map(|git| &git.object);
        let shown = self.versions.get(&key(&file));
        let is_version = object.zip(shown).is_some_and(|(object, shown)| object != shown);
        if let Some(object) = object.filter(|_| shown.is_none() && self.versions.len() < GROUPS) {
            self.versions.insert(key(&file), object.clone());
        }
        let group = key(match self.by {
            Group::Dir if !is_version => directory(&file),
            _ => &file,
        });
        let most = if is_version { 0 } else { SHOWN };
        if self.groups.len() >= GROUPS && !self.groups.contains_key(&group) {
            return true;
        }
        let severity = finding.severity;
        let fold = self.groups.entry(group).or_insert(Fold { shown: 0, more: 0, high: severity, low: severity });
        if fold.shown < most {
            fold.shown += 1;
            return true;
        }
        if fold.more == 0 {
            (fold.high, fold.low) = (severity, severity);
        }
        fold.more += 1;
        fold.low = fold.low.min(severity);
        false
    }

    /// One line for each group with more findings than were shown, the most severe first.
    pub(super) fn lines(&self) -> Vec<String> {
        let mut folds: Vec<(&Key, &Fold)> = self.groups.iter().filter(|(_, fold)| fold.more > 0).collect();
        folds.sort_by_key(|(_, fold)| std::cmp::Reverse(fold.high));
        let line = |(key, fold): (&Key, &Fold)| {
            let range = if fold.low < fold.high {
                format!("{:.1} to {:.1}", fold.high.number(), fold.low.number())
            } else {
                format!("{:.1}", fold.high.number())
            };
            let more = words::plural(fold.more as u64, "more key", "more keys");
            format!("{more} in {}: {} ({range})", words::escape(place(&key.place)), words::escape(&key.what))
        };
        folds.into_iter().map(line).collect()
    }
}

/// Keys for tests, by directory.
#[derive(Default)]
pub(super) struct Tests {
    directories: BTreeMap<String, Directory>,
    /// Keys in further directories.
    more: u64,
}

/// The keys for tests in one directory.
struct Directory {
    count: u64,
    severity: Tenths,
    tier: Tier,
    /// The reason for the first of them.
    reason: String,
}

impl Tests {
    pub(super) fn add(&mut self, finding: &Finding, reason: &str) {
        let file = finding.occurrences.first().map(|first| without_object(&first.place)).unwrap_or_default();
        let name = directory(&file);
        if let Some(known) = self.directories.get_mut(name) {
            known.count += 1;
            known.severity = known.severity.max(finding.severity);
            known.tier = known.tier.min(finding.tier);
        } else if self.directories.len() < GROUPS {
            let (severity, tier) = (finding.severity, finding.tier);
            let directory = Directory { count: 1, severity, tier, reason: reason.to_owned() };
            self.directories.insert(name.to_owned(), directory);
        } else {
            self.more += 1;
        }
    }

    /// For each directory, the most severe first: the highest severity, the widest tier, and a text.
    pub(super) fn lines(&self) -> (Vec<(Tenths, Tier, String)>, u64) {
        let mut directories: Vec<(&String, &Directory)> = self.directories.iter().collect();
        directories.sort_by_key(|(_, directory)| (std::cmp::Reverse(directory.severity), directory.tier));
        let line = |(name, directory): (&String, &Directory)| {
            let keys = words::plural(directory.count, "key", "keys");
            let (name, reason) = (words::escape(place(name)), words::escape(&directory.reason));
            let first = if directory.count > 1 { "the first is " } else { "" };
            (directory.severity, directory.tier, format!("{name}  {keys}, {first}{reason}"))
        };
        (directories.into_iter().map(line).collect(), self.more)
    }
}

/// The file in which lines are counted, without the object of a git history that contains it.
fn without_object(place: &Place) -> String {
    let (path, file) = (place.printable_path(), place.counted_in());
    let inside = file.strip_prefix(&*path).unwrap_or_default();
    let inside = inside.find('!').and_then(|at| inside.get(at..)).unwrap_or_default();
    format!("{path}{inside}")
}

/// The directory of a file, or of a member of an archive.
fn directory(file: &str) -> &str {
    file.rsplit_once(['/', '!']).map_or("", |(directory, _)| directory)
}

/// A directory as it is shown.
fn place(directory: &str) -> &str {
    if directory.is_empty() { "." } else { directory }
}
