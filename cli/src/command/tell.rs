//! Turns facts into a report, for `scan` and `judge`.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::rc::Rc;
use std::time::Instant;

use jiff::Timestamp;
use jiff::civil::Date;
use keyradius_core::blob::printable_path;
use keyradius_detectors::facts::Facts;
use keyradius_detectors::{Judgement, Judging, judge_facts};
use keyradius_judgement::Tier;

use crate::allow::Allowance;
use crate::choice::NOTE_BELOW;
use crate::confine::{Confinement, Guard};
use crate::draft::{Place, Writer};
use crate::exit::{Exit, Failure, Outcome};
use crate::out;
use crate::plan::{Inputs, Output, Telling};
use crate::report::model::{self, Coverage, Id as _, Notice, SCHEMA, Scan, Tool, Word};
use crate::report::records::Records;
use crate::report::words::escape;
use crate::report::{self, Format, Report, build};

/// The input of a report: the facts of one run, or of several joined runs.
pub(super) struct Run {
    /// Everything found.
    pub(super) facts: Facts,
    /// The targets of the run.
    pub(super) roots: Vec<PathBuf>,
    /// What was read of the targets, in each different way.
    pub(super) reading: Vec<model::Reading>,
    /// When the run began.
    pub(super) began: Timestamp,
    /// When the run ended.
    pub(super) ended: Timestamp,
}

/// Confines the process. Must be called before the first thread, so that all threads are confined, and before any
/// untrusted byte is read.
pub(super) fn confine(telling: &Telling, guard: Guard) -> Result<(), Failure> {
    let output = match &telling.output {
        Output::Target(target) => target.place(),
        Output::Stdout => None,
    };
    confine_to(telling, guard, output).map(drop)
}

/// Confines the process so that it can write only in the directory of this place.
pub(super) fn confine_to(telling: &Telling, guard: Guard, place: Option<&Place>) -> Result<Confinement, Failure> {
    let confinement = guard.enter(place)?;
    if telling.look.verbose {
        confinement.lacking().iter().for_each(|line| out::people(format_args!("note: not confined: {line}")));
    }
    Ok(confinement)
}

/// Judges a run, writes its report and returns the exit code.
pub(super) fn tell(
    telling: Telling,
    run: Run,
    stop: &(dyn Fn() -> bool + Sync),
    clock: Instant,
) -> Result<Exit, Failure> {
    let (report, exit) = report(&telling, run, stop);
    let Telling { output, format, look, quiet, .. } = telling;
    // The report is written as it is built: a report of 100,000 keys would take as much memory again.
    // `command/scan.rs` writes facts, before they are judged.
    if let Format::Report(format) = format {
        deliver(output, &|out| report::render(&report, format, look, out))?;
    }
    if !quiet {
        for notice in &report.notices {
            out::people(format_args!("note: {}: {}", escape(&notice.place), escape(&notice.message)));
        }
        out::people(report::summary(&report, clock.elapsed()));
    }
    Ok(exit)
}

