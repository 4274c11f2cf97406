//! What a walk came by of git, and who reads what of it.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;

use super::odb::with_alternates;
use super::repo::{Found, Repository};

/// Bytes of the paths of repositories and packs that are kept until the walk is done, with what each takes beside.
const MOST_FOUND: usize = 32 << 20;
const AROUND: usize = 96;

/// How often the objects of a repository are read again for others that name it as their alternate. Every object was searched
/// by then; each time more only says which commits of one more repository hold what was found.
const BORROWERS: usize = 3;

/// What a walk came by, the first in their order as far as there is room.
#[derive(Debug, Default)]
pub(super) struct Kept {
    pub(super) found: BTreeSet<Found>,
    bytes: usize,
    /// The first that was not kept: neither is any later one. And how many there were.
    pub(super) beyond: Option<(Found, u64)>,
}

impl Kept {
    /// Takes one in.
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

/// Of each repository the object directories that it borrows from and that enough others read: those of its alternates.
pub(super) fn borrowed(repositories: &[Repository]) -> Vec<BTreeSet<PathBuf>> {
    let own: BTreeSet<PathBuf> =
        repositories.iter().filter_map(|repository| repository.objects().canonicalize().ok()).collect();
    let mut readers: BTreeMap<PathBuf, usize> = BTreeMap::new();
    let mut all = Vec::with_capacity(repositories.len());
    for repository in repositories {
        let mut elsewhere = BTreeSet::new();
        for path in with_alternates(&repository.objects(), &mut |_| {}).into_iter().skip(1) {
            // Of a directory that is no repository of this run, the first of those that borrow from it is the one that reads it.
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
    fn only_so_many_paths_are_kept_and_the_rest_is_counted() {
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
    fn the_first_borrowers_read_what_they_borrow() {
        let folder = Folder::new();
        let found: Vec<Found> = (0..8)
            .map(|number| {
                folder.write(&format!("r{number}/HEAD"), b"ref: refs/heads/main");
                folder.write(&format!("r{number}/objects/info/alternates"), b"../../r0/objects\n../../else/objects\n");
                Found::Directory(folder.path().join(format!("r{number}")))
            })
            .collect();
        std::fs::create_dir_all(folder.path().join("else/objects")).unwrap();
        let borrowed = borrowed(&resolve(&found));
        // The first borrows only from the directory that is nobody's; all but one of them have it read three times more.
        let elsewhere: Vec<usize> = borrowed.iter().map(BTreeSet::len).collect();
        assert_eq!(elsewhere, [0, 0, 0, 0, 2, 2, 2, 2]);
    }
}
