//! The git storage found by a walk, and the assignment of object directories to readers.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;

use super::odb::with_alternates;
use super::repo::{Found, Repository};

/// Maximum number of bytes for the paths of repositories and packs kept until the walk ends, and the overhead of each
/// path.
const MOST_FOUND: usize = 32 << 20;
const AROUND: usize = 96;

/// How often the objects of a repository are read again for other repositories that name it as their alternate. Every
/// object was already searched; reading it again only shows which commits of another repository contain what was found.
const BORROWERS: usize = 3;

/// The git storage found by a walk; the first paths in order, as far as memory allows.
#[derive(Debug, Default)]
pub(super) struct Kept {
    pub(super) found: BTreeSet<Found>,
    bytes: usize,
    /// The first path that was not kept, and how many were not: no later path is kept either.
    pub(super) beyond: Option<(Found, u64)>,
}

impl Kept {
    /// Adds a path.
    pub(super) fn push(&mut self, found: Found) {
        if let Some((first, many)) = &mut self.beyond
            && found >= *first
        {
            *many += 1;
            return;
        }
        let cost = cost(&found);
        if self.found.insert(found) {
            self.bytes += cost;
        }
        while self.bytes > MOST_FOUND
            && let Some(last) = self.found.pop_last()
        {
            self.bytes -= self::cost(&last);
            let many = self.beyond.as_ref().map_or(0, |(_, many)| *many);
            self.beyond = Some((last, many + 1));
        }
    }
}

fn cost(found: &Found) -> usize {
    AROUND + found.path().as_os_str().len()
}

/// For each repository, the object directories that it borrows and that enough other repositories read: those of its
/// alternates.
pub(super) fn borrowed(repositories: &[Repository]) -> Vec<BTreeSet<PathBuf>> {
    let own: BTreeSet<PathBuf> =
        repositories.iter().filter_map(|repository| repository.objects().canonicalize().ok()).collect();
    let mut readers: BTreeMap<PathBuf, usize> = BTreeMap::new();
    let mut all = Vec::with_capacity(repositories.len());
    for repository in repositories {
        let mut elsewhere = BTreeSet::new();
        for path in with_alternates(&repository.objects(), &mut |_| {}).into_iter().skip(1) {
            // A directory that belongs to no repository of this run is read by the first repository that borrows it.
            let Ok(real) = path.canonicalize() else { continue };
            let most = if own.contains(&real) { BORROWERS } else { BORROWERS + 1 };
            let many = readers.entry(real.clone()).or_default();
            if *many >= most {
                elsewhere.insert(real);
            } else {
                *many += 1;
            }
        }
        all.push(elsewhere);
    }
    all
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::made::Folder;
    use crate::repo::resolve;

    #[test]
    fn paths_beyond_the_limit_are_counted() {
        let mut kept = Kept::default();
        let name = |number: usize| Found::Pack(PathBuf::from(format!("{number:08}{}", "x".repeat(4000))));
        let many = 2 * MOST_FOUND / 4000;
        (0..many).rev().chain(0..many / 4).for_each(|number| kept.push(name(number)));
        assert!(kept.bytes <= MOST_FOUND && kept.found.len() > MOST_FOUND / 5000);
        let (first, rest) = kept.beyond.expect("not all are kept");
        assert_eq!((kept.found.len() as u64 + rest, first), (many as u64, name(kept.found.len())));
        assert_eq!(kept.found.first(), Some(&name(0)));
    }

    #[test]
    fn the_first_borrowers_read_borrowed_objects() {
        let folder = Folder::new();
        let found: Vec<Found> = (0..8)
            .map(|number| {
                folder.write(&format!("r{number}/HEAD"), b"ref: refs/heads/main");
                folder.write(&format!("r{number}/objects/info/alternates"), b"../../r0/objects\n../../else/objects\n");
                Found::Directory(folder.path().join(format!("r{number}")))
            })
            .collect();
        std::fs::create_dir_all(folder.path().join("else/objects")).unwrap();
        let borrowed = borrowed(&resolve(&found, &mut |_, what| panic!("{what}")));
        // The first repository borrows only the directory without a repository. The first four read that directory, and
        // three of them also read the objects of the first.
        let elsewhere: Vec<usize> = borrowed.iter().map(BTreeSet::len).collect();
        assert_eq!(elsewhere, [0, 0, 0, 0, 2, 2, 2, 2]);
    }
}
