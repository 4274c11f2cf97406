//! Explanations for machines, in the format `keyradius.explain/1`. Fields may be added, but never change their meaning.

use keyradius_judgement::playbook::{Playbook, Section, Step};
use keyradius_judgement::rules::{Reference, Rules, sarif_rule};
use keyradius_judgement::secrets::severity;
use keyradius_secrets::{Check, JOINED};
use serde_json::{Value, json};

use super::pages::{expiry_id, revocation_id, tenths};
use super::{Shelf, Topic};
use crate::report::model::{Finding, Secret};

const SCHEMA: &str = "keyradius.explain/1";

/// The JSON document of a topic.
pub(super) fn topic(topic: Topic<'_>) -> Value {
    let rules = Rules::built_in();
    match topic {
        Topic::Format(about) => json!({
            "schema": SCHEMA,
            "kind": "detector",
            "id": about.id,
            "title": about.title,
            "detects": about.detects,
            "blind_to": about.blind_to,
            "respond": about.respond,
            "references": about.references,
        }),
        Topic::Role(role) => {
            let (sarif, severity) = sarif_rule(&role.id);
            json!({
                "schema": SCHEMA,
                "kind": "role",
                "id": role.id,
                "title": role.title,
                "tier": role.tier.id(),
                "signs": role.signs,
                "trusted_by": role.trusted_by,
                "expiry": expiry_id(role.expiry),
                "revocation": revocation_id(role.revocation),
                "old_signatures": role.old_signatures,
                "next": role.next,
                "sarif_rule": {"id": sarif, "security_severity": tenths(severity)},
                "references": references(rules.references(sarif)),
                "playbook": Playbook::of(&role.id).as_ref().map(playbook),
            })
        }
        Topic::Tier(tier) => json!({
            "schema": SCHEMA,
            "kind": "tier",
            "id": tier.id(),
            "title": super::pages::tier(tier),
        }),
        Topic::Rule(rule) => json!({
            "schema": SCHEMA,
            "kind": "rule",
            "id": rule.id,
            "title": rule.title,
            "severity": tenths(rule.severity),
            "means": rule.means,
            "matters": rule.matters,
            "next": rule.next,
            "references": references(rules.references(&rule.id)),
        }),
        Topic::KeyRule(rule) => json!({
            "schema": SCHEMA,
            "kind": "key_rule",
            "id": rule.id,
            "title": rule.title,
            "severity": tenths(rule.severity),
            "roles": rule.roles,
            "references": references(rules.references(&rule.id)),
        }),
        Topic::Secret(format) => json!({
            "schema": SCHEMA,
            "kind": "secret",
            "id": format.id,
            "title": format.title,
            "class": format.class.id(),
            "severity": tenths(severity(format.class)),
            "unlocks": format.unlocks,
            "next": format.next,
            "checked": format.check.map(Check::text),
            "joined": format.bits >= JOINED,
            "references": [format.source],
        }),
    }
}

/// The JSON document of an ordinary secret, as in its report.
pub(super) fn secret(secret: &Secret) -> Value {
    json!({"schema": SCHEMA, "kind": "finding", "finding": secret})
}

/// The JSON document of a finding, as in its report, with the playbook of its first role filled in for this finding.
pub(super) fn finding(finding: &Finding, book: &Playbook) -> Value {
    json!({"schema": SCHEMA, "kind": "finding", "finding": finding, "playbook": playbook(book)})
}

/// The JSON document that lists every topic with its kind and title.
pub(super) fn list(shelf: &Shelf) -> Value {
    let topics: Vec<Value> = shelf
        .topics()
        .map(|(id, title, topic)| {
            let kind = match topic {
                Topic::Format(_) => "detector",
                Topic::Role(_) => "role",
                Topic::Tier(_) => "tier",
                Topic::Rule(_) => "rule",
                Topic::KeyRule(_) => "key_rule",
                Topic::Secret(_) => "secret",
            };
            json!({"kind": kind, "id": id, "title": title})
        })
        .collect();
    json!({"schema": SCHEMA, "kind": "list", "topics": topics})
}

fn playbook(playbook: &Playbook) -> Value {
    let sections: Vec<Value> = playbook.sections.iter().map(section).collect();
    json!({"role": playbook.role, "title": playbook.title, "about": playbook.about, "sections": sections})
}

fn section(section: &Section) -> Value {
    let steps: Vec<Value> = section.steps.iter().map(step).collect();
    json!({"heading": section.heading, "note": section.note, "steps": steps})
}

fn step(step: &Step) -> Value {
    let commands: Vec<Value> =
        step.commands.iter().map(|command| json!({"language": command.language, "text": command.text})).collect();
    json!({"who": step.who, "text": step.text, "commands": commands, "done": step.done})
}

fn references(references: &[Reference]) -> Value {
    let each = |reference: &Reference| json!({"framework": reference.framework.title(), "id": reference.id, "title": reference.title});
    Value::Array(references.iter().map(each).collect())
}
