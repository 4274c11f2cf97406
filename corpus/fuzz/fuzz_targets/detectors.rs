//! Every detector, one by one: the first two bytes choose the detector and its anchor, the rest is the blob. A hit is
//! reported at the start and wherever the anchor stands, so readers that walk back are reached as well.

#![no_main]

use keyradius_core::blob::{Blob, Origin};
use keyradius_core::seam::{Hit, Inspection};
use keyradius_detectors::DETECTORS;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    let [which, anchor, bytes @ ..] = data else { return };
    let detector = DETECTORS[usize::from(*which) % DETECTORS.len()];
    let anchors = detector.anchors();
    let anchor = anchors[usize::from(*anchor) % anchors.len()];
    let origin = Origin::file("fuzz");
    let blob = Blob::whole(bytes, &origin);
    let mut out = Inspection::default();
    let places = (0..bytes.len()).filter(|&at| bytes[at..].starts_with(anchor.bytes)).take(8);
    for at in std::iter::once(0).chain(places) {
        let _ = detector.inspect(blob, Hit { anchor, at }, &mut out);
    }
    for material in out.materials() {
        assert!(material.span.start <= material.span.end && material.span.end <= bytes.len(), "span outside the blob");
    }
});
