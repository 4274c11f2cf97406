//! Source code that loads keys: calls and names of libraries, in the files of the languages of [`language`].
//!
//! The table is `detectors/usage/data/source.toml`. `language` the languages, `lexer` words and strings, `code` values,
//! functions and calls, `trace` from an expression to the file or the key in it, `rules` the table. This file joins them.
//!
//! A file is read only if it contains the name of a key file or the start of a key ([`rules::passes_gate`]), and a word
//! of the table. It is not compiled, and nothing is followed into another file: a helper that loads keys elsewhere is
//! not seen.

mod code;
mod language;
mod lexer;
mod passwords;
mod rules;
mod trace;

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;
use std::path::Path;

use keyradius_core::blob::Blob;
use keyradius_core::material::{Encoding, Kind, Material, Name, Reference, Remark};
use keyradius_core::seam::UsageHints;

use super::REFERENCES;
use super::tables::TABLES;
use super::text::Text;
use super::topic;
use super::value::is_secret;
use code::Code;
use language::Language;
pub(crate) use rules::SOURCES;
use rules::{Call, Source, plain};
use trace::{ALL_WORK, Found, trace};

/// Most paths of one call: an expression with more does not say which one is the key.
const PATHS: usize = 4;

/// Whether a file of this name is source code.
pub(super) fn wants(path: &Path) -> bool {
    Language::of(path).is_some()
}

/// Reads the passwords of a build script that computes them: `System.getenv("P") ?: "x"`.
pub(super) fn read_passwords(blob: Blob<'_>, path: &Path, out: &mut UsageHints) {
    let is_script = path.extension().is_some_and(|end| end == "gradle" || end == "kts" || end == "groovy");
    if is_script && memchr::memmem::find(blob.bytes, b"?:").is_some() && rules::passes_gate(blob.bytes) {
        let Some(text) = Text::of(blob.bytes) else { return };
        passwords::read(blob, &text, &text.str().to_ascii_lowercase(), &TABLES.password, out);
    }
}

/// Reads the calls of a file that take keys.
pub(super) fn read(blob: Blob<'_>, path: &Path, out: &mut UsageHints) {
    let Some(language) = Language::of(path) else { return };
    // Headers contain keys, but name no files.
    let is_header =
        language == Language::C && path.extension().is_some_and(|end| end.as_encoded_bytes().starts_with(b"h"));
    let passes = if is_header { rules::contains_key(blob.bytes) } else { rules::passes_gate(blob.bytes) };
    if !passes {
        return;
    }
    topic::read_keys(blob, true, out);
    let Some(text) = Text::of(blob.bytes) else { return };
    let lower = text.str().to_ascii_lowercase();
    passwords::read(blob, &text, &lower, &TABLES.password, out);
    let hits: BTreeSet<usize> = SOURCES.find(text.str()).collect();
    if hits.is_empty() {
        return;
    }
    let code = Code::of(text.str(), language);
    let tests = code.tests();
    let mut reader = Reader { code, tests, text: &text, lower, fits: BTreeMap::new(), left: ALL_WORK, out };
    let values: BTreeMap<usize, Range<usize>> =
        reader.code.values.values().flatten().map(|value| (value.name, value.range.clone())).collect();
    let mut last = None;
    for at in hits {
        let number = reader.code.tokens.partition_point(|token| token.end <= at);
        if last == Some(number) || reader.code.token(number).is_none_or(|token| token.start > at) {
            continue;
        }
        last = Some(number);
        if reader.left == 0 || reader.out.references.len() >= REFERENCES {
            break;
        }
        reader.call(number);
        if let Some(range) = values.get(&number) {
            reader.named(number, range.clone());
        }
    }
}

struct Reader<'a> {
    code: Code<'a>,
    /// Bytes of the parts that are built for tests only.
    tests: Vec<Range<usize>>,
    text: &'a Text,
    lower: String,
    /// Whether the file is in the language of a rule and contains its words, by the id of the rule.
    fits: BTreeMap<&'static str, bool>,
    /// Tokens that may still be visited.
    left: usize,
    out: &'a mut UsageHints,
}

