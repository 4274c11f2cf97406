//! What the machine around the command says: terminals, environment, directory, clock. Read once, here only.

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
    /// The time.
    pub(crate) now: Timestamp,
}

impl Surroundings {
    /// The real ones.
    pub(crate) fn real() -> Result<Self, Failure> {
        let set = |name: &str| std::env::var_os(name).is_some_and(|value| !value.is_empty());
        let forced = |name: &str| std::env::var_os(name).is_some_and(|value| !value.is_empty() && value != "0");
        let directory = std::env::current_dir().map_err(|error| {
            Failure::new(format!("cannot tell the current directory: {error}")).hint("change to one that exists")
        })?;
        Ok(Self {
            directory,
            stdout_terminal: std::io::stdout().is_terminal(),
            stderr_terminal: std::io::stderr().is_terminal(),
            columns: terminal_size::terminal_size().map(|(width, _)| usize::from(width.0)),
            ci: set("CI"),
            dumb: std::env::var_os("TERM").is_some_and(|value| value == "dumb"),
            no_color: set("NO_COLOR"),
            force_color: forced("CLICOLOR_FORCE") || forced("FORCE_COLOR"),
            source_date_epoch: std::env::var("SOURCE_DATE_EPOCH").ok().filter(|value| !value.is_empty()),
            now: moment::now(),
        })
    }
}
