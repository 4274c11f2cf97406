//! The only file that prints. Standard output is data, standard error is people.

use std::io::{self, Write};
use std::panic::PanicHookInfo;
use std::sync::Mutex;

use crate::exit::Failure;
use crate::report::words::escape_lines;

/// Writes data to standard output. A reader that went away is no error: it had enough.
pub(crate) fn data(bytes: &[u8]) -> Result<(), Failure> {
    data_by(&|out| out.write_all(bytes))
}

/// Writes data to standard output as it is made.
pub(crate) fn data_by(write: &dyn Fn(&mut dyn Write) -> io::Result<()>) -> Result<(), Failure> {
    let mut stdout = io::BufWriter::with_capacity(64 << 10, io::stdout().lock());
    match write(&mut stdout).and_then(|()| stdout.flush()) {
        Err(error) if error.kind() != io::ErrorKind::BrokenPipe => {
            Err(Failure::new(format!("cannot write to standard output: {error}"))
                .hint("check the disk, or name a file with --output"))
        }
        _ => Ok(()),
    }
}

/// Writes lines for people to standard error. If nobody listens there, nothing can be done. Whatever could act on a terminal
/// or on a build server is escaped once more: an error may repeat what another program said.
pub(crate) fn people(lines: impl std::fmt::Display) {
    let _ = writeln!(io::stderr().lock(), "{}", escape_lines(&lines.to_string()));
}

/// Where the last panic of our own code happened.
static PANICKED_AT: Mutex<Option<String>> = Mutex::new(None);

/// Keeps every panic silent, and remembers its place but never its message: that could hold bytes of the input.
///
/// Most panics are caught by the engine, which reports them as a gap. One that reaches `main` is told by
/// [`last_panic`].
pub(crate) fn silence_panics() {
    std::panic::set_hook(Box::new(|info: &PanicHookInfo<'_>| {
        let Some(place) = info.location() else { return };
        let Ok(mut last) = PANICKED_AT.lock() else { return };
        // The standard library's own panics (a scope whose thread panicked) hide the place that matters.
        if last.is_none() || !place.file().starts_with("/rustc/") {
            *last = Some(format!("{}:{}", place.file(), place.line()));
        }
    }));
}

/// What to say of a panic that nobody caught.
pub(crate) fn last_panic() -> Failure {
    let place = PANICKED_AT.lock().ok().and_then(|mut last| last.take());
    // Where a library starts a thread and the system gives none, the standard library panics.
    if place.as_deref().is_some_and(|place| place.contains("/library/std/src/thread/")) {
        return Failure::new("cannot start a thread: there is too little memory, or there are too many threads").hint(
            "raise the limits on memory and processes (`ulimit -u`, `ulimit -v`; for a hook on a server, --memory)",
        );
    }
    Failure::new(format!("internal error at {}", place.as_deref().unwrap_or("an unknown place")))
        .hint("this is a fault of keyradius; please report it with this line and the command")
}
