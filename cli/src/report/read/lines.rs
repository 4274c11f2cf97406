//! Reads a report as JSON lines: records, then playbooks, then the summary as the last line.

use std::io::BufRead;

use serde::Deserialize;

use super::error::{Foreign, Place, ReadError};
use super::{Course, Rest, Status, check_schema};
use crate::report::model::Playbook;

/// The members of a line that determine how it is read.
#[derive(Deserialize)]
struct Tag {
    r#type: String,
    status: Option<String>,
    schema: Option<String>,
}

/// Reads lines to the end of the input.
pub(super) fn read(input: &mut impl BufRead, course: &mut Course<'_>) -> Result<Rest, ReadError> {
    let (mut playbooks, mut rest) = (Vec::new(), None);
    let mut line = Vec::new();
    for number in 1.. {
        line.clear();
        if input.read_until(b'\n', &mut line).map_err(ReadError::Io)? == 0 {
            return rest.ok_or(ReadError::Cut(Place { line: number, ..Place::default() }));
        }
        if line.trim_ascii().is_empty() {
            continue;
        }
        if rest.is_some() {
            return Err(ReadError::After(Place { line: number, column: 1, ..Place::default() }));
        }
        let whole = line.ends_with(b"\n");
        let fault = |error: &serde_json::Error| {
            let place = Place { line: number, column: error.column(), ..Place::default() };
            match ReadError::of(error, place) {
                // A value that continues on the next line: JSON of something else.
                ReadError::Cut(place) if whole => {
                    if number == 1 {
                        not_ours()
                    } else {
                        ReadError::NotJson(place)
                    }
                }
                ReadError::Wrong(..) | ReadError::Unknown(..) if number == 1 && !is_tagged(&line) => not_ours(),
                error => error,
            }
        };
        let tag: Tag = serde_json::from_slice(&line).map_err(|error| fault(&error))?;
        let place = Place { line: number, column: 1, ..Place::default() };
        let status = match tag.status.as_deref() {
            None | Some("open") => Status::Open,
            Some("allowed") => Status::Allowed,
            Some(_) => return Err(ReadError::Wrong("a status must be open or allowed".to_owned(), place)),
        };
        let new = match tag.r#type.as_str() {
            "finding" => course.finding(status, serde_json::from_slice(&line).map_err(|error| fault(&error))?),
            "secret" => course.secret(status, serde_json::from_slice(&line).map_err(|error| fault(&error))?),
            "playbook" => {
                playbooks.push(serde_json::from_slice::<Playbook>(&line).map_err(|error| fault(&error))?);
                true
            }
            "summary" => {
                check_schema(tag.schema.as_deref().ok_or_else(not_ours)?)?;
                let end: Rest = serde_json::from_slice(&line).map_err(|error| fault(&error))?;
                rest = Some(Rest { playbooks: std::mem::take(&mut playbooks), ..end });
                true
            }
            _ if number == 1 => return Err(not_ours()),
            _ => return Err(ReadError::Unknown(format!("{}a line", crate::report::model::ids::UNKNOWN), place)),
        };
        if !new {
            return Err(ReadError::Twice(course.twice.take().unwrap_or_default()));
        }
    }
    Err(not_ours())
}

/// Whether a line has a type of ours, even if the rest of it is invalid.
fn is_tagged(line: &[u8]) -> bool {
    let tag = serde_json::from_slice::<Tag>(line);
    tag.is_ok_and(|tag| ["finding", "secret", "playbook", "summary"].contains(&tag.r#type.as_str()))
}

const fn not_ours() -> ReadError {
    ReadError::NotReport(Foreign::Other)
}
