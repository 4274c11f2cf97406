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

/// Longest keyword, language and translated keyword together, in bytes. Most have fewer than the first number.
const HEADERS: [u64; 2] = [1 << 10, 1 << 20];

/// First bytes of a file: if there are so many, and they do not end with the last chunk, a text may come later.
const FIRST: usize = 64 << 10;

/// Most chunks that are read: each has 12 bytes at least, and a picture few.
const MOST: usize = 1 << 20;

impl Container for Png {
    fn about(&self) -> &'static About {
        &ABOUT
    }

    fn magics(&self) -> &'static [Magic] {
        &[Magic { at: 0, bytes: SIGNATURE }]
    }

    /// Only pictures with a text, and large ones.
    fn claims(&self, start: &[u8]) -> bool {
        let has = |kind: &&[u8]| memchr::memmem::find(start, kind).is_some();
        // The last chunk: its length, kind and checksum.
        let is_whole = || start.get(start.len() - 8..).is_some_and(|end| end.starts_with(b"IEND"));
        start.starts_with(SIGNATURE) && (start.len() >= FIRST && !is_whole() || [&b"zTXt"[..], b"iTXt"].iter().any(has))
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
            let part = bytes.part(at + 8, length);
            let begins = |most: u64| {
                let mut data = Vec::new();
                bytes.part(at + 8, length.min(most)).read_to_end(&mut data).ok()?;
                stream(&kind == b"iTXt", &data)
            };
            if let Some(from) = HEADERS.into_iter().find_map(begins) {
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
        // A long language, and a text behind what is looked at first.
        let far = [
            SIGNATURE.to_vec(),
            chunk(b"IDAT", &[7].repeat(99_999)),
            chunk(b"iTXt", &[b"Comment\0\x01\0", &b"e".repeat(70_000)[..], b"\0Remark\0", packed.as_slice()].concat()),
            chunk(b"IEND", b""),
        ]
        .concat();
        let mut seen = Seen::default();
        assert!(Png.claims(&far[..FIRST]));
        open_into(&Png, &far, &mut seen).expect("a picture");
        assert_eq!(seen.members[0].1, b"a text");
        let plain = [SIGNATURE, &chunk(b"IHDR", b"zTXt")].concat();
        assert!(open_into(&Png, &plain, &mut Seen::default()).is_none());
    }
}
