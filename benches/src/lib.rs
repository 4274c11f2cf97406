//! Inputs of the benchmarks: the corpus by family, and bytes like those of source trees and programs.

use keyradius_corpus::{cases_dir, pack};

/// All samples of a family, concatenated.
///
/// # Panics
///
/// If the pack is missing: these are benchmarks of a source tree.
#[allow(clippy::panic, reason = "a benchmark without its input has nothing to say")]
pub fn family(id: &str) -> Vec<u8> {
    let path = cases_dir().join(id).join("samples.pack");
    let packed = std::fs::read(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    let files = pack::read(&packed).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    files.into_iter().flat_map(|file| file.bytes).collect()
}

/// Text without any anchor: this file, repeated.
pub fn source_text(bytes: usize) -> Vec<u8> {
    include_bytes!("lib.rs").iter().copied().cycle().take(bytes).collect()
}

/// Bytes like those of a program, practically without anchors: a mixed counter, so that control bytes are everywhere.
pub fn program_bytes(bytes: usize) -> Vec<u8> {
    (0..bytes as u64).map(|n| (n.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 56) as u8).collect()
}
