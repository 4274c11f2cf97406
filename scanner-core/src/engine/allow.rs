//! Reads the inline mark that allows a key.

use std::ops::Range;

use crate::material::{Mark, MarkFault, Stands};

/// The text that marks a line as allowed.
const ALLOW: &[u8] = b"keyradius:allow";

/// How far before and after a material the ends of its lines are searched, in bytes.
const LINE: usize = 4096;

/// How many first bytes decide between text and binary: FIRST_FEW_BYTES of git's `xdiff-interface.c`.
const OPENING: usize = 8000;

/// Looks for `keyradius:allow` on the lines of a material and on the line above. Returns the text of `reason="..."`
/// after the mark and ` until=YYYY-MM-DD`, as far as present. Nothing else of the line is kept: it may contain the key
/// itself.
pub(super) fn mark(bytes: &[u8], span: &Range<usize>) -> Option<Mark> {
    let (text, fault) = words(bytes, span)?;
    // Binary by git's rule, a NUL in the first bytes, or by a NUL around the mark.
    let around = bytes.get(span.start.saturating_sub(LINE)..bytes.len().min(span.end.saturating_add(LINE)));
    let start = bytes.get(..OPENING).unwrap_or(bytes);
    let binary = [start, around.unwrap_or_default()].iter().any(|bytes| memchr::memchr(0, bytes).is_some());
    Some(Mark { text, stands: if binary { Stands::Binary } else { Stands::Text }, fault })
}

fn words(bytes: &[u8], span: &Range<usize>) -> Option<(String, Option<MarkFault>)> {
    let from = span.start.saturating_sub(LINE);
    let before = bytes.get(from..span.start)?;
    let mut breaks = memchr::memrchr_iter(b'\n', before);
    let start = breaks.nth(1).map_or(from, |at| from + at + 1);
    let behind = bytes.get(span.end..bytes.len().min(span.end.saturating_add(LINE)))?;
    let end = span.end + memchr::memchr(b'\n', behind).unwrap_or(behind.len());
    let lines = bytes.get(start..end)?;
    let at = memchr::memmem::find(lines, ALLOW)?;
    let line = lines.get(at + ALLOW.len()..)?.split(|&b| b == b'\n').next()?;
    let reason = memchr::memmem::find(line, b"reason=").and_then(|at| {
        let (quote, text) = quoted(line.get(at + b"reason=".len()..)?)?;
        let end = memchr::memmem::find(text, quote).filter(|&end| end <= 200)?;
        text.get(..end).map(|t| String::from_utf8_lossy(t).into_owned())
    });
    let said = memchr::memmem::find(line, b"until=").and_then(|at| line.get(at + b"until=".len()..));
    let until = said.and_then(|said| {
        let date = said.get(..10)?;
        let is_date =
            date.iter().enumerate().all(|(i, b)| if matches!(i, 4 | 7) { *b == b'-' } else { b.is_ascii_digit() });
        let ends = !said.get(10).is_some_and(|next| next.is_ascii_alphanumeric() || *next == b'-');
        (is_date && ends).then(|| format!(" until={}", String::from_utf8_lossy(date)))
    });
    let fault = if reason.as_deref().is_none_or(|reason| reason.trim().is_empty()) {
        Some(MarkFault::NoReason)
    } else if said.is_some() && until.is_none() {
        Some(MarkFault::NoDate)
    } else {
        sets_another(line).then_some(MarkFault::UnknownWord)
    };
    Some((reason.unwrap_or_default() + &until.unwrap_or_default(), fault))
}

/// The opening quotation mark of a text, plain or escaped for a JSON string, and the bytes after it.
fn quoted(text: &[u8]) -> Option<(&'static [u8], &[u8])> {
    let marks: [&[u8]; 3] = [b"\"", b"'", b"\\\""];
    marks.into_iter().find_map(|mark| Some((mark, text.strip_prefix(mark)?)))
}

