//! Evidence for roles, from what was found. Each file weighs one kind of fact against the rules of
//! `data/roles/`; none decides a role.

mod certificate;
pub(super) mod file;
mod link;
mod public;
pub(super) mod rule;
pub(crate) mod words;

#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, BTreeSet};

use keyradius_core::material::PublicHalf;

use super::estate::{Estate, KeyGroup};
use super::known::Known;
use super::tables::Tables;
use super::{Evidence, PROBABLE};
use rule::Rule;

/// Fewest points of a use or a link that answers contradictions.
const ANSWER: i32 = 60;

/// All evidence for or against roles of this key, sorted. Contradictions of a role without supporting evidence are
/// dropped: there is nothing to lower. So are those of a role that a use shows: whoever has the key can make a
/// certificate for another purpose and lay it beside it, and the use goes on.
pub(super) fn weigh(key: &KeyGroup, known: Option<&Known>, estate: &Estate, tables: &Tables) -> Vec<Evidence> {
    let mut ledger = Vec::new();
    link::weigh(key, known, tables, &mut ledger);
    public::weigh(key, tables, &mut ledger);
    certificate::weigh(key, tables, &mut ledger);
    file::weigh(key, estate, tables, &mut ledger);
    ledger.extend(estate.around.get().and_then(|around| around.get(&key.name)).cloned());
    // A description of the whole directory counts only for keys that nothing else speaks of.
    let other = |item: &Evidence| {
        item.weight > 0 && !matches!(item.group.as_str(), "described" | "certificate" | "container" | "beside")
    };
    if ledger.iter().any(other) {
        ledger.retain(|item| item.group != "described");
    }
    let believed: BTreeSet<String> =
        ledger.iter().filter(|item| item.weight > 0).map(|item| item.role.clone()).collect();
    let is_shown = |item: &&Evidence| item.weight >= ANSWER && matches!(item.group.as_str(), "build" | "link");
    let shown: BTreeSet<String> = ledger.iter().filter(is_shown).map(|item| item.role.clone()).collect();
    ledger.retain(|item| item.weight >= 0 || (believed.contains(&item.role) && !shown.contains(&item.role)));
    settle(&mut ledger);
    ledger.sort();
    ledger.dedup();
    ledger
}

/// Groups of evidence from the surroundings of a key: what texts around it are about, and what other keys are for.
const WEAK: [&str; 3] = ["topic", "beside", "described"];

/// Lowers the points of [`WEAK`] groups so far that they make no role probable; of a role that is, they are dropped.
fn settle(ledger: &mut Vec<Evidence>) {
    let is_weak = |item: &Evidence| WEAK.contains(&item.group.as_str());
    let mut parts: BTreeMap<(String, String), i32> = BTreeMap::new();
    for item in ledger.iter().filter(|item| !is_weak(item)) {
        // Of a kind of reason the strongest counts; a contradiction counts once.
        let kind = if item.weight < 0 { item.text.clone() } else { format!("+{}", item.group) };
        let strongest = parts.entry((item.role.clone(), kind)).or_default();
        *strongest = if item.weight < 0 { item.weight.min(*strongest) } else { item.weight.max(*strongest) };
    }
    let mut room: BTreeMap<String, i32> = BTreeMap::new();
    for ((role, _), weight) in parts {
        *room.entry(role).or_insert(PROBABLE - 1) -= weight;
    }
    for group in WEAK {
        let mut used: BTreeMap<String, i32> = BTreeMap::new();
        for item in ledger.iter_mut().filter(|item| item.group == group) {
            let left = room.get(&item.role).copied().unwrap_or(PROBABLE - 1).max(0);
            item.weight = item.weight.min(left);
            let most = used.entry(item.role.clone()).or_default();
            *most = item.weight.max(*most);
        }
        for (role, most) in used {
            *room.entry(role).or_insert(PROBABLE - 1) -= most;
        }
    }
    // Other items without points have conditions and constraints.
    ledger.retain(|item| item.weight != 0 || !is_weak(item));
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

/// Whether the rule's conditions on the key itself and on its keystore are met.
fn of_key(rule: &Rule, key: Option<&PublicHalf>, container: Option<&'static str>) -> bool {
    let algorithm = key.map(|public| &public.algorithm);
    let one_of = |wanted: &[String], is: Option<&str>| {
        wanted.is_empty() || is.is_some_and(|is| wanted.iter().any(|wanted| wanted == is))
    };
    one_of(&rule.container, container)
        && one_of(&rule.algorithm, algorithm.map(|algorithm| algorithm.name))
        && one_of(&rule.curve, algorithm.and_then(|algorithm| algorithm.curve))
        && rule.bits_below.is_none_or(|most| algorithm.is_some_and(|a| a.bits > 0 && a.bits < most))
}
