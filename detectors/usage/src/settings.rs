//! Settings of a file that concern keys: collected one by one, then grouped by the key they belong to.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;

use keyradius_core::material::Name;
use keyradius_readers::text;
use zeroize::Zeroizing;

use super::assignment::{self, Setting};
use super::finds::{ABOUT, Finds, shown};
use super::need::Surroundings;
use super::scope::Scopes;
use super::statement::Statements;
use super::tables::{Part, Password, Rule, Tables};
use super::text::{Dialect, Text};
use super::value::{self, Found, Raw, ValueContext};
use super::variables::Variables;
use super::{CANDIDATES, REFERENCES};

/// How a setting was understood.
pub(super) struct Field<'a> {
    /// The rule, and whether it is a step; `None` for a password that any file may contain.
    pub(super) rule: Option<(bool, usize)>,
    pub(super) part: Part,
    /// Distinguishes settings of one kind: `release` of `RELEASE_STORE_FILE`.
    pub(super) stem: String,
    /// The name of the field.
    pub(super) name: &'a str,
}

/// What settings of one key have in common: the rule (and whether it is a step), the block, the stem.
type Group = (Option<(bool, usize)>, usize, String);

/// One setting that concerns a key.
struct Fact {
    rule: Option<(bool, usize)>,
    part: Part,
    stem: String,
    scope: usize,
    span: Range<usize>,
    names: Vec<Name>,
    password: Option<Zeroizing<Vec<u8>>>,
    field: String,
    comment: bool,
}

/// Collects the settings of a file.
pub(super) struct Settings<'a> {
    file: String,
    /// Whether passwords are in base64: a Kubernetes Secret.
    secrets: bool,
    text: &'a Text,
    dialect: Dialect,
    tables: &'a Tables,
    variables: &'a Variables<'a>,
    scopes: &'a Scopes<'a>,
    statements: &'a Statements<'a>,
    around: &'a Surroundings<'a>,
    list: Vec<Fact>,
    /// End of the last value: words before it are not names.
    read_to: usize,
    passwords: usize,
    /// Whether settings were left out.
    full: bool,
}

impl<'a> Settings<'a> {
    /// No settings yet, of a file.
    pub(super) fn of(
        text: &'a Text,
        dialect: Dialect,
        tables: &'a Tables,
        variables: &'a Variables<'a>,
        scopes: &'a Scopes<'a>,
        statements: &'a Statements<'a>,
        around: &'a Surroundings<'a>,
    ) -> Self {
        let secrets = dialect == Dialect::Yaml && text.str().contains("kind: Secret");
        let (list, read_to, passwords, full) = (Vec::new(), 0, 0, false);
        Self {
            file: around.file().to_owned(),
            secrets,
            text,
            dialect,
            tables,
            variables,
            scopes,
            statements,
            around,
            list,
            read_to,
            passwords,
            full,
        }
    }

    /// Passes the grouped settings on.
    pub(super) fn hand_over(self, out: &mut Finds) {
        out.not_all |= self.full;
        group(self.list, self.tables, out);
    }

    /// Reads the setting whose name contains a word.
    pub(super) fn setting(&mut self, word: Range<usize>) {
        if word.start < self.read_to {
            return;
        }
        if self.list.len() >= REFERENCES + CANDIDATES {
            self.full = true;
            return;
        }
        if let Some(setting) = assignment::read(self.text, word, self.dialect) {
            self.known(&setting);
        }
    }

    /// Applies every rule that matches the name.
    fn known(&mut self, setting: &Setting) {
        let Some(name) = self.text.str().get(setting.name.clone()) else { return };
        let lower = name.to_ascii_lowercase();
        let words = &self.tables.words;
        let mut rules = Vec::new();
        if words.is_tail(&lower) {
            rules = words.qualified(&self.scopes.heads(setting.name.start), &lower);
        }
        if rules.is_empty() {
            rules = words.setting(&lower);
        }
        if rules.is_empty()
            && let Some((_, last)) = lower.rsplit_once('.')
        {
            rules = self.tables.words.setting(last);
        }
        let mut password = false;
        for (number, part, stem) in rules {
            let Some(rule) = self.tables.assignment.get(number) else { continue };
            if !rule.context.is_empty() || (setting.spaced && !rule.space) || !self.is_for(rule) {
                continue;
            }
            if !self.scopes.in_block(setting.name.start, &rule.block) {
                continue;
            }
            password |= part == Part::Password;
            self.read_to = self.read_to.max(setting.end);
            self.take(setting, Field { rule: Some((false, number)), part, stem, name });
        }
        if !password && !setting.spaced && is_password(&lower, &self.tables.password) {
            self.read_to = self.read_to.max(setting.end);
            self.take(setting, Field { rule: None, part: Part::Password, stem: String::new(), name });
        }
    }

