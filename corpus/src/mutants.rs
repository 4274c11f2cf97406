//! Mutation testing: one small fault at a time in a copy of the checkout, and the tests that concern it, which must fail.
//!
//! The faults are a fixed list, `mutants/list.toml`: an exact piece of a file, and what stands there instead. A piece that
//! is not in its file exactly once is an error of the list: the code has moved, so the list has to follow.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use serde::Deserialize;

/// Longest that the tests of one mutant may run. A mutant that makes them run longer is killed like any other.
const TIME: Duration = Duration::from_mins(2);

/// The list.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct List {
    /// Files and what is changed in them.
    #[serde(rename = "file")]
    pub files: Vec<MutatedFile>,
}

/// A file and its mutants.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct MutatedFile {
    /// From the root of the checkout.
    pub path: PathBuf,
    /// What concerns it: a suite and filters, such as `core git::delta::`.
    pub tests: Vec<String>,
    /// The faults.
    pub mutants: Vec<Mutant>,
}

/// One fault.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Mutant {
    /// Its name.
    pub id: String,
    /// A piece of the file, there exactly once.
    pub find: String,
    /// What stands there instead.
    pub put: String,
    /// Whether it is one of those that every change is held against.
    #[serde(default)]
    pub ci: bool,
    /// Why no test can or need notice it.
    pub survives: Option<String>,
}

/// What is done with the list.
#[derive(Debug, Default)]
pub struct Plan {
    /// Only those of every change.
    pub ci: bool,
    /// Only see that the list fits the code.
    pub check: bool,
    /// Only mutants whose id or path begins so.
    pub prefix: String,
    /// Where the copy of the checkout lies.
    pub copy: PathBuf,
    /// The target folder of its builds.
    pub target: PathBuf,
}

/// How a run ended.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Tally {
    /// A test failed, as it should.
    pub killed: usize,
    /// No test failed, and the list says why.
    pub excused: usize,
    /// No test failed.
    pub survived: Vec<String>,
    /// A test failed, and the list says that none can.
    pub unexpected: Vec<String>,
    /// They do not compile, so they say nothing.
    pub unviable: Vec<String>,
}

impl Tally {
    /// Whether the list is right.
    pub fn holds(&self) -> bool {
        self.survived.is_empty() && self.unexpected.is_empty() && self.unviable.is_empty()
    }
}

impl fmt::Display for Tally {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let wrong = self.survived.len() + self.unexpected.len() + self.unviable.len();
        let all = self.killed + self.excused + wrong;
        writeln!(f, "{all} mutants: {} killed, {} survive for a stated reason", self.killed, self.excused)?;
        for id in &self.survived {
            writeln!(f, "survives: {id}: no test fails; write one, or state the reason beside its name")?;
        }
        for id in &self.unexpected {
            writeln!(f, "killed: {id}: a test fails, so the reason why it survives is wrong; remove it from the list")?;
        }
        for id in &self.unviable {
            writeln!(f, "does not compile: {id}: change it, or remove it from the list")?;
        }
        Ok(())
    }
}

/// What went wrong, in a sentence.
type Fault = String;

impl List {
    /// Reads the list of a checkout.
    pub fn read(root: &Path) -> Result<Self, Fault> {
        let path = root.join("corpus/mutants/list.toml");
        let text = fs::read_to_string(&path).map_err(|error| format!("cannot read {}: {error}", path.display()))?;
        toml::from_str(&text).map_err(|error| format!("{}: {error}", path.display()))
    }

    /// What is wrong with the list.
    pub fn faults(&self, root: &Path) -> Vec<ListFault<'_>> {
        let mut faults = Vec::new();
        let mut ids = BTreeSet::new();
        for file in &self.files {
            let path = file.path.display();
            let of_file = |what| ListFault { mutant: None, what };
            let text = match fs::read_to_string(root.join(&file.path)) {
                Ok(text) => text,
                Err(error) => {
                    faults.push(of_file(format!("{path}: {error}")));
                    continue;
                }
            };
            faults.extend(file.tests.iter().filter_map(|test| Tests::parse(test).err()).map(of_file));
            for mutant in &file.mutants {
                let Mutant { id, find, put, survives, ci } = mutant;
                let mut fault = |what| faults.push(ListFault { mutant: Some((file, mutant)), what });
                let count = text.matches(find.as_str()).count();
                if count != 1 {
                    fault(format!(
                        "{id}: {find:?} is {count} times in {path}, not once: the list has to follow the code"
                    ));
                }
                if find == put {
                    fault(format!("{id}: changes nothing"));
                }
                if survives.as_ref().is_some_and(|reason| reason.trim().is_empty()) {
                    fault(format!("{id}: survives for no stated reason"));
                }
                if *ci && (survives.is_some() || file.tests.iter().any(|test| test.starts_with("it "))) {
                    fault(format!("{id}: mutants of every change are killed, and by unit tests"));
                }
                if !ids.insert(id) {
                    fault(format!("{id}: stands twice"));
                }
            }
        }
        faults
    }
}

