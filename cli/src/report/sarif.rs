//! SARIF 2.1.0 (OASIS), in the form that GitHub code scanning reads.
//!
//! There is one result per key, so that copying or moving a key causes no new alert. There is never a snippet, which
//! would contain the key. For the same reason, `primaryLocationLineHash` is the key's identity, as that field allows,
//! instead of GitHub's rolling hash of the line and the hundred characters after it, which are the key itself.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::io;

use keyradius_judgement::rules::{self, Rules};
use serde::{Serialize, Serializer};
use serde_json::{Value, json};

use super::Report;
use super::json::pretty;
use super::model::{AllowedBy, Finding, FindingKind, Gap, Id as _, LinkKind, Occurrence, Playbook, Tenths};
use super::words;
use crate::report::look::Look;

mod place;
mod secrets;

pub(super) use place::percent_encode;
use place::{artifact, located, location, point};

const SCHEMA: &str = "https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/schemas/sarif-schema-2.1.0.json";

/// Maximum number of results that GitHub accepts in one run.
const MOST_RESULTS: usize = 25_000;

/// Maximum number of related locations that GitHub shows for one result.
const MOST_RELATED: usize = 100;

/// Maximum length of a description that GitHub accepts, in characters.
const MOST_TEXT: usize = 1_024;

/// Writes the report.
pub(crate) fn render(report: &Report, _: Look, out: &mut dyn io::Write) -> io::Result<()> {
    let open = report.findings.iter().enumerate().map(|(index, finding)| entry(index, false, &finding));
    let allowed = report.allowed.iter().enumerate().map(|(index, finding)| entry(index, true, &finding));
    let mut findings: Vec<Entry> = open.chain(allowed).collect();
    findings.sort_by(|a, b| a.allowed.cmp(&b.allowed).then(b.severity.cmp(&a.severity)));
    let open = (0..report.secrets.len()).map(|index| (index, false));
    let mut ordinary: Vec<(usize, bool)> =
        open.chain((0..report.allowed_secrets.len()).map(|index| (index, true))).collect();
    let cut = (findings.len() + ordinary.len()).saturating_sub(MOST_RESULTS);
    findings.truncate(MOST_RESULTS);
    // Ordinary secrets are dropped before keys.
    ordinary.truncate(MOST_RESULTS - findings.len());

    let finding = |entry: &Entry| if entry.allowed { &report.allowed } else { &report.findings }.get(entry.index);
    let secret =
        |(index, allowed): (usize, bool)| if allowed { &report.allowed_secrets } else { &report.secrets }.get(index);
    let mut rules = rules(&findings, &finding, &report.playbooks);
    rules.extend(secrets::rules(ordinary.iter().filter_map(|at| secret(*at))));
    rules.sort_by(|a, b| a.id.cmp(&b.id));
    let results = findings.iter().filter_map(|entry| Some(result(&finding(entry)?, entry.allowed, &rules)));
    let results = results.chain(ordinary.iter().filter_map(|at| Some(secrets::result(&secret(*at)?, at.1, &rules))));
    let scan = &report.scan;
    let run = Run {
        automation_details: json!({"id": format!("keyradius/scan/{}", scan.started)}),
        column_kind: "unicodeCodePoints",
        invocations: json!([{
            "executionSuccessful": !scan.interrupted,
            "exitCode": scan.exit_code,
            "startTimeUtc": scan.started,
            "endTimeUtc": scan.finished,
            "toolExecutionNotifications": notifications(report, cut),
        }]),
        results: Each(results),
        tool: json!({"driver": {
            "name": report.tool.name,
            "version": report.tool.version,
            "semanticVersion": report.tool.version,
            "rules": rules.iter().map(|rule| rule.json.clone()).collect::<Vec<_>>(),
        }}),
    };
    pretty(&Log { schema: SCHEMA, runs: [run], version: "2.1.0" }, out)
}

