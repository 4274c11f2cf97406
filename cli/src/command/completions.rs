//! `keyradius completions`: print a completion script for a shell.

use clap::CommandFactory;
use clap_complete::Shell;

use crate::args::Args;
use crate::exit::{Exit, Failure};
use crate::out;

/// Prints the script.
pub(crate) fn run(shell: Shell) -> Result<Exit, Failure> {
    let mut script = Vec::new();
    clap_complete::generate(shell, &mut Args::command(), "keyradius", &mut script);
    out::data(&script)?;
    Ok(Exit::Nothing)
}
