//! Tests of `pack`.

use super::super::made::{self, FORMATS, Folder, Op, PackWriter, noise};
use super::*;

const LIMIT: u64 = 1 << 30;

/// Id, offset, kind and content of an object.
type Row = (ObjectId, u64, Kind, Vec<u8>);

/// A chain of deltas by offset and by id, and the result of each.
fn chain(format: Format) -> (PackWriter, Vec<Row>) {
    let mut pack = PackWriter::new(format);
    let first = noise(1, 70_000);
    let (id, at) = pack.whole(Kind::Blob, &first);
    let mut all = vec![(id, at, Kind::Blob, first.clone())];
    let (mut last, mut base) = (first, at);
    for step in 0..6_usize {
        let text = format!("step {step}");
        let next = [&last[..0x10000], text.as_bytes(), &last[300..301]].concat();
        let ops = [Op::Copy(0, 0x10000), Op::Insert(text.as_bytes()), Op::Copy(300, 1)];
        let delta = made::delta(last.len(), &ops);
        let id = ObjectId::of(format, Kind::Blob, &next);
        let previous = all.last().unwrap().0;
        base = if step % 2 == 0 { pack.delta_at(id, base, &delta) } else { pack.delta_of(id, &previous, &delta) };
        all.push((id, base, Kind::Blob, next.clone()));
        last = next;
    }
    for (kind, content) in [(Kind::Commit, &b"tree"[..]), (Kind::Tree, b""), (Kind::Tag, b"object")] {
        let (id, at) = pack.whole(kind, content);
        all.push((id, at, kind, content.to_vec()));
    }
    (pack, all)
}

#[test]
fn every_object_is_read_through_its_chain() {
    let folder = Folder::new();
    for format in FORMATS {
        let (made, all) = chain(format);
        let path = made.write(&folder);
        let with = Pack::open(&path, format, &Arc::default()).unwrap();
        let (without, faults) = Pack::without_index(&path, 0, format, &Arc::default()).unwrap();
        assert_eq!(faults, []);
        // As in a bundle: the pack begins later in the file.
        let later = folder.write("b.bundle", &[b"# what stands before\n", &made.pack()[..]].concat());
        let (bundled, faults) = Pack::without_index(&later, 21, format, &Arc::default()).unwrap();
        assert_eq!(faults, []);
        for pack in [&with, &without, &bundled] {
            assert_eq!(pack.index.len() as usize, all.len());
            for (id, offset, kind, content) in &all {
                let position = pack.index.find(id).unwrap();
                assert_eq!(pack.index.offset(position), Some(*offset));
                let (read_kind, read) = pack.read(position, LIMIT).unwrap();
                assert!(read_kind == *kind && read == *content, "{id} of {format:?}");
                let size = content.len() as u64;
                assert!(size == 0 || pack.read(position, size - 1).is_err(), "{id}: beyond the limit");
            }
        }
    }
}

/// A pack with only these bytes after its header, without an index.
fn bare(folder: &Folder, format: Format, entry: &[u8]) -> Pack {
    let mut pack = PackWriter::new(format);
    pack.raw(ObjectId::of(format, Kind::Blob, b""), entry);
    Pack::without_index(&folder.write("bare.pack", &pack.pack()), 0, format, &Arc::default()).unwrap().0
}

fn head_at(pack: &Pack, offset: u64) -> Result<Entry, Malformed> {
    Pages::new(pack).entry(offset)
}

#[test]
fn entry_headers_give_type_size_and_base() {
    let folder = Folder::new();
    for size in [0, 1, 15, 16, 0x7ff, 0x800, 1 << 31, (1 << 60) - 1] {
        for (number, kind) in [(1, Kind::Commit), (2, Kind::Tree), (3, Kind::Blob), (4, Kind::Tag)] {
            let head = made::head(number, size);
            let entry = head_at(&bare(&folder, Format::Sha1, &head), 12).unwrap();
            assert_eq!((entry.stored, entry.size, entry.data), (Stored::Whole(kind), size, 12 + head.len() as u64));
        }
    }
    let pack = bare(&folder, Format::Sha1, &vec![0; 3 << 20]);
    assert!(head_at(&pack, 12).is_err(), "type 0");
    for (distance, offset) in [
        (1, 13),
        (127, 200),
        (128, 200),
        (129, 200),
        (16511, 20_000),
        (16512, 20_000),
        (2_113_663, 2_113_700),
        (2_113_664, 2_113_700),
    ] {
        let mut bytes = vec![0; offset - 12];
        bytes.extend(made::head(6, 5));
        bytes.extend(made::back(distance));
        let entry = head_at(&bare(&folder, Format::Sha1, &bytes), offset as u64).unwrap();
        assert_eq!(entry.stored, Stored::DeltaAt(offset as u64 - distance), "{distance} back");
        assert_eq!((entry.size, entry.data), (5, 12 + bytes.len() as u64));
    }
    for format in FORMATS {
        let base = ObjectId::of(format, Kind::Tree, b"base");
        let entry = head_at(&bare(&folder, format, &[&made::head(7, 9), base.raw()].concat()), 12).unwrap();
        assert_eq!((entry.stored, entry.size, entry.data), (Stored::DeltaOf(base), 9, 13 + format.bytes() as u64));
        let cut = [&made::head(7, 9), &base.raw()[1..]].concat();
        assert!(head_at(&bare(&folder, format, &cut), 12).is_err(), "the trailer of the pack is not read as an entry");
    }
}

