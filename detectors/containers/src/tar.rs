//! tar: `ustar` headers, GNU with long names and sparse files, POSIX with `pax` records.
//!
//! Headers are parsed here, because existing libraries stop at a damaged one. After a damaged header, the bytes up to
//! the next header with a valid checksum are searched as they are, and reading continues. A sparse file is read with up
//! to a gigabyte of holes. With more holes only its stored bytes are read, so that ten terabytes of zeros cost nothing.
//! Names and links that lead out of the archive are harmless, because nothing is written.

mod sparse;

use std::io::{self, Read};
use std::ops::ControlFlow;

use keyradius_core::error::{Malformed, Reason};
use keyradius_core::seam::{About, Container, Inside, Magic, Member, Reader, Unopenable};

use sparse::{Fault, Map};

/// tar archives.
#[derive(Debug)]
pub(crate) struct Tar;

static ABOUT: About = About {
    id: "tar",
    title: "tar archive",
    detects: "tar archives (ustar, GNU, pax), layers of OCI and docker images. Each member is scanned like a file.",
    blind_to: "Archives of the first tar, without `ustar` in the header: their members are found where they are \
               stored, but without names. A sparse file with more than a gigabyte of holes, or with a map that does \
               not cover exactly the stored bytes, is read as stored and reported as not read.",
    respond: "Treat the contents as plain text. An image layer that removes a file does not remove it from the layer \
              below.",
    references: &["POSIX.1-2017, pax", "GNU tar manual, Basic Tar Format", "OCI Image Layer Filesystem Changeset"],
};

impl Container for Tar {
    fn about(&self) -> &'static About {
        &ABOUT
    }

    fn magics(&self) -> &'static [Magic] {
        // "ustar\0" of POSIX and "ustar  " of GNU.
        &[Magic { at: 257, bytes: b"ustar" }]
    }

    fn reader(&self) -> Reader {
        Reader::InOrder(open)
    }
}

/// Size of a header and unit of all other sizes, in bytes.
const BLOCK: usize = 512;

/// Maximum length of a long name or of `pax` records, in bytes. Longer ones are not interpreted.
const LONG: u64 = 1 << 20;

/// Maximum number of bytes of GNU map blocks that are searched as raw bytes.
const MAP: usize = 1 << 20;

/// One block.
type Block = [u8; BLOCK];

fn open(input: &mut dyn Read, inside: &mut dyn Inside) -> Result<(), Unopenable> {
    let mut blocks = Blocks { input, at: 0, ahead: None };
    let mut long_name: Option<Vec<u8>> = None;
    let mut long_size: Option<u64> = None;
    let mut map: Option<Map> = None;
    let mut began = false;
    loop {
        let header = match blocks.next() {
            Ok(Some(header)) => header,
            Ok(None) => break,
            Err(_) if !began => return Err(Malformed::new("tar header", 0).into()),
            Err(_) => {
                inside.unread(member(b"", blocks.at), Reason::Damaged, "cut off");
                break;
            }
        };
        // Two zero blocks mark the end, but concatenated archives continue after them.
        if header.iter().all(|byte| *byte == 0) {
            continue;
        }
        let at = blocks.at - BLOCK as u64;
        if !is_header(&header) {
            if !began {
                return Err(Malformed::new("tar header", 0).into());
            }
            inside.unread(member(b"", at), Reason::Damaged, "header");
            blocks.ahead = Some(header);
            if inside.member(member(b"", at), &mut Astray::new(&mut blocks)).is_break() {
                return Ok(());
            }
            continue;
        }
        began = true;
        let mut size = number(header.get(124..136).unwrap_or_default());
        let kind = header.get(156).copied().unwrap_or_default();
        if let Some(other) = long_size.filter(|other| *other != size && !matches!(kind, b'x' | b'g' | b'L' | b'K')) {
            // A size that does not fit into the header is only in the records. Any other difference is a second
            // description: the content according to only one of them is read as the data that follows.
            size = if other > MOST_SIZE { other } else { size.min(other) };
            if other <= MOST_SIZE {
                inside.unread(member(b"", at), Reason::Damaged, "header and pax records disagree: size");
            }
        }
        let mut body = Body { blocks: &mut blocks, left: size, padding: 0 };
        body.padding = padding(size);
        match kind {
            // Links, devices and directories have no body, whatever their size field is.
            b'1'..=b'6' => body.left = 0,
            b'L' | b'K' | b'x' | b'g' => {
                let text = body.text();
                match (kind, &text) {
                    (b'L', Some(text)) => {
                        long_name = Some(text.split(|b| *b == 0).next().unwrap_or_default().to_vec());
                    }
                    (b'x', Some(records)) => {
                        long_name = pax(records, &[b"path=", b"GNU.sparse.name="]).or(long_name);
                        let mut found = Map::default();
                        let of_sparse = Records(records).filter(|record| found.record(record)).count();
                        map = (of_sparse > 0).then_some(found);
                        long_size =
                            pax(records, &[b"size="]).and_then(|digits| str::from_utf8(&digits).ok()?.parse().ok());
                    }
                    _ => {}
                }
                // Comments and unknown records are searched as raw bytes, and so is text too long for a name.
                let flow = match &text {
                    Some(records) if matches!(kind, b'x' | b'g') && is_plain(records) => ControlFlow::Continue(()),
                    Some(text) => inside.rest(at, &mut text.as_slice()),
                    None => inside.rest(at, &mut body),
                };
                if flow.is_break() {
                    return Ok(());
                }
            }
            _ => {
                let name = long_name.take().unwrap_or_else(|| name(&header));
                let member = Member { name: &name, at };
                if kind == b'S' {
                    let mut found = Map::default();
                    found.header(&header);
                    if header.get(482).is_some_and(|extended| *extended != 0) {
                        body.sparse_headers(&mut found);
                    }
                    map = Some(found);
                }
                if let Some(map) = map.as_mut().filter(|map| map.in_front) {
                    map.front(&mut body);
                }
                let mut flow = match map.as_ref().map(|map| (map, map.fault(body.left))) {
                    None => inside.member(member, &mut body),
                    Some((map, None)) => inside.member(member, &mut map.fill(&mut body)),
                    Some((_, Some(Fault::Map))) => {
                        inside.unread(member, Reason::Damaged, "map of a sparse file");
                        inside.member(member, &mut body)
                    }
                    Some((_, Some(Fault::Holes))) => {
                        let mut start = Vec::new();
                        let read = (&mut body).take(BLOCK as u64).read_to_end(&mut start);
                        // Text is found part by part just as well without holes; an archive or a file system is not.
                        if read.is_err()
                            || start.iter().any(|byte| byte.is_ascii_control() && !byte.is_ascii_whitespace())
                        {
                            inside.unread(member, Reason::Unsupported, "holes of a sparse file");
                        }
                        inside.member(member, &mut start.chain(&mut body))
                    }
                };
                // Bytes that the map does not cover are stored nevertheless.
                if map.is_some() && body.left > 0 && flow.is_continue() {
                    flow = inside.rest(at, &mut body);
                }
                let blocks = map.take().map(|map| map.blocks).unwrap_or_default();
                if !blocks.is_empty() && flow.is_continue() {
                    flow = inside.rest(at, &mut blocks.as_slice());
                }
                if flow.is_break() {
                    return Ok(());
                }
            }
        }
        if !matches!(kind, b'L' | b'K' | b'x' | b'g') {
            (long_name, long_size, map) = (None, None, None);
        }
        if matches!(kind, b'1'..=b'6') {
            continue;
        }
        if body.finish().is_err() {
            // The reader of the member has reported the error, if there was a member.
            break;
        }
    }
    Ok(())
}

