//! A working directory and the real git, with the same environment everywhere.

use std::cell::Cell;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

/// Settings that make git fast and quiet. They are in the environment, so that the scanned repository has no trace of
/// them.
const SETTINGS: &[(&str, &str)] = &[
    ("advice.detachedHead", "false"),
    ("core.fsync", "none"),
    ("core.hooksPath", "/dev/null"),
    ("core.safecrlf", "false"),
    ("gc.auto", "0"),
    // The commits of these repositories are years old, and so are their reflogs.
    ("gc.reflogExpire", "never"),
    ("gc.reflogExpireUnreachable", "never"),
    ("init.defaultBranch", "main"),
    ("maintenance.auto", "false"),
    ("merge.renames", "false"),
    ("pack.threads", "1"),
    ("protocol.file.allow", "always"),
    ("safe.directory", "*"),
    ("user.useConfigOnly", "true"),
];

/// A directory that is removed after a test passed; a failing test keeps it for inspection.
pub(crate) struct Ground(PathBuf);

impl Ground {
    /// An empty directory for the test of this name.
    pub(crate) fn new(test: &str) -> Self {
        let directory = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("git-{test}"));
        let _ = std::fs::remove_dir_all(&directory);
        std::fs::create_dir_all(&directory).expect("a directory");
        Self(directory)
    }

    pub(crate) fn path(&self) -> &Path {
        &self.0
    }

    /// A path in the directory.
    pub(crate) fn join(&self, name: &str) -> PathBuf {
        self.0.join(name)
    }
}

impl Drop for Ground {
    fn drop(&mut self) {
        if !std::thread::panicking() {
            let _ = std::fs::remove_dir_all(&self.0);
        }
    }
}

/// Removes the test environment's settings for git.
pub(crate) fn without_opinions(command: &mut Command) -> &mut Command {
    for (name, _) in std::env::vars_os() {
        if name.to_string_lossy().starts_with("GIT_") {
            command.env_remove(name);
        }
    }
    for name in ["EMAIL", "XDG_CONFIG_HOME", "NO_COLOR", "FORCE_COLOR", "CLICOLOR_FORCE", "SOURCE_DATE_EPOCH"] {
        command.env_remove(name);
    }
    command
}

/// A directory where git runs: a work tree or a git directory.
#[derive(Debug)]
pub(crate) struct Repo {
    pub(crate) dir: PathBuf,
    /// Seconds since 1970 of the next commit. Advances with every command, so that no two commits have the same second.
    clock: Cell<i64>,
}

impl Repo {
    /// An existing one.
    pub(crate) fn at(dir: impl Into<PathBuf>) -> Self {
        Self { dir: dir.into(), clock: Cell::new(1_730_000_000) }
    }

    /// A new one. `format` is `sha1` or `sha256`, `refs` is `files` or `reftable`.
    pub(crate) fn init(dir: impl Into<PathBuf>, args: &[&str]) -> Self {
        let repo = Self::at(dir);
        std::fs::create_dir_all(&repo.dir).expect("a directory");
        repo.git(&[&["init", "-q"], args].concat());
        repo
    }

    /// The command, without running it.
    pub(crate) fn command(&self, args: &[&str]) -> Command {
        let mut command = Command::new("git");
        without_opinions(&mut command).args(args).current_dir(&self.dir).stdin(Stdio::null());
        let date = format!("{} +0200", self.clock.get());
        self.clock.set(self.clock.get() + 60);
        command
            .env("HOME", &self.dir)
            .envs([("GIT_CONFIG_NOSYSTEM", "1"), ("GIT_CONFIG_GLOBAL", "/dev/null"), ("LC_ALL", "C"), ("TZ", "UTC")])
            .envs([("GIT_AUTHOR_NAME", "Ada"), ("GIT_AUTHOR_EMAIL", "ada@example.org")])
            .envs([("GIT_COMMITTER_NAME", "Carl"), ("GIT_COMMITTER_EMAIL", "carl@example.org")])
            .envs([("GIT_NO_LAZY_FETCH", "1"), ("GIT_TERMINAL_PROMPT", "0"), ("GIT_OPTIONAL_LOCKS", "0")])
            .env("GIT_AUTHOR_DATE", &date)
            .env("GIT_COMMITTER_DATE", &date)
            .env("GIT_CONFIG_COUNT", SETTINGS.len().to_string());
        for (number, (key, value)) in SETTINGS.iter().enumerate() {
            command.env(format!("GIT_CONFIG_KEY_{number}"), key).env(format!("GIT_CONFIG_VALUE_{number}"), value);
        }
        command
    }

