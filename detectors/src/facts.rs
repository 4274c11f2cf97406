//! Facts: what is known about a source after it was read and passwords were tried, before anything is joined or judged.
//!
//! Facts can be written, sent and joined with others: a key in one repository, its certificate in a second and what it
//! signed in a third. They contain no secret byte: a [`Material`] has none, passwords and ciphertexts are not written,
//! and ordinary secrets are identified by a keyed digest or by their place. `keyradius.facts/1` is JSON Lines: a
//! [`Header`], records in any order, and an [`End`]. A file without an [`End`] was cut off.

use std::borrow::Cow;
use std::io::{self, BufRead, Write};

use hmac::{Hmac, KeyInit, Mac};
use keyradius_core::blob::PlainPath;
use keyradius_core::budget::Limits;
use keyradius_core::engine::Counts;
use keyradius_core::error::Gap;
use keyradius_core::hex::hex;
use keyradius_core::material::{Identity, Kind, Material, Occurrence, PublicHalf};
use keyradius_core::repository::Summary;
use keyradius_core::seam::Knowledge;
use keyradius_readers::public;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

/// The schema that is written, and the only one that is accepted.
pub const SCHEMA: &str = "keyradius.facts/1";

/// Longest record accepted, in bytes. A key in a hundred tags of a repository takes about ten thousand bytes.
const LONGEST: u64 = 4 << 20;

/// Facts of one or more sources.
#[derive(Debug, Default)]
pub struct Facts {
    /// Materials with their places.
    pub occurrences: Vec<Occurrence>,
    /// What was not read or not opened.
    pub gaps: Vec<Gap>,
    /// Statistics of opening locked containers.
    pub opening: Opening,
    /// Statistics of what was read.
    pub counts: Counts,
    /// The git histories that were read.
    pub repositories: Vec<Summary>,
}

/// Statistics of opening locked containers.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Opening {
    /// Locked containers; copies of a container are counted once per unit.
    pub containers: u64,
    /// Passwords tried in total.
    pub tried: u64,
    /// Containers from which at least one key was opened.
    pub opened: u64,
}

impl Opening {
    /// Adds the statistics of another run; sums saturate.
    fn add(&mut self, other: Self) {
        self.containers = self.containers.saturating_add(other.containers);
        self.tried = self.tried.saturating_add(other.tried);
        self.opened = self.opened.saturating_add(other.opened);
    }
}

impl Facts {
    /// Appends the facts of other sources. [`Self::settle`] removes duplicates.
    pub fn join(&mut self, mut other: Self) {
        self.occurrences.append(&mut other.occurrences);
        self.gaps.append(&mut other.gaps);
        self.repositories.append(&mut other.repositories);
        self.counts.add(other.counts);
        self.opening.add(other.opening);
    }

    /// Sorts everything and removes duplicates, which come from overlapping targets.
    pub fn settle(&mut self) {
        let place = |a: &Occurrence, b: &Occurrence| {
            let (x, y) = (&a.material, &b.material);
            let places = (&a.origin, a.offset).cmp(&(&b.origin, b.offset));
            places.then_with(|| {
                (x.kind, x.format, x.span.start, x.span.end).cmp(&(y.kind, y.format, y.span.start, y.span.end))
            })
        };
        self.occurrences.sort_by(place);
        // Two that differ in anything are both kept: facts of others must not take the place of one's own.
        self.occurrences.dedup_by(|a, b| place(a, b).is_eq() && written(a) == written(b));
        self.gaps.sort();
        self.gaps.dedup();
        self.repositories.sort();
        self.repositories.dedup();
    }

    /// Replaces the digests of ordinary secrets with keyed digests, which nobody can look up without the key. Without a
    /// key the digests are removed, and each secret is identified by its place.
    pub fn seal(&mut self, key: Option<&JoinKey>) {
        for occurrence in &mut self.occurrences {
            seal(&mut occurrence.material, key);
        }
    }
}

/// All that is written of an occurrence.
fn written(occurrence: &Occurrence) -> Option<String> {
    serde_json::to_string(occurrence).ok()
}

fn seal(material: &mut Material, key: Option<&JoinKey>) {
    if material.kind != Kind::Secret {
        return;
    }
    material.identity = match (&material.identity, key) {
        (Some(Identity::Opaque(digest)), Some(key)) => Some(Identity::Opaque(key.digest(digest))),
        _ => None,
    };
}