fn member(name: &[u8], at: u64) -> Member<'_> {
    Member { name, at }
}

/// Returns the number of bytes that fill the last block of a member of this size. A header may declare any size.
const fn padding(size: u64) -> u64 {
    size.wrapping_neg() % BLOCK as u64
}

/// Whether the checksum is valid: the sum of all bytes, with blanks in place of the checksum itself. Some old programs
/// summed signed bytes.
fn is_header(block: &Block) -> bool {
    let (Some(field), true) = (block.get(148..156), block.get(257..262) == Some(b"ustar")) else { return false };
    let stored = number(field);
    let bytes = block.iter().enumerate().map(|(i, byte)| if (148..156).contains(&i) { b' ' } else { *byte });
    let (unsigned, signed) =
        bytes.fold((0u64, 0i64), |(u, s), byte| (u + u64::from(byte), s + i64::from(byte.cast_signed())));
    stored == unsigned || i64::try_from(stored).is_ok_and(|stored| stored == signed)
}

/// Reads a number: octal text, or base 256 if the first bit is set (GNU, for more than 8 GiB).
fn number(field: &[u8]) -> u64 {
    match field {
        [first, rest @ ..] if first & 0x80 != 0 => {
            rest.iter().fold(u64::from(first & 0x3f), |n, byte| n.wrapping_shl(8) | u64::from(*byte))
        }
        _ => {
            let digits = field.iter().skip_while(|b| **b == b' ').take_while(|b| matches!(b, b'0'..=b'7'));
            digits.fold(0, |n, digit| n.wrapping_shl(3) | u64::from(digit - b'0'))
        }
    }
}

/// Returns the prefix and the name.
fn name(header: &Block) -> Vec<u8> {
    let text = |from: usize, length: usize| {
        let field = header.get(from..from + length).unwrap_or_default();
        field.split(|byte| *byte == 0).next().unwrap_or_default()
    };
    let is_posix = header.get(257..263) == Some(b"ustar\0");
    match text(345, 155) {
        prefix if is_posix && !prefix.is_empty() => [prefix, b"/", text(0, 100)].concat(),
        _ => text(0, 100).to_vec(),
    }
}

/// Maximum size in a header of eleven octal digits, in bytes.
const MOST_SIZE: u64 = (1 << 33) - 1;

/// Returns the value of one of these keys in `pax` records (`LENGTH KEY=VALUE\n` each). The last one counts.
fn pax(records: &[u8], keys: &[&[u8]]) -> Option<Vec<u8>> {
    let mut found = None;
    for record in Records(records) {
        if let Some(value) = keys.iter().find_map(|key| record.strip_prefix(*key)) {
            found = Some(value.to_vec());
        }
    }
    found
}

