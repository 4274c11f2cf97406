//! PEM as it occurs in practice (RFC 7468, RFC 1421, RFC 4880 armor).
//!
//! A block in a source file or a secrets manager rarely follows the standard. It may be on one line, with escaped `\n`,
//! quoted line by line, after comment signs, indented, with blanks in place of newlines, or without its END line. This
//! reader skips the bytes between digits as long as they can be decoration, and stops at the first byte that cannot.
//! Text before the BEGIN line (the sign of a patch, a name and number of grep) may also precede every other line. The
//! result is only a body: each format decides whether it is a key.
//!
//! GnuPG, PyCryptodome and MIME decoders skip any character that is not a digit. A block with such characters is read a
//! second time (`forgiving`): all digits between its two delimiter lines.

use std::borrow::Cow;
use std::ops::Range;

use keyradius_core::error::Malformed;
use keyradius_core::seam::{Anchor, Decoded};
use keyradius_core::source::stream::{AHEAD, CORE};
use zeroize::Zeroizing;

use super::literal::{self, is_quote};
use super::text::{Decoder, digit, is_soft_break};
use super::unit::{Unit, unit};

/// The anchor of every PEM block.
pub const ANCHOR: Anchor = Anchor::anywhere(BEGIN);

const BEGIN: &[u8] = b"-----BEGIN ";
const END: &[u8] = b"-----END ";

/// Maximum length of a label. The longest known is `NEBULA ED25519 ENCRYPTED PRIVATE KEY`.
const MAX_LABEL: usize = 48;

/// Maximum text of one block that is read, in bytes: a whole window. Comments and attributes of a key may have any
/// length.
const MAX_TEXT: usize = CORE + AHEAD;

/// Maximum bytes of a header value that are kept. OpenSSL reads lines of any length.
const MAX_HEADER: usize = 256;

/// Minimum size of a body, in bytes. An Ed25519 key in PKCS#8 has 48.
const MIN_BODY: usize = 16;

/// Minimum digits of a literal that is accepted as a body line although code precedes it.
const MIN_LINE: usize = 16;

/// One PEM block.
#[derive(Debug)]
pub struct Armor {
    /// RFC 1421 or OpenPGP headers, in order.
    pub(crate) headers: Vec<(String, String)>,
    /// The decoded body, wiped when dropped. If the END line is missing, extra bytes may follow the structure.
    pub body: Zeroizing<Vec<u8>>,
    /// The bits of an unfinished byte after the body.
    tail: u8,
    /// Range of the block, including the END line.
    pub span: Range<usize>,
    /// Range of the digits of the body.
    pub(crate) digits: Range<usize>,
    /// Whether an END line with the same label was found.
    pub end_seen: bool,
    /// Whether the block continues after the maximum that is read.
    pub(crate) cut: bool,
    /// Whether the label marks a test key.
    pub(crate) testing: bool,
}

impl Armor {
    /// The decoded body, for the engine to search, whatever a detector makes of it.
    pub fn decoded(&self) -> Decoded {
        Decoded {
            kind: "base64",
            span: self.digits.clone(),
            bytes: self.body.clone(),
            tail: self.tail,
            shifts: &[2, 4, 6],
        }
    }

    /// The value of the header with this name.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(n, _)| n.eq_ignore_ascii_case(name)).map(|(_, v)| v.as_str())
    }
}

/// The words in a label that Go and RFC 9500 use instead of `PRIVATE KEY` for test keys.
const TESTING: &str = "TESTING KEY";

/// The label of the block that begins at `at`. `None` if no block begins there. Cheap: call it before [`read`].
///
/// `TESTING KEY` in a label is read as `PRIVATE KEY`, because anybody can write these words on a key that is in use.
pub fn label(bytes: &[u8], at: usize) -> Option<Cow<'_, str>> {
    let label = written(bytes, at)?;
    Some(if label.contains(TESTING) { label.replace(TESTING, "PRIVATE KEY").into() } else { label.into() })
}

/// The label as written.
fn written(bytes: &[u8], at: usize) -> Option<&str> {
    let rest = bytes.get(at..)?.strip_prefix(BEGIN)?;
    let len = rest.iter().take(MAX_LABEL + 1).position(|&b| b == b'-')?;
    let (label, dashes) = rest.split_at_checked(len)?;
    let plain = label.iter().all(|b| b.is_ascii_uppercase() || b.is_ascii_digit() || *b == b' ');
    (plain && dashes.starts_with(b"-----")).then(|| str::from_utf8(label).ok())?
}

