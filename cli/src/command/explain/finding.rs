//! A finding of a report: its ledger, its places, and the playbook of its first role with what is known filled in.
//!
//! The report is a file that somebody else may have written, so it is read as JSON of which any part may be missing, and
//! nothing of it reaches a command of the playbook but quoted paths and words of letters and digits.

use std::io::Read as _;
use std::path::Path;

use detectors::radius::playbook::Playbook;
use scanner_core::blob::printable_path;
use scanner_core::material::Verdict;
use serde_json::Value;

use super::pages::{paragraph, playbook, section};
use super::{Told, machine};
use crate::exit::Failure;
use crate::report::words;

/// Copies that a command is given; further ones are counted.
const MOST_COPIES: usize = 20;

/// Whether this is the id of a finding.
pub(super) fn is_id(asked: &str) -> bool {
    asked.trim().starts_with("kr1:")
}

/// What to say without a report.
pub(super) fn without_report(id: &str) -> Failure {
    let id = words::escape(id);
    Failure::new(format!("{id} is a finding: its report is needed to explain it")).hint(format!(
        "`keyradius scan --format json --output report.json PATH`, then `keyradius explain {id} --report report.json`"
    ))
}

/// Reads a report from a file, or from standard input if the path is `-`.
pub(super) fn read(path: &Path) -> Result<Value, Failure> {
    let shown = printable_path(path);
    let mut bytes = Vec::new();
    let done = if path == Path::new("-") {
        std::io::stdin().lock().read_to_end(&mut bytes).map(drop)
    } else {
        std::fs::read(path).map(|read| bytes = read)
    };
    done.map_err(|error| Failure::new(format!("cannot read {shown}: {error}")).hint("name a report with --report"))?;
    let hint = "a report is what `keyradius scan --format json` writes";
    let report: Value = serde_json::from_slice(&bytes).map_err(|error| {
        // Where it fails is enough: the message itself may quote the file.
        let place = format!("line {}, column {}", error.line(), error.column());
        Failure::new(format!("{shown} is not a JSON document ({place})")).hint(hint)
    })?;
    match text(&report, "schema") {
        schema if schema.starts_with("keyradius.report/1") => Ok(report),
        _ => Err(Failure::new(format!("{shown} is not a report of keyradius")).hint(hint)),
    }
}

/// Explains the finding of this id; the beginning of an id will do if only one finding has it.
pub(super) fn tell(report: &Value, id: &str) -> Result<Told, Failure> {
    let findings = ["findings", "allowed", "secrets", "allowed_secrets"].into_iter().flat_map(|key| list(report, key));
    let found: Vec<&Value> = findings.filter(|finding| text(finding, "id").starts_with(id)).collect();
    let shown = words::escape(id);
    let finding = match found.as_slice() {
        [finding] => *finding,
        [] => {
            let failure = Failure::new(format!("the report holds no finding {shown}"));
            return Err(failure.hint("`keyradius scan` prints the id of each finding in its last line"));
        }
        several => {
            let failure = Failure::new(format!("{} findings of the report begin with {shown}", several.len()));
            return Err(failure.hint("write the whole id"));
        }
    };
    if text(finding, "kind") == "secret" {
        return Ok(Told { page: secret_page(finding), json: machine::secret(finding) });
    }
    let role = list(finding, "roles").next().map_or("unknown", |role| text(role, "role"));
    let book = Playbook::of(role).or_else(|| Playbook::of("unknown"));
    let mut book = book.ok_or_else(|| Failure::new("there is no playbook for this finding"))?;
    book.fill(&known(finding));
    Ok(Told { page: page(finding, &book), json: machine::finding(finding, &book) })
}

