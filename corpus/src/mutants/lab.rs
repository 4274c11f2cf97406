//! A copy of the checkout with all selected mutants, built once, and its test programs.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::io;
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use super::schema::{self, SWITCH, VARIABLE};
use super::{Mutant, MutatedFile};

/// An error message.
pub(super) type Fault = String;

/// A test program.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Suite {
    Core,
    Git,
    Readers,
    Containers,
    Formats,
    Secrets,
    Usage,
    Judgement,
    Detectors,
    Cli,
    /// The integration tests of the command.
    It,
}

impl Suite {
    const ALL: [Self; 11] = [
        Self::Core,
        Self::Git,
        Self::Readers,
        Self::Containers,
        Self::Formats,
        Self::Secrets,
        Self::Usage,
        Self::Judgement,
        Self::Detectors,
        Self::Cli,
        Self::It,
    ];

    /// The suite's name in the list, its package, and cargo's name of the program.
    const fn names(self) -> (&'static str, &'static str, &'static str) {
        match self {
            Self::Core => ("core", "scanner-core", "keyradius_core"),
            Self::Git => ("git", "scanner-core/git", "keyradius_git"),
            Self::Readers => ("readers", "detectors/readers", "keyradius_readers"),
            Self::Containers => ("containers", "detectors/containers", "keyradius_containers"),
            Self::Formats => ("formats", "detectors/formats", "keyradius_formats"),
            Self::Secrets => ("secrets", "detectors/secrets", "keyradius_secrets"),
            Self::Usage => ("usage", "detectors/usage", "keyradius_usage"),
            Self::Judgement => ("judgement", "detectors/judgement", "keyradius_judgement"),
            Self::Detectors => ("detectors", "detectors", "keyradius_detectors"),
            Self::Cli => ("cli", "cli", "keyradius"),
            Self::It => ("it", "cli", "it"),
        }
    }
}

/// Tests to run for a mutant.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Tests {
    pub(super) suite: Suite,
    pub(super) filters: Vec<String>,
}

impl Tests {
    pub(super) fn parse(text: &str) -> Result<Self, Fault> {
        let mut words = text.split_whitespace();
        let word = words.next().unwrap_or_default();
        let suite = Suite::ALL.into_iter().find(|suite| suite.names().0 == word);
        let suite = suite.ok_or_else(|| {
            let words: Vec<&str> = Suite::ALL.iter().map(|suite| suite.names().0).collect();
            format!("{text:?}: the first word is one of {}", words.join(", "))
        })?;
        let filters: Vec<String> = words.map(str::to_owned).collect();
        if filters.is_empty() {
            return Err(format!("{text:?}: no filter, such as delta::"));
        }
        Ok(Self { suite, filters })
    }
}

/// Tests to run for the mutants of a file. With `ci`, only unit tests.
pub(super) fn chosen_tests(file: &MutatedFile, ci: bool) -> Result<Vec<Tests>, Fault> {
    let all: Vec<Tests> = file.tests.iter().map(|tests| Tests::parse(tests)).collect::<Result<_, _>>()?;
    Ok(all.into_iter().filter(|tests| !ci || tests.suite != Suite::It).collect())
}

/// Profiles of the copied crates, so that cargo does not confuse them with those of the checkout: it identifies a
/// package of a workspace by its relative path, and both share a target folder. They also build faster; their
/// dependencies are the same.
const PROFILES: &str = "
[profile.dev.package]
keyradius.opt-level = 0
keyradius-benches.opt-level = 0
keyradius-containers.opt-level = 0
keyradius-core.opt-level = 0
keyradius-corpus.opt-level = 0
keyradius-detectors.opt-level = 0
keyradius-formats.opt-level = 0
keyradius-git.opt-level = 0
keyradius-judgement.opt-level = 0
keyradius-readers.opt-level = 0
keyradius-secrets.opt-level = 0
keyradius-usage.opt-level = 0
";

/// How tests ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Ended {
    Passed,
    Failed,
    OutOfTime,
}

