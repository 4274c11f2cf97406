//! Compressed streams without a header: raw deflate, and bare blocks of Snappy and LZ4.
//!
//! Nothing marks them, so binary input that no other reader knows is tried: its first bits must be those of a block with
//! complete codes, or its length must be that of its contents. A small stream must end where the input ends. What only
//! looked like a stream is searched as it is.

use std::io::Read;
use std::ops::ControlFlow;

use flate2::bufread::DeflateDecoder;
use keyradius_core::blob::Blob;
use keyradius_core::budget::Budget;
use keyradius_core::error::{Malformed, Reason};
use keyradius_core::seam::{About, Anchor, Entry, Hit, Unopenable, Unwrapper};
use keyradius_readers::stored::le32;
use zeroize::Zeroizing;

use super::compressed::blocks;

/// Streams without a header.
#[derive(Debug)]
pub(crate) struct Bare;

static ABOUT: About = About {
    id: "bare",
    title: "streams without a header",
    detects: "Raw deflate, blocks of Snappy, and blocks of LZ4 alone or after their length, that are a whole file, \
              member or value of at most 5 MiB. The contents are scanned like a file.",
    blind_to: "Streams in the middle of other bytes, unless the format around them is read. In a git history, objects \
               that contain no key as they are.",
    respond: "Treat the contents as plain text.",
    references: &["RFC 1951", "snappy, format_description.txt", "lz4_Block_format.md"],
};

/// The start of `-----`, compressed by zlib at any level.
const ANCHORS: [Anchor; 1] = [Anchor::at_start(&[0xd3, 0xd5])];

/// How many bytes tell whether an input is text.
const HEAD: usize = 24;

/// Largest stream of fixed codes, which encoders write for short texts only, in bytes.
const SMALL: usize = 4 << 10;

/// How many decompressed bytes prove a stream of codes of its own.
const ENOUGH: usize = 4 << 10;

/// Largest output of a block, in bytes.
const MOST: usize = 64 << 20;

