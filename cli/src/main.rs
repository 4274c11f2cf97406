//! The command line of keyradius: parse, plan, command, exit.

mod allow;
mod args;
mod command;
mod config;
mod exit;
mod hook;
mod out;
mod plan;
mod progress;
mod report;
mod rules;
mod suggest;

use std::process::ExitCode;

use clap::Parser;

use args::{Args, Command};
use exit::{Exit, Failure};

fn main() -> ExitCode {
    out::silence_panics();
    // Wrong usage, `--help` and `--version` end here: clap prints and exits with 2 or 0.
    let args = Args::parse();
    let result = std::panic::catch_unwind(|| run(args)).unwrap_or_else(|_| Err(out::last_panic()));
    match result {
        Ok(exit) => exit.into(),
        Err(failure) => {
            out::people(failure);
            Exit::Failure.into()
        }
    }
}

fn run(args: Args) -> Result<Exit, Failure> {
    match args.command {
        Command::Scan(args) => command::scan::run(plan::Plan::new(*args, &plan::Surroundings::real()?)?),
        Command::Hook(command) => command::hook::run(&command),
        Command::Explain(args) => command::explain::run(&args),
        Command::Rules(command) => command::rules::run(&command),
        Command::Schema { name } => command::schema::run(name),
        Command::Completions { shell } => command::completions::run(shell),
        Command::Man { dir } => command::man::run(dir.as_deref()),
    }
}
