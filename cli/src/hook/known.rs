//! The keys that an object contains, to tell new keys from those that were there before.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use keyradius_core::blob::{Origin, printable_path};
use keyradius_core::engine::{Engine, Progress};
use keyradius_core::error::Gap;
use keyradius_core::material::{Identity, Kind, Locked, Occurrence, Proof, ProtectionState};
use keyradius_core::seam::Source;
use keyradius_judgement::Estate;
use keyradius_judgement::estate::KeyName;

use super::blobs::{self, Blobs, Note, Tally};
use super::git::Git;
use crate::exit::Failure;
use crate::report::words::{self, escape};

/// Number of inputs that are named for each format that was not opened.
const NAMED: usize = 5;

/// The content of scanned objects. Every origin is an object id, without a path.
#[derive(Debug, Default)]
pub(crate) struct Scanned {
    /// Everything that was found.
    pub(crate) occurrences: Vec<Occurrence>,
    /// Inputs that could not be read.
    pub(crate) gaps: Vec<Gap>,
    /// Inputs that were deliberately not read.
    pub(crate) deliberate: Vec<Gap>,
    /// Formats that were recognised and not opened: the number of inputs, and the first of them.
    pub(crate) unopened: BTreeMap<&'static str, (u64, BTreeSet<Origin>)>,
    /// Remarks about objects.
    pub(crate) notes: Vec<Note>,
    /// Whether the scan was stopped before its end.
    pub(crate) interrupted: bool,
}

impl Scanned {
    /// Reads and scans objects.
    pub(crate) fn read(
        blobs: Vec<Blobs<'_>>,
        engine: &Engine<'_>,
        jobs: usize,
        progress: &Progress,
    ) -> Result<Self, Failure> {
        let sources: Vec<&dyn Source> = blobs.iter().map(|blobs| blobs as &dyn Source).collect();
        let harvest = engine.scan(&sources, jobs, progress).map_err(|error| Failure::new(error.to_string()))?;
        let mut notes = Vec::new();
        for blobs in blobs {
            match blobs.finish() {
                Ok(more) => notes.extend(more),
                Err(failure) if !harvest.interrupted => return Err(failure),
                Err(_) => {}
            }
        }
        let (gaps, deliberate) = harvest.gaps.into_iter().partition(|gap| gap.reason.leaves_incomplete());
        let mut places = harvest.unopened_at;
        let unopened =
            harvest.unopened.into_iter().map(|(id, count)| (id, (count, places.remove(id).unwrap_or_default())));
        Ok(Self {
            occurrences: harvest.occurrences,
            gaps,
            deliberate,
            unopened: unopened.collect(),
            notes,
            interrupted: harvest.interrupted,
        })
    }

    /// Ids of the objects that contain a private key or an ordinary secret.
    pub(crate) fn hits(&self) -> BTreeSet<String> {
        self.objects(|kind| matches!(kind, Kind::PrivateKey | Kind::Secret))
    }

    /// Ids of the objects that contain a private key.
    pub(crate) fn keys(&self) -> BTreeSet<String> {
        self.objects(|kind| kind == Kind::PrivateKey)
    }

    /// Ids of all objects that occur in the result.
    pub(crate) fn mentioned(&self) -> BTreeSet<String> {
        let gaps = self.gaps.iter().chain(&self.deliberate).map(|gap| oid(&gap.origin));
        let places = self.unopened.values().flat_map(|(_, places)| places).map(oid);
        let notes = self.notes.iter().map(|note| note.oid.clone());
        self.objects(|_| true).into_iter().chain(gaps).chain(places).chain(notes).collect()
    }

    /// Drops the results of objects for which `counts` is `false`.
    pub(crate) fn retain(&mut self, counts: &dyn Fn(&str) -> bool) {
        self.occurrences.retain(|occurrence| counts(&oid(&occurrence.origin)));
        // The object of a gap of many is only the first: the others may be part of the push.
        let keeps = |gap: &Gap| gap.of_many || counts(&oid(&gap.origin));
        self.gaps.retain(keeps);
        self.deliberate.retain(keeps);
        self.notes.retain(|note| counts(&note.oid));
        for (count, places) in self.unopened.values_mut() {
            // If there are more inputs than places kept, the objects of the others are unknown, so all are kept.
            if *count == places.len() as u64 {
                places.retain(|place| counts(&oid(place)));
                *count = places.len() as u64;
            }
        }
        self.unopened.retain(|_, (count, _)| *count > 0);
    }

    /// Describes inputs that were not opened or deliberately not read, one line each. `name` returns the path or name
    /// of an object.
    pub(crate) fn aside(&self, name: &dyn Fn(&str) -> PathBuf) -> Vec<String> {
        let called = |origin: &Origin| escape(&named(origin, name(&oid(origin))).to_string());
        let formats = self.unopened.iter().map(|(format, (count, places))| {
            let mut named: Vec<String> = places.iter().take(NAMED).map(called).collect();
            let more = count.saturating_sub(named.len() as u64);
            named.extend((more > 0).then(|| format!("{} more", words::count(more))));
            format!("not opened, only searched as plain bytes: {} ({format})", named.join(", "))
        });
        let left = self.deliberate.iter().map(|gap| format!("{}: {}", called(&gap.origin), escape(&gap.detail)));
        let notes =
            self.notes.iter().map(|note| format!("{}: {}", escape(&printable_path(&name(&note.oid))), note.what));
        formats.chain(left).chain(notes).collect()
    }

