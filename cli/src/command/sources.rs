//! Which targets of a scan are read together. Passwords are tried only within such a group.

use std::path::{Path, PathBuf};

use crate::args::is_stdin;
use crate::plan::{Output, Plan};

/// Groups targets that are read together. A directory is a group of its own. All files, and all directories that
/// overlap with another target, form one group. A group that contains the output file comes first.
pub(super) fn sources(plan: &Plan, output: &Output) -> Vec<Vec<PathBuf>> {
    let full = |target: &Path| plan.telling.directory.join(target).canonicalize().ok();
    let places: Vec<Option<PathBuf>> = plan.targets.iter().map(|target| full(target)).collect();
    let overlapping = overlapping(&places, &|path, ancestor| path.starts_with(ancestor));
    let mut together = Vec::new();
    let mut alone = Vec::new();
    for ((target, place), overlaps) in plan.targets.iter().zip(&places).zip(overlapping) {
        let is_directory = !is_stdin(target) && place.as_ref().is_some_and(|place| place.is_dir());
        if is_directory && !overlaps {
            alone.push(vec![target.clone()]);
        } else {
            together.push(target.clone());
        }
    }
    if !together.is_empty() {
        alone.push(together);
    }
    let output = match output {
        Output::Target(target) => target.directory().and_then(full),
        Output::Stdout => None,
    };
    let has_output = |source: &Vec<PathBuf>| {
        let mut places = source.iter().filter_map(|target| full(target));
        output.as_ref().is_some_and(|output| places.any(|place| output.starts_with(place)))
    };
    alone.sort_by_cached_key(|source| !has_output(source));
    alone
}

/// Whether each place is, contains or is inside another place of the list. `is_within(path, ancestor)` is asked less
/// than twice for each place: in sorted order, everything inside a place follows directly after it.
fn overlapping(places: &[Option<PathBuf>], is_within: &dyn Fn(&Path, &Path) -> bool) -> Vec<bool> {
    let mut sorted: Vec<(&Path, usize)> =
        places.iter().enumerate().filter_map(|(index, place)| Some((place.as_deref()?, index))).collect();
    sorted.sort_unstable();
    let mut overlapping = vec![false; places.len()];
    let mut mark = |index: usize| {
        if let Some(flag) = overlapping.get_mut(index) {
            *flag = true;
        }
    };
    // The last place that is inside no other.
    let mut outermost: Option<(&Path, usize)> = None;
    for (path, index) in sorted {
        match outermost {
            Some((ancestor, its_index)) if is_within(path, ancestor) => {
                mark(its_index);
                mark(index);
            }
            _ => outermost = Some((path, index)),
        }
    }
    overlapping
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;

    use super::*;

    /// The definition, which compares each place with all others.
    fn by_definition(places: &[Option<PathBuf>]) -> Vec<bool> {
        let overlaps = |one: usize, other: usize| match (&places[one], &places[other]) {
            (Some(one), Some(other)) => one.starts_with(other) || other.starts_with(one),
            _ => false,
        };
        (0..places.len()).map(|one| (0..places.len()).any(|other| other != one && overlaps(one, other))).collect()
    }

    #[test]
    fn places_overlap_if_one_is_inside_the_other() {
        let names = [
            "/a", "/a/b", "/a/c/d", "/a.b", "/a b/c", "/ab", "/b/c", "/b/c", "/b/d", "/c/d/e", "/c", "", "/d/e", "/d/f",
        ];
        let places: Vec<Option<PathBuf>> =
            names.iter().map(|name| (!name.is_empty()).then(|| PathBuf::from(name))).collect();
        let found = overlapping(&places, &|path, ancestor| path.starts_with(ancestor));
        assert_eq!(found, by_definition(&places));
        let expected: Vec<bool> =
            names.iter().map(|name| ["/a", "/a/b", "/a/c/d", "/b/c", "/c", "/c/d/e"].contains(name)).collect();
        assert_eq!(found, expected);
        // In any order, and with the root of everything among them.
        for turn in 0..places.len() {
            let mut turned = places.clone();
            turned.rotate_left(turn);
            turned.push(Some("/d".into()));
            assert_eq!(overlapping(&turned, &|path, ancestor| path.starts_with(ancestor)), by_definition(&turned));
            turned.push(Some("/".into()));
            let all: Vec<bool> = turned.iter().map(Option::is_some).collect();
            assert_eq!(overlapping(&turned, &|path, ancestor| path.starts_with(ancestor)), all);
        }
    }

    #[test]
    fn many_targets_need_few_comparisons() {
        const TARGETS: usize = 20_000;
        let mut places: Vec<Option<PathBuf>> =
            (0..TARGETS).map(|n| Some(format!("/home/{}/repository-{n}", n * 7 % 100).into())).collect();
        let asked = Cell::new(0);
        let is_within = |path: &Path, ancestor: &Path| {
            asked.set(asked.get() + 1);
            path.starts_with(ancestor)
        };
        assert!(overlapping(&places, &is_within).iter().all(|overlaps| !overlaps));
        // One of them is inside another.
        places.push(Some("/home/7/repository-1/inner".into()));
        let found = overlapping(&places, &is_within);
        let inside: Vec<usize> = (0..found.len()).filter(|index| found[*index]).collect();
        assert_eq!(inside, [1, TARGETS]);
        assert!(asked.get() < 3 * TARGETS, "{} comparisons", asked.get());
    }
}
