//! LZ4 frames, current and legacy (Linux kernels, initramfs).

use std::io::{self, Read};

use keyradius_core::error::{Malformed, Reason};
use keyradius_core::seam::{About, Container, Inside, Magic, Reader, Unopenable};
use lz4_flex::frame::FrameDecoder;

use super::compressed::joined::{self, ASIDE, Input, Stream};
use super::compressed::{LZ4, peek};
use super::inner::decodes_blocks;

/// LZ4 frames.
#[derive(Debug)]
pub(crate) struct Lz4;

static ABOUT: About = About {
    id: "lz4",
    title: "LZ4 frame",
    detects: "LZ4 frames, decompressed as they are read. The contents are scanned like a file, and so are skippable \
              frames and data after the last frame.",
    blind_to: "Bare LZ4 blocks. More than 4 MiB of skippable frames, and \
               data after a legacy frame, are reported as not read.",
    respond: "Treat the contents as plain text.",
    references: &["LZ4 Frame Format Description 1.6.4"],
};

impl Container for Lz4 {
    fn about(&self) -> &'static About {
        &ABOUT
    }

    fn magics(&self) -> &'static [Magic] {
        &[Magic { at: 0, bytes: &[0x04, 0x22, 0x4d, 0x18] }, Magic { at: 0, bytes: &[0x02, 0x21, 0x4c, 0x18] }]
    }

    fn inner(&self) -> &'static [Magic] {
        &[Magic { at: 0, bytes: &[0x04, 0x22, 0x4d, 0x18] }]
    }

    fn begins(&self, start: &[u8]) -> bool {
        self.claims(start) && decodes_blocks(FrameDecoder::new(start), start)
    }

    fn reader(&self) -> Reader {
        Reader::InOrder(open)
    }
}

fn open(input: &mut dyn Read, inside: &mut dyn Inside) -> Result<(), Unopenable> {
    inside.holds(LZ4 + ASIDE as u64)?;
    let mut start = [0; 8];
    let start = peek(input, &mut start).map_err(|_| Malformed::new("LZ4 frame", 0))?;
    // LZ4 frame format 1.6: version 1, and the reserved bits are zero.
    let is_frame =
        matches!(start, [0x04, 0x22, 0x4d, 0x18, flags, sizes, ..] if flags & 0xc2 == 0x40 && sizes & 0x8f == 0);
    let mut input = Read::chain(start, input);
    match joined::open(Frames(FrameDecoder::new(Input::new(&mut input))), inside, "LZ4 frame", begins, true) {
        Err(Unopenable::Malformed(_)) if is_frame => {
            Err(Unopenable::Closed(Reason::Unsupported, "an LZ4 frame that is damaged or needs a dictionary"))
        }
        opened => opened,
    }
}

/// Whether the bytes are the start of a frame, current or legacy.
fn begins(start: &[u8]) -> bool {
    matches!(start, [0x04, 0x22, 0x4d, 0x18] | [0x02, 0x21, 0x4c, 0x18])
}

/// A decoder that returns no bytes at the end of each frame, then continues with the next.
struct Frames<'r>(FrameDecoder<Input<'r>>);

impl<'r> Stream<'r> for Frames<'r> {
    fn input(&mut self) -> &mut Input<'r> {
        self.0.get_mut()
    }

    fn again(self) -> Self {
        self
    }
}

impl Read for Frames<'_> {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        self.0.read(into)
    }
}
