//! Finds what a git history says of a finding: the commit that introduced it, the commit that removed it, what leads to
//! it.
//!
//! Only for objects with findings. Commits were gathered while their messages were scanned; one pass over the trees
//! ([`super::trees`]) finds which trees contain the objects, and under which paths. Then every commit is compared with
//! its parents, in memory.

mod follow;
mod names;

use std::cell::Cell;
use std::collections::{BTreeMap, HashMap, HashSet};
use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::AtomicUsize;
use std::sync::atomic::Ordering::Relaxed;

use super::commits::{Graph, Header, Node, tagged};
use super::odb::{as_path, unread};
use super::refs::Named;
use super::repo::Repository;
use super::source::Read;
use super::staged;
use super::trees::{Place, Places, Trees};
use super::usage_hints;
use follow::Story;
use keyradius_core::blob::Origin;
use keyradius_core::error::Reason;
use keyradius_core::material::{CommitFacts, Occurrence, Provenance, Reach};
use keyradius_core::oid::{Kind, ObjectId};
use keyradius_core::run::Run;
use names::Containing;

/// Maximum number of places in histories that one run reports. Each takes a kilobyte.
pub(crate) const MOST_STORIES: usize = 1 << 16;

/// Maximum number of objects with findings in one repository whose paths are found, those with private keys first.
const MOST_HITS: usize = 1 << 16;

/// Maximum number of characters of an author's name and address that are reported.
const MOST_AUTHOR: usize = 256;

/// The history of the findings in one repository.
#[derive(Debug)]
pub(crate) struct Stories {
    /// The path given to the objects while they were scanned.
    git_dir: PathBuf,
    /// The path under which their places are reported.
    pub(crate) repository: PathBuf,
    of: BTreeMap<ObjectId, Vec<Provenance>>,
}

/// Works out what the history says of each object with a finding; the flag tells whether the object contains a private
/// key. Also reads files that may use these keys.
pub(crate) fn stories(
    read: Read,
    hits: &BTreeMap<ObjectId, bool>,
    jobs: usize,
    room: &AtomicUsize,
    run: &Run<'_>,
) -> Stories {
    let ids: Vec<ObjectId> = hits.keys().copied().collect();
    let history = History::of(read, hits, jobs, &|| run.cancelled());
    let of = history.stories(&ids, room);
    if history.left_out.get() {
        let detail = "more paths, commits or names lead to the findings than are listed".to_owned();
        run.gap(unread(&history.read.repository.git_dir, Reason::TooMany, detail));
    }
    let is_key = |(id, _): &(&ObjectId, &Vec<Provenance>)| hits.get(id) == Some(&true);
    let keys: Vec<&Provenance> = of.iter().filter(is_key).flat_map(|(_, stories)| stories).collect();
    usage_hints::feed(&history.read, &keys, run);
    let Repository { git_dir, name, .. } = history.read.repository;
    Stories { git_dir, repository: name, of }
}

/// Adds their history to all findings in git objects. One pass for all histories.
pub(crate) fn attribute(stories: Vec<Stories>, found: &mut Vec<Occurrence>, run: &Run<'_>) {
    let stories: HashMap<PathBuf, Stories> =
        stories.into_iter().map(|stories| (stories.git_dir.clone(), stories)).collect();
    let is_mine =
        |occurrence: &Occurrence| occurrence.origin.object.is_some() && stories.contains_key(&occurrence.origin.path);
    // In place: most of a hundred thousand findings may not be in a history.
    let mine: Vec<Occurrence> = found.extract_if(.., |occurrence| is_mine(occurrence)).collect();
    if mine.is_empty() {
        return;
    }
    let files: HashMap<(PathBuf, u64, Vec<keyradius_core::blob::Wrap>), usize> = found
        .iter()
        .enumerate()
        .filter(|(_, other)| other.origin.object.is_none())
        .map(|(at, other)| ((other.origin.path.clone(), other.offset, other.origin.wraps.clone()), at))
        .collect();
    let mut room = MOST_STORIES;
    let mut more: BTreeMap<&PathBuf, usize> = BTreeMap::new();
    for occurrence in mine {
        let Some((id, stories)) = occurrence.origin.object.zip(stories.get(&occurrence.origin.path)) else { continue };
        let told = stories.of.get(&id).map(Vec::as_slice).unwrap_or_default();
        // A file with many keys may have many paths: each key is reported at one of them at least.
        let most = told.len().min(room.max(1));
        room = room.saturating_sub(most);
        if most < told.len() {
            *more.entry(&stories.git_dir).or_default() += told.len() - most;
        }
        for provenance in told.iter().take(most) {
            let mut occurrence = occurrence.clone();
            occurrence.git = Some(Box::new(provenance.clone()));
            if let Some(path) = &provenance.path {
                let path = below(&stories.repository, path);
                // A file of the work tree that is the same in HEAD or in the index is one place, not two.
                if provenance.at_head || provenance.reach == Reach::Index {
                    let key = (path.clone(), occurrence.offset, occurrence.origin.wraps.clone());
                    if let Some(file) = files.get(&key).and_then(|at| found.get_mut(*at))
                        && file.material.identity == occurrence.material.identity
                    {
                        file.git = occurrence.git;
                        continue;
                    }
                }
                occurrence.origin = Origin { path, object: Some(id), wraps: occurrence.origin.wraps };
            }
            found.push(occurrence);
        }
    }
    for (git_dir, many) in more {
        let detail = format!("and {many} more places in its history than fit into memory");
        run.gap(unread(git_dir, Reason::TooMany, detail));
    }
}

