//! Findings that the user allows: by finding, key or path in `keyradius.toml`, or by `keyradius:allow` beside the key.
//!
//! Allowed findings are not dropped: they are counted, and every report contains them with the reason.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use globset::{GlobBuilder, GlobMatcher};
use jiff::civil::Date;
use keyradius_core::hex::hex;
use keyradius_core::material::Occurrence;
use keyradius_judgement::{Finding, SecretFinding};
use serde::Deserialize;
use toml::Value;

use crate::marks::Marks;

/// The entries of a configuration.
#[derive(Debug, Default)]
pub(crate) struct AllowList {
    entries: Vec<Entry>,
    /// The directory that path entries are relative to.
    base: PathBuf,
    /// Whether the user named the configuration.
    asked: bool,
    /// Which marks beside keys are obeyed.
    marks: Marks,
}

/// An `[[allow]]` entry as parsed, not yet checked.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct RawAllow {
    pub(crate) finding: Option<String>,
    pub(crate) key: Option<String>,
    pub(crate) path: Option<String>,
    pub(crate) reason: Option<String>,
    pub(crate) until: Option<Value>,
}

/// A checked `[[allow]]` entry.
#[derive(Debug)]
pub(crate) struct Entry {
    what: What,
    reason: String,
    until: Option<Date>,
    /// File and line of the entry, such as `keyradius.toml:12`.
    place: String,
}

#[derive(Debug)]
enum What {
    Finding(String),
    /// Hexadecimal digits without separators, or `SHA256:...`.
    Key(String),
    Path(String, GlobMatcher),
}

/// Why an occurrence is allowed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Allowance {
    /// Whether it is a mark beside the key instead of an entry in a configuration.
    pub(crate) inline: bool,
    /// File and line of the mark or entry, such as `keyradius.toml:12` or `src/key.pem:1`.
    pub(crate) place: String,
    /// The given reason; may be empty for inline marks.
    pub(crate) reason: String,
    /// The last day on which it is valid.
    pub(crate) until: Option<Date>,
}

/// A notice about an entry or mark that needs the user's attention.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Notice {
    /// `allow_expired`, `allow_unused` or `allow_ignored`.
    pub(crate) kind: &'static str,
    /// File and line of the entry or mark.
    pub(crate) place: String,
    /// What is wrong with the entry or mark.
    pub(crate) message: String,
}

/// The result of applying an allow list to findings.
#[derive(Debug, Default)]
pub(crate) struct Verdict {
    /// For each finding, what allows each of its occurrences.
    pub(crate) allowed: Vec<Vec<Option<Allowance>>>,
    /// For each ordinary secret, what allows each of its occurrences.
    pub(crate) secrets: Vec<Vec<Option<Allowance>>>,
    /// Expired and unused entries, and marks that are not obeyed.
    pub(crate) notices: Vec<Notice>,
}

impl Entry {
    /// Checks an entry at `place`. The error is a message and a hint.
    pub(crate) fn new(raw: RawAllow, place: &str) -> Result<Self, (String, String)> {
        let one = || "give exactly one of finding, key and path".to_owned();
        let what = match (raw.finding, raw.key, raw.path) {
            (Some(id), None, None) => match id.strip_prefix("kr1:") {
                Some(hex) if is_hex(hex) => What::Finding(id),
                _ => {
                    return Err((
                        format!("finding = {id:?} is not a finding id"),
                        "copy it from the report: `kr1:` and hex digits".into(),
                    ));
                }
            },
            (None, Some(key), None) => What::Key(key_name(&key).ok_or_else(|| {
                let hint = "use the SPKI SHA-256 (64 hex digits), ssh's `SHA256:...`, or an OpenPGP fingerprint";
                (format!("key = {key:?} is not a key identity"), hint.to_owned())
            })?),
            (None, None, Some(path)) => {
                let pattern = path.trim_start_matches("./").trim_end_matches('/');
                let glob = GlobBuilder::new(pattern).literal_separator(true).build().map_err(|error| {
                    (format!("path = {path:?}: {}", error.kind()), "write a glob such as `tests/**/*.pem`".to_owned())
                })?;
                What::Path(path.clone(), glob.compile_matcher())
            }
            (None, None, None) => return Err(("must name what to allow".into(), one())),
            _ => return Err(("finding, key and path exclude each other".into(), one())),
        };
        let reason = raw.reason.map(|reason| reason.trim().to_owned()).filter(|reason| !reason.is_empty());
        let reason = reason.ok_or_else(|| {
            ("no reason".to_owned(), "add reason = \"...\", for those who read the entry later".to_owned())
        })?;
        let until = match raw.until {
            None => None,
            Some(value) => {
                let text = match &value {
                    Value::String(text) => text.clone(),
                    Value::Datetime(date) => date.to_string(),
                    other => other.type_str().to_owned(),
                };
                let date = text
                    .parse()
                    .map_err(|_| (format!("until = {text:?} is not a date"), "write it as YYYY-MM-DD".to_owned()))?;
                Some(date)
            }
        };
        Ok(Self { what, reason, until, place: place.to_owned() })
    }

