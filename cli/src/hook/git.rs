//! Runs git as a child process, or through a broker. Each question is one git command, its output is read as it
//! arrives, and all running commands can be ended together.

use std::collections::BTreeMap;
use std::ffi::OsStr;
use std::io::{self, BufRead, BufReader, IsTerminal, Read};
use std::path::PathBuf;
use std::process::{Child, ChildStdin, ChildStdout, Stdio};
use std::sync::atomic::{AtomicBool, Ordering::SeqCst};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;

use super::answer::{path, text};
#[cfg(target_os = "linux")]
use super::broker::{Broker, GOOD};
use super::process::{COMPLAINT, Objects, command, complaint};
use crate::confine::Guard;
use crate::exit::Failure;
use crate::report::words::escape;

/// Maximum bytes kept of one line of git's output: an object id and a path.
const LINE: u64 = 64 << 10;

/// Running git processes, by process id. They are ended together when the time of a hook is up.
#[derive(Debug, Default)]
pub(crate) struct Children {
    running: Mutex<BTreeMap<u32, Child>>,
    stopped: AtomicBool,
    /// The broker that starts git, if this process may not.
    #[cfg(target_os = "linux")]
    broker: Option<Broker>,
    /// Number of processes requested from the broker.
    #[cfg(target_os = "linux")]
    asked: std::sync::atomic::AtomicU32,
}

impl Children {
    /// Starts a broker for git processes, unless the user switched the confinement off; then confines this process.
    /// Must be called before any thread is started.
    #[cfg(target_os = "linux")]
    pub(crate) fn confined(guard: Guard) -> Result<Arc<Self>, Failure> {
        let broker = if Guard::is_off()? { None } else { Some(Broker::start()?) };
        guard.enter(None)?;
        Ok(Arc::new(Self { broker, ..Self::default() }))
    }

    /// On systems without confinement, the process starts git itself.
    #[cfg(not(target_os = "linux"))]
    pub(crate) fn confined(guard: Guard) -> Result<Arc<Self>, Failure> {
        guard.enter(None)?;
        Ok(Arc::default())
    }

