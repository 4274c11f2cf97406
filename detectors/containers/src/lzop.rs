//! lzop: files of blocks of LZO1X; `.lzo`, `.tar.lzo`, dumps of Proxmox (`.vma.lzo`).

use std::io::{self, Read};

use keyradius_core::error::{Malformed, Reason};
use keyradius_core::seam::{About, Container, Inside, Magic, Member, Reader, Unopenable};
use keyradius_readers::stored::{Stream, be16, be32};

use super::lzo;

/// lzop files.
#[derive(Debug)]
pub(crate) struct Lzop;

static ABOUT: About = About {
    id: "lzop",
    title: "lzop file",
    detects: "lzop files of any number of members, decompressed block by block. The contents are scanned like files.",
    blind_to: "Checksums are not verified. Members with a filter are reported as not read; no version of lzop writes \
               them.",
    respond: "Treat the contents as plain text.",
    references: &["lzop 1.04, src/lzop.c", "Linux, Documentation/staging/lzo.rst"],
};

/// lzop.c: lzop_magic.
const MAGIC: &[u8; 9] = b"\x89LZO\0\r\n\x1a\n";

/// conf.h: F_ADLER32_D, F_ADLER32_C, F_H_EXTRA_FIELD, F_CRC32_D, F_CRC32_C, F_H_FILTER.
const FLAGS: [u32; 6] = [1, 2, 0x40, 0x100, 0x200, 0x800];

/// Largest block, in bytes: conf.h, MAX_BLOCK_SIZE.
const MOST_BLOCK: u32 = 64 << 20;

impl Container for Lzop {
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
        // Versions 0.90 to 1.x, and the methods LZO1X-1, -1(15) and -999.
        start.starts_with(MAGIC)
            && be16(start, 9).is_some_and(|version| (0x0940..0x2000).contains(&version))
            && matches!(start.get(15), Some(1..=3))
    }

    fn reader(&self) -> Reader {
        Reader::InOrder(open)
    }
}

fn open(input: &mut dyn Read, inside: &mut dyn Inside) -> Result<(), Unopenable> {
    let mut stream = Stream::new(input);
    let mut first = true;
    loop {
        let at = stream.at();
        if stream.peek(MAGIC.len()) != MAGIC {
            break;
        }
        let Some((name, flags)) = header(&mut stream) else {
            if first {
                return Err(Malformed::new("lzop header", 0).into());
            }
            inside.unread(Member { name: b"", at }, Reason::Damaged, "lzop header");
            return Ok(());
        };
        first = false;
        let member = Member { name: &name, at };
        let [_, _, _, _, _, filter] = FLAGS;
        if flags & filter != 0 {
            inside.unread(member, Reason::Unsupported, "filter");
            return Ok(());
        }
        let most = inside.memory().min(2 * u64::from(MOST_BLOCK)) / 2;
        let mut blocks = Blocks { stream: &mut stream, flags, most, out: Vec::new(), at: 0, ended: false };
        if inside.member(member, &mut blocks).is_break() || !blocks.ended {
            return Ok(());
        }
    }
    if first {
        return Err(Malformed::new("lzop header", 0).into());
    }
    if !stream.peek(1).is_empty() {
        let _ = inside.member(Member { name: b"trailing", at: 0 }, &mut stream);
    }
    Ok(())
}

/// Reads the header of a member. Returns its name and flags; `None` if it is damaged.
fn header(stream: &mut Stream<'_>) -> Option<(Vec<u8>, u32)> {
    stream.array::<9>()?;
    let version = u16::from_be_bytes(stream.array()?);
    stream.array::<2>()?;
    // The version that is needed, and the level, since 0.94.
    let is_late = version >= 0x0940;
    if is_late {
        stream.array::<2>()?;
    }
    let [_method] = stream.array()?;
    if is_late {
        stream.array::<1>()?;
    }
    let flags = u32::from_be_bytes(stream.array()?);
    let [_, _, extra, _, _, filter] = FLAGS;
    if flags & filter != 0 {
        stream.array::<4>()?;
    }
    // Mode, and time in one or two halves.
    stream.skip(if is_late { 12 } else { 8 }).then_some(())?;
    let [length] = stream.array()?;
    let name = stream.held(length.into(), 255)?;
    stream.array::<4>()?;
    if flags & extra != 0 {
        let length = u32::from_be_bytes(stream.array()?);
        stream.skip(u64::from(length) + 4).then_some(())?;
    }
    Some((name, flags))
}

