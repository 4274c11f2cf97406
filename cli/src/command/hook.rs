//! `keyradius hook`: what git runs, and what installs it.

use crate::args::hook::HookCommand;
use crate::exit::{Exit, Failure};
use crate::hook::{install, pre_commit, pre_push, pre_receive};
use crate::plan::Surroundings;

/// Runs one of them.
pub(crate) fn run(command: &HookCommand) -> Result<Exit, Failure> {
    let here = Surroundings::real()?.directory;
    match command {
        HookCommand::PreCommit(args) => pre_commit::run(args, &here),
        HookCommand::PrePush(args) => pre_push::run(args, &here),
        HookCommand::PreReceive(args) => pre_receive::run(args, &here),
        HookCommand::Install(args) => install::install(args, &here),
        HookCommand::Uninstall(args) => install::uninstall(args, &here),
        HookCommand::Status(args) => install::status(args, &here),
    }
}
