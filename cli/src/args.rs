//! What was typed, and nothing else: no default that depends on the machine, no file is touched here.

pub(crate) mod explain;
pub(crate) mod hook;
pub(crate) mod report;
pub(crate) mod rules;

use std::path::{Path, PathBuf};
use std::time::Duration;

use clap::builder::styling::{AnsiColor, Styles};
use clap::{ArgAction, Parser, Subcommand, ValueEnum};
use keyradius_core::budget::Limits;
use keyradius_git::History;

use crate::choice::{FailOn, Format, Only};
use crate::units;

const STYLES: Styles = Styles::styled()
    .header(AnsiColor::Green.on_default().bold())
    .usage(AnsiColor::Green.on_default().bold())
    .literal(AnsiColor::Cyan.on_default().bold())
    .placeholder(AnsiColor::Cyan.on_default());

const EXAMPLES: &str = "\
Examples:
  keyradius scan                                 every key below the current directory, ranked
  keyradius scan --fail-on signing src deploy    fail only if a key that signs was found
  keyradius scan --format sarif -o out.sarif .   for code scanning
  git show HEAD:deploy.yaml | keyradius scan -   one file from a pipe
  keyradius explain code_signing                 who believes such a key, and what to do now

Environment:
  KEYRADIUS_ALLOW_CORE=1   leaves core dumps and debuggers as the system has them, to debug keyradius itself. Without
                           it, both are off before the first input is opened: a dump would contain keys
  KEYRADIUS_SANDBOX=off    runs without Landlock and seccomp; `require` ends with an error where the kernel lacks them.
                           `keyradius --version -v` shows what holds";

const SCAN_EXAMPLES: &str = "\
Examples:
  keyradius scan --history main..topic
  keyradius scan --fail-on signing src deploy
  keyradius scan --format jsonl /srv | jq -r 'select(.type == \"finding\") | .key.identity'
  keyradius scan --format sarif --output keyradius.sarif --exit-zero .
  kubectl get secrets -A -o yaml | keyradius scan -

Exit codes:
  0    nothing at or above --fail-on
  1    findings
  2    wrong usage, or a fatal error
  3    nothing found, but not everything could be read
  130  interrupted; what was found until then is reported";

const JUDGE_EXAMPLES: &str = "\
Examples:
  keyradius scan --format facts -o web.facts web      on one machine
  keyradius scan --format facts -o ci.facts ci        on another
  keyradius judge web.facts ci.facts                  a key in one, its certificate in the other

Facts hold no secret byte. What was not read when they were made stays a gap, and a file that was cut off is refused.

Exit codes: those of `scan`.";

/// Finds private keys wherever they lie and says what would still believe them.
#[derive(Debug, Parser)]
#[command(
    name = "keyradius",
    version,
    disable_version_flag = true,
    override_usage = "keyradius <COMMAND>\n       keyradius --version [--verbose]",
    args_conflicts_with_subcommands = true,
    subcommand_negates_reqs = true,
    about = "Finds leaked signing keys and says what would still believe them",
    long_about = "Finds private keys, certificates and keystores wherever they have sprawled, says what would still \
                  believe a signature made with them, and lists every other copy of a key, in any encoding.\n\n\
                  No network. Nothing that is found is executed, and no secret byte is ever printed.",
    after_help = "`keyradius scan -h` lists the options of a scan.",
    after_long_help = EXAMPLES,
    arg_required_else_help = true,
    disable_help_subcommand = true,
    max_term_width = 100,
    styles = STYLES
)]
pub(crate) struct Args {
    /// Print the version; with `-v` also how a scan is confined on this machine
    #[arg(short = 'V', long, required = true)]
    pub(crate) version: bool,
    /// With `--version`: core dumps, Landlock and seccomp, and what this system lacks of them
    #[arg(short, long)]
    pub(crate) verbose: bool,
    /// What to do.
    #[command(subcommand)]
    pub(crate) command: Option<Command>,
}

