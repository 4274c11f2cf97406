//! Rules as data: findings about how keys are kept and trusted, the SARIF rule of each role, and the CWE, OWASP, NIST
//! and SLSA identifiers of both. `data/rules.toml`, `sarif.toml` and `frameworks.toml` are compiled in and parsed at
//! first use.

use std::collections::BTreeMap;
use std::sync::LazyLock;

use serde::Deserialize;

use super::roles::ROLES;

/// A rule of `rules.toml`: about posture, not about what one key is for.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Rule {
    /// Stable identifier, in capitals.
    pub id: String,
    /// A few words for a person.
    pub title: String,
    /// Default severity in tenths, 0 to 100.
    pub severity: i32,
    /// What was seen.
    pub means: String,
    /// Why it matters.
    pub matters: String,
    /// The first thing to do.
    pub next: String,
}

/// An entry of `sarif.toml`: the SARIF rule for keys of some roles.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct KeyRule {
    /// Stable identifier: `KEY-CA`.
    pub id: String,
    /// A few words for a person.
    pub title: String,
    /// `security-severity` in tenths, 0 to 100.
    pub severity: i32,
    /// Ids of the roles whose files name the rule. Empty for the one rule about protection.
    #[serde(skip)]
    pub roles: Vec<String>,
}

/// A condition of `frameworks.toml`, with its identifiers in each framework.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Condition {
    /// Stable identifier.
    pub id: String,
    /// A few words for a person.
    pub title: String,
    #[serde(default)]
    cwe: Vec<u32>,
    #[serde(default)]
    nhi: Vec<String>,
    #[serde(default)]
    csf: Vec<String>,
    #[serde(default)]
    sp800_57: Vec<String>,
    #[serde(default)]
    slsa: Vec<String>,
}

/// An identifier in a framework. Sorted by framework, then by identifier, without duplicates.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Reference {
    /// The framework.
    pub framework: Framework,
    /// Its identifier: `CWE-321`, `NHI2:2025`, `PR.DS-01`, `5.5`.
    pub id: String,
    /// The title of the identifier.
    pub title: String,
}

/// A framework that defines identifiers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Framework {
    /// Common Weakness Enumeration.
    Cwe,
    /// OWASP Non-Human Identities Top 10, 2025.
    Nhi,
    /// NIST Cybersecurity Framework 2.0.
    Csf,
    /// NIST SP 800-57 Part 1 Revision 5.
    Sp80057,
    /// SLSA 1.1.
    Slsa,
}