    fn matches(&self, subject: &Subject<'_>, occurrence: &Occurrence, base: &Path, here: &Path) -> bool {
        match &self.what {
            What::Finding(id) => subject.id == id,
            What::Key(name) => subject.names.contains(name),
            What::Path(pattern, glob) => {
                // The path may match an archive, or a member of one.
                let matches = |path: &Path| path_matches(pattern, glob, path, base, here);
                matches(&occurrence.origin.path) || matches(&occurrence.origin.location())
            }
        }
    }

    fn title(&self) -> String {
        match &self.what {
            What::Finding(id) => format!("finding {id}"),
            What::Key(name) => format!("key {name}"),
            What::Path(pattern, _) => format!("path {pattern}"),
        }
    }
}

/// A key or secret that entries may allow.
struct Subject<'a> {
    id: &'a str,
    /// Every name of the key that an entry may use.
    names: Vec<String>,
    occurrences: &'a [Occurrence],
}

impl AllowList {
    /// A list whose paths are relative to `base`. `asked`: whether the user named its file.
    pub(crate) const fn new(entries: Vec<Entry>, base: PathBuf, asked: bool) -> Self {
        Self { entries, base, asked, marks: Marks::Off }
    }

    /// Sets which marks are obeyed.
    #[must_use]
    pub(crate) fn obeying(mut self, marks: Marks) -> Self {
        self.marks = marks;
        self
    }

    /// Whether an entry that matched nothing is reported: only if the targets cover everything that it may apply to.
    fn expects_matches(&self, targets: &[PathBuf], here: &Path) -> bool {
        self.asked
            || targets
                .iter()
                .any(|target| here.join(target).canonicalize().is_ok_and(|target| self.base.starts_with(target)))
    }

    /// Judges every occurrence of every finding and of every ordinary secret. `whole`: whether everything was read;
    /// only then is an entry that matched nothing reported.
    pub(crate) fn judge(
        &self,
        findings: &[Finding],
        secrets: &[SecretFinding],
        targets: &[PathBuf],
        here: &Path,
        today: Date,
        whole: bool,
    ) -> Verdict {
        let mut used = vec![false; self.entries.len()];
        let mut verdict = Verdict::default();
        let keys = findings.iter().map(|finding| Subject {
            id: &finding.id,
            names: key_names(finding).collect(),
            occurrences: &finding.occurrences,
        });
        let ordinary = secrets.iter().map(|secret| Subject {
            id: &secret.id,
            names: Vec::new(),
            occurrences: &secret.occurrences,
        });
        for (index, finding) in keys.chain(ordinary).enumerate() {
            let mut allowed = Vec::with_capacity(finding.occurrences.len());
            let marked = self.marked(finding.occurrences, here, today, &mut verdict.notices);
            for (occurrence, mut allowance) in finding.occurrences.iter().zip(marked) {
                for (entry, used) in self.entries.iter().zip(&mut used) {
                    if !entry.matches(&finding, occurrence, &self.base, here) {
                        continue;
                    }
                    *used = true;
                    if allowance.is_none() && !expired(entry.until, today) {
                        allowance = Some(Allowance {
                            inline: false,
                            place: entry.place.clone(),
                            reason: entry.reason.clone(),
                            until: entry.until,
                        });
                    }
                }
                allowed.push(allowance);
            }
            if index < findings.len() { verdict.allowed.push(allowed) } else { verdict.secrets.push(allowed) }
        }
        let expects_matches = whole && self.expects_matches(targets, here);
        for (entry, used) in self.entries.iter().zip(used) {
            let (kind, message) = match entry.until.filter(|_| expired(entry.until, today)) {
                Some(until) if used => {
                    ("allow_expired", format!("expired on {until}: its findings are reported again"))
                }
                Some(until) => ("allow_expired", format!("expired on {until}: remove the entry")),
                None if !used && expects_matches => ("allow_unused", "matches nothing: remove the entry".to_owned()),
                None => continue,
            };
            let message = format!("allow entry for {} {message}", entry.title());
            verdict.notices.push(Notice { kind, place: entry.place.clone(), message });
        }
        verdict.notices.dedup();
        verdict
    }

    /// For each occurrence of one key, the mark that allows it.
    fn marked(
        &self,
        occurrences: &[Occurrence],
        here: &Path,
        today: Date,
        notices: &mut Vec<Notice>,
    ) -> Vec<Option<Allowance>> {
        let mut marked: Vec<Option<Allowance>> = Vec::with_capacity(occurrences.len());
        let mut refused = Vec::new();
        for (at, occurrence) in occurrences.iter().enumerate() {
            let refusal = occurrence.mark.as_ref().and_then(|_| self.marks.refusal(occurrence, here));
            refused.extend(refusal.map(|why| (at, why)));
            marked.push(if refusal.is_none() { inline(occurrence, today, notices) } else { None });
        }
        // A mark in a file of the user's own repository also allows the same key in the history of that file.
        let files: BTreeMap<PathBuf, Allowance> = occurrences
            .iter()
            .zip(&marked)
            .filter_map(|(occurrence, allowance)| {
                Some((here.join(&occurrence.origin.path).canonicalize().ok()?, allowance.clone()?))
            })
            .collect();
        if !files.is_empty() {
            for (occurrence, allowance) in occurrences.iter().zip(&mut marked) {
                let of_file = || files.get(&self.marks.own_file(occurrence, here)?).cloned();
                *allowance = allowance.take().or_else(of_file);
            }
        }
        for (at, why) in refused {
            if let (Some(occurrence), Some(None)) = (occurrences.get(at), marked.get(at)) {
                let place = format!("{}:{}", occurrence.origin, occurrence.line);
                let message = format!("keyradius:allow is not obeyed: {why}");
                notices.push(Notice { kind: "allow_ignored", place, message });
            }
        }
        marked
    }
}

