//! Encodings in encodings, in the middle of text: compressed keys in base64 or hexadecimal, base64 in hexadecimal,
//! hexadecimal in base64, base32, Ascii85, base85, uuencode, yEnc, binary patches of git, lists of numbers, dumps of words.
//!
//! No literal is common to these, so no anchor finds them. Instead, eight bytes in every 103 are looked at: if all of
//! them are digits, the run around them is measured. A run whose first bytes decode to a stream, to more digits or to
//! text is decoded as a whole, and searched like a file. So a run on one line is certainly found if it has 112 digits, and
//! one on lines of 60 digits or more if it has 216: of two pieces, one has no line end.

mod asn1;
mod base85;
mod coded;
mod dumps;
mod escapes;
mod lists;
mod members;
mod promise;
mod signs;

use std::io::Read;
use std::ops::{ControlFlow, Range};

use brotli_decompressor::Decompressor;
use flate2::read::DeflateDecoder;
use keyradius_core::blob::Blob;
use keyradius_core::budget::Budget;
use keyradius_core::error::Malformed;
use keyradius_core::seam::{About, Anchor, Entry, Hit, Unopenable, Unwrapper};
use keyradius_readers::text::Decoder;
use zeroize::Zeroizing;

use super::{base64, digits, inner};
use lists::List;
use promise::{is_container, is_lone, is_stream, is_text, starts_zlib};
use signs::Signs;

/// Encodings in encodings.
#[derive(Debug)]
pub(crate) struct Runs;

static ABOUT: About = About {
    id: "runs",
    title: "encodings in encodings",
    detects: "In the middle of text: zlib, deflate, Brotli, compress and lzip in base64; base64, text, zlib, gzip, \
              bzip2, xz, Zstandard, LZ4 and archives in hexadecimal; hexadecimal and other text in base64; base32; \
              Ascii85 between <~ and ~>; base85 of RFC 1924 and Z85; uuencode; yEnc near the start of a file; binary files in patches of git; \
              text of which every byte is escaped; lists of numbers in any language, each with the same text around \
              it and perhaps a counter, whose bytes begin like a key or text; dumps of words, decimal and octal \
              numbers and characters (od, xxd -e, gdb, U-Boot); the output of openssl asn1parse; JSON Web Keys as XML, \
              CSV, fields of Go, setters and variables.",
    blind_to: "Runs of fewer than 96 digits, lines of fewer than 60, and some runs of fewer than 216. Ascii85 without its \
               marks, base85 on several lines. One in ten JSON Web Keys on an elliptic curve in notations that no other \
               reader knows, beyond the first 2 KiB of a file. In a git history, objects that contain no key in a \
               simpler encoding.",
    respond: "Encodings hide nothing. Treat the contents as plain text.",
    references: &["RFC 4648", "RFC 1950", "POSIX uuencode", "yEnc 1.3", "git, base85.c"],
};

/// What counts at the start of a file.
const ANCHORS: [Anchor; 2] = [Anchor::at_start(coded::ASCII85), Anchor::at_start(coded::YENC)];

/// How many bytes are looked at, and how far apart. Every piece costs a few nanoseconds, which is a tenth of the time of a
/// scan of source code.
const PIECE: usize = 8;
const STRIDE: usize = 103;

/// How far beyond the core of a window is looked for runs that begin in it, in bytes.
const BEYOND: usize = 2 << 10;

/// Fewest digits of a line, and of a run.
const LINE: usize = 60;
const RUN: usize = 96;

/// Fewest digits of a run that may be a deflate stream, which has no header.
const DEFLATED: usize = 200;

/// How many digits are decoded to tell what a run is, and how many bytes of text they must give.
const HEAD: usize = 1024;
const TEXT: usize = 40;

/// How far before the last place without a list the next list may begin: that place may have been in its first line.
const BACK: usize = 512;

/// How many runs of a blob are tried as Brotli in vain, because a trial is expensive.
const MOST_TRIED: usize = 8;

/// A text has no zero byte in this many bytes at the start of a window.
const BINARY: usize = 1 << 10;

/// Kinds of digits: bits of [`CLASSES`].
const BASE64: u16 = 1;
const UU: u16 = 2;
const BASE85: u16 = 4;

/// In the upper bits, each decimal digit and each sign that begins an escape counts as one.
const DIGIT: u16 = 1 << 4;
const ESCAPE: u16 = 1 << 8;