impl Framework {
    /// The name by which it is cited.
    pub const fn title(self) -> &'static str {
        match self {
            Self::Cwe => "CWE",
            Self::Nhi => "OWASP NHI 2025",
            Self::Csf => "NIST CSF 2.0",
            Self::Sp80057 => "NIST SP 800-57 Part 1 Rev. 5",
            Self::Slsa => "SLSA 1.1",
        }
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RulesFile {
    rule: Vec<Rule>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct SarifFile {
    key: Vec<KeyRule>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct FrameworksFile {
    names: Names,
    condition: Vec<Condition>,
    applies: BTreeMap<String, Vec<String>>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Names {
    cwe: BTreeMap<String, String>,
    nhi: BTreeMap<String, String>,
    csf: BTreeMap<String, String>,
    sp800_57: BTreeMap<String, String>,
    slsa: BTreeMap<String, String>,
}

/// All rules.
#[derive(Debug)]
pub struct Rules {
    posture: Vec<Rule>,
    keys: Vec<KeyRule>,
    conditions: Vec<Condition>,
    references: BTreeMap<String, Vec<Reference>>,
    applies: BTreeMap<String, Vec<String>>,
}

#[allow(clippy::panic, reason = "the data is part of the program and read by a test")]
static BUILT_IN: LazyLock<Rules> = LazyLock::new(|| {
    let read = || {
        let rules = serde_json::from_str(include_str!(concat!(env!("OUT_DIR"), "/rules.json")))?;
        let sarif = serde_json::from_str(include_str!(concat!(env!("OUT_DIR"), "/sarif.json")))?;
        let frameworks = serde_json::from_str(include_str!(concat!(env!("OUT_DIR"), "/frameworks.json")))?;
        Ok((rules, sarif, frameworks))
    };
    let read = read().map_err(|error: serde_json::Error| error.to_string());
    let read = read.and_then(|(rules, sarif, frameworks)| Rules::new(rules, sarif, frameworks));
    let read = read.and_then(|rules| rules.with_roles(ROLES.iter().map(|text| (text.id, text.sarif))));
    read.unwrap_or_else(|error| panic!("built-in rules: {error}"))
});

/// Id and severity in tenths of the SARIF rule for a role; those of `unknown` for an unknown role.
pub fn sarif_rule(role: &str) -> (&'static str, i32) {
    let rule = Rules::built_in().key_rule(role);
    rule.map_or(("KEY-UNKNOWN", 55), |rule| (rule.id.as_str(), rule.severity))
}

impl Rules {
    /// The built-in rules.
    pub fn built_in() -> &'static Self {
        &BUILT_IN
    }

    /// Reads rules from TOML. `Err` names the entry and what is wrong with it.
    pub fn read(rules: &str, sarif: &str, frameworks: &str) -> Result<Self, String> {
        let rules: RulesFile = toml::from_str(rules).map_err(|e| format!("rules: {e}"))?;
        let sarif: SarifFile = toml::from_str(sarif).map_err(|e| format!("sarif: {e}"))?;
        let frameworks: FrameworksFile = toml::from_str(frameworks).map_err(|e| format!("frameworks: {e}"))?;
        Self::new(rules, sarif, frameworks)
    }

    fn new(rules: RulesFile, sarif: SarifFile, frameworks: FrameworksFile) -> Result<Self, String> {
        let ids = rules.rule.iter().map(|rule| &rule.id).chain(sarif.key.iter().map(|key| &key.id));
        let mut references = BTreeMap::new();
        for id in ids {
            let conditions =
                frameworks.applies.get(id).ok_or_else(|| format!("frameworks: nothing applies to {id}"))?;
            let mut all = Vec::new();
            for name in conditions {
                let condition = frameworks.condition.iter().find(|condition| condition.id == *name);
                let condition = condition.ok_or_else(|| format!("frameworks: no condition `{name}` ({id})"))?;
                all.extend(frameworks.names.references(condition)?);
            }
            all.sort_by_cached_key(|one: &Reference| (one.framework, order(&one.id), one.id.clone()));
            all.dedup();
            if references.insert(id.clone(), all).is_some() {
                return Err(format!("rules: {id} is defined twice"));
            }
        }
        if let Some(stray) = frameworks.applies.keys().find(|id| !references.contains_key(*id)) {
            return Err(format!("frameworks: no rule `{stray}`"));
        }
        let (conditions, applies) = (frameworks.condition, frameworks.applies);
        Ok(Self { posture: rules.rule, keys: sarif.key, conditions, references, applies })
    }

    /// Adds the roles to the SARIF rules that they name: their ids, and those of the rules. `Err` names the role that names
    /// no rule.
    fn with_roles<'t>(mut self, roles: impl Iterator<Item = (&'t str, &'t str)>) -> Result<Self, String> {
        for (id, sarif) in roles {
            let rule = self.keys.iter_mut().find(|rule| rule.id == sarif);
            rule.ok_or_else(|| format!("{id}: sarif.toml has no `{sarif}`"))?.roles.push(id.to_owned());
        }
        Ok(self)
    }

    /// A posture rule by its id.
    pub fn rule(&self, id: &str) -> Option<&Rule> {
        self.posture.iter().find(|rule| rule.id == id)
    }

    /// Every posture rule, in the order of the file.
    pub fn rules(&self) -> impl Iterator<Item = &Rule> {
        self.posture.iter()
    }

    /// The SARIF rule for keys of a role.
    pub fn key_rule(&self, role: &str) -> Option<&KeyRule> {
        self.keys.iter().find(|rule| rule.roles.iter().any(|id| id == role))
    }

    /// Every SARIF rule for keys, worst first.
    pub fn key_rules(&self) -> impl Iterator<Item = &KeyRule> {
        self.keys.iter()
    }

    /// References of a posture or SARIF rule; empty if the rule does not exist.
    pub fn references(&self, id: &str) -> &[Reference] {
        self.references.get(id).map_or(&[], Vec::as_slice)
    }

    /// Conditions that a posture or SARIF rule stands for.
    pub fn conditions<'a>(&'a self, id: &str) -> impl Iterator<Item = &'a Condition> {
        let applies = self.applies.get(id).map_or(&[][..], Vec::as_slice);
        applies.iter().filter_map(|name| self.conditions.iter().find(|condition| condition.id == *name))
    }
}

