//! Reports: one model, and one pure function per format that turns it into bytes.

pub(crate) mod build;
pub(crate) mod diff;
mod human;
pub(crate) mod json;
mod jsonl;
pub(crate) mod model;
pub(crate) mod read;
pub(crate) mod records;
#[cfg(test)]
pub(crate) mod samples;
mod sarif;
#[cfg(test)]
pub(crate) mod schema;
pub(crate) mod words;

use std::io;

use crate::choice::Format;
use crate::plan::Look;

pub(crate) use human::summary;
pub(crate) use model::Report;

/// The JSON Schema of [`Report`].
pub(crate) const REPORT_SCHEMA: &str = include_str!("report.schema.json");

/// The JSON Schema of one line of facts.
pub(crate) const FACTS_SCHEMA: &str = include_str!("facts.schema.json");

/// The JSON Schema of [`diff::Diff`].
pub(crate) const DIFF_SCHEMA: &str = include_str!("diff/diff.schema.json");

/// Writes a report in a format.
pub(crate) fn render(report: &Report, format: Format, look: Look, out: &mut dyn io::Write) -> io::Result<()> {
    match format {
        Format::Human => human::render(report, look, out),
        Format::Json => json::render(report, out),
        Format::Jsonl => jsonl::render(report, out),
        Format::Sarif => sarif::render(report, out),
        // `command/scan.rs` writes facts, before they are judged.
        Format::Facts => Ok(()),
    }
}
