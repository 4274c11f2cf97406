//! Rules about how a key is kept and trusted, as opposed to what it is for. Their texts are in `data/rules.toml`.

use std::path::Path;

use keyradius_core::material::{CertFacts, How, Occurrence, ProtectionState};

use super::estate::{Estate, KeyGroup};
use super::evidence::file;
use super::known::Class;
use super::subject::{Facts, Judge, is_for_tests, is_trust};
use super::tables::Expiry;
use super::{RuleHit, Spot};
use crate::weak::{Grade, Weakness};

/// 2023-06-01: since then, the CA/Browser Forum requires hardware for the keys of public code signing certificates
/// (CSBR 6.2.7.4.2).
const HARDWARE_SINCE: i64 = 1_685_577_600;

/// 2026-03-01: since then, a public code signing certificate is valid for at most 460 days (CSBR 6.3.2).
const SHORT_SINCE: i64 = 1_772_323_200;
const SHORT: i64 = 460 * 86_400;

/// CA/Browser Forum policies for code signing: OV, EV.
const CODE_SIGNING: [&str; 2] = ["2.23.140.1.4.1", "2.23.140.1.3"];

/// What vendors write in certificates that must not be shipped.
const WARNINGS: [&str; 2] = ["do not trust", "do not ship"];

/// Sets of roles that one key normally has together.
const TOGETHER: [&[&str]; 4] = [
    // A CA signs its own OCSP responses and CRLs; a CA with a special purpose is also a CA.
    &["ca_root_private", "ca_intermediate", "ocsp_crl_signer", "vpn_ca", "rpki_ca", "device_attestation"],
    // Certificates for kernel code also allow code in general (Developer ID with kernel extensions, cross-signed
    // drivers).
    &["code_signing", "os_kernel"],
    // Certificates of UEFI databases allow code signing, and those of platform keys are made like a root.
    &["boot_root", "code_signing", "ca_root_private", "ca_intermediate"],
    // Certificates for documents also allow S/MIME mail (Microsoft's and Adobe's programs).
    &["document_seal", "email_smime"],
];

/// Roles whose keys each belong to one stage of a boot chain.
const STAGES: [&str; 3] = ["boot_root", "firmware_update", "os_kernel"];

/// Whether a public key without its private key is a finding: something trusts it, and others have the private key.
pub(super) fn distrusted(key: &KeyGroup, estate: &Estate, judge: Judge<'_>) -> bool {
    let listed = key.public.as_ref().is_some_and(|public| judge.known.key(public).is_some())
        || key.certificates().any(|facts| judge.known.certificate(facts).is_some() || warns(facts))
        || judge.weak.get(&key.name).is_some_and(|list| list.iter().any(|weakness| weakness.computable));
    listed && !key.related.iter().all(|occurrence| is_for_tests(occurrence, estate, judge))
}

fn warns(certificate: &CertFacts) -> bool {
    let names = [&certificate.subject, &certificate.issuer].map(|name| name.to_lowercase());
    WARNINGS.iter().any(|warning| names.iter().any(|name| name.contains(warning)))
}

/// Every rule that the key breaks, in a fixed order.
pub(super) fn rules(facts: &Facts<'_>) -> Vec<RuleHit> {
    let mut hits = Vec::new();
    let mut hit = |rule: &'static str, text: String, places: Vec<Spot>| {
        hits.push(RuleHit { rule, text, places });
    };
    published(facts, &mut hit);
    let key = facts.key;
    let warned: Vec<Spot> =
        key.related.iter().filter(|o| o.material.certificate.as_deref().is_some_and(warns)).map(spot).collect();
    if !warned.is_empty() {
        hit("SUBJECT-DO-NOT-TRUST", "its certificate says that it must not be trusted or shipped".into(), warned);
    }
    opened(facts, &mut hit);
    weak(facts, &mut hit);
    several_roles(facts, &mut hit);
    certificates(facts, &mut hit);
    for hit in &mut hits {
        in_order(&mut hit.places);
    }
    hits
}

type Hit<'h> = dyn FnMut(&'static str, String, Vec<Spot>) + 'h;

fn published(facts: &Facts<'_>, hit: &mut Hit<'_>) {
    let key = facts.key;
    let Some(known) = facts.known else { return };
    let trusting = trusting(facts);
    let places: Vec<Spot> = key.private.iter().chain(&key.related).map(spot).collect();
    if key.private.is_empty() {
        let text = format!("{} is trusted here: others have its private half", known.label);
        return hit("TRUSTS-PUBLIC-KEY", text, places);
    }
    match known.class {
        Class::PublicTest if trusting.is_empty() => {
            hit("KEY-TEST-KNOWN", format!("{}: published for tests by {}", known.label, known.source), places);
        }
        Class::PublicTest => {
            let text = format!("{}, published by {}, is trusted here as if it were secret", known.label, known.source);
            hit("TRUSTS-PUBLIC-KEY", text, trusting);
        }
        Class::VendorTest | Class::LeakedProduct | Class::Listed => {
            hit("LEAKED-PRODUCT-KEY", format!("{} (known from {})", known.label, known.source), places);
        }
    }
}

/// What relies on the key: build lines, and trust by something outside the key's own directories; places for tests
/// excluded.
fn trusting(facts: &Facts<'_>) -> Vec<Spot> {
    let key = facts.key;
    let home = |o: &Occurrence| o.origin.location().parent().map(Path::to_owned);
    let homes: Vec<_> = key.private.iter().map(home).collect();
    let sample = |o: &Occurrence| {
        let subject = o.material.certificate.as_ref().map(|facts| facts.subject.as_str()).unwrap_or_default();
        facts.judge.tables.test.in_place(subject)
    };
    let elsewhere = |o: &&Occurrence| is_trust(o) || (!homes.contains(&home(o)) && !sample(o));
    let uses = key.uses.iter().filter(|used| used.weight() >= 60).map(|used| &*used.reference);
    uses.chain(key.related.iter().filter(elsewhere)).filter(|o| !facts.is_for_tests(o)).map(spot).collect()
}

