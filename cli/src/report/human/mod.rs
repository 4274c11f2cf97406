//! The report for a person: ranked, with one block per key.
//!
//! Text that came from the input is escaped when it is written; no name is trusted.

use std::io;

use keyradius_core::material::{Encoding, How, Kind, ProtectionState, Remark};

use super::Report;
use super::model::{
    Algorithm, Certificate, Finding, Id as _, Link, LinkKind, Occurrence, Opened, Place, Public, Role, Spot, Word,
};
use super::words::{self, escape};
use crate::choice::{NOTE_BELOW, Tests};
use crate::report::look::Look;

mod fold;
mod history;
mod paint;
mod secrets;
mod summary;

use fold::{Folds, Tests as TestKeys};
use paint::Paint;
pub(crate) use summary::summary;

/// Places shown of one finding; further ones are only counted.
const PLACES: usize = 10;

/// Lines shown that use one key, and places shown of one rule; further ones are only counted.
const USES: usize = 5;
const RULE_PLACES: usize = 3;

/// Width of the labels on the left, in columns.
const INDENT: usize = 8;

/// Writes the report.
pub(crate) fn render(report: &Report, look: Look, out: &mut dyn io::Write) -> io::Result<()> {
    let mut page = Page { text: String::new(), begun: false, paint: Paint::new(look), look, out };
    let shown = |finding: &Finding| finding.severity.get() >= look.min_severity;
    let serious = |signing| {
        move |finding: &Finding| {
            shown(finding) && !is_note(finding) && finding.for_tests.is_none() && finding.signing == signing
        }
    };
    let note = |finding: &Finding| shown(finding) && is_note(finding);
    page.findings("Signing keys", report.findings.iter().filter(serious(true)))?;
    page.findings("Other keys", report.findings.iter().filter(serious(false)))?;
    let is_test = |finding: &Finding| shown(finding) && !is_note(finding) && finding.for_tests.is_some();
    let tests = report.findings.iter().filter(is_test);
    match look.tests {
        Tests::Show => page.findings("Keys for tests", tests)?,
        Tests::Fold => page.folded_tests(tests)?,
        Tests::Hide => {}
    }
    page.findings("Notes", report.findings.iter().filter(note))?;
    if look.verbose {
        page.findings("Allowed", report.allowed.iter().filter(shown))?;
    }
    page.public(&report.public);
    page.secrets("Ordinary secrets", &report.secrets)?;
    if look.verbose {
        page.secrets("Ordinary secrets, allowed", &report.allowed_secrets)?;
    }
    page.less_severe(report);
    page.skipped(report);
    page.flush()
}

struct Page<'a> {
    /// Text that is not written yet.
    text: String,
    /// Whether anything was written.
    begun: bool,
    paint: Paint,
    look: Look,
    out: &'a mut dyn io::Write,
}

