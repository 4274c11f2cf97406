//! Git as a child process, or as that of a broker: every question is one call, every answer is read as it comes, and all of
//! them can be ended.

use std::collections::BTreeMap;
use std::ffi::OsStr;
use std::io::{self, BufRead, BufReader, IsTerminal, Read};
use std::path::PathBuf;
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::sync::atomic::{AtomicBool, Ordering::SeqCst};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;

#[cfg(target_os = "linux")]
use super::broker::{Broker, GOOD};
use crate::confine::Guard;
use crate::exit::Failure;
use crate::report::words::escape;

/// Most bytes of a line that git writes to standard error, and of all of them that are kept.
pub(crate) const COMPLAINT: u64 = 4 << 10;

/// Most bytes of one line of git's output that are kept: a name of an object and a path.
const LINE: u64 = 64 << 10;

/// Git processes that run, by process id. They are ended together when the time of a hook is up.
#[derive(Debug, Default)]
pub(crate) struct Children {
    running: Mutex<BTreeMap<u32, Child>>,
    stopped: AtomicBool,
    /// Who starts them, where this process may not.
    #[cfg(target_os = "linux")]
    broker: Option<Broker>,
    /// How many the broker was asked for.
    #[cfg(target_os = "linux")]
    asked: std::sync::atomic::AtomicU32,
}

impl Children {
    /// For a process that is confined from now on: a broker starts its git processes. Called before a thread is started.
    #[cfg(target_os = "linux")]
    pub(crate) fn confined(guard: Guard) -> Result<Arc<Self>, Failure> {
        let broker = if Guard::is_off()? { None } else { Some(Broker::start()?) };
        guard.enter(None)?;
        Ok(Arc::new(Self { broker, ..Self::default() }))
    }

    /// Where nothing confines a process, it starts git itself.
    #[cfg(not(target_os = "linux"))]
    pub(crate) fn confined(guard: Guard) -> Result<Arc<Self>, Failure> {
        guard.enter(None)?;
        Ok(Arc::default())
    }

