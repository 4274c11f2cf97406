//! Writes the tables that every run needs as JSON.
//!
//! `data/*.toml` is what people read and mend. Reading it takes ten times as long as reading the same as JSON, and a hook that
//! looks at one file would spend half of its time on it.

use std::path::Path;
use std::{env, fs};

/// Tables that are read whether or not anything is found.
const TABLES: [&str; 2] = ["secrets", "usage"];

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let out = env::var_os("OUT_DIR").ok_or("cargo sets OUT_DIR")?;
    for table in TABLES {
        let path = format!("data/{table}.toml");
        println!("cargo::rerun-if-changed={path}");
        let text = fs::read_to_string(&path).map_err(|error| format!("{path}: {error}"))?;
        let read: toml::Table = toml::from_str(&text).map_err(|error| format!("{path}: {error}"))?;
        fs::write(Path::new(&out).join(format!("{table}.json")), serde_json::to_string(&read)?)?;
    }
    Ok(())
}
