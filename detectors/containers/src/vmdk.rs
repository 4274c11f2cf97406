//! VMware disks in sparse extents (`vmdk`), including the compressed disks of OVA appliances.
//!
//! Grains are found through a directory of tables. A stream-optimised disk has its valid header at the end. The disk is
//! one member, opened further; only one grain is kept in memory.

use std::sync::Arc;

use keyradius_core::error::{Malformed, Reason};
use keyradius_core::read_at::Cursor;
use keyradius_core::seam::{About, Container, Inside, Magic, Member, Reader, Unopenable};
use keyradius_readers::mapped::{Mapped, Packing, Place, Table};
use keyradius_readers::stored::{held, le16, le32, le64};

/// VMware disks.
#[derive(Debug)]
pub(crate) struct Vmdk;

static ABOUT: About = About {
    id: "vmdk",
    title: "VMware disk (vmdk)",
    detects: "The disk in VMware sparse extents: monolithic, and compressed as in OVA appliances.",
    blind_to: "A disk in several extents is read extent by extent. Data that a snapshot leaves in its parent. Extents \
               of ESX (COWD, SE sparse).",
    respond: "Whoever has the image has the key. Replace the key, then publish a new image.",
    references: &["VMware Virtual Disk Format 1.1"],
};

/// Virtual Disk Format 1.1: SPARSE_MAGICNUMBER.
const MAGIC: &[u8] = b"KDMV";

/// Size of a sector, the unit of offsets, in bytes.
const SECTOR: u64 = 512;

impl Container for Vmdk {
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

/// GD_AT_END: the valid header is the footer.
const AT_END: u64 = u64::MAX;

fn read(bytes: Cursor, inside: &mut dyn Inside) -> Result<(), Unopenable> {
    let malformed = Malformed::new("VMware disk header", 0);
    let start = held(&bytes, 0, SECTOR, SECTOR).ok_or(malformed)?;
    let disk = Member { name: b"", at: 0 };
    let mut header = Header::read(&start).ok_or(malformed)?;
    if header.directory == AT_END {
        // The footer precedes the marker that ends the stream.
        let footer = bytes.size().checked_sub(2 * SECTOR).and_then(|at| held(&bytes, at, SECTOR, SECTOR));
        let footer = footer.and_then(|footer| Header::read(&footer)).filter(|footer| footer.directory != AT_END);
        let Some(footer) = footer else {
            inside.unread(disk, Reason::Damaged, "footer");
            return Ok(());
        };
        header = footer;
    }
    let Header { capacity, grain, per_table, directory, packed } = header;
    let file = bytes.clone();
    let tables = (Table::new(bytes.clone()), Table::new(bytes.clone()));
    let find = move |number: u64| {
        let table = directory.checked_mul(SECTOR)?.checked_add(number / per_table * 4)?;
        let table = u64::from(u32::from_le_bytes(tables.0.entry(table)?)) * SECTOR;
        if table == 0 {
            return Some(Place::Hole);
        }
        let place = u64::from(u32::from_le_bytes(tables.1.entry(table + number % per_table * 4)?)) * SECTOR;
        Some(match place {
            // A missing grain, or one of zeros.
            0 | SECTOR => Place::Hole,
            // Its sector on the disk and its length precede the data.
            _ if packed => Place::Packed(Packing::Zlib, place + 12, le32(&held(&file, place + 8, 4, 4)?, 0)?.into()),
            _ => Place::At(place),
        })
    };
    let image = Mapped::new(bytes, capacity, grain, Box::new(find));
    let _ = inside.stored(disk, Cursor::new(Arc::new(image)));
    Ok(())
}

/// The relevant fields of the header. Sizes are in bytes, the directory offset is in sectors.
struct Header {
    capacity: u64,
    grain: u64,
    per_table: u64,
    directory: u64,
    packed: bool,
}

impl Header {
    fn read(bytes: &[u8]) -> Option<Self> {
        let (version, flags) = (le32(bytes, 4)?, le32(bytes, 8)?);
        let grain = le64(bytes, 20)?;
        let per_table = u64::from(le32(bytes, 44)?);
        let sane = bytes.starts_with(MAGIC)
            && (1..=3).contains(&version)
            && grain.is_power_of_two()
            && (1..=2048).contains(&grain)
            && (1..=1 << 16).contains(&per_table);
        let packed = flags & 1 << 16 != 0 && le16(bytes, 77)? == 1;
        if !sane {
            return None;
        }
        Some(Self {
            capacity: le64(bytes, 12)?.checked_mul(SECTOR)?,
            grain: grain * SECTOR,
            per_table,
            directory: le64(bytes, 56)?,
            packed,
        })
    }
}
