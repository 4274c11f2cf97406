//! Writes the tables of `data/` as JSON, and lists the roles: each file of `data/roles/`, with the playbook of the same
//! name in `data/playbooks/`.
//!
//! `data/*.toml` is what people read and mend. Reading it takes ten times as long as reading the same as JSON, and a
//! scan that finds one key would spend half of its time on it. A new role needs no line of code. A role without a
//! playbook and a playbook without a role end the build.

use std::collections::BTreeSet;
use std::fmt::Write;
use std::path::Path;
use std::{env, fs};

const TABLES: [&str; 4] = ["evidence", "rules", "sarif", "frameworks"];
const ROLES: &str = "data/roles";
const PLAYBOOKS: &str = "data/playbooks";

/// Files beside the playbooks that belong to no role: what is common to all, and what was checked.
const OTHERS: [&str; 2] = ["_common", "CHECKED"];

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let out = env::var_os("OUT_DIR").ok_or("cargo sets OUT_DIR")?;
    let root = env::var_os("CARGO_MANIFEST_DIR").ok_or("cargo sets CARGO_MANIFEST_DIR")?;
    let out = Path::new(&out);
    for table in TABLES {
        let file = format!("data/{table}.toml");
        println!("cargo::rerun-if-changed={file}");
        fs::write(out.join(format!("{table}.json")), serde_json::to_string(&table_of(Path::new(&file))?)?)?;
    }
    println!("cargo::rerun-if-changed={ROLES}");
    println!("cargo::rerun-if-changed={PLAYBOOKS}");
    let roles = names(ROLES, "toml")?;
    let mut playbooks = names(PLAYBOOKS, "md")?;
    playbooks.retain(|name| !OTHERS.contains(&name.as_str()));
    if let Some(name) = roles.symmetric_difference(&playbooks).next() {
        return Err(format!("{name}: a role needs both {ROLES}/{name}.toml and {PLAYBOOKS}/{name}.md").into());
    }
    let mut list = String::from("&[\n");
    for name in roles {
        let role = table_of(&Path::new(&root).join(ROLES).join(format!("{name}.toml")))?;
        let sarif = role.get("sarif").and_then(toml::Value::as_str).unwrap_or_default();
        let role = serde_json::to_string(&role)?;
        let playbook = text_of(&Path::new(&root).join(PLAYBOOKS).join(format!("{name}.md")))?;
        writeln!(list, "RoleText {{ id: {name:?}, sarif: {sarif:?}, role: {role:?}, playbook: {playbook} }},")?;
    }
    list.push(']');
    fs::write(out.join("roles.rs"), list)?;
    Ok(())
}

/// A file of TOML.
fn table_of(file: &Path) -> Result<toml::Table, String> {
    let text = fs::read_to_string(file).map_err(|error| format!("{}: {error}", file.display()))?;
    toml::from_str(&text).map_err(|error| format!("{}: {error}", file.display()))
}

/// The expression that includes a file.
fn text_of(file: &Path) -> Result<String, String> {
    let path = file.to_str().ok_or_else(|| format!("{}: the path is not UTF-8", file.display()))?;
    Ok(format!("include_str!({path:?})"))
}

/// The names of the files in a folder with this extension, without it.
fn names(folder: &str, extension: &str) -> Result<BTreeSet<String>, Box<dyn std::error::Error>> {
    let mut names = BTreeSet::new();
    for entry in fs::read_dir(folder).map_err(|error| format!("{folder}: {error}"))? {
        let path = entry?.path();
        if path.extension().is_some_and(|found| found == extension) {
            names.extend(path.file_stem().and_then(|name| name.to_str()).map(str::to_owned));
        }
    }
    Ok(names)
}
