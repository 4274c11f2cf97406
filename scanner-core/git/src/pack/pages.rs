//! One thread's cache of the parts of a pack that it read last.

use std::io::{self, Read};

use super::{Entry, HEADER, Pack};
use crate::inflate::{DAMAGED, Inflater, Stream, room};
use crate::store::{Part, SHORTER};
use keyradius_core::error::Malformed;

/// Distance between two pages, in bytes: a delta and its base are mostly near each other.
const STRIDE: u64 = 8 << 10;

/// Bytes of a page beyond that distance: an entry that begins in the page and is not longer than this is whole in it.
const OVERLAP: u64 = 2 << 10;

/// Pages that a thread keeps, 5 MiB in all: a walk alternates between a base and its deltas.
const SLOTS: u64 = 512;

/// Longest compressed entry that is read whole, in bytes; a longer one is inflated in pieces.
const LONGEST: u64 = 4 << 20;

/// Enough bytes for every header: a size of nine groups of seven bits, and a base of nine groups or an id of 32 bytes.
const LONGEST_HEADER: u64 = 48;

/// One thread's cache of the parts of a pack that it read last.
#[derive(Debug)]
pub(crate) struct Pages<'p> {
    pack: &'p Pack,
    /// Each page is in the slot of its number modulo [`SLOTS`].
    kept: Vec<Page>,
    /// A range that does not fit into a page.
    long: Page,
}

/// Bytes of a pack from an offset on.
#[derive(Debug, Default)]
struct Page {
    start: u64,
    bytes: Vec<u8>,
}

impl Page {
    /// The range of the page that has a part of the pack.
    fn range(&self, from: u64, length: usize) -> Option<std::ops::Range<usize>> {
        let at = usize::try_from(from.checked_sub(self.start)?).ok()?;
        Some(at..at.checked_add(length)?).filter(|range| range.end <= self.bytes.len())
    }

    /// Reads the page from the pack.
    fn fill(&mut self, pack: &Pack, start: u64, length: u64) -> Result<(), Malformed> {
        let length = length.min(pack.size().saturating_sub(start)) as usize;
        self.start = start;
        self.bytes.resize(length, 0);
        let read = pack.store.read_at(pack.in_file(start), &mut self.bytes);
        self.bytes.truncate(*read.as_ref().unwrap_or(&0));
        read.map(|_| ())
    }
}

impl<'p> Pages<'p> {
    /// An empty cache.
    pub(crate) const fn new(pack: &'p Pack) -> Self {
        Self { pack, kept: Vec::new(), long: Page { start: 0, bytes: Vec::new() } }
    }

    /// The header of the entry at an offset.
    pub(crate) fn entry(&mut self, offset: u64) -> Result<Entry, Malformed> {
        if offset < HEADER {
            return Err(Malformed::new("entry before the first entry", offset as usize));
        }
        let end = offset.saturating_add(LONGEST_HEADER).min(self.pack.end());
        let pack = self.pack;
        pack.entry(offset, self.bytes(offset, end)?)
    }

    /// Inflates an entry. `end` is an offset that its stream must not exceed: that of the next entry, if known. Returns
    /// the offset after the entry.
    pub(crate) fn inflate(
        &mut self,
        entry: &Entry,
        end: Option<u64>,
        inflater: &mut Inflater,
        out: &mut Vec<u8>,
    ) -> Result<u64, Malformed> {
        let last = self.pack.end();
        // zlib adds five bytes to each 16 KiB that it cannot compress; a longer stream is read in pieces.
        let likely = entry.data.saturating_add(entry.size).saturating_add(entry.size / 64 + 128);
        let to = end.unwrap_or(likely).min(last);
        let length = to.saturating_sub(entry.data);
        if length <= LONGEST {
            let read = inflater.exact(self.bytes(entry.data, to)?, entry.size, out);
            match read {
                Ok(read) => return Ok(entry.data + read as u64),
                Err(what) if end.is_some() || to == last => return Err(what),
                Err(_) => {}
            }
        }
        let to = end.unwrap_or(last);
        room(to.saturating_sub(entry.data), entry.size, out)?;
        let mut stream = self.stream(entry, to);
        let damaged = |error: io::Error| Malformed::new(fixed(&error), entry.data as usize);
        stream.read_exact(out).map_err(damaged)?;
        stream.read(&mut [0]).map_err(damaged)?;
        Ok(entry.data + stream.consumed().ok_or(Malformed::new(DAMAGED, entry.data as usize))?)
    }

