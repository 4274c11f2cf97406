//! `keyradius scan`: run the engine over the targets, judge what it found, and report.

use std::cell::{Cell, RefCell};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;
use std::time::{Duration, Instant};

use jiff::Timestamp;
use keyradius_core::blob::{PlainPath, printable_path};
use keyradius_core::engine::{Engine, Harvest, Progress};
use keyradius_core::error::SourceError;
use keyradius_core::repository::Summary;
use keyradius_core::seam::Source;
use keyradius_core::source::fs::Tree;
use keyradius_core::source::special::Stdin;
use keyradius_detectors::facts::{self, Facts, Header, JoinKey};
use keyradius_detectors::{Judging, open};
use keyradius_git::Repositories;

use super::history;
use super::sources::sources;
use super::tell::{self, Run};
use crate::args::is_stdin;
use crate::confine::Guard;
use crate::exit::plain;
use crate::exit::{Exit, Failure, Outcome};
use crate::out;
use crate::plan::{Output, Plan};
use crate::progress::ProgressLine;
use crate::report::model::Tool;
use crate::report::{Format, build, json};

/// Scans and reports; returns the exit code.
pub(crate) fn run(plan: Plan, guard: Guard) -> Result<Exit, Failure> {
    let began_at = Instant::now();
    // Before the first thread, so that all threads are confined, and before any untrusted byte is read.
    tell::confine(&plan.telling, guard)?;
    let progress = Arc::new(Progress::default());
    stop_on_ctrl_c(&progress, plan.telling.quiet)?;
    let targets = plan.targets.clone();
    if plan.telling.format == Format::Facts {
        return write_facts(plan, &progress, began_at);
    }
    let facts = read(&plan, &targets, &plan.search.engine(plan.limits), &progress)?;
    let began = plan.telling.clock.started;
    let ended = ended(&plan, began_at);
    if let (false, Some(asked)) = (plan.telling.quiet, plan.telling.jobs.asked) {
        out::people(format_args!(
            "note: using {} threads instead of {asked}: more would only wait for each other",
            plan.telling.jobs.count
        ));
    }
    let reading = vec![build::reading(Some(&plan.reading), plan.passwords, &plan.limits)];
    let run = Run { facts, roots: targets, reading, began, ended };
    tell::tell(plan.telling, run, &|| progress.cancelled.load(Relaxed), began_at)
}

/// When the run ended.
pub(super) fn ended(plan: &Plan, began_at: Instant) -> Timestamp {
    let began = plan.telling.clock.started;
    let took = if plan.telling.clock.frozen { Duration::ZERO } else { began_at.elapsed() };
    began.checked_add(took).unwrap_or(began)
}

/// Reads these targets, and tries passwords on their locked containers.
pub(super) fn read(
    plan: &Plan,
    targets: &[PathBuf],
    engine: &Engine<'_>,
    progress: &Arc<Progress>,
) -> Result<Facts, Failure> {
    let line = ProgressLine::start(progress, plan.progress);
    let repositories = Repositories::new(plan.git.clone());
    let harvest = harvest(plan, targets, (engine, progress), &repositories)?;
    drop(line);
    Ok(facts(plan, targets, harvest, &repositories, &|| progress.cancelled.load(Relaxed)))
}

