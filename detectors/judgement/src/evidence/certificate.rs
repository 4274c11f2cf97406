//! Evidence from a key's certificates. A certificate is evidence for the key in it and for no other.

use std::collections::BTreeSet;

use keyradius_core::material::{CertFacts, Occurrence, PublicHalf};

use super::super::Evidence;
use super::super::estate::KeyGroup;
use super::super::tables::Tables;
use super::rule::{Bits, Oid, Rule};
use super::words::Words;

/// nameConstraints (RFC 5280 4.2.1.10).
const NAME_CONSTRAINTS: &str = "2.5.29.30";

/// keyCertSign, bit 5 of the key usage (RFC 5280 4.2.1.3).
const CERT_SIGN: u16 = 1 << 5;

/// anyExtendedKeyUsage (RFC 5280 4.2.1.12).
const ANY_PURPOSE: &str = "2.5.29.37.0";

/// Seconds of a year of 365.25 days.
const YEAR: i64 = 31_557_600;

/// Weighs every certificate of the key's public half, each once.
pub(super) fn weigh(key: &KeyGroup, tables: &Tables, ledger: &mut Vec<Evidence>) {
    let mut seen = BTreeSet::new();
    let mut items: Vec<Vec<Evidence>> = Vec::new();
    let mut authorities = 0;
    for occurrence in &key.related {
        let Some(certificate) = occurrence.material.certificate.as_deref() else { continue };
        if !seen.insert((certificate.sha256, occurrence.material.container)) {
            continue;
        }
        let view = View::of(certificate, occurrence, key.public.as_deref());
        let locator = format!("{}:{}", occurrence.origin, occurrence.line);
        let rules = tables.of_certificates.iter().filter(|rule| view.satisfies(rule));
        let own: Vec<Evidence> = rules.map(|rule| super::item(rule, locator.clone())).collect();
        authorities += usize::from(certificate.ca == Some(true));
        items.push(own);
    }
    // A constraint counts only if every certificate that it could limit has it: an attacker uses the one without.
    for (group, all) in [("constraint", authorities), ("lifetime", items.len())] {
        let has = |own: &&Vec<Evidence>| own.iter().any(|item| item.group == group);
        if items.iter().filter(has).count() < all {
            for own in &mut items {
                own.retain(|item| item.group != group);
            }
        }
    }
    drop_answered(&mut items);
    ledger.extend(items.into_iter().flatten());
}

/// Drops contradictions that another certificate answers: a key with one certificate for servers and one for code has
/// both roles. A contradiction is kept if no uncontradicted certificate supports the role.
fn drop_answered(items: &mut [Vec<Evidence>]) {
    let mut allowed = BTreeSet::new();
    for own in items.iter() {
        let contradicted = |role: &str| own.iter().any(|item| item.role == role && item.weight < 0);
        let speaks = |item: &&Evidence| item.weight > 0 && item.group == "certificate";
        let clear = own.iter().filter(speaks).filter(|item| !contradicted(&item.role));
        allowed.extend(clear.map(|item| item.role.clone()));
    }
    for own in items {
        own.retain(|item| item.weight >= 0 || !allowed.contains(&item.role));
    }
}

/// A certificate with its names as words, and the keystore it is in.
struct View<'a> {
    facts: &'a CertFacts,
    subject: Words,
    issuer: Words,
    container: Option<&'static str>,
    key: Option<&'a PublicHalf>,
}

impl<'a> View<'a> {
    fn of(facts: &'a CertFacts, occurrence: &Occurrence, key: Option<&'a PublicHalf>) -> Self {
        let (subject, issuer) = (Words::of(&without_place(&facts.subject)), Words::of(&without_place(&facts.issuer)));
        Self { facts, subject, issuer, container: occurrence.material.container, key }
    }

