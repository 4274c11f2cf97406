//! Facts: what is known of a source once it was read and passwords were tried on what is locked in it, before anything is joined
//! or judged.
//!
//! They can be written down, carried elsewhere and joined with others: a key in one repository, its certificate in a second and
//! what it signed in a third. No secret byte is in them: a [`Material`] holds none, passwords and ciphertexts stay behind, and
//! ordinary secrets go by a keyed digest or by their place. `keyradius.facts/1` is JSON Lines: a [`Header`], records in any
//! order, and an [`End`], without which something was cut off.

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

/// The schema that is written, and the only one that is read.
pub const SCHEMA: &str = "keyradius.facts/1";

/// Longest record that is read, in bytes: a key in a hundred tags of a repository takes some ten thousand.
const LONGEST: u64 = 4 << 20;

/// Facts of one source or of several.
#[derive(Debug, Default)]
pub struct Facts {
    /// Materials at their places.
    pub occurrences: Vec<Occurrence>,
    /// What was not read, or not opened.
    pub gaps: Vec<Gap>,
    /// How the opening of what is locked went.
    pub opening: Opening,
    /// What was read, in numbers.
    pub counts: Counts,
    /// The histories that were read.
    pub repositories: Vec<Summary>,
}

/// How the opening of what is locked went, in numbers.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Opening {
    /// Locked containers, each counted once in each unit however many copies there are.
    pub containers: u64,
    /// Passwords tried in all.
    pub tried: u64,
    /// Containers of which at least one key opened.
    pub opened: u64,
}

impl Facts {
    /// Joins facts of other sources to these. What both tell of one place is told once.
    pub fn join(&mut self, mut other: Self) {
        self.occurrences.append(&mut other.occurrences);
        self.gaps.append(&mut other.gaps);
        self.repositories.append(&mut other.repositories);
        self.counts.add(other.counts);
        let add = |sum: &mut u64, more: u64| *sum = sum.saturating_add(more);
        add(&mut self.opening.containers, other.opening.containers);
        add(&mut self.opening.tried, other.opening.tried);
        add(&mut self.opening.opened, other.opening.opened);
    }

    /// Sorts everything, and drops what stands twice, because of targets that overlap.
    pub fn settle(&mut self) {
        let place = |a: &Occurrence, b: &Occurrence| {
            let (x, y) = (&a.material, &b.material);
            let places = (&a.origin, a.offset).cmp(&(&b.origin, b.offset));
            places.then_with(|| {
                (x.kind, x.format, x.span.start, x.span.end).cmp(&(y.kind, y.format, y.span.start, y.span.end))
            })
        };
        self.occurrences.sort_by(place);
        self.occurrences.dedup_by(|a, b| place(a, b).is_eq() && a.material.identity == b.material.identity);
        self.gaps.sort();
        self.gaps.dedup();
        self.repositories.sort();
        self.repositories.dedup();
    }

    /// Names ordinary secrets by digests that nobody can look up without the key. Without a key they go by their places.
    pub fn seal(&mut self, key: Option<&JoinKey>) {
        for occurrence in &mut self.occurrences {
            seal(&mut occurrence.material, key);
        }
    }
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

/// What the digests of ordinary secrets are made with: whoever compares facts keeps one, and hands it to those who make them.
#[derive(Clone)]
pub struct JoinKey(zeroize::Zeroizing<Vec<u8>>);

impl JoinKey {
    /// Shortest key, in bytes: as strong as the digest.
    pub const SHORTEST: usize = 32;

    /// A key of at least [`Self::SHORTEST`] bytes.
    pub fn new(bytes: &[u8]) -> Option<Self> {
        (bytes.len() >= Self::SHORTEST).then(|| Self(zeroize::Zeroizing::new(bytes.to_vec())))
    }

    /// What tells that two facts were made with the same key: 16 hexadecimal digits.
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
    /// Id of the key that digests of ordinary secrets were made with; without one they go by their places.
    pub join_key: Option<String>,
    /// What was scanned.
    pub targets: Vec<PlainPath>,
    /// When the run began, seconds since 1970.
    pub started: i64,
}

/// The last record: that there is one shows that nothing was cut off.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct End {
    /// When the run ended, seconds since 1970.
    pub finished: i64,
    /// What was read, in numbers.
    pub counts: Counts,
    /// How the opening of what is locked went.
    pub opening: Opening,
    /// How many records stand between the header and this one.
    pub records: u64,
}

/// What an engine looks for, as a digest of 16 hexadecimal digits over ids and anchors: facts that were made by other rules may
/// lack what these find.
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

