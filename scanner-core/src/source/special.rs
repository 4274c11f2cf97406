//! Reads inputs that cannot be sought: standard input, FIFOs, devices.
//!
//! Only inputs named by the user are read: a FIFO met by a walk may have no writer. Reads wait for a tenth of a second
//! at a time, so that an interrupt ends the run at once, whatever the writer does.

use std::fs::File;
use std::io::{self, Read};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use super::stream::Windows;
use super::tap::Tap;
use crate::blob::Origin;
use crate::error::{Gap, Reason, SourceError};
use crate::run::Run;
use crate::seam::{Feed, Source};

/// Maximum number of bytes that are read from a character device: some have no end.
const DEVICE: u64 = 1 << 30;

/// Standard input, as the origin `-`.
#[derive(Debug)]
pub struct Stdin;

impl Source for Stdin {
    fn feed(&self, _jobs: usize, to: Feed<'_>) -> Result<(), SourceError> {
        let origin = Origin::file(PathBuf::from("-"));
        #[cfg(unix)]
        match standard_input() {
            Ok(file) => stream(file, &origin, to),
            Err(error) => {
                let detail = format!("standard input: {error}");
                to.run.gap(Gap::new(origin, Reason::TargetUnread, detail));
            }
        }
        #[cfg(not(unix))]
        {
            let tap = Tap::new(io::stdin().lock(), to.run);
            Windows::default().feed(&mut &tap, &origin, to);
            tap.end(&origin.path, to.run);
        }
        Ok(())
    }
}

#[cfg(unix)]
fn standard_input() -> io::Result<File> {
    use std::os::fd::AsFd;
    Ok(File::from(io::stdin().as_fd().try_clone_to_owned()?))
}

/// The type of a path, links followed, if it is neither a regular file nor a directory.
#[cfg_attr(not(unix), expect(dead_code, reason = "only Unix has names for such files"))]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Special {
    /// A FIFO, a pipe, a character device: read to its end.
    Stream,
    /// A socket: cannot be opened.
    Socket,
}

impl Special {
    /// The type of a path named by the user.
    #[cfg(unix)]
    pub(super) fn of(path: &Path) -> Option<Self> {
        use std::os::unix::fs::FileTypeExt;
        let kind = path.metadata().ok()?.file_type();
        match (kind.is_fifo() || kind.is_char_device(), kind.is_socket()) {
            (true, _) => Some(Self::Stream),
            (_, true) => Some(Self::Socket),
            _ => None,
        }
    }

    #[cfg(not(unix))]
    pub(super) fn of(_path: &Path) -> Option<Self> {
        None
    }

    /// Reads the input, or reports why not.
    pub(super) fn read(self, path: &Path, to: Feed<'_>) {
        let origin = Origin::file(path);
        let unread = |detail| to.run.gap(Gap::new(origin.clone(), Reason::TargetUnread, detail));
        match self {
            Self::Socket => {
                unread("a socket cannot be opened as a file; pipe its output to `keyradius scan -`".to_owned());
            }
            Self::Stream => match super::fs::open(path, true) {
                Ok(file) => stream(file, &origin, to),
                Err(error) => unread(error.to_string()),
            },
        }
    }
}

/// Reads a stream to its end, or up to a limit if it is a device.
fn stream(file: File, origin: &Origin, to: Feed<'_>) {
    let most = if is_device(&file) { DEVICE.min(to.run.limits().max_bytes) } else { u64::MAX };
    let mut input =
        Patient { file, run: to.run, left: most, until: Instant::now() + to.run.limits().max_unpack_time, over: None };
    let tap = Tap::new(&mut input, to.run);
    let (_, fault) = Windows::default().feed_part(&mut &tap, origin, to);
    tap.end(&origin.path, to.run);
    let read = most - input.left;
    let gap = |reason, detail| to.run.gap(Gap::new(origin.clone(), reason, detail));
    match (input.over, fault) {
        _ if to.run.cancelled() => {}
        (Some(Reason::TooSlow), _) => {
            gap(Reason::TooSlow, format!("time limit reached; {read} bytes were read"));
        }
        (Some(reason), _) => gap(reason, format!("a device without an end; {read} bytes were read")),
        (None, Some(detail)) => gap(Reason::ReadError, detail),
        (None, None) => to.run.count_file(read),
    }
}

#[cfg(unix)]
fn is_device(file: &File) -> bool {
    use std::io::IsTerminal;
    use std::os::unix::fs::FileTypeExt;
    file.metadata().is_ok_and(|metadata| metadata.file_type().is_char_device()) && !file.is_terminal()
}

#[cfg(not(unix))]
const fn is_device(_file: &File) -> bool {
    false
}

/// Waits for input, but stays interruptible.
struct Patient<'s> {
    file: File,
    run: &'s Run<'s>,
    /// Bytes that may still be read.
    left: u64,
    /// When to stop reading a device; a pipe may take as long as its writer takes.
    until: Instant,
    /// The limit that was exceeded.
    over: Option<Reason>,
}

/// Time between two checks whether the run is over.
const WAIT: Duration = Duration::from_millis(100);

impl Read for Patient<'_> {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        let room = into.len().min(usize::try_from(self.left).unwrap_or(usize::MAX));
        let device = self.left <= DEVICE;
        if room == 0 && !into.is_empty() {
            // One more byte would show whether the stream is at its end.
            self.over = Some(Reason::TooLarge);
            return Err(io::Error::other("a limit of the run"));
        }
        loop {
            if self.run.cancelled() {
                return Err(io::Error::other("interrupted"));
            }
            if device && Instant::now() > self.until {
                self.over = Some(Reason::TooSlow);
                return Err(io::Error::other("a limit of the run"));
            }
            if !ready(&self.file)? {
                continue;
            }
            match self.file.read(into.get_mut(..room).unwrap_or_default()) {
                Ok(read) => {
                    self.left = self.left.saturating_sub(read as u64);
                    return Ok(read);
                }
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => std::thread::sleep(WAIT),
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
    }
}

/// Whether there is input or the end of input; `false` after [`WAIT`].
#[cfg(unix)]
fn ready(file: &File) -> io::Result<bool> {
    use rustix::event::{PollFd, PollFlags, Timespec, poll};
    let mut fds = [PollFd::new(file, PollFlags::IN)];
    let wait = Timespec { tv_sec: 0, tv_nsec: i64::from(WAIT.subsec_nanos()) };
    match poll(&mut fds, Some(&wait)) {
        Ok(ready) => Ok(ready > 0),
        Err(rustix::io::Errno::INTR) => Ok(false),
        Err(error) => Err(error.into()),
    }
}

#[cfg(not(unix))]
const fn ready(_file: &File) -> io::Result<bool> {
    Ok(true)
}
