//! `keyradius hook install`, `uninstall` and `status`. Hooks of other tools are kept, and restored by `uninstall`.

use std::fmt::Write as _;
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};

use keyradius_core::blob::printable_path;

use super::git::Git;
use super::script::{self, BEFORE, PASSED_ON};
use crate::args::hook::{HookName, InstallArgs, StatusArgs, UninstallArgs};
use crate::draft::{Draft, Existing, Place};
use crate::exit::plain;
use crate::exit::{Exit, Failure};
use crate::out;
use crate::surroundings::{Surroundings, Variables};

/// A directory that contains hooks.
#[derive(Debug)]
struct Hooks {
    directory: PathBuf,
    /// Whether the directory is for all repositories.
    global: bool,
    /// Whether keyradius made the directory, with scripts that run the hooks of each repository.
    own: bool,
}

/// The file at the path of a hook.
#[derive(Debug, PartialEq, Eq)]
enum State {
    Nothing,
    Ours,
    Other(Vec<u8>),
}

/// Installs hooks.
pub(crate) fn install(args: &InstallArgs, around: &Surroundings) -> Result<Exit, Failure> {
    let here = around.directory.as_path();
    let git = &Git::default();
    let hooks = Hooks::find(git, args.global, around)?;
    let husky = hooks.directory.ends_with(".husky/_");
    if husky {
        return Err(Failure::new(format!("{} belongs to husky, which rewrites it", hooks.shown(here)))
            .hint("add the line `keyradius hook pre-commit` to .husky/pre-commit (and to .husky/pre-merge-commit)"));
    }
    // Nobody commits in a bare repository: it only receives pushes.
    let bare = git.value(&["rev-parse", "--is-bare-repository"]).is_some_and(|answer| answer.as_os_str() == "true");
    let default =
        if bare && !args.global { &[HookName::Receive][..] } else { &[HookName::Commit, HookName::MergeCommit] };
    let wanted = if args.hooks.is_empty() { default } else { &args.hooks };
    let keyradius = std::env::current_exe().map_err(|error| {
        Failure::new(format!("cannot find the path of keyradius: {error}")).hint("run keyradius by its full path")
    })?;
    // Everything is checked before anything is changed.
    for hook in wanted {
        hooks.check(*hook, here)?;
    }
    std::fs::create_dir_all(&hooks.directory)
        .map_err(|error| hooks.failed("create", &hooks.directory, &error, here))?;
    let mut told = String::new();
    for hook in wanted {
        let script = script::check(*hook, hooks.global, &keyradius);
        told += &hooks.put(hook.id(), &script, here)?;
    }
    if hooks.own {
        for name in PASSED_ON.iter().filter(|name| !HookName::ALL.iter().any(|hook| hook.id() == **name)) {
            hooks.pass_on(name, here)?;
        }
        for hook in HookName::ALL {
            hooks.pass_on(hook.id(), here)?;
        }
        let directory = hooks.directory.as_os_str();
        if git.value(&["config", "--global", "--get", "core.hooksPath"]).is_none() {
            git.ask(&["config".as_ref(), "--global".as_ref(), "core.hooksPath".as_ref(), directory])?;
            let _ = writeln!(told, "core.hooksPath in the global git configuration is now {}", hooks.shown(here));
        }
        told += "existing hooks in .git/hooks of a repository keep running; a repository that sets its own \
                 core.hooksPath is not covered\n";
    }
    out::data(told.as_bytes())?;
    Ok(Exit::Nothing)
}

