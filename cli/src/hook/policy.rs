//! What a hook goes by: the repository that git runs it in, and the user's configuration.

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

/// The repository around the hook.
#[derive(Clone, Debug)]
pub(crate) struct Repository {
    /// The root of the work tree, absolute; `None` in a bare repository or inside of `.git`.
    pub(crate) root: Option<PathBuf>,
    /// The directory that all work trees share.
    pub(crate) common: PathBuf,
    /// Where the other parents of a merge stand while it is concluded.
    pub(crate) merge_head: PathBuf,
}

impl Repository {
    /// Asks git.
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

    /// What git answered.
    pub(crate) fn found(running: Running, here: &Path) -> Result<Self, Failure> {
        let answer = running.answer().map_err(|failure| {
            failure.hint("a hook runs inside of a repository; to look at files, use `keyradius scan`")
        })?;
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

/// The parts of `bytes` between each `between`.
fn split<'a>(mut bytes: &'a [u8], between: &[u8]) -> Vec<&'a [u8]> {
    let mut parts = Vec::new();
    while let Some(at) = bytes.windows(between.len()).position(|window| window == between) {
        parts.push(bytes.get(..at).unwrap_or_default());
        bytes = bytes.get(at + between.len()..).unwrap_or_default();
    }
    parts.push(bytes);
    parts
}

/// What decides about a key.
#[derive(Debug)]
pub(crate) struct Policy {
    /// What blocks.
    pub(crate) fail_on: FailOn,
    /// What is looked for.
    pub(crate) search: Search,
    /// What is allowed.
    pub(crate) allow: AllowList,
    /// Limits of the engine.
    pub(crate) limits: Limits,
    /// Threads.
    pub(crate) jobs: usize,
    /// The day that expiries are measured against.
    pub(crate) today: Date,
    /// What paths are relative to.
    pub(crate) here: PathBuf,
    /// Whether a mark beside the key counts: on a server, it is the pusher's word.
    pub(crate) inline: bool,
}

impl Policy {
    /// From what was typed, and the configuration at the root of the work tree.
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
        // On a server, there is no tree that a path could lie in but the pushed one: its root is where the configuration is.
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
    fn answers_are_told_apart_whatever_they_hold() {
        let between = b"--keyradius\n";
        let parts = split(b"true\n--keyradius\na\nb\n--keyradius\n\n", between);
        assert_eq!(parts, [&b"true\n"[..], b"a\nb\n", b"\n"]);
        assert_eq!(split(b"", between), [b""]);
    }
}
