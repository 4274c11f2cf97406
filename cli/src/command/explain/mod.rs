//! `keyradius explain`: explain a role, a tier, a rule, a detector or a finding, and what to do.

mod finding;
mod machine;
mod pages;

use keyradius_core::seam::About;
use keyradius_detectors::{CONTAINERS, DETECTORS, SECRETS, UNWRAPPERS};
use keyradius_judgement::rules::{KeyRule, Rule, Rules};
use keyradius_judgement::tables::Role;
use keyradius_judgement::{Tables, Tier};
use keyradius_secrets::{Format, formats as secret_formats};
use serde_json::Value;

use crate::args::explain::{ExplainArgs, ExplainFormat};
use crate::confine::Guard;
use crate::exit::{Exit, Failure};
use crate::report::{json, words};
use crate::{out, suggest};

/// Explains a topic; without a topic, lists all of them.
pub(crate) fn run(args: &ExplainArgs, guard: Guard) -> Result<Exit, Failure> {
    // A report is untrusted input.
    guard.enter(None)?;
    let shelf = Shelf::built_in();
    let asked = args.topic.join(" ");
    let told = match (&args.report, finding::is_id(&asked)) {
        _ if asked.is_empty() => Told { page: pages::list(&shelf), json: machine::list(&shelf) },
        (Some(report), true) => finding::tell(report, args.max_report, asked.trim(), args.all)?,
        (None, true) => return Err(finding::without_report(asked.trim())),
        (Some(_), false) => {
            let message = format!("--report needs the id of a finding, not {:?}", words::escape(&asked));
            return Err(Failure::new(message)
                .hint("an id looks like kr1:0123456789abcdef; a fingerprint of the key will do as well"));
        }
        (None, false) => {
            let topic = shelf.find(&asked)?;
            Told { page: pages::page(topic), json: machine::topic(topic) }
        }
    };
    let bytes = match args.format {
        ExplainFormat::Human => told.page.into_bytes(),
        ExplainFormat::Json => {
            let mut bytes = Vec::new();
            let written = json::pretty(&told.json, &mut bytes);
            written.map_err(|error| Failure::new(format!("cannot write JSON: {error}")))?;
            bytes
        }
    };
    out::data(&bytes)?;
    Ok(Exit::Nothing)
}

/// An explanation, for people and for machines.
struct Told {
    page: String,
    json: Value,
}