    /// The content of an entry as a stream.
    pub(crate) fn stream(&self, entry: &Entry, end: u64) -> Stream<Part<'p>> {
        Stream::new(self.pack.part(entry.data, end), entry.size)
    }

    /// Overwrites the cached bytes.
    pub(crate) fn wipe(&mut self) {
        // Pages that were wiped and not read again are empty: a pack full of keys is wiped after each key.
        for page in self.kept.iter_mut().chain([&mut self.long]).filter(|page| !page.bytes.is_empty()) {
            crate::walk::wipe(&mut page.bytes);
            page.bytes.clear();
        }
    }

    /// Whether no byte of the pack is cached.
    #[cfg(test)]
    pub(crate) fn is_empty(&self) -> bool {
        self.kept.iter().chain([&self.long]).all(|page| page.bytes.is_empty())
    }

    /// The bytes between two offsets.
    fn bytes(&mut self, from: u64, to: u64) -> Result<&[u8], Malformed> {
        let length = to.saturating_sub(from);
        if length == 0 {
            return Ok(&[]);
        }
        let start = from - from % STRIDE;
        let fits = to.saturating_sub(start) <= STRIDE + OVERLAP;
        let page = if fits {
            if self.kept.is_empty() {
                self.kept.resize_with(SLOTS as usize, Page::default);
            }
            self.kept.get_mut((from / STRIDE % SLOTS) as usize).unwrap_or(&mut self.long)
        } else {
            &mut self.long
        };
        let length = length as usize;
        if page.range(from, length).is_none() {
            let (start, length) = if fits { (start, STRIDE + OVERLAP) } else { (from, length as u64) };
            page.fill(self.pack, start, length)?;
        }
        let range = page.range(from, length).ok_or(Malformed::new(SHORTER, from as usize))?;
        Ok(page.bytes.get(range).unwrap_or_default())
    }
}

/// The error of a stream, as a fixed text.
fn fixed(error: &io::Error) -> &'static str {
    if error.to_string() == SHORTER { SHORTER } else { DAMAGED }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::made::{self, Folder, PackWriter, noise};
    use keyradius_core::oid::{Format, Kind, ObjectId};

    fn opened(folder: &Folder, made: &PackWriter) -> Pack {
        Pack::open(&made.write(folder), Format::Sha1, &Arc::default()).expect("a pack")
    }

    #[test]
    fn cached_bytes_match_the_file() {
        let folder = Folder::new();
        let mut made = PackWriter::new(Format::Sha1);
        made.whole(Kind::Blob, &noise(1, 5 << 20));
        let (file, pack) = (made.pack(), opened(&folder, &made));
        let (end, far) = (file.len() as u64, STRIDE * SLOTS);
        let mut pages = Pages::new(&pack);
        for (from, to) in [
            (0, 12),
            // In the same slot as the first page.
            (far, far + 12),
            (5, 20),
            (0, STRIDE + OVERLAP),
            (0, STRIDE + OVERLAP + 1),
            (STRIDE - 1, STRIDE + OVERLAP),
            (3, far),
            (end - 1, end),
            (7, 7),
        ] {
            assert!(pages.bytes(from, to) == Ok(&file[from as usize..to as usize]), "{from}..{to}");
        }
        assert!(pages.bytes(end - 1, end + 1).is_err());
    }

    #[test]
    fn long_entries_are_inflated_in_pieces() {
        let folder = Folder::new();
        let content = noise(1, made::STORED_APART);
        let entry = [made::head(3, content.len() as u64), made::stored(&content)].concat();
        let mut made = PackWriter::new(Format::Sha1);
        made.raw(ObjectId::of(Format::Sha1, Kind::Blob, &content), &entry);
        let pack = opened(&folder, &made);
        let mut pages = Pages::new(&pack);
        let entry = pages.entry(HEADER).expect("an entry");
        for end in [None, Some(pack.end())] {
            let mut out = Vec::new();
            assert_eq!(pages.inflate(&entry, end, &mut Inflater::default(), &mut out), Ok(pack.end()));
            assert!(out == content);
        }
    }

    #[test]
    fn unusually_long_streams_are_read_to_their_end() {
        let folder = Folder::new();
        let mut made = PackWriter::new(Format::Sha1);
        // A zlib stream of a thousand empty stored blocks, and one of a single byte.
        let blocks = [0, 0, 0, 0xff, 0xff].repeat(1000);
        let stream = [&[0x78, 0x01][..], &blocks, &[1, 1, 0, 0xfe, 0xff, b'x', 0, 0x79, 0, 0x79]].concat();
        made.raw(ObjectId::of(Format::Sha1, Kind::Blob, b"x"), &[&made::head(3, 1)[..], &stream].concat());
        let (_, next) = made.whole(Kind::Blob, &noise(1, 500));
        let pack = opened(&folder, &made);
        let mut pages = Pages::new(&pack);
        let entry = pages.entry(HEADER).expect("an entry");
        let mut out = Vec::new();
        assert_eq!(pages.inflate(&entry, None, &mut Inflater::default(), &mut out), Ok(next));
        assert_eq!(out, b"x");
    }
}