static CLASSES: [u16; 256] = {
    let mut classes = [0; 256];
    let mut byte = 0_u8;
    loop {
        let is_base64 = byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'/' | b'-' | b'_');
        let is_uu = byte > b' ' && byte <= b'`';
        let is_escape = matches!(byte, b'\\' | b'%' | b'&');
        #[allow(clippy::indexing_slicing, reason = "a table of 256")]
        {
            classes[byte as usize] = if is_base64 { BASE64 } else { 0 }
                | if is_uu { UU } else { 0 }
                | if base85::is_digit(byte) { BASE85 } else { 0 }
                | if byte.is_ascii_digit() { DIGIT } else { 0 }
                | if is_escape { ESCAPE } else { 0 };
        }
        if byte == 255 {
            break;
        }
        byte += 1;
    }
    classes
};

/// The kinds of digits that all these bytes are, and the sum of what counts.
fn classes(bytes: &[u8]) -> (u16, u16) {
    bytes.iter().fold((BASE64 | UU | BASE85, 0_u16), |(all, sum), byte| {
        let class = CLASSES.get(usize::from(*byte)).copied().unwrap_or(0);
        // At most eight bytes: without a check for overflow in the way.
        (all & class, sum.wrapping_add(class & !(BASE64 | UU | BASE85)))
    })
}

/// A decoded run.
type Decoded = (Zeroizing<Vec<u8>>, Range<usize>);