/// The inline mark of an occurrence, if there is one that is valid today.
fn inline(occurrence: &Occurrence, today: Date, notices: &mut Vec<Notice>) -> Option<Allowance> {
    let text = &occurrence.mark.as_ref()?.text;
    let place = format!("{}:{}", occurrence.origin, occurrence.line);
    let said = text.split_whitespace().rev().find_map(|word| word.strip_prefix("until="));
    let until = match said.map(str::parse) {
        Some(Ok(until)) => Some(until),
        Some(Err(_)) => {
            let message = "keyradius:allow is not obeyed: its date is invalid".to_owned();
            notices.push(Notice { kind: "allow_ignored", place, message });
            return None;
        }
        None => None,
    };
    if expired(until, today) {
        let message = until.map(|until: Date| format!("keyradius:allow expired on {until}: the key is reported again"));
        notices.push(Notice { kind: "allow_expired", place, message: message.unwrap_or_default() });
        return None;
    }
    Some(Allowance { inline: true, place, reason: inline_reason(text), until })
}

/// The reason after an inline mark. The text is input beside a key, so anything that could be part of a key is cut off:
/// the reason ends at the first quote, backslash, armor dashes, or word longer than real words.
fn inline_reason(text: &str) -> String {
    const LONGEST_WORD: usize = 24;
    let text = text.trim().trim_start_matches([':', '-', '=', ' ']);
    let text = text.strip_prefix("reason=").unwrap_or(text).trim_start_matches('"');
    let words = text
        .split(['"', '\'', '\\', '`', '<'])
        .next()
        .unwrap_or_default()
        .split_whitespace()
        .take_while(|word| word.chars().count() <= LONGEST_WORD && !word.contains("---") && !word.contains("*/"))
        .filter(|word| !word.starts_with("until="))
        .take(20);
    words.collect::<Vec<_>>().join(" ")
}

fn expired(until: Option<Date>, today: Date) -> bool {
    until.is_some_and(|until| until < today)
}

fn is_hex(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_hexdigit())
}

/// Converts the name of a key to the form that [`key_names`] yields; `None` if the text is not the name of a key.
fn key_name(text: &str) -> Option<String> {
    let text = text.trim();
    if let Some(ssh) = text.strip_prefix("SHA256:") {
        return (ssh.trim_end_matches('=').len() == 43).then(|| format!("SHA256:{}", ssh.trim_end_matches('=')));
    }
    let text = text.trim_start_matches("spki-sha256:").trim_start_matches("ct-sha256:");
    let hex: String = text.chars().filter(|c| !matches!(c, ' ' | ':')).collect::<String>().to_ascii_lowercase();
    (is_hex(&hex) && matches!(hex.len(), 40 | 64)).then_some(hex)
}

/// All names of a key that an entry may use.
fn key_names(finding: &Finding) -> impl Iterator<Item = String> + '_ {
    let spki = finding.key.map(|key| hex(&key.spki_sha256));
    let ssh = finding.public.as_ref().and_then(|public| public.ssh_sha256.clone());
    let ciphertext = finding.ciphertext_sha256.map(|digest| hex(&digest));
    spki.into_iter().chain(ssh).chain(ciphertext).chain(finding.pgp_fingerprints.iter().cloned())
}

/// Whether a path, or a directory above it, matches a pattern relative to `base`. A pattern without a slash matches a
/// name at any depth, as in `.gitignore`.
fn path_matches(pattern: &str, glob: &GlobMatcher, path: &Path, base: &Path, here: &Path) -> bool {
    let absolute = normal(&here.join(path));
    let Ok(relative) = absolute.strip_prefix(base) else { return false };
    let anywhere = !pattern.trim_end_matches('/').contains('/');
    relative
        .ancestors()
        .filter(|part| !part.as_os_str().is_empty())
        .any(|part| glob.is_match(part) || (anywhere && part.file_name().is_some_and(|name| glob.is_match(name))))
}

/// Removes `.` and `..` from a path by its text alone, because the scanned file may be gone.
fn normal(path: &Path) -> PathBuf {
    let mut out = PathBuf::new();
    for part in path.components() {
        match part {
            std::path::Component::CurDir => {}
            std::path::Component::ParentDir => {
                out.pop();
            }
            other => out.push(other),
        }
    }
    out
}

#[cfg(test)]
mod tests;
