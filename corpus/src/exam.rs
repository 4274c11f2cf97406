//! The exam: keys of real repositories that the project has not used otherwise, with their purposes as two helpers read
//! them in documentation and code before any scan. the sheets in `exam` list them; the repositories are not part of the
//! project, so the exam is taken over whichever of them are there.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use keyradius_core::engine::Progress;
use keyradius_core::hex::hex;
use keyradius_core::source::fs::Tree;
use keyradius_detectors::Judging;
use keyradius_git::Repositories;
use keyradius_judgement::{Band, Finding, Tables, Tier};

/// 2026-11-30, the day of the answers: the date for expiry checks.
const NOW: i64 = 1_795_996_800;

/// Severity in tenths above which a key for tests gets in the way.
const LOUD: i32 = 70;

/// What a helper concluded about a key.
#[derive(Clone, Debug)]
pub struct Answer {
    /// Acceptable roles, the best first.
    pub roles: Vec<String>,
    /// Whether the key exists only for tests; `None` if that is unknown.
    pub test: Option<bool>,
}

impl Answer {
    fn parse(roles: &str, test: &str) -> Self {
        let test = match test {
            "yes" => Some(true),
            "no" => Some(false),
            _ => None,
        };
        Self { roles: roles.split('|').map(str::to_owned).collect(), test }
    }
}

/// A key of the exam.
#[derive(Clone, Debug)]
pub struct Question {
    /// `owner/name`.
    pub repository: String,
    /// The commit whose files are scanned.
    pub commit: String,
    /// The file that contains the key.
    pub path: String,
    /// The line where the key begins; 1 in binary files.
    pub line: u64,
    /// SHA-256 of the public half, lower-case hex; empty if no tool could read it.
    pub spki_sha256: String,
    /// What kind of repository it is.
    pub kind: String,
    /// Answers of two helpers who did not know each other's.
    pub answers: [Answer; 2],
}

impl Question {
    /// Whether both helpers named a common role.
    pub fn agreed(&self) -> bool {
        let [one, other] = &self.answers;
        one.roles.iter().any(|role| other.roles.contains(role))
    }

    /// Roles that one of them accepts.
    fn roles(&self) -> BTreeSet<&str> {
        self.answers.iter().flat_map(|answer| &answer.roles).map(String::as_str).collect()
    }

    /// Whether the key is for tests, if both helpers say so, or that it is not.
    fn test(&self) -> Option<bool> {
        let [one, other] = &self.answers;
        one.test.filter(|_| one.test == other.test)
    }
}

/// Reads the sheet: a line for each key, columns separated by tabs, the first line names them.
pub fn questions(sheet: &str) -> Result<Vec<Question>, String> {
    let rows = sheet.lines().enumerate().skip(1).filter(|(_, row)| !row.is_empty());
    rows.map(|(number, row)| {
        let columns: Vec<&str> = row.split('\t').collect();
        let [repository, commit, path, line, spki, kind, roles, test, roles2, test2, _, _] = columns.as_slice() else {
            return Err(format!("line {}: {} columns, not 12", number + 1, columns.len()));
        };
        Ok(Question {
            repository: (*repository).to_owned(),
            commit: (*commit).to_owned(),
            path: (*path).to_owned(),
            line: line.parse().map_err(|_| format!("line {}: `{line}` is not a number", number + 1))?,
            spki_sha256: if *spki == "-" { String::new() } else { (*spki).to_owned() },
            kind: (*kind).to_owned(),
            answers: [Answer::parse(roles, test), Answer::parse(roles2, test2)],
        })
    })
    .collect()
}

/// The names of the sheets. The second one was made after the answers to the first were known.
pub const SHEETS: [&str; 2] = ["first", "second"];

/// A sheet in this source tree.
pub fn sheet(name: &str) -> PathBuf {
    PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/exam")).join(name).with_extension("tsv")
}

/// A share.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Share {
    /// How many are right.
    pub right: usize,
    /// Of how many.
    pub of: usize,
}

impl Share {
    fn count(&mut self, right: bool) {
        self.of += 1;
        self.right += usize::from(right);
    }

