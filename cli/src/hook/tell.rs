//! Messages of hooks on standard error: short, the most severe finding first, and every way to proceed.

use std::fmt::Write as _;

use keyradius_core::error::Gap;
use keyradius_core::hex::hex;
use keyradius_core::material::Occurrence;
use keyradius_judgement::{Finding, RoleScore};

use super::judge::{Judged, NewKey, NewSecret};
use crate::allow::Allowance;
use crate::out;
use crate::report::words::{escape, plural, protection, wrap};

/// Width of running text, in columns.
const WIDTH: usize = 88;

/// Keys that are reported in full; further ones are only counted.
const KEYS: usize = 10;

/// Ordinary secrets that are reported, one line each; further ones are only counted.
const SECRETS: usize = 20;

/// Places listed of one key, and inputs listed that could not be read; further ones are only counted.
const PLACES: usize = 5;

/// Lines about content that was not opened; further ones are only counted.
const ASIDE: usize = 10;

/// Digits shown of a commit id: enough to find the commit in any repository.
const SHORT: usize = 12;

/// How to remove a key from existing commits: for hooks that check a push.
pub(crate) const OUT_OF_COMMITS: &str = "To remove it, change the commit that adds it (`git commit --amend`, \
`git rebase -i COMMIT^`). A later commit\nthat deletes the file is not enough: the history still contains the key.";

/// The words that differ between hooks.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Words {
    /// Subject and verb of the finding, such as `this commit would add`.
    pub(crate) adds: &'static str,
    /// How to remove the key.
    pub(crate) remedy: &'static str,
    /// How to skip the check.
    pub(crate) bypass: &'static str,
    /// Whether marks beside the key and the configuration of the repository are obeyed.
    pub(crate) allows: bool,
}

/// Collects lines and prints them at once, so that no other output comes between them.
#[derive(Debug, Default)]
pub(crate) struct Page {
    text: String,
    /// Text before every line.
    prefix: &'static str,
}

impl Page {
    /// A page whose every line begins with `prefix`.
    pub(crate) fn new(prefix: &'static str) -> Self {
        Self { text: String::new(), prefix }
    }

    /// Adds a line.
    pub(crate) fn line(&mut self, line: impl AsRef<str>) {
        self.text.push_str(self.prefix);
        self.text.push_str(line.as_ref().trim_end());
        self.text.push('\n');
    }

    /// Adds how to go on without the check, once.
    fn bypass(&mut self, how: &str) {
        if !self.text.contains(how) {
            self.line(how);
        }
    }

    /// Adds the lines of another page with the same beginning.
    pub(crate) fn append(&mut self, other: &Self) {
        self.text.push_str(&other.text);
    }

    /// Prints the page on standard error, unless it is empty.
    pub(crate) fn say(self) {
        if !self.text.is_empty() {
            out::people(self.text.trim_end_matches('\n'));
        }
    }

    /// Adds the new keys and secrets, and the ways to proceed.
    pub(crate) fn judged(&mut self, judged: &Judged, words: Words) {
        for notice in &judged.notices {
            self.line(format!("keyradius: note: {}: {}", escape(&notice.place), escape(&notice.message)));
        }
        for news in &judged.below {
            let place = news.finding.occurrences.first().map(spot);
            let finding = &news.finding;
            self.line(format!(
                "keyradius: note: a new key below the --fail-on threshold: {}, severity {}, {}",
                place.unwrap_or_default(),
                finding.severity_text(),
                finding.id
            ));
        }
        if !judged.allowed.is_empty() {
            let allowed = judged.allowed.iter().flat_map(|news| news.allowed.iter().flatten());
            let places: std::collections::BTreeSet<&str> = allowed.map(|allowance| allowance.place.as_str()).collect();
            let places: Vec<&str> = places.into_iter().take(PLACES).collect();
            let count = plural(judged.allowed.len() as u64, "new key is", "new keys are");
            self.line(format!("keyradius: note: {count} allowed by {}", escape(&places.join(", "))));
        }
        for (count, what) in
            [(judged.secrets_below, "below the --fail-on threshold"), (judged.secrets_allowed, "allowed")]
        {
            if count > 0 {
                let count = plural(count as u64, "new ordinary secret is", "new ordinary secrets are");
                self.line(format!("keyradius: note: {count} {what}"));
            }
        }
        if !judged.blocks() {
            return;
        }
        if !judged.blocking.is_empty() {
            self.blocking(judged, words);
        }
        if !judged.secrets.is_empty() {
            self.secrets(judged, words);
        }
        self.line("");
        self.ways_out(judged, words);
    }

