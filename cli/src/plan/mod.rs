//! Combines arguments, configuration and environment into a plan. This is the last step that can fail before work
//! begins.

mod lists;
mod report;
mod search;
mod telling;

use std::path::{Path, PathBuf};
use std::sync::Arc;

use jiff::Timestamp;
use jiff::civil::Date;
use keyradius_core::blob::printable_path;
use keyradius_core::budget::Limits;
use keyradius_core::secret::Secret;
use keyradius_detectors::facts::{JoinKey, Reading};
use keyradius_git::{History, Selection};

use crate::args::{ScanArgs, When, is_stdin};
use crate::config::{self, Config};
use crate::draft::Target;
use crate::exit::{Failure, plain};
use crate::moment;
use crate::revisions::Libgit2;
use crate::surroundings::Surroundings;
use crate::units::Since;

pub(crate) use lists::Lists;
pub(crate) use report::{DiffPlan, ReportPlan};
pub(crate) use search::Search;
pub(crate) use telling::{Inputs, JudgePlan, Telling};

/// The checked settings of a scan.
#[derive(Debug)]
pub(crate) struct Plan {
    /// Targets as typed, including `-`.
    pub(crate) targets: Vec<PathBuf>,
    /// Whether progress is shown.
    pub(crate) progress: bool,
    /// Limits of the engine.
    pub(crate) limits: Limits,
    /// What is read of the targets, in words.
    pub(crate) reading: Reading,
    /// Whether other file systems below a target are skipped.
    pub(crate) one_file_system: bool,
    /// Which part of each git history is read, and how.
    pub(crate) git: keyradius_git::Options,
    /// Directories above which no repository is searched for, as in git (`GIT_CEILING_DIRECTORIES`, git(1)).
    pub(crate) ceilings: Vec<PathBuf>,
    /// The option that requested a history, such as `--since`; `None` if no option did.
    pub(crate) asked: Option<&'static str>,
    /// What is searched for.
    pub(crate) search: Search,
    /// Whether passwords are tried on locked keystores.
    pub(crate) passwords: bool,
    /// Passwords of the operator, tried on every locked container.
    pub(crate) given: Vec<Secret<Vec<u8>>>,
    /// The key for digests of ordinary secrets, if they are compared with those of other scans.
    pub(crate) join_key: Option<JoinKey>,
    /// How findings are judged and reported.
    pub(crate) telling: Telling,
}

/// Where the report goes.
#[derive(Debug)]
pub(crate) enum Output {
    /// Standard output.
    Stdout,
    /// The file that the user named, not yet changed.
    Target(Target),
}

/// The times that the report uses.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Clock {
    /// When the scan began.
    pub(crate) started: Timestamp,
    /// Whether the clock is frozen, so that the scan ends when it began.
    pub(crate) frozen: bool,
    /// The day that expiry dates are compared with.
    pub(crate) today: Date,
}

impl Plan {
    /// The plan of a scan.
    pub(crate) fn new(args: ScanArgs, around: &Surroundings) -> Result<Self, Failure> {
        let targets = if args.paths.is_empty() { vec![PathBuf::from(".")] } else { args.paths };
        for target in &targets {
            check_target(target, &around.directory)?;
        }
        let quiet = args.tell.out.quiet;
        let (telling, config) = Telling::new(args.tell, &targets, around)?;
        let join_key = args.join_key.as_deref().map(|path| join_key(path, &around.directory)).transpose()?;
        let one_file_system = args.one_file_system || config.one_file_system;
        Ok(Self {
            targets,
            progress: !quiet
                && match args.progress {
                    When::Always => true,
                    When::Never => false,
                    When::Auto => around.stderr_terminal && !around.ci && !around.dumb,
                },
            limits: args.limits.over(&config.limits),
            reading: Reading {
                history: args.history.clone().unwrap_or_default().to_string(),
                since: args.since.map(Since::text),
                only: args.only.map(|only| only.name().to_owned()),
                one_file_system,
            },
            one_file_system,
            ceilings: around
                .variables
                .get("GIT_CEILING_DIRECTORIES")
                .map(std::env::split_paths)
                .into_iter()
                .flatten()
                .collect(),
            asked: match (&args.since, &args.history) {
                (Some(_), _) => Some("--since"),
                (None, Some(History::None) | None) => None,
                (None, Some(_)) => Some("--history"),
            },
            git: keyradius_git::Options {
                selection: Selection {
                    since: args.since.as_ref().map(|since| since.seconds(around.now)),
                    history: args.history.unwrap_or_default(),
                },
                shortcut: !args.no_delta_shortcut,
                revisions: Some(Arc::new(Libgit2)),
            },
            search: Search::new(args.only, &config.rules)?,
            passwords: !args.no_passwords,
            given: Vec::new(),
            join_key,
            telling,
        })
    }
}

