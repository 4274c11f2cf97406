//! LHA and LZH archives: headers of levels 0 to 2, members stored or compressed by lh4 to lh7.

mod decode;

use std::io::Read;
use std::ops::ControlFlow;

use keyradius_core::error::{Malformed, Reason};
use keyradius_core::seam::{About, Container, Inside, Magic, Member, Reader, Unopenable};
use keyradius_readers::stored::{Stream, le16, le32};

use decode::Decoder;

/// LHA archives.
#[derive(Debug)]
pub(crate) struct Lha;

static ABOUT: About = About {
    id: "lha",
    title: "LHA archive",
    detects: "LHA and LZH archives with headers of level 0, 1 and 2: members stored (lh0, lz4) or compressed by lh4, lh5, \
              lh6 and lh7. Members are scanned like files.",
    blind_to: "Other methods (lh1 to lh3, lzs, lz5, pm0 to pm2) and headers of level 3 are reported as not read. \
               Checksums are not verified.",
    respond: "Treat the contents as plain text.",
    references: &["LHa for UNIX, header.doc.md", "ar002, Haruhiko Okumura (1990)"],
};

/// Memory of a decoder, in bytes: a window of 64 KiB and tables.
const MEMORY: u64 = 128 << 10;

/// Longest header with extended headers, in bytes.
const MOST_HEADER: u64 = 64 << 10;

impl Container for Lha {
    fn about(&self) -> &'static About {
        &ABOUT
    }

    fn magics(&self) -> &'static [Magic] {
        macro_rules! magics {
            ($($method:literal)*) => { &[$(Magic { at: 2, bytes: $method }),*] };
        }
        magics!(b"-lh0-" b"-lh1-" b"-lh2-" b"-lh3-" b"-lh4-" b"-lh5-" b"-lh6-" b"-lh7-" b"-lhd-" b"-lzs-" b"-lz4-"
            b"-lz5-" b"-pm0-" b"-pm1-" b"-pm2-")
    }

    fn claims(&self, start: &[u8]) -> bool {
        let mut start = start;
        self.magics().iter().any(|magic| magic.begins(start))
            && !matches!(Header::read(&mut Stream::new(&mut start)), Ok(None) | Err(_))
    }

    fn inner(&self) -> &'static [Magic] {
        // The usual method, and directories.
        &[Magic { at: 2, bytes: b"-lh5-" }, Magic { at: 2, bytes: b"-lhd-" }]
    }

    fn has_headers(&self) -> bool {
        true
    }

    fn reader(&self) -> Reader {
        Reader::InOrder(open)
    }
}

/// The header of a member.
struct Header {
    name: Vec<u8>,
    method: [u8; 5],
    packed: u64,
    unpacked: u64,
    is_folder: bool,
    /// The checksum of the content.
    sum: Option<u16>,
}

