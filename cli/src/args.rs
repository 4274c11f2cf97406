//! The command line as typed. Nothing here reads a file, and no default depends on the machine.

pub(crate) mod explain;
pub(crate) mod hook;
pub(crate) mod hunt;
pub(crate) mod report;
pub(crate) mod rules;

use std::path::{Path, PathBuf};
use std::time::Duration;

use clap::builder::styling::{AnsiColor, Styles};
use clap::{ArgAction, Parser, Subcommand, ValueEnum};
use keyradius_core::budget::Limits;
use keyradius_git::History;

use crate::choice::{self, FailOn, Group, Only, Tests, TestsFail};
use crate::report::Format;
use crate::units;

const STYLES: Styles = Styles::styled()
    .header(AnsiColor::Green.on_default().bold())
    .usage(AnsiColor::Green.on_default().bold())
    .literal(AnsiColor::Cyan.on_default().bold())
    .placeholder(AnsiColor::Cyan.on_default());

const EXAMPLES: &str = "\
Examples:
  keyradius scan                                 every key below the current directory, ranked
  keyradius scan --fail-on signing src deploy    exit 1 only if a signing key was found
  keyradius scan --format sarif -o out.sarif .   a report for code scanning
  git show HEAD:deploy.yaml | keyradius scan -   one file from a pipe
  keyradius explain code_signing                 who trusts such a key, and what to do now

Environment:
  KEYRADIUS_ALLOW_CORE=1   Keep the system's settings for core dumps and debuggers, to debug keyradius itself. By
                           default, both are disabled before any input is opened: a core dump would contain keys
  KEYRADIUS_SANDBOX=off    Run without Landlock and seccomp; `require` exits with an error if the kernel lacks them.
                           `keyradius --version -v` shows which protections are active";

const SCAN_EXAMPLES: &str = "\
Examples:
  keyradius scan --history main..topic
  keyradius scan --fail-on signing src deploy
  keyradius scan --format jsonl /srv | jq -r 'select(.type == \"finding\") | .key.identity'
  keyradius scan --format sarif --output keyradius.sarif --exit-zero .
  kubectl get secrets -A -o yaml | keyradius scan -

Exit codes:
  0    no finding at or above --fail-on
  1    findings at or above --fail-on
  2    wrong usage, or a fatal error
  3    no such finding, but some input could not be read
  130  interrupted; findings up to that point are reported";

const JUDGE_EXAMPLES: &str = "\
Examples:
  keyradius scan --format facts -o web.facts web      on one machine
  keyradius scan --format facts -o ci.facts ci        on another
  keyradius judge web.facts ci.facts                  a key in one, its certificate in the other

Facts contain no secret bytes. Inputs that a scan could not read remain gaps. A truncated file is refused.

Exit codes: those of `scan`.";

/// The command line: a command, or `--version`.
#[derive(Debug, Parser)]
#[command(
    name = "keyradius",
    version,
    disable_version_flag = true,
    override_usage = "keyradius <COMMAND>\n       keyradius --version [--verbose]",
    args_conflicts_with_subcommands = true,
    subcommand_negates_reqs = true,
    about = "Finds leaked signing keys and reports what still trusts them",
    long_about = "Finds private keys, certificates and keystores in any file, archive or encoding. Reports what would \
                  still trust a signature made with them, and lists every other copy of a key.\n\n\
                  keyradius uses no network, executes nothing it finds, and never prints a secret byte.",
    after_help = "`keyradius scan -h` lists the options of a scan.",
    after_long_help = EXAMPLES,
    arg_required_else_help = true,
    disable_help_subcommand = true,
    max_term_width = 100,
    styles = STYLES
)]
pub(crate) struct Args {
    /// Print the version; with `-v` also how this machine confines a scan
    #[arg(short = 'V', long, required = true)]
    pub(crate) version: bool,
    /// With `--version`: show the state of core dumps, Landlock and seccomp, and what this system lacks
    #[arg(short, long)]
    pub(crate) verbose: bool,
    /// The command to run.
    #[command(subcommand)]
    pub(crate) command: Option<Command>,
}

