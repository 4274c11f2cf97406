//! Hexadecimal dumps: `xxd`, `hexdump -C`, `hexdump`, `od -t x1`. Each line has an offset, bytes, and sometimes text.
//!
//! Dumps are recognised by a first line at offset zero, or by the version of a key in spaced pairs (the anchor of
//! `hex.rs`). Two lines must agree: the offset grows by the number of bytes in the first. The offset also gives how
//! many bytes a line has, where its text column begins, and how many bytes a `*` omits.

use std::ops::{ControlFlow, Range};

use keyradius_core::blob::Blob;
use keyradius_core::budget::Budget;
use keyradius_core::error::Malformed;
use keyradius_core::seam::{About, Anchor, Entry, Hit, Unopenable, Unwrapper};
use keyradius_readers::cells::characters;
use zeroize::Zeroizing;

use super::{digits, inner};

/// Dumps of bytes with offsets.
#[derive(Debug)]
pub(crate) struct Hexdump;

static ABOUT: About = About {
    id: "hexdump",
    title: "dump of bytes",
    detects: "Dumps as written by xxd, xxd -b, hexdump, hexdump -C, hexdump -c, od -c, od -b, od -x and od -t x1, with \
              offsets and a text column: whole files of one or more dumps, and within documents and logs those with spaced pairs that contain a DER key.",
    blind_to: "In a file that does not begin with a dump: dumps in other than single bytes (xxd without -g1, hexdump \
               without -C, od -c), and dumps of anything but DER keys. Dumps of fewer than 40 bytes.",
    respond: "Treat the contents as plain text.",
    references: &["xxd(1)", "hexdump(1)", "od(1)"],
};

/// Maximum number of bytes in a line. `xxd -c` allows 256, but nobody uses that.
const MAX_WIDTH: usize = 64;

/// Maximum length of a line, in bytes: 64 pairs, their text, an offset.
const MAX_LINE: usize = 400;

/// Maximum number of lines that are tried as the beginning of a further dump.
const MAX_DUMPS: usize = 64;

/// Maximum number of bytes that one `*` may represent.
const MAX_FILL: u64 = 16 << 20;

/// One line of a dump.
struct Line {
    /// The offset read as hexadecimal and, if possible, as octal.
    offsets: (u64, Option<u64>),
    data: Zeroizing<Vec<u8>>,
}

impl Unwrapper for Hexdump {
    fn about(&self) -> &'static About {
        &ABOUT
    }

    fn anchors(&self) -> &'static [Anchor<'static>] {
        const ANCHORS: [Anchor; 6] = [
            digits::SPACED,
            Anchor::at_start(b"00000000: "),
            Anchor::at_start(b"00000000  "),
            Anchor::at_start(b"0000000 "),
            Anchor::at_start(b"000000 "),
            Anchor::at_start(b"0000: "),
        ];
        &ANCHORS
    }

    fn open(
        &self,
        blob: Blob<'_>,
        hit: Hit<'_>,
        budget: &Budget,
        each: &mut dyn FnMut(Entry<'_>) -> ControlFlow<()>,
    ) -> Result<(), Unopenable> {
        let bytes = blob.bytes;
        let first = match is_line(bytes, hit.at) {
            true => Some(hit.at),
            // A dump of one line may precede others.
            false if hit.anchor.at_start => next_dump(bytes, 0),
            false => None,
        };
        let Some(first) = first else { return Err(Malformed::new("line of a dump", hit.at).into()) };
        let mut start = line_at(bytes, first).start;
        while let Some(before) = start.checked_sub(1).map(|end| line_at(bytes, end)) {
            let text = bytes.get(before.clone()).unwrap_or_default();
            if parse(text).is_none() && !is_star(text) {
                break;
            }
            start = before.start;
        }
        let mut found = false;
        loop {
            let (out, end) = read(bytes, start, budget)?;
            if out.len() >= digits::MIN_BYTES {
                found = true;
                let shown = inner::shown(&out);
                if each(Entry { bytes: shown.as_ref().unwrap_or(&out), span: start..end }).is_break() {
                    return Ok(());
                }
            }
            // More dumps may follow in a file of dumps.
            let next = if hit.anchor.at_start { next_dump(bytes, end) } else { None };
            match next {
                Some(next) => start = next,
                None => break,
            }
        }
        if found { Ok(()) } else { Err(Malformed::new("dump", hit.at).into()) }
    }
}

