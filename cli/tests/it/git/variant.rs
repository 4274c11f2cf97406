//! Every way in which git can store the same history.

use std::path::{Path, PathBuf};

use super::lab::Lab;
use super::repo::{Repo, copy, files};

/// A scan target, and the repositories that git sees in it.
pub(crate) struct Target {
    /// The path given to keyradius.
    pub(crate) scan: PathBuf,
    /// The repositories that keyradius has to find there, ordered by path.
    pub(crate) repositories: Vec<Repo>,
}

impl Target {
    /// A repository scanned in place.
    fn one(repo: Repo) -> Self {
        Self { scan: repo.dir.clone(), repositories: vec![repo] }
    }
}

/// A way to store a history.
pub(crate) struct Variant {
    pub(crate) name: &'static str,
    /// Arguments of `git init` for the lab.
    pub(crate) init: &'static [&'static str],
    make: Make,
}

enum Make {
    /// These git commands, in a copy.
    Steps(&'static [&'static [&'static str]]),
    /// A function that builds it in a new directory.
    Build(fn(&Lab, &Path) -> Target),
}

impl Variant {
    /// Stores the lab's history below `ground`, which is empty.
    pub(crate) fn make(&self, lab: &Lab, ground: &Path) -> Target {
        match self.make {
            Make::Steps(steps) => {
                let repo = copied(lab, &ground.join("repo"));
                for step in steps {
                    repo.git(step);
                }
                Target::one(repo)
            }
            Make::Build(build) => build(lab, ground),
        }
    }
}

const fn steps(name: &'static str, steps: &'static [&'static [&'static str]]) -> Variant {
    Variant { name, init: &[], make: Make::Steps(steps) }
}

const fn build(name: &'static str, build: fn(&Lab, &Path) -> Target) -> Variant {
    Variant { name, init: &[], make: Make::Build(build) }
}

/// All variants. Those that do not start with a plain `sha1` repository come last.
pub(crate) const VARIANTS: &[Variant] = &[
    steps("loose", &[]),
    steps("gc", &[&["gc", "-q"]]),
    steps("repacked", &[&["repack", "-adfq", "--depth=50", "--window=250"]]),
    steps("repacked-objects", &[&["-c", "core.compression=0", "repack", "-adFq"]]),
    steps("bitmaps", &[&["repack", "-adq", "--write-bitmap-index"]]),
    steps("loosened", &[&["repack", "-adq"], &["repack", "-Adq", "--unpack-unreachable=now"]]),
    steps("twice", &[&["repack", "-aq"]]),
    steps("index-v1", &[&["-c", "pack.indexVersion=1", "repack", "-adfq"]]),
    steps("cruft", &[&["gc", "-q", "--cruft"], &["repack", "-dq", "--cruft"]]),
    steps("no-cruft", &[&["gc", "-q", "--no-cruft"]]),
    steps("geometric", &[&["repack", "-q"], &["repack", "-dq", "--geometric=2", "--write-midx"]]),
    steps("ref-deltas", &[&["-c", "repack.useDeltaBaseOffset=false", "repack", "-adfq"]]),
    steps("large-whole", &[&["-c", "core.bigFileThreshold=40k", "repack", "-adfq"]]),
    steps("no-reverse-index", &[&["-c", "pack.writeReverseIndex=false", "repack", "-adfq"]]),
    steps("commit-graph", &[&["repack", "-adq"], &["commit-graph", "write", "--reachable", "--changed-paths"]]),
    steps("packed-refs", &[&["pack-refs", "--all", "--prune"], &["repack", "-adfq"]]),
    build("incremental", incremental),
    build("multi-pack-index", multi_pack_index),
    build("long-offsets", long_offsets),
    build("kept", kept),
    build("leftovers", leftovers),
    build("thin-push", thin_push),
    build("shared", shared),
    build("reference", reference),
    build("linked-worktree", linked_worktree),
    build("bare", |lab, ground| cloned(lab, ground, &["--bare"])),
    build("mirror", |lab, ground| cloned(lab, ground, &["--mirror"])),
    build("shallow", |lab, ground| cloned(lab, ground, &["--depth=1", "--no-single-branch"])),
    build("partial", partial),
    build("submodule", submodule),
    build("several", several),
    build("bundle-v2", |lab, ground| bundle(lab, ground, "--version=2")),
    build("bundle-v3", |lab, ground| bundle(lab, ground, "--version=3")),
    Variant { name: "sha256", init: &["--object-format=sha256"], make: Make::Steps(&[&["gc", "-q", "--cruft"]]) },
    Variant { name: "sha256-loose", init: &["--object-format=sha256"], make: Make::Steps(&[]) },
    Variant {
        name: "sha256-bundle",
        init: &["--object-format=sha256"],
        make: Make::Build(|lab, ground| bundle(lab, ground, "--version=3")),
    },
    Variant { name: "reftable", init: &["--ref-format=reftable"], make: Make::Steps(&[&["repack", "-adfq"]]) },
];

/// The variant with this name.
pub(crate) fn variant(name: &str) -> &'static Variant {
    VARIANTS.iter().find(|variant| variant.name == name).unwrap_or_else(|| panic!("no variant {name}"))
}

