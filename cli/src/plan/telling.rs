//! How findings are judged and reported: the settings that `scan` and `judge` share.

use std::path::{Path, PathBuf};

use super::{Clock, Jobs, Lists, Output, clock, color, load_config, open_output};
use crate::allow::AllowList;
use crate::args::{AutoNever, OutArgs, TellArgs};
use crate::choice::{FailOn, Group, Tests, TestsFail};
use crate::config::Config;
use crate::exit::Failure;
use crate::marks::Marks;
use crate::report::look::Look;
use crate::report::{Format, ReportFormat};
use crate::surroundings::Surroundings;

/// How findings are judged and reported.
#[derive(Debug)]
#[allow(clippy::struct_excessive_bools, reason = "independent choices of the user")]
pub(crate) struct Telling {
    /// The current directory.
    pub(crate) directory: PathBuf,
    /// The format of the report.
    pub(crate) format: Format,
    /// Where the report is written.
    pub(crate) output: Output,
    /// The appearance of the human report.
    pub(crate) look: Look,
    /// Which findings make the run fail.
    pub(crate) fail_on: FailOn,
    /// Whether keys for tests make the run fail.
    pub(crate) tests_fail: TestsFail,
    /// Whether unopened files make the run incomplete.
    pub(crate) strict: bool,
    /// Whether the exit code is 0 despite findings.
    pub(crate) exit_zero: bool,
    /// Whether summary and notes are omitted.
    pub(crate) quiet: bool,
    /// The number of threads.
    pub(crate) jobs: Jobs,
    /// Which findings are allowed.
    pub(crate) allow: AllowList,
    /// The user's own lists of known keys.
    pub(crate) lists: Lists,
    /// The times that the report uses.
    pub(crate) clock: Clock,
    /// The files and marks that decide what is allowed or known.
    pub(crate) inputs: Inputs,
}

/// The files and marks that decide what is allowed or known, for the report.
#[derive(Clone, Debug, Default)]
pub(crate) struct Inputs {
    /// The configuration, as typed or relative to the current directory.
    pub(crate) config: Option<PathBuf>,
    /// Whether marks beside keys are obeyed.
    pub(crate) inline_allow: bool,
    /// The user's own lists of known keys, as typed.
    pub(crate) known_keys: Vec<PathBuf>,
    /// The block list of the badkeys project, as typed.
    pub(crate) badkeys_blocklist: Option<PathBuf>,
}

impl Telling {
    /// Combines the arguments with the configuration for the targets. Also returns the configuration, for the settings
    /// that are not about reporting.
    pub(super) fn new(args: TellArgs, targets: &[PathBuf], around: &Surroundings) -> Result<(Self, Config), Failure> {
        let (mut config, config_path) =
            load_config(args.config.as_deref(), args.no_config, targets, &around.directory)?;
        let mut clock = clock(args.reproducible, around)?;
        clock.today = args.today.unwrap_or(clock.today);
        let lists = Lists::read(&args.known_keys, args.badkeys_blocklist.as_deref(), &around.directory)?;
        let quiet = args.out.quiet;
        let (output, look) = output_and_look(args.out, around)?;
        let marks = if args.no_config || args.no_inline_allow || config.inline_allow == Some(false) {
            Marks::Off
        } else {
            Marks::around(&around.directory)
        };
        let inputs = Inputs {
            config: config_path,
            inline_allow: !matches!(marks, Marks::Off),
            known_keys: args.known_keys,
            badkeys_blocklist: args.badkeys_blocklist,
        };
        let telling = Self {
            directory: around.directory.clone(),
            format: args.format,
            output,
            look,
            fail_on: args.fail_on.or(config.fail_on).unwrap_or_default(),
            tests_fail: args.tests_fail,
            strict: args.strict || config.strict,
            exit_zero: args.exit_zero,
            quiet,
            jobs: Jobs::new(args.jobs.or(config.jobs)),
            allow: std::mem::take(&mut config.allow).obeying(marks),
            lists,
            clock,
            inputs,
        };
        Ok((telling, config))
    }
}

/// The destination of the report, and its appearance there.
pub(super) fn output_and_look(args: OutArgs, around: &Surroundings) -> Result<(Output, Look), Failure> {
    let output = open_output(args.output)?;
    let to_terminal = around.stdout_terminal && matches!(output, Output::Stdout);
    let look = Look {
        color: color(args.color, around, to_terminal),
        links: args.hyperlink == AutoNever::Auto && to_terminal && !around.dumb && !around.ci,
        verbose: args.verbose > 0,
        skipped: args.show_skipped,
        public: args.show_public,
        tests: args.tests.unwrap_or(if args.verbose > 0 { Tests::Show } else { Tests::Fold }),
        group: args.group.unwrap_or(if args.verbose > 0 { Group::None } else { Group::Dir }),
        min_severity: args.min_severity.unwrap_or_default(),
        width: around.columns.filter(|_| to_terminal).unwrap_or(100).clamp(60, 120),
    };
    Ok((output, look))
}

/// The checked settings of `judge`.
#[derive(Debug)]
pub(crate) struct JudgePlan {
    /// Files of facts as typed; `-` is standard input.
    pub(crate) facts: Vec<PathBuf>,
    /// Maximum total size of the facts, in bytes.
    pub(crate) max_facts: u64,
    /// How findings are judged and reported.
    pub(crate) telling: Telling,
}

impl JudgePlan {
    /// The plan of a judgement.
    pub(crate) fn new(args: crate::args::JudgeArgs, around: &Surroundings) -> Result<Self, Failure> {
        if args.tell.format == Format::Facts {
            let names: Vec<&str> = ReportFormat::all().map(ReportFormat::name).collect();
            return Err(Failure::new("judge writes reports, not facts")
                .hint(format!("use --format with one of: {}", names.join(", "))));
        }
        if args.facts.iter().filter(|path| *path == Path::new("-")).count() > 1 {
            return Err(Failure::new("standard input is named twice")
                .hint("name `-` once: standard input can be read only once"));
        }
        // Use the configuration of the current directory, as for a scan of it.
        let (telling, _) = Telling::new(args.tell, &[PathBuf::from(".")], around)?;
        Ok(Self { facts: args.facts, max_facts: args.max_facts, telling })
    }
}
