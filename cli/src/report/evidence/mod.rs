//! The files of an evidence directory, each a pure function of an answer: what was found, what was read and not read,
//! and a manifest that states the circumstances and the digest of every other file.

mod csv;

use std::fmt::Write as _;
use std::io::{self, Write};

use keyradius_core::hex::hex;
use keyradius_core::source::digest::FileDigest;
use serde::{Deserialize, Serialize};

use csv::Table;

use super::hunt::{Hunt, human};
use super::model::{Reading, Text, Tool, Word};
use super::{build, json};

/// Name and version of the format of the manifest.
pub(crate) const SCHEMA: &str = "keyradius.evidence/1";

/// The name of the manifest.
pub(crate) const MANIFEST: &str = "manifest.json";

/// The name of the list of digests, which covers the manifest too. It is what a person signs.
pub(crate) const SUMS: &str = "SHA256SUMS";

/// The files that a manifest lists, in the order in which they are written.
pub(crate) const FILES: [&str; 8] = [
    "report.txt",
    "hunt.json",
    "findings.jsonl",
    "findings.csv",
    "timeline.csv",
    "coverage.jsonl",
    "sources.jsonl",
    "log.jsonl",
];

/// What was found, and how.
#[derive(Debug)]
pub(crate) struct Case<'a> {
    pub(crate) answer: &'a Hunt,
    /// The files that were read, in the order of their paths.
    pub(crate) read: &'a [FileDigest],
    pub(crate) log: &'a Log,
    pub(crate) manifest: &'a Manifest,
}

impl Case<'_> {
    /// Writes one of [`FILES`].
    pub(crate) fn write(&self, name: &str, out: &mut dyn Write) -> io::Result<()> {
        match name {
            "report.txt" => self.report(out),
            "hunt.json" => json::pretty(self.answer, out),
            "findings.jsonl" => self.answer.matches().iter().try_for_each(|found| json::line(found, out)),
            "findings.csv" => out.write_all(&self.findings().into_bytes()),
            "timeline.csv" => out.write_all(&self.timeline().into_bytes()),
            "coverage.jsonl" => self.answer.coverage().lines(out),
            "sources.jsonl" => self.read.iter().try_for_each(|file| json::line(&Digested::of(file), out)),
            "log.jsonl" => self.log.0.iter().try_for_each(|event| json::line(event, out)),
            MANIFEST => json::pretty(self.manifest, out),
            _ => Err(io::ErrorKind::NotFound.into()),
        }
    }

    /// The answer as a person reads it, with what the case is.
    fn report(&self, out: &mut dyn Write) -> io::Result<()> {
        let Manifest { case, examiner, machine, tool, binary_sha256, started, finished, .. } = self.manifest;
        for (name, value) in [("Case", case), ("Examiner", examiner)] {
            if let Some(value) = value {
                writeln!(out, "{name:<9} {}", super::words::escape(value))?;
            }
        }
        writeln!(out, "Machine   {} ({})", super::words::escape(&machine.host), machine.system)?;
        let binary = binary_sha256.as_ref().map(|digest| format!(", SHA-256 {digest}")).unwrap_or_default();
        writeln!(out, "Tool      {} {}{binary}", tool.name, tool.version)?;
        writeln!(out, "Time      {started} to {finished}\n")?;
        human::render(self.answer, out)?;
        writeln!(out, "\n{}", human::summary(self.answer))
    }

    fn findings(&self) -> Table {
        let mut table = Table::default();
        table.row([
            "target",
            "class",
            "kind",
            "format",
            "path",
            "origin",
            "line",
            "offset",
            "protection",
            "subject",
            "repository",
            "object",
            "introduced",
            "removed",
        ]);
        for found in self.answer.matches() {
            let place = &found.occurrence.place;
            let git = found.occurrence.git.as_ref();
            let commit =
                |commit: Option<&super::model::Commit>| commit.map(|c| c.commit.to_string()).unwrap_or_default();
            let target = self.answer.target(found.target);
            table.row([
                target,
                found.class,
                found.kind,
                &found.occurrence.format,
                &place.path,
                &place.origin,
                &place.line.to_string(),
                &place.offset.to_string(),
                found.occurrence.protection.as_ref().map_or("", |p| super::model::Id::id(p.state)),
                found.subject.as_deref().unwrap_or_default(),
                git.map(|git| &*git.repository).unwrap_or_default(),
                git.map(|git| &*git.object).unwrap_or_default(),
                &commit(git.and_then(|git| git.introduced.as_ref())),
                &commit(git.and_then(|git| git.removed.as_ref())),
            ]);
        }
        table
    }

    fn timeline(&self) -> Table {
        let mut table = Table::default();
        table.row(["at", "event", "target", "class", "origin", "commit", "author"]);
        for event in self.answer.timeline() {
            let Some(found) = self.answer.matches().get(event.of) else { continue };
            table.row([
                &*event.at,
                event.what.id(),
                self.answer.target(found.target),
                found.class,
                &found.occurrence.place.origin,
                event.commit.as_deref().unwrap_or_default(),
                event.author.as_deref().unwrap_or_default(),
            ]);
        }
        table
    }
}

