//! The common part of virtual disks: an image in blocks that are anywhere in a file, compressed or not, or absent. It
//! is presented as one range of bytes with random access, so that partitions and file systems in it are opened without
//! holding it in memory.

use std::io::{self, Read};
use std::sync::{Mutex, PoisonError};

use keyradius_core::read_at::{Cursor, ReadAt};

use crate::stored::{held, held_table};

/// The location of a block of the image.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Place {
    /// Absent: zero bytes.
    Hole,
    /// Uncompressed in the file, from this byte on.
    At(u64),
    /// Compressed in the file: method, offset, length in bytes.
    Packed(Packing, u64, u64),
    /// Four bytes, repeated.
    Fill([u8; 4]),
}

/// The compression of a block.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Packing {
    /// Raw Deflate.
    Deflate,
    /// Deflate with a zlib header.
    Zlib,
    /// A frame of Zstandard.
    Zstd,
}

/// Finds a block by its number. `None` if the mapping is damaged.
pub(crate) type Finder = Box<dyn Fn(u64) -> Option<Place> + Send + Sync>;

/// An image in blocks.
pub struct Mapped {
    pub(crate) file: Cursor,
    /// Size of the image in bytes.
    pub(crate) size: u64,
    /// Size of a block in bytes. The last block may be shorter.
    pub(crate) block: u64,
    pub(crate) find: Finder,
    /// The block that was decompressed last.
    pub(crate) last: Mutex<Option<(u64, Vec<u8>)>>,
}

impl Mapped {
    /// `file` seen through `find`: `size` bytes in all, in blocks of `block` bytes.
    pub fn new(file: Cursor, size: u64, block: u64, find: Finder) -> Self {
        Self { file, size, block, find, last: Mutex::default() }
    }

    /// Passes a compressed block to `then`. Decompresses it only if it is not the previous one.
    fn unpacked(&self, number: u64, packing: Packing, at: u64, length: u64, then: impl FnOnce(&[u8])) -> Option<()> {
        let mut last = self.last.lock().unwrap_or_else(PoisonError::into_inner);
        if last.as_ref().is_none_or(|(kept, _)| *kept != number) {
            let packed = held(&self.file, at, length.min(self.file.size().checked_sub(at)?), self.block + 4096)?;
            let from: &mut dyn Read = match packing {
                Packing::Deflate => &mut flate2::read::DeflateDecoder::new(packed.as_slice()),
                Packing::Zlib => &mut flate2::read::ZlibDecoder::new(packed.as_slice()),
                Packing::Zstd => &mut zstd::stream::read::Decoder::with_buffer(packed.as_slice()).ok()?.single_frame(),
            };
            let mut block = Vec::new();
            from.take(self.block).read_to_end(&mut block).ok()?;
            *last = Some((number, block));
        }
        then(last.as_ref().map(|(_, block)| block.as_slice())?);
        Some(())
    }
}

impl ReadAt for Mapped {
    fn size(&self) -> u64 {
        self.size
    }

    fn read_at(&self, at: u64, into: &mut [u8]) -> io::Result<usize> {
        let (Some(number), Some(inner)) = (at.checked_div(self.block), at.checked_rem(self.block)) else {
            return Ok(0);
        };
        let most = (self.block - inner).min(self.size.saturating_sub(at));
        let length = usize::try_from(most).unwrap_or(usize::MAX).min(into.len());
        let Some(into) = into.get_mut(..length).filter(|into| !into.is_empty()) else { return Ok(0) };
        let damaged = || io::Error::new(io::ErrorKind::InvalidData, "damaged block");
        match (self.find)(number).ok_or_else(damaged)? {
            Place::Hole => into.fill(0),
            Place::Fill(bytes) => {
                for (byte, filled) in into.iter_mut().zip(bytes.iter().cycle().skip((inner % 4) as usize)) {
                    *byte = *filled;
                }
            }
            Place::At(place) => {
                let read = self.file.read_from(place.saturating_add(inner), into)?;
                if read == 0 {
                    return Err(io::Error::new(io::ErrorKind::UnexpectedEof, "cut off"));
                }
                return Ok(read);
            }
            Place::Packed(packing, place, packed) => {
                let copy = |block: &[u8]| {
                    // Missing bytes at the end of a decompressed block are zero.
                    let from = usize::try_from(inner).ok().and_then(|inner| block.get(inner..)).unwrap_or_default();
                    let there = from.len().min(into.len());
                    if let (Some(head), Some(from)) = (into.get_mut(..there), from.get(..there)) {
                        head.copy_from_slice(from);
                    }
                    if let Some(tail) = into.get_mut(there..) {
                        tail.fill(0);
                    }
                };
                self.unpacked(number, packing, place, packed, copy).ok_or_else(damaged)?;
            }
        }
        Ok(length)
    }
}