/// The page of an ordinary secret: what it opens, what to do, where it lies.
fn secret_page(secret: &Value) -> String {
    let mut page = format!("{}: {}\n", words::escape(text(secret, "id")), words::escape(text(secret, "title")));
    section(&mut page, "What it opens", text(secret, "unlocks"));
    section(&mut page, "What to do first", text(secret, "next_step"));
    let expired = secret.get("expired").and_then(Value::as_bool).unwrap_or_default();
    let verdict = Verdict::ALL.into_iter().find(|verdict| verdict.id() == text(secret, "verdict"));
    if let Some(verdict) = verdict {
        section(&mut page, "What its structure says", words::verdict(verdict, expired));
    }
    let places: Vec<String> = list(secret, "occurrences")
        .map(|place| format!("{}:{}", text(place, "origin"), place.get("line").and_then(Value::as_u64).unwrap_or(0)))
        .collect();
    section(&mut page, "Where it lies", &places.join("\n"));
    page
}

fn page(finding: &Value, book: &Playbook) -> String {
    let roles: Vec<String> = list(finding, "roles").map(role).collect();
    let heading = format!(
        "{}: {}, {}, {}",
        text(finding, "id"),
        number(finding, "severity"),
        text(finding, "tier"),
        roles.join(", ")
    );
    let mut page = format!("{}\n", words::escape(&heading));
    section(&mut page, "Why", text(finding, "reason"));
    section(&mut page, "What to do first", text(finding, "next_step"));
    lines(&mut page, "Names of the key", names(at(finding, "key")));
    lines(&mut page, "Places", list(finding, "occurrences").map(place));
    lines(
        &mut page,
        "Rules",
        list(finding, "rules").map(|rule| format!("{}: {}", text(rule, "id"), text(rule, "text"))),
    );
    lines(
        &mut page,
        "Used by",
        list(finding, "used_by").map(|used| format!("{}: {}", spot(at(used, "place")), text(used, "text"))),
    );
    lines(&mut page, "Certificates", list(finding, "certificates").map(certificate));
    lines(
        &mut page,
        "Leads to it or comes from it",
        list(finding, "links").map(|link| {
            format!("{}: {} ({})", spot(at(link, "place")), text(link, "text"), text(link, "kind").replace('_', " "))
        }),
    );
    if let Some(date) = first_seen(finding) {
        let days = number(at(finding, "exposure"), "days");
        section(
            &mut page,
            "Exposure",
            &format!("since {date}, {days} days; ask for {date} as the date of the revocation"),
        );
    }
    ledger(&mut page, finding);
    playbook(&mut page, book);
    page
}

/// Every point given or taken: for the roles, then for the severity.
fn ledger(page: &mut String, finding: &Value) {
    let scores = list(finding, "roles").chain(list(finding, "hypotheses"));
    lines(
        page,
        "Ledger of the roles: the strongest reason of each kind counts",
        scores.flat_map(|scored| {
            let id = text(scored, "role");
            let sum = format!("{id}: {} points, {}", number(scored, "score"), text(scored, "band"));
            let reasons = list(finding, "evidence").filter(move |item| text(item, "role") == id).map(evidence);
            std::iter::once(sum).chain(reasons).collect::<Vec<_>>()
        }),
    );
    let rest = list(finding, "evidence").filter(|item| {
        !list(finding, "roles")
            .chain(list(finding, "hypotheses"))
            .any(|scored| text(scored, "role") == text(item, "role"))
    });
    lines(page, "Reasons that moved no role", rest.map(evidence));
    let changes = list(finding, "modifiers")
        .map(|change| format!("{:+.1} {}", at(change, "change").as_f64().unwrap_or_default(), text(change, "text")));
    let sum = format!("= {} severity", number(finding, "severity"));
    lines(page, "Ledger of the severity", changes.chain([sum]));
}

/// A heading and one line for each; nothing if there is none.
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
        // What belongs to the line above is set in; a report that somebody else wrote sets nothing in further than that.
        let depth = (line.len() - text.len()).min(4);
        paragraph(page, text, &" ".repeat(2 + depth), &" ".repeat(6 + depth));
    }
}

