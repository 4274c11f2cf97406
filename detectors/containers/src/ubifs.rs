//! UBIFS: the file system of raw flash, a log of nodes. All nodes are read, so deleted files and older contents are found
//! as well, as far as they were not erased.

mod nodes;

use std::collections::BTreeMap;
use std::io::{self, Read};

use flate2::read::DeflateDecoder;
use keyradius_core::error::{Malformed, Reason};
use keyradius_core::read_at::Cursor;
use keyradius_core::seam::{About, Container, Inside, Magic, Member, Reader, Unopenable};
use keyradius_readers::stored::held;

use super::lzo;
use nodes::{Files, Node, Part};

/// UBIFS images.
#[derive(Debug)]
pub(crate) struct Ubifs;

static ABOUT: About = About {
    id: "ubifs",
    title: "UBIFS file system",
    detects: "Files of UBIFS images (mkfs.ubifs, volumes of UBI images): stored, or compressed by LZO, zlib or Zstandard. \
              Older versions of the blocks of a file, deleted files and extended attributes are read as well.",
    blind_to: "Encrypted files (fscrypt), which look like any other bytes.",
    respond: "Firmware is on every device that runs it: replace the key, then ship new firmware.",
    references: &["Linux, fs/ubifs/ubifs-media.h"],
};

/// Most bytes of a node, packed and unpacked: two blocks of a file (UBIFS_BLOCK_SIZE).
const MOST_NODE: u64 = 2 * 4096;

impl Container for Ubifs {
    fn about(&self) -> &'static About {
        &ABOUT
    }

    fn magics(&self) -> &'static [Magic] {
        &[Magic { at: 0, bytes: nodes::MAGIC }]
    }

    fn claims(&self, start: &[u8]) -> bool {
        // The first node is the superblock.
        Node::read(start).is_some_and(|node| node.kind == nodes::SUPERBLOCK)
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

fn read(bytes: &Cursor, inside: &mut dyn Inside) -> Result<(), Unopenable> {
    let start = held(bytes, 0, 24, 24).and_then(|start| Node::read(&start));
    if start.is_none_or(|node| node.kind != nodes::SUPERBLOCK) {
        return Err(Malformed::new("superblock of UBIFS", 0).into());
    }
    let files = Files::read(bytes, inside);
    let mut unknown = false;
    for (inode, parts) in &files.parts {
        let path = path(*inode, &files.names);
        // Of each block, the newest comes last.
        let (mut newest, mut older) = (Vec::new(), Vec::new());
        let mut parts_left = parts.iter().peekable();
        while let Some(part) = parts_left.next() {
            let is_newest = parts_left.peek().is_none_or(|next| next.block != part.block);
            if is_newest { newest.push(*part) } else { older.push(*part) }
        }
        unknown |= parts.iter().any(|part| part.method > 3);
        for parts in [newest, older] {
            let Some(first) = parts.first() else { continue };
            let member = Member { name: &path, at: first.at };
            let mut content = Content { bytes, parts: parts.into_iter(), block: Vec::new(), at: 0, damaged: false };
            let flow = inside.member(member, &mut content);
            if content.damaged {
                inside.unread(member, Reason::Damaged, "node");
            }
            if flow.is_break() {
                return Ok(());
            }
        }
    }
    if unknown {
        inside.unread(Member { name: b"", at: 0 }, Reason::Unsupported, "method");
    }
    Ok(())
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

/// The blocks of a file, one after another.
struct Content<'a> {
    bytes: &'a Cursor,
    parts: std::vec::IntoIter<Part>,
    block: Vec<u8>,
    at: usize,
    damaged: bool,
}

impl Content<'_> {
    /// The data of a part, whatever its header says of it, and whether all is as it says.
    fn unpack(&self, part: &Part) -> (Vec<u8>, bool) {
        let Some(packed) = held(self.bytes, part.at, part.packed, MOST_NODE) else { return (Vec::new(), false) };
        let mut out = Vec::new();
        let ended = match part.method {
            0 => {
                out = packed;
                true
            }
            1 => lzo::decompress(&packed, &mut out, MOST_NODE as usize).is_some(),
            2 => DeflateDecoder::new(packed.as_slice()).take(MOST_NODE).read_to_end(&mut out).is_ok(),
            3 => zstd::stream::read::Decoder::with_buffer(packed.as_slice())
                .is_ok_and(|unpacked| unpacked.take(MOST_NODE).read_to_end(&mut out).is_ok()),
            // What cannot be decompressed was reported.
            _ => return (out, true),
        };
        let is_whole = ended && out.len() as u64 == part.length;
        (out, is_whole)
    }
}