impl Unwrapper for Runs {
    fn about(&self) -> &'static About {
        &ABOUT
    }

    fn anchors(&self) -> &'static [Anchor<'static>] {
        &ANCHORS
    }

    fn places(&self, blob: Blob<'_>) -> Vec<usize> {
        let window = blob.window;
        let bytes = blob.bytes;
        // Programs are full of long words, such as the names of their symbols.
        let head = bytes.get(window.core_start..).unwrap_or_default();
        if head.get(..head.len().min(BINARY)).unwrap_or_default().contains(&0) {
            return Vec::new();
        }
        let mut places = coded::places(blob);
        let mut done = 0;
        // Everything up to here was searched for lists.
        let (mut sparse, mut tried_list) = (0, 0_usize);
        let (mut no_dump, mut base85) = (0, base85::Runs::default());
        let mut tried_streams = 0;
        // Everything up to here was searched for names of members, or is a dump of values.
        let (mut named, mut dumped) = (0, 0);
        if window.first() {
            named = members::HEAD;
            members::at_start(bytes, &mut places);
        }
        let mut at = window.core_start;
        // A run that begins before the end of the core may be known by its later lines only.
        let end = window.core_end.saturating_add(if window.last { 0 } else { BEYOND });
        while let Some(piece) = bytes.get(at..).and_then(<[u8]>::first_chunk::<PIECE>).filter(|_| at < end) {
            let signs = Signs::of(*piece);
            if !signs.digit && !signs.cells && (signs.blank || ((signs.small || signs.newline) && !signs.capital)) {
                at += STRIDE;
                continue;
            }
            let (classes, sum) = classes(piece);
            let mut next = at + STRIDE;
            if sum >= ESCAPE
                && let Some(run) = escapes::run(bytes, at, done)
            {
                next = next.max(run.end);
                done = done.max(run.end);
                if run.start >= window.core_start {
                    places.push(run.start);
                }
            } else if classes & BASE64 == 0 && sum & (ESCAPE - 1) >= DIGIT && at >= sparse && lists::is_dense(bytes, at)
            {
                match List::around(bytes, at, done.max(tried_list.saturating_sub(BACK))) {
                    Ok((list, end)) => {
                        next = next.max(end);
                        done = done.max(end);
                        if list.start() >= window.core_start {
                            places.push(list.start());
                        }
                    }
                    Err(end) => (sparse, tried_list) = (end, at),
                }
            }
            if (signs.cells || (classes & BASE64 == 0 && signs.digit && lists::is_dense_as_dump(bytes, at)))
                && next == at + STRIDE
                && at >= no_dump
            {
                match dumps::around(bytes, at, done) {
                    Ok(dump) => {
                        next = next.max(dump.end);
                        done = done.max(dump.end);
                        if dump.start >= window.core_start {
                            places.push(dump.start);
                        }
                        at = next;
                        continue;
                    }
                    Err(end) => no_dump = end,
                }
            }
            // Across the end of a line, what is beside it counts.
            let moved = (classes & (BASE64 | UU) == 0 && next == at + STRIDE).then(|| beside(bytes, at)).flatten();
            let (near, signs_near, classes_near) = moved
                .filter(|(near, _)| *near >= done)
                .map_or((at, signs, classes), |(near, piece)| (near, Signs::of(piece), self::classes(&piece).0));
            if classes_near & BASE64 != 0 && signs_near.of_run() && goes_on(bytes, near, signs_near.is_mixed()) {
                let (start, end) = line(bytes, near, done);
                next = next.max(end);
                if let Some(reach) = bytes.get(start..end).and_then(members::reach) {
                    members::beside(bytes, &(start..end), reach, named, &mut places);
                    named = end.max(named);
                }
                // The last line of a run is shorter.
                let above = start.checked_sub(2).filter(|_| start > done && bytes.get(start - 1) == Some(&b'\n'));
                if end - start >= LINE || above.is_some_and(|at| at + 1 - line(bytes, at, done).0 >= LINE) {
                    let run = before(bytes, near, done)..base64::run_end(bytes, near).max(end);
                    next = next.max(run.end);
                    // Letters at the start of the next line may belong to something else.
                    let text = bytes.get(run.clone()).unwrap_or_default();
                    let last = memchr::memrchr(b'\n', text).map_or(run.end, |end| run.start + end + 1);
                    done = if run.end - last < LINE { last } else { run.end };
                    if run.start >= window.core_start {
                        let kind = || Kind::of(bytes, &run, tried_streams < MOST_TRIED);
                        match (run.len() >= RUN).then(kind).flatten() {
                            Some(_) => places.push(run.start),
                            None if asn1::is_value(bytes, run.start) => {
                                places.extend(asn1::begin(bytes, run.start, &mut dumped));
                            }
                            None => tried_streams += usize::from(run.len() >= DEFLATED),
                        }
                    }
                }
            }
            // Of a line of uuencode, one piece of 40 has no sign.
            let mut is_uu = false;
            if classes_near & (UU | BASE64) == UU
                && let Some(run) = coded::uu_lines(bytes, near, done)
            {
                is_uu = true;
                next = next.max(run.end);
                done = done.max(run.end);
                if run.start >= window.core_start {
                    places.push(run.start);
                }
            }
            if !is_uu
                && classes & (BASE85 | BASE64) == BASE85
                && signs.capital
                && signs.small
                && let Some(run) = base85.around(bytes, at, done)
            {
                next = next.max(run.end);
                done = done.max(run.end);
                if run.start >= window.core_start {
                    places.push(run.start);
                }
            }
            at = next;
        }
        // Others are in the core of the next window.
        places.retain(|place| *place < window.core_end);
        places.sort_unstable();
        places.dedup();
        places
    }

    fn open(
        &self,
        blob: Blob<'_>,
        hit: Hit<'_>,
        budget: &Budget,
        each: &mut dyn FnMut(Entry<'_>) -> ControlFlow<()>,
    ) -> Result<(), Unopenable> {
        let (bytes, span) = match coded::decode(blob.bytes, hit.at, budget)? {
            Some(decoded) => decoded,
            None => match run(blob.bytes, hit.at, budget)? {
                Some(decoded) => decoded,
                None => others(blob.bytes, hit.at, budget)?.ok_or(Malformed::new("run of digits", hit.at))?,
            },
        };
        if is_endless(&bytes) {
            return Err(Malformed::new("anything but itself in a stream", hit.at).into());
        }
        let _ = each(Entry { bytes: &bytes, span });
        Ok(())
    }
}

/// Whether these bytes are a gzip stream of exactly these bytes, as tests of decompressors contain: nothing else is in it.
fn is_endless(bytes: &[u8]) -> bool {
    let mut inside = Zeroizing::new(Vec::new());
    let most = bytes.len() as u64 + 1;
    bytes.starts_with(&[0x1f, 0x8b, 8])
        && flate2::read::GzDecoder::new(bytes).take(most).read_to_end(&mut inside).is_ok()
        && *inside == bytes
}

/// Escapes, or a list of numbers, from a place on.
fn others(bytes: &[u8], at: usize, budget: &Budget) -> Result<Option<Decoded>, Unopenable> {
    let list = || {
        // The form is learned from the numbers after the first.
        let (list, _) = List::around(bytes, at, at).ok()?;
        Some(list.decoded(bytes)).filter(|(_, span)| span.start == at)
    };
    let dump = || dumps::decoded(bytes, at).map(|(out, span)| (inner::shown(&out).unwrap_or(out), span));
    if let Some(decoded) = members::decoded(bytes, at, budget)? {
        return Ok(Some(decoded));
    }
    let Some((out, span)) = asn1::decoded(bytes, at)
        .or_else(|| escapes::decoded(bytes, at))
        .or_else(list)
        .or_else(dump)
        .or_else(|| base85::decoded(bytes, at))
    else {
        return Ok(None);
    };
    budget.take(out.len() as u64)?;
    Ok(Some((out, span)))
}

