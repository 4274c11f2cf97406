//! xz: `.xz`, `.txz`, the payload of Debian packages. Dictionaries are bounded by the memory of the run.

use std::io::{BufReader, Read};

use lzma_rust2::XzReader;
use scanner_core::error::Malformed;
use scanner_core::seam::{About, Container, Inside, Magic, Member, Reader, Unopenable};

use super::compressed::{READ, only_member, peek, xz_dictionary};

/// xz streams.
#[derive(Debug)]
pub(crate) struct Xz;

static ABOUT: About = About {
    id: "xz",
    title: "xz stream",
    detects: "xz streams, opened as they are read. What is inside is looked at like a file of its own.",
    blind_to: "Streams that begin inside of a larger file, and dictionaries larger than the memory of the run (a gap).",
    respond: "Treat what is inside as if it lay there in plain text.",
    references: &["The .xz File Format 1.2.1"],
};

impl Container for Xz {
    fn about(&self) -> &'static About {
        &ABOUT
    }

    fn magics(&self) -> &'static [Magic] {
        &[Magic { at: 0, bytes: &[0xfd, b'7', b'z', b'X', b'Z', 0] }]
    }

    fn reader(&self) -> Reader {
        Reader::InOrder(open)
    }
}

fn open(input: &mut dyn Read, inside: &mut dyn Inside) -> Result<(), Unopenable> {
    let mut start = [0; 64];
    let start = peek(input, &mut start).map_err(|_| Malformed::new("xz stream", 0))?;
    let dictionary = xz_dictionary(start);
    if let Err(reason) = inside.holds(dictionary) {
        inside.unread(Member { name: b"", at: 0 }, reason, "dictionary");
        return Ok(());
    }
    let most = u32::try_from(dictionary.div_ceil(1 << 10)).unwrap_or(u32::MAX);
    let input = BufReader::with_capacity(READ, Read::chain(start, input));
    only_member(&mut XzReader::new_mem_limit(input, true, most), inside, "xz stream")
}
