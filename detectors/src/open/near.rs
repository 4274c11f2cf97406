//! Which of the passwords that stand in a run stand near a locked file, nearest first.
//!
//! Nearest is what names the file or its key in the same statement; then what stands in the same directory, in the
//! directories above it, and in the rest of the tree, the closest branches first.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use scanner_core::seam::Candidate;

/// Most candidates looked at for one place. Thousands of files may hold the same password.
const MAX_LOOKED_AT: usize = 1000;

/// How near a candidate stands. Ordered.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Nearness {
    /// The statement leads to this very file.
    Names,
    /// The statement names a file or key that is called the same.
    NamesLike,
    SameDirectory,
    Above,
    Elsewhere,
}

/// A candidate as seen from a place.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Near {
    pub(super) nearness: Nearness,
    /// Directories between.
    distance: usize,
    /// Index of the candidate.
    pub(super) which: usize,
}

/// All candidates of a run, by directory and by what they name.
pub(super) struct Index<'a> {
    /// In the order of origin, line and field.
    pub(super) candidates: &'a [Candidate],
    by_directory: BTreeMap<PathBuf, Vec<usize>>,
    by_name: BTreeMap<String, Vec<usize>>,
    /// By the file that the statement leads to.
    by_target: BTreeMap<PathBuf, Vec<usize>>,
    /// For each candidate a number that is the same for the same password.
    words: Vec<usize>,
}

impl<'a> Index<'a> {
    pub(super) fn new(candidates: &'a [Candidate]) -> Self {
        let mut index = Self {
            candidates,
            by_directory: BTreeMap::new(),
            by_name: BTreeMap::new(),
            by_target: BTreeMap::new(),
            words: Vec::new(),
        };
        let mut numbers: BTreeMap<&[u8], usize> = BTreeMap::new();
        let mut in_directory = BTreeSet::new();
        for (which, candidate) in candidates.iter().enumerate() {
            let next = numbers.len();
            let word = *numbers.entry(candidate.secret.expose()).or_insert(next);
            index.words.push(word);
            let place = candidate.origin.location();
            let directory = place.parent().unwrap_or(Path::new(""));
            if in_directory.insert((directory.to_owned(), word)) {
                index.by_directory.entry(directory.to_owned()).or_default().push(which);
            }
            for about in &candidate.about {
                if let Some(name) = last(about) {
                    index.by_name.entry(name).or_default().push(which);
                }
                if let Some(target) = resolve(directory, about) {
                    index.by_target.entry(target).or_default().push(which);
                }
            }
        }
        index
    }

    /// A number that is the same for candidates with the same password.
    pub(super) fn word(&self, which: usize) -> Option<usize> {
        self.words.get(which).copied()
    }

    /// The nearest candidates as seen from a file whose keys have these names, at most so many, each password once.
    pub(super) fn near(&self, place: &Path, names: &[String], most: usize) -> Vec<Near> {
        let mut list = List { index: self, near: Vec::new(), words: BTreeSet::new(), looked_at: 0, most };
        let own = place.file_name().and_then(|name| name.to_str()).map(str::to_lowercase);
        let names = names.iter().map(|name| name.to_lowercase());
        for &which in self.by_target.get(place).into_iter().flatten().take(MAX_LOOKED_AT) {
            list.push(Near { nearness: Nearness::Names, distance: 0, which });
        }
        let alike = own.into_iter().chain(names).filter_map(|name| self.by_name.get(&name)).flatten();
        let mut alike: Vec<Near> = alike.take(MAX_LOOKED_AT).map(|&which| self.alike(place, which)).collect();
        alike.sort();
        for near in alike {
            list.push(near);
        }
        list.looked_at = 0;
        let directory = place.parent().unwrap_or(Path::new(""));
        for (distance, above) in directory.ancestors().enumerate() {
            let nearness = if distance == 0 { Nearness::SameDirectory } else { Nearness::Above };
            for &which in self.by_directory.get(above).into_iter().flatten() {
                list.push(Near { nearness, distance, which });
            }
        }
        for (distance, above) in directory.ancestors().enumerate() {
            // Paths are ordered by their parts, so what is below a directory stands together.
            let below = self.by_directory.range(above.to_path_buf()..).take_while(|(path, _)| path.starts_with(above));
            for &which in below.flat_map(|(_, list)| list) {
                if !list.push(Near { nearness: Nearness::Elsewhere, distance, which }) {
                    return list.near;
                }
            }
        }
        list.near
    }

