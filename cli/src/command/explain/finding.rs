//! Explains a finding of a report: its ledger, its places, and the playbook of its first role, filled in for this
//! finding.
//!
//! The report is untrusted input. It is read by the reader that all commands share, one record at a time. Only quoted
//! paths and words of letters and digits from the report are inserted into commands of the playbook.

use std::collections::BTreeMap;
use std::path::Path;

use keyradius_core::blob::printable_path;
use keyradius_judgement::playbook::Playbook;

use super::pages::{paragraph, playbook, section};
use super::{Told, machine};
use crate::command::report::open;
use crate::exit::Failure;
use crate::report::model::{Certificate, Evidence, Finding, Id as _, Key, Occurrence, Role, Secret, Spot, Text, Word};
use crate::report::read::{self, Sink, Status};
use crate::report::words;

/// Maximum number of copies inserted into a command; further ones are only counted.
const MOST_COPIES: usize = 20;

/// Whether a topic is the id of a finding.
pub(super) fn is_id(asked: &str) -> bool {
    asked.trim().starts_with("kr1:")
}

/// The error for the id of a finding without a report.
pub(super) fn without_report(id: &str) -> Failure {
    let id = words::escape(id);
    Failure::new(format!("{id} is a finding: to explain it, its report is needed")).hint(format!(
        "run `keyradius scan --format json -o report.json PATH`, then `keyradius explain {id} --report report.json`"
    ))
}

/// A search in a report: the first record whose id begins with `id`, and the number of such records.
struct Search<'i> {
    id: &'i str,
    first: Option<Record>,
    count: usize,
}

/// A record of a report.
enum Record {
    Finding(Box<Finding>),
    Secret(Box<Secret>),
}

impl Search<'_> {
    fn meets(&mut self, id: &Word, record: impl FnOnce() -> Record) {
        if id.starts_with(self.id) {
            self.count += 1;
            self.first.get_or_insert_with(record);
        }
    }
}

impl Sink for Search<'_> {
    fn finding(&mut self, _: Status, finding: Finding) {
        self.meets(&finding.id.clone(), || Record::Finding(Box::new(finding)));
    }

    fn secret(&mut self, _: Status, secret: Secret) {
        self.meets(&secret.id.clone(), || Record::Secret(Box::new(secret)));
    }
}

/// Explains the finding with this id in a report of at most `most` bytes; the path `-` is standard input. The beginning
/// of an id is enough if only one finding matches.
pub(super) fn tell(report: &Path, most: u64, id: &str) -> Result<Told, Failure> {
    let mut search = Search { id, first: None, count: 0 };
    open(report, Path::new(""), |from| read::read(from, most, &mut search))?;
    let (shown, report) = (words::escape(id), printable_path(report));
    match (search.first, search.count) {
        (Some(Record::Finding(finding)), 1) => tell_finding(&finding),
        (Some(Record::Secret(secret)), 1) => Ok(Told { page: secret_page(&secret), json: machine::secret(&secret) }),
        (None, _) => {
            let failure = Failure::new(format!("{report} contains no finding {shown}"));
            Err(failure.hint("`keyradius scan` prints the id of each finding in the finding's last line"))
        }
        (Some(_), several) => {
            let failure = Failure::new(format!("{several} findings of {report} have ids that begin with {shown}"));
            Err(failure.hint("use the full id"))
        }
    }
}

fn tell_finding(finding: &Finding) -> Result<Told, Failure> {
    let role = finding.roles.first().map_or("unknown", |role| role.role.as_str());
    let book = Playbook::of(role).or_else(|| Playbook::of("unknown"));
    let mut book = book.ok_or_else(|| Failure::new("there is no playbook for this finding"))?;
    book.fill(&known(finding));
    Ok(Told { page: page(finding, &book), json: machine::finding(finding, &book) })
}

