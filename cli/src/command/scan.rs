//! `keyradius scan`: one run of the engine, judged and reported.

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;
use std::time::{Duration, Instant};

use jiff::Timestamp;
use keyradius_core::blob::{PlainPath, printable_path};
use keyradius_core::engine::{Harvest, Progress};
use keyradius_core::error::SourceError;
use keyradius_core::repository::Summary;
use keyradius_core::seam::Source;
use keyradius_core::source::fs::Tree;
use keyradius_core::source::special::Stdin;
use keyradius_detectors::facts::{self, Facts, Header, JoinKey};
use keyradius_detectors::{Judging, open};
use keyradius_git::Repositories;

use super::history;
use super::tell::{self, Run};
use crate::args::is_stdin;
use crate::choice::Format;
use crate::confine::Guard;
use crate::exit::plain;
use crate::exit::{Exit, Failure, Outcome};
use crate::out;
use crate::plan::Plan;
use crate::progress::ProgressLine;
use crate::report::json;
use crate::report::model::Tool;

/// Scans, reports and says how to exit.
pub(crate) fn run(plan: Plan, guard: Guard) -> Result<Exit, Failure> {
    let began_at = Instant::now();
    // Before the first thread, so that it holds for all of them, and before the first foreign byte.
    tell::confine(&plan.telling, guard)?;
    let progress = Arc::new(Progress::default());
    stop_on_ctrl_c(&progress, plan.telling.quiet)?;
    let line = ProgressLine::start(&progress, plan.progress);
    let repositories = Repositories::new(plan.git.clone());
    let harvest = harvest(&plan, &progress, &repositories)?;
    drop(line);
    let stop = || progress.cancelled.load(Relaxed);
    let facts = facts(&plan, harvest, &repositories, &stop);
    let began = plan.telling.clock.started;
    let took = if plan.telling.clock.frozen { Duration::ZERO } else { began_at.elapsed() };
    let ended = began.checked_add(took).unwrap_or(began);
    if plan.telling.format == Format::Facts {
        return write_facts(plan, &facts, ended);
    }
    if let (false, Some(asked)) = (plan.telling.quiet, plan.telling.jobs.asked) {
        out::people(format_args!(
            "note: {} threads, not {asked}: more would only wait for each other",
            plan.telling.jobs.count
        ));
    }
    let run = Run { facts, roots: plan.targets, began, ended };
    tell::tell(plan.telling, run, &stop, began_at)
}

/// What was found, as far as it can be told without any other source.
fn facts(plan: &Plan, mut harvest: Harvest, repositories: &Repositories, stop: &(dyn Fn() -> bool + Sync)) -> Facts {
    name_as_people_do(&mut harvest);
    harvest.gaps.append(&mut history::unread(plan, repositories));
    let judging = Judging {
        passwords: open::Options {
            enabled: plan.passwords,
            cost: plan.limits.max_password_work,
            ..open::Options::default()
        },
        units: units(plan, repositories),
        jobs: plan.telling.jobs.count,
        cancelled: stop,
        ..Judging::at(plan.telling.clock.now())
    };
    let mut facts = Facts::of(harvest, &judging);
    facts.repositories = repositories.summaries().into_iter().map(shortened).collect();
    facts.counts.interrupted |= stop();
    if plan.join_key.is_some() || plan.telling.format == Format::Facts {
        facts.seal(plan.join_key.as_ref());
    }
    facts.settle();
    facts
}

/// Writes facts, and says how to exit: whether there are findings is for those to say who judge them.
fn write_facts(plan: Plan, facts: &Facts, ended: Timestamp) -> Result<Exit, Failure> {
    let header = Header {
        schema: facts::SCHEMA.to_owned(),
        version: Tool::VERSION.to_owned(),
        rules: facts::rules(&plan.search.knowledge()),
        limits: plan.limits,
        passwords: plan.passwords,
        join_key: plan.join_key.as_ref().map(JoinKey::id),
        targets: plan.targets.iter().cloned().map(PlainPath).collect(),
        started: plan.telling.clock.started.as_second(),
    };
    let complete = !facts.counts.interrupted && facts.gaps.iter().all(|gap| !gap.reason.leaves_incomplete());
    let outcome = Outcome {
        failing: false,
        incomplete: !complete,
        unopened: !facts.counts.unopened.is_empty(),
        interrupted: facts.counts.interrupted,
    };
    let exit = Exit::of_scan(outcome, plan.telling.strict, plan.telling.exit_zero);
    tell::deliver(plan.telling.output, &|out| {
        facts::lines(facts, &header, ended.as_second(), |line| json::line(line, out))
    })?;
    if !plan.telling.quiet {
        out::people(format_args!(
            "note: facts of {} places; `keyradius judge` reports on them",
            facts.occurrences.len()
        ));
    }
    Ok(exit)
}

