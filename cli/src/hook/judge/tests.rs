//! Tests of each decision: what blocks, what is only reported, and what is not new.

use std::path::PathBuf;

use jiff::civil::date;
use keyradius_core::budget::Limits;
use keyradius_core::material::{Identity, Mark, Protection, ProtectionState, Stands};

use super::super::blobs::origin_of;
use super::*;
use crate::allow::{Entry, RawAllow};
use crate::choice::FailOn;

use crate::plan::Search;
use crate::report::samples;

/// Ids of the judged object, and of the object that was at its path before.
const NEW: &str = "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa";
const OLD: &str = "bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb";

/// The keys of the old object: this occurrence.
fn known(mut occurrence: Occurrence) -> Known {
    occurrence.origin = origin_of(OLD);
    Known::of(vec![occurrence])
}

fn key(number: u8) -> Occurrence {
    let mut occurrence = samples::occurrence("", 1);
    occurrence.origin = origin_of(NEW);
    occurrence.material.identity = Some(Identity::Opaque([number; 32]));
    occurrence
}

fn token(number: u8) -> Occurrence {
    let mut occurrence = samples::secrets().remove(0).occurrences.remove(0);
    occurrence.origin = origin_of(NEW);
    occurrence.material.identity = Some(Identity::Opaque([number; 32]));
    occurrence
}

fn place(path: &str, olds: &[&str]) -> Place {
    let olds = olds.iter().map(|old| (*old).to_owned()).collect();
    Place { path: path.into(), commit: Some(format!("commit of {path}")), olds }
}

fn policy(fail_on: &str, allow: Option<RawAllow>) -> Policy {
    let entries = allow.into_iter().map(|raw| Entry::new(raw, "keyradius.toml:1").expect("an entry")).collect();
    Policy {
        fail_on: FailOn::parse(fail_on).expect(fail_on),
        search: Search::new(None, &crate::rules::Rules::default()).expect("what is built in"),
        allow: AllowList::new(entries, "/base".into(), false).obeying(Marks::Given),
        limits: Limits::default(),
        jobs: 1,
        today: date(2026, 11, 28),
        here: "/base".into(),
        inline: true,
    }
}

fn path(pattern: &str) -> Option<RawAllow> {
    Some(RawAllow { finding: None, key: None, path: Some(pattern.into()), reason: Some("because".into()), until: None })
}

fn judged(found: Vec<Occurrence>, places: &[Place], known: &Known, policy: &Policy) -> Judged {
    let scanned = Scanned { occurrences: found, ..Scanned::default() };
    judge(scanned, &|oid| if oid == NEW { places.to_vec() } else { Vec::new() }, known, policy)
}

/// Counts of keys that block, are below `--fail-on` and are allowed; then the three counts of ordinary secrets.
fn counts(judged: &Judged) -> [usize; 6] {
    let keys = [judged.blocking.len(), judged.below.len(), judged.allowed.len()];
    let secrets = [judged.secrets.len(), judged.secrets_below, judged.secrets_allowed];
    [keys[0], keys[1], keys[2], secrets[0], secrets[1], secrets[2]]
}

