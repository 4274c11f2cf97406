//! Tests of `ntfs.rs`.

use super::content::{lznt1, runs};
use super::*;
use crate::collect::{open, torture};

#[test]
fn runs_have_signed_distances() {
    // Two numbers of one byte, then a hole, then back.
    let all = runs(&[0x11, 3, 20, 0x01, 5, 0x11, 2, 0xf0, 0, 0x11, 1, 1]);
    assert_eq!(all, [(3, Some(20)), (5, None), (2, Some(4))]);
    assert_eq!(runs(&[0x31, 3, 20]), []);
    assert_eq!(runs(&[0x11, 3, 0x80]), []);
}

#[test]
fn chunks_of_lznt1_are_stored_or_copies() {
    // [MS-XCA] 3.3: a text with copies; the whole of the example.
    let example = [
        0x38, 0xb0, 0x88, 0x46, 0x23, 0x20, 0x00, 0x20, 0x47, 0x20, 0x41, 0x00, 0x10, 0xa2, 0x47, 0x01, 0xa0, 0x45,
        0x20, 0x44, 0x00, 0x08, 0x45, 0x01, 0x50, 0x79, 0x00, 0xc0, 0x45, 0x20, 0x05, 0x24, 0x13, 0x88, 0x05, 0xb4,
        0x02, 0x4a, 0x44, 0xef, 0x03, 0x58, 0x02, 0x8c, 0x09, 0x16, 0x01, 0x48, 0x45, 0x00, 0xbe, 0x00, 0x9e, 0x00,
        0x04, 0x01, 0x18, 0x90, 0x00,
    ];
    let text = "F# F# G A A G F# E D D E F# F# E E F# F# G A A G F# E D D E F# E D D E E F# D E F# G F# D E F# G F# E D E A F# \
                F# G A A G F# E D D E F# E D D\0";
    assert_eq!(lznt1(&example, 4096).unwrap(), text.as_bytes());
    assert_eq!(lznt1(&[2, 0x30, 1, 2, 3, 0, 0, 9], 4096).unwrap(), [1, 2, 3]);
    // A copy from before the start.
    assert_eq!(lznt1(&[3, 0xb0, 2, 7, 9, 0x20], 4096), None);
}

/// A boot sector and a table of a few records, in clusters of 512 bytes.
fn volume(records: &[Vec<u8>]) -> Vec<u8> {
    let mut boot = vec![0xeb, 0x52, 0x90];
    boot.extend_from_slice(MAGIC);
    boot.resize(512, 0);
    boot[11..13].copy_from_slice(&512_u16.to_le_bytes());
    boot[13] = 1;
    boot[48] = 2;
    boot[64] = 0xf6;
    boot[510..].copy_from_slice(&[0x55, 0xaa]);
    boot.resize(1024, 0);
    boot.extend(records.concat());
    boot
}

fn attribute(kind: u32, name: &str, flags: u16, value: &[u8]) -> Vec<u8> {
    let name: Vec<u8> = name.encode_utf16().flat_map(u16::to_le_bytes).collect();
    let at = (24 + name.len()).next_multiple_of(8);
    let mut all = vec![0; 24];
    all[..4].copy_from_slice(&kind.to_le_bytes());
    all[4..8].copy_from_slice(&((at + value.len()).next_multiple_of(8) as u32).to_le_bytes());
    all[9] = (name.len() / 2) as u8;
    all[10] = 24;
    all[12..14].copy_from_slice(&flags.to_le_bytes());
    all[16..20].copy_from_slice(&(value.len() as u32).to_le_bytes());
    all[20..22].copy_from_slice(&(at as u16).to_le_bytes());
    all.extend(name);
    all.resize(at, 0);
    all.extend_from_slice(value);
    all.resize(all.len().next_multiple_of(8), 0);
    all
}

/// Data in clusters: one run.
fn clusters(size: u64, runs: &[u8]) -> Vec<u8> {
    let mut all = attribute(0x80, "", 0, &[0; 48]);
    all[8] = 1;
    all[16..32].fill(0);
    all[32] = 64;
    all[40..48].copy_from_slice(&size.next_multiple_of(512).to_le_bytes());
    all[48..56].copy_from_slice(&size.to_le_bytes());
    all[56..64].copy_from_slice(&size.to_le_bytes());
    all[64..64 + runs.len()].copy_from_slice(runs);
    all
}

fn file_name(parent: u64, name: &str) -> Vec<u8> {
    let mut value = parent.to_le_bytes().to_vec();
    value.resize(64, 0);
    value.push(name.encode_utf16().count() as u8);
    value.push(1);
    value.extend(name.encode_utf16().flat_map(u16::to_le_bytes));
    attribute(0x30, "", 0, &value)
}

fn record(in_use: bool, attributes: &[Vec<u8>]) -> Vec<u8> {
    let mut all = b"FILE".to_vec();
    all.resize(56, 0);
    all[4] = 48;
    all[6] = 3;
    all[20] = 56;
    all[22] = u8::from(in_use);
    all.extend(attributes.concat());
    all.extend([0xff; 4]);
    all.resize(1024, 0);
    // The update sequence: a number at the end of each sector, and what was there.
    all[48..50].copy_from_slice(&[1, 0]);
    for (at, sector) in [512, 1024].into_iter().enumerate() {
        let saved = [all[sector - 2], all[sector - 1]];
        all[50 + 2 * at..52 + 2 * at].copy_from_slice(&saved);
        all[sector - 2..sector].copy_from_slice(&[1, 0]);
    }
    all
}

fn example() -> Vec<u8> {
    let mut records = vec![record(true, &[clusters(30 * 1024, &[0x11, 60, 2])])];
    records.resize(24, record(true, &[]));
    records[5] = record(true, &[file_name(5, ".")]);
    records.push(record(true, &[file_name(5, "folder")]));
    let streams = [file_name(24, "a.pem"), attribute(0x80, "", 0, b"resident"), attribute(0x80, "zone", 0, b"stream")];
    records.push(record(true, &streams));
    records.push(record(true, &[file_name(5, "b"), clusters(700, &[0x11, 2, 62])]));
    records.push(record(false, &[file_name(5, "gone"), attribute(0x80, "", 0, b"deleted")]));
    records.push(record(true, &[file_name(5, "locked"), attribute(0x80, "", 0x4000, b"secret")]));
    records.push(record(true, &[file_name(5, "cut"), clusters(9000, &[0x21, 18, 0, 0x30])]));
    let mut all = volume(&records);
    all.extend([7; 1024]);
    all
}

#[test]
fn streams_in_records_and_in_clusters() {
    let image = example();
    let seen = open(&Ntfs, &image).unwrap();
    assert_eq!(seen.content("folder/a.pem"), Some(&b"resident"[..]));
    assert_eq!(seen.content("folder/a.pem:zone"), Some(&b"stream"[..]));
    assert_eq!(seen.content("b"), Some(&[7; 700][..]));
    assert_eq!(seen.content("gone"), Some(&b"deleted"[..]));
    let unread: Vec<_> = seen.unread.iter().map(|(name, reason, _)| (name.as_str(), *reason)).collect();
    assert_eq!(unread, [("locked", Reason::Encrypted), ("cut", Reason::ReadError)]);
    torture(&Ntfs, &image, 997);
}
