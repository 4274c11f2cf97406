//! Arguments of `rules`.

use std::path::PathBuf;

use clap::{Subcommand, ValueEnum};

const IMPORT_HELP: &str = "\
Writes [[secret]] entries for keyradius.toml to standard output, or to a new file. Reports on standard error whether
each rule and each field was converted, rewritten or dropped, and why. Nothing is dropped silently.

Exit codes:
  0  every rule was converted
  2  a file could not be read or written
  3  some rules were dropped";

const CHECK_HELP: &str = "\
Reads the [[secret]] and [[secret_allow]] entries of a configuration, compiles every pattern and prints the literals
that are searched for each rule.

Exit codes:
  0  every rule is valid
  2  a rule is invalid, or the file could not be read";

/// The commands of `rules`.
#[derive(Clone, Debug, Subcommand)]
pub(crate) enum RulesCommand {
    /// Convert the rules of another tool
    #[command(after_long_help = IMPORT_HELP)]
    Import {
        /// Tool whose rules are converted
        #[arg(value_enum)]
        from: From,
        /// Configuration of that tool
        file: PathBuf,
        /// New file for the rules [default: standard output]
        #[arg(short, long, value_name = "FILE")]
        output: Option<PathBuf>,
    },
    /// Check the rules of a configuration
    #[command(after_long_help = CHECK_HELP)]
    Check {
        /// Configuration to check [default: keyradius.toml here or above]
        file: Option<PathBuf>,
    },
}

/// Tools whose rules can be converted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum From {
    /// gitleaks, and tools that read its TOML
    Gitleaks,
}
