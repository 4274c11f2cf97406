//! Rules of the user: a required literal, a regular expression near it, and conditions on the match.
//!
//! A rule is tried at each of its literals, on the bytes from [`BACK`] before the literal to [`AHEAD`] after its start,
//! so a rule costs as much as its literals. A rule without a literal would have to be tried on every byte read,
//! including history, and is refused. The secret may be anything, even a dictionary word, so it is identified by its
//! place alone.

use std::ops::Range;

use keyradius_core::blob::Blob;
use keyradius_core::error::Malformed;
use keyradius_core::material::{Encoding, Kind, Material, OrdinarySecret, SecretClass, Verdict};
use keyradius_core::seam::{About, Anchor, Detector, Hit, Inspection};
use keyradius_readers::chance::entropy;
use regex::bytes::{Captures, Regex, RegexBuilder};

/// How far, in bytes, a match may begin before a literal, and how far after a match the literal may be: some lines.
pub const BACK: usize = 512;

/// How far after the start of a literal a match may reach, in bytes.
pub const AHEAD: usize = 4096;

/// Maximum compiled size of one pattern, in bytes: the default of the `regex` crate, ten times what real rules need.
const PATTERN: usize = 10 << 20;

/// A rule as written in the configuration.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Rule {
    /// Identifier: letters, digits, `.`, `_` and `-`.
    pub id: String,
    /// What the rule finds, in a few words.
    pub title: String,
    /// The pattern, in the syntax of the `regex` crate, over bytes: `\w`, `\d` and `\b` are ASCII.
    pub regex: String,
    /// Literals, matched exactly; one of them must be near the match.
    pub anchors: Vec<String>,
    /// Literals matched as given, in lower case, in upper case, and in lower case with an initial capital.
    pub keywords: Vec<String>,
    /// The group that is the secret. If absent: the first group that matched anything, else the whole match.
    pub secret_group: Option<usize>,
    /// Entropy that the secret must exceed, in bits per byte.
    pub entropy: Option<f64>,
    /// A pattern that must match in the path.
    pub path: Option<String>,
    /// How much access such a secret gives.
    pub class: Option<SecretClass>,
    /// What to do next.
    pub next: Option<String>,
    /// Conditions under which a match is not reported.
    pub allow: Vec<Allow>,
}

/// A condition under which a match is not reported.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Allow {
    /// Whether every kind of condition given must hold, instead of at least one.
    pub all: bool,
    /// Patterns, one of which must match the target.
    pub regexes: Vec<String>,
    /// The text that the patterns are matched against.
    pub target: Target,
    /// Words of which the secret must contain one, in any case.
    pub stopwords: Vec<String>,
    /// Patterns, one of which must match the path.
    pub paths: Vec<String>,
    /// For an allowance that applies to all rules: the ids of the only rules it applies to. Empty for all.
    pub rules: Vec<String>,
}

/// The text that the patterns of an [`Allow`] are matched against.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Target {
    /// The secret.
    #[default]
    Secret,
    /// The whole match.
    Match,
    /// The lines of the match.
    Line,
}

/// Why a rule was rejected.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refused {
    /// Index of the rule, from 0.
    pub rule: usize,
    /// What is wrong.
    pub what: String,
    /// How to correct the rule.
    pub hint: String,
}

/// The rules of a user, compiled.
#[derive(Debug)]
pub struct UserRules {
    /// The literals to search for.
    literals: Vec<Vec<u8>>,
    /// For each literal, the indexes of its rules.
    owners: Vec<Vec<usize>>,
    rules: Vec<Compiled>,
}

#[derive(Debug)]
struct Compiled {
    id: String,
    title: String,
    next: String,
    class: SecretClass,
    regex: Regex,
    literals: Vec<Vec<u8>>,
    secret_group: Option<usize>,
    /// Thousandths of a bit per byte.
    entropy: Option<u32>,
    path: Option<Regex>,
    allow: Vec<Excuse>,
}

#[derive(Debug)]
struct Excuse {
    all: bool,
    regexes: Vec<Regex>,
    target: Target,
    stopwords: Vec<Vec<u8>>,
    paths: Vec<Regex>,
}

