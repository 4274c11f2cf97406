//! Prints every literal that is searched for in text, by length.
//!
//! `cargo run -p keyradius-benches --example anchors`

#![allow(clippy::print_stdout, reason = "that is what it is for")]

use keyradius_core::prefilter::{Prefilter, has_gate_byte};

fn main() {
    for (name, knowledge) in [("keys", keyradius_detectors::keys()), ("everything", keyradius_detectors::everything())]
    {
        let prefilter = Prefilter::new(&knowledge);
        println!("{name}: {:?}", prefilter.sizes());
        let mut text: Vec<&[u8]> = prefilter
            .anchors()
            .iter()
            .map(|(anchor, _)| anchor)
            .filter(|anchor| !anchor.at_start && !has_gate_byte(anchor.bytes))
            .map(|anchor| anchor.bytes)
            .collect();
        text.sort_by_key(|bytes| (bytes.len(), *bytes));
        for bytes in text {
            println!("{:3} {}", bytes.len(), bytes.escape_ascii());
        }
    }
}