    fn text(self) -> String {
        let percent = (self.right * 1000).checked_div(self.of).unwrap_or(0);
        format!("{} of {} ({}.{} %)", self.right, self.of, percent / 10, percent % 10)
    }
}

/// The result of the exam.
#[derive(Debug, Default)]
pub struct Marks {
    /// Repositories that were scanned.
    pub repositories: usize,
    /// Repositories that are not there.
    pub absent: Vec<String>,
    /// Keys that were found.
    pub found: Share,
    /// Keys whose first role somebody accepts.
    pub role: Share,
    /// Keys whose tier is that of a role that somebody accepts.
    pub tier: Share,
    /// First roles that are called proven, and how many of them are right.
    pub proven: Share,
    /// Keys for tests at or below 7.0.
    pub quiet_tests: Share,
    /// Real keys that are not called keys for tests.
    pub real: Share,
    /// Questions to which both helpers named a common role.
    pub agreed: Share,
    /// What is wrong, by repository.
    pub faults: Vec<String>,
}

impl Marks {
    /// A text for people.
    pub fn text(&self) -> String {
        let mut text = format!("{} repositories, {} absent\n", self.repositories, self.absent.len());
        for (what, share) in [
            ("found", self.found),
            ("role right", self.role),
            ("tier right", self.tier),
            ("proven and right", self.proven),
            ("tests at most 7.0", self.quiet_tests),
            ("real not called tests", self.real),
            ("answers agree", self.agreed),
        ] {
            let _ = writeln!(text, "{what:<22} {}", share.text());
        }
        for fault in &self.faults {
            let _ = writeln!(text, "{fault}");
        }
        for absent in &self.absent {
            let _ = writeln!(text, "absent: {absent}");
        }
        text
    }
}

/// Takes the exam over the repositories below `from`. `scratch` is created, and emptied after each repository.
pub fn take(questions: &[Question], from: &Path, scratch: &Path) -> Result<Marks, String> {
    let mut result = Marks::default();
    let mut by_repository: BTreeMap<(&str, &str), Vec<&Question>> = BTreeMap::new();
    for question in questions {
        by_repository.entry((&question.repository, &question.commit)).or_default().push(question);
    }
    let tables = Tables::built_in();
    for ((repository, commit), questions) in by_repository {
        let Some(git_dir) = git_dir(from, repository) else {
            result.absent.push(repository.to_owned());
            continue;
        };
        if let Err(error) = check_out(&git_dir, commit, scratch) {
            result.absent.push(format!("{repository}: {error}"));
            continue;
        }
        result.repositories += 1;
        let findings = findings(scratch)?;
        for question in questions {
            judge(question, &findings, scratch, &tables, &mut result);
        }
        fs::remove_dir_all(scratch).map_err(|error| format!("{}: {error}", scratch.display()))?;
    }
    Ok(result)
}

/// The git directory of a repository: a clone or a bare directory, below `OWNER/NAME`, `OWNER+NAME` or `NAME`.
fn git_dir(from: &Path, repository: &str) -> Option<PathBuf> {
    let name = repository.rsplit('/').next()?;
    let folders = [repository.to_owned(), repository.replace('/', "+"), name.to_owned()];
    let mut places = folders.iter().flat_map(|folder| ["", "repo", ".git"].map(|inner| from.join(folder).join(inner)));
    places.find(|place| place.join("HEAD").is_file())
}

/// Writes the files of a commit, without a git directory, and without what attributes would leave out of an archive.
fn check_out(git_dir: &Path, commit: &str, into: &Path) -> Result<(), String> {
    // The folder may not exist yet.
    let _ = fs::remove_dir_all(into);
    let tree = into.join("tree");
    fs::create_dir_all(&tree).map_err(|error| error.to_string())?;
    for args in [&["read-tree", commit][..], &["checkout-index", "-a", "-f"]] {
        let done = Command::new("git")
            .arg("--git-dir")
            .arg(git_dir)
            .arg("--work-tree")
            .arg(&tree)
            .args(args)
            .env("GIT_INDEX_FILE", into.join("index"))
            .output()
            .map_err(|error| format!("git: {error}"))?;
        // A copy may lack large files; what is there is scanned.
        if !done.status.success() && args.contains(&"read-tree") {
            return Err(String::from_utf8_lossy(&done.stderr).trim().to_owned());
        }
    }
    Ok(())
}

