//! Entry points for the fuzz targets of `corpus/fuzz`: each hands bytes to a reader of storage, as if they were a file.
//!
//! Compiled only for tests and with the feature `fuzz`. The targets compare and count the return values.

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use super::bounds::Bounds;
use super::bundle;
use super::index::Index;
use super::odb::Odb;
use super::pack::Pack;
use super::refs::Refs;
use super::reftable::{self, Tables};
use super::repo::Repository;
use super::source::Repositories;
use super::store::Store;
use keyradius_core::budget::Limits;
use keyradius_core::engine::{Engine, Progress};
use keyradius_core::error::SourceError;
use keyradius_core::oid::{Format, ObjectId};
use keyradius_core::seam::{Feed, Source};

/// Limits for a target: a fuzzer has no use for large objects.
fn limits() -> Limits {
    Limits { max_expanded: 1 << 20, max_held: 8 << 20, max_unpacked: 64 << 20, max_ratio: 1000, ..Limits::default() }
}

fn bounds() -> Arc<Bounds> {
    Arc::new(Bounds::new(&limits()))
}

fn format(sha256: bool) -> Format {
    if sha256 { Format::Sha256 } else { Format::Sha1 }
}

/// Reads an index: every name and offset, and looks up each name. Returns the number of objects listed.
pub fn index(bytes: Vec<u8>, sha256: bool) -> u32 {
    let Ok(index) = Index::new(Store::memory(bytes), format(sha256)) else { return 0 };
    for position in 0..index.len().min(1 << 12) {
        index.offset(position);
        if let Some(id) = index.id(position) {
            index.find(&id);
            index.by_key(id.key());
            index.beginning(id.to_string().get(..7).unwrap_or_default());
        }
    }
    index.len()
}

/// Reads a table of refs. Returns the number of refs and log entries.
pub fn reftable(bytes: &[u8], sha256: bool) -> usize {
    let mut tables = Tables::default();
    let _ = reftable::add(bytes, format(sha256), &mut tables);
    tables.refs.len() + tables.logs.len()
}

/// Indexes a pack from its first byte to its last, and hands each of its objects to the sink, as a scan does. With an
/// `index` the pack is read by that index, whether or not it matches. Returns the number of objects.
pub fn pack(bytes: Vec<u8>, index: Option<Vec<u8>>, sha256: bool, to: Feed<'_>) -> usize {
    let format = format(sha256);
    let path = Path::new("fuzz.pack");
    let pack = match index {
        Some(index) => {
            let Ok(index) = Index::new(Store::memory(index), format) else { return 0 };
            Pack::with_index(path, Store::memory(bytes), index, format, &bounds())
        }
        None => Pack::reindexed(path, Store::memory(bytes), 0, format, &bounds()).map(|(pack, _)| pack),
    };
    let Ok(pack) = pack else { return 0 };
    let odb = Odb::of_packs(format, path, vec![pack], &bounds());
    read(odb, format, to)
}

fn read(odb: Odb, format: Format, to: Feed<'_>) -> usize {
    let count = odb.directories.iter().flat_map(|directory| &directory.packs).map(|pack| pack.index.len()).sum::<u32>();
    let repository = Repository {
        name: PathBuf::from("fuzz"),
        git_dir: PathBuf::from("fuzz"),
        common: PathBuf::from("fuzz"),
        format,
        shallow: Vec::new(),
        partial: true,
    };
    let mut refs = Refs::default();
    let first = odb.directories.iter().flat_map(|directory| &directory.packs).find_map(|pack| pack.index.id(0));
    refs.head = first;
    refs.by_name.extend(first.map(|id: ObjectId| ("refs/heads/main".to_owned(), id)));
    Repositories::default().read(repository, odb, refs, Vec::new(), 1, to);
    count as usize
}

/// Reads a bundle and its pack. Returns the number of objects.
pub fn bundle(bytes: Vec<u8>, to: Feed<'_>) -> usize {
    let store = Store::memory(bytes);
    let Ok(header) = bundle::header(&store) else { return 0 };
    let path = Path::new("fuzz.bundle");
    let bounds = bounds();
    let Ok((pack, _)) = Pack::reindexed(path, store, header.pack, header.format, &bounds) else { return 0 };
    read(Odb::of_packs(header.format, path, vec![pack], &bounds), header.format, to)
}

/// Appends the hash of the bytes, as at the end of an index.
pub fn sealed(bytes: &[u8], sha256: bool) -> Vec<u8> {
    use sha2::Digest;
    let seal = if sha256 { sha2::Sha256::digest(bytes).to_vec() } else { sha1::Sha1::digest(bytes).to_vec() };
    [bytes, &seal].concat()
}

