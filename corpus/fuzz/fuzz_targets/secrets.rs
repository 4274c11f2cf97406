//! Ordinary secrets: the first bytes choose an anchor and where it stands in the rest. Patterns and checks on anything.

#![no_main]

use keyradius_core::blob::{Blob, Origin};
use keyradius_core::seam::{Hit, Inspection};
use keyradius_detectors::SECRETS;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    let [which, at, rest @ ..] = data else { return };
    for detector in SECRETS {
        let anchors = detector.anchors();
        let anchor = anchors[usize::from(*which) % anchors.len()];
        let at = usize::from(*at).min(rest.len());
        let bytes = [&rest[..at], anchor.bytes, &rest[at..]].concat();
        let origin = Origin::file("fuzz");
        let mut out = Inspection::default();
        let _ = detector.inspect(Blob::whole(&bytes, &origin), Hit { anchor, at }, &mut out);
        for material in out.materials() {
            assert!(
                material.span.start <= material.span.end && material.span.end <= bytes.len(),
                "span outside the blob"
            );
        }
    }
});
