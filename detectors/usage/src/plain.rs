//! Small files that contain only passwords: `password.txt`, `store.pass`, `pw`.

use keyradius_core::blob::Blob;
use keyradius_core::seam::{Candidate, UsageHints};
use keyradius_core::secret::Secret;

use super::tables::Password;
use super::text::Text;
use super::value::{LONGEST_PASSWORD, is_placeholder};

/// Largest file that is read as passwords, in bytes: a short list.
const LARGEST: usize = 32 << 10;

/// Adds every line, and the part of it after a `:` or `=`.
pub(super) fn read(blob: Blob<'_>, most: usize, table: &Password, out: &mut UsageHints) {
    if blob.bytes.len() > LARGEST {
        out.not_all = true;
        return;
    }
    let Some(text) = Text::of(blob.bytes) else { return };
    for number in 0..text.count() {
        let line = text.of_line(number).trim();
        let behind = line.find([':', '=']).and_then(|at| line.get(at + 1..)).map(str::trim);
        for part in [Some(line), behind].into_iter().flatten() {
            if part.is_empty() || part.len() > LONGEST_PASSWORD || is_placeholder(part, table) {
                continue;
            }
            if out.candidates.len() >= most {
                out.not_all = true;
                return;
            }
            out.candidates.push(Candidate {
                secret: Secret::new(part.as_bytes().to_vec()),
                origin: blob.origin.clone(),
                line: number as u64 + 1,
                field: "line".to_owned(),
                about: Vec::new(),
            });
        }
    }
}
