//! What a push brings: every object that its new tips reach and that no ref reached before.
//!
//! Git is asked, and its answer is read as it comes: nothing here grows with the size of a push.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::ControlFlow;
use std::path::PathBuf;

use super::answer::{self, is_oid, text};
use super::blobs::Names;
use super::git::{self, Git, Lines, Running};
use super::process::Objects;
use crate::exit::Failure;

/// Most bytes of the names of objects that refs of a server lead to and that it lacks: 65,536 names of SHA-1 and their line feeds.
const LACKED: usize = 65_536 * 41;

/// Digits of an object's name in a message: enough to find it in any repository.
const SHORT: usize = 12;

/// A range of history, as `git rev-list --stdin` takes it.
#[derive(Clone, Debug, Default)]
pub(crate) struct Range {
    /// Its standard input: new tips, and what is excluded.
    pub(crate) tips: Vec<u8>,
    /// Its last arguments.
    pub(crate) rest: Vec<String>,
}

/// How an object is reached.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Reach {
    /// From a new tip, and from no ref before; a path, unless it is a commit, a tag or a root.
    New(PathBuf),
    /// From a ref that was there before.
    Before,
    /// From nothing.
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

    /// The names of all objects of the range, those that are missing among them.
    pub(crate) fn objects(&self, git: &Git) -> Result<Names<'static>, Failure> {
        let running = self.list(git, &["--objects", "--missing=print", "--no-object-names"])?;
        Ok(lines(running, |line| Some(line.strip_prefix('?').unwrap_or(line))))
    }

    /// The names of those objects of the range that are not in the quarantine: they were on the server before, and
    /// nothing led to them. Those that are on the server nowhere begin with a question mark.
    pub(crate) fn stored_before(&self, git: &Git) -> Result<Names<'static>, Failure> {
        let mut all = self.list(git, &["--objects", "--missing=print", "--no-object-names"])?;
        let quarantine = Git { objects: Objects::Pushed, ..git.clone() };
        let check = ["cat-file", "--batch-check", "--buffer"];
        let running = quarantine.pipe(&check, &mut all)?;
        let mut names = lines(running, |line| line.strip_suffix(" missing"));
        let mut all = Some(all);
        Ok(Box::new(move || {
            // The end of the second is no proof that the first came to its end.
            names().or_else(|| all.take()?.end().err().map(Err))
        }))
    }

    /// How each of these objects is reached from the new tips. Git leaves out most of what was reached before and not all of it:
    /// of excluded commits it looks at the trees of those alone that new commits stand on.
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

    /// Those of these objects that the excluded refs reach in what was stored before: an object that only the push brings was not
    /// there, even if a ref led to it. `late` says when to look no further; what was not found by then counts as new.
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

    /// Hands every commit of the range with its parents to `each`, parents first.
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

    /// The same range from those of its tips that are not commits: tags of blobs and of trees, refs to them.
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

/// Every object of the quarantine that has bytes of its own.
pub(crate) fn quarantined(git: &Git) -> Result<Names<'static>, Failure> {
    let check = "--batch-check=%(objectname) %(objecttype)";
    let running = git.start(&["cat-file", "--batch-all-objects", "--unordered", "--buffer", check])?;
    Ok(lines(running, |line| line.split_once(' ').filter(|(_, kind)| *kind != "tree").map(|(oid, _)| oid)))
}

/// Objects that refs of the server lead to and that it lacked, and now has: a line each. What they lead to becomes reachable
/// with them, wherever it lies.
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
        return Err(Failure::new("the refs of this server lead to more objects that it lacks than are followed")
            .hint("fetch what the repository lacks (git fetch --unshallow), or turn receive.shallowUpdate off"));
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

/// What an object without a path is called: `commit 0123456789ab`.
pub(crate) fn name(oid: &str, kind: Option<&str>, reach: Option<&Reach>) -> PathBuf {
    let short = oid.get(..SHORT).unwrap_or(oid);
    match (reach, kind) {
        (Some(Reach::New(path)), kind) if !path.as_os_str().is_empty() && !matches!(kind, Some("commit" | "tag")) => {
            path.clone()
        }
        (Some(Reach::Nowhere), _) => PathBuf::from(format!("object {short}, reachable from no new commit")),
        (_, Some(kind @ ("commit" | "tag"))) => PathBuf::from(format!("{kind} {short}")),
        _ => PathBuf::from(format!("object {short}")),
    }
}

fn enough(enough: bool) -> ControlFlow<()> {
    if enough { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
}

/// What `keep` takes of every line, as names; an error if git did not end well.
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
    fn an_object_is_called_by_its_path_or_by_what_it_is() {
        let oid = "0123456789abcdef".repeat(3);
        let path = Reach::New("a.pem".into());
        for (kind, reach, called) in [
            (Some("blob"), Some(&path), "a.pem"),
            (Some("commit"), Some(&path), "commit 0123456789ab"),
            (Some("tag"), Some(&Reach::New(PathBuf::new())), "tag 0123456789ab"),
            (Some("blob"), Some(&Reach::New(PathBuf::new())), "object 0123456789ab"),
            (Some("blob"), Some(&Reach::Nowhere), "object 0123456789ab, reachable from no new commit"),
            (None, None, "object 0123456789ab"),
        ] {
            assert_eq!(name(&oid, kind, reach), PathBuf::from(called));
        }
    }
}
