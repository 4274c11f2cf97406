//! UBI images: the volumes of a flash chip, spread over erase blocks. The volumes are opened like partitions of a disk.

use std::cmp::Reverse;
use std::sync::Arc;

use keyradius_core::error::{Malformed, Reason};
use keyradius_core::read_at::Cursor;
use keyradius_core::seam::{About, Container, Inside, Magic, Member, Reader, Unopenable};
use keyradius_readers::mapped::{Mapped, Place};
use keyradius_readers::stored::{be16, be32, be64, held, until_zero};

use super::inner::checksum;

/// UBI images.
#[derive(Debug)]
pub(crate) struct Ubi;

static ABOUT: About = About {
    id: "ubi",
    title: "UBI flash image",
    detects: "UBI images (ubinize, dumps of MTD partitions): each volume, put together from its erase blocks, newest \
              first, and opened like a partition. Blocks that no volume refers to are searched as they are.",
    blind_to: "Blocks whose headers fail their checksums, which are searched as they are. Dumps with the spare bytes of \
               NAND pages.",
    respond: "Firmware is on every device that runs it: replace the key, then ship new firmware.",
    references: &["Linux, drivers/mtd/ubi/ubi-media.h"],
};

/// UBI_EC_HDR_MAGIC and UBI_VID_HDR_MAGIC.
const ERASE: &[u8] = b"UBI#";
const VOLUME: &[u8] = b"UBI!";

/// Length of both headers, in bytes. The last four are a checksum of those before.
const HEADER: u64 = 64;

/// The volume with the names of the others (UBI_LAYOUT_VOLUME_ID), and the length of one of its records.
const LAYOUT: u32 = 0x7fff_efff;
const RECORD: usize = 172;

/// Sizes of erase blocks, in bytes: powers of two.
const SMALLEST: u64 = 2 << 10;
const LARGEST: u64 = 4 << 20;

/// Most erase blocks of an image.
const MOST_BLOCKS: u64 = 1 << 20;

/// How many bytes of memory each block takes, twice.
const AROUND: u64 = 96;

impl Container for Ubi {
    fn about(&self) -> &'static About {
        &ABOUT
    }

    fn magics(&self) -> &'static [Magic] {
        &[Magic { at: 0, bytes: ERASE }]
    }

    fn claims(&self, start: &[u8]) -> bool {
        start.get(..HEADER as usize).is_some_and(is_header)
    }

    fn inner(&self) -> &'static [Magic] {
        // With its version, 1, and padding.
        &[Magic { at: 0, bytes: b"UBI#\x01\0\0\0" }]
    }

    fn has_headers(&self) -> bool {
        true
    }

    fn reader(&self) -> Reader {
        Reader::AnyPlace(read)
    }
}

/// Whether a header of an erase block is sound.
fn is_header(header: &[u8]) -> bool {
    header.starts_with(ERASE) && is_sound(header)
}

/// CRC-32 that begins with all ones and is not inverted (`UBI_CRC32_INIT`), of all but its own four bytes.
fn is_sound(header: &[u8]) -> bool {
    let of = header.get(..HEADER as usize - 4).unwrap_or_default();
    be32(header, HEADER as usize - 4) == Some(checksum(of))
}

/// A block of a volume: where its data is, and which copy is newer.
#[derive(Clone, Copy)]
struct Block {
    volume: u32,
    /// Its number in the volume.
    index: u32,
    at: u64,
    sequence: u64,
    /// Length of the data in bytes, for a volume that is written once.
    used: u64,
}