/// The start of the base64 run around a place, from `from` on.
fn before(bytes: &[u8], at: usize, from: usize) -> usize {
    let from = from.min(at);
    from + base64::run_start(bytes.get(from..).unwrap_or_default(), at - from)
}

/// The piece before or behind one that has the end of a run in it, and its place.
fn beside(bytes: &[u8], at: usize) -> Option<(usize, [u8; PIECE])> {
    let piece = |from: usize| Some((from, *bytes.get(from..)?.first_chunk::<PIECE>()?));
    let is_run = |(_, piece): &(usize, [u8; PIECE])| classes(piece).0 & (BASE64 | UU) != 0;
    let (_, here) = piece(at)?;
    let class = |byte: Option<&u8>| byte.is_some_and(|byte| classes(&[*byte]).0 & (BASE64 | UU) != 0);
    let behind = || Some(at + PIECE).filter(|_| class(here.last())).and_then(piece).filter(is_run);
    let before = || at.checked_sub(PIECE).filter(|_| class(here.first())).and_then(piece).filter(is_run);
    behind().or_else(before)
}

/// Whether a line of digits around a piece may be long enough: more than half of the rest is on one of its sides. The
/// shortest numbers of keys have fewer digits than the lines of others.
fn goes_on(bytes: &[u8], at: usize, is_mixed: bool) -> bool {
    const HALF: usize = (LINE - PIECE) / 2;
    const SHORT: usize = (43 - PIECE) / 2;
    let digits = |from: Option<usize>| {
        let piece = from.and_then(|from| bytes.get(from..from + PIECE));
        piece.is_some_and(|piece| classes(piece).0 & BASE64 != 0)
    };
    digits(Some(at + HALF))
        || digits(at.checked_sub(HALF))
        || (is_mixed && (digits(Some(at + SHORT)) || digits(at.checked_sub(SHORT))))
}

/// The run of digits around a place, on one line, from `from` on.
fn line(bytes: &[u8], at: usize, from: usize) -> (usize, usize) {
    let is_digit = |byte: &&u8| CLASSES.get(usize::from(**byte)).is_some_and(|class| class & BASE64 != 0);
    let before = bytes.get(from.min(at)..at).unwrap_or_default().iter().rev().take_while(is_digit).count();
    let after = bytes.get(at..).unwrap_or_default().iter().take_while(is_digit).count();
    (at - before, at + after)
}

/// What a run contains.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Hex,
    Base32,
    /// With the digits of RFC 4648 section 7.
    Base32Hex,
    Base64,
    /// A deflate stream in base64, and a Brotli stream.
    Deflate,
    Brotli,
}

impl Kind {
    /// What a run is, if it contains anything that its readers do not find by themselves.
    fn of(bytes: &[u8], run: &Range<usize>, tries_brotli: bool) -> Option<Self> {
        let text = bytes.get(run.clone())?;
        let text = text.get(..text.len().min(2 * HEAD))?;
        let head: Vec<u8> = text.iter().copied().filter(|byte| classes(&[*byte]).0 & BASE64 != 0).take(HEAD).collect();
        let first = head.get(..head.len().min(RUN))?;
        if first.iter().all(u8::is_ascii_hexdigit) {
            let decoded = unhex(&head);
            return (is_text(&decoded) || is_stream(&decoded) || starts_zlib(&decoded) || is_container(&decoded))
                .then_some(Self::Hex);
        }
        for kind in [Self::Base32, Self::Base32Hex] {
            let decoded = unbase32(&head, kind);
            let is_der = matches!(decoded.as_slice(), [0x30, 0x2e | 0x74 | 0x77 | 0x81 | 0x82, ..]);
            let is_whole = decoded.len() >= first.len() / 8 * 5;
            if is_whole && (is_der || is_text(&decoded) || is_stream(&decoded) || starts_zlib(&decoded)) {
                return Some(kind);
            }
        }
        let mut decoder = Decoder::with_capacity(HEAD);
        base64::digits(text).take(HEAD).for_each(|value| decoder.push(value));
        let decoded = decoder.finish();
        if is_text(&decoded) || starts_zlib(&decoded) || is_lone(&decoded, bytes, run.start) {
            return Some(Self::Base64);
        }
        if run.len() < DEFLATED || is_known(&decoded) {
            return None;
        }
        if is_deflate(&decoded) {
            return Some(Self::Deflate);
        }
        if !tries_brotli {
            return None;
        }
        let mut out = [0; TEXT];
        let mut decoder = Decompressor::new(decoded.as_slice(), HEAD);
        (decoder.read_exact(&mut out).is_ok() && is_worth(&out)).then_some(Self::Brotli)
    }
}