/// The commands.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Find private keys in files, directories and git histories; report each once, ranked
    #[command(after_long_help = SCAN_EXAMPLES)]
    Scan(Box<ScanArgs>),
    /// Join the facts of several scans, and report on them as if they were one scan
    #[command(after_long_help = JUDGE_EXAMPLES)]
    Judge(Box<JudgeArgs>),
    /// Convert a scan report, or compare two reports
    #[command(after_long_help = report::EXAMPLES)]
    Report(Box<report::ReportArgs>),
    /// Find every copy of a key, from any name it goes by
    #[command(after_long_help = hunt::EXAMPLES)]
    Hunt(Box<hunt::HuntArgs>),
    /// Check an evidence directory that `hunt --evidence` wrote
    #[command(subcommand)]
    Evidence(hunt::EvidenceCommand),
    /// Print every name that a key goes by
    #[command(after_long_help = hunt::IDENTIFY_EXAMPLES)]
    Identify(hunt::IdentifyArgs),
    /// Keep keys out of commits and pushes with git hooks
    #[command(subcommand)]
    Hook(hook::HookCommand),
    /// Explain a role, rule, detector or finding, and show its playbook
    #[command(after_long_help = explain::EXAMPLES)]
    Explain(explain::ExplainArgs),
    /// Check your own rules for ordinary secrets, or convert gitleaks rules
    #[command(subcommand)]
    Rules(rules::RulesCommand),
    /// Print the JSON Schema of an output
    Schema {
        /// Output to describe
        #[arg(value_enum, default_value_t = SchemaName::Report)]
        name: SchemaName,
    },
    /// Print a completion script for a shell
    Completions {
        /// Shell to complete for
        shell: clap_complete::Shell,
    },
    /// Print the manual page, or write one page per command into a directory
    Man {
        /// Existing directory to write the pages to
        dir: Option<PathBuf>,
    },
}

/// Outputs that have a schema.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum SchemaName {
    /// `scan --format json`
    Report,
    /// One line of `scan --format facts`
    Facts,
    /// `report diff --format json`
    Diff,
    /// `hunt --format json`
    Hunt,
    /// `manifest.json` of `hunt --evidence`
    Evidence,
    /// `identify --format json`
    Identity,
}

/// When to use an optional part of the output: `auto`, `always` or `never`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub(crate) enum When {
    /// If the output supports it
    #[default]
    Auto,
    /// Always
    Always,
    /// Never
    Never,
}

/// `auto` or `never`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub(crate) enum AutoNever {
    /// On a terminal
    #[default]
    Auto,
    /// Never
    Never,
}

/// Options for judging and reporting findings, shared by `scan` and `judge`.
#[derive(Clone, Debug, Default, clap::Args)]
#[allow(clippy::struct_excessive_bools, reason = "each is one flag of the command line")]
pub(crate) struct TellArgs {
    /// Format of the report
    #[arg(long, value_enum, value_name = "FORMAT", default_value_t, help_heading = "Output")]
    pub(crate) format: Format,
    #[command(flatten)]
    pub(crate) out: OutArgs,
    /// Omit times, so that the same input gives the same bytes; `SOURCE_DATE_EPOCH` sets a fixed time instead
    #[arg(long, hide_short_help = true, help_heading = "Output")]
    pub(crate) reproducible: bool,

    /// Exit 1 for these findings: any, signing, T0..T4, 0.0..10.0 or none [default: any]
    #[arg(long, value_name = "WHAT", value_parser = FailOn::parse, help_heading = "Exit code",
          long_help = FAIL_ON_HELP)]
    pub(crate) fail_on: Option<FailOn>,
    /// Whether keys for tests make the scan fail: `always` or `never` [default: always]
    #[arg(long, value_enum, value_name = "WHEN", default_value_t, hide_short_help = true, hide_possible_values = true,
          hide_default_value = true, help_heading = "Exit code", long_help = TESTS_FAIL_HELP)]
    pub(crate) tests_fail: TestsFail,
    /// Exit 3 also if files of a recognised format were not opened
    #[arg(long, help_heading = "Exit code")]
    pub(crate) strict: bool,
    /// Exit 0 even with findings; still exit 3 if some input could not be read
    #[arg(long, help_heading = "Exit code")]
    pub(crate) exit_zero: bool,

    /// Keys that are known to others: public keys or certificates in PEM, or a list (docs/scan.md)
    #[arg(long, value_name = "FILE", hide_short_help = true, help_heading = "Run")]
    pub(crate) known_keys: Vec<PathBuf>,
    /// Block list of published and weak keys, as published by the badkeys project
    #[arg(long, value_name = "FILE", hide_short_help = true, help_heading = "Run")]
    pub(crate) badkeys_blocklist: Option<PathBuf>,
    /// Date that expiry dates are compared with
    #[arg(long, value_name = "DATE", hide = true)]
    pub(crate) today: Option<jiff::civil::Date>,
    /// Number of threads, at most four per core; 0 means one per core [default: 0]
    #[arg(short, long, value_name = "N", help_heading = "Run")]
    pub(crate) jobs: Option<usize>,
    /// Configuration file [default: keyradius.toml here or above, up to the repository's root]
    #[arg(short, long, value_name = "FILE", conflicts_with = "no_config", help_heading = "Run")]
    pub(crate) config: Option<PathBuf>,
    /// Ignore the configuration and all `keyradius:allow` marks
    #[arg(long, help_heading = "Run")]
    pub(crate) no_config: bool,
    /// Ignore `keyradius:allow` marks beside keys
    #[arg(long, hide_short_help = true, help_heading = "Run")]
    pub(crate) no_inline_allow: bool,
}

