//! Opens text encodings: with unwrappers, or as decoded by detectors on the way to a finding.

use std::hash::{DefaultHasher, Hasher};
use std::ops::{ControlFlow, Range};
use std::panic::{AssertUnwindSafe, catch_unwind};

use zeroize::Zeroizing;

use super::{Context, Worker};
use crate::blob::{Blob, Window, Wrap};
use crate::budget::Budget;
use crate::engine::cover::{Covers, Known};
use crate::engine::session::Session;
use crate::error::{Gap, Reason};
use crate::lines::{Lines, count_lines};
use crate::seam::{Decoded, Entry, Hit, Unopenable, Unwrapper};

impl Worker {
    /// Opens a wrapper and scans what is inside.
    pub(super) fn unwrap(
        &mut self,
        unwrapper: &dyn Unwrapper,
        wrapper: &mut Wrapper<'_>,
        covers: &Covers<'_>,
    ) -> Option<Unwrapped> {
        let Wrapper { session, blob, hit, budget, around, line, read } = *wrapper;
        let kind = unwrapper.about().id;
        let gap = |reason: Reason, detail: String| {
            session.run.gap(Gap::new(blob.origin.clone(), reason, detail));
        };
        // Only what an unwrapper finds is too deep: it may look at text that is none of its own.
        let is_deepest = around.depth >= session.run.limits().max_depth;
        let mut too_deep = false;
        let mut covered = None;
        let frames = self.known.len();
        let mut each = |entry: Entry<'_>| {
            let reading = Reading::of(&entry);
            // What another unwrapper has searched. Without this, the work would double with every layer.
            let searched = read
                .into_iter()
                .flatten()
                .filter(|before| before.is_start_of(&reading))
                .map(|before| before.length)
                .max();
            let searched = searched.unwrap_or(0);
            if searched >= entry.bytes.len() && searched > 0 {
                return ControlFlow::Break(());
            }
            too_deep |= is_deepest;
            if too_deep {
                covered = Some(Unwrapped { span: entry.span, found: false, known: Known::default(), reading });
                return ControlFlow::Break(());
            }
            budget.grow(entry.span.len(), entry.bytes.len());
            let at = blob.window.start + entry.span.start as u64;
            let origin = blob.origin.inside(Wrap::text(kind, at));
            let mut window = Window::whole(entry.bytes.len());
            let keeps_lines = around.line.is_none() && unwrapper.keeps_lines();
            if keeps_lines {
                window.line = line - count_lines(blob.bytes.get(entry.span.start..hit.at).unwrap_or_default());
            }
            let inside = Context {
                depth: around.depth + 1,
                holding: around.holding.clone(),
                line: Some(around.line.unwrap_or(line)).filter(|_| !keeps_lines),
                mark: around.mark(blob.bytes, &entry.span),
                // A UTF-16 file is text, so its marks are visible.
                encoded: around.encoded || !(keeps_lines && hit == Hit::START),
                beside: false,
                carves: false,
                again: around.again,
                // At a place that no anchor marks, a finding of the same text may begin later.
                enclosing: Some(if read.is_some() { covers.over(entry.span.clone()) } else { covers.at(hit.at) }),
            };
            let frame = self.begin();
            // A Helm release, for example, is gzip in base64 in base64.
            let unpacked =
                if searched == 0 { session.unpack_text(&origin, entry.bytes, budget, &inside) } else { None };
            // A format that is known in base64 too was counted with the text.
            let is_counted = blob.window.first() && session.run.is_unopened(blob.bytes);
            if unpacked.is_none() && searched == 0 && entry.bytes != blob.bytes && !is_counted {
                session.run.count_unopened(entry.bytes, || origin.clone());
            }
            // An entry equal to its blob would be scanned again at every level.
            if unpacked.is_none() && entry.bytes != blob.bytes {
                // Of what was searched, a quarter is looked at again, for what lies across the border.
                let from = searched - searched / 4;
                let (skipped, bytes) = entry.bytes.split_at_checked(from).unwrap_or((&[], entry.bytes));
                window.start = skipped.len() as u64;
                window.line += count_lines(skipped);
                window.core_end = bytes.len();
                self.look(session, Blob { bytes, origin: &origin, window }, budget, &inside);
            }
            let mut known = self.end(frame);
            let found = unpacked.is_some() || !known.is_empty();
            known.join(unpacked.unwrap_or_default());
            covered = Some(Unwrapped { span: entry.span, found, known, reading });
            if session.run.cancelled() { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
        };
        match catch_unwind(AssertUnwindSafe(|| unwrapper.open(blob, hit, budget, &mut each))) {
            Ok(Ok(()) | Err(Unopenable::Malformed(_))) => {}
            Ok(Err(Unopenable::Limit(reason))) => gap(reason, format!("{kind} at byte {}", hit.at)),
            Ok(Err(Unopenable::Closed(reason, detail))) => gap(reason, format!("{detail} at byte {}", hit.at)),
            Err(_) => gap(Reason::DetectorFault, kind.to_owned()),
        }
        if too_deep {
            gap(Reason::TooDeep, format!("{kind} at depth {}", around.depth + 1));
        }
        // Ends the frames that a panic left open.
        if self.known.len() > frames {
            self.end(frames);
        }
        covered
    }

