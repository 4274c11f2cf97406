//! The grammar as data: `detectors/usage/data/usage.toml`, compiled in (as JSON, see `build.rs`) and parsed once. Most
//! runs need only [`FILES`].

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::sync::{LazyLock, OnceLock};

use aho_corasick::{AhoCorasick, AhoCorasickKind};
use serde::Deserialize;

/// `usage.toml` without its files, as `build.rs` writes it.
pub(super) const JSON: &str = include_str!(concat!(env!("OUT_DIR"), "/usage.json"));

/// The files of `usage.toml`.
pub(super) const FILES_JSON: &str = include_str!(concat!(env!("OUT_DIR"), "/files.json"));

/// Which files are read.
pub(super) static FILES: LazyLock<Files> = LazyLock::new(|| {
    // A test checks the text, as for `TABLES`.
    serde_json::from_str(FILES_JSON).unwrap_or_default()
});

/// The grammar.
pub(super) static TABLES: LazyLock<Tables> = LazyLock::new(Tables::load);

/// The rules of `usage.toml`, and what is derived from them.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Tables {
    pub(super) password: Password,
    #[serde(default)]
    pub(super) command: Vec<Rule>,
    #[serde(default)]
    pub(super) assignment: Vec<Rule>,
    #[serde(default)]
    pub(super) step: Vec<Rule>,
    #[serde(skip)]
    pub(super) words: Words,
}

/// Which files are read, by lower-case name.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Files {
    /// Whole names.
    names: BTreeSet<String>,
    /// Texts after the last dot.
    extensions: BTreeSet<String>,
    /// Beginnings of names.
    prefixes: Vec<String>,
    /// Ends of names.
    suffixes: Vec<String>,
    /// Ends of paths.
    paths: Vec<String>,
    /// Whole names of files that are never read.
    never: BTreeSet<String>,
    /// Beginnings of the names of texts for people: only passwords are read.
    prose: Vec<String>,
    /// Extensions of such texts; a name without extension also matches.
    prose_extensions: BTreeSet<String>,
    /// Whole names of files that contain only passwords.
    plain: BTreeSet<String>,
    /// Extensions of such files.
    plain_extensions: BTreeSet<String>,
}

/// How a file is read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Reading {
    /// For keys and passwords.
    Whole,
    /// For passwords only.
    Prose,
    /// Every line may be a password.
    Plain,
}

/// What distinguishes passwords from other texts.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Password {
    /// Ends of field names: lower case, without `_`, `-` and `.`.
    pub(super) ends: Vec<String>,
    /// Parts of field names, in the same form.
    pub(super) contains: Vec<String>,
    /// Ends of field names that are not passwords.
    pub(super) not: Vec<String>,
    /// Placeholders: whole, lower case.
    pub(super) placeholders: Vec<String>,
    /// Parts of placeholders.
    pub(super) placeholder_parts: Vec<String>,
    /// Beginnings of texts that refer to a password elsewhere.
    pub(super) indirect: Vec<String>,
    /// Extensions of key files, with the dot.
    pub(super) keys: Vec<String>,
}

/// A rule. The key is named by argument patterns in a command, by setting names in an assignment, by inputs in a step;
/// see the head of `usage.toml`.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Rule {
    pub(super) id: String,
    /// The role; a rule without one only finds passwords.
    pub(super) role: Option<String>,
    #[serde(default)]
    pub(super) text: String,
    /// Points; by default 60 if the spelling was verified, else 30.
    weight: Option<i32>,
    /// How the spelling was verified.
    #[serde(default)]
    pub(super) checked: String,
    /// Row of the table in `docs/usage.md`.
    pub(super) group: String,
    #[serde(default)]
    pub(super) tools: Vec<String>,
    #[serde(default)]
    pub(super) uses: Vec<String>,
    #[serde(default)]
    pub(super) first: Vec<String>,
    #[serde(default)]
    pub(super) with: Vec<String>,
    #[serde(default)]
    pub(super) without: Vec<String>,
    #[serde(default)]
    pub(super) valued: Vec<String>,
    #[serde(default)]
    pub(super) slash: bool,
    #[serde(default)]
    pub(super) files: Vec<String>,
    #[serde(default)]
    pub(super) context: Vec<String>,
    #[serde(default)]
    pub(super) space: bool,
    /// Words of which the text or path of the file has to contain one; every entry has to be met.
    #[serde(default)]
    pub(super) need: Vec<String>,
    /// Words of which the block around has to contain one.
    #[serde(default)]
    pub(super) block: Vec<String>,
    #[serde(default)]
    pub(super) path: Vec<String>,
    #[serde(default)]
    pub(super) directory: Vec<String>,
    #[serde(default)]
    pub(super) alias: Vec<String>,
    #[serde(default)]
    pub(super) stem: Vec<String>,
    #[serde(default)]
    pub(super) digits: Vec<String>,
    #[serde(default)]
    pub(super) variable: Vec<String>,
    #[serde(default)]
    pub(super) auto: Vec<String>,
    #[serde(default)]
    pub(super) secret: Vec<String>,
    #[serde(default)]
    pub(super) password: Vec<String>,
    /// Texts that the rule must match.
    #[serde(default)]
    pub(super) examples: Vec<Example>,
    /// Texts that the rule must not match.
    #[serde(default)]
    #[cfg_attr(not(test), allow(dead_code, reason = "read by the tests"))]
    pub(super) near: Vec<Near>,
}