/// Whether a label announces a private key whose body is DER.
pub fn is_der_private(label: &str) -> bool {
    label.ends_with("PRIVATE KEY")
        && !["OPENSSH", "SSH2", "PGP", "COSIGN", "SIGSTORE", "NEBULA"].iter().any(|word| label.contains(word))
}

/// Reads the block that begins at `at`.
pub fn read(bytes: &[u8], at: usize) -> Result<Armor, Malformed> {
    let label = written(bytes, at).ok_or(Malformed::new("PEM label", at))?;
    let start = at + BEGIN.len() + label.len() + 5;
    let limit = bytes.len().min(start.saturating_add(MAX_TEXT));
    let text = bytes.get(start..limit).unwrap_or_default();
    let mut body = Body::new(text, prefix(bytes, at));
    body.read();
    // Digits that the first reading did not reach: a dash that only precedes the END line is decoration.
    let left = text.get(body.at..).filter(|left| left.starts_with(b"-") || left.starts_with(b"_")).unwrap_or_default();
    // With many blocks, none is searched beyond the next.
    let left = left.get(..memchr::memmem::find(left, BEGIN).unwrap_or(left.len())).unwrap_or_default();
    let left = left.get(..memchr::memmem::find(left, END).unwrap_or_default()).unwrap_or_default();
    let safe = if left.iter().any(u8::is_ascii_alphanumeric) { url_safe(text) } else { None };
    let end = start + safe.as_ref().map_or(body.at, |(_, end)| *end);
    let (span_end, end_seen) = find_end(bytes, end, label);
    let digits = start + body.first.unwrap_or(body.at)..end;
    let headers = body.headers;
    let decoder = safe.map_or(body.decoder, |(decoder, _)| decoder);
    let tail = decoder.tail();
    let body = decoder.finish();
    let testing = label.contains(TESTING);
    let cut = end == limit && limit < bytes.len();
    let mut armor = Armor { headers, body, tail, span: at..span_end, digits, end_seen, cut, testing };
    // Only the password shows whether a fully encrypted body was read correctly, so prefer the forgiving reading.
    if armor.header("DEK-Info").is_some()
        && let Some(all) = forgiving(bytes, at, end)
    {
        (armor.span.end, armor.digits, armor.body, armor.tail) = (all.span.end, all.span, all.bytes, all.tail);
        armor.end_seen = true;
    }
    if armor.body.len() < MIN_BODY {
        return Err(Malformed::new("PEM body", end));
    }
    Ok(armor)
}

/// Decodes a body of URL-safe digits (RFC 4648 5), whose dashes and underscores are otherwise decoration. Returns where
/// it ends as well. `None` if there is anything but such digits and blanks before the END line.
fn url_safe(text: &[u8]) -> Option<(Decoder, usize)> {
    // In this order: with many blocks, none is searched beyond the next.
    let text = text.get(..memchr::memmem::find(text, BEGIN).unwrap_or(text.len()))?;
    let text = text.get(..memchr::memmem::find(text, END)?)?;
    let end = text.iter().rposition(|byte| is_digit(*byte))? + 1;
    let mut decoder = Decoder::with_capacity(end / 4 * 3 + 3);
    for byte in text.iter().take(end).filter(|byte| !byte.is_ascii_whitespace()) {
        decoder.push(digit(*byte).filter(|_| !matches!(byte, b'+' | b'/'))?);
    }
    Some((decoder, end))
}

