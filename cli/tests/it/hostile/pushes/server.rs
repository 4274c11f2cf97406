//! A bare repository whose pre-receive hook is the binary, and git's view of it.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use crate::git::repo::{Ground, fed, without_opinions};

/// Settings for all processes: in a file, so that a server started by a client has them too.
const SETTINGS: &str = "\
[advice]\n\tdetachedHead = false\n[core]\n\tfsync = none\n[gc]\n\tauto = 0\n[maintenance]\n\tauto = false
[init]\n\tdefaultBranch = main\n[pack]\n\tthreads = 1\n[protocol \"file\"]\n\tallow = always
[receive]\n\tadvertisePushOptions = true\n\tautogc = false\n\tdenyDeleteCurrent = ignore\n\tshallowUpdate = true
[user]\n\tname = Ada\n\temail = ada@example.org\n";

/// A new value of a ref: old value, new value, name.
pub(super) type Move = (String, String, String);

/// The directory of a sequence's repositories.
pub(super) struct Place {
    ground: Ground,
}

impl Place {
    pub(super) fn new(name: &str) -> Self {
        let ground = Ground::new(name);
        std::fs::write(ground.join("gitconfig"), SETTINGS).expect("written");
        Self { ground }
    }

    pub(super) fn join(&self, name: &str) -> PathBuf {
        self.ground.join(name)
    }

    /// Git in one of the repositories.
    pub(super) fn command(&self, repo: &str, args: &[&str]) -> Command {
        let mut command = Command::new("git");
        without_opinions(&mut command).args(args).current_dir(self.join(repo)).stdin(Stdio::null());
        command.env("HOME", self.ground.path()).env("GIT_CONFIG_GLOBAL", self.join("gitconfig")).envs([
            ("GIT_CONFIG_NOSYSTEM", "1"),
            ("LC_ALL", "C"),
            ("TZ", "UTC"),
        ]);
        command
    }

    /// git's answer about the objects themselves, ignoring replacements; it has to succeed.
    pub(super) fn git(&self, repo: &str, args: &[&str], input: &[u8]) -> Vec<u8> {
        let output = fed(self.command(repo, args).env("GIT_NO_REPLACE_OBJECTS", "1"), input);
        assert!(output.status.success(), "git {args:?} in {repo}: {output:?}");
        output.stdout
    }

    /// The lines of git's answer.
    pub(super) fn lines(&self, repo: &str, args: &[&str], input: &[u8]) -> Vec<String> {
        String::from_utf8_lossy(&self.git(repo, args, input)).lines().map(str::to_owned).collect()
    }

    /// Makes a bare repository.
    pub(super) fn bare(&self, repo: &str, init: &[&str]) {
        std::fs::create_dir_all(self.join(repo)).expect("a directory");
        self.git(repo, &[&["init", "-q", "--bare", "-b", "main"], init].concat(), b"");
    }

    /// Every object reachable from these but not from those.
    pub(super) fn between<'a>(
        &self,
        repo: &str,
        tips: impl IntoIterator<Item = &'a String>,
        not: impl IntoIterator<Item = &'a String>,
    ) -> BTreeSet<String> {
        let tips = tips.into_iter().map(|oid| format!("{oid}\n"));
        let input: String = tips.chain(not.into_iter().map(|oid| format!("^{oid}\n"))).collect();
        names(self.lines(repo, &["rev-list", "--objects", "--stdin"], input.as_bytes()))
    }
}

fn names(lines: Vec<String>) -> BTreeSet<String> {
    lines.into_iter().map(|line| line.split(' ').next().unwrap_or_default().to_owned()).collect()
}

/// The server.
pub(super) struct Server<'a> {
    pub(super) place: &'a Place,
    /// The name of its hash, as git writes it.
    pub(super) format: &'static str,
}

/// The name of its directory.
pub(super) const SERVER: &str = "server.git";

/// The result of a push.
pub(super) struct Verdict {
    /// The hook's exit status, if it ran.
    pub(super) code: Option<i32>,
    /// The hook's output.
    pub(super) said: String,
    /// git's output.
    pub(super) git: String,
}

