//! Evidence from the places of a key's public half: something there trusts the key.

use keyradius_core::material::Occurrence;

use super::super::Evidence;
use super::super::estate::KeyGroup;
use super::super::tables::Tables;
use super::rule::PublicRule;

/// Weighs every place of the public half.
pub(crate) fn weigh(key: &KeyGroup, tables: &Tables, ledger: &mut Vec<Evidence>) {
    for place in &key.related {
        for rule in tables.public.iter().filter(|rule| holds(rule, place)) {
            ledger.push(Evidence {
                role: rule.role.clone(),
                weight: rule.weight,
                group: "link".to_owned(),
                locator: format!("{}:{}", place.origin, place.line),
                text: rule.text.clone(),
                tier: None,
            });
        }
    }
}

fn holds(rule: &PublicRule, place: &Occurrence) -> bool {
    let location = place.origin.location();
    let name = location.file_name().map(|name| name.to_string_lossy()).unwrap_or_default();
    rule.remark.is_none_or(|remark| place.material.remarks.contains(&remark))
        && rule.file.as_ref().is_none_or(|start| name.starts_with(start.as_str()))
}
