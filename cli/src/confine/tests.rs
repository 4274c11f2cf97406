//! Tests the confinement from inside: a child process confines itself like a scan, and then tries what an attacker in a
//! parser would try.

#![allow(clippy::print_stdout, reason = "the child prints its results for its parent")]

use std::fs::{self, File, OpenOptions, Permissions};
use std::io::{self, Write};
use std::os::unix::fs::{PermissionsExt, symlink};
use std::os::unix::net::{UnixDatagram, UnixListener, UnixStream};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use super::cores::Cores;
use super::{Confinement, Guard, Layer};
use crate::draft::{self, Existing, Place};

/// Passes the child its task: whether it may write in `out`, a process id, and a directory.
const CHILD: &str = "KEYRADIUS_TEST_CONFINED";

/// An action that has to fail, with its name.
type Attempt = (&'static str, Box<dyn Fn() -> io::Result<()>>);

fn attempts(folder: &Path, peer: u32) -> Vec<Attempt> {
    let at = |name: &str| folder.join(name);
    let (old, new, link, out) = (at("old"), at("new"), at("link"), at("out"));
    let (one, two, three, four, five) = (old.clone(), old.clone(), old.clone(), old.clone(), old.clone());
    let (fresh, moved, linked, made) = (new.clone(), new.clone(), new.clone(), new.clone());
    let (socket, listener) = (at("socket"), at("listener"));
    let escape = out.join("../escaped");
    vec![
        ("start a program", Box::new(|| Command::new("/bin/true").stdin(Stdio::null()).status().map(drop))),
        ("become a program", Box::new(|| Err(Command::new("/bin/true").exec()))),
        ("listen on TCP", Box::new(|| std::net::TcpListener::bind("127.0.0.1:0").map(drop))),
        ("connect by TCP", Box::new(|| std::net::TcpStream::connect("127.0.0.1:9").map(drop))),
        ("open a UDP socket", Box::new(|| std::net::UdpSocket::bind("127.0.0.1:0").map(drop))),
        ("open a pair of sockets", Box::new(|| UnixStream::pair().map(drop))),
        ("connect to a socket", Box::new(move || UnixStream::connect(&socket).map(drop))),
        ("listen on a socket", Box::new(move || UnixListener::bind(&listener).map(drop))),
        ("send a datagram", Box::new(|| UnixDatagram::unbound().map(drop))),
        ("create a file", Box::new(move || File::create(&fresh).map(drop))),
        ("create a file past the output", Box::new(move || File::create(&escape).map(drop))),
        ("append to a file", Box::new(move || OpenOptions::new().append(true).open(&one).map(drop))),
        ("write over a file", Box::new(move || OpenOptions::new().write(true).open(&two).map(drop))),
        ("empty a file", Box::new(move || OpenOptions::new().write(true).truncate(true).open(&three).map(drop))),
        ("remove a file", Box::new(move || fs::remove_file(&four))),
        ("rename a file", Box::new(move || fs::rename(&five, &moved))),
        (
            "link a file",
            Box::new({
                let old = old.clone();
                move || fs::hard_link(&old, &linked)
            }),
        ),
        ("make a link", Box::new(move || symlink("old", &link))),
        ("make a directory", Box::new(move || fs::create_dir(&made))),
        (
            "remove a directory",
            Box::new({
                let empty = at("empty");
                move || fs::remove_dir(&empty)
            }),
        ),
        (
            "change permissions",
            Box::new({
                let old = old.clone();
                move || fs::set_permissions(&old, Permissions::from_mode(0o777))
            }),
        ),
        (
            "set a time",
            Box::new({
                let old = old.clone();
                move || rustix_times(&old)
            }),
        ),
        ("signal another process", Box::new(move || signal(peer))),
        ("read the memory of another process", Box::new(move || File::open(format!("/proc/{peer}/mem")).map(drop))),
        (
            "switch core dumps on again",
            Box::new(|| {
                let on = rustix::process::DumpableBehavior::Dumpable;
                Ok(rustix::process::set_dumpable_behavior(on)?)
            }),
        ),
        (
            "raise a limit",
            Box::new(|| {
                use rustix::process::{Resource, getrlimit, setrlimit};
                Ok(setrlimit(Resource::Nofile, getrlimit(Resource::Nofile))?)
            }),
        ),
        ("change the root", Box::new(|| Ok(rustix::process::chroot("/")?))),
    ]
}

fn rustix_times(path: &Path) -> io::Result<()> {
    let now = rustix::fs::Timespec { tv_sec: 0, tv_nsec: 0 };
    let times = rustix::fs::Timestamps { last_access: now, last_modification: now };
    Ok(rustix::fs::utimensat(rustix::fs::CWD, path, &times, rustix::fs::AtFlags::empty())?)
}

/// Sends signal 0, which tests whether a process may be signalled.
fn signal(pid: u32) -> io::Result<()> {
    let pid = rustix::process::Pid::from_raw(i32::try_from(pid).map_err(io::Error::other)?);
    Ok(rustix::process::test_kill_process(pid.ok_or(io::ErrorKind::InvalidInput)?)?)
}

/// Checks that everything that a scan needs still works.
fn needs(folder: &Path, output: Option<&Place>) -> io::Result<()> {
    assert_eq!(fs::read_to_string(folder.join("old"))?, "old");
    assert!(fs::read_dir(folder)?.count() > 2);
    File::open(folder.join("old"))?.metadata()?;
    let sum: usize = std::thread::scope(|scope| {
        let threads: Vec<_> = (0..4).map(|n| scope.spawn(move || File::open("/proc/self/status").map(|_| n))).collect();
        threads.into_iter().map(|thread| thread.join().expect("joined").expect("opened")).sum()
    });
    assert_eq!(sum, 6);
    // A new thread is confined too.
    std::thread::scope(|scope| {
        let status = scope.spawn(|| Command::new("/bin/true").status().is_err());
        assert!(status.join().expect("joined"), "a thread started a program");
    });
    assert!(std::thread::available_parallelism().is_ok());
    if let Some(place) = output {
        place.put(b"one", Existing::Replace)?;
        place.put(b"two", Existing::Replace)?;
        assert_eq!(fs::read_to_string(folder.join("out/report"))?, "two");
        assert_eq!(fs::read_dir(folder.join("out"))?.count(), 1);
    }
    io::stdout().flush()
}

/// Runs the child: confines itself, then attempts every action and prints the results.
fn confined(folder: &Path, peer: u32, writes: bool) {
    let place = writes.then(|| Place::at(&folder.join("out/report")).expect("a place"));
    let confinement = Guard::raise().enter(place.as_ref()).expect("confined");
    for line in confinement.describe() {
        println!("| {line}");
    }
    let whole = confinement.lacking().is_empty();
    println!("whole: {whole}");
    needs(folder, place.as_ref()).expect("what a scan needs");
    for (what, attempt) in attempts(folder, peer) {
        match attempt() {
            Ok(()) => println!("DONE: {what}"),
            Err(error) => println!("refused: {what}: {error}"),
        }
    }
    // Files can be created only in the directory of the output, and no directories.
    if writes {
        let made = draft::put(&folder.join("elsewhere/report"), b"x", Existing::Replace);
        println!("{}: write elsewhere", if made.is_ok() { "DONE" } else { "refused" });
        let folder = fs::create_dir(folder.join("out/folder"));
        println!("{}: make a directory beside the output", if folder.is_ok() { "DONE" } else { "refused" });
    }
    println!("end of child");
}

#[test]
fn a_confined_process_can_read_and_nothing_else() {
    if let Some(told) = std::env::var_os(CHILD) {
        let told = told.into_string().expect("UTF-8");
        let mut words = told.splitn(3, ' ');
        let writes = words.next() == Some("writes");
        let peer = words.next().and_then(|peer| peer.parse().ok()).expect("a process");
        confined(&PathBuf::from(words.next().expect("a folder")), peer, writes);
        return;
    }
    let folder = std::env::temp_dir().join(format!("keyradius-confined-{}", std::process::id()));
    for writes in [false, true] {
        let _ = fs::remove_dir_all(&folder);
        for inside in ["out", "elsewhere", "empty"] {
            fs::create_dir_all(folder.join(inside)).unwrap();
        }
        fs::write(folder.join("old"), "old").unwrap();
        let _socket = UnixListener::bind(folder.join("socket")).unwrap();
        let told = format!("{} {} {}", if writes { "writes" } else { "reads" }, std::process::id(), folder.display());
        let child = Command::new(std::env::current_exe().unwrap())
            .args(["--exact", "confine::tests::a_confined_process_can_read_and_nothing_else", "--nocapture"])
            .env(CHILD, told)
            .env_remove(super::SANDBOX)
            .env_remove(super::cores::ALLOW)
            .output()
            .unwrap();
        let text = String::from_utf8_lossy(&child.stdout).into_owned();
        assert!(child.status.success() && text.contains("end of child"), "{child:?}");
        assert_eq!(fs::read_to_string(folder.join("old")).unwrap(), "old");
        if text.contains("whole: false") {
            let held: Vec<&str> = text.lines().filter(|line| line.starts_with('|')).collect();
            let _ = writeln!(io::stderr(), "SKIPPED: this kernel does not confine in full: {held:#?}");
            continue;
        }
        let done: Vec<&str> = text.lines().filter(|line| line.starts_with("DONE")).collect();
        assert!(done.is_empty(), "writes {writes}: {done:?}\n{text}");
        let refused = text.lines().filter(|line| line.starts_with("refused: ")).count();
        assert_eq!(refused, attempts(&folder, 0).len() + if writes { 2 } else { 0 }, "{text}");
    }
    let _ = fs::remove_dir_all(&folder);
}

#[test]
fn layers_that_are_not_active_are_reported() {
    let on = || Layer::On("all of it".to_owned());
    let lacking = || Layer::Lacking("this kernel does not have it".to_owned());
    for (cores, files, calls, said) in [
        (Cores::Off, on(), on(), &[][..]),
        (Cores::Off, lacking(), on(), &["Landlock: this kernel does not have it"]),
        (Cores::Off, on(), lacking(), &["seccomp: this kernel does not have it"]),
        (Cores::Allowed, on(), on(), &["core dumps and debuggers: allowed by KEYRADIUS_ALLOW_CORE=1"]),
        (Cores::Unavailable, on(), on(), &["core dumps and debuggers: this system cannot disable them"]),
    ] {
        let confinement = Confinement { cores, files, calls };
        assert_eq!(confinement.lacking(), said);
        assert_eq!(confinement.describe().len(), 3);
    }
}
