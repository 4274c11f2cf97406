//! Reports requested histories that were not read: a target inside a repository has no history of its own.

use std::path::{Path, PathBuf};

use keyradius_core::blob::{Origin, printable_path};
use keyradius_core::error::{Gap, Reason};
use keyradius_git::{History, Repositories};

use crate::args::is_stdin;
use crate::out;
use crate::plan::Plan;

/// Returns a gap for each target whose history was requested and not read. If no history was requested, prints a note
/// if a target is inside a repository, because the history of that repository is not part of the report.
pub(super) fn unread(plan: &Plan, targets: &[PathBuf], repositories: &Repositories) -> Vec<Gap> {
    if plan.git.selection.history == History::None {
        return Vec::new();
    }
    let here = &plan.telling.directory;
    let full = |path: &Path| here.join(path).canonicalize().ok();
    let bundles = repositories.summaries().into_iter().map(|summary| summary.path);
    let read: Vec<PathBuf> = repositories.places().into_iter().chain(bundles).filter_map(|path| full(&path)).collect();
    let ceilings: Vec<PathBuf> = plan.ceilings.iter().filter_map(|path| path.canonicalize().ok()).collect();
    let (mut gaps, mut note) = (Vec::new(), None);
    for target in targets.iter().filter(|target| !is_stdin(target)) {
        let Some(path) = full(target) else { continue };
        if read.iter().any(|place| place.starts_with(&path)) {
            continue;
        }
        let mut above =
            path.ancestors().skip(1).take_while(|directory| !ceilings.iter().any(|ceiling| ceiling == directory));
        let around = above.find(|directory| has_history(directory));
        if around.is_some_and(|root| read.iter().any(|place| place == root)) {
            // The whole repository is another target.
            continue;
        }
        match (plan.asked, around) {
            (Some(option), Some(root)) => {
                let root = printable_path(root);
                gaps.push(gap(
                    target,
                    format!("{option}: its history is in the repository {root}: scan that repository"),
                ));
            }
            (Some(option), None) if !plan.git.selection.is_all() => {
                gaps.push(gap(target, format!("{option}: no git history found here")));
            }
            (None, Some(root)) => note = note.or_else(|| Some((target.clone(), root.to_owned()))),
            _ => {}
        }
    }
    if let (Some((target, root)), false) = (note, plan.telling.quiet) {
        let (target, root) = (printable_path(&target), printable_path(&root));
        out::people(format_args!(
            "note: {target} is part of the repository {root}, whose history was not read: scan {root} to read it"
        ));
    }
    gaps
}

/// Whether a directory is the root of a work tree with a history. Like git, ignores a directory `.git` without a HEAD.
fn has_history(directory: &Path) -> bool {
    let git = directory.join(".git");
    git.is_file() || git.join("HEAD").symlink_metadata().is_ok()
}

fn gap(target: &Path, detail: String) -> Gap {
    Gap::new(Origin::file(target), Reason::TargetUnread, detail)
}