    /// A candidate that names something called like this place.
    fn alike(&self, place: &Path, which: usize) -> Near {
        let of = self.candidates.get(which).map(|candidate| candidate.origin.location());
        let directory = of.as_deref().and_then(Path::parent).unwrap_or(Path::new(""));
        let shared = directory.components().zip(place.components()).take_while(|(a, b)| a == b).count();
        let distance = directory.components().count() + place.components().count() - 2 * shared;
        Near { nearness: Nearness::NamesLike, distance, which }
    }
}

/// A list in the making.
struct List<'i, 'a> {
    index: &'i Index<'a>,
    near: Vec<Near>,
    words: BTreeSet<usize>,
    looked_at: usize,
    most: usize,
}

impl List<'_, '_> {
    /// Adds a candidate unless its password is there. False when there is no room for more.
    fn push(&mut self, near: Near) -> bool {
        self.looked_at += 1;
        if self.near.len() >= self.most || self.looked_at > MAX_LOOKED_AT {
            return false;
        }
        if self.index.words.get(near.which).is_some_and(|&word| self.words.insert(word)) {
            self.near.push(near);
        }
        true
    }
}

/// The last part of a path as people write them, or an alias; in small letters.
fn last(about: &str) -> Option<String> {
    let name = about.rsplit(['/', '\\']).next().unwrap_or_default().trim();
    (!name.is_empty()).then(|| name.to_lowercase())
}

/// Where a path leads that stands in a file of this directory.
fn resolve(directory: &Path, about: &str) -> Option<PathBuf> {
    let about = about.replace('\\', "/");
    let mut out = if about.starts_with('/') { PathBuf::from("/") } else { directory.to_owned() };
    for part in about.split('/') {
        match part {
            "" | "." => {}
            ".." => {
                if !out.pop() {
                    return None;
                }
            }
            part => out.push(part),
        }
    }
    Some(out)
}

#[cfg(test)]
mod tests {
    use scanner_core::blob::Origin;
    use scanner_core::secret::Secret;

    use super::*;

    fn candidate(path: &str, word: &str, about: &[&str]) -> Candidate {
        Candidate {
            secret: Secret::new(word.as_bytes().to_vec()),
            origin: Origin::file(path),
            line: 1,
            field: "storePassword".to_owned(),
            about: about.iter().map(|&a| a.to_owned()).collect(),
        }
    }

    fn order(candidates: &[Candidate], place: &str, names: &[&str], most: usize) -> Vec<String> {
        let names: Vec<String> = names.iter().map(|&n| n.to_owned()).collect();
        let near = Index::new(candidates).near(Path::new(place), &names, most);
        near.iter().map(|n| String::from_utf8_lossy(candidates[n.which].secret.expose()).into_owned()).collect()
    }

    #[test]
    fn nearest_first_and_each_password_once() {
        let mut candidates = vec![
            candidate("other/x.env", "elsewhere", &[]),
            candidate("repo/.env", "above", &[]),
            candidate("repo/app/a.env", "same", &[]),
            candidate("repo/app/b.env", "same", &[]),
            candidate("repo/app/sub/c.env", "below", &[]),
            candidate("repo/ci/sign.yml", "named", &["..\\app\\Release.jks"]),
            candidate("repo/ci/z.yml", "like", &["old/release.JKS"]),
            candidate("repo/lib/k.yml", "alias", &["upload"]),
        ];
        candidates.sort_by(|a, b| a.origin.cmp(&b.origin));
        let all = order(&candidates, "repo/app/Release.jks", &["Upload"], 50);
        assert_eq!(all, ["named", "like", "alias", "same", "above", "below", "elsewhere"]);
        assert_eq!(order(&candidates, "repo/app/Release.jks", &["Upload"], 2), ["named", "like"]);
        assert_eq!(order(&candidates, "x/y.p12", &[], 1), ["elsewhere"]);
    }

    #[test]
    fn many_files_with_one_password_end() {
        let candidates: Vec<_> = (0..5000).map(|n| candidate(&format!("d/{n}/k.env"), "same", &["k.jks"])).collect();
        assert_eq!(order(&candidates, "d/7/k.jks", &[], 50), ["same"]);
        let different: Vec<_> = (0..5000).map(|n| candidate(&format!("d/{n}/k.env"), &n.to_string(), &[])).collect();
        assert_eq!(order(&different, "d/4999/k.jks", &[], 50)[0], "4999");
    }
}
