//! Runs detectors and unwrappers over the bytes that sources bring.
//!
//! A source feeds blobs from its threads to a session; a `worker` from a pool scans each blob, and `unpack` opens
//! containers. The blobs of one file come from one thread in order, and everything is sorted by origin at the end, so
//! reports do not depend on the number of jobs.

mod allow;
mod allowance;
mod carving;
mod cover;
#[cfg(test)]
mod faked;
mod locked;
mod memory;
mod schedule;
mod session;
mod unpack;
mod worker;

use std::sync::Arc;

use cover::Known;
use session::Session;

use crate::blob::{Blob, Origin};
use crate::budget::Limits;
use crate::error::SourceError;
use crate::material::Material;
use crate::prefilter::Prefilter;
use crate::run::Run;
use crate::seam::{Knowledge, Sink, Source};
use crate::source::digest::Digests;

pub use crate::run::Progress;
pub use crate::run::harvest::{Counts, Harvest, UNOPENED_PLACES};
pub use schedule::each;

/// Everything known of formats, compiled once: shared by all runs and by single scans of bytes.
///
/// The engine borrows its knowledge: a custom detector or the rules of a user need only live as long as the engine.
#[derive(Clone)]
pub struct Engine<'k> {
    knowledge: Knowledge<'k>,
    prefilter: Arc<Prefilter<'k>>,
    limits: Limits,
    digests: Option<&'k Digests>,
}

impl std::fmt::Debug for Engine<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Engine({:?}, {:?})", self.prefilter, self.limits)
    }
}

impl<'k> Engine<'k> {
    /// Compiles the anchors of `knowledge`; takes some milliseconds.
    pub fn new(knowledge: Knowledge<'k>, limits: Limits) -> Self {
        let prefilter = Arc::new(Prefilter::new(&knowledge));
        Self { knowledge, prefilter, limits, digests: None }
    }

    /// The same engine with other limits. Nothing is compiled again.
    #[must_use]
    pub fn limited(&self, limits: Limits) -> Self {
        Self { limits, ..self.clone() }
    }

    /// The same engine, whose runs add the digests of the files that they read.
    #[must_use]
    pub fn digesting(&self, digests: &'k Digests) -> Self {
        Self { digests: Some(digests), ..self.clone() }
    }

    /// The limits of each run.
    pub const fn limits(&self) -> Limits {
        self.limits
    }

    /// The compiled anchors.
    pub fn prefilter(&self) -> &Prefilter<'k> {
        &self.prefilter
    }

    /// A run that has read nothing yet.
    pub(crate) fn run<'r>(&'r self, progress: &'r Progress) -> Run<'r> {
        Run::new(&self.knowledge, &self.prefilter, self.limits, progress, self.digests)
    }

    fn session<'r>(&'r self, progress: &'r Progress, jobs: usize) -> Session<'r> {
        Session::new(self.run(progress), &self.knowledge, jobs)
    }

    /// Scans every source, on up to `jobs` threads.
    pub fn scan(&self, sources: &[&dyn Source], jobs: usize, progress: &Progress) -> Result<Harvest, SourceError> {
        schedule::threads(jobs).map_err(|error| SourceError::Threads(format!("{jobs} of them: {error}")))?;
        let session = self.session(progress, jobs);
        for source in sources {
            source.feed(jobs, session.feed())?;
        }
        let mut occurrences = session.take();
        for source in sources {
            source.annotate(jobs, &mut occurrences, &session.run);
        }
        Ok(session.finish(occurrences))
    }

    /// Scans bytes that are already in memory, as if they were the file `name`.
    pub fn bytes(&self, name: &str, bytes: &[u8]) -> Harvest {
        let progress = Progress::default();
        let session = self.session(&progress, 1);
        session.blob(Blob::whole(bytes, &Origin::file(name)));
        session.run.count_file(bytes.len() as u64);
        let occurrences = session.take();
        session.finish(occurrences)
    }

    /// Scans bytes that appeared after a run, such as those of a container that a password opened. Returns the
    /// materials that add to `known`, which was already found in these bytes.
    pub fn beyond(&self, origin: &Origin, bytes: &[u8], known: &[Material]) -> Vec<Material> {
        let progress = Progress::default();
        let session = self.session(&progress, 1);
        session.blob(Blob::whole(bytes, origin));
        let known = Known::of(known);
        let found = session.take().into_iter().map(|occurrence| occurrence.material);
        found.filter(|material| !known.says(material)).collect()
    }
}
