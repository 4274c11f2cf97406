//! `keyradius identify`: every name that the keys of a file go by.

use std::path::Path;

use keyradius_core::blob::printable_path;
use keyradius_core::material::{Identity, PublicHalf};
use keyradius_detectors::facts::Facts;
use keyradius_detectors::{Judging, engine, judge_facts};

use super::hunt::{passwords, read_within};
use super::tell;
use crate::args::hunt::{HuntFormat, IdentifyArgs, PublicFormat};
use crate::args::is_stdin;
use crate::confine::Guard;
use crate::exit::{Exit, Failure};
use crate::out;
use crate::plan::Output;
use crate::report::hunt::{Identified, identity};
use crate::report::json;
use crate::surroundings::Surroundings;

/// Prints the names, and returns the exit code.
pub(crate) fn run(args: &IdentifyArgs, around: &Surroundings, guard: Guard) -> Result<Exit, Failure> {
    let bytes = read_within(&args.file, &around.directory, args.max_size)?;
    let given = args.passwords.as_deref().map(|path| passwords(path, &around.directory)).transpose()?;
    let given = given.unwrap_or_default();
    guard.enter(None)?;
    let shown = if is_stdin(&args.file) { "standard input".into() } else { printable_path(Path::new(&args.file)) };
    let harvest = engine().bytes(&shown, &bytes);
    let judging = Judging { given: &given, ..Judging::at(around.now.as_second()) };
    let mut facts = Facts::of(harvest, &judging);
    if let Some(encoding) = args.public {
        return public(&facts, encoding, &shown);
    }
    let gaps = std::mem::take(&mut facts.gaps);
    let mut identified = Identified::of(&shown, &facts.occurrences, gaps);
    identified.add_roles(&judge_facts(facts, &judging).findings);
    tell::deliver(Output::Stdout, &|out| match args.format {
        HuntFormat::Human => identity::render(&identified, out),
        HuntFormat::Json => json::pretty(&identified, out),
    })?;
    if identified.is_empty() {
        out::people(format_args!("note: no key with a public half in {shown}"));
        return Ok(Exit::Findings);
    }
    Ok(Exit::Nothing)
}

/// Writes the public half of every key of a file, each once, in the order of their places.
fn public(facts: &Facts, encoding: PublicFormat, shown: &str) -> Result<Exit, Failure> {
    let mut halves: Vec<&PublicHalf> = Vec::new();
    for occurrence in &facts.occurrences {
        let Some(Identity::Public(half)) = &occurrence.material.identity else { continue };
        if !halves.iter().any(|known| known.id.key_only == half.id.key_only) {
            halves.push(half);
        }
    }
    if halves.len() > 1 && encoding == PublicFormat::Der {
        return Err(Failure::new(format!("{shown} has {} keys, and DER cannot tell them apart", halves.len()))
            .hint("use --public pem"));
    }
    let mut out = Vec::new();
    for half in &halves {
        let text = match encoding {
            PublicFormat::Der => {
                out.extend(&half.spki);
                continue;
            }
            PublicFormat::Pem => Some(pem::encode(&pem::Pem::new("PUBLIC KEY", half.spki.clone())).replace('\r', "")),
            PublicFormat::Ssh => keyradius_target::ssh_line(half).map(|line| line + "\n"),
            PublicFormat::Jwk => keyradius_target::jwk(half).map(|line| line + "\n"),
        };
        match text {
            Some(text) => out.extend(text.into_bytes()),
            None => out::people(format_args!("note: no such encoding for {}", half.algorithm.name)),
        }
    }
    if out.is_empty() {
        out::people(format_args!("note: no key with a public half in {shown} that has this encoding"));
        return Ok(Exit::Findings);
    }
    out::data(&out)?;
    Ok(Exit::Nothing)
}
