//! Git repositories as a source: every object of each, then the history of the findings.

mod rounds;

use std::collections::{BTreeSet, HashSet};
use std::fs::{File, FileType};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use super::absent::absent;
use super::agree;
use super::bounds::Bounds;
use super::bundle;
use super::commits::Commits;
use super::gathered::{Kept, borrowed};
use super::history::{self, Stories};
use super::loose;
use super::odb::{Odb, reason, rebuilt, unread};
use super::pack::Pack;
use super::refs::Refs;
use super::repo::{Found, Repository, Storage, resolve};
use super::revisions::{Reader, Revisions};
use super::scan::{Scan, Tally};
use super::select::{History, Selection};
use super::store::Store;
use super::trees::Forests;
use keyradius_core::blob::Origin;
use keyradius_core::error::{Gap, Reason, SourceError};
use keyradius_core::material::Occurrence;
use keyradius_core::oid::ObjectId;
use keyradius_core::repository::Summary;
use keyradius_core::run::Run;
use keyradius_core::seam::{Feed, Source};
use keyradius_core::secret::wipe_stack;
use keyradius_core::source::name;
use keyradius_core::source::storage::{Claim, StorageReader};
use keyradius_core::source::stream::Windows;
use rounds::scan_all;

/// Options for reading histories.
#[derive(Clone, Debug)]
pub struct Options {
    /// The part of each history to scan.
    pub selection: Selection,
    /// Whether a delta on a base without any anchor may be judged by what it adds. Only comparing tests turn this off.
    pub shortcut: bool,
    /// Resolves names of commits that refs and objects cannot resolve.
    pub revisions: Option<Arc<dyn Revisions>>,
}

impl Default for Options {
    fn default() -> Self {
        Self { selection: Selection::default(), shortcut: true, revisions: None }
    }
}

/// Every repository that a walk comes by.
#[derive(Debug)]
pub struct Repositories {
    options: Options,
    found: Mutex<Kept>,
    /// The histories of the findings.
    stories: Mutex<Vec<Stories>>,
    /// Requested parts of a history that a repository does not have.
    unknown: Mutex<Vec<String>>,
    summaries: Mutex<Vec<Summary>>,
    /// The paths of repositories, read or not.
    places: Mutex<Vec<PathBuf>>,
    /// Number of places in histories that may still be reported.
    room: AtomicUsize,
}

/// A repository that was read and has findings: the input for its history. Dropped as soon as the history is known.
#[derive(Debug)]
pub(crate) struct Read {
    pub(crate) repository: Repository,
    pub(crate) odb: Odb,
    pub(crate) refs: Refs,
    pub(crate) commits: Commits,
    pub(crate) tags: Vec<(ObjectId, ObjectId)>,
    pub(crate) forests: Forests,
    /// Whether only a part of the commits was read.
    pub(crate) partly: bool,
}

impl Default for Repositories {
    fn default() -> Self {
        Self::new(Options::default())
    }
}

impl Repositories {
    /// No repositories yet.
    pub fn new(options: Options) -> Self {
        Self {
            options,
            found: Mutex::default(),
            stories: Mutex::default(),
            unknown: Mutex::default(),
            summaries: Mutex::default(),
            places: Mutex::default(),
            room: AtomicUsize::new(history::MOST_STORIES),
        }
    }

    /// Records git storage that the walk found.
    fn found(&self, found: Found) {
        lock(&self.found).push(found);
    }

    /// Whether a file with this start is read as git storage, not as a file.
    fn reads_pack(&self, start: &[u8]) -> bool {
        self.options.selection.history != History::None && bundle::begins(start)
    }

    /// The summaries of the repositories read, sorted by path.
    pub fn summaries(&self) -> Vec<Summary> {
        let mut summaries = lock(&self.summaries).clone();
        summaries.sort();
        summaries
    }

    /// The paths of repositories, read or not, in any order: work trees, and directories of bare repositories.
    pub fn places(&self) -> Vec<PathBuf> {
        lock(&self.places).clone()
    }

