//! What the machine around the command says: terminals, environment, directory, clock. Read once, here only.

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
    /// Standard output is a terminal.
    pub(crate) stdout_terminal: bool,
    /// Standard error is a terminal.
    pub(crate) stderr_terminal: bool,
    /// Columns of the terminal, where there is one.
    pub(crate) columns: Option<usize>,
    /// A CI system runs this.
    pub(crate) ci: bool,
    /// `TERM=dumb`.
    pub(crate) dumb: bool,
    /// `NO_COLOR` is set and not empty (<https://no-color.org>).
    pub(crate) no_color: bool,
    /// `CLICOLOR_FORCE` or `FORCE_COLOR` is set, not empty and not `0`.
    pub(crate) force_color: bool,
    /// `SOURCE_DATE_EPOCH` (<https://reproducible-builds.org/specs/source-date-epoch>), as it stands.
    pub(crate) source_date_epoch: Option<String>,
    /// All variables of the environment: those of git and of hook managers tell a hook what it is asked.
    pub(crate) variables: Variables,
    /// The time.
    pub(crate) now: Timestamp,
}

/// The variables of the environment.
#[derive(Clone, Default)]
pub(crate) struct Variables(BTreeMap<OsString, OsString>);

impl Variables {
    /// What a variable is set to, if it is set.
    pub(crate) fn get(&self, name: &str) -> Option<&OsStr> {
        self.0.get(OsStr::new(name)).map(OsString::as_os_str)
    }

    /// The same as text; `None` if it is not UTF-8.
    pub(crate) fn text(&self, name: &str) -> Option<&str> {
        self.get(name)?.to_str()
    }

    /// Their names, sorted; those that are text.
    pub(crate) fn names(&self) -> impl Iterator<Item = &str> {
        self.0.keys().filter_map(|name| name.to_str())
    }
}

impl<N: Into<OsString>, V: Into<OsString>> FromIterator<(N, V)> for Variables {
    fn from_iter<I: IntoIterator<Item = (N, V)>>(all: I) -> Self {
        Self(all.into_iter().map(|(name, value)| (name.into(), value.into())).collect())
    }
}

/// Their number alone: an environment holds passwords.
impl fmt::Debug for Variables {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} variables", self.0.len())
    }
}

impl Surroundings {
    /// The real ones.
    pub(crate) fn real() -> Result<Self, Failure> {
        let variables: Variables = std::env::vars_os().collect();
        let value = |name: &str| variables.get(name).filter(|value| !value.is_empty());
        let set = |name: &str| value(name).is_some();
        let forced = |name: &str| value(name).is_some_and(|value| value != "0");
        let directory = std::env::current_dir().map_err(|error| {
            Failure::new(format!("cannot tell the current directory: {error}")).hint("change to one that exists")
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
