//! `keyradius hook install`, `uninstall` and `status`: what others put there is kept, and comes back.

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

/// A directory of hooks.
#[derive(Debug)]
struct Hooks {
    directory: PathBuf,
    /// For every repository.
    global: bool,
    /// Made by keyradius, and the hooks of each repository are passed on.
    own: bool,
}

/// What stands where a hook belongs.
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
        return Err(Failure::new(format!("{} belongs to husky, which writes it anew", hooks.shown(here)))
            .hint("add the line `keyradius hook pre-commit` to .husky/pre-commit (and to .husky/pre-merge-commit)"));
    }
    // Nobody commits in a bare repository: what it has is pushed to it.
    let bare = git.value(&["rev-parse", "--is-bare-repository"]).is_some_and(|answer| answer.as_os_str() == "true");
    let default =
        if bare && !args.global { &[HookName::Receive][..] } else { &[HookName::Commit, HookName::MergeCommit] };
    let wanted = if args.hooks.is_empty() { default } else { &args.hooks };
    let keyradius = std::env::current_exe().map_err(|error| {
        Failure::new(format!("cannot tell where keyradius is: {error}")).hint("run it by its full path")
    })?;
    // All that can be refused is refused before anything is changed.
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
            let _ = writeln!(told, "core.hooksPath of the global configuration is now {}", hooks.shown(here));
        }
        told += "hooks of a repository's own .git/hooks go on running; a repository with a core.hooksPath of its own \
                 is not covered\n";
    }
    out::data(told.as_bytes())?;
    Ok(Exit::Nothing)
}

/// Removes hooks, and puts back what was there.
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
        // Gone if it is empty; what others put there keeps it, and keeps it in use.
        if std::fs::remove_dir(&hooks.directory).is_ok() && set.is_some_and(|set| set == hooks.directory) {
            git.ask(&["config", "--global", "--unset", "core.hooksPath"])?;
            told += "core.hooksPath is no longer set in the global configuration\n";
        }
    }
    if told.is_empty() {
        told = format!("no hook of keyradius in {}\n", hooks.shown(here));
    }
    out::data(told.as_bytes())?;
    Ok(Exit::Nothing)
}

/// Says what is installed.
pub(crate) fn status(args: &StatusArgs, around: &Surroundings) -> Result<Exit, Failure> {
    let here = around.directory.as_path();
    let hooks = Hooks::find_any(&Git::default(), args.global, around)?;
    let mut told = format!("hooks are in {}\n", hooks.shown(here));
    for hook in HookName::ALL {
        let path = hooks.directory.join(hook.id());
        let what = match hooks.state(hook.id()) {
            Ok(State::Ours) if !is_executable(&path) => "installed, but not executable: git does not run it".to_owned(),
            Ok(State::Ours) if !hooks.checks(hook) => "not installed; the repository's own is run".to_owned(),
            Ok(State::Ours) if exists(&hooks.before(hook.id())) => {
                format!("installed; {}{BEFORE} runs first", hook.id())
            }
            Ok(State::Ours) => "installed".to_owned(),
            Ok(State::Other(_)) => "not installed; another hook is there".to_owned(),
            Ok(State::Nothing) => "not installed".to_owned(),
            Err(error) => format!("cannot be read: {}", plain(&error)),
        };
        let _ = writeln!(told, "{:<17} {what}", hook.id());
    }
    out::data(told.as_bytes())?;
    Ok(Exit::Nothing)
}

impl Hooks {
    /// Where hooks belong.
    fn find(git: &Git, global: bool, around: &Surroundings) -> Result<Self, Failure> {
        let hooks = Self::find_any(git, global, around)?;
        let scope = git.value(&["config", "--show-scope", "--get", "core.hooksPath"]);
        let scope = scope.map(|scope| scope.to_string_lossy().into_owned()).unwrap_or_default();
        if !global && ["global", "system"].iter().any(|wide| scope.starts_with(wide)) {
            return Err(Failure::new(format!(
                "hooks of this repository are in {}, by core.hooksPath of your configuration for every repository",
                hooks.shown(&around.directory)
            ))
            .hint(
                "add --global to install there; or give this repository its own: git config core.hooksPath .git/hooks",
            ));
        }
        Ok(hooks)
    }

