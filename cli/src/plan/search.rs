//! What is looked for: keys, ordinary secrets, and what rules of the user describe.

use std::fmt;

use scanner_core::seam::Knowledge;

use super::Only;
use crate::exit::Failure;
use crate::rules::Rules;

/// What is looked for.
#[derive(Clone, Copy)]
pub(crate) struct Search(pub(crate) Knowledge);

impl Search {
    /// Everything; or keys alone, so that not even the anchors of ordinary secrets are searched.
    pub(crate) fn new(only: Option<Only>, rules: &Rules) -> Result<Self, Failure> {
        Ok(Self(match (only, rules.compile()?) {
            (Some(Only::Signing), _) => detectors::KNOWLEDGE,
            (None, None) => detectors::everything(),
            (None, Some(rules)) => detectors::everything_and(rules),
        }))
    }
}

impl fmt::Debug for Search {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Search({} detectors)", self.0.detectors.len())
    }
}
