//! Roles and evidence as data: `detectors/data/*.toml`, compiled in and read once a run.

use std::collections::BTreeMap;

use globset::{GlobBuilder, GlobMatcher};
use serde::Deserialize;

use scanner_core::material::Occurrence;

use super::Tier;

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
    /// Whether the role is to sign things that others believe.
    pub signs: bool,
    /// What would still believe a signature made with the key.
    pub believed_by: String,
    /// The first thing to do.
    pub next: String,
    /// Whether its verifiers look at the expiry of the key or its certificate.
    pub expiry: Expiry,
    /// How far a revocation reaches.
    pub revocation: Revocation,
    /// Whether what was signed before is still accepted, and what would stop it.
    pub old_signatures: String,
    /// Whether it gives way where a special role is asserted.
    #[serde(default)]
    pub generic: bool,
}

/// Whether verifiers look at the expiry of a key or its certificate.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Expiry {
    /// They do: an expired certificate ends it.
    Enforced,
    /// Only for signatures without a time stamp.
    WithoutTimestamp,
    /// They do not look.
    Ignored,
    /// The key has none.
    None,
}

impl Expiry {
    /// What that means for a person.
    pub const fn text(self) -> &'static str {
        match self {
            Self::Enforced => "verifiers refuse an expired certificate",
            Self::WithoutTimestamp => "time-stamped signatures outlive the certificate",
            Self::Ignored => "expiry does not stop it",
            Self::None => "the key has no expiry",
        }
    }
}

/// How far a revocation reaches; where verifiers differ, what the slower ones do.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Deserialize)]
pub enum Revocation {
    /// Online and enforced, or one switch at one service.
    A,
    /// Asked for softly, or bound to a date.
    B,
    /// Every verifier has to be updated.
    C,
    /// Practically never.
    D,
}

impl Revocation {
    /// What that means for a person.
    pub const fn text(self) -> &'static str {
        match self {
            Self::A => "revocation is online and enforced",
            Self::B => "revocation is soft, or bound to a date",
            Self::C => "every verifier has to be updated",
            Self::D => "practically nothing reaches the verifiers",
        }
    }
}

/// A flag of an OpenPGP key.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Use {
    Certify,
    Sign,
    Encrypt,
    Authenticate,
}

/// An entry of `evidence.toml`: every condition that is there must hold.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Rule {
    pub(crate) role: String,
    pub(crate) weight: i32,
    pub(crate) group: String,
    pub(crate) text: String,
    /// The tier that the role has for a key with this item, where it is wider than usual.
    pub(crate) tier: Option<Tier>,
    pub(crate) ca: Option<bool>,
    pub(crate) self_issued: Option<bool>,
    pub(crate) version: Option<u32>,
    pub(crate) key_usage: Option<u32>,
    pub(crate) eku: Option<String>,
    pub(crate) policy: Option<String>,
    pub(crate) extension: Option<String>,
    pub(crate) subject: Option<String>,
    pub(crate) format: Option<String>,
    pub(crate) algorithm: Option<String>,
    pub(crate) uses: Option<Use>,
    pub(crate) subkey: Option<bool>,
    pub(crate) label: Option<String>,
    path: Option<String>,
    #[serde(default)]
    pub(crate) word: Vec<String>,
    #[serde(skip)]
    pub(crate) glob: Option<GlobMatcher>,
}

impl Rule {
    /// Whether it asks for a certificate.
    pub(crate) const fn about_certificate(&self) -> bool {
        self.ca.is_some()
            || self.self_issued.is_some()
            || self.version.is_some()
            || self.key_usage.is_some()
            || self.eku.is_some()
            || self.policy.is_some()
            || self.extension.is_some()
            || self.subject.is_some()
    }
}

/// A rule about a place of a public half: what stands there believes the key in a role.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct PublicRule {
    pub(crate) role: String,
    pub(crate) weight: i32,
    pub(crate) text: String,
    /// A remark of the detector.
    note: Option<String>,
    /// A glob on the whole path, any case.
    path: Option<String>,
    #[serde(skip)]
    glob: Option<GlobMatcher>,
}

