//! The answer of a hunt: types that are written, and what they are built from. `identity` has the answer of `identify`.

pub(crate) mod human;
pub(crate) mod identity;
pub(crate) mod timeline;

use std::collections::BTreeMap;
use std::io;
use std::path::PathBuf;

use jiff::Timestamp;
use keyradius_core::blob::printable_path;
use keyradius_core::material;
use keyradius_detectors::facts::Facts;
use keyradius_detectors::hunt::{Class, Copy, closed, copies};
use keyradius_target::{Form, Name, Target, Targets};
use serde::Serialize;

pub(crate) use identity::Identified;
use timeline::{Event, Written};

use super::model::{self, Algorithm, Gap, Text, Tool, Word};
use super::{build, json};
use crate::moment;

/// Name and version of the format.
const SCHEMA: &str = "keyradius.hunt/1";

/// Maximum number of locked containers listed; all are counted.
const MOST_CLOSED: usize = 1000;

/// Stands for a name that was left out.
const LEFT_OUT: &str = "(left out)";

/// The answer of a hunt.
#[derive(Debug, Serialize)]
pub(crate) struct Hunt {
    schema: &'static str,
    tool: Tool,
    /// RFC 3339, UTC.
    started: Word,
    finished: Word,
    /// Whether everything was read and opened.
    complete: bool,
    interrupted: bool,
    sources: Vec<Text>,
    targets: Vec<Sought>,
    matches: Vec<Match>,
    /// Dated events of the matches, oldest first.
    timeline: Vec<Event>,
    coverage: Coverage,
    /// Whether names of people, hosts and certificates were left out.
    redacted: bool,
}

/// A target of a hunt.
#[derive(Debug, Serialize)]
pub(crate) struct Sought {
    /// The target as typed, or the name of its file.
    target: Text,
    algorithm: Option<Algorithm>,
    /// Whether a private key was given, so that its numbers are looked for too.
    private: bool,
    /// Names that are looked for.
    names: Vec<Named>,
    /// Number of matches, by class.
    matches: BTreeMap<&'static str, usize>,
}

/// A name of a key.
#[derive(Debug, Serialize)]
pub(crate) struct Named {
    form: &'static str,
    text: Text,
}

/// A place where a target was found.
#[derive(Debug, Serialize)]
pub(crate) struct Match {
    /// Index in `targets`, from 0.
    pub(crate) target: usize,
    /// `exact_private`, `partial_private`, `exact_public` or `metadata`.
    pub(crate) class: &'static str,
    /// The form of the name that matched; `null` for a number.
    by: Option<&'static str>,
    /// `private_key`, `public_key`, `certificate` or `keystore`.
    pub(crate) kind: &'static str,
    /// What was found of a number that has no format around it.
    #[serde(skip_serializing_if = "Option::is_none")]
    number: Option<Number>,
    /// Subject of a certificate.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) subject: Option<Text>,
    #[serde(flatten)]
    pub(crate) occurrence: model::Occurrence,
}

/// A number without a format around it.
#[derive(Debug, Serialize)]
pub(crate) struct Number {
    part: &'static str,
    layout: &'static str,
    /// Bytes of it that were found, and that it has in this layout.
    bytes: usize,
    of: usize,
    #[serde(skip)]
    title: String,
}

impl Number {
    fn of(number: &material::Number) -> Self {
        let material::Number { part, layout, found, whole, .. } = *number;
        let cut = if found < whole { format!(", {found} of {whole} bytes") } else { String::new() };
        let title = format!("{}, {}{cut}", part.title(), layout.title());
        Self { part: part.id(), layout: layout.id(), bytes: found, of: whole, title }
    }
}

/// What was searched, and what was not.
#[derive(Debug, Serialize)]
pub(crate) struct Coverage {
    files: u64,
    bytes: u64,
    /// Objects of git histories.
    objects: u64,
    /// Bytes of the blobs among them.
    object_bytes: u64,
    members: u64,
    /// Formats that were recognised and not opened, with the number of inputs.
    unopened: BTreeMap<Word, u64>,
    gaps: Vec<Gap>,
    /// Number of gaps that are not listed.
    unlisted: u64,
    /// Locked containers that do not say which key is in them.
    locked: u64,
    /// The first of them.
    locked_at: Vec<model::Place>,
}

