//! Files that use keys: what they say of keys and passwords stored elsewhere.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;
use std::sync::Arc;

use super::{Run, lock};
use crate::blob::Blob;
use crate::error::{Gap, Reason};
use crate::lines::Lines;
use crate::material::Occurrence;
use crate::read_at::{Cursor, Held};
use crate::seam::UsageHints;

/// Largest file read for its use of keys, in bytes. A larger file is data.
pub(crate) const LARGEST: usize = 1 << 20;

impl Run<'_> {
    /// Whether files that use keys are read at all.
    pub const fn reads_clues(&self) -> bool {
        self.knowledge.usage_hints.is_some()
    }

    /// Whether a file of this name may use keys.
    pub fn wants_clues(&self, path: &Path) -> bool {
        self.knowledge.usage_hints.is_some_and(|reader| reader.wants(path))
    }

    /// Reads what a file says of keys stored elsewhere, if its name says that it may use keys. Does not look for keys
    /// in it.
    pub fn read_usage(&self, blob: Blob<'_>) {
        let Some(reader) = self.knowledge.usage_hints else { return };
        if !reader.wants(&blob.origin.location()) {
            return;
        }
        if blob.bytes.len() > LARGEST || !blob.window.last {
            if reader.takes_passwords(&blob.origin.location()) {
                lock(&self.candidates).not_all_of(blob.origin);
            }
            return;
        }
        let mut usage_hints = UsageHints::default();
        if catch_unwind(AssertUnwindSafe(|| reader.read(blob, &mut usage_hints))).is_err() {
            let origin = blob.origin.clone();
            self.gap(Gap::new(origin, Reason::DetectorFault, "usage".to_owned()));
        }
        if usage_hints.not_all || !usage_hints.candidates.is_empty() {
            let mut candidates = lock(&self.candidates);
            if usage_hints.not_all {
                candidates.not_all_of(blob.origin);
            }
            usage_hints.candidates.drain(..).for_each(|candidate| candidates.push(candidate));
        }
        if usage_hints.references.is_empty() {
            return;
        }
        let mut lines = Lines::of(blob);
        usage_hints.references.sort_by_key(|material| material.span.start);
        let at = |material: crate::material::Material| {
            let line = lines.at(blob, material.span.start);
            blob.occurrence(material, line, None)
        };
        let mut found: Vec<Occurrence> = usage_hints.references.into_iter().map(at).collect();
        let program = || Cursor::new(Arc::new(Held::new(blob.bytes.to_vec())));
        self.locate(blob.bytes, &mut found, &program);
        self.add(found.into_iter());
    }
}
