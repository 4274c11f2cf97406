//! Zstandard: `.zst`, image layers, packages. Windows are limited to 128 MiB, the default of `zstd -d`.

use std::io::{self, BufRead, Read};

use keyradius_core::error::{Malformed, Reason};
use keyradius_core::seam::{About, Container, Inside, Magic, Member, Reader, Unopenable};

use zstd::stream::raw::{DParameter, Decoder, Operation};

use super::compressed::joined::{self, ASIDE, Input, Stream};
use super::compressed::{peek, zstd_memory, zstd_window};
use super::inner::decodes_blocks;

/// Zstandard streams.
#[derive(Debug)]
pub(crate) struct Zstd;

static ABOUT: About = About {
    id: "zstd",
    title: "Zstandard stream",
    detects: "Zstandard streams, decompressed as they are read. The contents are scanned like a file, and so are \
              skippable frames and data after the last frame.",
    blind_to: "Streams that need a dictionary, windows larger than 128 MiB, \
               and more than 4 MiB of skippable frames are reported as not read.",
    respond: "Treat the contents as plain text.",
    references: &["RFC 8878"],
};

impl Container for Zstd {
    fn about(&self) -> &'static About {
        &ABOUT
    }

    fn magics(&self) -> &'static [Magic] {
        macro_rules! magics {
            ($($skippable:literal)*) => {
                &[
                    Magic { at: 0, bytes: &FRAME },
                    $(Magic { at: 0, bytes: &[$skippable, 0x2a, 0x4d, 0x18] }),*
                ]
            };
        }
        // A frame, and the skippable frames that may precede it (RFC 8878 3.1.1, 3.1.2). pzstd begins with the first of
        // them.
        magics!(0x50 0x51 0x52 0x53 0x54 0x55 0x56 0x57 0x58 0x59 0x5a 0x5b 0x5c 0x5d 0x5e 0x5f)
    }

    fn inner(&self) -> &'static [Magic] {
        &[Magic { at: 0, bytes: &FRAME }]
    }

    fn begins(&self, start: &[u8]) -> bool {
        if !start.starts_with(&FRAME) || start.get(4).is_none_or(|descriptor| descriptor & 0x18 != 0) {
            return false;
        }
        // The windows of all levels but --ultra.
        let mut bytes = start;
        let mut frames =
            |decoder| decodes_blocks(Frames { input: Input::new(&mut bytes), decoder, ended: false }, start);
        zstd_window(start) <= 8 << 20
            && first_block(start).is_some_and(|size| (1..=128 << 10).contains(&size))
            && Decoder::new().is_ok_and(&mut frames)
    }

    fn reader(&self) -> Reader {
        Reader::InOrder(open)
    }
}

/// The size of the first block of a frame (RFC 8878 3.1.1.2), unless its type is reserved.
fn first_block(start: &[u8]) -> Option<u32> {
    let descriptor = *start.get(4)?;
    let is_single = descriptor & 0x20 != 0;
    let id = [0, 1, 2, 4].get(usize::from(descriptor & 3))?;
    let contents = [usize::from(is_single), 2, 4, 8];
    let content = contents.get(usize::from(descriptor >> 6))?;
    let &[low, middle, high] = start.get(5 + usize::from(!is_single) + id + content..)?.first_chunk()?;
    let header = u32::from_le_bytes([low, middle, high, 0]);
    (header & 6 != 6).then_some(header >> 3)
}

/// Magic number of a frame (RFC 8878 3.1.1).
const FRAME: [u8; 4] = [0x28, 0xb5, 0x2f, 0xfd];

fn open(input: &mut dyn Read, inside: &mut dyn Inside) -> Result<(), Unopenable> {
    let mut start = [0; 64];
    let start = peek(input, &mut start).map_err(|_| Malformed::new("Zstandard stream", 0))?;
    let is_frame = start.starts_with(&FRAME) && start.get(4).is_some_and(|descriptor| descriptor & 8 == 0);
    let window = zstd_window(start);
    // The limit of `zstd -d` without --long: ZSTD_WINDOWLOG_LIMIT_DEFAULT.
    let memory = zstd_memory(window).saturating_add(ASIDE as u64);
    let held = if window > MOST_WINDOW { Err(Reason::TooLarge) } else { inside.holds(memory) };
    if let Err(reason) = held {
        inside.unread(Member { name: b"", at: 0 }, reason, "window");
        return Ok(());
    }
    let malformed = |_| Malformed::new("Zstandard stream", 0);
    let mut decoder = Decoder::new().map_err(malformed)?;
    decoder.set_parameter(DParameter::WindowLogMax(window.ilog2())).map_err(malformed)?;
    let mut input = Read::chain(start, input);
    let frames = Frames { input: Input::new(&mut input), decoder, ended: false };
    let opened = joined::open(frames, inside, "Zstandard stream", |start| start == FRAME, true);
    match opened {
        // RFC 8878 3.1.1.1.1: one bit of the descriptor is reserved and zero.
        Err(Unopenable::Malformed(_)) if is_frame => {
            Err(Unopenable::Closed(Reason::Unsupported, "a Zstandard frame that is damaged or needs a dictionary"))
        }
        opened => opened,
    }
}

/// Maximum window that is decoded, in bytes.
const MOST_WINDOW: u64 = 128 << 20;

/// A decoder that stops at the end of each frame. One context serves all frames, because a stream may contain millions.
struct Frames<'r> {
    input: Input<'r>,
    decoder: Decoder<'static>,
    ended: bool,
}

impl<'r> Stream<'r> for Frames<'r> {
    fn input(&mut self) -> &mut Input<'r> {
        &mut self.input
    }

    fn again(self) -> Self {
        Self { ended: false, ..self }
    }
}

impl Read for Frames<'_> {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        while !self.ended && !into.is_empty() {
            let packed = self.input.fill_buf()?;
            let at_end = packed.is_empty();
            let step = self.decoder.run_on_buffers(packed, into)?;
            self.input.consume(step.bytes_read);
            self.ended = step.remaining == 0;
            if step.bytes_written > 0 {
                return Ok(step.bytes_written);
            }
            if at_end && !self.ended {
                return Err(io::ErrorKind::UnexpectedEof.into());
            }
        }
        Ok(0)
    }
}