/// Compiles a pattern with the options used for rules. The error is one line long.
pub fn compile(pattern: &str) -> Result<Regex, String> {
    RegexBuilder::new(pattern).unicode(false).size_limit(PATTERN).dfa_size_limit(PATTERN).build().map_err(|error| {
        match error {
            regex::Error::CompiledTooBig(limit) => format!("compiles to more than {limit} bytes"),
            // The last line is the message; the lines before it draw the pattern.
            other => other.to_string().lines().last().unwrap_or_default().trim().replace("error: ", ""),
        }
    })
}

/// Returns the literals to search for. Literals shorter than [`Anchor::MIN`] are dropped.
pub fn literals(rule: &Rule) -> Vec<String> {
    let mut literals: Vec<String> = rule.anchors.clone();
    for keyword in &rule.keywords {
        let lower = keyword.to_ascii_lowercase();
        let mut capital = lower.clone();
        if let Some(first) = capital.get_mut(..1) {
            first.make_ascii_uppercase();
        }
        literals.extend([keyword.clone(), keyword.to_ascii_uppercase(), capital, lower]);
    }
    // A long literal is searched for by its first bytes.
    for literal in &mut literals {
        let end = (0..=Anchor::MAX.min(literal.len())).rev().find(|end| literal.is_char_boundary(*end));
        literal.truncate(end.unwrap_or(0));
    }
    literals.retain(|literal| literal.len() >= Anchor::MIN);
    literals.sort();
    literals.dedup();
    literals
}

/// Returns literals of at least 4 bytes, one of which begins or ends every match of a pattern; empty if there are none.
pub fn literals_of(pattern: &str) -> Vec<String> {
    use regex_syntax::hir::literal::{ExtractKind, Extractor};
    let parser = regex_syntax::ParserBuilder::new().unicode(false).utf8(false).build().parse(pattern);
    let Ok(hir) = parser else { return Vec::new() };
    for kind in [ExtractKind::Prefix, ExtractKind::Suffix] {
        let found = Extractor::new().kind(kind).limit_class(2).limit_total(64).extract(&hir);
        let texts = found.literals().map(|literals| {
            let text =
                |literal: &regex_syntax::hir::literal::Literal| String::from_utf8(literal.as_bytes().to_vec()).ok();
            literals.iter().map(text).collect::<Option<Vec<String>>>()
        });
        if let Some(Some(texts)) = texts
            && !texts.is_empty()
            && texts.iter().all(|text| text.len() >= Anchor::MIN)
        {
            return texts;
        }
    }
    Vec::new()
}

impl UserRules {
    /// Checks and compiles rules, together with the allowances that apply to all of them.
    pub fn new(rules: &[Rule], for_all: &[Allow]) -> Result<Self, Refused> {
        let mut searched: Vec<Vec<u8>> = Vec::new();
        let mut owners: Vec<Vec<usize>> = Vec::new();
        let mut compiled = Vec::new();
        for (index, rule) in rules.iter().enumerate() {
            let of_all = for_all.iter().filter(|allow| allow.rules.is_empty() || allow.rules.contains(&rule.id));
            let one = Compiled::new(rule, of_all).map_err(|(what, hint)| Refused {
                rule: index,
                what,
                hint: hint.to_owned(),
            })?;
            if rules.iter().take(index).any(|other| other.id == rule.id) {
                let what = format!("id {:?} is used twice", rule.id);
                return Err(Refused { rule: index, what, hint: "give each rule an id of its own".to_owned() });
            }
            for literal in literals(rule) {
                let literal = literal.into_bytes();
                let at = searched.iter().position(|known| *known == literal).unwrap_or_else(|| {
                    searched.push(literal);
                    owners.push(Vec::new());
                    searched.len() - 1
                });
                if let Some(owners) = owners.get_mut(at) {
                    owners.push(index);
                }
            }
            compiled.push(one);
        }
        Ok(Self { literals: searched, owners, rules: compiled })
    }
}

