//! Brotli streams (RFC 7932), which have no magic number: files and members whose names end in `.br`.

use std::io::{self, BufRead, BufReader, Read};

use brotli_decompressor::reader::StandardAlloc;
use brotli_decompressor::{BrotliDecompressStream, BrotliResult, BrotliState, Decompressor};
use keyradius_core::seam::{About, Container, Inside, Magic, Member, Reader, Unopenable};

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
    let state = BrotliState::new(StandardAlloc::default(), StandardAlloc::default(), StandardAlloc::default());
    let mut stream = Stream { input: BufReader::with_capacity(READ, input), state, is_over: false };
    only_member(&mut stream, inside, "Brotli stream")?;
    if stream.is_over && stream.input.fill_buf().is_ok_and(|rest| !rest.is_empty()) {
        let _ = inside.member(Member { name: b"trailing", at: 0 }, &mut stream.input);
    }
    Ok(())
}

/// A decoder that leaves what follows the stream in its input.
struct Stream<'r> {
    input: BufReader<&'r mut dyn Read>,
    state: BrotliState<StandardAlloc, StandardAlloc, StandardAlloc>,
    is_over: bool,
}

impl Read for Stream<'_> {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        let mut out = 0;
        while out == 0 && !self.is_over && !into.is_empty() {
            let held = self.input.fill_buf()?;
            let (mut left, mut used, mut room, mut total) = (held.len(), 0, into.len(), 0);
            let is_end = held.is_empty();
            let result = BrotliDecompressStream(
                &mut left,
                &mut used,
                held,
                &mut room,
                &mut out,
                into,
                &mut total,
                &mut self.state,
            );
            self.input.consume(used);
            match result {
                BrotliResult::ResultSuccess => self.is_over = true,
                BrotliResult::ResultFailure => return Err(io::ErrorKind::InvalidData.into()),
                BrotliResult::NeedsMoreInput if is_end && out == 0 => return Err(io::ErrorKind::UnexpectedEof.into()),
                BrotliResult::NeedsMoreInput | BrotliResult::NeedsMoreOutput => {}
            }
        }
        Ok(out)
    }
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
        let mut seen = crate::collect::Seen::default();
        open(&mut &*[AB, b"and more"].concat(), &mut seen).unwrap();
        assert_eq!((seen.content("").map(<[u8]>::len), seen.content("trailing")), (Some(60), Some(&b"and more"[..])));
        for cut in 0..AB.len() {
            let _ = open(&mut &AB[..cut], &mut crate::collect::Seen::default());
        }
    }
}
