//! Splits a hook into two processes: one reads pushed bytes and may not start programs, the other starts git and reads
//! no pushed bytes.
//!
//! A hook runs git commands until its end, and parses untrusted bytes in between. So before it reads anything, the
//! process that git runs starts itself again as a broker, and confines itself ([`crate::confine`]). From then on it
//! requests git processes from the broker over a socket. The broker starts git only with the arguments that hooks use
//! ([`is_question`]), and sends back pipes. The broker reads nothing from these pipes except git's standard error.
//!
//! A request is a length and that many bytes:
//!
//! - `s` (start), two flags, a number that identifies the child, and the arguments of git, each after a zero byte;
//! - `k` (kill) and the number of a child;
//! - `e` (end all).
//!
//! Only `s` is answered: `y` with two or three descriptors (standard input if requested, output, and a pipe for the
//! exit status), or `n` with a text.

use std::collections::BTreeMap;
use std::ffi::{OsStr, OsString};
use std::fs::File;
use std::io::{self, IoSlice, IoSliceMut, Read, Write};
use std::mem::MaybeUninit;
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::os::unix::net::UnixStream;
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use rustix::net::{
    RecvAncillaryBuffer, RecvAncillaryMessage, RecvFlags, SendAncillaryBuffer, SendAncillaryMessage, SendFlags,
    recvmsg, sendmsg,
};

use super::answer::{is_oid, text};
use super::process::{self, Objects, complaint};
use super::question::{BETWEEN, PROMISOR, addresses, diff, is_remote};
use crate::exit::{Exit, Failure};

/// Maximum length of a request, in bytes.
const LONGEST: usize = 64 << 10;

/// Maximum number of descriptors in one answer.
const DESCRIPTORS: usize = 3;

/// The status of a process that exited successfully.
pub(crate) const GOOD: &str = "0";

/// Arguments that hooks use, by git command; all others are refused. [`is_question`] checks those of `remote`,
/// [`is_diff`] those of `diff`.
const QUESTIONS: &[(&str, &[&str])] = &[
    (
        "cat-file",
        &[
            "--batch",
            "--buffer",
            "--unordered",
            "--batch-all-objects",
            "--batch-check",
            "--batch-check=%(objecttype)",
            "--batch-check=%(objectname) %(objecttype)",
        ],
    ),
    ("config", &["--get-regexp", PROMISOR]),
    ("for-each-ref", &["--count=1", "--format=x"]),
    (
        "rev-list",
        &[
            "--objects",
            "--missing=print",
            "--missing=allow-any",
            "--no-object-names",
            "--in-commit-order",
            "--topo-order",
            "--reverse",
            "--parents",
            "--max-count=1",
            "--stdin",
            "--not",
            "--all",
            "--",
        ],
    ),
    (
        "rev-parse",
        &[
            "--is-inside-work-tree",
            BETWEEN,
            "--git-common-dir",
            "--git-path",
            "MERGE_HEAD",
            "--show-cdup",
            "--verify",
            "--quiet",
            "--end-of-options",
        ],
    ),
];

/// Whether hooks use these arguments: those of the list, object ids and names of remotes. None of them makes git start
/// a program or write anything.
fn is_question(words: &[OsString]) -> bool {
    let Some((command, rest)) = words.split_first() else { return false };
    if command == "diff" {
        return is_diff(words);
    }
    if command == "remote" {
        let remote = words.last().and_then(|word| word.to_str()).filter(|word| is_remote(word));
        return remote.is_some_and(|remote| [false, true].iter().any(|push| words.iter().eq(addresses(remote, *push))));
    }
    let Some((command, known)) = QUESTIONS.iter().find(|(name, _)| command == name) else { return false };
    let names = matches!(*command, "rev-list" | "rev-parse");
    let mut rest = rest.iter();
    while let Some(word) = rest.next() {
        if *command == "rev-parse" && word == "--end-of-options" {
            // Git reads the one word after this as a revision, never as an option.
            return rest.len() == 1;
        }
        let Some(word) = word.to_str() else { return false };
        let remote = word.strip_prefix("--remotes=").is_some_and(is_remote);
        if !(known.contains(&word) || (names && (is_commit(word) || remote))) {
            return false;
        }
    }
    true
}

/// Whether these are exactly the arguments of the diff that hooks ask for. All of them are required: without one of
/// them, git might start a program that a configuration names for diffs.
fn is_diff(words: &[OsString]) -> bool {
    let parent = words.iter().rev().nth(1).and_then(|word| word.to_str()).filter(|word| is_commit(word));
    [None, parent].into_iter().any(|parent| words.iter().eq(diff(parent)))
}

