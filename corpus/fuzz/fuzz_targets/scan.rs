//! The whole engine and the judgement behind it, on one blob.

#![no_main]

use detectors::radius::{Estate, Judge, KnownKeys, Tables, classify::classify, survey};
use libfuzzer_sys::fuzz_target;
use scanner_core::budget::Limits;

static TABLES: std::sync::LazyLock<Tables> = std::sync::LazyLock::new(Tables::built_in);
static KNOWN: std::sync::LazyLock<KnownKeys> = std::sync::LazyLock::new(KnownKeys::built_in);

fuzz_target!(|data: &[u8]| {
    let limits = Limits { max_expanded: 1 << 20, ..Limits::default() };
    let harvest = detectors::engine().limited(limits).bytes("fuzz", data);
    for occurrence in &harvest.occurrences {
        assert!(occurrence.line >= 1);
    }
    let estate = Estate::new(harvest.occurrences);
    let weak = survey(&estate, 1).weaknesses;
    for finding in classify(&estate, Judge { tables: &TABLES, known: &KNOWN, weak: &weak, now: 1_800_000_000 }) {
        assert!((10..=100).contains(&finding.severity));
        assert_eq!(finding.modifiers.iter().map(|m| m.tenths).sum::<i32>(), finding.severity);
        assert_eq!(finding.modifiers.first().map(|m| m.tenths > 0), Some(true));
    }
});
