//! Writes the tables of `data/` as JSON.
//!
//! `data/*.toml` is what people read and mend. Reading it takes ten times as long as reading the same as JSON, and a
//! scan that finds one key would spend half of its time on it.

use std::path::Path;
use std::{env, fs};

const TABLES: [&str; 5] = ["roles", "evidence", "rules", "sarif", "frameworks"];

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let out = env::var_os("OUT_DIR").ok_or("cargo sets OUT_DIR")?;
    for table in TABLES {
        let file = format!("data/{table}.toml");
        println!("cargo::rerun-if-changed={file}");
        let text = fs::read_to_string(&file).map_err(|error| format!("{file}: {error}"))?;
        let read: toml::Table = toml::from_str(&text).map_err(|error| format!("{file}: {error}"))?;
        fs::write(Path::new(&out).join(format!("{table}.json")), serde_json::to_string(&read)?)?;
    }
    Ok(())
}
