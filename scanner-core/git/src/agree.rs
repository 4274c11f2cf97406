//! Checks whether the indexes that git uses agree with the packs.
//!
//! Git trusts an index: the object at the offset that the index gives for a name is the object of that name, and git
//! does not verify the checksum of an index before using it. So an index that disagrees with its pack shows git other
//! objects than keyradius reads. The same is true of a `multi-pack-index` (gitformat-pack, "multi-pack-index (MIDX)
//! files"), which git consults before any index.

use std::collections::BTreeMap;
use std::ffi::OsStr;
use std::path::Path;

use super::index::Index;
use super::odb::{Directory, TEXT, unread};
use super::pack::Pack;
use super::store::Store;
use keyradius_core::error::{Gap, Malformed, Reason};
use keyradius_core::oid::{Format, ObjectId};

/// Bytes of the header of a multi-pack-index, and of each row of its chunk table.
const ROW: u64 = 12;

/// Rows read at a time.
const ROWS: usize = 2048;

/// Largest multi-pack-index that is held in memory, in bytes. A larger one is read in parts.
const HELD: u64 = 1 << 20;

/// Whether an index has the same names at the same offsets as one made from the pack.
pub(crate) fn same(given: &Index, made: &Index) -> bool {
    given.len() == made.len() && table(given) == table(made)
}

fn table(index: &Index) -> Vec<(ObjectId, u64)> {
    let mut table: Vec<_> = index.ids().zip(index.offsets()).collect();
    table.sort_unstable();
    table
}

/// Reports every multi-pack-index of an object directory that disagrees with the packs.
pub(crate) fn check_multi(directory: &Directory, format: Format, gap: &mut dyn FnMut(Gap)) {
    let folder = directory.path.join("pack");
    let mut files = vec![folder.join("multi-pack-index")];
    // Layers of an incremental multi-pack-index.
    let layers = folder.join("multi-pack-index.d").read_dir().into_iter().flatten().flatten();
    files.extend(layers.map(|entry| entry.path()).filter(|path| path.extension().is_some_and(|end| end == "midx")));
    files.sort();
    let packs: BTreeMap<&OsStr, &Pack> =
        directory.packs.iter().filter_map(|pack| Some((pack.path.file_name()?, pack))).collect();
    for file in files {
        let Ok(store) = Store::open(&file).and_then(|store| store.loaded(HELD)) else { continue };
        if let Err(what) = multi(&store, format, &packs) {
            gap(unread(&file, Reason::Damaged, format!("git uses it to find objects, and {what}")));
        }
    }
}

/// Returns an error if a multi-pack-index lists an object at an offset where its pack does not have it.
fn multi(store: &Store, format: Format, packs: &BTreeMap<&OsStr, &Pack>) -> Result<(), Malformed> {
    let mut head = [0; ROW as usize];
    if store.read_at(0, &mut head)? < head.len() || !head.starts_with(b"MIDX") {
        // Not a multi-pack-index: git ignores it, and it is read like any file.
        return Ok(());
    }
    let [.., chunks, _, a, b, c, d] = head;
    let names = names(store, chunks, u32::from_be_bytes([a, b, c, d]))?;
    let mut by_number: Vec<Option<(&Pack, u32)>> = Vec::new();
    for name in names.split(|byte| *byte == 0).take(u32::from_be_bytes([a, b, c, d]) as usize) {
        let name = std::str::from_utf8(name).ok().and_then(|name| name.strip_suffix(".idx"));
        let name = name.filter(|name| !name.contains('/')).ok_or(Malformed::new("it names a pack elsewhere", 0))?;
        // Git cannot read a missing pack either.
        by_number.push(packs.get(OsStr::new(&format!("{name}.pack"))).map(|pack| (*pack, 0)));
    }
    let (ids, ids_size) = chunk(store, chunks, b"OIDL")?.ok_or(Malformed::new("it has no names", 0))?;
    let (rows, rows_size) = chunk(store, chunks, b"OOFF")?.ok_or(Malformed::new("it has no offsets", 0))?;
    let far = chunk(store, chunks, b"LOFF")?;
    let each = format.bytes();
    let count = ids_size / each as u64;
    if count != rows_size / 8 {
        return Err(Malformed::new("its numbers of offsets and names differ", 0));
    }
    let (mut raw, mut places) = (vec![0; ROWS * each], vec![0; ROWS * 8]);
    let mut done = 0;
    let mut last: Option<ObjectId> = None;
    while done < count {
        let many = (count - done).min(ROWS as u64) as usize;
        let (raw, places) =
            (raw.get_mut(..many * each).unwrap_or_default(), places.get_mut(..many * 8).unwrap_or_default());
        store.exact(ids + done * each as u64, raw)?;
        store.exact(rows + done * 8, places)?;
        for (raw, place) in raw.chunks_exact(each).zip(places.chunks_exact(8)) {
            let at = done as usize;
            let disagrees = Malformed::new("it lists an object at an offset where no pack has it", at);
            let (Some(id), Some(pack), Some(short)) = (ObjectId::new(format, raw), word(place, 0), word(place, 4))
            else {
                return Err(disagrees);
            };
            if last.is_some_and(|last| last > id) {
                return Err(Malformed::new("its names are not sorted", at));
            }
            last = Some(id);
            let known =
                by_number.get_mut(pack as usize).ok_or(Malformed::new("it refers to more packs than it names", at))?;
            let Some((pack, position)) = known else { continue };
            let offset = match far {
                Some((far, _)) if short & 0x8000_0000 != 0 => {
                    let mut eight = [0; 8];
                    store.exact(far + u64::from(short & 0x7fff_ffff) * 8, &mut eight)?;
                    u64::from_be_bytes(eight)
                }
                _ => u64::from(short),
            };
            if !is_at(pack, position, &id, offset) {
                return Err(disagrees);
            }
        }
        done += many as u64;
    }
    Ok(())
}

