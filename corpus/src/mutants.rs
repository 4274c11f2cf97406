//! Mutation testing: makes one small change at a time in a copy of the checkout and runs the tests for it, which must
//! fail.
//!
//! The mutants are a fixed list, `mutants/list.toml`: an exact fragment of a function and its replacement. A fragment
//! that does not occur exactly once in its file is an error of the list, which has to follow the code. All mutants are
//! built at once (`schema`) and selected one by one at run time (`lab`).

mod lab;
mod schema;

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::fs;
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use serde::Deserialize;

use lab::{Chosen, Ended, Fault, Lab, Tests};

/// Time limit for the tests of one mutant, in addition to ten times their duration without it. A mutant that exceeds
/// the limit counts as killed.
const TIME: Duration = Duration::from_secs(5);

/// The list.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct List {
    /// Files and their mutants.
    #[serde(rename = "file")]
    pub files: Vec<MutatedFile>,
}

/// A file and its mutants.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct MutatedFile {
    /// Path from the root of the checkout.
    pub path: PathBuf,
    /// Tests for the file: a suite and filters, such as `core git::delta::`.
    pub tests: Vec<String>,
    /// The mutants.
    pub mutants: Vec<Mutant>,
}

/// One mutant.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Mutant {
    /// Its name.
    pub id: String,
    /// A fragment of a function, exactly once in the file.
    pub find: String,
    /// The replacement.
    pub put: String,
    /// Whether the mutant runs for every change (`mutants --ci`).
    #[serde(default)]
    pub ci: bool,
    /// Why no test can or need notice the mutant.
    pub survives: Option<String>,
}

/// What to do with the list.
#[derive(Debug, Default)]
pub struct Plan {
    /// Run only the mutants marked `ci`.
    pub ci: bool,
    /// Only check that the list fits the code.
    pub check: bool,
    /// Only mutants whose id or path starts with one of these; all if empty.
    pub prefixes: Vec<String>,
    /// The target folder of the build; the copy of the checkout is also stored there.
    pub target: PathBuf,
}

/// How a run ended.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Tally {
    /// Mutants for which a test failed, as expected.
    pub killed: usize,
    /// Mutants for which no test failed, with a stated reason.
    pub excused: usize,
    /// Mutants for which no test failed.
    pub survived: Vec<String>,
    /// Mutants for which a test failed, although the list states that none can.
    pub unexpected: Vec<String>,
    /// Mutants that do not compile, so they prove nothing.
    pub unviable: Vec<String>,
}

impl Tally {
    /// Whether every mutant ended as the list states.
    pub fn holds(&self) -> bool {
        self.survived.is_empty() && self.unexpected.is_empty() && self.unviable.is_empty()
    }

    /// Counts the result of a mutant; returns it in a word.
    fn add(&mut self, mutant: &Mutant, ended: Ended) -> &'static str {
        match (ended, &mutant.survives) {
            (Ended::Passed, Some(_)) => {
                self.excused += 1;
                "survives, as stated"
            }
            (Ended::Passed, None) => {
                self.survived.push(mutant.id.clone());
                "SURVIVES"
            }
            (Ended::Failed | Ended::OutOfTime, Some(_)) => {
                self.unexpected.push(mutant.id.clone());
                "KILLED, against its reason"
            }
            (Ended::Failed, None) => {
                self.killed += 1;
                "killed"
            }
            (Ended::OutOfTime, None) => {
                self.killed += 1;
                "killed by time"
            }
        }
    }
}

impl fmt::Display for Tally {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let wrong = self.survived.len() + self.unexpected.len() + self.unviable.len();
        let all = self.killed + self.excused + wrong;
        writeln!(f, "{all} mutants: {} killed, {} survive for a stated reason", self.killed, self.excused)?;
        for id in &self.survived {
            writeln!(f, "survives: {id}: no test fails; write one, or state the reason next to its name")?;
        }
        for id in &self.unexpected {
            writeln!(f, "killed: {id}: a test fails, so its `survives` reason is wrong; remove that reason")?;
        }
        for id in &self.unviable {
            writeln!(f, "does not compile: {id}: change it, or remove it from the list")?;
        }
        Ok(())
    }
}

