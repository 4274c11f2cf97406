//! The grammar in words, for `docs/usage.md`.

use super::source::SOURCES;
use super::tables::{Part, Rule, TABLES};

/// A rule in words.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Described {
    /// The rule's id: what reports call the tool.
    pub id: &'static str,
    /// The table that the rule is in.
    pub group: &'static str,
    /// The role that the rule gives to a key; `None` for a rule that only finds passwords.
    pub role: Option<&'static str>,
    /// What the rule matches: tools, settings or steps.
    pub knows: Vec<&'static str>,
    /// What names the key: arguments, settings or inputs.
    pub key: Vec<&'static str>,
    /// What contains a password.
    pub password: Vec<&'static str>,
    /// How the spelling was verified; empty if it was not.
    pub checked: &'static str,
    /// Points for the role.
    pub weight: i32,
    /// An example, in which `PW` stands for a password.
    pub example: &'static str,
}

/// Every rule, in the order of the file.
pub fn described() -> Vec<Described> {
    let commands = TABLES.command.iter().map(|rule| one(rule, &rule.tools));
    let settings = TABLES.assignment.iter().map(|rule| one(rule, &rule.files));
    let steps = TABLES.step.iter().map(|rule| one(rule, &rule.uses));
    let calls = SOURCES.source.iter().map(|rule| Described {
        id: &rule.id,
        group: "Programs",
        role: Some(&rule.role),
        knows: rule.calls.iter().chain(&rule.names).map(String::as_str).collect(),
        key: rule.key.iter().map(String::as_str).collect(),
        password: Vec::new(),
        checked: &rule.checked,
        weight: rule.weight(),
        example: rule.examples.first().map_or("", |example| &example.text),
    });
    commands.chain(settings).chain(steps).chain(calls).collect()
}

fn one(rule: &'static Rule, knows: &'static [String]) -> Described {
    let of = |password: bool| rule.parts().filter(move |(part, _)| (*part == Part::Password) == password);
    let first = rule.first.first().map(String::as_str);
    Described {
        id: &rule.id,
        group: &rule.group,
        role: rule.role.as_deref(),
        knows: knows.iter().map(String::as_str).chain(first).collect(),
        key: of(false).map(|(_, pattern)| pattern).collect(),
        password: of(true).map(|(_, pattern)| pattern).collect(),
        checked: &rule.checked,
        weight: rule.weight(),
        example: rule.examples.first().map_or("", |example| &example.text),
    }
}
