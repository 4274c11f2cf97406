//! JFFS2: flash file systems, in either byte order: nodes of folders and of parts of files, compressed by zlib, rtime or not.
//!
//! The nodes are read in the order of the image. Later versions of a node replace earlier ones, but all are read: what was
//! deleted or replaced stays on the flash until it is erased.

use std::collections::BTreeMap;
use std::io::{self, Read};

use flate2::read::ZlibDecoder;
use keyradius_core::error::{Malformed, Reason};
use keyradius_core::read_at::Cursor;
use keyradius_core::seam::{About, Container, Inside, Magic, Member, Reader, Unopenable};
use keyradius_readers::stored::held;

use super::lzo;

/// JFFS2 file systems.
#[derive(Debug)]
pub(crate) struct Jffs2;

static ABOUT: About = About {
    id: "jffs2",
    title: "JFFS2 file system",
    detects: "JFFS2 images of either byte order: files from their nodes, compressed by zlib or rtime or stored.",
    blind_to: "Extended attributes. Names are those of the last folder \
               entry of a file.",
    respond: "Firmware is on every device that runs it: replace the key, then ship new firmware.",
    references: &["Linux, include/uapi/linux/jffs2.h"],
};

/// jffs2.h: JFFS2_MAGIC_BITMASK, and types of nodes with their features.
const MAGIC: u16 = 0x1985;
const FOLDER_ENTRY: u16 = 0xe001;
const INODE: u16 = 0xe002;

/// Most nodes, and most bytes of one after decompression: those of a page, with room.
const MOST_NODES: usize = 1 << 20;
const MOST_NODE: u64 = 1 << 20;

/// Memory of a node in the index besides its name, in bytes.
const AROUND: u64 = 96;

/// How far to search for the next node after a damaged one: erased blocks.
const STEP: u64 = 4;

impl Container for Jffs2 {
    fn about(&self) -> &'static About {
        &ABOUT
    }

    fn magics(&self) -> &'static [Magic] {
        &[
            Magic { at: 0, bytes: &[0x85, 0x19, 0x01, 0xe0] },
            Magic { at: 0, bytes: &[0x85, 0x19, 0x02, 0xe0] },
            Magic { at: 0, bytes: &[0x85, 0x19, 0x03, 0x20] },
            Magic { at: 0, bytes: &[0x19, 0x85, 0xe0, 0x01] },
            Magic { at: 0, bytes: &[0x19, 0x85, 0xe0, 0x02] },
            Magic { at: 0, bytes: &[0x19, 0x85, 0x20, 0x03] },
        ]
    }

    fn claims(&self, start: &[u8]) -> bool {
        self.magics().iter().any(|magic| magic.begins(start)) && Node::read(start).is_some()
    }

    fn inner(&self) -> &'static [Magic] {
        self.magics()
    }

    fn has_headers(&self) -> bool {
        true
    }

    fn reader(&self) -> Reader {
        Reader::AnyPlace(|bytes, inside| read(&bytes, inside))
    }
}

/// The header of a node.
struct Node {
    big: bool,
    kind: u16,
    /// Length with the header, in bytes.
    length: u64,
}

/// A number of up to four bytes in the byte order of the image.
fn number(bytes: &[u8], at: usize, length: usize, big: bool) -> Option<u32> {
    let field = bytes.get(at..at + length)?;
    let add = |value: u32, byte: &u8| value << 8 | u32::from(*byte);
    Some(if big { field.iter().fold(0, add) } else { field.iter().rev().fold(0, add) })
}

impl Node {
    /// Reads a header and verifies its checksum.
    fn read(bytes: &[u8]) -> Option<Self> {
        let big = bytes.starts_with(&MAGIC.to_be_bytes());
        let half = |at| number(bytes, at, 2, big).and_then(|half| u16::try_from(half).ok());
        let length = number(bytes, 4, 4, big).filter(|length| *length >= 12)?;
        let is_sound = half(0)? == MAGIC && number(bytes, 8, 4, big)? == sum(bytes.get(..8)?);
        is_sound.then_some(Self { big, kind: half(2)?, length: length.into() })
    }
}

/// The checksum of JFFS2: CRC-32 that begins with zero and is not inverted.
fn sum(bytes: &[u8]) -> u32 {
    bytes.iter().fold(0, |sum, byte| {
        let slot = ((sum ^ u32::from(*byte)) & 0xff) as usize;
        sum >> 8 ^ SUMS.get(slot).copied().unwrap_or_default()
    })
}

