//! What a hook's decisions depend on: the repository that git runs it in, and the user's configuration.

use std::path::{Path, PathBuf};

use jiff::civil::Date;
use keyradius_core::budget::Limits;

use super::answer::path;
use super::git::{Git, Running};
use super::question::BETWEEN;
use crate::allow::AllowList;
use crate::args::LimitArgs;
use crate::args::hook::CheckArgs;
use crate::choice::FailOn;
use crate::config::{self, Config};
use crate::exit::Failure;
use crate::marks::Marks;
use crate::moment;
use crate::plan::{Jobs, Search};
use crate::surroundings::Surroundings;

/// The repository that git runs the hook in.
#[derive(Clone, Debug)]
pub(crate) struct Repository {
    /// The root of the work tree, absolute; `None` in a bare repository or inside of `.git`.
    pub(crate) root: Option<PathBuf>,
    /// The directory that all work trees share.
    pub(crate) common: PathBuf,
    /// The file that lists the other parents of a merge in progress.
    pub(crate) merge_head: PathBuf,
}

impl Repository {
    /// Starts the git command that describes the repository.
    pub(crate) fn start(git: &Git) -> Result<Running, Failure> {
        git.start(&[
            "rev-parse",
            "--is-inside-work-tree",
            BETWEEN,
            "--git-common-dir",
            BETWEEN,
            "--git-path",
            "MERGE_HEAD",
            BETWEEN,
            "--show-cdup",
        ])
    }

    /// Parses git's answer to [`start`](Self::start). Relative paths are relative to `here`.
    pub(crate) fn found(running: Running, here: &Path) -> Result<Self, Failure> {
        let answer = running
            .answer()
            .map_err(|failure| failure.hint("a hook runs inside a repository; to check files, run `keyradius scan`"))?;
        let between = format!("{BETWEEN}\n");
        let mut parts =
            split(&answer, between.as_bytes()).into_iter().map(|part| part.strip_suffix(b"\n").unwrap_or(part));
        let inside = parts.next() == Some(b"true");
        let mut next = || parts.next().map(path).unwrap_or_default();
        let (common, merge_head, up) = (here.join(next()), here.join(next()), next());
        let root = inside.then(|| here.join(up)).map(|root| root.canonicalize().unwrap_or(root));
        Ok(Self { root, common, merge_head })
    }
}

/// Splits `bytes` at each occurrence of `between`.
fn split<'a>(mut bytes: &'a [u8], between: &[u8]) -> Vec<&'a [u8]> {
    let mut parts = Vec::new();
    while let Some(at) = bytes.windows(between.len()).position(|window| window == between) {
        parts.push(bytes.get(..at).unwrap_or_default());
        bytes = bytes.get(at + between.len()..).unwrap_or_default();
    }
    parts.push(bytes);
    parts
}

/// The settings that decide whether a key blocks.
#[derive(Debug)]
pub(crate) struct Policy {
    /// Which findings block.
    pub(crate) fail_on: FailOn,
    /// What is searched for.
    pub(crate) search: Search,
    /// Which findings are allowed.
    pub(crate) allow: AllowList,
    /// Limits of the engine.
    pub(crate) limits: Limits,
    /// Number of threads.
    pub(crate) jobs: usize,
    /// The day that expiry dates are compared with.
    pub(crate) today: Date,
    /// The directory that paths are relative to.
    pub(crate) here: PathBuf,
    /// Whether marks beside keys are obeyed. On a server they are not, because the pusher wrote them.
    pub(crate) inline: bool,
}

impl Policy {
    /// Combines the arguments with the configuration: the one named, else that at the root of the work tree.
    pub(crate) fn load(args: &CheckArgs, around: &Surroundings, root: Option<&Path>) -> Result<Self, Failure> {
        let here = around.directory.as_path();
        let config = match (&args.config, root) {
            _ if args.no_config => Config::default(),
            (Some(named), _) => Config::read(&here.join(named), named, true)?,
            (None, None) => Config::default(),
            (None, Some(root)) => match config::find(root, &[root.to_owned()]) {
                Some(found) => Config::read(&found, found.strip_prefix(root).unwrap_or(&found), false)?,
                None => Config::default(),
            },
        };
        // On a server there is no work tree. Paths of the pushed tree are matched as if its root were the directory of
        // the configuration.
        let beside = args.config.as_ref().and_then(|named| here.join(named).parent()?.canonicalize().ok());
        let inline = !args.no_config && !args.no_inline_allow && config.inline_allow != Some(false);
        Ok(Self {
            search: Search::new(args.only, &config.rules)?,
            fail_on: args.fail_on.or(config.fail_on).unwrap_or_default(),
            limits: LimitArgs::default().over(&config.limits),
            jobs: Jobs::new(config.jobs).count,
            allow: config.allow.obeying(if inline { Marks::Given } else { Marks::Off }),
            today: moment::day(around.now.as_second()),
            here: root.map(Path::to_owned).or(beside).unwrap_or_else(|| here.to_owned()),
            inline: true,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn answers_are_split_whatever_bytes_they_contain() {
        let between = b"--keyradius\n";
        let parts = split(b"true\n--keyradius\na\nb\n--keyradius\n\n", between);
        assert_eq!(parts, [&b"true\n"[..], b"a\nb\n", b"\n"]);
        assert_eq!(split(b"", between), [b""]);
    }
}
