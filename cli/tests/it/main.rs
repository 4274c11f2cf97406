//! The built binary, run as a person runs it.

#![allow(clippy::indexing_slicing, clippy::panic, reason = "a test that indexes wrong fails")]

mod bombs;
#[cfg(unix)]
mod evidence;
mod explain;
mod facts;
mod git;
mod hook;
mod hostile;
mod hunt;
#[cfg(unix)]
mod incident;
mod patience;
mod report;
mod scan;
#[path = "../../src/report/schema.rs"]
mod schema;
mod secrecy;
mod secrets;
mod test_keys;
mod usage;
mod workshop;
