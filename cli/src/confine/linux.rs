//! Landlock and seccomp.

use landlock::{
    ABI, Access, AccessFs, AccessNet, BitFlags, LandlockStatus, PathBeneath, RestrictionStatus, Ruleset, RulesetAttr,
    RulesetCreatedAttr, RulesetError, RulesetStatus, Scope,
};

use super::{Layer, calls};
use crate::draft::Place;

/// The first version of Landlock that has everything asked of it here (Linux 6.12). What an older one lacks is said.
const WHOLE: ABI = ABI::V6;

/// Confines the process, as far as the kernel can.
pub(super) fn confine(output: Option<&Place>) -> (Layer, Layer) {
    // In this order: the filter of calls needs no exception for the calls of Landlock.
    let files = match restrict_files(output) {
        Ok(status) => layer_of(&status),
        Err(error) => Layer::Lacking(format!("the kernel refused it: {error}")),
    };
    let calls = match calls::restrict(output.is_some()) {
        Ok(()) => Layer::On("starts no program, opens no socket, traces and signals nobody".to_owned()),
        Err(error) => Layer::Lacking(format!("the kernel refused it: {error}")),
    };
    (files, calls)
}

/// Everything that changes a file system, executes, connects or signals is forbidden, and reading is not looked at.
fn restrict_files(output: Option<&Place>) -> Result<RestrictionStatus, RulesetError> {
    let changes = AccessFs::from_write(WHOLE) | AccessFs::Execute;
    let rules = Ruleset::default()
        .handle_access(changes)?
        .handle_access(AccessNet::from_all(WHOLE))?
        .scope(Scope::from_all(WHOLE))?
        .create()?;
    let rules = match output {
        Some(place) => rules.add_rule(PathBeneath::new(place.directory(), replaces_a_file()))?,
        None => rules,
    };
    rules.restrict_self()
}

/// What writing one file and renaming it takes.
fn replaces_a_file() -> BitFlags<AccessFs> {
    AccessFs::WriteFile | AccessFs::MakeReg | AccessFs::RemoveFile | AccessFs::Truncate | AccessFs::Refer
}

fn layer_of(status: &RestrictionStatus) -> Layer {
    let version = match status.landlock {
        LandlockStatus::NotEnabled => return Layer::Lacking("this kernel has it switched off".to_owned()),
        LandlockStatus::NotImplemented => return Layer::Lacking("this kernel does not have it".to_owned()),
        LandlockStatus::Available { kernel_abi: Some(version), .. } => version,
        LandlockStatus::Available { effective_abi, .. } => effective_abi as i32,
    };
    match status.ruleset {
        RulesetStatus::FullyEnforced => Layer::On(format!(
            "version {version}: writes no file but the output named on the command line, connects to nothing"
        )),
        RulesetStatus::PartiallyEnforced => Layer::Lacking(format!(
            "version {version} of this kernel holds in part: version {} would hold all of it",
            WHOLE as i32
        )),
        RulesetStatus::NotEnforced => Layer::Lacking(format!("version {version} of this kernel does not hold")),
    }
}
