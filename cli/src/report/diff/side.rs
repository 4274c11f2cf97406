//! One of the two reports: a small summary of each finding, and what its scan read.

use std::collections::BTreeMap;
use std::io::Read;

use detectors::radius::Tier;
use scanner_core::error::Reason;
use scanner_core::material::ProtectionState;

use super::Kind;
use crate::report::model::{Finding, FindingKind, Occurrence, Scan, Secret, Tenths, Text, Word};
use crate::report::read::{self, ReadError, Rest, Sink, Status};

/// One report.
#[derive(Debug)]
pub(crate) struct Side {
    pub(super) version: Word,
    pub(super) scan: Scan,
    /// What was not read: where and why.
    pub(super) gaps: Vec<(Text, Reason)>,
    pub(super) records: BTreeMap<Word, Record>,
    mended: Vec<String>,
}

/// A finding, or an ordinary secret.
#[derive(Clone, Debug)]
pub(super) struct Record {
    pub(super) kind: Kind,
    /// Titles of its roles, or the rule of a secret.
    pub(super) title: Text,
    pub(super) severity: Tenths,
    /// `None` for ordinary secrets.
    pub(super) tier: Option<Tier>,
    /// `None` for ordinary secrets.
    pub(super) protection: Option<ProtectionState>,
    /// Sorted.
    pub(super) roles: Vec<Word>,
    pub(super) allowed: bool,
    /// How many copies are at each place.
    pub(super) places: BTreeMap<Spot, usize>,
}

/// A place, wherever it moves to in its file.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Spot {
    pub(super) origin: Text,
    /// Whether it is in a history and not in a file.
    pub(super) buried: bool,
}

/// Why a place was not read, the nearest reason first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Unread {
    /// A gap of the scan, there or around it.
    Gap(Reason),
    /// It is below none of the targets.
    NoTarget,
    /// The scan was interrupted, or did not read everything: nobody knows where the key would be found now.
    Incomplete,
}

impl Unread {
    pub(super) const fn id(self) -> &'static str {
        match self {
            Self::Gap(_) => "gap",
            Self::NoTarget => "no_target",
            Self::Incomplete => "incomplete",
        }
    }
}

impl Side {
    /// Reads a report of at most `most` bytes.
    pub(crate) fn read(from: &mut dyn Read, most: u64) -> Result<Self, ReadError> {
        let mut records = Records(BTreeMap::new());
        let Rest { tool, scan, coverage, mended, .. } = read::read(from, most, &mut records)?;
        let gaps = coverage.gaps.into_iter().map(|gap| (gap.origin, gap.reason)).collect();
        Ok(Self { version: tool.version, scan, gaps, records: records.0, mended })
    }

    /// What the report said of itself and was put right.
    pub(crate) fn mended(&self) -> &[String] {
        &self.mended
    }

    /// Why a place was not read, if it was not.
    pub(super) fn unread(&self, spot: &Spot) -> Option<Unread> {
        let hides = |reason: Reason| match reason {
            // Everything was read all the same, or nothing of it is a place of its own.
            Reason::IndexRebuilt | Reason::ReadElsewhere | Reason::LinksNotFollowed => false,
            Reason::HistoryLeftOut => spot.buried,
            _ => true,
        };
        let gap = self.gaps.iter().find(|(origin, reason)| hides(*reason) && is_below(&spot.origin, origin));
        if let Some((_, reason)) = gap {
            return Some(Unread::Gap(*reason));
        }
        if !self.scan.targets.iter().any(|target| is_below(&spot.origin, target)) {
            return Some(Unread::NoTarget);
        }
        (!self.scan.complete).then_some(Unread::Incomplete)
    }
}

