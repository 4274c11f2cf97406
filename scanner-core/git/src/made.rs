//! Makes packs, indexes and folders for the tests of this module: what git writes, and what git never writes.

use std::io::Write;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, Ordering};

use flate2::Compression;
use flate2::write::ZlibEncoder;
use sha2::Digest;

use keyradius_core::oid::{Format, Kind, ObjectId};

pub(crate) const FORMATS: [Format; 2] = [Format::Sha1, Format::Sha256];

/// A folder that is removed on drop.
pub(crate) struct Folder(PathBuf);

impl Folder {
    pub(crate) fn new() -> Self {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let name = format!("keyradius-git-{}-{}", std::process::id(), NEXT.fetch_add(1, Ordering::Relaxed));
        let path = std::env::temp_dir().join(name);
        std::fs::create_dir_all(&path).expect("a temporary folder");
        Self(path)
    }

    pub(crate) fn path(&self) -> &Path {
        &self.0
    }

    /// Writes a file, and creates the folders above it.
    pub(crate) fn write(&self, name: &str, bytes: &[u8]) -> PathBuf {
        let path = self.0.join(name);
        std::fs::create_dir_all(path.parent().expect("a folder")).expect("made");
        std::fs::write(&path, bytes).expect("written");
        path
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

/// Incompressible bytes, the same for the same seed.
pub(crate) fn noise(seed: u64, length: usize) -> Vec<u8> {
    let mut state = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
    let mut next = || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        (state >> 24) as u8
    };
    (0..length).map(|_| next()).collect()
}

pub(crate) fn deflate(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = ZlibEncoder::new(Vec::new(), Compression::default());
    encoder.write_all(bytes).expect("in memory");
    encoder.finish().expect("in memory")
}

/// A zlib stream of stored blocks.
pub(crate) fn stored(bytes: &[u8]) -> Vec<u8> {
    let mut out = vec![0x78, 0x01];
    let blocks = bytes.chunks(0xffff);
    let last = blocks.len().saturating_sub(1);
    for (number, block) in blocks.enumerate() {
        let length = block.len() as u16;
        out.push(u8::from(number == last));
        out.extend(length.to_le_bytes());
        out.extend((!length).to_le_bytes());
        out.extend_from_slice(block);
    }
    let (a, b) = bytes.iter().fold((1_u32, 0_u32), |(a, b), byte| {
        let a = (a + u32::from(*byte)) % 65_521;
        (a, (b + a) % 65_521)
    });
    out.extend((b << 16 | a).to_be_bytes());
    out
}

/// A length whose [`stored`] stream ends two bytes into a piece of 64 KiB: its checksum is not read with its last byte.
pub(crate) const STORED_APART: usize = (81 << 16) + 2 - (2 + 81 * 5 + 4);

pub(crate) fn hash(format: Format, bytes: &[u8]) -> Vec<u8> {
    match format {
        Format::Sha1 => sha1::Sha1::digest(bytes).to_vec(),
        Format::Sha256 => sha2::Sha256::digest(bytes).to_vec(),
    }
}

/// One instruction of a delta.
pub(crate) enum Op<'a> {
    /// Offset in the base, and number of bytes.
    Copy(usize, usize),
    Insert(&'a [u8]),
}

/// A delta for a base of `base` bytes.
pub(crate) fn delta(base: usize, ops: &[Op<'_>]) -> Vec<u8> {
    let size = ops.iter().map(|op| if let Op::Copy(_, length) = op { *length } else { op.inserted().len() }).sum();
    let mut out = [number(base), number(size)].concat();
    for op in ops {
        match op {
            Op::Copy(from, length) => {
                let length = if *length == 0x10000 { 0 } else { *length };
                let bytes = [&(*from as u32).to_le_bytes()[..], &(length as u32).to_le_bytes()[..3]].concat();
                let used = (0..7).filter(|bit| bytes[*bit] != 0);
                out.push(0x80 | used.clone().fold(0, |op, bit| op | 1 << bit));
                out.extend(used.map(|bit| bytes[bit]));
            }
            Op::Insert(bytes) => {
                for part in bytes.chunks(127) {
                    out.push(part.len() as u8);
                    out.extend_from_slice(part);
                }
            }
        }
    }
    out
}

impl Op<'_> {
    const fn inserted(&self) -> &[u8] {
        match self {
            Self::Copy(..) => &[],
            Self::Insert(bytes) => bytes,
        }
    }
}

/// A size as deltas encode it: seven bits per byte, lowest first.
pub(crate) fn number(mut value: usize) -> Vec<u8> {
    let mut out = Vec::new();
    while value > 0x7f {
        out.push(value as u8 | 0x80);
        value >>= 7;
    }
    out.push(value as u8);
    out
}

/// The header of an entry: its type and the size of the deflated data that follows.
pub(crate) fn head(kind: u8, size: u64) -> Vec<u8> {
    let mut out = vec![kind << 4 | size as u8 & 15];
    let mut rest = size >> 4;
    while rest > 0 {
        *out.last_mut().expect("a byte") |= 0x80;
        out.push(rest as u8 & 0x7f);
        rest >>= 7;
    }
    out
}

/// The distance to a base, as `OFS_DELTA` encodes it: highest bits first, each continuation counting from one.
pub(crate) fn back(mut distance: u64) -> Vec<u8> {
    let mut out = vec![distance as u8 & 0x7f];
    distance >>= 7;
    while distance > 0 {
        distance -= 1;
        out.push(distance as u8 | 0x80);
        distance >>= 7;
    }
    out.reverse();
    out
}

/// Builds a pack.
pub(crate) struct PackWriter {
    pub(crate) format: Format,
    bytes: Vec<u8>,
    /// Id, CRC-32 and offset of each entry.
    rows: Vec<(ObjectId, u32, u64)>,
}

impl PackWriter {
    pub(crate) fn new(format: Format) -> Self {
        Self { format, bytes: b"PACK\0\0\0\x02\0\0\0\0".to_vec(), rows: Vec::new() }
    }

