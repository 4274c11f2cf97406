//! The grammar as data: `detectors/usage/data/usage.toml`, compiled in (as JSON, see `build.rs`) and read once.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::sync::{LazyLock, OnceLock};

use aho_corasick::{AhoCorasick, AhoCorasickKind};
use serde::Deserialize;

/// `usage.toml`, as `build.rs` writes it.
pub(super) const JSON: &str = include_str!(concat!(env!("OUT_DIR"), "/usage.json"));

/// The grammar.
pub(super) static TABLES: LazyLock<Tables> = LazyLock::new(Tables::load);

/// Everything of `usage.toml`, and what follows from it.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Tables {
    pub(super) files: Files,
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
    /// What stands behind the last dot.
    extensions: BTreeSet<String>,
    /// How names begin.
    prefixes: Vec<String>,
    /// How names end.
    suffixes: Vec<String>,
    /// Ends of paths.
    paths: Vec<String>,
    /// Whole names of what is never read.
    never: BTreeSet<String>,
    /// How the names of texts for people begin: only passwords are looked for.
    prose: Vec<String>,
    /// Extensions of such texts; without one they are too.
    prose_extensions: BTreeSet<String>,
    /// Whole names of files that are a password.
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

/// How passwords are told from what is none.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Password {
    /// How the name of a field ends: lower case, without `_`, `-` and `.`.
    pub(super) ends: Vec<String>,
    /// What it may hold anywhere, likewise.
    pub(super) contains: Vec<String>,
    /// How names end that are none.
    pub(super) not: Vec<String>,
    /// Texts that stand where a password should: whole, lower case.
    pub(super) placeholders: Vec<String>,
    /// Parts of such texts.
    pub(super) placeholder_parts: Vec<String>,
    /// How a text begins that leads to a password elsewhere.
    pub(super) indirect: Vec<String>,
    /// Extensions of files that hold keys, with the dot.
    pub(super) keys: Vec<String>,
}

/// A rule. What names the key: patterns of arguments for a command, names of settings for an assignment, inputs for a
/// step; see the head of `usage.toml`.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Rule {
    pub(super) id: String,
    /// The role; without one the rule is there for its passwords.
    pub(super) role: Option<String>,
    #[serde(default)]
    pub(super) text: String,
    /// Points; unless it says, 60 where the spelling was checked and 30 where not.
    weight: Option<i32>,
    /// What told the spelling.
    #[serde(default)]
    pub(super) checked: String,
    /// Row of the table of `docs/usage.md`.
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
    #[serde(default)]
    pub(super) path: Vec<String>,
    #[serde(default)]
    pub(super) directory: Vec<String>,
    #[serde(default)]
    pub(super) alias: Vec<String>,
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
    /// What it must find.
    #[serde(default)]
    pub(super) examples: Vec<Example>,
    /// What it must not.
    #[serde(default)]
    #[cfg_attr(not(test), allow(dead_code, reason = "read by the tests"))]
    pub(super) near: Vec<Near>,
}

/// A text that a rule must understand. `PW` stands for a password.
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

/// A text that a rule must leave alone.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
#[cfg_attr(not(test), allow(dead_code, reason = "read by the tests"))]
pub(super) struct Near {
    #[serde(default)]
    pub(super) file: String,
    pub(super) text: String,
}

/// What a value may be, as the rule says.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Part {
    Path,
    Directory,
    Alias,
    Digits,
    Variable,
    /// Digits, a path or an alias: by its looks.
    Auto,
    /// The key itself, or what leads to it: never shown.
    Secret,
    Password,
}

impl Rule {
    /// The patterns, each with what it gives.
    pub(super) fn parts(&self) -> impl Iterator<Item = (Part, &str)> {
        let lists = [
            (Part::Path, &self.path),
            (Part::Directory, &self.directory),
            (Part::Alias, &self.alias),
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

/// What a word that was found is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Wanted {
    /// The name of a tool.
    Tool,
    /// Part of the name of a setting.
    Name,
    /// The name of a CI step.
    Step,
    /// A word that makes the settings of a rule count: the rule's number.
    Context(usize),
}

/// All distinctive words, compiled; and the rules behind them.
#[derive(Debug, Default)]
pub(super) struct Words {
    /// The words, in their order, and what finds them: compiled when the first file is read, which takes longer than to read a
    /// small tree that has none.
    literals: Vec<String>,
    automaton: OnceLock<Option<AhoCorasick>>,
    wanted: Vec<Wanted>,
    tools: BTreeMap<String, Vec<usize>>,
    /// Names of settings without wildcard.
    names: BTreeMap<String, Vec<(usize, Part)>>,
    /// The others, with the wildcard in front (`*_STORE_FILE`): the end of the name.
    endings: Vec<(String, usize, Part)>,
}

impl Words {
    /// Every word of a text: what it is for, where it begins and ends.
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

    /// The rules that know a setting, by its lower-case name: rule, what it gives, and what stands for the wildcard.
    pub(super) fn setting(&self, name: &str) -> Vec<(usize, Part, String)> {
        let exact = self.names.get(name).into_iter().flatten().map(|&(rule, part)| (rule, part, String::new()));
        let ended = self.endings.iter().filter_map(|(end, rule, part)| {
            let stem = name.strip_suffix(end.as_str())?;
            Some((*rule, *part, stem.trim_end_matches(['_', '.', '-']).to_owned()))
        });
        let out: Vec<(usize, Part, String)> = exact.collect();
        // A rule that knows the whole name knows better than one that knows its end.
        if out.is_empty() { ended.collect() } else { out }
    }
}

impl Tables {
    fn load() -> Self {
        // A test holds that the file is sound; without it nothing is found, and nothing breaks.
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
                }
                if literal == pattern {
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
            // `passphrase` is found by `pass`.
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
    /// How a file of this name is read; `None` if it is not.
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
        // The name first: taking a path apart is slow, and most files are none of these.
        self.paths.iter().any(|end| end.ends_with(file) && path.ends_with(end)).then_some(Reading::Whole)
    }
}
