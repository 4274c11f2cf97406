//! Roles and evidence as data: `data/*.toml`, compiled in (as JSON, see `build.rs`) and parsed once per run.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use serde::Deserialize;

use super::Tier;
use super::evidence::rule::{PublicRule, Rule};
use super::globs::Globs;

/// A role of `roles.toml`.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Role {
    /// Stable identifier.
    pub id: String,
    /// A few words for a person.
    pub title: String,
    /// Tier.
    pub tier: Tier,
    /// Whether the role signs things that others trust.
    pub signs: bool,
    /// What would still trust a signature made with the key.
    pub trusted_by: String,
    /// The first thing to do.
    pub next: String,
    /// Whether verifiers check the expiry of the key or its certificate.
    pub expiry: Expiry,
    /// How far a revocation reaches.
    pub revocation: Revocation,
    /// Whether old signatures are still accepted, and what would stop that.
    pub old_signatures: String,
    /// Whether the role gives way to an asserted special role.
    #[serde(default)]
    pub generic: bool,
}

/// Whether verifiers check the expiry of a key or its certificate.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Expiry {
    /// They do: an expired certificate is refused.
    Enforced,
    /// Only for signatures without a time stamp.
    WithoutTimestamp,
    /// They do not check it.
    Ignored,
    /// The key has no expiry.
    None,
}

impl Expiry {
    /// The meaning in a few words.
    pub const fn text(self) -> &'static str {
        match self {
            Self::Enforced => "verifiers refuse an expired certificate",
            Self::WithoutTimestamp => "time-stamped signatures outlive the certificate",
            Self::Ignored => "expiry does not stop it",
            Self::None => "the key has no expiry",
        }
    }
}

/// How far a revocation reaches; where verifiers differ, the slower ones count.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Deserialize)]
pub enum Revocation {
    /// Online and enforced, or one change at one service.
    A,
    /// Checked, but failure is ignored; or bound to a date.
    B,
    /// Every verifier has to be updated.
    C,
    /// Practically never.
    D,
}