/// What to look for elsewhere: in logs, trust stores, transparency.
fn names(key: &Value) -> impl Iterator<Item = String> {
    let single = [("SPKI SHA-256", "spki_sha256"), ("ciphertext SHA-256", "ciphertext_sha256"), ("SSH", "ssh_sha256")];
    let single = single.into_iter().map(|(what, name)| (what, text(key, name)));
    let pgp = list(key, "pgp_fingerprints").filter_map(Value::as_str).map(|fingerprint| ("OpenPGP", fingerprint));
    single.chain(pgp).filter(|(_, name)| !name.is_empty()).map(|(what, name)| format!("{what} {name}"))
}

fn role(role: &Value) -> String {
    format!("{} ({})", text(role, "title"), text(role, "band"))
}

fn evidence(item: &Value) -> String {
    let weight = at(item, "weight").as_i64().unwrap_or_default();
    format!("    {weight:+} {}: {} ({})", text(item, "group"), text(item, "text"), text(item, "locator"))
}

fn certificate(certificate: &Value) -> String {
    let day = |key| text(certificate, key).get(..10).unwrap_or("?").to_owned();
    format!(
        "{}, {} to {}, serial {}, issued by {}",
        text(certificate, "subject"),
        day("not_before"),
        day("not_after"),
        text(certificate, "serial"),
        text(certificate, "issuer"),
    )
}

/// A place, and for one in a history how to look at it.
fn place(occurrence: &Value) -> String {
    let git = at(occurrence, "git");
    let mut line = format!("{} ({})", spot(occurrence), text(occurrence, "format"));
    if let Some(commit) = at(at(git, "introduced"), "commit").as_str() {
        line = format!(
            "{line}, added by {} in {}",
            text(at(git, "introduced"), "author"),
            commit.get(..12).unwrap_or(commit)
        );
    }
    if buried(occurrence) {
        line = format!("{line}: git -C {} cat-file -p {}", quoted(text(git, "repository")), text(git, "object"));
    }
    line
}

/// `path:line`, or the path where no line says anything.
fn spot(place: &Value) -> String {
    let origin = text(place, "origin");
    match at(place, "line").as_u64() {
        None | Some(0) => origin.to_owned(),
        Some(line) => format!("{origin}:{line}"),
    }
}

/// Whether an occurrence lies in a history and not in a file.
fn buried(occurrence: &Value) -> bool {
    let rest = text(occurrence, "origin").strip_prefix(text(occurrence, "path"));
    at(occurrence, "git").is_object() && rest.is_some_and(|rest| rest.starts_with('@'))
}

/// The first day on which the key can have been read, if the report knows one.
fn first_seen(finding: &Value) -> Option<&str> {
    let exposure = at(finding, "exposure");
    let date = at(exposure, "revocation_date").as_str().or_else(|| at(exposure, "first_seen").as_str());
    date.and_then(|date| date.get(..10))
}

/// What takes the place of names in the playbook.
fn known(finding: &Value) -> Vec<(&'static str, String)> {
    let mut known = Vec::new();
    let mut copies: Vec<&str> =
        list(finding, "occurrences").filter(|copy| !buried(copy)).map(|copy| text(copy, "path")).collect();
    copies.dedup();
    if let Some(first) = copies.first() {
        let mut all: Vec<String> = copies.iter().take(MOST_COPIES).map(|path| quoted(path)).collect();
        if copies.len() > MOST_COPIES {
            all.push(format!("# and {} more: see the report", copies.len() - MOST_COPIES));
        }
        known.push(("copy", quoted(first)));
        known.push(("copies", all.join(" \\\n  ")));
    }
    let key = at(finding, "key");
    let certificate = list(finding, "certificates").next().unwrap_or(&Value::Null);
    let words = [
        ("finding", text(finding, "id")),
        ("first-seen", first_seen(finding).unwrap_or_default()),
        ("spki-sha256", text(key, "spki_sha256")),
        ("ssh-fingerprint", text(key, "ssh_sha256")),
        ("pgp-fingerprint", list(key, "pgp_fingerprints").next().and_then(Value::as_str).unwrap_or_default()),
        ("serial", text(certificate, "serial")),
    ];
    let plain = |word: &str| word.chars().all(|c| c.is_ascii_alphanumeric() || ":-+/".contains(c));
    known.extend(words.into_iter().filter(|(_, word)| !word.is_empty() && plain(word)).map(|(n, w)| (n, w.to_owned())));
    known
}

