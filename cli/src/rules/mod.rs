//! The user's rules for ordinary secrets: `[[secret]]` and `[[secret_allow]]` in `keyradius.toml`, and the conversion
//! of other tools' rules.

pub(crate) mod gitleaks;
pub(crate) mod syntax;
pub(crate) mod write;

use keyradius_core::material::SecretClass;
use keyradius_secrets::{Allow, Rule, Target, UserRules};
use serde::Deserialize;

use crate::exit::Failure;

/// A `[[secret]]` entry as parsed, not yet checked.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct RawSecret {
    id: Option<String>,
    title: Option<String>,
    regex: Option<String>,
    anchors: Vec<String>,
    keywords: Vec<String>,
    secret_group: Option<usize>,
    entropy: Option<f64>,
    path: Option<String>,
    class: Option<SecretClass>,
    next: Option<String>,
    allow: Vec<RawExcuse>,
}

/// A `[[secret.allow]]` or `[[secret_allow]]` entry as parsed, not yet checked.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct RawExcuse {
    condition: Option<Condition>,
    regexes: Vec<String>,
    target: Option<RawTarget>,
    stopwords: Vec<String>,
    paths: Vec<String>,
    rules: Vec<String>,
}

#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Condition {
    Or,
    And,
}

#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(rename_all = "lowercase")]
enum RawTarget {
    Secret,
    Match,
    Line,
}

impl RawSecret {
    /// Converts the entry to a rule. The error is a message and a hint.
    pub(crate) fn rule(self) -> Result<Rule, (String, String)> {
        let missing = |name: &str| (format!("no {name}"), "a rule needs id, regex, and anchors or keywords".to_owned());
        if let Some(excuse) = self.allow.iter().find(|excuse| !excuse.rules.is_empty()) {
            let what = format!("allow.rules = {:?} in an allowance of a single rule", excuse.rules);
            return Err((what, "name rules in [[secret_allow]], which applies to all rules".to_owned()));
        }
        Ok(Rule {
            id: self.id.ok_or_else(|| missing("id"))?,
            title: self.title.unwrap_or_default(),
            regex: self.regex.ok_or_else(|| missing("regex"))?,
            anchors: self.anchors,
            keywords: self.keywords,
            secret_group: self.secret_group,
            entropy: self.entropy,
            path: self.path,
            class: self.class,
            next: self.next,
            allow: self.allow.into_iter().map(RawExcuse::allow).collect(),
        })
    }
}

impl RawExcuse {
    /// Converts the entry to an allowance.
    pub(crate) fn allow(self) -> Allow {
        Allow {
            all: matches!(self.condition, Some(Condition::And)),
            regexes: self.regexes,
            target: match self.target {
                None | Some(RawTarget::Secret) => Target::Secret,
                Some(RawTarget::Match) => Target::Match,
                Some(RawTarget::Line) => Target::Line,
            },
            stopwords: self.stopwords,
            paths: self.paths,
            rules: self.rules,
        }
    }
}

/// The rules of a configuration, not yet compiled: a scan for keys alone never compiles them.
#[derive(Clone, Debug, Default)]
pub(crate) struct Rules {
    /// The rules, each with its place, such as `keyradius.toml:12`.
    pub(crate) rules: Vec<(String, Rule)>,
    /// Allowances that apply to all rules.
    pub(crate) for_all: Vec<Allow>,
}

impl Rules {
    /// Compiles the rules; `None` if there are none.
    pub(crate) fn compile(&self) -> Result<Option<UserRules>, Failure> {
        if self.rules.is_empty() {
            return Ok(None);
        }
        let rules: Vec<Rule> = self.rules.iter().map(|(_, rule)| rule.clone()).collect();
        UserRules::new(&rules, &self.for_all).map(Some).map_err(|refused| {
            let (place, id) =
                self.rules.get(refused.rule).map_or(("", ""), |(place, rule)| (place.as_str(), rule.id.as_str()));
            Failure::new(format!("{place}: [[secret]] {id}: {}", refused.what)).hint(refused.hint)
        })
    }
}
