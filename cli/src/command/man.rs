//! `keyradius man`: manual pages, generated from the help texts.

use std::io;
use std::path::Path;

use clap::CommandFactory;
use keyradius_core::blob::printable_path;

use crate::args::Args;
use crate::draft::{self, Existing};
use crate::exit::plain;
use crate::exit::{Exit, Failure};
use crate::out;

/// Prints the page of `keyradius`, or writes one page per command into `dir`.
pub(crate) fn run(dir: Option<&Path>) -> Result<Exit, Failure> {
    let fail = |error: &io::Error| {
        let place = dir.map_or_else(|| "the manual page".to_owned(), printable_path);
        Failure::new(format!("cannot write {place}: {}", plain(error)))
            .hint("name an existing directory that you can write to")
    };
    if let Some(dir) = dir {
        draft::check_way(&dir.join("keyradius.1"))?;
        write_pages(Args::command().disable_help_subcommand(true), dir).map_err(|error| fail(&error))?;
    } else {
        let mut page = Vec::new();
        clap_mangen::Man::new(Args::command()).render(&mut page).map_err(|error| fail(&error))?;
        out::data(&page)?;
    }
    Ok(Exit::Nothing)
}

/// Writes a page for a command and for each of its subcommands.
fn write_pages(mut command: clap::Command, dir: &Path) -> io::Result<()> {
    // Gives the subcommands their full names.
    command.build();
    for below in command.get_subcommands().filter(|below| !below.is_hide_set()) {
        write_pages(below.clone(), dir)?;
    }
    let man = clap_mangen::Man::new(command);
    let mut page = Vec::new();
    man.render(&mut page)?;
    draft::put(&dir.join(man.get_filename()), &page, Existing::Replace)
}