/// Returns `name/path`, whatever a tree calls its entries: an absolute path in a tree stays below the repository.
pub(crate) fn below(name: &Path, path: &Path) -> PathBuf {
    let mut text = OsString::from(name);
    text.push("/");
    text.push(path);
    PathBuf::from(text)
}

/// Shortens a name for the report: some names are whole files.
fn shortened(mut name: String) -> String {
    if let Some((end, _)) = name.char_indices().nth(MOST_AUTHOR) {
        name.truncate(end);
        name.push_str("...");
        name.shrink_to_fit();
    }
    name
}

/// The places of some objects, the first `keys` of which contain private keys. If the trees that lead to all of them do
/// not fit into memory, only these are looked for; if not even that, none. `blobs` keeps those that were looked for.
fn places(
    read: &Read,
    blobs: &mut Vec<ObjectId>,
    keys: usize,
    jobs: usize,
    stop: &(dyn Fn() -> bool + Sync),
) -> Places {
    if let Some(trees) = Trees::read(&read.odb, &read.forests, blobs, jobs, stop) {
        return trees.places();
    }
    let some = 0 < keys && keys < blobs.len();
    blobs.truncate(keys);
    let trees = if some { Trees::read(&read.odb, &read.forests, blobs, jobs, stop) } else { None };
    let mut places = trees.map(|trees| trees.places()).unwrap_or_default();
    places.left_out = true;
    places
}

/// The commits of a repository, and which objects with findings they contain.
struct History {
    read: Read,
    graph: Graph,
    /// The objects whose places were looked for, by the numbers of their hits.
    blobs: Vec<ObjectId>,
    places: Places,
    /// Set of places of each commit's tree.
    sets: Vec<u32>,
    /// The reachability of each commit.
    reach: Vec<Reach>,
    head: Option<Node>,
    /// Branches and tags with the commits that they point to.
    refs: Vec<(Named, String, Node)>,
    /// Tag objects and their targets.
    targets: HashMap<ObjectId, ObjectId>,
    /// Whether anything is left out of the report for lack of room.
    left_out: Cell<bool>,
}

impl History {
    fn of(mut read: Read, hits: &BTreeMap<ObjectId, bool>, jobs: usize, stop: &(dyn Fn() -> bool + Sync)) -> Self {
        if read.partly {
            read.commits = super::select::commits(&read.odb, jobs);
        }
        let graph = Graph::new(std::mem::take(&mut read.commits), &read.repository.shallow);
        let mut targets: HashMap<ObjectId, ObjectId> = read.tags.iter().copied().collect();
        if read.partly {
            for id in read.refs.by_name.values() {
                if let Ok((Kind::Tag, bytes)) = read.odb.read(id) {
                    targets.extend(tagged(read.odb.format, &bytes).map(|target| (*id, target)));
                }
            }
        }
        let is_blob = |id: &ObjectId| graph.node(id).is_none() && !targets.contains_key(id);
        let of_kind = |key| hits.iter().filter(move |(_, is_key)| **is_key == key).map(|(id, _)| *id).filter(is_blob);
        // Private keys first: what does not fit is public material.
        let mut blobs: Vec<ObjectId> = of_kind(true).collect();
        let keys = blobs.len().min(MOST_HITS);
        blobs.extend(of_kind(false));
        let beyond = blobs.len() > MOST_HITS;
        blobs.truncate(MOST_HITS);
        let places = if blobs.is_empty() { Places::default() } else { places(&read, &mut blobs, keys, jobs, stop) };
        read.forests = HashMap::default();
        let sets = graph.nodes().map(|node| graph.commit(node).map_or(0, |commit| places.set(commit.tree))).collect();
        let left_out = Cell::new(places.left_out || beyond);
        let mut history = Self {
            reach: Vec::new(),
            head: None,
            refs: Vec::new(),
            blobs,
            sets,
            places,
            graph,
            targets,
            read,
            left_out,
        };
        history.head = history.read.refs.head.and_then(|id| history.commit_of(id));
        history.refs = history
            .read
            .refs
            .named()
            .filter_map(|(kind, name, id)| Some((kind, name.to_owned(), history.commit_of(id)?)))
            .collect();
        history.reach = history.reaches();
        history
    }

