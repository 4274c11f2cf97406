//! LZMA streams of the old format (`.lzma`, `xz --format=lzma`). They have no magic number: properties, dictionary size
//! and length must be plausible.

use std::io::{self, BufRead, BufReader, Read};

use keyradius_core::error::Malformed;
use keyradius_core::seam::{About, Container, Inside, Magic, Member, Reader, Unopenable};
use lzma_rust2::LzmaReader;

use super::compressed::{BESIDE, READ, only_member};
use super::inner::decodes;

/// LZMA streams.
#[derive(Debug)]
pub(crate) struct Lzma;

static ABOUT: About = About {
    id: "lzma",
    title: "LZMA stream",
    detects: "LZMA streams, decompressed as they are read. The contents are scanned like a file, and so is data after \
              the stream.",
    blind_to: "Streams with unusual properties and a known length. In the middle of other bytes, streams with \
               other dictionaries than 64 KiB, 8, 32 and 64 MiB.",
    respond: "Treat the contents as plain text.",
    references: &["xz, doc/lzma-file-format.txt"],
};

impl Container for Lzma {
    fn about(&self) -> &'static About {
        &ABOUT
    }

    fn magics(&self) -> &'static [Magic] {
        // lc = 3, lp = 0, pb = 2, as written by every encoder, and a dictionary that is a power of two of at least 64
        // KiB.
        &[Magic { at: 0, bytes: &[0x5d, 0, 0] }]
    }

    fn claims(&self, start: &[u8]) -> bool {
        let usual = self.magics().iter().any(|magic| magic.begins(start));
        // Other properties are accepted if the length is unknown (eight bytes of 0xff), as `xz` writes it.
        usual || matches!(start, [0..=224, _, _, _, _, 255, 255, 255, 255, 255, 255, 255, 255, 0, ..])
    }

    fn inner(&self) -> &'static [Magic] {
        // Dictionaries of 8 MiB (`lzma`), 64 MiB (`lzma -9`), 32 MiB and 64 KiB (EFI).
        &[
            Magic { at: 0, bytes: &[0x5d, 0, 0, 0x80, 0] },
            Magic { at: 0, bytes: &[0x5d, 0, 0, 0, 4] },
            Magic { at: 0, bytes: &[0x5d, 0, 0, 0, 2] },
            Magic { at: 0, bytes: &[0x5d, 0, 0, 1, 0] },
        ]
    }

    fn begins(&self, start: &[u8]) -> bool {
        // The length is unknown, or less than 4 GiB and not tiny; the range coder begins with a zero byte.
        let fits = matches!(start, [_, _, _, _, _, 255, 255, 255, 255, 255, 255, 255, 255, 0, ..])
            || matches!(start, [_, _, _, _, _, _, _, _, _, 0, 0, 0, 0, 0, ..] if start.get(5..9) != Some(&[0; 4]));
        let most = u32::try_from(INNER_MEMORY >> 10).unwrap_or(u32::MAX);
        fits && start.len() > 32 && LzmaReader::new_mem_limit(start, most, None).is_ok_and(decodes)
    }

    fn reader(&self) -> Reader {
        Reader::InOrder(open)
    }
}

/// Memory of a trial, in bytes: the largest dictionary, and the tables.
const INNER_MEMORY: u64 = 65 << 20;

fn open(input: &mut dyn Read, inside: &mut dyn Inside) -> Result<(), Unopenable> {
    let mut head = [0; 14];
    input.read_exact(&mut head).map_err(|_| Malformed::new("LZMA header", 0))?;
    let [properties, d0, d1, d2, d3, size @ .., first] = head;
    let dictionary = u32::from_le_bytes([d0, d1, d2, d3]);
    let size = u64::from_le_bytes(size);
    // Length unknown or less than 256 GiB, as `xz` requires of such files. The range coder begins with a zero byte.
    let plausible = (size == u64::MAX || size < 1 << 38) && first == 0 && dictionary.is_power_of_two();
    if !plausible {
        return Err(Malformed::new("LZMA header", 1).into());
    }
    // lc and lp: 0x300 numbers of two bytes for each literal context (lzma-file-format.txt 1.1.1).
    let contexts = 0x600 << (properties % 9 + properties / 9 % 5);
    let memory = u64::from(dictionary) + BESIDE + contexts;
    if let Err(reason) = inside.holds(memory) {
        inside.unread(Member { name: b"", at: 0 }, reason, "dictionary");
        return Ok(());
    }
    let most = u32::try_from(memory.div_ceil(1 << 10)).unwrap_or(u32::MAX);
    let input = BufReader::with_capacity(READ, Read::chain(&head[..], input));
    let decoder = LzmaReader::new_mem_limit(input, most, None).map_err(|_| Malformed::new("LZMA header", 0))?;
    let mut stream = Stream { decoder, ended: false };
    only_member(&mut stream, inside, "LZMA stream")?;
    if stream.ended {
        let (rest, ahead) = stream.decoder.into_parts();
        let mut behind = Read::chain(ahead.as_slice(), rest);
        if behind.fill_buf().is_ok_and(|bytes| !bytes.is_empty()) {
            let _ = inside.member(Member { name: b"trailing", at: 0 }, &mut behind);
        }
    }
    Ok(())
}

/// A decoder, and whether it reached the end of its stream.
struct Stream<R> {
    decoder: LzmaReader<R>,
    ended: bool,
}

impl<R: Read> Read for Stream<R> {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        let read = self.decoder.read(into)?;
        self.ended = read == 0 && !into.is_empty();
        Ok(read)
    }
}
