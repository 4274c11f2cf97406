//! A bundle: the text before its pack, then the pack, read as a file of that name is read.

#![no_main]

use keyradius_git::fuzz;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    let [flags, rest @ ..] = data else { return };
    let signature: &[u8] = if flags & 1 == 0 { b"# v2 git bundle\n" } else { b"# v3 git bundle\n" };
    let bytes = [signature, rest].concat();
    fuzz::scanned(keyradius_detectors::engine(), |sink| fuzz::bundle(bytes, sink));
});
