//! Loose objects of git (gitformat-pack and gitrepository-layout) outside a repository: a fixture, a backup, a `.git`
//! that is archived or renamed. An object is one zlib stream of `<kind> <size>\0` and the content.
//!
//! Data after the stream is searched as it is.

use std::io::{self, BufRead, BufReader, Read};

use flate2::bufread::ZlibDecoder;
use flate2::{Decompress, FlushDecompress};
use keyradius_core::error::Malformed;
use keyradius_core::seam::{About, Container, Inside, Magic, Member, Reader, Unopenable};

use super::compressed::READ;

/// Maximum length of a header, in bytes: a kind, a space, twenty digits and a zero.
const HEADER: usize = 32;

/// Loose objects of git.
#[derive(Debug)]
pub(crate) struct GitLoose;

static ABOUT: About = About {
    id: "git_loose",
    title: "loose object of git",
    detects: "Files that are one git object as stored below `.git/objects`, outside a repository: a zlib stream that \
              begins with a kind and a size. The content is scanned like a file.",
    blind_to: "Names and history, because the object is opened by itself. Objects of a whole repository are read as a \
               repository.",
    respond: "Treat the contents as plain text.",
    references: &["gitrepository-layout(5)", "RFC 1950"],
};

impl Container for GitLoose {
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
        if !self.magics().iter().any(|magic| magic.begins(start)) {
            return false;
        }
        let mut header = [0; HEADER];
        let mut inflater = Decompress::new(true);
        let start = start.get(..start.len().min(READ)).unwrap_or_default();
        // A truncated stream is decompressed as far as possible.
        let _ = inflater.decompress(start, &mut header, FlushDecompress::Sync);
        let many = usize::try_from(inflater.total_out()).unwrap_or(HEADER).min(HEADER);
        header_len(header.get(..many).unwrap_or_default()).is_some()
    }

    fn reader(&self) -> Reader {
        Reader::InOrder(open)
    }
}

fn open(input: &mut dyn Read, inside: &mut dyn Inside) -> Result<(), Unopenable> {
    let malformed = Malformed::new("loose object of git", 0);
    let mut stream = ZlibDecoder::new(BufReader::with_capacity(READ, input));
    let mut first = [0; HEADER];
    let mut many = 0;
    while many < HEADER {
        match stream.read(first.get_mut(many..).unwrap_or_default()) {
            Ok(0) => break,
            Ok(read) => many += read,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(_) => break,
        }
    }
    let first = first.get(..many).unwrap_or_default();
    let header = header_len(first).ok_or(malformed)?;
    let rest = first.get(header..).unwrap_or_default();
    if inside.member(Member { name: b"", at: 0 }, &mut Read::chain(rest, &mut stream)).is_break() {
        return Ok(());
    }
    let mut after = stream.into_inner();
    if after.fill_buf().is_ok_and(|bytes| !bytes.is_empty()) {
        let _ = inside.member(Member { name: b"trailing", at: 0 }, &mut after);
    }
    Ok(())
}

/// Returns the length of `<kind> <size>\0` if the bytes begin with such a header.
fn header_len(bytes: &[u8]) -> Option<usize> {
    let end = bytes.iter().position(|byte| *byte == 0)?;
    let mut words = bytes.get(..end)?.splitn(2, |byte| *byte == b' ');
    let kind = [&b"blob"[..], b"tree", b"commit", b"tag"].contains(&words.next()?);
    let size = words.next()?;
    (kind && !size.is_empty() && size.iter().all(u8::is_ascii_digit)).then_some(end + 1)
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use flate2::Compression;
    use flate2::write::ZlibEncoder;

    use super::super::compressed::tests::open;
    use super::*;

    fn zlib(bytes: &[u8], level: u32) -> Vec<u8> {
        let mut encoder = ZlibEncoder::new(Vec::new(), Compression::new(level));
        encoder.write_all(bytes).expect("memory");
        encoder.finish().expect("memory")
    }

    #[test]
    fn streams_with_an_object_header_are_objects() {
        let long: Vec<u8> = (0..200_000u32).flat_map(u32::to_le_bytes).collect();
        for level in [0, 1, 6, 9] {
            for (content, is) in [
                (&b"blob 3\0key"[..], true),
                (b"commit 0\0", true),
                (b"tag 12\0whatever the size says", true),
                (b"blob 3", false),
                (b"blob \0key", false),
                (b"blob x\0key", false),
                (b"text that is only compressed", false),
                (b"", false),
            ] {
                assert_eq!(GitLoose.claims(&zlib(content, level)), is, "{level} {content:?}");
            }
            let object = [&b"blob 800000\0"[..], &long].concat();
            let stored = [zlib(&object, level), b"and more".to_vec()].concat();
            let (result, out) = open(&GitLoose, &stored);
            assert_eq!(result, Ok(()));
            assert!(out.members[0].1 == long && out.members[0].2.is_none());
            assert_eq!((out.members[1].0.as_str(), &out.members[1].1[..]), ("trailing", &b"and more"[..]));
            let (result, out) = open(&GitLoose, &stored[..stored.len() / 2]);
            assert_eq!(result, Ok(()));
            assert!(out.members[0].2.is_some(), "cut off");
        }
        assert!(open(&GitLoose, b"\x78\x01 not a stream at all").0.is_err());
    }
}
