//! The whole engine and the judgement behind it, on one blob.

#![no_main]

use std::sync::LazyLock;

use keyradius_core::budget::Limits;
use keyradius_core::engine::Engine;
use keyradius_detectors::open::Options;
use keyradius_detectors::{Judging, judge};
use libfuzzer_sys::fuzz_target;

static ENGINE: LazyLock<Engine<'static>> =
    LazyLock::new(|| keyradius_detectors::engine().limited(Limits { max_expanded: 1 << 20, ..Limits::default() }));

fuzz_target!(|data: &[u8]| {
    let harvest = ENGINE.bytes("fuzz", data);
    for occurrence in &harvest.occurrences {
        assert!(occurrence.line >= 1);
    }
    // Ten milliseconds of passwords: a fuzzer has no time for more.
    let passwords = Options { cost: 10_000_000, ..Options::default() };
    for finding in judge(harvest, &Judging { passwords, ..Judging::at(1_800_000_000) }).findings {
        assert!((10..=100).contains(&finding.severity));
        assert_eq!(finding.modifiers.iter().map(|m| m.tenths).sum::<i32>(), finding.severity);
        assert_eq!(finding.modifiers.first().map(|m| m.tenths > 0), Some(true));
    }
});
