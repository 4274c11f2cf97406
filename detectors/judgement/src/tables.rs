//! Roles and evidence as data: `data/roles/*.toml` and `data/evidence.toml`, compiled in (as JSON, see
//! `build.rs`) and parsed once per run.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use serde::Deserialize;

use super::Tier;
use super::evidence::rule::{PublicRule, Rule, phrases};
use super::evidence::words::Phrase;
use super::globs::Globs;
use super::roles::{ROLES, RoleText};

/// A role: a file of `data/roles/`.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Role {
    /// Stable identifier: the name of the file.
    #[serde(skip)]
    pub id: String,
    /// A few words for a person.
    pub title: String,
    /// Tier.
    pub tier: Tier,
    /// Whether the role signs things that others trust.
    pub signs: bool,
    /// The SARIF rule for keys of the role.
    pub sarif: String,
    /// What would still trust a signature made with the key.
    pub trusted_by: String,
    /// The first thing to do.
    pub next: String,
    /// What differs if every certificate of the key is self-signed: no CA can revoke it.
    pub self_signed: Option<SelfSigned>,
    /// Whether verifiers check the expiry of the key or its certificate.
    pub expiry: Expiry,
    /// How far a revocation reaches.
    pub revocation: Revocation,
    /// Whether old signatures are still accepted, and what would stop that.
    pub old_signatures: String,
    /// Whether the role gives way to an asserted special role.
    #[serde(default)]
    pub generic: bool,
    /// Whether the role gives way, while only names and places support it, to one that a use or a text supports.
    #[serde(default)]
    pub named: bool,
    /// The entries of its file, until the tables are complete.
    #[serde(default)]
    evidence: Rules,
    #[serde(default)]
    public: Vec<PublicRule>,
}

/// What differs in a role for a key with self-signed certificates only.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SelfSigned {
    /// What would still trust a signature made with the key.
    pub trusted_by: String,
    /// The first thing to do.
    pub next: String,
}

/// Rules, each on its own: a list of these large values would be copied many times while it grows.
#[allow(clippy::vec_box, reason = "the values are large")]
pub(crate) type Rules = Vec<Box<Rule>>;

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

/// The file of evidence that supports no role.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct EvidenceFile {
    #[serde(default)]
    evidence: Rules,
    test: TestWords,
    stages: Words,
}

