//! Reasons to believe a role, from what is found. Each file weighs one kind of fact against the rules of
//! `data/evidence.toml`; none decides anything.

pub mod certificate;
pub mod file;
pub mod link;

use super::Evidence;
use super::estate::{Estate, KeyGroup};
use super::known::Known;
use super::tables::{Rule, Tables};

/// Everything that speaks for or against a role of this key, sorted.
pub fn weigh(key: &KeyGroup, known: Option<&Known>, estate: &Estate, tables: &Tables) -> Vec<Evidence> {
    let mut ledger = Vec::new();
    link::weigh(key, known, tables, &mut ledger);
    certificate::weigh(key, tables, &mut ledger);
    file::weigh(key, estate, tables, &mut ledger);
    ledger.sort();
    ledger.dedup();
    ledger
}

fn item(rule: &Rule, locator: String) -> Evidence {
    Evidence {
        role: rule.role.clone(),
        weight: rule.weight,
        group: rule.group.clone(),
        locator,
        text: rule.text.clone(),
        tier: rule.tier,
    }
}
