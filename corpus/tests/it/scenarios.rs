//! The promises about roles and ranking, tested with the scenarios.

use std::path::Path;

use keyradius_corpus::scenario::{Aspect, judge};

#[test]
fn incidents_are_distinguished_from_harmless_look_alikes() {
    let scratch = Path::new(env!("CARGO_TARGET_TMPDIR")).join("scenarios");
    let outcome = judge(&scratch, "").expect("the scenarios are there");
    assert!(outcome.scenarios >= 60, "{}", outcome.scenarios);
    assert!(outcome.holds(), "{}", outcome.table());
    for aspect in Aspect::ALL {
        assert!(outcome.right(aspect) >= 950, "{}", outcome.table());
    }
}