/// The page of an ordinary secret: what it opens, what to do, and its places.
fn secret_page(secret: &Secret) -> String {
    let mut page = format!("{}: {}\n", secret.id, words::escape(&secret.title));
    section(&mut page, "What it opens", &secret.unlocks);
    section(&mut page, "What to do first", &secret.next_step);
    section(&mut page, "What its structure proves", words::verdict(secret.verdict, secret.expired));
    let places: Vec<String> = secret
        .occurrences
        .iter()
        .map(|occurrence| format!("{}:{}", occurrence.place.origin.as_str(), occurrence.place.line))
        .collect();
    section(&mut page, "Places", &places.join("\n"));
    page
}

fn page(finding: &Finding, book: &Playbook) -> String {
    let roles: Vec<String> = finding.roles.iter().map(role).collect();
    let heading =
        format!("{}: {:.1}, {}, {}", finding.id, finding.severity.number(), finding.tier.id(), roles.join(", "));
    let mut page = format!("{}\n", words::escape(&heading));
    section(&mut page, "Why", &finding.reason);
    section(&mut page, "What to do first", &finding.next_step);
    lines(&mut page, "Names of the key", names(&finding.key));
    lines(&mut page, "Places", finding.occurrences.iter().map(place));
    lines(&mut page, "Rules", finding.rules.iter().map(|rule| format!("{}: {}", rule.id, rule.text.as_str())));
    lines(
        &mut page,
        "Used by",
        finding.used_by.iter().map(|used| format!("{}: {}", spot(&used.place), used.text.as_str())),
    );
    lines(&mut page, "Certificates", finding.certificates.iter().map(certificate));
    lines(
        &mut page,
        "Links to other findings and material",
        finding.links.iter().map(|link| {
            format!("{}: {} ({})", spot(&link.place), link.text.as_str(), link.kind.id().replace('_', " "))
        }),
    );
    if let (Some(date), Some(exposure)) = (first_seen(finding), &finding.exposure) {
        let days = exposure.days;
        section(&mut page, "Exposure", &format!("since {date}, {days} days; ask for {date} as the revocation date"));
    }
    ledger(&mut page, finding);
    playbook(&mut page, book);
    page
}

/// Adds all points given or taken, for the roles and then for the severity.
fn ledger(page: &mut String, finding: &Finding) {
    let mut reasons: BTreeMap<&Word, Vec<String>> = BTreeMap::new();
    for item in &finding.evidence {
        reasons.entry(&item.role).or_default().push(evidence(item));
    }
    let mut scores = Vec::new();
    for scored in finding.roles.iter().chain(&finding.hypotheses) {
        scores.push(format!("{}: {} points, {}", scored.role, scored.score, scored.band.id()));
        scores.append(&mut reasons.remove(&scored.role).unwrap_or_default());
    }
    lines(page, "Scores of the roles: the strongest reason of each kind counts", scores.into_iter());
    let rest = finding.evidence.iter().filter(|item| reasons.contains_key(&item.role));
    lines(page, "Reasons that changed no role", rest.map(evidence));
    let changes =
        finding.modifiers.iter().map(|change| format!("{:+.1} {}", change.change.number(), change.text.as_str()));
    let sum = format!("= {:.1} severity", finding.severity.number());
    lines(page, "Score of the severity", changes.chain([sum]));
}

/// Adds a heading with these lines below it; adds nothing if there are no lines.
fn lines(page: &mut String, heading: &str, lines: impl Iterator<Item = String>) {
    let mut lines = lines.peekable();
    if lines.peek().is_none() {
        return;
    }
    page.push('\n');
    page.push_str(heading);
    page.push('\n');
    for line in lines {
        let text = line.trim_start();
        // Lines that belong to the line above are indented by 4. Text of an untrusted report cannot indent further.
        let depth = (line.len() - text.len()).min(4);
        paragraph(page, text, &" ".repeat(2 + depth), &" ".repeat(6 + depth));
    }
}