/// Collects all digits between the two delimiter lines of the block that begins at `at`, in text with real line breaks.
/// `None` unless digits follow `end`, where [`read`] stopped.
pub(crate) fn forgiving(bytes: &[u8], at: usize, end: usize) -> Option<Decoded> {
    let label = written(bytes, at)?;
    let start = at + BEGIN.len() + label.len() + 5;
    let text = bytes.get(start..bytes.len().min(start.saturating_add(MAX_TEXT)))?;
    // In this order: with many blocks, none is searched beyond the next.
    let text = text.get(..memchr::memmem::find(text, BEGIN).unwrap_or(text.len()))?;
    let text = text.get(..memchr::memmem::find(text, END)?)?;
    // A run of zeros separates two blocks of a file system or of memory: the text around it is not one body.
    if memchr::memmem::find(text, &[0; 8]).is_some() {
        return None;
    }
    let is_plain = |byte: &u8| is_digit(*byte) && !matches!(byte, b'-' | b'_');
    let behind = text.get(end.saturating_sub(start)..)?;
    if !behind.iter().take_while(|byte| **byte != b'=').any(is_plain) {
        return None;
    }
    let mut from = 0;
    let mut lines = text.split_inclusive(|byte| *byte == b'\n');
    let mut next = || {
        let line = lines.next()?;
        from += line.len();
        Some((from - line.len(), line))
    };
    let (_, rest) = next()?;
    if !rest.ends_with(b"\n") || !rest.trim_ascii().is_empty() {
        return None;
    }
    // OpenPGP armor has an empty line after its headers; PEM has at most two headers.
    let begin = loop {
        let (place, line) = next()?;
        let is_header = if label.starts_with("PGP ") {
            !line.trim_ascii().is_empty()
        } else {
            line.starts_with(b"Proc-Type:") || line.starts_with(b"DEK-Info:")
        };
        if !is_header {
            break place;
        }
    };
    let text = text.get(begin..)?;
    let text = text.get(..memchr::memchr(b'=', text).unwrap_or(text.len()))?;
    let mut decoder = Decoder::with_capacity(text.len() / 4 * 3 + 3);
    for byte in text.iter().filter(|byte| is_plain(byte)) {
        decoder.push(digit(*byte)?);
    }
    let tail = decoder.tail();
    let bytes = decoder.finish();
    let span = start + begin..start + begin + text.len();
    (bytes.len() >= MIN_BODY).then_some(Decoded { kind: "base64", span, bytes, tail, shifts: &[] })
}

/// Maximum length of a prefix that lines may share with the BEGIN line, in bytes: a path, a number.
const MAX_PREFIX: usize = 160;

/// The text before the block on its line, if every line may begin with it: the signs of a patch, a number, the name and
/// number of `grep -n`, `REM`. It has no effect if other lines do not begin with it.
fn prefix(bytes: &[u8], at: usize) -> &[u8] {
    let before = bytes.get(at.saturating_sub(MAX_PREFIX)..at).unwrap_or_default();
    let start = memchr::memrchr(b'\n', before).map(|found| found + 1).or((at <= MAX_PREFIX).then_some(0));
    let prefix = start.and_then(|start| before.get(start..)).unwrap_or_default();
    let signs = prefix.iter().all(|b| matches!(b, b'+' | b'-' | b'>' | b'|' | b' ' | b'\t'));
    let parted = matches!(prefix, [.., b':' | b'-' | b'|' | b'>' | b' ' | b'\t']);
    if (signs || parted) && !prefix.iter().any(|b| is_quote(*b)) { prefix } else { &[] }
}

/// Length of the same prefix at the start of another line. Numbers and blanks may differ; grep writes `-` instead of
/// `:` where a line did not match.
fn prefixed(line: &[u8], prefix: &[u8]) -> Option<usize> {
    let run = |bytes: &[u8], of: fn(&u8) -> bool| bytes.iter().take_while(|b| of(b)).count();
    let (mut at, mut from) = (0, 0);
    while let Some(&byte) = prefix.get(from) {
        let (rest, rest_of_prefix) = (line.get(at..)?, prefix.get(from..)?);
        let of: fn(&u8) -> bool = match byte {
            b'0'..=b'9' => u8::is_ascii_digit,
            b' ' | b'\t' => |b| matches!(b, b' ' | b'\t'),
            _ => {
                let same = matches!(rest.first(), Some(b) if *b == byte || (byte == b':' && *b == b'-'));
                (at, from) = same.then_some((at + 1, from + 1))?;
                continue;
            }
        };
        let length = run(rest, of);
        if length == 0 && from > 0 {
            return None;
        }
        (at, from) = (at + length, from + run(rest_of_prefix, of));
    }
    Some(at)
}

/// Searches for the END line after a body. Decoration, padding and a CRC24 may precede it.
fn find_end(bytes: &[u8], end: usize, label: &str) -> (usize, bool) {
    /// Maximum bytes between the last digit and the END line: `=`, a CRC24, quotes and escapes.
    const GAP: usize = 64;
    let near = bytes.get(end..bytes.len().min(end + GAP + END.len() + label.len() + 5)).unwrap_or_default();
    match memchr::memmem::find(near, END) {
        Some(found) => {
            let tail = near.get(found + END.len()..).unwrap_or_default();
            let same = tail.starts_with(label.as_bytes());
            let dashes = tail.get(label.len()..).unwrap_or_default().iter().take(5).take_while(|&&b| b == b'-').count();
            let length = if same { found + END.len() + label.len() + dashes } else { found + END.len() };
            (end + length, same)
        }
        None => (end, false),
    }
}

