//! Tests the engine with made-up formats: each limit, fault and gap by itself.

mod formats;

use std::sync::LazyLock;
use std::sync::atomic::Ordering::Relaxed;
use std::time::Duration;

use super::session::is_blank;
use super::*;
use crate::error::Gap;
use crate::material::Stands;
use crate::run::LARGEST_USAGE_FILE;
use crate::seam::Packed;
use formats::{AnyBoxed, Boxed, Faulty, Image, Key, UNOPENED, Uses, Wrapped};

/// The engine that all tests share.
static ENGINE: LazyLock<Engine<'static>> = LazyLock::new(|| {
    let knowledge = Knowledge {
        detectors: vec![&Key, &Faulty],
        unwrappers: vec![&Wrapped],
        containers: vec![&Boxed, &AnyBoxed, &Image],
        mapper: None,
        unopened: &UNOPENED,
        usage_hints: Some(&Uses),
        wanted: None,
    };
    Engine::new(knowledge, Limits::default())
});

fn limits(change: impl FnOnce(&mut Limits)) -> Limits {
    let mut limits = Limits::default();
    change(&mut limits);
    limits
}

fn read(bytes: &[u8], change: impl FnOnce(&mut Limits)) -> Harvest {
    ENGINE.limited(limits(change)).bytes("f", bytes)
}

/// The places of keys, and the gaps: `f!a: too_many (more than 1 members)`.
fn told(harvest: &Harvest) -> (Vec<String>, Vec<String>) {
    let places = harvest.occurrences.iter().map(|found| format!("{}@{}", found.origin, found.offset));
    let gap = |gap: &Gap| format!("{}: {} ({})", gap.origin, gap.reason.id(), gap.detail);
    (places.collect(), harvest.gaps.iter().map(gap).collect())
}

