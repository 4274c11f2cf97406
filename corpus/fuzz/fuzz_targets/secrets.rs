//! Ordinary secrets: patterns and checks on anything, and no secret in what is told.

#![no_main]

use libfuzzer_sys::fuzz_target;
use scanner_core::budget::Limits;
use scanner_core::engine::scan_bytes;
use scanner_core::error::Reason;

fuzz_target!(|data: &[u8]| {
    let harvest = scan_bytes(&detectors::everything(), "fuzz", data, Limits::default());
    assert!(harvest.gaps.iter().all(|gap| gap.reason != Reason::DetectorFault), "{:?}", harvest.gaps);
    for occurrence in &harvest.occurrences {
        let span = occurrence.material.span.clone();
        assert!(span.start <= span.end && span.end <= data.len() || !occurrence.origin.wraps.is_empty());
    }
});