/// A line of `sources.jsonl`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Digested {
    /// The path; bytes that are not UTF-8 are written as `\xNN`.
    pub(crate) path: Text,
    /// Bytes of the path in hexadecimal, if they are not UTF-8.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) path_bytes_hex: Option<Word>,
    /// Bytes that were hashed.
    pub(crate) size: u64,
    /// SHA-256 of all bytes; `None` if they could not all be read.
    pub(crate) sha256: Option<Word>,
    /// Bytes that were read a second time for the digest.
    pub(crate) read_again: u64,
}

impl Digested {
    fn of(file: &FileDigest) -> Self {
        let (path, path_bytes_hex) = build::path(&file.path);
        Self {
            path,
            path_bytes_hex,
            size: file.size,
            sha256: file.sha256.map(|digest| hex(&digest).into()),
            read_again: file.again,
        }
    }
}

/// The events of a run, in order.
#[derive(Debug, Default)]
pub(crate) struct Log(Vec<Logged>);

/// A line of `log.jsonl`.
#[derive(Debug, Serialize)]
struct Logged {
    /// RFC 3339, UTC.
    at: Word,
    /// Time since the start by a clock that nobody sets, in nanoseconds.
    monotonic_ns: u64,
    event: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    detail: Option<Text>,
}

impl Log {
    /// Adds an event: the time of day in RFC 3339, and the nanoseconds since the start.
    pub(crate) fn add(&mut self, (at, monotonic_ns): (Word, u64), event: &'static str, detail: Option<String>) {
        self.0.push(Logged { at, monotonic_ns, event, detail: detail.map(Text::from) });
    }
}

/// The circumstances of a hunt, and the digests of the files about it.
#[derive(Debug, Serialize, Deserialize)]
#[allow(clippy::struct_excessive_bools, reason = "independent facts about a run")]
pub(crate) struct Manifest {
    pub(crate) schema: Word,
    pub(crate) case: Option<Text>,
    pub(crate) examiner: Option<Text>,
    pub(crate) machine: Machine,
    pub(crate) tool: Tool,
    /// SHA-256 of the program file; `None` if it could not be read.
    pub(crate) binary_sha256: Option<Word>,
    /// Digest of what the program looks for: two programs with the same digest know the same formats.
    pub(crate) rules: Word,
    /// One line for each layer of the confinement.
    pub(crate) confinement: Vec<Text>,
    /// The current directory, from which relative paths begin.
    pub(crate) directory: Text,
    pub(crate) reading: Reading,
    /// Number of passwords of `--passwords`.
    pub(crate) passwords_given: usize,
    /// RFC 3339, UTC.
    pub(crate) started: Word,
    pub(crate) finished: Word,
    pub(crate) complete: bool,
    pub(crate) interrupted: bool,
    /// Whether names were left out.
    pub(crate) redacted: bool,
    pub(crate) exit_code: u8,
    pub(crate) sources: Vec<Source>,
    pub(crate) read: Read,
    /// Every other file but `SHA256SUMS`, which covers this one too.
    pub(crate) files: Vec<FileSum>,
}

/// The machine of a run.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Machine {
    /// Its name in the network.
    pub(crate) host: Text,
    /// System, release and architecture.
    pub(crate) system: Word,
}

/// A source as the operator named it.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Source {
    #[serde(rename = "source")]
    pub(crate) named: Text,
    /// `file`, `directory`, `device`, `standard_input` or `other`.
    pub(crate) kind: Word,
    /// Bytes and SHA-256 of a file, a device or standard input; of the files below a directory, `sources.jsonl` has them.
    pub(crate) size: Option<u64>,
    pub(crate) sha256: Option<Word>,
}

/// What was hashed while it was read.
#[derive(Clone, Copy, Debug, Default, Serialize, Deserialize)]
pub(crate) struct Read {
    /// Files with a digest in `sources.jsonl`, and their bytes.
    pub(crate) files: u64,
    pub(crate) bytes: u64,
    /// Bytes that were read a second time for a digest.
    pub(crate) bytes_again: u64,
    /// Files that could not be read to their end, so that they have no digest.
    pub(crate) without_digest: u64,
    /// Files beyond the number that is kept.
    pub(crate) unlisted: u64,
    /// Files that were read twice and changed between.
    pub(crate) changed: u64,
    /// Objects of git histories: their ids are digests, which git checks.
    pub(crate) git_objects: u64,
}

/// A file of the directory.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct FileSum {
    pub(crate) file: Word,
    pub(crate) size: u64,
    pub(crate) sha256: Word,
}

/// The lines of `SHA256SUMS`, as `sha256sum -c` reads them.
pub(crate) fn sums(files: &[FileSum]) -> String {
    let mut lines = String::new();
    for file in files {
        let _ = writeln!(lines, "{}  {}", file.sha256, file.file);
    }
    lines
}
