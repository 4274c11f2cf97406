//! All printing. Standard output is for data, standard error for messages to people.

use std::io::{self, Write};
use std::panic::PanicHookInfo;
use std::sync::Mutex;

use crate::exit::Failure;
use crate::report::words::escape_lines;

/// Writes data to standard output. A closed pipe is not an error: its reader needs no more.
pub(crate) fn data(bytes: &[u8]) -> Result<(), Failure> {
    data_by(&|out| out.write_all(bytes))
}

/// Writes data to standard output piece by piece, as `write` produces it.
pub(crate) fn data_by(write: &dyn Fn(&mut dyn Write) -> io::Result<()>) -> Result<(), Failure> {
    let mut stdout = io::BufWriter::with_capacity(64 << 10, io::stdout().lock());
    match write(&mut stdout).and_then(|()| stdout.flush()) {
        Err(error) if error.kind() != io::ErrorKind::BrokenPipe => {
            Err(Failure::new(format!("cannot write to standard output: {error}"))
                .hint("check that the disk is not full, or name a file with --output"))
        }
        _ => Ok(()),
    }
}

/// Writes lines for people to standard error, and ignores errors. Control sequences for terminals and build servers are
/// escaped once more, because an error may quote the output of another program.
pub(crate) fn people(lines: impl std::fmt::Display) {
    let _ = writeln!(io::stderr().lock(), "{}", escape_lines(&lines.to_string()));
}

/// The source location of the last panic of our own code.
static PANICKED_AT: Mutex<Option<String>> = Mutex::new(None);

/// Silences all panics, and remembers their location but never their message, which could contain bytes of the input.
///
/// The engine catches most panics and reports them as gaps. [`last_panic`] reports a panic that reaches `main`.
pub(crate) fn silence_panics() {
    std::panic::set_hook(Box::new(|info: &PanicHookInfo<'_>| {
        let Some(place) = info.location() else { return };
        let Ok(mut last) = PANICKED_AT.lock() else { return };
        // Panics inside the standard library (as of a scope whose thread panicked) must not hide the original location.
        if last.is_none() || !place.file().starts_with("/rustc/") {
            *last = Some(format!("{}:{}", place.file(), place.line()));
        }
    }));
}

/// The error for a panic that was not caught elsewhere.
pub(crate) fn last_panic() -> Failure {
    let place = PANICKED_AT.lock().ok().and_then(|mut last| last.take());
    // The standard library panics if a library starts a thread and the system refuses.
    if place.as_deref().is_some_and(|place| place.contains("/library/std/src/thread/")) {
        return Failure::new("cannot start a thread: too little memory, or too many threads").hint(
            "raise the limits on memory and processes (`ulimit -u`, `ulimit -v`; for a hook on a server, --memory)",
        );
    }
    Failure::new(format!("internal error at {}", place.as_deref().unwrap_or("an unknown place")))
        .hint("this is a bug in keyradius; please report it with this line and the command")
}