/// The commands.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Find every private key in files, directories and git histories, each once, ranked
    #[command(after_long_help = SCAN_EXAMPLES)]
    Scan(Box<ScanArgs>),
    /// Join the facts of other scans, and report on all of them as if one scan had found them
    #[command(after_long_help = JUDGE_EXAMPLES)]
    Judge(Box<JudgeArgs>),
    /// Convert a report of a scan, or compare two
    #[command(after_long_help = report::EXAMPLES)]
    Report(Box<report::ReportArgs>),
    /// Keep keys out of commits and pushes: the hooks of git
    #[command(subcommand)]
    Hook(hook::HookCommand),
    /// Explain a role, a rule, a detector or a finding: what it means, and the playbook
    #[command(after_long_help = explain::EXAMPLES)]
    Explain(explain::ExplainArgs),
    /// Rules of your own for ordinary secrets: check them, or convert those of gitleaks
    #[command(subcommand)]
    Rules(rules::RulesCommand),
    /// Print the JSON Schema of an output
    Schema {
        /// Which output
        #[arg(value_enum, default_value_t = SchemaName::Report)]
        name: SchemaName,
    },
    /// Print a completion script for a shell
    Completions {
        /// Which shell
        shell: clap_complete::Shell,
    },
    /// Print the manual page, or write one page per command into a directory
    Man {
        /// Where to write the pages
        dir: Option<PathBuf>,
    },
}

/// Outputs that have a schema.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum SchemaName {
    /// `scan --format json`
    Report,
    /// A line of `scan --format facts`
    Facts,
    /// `report diff --format json`
    Diff,
}

/// `auto`, `always` or `never`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub(crate) enum When {
    /// If it makes sense where the output goes
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

/// How findings are judged and told: for `scan` and `judge`.
#[derive(Clone, Debug, Default, clap::Args)]
#[allow(clippy::struct_excessive_bools, reason = "each is one flag of the command line")]
pub(crate) struct TellArgs {
    /// How to report
    #[arg(long, value_enum, value_name = "FORMAT", default_value_t, help_heading = "Output")]
    pub(crate) format: Format,
    #[command(flatten)]
    pub(crate) out: OutArgs,
    /// Leave out times, so that equal input gives equal bytes; `SOURCE_DATE_EPOCH` does so too
    #[arg(long, hide_short_help = true, help_heading = "Output")]
    pub(crate) reproducible: bool,

    /// What makes the exit code 1: any, signing, T0..T4, 0.0..10.0 or none [default: any]
    #[arg(long, value_name = "WHAT", value_parser = FailOn::parse, help_heading = "Exit code",
          long_help = FAIL_ON_HELP)]
    pub(crate) fail_on: Option<FailOn>,
    /// Also exit 3 if files of a known format could not be opened
    #[arg(long, help_heading = "Exit code")]
    pub(crate) strict: bool,
    /// Exit 0 whatever was found; 3 if not everything could be read
    #[arg(long, help_heading = "Exit code")]
    pub(crate) exit_zero: bool,

    /// Keys that many people have, beside the built-in list: the format of `detectors/judgement/data/known-keys.tsv`
    #[arg(long, value_name = "FILE", hide_short_help = true, help_heading = "Run")]
    pub(crate) known_keys: Vec<PathBuf>,
    /// A block list of published and weak keys, as the badkeys project publishes it
    #[arg(long, value_name = "FILE", hide_short_help = true, help_heading = "Run")]
    pub(crate) badkeys_blocklist: Option<PathBuf>,
    /// The day that expiries are measured against
    #[arg(long, value_name = "DATE", hide = true)]
    pub(crate) today: Option<jiff::civil::Date>,
    /// Threads; 0 means one per core, and at most four per core are made [default: 0]
    #[arg(short, long, value_name = "N", help_heading = "Run")]
    pub(crate) jobs: Option<usize>,
    /// Configuration [default: keyradius.toml here or above, up to the repository's root]
    #[arg(short, long, value_name = "FILE", conflicts_with = "no_config", help_heading = "Run")]
    pub(crate) config: Option<PathBuf>,
    /// Read no configuration, and obey no `keyradius:allow` marks
    #[arg(long, help_heading = "Run")]
    pub(crate) no_config: bool,
    /// Obey no `keyradius:allow` marks beside keys
    #[arg(long, hide_short_help = true, help_heading = "Run")]
    pub(crate) no_inline_allow: bool,
}

