//! Runs detectors and unwrappers over what sources bring.
//!
//! A source feeds blobs from its threads to a session; each blob is looked at by a `worker` from a pool, and containers
//! are opened by `unpack`. Blobs of one file come from one thread in order, and everything is sorted by origin at the
//! end, so what is reported does not depend on the number of jobs.

mod allow;
mod allowance;
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

pub use crate::run::Progress;
pub use crate::run::harvest::{Counts, Harvest, UNOPENED_PLACES};
pub use schedule::each;

/// All that is known of formats, compiled once: what every run and every single look at bytes share.
///
/// It borrows what it knows, so that a detector of one's own or the rules of a user need not live longer than it does.
#[derive(Clone)]
pub struct Engine<'k> {
    knowledge: Knowledge<'k>,
    prefilter: Arc<Prefilter<'k>>,
    limits: Limits,
}

impl std::fmt::Debug for Engine<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Engine({:?}, {:?})", self.prefilter, self.limits)
    }
}

impl<'k> Engine<'k> {
    /// Compiles the anchors of what is known: some milliseconds.
    pub fn new(knowledge: Knowledge<'k>, limits: Limits) -> Self {
        let prefilter = Arc::new(Prefilter::new(&knowledge));
        Self { knowledge, prefilter, limits }
    }

    /// The same with other limits. Nothing is compiled again.
    #[must_use]
    pub fn limited(&self, limits: Limits) -> Self {
        Self { limits, ..self.clone() }
    }

    /// The limits that hold for each run.
    pub const fn limits(&self) -> Limits {
        self.limits
    }

    /// The anchors, compiled.
    pub fn prefilter(&self) -> &Prefilter<'k> {
        &self.prefilter
    }

    /// A run that has read nothing yet.
    pub(crate) fn run<'r>(&'r self, progress: &'r Progress) -> Run<'r> {
        Run::new(&self.knowledge, &self.prefilter, self.limits, progress)
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

    /// What is in bytes that came to light after a run, such as those of a container that a password opened, and says more than
    /// `known`, which was found in them already.
    pub fn beyond(&self, origin: &Origin, bytes: &[u8], known: &[Material]) -> Vec<Material> {
        let progress = Progress::default();
        let session = self.session(&progress, 1);
        session.blob(Blob::whole(bytes, origin));
        let known = Known::of(known);
        let found = session.take().into_iter().map(|occurrence| occurrence.material);
        found.filter(|material| !known.says(material)).collect()
    }
}