/// Whether a word is `HEAD` or an object id, and cannot be read as anything else.
fn is_commit(word: &str) -> bool {
    let object = word.strip_suffix("^{commit}").unwrap_or(word);
    object == "HEAD" || is_oid(object)
}

/// The pipes of a process that the broker started.
#[derive(Debug)]
pub(crate) struct Started {
    pub(crate) stdin: Option<OwnedFd>,
    pub(crate) stdout: OwnedFd,
    /// Yields [`GOOD`], or the exit status, a line feed and git's standard error, once the process has ended.
    pub(crate) end: OwnedFd,
}

/// The confined process's connection to the broker.
#[derive(Debug)]
pub(crate) struct Broker {
    socket: Mutex<File>,
}

impl Broker {
    /// Starts a broker with the directory and environment of this process.
    pub(crate) fn start() -> Result<Self, Failure> {
        let failed = |error: io::Error| {
            Failure::new(format!("cannot start the process that talks to git: {error}"))
                .hint("raise the limits of the user that runs git, or set KEYRADIUS_SANDBOX=off to run without it")
        };
        let (ours, theirs) = UnixStream::pair().map_err(failed)?;
        // The running executable, even if its path has been replaced.
        Command::new("/proc/self/exe")
            .args(["hook", "broker"])
            .stdin(OwnedFd::from(theirs))
            // A reader of this hook's output must not have to wait for the broker.
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .map_err(failed)?;
        Ok(Self { socket: Mutex::new(File::from(OwnedFd::from(ours))) })
    }

    /// Requests a git process. `id` must be unique among the children of this process.
    pub(crate) fn git<S: AsRef<OsStr>>(
        &self,
        id: u32,
        args: &[S],
        (objects, stdin): (Objects, bool),
    ) -> io::Result<Started> {
        let mut request = vec![b's', objects.to_byte(), stdin.into()];
        request.extend(id.to_be_bytes());
        for arg in args {
            request.push(0);
            request.extend(arg.as_ref().as_bytes());
        }
        let socket = self.lock();
        send(&socket, &request)?;
        let (answer, descriptors) = receive(&socket)?;
        let mut descriptors = descriptors.into_iter();
        match (answer.first(), descriptors.len() == usize::from(stdin) + 2) {
            (Some(b'y'), true) => {
                let stdin = if stdin { descriptors.next() } else { None };
                let (stdout, end) = (descriptors.next(), descriptors.next());
                let none = || io::Error::other("the broker sent no pipe");
                Ok(Started { stdin, stdout: stdout.ok_or_else(none)?, end: end.ok_or_else(none)? })
            }
            _ => Err(io::Error::other(text(answer.get(1..).unwrap_or_default()))),
        }
    }

    /// Kills one process.
    pub(crate) fn kill(&self, id: u32) {
        // A broker that has ended has killed all its children.
        let _ = send(&self.lock(), &[&b"k"[..], &id.to_be_bytes()].concat());
    }

    /// Kills all processes, and ends the broker.
    pub(crate) fn stop(&self) {
        let _ = send(&self.lock(), b"e");
    }

    fn lock(&self) -> MutexGuard<'_, File> {
        self.socket.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Writes a request.
fn send(mut socket: &File, request: &[u8]) -> io::Result<()> {
    let length = u32::try_from(request.len()).ok().filter(|length| *length as usize <= LONGEST);
    let length = length.ok_or_else(|| io::Error::other("the git command is too long"))?;
    socket.write_all(&[&length.to_be_bytes(), request].concat())
}

/// Reads an answer, and the descriptors that came with it.
fn receive(socket: &File) -> io::Result<(Vec<u8>, Vec<OwnedFd>)> {
    let mut answer = vec![0; 4 << 10];
    let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(DESCRIPTORS))];
    let mut ancillary = RecvAncillaryBuffer::new(&mut space);
    let received = recvmsg(socket, &mut [IoSliceMut::new(&mut answer)], &mut ancillary, RecvFlags::CMSG_CLOEXEC)?;
    answer.truncate(received.bytes);
    let mut descriptors = Vec::new();
    for message in ancillary.drain() {
        if let RecvAncillaryMessage::ScmRights(more) = message {
            descriptors.extend(more);
        }
    }
    if answer.is_empty() {
        Err(io::Error::other("the process that starts git has ended"))
    } else {
        Ok((answer, descriptors))
    }
}

/// The children of the broker.
type Children = Arc<Mutex<BTreeMap<u32, Child>>>;

