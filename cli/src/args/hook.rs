//! Arguments of `hook`.

use std::ffi::OsString;
use std::path::PathBuf;
use std::time::Duration;

use clap::{Subcommand, ValueEnum};

use crate::choice::{FailOn, Only};
use crate::units;

const COMMIT_EXAMPLES: &str = "\
Scans the staged files in full, from the index that git names; the work tree is not read. A key \
is new unless HEAD contains it at the same path.

Exit codes:
  0  no new key
  1  new keys: git refuses the commit
  2  wrong usage, or a fatal error
  3  no new key found, but some staged content could not be read";

const PUSH_EXAMPLES: &str = "\
Scans every object that the remote lacks, however many there are; git lists the pushed refs on \
standard input. A key is new unless a parent of the commit that adds it contains it at the same path.

Exit codes:
  0  no new key
  1  new keys: git refuses the push
  2  wrong usage, or a fatal error
  3  no new key found, but some content could not be read";

const RECEIVE_EXAMPLES: &str = "\
For a server: scans a push before any ref is updated. It reads every object of its pack, and every stored object that \
the pushed refs would reach and no ref reaches now. A push option with a reason lets a push through, unless \
--no-push-option is given:

  git push -o keyradius.allow=\"throw-away key of the tests\"

To find keys that were in a repository before the hook was installed, run `keyradius scan` on the server: see \
docs/hooks.md.

Exit codes:
  0  no new key, or accepted by a push option
  1  new keys: git refuses the push
  2  wrong usage, or a fatal error
  3  no new key found, but some content could not be read, or not in time";

/// The commands of `hook`.
#[derive(Clone, Debug, Subcommand)]
pub(crate) enum HookCommand {
    /// Refuse commits that add a key
    #[command(visible_alias = "pre-merge-commit", after_long_help = COMMIT_EXAMPLES)]
    PreCommit(PreCommitArgs),
    /// Refuse pushes that publish a key
    #[command(after_long_help = PUSH_EXAMPLES)]
    PrePush(PrePushArgs),
    /// On a server: refuse pushes that contain a key
    #[command(after_long_help = RECEIVE_EXAMPLES)]
    PreReceive(PreReceiveArgs),
    /// Start git for a hook that may not start programs; run by hooks
    #[cfg(target_os = "linux")]
    #[command(hide = true)]
    Broker,
    /// Install hooks; existing hooks keep running
    Install(InstallArgs),
    /// Remove what `install` wrote, and restore the previous hooks
    Uninstall(UninstallArgs),
    /// Show which hooks are installed, and where
    Status(StatusArgs),
}

/// Options shared by all checks.
#[derive(Clone, Debug, Default, clap::Args)]
pub(crate) struct CheckArgs {
    /// Block on these findings: any, signing, T0..T4, 0.0..10.0 or none [default: any]
    #[arg(long, value_name = "WHAT", value_parser = FailOn::parse)]
    pub(crate) fail_on: Option<FailOn>,
    /// Report only this kind: `signing` searches for keys, not for ordinary secrets
    #[arg(long, value_enum, value_name = "WHAT")]
    pub(crate) only: Option<Only>,
    /// Configuration file [default: keyradius.toml at the root of the work tree]
    #[arg(short, long, value_name = "FILE", conflicts_with = "no_config")]
    pub(crate) config: Option<PathBuf>,
    /// Ignore the configuration and all `keyradius:allow` marks
    #[arg(long)]
    pub(crate) no_config: bool,
    /// Ignore `keyradius:allow` marks beside keys
    #[arg(long)]
    pub(crate) no_inline_allow: bool,
    /// Also block on content that was not opened: formats that are only recognised, missing git-lfs objects
    #[arg(long)]
    pub(crate) strict: bool,
}

/// Arguments of `hook pre-commit`.
#[derive(Clone, Debug, Default, clap::Args)]
pub(crate) struct PreCommitArgs {
    #[command(flatten)]
    pub(crate) check: CheckArgs,
    /// Compare with the parent of HEAD, so that an amended commit is checked in full
    #[arg(long)]
    pub(crate) amend_aware: bool,
}

