//! bzip2: `.bz2`, `.tbz2`. Streams one behind the other are one, as `bzip2 -d` takes them.

use std::io::{BufReader, Read};

use bzip2::bufread::MultiBzDecoder;
use scanner_core::seam::{About, Container, Inside, Magic, Reader, Unopenable};

use super::compressed::{BZIP2, READ, only_member};

/// bzip2 streams.
#[derive(Debug)]
pub(crate) struct Bzip2;

static ABOUT: About = About {
    id: "bzip2",
    title: "bzip2 stream",
    detects: "bzip2 streams, opened as they are read. What is inside is looked at like a file of its own.",
    blind_to: "Streams that begin inside of a larger file. What stands behind the last stream is a gap.",
    respond: "Treat what is inside as if it lay there in plain text.",
    references: &["bzip2 1.0.8, bzlib.h"],
};

impl Container for Bzip2 {
    fn about(&self) -> &'static About {
        &ABOUT
    }

    fn magics(&self) -> &'static [Magic] {
        // HDR_B, HDR_Z, HDR_h (compress.c); the block that follows is held against its own magic by the decoder.
        &[Magic { at: 0, bytes: b"BZh" }]
    }

    fn reader(&self) -> Reader {
        Reader::InOrder(open)
    }
}

fn open(input: &mut dyn Read, inside: &mut dyn Inside) -> Result<(), Unopenable> {
    inside.holds(BZIP2)?;
    only_member(&mut MultiBzDecoder::new(BufReader::with_capacity(READ, input)), inside, "bzip2 stream")
}
