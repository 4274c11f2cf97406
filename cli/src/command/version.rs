//! `keyradius --version`: print the version and, with `-v`, how this machine confines a scan.

use crate::confine::Guard;
use crate::exit::{Exit, Failure};
use crate::out;

/// Prints the version. If `verbose`, also confines this process like a scan, and prints which protections are active.
pub(crate) fn run(verbose: bool, guard: Guard) -> Result<Exit, Failure> {
    let mut page = format!("keyradius {}\n", env!("CARGO_PKG_VERSION"));
    if verbose {
        for line in guard.enter(None)?.describe() {
            page.push_str(&line);
            page.push('\n');
        }
    }
    out::data(page.as_bytes())?;
    Ok(Exit::Nothing)
}