/// A topic with its own page.
#[derive(Clone, Copy, Debug)]
enum Topic<'a> {
    Format(&'a About),
    Role(&'a Role),
    Tier(Tier),
    Rule(&'a Rule),
    KeyRule(&'a KeyRule),
    Secret(&'a Format),
}

/// The tiers, the widest first.
const TIERS: [Tier; 5] = [Tier::T0, Tier::T1, Tier::T2, Tier::T3, Tier::T4];

/// Everything that can be explained without a report.
struct Shelf {
    formats: Vec<&'static About>,
    tables: Tables,
    rules: &'static Rules,
    secrets: &'static [Format],
}

impl Shelf {
    fn built_in() -> Self {
        let detectors = DETECTORS.iter().chain(SECRETS).map(|detector| detector.about());
        let wrappers = UNWRAPPERS.iter().map(|unwrapper| unwrapper.about());
        let containers = CONTAINERS.iter().map(|container| container.about());
        let formats = detectors.chain(wrappers).chain(containers).collect();
        Self { formats, tables: Tables::built_in(), rules: Rules::built_in(), secrets: secret_formats() }
    }

    /// Every topic with its id and title, in the order of the list.
    fn topics(&self) -> impl Iterator<Item = (&str, &str, Topic<'_>)> {
        let formats = self.formats.iter().map(|about| (about.id, about.title, Topic::Format(about)));
        let roles = self.tables.roles().map(|role| (role.id.as_str(), role.title.as_str(), Topic::Role(role)));
        let tiers = TIERS.iter().map(|tier| (tier.id(), pages::tier(*tier), Topic::Tier(*tier)));
        let rules = self.rules.rules().map(|rule| (rule.id.as_str(), rule.title.as_str(), Topic::Rule(rule)));
        let keys = self.rules.key_rules().map(|rule| (rule.id.as_str(), rule.title.as_str(), Topic::KeyRule(rule)));
        let secrets = self.secrets.iter().map(|format| (format.id, format.title, Topic::Secret(format)));
        roles.chain(tiers).chain(rules).chain(keys).chain(formats).chain(secrets)
    }

    /// Finds a topic by id or title, in any spelling. The error suggests the nearest id.
    fn find(&self, asked: &str) -> Result<Topic<'_>, Failure> {
        let id = plain_id(asked);
        // An exact match comes first: `HMAC-SIGNER` is the rule for the role `hmac_signer`.
        let exact = self.topics().find(|(name, _, _)| *name == asked);
        if let Some((_, _, topic)) = exact.or_else(|| self.topics().find(|(name, _, _)| plain_id(name) == id)) {
            return Ok(topic);
        }
        if let Some((_, _, topic)) = self.topics().find(|(_, title, _)| plain_id(title) == id) {
            return Ok(topic);
        }
        let ids = self.topics().map(|(id, _, _)| id);
        let otherwise = "`keyradius explain` lists all roles, tiers, rules and detectors";
        Err(Failure::new(format!("unknown topic {:?}", words::escape(asked))).hint(suggest::hint(&id, ids, otherwise)))
    }
}

/// Normalises an id or title: `Code signing (proven)` and `code-signing` become `code_signing`.
fn plain_id(text: &str) -> String {
    let text = text.split(" (").next().unwrap_or_default().trim();
    text.to_ascii_lowercase().replace([' ', '-'], "_")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn topics_are_found_in_any_spelling() {
        let shelf = Shelf::built_in();
        for (asked, start) in [
            ("code_signing", "code_signing: code signing\n\nWhat would still trust a signature\n  "),
            ("code-signing", "code_signing: "),
            ("Code signing (proven)", "code_signing: "),
            ("pkcs8", "pkcs8: Private key (PKCS#8)\n\nWhat is found\n  "),
            ("PKCS8", "pkcs8: "),
            ("TRUSTS-PUBLIC-KEY", "TRUSTS-PUBLIC-KEY: a published key is trusted\n\nWhat it means\n  "),
            ("trusts public key", "TRUSTS-PUBLIC-KEY: "),
            ("KEY-BOOT-ROOT", "KEY-BOOT-ROOT: Private key of secure boot"),
            ("a key file where hardware is mandatory", "HSM-REQUIRED: "),
            ("t1", "T1: a whole population of verifiers\n\nWhat it means\n  "),
            ("npm-token", "npm-token: npm token\n\nWhat it opens\n  "),
        ] {
            let page = pages::page(shelf.find(asked).expect(asked));
            assert!(page.starts_with(start), "{asked}: {page}");
        }
    }

    #[test]
    fn every_topic_is_found_by_its_id() {
        let shelf = Shelf::built_in();
        for (id, title, _) in shelf.topics() {
            let page = pages::page(shelf.find(id).expect(id));
            assert!(page.starts_with(&format!("{id}: {title}\n")), "{id}: {page}");
        }
    }

    #[test]
    fn unknown_topics_get_a_suggestion() {
        let shelf = Shelf::built_in();
        for (asked, hint) in [
            ("pkcs88", "hint: did you mean `pkcs8`?"),
            ("code_sining", "hint: did you mean `code_signing`?"),
            ("hsm-requird", "hint: did you mean `HSM-REQUIRED`?"),
            ("zzz", "hint: `keyradius explain` lists"),
        ] {
            let told = shelf.find(asked).expect_err(asked).to_string();
            assert!(told.contains(hint), "{told}");
        }
    }
}
