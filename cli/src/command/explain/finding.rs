//! Explains a finding of a report: its ledger, its places, and the playbook of its first role, filled in for this
//! finding.
//!
//! The report is untrusted input. It is read by the reader that all commands share, one record at a time. Only quoted
//! paths and words of letters and digits from the report are inserted into commands of the playbook.

use std::collections::{BTreeMap, BTreeSet};
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

/// Most lines of a list of places, links or reasons, unless all are asked for.
const MOST_LINES: usize = 20;

/// Whether a topic is the id of a finding, or another name of its key: the digest of a public key, a fingerprint of SSH
/// or of OpenPGP.
pub(super) fn is_id(asked: &str) -> bool {
    let asked = asked.trim();
    let is_hex = || matches!(asked.len(), 16 | 32 | 40 | 64) && asked.bytes().all(|byte| byte.is_ascii_hexdigit());
    has_start(asked, "kr1:") || has_start(asked, "sha256:") || is_hex()
}

/// Whether a text starts so, in any case.
fn has_start(text: &str, start: &str) -> bool {
    text.get(..start.len()).is_some_and(|head| head.eq_ignore_ascii_case(start))
}

/// The error for the id of a finding without a report.
pub(super) fn without_report(id: &str) -> Failure {
    let id = words::escape(id);
    Failure::new(format!("{id} names a finding: to explain it, its report is needed")).hint(format!(
        "run `keyradius scan --format json -o report.json PATH`, then `keyradius explain {id} --report report.json`"
    ))
}

/// A search in a report: the first record whose id begins with `id`, or whose key has that name, and the number of such
/// records.
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
    fn meets(&mut self, id: &Word, key: Option<&Key>, record: impl FnOnce() -> Record) {
        if has_start(id, self.id) || key.is_some_and(|key| is_name(key, self.id)) {
            self.count += 1;
            self.first.get_or_insert_with(record);
        }
    }
}

impl Sink for Search<'_> {
    fn finding(&mut self, _: Status, finding: Finding) {
        let (id, key) = (finding.id.clone(), finding.key.clone());
        self.meets(&id, Some(&key), || Record::Finding(Box::new(finding)));
    }

    fn secret(&mut self, _: Status, secret: Secret) {
        self.meets(&secret.id.clone(), None, || Record::Secret(Box::new(secret)));
    }
}

/// Whether this is a name of the key: the digest of its public half in hex, or the start of it; a fingerprint of SSH (base64, in its own
/// case) or of OpenPGP, or the key id at the end of that.
fn is_name(key: &Key, name: &str) -> bool {
    let ssh = key.ssh_sha256.as_ref().is_some_and(|known| known.as_str() == name);
    let ends = |known: &Word| known.to_ascii_lowercase().ends_with(&name.to_ascii_lowercase());
    let pgp = name.len() >= 16 && key.pgp_fingerprints.iter().any(ends);
    // The report shows the first 16 digits of a digest.
    let begins = |known: Option<&Word>| known.is_some_and(|known| name.len() >= 16 && has_start(known, name));
    begins(key.spki_sha256.as_ref()) || begins(key.ciphertext_sha256.as_ref()) || ssh || pgp
}

/// Explains the finding with this id in a report of at most `most` bytes; the path `-` is standard input. The beginning
/// of an id is enough if only one finding matches, and so is another name of its key. `all` is whether to show every
/// place, link and reason.
pub(super) fn tell(report: &Path, most: u64, id: &str, all: bool) -> Result<Told, Failure> {
    let mut search = Search { id, first: None, count: 0 };
    open(report, Path::new(""), |from| read::read(from, most, &mut search))?;
    let (shown, report) = (words::escape(id), printable_path(report));
    match (search.first, search.count) {
        (Some(Record::Finding(finding)), 1) => tell_finding(&finding, all),
        (Some(Record::Secret(secret)), 1) => Ok(Told { page: secret_page(&secret), json: machine::secret(&secret) }),
        (None, _) => {
            let failure = Failure::new(format!("{report} contains no finding {shown}"));
            Err(failure.hint("`keyradius scan` prints the id of each finding in the finding's last line"))
        }
        (Some(_), several) => {
            let failure = Failure::new(format!("{several} findings of {report} are named by {shown}"));
            Err(failure.hint("use the full id"))
        }
    }
}

