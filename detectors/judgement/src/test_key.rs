//! Whether a key is one for tests: one decision, with its reason.
//!
//! A place alone never makes a test key: anyone can put a key below `tests`. All places of the key must be ones for
//! tests, and something else must say so too: the names in its certificates or labels, or the lines that use it. The
//! self-test keys in the read-only data of a cryptographic library are test keys wherever the library is installed.
//!
//! A place that is not for tests undoes the decision if it certainly concerns this key: a line that names it by its path
//! or fingerprint, a keystore that trusts it, a certificate that it issued.

use std::path::Path;

use keyradius_core::blob::printable_path;
use keyradius_core::material::Occurrence;

use super::estate::{Confidence, Use};
use super::evidence::file;
use super::evidence::words::Words;
use super::known::Class;
use super::subject::{Facts, is_for_tests, is_trust};
use super::tables::TestWords;

/// The reason why a key is one for tests; `None` if it is not, and for keys on a list: published test keys are notes.
pub(super) fn reason(facts: &Facts<'_>) -> Option<String> {
    let key = facts.key;
    if key.private.is_empty() || facts.known.is_some() {
        return None;
    }
    let words = &facts.judge.tables.test;
    let is_test = |occurrence: &Occurrence| {
        is_for_tests(occurrence, facts.estate, facts.judge) || in_library(occurrence, words).is_some()
    };
    let certain =
        |used: &&Use| used.is_use() && matches!(used.sure, Confidence::Here | Confidence::Path | Confidence::Digits);
    let users = key.uses.iter().filter(certain).map(|used| &*used.reference);
    // A copy of the certificate elsewhere trusts nothing by itself; a keystore that contains it does.
    let trusts = key.related.iter().filter(|occurrence| is_trust(occurrence));
    if !key.private.iter().chain(trusts).chain(&key.issued).chain(users).all(is_test) {
        return None;
    }
    if let Some(library) = key.private.first().and_then(|first| in_library(first, words))
        && key.private.iter().all(|place| in_library(place, words).is_some())
    {
        return Some(format!("in the read-only data of {library}, like keys for self-tests"));
    }
    let place = key.private.first().map(|first| facts.estate.inside(&first.origin.location()).to_owned())?;
    let place = printable_path(&place);
    if let Some(name) = named(facts, words) {
        return Some(format!("in a place for tests ({place}), and named for tests ({name})"));
    }
    let mut uses = key.uses.iter().filter(|used| used.is_use());
    let used = uses.next().filter(|first| is_test(&first.reference) && uses.all(|used| is_test(&used.reference)))?;
    Some(format!(
        "in a place for tests ({place}), and used only by tests ({}:{})",
        used.reference.origin, used.reference.line
    ))
}

/// A name of the key that says that it is for tests. Its certificates have to agree.
fn named(facts: &Facts<'_>, words: &TestWords) -> Option<String> {
    let is_test = |text: &str| Words::of(text).has_any(&words.names) || words.in_place(text);
    let mut certificates = facts.key.certificates().peekable();
    if let Some(first) = certificates.peek() {
        let name = if is_test(&first.subject) { &first.subject } else { &first.issuer };
        let first = brief(name, is_test);
        return certificates.all(|facts| is_test(&facts.subject) || is_test(&facts.issuer)).then_some(first);
    }
    let labels = facts.key.private.iter().flat_map(|place| &place.material.labels);
    labels.map(|label| &label.text).find(|text| is_test(text)).cloned()
}

/// The attribute of a subject that says that it is for tests, such as `O=Test CA`; the subject if none does alone.
fn brief(subject: &str, is_test: impl Fn(&str) -> bool) -> String {
    subject.split(", ").find(|attribute| is_test(attribute)).unwrap_or(subject).to_owned()
}