impl Header {
    /// Reads a header to its end. `None` at the end of the archive; an error if the bytes are not a header.
    fn read(stream: &mut Stream<'_>) -> Result<Option<Self>, &'static str> {
        let start = stream.peek(21).to_vec();
        if start.first().is_none_or(|first| *first == 0)
            && start.get(1).is_none_or(|second| *second == 0 || start.len() < 21)
        {
            return Ok(None);
        }
        let word = |at| le32(&start, at).map(u64::from).ok_or("header");
        let method: [u8; 5] = start.get(2..7).and_then(|method| method.try_into().ok()).ok_or("header")?;
        if !matches!(method, [b'-', b'l' | b'p', b'h' | b'z' | b'm', _, b'-']) {
            return Err("header");
        }
        let (mut packed, unpacked) = (word(7)?, word(11)?);
        let level = *start.get(20).ok_or("header")?;
        let mut names = Names::default();
        let content_sum;
        match level {
            0 | 1 => {
                let length = u64::from(*start.first().ok_or("header")?);
                let header = stream.held(length + 2, MOST_HEADER).ok_or("cut off")?;
                let sum = header.get(2..).unwrap_or_default().iter().fold(0_u8, |sum, byte| sum.wrapping_add(*byte));
                let name = usize::from(*header.get(21).ok_or("header")?);
                names.file = header.get(22..22 + name).ok_or("header")?.to_vec();
                content_sum = le16(&header, 22 + name);
                if header.get(1) != Some(&sum) {
                    return Err("checksum of a header");
                }
                if level == 1 {
                    let next = le16(&header, header.len().saturating_sub(2)).ok_or("header")?;
                    packed = packed.checked_sub(names.extended(stream, next)?).ok_or("header")?;
                }
            }
            2 => {
                let length = u64::from(le16(&start, 0).ok_or("header")?);
                let begin = stream.at();
                let header = stream.held(26, 26).ok_or("cut off")?;
                content_sum = le16(&header, 21);
                let used = names.extended(stream, le16(&header, 24).ok_or("header")?)?;
                // Padding, so that no header begins with a zero.
                let rest = length.checked_sub(26 + used).filter(|rest| *rest <= 256).ok_or("header")?;
                if !stream.skip(rest) || stream.at() != begin + length {
                    return Err("cut off");
                }
            }
            _ => return Err("level of the header"),
        }
        let name = names.path();
        Ok(Some(Self { name, is_folder: method == *b"-lhd-", method, packed, unpacked, sum: content_sum }))
    }
}

/// The parts of a name.
#[derive(Default)]
struct Names {
    file: Vec<u8>,
    folder: Vec<u8>,
}

impl Names {
    /// Reads extended headers, of which the first has `next` bytes. Returns the bytes that they occupy.
    fn extended(&mut self, stream: &mut Stream<'_>, next: u16) -> Result<u64, &'static str> {
        let (mut next, mut used) = (u64::from(next), 0);
        while next > 0 {
            used += next;
            if next < 3 || used > MOST_HEADER {
                return Err("extended header");
            }
            let header = stream.held(next, MOST_HEADER).ok_or("cut off")?;
            let content = header.get(1..header.len() - 2).unwrap_or_default();
            match header.first() {
                Some(1) => self.file = content.to_vec(),
                Some(2) => self.folder = content.to_vec(),
                _ => {}
            }
            next = u64::from(le16(&header, header.len() - 2).ok_or("extended header")?);
        }
        Ok(used)
    }

    /// Folders are separated by 0xff in extended headers, and by a backslash in those of MS-DOS.
    fn path(mut self) -> Vec<u8> {
        if !self.folder.is_empty() && self.folder.last() != Some(&0xff) {
            self.folder.push(b'/');
        }
        let all = self.folder.into_iter().chain(self.file);
        all.take_while(|byte| *byte != 0).map(|byte| if matches!(byte, 0xff | b'\\') { b'/' } else { byte }).collect()
    }
}

fn open(input: &mut dyn Read, inside: &mut dyn Inside) -> Result<(), Unopenable> {
    inside.holds(MEMORY)?;
    let mut stream = Stream::new(input);
    let mut first = true;
    loop {
        let at = stream.at();
        match Header::read(&mut stream) {
            Ok(Some(header)) => {
                first = false;
                if member(&header, at, &mut stream, inside).is_break() {
                    return Ok(());
                }
            }
            Ok(None) if !first => break,
            Err(what) if !first => {
                inside.unread(Member { name: b"", at }, Reason::Damaged, what);
                return Ok(());
            }
            _ => return Err(Malformed::new("LHA header", 0).into()),
        }
    }
    // One zero byte ends an archive.
    if stream.skip(1) && !stream.peek(1).is_empty() {
        let _ = inside.member(Member { name: b"trailing", at: 0 }, &mut stream);
    }
    Ok(())
}

fn member(header: &Header, at: u64, stream: &mut Stream<'_>, inside: &mut dyn Inside) -> ControlFlow<()> {
    let member = Member { name: &header.name, at };
    let bits = match &header.method {
        b"-lh0-" | b"-lz4-" => 0,
        b"-lh4-" => 12,
        b"-lh5-" => 13,
        b"-lh6-" => 15,
        b"-lh7-" => 16,
        _ => {
            if !header.is_folder {
                inside.unread(member, Reason::Unsupported, "method");
            }
            return skip(stream, header.packed, member, inside);
        }
    };
    let begin = stream.at();
    let packed = (&mut *stream).take(header.packed);
    let mut sum = Sum { sum: 0, length: 0 };
    if bits == 0 {
        inside.member(member, &mut Summed { inner: packed, sum: &mut sum })?;
    } else {
        let decoder = Decoder::new(packed, bits, header.unpacked);
        inside.member(member, &mut Summed { inner: decoder, sum: &mut sum })?;
    }
    if sum.length == header.unpacked && header.sum.is_some_and(|wanted| wanted != sum.sum) {
        inside.unread(member, Reason::Damaged, "checksum");
    }
    let left = header.packed.saturating_sub(stream.at() - begin);
    skip(stream, left, member, inside)
}

/// CRC-16 of a content (that of ARC, 0xa001), and its length.
struct Sum {
    sum: u16,
    length: u64,
}

/// Computes the checksum of what is read.
struct Summed<'s, R> {
    inner: R,
    sum: &'s mut Sum,
}

impl<R: Read> Read for Summed<'_, R> {
    fn read(&mut self, into: &mut [u8]) -> std::io::Result<usize> {
        let read = self.inner.read(into)?;
        let all = into.get(..read).unwrap_or_default();
        self.sum.length += read as u64;
        self.sum.sum = all.iter().fold(self.sum.sum, |sum, byte| {
            let slot = usize::from((sum ^ u16::from(*byte)) & 0xff);
            sum >> 8 ^ SUMS.get(slot).copied().unwrap_or_default()
        });
        Ok(read)
    }
}