/// Whether a place is what `above` names, or in it: in a directory, an archive or a history.
fn is_below(origin: &str, above: &str) -> bool {
    let above = above.trim_end_matches('/');
    let above = above.strip_prefix("./").unwrap_or(above);
    if above.is_empty() || above == "." {
        // The root, or the current directory.
        let absolute = origin.starts_with('/');
        return if above == "." { !absolute && !origin.starts_with("../") && origin != "-" } else { absolute };
    }
    let rest = origin.strip_prefix(above);
    rest.is_some_and(|rest| rest.is_empty() || rest.starts_with(['/', '!', '@']))
}

/// An origin without the offsets of what is wrapped in text: `a.yaml!base64@0x40` is `a.yaml!base64`, wherever it moves.
fn settled(origin: &str) -> String {
    let mut parts = origin.split('!');
    let mut out = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        out.push('!');
        match part.split_once("@0x") {
            Some((kind, at)) if !at.is_empty() && at.bytes().all(|digit| digit.is_ascii_hexdigit()) => {
                out.push_str(kind);
            }
            _ => out.push_str(part),
        }
    }
    out
}

fn places(occurrences: &[Occurrence]) -> BTreeMap<Spot, usize> {
    let mut places = BTreeMap::new();
    for occurrence in occurrences {
        let spot = Spot { origin: settled(&occurrence.place.origin).into(), buried: occurrence.is_buried() };
        *places.entry(spot).or_default() += 1;
    }
    places
}

struct Records(BTreeMap<Word, Record>);

impl Sink for Records {
    fn finding(&mut self, status: Status, finding: Finding) {
        let titles: Vec<&str> = finding.roles.iter().map(|role| role.title.as_str()).collect();
        let title = titles.join(", ").into();
        let mut roles: Vec<Word> = finding.roles.into_iter().map(|role| role.role).collect();
        roles.sort();
        let record = Record {
            kind: match finding.kind {
                FindingKind::PrivateKey => Kind::PrivateKey,
                FindingKind::TrustedKey => Kind::TrustedKey,
            },
            title,
            severity: finding.severity,
            tier: Some(finding.tier),
            protection: Some(finding.protection),
            roles,
            allowed: status == Status::Allowed,
            places: places(&finding.occurrences),
        };
        self.0.insert(finding.id, record);
    }

    fn secret(&mut self, status: Status, secret: Secret) {
        let record = Record {
            kind: Kind::Secret,
            title: secret.rule.as_str().into(),
            severity: secret.severity,
            tier: None,
            protection: None,
            roles: Vec::new(),
            allowed: status == Status::Allowed,
            places: places(&secret.occurrences),
        };
        self.0.insert(secret.id, record);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_path_covers() {
        for (origin, above, below) in [
            ("a/b.pem", ".", true),
            ("a/b.pem", "./", true),
            ("a/b.pem", "a", true),
            ("a/b.pem", "./a/", true),
            ("a/b.pem", "a/b.pem", true),
            ("a/b.pem", "a/b", false),
            ("ab", "a", false),
            ("a.zip!b", "a.zip", true),
            ("a@3f2a91c04b1d", "a", true),
            ("../a", ".", false),
            ("../a/b", "../a", true),
            ("/a", ".", false),
            ("/a", "/", true),
            ("a", "/", false),
            ("-", "-", true),
            ("-", ".", false),
            ("-!base64", "-", true),
        ] {
            assert_eq!(is_below(origin, above), below, "{origin} below {above}");
        }
    }

    #[test]
    fn what_moves_in_its_file_stays_where_it_is() {
        for (origin, same) in [
            ("a.yaml!base64@0x40", "a.yaml!base64"),
            ("a@3f2a91c04b1d!base64@0x40!hex@0x1", "a@3f2a91c04b1d!base64!hex"),
            ("a@0x40", "a@0x40"),
            ("a!b@0x", "a!b@0x"),
        ] {
            assert_eq!(settled(origin), same);
        }
        assert_eq!(Unread::Gap(Reason::Damaged).id(), "gap");
        assert_eq!(Reason::Damaged.id(), "damaged");
    }
}
