//! Git as a child process: every question is one call.

use std::ffi::OsStr;
use std::io::{IsTerminal, Read, Write};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};

use crate::exit::Failure;
use crate::report::words::escape;

/// How git is called.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Git {
    /// Leave out the object directories that git was told to borrow from: in a quarantine, only what was pushed remains.
    pub(crate) own_objects: bool,
}

/// A git that runs.
#[derive(Debug)]
pub(crate) struct Running {
    child: Child,
    what: String,
}

impl Git {
    /// A command whose answer does not depend on the user's language, grafts or network.
    pub(crate) fn command<S: AsRef<OsStr>>(self, args: &[S]) -> Command {
        let mut command = Command::new("git");
        command
            // The repository may name a program that knows which files changed; nothing here asks for that.
            .args(["-c", "core.fsmonitor=false"])
            .args(args)
            .env("LC_ALL", "C")
            // No question of a hook needs another repository, whatever the configuration says of remotes.
            .env("GIT_ALLOW_PROTOCOL", "")
            .env("GIT_OPTIONAL_LOCKS", "0")
            // What is absent from a partial clone is said, not fetched.
            .env("GIT_NO_LAZY_FETCH", "1")
            // A replacement would hide what is really committed.
            .env("GIT_NO_REPLACE_OBJECTS", "1")
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        if self.own_objects {
            command.env_remove("GIT_ALTERNATE_OBJECT_DIRECTORIES");
        }
        command
    }

    /// Starts git and goes on.
    pub(crate) fn start<S: AsRef<OsStr>>(self, args: &[S]) -> Result<Running, Failure> {
        let child = self.command(args).spawn().map_err(|error| not_started(&error))?;
        Ok(Running { child, what: named(args) })
    }

    /// What git answers.
    pub(crate) fn ask<S: AsRef<OsStr>>(self, args: &[S]) -> Result<Vec<u8>, Failure> {
        self.start(args)?.answer()
    }

    /// What git answers to `input`.
    pub(crate) fn tell<S: AsRef<OsStr>>(self, args: &[S], input: &[u8]) -> Result<Vec<u8>, Failure> {
        let mut child = self.command(args).stdin(Stdio::piped()).spawn().map_err(|error| not_started(&error))?;
        let stdin = child.stdin.take();
        std::thread::scope(|scope| {
            scope.spawn(|| {
                // A git that went away says why itself.
                stdin.map(|mut stdin| stdin.write_all(input))
            });
            Running { child, what: named(args) }.answer()
        })
    }

    /// What git answers, without the line feed at its end; `None` if it says no.
    pub(crate) fn value<S: AsRef<OsStr>>(self, args: &[S]) -> Option<PathBuf> {
        let mut answer = self.ask(args).ok()?;
        if answer.last() == Some(&b'\n') {
            answer.pop();
        }
        (!answer.is_empty()).then(|| path(&answer))
    }
}

impl Running {
    /// Everything it says, once it ended well.
    pub(crate) fn answer(self) -> Result<Vec<u8>, Failure> {
        let output = self.child.wait_with_output().map_err(|error| not_started(&error))?;
        if output.status.success() {
            return Ok(output.stdout);
        }
        let said = String::from_utf8_lossy(&output.stderr);
        let said = said.lines().find(|line| !line.trim().is_empty()).unwrap_or("it did not say why");
        let said = escape(said.trim_start_matches("fatal: ").trim_start_matches("error: "));
        Err(Failure::new(format!("`{}` failed: {said}", self.what)).hint("run it by hand to see more"))
    }
}

fn named<S: AsRef<OsStr>>(args: &[S]) -> String {
    let mut words = vec!["git".to_owned()];
    words.extend(args.iter().take(3).map(|arg| escape(&arg.as_ref().to_string_lossy())));
    words.join(" ")
}

/// Git could not be run.
pub(crate) fn not_started(error: &std::io::Error) -> Failure {
    Failure::new(format!("cannot run git: {error}")).hint("a hook needs git on the PATH")
}

/// What git writes to the standard input of a hook. A person who runs one by hand gets told, not a wait.
pub(crate) fn lines() -> Result<String, Failure> {
    let stdin = std::io::stdin();
    let mut lines = Vec::new();
    if stdin.is_terminal() {
        return Err(Failure::new("nothing says what is pushed: git writes it to the standard input of this hook")
            .hint("to check files, run `keyradius scan`; to install the hook, `keyradius hook install`"));
    }
    stdin.lock().read_to_end(&mut lines).map_err(|error| {
        Failure::new(format!("cannot read what is pushed from standard input: {error}"))
            .hint("git writes it there; see docs/hooks.md for hook managers")
    })?;
    Ok(text(&lines))
}

