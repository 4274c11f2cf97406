//! LZ4 frames, current and legacy (Linux kernels, initramfs).

use scanner_core::seam::{About, Container, Magic, Reader};

use super::frames;

/// LZ4 frames.
#[derive(Debug)]
pub(crate) struct Lz4;

static ABOUT: About = About {
    id: "lz4",
    title: "LZ4 frame",
    detects: "LZ4 frames, opened as they are read. What is inside is looked at like a file of its own.",
    blind_to: "Bare LZ4 blocks and streams that begin inside of a larger file.",
    respond: "Treat what is inside as if it lay there in plain text.",
    references: &["LZ4 Frame Format Description 1.6.4"],
};

impl Container for Lz4 {
    fn about(&self) -> &'static About {
        &ABOUT
    }

    fn magics(&self) -> &'static [Magic] {
        &[Magic { at: 0, bytes: &[0x04, 0x22, 0x4d, 0x18] }, Magic { at: 0, bytes: &[0x02, 0x21, 0x4c, 0x18] }]
    }

    fn reader(&self) -> Reader {
        Reader::InOrder(|input, inside| frames::open(input, inside, "LZ4 frame"))
    }
}
