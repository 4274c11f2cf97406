//! Evidence from a private key's own file: format, labels, path and neighbouring files.

use std::collections::BTreeSet;

use keyradius_core::blob::printable_path;
use keyradius_core::material::{How, Material, Occurrence, PublicHalf, Remark};

use super::super::Evidence;
use super::super::estate::{Estate, KeyGroup};
use super::super::tables::Tables;
use super::rule::{Rule, Use};
use super::words::{Phrase, Words};

/// Weighs every place of the private key.
pub(super) fn weigh(key: &KeyGroup, estate: &Estate, tables: &Tables, ledger: &mut Vec<Evidence>) {
    for occurrence in &key.private {
        let view = View::of(occurrence, key.public.as_deref(), estate, tables);
        let rules = tables.of_files.iter().enumerate().filter(|(number, rule)| view.satisfies(*number, rule));
        let mut rules = rules.map(|(_, rule)| rule).peekable();
        if rules.peek().is_some() {
            let locator = format!("{}:{}", occurrence.origin, occurrence.line);
            ledger.extend(rules.map(|rule| super::item(rule, locator.clone())));
        }
    }
}

/// A place of a private key, with its texts as words.
struct View<'a> {
    occurrence: &'a Occurrence,
    key: Option<&'a PublicHalf>,
    estate: &'a Estate,
    path: Words,
    labels: Vec<Words>,
    /// Numbers of the rules with a glob that matches the path.
    on_path: BTreeSet<usize>,
}

impl<'a> View<'a> {
    fn of(occurrence: &'a Occurrence, key: Option<&'a PublicHalf>, estate: &'a Estate, tables: &Tables) -> Self {
        let path = &*occurrence.origin.location();
        Self {
            occurrence,
            key,
            estate,
            path: Words::of_path(&printable_path(estate.inside(path))),
            labels: occurrence.material.labels.iter().map(|label| Words::of(&label.text)).collect(),
            on_path: tables.on_path(path),
        }
    }

    /// Whether every condition of a rule is met.
    fn satisfies(&self, number: usize, rule: &Rule) -> bool {
        let material = &self.occurrence.material;
        let labelled = |phrases| self.labels.iter().any(|label| label.has_any(phrases));
        (rule.format.is_empty() || rule.format.iter().any(|format| format == material.format))
            && (rule.path.is_empty() || self.on_path.contains(&number))
            && (rule.word.is_empty() || self.path.has_any(&rule.word))
            && (rule.label.is_empty() || labelled(&rule.label))
            && rule.uses.is_none_or(|wanted| used_for(material, wanted))
            && rule.subkey.is_none_or(|subkey| material.remarks.contains(&Remark::Subkey) == subkey)
            && (rule.opened.is_empty() || self.opened_by(&rule.opened))
            && !self.path.has_any(&rule.not_word)
            && !labelled(&rule.not_label)
            && super::of_key(rule, self.key, material.container)
            && (rule.beside.is_empty()
                || self.estate.beside().has_any(&self.occurrence.origin.location(), &rule.beside))
    }
}

impl View<'_> {
    /// Whether the password that opened the key is in a field with one of these words.
    fn opened_by(&self, fields: &[Phrase]) -> bool {
        let protection = self.occurrence.material.protection.as_ref();
        let opened = protection.and_then(|protection| protection.opened.as_deref());
        opened.is_some_and(|opened| opened.how == How::Found && Words::of(&opened.field).has_any(fields))
    }
}

fn used_for(material: &Material, wanted: Use) -> bool {
    material.uses.is_some_and(|uses| match wanted {
        Use::Certify => uses.certify,
        Use::Sign => uses.sign,
        // A key that also signs is not an encryption key.
        Use::Encrypt => uses.encrypt && !uses.sign && !uses.certify,
        Use::Authenticate => uses.authenticate,
    })
}

/// The words of a path, lower-case.
pub(crate) fn words(path: &str) -> Vec<String> {
    path.split(|c: char| !c.is_alphanumeric() && c != '_')
        .flat_map(|part| std::iter::once(part).chain(part.split('_').filter(move |sub| *sub != part)))
        .filter(|word| !word.is_empty())
        .map(str::to_lowercase)
        .collect()
}
