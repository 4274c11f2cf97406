//! zlib streams (RFC 1950), alone or after their length: `git cat-file`'s objects are read by `git_loose`, all others
//! here. `openssl zlib`, `pigz -z`, blobs of Fossil and of Qt (`qCompress`), objects of ostree and of Mercurial.
//!
//! The header of two bytes proves little, so a stream is recognised by inflating its first bytes.

use std::io::{self, BufRead, BufReader, Read};

use flate2::bufread::{DeflateDecoder, ZlibDecoder};
use keyradius_core::error::Malformed;
use keyradius_core::seam::{About, Container, Inside, Magic, Member, Reader, Unopenable};
use keyradius_readers::stored::{be32, be64};

use super::compressed::{READ, only_member, peek};
use super::inner::{decodes, is_zlib};

/// zlib streams.
#[derive(Debug)]
pub(crate) struct Zlib;

static ABOUT: About = About {
    id: "zlib",
    title: "zlib stream",
    detects: "zlib streams that are a file, a value of a database, or a member of an archive, alone or after a length of \
              four bytes, and more of them behind the first (packages of R); files of an ostree archive. The contents \
              are scanned like a file.",
    blind_to: "Streams in the middle of other bytes, unless the format around them is read. Streams with a preset \
               dictionary.",
    respond: "Treat the contents as plain text.",
    references: &["RFC 1950", "Qt, QByteArray::qCompress", "ostree, src/libostree/ostree-repo-commit.c (.filez)"],
};

/// Largest size of the header of an ostree file, in bytes: its extended attributes.
const MOST_HEADER: u32 = 1 << 20;

impl Container for Zlib {
    fn about(&self) -> &'static About {
        &ABOUT
    }

    fn magics(&self) -> &'static [Magic] {
        // CMF 0x78 (deflate, 32 KiB) and FLG by level, such that the pair is a multiple of 31 (RFC 1950 2.2).
        &[
            Magic { at: 0, bytes: &[0x78, 0x01] },
            Magic { at: 0, bytes: &[0x78, 0x5e] },
            Magic { at: 0, bytes: &[0x78, 0x9c] },
            Magic { at: 0, bytes: &[0x78, 0xda] },
        ]
    }

    fn claims(&self, start: &[u8]) -> bool {
        let start = start.get(..start.len().min(READ)).unwrap_or_default();
        begins(start) || before(start).is_some()
    }

    fn reader(&self) -> Reader {
        Reader::InOrder(open)
    }
}

/// Whether the bytes begin a zlib stream.
pub(crate) fn begins(start: &[u8]) -> bool {
    is_zlib(start) && decodes(ZlibDecoder::new(start))
}

/// What precedes the stream.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Before {
    /// The length of the contents.
    Length,
    /// The header of a file in an ostree archive, of this many bytes; deflate without a header follows.
    Header(usize),
}

/// What precedes a stream in these bytes.
fn before(start: &[u8]) -> Option<Before> {
    let length = be32(start, 0)?;
    let rest = start.get(4..)?;
    // Bytes of a usual level: four bytes before two are not much.
    if length > 0 && length < 1 << 30 && matches!(rest, [0x78, 1 | 0x5e | 0x9c | 0xda, ..]) && begins(rest) {
        return Some(Before::Length);
    }
    // GVariant `(tuuuusa(ayay))` after its length and four bytes of padding: the size of the file in big-endian order,
    // owner, group, and a mode that says regular file.
    let header = usize::try_from(length).ok().filter(|_| (25..MOST_HEADER).contains(&length))?.checked_add(8)?;
    let is_file = be32(start, 4) == Some(0)
        && be64(start, 8)? < 1 << 40
        && be32(start, 24)? & 0xf000 == 0x8000
        && be32(start, 28) == Some(0);
    (is_file && decodes(DeflateDecoder::new(start.get(header..)?))).then_some(Before::Header(header))
}

fn open(input: &mut dyn Read, inside: &mut dyn Inside) -> Result<(), Unopenable> {
    let mut start = vec![0; HEAD];
    let start = peek(input, &mut start).map_err(|_| Malformed::new("zlib stream", 0))?;
    let before = if is_zlib(start) { None } else { before(start) };
    let skipped = match before {
        None => 0,
        Some(Before::Length) => 4,
        Some(Before::Header(length)) => length,
    };
    let (head, rest) = start.split_at_checked(skipped).unwrap_or((start, &[]));
    let mut input = Read::chain(rest, input);
    if matches!(before, Some(Before::Header(_))) {
        let mut stream = DeflateDecoder::new(BufReader::with_capacity(READ, input));
        only_member(&mut stream, inside, "deflate stream")?;
        let mut after = stream.into_inner();
        if inside.rest(0, &mut &*head).is_continue() && after.fill_buf().is_ok_and(|bytes| !bytes.is_empty()) {
            let _ = inside.member(Member { name: b"trailing", at: 0 }, &mut after);
        }
        return Ok(());
    }
    let ahead = Ahead { input: &mut input, held: vec![0; READ], at: 0, end: 0 };
    let mut streams = Streams { now: Now::Stream(Box::new(ZlibDecoder::new(ahead))) };
    only_member(&mut streams, inside, "zlib stream")?;
    if let Now::Behind(mut after) = streams.now {
        let _ = inside.member(Member { name: b"trailing", at: 0 }, &mut after);
    }
    Ok(())
}