    /// Kills every git process that was started, and lets no other one start.
    pub(crate) fn stop(&self) {
        self.stopped.store(true, SeqCst);
        #[cfg(target_os = "linux")]
        if let Some(broker) = &self.broker {
            broker.stop();
        }
        for child in self.lock().values_mut() {
            // One that has ended already needs nothing.
            let _ = child.kill();
        }
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<u32, Child>> {
        self.running.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Which objects git sees while a push lies in quarantine.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Objects {
    /// Those of the server and those of the push.
    #[default]
    All,
    /// Those of the push, without those that it borrows from the server.
    Pushed,
    /// Those that the server had before.
    Stored,
}

#[cfg(target_os = "linux")]
impl Objects {
    /// A byte for it, as the broker is told.
    pub(crate) const fn to_byte(self) -> u8 {
        match self {
            Self::All => b'a',
            Self::Pushed => b'p',
            Self::Stored => b's',
        }
    }

    /// What a byte stands for.
    pub(crate) fn of_byte(byte: u8) -> Option<Self> {
        [Self::All, Self::Pushed, Self::Stored].into_iter().find(|objects| objects.to_byte() == byte)
    }
}

/// How git is called.
#[derive(Clone, Debug, Default)]
pub(crate) struct Git {
    /// The objects that it sees.
    pub(crate) objects: Objects,
    /// What was started and still runs.
    pub(crate) children: Arc<Children>,
}

/// A git that runs. It is killed if nobody waits for its end.
#[derive(Debug)]
pub(crate) struct Running {
    children: Arc<Children>,
    id: u32,
    what: String,
    /// Where its questions are written to; taken by who asks.
    pub(crate) stdin: Option<ChildStdin>,
    /// Where its answers come from; taken by who reads them.
    pub(crate) stdout: Option<ChildStdout>,
    end: Option<End>,
}

/// How the end of a git is learned of.
#[derive(Debug)]
enum End {
    /// It is a child of this process; a thread listens to what it complains of.
    Child(Option<JoinHandle<String>>),
    /// It is a child of the broker, which tells it here.
    #[cfg(target_os = "linux")]
    Told(std::fs::File),
}

impl Git {
    /// Git, started by who may start it.
    pub(crate) fn of(children: Arc<Children>) -> Self {
        Self { objects: Objects::All, children }
    }

    /// A command whose answer does not depend on the user's language, grafts or network.
    pub(crate) fn command<S: AsRef<OsStr>>(&self, args: &[S]) -> Command {
        let mut command = Command::new("git");
        command
            // The repository may name a program that knows which files changed; nothing here asks for that.
            .args(["-c", "core.fsmonitor=false"])
            // Larger objects are streamed, not held.
            .args(["-c", "core.bigFileThreshold=1m"])
            .args(args)
            .env("LC_ALL", "C")
            // No question of a hook needs another repository, whatever the configuration says of remotes.
            .env("GIT_ALLOW_PROTOCOL", "")
            .env("GIT_OPTIONAL_LOCKS", "0")
            // What is absent from a partial clone is reported, not fetched.
            .env("GIT_NO_LAZY_FETCH", "1")
            // A replacement or a graft would hide what is stored.
            .env("GIT_NO_REPLACE_OBJECTS", "1")
            .env("GIT_GRAFT_FILE", if cfg!(windows) { "NUL" } else { "/dev/null" })
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        // receive-pack makes the quarantine the object directory, and the one of the repository an alternate of it.
        match self.objects {
            Objects::All => {}
            Objects::Pushed => {
                command.env_remove("GIT_ALTERNATE_OBJECT_DIRECTORIES");
            }
            Objects::Stored => {
                // It also names a file of where histories end, with what the client says of that.
                let quarantine = ["GIT_OBJECT_DIRECTORY", "GIT_QUARANTINE_PATH", "GIT_SHALLOW_FILE"];
                for name in quarantine {
                    command.env_remove(name);
                }
            }
        }
        command
    }

    /// Starts git and goes on.
    pub(crate) fn start<S: AsRef<OsStr>>(&self, args: &[S]) -> Result<Running, Failure> {
        self.spawn(args, false)
    }

    /// Starts git with a pipe to its standard input.
    pub(crate) fn converse<S: AsRef<OsStr>>(&self, args: &[S]) -> Result<Running, Failure> {
        self.spawn(args, true)
    }

    /// Starts git with `input` as its standard input; a thread of its own writes it.
    pub(crate) fn feed<S: AsRef<OsStr>>(
        &self,
        args: &[S],
        input: impl Read + Send + 'static,
    ) -> Result<Running, Failure> {
        let mut running = self.converse(args)?;
        if let Some(mut stdin) = running.stdin.take() {
            let mut input = input;
            // A git that went away says why itself.
            let copy = move || drop(io::copy(&mut input, &mut stdin));
            std::thread::Builder::new().spawn(copy).map_err(|error| no_thread(&error))?;
        }
        Ok(running)
    }

    /// Starts git with the output of another one as its standard input.
    pub(crate) fn pipe<S: AsRef<OsStr>>(&self, args: &[S], from: &mut Running) -> Result<Running, Failure> {
        match from.stdout.take() {
            Some(stdout) => self.feed(args, stdout),
            None => self.start(args),
        }
    }

    fn spawn<S: AsRef<OsStr>>(&self, args: &[S], stdin: bool) -> Result<Running, Failure> {
        // Held while it starts, so that it cannot be missed by `stop`.
        let mut running = self.children.lock();
        if self.children.stopped.load(SeqCst) {
            return Err(Failure::new("the time of this hook is up"));
        }
        let (children, what) = (Arc::clone(&self.children), named(args));
        #[cfg(target_os = "linux")]
        if let Some(broker) = &self.children.broker {
            let id = self.children.asked.fetch_add(1, SeqCst);
            let started = broker.git(id, args, (self.objects, stdin)).map_err(|error| not_started(&error))?;
            let (stdin, stdout) = (started.stdin.map(ChildStdin::from), Some(ChildStdout::from(started.stdout)));
            return Ok(Running { children, id, what, stdin, stdout, end: Some(End::Told(started.end.into())) });
        }
        let mut command = self.command(args);
        if stdin {
            command.stdin(Stdio::piped());
        }
        let mut child = command.spawn().map_err(|error| not_started(&error))?;
        let (id, stdin, stdout) = (child.id(), child.stdin.take(), child.stdout.take());
        let listen = |stderr| std::thread::Builder::new().spawn(move || complaint(stderr));
        let complaint = child.stderr.take().map(listen).transpose().map_err(|error| no_thread(&error))?;
        running.insert(id, child);
        Ok(Running { children, id, what, stdin, stdout, end: Some(End::Child(complaint)) })
    }

    /// What git answers.
    pub(crate) fn ask<S: AsRef<OsStr>>(&self, args: &[S]) -> Result<Vec<u8>, Failure> {
        self.start(args)?.answer()
    }

    /// What git answers to `input`.
    pub(crate) fn tell<S: AsRef<OsStr>>(&self, args: &[S], input: &[u8]) -> Result<Vec<u8>, Failure> {
        self.feed(args, io::Cursor::new(input.to_vec()))?.answer()
    }

    /// What git answers, without the line feed at its end; `None` if it says no.
    pub(crate) fn value<S: AsRef<OsStr>>(&self, args: &[S]) -> Option<PathBuf> {
        let mut answer = self.ask(args).ok()?;
        if answer.last() == Some(&b'\n') {
            answer.pop();
        }
        (!answer.is_empty()).then(|| path(&answer))
    }
}

impl Running {
    /// Everything it says, once it ended well.
    pub(crate) fn answer(mut self) -> Result<Vec<u8>, Failure> {
        let mut answer = Vec::new();
        let read = self.stdout.take().map_or(Ok(0), |mut stdout| stdout.read_to_end(&mut answer));
        read.map_err(|error| not_started(&error))?;
        self.end()?;
        Ok(answer)
    }

    /// Hands every line of its output to `each` as it comes, until `each` has enough; `Ok` once it ended well or was
    /// no longer needed.
    pub(crate) fn lines(mut self, each: &mut dyn FnMut(&[u8]) -> std::ops::ControlFlow<()>) -> Result<(), Failure> {
        let Some(stdout) = self.stdout.take() else { return self.end() };
        let mut lines = Lines::new(stdout);
        while let Some(line) = lines.next().map_err(|error| not_started(&error))? {
            if each(line).is_break() {
                return Ok(());
            }
        }
        self.end()
    }

    /// Waits for its end; an error with what it said if that was not a good one.
    pub(crate) fn end(mut self) -> Result<(), Failure> {
        drop((self.stdin.take(), self.stdout.take()));
        let (status, said) = match self.end.take() {
            None => return Ok(()),
            Some(End::Child(complaint)) => {
                let child = self.children.lock().remove(&self.id);
                let Some(mut child) = child else { return Ok(()) };
                let status = child.wait().map_err(|error| not_started(&error))?;
                if status.success() {
                    return Ok(());
                }
                (status.to_string(), complaint.and_then(|said| said.join().ok()).unwrap_or_default())
            }
            #[cfg(target_os = "linux")]
            Some(End::Told(told)) => {
                let mut said = Vec::new();
                told.take(2 * COMPLAINT).read_to_end(&mut said).map_err(|error| not_started(&error))?;
                let said = text(&said);
                if said == GOOD {
                    return Ok(());
                }
                let (status, said) = said.split_once('\n').unwrap_or(("it was killed", ""));
                (status.to_owned(), said.to_owned())
            }
        };
        let said = said
            .lines()
            .find(|line| !line.trim().is_empty())
            .map(|said| escape(said.trim_start_matches("fatal: ").trim_start_matches("error: ")));
        let said = said.unwrap_or_else(|| format!("it said nothing ({status})"));
        Err(Failure::new(format!("`{}` failed: {said}", self.what)).hint("run it by hand to see more"))
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        drop((self.stdin.take(), self.stdout.take()));
        match self.end.take() {
            None => {}
            Some(End::Child(_)) => {
                let child = self.children.lock().remove(&self.id);
                if let Some(mut child) = child {
                    let _ = child.kill();
                    let _ = child.wait();
                }
            }
            #[cfg(target_os = "linux")]
            Some(End::Told(mut told)) => {
                if let Some(broker) = &self.children.broker {
                    broker.kill(self.id);
                }
                // It is gone when the pipe is at its end.
                let _ = io::copy(&mut told, &mut io::sink());
            }
        }
    }
}

/// What a process complains of, as far as it is kept; the rest is read too, because a full pipe would hold it up.
pub(crate) fn complaint(mut stderr: impl Read) -> String {
    let mut kept = Vec::new();
    let _ = (&mut stderr).take(COMPLAINT).read_to_end(&mut kept);
    let _ = io::copy(&mut stderr, &mut io::sink());
    text(&kept)
}

/// Lines of git's output, one at a time. What is longer than [`LINE`] is cut off.
pub(crate) struct Lines {
    input: BufReader<ChildStdout>,
    line: Vec<u8>,
}

impl Lines {
    pub(crate) fn new(stdout: ChildStdout) -> Self {
        Self { input: BufReader::with_capacity(64 << 10, stdout), line: Vec::new() }
    }

    /// The next line, without its line feed.
    pub(crate) fn next(&mut self) -> io::Result<Option<&[u8]>> {
        self.line.clear();
        if (&mut self.input).take(LINE).read_until(b'\n', &mut self.line)? == 0 {
            return Ok(None);
        }
        if self.line.last() == Some(&b'\n') {
            self.line.pop();
        } else {
            self.input.skip_until(b'\n')?;
        }
        Ok(Some(&self.line))
    }
}

fn named<S: AsRef<OsStr>>(args: &[S]) -> String {
    let mut words = vec!["git".to_owned()];
    words.extend(args.iter().take(3).map(|arg| escape(&arg.as_ref().to_string_lossy())));
    words.join(" ")
}

/// Git could not be run.
pub(crate) fn not_started(error: &io::Error) -> Failure {
    Failure::new(format!("cannot run git: {error}")).hint("a hook needs git on the PATH")
}

/// Most bytes that git may write to the standard input of a hook: some half a million refs.
const REFS: u64 = 64 << 20;

/// What git writes to the standard input of a hook. A person who runs one by hand gets told, not a wait.
pub(crate) fn lines() -> Result<String, Failure> {
    let stdin = io::stdin();
    let mut lines = Vec::new();
    if stdin.is_terminal() {
        return Err(Failure::new("nothing says what is pushed: git writes it to the standard input of this hook")
            .hint("to check files, run `keyradius scan`; to install the hook, `keyradius hook install`"));
    }
    stdin.lock().take(REFS).read_to_end(&mut lines).map_err(|error| {
        Failure::new(format!("cannot read what is pushed from standard input: {error}"))
            .hint("git writes it there; see docs/hooks.md for hook managers")
    })?;
    if lines.len() as u64 == REFS {
        return Err(Failure::new(format!(
            "more refs are pushed than keyradius reads: the list is longer than {} MiB",
            REFS >> 20
        ))
        .hint("push fewer refs at a time"));
    }
    Ok(text(&lines))
}

/// A path as git writes it.
#[cfg(unix)]
pub(crate) fn path(bytes: &[u8]) -> PathBuf {
    use std::os::unix::ffi::OsStrExt;
    PathBuf::from(OsStr::from_bytes(bytes))
}

/// A path as git writes it.
#[cfg(not(unix))]
pub(crate) fn path(bytes: &[u8]) -> PathBuf {
    PathBuf::from(String::from_utf8_lossy(bytes).into_owned())
}

/// An object's name as text.
pub(crate) fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

/// Whether this is the name of no object: zeros, as many as the object format has digits.
pub(crate) fn is_zero(oid: &str) -> bool {
    oid.bytes().all(|digit| digit == b'0')
}

/// Whether this can be the name of an object.
pub(crate) fn is_oid(text: &str) -> bool {
    matches!(text.len(), 40 | 64) && text.bytes().all(|digit| digit.is_ascii_hexdigit())
}

/// The blobs without a byte, SHA-1 and SHA-256: what an intent to add leaves in the index.
pub(crate) fn is_empty_blob(oid: &str) -> bool {
    oid == "e69de29bb2d1d6434b8b29ae775ad8c2e48c5391"
        || oid == "473a0f4c3be8a93681a267e3b1e9a7dcda1185436fe141f7749120a303721813"
}

/// The system gives no thread.
fn no_thread(error: &io::Error) -> Failure {
    Failure::new(format!("cannot start a thread: {error}"))
        .hint("raise --memory and the limits of the user that runs git (`ulimit -u`, `ulimit -v`)")
}

/// One changed path of `--raw -z`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Change {
    /// Whether it is a submodule now.
    pub(crate) submodule: bool,
    /// The object before; zeros if there was none, or a submodule, which names an object and holds none.
    pub(crate) old: String,
    /// The object now.
    pub(crate) new: String,
    /// Where.
    pub(crate) path: PathBuf,
}

/// The mode of a submodule.
const SUBMODULE: &str = "160000";

/// Reads `--raw -z --no-abbrev --no-renames` of a diff.
pub(crate) fn changes(raw: &[u8]) -> Vec<Change> {
    let mut tokens = raw.split(|byte| *byte == 0);
    let mut changes = Vec::new();
    while let Some(token) = tokens.next() {
        let Some(entry) = token.strip_prefix(b":") else { continue };
        let entry = text(entry);
        let mut words = entry.split(' ');
        let (Some(before), Some(mode), Some(old), Some(new)) = (words.next(), words.next(), words.next(), words.next())
        else {
            continue;
        };
        let Some(name) = tokens.next() else { break };
        changes.push(Change {
            submodule: mode == SUBMODULE,
            old: if before == SUBMODULE { "0".repeat(old.len()) } else { old.to_owned() },
            new: new.to_owned(),
            path: path(name),
        });
    }
    changes
}

#[cfg(test)]
mod tests;
