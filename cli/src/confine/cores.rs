//! Disables core dumps and debuggers: either could copy the memory of a process that reads private keys.

use super::Layer;

/// The environment variable that, set to `1`, keeps the system's settings for core dumps and debuggers.
pub(crate) const ALLOW: &str = "KEYRADIUS_ALLOW_CORE";

/// Whether this process can be dumped or traced.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Cores {
    /// No core file is written, and no process of the same user can attach.
    Off,
    /// No core file is written, but this system cannot refuse a debugger.
    NoFiles,
    /// The user allowed both with [`ALLOW`].
    Allowed,
    /// The system refused, or has no such setting.
    Unavailable,
}

impl Cores {
    pub(super) fn layer(self) -> Layer {
        match self {
            Self::Off => Layer::On("off".to_owned()),
            Self::NoFiles => {
                Layer::Lacking("no core files; this system lets debuggers of the same user attach".to_owned())
            }
            Self::Allowed => Layer::Lacking(format!("allowed by {ALLOW}=1")),
            Self::Unavailable => Layer::Lacking("this system cannot disable them".to_owned()),
        }
    }
}

/// Disables core dumps and tracing for this process, before it opens its first input.
///
/// The resource limit alone is not enough: Linux ignores it if cores are piped to a program (`core_pattern` with `|`).
/// A process that is not dumpable is not piped either, and its files in `/proc` belong to root, so that other processes
/// of the user cannot attach to it or read its memory. Child processes inherit the limit, but `execve` makes them
/// dumpable again (prctl(2)).
pub(crate) fn switch_off() -> Cores {
    if std::env::var_os(ALLOW).is_some_and(|value| value == "1") {
        return Cores::Allowed;
    }
    match (no_files(), no_tracing()) {
        (_, true) => Cores::Off,
        (true, false) => Cores::NoFiles,
        (false, false) => Cores::Unavailable,
    }
}

#[cfg(unix)]
fn no_files() -> bool {
    use rustix::process::{Resource, Rlimit, setrlimit};
    setrlimit(Resource::Core, Rlimit { current: Some(0), maximum: Some(0) }).is_ok()
}

#[cfg(not(unix))]
fn no_files() -> bool {
    false
}

#[cfg(any(target_os = "linux", target_os = "android"))]
fn no_tracing() -> bool {
    use rustix::process::{DumpableBehavior, set_dumpable_behavior};
    set_dumpable_behavior(DumpableBehavior::NotDumpable).is_ok()
}

#[cfg(not(any(target_os = "linux", target_os = "android")))]
fn no_tracing() -> bool {
    false
}