    fn is_for(&self, rule: &Rule) -> bool {
        let is = |file: &str| match file.strip_prefix('*') {
            Some(end) => self.file.ends_with(end),
            None => match file.strip_suffix('*') {
                Some(start) => self.file.starts_with(start),
                None => self.file == *file,
            },
        };
        let (not, only): (Vec<&str>, Vec<&str>) =
            rule.files.iter().map(String::as_str).partition(|f| f.starts_with('!'));
        !not.iter().any(|file| is(file.trim_start_matches('!')))
            && (only.is_empty() || only.into_iter().any(is))
            && self.around.meet(&rule.need)
    }

    /// Reads a whole file for a rule whose names are too common to search for.
    pub(super) fn lines(&mut self, number: usize) {
        let Some(rule) = self.tables.assignment.get(number) else { return };
        if !self.is_for(rule) {
            return;
        }
        let lower = self.around.lower();
        for (part, pattern) in rule.parts() {
            let mut read_to = 0;
            for (at, _) in lower.match_indices(&pattern.to_lowercase()) {
                if self.list.len() >= REFERENCES + CANDIDATES {
                    self.full = true;
                    return;
                }
                let word = at..at + pattern.len();
                if at < read_to {
                    continue;
                }
                let Some(setting) = assignment::read(self.text, word.clone(), self.dialect) else { continue };
                if setting.name == word
                    && (rule.space || !setting.spaced)
                    && self.scopes.in_block(setting.name.start, &rule.block)
                {
                    read_to = setting.end;
                    let name = self.text.str().get(word).unwrap_or_default();
                    self.take(&setting, Field { rule: Some((false, number)), part, stem: String::new(), name });
                }
            }
        }
    }

    /// Keeps what a setting says.
    pub(super) fn take(&mut self, setting: &Setting, field: Field<'_>) {
        let around = ValueContext {
            at: setting.name.start,
            dialect: self.dialect,
            variables: self.variables,
            password: &self.tables.password,
        };
        let all = self.statements.all();
        let number = all.partition_point(|statement| statement.range.end < setting.name.start);
        let mut fact = Fact {
            rule: field.rule,
            part: field.part,
            stem: field.stem,
            scope: self.scopes.at(setting.name.start),
            span: setting.name.clone(),
            names: Vec::new(),
            password: None,
            field: field.name.to_owned(),
            comment: all.get(number).is_some_and(|statement| statement.comment),
        };
        if field.part == Part::Password {
            let Some(raw) = &setting.value else { return };
            if self.passwords >= CANDIDATES {
                self.full = true;
                return;
            }
            match value::password(raw, around) {
                Found::Password(secret) => {
                    if self.secrets
                        && let Some(plain) = from_base64(&secret)
                    {
                        fact.password = Some(plain);
                    } else {
                        fact.password = Some(secret);
                    }
                    self.passwords += 1;
                }
                Found::Elsewhere(name) => fact.names.push(Name::Variable(name)),
                Found::Nothing => return,
            }
        } else {
            let whole = setting.value.as_ref();
            // If only a space separates name and value, a sentence is not a setting.
            if setting.spaced && whole.is_some_and(|raw| field.part == Part::Path && raw.text.trim().contains(' ')) {
                return;
            }
            fact.names = whole.map(|raw| value::names(field.part, raw, around)).unwrap_or_default();
            let is_key = whole.is_none_or(|raw| holds_key(field.part, raw, &self.tables.password));
            if fact.names.is_empty() && is_key {
                // The value is the key itself: its name is the setting, and its line is that of the value.
                fact.names.push(Name::Variable(field.name.to_owned()));
                if self.text.line(setting.at) != self.text.line(setting.name.start) {
                    fact.span = setting.at..setting.at + 1;
                }
            }
            if fact.names.is_empty() {
                return;
            }
        }
        self.list.push(fact);
    }
}