/// A file and its selected mutants, each with its number.
pub(super) type Chosen<'l> = (&'l MutatedFile, Vec<(usize, &'l Mutant)>);

/// Copies, builds and runs the tests.
pub(super) struct Lab<'a> {
    pub(super) root: &'a Path,
    /// The copy's path.
    pub(super) copy: PathBuf,
    /// The target folder of its build.
    pub(super) target: &'a Path,
    pub(super) programs: BTreeMap<Suite, PathBuf>,
}

impl Lab<'_> {
    /// Builds the test programs with all mutants. Returns those that do not compile; they are left out.
    pub(super) fn build(
        &mut self,
        files: &[Chosen<'_>],
        ci: bool,
        say: &mut dyn FnMut(String),
    ) -> Result<BTreeSet<usize>, Fault> {
        let mut suites: BTreeSet<Suite> = BTreeSet::new();
        for (file, _) in files {
            suites.extend(chosen_tests(file, ci)?.iter().map(|tests| tests.suite));
        }
        let mut unviable = BTreeSet::new();
        loop {
            let lines = self.write(files, &suites, &unviable)?;
            // The whole workspace, like a normal test build: another selection of packages would rebuild their
            // dependencies.
            let words = ["test", "--workspace", "--locked", "--no-run", "--message-format", "short"];
            let done = self.cargo(&words).output().map_err(|error| format!("cannot start cargo: {error}"))?;
            let text = String::from_utf8_lossy(&done.stderr).into_owned();
            if done.status.success() {
                self.programs =
                    suites.iter().filter_map(|suite| Some((*suite, self.program(&text, *suite)?))).collect();
                return if self.programs.len() == suites.len() {
                    Ok(unviable)
                } else {
                    Err(format!("no test program:\n{text}"))
                };
            }
            let before = unviable.len();
            for error in text.lines().filter(|line| line.contains(": error")) {
                if let Some(number) = blamed(error, &lines) {
                    unviable.insert(number);
                    say(error.to_owned());
                }
            }
            if unviable.len() == before {
                return Err(format!("the copy without a mutant does not build:\n{text}"));
            }
        }
    }

    /// Updates the copy from the checkout, with the mutants. Returns the lines of each mutant, by file.
    fn write(&self, files: &[Chosen<'_>], suites: &BTreeSet<Suite>, without: &BTreeSet<usize>) -> Result<Lines, Fault> {
        let mut lines = Lines::new();
        copy(self.root, &self.copy, &mut |name, text| {
            let mut text = text.to_owned();
            if let Some((file, mutants)) = files.iter().find(|(file, _)| file.path == Path::new(name)) {
                let faults: Vec<schema::Fault<'_>> = mutants
                    .iter()
                    .filter(|(number, _)| !without.contains(number))
                    .map(|(number, mutant)| schema::Fault { number: *number, find: &mutant.find, put: &mutant.put })
                    .collect();
                let (mutated, places) = schema::with_all(&text, &faults);
                lines.insert(file.path.clone(), places);
                text = mutated;
            }
            if name == "Cargo.toml" {
                text.push_str(PROFILES);
            } else if name.ends_with("/src/lib.rs") || name.ends_with("/src/main.rs") {
                text.push_str(SWITCH);
            } else if let Some(package) = name.strip_suffix("/Cargo.toml") {
                text = without_tests(package, &text, suites);
            }
            text
        })?;
        Ok(lines)
    }

    fn program(&self, said: &str, suite: Suite) -> Option<PathBuf> {
        let paths = said.lines().filter(|line| line.trim_start().starts_with("Executable"));
        let mut paths = paths.filter_map(|line| line.rsplit_once('(')?.1.strip_suffix(')')).map(Path::new);
        let is_it =
            |path: &&Path| path.file_name()?.to_str()?.rsplit_once('-').map(|(name, _)| name == suite.names().2);
        paths.find(|path| is_it(path) == Some(true)).map(|path| self.copy.join(path))
    }

    fn cargo(&self, words: &[&str]) -> Command {
        let mut cargo = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
        cargo.args(words).current_dir(&self.copy).env("CARGO_TARGET_DIR", self.target).stdin(Stdio::null());
        // When run by cargo, this process has the variables of its own package.
        for (name, _) in std::env::vars_os() {
            let text = name.to_string_lossy();
            if text.starts_with("CARGO_PKG_") || text.starts_with("CARGO_MANIFEST_") || text == "CARGO_BIN_NAME" {
                cargo.env_remove(name);
            }
        }
        cargo.env("CARGO_TERM_COLOR", "never");
        cargo
    }

    /// Runs tests with the mutant of this number, or without one; also returns how many ran, if they ended.
    pub(super) fn run(&self, tests: &Tests, number: Option<usize>, time: Duration) -> Result<(Ended, usize), Fault> {
        let program = self.programs.get(&tests.suite).ok_or("no program")?;
        let mut command = Command::new(program);
        command.args(&tests.filters).current_dir(self.copy.join(tests.suite.names().1)).env("RUST_BACKTRACE", "0");
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::null());
        if let Some(number) = number {
            command.env(VARIABLE, number.to_string());
        }
        // A process group of its own: its child processes end with it.
        #[cfg(unix)]
        std::os::unix::process::CommandExt::process_group(&mut command, 0);
        let mut child = command.spawn().map_err(|error| format!("cannot start {}: {error}", program.display()))?;
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
                None if began.elapsed() > time => {
                    end(&mut child);
                    return Ok((Ended::OutOfTime, 0));
                }
                None => std::thread::sleep(Duration::from_millis(5)),
            }
        };
        let text = reader.join().unwrap_or_default();
        let ran = text.lines().find_map(|line| line.strip_prefix("running ")?.split(' ').next()?.parse().ok());
        Ok((ended, ran.unwrap_or_default()))
    }
}

