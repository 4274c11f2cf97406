//! lzip: members of LZMA data, each with a header and a trailer; `.lz` and `.tlz`, written by lzip, plzip and tarlz.

use std::io::{self, BufReader, Read};

use keyradius_core::error::Malformed;
use keyradius_core::seam::{About, Container, Inside, Magic, Member, Reader, Unopenable};
use keyradius_readers::stored::le32;
use lzma_rust2::LzmaReader;

use super::compressed::{BESIDE, READ, only_member};
use super::inner::decodes;

/// lzip streams.
#[derive(Debug)]
pub(crate) struct Lzip;

static ABOUT: About = About {
    id: "lzip",
    title: "lzip stream",
    detects: "lzip streams of any number of members, decompressed as they are read. The contents are scanned like a file, \
              and so is data after the last member.",
    blind_to: "Checksums are not verified.",
    respond: "Treat the contents as plain text.",
    references: &["lzip manual, File format"],
};

/// The magic number and version 1.
const MAGIC: &[u8] = b"LZIP\x01";

/// Length of the header: magic number, version, dictionary.
const HEADER: usize = 6;

/// Length of the trailer: checksum, size of the data, size of the member.
const TRAILER: usize = 20;

/// The properties that every lzip stream has: lc = 3, lp = 0, pb = 2.
const PROPERTIES: [u32; 3] = [3, 0, 2];

impl Container for Lzip {
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
        let size = start.get(5).copied().and_then(dictionary);
        size.is_some_and(|size| {
            start.starts_with(MAGIC)
                && start.len() > 40
                && decoder(start.get(6..).unwrap_or_default(), size).is_some_and(decodes)
        })
    }

    fn reader(&self) -> Reader {
        Reader::InOrder(open)
    }
}

/// The size of the dictionary, in bytes: a power of two minus sixteenths of it.
fn dictionary(coded: u8) -> Option<u32> {
    let base = 1_u32.checked_shl(u32::from(coded & 0x1f))?;
    let size = base - (base / 16) * u32::from(coded >> 5);
    (1 << 12..=1 << 29).contains(&size).then_some(size)
}

fn decoder<R: Read>(input: R, dictionary: u32) -> Option<LzmaReader<R>> {
    let [lc, lp, pb] = PROPERTIES;
    LzmaReader::new(input, u64::MAX, lc, lp, pb, dictionary, None).ok()
}

fn open(input: &mut dyn Read, inside: &mut dyn Inside) -> Result<(), Unopenable> {
    let malformed = Malformed::new("lzip header", 0);
    let input = Input { ahead: Vec::new(), at: 0, rest: BufReader::with_capacity(READ, input) };
    let mut members =
        Members { input: Some(input), decoder: None, granted: u32::MAX, sum: flate2::Crc::new(), failed: false };
    let size = members.next().map_err(|_| malformed)?.ok_or(malformed)?;
    if let Err(reason) = inside.holds(u64::from(size) + BESIDE) {
        inside.unread(Member { name: b"", at: 0 }, reason, "dictionary");
        return Ok(());
    }
    members.granted = size;
    members.decoder = members.input.take().and_then(|input| decoder(input, size));
    only_member(&mut members, inside, "lzip stream")?;
    let Some(mut rest) = members.input else { return Ok(()) };
    if !rest.peek().map_err(|_| malformed)?.is_empty() {
        let _ = inside.member(Member { name: b"trailing", at: 0 }, &mut rest);
    }
    Ok(())
}

/// The input, with what a decoder read ahead of the end of its member.
struct Input<'r> {
    ahead: Vec<u8>,
    /// How much of `ahead` was read.
    at: usize,
    rest: BufReader<&'r mut dyn Read>,
}

impl Input<'_> {
    /// The next bytes, at least [`HEADER`] of them unless the input ends.
    fn peek(&mut self) -> io::Result<&[u8]> {
        self.ahead.drain(..self.at);
        self.at = 0;
        if let Some(missing) = HEADER.checked_sub(self.ahead.len()) {
            (&mut self.rest).take(missing as u64).read_to_end(&mut self.ahead)?;
        }
        Ok(&self.ahead)
    }
}

