//! Builds the command of a git process: its arguments, its environment and the objects that it sees.

use std::ffi::OsStr;
use std::io::{self, Read};
use std::process::{Command, Stdio};

use super::answer::text;

/// Maximum bytes kept of git's standard error.
pub(crate) const COMPLAINT: u64 = 4 << 10;

/// The objects that git sees while a push is in quarantine.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Objects {
    /// Those of the server and those of the push.
    #[default]
    All,
    /// Those of the push, without those of the server that it refers to.
    Pushed,
    /// Those that the server had before the push.
    Stored,
}

#[cfg(target_os = "linux")]
impl Objects {
    /// The byte that encodes this choice in a request to the broker.
    pub(crate) const fn to_byte(self) -> u8 {
        match self {
            Self::All => b'a',
            Self::Pushed => b'p',
            Self::Stored => b's',
        }
    }

    /// The choice that a byte encodes.
    pub(crate) fn of_byte(byte: u8) -> Option<Self> {
        [Self::All, Self::Pushed, Self::Stored].into_iter().find(|objects| objects.to_byte() == byte)
    }
}

/// A git command whose output does not depend on the user's language, grafts or network.
pub(crate) fn command<S: AsRef<OsStr>>(objects: Objects, args: &[S]) -> Command {
    let mut command = Command::new("git");
    command
        // A repository may name a program that monitors changed files; hooks do not need one.
        .args(["-c", "core.fsmonitor=false"])
        // Larger objects are streamed instead of held in memory.
        .args(["-c", "core.bigFileThreshold=1m"])
        .args(args)
        .env("LC_ALL", "C")
        // No command of a hook needs another repository, whatever the configuration says about remotes.
        .env("GIT_ALLOW_PROTOCOL", "")
        .env("GIT_OPTIONAL_LOCKS", "0")
        // Objects that a partial clone lacks are reported, not fetched.
        .env("GIT_NO_LAZY_FETCH", "1")
        // A replacement or a graft would hide stored objects.
        .env("GIT_NO_REPLACE_OBJECTS", "1")
        .env("GIT_GRAFT_FILE", if cfg!(windows) { "NUL" } else { "/dev/null" })
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    // receive-pack makes the quarantine the object directory, and the repository's own an alternate of it.
    match objects {
        Objects::All => {}
        Objects::Pushed => {
            command.env_remove("GIT_ALTERNATE_OBJECT_DIRECTORIES");
        }
        Objects::Stored => {
            // receive-pack also names a file of shallow commits, some of which come from the client.
            let quarantine = ["GIT_OBJECT_DIRECTORY", "GIT_QUARANTINE_PATH", "GIT_SHALLOW_FILE"];
            for name in quarantine {
                command.env_remove(name);
            }
        }
    }
    command
}

/// Reads the standard error of a process and returns the first [`COMPLAINT`] bytes. The rest is read too, because a
/// full pipe would block the process.
pub(crate) fn complaint(mut stderr: impl Read) -> String {
    let mut kept = Vec::new();
    let _ = (&mut stderr).take(COMPLAINT).read_to_end(&mut kept);
    let _ = io::copy(&mut stderr, &mut io::sink());
    text(&kept)
}