/// Collects a body from its text.
struct Body<'a> {
    text: &'a [u8],
    at: usize,
    decoder: Decoder,
    digits: usize,
    /// Position of the first digit.
    first: Option<usize>,
    headers: Vec<(String, String)>,
    /// See [`prefix`].
    prefix: &'a [u8],
    /// Whether the BEGIN line ends with a line break, so that quotes and escapes in a header are letters.
    bare: bool,
    /// Whether line breaks are written as `=0A`. If so, an equals sign at the end of a line is not padding.
    quoted_printable: bool,
}

impl<'a> Body<'a> {
    fn new(text: &'a [u8], prefix: &'a [u8]) -> Self {
        // No digit follows the next run of dashes, so this capacity is sufficient.
        let bound = memchr::memmem::find(text, b"-----").unwrap_or(text.len());
        let decoder = Decoder::with_capacity(bound / 4 * 3 + 3);
        let quoted_printable = text.starts_with(b"=0");
        let bare = matches!(text, [b'\n' | b'\r', ..]);
        Self { text, at: 0, decoder, digits: 0, first: None, headers: Vec::new(), prefix, bare, quoted_printable }
    }

    /// The next unit and its length.
    fn unit(&self) -> Option<(Unit, usize)> {
        let rest = self.rest();
        let may_be_soft = self.prefix.is_empty() && rest.first() == Some(&b'=');
        if may_be_soft && is_soft_break(self.text.get(..self.at).unwrap_or_default(), rest) {
            return Some((Unit::Nothing, if rest.get(1) == Some(&b'\r') { 3 } else { 2 }));
        }
        self.unit_of(rest)
    }

    /// The unit at the start of `rest`.
    fn unit_of(&self, rest: &[u8]) -> Option<(Unit, usize)> {
        match rest {
            [b'=', b'\r', b'\n', ..] if self.quoted_printable => Some((Unit::Nothing, 3)),
            [b'=', b'\n', ..] if self.quoted_printable => Some((Unit::Nothing, 2)),
            [b'=', b'0', b'A' | b'D' | b'a' | b'd', ..] if self.quoted_printable => Some((Unit::Break, 3)),
            [0..=8 | 11 | 12 | 14..=31 | 127.., ..] => Some(passed_over(rest)),
            rest => unit(rest),
        }
    }

    fn rest(&self) -> &'a [u8] {
        self.text.get(self.at..).unwrap_or_default()
    }

    fn read(&mut self) {
        loop {
            self.skip_decoration();
            if self.digits == 0 && self.read_header() {
                continue;
            }
            if !self.read_digits() {
                return;
            }
        }
    }

    /// Reads digits and blanks. Returns false at the first byte that ends the body.
    fn read_digits(&mut self) -> bool {
        let before = self.at;
        while let Some((unit, len)) = self.unit() {
            match unit {
                Unit::Byte(byte) => match digit(byte).filter(|_| byte != b'-' && byte != b'_') {
                    Some(value) => {
                        self.first.get_or_insert(self.at);
                        self.decoder.push(value);
                        self.digits += 1;
                    }
                    None if is_quote(byte) => break,
                    None => return false,
                },
                Unit::Blank | Unit::Nothing => {}
                Unit::Break => break,
            }
            self.at += len;
        }
        self.at > before || self.unit().is_some_and(|(u, _)| u == Unit::Break)
    }

    /// Skips the decoration between two lines of digits: breaks, blanks, quotes, comment signs, concatenation.
    fn skip_decoration(&mut self) {
        let mut quoted = false;
        while let Some((unit, len)) = self.unit() {
            let Unit::Byte(byte) = unit else {
                self.at += len;
                if unit == Unit::Break && !self.prefix.is_empty() {
                    self.at += prefixed(self.rest(), self.prefix).unwrap_or(0);
                }
                continue;
            };
            let rest = self.rest();
            let next = rest.get(len).copied().unwrap_or(b' ');
            if len == 1
                && let Some(code) = literal::code(rest).filter(|code| is_line(rest.get(*code..).unwrap_or_default()))
            {
                self.at += code;
                quoted = true;
                continue;
            }
            let decoration = match byte {
                _ if is_quote(byte) => {
                    quoted = true;
                    true
                }
                b'#' | b'*' | b'>' | b'|' | b';' | b'%' | b',' | b'&' | b'(' | b')' | b'[' | b']' | b'.' | b'\\' => {
                    true
                }
                // Basic continues a line after an underscore.
                b'_' => next.is_ascii_whitespace(),
                // A digit, unless its neighbours show otherwise.
                b'+' => is_quote(next) || (quoted && !is_digit(next)),
                b'/' if rest.starts_with(b"// ") => {
                    self.at += 1;
                    true
                }
                // The `b` of b"..." and similar prefixes.
                b'b' | b'r' | b'u' | b'f' | b'L' if is_quote(next) => true,
                _ => false,
            };
            if !decoration {
                return;
            }
            self.at += len;
        }
    }

    /// Reads a header line (`Proc-Type: 4,ENCRYPTED`). The two headers of RFC 1421 end at a blank, which separates them
    /// from the body even if blanks replace newlines.
    fn read_header(&mut self) -> bool {
        let rest = self.rest();
        let Some(colon) = rest.iter().take(32).position(|&b| !(b.is_ascii_alphanumeric() || b == b'-')) else {
            return false;
        };
        let (name, value) = match (rest.get(..colon), rest.get(colon..)) {
            (Some(name), Some([b':', value @ ..])) if !name.is_empty() => (name, value),
            _ => return false,
        };
        let ends_at_blank = name.eq_ignore_ascii_case(b"Proc-Type") || name.eq_ignore_ascii_case(b"DEK-Info");
        let mut text = Vec::new();
        let mut len = 0;
        if self.bare {
            len = memchr::memchr2(b'\n', b'\r', value).unwrap_or(value.len());
            text.extend(value.iter().take(len.min(MAX_HEADER)));
        }
        while let Some((unit, step)) = value.get(len..).and_then(|rest| self.unit_of(rest)) {
            match unit {
                Unit::Break => break,
                Unit::Blank if ends_at_blank && !text.is_empty() => break,
                Unit::Blank => text.push(b' '),
                Unit::Byte(byte) if is_quote(byte) => break,
                Unit::Byte(byte) if text.len() < MAX_HEADER => text.push(byte),
                Unit::Nothing | Unit::Byte(_) => {}
            }
            len += step;
        }
        let as_text = |bytes: &[u8]| String::from_utf8_lossy(bytes).trim().to_owned();
        self.headers.push((as_text(name), as_text(&text)));
        self.at += colon + 1 + len;
        self.headers.len() < 32
    }
}

