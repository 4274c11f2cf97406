//! What was typed after `rules`.

use std::path::PathBuf;

use clap::{Subcommand, ValueEnum};

const IMPORT_HELP: &str = "\
Writes [[secret]] entries for keyradius.toml to standard output, or to a new file, and says on standard error what became
of every rule and of every field: converted, rewritten or dropped, with the reason. Nothing is dropped in silence.

Exit codes:
  0  every rule was converted
  2  the file could not be read or written
  3  some rules were dropped";

const CHECK_HELP: &str = "\
Reads the [[secret]] and [[secret_allow]] entries of a configuration, compiles every pattern and says for each rule which
literals are searched for it.

Exit codes:
  0  every rule is good
  2  one is not, or the file could not be read";

/// The commands of `rules`.
#[derive(Clone, Debug, Subcommand)]
pub(crate) enum RulesCommand {
    /// Convert rules of another tool
    #[command(after_long_help = IMPORT_HELP)]
    Import {
        /// Whose rules
        #[arg(value_enum)]
        from: From,
        /// Its configuration
        file: PathBuf,
        /// A new file for the rules [default: standard output]
        #[arg(short, long, value_name = "FILE")]
        output: Option<PathBuf>,
    },
    /// Check the rules of a configuration
    #[command(after_long_help = CHECK_HELP)]
    Check {
        /// The configuration [default: keyradius.toml here or above]
        file: Option<PathBuf>,
    },
}

/// Tools whose rules can be converted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum From {
    /// gitleaks and what reads its TOML
    Gitleaks,
}
