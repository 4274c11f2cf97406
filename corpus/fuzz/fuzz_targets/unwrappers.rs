//! Every unwrapper, one by one, as in `detectors.rs`.

#![no_main]

use std::ops::ControlFlow;

use keyradius_core::blob::{Blob, Origin};
use keyradius_core::budget::{Budget, Limits};
use keyradius_core::seam::Hit;
use keyradius_detectors::UNWRAPPERS;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    let [which, anchor, bytes @ ..] = data else { return };
    let unwrapper = UNWRAPPERS[usize::from(*which) % UNWRAPPERS.len()];
    let anchors = unwrapper.anchors();
    let anchor = anchors[usize::from(*anchor) % anchors.len()];
    let origin = Origin::file("fuzz");
    let blob = Blob::whole(bytes, &origin);
    let budget = Budget::new(Limits { max_expanded: 1 << 20, ..Limits::default() });
    if unwrapper.claims(blob) {
        let _ = unwrapper.open(blob, Hit::START, &budget, &mut |entry| {
            assert!(entry.span.start <= 2 && entry.span.end <= bytes.len());
            ControlFlow::Continue(())
        });
    }
    let places = (0..bytes.len()).filter(|&at| bytes[at..].starts_with(anchor.bytes)).take(8);
    // Where an encoding begins that no literal marks.
    for at in unwrapper.places(blob).into_iter().take(8) {
        assert!(at < bytes.len());
        let _ = unwrapper.open(blob, Hit { at, ..Hit::START }, &budget, &mut |entry| {
            assert!(entry.span.start <= entry.span.end && entry.span.end <= bytes.len());
            ControlFlow::Continue(())
        });
    }
    for at in places {
        let _ = unwrapper.open(blob, Hit { anchor, at }, &budget, &mut |entry| {
            assert!(entry.span.start <= entry.span.end && entry.span.end <= bytes.len());
            // What is known by how a file begins may hold several, each at its own place. A header's body follows the hit.
            assert!(anchor.at_start || (entry.span.start <= at + anchor.bytes.len() && at < entry.span.end));
            ControlFlow::Continue(())
        });
    }
});
