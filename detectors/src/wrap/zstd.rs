//! Zstandard: `.zst`, layers of images, packages. Windows are bounded: up to 128 MiB, as `zstd -d` allows by itself.

use std::io::{BufReader, Read};

use scanner_core::error::{Malformed, Reason};
use scanner_core::seam::{About, Container, Inside, Magic, Member, Reader, Unopenable};

use super::compressed::{READ, only_member, peek, zstd_memory, zstd_window};

/// Zstandard streams.
#[derive(Debug)]
pub(crate) struct Zstd;

static ABOUT: About = About {
    id: "zstd",
    title: "Zstandard stream",
    detects: "Zstandard streams, opened as they are read. What is inside is looked at like a file of its own.",
    blind_to: "Streams that begin inside of a larger file, those made with a dictionary, and windows larger than 128 MiB (a gap).",
    respond: "Treat what is inside as if it lay there in plain text.",
    references: &["RFC 8878"],
};

impl Container for Zstd {
    fn about(&self) -> &'static About {
        &ABOUT
    }

    fn magics(&self) -> &'static [Magic] {
        // A frame, and the skippable frame that pzstd begins with (RFC 8878 3.1.1, 3.1.2).
        &[Magic { at: 0, bytes: &[0x28, 0xb5, 0x2f, 0xfd] }, Magic { at: 0, bytes: &[0x50, 0x2a, 0x4d, 0x18] }]
    }

    fn reader(&self) -> Reader {
        Reader::InOrder(open)
    }
}

fn open(input: &mut dyn Read, inside: &mut dyn Inside) -> Result<(), Unopenable> {
    let mut start = [0; 64];
    let start = peek(input, &mut start).map_err(|_| Malformed::new("Zstandard stream", 0))?;
    let window = zstd_window(start);
    // Of `zstd -d` without --long: ZSTD_WINDOWLOG_LIMIT_DEFAULT.
    let held = if window > MOST_WINDOW { Err(Reason::TooLarge) } else { inside.holds(zstd_memory(window)) };
    if let Err(reason) = held {
        inside.unread(Member { name: b"", at: 0 }, reason, "window");
        return Ok(());
    }
    let mut decoder =
        zstd::stream::read::Decoder::with_buffer(BufReader::with_capacity(READ, Read::chain(start, input)))
            .map_err(|_| Malformed::new("Zstandard stream", 0))?;
    decoder.window_log_max(window.ilog2()).map_err(|_| Malformed::new("Zstandard window", 0))?;
    only_member(&mut decoder, inside, "Zstandard stream")
}

/// Largest window that is decoded, in bytes.
const MOST_WINDOW: u64 = 128 << 20;