impl Page<'_> {
    /// Writes the collected text.
    fn flush(&mut self) -> io::Result<()> {
        self.begun |= !self.text.is_empty();
        self.out.write_all(self.text.as_bytes())?;
        self.text.clear();
        Ok(())
    }

    fn line(&mut self, line: &str) {
        self.text.push_str(line.trim_end());
        self.text.push('\n');
    }

    fn heading(&mut self, title: &str) {
        if self.begun || !self.text.is_empty() {
            self.line("");
        }
        let title = self.paint.heading(title);
        self.line(&title);
    }

    /// Adds a label on the left, and wrapped text on the right.
    fn field(&mut self, label: &str, text: &str) {
        let width = self.look.width.saturating_sub(INDENT);
        for (index, line) in words::wrap(text, width).iter().enumerate() {
            self.field_line(if index == 0 { label } else { "" }, line);
        }
    }

    /// Adds a label on the left, and a line that may contain colours.
    fn field_line(&mut self, label: &str, line: &str) {
        let label = self.paint.label(&format!("  {label:<6}"));
        self.line(&format!("{label}{line}"));
    }

    fn findings(&mut self, title: &str, findings: impl Iterator<Item = Finding>) -> io::Result<()> {
        let mut folds = Folds::new(self.look.group);
        for (index, finding) in findings.enumerate() {
            if index == 0 {
                self.heading(title);
            }
            if folds.shows(&finding) {
                self.line("");
                self.finding(&finding);
                self.flush()?;
            }
        }
        let lines = folds.lines();
        if !lines.is_empty() {
            self.line("");
            for line in lines {
                self.field("and", &line);
            }
            self.field("", "--group none shows them");
        }
        self.flush()
    }

    /// Writes one line for each directory with keys for tests.
    fn folded_tests(&mut self, findings: impl Iterator<Item = Finding>) -> io::Result<()> {
        let mut tests = TestKeys::default();
        for finding in findings {
            tests.add(&finding, finding.for_tests.as_deref().unwrap_or_default());
        }
        let (lines, more) = tests.lines();
        if lines.is_empty() {
            return Ok(());
        }
        self.heading("Keys for tests");
        for (severity, tier, text) in lines {
            let severity = self.paint.severity(severity);
            self.line(&format!("{severity}  {}  {text}", tier.id()));
        }
        if more > 0 {
            self.line(&format!("      and {} in further directories", words::plural(more, "key", "keys")));
        }
        self.line("      --tests show lists them like other keys");
        self.flush()
    }

    fn finding(&mut self, finding: &Finding) {
        let severity = self.paint.severity(finding.severity);
        let what = finding.roles.iter().map(role).collect::<Vec<_>>().join(", ");
        let what = self.paint.strong(&what);
        let facts = [algorithm(finding), protection(finding)].join(" · ");
        let tier = match finding.tier_potential {
            Some(potential) if potential != finding.tier => {
                format!("{}, perhaps {}", finding.tier.id(), potential.id())
            }
            _ => finding.tier.id().to_owned(),
        };
        self.line(&format!("{severity}  {tier}  {what}  {facts}"));
        let width = self.look.width.saturating_sub(INDENT);
        for (index, line) in words::flow(&self.names(finding), " · ", width).iter().enumerate() {
            self.field_line(if index == 0 { "key" } else { "" }, line);
        }
        self.field("why", &escape(&finding.reason));
        if let Some(reason) = &finding.for_tests {
            self.field("tests", &format!("a key for tests: {}", escape(reason)));
        }
        let brief = is_note(finding) && !self.look.verbose;
        if !brief {
            self.field("do", &escape(&finding.next_step));
        }
        self.places(&finding.occurrences);
        if !brief {
            if let Some(line) = history::since(finding, self.look.verbose) {
                self.field("since", &line);
            }
            self.links(finding);
            for certificate in &finding.certificates {
                self.field("cert", &certificate_line(certificate));
                self.copies(finding, certificate);
            }
        }
        if self.look.verbose {
            self.ledger(finding);
        }
        self.more(finding);
    }

    /// The names of the key: abbreviated, or with `-v` all of them in full.
    fn names(&self, finding: &Finding) -> Vec<String> {
        let key = &finding.key;
        let mut names = Vec::new();
        let short = |hex: &str| hex.get(..16).unwrap_or(hex).to_owned();
        let shown = |hex: &Word| if self.look.verbose { hex.to_string() } else { short(hex) };
        names.extend(key.spki_sha256.as_ref().map(|hex| format!("spki {}", shown(hex))));
        let only = if finding.protection == ProtectionState::Plaintext { "a digest" } else { "its ciphertext" };
        names.extend(key.ciphertext_sha256.as_ref().map(|hex| format!("known only by {only}, {}", shown(hex))));
        names.extend(key.ssh_sha256.as_ref().map(|name| escape(name)));
        names.extend(key.pgp_fingerprints.iter().map(|fingerprint| format!("pgp {fingerprint}")));
        if self.look.verbose {
            names.extend(key.ski_sha1.as_ref().map(|hex| format!("ski {hex}")));
            names.extend(key.jwk_thumbprint.as_ref().map(|thumbprint| format!("jwk {}", escape(thumbprint))));
        }
        names
    }

    fn places(&mut self, occurrences: &[Occurrence]) {
        let shown = if self.look.verbose { occurrences.len() } else { PLACES };
        let column =
            occurrences.iter().take(shown).map(|o| printed(&o.place, o.encoding).chars().count()).max().unwrap_or(0);
        let column = column.min(self.look.width.saturating_sub(INDENT + 24));
        for (index, occurrence) in occurrences.iter().take(shown).enumerate() {
            let text = printed(&occurrence.place, occurrence.encoding);
            let padding = " ".repeat(column.saturating_sub(text.chars().count()) + 2);
            let place = self.paint.place(&occurrence.place, &text);
            let label = if index == 0 { "at" } else { "" };
            let facts = facts(occurrence, self.look.verbose);
            self.field_line(label, &format!("{place}{padding}{facts}"));
        }
        if occurrences.len() > shown {
            let more = words::count((occurrences.len() - shown) as u64);
            self.field_line("", &format!("and {more} more (-v lists them)"));
        }
    }

    /// Adds the rules that the key breaks, the lines that use it and the certificates that it issued.
    fn links(&mut self, finding: &Finding) {
        for rule in &finding.rules {
            let shown = if self.look.verbose { rule.places.len() } else { RULE_PLACES };
            let mut places: Vec<String> = rule.places.iter().take(shown).map(spot).collect();
            if rule.places.len() > shown {
                places.push(format!("{} more", rule.places.len() - shown));
            }
            let at = if places.is_empty() { String::new() } else { format!(" ({})", places.join(", ")) };
            self.field("rule", &format!("{}: {}{at}", rule.id, escape(&rule.text)));
        }
        let shown = if self.look.verbose { finding.used_by.len() } else { USES };
        for used in finding.used_by.iter().take(shown) {
            self.field("used", &format!("{} {} ({})", spot(&used.place), escape(&used.text), used.how.id()));
        }
        if finding.used_by.len() > shown {
            self.field("", &format!("and {} more (-v lists them)", finding.used_by.len() - shown));
        }
        let issued: Vec<&Link> = finding.links.iter().filter(|link| link.kind == LinkKind::Issued).collect();
        if let Some(first) = issued.first() {
            let more = if issued.len() > 1 { format!(" and {} more", issued.len() - 1) } else { String::new() };
            self.field("ca of", &format!("{} ({}){more}", escape(&first.text), spot(&first.place)));
        }
    }

    /// Adds the places of a certificate.
    fn copies(&mut self, finding: &Finding, certificate: &Certificate) {
        let is_copy = |sha256: &Option<Word>| sha256.as_ref() == Some(&certificate.sha256);
        let copies: Vec<_> = finding.related.iter().filter(|related| is_copy(&related.certificate_sha256)).collect();
        let shown = if self.look.verbose { copies.len() } else { RULE_PLACES };
        let mut places: Vec<String> =
            copies.iter().take(shown).map(|related| printed(&related.place, Encoding::Text)).collect();
        if copies.len() > shown {
            places.push(format!("{} more", copies.len() - shown));
        }
        if !places.is_empty() {
            self.field("", &format!("in {}", places.join(", ")));
        }
    }

    fn ledger(&mut self, finding: &Finding) {
        let public = |kind| kind != Kind::Certificate;
        for related in finding.related.iter().filter(|related| public(related.kind)) {
            let kind = words::spoken(related.kind.id());
            self.field("with", &format!("{} ({kind})", printed(&related.place, Encoding::Text)));
        }
        for hypothesis in &finding.hypotheses {
            self.field("maybe", &format!("{}, {} points", role(hypothesis), hypothesis.score));
        }
        for item in &finding.evidence {
            let role = if item.role.is_empty() { String::new() } else { format!(" for {}", words::spoken(&item.role)) };
            let text = format!("{:+}{role}: {} ({})", item.weight, escape(&item.text), escape(&item.locator));
            self.field("proof", &text);
        }
        let sum: Vec<String> = finding
            .modifiers
            .iter()
            .map(|change| format!("{:+.1} {}", change.change.number(), escape(&change.text)))
            .collect();
        if !sum.is_empty() {
            self.field("score", &format!("{} = {:.1}", sum.join(", "), finding.severity.number()));
        }
    }

    fn more(&mut self, finding: &Finding) {
        let mut topics: Vec<&str> =
            finding.occurrences.first().map(|occurrence| occurrence.format.as_str()).into_iter().collect();
        topics.extend(finding.roles.first().map(|role| role.role.as_str()).filter(|role| *role != "unknown"));
        let topics: Vec<String> = topics.iter().map(|topic| format!("keyradius explain {}", escape(topic))).collect();
        let line = self.paint.dim(&format!("{} · {}", escape(&finding.id), topics.join(" · ")));
        self.field_line("id", &line);
    }

    /// Counts what is below the severity that the user asked for.
    fn less_severe(&mut self, report: &Report) {
        let least = self.look.min_severity;
        if least == 0 {
            return;
        }
        let keys = report.findings.iter().filter(|finding| finding.severity.get() < least).count() as u64;
        let secrets = report.secrets.iter().filter(|secret| secret.severity.get() < least).count() as u64;
        let counts = [(keys, "key", "keys"), (secrets, "ordinary secret", "ordinary secrets")];
        let told: Vec<String> = counts
            .iter()
            .filter(|count| count.0 > 0)
            .map(|(count, one, many)| words::plural(*count, one, many))
            .collect();
        if !told.is_empty() {
            let severity = format!("{}.{}", least / 10, least % 10);
            self.heading(&format!("Not shown: {} below {severity} (--min-severity)", told.join(" and ")));
        }
    }

    fn public(&mut self, groups: &[Public]) {
        if !self.look.public || groups.is_empty() {
            return;
        }
        self.heading("Certificates and public keys without a matching private key");
        for group in groups {
            for public in &group.places {
                let text = printed(&public.place, Encoding::Text);
                let place = self.paint.place(&public.place, &text);
                let subject = public.subject.as_deref().map(escape).unwrap_or_default();
                self.line(&format!("  {place}  {} {subject}", words::spoken(group.kind.id())));
            }
        }
    }

    fn skipped(&mut self, report: &Report) {
        let coverage = &report.coverage;
        if !self.look.skipped || (coverage.gaps.is_empty() && coverage.unopened.is_empty()) {
            return;
        }
        self.heading("Not read");
        for gap in &coverage.gaps {
            let detail = if gap.detail.is_empty() { String::new() } else { format!(" ({})", escape(&gap.detail)) };
            self.line(&format!("  {}: {}{detail}", escape(&gap.origin), words::reason(gap.reason)));
        }
        for (format, count) in &coverage.unopened {
            self.line(&format!(
                "  {}, not opened: this version cannot open them",
                words::plural(*count, &format!("{format} file"), &format!("{format} files"))
            ));
        }
    }
}

