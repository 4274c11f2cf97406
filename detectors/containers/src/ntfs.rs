//! NTFS volumes: every record of the master file table, with all its data streams.
//!
//! The records are read one after another, so deleted files are found as well, as long as their records were not used
//! again. Names of folders come from the same records.

mod content;
mod records;

use std::collections::BTreeMap;
use std::ops::ControlFlow;

use keyradius_core::error::{Malformed, Reason};
use keyradius_core::read_at::Cursor;
use keyradius_core::seam::{About, Container, Inside, Magic, Member, Reader, Unopenable};
use keyradius_readers::stored::{Exactly, held, le16, le64};

use content::{Clusters, Data, Extent};
use records::{Record, Table};

/// NTFS volumes.
#[derive(Debug)]
pub(crate) struct Ntfs;

static ABOUT: About = About {
    id: "ntfs",
    title: "NTFS volume",
    detects: "Files of NTFS volumes, in their records or in clusters, sparse or compressed by LZNT1, with all alternate data \
              streams, and deleted files of which the record is left. What is in no file is searched as it is.",
    blind_to: "Files that are compressed by the Windows overlay filter (CompactOS). Encrypted files (EFS) are reported \
               as not read.",
    respond: "Whoever has a copy of the disk has the key: replace it.",
    references: &["[MS-XCA] 2.5", "linux-ntfs documentation, flatcap.github.io/linux-ntfs"],
};

const MAGIC: &[u8] = b"NTFS    ";

/// Most records of a volume, and how many bytes of memory the name of each takes.
const MOST_RECORDS: u64 = 1 << 24;
const AROUND: u64 = 128;

/// Most bytes of the records of one file besides its own. A run takes twelve times as much memory as there.
const MOST_OTHERS: u64 = 1 << 20;

/// The record of the root folder, and the first record of a user's file.
const ROOT: u64 = 5;
const FIRST: u64 = 24;

impl Container for Ntfs {
    fn about(&self) -> &'static About {
        &ABOUT
    }

    fn magics(&self) -> &'static [Magic] {
        &[Magic { at: 3, bytes: MAGIC }]
    }

    fn claims(&self, start: &[u8]) -> bool {
        Volume::of(start).is_some()
    }

    fn inner(&self) -> &'static [Magic] {
        self.magics()
    }

    fn reader(&self) -> Reader {
        Reader::AnyPlace(read)
    }
}

/// Sizes of a volume, in bytes: a sector, a cluster, a record. And the first cluster of the table.
#[derive(Clone, Copy)]
struct Volume {
    sector: u64,
    cluster: u64,
    record: u64,
    table: u64,
}

impl Volume {
    /// Reads a boot sector.
    fn of(start: &[u8]) -> Option<Self> {
        let sector = u64::from(le16(start, 11)?);
        // Above 128, the negative logarithm of the number of sectors.
        let per_cluster = match *start.get(13)? {
            count @ 1..=128 if count.is_power_of_two() => u64::from(count),
            log @ 0xf0.. => 1 << (256 - u32::from(log)),
            _ => return None,
        };
        let cluster = sector * per_cluster;
        let record = match i8::from_le_bytes([*start.get(64)?]) {
            clusters @ 1.. => cluster * u64::from(clusters.unsigned_abs()),
            log => 1_u64.checked_shl(log.unsigned_abs().into())?,
        };
        let is_one = start.get(3..11) == Some(MAGIC)
            && start.get(510..512) == Some(&[0x55, 0xaa])
            && matches!(sector, 256 | 512 | 1024 | 2048 | 4096)
            && cluster <= 2 << 20
            && (512..=64 << 10).contains(&record)
            // Reserved sectors, and other fields that only FAT has.
            && start.get(14..21)? == [0; 7];
        let table = le64(start, 48)?;
        (is_one && table > 0).then_some(Self { sector, cluster, record, table })
    }
}

