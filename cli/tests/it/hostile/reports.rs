//! A report written by a stranger: its texts are only shown.

use serde_json::Value;

use super::said::{NAMES, obeys};
use crate::patience::run_to_its_end;
use crate::workshop::{Ran, Workshop};

/// A report with a value in every field.
const SAMPLE: &str = include_str!("../../../src/report/samples/report.json");

/// Whether a field only accepts certain words, or identifies a finding.
fn is_closed(at: &str, key: &str) -> bool {
    let closed = [
        "tier",
        "tier_potential",
        "band",
        "protection",
        "state",
        "proof",
        "encoding",
        "verdict",
        "class",
        "grade",
        "how",
        "reach",
        "object_format",
        "by",
        "heading",
        "key_usage",
        "schema",
        "id",
    ];
    match key {
        "kind" => !at.ends_with("labels") && !at.ends_with("notices"),
        "reason" => at.ends_with("gaps"),
        other => closed.contains(&other),
    }
}

/// Replaces every text of an open field with `text`; returns how many there were.
fn replace(value: &mut Value, at: &str, key: &str, text: &str) -> usize {
    match value {
        Value::Object(members) => {
            let at = format!("{at}.{key}");
            members.iter_mut().map(|(name, value)| replace(value, &at, name, text)).sum()
        }
        Value::Array(items) => items.iter_mut().map(|item| replace(item, at, key, text)).sum(),
        Value::String(old) if !is_closed(at, key) => {
            text.clone_into(old);
            1
        }
        _ => 0,
    }
}

#[test]
fn names_are_names_whoever_wrote_the_report() {
    let shop = Workshop::new("hostile_reports");
    shop.file("empty.json", EMPTY);
    let names = NAMES.iter().filter_map(|name| std::str::from_utf8(name).ok());
    for name in names {
        let mut report: Value = serde_json::from_str(SAMPLE).expect("JSON");
        assert!(replace(&mut report, "", "", name) > 300);
        report["coverage"]["unopened"] = serde_json::json!({name: 2});
        shop.file("r.json", report.to_string());
        let lines = shop.run(&["report", "-q", "r.json", "--format", "jsonl"]);
        assert_eq!(lines.code, Some(0), "{name:?} {lines:?}");
        shop.file("r.jsonl", &lines.stdout);
        for args in [
            &["report", "r.json"][..],
            &["report", "r.jsonl", "-v", "--show-skipped", "--show-public"],
            &["report", "r.jsonl", "--format", "json"],
            &["report", "r.json", "--format", "jsonl"],
            &["report", "r.json", "--format", "sarif"],
            &["report", "diff", "r.json", "empty.json"],
            &["report", "diff", "empty.json", "r.json"],
            &["report", "diff", "empty.json", "r.jsonl", "--format", "json"],
            &["explain", "kr1:0123456789abcdef", "--report", "r.json"],
            &["explain", "kr1:00000000000000bb", "--report", "r.jsonl"],
            &["explain", "kr1:0123456789abcdef", "--report", "r.json", "--format", "json"],
        ] {
            let ran = shop.run(args);
            assert!(matches!(ran.code, Some(0 | 1 | 3)), "{name:?} {args:?} {ran:?}");
            assert!(!ran.stdout.is_empty(), "{name:?} {args:?} {ran:?}");
            obeys(&format!("{name:?} {args:?}"), ran.stdout.as_bytes(), false);
            obeys(&format!("{name:?} {args:?}, said"), ran.stderr.as_bytes(), false);
        }
    }
}

/// An empty report.
const EMPTY: &str = r#"{"schema":"keyradius.report/1","tool":{"name":"keyradius","version":"0"},"scan":{"started":"",
"finished":"","duration_ms":0,"complete":true,"interrupted":false,"exit_code":0,"targets":["."]},"summary":{"signing_keys":0,
"other_keys":0,"notes":0,"places":0,"by_tier":{},"allowed":0,"skipped":0,"unopened":0},"findings":[],"public":[],"allowed":[],
"coverage":{"files":0,"bytes":0,"rejected":0,"unopened":{},"gaps":[]},"notices":[]}"#;

/// Values that are expensive for a reader: long or many values where values are compared.
#[test]
fn a_report_costs_what_it_is_long() {
    let shop = Workshop::new("hostile_costs");
    let mut report: Value = serde_json::from_str(SAMPLE).expect("JSON");
    let long = "x".repeat(200_000);
    let many = 20_000;
    report["secrets"][0]["rule"] = long.clone().into();
    report["findings"][0]["occurrences"][0]["origin"] = "a/".repeat(100_000).into();
    report["findings"][0]["occurrences"][0]["path"] = long.into();
    let evidence = report["findings"][0]["evidence"][0].clone();
    report["findings"][0]["evidence"] = vec![evidence; many].into();
    let role = report["findings"][0]["roles"][0].clone();
    report["findings"][0]["roles"] = vec![role; many].into();
    let gap = report["coverage"]["gaps"][0].clone();
    report["coverage"]["gaps"] = (0..many)
        .map(|n| {
            let mut gap = gap.clone();
            gap["origin"] = n.to_string().into();
            gap
        })
        .collect();
    let place = report["allowed"][0]["occurrences"][0].clone();
    let allowed = |n: usize| {
        let mut place = place.clone();
        place["allowed"]["reason"] = n.to_string().into();
        place
    };
    report["allowed"][0]["occurrences"] = (0..many).map(allowed).collect();
    report["scan"]["duration_ms"] = u64::MAX.into();
    report["findings"][0]["exposure"]["days"] = i64::MIN.into();
    let exact = report["coverage"]["repositories"][0].clone();
    report["coverage"]["repositories"] = vec![exact; 3].into();
    for repository in report["coverage"]["repositories"].as_array_mut().expect("repositories") {
        repository["blobs"] = u64::MAX.into();
        repository["blob_bytes"] = u64::MAX.into();
    }
    let text = report.to_string();
    shop.file("r.json", &text).file("empty.json", EMPTY);
    for args in [
        &["report", "-v", "--show-skipped", "r.json"][..],
        &["report", "r.json", "--format", "sarif"],
        &["report", "diff", "r.json", "empty.json"],
        &["report", "diff", "empty.json", "r.json"],
        &["explain", "kr1:0123456789abcdef", "--report", "r.json"],
    ] {
        let ran = Ran::from(run_to_its_end(&mut shop.command(args)));
        assert!(matches!(ran.code, Some(0 | 1 | 3)), "{args:?} {}", ran.stderr);
        assert!(ran.stdout.len() < 4 * text.len(), "{args:?}: {} bytes of {}", ran.stdout.len(), text.len());
    }
}