/// Arguments of `hook pre-push`.
#[derive(Clone, Debug, Default, clap::Args)]
pub(crate) struct PrePushArgs {
    /// Name of the remote, as git passes it
    pub(crate) remote: Option<String>,
    /// Address of the remote, as git passes it
    pub(crate) url: Option<OsString>,
    #[command(flatten)]
    pub(crate) check: CheckArgs,
}

/// Arguments of `hook pre-receive`.
#[derive(Clone, Debug, clap::Args)]
pub(crate) struct PreReceiveArgs {
    #[command(flatten)]
    pub(crate) check: CheckArgs,
    /// Maximum time for the whole hook, such as 4s; hosts that limit hooks kill them without a message
    #[arg(long, value_name = "TIME", value_parser = units::duration, default_value = "4s")]
    pub(crate) budget: Duration,
    /// Maximum time for a push to a repository that has no refs yet, if longer than --budget
    #[arg(long, value_name = "TIME", value_parser = units::duration, default_value = "2m")]
    pub(crate) first_push_budget: Duration,
    /// Maximum memory of keyradius, and of each git process that it starts, 64MiB or more; a push that needs more is
    /// refused
    #[arg(long, value_name = "SIZE", value_parser = memory, default_value = "1GiB")]
    pub(crate) memory: u64,
    /// What to do with a push that could not be checked in time
    #[arg(long, value_enum, value_name = "WHAT", default_value_t)]
    pub(crate) on_timeout: OnTimeout,
    /// Ignore the push option `keyradius.allow`
    #[arg(long)]
    pub(crate) no_push_option: bool,
}

/// Minimum memory of a hook on a server: the compiled formats, a stack for each thread and the windows that they read.
const LEAST_MEMORY: u64 = 64 << 20;

/// Parses a memory size; fails if it is below [`LEAST_MEMORY`].
fn memory(text: &str) -> Result<u64, String> {
    let bytes = units::size(text)?;
    if bytes < LEAST_MEMORY { Err("too little memory: expected 64MiB or more".to_owned()) } else { Ok(bytes) }
}

/// What to do with a push that could not be checked in time.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub(crate) enum OnTimeout {
    /// Refuse the push
    #[default]
    Block,
    /// Accept the push unless a key was found, and report what was not read
    Allow,
}

/// Arguments of `hook install`.
#[derive(Clone, Debug, Default, clap::Args)]
pub(crate) struct InstallArgs {
    /// Hooks to install [default: pre-commit and pre-merge-commit; pre-receive in a bare repository]
    #[arg(value_enum, value_name = "HOOK")]
    pub(crate) hooks: Vec<HookName>,
    /// Install for all your repositories, in the directory of core.hooksPath in the global git configuration
    #[arg(long)]
    pub(crate) global: bool,
}

/// Arguments of `hook uninstall`.
#[derive(Clone, Debug, Default, clap::Args)]
pub(crate) struct UninstallArgs {
    /// Hooks to remove [default: all that keyradius installed]
    #[arg(value_enum, value_name = "HOOK")]
    pub(crate) hooks: Vec<HookName>,
    /// Remove from the directory of core.hooksPath in the global git configuration
    #[arg(long)]
    pub(crate) global: bool,
}

/// Arguments of `hook status`.
#[derive(Clone, Debug, Default, clap::Args)]
pub(crate) struct StatusArgs {
    /// Show the directory of core.hooksPath in the global git configuration
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
    /// On a server, before a push is accepted
    #[value(name = "pre-receive")]
    Receive,
}

impl HookName {
    /// All hooks.
    pub(crate) const ALL: [Self; 4] = [Self::Commit, Self::MergeCommit, Self::Push, Self::Receive];

    /// The name that git gives the hook, which is also the name of its file.
    pub(crate) const fn id(self) -> &'static str {
        match self {
            Self::Commit => "pre-commit",
            Self::MergeCommit => "pre-merge-commit",
            Self::Push => "pre-push",
            Self::Receive => "pre-receive",
        }
    }

    /// Whether git writes to the hook's standard input.
    pub(crate) const fn reads(self) -> bool {
        matches!(self, Self::Push | Self::Receive)
    }
}
