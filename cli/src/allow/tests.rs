//! Tests of what an entry allows, until when, and which entries are reported.

use super::*;
use crate::report::samples;
use keyradius_core::material::{Mark, Stands};

const TODAY: Date = jiff::civil::date(2026, 11, 28);

fn raw() -> RawAllow {
    RawAllow { finding: None, key: None, path: None, reason: Some("because".into()), until: None }
}

fn finding(id: &str) -> RawAllow {
    RawAllow { finding: Some(id.into()), ..raw() }
}

fn key(name: &str) -> RawAllow {
    RawAllow { key: Some(name.into()), ..raw() }
}

fn path(pattern: &str) -> RawAllow {
    RawAllow { path: Some(pattern.into()), ..raw() }
}

fn until(mut entry: RawAllow, date: &str) -> RawAllow {
    entry.until = Some(Value::String(date.into()));
    entry
}

/// The key of the samples at these paths.
fn subject(paths: &[&str]) -> Finding {
    Finding { occurrences: paths.iter().map(|path| samples::occurrence(path, 1)).collect(), ..samples::signing() }
}

fn list(entries: Vec<RawAllow>, asked: bool) -> AllowList {
    let entry = |(number, raw)| Entry::new(raw, &format!("keyradius.toml:{number}")).expect("a valid entry");
    AllowList::new(entries.into_iter().enumerate().map(entry).collect(), "/base".into(), asked).obeying(Marks::Given)
}

fn judged(entries: Vec<RawAllow>, finding: Finding, whole: bool) -> Verdict {
    list(entries, true).judge(&[finding], &[], &[], Path::new("/base"), TODAY, whole)
}

/// Which places of a finding the entry allows.
fn allows(entry: RawAllow, paths: &[&str]) -> Vec<bool> {
    judged(vec![entry], subject(paths), false).allowed[0].iter().map(Option::is_some).collect()
}

#[test]
fn a_key_is_named_in_either_case() {
    assert_eq!(key_name(&"Ab:".repeat(20)), Some("ab".repeat(20)));
}

#[test]
fn an_entry_allows_what_it_names_and_nothing_else() {
    let spki = "11".repeat(32);
    let colons = spki.as_bytes().chunks(2).map(|pair| str::from_utf8(pair).unwrap()).collect::<Vec<_>>().join(":");
    let ssh = format!("SHA256:{}", "a".repeat(43));
    for (entry, allowed) in [
        (finding("kr1:0123456789abcdef"), true),
        (finding("kr1:0123456789abcdee"), false),
        (key(&spki), true),
        (key(&spki.to_uppercase()), true),
        (key(&colons), true),
        (key(&format!("spki-sha256:{spki}")), true),
        (key(&format!("1{}", &spki[1..63].to_owned())), false),
        (key(&"12".repeat(32)), false),
        (key(&ssh), true),
        (key(&format!("{ssh}=")), true),
        (key(&format!("SHA256:{}", "b".repeat(43))), false),
        (key(&"5".repeat(40)), true),
        (key(&"6".repeat(40)), false),
    ] {
        // A truncated name is refused; all others above are valid.
        let Ok(_) = Entry::new(RawAllow { finding: entry.finding.clone(), key: entry.key.clone(), ..raw() }, "") else {
            assert!(!allowed, "{:?}", entry.key);
            continue;
        };
        let name = format!("{:?} {:?}", entry.finding, entry.key);
        assert_eq!(allows(entry, &["a.pem", "b/c.pem"]), [allowed, allowed], "{name}");
    }
}

