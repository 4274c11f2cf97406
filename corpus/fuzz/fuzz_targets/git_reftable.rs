//! A table of refs and reflogs. The first byte chooses the hash, the rest is the file.

#![no_main]

use libfuzzer_sys::fuzz_target;
use keyradius_git::fuzz;

fuzz_target!(|data: &[u8]| {
    let [flags, bytes @ ..] = data else { return };
    fuzz::reftable(bytes, flags & 1 != 0);
});
