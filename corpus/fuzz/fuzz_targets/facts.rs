//! Facts of others: read, judged, and written again.

#![no_main]

use keyradius_detectors::facts::{read, write};
use keyradius_detectors::{Judging, judge_facts};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    let Ok((header, mut facts, end)) = read(&mut &*data, &mut (1 << 20)) else { return };
    facts.settle();
    let mut bytes = Vec::new();
    write(&facts, &header, end.finished, &mut bytes).expect("memory");
    let (again, facts, _) = read(&mut &*bytes, &mut (8 << 20)).expect("what was written");
    assert_eq!(again, header);
    for finding in judge_facts(facts, &Judging::at(1_800_000_000)).findings {
        assert!((10..=100).contains(&finding.severity));
        assert_eq!(finding.modifiers.iter().map(|m| m.tenths).sum::<i32>(), finding.severity);
    }
});