/// Words that say that a key is for tests, lower-case.
#[derive(Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct TestWords {
    /// Words of a path or a name.
    pub(crate) words: Vec<String>,
    /// Compound words: one of `first` and one of `after`, such as `testkeys`.
    pub(crate) first: Vec<String>,
    pub(crate) after: Vec<String>,
    /// Compound words: one of these and `test` or `tests`, such as `selftest`.
    pub(crate) before: Vec<String>,
    /// Names of directories.
    pub(crate) directories: Vec<String>,
    /// Phrases in the names of certificates, owners and comments.
    #[serde(deserialize_with = "phrases")]
    pub(crate) names: Vec<Phrase>,
    /// First words of the file names of cryptographic libraries.
    pub(crate) libraries: Vec<String>,
    /// Names of the sections of a program with read-only data.
    pub(crate) sections: Vec<String>,
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
    /// Rules about certificates, by role and in file order; those without a role are last.
    pub(crate) of_certificates: Rules,
    /// Rules about private keys and their files, in the same order.
    pub(crate) of_files: Rules,
    /// The globs of all rules about files.
    pub(crate) globs: Globs,
    /// The number of the rule that each glob belongs to.
    owners: Vec<usize>,
    /// Rules about places of public halves, in the same order.
    pub(crate) public: Vec<PublicRule>,
    pub(crate) test: TestWords,
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
        let role = |text: &RoleText| Ok((text.id, serde_json::from_str(text.role)?));
        let roles: Result<Vec<_>, serde_json::Error> = ROLES.iter().map(role).collect();
        let evidence = serde_json::from_str(include_str!(concat!(env!("OUT_DIR"), "/evidence.json")));
        let read = match (roles, evidence) {
            (Ok(roles), Ok(evidence)) => Self::new(roles, evidence),
            (Err(error), _) | (_, Err(error)) => Err(error.to_string()),
        };
        #[allow(clippy::panic, reason = "the data is part of the program and read by a test")]
        read.unwrap_or_else(|error| panic!("built-in tables: {error}"))
    }

    /// Reads tables from TOML: ids and texts of the roles, and the evidence without a role. `Err` names the entry and
    /// what is wrong with it.
    pub fn read<'t>(roles: impl Iterator<Item = (&'t str, &'t str)>, evidence: &str) -> Result<Self, String> {
        let evidence: EvidenceFile = toml::from_str(evidence).map_err(|e| format!("evidence: {e}"))?;
        let role = |(id, text)| Ok((id, toml::from_str(text).map_err(|e| format!("{id}: {e}"))?));
        Self::new(roles.map(role).collect::<Result<_, String>>()?, evidence)
    }

    fn new(roles: Vec<(&str, Role)>, evidence: EvidenceFile) -> Result<Self, String> {
        let (mut known, mut rules, mut public) = (BTreeMap::new(), Rules::new(), Vec::new());
        for (id, mut role) in roles {
            id.clone_into(&mut role.id);
            for mut rule in std::mem::take(&mut role.evidence) {
                id.clone_into(&mut rule.role);
                rules.push(rule);
            }
            let of_role = |rule| PublicRule { role: id.to_owned(), ..rule };
            public.extend(std::mem::take(&mut role.public).into_iter().map(of_role));
            if known.insert(role.id.clone(), role).is_some() {
                return Err(format!("{id}: defined twice"));
            }
        }
        if !known.contains_key("unknown") {
            return Err("the role `unknown` is missing".to_owned());
        }
        rules.extend(evidence.evidence);
        for rule in &rules {
            if let Some(fault) = rule.fault() {
                return Err(format!("evidence: {fault} ({}: {})", rule.role, rule.text));
            }
        }
        for rule in &public {
            if !rule.asks() || rule.weight <= 0 {
                return Err(format!("public: no condition or no weight ({}: {})", rule.role, rule.text));
            }
        }
        let (of_certificates, of_files): (Rules, Rules) = rules.into_iter().partition(|rule| rule.about_certificate());
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
            public,
            test: evidence.test,
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
            let own = role.self_signed.iter().flat_map(|own| [&own.trusted_by, &own.next]);
            for text in [&role.title, &role.trusted_by, &role.next, &role.old_signatures].into_iter().chain(own) {
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
        assert_eq!(roles("linux/certs/Signing_Key.pem"), ["os_kernel", "tls_client", "tls_server"]);
        assert_eq!(roles("linux/certs/signing_key.pem.old"), [""; 0]);
    }

    #[test]
    fn a_wrong_entry_is_named() {
        let role = "title=''\ntier='T3'\nsigns=false\nsarif=''\ntrusted_by=''\nnext=''\nexpiry='none'\n\
                    revocation='D'\nold_signatures=''\n";
        let words = "[test]\nwords=[]\n[stages]\nwords=[]\n";
        let read = |roles: &[(&str, &str)], evidence: &str| Tables::read(roles.iter().copied(), evidence);
        let rule = |fields: &str| {
            let text = format!("{role}[[evidence]]\ngroup='path'\ntext='x'\n{fields}\n");
            read(&[("unknown", &text)], words)
        };
        assert!(rule("weight=10\nword='a'").is_ok());
        assert_eq!(rule("weight=10").unwrap_err(), "evidence: no condition (unknown: x)");
        assert!(rule("weight=10\npath='{a'").unwrap_err().contains("{a"));
        assert!(rule("weight=10\nword='a'\ncolour='b'").unwrap_err().contains("colour"));
        // The name of the file is the role.
        assert!(rule("weight=10\nword='a'\nrole='unknown'").unwrap_err().contains("role"));
        assert!(read(&[("unknown", &format!("id='unknown'\n{role}"))], words).unwrap_err().contains("id"));
        assert_eq!(
            rule("weight=0\nword='a'").unwrap_err(),
            "evidence: the weight 0 is not one of [100, 60, 30, 10, -30, -60, -100] (unknown: x)"
        );
        let public = format!("{role}[[public]]\ntext='x'\nweight=10\n");
        assert_eq!(read(&[("unknown", &public)], words).unwrap_err(), "public: no condition or no weight (unknown: x)");
        assert!(read(&[("a", "rank=1\n")], words).unwrap_err().contains("rank"));
        assert_eq!(read(&[("unknown", role), ("unknown", role)], words).unwrap_err(), "unknown: defined twice");
        assert_eq!(read(&[("a", role)], words).unwrap_err(), "the role `unknown` is missing");
        let stray = format!("[[evidence]]\ngroup='path'\ntext='x'\nweight=10\nword='a'\n{words}");
        assert!(
            read(&[("unknown", role)], &stray).unwrap_err().starts_with("evidence: without a role the weight is 0")
        );
    }
}
