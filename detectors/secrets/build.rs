//! Writes the table that every run needs as JSON.
//!
//! `data/secrets.toml` is what people read and mend. Reading it takes ten times as long as reading the same as JSON, and a hook that
//! looks at one file would spend half of its time on it.

use std::path::Path;
use std::{env, fs};

const TABLE: &str = "data/secrets.toml";

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let out = env::var_os("OUT_DIR").ok_or("cargo sets OUT_DIR")?;
    println!("cargo::rerun-if-changed={TABLE}");
    let text = fs::read_to_string(TABLE).map_err(|error| format!("{TABLE}: {error}"))?;
    let read: toml::Table = toml::from_str(&text).map_err(|error| format!("{TABLE}: {error}"))?;
    fs::write(Path::new(&out).join("secrets.json"), serde_json::to_string(&read)?)?;
    Ok(())
}
