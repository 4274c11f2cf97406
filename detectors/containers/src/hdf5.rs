//! HDF5 files (`.h5`, `.hdf5`, Keras models, NetCDF 4): chunks of arrays that are compressed by zlib.
//!
//! The chunks are found by their headers, in the order of the file, and joined: a long text is split over chunks that
//! were written one after another.

use std::io::{self, Read};

use flate2::bufread::ZlibDecoder;
use keyradius_core::error::Reason;
use keyradius_core::read_at::Cursor;
use keyradius_core::seam::{About, Container, Inside, Magic, Member, Reader, Unopenable};
use keyradius_readers::stored::{held, le16, le32, le64};

use super::compressed::blocks;
use super::inner::{decodes, is_zlib};

/// HDF5 files.
#[derive(Debug)]
pub(crate) struct Hdf5;

static ABOUT: About = About {
    id: "hdf5",
    title: "HDF5 file",
    detects: "HDF5 files: chunks compressed by zlib, in the order of the file, and chunks of LZF in the order of their \
              index. What is stored is searched as it is.",
    blind_to: "Names of data sets. Other filters: szip, Blosc, and shuffled bytes.",
    respond: "Treat the contents as plain text.",
    references: &["HDF5 File Format Specification 3.0"],
};

const MAGIC: &[u8] = b"\x89HDF\r\n\x1a\n";

/// How many bytes are searched for headers at once, and how many of them a trial gets.
const WINDOW: usize = 256 << 10;
const TRIAL: usize = 4 << 10;

impl Container for Hdf5 {
    fn about(&self) -> &'static About {
        &ABOUT
    }

    fn magics(&self) -> &'static [Magic] {
        // After a user block of some powers of two.
        &[Magic { at: 0, bytes: MAGIC }, Magic { at: 512, bytes: MAGIC }, Magic { at: 1024, bytes: MAGIC }]
    }

    /// Streams are looked for while they are read.
    fn is_exact(&self) -> bool {
        false
    }

    fn reader(&self) -> Reader {
        Reader::AnyPlace(read)
    }
}

#[allow(clippy::needless_pass_by_value, reason = "the seam hands it over")]
fn read(bytes: Cursor, inside: &mut dyn Inside) -> Result<(), Unopenable> {
    let mut chunks = Streams { bytes: &bytes, at: 0, decoder: None };
    if chunks.next()? && inside.member(Member { name: b"chunks", at: chunks.at }, &mut chunks).is_break() {
        return Ok(());
    }
    lzf(&bytes, inside)?;
    Ok(())
}

/// The name of the filter of LZF, as h5py and PyTables register it.
const LZF: &[u8] = b"lzf\0";

/// A node of a B-tree of chunks: its signature and type, before its level (III.A.1).
const NODE: &[u8] = b"TREE\x01";

/// Length of the head of a node, most entries of one, and most dimensions of an array (IV.A.2.b).
const NODE_HEAD: u64 = 24;
const MOST_ENTRIES: usize = 1 << 12;
const DIMENSIONS: u64 = 32;

/// Most chunks, and largest chunk, compressed and not, in bytes.
const MOST_CHUNKS: usize = 1 << 18;
const MOST_CHUNK: u32 = 16 << 20;

/// Hands out what chunks of LZF contain, one member a node of an index. Says so if there are chunks without an index that
/// is read.
fn lzf(bytes: &Cursor, inside: &mut dyn Inside) -> Result<(), Unopenable> {
    let (mut has_filter, mut nodes) = (None, Vec::new());
    let (mut at, mut window) = (0, vec![0; WINDOW]);
    loop {
        let read = bytes.read_from(at, &mut window).unwrap_or_default();
        let held = window.get(..read).unwrap_or_default();
        has_filter = has_filter.or_else(|| memchr::memmem::find(held, LZF).map(|found| at + found as u64));
        nodes.extend(memchr::memmem::find_iter(held, NODE).map(|found| at + found as u64));
        if read < WINDOW || nodes.len() > MOST_CHUNKS {
            break;
        }
        // What lies across the border.
        at += (WINDOW - NODE.len()) as u64;
    }
    let Some(filter) = has_filter else { return Ok(()) };
    nodes.dedup();
    inside.holds(3 * u64::from(MOST_CHUNK))?;
    let mut is_read = false;
    for node in nodes {
        let Some(entries) = entries(bytes, node) else { continue };
        let mut chunks = Chunks { bytes, entries: entries.into_iter(), out: io::Cursor::default() };
        // The first one tells whether this is an array of LZF.
        if chunks.next().is_none() {
            continue;
        }
        is_read = true;
        if inside.member(Member { name: b"lzf", at: node }, &mut chunks).is_break() {
            return Ok(());
        }
    }
    if !is_read {
        inside.unread(Member { name: b"lzf", at: filter }, Reason::Unsupported, "chunks of LZF without a B-tree");
    }
    Ok(())
}

