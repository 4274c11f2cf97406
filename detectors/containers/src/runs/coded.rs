//! Encodings with marks or lines of their own: Ascii85, yEnc, uuencode, binary patches of git.

use std::io::Read;
use std::ops::Range;

use flate2::read::ZlibDecoder;
use keyradius_core::blob::Blob;
use keyradius_core::budget::Budget;
use keyradius_core::error::Reason;
use keyradius_core::seam::Unopenable;
use memchr::memmem;
use zeroize::Zeroizing;

use super::Decoded;
use super::asn1;
use super::base85::DIGITS;

/// The marks at the start of Ascii85 (as Adobe writes it), of yEnc, and of a binary file in a patch.
pub(super) const ASCII85: &[u8] = b"<~";
pub(super) const YENC: &[u8] = b"=ybegin ";
const PATCH: &[u8] = b"GIT binary patch\n";

/// How far into a file the header of yEnc may be, after the headers of a news article.
const NEAR: usize = 4 << 10;

/// First bytes of files that may be patches: `git format-patch`, `git diff`, `git log -p`.
const PATCHES: [&[u8]; 3] = [b"From ", b"diff --git ", b"commit "];

/// Fewest characters of Ascii85, and digits of a line of uuencode that is not the last: 45 bytes.
const LEAST: usize = 60;
const UU_LINE: usize = 61;

/// Places in a blob where such an encoding begins.
pub(super) fn places(blob: Blob<'_>) -> Vec<usize> {
    let window = blob.window;
    let core = blob.bytes.get(..window.core_end).unwrap_or_default();
    let mut places = Vec::new();
    for at in memchr::memchr_iter(b'~', core.get(window.core_start..).unwrap_or_default()) {
        let at = window.core_start + at;
        let Some(start) = at.checked_sub(1).filter(|start| core.get(*start) == Some(&b'<')) else { continue };
        let text = blob.bytes.get(at + 1..).unwrap_or_default();
        let end = text.iter().position(|byte| !is_ascii85(*byte));
        // The start of a file has an anchor.
        if end.is_some_and(|end| end >= LEAST && text.get(end..).is_some_and(|rest| rest.starts_with(b"~>")))
            && (start > 0 || !window.first())
        {
            places.push(start);
        }
    }
    if window.first() {
        let head = core.get(..core.len().min(NEAR)).unwrap_or_default();
        places.extend(memmem::find(head, b"\n=ybegin ").map(|at| at + 1));
        places.extend(asn1::first(blob.bytes, head.len()));
        if PATCHES.iter().any(|start| core.starts_with(start)) {
            places.extend(memmem::find_iter(core, PATCH));
        }
    }
    places
}

/// Decodes what begins at a place; `None` for other encodings.
pub(super) fn decode(bytes: &[u8], at: usize, budget: &Budget) -> Result<Option<Decoded>, Unopenable> {
    let rest = bytes.get(at..).unwrap_or_default();
    let (out, length) = if rest.starts_with(ASCII85) {
        let end = rest.iter().skip(2).position(|byte| *byte == b'~').map_or(rest.len(), |end| end + 2);
        let text = rest.get(2..end).unwrap_or_default();
        budget.take(text.len() as u64)?;
        (if is_escaped(text) { ascii85(unescaped(text)) } else { ascii85(text.iter().copied()) }, end)
    } else if rest.starts_with(YENC) {
        let end = memmem::find(rest, b"\n=yend").unwrap_or(rest.len());
        let lines = rest.get(..end).unwrap_or_default().split(|byte| *byte == b'\n');
        budget.take(end as u64)?;
        (yenc(lines.filter(|line| !line.starts_with(b"=y"))), end)
    } else if rest.starts_with(PATCH) {
        let Some(found) = patched(rest, budget)? else { return Ok(None) };
        found
    } else if let Some(run) = uu_lines(bytes, at, at) {
        budget.take(run.len() as u64)?;
        let text = bytes.get(run.clone()).unwrap_or_default();
        let mut out = Zeroizing::new(Vec::with_capacity(text.len() / 4 * 3));
        text.split(|byte| *byte == b'\n').for_each(|line| uu(line, &mut out));
        (out, run.len())
    } else {
        return Ok(None);
    };
    Ok(Some((out, at..at + length)))
}

