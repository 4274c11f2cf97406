//! The machine around the command: terminals, environment, current directory, clock. Read once, and only here.

use std::collections::BTreeMap;
use std::ffi::{OsStr, OsString};
use std::fmt;
use std::io::IsTerminal;
use std::path::PathBuf;

use jiff::Timestamp;

use crate::exit::Failure;
use crate::moment;

/// The machine around the command.
#[derive(Clone, Debug, Default)]
#[allow(clippy::struct_excessive_bools, reason = "independent facts about the surroundings")]
pub(crate) struct Surroundings {
    /// The current directory.
    pub(crate) directory: PathBuf,
    /// Whether standard output is a terminal.
    pub(crate) stdout_terminal: bool,
    /// Whether standard error is a terminal.
    pub(crate) stderr_terminal: bool,
    /// Width of the terminal in columns, if there is a terminal.
    pub(crate) columns: Option<usize>,
    /// Whether a CI system runs the command (`CI` is set).
    pub(crate) ci: bool,
    /// Whether `TERM` is `dumb`.
    pub(crate) dumb: bool,
    /// Whether `NO_COLOR` is set and not empty (<https://no-color.org>).
    pub(crate) no_color: bool,
    /// Whether `CLICOLOR_FORCE` or `FORCE_COLOR` is set, not empty and not `0`.
    pub(crate) force_color: bool,
    /// The value of `SOURCE_DATE_EPOCH` (<https://reproducible-builds.org/specs/source-date-epoch>), not parsed.
    pub(crate) source_date_epoch: Option<String>,
    /// All environment variables. Git and hook managers pass data to hooks in them.
    pub(crate) variables: Variables,
    /// The current time.
    pub(crate) now: Timestamp,
}

/// The environment variables.
#[derive(Clone, Default)]
pub(crate) struct Variables(BTreeMap<OsString, OsString>);

impl Variables {
    /// The value of a variable, if it is set.
    pub(crate) fn get(&self, name: &str) -> Option<&OsStr> {
        self.0.get(OsStr::new(name)).map(OsString::as_os_str)
    }

    /// The value of a variable as text; `None` if it is not set or not UTF-8.
    pub(crate) fn text(&self, name: &str) -> Option<&str> {
        self.get(name)?.to_str()
    }

    /// The sorted names of all variables whose name is UTF-8.
    pub(crate) fn names(&self) -> impl Iterator<Item = &str> {
        self.0.keys().filter_map(|name| name.to_str())
    }
}

impl<N: Into<OsString>, V: Into<OsString>> FromIterator<(N, V)> for Variables {
    fn from_iter<I: IntoIterator<Item = (N, V)>>(all: I) -> Self {
        Self(all.into_iter().map(|(name, value)| (name.into(), value.into())).collect())
    }
}

/// Prints only the number of variables, because environments contain passwords.
impl fmt::Debug for Variables {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} variables", self.0.len())
    }
}

/// The name of this machine in its network, and its system, release and architecture.
pub(crate) fn machine() -> (String, String) {
    let architecture = std::env::consts::ARCH;
    #[cfg(unix)]
    {
        let name = rustix::system::uname();
        let text = |part: &std::ffi::CStr| part.to_string_lossy().into_owned();
        (text(name.nodename()), format!("{} {} {architecture}", text(name.sysname()), text(name.release())))
    }
    #[cfg(not(unix))]
    {
        let host = std::env::var("COMPUTERNAME").unwrap_or_default();
        (host, format!("{} {architecture}", std::env::consts::OS))
    }
}

impl Surroundings {
    /// Reads the surroundings of this process.
    pub(crate) fn real() -> Result<Self, Failure> {
        let variables: Variables = std::env::vars_os().collect();
        let value = |name: &str| variables.get(name).filter(|value| !value.is_empty());
        let set = |name: &str| value(name).is_some();
        let forced = |name: &str| value(name).is_some_and(|value| value != "0");
        let directory = std::env::current_dir().map_err(|error| {
            Failure::new(format!("cannot find the current directory: {error}")).hint("change to an existing directory")
        })?;
        Ok(Self {
            directory,
            stdout_terminal: std::io::stdout().is_terminal(),
            stderr_terminal: std::io::stderr().is_terminal(),
            columns: terminal_size::terminal_size().map(|(width, _)| usize::from(width.0)),
            ci: set("CI"),
            dumb: value("TERM").is_some_and(|value| value == "dumb"),
            no_color: set("NO_COLOR"),
            force_color: forced("CLICOLOR_FORCE") || forced("FORCE_COLOR"),
            source_date_epoch: value("SOURCE_DATE_EPOCH").and_then(OsStr::to_str).map(str::to_owned),
            now: moment::now(),
            variables,
        })
    }
}