    fn blocking(&mut self, judged: &Judged, words: Words) {
        let count = plural(judged.blocking.len() as u64, "new key", "new keys");
        self.line(format!("keyradius: {} {count}", words.adds));
        for news in judged.blocking.iter().take(KEYS) {
            self.line("");
            self.news(news);
        }
        let more = judged.blocking.len().saturating_sub(KEYS);
        if more > 0 {
            self.line("");
            self.line(format!("  and {}", plural(more as u64, "more key", "more keys")));
        }
    }

    /// Adds the ordinary secrets, one line each, after all keys.
    fn secrets(&mut self, judged: &Judged, words: Words) {
        let count = plural(judged.secrets.len() as u64, "new ordinary secret", "new ordinary secrets");
        self.line(format!("keyradius: {} {count}", words.adds));
        for NewSecret { finding, commits } in judged.secrets.iter().take(SECRETS) {
            let Some(first) = finding.occurrences.first() else { continue };
            let mut place = spot(first);
            if let Some(Some(commit)) = commits.first() {
                let _ = write!(place, " in commit {}", commit.get(..SHORT).unwrap_or(commit));
            }
            if finding.occurrences.len() > 1 {
                let _ = write!(place, " and {} more", finding.occurrences.len() - 1);
            }
            self.line(format!(
                "{:>4}  {}  {place}  {} · {} · {}",
                finding.severity_text(),
                finding.secret.rule,
                finding.verdict(),
                escape(&finding.secret.next),
                finding.id
            ));
        }
        let more = judged.secrets.len().saturating_sub(SECRETS);
        if more > 0 {
            self.line(format!("  and {}", plural(more as u64, "more secret", "more secrets")));
        }
    }

    fn news(&mut self, news: &NewKey) {
        let finding = &news.finding;
        let roles = finding.roles.iter().map(role).collect::<Vec<_>>().join(", ");
        let facts = format!("{} · {}", algorithm(finding), protection(finding.protection));
        self.line(format!("{:>4}  {}  {roles}  {facts}", finding.severity_text(), finding.tier.id()));
        self.field("key", &names(finding).join(" · "));
        let commits = news.commits.iter().chain(std::iter::repeat(&None));
        let allowed = news.allowed.iter().chain(std::iter::repeat(&None));
        for (index, ((occurrence, commit), allowed)) in finding.occurrences.iter().zip(commits).zip(allowed).enumerate()
        {
            if index == PLACES {
                let more = (finding.occurrences.len() - PLACES) as u64;
                self.line(format!("        and {}", plural(more, "more place", "more places")));
                break;
            }
            let mut place = spot(occurrence);
            if let Some(commit) = commit {
                let _ = write!(place, "  in commit {}", commit.get(..SHORT).unwrap_or(commit));
            }
            if allowed.is_some() {
                place.push_str("  (allowed)");
            }
            self.line(format!("  {:<6}{place}", if index == 0 { "at" } else { "" }));
        }
        self.field("why", &escape(&finding.reason));
        self.field("do", &escape(&finding.next_step));
        self.field("id", &finding.id);
    }

    fn field(&mut self, label: &str, text: &str) {
        for (index, line) in wrap(text, WIDTH).iter().enumerate() {
            self.line(format!("  {:<6}{line}", if index == 0 { label } else { "" }));
        }
    }

