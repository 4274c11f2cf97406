//! Ordinary secrets in SARIF: one SARIF rule for each rule of ours, and results after those of all keys.

use std::collections::BTreeMap;

use keyradius_core::material::SecretClass;
use serde_json::{Value, json};

use super::place::located;
use super::{MOST_RELATED, Rule, insert, level, pascal};
use crate::report::model::{Secret, Tenths};
use crate::report::words;

/// The rule of a secret, such as `SECRET-NPM-TOKEN`. Secrets that have expired or open nothing by themselves have a
/// separate rule, because hosts read the severity of the rule.
fn rule_id(secret: &Secret) -> String {
    let note = if secret.class == SecretClass::Note { "-NOTE" } else { "" };
    format!("SECRET-{}{note}", secret.rule.to_ascii_uppercase().replace(['_', '.'], "-"))
}

/// The rules of these secrets, without duplicates.
pub(super) fn rules(secrets: impl Iterator<Item = Secret>) -> Vec<Rule> {
    let mut worst: BTreeMap<String, (Secret, Tenths)> = BTreeMap::new();
    for secret in secrets {
        let of_rule = worst.entry(rule_id(&secret));
        let severity = secret.severity;
        let (_, worst) = of_rule.or_insert_with(|| (Secret { occurrences: Vec::new(), ..secret }, Tenths::default()));
        *worst = (*worst).max(severity);
    }
    let rule = |(id, (secret, worst)): (String, (Secret, Tenths))| {
        let title = words::escape(&secret.title);
        let help =
            format!("Opens: {}.\n\nFirst: {}.", words::escape(&secret.unlocks), words::escape(&secret.next_step));
        let json = json!({
            "id": id,
            "name": pascal(&id),
            "shortDescription": {"text": title},
            "fullDescription": {"text": format!("{title}. An ordinary secret: it opens something and signs nothing.")},
            "help": {"text": help, "markdown": help},
            "defaultConfiguration": {"level": level(worst)},
            "properties": {
                "tags": ["security", "ordinary-secret", "external/cwe/cwe-798"],
                "precision": if secret.user_rule { "medium" } else { "high" },
                "problem.severity": "warning",
                "security-severity": format!("{:.1}", worst.number().max(0.1)),
            },
        });
        Rule { id, json }
    };
    worst.into_iter().map(rule).collect()
}

/// The result of a secret.
pub(super) fn result(secret: &Secret, allowed: bool, rules: &[Rule]) -> Value {
    let id = rule_id(secret);
    let digits = secret.id.rsplit(':').next().unwrap_or_default();
    let mut copies = secret.occurrences.iter();
    let primary: Vec<Value> = copies.next().map(located).into_iter().collect();
    let mut value = json!({
        "ruleId": id,
        "level": level(secret.severity),
        "kind": "fail",
        "message": {"text": format!(
            "{} ({}). It opens {}. {}.",
            words::escape(&secret.title),
            words::verdict(secret.verdict, secret.expired),
            words::escape(&secret.unlocks),
            words::escape(&secret.next_step),
        )},
        "locations": primary,
        "fingerprints": {"keyradius/v1": secret.id},
        "partialFingerprints": {
            "keyradius/key/v1": secret.id,
            "primaryLocationLineHash": format!("{digits}:1"),
        },
        "properties": {
            "security-severity": format!("{:.1}", secret.severity.number()),
            "class": secret.class.id(),
            "verdict": secret.verdict.id(),
        },
    });
    let related: Vec<Value> = copies
        .take(MOST_RELATED)
        .enumerate()
        .map(|(number, copy)| {
            let mut location = located(copy);
            insert(&mut location, "id", json!(number));
            insert(&mut location, "message", json!({"text": "another place of this secret"}));
            location
        })
        .collect();
    if !related.is_empty() {
        insert(&mut value, "relatedLocations", Value::Array(related));
    }
    if let Some(index) = rules.iter().position(|rule| rule.id == id) {
        insert(&mut value, "ruleIndex", json!(index));
    }
    if allowed {
        insert(&mut value, "suppressions", super::suppressions(&secret.occurrences));
    }
    value
}
