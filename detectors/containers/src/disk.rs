//! Disk images with a partition table: MBR with extended partitions, or GPT.
//!
//! Each partition is a member, which is opened further if it contains a known file system. Each gap between partitions
//! is a member too, because boot loaders are stored there. The magic of an MBR is two bytes that every boot sector has,
//! so the table is trusted only if its partitions do not overlap and one of them begins inside the image. Checksums of
//! a GPT are not verified, because a table that is damaged in one place still shows partitions.

use std::ops::ControlFlow;

use keyradius_core::error::{Malformed, Reason};
use keyradius_core::read_at::Cursor;
use keyradius_core::seam::{About, Container, Inside, Magic, Member, Reader, Unopenable};
use keyradius_readers::stored::{Dense, held, le16, le32, le64};

/// Partitioned disks.
#[derive(Debug)]
pub(crate) struct Disk;

static ABOUT: About = About {
    id: "disk",
    title: "partitioned disk image",
    detects: "Partitions of disk images with an MBR (primary and logical) or a GPT (sectors of 512 or 4096 bytes; the \
              backup at the end if the first table is damaged), and the gaps between partitions.",
    blind_to: "Encrypted volumes, RAID and LVM inside a partition, and unsupported file systems: their bytes are \
               searched as they are. BSD labels and the partition maps of old Macintoshes.",
    respond: "Whoever has the image has the key. Replace the key, then publish a new image.",
    references: &["UEFI specification 2.10, chapter 5"],
};

/// Offset of the signature of an MBR.
const SIGNATURE: usize = 510;

/// Offset of the entries of an MBR, after the code.
const TABLE: u64 = 446;

/// UEFI 5.3.2: signature of a GPT header.
const GPT: &[u8] = b"EFI PART";

/// Maximum number of partitions. A GPT usually reserves 128.
const MOST: usize = 1024;

impl Container for Disk {
    fn about(&self) -> &'static About {
        &ABOUT
    }

    fn magics(&self) -> &'static [Magic] {
        &[Magic { at: 512, bytes: GPT }, Magic { at: 4096, bytes: GPT }, Magic { at: SIGNATURE, bytes: &[0x55, 0xaa] }]
    }

    fn claims(&self, start: &[u8]) -> bool {
        let [gpt, gpt_4096, mbr] = [512, 4096, SIGNATURE].map(|at| start.get(at..));
        let is_gpt = [gpt, gpt_4096].into_iter().flatten().any(|header| header.starts_with(GPT));
        // Boot sectors of other kinds have no partitions, or bytes that do not fit a table.
        is_gpt
            || mbr.is_some_and(|end| end.starts_with(&[0x55, 0xaa]))
                && entries(start.get(..SECTOR as usize).unwrap_or_default())
                    .is_some_and(|entries| entries.iter().any(|&(_, _, kind)| kind != 0))
    }

    fn reader(&self) -> Reader {
        Reader::AnyPlace(|bytes, inside| read(&bytes, inside))
    }
}

/// A contiguous part of the disk, in bytes.
struct Partition {
    at: u64,
    length: u64,
    name: String,
}

fn read(bytes: &Cursor, inside: &mut dyn Inside) -> Result<(), Unopenable> {
    let mut partitions = match gpt(bytes) {
        Some(partitions) => partitions,
        None => mbr(bytes).ok_or(Malformed::new("partition table", SIGNATURE))?,
    };
    partitions.sort_by_key(|partition| partition.at);
    let mut end = 0;
    for partition in &partitions {
        if gap(bytes, end, partition.at, inside).is_break() {
            return Ok(());
        }
        let member = Member { name: partition.name.as_bytes(), at: partition.at };
        if partition.at >= bytes.size() {
            inside.unread(member, Reason::Damaged, "cut off");
        } else {
            let part = bytes.part(partition.at, partition.length);
            let cut = part.size() < partition.length;
            if inside.stored(member, part).is_break() {
                return Ok(());
            }
            if cut {
                inside.unread(member, Reason::Damaged, "cut off");
            }
        }
        end = end.max(partition.at.saturating_add(partition.length));
    }
    let _ = gap(bytes, end, bytes.size(), inside);
    Ok(())
}

/// Hands out the gap between partitions in two parts, so that a table at its start is not opened as a disk again.
fn gap(bytes: &Cursor, from: u64, to: u64, inside: &mut dyn Inside) -> ControlFlow<()> {
    let behind = from.saturating_add(TABLE).min(to);
    for (from, to) in [(from, behind), (behind, to)] {
        if from < to {
            inside.member(Member { name: b"[gap]", at: from }, &mut Dense::new(bytes.part(from, to - from)))?;
        }
    }
    ControlFlow::Continue(())
}

