//! Snappy: framed streams (`.sz`, the files of many log shippers), and bare blocks for readers of other formats.

use std::io::{self, BufReader, Read};

use keyradius_core::seam::{About, Container, Inside, Magic, Reader, Unopenable};
use keyradius_readers::stored::le32;

use super::compressed::{READ, only_member};
use super::inner::decodes;

/// Framed Snappy streams.
#[derive(Debug)]
pub(crate) struct Snappy;

static ABOUT: About = About {
    id: "snappy",
    title: "Snappy stream",
    detects: "Framed Snappy streams, decompressed as they are read. The contents are scanned like a file.",
    blind_to: "Checksums are not verified. Bare blocks, except in formats that are read (LevelDB, Parquet), because they \
               begin with nothing but a length.",
    respond: "Treat the contents as plain text.",
    references: &["snappy, framing_format.txt and format_description.txt"],
};

/// The stream identifier: a chunk of type 0xff and six bytes.
const MAGIC: &[u8] = b"\xff\x06\0\0sNaPpY";

/// Most bytes of a chunk before compression (framing_format.txt 3).
const MOST_CHUNK: usize = 65_536;

/// Memory of a decoder, in bytes: a chunk, compressed and not.
const MEMORY: u64 = 256 << 10;

impl Container for Snappy {
    fn about(&self) -> &'static About {
        &ABOUT
    }

    fn magics(&self) -> &'static [Magic] {
        &[Magic { at: 0, bytes: MAGIC }]
    }

    fn inner(&self) -> &'static [Magic] {
        self.magics()
    }

    fn begins(&self, start: &[u8]) -> bool {
        start.starts_with(MAGIC) && decodes(Frames { input: start, out: Vec::new(), at: 0 })
    }

    fn reader(&self) -> Reader {
        Reader::InOrder(open)
    }
}

fn open(input: &mut dyn Read, inside: &mut dyn Inside) -> Result<(), Unopenable> {
    inside.holds(MEMORY)?;
    let input = BufReader::with_capacity(READ, input);
    only_member(&mut Frames { input, out: Vec::new(), at: 0 }, inside, "Snappy stream")
}

/// The chunks of a stream.
struct Frames<R> {
    input: R,
    out: Vec<u8>,
    at: usize,
}

impl<R: Read> Frames<R> {
    /// Decodes the next chunk into `out`. Returns whether there was one.
    fn next(&mut self) -> io::Result<bool> {
        let invalid = || io::Error::from(io::ErrorKind::InvalidData);
        let mut head = [0; 4];
        // The end, or half a head.
        if self.input.read(head.get_mut(..1).unwrap_or_default())? == 0 {
            return Ok(false);
        }
        self.input.read_exact(head.get_mut(1..).unwrap_or_default())?;
        let [kind, ..] = head;
        let length = le32(&head, 0).map_or(0, |word| word >> 8);
        self.out.clear();
        self.at = 0;
        // Reserved chunks that may be skipped, padding, and the identifier.
        if kind >= 0x80 {
            let skipped = io::copy(&mut (&mut self.input).take(length.into()), &mut io::sink())?;
            return if skipped == u64::from(length) { Ok(true) } else { Err(io::ErrorKind::UnexpectedEof.into()) };
        }
        let length = usize::try_from(length).ok().filter(|length| (4..=2 * MOST_CHUNK).contains(length));
        let mut chunk = vec![0; length.ok_or_else(invalid)?];
        self.input.read_exact(&mut chunk)?;
        let content = chunk.get(4..).unwrap_or_default();
        match kind {
            0 => self.out = block(content, MOST_CHUNK).ok_or_else(invalid)?,
            1 => self.out.extend_from_slice(content),
            _ => return Err(invalid()),
        }
        Ok(true)
    }
}

impl<R: Read> Read for Frames<R> {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        while self.at >= self.out.len() {
            if into.is_empty() || !self.next()? {
                return Ok(0);
            }
        }
        let read = self.out.get(self.at..).unwrap_or_default().read(into)?;
        self.at += read;
        Ok(read)
    }
}

