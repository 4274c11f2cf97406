//! Walks directories in bounded memory: an open directory for each level, and no list of names.
//!
//! A directory of a million files below a path of four kilobytes would take gigabytes as a list of paths. So directory
//! entries are read one at a time: threads take turns in asking for the next entry, and process their entries in
//! parallel.

use std::collections::VecDeque;
use std::fs::{FileType, ReadDir};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};

/// Maximum number of directories open at a time. The usual limit of a process is 1024 descriptors.
const OPEN: usize = 128;

/// Maximum number of bytes for the paths of directories that wait because too many are open.
const WAITING: usize = 16 << 20;

/// A file or directory met by a walk.
#[derive(Debug)]
pub(super) struct Entry {
    path: PathBuf,
    depth: usize,
    kind: FileType,
}

impl Entry {
    /// Its path.
    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// Its path, by value.
    pub(super) fn into_path(self) -> PathBuf {
        self.path
    }

    /// How many directories below a root; 0 for a root.
    pub(super) const fn depth(&self) -> usize {
        self.depth
    }

    /// Its type; for a root, the type after following links.
    pub(super) const fn file_type(&self) -> FileType {
        self.kind
    }
}

/// One thread's part of a walk.
pub(super) trait Visitor {
    /// Processes an entry. Returns whether to enter it, if it is a directory.
    fn entry(&mut self, entry: Entry) -> bool;
    /// Reports that something could not be listed.
    fn fault(&mut self, path: &Path, error: &io::Error);
    /// Reports a directory that was left out, because too many are waiting.
    fn left_out(&mut self, path: &Path);
    /// Whether to stop the walk.
    fn stop(&self) -> bool;
}

/// Walks everything below the roots on up to `jobs` threads, each with its own visitor.
pub(super) fn walk<V: Visitor>(roots: Vec<PathBuf>, jobs: usize, visitor: &(dyn Fn() -> V + Sync)) -> io::Result<()> {
    let walk = Walk { state: Mutex::new(State { roots: roots.into(), ..State::default() }), changed: Condvar::new() };
    std::thread::scope(|scope| {
        for number in 0..jobs.max(1) {
            let started = std::thread::Builder::new().spawn_scoped(scope, || walk.run(&mut visitor()));
            match started {
                // The threads that were started do all the work.
                Err(_) if number > 0 => break,
                started => drop(started?),
            }
        }
        Ok(())
    })
}

struct Walk {
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Default)]
struct State {
    roots: VecDeque<PathBuf>,
    /// Directories being read, the deepest last.
    levels: Vec<Level>,
    /// Directories found while too many were open, with their depths.
    waiting: VecDeque<(PathBuf, usize)>,
    /// Bytes of the waiting paths.
    bytes: usize,
    /// Threads that process a directory and may add a level.
    looking: usize,
}

struct Level {
    path: PathBuf,
    depth: usize,
    entries: ReadDir,
}

/// The next step of a thread.
enum Next {
    Root(PathBuf),
    Entry(Entry),
    /// A waiting directory, to be entered.
    Waiting(PathBuf, usize),
    Fault(PathBuf, io::Error),
}

impl Walk {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn run(&self, visitor: &mut dyn Visitor) {
        while !visitor.stop() {
            // Others wait for a thread that processes a directory; the guard releases them even if it panics.
            let Some((next, looking)) = self.next() else { break };
            let _looking = looking.then(|| Looking(self));
            match next {
                Next::Root(path) => match path.metadata() {
                    Ok(metadata) => self.look(Entry { path, depth: 0, kind: metadata.file_type() }, visitor),
                    Err(error) => visitor.fault(&path, &error),
                },
                Next::Entry(entry) => self.look(entry, visitor),
                Next::Waiting(path, depth) => self.enter(path, depth, visitor),
                Next::Fault(path, error) => visitor.fault(&path, &error),
            }
        }
    }

    fn look(&self, entry: Entry, visitor: &mut dyn Visitor) {
        let directory = entry.kind.is_dir().then(|| (entry.path.clone(), entry.depth));
        if visitor.entry(entry)
            && let Some((path, depth)) = directory
        {
            self.enter(path, depth, visitor);
        }
    }

    fn enter(&self, path: PathBuf, depth: usize, visitor: &mut dyn Visitor) {
        let mut state = self.state();
        if state.levels.len() >= OPEN {
            if state.bytes + path.as_os_str().len() > WAITING {
                drop(state);
                return visitor.left_out(&path);
            }
            state.bytes += path.as_os_str().len();
            return state.waiting.push_back((path, depth));
        }
        drop(state);
        match path.read_dir() {
            Ok(entries) => {
                self.state().levels.push(Level { path, depth, entries });
                self.changed.notify_all();
            }
            Err(error) => visitor.fault(&path, &error),
        }
    }