/// The unit at the start of `text`, where PEM readers skip some bytes: at the end of a line, everything but printable
/// ASCII (OpenSSL and OpenSSH); anywhere, invisible characters and terminal colours.
fn passed_over(text: &[u8]) -> (Unit, usize) {
    /// Maximum length of such a run, and of an escape sequence, in bytes.
    const MAX_RUN: usize = 1 << 10;
    const MAX_ESCAPE: usize = 16;
    match text {
        // No-break space, soft hyphen, next line; zero width space to right-to-left mark, line and paragraph separator,
        // word joiner; byte order mark. Checked first, so that repeated marks do not each search a whole run.
        [0xc2, 0x85 | 0xa0 | 0xad, ..] => return (Unit::Blank, 2),
        [0xe2, 0x80, 0x8b..=0x8f | 0xa8 | 0xa9 | 0xaf, ..] | [0xe2, 0x81, 0xa0, ..] | [0xef, 0xbb, 0xbf, ..] => {
            return (Unit::Blank, 3);
        }
        [0x1b, b'[', rest @ ..] => {
            let parameters = rest.iter().take(MAX_ESCAPE).take_while(|byte| matches!(byte, b'0'..=b';')).count();
            if matches!(rest.get(parameters), Some(b'm' | b'K')) {
                return (Unit::Blank, parameters + 3);
            }
        }
        _ => {}
    }
    let odd = |byte: &u8| !byte.is_ascii_graphic() && !matches!(byte, b'\n' | b'\r');
    let run = text.iter().take(MAX_RUN).take_while(|byte| odd(byte)).count();
    if matches!(text.get(run), None | Some(b'\n' | b'\r')) {
        return (Unit::Blank, run.max(1));
    }
    (text.first().map_or(Unit::Nothing, |byte| Unit::Byte(*byte)), 1)
}

/// Whether a literal begins like a line of a block: enough digits, a header, a blank line, the END line.
fn is_line(literal: &[u8]) -> bool {
    let digits = literal.iter().take_while(|b| is_digit(**b) && **b != b'-').count();
    let name = literal.iter().take(32).take_while(|b| b.is_ascii_alphanumeric() || **b == b'-').count();
    digits >= MIN_LINE
        || literal.starts_with(END)
        || literal.starts_with(b"\\n")
        || (digits > 0 && matches!(literal.get(digits), Some(b'=' | b'\\')))
        || (name > 2 && literal.get(name) == Some(&b':'))
}

fn is_digit(byte: u8) -> bool {
    digit(byte).is_some()
}

#[cfg(test)]
mod tests;