/// Decompresses a stream as far as it is sound, within the budget.
pub(super) fn inflated(stream: impl Read, budget: &Budget) -> Result<Zeroizing<Vec<u8>>, Unopenable> {
    const MOST: u64 = 64 << 20;
    let most = budget.left().min(MOST);
    let mut out = Zeroizing::new(Vec::new());
    let mut stream = stream.take(most.saturating_add(1));
    // What was decoded before a fault is searched.
    let _ = stream.read_to_end(&mut out);
    if out.len() as u64 > most {
        return Err(Unopenable::Limit(Reason::TooLarge));
    }
    budget.take(out.len() as u64)?;
    Ok(out)
}

const fn is_ascii85(byte: u8) -> bool {
    matches!(byte, b'!'..=b'u' | b'z' | b' ' | b'\t' | b'\r' | b'\n')
}

/// Five digits for four bytes, `z` for four zeros.
fn ascii85(text: impl Iterator<Item = u8>) -> Zeroizing<Vec<u8>> {
    let mut out = Zeroizing::new(Vec::new());
    let (mut value, mut digits) = (0_u32, 0_usize);
    for byte in text {
        match byte {
            b'z' if digits == 0 => out.extend_from_slice(&[0; 4]),
            b'!'..=b'u' => {
                value = value.wrapping_mul(85).wrapping_add(u32::from(byte - b'!'));
                digits += 1;
            }
            _ => {}
        }
        if digits == 5 {
            out.extend_from_slice(&value.to_be_bytes());
            (value, digits) = (0, 0);
        }
    }
    if digits > 1 {
        let last = (digits..5).fold(value, |value, _| value.wrapping_mul(85).wrapping_add(84)).to_be_bytes();
        out.extend(last.iter().take(digits - 1));
    }
    out
}

/// Whether each quote and each backslash has a backslash before it, as in a string of JSON or of a program.
fn is_escaped(text: &[u8]) -> bool {
    let mut rest = text;
    loop {
        match rest {
            [b'\\', b'\\' | b'"' | b'\'' | b'/' | b'n' | b'r' | b't' | b'u', after @ ..] => rest = after,
            [b'\\' | b'"', ..] => return false,
            [_, after @ ..] => rest = after,
            [] => return true,
        }
    }
}

/// Removes the backslashes of a string literal, and its line breaks.
fn unescaped(text: &[u8]) -> impl Iterator<Item = u8> {
    let mut rest = text;
    std::iter::from_fn(move || {
        loop {
            match rest {
                [b'\\', b'n' | b'r' | b't', after @ ..] => rest = after,
                [b'\\', b'u', b'0', b'0', high, low, after @ ..] if super::digits::byte(*high, *low).is_some() => {
                    rest = after;
                    return super::digits::byte(*high, *low);
                }
                [b'\\', byte @ (b'\\' | b'"' | b'\'' | b'/'), after @ ..] | [byte, after @ ..] => {
                    rest = after;
                    return Some(*byte);
                }
                [] => return None,
            }
        }
    })
}

/// Each byte plus 42; after `=`, plus 64 more. Two dots at the start of a line are one (NNTP).
fn yenc<'t>(lines: impl Iterator<Item = &'t [u8]>) -> Zeroizing<Vec<u8>> {
    let mut out = Zeroizing::new(Vec::new());
    for line in lines {
        let line = line.strip_suffix(b"\r").unwrap_or(line);
        let line = if line.starts_with(b"..") { line.get(1..).unwrap_or_default() } else { line };
        let mut escaped = false;
        for byte in line {
            if *byte == b'=' && !escaped {
                escaped = true;
                continue;
            }
            out.push(byte.wrapping_sub(42).wrapping_sub(if escaped { 64 } else { 0 }));
            escaped = false;
        }
    }
    out
}

