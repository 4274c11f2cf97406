//! What one thread does: it finds the anchors of a blob, asks their owners, and reads what is wrapped in text.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::{ControlFlow, Range};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, PoisonError};

use zeroize::Zeroizing;

use super::allow::mark;
use super::cover::{Covers, Enclosing, Known, MAX_NESTED};
use super::memory::Holding;
use super::{Session, keep_first};
use crate::blob::{Blob, Origin, Window, Wrap};
use crate::budget::Budget;
use crate::error::{Gap, Reason};
use crate::material::{Kind, Mark, Material, Occurrence};
use crate::prefilter::Seen;
use crate::random::{Cursor, Held};
use crate::seam::{BlobSink, Clues, Decoded, Hit, Inspection, Unopenable, Unopened, Unwrapper};
use crate::source::stream::count_lines;

/// Largest file that is read for what it says of keys that lie elsewhere, in bytes. Larger ones are data.
pub(super) const CLUES: usize = 1 << 20;

/// Most hits that a list has room for when it is kept for the next blob: 1 MiB of them.
const MOST_SPARE: usize = 1 << 16;

/// Most finds of one blob that are held back until it was read to its end.
const MOST_OF_A_BLOB: usize = 1 << 14;

/// How many bytes a detector may read again in a blob of some length: a few times each, and all that a file of many hits needs.
const fn most_work(length: usize) -> usize {
    (64 << 20) + 16 * length
}

/// What surrounds a blob that came out of a wrapper.
#[derive(Clone, Default)]
pub(super) struct Around<'a> {
    pub(super) depth: u32,
    /// What the outermost input holds, if it is a container.
    pub(super) holding: Option<Arc<Holding>>,
    /// Line of the outermost wrapper; `None` for a file itself.
    line: Option<u64>,
    /// The mark beside the text that wraps it.
    mark: Option<Mark>,
    /// Whether a person who looks at the file does not see the marks in this blob.
    encoded: bool,
    /// Whether something was found in these bytes already.
    again: bool,
    /// What was found around it.
    enclosing: Option<Enclosing<'a>>,
}

impl Around<'_> {
    /// What surrounds a blob that is a file or lies in containers, so many deep.
    pub(super) fn file(depth: u32, holding: Option<&Arc<Holding>>) -> Self {
        Self { depth, holding: holding.cloned(), ..Self::default() }
    }

    /// The mark that belongs to a span of the blob.
    fn mark(&self, bytes: &[u8], span: &Range<usize>) -> Option<Mark> {
        let here = || mark(bytes, span).map(|found| if self.encoded { found.hidden() } else { found });
        self.mark.clone().or_else(here)
    }
}

/// How much was found.
#[derive(Clone, Copy, Default)]
pub(super) struct Count {
    pub(super) all: u64,
    /// Private keys, and locked containers that may hold one.
    pub(super) keys: u64,
    /// Private keys and ordinary secrets.
    pub(super) secrets: u64,
}

/// One thread's findings and scratch space.
#[derive(Default)]
pub(super) struct Worker {
    /// What was found in the blob at hand and not handed on yet.
    occurrences: Vec<Occurrence>,
    /// How much was found in all.
    pub(super) count: Count,
    /// What was found in the texts that are being read, the innermost last.
    pub(super) known: Vec<Known>,
    pub(super) unopened: BTreeMap<&'static str, u64>,
    pub(super) unopened_at: BTreeMap<&'static str, BTreeSet<Origin>>,
    pub(super) rejected: u64,
    /// Lists of hits not in use, one for each level of wrapping.
    spare: Vec<Vec<Seen>>,
}

impl Worker {
    /// Takes note of what is found until the [end](Self::end) of what it returns.
    pub(super) fn begin(&mut self) -> usize {
        self.known.push(Known::default());
        self.known.len() - 1
    }

    /// What was found since its beginning. It was found in the texts around it too.
    pub(super) fn end(&mut self, begun: usize) -> Known {
        let mut all = Known::default();
        self.known.drain(begun.min(self.known.len())..).for_each(|known| all.join(known));
        if let Some(around) = self.known.last_mut() {
            around.join(all.clone());
        }
        all
    }

