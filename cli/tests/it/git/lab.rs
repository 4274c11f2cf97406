//! A random repository: a history, and everything else that leaves objects: stashes, amended and dropped commits, the
//! index, unreachable objects, tags of blobs.

use std::path::Path;

use super::plant::Plants;
use super::repo::Repo;
use super::rng::Rng;
use super::story::Story;

/// A repository with loose objects only, and the keys planted in it.
pub(crate) struct Lab {
    pub(crate) seed: u64,
    pub(crate) repo: Repo,
    pub(crate) plants: Plants,
}

impl Lab {
    /// The repository of a seed, in `folder`, which must not exist. `init` is passed to `git init`.
    pub(crate) fn new(seed: u64, folder: &Path, init: &[&str]) -> Self {
        let repo = Repo::init(folder, init);
        let (mut rng, mut plants) = (Rng::new(seed), Plants::default());
        let hex = if init.iter().any(|arg| arg.ends_with("sha256")) { 64 } else { 40 };
        let commits = rng.between(25, 60);
        let stream = Story::tell(&mut rng, &mut plants, hex, commits, seed % 3 == 2);
        repo.feed(&["-c", "fastimport.unpackLimit=1000000", "fast-import", "--quiet", "--done"], &stream);
        repo.git(&["symbolic-ref", "refs/remotes/origin/HEAD", "refs/remotes/origin/main"]);
        repo.git(&["reset", "-q", "--hard", "main"]);
        let mut lab = Self { seed, repo, plants };
        lab.tags(&mut rng);
        lab.reflog(&mut rng);
        lab.stash(&mut rng);
        lab.nothing_leads_there(&mut rng);
        lab.index(&mut rng);
        lab
    }

    fn pem(&mut self, rng: &mut Rng) -> Vec<u8> {
        self.plants.pem(rng).into_bytes()
    }

    /// A tag of a blob, and a tag of a tag.
    fn tags(&mut self, rng: &mut Rng) {
        let pem = self.pem(rng);
        let blob = self.repo.feed_line(&["hash-object", "-w", "--stdin"], &pem);
        self.repo.git(&["tag", "maintainer-key", &blob]);
        self.repo.git(&["tag", "-a", "-m", "one", "inner", "main"]);
        self.repo.git(&["tag", "-a", "-m", "two", "outer", "inner"]);
    }

    /// A commit that was amended and a branch that was dropped: both are in the reflog of HEAD only.
    fn reflog(&mut self, rng: &mut Rng) {
        let (first, second) = (self.pem(rng), self.pem(rng));
        let repo = &self.repo;
        repo.file("amended.pem", &first);
        repo.git(&["add", "amended.pem"]);
        repo.git(&["commit", "-q", "-m", "With a key"]);
        repo.file("amended.pem", b"no key here\n");
        repo.git(&["commit", "-q", "-a", "--amend", "-m", "Without it"]);
        repo.git(&["checkout", "-q", "-b", "doomed"]);
        repo.file("doomed.pem", &second);
        repo.git(&["add", "doomed.pem"]);
        repo.git(&["commit", "-q", "-m", "Doomed"]);
        repo.git(&["checkout", "-q", "main"]);
        repo.git(&["branch", "-q", "-D", "doomed"]);
    }

    /// Two stashes, one with a file that was never added: the older one is in the reflog of the stash only.
    fn stash(&mut self, rng: &mut Rng) {
        for name in ["stashed-first.pem", "stashed-second.pem"] {
            let pem = self.pem(rng);
            self.repo.file(name, &pem);
            let with_key = [&b"changed\n"[..], &self.pem(rng)].concat();
            self.repo.file("amended.pem", &with_key);
            self.repo.git(&["stash", "push", "-q", "--include-untracked"]);
        }
    }

    /// An unreachable commit and an unreachable blob.
    fn nothing_leads_there(&mut self, rng: &mut Rng) {
        let (first, second) = (self.pem(rng), self.pem(rng));
        let repo = &self.repo;
        repo.feed(&["hash-object", "-w", "--stdin"], &first);
        let blob = repo.feed_line(&["hash-object", "-w", "--stdin"], &second);
        let tree = repo.feed_line(&["mktree"], format!("100644 blob {blob}\tlost.pem\n").as_bytes());
        repo.git(&["commit-tree", "-m", "Lost", "-p", "main", &tree]);
        if self.seed % 3 == 1 {
            // Staged again at the path of the lost commit: no longer lost.
            repo.git(&["update-index", "--add", "--cacheinfo", &format!("100644,{blob},lost.pem")]);
        }
    }

    /// A key that is staged, one that was staged and later changed, and an untracked one.
    fn index(&mut self, rng: &mut Rng) {
        let (first, second, third) = (self.pem(rng), self.pem(rng), self.pem(rng));
        self.repo.file("staged.pem", &first);
        self.repo.file("staged-then-changed.pem", &second);
        self.repo.git(&["add", "staged.pem", "staged-then-changed.pem"]);
        // A key that is already in the history, staged under another name.
        let known = format!("100644,{},staged-copy.pem", self.repo.git(&["rev-parse", "stash@{0}:amended.pem"]));
        self.repo.git(&["update-index", "--add", "--cacheinfo", &known]);
        self.repo.file("staged-then-changed.pem", b"gone from here\n");
        self.repo.file("untracked.pem", &third);
        if self.seed % 4 == 3 {
            self.repo.git(&["checkout", "-q", "--detach"]);
        }
    }
}
