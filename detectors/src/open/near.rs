//! Finds the passwords near a locked container, nearest first.
//!
//! *Near* candidates name the container or its key, or are in its own name, in the same file or in the same directory.
//! Their number is not limited: a container on which some of them were not tried makes the run incomplete. Candidates
//! from parent directories and from the rest of the tree are guesses: a limited number of them, the closest branches
//! first.
//!
//! Lists are shared by all containers and walked lazily, so that a million passwords beside a thousand keystores take
//! the memory of a million passwords.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use keyradius_core::seam::Candidate;

/// Maximum number of candidates from elsewhere that are examined for one place. Thousands of files may contain the same
/// password.
const MAX_LOOKED_AT: usize = 1000;

/// Maximum number of lists of one container that are compared to avoid trying a password twice. Beyond that (a keystore
/// with copies in hundreds of directories) a password may be tried again.
const MAX_COMPARED: usize = 256;

/// How near a candidate is, nearest first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Nearness {
    /// The operator gave the password for every container.
    Given,
    /// The statement refers to this very file, or the password is part of the file name.
    Names,
    /// The statement names a file or key of the same name.
    NamesLike,
    SameFile,
    SameDirectory,
}

/// Candidates of one group, each password once, ordered by place.
#[derive(Debug, Default)]
pub(super) struct List {
    /// Indexes of candidates.
    which: Vec<u32>,
    /// Numbers of their passwords, sorted.
    words: Vec<u32>,
}

impl List {
    fn push(&mut self, which: u32) {
        self.which.push(which);
    }

    /// Keeps only the first candidate of each password.
    fn finish(&mut self, words: &[u32]) {
        let mut seen = BTreeSet::new();
        self.which.retain(|&which| words.get(which as usize).is_some_and(|&word| seen.insert(word)));
        self.which.shrink_to_fit();
        self.words = seen.into_iter().collect();
    }

    fn contains(&self, word: u32) -> bool {
        self.words.binary_search(&word).is_ok()
    }
}

/// A list in relation to one copy of a container.
#[derive(Clone, Copy, Debug)]
pub(super) struct Segment<'i> {
    nearness: Nearness,
    list: &'i List,
    /// Index of the copy.
    copy: usize,
}

/// Lists of the near candidates of one container, nearest first.
#[derive(Debug, Default)]
pub(super) struct Near<'i>(Vec<Segment<'i>>);

/// All candidates of a run, indexed by directory and by the names that they mention.
pub(super) struct Index<'a> {
    /// Ordered by place.
    pub(super) candidates: &'a [Candidate],
    /// For each candidate, the number of its password; equal passwords have equal numbers.
    words: Vec<u32>,
    numbers: BTreeMap<&'a [u8], u32>,
    /// By the file that the statement refers to.
    by_target: BTreeMap<PathBuf, List>,
    by_name: BTreeMap<String, List>,
    by_file: BTreeMap<PathBuf, List>,
    by_directory: BTreeMap<PathBuf, List>,
    /// Passwords of the operator.
    given: List,
}

/// Whether a candidate comes from the name of a container; such a candidate has no line.
const fn is_in_name(candidate: &Candidate) -> bool {
    candidate.line == 0
}

impl<'a> Index<'a> {
    /// Builds the index. `candidates` must be sorted by place, but for the last `given`, which are for every container.
    pub(super) fn new(candidates: &'a [Candidate], given: usize) -> Self {
        let mut index = Self {
            candidates,
            words: Vec::with_capacity(candidates.len()),
            numbers: BTreeMap::new(),
            by_target: BTreeMap::new(),
            by_name: BTreeMap::new(),
            by_file: BTreeMap::new(),
            by_directory: BTreeMap::new(),
            given: List::default(),
        };
        for (which, candidate) in (0..).zip(candidates) {
            let next = index.numbers.len() as u32;
            index.words.push(*index.numbers.entry(candidate.secret.expose()).or_insert(next));
            if which as usize >= candidates.len().saturating_sub(given) {
                index.given.push(which);
                continue;
            }
            let place = candidate.origin.location().into_owned();
            if is_in_name(candidate) {
                index.by_target.entry(place).or_default().push(which);
                continue;
            }
            let directory = place.parent().unwrap_or(Path::new("")).to_owned();
            for about in &candidate.about {
                if let Some(name) = last(about) {
                    index.by_name.entry(name).or_default().push(which);
                }
                if let Some(target) = resolve(&directory, about) {
                    index.by_target.entry(target).or_default().push(which);
                }
            }
            index.by_directory.entry(directory).or_default().push(which);
            index.by_file.entry(place).or_default().push(which);
        }
        let lists = index.by_target.values_mut().chain(index.by_name.values_mut());
        for list in lists.chain(index.by_file.values_mut()).chain(index.by_directory.values_mut()) {
            list.finish(&index.words);
        }
        index.given.finish(&index.words);
        index
    }

