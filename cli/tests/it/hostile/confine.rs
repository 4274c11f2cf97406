//! What the process forbids itself: nobody reads its memory, and what it parses gets nothing done.

/// Core dumps and debuggers.
#[cfg(target_os = "linux")]
mod cores {
    use std::io::Write;
    use std::os::unix::fs::MetadataExt;
    use std::os::unix::process::{CommandExt, ExitStatusExt};
    use std::process::{Child, Command, ExitStatus, Stdio};

    use crate::workshop::{Workshop, key_pem};

    /// A user without rights, whatever its name on this system.
    const NOBODY: u32 = 65_534;

    /// A scan that has read a key and waits for more: its standard input stays open.
    struct Waiting(Child);

    impl Waiting {
        fn start(shop: &Workshop, allow: Option<&str>, change: impl FnOnce(&mut Command)) -> Self {
            // The hard limit may be lower, and then nothing is dumped by any process of this system.
            let script = "ulimit -S -c \"$(ulimit -H -c)\"; exec \"$0\" scan -";
            let mut command = Command::new("sh");
            command.args(["-c", script, env!("CARGO_BIN_EXE_keyradius")]).current_dir(shop.path());
            command
                .stdin(Stdio::piped())
                .stdout(Stdio::null())
                .stderr(Stdio::null())
                .env_remove("KEYRADIUS_ALLOW_CORE");
            command.envs(allow.map(|value| ("KEYRADIUS_ALLOW_CORE", value)));
            change(&mut command);
            let mut child = command.spawn().expect("sh runs");
            child.stdin.as_mut().expect("a pipe").write_all(key_pem(1).as_bytes()).expect("written");
            let waiting = Self(child);
            let began = std::time::Instant::now();
            let asleep = |status: &str| status.starts_with("Name:\tkeyradius") && status.contains("State:\tS");
            while !asleep(&waiting.proc("status")) {
                assert!(began.elapsed().as_secs() < 60, "it does not come to its standard input");
                std::thread::sleep(std::time::Duration::from_millis(10));
            }
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
                eprintln!(
                    "SKIPPED: this system dumps no core at all (limit {limit}), so there is nothing to compare with"
                );
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
            eprintln!("SKIPPED: user {NOBODY} may not run the binary here, and root may attach to anything");
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
