//! What the engine looks for: every detector, unwrapper and container.

use std::sync::LazyLock;

use keyradius_containers::{CONTAINERS, Sections, UNOPENED, UNWRAPPERS};
use keyradius_core::budget::Limits;
use keyradius_core::engine::Engine;
use keyradius_core::seam::{Detector, Knowledge};
use keyradius_formats::DETECTORS;
use keyradius_secrets::{Secrets, UserRules};
use keyradius_usage::Usage;

/// All detectors, unwrappers and containers for keys.
pub fn keys() -> Knowledge<'static> {
    Knowledge {
        detectors: DETECTORS.to_vec(),
        unwrappers: UNWRAPPERS.to_vec(),
        containers: CONTAINERS.to_vec(),
        mapper: Some(&Sections),
        unopened: UNOPENED,
        usage_hints: Some(&Usage),
        wanted: None,
    }
}

/// Detectors of ordinary secrets. Separate from [`DETECTORS`]: a scan for keys alone omits them and their anchors.
pub const SECRETS: &[&dyn Detector] = &[&Secrets];

/// [`keys`] and the detectors of ordinary secrets.
pub fn everything() -> Knowledge<'static> {
    let mut knowledge = keys();
    knowledge.detectors.extend(SECRETS);
    knowledge
}

/// [`everything`] and the user's rules.
pub fn everything_and(rules: &UserRules) -> Knowledge<'_> {
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

#[cfg(test)]
mod tests {
    use keyradius_core::hex::hex;
    use keyradius_core::prefilter::Prefilter;
    use keyradius_readers::text::base64;

    use super::*;

    #[test]
    fn starts_are_those_of_known_formats() {
        for (id, _) in keyradius_containers::STARTS {
            assert!(DETECTORS.iter().any(|detector| detector.about().id == *id), "{id}");
        }
    }

    #[test]
    fn objects_of_a_history_are_read_for_them() {
        let prefilter = Prefilter::new(&keys());
        let wide: Vec<u8> = "text".encode_utf16().flat_map(u16::to_le_bytes).collect();
        for start in [
            base64(b"[Interface]\nPrivateKey = ").into_bytes(),
            base64(&[0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 3]).into_bytes(),
            hex(b"PuTTY-User-Key-File-3: ssh-rsa").into_bytes(),
            hex(b"PK\x03\x04\x14").to_uppercase().into_bytes(),
            [&[0xff, 0xfe][..], &wide].concat(),
        ] {
            assert!(prefilter.is_at_start(&start), "{start:?}");
        }
        for start in [&b"// a comment"[..], b"#!/bin/sh", b"Interface", b"PK is short", b"abcdef0123", b"H4s"] {
            assert!(!prefilter.is_at_start(start), "{start:?}");
        }
    }
}
