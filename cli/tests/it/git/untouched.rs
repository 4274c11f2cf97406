//! A scan does not change a repository: nothing is written, executed or sent.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::SystemTime;

use super::lab::Lab;
use super::repo::{Ground, files};
use super::seen::{keyradius, scan};
use crate::patience::run_to_its_end;

/// Every file with its content and modification time.
fn state(folder: &Path) -> BTreeMap<PathBuf, (Vec<u8>, SystemTime)> {
    let state = |path: &PathBuf| {
        let changed = path.symlink_metadata().and_then(|meta| meta.modified()).expect("a time");
        (std::fs::read(path).unwrap_or_default(), changed)
    };
    files(folder, "").into_iter().map(|path| (path.clone(), state(&path))).collect()
}

#[test]
fn a_scan_changes_nothing() {
    let ground = Ground::new("untouched-state");
    let lab = Lab::new(2, &ground.join("lab"), &[]);
    lab.repo.git(&["repack", "-adq"]);
    let before = state(&lab.repo.dir);
    assert!(before.len() > 30);
    for args in
        [&["."][..], &["--history", "head", "."], &["--history", "main~3..main", "."], &["--since", "2023-12-01", "."]]
    {
        scan(&lab.repo.dir, args);
    }
    assert!(state(&lab.repo.dir) == before, "a file has come, gone or changed");
}

/// Checks the system calls, where `strace` works.
#[test]
fn a_scan_opens_nothing_for_writing_runs_nothing_and_sends_nothing() {
    let ground = Ground::new("untouched-strace");
    let lab = Lab::new(2, &ground.join("lab"), &[]);
    lab.repo.git(&["repack", "-adq"]);
    let log = ground.join("strace.log");
    let plain = keyradius(&lab.repo.dir, &["."]);
    let mut traced = Command::new("strace");
    traced.args(["-f", "-s", "0", "-o"]).arg(&log).arg("-e");
    traced.arg("trace=open,openat,openat2,creat,execve,execveat,fork,vfork,socket,connect,unlink,unlinkat,rename,renameat2,mkdir,mkdirat");
    traced.arg(plain.get_program()).args(plain.get_args()).current_dir(&lab.repo.dir).env("HOME", &lab.repo.dir);
    let probe = Command::new("strace").args(["-o", "/dev/null", "true"]).current_dir(ground.path()).output();
    if !probe.is_ok_and(|probe| probe.status.success()) {
        #[allow(clippy::print_stderr, reason = "a test that cannot look says so")]
        {
            eprintln!("no strace that may trace here: this machine cannot tell what a scan opens");
        }
        return;
    }
    assert!(matches!(run_to_its_end(&mut traced).status.code(), Some(1)));
    let log = std::fs::read_to_string(&log).expect("a log");
    // First the shell that sets the limits, then the binary.
    let (mut programs, mut bad) = (0, Vec::new());
    for line in log.lines() {
        let call = line.split_once(' ').map_or(line, |(_, call)| call.trim_start());
        let opens = call.starts_with("open");
        let writes = ["O_WRONLY", "O_RDWR", "O_CREAT", "O_TRUNC"].iter().any(|flag| call.contains(flag));
        if call.starts_with("execve") {
            programs += usize::from(call.ends_with("= 0"));
        } else if (opens && writes)
            || !(opens || call.starts_with("+++") || call.starts_with("---") || call.starts_with('<'))
        {
            bad.push(call);
        }
    }
    assert_eq!(programs, 2, "the shell and the binary, and nothing else");
    assert!(bad.is_empty(), "{bad:#?}");
}