/// A text that a rule must match. `PW` stands for a password.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
#[cfg_attr(not(test), allow(dead_code, reason = "read by the tests"))]
pub(super) struct Example {
    #[serde(default)]
    pub(super) file: String,
    pub(super) text: String,
    #[serde(default)]
    pub(super) names: Vec<String>,
    #[serde(default)]
    pub(super) fields: Vec<String>,
}

/// A text that a rule must not match.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
#[cfg_attr(not(test), allow(dead_code, reason = "read by the tests"))]
pub(super) struct Near {
    #[serde(default)]
    pub(super) file: String,
    pub(super) text: String,
}

/// What kind of value a pattern gives.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Part {
    Path,
    Directory,
    Alias,
    /// The name of the key's file without its extension.
    Stem,
    Digits,
    Variable,
    /// Digits, a path or an alias: decided by the form of the value.
    Auto,
    /// The key itself, or a reference to it: never shown.
    Secret,
    Password,
}

impl Rule {
    /// The patterns, each with the kind of its value.
    pub(super) fn parts(&self) -> impl Iterator<Item = (Part, &str)> {
        let lists = [
            (Part::Path, &self.path),
            (Part::Directory, &self.directory),
            (Part::Alias, &self.alias),
            (Part::Stem, &self.stem),
            (Part::Digits, &self.digits),
            (Part::Variable, &self.variable),
            (Part::Auto, &self.auto),
            (Part::Secret, &self.secret),
            (Part::Password, &self.password),
        ];
        lists.into_iter().flat_map(|(part, list)| list.iter().map(move |pattern| (part, pattern.as_str())))
    }

    /// Points for the role.
    pub(super) fn weight(&self) -> i32 {
        self.weight.unwrap_or(if self.checked.is_empty() { 30 } else { 60 })
    }
}

/// What a matched word is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Wanted {
    /// The name of a tool.
    Tool,
    /// Part of the name of a setting.
    Name,
    /// The name of a CI step.
    Step,
    /// A word that enables the settings of a rule: the rule's number.
    Context(usize),
}

/// All distinctive words, compiled, and their rules.
#[derive(Debug, Default)]
pub(super) struct Words {
    /// The words in order, and their automaton. Compiled when the first file is read: compiling takes longer than
    /// reading a small tree without such files.
    literals: Vec<String>,
    automaton: OnceLock<Option<AhoCorasick>>,
    wanted: Vec<Wanted>,
    tools: BTreeMap<String, Vec<usize>>,
    /// Names of settings without a wildcard.
    names: BTreeMap<String, Vec<(usize, Part)>>,
    /// Last parts of names with dots: the rest may be the blocks around the setting.
    tails: BTreeSet<String>,
    /// Names with a leading wildcard (`*_STORE_FILE`): the end of the name.
    endings: Vec<(String, usize, Part)>,
}

impl Words {
    /// Every word in a text: what it is, its start and its end.
    pub(super) fn find<'a>(&'a self, text: &'a str) -> impl Iterator<Item = (Wanted, usize, usize)> + 'a {
        let automaton = self.automaton.get_or_init(|| {
            let builder = &mut AhoCorasick::builder();
            builder.ascii_case_insensitive(true).kind(Some(AhoCorasickKind::DFA)).build(&self.literals).ok()
        });
        let found = automaton.iter().flat_map(move |automaton| automaton.find_overlapping_iter(text));
        found.filter_map(|found| Some((*self.wanted.get(found.pattern().as_usize())?, found.start(), found.end())))
    }

    /// The rules of a tool.
    pub(super) fn tool(&self, name: &str) -> &[usize] {
        self.tools.get(name).map_or(&[], Vec::as_slice)
    }