/// Whether the words directly after a mark, such as `reason="..." until=...`, set anything else: `untl=` was meant as
/// `until=`.
fn sets_another(line: &[u8]) -> bool {
    let mut rest = line.trim_ascii_start();
    loop {
        let name = rest.iter().take_while(|byte| byte.is_ascii_lowercase()).count();
        let (word, value) = rest.split_at(name);
        let Some((b'=', value)) = value.split_first() else { return false };
        if word.is_empty() {
            return false;
        }
        if !matches!(word, b"reason" | b"until") {
            return true;
        }
        let behind = match quoted(value) {
            Some((quote, text)) => memchr::memmem::find(text, quote).and_then(|end| text.get(end + quote.len()..)),
            None => value.iter().position(u8::is_ascii_whitespace).and_then(|end| value.get(end..)),
        };
        rest = behind.unwrap_or_default().trim_ascii_start();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mark_keeps_only_its_reason_and_date() {
        let long = |length: usize| format!("KEY # keyradius:allow reason=\"{}\"", "x".repeat(length));
        let (longest, too_long) = (long(200), long(201));
        for (text, expected) in [
            ("KEY", None),
            ("KEY\n# keyradius:allow", None),
            (&longest, Some(&longest[30..230])),
            (&too_long, Some("")),
            ("# keyradius:allow\nKEY reason=\"of another line\"", Some("")),
            ("KEY # keyradius:allow until=2027/01/31", Some("")),
            ("KEY # keyradius:allow until=2027-0x-31", Some("")),
            ("KEY # keyradius:allow until=2027-01", Some("")),
            ("# keyradius:allow\nKEY", Some("")),
            ("# keyradius:allow reason=\"a test\"\nKEY", Some("a test")),
            ("KEY # keyradius:allow reason=\"a test\" until=2027-01-31 SECRET", Some("a test until=2027-01-31")),
            ("KEY // keyradius:allow SECRET until=tomorrow", Some("")),
            ("# keyradius:allow reason=\"far\"\n\nKEY", None),
        ] {
            let start = text.find("KEY").unwrap();
            assert_eq!(
                mark(text.as_bytes(), &(start..start + 3)).as_ref().map(|mark| mark.text.as_str()),
                expected,
                "{text}"
            );
        }
    }

    #[test]
    fn incomplete_marks_are_faulty() {
        use MarkFault::{NoDate, NoReason, UnknownWord};
        for (mark, fault) in [
            ("keyradius:allow reason=\"a test\"", None),
            ("keyradius:allow reason=\"a test\" until=2027-01-31 */", None),
            ("keyradius:allow until=2027-01-31 reason=\"a test\" -->", None),
            ("keyradius:allow reason=\"a test\" \"x=y\"", None),
            ("keyradius:allow", Some(NoReason)),
            ("keyradius:allow reason=\"\"", Some(NoReason)),
            ("keyradius:allow reason=\" \"", Some(NoReason)),
            ("keyradius:allow reason='a test'", None),
            ("keyradius:allow reason=\\\"a test\\\" until=2027-01-31\\n", None),
            ("keyradius:allow reason=a test", Some(NoReason)),
            ("keyradius:allow because", Some(NoReason)),
            ("keyradius:allow reason=\"a test\" until=soon", Some(NoDate)),
            ("keyradius:allow reason=\"a test\" until=2027-1-3", Some(NoDate)),
            ("keyradius:allow reason=\"a test\" until=2027-01-311", Some(NoDate)),
            ("keyradius:allow reason=\"a test\" untl=2027-01-31", Some(UnknownWord)),
            ("keyradius:allow expires=2027-01-31 reason=\"a test\"", Some(UnknownWord)),
            ("keyradius:allow reason='a test' untl=2027-01-31", Some(UnknownWord)),
        ] {
            let line = format!("KEY # {mark}\n");
            assert_eq!(super::mark(line.as_bytes(), &(0..3)).and_then(|mark| mark.fault), fault, "{mark}");
        }
    }
}
