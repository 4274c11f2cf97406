//! The report as JSON lines, for pipes and log shippers: one object per finding, one per ordinary secret, one per
//! playbook, then one with everything else.

use std::io::{self, Write};

use serde::Serialize;

use super::Report;
use super::json::line;
use super::model::{Coverage, Finding, Notice, Playbook, Public, Scan, Secret, Summary, Tool};
use crate::report::look::Look;

#[derive(Serialize)]
struct FindingLine {
    r#type: &'static str,
    /// `open` or `allowed`.
    status: &'static str,
    #[serde(flatten)]
    finding: Finding,
}

#[derive(Serialize)]
struct SecretLine {
    r#type: &'static str,
    /// `open` or `allowed`.
    status: &'static str,
    #[serde(flatten)]
    secret: Secret,
}

#[derive(Serialize)]
struct PlaybookLine<'a> {
    r#type: &'static str,
    #[serde(flatten)]
    playbook: &'a Playbook,
}

#[derive(Serialize)]
struct SummaryLine<'a> {
    r#type: &'static str,
    schema: &'static str,
    tool: &'a Tool,
    scan: &'a Scan,
    summary: &'a Summary,
    public: &'a [Public],
    coverage: &'a Coverage,
    notices: &'a [Notice],
}

/// Writes the report.
pub(crate) fn render(report: &Report, _: Look, out: &mut dyn Write) -> io::Result<()> {
    for (status, findings) in [("open", &report.findings), ("allowed", &report.allowed)] {
        for finding in findings.iter() {
            line(&FindingLine { r#type: "finding", status, finding }, out)?;
        }
    }
    for (status, secrets) in [("open", &report.secrets), ("allowed", &report.allowed_secrets)] {
        for secret in secrets.iter() {
            line(&SecretLine { r#type: "secret", status, secret }, out)?;
        }
    }
    for playbook in &report.playbooks {
        line(&PlaybookLine { r#type: "playbook", playbook }, out)?;
    }
    let Report { schema, tool, scan, summary, public, coverage, notices, .. } = report;
    line(&SummaryLine { r#type: "summary", schema, tool, scan, summary, public, coverage, notices }, out)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::samples;

    #[test]
    fn one_line_per_finding_then_the_summary() {
        let report = samples::report();
        let mut bytes = Vec::new();
        render(&report, Look::default(), &mut bytes).expect("lines");
        let text = String::from_utf8(bytes).expect("UTF-8");
        let lines: Vec<serde_json::Value> =
            text.lines().map(|line| serde_json::from_str(line).expect("JSON")).collect();
        let kinds: Vec<_> = lines.iter().map(|line| (line["type"].as_str(), line["status"].as_str())).collect();
        let (finding, open) = (Some("finding"), Some("open"));
        let expected = [
            (finding, open),
            (finding, open),
            (finding, Some("allowed")),
            (Some("secret"), open),
            (Some("secret"), open),
            (Some("secret"), Some("allowed")),
            (Some("playbook"), None),
            (Some("summary"), None),
        ];
        assert_eq!(kinds, expected);
        assert_eq!(lines[0]["id"], report.findings.get(0).expect("a finding").id.as_str());
    }
}