impl Server<'_> {
    /// Installs the binary as the hook.
    pub(super) fn install(&self) {
        let hook = self.place.join(SERVER).join("hooks/pre-receive");
        let script = format!(
            "#!/bin/sh\n'{}' hook pre-receive --budget 5m 2>hook.said\ncode=$?\necho $code >hook.code\nexit $code\n",
            env!("CARGO_BIN_EXE_keyradius")
        );
        std::fs::create_dir_all(hook.parent().expect("a parent")).expect("a directory");
        std::fs::write(&hook, script).expect("written");
        crate::hook::repo::make_executable(&hook);
    }

    /// The server's refs.
    pub(super) fn refs(&self) -> BTreeMap<String, String> {
        let lines = self.place.lines(SERVER, &["for-each-ref", "--format=%(objectname) %(refname)"], b"");
        lines
            .iter()
            .filter_map(|line| line.split_once(' '))
            .map(|(oid, name)| (name.to_owned(), oid.to_owned()))
            .collect()
    }

    /// Every reachable object.
    pub(super) fn reachable(&self) -> BTreeSet<String> {
        names(self.place.lines(SERVER, &["rev-list", "--objects", "--missing=allow-any", "--all"], b""))
    }

    /// Every object that the server can read.
    pub(super) fn stored(&self) -> BTreeSet<String> {
        let args = ["cat-file", "--batch-all-objects", "--unordered", "--batch-check=%(objectname)"];
        self.place.lines(SERVER, &args, b"").into_iter().collect()
    }

    /// A push by `git push` from a neighbouring repository.
    pub(super) fn pushed(&self, from: &str, moves: &[Move], atomic: bool, option: Option<&str>) -> Verdict {
        let mut args = vec!["push".to_owned(), "--force".to_owned(), "--porcelain".to_owned()];
        args.extend(atomic.then(|| "--atomic".to_owned()));
        args.extend(option.map(|option| format!("--push-option={option}")));
        args.push(format!("../{SERVER}"));
        for (_, new, name) in moves {
            let gone = new.bytes().all(|digit| digit == b'0');
            args.push(if gone { format!(":{name}") } else { format!("{new}:{name}") });
        }
        let args: Vec<&str> = args.iter().map(String::as_str).collect();
        self.verdict(|| self.place.command(from, &args).output().expect("git runs"))
    }

    /// A push by hand: these commands and this pack, regardless of what a well-behaved client would send
    /// (gitprotocol-pack, "Pushing Data To a Server").
    pub(super) fn received(
        &self,
        moves: &[Move],
        shallow: &[String],
        pack: &[u8],
        atomic: bool,
        option: Option<&str>,
    ) -> Verdict {
        let mut wire = Vec::new();
        for oid in shallow {
            packet(&mut wire, &format!("shallow {oid}"));
        }
        let abilities =
            format!("report-status push-options{} object-format={}", if atomic { " atomic" } else { "" }, self.format);
        for (index, (old, new, name)) in moves.iter().enumerate() {
            let rest = if index == 0 { format!("\0{abilities}") } else { String::new() };
            packet(&mut wire, &format!("{old} {new} {name}{rest}"));
        }
        wire.extend(b"0000");
        if let Some(option) = option {
            packet(&mut wire, option);
        }
        wire.extend(b"0000");
        if moves.iter().any(|(_, new, _)| new.bytes().any(|digit| digit != b'0')) {
            wire.extend(pack);
        }
        self.verdict(|| fed(&mut self.place.command(".", &["receive-pack", "--stateless-rpc", SERVER]), &wire))
    }

    fn verdict(&self, push: impl FnOnce() -> Output) -> Verdict {
        let file = |name: &str| self.place.join(SERVER).join(name);
        let read = |name: &str| std::fs::read_to_string(file(name)).unwrap_or_default();
        for name in ["hook.code", "hook.said"] {
            let _ = std::fs::remove_file(file(name));
        }
        let output = push();
        let git = format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
        Verdict { code: read("hook.code").trim().parse().ok(), said: read("hook.said"), git }
    }
}

fn packet(wire: &mut Vec<u8>, line: &str) {
    wire.extend(format!("{:04x}{line}", line.len() + 4).bytes());
}

/// Stores a pack in a repository, bypassing the hooks.
pub(super) fn store(place: &Place, repo: &str, pack: &[u8]) {
    place.git(repo, &["unpack-objects", "-q"], pack);
}

/// Whether this repository exists.
pub(super) fn exists(place: &Place, repo: &str) -> bool {
    Path::new(&place.join(repo)).join("HEAD").exists()
}
