//! Records of the master file table, and their attributes.

use keyradius_core::read_at::Cursor;
use keyradius_readers::stored::{held, le16, le32, le64};

use super::Volume;
use super::content::{Clusters, Data, Extent, runs};

/// Kinds of attributes.
const NAME: u32 = 0x30;
const DATA: u32 = 0x80;
const END: u32 = 0xffff_ffff;

/// Flags of an attribute: compressed, encrypted.
const COMPRESSED: u16 = 1;
const ENCRYPTED: u16 = 0x4000;

/// Most attributes of a record.
const MOST: usize = 1 << 10;

/// The master file table.
pub(super) struct Table {
    volume: Volume,
    content: Cursor,
}

impl Table {
    /// The table of a volume, through its first record.
    pub(super) fn of(bytes: &Cursor, volume: Volume) -> Option<Self> {
        let at = volume.table.checked_mul(volume.cluster)?;
        let mut first = held(bytes, at, volume.record, volume.record)?;
        let record = Record::read(&mut first, volume, at)?;
        let parts: Vec<Data> =
            record.streams().into_iter().filter(|(name, _)| name.is_empty()).map(|(_, data)| data).collect();
        let content = Clusters::of(bytes, volume.cluster, &parts)?.mapped()?;
        Some(Self { volume, content })
    }

    /// How many records there are.
    pub(super) fn count(&self) -> u64 {
        self.content.size() / self.volume.record
    }

    fn bytes(&self, number: u64) -> Option<Vec<u8>> {
        held(&self.content, number.checked_mul(self.volume.record)?, self.volume.record, self.volume.record)
    }

    /// Reads a record; `None` for other bytes.
    pub(super) fn record(&self, number: u64) -> Option<Record> {
        let mut bytes = self.bytes(number)?;
        Record::read(&mut bytes, self.volume, number * self.volume.record)
    }

    /// Whether there should be a record.
    pub(super) fn is_damaged(&self, number: u64) -> bool {
        self.bytes(number).is_none_or(|bytes| bytes.starts_with(b"FILE") || bytes.starts_with(b"BAAD"))
    }
}

/// A record: a file, a folder, or more attributes of one.
pub(super) struct Record {
    bytes: Vec<u8>,
    at: u64,
    pub(super) in_use: bool,
    /// The record to which the attributes belong; 0 if this one.
    pub(super) base: u64,
}

impl Record {
    /// Reads a record and restores the ends of its sectors.
    fn read(bytes: &mut [u8], volume: Volume, at: u64) -> Option<Self> {
        if !bytes.starts_with(b"FILE") {
            return None;
        }
        let (update, count) = (usize::from(le16(bytes, 4)?), usize::from(le16(bytes, 6)?));
        let number = le16(bytes, update)?;
        // The sectors of the table always have 512 bytes here, or those of the volume.
        let sector = usize::try_from(volume.sector.min(512)).ok()?;
        for index in 1..count {
            let end = index.checked_mul(sector)?;
            let saved = le16(bytes, update.checked_add(2 * index)?)?;
            if le16(bytes, end.checked_sub(2)?)? != number {
                return None;
            }
            bytes.get_mut(end - 2..end)?.copy_from_slice(&saved.to_le_bytes());
        }
        let base = le64(bytes, 32)? & 0xffff_ffff_ffff;
        Some(Self { in_use: le16(bytes, 22)? & 1 == 1, base, at, bytes: bytes.to_vec() })
    }

    /// The attributes of a kind.
    fn attributes(&self, kind: u32) -> impl Iterator<Item = (&[u8], u64)> {
        let mut at = le16(&self.bytes, 20).map_or(usize::MAX, usize::from);
        let mut left = MOST;
        std::iter::from_fn(move || {
            loop {
                let found = le32(&self.bytes, at).filter(|found| *found != END)?;
                let length = usize::try_from(le32(&self.bytes, at.checked_add(4)?)?).ok()?;
                let attribute = self.bytes.get(at..at.checked_add(length)?).filter(|all| all.len() >= 24)?;
                let start = self.at + at as u64;
                at += length;
                left = left.checked_sub(1)?;
                if found == kind {
                    return Some((attribute, start));
                }
            }
        })
    }

    /// The folder and the name of a file, the long one if there are two.
    pub(super) fn name(&self) -> Option<(u64, Vec<u8>)> {
        let names = self.attributes(NAME).filter_map(|(attribute, _)| {
            let value = attribute.get(usize::from(le16(attribute, 20)?)..)?;
            let parent = le64(value, 0)? & 0xffff_ffff_ffff;
            let text = value.get(66..66 + 2 * usize::from(*value.get(64)?))?;
            // Names of the second kind are those of DOS.
            Some((*value.get(65)? == 2, parent, utf8(text)))
        });
        names.min_by_key(|(is_short, _, _)| *is_short).map(|(_, parent, name)| (parent, name))
    }

    /// The data streams, with their names.
    pub(super) fn streams(&self) -> Vec<(Vec<u8>, Data)> {
        let stream = |(attribute, at): (&[u8], u64)| {
            let (length, from) = (usize::from(*attribute.get(9)?), usize::from(le16(attribute, 10)?));
            let name = utf8(attribute.get(from..from + 2 * length)?);
            let flags = le16(attribute, 12)?;
            let extent = if *attribute.get(8)? == 0 {
                let (length, from) = (usize::try_from(le32(attribute, 16)?).ok()?, usize::from(le16(attribute, 20)?));
                Extent::Resident(attribute.get(from..from.checked_add(length)?)?.to_vec())
            } else {
                let first = le64(attribute, 16)?;
                // Only the first part of a stream states sizes.
                let sizes = if first == 0 { [le64(attribute, 48)?, le64(attribute, 56)?] } else { [0; 2] };
                let unit = if flags & COMPRESSED == 0 { 0 } else { le16(attribute, 34)? };
                let runs = runs(attribute.get(usize::from(le16(attribute, 32)?)..)?);
                Extent::Clusters { first, sizes, unit, runs }
            };
            Some((name, Data { at, extent, encrypted: flags & ENCRYPTED != 0 }))
        };
        self.attributes(DATA).filter_map(stream).collect()
    }
}

/// UTF-16 as UTF-8.
fn utf8(text: &[u8]) -> Vec<u8> {
    let units = text.chunks_exact(2).filter_map(|unit| Some(u16::from_le_bytes(unit.try_into().ok()?)));
    char::decode_utf16(units).map(|unit| unit.unwrap_or(char::REPLACEMENT_CHARACTER)).collect::<String>().into_bytes()
}