/// Removes hooks, and restores the previous ones.
pub(crate) fn uninstall(args: &UninstallArgs, around: &Surroundings) -> Result<Exit, Failure> {
    let here = around.directory.as_path();
    let git = &Git::default();
    let hooks = Hooks::find(git, args.global, around)?;
    let names: Vec<&str> = match (args.hooks.is_empty(), hooks.own) {
        (false, _) => args.hooks.iter().map(|hook| hook.id()).collect(),
        (true, true) => PASSED_ON.to_vec(),
        (true, false) => HookName::ALL.map(HookName::id).to_vec(),
    };
    let mut told = String::new();
    for name in names {
        told += &hooks.take(name, !args.hooks.is_empty(), here)?;
    }
    if hooks.own && args.hooks.is_empty() {
        let set = git.value(&["config", "--global", "--get", "core.hooksPath"]);
        // Only an empty directory is removed. If it contains other hooks, it stays in use.
        if std::fs::remove_dir(&hooks.directory).is_ok() && set.is_some_and(|set| set == hooks.directory) {
            git.ask(&["config", "--global", "--unset", "core.hooksPath"])?;
            told += "core.hooksPath is no longer set in the global git configuration\n";
        }
    }
    if told.is_empty() {
        told = format!("no keyradius hooks in {}\n", hooks.shown(here));
    }
    out::data(told.as_bytes())?;
    Ok(Exit::Nothing)
}

/// Shows which hooks are installed.
pub(crate) fn status(args: &StatusArgs, around: &Surroundings) -> Result<Exit, Failure> {
    let here = around.directory.as_path();
    let hooks = Hooks::find_any(&Git::default(), args.global, around)?;
    let mut told = format!("hooks are in {}\n", hooks.shown(here));
    for hook in HookName::ALL {
        let path = hooks.directory.join(hook.id());
        let what = match hooks.state(hook.id()) {
            Ok(State::Ours) if !is_executable(&path) => "installed, but not executable: git does not run it".to_owned(),
            Ok(State::Ours) if !hooks.checks(hook) => "not installed; the repository's own hook runs".to_owned(),
            Ok(State::Ours) if exists(&hooks.before(hook.id())) => {
                format!("installed; {}{BEFORE} runs first", hook.id())
            }
            Ok(State::Ours) => "installed".to_owned(),
            Ok(State::Other(_)) => "not installed; another hook is present".to_owned(),
            Ok(State::Nothing) => "not installed".to_owned(),
            Err(error) => format!("cannot be read: {}", plain(&error)),
        };
        let _ = writeln!(told, "{:<17} {what}", hook.id());
    }
    out::data(told.as_bytes())?;
    Ok(Exit::Nothing)
}

impl Hooks {
    /// The directory of hooks; an error if git's configuration names one for all repositories and `global` is not set.
    fn find(git: &Git, global: bool, around: &Surroundings) -> Result<Self, Failure> {
        let hooks = Self::find_any(git, global, around)?;
        let scope = git.value(&["config", "--show-scope", "--get", "core.hooksPath"]);
        let scope = scope.map(|scope| scope.to_string_lossy().into_owned()).unwrap_or_default();
        if !global && ["global", "system"].iter().any(|wide| scope.starts_with(wide)) {
            return Err(Failure::new(format!(
                "hooks of this repository are in {}, because your git configuration sets core.hooksPath",
                hooks.shown(&around.directory)
            ))
            .hint("add --global to install there, or use the repository's own: git config core.hooksPath .git/hooks"));
        }
        Ok(hooks)
    }

    fn find_any(git: &Git, global: bool, around: &Surroundings) -> Result<Self, Failure> {
        if !global {
            let directory = git.ask(&["rev-parse", "--git-path", "hooks"]).map_err(|failure| {
                failure.hint("run this command in the repository that needs hooks, or add --global")
            })?;
            let directory = super::answer::path(directory.strip_suffix(b"\n").unwrap_or(&directory));
            return Ok(Self { directory: around.directory.join(directory), global, own: false });
        }
        let default = config_home(&around.variables).map(|home| home.join("keyradius").join("hooks"));
        match git.value(&["config", "--global", "--type=path", "--get", "core.hooksPath"]) {
            Some(set) if !set.is_absolute() => Err(Failure::new(format!(
                "core.hooksPath in the global git configuration is {}: a different directory in each repository",
                printable_path(&set)
            ))
            .hint("run `keyradius hook install` in each repository, without --global")),
            Some(set) => Ok(Self { own: default.is_some_and(|default| default == set), directory: set, global }),
            None => default.map(|directory| Self { directory, global, own: true }).ok_or_else(|| {
                Failure::new("cannot find your configuration directory").hint("set HOME or XDG_CONFIG_HOME")
            }),
        }
    }