/// Options for the destination and appearance of a report, shared by `scan`, `judge` and `report`.
#[derive(Clone, Debug, Default, clap::Args)]
#[allow(clippy::struct_excessive_bools, reason = "each is one flag of the command line")]
pub(crate) struct OutArgs {
    /// Where to write the report [default: standard output]
    #[arg(short, long, value_name = "FILE", help_heading = "Output", long_help = OUTPUT_HELP)]
    pub(crate) output: Option<PathBuf>,
    /// Print only the report: no summary, no notes
    #[arg(short, long, conflicts_with = "verbose", help_heading = "Output")]
    pub(crate) quiet: bool,
    /// Show every place, every name and the full score breakdown of each finding
    #[arg(short, long, action = ArgAction::Count, help_heading = "Output")]
    pub(crate) verbose: u8,
    /// List inputs that could not be read
    #[arg(long, help_heading = "Output")]
    pub(crate) show_skipped: bool,
    /// List certificates and public keys without a matching private key
    #[arg(long, help_heading = "Output")]
    pub(crate) show_public: bool,
    /// Keys for tests: `show` them, `fold` them to one line per directory, or `hide` all but their number
    #[arg(long, value_enum, value_name = "HOW", hide_short_help = true, hide_possible_values = true,
          help_heading = "Output", long_help = TESTS_HELP)]
    pub(crate) tests: Option<Tests>,
    /// Fold keys of the same roles in one `file` or one `dir`, or `none`
    #[arg(long, value_enum, value_name = "BY", hide_short_help = true, hide_possible_values = true,
          help_heading = "Output", long_help = GROUP_HELP)]
    pub(crate) group: Option<Group>,
    /// Show findings of this severity or more, from 0.0 to 10.0; JSON and other formats have all
    #[arg(long, value_name = "N", value_parser = choice::severity, hide_short_help = true, help_heading = "Output",
          long_help = MIN_SEVERITY_HELP)]
    pub(crate) min_severity: Option<i32>,
    /// When to use colour: `auto`, `always` or `never`
    #[arg(
        long,
        value_enum,
        value_name = "WHEN",
        default_value_t,
        hide_possible_values = true,
        hide_default_value = true,
        help_heading = "Output"
    )]
    pub(crate) color: When,
    /// Link file names on terminals that support hyperlinks
    #[arg(long, value_enum, value_name = "WHEN", default_value_t, hide_short_help = true, help_heading = "Output")]
    pub(crate) hyperlink: AutoNever,
}

/// Arguments of `judge`.
#[derive(Clone, Debug, Default, clap::Args)]
pub(crate) struct JudgeArgs {
    /// Facts files written by `scan --format facts`; `-` is standard input
    #[arg(value_name = "FACTS", required = true)]
    pub(crate) facts: Vec<PathBuf>,
    /// Maximum total size of the facts, which are held in memory
    #[arg(long, value_name = "SIZE", value_parser = units::size, default_value = "256MiB", hide_short_help = true,
          help_heading = "Limits")]
    pub(crate) max_facts: u64,

    #[command(flatten)]
    pub(crate) tell: TellArgs,
}