    /// The next step, and whether it may add a level; `None` at the end.
    fn next(&self) -> Option<(Next, bool)> {
        let mut state = self.state();
        loop {
            if let Some(level) = state.levels.last_mut() {
                let Some(entry) = level.entries.next() else {
                    state.levels.pop();
                    continue;
                };
                let depth = level.depth + 1;
                let entry = entry.and_then(|entry| Ok(Entry { path: entry.path(), depth, kind: entry.file_type()? }));
                let next = entry.map_or_else(|error| Next::Fault(level.path.clone(), error), Next::Entry);
                let looking = matches!(&next, Next::Entry(entry) if entry.kind.is_dir());
                state.looking += usize::from(looking);
                return Some((next, looking));
            }
            if let Some((path, depth)) = state.waiting.pop_front() {
                state.bytes = state.bytes.saturating_sub(path.as_os_str().len());
                state.looking += 1;
                return Some((Next::Waiting(path, depth), true));
            }
            if let Some(root) = state.roots.pop_front() {
                state.looking += 1;
                return Some((Next::Root(root), true));
            }
            if state.looking == 0 {
                return None;
            }
            state = self.changed.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
    }
}

/// Guards a directory that is being processed.
struct Looking<'w>(&'w Walk);

impl Drop for Looking<'_> {
    fn drop(&mut self) {
        self.0.state().looking -= 1;
        self.0.changed.notify_all();
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicU32, Ordering};

    use super::*;

    /// A folder that is removed when it is dropped.
    struct Folder(PathBuf);

    impl Folder {
        fn new() -> Self {
            static NEXT: AtomicU32 = AtomicU32::new(0);
            let name = format!("keyradius-walk-{}-{}", std::process::id(), NEXT.fetch_add(1, Ordering::Relaxed));
            let path = std::env::temp_dir().join(name);
            std::fs::create_dir_all(&path).expect("a temporary folder");
            Self(path)
        }

        fn path(&self) -> &Path {
            &self.0
        }

        /// Writes an empty file, and makes the folders above it.
        fn write(&self, name: &str) {
            let path = self.0.join(name);
            std::fs::create_dir_all(path.parent().expect("a folder")).expect("made");
            std::fs::write(&path, b"").expect("written");
        }
    }

    impl Drop for Folder {
        fn drop(&mut self) {
            let _ = std::fs::remove_dir_all(&self.0);
        }
    }

    struct Names<'a>(&'a Mutex<Vec<String>>, &'a Path);

    impl Visitor for Names<'_> {
        fn entry(&mut self, entry: Entry) -> bool {
            let name = entry.path().strip_prefix(self.1).unwrap_or(entry.path()).display().to_string();
            let enters = entry.path().file_name().is_none_or(|name| name != "not");
            self.0.lock().unwrap().push(format!("{} {name}", entry.depth()));
            enters
        }
        fn fault(&mut self, path: &Path, error: &io::Error) {
            panic!("{}: {error}", path.display());
        }
        fn left_out(&mut self, path: &Path) {
            panic!("{}", path.display());
        }
        fn stop(&self) -> bool {
            false
        }
    }

    fn seen(folder: &Folder, jobs: usize) -> Vec<String> {
        let names = Mutex::default();
        walk(vec![folder.path().to_owned()], jobs, &|| Names(&names, folder.path())).expect("threads");
        let mut names = names.into_inner().unwrap();
        names.sort();
        names
    }

    #[test]
    fn everything_below_a_root_is_visited_once() {
        let folder = Folder::new();
        let mut expected = vec!["0 ".to_owned(), "1 not".to_owned()];
        folder.write("not/entered");
        for directory in 0..20 {
            expected.push(format!("1 d{directory}"));
            for file in 0..20 {
                folder.write(&format!("d{directory}/{file}"));
                expected.push(format!("2 d{directory}/{file}"));
            }
        }
        expected.sort();
        for jobs in [1, 2, 8] {
            assert_eq!(seen(&folder, jobs), expected, "{jobs}");
        }
    }

    #[test]
    fn paths_deeper_than_the_open_limit_are_walked_completely() {
        let folder = Folder::new();
        let deep = ["a"; 3 * OPEN].join("/");
        folder.write(&format!("{deep}/x"));
        folder.write(&format!("{}/b/y", ["a"; 2 * OPEN].join("/")));
        for jobs in [1, 4] {
            let seen = seen(&folder, jobs);
            assert_eq!(seen.len(), 3 * OPEN + 4, "{jobs}");
            assert!(seen.contains(&format!("{} {deep}/x", 3 * OPEN + 1)), "{jobs}");
        }
    }
}
