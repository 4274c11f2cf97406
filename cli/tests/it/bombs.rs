//! Small decompression bombs with small limits: each scan ends, reports what it left out, and finds the key next to the
//! bomb. `benches/bombs.py` has the full sizes, with a clock.

use crate::workshop::{Ran, Workshop, base64, key_pem};

/// Scans a bomb with a key next to it. The key is found whatever happens to the bomb.
fn set_off(test: &str, bomb: &[u8], limits: &[&str]) -> Ran {
    let shop = Workshop::new(test);
    shop.file("tree/bomb", bomb).file("tree/beside.pem", key_pem(1));
    let ran = shop.run(&[&["scan", "--format", "json", "--fail-on", "none"], limits, &["tree"]].concat());
    assert!(paths(&ran).contains(&"tree/beside.pem".to_owned()), "{ran:?}");
    ran
}

/// The places of all findings.
fn paths(ran: &Ran) -> Vec<String> {
    let report = ran.json();
    let findings = report["findings"].as_array().expect("findings");
    let places = findings.iter().flat_map(|finding| finding["occurrences"].as_array().expect("places"));
    places.map(|place| place["path"].as_str().expect("a path").to_owned()).collect()
}

/// The reasons of all gaps.
fn reasons(ran: &Ran) -> Vec<String> {
    let report = ran.json();
    let gaps = report["coverage"]["gaps"].as_array().expect("gaps");
    gaps.iter().map(|gap| gap["reason"].as_str().expect("a reason").to_owned()).collect()
}

fn left_out(ran: &Ran, reason: &str) {
    assert_eq!(ran.code, Some(3), "{ran:?}");
    assert_eq!(reasons(ran), [reason], "{ran:?}");
}

fn all_read(ran: &Ran) {
    assert_eq!(ran.code, Some(0), "{ran:?}");
    assert_eq!(reasons(ran), [""; 0], "{ran:?}");
}

/// A gzip stream that contains itself. Made by `quine` in `benches/bombs.py`, which explains it.
const QUINE: &str = "\
    1f8b08080000000000ff3030303000001400ebff1f8b08080000000000ff3030303000001400ebff428821c400000500faff428821c400000500\
    faff000500faff001400ebff428821c400000500faff000500faff001400ebff428821c400001400ebff428821c400001400ebff428821c40000\
    1400ebff428821c400001400ebff428821c400000000ffff000000ffff001400ebff428821c400000000ffff000000ffff001400ebff428821c4\
    000208100000ffffc82b06a2d2000000428821c4000208100000ffffc82b06a2d2000000";

#[test]
fn a_stream_that_holds_itself() {
    let digits = QUINE.as_bytes();
    let byte = |pair: &[u8]| u8::from_str_radix(str::from_utf8(pair).expect("ASCII"), 16).expect("digits");
    let quine: Vec<u8> = digits.chunks(2).map(byte).collect();
    left_out(&set_off("quine", &quine, &[]), "too_deep");
}

/// A tar header with its checksum.
fn header(name: &str, kind: u8, size: usize, fill: impl Fn(&mut [u8; 512])) -> Vec<u8> {
    let mut block = [0; 512];
    block[..name.len()].copy_from_slice(name.as_bytes());
    block[124..135].copy_from_slice(format!("{size:011o}").as_bytes());
    block[156] = kind;
    block[257..263].copy_from_slice(b"ustar\0");
    fill(&mut block);
    block[148..156].fill(b' ');
    let sum: u64 = block.iter().map(|byte| u64::from(*byte)).sum();
    block[148..155].copy_from_slice(format!("{sum:06o}\0").as_bytes());
    block.to_vec()
}

fn padded(bytes: &[u8]) -> Vec<u8> {
    let mut all = bytes.to_vec();
    all.resize(bytes.len().next_multiple_of(512), 0);
    all
}

fn tar(name: &str, content: &[u8]) -> Vec<u8> {
    [header(name, b'0', content.len(), |_| ()), padded(content), vec![0; 1024]].concat()
}

const TEN_TERABYTES: u64 = 10 << 40;