/// Returns the partitions of a GPT, from the first valid header or from its backup in the last sector.
fn gpt(bytes: &Cursor) -> Option<Vec<Partition>> {
    let backup = |sector: u64| bytes.size().checked_sub(sector);
    let places = [(512, Some(512)), (4096, Some(4096)), (512, backup(512)), (4096, backup(4096))];
    places.into_iter().find_map(|(sector, at)| gpt_at(bytes, sector, at?))
}

fn gpt_at(bytes: &Cursor, sector: u64, at: u64) -> Option<Vec<Partition>> {
    let header = held(bytes, at, 92, 92)?;
    let entry = u64::from(le32(&header, 84)?);
    let count = le32(&header, 80)? as usize;
    if !header.starts_with(GPT) || !(128..=4096).contains(&entry) || count > MOST {
        return None;
    }
    let table = le64(&header, 72)?.checked_mul(sector)?;
    let mut found = Vec::new();
    for number in 0..count {
        let at = table.checked_add(number as u64 * entry)?;
        let Some(entry) = held(bytes, at, 128, 128) else { break };
        let (first, last) = (le64(&entry, 32)?, le64(&entry, 40)?);
        // A type of zeros marks an unused entry.
        let used = entry.iter().take(16).any(|&byte| byte != 0);
        let (Some(at), Some(sectors)) = (first.checked_mul(sector), last.checked_sub(first)) else { continue };
        let Some(length) = sectors.checked_add(1).and_then(|n| n.checked_mul(sector)).filter(|_| used && first > 1)
        else {
            continue;
        };
        let label = entry.get(56..).unwrap_or_default().chunks_exact(2).filter_map(|pair| le16(pair, 0));
        let label = char::decode_utf16(label.take_while(|&unit| unit != 0));
        let label: String = label.map(|c| c.unwrap_or(char::REPLACEMENT_CHARACTER)).collect();
        let name = if label.is_empty() { format!("{}", number + 1) } else { format!("{} {label}", number + 1) };
        found.push(Partition { at, length, name });
    }
    (!found.is_empty()).then_some(found)
}

/// Returns the entries of an MBR: first sector, length in sectors, type. `None` if the sector is not an MBR.
fn entries(sector: &[u8]) -> Option<Vec<(u64, u64, u8)>> {
    if le16(sector, SIGNATURE)? != 0xaa55 {
        return None;
    }
    let mut found = Vec::new();
    for entry in sector.get(TABLE as usize..SIGNATURE)?.chunks_exact(16) {
        let (flag, kind) = (*entry.first()?, *entry.get(4)?);
        let (first, length) = (le32(entry, 8)?, le32(entry, 12)?);
        // The flag is either bootable or not.
        if !matches!(flag, 0 | 0x80) {
            return None;
        }
        found.push((first.into(), length.into(), if length == 0 { 0 } else { kind }));
    }
    Some(found)
}

/// Size of a sector of an MBR, in bytes.
const SECTOR: u64 = 512;

fn mbr(bytes: &Cursor) -> Option<Vec<Partition>> {
    let sector = held(bytes, 0, SECTOR, SECTOR)?;
    // Boot sectors of file systems end with the same two bytes.
    if [&b"NTFS    "[..], b"EXFAT   "].iter().any(|name| sector.get(3..11) == Some(name)) {
        return None;
    }
    let mut found = Vec::new();
    let mut covered: Vec<(u64, u64)> = Vec::new();
    for (number, (first, length, kind)) in (1..).zip(entries(&sector)?) {
        if kind == 0 {
            continue;
        }
        let (at, end) = (first * SECTOR, (first + length) * SECTOR);
        // Type 0xee covers a whole GPT, which was not found.
        let apart = covered.iter().all(|&(from, to)| end <= from || at >= to);
        if first == 0 || !apart || kind == 0xee {
            return None;
        }
        covered.push((at, end));
        if matches!(kind, 0x05 | 0x0f | 0x85) {
            logical(bytes, first, &mut found);
        } else {
            found.push(Partition { at, length: length * SECTOR, name: number.to_string() });
        }
    }
    // A truncated image contains at least its first partition.
    found.iter().any(|partition| partition.at < bytes.size()).then_some(found)
}

