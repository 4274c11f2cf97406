//! Reads objects by id, with one long-lived `git cat-file --batch` per thread.

use std::collections::VecDeque;
use std::fs::File;
use std::io::{self, BufRead, BufReader, Read, Write};
use std::path::{Path, PathBuf};
use std::process::ChildStdout;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::Relaxed};
use std::sync::{Mutex, MutexGuard, PoisonError};

use keyradius_core::blob::Origin;
use keyradius_core::error::{Gap, Reason, SourceError};
use keyradius_core::oid::{Format, ObjectId};
use keyradius_core::run::Run;
use keyradius_core::seam::{Feed, Source};
use keyradius_core::secret::wipe_stack;
use keyradius_core::source::stream::Windows;

use super::git::Git;
use super::lfs::{Checked, LARGEST, Pointer};
use crate::exit::Failure;

/// Number of objects for which another thread is worth its own git process.
const WORTH_A_THREAD: usize = 256;

/// Number of ids that are written to one git process at a time.
const AT_ONCE: usize = 64;

/// Maximum number of notes that are kept of one run.
const NOTES: usize = 1000;

/// The kind of objects that `--batch` prints and that need no scan: a tree has no file content.
const TREE: &str = "tree";

/// A stream of object ids, one at a time, as they become known.
pub(crate) type Names<'a> = Box<dyn FnMut() -> Option<Result<String, Failure>> + Send + 'a>;

/// A stream of ids that are already known.
pub(crate) fn list(oids: &[String]) -> Names<'_> {
    let mut oids = oids.iter();
    Box::new(move || oids.next().cloned().map(Ok))
}

/// Progress of a hook's reading, which other threads can observe.
#[derive(Debug, Default)]
pub(crate) struct Tally {
    /// Number of objects read to their end.
    pub(crate) read: AtomicU64,
    /// Number of objects listed so far.
    pub(crate) named: AtomicU64,
    /// Whether the list is complete.
    pub(crate) listed: AtomicBool,
}

/// Objects to scan. Their origins have no path: paths are looked up later, and only for objects that contain a key.
pub(crate) struct Blobs<'a> {
    git: &'a Git,
    names: Mutex<Option<Names<'a>>>,
    /// The common git directory, below which git-lfs stores the objects of its pointers.
    common: Option<&'a Path>,
    tally: &'a Tally,
    notes: Mutex<Vec<Note>>,
    failed: Mutex<Option<Failure>>,
}

/// A remark about an object that was read.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Note {
    /// Id of the object.
    pub(crate) oid: String,
    /// Text of the remark.
    pub(crate) what: String,
}

/// Ids that wait for a reader.
struct Queue<'q, 'a> {
    first: VecDeque<String>,
    rest: &'q mut Names<'a>,
    over: bool,
}

impl<'a> Blobs<'a> {
    /// A source of these objects. `common` is the directory that all work trees of the repository share.
    pub(crate) fn new(git: &'a Git, names: Names<'a>, common: Option<&'a Path>, tally: &'a Tally) -> Self {
        let names = Mutex::new(Some(names));
        Self { git, names, common, tally, notes: Mutex::default(), failed: Mutex::default() }
    }

    /// The remarks about the objects, sorted; an error if not all objects could be requested.
    pub(crate) fn finish(self) -> Result<Vec<Note>, Failure> {
        if let Some(failure) = self.failed.into_inner().unwrap_or_else(PoisonError::into_inner) {
            return Err(failure);
        }
        let mut notes = self.notes.into_inner().unwrap_or_else(PoisonError::into_inner);
        notes.sort();
        Ok(notes)
    }

    fn fail(&self, failure: Failure) {
        lock(&self.failed).get_or_insert(failure);
    }

    fn note(&self, oid: &str, what: impl Into<String>) {
        let mut notes = lock(&self.notes);
        if notes.len() < NOTES {
            notes.push(Note { oid: oid.to_owned(), what: what.into() });
        }
    }

    /// Up to `many` further ids; none at the end, or if the listing failed.
    fn next(&self, queue: &Mutex<Queue<'_, '_>>, many: usize) -> Vec<String> {
        let mut queue = lock(queue);
        let mut names: Vec<String> = Vec::new();
        while names.len() < many {
            if let Some(name) = queue.first.pop_front() {
                names.push(name);
                continue;
            }
            if queue.over {
                break;
            }
            match (queue.rest)() {
                Some(Ok(name)) => {
                    self.tally.named.fetch_add(1, Relaxed);
                    names.push(name);
                }
                other => {
                    queue.over = true;
                    if let Some(Err(failure)) = other {
                        self.fail(failure);
                    }
                }
            }
        }
        names
    }

    fn share(&self, queue: &Mutex<Queue<'_, '_>>, to: Feed<'_>) {
        let asked = Mutex::new(VecDeque::new());
        let result = self.batch(queue, &asked, to);
        let unanswered = lock(&asked).len();
        if to.run.cancelled() || (result.is_ok() && unanswered == 0) {
            return;
        }
        let why = result.err().map_or_else(|| "it ended early".to_owned(), |error| error.to_string());
        let failure = Failure::new(format!("`git cat-file` failed: {why}; {unanswered} objects were not read"));
        self.fail(failure.hint("run `git fsck` to check the repository"));
    }