/// The log, with its members in the order of their names, as in [`json!`].
#[derive(Serialize)]
struct Log<R: Serialize> {
    #[serde(rename = "$schema")]
    schema: &'static str,
    runs: [R; 1],
    version: &'static str,
}

/// The run. Its results are built one at a time, while they are written.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Run<R: Serialize> {
    automation_details: Value,
    column_kind: &'static str,
    invocations: Value,
    results: R,
    tool: Value,
}

/// Serializes the items of an iterator as a list.
struct Each<I>(I);

impl<I: Iterator<Item = Value> + Clone> Serialize for Each<I> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(self.0.clone())
    }
}

/// A finding by its index, with the values that decide its order and its rule.
struct Entry {
    index: usize,
    allowed: bool,
    severity: Tenths,
    rule: String,
}

fn entry(index: usize, allowed: bool, finding: &Finding) -> Entry {
    Entry { index, allowed, severity: finding.severity, rule: rule_id(finding) }
}

struct Rule {
    id: String,
    json: Value,
}

/// One rule for each class of roles and band of severity that occurs. Hosts read the severity of the rule, not that of
/// the result: a CA key among test files must not look like a real one.
fn rules(findings: &[Entry], told: &dyn Fn(&Entry) -> Option<Finding>, playbooks: &[Playbook]) -> Vec<Rule> {
    let mut worst: BTreeMap<&str, (&Entry, Tenths)> = BTreeMap::new();
    for entry in findings {
        let (_, severity) = worst.entry(&entry.rule).or_insert((entry, Tenths::default()));
        *severity = (*severity).max(entry.severity);
    }
    let rule = |(id, (first, worst)): (&str, (&Entry, Tenths))| {
        let first = told(first)?;
        let playbook = playbooks.iter().find(|playbook| playbook.role == first.playbook);
        Some(Rule { json: rule(id, &first, worst, playbook), id: id.to_owned() })
    };
    worst.into_iter().filter_map(rule).collect()
}

fn rule(id: &str, finding: &Finding, severity: Tenths, playbook: Option<&Playbook>) -> Value {
    let known = Rules::built_in();
    let class = known.key_rule(&finding.playbook);
    let posture = known.rule(id);
    let title =
        posture.map(|rule| rule.title.as_str()).or(class.map(|rule| rule.title.as_str())).unwrap_or("Private key");
    let about = posture.map(|rule| format!("{}\n\n{}", rule.means, rule.matters));
    let about = about.or_else(|| playbook.map(|playbook| lines(&playbook.about))).unwrap_or_else(|| title.to_owned());
    let (text, markdown) = help(&about, posture, playbook);
    let mut tags = vec!["security".to_owned(), "signing-material".to_owned()];
    let cwe = finding.references.iter().filter_map(|reference| reference.id.strip_prefix("CWE-"));
    tags.extend(cwe.map(|number| format!("external/cwe/cwe-{number}")));
    json!({
        "id": id,
        "name": pascal(id),
        "shortDescription": {"text": cut(title)},
        "fullDescription": {"text": cut(&about)},
        "help": {"text": text, "markdown": markdown},
        "defaultConfiguration": {"level": level(severity)},
        "properties": {
            "tags": tags,
            "precision": "very-high",
            "problem.severity": "error",
            // 0.1 is the minimum that GitHub accepts.
            "security-severity": format!("{:.1}", severity.number().max(0.1)),
        },
    })
}

/// Escapes text of a playbook, which may come from an untrusted report.
fn lines(text: &str) -> String {
    words::escape_lines(text)
}