    /// Counts formats that are not opened, each once.
    pub(super) fn count_unopened(
        &mut self,
        formats: &[Unopened],
        origin: Option<&Origin>,
        is_one: impl Fn(&Unopened) -> bool,
    ) {
        let known: BTreeSet<_> = formats.iter().filter(|format| is_one(format)).map(|format| format.id).collect();
        for id in known {
            *self.unopened.entry(id).or_default() += 1;
            if let Some(origin) = origin.filter(|origin| origin.object.is_none()) {
                keep_first(self.unopened_at.entry(id).or_default(), origin.clone());
            }
        }
    }

    /// Reads what a file says of keys that lie elsewhere, if its name tells that it may.
    pub(super) fn clues(&mut self, session: &Session<'_>, blob: Blob<'_>) {
        let Some(reader) = session.knowledge.clues else { return };
        if !reader.wants(&blob.origin.location()) {
            return;
        }
        if blob.bytes.len() > CLUES || !blob.window.last {
            return session.candidates.lock().unwrap_or_else(PoisonError::into_inner).not_all_of(blob.origin);
        }
        let mut clues = Clues::default();
        if catch_unwind(AssertUnwindSafe(|| reader.read(blob, &mut clues))).is_err() {
            let origin = blob.origin.clone();
            session.gap(Gap { origin, reason: Reason::DetectorFault, detail: "usage".to_owned() });
        }
        if clues.not_all || !clues.candidates.is_empty() {
            let mut candidates = session.candidates.lock().unwrap_or_else(PoisonError::into_inner);
            if clues.not_all {
                candidates.not_all_of(blob.origin);
            }
            clues.candidates.drain(..).for_each(|candidate| candidates.push(candidate));
        }
        let mut lines = Lines { at: 0, line: 1 };
        clues.references.sort_by_key(|material| material.span.start);
        for material in clues.references {
            let line = lines.at(blob, material.span.start);
            self.keep(session, blob, material, line, None);
        }
    }

    /// Finds every anchor in a blob and asks its owners.
    pub(super) fn look(&mut self, session: &Session<'_>, blob: Blob<'_>, budget: &Budget, around: &Around<'_>) {
        let mut hits = self.spare.pop().unwrap_or_default();
        hits.clear();
        session.prefilter.find(blob.bytes, blob.window, &mut hits);
        let whole = blob.window.first() && session.knowledge.unwrappers.iter().any(|unwrapper| unwrapper.claims(blob));
        if !hits.is_empty() || whole {
            self.ask(session, blob, whole, &hits, budget, around);
        }
        // A file that is nothing but anchors needs a list that no other file does.
        if hits.capacity() <= MOST_SPARE {
            self.spare.push(hits);
        }
    }