#[allow(clippy::needless_pass_by_value, reason = "the seam hands it over")]
fn read(bytes: Cursor, inside: &mut dyn Inside) -> Result<(), Unopenable> {
    let malformed = Malformed::new("NTFS boot sector", 0);
    let volume = held(&bytes, 0, 512, 512).and_then(|start| Volume::of(&start)).ok_or(malformed)?;
    let table = Table::of(&bytes, volume).ok_or(Unopenable::Closed(Reason::Damaged, "NTFS master file table"))?;
    let count = table.count().min(MOST_RECORDS);
    let most_others = usize::try_from(MOST_OTHERS / volume.record).unwrap_or(usize::MAX);
    inside.holds(count.saturating_mul(AROUND).min(inside.memory()))?;
    let whole = Member { name: b"$MFT", at: 0 };
    // Names first: the folders of a file may have later records than the file.
    let mut names: BTreeMap<u64, (u64, Vec<u8>)> = BTreeMap::new();
    // Attributes of a file in other records than its own: their base, and where they are.
    let mut others: BTreeMap<u64, Vec<u64>> = BTreeMap::new();
    let mut room = inside.memory() / 2;
    let mut damaged = false;
    if table.count() > count {
        inside.unread(whole, Reason::TooLarge, "records");
    }
    for number in 0..count {
        let Some(record) = table.record(number) else {
            damaged |= table.is_damaged(number);
            continue;
        };
        if record.base != 0 {
            room = room.saturating_sub(AROUND);
            others.entry(record.base).or_default().push(number);
        }
        let of = if record.base == 0 { number } else { record.base };
        if let Some((parent, name)) = record.name() {
            room = room.saturating_sub(name.len() as u64 + AROUND);
            names.insert(of, (parent, name));
        }
        if room == 0 {
            inside.unread(whole, Reason::TooLarge, "names");
            break;
        }
    }
    for number in 0..count {
        let Some(record) = table.record(number).filter(|record| record.base == 0) else { continue };
        let others = others.get(&number).map_or(&[][..], Vec::as_slice);
        let more: Vec<Record> = others.iter().take(most_others).filter_map(|at| table.record(*at)).collect();
        let records = std::iter::once(&record).chain(&more);
        let path = path(number, &names);
        if others.len() > most_others {
            inside.unread(Member { name: &path, at: 0 }, Reason::TooLarge, "records of one file");
        }
        if files(&bytes, volume, number, &path, records, inside).is_break() {
            return Ok(());
        }
    }
    if damaged {
        inside.unread(whole, Reason::Damaged, "record");
    }
    Ok(())
}

/// Hands out the streams of a file.
fn files<'r>(
    bytes: &Cursor,
    volume: Volume,
    number: u64,
    path: &[u8],
    records: impl Iterator<Item = &'r Record>,
    inside: &mut dyn Inside,
) -> ControlFlow<()> {
    // Parts of a stream are in several attributes, in ascending order of their first clusters.
    let mut streams: BTreeMap<Vec<u8>, Vec<Data>> = BTreeMap::new();
    let mut in_use = true;
    for record in records {
        in_use &= record.in_use;
        for (stream, data) in record.streams() {
            streams.entry(stream).or_default().push(data);
        }
    }
    // Files of the file system itself: its log and its index of security are searched as they are.
    if number < FIRST && number != ROOT {
        streams.retain(|name, _| !name.is_empty());
    }
    for (stream, mut parts) in streams {
        let name = if stream.is_empty() { path.to_vec() } else { [path, b":", &stream].concat() };
        parts.sort_by_key(Data::first);
        let Some(first) = parts.first() else { continue };
        let member = Member { name: &name, at: first.at };
        if first.encrypted {
            inside.unread(member, Reason::Encrypted, "encrypted by EFS");
            continue;
        }
        let flow = match &first.extent {
            Extent::Resident(content) => inside.member(member, &mut content.as_slice()),
            Extent::Clusters { .. } => {
                let Some(mut clusters) = Clusters::of(bytes, volume.cluster, &parts) else {
                    if in_use {
                        inside.unread(member, Reason::Damaged, "clusters");
                    }
                    continue;
                };
                // Clusters of a deleted file may belong to another file, so damage in them is not reported.
                let size = clusters.size();
                if in_use {
                    inside.member(member, &mut Exactly::new(&mut clusters, size))
                } else {
                    clusters.forgive();
                    inside.member(member, &mut clusters)
                }
            }
        };
        if flow.is_break() {
            return flow;
        }
    }
    ControlFlow::Continue(())
}

/// The path of a file.
fn path(number: u64, names: &BTreeMap<u64, (u64, Vec<u8>)>) -> Vec<u8> {
    let (mut parts, mut at, mut length) = (Vec::new(), number, 0);
    while let Some((parent, name)) = names.get(&at).filter(|_| at != ROOT && parts.len() < 128 && length < 4096) {
        length += name.len();
        parts.push(name.as_slice());
        at = *parent;
    }
    parts.reverse();
    parts.join(&b'/')
}

#[cfg(test)]
mod tests;