/// The help text of a rule, as plain text and as Markdown.
fn help(about: &str, posture: Option<&rules::Rule>, playbook: Option<&Playbook>) -> (String, String) {
    let mut text = about.to_owned();
    if let Some(rule) = posture {
        let _ = write!(text, "\n\nFirst: {}", rule.next);
    }
    let mut markdown = text.clone();
    for section in playbook.into_iter().flat_map(|playbook| &playbook.sections) {
        let heading = section.heading.id();
        let _ = write!(text, "\n\n{heading}");
        let _ = write!(markdown, "\n\n## {heading}\n");
        if !section.note.is_empty() {
            let note = lines(&section.note);
            let _ = write!(text, "\n{note}");
            let _ = write!(markdown, "\n{note}\n");
        }
        for (number, step) in section.steps.iter().enumerate() {
            let number = number + 1;
            let (who, what, done) = (lines(&step.who), lines(&step.text), lines(&step.done));
            let _ = write!(text, "\n{number}. {who}: {what}");
            let _ = write!(markdown, "\n{number}. **{who}**: {what}");
            for command in &step.commands {
                let indented = lines(&command.text).replace('\n', "\n   ");
                let _ = write!(text, "\n   {indented}");
                let _ = write!(markdown, "\n\n   ```{}\n   {indented}\n   ```\n", command.language);
            }
            let _ = write!(text, "\n   {done}");
            let _ = write!(markdown, "\n\n   {done}\n");
        }
    }
    (text, markdown)
}

/// The rule of a finding: the class of its first role, with the band of severity if it is below the usual one of the
/// class. Trusted public keys and known test keys have their own rules.
fn rule_id(finding: &Finding) -> String {
    let own = ["TRUSTS-PUBLIC-KEY", "KEY-TEST-KNOWN"];
    if let Some(rule) = finding.rules.iter().find(|rule| own.contains(&rule.id.as_str())) {
        return rule.id.to_string();
    }
    let (id, usual) = rules::sarif_rule(&finding.playbook);
    match (band(finding.severity), band(Tenths::new(usual))) {
        ((rank, name), (usual, _)) if rank < usual => format!("{id}-{name}"),
        _ => id.to_owned(),
    }
}

/// GitHub's band of `security-severity`: its rank, 0 for the lowest, and its name.
fn band(severity: Tenths) -> (u8, &'static str) {
    match severity.get() {
        90.. => (3, "CRITICAL"),
        70.. => (2, "HIGH"),
        40.. => (1, "MEDIUM"),
        _ => (0, "LOW"),
    }
}

fn result(finding: &Finding, allowed: bool, rules: &[Rule]) -> Value {
    let identity = finding.key.identity.as_deref().unwrap_or(&finding.id);
    let digits = identity.rsplit(':').next().unwrap_or_default();
    let short = digits.get(..16).unwrap_or(digits);
    // A place in a file can be opened from the alert; a place in a history cannot. So files come first.
    let (files, history): (Vec<_>, Vec<_>) = finding.occurrences.iter().partition(|occurrence| !occurrence.is_buried());
    let mut copies = files.into_iter().chain(history);
    let primary: Vec<Value> = copies.next().map(located).into_iter().collect();
    let mut value = json!({
        "ruleId": rule_id(finding),
        "level": level(finding.severity),
        "kind": "fail",
        "message": {"text": message(finding)},
        "locations": primary,
        "fingerprints": {"keyradius/v1": finding.id},
        "partialFingerprints": {
            "keyradius/key/v1": identity,
            "primaryLocationLineHash": format!("{short}:1"),
        },
        "properties": {
            "security-severity": format!("{:.1}", finding.severity.number()),
            "format": finding.occurrences.first().map(|occurrence| &occurrence.format),
            "tier": finding.tier.id(),
            "signing": finding.signing,
            "roles": finding.roles.iter().map(|role| role.role.as_str()).collect::<Vec<_>>(),
            "protection": finding.protection.id(),
            "proof": finding.proof.id(),
            "rules": finding.rules.iter().map(|rule| &rule.id).collect::<Vec<_>>(),
            "exposure": finding.exposure,
        },
    });
    let related: Vec<Value> = copies
        .map(|copy| {
            let what =
                if copy.is_buried() { "another copy of this key, in the history" } else { "another copy of this key" };
            (located(copy), what.to_owned())
        })
        .chain(finding.related.iter().map(|related| {
            let what = format!("{} of this key", words::spoken(related.kind.id()));
            (location(&related.place, false), what)
        }))
        .chain(finding.used_by.iter().map(|used| (point(&used.place), format!("uses this key: {}", prose(&used.text)))))
        .chain(finding.links.iter().filter(|link| matches!(link.kind, LinkKind::Issued | LinkKind::Opens)).map(
            |link| {
                let what = if link.kind == LinkKind::Opens {
                    "the password that opens this key"
                } else {
                    "issued with this key"
                };
                (point(&link.place), what.to_owned())
            },
        ))
        .take(MOST_RELATED)
        .enumerate()
        .map(|(id, (mut location, what))| {
            insert(&mut location, "id", json!(id));
            insert(&mut location, "message", json!({"text": what}));
            location
        })
        .collect();
    if !related.is_empty() {
        insert(&mut value, "relatedLocations", Value::Array(related));
    }
    if let Some(index) = rules.iter().position(|rule| rule.id == rule_id(finding)) {
        insert(&mut value, "ruleIndex", json!(index));
    }
    if allowed {
        insert(&mut value, "suppressions", suppressions(&finding.occurrences));
    }
    value
}

