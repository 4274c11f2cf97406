//! A walk over the folders of an image, in bounded memory and work.
//!
//! An image itself declares how many folders it has, how long their names are, and how they are nested. A hostile image
//! may have a folder with many thousands of others below a long path, or many folders whose entries are at one place
//! and would be read again each time. Therefore a waiting folder costs its own name and not its path, the state of the
//! walk counts as memory of the container, and no more entries are read than an honest image of that size can have.

use std::collections::BTreeSet;
use std::ops::RangeInclusive;

use keyradius_core::error::Reason;
use keyradius_core::seam::{Inside, Member};

/// Maximum length of a path, in bytes: PATH_MAX of Linux. The limit also ends a folder that contains itself.
pub(crate) const MOST_PATH: usize = 4096;

/// Maximum overhead of an entry of a set or list, in bytes: half-full nodes, spare capacity, the allocation of a name.
const AROUND: usize = 64;

/// Unit in which memory is requested, in bytes.
const STEP: u64 = 1 << 20;

/// Bytes of entries that may be read in an image of any size.
const LEAST_WORK: u64 = 64 << 20;

/// Additional bytes of entries per byte of the image: some images store entries compressed.
const WORK: u64 = 16;

/// Why a walk ended early.
#[derive(Debug)]
pub(crate) enum End {
    /// The run wants no more members.
    Stop,
    /// A limit was exceeded, by the named items.
    TooMuch(Reason, &'static str),
}

/// Folders to be walked, and places already seen. `P` identifies a folder or a file.
#[derive(Debug)]
pub(crate) struct Folders<P> {
    /// The path of the current folder.
    path: Vec<u8>,
    levels: Vec<Level<P>>,
    seen: BTreeSet<P>,
    /// Bytes in use, and how many were granted by the run.
    held: u64,
    granted: u64,
    /// Bytes of entries that may still be read.
    work: u64,
}

#[derive(Debug)]
struct Level<P> {
    /// Length of the path of the parent folder, in bytes.
    path: usize,
    waiting: Vec<(Box<[u8]>, P)>,
    held: u64,
}

impl<P: Copy + Ord> Folders<P> {
    /// Creates the state for an image of `image` bytes.
    pub(crate) fn of(image: u64) -> Self {
        let work = LEAST_WORK.saturating_add(image.saturating_mul(WORK));
        Self { path: Vec::new(), levels: Vec::new(), seen: BTreeSet::new(), held: 0, granted: 0, work }
    }

    /// Starts a walk at a root. Places already seen stay seen.
    pub(crate) fn begin(&mut self, root: P) {
        self.levels = vec![Level { path: 0, waiting: vec![(Box::default(), root)], held: 0 }];
    }

    /// Enters the next folder, children before siblings. `None` at the end of the walk.
    pub(crate) fn enter(&mut self) -> Option<P> {
        while let Some(level) = self.levels.last_mut() {
            let Some((name, place)) = level.waiting.pop() else {
                self.held -= level.held;
                self.levels.pop();
                continue;
            };
            self.path.truncate(level.path);
            join(&mut self.path, &name);
            self.levels.push(Level { path: self.path.len(), waiting: Vec::new(), held: 0 });
            return Some(place);
        }
        None
    }

    /// Returns the path of the current folder.
    pub(crate) fn path(&self) -> &[u8] {
        &self.path
    }

    /// Returns the path of an entry of the current folder; `None` if the path exceeds [`MOST_PATH`].
    pub(crate) fn path_of(&self, name: &[u8]) -> Option<Vec<u8>> {
        let mut path = self.path.clone();
        join(&mut path, name);
        (path.len() <= MOST_PATH).then_some(path)
    }

    /// Adds a subfolder of the current folder to the walk.
    pub(crate) fn push(&mut self, name: &[u8], place: P, inside: &mut dyn Inside) -> Result<(), End> {
        let bytes = (size_of::<(Box<[u8]>, P)>() * 2 + name.len() + AROUND) as u64;
        self.hold(bytes, inside)?;
        if let Some(level) = self.levels.last_mut() {
            level.held += bytes;
            level.waiting.push((name.into(), place));
        }
        Ok(())
    }

