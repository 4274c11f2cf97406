//! Arrays of numbers: `{ 0x30, 0x82, 0x04, ... }` in C, Go, Rust, C#, Java, JavaScript and Python, `[48, 130, 4, ...]`
//! in JSON, `48, -126, 4` in Java's signed bytes.
//!
//! As for hexadecimal text, the anchor is the version of a key after the header of its SEQUENCE; for PEM it is `BEG`
//! after five dashes. No language is parsed: from the anchor, numbers and separators (commas, line breaks, comments,
//! casts, suffixes) are followed both ways.

use std::ops::ControlFlow;

use keyradius_core::blob::Blob;
use keyradius_core::budget::Budget;
use keyradius_core::error::Malformed;
use keyradius_core::seam::{About, Anchor, Entry, Hit, Unopenable, Unwrapper};
use keyradius_readers::locate;
use zeroize::Zeroizing;

use super::digits::MIN_BYTES;

/// Arrays of bytes in source code.
#[derive(Debug)]
pub(crate) struct Array;

static ABOUT: About = About {
    id: "array",
    title: "array of bytes in source code",
    detects: "Lists of numbers from 0 to 255 or -128 to 127, hexadecimal or decimal, that contain DER keys or \
              certificates, or PEM; with casts, suffixes, conversions, directives of assemblers and comments in \
              between. Files as written by xxd -i and by JSON.stringify of a Buffer may contain anything.",
    blind_to: "Arrays of fewer than 40 numbers, DER in hexadecimal numbers without a leading zero or in decimal \
               numbers separated by blanks, decimal arrays of bare SEC1 keys, one number per line, and keystores in \
               arrays of other files than those above.",
    respond: "Everybody who has the program can read a compiled-in key. Replace it, and keep the new one out of the \
              source.",
    references: &["CWE-321", "xxd(1)"],
};

/// INTEGER 0 or 1 as a version; `BEG` of a PEM header.
const HEX: [Anchor; 2] = [Anchor::anywhere(b"0x02, 0x01, 0x0"), Anchor::anywhere(b"0x02,0x01,0x0")];
const DECIMAL: [Anchor; 2] = [Anchor::anywhere(b"2, 1, 0, "), Anchor::anywhere(b"2,1,0,")];
const PEM: [Anchor; 3] =
    [Anchor::anywhere(b"0x42, 0x45, 0x47"), Anchor::anywhere(b"66, 69, 71"), Anchor::anywhere(b"66,69,71")];
/// The same where every number is cast, as Java needs it.
const CAST: Anchor = Anchor::anywhere(b"(byte)0x02, (byte)0x01");

/// How far before an anchor its header is searched for, in bytes.
const NEAR: usize = 160;

/// How far into a file its first array may begin, in bytes.
const HEAD: usize = 256;

/// Maximum length of a comment between two numbers, in bytes.
const MAX_COMMENT: usize = 256;

/// What may follow a number: its type in C, Rust and F#, conversions of Kotlin and Scala.
const SUFFIXES: [&[u8]; 10] =
    [b"u8", b"i8", b"uy", b".toByte()", b".toUByte()", b".toByte", b" as u8", b" as i8", b"U", b"u"];

/// Directives of assemblers for bytes.
const DIRECTIVES: [&[u8]; 7] = [b".byte", b".db", b"db", b".dc.b", b"dc.b", b"DCB", b"defb"];

