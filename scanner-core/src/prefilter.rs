//! Searches bytes for all anchors in one pass.
//!
//! Every byte that keyradius reads passes through this file, so it decides the speed. Three facts shape it:
//!
//! * Packed Teddy (SIMD, `aho_corasick::packed`) runs at nearly memory speed; an automaton for the same literals is ten
//!   times slower. `benches/` measures both.
//! * One pass searches about a hundred literals at that speed if they are chosen and ordered well: see `select.rs`.
//! * DER, UTF-16 and binary keystores contain control bytes; plain text never does. So anchors are split: those without
//!   a byte of `GATE` are searched everywhere, those with one only in bytes that contain one. A source tree is text,
//!   and costs only the search for text anchors.

mod few;
mod many;
mod select;
#[cfg(test)]
mod tests;

use std::collections::HashMap;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicUsize, Ordering};

use aho_corasick::packed;
use aho_corasick::{AhoCorasick, Input, MatchKind, Span};
use few::Index;
use many::Many;
use select::{Haystack, Literal};

use crate::blob::Window;
use crate::seam::{Anchor, Hit, Knowledge, Magic};

/// Maximum number of packed passes over the same bytes; an automaton takes as long as about seven of them.
const PASSES: usize = 7;

/// Control bytes that text never contains; every binary anchor contains at least one. Three, because `memchr3` finds
/// three at once, several times faster than the search for the anchors.
const GATE: [u8; 3] = [0x00, 0x01, 0x03];

/// How many first bytes of a git object are compared with magic numbers, at most: that of tar ends at 262. Magic
/// numbers at later offsets (ISO 9660, ext) are recognised only in objects that are read for another reason.
const OPENING: usize = 512;

/// How many bytes are searched before the anchors are compiled: the size of the first read buffer. Searching so many with
/// [`Index`] takes a tenth of the time that compiling takes.
const FEW: usize = 64 << 10;

/// Room for the anchors of the built-in detectors.
const ANCHORS: usize = 800;

/// The owners of an anchor: indices into [`Knowledge`].
#[derive(Debug, Default)]
pub struct Owners {
    /// Indices of detectors, in the order of the slice.
    pub detectors: Vec<usize>,
    /// Indices of unwrappers, in the order of the slice.
    pub unwrappers: Vec<usize>,
    /// Indices of containers, each with the offset of the anchor in the container.
    pub containers: Vec<(usize, usize)>,
}

impl Owners {
    /// Whether nothing but containers is looked for.
    pub(crate) const fn only_containers(&self) -> bool {
        self.detectors.is_empty() && self.unwrappers.is_empty()
    }
}

/// An anchor that was seen; its owners are not called yet.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Seen {
    /// Its offset, as an index into the window's bytes.
    pub at: usize,
    /// The anchor: an index into [`Prefilter::anchors`].
    pub anchor: usize,
}

/// All anchors of the knowledge, compiled.
pub struct Prefilter<'k> {
    anchors: Vec<(Anchor<'k>, Owners)>,
    /// Searches until `FEW` bytes were searched.
    few: Index,
    /// How many bytes `few` searched.
    searched: AtomicUsize,
    /// Compiled when `FEW` bytes were searched: a run that reads one small file never needs them.
    text: OnceLock<Vec<Set>>,
    /// Compiled with the first bytes after those that hold one of `GATE`: a history of text never needs them.
    binary: OnceLock<Vec<Set>>,
    /// The anchors that `text` and `binary` are made of.
    in_text: Vec<usize>,
    in_binary: Vec<usize>,
    /// Searches for the long literals of [`crate::seam::Detector::needles`], in all bytes.
    many: Many,
    /// Anchors that count at the start of a blob, by their first byte: there are hundreds, and every blob is checked.
    starts: Vec<Vec<usize>>,
    /// Magic numbers of containers.
    magics: Vec<Magic>,
    longest: usize,
    opening: usize,
}

impl std::fmt::Debug for Prefilter<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let (text, binary) = self.sizes();
        write!(f, "Prefilter({text} text, {binary} binary)")
    }
}