    fn ask(
        &mut self,
        session: &Session<'_>,
        blob: Blob<'_>,
        whole: bool,
        hits: &[Seen],
        budget: &Budget,
        around: &Around<'_>,
    ) {
        let gap = |reason, detail: &str| {
            session.gap(Gap { origin: blob.origin.clone(), reason, detail: detail.to_owned() });
        };
        let mut lines = Lines { at: 0, line: blob.window.line };
        let mut covers = Covers::within(around.enclosing);
        let mut too_deep = false;
        let mut inspection = Inspection::default();
        // What each detector may still read again, by its index; `None` once it was refused more.
        let mut work: BTreeMap<usize, Option<usize>> = BTreeMap::new();
        let first = self.count.all;
        let claiming = session.knowledge.unwrappers.iter().filter(|unwrapper| whole && unwrapper.claims(blob));
        for unwrapper in claiming {
            let mut wrapper = Wrapper { session, blob, hit: Hit::START, budget, around, line: blob.window.line };
            // What is in it is told once; if there is nothing in it, it may have been none. Digits may be of two kinds.
            if let Some(opened) = self.unwrap(*unwrapper, &mut wrapper, &covers).filter(|opened| opened.found) {
                covers.opened(*unwrapper, blob, Hit::START, opened.span.clone());
                covers.add(opened.span, opened.known);
                break;
            }
        }
        for &seen in hits {
            covers.pass(seen.at);
            if session.cancelled() {
                return;
            }
            if budget.out_of_time() {
                return gap(Reason::TooSlow, &format!("gave up at byte {}", blob.window.start + seen.at as u64));
            }
            let depth = covers.depth(seen.at);
            if depth > MAX_NESTED {
                if !std::mem::replace(&mut too_deep, true) {
                    let at = blob.window.start + seen.at as u64;
                    gap(Reason::TooDeep, &format!("findings inside of findings at byte {at}"));
                }
                continue;
            }
            let Some((hit, owners)) = session.prefilter.hit(seen) else { continue };
            let mut looked_like = false;
            for (&index, detector) in
                owners.detectors.iter().filter_map(|i| Some((i, session.knowledge.detectors.get(*i)?)))
            {
                let left = work.entry(index).or_insert_with(|| Some(most_work(blob.bytes.len())));
                inspection.allow(left.unwrap_or_default());
                // The detectors hold no state, so a panic leaves nothing half changed but the inspection.
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
                // Inside of a finding much looks like a key that is a part of one.
                self.rejected += u64::from(looked_like && depth == 0 && !around.again);
                let wrapper = Wrapper { session, blob, hit, budget, around, line: 0 };
                let before = self.count.all;
                self.search_decoded(decoded, &wrapper, &mut covers, &mut lines, false);
                if let Some((reason, detail)) =
                    unread.filter(|_| self.count.all == before && depth == 0 && !around.again)
                {
                    gap(reason, &format!("{detail}, at byte {}", blob.window.start + seen.at as u64));
                }
                for unwrapper in owners.unwrappers.iter().filter_map(|&i| session.knowledge.unwrappers.get(i)) {
                    // It was asked already.
                    if (whole && hit.anchor.at_start && unwrapper.claims(blob))
                        || covers.was_opened(*unwrapper, blob, hit)
                    {
                        continue;
                    }
                    let mut wrapper = Wrapper { session, blob, hit, budget, around, line: lines.at(blob, seen.at) };
                    if let Some(opened) = self.unwrap(*unwrapper, &mut wrapper, &covers) {
                        covers.opened(*unwrapper, blob, hit, opened.span.clone());
                        covers.add(opened.span, opened.known);
                    }
                }
                continue;
            }
            let start = found.iter().map(|material| material.span.start).min().unwrap_or(seen.at);
            let end = found.iter().map(|material| material.span.end).max().unwrap_or(seen.at);
            let known = Known::of(&found);
            let mut new = false;
            for mut material in found {
                if covers.say(&material, seen.at) {
                    continue;
                }
                if self.count.all - first >= session.limits.max_materials as u64 {
                    return gap(Reason::TooMany, &format!("more than {} materials", session.limits.max_materials));
                }
                new = true;
                let line = around.line.unwrap_or_else(|| lines.at(blob, material.span.start));
                let mark = around.mark(blob.bytes, &material.span);
                if let Some(locked) = &mut material.locked {
                    session.locked.lock().unwrap_or_else(PoisonError::into_inner).keep(locked);
                }
                self.keep(session, blob, material, line, mark);
            }
            if new {
                covers.add(start..end, known);
            }
            let wrapper = Wrapper { session, blob, hit, budget, around, line: 0 };
            self.search_decoded(decoded, &wrapper, &mut covers, &mut lines, true);
        }
    }

    /// Hands on what was found.
    pub(super) fn flush(&mut self, session: &Session<'_>, blob: Blob<'_>) {
        if self.occurrences.is_empty() {
            return;
        }
        if blob.window.first() && blob.window.last {
            let program = || Cursor::new(Arc::new(Held::new(blob.bytes.to_vec())));
            session.locate(blob.bytes, &mut self.occurrences, &program);
        }
        self.hand_on(session);
    }

    fn hand_on(&mut self, session: &Session<'_>) {
        session.found.lock().unwrap_or_else(PoisonError::into_inner).extend(self.occurrences.drain(..));
    }

    fn keep(&mut self, session: &Session<'_>, blob: Blob<'_>, material: Material, line: u64, mark: Option<Mark>) {
        // A window may hold a hundred thousand keys; nobody asks for the sections of those.
        if self.occurrences.len() >= MOST_OF_A_BLOB {
            self.hand_on(session);
        }
        self.count.all += 1;
        self.count.keys += u64::from(material.kind == Kind::PrivateKey || material.locked.is_some());
        self.count.secrets += u64::from(matches!(material.kind, Kind::PrivateKey | Kind::Secret));
        if let Some(known) = self.known.last_mut() {
            known.add(&material);
        }
        self.occurrences.push(Occurrence {
            origin: blob.origin.clone(),
            offset: blob.window.start + material.span.start as u64,
            line,
            section: None,
            mark,
            git: None,
            material,
        });
    }