    /// Reads a repository, except the object directories in `elsewhere`, which are read for other repositories.
    fn repository(
        &self,
        repository: Repository,
        elsewhere: &BTreeSet<PathBuf>,
        bounds: &Arc<Bounds>,
        jobs: usize,
        to: Feed<'_>,
    ) {
        lock(&self.places).push(repository.name.clone());
        if self.options.selection.history == History::None {
            to.run.gap(unread(&repository.git_dir, Reason::HistoryLeftOut, "--history none".to_owned()));
            return;
        }
        let mut gaps = Vec::new();
        let mut odb = Odb::open(&repository.objects(), repository.format, bounds, &mut |gap| gaps.push(gap));
        for directory in odb.directories.iter_mut().filter(|_| !elsewhere.is_empty()) {
            directory.elsewhere = directory.path.canonicalize().is_ok_and(|real| elsewhere.contains(&real));
        }
        let refs = Refs::read(&repository.git_dir, &repository.common, repository.format, &mut |gap| gaps.push(gap));
        self.read(repository, odb, refs, gaps, jobs, to);
    }

    /// Reads a standalone pack or bundle.
    fn pack(&self, path: &Path, bounds: &Arc<Bounds>, jobs: usize, to: Feed<'_>) {
        let mut gaps = Vec::new();
        let opened = Store::open(path).and_then(|store| bundle::header(&store)).and_then(|header| {
            let pack = match Pack::open(path, header.format, bounds) {
                Ok(pack) if header.pack == 0 => pack,
                opened => {
                    let pack = rebuilt(path, header.pack, header.format, bounds, &mut |gap| gaps.push(gap))?;
                    let index = path.with_extension("idx");
                    if let Some(error) = opened.err().filter(|_| header.pack == 0 && index.exists()) {
                        agree::check_set_aside(&index, &pack, &error.to_string(), &mut |gap| gaps.push(gap));
                    }
                    pack
                }
            };
            Ok((header, pack))
        });
        let (header, pack) = match opened {
            Ok(opened) => opened,
            Err(error) => {
                // A file that only begins like a pack is scanned like any other file.
                as_it_is(path, b"", u64::MAX, to);
                return to.run.gap(unread(path, reason(&error), error.to_string()));
            }
        };
        if header.pack > 0 {
            as_it_is(path, header.signature, header.pack, to);
        }
        if header.prerequisites > 0 {
            let count = header.prerequisites;
            let detail = format!("an incremental bundle: it needs {count} commits that are not in it");
            gaps.push(unread(path, Reason::MissingObjects, detail));
        }
        let name = path.to_owned();
        let repository = Repository {
            name: name.clone(),
            git_dir: name.clone(),
            common: name.clone(),
            format: header.format,
            shallow: Vec::new(),
            partial: header.filtered,
        };
        let mut refs = Refs::default();
        for (name, id) in header.refs {
            if name == "HEAD" {
                refs.head = Some(id);
            }
            refs.by_name.insert(name, id);
        }
        let odb = Odb::of_packs(header.format, &name, vec![pack], bounds);
        self.read(repository, odb, refs, gaps, jobs, to);
    }