#[test]
fn headers_that_git_never_writes_are_refused() {
    let folder = Folder::new();
    for (entry, offset, what) in [
        (made::head(0, 1), 12, "type"),
        (made::head(5, 1), 12, "type"),
        (made::head(3, 1), 11, "before the first"),
        (made::head(3, 1), 13, "cut off"),
        (made::head(3, 1), u64::MAX, "cut off"),
        (vec![0xbf, 0xff], 12, "cut off"),
        (vec![0xff; 12], 12, "size"),
        ([&[0xb0; 1][..], &[0x80; 8], &[1]].concat(), 12, "size"),
        ([made::head(6, 1), made::back(0)].concat(), 12, "before the pack"),
        ([made::head(6, 1), made::back(13)].concat(), 12, "before the pack"),
        ([made::head(6, 1), vec![0xff; 12]].concat(), 12, "base offset"),
    ] {
        let error = head_at(&bare(&folder, Format::Sha1, &entry), offset).unwrap_err();
        assert!(error.what.contains(what), "{entry:02x?} at {offset}: {error}");
    }
    for (start, what) in [
        (&b"PACK\0\0\0\x02\0\0\0"[..], "not a pack"),
        (b"PACK\0\0\0\x01\0\0\0\0", "version"),
        (b"PACK\0\0\0\x04\0\0\0\0", "version"),
        (b"KCAP\0\0\0\x02\0\0\0\0", "not a pack"),
    ] {
        assert!(check_header(start).unwrap_err().what.contains(what), "{start:?}");
    }
    assert_eq!(check_header(b"PACK\0\0\0\x02\0\0\x01\x02"), Ok(258));
    let cut = folder.write("cut.pack", b"PACK\0\0\0\x02");
    assert!(Pack::without_index(&cut, 0, Format::Sha1, &Arc::default()).is_err(), "a header that is cut off");
    assert_eq!(check_header(b"PACK\0\0\0\x03\0\0\0\0"), Ok(0));
}

#[test]
fn delta_cycles_are_reported() {
    let folder = Folder::new();
    let format = Format::Sha1;
    let ids: Vec<ObjectId> = (0..3_u8).map(|n| ObjectId::of(format, Kind::Blob, &[n])).collect();
    let delta = made::delta(1, &[Op::Copy(0, 1)]);
    let mut circle = PackWriter::new(format);
    circle.delta_of(ids[0], &ids[1], &delta);
    circle.delta_of(ids[1], &ids[0], &delta);
    circle.delta_of(ids[2], &ObjectId::of(format, Kind::Blob, b"elsewhere"), &delta);
    let pack = Pack::open(&circle.write(&folder), format, &Arc::default()).unwrap();
    for (id, what) in [(ids[0], "cycle"), (ids[1], "cycle"), (ids[2], MISSING_BASE)] {
        let error = pack.read(pack.index.find(&id).unwrap(), LIMIT).unwrap_err();
        assert!(error.what.contains(what), "{error}");
    }
    assert!(pack.read(3, LIMIT).is_err(), "beyond the last");
    // A chain may contain every object of the pack.
    let mut line = PackWriter::new(format);
    let (_, at) = line.whole(Kind::Blob, b"a");
    line.delta_at(ids[0], at, &delta);
    let pack = Pack::open(&line.write(&folder), format, &Arc::default()).unwrap();
    assert_eq!(pack.read(pack.index.find(&ids[0]).unwrap(), LIMIT), Ok((Kind::Blob, b"a".to_vec())));
}

#[test]
fn entries_after_damage_are_found_by_a_damaged_index() {
    let folder = Folder::new();
    let format = Format::Sha1;
    let (made, all) = chain(format);
    let (mut bytes, mut index) = (made.pack(), made.index(2));
    // The fifth object is damaged: a delta with two more deltas built on it.
    let damaged = all[4].1 as usize + 30;
    bytes[damaged] ^= 0xff;
    *index.last_mut().unwrap() ^= 1;
    let path = folder.write("damaged.pack", &bytes);
    let (pack, faults) = Pack::without_index(&path, 0, format, &Arc::default()).unwrap();
    assert_eq!(pack.index.len(), 4, "the entries before the damage");
    assert_eq!(faults.len(), 2, "the damage, and that what follows is lost: {faults:?}");
    folder.write("damaged.idx", &index);
    // A file beside a bundle is not its index.
    let bundle = folder.write("damaged.bundle", &[&[b'#'; 20][..], b"\n", &bytes].concat());
    let (pack, _) = Pack::without_index(&bundle, 21, format, &Arc::default()).unwrap();
    assert_eq!(pack.index.len(), 4);
    let (pack, _) = Pack::without_index(&path, 0, format, &Arc::default()).unwrap();
    assert_eq!(pack.index.len() as usize, all.len());
    for (number, (id, _, _, content)) in all.iter().enumerate() {
        let read = pack.read(pack.index.find(id).unwrap(), LIMIT);
        assert_eq!(read.is_ok_and(|(_, read)| read == *content), !(4..7).contains(&number), "object {number}");
    }
}