/// Reads the dump that begins at `start`. Returns its bytes and its end.
fn read(bytes: &[u8], start: usize, budget: &Budget) -> Result<(Zeroizing<Vec<u8>>, usize), Unopenable> {
    let mut out = Zeroizing::new(Vec::new());
    let mut at = start;
    let mut end = start;
    let mut last: Option<Line> = None;
    let mut star = false;
    while at < bytes.len() {
        let range = line_at(bytes, at);
        let text = bytes.get(range.clone()).unwrap_or_default();
        at = range.end + 1;
        if is_star(text) {
            star = true;
            continue;
        }
        let Some(line) = parse(text) else { break };
        // The next dump of the file.
        if last.as_ref().is_some_and(|before| line.offsets.0 == 0 && before.offsets.0 > 0) {
            break;
        }
        if let Some(before) = last.take() {
            push(&mut out, &before, &line, std::mem::take(&mut star), budget)?;
        }
        last = Some(line);
        end = range.end;
    }
    if let Some(line) = last {
        extend(&mut out, &line.data, budget)?;
    }
    Ok((out, end))
}

/// Returns the start of the next line with an offset of zero that begins a dump.
fn next_dump(bytes: &[u8], from: usize) -> Option<usize> {
    let rest = bytes.get(from..)?;
    let found = memchr::memmem::find_iter(rest, b"\n000000").map(|at| from + at + 1);
    found.take(MAX_DUMPS).find(|at| *at > from && is_line(bytes, *at))
}

/// Whether the line around `at` and a neighbouring line belong to one dump.
pub(super) fn is_line(bytes: &[u8], at: usize) -> bool {
    let range = line_at(bytes, at);
    let read = |range: Range<usize>| parse(bytes.get(range).unwrap_or_default());
    let Some(line) = read(range.clone()) else { return false };
    let behind = (range.end < bytes.len()).then(|| read(line_at(bytes, range.end + 1))).flatten();
    let before = range.start.checked_sub(1).and_then(|end| read(line_at(bytes, end)));
    behind.is_some_and(|behind| width(&line, &behind).is_some())
        || before.is_some_and(|before| width(&before, &line).is_some())
}

/// Appends the bytes of a line, and those represented by a `*` after it.
fn push(out: &mut Zeroizing<Vec<u8>>, line: &Line, next: &Line, star: bool, budget: &Budget) -> Result<(), Unopenable> {
    let width = width(line, next).unwrap_or(line.data.len());
    let data = line.data.get(..width).unwrap_or(&line.data);
    extend(out, data, budget)?;
    let gap = next.offsets.0.checked_sub(line.offsets.0).filter(|gap| star && *gap <= MAX_FILL && width > 0);
    for _ in 1..gap.map_or(1, |gap| gap as usize / width) {
        extend(out, data, budget)?;
    }
    Ok(())
}

/// Appends data. A full buffer is doubled by copying it to a new one, so that the old one is wiped.
fn extend(out: &mut Zeroizing<Vec<u8>>, data: &[u8], budget: &Budget) -> Result<(), Unopenable> {
    budget.take(data.len() as u64)?;
    if out.capacity() - out.len() < data.len() {
        let mut grown = Zeroizing::new(Vec::with_capacity((out.capacity() * 2).max(4096)));
        grown.extend_from_slice(out);
        *out = grown;
    }
    out.extend_from_slice(data);
    Ok(())
}

/// Returns how many bytes a line contains, judging by the offset of the next line.
fn width(line: &Line, next: &Line) -> Option<usize> {
    let grows = |from: u64, to: u64| {
        let by = usize::try_from(to.checked_sub(from)?).ok()?;
        (1..=line.data.len()).contains(&by).then_some(by)
    };
    let octal = line.offsets.1.zip(next.offsets.1).and_then(|(from, to)| grows(from, to));
    grows(line.offsets.0, next.offsets.0).or(octal)
}

/// Returns the line around `at`, without its line break.
fn line_at(bytes: &[u8], at: usize) -> Range<usize> {
    let from = at.saturating_sub(MAX_LINE);
    let before = bytes.get(from..at).unwrap_or_default();
    let start = memchr::memrchr(b'\n', before).map_or(from, |found| from + found + 1);
    let behind = bytes.get(at..bytes.len().min(at + MAX_LINE)).unwrap_or_default();
    start..at + memchr::memchr(b'\n', behind).unwrap_or(behind.len())
}

fn is_star(line: &[u8]) -> bool {
    line.trim_ascii() == b"*"
}