impl Reader<'_> {
    /// Whether the file is in a language of the rule and contains its words.
    fn is_for(&mut self, rule: &'static Source) -> bool {
        if let Some(known) = self.fits.get(rule.id.as_str()) {
            return *known;
        }
        let fits = self.fits_now(rule);
        self.fits.insert(&rule.id, fits);
        fits
    }

    fn fits_now(&self, rule: &Source) -> bool {
        let has = |word: &str| self.lower.contains(word.to_ascii_lowercase().as_str());
        (rule.languages.is_empty() || rule.languages.iter().any(|id| id == self.code.language.id()))
            && rule.beside.iter().all(|entry| entry.split('|').any(has))
            && !rule.without.iter().any(|word| has(word))
    }

    /// Reads the call whose name is this token.
    fn call(&mut self, name: usize) {
        let calls = SOURCES.calls(&self.code.word(name).to_ascii_lowercase());
        if calls.is_empty() || !self.code.is_word(name) {
            return;
        }
        let Some(arguments) = self.code.arguments(name) else { return };
        // Calls contain each other: what is inside is read for each of them.
        let inside = arguments.first().zip(arguments.last()).map_or(0, |(first, last)| last.end - first.start);
        let receivers: Vec<String> = self.code.receivers(name).iter().map(|name| name.to_ascii_lowercase()).collect();
        for Call { rule, receivers: wanted, braces } in calls {
            let Some(rule) = SOURCES.source.get(*rule) else { continue };
            let mut names = receivers.iter();
            let behind = wanted.iter().all(|wanted| names.any(|name| name == wanted));
            if !behind || *braces != self.code.opens(name + 1, b'{') || !self.is_for(rule) {
                continue;
            }
            let steps = inside.saturating_mul(rule.key.len() + rule.differ.len());
            if steps > self.left {
                continue;
            }
            self.left -= steps;
            let written = |argument: &String| self.argument(&arguments, argument).map(|range| self.source(range));
            let differs = rule.differ.iter().map(written).collect::<BTreeSet<_>>().len() == rule.differ.len();
            if !differs {
                continue;
            }
            let mut found = Found::new(self.left);
            for argument in &rule.key {
                if let Some(range) = self.argument(&arguments, argument) {
                    trace(&self.code, range, &mut found);
                }
            }
            self.add(rule, name, &found);
        }
    }

    /// Reads the value of the name that is this token.
    fn named(&mut self, name: usize, value: Range<usize>) {
        for rule in SOURCES.names(self.code.word(name)) {
            let Some(rule) = SOURCES.source.get(rule).filter(|rule| self.is_for(rule)) else { continue };
            let mut found = Found::new(self.left);
            trace(&self.code, value.clone(), &mut found);
            self.add(rule, name, &found);
        }
    }

    /// The text of tokens.
    fn source(&self, range: Range<usize>) -> &str {
        let start = self.code.token(range.start).map_or(0, |token| token.start);
        let end = range.end.checked_sub(1).and_then(|last| self.code.token(last)).map_or(start, |token| token.end);
        self.code.text.get(start..end).unwrap_or_default()
    }

    /// An argument: `#1` the first, `#-1` the last, `*` all, otherwise a property or a named argument.
    fn argument(&self, arguments: &[Range<usize>], wanted: &str) -> Option<Range<usize>> {
        let (first, last) = (arguments.first()?, arguments.last()?);
        if wanted == "*" {
            return Some(first.start..last.end);
        }
        if let Some(place) = wanted.strip_prefix('#') {
            let index = match place.strip_prefix('-').and_then(|back| back.parse::<usize>().ok()) {
                Some(back) => arguments.len().checked_sub(back)?,
                None => place.parse::<usize>().ok()?.checked_sub(1)?,
            };
            return arguments.get(index).cloned();
        }
        self.property(first.start..last.end, wanted).or_else(|| {
            // `f(options)`: the value of the name.
            let named = arguments.iter().filter(|range| range.len() == 1);
            named.filter_map(|range| self.value_of(range.start)).find_map(|value| self.property(value, wanted))
        })
    }

    /// The nearest value of a name.
    fn value_of(&self, at: usize) -> Option<Range<usize>> {
        let values = self.code.values.get(self.code.word(at))?;
        let later = values.partition_point(|value| value.name < at);
        values.get(later.saturating_sub(1)).map(|value| value.range.clone())
    }

    /// The value of a property in an expression: `{ key: x }`, `key=x`, `{ key }`.
    fn property(&self, range: Range<usize>, wanted: &str) -> Option<Range<usize>> {
        let wanted = plain(wanted);
        range.clone().find_map(|at| {
            if plain(self.code.word(at)) != wanted {
                return None;
            }
            let own = |value: &&code::Value| value.name == at;
            if let Some(value) = self.code.values.get(self.code.word(at)).into_iter().flatten().find(own) {
                return Some(value.range.start..value.range.end.min(range.end));
            }
            let before = at.checked_sub(1).is_some_and(|b| self.code.opens(b, b'{') || self.code.is_sign(b, b','));
            let after = self.code.is_sign(at + 1, b',')
                || self.code.token(at + 1).is_some_and(|token| token.kind == lexer::Kind::Close(b'}'));
            (before && after && self.code.is_word(at)).then_some(at..at + 1)
        })
    }

    /// Adds what was found: a reference at the call to each path, and one at each key in the source.
    fn add(&mut self, rule: &Source, name: usize, found: &Found) {
        self.left = self.left.saturating_sub(found.work(self.left));
        if found.is_empty() || found.paths.len() > PATHS {
            return;
        }
        let Some(token) = self.code.token(name) else { return };
        let names: Vec<Name> = found.paths.iter().cloned().map(Name::Path).filter(|name| !is_secret(name)).collect();
        if !names.is_empty() {
            self.push(rule, token.start..token.end, names);
        }
        for &at in &found.here {
            self.push(rule, at..at + 1, Vec::new());
        }
    }

    fn push(&mut self, rule: &Source, span: Range<usize>, names: Vec<Name>) {
        if self.out.references.len() >= REFERENCES {
            return;
        }
        let (tool, role, text) = (rule.id.clone(), rule.role.clone(), rule.text.clone());
        let reference = Reference { tool, role, weight: rule.weight(), text, names };
        let in_test = self.tests.iter().any(|part| part.contains(&span.start));
        let mut material = Material::new(Kind::Reference, "usage", Encoding::Text, self.text.span(span));
        material.remarks.extend(in_test.then_some(Remark::InTest));
        let known = |other: &Material| other.span == material.span && other.reference.as_deref() == Some(&reference);
        if !self.out.references.iter().rev().take(16).any(known) {
            material.reference = Some(Box::new(reference));
            self.out.references.push(material);
        }
    }
}

#[cfg(test)]
mod tests;
