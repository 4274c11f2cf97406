//! Measures how fast files that use keys are read: `cargo run --release -p keyradius-benches --example usage --
//! DIR...`.
//!
//! Prints the share of files below the directories whose name is selected, how many bytes per second are read, and
//! which files took longest for their size.

#![allow(clippy::print_stdout, clippy::cast_precision_loss, reason = "it says what it measured, rounded")]

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use keyradius_core::blob::{Blob, Origin};
use keyradius_core::seam::{UsageHints, UsageReader};
use keyradius_usage::Usage;

/// Largest file that the engine passes on, in bytes.
const LARGEST: u64 = 1 << 20;

fn files(folder: &Path, out: &mut Vec<(PathBuf, u64)>) {
    for entry in std::fs::read_dir(folder).into_iter().flatten().flatten() {
        let Ok(kind) = entry.file_type() else { continue };
        if kind.is_dir() {
            files(&entry.path(), out);
        } else if kind.is_file() {
            out.push((entry.path(), entry.metadata().map_or(0, |metadata| metadata.len())));
        }
    }
}

fn main() {
    let mut all = Vec::new();
    for folder in std::env::args_os().skip(1) {
        files(Path::new(&folder), &mut all);
    }
    let start = Instant::now();
    let wanted: Vec<&(PathBuf, u64)> = all.iter().filter(|(path, _)| Usage.wants(path)).collect();
    let asking = start.elapsed();
    let (mut bytes, mut time, mut usage_hints) = (0_u64, Duration::ZERO, UsageHints::default());
    let mut slow: Vec<(Duration, &Path, u64)> = Vec::new();
    let mut tools: BTreeMap<String, usize> = BTreeMap::new();
    for (path, size) in wanted.iter().filter(|(_, size)| *size <= LARGEST) {
        let Ok(held) = std::fs::read(path) else { continue };
        let origin = Origin::file(path.clone());
        let from = usage_hints.references.len();
        let start = Instant::now();
        Usage.read(Blob::whole(&held, &origin), &mut usage_hints);
        let took = start.elapsed();
        time += took;
        bytes += held.len() as u64;
        slow.push((took, path, *size));
        for reference in usage_hints.references.iter().skip(from).filter_map(|material| material.reference.as_deref()) {
            *tools.entry(reference.tool.clone()).or_default() += 1;
            if std::env::var_os("LINES").is_some() {
                println!("{}: {} {:?} {}", path.display(), reference.tool, reference.names, reference.weight);
            }
        }
    }
    let total: u64 = all.iter().map(|(_, size)| size).sum();
    println!("{} files, {} MB; asked for {:?} each", all.len(), total >> 20, asking / (all.len().max(1) as u32));
    println!(
        "read {} files, {:.1} MB in {time:?}: {:.0} MB/s",
        wanted.len(),
        bytes as f64 / 1e6,
        bytes as f64 / 1e6 / time.as_secs_f64()
    );
    println!(
        "{} lines that use keys, {} that may be passwords",
        usage_hints.references.len(),
        usage_hints.candidates.len()
    );
    println!("{tools:?}");
    slow.sort();
    for (took, path, size) in slow.iter().rev().take(5) {
        println!("{took:?} {size} bytes {}", path.display());
    }
}