/// Scans, opens and judges the files like `keyradius scan`.
fn findings(scratch: &Path) -> Result<Vec<Finding>, String> {
    let roots = vec![scratch.join("tree")];
    let tree = Tree { roots: roots.clone(), one_file_system: false, repositories: &Repositories::default() };
    let harvest = keyradius_detectors::engine().scan(&[&tree], 2, &Progress::default());
    let judging = Judging { roots: &roots, jobs: 2, ..Judging::at(NOW) };
    Ok(keyradius_detectors::judge(harvest.map_err(|error| error.to_string())?, &judging).findings)
}

fn judge(question: &Question, findings: &[Finding], scratch: &Path, tables: &Tables, result: &mut Marks) {
    let path = scratch.join("tree").join(&question.path);
    if !path.exists() {
        result.absent.push(format!("{} {}", question.repository, question.path));
        return;
    }
    result.agreed.count(question.agreed());
    let name = format!("{} {}:{}", question.repository, question.path, question.line);
    let of_key = |finding: &&Finding| finding.key.is_some_and(|key| hex(&key.spki_sha256) == question.spki_sha256);
    let distance = |finding: &Finding| {
        let here = finding.occurrences.iter().filter(|place| place.origin.path == path);
        here.map(|place| place.line.abs_diff(question.line)).min()
    };
    let at_place = || findings.iter().filter(|finding| distance(finding).is_some()).min_by_key(|f| distance(f));
    let found = findings.iter().filter(|finding| finding.private).find(of_key).or_else(at_place);
    result.found.count(found.is_some());
    let Some(finding) = found else {
        result.faults.push(format!("not found: {name} ({})", question.answers[0].roles.join("|")));
        return;
    };
    let accepted = question.roles();
    let Some(first) = finding.roles.first() else { return };
    let right = accepted.contains(first.role.as_str());
    result.role.count(right);
    let tiers: BTreeSet<Tier> = accepted.iter().filter_map(|role| tables.role(role)).map(|role| role.tier).collect();
    let right_tier = tiers.contains(&finding.tier);
    result.tier.count(right_tier);
    if first.band == Band::Proven {
        result.proven.count(right);
    }
    let said = || {
        format!(
            "{name}: {} ({}), {}, {}; expected {}",
            first.role,
            first.band.id(),
            finding.tier.id(),
            finding.severity_text(),
            accepted.iter().copied().collect::<Vec<_>>().join("|")
        )
    };
    match (right, right_tier) {
        (true, true) => {}
        (false, true) => result.faults.push(format!("role: {}", said())),
        (_, false) => result.faults.push(format!("tier: {}", said())),
    }
    match question.test() {
        Some(true) => {
            result.quiet_tests.count(finding.severity <= LOUD);
            if finding.severity > LOUD {
                result.faults.push(format!("loud test: {}", said()));
            }
        }
        Some(false) => {
            result.real.count(finding.for_tests.is_none());
            if let Some(reason) = &finding.for_tests {
                result.faults.push(format!("real key called a test: {} ({reason})", said()));
            }
        }
        None => {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_sheets_are_read_and_their_roles_exist() {
        let tables = Tables::built_in();
        let mut seen = BTreeSet::new();
        for name in SHEETS {
            let text = fs::read_to_string(sheet(name)).expect("the sheet");
            let questions = questions(&text).expect("well-formed");
            for question in &questions {
                for role in question.roles() {
                    let known = role == "unknown" || tables.role(role).is_some();
                    assert!(known, "{} {}: {role}", question.repository, question.path);
                }
            }
            let repositories: BTreeSet<&str> = questions.iter().map(|question| question.repository.as_str()).collect();
            let kinds: BTreeSet<&str> = questions.iter().map(|question| question.kind.as_str()).collect();
            assert!(
                questions.len() >= 200 && repositories.len() >= 30 && kinds.len() >= 12,
                "{name}: {} keys of {} repositories of {} kinds",
                questions.len(),
                repositories.len(),
                kinds.len()
            );
            for repository in repositories {
                assert!(seen.insert(repository.to_owned()), "{repository} is in two sheets");
            }
        }
    }
}
