//! UTF-16 text, little and big endian, with or without a byte order mark: registry exports, PowerShell redirections,
//! strings in Windows programs and memory dumps.
//!
//! A text that is UTF-16 from its first byte on is decoded as a whole, including letters outside ASCII. Inside other
//! bytes the anchor is `BEGIN ` with a zero byte after each letter, which occurs in both byte orders. Around it, every
//! second byte is text as long as the bytes in between are zero, so that the byte order need not be known.

use std::ops::{ControlFlow, Range};

use keyradius_core::blob::Blob;
use keyradius_core::budget::Budget;
use keyradius_core::error::Malformed;
use keyradius_core::seam::{About, Anchor, Entry, Hit, Unopenable, Unwrapper};
use zeroize::Zeroizing;

/// UTF-16 text, and runs of it that contain PEM.
#[derive(Debug)]
pub(crate) struct Utf16;

static ABOUT: About = About {
    id: "utf16",
    title: "UTF-16 text",
    detects: "Files of up to 5 MiB that are UTF-16 or UTF-32 text in either byte order, with a byte order mark or beginning in \
              ASCII: all formats, with line numbers. In programs, dumps and larger files: runs in the ASCII range \
              around a PEM header.",
    blind_to: "Keys without a PEM header in UTF-16 inside other bytes, where a letter outside ASCII ends the run. \
               UTF-32 inside other bytes.",
    respond: "Treat the contents as plain text.",
    references: &["RFC 2781"],
};

const BEGIN: Anchor = Anchor::anywhere(b"B\0E\0G\0I\0N\0 \0");

/// Byte order marks, little and big endian. They are anchors for objects of a git history, which are read only if they
/// contain an anchor. A blob that begins with a mark is claimed as a whole.
const MARKS: [Anchor; 2] = [Anchor::at_start(&[0xff, 0xfe]), Anchor::at_start(&[0xfe, 0xff])];

/// Minimum length of a run, in bytes. No key is written in fewer than 32 letters.
const MIN_RUN: usize = 64;

impl Unwrapper for Utf16 {
    fn about(&self) -> &'static About {
        &ABOUT
    }

    fn anchors(&self) -> &'static [Anchor<'static>] {
        const ANCHORS: [Anchor; 3] = [BEGIN, MARKS[0], MARKS[1]];
        &ANCHORS
    }

    fn claims(&self, blob: Blob<'_>) -> bool {
        // In a larger file, the windows after the first could not be recognised as text.
        blob.window.last
            && (is_wide(blob.bytes).is_some()
                || start(blob.bytes)
                    .is_some_and(|(from, big)| text(blob.bytes, from, big).take(MIN_RUN / 2).count() == MIN_RUN / 2))
    }

    fn keeps_lines(&self) -> bool {
        true
    }

    fn open(
        &self,
        blob: Blob<'_>,
        hit: Hit<'_>,
        budget: &Budget,
        each: &mut dyn FnMut(Entry<'_>) -> ControlFlow<()>,
    ) -> Result<(), Unopenable> {
        let (bytes, span) = if hit == Hit::START { whole(blob.bytes, budget)? } else { run(blob.bytes, hit, budget)? };
        let _ = each(Entry { bytes: &bytes, span });
        Ok(())
    }
}

/// Decoded text, and its span in the blob.
type Run = (Zeroizing<Vec<u8>>, Range<usize>);

/// Decodes the text that a blob begins with.
fn whole(bytes: &[u8], budget: &Budget) -> Result<Run, Unopenable> {
    let malformed = Malformed::new("UTF-16 text", 0);
    if let Some((from, big)) = is_wide(bytes) {
        budget.take(bytes.len() as u64)?;
        let mut out = Zeroizing::new(Vec::with_capacity(bytes.len()));
        let units = bytes.get(from..).unwrap_or_default().as_chunks::<4>().0.iter();
        let units = units.map(|unit| if big { u32::from_be_bytes(*unit) } else { u32::from_le_bytes(*unit) });
        let mut end = from;
        for c in units.map_while(char::from_u32).take_while(|c| *c != '\0') {
            out.extend_from_slice(c.encode_utf8(&mut [0; 4]).as_bytes());
            end += 4;
        }
        return Ok((out, 0..end));
    }
    let (from, big) = start(bytes).ok_or(malformed)?;
    let (length, end) =
        text(bytes, from, big).fold((0, from), |(sum, end), c| (sum + c.len_utf8(), end + 2 * c.len_utf16()));
    budget.take(length as u64)?;
    let mut out = Zeroizing::new(Vec::with_capacity(length));
    for c in text(bytes, from, big) {
        out.extend_from_slice(c.encode_utf8(&mut [0; 4]).as_bytes());
    }
    // The span includes the mark, so that hits at the start of the blob belong to this text.
    Ok((out, 0..end))
}