    /// Scans what detectors decoded at a hit. `again` means that they found something in it.
    pub(super) fn search_decoded(
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
            // If the unwrapper would read other digits, it must still be called.
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
        let Wrapper { session, blob, hit, budget, around, line, .. } = *wrapper;
        let gap = |reason: Reason, detail: String| {
            session.run.gap(Gap::new(blob.origin.clone(), reason, detail));
        };
        // One level more than for wrappers: bytes decoded for a finding are a part of it.
        if around.depth > session.run.limits().max_depth {
            gap(Reason::TooDeep, format!("{} at depth {}", decoded.kind, around.depth + 1));
            return Known::default();
        }
        if let Err(reason) = budget.take(bytes.len() as u64) {
            gap(reason, format!("{} at byte {}", decoded.kind, hit.at));
            return Known::default();
        }
        let at = blob.window.start + decoded.span.start as u64;
        let origin = blob.origin.inside(Wrap::text(decoded.kind, at));
        // A mark beside a finding does not apply to what is hidden in the finding.
        let mark = around.mark(blob.bytes, &decoded.span).map(|mark| if again { mark.hidden() } else { mark });
        let inside = Context {
            depth: around.depth + 1,
            line: Some(around.line.unwrap_or(line)),
            holding: around.holding.clone(),
            mark,
            encoded: true,
            beside: false,
            carves: false,
            again,
            enclosing: Some(covers.at(hit.at)),
        };
        let frame = self.begin();
        let blob = Blob { bytes, origin: &origin, window: Window::whole(bytes.len()) };
        self.look(session, blob, budget, &inside);
        self.end(frame)
    }
}

/// Drops the first `bits` bits of `bytes`, which are continued by the unfinished byte `tail`.
fn shifted(bytes: &[u8], tail: u8, bits: u32) -> Zeroizing<Vec<u8>> {
    let next = bytes.iter().skip(1).chain(std::iter::once(&tail));
    let pairs = bytes.iter().zip(next);
    Zeroizing::new(pairs.map(|(byte, next)| (byte << (bits % 8)) | (next >> (8 - bits % 8).min(7))).collect())
}

/// The result of opening a wrapper.
pub(super) struct Unwrapped {
    /// The bytes it covers.
    pub(super) span: Range<usize>,
    /// Whether anything was found inside.
    pub(super) found: bool,
    /// The findings inside.
    pub(super) known: Known,
    /// How its last blob was read.
    pub(super) reading: Reading,
}

/// How an encoding was read: enough to tell whether another unwrapper decodes the same bytes.
#[derive(Clone, Copy, Debug)]
pub(super) struct Reading {
    /// Where the encoding begins.
    at: usize,
    /// How many bytes were decoded, and a hash of the first ones.
    length: usize,
    head: u64,
}

impl Reading {
    /// How many decoded bytes are compared. Two encodings of which so many bytes are the same are the same encoding.
    const HEAD: usize = 64;

    fn of(entry: &Entry<'_>) -> Self {
        let mut hasher = DefaultHasher::new();
        hasher.write(entry.bytes.get(..entry.bytes.len().min(Self::HEAD)).unwrap_or_default());
        Self { at: entry.span.start, length: entry.bytes.len(), head: hasher.finish() }
    }

    /// Whether another reading begins with these bytes.
    const fn is_start_of(&self, other: &Self) -> bool {
        self.at == other.at && self.head == other.head
    }

    pub(super) const fn at(&self) -> usize {
        self.at
    }
}

/// A wrapper to open.
#[derive(Clone, Copy)]
pub(super) struct Wrapper<'w> {
    pub(super) session: &'w Session<'w>,
    pub(super) blob: Blob<'w>,
    pub(super) hit: Hit<'w>,
    pub(super) budget: &'w Budget,
    pub(super) around: &'w Context<'w>,
    pub(super) line: u64,
    /// At a place that no anchor marks: what other unwrappers have decoded there.
    pub(super) read: Option<&'w [Reading]>,
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