fn suppressions(occurrences: &[Occurrence]) -> Value {
    let mut seen = BTreeSet::new();
    let mut all = Vec::new();
    for allowed in occurrences.iter().filter_map(|occurrence| occurrence.allowed.as_ref()) {
        let kind = if allowed.by == AllowedBy::Inline { "inSource" } else { "external" };
        let reason = if allowed.reason.is_empty() { "no reason given" } else { allowed.reason.as_str() };
        let suppression = json!({
            "kind": kind,
            "status": "accepted",
            "justification": prose(&format!("{reason} ({})", allowed.place.as_str())),
        });
        if seen.insert(suppression.to_string()) {
            all.push(suppression);
        }
    }
    Value::Array(all)
}

/// The text of an alert: the roles of the key, the reason and the next step. Never empty, because GitHub refuses empty
/// texts.
fn message(finding: &Finding) -> String {
    let roles: Vec<String> = finding.roles.iter().map(|role| prose(&role.title)).collect();
    let copies = match finding.occurrences.len() {
        0 | 1 => String::new(),
        places => format!(" Found in {places} places."),
    };
    let mut rules = String::new();
    for rule in &finding.rules {
        // Writing to a String cannot fail.
        let _ = write!(rules, " {}: {}.", rule.id, prose(&rule.text));
    }
    format!(
        "{}: {}; {}. {}. {}{rules}{copies}",
        if finding.kind == FindingKind::PrivateKey { "Private key" } else { "Trusted key" },
        roles.join(", "),
        words::protection(finding.protection),
        prose(&finding.reason),
        prose(&finding.next_step),
    )
}

/// Escapes text from the input for a message. SARIF turns `[text](target)` into a link; brackets after backslashes are
/// literal (SARIF 2.1.0, 3.11.6).
fn prose(text: &str) -> String {
    let text = words::escape(text);
    if text.contains("](") { text.replace('[', "\\[").replace(']', "\\]") } else { text }
}

fn notifications(report: &Report, cut: usize) -> Vec<Value> {
    let mut notifications: Vec<Value> = report.coverage.gaps.iter().map(gap).collect();
    for (format, count) in &report.coverage.unopened {
        notifications.push(json!({
            "descriptor": {"id": "unopened"},
            "level": "note",
            "message": {"text": format!("{count} files of format {format} were recognised, but not opened.")},
        }));
    }
    for notice in &report.notices {
        notifications.push(json!({
            "descriptor": {"id": notice.kind},
            "level": "warning",
            "message": {"text": prose(&format!("{}: {}", notice.place.as_str(), notice.message.as_str()))},
        }));
    }
    if cut > 0 {
        notifications.push(json!({
            "descriptor": {"id": "too_many_results"},
            "level": "error",
            "message": {"text": format!("{cut} findings of the lowest severity are omitted: see --format json.")},
        }));
    }
    notifications
}