    /// Returns the number of the password of a candidate. Equal passwords have equal numbers.
    pub(super) fn word(&self, which: u32) -> Option<u32> {
        self.words.get(which as usize).copied()
    }

    /// Returns the number of a password, or `None` if no candidate has this password.
    pub(super) fn number(&self, password: &[u8]) -> Option<u32> {
        self.numbers.get(password).copied()
    }

    /// Returns the near candidates of a container, given the place of each copy and the names of its keys.
    pub(super) fn near(&self, places: &[(PathBuf, Vec<String>)]) -> Near<'_> {
        let given = (!self.given.which.is_empty()).then_some(&self.given);
        let mut all: Vec<(Nearness, usize, Option<&List>)> = vec![(Nearness::Given, 0, given)];
        for (copy, (place, names)) in places.iter().enumerate() {
            all.push((Nearness::Names, copy, self.by_target.get(place)));
            let own = place.file_name().and_then(|name| name.to_str()).map(str::to_lowercase);
            for name in own.into_iter().chain(names.iter().map(|name| name.to_lowercase())) {
                all.push((Nearness::NamesLike, copy, self.by_name.get(&name)));
            }
            all.push((Nearness::SameFile, copy, self.by_file.get(place)));
            let directory = place.parent().unwrap_or(Path::new(""));
            all.push((Nearness::SameDirectory, copy, self.by_directory.get(directory)));
        }
        all.sort_by_key(|&(nearness, copy, _)| (nearness, copy));
        let mut known = BTreeSet::new();
        let segments = all.into_iter().filter_map(|(nearness, copy, list)| {
            // Copies in one directory share its list.
            let list = list.filter(|list| known.insert((nearness, std::ptr::from_ref(*list).addr())))?;
            Some(Segment { nearness, list, copy })
        });
        Near(segments.collect())
    }

    /// Returns candidates that are not near a place, closest first: from parent directories, then from the rest of the
    /// tree. At most `most`, each password once, without the passwords in `near`.
    pub(super) fn far(&self, place: &Path, near: &Near<'_>, most: usize) -> Vec<u32> {
        let mut far = Vec::new();
        let mut words = BTreeSet::new();
        let mut looked_at = 0;
        let directory = place.parent().unwrap_or(Path::new(""));
        let above = directory.ancestors().skip(1).filter_map(|above| self.by_directory.get(above));
        // Paths are ordered by component, so everything below a directory is contiguous.
        let below = directory.ancestors().flat_map(|above| {
            let below =
                self.by_directory.range(above.to_path_buf()..).take_while(move |(path, _)| path.starts_with(above));
            below.map(|(_, list)| list)
        });
        for &which in above.chain(below).flat_map(|list| &list.which) {
            looked_at += 1;
            if far.len() >= most || looked_at > MAX_LOOKED_AT {
                break;
            }
            if self.word(which).is_some_and(|word| !near.contains(word) && words.insert(word)) {
                far.push(which);
            }
        }
        far
    }

    /// Returns the path of the file that contains a candidate.
    fn place(&self, which: u32) -> PathBuf {
        self.candidates
            .get(which as usize)
            .map(|candidate| candidate.origin.location().into_owned())
            .unwrap_or_default()
    }
}

impl Near<'_> {
    /// Returns the number of candidates. A candidate in two lists counts twice.
    pub(super) fn len(&self) -> usize {
        self.0.iter().map(|segment| segment.list.which.len()).sum()
    }

    /// Whether a password is in one of the first [`MAX_COMPARED`] lists.
    pub(super) fn contains(&self, word: u32) -> bool {
        self.0.iter().take(MAX_COMPARED).any(|segment| segment.list.contains(word))
    }

    /// Iterates over all candidates in the order of trial: [`Self::len`] items, `None` for a password that is in an
    /// earlier list.
    pub(super) fn walk<'w>(
        &'w self,
        index: &'w Index<'_>,
        place: impl Fn(usize) -> PathBuf + 'w,
    ) -> impl Iterator<Item = Option<u32>> + 'w {
        self.0.iter().enumerate().flat_map(move |(number, segment)| {
            let start = place(segment.copy);
            Walk::new(segment, start, index).map(move |which| {
                let word = index.word(which)?;
                let earlier = self.0.iter().take(number.min(MAX_COMPARED));
                (!earlier.map(|segment| segment.list).any(|list| list.contains(word))).then_some(which)
            })
        })
    }
}

