//! Labelled samples of signing material, made with the real tools, and the scorer that holds the scanner against them.
//!
//! A case is a folder under `cases/`: `samples.pack` holds the files, `expect.toml` what an oracle tool says of each,
//! `make.sh` makes both again from nothing. Expectations never come from the scanner.

pub mod expect;
pub mod generate;
pub mod mutants;
pub mod pack;
pub mod scenario;
pub mod score;
pub mod skeleton;

use std::path::PathBuf;

/// Where the cases of this source tree lie.
pub fn cases_dir() -> PathBuf {
    PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/cases"))
}