/// How many bytes tell what begins.
const HEAD: usize = 4 << 10;

/// Streams that follow one another, alone or each after its length, as one: the objects of R in a package (`.rdb`).
struct Streams<'r> {
    now: Now<'r>,
}

enum Now<'r> {
    Stream(Box<ZlibDecoder<Ahead<'r>>>),
    /// Something else follows.
    Behind(Ahead<'r>),
    Over,
}

impl Read for Streams<'_> {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        while let Now::Stream(mut stream) = std::mem::replace(&mut self.now, Now::Over) {
            let read = stream.read(into)?;
            if read > 0 || into.is_empty() {
                self.now = Now::Stream(stream);
                return Ok(read);
            }
            let mut after = stream.into_inner();
            let held = after.peek(HEAD)?;
            let skipped = if begins(held) { Some(0) } else { (before(held) == Some(Before::Length)).then_some(4) };
            self.now = match skipped {
                _ if held.is_empty() => Now::Over,
                Some(skipped) => {
                    after.consume(skipped);
                    Now::Stream(Box::new(ZlibDecoder::new(after)))
                }
                None => {
                    self.now = Now::Behind(after);
                    return Ok(0);
                }
            };
        }
        Ok(0)
    }
}

/// A reader whose next bytes can be looked at.
struct Ahead<'r> {
    input: &'r mut dyn Read,
    held: Vec<u8>,
    at: usize,
    end: usize,
}

impl Ahead<'_> {
    /// The next bytes, fewer than `most` only at the end.
    fn peek(&mut self, most: usize) -> io::Result<&[u8]> {
        if self.end - self.at < most {
            self.held.copy_within(self.at..self.end, 0);
            (self.at, self.end) = (0, self.end - self.at);
            while self.end < most {
                let room = self.held.get_mut(self.end..).unwrap_or_default();
                match self.input.read(room) {
                    Ok(0) => break,
                    Ok(read) => self.end += read,
                    Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                    Err(error) => return Err(error),
                }
            }
        }
        Ok(self.held.get(self.at..self.end).unwrap_or_default())
    }
}

impl BufRead for Ahead<'_> {
    fn fill_buf(&mut self) -> io::Result<&[u8]> {
        self.peek(1)
    }

    fn consume(&mut self, amount: usize) {
        self.at = (self.at + amount).min(self.end);
    }
}

impl Read for Ahead<'_> {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        let read = self.fill_buf()?.read(into)?;
        self.consume(read);
        Ok(read)
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use flate2::Compression;
    use flate2::write::{DeflateEncoder, ZlibEncoder};

    use super::*;
    use crate::collect::{open, torture};

    pub(crate) fn zlib(bytes: &[u8]) -> Vec<u8> {
        let mut encoder = ZlibEncoder::new(Vec::new(), Compression::new(6));
        encoder.write_all(bytes).unwrap();
        encoder.finish().unwrap()
    }

    #[test]
    fn streams_alone_and_after_a_length() {
        let text = b"a text that is compressed".repeat(9);
        let packed = zlib(&text);
        let seen = open(&Zlib, &packed).unwrap();
        assert_eq!(seen.content(""), Some(&text[..]));
        let with_length = [&(text.len() as u32).to_be_bytes()[..], &packed].concat();
        assert_eq!(open(&Zlib, &with_length).unwrap().content(""), Some(&text[..]));
        let followed = [&packed[..], b"and more"].concat();
        assert_eq!(open(&Zlib, &followed).unwrap().content("trailing"), Some(&b"and more"[..]));
        // Many, with and without their lengths, and something else behind them.
        let many = [&with_length[..], &with_length, &packed, &with_length, b"and more"].concat();
        let seen = open(&Zlib, &many).unwrap();
        assert_eq!(seen.content(""), Some(&text.repeat(4)[..]));
        assert_eq!(seen.content("trailing"), Some(&b"and more"[..]));
        for other in [&b"x^2 + y^2 = 1"[..], b"x\x9c", b"x\x01\x02\x03", &[0; 64], b""] {
            assert!(!Zlib.claims(other), "{other:?}");
        }
        torture(&Zlib, &packed, 3);
    }

    #[test]
    fn files_of_an_ostree_archive() {
        let text = b"a file".repeat(30);
        let mut deflate = DeflateEncoder::new(Vec::new(), Compression::new(6));
        deflate.write_all(&text).unwrap();
        let mut header = (text.len() as u64).to_be_bytes().to_vec();
        for word in [0_u32, 0, 0o100_644, 0] {
            header.extend(word.to_be_bytes());
        }
        header.extend([0; 9]);
        let file = [&(header.len() as u32).to_be_bytes()[..], &[0; 4], &header, &deflate.finish().unwrap()].concat();
        assert_eq!(open(&Zlib, &file).unwrap().content(""), Some(&text[..]));
        torture(&Zlib, &file, 3);
    }
}
