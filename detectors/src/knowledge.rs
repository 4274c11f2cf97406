//! What is known, for the engine: every detector, unwrapper and container, put together.

use std::sync::LazyLock;

use keyradius_core::budget::Limits;
use keyradius_core::engine::Engine;
use keyradius_core::seam::{Detector, Knowledge};

use crate::format::DETECTORS;
use crate::wrap::{CONTAINERS, UNWRAPPERS, program, unopened};
use crate::{secret, usage};

/// All that is known of keys, for the engine.
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

/// What finds ordinary secrets. Apart from [`DETECTORS`], because a scan for keys alone leaves it out, anchors included.
pub const SECRETS: &[&dyn Detector] = &[&secret::Secrets];

/// Everything, ordinary secrets included.
pub fn everything() -> Knowledge<'static> {
    let mut knowledge = keys();
    knowledge.detectors.extend(SECRETS);
    knowledge
}

/// Everything, and the rules of a user.
pub fn everything_and(rules: &secret::UserRules) -> Knowledge<'_> {
    let mut knowledge: Knowledge<'_> = everything();
    knowledge.detectors.push(rules);
    knowledge
}

/// An engine that looks for keys, with the usual limits, compiled once for the whole process: for what a password brings to
/// light, and for whoever looks at many small things.
pub fn engine() -> &'static Engine<'static> {
    static ENGINE: LazyLock<Engine<'static>> = LazyLock::new(|| Engine::new(keys(), Limits::default()));
    &ENGINE
}