/// Parses a line: comment signs, offset, bytes. Anything after the bytes is ignored.
fn parse(line: &[u8]) -> Option<Line> {
    let signs =
        line.iter().take(16).take_while(|b| matches!(b, b' ' | b'\t' | b'#' | b'/' | b'*' | b'>' | b';')).count();
    let rest = line.get(signs..)?;
    let rest = rest.strip_prefix(b"0x").unwrap_or(rest);
    let digits = rest.iter().take(17).take_while(|b| b.is_ascii_hexdigit()).count();
    let (offset, mut rest) = rest.split_at_checked(digits).filter(|_| (4..=16).contains(&digits))?;
    let offset = str::from_utf8(offset).ok()?;
    let colon = rest.starts_with(b":");
    if colon || rest.starts_with(b"|") {
        rest = rest.get(1..)?;
    }
    if !matches!(rest.first(), Some(b' ' | b'\t')) {
        return None;
    }
    let offsets = (u64::from_str_radix(offset, 16).ok()?, u64::from_str_radix(offset, 8).ok());
    let other = if colon { binary(rest) } else { characters(rest).filter(|_| offset.len() == 7) };
    if let Some(data) = other {
        return Some(Line { offsets, data });
    }
    let mut data = Zeroizing::new(Vec::with_capacity(MAX_WIDTH));
    let mut words = true;
    while data.len() < MAX_WIDTH {
        let blanks = rest.iter().take_while(|b| matches!(b, b' ' | b'\t')).count();
        // A double blank is the middle of a line of hexdump -C, or the start of the text column.
        if blanks > 1 && !matches!(data.len(), 0 | 8 | 16) {
            break;
        }
        let token = rest.get(blanks..)?;
        let token = token.strip_prefix(b"- ").unwrap_or(token);
        let digits = token.iter().take_while(|b| b.is_ascii_hexdigit()).count();
        let ends = matches!(token.get(digits), None | Some(b' ' | b'\t' | b'\r' | b'-'));
        if !matches!(digits, 2 | 4 | 6 | 8 | 10 | 12 | 14 | 16 | 32) || !ends || data.len() + digits / 2 > MAX_WIDTH {
            break;
        }
        words &= digits == 4;
        for pair in token.get(..digits)?.chunks(2) {
            let [high, low] = pair else { return None };
            data.push(digits::byte(*high, *low)?);
        }
        rest = token.get(digits..)?;
        // The middle of a line of OpenSSL and of WinDbg.
        if let [b'-', after @ ..] = rest
            && after.first().is_some_and(u8::is_ascii_hexdigit)
        {
            rest = after;
        }
    }
    // hexdump without options and od -x print words in little-endian byte order.
    if words && !colon && offset.len() == 7 {
        data.chunks_exact_mut(2).for_each(<[u8]>::reverse);
    }
    (!data.is_empty()).then_some(Line { offsets, data })
}

/// The bytes of a line of `xxd -b`: eight binary digits for each byte, and as many characters of text.
fn binary(rest: &[u8]) -> Option<Zeroizing<Vec<u8>>> {
    let mut data = Zeroizing::new(Vec::with_capacity(MAX_WIDTH));
    let mut rest = rest;
    while let [b' ', digits @ ..] = rest {
        let Some(digits) = digits.get(..8).filter(|digits| digits.iter().all(|b| matches!(b, b'0' | b'1'))) else {
            break;
        };
        if data.len() == MAX_WIDTH {
            return None;
        }
        data.push(u8::from_str_radix(str::from_utf8(digits).ok()?, 2).ok()?);
        rest = rest.get(9..)?;
    }
    // In a dump of words of four bytes, the text is longer.
    let text = rest.iter().skip_while(|byte| **byte == b' ').count();
    (!data.is_empty() && text <= data.len()).then_some(data)
}

#[cfg(test)]
mod tests {
    use keyradius_core::blob::Origin;
    use keyradius_core::budget::Limits;

    use super::*;

    fn open(text: &str) -> Option<Vec<u8>> {
        let origin = Origin::file("x");
        let mut found = None;
        for &anchor in Hexdump.anchors() {
            for at in memchr::memmem::find_iter(text.as_bytes(), anchor.bytes).filter(|at| !anchor.at_start || *at == 0)
            {
                let budget = Budget::new(Limits::default());
                let _ =
                    Hexdump.open(Blob::whole(text.as_bytes(), &origin), Hit { anchor, at }, &budget, &mut |entry| {
                        found = Some(entry.bytes.to_vec());
                        ControlFlow::Continue(())
                    });
            }
        }
        found
    }