/// Where a report goes and how it looks: for `scan`, `judge` and `report`.
#[derive(Clone, Debug, Default, clap::Args)]
#[allow(clippy::struct_excessive_bools, reason = "each is one flag of the command line")]
pub(crate) struct OutArgs {
    /// Where to write the report [default: standard output]
    #[arg(short, long, value_name = "FILE", help_heading = "Output", long_help = OUTPUT_HELP)]
    pub(crate) output: Option<PathBuf>,
    /// Print the report only: no summary, no notices
    #[arg(short, long, conflicts_with = "verbose", help_heading = "Output")]
    pub(crate) quiet: bool,
    /// Every place, every name and the whole ledger of each finding
    #[arg(short, long, action = ArgAction::Count, help_heading = "Output")]
    pub(crate) verbose: u8,
    /// List what could not be read
    #[arg(long, help_heading = "Output")]
    pub(crate) show_skipped: bool,
    /// List certificates and public keys that belong to no private key found
    #[arg(long, help_heading = "Output")]
    pub(crate) show_public: bool,
    /// Colour: `auto`, `always` or `never`
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
    /// Links to files on terminals that can follow them
    #[arg(long, value_enum, value_name = "WHEN", default_value_t, hide_short_help = true, help_heading = "Output")]
    pub(crate) hyperlink: AutoNever,
}

/// What was typed after `judge`.
#[derive(Clone, Debug, Default, clap::Args)]
pub(crate) struct JudgeArgs {
    /// Facts, as `scan --format facts` writes them; `-` is standard input
    #[arg(value_name = "FACTS", required = true)]
    pub(crate) facts: Vec<PathBuf>,
    /// Most bytes of facts to read in all: they are held in memory
    #[arg(long, value_name = "SIZE", value_parser = units::size, default_value = "256MiB", hide_short_help = true,
          help_heading = "Limits")]
    pub(crate) max_facts: u64,

    #[command(flatten)]
    pub(crate) tell: TellArgs,
}

/// What was typed after `scan`.
#[derive(Clone, Debug, Default, clap::Args)]
#[allow(clippy::struct_excessive_bools, reason = "each is one flag of the command line")]
pub(crate) struct ScanArgs {
    /// Files and directories; `-` is standard input [default: .]
    #[arg(value_name = "PATH")]
    pub(crate) paths: Vec<PathBuf>,

    #[command(flatten)]
    pub(crate) tell: TellArgs,
    /// Progress on standard error: `auto`, `always` or `never`
    #[arg(long, value_enum, value_name = "WHEN", default_value_t, hide_short_help = true, help_heading = "Output")]
    pub(crate) progress: When,

    /// Which part of each git history: all, head, none, or the commits A..B or A...B [default: all]
    #[arg(long, value_name = "WHAT", value_parser = History::parse, help_heading = "Scan", long_help = HISTORY_HELP)]
    pub(crate) history: Option<History>,
    /// Only commits made since then, such as 2026-01-31 or 90d
    #[arg(long, value_name = "WHEN", value_parser = units::Since::parse, help_heading = "Scan")]
    pub(crate) since: Option<units::Since>,
    /// Build every git object before it is looked at: slow, and for comparison only
    #[arg(long, hide = true)]
    pub(crate) no_delta_shortcut: bool,
    /// Leave out what is not of this kind: `signing` looks for keys alone, and for no ordinary secret
    #[arg(long, value_enum, value_name = "WHAT", hide_short_help = true, help_heading = "Scan")]
    pub(crate) only: Option<Only>,
    /// Try no passwords on locked keystores
    #[arg(long, hide_short_help = true, help_heading = "Scan")]
    pub(crate) no_passwords: bool,
    /// Stay on the file system of each path
    #[arg(long, help_heading = "Scan")]
    pub(crate) one_file_system: bool,

