//! Searches bytes outside of a run, with anchors that are compiled once.

use super::cover::Known;
use super::{Session, Watch};
use crate::blob::{Blob, Origin};
use crate::budget::Limits;
use crate::material::Material;
use crate::prefilter::Prefilter;
use crate::seam::{BlobSink, Knowledge};

/// Searches bytes that came to light after a run, such as those of a container that a password opened.
pub struct Searcher {
    knowledge: &'static Knowledge,
    prefilter: Prefilter,
    limits: Limits,
}

impl Searcher {
    /// Compiles the anchors: some milliseconds.
    pub fn new(knowledge: &'static Knowledge, limits: Limits) -> Self {
        Self { knowledge, prefilter: Prefilter::new(knowledge), limits }
    }

    /// What is in the bytes and says more than `known`, which was found in them already.
    pub fn search(&self, origin: &Origin, bytes: &[u8], known: &[Material]) -> Vec<Material> {
        let watch = Watch::default();
        let session = Session::with(self.knowledge, Compiled::Borrowed(&self.prefilter), self.limits, &watch, 1);
        session.blob(Blob::whole(bytes, origin));
        let known = Known::of(known);
        let found = session.take().into_iter().map(|occurrence| occurrence.material);
        found.filter(|material| !known.says(material)).collect()
    }
}

/// The anchors of a session.
pub(super) enum Compiled<'a> {
    Own(Box<Prefilter>),
    Borrowed(&'a Prefilter),
}

impl Compiled<'_> {
    pub(super) const fn get(&self) -> &Prefilter {
        match self {
            Self::Own(prefilter) => prefilter,
            Self::Borrowed(prefilter) => prefilter,
        }
    }
}