    /// Adds an entry as raw bytes; returns its offset.
    pub(crate) fn raw(&mut self, id: ObjectId, bytes: &[u8]) -> u64 {
        let offset = self.bytes.len() as u64;
        let mut crc = flate2::Crc::new();
        crc.update(bytes);
        self.rows.push((id, crc.sum(), offset));
        self.bytes.extend_from_slice(bytes);
        offset
    }

    /// Adds an object that is not a delta; returns its id and offset.
    pub(crate) fn whole(&mut self, kind: Kind, content: &[u8]) -> (ObjectId, u64) {
        let id = ObjectId::of(self.format, kind, content);
        let bytes = [head(kind as u8, content.len() as u64), deflate(content)].concat();
        (id, self.raw(id, &bytes))
    }

    /// Adds a delta to the entry at an offset; returns its own offset.
    pub(crate) fn delta_at(&mut self, id: ObjectId, base: u64, delta: &[u8]) -> u64 {
        let distance = self.bytes.len() as u64 - base;
        self.raw(id, &[head(6, delta.len() as u64), back(distance), deflate(delta)].concat())
    }

    /// Adds a delta to an object given by its id; returns its own offset.
    pub(crate) fn delta_of(&mut self, id: ObjectId, base: &ObjectId, delta: &[u8]) -> u64 {
        self.raw(id, &[&head(7, delta.len() as u64), base.raw(), &deflate(delta)].concat())
    }

    /// The pack, with its count and its checksum.
    pub(crate) fn pack(&self) -> Vec<u8> {
        let mut bytes = self.bytes.clone();
        bytes[8..12].copy_from_slice(&(self.rows.len() as u32).to_be_bytes());
        bytes.extend(hash(self.format, &bytes));
        bytes
    }

    /// The index of the pack, of version 1 or 2.
    pub(crate) fn index(&self, version: u32) -> Vec<u8> {
        let rows: Vec<_> = self.rows.iter().map(|(id, crc, offset)| (*id, *crc, *offset)).collect();
        index(version, self.format, rows, &hash(self.format, &self.pack()))
    }

    /// Writes pack and index into a folder; returns the path of the pack.
    pub(crate) fn write(&self, folder: &Folder) -> PathBuf {
        folder.write("pack-a.idx", &self.index(2));
        folder.write("pack-a.pack", &self.pack())
    }
}

/// An index (gitformat-pack, versions 1 and 2).
pub(crate) fn index(version: u32, format: Format, mut rows: Vec<(ObjectId, u32, u64)>, trailer: &[u8]) -> Vec<u8> {
    rows.sort_unstable();
    let mut out = if version == 1 { Vec::new() } else { [b"\xfftOc", &version.to_be_bytes()[..]].concat() };
    for first in 0..=255 {
        let below = rows.iter().filter(|(id, ..)| id.raw()[0] <= first).count() as u32;
        out.extend(below.to_be_bytes());
    }
    if version == 1 {
        out.extend(rows.iter().flat_map(|(id, _, at)| [&(*at as u32).to_be_bytes(), id.raw()].concat()));
    } else {
        out.extend(rows.iter().flat_map(|(id, ..)| id.raw().to_vec()));
        out.extend(rows.iter().flat_map(|(_, crc, _)| crc.to_be_bytes()));
        let mut far = Vec::new();
        for (_, _, offset) in &rows {
            let short = if *offset < 1 << 31 {
                *offset as u32
            } else {
                far.extend(offset.to_be_bytes());
                1 << 31 | (far.len() / 8 - 1) as u32
            };
            out.extend(short.to_be_bytes());
        }
        out.extend(far);
    }
    out.extend_from_slice(trailer);
    out.extend(hash(format, &out));
    out
}