/// Walks one list. Among candidates that mention the container's name, those in the closest branches of the tree come
/// first: paths are sorted by component, so the closest are on both sides of the container's place.
struct Walk<'w, 'a> {
    index: &'w Index<'a>,
    list: &'w [u32],
    place: PathBuf,
    /// Ends of the remaining parts on both sides: `list[..left]` and `list[right..]`.
    left: usize,
    right: usize,
}

impl<'w, 'a> Walk<'w, 'a> {
    fn new(segment: &Segment<'w>, place: PathBuf, index: &'w Index<'a>) -> Self {
        let list = segment.list.which.as_slice();
        let pivot = match segment.nearness {
            Nearness::NamesLike => list.partition_point(|&which| index.place(which) < place),
            _ => 0,
        };
        Self { index, list, place, left: pivot, right: pivot }
    }

    /// Returns how many leading path components a candidate and the container share.
    fn shared(&self, at: usize) -> usize {
        let Some(place) = self.list.get(at).map(|&which| self.index.place(which)) else { return 0 };
        place.components().zip(self.place.components()).take_while(|(a, b)| a == b).count()
    }
}

impl Iterator for Walk<'_, '_> {
    type Item = u32;

    fn next(&mut self) -> Option<u32> {
        let before = self.left > 0;
        let behind = self.right < self.list.len();
        let back = before && (!behind || self.shared(self.left - 1) >= self.shared(self.right));
        if back {
            self.left -= 1;
            return self.list.get(self.left).copied();
        }
        let next = self.list.get(self.right).copied();
        self.right += usize::from(next.is_some());
        next
    }
}

/// Returns the last component of a path as written by a person, or an alias, in lower case.
fn last(about: &str) -> Option<String> {
    let name = about.rsplit(['/', '\\']).next().unwrap_or_default().trim();
    (!name.is_empty()).then(|| name.to_lowercase())
}

/// Resolves a path written in a file of `directory`. `None` if the path leads above the root.
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
    use keyradius_core::blob::Origin;
    use keyradius_core::secret::Secret;

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
        let index = Index::new(candidates, 0);
        let near = index.near(&[(place.into(), names)]);
        let far = index.far(Path::new(place), &near, most);
        let all = near.walk(&index, |_| place.into()).flatten().chain(far);
        all.map(|n| String::from_utf8_lossy(candidates[n as usize].secret.expose()).into_owned()).collect()
    }

    #[test]
    fn nearest_first_and_each_password_once() {
        let mut candidates = vec![
            candidate("other/x.env", "elsewhere", &[]),
            candidate("repo/.env", "above", &[]),
            candidate("repo/app/a.env", "same", &[]),
            candidate("repo/app/b.env", "same", &[]),
            candidate("repo/app/Release.jks", "inside", &[]),
            candidate("repo/app/sub/c.env", "below", &[]),
            candidate("repo/ci/sign.yml", "named", &["..\\app\\Release.jks"]),
            candidate("repo/ci/z.yml", "like", &["old/release.JKS"]),
            candidate("repo/lib/k.yml", "alias", &["upload"]),
        ];
        candidates.sort_by(|a, b| a.origin.cmp(&b.origin));
        let all = order(&candidates, "repo/app/Release.jks", &["Upload"], 50);
        assert_eq!(all, ["named", "like", "alias", "inside", "same", "above", "below", "elsewhere"]);
        assert_eq!(
            order(&candidates, "repo/app/Release.jks", &["Upload"], 0).len(),
            5,
            "near candidates are not limited"
        );
        assert_eq!(order(&candidates, "x/y.p12", &[], 1).len(), 1);
    }

    #[test]
    fn the_closest_candidate_of_the_same_name_comes_first() {
        let mut candidates: Vec<_> =
            (0..9).map(|n| candidate(&format!("m{n}/ci/x.env"), &n.to_string(), &["k.jks"])).collect();
        candidates.push(candidate("m4/lib/deep/y.env", "deep", &["k.jks"]));
        candidates.sort_by(|a, b| a.origin.cmp(&b.origin));
        let all = order(&candidates, "m4/app/k.jks", &[], 0);
        assert_eq!((all.len(), &all[..2]), (10, &["4".to_owned(), "deep".to_owned()][..]), "{all:?}");
    }

    #[test]
    fn many_candidates_are_bounded() {
        let candidates: Vec<_> = (0..5000).map(|n| candidate(&format!("d/{n}/k.env"), "same", &["k.jks"])).collect();
        assert_eq!(order(&candidates, "d/7/k.jks", &[], 50), ["same"]);
        let mut different: Vec<_> =
            (0..5000).map(|n| candidate(&format!("d/{n}/k.env"), &n.to_string(), &[])).collect();
        different.sort_by(|a, b| a.origin.cmp(&b.origin));
        let all = order(&different, "d/4999/k.jks", &[], 50);
        assert_eq!((all[0].as_str(), all.len()), ("4999", 51));
    }
}