/// The key for the digests of ordinary secrets. Whoever compares facts generates one and gives it to those who write
/// them.
#[derive(Clone)]
pub struct JoinKey(zeroize::Zeroizing<Vec<u8>>);

impl JoinKey {
    /// Shortest key, in bytes: the length of the digest.
    pub const SHORTEST: usize = 32;

    /// A key; `None` if it has less than [`Self::SHORTEST`] bytes.
    pub fn new(bytes: &[u8]) -> Option<Self> {
        (bytes.len() >= Self::SHORTEST).then(|| Self(zeroize::Zeroizing::new(bytes.to_vec())))
    }

    /// Identifier of the key, 16 hexadecimal digits: equal if two sets of facts were made with the same key.
    pub fn id(&self) -> String {
        let digest = self.digest(b"keyradius join key");
        hex(&digest).get(..16).unwrap_or_default().to_owned()
    }

    fn digest(&self, bytes: &[u8]) -> [u8; 32] {
        // HMAC takes a key of any length.
        Hmac::<Sha256>::new_from_slice(&self.0)
            .map(|mac| mac.chain_update(bytes).finalize().into_bytes().into())
            .unwrap_or_default()
    }
}

impl std::fmt::Debug for JoinKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "JoinKey({})", self.id())
    }
}

/// How facts were made.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Header {
    /// [`SCHEMA`].
    pub schema: String,
    /// Version of the engine.
    pub version: String,
    /// Digest of what was looked for: see [`rules`].
    pub rules: String,
    /// Limits of the run.
    pub limits: Limits,
    /// Whether passwords were tried.
    pub passwords: bool,
    /// What was read of the targets; `None` in facts of versions that did not write it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reading: Option<Reading>,
    /// Identifier of the [`JoinKey`]; without one, ordinary secrets are identified by their places.
    pub join_key: Option<String>,
    /// What was scanned.
    pub targets: Vec<PlainPath>,
    /// When the run began, seconds since 1970.
    pub started: i64,
}

/// What was read of the targets, in the words of the command line. A report repeats it; nothing else depends on it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Reading {
    /// The part of each git history: `all`, `head`, `none`, `A..B` or `A...B`.
    pub history: String,
    /// The time or age of the oldest commits.
    pub since: Option<String>,
    /// The kind that was searched for, if not all.
    pub only: Option<String>,
    /// Whether other file systems below a target were skipped.
    pub one_file_system: bool,
}

/// The last record: its presence shows that the facts are complete.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct End {
    /// When the run ended, seconds since 1970.
    pub finished: i64,
    /// Statistics of what was read.
    pub counts: Counts,
    /// Statistics of opening locked containers.
    pub opening: Opening,
    /// Number of records between the header and this one.
    pub records: u64,
}

/// Digest of the ids and anchors that an engine looks for, 16 hexadecimal digits. Facts made with other rules may lack
/// what these rules find.
pub fn rules(knowledge: &Knowledge<'_>) -> String {
    let mut hash = Sha256::new();
    let mut add = |text: &[u8]| {
        hash.update((text.len() as u64).to_be_bytes());
        hash.update(text);
    };
    for detector in &knowledge.detectors {
        add(detector.about().id.as_bytes());
        detector.anchors().iter().for_each(|anchor| add(anchor.bytes));
        detector.literals().iter().for_each(|literal| add(literal));
    }
    for unwrapper in &knowledge.unwrappers {
        add(unwrapper.about().id.as_bytes());
    }
    for container in &knowledge.containers {
        add(container.about().id.as_bytes());
    }
    hex(&hash.finalize()).get(..16).unwrap_or_default().to_owned()
}

