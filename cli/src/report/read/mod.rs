//! Reads a report, as a JSON document or as JSON lines, one record at a time.
//!
//! A report is untrusted input. It is read up to a maximum size and the parser's maximum depth of 128 levels. Error
//! messages quote only ids and short plain words of it. Words of keyradius are escaped when they are read, and texts
//! cannot be printed without being escaped (`model/text.rs`). Statements of a report about itself are recomputed where
//! possible (`settle.rs`).

mod bounded;
mod document;
mod error;
mod lines;
mod settle;
mod store;
#[cfg(test)]
mod tests;

use std::collections::BTreeSet;
use std::io::{BufRead, BufReader, Read};

use serde::Deserialize;

use super::model::{Coverage, Finding, Notice, Playbook, Public, SCHEMA, Scan, Secret, Summary, Tool, Word};
use bounded::Bounded;
use settle::Tally;

pub(crate) use error::{Foreign, ReadError};
pub(crate) use store::report;

/// Whether a record is open or allowed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Status {
    /// Not allowed: somebody has to act.
    Open,
    /// Every place of the record is allowed.
    Allowed,
}

/// Receives the records of a report, in their order.
pub(crate) trait Sink {
    /// Receives a finding.
    fn finding(&mut self, status: Status, finding: Finding);

    /// Receives an ordinary secret.
    fn secret(&mut self, status: Status, secret: Secret);
}

/// All parts of a report except its records.
#[derive(Debug, Deserialize)]
pub(crate) struct Rest {
    pub(crate) tool: Tool,
    pub(crate) scan: Scan,
    pub(crate) summary: Summary,
    #[serde(default)]
    pub(crate) public: Vec<Public>,
    #[serde(default)]
    pub(crate) playbooks: Vec<Playbook>,
    pub(crate) coverage: Coverage,
    #[serde(default)]
    pub(crate) notices: Vec<Notice>,
    /// Notes for people about corrected statements of the report.
    #[serde(skip)]
    pub(crate) mended: Vec<String>,
}

/// Reads a report of at most `most` bytes: passes its records to `sink` and returns the rest.
pub(crate) fn read(from: impl Read, most: u64, sink: &mut dyn Sink) -> Result<Rest, ReadError> {
    let mut input = BufReader::with_capacity(64 << 10, Bounded::new(from, most));
    let mut course = Course { sink, tally: Tally::default(), ids: BTreeSet::new(), record: None, twice: None };
    let read = begin(&mut input).and_then(|lines| {
        if lines { lines::read(&mut input, &mut course) } else { document::read(&mut input, &mut course) }
    });
    if input.get_ref().exceeded() {
        return Err(ReadError::TooLarge(most));
    }
    let mut rest = read?;
    course.tally.settle(&mut rest);
    Ok(rest)
}

/// Skips a byte order mark, and returns whether the input begins like JSON lines: with an object whose first member is
/// `type`.
fn begin(input: &mut impl BufRead) -> Result<bool, ReadError> {
    let start = input.fill_buf().map_err(ReadError::Io)?;
    if start.starts_with(&[0xff, 0xfe]) || start.starts_with(&[0xfe, 0xff]) {
        return Err(ReadError::Utf16);
    }
    if start.starts_with(b"\xef\xbb\xbf") {
        input.consume(3);
    }
    let start = input.fill_buf().map_err(ReadError::Io)?;
    if start.is_empty() {
        return Err(ReadError::Empty);
    }
    let object = start.trim_ascii_start().strip_prefix(b"{").map(<[u8]>::trim_ascii_start);
    Ok(object.is_some_and(|object| object.starts_with(b"\"type\"")))
}

/// The state while a report is read.
struct Course<'s> {
    sink: &'s mut dyn Sink,
    tally: Tally,
    /// Ids of the records so far.
    ids: BTreeSet<Word>,
    /// The current list, and the index of the current record in it.
    record: Option<(&'static str, usize)>,
    /// A duplicate id.
    twice: Option<String>,
}

impl Course<'_> {
    /// Takes a finding; returns `false` if its id is a duplicate.
    fn finding(&mut self, status: Status, finding: Finding) -> bool {
        self.tally.finding(status, &finding);
        let new = self.is_new(&finding.id);
        self.sink.finding(status, finding);
        new
    }

    /// Takes an ordinary secret; returns `false` if its id is a duplicate.
    fn secret(&mut self, status: Status, secret: Secret) -> bool {
        self.tally.secret(status, &secret);
        let new = self.is_new(&secret.id);
        self.sink.secret(status, secret);
        new
    }

    fn is_new(&mut self, id: &Word) -> bool {
        let new = self.ids.insert(id.clone());
        if !new {
            self.twice = Some(id.to_string());
        }
        new
    }
}

/// Fails if this is not the schema that this version reads.
fn check_schema(schema: &str) -> Result<(), ReadError> {
    if schema == SCHEMA {
        return Ok(());
    }
    match schema.strip_prefix("keyradius.") {
        Some(rest)
            if rest.starts_with("report/") && schema.len() <= 40 && rest.bytes().all(|b| b.is_ascii_graphic()) =>
        {
            Err(ReadError::OtherSchema(schema.to_owned()))
        }
        Some(rest) if rest.starts_with("facts/") => Err(ReadError::NotReport(Foreign::Facts)),
        _ => Err(ReadError::NotReport(Foreign::Other)),
    }
}
