//! The work of one thread: finds the anchors of a blob, calls their owners, and opens text encodings.

mod text;

use std::collections::BTreeMap;
use std::ops::Range;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use super::allow::mark;
use super::carving::Candidate;
use super::cover::{Covers, Enclosing, Known, MAX_NESTED};
use super::memory::Holding;
use super::session::{Session, lock};
use crate::blob::Blob;
use crate::budget::Budget;
use crate::error::{Gap, Reason};
use crate::lines::Lines;
use crate::material::{Kind, Mark, Material, Occurrence};
use crate::prefilter::{Owners, Seen};
use crate::read_at::{Cursor, Held};
use crate::seam::{Hit, INNER, Inspection, Unwrapper};
use text::{Reading, Wrapper};

/// Maximum number of hits for which a list keeps its memory for the next blob: 1 MiB of hits.
const MOST_SPARE: usize = 1 << 16;

/// Maximum number of findings of one blob held back until the blob was read to its end.
const MOST_OF_A_BLOB: usize = 1 << 14;

/// How many findings of a blob are remembered for the places that no anchor marks. In the text of further ones, keys may
/// be reported twice.
const MOST_SPANS: usize = 256;

/// How many bytes a detector may read again in a blob of `length` bytes: each byte several times, and enough for many
/// hits.
const fn most_work(length: usize) -> usize {
    (64 << 20) + 16 * length
}

/// The surroundings of a blob that came out of a wrapper.
#[derive(Clone, Default)]
#[allow(clippy::struct_excessive_bools, reason = "independent facts about a blob")]
pub(super) struct Context<'a> {
    pub(super) depth: u32,
    /// The memory of the outermost input, if it is a container.
    pub(super) holding: Option<Arc<Holding>>,
    /// Line of the outermost wrapper; `None` for a file itself.
    line: Option<u64>,
    /// The mark beside the text that wraps the blob.
    mark: Option<Mark>,
    /// Whether a reader of the file cannot see the marks in this blob.
    encoded: bool,
    /// Whether something was already found in these bytes.
    again: bool,
    /// Whether the bytes are what a container has beside its members: what they begin with was opened as a container.
    beside: bool,
    /// Whether containers in the middle of the bytes are looked for.
    carves: bool,
    /// The findings around the blob.
    enclosing: Option<Enclosing<'a>>,
}

impl Context<'_> {
    /// The surroundings of a file, or of a blob inside `depth` containers.
    pub(super) fn file(depth: u32, holding: Option<&Arc<Holding>>) -> Self {
        Self { depth, holding: holding.cloned(), ..Self::default() }
    }

    /// Whether the bytes are no content of a member.
    pub(super) const fn is_beside(&self) -> bool {
        self.beside
    }

    /// The same for bytes that are no content of a member.
    pub(super) fn beside_members(self) -> Self {
        Self { beside: true, ..self }
    }

    /// The same for bytes in which containers are looked for.
    pub(super) fn carving(self) -> Self {
        Self { carves: true, ..self }
    }

    /// The mark that belongs to a span of the blob.
    fn mark(&self, bytes: &[u8], span: &Range<usize>) -> Option<Mark> {
        let here = || mark(bytes, span).map(|found| if self.encoded { found.hidden() } else { found });
        self.mark.clone().or_else(here)
    }
}

/// Counts of findings.
#[derive(Clone, Copy, Default)]
pub(super) struct Count {
    pub(super) all: u64,
    /// Private keys, and locked containers that may contain one.
    pub(super) keys: u64,
    /// Private keys and ordinary secrets.
    pub(super) secrets: u64,
}

/// The findings and scratch space of one thread.
#[derive(Default)]
pub(super) struct Worker {
    /// Findings of the current blob that were not handed on yet.
    occurrences: Vec<Occurrence>,
    /// All findings so far.
    pub(super) count: Count,
    /// Findings of the texts being read, the innermost last.
    pub(super) known: Vec<Known>,
    pub(super) rejected: u64,
    /// Lists of hits not in use, one for each level of wrapping.
    spare: Vec<Vec<Seen>>,
    /// Containers seen in the middle of the current blob.
    pub(super) candidates: Vec<Candidate>,
}