    /// What the digests of ordinary secrets in facts are made with, for those who join them: a file of 32 bytes or more that
    /// nobody else may read
    #[arg(long, value_name = "FILE", hide_short_help = true, help_heading = "Scan")]
    pub(crate) join_key: Option<PathBuf>,

    #[command(flatten)]
    pub(crate) limits: LimitArgs,
}

/// Limits as they were typed.
#[derive(Clone, Copy, Debug, Default, clap::Args)]
pub(crate) struct LimitArgs {
    /// Largest file to read, such as 64MiB [default: none]
    #[arg(long, value_name = "SIZE", value_parser = units::size, hide_short_help = true, help_heading = "Limits")]
    pub(crate) max_file_size: Option<u64>,
    /// Most bytes to unpack from one file [default: 64GiB, and 256MiB of text encodings]
    #[arg(long, value_name = "SIZE", value_parser = units::size, hide_short_help = true, help_heading = "Limits")]
    pub(crate) max_expanded: Option<u64>,
    /// How many times its size to unpack from one file of more than 4MiB [default: 250]
    #[arg(long, value_name = "N", hide_short_help = true, help_heading = "Limits")]
    pub(crate) max_ratio: Option<u64>,
    /// Most members to read of the archives in one file [default: 5000000]
    #[arg(long, value_name = "N", hide_short_help = true, help_heading = "Limits")]
    pub(crate) max_members: Option<u64>,
    /// Most memory for what has to be held of the archives in one file [default: 160MiB]
    #[arg(long, value_name = "SIZE", value_parser = units::size, hide_short_help = true, help_heading = "Limits")]
    pub(crate) max_held: Option<u64>,
    /// How many wrappers deep to look [default: 12]
    #[arg(long, value_name = "N", hide_short_help = true, help_heading = "Limits")]
    pub(crate) max_depth: Option<u32>,
    /// Longest time for the matches of one file, such as 500ms or 2m [default: 60s]
    #[arg(long, value_name = "TIME", value_parser = units::duration, hide_short_help = true, help_heading = "Limits")]
    pub(crate) timeout_per_file: Option<Duration>,
    /// Longest time for unpacking one file [default: 15m]
    #[arg(long, value_name = "TIME", value_parser = units::duration, hide_short_help = true, help_heading = "Limits")]
    pub(crate) timeout_per_archive: Option<Duration>,
    /// Most work on passwords for locked keystores, in time of one core: counted, not timed [default: 20s]
    #[arg(long, value_name = "TIME", value_parser = units::duration, hide_short_help = true, help_heading = "Limits")]
    pub(crate) max_password_work: Option<Duration>,
}

impl LimitArgs {
    /// The limits of a run: what was typed, else what the configuration says, else the defaults.
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

/// Whether this is standard input.
pub(crate) fn is_stdin(target: &Path) -> bool {
    target.as_os_str() == "-"
}

const OUTPUT_HELP: &str = "\
Where to write the report [default: standard output]. A file is written beside its place and renamed when it is whole: \
a full disk or a kill leaves the old report. An old file keeps its permissions, a new one gets those of the umask. \
Pipes and devices are written in place. A symbolic link is refused: name the file that it points to.";

const HISTORY_HELP: &str = "\
Which part of each git history is read, beside the files of the work tree [default: all]:
  all    every object that is stored: all branches, stashes, amended and dropped commits, loose and packed
  head   what the current commit holds
  none   nothing: files only
  A..B   what commits hold that lead to B and not to A, such as main..topic, v1.0.. or @{upstream}..
  A...B  what commits hold that lead to B and not to the commit where A and B parted
A and B are written as for git (gitrevisions). With --since both must hold.";

const FAIL_ON_HELP: &str = "\
What makes the exit code 1 [default: any]:
  none       nothing
  any        every finding of severity 2.0 or more: below are notes, such as published test keys; of ordinary
             secrets those that still open something
  signing    every key whose role is to sign things that others believe
  T0 to T4   every key of that tier or a wider one; no ordinary secret has one
  0.0..10.0  every finding of that severity or more, notes too. Ordinary secrets have 5.5 where they publish packages,
             4.5 for accounts, 3.5 for services, 2.5 for passwords, 1.0 where they open nothing by themselves";