/// Whether the bytes begin like a deflate stream of text: any bytes may begin a deflate stream.
fn is_deflate(head: &[u8]) -> bool {
    // A block of Huffman codes, fixed or dynamic, that is the last one or not.
    let mut out = [0; TEXT];
    let mut decoder = DeflateDecoder::new(head);
    head.first().is_some_and(|first| matches!(first & 7, 2..=5))
        && decoder.read_exact(&mut out).is_ok()
        && is_worth(&out)
}

/// Whether decompressed bytes begin with text or with DER.
fn is_worth(out: &[u8]) -> bool {
    is_text(out) || matches!(out, [0x30, 0x82, _, _, 2 | 0x30, ..] | [0x30, 0x81, _, 2 | 0x30, ..])
}

/// Whether the bytes begin like something else than a compressed stream without a header: DER, a picture, a font.
fn is_known(head: &[u8]) -> bool {
    const MAGICS: [&[u8]; 8] =
        [&[0x30, 0x82], b"\x89PNG", &[0xff, 0xd8, 0xff], b"GIF8", b"RIFF", b"wOF", &[0, 1, 0, 0], b"%PDF"];
    MAGICS.iter().any(|magic| head.starts_with(magic)) || is_stream(head)
}

fn unhex(text: &[u8]) -> Vec<u8> {
    let pair = |pair: &[u8]| match pair {
        [high, low] => digits::byte(*high, *low),
        _ => None,
    };
    text.chunks_exact(2).map_while(pair).collect()
}

/// Decodes as far as there are digits of a kind of base32.
fn unbase32(text: &[u8], kind: Kind) -> Vec<u8> {
    let (mut out, mut bits, mut count) = (Vec::with_capacity(text.len() * 5 / 8), 0_u32, 0);
    for byte in text {
        let value = match (kind, byte) {
            (Kind::Base32, b'A'..=b'Z') => byte - b'A',
            (Kind::Base32, b'2'..=b'7') => byte - b'2' + 26,
            (Kind::Base32Hex, b'0'..=b'9') => byte - b'0',
            (Kind::Base32Hex, b'A'..=b'V') => byte - b'A' + 10,
            _ => break,
        };
        bits = bits << 5 | u32::from(value);
        count += 5;
        if count >= 8 {
            count -= 8;
            out.push((bits >> count & 0xff) as u8);
        }
    }
    out
}

/// Decodes the run that begins at a place.
fn run(bytes: &[u8], at: usize, budget: &Budget) -> Result<Option<Decoded>, Unopenable> {
    let span = at..base64::run_end(bytes, at);
    let Some(kind) = Kind::of(bytes, &span, true) else { return Ok(None) };
    let text = bytes.get(span.clone()).unwrap_or_default();
    budget.take(text.len() as u64)?;
    let digits = || Zeroizing::new(text.iter().copied().filter(u8::is_ascii_alphanumeric).collect::<Vec<u8>>());
    let out = match kind {
        Kind::Hex => Zeroizing::new(unhex(&digits())),
        Kind::Base32 | Kind::Base32Hex => Zeroizing::new(unbase32(&digits(), kind)),
        Kind::Base64 | Kind::Deflate | Kind::Brotli => {
            let mut decoder = Decoder::with_capacity(text.len() / 4 * 3 + 3);
            base64::digits(text).for_each(|value| decoder.push(value));
            decoder.finish()
        }
    };
    let out = match kind {
        Kind::Deflate => coded::inflated(DeflateDecoder::new(out.as_slice()), budget)?,
        Kind::Brotli => coded::inflated(Decompressor::new(out.as_slice(), HEAD), budget)?,
        _ => out,
    };
    Ok(Some((out, span)))
}

#[cfg(test)]
mod tests;
