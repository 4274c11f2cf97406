//! `keyradius schema`: print the JSON Schema of an output.

use crate::args::SchemaName;
use crate::exit::{Exit, Failure};
use crate::{out, report};

/// Prints the schema.
pub(crate) fn run(name: SchemaName) -> Result<Exit, Failure> {
    match name {
        SchemaName::Report => out::data(report::REPORT_SCHEMA.as_bytes())?,
        SchemaName::Diff => out::data(report::DIFF_SCHEMA.as_bytes())?,
        SchemaName::Hunt => out::data(report::HUNT_SCHEMA.as_bytes())?,
        SchemaName::Evidence => out::data(report::EVIDENCE_SCHEMA.as_bytes())?,
        SchemaName::Identity => out::data(report::IDENTITY_SCHEMA.as_bytes())?,
        SchemaName::Facts => out::data(report::FACTS_SCHEMA.as_bytes())?,
    }
    Ok(Exit::Nothing)
}