    fn ways_out(&mut self, judged: &Judged, words: Words) {
        words.remedy.lines().for_each(|line| self.line(line));
        let key = judged.blocking.first().map(|news| news.finding.id.as_str());
        let id = key.or(judged.secrets.first().map(|news| news.finding.id.as_str())).unwrap_or_default();
        if words.allows {
            let what = if key.is_some() { "key" } else { "secret" };
            self.line(format!("If the {what} is intentional, allow it with a reason, beside it or in keyradius.toml:"));
            self.line("  keyradius:allow reason=\"...\"       (on the same line or the line above)");
            self.line(format!("  [[allow]]\n{0}  finding = \"{id}\"\n{0}  reason = \"...\"", self.prefix));
        }
        for Allowance { inline, place, reason, .. } in judged.ignored.iter().take(PLACES) {
            let what = if *inline { "a mark beside the key" } else { "the pushed configuration" };
            let reason = if reason.is_empty() { String::new() } else { format!(" ({})", escape(reason)) };
            self.line(format!("Ignored on a server: {what} allows the key, {}{reason}", escape(place)));
        }
        if judged.pushed_config {
            self.line("Ignored on a server: the keyradius.toml of this push; the server uses its own configuration");
        }
        self.bypass(words.bypass);
    }

    /// Adds the inputs that could not be read.
    pub(crate) fn gaps(&mut self, gaps: &[Gap], what: &str, bypass: &str) {
        if gaps.is_empty() {
            return;
        }
        self.line(format!("keyradius: {what} could not be read:"));
        for gap in gaps.iter().take(PLACES) {
            self.line(format!("  {}: {}", escape(&gap.origin.to_string()), escape(&gap.detail)));
        }
        if gaps.len() > PLACES {
            self.line(format!("  and {} more", gaps.len() - PLACES));
        }
        self.bypass(bypass);
    }

    /// Adds the content that was not opened, or deliberately not read.
    pub(crate) fn aside(&mut self, aside: &[String], strict: bool, bypass: &str) {
        if aside.is_empty() {
            return;
        }
        if strict {
            self.line("keyradius: some content was not read, which --strict does not allow:");
        }
        let begin = if strict { "  " } else { "keyradius: note: " };
        for line in aside.iter().take(ASIDE) {
            self.line(format!("{begin}{line}"));
        }
        if aside.len() > ASIDE {
            self.line(format!("{begin}and {} more", aside.len() - ASIDE));
        }
        if strict {
            self.bypass(bypass);
        }
    }
}

/// Reports that there was nothing to check, because the pre-commit framework would show a success.
pub(crate) fn nothing(what: &str) {
    out::people(format_args!("keyradius: note: nothing is {what}, so nothing was checked"));
    out::people("hint: to check committed files, run `keyradius scan`");
}

/// The place of an occurrence, as `path:line`.
fn spot(occurrence: &Occurrence) -> String {
    escape(&format!("{}:{}", occurrence.origin, occurrence.line))
}

fn role(score: &RoleScore) -> String {
    match score.role.as_str() {
        "unknown" => escape(&score.title),
        _ => format!("{} ({})", escape(&score.title), score.band.id()),
    }
}

/// The names of a key, with digests abbreviated.
fn names(finding: &Finding) -> Vec<String> {
    let short = |digest: &[u8]| hex(digest.get(..8).unwrap_or(digest));
    let mut names = Vec::new();
    names.extend(finding.key.map(|key| format!("spki {}", short(&key.spki_sha256))));
    names.extend(finding.ciphertext_sha256.map(|digest| format!("known only by its ciphertext, {}", short(&digest))));
    names.extend(finding.public.as_ref().and_then(|public| public.ssh_sha256.clone()));
    names.extend(finding.pgp_fingerprints.iter().map(|fingerprint| escape(fingerprint)));
    names
}

fn algorithm(finding: &Finding) -> String {
    let Some(algorithm) = &finding.algorithm else { return "algorithm hidden".to_owned() };
    match (algorithm.curve, algorithm.bits) {
        (Some(curve), _) => format!("{} {curve}", algorithm.name),
        (None, 0) => algorithm.name.to_owned(),
        (None, bits) => format!("{} {bits}", algorithm.name),
    }
}