    /// Kills every running git process, and prevents new ones.
    pub(crate) fn stop(&self) {
        self.stopped.store(true, SeqCst);
        #[cfg(target_os = "linux")]
        if let Some(broker) = &self.broker {
            broker.stop();
        }
        for child in self.lock().values_mut() {
            // Fails if the process has already ended.
            let _ = child.kill();
        }
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<u32, Child>> {
        self.running.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Starts git commands.
#[derive(Clone, Debug, Default)]
pub(crate) struct Git {
    /// The objects that git sees.
    pub(crate) objects: Objects,
    /// The running processes.
    pub(crate) children: Arc<Children>,
}

/// A running git process, which is killed on drop.
#[derive(Debug)]
pub(crate) struct Running {
    children: Arc<Children>,
    id: u32,
    what: String,
    /// Its standard input, until it is taken for writing.
    pub(crate) stdin: Option<ChildStdin>,
    /// Its standard output, until it is taken for reading.
    pub(crate) stdout: Option<ChildStdout>,
    end: Option<End>,
}

/// How the exit status of a git process is obtained.
#[derive(Debug)]
enum End {
    /// The process is a child of this one; a thread collects its standard error.
    Child(Option<JoinHandle<String>>),
    /// The process is a child of the broker, which writes the status to this pipe.
    #[cfg(target_os = "linux")]
    Told(std::fs::File),
}

impl Git {
    /// Git with all objects visible, and processes recorded in `children`.
    pub(crate) fn of(children: Arc<Children>) -> Self {
        Self { objects: Objects::All, children }
    }

    /// Starts git without waiting for its end.
    pub(crate) fn start<S: AsRef<OsStr>>(&self, args: &[S]) -> Result<Running, Failure> {
        self.spawn(args, false)
    }

    /// Starts git with a pipe to its standard input.
    pub(crate) fn converse<S: AsRef<OsStr>>(&self, args: &[S]) -> Result<Running, Failure> {
        self.spawn(args, true)
    }

    /// Starts git with `input` as its standard input, which a separate thread writes.
    pub(crate) fn feed<S: AsRef<OsStr>>(
        &self,
        args: &[S],
        input: impl Read + Send + 'static,
    ) -> Result<Running, Failure> {
        let mut running = self.converse(args)?;
        if let Some(mut stdin) = running.stdin.take() {
            let mut input = input;
            // If git has ended, its exit status explains why.
            let copy = move || drop(io::copy(&mut input, &mut stdin));
            std::thread::Builder::new().spawn(copy).map_err(|error| no_thread(&error))?;
        }
        Ok(running)
    }

    /// Starts git with the output of another git process as its standard input.
    pub(crate) fn pipe<S: AsRef<OsStr>>(&self, args: &[S], from: &mut Running) -> Result<Running, Failure> {
        match from.stdout.take() {
            Some(stdout) => self.feed(args, stdout),
            None => self.start(args),
        }
    }

    fn spawn<S: AsRef<OsStr>>(&self, args: &[S], stdin: bool) -> Result<Running, Failure> {
        // Locked while the process starts, so that `stop` cannot miss it.
        let mut running = self.children.lock();
        if self.children.stopped.load(SeqCst) {
            return Err(Failure::new("the time limit of this hook has passed"));
        }
        let (children, what) = (Arc::clone(&self.children), named(args));
        #[cfg(target_os = "linux")]
        if let Some(broker) = &self.children.broker {
            let id = self.children.asked.fetch_add(1, SeqCst);
            let started = broker.git(id, args, (self.objects, stdin)).map_err(|error| not_started(&error))?;
            let (stdin, stdout) = (started.stdin.map(ChildStdin::from), Some(ChildStdout::from(started.stdout)));
            return Ok(Running { children, id, what, stdin, stdout, end: Some(End::Told(started.end.into())) });
        }
        let mut command = command(self.objects, args);
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

    /// Runs git and returns its output.
    pub(crate) fn ask<S: AsRef<OsStr>>(&self, args: &[S]) -> Result<Vec<u8>, Failure> {
        self.start(args)?.answer()
    }

    /// Runs git with `input` as its standard input, and returns its output.
    pub(crate) fn tell<S: AsRef<OsStr>>(&self, args: &[S], input: &[u8]) -> Result<Vec<u8>, Failure> {
        self.feed(args, io::Cursor::new(input.to_vec()))?.answer()
    }

    /// Runs git and returns its output as a path, without the final line feed; `None` if git fails or prints nothing.
    pub(crate) fn value<S: AsRef<OsStr>>(&self, args: &[S]) -> Option<PathBuf> {
        let mut answer = self.ask(args).ok()?;
        if answer.last() == Some(&b'\n') {
            answer.pop();
        }
        (!answer.is_empty()).then(|| path(&answer))
    }
}

impl Running {
    /// Reads all output; fails if git exits with an error.
    pub(crate) fn answer(mut self) -> Result<Vec<u8>, Failure> {
        let mut answer = Vec::new();
        let read = self.stdout.take().map_or(Ok(0), |mut stdout| stdout.read_to_end(&mut answer));
        read.map_err(|error| not_started(&error))?;
        self.end()?;
        Ok(answer)
    }

    /// Passes each line of output to `each` as it arrives, until `each` breaks. Fails if git exits with an error before
    /// that.
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

    /// Waits for the end of the process; fails with the first line of its standard error if it exits with an error.
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
        let said = said.unwrap_or_else(|| format!("no error message ({status})"));
        Err(Failure::new(format!("`{}` failed: {said}", self.what)).hint("run the command by hand to see more"))
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
                // The pipe ends when the process has ended.
                let _ = io::copy(&mut told, &mut io::sink());
            }
        }
    }
}

/// Lines of git's output, one at a time. Longer lines are cut off at [`LINE`] bytes.
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

/// The error for a git process that could not be started or read.
pub(crate) fn not_started(error: &io::Error) -> Failure {
    Failure::new(format!("cannot run git: {error}")).hint("check that git is on the PATH")
}

/// Maximum bytes that git may write to the standard input of a hook: about half a million refs.
const REFS: u64 = 64 << 20;

/// Reads what git writes to the standard input of a hook. Fails on a terminal, so that a person who runs a hook by hand
/// gets an error instead of a wait.
pub(crate) fn lines() -> Result<String, Failure> {
    let stdin = io::stdin();
    let mut lines = Vec::new();
    if stdin.is_terminal() {
        return Err(Failure::new("no pushed refs: git writes them to the standard input of this hook")
            .hint("to check files, run `keyradius scan`; to install the hook, `keyradius hook install`"));
    }
    stdin.lock().take(REFS).read_to_end(&mut lines).map_err(|error| {
        Failure::new(format!("cannot read the pushed refs from standard input: {error}"))
            .hint("git writes them there; see docs/hooks.md for hook managers")
    })?;
    if lines.len() as u64 == REFS {
        return Err(Failure::new(format!(
            "too many refs in one push: the list of refs is longer than {} MiB",
            REFS >> 20
        ))
        .hint("push fewer refs at a time"));
    }
    Ok(text(&lines))
}

/// The error for a thread that could not be started.
fn no_thread(error: &io::Error) -> Failure {
    Failure::new(format!("cannot start a thread: {error}"))
        .hint("raise --memory and the limits of the user that runs git (`ulimit -u`, `ulimit -v`)")
}