/// Whether a value without a name may be a key.
fn holds_key(part: Part, raw: &Raw, table: &Password) -> bool {
    let text = raw.text.trim();
    match part {
        Part::Secret => text.len() >= 8 && !value::is_placeholder(text, table),
        Part::Path | Part::Auto => text.len() > 60 || text.contains("-----BEGIN"),
        _ => false,
    }
}

/// Whether a setting of this name contains a password.
fn is_password(lower: &str, table: &Password) -> bool {
    let name: String = lower.chars().filter(|c| !matches!(c, '_' | '-' | '.')).collect();
    let name = name.trim_end_matches(|c: char| c.is_ascii_digit());
    let ends = |list: &[String]| list.iter().any(|end| name.ends_with(end.as_str()));
    (ends(&table.ends) || table.contains.iter().any(|part| name.contains(part.as_str()))) && !ends(&table.not)
}

/// The text encoded in base64; `None` if it is not text.
fn from_base64(coded: &[u8]) -> Option<Zeroizing<Vec<u8>>> {
    if coded.len() < 4 || !coded.len().is_multiple_of(4) {
        return None;
    }
    let mut plain = text::unbase64(text::without_padding(coded, usize::MAX))?;
    // `echo password | base64` encodes the newline too.
    while plain.last().is_some_and(|byte| matches!(byte, b'\n' | b'\r')) {
        plain.pop();
    }
    let is_text = !plain.is_empty() && plain.iter().all(|&byte| byte >= b' ' && byte != 0x7f);
    is_text.then_some(plain)
}

/// Groups the settings that concern one key.
fn group(facts: Vec<Fact>, tables: &Tables, out: &mut Finds) {
    let mut groups: BTreeMap<Group, Vec<Fact>> = BTreeMap::new();
    let mut loose = Vec::new();
    for fact in facts {
        match fact.rule {
            Some(_) => groups.entry((fact.rule, fact.scope, fact.stem.clone())).or_default().push(fact),
            None => loose.push(fact),
        }
    }
    let mut by_scope: BTreeMap<usize, BTreeSet<String>> = BTreeMap::new();
    for ((rule, scope, _), mut facts) in groups {
        // An alias equal to the password would reveal it.
        let secrets: Vec<Zeroizing<Vec<u8>>> = facts.iter().filter_map(|fact| fact.password.clone()).collect();
        for fact in &mut facts {
            fact.names.retain(|name| !secrets.iter().any(|secret| secret.as_slice() == name.text().as_bytes()));
        }
        let rule = rule.and_then(|(step, number)| if step { &tables.step } else { &tables.assignment }.get(number));
        let Some(rule) = rule else { continue };
        let locates = |fact: &Fact| !matches!(fact.part, Part::Alias | Part::Stem | Part::Digits | Part::Password);
        let more: Vec<Name> = facts.iter().filter(|fact| !locates(fact)).flat_map(|fact| fact.names.clone()).collect();
        let mut all: Vec<Name> = facts.iter().flat_map(|fact| fact.names.clone()).collect();
        all.sort();
        all.dedup();
        let about = shown(&all);
        by_scope.entry(scope).or_default().extend(about.iter().cloned());
        let mut located = false;
        for fact in facts.iter().filter(|fact| locates(fact)) {
            located = true;
            let names = fact.names.iter().chain(&more).cloned().collect();
            out.line(rule, fact.span.clone(), names, fact.comment);
        }
        let alone = facts.iter().find(|fact| matches!(fact.part, Part::Alias | Part::Stem | Part::Digits));
        if let Some(fact) = alone.filter(|_| !located) {
            out.line(rule, fact.span.clone(), more, fact.comment);
        }
        for fact in facts {
            if let Some(secret) = fact.password {
                out.password(fact.span.start, fact.field, secret, about.clone());
            }
        }
    }
    for fact in loose {
        if let Some(secret) = fact.password {
            let about = by_scope.get(&fact.scope).into_iter().flatten().take(ABOUT).cloned().collect();
            out.password(fact.span.start, fact.field, secret, about);
        }
    }
}