impl List {
    /// Reads the list of a checkout.
    pub fn read(root: &Path) -> Result<Self, Fault> {
        let path = root.join("corpus/mutants/list.toml");
        let text = fs::read_to_string(&path).map_err(|error| format!("cannot read {}: {error}", path.display()))?;
        toml::from_str(&text).map_err(|error| format!("{}: {error}", path.display()))
    }

    /// Errors of the list.
    pub fn faults(&self, root: &Path) -> Vec<String> {
        let mut faults = Vec::new();
        let mut ids = BTreeSet::new();
        for file in &self.files {
            let path = file.path.display();
            let text = match fs::read_to_string(root.join(&file.path)) {
                Ok(text) => text,
                Err(error) => {
                    faults.push(format!("{path}: {error}"));
                    continue;
                }
            };
            let functions = schema::functions(&text);
            faults.extend(file.tests.iter().filter_map(|test| Tests::parse(test).err()));
            for mutant in &file.mutants {
                let Mutant { id, find, put, survives, ci } = mutant;
                let mut fault = |what: String| faults.push(what);
                let count = text.matches(find.as_str()).count();
                if count != 1 {
                    fault(format!("{id}: {find:?} occurs {count} times in {path}, not once: update the list"));
                }
                let at = text.find(find.as_str()).map(|at| at..at + find.len()).filter(|_| count == 1);
                let is_around =
                    |at: &Range<usize>| functions.iter().any(|f| f.body.start <= at.start && at.end <= f.body.end);
                if at.is_some_and(|at| !is_around(&at)) {
                    fault(format!("{id}: {find:?} is not inside a function"));
                }
                if find == put {
                    fault(format!("{id}: changes nothing"));
                }
                if survives.as_ref().is_some_and(|reason| reason.trim().is_empty()) {
                    fault(format!("{id}: survives without a stated reason"));
                }
                if *ci && survives.is_some() {
                    fault(format!("{id}: a mutant marked ci must be killed"));
                }
                if !ids.insert(id) {
                    fault(format!("{id}: is listed twice"));
                }
            }
        }
        faults
    }
}

/// Runs the mutants of the list. `say` gets a line for each result.
pub fn run(root: &Path, plan: &Plan, say: &mut dyn FnMut(String)) -> Result<Tally, Fault> {
    let list = List::read(root)?;
    let faults = list.faults(root);
    if !faults.is_empty() {
        return Err(format!("corpus/mutants/list.toml:\n{}", faults.join("\n")));
    }
    let mut numbers = 0..;
    let mut files: Vec<Chosen<'_>> = Vec::new();
    for file in &list.files {
        let path = file.path.to_string_lossy();
        let is_named = |id: &str| plan.prefixes.iter().any(|prefix| path.starts_with(prefix) || id.starts_with(prefix));
        let chosen = |mutant: &Mutant| (plan.prefixes.is_empty() || is_named(&mutant.id)) && (mutant.ci || !plan.ci);
        files.push((file, numbers.by_ref().zip(&file.mutants).filter(|(_, mutant)| chosen(mutant)).collect()));
    }
    files.retain(|(_, mutants)| !mutants.is_empty());
    let count: usize = files.iter().map(|(_, mutants)| mutants.len()).sum();
    if plan.check || count == 0 {
        say(format!("{count} mutants in {} files fit the code", files.len()));
        return Ok(Tally::default());
    }
    let began = Instant::now();
    let mut lab = Lab { root, copy: plan.target.join("mutants"), target: &plan.target, programs: BTreeMap::new() };
    let unviable = lab.build(&files, plan.ci, say)?;
    say(format!("{count} mutants built ({:.1} s)", began.elapsed().as_secs_f32()));
    let mut tally = Tally::default();
    let mut times = BTreeMap::new();
    for (file, mutants) in files {
        let tests = lab::chosen_tests(file, plan.ci)?;
        let limits: Vec<Duration> = tests
            .iter()
            .map(|tests| Ok(TIME + without_mutant(&lab, tests, &mut times)? * 10))
            .collect::<Result<_, Fault>>()?;
        for (number, mutant) in mutants {
            if unviable.contains(&number) {
                say(format!("{}: DOES NOT COMPILE", mutant.id));
                tally.unviable.push(mutant.id.clone());
                continue;
            }
            let began = Instant::now();
            let word = tally.add(mutant, with_mutant(&lab, tests.iter().zip(&limits), number)?);
            say(format!("{}: {word} ({:.1} s)", mutant.id, began.elapsed().as_secs_f32()));
        }
    }
    Ok(tally)
}