/// Returns the offset of the text in a blob that is UTF-32 as a whole, and whether it is big endian: with a mark, or
/// with ASCII at its start.
fn is_wide(bytes: &[u8]) -> Option<(usize, bool)> {
    let head = bytes.get(..MIN_RUN)?.as_chunks::<4>().0;
    let is_ascii = |from: usize, big: bool| {
        let is_unit = |unit: &[u8; 4]| match (*unit, big) {
            ([c, 0, 0, 0], false) | ([0, 0, 0, c], true) => is_letter(c),
            _ => false,
        };
        head.iter().skip(from / 4).all(is_unit).then_some((from, big))
    };
    match bytes {
        [0xff, 0xfe, 0, 0, ..] => is_ascii(4, false),
        [0, 0, 0xfe, 0xff, ..] => is_ascii(4, true),
        [0, ..] => is_ascii(0, true),
        [_, 0, 0, 0, ..] => is_ascii(0, false),
        _ => None,
    }
}

/// Returns the offset of the text in a blob that may be UTF-16 as a whole, and whether it is big endian: according to
/// its mark, or without one according to the zero bytes of its first ASCII letters.
fn start(bytes: &[u8]) -> Option<(usize, bool)> {
    match bytes {
        [0xff, 0xfe, ..] => Some((2, false)),
        [0xfe, 0xff, ..] => Some((2, true)),
        [letter, 0, ..] | [0, letter, ..] if is_letter(*letter) => {
            let head = bytes.get(..MIN_RUN)?;
            let big = bytes.starts_with(&[0]);
            let is_ascii = |pair: &[u8]| matches!((pair, big), ([c, 0], false) | ([0, c], true) if is_letter(*c));
            head.chunks(2).all(is_ascii).then_some((0, big))
        }
        _ => None,
    }
}

/// Iterates over the characters from `from` on, up to the first that does not occur in text.
fn text(bytes: &[u8], from: usize, big: bool) -> impl Iterator<Item = char> {
    let pairs = bytes.get(from..).unwrap_or_default().as_chunks::<2>().0;
    let units = pairs.iter().map(move |pair| if big { u16::from_be_bytes(*pair) } else { u16::from_le_bytes(*pair) });
    let is_text =
        |c: &char| matches!(c, '\t' | '\n' | '\r') || !c.is_control() && !matches!(c, '\u{fffe}' | '\u{ffff}');
    char::decode_utf16(units).map_while(Result::ok).take_while(is_text)
}

/// Returns the run of ASCII letters around an anchor.
fn run(bytes: &[u8], hit: Hit<'_>, budget: &Budget) -> Result<Run, Unopenable> {
    let malformed = Malformed::new("UTF-16 run", hit.at);
    if MARKS.contains(&hit.anchor) {
        return Err(malformed.into());
    }
    let (before, behind) = bytes.split_at_checked(hit.at).unwrap_or_default();
    // Pairs of a letter and a zero. The last letter of a big-endian text has no byte after it.
    let forward = behind.chunks(2).take_while(|pair| is_text(pair)).count();
    let back = before.rchunks(2).take_while(|pair| pair.len() == 2 && is_text(pair)).count();
    let start = hit.at - 2 * back;
    let end = (hit.at + 2 * forward).min(bytes.len());
    let run = bytes.get(start..end).filter(|run| run.len() >= MIN_RUN).ok_or(malformed)?;
    budget.take((run.len() / 2) as u64)?;
    Ok((Zeroizing::new(run.iter().step_by(2).copied().collect()), start..end))
}

fn is_text(pair: &[u8]) -> bool {
    match pair {
        [letter, 0] | [letter] => is_letter(*letter),
        _ => false,
    }
}

const fn is_letter(byte: u8) -> bool {
    matches!(byte, b'\t' | b'\n' | b'\r' | 0x20..0x7f)
}

#[cfg(test)]
mod tests {
    use keyradius_core::blob::Origin;
    use keyradius_core::budget::Limits;

    use super::*;