fn copied(lab: &Lab, to: &Path) -> Repo {
    copy(&lab.repo.dir, to);
    Repo::at(to)
}

fn url(repo: &Repo) -> String {
    format!("file://{}", repo.dir.display())
}

fn clone(from: &str, to: &Path, args: &[&str]) -> Repo {
    let parent = Repo::at(to.parent().expect("a parent"));
    std::fs::create_dir_all(&parent.dir).expect("made");
    parent.git(&[&["clone", "-q"], args, &[from, &to.to_string_lossy()]].concat());
    Repo::at(to)
}

/// A clone over git's transport.
fn cloned(lab: &Lab, ground: &Path, args: &[&str]) -> Target {
    Target::one(clone(&url(&lab.repo), &ground.join("clone"), args))
}

/// Three packs, each with the objects since the previous one, and the rest loose.
fn incremental(lab: &Lab, ground: &Path) -> Target {
    let repo = copied(lab, &ground.join("repo"));
    let commits = repo.git(&["rev-list", "--reverse", "main"]);
    let commits: Vec<&str> = commits.lines().collect();
    let mut before = String::new();
    for share in 1..4 {
        let commit = commits[(commits.len() * share / 4).max(1) - 1];
        let range = format!("{commit}\n{before}");
        repo.feed(&["pack-objects", "-q", "--revs", ".git/objects/pack/pack"], range.as_bytes());
        before = format!("^{commit}\n");
    }
    repo.git(&["prune-packed", "-q"]);
    Target::one(repo)
}

fn multi_pack_index(lab: &Lab, ground: &Path) -> Target {
    let target = incremental(lab, ground);
    target.repositories[0].git(&["multi-pack-index", "write", "--no-progress"]);
    target
}

/// An index with every offset in 64 bits, as needed by packs beyond 2 GiB.
fn long_offsets(lab: &Lab, ground: &Path) -> Target {
    let repo = copied(lab, &ground.join("repo"));
    repo.git(&["repack", "-adq"]);
    for pack in files(&repo.dir.join(".git/objects/pack"), ".pack") {
        let index = pack.with_extension("idx");
        std::fs::remove_file(&index).expect("removed");
        let (index, pack) = (index.to_string_lossy(), pack.to_string_lossy());
        repo.git(&["index-pack", "--index-version=2,0x10", "-o", &index, &pack]);
    }
    Target::one(repo)
}

fn kept(lab: &Lab, ground: &Path) -> Target {
    let target = incremental(lab, ground);
    let repo = &target.repositories[0];
    let packs = files(&repo.dir.join(".git/objects/pack"), ".pack");
    std::fs::write(packs[0].with_extension("keep"), "").expect("written");
    repo.git(&["repack", "-adq"]);
    target
}

/// Leftovers of an interrupted git: half a pack and half an object with temporary names, locks, an empty directory.
fn leftovers(lab: &Lab, ground: &Path) -> Target {
    let repo = copied(lab, &ground.join("repo"));
    repo.git(&["repack", "-adq"]);
    let folder = repo.dir.join(".git/objects/pack");
    let pack = std::fs::read(&files(&folder, ".pack")[0]).expect("a pack");
    std::fs::write(folder.join("tmp_pack_x7Gh2K"), &pack[..pack.len() / 2]).expect("written");
    std::fs::write(folder.join("tmp_idx_x7Gh2K"), b"\xfftOc").expect("written");
    std::fs::write(repo.dir.join(".git/objects/tmp_obj_Aa1Bb2"), b"x\x9c").expect("written");
    std::fs::write(repo.dir.join(".git/index.lock"), b"").expect("written");
    std::fs::create_dir_all(repo.dir.join(".git/objects/5a")).expect("made");
    Target::one(repo)
}

