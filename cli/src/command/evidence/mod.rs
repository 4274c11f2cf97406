//! Evidence of a hunt: `hunt --evidence` writes it, `keyradius evidence verify` checks it.

mod bundle;
mod verify;

use crate::args::hunt::EvidenceCommand;
use crate::confine::Guard;
use crate::exit::{Exit, Failure};
use crate::surroundings::Surroundings;

pub(super) use bundle::{Bundle, settled};

/// Runs a command for evidence, and returns the exit code.
pub(crate) fn run(command: &EvidenceCommand, around: &Surroundings, guard: Guard) -> Result<Exit, Failure> {
    match command {
        EvidenceCommand::Verify(args) => verify::run(args, around, guard),
    }
}