impl Revocation {
    /// The meaning in a few words.
    pub const fn text(self) -> &'static str {
        match self {
            Self::A => "revocation is online and enforced",
            Self::B => "revocation is soft, or bound to a date",
            Self::C => "every verifier has to be updated",
            Self::D => "a revocation practically never reaches the verifiers",
        }
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RolesFile {
    role: Vec<Role>,
}

/// Rules, each on its own: a list of these large values would be copied many times while it grows.
#[allow(clippy::vec_box, reason = "the values are large")]
pub(crate) type Rules = Vec<Box<Rule>>;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct EvidenceFile {
    evidence: Rules,
    #[serde(default)]
    public: Vec<PublicRule>,
    test: Words,
    stages: Words,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Words {
    words: Vec<String>,
}

/// Roles and evidence.
#[derive(Debug)]
pub struct Tables {
    roles: BTreeMap<String, Role>,
    /// Rules about certificates, in file order.
    pub(crate) of_certificates: Rules,
    /// Rules about private keys and their files, in file order.
    pub(crate) of_files: Rules,
    /// The globs of all rules about files.
    pub(crate) globs: Globs,
    /// The number of the rule that each glob belongs to.
    owners: Vec<usize>,
    /// Rules about places of public halves, in file order.
    pub(crate) public: Vec<PublicRule>,
    pub(crate) test_words: Vec<String>,
    /// Words that each name one stage of a boot chain.
    pub(crate) stage_words: Vec<String>,
}

impl Tables {
    /// The built-in tables.
    ///
    /// # Panics
    ///
    /// Never: a test reads the same text.
    pub fn built_in() -> Self {
        let roles = serde_json::from_str(include_str!(concat!(env!("OUT_DIR"), "/roles.json")));
        let evidence = serde_json::from_str(include_str!(concat!(env!("OUT_DIR"), "/evidence.json")));
        let read = match (roles, evidence) {
            (Ok(roles), Ok(evidence)) => Self::new(roles, evidence),
            (Err(error), _) | (_, Err(error)) => Err(error.to_string()),
        };
        #[allow(clippy::panic, reason = "the data is part of the program and read by a test")]
        read.unwrap_or_else(|error| panic!("built-in tables: {error}"))
    }

    /// Reads tables from TOML. `Err` names the entry and what is wrong with it.
    pub fn read(roles: &str, evidence: &str) -> Result<Self, String> {
        let roles: RolesFile = toml::from_str(roles).map_err(|e| format!("roles: {e}"))?;
        let evidence: EvidenceFile = toml::from_str(evidence).map_err(|e| format!("evidence: {e}"))?;
        Self::new(roles, evidence)
    }

    fn new(roles: RolesFile, evidence: EvidenceFile) -> Result<Self, String> {
        let mut known = BTreeMap::new();
        for role in roles.role {
            if let Some(twice) = known.insert(role.id.clone(), role) {
                return Err(format!("roles: {} is defined twice", twice.id));
            }
        }
        if !known.contains_key("unknown") {
            return Err("roles: `unknown` is missing".to_owned());
        }
        for rule in &evidence.evidence {
            let named = |what: String| format!("evidence: {what} ({}: {})", rule.role, rule.text);
            if !rule.role.is_empty() && !known.contains_key(&rule.role) {
                return Err(named(format!("no role `{}`", rule.role)));
            }
            if let Some(fault) = rule.fault() {
                return Err(named(fault));
            }
        }
        for rule in &evidence.public {
            if !known.contains_key(&rule.role) || !rule.asks() || rule.weight <= 0 {
                return Err(format!("evidence: public: no role, no condition or no weight ({})", rule.text));
            }
        }
        let (of_certificates, of_files): (Rules, Rules) =
            evidence.evidence.into_iter().partition(|rule| rule.about_certificate());
        let globs: Vec<(usize, &str)> = of_files
            .iter()
            .enumerate()
            .flat_map(|(number, rule)| rule.path.iter().map(move |path| (number, path.as_str())))
            .collect();
        let owners = globs.iter().map(|(number, _)| *number).collect();
        let globs =
            Globs::new(globs.into_iter().map(|(_, path)| path)).map_err(|error| format!("evidence: {error}"))?;
        Ok(Self {
            roles: known,
            of_certificates,
            of_files,
            globs,
            owners,
            public: evidence.public,
            test_words: evidence.test.words,
            stage_words: evidence.stages.words,
        })
    }

    /// Numbers of the rules about files with a glob that matches the path.
    pub(crate) fn on_path(&self, path: &Path) -> BTreeSet<usize> {
        self.globs.matching(path).into_iter().filter_map(|glob| self.owners.get(glob).copied()).collect()
    }

    /// A role by its id.
    pub fn role(&self, id: &str) -> Option<&Role> {
        self.roles.get(id)
    }

    /// Every role, by id.
    pub fn roles(&self) -> impl Iterator<Item = &Role> {
        self.roles.values()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Roles that no file and no certificate alone can show, with the reason.
    const WITHOUT_RULE: [(&str, &str); 2] = [
        ("ca_root_public", "only a list of the public roots proves it; there is none yet, and a name proves nothing"),
        ("unknown", "the role without any evidence"),
    ];

    #[test]
    fn every_role_can_be_reached() {
        let tables = Tables::built_in();
        let reached: BTreeSet<&str> = tables
            .of_certificates
            .iter()
            .chain(&tables.of_files)
            .filter(|rule| rule.weight > 0)
            .map(|rule| rule.role.as_str())
            .collect();
        for role in tables.roles() {
            let excused = WITHOUT_RULE.iter().any(|(id, _)| *id == role.id);
            assert_ne!(reached.contains(role.id.as_str()), excused, "{}", role.id);
        }
    }

    #[test]
    fn roles_are_complete() {
        let tables = Tables::built_in();
        for role in tables.roles() {
            for text in [&role.title, &role.trusted_by, &role.next, &role.old_signatures] {
                assert!(!text.is_empty() && text.trim() == text, "{}: {text:?}", role.id);
            }
            assert!(role.next.ends_with('.') && role.old_signatures.ends_with('.'), "{}", role.id);
            assert!(!role.trusted_by.ends_with('.'), "{} goes into a sentence", role.id);
            let generic = ["openpgp_certify", "openpgp_sign", "unknown"].contains(&role.id.as_str());
            assert_eq!(role.generic, generic, "{}", role.id);
        }
        assert_eq!(tables.role("boot_root").map(|role| role.revocation), Some(Revocation::D));
    }

    #[test]
    fn a_tier_of_a_rule_is_wider_than_that_of_its_role() {
        let tables = Tables::built_in();
        for rule in tables.of_certificates.iter().chain(&tables.of_files) {
            if let (Some(tier), Some(role)) = (rule.tier, tables.role(&rule.role)) {
                assert!(tier < role.tier && rule.weight > 0, "{}: {}", rule.role, rule.text);
            }
        }
    }

    #[test]
    fn globs_select_their_rules() {
        let tables = Tables::built_in();
        let roles = |path: &str| -> Vec<&str> {
            let on = tables.on_path(Path::new(path)).into_iter();
            let mut roles: Vec<_> = on.map(|number| tables.of_files[number].role.as_str()).collect();
            roles.dedup();
            roles
        };
        assert_eq!(roles("linux/certs/Signing_Key.pem"), ["os_kernel"]);
        assert_eq!(roles("linux/certs/signing_key.pem.old"), [""; 0]);
    }

    #[test]
    fn a_wrong_entry_is_named() {
        let role = "[[role]]\nid='unknown'\ntitle=''\ntier='T3'\nsigns=false\ntrusted_by=''\nnext=''\nexpiry='none'\n\
                    revocation='D'\nold_signatures=''\n";
        let rule = |fields: &str| {
            let words = "[test]\nwords=[]\n[stages]\nwords=[]\n";
            Tables::read(role, &format!("[[evidence]]\nrole='unknown'\ngroup='path'\ntext='x'\n{fields}\n{words}"))
        };
        assert!(rule("weight=10\nword='a'").is_ok());
        assert_eq!(rule("weight=10").unwrap_err(), "evidence: no condition (unknown: x)");
        assert!(rule("weight=10\npath='{a'").unwrap_err().contains("{a"));
        assert!(rule("weight=10\nword='a'\ncolour='b'").unwrap_err().contains("colour"));
        assert!(Tables::read("[[role]]\nid='a'\nrank=1\n", "").unwrap_err().contains("rank"));
        let twice = Tables::read(&format!("{role}{role}"), "evidence=[]\n[test]\nwords=[]\n[stages]\nwords=[]\n");
        assert_eq!(twice.unwrap_err(), "roles: unknown is defined twice");
        let nonesuch =
            rule("weight=10\nword='a'\n[[evidence]]\nrole='no'\nweight=10\ngroup='path'\ntext='y'\nword='b'");
        assert_eq!(nonesuch.unwrap_err(), "evidence: no role `no` (no: y)");
    }
}