/// Collects the logical partitions: each follows a table of two entries, one for itself and one for the next table.
fn logical(bytes: &Cursor, extended: u64, found: &mut Vec<Partition>) {
    let mut table = extended;
    for number in 5..MOST {
        let Some(entries) = held(bytes, table * SECTOR, SECTOR, SECTOR).and_then(|sector| entries(&sector)) else {
            return;
        };
        if let Some(&(first, length, 1..)) = entries.first() {
            found.push(Partition { at: (table + first) * SECTOR, length: length * SECTOR, name: number.to_string() });
        }
        match entries.get(1) {
            // Only forwards, so that a cycle ends.
            Some(&(first, _, 0x05 | 0x0f | 0x85)) if extended + first > table => table = extended + first,
            _ => return,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::collect::{open, torture};

    fn put(bytes: &mut [u8], at: usize, what: &[u8]) {
        bytes[at..at + what.len()].copy_from_slice(what);
    }

    fn entry(bytes: &mut [u8], sector: usize, number: usize, kind: u8, first: u32, length: u32) {
        let at = sector * 512 + 446 + number * 16;
        bytes[at + 4] = kind;
        put(bytes, at + 8, &first.to_le_bytes());
        put(bytes, at + 12, &length.to_le_bytes());
        put(bytes, sector * 512 + 510, &[0x55, 0xaa]);
    }

    fn mbr_disk() -> Vec<u8> {
        let mut bytes = vec![0; 20 * 512];
        for sector in 0..20 {
            bytes[sector * 512] = b'A' + sector as u8;
        }
        entry(&mut bytes, 0, 0, 0x83, 2, 3);
        entry(&mut bytes, 0, 1, 0x05, 6, 12);
        entry(&mut bytes, 6, 0, 0x83, 1, 2);
        entry(&mut bytes, 6, 1, 0x05, 4, 6);
        entry(&mut bytes, 10, 0, 0x83, 2, 3);
        bytes
    }

    #[test]
    fn primary_and_logical_partitions_and_gaps() {
        let seen = open(&Disk, &mbr_disk()).unwrap();
        let shown: Vec<(&str, u8, usize)> =
            seen.members.iter().map(|(name, content)| (name.as_str(), content[0], content.len())).collect();
        let rest = |sectors: usize| ("[gap]", 0, sectors * 512 - 446);
        let expected = [
            ("[gap]", b'A', 446),
            rest(2),
            ("1", b'C', 1536),
            ("[gap]", b'F', 446),
            rest(2),
            ("5", b'H', 1024),
            ("[gap]", b'J', 446),
            rest(3),
            ("6", b'M', 1536),
            ("[gap]", b'P', 446),
            rest(5),
        ];
        assert_eq!(shown, expected);
        assert_eq!(seen.unread, []);
        torture(&Disk, &mbr_disk(), 61);
        let seen = open(&Disk, &mbr_disk()[..4 * 512]).unwrap();
        assert_eq!(seen.unread.len(), 1, "the first partition is cut off, the extended one is outside");
    }

    #[test]
    fn gpt_and_its_backup() {
        let mut bytes = vec![0; 40 * 512];
        entry(&mut bytes, 0, 0, 0xee, 1, u32::MAX);
        for (header, table) in [(512, 2_u64), (39 * 512, 35)] {
            put(&mut bytes, header, GPT);
            put(&mut bytes, header + 72, &table.to_le_bytes());
            put(&mut bytes, header + 80, &[4, 0, 0, 0, 128]);
            for (number, first, last, label) in [(0, 10_u64, 11_u64, "boot"), (2, 12, 14, "")] {
                let at = table as usize * 512 + number * 128;
                bytes[at] = 1;
                put(&mut bytes, at + 32, &first.to_le_bytes());
                put(&mut bytes, at + 40, &last.to_le_bytes());
                let label: Vec<u8> = label.encode_utf16().flat_map(u16::to_le_bytes).collect();
                put(&mut bytes, at + 56, &label);
            }
        }
        put(&mut bytes, 12 * 512, b"root file system");
        for damaged in [false, true] {
            if damaged {
                bytes[512] = 0;
            }
            let seen = open(&Disk, &bytes).unwrap();
            assert_eq!(seen.names(), ["[gap]", "[gap]", "1 boot", "3", "[gap]", "[gap]"], "{damaged}");
            assert!(seen.content("3").unwrap().starts_with(b"root file system"));
        }
        torture(&Disk, &bytes, 97);
    }

    #[test]
    fn a_boot_sector_alone_is_not_a_disk() {
        for change in [
            |bytes: &mut Vec<u8>| bytes[446] = 7,
            |bytes: &mut Vec<u8>| put(bytes, 3, b"NTFS    "),
            |bytes: &mut Vec<u8>| entry(bytes, 0, 0, 0x83, 0, 3),
            |bytes: &mut Vec<u8>| bytes.truncate(2 * 512),
            |bytes: &mut Vec<u8>| entry(bytes, 0, 2, 0x83, 3, 3),
            |bytes: &mut Vec<u8>| bytes[446..510].fill(0),
        ] {
            let mut bytes = mbr_disk();
            change(&mut bytes);
            assert!(open(&Disk, &bytes).is_none());
        }
    }
}