/// `path:line` with its wrappers, as a person would follow it. A binary file has no lines: there, the offset is shown,
/// unless it is 0.
pub(crate) fn printed(place: &Place, encoding: Encoding) -> String {
    let file = place.counted_in();
    let wraps = place.origin.strip_prefix(file).unwrap_or_default();
    let section = place.section.as_deref().map(|section| format!(" ({section})")).unwrap_or_default();
    match (wraps.is_empty() && matches!(encoding, Encoding::Der | Encoding::Binary), place.offset) {
        (true, 0) => escape(file),
        (true, offset) => escape(&format!("{file}@{offset:#x}{section}")),
        (false, _) => escape(&format!("{file}:{}{wraps}{section}", place.line)),
    }
}

/// Whether a finding is a note, which is shown in a few lines because nobody has to act on it.
fn is_note(finding: &Finding) -> bool {
    finding.severity.get() < NOTE_BELOW
}

/// `path:line`, or only the path if the line is unknown.
fn spot(spot: &Spot) -> String {
    match spot.line {
        0 => escape(&spot.origin),
        line => escape(&format!("{}:{line}", spot.origin.as_str())),
    }
}

fn role(role: &Role) -> String {
    match role.role.as_str() {
        "unknown" => escape(&role.title),
        _ => format!("{} ({})", escape(&role.title), role.band.id()),
    }
}

