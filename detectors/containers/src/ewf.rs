//! Expert Witness disk images (`.E01`, EnCase, FTK, ewfacquire): a disk in chunks, each compressed by zlib or stored.

use std::sync::Arc;

use keyradius_core::error::{Malformed, Reason};
use keyradius_core::read_at::Cursor;
use keyradius_core::seam::{About, Container, Inside, Magic, Member, Reader, Unopenable};
use keyradius_readers::mapped::{Mapped, Packing, Place, Table};
use keyradius_readers::stored::{held, le32, le64, until_zero};

/// Expert Witness images.
#[derive(Debug)]
pub(crate) struct Ewf;

static ABOUT: About = About {
    id: "ewf",
    title: "Expert Witness disk image (E01)",
    detects: "Expert Witness images, version 1: the disk is opened like any other. Of an image in several files, each \
              file is opened by itself.",
    blind_to: "File systems that continue in the next file of an image. Version 2 (`.Ex01`) and logical images (`.L01`) \
               are reported as not read.",
    respond: "Treat the contents as plain text.",
    references: &["libewf, Expert Witness Compression Format specification"],
};

/// The signatures of segment files: images of version 1, logical images, and version 2.
const MAGIC: &[u8] = b"EVF\x09\x0d\x0a\xff\0";
const LOGICAL: &[u8] = b"LVF\x09\x0d\x0a\xff\0";
const SECOND: &[u8] = b"EVF2\x0d\x0a\x81\0";

/// Lengths of the file header and of the header of a section, in bytes.
const HEADER: u64 = 13;
const SECTION: u64 = 76;

/// Most sections of a file, and most chunks of all its tables.
const MOST_SECTIONS: usize = 1 << 16;
const MOST_CHUNKS: u64 = 1 << 26;

impl Container for Ewf {
    fn about(&self) -> &'static About {
        &ABOUT
    }

    fn magics(&self) -> &'static [Magic] {
        &[Magic { at: 0, bytes: MAGIC }, Magic { at: 0, bytes: LOGICAL }, Magic { at: 0, bytes: SECOND }]
    }

    fn reader(&self) -> Reader {
        Reader::AnyPlace(read)
    }
}

/// A table of chunks: the number of its first chunk, the number of chunks, where its entries are, what they count from.
#[derive(Clone, Copy)]
struct Chunks {
    first: u64,
    count: u64,
    entries: u64,
    base: u64,
    /// Where the section with their data ends.
    end: u64,
}

#[allow(clippy::needless_pass_by_value, reason = "the seam hands it over")]
fn read(bytes: Cursor, inside: &mut dyn Inside) -> Result<(), Unopenable> {
    let malformed = Malformed::new("section of an Expert Witness image", 0);
    let disk = Member { name: b"", at: 0 };
    let start = held(&bytes, 0, 8, 8).ok_or(malformed)?;
    if start != MAGIC {
        return Err(Unopenable::Closed(Reason::Unsupported, "an Expert Witness image of another kind"));
    }
    let (mut tables, mut at, mut chunk, mut data_end) = (Vec::new(), HEADER, 32_768, 0);
    let (mut chunks, mut whole) = (0, false);
    for _ in 0..MOST_SECTIONS {
        let Some(section) = held(&bytes, at, SECTION, SECTION) else { break };
        let (Some(next), Some(size)) = (le64(&section, 16), le64(&section, 24)) else { break };
        let content = at + SECTION;
        match until_zero(section.get(..16).unwrap_or_default()) {
            b"volume" | b"disk" => {
                let volume = held(&bytes, content, 16, 16).ok_or(malformed)?;
                let sectors = le32(&volume, 8).zip(le32(&volume, 12)).ok_or(malformed)?;
                chunk = u64::from(sectors.0).saturating_mul(sectors.1.into());
                if !(512..=16 << 20).contains(&chunk) {
                    return Err(malformed.into());
                }
            }
            b"sectors" => data_end = at.saturating_add(size),
            b"table" => {
                let head = held(&bytes, content, 24, 24).ok_or(malformed)?;
                let count = le32(&head, 0).map_or(0, u64::from);
                let base = le64(&head, 8).unwrap_or_default();
                chunks += count;
                if chunks > MOST_CHUNKS {
                    return Err(malformed.into());
                }
                tables.push(Chunks { first: chunks - count, count, entries: content + 24, base, end: data_end });
            }
            b"done" | b"next" => {
                whole = true;
                break;
            }
            _ => {}
        }
        if next <= at {
            break;
        }
        at = next;
    }
    if tables.is_empty() {
        return Err(malformed.into());
    }
    if !whole {
        inside.unread(disk, Reason::Damaged, "sections");
    }
    let entries = Table::new(bytes.clone());
    let find = move |number: u64| {
        let table = tables.get(tables.partition_point(|table| table.first <= number).checked_sub(1)?)?;
        let index = number.checked_sub(table.first).filter(|index| *index < table.count)?;
        let entry = |index: u64| Some(u32::from_le_bytes(entries.entry(table.entries.checked_add(4 * index)?)?));
        let coded = entry(index)?;
        let offset = |coded: u32| table.base.saturating_add(u64::from(coded & 0x7fff_ffff));
        let at = offset(coded);
        let end = if index + 1 < table.count { offset(entry(index + 1)?) } else { table.end };
        // The highest bit says that the chunk is compressed. An old image has no end of its data.
        Some(if coded >> 31 == 1 {
            let length = end.checked_sub(at).filter(|length| *length > 0).unwrap_or(chunk);
            Place::Packed(Packing::Zlib, at, length.min(chunk + 4096))
        } else {
            Place::At(at)
        })
    };
    let image = Mapped::new(bytes, chunks.saturating_mul(chunk), chunk, Box::new(find));
    let _ = inside.stored(disk, Cursor::new(Arc::new(image)));
    Ok(())
}