impl Unwrapper for Array {
    fn about(&self) -> &'static About {
        &ABOUT
    }

    fn anchors(&self) -> &'static [Anchor<'static>] {
        const ANCHORS: [Anchor; 20] = [
            HEX[0],
            HEX[1],
            DECIMAL[0],
            DECIMAL[1],
            CAST,
            PEM[0],
            PEM[1],
            PEM[2],
            // xxd -i, and common edits of its output
            Anchor::at_start(b"unsigned char "),
            Anchor::at_start(b"const unsigned char "),
            Anchor::at_start(b"static const unsigned char "),
            Anchor::at_start(b"0x30"),
            // JSON of a Buffer or an array: DER, PEM
            Anchor::at_start(b"{\"type\":\"Buffer\""),
            Anchor::at_start(b"{\n  \"type\": \"Buffer\""),
            Anchor::at_start(b"[48,1"),
            Anchor::at_start(b"[48, 1"),
            Anchor::at_start(b"[48,-"),
            Anchor::at_start(b"[48, -"),
            Anchor::at_start(b"[45,45,45,45,45"),
            Anchor::at_start(b"[45, 45, 45, 45"),
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
        let malformed = Malformed::new("array of bytes", hit.at);
        let start = if hit.anchor.at_start {
            let head = bytes.get(..bytes.len().min(HEAD)).unwrap_or_default();
            // In JSON the array starts at a bracket; in C at a brace, after the brackets of the type.
            let opens = if matches!(head.first(), Some(b'{' | b'[')) { b'[' } else { b'{' };
            memchr::memchr(opens, head).map_or(0, |at| at + 1)
        } else {
            if !is_promising(bytes, hit) {
                return Err(malformed.into());
            }
            run_start(bytes, hit.at)
        };
        let (count, end) = numbers(bytes, start).fold((0, start), |(count, _), (_, end)| (count + 1, end));
        if count < MIN_BYTES {
            return Err(malformed.into());
        }
        budget.take(count as u64)?;
        let mut out = Zeroizing::new(Vec::with_capacity(count));
        out.extend(numbers(bytes, start).map(|(value, _)| value));
        let _ = each(Entry { bytes: &out, span: start..end });
        Ok(())
    }
}

/// Whether the numbers before the anchor are those that its meaning requires.
fn is_promising(bytes: &[u8], hit: Hit<'_>) -> bool {
    let start = numbers_before(bytes, hit.at, hit.at.saturating_sub(NEAR));
    let mut before = [0_u8; 5];
    for (value, _) in numbers(bytes, first(bytes, start, hit.at)).take_while(|(_, end)| *end <= hit.at) {
        before.rotate_left(1);
        if let Some(last) = before.last_mut() {
            *last = value;
        }
    }
    if PEM.contains(&hit.anchor) { before == *b"-----" } else { locate::ends_in_header(&before) }
}

/// Returns the start of the numbers that lead to `at`. The search reaches further back only while nothing stops it, so
/// that a text of many short runs costs no more than its length.
fn run_start(bytes: &[u8], at: usize) -> usize {
    let mut reach = 1024;
    loop {
        let floor = at.saturating_sub(reach);
        let from = numbers_before(bytes, at, floor);
        let start = first(bytes, from, at);
        // At the floor a comment or a number may be cut in two.
        if floor == 0 || start > floor + MAX_COMMENT {
            return start;
        }
        reach *= 4;
    }
}

/// Returns the first position at or after `from` from which numbers lead to `at` without a break.
fn first(bytes: &[u8], from: usize, at: usize) -> usize {
    let mut start = from;
    let mut here = from;
    while here < at {
        match number(bytes, here) {
            Some((_, end)) if end <= at => here = end,
            // A letter of a word, or a truncated number.
            _ => {
                here += 1;
                start = here;
            }
        }
    }
    if here == at { start } else { at }
}

/// Returns how far back from `at`, but not below `floor`, there are only numbers and separators.
fn numbers_before(bytes: &[u8], at: usize, floor: usize) -> usize {
    let mut start = at;
    while let Some(before) = bytes.get(floor..start) {
        let near = |len: usize| before.get(before.len().saturating_sub(len)..).unwrap_or_default();
        let step = match before {
            [.., b'*', b'/'] => memchr::memmem::rfind(near(MAX_COMMENT), b"/*").map(|at| near(MAX_COMMENT).len() - at),
            [.., b'\n'] => Some(1 + line_comment(before.get(..before.len() - 1).unwrap_or_default())),
            [.., b')'] => cast_before(before).or(Some(1)),
            // Numbers, their casts, suffixes and directives. What is read forwards decides.
            [.., byte] if byte.is_ascii_alphanumeric() || byte.is_ascii_whitespace() || b",-._()&".contains(byte) => {
                Some(1)
            }
            _ => None,
        };
        match step {
            Some(step) => start -= step,
            None => break,
        }
    }
    start
}