/// Arguments of `scan`.
#[derive(Clone, Debug, Default, clap::Args)]
#[allow(clippy::struct_excessive_bools, reason = "each is one flag of the command line")]
pub(crate) struct ScanArgs {
    /// Files and directories to scan; `-` is standard input [default: .]
    #[arg(value_name = "PATH")]
    pub(crate) paths: Vec<PathBuf>,

    #[command(flatten)]
    pub(crate) tell: TellArgs,
    /// When to show progress on standard error: `auto`, `always` or `never`
    #[arg(long, value_enum, value_name = "WHEN", default_value_t, hide_short_help = true, help_heading = "Output")]
    pub(crate) progress: When,

    /// Part of each git history to scan: all, head, none, A..B or A...B [default: all]
    #[arg(long, value_name = "WHAT", value_parser = History::parse, help_heading = "Scan", long_help = HISTORY_HELP)]
    pub(crate) history: Option<History>,
    /// Scan only commits made since this date or age, such as 2026-01-31 or 90d
    #[arg(long, value_name = "WHEN", value_parser = units::Since::parse, help_heading = "Scan")]
    pub(crate) since: Option<units::Since>,
    /// Rebuild every git object before searching it: slow, for comparison only
    #[arg(long, hide = true)]
    pub(crate) no_delta_shortcut: bool,
    /// Report only this kind: `signing` searches for keys, not for ordinary secrets
    #[arg(long, value_enum, value_name = "WHAT", hide_short_help = true, help_heading = "Scan")]
    pub(crate) only: Option<Only>,
    /// Do not try passwords on locked keystores
    #[arg(long, hide_short_help = true, help_heading = "Scan")]
    pub(crate) no_passwords: bool,
    /// Do not enter other file systems below a path
    #[arg(long, help_heading = "Scan")]
    pub(crate) one_file_system: bool,

    /// Key for the digests of ordinary secrets in facts, so that `judge` can join facts made with the same key: a file
    /// of 32 bytes or more that only you can read
    #[arg(long, value_name = "FILE", hide_short_help = true, help_heading = "Scan")]
    pub(crate) join_key: Option<PathBuf>,

    #[command(flatten)]
    pub(crate) limits: LimitArgs,
}

/// Options for the limits of a scan; `None` where nothing was typed.
#[derive(Clone, Copy, Debug, Default, clap::Args)]
pub(crate) struct LimitArgs {
    /// Maximum size of a file to read, such as 64MiB [default: none]
    #[arg(long, value_name = "SIZE", value_parser = units::size, hide_short_help = true, help_heading = "Limits")]
    pub(crate) max_file_size: Option<u64>,
    /// Maximum bytes to unpack from one file [default: 64GiB, and 256MiB from text encodings]
    #[arg(long, value_name = "SIZE", value_parser = units::size, hide_short_help = true, help_heading = "Limits")]
    pub(crate) max_expanded: Option<u64>,
    /// Maximum ratio of unpacked size to file size, for files of more than 4MiB [default: 250]
    #[arg(long, value_name = "N", hide_short_help = true, help_heading = "Limits")]
    pub(crate) max_ratio: Option<u64>,
    /// Maximum number of archive members to read from one file [default: 5000000]
    #[arg(long, value_name = "N", hide_short_help = true, help_heading = "Limits")]
    pub(crate) max_members: Option<u64>,
    /// Maximum memory for the archives in one file [default: 160MiB]
    #[arg(long, value_name = "SIZE", value_parser = units::size, hide_short_help = true, help_heading = "Limits")]
    pub(crate) max_held: Option<u64>,
    /// Maximum depth of nested archives and encodings [default: 12]
    #[arg(long, value_name = "N", hide_short_help = true, help_heading = "Limits")]
    pub(crate) max_depth: Option<u32>,
    /// Maximum time to examine the matches in one file, such as 500ms or 2m [default: 60s]
    #[arg(long, value_name = "TIME", value_parser = units::duration, hide_short_help = true, help_heading = "Limits")]
    pub(crate) timeout_per_file: Option<Duration>,
    /// Maximum time to unpack one file [default: 15m]
    #[arg(long, value_name = "TIME", value_parser = units::duration, hide_short_help = true, help_heading = "Limits")]
    pub(crate) timeout_per_archive: Option<Duration>,
    /// Maximum work to open locked keystores, in nominal time of one core: counted, not timed [default: 20s]
    #[arg(long, value_name = "TIME", value_parser = units::duration, hide_short_help = true, help_heading = "Limits")]
    pub(crate) max_password_work: Option<Duration>,
}