    /// The kind of an object, according to what was read.
    fn kind(&self, id: &ObjectId) -> Kind {
        if self.graph.node(id).is_some() {
            Kind::Commit
        } else if self.targets.contains_key(id) {
            Kind::Tag
        } else {
            Kind::Blob
        }
    }

    /// The commit that an id leads to, through any number of tags.
    fn commit_of(&self, mut id: ObjectId) -> Option<Node> {
        for _ in 0..=self.targets.len() {
            match self.targets.get(&id) {
                Some(target) => id = *target,
                None => return self.graph.node(&id),
            }
        }
        None
    }

    fn reaches(&self) -> Vec<Reach> {
        let refs = &self.read.refs;
        let public = refs.by_name.iter().filter(|(name, _)| *name != "refs/stash").map(|(_, id)| id);
        let public: Vec<&ObjectId> = public.chain(&refs.head).chain(&refs.others).collect();
        let mut reach = vec![Reach::Unreachable; self.graph.len()];
        let levels: [(Reach, Vec<&ObjectId>); 3] = [
            (Reach::Refs, public),
            (Reach::Stash, refs.stash.iter().collect()),
            (Reach::Reflog, refs.reflog.iter().collect()),
        ];
        let mut seen = vec![false; self.graph.len()];
        for (level, from) in levels {
            self.graph.reach(from.into_iter().filter_map(|id| self.commit_of(*id)), &mut seen);
            for (reach, _) in
                reach.iter_mut().zip(&seen).filter(|(reach, seen)| **seen && **reach == Reach::Unreachable)
            {
                *reach = level;
            }
        }
        reach
    }

    /// Everything to report of each object: one entry for each path it ever had, and at least one.
    fn stories(&self, hits: &[ObjectId], room: &AtomicUsize) -> BTreeMap<ObjectId, Vec<Provenance>> {
        let followed = self.follow();
        let mut paths: Vec<(&Place, Story)> = followed
            .into_iter()
            .filter_map(|(number, story)| self.places.place(number).map(|place| (place, story)))
            .collect();
        paths.sort_unstable_by_key(|(place, _)| *place);
        let most = room.fetch_update(Relaxed, Relaxed, |left| Some(left.saturating_sub(paths.len()))).unwrap_or(0);
        if paths.len() > most {
            self.left_out.set(true);
            paths.truncate(most);
        }
        let lists: Vec<&[Node]> = paths.iter().map(|(_, story)| story.introduced.as_slice()).collect();
        let contained = self.containing(&lists);
        let mut stories: BTreeMap<ObjectId, Vec<Provenance>> = BTreeMap::new();
        for (((hit, path), story), Containing { branches, tags }) in paths.iter().zip(contained) {
            let Some(id) = self.blobs.get(*hit as usize) else { continue };
            let reach = story.introduced.iter().filter_map(|node| self.reach.get(*node as usize)).min().copied();
            let public = story.introduced.iter().filter(|node| self.reach.get(**node as usize).copied() == reach);
            let introduced = self.first(&public.copied().collect::<Vec<_>>());
            stories.entry(*id).or_default().push(Provenance {
                path: Some(as_path(path)),
                introduced: introduced.and_then(|node| self.facts(node)),
                removed: self.last(&story.removed).and_then(|node| self.facts(node)),
                at_head: story.at_head,
                reach: reach.unwrap_or(Reach::Unreachable),
                branches,
                tags,
                ..self.nothing(*id, Kind::Blob)
            });
        }
        for (id, paths) in self.staged(&hits.iter().copied().filter(|id| self.kind(id) == Kind::Blob).collect()) {
            let told = stories.entry(id).or_default();
            let known: HashMap<PathBuf, usize> =
                told.iter().enumerate().filter_map(|(at, place)| Some((place.path.clone()?, at))).collect();
            for path in paths {
                let path = as_path(&path);
                match known.get(&path).and_then(|at| told.get_mut(*at)) {
                    // A staged object is not lost, whatever became of its commit.
                    Some(place) if place.reach == Reach::Unreachable => place.reach = Reach::Index,
                    Some(_) => {}
                    None if room.fetch_update(Relaxed, Relaxed, |left| left.checked_sub(1)).is_err() => {
                        self.left_out.set(true);
                    }
                    None => {
                        told.push(Provenance { path: Some(path), reach: Reach::Index, ..self.nothing(id, Kind::Blob) });
                    }
                }
            }
        }
        stories.retain(|_, told| !told.is_empty());
        for id in hits {
            stories.entry(*id).or_insert_with(|| match self.kind(id) {
                Kind::Commit => vec![self.message(*id)],
                // What leads to it may have been dropped, so the object is not reported as unreachable.
                Kind::Blob if self.left_out.get() => {
                    vec![Provenance { reach: Reach::Refs, ..self.nothing(*id, Kind::Blob) }]
                }
                // A tag may point to a blob: git keeps its maintainer's key like that.
                kind => vec![Provenance { kind, ..self.tag(*id) }],
            });
        }
        stories
    }

