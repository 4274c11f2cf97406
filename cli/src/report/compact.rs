//! One line for each place of each finding, for editors, `grep` and people who know what they look for.
//!
//! `path:line: severity tier what algorithm id`. A place in a binary file has an offset instead of a line (`path@0x1f:`).
//! Allowed findings are left out, as from the list of findings of every format.

use std::io::{self, Write};

use keyradius_core::material::Encoding;

use super::Report;
use super::model::{Finding, Occurrence, Secret};
use super::words::escape;
use crate::report::look::Look;

/// Writes one line for each place, in the order of the report.
pub(crate) fn render(report: &Report, _: Look, out: &mut dyn Write) -> io::Result<()> {
    for finding in report.findings.iter() {
        let what = what(&finding);
        lines(&finding.occurrences, &what, out)?;
    }
    for secret in report.secrets.iter() {
        let Secret { severity, title, id, .. } = &secret;
        lines(&secret.occurrences, &format!("{:.1} - {} {id}", severity.number(), escape(title)), out)?;
    }
    Ok(())
}

fn lines(occurrences: &[Occurrence], what: &str, out: &mut dyn Write) -> io::Result<()> {
    occurrences.iter().try_for_each(|occurrence| writeln!(out, "{}: {what}", place(occurrence)))
}

fn what(finding: &Finding) -> String {
    let roles: Vec<String> = finding.roles.iter().map(|role| escape(&role.title)).collect();
    let algorithm = finding.key.algorithm.as_ref().map_or("-", |algorithm| &algorithm.name);
    let (severity, tier, id) = (finding.severity.number(), finding.tier.id(), &finding.id);
    format!("{severity:.1} {tier} {} {} {id}", roles.join(", "), escape(algorithm))
}

/// `path:line` or, where lines mean nothing, `path@offset`.
fn place(occurrence: &Occurrence) -> String {
    let place = &occurrence.place;
    let origin = escape(&place.origin);
    if matches!(occurrence.encoding, Encoding::Der | Encoding::Binary) {
        format!("{origin}@{:#x}", place.offset)
    } else {
        format!("{origin}:{}", place.line)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::samples;

    #[test]
    fn every_place_is_a_line() {
        for report in samples::reports() {
            let mut text = Vec::new();
            render(&report, Look::default(), &mut text).expect("lines");
            let text = String::from_utf8(text).expect("UTF-8");
            let of_findings: usize = report.findings.iter().map(|finding| finding.occurrences.len()).sum();
            let of_secrets: usize = report.secrets.iter().map(|secret| secret.occurrences.len()).sum();
            assert_eq!(text.lines().count(), of_findings + of_secrets, "{text}");
            for (line, finding) in text.lines().zip(report.findings.iter().take(1)) {
                let end = format!(" {}", finding.id.as_str());
                assert!(line.contains(&format!(": {:.1} {} ", finding.severity.number(), finding.tier.id())), "{line}");
                assert!(line.ends_with(&end), "{line}");
            }
        }
    }
}