impl LimitArgs {
    /// The limits of a run: the typed value, else that of the configuration, else the default.
    pub(crate) fn over(self, config: &Self) -> Limits {
        let default = Limits::default();
        let expanded = self.max_expanded.or(config.max_expanded);
        Limits {
            max_bytes: self.max_file_size.or(config.max_file_size).unwrap_or(default.max_bytes),
            max_expanded: expanded.unwrap_or(default.max_expanded),
            max_unpacked: expanded.unwrap_or(default.max_unpacked),
            max_ratio: self.max_ratio.or(config.max_ratio).unwrap_or(default.max_ratio),
            max_entries: self.max_members.or(config.max_members).unwrap_or(default.max_entries),
            max_held: self.max_held.or(config.max_held).unwrap_or(default.max_held),
            max_depth: self.max_depth.or(config.max_depth).unwrap_or(default.max_depth),
            max_time: self.timeout_per_file.or(config.timeout_per_file).unwrap_or(default.max_time),
            max_unpack_time: self.timeout_per_archive.or(config.timeout_per_archive).unwrap_or(default.max_unpack_time),
            max_password_work: self
                .max_password_work
                .or(config.max_password_work)
                .map_or(default.max_password_work, |time| u64::try_from(time.as_nanos()).unwrap_or(u64::MAX)),
            ..default
        }
    }
}

/// Whether a path is `-`, which means standard input.
pub(crate) fn is_stdin(target: &Path) -> bool {
    target.as_os_str() == "-"
}

const OUTPUT_HELP: &str = "\
Where to write the report [default: standard output]. The report is written to a new file in the same directory and \
renamed when complete, so a full disk or a killed process leaves the old report unchanged. An existing file keeps its \
permissions; a new file gets those of the umask. Pipes and devices are written directly. A symbolic link is refused: \
name the file that it points to.";

const HISTORY_HELP: &str = "\
Part of each git history to scan, in addition to the files of the work tree [default: all]:
  all    every stored object: all branches, stashes, amended and dropped commits, loose and packed
  head   the files of the current commit
  none   no history: files only
  A..B   commits reachable from B but not from A, such as main..topic, v1.0.. or @{upstream}..
  A...B  commits reachable from B but not from the merge base of A and B
A and B are git revisions (see gitrevisions). With --since, commits must satisfy both options.";

const TESTS_HELP: &str = "\
How keys for tests are shown in the report for a person [default: fold; show with -v]:
  show  like other keys, in a section of their own
  fold  one line for each directory
  hide  only their number, in the summary
A key is for tests if all its places are ones for tests and its names, or the lines that use it, say so as well. The \
report gives the reason. What makes the scan fail does not depend on this option.";

const TESTS_FAIL_HELP: &str = "\
Whether keys for tests make the scan fail [default: always]:
  always  like other keys; a severity for --fail-on is compared with the one that they have without the limit for tests
  never   only with --fail-on any";

const GROUP_HELP: &str = "\
Which keys are folded to one line in the report for a person [default: dir; none with -v]:
  file  keys of the same roles in one file, after the first three
  dir   keys of the same roles in one directory, after the first three
  none  no keys
Of a file in a git history, only the keys of one version are shown. Other formats list all keys.";

const MIN_SEVERITY_HELP: &str = "\
Show findings of this severity or more in the report for a person, from 0.0 to 10.0. The others are counted at the end.
Exit status, counts and all other formats are the same as without this option.";

const FAIL_ON_HELP: &str = "\
Exit 1 for these findings [default: any]:
  none       no findings
  any        findings of severity 2.0 or more, with ordinary secrets that still open something; findings
             below 2.0 are notes, such as published test keys
  signing    keys whose role is to sign things that others trust
  T0 to T4   keys of this tier or a wider one; ordinary secrets have no tier
  0.0..10.0  findings of this severity or more, including notes. Ordinary secrets have 5.5 if they publish
             packages, 4.5 for accounts, 3.5 for services, 2.5 for passwords, and 1.0 if they open nothing
             by themselves";
