//! What the prefilter finds, compared with a search for each anchor alone.

use super::*;
use crate::blob::Blob;
use crate::error::Malformed;
use crate::seam::{About, Detector, Inspection};

/// A detector with these anchors, and these long literals.
struct Fake<'k>(&'k [Anchor<'k>], Vec<Vec<u8>>);
static ABOUT: About = About { id: "fake", title: "", detects: "", blind_to: "", respond: "", references: &[] };
impl Detector for Fake<'_> {
    fn about(&self) -> &'static About {
        &ABOUT
    }
    fn anchors(&self) -> &[Anchor<'_>] {
        self.0
    }
    fn needles(&self) -> &[Vec<u8>] {
        &self.1
    }
    fn inspect(&self, _: Blob<'_>, _: Hit<'_>, _: &mut Inspection) -> Result<(), Malformed> {
        Ok(())
    }
}

const ANCHORS: &[Anchor] = &[
    Anchor::anywhere(b"-----BEGIN "),
    Anchor::anywhere(b"GIN PRI"),
    Anchor::anywhere(&[2, 1, 0, 2]),
    Anchor::at_start(&[0x95]),
];

fn prefilter<'k>(anchors: &'k Fake<'k>) -> Prefilter<'k> {
    Prefilter::new(&Knowledge { detectors: vec![anchors], ..Knowledge::default() })
}

/// What the compiled searchers find, which has to be what the index finds.
fn seen(prefilter: &Prefilter<'_>, bytes: &[u8], window: Window) -> Vec<Seen> {
    let [few, compiled] = [false, true].map(|compiled| {
        let mut out = Vec::new();
        prefilter.find_by(compiled, bytes, window, &mut out);
        out
    });
    assert_eq!(few, compiled);
    few
}

fn find(bytes: &[u8], window: Window) -> Vec<(usize, usize)> {
    seen(&prefilter(&Fake(ANCHORS, Vec::new())), bytes, window).into_iter().map(|s| (s.at, s.anchor)).collect()
}

/// What a search for each anchor alone finds.
fn each_alone(prefilter: &Prefilter<'_>, text: &[u8]) -> Vec<Seen> {
    let mut all: Vec<Seen> = (0..text.len())
        .flat_map(|at| prefilter.anchors().iter().enumerate().map(move |(anchor, (a, _))| (at, anchor, a)))
        .filter(|(at, _, a)| text[*at..].starts_with(a.bytes))
        .map(|(at, anchor, _)| Seen { at, anchor })
        .collect();
    all.sort_unstable();
    all
}

/// Numbers below a limit, the same for the same seed.
fn random(seed: u64) -> impl FnMut(u64) -> u64 {
    let mut state = seed;
    move |below| {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
        (state >> 33) % below
    }
}

#[test]
fn finds_overlapping_anchors() {
    let text = b"x-----BEGIN PRIVATE";
    assert_eq!(find(text, Window::whole(text.len())), [(1, 0), (8, 1)]);
    let both = b"\x95\x02\x01\x00\x02 -----BEGIN ";
    assert_eq!(find(both, Window::whole(both.len())), [(0, 3), (1, 2), (6, 0)]);
}

#[test]
fn one_anchor_does_not_hide_another() {
    static ANCHORS: [Anchor; 3] =
        [Anchor::anywhere(b"token"), Anchor::anywhere(b"token_key"), Anchor::anywhere(b"token_keys")];
    let fake = Fake(&ANCHORS, Vec::new());
    let prefilter = prefilter(&fake);
    for (text, count) in [("a token", 1), ("a token_key", 2), ("token_keys", 3), ("toke_keys", 0)] {
        let found = seen(&prefilter, text.as_bytes(), Window::whole(text.len()));
        assert_eq!(found.len(), count, "{text}");
    }
}

#[test]
fn anchors_are_compiled_when_many_bytes_were_searched() {
    let fake = Fake(ANCHORS, Vec::new());
    let prefilter = prefilter(&fake);
    let (mut out, half) = (Vec::new(), vec![b'.'; FEW / 2]);
    for compiled in [false, false, true] {
        prefilter.find(&half, Window::whole(half.len()), &mut out);
        assert_eq!(prefilter.text.get().is_some(), compiled);
    }
    assert!(prefilter.binary.get().is_none());
    prefilter.find(b"\0", Window::whole(1), &mut out);
    assert!(prefilter.binary.get().is_some() && out.is_empty());
}

