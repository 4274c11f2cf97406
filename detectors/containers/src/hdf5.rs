//! HDF5 files (`.h5`, `.hdf5`, Keras models, NetCDF 4): chunks of arrays that are compressed by zlib.
//!
//! The chunks are found by their headers, in the order of the file, and joined: a long text is split over chunks that
//! were written one after another.

use std::io::{self, Read};

use flate2::bufread::ZlibDecoder;
use keyradius_core::read_at::Cursor;
use keyradius_core::seam::{About, Container, Inside, Magic, Member, Reader, Unopenable};

use super::inner::{decodes, is_zlib};

/// HDF5 files.
#[derive(Debug)]
pub(crate) struct Hdf5;

static ABOUT: About = About {
    id: "hdf5",
    title: "HDF5 file",
    detects: "HDF5 files: chunks compressed by zlib, in the order of the file. What is stored is searched as it is.",
    blind_to: "Names of data sets. Other filters: szip, LZF, Blosc, and shuffled bytes.",
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
    if chunks.next()? {
        let _ = inside.member(Member { name: b"chunks", at: chunks.at }, &mut chunks);
    }
    Ok(())
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