/// Why the list does not fit the code.
#[derive(Debug)]
pub struct ListFault<'l> {
    /// The mutant and its file; `None` if the file or its tests are at fault.
    pub mutant: Option<(&'l MutatedFile, &'l Mutant)>,
    /// What is wrong.
    pub what: String,
}

impl fmt::Display for ListFault<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.what)
    }
}

/// A test program.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Suite {
    Core,
    Detectors,
    Cli,
    /// The integration tests of the command: they run its binary, so only that is built for each mutant.
    It,
}

impl Suite {
    const fn arguments(self) -> &'static [&'static str] {
        match self {
            Self::Core => &["-p", "keyradius-core", "--lib"],
            Self::Detectors => &["-p", "keyradius-detectors", "--lib"],
            Self::Cli => &["-p", "keyradius", "--bin", "keyradius"],
            Self::It => &["-p", "keyradius", "--test", "it"],
        }
    }
}

/// What is run for a mutant.
#[derive(Clone, Debug)]
struct Tests {
    suite: Suite,
    filters: Vec<String>,
}

impl Tests {
    fn parse(text: &str) -> Result<Self, Fault> {
        let mut words = text.split_whitespace();
        let suite = match words.next() {
            Some("core") => Suite::Core,
            Some("detectors") => Suite::Detectors,
            Some("cli") => Suite::Cli,
            Some("it") => Suite::It,
            _ => return Err(format!("{text:?}: the first word is core, detectors, cli or it")),
        };
        let filters: Vec<String> = words.map(str::to_owned).collect();
        if filters.is_empty() {
            return Err(format!("{text:?}: no filter, such as git::delta::"));
        }
        Ok(Self { suite, filters })
    }
}

/// How tests ended.
enum Ended {
    Passed,
    Failed,
    OutOfTime,
    /// Nothing ran; what the compiler says.
    Unviable(String),
}

/// Copies, builds and runs.
struct Lab<'a> {
    plan: &'a Plan,
    /// Test programs as they were built without a mutant.
    programs: BTreeMap<Suite, PathBuf>,
}

impl Lab<'_> {
    fn cargo(&self, words: &[&str]) -> Command {
        let mut cargo = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
        cargo.args(words).current_dir(&self.plan.copy).env("CARGO_TARGET_DIR", &self.plan.target).stdin(Stdio::null());
        // A run of this program inside of cargo has variables of its own package.
        for (name, _) in std::env::vars_os() {
            let text = name.to_string_lossy();
            if text.starts_with("CARGO_PKG_") || text.starts_with("CARGO_MANIFEST_") || text == "CARGO_BIN_NAME" {
                cargo.env_remove(name);
            }
        }
        cargo.env("CARGO_TERM_COLOR", "never").env("CARGO_INCREMENTAL", "1");
        cargo
    }

    /// Builds a test program; the inner error is what the compiler says.
    fn build(&self, suite: Suite) -> Result<Result<PathBuf, String>, Fault> {
        let words = [&["test", "--locked", "--no-run"], suite.arguments()].concat();
        let done = self.cargo(&words).output().map_err(|error| format!("cannot start cargo: {error}"))?;
        let text = String::from_utf8_lossy(&done.stderr).into_owned();
        if !done.status.success() {
            return if done.status.code().is_some() { Ok(Err(text)) } else { Err("cargo was killed".to_owned()) };
        }
        let line = text.lines().find(|line| line.trim_start().starts_with("Executable"));
        let path = line.and_then(|line| line.rsplit_once('(')?.1.strip_suffix(')'));
        path.map(|path| Ok(self.plan.copy.join(path))).ok_or_else(|| format!("cargo names no test program:\n{text}"))
    }

    /// Builds what a mutant changes, and returns what is to be run.
    fn build_mutant(&self, suite: Suite) -> Result<Result<PathBuf, String>, Fault> {
        if suite != Suite::It {
            return self.build(suite);
        }
        let words = ["build", "--locked", "-p", "keyradius", "--bin", "keyradius"];
        let done = self.cargo(&words).output().map_err(|error| format!("cannot start cargo: {error}"))?;
        if !done.status.success() {
            return Ok(Err(String::from_utf8_lossy(&done.stderr).into_owned()));
        }
        self.programs.get(&suite).cloned().map(Ok).ok_or_else(|| "the integration tests were not built".to_owned())
    }

    /// Runs tests; also returns how many ran, if they ended.
    fn run(&self, program: &Path, tests: &Tests) -> Result<(Ended, usize), Fault> {
        let place = match tests.suite {
            Suite::Core => "scanner-core",
            Suite::Detectors => "detectors",
            Suite::Cli | Suite::It => "cli",
        };
        let mut child = Command::new(program)
            .args(&tests.filters)
            .current_dir(self.plan.copy.join(place))
            .env("RUST_BACKTRACE", "0")
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .map_err(|error| format!("cannot start {}: {error}", program.display()))?;
        let mut out = child.stdout.take();
        let reader = std::thread::spawn(move || {
            let mut text = Vec::new();
            out.as_mut().map(|out| io::Read::read_to_end(out, &mut text));
            String::from_utf8_lossy(&text).into_owned()
        });
        let began = Instant::now();
        let ended = loop {
            match child.try_wait().map_err(|error| error.to_string())? {
                Some(status) if status.success() => break Ended::Passed,
                Some(_) => break Ended::Failed,
                None if began.elapsed() > TIME => {
                    let _ = child.kill();
                    let _ = child.wait();
                    return Ok((Ended::OutOfTime, 0));
                }
                None => std::thread::sleep(Duration::from_millis(20)),
            }
        };
        let text = reader.join().unwrap_or_default();
        let ran = text.lines().find_map(|line| line.strip_prefix("running ")?.split(' ').next()?.parse().ok());
        Ok((ended, ran.unwrap_or_default()))
    }
}