/// Judges the facts of a run, and builds its report.
fn report(telling: &Telling, run: Run, stop: &(dyn Fn() -> bool + Sync)) -> (Report, Exit) {
    let Run { mut facts, roots, reading, began, ended } = run;
    let counts = std::mem::take(&mut facts.counts);
    let repositories = std::mem::take(&mut facts.repositories);
    let judging = Judging {
        roots: &roots,
        known: telling.lists.all(),
        jobs: telling.jobs.count,
        cancelled: stop,
        ..Judging::at(telling.clock.now())
    };
    let mut judgement = judge_facts(facts, &judging);
    let interrupted = counts.interrupted || stop();
    let unlisted = usize::try_from(counts.unlisted).unwrap_or(usize::MAX);
    let public = build::public(&judgement.findings, &std::mem::take(&mut judgement.public), telling.look.public);
    let gaps = std::mem::take(&mut judgement.gaps);
    let opening = std::mem::take(&mut judgement.opening);

    // An entry may apply to an input that was not read: only a complete scan can call an entry unused.
    let whole = !interrupted && gaps.is_empty();
    let verdict = telling.allow.judge(
        &judgement.findings,
        &judgement.secrets,
        &roots,
        &telling.directory,
        telling.clock.today,
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
    let failing = findings().any(|finding| telling.fail_on.fails_with(finding, telling.tests_fail))
        || secrets().any(|secret| telling.fail_on.fails_secret(secret));

    let gaps: Vec<_> = gaps.into_iter().map(build::gap).collect();
    let complete = !interrupted && gaps.iter().all(|gap| gap.deliberate);
    let outcome = Outcome { failing, incomplete: !complete, unopened: !counts.unopened.is_empty(), interrupted };
    let exit = Exit::of_scan(outcome, telling.strict, telling.exit_zero);
    let signing_keys = findings().filter(|finding| finding.signing).count();
    let notes = || findings().filter(|finding| finding.severity < NOTE_BELOW);
    let tests = || findings().filter(|finding| finding.severity >= NOTE_BELOW && finding.for_tests.is_some());
    let mut by_tier: BTreeMap<Tier, usize> = Tier::ALL.iter().map(|tier| (*tier, 0)).collect();
    for finding in findings() {
        *by_tier.entry(finding.tier).or_default() += 1;
    }
    let report = Report {
        schema: SCHEMA,
        tool: Tool::THIS,
        scan: Scan {
            started: second(began),
            finished: second(ended),
            duration_ms: u64::try_from(ended.duration_since(began).as_millis()).unwrap_or_default(),
            complete,
            interrupted,
            exit_code: exit.code(),
            targets: roots.iter().map(|target| printable_path(target).into()).collect(),
            options: Some(options(telling, reading)),
        },
        summary: model::Summary {
            signing_keys,
            other_keys: open.len() - signing_keys,
            notes: notes().count(),
            signing_notes: notes().filter(|finding| finding.signing).count(),
            test_keys: tests().count(),
            signing_tests: tests().filter(|finding| finding.signing).count(),
            places: findings().map(|finding| finding.occurrences.len()).sum(),
            by_tier,
            secrets: open_secrets.len(),
            secret_places: secrets().map(|secret| secret.occurrences.len()).sum(),
            allowed: allowed.len() + allowed_secrets.len(),
            skipped: gaps.iter().filter(|gap| !gap.deliberate).count() + unlisted,
            unopened: counts.unopened.values().fold(0, |sum, count| sum.saturating_add(*count)),
        },
        playbooks: build::playbooks(judged.judgement.findings.iter()),
        findings: judged.told(open, telling.clock.today),
        secrets: judged.told_secrets(open_secrets),
        public,
        allowed: judged.told(allowed, telling.clock.today),
        allowed_secrets: judged.told_secrets(allowed_secrets),
        coverage: Coverage {
            files: counts.files,
            bytes: counts.bytes,
            rejected: counts.rejected,
            containers: words(counts.containers),
            members: counts.members,
            unopened: words(counts.unopened),
            locked: model::Locked { containers: opening.containers, tried: opening.tried, opened: opening.opened },
            repositories: repositories.into_iter().map(build::repository).collect(),
            gaps,
        },
        notices: verdict
            .notices
            .into_iter()
            .map(|notice| Notice {
                kind: notice.kind.into(),
                place: notice.place.into(),
                message: notice.message.into(),
            })
            .collect(),
    };
    (report, exit)
}

/// The options of a run that decide what was read and judged.
fn options(telling: &Telling, reading: Vec<model::Reading>) -> model::Options {
    let Inputs { config, inline_allow, known_keys, badkeys_blocklist } = &telling.inputs;
    let shown = |path: &PathBuf| model::Text::from(printable_path(path));
    model::Options {
        reading,
        fail_on: telling.fail_on.text().into(),
        tests_fail: telling.tests_fail.name().into(),
        strict: telling.strict,
        exit_zero: telling.exit_zero,
        config: config.as_ref().map(shown),
        inline_allow: *inline_allow,
        known_keys: known_keys.iter().map(shown).collect(),
        badkeys_blocklist: badkeys_blocklist.as_ref().map(shown),
    }
}

/// For each place of a finding, what allows it; empty if nothing allows any place.
type Allowances = Vec<Option<Allowance>>;

/// The ranked findings, and what is allowed of them.
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

    /// Whether something allows every place of an ordinary secret.
    fn is_secret_allowed(&self, index: usize) -> bool {
        self.secrets_allowed.get(index).is_some_and(all_allowed)
    }

    /// The findings with these indexes, as records of a report.
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

    /// The ordinary secrets with these indexes, as records of a report.
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

/// Drops a list in which nothing is allowed, to save memory.
fn few(allowances: Allowances) -> Allowances {
    if allowances.iter().all(Option::is_none) { Vec::new() } else { allowances }
}

/// Splits the indexes below `count` into those that are not allowed and those that are.
fn apart(count: usize, is_allowed: impl Fn(usize) -> bool) -> (Vec<usize>, Vec<usize>) {
    let (allowed, open) = (0..count).partition(|index| is_allowed(*index));
    (open, allowed)
}

/// Counts by format, with the keys as words of the report.
fn words(counts: BTreeMap<&'static str, u64>) -> BTreeMap<Word, u64> {
    counts.into_iter().map(|(format, count)| (format.into(), count)).collect()
}

/// A time in RFC 3339, UTC, to the second.
fn second(time: Timestamp) -> Word {
    Timestamp::from_second(time.as_second()).unwrap_or(time).to_string().into()
}

/// Writes a report to its output.
pub(super) fn deliver(output: Output, write: Writer<'_>) -> Result<(), Failure> {
    match output {
        Output::Stdout => out::data_by(write),
        Output::Target(target) => target.write_by(write),
    }
}