    fn nothing(&self, object: ObjectId, kind: Kind) -> Provenance {
        Provenance {
            repository: self.read.repository.name.clone(),
            object,
            kind,
            path: None,
            introduced: None,
            removed: None,
            at_head: false,
            reach: Reach::Unreachable,
            branches: Arc::default(),
            tags: Arc::default(),
        }
    }

    /// The provenance of a key in the message of a commit.
    fn message(&self, id: ObjectId) -> Provenance {
        let node = self.graph.node(&id);
        let node_list: Vec<Node> = node.into_iter().collect();
        let Containing { branches, tags } = self.containing(&[&node_list]).pop().unwrap_or_default();
        Provenance {
            introduced: node.and_then(|node| self.facts(node)),
            reach: node.and_then(|node| self.reach.get(node as usize).copied()).unwrap_or(Reach::Unreachable),
            branches,
            tags,
            ..self.nothing(id, Kind::Commit)
        }
    }

    /// The provenance of a key in the message of a tag, or in the target of a tag.
    fn tag(&self, id: ObjectId) -> Provenance {
        let leads = |target: &ObjectId| {
            let mut target = *target;
            for _ in 0..=self.targets.len() {
                if target == id {
                    return true;
                }
                let Some(next) = self.targets.get(&target) else { return false };
                target = *next;
            }
            false
        };
        let named = self.read.refs.by_name.iter().filter(|(_, target)| leads(target));
        let tags: Arc<[String]> =
            named.map(|(name, _)| name.strip_prefix("refs/tags/").unwrap_or(name).to_owned()).collect();
        let reach = if tags.is_empty() { Reach::Unreachable } else { Reach::Refs };
        Provenance { reach, tags, ..self.nothing(id, Kind::Tag) }
    }

    /// The paths of these objects in the index files.
    fn staged(&self, ids: &HashSet<ObjectId>) -> BTreeMap<ObjectId, Vec<Vec<u8>>> {
        let mut paths: BTreeMap<ObjectId, Vec<Vec<u8>>> = BTreeMap::new();
        if ids.is_empty() {
            return paths;
        }
        for index in self.read.repository.indexes() {
            // A damaged index yields the paths before the damage; the objects themselves were read anyway.
            let _ = staged::read(&index, self.read.odb.format, &mut |id, path| {
                if ids.contains(&id) {
                    paths.entry(id).or_default().push(path.to_vec());
                }
            });
        }
        for paths in paths.values_mut() {
            paths.sort();
            paths.dedup();
        }
        paths
    }

    fn facts(&self, node: Node) -> Option<CommitFacts> {
        let id = self.read.odb.by_key(self.graph.commit(node)?.key)?;
        let (_, bytes) = self.read.odb.read(&id).ok()?;
        let header = Header::parse(self.read.odb.format, &bytes);
        Some(CommitFacts {
            id,
            author: shortened(header.author.who),
            author_time: header.author.time,
            committer: shortened(header.committer.who),
            commit_time: header.committer.time,
        })
    }
}