/// Runs tests without a mutant, each filter separately and once per run: all must pass. Returns how long they take.
fn without_mutant(lab: &Lab<'_>, tests: &Tests, times: &mut BTreeMap<Tests, Duration>) -> Result<Duration, Fault> {
    let mut all = Duration::ZERO;
    for filter in &tests.filters {
        let one = Tests { suite: tests.suite, filters: vec![filter.clone()] };
        if let Some(time) = times.get(&one) {
            all += *time;
            continue;
        }
        let began = Instant::now();
        match lab.run(&one, None, Duration::MAX)? {
            (Ended::Passed, 1..) => {}
            (Ended::Passed, 0) => return Err(format!("{filter}: no test with this name")),
            _ => return Err(format!("{filter}: fails without a mutant")),
        }
        all += began.elapsed();
        times.insert(one, began.elapsed());
    }
    Ok(all)
}

/// Runs tests with a mutant, each within its time limit, until one fails.
fn with_mutant<'t>(
    lab: &Lab<'_>,
    tests: impl Iterator<Item = (&'t Tests, &'t Duration)>,
    number: usize,
) -> Result<Ended, Fault> {
    for (tests, limit) in tests {
        match lab.run(tests, Some(number), *limit)?.0 {
            Ended::Passed => {}
            ended => return Ok(ended),
        }
    }
    Ok(Ended::Passed)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn root() -> PathBuf {
        Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("the checkout").to_owned()
    }

    #[test]
    fn the_list_is_as_long_as_promised() {
        let list = List::read(&root()).expect("the list");
        let all: Vec<&Mutant> = list.files.iter().flat_map(|file| &file.mutants).collect();
        assert!(all.len() >= 200, "{} mutants", all.len());
        assert_eq!(all.iter().filter(|mutant| mutant.ci).count(), 30, "mutants marked ci");
    }

    #[test]
    fn a_list_that_does_not_fit_the_code_is_refused() {
        let fault = |mutants: &str, tests: &str| {
            let path = "corpus/src/pack.rs";
            let text = format!("[[file]]\npath = '{path}'\ntests = ['{tests}']\nmutants = [{mutants}]\n");
            let list = toml::from_str::<List>(&text).expect(mutants);
            list.faults(&root()).join("; ")
        };
        let good = "{ id = 'a', find = 'Some(error)', put = 'None' }";
        assert_eq!(fault(good, "core git::"), "");
        for (mutants, tests, says) in [
            (&format!("{good}, {good}"), "core git::", "is listed twice"),
            (&good.replace("Some(error)", "Some(eror)"), "core git::", "occurs 0 times in corpus/src/pack.rs"),
            (&good.replace("Some(error)", "error"), "core git::", "times in"),
            (&good.replace("'None'", "'Some(error)'"), "core git::", "changes nothing"),
            (&good.replace(" }", ", survives = ' ' }"), "core git::", "without a stated reason"),
            (&good.replace(" }", ", survives = 'x', ci = true }"), "core git::", "must be killed"),
            (&good.to_owned(), "cove git::", "the first word is"),
            (&good.to_owned(), "core", "no filter"),
        ] {
            assert!(fault(mutants, tests).contains(says), "{says}: {}", fault(mutants, tests));
        }
    }

    #[test]
    fn a_list_holds_only_if_every_mutant_ends_as_stated() {
        let good = Tally { killed: 3, excused: 1, ..Tally::default() };
        assert!(good.holds() && good.to_string().starts_with("4 mutants: 3 killed, 1 survive"));
        let survived = Tally { survived: vec!["a".to_owned()], ..Tally::default() };
        assert!(!survived.holds() && survived.to_string().contains("survives: a: no test fails"));
        let unexpected = Tally { unexpected: vec!["b".to_owned()], ..Tally::default() };
        assert!(!unexpected.holds() && unexpected.to_string().contains("killed: b: a test fails"));
        let unviable = Tally { unviable: vec!["c".to_owned()], ..Tally::default() };
        assert!(!unviable.holds() && unviable.to_string().contains("does not compile: c"));
    }
}