    /// Records a place. Returns whether it was not seen before.
    pub(crate) fn is_new(&mut self, place: P, inside: &mut dyn Inside) -> Result<bool, End> {
        if !self.seen.insert(place) {
            return Ok(false);
        }
        self.hold((size_of::<P>() * 2 + AROUND) as u64, inside)?;
        Ok(true)
    }

    /// Whether any place in the range was seen that satisfies `is`.
    pub(crate) fn saw(&self, range: RangeInclusive<P>, is: impl Fn(&P) -> bool) -> bool {
        self.seen.range(range).any(is)
    }

    /// Counts bytes of entries that are about to be read. An error if the limit is exceeded.
    pub(crate) fn reads(&mut self, bytes: u64) -> Result<(), End> {
        self.work = self.work.checked_sub(bytes).ok_or(End::TooMuch(Reason::TooMuchOutput, "folders"))?;
        Ok(())
    }

    fn hold(&mut self, bytes: u64, inside: &mut dyn Inside) -> Result<(), End> {
        self.held += bytes;
        if self.held > self.granted {
            let wanted = self.held.next_multiple_of(STEP);
            inside.holds(wanted).map_err(|reason| End::TooMuch(reason, "folders"))?;
            self.granted = wanted;
        }
        Ok(())
    }

    /// Reports why a walk ended early, unless the run stopped it. Returns whether reading may continue after the walk.
    pub(crate) fn ended(&self, walked: &Result<(), End>, inside: &mut dyn Inside) -> bool {
        match walked {
            Ok(()) => true,
            Err(End::Stop) => false,
            Err(End::TooMuch(reason, what)) => {
                inside.unread(Member { name: &self.path, at: 0 }, *reason, what);
                true
            }
        }
    }
}

fn join(path: &mut Vec<u8>, name: &[u8]) {
    if !path.is_empty() && !name.is_empty() {
        path.push(b'/');
    }
    path.extend(name);
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::collect::Seen;

    #[test]
    fn a_walk_visits_children_before_siblings() {
        let (mut folders, mut inside, mut paths) = (Folders::of(0), Seen::default(), Vec::new());
        folders.begin(1);
        while let Some(place) = folders.enter() {
            paths.push(String::from_utf8(folders.path().to_vec()).unwrap());
            if place < 4 {
                for (name, child) in [(b"a", place * 2), (b"b", place * 2 + 1)] {
                    folders.push(name, child, &mut inside).unwrap();
                }
            }
        }
        assert_eq!(paths, ["", "b", "b/b", "b/a", "a", "a/b", "a/a"]);
        assert!(folders.path_of(&[b'x'; MOST_PATH]).is_none() && folders.levels.is_empty());
        assert_eq!(folders.held, 0, "no folder waits and no place was seen");
    }

    #[test]
    fn a_waiting_folder_costs_its_name_and_not_its_path() {
        let (mut folders, mut inside) = (Folders::of(0), Seen::default());
        folders.begin(0_u32);
        folders.enter();
        folders.push(&[b'x'; 4000], 1, &mut inside).unwrap();
        folders.enter();
        for place in 0..100_000 {
            folders.push(b"name", place, &mut inside).unwrap();
        }
        assert!(folders.held < 16 << 20, "{}", folders.held);
    }

    #[test]
    fn exceeding_memory_or_work_ends_the_walk() {
        let mut inside = Seen { memory: Some(8 << 20), ..Seen::default() };
        let mut folders = Folders::of(10);
        folders.begin(0_u32);
        folders.enter();
        let full = (0..1_000_000).find_map(|place| folders.push(b"name", place, &mut inside).err());
        assert!(matches!(full, Some(End::TooMuch(Reason::TooLarge, _))), "{full:?}");
        let full = (0..1_000_000).find_map(|place| folders.is_new(place, &mut inside).err());
        assert!(full.is_some());
        assert!(folders.reads(LEAST_WORK + 160).is_ok());
        assert!(matches!(folders.reads(1), Err(End::TooMuch(Reason::TooMuchOutput, _))));
    }
}