    /// Whether every condition of a rule is met. Cheap conditions that fail often come first.
    fn satisfies(&self, rule: &Rule) -> bool {
        let facts = self.facts;
        let ca = facts.ca.unwrap_or(false);
        is(rule.ca, ca)
            && is(rule.self_issued, facts.self_issued)
            && is(rule.leaf, !ca || facts.self_issued)
            && is(rule.issues, ca && facts.key_usage.is_some_and(|usage| usage & CERT_SIGN != 0))
            && is(rule.version, facts.version)
            && rule.path_len.is_none_or(|length| facts.path_len == Some(length))
            && is(rule.no_eku, facts.ext_key_usage.is_empty())
            && lists(&rule.eku, &facts.ext_key_usage)
            && lists(&rule.policy, &facts.policies)
            && lists(&rule.extension, &facts.extensions)
            && excludes(&rule.eku_absent, &facts.ext_key_usage)
            && (rule.no_extension.is_empty() || !lists(&rule.no_extension, &facts.extensions))
            && self.key_usage(rule)
            && is(rule.name_constrained, facts.extensions.iter().any(|oid| oid == NAME_CONSTRAINTS))
            && is(rule.serial_negative, is_negative(&facts.serial))
            && rule.host.is_none_or(|wanted| wanted == names_host(&facts.subject))
            && rule.years.is_none_or(|years| facts.not_after.saturating_sub(facts.not_before) >= years * YEAR)
            && (rule.subject.is_empty() || self.subject.has_any(&rule.subject))
            && (rule.issuer.is_empty() || self.issuer.has_any(&rule.issuer))
            && !self.subject.has_any(&rule.not_subject)
            && super::of_key(rule, self.key, self.container)
    }

    fn key_usage(&self, rule: &Rule) -> bool {
        let there = |test: &dyn Fn(u16) -> bool| self.facts.key_usage.is_some_and(test);
        is(rule.no_key_usage, self.facts.key_usage.is_none())
            && rule.key_usage.is_none_or(|Bits(bits)| there(&|usage| usage & bits == bits))
            && rule.key_usage_absent.is_none_or(|Bits(bits)| there(&|usage| usage & bits == 0))
            && rule.key_usage_only.is_none_or(|Bits(bits)| there(&|usage| usage != 0 && usage & !bits == 0))
    }
}

/// A name without country, state and locality: `ST=CA` is California and not an authority.
pub(super) fn without_place(name: &str) -> String {
    let is_place = |part: &&str| ["C=", "ST=", "S=", "L="].iter().any(|kind| part.starts_with(kind));
    name.split(", ").filter(|part| !is_place(part)).collect::<Vec<_>>().join(", ")
}

fn is<T: PartialEq + Copy>(wanted: Option<T>, is: T) -> bool {
    wanted.is_none_or(|wanted| wanted == is)
}

/// Whether the list contains one of the wanted identifiers; `true` if none is wanted.
fn lists(wanted: &[Oid], list: &[String]) -> bool {
    wanted.is_empty() || wanted.iter().any(|oid| list.iter().any(|other| oid.is(other)))
}

/// Whether an extended key usage is present and allows none of these.
fn excludes(unwanted: &[Oid], list: &[String]) -> bool {
    let any = || list.iter().any(|oid| oid == ANY_PURPOSE);
    unwanted.is_empty() || (!list.is_empty() && !any() && !lists(unwanted, list))
}

/// Whether the common name of a subject is the name or address of a host: labels with dots between them.
fn names_host(subject: &str) -> bool {
    let name = subject.split(", ").find_map(|part| part.strip_prefix("CN="));
    let is_label = |label: &str| {
        !label.is_empty()
            && label.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'*'))
    };
    name.is_some_and(|name| name == "localhost" || (name.contains('.') && name.split('.').all(is_label)))
}

/// Whether an INTEGER in hex is negative, like serial numbers of makecert and of some vendors.
fn is_negative(serial: &str) -> bool {
    serial.as_bytes().first().is_some_and(|digit| matches!(digit, b'8' | b'9' | b'a'..=b'f' | b'A'..=b'F'))
}