    /// Opens a wrapper and looks at what is inside.
    fn unwrap(
        &mut self,
        unwrapper: &dyn Unwrapper,
        wrapper: &mut Wrapper<'_>,
        covers: &Covers<'_>,
    ) -> Option<Unwrapped> {
        let Wrapper { session, blob, hit, budget, around, line } = *wrapper;
        let kind = unwrapper.about().id;
        let gap = |reason: Reason, detail: String| {
            session.gap(Gap { origin: blob.origin.clone(), reason, detail });
        };
        if around.depth >= session.limits.max_depth {
            gap(Reason::TooDeep, format!("{kind} at depth {}", around.depth + 1));
            return None;
        }
        let mut covered = None;
        let frames = self.known.len();
        let mut each = |entry: crate::seam::Entry<'_>| {
            let at = blob.window.start + entry.span.start as u64;
            let origin = blob.origin.inside(Wrap::text(kind, at));
            let mut window = Window::whole(entry.bytes.len());
            let keeps_lines = around.line.is_none() && unwrapper.keeps_lines();
            if keeps_lines {
                window.line = line - count_lines(blob.bytes.get(entry.span.start..hit.at).unwrap_or_default());
            }
            let inside = Around {
                depth: around.depth + 1,
                holding: around.holding.clone(),
                line: Some(around.line.unwrap_or(line)).filter(|_| !keeps_lines),
                mark: around.mark(blob.bytes, &entry.span),
                // A file of UTF-16 is text, and its marks are seen.
                encoded: around.encoded || !(keeps_lines && hit == Hit::START),
                again: around.again,
                enclosing: Some(covers.at(hit.at)),
            };
            let frame = self.begin();
            // A release of Helm is gzip in base64 in base64.
            let unpacked = session.unpack_text(&origin, entry.bytes, budget, &inside);
            // What is inside of itself would be looked at again, down to the deepest level.
            if unpacked.is_none() && entry.bytes != blob.bytes {
                self.look(session, Blob { bytes: entry.bytes, origin: &origin, window }, budget, &inside);
            }
            let mut known = self.end(frame);
            let found = unpacked.is_some() || !known.is_empty();
            known.join(unpacked.unwrap_or_default());
            covered = Some(Unwrapped { span: entry.span, found, known });
            if session.cancelled() { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
        };
        match catch_unwind(AssertUnwindSafe(|| unwrapper.open(blob, hit, budget, &mut each))) {
            Ok(Ok(()) | Err(Unopenable::Malformed(_))) => {}
            Ok(Err(Unopenable::Limit(reason))) => gap(reason, format!("{kind} at byte {}", hit.at)),
            Ok(Err(Unopenable::Closed(reason, detail))) => gap(reason, format!("{detail} at byte {}", hit.at)),
            Err(_) => gap(Reason::DetectorFault, kind.to_owned()),
        }
        // What a fault left open.
        if self.known.len() > frames {
            self.end(frames);
        }
        covered
    }

    /// Looks at what detectors decoded at a hit. `again` says that they found something in it.
    fn search_decoded(
        &mut self,
        decoded: Vec<Decoded>,
        wrapper: &Wrapper<'_>,
        covers: &mut Covers<'_>,
        lines: &mut Lines,
        again: bool,
    ) {
        let Wrapper { session, blob, .. } = *wrapper;
        // Several detectors decode the same block, in the same two ways.
        let mut distinct: Vec<Decoded> = Vec::new();
        for next in decoded {
            let same = |one: &Decoded| one.kind == next.kind && one.span == next.span && one.bytes == next.bytes;
            if !distinct.iter().any(same) {
                distinct.push(next);
            }
        }
        for decoded in distinct {
            let line = lines.at(blob, decoded.span.start);
            let wrapper = Wrapper { line, ..*wrapper };
            let mut known = self.search_one(&decoded, &decoded.bytes, &wrapper, covers, again);
            for bits in decoded.shifts {
                known.join(self.search_one(
                    &decoded,
                    &shifted(&decoded.bytes, decoded.tail, *bits),
                    &wrapper,
                    covers,
                    again,
                ));
            }
            let same = session.knowledge.unwrappers.iter().find(|unwrapper| unwrapper.about().id == decoded.kind);
            let text = blob.bytes.get(decoded.span.clone()).unwrap_or_default();
            // Where the unwrapper would read other digits, it has to be asked.
            if let Some(unwrapper) = same.filter(|u| u.digits(text) * 3 / 4 == decoded.bytes.len()) {
                covers.read_whole(*unwrapper, decoded.span.clone(), decoded.shifts.len() as u32 + 1);
            }
            if !known.is_empty() {
                covers.add(decoded.span, known);
            }
        }
    }