/// A path as one word of a POSIX shell. One that begins with a dash is made to begin with the directory.
fn quoted(path: &str) -> String {
    let dashed = if path.starts_with('-') { "./" } else { "" };
    let safe = |c: char| c.is_ascii_alphanumeric() || "/._-+:,@%=".contains(c);
    if !path.is_empty() && path.chars().all(safe) {
        return format!("{dashed}{path}");
    }
    format!("'{dashed}{}'", path.replace('\'', "'\\''"))
}

/// A member of an object; null if it is missing.
fn at<'a>(value: &'a Value, key: &str) -> &'a Value {
    static MISSING: Value = Value::Null;
    value.get(key).unwrap_or(&MISSING)
}

/// A text of an object; empty if it is missing or something else.
fn text<'a>(value: &'a Value, key: &str) -> &'a str {
    at(value, key).as_str().unwrap_or_default()
}

/// A number of an object, as it stands there.
fn number(value: &Value, key: &str) -> String {
    at(value, key).as_number().map(ToString::to_string).unwrap_or_default()
}

/// The items of a list; none if it is missing or something else.
fn list<'a>(value: &'a Value, key: &str) -> impl Iterator<Item = &'a Value> + use<'a> {
    at(value, key).as_array().into_iter().flatten()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::report::samples;

    fn report() -> Value {
        let mut bytes = Vec::new();
        crate::report::json::render(&samples::report(), &mut bytes).expect("a report");
        serde_json::from_slice(&bytes).expect("JSON")
    }

    #[test]
    fn a_finding_is_told_with_its_ledger_and_its_playbook() {
        let report = report();
        let told = tell(&report, "kr1:0123456789abcdef").expect("a finding");
        let spki = "11".repeat(32);
        for part in [
            "\nWhy\n",
            "\nPlaces\n",
            "\nLedger of the severity\n",
            "\nPlaybook: Code signing\n",
            "\nFirst hour\n  1. ",
            &spki,
        ] {
            assert!(told.page.contains(part), "{part}: {}", told.page);
        }
        assert!(!told.page.contains("<copies>"), "{}", told.page);
        assert!(!told.page.chars().any(|c| c != '\n' && scanner_core::blob::is_deceptive(c)), "{}", told.page);
        assert_eq!(told.json["playbook"]["role"], "code_signing");
        assert_eq!(told.json["finding"]["id"], "kr1:0123456789abcdef");
    }

    #[test]
    fn an_id_has_to_be_there_once() {
        let report = report();
        assert!(tell(&report, "kr1:01234").is_ok());
        for (id, told) in
            [("kr1:ffff", "holds no finding kr1:ffff"), ("kr1:", "findings of the report begin with kr1:")]
        {
            let error = tell(&report, id).err().expect(id).to_string();
            assert!(error.contains(told), "{error}");
        }
        assert!(without_report("kr1:0").to_string().contains("keyradius scan --format json --output report.json"));
    }

    #[test]
    fn nothing_of_a_report_can_act() {
        let hostile = json!({"schema": "keyradius.report/1", "findings": [{
            "id": "kr1:1", "severity": 9, "roles": [{"role": "nonesuch"}],
            "occurrences": [{"path": "a'; rm -rf ~; '\u{1b}[2J", "origin": 7}, {"path": "-rf"}],
            "key": {"spki_sha256": "$(id)", "ssh_sha256": "`id`", "pgp_fingerprints": ["; id"]},
            "exposure": {"first_seen": "2024-05-01T00:00:00Z", "days": 3},
        }]});
        let page = tell(&hostile, "kr1:1").expect("a finding").page;
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
