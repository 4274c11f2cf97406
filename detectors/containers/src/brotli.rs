//! Brotli streams (RFC 7932), which have no magic number: files and members whose names end in `.br`.

use std::io::Read;

use brotli_decompressor::Decompressor;
use keyradius_core::seam::{About, Container, Inside, Magic, Reader, Unopenable};

use super::compressed::{READ, only_member};
use super::inner::decodes;

/// Brotli streams.
#[derive(Debug)]
pub(crate) struct Brotli;

static ABOUT: About = About {
    id: "brotli",
    title: "Brotli stream",
    detects: "Brotli streams in files and archive members whose names end in `.br`, decompressed as they are read. The \
              contents are scanned like a file.",
    blind_to: "Streams under other names, because the format has no magic number. Windows larger than 16 MiB.",
    respond: "Treat the contents as plain text.",
    references: &["RFC 7932"],
};

/// Memory of a decoder, in bytes: the largest window, a ring buffer of twice its size at most, and tables.
const MEMORY: u64 = 34 << 20;

impl Container for Brotli {
    fn about(&self) -> &'static About {
        &ABOUT
    }

    fn magics(&self) -> &'static [Magic] {
        // That of a framing format which was proposed and is not in use: streams have none, and the name decides.
        &[Magic { at: 0, bytes: &[0xce, 0xb2, 0xcf, 0x81] }]
    }

    fn claims(&self, _start: &[u8]) -> bool {
        false
    }

    fn begins(&self, start: &[u8]) -> bool {
        decodes(Decompressor::new(start, READ))
    }

    fn extension(&self) -> Option<&'static str> {
        Some("br")
    }

    fn reader(&self) -> Reader {
        Reader::InOrder(open)
    }
}

fn open(input: &mut dyn Read, inside: &mut dyn Inside) -> Result<(), Unopenable> {
    inside.holds(MEMORY)?;
    only_member(&mut Decompressor::new(input, READ), inside, "Brotli stream")
}

#[cfg(test)]
mod tests {
    use super::*;

    /// 30 times "ab", as written by `brotli`.
    const AB: &[u8] = b"\x1f\x3b\x00\xf8\xa5\xc2\xc4\xe2\x8c\x00\x40\x14";

    #[test]
    fn streams_are_decoded() {
        assert!(Brotli.begins(AB) && !Brotli.claims(AB));
        assert!(!Brotli.begins(b"some text that only looks like a stream for a while"));
        let mut seen = crate::collect::Seen::default();
        open(&mut &*AB, &mut seen).unwrap();
        assert_eq!(seen.content(""), Some(&b"ab".repeat(30)[..]));
        for cut in 0..AB.len() {
            let _ = open(&mut &AB[..cut], &mut crate::collect::Seen::default());
        }
    }
}