impl Worker {
    /// Starts to record findings, until [`Self::end`] is called with the returned index.
    pub(super) fn begin(&mut self) -> usize {
        self.known.push(Known::default());
        self.known.len() - 1
    }

    /// Returns the findings since [`Self::begin`]. They also count as findings of the enclosing texts.
    pub(super) fn end(&mut self, begun: usize) -> Known {
        let mut all = Known::default();
        self.known.drain(begun.min(self.known.len())..).for_each(|known| all.join(known));
        if let Some(around) = self.known.last_mut() {
            around.join(all.clone());
        }
        all
    }

    /// Finds every anchor in a blob and calls its owners.
    pub(super) fn look(&mut self, session: &Session<'_>, blob: Blob<'_>, budget: &Budget, around: &Context<'_>) {
        let mut hits = self.spare.pop().unwrap_or_default();
        hits.clear();
        session.run.prefilter().find(blob.bytes, blob.window, &mut hits);
        let whole = !around.beside
            && blob.window.first()
            && session.knowledge.unwrappers.iter().any(|unwrapper| unwrapper.claims(blob));
        let unwrappers = session.knowledge.unwrappers.iter();
        let places = unwrappers.flat_map(|one| one.places(blob).into_iter().map(move |at| (*one, at)));
        let mut places: Vec<_> = places.collect();
        places.sort_by_key(|(_, at)| *at);
        if !hits.is_empty() || whole || !places.is_empty() {
            self.ask(session, blob, whole, &hits, &places, budget, around);
        }
        // The large list that only a file full of anchors needs is dropped.
        if hits.capacity() <= MOST_SPARE {
            self.spare.push(hits);
        }
    }

