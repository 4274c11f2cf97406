//! Explanations as plain text: headings, paragraphs, indented commands.

use std::fmt::Write as _;

use keyradius_core::seam::About;
use keyradius_judgement::Tier;
use keyradius_judgement::playbook::{Playbook, Step};
use keyradius_judgement::rules::{KeyRule, Reference, Rule, Rules, sarif_rule};
use keyradius_judgement::secrets::severity;
use keyradius_judgement::tables::{Expiry, Revocation, Role};
use keyradius_secrets::{Check, Format, JOINED};

use super::{Shelf, Topic};
use crate::report::words;

/// Width of a page, in columns. Commands are never wrapped: where paths were filled in, their lines may be longer.
pub(super) const WIDTH: usize = 100;

/// The page of a topic.
pub(super) fn page(topic: Topic<'_>) -> String {
    match topic {
        Topic::Format(about) => format_page(about),
        Topic::Role(role) => role_page(role),
        Topic::Tier(tier) => tier_page(tier),
        Topic::Rule(rule) => rule_page(rule),
        Topic::KeyRule(rule) => key_rule_page(rule),
        Topic::Secret(format) => secret_page(format),
    }
}

/// Every topic with its title.
pub(super) fn list(shelf: &Shelf) -> String {
    let mut page = String::new();
    let mut heading = "";
    for (id, title, topic) in shelf.topics() {
        let due = match topic {
            Topic::Role(_) => "Roles: what a key is for",
            Topic::Tier(_) => "Tiers: who must act before verifiers reject what a key signs",
            Topic::Rule(_) => "Rules: how keys are kept and trusted",
            Topic::KeyRule(_) => "Rules: keys by role, in SARIF",
            Topic::Format(_) => "Detectors and unwrappers",
            Topic::Secret(_) => "Ordinary secrets",
        };
        if heading != due {
            if !page.is_empty() {
                page.push('\n');
            }
            let _ = writeln!(page, "{due}");
            heading = due;
        }
        let _ = writeln!(page, "  {id:<26} {title}");
    }
    page.push_str("\nTo explain a finding: keyradius explain kr1:... --report FILE\n");
    page
}

fn format_page(about: &About) -> String {
    let mut page = format!("{}: {}\n", about.id, about.title);
    for (heading, text) in
        [("What is found", about.detects), ("Cannot see", about.blind_to), ("What to do", about.respond)]
    {
        section(&mut page, heading, text);
    }
    if !about.references.is_empty() {
        page.push_str("\nReferences\n");
        for reference in about.references {
            let _ = writeln!(page, "  {reference}");
        }
    }
    page
}

fn secret_page(format: &Format) -> String {
    let mut page = format!("{}: {}\n", format.id, format.title);
    section(&mut page, "What it opens", format.unlocks);
    section(&mut page, "What to do first", format.next);
    let checked = format.check.map_or("its shape only: the format has nothing else to check", Check::text);
    section(&mut page, "What is checked", checked);
    section(
        &mut page,
        "How copies are reported",
        if format.bits >= JOINED {
            "Copies are one finding, joined by a digest of the secret, which is too random to be guessed."
        } else {
            "Each file is a finding of its own: a secret that a person chose could be guessed from its digest."
        },
    );
    section(&mut page, "Severity", &format!("{}: {}", format.class.id(), tenths(severity(format.class))));
    let _ = writeln!(page, "\nReferences\n  {}", format.source);
    page
}