/// Returns the length of the comment that ends the last line.
fn line_comment(before: &[u8]) -> usize {
    let near = before.get(before.len().saturating_sub(MAX_COMMENT)..).unwrap_or_default();
    let line = near.rsplit(|&b| b == b'\n').next().unwrap_or_default();
    let sign = memchr::memmem::find(line, b"//").or_else(|| memchr::memchr(b'#', line));
    sign.map_or(0, |at| line.len() - at)
}

fn cast_before(before: &[u8]) -> Option<usize> {
    let near = before.get(before.len().saturating_sub(20)..)?;
    let open = memchr::memrchr(b'(', near)?;
    (cast(near.get(open..)?) == Some(near.len() - open)).then_some(near.len() - open)
}

/// Returns the length of a cast at the start: `(byte)`, `(unsigned char)`.
fn cast(bytes: &[u8]) -> Option<usize> {
    let rest = bytes.strip_prefix(b"(")?;
    let len = rest.iter().take(18).position(|&b| b == b')')?;
    let name = rest.get(..len)?;
    let plain = name.iter().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'_' | b' '));
    (plain && name.first().is_some_and(u8::is_ascii_alphabetic)).then_some(len + 2)
}

/// Iterates over the numbers from `start` on, each with its end.
fn numbers(bytes: &[u8], start: usize) -> impl Iterator<Item = (u8, usize)> {
    let mut at = start;
    std::iter::from_fn(move || {
        let (value, end) = number(bytes, at)?;
        at = end;
        Some((value, end))
    })
}

/// Returns the next number and its end, including the separators after it.
fn number(bytes: &[u8], at: usize) -> Option<(u8, usize)> {
    let mut at = at + between(bytes.get(at..)?);
    if let Some(len) = cast(bytes.get(at..)?) {
        at += len + between(bytes.get(at + len..)?);
    }
    let rest = bytes.get(at..)?;
    let (sign, digits) = match rest {
        [b'-', digits @ ..] => (-1, digits),
        digits => (1, digits),
    };
    let (radix, digits) = match digits {
        // Basic writes `&H2D`.
        [b'0', b'x' | b'X', digits @ ..] | [b'&', b'H' | b'h', digits @ ..] => (16, digits),
        digits => (10, digits),
    };
    let len = digits.iter().take(4).take_while(|&&b| char::from(b).is_digit(radix)).count();
    let text = str::from_utf8(digits.get(..len)?).ok()?;
    let value = sign * i16::from_str_radix(text, radix).ok()?;
    let behind = digits.get(len..)?;
    let suffix = SUFFIXES.iter().find(|s| behind.starts_with(s)).map_or(0, |suffix| suffix.len());
    let behind = behind.get(suffix..)?;
    if behind.first().is_some_and(|b| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'.')) {
        return None;
    }
    let end = bytes.len() - behind.len();
    // Java's bytes are signed.
    let value = u8::try_from(value).or_else(|_| i8::try_from(value).map(i8::cast_unsigned)).ok()?;
    // A number before the anchor must end where the anchor begins, so separators are included.
    Some((value, end + between(behind)))
}

/// Returns the length of the directive of an assembler that begins a line of bytes, including the blank after it.
fn directive(rest: &[u8]) -> Option<usize> {
    let length = rest.iter().take(8).position(|byte| matches!(byte, b' ' | b'\t'))?;
    let word = rest.get(..length)?;
    DIRECTIVES.iter().any(|known| word.eq_ignore_ascii_case(known)).then_some(length + 1)
}