/// The facts of a harvest: everything that can be derived without other sources.
fn facts(
    plan: &Plan,
    targets: &[PathBuf],
    mut harvest: Harvest,
    repositories: &Repositories,
    stop: &(dyn Fn() -> bool + Sync),
) -> Facts {
    name_as_people_do(&mut harvest);
    harvest.gaps.append(&mut history::unread(plan, targets, repositories));
    let judging = Judging {
        passwords: open::Options {
            enabled: plan.passwords,
            cost: plan.limits.max_password_work,
            ..open::Options::default()
        },
        units: units(plan, targets, repositories),
        given: &plan.given,
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

/// Writes the facts of each source as soon as it was read, and returns the exit code. Findings do not affect the exit
/// code, because facts are not judged here.
fn write_facts(mut plan: Plan, progress: &Arc<Progress>, began_at: Instant) -> Result<Exit, Failure> {
    // Report a missing target before the first line is written.
    for target in plan.targets.iter().filter(|target| !is_stdin(target)) {
        plan.telling.directory.join(target).metadata().map_err(|error| cannot_scan(target, &error))?;
    }
    let engine = plan.search.engine(plan.limits);
    let header = Header {
        schema: facts::SCHEMA.to_owned(),
        version: Tool::VERSION.to_owned(),
        rules: facts::rules(&plan.search.knowledge()),
        limits: plan.limits,
        passwords: plan.passwords,
        reading: Some(plan.reading.clone()),
        join_key: plan.join_key.as_ref().map(JoinKey::id),
        targets: plan.targets.iter().cloned().map(PlainPath).collect(),
        started: plan.telling.clock.started.as_second(),
    };
    let output = std::mem::replace(&mut plan.telling.output, Output::Stdout);
    let sources = sources(&plan, &output);
    let (outcome, places, failed) = (Cell::new(Outcome::default()), Cell::new(0), Cell::new(None));
    // The first source may contain the output file, so it is read before that file is created.
    let first = Cell::new(Some(read(&plan, sources.first().map_or(&[], Vec::as_slice), &engine, progress)?));
    let written = tell::deliver(output, &|out| {
        let out = RefCell::new(out);
        let mut lines = facts::Lines::begin(&header, |line| json::line(line, &mut **out.borrow_mut()))?;
        let mut add = |facts: &Facts| {
            places.set(places.get() + facts.occurrences.len());
            outcome.set(outcome.get().and(facts));
            lines.add(facts)?;
            // Whoever waits for a source may go on with it.
            out.borrow_mut().flush()
        };
        if let Some(facts) = first.take() {
            add(&facts)?;
        }
        for targets in sources.iter().skip(1) {
            if outcome.get().interrupted {
                break;
            }
            add(&read(&plan, targets, &engine, progress).map_err(|failure| {
                failed.set(Some(failure));
                io::Error::other("a source cannot be read")
            })?)?;
        }
        lines.end(ended(&plan, began_at).as_second())
    });
    match failed.take() {
        Some(failure) => return Err(failure),
        None => written?,
    }
    if !plan.telling.quiet {
        out::people(format_args!(
            "note: wrote facts of {} places; report on them with `keyradius judge`",
            places.get()
        ));
    }
    Ok(Exit::of_scan(outcome.get(), plan.telling.strict, plan.telling.exit_zero))
}

impl Outcome {
    /// Adds the outcome of one more source.
    fn and(self, facts: &Facts) -> Self {
        let incomplete = facts.counts.interrupted || facts.gaps.iter().any(|gap| gap.reason.leaves_incomplete());
        Self {
            failing: self.failing,
            incomplete: self.incomplete || incomplete,
            unopened: self.unopened || !facts.counts.unopened.is_empty(),
            interrupted: self.interrupted || facts.counts.interrupted,
        }
    }
}

/// On the first Ctrl-C (or SIGTERM, or SIGHUP), ends the run in order; on the second, exits immediately.
pub(super) fn stop_on_ctrl_c(progress: &Arc<Progress>, quiet: bool) -> Result<(), Failure> {
    let progress = Arc::clone(progress);
    ctrlc::set_handler(move || {
        if progress.cancelled.swap(true, Relaxed) {
            #[allow(clippy::exit, reason = "the user asked twice, so no other thread is waited for")]
            std::process::exit(Exit::Interrupted.code().into());
        }
        if !quiet {
            out::people("note: stopping; findings so far are reported next. Press Ctrl-C again to quit immediately.");
        }
    })
    .map_err(|error| match error {
        ctrlc::Error::System(error) => no_threads(&error),
        other => Failure::new(format!("cannot listen for Ctrl-C: {other}")),
    })
}

/// The error for threads that the system does not start.
fn no_threads(error: &dyn std::fmt::Display) -> Failure {
    Failure::new(format!("cannot start threads: {error}"))
        .hint("lower --jobs, or raise the limits on processes and memory (`ulimit -u`, `ulimit -v`)")
}

fn harvest(
    plan: &Plan,
    targets: &[PathBuf],
    (engine, progress): (&Engine<'_>, &Progress),
    repositories: &Repositories,
) -> Result<Harvest, Failure> {
    let roots: Vec<PathBuf> = targets.iter().filter(|target| !is_stdin(target)).cloned().collect();
    let stdin = roots.len() < targets.len();
    let tree = Tree { roots, one_file_system: plan.one_file_system, repositories };
    let mut sources: Vec<&dyn Source> = Vec::new();
    if !tree.roots.is_empty() {
        sources.push(&tree);
        sources.push(repositories);
    }
    if stdin {
        sources.push(&Stdin);
    }
    engine.scan(&sources, plan.telling.jobs.count, progress).map_err(|error| match error {
        SourceError::Unusable { path, error } => cannot_scan(&path, &error),
        SourceError::Selection(what) => Failure::new(format!("--history: {what}"))
            .hint("name commits by branch, by tag, or by id as `git log --oneline` shows it"),
        SourceError::Threads(error) => no_threads(&error),
        other => Failure::new(other.to_string()),
    })
}

fn cannot_scan(target: &Path, error: &io::Error) -> Failure {
    Failure::new(format!("cannot scan {}: {}", printable_path(target), plain(error)))
        .hint("check that it exists and that you have permission to read it")
}

/// The units within which passwords are tried: each directory of the command line, each repository, and all other
/// targets.
fn units(plan: &Plan, targets: &[PathBuf], repositories: &Repositories) -> open::Units {
    let named = targets.iter().filter(|target| plan.telling.directory.join(target).is_dir()).cloned();
    open::Units::new(named.chain(repositories.places()).map(|mut directory| {
        shorten(&mut directory);
        // Paths below `.` do not begin with it.
        if directory.as_os_str() == "." { PathBuf::new() } else { directory }
    }))
}

/// Drops the `./` before every path, which comes from the default target.
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

/// A summary whose path has no leading `./`.
fn shortened(mut summary: Summary) -> Summary {
    shorten(&mut summary.path);
    summary
}

/// Drops a leading `./`; `.` itself is left.
pub(super) fn shorten(path: &mut PathBuf) {
    if let Some(rest) = path.strip_prefix(".").ok().filter(|rest| !rest.as_os_str().is_empty()) {
        *path = rest.to_owned();
    }
}
