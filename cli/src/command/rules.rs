//! `keyradius rules`: check the user's rules, or convert those of other tools.

use std::path::Path;

use keyradius_core::blob::printable_path;

use crate::args::rules::{From, RulesCommand};
use crate::config::{self, Config};
use crate::confine::Guard;
use crate::draft::{self, Existing, Place};
use crate::exit::plain;
use crate::exit::{Exit, Failure};
use crate::out;
use crate::report::words::{escape, plural};
use crate::rules::{gitleaks, write};
use crate::surroundings::Surroundings;

/// Runs one of the commands of `rules`.
pub(crate) fn run(command: &RulesCommand, guard: Guard) -> Result<Exit, Failure> {
    match command {
        RulesCommand::Import { from: From::Gitleaks, file, output } => import(file, output.as_deref(), guard),
        RulesCommand::Check { file } => check(file.as_deref()),
    }
}

fn import(file: &Path, output: Option<&Path>, guard: Guard) -> Result<Exit, Failure> {
    let fail = |path: &Path, error: &std::io::Error| {
        Failure::new(format!("cannot write {}: {}", printable_path(path), plain(error)))
            .hint("name a new file; existing files are never overwritten")
    };
    output.map(draft::check_way).transpose()?;
    let place = output.map(|path| Place::at(path).map_err(|error| fail(path, &error))).transpose()?;
    guard.enter(place.as_ref())?;
    let name = printable_path(file);
    let text = std::fs::read_to_string(file).map_err(|error| {
        Failure::new(format!("cannot read {name}: {}", plain(&error))).hint("name a gitleaks configuration")
    })?;
    let imported = gitleaks::import(&text)
        .map_err(|what| Failure::new(format!("{name}: {what}")).hint("name a TOML configuration of gitleaks 8"))?;
    let comment = format!("Rules converted from {name} by keyradius {}.", env!("CARGO_PKG_VERSION"));
    let rules = write::toml(&comment, &imported.rules, &imported.for_all);
    match output.zip(place) {
        None => out::data(rules.as_bytes())?,
        Some((path, place)) => {
            place.put(rules.as_bytes(), Existing::Keep).map_err(|error| fail(path, &error))?;
        }
    }
    for line in imported.account() {
        out::people(escape(&line));
    }
    Ok(if imported.dropped() == 0 { Exit::Nothing } else { Exit::Incomplete })
}

fn check(file: Option<&Path>) -> Result<Exit, Failure> {
    let here = Surroundings::real()?.directory;
    let config = match file {
        Some(path) => Config::read(&here.join(path), path, true)?,
        None => match config::find(&here, std::slice::from_ref(&here)) {
            Some(path) => Config::read(&path, path.strip_prefix(&here).unwrap_or(&path), false)?,
            None => {
                return Err(Failure::new("no keyradius.toml here or above").hint("name a configuration file"));
            }
        },
    };
    config.rules.compile()?;
    let mut page = String::new();
    for (place, rule) in &config.rules.rules {
        let literals = keyradius_secrets::literals(rule);
        let line = format!("{place}: {}: valid; searched for: {}", rule.id, literals.join(" "));
        page.push_str(&escape(&line));
        page.push('\n');
    }
    page.push_str(&plural(config.rules.rules.len() as u64, "rule is", "rules are"));
    page.push_str(" valid\n");
    out::data(page.as_bytes())?;
    Ok(Exit::Nothing)
}
