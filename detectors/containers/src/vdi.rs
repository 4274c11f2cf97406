//! Disks of VirtualBox (`.vdi`): blocks of 1 MiB that are anywhere in the file.

use std::sync::Arc;

use keyradius_core::error::{Malformed, Reason};
use keyradius_core::read_at::Cursor;
use keyradius_core::seam::{About, Container, Inside, Magic, Member, Reader, Unopenable};
use keyradius_readers::mapped::{Mapped, Place, Table};
use keyradius_readers::stored::{held, le32, le64};

/// Disks of VirtualBox.
#[derive(Debug)]
pub(crate) struct Vdi;

static ABOUT: About = About {
    id: "vdi",
    title: "VirtualBox disk (VDI)",
    detects: "Dynamic and fixed disks of VirtualBox; the disk is opened like any other.",
    blind_to: "Differencing disks are read without their parents, which is reported.",
    respond: "Treat the contents as plain text.",
    references: &["VirtualBox, src/VBox/Storage/VDICore.h"],
};

/// VDI_IMAGE_SIGNATURE, after 64 bytes of text.
const MAGIC: &[u8] = &[0x7f, 0x10, 0xda, 0xbe];

/// Numbers of blocks that are absent: VDI_IMAGE_BLOCK_FREE and _ZERO.
const ABSENT: u32 = u32::MAX - 1;

impl Container for Vdi {
    fn about(&self) -> &'static About {
        &ABOUT
    }

    fn magics(&self) -> &'static [Magic] {
        &[Magic { at: 0x40, bytes: MAGIC }]
    }

    fn reader(&self) -> Reader {
        Reader::AnyPlace(read)
    }
}

fn read(bytes: Cursor, inside: &mut dyn Inside) -> Result<(), Unopenable> {
    let malformed = Malformed::new("VDI header", 0);
    let header = held(&bytes, 0, 0x188, 0x188).ok_or(malformed)?;
    let word = |at| le32(&header, at).ok_or(malformed);
    // Version 1.1: kind, offsets of the map and the data, size of the disk, size and number of blocks.
    let (version, kind, map, data) = (word(0x44)?, word(0x4c)?, word(0x154)?, word(0x158)?);
    let size = le64(&header, 0x170).ok_or(malformed)?;
    let (block, extra, count) = (u64::from(word(0x178)?), u64::from(word(0x17c)?), u64::from(word(0x180)?));
    if version >> 16 != 1
        || !(1..=4).contains(&kind)
        || !(1 << 16..=1 << 28).contains(&block)
        || !block.is_power_of_two()
    {
        return Err(malformed.into());
    }
    let disk = Member { name: b"", at: 0 };
    if kind == 4 {
        inside.unread(disk, Reason::Unsupported, "the parent of a differencing disk, in another file");
    }
    let table = Table::new(bytes.clone());
    let find = move |number: u64| {
        if number >= count {
            return None;
        }
        let entry = u32::from_le_bytes(table.entry(u64::from(map).checked_add(4 * number)?)?);
        let at = (block + extra).checked_mul(entry.into())?.checked_add(u64::from(data) + extra)?;
        Some(if entry >= ABSENT { Place::Hole } else { Place::At(at) })
    };
    let image = Mapped::new(bytes, size.min(count.saturating_mul(block)), block, Box::new(find));
    let _ = inside.stored(disk, Cursor::new(Arc::new(image)));
    Ok(())
}
