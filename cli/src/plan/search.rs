//! What is looked for: keys, ordinary secrets, and what rules of the user describe.

use detectors::secret::UserRules;
use scanner_core::budget::Limits;
use scanner_core::engine::Engine;
use scanner_core::seam::Knowledge;

use crate::choice::Only;
use crate::exit::Failure;
use crate::rules::Rules;

/// What is looked for.
#[derive(Debug)]
pub(crate) struct Search {
    /// Keys alone, so that not even the anchors of ordinary secrets are searched.
    only: Option<Only>,
    rules: Option<UserRules>,
}

impl Search {
    /// Everything; or keys alone.
    pub(crate) fn new(only: Option<Only>, rules: &Rules) -> Result<Self, Failure> {
        Ok(Self { only, rules: rules.compile()? })
    }

    /// What looks for it, under these limits. Compiles the anchors: once in a process, please.
    pub(crate) fn engine(&self, limits: Limits) -> Engine<'_> {
        Engine::new(self.knowledge(), limits)
    }

    /// What is known of it.
    pub(crate) fn knowledge(&self) -> Knowledge<'_> {
        match (self.only, &self.rules) {
            (Some(Only::Signing), _) => detectors::keys(),
            (None, None) => detectors::everything(),
            (None, Some(rules)) => detectors::everything_and(rules),
        }
    }
}