/// Makes the copy equal to the checkout: files that git knows of or would. What is equal is left alone, so that what was
/// built of it stays fresh.
fn copy(root: &Path, to: &Path) -> Result<(), Fault> {
    let listed = Command::new("git")
        .args(["ls-files", "-z", "--cached", "--others", "--exclude-standard"])
        .current_dir(root)
        .output()
        .map_err(|error| format!("cannot start git: {error}"))?;
    if !listed.status.success() {
        return Err(format!("git lists no files: {}", String::from_utf8_lossy(&listed.stderr)));
    }
    for name in String::from_utf8_lossy(&listed.stdout).split('\0').filter(|name| !name.is_empty()) {
        let (from, into) = (root.join(name), to.join(name));
        let fault = |error: io::Error| format!("{}: {error}", into.display());
        let Ok(bytes) = fs::read(&from) else { continue };
        if fs::read(&into).is_ok_and(|there| there == bytes) {
            continue;
        }
        into.parent().map_or(Ok(()), fs::create_dir_all).map_err(fault)?;
        fs::write(&into, bytes).map_err(fault)?;
        fs::set_permissions(&into, fs::metadata(&from).map_err(fault)?.permissions()).map_err(fault)?;
    }
    Ok(())
}

/// Holds the list against the tests. `say` is told how each mutant ended.
pub fn run(root: &Path, plan: &Plan, say: &mut dyn FnMut(String)) -> Result<Tally, Fault> {
    let list = List::read(root)?;
    let chosen = |file: &MutatedFile, mutant: &Mutant| {
        let named = mutant.id.starts_with(&plan.prefix) || file.path.to_string_lossy().starts_with(&plan.prefix);
        named && (mutant.ci || !plan.ci)
    };
    let (faults, others): (Vec<_>, Vec<_>) =
        list.faults(root).into_iter().partition(|fault| fault.mutant.is_none_or(|(file, mutant)| chosen(file, mutant)));
    if !faults.is_empty() {
        let lines: Vec<String> = faults.iter().map(ToString::to_string).collect();
        return Err(format!("corpus/mutants/list.toml:\n{}", lines.join("\n")));
    }
    if !others.is_empty() {
        say(format!("warning: {} other mutants do not fit the code any more; --check names them", others.len()));
    }
    let files: Vec<(&MutatedFile, Vec<&Mutant>)> = list
        .files
        .iter()
        .map(|file| (file, file.mutants.iter().filter(|mutant| chosen(file, mutant)).collect::<Vec<_>>()))
        .filter(|(_, mutants)| !mutants.is_empty())
        .collect();
    if plan.check || files.is_empty() {
        say(format!(
            "{} mutants in {} files fit the code",
            files.iter().map(|(_, m)| m.len()).sum::<usize>(),
            files.len()
        ));
        return Ok(Tally::default());
    }
    copy(root, &plan.copy)?;
    let mut lab = Lab { plan, programs: BTreeMap::new() };
    for (file, _) in &files {
        for tests in &file.tests {
            let tests = Tests::parse(tests)?;
            if !lab.programs.contains_key(&tests.suite) {
                let built = lab.build(tests.suite)?.map_err(|text| format!("without a mutant:\n{text}"))?;
                lab.programs.insert(tests.suite, built);
            }
            for filter in &tests.filters {
                let one = Tests { suite: tests.suite, filters: vec![filter.clone()] };
                let program = lab.programs.get(&tests.suite).ok_or("no program")?;
                match lab.run(program, &one)? {
                    (Ended::Passed, 1..) => {}
                    (Ended::Passed, 0) => return Err(format!("{filter}: no test of that name")),
                    _ => return Err(format!("{filter}: fails without a mutant")),
                }
            }
        }
    }
    let mut tally = Tally::default();
    for (file, mutants) in files {
        let path = plan.copy.join(&file.path);
        let original = fs::read_to_string(&path).map_err(|error| format!("{}: {error}", path.display()))?;
        for mutant in mutants {
            let write = |text: &str| fs::write(&path, text).map_err(|error| format!("{}: {error}", path.display()));
            write(&original.replacen(&mutant.find, &mutant.put, 1))?;
            let began = Instant::now();
            let ended = try_one(&lab, file);
            write(&original)?;
            let word = match (ended.map_err(|fault| format!("{}: {fault}", mutant.id))?, &mutant.survives) {
                (Ended::Passed, Some(_)) => {
                    tally.excused += 1;
                    "survives, as stated"
                }
                (Ended::Passed, None) => {
                    tally.survived.push(mutant.id.clone());
                    "SURVIVES"
                }
                (Ended::Unviable(text), _) => {
                    tally.unviable.push(mutant.id.clone());
                    say(text);
                    "DOES NOT COMPILE"
                }
                (Ended::Failed | Ended::OutOfTime, Some(_)) => {
                    tally.unexpected.push(mutant.id.clone());
                    "KILLED, against its reason"
                }
                (Ended::Failed, None) => {
                    tally.killed += 1;
                    "killed"
                }
                (Ended::OutOfTime, None) => {
                    tally.killed += 1;
                    "killed by time"
                }
            };
            say(format!("{}: {word} ({:.1} s)", mutant.id, began.elapsed().as_secs_f32()));
        }
    }
    Ok(tally)
}

