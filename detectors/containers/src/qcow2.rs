//! QEMU disks (`qcow2`). The virtual disk is one member, which is opened further.
//!
//! Clusters are found through tables of two levels; compressed clusters are decompressed as they are read. Only one
//! cluster is kept in memory.

use std::sync::Arc;

use keyradius_core::error::{Malformed, Reason};
use keyradius_core::read_at::Cursor;
use keyradius_core::seam::{About, Container, Inside, Magic, Member, Reader, Unopenable};
use keyradius_readers::mapped::{Mapped, Packing, Place, Table};
use keyradius_readers::stored::{be16, be32, be64, held};

/// QEMU disks.
#[derive(Debug)]
pub(crate) struct Qcow2;

static ABOUT: About = About {
    id: "qcow2",
    title: "QEMU disk (qcow2)",
    detects: "The disk in qcow2 images of version 2 and 3 and in their internal snapshots, uncompressed or compressed by \
              deflate or zstd, of any size.",
    blind_to: "Memory that a snapshot saved with the disk, if it is compressed. Data in a backing file or an external data file, encrypted disks and subclusters, \
               all of which are reported as not read.",
    respond: "Whoever has the image has the key. Replace the key, then publish a new image.",
    references: &["QEMU docs/interop/qcow2.txt"],
};

/// qcow2.txt: magic.
const MAGIC: &[u8] = b"QFI\xfb";

/// Most snapshots that are read.
const MOST_SNAPSHOTS: u32 = 256;

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
        Reader::AnyPlace(|bytes, inside| read(&bytes, inside))
    }
}

fn read(bytes: &Cursor, inside: &mut dyn Inside) -> Result<(), Unopenable> {
    let malformed = Malformed::new("qcow2 header", 0);
    let header = held(bytes, 0, 104, 104).ok_or(malformed)?;
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
    let zstd = features & 1 << 3 != 0 && held(bytes, 104, 1, 1).is_some_and(|method| method == [1]);
    let packing = if zstd { Packing::Zstd } else { Packing::Deflate };
    let image = Image { bits, packing };
    if inside.stored(disk, image.disk(bytes, size, table, entries)).is_break() {
        return Ok(());
    }
    snapshots(bytes, (word(60)?, long(64)?), size, image, inside);
    Ok(())
}

/// Hands out the disk of each internal snapshot (qcow2.txt, Snapshots). Most of its clusters are those of the disk.
fn snapshots(bytes: &Cursor, (count, table): (u32, u64), size: u64, image: Image, inside: &mut dyn Inside) {
    let damaged = |inside: &mut dyn Inside, at| {
        inside.unread(Member { name: b"snapshot", at }, Reason::Damaged, "table of snapshots");
    };
    let mut at = table;
    for _ in 0..count.min(MOST_SNAPSHOTS) {
        let Some(entry) = held(bytes, at, 40, 40) else { return damaged(inside, at) };
        let (l1, entries) = (be64(&entry, 0), be32(&entry, 8));
        let (id, name) = (be16(&entry, 12).map_or(0, u64::from), be16(&entry, 14).map_or(0, u64::from));
        let extra = be32(&entry, 36).map_or(0, u64::from);
        let text = held(bytes, at + 40 + extra + id, name, name).unwrap_or_default();
        // After the size of the saved state, the size of the disk then.
        let then = held(bytes, at + 48, 8, 8).filter(|_| extra >= 16).and_then(|size| be64(&size, 0)).unwrap_or(size);
        let (Some(l1), Some(entries)) = (l1, entries) else { return damaged(inside, at) };
        let title = [b"snapshot ", text.as_slice()].concat();
        if inside.stored(Member { name: &title, at }, image.disk(bytes, then, l1, entries)).is_break() {
            return;
        }
        at += (40 + extra + id + name).next_multiple_of(8);
    }
    if count > MOST_SNAPSHOTS {
        inside.unread(Member { name: b"snapshots", at }, Reason::TooMany, "snapshots");
    }
}

/// What the disk of an image and those of its snapshots have in common.
#[derive(Clone, Copy)]
struct Image {
    /// Bits of an offset in a cluster.
    bits: u32,
    packing: Packing,
}

impl Image {
    /// The disk of `size` bytes whose first table is at `table` and has `entries` entries.
    fn disk(self, bytes: &Cursor, size: u64, table: u64, entries: u32) -> Cursor {
        let Self { bits, packing } = self;
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
        Cursor::new(Arc::new(Mapped::new(bytes.clone(), size, cluster, Box::new(find))))
    }
}
