//! How a git process is started, by whoever may start it: its words, its environment and the objects that it sees.

use std::ffi::OsStr;
use std::io::{self, Read};
use std::process::{Command, Stdio};

use super::answer::text;

/// Most bytes of a line that git writes to standard error, and of all of them that are kept.
pub(crate) const COMPLAINT: u64 = 4 << 10;

/// Which objects git sees while a push lies in quarantine.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Objects {
    /// Those of the server and those of the push.
    #[default]
    All,
    /// Those of the push, without those that it borrows from the server.
    Pushed,
    /// Those that the server had before.
    Stored,
}

#[cfg(target_os = "linux")]
impl Objects {
    /// A byte for it, as the broker is told.
    pub(crate) const fn to_byte(self) -> u8 {
        match self {
            Self::All => b'a',
            Self::Pushed => b'p',
            Self::Stored => b's',
        }
    }

    /// What a byte stands for.
    pub(crate) fn of_byte(byte: u8) -> Option<Self> {
        [Self::All, Self::Pushed, Self::Stored].into_iter().find(|objects| objects.to_byte() == byte)
    }
}

/// A command whose answer does not depend on the user's language, grafts or network.
pub(crate) fn command<S: AsRef<OsStr>>(objects: Objects, args: &[S]) -> Command {
    let mut command = Command::new("git");
    command
        // The repository may name a program that knows which files changed; nothing here asks for that.
        .args(["-c", "core.fsmonitor=false"])
        // Larger objects are streamed, not held.
        .args(["-c", "core.bigFileThreshold=1m"])
        .args(args)
        .env("LC_ALL", "C")
        // No question of a hook needs another repository, whatever the configuration says of remotes.
        .env("GIT_ALLOW_PROTOCOL", "")
        .env("GIT_OPTIONAL_LOCKS", "0")
        // What is absent from a partial clone is reported, not fetched.
        .env("GIT_NO_LAZY_FETCH", "1")
        // A replacement or a graft would hide what is stored.
        .env("GIT_NO_REPLACE_OBJECTS", "1")
        .env("GIT_GRAFT_FILE", if cfg!(windows) { "NUL" } else { "/dev/null" })
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    // receive-pack makes the quarantine the object directory, and the one of the repository an alternate of it.
    match objects {
        Objects::All => {}
        Objects::Pushed => {
            command.env_remove("GIT_ALTERNATE_OBJECT_DIRECTORIES");
        }
        Objects::Stored => {
            // It also names a file of where histories end, with what the client says of that.
            let quarantine = ["GIT_OBJECT_DIRECTORY", "GIT_QUARANTINE_PATH", "GIT_SHALLOW_FILE"];
            for name in quarantine {
                command.env_remove(name);
            }
        }
    }
    command
}

/// What a process complains of, as far as it is kept; the rest is read too, because a full pipe would hold it up.
pub(crate) fn complaint(mut stderr: impl Read) -> String {
    let mut kept = Vec::new();
    let _ = (&mut stderr).take(COMPLAINT).read_to_end(&mut kept);
    let _ = io::copy(&mut stderr, &mut io::sink());
    text(&kept)
}
