//! Which keys an object holds: what was there before is no news.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use detectors::radius::Estate;
use detectors::radius::estate::KeyName;
use scanner_core::blob::Origin;
use scanner_core::budget::Limits;
use scanner_core::engine::{self, Watch};
use scanner_core::error::Gap;
use scanner_core::material::{Identity, Kind, Occurrence, ProtectionState};
use scanner_core::seam::Knowledge;

use super::blobs::{Blobs, Seen};
use super::git::{Git, text};
use crate::exit::Failure;

/// What some objects hold. The path of every origin is the name of an object.
#[derive(Debug, Default)]
pub(crate) struct Scanned {
    /// What was found.
    pub(crate) occurrences: Vec<Occurrence>,
    /// What could not be read.
    pub(crate) gaps: Vec<Gap>,
    /// What was learned on the way.
    pub(crate) seen: Seen,
    /// Objects read to their end.
    pub(crate) read: u64,
    /// Whether the time was up.
    pub(crate) interrupted: bool,
}

impl Scanned {
    /// Reads objects.
    pub(crate) fn read(
        git: Git,
        oids: &[String],
        common: Option<&Path>,
        (search, limits, jobs): (Knowledge, Limits, usize),
        watch: &Watch,
    ) -> Result<Self, Failure> {
        let blobs = Blobs::new(git, oids, common);
        let harvest =
            engine::scan(&search, &[&blobs], jobs, limits, watch).map_err(|error| Failure::new(error.to_string()))?;
        let (read, seen) = blobs.finish();
        let gaps = harvest.gaps.into_iter().filter(|gap| gap.reason.leaves_incomplete()).collect();
        Ok(Self { occurrences: harvest.occurrences, gaps, seen, read, interrupted: harvest.interrupted })
    }

    /// The objects that hold a private key or an ordinary secret.
    pub(crate) fn hits(&self) -> BTreeSet<String> {
        self.objects(|kind| matches!(kind, Kind::PrivateKey | Kind::Secret))
    }

    /// The objects that hold a private key.
    pub(crate) fn keys(&self) -> BTreeSet<String> {
        self.objects(|kind| kind == Kind::PrivateKey)
    }

    fn objects(&self, holds: impl Fn(Kind) -> bool) -> BTreeSet<String> {
        let holding = self.occurrences.iter().filter(|occurrence| holds(occurrence.material.kind));
        holding.map(|occurrence| oid(&occurrence.origin)).collect()
    }
}

/// The object of an origin.
pub(crate) fn oid(origin: &Origin) -> String {
    text(origin.path.as_os_str().as_encoded_bytes())
}

/// The name of the key that an occurrence has by itself.
pub(crate) fn own_name(occurrence: &Occurrence) -> Option<KeyName> {
    occurrence.material.identity.as_ref().map(|identity| match identity {
        Identity::Public(half) => KeyName::Public(half.id.key_only),
        Identity::Opaque(digest) => KeyName::Opaque(*digest),
    })
}

/// How well an occurrence is protected.
fn protection(occurrence: &Occurrence) -> ProtectionState {
    occurrence.material.protection.as_ref().map_or(ProtectionState::Plaintext, |protection| protection.state)
}

/// Keys by the object that holds them, each with its weakest protection there; and ordinary secrets.
#[derive(Debug, Default)]
pub(crate) struct Known {
    keys: BTreeMap<String, BTreeMap<KeyName, ProtectionState>>,
    secrets: BTreeMap<String, BTreeSet<Mark>>,
}

/// What tells an ordinary secret: its digest, or its rule where a digest could be guessed.
type Mark = Result<[u8; 32], &'static str>;

fn mark(occurrence: &Occurrence) -> Option<Mark> {
    let secret = occurrence.material.secret.as_deref()?;
    Some(match &occurrence.material.identity {
        Some(Identity::Opaque(digest)) => Ok(*digest),
        _ => Err(secret.rule),
    })
}

impl Known {
    /// The keys of these objects. What cannot be read is not known.
    pub(crate) fn read(
        git: Git,
        oids: &[String],
        common: Option<&Path>,
        (search, limits): (Knowledge, Limits),
    ) -> Result<Self, Failure> {
        if oids.is_empty() {
            return Ok(Self::default());
        }
        let scanned = Scanned::read(git, oids, common, (search, limits, 1), &Watch::default())?;
        let mut known: BTreeMap<String, BTreeMap<KeyName, ProtectionState>> = BTreeMap::new();
        let estate = Estate::new(scanned.occurrences);
        let mut secrets: BTreeMap<String, BTreeSet<Mark>> = BTreeMap::new();
        for occurrence in &estate.secrets {
            secrets.entry(oid(&occurrence.origin)).or_default().extend(mark(occurrence));
        }
        for group in estate.keys {
            for occurrence in &group.private {
                let names = known.entry(oid(&occurrence.origin)).or_default();
                for name in [Some(group.name), own_name(occurrence)].into_iter().flatten() {
                    let state = protection(occurrence);
                    names.entry(name).and_modify(|weakest| *weakest = (*weakest).min(state)).or_insert(state);
                }
            }
        }
        Ok(Self { keys: known, secrets })
    }

    /// Whether `old` holds this ordinary secret already.
    pub(crate) fn covers_secret(&self, old: &str, occurrence: &Occurrence) -> bool {
        mark(occurrence).is_some_and(|mark| self.secrets.get(old).is_some_and(|marks| marks.contains(&mark)))
    }

    /// Whether `old` holds this key already, and no better protected: a key that lost its password is news.
    pub(crate) fn covers(&self, old: &str, group: KeyName, occurrence: &Occurrence) -> bool {
        let Some(names) = self.keys.get(old) else { return false };
        [Some(group), own_name(occurrence)]
            .into_iter()
            .flatten()
            .any(|name| names.get(&name).is_some_and(|weakest| *weakest <= protection(occurrence)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::samples;

    #[test]
    fn a_key_that_lost_its_password_is_news() {
        use ProtectionState::{Plaintext, Strong, Weak};
        let mut occurrence = samples::occurrence("a.pem", 1);
        occurrence.material.identity = Some(Identity::Opaque([1; 32]));
        let name = KeyName::Opaque([1; 32]);
        for (old, new, covered) in
            [(Plaintext, Plaintext, true), (Plaintext, Strong, true), (Strong, Weak, false), (Weak, Plaintext, false)]
        {
            let known = Known { keys: [("old".to_owned(), [(name, old)].into())].into(), ..Known::default() };
            occurrence.material.protection = Some(scanner_core::material::Protection::new(new, ""));
            assert_eq!(known.covers("old", name, &occurrence), covered, "{old:?} {new:?}");
            assert!(!known.covers("other", name, &occurrence), "another path");
            occurrence.material.identity = Some(Identity::Opaque([2; 32]));
            assert_eq!(known.covers("old", name, &occurrence), covered, "by the name that the run gave it");
            assert!(!known.covers("old", KeyName::Opaque([2; 32]), &occurrence), "another key");
            occurrence.material.identity = Some(Identity::Opaque([1; 32]));
        }
    }
}