#[test]
fn deltas_with_bases_elsewhere_are_reported() {
    let folder = Folder::new();
    for format in FORMATS {
        let mut thin = PackWriter::new(format);
        let (_, whole) = thin.whole(Kind::Blob, b"here");
        let absent = ObjectId::of(format, Kind::Blob, b"elsewhere");
        let delta = made::delta(4, &[Op::Copy(0, 4), Op::Insert(b"!")]);
        let lost = thin.delta_of(absent, &absent, &delta);
        let on_lost = thin.delta_at(absent, lost, &delta);
        let no_entry = thin.delta_at(absent, whole + 1, &delta);
        // By id and before its base; by offset and after it.
        let (second, third) = (ObjectId::of(format, Kind::Blob, b"here!"), ObjectId::of(format, Kind::Blob, b"here!?"));
        let early = thin.delta_of(third, &second, &made::delta(5, &[Op::Copy(0, 5), Op::Insert(b"?")]));
        let built = thin.delta_at(second, whole, &delta);
        let wrong = thin.delta_at(absent, whole, &made::delta(5, &[Op::Copy(0, 5)]));
        let path = folder.write("thin.pack", &thin.pack());
        let (pack, mut faults) = Pack::without_index(&path, 0, format, &Arc::default()).unwrap();
        faults.sort_by_key(|fault| fault.at);
        let places: Vec<_> = faults.iter().map(|fault| fault.at as u64).collect();
        assert_eq!(places, [lost, on_lost, no_entry, wrong], "{faults:?}");
        assert_eq!(faults[0].what, MISSING_BASE);
        let offset = |id| pack.index.find(id).and_then(|at| pack.index.offset(at));
        assert_eq!((offset(&second), offset(&third), pack.index.len()), (Some(built), Some(early), 3));
    }
}

#[test]
fn a_pack_that_exceeds_its_work_limit_is_not_read_completely() {
    let folder = Folder::new();
    let mut made = PackWriter::new(Format::Sha1);
    made.whole(Kind::Blob, b"small");
    let (_, second) = made.whole(Kind::Blob, &noise(1, 100));
    let path = folder.write("a.pack", &made.pack());
    // With 50 bytes of work the second object is too expensive to read; with 200 to name, because each entry has a
    // fixed cost.
    for (work, at) in [(50, second), (200, 0)] {
        let limits = keyradius_core::budget::Limits { max_unpacked: 4 * work, max_ratio: 0, ..Default::default() };
        let (pack, faults) = Pack::without_index(&path, 0, Format::Sha1, &Arc::new(Bounds::new(&limits))).unwrap();
        let faults: Vec<_> = faults.iter().map(|fault| (fault.what, fault.at as u64)).collect();
        assert_eq!((pack.index.len(), faults), (1, vec![(super::super::bounds::EXPENSIVE, at)]));
    }
}

#[test]
fn runs_of_entries_end_at_the_given_offset() {
    let folder = Folder::new();
    let mut made = PackWriter::new(Format::Sha1);
    made.whole(Kind::Blob, b"first");
    let (_, second) = made.whole(Kind::Blob, b"second");
    let pack = Pack::open(&made.write(&folder), Format::Sha1, &Arc::default()).unwrap();
    let first = (HEADER, second);
    for (end, entries, what) in [
        (second, vec![first], None),
        (second + 1, vec![first], Some("entry is cut off")),
        (pack.end(), vec![first, (second, pack.end())], None),
    ] {
        let (found, broken) = super::super::reindex::run(&pack, HEADER, end, usize::MAX);
        assert_eq!((found, broken.map(|what| what.what)), (entries, what), "{end}");
    }
}

#[test]
fn large_entries_do_not_hide_later_ones() {
    let folder = Folder::new();
    let mut made = PackWriter::new(Format::Sha1);
    made.whole(Kind::Blob, &vec![b'a'; 100_000]);
    let (id, at) = made.whole(Kind::Blob, b"small");
    let (pack, _) =
        Pack::without_index(&folder.write("a.pack", &made.pack()), 0, Format::Sha1, &Arc::default()).unwrap();
    assert_eq!(pack.index.find(&id).and_then(|position| pack.index.offset(position)), Some(at));
    // Damage at the very end hides nothing: one fault, not two.
    let mut bytes = made.pack();
    bytes[at as usize + 3] ^= 0xff;
    let (pack, faults) =
        Pack::without_index(&folder.write("b.pack", &bytes), 0, Format::Sha1, &Arc::default()).unwrap();
    assert_eq!((pack.index.len(), faults.len()), (1, 1), "{faults:?}");
    assert_eq!(faults[0].at as u64, at);
}