    fn search_one(
        &mut self,
        decoded: &Decoded,
        bytes: &[u8],
        wrapper: &Wrapper<'_>,
        covers: &Covers<'_>,
        again: bool,
    ) -> Known {
        let Wrapper { session, blob, hit, budget, around, line } = *wrapper;
        let gap = |reason: Reason, detail: String| {
            session.gap(Gap { origin: blob.origin.clone(), reason, detail });
        };
        // One level more than wrappers have: what is decoded for a finding is no wrapper that somebody could do without.
        if around.depth > session.limits.max_depth {
            gap(Reason::TooDeep, format!("{} at depth {}", decoded.kind, around.depth + 1));
            return Known::default();
        }
        if let Err(reason) = budget.take(bytes.len() as u64) {
            gap(reason, format!("{} at byte {}", decoded.kind, hit.at));
            return Known::default();
        }
        let at = blob.window.start + decoded.span.start as u64;
        let origin = blob.origin.inside(Wrap::text(decoded.kind, at));
        // A mark beside a finding says nothing of what is hidden in it.
        let mark = around.mark(blob.bytes, &decoded.span).map(|mark| if again { mark.hidden() } else { mark });
        let inside = Around {
            depth: around.depth + 1,
            line: Some(around.line.unwrap_or(line)),
            holding: around.holding.clone(),
            mark,
            encoded: true,
            again,
            enclosing: Some(covers.at(hit.at)),
        };
        let frame = self.begin();
        let blob = Blob { bytes, origin: &origin, window: Window::whole(bytes.len()) };
        self.look(session, blob, budget, &inside);
        self.end(frame)
    }
}

/// Bytes, and the bits of an unfinished one, without their first bits.
fn shifted(bytes: &[u8], tail: u8, bits: u32) -> Zeroizing<Vec<u8>> {
    let next = bytes.iter().skip(1).chain(std::iter::once(&tail));
    let pairs = bytes.iter().zip(next);
    Zeroizing::new(pairs.map(|(byte, next)| (byte << (bits % 8)) | (next >> (8 - bits % 8).min(7))).collect())
}

/// What came of a wrapper.
struct Unwrapped {
    /// The bytes it covers.
    span: Range<usize>,
    /// Whether anything was found inside.
    found: bool,
    /// What was found inside.
    known: Known,
}

/// A wrapper about to be opened.
#[derive(Clone, Copy)]
struct Wrapper<'w> {
    session: &'w Session<'w>,
    blob: Blob<'w>,
    hit: Hit<'w>,
    budget: &'w Budget,
    around: &'w Around<'w>,
    line: u64,
}

/// Counts lines from the place that was asked for last: backwards too, because a finding may begin before its anchor.
struct Lines {
    at: usize,
    line: u64,
}

impl Lines {
    fn at(&mut self, blob: Blob<'_>, at: usize) -> u64 {
        if at < self.at {
            self.line -= count_lines(blob.bytes.get(at..self.at).unwrap_or_default());
        } else {
            self.line += count_lines(blob.bytes.get(self.at..at).unwrap_or_default());
        }
        self.at = at;
        self.line
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shifted_bytes_keep_their_last_bits() {
        for (bits, expected) in [(2, [0x8d, 0x15, 0x9e]), (4, [0x34, 0x56, 0x78]), (6, [0xd1, 0x59, 0xe0])] {
            assert_eq!(shifted(&[0x23, 0x45, 0x67], 0x80, bits).as_slice(), expected, "{bits}");
        }
        assert!(shifted(&[], 0, 4).is_empty());
    }
}
