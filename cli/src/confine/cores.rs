//! Core dumps and debuggers. Either one copies the memory of a process that reads private keys.

use super::Layer;

/// The environment variable that leaves core dumps and debuggers as the system has them, if its value is `1`.
pub(crate) const ALLOW: &str = "KEYRADIUS_ALLOW_CORE";

/// Whether this process can be dumped or traced.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Cores {
    /// No core file is written, and no process of the same user can attach.
    Off,
    /// No core file is written; this system has no way to refuse a debugger.
    NoFiles,
    /// The user asked for them by [`ALLOW`].
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
            Self::Unavailable => Layer::Lacking("this system cannot switch them off".to_owned()),
        }
    }
}

/// Switches core dumps and tracing off for this process, before it opens its first input.
///
/// The limit alone is not enough: Linux ignores it where cores go to a program (`core_pattern` with `|`). What is not
/// dumpable is given to no program, and belongs to root in `/proc`, so that other processes of the user cannot attach to
/// it or read its memory. Child processes inherit the limit; `execve` makes them dumpable again (prctl(2)).
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
