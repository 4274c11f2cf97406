//! Two processes for a hook: one reads what is pushed and may start nothing, the other starts git and reads nothing.
//!
//! A hook asks git until its end, and parses bytes of others in between. So the process that git runs starts
//! itself once more, as a broker, before it reads anything, and is confined ([`crate::confine`]). From then on it asks the
//! broker for git processes over a socket; the broker starts git for the questions that hooks ask, and for no other words
//! ([`is_question`]), and sends back pipes. The broker never looks at what goes through them, but at a complaint's bytes.
//!
//! A request is a length and so many bytes: `s` (start), two flags, a number that the child is known by, and the words of git
//! with a zero byte before each; or `k` (kill) and a number; or `e` (end all). Only `s` is answered: one byte, `y` with
//! two or three descriptors (standard input if asked for, output, and the pipe on which its end is told), or `n` with a text.

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

/// Longest request and longest answer, in bytes.
const LONGEST: usize = 64 << 10;

/// Most descriptors of one answer.
const DESCRIPTORS: usize = 3;

/// Told of a process that ended well.
pub(crate) const GOOD: &str = "0";

/// Words that hooks put to git, by its command; [`is_question`] has those of `remote`, [`is_diff`] those of `diff`. What is not here is refused.
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

/// Whether these words are a question that hooks ask: words of the list, and names of objects and remotes. None of them
/// makes git start a program or write anything.
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
            // One word that git takes for no option.
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

/// Whether these are the words of the diff that hooks ask for, all of them: without one of them git might start the program
/// that a configuration names for diffs.
fn is_diff(words: &[OsString]) -> bool {
    let parent = words.iter().rev().nth(1).and_then(|word| word.to_str()).filter(|word| is_commit(word));
    [None, parent].into_iter().any(|parent| words.iter().eq(diff(parent)))
}

/// Whether a word names an object, and can mean nothing else.
fn is_commit(word: &str) -> bool {
    let object = word.strip_suffix("^{commit}").unwrap_or(word);
    object == "HEAD" || is_oid(object)
}

/// What the broker started: its pipes.
#[derive(Debug)]
pub(crate) struct Started {
    pub(crate) stdin: Option<OwnedFd>,
    pub(crate) stdout: OwnedFd,
    /// Comes to its end when the process has: [`GOOD`], or its status, a line feed and what it complained of.
    pub(crate) end: OwnedFd,
}

/// The confined side.
#[derive(Debug)]
pub(crate) struct Broker {
    socket: Mutex<File>,
}

impl Broker {
    /// Starts one, with this process's directory and environment.
    pub(crate) fn start() -> Result<Self, Failure> {
        let failed = |error: io::Error| {
            Failure::new(format!("cannot start the process that talks to git: {error}"))
                .hint("raise the limits of the user that runs git, or set KEYRADIUS_SANDBOX=off to do without it")
        };
        let (ours, theirs) = UnixStream::pair().map_err(failed)?;
        // The file that runs, even if another one has taken its name since.
        Command::new("/proc/self/exe")
            .args(["hook", "broker"])
            .stdin(OwnedFd::from(theirs))
            // Who waits for the output of this hook must not have to wait for it.
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .map_err(failed)?;
        Ok(Self { socket: Mutex::new(File::from(OwnedFd::from(ours))) })
    }

    /// Has git started. `id` is a number that no other child of this process has.
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
                let none = || io::Error::other("it sent no pipe");
                Ok(Started { stdin, stdout: stdout.ok_or_else(none)?, end: end.ok_or_else(none)? })
            }
            _ => Err(io::Error::other(text(answer.get(1..).unwrap_or_default()))),
        }
    }

    /// Kills one.
    pub(crate) fn kill(&self, id: u32) {
        // A broker that is gone has killed them all.
        let _ = send(&self.lock(), &[&b"k"[..], &id.to_be_bytes()].concat());
    }

    /// Kills all, and no other one is started.
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
    let length = length.ok_or_else(|| io::Error::other("the question is too long"))?;
    socket.write_all(&[&length.to_be_bytes(), request].concat())
}

/// Reads an answer, and what came with it.
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
        Err(io::Error::other("the process that starts it is gone"))
    } else {
        Ok((answer, descriptors))
    }
}

/// The children of the broker.
type Children = Arc<Mutex<BTreeMap<u32, Child>>>;

/// `keyradius hook broker`: answers until who asks is gone, and ends what still runs then.
pub(crate) fn run() -> Result<Exit, Failure> {
    let mut socket = rustix::io::fcntl_dupfd_cloexec(io::stdin(), 3)
        .ok()
        .map(File::from)
        .filter(|socket| rustix::net::sockopt::socket_type(socket).is_ok())
        .ok_or_else(|| Failure::new("only the hooks of keyradius start this").hint("see `keyradius hook --help`"))?;
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

/// The next request; nothing when the other side is gone or sends something else.
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

/// Starts git for one question. Returns its standard input, its output, and the pipe that tells its end.
fn start(request: &[u8], children: &Children) -> io::Result<(Option<OwnedFd>, OwnedFd, OwnedFd)> {
    let refused = || io::Error::other("hooks do not ask this question");
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
        // Who was killed is not here any more, and nobody listens.
        let Some(mut child) = lock(&children).remove(&id) else { return };
        let said = match child.wait() {
            Ok(status) if status.success() => GOOD.to_owned(),
            Ok(status) => format!("{status}\n{complaint}"),
            Err(error) => format!("{error}\n"),
        };
        // Without a reader there is nobody to tell.
        let _ = tell.write_all(said.as_bytes());
    });
    let stdout = stdout.ok_or_else(|| io::Error::other("git has no output"))?;
    Ok((stdin.map(OwnedFd::from), stdout.into(), told.into()))
}

fn end(mut child: Child) {
    // One that has ended already needs nothing.
    let _ = child.kill();
    let _ = child.wait();
}

fn lock(children: &Children) -> MutexGuard<'_, BTreeMap<u32, Child>> {
    children.lock().unwrap_or_else(PoisonError::into_inner)
}