impl PublicRule {
    /// Whether it speaks of a place.
    pub(crate) fn holds(&self, place: &Occurrence) -> bool {
        let noted = |note: &String| place.material.notes.iter().any(|other| other == note);
        self.note.as_ref().is_none_or(noted)
            && self.glob.as_ref().is_none_or(|glob| glob.is_match(&place.origin.path))
            && (self.note.is_some() || self.glob.is_some())
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RolesFile {
    role: Vec<Role>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct EvidenceFile {
    evidence: Vec<Rule>,
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
    pub(crate) rules: Vec<Rule>,
    pub(crate) public: Vec<PublicRule>,
    pub(crate) test_words: Vec<String>,
    /// Words that name one stage of a boot chain each.
    pub(crate) stage_words: Vec<String>,
}

impl Tables {
    /// The tables that keyradius comes with.
    ///
    /// # Panics
    ///
    /// Never: a test reads the same text.
    pub fn built_in() -> Self {
        let read = Self::read(include_str!("../../data/roles.toml"), include_str!("../../data/evidence.toml"));
        #[allow(clippy::panic, reason = "the data is part of the program and read by a test")]
        read.unwrap_or_else(|error| panic!("built-in tables: {error}"))
    }

    /// Reads tables from TOML. `Err` says what is wrong with which entry.
    pub fn read(roles: &str, evidence: &str) -> Result<Self, String> {
        let roles: RolesFile = toml::from_str(roles).map_err(|e| format!("roles: {e}"))?;
        let mut evidence: EvidenceFile = toml::from_str(evidence).map_err(|e| format!("evidence: {e}"))?;
        let mut known = BTreeMap::new();
        for role in roles.role {
            if let Some(twice) = known.insert(role.id.clone(), role) {
                return Err(format!("roles: {} stands twice", twice.id));
            }
        }
        if !known.contains_key("unknown") {
            return Err("roles: `unknown` is missing".to_owned());
        }
        for rule in &mut evidence.evidence {
            if !known.contains_key(&rule.role) {
                return Err(format!("evidence: no role `{}` ({})", rule.role, rule.text));
            }
            if let Some(path) = &rule.path {
                let glob = GlobBuilder::new(path).case_insensitive(true).literal_separator(true).build();
                rule.glob = Some(glob.map_err(|e| format!("evidence: {e}"))?.compile_matcher());
            }
        }
        for rule in &mut evidence.public {
            if !known.contains_key(&rule.role) {
                return Err(format!("evidence: no role `{}` ({})", rule.role, rule.text));
            }
            if let Some(path) = &rule.path {
                let glob = GlobBuilder::new(path).case_insensitive(true).literal_separator(true).build();
                rule.glob = Some(glob.map_err(|e| format!("evidence: {e}"))?.compile_matcher());
            }
        }
        Ok(Self {
            public: evidence.public,
            roles: known,
            rules: evidence.evidence,
            test_words: evidence.test.words,
            stage_words: evidence.stages.words,
        })
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

    #[test]
    fn built_in_tables_are_whole() {
        let tables = Tables::built_in();
        assert!(tables.rules.len() > 50);
        for rule in &tables.rules {
            assert!([10, 30, 60, 100].contains(&rule.weight), "{}", rule.text);
            assert!(["certificate", "container", "label", "path"].contains(&rule.group.as_str()), "{}", rule.text);
            assert_eq!(rule.about_certificate(), rule.group == "certificate", "{}", rule.text);
        }
    }

    #[test]
    fn a_wrong_entry_is_named() {
        let role = "[[role]]\nid='unknown'\ntitle=''\ntier='T3'\nsigns=false\nbelieved_by=''\nnext=''\nexpiry='none'\n\
                    revocation='D'\nold_signatures=''\n";
        let rule =
            "[[evidence]]\nrole='nonesuch'\nweight=10\ngroup='path'\ntext='x'\n[test]\nwords=[]\n[stages]\nwords=[]\n";
        assert_eq!(Tables::read(role, rule).unwrap_err(), "evidence: no role `nonesuch` (x)");
        assert!(Tables::read("[[role]]\nid='a'\nrank=1\n", rule).unwrap_err().contains("rank"));
    }
}