/// Reads the join key. Fails if others can read the file: whoever has the key can test guesses on every digest made
/// with it.
fn join_key(path: &Path, here: &Path) -> Result<JoinKey, Failure> {
    let shown = printable_path(path);
    let file = here.join(path);
    let bytes = std::fs::read(&file).map_err(|error| {
        Failure::new(format!("cannot read --join-key {shown}: {}", plain(&error)))
            .hint("create a key once: `(umask 077; openssl rand -hex 32 > join.key)`")
    })?;
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        let open = std::fs::metadata(&file).is_ok_and(|meta| meta.permissions().mode() & 0o077 != 0);
        if open {
            return Err(Failure::new(format!("--join-key {shown} can be read by others"))
                .hint(format!("run `chmod 600 {shown}`; create a new key if somebody may have read it")));
        }
    }
    JoinKey::new(bytes.trim_ascii()).ok_or_else(|| {
        Failure::new(format!("--join-key {shown} is shorter than {} bytes", JoinKey::SHORTEST))
            .hint("create a key once: `(umask 077; openssl rand -hex 32 > join.key)`")
    })
}

/// Fails if a target does not exist, so that the mistake is reported before the work and not after it.
fn check_target(target: &Path, directory: &Path) -> Result<(), Failure> {
    if is_stdin(target) {
        return Ok(());
    }
    std::fs::symlink_metadata(directory.join(target)).map(drop).map_err(|error| {
        Failure::new(format!("cannot scan {}: {}", printable_path(target), plain(&error)))
            .hint("name files or directories that exist, or `-` for standard input")
    })
}

/// Reads the configuration. Also returns its path: as typed, or relative to `here`.
fn load_config(
    named: Option<&Path>,
    no_config: bool,
    targets: &[PathBuf],
    here: &Path,
) -> Result<(Config, Option<PathBuf>), Failure> {
    if no_config {
        return Ok((Config::default(), None));
    }
    match named {
        Some(path) => Ok((Config::read(&here.join(path), path, true)?, Some(path.to_owned()))),
        None => match config::find(here, targets) {
            Some(path) => {
                let config = Config::read(&path, path.strip_prefix(here).unwrap_or(&path), false)?;
                Ok((config, Some(from_here(&path, here))))
            }
            None => Ok((Config::default(), None)),
        },
    }
}

/// The path of a file in `here` or above it, relative to `here`: the same on every machine.
fn from_here(path: &Path, here: &Path) -> PathBuf {
    let (Some(directory), Some(name)) = (path.parent(), path.file_name()) else { return path.to_owned() };
    let Ok(below) = here.strip_prefix(directory) else { return path.to_owned() };
    let ups = below.components().map(|_| "..");
    ups.collect::<PathBuf>().join(name)
}

/// The clock of a run. `SOURCE_DATE_EPOCH` freezes it at that time, `--reproducible` alone at the start of 1970.
fn clock(reproducible: bool, around: &Surroundings) -> Result<Clock, Failure> {
    let Some(epoch) = &around.source_date_epoch else {
        let started = if reproducible { Timestamp::UNIX_EPOCH } else { around.now };
        return Ok(Clock { started, frozen: reproducible, today: moment::day(around.now.as_second()) });
    };
    let started = epoch.parse().ok().and_then(|seconds| Timestamp::from_second(seconds).ok());
    match started {
        Some(started) => Ok(Clock { started, frozen: true, today: moment::day(started.as_second()) }),
        None => {
            Err(Failure::new("SOURCE_DATE_EPOCH is not a number of seconds since 1970").hint("correct it or unset it"))
        }
    }
}

impl Clock {
    /// The last second of today, in seconds since 1970: what expires today has not expired yet.
    pub(crate) fn now(&self) -> i64 {
        moment::end_of(self.today)
    }
}

/// Opens the output before the work begins, so that a long scan does not fail at its end because of a mistyped path.
fn open_output(path: Option<PathBuf>) -> Result<Output, Failure> {
    match path.filter(|path| !is_stdin(path)) {
        Some(path) => Target::open(path).map(Output::Target),
        None => Ok(Output::Stdout),
    }
}

/// Whether colours are used: decided by the flag, then `NO_COLOR`, then `CLICOLOR_FORCE` and `FORCE_COLOR`, then the
/// terminal.
fn color(when: When, around: &Surroundings, to_terminal: bool) -> bool {
    match when {
        When::Always => true,
        When::Never => false,
        When::Auto if around.no_color => false,
        When::Auto => around.force_color || (to_terminal && !around.dumb),
    }
}

/// The number of threads.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Jobs {
    /// The number of threads that run, at least one.
    pub(crate) count: usize,
    /// The number that was requested, if it exceeds the maximum.
    pub(crate) asked: Option<usize>,
}

impl Jobs {
    /// Maximum number of threads on any machine: each may hold 64 MiB.
    const MOST: usize = 256;

    /// Maximum number of threads per core. A few more threads than cores help while a disk is slow; more wait for each
    /// other.
    const PER_CORE: usize = 4;