/// The first Ctrl-C (or SIGTERM, or SIGHUP) ends the run in order; the second one at once.
fn stop_on_ctrl_c(progress: &Arc<Progress>, quiet: bool) -> Result<(), Failure> {
    let progress = Arc::clone(progress);
    ctrlc::set_handler(move || {
        if progress.cancelled.swap(true, Relaxed) {
            #[allow(clippy::exit, reason = "the user asked twice, and no other thread is to be waited for")]
            std::process::exit(Exit::Interrupted.code().into());
        }
        if !quiet {
            out::people("note: stopping; what was found is reported next. Once more stops at once.");
        }
    })
    .map_err(|error| match error {
        ctrlc::Error::System(error) => no_threads(&error),
        other => Failure::new(format!("cannot listen for Ctrl-C: {other}")),
    })
}

/// The system does not give the threads that were asked for.
fn no_threads(error: &dyn std::fmt::Display) -> Failure {
    Failure::new(format!("cannot start threads: {error}"))
        .hint("lower --jobs, or raise the limits on processes and memory (`ulimit -u`, `ulimit -v`)")
}

fn harvest(plan: &Plan, progress: &Progress, repositories: &Repositories) -> Result<Harvest, Failure> {
    let roots: Vec<PathBuf> = plan.targets.iter().filter(|target| !is_stdin(target)).cloned().collect();
    let stdin = roots.len() < plan.targets.len();
    let tree = Tree { roots, one_file_system: plan.one_file_system, repositories };
    let mut sources: Vec<&dyn Source> = Vec::new();
    if !tree.roots.is_empty() {
        sources.push(&tree);
        sources.push(repositories);
    }
    if stdin {
        sources.push(&Stdin);
    }
    plan.search.engine(plan.limits).scan(&sources, plan.telling.jobs.count, progress).map_err(|error| match error {
        SourceError::Unusable { path, error } => {
            Failure::new(format!("cannot scan {}: {}", printable_path(&path), plain(&error)))
                .hint("check that it exists and that you may read it")
        }
        SourceError::Selection(what) => Failure::new(format!("--history: {what}"))
            .hint("name commits by branch, tag or digits that `git log --oneline` shows"),
        SourceError::Threads(error) => no_threads(&error),
        other => Failure::new(other.to_string()),
    })
}

/// What belongs together: a directory of the command line, a repository in it, and all that was named by itself.
fn units(plan: &Plan, repositories: &Repositories) -> open::Units {
    let named = plan.targets.iter().filter(|target| plan.telling.directory.join(target).is_dir()).cloned();
    open::Units::new(named.chain(repositories.places()).map(|mut directory| {
        shorten(&mut directory);
        // What lies in `.` is named without it.
        if directory.as_os_str() == "." { PathBuf::new() } else { directory }
    }))
}

/// Drops the `./` that the default target puts before every path.
fn name_as_people_do(harvest: &mut Harvest) {
    for occurrence in &mut harvest.occurrences {
        shorten(&mut occurrence.origin.path);
        if let Some(git) = &mut occurrence.git {
            shorten(&mut git.repository);
        }
    }
    for gap in &mut harvest.gaps {
        shorten(&mut gap.origin.path);
    }
    harvest.candidates.map_paths(shorten);
}

/// A summary with its path as people name it.
fn shortened(mut summary: Summary) -> Summary {
    shorten(&mut summary.path);
    summary
}

/// Drops a leading `./`; `.` itself is left.
fn shorten(path: &mut PathBuf) {
    if let Some(rest) = path.strip_prefix(".").ok().filter(|rest| !rest.as_os_str().is_empty()) {
        *path = rest.to_owned();
    }
}
