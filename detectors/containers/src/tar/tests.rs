//! Tests of `tar`.

use super::super::compressed::tests::open;
use super::*;

/// Returns a header with its checksum, and a body.
fn entry(name: &str, kind: u8, size: usize, body: &[u8]) -> Vec<u8> {
    let mut block = [0; BLOCK];
    block[..name.len()].copy_from_slice(name.as_bytes());
    block[124..135].copy_from_slice(format!("{size:011o}").as_bytes());
    block[156] = kind;
    block[257..263].copy_from_slice(b"ustar\0");
    block[148..156].fill(b' ');
    let sum: u64 = block.iter().map(|b| u64::from(*b)).sum();
    block[148..155].copy_from_slice(format!("{sum:06o}\0").as_bytes());
    let mut all = block.to_vec();
    all.extend(body);
    all.resize(all.len().next_multiple_of(BLOCK), 0);
    all
}

#[test]
fn any_size_is_padded() {
    for (size, padding) in [(0, 0), (1, 511), (512, 0), (513, 511), (u64::MAX, 1), (u64::MAX - 511, 0)] {
        assert_eq!(super::padding(size), padding, "{size}");
    }
}

#[test]
fn members_with_their_names() {
    let pax = b"27 path=dir/a-very-long-na\n";
    let archive = [
        entry("a.pem", b'0', 5, b"first"),
        entry("dir/", b'5', 0, b""),
        entry("link", b'2', 7, b""),
        entry("././@LongLink", b'L', 9, b"long/name"),
        entry("long/na", 0, 600, &[b'x'; 600]),
        entry("pax", b'x', pax.len(), pax),
        entry("short", b'0', 3, b"pax"),
        vec![0; 2 * BLOCK],
        entry("behind", b'0', 6, b"behind"),
    ]
    .concat();
    let (result, out) = open(&Tar, &archive);
    assert_eq!(result, Ok(()));
    let names: Vec<_> = out.members.iter().map(|(name, bytes, _)| (name.as_str(), bytes.len())).collect();
    assert_eq!(names, [("a.pem", 5), ("long/name", 600), ("dir/a-very-long-na", 3), ("behind", 6)]);
    assert_eq!(out.rest, [b"long/name"], "pax records of names only are not searched");
    assert!(out.unread.is_empty(), "{:?}", out.unread);
}

#[test]
fn a_damaged_header_costs_only_the_name() {
    let mut archive =
        [entry("a", b'0', 5, b"first"), entry("b", b'0', 6, b"second"), entry("c", b'0', 5, b"third")].concat();
    archive[2 * BLOCK] ^= 1;
    let (result, out) = open(&Tar, &archive);
    assert_eq!(result, Ok(()));
    assert_eq!(out.unread, [(String::new(), Reason::Damaged, "header".to_owned())]);
    assert_eq!(out.members.len(), 3);
    assert!(out.members[1].0.is_empty() && out.members[1].1[BLOCK..].starts_with(b"second"));
    assert_eq!(out.members[2].0, "c");
}

#[test]
fn numbers_in_both_formats() {
    for (field, expected) in
        [(&b"00000000005\0"[..], 5), (b"  644 \0", 0o644), (b"\x80\0\0\0\0\0\x0a\0\0\0\0\0", 10 << 40), (b"", 0)]
    {
        assert_eq!(number(field), expected, "{field:x?}");
    }
}

#[test]
fn a_sparse_file_with_an_invalid_map_is_read_as_stored() {
    let record = |text: &str| format!("{} {text}\n", text.len() + 4);
    let pax = |records: &[&str], body: &[u8]| {
        let records: String = records.iter().map(|text| record(text)).collect();
        [entry("x", b'x', records.len(), records.as_bytes()), entry("k", b'0', body.len(), body)].concat()
    };
    let stored = b"whole as it stands";
    for (archive, odd) in [
        (entry("k", b'S', stored.len(), stored), true),
        (pax(&["GNU.sparse.map="], stored), true),
        (pax(&["GNU.sparse.major=2", "GNU.sparse.minor=0"], stored), true),
        (pax(&["GNU.sparse.numblocks=0"], stored), true),
        (pax(&["GNU.sparse.size=18"], stored), true),
        (pax(&["GNU.sparse.map=0,17"], stored), true),
        (pax(&["GNU.sparse.map=0,19"], stored), true),
        (pax(&["GNU.sparse.map=9,9,0,9"], stored), true),
        (pax(&["GNU.sparse.map=0,9,9,9"], stored), false),
    ] {
        let (result, out) = open(&Tar, &archive);
        assert_eq!(result, Ok(()));
        assert_eq!(out.members[0].1, stored);
        let told = ("k".to_owned(), Reason::Damaged, "map of a sparse file".to_owned());
        assert_eq!(out.unread, if odd { vec![told] } else { vec![] });
    }
}

#[test]
fn truncated_archives_and_other_text() {
    let archive = entry("a", b'0', 5000, &[b'x'; 2000]);
    let (result, out) = open(&Tar, &archive);
    assert_eq!(result, Ok(()));
    assert!(out.members[0].1.len() >= 2000 && out.members[0].2.is_some());
    let mut text = vec![b' '; 1000];
    text[257..262].copy_from_slice(b"ustar");
    assert!(open(&Tar, &text).0.is_err());
}
