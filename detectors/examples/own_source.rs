//! A custom source, for bytes that are not in a file: `cargo run --example own_source`.
//!
//! A mailbox with two letters. One contains a key in DER; the other cannot be fetched, which is a gap.

#![allow(clippy::print_stdout, reason = "it shows its key on a terminal")]

use std::io::Read;

use keyradius_core::blob::Origin;
use keyradius_core::engine::Progress;
use keyradius_core::error::{Gap, Reason, SourceError};
use keyradius_core::seam::{Feed, Source};
use keyradius_core::source::stream::Windows;
use keyradius_detectors::{Judging, judge};

/// Letters by name; `None` for one that cannot be fetched.
struct Mailbox(Vec<(&'static str, Option<Vec<u8>>)>);

impl Source for Mailbox {
    fn feed(&self, _jobs: usize, to: Feed<'_>) -> Result<(), SourceError> {
        let mut windows = Windows::default();
        for (name, letter) in &self.0 {
            if to.run.cancelled() {
                break;
            }
            let origin = Origin::file(*name);
            match letter {
                Some(letter) => windows.feed(&mut letter.as_slice() as &mut dyn Read, &origin, to),
                None => to.run.gap(Gap::new(origin, Reason::ReadError, "not on the server".to_owned())),
            }
        }
        Ok(())
    }
}

fn main() {
    // An Ed25519 key in PKCS#8 (RFC 8410), with a made-up seed.
    let mut der = vec![0x30, 0x2e, 2, 1, 0, 0x30, 5, 6, 3, 0x2b, 0x65, 0x70, 4, 0x22, 4, 0x20];
    der.extend((0..32_u8).map(|n| n.wrapping_mul(37).wrapping_add(11)));
    let mailbox = Mailbox(vec![("mail/1", Some([&b"see below\n\n"[..], &der].concat())), ("mail/2", None)]);
    let harvest = keyradius_detectors::engine().scan(&[&mailbox], 1, &Progress::default()).unwrap_or_default();
    let judgement = judge(harvest, &Judging::at(1_795_132_800));
    for finding in &judgement.findings {
        let place = finding.occurrences.first().map(|place| place.origin.to_string());
        println!("{} {} {}", finding.severity_text(), place.unwrap_or_default(), finding.reason);
    }
    assert_eq!((judgement.findings.len(), judgement.gaps.len()), (1, 1));
}

#[cfg(test)]
mod tests {
    #[test]
    fn it_finds_the_key_in_the_mail() {
        super::main();
    }
}