/// The chunks of a node: size, whether filters were left out, and offset.
fn entries(bytes: &Cursor, node: u64) -> Option<Vec<(u32, u32, u64)>> {
    let head = held(bytes, node, NODE_HEAD, NODE_HEAD)?;
    let count = usize::from(le16(&head, 6)?);
    if head.get(5) != Some(&0) || !(1..=MOST_ENTRIES).contains(&count) {
        return None;
    }
    // A key has an offset for each dimension and one, which is zero, for the bytes of an element.
    (1..=DIMENSIONS).find_map(|dimensions| {
        let entry = 8 + 8 * (dimensions + 1) + 8;
        let table = held(bytes, node + NODE_HEAD, entry * count as u64, entry * MOST_ENTRIES as u64)?;
        let read = |entry: &[u8]| {
            let (size, left_out, offset) = (le32(entry, 0)?, le32(entry, 4)?, le64(entry, entry.len() - 8)?);
            let is_chunk = (1..=MOST_CHUNK).contains(&size)
                && left_out < 1 << 8
                && le64(entry, entry.len() - 16) == Some(0)
                && offset.checked_add(size.into())? <= bytes.size();
            is_chunk.then_some((size, left_out, offset))
        };
        table.chunks_exact(usize::try_from(entry).ok()?).map(read).collect()
    })
}

/// Chunks of LZF, as one stream.
struct Chunks<'b> {
    bytes: &'b Cursor,
    entries: std::vec::IntoIter<(u32, u32, u64)>,
    out: io::Cursor<Vec<u8>>,
}

impl Chunks<'_> {
    /// Decompresses the next chunk.
    fn next(&mut self) -> Option<()> {
        let (size, left_out, offset) = self.entries.next()?;
        let chunk = held(self.bytes, offset, size.into(), MOST_CHUNK.into())?;
        let out = if left_out > 0 { chunk } else { blocks::lzf(&chunk, MOST_CHUNK as usize)? };
        self.out = io::Cursor::new(out);
        Some(())
    }
}

impl Read for Chunks<'_> {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        loop {
            let read = self.out.read(into)?;
            if read > 0 || into.is_empty() || self.entries.len() == 0 {
                return Ok(read);
            }
            self.next().ok_or(io::ErrorKind::InvalidData)?;
        }
    }
}

/// Every zlib stream of a file, as one stream.
struct Streams<'b> {
    bytes: &'b Cursor,
    /// Offset of the current stream, or of what is searched next.
    at: u64,
    decoder: Option<ZlibDecoder<io::BufReader<Cursor>>>,
}

impl Streams<'_> {
    /// Finds the next stream. Returns whether there is one.
    fn next(&mut self) -> Result<bool, keyradius_core::error::Malformed> {
        let mut window = vec![0; WINDOW];
        loop {
            let read = self.bytes.read_from(self.at, &mut window);
            let held = window.get(..read.unwrap_or_default()).unwrap_or_default();
            let is_last = held.len() < WINDOW;
            // What begins near the end is tried in the next window.
            let end = if is_last { held.len() } else { WINDOW - TRIAL };
            let found = memchr::memchr_iter(0x78, held.get(..end).unwrap_or_default()).find(|at| {
                let start = held.get(*at..held.len().min(at + TRIAL)).unwrap_or_default();
                matches!(start, [_, 1 | 0x5e | 0x9c | 0xda, ..]) && is_zlib(start) && decodes(ZlibDecoder::new(start))
            });
            if let Some(at) = found {
                self.at += at as u64;
                let part = self.bytes.part(self.at, u64::MAX);
                self.decoder = Some(ZlibDecoder::new(io::BufReader::with_capacity(16 << 10, part)));
                return Ok(true);
            }
            if is_last {
                return Ok(false);
            }
            self.at += end as u64;
        }
    }
}

impl Read for Streams<'_> {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        while let Some(decoder) = &mut self.decoder {
            // What only looked like a stream is searched as it is.
            match decoder.read(into) {
                Ok(read) if read > 0 || into.is_empty() => return Ok(read),
                Ok(_) => self.at += decoder.total_in().max(2),
                Err(_) => self.at += 2,
            }
            self.decoder = None;
            if !self.next().unwrap_or(false) {
                break;
            }
        }
        Ok(0)
    }
}
