//! Tests with reports that differ in one detail each.

use serde_json::{Value, json};

use super::*;
use crate::report::look::Look;
use crate::report::schema::schema_faults;
use crate::report::{DIFF_SCHEMA, json, samples};

/// The sample report without gaps, as JSON.
fn report() -> Value {
    let mut bytes = Vec::new();
    json::render(&samples::report(), Look::default(), &mut bytes).expect("a report");
    let mut report: Value = serde_json::from_slice(&bytes).expect("JSON");
    report["coverage"]["gaps"] = json!([]);
    report["summary"]["skipped"] = 0.into();
    report
}

fn side(report: &Value) -> Side {
    Side::read(&mut report.to_string().as_bytes(), 1 << 20).expect("a report")
}

fn diff(old: &Value, new: &Value) -> Diff {
    let diff = Diff::of(side(old), side(new));
    let schema = serde_json::from_str(DIFF_SCHEMA).expect("the schema is JSON");
    let mut bytes = Vec::new();
    json::pretty(&diff, &mut bytes).expect("JSON");
    let faults = schema_faults(&schema, &serde_json::from_slice(&bytes).expect("JSON"));
    assert!(faults.is_empty(), "{faults:#?}");
    diff
}

fn page(diff: &Diff) -> String {
    let mut bytes = Vec::new();
    human::render(diff, &mut bytes).expect("a page");
    String::from_utf8(bytes).expect("UTF-8")
}

#[test]
fn changes_are_listed_and_judged_better_or_worse() {
    let old = report();
    assert_eq!(page(&diff(&old, &old)), "");
    for (field, value, worse, told) in [
        ("/severity", json!(9.5), true, "severity 9.1 -> 9.5"),
        ("/severity", json!(2.0), false, "severity 9.1 -> 2.0"),
        ("/tier", json!("T0"), true, "tier T1 -> T0"),
        ("/tier", json!("T4"), false, "tier T1 -> T4"),
        ("/protection", json!("strong"), false, "protection: not protected -> encrypted"),
        ("/roles/0/role", json!("ca_root"), true, "roles: code signing -> ca root"),
        ("/roles/0/role", json!("unknown"), false, "roles: code signing -> unknown"),
        ("/occurrences/3/origin", json!("elsewhere.pem"), true, "  added  elsewhere.pem\n  gone   keys/03.pem\n"),
    ] {
        let mut new = old.clone();
        *new["findings"][0].pointer_mut(field).expect(field) = value;
        let diff = diff(&old, &new);
        assert_eq!((diff.summary.worse, diff.summary.changed), (usize::from(worse), usize::from(!worse)), "{field}");
        assert_eq!(diff.is_worse(), worse, "{field}");
        assert!(page(&diff).contains(told), "{field}: {}", page(&diff));
    }
    let mut left = old.clone();
    (left["findings"][0]["severity"], left["findings"][0]["tier"]) = (json!(5.5), json!("T3"));
    left["findings"][0]["roles"][0]["role"] = "tls_server".into();
    assert!(!diff(&old, &left).is_worse(), "what remains of a key after a copy was deleted");
    let weaker = diff(
        &{
            let mut new = old.clone();
            new["findings"][0]["protection"] = "strong".into();
            new
        },
        &old,
    );
    assert_eq!((weaker.summary.worse, weaker.is_worse()), (1, true));
}

#[test]
fn a_key_that_moves_within_its_file_has_not_changed() {
    let (old, mut new) = (report(), report());
    new["findings"][0]["occurrences"][0]["origin"] = "deploy.yaml!base64@0x99".into();
    new["findings"][0]["occurrences"][0]["line"] = 99.into();
    assert_eq!(diff(&old, &new).summary.unchanged, 6);
}

/// A scan reports a file, and its object in the history only after the file was deleted.
#[test]
fn the_history_of_a_deleted_file_is_not_a_new_place() {
    let (mut tracked, mut removed) = (report(), report());
    let buried = removed["findings"][0]["occurrences"].as_array_mut().expect("places").pop().expect("a place");
    assert!(buried["origin"].as_str().is_some_and(|origin| origin.starts_with("old/release.pem@")), "{buried}");
    let mut file = buried.clone();
    file["origin"] = file["path"].clone();
    removed["findings"][0]["occurrences"].as_array_mut().expect("places").push(buried);
    let places = tracked["findings"][0]["occurrences"].as_array_mut().expect("places");
    places.pop();
    places.push(file);
    let gone = diff(&tracked, &removed);
    assert_eq!((gone.changed[0].worse, gone.changed[0].added.count, gone.changed[0].removed.count), (false, 0, 1));
    let back = diff(&removed, &tracked);
    assert_eq!((back.changed[0].worse, back.changed[0].added.count, back.changed[0].removed.count), (true, 1, 0));
}

