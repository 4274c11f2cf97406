//! Tests of `index`.

use super::super::made::{FORMATS, Folder, hash, index};
use super::*;
use keyradius_core::oid::Kind;

/// Entries with offsets below and above 2 GiB; all of them are below 4 GiB, for version 1.
fn rows(format: Format, count: u64) -> Vec<(ObjectId, u32, u64)> {
    let far = |n: u64| if n % 5 == 4 { 0x8000_0000 + n } else { 12 + n * 7 };
    let id = |n: u64| ObjectId::of(format, Kind::Blob, &n.to_le_bytes());
    (0..count).map(|n| (id(n), n as u32 * 3 + 1, far(n))).collect()
}

/// Replaces the checksum after a change.
fn seal(mut bytes: Vec<u8>, format: Format) -> Vec<u8> {
    bytes.truncate(bytes.len() - format.bytes());
    bytes.extend(hash(format, &bytes));
    bytes
}

fn opened(folder: &Folder, bytes: &[u8], format: Format) -> io::Result<Index> {
    let digest = ObjectId::of(Format::Sha1, Kind::Blob, bytes);
    Index::open(&folder.write(&format!("{digest}.idx"), bytes), format, &Arc::default())
}

#[test]
fn every_object_is_found_where_it_was_put() {
    let folder = Folder::new();
    for format in FORMATS {
        for count in [0, 1, 2, 700] {
            let rows = rows(format, count);
            let table: Vec<(ObjectId, u64)> = rows.iter().map(|(id, _, offset)| (*id, *offset)).collect();
            let file =
                |version| opened(&folder, &index(version, format, rows.clone(), &[7; 32][..format.bytes()]), format);
            for (kind, made) in [("1", file(1).unwrap()), ("2", file(2).unwrap()), ("made", Index::made(table, format))]
            {
                assert_eq!(made.len(), count as u32, "{kind} {format:?}");
                for (id, _, offset) in &rows {
                    let at = made.find(id).expect(kind);
                    assert_eq!(made.id(at), Some(*id));
                    assert_eq!(made.offset(at), Some(*offset), "{kind} {format:?}");
                    assert_eq!(made.by_key(id.key()), Some(*id));
                    assert_eq!(made.by_key(id.key() + 1), None);
                    assert_eq!(made.beginning(&id.to_string()), [*id]);
                }
                let ids: Vec<_> = (0..made.len()).filter_map(|at| made.id(at)).collect();
                assert!(made.ids().eq(ids.iter().copied()), "{kind} {format:?}");
                let offsets: Vec<_> = (0..made.len()).filter_map(|at| made.offset(at)).collect();
                assert_eq!(made.offsets(), offsets, "{kind} {format:?}");
                assert!(ids.is_sorted() && ids.len() == count as usize, "{kind} {format:?}");
                for absent in 1000..1300_u32 {
                    let absent = ObjectId::of(format, Kind::Tree, &absent.to_le_bytes());
                    assert_eq!(made.find(&absent), None);
                }
                assert!(kind != "made" || made.offset(count as u32).is_none(), "beyond the last");
            }
        }
    }
}

#[test]
fn ids_that_are_not_hashes_are_found() {
    let folder = Folder::new();
    for format in FORMATS {
        // All in one bucket: close together at its start, at its end, and with the same first eight bytes.
        let name = |n: u32| {
            let mut raw = [0x7f; 32];
            match n % 3 {
                0 => raw[1..8].copy_from_slice(&u64::from(n).to_be_bytes()[1..]),
                1 => raw[1..8].copy_from_slice(&(u64::MAX - u64::from(n)).to_be_bytes()[1..]),
                _ => raw[8..12].copy_from_slice(&n.to_be_bytes()),
            }
            ObjectId::new(format, &raw[..format.bytes()]).unwrap()
        };
        let rows: Vec<_> = (0..900).map(|n| (name(n), n, u64::from(n) + 12)).collect();
        for version in [1, 2] {
            let made =
                opened(&folder, &index(version, format, rows.clone(), &[7; 32][..format.bytes()]), format).unwrap();
            for (id, _, offset) in &rows {
                assert_eq!(made.find(id).and_then(|at| made.offset(at)), Some(*offset), "{id} of version {version}");
            }
            for absent in 900..1000 {
                assert_eq!(made.find(&name(absent)), None);
            }
        }
    }
}