    /// The rules for a setting in its blocks, outermost first: for the longest end of both that is the name of a rule.
    pub(super) fn qualified(&self, heads: &[String], name: &str) -> Vec<(usize, Part, String)> {
        let whole = heads.iter().map(String::as_str).chain([name]).collect::<Vec<_>>().join(".");
        let starts = std::iter::once(0).chain(whole.match_indices('.').map(|(at, _)| at + 1));
        let mut ends = starts.filter_map(|start| whole.get(start..)).filter(|end| end.contains('.'));
        ends.find_map(|end| self.names.get(end))
            .into_iter()
            .flatten()
            .map(|&(rule, part)| (rule, part, String::new()))
            .collect()
    }

    /// Whether a name may be the last part of a name with dots.
    pub(super) fn is_tail(&self, name: &str) -> bool {
        self.tails.contains(name.rsplit('.').next().unwrap_or(name))
    }

    /// The rules for a setting, by its lower-case name: rule, kind of value, and the text in place of the wildcard.
    pub(super) fn setting(&self, name: &str) -> Vec<(usize, Part, String)> {
        let exact = self.names.get(name).into_iter().flatten().map(|&(rule, part)| (rule, part, String::new()));
        let ended = self.endings.iter().filter_map(|(end, rule, part)| {
            let stem = name.strip_suffix(end.as_str())?;
            Some((*rule, *part, stem.trim_end_matches(['_', '.', '-']).to_owned()))
        });
        let out: Vec<(usize, Part, String)> = exact.collect();
        // A rule for the whole name takes precedence over one for its end.
        if out.is_empty() { ended.collect() } else { out }
    }
}

impl Tables {
    fn load() -> Self {
        // A test checks the file; if it were broken, nothing would be found and nothing would panic.
        let mut tables: Self = serde_json::from_str(JSON).unwrap_or_default();
        tables.compile();
        tables
    }

    fn compile(&mut self) {
        let mut words: BTreeMap<String, Wanted> = BTreeMap::new();
        let mut compiled = Words::default();
        for (number, rule) in self.command.iter().enumerate() {
            for tool in &rule.tools {
                words.insert(tool.to_lowercase(), Wanted::Tool);
                compiled.tools.entry(tool.to_lowercase()).or_default().push(number);
            }
        }
        for (number, rule) in self.assignment.iter().enumerate() {
            for (part, pattern) in rule.parts() {
                let pattern = pattern.to_lowercase();
                let literal = pattern.trim_start_matches('*');
                if rule.context.is_empty() {
                    words.entry(literal.to_owned()).or_insert(Wanted::Name);
                    if let Some((_, tail)) = pattern.rsplit_once('.').filter(|_| literal == pattern) {
                        words.entry(tail.to_owned()).or_insert(Wanted::Name);
                        compiled.tails.insert(tail.to_owned());
                    }
                }
                if !rule.context.is_empty() {
                    // Read line by line: see `Settings::lines`.
                } else if literal == pattern {
                    compiled.names.entry(pattern).or_default().push((number, part));
                } else {
                    compiled.endings.push((literal.to_owned(), number, part));
                }
            }
            for context in &rule.context {
                words.insert(context.to_lowercase(), Wanted::Context(number));
            }
        }
        for uses in self.step.iter().flat_map(|rule| &rule.uses) {
            words.insert(uses.to_lowercase(), Wanted::Step);
        }
        for end in self.password.ends.iter().chain(&self.password.contains) {
            // `pass` also finds `passphrase`.
            if end != "pass" && end.contains("pass") {
                continue;
            }
            words.entry(end.clone()).or_insert(Wanted::Name);
        }
        (compiled.literals, compiled.wanted) = words.into_iter().unzip();
        self.words = compiled;
    }
}

impl Files {
    /// How a file of this name is read; `None` if it is not read.
    pub(super) fn reading(&self, path: &Path) -> Option<Reading> {
        let file = path.file_name()?.to_str()?;
        let name = file.to_ascii_lowercase();
        let has = |list: &BTreeSet<String>, text: &str| !text.is_empty() && list.contains(text);
        let extension = name.rsplit_once('.').map_or("", |(_, extension)| extension);
        if has(&self.plain, &name) || has(&self.plain_extensions, extension) {
            return Some(Reading::Plain);
        }
        if has(&self.never, &name) {
            return None;
        }
        let begins = |list: &[String]| list.iter().any(|start| name.starts_with(start.as_str()));
        if has(&self.names, &name) || has(&self.extensions, extension) || begins(&self.prefixes) {
            return Some(Reading::Whole);
        }
        if begins(&self.prose) && (!name.contains('.') || has(&self.prose_extensions, extension)) {
            return Some(Reading::Prose);
        }
        if self.suffixes.iter().any(|end| name.ends_with(end.as_str())) {
            return Some(Reading::Whole);
        }
        // The name first: splitting a path is slow, and most files do not match.
        self.paths.iter().any(|end| end.ends_with(file) && path.ends_with(end)).then_some(Reading::Whole)
    }
}
