//! A pack, with and without an index.
//!
//! Random bytes are hardly ever a zlib stream, so the input is a recipe: each entry is a byte for its type, one for how far
//! back its base is, one or two for the length of its content, and the content, which is deflated here. Content of deltas is
//! taken as it comes. Flags of the first byte: 1 SHA-256, 2 the bytes are the pack itself, 4 an index made from
//! the recipe (which says where entries begin, not what they are called), 8 a key is part of every whole object.

#![no_main]

use keyradius_git::fuzz;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    let [flags, rest @ ..] = data else { return };
    let sha256 = flags & 1 != 0;
    let (pack, index) = if flags & 2 != 0 { (rest.to_vec(), None) } else { fuzz::recipe(rest, sha256) };
    let index = index.filter(|_| flags & 4 != 0);
    fuzz::scanned(keyradius_detectors::engine(), |sink| fuzz::pack(pack, index, sha256, sink));
});
