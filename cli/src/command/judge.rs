//! `keyradius judge`: join the facts of several scans, and report on them as if they were one scan.

use std::collections::BTreeSet;
use std::fs::File;
use std::io::BufReader;
use std::path::{Path, PathBuf};
use std::time::Instant;

use jiff::Timestamp;
use keyradius_core::blob::printable_path;
use keyradius_detectors::facts::{self, End, Facts, FactsError, Header, Reading};

use super::tell::{self, Run};
use crate::args::is_stdin;
use crate::confine::Guard;
use crate::exit::plain;
use crate::exit::{Exit, Failure};
use crate::out;
use crate::plan::JudgePlan;
use crate::report::build;
use crate::report::model::Tool;

/// Reads, joins, judges and reports facts; returns the exit code.
pub(crate) fn run(plan: JudgePlan, guard: Guard) -> Result<Exit, Failure> {
    let clock = Instant::now();
    tell::confine(&plan.telling, guard)?;
    let mut all = Facts::default();
    let (mut headers, mut ends) = (Vec::new(), Vec::new());
    let mut room = plan.max_facts;
    for path in &plan.facts {
        let (header, facts, end) = read(path, &plan.telling.directory, &mut room)?;
        all.join(facts);
        headers.push((path, header));
        ends.push(end);
    }
    all.settle();
    if !plan.telling.quiet {
        for line in differences(&headers) {
            out::people(format_args!("note: {line}"));
        }
        let (files, call, wrote) = match plan.facts.len() {
            1 => ("1 file".to_owned(), "calls", "it"),
            many => (format!("{many} files"), "call", "them"),
        };
        out::people(format_args!(
            "note: what {files} of facts {call} verified was verified by whoever wrote {wrote}; \
             only names of public keys were checked again"
        ));
    }
    let roots: Vec<PathBuf> =
        headers.iter().flat_map(|(_, header)| &header.targets).map(|path| path.0.clone()).collect();
    let (began, ended) = if plan.telling.clock.frozen {
        (plan.telling.clock.started, plan.telling.clock.started)
    } else {
        times(headers.iter().map(|(_, header)| header.started).min(), ends.iter().map(|end| end.finished).max())
    };
    let mut reading = Vec::new();
    for (_, header) in &headers {
        let one = build::reading(header.reading.as_ref(), header.passwords, &header.limits);
        if !reading.contains(&one) {
            reading.push(one);
        }
    }
    let run = Run { facts: all, roots: once(roots), reading, began, ended };
    tell::tell(plan.telling, run, &|| false, clock)
}

fn read(path: &Path, here: &Path, room: &mut u64) -> Result<(Header, Facts, End), Failure> {
    let shown = printable_path(path);
    let read = if is_stdin(path) {
        facts::read(&mut std::io::stdin().lock(), room)
    } else {
        File::open(here.join(path))
            .map_err(FactsError::Io)
            .and_then(|file| facts::read(&mut BufReader::new(file), room))
    };
    read.map_err(|error| match error {
        FactsError::Io(error) => Failure::new(format!("cannot read {shown}: {}", plain(&error)))
            .hint("name files written by `keyradius scan --format facts`"),
        FactsError::TooLarge => Failure::new(format!("{shown}: the facts exceed --max-facts in total"))
            .hint("judge fewer files at a time, or raise --max-facts; the facts are held in memory"),
        FactsError::Cut => {
            Failure::new(format!("{shown}: {error}")).hint("run the scan again: the missing facts cannot be recovered")
        }
        error => {
            Failure::new(format!("{shown}: {error}")).hint("name files written by `keyradius scan --format facts`")
        }
    })
}

/// Describes how the joined facts differ in their settings: one part may lack findings that another has.
fn differences(headers: &[(&PathBuf, Header)]) -> Vec<String> {
    let mut lines = Vec::new();
    let mut differ = |what: &str, values: BTreeSet<String>| {
        if values.len() > 1 {
            let values: Vec<String> = values.into_iter().collect();
            lines.push(format!("the facts were made with different {what}: {}", values.join(", ")));
        }
    };
    let of = |value: &dyn Fn(&Header) -> String| headers.iter().map(|(_, header)| value(header)).collect();
    differ("versions of keyradius", of(&|header| plain_text(&header.version)));
    differ("rules", of(&|header| plain_text(&header.rules)));
    differ(
        "options of reading",
        of(&|header| {
            header.reading.as_ref().map_or_else(|| "unknown".to_owned(), |reading| plain_text(&words(reading)))
        }),
    );
    differ("limits", of(&|header| format!("{:?}", header.limits)));
    differ("password settings", of(&|header| if header.passwords { "tried" } else { "not tried" }.to_owned()));
    differ(
        "join keys, so their ordinary secrets are not joined with each other",
        of(&|header| header.join_key.as_deref().map_or_else(|| "none".to_owned(), plain_text)),
    );
    if let Some((path, header)) = headers.iter().find(|(_, header)| header.version != Tool::VERSION) {
        let (path, version) = (printable_path(path), plain_text(&header.version));
        lines.push(format!("{path} was made by keyradius {version}, and is judged by {}", Tool::VERSION));
    }
    lines
}

/// The options of reading that differ from the default.
fn words(reading: &Reading) -> String {
    let of = |name: &str, value: &Option<String>| value.as_ref().map(|value| format!("{name}={value}"));
    let one_file_system = reading.one_file_system.then(|| "one-file-system".to_owned());
    let all = [Some(format!("history={}", reading.history)), of("since", &reading.since), of("only", &reading.only)];
    all.into_iter().flatten().chain(one_file_system).collect::<Vec<_>>().join(",")
}

/// Up to 40 visible ASCII characters of a header's text, which may be untrusted.
fn plain_text(text: &str) -> String {
    text.chars().filter(char::is_ascii_graphic).take(40).collect()
}

/// Removes duplicate paths, and keeps the order of the first occurrences.
fn once(paths: Vec<PathBuf>) -> Vec<PathBuf> {
    let mut seen = BTreeSet::new();
    paths.into_iter().filter(|path| seen.insert(path.clone())).collect()
}

/// Converts the earliest start and the latest end, in seconds since 1970. An end before the start becomes the start.
fn times(began: Option<i64>, ended: Option<i64>) -> (Timestamp, Timestamp) {
    let time = |second: Option<i64>| second.and_then(|second| Timestamp::from_second(second).ok());
    let began = time(began).unwrap_or(Timestamp::UNIX_EPOCH);
    (began, time(ended).unwrap_or(began).max(began))
}