#[test]
fn any_number_of_anchors_is_found() {
    let texts: Vec<String> = (0..2000).map(|n| format!("anchor{n:05}")).collect();
    let anchors: Vec<Anchor<'_>> = texts.iter().map(|text| Anchor::anywhere(text.as_bytes())).collect();
    let fake = Fake(&anchors, Vec::new());
    let prefilter = prefilter(&fake);
    let text = b"..anchor00000.anchor01999 anchor02000";
    let out = seen(&prefilter, text, Window::whole(text.len()));
    assert_eq!(out.iter().map(|seen| seen.at).collect::<Vec<_>>(), [2, 14]);
}

#[test]
fn every_occurrence_of_every_anchor_is_found() {
    // Literals that begin, contain and end each other, over an alphabet so small that matches are everywhere.
    let mut random = random(7);
    let mut words: Vec<Vec<u8>> =
        (0..160).map(|_| (0..3 + random(6)).map(|_| b"ab\0"[usize::try_from(random(3)).unwrap()]).collect()).collect();
    words.sort();
    words.dedup();
    let anchors: Vec<Anchor<'_>> = words.iter().map(|word| Anchor::anywhere(word)).collect();
    let fake = Fake(&anchors, Vec::new());
    let prefilter = prefilter(&fake);
    for _ in 0..50 {
        let text: Vec<u8> = (0..random(200)).map(|_| b"ab\0c"[usize::try_from(random(4)).unwrap()]).collect();
        let out = seen(&prefilter, &text, Window::whole(text.len()));
        let naive = each_alone(&prefilter, &text);
        assert_eq!(out, naive);
    }
}

#[test]
fn every_hit_belongs_to_exactly_one_window() {
    let mut bytes = vec![b'.'; 600];
    for at in [0, 95, 96, 99, 100, 101, 589] {
        bytes.splice(at..at + 4, [2, 1, 0, 2]);
    }
    let whole = find(&bytes, Window::whole(bytes.len()));
    let mut split = Vec::new();
    for start in (0..600).step_by(100) {
        let back = start.min(10);
        let slice = &bytes[start - back..(start + 130).min(600)];
        let window = Window {
            start: (start - back) as u64,
            line: 1,
            core_start: back,
            core_end: (back + 100).min(slice.len()),
            last: false,
        };
        split.extend(find(slice, window).into_iter().map(|(at, a)| (at + start - back, a)));
    }
    assert_eq!(split, whole);
}

#[test]
fn every_occurrence_of_every_long_literal_is_found() {
    let mut random = random(11);
    // Of every length, some alike, some of few values; and the text is made of them.
    let mut words: Vec<Vec<u8>> = (0..3000_u64)
        .map(|n| {
            (0..15 + random(18))
                .map(|_| if n % 3 == 0 { b"ab"[random(2) as usize] } else { random(256) as u8 })
                .collect()
        })
        .collect();
    words.sort();
    words.dedup();
    let long = Fake(&[], words.clone());
    let knowledge = Knowledge { detectors: vec![&long], ..Knowledge::default() };
    let prefilter = Prefilter::new(&knowledge);
    assert_eq!((prefilter.sizes(), prefilter.longest()), ((0, 0), 32));
    for _ in 0..40 {
        let mut text = Vec::new();
        for _ in 0..10 {
            text.extend((0..random(20)).map(|_| b"ab"[random(2) as usize]));
            text.extend(&words[random(words.len() as u64) as usize]);
        }
        let out = seen(&prefilter, &text, Window::whole(text.len()));
        let naive = each_alone(&prefilter, &text);
        assert_eq!(out, naive);
        // In windows, each belongs to one of them.
        let half = text.len() / 2 + 1;
        let mut split =
            seen(&prefilter, &text, Window { start: 0, line: 1, core_start: 0, core_end: half, last: false });
        split.extend(seen(
            &prefilter,
            &text,
            Window { start: 0, line: 1, core_start: half, core_end: text.len(), last: true },
        ));
        assert_eq!(split, naive);
    }
}