/// Makes a pack from a recipe, and an index (version 1) that lists the offsets of its entries, under names that are not
/// theirs.
///
/// An entry is a byte for the type (1 to 4 whole, 6 and 7 deltas, other values as given), a byte for how many entries
/// back its base is, a byte for the length of its content, and the content.
pub fn recipe(mut rest: &[u8], sha256: bool) -> (Vec<u8>, Option<Vec<u8>>) {
    let width = format(sha256).bytes();
    let mut body = Vec::new();
    let mut offsets: Vec<usize> = Vec::new();
    let name = |number: usize| -> Vec<u8> {
        let mut name = vec![0; width];
        name.iter_mut().zip(number.to_be_bytes().into_iter().skip(4)).for_each(|(to, byte)| *to = byte);
        name
    };
    while let [kind, back, length, tail @ ..] = rest {
        let (content, tail) = tail.split_at(usize::from(*length).min(tail.len()));
        rest = tail;
        let at = 12 + body.len();
        let base = offsets.len().checked_sub(usize::from(*back).max(1));
        let (low, high) = (content.len() & 0x0f, content.len() >> 4);
        let more = if high > 0 { 0x80 } else { 0 };
        body.push(more | (kind & 7) << 4 | low as u8);
        body.extend((high > 0).then_some(high as u8));
        match kind & 7 {
            6 => {
                let mut distance = at - base.and_then(|base| offsets.get(base)).copied().unwrap_or(at);
                let mut groups = vec![(distance & 0x7f) as u8];
                distance >>= 7;
                while distance > 0 {
                    distance -= 1;
                    groups.push(0x80 | (distance & 0x7f) as u8);
                    distance >>= 7;
                }
                body.extend(groups.iter().rev());
            }
            7 => body.extend(name(base.unwrap_or(offsets.len()))),
            _ => {}
        }
        let mut encoder = flate2::write::ZlibEncoder::new(&mut body, flate2::Compression::fast());
        let written = std::io::Write::write_all(&mut encoder, content).and_then(|()| encoder.finish().map(drop));
        drop(written);
        offsets.push(at);
    }
    let count = offsets.len() as u32;
    let pack = sealed(&[b"PACK", &2_u32.to_be_bytes()[..], &count.to_be_bytes(), &body].concat(), sha256);
    // The first byte of every name is zero.
    let mut index = count.to_be_bytes().repeat(256);
    for (number, offset) in offsets.iter().enumerate() {
        index.extend((*offset as u32).to_be_bytes());
        index.extend(name(number));
    }
    index.extend(pack.get(pack.len() - width..).unwrap_or_default());
    (pack, Some(sealed(&index, sha256)))
}

/// Runs the engine over what `feed` hands to the sink; returns the number of materials found.
pub fn scanned(engine: &Engine<'_>, feed: impl FnOnce(Feed<'_>) -> usize + Send) -> usize {
    struct Fed<F>(Mutex<Option<F>>);
    impl<F: FnOnce(Feed<'_>) -> usize + Send> Source for Fed<F> {
        fn feed(&self, _: usize, to: Feed<'_>) -> Result<(), SourceError> {
            let feed = self.0.lock().unwrap_or_else(PoisonError::into_inner).take();
            feed.map(|feed| feed(to));
            Ok(())
        }
    }
    let harvest = engine.limited(limits()).scan(&[&Fed(Mutex::new(Some(feed)))], 1, &Progress::default());
    harvest.map_or(0, |harvest| harvest.occurrences.len())
}

#[cfg(test)]
mod tests {
    use super::*;

    use std::sync::LazyLock;

    use keyradius_core::seam::Knowledge;

    static NOTHING: LazyLock<Engine<'static>> = LazyLock::new(|| Engine::new(Knowledge::default(), Limits::default()));

    fn objects(pack: &[u8], index: Option<&[u8]>, sha256: bool) -> usize {
        let count = std::sync::atomic::AtomicUsize::new(0);
        scanned(&NOTHING, |to| {
            let found = self::pack(pack.to_vec(), index.map(<[u8]>::to_vec), sha256, to);
            count.store(found, std::sync::atomic::Ordering::Relaxed);
            found
        });
        count.into_inner()
    }

    #[test]
    fn a_recipe_makes_a_readable_pack() {
        // A blob of four bytes and a delta to it: four bytes copied, one inserted.
        let recipe = [&[3, 0, 4][..], b"abcd", &[6, 1, 6, 4, 5, 0x90, 4, 1, b'!']].concat();
        for sha256 in [false, true] {
            let (pack, index) = super::recipe(&recipe, sha256);
            let index = index.expect("an index");
            assert_eq!(super::index(index.clone(), sha256), 2);
            assert_eq!(objects(&pack, None, sha256), 2, "indexed again");
            assert_eq!(objects(&pack, Some(&index), sha256), 2, "by its index");
        }
    }

    #[test]
    fn random_bytes_never_panic() {
        // Cheap noise: what a fuzzer does in its first minute.
        let mut state = 1_u64;
        let mut noise = || {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            (state >> 56) as u8
        };
        for round in 0..300 {
            let bytes: Vec<u8> = (0..200).map(|_| noise()).collect();
            let sha256 = round % 2 == 0;
            let (pack, index) = recipe(&bytes, sha256);
            objects(&pack, index.as_deref(), sha256);
            objects(&pack, None, sha256);
            objects(&bytes, None, sha256);
            super::index(sealed(&bytes, sha256), sha256);
            reftable(&[&b"REFT\x01\0\0\0"[..], &bytes].concat(), sha256);
            scanned(&NOTHING, |to| bundle([&b"# v2 git bundle\n"[..], &bytes, b"\n\n", &pack].concat(), to));
        }
    }
}
