//! Attempts to hide a key or to harm the machine: each kind as a table of cases, each rule as a generator.
#![allow(clippy::format_collect, clippy::format_push_string, reason = "texts of tests are small")]

mod boxes;
mod claims;
mod clock;
mod confine;
mod covering;
mod der;
mod hooks;
mod marks;
#[cfg(unix)]
mod memory;
mod nested;
#[cfg(unix)]
mod opening;
mod output;
#[cfg(unix)]
mod planted;
mod pushes;
#[cfg(unix)]
mod readers;
#[cfg(unix)]
mod receive;
#[cfg(unix)]
mod reports;
#[cfg(unix)]
mod resources;
#[cfg(unix)]
mod said;
mod shown;
#[cfg(unix)]
mod sparse;
mod storage;
#[cfg(unix)]
mod targets;
mod usable;
mod zip;

/// Prints why a test, or a part of it, was skipped, even if passing tests are captured.
pub(crate) fn skipped(why: impl std::fmt::Display) {
    noted(format_args!("SKIPPED: {why}"));
}

/// Prints a note, even if passing tests are captured.
pub(crate) fn noted(what: impl std::fmt::Display) {
    use std::io::Write;
    let _ = writeln!(std::io::stderr(), "{what}");
}
