//! The grammar against its own examples, near-misses, and hostile text.

use std::fmt::Write;
use std::path::Path;

use scanner_core::blob::{Blob, Origin};
use scanner_core::material::Name;
use scanner_core::seam::{ClueReader, Clues};

use super::tables::{Rule, TABLES, Tables};
use super::{CANDIDATES, REFERENCES, Usage};

/// Stands for every password of the examples: if it is seen anywhere, a password was shown.
const MARKER: &str = "kR7marker5Qz";

fn read(file: &str, bytes: &[u8]) -> Clues {
    let origin = Origin::file(file);
    let mut clues = Clues::default();
    Usage.read(Blob::whole(bytes, &origin), &mut clues);
    clues
}

fn name(name: &Name) -> String {
    let kind = match name {
        Name::Path(_) => "path",
        Name::Directory(_) => "directory",
        Name::Alias(_) => "alias",
        Name::Variable(_) => "variable",
        Name::Digits(_) => "digits",
    };
    format!("{kind}:{}", name.text())
}

/// All names that a rule gives to keys, each once, in the order of the text.
fn names(clues: &Clues, rule: &str) -> Vec<String> {
    let mut out = Vec::new();
    for material in &clues.references {
        let reference = material.reference.as_deref().unwrap();
        if reference.tool == rule {
            for text in reference.names.iter().map(name) {
                if !out.contains(&text) {
                    out.push(text);
                }
            }
        }
    }
    out
}

fn rules() -> Vec<&'static Rule> {
    TABLES.command.iter().chain(&TABLES.assignment).chain(&TABLES.step).collect()
}

#[test]
fn the_grammar_is_sound() {
    let parsed = toml::from_str::<Tables>(include_str!("../../data/usage.toml"));
    assert!(parsed.is_ok(), "{:?}", parsed.err());
    let mut ids: Vec<&str> = rules().iter().map(|rule| rule.id.as_str()).collect();
    ids.sort_unstable();
    let count = ids.len();
    ids.dedup();
    assert_eq!(ids.len(), count, "an id stands twice");
    for rule in rules() {
        assert!(!rule.examples.is_empty(), "{}: no example", rule.id);
        assert!(!rule.group.is_empty() && rule.parts().count() > 0, "{}", rule.id);
        assert_eq!(rule.role.is_some(), !rule.text.is_empty(), "{}: a role needs words, and words a role", rule.id);
        assert!((10..=60).contains(&rule.weight()), "{}", rule.id);
    }
}

#[test]
fn every_rule_understands_its_examples() {
    let mut wrong = String::new();
    for rule in rules() {
        for example in &rule.examples {
            let file = if example.file.is_empty() { "build.sh" } else { &example.file };
            if !Usage.wants(Path::new(file)) {
                let _ = writeln!(wrong, "{}: {file} is not read", rule.id);
            }
            let clues = read(file, example.text.replace("PW", MARKER).as_bytes());
            let mut got = names(&clues, &rule.id);
            let mut wanted = example.names.clone();
            got.sort();
            wanted.sort();
            if rule.role.is_none() {
                wanted.clear();
            }
            if got != wanted {
                let _ = writeln!(wrong, "{}: {:?}\n    wanted {wanted:?}\n    got    {got:?}", rule.id, example.text);
            }
            for material in &clues.references {
                let reference = material.reference.as_deref().unwrap();
                if reference.tool == rule.id && Some(&reference.role) != rule.role.as_ref() {
                    let _ = writeln!(wrong, "{}: role {}", rule.id, reference.role);
                }
            }
            for field in &example.fields {
                let has = clues
                    .candidates
                    .iter()
                    .any(|c| c.field == *field && c.secret.expose().as_slice() == MARKER.as_bytes());
                if !has {
                    let fields: Vec<(&str, usize)> =
                        clues.candidates.iter().map(|c| (c.field.as_str(), c.secret.expose().len())).collect();
                    let _ = writeln!(wrong, "{}: {:?}\n    no field {field}, got {fields:?}", rule.id, example.text);
                }
            }
            if example.fields.is_empty()
                && clues.candidates.iter().any(|c| c.secret.expose().as_slice() != MARKER.as_bytes())
            {
                let _ = writeln!(wrong, "{}: {:?}\n    a candidate that is no password", rule.id, example.text);
            }
            let shown = format!("{clues:?}");
            if shown.contains(MARKER) {
                let _ = writeln!(wrong, "{}: {:?}\n    shows a password: {shown}", rule.id, example.text);
            }
            for material in &clues.references {
                let span = example.text.replace("PW", MARKER);
                let span = span.as_bytes().get(material.span.clone()).unwrap_or_default();
                if String::from_utf8_lossy(span).contains(MARKER) {
                    let _ = writeln!(wrong, "{}: a span holds a password", rule.id);
                }
            }
        }
        for near in &rule.near {
            let file = if near.file.is_empty() { "build.sh" } else { &near.file };
            let got = names(&read(file, near.text.as_bytes()), &rule.id);
            if !got.is_empty() {
                let _ = writeln!(wrong, "{}: near {:?} gave {got:?}", rule.id, near.text);
            }
        }
    }
    assert!(wrong.is_empty(), "\n{wrong}");
}

#[test]
fn bounds_hold() {
    let mut text = String::new();
    for n in 0..3000 {
        let _ = writeln!(text, "signtool sign /f k{n}.pfx /p {MARKER}{n} a.exe");
    }
    let clues = read("a.sh", text.as_bytes());
    assert_eq!((clues.references.len(), clues.candidates.len()), (REFERENCES, CANDIDATES));
}