    fn shown(&self, here: &Path) -> String {
        shown(&self.directory, here)
    }

    fn before(&self, name: &str) -> PathBuf {
        self.directory.join(format!("{name}{BEFORE}"))
    }

    fn state(&self, name: &str) -> io::Result<State> {
        match std::fs::read(self.directory.join(name)) {
            Ok(script) if script::is_ours(&script) => Ok(State::Ours),
            Ok(script) => Ok(State::Other(script)),
            // A dangling symbolic link counts as an existing hook.
            Err(error) if error.kind() == io::ErrorKind::NotFound && !exists(&self.directory.join(name)) => {
                Ok(State::Nothing)
            }
            Err(error) => Err(error),
        }
    }

    /// Whether the installed script runs keyradius; `false` if it only runs the repository's own hook.
    fn checks(&self, hook: HookName) -> bool {
        std::fs::read(self.directory.join(hook.id())).is_ok_and(|script| script != script::pass_on(hook.id()))
    }

    /// Refuses to install over hooks that cannot be chained safely.
    fn check(&self, hook: HookName, here: &Path) -> Result<(), Failure> {
        let name = hook.id();
        let path = self.directory.join(name);
        let before = self.before(name);
        let shown_before = shown(&before, here);
        let refuse = |what: String, hint: String| Err(Failure::new(what).hint(hint));
        match self.state(name).map_err(|error| self.failed("read", &path, &error, here))? {
            State::Nothing if exists(&before) => refuse(
                format!("{shown_before} exists without the hook that runs it"),
                format!("rename it to {name}, or delete it; then install again"),
            ),
            // If a hook manager rewrote the same script, there is only one other hook.
            State::Other(script) if exists(&before) && !std::fs::read(&before).is_ok_and(|kept| kept == script) => {
                refuse(
                    format!("two hooks of other tools exist: {name} and {name}{BEFORE}"),
                    format!("keep one of them in {}, remove {shown_before}, then install again", shown(&path, here)),
                )
            }
            State::Other(script) if asks_its_name(&script) => refuse(
                format!("the hook {} depends on its own file name, which chaining would change", shown(&path, here)),
                format!("add the line `keyradius hook {name}` to that hook, or to a script that it runs"),
            ),
            State::Nothing | State::Ours | State::Other(_) => Ok(()),
        }
    }

    /// Writes a script, and renames an existing hook so that the script can run it.
    fn put(&self, name: &str, script: &[u8], here: &Path) -> Result<String, Failure> {
        let path = self.directory.join(name);
        let state = self.state(name).map_err(|error| self.failed("read", &path, &error, here))?;
        if state == State::Ours && std::fs::read(&path).is_ok_and(|there| there == script) && is_executable(&path) {
            return Ok(format!("{name}: already installed\n"));
        }
        let place = Place::at(&path).map_err(|error| self.failed("write", &path, &error, here))?;
        // The script is written completely before anything is renamed.
        let fresh = executable(&place, script).map_err(|error| self.failed("write", &path, &error, here))?;
        let chained = matches!(state, State::Other(_));
        if chained {
            std::fs::rename(&path, self.before(name)).map_err(|error| self.failed("move", &path, &error, here))?;
        }
        if let Err(error) = fresh.put(Existing::Replace) {
            if chained {
                let _ = std::fs::rename(self.before(name), &path);
            }
            return Err(self.failed("write", &path, &error, here));
        }
        let kept = if chained { format!("; the existing hook runs first, as {name}{BEFORE}") } else { String::new() };
        Ok(format!("{name}: installed in {}{kept}\n", self.shown(here)))
    }