/// Whether a pack has an object at an offset. `position` is a lower bound for the position of the object's name.
fn is_at(pack: &Pack, position: &mut u32, id: &ObjectId, offset: u64) -> bool {
    while pack.index.id(*position).is_some_and(|other| other < *id) {
        *position += 1;
    }
    let same = (*position..).take_while(|at| pack.index.id(*at).as_ref() == Some(id));
    same.into_iter().any(|at| pack.index.offset(at) == Some(offset))
}

/// The names of its packs, each terminated by a zero byte.
fn names(store: &Store, chunks: u8, many: u32) -> Result<Vec<u8>, Malformed> {
    let (at, size) = chunk(store, chunks, b"PNAM")?.ok_or(Malformed::new("it names no packs", 0))?;
    if size > TEXT || size < u64::from(many) {
        return Err(Malformed::new("its list of packs has an impossible size", 0));
    }
    let mut names = vec![0; usize::try_from(size).unwrap_or(0)];
    store.exact(at, &mut names)?;
    Ok(names)
}

/// Offset and size of a chunk.
fn chunk(store: &Store, chunks: u8, name: &[u8]) -> Result<Option<(u64, u64)>, Malformed> {
    let mut table = vec![0; (usize::from(chunks) + 1) * ROW as usize];
    store.exact(ROW, &mut table)?;
    let rows: Vec<(&[u8], u64)> = table
        .chunks_exact(ROW as usize)
        .filter_map(|row| {
            let (name, at) = row.split_first_chunk::<4>()?;
            Some((name.as_slice(), u64::from_be_bytes(*at.first_chunk()?)))
        })
        .collect();
    let mut found = None;
    for pair in rows.windows(2) {
        let [(this, from), (_, to)] = pair else { continue };
        let size = to.checked_sub(*from).filter(|_| *to <= store.size()).ok_or(Malformed::new("it is cut off", 0))?;
        if *this == name {
            if found.is_some() {
                return Err(Malformed::new("it has two chunks of one type", 0));
            }
            found = Some((*from, size));
        }
    }
    Ok(found)
}

fn word(bytes: &[u8], at: usize) -> Option<u32> {
    bytes.get(at..)?.first_chunk().map(|four| u32::from_be_bytes(*four))
}