#[test]
fn a_key_or_secret_is_new_unless_the_previous_object_contains_it() {
    let strong = |mut occurrence: Occurrence| {
        occurrence.material.protection = Some(Protection::new(ProtectionState::Strong, ""));
        occurrence
    };
    let known_key = known(key(1));
    let known_locked = known(strong(key(1)));
    let known_token = known(token(1));
    let nothing = Known::default();
    for (name, found, olds, known, expected) in [
        ("a new file", key(1), vec![], &nothing, [1, 0, 0, 0, 0, 0]),
        ("the same key there", key(1), vec![OLD], &known_key, [0; 6]),
        ("the same key in one of two parents", key(1), vec!["cccc", OLD], &known_key, [0; 6]),
        ("another key there", key(2), vec![OLD], &known_key, [1, 0, 0, 0, 0, 0]),
        ("the same key elsewhere", key(1), vec!["cccc"], &known_key, [1, 0, 0, 0, 0, 0]),
        ("locked there", key(1), vec![OLD], &known_locked, [1, 0, 0, 0, 0, 0]),
        ("locked now", strong(key(1)), vec![OLD], &known_key, [0; 6]),
        ("a new secret", token(1), vec![OLD], &nothing, [0, 0, 0, 1, 0, 0]),
        ("the same secret there", token(1), vec![OLD], &known_token, [0; 6]),
        ("another secret there", token(2), vec![OLD], &known_token, [0, 0, 0, 1, 0, 0]),
        ("a key there", token(1), vec![OLD], &known_key, [0, 0, 0, 1, 0, 0]),
    ] {
        let judged = judged(vec![found], &[place("a", &olds)], known, &policy("any", None));
        assert_eq!(counts(&judged), expected, "{name}");
        assert_eq!(judged.blocks(), expected[0] + expected[3] > 0, "{name}");
    }
}

#[test]
fn each_place_is_judged_by_itself_and_keeps_its_commit() {
    let known = known(key(1));
    let places = [place("a", &[OLD]), place("b", &[]), place("c", &["cccc"])];
    let judged = judged(vec![key(1)], &places, &known, &policy("any", None));
    let [news] = &judged.blocking[..] else { panic!("{judged:?}") };
    let paths: Vec<PathBuf> = news.finding.occurrences.iter().map(|o| o.origin.path.clone()).collect();
    assert_eq!(paths, [PathBuf::from("b"), PathBuf::from("c")]);
    assert_eq!(news.commits, [Some("commit of b".to_owned()), Some("commit of c".to_owned())]);
}

#[test]
fn a_key_below_the_threshold_or_allowed_at_every_place_does_not_block() {
    let places = [place("a", &[]), place("b", &[])];
    for (name, fail_on, allow, expected) in [
        ("nothing blocks", "none", None, [0, 1, 0, 0, 1, 0]),
        ("everything blocks", "any", None, [1, 0, 0, 1, 0, 0]),
        ("allowed at both places", "any", path("*"), [0, 0, 1, 0, 0, 1]),
        ("allowed at one of two", "any", path("a"), [1, 0, 0, 1, 0, 0]),
        ("allowed elsewhere", "any", path("c"), [1, 0, 0, 1, 0, 0]),
        ("allowed and below", "none", path("*"), [0, 0, 1, 0, 0, 1]),
    ] {
        let judged = judged(vec![key(1), token(2)], &places, &Known::default(), &policy(fail_on, allow));
        assert_eq!(counts(&judged), expected, "{name}");
    }
}

#[test]
fn a_mark_counts_only_where_the_user_wrote_it() {
    let marked = |mut occurrence: Occurrence| {
        occurrence.mark = Some(Mark { text: "let me in".into(), stands: Stands::Text, fault: None });
        occurrence
    };
    let places = [place("a", &[])];
    for (inline, expected, ignored) in [(true, [0, 0, 1, 0, 0, 1], 0), (false, [1, 0, 0, 1, 0, 0], 2)] {
        let policy = Policy { inline, ..policy("any", None) };
        let judged = judged(vec![marked(key(1)), marked(token(2))], &places, &Known::default(), &policy);
        assert_eq!((counts(&judged), judged.ignored.len()), (expected, ignored), "{inline}");
    }
}

#[test]
fn public_halves_beside_a_key_are_not_reported_by_themselves() {
    let mut certificate = key(1);
    certificate.material.kind = Kind::Certificate;
    let places = [place("a", &[])];
    let alone = judged(vec![certificate.clone()], &places, &Known::default(), &policy("any", None));
    assert_eq!(counts(&alone), [0; 6]);
    let both = judged(vec![key(1), certificate], &places, &Known::default(), &policy("any", None));
    assert_eq!(counts(&both), [1, 0, 0, 0, 0, 0]);
}
