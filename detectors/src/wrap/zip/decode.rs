//! The methods by which members are packed (APPNOTE 4.4.5).

use std::io::{BufReader, Read};

use flate2::bufread::DeflateDecoder;
use scanner_core::error::Reason;

use super::super::compressed::READ;

/// A decoder of a method, which may hold so many bytes in memory.
pub(super) fn decoder<'r>(method: u16, content: &'r mut dyn Read, memory: u64) -> Result<Box<dyn Read + 'r>, Reason> {
    let most = u32::try_from(memory >> 10).unwrap_or(u32::MAX);
    Ok(match method {
        0 => Box::new(content),
        8 => Box::new(DeflateDecoder::new(BufReader::with_capacity(READ, content))),
        9 => Box::new(deflate64::Deflate64Decoder::new(content)),
        12 => Box::new(bzip2::bufread::BzDecoder::new(BufReader::with_capacity(READ, content))),
        14 => lzma(content, most)?,
        93 | 20 => {
            let mut decoder = zstd::stream::read::Decoder::new(content).map_err(|_| Reason::Damaged)?;
            decoder.window_log_max(memory.checked_ilog2().unwrap_or(10).min(27)).map_err(|_| Reason::Unsupported)?;
            Box::new(decoder)
        }
        95 => Box::new(lzma_rust2::XzReader::new_mem_limit(BufReader::with_capacity(READ, content), true, most)),
        _ => return Err(Reason::Unsupported),
    })
}

/// LZMA in a ZIP: the version of the SDK, the length of the properties (5), the properties (APPNOTE 5.8.8).
fn lzma<'r>(content: &'r mut dyn Read, most: u32) -> Result<Box<dyn Read + 'r>, Reason> {
    let mut head = [0; 9];
    content.read_exact(&mut head).map_err(|_| Reason::Damaged)?;
    let [_, _, 5, 0, properties, d0, d1, d2, d3] = head else { return Err(Reason::Unsupported) };
    let dictionary = u32::from_le_bytes([d0, d1, d2, d3]);
    if dictionary >> 10 > most {
        return Err(Reason::Unsupported);
    }
    let input = BufReader::with_capacity(READ, content);
    let decoder = lzma_rust2::LzmaReader::new_with_props(input, u64::MAX, properties, dictionary, None);
    Ok(Box::new(decoder.map_err(|_| Reason::Damaged)?))
}