    /// Writes a script that only runs the repository's own hook, unless a file exists there.
    fn pass_on(&self, name: &str, here: &Path) -> Result<(), Failure> {
        let path = self.directory.join(name);
        if matches!(self.state(name), Ok(State::Nothing)) {
            write_executable(&path, &script::pass_on(name))
                .map_err(|error| self.failed("write", &path, &error, here))?;
        }
        Ok(())
    }

    /// Removes our script and restores the previous hook.
    fn take(&self, name: &str, asked: bool, here: &Path) -> Result<String, Failure> {
        let path = self.directory.join(name);
        let before = self.before(name);
        match self.state(name).map_err(|error| self.failed("read", &path, &error, here))? {
            State::Ours => {}
            State::Other(_) if exists(&before) || asked => {
                let kept =
                    if exists(&before) { format!("; {} is kept too", shown(&before, here)) } else { String::new() };
                return Ok(format!("{name}: not a keyradius hook, so it was not changed{kept}\n"));
            }
            State::Nothing if asked => return Ok(format!("{name}: not installed\n")),
            State::Nothing | State::Other(_) => return Ok(String::new()),
        }
        if exists(&before) {
            std::fs::rename(&before, &path).map_err(|error| self.failed("move", &before, &error, here))?;
            return Ok(format!("{name}: removed; the previous hook is restored\n"));
        }
        if self.own && asked {
            // In a directory for all repositories, a missing script would disable each repository's own hook.
            write_executable(&path, &script::pass_on(name))
                .map_err(|error| self.failed("write", &path, &error, here))?;
            return Ok(format!("{name}: removed\n"));
        }
        let passing = std::fs::read(&path).is_ok_and(|script| script == script::pass_on(name));
        std::fs::remove_file(&path).map_err(|error| self.failed("remove", &path, &error, here))?;
        Ok(if passing { String::new() } else { format!("{name}: removed\n") })
    }

    fn failed(&self, what: &str, path: &Path, error: &io::Error, here: &Path) -> Failure {
        Failure::new(format!("cannot {what} {}: {}", shown(path, here), plain(error)))
            .hint(format!("check the permissions of {}; core.hooksPath may name another one", self.shown(here)))
    }
}

/// Whether a hook reads its own file name, as scripts do that are linked under several names.
fn asks_its_name(script: &[u8]) -> bool {
    let text = String::from_utf8_lossy(script);
    [
        "basename \"$0\"",
        "basename $0",
        "basename -- \"$0\"",
        "${0##*/}",
        "basename \"${0}\"",
        "basename \"${BASH_SOURCE",
    ]
    .iter()
    .any(|question| text.contains(question))
}

fn shown(path: &Path, here: &Path) -> String {
    printable_path(path.strip_prefix(here).unwrap_or(path))
}

/// Whether a path exists; a dangling symbolic link counts.
fn exists(path: &Path) -> bool {
    path.symlink_metadata().is_ok()
}

/// The user's configuration directory: `XDG_CONFIG_HOME`, or `.config` in the home directory.
fn config_home(variables: &Variables) -> Option<PathBuf> {
    let set = |name: &str| variables.get(name).map(PathBuf::from).filter(|path| path.is_absolute());
    set("XDG_CONFIG_HOME").or_else(|| Some(set("HOME").or_else(|| set("USERPROFILE"))?.join(".config")))
}

#[cfg(unix)]
fn is_executable(path: &Path) -> bool {
    use std::os::unix::fs::PermissionsExt;
    path.metadata().is_ok_and(|metadata| metadata.permissions().mode() & 0o111 != 0)
}

#[cfg(not(unix))]
fn is_executable(_path: &Path) -> bool {
    true
}

/// A draft of an executable script, written but not yet in its place.
fn executable<'a>(place: &'a Place, script: &[u8]) -> io::Result<Draft<'a>> {
    let mut draft = Draft::new(place, Some(0o755))?;
    draft.write_all(script)?;
    Ok(draft)
}

fn write_executable(path: &Path, script: &[u8]) -> io::Result<()> {
    executable(&Place::at(path)?, script)?.put(Existing::Replace)
}