    pub(crate) fn read(
        &self,
        repository: Repository,
        mut odb: Odb,
        refs: Refs,
        mut gaps: Vec<Gap>,
        jobs: usize,
        to: Feed<'_>,
    ) {
        let selection = &self.options.selection;
        let wanted = if selection.is_all() {
            Ok(None)
        } else {
            let mut doubt = |reason, what| gaps.push(unread(&repository.git_dir, reason, what));
            let reader = Reader { git_dir: &repository.git_dir, revisions: self.options.revisions.as_deref() };
            selection.objects(&odb, &refs, (&repository.shallow, reader), jobs, &mut doubt).map(Some)
        };
        let wanted: Option<HashSet<ObjectId>> = wanted.unwrap_or_else(|what| {
            let mut unknown = lock(&self.unknown);
            unknown.push(what.clone());
            gaps.push(unread(&repository.git_dir, Reason::MissingObjects, what));
            Some(HashSet::new())
        });
        let bounds = Arc::clone(&odb.bounds);
        let scan = Scan {
            to,
            name: &repository.git_dir,
            wanted: wanted.as_ref(),
            shortcut: self.options.shortcut,
            jobs,
            bounds: &bounds,
        };
        let mut tally = scan_all(&scan, &mut odb, &mut gaps);
        scan.rescue(&odb, &mut tally);
        let partial = repository.partial || odb.promisor;
        if partial && wanted.is_none() {
            let absent = absent(&odb, jobs);
            if absent > 0 {
                let objects = if absent == 1 { "1 object" } else { &format!("{absent} objects") };
                let detail = format!("partial clone: {objects} never fetched");
                gaps.push(unread(&repository.git_dir, Reason::MissingObjects, detail));
            }
        }
        if !repository.shallow.is_empty() && !selection.is_head() {
            let detail =
                format!("shallow clone: the history before {} commits was never fetched", repository.shallow.len());
            gaps.push(unread(&repository.git_dir, Reason::Shallow, detail));
        } else if odb.directories.iter().any(|directory| directory.elsewhere) {
            let detail = "objects of its alternates were read for other repositories; which commits of this one \
                          contain the findings in them was not determined";
            gaps.push(unread(&repository.git_dir, Reason::ReadElsewhere, detail.to_owned()));
        } else if wanted.is_none() {
            let missing = tally.commits.missing_parents();
            if missing > 0 && gaps.iter().all(|gap| gap.reason != Reason::MissingObjects) {
                let detail = format!("{missing} parent commits are missing");
                gaps.push(unread(&repository.git_dir, Reason::MissingObjects, detail));
            }
        }
        for named in refs.by_name.keys() {
            name::feed(named.as_bytes(), &Origin::file(&repository.git_dir), to);
        }
        let lost = refs.by_name.iter().filter(|(_, id)| !odb.has(id)).map(|(name, _)| name).collect::<Vec<_>>();
        if let Some(first) = lost.first() {
            let detail = format!("{} refs point to missing objects, such as {first}", lost.len());
            gaps.push(unread(&repository.git_dir, Reason::MissingObjects, detail));
        }
        for gap in gaps {
            to.run.gap(gap);
        }
        let [commits, trees, blobs, tags] = tally.kinds;
        lock(&self.summaries).push(Summary {
            path: repository.name.clone(),
            format: odb.format,
            packs: odb.directories.iter().map(|directory| directory.packs.len()).sum(),
            loose: odb.directories.iter().map(|directory| directory.loose.len()).sum(),
            commits,
            trees,
            blobs,
            tags,
            blob_bytes: tally.blob_bytes,
            shallow: !repository.shallow.is_empty(),
            partial,
        });
        if tally.found() {
            let partly = wanted.is_some();
            let Tally { commits, tags, forests, hits, .. } = tally;
            let read = Read { repository, odb, refs, commits, tags, forests, partly };
            let stories = history::stories(read, &hits, jobs, &self.room, to.run);
            lock(&self.stories).push(stories);
        }
    }
}

/// Scans the bytes of a file up to `end` as they are, in addition to reading it as storage. The file is known to begin
/// with `signature`.
fn as_it_is(path: &Path, signature: &[u8], end: u64, to: Feed<'_>) {
    let read = Store::open(path).map(|store| {
        let start = signature.len() as u64;
        let mut part = store.part(start, end);
        Windows::default().feed_behind(signature, &mut part, &Origin::file(path), to).1
    });
    if let Ok(Some(detail)) = read {
        to.run.gap(unread(path, Reason::ReadError, detail));
    }
}

impl StorageReader for Repositories {
    fn notice(&self, path: &Path, kind: FileType) {
        let is_link = kind.is_symlink() && path.file_name().is_some_and(|name| name == "objects");
        if let Some(found) = Found::at(path, kind.is_dir() || (is_link && path.is_dir())) {
            self.found(found);
        }
    }

    fn claims(&self, path: &Path, depth: usize, start: &[u8]) -> Option<Claim> {
        // Only if the object directory is part of the walk: `scan .git/objects/pack` means those files.
        let storage = if depth >= 2 { Storage::at(path) } else { None };
        if storage.is_some_and(|storage| storage.begins(start)) {
            return Some(Claim::Later);
        }
        if self.reads_pack(start) {
            self.found(Found::Pack(path.to_owned()));
            return Some(Claim::Later);
        }
        Storage::Loose.begins(start).then_some(Claim::Now)
    }

