//! Counts the lines of a blob.

use crate::blob::Blob;

/// The number of line feeds.
pub(crate) fn count_lines(bytes: &[u8]) -> u64 {
    memchr::memchr_iter(b'\n', bytes).count() as u64
}

/// Counts lines from the last position asked for: backwards too, because a finding may begin before its anchor.
pub(crate) struct Lines {
    at: usize,
    line: u64,
}

impl Lines {
    /// Starts at the first byte of a blob.
    pub(crate) const fn of(blob: Blob<'_>) -> Self {
        Self { at: 0, line: blob.window.line }
    }

    /// The line of the byte at `at`.
    pub(crate) fn at(&mut self, blob: Blob<'_>, at: usize) -> u64 {
        if at < self.at {
            self.line -= count_lines(blob.bytes.get(at..self.at).unwrap_or_default());
        } else {
            self.line += count_lines(blob.bytes.get(self.at..at).unwrap_or_default());
        }
        self.at = at;
        self.line
    }
}