/// A path as git writes it.
#[cfg(unix)]
pub(crate) fn path(bytes: &[u8]) -> PathBuf {
    use std::os::unix::ffi::OsStrExt;
    PathBuf::from(OsStr::from_bytes(bytes))
}

/// A path as git writes it.
#[cfg(not(unix))]
pub(crate) fn path(bytes: &[u8]) -> PathBuf {
    PathBuf::from(String::from_utf8_lossy(bytes).into_owned())
}

/// An object's name as text.
pub(crate) fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

/// Whether this is the name of no object: zeros, as many as the object format has digits.
pub(crate) fn is_zero(oid: &str) -> bool {
    oid.bytes().all(|digit| digit == b'0')
}

/// Whether this can be the name of an object.
pub(crate) fn is_oid(text: &str) -> bool {
    matches!(text.len(), 40 | 64) && text.bytes().all(|digit| digit.is_ascii_hexdigit())
}

/// The blobs without a byte, SHA-1 and SHA-256: what an intent to add leaves in the index.
pub(crate) fn is_empty_blob(oid: &str) -> bool {
    oid == "e69de29bb2d1d6434b8b29ae775ad8c2e48c5391"
        || oid == "473a0f4c3be8a93681a267e3b1e9a7dcda1185436fe141f7749120a303721813"
}

/// One changed path of `--raw -z`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Change {
    /// The commit, where a log was read.
    pub(crate) commit: Option<Commit>,
    /// Whether it is a submodule now.
    pub(crate) submodule: bool,
    /// The object before.
    pub(crate) old: String,
    /// The object now.
    pub(crate) new: String,
    /// Where.
    pub(crate) path: PathBuf,
}

/// A commit of a log.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Commit {
    /// Its name.
    pub(crate) oid: String,
    /// How many parents it has.
    pub(crate) parents: usize,
}

/// The format that [`changes`] reads commits from.
pub(crate) const LOG_FORMAT: &str = "--format=tformat:%x01%H %P";

/// Reads `--raw -z --no-abbrev --no-renames`, of a diff or of a log in [`LOG_FORMAT`].
pub(crate) fn changes(raw: &[u8]) -> Vec<Change> {
    let mut tokens = raw.split(|byte| *byte == 0);
    let mut commit = None;
    let mut changes = Vec::new();
    while let Some(token) = tokens.next() {
        if let Some(line) = token.strip_prefix(b"\x01") {
            let line = text(line);
            let mut words = line.split_whitespace();
            commit = words.next().map(|oid| Commit { oid: oid.to_owned(), parents: words.clone().count() });
            continue;
        }
        let Some(entry) = token.trim_ascii_start().strip_prefix(b":") else { continue };
        let entry = text(entry);
        let mut words = entry.split(' ');
        let (_, Some(mode), Some(old), Some(new)) = (words.next(), words.next(), words.next(), words.next()) else {
            continue;
        };
        let Some(name) = tokens.next() else { break };
        changes.push(Change {
            commit: commit.clone(),
            submodule: mode == "160000",
            old: old.to_owned(),
            new: new.to_owned(),
            path: path(name),
        });
    }
    changes
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn raw_entries_and_logs_are_read_whatever_the_paths_hold() {
        let diff = b":100644 100755 aa bb M\0a b\0:000000 160000 00 cc A\0sub\0:100644 120000 dd ee T\0:x\ny\0";
        let told: Vec<_> = changes(diff)
            .into_iter()
            .map(|change| (change.old, change.new, change.submodule, change.path.to_string_lossy().into_owned()))
            .collect();
        let expected = [("aa", "bb", false, "a b"), ("00", "cc", true, "sub"), ("dd", "ee", false, ":x\ny")];
        let expected = expected.map(|(old, new, sub, path)| (old.to_owned(), new.to_owned(), sub, path.to_owned()));
        assert_eq!(told, expected);

        let log = b"\x01c2 p1 p2\0\n:000000 100644 00 bb A\0k\0:100644 100644 aa bb M\0k\0\x01c1 \0\n:000000 100644 00 bb A\0k\0";
        let told: Vec<_> =
            changes(log).into_iter().filter_map(|change| change.commit).map(|c| (c.oid, c.parents)).collect();
        assert_eq!(told, [("c2".to_owned(), 2), ("c2".to_owned(), 2), ("c1".to_owned(), 0)]);
        assert!(changes(b"").is_empty());
    }

    #[test]
    fn no_object_is_zeros_of_any_length() {
        assert!(is_zero(&"0".repeat(40)) && is_zero(&"0".repeat(64)) && !is_zero("00a0"));
    }
}
