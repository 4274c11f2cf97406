//! Labelled samples of signing material, made with the real tools, and the scorer that compares the scanner with them.
//!
//! A case is a folder under `cases/`: `samples.pack` contains the files, `expect.toml` an oracle tool's answer for
//! each, `make.sh` makes both from scratch. Expectations never come from the scanner.

pub mod exam;
pub mod expect;
pub mod generate;
pub mod mutants;
pub mod pack;
pub mod scenario;
pub mod score;
pub mod skeleton;

use std::path::PathBuf;

/// The folder of the cases in this source tree.
pub fn cases_dir() -> PathBuf {
    PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/cases"))
}
