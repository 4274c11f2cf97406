//! The compression methods of members (APPNOTE 4.4.5).

use std::io::{self, BufReader, Read};

use flate2::bufread::DeflateDecoder;
use keyradius_core::error::Reason;
use keyradius_core::read_at::Cursor;
use keyradius_core::seam::Inside;

use super::super::compressed::{BZIP2, READ, xz_dictionary, zstd_memory, zstd_window};

/// A decoder of one member.
pub(super) struct Decoder<'r> {
    method: Method<'r>,
    /// Whether the decoder reported an error.
    pub(super) failed: bool,
}

enum Method<'r> {
    Deflate(DeflateDecoder<BufReader<&'r mut Cursor>>),
    Other(Box<dyn Read + 'r>),
}

impl<'r> Decoder<'r> {
    /// Creates a decoder. Its memory is taken from `inside`. The error is the reason why decoding is impossible.
    pub(super) fn new(
        method: u16,
        content: &'r mut Cursor,
        inside: &mut dyn Inside,
    ) -> Result<Self, (Reason, &'static str)> {
        const METHOD: &str = "compression method";
        let unsupported = |_| (Reason::Unsupported, METHOD);
        let damaged = |_| (Reason::Damaged, METHOD);
        let mut hold = |bytes| inside.holds(bytes).map_err(|reason| (reason, "dictionary"));
        let mut start = [0; 64];
        let read = content.read_from(0, &mut start).unwrap_or_default();
        let start = start.get(..read).unwrap_or_default();
        let other: Box<dyn Read + 'r> = match method {
            0 => Box::new(content),
            8 => {
                let decoder = DeflateDecoder::new(BufReader::with_capacity(READ, content));
                return Ok(Self { method: Method::Deflate(decoder), failed: false });
            }
            9 => Box::new(deflate64::Deflate64Decoder::new(content)),
            12 => {
                hold(BZIP2)?;
                Box::new(bzip2::bufread::BzDecoder::new(BufReader::with_capacity(READ, content)))
            }
            14 => {
                let (properties, dictionary) = lzma(start).ok_or((Reason::Unsupported, METHOD))?;
                hold(dictionary.into())?;
                content.read_exact(&mut [0; LZMA_HEADER]).map_err(damaged)?;
                let input = BufReader::with_capacity(READ, content);
                let decoder = lzma_rust2::LzmaReader::new_with_props(input, u64::MAX, properties, dictionary, None);
                Box::new(decoder.map_err(|_| (Reason::Damaged, METHOD))?)
            }
            93 | 20 => {
                let window = zstd_window(start);
                hold(zstd_memory(window))?;
                let mut decoder = zstd::stream::read::Decoder::new(content).map_err(damaged)?;
                decoder.window_log_max(window.ilog2()).map_err(unsupported)?;
                Box::new(decoder)
            }
            95 => {
                let dictionary = xz_dictionary(start);
                hold(dictionary)?;
                let most = u32::try_from(dictionary.div_ceil(1 << 10)).unwrap_or(u32::MAX);
                Box::new(lzma_rust2::XzReader::new_mem_limit(BufReader::with_capacity(READ, content), true, most))
            }
            _ => return Err((Reason::Unsupported, METHOD)),
        };
        Ok(Self { method: Method::Other(other), failed: false })
    }

    /// Returns the number of compressed bytes used, if the decoder counts them.
    pub(super) fn used(&self) -> Option<u64> {
        match &self.method {
            Method::Deflate(decoder) => Some(decoder.total_in()),
            Method::Other(_) => None,
        }
    }
}

impl Read for Decoder<'_> {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        let read = match &mut self.method {
            Method::Deflate(decoder) => decoder.read(into),
            Method::Other(decoder) => decoder.read(into),
        };
        self.failed |= read.is_err();
        read
    }
}

/// Version of the SDK, length of the properties, properties (APPNOTE 5.8.8).
const LZMA_HEADER: usize = 9;

/// Reads the properties and the dictionary size of LZMA in a ZIP.
fn lzma(start: &[u8]) -> Option<(u8, u32)> {
    match *start {
        [_, _, 5, 0, properties, d0, d1, d2, d3, ..] => Some((properties, u32::from_le_bytes([d0, d1, d2, d3]))),
        _ => None,
    }
}