/// The lines of uuencode around a place, from `from` on. All but the last have 45 bytes.
pub(super) fn uu_lines(bytes: &[u8], at: usize, from: usize) -> Option<Range<usize>> {
    let is_digit = |byte: &u8| (b' '..=b'`').contains(byte);
    let is_full = |line: &[u8]| {
        let line = line.strip_suffix(b"\r").unwrap_or(line);
        line.len() == UU_LINE && line.first() == Some(&b'M') && line.iter().all(is_digit)
    };
    let line_from = |start: usize| -> &[u8] {
        let rest = bytes.get(start..bytes.len().min(start + UU_LINE + 2)).unwrap_or_default();
        rest.get(..memchr::memchr(b'\n', rest).unwrap_or(rest.len())).unwrap_or_default()
    };
    let near = at.saturating_sub(UU_LINE + 1).max(from);
    let mut start = memchr::memrchr(b'\n', bytes.get(near..at)?).map_or(near, |line| near + line + 1);
    if !is_full(line_from(start)) {
        return None;
    }
    // Lines before this one, which may have been between two places.
    for length in [UU_LINE + 1, UU_LINE + 2] {
        while let Some(before) = start.checked_sub(length).filter(|before| *before >= from) {
            let is_line = bytes.get(start - 1) == Some(&b'\n') && line_from(before).len() + 1 == length;
            if !(is_line && is_full(line_from(before))) {
                break;
            }
            start = before;
        }
    }
    let mut end = start;
    while is_full(line_from(end)) {
        end += line_from(end).len() + 1;
    }
    // The last line says how many bytes it has.
    let last = line_from(end);
    let last = last.strip_suffix(b"\r").unwrap_or(last);
    let count = last.first().map_or(0, |first| usize::from(first.wrapping_sub(b' ') & 63));
    if count < 45 && last.len() <= UU_LINE && last.len() > count && last.iter().all(is_digit) {
        end += last.len();
    }
    Some(start..end.min(bytes.len()))
}

/// Decodes a line: the number of bytes, then four digits for three bytes.
fn uu(line: &[u8], out: &mut Vec<u8>) {
    let value = |byte: u8| u32::from(byte.wrapping_sub(b' ') & 63);
    let line = line.strip_suffix(b"\r").unwrap_or(line);
    let Some((count, digits)) = line.split_first() else { return };
    let end = out.len() + value(*count) as usize;
    for group in digits.chunks(4) {
        // Blanks at the end of a line may be lost.
        let digit = |at: usize| group.get(at).map_or(0, |byte| value(*byte));
        let bits = digit(0) << 18 | digit(1) << 12 | digit(2) << 6 | digit(3);
        let room = end.saturating_sub(out.len());
        out.extend(bits.to_be_bytes().iter().skip(1).take(room));
    }
}

/// The content of a patch, and its length in the text.
type Patch = (Zeroizing<Vec<u8>>, usize);

/// The files of a binary patch: the new one, and the old one for a patch that can be reversed, one after the other.
fn patched(text: &[u8], budget: &Budget) -> Result<Option<Patch>, Unopenable> {
    let mut at = PATCH.len();
    let mut all = Zeroizing::new(Vec::new());
    let line_at = |at: usize| {
        let rest = text.get(at..).unwrap_or_default();
        rest.get(..memchr::memchr(b'\n', rest).unwrap_or(rest.len())).unwrap_or_default()
    };
    for _ in 0..2 {
        let header = line_at(at);
        if !(header.starts_with(b"literal ") || header.starts_with(b"delta ")) {
            break;
        }
        at += header.len() + 1;
        let mut packed = Zeroizing::new(Vec::new());
        loop {
            let line = line_at(at);
            at = (at + line.len() + 1).min(text.len());
            let Some((count, digits)) = line.split_first() else { break };
            let count = match count {
                b'A'..=b'Z' => usize::from(count - b'A') + 1,
                b'a'..=b'z' => usize::from(count - b'a') + 27,
                _ => return Ok(None),
            };
            let mut bytes = Vec::with_capacity(52);
            for group in digits.chunks(5) {
                let digit = |byte: &u8| DIGITS.iter().position(|digit| digit == byte);
                let value = group.iter().try_fold(0_u32, |value, byte| {
                    Some(value.wrapping_mul(85).wrapping_add(u32::try_from(digit(byte)?).ok()?))
                });
                let Some(value) = value.filter(|_| group.len() == 5) else { return Ok(None) };
                bytes.extend_from_slice(&value.to_be_bytes());
            }
            bytes.truncate(count);
            budget.take(bytes.len() as u64)?;
            packed.extend_from_slice(&bytes);
        }
        all.extend_from_slice(&inflated(ZlibDecoder::new(packed.as_slice()), budget)?);
    }
    Ok((!all.is_empty()).then_some((all, at)))
}
