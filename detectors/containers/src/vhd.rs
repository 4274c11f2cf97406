//! Dynamic disks of Virtual PC, Hyper-V and Azure (`vhd`). A fixed vhd is a raw disk with a footer, and is opened as a
//! raw disk.

use std::sync::Arc;

use keyradius_core::error::Malformed;
use keyradius_core::read_at::Cursor;
use keyradius_core::seam::{About, Container, Inside, Magic, Member, Reader, Unopenable};
use keyradius_readers::mapped::{Mapped, Place, Table};
use keyradius_readers::stored::{be32, be64, held};

/// Dynamic disks of Virtual PC.
#[derive(Debug)]
pub(crate) struct Vhd;

static ABOUT: About = About {
    id: "vhd",
    title: "Virtual PC disk (vhd)",
    detects: "The disk in dynamic vhd images.",
    blind_to: "Data that a differencing disk leaves in its parent. Images of the newer vhdx format are recognised but \
               not opened.",
    respond: "Whoever has the image has the key. Replace the key, then publish a new image.",
    references: &["Microsoft Virtual Hard Disk Image Format Specification 1.0"],
};

/// Cookie of the footer copy at the start of a dynamic disk.
const MAGIC: &[u8] = b"conectix";

/// Cookie of the dynamic header.
const DYNAMIC: &[u8] = b"cxsparse";

/// Size of a sector, the unit of offsets, in bytes.
const SECTOR: u64 = 512;

impl Container for Vhd {
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

fn read(bytes: Cursor, inside: &mut dyn Inside) -> Result<(), Unopenable> {
    let (size, block, table, entries) = header(&bytes).ok_or(Malformed::new("vhd header", 0))?;
    let allocations = Table::new(bytes.clone());
    // Each block is preceded by a bitmap with one bit per sector, padded to whole sectors.
    let bitmap = (block / SECTOR / 8).next_multiple_of(SECTOR);
    let find = move |number: u64| {
        if number >= entries {
            return None;
        }
        Some(match u32::from_be_bytes(allocations.entry(table.checked_add(number * 4)?)?) {
            u32::MAX => Place::Hole,
            sector => Place::At(u64::from(sector) * SECTOR + bitmap),
        })
    };
    let image = Mapped::new(bytes, size, block, Box::new(find));
    let _ = inside.stored(Member { name: b"", at: 0 }, Cursor::new(Arc::new(image)));
    Ok(())
}

/// Reads the headers: size of the disk and of a block in bytes, offset of the block table, and number of its entries.
fn header(bytes: &Cursor) -> Option<(u64, u64, u64, u64)> {
    let footer = held(bytes, 0, SECTOR, SECTOR)?;
    let dynamic = held(bytes, be64(&footer, 16)?, 1024, 1024)?;
    let block = u64::from(be32(&dynamic, 32)?);
    let sane = footer.starts_with(MAGIC)
        && dynamic.starts_with(DYNAMIC)
        && block.is_power_of_two()
        && (SECTOR..=256 << 20).contains(&block);
    sane.then_some((be64(&footer, 48)?, block, be64(&dynamic, 16)?, be32(&dynamic, 28)?.into()))
}