    fn find_any(git: &Git, global: bool, around: &Surroundings) -> Result<Self, Failure> {
        if !global {
            let directory = git.ask(&["rev-parse", "--git-path", "hooks"]).map_err(|failure| {
                failure.hint("run it in the repository that is to have hooks, or install for all: --global")
            })?;
            let directory = super::answer::path(directory.strip_suffix(b"\n").unwrap_or(&directory));
            return Ok(Self { directory: around.directory.join(directory), global, own: false });
        }
        let default = config_home(&around.variables).map(|home| home.join("keyradius").join("hooks"));
        match git.value(&["config", "--global", "--type=path", "--get", "core.hooksPath"]) {
            Some(set) if !set.is_absolute() => Err(Failure::new(format!(
                "core.hooksPath of the global configuration is {}: another directory in each repository",
                printable_path(&set)
            ))
            .hint("run `keyradius hook install` in each repository, without --global")),
            Some(set) => Ok(Self { own: default.is_some_and(|default| default == set), directory: set, global }),
            None => default.map(|directory| Self { directory, global, own: true }).ok_or_else(|| {
                Failure::new("cannot tell where your configuration is").hint("set HOME or XDG_CONFIG_HOME")
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
            // A link that leads nowhere is something all the same.
            Err(error) if error.kind() == io::ErrorKind::NotFound && !exists(&self.directory.join(name)) => {
                Ok(State::Nothing)
            }
            Err(error) => Err(error),
        }
    }

    /// Whether the script there runs keyradius, or only passes on.
    fn checks(&self, hook: HookName) -> bool {
        std::fs::read(self.directory.join(hook.id())).is_ok_and(|script| script != script::pass_on(hook.id()))
    }

    /// Refuses what has no clear way.
    fn check(&self, hook: HookName, here: &Path) -> Result<(), Failure> {
        let name = hook.id();
        let path = self.directory.join(name);
        let before = self.before(name);
        let shown_before = shown(&before, here);
        let refuse = |what: String, hint: String| Err(Failure::new(what).hint(hint));
        match self.state(name).map_err(|error| self.failed("read", &path, &error, here))? {
            State::Nothing if exists(&before) => refuse(
                format!("{shown_before} is there without the hook that runs it"),
                "move it to where it belongs, or delete it; then install again".to_owned(),
            ),
            // What a hook manager wrote anew is no second hook.
            State::Other(script) if exists(&before) && !std::fs::read(&before).is_ok_and(|kept| kept == script) => {
                refuse(
                    format!("two hooks are there that are not keyradius's: {name} and {name}{BEFORE}"),
                    format!("keep one of them in {}, remove {shown_before}, then install again", shown(&path, here)),
                )
            }
            State::Other(script) if asks_its_name(&script) => refuse(
                format!("the hook {} goes by its own name, which chaining would change", shown(&path, here)),
                format!("add the line `keyradius hook {name}` to it, or to what it runs"),
            ),
            State::Nothing | State::Ours | State::Other(_) => Ok(()),
        }
    }

    /// Writes a script, and keeps what was there.
    fn put(&self, name: &str, script: &[u8], here: &Path) -> Result<String, Failure> {
        let path = self.directory.join(name);
        let state = self.state(name).map_err(|error| self.failed("read", &path, &error, here))?;
        if state == State::Ours && std::fs::read(&path).is_ok_and(|there| there == script) && is_executable(&path) {
            return Ok(format!("{name}: already installed\n"));
        }
        let place = Place::at(&path).map_err(|error| self.failed("write", &path, &error, here))?;
        // Written whole before anything is moved.
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
        let kept = if chained { format!("; what was there runs first, as {name}{BEFORE}") } else { String::new() };
        Ok(format!("{name}: installed in {}{kept}\n", self.shown(here)))
    }

    /// A script for a hook that keyradius does not check, where nothing is there.
    fn pass_on(&self, name: &str, here: &Path) -> Result<(), Failure> {
        let path = self.directory.join(name);
        if matches!(self.state(name), Ok(State::Nothing)) {
            write_executable(&path, &script::pass_on(name))
                .map_err(|error| self.failed("write", &path, &error, here))?;
        }
        Ok(())
    }

    /// Removes our script and puts back what was there.
    fn take(&self, name: &str, asked: bool, here: &Path) -> Result<String, Failure> {
        let path = self.directory.join(name);
        let before = self.before(name);
        match self.state(name).map_err(|error| self.failed("read", &path, &error, here))? {
            State::Ours => {}
            State::Other(_) if exists(&before) || asked => {
                let kept =
                    if exists(&before) { format!("; {} is kept too", shown(&before, here)) } else { String::new() };
                return Ok(format!("{name}: the hook there is not keyradius's, so it is left alone{kept}\n"));
            }
            State::Nothing if asked => return Ok(format!("{name}: not installed\n")),
            State::Nothing | State::Other(_) => return Ok(String::new()),
        }
        if exists(&before) {
            std::fs::rename(&before, &path).map_err(|error| self.failed("move", &before, &error, here))?;
            return Ok(format!("{name}: removed; what was there before is back\n"));
        }
        if self.own && asked {
            // In a directory that every repository goes by, nothing would switch their own hook off.
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
            .hint(format!("check {} (core.hooksPath may name it) and its permissions", self.shown(here)))
    }
}

/// Whether a hook asks for its own name, as scripts do that are linked to by many names.
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

/// Whether anything is there, a link that leads nowhere too.
fn exists(path: &Path) -> bool {
    path.symlink_metadata().is_ok()
}

/// `XDG_CONFIG_HOME`, or `.config` at home.
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

/// A script that is ready to be put in its place.
fn executable<'a>(place: &'a Place, script: &[u8]) -> io::Result<Draft<'a>> {
    let mut draft = Draft::new(place, Some(0o755))?;
    draft.write_all(script)?;
    Ok(draft)
}

fn write_executable(path: &Path, script: &[u8]) -> io::Result<()> {
    executable(&Place::at(path)?, script)?.put(Existing::Replace)
}