fn role_page(role: &Role) -> String {
    let mut page = format!("{}: {}\n", role.id, role.title);
    section(&mut page, "What would still trust a signature", &role.trusted_by);
    section(&mut page, "Who must act before that trust ends", &format!("{}: {}", role.tier.id(), tier(role.tier)));
    section(&mut page, "Whether expiry ends that trust", expiry(role.expiry));
    section(
        &mut page,
        "How far revocation reaches",
        &format!("{}: {}", revocation_id(role.revocation), revocation(role.revocation)),
    );
    section(&mut page, "Whether old signatures are accepted", &role.old_signatures);
    section(
        &mut page,
        "How the role is determined",
        "By certificates of the same key, files that use it, the keystore around it, names and paths. `keyradius scan -v` \
        prints every reason with its points: 100 points prove a role, 60 make it probable, 30 possible.",
    );
    section(&mut page, "What to do first", &role.next);
    let (rule, severity) = sarif_rule(&role.id);
    references(&mut page, Rules::built_in().references(rule));
    section(&mut page, "In SARIF", &format!("{rule}, security-severity {}", tenths(severity)));
    if let Some(book) = Playbook::of(&role.id) {
        playbook(&mut page, &book);
    }
    page
}

fn tier_page(tier: Tier) -> String {
    let mut page = format!("{}: {}\n", tier.id(), self::tier(tier));
    section(
        &mut page,
        "What it means",
        "The tier of a key says who must act before verifiers reject what it signs: T0 is the widest, T4 the narrowest. \
        A role that is only possible never widens it: the report then adds \"perhaps\" and the wider tier.",
    );
    let tables = super::Tables::built_in();
    let roles: Vec<&str> = tables.roles().filter(|role| role.tier == tier).map(|role| role.id.as_str()).collect();
    section(&mut page, "Roles of this tier", &roles.join(", "));
    page
}

fn rule_page(rule: &Rule) -> String {
    let mut page = format!("{}: {}\n", rule.id, rule.title);
    section(&mut page, "What it means", &rule.means);
    section(&mut page, "Why it matters", &rule.matters);
    section(&mut page, "What to do first", &rule.next);
    section(&mut page, "Default severity", &tenths(rule.severity));
    references(&mut page, Rules::built_in().references(&rule.id));
    page
}

fn key_rule_page(rule: &KeyRule) -> String {
    let mut page = format!("{}: {}\n", rule.id, rule.title);
    let roles =
        if rule.roles.is_empty() { "any, if the key is well encrypted".to_owned() } else { rule.roles.join(", ") };
    section(&mut page, "Roles", &format!("{roles}: `keyradius explain` has a page and a playbook for each."));
    section(&mut page, "security-severity in SARIF", &tenths(rule.severity));
    references(&mut page, Rules::built_in().references(&rule.id));
    page
}

/// Adds the names that other frameworks use, one line each.
pub(super) fn references(page: &mut String, references: &[Reference]) {
    if references.is_empty() {
        return;
    }
    page.push_str("\nReferences\n");
    for reference in references {
        let id = match reference.id.strip_prefix("CWE-") {
            Some(number) => number,
            None => reference.id.as_str(),
        };
        for line in words::wrap(&format!("{} {id}: {}", reference.framework.title(), reference.title), WIDTH - 4) {
            let _ = writeln!(page, "  {line}");
        }
    }
}

/// Adds a playbook: its introduction, and every section with its numbered steps.
pub(super) fn playbook(page: &mut String, playbook: &Playbook) {
    section(page, &format!("Playbook: {}", playbook.title), &playbook.about);
    for part in &playbook.sections {
        let _ = writeln!(page, "\n{}", part.heading);
        paragraph(page, &part.note, "  ", "  ");
        for (number, step) in part.steps.iter().enumerate() {
            if number > 0 || !part.note.is_empty() {
                page.push('\n');
            }
            self::step(page, number + 1, step);
        }
    }
}

fn step(page: &mut String, number: usize, step: &Step) {
    paragraph(page, &format!("{}: {}", step.who, step.text), &format!("{number:>3}. "), "     ");
    if !step.commands.is_empty() {
        page.push('\n');
        for command in &step.commands {
            for line in command.text.lines() {
                let _ = writeln!(page, "       {}", words::escape(line));
            }
        }
        page.push('\n');
    }
    paragraph(page, &step.done, "     ", "     ");
}

/// Adds a heading, with paragraphs below it.
pub(super) fn section(page: &mut String, heading: &str, text: &str) {
    let _ = writeln!(page, "\n{heading}");
    for text in text.lines() {
        paragraph(page, text.trim(), "  ", "  ");
    }
}