impl Read for Content<'_> {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        while self.at >= self.block.len() {
            let Some(part) = self.parts.next() else { return Ok(0) };
            self.at = 0;
            let (block, is_whole) = self.unpack(&part);
            self.damaged |= !is_whole;
            self.block = block;
        }
        let read = self.block.get(self.at..).unwrap_or_default().read(into)?;
        self.at += read;
        Ok(read)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::collect::{open, torture};
    use crate::inner::checksum;

    fn node(kind: u8, sequence: u64, rest: &[u8]) -> Vec<u8> {
        let mut all =
            [&sequence.to_le_bytes()[..], &(24 + rest.len() as u32).to_le_bytes(), &[kind, 0, 0, 0], rest].concat();
        all.splice(..0, checksum(&all).to_le_bytes());
        all.splice(..0, nodes::MAGIC.iter().copied());
        all.resize(all.len().next_multiple_of(8), 0xff);
        all
    }

    fn data(sequence: u64, inode: u32, block: u32, method: u16, length: u32, packed: &[u8]) -> Vec<u8> {
        let key = [inode.to_le_bytes(), (1 << 29 | block).to_le_bytes(), [0; 4], [0; 4]].concat();
        node(1, sequence, &[&key[..], &length.to_le_bytes(), &method.to_le_bytes(), &[0, 0], packed].concat())
    }

    fn entry(sequence: u64, parent: u32, inode: u64, name: &[u8]) -> Vec<u8> {
        let key = [parent.to_le_bytes(), (2_u32 << 29).to_le_bytes(), [0; 4], [0; 4]].concat();
        let rest = [&key[..], &inode.to_le_bytes(), &[0, 0], &(name.len() as u16).to_le_bytes(), &[0; 4], name, &[0]];
        node(2, sequence, &rest.concat())
    }

    #[test]
    fn what_is_wrong_is_read_and_reported() {
        let mut broken = data(5, 72, 0, 0, 6, b"broken");
        broken[4] ^= 1;
        let mut endless = data(6, 73, 0, 0, 7, b"endless");
        endless[16..20].copy_from_slice(&u32::MAX.to_le_bytes());
        let mut start = node(6, 1, &[0; 100]);
        start[16..20].copy_from_slice(&u32::MAX.to_le_bytes());
        let image = [start, broken, data(5, 74, 0, 0, 900, b"short"), endless].concat();
        let seen = open(&Ubifs, &image).unwrap();
        let contents: Vec<&[u8]> = seen.members.iter().map(|(_, content)| content.as_slice()).collect();
        assert_eq!(contents[0], b"broken");
        assert!(contents[1].starts_with(b"endless"));
        assert_eq!(contents[2], b"short");
        assert_eq!(seen.reasons(), [Reason::Damaged; 3]);
    }

    #[test]
    fn blocks_of_every_method_newest_first() {
        let packed = [
            0x2b, 0xc9, 0x48, 0x55, 0x28, 0x2c, 0xcd, 0x4c, 0xce, 0x56, 0x48, 0x2a, 0xca, 0x2f, 0xcf, 0x53, 0x48, 0xcb,
            0xaf, 0x00, 0x00,
        ];
        let image = [
            node(6, 1, &[0; 100]),
            entry(2, 1, 70, b"etc"),
            entry(3, 70, 71, b"a.pem"),
            data(4, 71, 0, 0, 3, b"old"),
            data(9, 71, 0, 0, 4, b"new "),
            vec![0xff; 40],
            data(5, 71, 1, 2, 19, &packed),
            data(6, 72, 0, 3, 4, &zstd::bulk::compress(b"zstd", 3).unwrap()),
        ]
        .concat();
        let seen = open(&Ubifs, &image).unwrap();
        let of = |at: usize| (seen.members[at].0.as_str(), seen.members[at].1.as_slice());
        assert_eq!(of(0), ("etc/a.pem", &b"new the quick brown fox"[..]));
        assert_eq!((of(1), of(2)), (("etc/a.pem", &b"old"[..]), ("", &b"zstd"[..])));
        torture(&Ubifs, &image, 17);
    }
}
