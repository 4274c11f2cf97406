//! What is looked for: keys, ordinary secrets, and what rules of the user describe.

use keyradius_core::budget::Limits;
use keyradius_core::engine::Engine;
use keyradius_core::seam::Knowledge;
use keyradius_secrets::UserRules;

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
            (Some(Only::Signing), _) => keyradius_detectors::keys(),
            (None, None) => keyradius_detectors::everything(),
            (None, Some(rules)) => keyradius_detectors::everything_and(rules),
        }
    }
}
