//! Tables as comma-separated values (RFC 4180), for spreadsheets.
//!
//! File names and subjects come from strangers. A spreadsheet takes a cell that begins with one of four characters as a
//! formula, so an apostrophe is put before it.

use std::fmt::Write as _;

/// Characters with which a formula begins in common spreadsheets (OWASP, CSV injection).
const FORMULA: [char; 6] = ['=', '+', '-', '@', '\t', '\r'];

/// A table, one line for each row.
#[derive(Debug, Default)]
pub(super) struct Table(String);

impl Table {
    /// Adds a row of cells.
    pub(super) fn row<'c>(&mut self, cells: impl IntoIterator<Item = &'c str>) {
        for (index, cell) in cells.into_iter().enumerate() {
            if index > 0 {
                self.0.push(',');
            }
            let guard = if cell.starts_with(FORMULA) { "'" } else { "" };
            if cell.contains(['"', ',', '\n', '\r']) || !guard.is_empty() {
                let _ = write!(self.0, "\"{guard}{}\"", cell.replace('"', "\"\""));
            } else {
                self.0.push_str(cell);
            }
        }
        self.0.push_str("\r\n");
    }

    pub(super) fn into_bytes(self) -> Vec<u8> {
        self.0.into_bytes()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cells_are_quoted_and_never_formulas() {
        let mut table = Table::default();
        table.row(["a", "b c", "d,e", "f\"g", "h\ni", "", "=1+1", "-2", "@x"]);
        assert_eq!(
            String::from_utf8(table.into_bytes()).expect("text"),
            "a,b c,\"d,e\",\"f\"\"g\",\"h\ni\",,\"'=1+1\",\"'-2\",\"'@x\"\r\n"
        );
    }
}
