//! Compressed texts of PNG pictures (ISO/IEC 15948 11.3.4): `zTXt` and compressed `iTXt`. All other bytes are searched as
//! they are.

use std::io::{BufReader, Read};

use flate2::bufread::ZlibDecoder;
use keyradius_core::error::Malformed;
use keyradius_core::read_at::Cursor;
use keyradius_core::seam::{About, Container, Inside, Magic, Member, Reader, Unopenable};

/// PNG pictures with compressed texts.
#[derive(Debug)]
pub(crate) struct Png;

static ABOUT: About = About {
    id: "png",
    title: "PNG picture with compressed texts",
    detects: "The chunks zTXt and iTXt (compressed) of PNG pictures. Each text is a member.",
    blind_to: "Keys in the pixels of a picture, profiles of colours, and chunks after a damaged one.",
    respond: "Treat the texts as plain text: every viewer of pictures can show them.",
    references: &["ISO/IEC 15948", "RFC 1950"],
};

const SIGNATURE: &[u8] = b"\x89PNG\r\n\x1a\n";

/// Longest keyword, language and translated keyword together, in bytes.
const HEADER: usize = 1 << 10;

/// Most chunks that are read: each has 12 bytes at least, and a picture few.
const MOST: usize = 1 << 20;

impl Container for Png {
    fn about(&self) -> &'static About {
        &ABOUT
    }

    fn magics(&self) -> &'static [Magic] {
        &[Magic { at: 0, bytes: SIGNATURE }]
    }

    /// Only pictures with a text, as far as these first bytes show.
    fn claims(&self, start: &[u8]) -> bool {
        start.starts_with(SIGNATURE)
            && [&b"zTXt"[..], b"iTXt"].iter().any(|kind| memchr::memmem::find(start, kind).is_some())
    }

    fn reader(&self) -> Reader {
        Reader::AnyPlace(open)
    }
}

/// Where the zlib stream of a text begins in its chunk. `None` for a text that is not compressed.
fn stream(is_international: bool, data: &[u8]) -> Option<usize> {
    let after = |from: usize| Some(from + memchr::memchr(0, data.get(from..)?)? + 1);
    let keyword = after(0)?;
    if !is_international {
        // The method: 0 is the only one.
        return (data.get(keyword) == Some(&0)).then_some(keyword + 1);
    }
    (data.get(keyword..keyword + 2)? == [1, 0]).then_some(())?;
    after(after(keyword + 2)?)
}

#[allow(clippy::needless_pass_by_value, reason = "the seam hands it over")]
fn open(bytes: Cursor, inside: &mut dyn Inside) -> Result<(), Unopenable> {
    let mut at = SIGNATURE.len() as u64;
    let mut found = false;
    for _ in 0..MOST {
        let mut head = [0; 8];
        if bytes.read_from(at, &mut head).ok() != Some(head.len()) {
            break;
        }
        let [a, b, c, d, kind @ ..] = head;
        let length = u64::from(u32::from_be_bytes([a, b, c, d]));
        if matches!(&kind, b"zTXt" | b"iTXt") {
            let mut data = [0; HEADER];
            let part = bytes.part(at + 8, length);
            let read = part.read_from(0, &mut data).unwrap_or(0);
            if let Some(from) = stream(&kind == b"iTXt", data.get(..read).unwrap_or_default()) {
                found = true;
                let from = from as u64;
                let packed = BufReader::with_capacity(16 << 10, part.part(from, length.saturating_sub(from)));
                // What was decompressed before a fault is searched; a damaged text does not damage the picture.
                let mut text = Tolerant(ZlibDecoder::new(packed));
                if inside.member(Member { name: &kind, at: at + 8 + from }, &mut text).is_break() {
                    return Ok(());
                }
            }
        }
        if &kind == b"IEND" {
            break;
        }
        at += 12 + length;
    }
    if found { Ok(()) } else { Err(Malformed::new("compressed text of a picture", 0).into()) }
}

/// Ends at a fault.
struct Tolerant<R>(R);

impl<R: Read> Read for Tolerant<R> {
    fn read(&mut self, into: &mut [u8]) -> std::io::Result<usize> {
        Ok(self.0.read(into).unwrap_or(0))
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use flate2::Compression;
    use flate2::write::ZlibEncoder;

    use super::*;
    use crate::collect::{Seen, open_into};

    fn chunk(kind: &[u8], data: &[u8]) -> Vec<u8> {
        [&(data.len() as u32).to_be_bytes()[..], kind, data, &[0; 4]].concat()
    }

    #[test]
    fn compressed_texts_are_members() {
        let mut encoder = ZlibEncoder::new(Vec::new(), Compression::new(6));
        encoder.write_all(b"a text").expect("memory");
        let packed = encoder.finish().expect("memory");
        let picture = [
            SIGNATURE.to_vec(),
            chunk(b"IHDR", &[0; 13]),
            chunk(b"zTXt", &[b"Comment\0\0", packed.as_slice()].concat()),
            chunk(b"iTXt", &[b"Comment\0\x01\0en\0Remark\0", packed.as_slice()].concat()),
            chunk(b"iTXt", b"Comment\0\0\0en\0Remark\0plain"),
            chunk(b"IDAT", &[7; 99]),
            chunk(b"IEND", b""),
        ]
        .concat();
        let mut seen = Seen::default();
        open_into(&Png, &picture, &mut seen).expect("a picture");
        assert_eq!(seen.names(), ["zTXt", "iTXt"]);
        assert!(seen.members.iter().all(|(_, text)| text == b"a text") && seen.unread.is_empty());
        for end in 0..picture.len() {
            let mut seen = Seen::default();
            let _ = open_into(&Png, &picture[..end], &mut seen);
            assert!(seen.unread.is_empty());
        }
        let plain = [SIGNATURE, &chunk(b"IHDR", b"zTXt")].concat();
        assert!(open_into(&Png, &plain, &mut Seen::default()).is_none());
    }
}
