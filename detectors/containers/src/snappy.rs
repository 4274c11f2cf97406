//! Snappy: framed streams (`.sz`, the files of many log shippers), and bare blocks for readers of other formats.

use std::io::{self, BufReader, Read};

use keyradius_core::seam::{About, Container, Inside, Magic, Reader, Unopenable};
use keyradius_readers::stored::le32;

use super::compressed::blocks::block;
use super::compressed::{READ, only_member};
use super::inner::decodes;

/// Framed Snappy streams.
#[derive(Debug)]
pub(crate) struct Snappy;

static ABOUT: About = About {
    id: "snappy",
    title: "Snappy stream",
    detects: "Framed Snappy streams, decompressed as they are read. The contents are scanned like a file.",
    blind_to: "Checksums are not verified. Bare blocks in the middle of other bytes, except in formats that are read \
               (LevelDB, Parquet), because they begin with nothing but a length.",
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::collect::{open, torture};

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