fn gap(gap: &Gap) -> Value {
    let level = if gap.deliberate { "note" } else { "warning" };
    let detail = if gap.detail.is_empty() { String::new() } else { format!(": {}", prose(&gap.detail)) };
    json!({
        "descriptor": {"id": gap.reason.id()},
        "level": level,
        "message": {"text": format!("Not read: {} ({}{detail}).", prose(&gap.origin), words::reason(gap.reason))},
        "locations": [{"physicalLocation": {"artifactLocation": artifact(&gap.path, gap.path_bytes_hex.as_deref())}}],
    })
}

fn insert(object: &mut Value, key: &str, value: Value) {
    if let Some(object) = object.as_object_mut() {
        object.insert(key.to_owned(), value);
    }
}

fn level(severity: Tenths) -> &'static str {
    match severity.get() {
        70.. => "error",
        40.. => "warning",
        _ => "note",
    }
}

fn cut(text: &str) -> String {
    text.chars().take(MOST_TEXT).collect()
}

/// An id in Pascal case: `KEY-CODE-SIGN` becomes `KeyCodeSign`.
fn pascal(id: &str) -> String {
    id.split(['_', '-'])
        .map(|word| {
            let mut letters = word.chars();
            letters.next().map_or_else(String::new, |first| {
                format!("{}{}", first.to_ascii_uppercase(), letters.as_str().to_ascii_lowercase())
            })
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::samples;

    #[test]
    fn one_result_per_key_allowed_ones_last_and_suppressed() {
        let mut bytes = Vec::new();
        render(&samples::report(), Look::default(), &mut bytes).expect("a log");
        let log: Value = serde_json::from_slice(&bytes).expect("JSON");
        let results = log["runs"][0]["results"].as_array().expect("results");
        assert_eq!(results.len(), 6);
        assert_eq!(results[3]["ruleId"], "SECRET-NPM-TOKEN");
        assert_eq!(results[4]["ruleId"], "SECRET-JWT-NOTE");
        assert_eq!(results[5]["suppressions"][0]["kind"], "external");
        let rules = log["runs"][0]["tool"]["driver"]["rules"].as_array().expect("rules");
        for result in results {
            let index = result["ruleIndex"].as_u64().expect("an index") as usize;
            assert_eq!(rules[index]["id"], result["ruleId"]);
        }
        assert_eq!(results[0]["level"], "error");
        assert_eq!(results[0]["relatedLocations"].as_array().map(Vec::len), Some(15));
        assert!(results[0].get("suppressions").is_none());
        assert_eq!(results[2]["suppressions"][0]["kind"], "external");
        let fingerprints = &results[0]["partialFingerprints"];
        assert!(fingerprints["keyradius/key/v1"].as_str().is_some_and(|name| name.starts_with("spki-sha256:")));
        assert_eq!(fingerprints["primaryLocationLineHash"], "1111111111111111:1");
        assert!(!log.to_string().contains("snippet"));
    }

    #[test]
    fn names_cannot_become_links() {
        for (text, told) in [
            ("[x](javascript:y)", "\\[x\\](javascript:y)"),
            ("a[0] (b)", "a[0] (b)"),
            ("\u{1b}[0m](x", "\\x1b\\[0m\\](x"),
        ] {
            assert_eq!(prose(text), told);
        }
    }

    #[test]
    fn names_are_pascal_case() {
        assert_eq!((pascal("KEY-CA"), pascal("MULTI-ROLE")), ("KeyCa".to_owned(), "MultiRole".to_owned()));
    }
}
