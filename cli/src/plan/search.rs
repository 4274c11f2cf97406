//! What is searched for: keys, ordinary secrets, and secrets that the user's rules describe.

use keyradius_core::budget::Limits;
use keyradius_core::engine::Engine;
use keyradius_core::seam::Knowledge;
use keyradius_secrets::UserRules;

use crate::choice::Only;
use crate::exit::Failure;
use crate::rules::Rules;

/// What is searched for.
#[derive(Debug)]
pub(crate) struct Search {
    /// If set, only keys are searched for, and anchors of ordinary secrets are not compiled.
    only: Option<Only>,
    rules: Option<UserRules>,
}

impl Search {
    /// A search for everything, or with `only` for keys alone. Compiles the user's rules.
    pub(crate) fn new(only: Option<Only>, rules: &Rules) -> Result<Self, Failure> {
        Ok(Self { only, rules: rules.compile()? })
    }

    /// The engine for this search, with these limits. Compiles the anchors, which is expensive: build one engine per
    /// process.
    pub(crate) fn engine(&self, limits: Limits) -> Engine<'_> {
        Engine::new(self.knowledge(), limits)
    }

    /// The detectors for this search.
    pub(crate) fn knowledge(&self) -> Knowledge<'_> {
        match (self.only, &self.rules) {
            (Some(Only::Signing), _) => keyradius_detectors::keys(),
            (None, None) => keyradius_detectors::everything(),
            (None, Some(rules)) => keyradius_detectors::everything_and(rules),
        }
    }
}