/// The names of a key to search for in logs, trust stores and transparency logs.
fn names(key: &Key) -> impl Iterator<Item = String> {
    let single =
        [("SPKI SHA-256", &key.spki_sha256), ("ciphertext SHA-256", &key.ciphertext_sha256), ("SSH", &key.ssh_sha256)];
    let single = single.into_iter().filter_map(|(what, name)| Some((what, name.as_ref()?)));
    let pgp = key.pgp_fingerprints.iter().map(|fingerprint| ("OpenPGP", fingerprint));
    single.chain(pgp).filter(|(_, name)| !name.is_empty()).map(|(what, name)| format!("{what} {name}"))
}

fn role(role: &Role) -> String {
    format!("{} ({})", role.title.as_str(), role.band.id())
}

fn evidence(item: &Evidence) -> String {
    format!("    {:+} {}: {} ({})", item.weight, item.group, item.text.as_str(), item.locator.as_str())
}

fn certificate(certificate: &Certificate) -> String {
    let day = |date: &Option<Word>| date.as_ref().and_then(|date| date.get(..10)).unwrap_or("?").to_owned();
    format!(
        "{}, {} to {}, serial {}, issued by {}",
        certificate.subject.as_str(),
        day(&certificate.not_before),
        day(&certificate.not_after),
        certificate.serial,
        certificate.issuer.as_str(),
    )
}

/// A place. For a place in a git history, adds the commit or the command that shows the object.
fn place(occurrence: &Occurrence) -> String {
    let place = &occurrence.place;
    let mut line = format!("{} ({})", at_line(&place.origin, place.line), occurrence.format);
    let Some(git) = &occurrence.git else { return line };
    if let Some(introduced) = &git.introduced {
        let commit = introduced.commit.get(..12).unwrap_or(&introduced.commit);
        line = format!("{line}, added by {} in {commit}", introduced.author.as_str());
    }
    if occurrence.is_buried() {
        line = format!("{line}: git -C {} cat-file -p {}", quoted(&git.repository), git.object);
    }
    line
}

fn spot(spot: &Spot) -> String {
    at_line(&spot.origin, spot.line)
}

/// `path:line`, or only the path if the line is unknown.
fn at_line(origin: &Text, line: u64) -> String {
    match line {
        0 => origin.to_string(),
        line => format!("{}:{line}", origin.as_str()),
    }
}

/// The first day on which the key was exposed, if the report has one.
fn first_seen(finding: &Finding) -> Option<&str> {
    let exposure = finding.exposure.as_ref()?;
    let dates = [&exposure.revocation_date, &exposure.first_seen];
    dates.into_iter().find(|date| !date.is_empty()).and_then(|date| date.get(..10))
}

/// The values that replace the placeholders of a playbook.
fn known(finding: &Finding) -> Vec<(&'static str, String)> {
    let mut known = Vec::new();
    let files = finding.occurrences.iter().filter(|copy| !copy.is_buried());
    let mut copies: Vec<&str> = files.map(|copy| copy.place.path.as_str()).collect();
    copies.dedup();
    if let Some(first) = copies.first() {
        let mut all: Vec<String> = copies.iter().take(MOST_COPIES).map(|path| quoted(path)).collect();
        if copies.len() > MOST_COPIES {
            all.push(format!("# and {} more: see the report", copies.len() - MOST_COPIES));
        }
        known.push(("copy", quoted(first)));
        known.push(("copies", all.join(" \\\n  ")));
    }
    let key = &finding.key;
    let words = [
        ("finding", Some(finding.id.as_str())),
        ("first-seen", first_seen(finding)),
        ("spki-sha256", key.spki_sha256.as_deref()),
        ("ssh-fingerprint", key.ssh_sha256.as_deref()),
        ("pgp-fingerprint", key.pgp_fingerprints.first().map(Word::as_str)),
        ("serial", finding.certificates.first().map(|certificate| certificate.serial.as_str())),
    ];
    let plain = |word: &str| word.chars().all(|c| c.is_ascii_alphanumeric() || ":-+/".contains(c));
    let words = words.into_iter().filter_map(|(name, word)| Some((name, word?)));
    known.extend(words.filter(|(_, word)| !word.is_empty() && plain(word)).map(|(name, word)| (name, word.to_owned())));
    known
}

