//! Lists the objects of a push: every object that its new tips reach and that no ref reached before.
//!
//! Git lists them, and its output is read as it arrives: no memory here grows with the size of a push.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::ControlFlow;
use std::path::PathBuf;

use super::answer::{self, is_oid, text};
use super::blobs::Names;
use super::git::{self, Git, Lines, Running};
use super::process::Objects;
use crate::exit::Failure;

/// Maximum bytes of the list of objects that a server's refs reach and that the server lacks: 65,536 SHA-1 ids with
/// their line feeds.
const LACKED: usize = 65_536 * 41;

/// Digits shown of an object id: enough to find the object in any repository.
const SHORT: usize = 12;

/// A range of history, as input for `git rev-list --stdin`.
#[derive(Clone, Debug, Default)]
pub(crate) struct Range {
    /// Standard input of the command: new tips, and excluded commits.
    pub(crate) tips: Vec<u8>,
    /// Last arguments of the command.
    pub(crate) rest: Vec<String>,
}

/// How an object is reached.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Reach {
    /// From a new tip, and from no earlier ref. The path is empty for a commit, a tag or a root tree.
    New(PathBuf),
    /// From a ref that existed before.
    Before,
    /// From no ref and no new tip.
    Nowhere,
}

impl Range {
    /// Starts `git rev-list` over the range.
    pub(crate) fn list(&self, git: &Git, options: &[&str]) -> Result<Running, Failure> {
        let mut args = vec!["rev-list".to_owned()];
        args.extend(options.iter().map(|option| (*option).to_owned()));
        args.push("--stdin".to_owned());
        args.extend(self.rest.iter().cloned());
        git.feed(&args, std::io::Cursor::new(self.tips.clone()))
    }