impl Read for Input<'_> {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        let mut ahead = self.ahead.get(self.at..).unwrap_or_default();
        if ahead.is_empty() {
            return self.rest.read(into);
        }
        let read = ahead.read(into)?;
        self.at += read;
        Ok(read)
    }
}

/// All members as one stream.
struct Members<'r> {
    /// Between members.
    input: Option<Input<'r>>,
    /// Inside a member.
    decoder: Option<LzmaReader<Input<'r>>>,
    /// The largest dictionary for which there is memory, in bytes.
    granted: u32,
    /// What came out of this member: its checksum and its length are in the trailer.
    sum: flate2::Crc,
    /// Whether a member is damaged: nothing after it can be read.
    failed: bool,
}

impl Members<'_> {
    /// Reads the header of the next member. Returns the size of its dictionary; `None` if no member follows.
    fn next(&mut self) -> io::Result<Option<u32>> {
        let Some(input) = &mut self.input else { return Ok(None) };
        let header = input.peek()?;
        let size = header.get(5).copied().filter(|_| header.starts_with(MAGIC)).and_then(dictionary);
        if size.is_some() {
            input.at = HEADER;
        }
        match size {
            Some(size) if size > self.granted => {
                Err(io::Error::other("a larger dictionary than that of the first member"))
            }
            size => Ok(size),
        }
    }
}

impl Read for Members<'_> {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        let read = if self.failed { Err(io::ErrorKind::InvalidData.into()) } else { self.read_next(into) };
        self.failed |= read.is_err();
        read
    }
}

impl Members<'_> {
    fn read_next(&mut self, into: &mut [u8]) -> io::Result<usize> {
        loop {
            let Some(mut decoder) = self.decoder.take() else {
                match self.next()? {
                    Some(size) => self.decoder = self.input.take().and_then(|input| decoder(input, size)),
                    None => return Ok(0),
                }
                continue;
            };
            let read = decoder.read(into)?;
            if read > 0 || into.is_empty() {
                self.sum.update(into.get(..read).unwrap_or_default());
                self.decoder = Some(decoder);
                return Ok(read);
            }
            let (mut input, ahead) = decoder.into_parts();
            // What the decoder read ahead comes before what it left.
            let left = input.ahead.split_off(input.at.min(input.ahead.len()));
            input.ahead = [ahead, left].concat();
            input.at = 0;
            let mut trailer = [0; TRAILER];
            input.read_exact(&mut trailer)?;
            let sum = std::mem::take(&mut self.sum);
            if le32(&trailer, 0) != Some(sum.sum()) || le32(&trailer, 4) != Some(sum.amount()) {
                return Err(io::ErrorKind::InvalidData.into());
            }
            self.input = Some(input);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::collect::{open, torture};

    /// "hello\n" as written by `lzip -0`.
    const HELLO: &[u8] = b"\x4c\x5a\x49\x50\x01\x0c\x00\x34\x19\x49\xee\x8d\xdd\x3d\x3a\xdf\xff\xff\xdd\x12\x00\x00\x20\x30\x3a\x36\x06\x00\x00\x00\x00\x00\x00\x00\x2a\x00\x00\x00\x00\x00\x00\x00";

    #[test]
    fn members_and_what_follows() {
        let seen = open(&Lzip, HELLO).unwrap();
        assert_eq!(seen.content(""), Some(&b"hello\n"[..]));
        let twice = [HELLO, HELLO, b"and more"].concat();
        let seen = open(&Lzip, &twice).unwrap();
        assert_eq!(
            (seen.content(""), seen.content("trailing")),
            (Some(&b"hello\nhello\n"[..]), Some(&b"and more"[..]))
        );
        assert_eq!(seen.reasons(), []);
        assert!(open(&Lzip, &HELLO[..30]).is_none_or(|seen| !seen.unread.is_empty()));
        torture(&Lzip, HELLO, 1);
    }

    #[test]
    fn sizes_of_dictionaries() {
        for (coded, size) in
            [(0x0c, Some(4096)), (0x37, Some((1 << 23) - (1 << 19))), (0x1d, Some(1 << 29)), (0x1e, None), (0, None)]
        {
            assert_eq!(dictionary(coded), size, "{coded:#x}");
        }
    }
}