/// A line about what was searched or not.
#[derive(Serialize)]
#[serde(tag = "type", rename_all = "snake_case")]
enum Covered<'a> {
    Read { files: u64, bytes: u64, objects: u64, object_bytes: u64, members: u64 },
    Gap(&'a Gap),
    Locked(&'a model::Place),
    NotOpened { format: &'a Word, inputs: u64 },
    NotListed { gaps: u64, locked: u64 },
}

impl Coverage {
    /// One line of JSON for each input that was not read or opened, after what was.
    pub(crate) fn lines(&self, out: &mut dyn io::Write) -> io::Result<()> {
        let Self { files, bytes, objects, object_bytes, members, .. } = *self;
        json::line(&Covered::Read { files, bytes, objects, object_bytes, members }, out)?;
        self.gaps.iter().try_for_each(|gap| json::line(&Covered::Gap(gap), out))?;
        self.locked_at.iter().try_for_each(|place| json::line(&Covered::Locked(place), out))?;
        let not_opened = |(format, inputs): (_, &u64)| json::line(&Covered::NotOpened { format, inputs: *inputs }, out);
        self.unopened.iter().try_for_each(not_opened)?;
        let locked = self.locked - self.locked_at.len() as u64;
        match (self.unlisted, locked) {
            (0, 0) => Ok(()),
            (gaps, locked) => json::line(&Covered::NotListed { gaps, locked }, out),
        }
    }

    /// Objects of git histories that were read.
    pub(crate) const fn objects(&self) -> u64 {
        self.objects
    }
}

impl Hunt {
    /// The answer, from what a run found.
    pub(crate) fn of(
        targets: &Targets,
        facts: Facts,
        sources: &[PathBuf],
        (began, ended): (Timestamp, Timestamp),
        written: Written<'_>,
    ) -> Self {
        let Facts { occurrences, gaps, counts, repositories, .. } = facts;
        let found = copies(targets, &occurrences);
        let locked = closed(targets, &occurrences);
        let gaps: Vec<Gap> = gaps.into_iter().map(build::gap).collect();
        let objects: u64 = repositories.iter().map(|r| r.commits + r.trees + r.blobs + r.tags).sum();
        let object_bytes: u64 = repositories.iter().map(|r| r.blob_bytes).sum();
        let read_something = counts.files > 0 || objects > 0;
        let complete = read_something
            && !counts.interrupted
            && counts.unlisted == 0
            && counts.unopened.is_empty()
            && locked.is_empty()
            && gaps.iter().all(|gap| gap.deliberate);
        let with_occurrence = found.iter().filter_map(|copy| Some((copy, occurrences.get(copy.occurrence)?)));
        let (matches, mut events): (Vec<Match>, Vec<_>) = with_occurrence
            .enumerate()
            .map(|(index, (copy, occurrence))| {
                let found = Match::of(copy, occurrence);
                let events = timeline::of(&found, index, occurrence, written);
                (found, events)
            })
            .unzip();
        let mut timeline: Vec<Event> = events.drain(..).flatten().collect();
        timeline::sort(&mut timeline);
        Self {
            schema: SCHEMA,
            tool: Tool::THIS,
            started: moment::text(began.as_second()).into(),
            finished: moment::text(ended.as_second()).into(),
            complete,
            interrupted: counts.interrupted,
            sources: sources.iter().map(|source| printable_path(source).into()).collect(),
            targets: targets.list().iter().zip(0..).map(|(target, index)| sought(target, index, &found)).collect(),
            matches,
            timeline,
            redacted: false,
            coverage: Coverage {
                files: counts.files,
                bytes: counts.bytes,
                objects,
                object_bytes,
                members: counts.members,
                unopened: counts.unopened.into_iter().map(|(format, count)| (format.into(), count)).collect(),
                gaps,
                unlisted: counts.unlisted,
                locked: locked.len() as u64,
                locked_at: locked.iter().take(MOST_CLOSED).map(|o| build::occurrence(o, None).place).collect(),
            },
        }
    }

    /// Whether the run was interrupted.
    pub(crate) const fn interrupted(&self) -> bool {
        self.interrupted
    }

    /// Whether everything was read and opened.
    pub(crate) const fn is_complete(&self) -> bool {
        self.complete
    }

    /// When the run began and ended, in RFC 3339.
    pub(crate) const fn times(&self) -> (&Word, &Word) {
        (&self.started, &self.finished)
    }

    /// The copies, those of the first target first.
    pub(crate) fn matches(&self) -> &[Match] {
        &self.matches
    }

    /// The dated events, oldest first.
    pub(crate) fn timeline(&self) -> &[Event] {
        &self.timeline
    }

    /// What was searched, and what was not.
    pub(crate) const fn coverage(&self) -> &Coverage {
        &self.coverage
    }

    /// A target as typed.
    pub(crate) fn target(&self, index: usize) -> &str {
        self.targets.get(index).map_or("", |target| &target.target)
    }

    /// Whether names were left out.
    pub(crate) const fn redacted(&self) -> bool {
        self.redacted
    }

    /// Leaves out names of people, hosts and certificates: subjects, user ids, aliases, comments, authors, and targets
    /// that are such names. Paths stay, because without them nobody finds the copies.
    pub(crate) fn redact(&mut self) {
        let left_out = || Text::from(LEFT_OUT);
        let is_name = |form: &str| form == Form::Label.id() || form == Form::CommonName.id();
        for target in &mut self.targets {
            for name in target.names.iter_mut().filter(|name| is_name(name.form)) {
                name.text = left_out();
                target.target = left_out();
            }
        }
        for found in &mut self.matches {
            found.subject = found.subject.take().map(|_| left_out());
            found.occurrence.labels.iter_mut().for_each(|label| label.text = left_out());
            let commits = found.occurrence.git.iter_mut().flat_map(|git| [&mut git.introduced, &mut git.removed]);
            for commit in commits.flatten() {
                (commit.author, commit.committer) = (left_out(), left_out());
            }
        }
        self.timeline.iter_mut().for_each(|event| event.author = event.author.take().map(|_| left_out()));
        self.redacted = true;
    }

    /// The number of copies of keys, private or public.
    pub(crate) fn keys(&self) -> usize {
        self.matches.len() - self.mentions()
    }

    /// The number of matches by names that other keys may have.
    pub(crate) fn mentions(&self) -> usize {
        self.matches.iter().filter(|found| found.class == Class::Metadata.id()).count()
    }
}

impl Match {
    fn of(copy: &Copy, occurrence: &material::Occurrence) -> Self {
        Self {
            target: copy.target,
            class: copy.class.id(),
            by: copy.form.map(Form::id),
            kind: occurrence.material.kind.id(),
            subject: occurrence.material.certificate.as_ref().map(|facts| facts.subject.clone().into()),
            number: occurrence.material.number.as_deref().map(Number::of),
            occurrence: build::occurrence(occurrence, None),
        }
    }
}

fn sought(target: &Target, index: usize, found: &[Copy]) -> Sought {
    let count = |class: Class| found.iter().filter(|copy| copy.target == index && copy.class == class).count();
    Sought {
        target: target.shown.clone().into(),
        algorithm: target.half.as_ref().map(|half| build::algorithm(&half.algorithm)),
        private: target.private,
        // A modulus that was typed may be a private number by mistake.
        names: target
            .names
            .iter()
            .filter(|name| target.half.is_some() || name.form != Form::Modulus)
            .map(named)
            .collect(),
        matches: Class::ALL.into_iter().map(|class| (class.id(), count(class))).collect(),
    }
}

fn named(name: &Name) -> Named {
    Named { form: name.form.id(), text: name.text().into() }
}
