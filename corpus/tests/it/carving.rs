//! Containers in the middle of other bytes, and the accounting law for them: what a container claims, but does not
//! contain, hides nothing. A false header in front of an archive, or an archive after the end of any container, never
//! makes a key disappear: it is found, or what was not read is reported.

#![allow(clippy::indexing_slicing, reason = "a test that indexes wrong fails")]

use std::collections::BTreeSet;
use std::io::Write;

use keyradius_core::engine::Harvest;
use keyradius_core::material::{Identity, Kind};
use keyradius_corpus::{cases_dir, expect};
use keyradius_detectors::CONTAINERS;

use crate::covering::plant;

/// How many bytes of a false container are in front of the archive.
const CUTS: [usize; 6] = [16, 32, 64, 128, 512, 1024];

/// Longest sample that is hidden, and longest that something is written after, in bytes.
const LONGEST: usize = 64 << 10;
const LONGEST_BEFORE: usize = 1 << 20;

/// What is in front: a script, and a program.
fn fronts() -> [(&'static str, Vec<u8>); 2] {
    let mut program = b"\x7fELF\x02\x01\x01\0\0\0\0\0\0\0\0\0\x02\0\x3e\0\x01\0\0\0".to_vec();
    program.resize(900, 0x90);
    [("script", b"#!/bin/sh\nexit 0\n\0\x01\x02\x03".to_vec()), ("program", program)]
}

/// The private keys that were found, by what is public of them.
fn keys(harvest: &Harvest) -> BTreeSet<[u8; 32]> {
    let private = harvest.occurrences.iter().filter(|o| o.material.kind == Kind::PrivateKey);
    let of = |identity: &Identity| match identity {
        Identity::Public(half) => Some(half.id.key_only),
        Identity::Opaque(_) => None,
    };
    private.filter_map(|o| of(o.material.identity.as_ref()?)).collect()
}

fn scan(bytes: &[u8]) -> Harvest {
    keyradius_detectors::engine().bytes("x.bin", bytes)
}

/// The samples of every container that is looked for in the middle of other bytes: its id, the file, the bytes.
fn samples() -> Vec<(String, String, Vec<u8>)> {
    let mut samples = Vec::new();
    for case in expect::load_all(&cases_dir()).expect("the cases") {
        let Some(container) = CONTAINERS.iter().find(|one| one.about().id == case.expect.id) else { continue };
        for (sample, content) in case.expect.samples.iter().zip(&case.contents) {
            if container.inner().iter().any(|magic| magic.begins(content)) && container.trailer().is_none() {
                samples.push((case.expect.id.clone(), sample.file.clone(), content.clone()));
            }
        }
    }
    samples
}

#[test]
fn a_false_header_hides_no_container() {
    let all = samples();
    let mut decoys: Vec<(String, Vec<u8>)> = Vec::new();
    for (id, _, content) in &all {
        if decoys.last().is_none_or(|(last, _)| last != id) {
            decoys.push((id.clone(), content.clone()));
        }
    }
    let (mut tried, mut lost) = (0, Vec::new());
    let mut of_format = std::collections::BTreeMap::<&str, usize>::new();
    for (id, file, content) in all.iter().filter(|(_, _, content)| content.len() <= LONGEST) {
        let fronts = fronts();
        let wanted = keys(&scan(&[&fronts[0].1[..], content].concat()));
        let tried_before = of_format.entry(id).or_default();
        if wanted.is_empty() || *tried_before >= 3 {
            continue;
        }
        *tried_before += 1;
        for (index, (decoy, header)) in decoys.iter().enumerate() {
            for (number, cut) in CUTS.into_iter().filter(|cut| *cut < header.len()).enumerate() {
                let (what, front) = &fronts[(index + number) % 2];
                let found = scan(&[front, &header[..cut], content].concat());
                tried += 1;
                if !wanted.is_subset(&keys(&found)) && found.gaps.is_empty() {
                    lost.push(format!("{id}/{file} behind {what} and {cut} bytes of {decoy}"));
                }
            }
        }
    }
    assert!(tried > 2000 && decoys.len() > 15, "{tried} of {} formats", decoys.len());
    assert!(lost.is_empty(), "{} of {tried} lost:\n{}", lost.len(), lost.join("\n"));
}

#[test]
fn an_archive_after_any_container_is_opened() {
    let key = plant::key(11);
    let wanted = keys(&scan(&key));
    let filler: Vec<String> = (0..900).map(|n| format!("line {}\n", n * 7919 % 100_003)).collect();
    let filler = filler.concat();
    let content = [filler.as_bytes(), &key, filler.as_bytes()].concat();
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::new(6));
    encoder.write_all(&content).expect("packed");
    let archive = encoder.finish().expect("packed");
    assert!(wanted.len() == 1 && wanted.is_subset(&keys(&scan(&archive))));
    let (mut tried, mut lost) = (0, Vec::new());
    for case in expect::load_all(&cases_dir()).expect("the cases") {
        if !CONTAINERS.iter().any(|one| one.about().id == case.expect.id) {
            continue;
        }
        for (sample, content) in case.expect.samples.iter().zip(&case.contents) {
            // Any bytes after the header of lzip decode for a while: the near miss takes the archive for its own.
            if content.len() > LONGEST_BEFORE || (case.expect.id == "lzip" && sample.silent) {
                continue;
            }
            let bytes = [&content[..], &archive].concat();
            let found = keyradius_detectors::engine().bytes(&sample.file, &bytes);
            tried += 1;
            if !wanted.is_subset(&keys(&found)) && found.gaps.is_empty() {
                lost.push(format!("{}/{}", case.expect.id, sample.file));
            }
        }
    }
    assert!(tried > 200, "{tried}");
    assert!(lost.is_empty(), "{} of {tried} lost:\n{}", lost.len(), lost.join("\n"));
}