    fn dump(bytes: &[u8], line: impl Fn(usize, &[u8]) -> String) -> String {
        bytes.chunks(16).enumerate().map(|(i, chunk)| line(i * 16, chunk) + "\n").collect()
    }

    fn spaced(bytes: &[u8]) -> String {
        bytes.iter().map(|b| format!("{b:02x}")).collect::<Vec<_>>().join(" ")
    }

    fn words(bytes: &[u8], swap: bool) -> String {
        let word =
            |w: &[u8]| if swap { format!("{:02x}{:02x}", w[1], w[0]) } else { format!("{:02x}{:02x}", w[0], w[1]) };
        bytes.chunks(2).map(word).collect::<Vec<_>>().join(" ")
    }

    #[test]
    fn dumps_of_every_tool_are_read() {
        let plain: Vec<u8> = [0x30, 0x4e, 2, 1, 0, 0x30, 5, 6].into_iter().chain(0x20..0x60).collect();
        for (name, text) in [
            ("xxd", dump(&plain, |at, b| format!("{at:08x}: {:<39}  fade0123", words(b, false)))),
            ("xxd -g1", dump(&plain, |at, b| format!("{at:08x}: {:<47}  01 23", spaced(b)))),
            ("hexdump -C", dump(&plain, |at, b| format!("{at:08x}  {}  {}  |0..|", spaced(&b[..8]), spaced(&b[8..])))),
            ("hexdump", dump(&plain, |at, b| format!("{at:07x} {}", words(b, true)))),
            ("xxd -b", {
                let line = |b: &[u8]| b.iter().map(|b| format!("{b:08b}")).collect::<Vec<_>>().join(" ");
                let lines = plain.chunks(6).enumerate();
                lines.fold(String::new(), |text, (n, b)| text + &format!("{:08x}: {:<53}  ......\n", n * 6, line(b)))
            }),
            (
                "od -c",
                dump(&plain, |at, b| {
                    let cell = |b: &u8| {
                        if (33..127).contains(b) { format!("   {}", char::from(*b)) } else { format!(" {b:03o}") }
                    };
                    format!("{at:07o}{}", b.iter().map(cell).collect::<String>())
                }),
            ),
            ("od -t x1", dump(&plain, |at, b| format!("{at:07o} {}", spaced(b)))),
            (
                "in a text",
                "Then:\n\n".to_owned()
                    + &dump(&plain, |at, b| format!("  {:04x}  {}   text", at + 64, spaced(b)))
                    + "\nDone.\n",
            ),
            ("in a comment", "x\n".to_owned() + &dump(&plain, |at, b| format!("# {at:08x}: {}", spaced(b)))),
        ] {
            // The last line of hexdump -C needs both halves.
            let padded = [&plain[..], &[0; 8]].concat();
            let text = if name == "hexdump -C" {
                dump(&padded, |at, b| format!("{at:08x}  {}  {}  |0..|", spaced(&b[..8]), spaced(&b[8..])))
            } else {
                text
            };
            assert!(open(&text).unwrap().starts_with(&plain), "{name}\n{text}");
        }
    }

    #[test]
    fn dumps_after_the_first_are_read() {
        let plain: Vec<u8> = [0x30, 0x4e, 2, 1, 0, 0x30, 5, 6].into_iter().chain(0x20..0x60).collect();
        let one = |bytes: &[u8]| dump(bytes, |at, b| format!("{at:07x} {}", words(b, true)));
        for between in ["", "0000048\n", "\n$ hexdump k\n"] {
            assert!(open(&(one(&[7; 80]) + between + &one(&plain))).unwrap().starts_with(&plain), "{between}");
        }
    }

    #[test]
    fn a_star_is_filled() {
        let text = "00000000  01 02 03 04\n00000004  ff ff ff ff\n*\n00000028  05 06 07 08\n0000002c\n";
        let bytes = open(text).unwrap();
        assert_eq!(
            (bytes.len(), &bytes[4..6], &bytes[36..]),
            (44, &[0xff; 2][..], &[0xff, 0xff, 0xff, 0xff, 5, 6, 7, 8][..])
        );
    }

    #[test]
    fn other_lines_are_not_a_dump() {
        for text in [
            "00000000  30 82\n",
            "0000000 commits\n0000010 more\n",
            "00000000: 3082 04a4\n00000000: 0201 0002\n",
            "deadbeef 02 01 00 30\ncafebabe 02 01 00 30\n",
        ] {
            assert_eq!(open(text), None, "{text}");
        }
    }
}
