//! One of the two reports: a small summary of each finding, and which inputs its scan read.

use std::collections::{BTreeMap, BTreeSet};
use std::io::Read;

use keyradius_core::error::Reason;
use keyradius_core::material::ProtectionState;
use keyradius_judgement::Tier;

use super::Kind;
use crate::report::model::{Finding, FindingKind, Occurrence, Scan, Secret, Tenths, Text, Word};
use crate::report::read::{self, ReadError, Rest, Sink, Status};

/// One of the two reports.
#[derive(Debug)]
pub(crate) struct Side {
    pub(super) version: Word,
    pub(super) scan: Scan,
    /// Inputs that were not read, with the reason.
    pub(super) gaps: Vec<(Text, Reason)>,
    /// Reasons of the gaps, by normalised path.
    gaps_at: BTreeMap<String, BTreeSet<Reason>>,
    /// Whether the scan was interrupted or has gaps that the other has not.
    reads_less: bool,
    /// Normalised paths of the targets.
    targets: BTreeSet<String>,
    pub(super) records: BTreeMap<Word, Record>,
    mended: Vec<String>,
}

/// A finding, or an ordinary secret.
#[derive(Clone, Debug)]
pub(super) struct Record {
    pub(super) kind: Kind,
    /// Titles of the roles, or the rule of a secret.
    pub(super) title: Text,
    pub(super) severity: Tenths,
    /// `None` for ordinary secrets.
    pub(super) tier: Option<Tier>,
    /// `None` for ordinary secrets.
    pub(super) protection: Option<ProtectionState>,
    /// Sorted.
    pub(super) roles: Vec<Word>,
    pub(super) allowed: bool,
    /// The number of copies at each place.
    pub(super) places: BTreeMap<Spot, usize>,
    /// Places in a history whose file is also in the work tree: a scan lists only the file.
    pub(super) behind: BTreeSet<Spot>,
}

/// A place, which does not change if the key moves within its file.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Spot {
    pub(super) origin: Text,
    /// Whether the place is in a git history and not in a file.
    pub(super) buried: bool,
}

/// Why a place was not read, the nearest reason first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Unread {
    /// The scan has a gap at the place, or around it.
    Gap(Reason),
    /// The place is not below a target.
    NoTarget,
    /// The scan was interrupted, or did not read something that the other has read: the key may be there.
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
        let gaps: Vec<(Text, Reason)> = coverage.gaps.into_iter().map(|gap| (gap.origin, gap.reason)).collect();
        let mut gaps_at: BTreeMap<String, BTreeSet<Reason>> = BTreeMap::new();
        for (origin, reason) in &gaps {
            gaps_at.entry(named(origin).to_owned()).or_default().insert(*reason);
        }
        let targets = scan.targets.iter().map(|target| named(target).to_owned()).collect();
        Ok(Self { version: tool.version, scan, gaps, gaps_at, reads_less: true, targets, records: records.0, mended })
    }

    /// Notes about corrected statements of the report.
    pub(crate) fn mended(&self) -> &[String] {
        &self.mended
    }

    /// Tells the side what the other scan did not read either: only what one of them has read can be missing.
    pub(super) fn beside(&mut self, other: &Self) {
        let theirs: BTreeSet<_> = other.gaps.iter().collect();
        // How much is left out of a list that was too long may differ.
        let is_same = |gap: &(Text, Reason)| theirs.contains(gap) && gap.1 != Reason::TooMany;
        self.reads_less = self.scan.interrupted || self.gaps.is_empty() || !self.gaps.iter().all(is_same);
    }

    /// Why a place was not read; `None` if it was read.
    pub(super) fn unread(&self, spot: &Spot) -> Option<Unread> {
        let hides = |reason: &&Reason| match reason {
            // With these gaps, everything was read anyway, or the input has no places of its own.
            Reason::IndexRebuilt | Reason::ReadElsewhere | Reason::LinksNotFollowed => false,
            Reason::HistoryLeftOut => spot.buried,
            _ => true,
        };
        let mut is_target = false;
        for above in above(&spot.origin) {
            if let Some(reason) = self.gaps_at.get(above).and_then(|reasons| reasons.iter().find(hides)) {
                return Some(Unread::Gap(*reason));
            }
            is_target |= self.targets.contains(above);
        }
        if !is_target {
            return Some(Unread::NoTarget);
        }
        (!self.scan.complete && self.reads_less).then_some(Unread::Incomplete)
    }
}

/// Maximum number of names of one place that are looked up, which is more than a path can have. A longer place counts
/// as not read.
const MOST_ABOVE: usize = 4096;

/// A place and everything that contains it (directories, archives, histories), from the outside in, normalised as by
/// [`named`].
fn above(origin: &str) -> impl Iterator<Item = &str> {
    let relative = !origin.starts_with('/') && !origin.starts_with("../") && origin != "-";
    let ends = origin.char_indices().filter(|(_, c)| matches!(c, '/' | '!' | '@')).map(|(at, _)| at);
    let names = ends.chain([origin.len()]).take(MOST_ABOVE).filter_map(|end| origin.get(..end));
    relative.then_some(".").into_iter().chain(names)
}

/// Normalises the path of a target or a gap: `./a/` becomes `a`, the root is empty.
fn named(path: &str) -> &str {
    let path = path.trim_end_matches('/');
    path.strip_prefix("./").unwrap_or(path)
}

/// Removes the offsets of encodings in text from an origin: `a.yaml!base64@0x40` becomes `a.yaml!base64`.
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

/// The places in a git history that correspond to occurrences in files.
fn behind(occurrences: &[Occurrence]) -> BTreeSet<Spot> {
    let files = occurrences.iter().filter(|occurrence| !occurrence.is_buried());
    let object = |occurrence: &Occurrence| {
        let (git, place) = (occurrence.git.as_ref()?, &occurrence.place);
        let file = place.printable_path();
        let (rest, short) = (place.origin.strip_prefix(&*file)?, git.object.get(..SHORT)?);
        Some(Spot { origin: settled(&format!("{file}@{short}{rest}")).into(), buried: true })
    };
    files.filter_map(object).collect()
}

/// Digits of an object id in an origin.
const SHORT: usize = 12;

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
            behind: behind(&finding.occurrences),
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
            behind: behind(&secret.occurrences),
        };
        self.0.insert(secret.id, record);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_covers_everything_below_it() {
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
            ("", ".", true),
            ("ü/ü", "ü", true),
        ] {
            assert_eq!(self::above(origin).any(|name| name == named(above)), below, "{origin} below {above}");
        }
    }

    #[test]
    fn a_place_does_not_change_if_the_key_moves_in_its_file() {
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
