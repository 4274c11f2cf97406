//! `keyradius scan`: one run of the engine, judged and reported.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;
use std::time::{Duration, Instant};

use detectors::{Judgement, Judging, judge, open};
use jiff::Timestamp;
use jiff::civil::Date;
use scanner_core::blob::printable_path;
use scanner_core::engine::{Harvest, Watch};
use scanner_core::error::{Gap, SourceError};
use scanner_core::git::{Repositories, Summary};
use scanner_core::material::Occurrence;
use scanner_core::seam::Source;
use scanner_core::source::fs::Tree;
use scanner_core::source::special::Stdin;

use crate::allow::Allowance;
use crate::confine::Guard;
use crate::draft::Writer;
use crate::exit::{Exit, Failure, Outcome};
use crate::out;
use crate::plan::{NOTE_BELOW, Output, Plan, is_stdin, plain};
use crate::progress::Progress;
use crate::report::model::{self, Coverage, Notice, SCHEMA, Scan, Tool};
use crate::report::records::Records;
use crate::report::words::escape;
use crate::report::{self, Report, build};

/// Scans, reports and says how to exit.
pub(crate) fn run(plan: Plan, guard: Guard) -> Result<Exit, Failure> {
    let began = Instant::now();
    // Before the first thread, so that it holds for all of them, and before the first foreign byte.
    let output = match &plan.output {
        Output::Target(target) => target.place(),
        Output::Stdout => None,
    };
    let confinement = guard.enter(output)?;
    if plan.look.verbose {
        confinement.lacking().iter().for_each(|line| out::people(format_args!("note: not confined: {line}")));
    }
    let watch = Arc::new(Watch::default());
    stop_on_ctrl_c(&watch, plan.quiet)?;
    let progress = Progress::start(&watch, plan.progress);
    let repositories = Repositories::new(plan.git.clone());
    let harvest = harvest(&plan, &watch, &repositories)?;
    drop(progress);
    let (report, exit) = report(&plan, &watch, harvest, &repositories, began);
    // Written as it is made: a report of a hundred thousand keys would take as much memory again.
    deliver(plan.output, &|out| report::render(&report, plan.format, plan.look, out))?;
    if !plan.quiet {
        if let Some(asked) = plan.jobs.asked {
            out::people(format_args!(
                "note: {} threads, not {asked}: more would only wait for each other",
                plan.jobs.count
            ));
        }
        for notice in &report.notices {
            out::people(format_args!("note: {}: {}", escape(&notice.place), escape(&notice.message)));
        }
        out::people(report::summary(&report, began.elapsed()));
    }
    Ok(exit)
}

