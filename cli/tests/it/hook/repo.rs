//! Repositories for tests: a git without the user's configuration, and the binary on its PATH.

use std::ffi::OsStr;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use crate::workshop::{Ran, Workshop};

/// A repository.
pub(crate) struct Repo {
    shop: Workshop,
    /// The directory where commands run, below the workshop.
    place: PathBuf,
}

impl Repo {
    /// An empty repository with the default hooks, for the test of this name.
    pub(crate) fn new(test: &str) -> Self {
        let repo = Self::bare_of_hooks(test, &[]);
        repo.keyradius(&["hook", "install"]).passes("install");
        repo
    }

    /// A repository with a first commit, which contains no key.
    pub(crate) fn begun(test: &str) -> Self {
        let repo = Self::new(test);
        repo.file("readme.md", "nothing\n").commit_all("begin");
        repo
    }

    /// A repository without hooks.
    pub(crate) fn bare_of_hooks(test: &str, init: &[&str]) -> Self {
        let shop = Workshop::new(&format!("hook-{test}"));
        let place = shop.path().join("repo");
        std::fs::create_dir_all(&place).expect("a directory");
        let repo = Self { shop, place };
        repo.git(&[&["init", "-q", "-b", "main"], init].concat()).passes("init");
        repo
    }

    /// The directory where commands run.
    pub(crate) fn place(&self) -> &Path {
        &self.place
    }

    /// The parent directory of the repository.
    pub(crate) fn around(&self) -> &Path {
        self.shop.path()
    }

    /// Changes the directory where commands run.
    pub(crate) fn go(&mut self, place: impl AsRef<Path>) -> &mut Self {
        self.place = self.shop.path().join(place);
        self
    }

    /// Writes a file.
    pub(crate) fn file(&self, name: impl AsRef<Path>, text: impl AsRef<[u8]>) -> &Self {
        let path = self.place.join(name);
        std::fs::create_dir_all(path.parent().expect("a parent")).expect("a directory");
        std::fs::write(path, text).expect("a file");
        self
    }

    /// Writes an executable script.
    pub(crate) fn script(&self, name: &str, text: &str) -> &Self {
        self.file(name, text);
        make_executable(&self.place.join(name));
        self
    }

    /// A program in a controlled environment.
    pub(crate) fn command(&self, program: impl AsRef<OsStr>, args: &[impl AsRef<OsStr>]) -> Command {
        let mut command = Command::new(program);
        for (name, _) in std::env::vars_os() {
            let name = name.to_string_lossy();
            if ["GIT_", "GITHEAD_", "PRE_COMMIT", "XDG_", "GL_", "KEYRADIUS"]
                .iter()
                .any(|start| name.starts_with(start))
                // The variable that selects a mutant.
                && name != "KEYRADIUS_MUTANT"
            {
                command.env_remove(&*name);
            }
        }
        let binary = Path::new(env!("CARGO_BIN_EXE_keyradius")).parent().expect("a directory");
        let path = std::env::var_os("PATH").unwrap_or_default();
        let path = std::env::join_paths(std::iter::once(binary.to_owned()).chain(std::env::split_paths(&path)));
        command
            .args(args)
            .current_dir(&self.place)
            .stdin(Stdio::null())
            .env("PATH", path.expect("a PATH"))
            .env("HOME", self.shop.path())
            .env("GIT_CONFIG_NOSYSTEM", "1")
            .env("GIT_CONFIG_GLOBAL", "/dev/null")
            .env("GIT_EDITOR", "true")
            .envs(["AUTHOR", "COMMITTER"].into_iter().flat_map(|who| {
                [("NAME", "A U Thor"), ("EMAIL", "author@example.org"), ("DATE", "2026-01-02T03:04:05Z")]
                    .map(|(what, value)| (format!("GIT_{who}_{what}"), value))
            }));
        command
    }

    /// Runs git.
    pub(crate) fn git(&self, args: &[impl AsRef<OsStr>]) -> Ran {
        Ran::from(self.command("git", args).output().expect("git runs"))
    }

    /// Runs git with additional variables.
    pub(crate) fn git_with(&self, variables: &[(&str, &str)], args: &[&str]) -> Ran {
        Ran::from(self.command("git", args).envs(variables.iter().copied()).output().expect("git runs"))
    }

    /// Runs the binary.
    pub(crate) fn keyradius(&self, args: &[&str]) -> Ran {
        self.keyradius_with(&[], args, "")
    }

    /// Runs the binary with additional variables and this standard input.
    pub(crate) fn keyradius_with(&self, variables: &[(&str, &str)], args: &[&str], input: &str) -> Ran {
        let mut command = self.command(env!("CARGO_BIN_EXE_keyradius"), args);
        command.envs(variables.iter().copied()).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().expect("the binary runs");
        let written = child.stdin.take().expect("a pipe").write_all(input.as_bytes());
        drop(written);
        Ran::from(child.wait_with_output().expect("it ends"))
    }

    /// Stages everything.
    pub(crate) fn stage(&self) -> &Self {
        self.git(&["add", "-A"]).passes("add");
        self
    }

    /// Commits what is staged.
    pub(crate) fn commit(&self) -> Ran {
        self.git(&["commit", "-q", "-m", "message"])
    }

    /// Commits everything, bypassing the hooks.
    pub(crate) fn commit_all(&self, message: &str) -> &Self {
        self.stage().git(&["commit", "-q", "--no-verify", "--allow-empty", "-m", message]).passes("commit");
        self
    }

    /// git's one-line answer.
    pub(crate) fn answer(&self, args: &[&str]) -> String {
        let ran = self.git(args);
        assert_eq!(ran.code, Some(0), "{args:?} {ran:?}");
        ran.stdout.trim().to_owned()
    }
}

impl Ran {
    /// Asserts success.
    #[track_caller]
    pub(crate) fn passes(&self, name: &str) -> &Self {
        assert_eq!(self.code, Some(0), "{name}: {self:?}");
        assert!(!self.stderr.contains("\n  id    kr1:"), "{name}: {self:?}");
        self
    }

    /// Asserts that a key blocked it, and that the message contains these words.
    #[track_caller]
    pub(crate) fn blocked(&self, name: &str, told: &[&str]) -> &Self {
        assert_ne!(self.code, Some(0), "{name}: {self:?}");
        assert!(self.stderr.contains("  id    kr1:"), "{name}: {self:?}");
        for words in told {
            assert!(self.stderr.contains(words), "{name}: {words:?} in {}", self.stderr);
        }
        self
    }

    /// Asserts a failure without a key, with these words.
    #[track_caller]
    pub(crate) fn fails(&self, name: &str, told: &[&str]) -> &Self {
        assert_ne!(self.code, Some(0), "{name}: {self:?}");
        for words in told {
            assert!(self.stderr.contains(words), "{name}: {words:?} in {}", self.stderr);
        }
        self
    }
}

/// The base64 of a key, as a marker that must never be printed.
pub(crate) fn body(pem: &str) -> &str {
    pem.lines().nth(1).expect("a body")
}

/// Makes a file executable.
#[cfg(unix)]
pub(crate) fn make_executable(path: &Path) {
    use std::os::unix::fs::PermissionsExt;
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o755)).expect("permissions");
}

/// Does nothing: there are no executable bits.
#[cfg(not(unix))]
pub(crate) fn make_executable(_path: &Path) {}