    fn objects(&self, holds: impl Fn(Kind) -> bool) -> BTreeSet<String> {
        let holding = self.occurrences.iter().filter(|occurrence| holds(occurrence.material.kind));
        holding.map(|occurrence| oid(&occurrence.origin)).collect()
    }
}

/// The object id of an origin; empty if there is none, as in a gap of a whole run.
pub(crate) fn oid(origin: &Origin) -> String {
    origin.object.map_or_else(String::new, |object| object.to_string())
}

/// An origin inside an object, with a path of that object in place of its id.
pub(crate) fn named(origin: &Origin, path: impl Into<PathBuf>) -> Origin {
    Origin { wraps: origin.wraps.clone(), ..Origin::file(path) }
}

/// The name of the key by this occurrence alone, without what other occurrences show.
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

/// The state of a key in an object: its protection, how far it is proven, and the digest of its ciphertext.
type State = (ProtectionState, Proof, Option<[u8; 32]>);

fn state(occurrence: &Occurrence) -> State {
    let material = &occurrence.material;
    (protection(occurrence), material.proof, material.locked.as_ref().map(Locked::id))
}

/// Whether the public half of a key is only claimed by a locked file: the encrypted private half may belong to another
/// key.
fn is_claim(occurrence: &Occurrence) -> bool {
    let material = &occurrence.material;
    let is_locked = protection(occurrence) != ProtectionState::Plaintext && material.proof != Proof::Verified;
    is_locked && matches!(material.identity, Some(Identity::Public(_)))
}

/// Keys and ordinary secrets by the id of the object that contains them; each key with its states there.
#[derive(Debug, Default)]
pub(crate) struct Known {
    keys: BTreeMap<String, BTreeMap<KeyName, BTreeSet<State>>>,
    secrets: BTreeMap<String, BTreeSet<Mark>>,
}

/// Identifies an ordinary secret: by its digest, or by its rule if the value could be guessed from a digest.
type Mark = Result<[u8; 32], String>;

fn mark(occurrence: &Occurrence) -> Option<Mark> {
    let secret = occurrence.material.secret.as_deref()?;
    Some(match &occurrence.material.identity {
        Some(Identity::Opaque(digest)) => Ok(*digest),
        _ => Err(secret.rule.to_string()),
    })
}

impl Known {
    /// Reads the keys of these objects. Objects that cannot be read contribute nothing.
    pub(crate) fn read(
        git: &Git,
        oids: &[String],
        common: Option<&Path>,
        engine: &Engine<'_>,
    ) -> Result<Self, Failure> {
        if oids.is_empty() {
            return Ok(Self::default());
        }
        let tally = Tally::default();
        let blobs = Blobs::new(git, blobs::list(oids), common, &tally);
        let scanned = Scanned::read(vec![blobs], engine, 1, &Progress::default())?;
        Ok(Self::of(scanned.occurrences))
    }

    /// Collects the keys and secrets of occurrences, by object id.
    pub(crate) fn of(occurrences: Vec<Occurrence>) -> Self {
        let mut known: BTreeMap<String, BTreeMap<KeyName, BTreeSet<State>>> = BTreeMap::new();
        let estate = Estate::new(occurrences);
        let mut secrets: BTreeMap<String, BTreeSet<Mark>> = BTreeMap::new();
        for occurrence in &estate.secrets {
            secrets.entry(oid(&occurrence.origin)).or_default().extend(mark(occurrence));
        }
        for group in estate.keys {
            for occurrence in &group.private {
                let names = known.entry(oid(&occurrence.origin)).or_default();
                for name in [Some(group.name), own_name(occurrence)].into_iter().flatten() {
                    names.entry(name).or_default().insert(state(occurrence));
                }
            }
        }
        Self { keys: known, secrets }
    }

    /// Whether the object `old` already contains this ordinary secret.
    pub(crate) fn covers_secret(&self, old: &str, occurrence: &Occurrence) -> bool {
        mark(occurrence).is_some_and(|mark| self.secrets.get(old).is_some_and(|marks| marks.contains(&mark)))
    }

    /// Whether the object `old` already contains this key, no better protected and at least as far proven. A key that
    /// lost its password is new. So is a proven key whose public numbers alone were there, beside other private ones. A
    /// locked key that only claims its public half is the same key only if its ciphertext is the same.
    pub(crate) fn covers(&self, old: &str, group: KeyName, occurrence: &Occurrence) -> bool {
        let Some(names) = self.keys.get(old) else { return false };
        let (protection, proof, sealed) = state(occurrence);
        let fits = |old: Option<[u8; 32]>| !is_claim(occurrence) || (sealed.is_some() && old == sealed);
        let names = [Some(group), own_name(occurrence)].into_iter().flatten().filter_map(|name| names.get(&name));
        names.flatten().any(|(old, proven, seal)| *old <= protection && *proven >= proof && fits(*seal))
    }
}

