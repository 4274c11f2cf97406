//! Disks of Hyper-V (`.vhdx`): a table of blocks, found through a table of regions and a table of metadata.

use std::sync::Arc;

use keyradius_core::error::{Malformed, Reason};
use keyradius_core::read_at::Cursor;
use keyradius_core::seam::{About, Container, Inside, Magic, Member, Reader, Unopenable};
use keyradius_readers::mapped::{Mapped, Place, Table};
use keyradius_readers::stored::{held, le16, le32, le64};

/// Disks of Hyper-V.
#[derive(Debug)]
pub(crate) struct Vhdx;

static ABOUT: About = About {
    id: "vhdx",
    title: "Hyper-V disk (VHDX)",
    detects: "Dynamic and fixed disks of Hyper-V; the disk is opened like any other.",
    blind_to: "Differencing disks are read without their parents, which is reported. A log that was not replayed is \
               searched as plain bytes.",
    respond: "Treat the contents as plain text.",
    references: &["[MS-VHDX]"],
};

const MAGIC: &[u8] = b"vhdxfile";

/// Offset of the region table, and length of its head.
const REGIONS: u64 = 192 << 10;

/// GUIDs of the regions: block allocation table, metadata ([MS-VHDX] 2.2.3.2).
const BLOCKS: [u8; 4] = [0x66, 0x77, 0xc2, 0x2d];
const METADATA: [u8; 4] = [0x06, 0xa2, 0x7c, 0x8b];

/// GUIDs of metadata: file parameters, size of the disk, size of logical sectors (2.6.2).
const PARAMETERS: [u8; 4] = [0x37, 0x67, 0xa1, 0xca];
const SIZE: [u8; 4] = [0x24, 0x42, 0xa5, 0x2f];
const SECTOR: [u8; 4] = [0x1d, 0xbf, 0x41, 0x81];

impl Container for Vhdx {
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

/// The entry of a table of regions or metadata whose GUID begins so.
fn entry(table: &[u8], head: usize, guid: [u8; 4]) -> Option<&[u8]> {
    table.get(head..)?.chunks_exact(32).find(|entry| entry.starts_with(&guid))
}

fn read(bytes: Cursor, inside: &mut dyn Inside) -> Result<(), Unopenable> {
    let malformed = Malformed::new("VHDX header", 0);
    let table =
        held(&bytes, REGIONS, 64 << 10, 64 << 10).filter(|table| table.starts_with(b"regi")).ok_or(malformed)?;
    let region = |guid| entry(&table, 16, guid).and_then(|entry| le64(entry, 16)).ok_or(malformed);
    let (blocks, metadata) = (region(BLOCKS)?, region(METADATA)?);
    let list =
        held(&bytes, metadata, 64 << 10, 64 << 10).filter(|list| list.starts_with(b"metadata")).ok_or(malformed)?;
    if le16(&list, 10).is_none_or(|count| count > 2047) {
        return Err(malformed.into());
    }
    let item = |guid, length| {
        let at = le32(entry(&list, 32, guid)?, 16)?;
        held(&bytes, metadata.checked_add(at.into())?, length, length)
    };
    let parameters = item(PARAMETERS, 8).ok_or(malformed)?;
    let (block, flags) = le32(&parameters, 0).zip(le32(&parameters, 4)).ok_or(malformed)?;
    let size = item(SIZE, 8).and_then(|size| le64(&size, 0)).ok_or(malformed)?;
    let sector = item(SECTOR, 4).and_then(|sector| le32(&sector, 0)).ok_or(malformed)?;
    let block = u64::from(block);
    if !(1 << 20..=256 << 20).contains(&block) || !block.is_power_of_two() || !matches!(sector, 512 | 4096) {
        return Err(malformed.into());
    }
    let disk = Member { name: b"", at: 0 };
    if flags & 2 != 0 {
        inside.unread(disk, Reason::Unsupported, "the parent of a differencing disk, in another file");
    }
    // After the entries of as many blocks as a bitmap of 1 MiB has sectors for, comes the entry of the bitmap (2.5).
    let ratio = (1_u64 << 23) * u64::from(sector) / block;
    let entries = Table::new(bytes.clone());
    let find = move |number: u64| {
        let index = number + number.checked_div(ratio)?;
        let coded = u64::from_le_bytes(entries.entry(blocks.checked_add(index.checked_mul(8)?)?)?);
        // PAYLOAD_BLOCK_FULLY_PRESENT and _PARTIALLY_PRESENT; the offset counts in MiB.
        Some(if matches!(coded & 7, 6 | 7) { Place::At((coded >> 20) << 20) } else { Place::Hole })
    };
    let image = Mapped::new(bytes, size, block, Box::new(find));
    let _ = inside.stored(disk, Cursor::new(Arc::new(image)));
    Ok(())
}