fn tell_finding(finding: &Finding, all: bool) -> Result<Told, Failure> {
    let role = finding.roles.first().map_or("unknown", |role| role.role.as_str());
    let book = Playbook::of(role).or_else(|| Playbook::of("unknown"));
    let mut book = book.ok_or_else(|| Failure::new("there is no playbook for this finding"))?;
    book.fill(&known(finding));
    Ok(Told { page: page(finding, &book, all), json: machine::finding(finding, &book) })
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

fn page(finding: &Finding, book: &Playbook, all: bool) -> String {
    let most = if all { usize::MAX } else { MOST_LINES };
    let roles: Vec<String> = finding.roles.iter().map(role).collect();
    let heading =
        format!("{}: {:.1}, {}, {}", finding.id, finding.severity.number(), finding.tier.id(), roles.join(", "));
    let mut page = format!("{}\n", words::escape(&heading));
    section(&mut page, "Why", &finding.reason);
    section(&mut page, "What to do first", &finding.next_step);
    lines(&mut page, "Names of the key", names(&finding.key));
    some(&mut page, "Places", most, finding.occurrences.iter().map(place));
    lines(&mut page, "Rules", finding.rules.iter().map(|rule| format!("{}: {}", rule.id, rule.text.as_str())));
    some(
        &mut page,
        "Used by",
        most,
        finding.used_by.iter().map(|used| format!("{}: {}", spot(&used.place), used.text.as_str())),
    );
    some(&mut page, "Certificates", most, finding.certificates.iter().map(certificate));
    some(
        &mut page,
        "Links to other findings and material",
        most,
        finding.links.iter().map(|link| {
            format!("{}: {} ({})", spot(&link.place), link.text.as_str(), link.kind.id().replace('_', " "))
        }),
    );
    if let (Some(date), Some(exposure)) = (first_seen(finding), &finding.exposure) {
        let days = exposure.days;
        section(&mut page, "Exposure", &format!("since {date}, {days} days; ask for {date} as the revocation date"));
    }
    ledger(&mut page, finding, all);
    playbook(&mut page, book);
    page
}

/// Adds all points given or taken, for the roles and then for the severity.
fn ledger(page: &mut String, finding: &Finding, all: bool) {
    let most = if all { usize::MAX } else { MOST_LINES };
    let mut reasons: BTreeMap<&Word, Vec<String>> = BTreeMap::new();
    let counting = counting(finding);
    let shown = finding.evidence.iter().enumerate().filter(|(number, _)| all || counting.contains(number));
    for (_, item) in shown {
        reasons.entry(&item.role).or_default().push(evidence(item));
    }
    let mut scores = Vec::new();
    for scored in finding.roles.iter().chain(&finding.hypotheses) {
        scores.push(format!("{}: {} points, {}", scored.role, scored.score, scored.band.id()));
        scores.append(&mut reasons.remove(&scored.role).unwrap_or_default());
    }
    lines(page, "Scores of the roles: the strongest reason of each kind counts", scores.into_iter());
    let rest = finding.evidence.iter().filter(|item| reasons.contains_key(&item.role));
    some(page, "Reasons that changed no role", most, rest.map(evidence));
    let changes =
        finding.modifiers.iter().map(|change| format!("{:+.1} {}", change.change.number(), change.text.as_str()));
    let sum = format!("= {:.1} severity", finding.severity.number());
    lines(page, "Score of the severity", changes.chain([sum]));
}

/// The items that count: the first of the strongest of each role and kind, and all that speak against a role.
fn counting(finding: &Finding) -> BTreeSet<usize> {
    let mut strongest: BTreeMap<(&Word, &Word), (i32, usize)> = BTreeMap::new();
    for (number, item) in finding.evidence.iter().enumerate().filter(|(_, item)| item.weight >= 0) {
        let best = strongest.entry((&item.role, &item.group)).or_insert((item.weight, number));
        if item.weight > best.0 {
            *best = (item.weight, number);
        }
    }
    let against = finding.evidence.iter().enumerate().filter(|(_, item)| item.weight < 0);
    strongest.into_values().map(|(_, number)| number).chain(against.map(|(number, _)| number)).collect()
}

/// Adds a heading with at most this many of these lines below it, each line once, and how many are left out.
fn some(page: &mut String, heading: &str, most: usize, all: impl Iterator<Item = String>) {
    let mut seen = BTreeSet::new();
    let mut shown: Vec<String> = Vec::new();
    let mut more = 0;
    for line in all {
        if seen.contains(&line) {
            continue;
        }
        if shown.len() < most {
            shown.push(line.clone());
        } else {
            more += 1;
        }
        seen.insert(line);
    }
    let rest = (more > 0).then(|| format!("and {more} more: --all shows them"));
    lines(page, heading, shown.into_iter().chain(rest));
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
    // A file that begins with the key is removed from the history as a whole. Others are source code or settings.
    let paths = |whole: bool| {
        let places = finding.occurrences.iter().filter(|one| (one.place.line <= 1) == whole);
        places.filter_map(path_in_repository).collect::<BTreeSet<_>>()
    };
    let (whole, texts) = (paths(true), paths(false));
    let texts: Vec<&str> = texts.difference(&whole).copied().collect();
    if !whole.is_empty() {
        let all: Vec<String> = whole.iter().take(MOST_COPIES).map(|path| format!("--path {}", quoted(path))).collect();
        known.push(("history-paths", all.join(" \\\n  ")));
    }
    if let Some(first) = texts.first() {
        let more = texts.len() - 1;
        let more = if more == 0 { String::new() } else { format!(" and {more} more") };
        known.push(("history-texts", format!("{}{more}", quoted(first))));
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

/// The path of a place in its repository, without the part inside an archive.
fn path_in_repository(occurrence: &Occurrence) -> Option<&str> {
    let repository = occurrence.git.as_ref()?.repository.as_str();
    let path = occurrence.place.path.as_str();
    let path = path.split_once('!').map_or(path, |(file, _)| file);
    let inside = path.strip_prefix(repository).map(|rest| rest.trim_start_matches('/'));
    Some(inside.unwrap_or(path)).filter(|path| !path.is_empty())
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
            Some(Record::Finding(finding)) => tell_finding(&finding, false),
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
