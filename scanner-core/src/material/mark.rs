//! Inline marks that allow a finding: what they say, and where they stand.

use serde::{Deserialize, Serialize};

/// An inline `keyradius:allow` mark.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Mark {
    /// The text of its `reason="..."`, then ` until=YYYY-MM-DD`, as far as they are there.
    pub text: String,
    /// Where it stands.
    pub stands: Stands,
    /// What is wrong with it.
    pub fault: Option<MarkFault>,
}

/// What is wrong with an inline mark: it allows nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum MarkFault {
    /// There is no `reason="..."` behind it, or an empty one, or one that is too long.
    NoReason,
    /// Behind `until=` stands no `YYYY-MM-DD`.
    NoDate,
    /// Something else than `reason=` or `until=` is set.
    UnknownWord,
}

impl Mark {
    /// The same mark, for what a reader of its line does not see.
    #[must_use]
    pub fn hidden(self) -> Self {
        Self { stands: Stands::Hidden, ..self }
    }
}

/// Where an inline mark stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Stands {
    /// Beside the material, or beside the encoded text that holds it, in the text of the file or member itself.
    Text,
    /// Among bytes that are not text.
    Binary,
    /// Inside an encoding, or beside another finding that this one is hidden in: a reader of the file cannot see both.
    Hidden,
}