/// The blocks of a member.
struct Blocks<'s, 'r> {
    stream: &'s mut Stream<'r>,
    flags: u32,
    /// Largest block for which there is memory, in bytes.
    most: u64,
    out: Vec<u8>,
    at: usize,
    ended: bool,
}

impl Blocks<'_, '_> {
    fn next(&mut self) -> io::Result<()> {
        let cut = || io::Error::from(io::ErrorKind::UnexpectedEof);
        let invalid = || io::Error::from(io::ErrorKind::InvalidData);
        let [sum_of_data, sum_of_packed, _, crc_of_data, crc_of_packed, _] = FLAGS;
        let length = be32(&self.stream.array::<4>().ok_or_else(cut)?, 0).unwrap_or_default();
        if length == 0 {
            self.ended = true;
            return Ok(());
        }
        let packed = be32(&self.stream.array::<4>().ok_or_else(cut)?, 0).unwrap_or_default();
        if length > MOST_BLOCK || packed > length {
            return Err(invalid());
        }
        let sums = |all: [u32; 2]| all.iter().filter(|flag| self.flags & **flag != 0).count() as u64;
        let mut skipped = sums([sum_of_data, crc_of_data]);
        if packed < length {
            skipped += sums([sum_of_packed, crc_of_packed]);
        }
        if !self.stream.skip(4 * skipped) {
            return Err(cut());
        }
        if u64::from(length) > self.most {
            return Err(io::Error::other("a block exceeds the memory of the run"));
        }
        let content = self.stream.held(packed.into(), MOST_BLOCK.into()).ok_or_else(cut)?;
        self.at = 0;
        self.out = if packed == length {
            content
        } else {
            lzo::block(&content, usize::try_from(length).unwrap_or(usize::MAX)).ok_or_else(invalid)?
        };
        Ok(())
    }
}

impl Read for Blocks<'_, '_> {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        while self.at >= self.out.len() {
            if self.ended || into.is_empty() {
                return Ok(0);
            }
            self.next()?;
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

    /// 100 times "ab", then "\n", as written by lzop 1.04.
    const AB: &[u8] = b"\x89\x4c\x5a\x4f\x00\x0d\x0a\x1a\x0a\x10\x40\x20\xa0\x09\x40\x03\x09\x03\x00\x00\x01\x00\x00\x81\xa4\x6b\x0d\x5f\x7b\x00\x00\x00\x00\x02\x61\x62\x3d\xa7\x04\xa6\x00\x00\x00\xc9\x00\x00\x00\x0b\x35\xd5\x4c\x37\x13\x61\x62\x20\xa5\x05\x00\x0a\x11\x00\x00\x00\x00\x00\x00";

    #[test]
    fn members_and_what_follows() {
        let text = [&b"ab".repeat(100)[..], b"\n"].concat();
        assert!(Lzop.begins(AB));
        let seen = open(&Lzop, &[AB, AB, b"and more"].concat()).unwrap();
        assert_eq!(seen.names(), ["ab", "ab", "trailing"]);
        assert_eq!(seen.content("ab"), Some(&text[..]));
        assert_eq!(seen.reasons(), []);
        let cut = open(&Lzop, &AB[..AB.len() - 8]).unwrap();
        assert_eq!(cut.reasons(), [Reason::ReadError]);
        torture(&Lzop, AB, 1);
    }
}