    /// The ids of all objects of the range, including missing ones.
    pub(crate) fn objects(&self, git: &Git) -> Result<Names<'static>, Failure> {
        let running = self.list(git, &["--objects", "--missing=print", "--no-object-names"])?;
        Ok(lines(running, |line| Some(line.strip_prefix('?').unwrap_or(line))))
    }

    /// The ids of the objects of the range that are not in the quarantine: they were on the server before, but not
    /// reachable. Ids of objects that are missing on the server begin with a question mark.
    pub(crate) fn stored_before(&self, git: &Git) -> Result<Names<'static>, Failure> {
        let mut all = self.list(git, &["--objects", "--missing=print", "--no-object-names"])?;
        let quarantine = Git { objects: Objects::Pushed, ..git.clone() };
        let check = ["cat-file", "--batch-check", "--buffer"];
        let running = quarantine.pipe(&check, &mut all)?;
        let mut names = lines(running, |line| line.strip_suffix(" missing"));
        let mut all = Some(all);
        Ok(Box::new(move || {
            // The second process may end although the first has failed, so the status of the first is checked too.
            names().or_else(|| all.take()?.end().err().map(Err))
        }))
    }

    /// How each of these objects is reached from the new tips. Git omits most objects that were reachable before, but
    /// not all: of the excluded commits, it reads the trees only of those that are parents of new commits.
    pub(crate) fn reach(&self, git: &Git, oids: &BTreeSet<String>) -> Result<BTreeMap<String, Reach>, Failure> {
        let mut reached = BTreeMap::new();
        if oids.is_empty() {
            return Ok(reached);
        }
        self.list(git, &["--objects", "--missing=print"])?.lines(&mut |line| {
            let line = line.strip_prefix(b"?").unwrap_or(line);
            let mut parts = line.splitn(2, |byte| *byte == b' ');
            let oid = text(parts.next().unwrap_or_default());
            if oids.contains(&oid) {
                reached.entry(oid).or_insert_with(|| Reach::New(parts.next().map(answer::path).unwrap_or_default()));
            }
            enough(reached.len() == oids.len())
        })?;
        for oid in oids {
            reached.entry(oid.clone()).or_insert(Reach::Nowhere);
        }
        Ok(reached)
    }

    /// Those of these objects that the excluded refs reach among the objects stored before the push. An object that
    /// only the push contains was not there before, even if a ref refers to it. `late` says when to stop; objects not
    /// found by then count as new.
    pub(crate) fn before(
        &self,
        git: &Git,
        oids: &BTreeSet<String>,
        late: &dyn Fn() -> bool,
    ) -> Result<BTreeSet<String>, Failure> {
        let mut reached = BTreeSet::new();
        let tips = text(&self.tips);
        let tips: String = tips.lines().filter_map(|line| line.strip_prefix('^')).flat_map(|oid| [oid, "\n"]).collect();
        let refs = self.rest.iter().filter(|word| *word != "--not").cloned().collect::<Vec<_>>();
        if oids.is_empty() || (tips.is_empty() && refs.is_empty()) {
            return Ok(reached);
        }
        let stored = Git { objects: Objects::Stored, ..git.clone() };
        let all = Self { tips: tips.into_bytes(), rest: refs };
        let options = ["--objects", "--in-commit-order", "--no-object-names", "--missing=allow-any"];
        all.list(&stored, &options)?.lines(&mut |line| {
            let oid = text(line);
            if oids.contains(&oid) {
                reached.insert(oid);
            }
            enough(reached.len() == oids.len() || late())
        })?;
        Ok(reached)
    }

    /// Passes every commit of the range with its parents to `each`, parents first.
    pub(crate) fn commits(
        &self,
        git: &Git,
        each: &mut dyn FnMut(&str, &[&str]) -> ControlFlow<()>,
    ) -> Result<(), Failure> {
        self.list(git, &["--topo-order", "--reverse", "--parents", "--missing=print"])?.lines(&mut |line| {
            let line = text(line);
            let words: Vec<&str> = line.split(' ').collect();
            match words.split_first() {
                Some((commit, parents)) if is_oid(commit) => each(commit, parents),
                _ => ControlFlow::Continue(()),
            }
        })
    }

    /// The range restricted to tips that are not commits: blobs and trees, and tags of them; `None` if there are none.
    pub(crate) fn beside_commits(&self, git: &Git) -> Result<Option<Self>, Failure> {
        let tips = text(&self.tips);
        let tips: Vec<&str> = tips.lines().filter(|line| is_oid(line)).collect();
        let ask: String = tips.iter().flat_map(|tip| [*tip, "^{}\n"]).collect();
        let answers = git.tell(&["cat-file", "--batch-check=%(objecttype)"], ask.as_bytes())?;
        let answers = text(&answers);
        let odd: String = tips
            .iter()
            .zip(answers.lines())
            .filter(|(_, kind)| matches!(*kind, "blob" | "tree"))
            .flat_map(|(tip, _)| [*tip, "\n"])
            .collect();
        let excluded = text(&self.tips)
            .lines()
            .filter(|line| line.starts_with('^'))
            .fold(String::new(), |all, line| all + line + "\n");
        Ok((!odd.is_empty()).then(|| Self { tips: (odd + &excluded).into_bytes(), rest: self.rest.clone() }))
    }
}

/// The ids of all objects of the quarantine except trees.
pub(crate) fn quarantined(git: &Git) -> Result<Names<'static>, Failure> {
    let check = "--batch-check=%(objectname) %(objecttype)";
    let running = git.start(&["cat-file", "--batch-all-objects", "--unordered", "--buffer", check])?;
    Ok(lines(running, |line| line.split_once(' ').filter(|(_, kind)| *kind != "tree").map(|(oid, _)| oid)))
}