/// Kills a test program and its child processes.
fn end(child: &mut Child) {
    if cfg!(unix) {
        let _ = Command::new("kill").args(["-KILL", "--", &format!("-{}", child.id())]).status();
    }
    let _ = child.kill();
    let _ = child.wait();
}

/// The lines of each mutant, by file.
type Lines = BTreeMap<PathBuf, Vec<(usize, Range<usize>)>>;

/// The mutant that contains the place of an error such as `cli/src/exit.rs:12:5: error[E0308]: mismatched types`.
fn blamed(error: &str, lines: &Lines) -> Option<usize> {
    let mut parts = error.split(':');
    let places = lines.get(Path::new(parts.next()?.trim()))?;
    let line: usize = parts.next()?.parse().ok()?;
    places.iter().find(|(_, lines)| lines.contains(&line)).map(|(number, _)| *number)
}

/// The manifest of a package without the unselected tests, so that they are not built.
fn without_tests(package: &str, manifest: &str, suites: &BTreeSet<Suite>) -> String {
    let wanted = |it: bool| suites.iter().any(|suite| suite.names().1 == package && (*suite == Suite::It) == it);
    let mut text = manifest.to_owned();
    if !wanted(false) {
        text = text.replace("[[bin]]\n", "[[bin]]\ntest = false\n");
        // The command alone has no library.
        if package != Suite::Cli.names().1 {
            text.push_str("\n[lib]\ntest = false\n");
        }
    }
    if !wanted(true) {
        text = text.replace("[package]\n", "[package]\nautotests = false\n");
    }
    text
}

/// Updates the copy with all files that git lists, tracked or untracked but not ignored; `change` edits each text.
/// Unchanged files are not written, so that their build stays fresh.
fn copy(root: &Path, to: &Path, change: &mut dyn FnMut(&str, &str) -> String) -> Result<(), Fault> {
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
        let bytes = match String::from_utf8(bytes) {
            Ok(text) => change(name, &text).into_bytes(),
            Err(other) => other.into_bytes(),
        };
        if fs::read(&into).is_ok_and(|there| there == bytes) {
            continue;
        }
        into.parent().map_or(Ok(()), fs::create_dir_all).map_err(fault)?;
        fs::write(&into, bytes).map_err(fault)?;
        fs::set_permissions(&into, fs::metadata(&from).map_err(fault)?.permissions()).map_err(fault)?;
    }
    Ok(())
}