/// Puts identifiers in the order people expect, before their text: `NHI2` before `NHI10`, `CWE-321` before `CWE-1394`.
fn order(id: &str) -> usize {
    let digits = id.split(':').next().unwrap_or(id).chars().filter(char::is_ascii_digit).count();
    let numbered = id.starts_with("CWE-") || id.starts_with("NHI");
    if numbered { digits } else { 0 }
}

impl Names {
    /// The references of a condition. `Err` names an identifier without a title.
    fn references(&self, condition: &Condition) -> Result<Vec<Reference>, String> {
        let cwe: Vec<String> = condition.cwe.iter().map(u32::to_string).collect();
        let mut all = Vec::new();
        for (framework, names, ids, prefix) in [
            (Framework::Cwe, &self.cwe, &cwe, "CWE-"),
            (Framework::Nhi, &self.nhi, &condition.nhi, ""),
            (Framework::Csf, &self.csf, &condition.csf, ""),
            (Framework::Sp80057, &self.sp800_57, &condition.sp800_57, ""),
            (Framework::Slsa, &self.slsa, &condition.slsa, ""),
        ] {
            for id in ids {
                let title = names.get(id).ok_or_else(|| format!("frameworks: {id} has no name ({})", condition.id))?;
                all.push(Reference { framework, id: format!("{prefix}{id}"), title: title.clone() });
            }
        }
        Ok(all)
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;
    use crate::Tables;
    use crate::playbook::Playbook;

    /// The rule ids that reports promise.
    const IDS: [&str; 12] = [
        "TRUSTS-PUBLIC-KEY",
        "LEAKED-PRODUCT-KEY",
        "KEY-TEST-KNOWN",
        "SUBJECT-DO-NOT-TRUST",
        "PASSWORD-BESIDE-KEYSTORE",
        "PFX-MIMIKATZ",
        "MULTI-ROLE",
        "HSM-REQUIRED",
        "EXPIRED-BUT-ALIVE",
        "KEY-COMPUTABLE",
        "WEAK-KEY",
        "LONG-VALIDITY",
    ];

    #[test]
    fn every_rule_exists_and_is_complete() {
        let rules = Rules::built_in();
        assert_eq!(rules.rules().map(|rule| rule.id.as_str()).collect::<Vec<_>>(), IDS);
        for rule in rules.rules() {
            assert!((1..=100).contains(&rule.severity), "{}", rule.id);
            for text in [&rule.means, &rule.matters, &rule.next] {
                assert!(text.len() > 40 && text.ends_with('.') && !text.contains('\n'), "{}: {text}", rule.id);
            }
            assert!(rules.conditions(&rule.id).count() > 0 && !rules.references(&rule.id).is_empty(), "{}", rule.id);
        }
    }

    #[test]
    fn every_role_has_exactly_one_sarif_rule() {
        let mut named: Vec<&str> =
            Rules::built_in().key_rules().flat_map(|rule| &rule.roles).map(String::as_str).collect();
        named.sort_unstable();
        assert_eq!(named, Playbook::roles().collect::<Vec<_>>());
        for role in Tables::built_in().roles() {
            let (_, severity) = sarif_rule(&role.id);
            let band = if role.signs { 50..=100 } else { 40..=80 };
            assert!(band.contains(&severity), "{}: {severity}", role.id);
        }
        for (role, expected) in [
            ("boot_root", ("KEY-BOOT-ROOT", 98)),
            ("ca_intermediate", ("KEY-CA", 93)),
            ("code_signing", ("KEY-CODE-SIGN", 91)),
            ("ssh_user", ("KEY-SSH-USER", 55)),
            ("nonesuch", ("KEY-UNKNOWN", 55)),
        ] {
            assert_eq!(sarif_rule(role), expected);
        }
    }

    #[test]
    fn sarif_rules_are_sorted_by_severity() {
        let weights: Vec<i32> = Rules::built_in().key_rules().map(|rule| rule.severity).collect();
        assert!(weights.is_sorted_by(|a, b| a >= b), "{weights:?}");
    }

    /// The corrections of the design material's framework map: no identifiers of CSF 1.1, no zero-padded NHI numbers,
    /// no NHI3 for leakage, and no CWE entry whose mapping is prohibited.
    #[test]
    fn references_are_of_the_versions_they_claim() {
        let rules = Rules::built_in();
        let ids = rules.rules().map(|rule| &rule.id).chain(rules.key_rules().map(|rule| &rule.id));
        let all: BTreeSet<&Reference> = ids.flat_map(|id| rules.references(id)).collect();
        assert!(all.len() > 40);
        for reference in all {
            let id = reference.id.as_str();
            let fine = match reference.framework {
                Framework::Cwe => !["CWE-200", "CWE-320"].contains(&id),
                Framework::Nhi => id.ends_with(":2025") && !id.starts_with("NHI0") && id != "NHI3:2025",
                Framework::Csf => {
                    let (category, number) = id.split_once('-').expect("a number");
                    !["PR.AC", "PR.IP", "PR.PT", "DE.DP"].contains(&category) && number.len() == 2
                }
                Framework::Sp80057 => id.split('.').all(|part| part.parse::<u32>().is_ok()),
                Framework::Slsa => true,
            };
            assert!(fine, "{id}");
        }
        let cited: Vec<&str> = rules.references("PASSWORD-BESIDE-KEYSTORE").iter().map(|r| r.id.as_str()).collect();
        assert_eq!(cited[..6], ["CWE-260", "CWE-521", "CWE-798", "CWE-1392", "CWE-1393", "NHI2:2025"]);
    }

    #[test]
    fn a_wrong_entry_is_named() {
        let rules = "[[rule]]\nid='A'\ntitle=''\nseverity=1\nmeans=''\nmatters=''\nnext=''\n";
        let sarif = "[[key]]\nid='K'\ntitle=''\nseverity=1\n";
        let names = "[names.cwe]\n1='x'\n[names.nhi]\n[names.csf]\n[names.sp800_57]\n[names.slsa]\n";
        let condition = "[[condition]]\nid='c'\ntitle=''\ncwe=[1]\n";
        for (frameworks, told) in [
            (format!("{names}{condition}[applies]\nA=['c']\n"), "frameworks: nothing applies to K"),
            (format!("{names}{condition}[applies]\nA=['d']\nK=['c']\n"), "frameworks: no condition `d` (A)"),
            (format!("{names}{condition}[applies]\nA=['c']\nK=['c']\nZ=['c']\n"), "frameworks: no rule `Z`"),
            (format!("{names}{condition}nhi=['N']\n[applies]\nA=['c']\nK=['c']\n"), "frameworks: N has no name (c)"),
        ] {
            assert_eq!(Rules::read(rules, sarif, &frameworks).expect_err(told), told);
        }
        let frameworks = format!("{names}{condition}[applies]\nA=['c']\nK=['c']\n");
        for (role, told) in [("K", None), ("L", Some("r: sarif.toml has no `L`"))] {
            let read = Rules::read(rules, sarif, &frameworks).expect("rules");
            assert_eq!(read.with_roles([("r", role)].into_iter()).err().as_deref(), told);
        }
    }
}
