//! A table of refs and reflogs. The first byte chooses the hash, the rest is the file.

#![no_main]

use keyradius_git::fuzz;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    let [flags, bytes @ ..] = data else { return };
    fuzz::reftable(bytes, flags & 1 != 0);
});