static SUMS: [u32; 256] = {
    let mut sums = [0; 256];
    let mut at = 0;
    while at < 256 {
        let (mut sum, mut bit) = (at as u32, 0);
        while bit < 8 {
            sum = if sum & 1 == 1 { sum >> 1 ^ 0xedb8_8320 } else { sum >> 1 };
            bit += 1;
        }
        #[allow(clippy::indexing_slicing, reason = "a table of 256")]
        {
            sums[at] = sum;
        }
        at += 1;
    }
    sums
};

/// A part of a file.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Part {
    /// Its place in the file.
    offset: u32,
    version: u32,
    /// The place of its data in the image, and its lengths.
    at: u64,
    packed: u32,
    length: u32,
    method: u8,
    /// The checksum of its data.
    sum: u32,
    /// Whether its lengths are impossible.
    wrong: bool,
}

/// What is known of an image.
#[derive(Default)]
struct Files {
    names: BTreeMap<u32, (u32, Vec<u8>)>,
    parts: BTreeMap<u32, Vec<Part>>,
    /// Length of all names in bytes, those that were replaced included.
    named: u64,
}

fn read(bytes: &Cursor, inside: &mut dyn Inside) -> Result<(), Unopenable> {
    let malformed = Malformed::new("node of JFFS2", 0);
    let mut files = Files::default();
    let (mut at, mut nodes, mut granted) = (0, 0_usize, 0);
    let first = held(bytes, 0, 12, 12).and_then(|start| Node::read(&start)).ok_or(malformed)?;
    while at + 12 <= bytes.size() {
        let Some(node) = held(bytes, at, 12, 12).and_then(|start| Node::read(&start)).filter(|n| n.big == first.big)
        else {
            match next(bytes, at + STEP, first.big) {
                Some(found) => at = found,
                None => break,
            }
            continue;
        };
        nodes += 1;
        let holds = nodes as u64 * AROUND + files.named;
        if holds > granted {
            granted = holds.next_multiple_of(1 << 20);
            if nodes > MOST_NODES || inside.holds(granted).is_err() {
                inside.unread(Member { name: b"", at }, Reason::TooLarge, "nodes");
                break;
            }
        }
        files.add(bytes, at, &node);
        at = (at + node.length).next_multiple_of(STEP);
    }
    let mut unsupported = false;
    for (inode, parts) in &mut files.parts {
        parts.sort_unstable_by_key(|part| (part.offset, part.version));
        unsupported |= parts.iter().any(|part| !matches!(part.method, 0 | 1 | 2 | 6 | 7));
        let path = path(*inode, &files.names);
        let member = Member { name: &path, at: parts.first().map_or(0, |part| part.at) };
        let mut content = Content { bytes, parts: parts.iter(), block: Vec::new(), at: 0, damaged: false };
        let flow = inside.member(member, &mut content);
        if content.damaged {
            inside.unread(member, Reason::Damaged, "node");
        }
        if flow.is_break() {
            return Ok(());
        }
    }
    if unsupported {
        inside.unread(Member { name: b"", at: 0 }, Reason::Unsupported, "method");
    }
    Ok(())
}

/// Finds the next magic number, on a multiple of four bytes.
fn next(bytes: &Cursor, from: u64, big: bool) -> Option<u64> {
    const CHUNK: usize = 64 << 10;
    let magic = if big { MAGIC.to_be_bytes() } else { MAGIC.to_le_bytes() };
    let mut chunk = vec![0; CHUNK];
    let mut at = from;
    loop {
        let read = bytes.read_from(at, &mut chunk).ok()?;
        let held = chunk.get(..read)?;
        if let Some(found) =
            memchr::memmem::find_iter(held, &magic).find(|found| (at + *found as u64).is_multiple_of(STEP))
        {
            return Some(at + found as u64);
        }
        if read < CHUNK {
            return None;
        }
        at += (CHUNK - 4) as u64;
    }
}

