//! The restrictions of the process: nobody reads its memory, and parsed input cannot make it act.

/// Core dumps and debuggers.
#[cfg(target_os = "linux")]
mod cores {
    use std::io::Write;
    use std::os::unix::fs::MetadataExt;
    use std::os::unix::process::{CommandExt, ExitStatusExt};
    use std::process::{Child, Command, ExitStatus, Stdio};

    use crate::hostile::skipped;
    use crate::patience::until;
    use crate::workshop::{Workshop, key_pem};

    /// A user without rights, whatever its name on this system.
    const NOBODY: u32 = 65_534;

    /// A scan that has read a key and waits for more input: its standard input stays open.
    struct Waiting(Child);

    impl Waiting {
        fn start(shop: &Workshop, allow: Option<&str>, change: impl FnOnce(&mut Command)) -> Self {
            // The hard limit may be lower; then no process of this system dumps core.
            let script = "ulimit -S -c \"$(ulimit -H -c)\"; exec \"$0\" scan -";
            let mut command = Command::new("sh");
            command.args(["-c", script, env!("CARGO_BIN_EXE_keyradius")]).current_dir(shop.path());
            command
                .stdin(Stdio::piped())
                .stdout(Stdio::null())
                .stderr(Stdio::null())
                .env_remove("KEYRADIUS_ALLOW_CORE");
            // A confined process writes no file, and so no core: this test is about the other mechanism.
            command.env("KEYRADIUS_SANDBOX", "off").envs(allow.map(|value| ("KEYRADIUS_ALLOW_CORE", value)));
            change(&mut command);
            let mut child = command.spawn().expect("sh runs");
            child.stdin.as_mut().expect("a pipe").write_all(key_pem(1).as_bytes()).expect("written");
            let waiting = Self(child);
            let asleep = |status: &str| status.starts_with("Name:\tkeyradius") && status.contains("State:\tS");
            until("it waits for its standard input", || asleep(&waiting.proc("status")).then_some(()));
            waiting
        }

        /// A file of `/proc`, as far as this process may read it.
        fn proc(&self, name: &str) -> String {
            std::fs::read_to_string(format!("/proc/{}/{name}", self.0.id())).unwrap_or_default()
        }

        fn core_limit(&self) -> String {
            let limits = self.proc("limits");
            let line = limits.lines().find(|line| line.starts_with("Max core file size")).expect("a limit");
            line.trim_start_matches("Max core file size").split_whitespace().take(2).collect::<Vec<_>>().join(" ")
        }

        fn kill(mut self, signal: &str) -> ExitStatus {
            let pid = self.0.id().to_string();
            assert!(Command::new("kill").args([signal, &pid]).status().expect("kill runs").success());
            self.0.wait().expect("an end")
        }
    }

    impl Drop for Waiting {
        fn drop(&mut self) {
            let _ = self.0.kill();
            let _ = self.0.wait();
        }
    }

    #[test]
    fn a_crash_leaves_no_core_unless_the_user_asked_for_it() {
        let shop = Workshop::new("cores");
        for (allow, off) in [(None, true), (Some(""), true), (Some("0"), true), (Some("yes"), true), (Some("1"), false)]
        {
            let waiting = Waiting::start(&shop, allow, |_| ());
            assert_eq!(waiting.core_limit() == "0 0", off, "{allow:?}: {}", waiting.core_limit());
            let limit = waiting.core_limit();
            let status = waiting.kill("-ABRT");
            assert_eq!(status.signal(), Some(6), "{allow:?}");
            if off {
                assert!(!status.core_dumped(), "{allow:?}: a core was dumped");
            } else if !status.core_dumped() {
                skipped(format_args!(
                    "this system dumps no core at all (limit {limit}), so there is nothing to compare with"
                ));
            }
        }
    }