static SUMS: [u16; 256] = {
    let mut sums = [0; 256];
    let mut at = 0;
    while at < 256 {
        let (mut sum, mut bit) = (at as u16, 0);
        while bit < 8 {
            sum = if sum & 1 == 1 { sum >> 1 ^ 0xa001 } else { sum >> 1 };
            bit += 1;
        }
        #[allow(clippy::indexing_slicing, reason = "a table of 256")]
        {
            sums[at] = sum;
        }
        at += 1;
    }
    sums
};

fn skip(stream: &mut Stream<'_>, length: u64, member: Member<'_>, inside: &mut dyn Inside) -> ControlFlow<()> {
    if stream.skip(length) {
        return ControlFlow::Continue(());
    }
    inside.unread(member, Reason::Damaged, "cut off");
    ControlFlow::Break(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::collect::{open, torture};

    /// A folder, and in it "ab" 100 times, as written by `jlha -2 ao5` (level 2) and `jlha -0` (level 0).
    const LEVELS: [&[u8]; 3] = [b"\x1a\x51\x2d\x6c\x68\x35\x2d\x0b\x00\x00\x00\xc8\x00\x00\x00\x6b\x5c\x7e\x5d\x20\x00\x04\x64\x5c\x61\x62\x02\xd0\x00\x03\x28\x04\x4b\x88\x26\xda\x99\x80\xac\x00", b"\x1b\x9f\x2d\x6c\x68\x35\x2d\x15\x00\x00\x00\xc8\x00\x00\x00\x6b\x5c\x7e\x5d\x20\x01\x02\x61\x62\x02\xd0\x00\x05\x00\x00\xea\x5e\x05\x00\x02\x64\xff\x00\x00\x00\x03\x28\x04\x4b\x88\x26\xda\x99\x80\xac\x00", b"\x29\x00\x2d\x6c\x68\x35\x2d\x0b\x00\x00\x00\xc8\x00\x00\x00\x7b\x5f\x0d\x6b\x20\x02\x02\xd0\x00\x05\x00\x00\xcd\x30\x05\x00\x01\x61\x62\x05\x00\x02\x64\xff\x00\x00\x00\x03\x28\x04\x4b\x88\x26\xda\x99\x80\xac\x00"];

    #[test]
    fn headers_of_each_level() {
        for (level, archive) in LEVELS.into_iter().enumerate() {
            let seen = open(&Lha, &[archive, b"and more"].concat()).unwrap();
            assert_eq!(seen.content("d/ab"), Some(&b"ab".repeat(100)[..]), "{level} {seen:?}");
            assert_eq!(seen.content("trailing"), Some(&b"and more"[..]), "{level}");
            assert_eq!(seen.reasons(), [], "{level}");
            torture(&Lha, archive, 1);
        }
    }

    #[test]
    fn other_methods_are_said() {
        let mut archive = LEVELS[2].to_vec();
        let at = memchr::memmem::find(&archive, b"-lh5-").unwrap();
        archive[at + 3] = b'1';
        assert_eq!(open(&Lha, &archive).unwrap().reasons(), [Reason::Unsupported]);
    }
}
