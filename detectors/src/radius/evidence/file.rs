//! What a private key's own file says it is for: its format, its labels, its path.

use scanner_core::blob::printable_path;
use scanner_core::material::{Material, Occurrence};

use super::super::Evidence;
use super::super::estate::{Estate, KeyGroup};
use super::super::tables::{Rule, Tables, Use};

/// Weighs every place of the private key.
pub fn weigh(key: &KeyGroup, estate: &Estate, tables: &Tables, ledger: &mut Vec<Evidence>) {
    let algorithm = key.public.as_ref().map(|p| p.algorithm.name);
    for occurrence in &key.private {
        let path = printable_path(estate.inside(&occurrence.origin.path));
        let words = words(&path);
        for rule in tables.rules.iter().filter(|r| !r.about_certificate()) {
            if holds(rule, occurrence, algorithm, &words) {
                ledger.push(super::item(rule, format!("{}:{}", occurrence.origin, occurrence.line)));
            }
        }
    }
}

fn holds(rule: &Rule, occurrence: &Occurrence, algorithm: Option<&str>, words: &[String]) -> bool {
    let material = &occurrence.material;
    let labelled = |wanted: &String| material.labels.iter().any(|l| l.text.to_lowercase().contains(wanted));
    rule.format.as_ref().is_none_or(|format| material.format == format)
        && rule.algorithm.as_ref().is_none_or(|name| algorithm == Some(name))
        && rule.uses.is_none_or(|wanted| used_for(material, wanted))
        && rule.subkey.is_none_or(|subkey| material.notes.contains(&"subkey") == subkey)
        && rule.label.as_ref().is_none_or(labelled)
        && rule.glob.as_ref().is_none_or(|glob| glob.is_match(&occurrence.origin.path))
        && (rule.word.is_empty() || rule.word.iter().any(|word| words.contains(word)))
}

fn used_for(material: &Material, wanted: Use) -> bool {
    material.uses.is_some_and(|uses| match wanted {
        Use::Certify => uses.certify,
        Use::Sign => uses.sign,
        // A key that signs as well is no encryption key.
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
