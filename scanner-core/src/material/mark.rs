//! Inline marks that allow a finding: their text and their position.

use serde::{Deserialize, Serialize};

/// An inline `keyradius:allow` mark.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Mark {
    /// The text of its `reason="..."`, then ` until=YYYY-MM-DD`, as far as present.
    pub text: String,
    /// Position of the mark.
    pub stands: Stands,
    /// The error in the mark; `None` if it is valid.
    pub fault: Option<MarkFault>,
}

/// An error in an inline mark. A faulty mark allows nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum MarkFault {
    /// No `reason="..."` follows, or it is empty or too long.
    NoReason,
    /// `until=` is not followed by `YYYY-MM-DD`.
    NoDate,
    /// A word other than `reason=` or `until=` is set.
    UnknownWord,
}

impl Mark {
    /// The same mark, as one that a reader of its line does not see.
    #[must_use]
    pub fn hidden(self) -> Self {
        Self { stands: Stands::Hidden, ..self }
    }
}

/// The position of an inline mark.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Stands {
    /// Beside the material, or beside the encoded text that contains it, in the text of the file or member itself.
    Text,
    /// Among bytes that are not text.
    Binary,
    /// Inside an encoding, or beside another finding that hides this one: a reader of the file cannot see both.
    Hidden,
}
