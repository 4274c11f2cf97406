//! Containers in the middle of other bytes: a shell script with an archive after it, a picture with one behind it, the
//! file systems of a flash dump.
//!
//! The prefilter finds their magic numbers with all other anchors. What looks like a container beyond its magic number
//! is a candidate. When the whole input was searched as plain bytes, its candidates are opened: `unpack/carve.rs`.

use std::collections::BTreeMap;
use std::sync::Mutex;

use super::session::{Session, lock};
use crate::blob::{Blob, Origin};
use crate::prefilter::Owners;
use crate::seam::INNER;

/// Maximum number of candidates of one input. Further ones are searched as plain bytes only.
pub(super) const MOST: usize = 1 << 16;

/// What looks like the start of a container.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Candidate {
    /// Its offset in the input.
    pub(super) at: u64,
    /// The container: an index into [`crate::seam::Knowledge::containers`].
    pub(super) container: usize,
}

/// The candidates of inputs that are being read.
#[derive(Default)]
pub(super) struct Candidates(Mutex<BTreeMap<Origin, Vec<Candidate>>>);

impl Candidates {
    /// Keeps the candidates of a blob.
    pub(super) fn add(&self, origin: &Origin, more: &mut Vec<Candidate>) {
        if !more.is_empty() {
            let mut all = lock(&self.0);
            let known = all.entry(origin.clone()).or_default();
            let room = MOST.saturating_sub(known.len());
            known.extend(more.drain(..).take(room));
        }
    }

    /// Whether an input has candidates.
    pub(super) fn has(&self, origin: &Origin) -> bool {
        lock(&self.0).contains_key(origin)
    }

    /// Takes the candidates of an input.
    pub(super) fn take(&self, origin: &Origin) -> Vec<Candidate> {
        lock(&self.0).remove(origin).unwrap_or_default()
    }
}

/// The candidates with a magic number at this index of a blob.
pub(super) fn candidates(
    session: &Session<'_>,
    blob: Blob<'_>,
    magic: usize,
    owners: &Owners,
) -> impl Iterator<Item = Candidate> {
    let of = move |&(container, before): &(usize, usize)| {
        let start = magic.checked_sub(before)?;
        let at = blob.window.start + start as u64;
        let end = blob.bytes.len().min(start.saturating_add(INNER));
        let begins = session.knowledge.containers.get(container)?.begins(blob.bytes.get(start..end)?);
        // What an input begins with was recognised before.
        (at > 0 && begins).then_some(Candidate { at, container })
    };
    owners.containers.iter().filter_map(of)
}