/// Returns the length of the commas, blanks, line breaks, comments and directives at the start.
fn between(bytes: &[u8]) -> usize {
    let mut at = 0;
    while let Some(rest) = bytes.get(at..) {
        let near = rest.get(..rest.len().min(MAX_COMMENT)).unwrap_or_default();
        let step = match rest {
            [b'/', b'*', ..] => memchr::memmem::find(near, b"*/").map(|end| end + 2),
            [b'/', b'/', ..] | [b'#', ..] => memchr::memchr(b'\n', near).map(|end| end + 1),
            // An underscore continues a line of Basic.
            [b',' | b'\\', ..] | [b'_', b'\r' | b'\n', ..] => Some(1),
            [b'.' | b'd' | b'D' | b'B', ..] => directive(rest),
            [byte, ..] if byte.is_ascii_whitespace() => Some(1),
            _ => None,
        };
        match step {
            Some(step) => at += step,
            None => break,
        }
    }
    at
}

#[cfg(test)]
mod tests {
    use keyradius_core::blob::Origin;
    use keyradius_core::budget::Limits;

    use super::*;

    fn open(text: &str) -> Option<Vec<u8>> {
        let origin = Origin::file("x");
        let mut found = None;
        for &anchor in Array.anchors() {
            for at in memchr::memmem::find_iter(text.as_bytes(), anchor.bytes).filter(|at| !anchor.at_start || *at == 0)
            {
                let budget = Budget::new(Limits::default());
                let _ = Array.open(Blob::whole(text.as_bytes(), &origin), Hit { anchor, at }, &budget, &mut |entry| {
                    found.get_or_insert(entry.bytes.to_vec());
                    ControlFlow::Continue(())
                });
            }
        }
        found
    }

    fn list(bytes: &[u8], one: impl Fn(u8) -> String, separator: &str, width: usize) -> String {
        let line = |line: &[u8]| line.iter().map(|b| one(*b)).collect::<Vec<_>>().join(separator);
        bytes.chunks(width).map(line).collect::<Vec<_>>().join(",\n  ")
    }

    #[test]
    fn arrays_of_every_language_are_read() {
        let plain: Vec<u8> = [0x30, 0x81, 0x87, 2, 1, 0, 0x30, 0x13].into_iter().chain(90..190).collect();
        let hex = |b: u8| format!("0x{b:02x}");
        let upper = |b: u8| format!("0x{b:02X}");
        let signed = |b: u8| b.cast_signed().to_string();
        let java = |b: u8| if b > 127 { format!("(byte) 0x{b:02x}") } else { format!("0x{b:02x}") };
        for (name, text) in [
            (
                "xxd -i",
                format!("unsigned char k[] = {{\n  {}\n}};\nunsigned int k_len = 108;\n", list(&plain, hex, ", ", 12)),
            ),
            ("C", format!("#include <x.h>\nstatic const uint8_t k[108] = {{ {} }};", list(&plain, upper, ", ", 16))),
            ("C, tight", format!("int n = 7;\nchar k[]={{{}}};", list(&plain, hex, ",", 8))),
            ("Go", format!("var k = []byte{{\n\t{},\n}}\n", list(&plain, hex, ", ", 8))),
            ("Rust", format!("const K: [u8; 108] = [\n    {},\n];", list(&plain, |b| format!("{b}"), ", ", 20))),
            ("C#", format!("var k = new byte[] {{ {} }};", list(&plain, hex, ", ", 108))),
            ("Java", format!("byte[] k = {{ {} }};", list(&plain, java, ", ", 10))),
            ("Java, signed", format!("byte[] k = {{ {} }};", list(&plain, signed, ", ", 18))),
            ("JSON", format!("{{\"a\": [1, 2], \"key\": [{}]}}", list(&plain, |b| b.to_string(), ",", 200))),
            ("Buffer", format!("{{\"type\":\"Buffer\",\"data\":[{}]}}", list(&plain, |b| b.to_string(), ",", 200))),
            (
                "Kotlin",
                format!("val k = byteArrayOf({})", list(&plain, |b| format!("0x{b:02x}.toByte()"), ", ", 9))
                    .replace("0x02.toByte(), 0x01.toByte(), 0x00", "0x02, 0x01, 0x00"),
            ),
            (
                "Java, all cast",
                format!("byte[] k = {{ {} }};", list(&plain, |b| format!("(byte)0x{b:02X}"), ", ", 200)),
            ),
            (
                "assembler",
                format!("k:\n\t.byte\t{}\n", list(&plain, |b| format!("{b}"), ",", 8).replace(",\n", "\n\t.byte")),
            ),
            (
                "Basic",
                format!(
                    "k = {{ {} }}",
                    list(&plain, |b| format!("&H{b:X}"), ", ", 8)
                        .replace(",\n", ", _\n")
                        .replace("&H2, &H1, &H0", "2, 1, 0")
                ),
            ),
            ("Python", format!("k = bytes([{}])", list(&plain, |b| b.to_string(), ", ", 200))),
            (
                "commented",
                format!("k = {{ /* the key */ {} }};", list(&plain, hex, ", ", 8).replace(",\n", ", // more\n")),
            ),
            (
                "offsets",
                format!("k = {{ /* 0000 */ {} }};", list(&plain, hex, ", ", 8).replace(",\n", ",\n/* 0008 */")),
            ),
        ] {
            assert_eq!(open(&text).as_deref(), Some(&plain[..]), "{name}\n{text}");
        }
    }

