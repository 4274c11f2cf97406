//! Tests of `user`.

use keyradius_core::blob::Origin;
use keyradius_core::seam::Inspection;

use super::*;

fn rule() -> Rule {
    Rule {
        id: "acme".into(),
        regex: "(?i)acme[_-]?key\\s*=\\s*[\"']?([0-9a-z]{10,40})".into(),
        keywords: vec!["acme".into()],
        ..Rule::default()
    }
}

/// Counts the secrets found, one hit at a time as the engine calls the detector.
fn count(rule: Rule, for_all: &[Allow], path: &str, text: &str) -> usize {
    let rules = UserRules::new(&[rule], for_all).expect("a good rule");
    let origin = Origin::file(path);
    let mut out = Inspection::default();
    for literal in rules.literals() {
        for at in memchr::memmem::find_iter(text.as_bytes(), literal) {
            let hit = Hit { anchor: Anchor::anywhere(literal), at };
            rules.inspect(Blob::whole(text.as_bytes(), &origin), hit, &mut out).expect("no fault");
        }
    }
    out.materials().len()
}

#[test]
fn a_match_is_reported_once_wherever_its_literals_are() {
    for (text, found) in [
        ("acme_key = q1w2e3r4t5y6", 1),
        ("ACME_KEY=q1w2e3r4t5y6", 1),
        ("Acme: acme acme\nacme_key = q1w2e3r4t5y6 # acme", 1),
        ("acme_key=q1w2e3r4t5y6\nacme_key=z1w2e3r4t5y6\n", 2),
        ("aCmE_key = q1w2e3r4t5y6", 0),
        ("acme_key = short", 0),
        ("key = q1w2e3r4t5y6", 0),
    ] {
        assert_eq!(count(rule(), &[], "a", text), found, "{text}");
    }
    let far = format!("acme{}key = q1w2e3r4t5y6", " ".repeat(AHEAD));
    let open = Rule { regex: "key = ([0-9a-z]{10,40})".into(), ..rule() };
    assert_eq!(count(open.clone(), &[], "a", &far), 0);
    assert_eq!(count(open, &[], "a", "key = q1w2e3r4t5y6 for acme"), 1, "the literal may follow the match");
}

#[test]
fn conditions_are_applied() {
    let text = "acme_key = q1w2e3r4t5y6 # a test key";
    let allow = |allow: Allow| Rule { allow: vec![allow], ..rule() };
    let regex = |text: &str, target| Allow { regexes: vec![text.into()], target, ..Allow::default() };
    let word = |word: &str| Allow { stopwords: vec![word.into()], ..Allow::default() };
    let both = Allow { all: true, paths: vec!["env$".into()], ..word("w2e3") };
    for (name, rule, found) in [
        ("entropy below", Rule { entropy: Some(3.0), ..rule() }, 1),
        ("entropy above", Rule { entropy: Some(4.5), ..rule() }, 0),
        ("path", Rule { path: Some("\\.env$".into()), ..rule() }, 1),
        ("other path", Rule { path: Some("\\.yml$".into()), ..rule() }, 0),
        ("secret", allow(regex("^q1", Target::Secret)), 0),
        ("not the whole match", allow(regex("^acme", Target::Secret)), 1),
        ("match", allow(regex("^acme", Target::Match)), 0),
        ("line", allow(regex("test key", Target::Line)), 0),
        ("stopword in any case", allow(word("W2E3")), 0),
        ("stopword elsewhere", allow(word("test")), 1),
        ("all of them", allow(both.clone()), 0),
        ("not all of them", allow(Allow { stopwords: vec!["no".into()], ..both.clone() }), 1),
        ("one of them", allow(Allow { all: false, stopwords: vec!["no".into()], ..both }), 0),
    ] {
        assert_eq!(count(rule, &[], "a.env", text), found, "{name}");
    }
    let others = Allow { rules: vec!["other".into()], ..word("w2e3") };
    assert_eq!(count(rule(), &[word("w2e3")], "a", text), 0);
    assert_eq!(count(rule(), &[others], "a", text), 1, "an allowance for another rule");
}

#[test]
fn literals_are_extracted_from_a_pattern() {
    for (pattern, literals) in [
        ("acme_[0-9]{10}", vec!["acme_"]),
        ("(?:acme|umbrella)-[a-z]+", vec!["acme-", "umbrella-"]),
        ("[0-9a-z]{10}", vec![]),
        ("[0-9]+@acme", vec!["@acme"]),
        ("ab[0-9]", vec![]),
        ("(", vec![]),
    ] {
        assert_eq!(literals_of(pattern), literals, "{pattern}");
    }
}

#[test]
fn bad_rules_are_refused_with_the_reason() {
    for (what, rule) in [
        ("is not a valid id", Rule { id: "a b".into(), ..rule() }),
        ("built-in rule", Rule { id: "github-token".into(), ..rule() }),
        ("regex: unclosed group", Rule { regex: "acme(".into(), ..rule() }),
        ("empty text", Rule { regex: "(?:acme)?".into(), ..rule() }),
        ("compiles to more than", Rule { regex: "acme(?:[a-z]{1000}){1000}".into(), ..rule() }),
        ("no anchor or keyword", Rule { keywords: vec!["ac".into()], ..rule() }),
        ("beyond the 1 groups", Rule { secret_group: Some(2), ..rule() }),
        ("entropy = 9", Rule { entropy: Some(9.0), ..rule() }),
        ("path: ", Rule { path: Some("*".into()), ..rule() }),
        ("allow has no condition", Rule { allow: vec![Allow::default()], ..rule() }),
    ] {
        let refused = UserRules::new(&[rule], &[]).expect_err(what);
        assert!(refused.what.contains(what), "{what}: {refused:?}");
    }
    assert!(UserRules::new(&[rule(), rule()], &[]).expect_err("twice").what.contains("twice"));
}
