//! Playbooks and references to catalogues in a report.

use serde::{Deserialize, Serialize};

use super::ids::{self, Heading};
use super::{Text, Word};

/// An entry of a catalogue of weaknesses or controls.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Reference {
    pub(crate) framework: Word,
    pub(crate) id: Word,
    pub(crate) title: Text,
}

/// What to do about a key of one role.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Playbook {
    pub(crate) role: Word,
    pub(crate) title: Text,
    pub(crate) about: Text,
    pub(crate) sections: Vec<Section>,
}

/// A section of a playbook.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Section {
    #[serde(with = "ids")]
    pub(crate) heading: Heading,
    /// Text before the steps, or the reason why there are none; may be empty.
    pub(crate) note: Text,
    pub(crate) steps: Vec<Step>,
}

/// A step of a playbook.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Step {
    pub(crate) who: Text,
    pub(crate) text: Text,
    pub(crate) commands: Vec<Command>,
    /// How to see that the step is done.
    pub(crate) done: Text,
}

/// Lines to run, or to put into a configuration.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Command {
    /// `sh`, `powershell` or `text`.
    pub(crate) language: Word,
    pub(crate) text: Text,
}
