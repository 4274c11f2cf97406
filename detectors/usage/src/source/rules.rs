//! The calls and names of `detectors/usage/data/source.toml`, compiled in and parsed once.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::LazyLock;

use aho_corasick::{AhoCorasick, AhoCorasickKind, packed};
use serde::Deserialize;

use super::super::tables::{Example, Near};

/// `source.toml`, as `build.rs` writes it.
pub(super) const JSON: &str = include_str!(concat!(env!("OUT_DIR"), "/source.json"));

/// The rules.
pub(crate) static SOURCES: LazyLock<Sources> = LazyLock::new(|| {
    // A test checks the text.
    let mut sources: Sources = serde_json::from_str(JSON).unwrap_or_default();
    sources.compile();
    sources
});

/// The gate of `source.toml`.
pub(super) const GATE_JSON: &str = include_str!(concat!(env!("OUT_DIR"), "/gate.json"));

/// The texts of which a file must contain one before it is read, names of key files and the start of keys; and what
/// finds them, if this processor has a packed search.
static GATE: LazyLock<(Vec<String>, Option<packed::Searcher>)> = LazyLock::new(|| {
    let texts: Vec<String> = serde_json::from_str(GATE_JSON).unwrap_or_default();
    let searcher = packed::Searcher::new(texts.iter().map(String::as_bytes));
    (texts, searcher)
});

/// Whether a file may name or contain a key.
pub(super) fn passes_gate(bytes: &[u8]) -> bool {
    match &*GATE {
        (_, Some(gate)) => gate.find(bytes).is_some(),
        (texts, None) => texts.iter().any(|text| memchr::memmem::find(bytes, text.as_bytes()).is_some()),
    }
}

/// Whether a file may contain a key in PEM. Cheaper than the gate.
pub(super) fn contains_key(bytes: &[u8]) -> bool {
    static BEGIN: LazyLock<memchr::memmem::Finder<'static>> =
        LazyLock::new(|| memchr::memmem::Finder::new(b"-----BEGIN "));
    BEGIN.find(bytes).is_some()
}

/// A rule: a call that takes a key, or a name that contains one.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Source {
    pub(crate) id: String,
    pub(crate) role: String,
    pub(crate) text: String,
    /// Points; by default 60 if the spelling was verified, else 30.
    weight: Option<i32>,
    #[serde(default)]
    pub(crate) checked: String,
    /// Languages; all if there is none.
    #[serde(default)]
    pub(crate) languages: Vec<String>,
    #[serde(default)]
    pub(crate) calls: Vec<String>,
    /// Arguments of the call that are the key.
    #[serde(default)]
    pub(crate) key: Vec<String>,
    /// Names of variables, settings and properties whose value is the key.
    #[serde(default)]
    pub(crate) names: Vec<String>,
    /// Words of which the file has to contain one; every entry must be met.
    #[serde(default)]
    pub(crate) beside: Vec<String>,
    /// Words that the file must not contain.
    #[serde(default)]
    pub(crate) without: Vec<String>,
    /// Arguments that must differ.
    #[serde(default)]
    pub(crate) differ: Vec<String>,
    #[serde(default)]
    pub(crate) examples: Vec<Example>,
    #[serde(default)]
    #[cfg_attr(not(test), allow(dead_code, reason = "read by the tests"))]
    pub(crate) near: Vec<Near>,
}

impl Source {
    /// Points for the role.
    pub(crate) fn weight(&self) -> i32 {
        self.weight.unwrap_or(if self.checked.is_empty() { 30 } else { 60 })
    }
}

/// A call of a rule.
#[derive(Debug)]
pub(super) struct Call {
    pub(super) rule: usize,
    /// Names that must precede it, nearest first, lower case.
    pub(super) receivers: Vec<String>,
    /// Whether it is a literal in braces: `tls.Config{`.
    pub(super) braces: bool,
}

/// All rules, and what finds them.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Sources {
    pub(crate) source: Vec<Source>,
    #[serde(skip)]
    words: Option<AhoCorasick>,
    #[serde(skip)]
    calls: BTreeMap<String, Vec<Call>>,
    /// Whole names, in the form of [`plain`].
    #[serde(skip)]
    names: BTreeMap<String, Vec<usize>>,
    /// Ends of names.
    #[serde(skip)]
    ends: Vec<(String, usize)>,
}

impl Sources {
    fn compile(&mut self) {
        let mut words = BTreeSet::new();
        for (rule, source) in self.source.iter().enumerate() {
            for call in &source.calls {
                let braces = call.ends_with('{');
                let lower = call.trim_end_matches('{').to_lowercase();
                let mut parts: Vec<String> = lower.split('.').rev().map(str::to_owned).collect();
                let last = parts.remove(0);
                words.insert(last.clone());
                self.calls.entry(last).or_default().push(Call { rule, receivers: parts, braces });
            }
            for name in &source.names {
                let (name, is_end) = name.strip_prefix('*').map_or((name.as_str(), false), |end| (end, true));
                let lower = name.to_lowercase();
                words.extend(["_", "-", ".", ""].iter().map(|sign| lower.replace('_', sign)));
                if is_end {
                    self.ends.push((plain(name), rule));
                } else {
                    self.names.entry(plain(name)).or_default().push(rule);
                }
            }
        }
        // Few files are searched, so that compiling costs more than searching.
        let builder = &mut AhoCorasick::builder();
        self.words = builder.ascii_case_insensitive(true).kind(Some(AhoCorasickKind::ContiguousNFA)).build(&words).ok();
    }

    /// Offsets of the words of all rules in a text.
    pub(super) fn find<'a>(&'a self, text: &'a str) -> impl Iterator<Item = usize> + 'a {
        self.words.iter().flat_map(move |words| words.find_overlapping_iter(text)).map(|found| found.start())
    }

    /// The calls of this lower-case name.
    pub(super) fn calls(&self, name: &str) -> &[Call] {
        self.calls.get(name).map_or(&[], Vec::as_slice)
    }

    /// The rules for the value of a name.
    pub(super) fn names(&self, name: &str) -> Vec<usize> {
        let name = plain(name);
        let whole = self.names.get(&name).into_iter().flatten().copied();
        whole.chain(self.ends.iter().filter(|(end, _)| name.ends_with(end.as_str())).map(|(_, rule)| *rule)).collect()
    }
}

/// A name in lower case, without the signs between its words: `jwtPrivateKey` is `JWT_PRIVATE_KEY`.
pub(super) fn plain(name: &str) -> String {
    name.chars().filter(|c| c.is_alphanumeric()).flat_map(char::to_lowercase).collect()
}