fn opened(facts: &Facts<'_>, hit: &mut Hit<'_>) {
    let (mut beside, mut tool) = (Vec::new(), Vec::new());
    for occurrence in &facts.key.private {
        let protection = occurrence.material.protection.as_ref();
        let Some(opened) = protection.and_then(|protection| protection.opened.as_deref()) else { continue };
        match (opened.how, &opened.origin) {
            (How::Found, Some(origin)) => beside.push(Spot { origin: origin.clone(), line: opened.line }),
            (How::WellKnown, _) if opened.field.contains("mimikatz") => tool.push(spot(occurrence)),
            _ => {}
        }
    }
    if !beside.is_empty() {
        in_order(&mut beside);
        let text = "its password is stored near it: the encryption protects nothing here";
        hit("PASSWORD-BESIDE-KEYSTORE", text.into(), beside);
    }
    if !tool.is_empty() {
        in_order(&mut tool);
        let text = "opened with the password that mimikatz sets on exports: the key was extracted with it";
        hit("PFX-MIMIKATZ", text.into(), tool);
    }
}

fn weak(facts: &Facts<'_>, hit: &mut Hit<'_>) {
    let all = facts.judge.weak.get(&facts.key.name).map(Vec::as_slice).unwrap_or_default();
    let told = |test: fn(&Weakness) -> bool| -> Vec<&str> {
        all.iter().filter(|weakness| test(weakness)).map(|weakness| weakness.text.as_str()).collect()
    };
    let computable = told(|weakness| weakness.computable);
    let weak = told(|weakness| !weakness.computable && weakness.grade > Grade::Note);
    let places = || facts.key.private.iter().chain(&facts.key.related).map(spot).collect();
    if !computable.is_empty() {
        hit("KEY-COMPUTABLE", computable.join("; "), places());
    }
    if !weak.is_empty() {
        hit("WEAK-KEY", weak.join("; "), places());
    }
}

fn several_roles(facts: &Facts<'_>, hit: &mut Hit<'_>) {
    let signs = |role: &str| facts.judge.tables.role(role).is_some_and(|role| role.signs && !role.generic);
    let signing = facts.roles.iter().map(|role| role.role.as_str()).filter(|role| signs(role));
    let together = |a: &str, b: &str| TOGETHER.iter().any(|set| set.contains(&a) && set.contains(&b));
    let mut roles: Vec<&str> = Vec::new();
    for role in signing {
        if !roles.iter().any(|other| together(other, role)) {
            roles.push(role);
        }
    }
    let places = || facts.key.private.iter().map(spot).collect();
    if roles.len() > 1 {
        return hit("MULTI-ROLE", format!("one key is {}", roles.join(" and ")), places());
    }
    // File names of copies vary widely; only two names that each contain a stage show that the key serves two stages.
    let stem = |o: &Occurrence| o.origin.location().file_stem().map(|stem| stem.to_string_lossy().into_owned());
    let stems = facts.key.private.iter().filter_map(stem);
    let words: Vec<String> = stems.flat_map(|stem| file::words(&stem)).collect();
    let mut stages: Vec<&str> = facts.judge.tables.stage_words.iter().map(String::as_str).collect();
    stages.retain(|stage| words.iter().any(|word| word == stage));
    if roles.iter().any(|role| STAGES.contains(role)) && stages.len() > 1 {
        hit("MULTI-ROLE", format!("one key for several stages: {}", stages.join(", ")), places());
    }
}

fn certificates(facts: &Facts<'_>, hit: &mut Hit<'_>) {
    let key = facts.key;
    let usable = matches!(
        facts.protection,
        ProtectionState::Plaintext | ProtectionState::Opened | ProtectionState::Weak | ProtectionState::Strong
    );
    let of = |test: &dyn Fn(&CertFacts) -> bool| -> Vec<Spot> {
        key.related.iter().filter(|o| o.material.certificate.as_deref().is_some_and(test)).map(spot).collect()
    };
    let public = |c: &CertFacts| c.policies.iter().any(|policy| CODE_SIGNING.contains(&policy.as_str()));
    let hardware = of(&|c| public(c) && c.not_before >= HARDWARE_SINCE);
    if !hardware.is_empty() && usable && !key.private.is_empty() {
        let text = "a public code signing certificate whose key has to be in hardware, but the key is in a file";
        hit("HSM-REQUIRED", text.into(), hardware);
    }
    let long = of(&|c| public(c) && c.not_before >= SHORT_SINCE && c.not_after.saturating_sub(c.not_before) > SHORT);
    if !long.is_empty() {
        hit("LONG-VALIDITY", "a public code signing certificate that is valid for more than 460 days".into(), long);
    }
    if facts.expired() && matches!(facts.expiry(), Expiry::Ignored | Expiry::WithoutTimestamp) && usable {
        let text = "all its certificates are expired, but verifiers of its role may still trust its signatures";
        hit("EXPIRED-BUT-ALIVE", text.into(), of(&|_| true));
    }
}

fn spot(occurrence: &Occurrence) -> Spot {
    Spot { origin: occurrence.origin.clone(), line: occurrence.line }
}

fn in_order(spots: &mut Vec<Spot>) {
    spots.sort();
    spots.dedup();
}