fn algorithm(finding: &Finding) -> String {
    let Some(algorithm) = &finding.key.algorithm else {
        let plain = finding.protection == ProtectionState::Plaintext;
        return match (plain, finding.occurrences.iter().any(is_shared)) {
            (_, true) => "shared secret",
            (true, false) => "algorithm unknown",
            (false, false) => "algorithm hidden",
        }
        .to_owned();
    };
    spoken_algorithm(algorithm)
}

/// An algorithm with its curve or size: `RSA 2048`, `EC P-256`.
pub(crate) fn spoken_algorithm(algorithm: &Algorithm) -> String {
    let name = escape(&algorithm.name);
    match (algorithm.curve.as_deref(), algorithm.bits) {
        (Some(curve), _) => format!("{name} {}", escape(curve)),
        (None, Some(bits)) => format!("{name} {bits}"),
        (None, None) => name,
    }
}

/// Whether the key is a secret that both sides share.
fn is_shared(occurrence: &Occurrence) -> bool {
    const SHARED: [Remark; 4] = [Remark::SymmetricSigner, Remark::SymmetricKey, Remark::HmacKey, Remark::CipherKey];
    let has = |remark: &Remark| occurrence.notes.iter().any(|note| note.as_str() == remark.text());
    SHARED.iter().any(has) || occurrence.format.as_str() == "tsig"
}

