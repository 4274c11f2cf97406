//! What this process forbids itself before it reads bytes of others, so that a mistake in a parser stays a mistake.
//!
//! From the first byte on: no program is started, no socket is opened, nobody is signalled or traced, and nothing is written
//! but to descriptors that are open already and into the directory of the one output file. Reading stays free, because
//! the user says what to read. The kernel holds this (Landlock and seccomp on Linux), not the code that is confined.

#[cfg(all(target_os = "linux", any(target_arch = "x86_64", target_arch = "aarch64", target_arch = "riscv64")))]
mod calls;
pub(crate) mod cores;
#[cfg(all(target_os = "linux", any(target_arch = "x86_64", target_arch = "aarch64", target_arch = "riscv64")))]
mod linux;
#[cfg(all(test, target_os = "linux", target_arch = "x86_64"))]
mod tests;

use crate::draft::Place;
use crate::exit::Failure;
use cores::Cores;

/// The environment variable that chooses how a run is confined: `off`, or `require` to end where the kernel cannot.
pub(crate) const SANDBOX: &str = "KEYRADIUS_SANDBOX";

/// What was switched off at the start of the process; what else is possible follows from it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Guard {
    cores: Cores,
}

/// One layer of the confinement.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Layer {
    /// It holds. What it is, for a person.
    On(String),
    /// It does not hold, or not in full, and why.
    Lacking(String),
}

/// What holds for this process.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Confinement {
    cores: Cores,
    /// Landlock: what can be written, connected to and signalled.
    files: Layer,
    /// seccomp: what can be asked of the kernel.
    calls: Layer,
}

impl Guard {
    /// Switches core dumps and debuggers off. The first thing that a process does.
    pub(crate) fn raise() -> Self {
        Self { cores: cores::switch_off() }
    }

    /// Whether the user wants nothing confined.
    #[cfg(target_os = "linux")]
    pub(crate) fn is_off() -> Result<bool, Failure> {
        Ok(Wanted::asked()? == Wanted::Off)
    }

    /// Confines the process, before it starts a thread. `output` is where a file will be written at the end.
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
                Err(Failure::new(format!("this process cannot be confined as {SANDBOX}=require asks: {lacking}"))
                    .hint(format!("run it on a kernel that has it, or unset {SANDBOX}")))
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

    /// One line for each layer that does not hold in full.
    pub(crate) fn lacking(&self) -> Vec<String> {
        let lacking = |(name, layer)| match layer {
            Layer::On(_) => None,
            Layer::Lacking(why) => Some(format!("{name}: {why}")),
        };
        self.lines().into_iter().filter_map(lacking).collect()
    }
}

/// What the user asked for.
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
                Err(Failure::new(format!("{SANDBOX} is {value}")).hint("set it to `off` or `require`, or unset it"))
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
    let none = || Layer::Lacking("this system has none, so nothing is confined".to_owned());
    (none(), none())
}