/// The first Ctrl-C (or SIGTERM, or SIGHUP) ends the run in order; the second one at once.
fn stop_on_ctrl_c(watch: &Arc<Watch>, quiet: bool) -> Result<(), Failure> {
    let watch = Arc::clone(watch);
    ctrlc::set_handler(move || {
        if watch.cancelled.swap(true, Relaxed) {
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

fn harvest(plan: &Plan, watch: &Watch, repositories: &Repositories) -> Result<Harvest, Failure> {
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
    plan.search.engine(plan.limits).scan(&sources, plan.jobs.count, watch).map_err(|error| match error {
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

/// Judges what was found.
fn report(
    plan: &Plan,
    watch: &Watch,
    mut harvest: Harvest,
    repositories: &Repositories,
    began: Instant,
) -> (Report, Exit) {
    let coverage = Coverage {
        files: harvest.files,
        bytes: harvest.bytes,
        rejected: harvest.rejected,
        containers: std::mem::take(&mut harvest.opened),
        members: harvest.members,
        unopened: std::mem::take(&mut harvest.unopened),
        locked: model::Locked::default(),
        repositories: Vec::new(),
        gaps: Vec::new(),
    };
    let unlisted = usize::try_from(harvest.unlisted).unwrap_or(usize::MAX);
    let interrupted = harvest.interrupted;
    name_as_people_do(&mut harvest.occurrences, &mut harvest.gaps);
    harvest.candidates.map_paths(shorten);
    let stop = || watch.cancelled.load(Relaxed);
    let judging = Judging {
        roots: &plan.targets,
        passwords: open::Options {
            enabled: plan.passwords,
            cost: plan.limits.max_password_work,
            ..open::Options::default()
        },
        known: plan.lists.all(),
        jobs: plan.jobs.count,
        cancelled: &stop,
        ..Judging::at(plan.clock.now())
    };
    let mut judgement = judge(harvest, &judging);
    let interrupted = interrupted || stop();
    let public = build::public(&judgement.findings, &std::mem::take(&mut judgement.public), plan.look.public);
    let gaps = std::mem::take(&mut judgement.gaps);
    let opening = std::mem::take(&mut judgement.opening);

    // What was not read may be what an entry speaks of: only a whole scan can call an entry unused.
    let whole = !interrupted && gaps.is_empty();
    let verdict = plan.allow.judge(
        &judgement.findings,
        &judgement.secrets,
        &plan.targets,
        &plan.directory,
        plan.clock.today,
        whole,
    );
    let judged = Rc::new(Judged {
        judgement,
        allowed: verdict.allowed.into_iter().map(few).collect(),
        secrets_allowed: verdict.secrets.into_iter().map(few).collect(),
    });
    let (open, allowed) = apart(judged.judgement.findings.len(), |index| judged.is_allowed(index));
    let (open_secrets, allowed_secrets) =
        apart(judged.judgement.secrets.len(), |index| judged.is_secret_allowed(index));
    let findings = || open.iter().filter_map(|index| judged.judgement.findings.get(*index));
    let secrets = || open_secrets.iter().filter_map(|index| judged.judgement.secrets.get(*index));
    let failing = findings().any(|finding| plan.fail_on.fails(finding))
        || secrets().any(|secret| plan.fail_on.fails_secret(secret));

    let gaps: Vec<_> = gaps.into_iter().map(build::gap).collect();
    let complete = !interrupted && gaps.iter().all(|gap| gap.deliberate);
    let outcome = Outcome { failing, incomplete: !complete, unopened: !coverage.unopened.is_empty(), interrupted };
    let exit = Exit::of_scan(outcome, plan.strict, plan.exit_zero);
    let signing_keys = findings().filter(|finding| finding.signing).count();
    let notes = || findings().filter(|finding| finding.severity < NOTE_BELOW);
    let mut by_tier: BTreeMap<&'static str, usize> = ["T0", "T1", "T2", "T3", "T4"].map(|tier| (tier, 0)).into();
    for finding in findings() {
        *by_tier.entry(finding.tier.id()).or_default() += 1;
    }
    let took = if plan.clock.frozen { Duration::ZERO } else { began.elapsed() };
    let report = Report {
        schema: SCHEMA,
        tool: Tool::THIS,
        scan: Scan {
            started: second(plan.clock.started),
            finished: second(plan.clock.started.checked_add(took).unwrap_or(plan.clock.started)),
            duration_ms: took.as_millis() as u64,
            complete,
            interrupted,
            exit_code: exit.code(),
            targets: plan.targets.iter().map(|target| printable_path(target)).collect(),
        },
        summary: model::Summary {
            signing_keys,
            other_keys: open.len() - signing_keys,
            notes: notes().count(),
            signing_notes: notes().filter(|finding| finding.signing).count(),
            places: findings().map(|finding| finding.occurrences.len()).sum(),
            by_tier,
            secrets: open_secrets.len(),
            secret_places: secrets().map(|secret| secret.occurrences.len()).sum(),
            allowed: allowed.len() + allowed_secrets.len(),
            skipped: gaps.iter().filter(|gap| !gap.deliberate).count() + unlisted,
            unopened: coverage.unopened.values().sum(),
        },
        playbooks: build::playbooks(judged.judgement.findings.iter()),
        findings: judged.told(open, plan.clock.today),
        secrets: judged.told_secrets(open_secrets),
        public,
        allowed: judged.told(allowed, plan.clock.today),
        allowed_secrets: judged.told_secrets(allowed_secrets),
        coverage: Coverage {
            locked: model::Locked { containers: opening.containers, tried: opening.tried, opened: opening.opened },
            repositories: repositories
                .summaries()
                .into_iter()
                .map(|summary| build::repository(shortened(summary)))
                .collect(),
            gaps,
            ..coverage
        },
        notices: verdict
            .notices
            .into_iter()
            .map(|notice| Notice { kind: notice.kind, place: notice.place, message: notice.message })
            .collect(),
    };
    (report, exit)
}

/// What allows the places of a finding, one by one; empty if nothing does.
type Allowances = Vec<Option<Allowance>>;

/// What was found, ranked, and what is allowed of it.
struct Judged {
    judgement: Judgement,
    allowed: Vec<Allowances>,
    secrets_allowed: Vec<Allowances>,
}

impl Judged {
    /// Whether something allows every place of a finding.
    fn is_allowed(&self, index: usize) -> bool {
        self.allowed.get(index).is_some_and(all_allowed)
    }

    /// The same of an ordinary secret.
    fn is_secret_allowed(&self, index: usize) -> bool {
        self.secrets_allowed.get(index).is_some_and(all_allowed)
    }

    /// The findings with these numbers as records.
    fn told(self: &Rc<Self>, indexes: Vec<usize>, today: Date) -> Records<model::Finding> {
        let judged = Rc::clone(self);
        Records::of(indexes, move |&index| {
            let (finding, allowed) = (judged.judgement.findings.get(index)?, judged.allowed.get(index)?);
            let (evidence, hypotheses) = judged.judgement.ledger(finding);
            Some(model::Finding {
                exposure: build::exposure(finding, today),
                hypotheses: hypotheses.iter().map(build::role).collect(),
                evidence: evidence.iter().map(build::evidence).collect(),
                ..build::finding(finding, allowed)
            })
        })
    }

    /// The ordinary secrets with these numbers as records.
    fn told_secrets(self: &Rc<Self>, indexes: Vec<usize>) -> Records<model::Secret> {
        let judged = Rc::clone(self);
        Records::of(indexes, move |&index| {
            Some(build::secret(judged.judgement.secrets.get(index)?, judged.secrets_allowed.get(index)?))
        })
    }
}

fn all_allowed(allowances: &Allowances) -> bool {
    !allowances.is_empty() && allowances.iter().all(Option::is_some)
}

/// The same, but empty if nothing allows anything.
fn few(allowances: Allowances) -> Allowances {
    if allowances.iter().all(Option::is_none) { Vec::new() } else { allowances }
}

/// The numbers below `count` of those that are not allowed, and of those that are.
fn apart(count: usize, is_allowed: impl Fn(usize) -> bool) -> (Vec<usize>, Vec<usize>) {
    let (allowed, open) = (0..count).partition(|index| is_allowed(*index));
    (open, allowed)
}

/// Drops the `./` that the default target puts before every path, and what overlapping targets (`. src`) name twice.
fn name_as_people_do(occurrences: &mut Vec<Occurrence>, gaps: &mut Vec<Gap>) {
    for occurrence in occurrences.iter_mut() {
        shorten(&mut occurrence.origin.path);
        if let Some(git) = &mut occurrence.git {
            shorten(&mut git.repository);
        }
    }
    for gap in gaps.iter_mut() {
        shorten(&mut gap.origin.path);
    }
    let place = |a: &Occurrence, b: &Occurrence| {
        let (x, y) = (&a.material, &b.material);
        let places = (&a.origin, a.offset).cmp(&(&b.origin, b.offset));
        places.then_with(|| {
            (x.kind, x.format, x.span.start, x.span.end).cmp(&(y.kind, y.format, y.span.start, y.span.end))
        })
    };
    occurrences.sort_by(place);
    occurrences.dedup_by(|a, b| place(a, b).is_eq() && a.material.identity == b.material.identity);
    gaps.sort();
    gaps.dedup();
}

/// A summary with its path as people name it.
fn shortened(mut summary: Summary) -> Summary {
    shorten(&mut summary.path);
    summary
}

/// Drops a leading `./`.
fn shorten(path: &mut PathBuf) {
    if let Some(rest) = path.strip_prefix(".").ok().filter(|rest| !rest.as_os_str().is_empty()) {
        *path = rest.to_owned();
    }
}

/// RFC 3339, UTC, to the second.
fn second(time: Timestamp) -> String {
    Timestamp::from_second(time.as_second()).unwrap_or(time).to_string()
}

fn deliver(output: Output, write: Writer<'_>) -> Result<(), Failure> {
    match output {
        Output::Stdout => out::data_by(write),
        Output::Target(target) => target.write_by(write),
    }
}