    fn read(&self, file: File, origin: &Origin, windows: &mut Windows, to: Feed<'_>) {
        loose::look_at(file, origin, windows, to);
    }
}

impl Source for Repositories {
    fn feed(&self, jobs: usize, to: Feed<'_>) -> Result<(), SourceError> {
        let Kept { found, beyond, .. } = std::mem::take(&mut *lock(&self.found));
        if let Some((first, many)) = beyond {
            let detail = format!("and {many} repositories, packs and bundles from here on, not read: too many paths");
            to.run.gap(unread(first.path(), Reason::TooMany, detail));
        }
        let found: Vec<Found> = found.into_iter().collect();
        let repositories =
            resolve(&found, &mut |path, detail| to.run.gap(unread(path, Reason::MissingObjects, detail)));
        let packs: Vec<&PathBuf> =
            found.iter().filter_map(|found| if let Found::Pack(path) = found { Some(path) } else { None }).collect();
        if repositories.is_empty() && packs.is_empty() {
            return Ok(());
        }
        let bounds = Arc::new(Bounds::new(to.run.limits()));
        // With a selection each repository has its own part to read, so objects are not shared.
        let elsewhere = if self.options.selection.is_all() { borrowed(&repositories) } else { Vec::new() };
        let nothing = BTreeSet::new();
        in_pool(jobs, || {
            each(jobs, repositories.len(), &|number| {
                if let Some(repository) = repositories.get(number) {
                    let elsewhere = elsewhere.get(number).unwrap_or(&nothing);
                    guarded(&repository.git_dir, to.run, || {
                        self.repository(repository.clone(), elsewhere, &bounds, jobs, to);
                    });
                }
            });
            each(jobs, packs.len(), &|number| {
                if let Some(path) = packs.get(number) {
                    guarded(path, to.run, || self.pack(path, &bounds, jobs, to));
                }
            });
        })?;
        // A selection that one of several repositories lacks is a gap; one that all of them lack is an error.
        let mut unknown = std::mem::take(&mut *lock(&self.unknown));
        if unknown.len() >= lock(&self.summaries).len()
            && let Some(what) = unknown.pop()
        {
            return Err(SourceError::Selection(what));
        }
        Ok(())
    }

    fn annotate(&self, _jobs: usize, found: &mut Vec<Occurrence>, run: &Run<'_>) {
        let mut stories = std::mem::take(&mut *lock(&self.stories));
        stories.sort_by(|a, b| a.repository.cmp(&b.repository));
        history::attribute(stories, found, run);
    }
}

/// Calls `work` for every number below `many`, on up to `jobs` threads of the current pool. Unlike with parallel
/// iterators, a thread that waits inside `work` does not start another number, so the work in progress is bounded.
fn each(jobs: usize, many: usize, work: &(dyn Fn(usize) + Sync)) {
    let next = AtomicUsize::new(0);
    let run = || {
        loop {
            let number = next.fetch_add(1, Ordering::Relaxed);
            if number >= many {
                break;
            }
            work(number);
        }
    };
    if jobs > 1 && many > 1 {
        rayon::scope(|scope| (0..jobs.min(many)).for_each(|_| scope.spawn(|_| run())));
    } else {
        run();
    }
}

/// Runs `work` on the storage of a repository. A panic is a fault of keyradius and affects only this repository.
fn guarded(path: &Path, run: &Run<'_>, work: impl FnOnce()) {
    if catch_unwind(AssertUnwindSafe(work)).is_err() {
        run.gap(unread(path, Reason::DetectorFault, "git; the rest was not read".to_owned()));
    }
}

/// Runs `work` on a pool of `jobs` threads.
fn in_pool<T: Send>(jobs: usize, work: impl FnOnce() -> T + Send) -> Result<T, SourceError> {
    let pool = rayon::ThreadPoolBuilder::new().num_threads(jobs.max(1)).build();
    let pool = pool.map_err(|error| SourceError::Threads(error.to_string()))?;
    let done = pool.install(work);
    pool.broadcast(|_| wipe_stack());
    Ok(done)
}

fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests;