    #[allow(clippy::too_many_arguments, reason = "what was found in a blob, and its surroundings")]
    fn ask(
        &mut self,
        session: &Session<'_>,
        blob: Blob<'_>,
        whole: bool,
        hits: &[Seen],
        places: &[(&dyn Unwrapper, usize)],
        budget: &Budget,
        around: &Context<'_>,
    ) {
        let gap = |reason, detail: &str| {
            session.run.gap(Gap::new(blob.origin.clone(), reason, detail.to_owned()));
        };
        let mut lines = Lines::of(blob);
        let mut covers = Covers::within(around.enclosing);
        let mut too_deep = false;
        let mut inspection = Inspection::default();
        // What each detector may still read again, by its index; `None` once a hit was refused.
        let mut work: BTreeMap<usize, Option<usize>> = BTreeMap::new();
        let first = self.count.all;
        // What an unwrapper decoded that claimed the whole blob.
        let mut decoded = 0..0;
        // Which encodings were opened, with or without a finding.
        let mut readings: Vec<Reading> = Vec::new();
        let claiming = session.knowledge.unwrappers.iter().filter(|unwrapper| whole && unwrapper.claims(blob));
        for unwrapper in claiming {
            let mut wrapper =
                Wrapper { session, blob, hit: Hit::START, budget, around, line: blob.window.line, read: None };
            // Stop at the first unwrapper that finds something; otherwise try the next: digits may be of two kinds.
            let opened = self.unwrap(*unwrapper, &mut wrapper, &covers);
            readings.extend(opened.as_ref().map(|opened| opened.reading));
            if let Some(opened) = opened.filter(|opened| opened.found) {
                covers.opened(*unwrapper, blob, Hit::START, opened.span.clone());
                decoded = opened.span.clone();
                covers.add(opened.span, opened.known);
                break;
            }
        }
        // What was found, for the places that no anchor marks.
        let mut found_in = Covers::within(around.enclosing);
        for &seen in hits {
            covers.pass(seen.at);
            if session.run.cancelled() {
                return;
            }
            if budget.out_of_time() {
                return gap(Reason::TooSlow, &format!("gave up at byte {}", blob.window.start + seen.at as u64));
            }
            let depth = covers.depth(seen.at);
            if depth > MAX_NESTED {
                if !std::mem::replace(&mut too_deep, true) {
                    let at = blob.window.start + seen.at as u64;
                    gap(Reason::TooDeep, &format!("nested findings at byte {at}"));
                }
                continue;
            }
            let Some((hit, owners)) = session.run.prefilter().hit(seen) else { continue };
            if around.carves && !decoded.contains(&seen.at) {
                self.candidates.extend(candidates(session, blob, seen.at, owners));
            }
            if owners.only_containers() {
                continue;
            }
            let mut looked_like = false;
            for (&index, detector) in
                owners.detectors.iter().filter_map(|i| Some((i, session.knowledge.detectors.get(*i)?)))
            {
                let left = work.entry(index).or_insert_with(|| Some(most_work(blob.bytes.len())));
                inspection.allow(left.unwrap_or_default());
                // Detectors have no state, so a panic leaves only the inspection half changed.
                match catch_unwind(AssertUnwindSafe(|| detector.inspect(blob, hit, &mut inspection))) {
                    Ok(Ok(())) => {}
                    Ok(Err(_)) => looked_like = true,
                    Err(_) => gap(Reason::DetectorFault, detector.about().id),
                }
                let (now, refused) = inspection.allow(0);
                if refused && left.is_some() {
                    gap(
                        Reason::TooSlow,
                        &format!("{}: gave up at byte {}", detector.about().id, blob.window.start + seen.at as u64),
                    );
                }
                *left = left.filter(|_| !refused).map(|_| now);
                if !inspection.materials().is_empty() {
                    break;
                }
            }
            let (found, decoded, unread) = (inspection.take(), inspection.take_decoded(), inspection.take_unread());
            if found.is_empty() {
                // Inside a finding, parts of the key look like keys of their own.
                self.rejected += u64::from(looked_like && depth == 0 && !around.again);
                let wrapper = Wrapper { session, blob, hit, budget, around, line: 0, read: None };
                let before = self.count.all;
                self.search_decoded(decoded, &wrapper, &mut covers, &mut lines, false);
                if let Some((reason, detail)) =
                    unread.filter(|_| self.count.all == before && depth == 0 && !around.again)
                {
                    gap(reason, &format!("{detail}, at byte {}", blob.window.start + seen.at as u64));
                }
                for unwrapper in owners.unwrappers.iter().filter_map(|&i| session.knowledge.unwrappers.get(i)) {
                    // The unwrapper has already read these bytes.
                    if ((whole || around.beside) && hit.anchor.at_start && unwrapper.claims(blob))
                        || covers.was_opened(*unwrapper, blob, hit)
                    {
                        continue;
                    }
                    let line = lines.at(blob, seen.at);
                    let mut wrapper = Wrapper { session, blob, hit, budget, around, line, read: None };
                    if let Some(opened) = self.unwrap(*unwrapper, &mut wrapper, &covers) {
                        covers.opened(*unwrapper, blob, hit, opened.span.clone());
                        if opened.found && found_in.count() < MOST_SPANS {
                            found_in.add(opened.span.clone(), opened.known.clone());
                        }
                        // Only these are asked for below.
                        if places.binary_search_by_key(&opened.span.start, |(_, at)| *at).is_ok() {
                            readings.push(opened.reading);
                        }
                        covers.add(opened.span, opened.known);
                    }
                }
                continue;
            }
            let start = found.iter().map(|material| material.span.start).min().unwrap_or(seen.at);
            let end = found.iter().map(|material| material.span.end).max().unwrap_or(seen.at);
            let known = Known::of(&found);
            let mut new = false;
            // All keys of a keyring have one span.
            let mut marked: Option<(Range<usize>, Option<Mark>)> = None;
            for mut material in found {
                if covers.say(&material, seen.at) {
                    continue;
                }
                if self.count.all - first >= session.run.limits().max_materials as u64 {
                    return gap(
                        Reason::TooMany,
                        &format!("more than {} materials", session.run.limits().max_materials),
                    );
                }
                new = true;
                let line = around.line.unwrap_or_else(|| lines.at(blob, material.span.start));
                let mark = match &marked {
                    Some((span, mark)) if *span == material.span => mark.clone(),
                    _ => around.mark(blob.bytes, &material.span),
                };
                marked = Some((material.span.clone(), mark.clone()));
                if let Some(locked) = &mut material.locked {
                    lock(&session.locked).keep(locked);
                }
                self.keep(session, blob, material, line, mark);
            }
            if new {
                if found_in.count() < MOST_SPANS {
                    found_in.add(start..end, known.clone());
                }
                covers.add(start..end, known);
            }
            let wrapper = Wrapper { session, blob, hit, budget, around, line: 0, read: None };
            self.search_decoded(decoded, &wrapper, &mut covers, &mut lines, true);
        }
        readings.sort_unstable_by_key(Reading::at);
        for &(unwrapper, at) in places.iter().filter(|(_, at)| !decoded.contains(at)) {
            if session.run.cancelled() || budget.out_of_time() {
                return;
            }
            let hit = Hit { at, ..Hit::START };
            let line = lines.at(blob, at);
            let read = readings.get(readings.partition_point(|reading| reading.at() < at)..).unwrap_or_default();
            let read = read.get(..read.partition_point(|reading| reading.at() == at)).unwrap_or_default();
            let mut wrapper = Wrapper { session, blob, hit, budget, around, line, read: Some(read) };
            self.unwrap(unwrapper, &mut wrapper, &found_in);
        }
    }