impl Compiled {
    fn new<'a>(rule: &'a Rule, for_all: impl Iterator<Item = &'a Allow>) -> Result<Self, (String, &'static str)> {
        const SYNTAX: &str = "the syntax is that of the regex crate: https://docs.rs/regex/latest/regex/#syntax";
        let id_fits = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'_' | b'-');
        if rule.id.is_empty() || rule.id.len() > 80 || !rule.id.bytes().all(id_fits) {
            return Err((format!("id = {:?} is not a valid id", rule.id), "use letters, digits, `.`, `_` and `-`"));
        }
        if super::formats().iter().any(|format| format.id == rule.id) {
            return Err((format!("id {:?} is that of a built-in rule", rule.id), "choose another id"));
        }
        let pattern = |name: &str, text: &str| compile(text).map_err(|error| (format!("{name}: {error}"), SYNTAX));
        let regex = pattern("regex", &rule.regex)?;
        if regex.is_match(b"") {
            return Err(("regex matches the empty text".to_owned(), "make the regex require part of the secret"));
        }
        if literals(rule).is_empty() {
            return Err((
                "no anchor or keyword of 4 bytes or more".to_owned(),
                "name a text that is in or near every such secret: anchors = [\"acme_\"], or keywords = [\"acme\"] for any case",
            ));
        }
        if rule.secret_group.is_some_and(|group| group >= regex.captures_len()) {
            let groups = regex.captures_len() - 1;
            return Err((
                format!("secret_group is beyond the {groups} groups of the regex"),
                "count the opening parentheses",
            ));
        }
        let entropy = match rule.entropy {
            Some(bits) if !(0.0..=8.0).contains(&bits) => {
                return Err((
                    format!("entropy = {bits} is out of range"),
                    "use 0.0 to 8.0 bits per byte; 3.0 is usual",
                ));
            }
            #[allow(clippy::cast_sign_loss, reason = "in range by the arm above")]
            bits => bits.map(|bits| (bits * 1000.0) as u32),
        };
        let mut allow = Vec::new();
        for excuse in rule.allow.iter().chain(for_all) {
            let all = |name: &str, texts: &[String]| {
                texts.iter().map(|text| pattern(name, text)).collect::<Result<Vec<_>, _>>()
            };
            if excuse.regexes.is_empty() && excuse.stopwords.is_empty() && excuse.paths.is_empty() {
                return Err(("allow has no condition".to_owned(), "give regexes, stopwords or paths"));
            }
            allow.push(Excuse {
                all: excuse.all,
                regexes: all("allow.regexes", &excuse.regexes)?,
                target: excuse.target,
                stopwords: excuse.stopwords.iter().map(|word| word.to_ascii_lowercase().into_bytes()).collect(),
                paths: all("allow.paths", &excuse.paths)?,
            });
        }
        Ok(Self {
            id: rule.id.clone(),
            title: if rule.title.is_empty() { rule.id.clone() } else { rule.title.clone() },
            next: rule
                .next
                .clone()
                .unwrap_or_else(|| "revoke it where it was issued, and take it out of the file".to_owned()),
            class: rule.class.unwrap_or(SecretClass::Service),
            regex,
            literals: literals(rule).into_iter().map(String::into_bytes).collect(),
            secret_group: rule.secret_group.filter(|group| *group > 0),
            entropy,
            path: rule.path.as_ref().map(|path| pattern("path", path)).transpose()?,
            allow,
        })
    }

    /// Finds every secret of this rule that belongs to the literal at `at`.
    fn look(&self, blob: Blob<'_>, at: usize, out: &mut Inspection) {
        let bytes = blob.bytes;
        let path = blob.origin.location();
        let path = path.as_os_str().as_encoded_bytes();
        if self.path.as_ref().is_some_and(|pattern| !pattern.is_match(path)) {
            return;
        }
        let from = at.saturating_sub(BACK);
        let window = bytes.get(from..bytes.len().min(at + AHEAD)).unwrap_or_default();
        for captures in self.regex.captures_iter(window) {
            let Some(whole) = captures.get(0).map(|m| from + m.start()..from + m.end()) else { continue };
            if whole.is_empty() || self.owner(bytes, &whole) != Some(at) {
                continue;
            }
            let secret = self.secret(&captures).map_or(whole.clone(), |range| from + range.start..from + range.end);
            let text = bytes.get(secret).unwrap_or_default();
            let flat = self.entropy.is_some_and(|least| entropy(text) <= least);
            if !flat && !self.allow.iter().any(|excuse| excuse.holds(bytes, &whole, text, path)) {
                out.found(self.material(whole));
            }
        }
    }

    /// Returns the literal that a match belongs to: the first one near it, so that each match is reported once.
    fn owner(&self, bytes: &[u8], whole: &Range<usize>) -> Option<usize> {
        let from = whole.start.saturating_sub(BACK);
        let near = bytes.get(from..bytes.len().min(whole.end + BACK))?;
        self.literals.iter().filter_map(|literal| memchr::memmem::find(near, literal)).min().map(|at| from + at)
    }

    fn secret(&self, captures: &Captures<'_>) -> Option<Range<usize>> {
        let group = match self.secret_group {
            Some(group) => captures.get(group),
            None => captures.iter().skip(1).flatten().find(|group| !group.is_empty()),
        };
        group.map(|group| group.range())
    }

    fn material(&self, span: Range<usize>) -> Material {
        let mut material = Material::new(Kind::Secret, "secrets", Encoding::Text, span);
        material.secret = Some(Box::new(OrdinarySecret {
            rule: self.id.clone().into(),
            title: self.title.clone().into(),
            class: self.class,
            unlocks: "known to the author of the rule".into(),
            next: self.next.clone().into(),
            verdict: Verdict::Shape,
            expires: None,
            by_user: true,
        }));
        material
    }
}