/// A bare repository that received everything in two pushes: the second pack was completed with bases from the first.
fn thin_push(lab: &Lab, ground: &Path) -> Target {
    let bare = Repo::init(ground.join("repo.git"), &["--bare"]);
    bare.git(&["config", "receive.unpackLimit", "1"]);
    let there = url(&bare);
    let commits = lab.repo.git(&["rev-list", "--reverse", "main"]);
    let commits: Vec<&str> = commits.lines().collect();
    let half = format!("{}:refs/heads/main", commits[commits.len() / 2]);
    lab.repo.git(&["push", "-q", "--thin", &there, &half]);
    lab.repo.git(&["push", "-q", "--thin", "--mirror", &there]);
    Target::one(bare)
}

/// A clone of a clone; only the first has its own objects.
fn shared(lab: &Lab, ground: &Path) -> Target {
    let first = copied(lab, &ground.join("first"));
    first.git(&["repack", "-aq"]);
    clone(&first.dir.to_string_lossy(), &ground.join("second"), &["--shared"]);
    let third = clone(&ground.join("second").to_string_lossy(), &ground.join("third"), &["--shared"]);
    Target::one(third)
}

fn reference(lab: &Lab, ground: &Path) -> Target {
    let bare = clone(&url(&lab.repo), &ground.join("reference.git"), &["--bare"]);
    let args = ["--reference", &bare.dir.to_string_lossy()];
    Target::one(clone(&url(&lab.repo), &ground.join("clone"), &args))
}

/// A second work tree, next to the repository.
fn linked_worktree(lab: &Lab, ground: &Path) -> Target {
    let repo = copied(lab, &ground.join("repo"));
    let linked = ground.join("linked");
    repo.git(&["worktree", "add", "-q", "--detach", &linked.to_string_lossy(), "main~1"]);
    Target::one(Repo::at(linked))
}

fn partial(lab: &Lab, ground: &Path) -> Target {
    let source = copied(lab, &ground.join("source"));
    source.git(&["config", "uploadpack.allowFilter", "true"]);
    Target::one(clone(&url(&source), &ground.join("clone"), &["--filter=blob:none", "--no-checkout"]))
}

/// A repository inside a repository, with its git directory in that of the outer one.
fn submodule(lab: &Lab, ground: &Path) -> Target {
    let outer = Repo::init(ground.join("outer"), &[]);
    outer.file("readme.md", b"outer\n");
    outer.git(&["submodule", "--quiet", "add", &url(&lab.repo), "libs/inner"]);
    outer.git(&["add", "."]);
    outer.git(&["commit", "-q", "-m", "With a submodule"]);
    let (scan, inner) = (outer.dir.clone(), Repo::at(outer.dir.join("libs/inner")));
    assert!(inner.dir.join(".git").is_file());
    Target { scan, repositories: vec![outer, inner] }
}

/// Neighbouring repositories: one with a work tree, one bare, one in the work tree of another.
fn several(lab: &Lab, ground: &Path) -> Target {
    let scan = ground.join("all");
    let first = copied(lab, &scan.join("a"));
    let inner = clone(&url(&lab.repo), &scan.join("a/nested"), &["--single-branch"]);
    let bare = clone(&url(&lab.repo), &scan.join("b/c.git"), &["--bare"]);
    Target { scan, repositories: vec![first, inner, bare] }
}

/// A bundle of everything reachable from refs; git lists its objects once it is unbundled.
fn bundle(lab: &Lab, ground: &Path, version: &str) -> Target {
    let file = ground.join("scanned/all.bundle");
    std::fs::create_dir_all(ground.join("scanned")).expect("made");
    lab.repo.git(&["bundle", "create", "-q", version, &file.to_string_lossy(), "--all"]);
    let format = format!("--object-format={}", lab.repo.git(&["rev-parse", "--show-object-format"]));
    let opened = Repo::init(ground.join("opened.git"), &["--bare", &format]);
    opened.git(&["bundle", "unbundle", &file.to_string_lossy()]);
    Target { scan: file, repositories: vec![opened] }
}