fn protection(finding: &Finding) -> String {
    let detail = finding
        .occurrences
        .iter()
        .filter_map(|occurrence| occurrence.protection.as_ref())
        .find(|protection| protection.state == finding.protection && !protection.detail.is_empty());
    let words = words::protection(finding.protection);
    detail.map_or_else(|| words.to_owned(), |protection| format!("{words} ({})", escape(&protection.detail)))
}

fn facts(occurrence: &Occurrence, verbose: bool) -> String {
    let mut facts = Vec::new();
    if occurrence.format.as_str() != "secrets" {
        facts.push(format!("{} {}", occurrence.format, words::encoding(occurrence.encoding)));
    }
    facts.extend(
        occurrence
            .container
            .as_ref()
            .filter(|container| !container.is_empty())
            .map(|container| format!("in {container}")),
    );
    facts.extend(occurrence.labels.first().map(|label| format!("{} \"{}\"", label.kind, escape(&label.text))));
    if verbose {
        facts.extend(
            occurrence.labels.iter().skip(1).map(|label| format!("{} \"{}\"", label.kind, escape(&label.text))),
        );
        facts.push(format!("{} at byte {}", occurrence.proof.id(), occurrence.place.offset));
        facts.extend(occurrence.protection.as_ref().map(|protection| words::protection(protection.state).to_owned()));
    }
    facts.extend(occurrence.protection.as_ref().and_then(|protection| protection.opened.as_ref()).map(opened));
    facts.extend(occurrence.notes.iter().map(ToString::to_string));
    facts.extend(occurrence.git.as_ref().map(|git| history::facts(git, verbose)));
    facts.extend(occurrence.allowed.as_ref().map(|allowed| {
        let reason = if allowed.reason.is_empty() { String::new() } else { format!(": {}", escape(&allowed.reason)) };
        format!("allowed by {}{reason}", escape(&allowed.place))
    }));
    facts.join(", ")
}

/// Describes how a container was opened.
fn opened(opened: &Opened) -> String {
    match (opened.how, &opened.place) {
        (How::Empty, _) => "opened without a password".to_owned(),
        (_, Some(place)) => format!("opened with the {} at {}", escape(&opened.field), spot(place)),
        _ => format!("opened with a well-known password ({})", escape(&opened.field)),
    }
}

fn certificate_line(certificate: &Certificate) -> String {
    let day = |time: &Option<Word>| time.as_ref().and_then(|time| time.split('T').next().map(str::to_owned));
    let day = |time| day(time).unwrap_or_else(|| "?".to_owned());
    let issuer = if certificate.self_issued {
        "self-signed".to_owned()
    } else {
        format!("issued by {}", escape(&certificate.issuer))
    };
    let validity = format!("{} to {}", day(&certificate.not_before), day(&certificate.not_after));
    let ca = if certificate.ca == Some(true) { " · CA" } else { "" };
    format!("{} · {validity} · {issuer}{ca}", escape(&certificate.subject))
}

#[cfg(test)]
mod tests;