/// A table in a file. One page is cached, because callers usually ask for the next entry.
pub struct Table {
    file: Cursor,
    page: Mutex<(u64, Vec<u8>)>,
}

/// Size of the cached page in bytes.
const PAGE: u64 = 4096;

impl Table {
    /// A table of which nothing was read yet.
    pub fn new(file: Cursor) -> Self {
        Self { file, page: Mutex::default() }
    }

    /// Reads `N` bytes at an offset, a multiple of `N`.
    pub fn entry<const N: usize>(&self, at: u64) -> Option<[u8; N]> {
        let mut page = self.page.lock().unwrap_or_else(PoisonError::into_inner);
        let start = at - at % PAGE;
        if page.0 != start || page.1.is_empty() {
            let length = PAGE.min(self.file.size().checked_sub(start)?);
            *page = (start, held_table(&self.file, start, length, PAGE)?);
        }
        let place = usize::try_from(at - start).ok()?;
        match page.1.get(place..place.checked_add(N)?) {
            Some(entry) => entry.try_into().ok(),
            // The entry crosses the end of a page.
            None => held_table(&self.file, at, N as u64, N as u64)?.try_into().ok(),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use keyradius_core::read_at::Held;

    use super::*;

    #[test]
    fn blocks_of_every_kind_at_every_offset() {
        let mut packed = flate2::write::DeflateEncoder::new(Vec::new(), flate2::Compression::best());
        io::Write::write_all(&mut packed, b"packed").unwrap();
        let packed = packed.finish().unwrap();
        let length = packed.len() as u64;
        let file = Cursor::new(Arc::new(Held::new([b"0123456789abcdef".as_slice(), &packed].concat())));
        let find = move |number| {
            Some(match number {
                0 => Place::At(4),
                1 => Place::Hole,
                2 => Place::Fill(*b"wxyz"),
                3 => Place::Packed(Packing::Deflate, 16, length),
                _ => return None,
            })
        };
        let image = Mapped::new(file, 36, 8, Box::new(find));
        let whole = b"456789ab\0\0\0\0\0\0\0\0wxyzwxyzpacked\0\0";
        for at in 0..32 {
            for length in 1..9 {
                let mut bytes = vec![b'?'; length];
                let read = image.read_at(at as u64, &mut bytes).unwrap();
                assert_eq!(bytes[..read], whole[at..at + read], "{at} {length}");
                assert!(read > 0);
            }
        }
        assert!(image.read_at(33, &mut [0]).is_err(), "a damaged mapping is an error");
        assert_eq!(image.read_at(36, &mut [0]).unwrap(), 0);
    }

    #[test]
    fn table_entries_may_cross_pages() {
        let bytes: Vec<u8> = (0..9000_u32).map(|byte| byte as u8).collect();
        let table = Table::new(Cursor::new(Arc::new(Held::new(bytes))));
        for at in [0, 8, 4088, 4092, 4096, 8990] {
            assert_eq!(table.entry::<8>(at), Some(std::array::from_fn(|i| (at as usize + i) as u8)), "{at}");
        }
        assert_eq!(table.entry::<8>(8999), None);
        assert_eq!(table.entry::<4>(u64::MAX - 8), None);
    }
}