    /// Runs a command that may fail.
    pub(crate) fn attempt(&self, args: &[&str]) -> Output {
        self.command(args).output().expect("git runs")
    }

    /// Runs a command that has to succeed, and returns its output.
    pub(crate) fn git(&self, args: &[&str]) -> String {
        let output = self.attempt(args);
        assert!(output.status.success(), "git {args:?} in {}: {output:?}", self.dir.display());
        String::from_utf8_lossy(&output.stdout).trim_end().to_owned()
    }

    /// Runs a command with this input, and returns its output as bytes.
    pub(crate) fn feed(&self, args: &[&str], input: &[u8]) -> Vec<u8> {
        let output = fed(&mut self.command(args), input);
        assert!(output.status.success(), "git {args:?} in {}: {output:?}", self.dir.display());
        output.stdout
    }

    /// Like `feed`, but the output is one line.
    pub(crate) fn feed_line(&self, args: &[&str], input: &[u8]) -> String {
        String::from_utf8_lossy(&self.feed(args, input)).trim_end().to_owned()
    }

    /// Writes a file in the work tree.
    pub(crate) fn file(&self, name: &str, content: &[u8]) {
        let path = self.dir.join(name);
        std::fs::create_dir_all(path.parent().expect("a parent")).expect("a directory");
        std::fs::write(path, content).expect("a file");
    }

    /// The git directory, absolute.
    pub(crate) fn git_dir(&self) -> PathBuf {
        self.git(&["rev-parse", "--absolute-git-dir"]).into()
    }
}

/// Runs a command with this input.
pub(crate) fn fed(command: &mut Command, input: &[u8]) -> Output {
    let piped = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = piped.spawn().expect("it runs");
    let mut pipe = child.stdin.take().expect("a pipe");
    std::thread::scope(|scope| {
        // The command may exit before it has read everything.
        scope.spawn(move || pipe.write_all(input).is_ok());
        child.wait_with_output().expect("it ends")
    })
}

/// Copies a directory with its content; links stay links.
pub(crate) fn copy(from: &Path, to: &Path) {
    std::fs::create_dir_all(to).expect("a directory");
    for entry in std::fs::read_dir(from).expect("a directory") {
        let entry = entry.expect("an entry");
        let (kind, target) = (entry.file_type().expect("a kind"), to.join(entry.file_name()));
        if kind.is_dir() {
            copy(&entry.path(), &target);
        } else if kind.is_symlink() {
            #[cfg(unix)]
            std::os::unix::fs::symlink(std::fs::read_link(entry.path()).expect("a link"), target).expect("a link");
        } else {
            std::fs::copy(entry.path(), target).expect("a copy");
        }
    }
}

/// Every file below a directory whose path has this end, sorted.
pub(crate) fn files(below: &Path, end: &str) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(below).expect("a directory") {
        let path = entry.expect("an entry").path();
        if path.is_dir() && !path.is_symlink() {
            found.extend(files(&path, end));
        } else if path.to_string_lossy().ends_with(end) {
            found.push(path);
        }
    }
    found.sort();
    found
}

/// The offset of bytes in other bytes.
pub(crate) fn find(needle: &[u8], hay: &[u8]) -> Option<usize> {
    let first = *needle.first()?;
    let last = hay.len().checked_sub(needle.len())?;
    let mut at = 0;
    while at <= last {
        at += hay[at..=last].iter().position(|&byte| byte == first)?;
        if hay[at..].starts_with(needle) {
            return Some(at);
        }
        at += 1;
    }
    None
}
