//! xz: `.xz`, `.txz`, the payload of Debian packages. Dictionaries are limited by the memory of the run.

use std::io::{self, Read};

use keyradius_core::error::{Malformed, Reason};
use keyradius_core::seam::{About, Container, Inside, Magic, Member, Reader, Unopenable};
use lzma_rust2::XzReader;

use super::compressed::joined::{self, Input, Stream};
use super::compressed::{peek, xz_dictionary};
use super::inner::is_sum;

/// xz streams.
#[derive(Debug)]
pub(crate) struct Xz;

static ABOUT: About = About {
    id: "xz",
    title: "xz stream",
    detects: "xz streams, decompressed as they are read. The contents are scanned like a file, and so is data after \
              the last stream.",
    blind_to: "Dictionaries that exceed the memory of the run are reported as \
               not read.",
    respond: "Treat the contents as plain text.",
    references: &["The .xz File Format 1.2.1"],
};

impl Container for Xz {
    fn about(&self) -> &'static About {
        &ABOUT
    }

    fn magics(&self) -> &'static [Magic] {
        &[Magic { at: 0, bytes: &[0xfd, b'7', b'z', b'X', b'Z', 0] }]
    }

    fn inner(&self) -> &'static [Magic] {
        self.magics()
    }

    fn begins(&self, start: &[u8]) -> bool {
        self.claims(start) && is_sum(start.get(6..8), start, 8)
    }

    fn reader(&self) -> Reader {
        Reader::InOrder(open)
    }
}

fn open(input: &mut dyn Read, inside: &mut dyn Inside) -> Result<(), Unopenable> {
    let mut start = [0; 64];
    let start = peek(input, &mut start).map_err(|_| Malformed::new("xz stream", 0))?;
    // The checksum of the two bytes of stream flags (The .xz File Format 2.1.1.3).
    let is_stream = is_sum(start.get(6..8), start, 8);
    let dictionary = xz_dictionary(start);
    if let Err(reason) = inside.holds(dictionary) {
        inside.unread(Member { name: b"", at: 0 }, reason, "dictionary");
        return Ok(());
    }
    let most = u32::try_from(dictionary.div_ceil(1 << 10)).unwrap_or(u32::MAX);
    let mut input = Read::chain(start, input);
    let one = One { decoder: XzReader::new_mem_limit(Input::new(&mut input), false, most), most };
    let opened = joined::open(one, inside, "xz stream", |start| start == [0xfd, b'7', b'z', b'X'], false);
    match opened {
        Err(Unopenable::Malformed(_)) if is_stream => Err(Unopenable::Closed(
            Reason::Unsupported,
            "an xz stream that is damaged or needs an unsupported check or filter",
        )),
        opened => opened,
    }
}

/// One stream.
struct One<'r> {
    decoder: XzReader<Input<'r>>,
    /// Memory limit of the decoder, in KiB.
    most: u32,
}

impl<'r> Stream<'r> for One<'r> {
    fn input(&mut self) -> &mut Input<'r> {
        self.decoder.inner_mut()
    }

    fn again(self) -> Self {
        Self { decoder: XzReader::new_mem_limit(self.decoder.into_inner(), false, self.most), most: self.most }
    }
}

impl Read for One<'_> {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        self.decoder.read(into)
    }
}