#[test]
fn a_finding_is_gone_only_if_it_was_searched_for() {
    let old = report();
    // Compares with a report that lacks the first finding and has been edited.
    let without = |edit: &dyn Fn(&mut Value)| {
        let mut new = report();
        new["findings"].as_array_mut().expect("findings").remove(0);
        edit(&mut new);
        let diff = diff(&old, &new);
        let why = diff.not_seen.first().map(|finding| finding.why);
        (diff.summary.gone, why, diff.new_is_complete())
    };
    let gap = |path: &str, reason: &str| json!({"path": path, "origin": path, "reason": reason, "detail": "", "deliberate": false});
    let gaps = |path: &'static str, reason: &'static str| {
        without(&|new: &mut Value| new["coverage"]["gaps"] = json!([gap(path, reason)]))
    };
    assert_eq!(without(&|_| ()), (1, None, true));
    assert_eq!(gaps("keys/04.pem", "permission"), (0, Some("gap"), false));
    assert_eq!(gaps("keys", "permission"), (0, Some("gap"), false));
    assert_eq!(gaps("elsewhere", "permission"), (0, Some("incomplete"), false));
    // What neither scan has read says nothing about a place that both have read.
    let mut before = report();
    before["coverage"]["gaps"] = json!([gap("elsewhere", "damaged")]);
    before["scan"]["complete"] = false.into();
    let mut after = before.clone();
    after["findings"].as_array_mut().expect("findings").remove(0);
    assert_eq!(diff(&before, &after).summary.gone, 1);
    assert!(!page(&diff(&after, &before)).contains("may not have read"));
    assert_eq!(gaps("keys", "other_file_system"), (0, Some("gap"), true));
    // A place in a history that was not read.
    assert_eq!(gaps("old", "history_left_out"), (0, Some("gap"), true));
    assert_eq!(gaps("keys", "history_left_out"), (1, None, true));
    assert_eq!(gaps("keys", "index_rebuilt"), (1, None, true));
    assert_eq!(without(&|new| new["scan"]["targets"] = json!(["keys", "deploy.yaml"])), (0, Some("no_target"), true));
    assert_eq!(without(&|new| new["scan"]["targets"] = json!(["keys", "deploy.yaml", "old/"])), (1, None, true));
    assert_eq!(without(&|new| new["scan"]["interrupted"] = true.into()), (0, Some("incomplete"), false));
    assert_eq!(without(&|new| new["scan"]["complete"] = false.into()), (0, Some("incomplete"), false));
    assert_eq!(
        without(&|new| new["findings"].as_array_mut().expect("findings").clear()),
        (2, None, true),
        "both are gone"
    );
}

#[test]
fn a_place_that_was_not_read_is_not_removed() {
    let (old, mut new) = (report(), report());
    new["findings"][0]["occurrences"].as_array_mut().expect("places").remove(3);
    let removed = diff(&old, &new);
    assert_eq!((removed.changed[0].removed.count, removed.changed[0].not_seen.count), (1, 0));
    new["coverage"]["gaps"] =
        json!([{"path": "keys", "origin": "keys", "reason": "other_file_system", "detail": "", "deliberate": true}]);
    let unseen = diff(&old, &new);
    assert_eq!((unseen.changed[0].removed.count, unseen.changed[0].not_seen.count), (0, 1));
    assert!(!unseen.is_worse() && page(&unseen).contains("  unseen keys/03.pem"), "{}", page(&unseen));
}

#[test]
fn new_findings_count_unless_they_are_notes_or_allowed() {
    let mut old = report();
    old["findings"] = json!([]);
    let new = report();
    let told = diff(&old, &new);
    assert_eq!((told.summary.new, told.is_worse()), (2, true));
    assert!(page(&told).starts_with(
        "New\n 9.1  T1  code signing · not protected · kr1:0123456789abcdef\n  at     deploy.yaml!base64\n"
    ));
    let mut note = new.clone();
    for finding in note["findings"].as_array_mut().expect("findings") {
        finding["severity"] = 1.9.into();
    }
    assert!(!diff(&old, &note).is_worse());
    let mut allowed = new.clone();
    let open = std::mem::take(&mut allowed["findings"]);
    allowed["findings"] = json!([]);
    allowed["allowed"].as_array_mut().expect("allowed").extend(open.as_array().expect("findings").clone());
    assert!(!diff(&old, &allowed).is_worse());
    assert!(diff(&allowed, &new).is_worse(), "no longer allowed");
    let mut elsewhere = old.clone();
    elsewhere["scan"]["targets"] = json!(["other"]);
    assert!(page(&diff(&elsewhere, &new)).contains("the old scan may not have read this place"));
}
