//! bzip2: `.bz2`, `.tbz2`. Consecutive streams are read as one, as by `bzip2 -d`.

use std::io::{self, Read};

use bzip2::bufread::BzDecoder;
use keyradius_core::seam::{About, Container, Inside, Magic, Reader, Unopenable};

use super::compressed::BZIP2;
use super::compressed::joined::{self, Input, Stream};

/// bzip2 streams.
#[derive(Debug)]
pub(crate) struct Bzip2;

static ABOUT: About = About {
    id: "bzip2",
    title: "bzip2 stream",
    detects: "bzip2 streams, decompressed as they are read. The contents are scanned like a file, and so is data after \
              the last stream.",
    blind_to: "Damage at the very start of a stream in the middle of other bytes is not reported.",
    respond: "Treat the contents as plain text.",
    references: &["bzip2 1.0.8, bzlib.h"],
};

impl Container for Bzip2 {
    fn about(&self) -> &'static About {
        &ABOUT
    }

    fn magics(&self) -> &'static [Magic] {
        &[Magic { at: 0, bytes: MAGIC }]
    }

    fn inner(&self) -> &'static [Magic] {
        // The magic of the first block, after that of the stream.
        &[Magic { at: 4, bytes: &[0x31, 0x41, 0x59, 0x26, 0x53, 0x59] }]
    }

    fn begins(&self, start: &[u8]) -> bool {
        // A block is complete before anything can be decoded: ten bytes of magic numbers have to do.
        matches!(start, [b'B', b'Z', b'h', b'1'..=b'9', 0x31, 0x41, 0x59, 0x26, 0x53, 0x59, _, _, _, _, flags, ..]
            if flags & 0x80 == 0)
            && start.get(14..80).is_some_and(|rest| rest.iter().any(|byte| *byte != 0x41 && *byte != 0))
    }

    fn reader(&self) -> Reader {
        Reader::InOrder(open)
    }
}

fn open(input: &mut dyn Read, inside: &mut dyn Inside) -> Result<(), Unopenable> {
    inside.holds(BZIP2)?;
    joined::open(
        One(BzDecoder::new(Input::new(input))),
        inside,
        "bzip2 stream",
        |start| start.starts_with(MAGIC),
        false,
    )
}

/// HDR_B, HDR_Z, HDR_h (compress.c). The decoder checks the magic of the following block.
const MAGIC: &[u8] = b"BZh";

/// One stream.
struct One<'r>(BzDecoder<Input<'r>>);

impl<'r> Stream<'r> for One<'r> {
    fn input(&mut self) -> &mut Input<'r> {
        self.0.get_mut()
    }

    fn again(self) -> Self {
        Self(BzDecoder::new(self.0.into_inner()))
    }
}

impl Read for One<'_> {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        self.0.read(into)
    }
}
