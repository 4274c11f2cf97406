//! Files that use keys: what they say of keys and passwords that are stored elsewhere.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;
use std::sync::Arc;

use super::{Run, lock};
use crate::blob::Blob;
use crate::error::{Gap, Reason};
use crate::lines::Lines;
use crate::material::Occurrence;
use crate::read_at::{Cursor, Held};
use crate::seam::Clues;

/// Largest file that is read for what it says of keys that are stored elsewhere, in bytes. Larger ones are data.
pub(crate) const LARGEST: usize = 1 << 20;

impl Run<'_> {
    /// Whether files that use keys are read at all.
    pub const fn reads_clues(&self) -> bool {
        self.knowledge.clues.is_some()
    }

    /// Whether a file of this name may use keys.
    pub fn wants_clues(&self, path: &Path) -> bool {
        self.knowledge.clues.is_some_and(|reader| reader.wants(path))
    }

    /// Reads what a file says of keys that are stored elsewhere, if its name says that it may use them. Nothing else is
    /// looked for.
    pub fn read_clues(&self, blob: Blob<'_>) {
        let Some(reader) = self.knowledge.clues else { return };
        if !reader.wants(&blob.origin.location()) {
            return;
        }
        if blob.bytes.len() > LARGEST || !blob.window.last {
            return lock(&self.candidates).not_all_of(blob.origin);
        }
        let mut clues = Clues::default();
        if catch_unwind(AssertUnwindSafe(|| reader.read(blob, &mut clues))).is_err() {
            let origin = blob.origin.clone();
            self.gap(Gap { origin, reason: Reason::DetectorFault, detail: "usage".to_owned() });
        }
        if clues.not_all || !clues.candidates.is_empty() {
            let mut candidates = lock(&self.candidates);
            if clues.not_all {
                candidates.not_all_of(blob.origin);
            }
            clues.candidates.drain(..).for_each(|candidate| candidates.push(candidate));
        }
        if clues.references.is_empty() {
            return;
        }
        let mut lines = Lines::of(blob);
        clues.references.sort_by_key(|material| material.span.start);
        let at = |material: crate::material::Material| {
            let line = lines.at(blob, material.span.start);
            blob.occurrence(material, line, None)
        };
        let mut found: Vec<Occurrence> = clues.references.into_iter().map(at).collect();
        let program = || Cursor::new(Arc::new(Held::new(blob.bytes.to_vec())));
        self.locate(blob.bytes, &mut found, &program);
        self.add(found.into_iter());
    }
}