/// Whether `pax` records contain only names, owners, times and sizes.
fn is_plain(records: &[u8]) -> bool {
    const PLAIN: [&[u8]; 10] =
        [b"path=", b"linkpath=", b"mtime=", b"atime=", b"ctime=", b"size=", b"uid=", b"gid=", b"uname=", b"gname="];
    let mut rest = Records(records);
    rest.by_ref().all(|record| PLAIN.iter().any(|key| record.starts_with(key))) && rest.0.is_empty()
}

/// `pax` records without their lengths and the line breaks after them.
struct Records<'a>(&'a [u8]);

impl<'a> Iterator for Records<'a> {
    type Item = &'a [u8];

    fn next(&mut self) -> Option<&'a [u8]> {
        let blank = self.0.iter().position(|byte| *byte == b' ')?;
        let length: usize = str::from_utf8(self.0.get(..blank)?).ok()?.parse().ok()?;
        let record = self.0.get(blank + 1..length.checked_sub(1)?)?;
        self.0 = self.0.get(length..)?;
        Some(record)
    }
}

/// The input, read block by block.
struct Blocks<'r> {
    input: &'r mut dyn Read,
    /// Bytes read.
    at: u64,
    /// A block that was read but not used.
    ahead: Option<Block>,
}

impl Blocks<'_> {
    /// Reads the next block; `None` at the end. An error if the last block is incomplete.
    fn next(&mut self) -> io::Result<Option<Block>> {
        if let Some(block) = self.ahead.take() {
            return Ok(Some(block));
        }
        let mut block = [0; BLOCK];
        let mut held = 0;
        while let Some(room) = block.get_mut(held..).filter(|room| !room.is_empty()) {
            match self.input.read(room) {
                Ok(0) if held == 0 => return Ok(None),
                Ok(0) => return Err(io::ErrorKind::UnexpectedEof.into()),
                Ok(read) => held += read,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        self.at += BLOCK as u64;
        Ok(Some(block))
    }
}

/// The body of one member.
struct Body<'b, 'r> {
    blocks: &'b mut Blocks<'r>,
    left: u64,
    padding: u64,
}

impl Body<'_, '_> {
    /// Reads a whole short body; `None` if it is longer than [`LONG`] or cut off.
    fn text(&mut self) -> Option<Vec<u8>> {
        if self.left > LONG {
            return None;
        }
        let mut text = Vec::new();
        self.read_to_end(&mut text).ok()?;
        Some(text)
    }

    /// Reads the parts of a sparse file that did not fit into its header.
    fn sparse_headers(&mut self, map: &mut Map) {
        while let Ok(Some(block)) = self.blocks.next() {
            map.entries(block.get(..504).unwrap_or_default());
            if map.blocks.len() < MAP {
                map.blocks.extend(block);
            }
            // 21 parts in each block, then a flag for another block.
            if block.get(504).is_none_or(|more| *more == 0) {
                break;
            }
        }
    }

    /// Skips the unread rest of the body, and the padding.
    fn finish(mut self) -> io::Result<()> {
        io::copy(&mut self, &mut io::sink())?;
        let padding = io::copy(&mut Read::take(&mut *self.blocks.input, self.padding), &mut io::sink())?;
        self.blocks.at += padding;
        Ok(())
    }
}

impl Read for Body<'_, '_> {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        let most = into.len().min(usize::try_from(self.left).unwrap_or(usize::MAX));
        let Some(into) = into.get_mut(..most).filter(|into| !into.is_empty()) else { return Ok(0) };
        let read = self.blocks.input.read(into)?;
        if read == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        self.left -= read as u64;
        self.blocks.at += read as u64;
        Ok(read)
    }
}

/// Blocks that belong to no member, up to the next valid header.
struct Astray<'b, 'r> {
    blocks: &'b mut Blocks<'r>,
    block: Block,
    /// Number of bytes of the block already returned.
    given: usize,
    /// Whether the first block, which is not a header, was read.
    began: bool,
}

impl<'b, 'r> Astray<'b, 'r> {
    const fn new(blocks: &'b mut Blocks<'r>) -> Self {
        Self { blocks, block: [0; BLOCK], given: BLOCK, began: false }
    }
}

impl Read for Astray<'_, '_> {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        if self.given == BLOCK {
            match self.blocks.next() {
                Ok(Some(block)) if self.began && is_header(&block) => {
                    self.blocks.ahead = Some(block);
                    return Ok(0);
                }
                Ok(Some(block)) => self.block = block,
                Ok(None) => return Ok(0),
                Err(error) => return Err(error),
            }
            (self.given, self.began) = (0, true);
        }
        let from = self.block.get(self.given..).unwrap_or_default();
        let length = from.len().min(into.len());
        if let (Some(into), Some(from)) = (into.get_mut(..length), from.get(..length)) {
            into.copy_from_slice(from);
        }
        self.given += length;
        Ok(length)
    }
}

#[cfg(test)]
mod tests;