impl Unwrapper for Bare {
    fn about(&self) -> &'static About {
        &ABOUT
    }

    fn anchors(&self) -> &'static [Anchor<'static>] {
        &ANCHORS
    }

    fn claims(&self, blob: Blob<'_>) -> bool {
        blob.window.first() && kind(blob.bytes, blob.window.last).is_some()
    }

    fn open(
        &self,
        blob: Blob<'_>,
        hit: Hit<'_>,
        budget: &Budget,
        each: &mut dyn FnMut(Entry<'_>) -> ControlFlow<()>,
    ) -> Result<(), Unopenable> {
        let none = Malformed::new("stream without a header", hit.at);
        let kind = kind(blob.bytes, blob.window.last).filter(|_| hit.at == 0 && blob.window.first()).ok_or(none)?;
        let most = usize::try_from(budget.left()).unwrap_or(usize::MAX).min(MOST);
        let (out, is_whole) = match kind {
            Kind::Deflate => {
                let mut out = Zeroizing::new(Vec::new());
                let mut stream = DeflateDecoder::new(blob.bytes).take(most as u64 + 1);
                let is_whole = stream.read_to_end(&mut out).is_ok();
                (out, is_whole)
            }
            Kind::Snappy => (Zeroizing::new(blocks::block(blob.bytes, most).ok_or(none)?), true),
            Kind::Lz4(from) => {
                let block = blob.bytes.get(from..).unwrap_or_default();
                (Zeroizing::new(blocks::lz4(block, most).ok_or(none)?), true)
            }
        };
        if out.len() > most {
            return Err(Unopenable::Limit(Reason::TooLarge));
        }
        budget.take(out.len() as u64)?;
        let _ = each(Entry { bytes: &out, span: 0..blob.bytes.len() });
        if is_whole && blob.window.last {
            Ok(())
        } else if blob.window.last {
            Err(Unopenable::Closed(Reason::Damaged, "a deflate stream without a header"))
        } else {
            Err(Unopenable::Closed(Reason::TooLarge, "a deflate stream without a header, longer than a window"))
        }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Deflate,
    Snappy,
    /// LZ4 from this offset on.
    Lz4(usize),
}

/// What an input is, if it is a stream.
fn kind(bytes: &[u8], is_whole: bool) -> Option<Kind> {
    let head = bytes.get(..HEAD)?;
    let is_text = |byte: &u8| matches!(byte, b' '..=b'~' | b'\t' | b'\r' | b'\n');
    if head.iter().all(is_text) {
        return None;
    }
    if is_deflate(bytes, is_whole) {
        return Some(Kind::Deflate);
    }
    if !is_whole {
        return None;
    }
    if is_snappy(bytes) {
        return Some(Kind::Snappy);
    }
    // After the length of the contents, which four bytes seldom are by chance.
    let length = le32(bytes, 0).and_then(|length| usize::try_from(length).ok()).filter(|length| {
        (bytes.len() - 4..=255 * bytes.len()).contains(length) && *length <= MOST && is_lz4_start(bytes.get(4..))
    });
    if length.is_some_and(|length| {
        bytes.get(4..).and_then(|block| blocks::lz4(block, length)).is_some_and(|out| out.len() == length)
    }) {
        return Some(Kind::Lz4(4));
    }
    let is_lz4 = is_lz4_start(Some(bytes)) && blocks::lz4(bytes, MOST).is_some_and(|out| out.len() > bytes.len());
    is_lz4.then_some(Kind::Lz4(0))
}

/// Whether the bytes begin like a block of LZ4: literals, then a copy of bytes among them.
fn is_lz4_start(block: Option<&[u8]>) -> bool {
    let first = || {
        let (token, rest) = block?.split_first()?;
        let (count, rest) = match token >> 4 {
            15 => (15 + usize::from(*rest.first().filter(|more| **more != 255)?), rest.get(1..)?),
            count => (usize::from(count), rest),
        };
        let distance = rest.get(count..count + 2)?;
        let distance = usize::from(u16::from_le_bytes(*distance.first_chunk()?));
        Some(distance > 0 && distance <= count)
    };
    first().unwrap_or(false)
}

/// Whether the bytes begin like a block of Snappy: the length of its contents, then literals.
fn is_snappy(bytes: &[u8]) -> bool {
    let mut rest = bytes;
    let Some(length) = blocks::varint(&mut rest).and_then(|length| usize::try_from(length).ok()) else { return false };
    let is_likely = length <= MOST && length >= rest.len() / 8 * 7 && length / 22 <= rest.len();
    is_likely
        && bytes.len() - rest.len() <= 4
        && rest.first().is_some_and(|tag| tag.trailing_zeros() >= 2 && usize::from(tag >> 2) < length)
        && blocks::block(bytes, MOST).is_some()
}

/// Whether the bytes begin like a deflate stream (RFC 1951 3.2.3).
fn is_deflate(bytes: &[u8], is_whole: bool) -> bool {
    let Some(first) = bytes.first() else { return false };
    match first >> 1 & 3 {
        0 => {
            // A stored block has its length twice. The rest of its first byte is unused; encoders leave it empty.
            let stored = bytes.get(1..5).and_then(|sizes| match sizes {
                [a, b, c, d] => Some((u16::from_le_bytes([*a, *b]), u16::from_le_bytes([*c, *d]))),
                _ => None,
            });
            *first < 2 && stored.is_some_and(|(length, inverse)| length == !inverse && length > 0) && ends(bytes)
        }
        1 => is_whole && bytes.len() <= SMALL && ends(bytes),
        2 => has_codes(bytes) && decodes(bytes),
        _ => false,
    }
}

/// Whether the stream decodes, and ends where the input ends.
fn ends(bytes: &[u8]) -> bool {
    let mut stream = DeflateDecoder::new(bytes);
    let copied = std::io::copy(&mut (&mut stream).take(MOST as u64), &mut std::io::sink());
    copied.is_ok_and(|copied| copied > 0) && stream.total_in() == bytes.len() as u64
}

/// Whether enough of the stream decodes.
fn decodes(bytes: &[u8]) -> bool {
    let mut out = [0; ENOUGH];
    let mut stream = DeflateDecoder::new(bytes);
    let mut held = 0;
    while let Some(room) = out.get_mut(held..).filter(|room| !room.is_empty()) {
        match stream.read(room) {
            Ok(0) => return held > 0 && stream.total_in() == bytes.len() as u64,
            Ok(read) => held += read,
            Err(_) => return false,
        }
    }
    true
}

/// Whether a block with codes of its own begins with a complete code for their lengths, which bytes of other files
/// rarely do (RFC 1951 3.2.7): checked before anything is allocated.
fn has_codes(bytes: &[u8]) -> bool {
    let Some(head) = bytes.first_chunk::<16>() else { return false };
    let bits = u128::from_le_bytes(*head) >> 3;
    let (literals, distances, lengths) = (bits & 31, bits >> 5 & 31, (bits >> 10 & 15) as u32 + 4);
    // A code of n bits takes 2^(7 - n) of 128.
    let sum: u32 = (0..lengths)
        .map(|at| match (bits >> (14 + 3 * at) & 7) as u32 {
            0 => 0,
            length => 128 >> length,
        })
        .sum();
    literals < 30 && distances < 30 && sum == 128
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use flate2::Compression;
    use flate2::write::DeflateEncoder;
    use keyradius_core::blob::Origin;
    use keyradius_core::budget::Limits;

    use super::*;

    fn open(bytes: &[u8]) -> Option<(Vec<u8>, bool)> {
        let origin = Origin::file("x");
        let blob = Blob::whole(bytes, &origin);
        if !Bare.claims(blob) {
            return None;
        }
        let mut found = Vec::new();
        let opened = Bare.open(blob, Hit::START, &Budget::new(Limits::default()), &mut |entry| {
            found = entry.bytes.to_vec();
            ControlFlow::Continue(())
        });
        Some((found, opened.is_ok()))
    }

    fn deflated(text: &[u8], level: u32) -> Vec<u8> {
        let mut encoder = DeflateEncoder::new(Vec::new(), Compression::new(level));
        encoder.write_all(text).unwrap();
        encoder.finish().unwrap()
    }

    /// Bytes that do not compress, by a generator of Knuth.
    fn noise(length: usize) -> Vec<u8> {
        let mut state = 1_u64;
        let mut next = || {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            (state >> 56) as u8
        };
        (0..length).map(|_| next()).collect()
    }

    #[test]
    fn deflate_of_every_kind_of_block() {
        let long: Vec<u8> = (0..9000_u32).flat_map(|n| format!("line {}\n", n * n).into_bytes()).collect();
        for (text, level) in
            [(&noise(121)[..], 6), (&noise(121)[..], 0), (b"a short text, and a short one with a key", 9), (&long, 6)]
        {
            let packed = deflated(text, level);
            assert_eq!(open(&packed), Some((text.to_vec(), true)), "{level}: {packed:?}");
        }
        let packed = deflated(&long, 6);
        let (out, is_whole) = open(&packed[..packed.len() / 2]).unwrap();
        assert!(long.starts_with(&out) && out.len() > ENOUGH && !is_whole, "a stream that is cut");
    }

    #[test]
    fn blocks_without_a_header() {
        let text = [&b"abcd".repeat(5)[..], &noise(40)].concat();
        let snappy = [&[60, 3 << 2, b'a', b'b', b'c', b'd', 15 << 2 | 2, 4, 0, 39 << 2][..], &noise(40)].concat();
        assert_eq!(open(&snappy), Some((text.clone(), true)));
        let lz4 = [&[0x4c, b'a', b'b', b'c', b'd', 4, 0, 0xf0, 25][..], &noise(40)].concat();
        assert_eq!(open(&lz4), Some((text.clone(), true)));
        let sized = [&60_u32.to_le_bytes()[..], &lz4].concat();
        assert_eq!(open(&sized), Some((text, true)));
    }

    #[test]
    fn other_bytes_are_none() {
        for other in [
            &noise(9000)[..],
            b"some text, and more of it, and more",
            &[0; 64],
            &[0xff; 64],
            b"\x30\x82\x01\x02\x02\x01",
        ] {
            assert_eq!(open(other), None);
        }
        let mut claimed = 0;
        for start in 0..4000 {
            claimed += usize::from(open(&noise(13_000)[start..start + 9000]).is_some());
        }
        assert_eq!(claimed, 0, "of four thousand");
    }
}
