//! Writes the table as JSON: the names of files, which every run needs, apart from the rules.
//!
//! `data/usage.toml` is what people read and mend. Reading it takes ten times as long as reading the same as JSON, and a hook that
//! looks at one file would spend half of its time on it.

use std::path::Path;
use std::{env, fs};

const TABLE: &str = "data/usage.toml";

/// The calls of programming languages.
const SOURCE: &str = "data/source.toml";

/// Words that say what a text is about.
const TOPICS: &str = "data/topics.toml";

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let out = env::var_os("OUT_DIR").ok_or("cargo sets OUT_DIR")?;
    println!("cargo::rerun-if-changed={TABLE}");
    let text = fs::read_to_string(TABLE).map_err(|error| format!("{TABLE}: {error}"))?;
    let mut read: toml::Table = toml::from_str(&text).map_err(|error| format!("{TABLE}: {error}"))?;
    let files = read.remove("files").ok_or(format!("{TABLE}: no [files]"))?;
    fs::write(Path::new(&out).join("files.json"), serde_json::to_string(&files)?)?;
    fs::write(Path::new(&out).join("usage.json"), serde_json::to_string(&read)?)?;
    println!("cargo::rerun-if-changed={SOURCE}");
    let text = fs::read_to_string(SOURCE).map_err(|error| format!("{SOURCE}: {error}"))?;
    let mut read: toml::Table = toml::from_str(&text).map_err(|error| format!("{SOURCE}: {error}"))?;
    // The gate is needed for every source file, the rules only for those that pass it.
    let gate = read.remove("gate").ok_or(format!("{SOURCE}: no gate"))?;
    fs::write(Path::new(&out).join("gate.json"), serde_json::to_string(&gate)?)?;
    fs::write(Path::new(&out).join("source.json"), serde_json::to_string(&read)?)?;
    println!("cargo::rerun-if-changed={TOPICS}");
    let text = fs::read_to_string(TOPICS).map_err(|error| format!("{TOPICS}: {error}"))?;
    let read: toml::Table = toml::from_str(&text).map_err(|error| format!("{TOPICS}: {error}"))?;
    fs::write(Path::new(&out).join("topics.json"), serde_json::to_string(&read)?)?;
    Ok(())
}
