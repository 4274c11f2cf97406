//! `keyradius man`: manual pages, made from the same words as `--help`.

use std::path::Path;

use clap::CommandFactory;
use scanner_core::blob::printable_path;

use crate::args::Args;
use crate::exit::{Exit, Failure};
use crate::out;
use crate::plan::plain;

/// Prints the page of `keyradius`, or writes one page per command into `dir`.
pub(crate) fn run(dir: Option<&Path>) -> Result<Exit, Failure> {
    let fail = |error: &std::io::Error| {
        let place = dir.map_or_else(|| "the manual page".to_owned(), printable_path);
        Failure::new(format!("cannot write {place}: {}", plain(error))).hint("name a directory that exists")
    };
    if let Some(dir) = dir {
        clap_mangen::generate_to(Args::command(), dir).map_err(|error| fail(&error))?;
    } else {
        let mut page = Vec::new();
        clap_mangen::Man::new(Args::command()).render(&mut page).map_err(|error| fail(&error))?;
        out::data(&page)?;
    }
    Ok(Exit::Nothing)
}