#[cfg(test)]
mod tests {
    use keyradius_core::error::Reason;

    use super::super::blobs::origin_of;
    use super::*;
    use crate::report::samples;

    #[test]
    fn gaps_of_several_objects_are_always_kept() {
        let gap =
            |gap: fn(Origin, Reason, String) -> Gap| gap(Origin::file("old"), Reason::TooMany, "and 5 more".into());
        let (one, many) = (gap(Gap::new), gap(Gap::of_many));
        let gaps = vec![one.clone(), many.clone(), one];
        let mut scanned = Scanned { gaps: gaps.clone(), deliberate: gaps, ..Scanned::default() };
        scanned.retain(&|_| false);
        assert_eq!((scanned.gaps, scanned.deliberate), (vec![many.clone()], vec![many]));
    }

    #[test]
    fn secrets_are_hits_and_only_private_keys_are_keys() {
        let [a, b, c] = ["a", "b", "c"].map(|digit| digit.repeat(40));
        let of_kind = |object: &str, kind| {
            let mut occurrence = samples::occurrence("", 1);
            occurrence.origin = origin_of(object);
            occurrence.material.kind = kind;
            occurrence
        };
        let occurrences =
            vec![of_kind(&a, Kind::PrivateKey), of_kind(&b, Kind::Secret), of_kind(&c, Kind::Certificate)];
        let scanned = Scanned { occurrences, ..Scanned::default() };
        assert_eq!((scanned.hits(), scanned.keys()), ([a.clone(), b].into(), [a].into()));
    }

    #[test]
    fn the_public_half_of_a_locked_file_is_a_claim() {
        let mut occurrence = samples::occurrence("a.key", 1);
        occurrence.material.identity = samples::signing().public.map(Identity::Public);
        let name = own_name(&occurrence).expect("a public half");
        let set = |occurrence: &mut Occurrence, state, proof, bytes: &[u8]| {
            occurrence.material.protection = Some(keyradius_core::material::Protection::new(state, ""));
            occurrence.material.proof = proof;
            occurrence.material.locked = (!bytes.is_empty()).then(|| Locked::new(bytes));
        };
        let (plain, strong) = (ProtectionState::Plaintext, ProtectionState::Strong);
        for (old, new, covered) in [
            ((plain, Proof::Verified, &b""[..]), (strong, Proof::Structure, &b"x"[..]), false),
            ((strong, Proof::Structure, b"x"), (strong, Proof::Structure, b"x"), true),
            ((strong, Proof::Structure, b"x"), (strong, Proof::Structure, b"y"), false),
            ((strong, Proof::Structure, b""), (strong, Proof::Structure, b""), false),
            // Opened with a password.
            ((plain, Proof::Verified, b""), (strong, Proof::Verified, b""), true),
        ] {
            set(&mut occurrence, old.0, old.1, old.2);
            let states = [(name, [state(&occurrence)].into())].into();
            let known = Known { keys: [("old".to_owned(), states)].into(), ..Known::default() };
            set(&mut occurrence, new.0, new.1, new.2);
            assert_eq!(known.covers("old", name, &occurrence), covered, "{old:?} {new:?}");
        }
    }

    #[test]
    fn a_key_that_lost_its_password_is_new() {
        use Proof::{Structure, Verified};
        use ProtectionState::{Plaintext, Strong, Weak};
        let mut occurrence = samples::occurrence("a.pem", 1);
        occurrence.material.identity = Some(Identity::Opaque([1; 32]));
        let name = KeyName::Opaque([1; 32]);
        for (old, new, covered) in [
            ((Plaintext, Verified), (Plaintext, Verified), true),
            ((Plaintext, Verified), (Strong, Structure), true),
            ((Plaintext, Structure), (Plaintext, Structure), true),
            ((Strong, Verified), (Weak, Verified), false),
            ((Weak, Structure), (Plaintext, Verified), false),
            // A decoy: the public numbers of the key with arbitrary private ones.
            ((Plaintext, Structure), (Plaintext, Verified), false),
        ] {
            let states = [(name, [(old.0, old.1, None)].into())].into();
            let known = Known { keys: [("old".to_owned(), states)].into(), ..Known::default() };
            occurrence.material.protection = Some(keyradius_core::material::Protection::new(new.0, ""));
            occurrence.material.proof = new.1;
            assert_eq!(known.covers("old", name, &occurrence), covered, "{old:?} {new:?}");
            assert!(!known.covers("other", name, &occurrence), "another path");
            occurrence.material.identity = Some(Identity::Opaque([2; 32]));
            assert_eq!(known.covers("old", name, &occurrence), covered, "by the name that the run gave it");
            assert!(!known.covers("old", KeyName::Opaque([2; 32]), &occurrence), "another key");
            occurrence.material.identity = Some(Identity::Opaque([1; 32]));
            assert_eq!(known.covers("old", KeyName::Opaque([2; 32]), &occurrence), covered, "by its own name");
        }
    }
}
