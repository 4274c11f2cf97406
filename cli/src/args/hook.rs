//! What was typed after `hook`.

use std::ffi::OsString;
use std::path::PathBuf;
use std::time::Duration;

use clap::{Subcommand, ValueEnum};

use crate::choice::{FailOn, Only};
use crate::units;

const COMMIT_EXAMPLES: &str = "\
Reads what is staged, whole, from the index that git names; the work tree is not looked at. A key \
is new unless HEAD holds it at the same path.

Exit codes:
  0  no new key
  1  new keys: git makes no commit
  2  wrong usage, or a fatal error
  3  no new key in what was read, but something staged could not be read";

const PUSH_EXAMPLES: &str = "\
Reads every object that the remote does not have, however many; git writes to standard input what \
is pushed. A key is new unless a parent of the commit that brings it holds it at the same path.

Exit codes:
  0  no new key
  1  new keys: git pushes nothing
  2  wrong usage, or a fatal error
  3  no new key in what was read, but something could not be read";

const RECEIVE_EXAMPLES: &str = "\
For a server: reads what a push brings before any ref moves: every object of its pack, and every object that its \
refs would reach and no ref reaches now, wherever it is stored. A push option lets a push through, with a reason, \
unless --no-push-option is given:

  git push -o keyradius.allow=\"throw-away key of the tests\"

Keys that were in a repository before the hook was are found by `keyradius scan` on the server: see docs/hooks.md.

Exit codes:
  0  no new key, or let in by a push option
  1  new keys: git takes nothing
  2  wrong usage, or a fatal error
  3  no new key in what was read, but something could not be read, or not in time";

/// The commands of `hook`.
#[derive(Clone, Debug, Subcommand)]
pub(crate) enum HookCommand {
    /// Refuse a commit that would add a key
    #[command(visible_alias = "pre-merge-commit", after_long_help = COMMIT_EXAMPLES)]
    PreCommit(PreCommitArgs),
    /// Refuse a push that would publish a key
    #[command(after_long_help = PUSH_EXAMPLES)]
    PrePush(PrePushArgs),
    /// On a server: refuse a push that brings a key
    #[command(after_long_help = RECEIVE_EXAMPLES)]
    PreReceive(PreReceiveArgs),
    /// Start git for a hook, which may not; hooks run this
    #[cfg(target_os = "linux")]
    #[command(hide = true)]
    Broker,
    /// Install hooks; those that are there go on running
    Install(InstallArgs),
    /// Remove what `install` wrote and put back what was there before
    Uninstall(UninstallArgs),
    /// Say which hooks are installed, and where
    Status(StatusArgs),
}

/// What every check takes.
#[derive(Clone, Debug, Default, clap::Args)]
pub(crate) struct CheckArgs {
    /// What blocks: any, signing, T0..T4, 0.0..10.0 or none [default: any]
    #[arg(long, value_name = "WHAT", value_parser = FailOn::parse)]
    pub(crate) fail_on: Option<FailOn>,
    /// Leave out what is not of this kind: `signing` looks for keys alone, and for no ordinary secret
    #[arg(long, value_enum, value_name = "WHAT")]
    pub(crate) only: Option<Only>,
    /// Configuration [default: keyradius.toml at the root of the work tree]
    #[arg(short, long, value_name = "FILE", conflicts_with = "no_config")]
    pub(crate) config: Option<PathBuf>,
    /// Read no configuration, and obey no `keyradius:allow` marks
    #[arg(long)]
    pub(crate) no_config: bool,
    /// Obey no `keyradius:allow` marks beside keys
    #[arg(long)]
    pub(crate) no_inline_allow: bool,
    /// Block on what was not opened too: formats that are only recognised, git-lfs objects that are not here
    #[arg(long)]
    pub(crate) strict: bool,
}

/// What was typed after `hook pre-commit`.
#[derive(Clone, Debug, Default, clap::Args)]
pub(crate) struct PreCommitArgs {
    #[command(flatten)]
    pub(crate) check: CheckArgs,
    /// Compare with the parent of HEAD, so that an amended commit is judged whole
    #[arg(long)]
    pub(crate) amend_aware: bool,
}