impl Excuse {
    fn holds(&self, bytes: &[u8], whole: &Range<usize>, secret: &[u8], path: &[u8]) -> bool {
        let mut said = Vec::new();
        if !self.paths.is_empty() {
            said.push(self.paths.iter().any(|pattern| pattern.is_match(path)));
        }
        if !self.regexes.is_empty() {
            let text = match self.target {
                Target::Secret => secret,
                Target::Match => bytes.get(whole.clone()).unwrap_or_default(),
                Target::Line => bytes.get(lines(bytes, whole)).unwrap_or_default(),
            };
            said.push(self.regexes.iter().any(|pattern| pattern.is_match(text)));
        }
        if !self.stopwords.is_empty() {
            let lower = secret.to_ascii_lowercase();
            said.push(self.stopwords.iter().any(|word| memchr::memmem::find(&lower, word).is_some()));
        }
        if self.all { said.iter().all(|one| *one) } else { said.contains(&true) }
    }
}

/// Returns the range of the lines that contain a match, at most [`AHEAD`] bytes on each side.
fn lines(bytes: &[u8], whole: &Range<usize>) -> Range<usize> {
    let from = whole.start.saturating_sub(AHEAD);
    let before = bytes.get(from..whole.start).unwrap_or_default();
    let start = memchr::memrchr(b'\n', before).map_or(from, |at| from + at + 1);
    let behind = bytes.get(whole.end..bytes.len().min(whole.end + AHEAD)).unwrap_or_default();
    start..whole.end + memchr::memchr(b'\n', behind).unwrap_or(behind.len())
}

static ABOUT: About = About {
    id: "user-rules",
    title: "Ordinary secrets by rules of the user",
    detects: "Secrets described by the [[secret]] entries of keyradius.toml.",
    blind_to: "Secrets too far from every anchor and keyword of their rule.",
    respond: "Revoke it where it was issued.",
    references: &["docs/secrets.md"],
};

impl Detector for UserRules {
    fn about(&self) -> &'static About {
        &ABOUT
    }

    fn anchors(&self) -> &'static [Anchor<'static>] {
        &[]
    }

    fn literals(&self) -> &[Vec<u8>] {
        &self.literals
    }

    fn inspect(&self, blob: Blob<'_>, hit: Hit<'_>, out: &mut Inspection) -> Result<(), Malformed> {
        let at = self.literals.iter().position(|known| known == hit.anchor.bytes);
        for index in at.and_then(|at| self.owners.get(at)).into_iter().flatten() {
            if let Some(rule) = self.rules.get(*index) {
                rule.look(blob, hit.at, out);
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests;
