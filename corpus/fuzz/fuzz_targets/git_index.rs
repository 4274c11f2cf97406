//! A pack index, versions 1 and 2. The bytes behind the first are the file; its seal is put right, because a hash of all that
//! comes before would keep nearly every input from being read.

#![no_main]

use keyradius_git::fuzz;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    let [flags, bytes @ ..] = data else { return };
    let sha256 = flags & 1 != 0;
    let bytes = if flags & 2 == 0 { fuzz::sealed(bytes, sha256) } else { bytes.to_vec() };
    fuzz::index(bytes, sha256);
});