/// Ids of the objects that the server's refs reach, that the server lacked, and that it now has: one per line. Every
/// object below them becomes reachable, wherever it is stored.
pub(crate) fn filled(git: &Git) -> Result<Vec<u8>, Failure> {
    let stored = Git { objects: Objects::Stored, ..git.clone() };
    let list = ["rev-list", "--objects", "--missing=print", "--no-object-names", "--all"];
    let mut lacked = Vec::new();
    let mut many = false;
    stored.start(&list)?.lines(&mut |line| {
        if let Some(oid) = line.strip_prefix(b"?") {
            lacked.extend(oid);
            lacked.push(b'\n');
        }
        many = lacked.len() > LACKED;
        enough(many)
    })?;
    if many {
        return Err(Failure::new("this server lacks too many of the objects that its refs reach")
            .hint("fetch the missing objects (git fetch --unshallow), or turn receive.shallowUpdate off"));
    }
    if lacked.is_empty() {
        return Ok(lacked);
    }
    let check = ["cat-file", "--batch-check", "--buffer"];
    let now = git.tell(&check, &lacked)?;
    let there = |line: &&str| !line.ends_with(" missing");
    let names = text(&now);
    let names = names.lines().filter(there).filter_map(|line| line.split(' ').next());
    Ok(names.flat_map(|oid| [oid.as_bytes(), b"\n"]).flatten().copied().collect())
}

/// The kinds of these objects.
pub(crate) fn kinds(git: &Git, oids: &BTreeSet<String>) -> Result<BTreeMap<String, String>, Failure> {
    if oids.is_empty() {
        return Ok(BTreeMap::new());
    }
    let ask: String = oids.iter().flat_map(|oid| [oid.as_str(), "\n"]).collect();
    let answer = git.tell(&["cat-file", "--batch-check=%(objectname) %(objecttype)", "--buffer"], ask.as_bytes())?;
    let answer = text(&answer);
    Ok(answer
        .lines()
        .filter_map(|line| line.split_once(' '))
        .map(|(oid, kind)| (oid.to_owned(), kind.to_owned()))
        .collect())
}

/// The path of an object or, without one, its kind and abbreviated id: `commit 0123456789ab`.
pub(crate) fn name(oid: &str, kind: Option<&str>, reach: Option<&Reach>) -> PathBuf {
    let short = oid.get(..SHORT).unwrap_or(oid);
    match (reach, kind) {
        (Some(Reach::New(path)), kind) if !path.as_os_str().is_empty() && !matches!(kind, Some("commit" | "tag")) => {
            path.clone()
        }
        (Some(Reach::Nowhere), _) => PathBuf::from(format!("object {short}, not reachable from a new commit")),
        (_, Some(kind @ ("commit" | "tag"))) => PathBuf::from(format!("{kind} {short}")),
        _ => PathBuf::from(format!("object {short}")),
    }
}

fn enough(enough: bool) -> ControlFlow<()> {
    if enough { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
}

/// The ids that `keep` extracts from the lines of a process; an error if git fails.
fn lines(mut running: Running, keep: impl Fn(&str) -> Option<&str> + Send + 'static) -> Names<'static> {
    let mut lines = running.stdout.take().map(Lines::new);
    let mut running = Some(running);
    Box::new(move || {
        while let Some(open) = &mut lines {
            match open.next() {
                Ok(Some(line)) => {
                    if let Some(name) = keep(&text(line)) {
                        return Some(Ok(name.to_owned()));
                    }
                }
                Ok(None) => lines = None,
                Err(error) => {
                    lines = None;
                    return Some(Err(git::not_started(&error)));
                }
            }
        }
        running.take()?.end().err().map(Err)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_object_is_named_by_its_path_or_by_its_kind() {
        let oid = "0123456789abcdef".repeat(3);
        let path = Reach::New("a.pem".into());
        for (kind, reach, called) in [
            (Some("blob"), Some(&path), "a.pem"),
            (Some("commit"), Some(&path), "commit 0123456789ab"),
            (Some("tag"), Some(&Reach::New(PathBuf::new())), "tag 0123456789ab"),
            (Some("blob"), Some(&Reach::New(PathBuf::new())), "object 0123456789ab"),
            (Some("blob"), Some(&Reach::Nowhere), "object 0123456789ab, not reachable from a new commit"),
            (None, None, "object 0123456789ab"),
        ] {
            assert_eq!(name(&oid, kind, reach), PathBuf::from(called));
        }
    }
}