    /// The requested number of threads up to the maximum, or one per core if `asked` is `None` or 0.
    pub(crate) fn new(asked: Option<usize>) -> Self {
        let cores = std::thread::available_parallelism().map_or(1, Into::into);
        Self::on(cores, asked)
    }

    fn on(cores: usize, asked: Option<usize>) -> Self {
        let asked = asked.filter(|jobs| *jobs > 0).unwrap_or(cores);
        // Eight are allowed on any machine, for tests and scripts that request a fixed number.
        let most = cores.saturating_mul(Self::PER_CORE).clamp(8, Self::MOST);
        Self { count: asked.min(most), asked: (asked > most).then_some(asked) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::args::{OutArgs, TellArgs};

    #[test]
    fn colour_depends_on_flag_then_environment_then_terminal() {
        let plain = Surroundings::default();
        let no = Surroundings { no_color: true, ..plain.clone() };
        let force = Surroundings { force_color: true, ..plain.clone() };
        let both = Surroundings { no_color: true, force_color: true, ..plain.clone() };
        let dumb = Surroundings { dumb: true, ..plain.clone() };
        for (name, when, around, terminal, colour) in [
            ("plain pipe", When::Auto, &plain, false, false),
            ("plain terminal", When::Auto, &plain, true, true),
            ("NO_COLOR", When::Auto, &no, true, false),
            ("forced", When::Auto, &force, false, true),
            ("NO_COLOR beats force", When::Auto, &both, true, false),
            ("dumb", When::Auto, &dumb, true, false),
            ("flag beats NO_COLOR", When::Always, &no, false, true),
            ("flag beats force", When::Never, &force, true, false),
        ] {
            assert_eq!(color(when, around, terminal), colour, "{name}");
        }
    }

    #[test]
    fn the_number_of_threads_is_limited() {
        for (cores, asked, count) in [
            (4, None, 4),
            (4, Some(0), 4),
            (4, Some(3), 3),
            (4, Some(16), 16),
            (4, Some(1000), 16),
            (1, Some(8), 8),
            (1, Some(9), 8),
            (512, Some(1000), 256),
            (512, None, 256),
        ] {
            let jobs = Jobs::on(cores, asked);
            let capped = asked.filter(|asked| *asked > count).or((cores > count && asked.is_none()).then_some(cores));
            assert_eq!(jobs, Jobs { count, asked: capped }, "{asked:?} on {cores}");
        }
    }

    #[test]
    fn progress_is_shown_on_terminals_outside_of_ci() {
        let tell = TellArgs { no_config: true, ..TellArgs::default() };
        let directory = std::env::temp_dir();
        for (terminal, ci, progress, quiet, shown) in [
            (true, false, When::Auto, false, true),
            (true, true, When::Auto, false, false),
            (false, false, When::Auto, false, false),
            (false, true, When::Always, false, true),
            (true, false, When::Never, false, false),
            (true, false, When::Auto, true, false),
        ] {
            let around =
                Surroundings { stderr_terminal: terminal, ci, directory: directory.clone(), ..Default::default() };
            let args = ScanArgs {
                progress,
                tell: TellArgs { out: OutArgs { quiet, ..OutArgs::default() }, ..tell.clone() },
                ..ScanArgs::default()
            };
            let plan = Plan::new(args, &around).expect("a plan");
            assert_eq!(plan.progress, shown, "terminal {terminal} ci {ci} {progress:?} quiet {quiet}");
        }
    }

    #[test]
    fn configurations_above_are_named_relative_to_the_directory() {
        for (path, shown) in [
            ("/a/b/keyradius.toml", "keyradius.toml"),
            ("/a/keyradius.toml", "../keyradius.toml"),
            ("/keyradius.toml", "../../keyradius.toml"),
            ("/c/keyradius.toml", "/c/keyradius.toml"),
        ] {
            assert_eq!(from_here(Path::new(path), Path::new("/a/b")), Path::new(shown));
        }
    }

    #[test]
    fn the_clock_can_be_frozen() {
        let mut around = Surroundings::default();
        assert!(!clock(false, &around).expect("a clock").frozen);
        assert_eq!(clock(true, &around).expect("a clock").started.as_second(), 0);
        around.source_date_epoch = Some("1700000000".into());
        assert_eq!(clock(false, &around).expect("a clock").started.as_second(), 1_700_000_000);
        around.source_date_epoch = Some("yesterday".into());
        assert!(clock(false, &around).is_err());
    }

    #[test]
    fn a_missing_target_is_reported_with_a_hint() {
        let tell = TellArgs { no_config: true, ..TellArgs::default() };
        let around = Surroundings { directory: std::env::temp_dir(), ..Default::default() };
        let args = ScanArgs { paths: vec!["no such place".into()], tell, ..ScanArgs::default() };
        let failure = Plan::new(args, &around).expect_err("must fail").to_string();
        assert!(failure.starts_with("error: cannot scan no such place: no such file"), "{failure}");
        assert!(failure.contains("\nhint: "), "{failure}");
    }
}
