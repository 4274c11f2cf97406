//! Errors of reading a report: what is wrong, where, and what to do next.

use std::io;

use serde_json::error::Category;

use crate::exit::Failure;
use crate::exit::plain;
use crate::report::model::SCHEMA;
use crate::report::model::ids::UNKNOWN;
use crate::report::words;

/// Why a report was not read. Contains only ids and short plain words of the input.
#[derive(Debug)]
pub(crate) enum ReadError {
    /// The file cannot be read.
    Io(io::Error),
    /// The report is larger than this limit, in bytes.
    TooLarge(u64),
    /// The file is empty.
    Empty,
    /// The file is UTF-16, as some shells write redirected output.
    Utf16,
    /// Not JSON, or not UTF-8.
    NotJson(Place),
    /// JSON of something else.
    NotReport(Foreign),
    /// A report of another major version: its schema.
    OtherSchema(String),
    /// The report is truncated.
    Cut(Place),
    /// There is data after the end of the report.
    After(Place),
    /// A value that this version does not know.
    Unknown(String, Place),
    /// A value that no version writes there.
    Wrong(String, Place),
    /// A required part is missing.
    Missing(&'static str),
    /// Two findings have the same id.
    Twice(String),
}

/// The kind of a file that is not a report.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Foreign {
    /// Facts, for `judge`.
    Facts,
    /// SARIF.
    Sarif,
    /// Anything else.
    #[default]
    Other,
}

/// A position in the file: the current record, the line and the column.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Place {
    pub(crate) record: Option<(&'static str, usize)>,
    pub(crate) line: usize,
    pub(crate) column: usize,
}

impl Place {
    fn text(self) -> String {
        let record = self.record.map(|(list, index)| format!("{list}[{index}], ")).unwrap_or_default();
        format!("{record}line {}, column {}", self.line, self.column)
    }
}

impl ReadError {
    /// Converts an error of the parser at `place`.
    pub(super) fn of(error: &serde_json::Error, place: Place) -> Self {
        let text = error.to_string();
        match error.classify() {
            Category::Io => Self::Io(io::Error::from(error.io_error_kind().unwrap_or(io::ErrorKind::Other))),
            Category::Eof => Self::Cut(place),
            Category::Syntax if text.starts_with("recursion limit") => {
                Self::Wrong("nested deeper than any report".to_owned(), place)
            }
            Category::Syntax => Self::NotJson(place),
            Category::Data => {
                let text = text.rsplit_once(" at line ").map_or(text.as_str(), |(text, _)| text);
                match text.strip_prefix(UNKNOWN) {
                    Some(_) => Self::Unknown(text.to_owned(), place),
                    None => Self::Wrong(without_values(text), place),
                }
            }
        }
    }

    /// The error as a message for a person. `shown` is the name of the file, safe to print.
    pub(crate) fn failure(self, shown: &str) -> Failure {
        let writes = "name a report written by `keyradius scan --format json` or `--format jsonl`";
        let again = "write the report again: this file was changed, or was not written by keyradius";
        let update = "a newer version of keyradius wrote the report: update, or convert it with that version";
        let (message, hint) = match self {
            Self::Io(error) => (format!("cannot read {shown}: {}", plain(&error)), writes.to_owned()),
            Self::TooLarge(most) => (
                format!("{shown} is larger than --max-report ({})", words::bytes(most)),
                "raise --max-report; a report that is converted is held in memory".to_owned(),
            ),
            Self::Empty => (format!("{shown} is empty"), writes.to_owned()),
            Self::Utf16 => (
                format!("{shown} is UTF-16, not UTF-8"),
                "write the report with `-o FILE`: redirection in this shell changes its encoding".to_owned(),
            ),
            Self::NotJson(at) => {
                (format!("{shown} is not a JSON document (line {}, column {})", at.line, at.column), writes.to_owned())
            }
            Self::NotReport(foreign) => (
                format!("{shown} is not a report of keyradius"),
                match foreign {
                    Foreign::Facts => "this is a file of facts: report on it with `keyradius judge`".to_owned(),
                    Foreign::Sarif => format!("SARIF does not contain a full report: {writes}"),
                    Foreign::Other => writes.to_owned(),
                },
            ),
            Self::OtherSchema(schema) => {
                (format!("{shown} has the schema {schema}: this version reads {SCHEMA}"), update.to_owned())
            }
            Self::Cut(at) => (
                format!("{shown} is truncated ({}): the rest of the report is missing", at.text()),
                "write the report again; with `-o FILE`, it is written completely or not at all".to_owned(),
            ),
            Self::After(at) => (
                format!("{shown}: unexpected data after the end of the report ({})", at.text()),
                "pass one report at a time".to_owned(),
            ),
            Self::Unknown(what, at) => (format!("{shown}: {what} ({})", at.text()), update.to_owned()),
            Self::Wrong(why, at) => (format!("{shown}: {why} ({})", at.text()), again.to_owned()),
            Self::Missing(part) => (format!("{shown}: the report has no `{part}`"), again.to_owned()),
            Self::Twice(id) => (format!("{shown}: two findings have the id {}", words::escape(&id)), again.to_owned()),
        };
        Failure::new(message).hint(hint)
    }
}

/// Removes quoted values from a message of the parser, because a file that is not a report may contain secrets.
fn without_values(text: &str) -> String {
    let quotes = ["invalid type", "invalid value", "invalid length", "unknown variant"];
    let expected = text.rsplit_once(", expected ").map(|(_, expected)| expected);
    match expected.filter(|_| quotes.iter().any(|quote| text.starts_with(quote))) {
        Some(expected) => format!("a value of another type where {expected} is expected"),
        None if quotes.iter().any(|quote| text.starts_with(quote)) => "a value of another type".to_owned(),
        // The message contains only a field name of ours, or is a message of ours.
        None => text.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_not_quoted() {
        for (text, told) in [
            (
                "invalid type: string \"hunter2, expected x\", expected u64",
                "a value of another type where u64 is expected",
            ),
            ("invalid value: integer `-1`, expected usize", "a value of another type where usize is expected"),
            ("missing field `id`", "missing field `id`"),
            ("duplicate field `id`", "duplicate field `id`"),
        ] {
            assert_eq!(without_values(text), told);
        }
    }
}
