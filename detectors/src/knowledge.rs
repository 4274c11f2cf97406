//! What the engine looks for: every detector, unwrapper and container.

use std::sync::LazyLock;

use keyradius_core::budget::Limits;
use keyradius_core::engine::Engine;
use keyradius_core::seam::{Detector, Knowledge};

use crate::format::DETECTORS;
use crate::wrap::{CONTAINERS, UNWRAPPERS, program, unopened};
use crate::{secret, usage};

/// All detectors, unwrappers and containers for keys.
pub fn keys() -> Knowledge<'static> {
    Knowledge {
        detectors: DETECTORS.to_vec(),
        unwrappers: UNWRAPPERS.to_vec(),
        containers: CONTAINERS.to_vec(),
        mapper: Some(&program::Sections),
        unopened: unopened::UNOPENED,
        usage_hints: Some(&usage::Usage),
    }
}

/// Detectors of ordinary secrets. Separate from [`DETECTORS`]: a scan for keys alone omits them and their anchors.
pub const SECRETS: &[&dyn Detector] = &[&secret::Secrets];

/// [`keys`] and the detectors of ordinary secrets.
pub fn everything() -> Knowledge<'static> {
    let mut knowledge = keys();
    knowledge.detectors.extend(SECRETS);
    knowledge
}

/// [`everything`] and the user's rules.
pub fn everything_and(rules: &secret::UserRules) -> Knowledge<'_> {
    let mut knowledge: Knowledge<'_> = everything();
    knowledge.detectors.push(rules);
    knowledge
}

/// An engine that looks for keys, with the default limits, compiled once per process. For data decrypted with a
/// password, and for callers that scan many small inputs.
pub fn engine() -> &'static Engine<'static> {
    static ENGINE: LazyLock<Engine<'static>> = LazyLock::new(|| Engine::new(keys(), Limits::default()));
    &ENGINE
}