#[test]
fn indexes_share_memory() {
    let bounds: Arc<Bounds> = Arc::default();
    let first = bounds.index(20 << 20).expect("room");
    assert!(bounds.index(20 << 20).is_none());
    drop(first);
    assert!(bounds.index(20 << 20).is_some());
}

#[test]
fn ambiguous_prefixes_yield_two_ids() {
    let rows = rows(Format::Sha1, 700);
    let made = Index::made(rows.iter().map(|(id, ..)| (*id, 0)).collect(), Format::Sha1);
    for digit in "0123456789abcdef".chars() {
        let of_digit = |id: &ObjectId| id.to_string().starts_with(digit);
        let mut expected: Vec<_> = rows.iter().map(|(id, ..)| *id).filter(of_digit).collect();
        expected.sort();
        assert_eq!(made.beginning(&digit.to_string()), expected[..2], "{digit}");
    }
    assert_eq!(made.beginning("g"), []);
}

#[test]
fn damaged_indexes_are_refused() {
    let folder = Folder::new();
    for format in FORMATS {
        // Offsets below 2 GiB: a position beyond the table of larger offsets is only noticed where it is used.
        let near = || rows(format, 50).into_iter().filter(|(_, _, offset)| *offset < 1 << 31).collect::<Vec<_>>();
        for version in [1, 2] {
            let good = index(version, format, near(), &[7; 32][..format.bytes()]);
            assert!(opened(&folder, &good, format).is_ok());
            for length in (0..good.len()).step_by(31).chain([good.len() - 1]) {
                let message = format!("{format:?} {version} cut at {length}");
                assert!(opened(&folder, &good[..length], format).is_err(), "{message}");
                let sealed = length >= format.bytes();
                let cut = if sealed { seal(good[..length].to_vec(), format) } else { Vec::new() };
                assert!(!sealed || opened(&folder, &cut, format).is_err(), "{message}, with a checksum");
            }
            for at in (0..good.len()).step_by(13) {
                let mut flipped = good.clone();
                flipped[at] ^= 0x10;
                assert!(opened(&folder, &flipped, format).is_err(), "{format:?} {version} byte {at}");
            }
            let fanout = if version == 1 { 0 } else { 8 };
            let mut descends = good.clone();
            descends[fanout + 3] = 41;
            assert!(opened(&folder, &seal(descends, format), format).is_err(), "fanout descends");
        }
        let other = index(3, format, near(), &[7; 32][..format.bytes()]);
        let error = opened(&folder, &other, format).unwrap_err();
        assert!(error.to_string().contains("version"), "{error}");
    }
}

#[test]
fn readable_entries_of_a_damaged_index_are_read() {
    let folder = Folder::new();
    for format in FORMATS {
        for version in [1, 2] {
            let rows = rows(format, 40);
            let mut bytes = index(version, format, rows.clone(), &[7; 32][..format.bytes()]);
            *bytes.last_mut().unwrap() ^= 1;
            let path = folder.write("a.idx", &bytes);
            let mut expected: Vec<_> = rows.iter().map(|(id, _, offset)| (*id, *offset)).collect();
            expected.sort_unstable();
            assert_eq!(Index::remains(&path, format), expected, "{format:?} {version}");
            // Cut off in the middle, or with an impossible count: nothing is invented, nothing panics.
            for length in (0..bytes.len()).step_by(17) {
                let path = folder.write("a.idx", &bytes[..length]);
                let remains = Index::remains(&path, format);
                let known = |row: &&(ObjectId, u64)| rows.iter().any(|(id, _, _)| *id == row.0);
                let most = (length / (format.bytes() + 4)).min(40);
                assert!(remains.len() <= most && remains.iter().filter(known).count() == remains.len(), "{length}");
            }
            let fanout = if version == 1 { 0 } else { 8 };
            bytes[fanout + FANOUT - 4..fanout + FANOUT].fill(0xff);
            assert!(Index::remains(&folder.write("a.idx", &bytes), format).len() < 60, "{format:?} {version}");
        }
    }
    assert_eq!(Index::remains(&folder.path().join("none.idx"), Format::Sha1), []);
}
