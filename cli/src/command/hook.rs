//! `keyradius hook`: what git runs, and what installs it.

use crate::args::hook::HookCommand;
use crate::confine::Guard;
use crate::exit::{Exit, Failure};
#[cfg(target_os = "linux")]
use crate::hook::broker;
use crate::hook::{install, pre_commit, pre_push, pre_receive};
use crate::plan::Surroundings;

/// Runs one of them.
pub(crate) fn run(command: &HookCommand, guard: Guard) -> Result<Exit, Failure> {
    let here = Surroundings::real()?.directory;
    match command {
        HookCommand::PreCommit(args) => pre_commit::run(args, &here, guard),
        HookCommand::PrePush(args) => pre_push::run(args, &here, guard),
        HookCommand::PreReceive(args) => pre_receive::run(args, &here, guard),
        #[cfg(target_os = "linux")]
        HookCommand::Broker => broker::run(),
        HookCommand::Install(args) => install::install(args, &here),
        HookCommand::Uninstall(args) => install::uninstall(args, &here),
        HookCommand::Status(args) => install::status(args, &here),
    }
}