/// One line of facts: borrowed as it is written, owned as it is read.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[allow(clippy::large_enum_variant, reason = "there is one at a time")]
pub enum Line<'a> {
    /// The first.
    Facts(Cow<'a, Header>),
    /// A material at a place.
    Occurrence(Cow<'a, Occurrence>),
    /// What was not read.
    Gap(Cow<'a, Gap>),
    /// A history that was read.
    Repository(Cow<'a, Summary>),
    /// The last.
    End(Cow<'a, End>),
}

/// Hands out the lines of facts, one after the other, to be written as JSON.
pub fn lines<E>(
    facts: &Facts,
    header: &Header,
    finished: i64,
    mut tell: impl FnMut(&Line<'_>) -> Result<(), E>,
) -> Result<(), E> {
    tell(&Line::Facts(Cow::Borrowed(header)))?;
    let mut records = 0;
    let mut record = |line: &Line<'_>| {
        records += 1;
        tell(line)
    };
    facts.occurrences.iter().try_for_each(|occurrence| record(&Line::Occurrence(Cow::Borrowed(occurrence))))?;
    facts.gaps.iter().try_for_each(|gap| record(&Line::Gap(Cow::Borrowed(gap))))?;
    facts.repositories.iter().try_for_each(|summary| record(&Line::Repository(Cow::Borrowed(summary))))?;
    let end = End { finished, counts: facts.counts.clone(), opening: facts.opening, records };
    tell(&Line::End(Cow::Owned(end)))
}

/// Writes facts, each record on a line. Texts of the input stand there as they are: this is no output for a terminal.
pub fn write(facts: &Facts, header: &Header, finished: i64, to: &mut dyn Write) -> io::Result<()> {
    lines(facts, header, finished, |line| {
        serde_json::to_writer(&mut *to, line)?;
        to.write_all(b"\n")
    })
}

/// Why facts cannot be used.
#[derive(Debug)]
#[non_exhaustive]
pub enum FactsError {
    /// They could not be read.
    Io(io::Error),
    /// They are not facts, or of another schema; which.
    Schema(String),
    /// A line cannot be understood: its number, from 1, and what is wrong with it.
    Line(u64, String),
    /// They end before their end.
    Cut,
    /// They take more room than is left.
    TooLarge,
}

impl std::fmt::Display for FactsError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Io(error) => write!(f, "{error}"),
            Self::Schema(what) => write!(f, "{what}: not {SCHEMA}"),
            Self::Line(number, what) => write!(f, "line {number}: {what}"),
            Self::TooLarge => f.write_str("the facts take more room than they may"),
            Self::Cut => {
                f.write_str("they end before their end: the run that wrote them was stopped, or a part is missing")
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

/// Reads facts that [`write()`] wrote, or that somebody says it did: every line is bounded, all lines together by `room` in bytes,
/// from which they are taken, and what follows from a public half is worked out anew. In memory facts take about as much.
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
            Line::Facts(_) => return Err(wrong("a second header: give each file by itself".to_owned())),
            Line::Occurrence(occurrence) => facts.occurrences.push(checked(occurrence.into_owned()).map_err(wrong)?),
            Line::Gap(gap) => facts.gaps.push(gap.into_owned()),
            Line::Repository(summary) => facts.repositories.push(summary.into_owned()),
            Line::End(end) if end.records == records => {
                if !from.fill_buf()?.is_empty() {
                    return Err(wrong("something follows the end: give each file by itself".to_owned()));
                }
                facts.counts = end.counts.clone();
                facts.opening = end.opening;
                return Ok((known.clone(), facts, end.into_owned()));
            }
            Line::End(end) => {
                return Err(wrong(format!("{} records were written, and {records} are there", end.records)));
            }
        }
        records += 1;
    }
}

fn header(line: &[u8]) -> Result<Header, FactsError> {
    /// As much of a header as tells what it is of.
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
        Ok(_) => Err(FactsError::Schema("a header with something else".to_owned())),
        Err(error) => Err(FactsError::Line(1, said(&error))),
    }
}

/// What is wrong, without what stood there.
fn said(error: &serde_json::Error) -> String {
    let what = match error.classify() {
        serde_json::error::Category::Data => "fields that this version does not know, or that are missing",
        _ => "no JSON",
    };
    format!("{what} (column {})", error.column())
}

/// Seconds of a hundred thousand years: no certificate that can be read says more.
const LATEST: i64 = 100_000 * 31_556_952;

/// A material as it may be believed: a public half is what its SubjectPublicKeyInfo says, not what is said of it, and numbers are
/// such as a reader could have read.
fn checked(mut occurrence: Occurrence) -> Result<Occurrence, String> {
    let Material { span, certificate, reference, pgp_fingerprint, .. } = &occurrence.material;
    let dates = certificate.iter().flat_map(|facts| [facts.not_before, facts.not_after]);
    if span.start > span.end || dates.into_iter().any(|date| !(-LATEST..=LATEST).contains(&date)) {
        return Err("a number that no input has".to_owned());
    }
    let is_fingerprint =
        |text: &String| matches!(text.len(), 32 | 40 | 64) && text.bytes().all(|b| b.is_ascii_hexdigit());
    if !pgp_fingerprint.iter().all(is_fingerprint) {
        return Err("not an OpenPGP fingerprint".to_owned());
    }
    if reference.as_ref().is_some_and(|reference| !(0..=100).contains(&reference.weight)) {
        return Err("a use that weighs more than any".to_owned());
    }
    if let Some(Identity::Public(half)) = &mut occurrence.material.identity {
        let own = public::from_spki(&half.spki).map(|own| match &half.ssh_sha256 {
            // That of a key on a security token covers its application too, which no other name does.
            Some(ssh) if is_ssh(ssh) => PublicHalf { ssh_sha256: Some(ssh.clone()), ..own },
            _ => own,
        });
        match own {
            Ok(own) if own == **half => {}
            Ok(_) => return Err("the names of a key do not follow from its public half".to_owned()),
            Err(error) => return Err(format!("a public half that is none: {error}")),
        }
    }
    Ok(occurrence)
}

/// Whether this is what `ssh-keygen -l` prints: `SHA256:` and 43 digits of base64.
fn is_ssh(text: &str) -> bool {
    let is_digit = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'/');
    text.strip_prefix("SHA256:").is_some_and(|digits| digits.len() == 43 && digits.bytes().all(is_digit))
}
