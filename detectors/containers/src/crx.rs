//! Chrome extensions: a header with public keys and signatures, then a zip archive.
//!
//! Both are members; the archive is opened further. The header of version 3 is a Protocol Buffers message that contains
//! the public keys in plain form; the header of version 2 is one key and one signature.

use std::io::Read;

use keyradius_core::error::{Malformed, Reason};
use keyradius_core::seam::{About, Container, Inside, Magic, Member, Reader, Unopenable};
use keyradius_readers::stored::{Stream, le32};

/// Chrome extensions.
#[derive(Debug)]
pub(crate) struct Crx;

static ABOUT: About = About {
    id: "crx",
    title: "Chrome extension",
    detects: "The zip archive in Chrome extensions of version 2 and 3, and the public keys and signatures before it.",
    blind_to: "Whatever the reader of the archive cannot see.",
    respond: "An extension is on the machine of everyone who installed it: replace the key, then the extension.",
    references: &["Chromium components/crx_file/crx3.proto"],
};

/// components/crx_file: kCrx2FileHeaderMagic, kCrxFileHeaderMagic.
const MAGIC: &[u8] = b"Cr24";

/// First bytes of a zip archive.
const ZIP: &[u8] = b"PK";

impl Container for Crx {
    fn about(&self) -> &'static About {
        &ABOUT
    }

    fn magics(&self) -> &'static [Magic] {
        &[Magic { at: 0, bytes: MAGIC }]
    }

    fn reader(&self) -> Reader {
        Reader::InOrder(read)
    }
}

fn read(from: &mut dyn Read, inside: &mut dyn Inside) -> Result<(), Unopenable> {
    let mut stream = Stream::new(from);
    let start = stream.peek(16);
    let word = |at| le32(start, at).map(u64::from).ok_or(Malformed::new("crx header", at));
    let (begin, length) = match word(4)? {
        2 => (16, word(8)? + word(12)?),
        3 => (12, word(8)?),
        _ => return Err(Malformed::new("crx version", 4).into()),
    };
    if !start.starts_with(MAGIC) || length == 0 {
        return Err(Malformed::new("crx header", 8).into());
    }
    stream.skip(begin);
    if stream.member(inside, Member { name: b"header", at: begin }, length).is_break() {
        return Ok(());
    }
    let archive = Member { name: b"", at: stream.at() };
    if stream.peek(ZIP.len()) == ZIP {
        let _ = inside.member(archive, &mut stream);
    } else {
        inside.unread(archive, Reason::Damaged, "no archive after the header");
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::collect::{open, torture};

    #[test]
    fn both_versions() {
        let second = [&b"Cr24\x02\0\0\0\x03\0\0\0\x04\0\0\0keysign"[..], b"PK\x03\x04"].concat();
        let third = [&b"Cr24\x03\0\0\0\x05\0\0\0proto"[..], b"PK\x03\x04"].concat();
        for (bytes, header) in [(second, b"keysign".to_vec()), (third, b"proto".to_vec())] {
            let seen = open(&Crx, &bytes).unwrap();
            assert_eq!(seen.members, [("header".to_owned(), header), (String::new(), b"PK\x03\x04".to_vec())]);
            assert_eq!(seen.unread, []);
            torture(&Crx, &bytes, 1);
            let end = bytes.len() - 4;
            assert_eq!(open(&Crx, &bytes[..end]).unwrap().reasons(), [Reason::Damaged]);
        }
        for bytes in [&b"Cr24"[..], b"Cr24 is a text", b"Cr24\x03\0\0\0\0\0\0\0PK"] {
            assert!(open(&Crx, bytes).is_none());
        }
    }
}