/// Adds a wrapped paragraph: its first line after the prefix `first`, the others after `rest`. An empty text adds
/// nothing.
pub(super) fn paragraph(page: &mut String, text: &str, first: &str, rest: &str) {
    if text.is_empty() {
        return;
    }
    for (index, line) in words::wrap(&words::escape(text), WIDTH - first.len()).iter().enumerate() {
        let _ = writeln!(page, "{}{line}", if index == 0 { first } else { rest });
    }
}

/// A severity in tenths as text: `91` is `9.1`.
pub(super) fn tenths(severity: i32) -> String {
    format!("{}.{}", severity / 10, severity % 10)
}

/// The meaning of a tier.
pub(super) const fn tier(tier: Tier) -> &'static str {
    match tier {
        Tier::T0 => "other signers, boot code, or anchors that no revocation reaches",
        Tier::T1 => "a whole population of verifiers",
        Tier::T2 => "one product channel, service or tenant",
        Tier::T3 => "one principal or host",
        Tier::T4 => "no verifier known, or not a signing use",
    }
}

const fn expiry(expiry: Expiry) -> &'static str {
    match expiry {
        Expiry::Enforced => "Yes: verifiers refuse expired signatures and certificates.",
        Expiry::WithoutTimestamp => {
            "Only for signatures without a time stamp; signatures with one outlive the certificate."
        }
        Expiry::Ignored => "No: some or all verifiers ignore expiry, or the holder of the key can change it.",
        Expiry::None => "No: the key has no expiry.",
    }
}

const fn revocation(revocation: Revocation) -> &'static str {
    match revocation {
        Revocation::A => "online and enforced, or one switch at one service",
        Revocation::B => "soft-fail checks, or only from a date on",
        Revocation::C => "every verifier has to be updated",
        Revocation::D => "practically never",
    }
}

/// The letter of a class of revocation, `A` to `D`.
pub(super) const fn revocation_id(revocation: Revocation) -> &'static str {
    match revocation {
        Revocation::A => "A",
        Revocation::B => "B",
        Revocation::C => "C",
        Revocation::D => "D",
    }
}

/// The id of an expiry in the file of a role.
pub(super) const fn expiry_id(expiry: Expiry) -> &'static str {
    match expiry {
        Expiry::Enforced => "enforced",
        Expiry::WithoutTimestamp => "without_timestamp",
        Expiry::Ignored => "ignored",
        Expiry::None => "none",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_page_fits_its_width_and_every_role_has_its_playbook() {
        let shelf = Shelf::built_in();
        for (id, _, topic) in shelf.topics() {
            let page = page(topic);
            assert!(page.lines().all(|line| line.chars().count() <= WIDTH && line == line.trim_end()), "{id}: {page}");
            assert!(!page.contains("\n\n\n") && page.ends_with('\n'), "{id}: {page}");
            assert_eq!(matches!(topic, Topic::Role(_)), page.contains("\n\nFirst hour\n  1. "), "{id}");
        }
        let list = list(&shelf);
        for (id, _, _) in shelf.topics() {
            assert!(list.contains(&format!("\n  {id} ")), "{id}");
        }
    }

    #[test]
    fn the_page_of_a_role_says_what_ends_trust_and_what_to_do() {
        let shelf = Shelf::built_in();
        let page = page(shelf.find("code_signing").expect("a role"));
        for part in [
            "\nWho must act before that trust ends\n  T1: a whole population",
            "\nWhether expiry ends that trust\n  Only for signatures without a time stamp",
            "\nHow far revocation reaches\n  B: soft-fail checks",
            "\nIn SARIF\n  KEY-CODE-SIGN, security-severity 9.1\n",
            "\n  CWE 321: Use of Hard-coded Cryptographic Key\n",
            "\nPlaybook: Code signing\n  Every machine",
            "\n       osslsigncode verify -in setup.exe\n",
            "\n     Done when ",
        ] {
            assert!(page.contains(part), "{part}: {page}");
        }
    }
}
