//! Confines the process before it reads untrusted bytes, so that a bug in a parser cannot do harm.
//!
//! A confined process cannot start programs, open sockets, or signal or trace other processes. It can write only to
//! open descriptors and in the directory of the one output file. Reading stays allowed, because the user chooses what
//! to read. The kernel enforces this (Landlock and seccomp on Linux), not the confined code.

#[cfg(all(target_os = "linux", any(target_arch = "x86_64", target_arch = "aarch64", target_arch = "riscv64")))]
mod calls;
pub(crate) mod cores;
#[cfg(all(target_os = "linux", any(target_arch = "x86_64", target_arch = "aarch64", target_arch = "riscv64")))]
mod filter;
#[cfg(all(target_os = "linux", any(target_arch = "x86_64", target_arch = "aarch64", target_arch = "riscv64")))]
mod linux;
#[cfg(all(test, target_os = "linux", target_arch = "x86_64"))]
mod tests;

use crate::draft::Place;
use crate::exit::Failure;
use cores::Cores;

/// The environment variable that chooses how a run is confined: `off`, or `require` to fail if the kernel cannot do it.
pub(crate) const SANDBOX: &str = "KEYRADIUS_SANDBOX";

/// The state of core dumps and debuggers since the start of the process. Required to confine the process further.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Guard {
    cores: Cores,
}

/// One layer of the confinement.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Layer {
    /// Active. The text describes it.
    On(String),
    /// Not active, or not in full. The text says why.
    Lacking(String),
}

/// The confinement of this process.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Confinement {
    cores: Cores,
    /// Landlock: restricts writing, connecting and signalling.
    files: Layer,
    /// seccomp: restricts system calls.
    calls: Layer,
}

impl Guard {
    /// Disables core dumps and debuggers. Must be the first action of a process.
    pub(crate) fn raise() -> Self {
        Self { cores: cores::switch_off() }
    }

    /// Whether the user switched the confinement off.
    #[cfg(target_os = "linux")]
    pub(crate) fn is_off() -> Result<bool, Failure> {
        Ok(Wanted::asked()? == Wanted::Off)
    }

    /// Confines the process. Must be called before a thread is started. `output` is the place of the file to be
    /// written.
    pub(crate) fn enter(self, output: Option<&Place>) -> Result<Confinement, Failure> {
        let wanted = Wanted::asked()?;
        let (files, calls) = match wanted {
            Wanted::Off => {
                let off = || Layer::Lacking(format!("off ({SANDBOX}=off)"));
                (off(), off())
            }
            Wanted::Possible | Wanted::Required => confine(output),
        };
        let confinement = Confinement { cores: self.cores, files, calls };
        match confinement.lacking().first() {
            Some(lacking) if wanted == Wanted::Required => {
                Err(Failure::new(format!("cannot confine this process as {SANDBOX}=require demands: {lacking}"))
                    .hint(format!("use a kernel that supports this, or unset {SANDBOX}")))
            }
            _ => Ok(confinement),
        }
    }
}

impl Confinement {
    fn lines(&self) -> [(&'static str, Layer); 3] {
        [
            ("core dumps and debuggers", self.cores.layer()),
            ("Landlock", self.files.clone()),
            ("seccomp", self.calls.clone()),
        ]
    }

    /// One line for each layer.
    pub(crate) fn describe(&self) -> Vec<String> {
        let text = |layer| match layer {
            Layer::On(what) | Layer::Lacking(what) => what,
        };
        self.lines().into_iter().map(|(name, layer)| format!("{name}: {}", text(layer))).collect()
    }

    /// One line for each layer that is not fully active.
    pub(crate) fn lacking(&self) -> Vec<String> {
        let lacking = |(name, layer)| match layer {
            Layer::On(_) => None,
            Layer::Lacking(why) => Some(format!("{name}: {why}")),
        };
        self.lines().into_iter().filter_map(lacking).collect()
    }
}

/// The confinement that the user chose.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Wanted {
    Off,
    Possible,
    Required,
}

impl Wanted {
    fn asked() -> Result<Self, Failure> {
        match std::env::var_os(SANDBOX) {
            None => Ok(Self::Possible),
            Some(value) if value.is_empty() => Ok(Self::Possible),
            Some(value) if value == "off" => Ok(Self::Off),
            Some(value) if value == "require" => Ok(Self::Required),
            Some(value) => {
                let value = crate::report::words::escape(&value.to_string_lossy());
                Err(Failure::new(format!("unknown value of {SANDBOX}: {value}"))
                    .hint("set it to `off` or `require`, or unset it"))
            }
        }
    }
}

#[cfg(all(target_os = "linux", any(target_arch = "x86_64", target_arch = "aarch64", target_arch = "riscv64")))]
fn confine(output: Option<&Place>) -> (Layer, Layer) {
    linux::confine(output)
}

#[cfg(not(all(target_os = "linux", any(target_arch = "x86_64", target_arch = "aarch64", target_arch = "riscv64"))))]
fn confine(_output: Option<&Place>) -> (Layer, Layer) {
    let none = || Layer::Lacking("not available on this system, so nothing is confined".to_owned());
    (none(), none())
}
