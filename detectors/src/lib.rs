//! Everything that knows what a key is. Opens no file, prints nothing.
#![allow(dead_code, reason = "rooms being filled")]

mod format;
pub mod radius;
mod read;
mod wrap;

use scanner_core::seam::{Detector, Knowledge, Unwrapper};

/// Every detector. A new one is one file in `format/` and one line here.
pub const DETECTORS: &[&dyn Detector] = &[&format::openssh::OpenSsh, &format::putty::Putty];

/// Every unwrapper. A new one is one file in `wrap/` and one line here.
pub const UNWRAPPERS: &[&dyn Unwrapper] = &[];

/// All of it, for the engine.
pub const KNOWLEDGE: Knowledge = Knowledge { detectors: DETECTORS, unwrappers: UNWRAPPERS, unopened: &[] };