/// One line of facts: borrowed for writing, owned after reading.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[allow(clippy::large_enum_variant, reason = "there is one at a time")]
pub enum Line<'a> {
    /// The first line.
    Facts(Cow<'a, Header>),
    /// A material at a place.
    Occurrence(Cow<'a, Occurrence>),
    /// What was not read.
    Gap(Cow<'a, Gap>),
    /// A git history that was read.
    Repository(Cow<'a, Summary>),
    /// The last line.
    End(Cow<'a, End>),
}

/// Writes facts source by source, so that they are never all in memory.
pub struct Lines<F> {
    tell: F,
    records: u64,
    counts: Counts,
    opening: Opening,
}

impl<E, F: FnMut(&Line<'_>) -> Result<(), E>> Lines<F> {
    /// Writes the header.
    pub fn begin(header: &Header, mut tell: F) -> Result<Self, E> {
        tell(&Line::Facts(Cow::Borrowed(header)))?;
        Ok(Self { tell, records: 0, counts: Counts::default(), opening: Opening::default() })
    }

    /// Writes the records of one or more sources.
    pub fn add(&mut self, facts: &Facts) -> Result<(), E> {
        self.counts.add(facts.counts.clone());
        self.opening.add(facts.opening);
        let occurrences = facts.occurrences.iter().map(|occurrence| Line::Occurrence(Cow::Borrowed(occurrence)));
        let gaps = facts.gaps.iter().map(|gap| Line::Gap(Cow::Borrowed(gap)));
        let summaries = facts.repositories.iter().map(|summary| Line::Repository(Cow::Borrowed(summary)));
        for line in occurrences.chain(gaps).chain(summaries) {
            self.records += 1;
            (self.tell)(&line)?;
        }
        Ok(())
    }

    /// Writes the end record. `finished` is in seconds since 1970.
    pub fn end(mut self, finished: i64) -> Result<(), E> {
        let end = End { finished, counts: self.counts, opening: self.opening, records: self.records };
        (self.tell)(&Line::End(Cow::Owned(end)))
    }
}

/// Writes facts, one record per line. Texts of the input are not escaped for a terminal.
pub fn write(facts: &Facts, header: &Header, finished: i64, to: &mut dyn Write) -> io::Result<()> {
    let mut lines = Lines::begin(header, |line| {
        serde_json::to_writer(&mut *to, line)?;
        to.write_all(b"\n")
    })?;
    lines.add(facts)?;
    lines.end(finished)
}

/// Why facts cannot be used.
#[derive(Debug)]
#[non_exhaustive]
pub enum FactsError {
    /// Reading failed.
    Io(io::Error),
    /// Not facts, or facts of another schema: which.
    Schema(String),
    /// A malformed line: its number, from 1, and what is wrong with it.
    Line(u64, String),
    /// The end record is missing.
    Cut,
    /// The facts exceed the room that is left.
    TooLarge,
}

impl std::fmt::Display for FactsError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Io(error) => write!(f, "{error}"),
            Self::Schema(what) => write!(f, "{what}: not {SCHEMA}"),
            Self::Line(number, what) => write!(f, "line {number}: {what}"),
            Self::TooLarge => f.write_str("the facts exceed the memory limit"),
            Self::Cut => {
                f.write_str("the end record is missing: the run that wrote them was stopped, or the file was cut")
            }
        }
    }
}

impl std::error::Error for FactsError {}

impl From<io::Error> for FactsError {
    fn from(error: io::Error) -> Self {
        Self::Io(error)
    }
}

/// Reads facts that [`write()`] wrote, or that claim to be. Every line is bounded, and the lines together by `room` in
/// bytes, which is reduced by what was read. Everything that follows from a public half is recomputed. Facts take about
/// as much memory as their text.
pub fn read(from: &mut dyn BufRead, room: &mut u64) -> Result<(Header, Facts, End), FactsError> {
    let mut facts = Facts::default();
    let (mut header, mut line, mut number, mut records) = (None, Vec::new(), 0_u64, 0_u64);
    loop {
        line.clear();
        number += 1;
        let length = io::Read::take(&mut *from, LONGEST).read_until(b'\n', &mut line)?;
        if length == 0 {
            return Err(if header.is_none() {
                FactsError::Schema("an empty file".to_owned())
            } else {
                FactsError::Cut
            });
        }
        *room = room.checked_sub(length as u64).ok_or(FactsError::TooLarge)?;
        let wrong = |what: String| FactsError::Line(number, what);
        if line.last() != Some(&b'\n') {
            let cut = (line.len() as u64) < LONGEST;
            return Err(if cut { FactsError::Cut } else { wrong(format!("longer than {} MiB", LONGEST >> 20)) });
        }
        let Some(known) = &header else {
            header = Some(self::header(&line)?);
            continue;
        };
        match serde_json::from_slice(&line).map_err(|error| wrong(said(&error)))? {
            Line::Facts(_) => return Err(wrong("a second header: pass each file separately".to_owned())),
            Line::Occurrence(occurrence) => facts.occurrences.push(checked(occurrence.into_owned()).map_err(wrong)?),
            Line::Gap(gap) => facts.gaps.push(gap.into_owned()),
            Line::Repository(summary) => facts.repositories.push(summary.into_owned()),
            Line::End(end) if end.records == records => {
                if !from.fill_buf()?.is_empty() {
                    return Err(wrong("data after the end record: pass each file separately".to_owned()));
                }
                facts.counts = end.counts.clone();
                facts.opening = end.opening;
                return Ok((known.clone(), facts, end.into_owned()));
            }
            Line::End(end) => {
                return Err(wrong(format!("{} records were written, but {records} are present", end.records)));
            }
        }
        records += 1;
    }
}

fn header(line: &[u8]) -> Result<Header, FactsError> {
    /// The part of a header that identifies its schema.
    #[derive(Deserialize)]
    struct Any {
        facts: Schema,
    }
    #[derive(Deserialize)]
    struct Schema {
        schema: String,
    }
    let any: Any = serde_json::from_slice(line).map_err(|_| FactsError::Schema("another kind of file".to_owned()))?;
    if any.facts.schema != SCHEMA {
        let schema: String = any.facts.schema.chars().filter(|c| !c.is_control()).take(60).collect();
        return Err(FactsError::Schema(schema));
    }
    match serde_json::from_slice(line) {
        Ok(Line::Facts(header)) => Ok(header.into_owned()),
        Ok(_) => Err(FactsError::Schema("another record instead of the header".to_owned())),
        Err(error) => Err(FactsError::Line(1, said(&error))),
    }
}

/// The error without any text of the input.
fn said(error: &serde_json::Error) -> String {
    let what = match error.classify() {
        serde_json::error::Category::Data => "unknown or missing fields",
        _ => "not JSON",
    };
    format!("{what} (column {})", error.column())
}

/// Seconds of a hundred thousand years; no certificate that can be read has a later date.
const LATEST: i64 = 100_000 * 31_556_952;

/// Validates a material: its public half must match its SubjectPublicKeyInfo, and its numbers must be ones that a
/// reader could have produced.
fn checked(mut occurrence: Occurrence) -> Result<Occurrence, String> {
    let Material { span, certificate, reference, pgp_fingerprint, .. } = &occurrence.material;
    let dates = certificate.iter().flat_map(|facts| [facts.not_before, facts.not_after]);
    if span.start > span.end || dates.into_iter().any(|date| !(-LATEST..=LATEST).contains(&date)) {
        return Err("a number out of range".to_owned());
    }
    let is_fingerprint =
        |text: &String| matches!(text.len(), 32 | 40 | 64) && text.bytes().all(|b| b.is_ascii_hexdigit());
    if !pgp_fingerprint.iter().all(is_fingerprint) {
        return Err("not an OpenPGP fingerprint".to_owned());
    }
    if reference.as_ref().is_some_and(|reference| !(0..=100).contains(&reference.weight)) {
        return Err("the weight of a use is out of range".to_owned());
    }
    if let Some(Identity::Public(half)) = &mut occurrence.material.identity {
        let own = public::from_spki(&half.spki).map(|own| match &half.ssh_sha256 {
            // The SSH fingerprint of a key on a security token also covers its application; no other name of the key
            // does.
            Some(ssh) if is_ssh(ssh) => PublicHalf { ssh_sha256: Some(ssh.clone()), ..own },
            _ => own,
        });
        match own {
            Ok(own) if own == **half => {}
            Ok(_) => return Err("the digests of a key do not match its public half".to_owned()),
            Err(error) => return Err(format!("invalid public key: {error}")),
        }
    }
    Ok(occurrence)
}

/// Whether a text has the form of an `ssh-keygen -l` fingerprint: `SHA256:` and 43 digits of base64.
fn is_ssh(text: &str) -> bool {
    let is_digit = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'/');
    text.strip_prefix("SHA256:").is_some_and(|digits| digits.len() == 43 && digits.bytes().all(is_digit))
}