/// Decompresses a bare block: its length, then literals and copies. `None` if it is damaged, or longer than `most`.
pub(crate) fn block(mut bytes: &[u8], most: usize) -> Option<Vec<u8>> {
    let length = varint(&mut bytes).and_then(|length| usize::try_from(length).ok()).filter(|l| *l <= most)?;
    // A copy of three bytes makes at most 64.
    if length / 22 > bytes.len() {
        return None;
    }
    let mut out: Vec<u8> = Vec::with_capacity(length);
    while let Some((&tag, rest)) = bytes.split_first() {
        let upper = usize::from(tag >> 2);
        let number = |count: usize| {
            let field = rest.get(..count)?;
            Some(field.iter().rev().fold(0_usize, |value, byte| value << 8 | usize::from(*byte)))
        };
        let (count, distance, used) = match tag & 3 {
            0 => {
                let extra = upper.saturating_sub(59);
                let count = if extra == 0 { upper } else { number(extra)? }.checked_add(1)?;
                let literal = rest.get(extra..extra.checked_add(count)?)?;
                if out.len().checked_add(count)? > length {
                    return None;
                }
                out.extend_from_slice(literal);
                bytes = rest.get(extra + count..)?;
                continue;
            }
            1 => (4 + (upper & 7), (upper >> 3) << 8 | number(1)?, 1),
            2 => (1 + upper, number(2)?, 2),
            _ => (1 + upper, number(4)?, 4),
        };
        copy(&mut out, distance, count, length)?;
        bytes = rest.get(used..)?;
    }
    (out.len() == length).then_some(out)
}

/// Appends `count` bytes from `distance` bytes before the end; they may overlap. `None` beyond the start, or beyond
/// `most` bytes.
pub(crate) fn copy(out: &mut Vec<u8>, distance: usize, count: usize, most: usize) -> Option<()> {
    let from = out.len().checked_sub(distance).filter(|_| distance > 0)?;
    if out.len().checked_add(count)? > most {
        return None;
    }
    for at in from..from + count {
        let byte = *out.get(at)?;
        out.push(byte);
    }
    Some(())
}

/// A number of 7 bits per byte, the lowest first; at most five bytes.
pub(crate) fn varint(bytes: &mut &[u8]) -> Option<u64> {
    let length = bytes.iter().take(10).position(|byte| byte & 0x80 == 0)? + 1;
    let (number, rest) = bytes.split_at_checked(length)?;
    *bytes = rest;
    Some(number.iter().rev().fold(0, |value: u64, byte| value << 7 | u64::from(byte & 0x7f)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::collect::{open, torture};

    #[test]
    fn literals_and_copies() {
        // 20 bytes: "abcd" and a copy of 16 from a distance of 4.
        let packed = [20, 3 << 2, b'a', b'b', b'c', b'd', 15 << 2 | 2, 4, 0];
        assert_eq!(block(&packed, 100).unwrap(), b"abcd".repeat(5));
        assert_eq!(block(&packed, 19), None, "longer than allowed");
        for cut in 0..packed.len() {
            assert_eq!(block(&packed[..cut], 100), None, "{cut}");
        }
        assert_eq!(block(&[4, 0, b'a', 2 << 2 | 2, 2, 0], 100), None, "before the start");
        assert_eq!(block(&[0], 100).unwrap(), b"");
        let long = [&[0x80, 0x02, 60 << 2, 255][..], &[7; 256]].concat();
        assert_eq!(block(&long, 300).unwrap(), [7; 256]);
    }

    #[test]
    fn chunks_of_a_stream() {
        let chunk =
            |kind: u8, content: &[u8]| [&[kind][..], &(content.len() as u32).to_le_bytes()[..3], content].concat();
        let packed = [&[0; 4][..], &[20, 3 << 2, b'a', b'b', b'c', b'd', 15 << 2 | 2, 4, 0]].concat();
        let stream = [MAGIC.to_vec(), chunk(0, &packed), chunk(0xfe, &[0; 9]), chunk(1, b"sum.stored")].concat();
        let text = [&b"abcd".repeat(5)[..], b"stored"].concat();
        assert_eq!(open(&Snappy, &stream).unwrap().content(""), Some(&text[..]));
        assert!(Snappy.begins(&stream) && !Snappy.begins(MAGIC));
        let cut = open(&Snappy, &stream[..stream.len() - 1]).unwrap();
        assert_eq!(cut.reasons(), [keyradius_core::error::Reason::ReadError]);
        torture(&Snappy, &stream, 1);
    }
}