impl Files {
    fn add(&mut self, bytes: &Cursor, at: u64, node: &Node) {
        let Some(head) = held(bytes, at, node.length.min(68), 68) else { return };
        let word = |at| number(&head, at, 4, node.big);
        match node.kind {
            // jffs2_raw_dirent: parent, version, inode, time, length of the name.
            FOLDER_ENTRY => {
                let (Some(parent), Some(inode), Some(length)) = (word(12), word(20), head.get(28)) else { return };
                if let Some(name) = held(bytes, at + 40, u64::from(*length), 255)
                    && inode != 0
                {
                    self.named += name.len() as u64;
                    self.names.insert(inode, (parent, name));
                }
            }
            // jffs2_raw_inode: inode, version, mode, ..., offset, packed and unpacked length, method.
            INODE => {
                let (Some(inode), Some(version), Some(mode)) = (word(12), word(16), word(20)) else { return };
                let (Some(offset), Some(packed), Some(length), Some(method), Some(sum)) =
                    (word(44), word(48), word(52), head.get(56), word(60))
                else {
                    return;
                };
                // What does not fit is read as far as it goes, and reported.
                let room = u32::try_from(node.length.saturating_sub(68).min(MOST_NODE)).unwrap_or(u32::MAX);
                let wrong = packed > room || u64::from(length) > MOST_NODE;
                if mode & 0xf000 == 0x8000 && packed > 0 {
                    let packed = packed.min(room);
                    let part = Part { offset, version, at: at + 68, packed, length, method: *method, sum, wrong };
                    self.parts.entry(inode).or_default().push(part);
                }
            }
            _ => {}
        }
    }
}

/// The path of a file: its name after those of its folders.
fn path(inode: u32, names: &BTreeMap<u32, (u32, Vec<u8>)>) -> Vec<u8> {
    let (mut parts, mut at, mut length) = (Vec::new(), inode, 0);
    while let Some((parent, name)) = names.get(&at).filter(|_| parts.len() < 128 && length < 4096) {
        length += name.len();
        parts.push(name.as_slice());
        at = *parent;
    }
    parts.reverse();
    parts.join(&b'/')
}

/// The parts of a file, one after another; older versions of a part come first.
struct Content<'a> {
    bytes: &'a Cursor,
    parts: std::slice::Iter<'a, Part>,
    block: Vec<u8>,
    at: usize,
    damaged: bool,
}

impl Content<'_> {
    /// The data of a part, whatever its header says of it, and whether all is as it says.
    fn unpack(&self, part: &Part) -> (Vec<u8>, bool) {
        let Some(packed) = held(self.bytes, part.at, part.packed.into(), MOST_NODE) else { return (Vec::new(), false) };
        let is_sound = !part.wrong && sum(&packed) == part.sum;
        let mut out = Vec::new();
        let ended = match part.method {
            0 => {
                out = packed;
                true
            }
            1 => {
                out.resize(part.length.min(MOST_NODE as u32) as usize, 0);
                true
            }
            2 => rtime(&packed, &mut out).is_some(),
            7 => lzo::decompress(&packed, &mut out, MOST_NODE as usize).is_some(),
            6 => ZlibDecoder::new(packed.as_slice()).take(MOST_NODE).read_to_end(&mut out).is_ok(),
            // What cannot be decompressed was reported.
            _ => return (out, true),
        };
        let is_whole = ended && out.len() as u64 == u64::from(part.length);
        (out, is_sound && is_whole)
    }
}

/// rtime (Linux, fs/jffs2/compr_rtime.c): a byte, and how many bytes follow that came after its last occurrence.
fn rtime(packed: &[u8], out: &mut Vec<u8>) -> Option<()> {
    let mut last = [0_usize; 256];
    for pair in packed.chunks_exact(2) {
        let &[byte, repeats] = pair else { return None };
        out.push(byte);
        let from = std::mem::replace(last.get_mut(usize::from(byte))?, out.len());
        for at in from..from + usize::from(repeats) {
            let byte = *out.get(at).filter(|_| out.len() < MOST_NODE as usize)?;
            out.push(byte);
        }
    }
    Some(())
}

impl Read for Content<'_> {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        while self.at >= self.block.len() {
            let Some(part) = self.parts.next() else { return Ok(0) };
            self.at = 0;
            let (block, is_whole) = self.unpack(part);
            self.damaged |= !is_whole;
            self.block = block;
        }
        let read = self.block.get(self.at..).unwrap_or_default().read(into)?;
        self.at += read;
        Ok(read)
    }
}