    #[test]
    fn utf_32_is_decoded() {
        let text = "-----BEGIN X-----\r\nAAAA\u{e9}AAAAAAAAAAAAAAAAAAA\r\n-----END X-----";
        let little: Vec<u8> = text.chars().flat_map(|c| u32::from(c).to_le_bytes()).collect();
        let big: Vec<u8> = text.chars().flat_map(|c| u32::from(c).to_be_bytes()).collect();
        for bytes in [
            little.clone(),
            big.clone(),
            [&[0xff, 0xfe, 0, 0][..], &little].concat(),
            [&[0, 0, 0xfe, 0xff][..], &big].concat(),
        ] {
            let (origin, budget) = (Origin::file("x"), Budget::new(Limits::default()));
            let blob = Blob::whole(&bytes, &origin);
            let mut found = String::new();
            assert!(Utf16.claims(blob));
            let _ = Utf16.open(blob, Hit::START, &budget, &mut |entry| {
                found = String::from_utf8(entry.bytes.to_vec()).unwrap();
                ControlFlow::Continue(())
            });
            assert!(found.contains(text), "{found}");
        }
    }

    #[test]
    fn both_byte_orders_are_decoded() {
        let text = "; export\r\n-----BEGIN X-----\r\nAAAAAAAAAAAAAAAAAAAAAAAA\r\n-----END X-----";
        let little: Vec<u8> = text.encode_utf16().flat_map(u16::to_le_bytes).collect();
        let big: Vec<u8> = text.encode_utf16().flat_map(u16::to_be_bytes).collect();
        for (name, bytes) in [
            ("LE", little.clone()),
            ("BE", big.clone()),
            ("LE with mark", [&[0xff, 0xfe][..], &little].concat()),
            ("BE with mark", [&[0xfe, 0xff][..], &big].concat()),
            ("LE in a program", [&[0x90, 0x01, 0x02][..], &little, &[0xc3, 0x00, 0x01]].concat()),
        ] {
            let origin = Origin::file("x");
            let at = memchr::memmem::find(&bytes, BEGIN.bytes).unwrap();
            let mut found = String::new();
            let budget = Budget::new(Limits::default());
            Utf16
                .open(Blob::whole(&bytes, &origin), Hit { anchor: BEGIN, at }, &budget, &mut |entry| {
                    found = String::from_utf8(entry.bytes.to_vec()).unwrap();
                    ControlFlow::Continue(())
                })
                .unwrap();
            assert!(found.contains(text.trim_end_matches('-')), "{name}: {found}");
        }
    }

    fn whole(bytes: &[u8]) -> Option<(String, Range<usize>)> {
        let origin = Origin::file("x");
        let blob = Blob::whole(bytes, &origin);
        let mut found = None;
        if Utf16.claims(blob) {
            Utf16
                .open(blob, Hit::START, &Budget::new(Limits::default()), &mut |entry| {
                    found = Some((String::from_utf8(entry.bytes.to_vec()).unwrap(), entry.span));
                    ControlFlow::Continue(())
                })
                .unwrap();
        }
        found
    }

    #[test]
    fn a_whole_text_is_decoded_with_all_its_letters() {
        let text = "[Interface]\r\n# Schlüssel für 🔑\r\nPrivateKey = AAAA\r\nMTU = 1280\r\n";
        let little: Vec<u8> = text.encode_utf16().flat_map(u16::to_le_bytes).collect();
        let big: Vec<u8> = text.encode_utf16().flat_map(u16::to_be_bytes).collect();
        let marked = |mark: [u8; 2], bytes: &[u8]| [&mark[..], bytes].concat();
        assert_eq!(whole(&marked([0xff, 0xfe], &little)), Some((text.to_owned(), 0..little.len() + 2)));
        assert_eq!(whole(&marked([0xfe, 0xff], &big)), Some((text.to_owned(), 0..big.len() + 2)));
        // Without a mark the text must begin in ASCII.
        assert_eq!(whole(&little), None);
        let plain: Vec<u8> =
            "Windows Registry Editor Version 5.00 ü".encode_utf16().flat_map(u16::to_be_bytes).collect();
        assert_eq!(whole(&plain).map(|(text, span)| (text.len(), span)), Some((39, 0..plain.len())));
        // Decoding stops at a lone surrogate, half a character, or a control character.
        for end in [&[0x00, 0xd8, b'a', 0][..], b"a", &[1, 0]] {
            let (found, span) = whole(&[&marked([0xff, 0xfe], &little), end].concat()).unwrap();
            assert_eq!((found.as_str(), span.end), (text, little.len() + 2), "{end:?}");
        }
    }

    #[test]
    fn other_bytes_are_not_claimed() {
        for bytes in [
            &[0xff, 0xfe][..],
            &[0xff, 0xfe, b'a', 0, b'b', 0],
            &[&[0xff, 0xfe][..], &[0; 100]].concat(),
            &[&[0xff, 0xfe, 0x00, 0xdc][..], &[b'a'; 100]].concat(),
            &[b'a'; 100],
            &[&[b'a', 0][..], &[b'a'; 100]].concat(),
        ] {
            assert_eq!(whole(bytes), None, "{bytes:x?}");
        }
    }
}
