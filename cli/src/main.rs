//! The command line of keyradius: parse, plan, command, exit.

mod allocator;
mod allow;
mod args;
mod bounded;
mod choice;
mod command;
mod config;
mod confine;
mod draft;
mod exit;
mod hook;
mod hush;
mod marks;
mod moment;
mod out;
mod plan;
mod progress;
mod report;
mod repository;
mod revisions;
mod rules;
mod suggest;
mod surroundings;
mod units;

use std::path::Path;
use std::process::ExitCode;

use clap::{CommandFactory, Parser};
use keyradius_core::blob::printable_path;
use keyradius_core::secret::wipe_stack;

use args::{Args, Command};
use confine::Guard;
use exit::{Exit, Failure};
use report::words::escape;

#[global_allocator]
static ALLOCATOR: allocator::Wiping = allocator::Wiping;

fn main() -> ExitCode {
    out::silence_panics();
    let guard = Guard::raise();
    // Wrong usage and `--help` end here: clap prints and exits with 2 or 0.
    let args = match Args::try_parse().map_err(printable) {
        Ok(args) => args,
        Err(error) => {
            let told = error.render().to_string();
            let hushed = hush::hush(&told);
            if hushed == told {
                error.exit();
            }
            out::people(hushed.trim_end());
            return Exit::Failure.into();
        }
    };
    let result = std::panic::catch_unwind(|| run(args, guard)).unwrap_or_else(|_| Err(out::last_panic()));
    wipe_stack();
    match result {
        Ok(exit) => exit.into(),
        Err(failure) => {
            out::people(failure);
            Exit::Failure.into()
        }
    }
}

/// Escapes an error of clap, which repeats the typed arguments: a shell may have expanded them to file names.
fn printable(error: clap::Error) -> clap::Error {
    let typed: Vec<_> = std::env::args_os().map(|arg| escape(&printable_path(Path::new(&arg)))).collect();
    if !error.use_stderr() || typed.iter().zip(std::env::args_os()).all(|(shown, arg)| **shown == *arg) {
        return error;
    }
    Args::try_parse_from(typed)
        .err()
        .filter(clap::Error::use_stderr)
        .unwrap_or_else(|| Args::command().error(error.kind(), "cannot parse an argument; put `--` before file names"))
}

fn run(args: Args, guard: Guard) -> Result<Exit, Failure> {
    let Some(command) = args.command else { return command::version::run(args.verbose, guard) };
    match command {
        Command::Scan(args) => command::scan::run(plan::Plan::new(*args, &surroundings::Surroundings::real()?)?, guard),
        Command::Judge(args) => {
            command::judge::run(plan::JudgePlan::new(*args, &surroundings::Surroundings::real()?)?, guard)
        }
        Command::Report(args) => command::report::run(*args, &surroundings::Surroundings::real()?, guard),
        Command::Hunt(args) => command::hunt::run(*args, &surroundings::Surroundings::real()?, guard),
        Command::Evidence(command) => command::evidence::run(&command, &surroundings::Surroundings::real()?, guard),
        Command::Identify(args) => command::identify::run(&args, &surroundings::Surroundings::real()?, guard),
        Command::Hook(command) => command::hook::run(&command, guard),
        Command::Explain(args) => command::explain::run(&args, guard),
        Command::Rules(command) => command::rules::run(&command, guard),
        Command::Schema { name } => command::schema::run(name),
        Command::Completions { shell } => command::completions::run(shell),
        Command::Man { dir } => command::man::run(dir.as_deref()),
    }
}