/// Reports whether an index that is not used disagrees with the pack: then git may read objects that were not read
/// here.
pub(crate) fn check_set_aside(index: &Path, pack: &Pack, why: &str, gap: &mut dyn FnMut(Gap)) {
    let agrees = Index::unsealed(index, pack.format).is_none_or(|given| same(&given, &pack.index));
    gap(if agrees {
        unread(index, Reason::IndexRebuilt, why.to_owned())
    } else {
        let detail = format!("{why}; git uses it to find objects, and it disagrees with the pack");
        unread(index, Reason::Damaged, detail)
    });
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::super::made::{self, FORMATS, Folder, PackWriter};
    use super::super::odb::Odb;
    use super::*;
    use keyradius_core::oid::Kind;

    /// A multi-pack-index with these rows: name, pack and offset.
    fn midx(format: Format, names: &[u8], many: u32, mut rows: Vec<(ObjectId, u32, u32)>) -> Vec<u8> {
        rows.sort_unstable();
        let chunks = [
            (b"PNAM", names.to_vec()),
            (b"OIDL", rows.iter().flat_map(|(id, ..)| id.raw().to_vec()).collect::<Vec<u8>>()),
            (b"OOFF", rows.iter().flat_map(|(_, pack, at)| [pack.to_be_bytes(), at.to_be_bytes()].concat()).collect()),
        ];
        let mut out = [b"MIDX\x01\x01\x03\0", &many.to_be_bytes()[..]].concat();
        let mut at = 12 + 12 * 4;
        for (name, bytes) in &chunks {
            out.extend([&name[..], &(at as u64).to_be_bytes()].concat());
            at += bytes.len();
        }
        out.extend([&[0; 4][..], &(at as u64).to_be_bytes()].concat());
        out.extend(chunks.into_iter().flat_map(|(_, bytes)| bytes));
        out.extend(made::hash(format, &out));
        out
    }

    #[test]
    fn disagreeing_multi_pack_indexes_are_reported() {
        for format in FORMATS {
            let mut pack = PackWriter::new(format);
            let (a, at) = pack.whole(Kind::Blob, b"abc");
            let (b, bt) = pack.whole(Kind::Blob, b"b");
            let (at, bt) = (at as u32, bt as u32);
            let names = b"gone.idx\0pack-a.idx\0";
            for (what, bytes, told) in [
                ("whole", midx(format, names, 2, vec![(a, 1, at), (b, 1, bt)]), false),
                ("of a pack that is gone", midx(format, names, 2, vec![(a, 0, 7), (b, 1, bt)]), false),
                ("inside", midx(format, names, 2, vec![(a, 1, at + 1), (b, 1, bt)]), true),
                ("swapped", midx(format, names, 2, vec![(a, 1, bt), (b, 1, at)]), true),
                ("twice", midx(format, names, 2, vec![(a, 1, at), (a, 1, bt)]), true),
                ("not there", midx(format, names, 2, vec![(ObjectId::of(format, Kind::Blob, b"c"), 1, at)]), true),
                ("elsewhere", midx(format, b"../x.idx\0", 1, vec![(a, 0, at)]), true),
                ("of no pack", midx(format, names, 2, vec![(a, 2, at)]), true),
                ("cut", midx(format, names, 2, vec![(a, 1, at), (b, 1, bt)])[..100].to_vec(), true),
                ("none", b"any text".to_vec(), false),
            ] {
                let folder = Folder::new();
                folder.write("pack/pack-a.pack", &pack.pack());
                folder.write("pack/pack-a.idx", &pack.index(2));
                for place in ["pack/multi-pack-index", "pack/multi-pack-index.d/multi-pack-index-1.midx"] {
                    let path = folder.write(place, &bytes);
                    let mut gaps = Vec::new();
                    Odb::open(folder.path(), format, &Arc::default(), &mut |gap| gaps.push(gap));
                    assert_eq!(gaps.iter().any(|gap| gap.reason == Reason::Damaged), told, "{what}: {gaps:?}");
                    std::fs::remove_file(path).unwrap();
                }
            }
        }
    }

    #[test]
    fn disagreeing_unused_indexes_are_reported() {
        for format in FORMATS {
            let mut pack = PackWriter::new(format);
            let (a, at) = pack.whole(Kind::Blob, b"abc");
            let (b, bt) = pack.whole(Kind::Blob, b"b");
            let trailer = made::hash(format, &pack.pack());
            let unsealed = |rows: Vec<(ObjectId, u64)>| {
                let rows = rows.into_iter().map(|(id, at)| (id, 0, at)).collect();
                let mut bytes = made::index(2, format, rows, &trailer);
                *bytes.last_mut().unwrap() ^= 1;
                bytes
            };
            let sealed = |rows: Vec<(ObjectId, u64)>| {
                made::index(2, format, rows.into_iter().map(|(id, at)| (id, 0, at)).collect(), &trailer)
            };
            let whole = unsealed(vec![(a, at), (b, bt)]);
            for (what, bytes, reason) in [
                ("a flipped bit of the checksum", whole.clone(), Some(Reason::IndexRebuilt)),
                ("no index to git", whole[..50].to_vec(), Some(Reason::IndexRebuilt)),
                ("swapped", unsealed(vec![(a, bt), (b, at)]), Some(Reason::Damaged)),
                ("inside", unsealed(vec![(a, at), (b, bt + 1)]), Some(Reason::Damaged)),
                ("one name for two", sealed(vec![(a, at), (a, bt)]), Some(Reason::Damaged)),
                ("whole", sealed(vec![(a, at), (b, bt)]), None),
            ] {
                let folder = Folder::new();
                folder.write("pack/pack-a.pack", &pack.pack());
                folder.write("pack/pack-a.idx", &bytes);
                let mut gaps = Vec::new();
                let odb = Odb::open(folder.path(), format, &Arc::default(), &mut |gap| gaps.push(gap));
                assert_eq!(gaps.first().map(|gap| gap.reason), reason, "{what}: {gaps:?}");
                assert_eq!(odb.directories[0].packs[0].index.len(), 2, "{what}");
                assert!(odb.has(&a) && odb.has(&b), "{what}");
            }
            // The same object twice in a pack, as some programs write it: index and pack agree.
            let mut twice = PackWriter::new(format);
            twice.whole(Kind::Blob, b"abc");
            twice.whole(Kind::Blob, b"abc");
            let folder = Folder::new();
            folder.write("pack/pack-a.pack", &twice.pack());
            folder.write("pack/pack-a.idx", &twice.index(2));
            let mut gaps = Vec::new();
            Odb::open(folder.path(), format, &Arc::default(), &mut |gap| gaps.push(gap));
            assert_eq!(gaps.iter().map(|gap| gap.reason).collect::<Vec<_>>(), [Reason::IndexRebuilt]);
        }
    }
}
