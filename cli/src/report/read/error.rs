//! Why a report was not read: what, where and what to do next.

use std::io;

use serde_json::error::Category;

use crate::exit::Failure;
use crate::exit::plain;
use crate::report::model::SCHEMA;
use crate::report::model::ids::UNKNOWN;
use crate::report::words;

/// A report that was not read. Holds nothing of the input but ids and short plain words.
#[derive(Debug)]
pub(crate) enum ReadError {
    /// The system does not give it.
    Io(io::Error),
    /// Larger than the limit, in bytes.
    TooLarge(u64),
    /// No bytes at all.
    Empty,
    /// UTF-16, as some shells write what is redirected.
    Utf16,
    /// Not JSON, or not UTF-8.
    NotJson(Place),
    /// JSON of something else.
    NotReport(Foreign),
    /// A report of another major version: its schema.
    OtherSchema(String),
    /// It ends before its end.
    Cut(Place),
    /// Something follows its end.
    After(Place),
    /// A value that this version does not know.
    Unknown(String, Place),
    /// A value that no version writes there.
    Wrong(String, Place),
    /// A part that every report has.
    Missing(&'static str),
    /// Two findings of one id.
    Twice(String),
}

/// What the file is, if it is not a report.
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

/// Where in the file: the record that was read last or is read, line and column.
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
    /// From an error of the parser, in the record at `place`.
    pub(super) fn of(error: &serde_json::Error, place: Place) -> Self {
        let text = error.to_string();
        match error.classify() {
            Category::Io => Self::Io(io::Error::from(error.io_error_kind().unwrap_or(io::ErrorKind::Other))),
            Category::Eof => Self::Cut(place),
            Category::Syntax if text.starts_with("recursion limit") => {
                Self::Wrong("nested deeper than a report is".to_owned(), place)
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

    /// The error for a person. `shown` is the name of the file, safe to print.
    pub(crate) fn failure(self, shown: &str) -> Failure {
        let writes = "a report is what `keyradius scan --format json` or `--format jsonl` writes";
        let again = "write it again: it was not written by keyradius, or was changed since";
        let update = "a newer version of keyradius wrote it: update, or convert it with that version";
        let (message, hint) = match self {
            Self::Io(error) => (format!("cannot read {shown}: {}", plain(&error)), writes.to_owned()),
            Self::TooLarge(most) => (
                format!("{shown} is larger than --max-report ({})", words::bytes(most)),
                "allow more with --max-report: a report that is converted is held in memory".to_owned(),
            ),
            Self::Empty => (format!("{shown} is empty"), writes.to_owned()),
            Self::Utf16 => (
                format!("{shown} is UTF-16, not UTF-8"),
                "write the report with `-o FILE`: redirection in this shell changes it".to_owned(),
            ),
            Self::NotJson(at) => {
                (format!("{shown} is not a JSON document (line {}, column {})", at.line, at.column), writes.to_owned())
            }
            Self::NotReport(foreign) => (
                format!("{shown} is not a report of keyradius"),
                match foreign {
                    Foreign::Facts => "these are facts: `keyradius judge` reports on them".to_owned(),
                    Foreign::Sarif => format!("SARIF does not hold everything: {writes}"),
                    Foreign::Other => writes.to_owned(),
                },
            ),
            Self::OtherSchema(schema) => {
                (format!("{shown} has the schema {schema}: this version reads {SCHEMA}"), update.to_owned())
            }
            Self::Cut(at) => (
                format!("{shown} ends before its end ({}): the rest of the report is missing", at.text()),
                "write it again: with `-o FILE` a report is written whole or not at all".to_owned(),
            ),
            Self::After(at) => (
                format!("{shown}: something follows the end of the report ({})", at.text()),
                "give one report at a time".to_owned(),
            ),
            Self::Unknown(what, at) => (format!("{shown}: {what} ({})", at.text()), update.to_owned()),
            Self::Wrong(why, at) => (format!("{shown}: {why} ({})", at.text()), again.to_owned()),
            Self::Missing(part) => (format!("{shown}: the report has no `{part}`"), again.to_owned()),
            Self::Twice(id) => (format!("{shown}: two findings have the id {}", words::escape(&id)), again.to_owned()),
        };
        Failure::new(message).hint(hint)
    }
}

/// A message of the parser without the values that it quotes: the file may be something else than a report.
fn without_values(text: &str) -> String {
    let quotes = ["invalid type", "invalid value", "invalid length", "unknown variant"];
    let expected = text.rsplit_once(", expected ").map(|(_, expected)| expected);
    match expected.filter(|_| quotes.iter().any(|quote| text.starts_with(quote))) {
        Some(expected) => format!("a value of another type where {expected} is expected"),
        None if quotes.iter().any(|quote| text.starts_with(quote)) => "a value of another type".to_owned(),
        // The name of a field of ours, or a message of ours.
        None => text.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_not_repeated() {
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