/// One case: the input, its limits, the places of keys, the gaps.
type Case = (&'static str, fn(&mut Limits), &'static [&'static str], &'static [&'static str]);

fn check(cases: &[Case]) {
    for (bytes, change, places, gaps) in cases {
        let (found, told) = told(&read(bytes.as_bytes(), change));
        assert_eq!((found.as_slice(), told.as_slice()), (&to_owned(places)[..], &to_owned(gaps)[..]), "{bytes:?}");
    }
}

fn to_owned(texts: &[&str]) -> Vec<String> {
    texts.iter().map(|text| (*text).to_owned()).collect()
}

#[test]
fn materials_beyond_the_limit_are_reported_as_a_gap() {
    check(&[
        ("KEY{1} KEY{2} KEY{3}", |l| l.max_materials = 3, &["f@0", "f@7", "f@14"], &[]),
        ("KEY{1} KEY{2} KEY{3}", |l| l.max_materials = 2, &["f@0", "f@7"], &["f: too_many (more than 2 materials)"]),
        ("KEY{1}", |l| l.max_materials = 0, &[], &["f: too_many (more than 0 materials)"]),
        // Each member is an input of its own.
        ("BOX:a=KEY{1}\nb=KEY{2}", |l| l.max_materials = 1, &["f!a@0", "f!b@0"], &[]),
    ]);
}

#[test]
fn wrappers_are_opened_within_the_limits_of_depth_and_output() {
    check(&[
        ("WRAP(WRAP(KEY{1}))", |l| l.max_depth = 2, &["f!wrap!wrap@0"], &[]),
        ("WRAP(WRAP(KEY{1}))", |l| l.max_depth = 0, &["f@10"], &["f: too_deep (wrap at depth 1)"]),
        ("WRAP(12345)", |l| l.max_expanded = 4, &[], &["f: too_much_output (wrap at byte 0)"]),
        ("WRAP(12345)", |l| l.max_expanded = 5, &[], &[]),
        ("WRAP(WRAP(12345))", |l| l.max_expanded = 15, &[], &["f!wrap: too_much_output (wrap at byte 0)"]),
        ("WRAP(WRAP(12345))", |l| l.max_expanded = 16, &[], &[]),
        // An entry equal to its blob is scanned once.
        ("WRAP(=)KEY{1}", |_| (), &["f@7"], &[]),
        ("WRAP(BOX:a=KEY{1})", |l| l.max_depth = 1, &["f!wrap@6"], &["f!wrap: too_deep (box at depth 2)"]),
        ("WRAP(BOX:a=KEY{1})", |l| l.max_depth = 2, &["f!wrap!a@0"], &[]),
    ]);
    let (_, gaps) = told(&read(b"WRAP(WRAP(x))", |l| l.max_depth = 1));
    assert_eq!(gaps, ["f!wrap: too_deep (wrap at depth 2)"]);
}

#[test]
fn containers_are_opened_within_the_limits() {
    check(&[
        ("BOX:a=KEY{1}\nb=KEY{2}", |l| l.max_entries = 2, &["f!a@0", "f!b@0"], &[]),
        (
            "BOX:a=KEY{1}\nb=KEY{2}\nc=KEY{3}",
            |l| l.max_entries = 1,
            &["f!a@0"],
            &["f!b: too_many (more than 1 members)"],
        ),
        // All levels count together, and the gap is reported once.
        ("BOX:a=BOX:b=KEY{1}\nc=x", |l| l.max_entries = 1, &[], &["f!a!b: too_many (more than 1 members)"]),
        ("BOX:a=x", |l| l.max_depth = 1, &[], &[]),
        ("BOX:a=BOX:b=x", |l| l.max_depth = 1, &[], &["f!a: too_deep (box at depth 2)"]),
        ("ANY:a=KEY{1}", |_| {}, &["f!a@0"], &[]),
        ("BOX:a=ANY:b=KEY{1}", |_| {}, &["f!a!b@0"], &[]),
        ("BOX:a=ANY:b=KEY{1}", |l| l.max_held = 12, &["f!a!b@0"], &[]),
        ("BOX:a@ANY:b=KEY{1}", |_| {}, &["f!a!b@0"], &[]),
        ("BOX:a@ANY:b=KEY{1}", |l| l.max_depth = 1, &["f!a@6"], &["f!a: too_deep (any at depth 2)"]),
        ("BOX:memory#10\na=KEY{1}", |l| l.max_held = 10, &["f!a@0"], &[]),
        ("BOX:memory#11\na=KEY{1}", |l| l.max_held = 10, &[], &["f: too_large (box)"]),
        // Too large to be held in memory: its bytes are read as they are.
        (
            "BOX:a=ANY:b=KEY{1}",
            |l| l.max_held = 11,
            &["f!a@6"],
            &["f!a: too_large (larger than 11 bytes inside another container)"],
        ),
    ]);
}

#[test]
fn output_is_counted_in_bytes() {
    // 16 bytes may always produce `max_depth` times as many.
    for (zeros, most, fits) in [(1000, 1000, true), (1001, 1000, false), (160, 0, true), (161, 0, false)] {
        let text = format!("BOX:zeros*{zeros:06}");
        let change = |l: &mut Limits| (l.max_unpacked, l.max_depth) = (most, 10);
        let (_, gaps) = told(&read(text.as_bytes(), change));
        let detail = format!("f!zeros: too_much_output ({zeros} bytes out of 16)");
        assert_eq!(gaps, if fits { vec![] } else { vec![detail] }, "{zeros} of {most}");
    }
    // All members count together; nothing is read after the member that exceeded the limit.
    let text = b"BOX:zeros*600\nmore*600\nc=KEY{1}";
    let (found, gaps) = told(&read(text, |l| (l.max_unpacked, l.max_depth) = (1000, 1)));
    assert_eq!((found.len(), gaps), (0, vec!["f!more: too_much_output (1200 bytes out of 31)".to_owned()]));
    // The output of a container in text counts against the limit for text.
    let (_, gaps) =
        told(&read(b"WRAP(BOX:zeros*600)WRAP(BOX:zeros*600)", |l| (l.max_expanded, l.max_depth) = (1000, 2)));
    assert!(gaps.iter().any(|gap| gap.contains("too_much_output")), "{gaps:?}");
}

#[test]
fn exceeded_time_limits_are_reported() {
    check(&[
        ("no hit", |l| l.max_time = Duration::ZERO, &[], &[]),
        ("KEY{1}", |l| l.max_time = Duration::ZERO, &[], &["f: too_slow (gave up at byte 0)"]),
        ("BOX:zeros*5", |l| l.max_unpack_time = Duration::ZERO, &[], &["f!zeros: too_slow (5 bytes out of 11)"]),
    ]);
}

#[test]
fn a_panic_is_isolated_and_reported_without_its_message() {
    check(&[
        ("PANIC KEY{1}", |_| {}, &["f@6"], &["f: detector_fault (faulty)"]),
        ("WRAP(FAULT KEY{1})", |_| {}, &["f@11"], &["f: detector_fault (wrap)"]),
        ("BOX:a=KEY{1}\n^\nb=KEY{2}", |_| {}, &["f!a@0"], &["f: detector_fault (box)"]),
        ("CLAIM KEY{1}", |_| {}, &[], &["f: detector_fault (engine; the rest was not read)"]),
        (
            "BOX:a=KEY{1}\nb=CLAIM KEY{2}\nc=KEY{3}",
            |_| {},
            &["f!a@0", "f!c@0"],
            &["f!b: detector_fault (engine; the rest was not read)"],
        ),
    ]);
    let harvest = ENGINE.bytes("a.use", b"FAULT KEY{1}");
    assert_eq!(told(&harvest), (vec!["a.use@6".to_owned()], vec!["a.use: detector_fault (usage)".to_owned()]));
}

#[test]
fn locked_and_damaged_members_are_reported_and_later_ones_read() {
    check(&[
        ("BOX:?\na=KEY{1}", |_| {}, &["f!a@0"], &["f!?: encrypted (locked)"]),
        ("BOX:!\na=KEY{1}", |_| {}, &["f!a@0"], &["f!!: damaged (torn)"]),
        ("BOX:a=KEY{1}\n~", |_| {}, &["f!a@0"], &["f: damaged (ends badly)"]),
    ]);
    // Members that a damaged container does not lead to are found in its bytes; findings of members are reported once.
    check(&[
        ("ANY:a=x\n~\nKEY{1}", |_| {}, &["f@10"], &["f: damaged (ends badly)"]),
        ("ANY:a=KID{1}\n~\nKID{2}", |_| {}, &["f@15", "f!a@0"], &["f: damaged (ends badly)"]),
    ]);
    // The input only looked like a container: no gap, and its bytes are read.
    check(&[("BOX:~\nKEY{1}", |_| {}, &["f@6"], &[]), ("ANY:~\nKEY{1}", |_| {}, &["f@6"], &[])]);
    let harvest = read(b"BOX:a=ANY:b=x\nANY:~", |_| {});
    assert_eq!(harvest.opened.get("box"), Some(&1));
}

#[test]
fn inputs_containers_and_members_are_counted() {
    let harvest = read(b"BOX:a=KEX{1}\nb=SHUT\nc=BOX:d=KEY{1}", |_| {});
    assert_eq!((harvest.opened.get("box"), harvest.members), (Some(&2), 4));
    assert_eq!((harvest.unopened.get("shut"), harvest.rejected), (Some(&1), 1));
    assert_eq!((harvest.files, harvest.bytes, harvest.interrupted), (1, 34, false));
    assert_eq!(read(b"KEY{KEX{1}", |_| {}).rejected, 0, "hits inside a finding are not counted");
}

#[test]
fn passwords_are_kept_only_with_a_key_and_references_always() {
    // The judgement decides whether a reference matters; it may join findings of other scans.
    for (text, occurrences, candidates) in [("KEY{1}", 2, 1), ("no key", 1, 0)] {
        let harvest = ENGINE.bytes("a.use", text.as_bytes());
        assert_eq!((harvest.occurrences.len(), harvest.candidates.len()), (occurrences, candidates), "{text}");
    }
    let large = [&b"KEY{1}"[..], &vec![b' '; LARGEST_USAGE_FILE - 5]].concat();
    assert_eq!(ENGINE.bytes("a.use", &large).candidates.len(), 0, "larger than any usage file");
    assert_eq!(ENGINE.bytes("a.use", &large[..LARGEST_USAGE_FILE]).candidates.len(), 1);
    assert_eq!(ENGINE.bytes("a.txt", b"KEY{1}").candidates.len(), 0);
}

#[test]
fn a_stopped_run_reports_that() {
    let progress = Progress::default();
    progress.cancelled.store(true, Relaxed);
    let session = ENGINE.session(&progress, 1);
    for bytes in [&b"KEY{1}"[..], b"BOX:a=KEY{1}", b"\0\0\0"] {
        assert!(session.blob(Blob::whole(bytes, &Origin::file("f"))).stop);
    }
    let occurrences = session.take();
    let harvest = session.finish(occurrences);
    assert_eq!((harvest.interrupted, harvest.occurrences.len()), (true, 0));
}

#[test]
fn buffers_with_keys_must_be_wiped() {
    let progress = Progress::default();
    let session = ENGINE.session(&progress, 1);
    for (bytes, wipe) in [
        (&b"KEY{1}"[..], true),
        (b"KEX{1}", false),
        (b"nothing", false),
        (b"WRAP(KEY{1})", true),
        (b"BOX:a=KEY{1}", true),
        (b"BOX:a=BOX:b=KEY{1}\nc=nothing", true),
        (b"ANY:a=KEY{1}", true),
        (b"BOX:a=nothing", false),
    ] {
        let looked = session.blob(Blob::whole(bytes, &Origin::file("f")));
        assert_eq!((looked.wipe, looked.found, looked.stop), (wipe, wipe, false), "{bytes:?}");
    }
    assert_eq!(progress.materials.load(Relaxed), 5);
}

#[test]
fn only_zeros_are_blank() {
    for length in [0, 1, 4095, 4096, 4097, 9000] {
        let mut bytes = vec![0; length];
        assert!(is_blank(&bytes), "{length}");
        for at in [0, length / 2, length.saturating_sub(1)] {
            if let Some(byte) = bytes.get_mut(at) {
                *byte = 1;
                assert!(!is_blank(&bytes), "byte {at} of {length}");
                bytes[at] = 0;
            }
        }
    }
}

#[test]
fn marks_lines_and_offsets_are_those_of_the_outermost_text() {
    let text = b"one\ntwo WRAP(a\nb\nKEY{1}) # keyradius:allow reason=\"why\"\n\n\nKEY{2}";
    let harvest = read(text, |_| {});
    let facts: Vec<_> = harvest
        .occurrences
        .iter()
        .map(|found| {
            (found.origin.to_string(), found.offset, found.line, found.mark.as_ref().map(|mark| mark.text.as_str()))
        })
        .collect();
    assert_eq!(facts, [("f".to_owned(), 58, 7, None), ("f!wrap@0x8".to_owned(), 4, 2, Some("why"))]);
}

#[test]
fn the_memory_limit_is_exact() {
    let text = format!("BOX:a=ANY:b=KID{{1}}{}", "x".repeat((64 << 10) - 12));
    let (found, gaps) = told(&read(text.as_bytes(), |l| l.max_held = 64 << 10));
    assert_eq!((found, gaps), (vec!["f!a!b@0".to_owned()], vec![]));
}

#[test]
fn a_stream_that_does_not_match_its_first_bytes_is_a_gap() {
    let progress = Progress::default();
    let session = ENGINE.session(&progress, 1);
    assert!(session.open(&Origin::file("f"), Packed::Stream(b"BOX:~", &mut &b"\nKEY{1}"[..])).is_some());
    let harvest = session.finish(Vec::new());
    assert_eq!(told(&harvest).1, ["f: damaged (not the format that its first bytes indicate)"]);
}

#[test]
fn what_is_no_content_of_a_member_is_searched() {
    // The readers of these formats hand out copies, so their bytes are searched as well. A key without an identity is not
    // recognised as the one in the member.
    for magic in ["BOX:", "ANY:"] {
        let text = format!("{magic}a=KEY{{1}}\nb={}", "x".repeat(60));
        assert_eq!(told(&read(text.as_bytes(), |_| {})).0, ["f@6", "f!a@0"], "{magic}");
        let same = text.replace("KEY", "KID");
        assert_eq!(told(&read(same.as_bytes(), |_| {})).0, ["f!a@0"], "{magic}");
        let short = format!("{magic}a=KEY{{1}}\nb=x");
        assert_eq!(told(&read(short.as_bytes(), |_| {})).0, ["f!a@0"], "{magic}: too short for a key");
    }
}

#[test]
fn long_member_names_are_truncated() {
    let harvest = read(format!("BOX:{}=KID{{1}}", "n".repeat(5000)).as_bytes(), |_| {});
    assert_eq!(harvest.occurrences[0].origin.wraps[0].name.as_os_str().len(), 4096);
}

#[test]
fn decoded_bytes_are_searched_within_the_limits() {
    let (found, gaps) = told(&read(b"DEC{KEY{1}", |l| l.max_depth = 0));
    assert_eq!((found, gaps), (vec!["f!dec@0".to_owned()], vec![]));
    let (_, gaps) = told(&read(b"DEC{DEC{KEY{1}", |l| l.max_depth = 0));
    assert_eq!(gaps, ["f!dec: too_deep (dec at depth 2)"]);
    let (_, gaps) = told(&read(b"DEC{KEY{1}", |l| l.max_expanded = 5));
    assert_eq!(gaps, ["f: too_much_output (dec at byte 0)"]);
}

#[test]
fn a_detector_that_exhausts_its_work_is_reported_once() {
    check(&[
        ("ALL{} KEY{1}", |_| {}, &["f@6"], &[]),
        ("ALL{} ALL{} ALL{}", |_| {}, &[], &["f: too_slow (key: gave up at byte 6)"]),
    ]);
}

#[test]
fn a_mark_inside_an_encoding_is_hidden() {
    let harvest = read(b"DEC{}\n\n\nKEY{1} # keyradius:allow", |_| {});
    let stands = harvest.occurrences.iter().map(|found| found.mark.as_ref().map(|mark| mark.stands));
    assert_eq!(stands.collect::<Vec<_>>(), [Some(Stands::Text), Some(Stands::Hidden)]);
}

#[test]
fn only_private_keys_count_as_keys() {
    let progress = Progress::default();
    let session = ENGINE.session(&progress, 1);
    for (text, key) in [("KEY{1}", true), ("PUB{1}", false)] {
        let looked = session.blob(Blob::whole(text.as_bytes(), &Origin::file("f")));
        assert_eq!((looked.found, looked.key, looked.wipe), (true, key, key), "{text}");
    }
}

#[test]
fn files_of_several_formats_are_opened_as_each() {
    check(&[
        // The box takes the image as one of its members.
        ("BOX:a=KEY{1}\n   IMAGE:b=KEY{2}", |_| {}, &["f!a@0", "f!   IMAGE:b@0", "f!b@0"], &[]),
        ("ANY:a=KEY{1}\n   IMAGE:b=KEY{2}", |_| {}, &["f!a@0", "f!   IMAGE:b@0", "f!b@0"], &[]),
        ("ZOX:a=KEY{1}\n   IMAGE:b=KEY{2}", |_| {}, &["f!b@0"], &[]),
        // If the input is too large to be held in memory, the stream is opened.
        (
            "BOX:a=KEY{1}\n   IMAGE:c=x",
            |l| l.max_held = 11,
            &["f!a@0"],
            &["f: too_large (larger than 11 bytes inside another container)"],
        ),
    ]);
}

#[test]
fn unopened_formats_are_counted_beside_opened_ones() {
    let unopened = |text: &[u8]| read(text, |_| {}).unopened.into_keys().collect::<Vec<_>>();
    assert_eq!(unopened(b"BOX:a=12345678901234567890123+B!"), ["beside"]);
    assert_eq!(unopened(b"ANY:a=12345678901234567890123+B!"), ["beside"]);
    assert_eq!(unopened(b"SHUT, and no ANY, up to here  B! TAIL"), ["beside", "shut", "tail"]);
    assert_eq!(unopened(b"BOX:a=1234567890123456789012+B?TAIL-"), [""; 0]);
}
