//! Judges the objects of a push after they were read: which of them are new, where they are, and which keys in them are
//! new.

use std::collections::BTreeSet;
use std::path::Path;

use keyradius_core::engine::Engine;
use keyradius_core::error::Gap;

use super::git::Git;
use super::judge::{Judged, Place, Places, judge};
use super::known::{Known, Scanned, named, oid};
use super::places::{self, places};
use super::policy::Policy;
use super::range::{Range, Reach, kinds, name};
use crate::exit::Failure;

/// The result of checking a push.
#[derive(Debug, Default)]
pub(crate) struct Told {
    /// The new keys and secrets.
    pub(crate) judged: Judged,
    /// Inputs that could not be read.
    pub(crate) gaps: Vec<Gap>,
    /// Inputs that were not opened, one line each.
    pub(crate) aside: Vec<String>,
}

/// A push, and how it is checked.
pub(crate) struct Push<'a> {
    pub(crate) git: &'a Git,
    pub(crate) range: &'a Range,
    /// The directory that all work trees of the repository share.
    pub(crate) common: &'a Path,
    pub(crate) policy: &'a Policy,
    /// The engine that scans objects.
    pub(crate) engine: &'a Engine<'a>,
    /// Whether objects that no new tip reaches were read too.
    pub(crate) unreached: bool,
    /// Whether it is too late to look up more places.
    pub(crate) late: &'a dyn Fn() -> bool,
}

impl Push<'_> {
    /// Finds the new keys and secrets.
    pub(crate) fn tell(&self, mut scanned: Scanned) -> Result<Told, Failure> {
        let mut reached = self.range.reach(self.git, &scanned.mentioned())?;
        // A thin pack is completed with objects that were reachable before, and git lists some old objects as new.
        // Checking an object costs a walk over everything, so only objects that would cause a refusal are checked.
        let hits = scanned.hits();
        let doubtful =
            |(oid, reach): &(&String, &Reach)| (self.unreached && **reach == Reach::Nowhere) || hits.contains(*oid);
        let doubtful = reached.iter().filter(doubtful).map(|(oid, _)| oid.clone()).collect();
        for oid in self.range.before(self.git, &doubtful, self.late)? {
            reached.insert(oid, Reach::Before);
        }
        scanned.retain(&|oid: &str| reached.get(oid).is_none_or(|reach| *reach != Reach::Before));
        let kinds = kinds(self.git, &scanned.mentioned())?;
        let name = |oid: &str| name(oid, kinds.get(oid).map(String::as_str), reached.get(oid));

        let hits = scanned.hits();
        let places = self.places(&hits, &name)?;
        let olds: BTreeSet<String> = places.values().flatten().flat_map(|place| place.olds.iter().cloned()).collect();
        let known = Known::read(self.git, &Vec::from_iter(olds), Some(self.common), self.engine)?;

        let aside = scanned.aside(&name);
        let mut gaps = std::mem::take(&mut scanned.gaps);
        for gap in &mut gaps {
            gap.origin = named(&gap.origin, name(&oid(&gap.origin)));
        }
        let somewhere =
            |oid: &str| places.get(oid).cloned().unwrap_or_else(|| vec![Place { path: name(oid), ..Place::default() }]);
        let judged = judge(scanned, &somewhere, &known, self.policy);
        Ok(Told { judged, gaps, aside })
    }

    /// Finds the places of the hits. An object that is also reachable without a commit, as by a tag of a blob, gets one
    /// more place there, as new.
    fn places(&self, hits: &BTreeSet<String>, name: &dyn Fn(&str) -> std::path::PathBuf) -> Result<Places, Failure> {
        if hits.is_empty() {
            return Ok(Places::new());
        }
        let places::Found { mut places, partly } = places(self.git, hits, self.range, self.late)?;
        let mut beside = BTreeSet::new();
        if partly {
            beside.clone_from(hits);
        } else if let Some(range) = self.range.beside_commits(self.git)? {
            let reached = range.reach(self.git, hits)?;
            beside.extend(reached.into_iter().filter(|(_, reach)| *reach != Reach::Nowhere).map(|(oid, _)| oid));
        }
        for oid in beside {
            let path = name(&oid);
            let places = places.entry(oid).or_default();
            places.push(Place { path, ..Place::default() });
        }
        Ok(places)
    }
}
