//! The accounting law: every byte of a container is read as the content of a member, or searched as it is. A fresh key
//! is written after the end of every sample of every container, and over every run of zeros that is long enough for it,
//! and over what is before the zeros. It has to be found, or what was not read has to be reported.

#![allow(clippy::indexing_slicing, reason = "a test that indexes wrong fails")]

use keyradius_core::engine::Harvest;
use keyradius_core::material::{Identity, Kind};
use keyradius_corpus::{cases_dir, expect};
use keyradius_detectors::CONTAINERS;

use crate::covering::plant;

/// Longest sample that is tried, in bytes.
const LONGEST: usize = 4 << 20;

/// Runs of zeros tried in one sample, evenly distributed.
const RUNS: usize = 24;

/// A private key in DER and in PEM between line breaks, and its identity.
fn planted() -> (Vec<u8>, Vec<u8>, [u8; 32]) {
    let key = plant::key(9);
    let found = keyradius_detectors::engine().bytes("key", &key);
    let identity = keys(&found).first().copied().expect("the planted key alone is found");
    let pem = [
        b"\n-----BEGIN PRIVATE KEY-----\n",
        keyradius_readers::text::base64(&key).as_bytes(),
        b"\n-----END PRIVATE KEY-----\n",
    ]
    .concat();
    (key, pem, identity)
}

/// The identities of the private keys that were found.
fn keys(harvest: &Harvest) -> Vec<[u8; 32]> {
    let private = harvest.occurrences.iter().filter(|o| o.material.kind == Kind::PrivateKey);
    let of = |identity: &Identity| match identity {
        Identity::Public(half) => Some(half.id.key_only),
        Identity::Opaque(_) => None,
    };
    private.filter_map(|o| of(o.material.identity.as_ref()?)).collect()
}

/// The starts of runs of zeros that have room for `length` bytes.
fn zeros(bytes: &[u8], length: usize) -> Vec<usize> {
    let mut starts = Vec::new();
    let mut at = 0;
    while at < bytes.len() {
        let run = bytes[at..].iter().take_while(|byte| **byte == 0).count();
        if run >= length + 2 {
            starts.push(at + 1);
        }
        at += run.max(1);
    }
    starts
}

#[test]
fn a_key_in_any_gap_of_any_container_is_found_or_reported() {
    let (der, pem, wanted) = planted();
    let containers: Vec<&str> = CONTAINERS.iter().map(|container| container.about().id).collect();
    let (mut begun, mut behind, mut within, mut across, mut lost) = (0, 0, 0, 0, Vec::new());
    for case in expect::load_all(&cases_dir()).expect("the cases") {
        if !containers.contains(&case.expect.id.as_str()) {
            continue;
        }
        for (sample, content) in case.expect.samples.iter().zip(&case.contents) {
            if content.len() > LONGEST {
                continue;
            }
            let mut check = |bytes: &[u8], what: &str| {
                let harvest = keyradius_detectors::engine().bytes(&sample.file, bytes);
                match keys(&harvest).iter().filter(|key| **key == wanted).count() {
                    0 if !harvest.gaps.is_empty() => {}
                    1 => {}
                    // What stands in the name of a member is searched as a name, and among the headers.
                    2 if harvest.occurrences.iter().any(|o| o.origin.wraps.iter().any(|wrap| wrap.kind == "name")) => {}
                    times => lost.push(format!("{}/{} {what}: found {times} times", case.expect.id, sample.file)),
                }
            };
            check(&[&content[..], &pem].concat(), "after the end");
            behind += 1;
            // DER has no delimiters: at the very start, its first byte counts.
            if content.get(..der.len()).is_some_and(|start| start.iter().all(|byte| *byte == 0)) {
                check(&[&der[..], &content[der.len()..]].concat(), "as DER at the start");
                begun += 1;
            }
            let starts = zeros(content, pem.len());
            for at in starts.iter().step_by(starts.len().div_ceil(RUNS).max(1)) {
                let mut bytes = content.clone();
                bytes[*at..*at + pem.len()].copy_from_slice(&pem);
                check(&bytes, &format!("at {at} of {}", content.len()));
                within += 1;
                // Content may end where the zeros begin. In an asar and in a xar, the content of the next file begins there.
                if ["asar", "xar"].contains(&case.expect.id.as_str()) {
                    continue;
                }
                let Some(from) = (*at - 1).checked_sub(pem.len() / 2) else { continue };
                let mut bytes = content.clone();
                bytes[from..from + pem.len()].copy_from_slice(&pem);
                check(&bytes, &format!("across {at} of {}", content.len()));
                across += 1;
            }
        }
    }
    assert!(begun > 5 && behind > 200 && within > 1000 && across > 1000, "{begun}, {behind}, {within}, {across}");
    assert!(lost.is_empty(), "{} lost:\n{}", lost.len(), lost.join("\n"));
}