    /// Hands on the findings, with their sections if the blob is a whole program.
    pub(super) fn flush(&mut self, session: &Session<'_>, blob: Blob<'_>) {
        if self.occurrences.is_empty() {
            return;
        }
        if blob.window.first() && blob.window.last {
            let program = || Cursor::new(Arc::new(Held::new(blob.bytes.to_vec())));
            session.run.locate(blob.bytes, &mut self.occurrences, &program);
        }
        self.hand_on(session);
    }

    fn hand_on(&mut self, session: &Session<'_>) {
        session.run.add(self.occurrences.drain(..));
    }

    fn keep(&mut self, session: &Session<'_>, blob: Blob<'_>, material: Material, line: u64, mark: Option<Mark>) {
        // A window may contain a hundred thousand keys; nobody needs their sections.
        if self.occurrences.len() >= MOST_OF_A_BLOB {
            self.hand_on(session);
        }
        self.count.all += 1;
        self.count.keys += u64::from(material.kind == Kind::PrivateKey || material.locked.is_some());
        self.count.secrets += u64::from(matches!(material.kind, Kind::PrivateKey | Kind::Secret));
        if let Some(known) = self.known.last_mut() {
            known.add(&material);
        }
        self.occurrences.push(blob.occurrence(material, line, mark));
    }
}

/// The candidates with a magic number at this index of a blob.
pub(super) fn candidates(
    session: &Session<'_>,
    blob: Blob<'_>,
    magic: usize,
    owners: &Owners,
) -> impl Iterator<Item = Candidate> {
    let of = move |&(container, before): &(usize, usize)| {
        let start = magic.checked_sub(before)?;
        let at = blob.window.start + start as u64;
        let end = blob.bytes.len().min(start.saturating_add(INNER));
        let begins = session.knowledge.containers.get(container)?.begins(blob.bytes.get(start..end)?);
        // What an input begins with was recognised before.
        (at > 0 && begins).then_some(Candidate { at, container })
    };
    owners.containers.iter().filter_map(of)
}
