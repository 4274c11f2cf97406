//! Zstandard: `.zst`, layers of images, packages. Windows are bounded: up to 128 MiB, as `zstd -d` allows by itself.

use scanner_core::seam::{About, Container, Magic, Reader};

use super::frames::{self, SKIPPABLE};

/// Zstandard streams.
#[derive(Debug)]
pub(crate) struct Zstd;

static ABOUT: About = About {
    id: "zstd",
    title: "Zstandard stream",
    detects: "Zstandard streams, opened as they are read, and the contents of skippable frames. What is inside is looked at like a file of its own.",
    blind_to: "Streams that begin inside of a larger file, those made with a dictionary, and windows larger than 128 MiB (a gap).",
    respond: "Treat what is inside as if it lay there in plain text.",
    references: &["RFC 8878"],
};

impl Container for Zstd {
    fn about(&self) -> &'static About {
        &ABOUT
    }

    fn magics(&self) -> &'static [Magic] {
        // A frame, and the skippable frames that a stream may begin with (RFC 8878 3.1.1, 3.1.2).
        static MAGICS: [Magic; 17] = {
            let [a, b, c, d, e, f, g, h, i, j, k, l, m, n, o, p] = SKIPPABLE;
            [Magic { at: 0, bytes: &[0x28, 0xb5, 0x2f, 0xfd] }, a, b, c, d, e, f, g, h, i, j, k, l, m, n, o, p]
        };
        &MAGICS
    }

    fn reader(&self) -> Reader {
        Reader::InOrder(|input, inside| frames::open(input, inside, "Zstandard stream"))
    }
}