/// Builds and runs what concerns a file, until something fails.
fn try_one(lab: &Lab<'_>, file: &MutatedFile) -> Result<Ended, Fault> {
    for tests in &file.tests {
        let tests = Tests::parse(tests)?;
        let program = match lab.build_mutant(tests.suite)? {
            Ok(program) => program,
            Err(text) => return Ok(Ended::Unviable(text)),
        };
        match lab.run(&program, &tests)?.0 {
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
        assert_eq!(all.iter().filter(|mutant| mutant.ci).count(), 30, "mutants of every change");
    }

    #[test]
    fn a_list_that_does_not_fit_the_code_is_refused() {
        let fault = |mutants: &str, tests: &str| {
            let path = "corpus/src/pack.rs";
            let text = format!("[[file]]\npath = '{path}'\ntests = ['{tests}']\nmutants = [{mutants}]\n");
            let list = toml::from_str::<List>(&text).expect(mutants);
            list.faults(&root()).iter().map(ToString::to_string).collect::<Vec<_>>().join("; ")
        };
        let good = "{ id = 'a', find = 'pub fn read(', put = 'pub fn other(' }";
        assert_eq!(fault(good, "core git::"), "");
        for (mutants, tests, says) in [
            (&format!("{good}, {good}"), "core git::", "stands twice"),
            (&good.replace("fn read", "fn raed"), "core git::", "is 0 times in corpus/src/pack.rs"),
            (&good.replace("pub fn read(", "fn "), "core git::", "times in"),
            (&good.replace("fn other(", "fn read("), "core git::", "changes nothing"),
            (&good.replace(" }", ", survives = ' ' }"), "core git::", "no stated reason"),
            (&good.replace(" }", ", survives = 'x', ci = true }"), "core git::", "of every change"),
            (&good.replace(" }", ", ci = true }"), "it git::", "of every change"),
            (&good.to_owned(), "cove git::", "the first word is"),
            (&good.to_owned(), "core", "no filter"),
        ] {
            assert!(fault(mutants, tests).contains(says), "{says}: {}", fault(mutants, tests));
        }
    }

    #[test]
    fn only_a_list_whose_every_promise_holds_is_held() {
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
