//! Looks for keys in a file and says what they are for: `cargo run --example scan_bytes -- FILE`.

#![allow(
    clippy::print_stdout,
    clippy::print_stderr,
    clippy::disallowed_methods,
    reason = "a program for a terminal that reads a file"
)]

use std::process::ExitCode;

use keyradius_detectors::{Judging, judge};

fn main() -> ExitCode {
    let Some(path) = std::env::args().nth(1) else {
        eprintln!("usage: scan_bytes FILE");
        return ExitCode::from(2);
    };
    let bytes = match std::fs::read(&path) {
        Ok(bytes) => bytes,
        Err(error) => {
            eprintln!("{path}: {error}");
            return ExitCode::from(2);
        }
    };
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).map_or(0, |since| since.as_secs());
    let harvest = keyradius_detectors::engine().bytes(&path, &bytes);
    let judgement = judge(harvest, &Judging::at(now.try_into().unwrap_or(i64::MAX)));
    for finding in &judgement.findings {
        let algorithm = finding.algorithm.as_ref().map_or("key", |algorithm| algorithm.name);
        println!("{}  {}  {algorithm}: {}", finding.severity_text(), finding.id, finding.reason);
        for place in &finding.occurrences {
            println!("      {}:{}  {}", place.origin, place.line, place.material.format);
        }
    }
    for gap in &judgement.gaps {
        println!("not read: {}: {} ({})", gap.origin, gap.reason.id(), gap.detail);
    }
    // An unread input may contain a key, so without findings the exit status is 0 only if there is no such gap.
    match (judgement.findings.is_empty(), judgement.gaps.iter().any(|gap| gap.reason.leaves_incomplete())) {
        (false, _) => ExitCode::FAILURE,
        (true, true) => ExitCode::from(3),
        (true, false) => ExitCode::SUCCESS,
    }
}