/// Quotes a path as one word of a POSIX shell. A path that begins with a dash gets the prefix `./`.
fn quoted(path: &str) -> String {
    let dashed = if path.starts_with('-') { "./" } else { "" };
    let safe = |c: char| c.is_ascii_alphanumeric() || "/._-+:,@%=".contains(c);
    if !path.is_empty() && path.chars().all(safe) {
        return format!("{dashed}{path}");
    }
    format!("'{dashed}{}'", path.replace('\'', "'\\''"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::look::Look;
    use crate::report::samples;

    /// Explains the finding with this id in a report.
    fn told(report: &[u8], id: &str) -> Result<Told, Failure> {
        let mut search = Search { id, first: None, count: 0 };
        read::read(report, 1 << 20, &mut search).map_err(|error| error.failure("x.json"))?;
        match search.first {
            Some(Record::Finding(finding)) => tell_finding(&finding),
            _ => Err(Failure::new("no finding")),
        }
    }

    fn report() -> Vec<u8> {
        let mut bytes = Vec::new();
        crate::report::json::render(&samples::report(), Look::default(), &mut bytes).expect("a report");
        bytes
    }

    #[test]
    fn a_finding_is_explained_with_its_ledger_and_its_playbook() {
        let told = told(&report(), "kr1:0123456789abcdef").expect("a finding");
        let spki = "11".repeat(32);
        for part in [
            "\nWhy\n",
            "\nPlaces\n",
            "\nScore of the severity\n",
            "\nPlaybook: Code signing\n",
            "\nFirst hour\n  1. ",
            &spki,
        ] {
            assert!(told.page.contains(part), "{part}: {}", told.page);
        }
        assert!(!told.page.contains("<copies>"), "{}", told.page);
        assert!(!told.page.chars().any(|c| c != '\n' && keyradius_core::blob::is_deceptive(c)), "{}", told.page);
        assert_eq!(told.json["playbook"]["role"], "code_signing");
        assert_eq!(told.json["finding"]["id"], "kr1:0123456789abcdef");
    }

    #[test]
    fn text_of_a_report_cannot_inject_commands() {
        let mut report: serde_json::Value = serde_json::from_slice(&report()).expect("JSON");
        let finding = &mut report["findings"][0];
        finding["roles"][0]["role"] = "nonesuch".into();
        let mut dashed = finding["occurrences"][0].clone();
        dashed["path"] = "-rf".into();
        finding["occurrences"][0]["path"] = "a'; rm -rf ~; '\u{1b}[2J".into();
        finding["occurrences"] = vec![finding["occurrences"][0].clone(), dashed].into();
        finding["key"]["spki_sha256"] = "$(id)".into();
        finding["key"]["ssh_sha256"] = "`id`".into();
        finding["key"]["pgp_fingerprints"] = vec!["; id"].into();
        finding["exposure"]["revocation_date"] = "".into();
        finding["exposure"]["first_seen"] = "2024-05-01T00:00:00Z".into();
        let page = told(report.to_string().as_bytes(), "kr1:0123456789abcdef").expect("a finding").page;
        assert!(page.contains(r"sha256sum -- 'a'\''; rm -rf ~; '\''\x1b[2J'"), "{page}");
        assert!(page.contains(" ./-rf\n") && page.contains("(2024-05-01)"), "{page}");
        let playbook = page.split("\nPlaybook: ").nth(1).expect("a playbook");
        assert!(!["$(id)", "`id`", "; id"].iter().any(|code| playbook.contains(code)), "{page}");
        assert!(page.contains("\nPlaybook: Purpose unknown\n"), "{page}");
    }

    #[test]
    fn paths_are_one_word_of_a_shell() {
        for (path, word) in [
            ("a/b.pem", "a/b.pem"),
            ("a b", "'a b'"),
            ("it's", r"'it'\''s'"),
            ("-x", "./-x"),
            ("", "''"),
            ("$(a)", "'$(a)'"),
        ] {
            assert_eq!(quoted(path), word);
        }
    }
}