#[test]
fn a_path_allows_files_folders_and_members_below_its_base() {
    for (pattern, place, allowed) in [
        ("a.pem", "a.pem", true),
        ("a.pem", "deep/er/a.pem", true),
        ("a.pem", "b.pem", false),
        ("tests", "tests/a.pem", true),
        ("tests/", "x/tests/a.pem", true),
        ("./tests/a.pem", "tests/a.pem", true),
        ("tests/a.pem", "x/tests/a.pem", false),
        ("tests/*.pem", "tests/a.pem", true),
        ("tests/*.pem", "tests/x/a.pem", false),
        ("tests/**", "tests/x/a.pem", true),
        ("*.pem", "x/a.pem", true),
        ("*", "/elsewhere/a.pem", false),
        ("*", "../base2/a.pem", false),
        ("a.pem", "x/.././a.pem", true),
        ("a.pem", "x/../../base/a.pem", true),
        ("a.pem", "../a.pem", false),
    ] {
        assert_eq!(allows(path(pattern), &[place]), [allowed], "{pattern} {place}");
    }
    let mut inside = subject(&["app.zip"]);
    let wrap = keyradius_core::blob::Wrap::member("zip", 0, "assets/release.jks".into());
    inside.occurrences[0].origin.wraps.push(wrap);
    for (pattern, allowed) in
        [("app.zip", true), ("app.zip/assets/*", true), ("release.jks", true), ("other.jks", false)]
    {
        let verdict = judged(vec![path(pattern)], inside.clone(), false);
        assert_eq!(verdict.allowed[0][0].is_some(), allowed, "{pattern}");
    }
    // Each place is judged by itself.
    assert_eq!(allows(path("a.pem"), &["a.pem", "b.pem"]), [true, false]);
}

#[test]
fn an_entry_is_valid_until_its_last_day() {
    for (date, allowed) in [("2026-11-27", false), ("2026-11-28", true), ("2026-11-29", true), ("2027-01-01", true)] {
        assert_eq!(allows(until(path("a.pem"), date), &["a.pem"]), [allowed], "{date}");
    }
    let datetime = RawAllow { until: Some("2026-11-28".parse().expect("a date of TOML")), ..path("a.pem") };
    assert_eq!(allows(datetime, &["a.pem"]), [true]);
    // An expired entry does not block a later entry.
    let verdict = judged(vec![until(path("a.pem"), "2020-01-01"), path("*.pem")], subject(&["a.pem"]), false);
    assert_eq!(verdict.allowed[0][0].as_ref().map(|allowance| allowance.place.as_str()), Some("keyradius.toml:1"));
}

#[test]
fn invalid_entries_are_refused_with_a_hint() {
    let mut silent = path("a.pem");
    silent.reason = None;
    let blank = RawAllow { reason: Some("  ".into()), ..path("a.pem") };
    let both = RawAllow { key: Some("5".repeat(40)), ..path("a.pem") };
    for (entry, says) in [
        (raw(), "must name what to allow"),
        (both, "exclude each other"),
        (silent, "no reason"),
        (blank, "no reason"),
        (finding("kr1:"), "finding id"),
        (finding("kr1:xyz"), "finding id"),
        (finding("0123456789abcdef"), "finding id"),
        (key(&"5".repeat(39)), "key identity"),
        (key(&"5".repeat(63)), "key identity"),
        (key("SHA256:short"), "key identity"),
        (key(&"g".repeat(40)), "key identity"),
        (path("a[.pem"), "path ="),
        (until(path("a.pem"), "tomorrow"), "until ="),
        (RawAllow { until: Some(Value::Boolean(true)), ..path("a.pem") }, "until ="),
    ] {
        let (what, hint) = Entry::new(entry, "keyradius.toml:1").expect_err(says);
        assert!(what.contains(says) && !hint.is_empty(), "{what}: {hint}");
    }
}

/// The notices of a run: kind, and a word of the message.
fn notices(verdict: &Verdict) -> Vec<(&'static str, String)> {
    verdict.notices.iter().map(|notice| (notice.kind, notice.message.clone())).collect()
}

#[test]
fn entries_that_expired_or_match_nothing_are_reported() {
    let ended = || until(path("a.pem"), "2026-11-27");
    for (entry, place, whole, kind, word) in [
        (path("a.pem"), "a.pem", true, "", ""),
        (path("a.pem"), "b.pem", true, "allow_unused", "matches nothing"),
        (path("a.pem"), "b.pem", false, "", ""),
        (ended(), "a.pem", true, "allow_expired", "reported again"),
        (ended(), "a.pem", false, "allow_expired", "reported again"),
        (ended(), "b.pem", true, "allow_expired", "remove the entry"),
        (ended(), "b.pem", false, "allow_expired", "remove the entry"),
        (until(path("a.pem"), "2026-11-28"), "b.pem", true, "allow_unused", "matches nothing"),
    ] {
        let told = notices(&judged(vec![entry], subject(&[place]), whole));
        match kind {
            "" => assert_eq!(told, [], "{place} {whole}"),
            _ => assert!(told.len() == 1 && told[0].0 == kind && told[0].1.contains(word), "{told:?}"),
        }
    }
}

