//! The last line of a run.

use std::fmt::Write as _;
use std::time::Duration;

use super::super::Report;
use super::words;

/// The last line: counts of findings and inputs, what was not read, and the time taken.
pub(crate) fn summary(report: &Report, took: Duration) -> String {
    let Report { summary, coverage, scan, .. } = report;
    let mut found = Vec::new();
    let signing = summary.signing_notes.saturating_add(summary.signing_tests);
    let others = summary.notes.saturating_add(summary.test_keys).saturating_sub(signing);
    for (count, one, many) in [
        (summary.signing_keys.saturating_sub(signing), "signing key", "signing keys"),
        (summary.other_keys.saturating_sub(others), "other key", "other keys"),
        (summary.test_keys, "key for tests", "keys for tests"),
        (summary.notes, "note", "notes"),
    ] {
        if count > 0 {
            found.push(words::plural(count as u64, one, many));
        }
    }
    let mut found = found.join(", ");
    if found.is_empty() {
        found.push_str(if summary.secrets > 0 {
            "no keys in the inputs read"
        } else {
            "no findings in the inputs read"
        });
    } else {
        let _ = write!(found, " ({})", words::plural(summary.places as u64, "place", "places"));
    }
    if summary.secrets > 0 {
        let secrets = words::plural(summary.secrets as u64, "ordinary secret", "ordinary secrets");
        let places = words::plural(summary.secret_places as u64, "place", "places");
        let _ = write!(found, ", {secrets} ({places})");
    }
    if summary.allowed > 0 {
        let _ = write!(found, ", {} allowed", words::count(summary.allowed as u64));
    }
    let deliberate = coverage.gaps.iter().filter(|gap| gap.deliberate).count() as u64;
    let unread = (coverage.gaps.len() as u64).saturating_sub(deliberate);
    if unread > 0 {
        let inputs = words::plural(unread, "input", "inputs");
        let _ = write!(found, "; {inputs} could not be read (--show-skipped lists them)");
    }
    let mut parts = vec![found];
    let files = words::plural(coverage.files, "file", "files");
    parts.push(format!("{files}, {}", words::bytes(coverage.bytes)));
    let sum = |sum: u64, more: u64| sum.saturating_add(more);
    let blobs = coverage.repositories.iter().map(|repository| repository.blobs).fold(0, sum);
    let blob_bytes = coverage.repositories.iter().map(|repository| repository.blob_bytes).fold(0, sum);
    match coverage.repositories.len() as u64 {
        0 => {}
        1 => parts.push(format!("{} of history, {}", words::plural(blobs, "blob", "blobs"), words::bytes(blob_bytes))),
        count => parts.push(format!(
            "{} of {} histories, {}",
            words::plural(blobs, "blob", "blobs"),
            words::count(count),
            words::bytes(blob_bytes)
        )),
    }
    let mut left = Vec::new();
    if deliberate > 0 {
        left.push(format!("{} deliberately skipped", words::count(deliberate)));
    }
    if summary.unopened > 0 {
        left.push(unopened(report));
    }
    if !left.is_empty() {
        parts.push(left.join(", "));
    }
    if scan.interrupted {
        parts.push("interrupted".to_owned());
    }
    parts.push(words::duration(took));
    parts.join(" · ")
}

/// The count of inputs that were not opened, by format: `12 not opened (10 zip, 2 gzip)`.
fn unopened(report: &Report) -> String {
    let mut kinds: Vec<(&str, u64)> =
        report.coverage.unopened.iter().map(|(kind, count)| (kind.as_str(), *count)).collect();
    kinds.sort_by_key(|(kind, count)| (std::cmp::Reverse(*count), *kind));
    let mut named: Vec<String> =
        kinds.iter().take(3).map(|(kind, count)| format!("{} {kind}", words::count(*count))).collect();
    if kinds.len() > 3 {
        named.push("others".to_owned());
    }
    format!("{} not opened ({})", words::count(report.summary.unopened), named.join(", "))
}