/// The name of the cryptographic library that has a place in its read-only data.
fn in_library(occurrence: &Occurrence, words: &TestWords) -> Option<String> {
    let read_only = occurrence
        .section
        .as_deref()
        .is_some_and(|section| words.sections.iter().any(|name| section.contains(name.as_str())));
    let is_library = |name: &String| {
        let stem = name.split(['.', '-', '_']).next().unwrap_or_default().to_lowercase();
        words.libraries.contains(&stem)
    };
    // A static library is an archive of programs, so every part of the path may be the name.
    let location = occurrence.origin.location();
    let names =
        location.iter().flat_map(|part| part.to_string_lossy().split('!').map(str::to_owned).collect::<Vec<_>>());
    names.filter(|_| read_only).find(is_library)
}

impl TestWords {
    /// Whether a path, or a name, has a word for tests. Compound words count, but not words that only end in one, such as
    /// `latest`.
    pub(super) fn in_place(&self, path: &str) -> bool {
        file::words(path).iter().any(|word| self.is_test(word)) || parts(path).any(|part| self.is_test(&part))
    }

    /// Whether a directory of a path is one for tests by its place: Perl's `t`, and the copies of other people's sources
    /// that Go keeps in `vendor/HOST`.
    pub(super) fn in_directory(&self, path: &Path) -> bool {
        let directories: Vec<_> = path
            .parent()
            .into_iter()
            .flat_map(Path::components)
            .map(|part| part.as_os_str().to_string_lossy())
            .collect();
        let next = directories.iter().skip(1).map(Some).chain([None]);
        directories.iter().zip(next).any(|(name, next)| {
            self.directories.iter().any(|directory| directory == name)
                || (name == "vendor" && next.is_some_and(|next| next.contains('.') && !next.starts_with('.')))
        })
    }

    /// Whether a lower-case word says that something is for tests.
    fn is_test(&self, word: &str) -> bool {
        let has = |list: &[String], word: &str| list.iter().any(|entry| entry == word);
        let behind = |first: &String| word.strip_prefix(first.as_str()).is_some_and(|rest| has(&self.after, rest));
        let before = |last: &str| word.strip_suffix(last).is_some_and(|rest| has(&self.before, rest));
        has(&self.words, word) || self.first.iter().any(behind) || before("test") || before("tests")
    }
}

/// The parts of words in camel case, lower-case: `src/androidTest` has `android` and `test`.
fn parts(path: &str) -> impl Iterator<Item = String> + '_ {
    path.split(|c: char| !c.is_alphanumeric()).flat_map(|word| {
        let mut parts: Vec<String> = Vec::new();
        let mut lower = false;
        for c in word.chars() {
            if parts.is_empty() || (lower && c.is_uppercase()) {
                parts.push(String::new());
            }
            lower = c.is_lowercase();
            if let Some(part) = parts.last_mut() {
                part.extend(c.to_lowercase());
            }
        }
        parts
    })
}

/// Whether the key is in a list of published test keys.
pub(super) fn is_published(facts: &Facts<'_>) -> bool {
    facts.known.is_some_and(|known| known.class == Class::PublicTest)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Tables;

    #[test]
    fn places_for_tests_are_told_by_whole_words() {
        let tables = Tables::built_in();
        let words = &tables.test;
        for (path, is_test) in [
            ("tests/ca.key", true),
            ("src/testkeys/ca.key", true),
            ("x/testcerts/a.pem", true),
            ("meta-selftest/files/signing.key", true),
            ("src/androidTest/res/key.pk8", true),
            ("app/src/TestKeys/key.pk8", true),
            ("lib/unittests/key.pem", true),
            ("t/certs/server.key", true),
            ("vendor/github.com/acme/x/ca.key", true),
            ("Godeps/_workspace/ca.key", true),
            ("Examples/tls/key.pem", true),
            ("keys/latest/ca.key", false),
            ("attest/device.key", false),
            ("contest/ca.key", false),
            ("t.key", false),
            ("vendor/acme/release.key", false),
            ("vendor/.hidden/release.key", false),
            ("fastest/greatest.key", false),
            ("keys/release.jks", false),
        ] {
            let found = words.in_place(path) || words.in_directory(Path::new(path));
            assert_eq!(found, is_test, "{path}");
        }
    }
}