/// `keyradius hook broker`: answers requests until the other side closes the socket, then kills all remaining
/// processes.
pub(crate) fn run() -> Result<Exit, Failure> {
    let mut socket = rustix::io::fcntl_dupfd_cloexec(io::stdin(), 3)
        .ok()
        .map(File::from)
        .filter(|socket| rustix::net::sockopt::socket_type(socket).is_ok())
        .ok_or_else(|| {
            Failure::new("this command is started only by keyradius hooks").hint("see `keyradius hook --help`")
        })?;
    let children = Children::default();
    while let Some(request) = next(&mut socket) {
        match request.split_first() {
            Some((b's', rest)) => {
                let sent = match start(rest, &children) {
                    Ok((stdin, stdout, end)) => {
                        let all: Vec<_> = stdin.iter().chain([&stdout, &end]).map(AsFd::as_fd).collect();
                        answer(&socket, b"y", &all)
                    }
                    Err(error) => answer(&socket, format!("n{error}").as_bytes(), &[]),
                };
                if sent.is_err() {
                    break;
                }
            }
            Some((b'k', id)) => {
                let id = id.first_chunk().map(|id| u32::from_be_bytes(*id));
                if let Some(child) = id.and_then(|id| lock(&children).remove(&id)) {
                    end(child);
                }
            }
            _ => break,
        }
    }
    std::mem::take(&mut *lock(&children)).into_values().for_each(end);
    Ok(Exit::Nothing)
}

/// Reads the next request; `None` if the socket is closed or the request is malformed.
fn next(socket: &mut File) -> Option<Vec<u8>> {
    let mut length = [0; 4];
    socket.read_exact(&mut length).ok()?;
    let length = usize::try_from(u32::from_be_bytes(length)).ok().filter(|length| *length <= LONGEST)?;
    let mut request = vec![0; length];
    socket.read_exact(&mut request).ok()?;
    Some(request)
}

fn answer(socket: &File, bytes: &[u8], descriptors: &[std::os::fd::BorrowedFd<'_>]) -> io::Result<()> {
    let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(DESCRIPTORS))];
    let mut ancillary = SendAncillaryBuffer::new(&mut space);
    if !descriptors.is_empty() {
        ancillary.push(SendAncillaryMessage::ScmRights(descriptors));
    }
    sendmsg(socket, &[IoSlice::new(bytes)], &mut ancillary, SendFlags::NOSIGNAL)?;
    Ok(())
}

/// Starts git for one request. Returns its standard input, its output, and the pipe for its exit status.
fn start(request: &[u8], children: &Children) -> io::Result<(Option<OwnedFd>, OwnedFd, OwnedFd)> {
    let refused = || io::Error::other("hooks do not use this git command");
    let ([objects, stdin, id @ ..], words) = request.split_first_chunk::<6>().ok_or_else(refused)?;
    let mut words = words.split(|byte| *byte == 0).skip(1).map(|word| OsString::from_vec(word.to_vec()));
    let words: Vec<OsString> = words.by_ref().collect();
    if !is_question(&words) {
        return Err(refused());
    }
    let objects = Objects::of_byte(*objects).ok_or_else(refused)?;
    let mut command = process::command(objects, &words);
    if *stdin != 0 {
        command.stdin(Stdio::piped());
    }
    let (told, mut tell) = io::pipe()?;
    let mut child = command.spawn()?;
    let (stdin, stdout, stderr) = (child.stdin.take(), child.stdout.take(), child.stderr.take());
    let id = u32::from_be_bytes(*id);
    lock(children).insert(id, child);
    let children = Arc::clone(children);
    std::thread::spawn(move || {
        let complaint = stderr.map(complaint).unwrap_or_default();
        // A killed process is no longer in the map, and nobody waits for its status.
        let Some(mut child) = lock(&children).remove(&id) else { return };
        let said = match child.wait() {
            Ok(status) if status.success() => GOOD.to_owned(),
            Ok(status) => format!("{status}\n{complaint}"),
            Err(error) => format!("{error}\n"),
        };
        // Fails if nobody waits for the status.
        let _ = tell.write_all(said.as_bytes());
    });
    let stdout = stdout.ok_or_else(|| io::Error::other("git has no output"))?;
    Ok((stdin.map(OwnedFd::from), stdout.into(), told.into()))
}

fn end(mut child: Child) {
    // Fails if the process has already ended.
    let _ = child.kill();
    let _ = child.wait();
}

fn lock(children: &Children) -> MutexGuard<'_, BTreeMap<u32, Child>> {
    children.lock().unwrap_or_else(PoisonError::into_inner)
}