    #[test]
    fn pem_and_whole_files() {
        let text = [&b"-----BEGIN X-----\n"[..], &[b'A'; 60]].concat();
        let coded = list(&text, |b| format!("0x{b:02x}"), ", ", 12);
        assert_eq!(open(&format!("const char k[] PROGMEM = {{\n  {coded}, 0x00\n}};")).unwrap()[..78], text);
        let store = [&[0xfe, 0xed, 0xfe, 0xed][..], &[7; 60]].concat();
        let coded = list(&store, |b| format!("0x{b:02x}"), ", ", 12);
        assert_eq!(open(&format!("unsigned char store_jks[] = {{\n  {coded}\n}};")).unwrap(), store);
    }

    #[test]
    fn pem_in_decimal_numbers() {
        let text = [&b"-----BEGIN X-----\n"[..], &[b'A'; 60]].concat();
        let byte = |b: u8| format!("{b}");
        for coded in [
            format!("int8_t k[] = {{{}}};", list(&text, byte, ",", 200)),
            format!("let k = [{}];", list(&text, byte, ", ", 200)),
            format!("\t.byte\t{}\n", list(&text, byte, ",", 8).replace(",\n  ", "\n\t.byte\t")),
        ] {
            assert_eq!(open(&coded).as_deref(), Some(&text[..]), "{coded}");
        }
    }

    #[test]
    fn long_runs_are_followed_to_their_start() {
        let before: Vec<u8> = (0..40_000_u32).map(|n| (n % 251) as u8).collect();
        let plain = [&before[..], &[0x30, 0x2e, 2, 1, 0, 0x30, 5], &[9; 60]].concat();
        let coded = list(&plain, |b| format!("0x{b:02x}"), ", ", 12);
        let text = format!("const K: &[u8] = &[{coded}];").replacen("0x30, 0x2e", "/* key */ 0x30, 0x2e", 1);
        assert!(open(&text).is_some_and(|found| found == plain));
    }

    #[test]
    fn tables_are_not_keys() {
        let table = "0x30, 0x82, 0x02, 0x01, 0x00, 0x05, ".repeat(20);
        for text in [
            "{ 0x02, 0x01, 0x00 }, { 0x02, 0x01, 0x00 }",
            &format!("x = {{ {} }};", "2, 1, 0, 3, 2, 1, 0, ".repeat(30)),
            "int a[] = { 0x302, 0x02, 0x01, 0x00, 0x00 };",
            &format!("x = {{ {} }};", table.replace("0x82, 0x02", "0x82, 0x100, 0x02")),
        ] {
            assert_eq!(open(text), None, "{text}");
        }
    }
}
