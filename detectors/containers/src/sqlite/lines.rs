//! Lines of a text that are rows of a table, one a row: logs, and files that were imported line by line.
//!
//! In the pages of a database such rows lie in any order, and between the parts of their records.

use std::ops::ControlFlow;

use keyradius_core::seam::{Inside, Member};
use zeroize::Zeroizing;

/// Longest value that may be a line of a key: those of PEM have 64 or 76 characters, of some tools all that fit.
const LINE: u64 = 200;

/// Fewest characters of a line of base64 that begins a text, without a header of PEM.
const FIRST: usize = 40;

/// Longest text, and most columns.
const TEXT: usize = 256 << 10;
const COLUMNS: usize = 64;

/// The text that the last rows form, for each column.
#[derive(Default)]
pub(super) struct Joined {
    columns: Vec<Text>,
}

#[derive(Default)]
struct Text {
    lines: Zeroizing<Vec<u8>>,
    count: usize,
    row: i64,
    at: u64,
    /// Whether the row that is being read had a line.
    grew: bool,
}

impl Joined {
    /// Whether a value may be a line.
    pub(super) const fn may_be(column: usize, letters: u64) -> bool {
        letters <= LINE && column < COLUMNS
    }

    /// Takes a value of a row.
    pub(super) fn take(&mut self, column: usize, line: &[u8], row: i64, at: u64) {
        if self.columns.len() <= column {
            self.columns.resize_with(column + 1, Text::default);
        }
        let Some(text) = self.columns.get_mut(column) else { return };
        let line = line.trim_ascii();
        let is_mark = line.starts_with(b"-----") && line.ends_with(b"-----");
        let is_digit = |byte: &u8| byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'/' | b'=' | b'-' | b'_');
        let goes_on = text.count > 0 && text.lines.len() < TEXT;
        // A header of PEM may be in the middle: `DEK-Info: AES-128-CBC,...`, and an empty line after it.
        let is_line = is_mark
            || (line.iter().all(is_digit) && (goes_on || line.len() >= FIRST))
            || (goes_on && memchr::memmem::find(line, b": ").is_some());
        if !is_line {
            return;
        }
        if text.count == 0 {
            (text.row, text.at) = (row, at);
        }
        text.grew = true;
        text.count += 1;
        text.lines.extend_from_slice(line);
        text.lines.push(b'\n');
    }

    /// Hands out the texts that the last row did not go on with; with `all`, every one.
    pub(super) fn end_row(&mut self, table: &str, all: bool, inside: &mut dyn Inside) -> ControlFlow<()> {
        for (column, text) in self.columns.iter_mut().enumerate() {
            if !std::mem::take(&mut text.grew) || all {
                let done = std::mem::take(text);
                if done.count > 1 {
                    let name = format!("{table}/{}.../{column}", done.row);
                    inside.view(Member { name: name.as_bytes(), at: done.at }, &mut done.lines.as_slice())?;
                }
            }
        }
        ControlFlow::Continue(())
    }
}