#[allow(clippy::needless_pass_by_value, reason = "the seam hands it over")]
fn read(bytes: Cursor, inside: &mut dyn Inside) -> Result<(), Unopenable> {
    let malformed = Malformed::new("UBI erase block", 0);
    let first = held(&bytes, 0, HEADER, HEADER).filter(|header| is_header(header)).ok_or(malformed)?;
    let (volume_at, data_at) = (be32(&first, 16).map(u64::from), be32(&first, 20).map(u64::from));
    let (Some(volume_at), Some(data_at)) = (volume_at, data_at) else { return Err(malformed.into()) };
    let size = block_size(&bytes).filter(|size| volume_at + HEADER <= data_at && data_at < *size).ok_or(malformed)?;
    let logical = size - data_at;
    let count = (bytes.size() / size).min(MOST_BLOCKS);
    inside.holds(count * AROUND)?;
    let mut blocks = Vec::new();
    let mut damaged = false;
    if bytes.size() / size > count {
        inside.unread(Member { name: b"", at: count * size }, Reason::TooLarge, "erase blocks");
    }
    for number in 0..count {
        let at = number * size;
        let Some(header) = held(&bytes, at + volume_at, HEADER, HEADER).filter(|header| header.starts_with(VOLUME))
        else {
            continue;
        };
        let (Some(volume), Some(index), Some(sequence)) = (be32(&header, 8), be32(&header, 12), be64(&header, 40))
        else {
            continue;
        };
        if !is_sound(&header) || u64::from(index) >= MOST_BLOCKS {
            damaged = true;
            continue;
        }
        let used = be32(&header, 20).map_or(0, u64::from);
        let used = if used == 0 { logical } else { used.min(logical) };
        blocks.push(Block { volume, index, at: at + data_at, sequence, used });
    }
    // Of each block the newest. Of two of one age, the first: either may be what an interrupted write left.
    blocks.sort_by_key(|block| (block.volume, block.index, Reverse(block.sequence)));
    blocks.dedup_by_key(|block| (block.volume, block.index));
    if blocks.is_empty() {
        return Err(Unopenable::Closed(Reason::Damaged, "headers of UBI volumes"));
    }
    if damaged {
        inside.unread(Member { name: b"", at: 0 }, Reason::Damaged, "header of an erase block");
    }
    let layout = blocks.iter().find(|block| block.volume == LAYOUT).copied();
    for blocks in blocks.chunk_by(|one, next| one.volume == next.volume) {
        let Some(last) = blocks.last().filter(|block| block.volume != LAYOUT) else { continue };
        let volume = last.volume;
        let name = layout.and_then(|layout| name(&bytes, layout, volume)).unwrap_or_else(|| volume.to_string().into());
        let (total, at) = (u64::from(last.index) * logical + last.used, last.at);
        let places: Vec<(u32, u64)> = blocks.iter().map(|block| (block.index, block.at)).collect();
        let find = move |number: u64| {
            let place = u32::try_from(number).ok().and_then(|number| {
                places.binary_search_by_key(&number, |(index, _)| *index).ok().and_then(|found| places.get(found))
            });
            // Blocks that were never written do not exist.
            Some(place.map_or(Place::Hole, |(_, at)| Place::At(*at)))
        };
        let content = Cursor::new(Arc::new(Mapped::new(bytes.clone(), total, logical, Box::new(find))));
        if inside.stored(Member { name: &name, at }, content).is_break() {
            break;
        }
    }
    Ok(())
}

/// The size of an erase block: the smallest power of two at which the second one begins.
fn block_size(bytes: &Cursor) -> Option<u64> {
    let sizes = || std::iter::successors(Some(SMALLEST), |size| Some(size * 2)).take_while(|size| *size <= LARGEST);
    let found = sizes().find(|size| held(bytes, *size, HEADER, HEADER).is_some_and(|header| is_header(&header)));
    // A volume of one block.
    found.or_else(|| Some(bytes.size()).filter(|size| (SMALLEST..=LARGEST).contains(size)))
}

/// The name of a volume: `ubi_vtbl_record`.
fn name(bytes: &Cursor, layout: Block, volume: u32) -> Option<Vec<u8>> {
    let at = layout.at.checked_add(u64::from(volume) * RECORD as u64)?;
    let record = held(bytes, at, RECORD as u64, RECORD as u64)?;
    // UBI_VOL_NAME_MAX.
    let length = usize::from(be16(&record, 14).filter(|length| *length <= 127)?);
    let name = until_zero(record.get(16..16 + length)?);
    (!name.is_empty()).then(|| name.to_vec())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::collect::{open, torture};

    fn sealed(mut header: Vec<u8>) -> Vec<u8> {
        header.resize(HEADER as usize - 4, 0);
        let sum = checksum(&header).to_be_bytes();
        [header, sum.to_vec()].concat()
    }

    /// An erase block of 4 KiB: its headers, and the data of a block of a volume.
    fn block(volume: Option<(u32, u32, u64)>, data: &[u8]) -> Vec<u8> {
        let mut all = [&b"UBI#\x01\0\0\0"[..], &[0; 8], &64_u32.to_be_bytes(), &128_u32.to_be_bytes()].concat();
        all = sealed(all);
        if let Some((volume, index, sequence)) = volume {
            let head = [&b"UBI!\x01\x01\0\0"[..], &volume.to_be_bytes(), &index.to_be_bytes(), &[0; 24]].concat();
            all.extend(sealed([head, sequence.to_be_bytes().to_vec()].concat()));
            all.extend_from_slice(data);
        }
        all.resize(4096, 0xff);
        all
    }

    #[test]
    fn volumes_are_put_together_newest_first() {
        let mut record = vec![0; RECORD];
        record[15] = 4;
        record[16..20].copy_from_slice(b"data");
        let image = [
            block(Some((LAYOUT, 0, 1)), &record),
            block(Some((0, 1, 2)), b"second"),
            block(Some((0, 0, 3)), b"old"),
            block(None, b""),
            block(Some((0, 0, 9)), b"first"),
            block(Some((7, 0, 4)), b"other"),
        ]
        .concat();
        let seen = open(&Ubi, &image).unwrap();
        assert_eq!(seen.names(), ["data", "7"]);
        let data = seen.content("data").unwrap();
        assert_eq!(data.len(), 2 * (4096 - 128));
        assert!(data.starts_with(b"first\xff") && data[4096 - 128..].starts_with(b"second\xff"));
        torture(&Ubi, &image, 61);
    }
}
