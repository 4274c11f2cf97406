//! `keyradius hook`: the hooks that git runs, and their installation.

use crate::args::hook::HookCommand;
use crate::confine::Guard;
use crate::exit::{Exit, Failure};
#[cfg(target_os = "linux")]
use crate::hook::broker;
use crate::hook::{install, pre_commit, pre_push, pre_receive};
use crate::surroundings::Surroundings;

/// Runs one of the commands of `hook`.
pub(crate) fn run(command: &HookCommand, guard: Guard) -> Result<Exit, Failure> {
    let around = Surroundings::real()?;
    match command {
        HookCommand::PreCommit(args) => pre_commit::run(args, &around, guard),
        HookCommand::PrePush(args) => pre_push::run(args, &around, guard),
        HookCommand::PreReceive(args) => pre_receive::run(args, &around, guard),
        #[cfg(target_os = "linux")]
        HookCommand::Broker => broker::run(),
        HookCommand::Install(args) => install::install(args, &around),
        HookCommand::Uninstall(args) => install::uninstall(args, &around),
        HookCommand::Status(args) => install::status(args, &around),
    }
}