#[test]
fn a_file_of_ten_terabytes_that_stores_one_key() {
    let key = key_pem(2).into_bytes();
    let hole = TEN_TERABYTES - key.len() as u64;
    // GNU's own header: offset and size of the segment, and the real size in base 256 (tar manual, Basic Tar Format).
    let gnu = header("hole", b'S', key.len(), |block| {
        block[257..265].copy_from_slice(b"ustar  \0");
        for (at, number) in [(386, hole), (398, key.len() as u64), (483, TEN_TERABYTES)] {
            block[at] = 0x80;
            block[at + 4..at + 12].copy_from_slice(&number.to_be_bytes());
        }
    });
    // A pax map, version 1.0, before the content.
    let record = |name: &str| format!("{} GNU.sparse.{name}\n", name.len() + 15);
    let records = ["major=1", "minor=0", "name=hole", "realsize=10995116277760"].map(record).concat();
    assert!(records.lines().all(|line| line.starts_with(&(line.len() + 1).to_string())), "{records}");
    let content = [padded(format!("1\n{hole}\n{}\n", key.len()).as_bytes()), key.clone()].concat();
    let pax = [
        header("PaxHeaders/hole", b'x', records.len(), |_| ()),
        padded(records.as_bytes()),
        header("GNUSparseFile.1/hole", b'0', content.len(), |_| ()),
        content,
    ]
    .concat();
    for (test, archive) in [("sparse_gnu", [gnu, key].concat()), ("sparse_pax", pax)] {
        let ran = set_off(test, &[padded(&archive), vec![0; 1024]].concat(), &[]);
        all_read(&ran);
        assert!(paths(&ran).contains(&"tree/bomb".to_owned()), "{test}: {ran:?}");
    }
}

#[test]
fn archives_in_archives_in_archives() {
    let at = |depth: usize| (0..depth).fold(key_pem(2).into_bytes(), |content, _| tar("deeper", &content));
    let ran = set_off("nested", &at(12), &[]);
    all_read(&ran);
    assert_eq!(paths(&ran).len(), 2, "{ran:?}");
    let ran = set_off("nested_deeper", &at(13), &[]);
    assert_eq!((ran.code, reasons(&ran)), (Some(3), vec!["too_deep".to_owned()]), "{ran:?}");
}

#[test]
fn base64_of_base64_of_base64() {
    let at = |depth: usize| (0..depth).fold(key_pem(2), |text, _| base64(text.as_bytes()));
    let ran = set_off("coded", at(4).as_bytes(), &["--max-depth", "4"]);
    all_read(&ran);
    assert_eq!(paths(&ran).len(), 2, "{ran:?}");
    left_out(&set_off("coded_deeper", at(6).as_bytes(), &["--max-depth", "4"]), "too_deep");
}

/// A ZIP of entries that all refer to the same stored bytes.
fn overlapping(content: &[u8], entries: u16) -> Vec<u8> {
    let le = |number: usize| (number as u32).to_le_bytes();
    let (size, short) = (le(content.len()), |number: u16| number.to_le_bytes());
    // Version, flags, method, time and date; CRC; both sizes; lengths of name and extra field (APPNOTE 4.3.7, 4.3.12).
    let common = [&[20, 0, 0, 0, 0, 0, 0, 0, 0, 0][..], &[0; 4], &size, &size, &short(1), &short(0)].concat();
    let local = [&b"PK\x03\x04"[..], &common, b"a", content].concat();
    let entry = [&b"PK\x01\x02\x14\0"[..], &common, &[0; 14], b"a"].concat();
    let directory = entry.repeat(usize::from(entries));
    let count = short(entries);
    let end = [&b"PK\x05\x06\0\0\0\0"[..], &count, &count, &le(directory.len()), &le(local.len()), &[0, 0]].concat();
    [local, directory, end].concat()
}

#[test]
fn entries_that_lead_to_the_same_bytes() {
    let content = [vec![b' '; 60_000], key_pem(2).into_bytes()].concat();
    let ran = set_off("overlapping_few", &overlapping(&content, 3), &[]);
    all_read(&ran);
    assert!(paths(&ran).contains(&"tree/bomb".to_owned()), "{ran:?}");
    left_out(&set_off("overlapping", &overlapping(&content, 200), &["--max-expanded", "1MiB"]), "too_much_output");
    left_out(&set_off("overlapping_many", &overlapping(&content, 200), &["--max-members", "50"]), "too_many");
}

#[test]
fn more_than_may_be_held() {
    // A ZIP needs random access, so inside another archive it is held in memory.
    let inner = overlapping(&vec![b' '; 100_000], 1);
    let ran = set_off("held", &tar("inner.zip", &inner), &["--max-held", "10000"]);
    left_out(&ran, "too_large");
    all_read(&set_off("held_well", &tar("inner.zip", &inner), &[]));
}