impl<'k> Prefilter<'k> {
    /// Collects the anchors of all detectors and unwrappers; each distinct literal once. They are compiled when enough
    /// bytes were searched.
    pub fn new(knowledge: &Knowledge<'k>) -> Self {
        let mut anchors: Vec<(Anchor<'k>, Owners)> = Vec::with_capacity(ANCHORS);
        let mut slots: HashMap<Anchor<'k>, usize> = HashMap::with_capacity(ANCHORS);
        let mut slot = |anchor: Anchor<'k>| {
            *slots.entry(anchor).or_insert_with(|| {
                anchors.push((anchor, Owners::default()));
                anchors.len() - 1
            })
        };
        let mut calls = Vec::new();
        for (index, &detector) in knowledge.detectors.iter().enumerate() {
            let literals = detector.literals().iter().map(|literal| Anchor::anywhere(literal));
            calls.extend(detector.anchors().iter().copied().chain(literals).map(|a| (slot(a), index, true)));
        }
        let mut needles = Vec::new();
        for (index, &detector) in knowledge.detectors.iter().enumerate() {
            let long = detector.needles().iter().filter(|needle| needle.len() >= many::SHORTEST);
            needles.extend(long.map(|needle| (slot(Anchor::anywhere(needle)), index)));
        }
        for (index, &unwrapper) in knowledge.unwrappers.iter().enumerate() {
            calls.extend(unwrapper.anchors().iter().map(|&a| (slot(a), index, false)));
        }
        let mut inner = Vec::new();
        for (index, container) in knowledge.containers.iter().enumerate() {
            inner.extend(container.inner().iter().map(|m| (slot(Anchor::anywhere(m.bytes)), index, m.at)));
        }
        for (slot, index, is_detector) in calls {
            if let Some((_, owners)) = anchors.get_mut(slot) {
                if is_detector { owners.detectors.push(index) } else { owners.unwrappers.push(index) }
            }
        }
        for (slot, index, at) in inner {
            if let Some((_, owners)) = anchors.get_mut(slot) {
                owners.containers.push((index, at));
            }
        }
        let mut long: Vec<usize> = Vec::with_capacity(needles.len());
        for (slot, index) in needles {
            if let Some((_, owners)) = anchors.get_mut(slot) {
                owners.detectors.push(index);
                long.push(slot);
            }
        }
        long.sort_unstable();
        long.dedup();
        let is_long = |id: &usize| long.binary_search(id).is_ok();
        let ids = |keep: &dyn Fn(&(Anchor<'_>, Owners)) -> bool| -> Vec<usize> {
            let short = anchors.iter().enumerate().filter(|(id, anchor)| !is_long(id) && keep(anchor));
            short.map(|(id, _)| id).collect()
        };
        // No container is text, whatever its magic number.
        let is_binary = |(a, owners): &(Anchor<'_>, Owners)| has_gate_byte(a.bytes) || owners.only_containers();
        let starting = ids(&|(a, _)| a.at_start);
        let in_text = ids(&|a| !a.0.at_start && !is_binary(a));
        let in_binary = ids(&|a| !a.0.at_start && is_binary(a));
        let longest = anchors.iter().map(|(a, _)| a.bytes.len()).max().unwrap_or(1);
        let is_near = |magic: &&Magic| magic.at + magic.bytes.len() <= OPENING;
        let magics: Vec<Magic> =
            knowledge.containers.iter().flat_map(|c| c.magics()).filter(is_near).copied().collect();
        let of_containers = magics.iter().map(|magic| magic.at + magic.bytes.len());
        let unopened = knowledge.unopened.iter().map(|format| format.at + format.magic.len());
        let lengths = starting.iter().filter_map(|id| anchors.get(*id)).map(|(anchor, _)| anchor.bytes.len());
        let opening = of_containers.chain(unopened).chain(lengths).max().unwrap_or(0);
        let mut starts = vec![Vec::new(); 256];
        for id in starting {
            let first = anchors.get(id).and_then(|(anchor, _)| anchor.bytes.first());
            if let Some(same) = first.and_then(|first| starts.get_mut(usize::from(*first))) {
                same.push(id);
            }
        }
        let many = Many::new(&anchors, &long);
        let few = Index::new(&anchors, in_text.iter().chain(&in_binary).copied());
        let (searched, text, binary) = (AtomicUsize::new(0), OnceLock::new(), OnceLock::new());
        Self { anchors, few, searched, text, binary, in_text, in_binary, many, starts, magics, longest, opening }
    }

    /// Whether the searchers are used for `more` bytes: if they are compiled, or if that is now worth its time.
    fn is_compiled(&self, more: usize) -> bool {
        self.text.get().is_some() || self.searched.fetch_add(more, Ordering::Relaxed).saturating_add(more) > FEW
    }

    /// The sets that are searched in all bytes.
    fn text(&self) -> &[Set] {
        self.text.get_or_init(|| sets(&self.anchors, &self.in_text, Haystack::Text))
    }

    /// The sets that are searched only in bytes that hold one of `GATE`.
    fn binary(&self) -> &[Set] {
        self.binary.get_or_init(|| sets(&self.anchors, &self.in_binary, Haystack::Binary))
    }

    /// Length of the longest anchor, in bytes.
    pub const fn longest(&self) -> usize {
        self.longest
    }

    /// How many first bytes are needed to recognise the start of a blob.
    pub const fn opening(&self) -> usize {
        self.opening
    }

    /// Whether bytes that are not the start of a blob contain an anchor. `seen` is scratch space.
    pub fn is_inside(&self, bytes: &[u8], seen: &mut Vec<Seen>) -> bool {
        seen.clear();
        let window = Window { start: 1, line: 1, core_start: 0, core_end: bytes.len(), last: true };
        self.find(bytes, window, seen);
        !seen.is_empty()
    }

    /// Whether these bytes begin with an anchor that counts at the start of a blob, or with the start of a container.
    pub fn is_at_start(&self, bytes: &[u8]) -> bool {
        self.magics.iter().any(|magic| magic.begins(bytes)) || self.starting(bytes).next().is_some()
    }

    /// The indices of the anchors that count at the start of a blob and match.
    fn starting<'a>(&'a self, bytes: &'a [u8]) -> impl Iterator<Item = usize> + 'a {
        let same = bytes.first().and_then(|first| self.starts.get(usize::from(*first))).into_iter().flatten();
        same.copied().filter(|id| self.anchors.get(*id).is_some_and(|(anchor, _)| bytes.starts_with(anchor.bytes)))
    }

    /// Every anchor with its owners.
    pub fn anchors(&self) -> &[(Anchor<'k>, Owners)] {
        &self.anchors
    }

    /// How many anchors are searched in all bytes, and how many more in bytes that contain a byte of `GATE`.
    pub fn sizes(&self) -> (usize, usize) {
        (self.in_text.len(), self.in_binary.len())
    }

    /// How many passes search all bytes, and how many more search bytes that contain a byte of `GATE`.
    pub fn passes(&self) -> (usize, usize) {
        (self.text().len(), self.binary().len())
    }

    /// The hit of a seen anchor, and the owners of the anchor.
    pub fn hit(&self, seen: Seen) -> Option<(Hit<'k>, &Owners)> {
        let (anchor, owners) = self.anchors.get(seen.anchor)?;
        Some((Hit { anchor: *anchor, at: seen.at }, owners))
    }

    /// Appends every anchor in the window's core, in ascending order.
    pub fn find(&self, bytes: &[u8], window: Window, out: &mut Vec<Seen>) {
        let core = window.core_end.min(bytes.len()).saturating_sub(window.core_start);
        self.find_by(self.is_compiled(core), bytes, window, out);
    }

    /// Searches with the compiled searchers, or with the index; both find the same.
    fn find_by(&self, compiled: bool, bytes: &[u8], window: Window, out: &mut Vec<Seen>) {
        let first = out.len();
        if window.first() {
            out.extend(self.starting(bytes).map(|anchor| Seen { at: 0, anchor }));
        }
        // An anchor that begins in the core may end after it.
        let end = window.core_end.saturating_add(self.longest - 1).min(bytes.len());
        let Some(searched) = bytes.get(..end) else { return };
        if compiled {
            self.text().iter().for_each(|set| set.find(&self.anchors, searched, window, out));
            if searched.get(window.core_start..).is_some_and(has_gate_byte) {
                self.binary().iter().for_each(|set| set.find(&self.anchors, searched, window, out));
            }
        } else {
            self.few.find(&self.anchors, searched, window, out);
        }
        self.many.find(&self.anchors, searched, window, out);
        out.get_mut(first..).unwrap_or_default().sort_unstable();
    }
}

/// Compiles these anchors, by their numbers.
fn sets(anchors: &[(Anchor<'_>, Owners)], ids: &[usize], haystack: Haystack) -> Vec<Set> {
    let of = |id: &usize| anchors.get(*id).map(|(anchor, _)| (*id, anchor.bytes));
    let ids: Vec<(usize, &[u8])> = ids.iter().filter_map(of).collect();
    let dealt = select::select_literals(&ids, haystack);
    // Beyond what is built in (rules of a user) one automaton is as fast, and its speed does not depend on how many there are.
    let dealt = if dealt.len() > PASSES { vec![dealt.concat()] } else { dealt };
    dealt.iter().map(|literals| Set::new(literals)).collect()
}

/// Whether `bytes` contains a byte of `GATE`.
pub fn has_gate_byte(bytes: &[u8]) -> bool {
    let [a, b, c] = GATE;
    memchr::memchr3(a, b, c, bytes).is_some()
}

/// One set of literals and its searcher.
struct Set {
    /// Literal number -> the anchors that may stand where it does, and how many bytes before it they begin. More than one
    /// where a literal begins like another: a searcher tells only one of them.
    parts: Vec<Vec<(usize, usize)>>,
    searcher: Option<Searcher>,
}

enum Searcher {
    Packed(packed::Searcher),
    /// If the processor has no SIMD that Teddy can use. Boxed, because it is rarely needed.
    Automaton(Box<AhoCorasick>),
}

impl Set {
    fn new(literals: &[Literal<'_>]) -> Self {
        let is_related =
            |a: &Literal<'_>, b: &Literal<'_>| a.bytes.starts_with(b.bytes) || b.bytes.starts_with(a.bytes);
        let parts_of = |one: &Literal<'_>| {
            let related = literals.iter().filter(|two| is_related(one, two));
            let mut parts: Vec<_> = related.map(|two| (two.anchor, two.from)).collect();
            parts.sort_unstable();
            parts.dedup();
            parts
        };
        let parts = literals.iter().map(parts_of).collect();
        let bytes = literals.iter().map(|literal| literal.bytes);
        let searcher = if literals.is_empty() {
            None
        } else {
            packed::Config::new()
                .match_kind(packed::MatchKind::LeftmostFirst)
                .heuristic_pattern_limits(false)
                .builder()
                .extend(bytes.clone())
                .build()
                .map(Searcher::Packed)
                .or_else(|| {
                    AhoCorasick::builder()
                        .match_kind(MatchKind::LeftmostFirst)
                        .build(bytes)
                        .ok()
                        .map(|a| Searcher::Automaton(Box::new(a)))
                })
        };
        Self { parts, searcher }
    }

    /// Finds every anchor that begins in the window's core and ends within the bytes.
    fn find(&self, anchors: &[(Anchor<'_>, Owners)], bytes: &[u8], window: Window, out: &mut Vec<Seen>) {
        let Some(searcher) = &self.searcher else { return };
        let mut start = window.core_start;
        while start < bytes.len() {
            let span = Span { start, end: bytes.len() };
            let found = match searcher {
                Searcher::Packed(s) => s.find_in(bytes, span),
                Searcher::Automaton(s) => s.find(Input::new(bytes).span(span)),
            };
            let Some(found) = found else { return };
            let parts = self.parts.get(found.pattern().as_usize()).map(Vec::as_slice).unwrap_or_default();
            for &(anchor, from) in parts {
                let (Some(at), Some((whole, _))) = (found.start().checked_sub(from), anchors.get(anchor)) else {
                    continue;
                };
                let is_mine = (window.core_start..window.core_end).contains(&at);
                if is_mine && bytes.get(at..).is_some_and(|rest| rest.starts_with(whole.bytes)) {
                    out.push(Seen { at, anchor });
                }
            }
            // One byte on, not past the match: two anchors may overlap.
            start = found.start() + 1;
        }
    }
}