    #[test]
    fn nobody_else_of_the_same_user_can_attach() {
        let shop = Workshop::new("tracing");
        let nobody = |command: &mut Command| {
            command.uid(NOBODY).gid(NOBODY).current_dir("/");
        };
        let mine = std::fs::metadata(shop.path()).expect("a directory").uid();
        if mine == 0
            && !Command::new(env!("CARGO_BIN_EXE_keyradius")).arg("-V").uid(NOBODY).status().is_ok_and(|s| s.success())
        {
            skipped(format_args!("user {NOBODY} may not run the binary here, and root may attach to anything"));
            return;
        }
        for (allow, off) in [(None, true), (Some("1"), false)] {
            let waiting =
                if mine == 0 { Waiting::start(&shop, allow, nobody) } else { Waiting::start(&shop, allow, |_| ()) };
            let owner = std::fs::metadata(format!("/proc/{}/mem", waiting.0.id())).expect("a process").uid();
            let runs_as = if mine == 0 { NOBODY } else { mine };
            assert_eq!(owner, if off { 0 } else { runs_as }, "{allow:?}: who owns the memory in /proc");
        }
    }
}

/// Landlock and seccomp, seen from outside; `cli/src/confine/tests.rs` tests them from inside.
#[cfg(target_os = "linux")]
mod sandbox {
    use std::io::{Read, Write};
    use std::os::fd::OwnedFd;
    use std::os::unix::net::UnixStream;
    use std::process::{Command, Stdio};

    use crate::hook::repo::Repo;
    use crate::hostile::skipped;
    use crate::patience::until;
    use crate::workshop::{Ran, Workshop, key_pem};

    /// The output of `--version -v`, and whether this kernel confines completely.
    fn said(shop: &Workshop, sandbox: &str) -> (Ran, bool) {
        let ran = shop.command(&["--version", "-v"]).env("KEYRADIUS_SANDBOX", sandbox).output();
        let ran = Ran::from(ran.expect("runs"));
        assert_eq!(ran.code, Some(0), "{ran:?}");
        let whole = ran.stdout.contains("Landlock: version") && ran.stdout.contains("seccomp: starts no programs");
        (ran, whole)
    }

    #[test]
    fn the_version_says_what_holds() {
        let shop = Workshop::new("confine_version");
        let version = shop.run(&["--version"]).stdout;
        assert_eq!(version, format!("keyradius {}\n", env!("CARGO_PKG_VERSION")));
        assert_eq!(shop.run(&["-V"]).stdout, version);
        for args in [&["--version", "-v"][..], &["-Vv"], &["--verbose", "--version"]] {
            let ran = shop.run(args);
            let lines: Vec<&str> = ran.stdout.lines().collect();
            assert_eq!(lines.len(), 4, "{args:?}: {ran:?}");
            assert!(lines[1] == "core dumps and debuggers: off", "{args:?}: {ran:?}");
            assert!(lines[2].starts_with("Landlock: ") && lines[3].starts_with("seccomp: "), "{args:?}: {ran:?}");
        }
        let (off, whole) = said(&shop, "off");
        assert!(!whole && off.stdout.matches("off (KEYRADIUS_SANDBOX=off)").count() == 2, "{off:?}");
        for args in [&["-v"][..], &["--version", "scan"], &["-v", "scan"]] {
            assert_eq!(shop.run(args).code, Some(2), "{args:?}");
        }
    }

    #[test]
    fn a_run_that_is_not_confined_says_so() {
        let shop = Workshop::new("confine_said");
        shop.file("a.pem", key_pem(1));
        let run = |sandbox: &str, args: &[&str]| {
            Ran::from(shop.command(args).env("KEYRADIUS_SANDBOX", sandbox).output().expect("runs"))
        };
        let off = run("off", &["scan", "-v", "."]);
        assert_eq!(off.code, Some(1), "{off:?}");
        assert!(off.stderr.contains("note: not confined: Landlock: off (KEYRADIUS_SANDBOX=off)\n"), "{off:?}");
        assert!(!run("off", &["scan", "."]).stderr.contains("not confined"));
        let wrong = run("maybe", &["scan", "."]);
        assert_eq!((wrong.code, wrong.stdout.as_str()), (Some(2), ""), "{wrong:?}");
        let (_, whole) = said(&shop, "");
        let required = run("require", &["scan", "-v", "."]);
        if whole {
            assert_eq!(required.code, Some(1), "{required:?}");
            assert!(!required.stderr.contains("not confined"), "{required:?}");
        } else {
            assert_eq!(required.code, Some(2), "{required:?}");
            skipped("this kernel does not confine in full");
        }
        let cores = shop
            .command(&["scan", "."])
            .envs([("KEYRADIUS_ALLOW_CORE", "1"), ("KEYRADIUS_SANDBOX", "require")])
            .output();
        assert_eq!(Ran::from(cores.expect("runs")).code, Some(2), "core dumps are a part of it");
    }

