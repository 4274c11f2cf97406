//! QEMU disks (`qcow2`). The virtual disk is one member, which is opened further.
//!
//! Clusters are found through tables of two levels; compressed clusters are decompressed as they are read. Only one
//! cluster is kept in memory.

use std::sync::Arc;

use keyradius_core::error::{Malformed, Reason};
use keyradius_core::read_at::Cursor;
use keyradius_core::seam::{About, Container, Inside, Magic, Member, Reader, Unopenable};
use keyradius_readers::mapped::{Mapped, Packing, Place, Table};
use keyradius_readers::stored::{be32, be64, held};

/// QEMU disks.
#[derive(Debug)]
pub(crate) struct Qcow2;

static ABOUT: About = About {
    id: "qcow2",
    title: "QEMU disk (qcow2)",
    detects: "The disk in qcow2 images of version 2 and 3, uncompressed or compressed by deflate or zstd, of any size.",
    blind_to: "Internal snapshots. Data in a backing file or an external data file, encrypted disks and subclusters, \
               all of which are reported as not read.",
    respond: "Whoever has the image has the key. Replace the key, then publish a new image.",
    references: &["QEMU docs/interop/qcow2.txt"],
};

/// qcow2.txt: magic.
const MAGIC: &[u8] = b"QFI\xfb";

/// Bits of a table entry that are a file offset: 9 to 55.
const OFFSET: u64 = 0x00ff_ffff_ffff_fe00;

impl Container for Qcow2 {
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
    let malformed = Malformed::new("qcow2 header", 0);
    let header = held(&bytes, 0, 104, 104).ok_or(malformed)?;
    let word = |at| be32(&header, at).ok_or(malformed);
    let long = |at| be64(&header, at).ok_or(malformed);
    let (version, bits) = (word(4)?, word(20)?);
    let (size, encrypted, entries, table) = (long(24)?, word(32)?, word(36)?, long(40)?);
    if !header.starts_with(MAGIC) || !matches!(version, 2 | 3) || !(9..=21).contains(&bits) {
        return Err(malformed.into());
    }
    let features = if version == 3 { long(72)? } else { 0 };
    let disk = Member { name: b"", at: 0 };
    // Bit 2: an external data file. Bit 4: entries of 16 bytes for subclusters.
    let refused = match (encrypted, features) {
        (1.., _) => Some((Reason::Encrypted, "encrypted disk")),
        (0, features) if features & 1 << 2 != 0 => Some((Reason::Unsupported, "external data file")),
        (0, features) if features & 1 << 4 != 0 => Some((Reason::Unsupported, "subclusters")),
        _ => None,
    };
    if let Some((reason, detail)) = refused {
        inside.unread(disk, reason, detail);
        return Ok(());
    }
    if long(8)? != 0 {
        inside.unread(Member { name: b"backing file", at: long(8)? }, Reason::Unsupported, "in another file");
    }
    // Bit 3: the compression type is not deflate, and is stored after the header.
    let zstd = features & 1 << 3 != 0 && held(&bytes, 104, 1, 1).is_some_and(|method| method == [1]);
    let packing = if zstd { Packing::Zstd } else { Packing::Deflate };
    let tables = (Table::new(bytes.clone()), Table::new(bytes.clone()));
    let cluster = 1_u64 << bits;
    let find = move |number: u64| {
        let per_table = cluster / 8;
        let first = number / per_table;
        if first >= entries.into() {
            return None;
        }
        let second = u64::from_be_bytes(tables.0.entry(table.checked_add(first * 8)?)?) & OFFSET;
        if second == 0 {
            return Some(Place::Hole);
        }
        let entry = u64::from_be_bytes(tables.1.entry(second.checked_add(number % per_table * 8)?)?);
        Some(if entry & 1 << 62 != 0 {
            let shift = 62 - (bits - 8);
            let place = entry & ((1 << shift) - 1);
            let sectors = (entry >> shift & ((1 << (bits - 8)) - 1)) + 1;
            Place::Packed(packing, place, sectors * 512 - place % 512)
        } else if entry & OFFSET == 0 || entry & 1 != 0 {
            Place::Hole
        } else {
            Place::At(entry & OFFSET)
        })
    };
    let image = Mapped::new(bytes, size, cluster, Box::new(find));
    let _ = inside.stored(disk, Cursor::new(Arc::new(image)));
    Ok(())
}
