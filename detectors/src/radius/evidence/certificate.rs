//! What the certificates of a key say it is for.

use scanner_core::material::CertFacts;

use super::super::Evidence;
use super::super::estate::KeyGroup;
use super::super::tables::{Rule, Tables};

/// Weighs every certificate that carries the key's public half.
pub fn weigh(key: &KeyGroup, tables: &Tables, ledger: &mut Vec<Evidence>) {
    for occurrence in &key.related {
        let Some(certificate) = &occurrence.material.certificate else { continue };
        let locator = || format!("{}:{}", occurrence.origin, occurrence.line);
        for rule in tables.rules.iter().filter(|r| r.about_certificate() && holds(r, certificate)) {
            ledger.push(super::item(rule, locator()));
        }
    }
}

fn holds(rule: &Rule, certificate: &CertFacts) -> bool {
    let listed = |wanted: &Option<String>, list: &[String]| wanted.as_ref().is_none_or(|oid| list.contains(oid));
    let text = |wanted: &String| {
        [&certificate.subject, &certificate.issuer].iter().any(|name| name.to_lowercase().contains(wanted))
    };
    rule.ca.is_none_or(|ca| certificate.ca.unwrap_or(false) == ca)
        && rule.self_issued.is_none_or(|own| certificate.self_issued == own)
        && rule.version.is_none_or(|version| certificate.version == version)
        && rule.key_usage.is_none_or(|bit| certificate.key_usage.is_some_and(|bits| bits >> bit & 1 == 1))
        && listed(&rule.eku, &certificate.ext_key_usage)
        && listed(&rule.policy, &certificate.policies)
        && listed(&rule.extension, &certificate.extensions)
        && rule.subject.as_ref().is_none_or(text)
}
