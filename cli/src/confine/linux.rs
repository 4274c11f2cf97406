//! Confinement by Landlock and seccomp.

use landlock::{
    ABI, Access, AccessFs, AccessNet, BitFlags, LandlockStatus, PathBeneath, RestrictionStatus, Ruleset, RulesetAttr,
    RulesetCreatedAttr, RulesetError, RulesetStatus, Scope,
};

use super::{Layer, calls};
use crate::draft::Place;

/// The first version of Landlock with all restrictions used here (Linux 6.12). On older kernels, the lack is reported.
const WHOLE: ABI = ABI::V6;

/// Confines the process, as far as the kernel can.
pub(super) fn confine(output: Option<&Place>) -> (Layer, Layer) {
    // Landlock comes first, so that the seccomp filter needs no exception for the system calls of Landlock.
    let files = match restrict_files(output) {
        Ok(status) => layer_of(&status),
        Err(error) => Layer::Lacking(format!("the kernel refused it: {error}")),
    };
    let calls = match calls::restrict(output.is_some()) {
        Ok(()) => Layer::On("starts no programs, opens no sockets, traces and signals no processes".to_owned()),
        Err(error) => Layer::Lacking(format!("the kernel refused it: {error}")),
    };
    (files, calls)
}

/// Forbids everything that changes a file system, executes, connects or signals; does not restrict reading.
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

/// The rights needed to write one file and rename it.
fn replaces_a_file() -> BitFlags<AccessFs> {
    AccessFs::WriteFile | AccessFs::MakeReg | AccessFs::RemoveFile | AccessFs::Truncate | AccessFs::Refer
}

fn layer_of(status: &RestrictionStatus) -> Layer {
    let version = match status.landlock {
        LandlockStatus::NotEnabled => return Layer::Lacking("disabled in this kernel".to_owned()),
        LandlockStatus::NotImplemented => return Layer::Lacking("not available in this kernel".to_owned()),
        LandlockStatus::Available { kernel_abi: Some(version), .. } => version,
        LandlockStatus::Available { effective_abi, .. } => effective_abi as i32,
    };
    match status.ruleset {
        RulesetStatus::FullyEnforced => Layer::On(format!(
            "version {version}: writes only the output file named on the command line, opens no connections"
        )),
        RulesetStatus::PartiallyEnforced => Layer::Lacking(format!(
            "version {version} of this kernel enforces only a part: version {} would enforce all",
            WHOLE as i32
        )),
        RulesetStatus::NotEnforced => Layer::Lacking(format!("version {version} of this kernel enforces nothing")),
    }
}