/// What was typed after `hook pre-push`.
#[derive(Clone, Debug, Default, clap::Args)]
pub(crate) struct PrePushArgs {
    /// Name of the remote, as git gives it
    pub(crate) remote: Option<String>,
    /// Where it is, as git gives it
    pub(crate) url: Option<OsString>,
    #[command(flatten)]
    pub(crate) check: CheckArgs,
}

/// What was typed after `hook pre-receive`.
#[derive(Clone, Debug, clap::Args)]
pub(crate) struct PreReceiveArgs {
    #[command(flatten)]
    pub(crate) check: CheckArgs,
    /// Longest time of the whole hook, such as 4s; hosts that limit hooks kill them without a message
    #[arg(long, value_name = "TIME", value_parser = units::duration, default_value = "4s")]
    pub(crate) budget: Duration,
    /// The same for a push to a repository that has no refs yet, if that is longer
    #[arg(long, value_name = "TIME", value_parser = units::duration, default_value = "2m")]
    pub(crate) first_push_budget: Duration,
    /// Most memory of keyradius, and of each git process that it starts, 64MiB or more; a push that needs more is refused
    #[arg(long, value_name = "SIZE", value_parser = memory, default_value = "1GiB")]
    pub(crate) memory: u64,
    /// What to do with a push that could not be checked in time
    #[arg(long, value_enum, value_name = "WHAT", default_value_t)]
    pub(crate) on_timeout: OnTimeout,
    /// Let no push in by `-o keyradius.allow=`
    #[arg(long)]
    pub(crate) no_push_option: bool,
}

/// Least memory of a hook on a server: what is known of formats, a stack for each thread and the windows that they read.
const LEAST_MEMORY: u64 = 64 << 20;

/// A size that a hook can run in.
fn memory(text: &str) -> Result<u64, String> {
    let bytes = units::size(text)?;
    if bytes < LEAST_MEMORY { Err("too little to run in: name 64MiB or more".to_owned()) } else { Ok(bytes) }
}

/// What to do with a push that could not be checked in time.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub(crate) enum OnTimeout {
    /// Refuse it
    #[default]
    Block,
    /// Let it in unless a key was found, and say what was not read
    Allow,
}

/// What was typed after `hook install`.
#[derive(Clone, Debug, Default, clap::Args)]
pub(crate) struct InstallArgs {
    /// Which hooks [default: pre-commit and pre-merge-commit; pre-receive in a bare repository]
    #[arg(value_enum, value_name = "HOOK")]
    pub(crate) hooks: Vec<HookName>,
    /// For every repository of yours: in the directory of core.hooksPath in the global configuration of git
    #[arg(long)]
    pub(crate) global: bool,
}

/// What was typed after `hook uninstall`.
#[derive(Clone, Debug, Default, clap::Args)]
pub(crate) struct UninstallArgs {
    /// Which hooks [default: all that keyradius installed]
    #[arg(value_enum, value_name = "HOOK")]
    pub(crate) hooks: Vec<HookName>,
    /// Those of the directory of core.hooksPath in the global configuration of git
    #[arg(long)]
    pub(crate) global: bool,
}

/// What was typed after `hook status`.
#[derive(Clone, Debug, Default, clap::Args)]
pub(crate) struct StatusArgs {
    /// Of the directory of core.hooksPath in the global configuration of git
    #[arg(long)]
    pub(crate) global: bool,
}

/// Hooks that can be installed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, ValueEnum)]
pub(crate) enum HookName {
    /// Before a commit
    #[value(name = "pre-commit")]
    Commit,
    /// Before the commit of a merge without conflicts
    #[value(name = "pre-merge-commit")]
    MergeCommit,
    /// Before a push
    #[value(name = "pre-push")]
    Push,
    /// On a server, before a push is taken
    #[value(name = "pre-receive")]
    Receive,
}

impl HookName {
    /// All of them.
    pub(crate) const ALL: [Self; 4] = [Self::Commit, Self::MergeCommit, Self::Push, Self::Receive];

    /// As git calls it: the name of its file.
    pub(crate) const fn id(self) -> &'static str {
        match self {
            Self::Commit => "pre-commit",
            Self::MergeCommit => "pre-merge-commit",
            Self::Push => "pre-push",
            Self::Receive => "pre-receive",
        }
    }

    /// Whether git writes to its standard input.
    pub(crate) const fn reads(self) -> bool {
        matches!(self, Self::Push | Self::Receive)
    }
}