    #[test]
    fn a_scan_is_confined_with_all_its_threads() {
        let shop = Workshop::new("confine_threads");
        if !said(&shop, "").1 {
            skipped("this kernel does not confine in full");
            return;
        }
        let mut child = shop.command(&["scan", "-j", "4", "--progress", "always", "-"]);
        let mut child = child.stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::null()).spawn().expect("runs");
        child.stdin.as_mut().expect("a pipe").write_all(key_pem(1).as_bytes()).expect("written");
        let tasks = format!("/proc/{}/task", child.id());
        // A waiting scan has a thread for Ctrl-C and one for its progress.
        until("more than one thread", || (std::fs::read_dir(&tasks).ok()?.count() > 1).then_some(()));
        for task in std::fs::read_dir(&tasks).expect("threads") {
            let status = std::fs::read_to_string(task.expect("a thread").path().join("status")).expect("its status");
            let field = |name: &str| status.lines().find_map(|line| line.strip_prefix(name)).map(str::trim);
            assert_eq!(field("Seccomp:"), Some("2"), "{status}");
            assert_eq!(field("NoNewPrivs:"), Some("1"), "{status}");
        }
        let _ = child.kill();
        let _ = child.wait();
    }

    #[test]
    fn a_hook_is_confined_while_git_answers_it() {
        let repo = Repo::bare_of_hooks("confine_hook", &[]);
        if !said(&Workshop::new("confine_hook_said"), "").1 {
            skipped("this kernel does not confine in full");
            return;
        }
        repo.file("a.pem", key_pem(1)).stage();
        // A git that waits before it answers, long enough to inspect its parent.
        repo.script("bin/git", "#!/bin/sh\necho $PPID > asked\nsleep 1\nPATH=${PATH#*:} exec git \"$@\"\n");
        let path = format!("{}:{}", repo.place().join("bin").display(), std::env::var("PATH").expect("a path"));
        let mut child = repo.command(env!("CARGO_BIN_EXE_keyradius"), &["hook", "pre-commit"]);
        let mut child = child.env("PATH", path).stdin(Stdio::null()).stderr(Stdio::null()).spawn().expect("runs");
        let asked = || std::fs::read_to_string(repo.place().join("asked")).ok().filter(|pid| pid.ends_with('\n'));
        let asked = until("git was asked", asked);
        for task in std::fs::read_dir(format!("/proc/{}/task", child.id())).expect("threads") {
            let status = std::fs::read_to_string(task.expect("a thread").path().join("status")).expect("its status");
            let field = |name: &str| status.lines().find_map(|line| line.strip_prefix(name)).map(str::trim);
            assert_eq!((field("Seccomp:"), field("NoNewPrivs:")), (Some("2"), Some("1")), "{status}");
        }
        assert_ne!(asked.trim(), child.id().to_string(), "the process that reads starts no git");
        assert_eq!(child.wait().expect("an end").code(), Some(1), "and finds the key");
        let broker = format!("/proc/{}", asked.trim());
        let gone = || (!std::path::Path::new(&broker).exists()).then_some(());
        until("the broker ends when nobody can ask any more", gone);
    }

    /// Sends requests to a broker like a compromised process. Returns the first byte of each answer.
    fn asked(shop: &Workshop, requests: &[&[u8]]) -> Vec<Option<u8>> {
        let (mut ours, theirs) = UnixStream::pair().expect("a socket");
        // Only the broker has the other end: another holder would never see it close.
        let started = shop.command(&["hook", "broker"]).stdin(OwnedFd::from(theirs)).stdout(Stdio::null()).spawn();
        let mut broker = started.expect("runs");
        let mut answers = Vec::new();
        for request in requests {
            let sent = [&(request.len() as u32).to_be_bytes()[..], request].concat();
            let mut answer = [0; 4096];
            let read = ours.write_all(&sent).and_then(|()| ours.read(&mut answer)).unwrap_or_default();
            answers.push(answer[..read].first().copied());
        }
        drop(ours);
        assert_eq!(broker.wait().expect("an end").code(), Some(0));
        answers
    }

    #[test]
    fn a_broker_starts_nothing_but_the_questions_of_hooks() {
        let shop = Workshop::new("confine_broker");
        let start = |words: &[&str]| {
            let words: Vec<u8> = words.iter().flat_map(|word| [b"\0", word.as_bytes()].concat()).collect();
            [&b"sa\0\0\0\0\x01"[..], &words].concat()
        };
        let mark = shop.path().join("mark");
        let evil = format!("!touch {}", mark.display());
        let alias = format!("alias.x={evil}");
        for words in [
            &[][..],
            &["-c", &alias, "x"],
            &["rev-parse", "-c", &alias],
            &["rev-list", "--remotes=*", "--all"],
            &["rev-list", "--objects", "--filter=x", "--all"],
            &["rev-parse", "--verify", "--git-dir"],
            &["rev-parse", "--end-of-options", "HEAD", "--git-dir"],
            &["config", "--global", "core.hooksPath", "x"],
            &["config", "alias.x", &evil],
            &["diff", "--cached", "HEAD"],
            &["diff", "--cached", "--raw", "HEAD", "--"],
            &["diff", "--cached", "--output=mark"],
            &["diff", "--cached", "--ext-diff"],
            &["cat-file", "--batch", "--textconv"],
            &["cat-file", "--filters", "HEAD:a"],
            &["upload-pack", "."],
            &["push", "--exec=touch", "."],
            &["daemon"],
            &["hash-object", "-w", "--stdin"],
            &["archive", "HEAD"],
        ] {
            assert_eq!(asked(&shop, &[&start(words)]), [Some(b'n')], "{words:?}");
        }
        let good = start(&["rev-parse", "--is-inside-work-tree"]);
        let bad = start(&["gc"]);
        assert_eq!(asked(&shop, &[&good, &bad, &good]), [Some(b'y'), Some(b'n'), Some(b'y')]);
        // Any other request ends the broker.
        for request in [&b"x"[..], b"", b"e"] {
            assert_eq!(asked(&shop, &[request, &good]), [None, None], "{request:?}");
        }
        assert_eq!(asked(&shop, &[b"s\0", b"s", &good]), [Some(b'n'), Some(b'n'), Some(b'y')]);
        assert!(!mark.exists());
        let by_hand = shop.run(&["hook", "broker"]);
        assert_eq!(by_hand.code, Some(2), "{by_hand:?}");
        assert!(by_hand.stderr.contains("this command is started only by keyradius hooks"), "{by_hand:?}");
    }

    #[test]
    fn reports_come_out_the_same_confined_and_not() {
        let shop = Workshop::new("confine_same");
        shop.file("a.pem", key_pem(1)).file("out/old", "old");
        let tar = Command::new("tar").args(["czf", "b.tgz", "a.pem"]).current_dir(shop.path()).status();
        assert!(tar.is_ok_and(|status| status.success()), "tar runs");
        for format in ["json", "jsonl", "sarif", "human"] {
            let args = |name| ["scan", "--reproducible", "--format", format, "-o", name, "a.pem", "b.tgz"];
            for (sandbox, name) in [("off", "out/one"), ("", "out/two"), ("", "out/old")] {
                let ran = shop.command(&args(name)).env("KEYRADIUS_SANDBOX", sandbox).output().expect("runs");
                assert_eq!(ran.status.code(), Some(1), "{format} {name}: {ran:?}");
            }
            let read = |name: &str| std::fs::read(shop.path().join(name)).expect("a report");
            assert_eq!(read("out/one"), read("out/two"), "{format}");
            assert_eq!(read("out/one"), read("out/old"), "{format}");
        }
    }
}