    fn batch(&self, queue: &Mutex<Queue<'_, '_>>, asked: &Mutex<VecDeque<String>>, to: Feed<'_>) -> io::Result<()> {
        let started = self.git.converse(&["cat-file", "--batch", "--buffer"]);
        let mut running = started.map_err(|failure| io::Error::other(failure.to_string()))?;
        let (stdin, stdout) = (running.stdin.take(), running.stdout.take());
        let result = std::thread::scope(|scope| {
            let ask = || {
                let Some(mut stdin) = stdin else { return };
                while !to.run.cancelled() {
                    let names = self.next(queue, AT_ONCE);
                    if names.is_empty() {
                        break;
                    }
                    let lines: String = names.iter().flat_map(|oid| [oid.as_str(), "\n"]).collect();
                    lock(asked).extend(names);
                    if stdin.write_all(lines.as_bytes()).is_err() {
                        // Git has ended; the reading side reports the error.
                        break;
                    }
                }
            };
            std::thread::Builder::new().spawn_scoped(scope, ask)?;
            let Some(stdout) = stdout else { return Ok(()) };
            let mut input = BufReader::with_capacity(64 << 10, stdout);
            let mut windows = Windows::default();
            while !to.run.cancelled() && self.object(asked, &mut input, &mut windows, to)? {}
            Ok(())
        });
        if result.is_ok() && !to.run.cancelled() {
            return running.end().map_err(|failure| io::Error::other(failure.to_string()));
        }
        result
    }

    /// Reads and scans one object; `false` at the end of the output.
    fn object(
        &self,
        asked: &Mutex<VecDeque<String>>,
        input: &mut BufReader<ChildStdout>,
        windows: &mut Windows,
        to: Feed<'_>,
    ) -> io::Result<bool> {
        let mut header = Vec::new();
        // An id, a kind and a size.
        if input.take(1024).read_until(b'\n', &mut header)? == 0 {
            return Ok(false);
        }
        let header = String::from_utf8_lossy(&header);
        let mut words = header.split_whitespace();
        let oid = words.next().unwrap_or_default();
        let (kind, size) = match (words.next(), words.next().map(str::parse::<u64>)) {
            (Some("missing"), _) => {
                gap(to.run, oid, "the object is not in this repository, which may be a shallow or partial clone");
                lock(asked).pop_front();
                return Ok(true);
            }
            (Some(kind), Some(Ok(size))) => (kind, size),
            _ => return Err(io::Error::other("it ended early")),
        };
        let origin = origin_of(oid);
        let mut bytes = input.take(size);
        match kind {
            TREE => {}
            "blob" => {
                let mut start = Vec::new();
                (&mut bytes).take(LARGEST).read_to_end(&mut start)?;
                // The bytes of the blob itself are searched even if it is a pointer.
                windows.feed(&mut start.as_slice().chain(&mut bytes), &origin, to);
                if let (Some(common), Some(pointer)) = (self.common, Pointer::read(&start)) {
                    self.meant(oid, &pointer, common, windows, to);
                }
            }
            _ => windows.feed(&mut bytes, &origin, to),
        }
        // Skip what was not read of the object, and the line feed after it.
        let rest = bytes.limit() + 1;
        let skipped = io::copy(&mut input.take(rest), &mut io::sink())?;
        if skipped < rest {
            return Err(io::Error::other("it ended early"));
        }
        lock(asked).pop_front();
        self.tally.read.fetch_add(u64::from(!to.run.cancelled()), Relaxed);
        Ok(true)
    }

    /// Scans the object that a git-lfs pointer refers to.
    fn meant(&self, oid: &str, pointer: &Pointer, common: &Path, windows: &mut Windows, to: Feed<'_>) {
        let path: PathBuf = pointer.object(common);
        // Opening a FIFO would wait for whoever writes to it.
        match path.metadata().and_then(|meta| meta.is_file().then(|| File::open(&path)).transpose()) {
            Ok(Some(file)) if file.metadata().is_ok_and(|meta| meta.is_file()) => {
                let mut checked = Checked::new(file);
                windows.feed(&mut checked, &origin_of(oid), to);
                if let Some(what) = checked.differs(pointer, &|| to.run.cancelled()) {
                    self.note(oid, what);
                }
            }
            Err(error) if error.kind() != io::ErrorKind::NotFound => {
                gap(to.run, oid, &format!("the object of its git-lfs pointer cannot be read: {error}"));
            }
            _ => self.note(oid, "skipped: a git-lfs pointer whose object is not in this clone"),
        }
    }
}

/// The origin of an object: its id, and no path.
pub(crate) fn origin_of(oid: &str) -> Origin {
    let format = if oid.len() == 64 { Format::Sha256 } else { Format::Sha1 };
    Origin { object: ObjectId::from_hex(format, oid.as_bytes()), ..Origin::file("") }
}

fn gap(run: &Run<'_>, oid: &str, detail: &str) {
    run.gap(Gap::new(origin_of(oid), Reason::ReadError, detail.to_owned()));
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Source for Blobs<'_> {
    fn feed(&self, jobs: usize, to: Feed<'_>) -> Result<(), SourceError> {
        let Some(mut names) = lock(&self.names).take() else { return Ok(()) };
        let queue = Mutex::new(Queue { first: VecDeque::new(), rest: &mut names, over: false });
        if to.run.cancelled() {
            return Ok(());
        }
        let first = self.next(&queue, WORTH_A_THREAD * jobs.max(1));
        if first.is_empty() {
            return Ok(());
        }
        let jobs = jobs.min(first.len().div_ceil(WORTH_A_THREAD)).max(1);
        lock(&queue).first.extend(first);
        std::thread::scope(|scope| {
            for _ in 1..jobs {
                let share = || {
                    self.share(&queue, to);
                    wipe_stack();
                };
                // The threads that did start share all objects.
                if std::thread::Builder::new().spawn_scoped(scope, share).is_err() {
                    break;
                }
            }
            self.share(&queue, to);
        });
        Ok(())
    }
}