#[test]
fn an_entry_of_an_unnamed_file_is_unused_only_if_its_whole_tree_was_read() {
    let folder = std::env::temp_dir().canonicalize().expect("a folder");
    let (base, elsewhere) = (folder.clone(), folder.join("none"));
    let entries = || vec![Entry::new(path("a.pem"), "keyradius.toml:1").expect("valid")];
    for (asked, targets, told) in [
        (false, vec![folder.clone()], 1),
        (false, vec![folder.parent().expect("above").to_owned()], 1),
        (false, vec![elsewhere.clone()], 0),
        (true, vec![elsewhere], 1),
    ] {
        let list = AllowList::new(entries(), base.clone(), asked);
        let verdict = list.judge(&[subject(&["b.pem"])], &[], &targets, &folder, TODAY, true);
        assert_eq!(verdict.notices.len(), told, "{asked} {targets:?}");
    }
}

#[test]
fn a_mark_beside_the_key_counts_before_entries_and_to_its_last_day() {
    let marked = |text: &str| {
        let mut finding = subject(&["a.pem"]);
        finding.occurrences[0].mark = Some(Mark { text: text.into(), stands: Stands::Text, fault: None });
        finding
    };
    let allowance = |text, entries| judged(entries, marked(text), true).allowed[0][0].clone();
    let inline = allowance("a test until=2026-11-28", vec![path("a.pem")]).expect("allowed");
    assert_eq!((inline.inline, inline.place.as_str(), inline.reason.as_str()), (true, "a.pem:1", "a test"));
    assert_eq!(inline.until.map(|date| date.to_string()).as_deref(), Some("2026-11-28"));
    assert_eq!(allowance("a test until=2026-11-27", vec![]), None);
    let verdict = judged(vec![], marked("a test until=2026-11-27"), false);
    assert!(matches!(notices(&verdict).as_slice(), [("allow_expired", message)] if message.contains("expired on")));
    let entry = allowance("until=2026-11-27", vec![path("a.pem")]).expect("by the entry");
    assert_eq!((entry.inline, entry.reason.as_str()), (false, "because"));
}

#[test]
fn a_reason_ends_where_a_key_could_begin() {
    let long = "x".repeat(25);
    for (text, reason) in [
        ("", ""),
        (": a test", "a test"),
        ("reason=\"a test\" more", "a test"),
        ("-- a test", "a test"),
        ("a test 'quoted", "a test"),
        ("a test \\n more", "a test"),
        ("a test `x", "a test"),
        ("a <b", "a"),
        ("a */ b", "a"),
        ("a -----BEGIN b", "a"),
        ("until=2027-01-01 a test", "a test"),
        (&format!("a {long} b"), "a"),
        (&format!("a {} b", &long[1..]), &format!("a {} b", &long[1..])),
        (&"w ".repeat(30), "w w w w w w w w w w w w w w w w w w w w"),
    ] {
        assert_eq!(inline_reason(text), reason, "{text:?}");
    }
}

#[test]
fn ordinary_secrets_are_allowed_by_finding_and_path_in_a_separate_list() {
    let mut secrets = samples::secrets();
    secrets.truncate(1);
    let secret = secrets.remove(0);
    let places = secret.occurrences.len();
    for (entry, allowed) in [(finding("kr1:00"), false), (key(&"11".repeat(32)), false), (path("**"), true)] {
        let verdict = list(vec![entry], true).judge(
            &[subject(&["a.pem"])],
            std::slice::from_ref(&secret),
            &[],
            Path::new("/base"),
            TODAY,
            false,
        );
        assert_eq!((verdict.allowed.len(), verdict.secrets.len(), verdict.secrets[0].len()), (1, 1, places));
        assert!(verdict.secrets[0].iter().all(|allowance| allowance.is_some() == allowed));
    }
}
