//! Android sparse images, as flashed by `fastboot`. The image inside is one member, which is opened further.

use std::sync::Arc;

use keyradius_core::error::{Malformed, Reason};
use keyradius_core::read_at::Cursor;
use keyradius_core::seam::{About, Container, Inside, Magic, Member, Reader, Unopenable};
use keyradius_readers::mapped::{Mapped, Place};
use keyradius_readers::stored::{array, held, le16, le32};

/// Android sparse images.
#[derive(Debug)]
pub(crate) struct AndroidSparse;

static ABOUT: About = About {
    id: "android_sparse",
    title: "Android sparse image",
    detects: "The image in Android sparse images: system, vendor and data partitions as flashed.",
    blind_to: "An image that is split into several files is read file by file. Checksums are not verified.",
    respond: "Firmware is on every device that runs it: replace the key, then ship new firmware.",
    references: &["AOSP system/core/libsparse/sparse_format.h"],
};

/// sparse_format.h: SPARSE_HEADER_MAGIC.
const MAGIC: &[u8] = &[0x3a, 0xff, 0x26, 0xed];

impl Container for AndroidSparse {
    fn about(&self) -> &'static About {
        &ABOUT
    }

    fn magics(&self) -> &'static [Magic] {
        &[Magic { at: 0, bytes: MAGIC }]
    }

    fn reader(&self) -> Reader {
        Reader::AnyPlace(read)
    }
}

/// Consecutive blocks of the image from `first` on, and their contents.
struct Chunk {
    first: u64,
    place: Place,
}

fn read(bytes: Cursor, inside: &mut dyn Inside) -> Result<(), Unopenable> {
    let malformed = Malformed::new("Android sparse header", 0);
    let header = held(&bytes, 0, 28, 28).ok_or(malformed)?;
    let half = |at| le16(&header, at).map(u64::from).ok_or(malformed);
    let word = |at| le32(&header, at).map(u64::from).ok_or(malformed);
    let (block, blocks, count) = (word(12)?, word(16)?, word(20)?);
    let (file_header, chunk_header) = (half(8)?, half(10)?);
    if half(4)? != 1 || file_header < 28 || chunk_header < 12 || block == 0 || block % 4 != 0 || blocks == 0 {
        return Err(malformed.into());
    }
    // A chunk takes at least 12 bytes of the file, and less than four times that in memory.
    if bytes.size() / 12 * size_of::<Chunk>() as u64 > inside.memory() && count * 48 > inside.memory() {
        return Err(Reason::TooLarge.into());
    }
    let disk = Member { name: b"", at: 0 };
    let (mut chunks, mut at, mut first) = (Vec::new(), file_header, 0);
    for _ in 0..count {
        let Some(chunk) = held(&bytes, at, 12, 12) else {
            inside.unread(disk, Reason::Damaged, "cut off");
            break;
        };
        let (Some(kind), Some(length), Some(total)) = (le16(&chunk, 0), le32(&chunk, 4), le32(&chunk, 8)) else {
            break;
        };
        let place = match kind {
            0xcac1 => Place::At(at + chunk_header),
            0xcac2 => {
                held(&bytes, at + chunk_header, 4, 4).and_then(|fill| array(&fill, 0)).map_or(Place::Hole, Place::Fill)
            }
            // Other chunks have no data in the image; a checksum has no blocks either.
            _ => Place::Hole,
        };
        if kind != 0xcac4 {
            chunks.push(Chunk { first, place });
            first += u64::from(length);
        }
        if u64::from(total) < chunk_header {
            inside.unread(disk, Reason::Damaged, "chunk");
            break;
        }
        at += u64::from(total);
    }
    let find = move |number: u64| {
        let chunk = chunks.get(chunks.partition_point(|chunk| chunk.first <= number).checked_sub(1)?)?;
        Some(match chunk.place {
            Place::At(at) => Place::At(at.checked_add((number - chunk.first).checked_mul(block)?)?),
            other => other,
        })
    };
    let image = Mapped::new(bytes, first.min(blocks) * block, block, Box::new(find));
    let _ = inside.stored(disk, Cursor::new(Arc::new(image)));
    Ok(())
}
