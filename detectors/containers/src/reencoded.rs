//! Files that git writes with other bytes than it stores: files with a `working-tree-encoding`, commits with an
//! `encoding`, files with `export-subst`.
//!
//! Git stores a file with a `working-tree-encoding` as UTF-8 and writes it into every work tree in its own encoding. A
//! blob of Chinese characters may therefore be a PEM file on the disk of whoever clones it: the characters are the
//! UTF-16 reading of its bytes. An editor that guesses the wrong encoding has the same effect. Converters also drop
//! Unicode tags (U+E0000 to U+E007F), so that letters with such tags in between are a key on disk. These are not
//! searched for, because the three bytes of a tag would cost a pass over everything. Encodings that are not known to
//! preserve ASCII (EBCDIC, UTF-7) are reported as not read.

mod names;
mod subst;

use std::ops::{ControlFlow, Range};

use keyradius_core::blob::Blob;
use keyradius_core::budget::Budget;
use keyradius_core::error::{Malformed, Reason};
use keyradius_core::seam::{About, Anchor, Entry, Hit, Unopenable, Unwrapper};
use zeroize::Zeroizing;

/// Text that becomes a key in another encoding.
#[derive(Debug)]
pub(crate) struct Reencoded;

static ABOUT: About = About {
    id: "reencoded",
    title: "files that git writes with other bytes than it stores",
    detects: "UTF-8 whose characters are the UTF-16 reading of a PEM, in either byte order, as git stores a file with \
              working-tree-encoding=UTF-16LE; `$Format:%x2d...$`, as git archive expands it for export-subst. \
              Attributes and commits with an encoding that is not known to preserve ASCII (EBCDIC, UTF-7, UTF-32) are \
              reported as not read.",
    blind_to: "DER and other binary keys in a file of UTF-16. Binary files that need the carriage returns that \
               eol=crlf restores. Text with Unicode tags between its letters, which converters drop. Parts of a key \
               that $Format:$ takes from a commit. An encoding named only in the configuration of a clone.",
    respond: "Treat the contents as plain text: whoever clones the repository has them on disk.",
    references: &[
        "gitattributes(5), working-tree-encoding, export-subst, eol",
        "git-commit(1), DISCUSSION",
        "RFC 2781",
    ],
};

/// `----` as two characters of UTF-16, twice U+2D2D: the dashes of a PEM, in either byte order and at either alignment.
const DASHES: Anchor = Anchor::anywhere("\u{2d2d}\u{2d2d}".as_bytes());
/// The attribute of git (`gitattributes(5)`), directly followed by its value.
const ATTRIBUTE: Anchor = Anchor::anywhere(b"working-tree-encoding=");
/// The header of a commit (`git-commit(1)`).
const HEADER: Anchor = Anchor::anywhere(b"\nencoding ");

/// The text that `git archive` replaces in files with the attribute `export-subst`.
const FORMAT: Anchor = Anchor::anywhere(subst::MARK);

/// Maximum length of the text that is read, in bytes: a PEM of one megabyte, three bytes for every two.
const LONGEST: usize = 1536 << 10;

/// Number of UTF-16 units that contain the header: the unit before, and those of `-----BEGIN ` from any dash on.
const HEAD: usize = 8;

/// Maximum length of a line of attributes that git reads, in bytes (attr.c, ATTR_MAX_LINE_LENGTH).
const LINE: usize = 2048;

impl Unwrapper for Reencoded {
    fn about(&self) -> &'static About {
        &ABOUT
    }

    fn anchors(&self) -> &'static [Anchor<'static>] {
        &[DASHES, ATTRIBUTE, HEADER, FORMAT]
    }

    fn open(
        &self,
        blob: Blob<'_>,
        hit: Hit<'_>,
        budget: &Budget,
        each: &mut dyn FnMut(Entry<'_>) -> ControlFlow<()>,
    ) -> Result<(), Unopenable> {
        if hit.anchor == FORMAT {
            if memchr::memmem::find(blob.bytes.get(..hit.at).unwrap_or_default(), FORMAT.bytes).is_some() {
                return Err(Malformed::new("first format of a text", hit.at).into());
            }
            budget.take(blob.bytes.len() as u64)?;
            let written = subst::written(blob.bytes).ok_or(Malformed::new("dollar sign after a format", hit.at))?;
            let _ = each(Entry { bytes: &written, span: 0..blob.bytes.len() });
            return Ok(());
        }
        if hit.anchor != DASHES {
            return named(blob.bytes, hit);
        }
        // Test the header first: dashes occur in other text too, and all of that text would be decoded for each.
        let (_, head) = text(blob.bytes, hit.at, 4 * HEAD).ok_or(Malformed::new("UTF-8", hit.at))?;
        for order in [u16::to_le_bytes, u16::to_be_bytes] {
            let head: Vec<u8> = head.encode_utf16().take(HEAD).flat_map(order).collect();
            if memchr::memmem::find(&head, b"-----BEGIN ").is_none() {
                continue;
            }
            let (span, text) = text(blob.bytes, hit.at, LONGEST).ok_or(Malformed::new("UTF-8", hit.at))?;
            budget.take(span.len() as u64)?;
            let mut out = Zeroizing::new(Vec::with_capacity(span.len()));
            out.extend(text.encode_utf16().flat_map(order));
            let _ = each(Entry { bytes: &out, span });
            return Ok(());
        }
        Err(Malformed::new("header of a PEM in UTF-16", hit.at).into())
    }
}

/// Returns the valid UTF-8 from one character before `at` on, at most `longest` bytes. That character may contain the
/// first dash.
fn text(bytes: &[u8], at: usize, longest: usize) -> Option<(Range<usize>, &str)> {
    let before = (1..=4).find_map(|back| {
        let start = at.checked_sub(back)?;
        std::str::from_utf8(bytes.get(start..at)?).is_ok().then_some(start)
    });
    let start = before.unwrap_or(at);
    let bytes = bytes.get(start..bytes.len().min(start + longest))?;
    let text = bytes.utf8_chunks().next()?.valid();
    Some((start..start + text.len(), text))
}

/// Returns an error if the hit is followed by the name of an encoding that does not preserve ASCII.
fn named(bytes: &[u8], hit: Hit<'_>) -> Result<(), Unopenable> {
    let of_commit = hit.anchor == HEADER;
    let before = bytes.get(..hit.at).unwrap_or_default();
    // Git reads the first header of this name (commit.c, find_commit_header).
    let has = |text: &[u8]| memchr::memmem::find(before, text).is_some();
    let is_later = || has(HEADER.bytes) || has(b"\n\n");
    if of_commit && (!before.starts_with(b"tree ") || is_later()) {
        return Err(Malformed::new("header of a commit", hit.at).into());
    }
    if !of_commit && !is_of_attributes(bytes, hit.at) {
        return Err(Malformed::new("line of attributes", hit.at).into());
    }
    let name = bytes.get(hit.at + hit.anchor.bytes.len()..).unwrap_or_default();
    // The value of an attribute is a word; that of a header is a line.
    let ends = |byte: &u8| *byte == b'\n' || (!of_commit && is_blank(*byte));
    let name = name.get(..name.len().min(LINE)).unwrap_or_default();
    let name = name.split(ends).next().unwrap_or_default();
    if names::is_read(name) {
        return Ok(());
    }
    if name.is_empty() {
        return Err(Malformed::new("name of an encoding", hit.at).into());
    }
    Err(Unopenable::Closed(
        Reason::Unsupported,
        if of_commit { "commit in an unsupported encoding" } else { "git writes files in an unsupported encoding" },
    ))
}

/// Whether git separates the words of attributes at this byte (attr.c, `blank`).
const fn is_blank(byte: u8) -> bool {
    matches!(byte, b' ' | b'\t' | b'\r' | b'\n')
}

/// Whether a line has the syntax of `gitattributes(5)`: a pattern, then attributes. Git ignores lines with anything
/// else, so scripts that write such a line and pages that quote one do not count.
fn is_of_attributes(bytes: &[u8], at: usize) -> bool {
    let start = memchr::memrchr(b'\n', bytes.get(..at).unwrap_or_default()).map_or(0, |at| at + 1);
    let line = bytes.get(start..).unwrap_or_default();
    let line = line.get(..line.len().min(LINE)).unwrap_or_default();
    let line = line.split(|byte| *byte == b'\n').next().unwrap_or_default();
    let line = line.get(line.iter().position(|byte| !is_blank(*byte)).unwrap_or(line.len())..).unwrap_or_default();
    if line.starts_with(b"#") {
        return false;
    }
    let mut escaped = false;
    let is_end = |byte: &u8| {
        let ends = *byte == b'"' && !escaped;
        escaped = *byte == b'\\' && !escaped;
        ends
    };
    let quoted = line.strip_prefix(b"\"").and_then(|quoted| quoted.iter().position(is_end)).map(|at| at + 2);
    // `name`, `-name`, `!name` or `name=value` (attr.c, attr_name_valid).
    let is_attribute = |word: &[u8]| {
        let name = word.split(|byte| *byte == b'=').next().unwrap_or_default();
        let name = name.strip_prefix(b"-").or_else(|| name.strip_prefix(b"!")).unwrap_or(name);
        let is_of_name = |byte: &u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.');
        !name.is_empty() && name.iter().all(is_of_name)
    };
    // If the quotes are not a valid C string, git takes the word up to the first blank as the pattern.
    [quoted, line.iter().position(|byte| is_blank(*byte))].into_iter().flatten().any(|end| {
        let attributes = line.get(end..).unwrap_or_default();
        attributes.split(|byte| is_blank(*byte)).filter(|word| !word.is_empty()).all(is_attribute)
    })
}

#[cfg(test)]
mod tests {
    use keyradius_core::blob::Origin;
    use keyradius_core::budget::Limits;

    use super::*;

    fn open(text: &[u8]) -> (Vec<Vec<u8>>, Option<Unopenable>) {
        let origin = Origin::file("x");
        let (mut found, mut closed) = (Vec::new(), None);
        for anchor in [DASHES, ATTRIBUTE, HEADER] {
            for at in memchr::memmem::find_iter(text, anchor.bytes) {
                let budget = Budget::new(Limits::default());
                let opened = Reencoded.open(Blob::whole(text, &origin), Hit { anchor, at }, &budget, &mut |entry| {
                    found.push(entry.bytes.to_vec());
                    ControlFlow::Continue(())
                });
                closed = closed.or(opened.err().filter(|error| matches!(error, Unopenable::Closed(..))));
            }
        }
        (found, closed)
    }

    #[test]
    fn a_format_without_an_end_is_text() {
        let origin = Origin::file("x");
        for (text, opens) in [("b\"$Format:\";", false), ("$Format:%x2d$ and $Format:", true)] {
            let at = text.find("$Format:").expect("a format");
            let budget = Budget::new(Limits::default());
            let (blob, hit) = (Blob::whole(text.as_bytes(), &origin), Hit { anchor: FORMAT, at });
            let mut all = Vec::new();
            let opened = Reencoded.open(blob, hit, &budget, &mut |entry| {
                all.push(entry.bytes.to_vec());
                ControlFlow::Continue(())
            });
            // The output is searched again: it contains no terminated format.
            let again = all.iter().any(|bytes| subst::written(bytes).is_some());
            assert_eq!((opened.is_ok(), all.len() == 1, again), (opens, opens, false), "{text}");
        }
    }

    #[test]
    fn characters_become_the_bytes_that_git_writes() {
        let pem = "-----BEGIN X Y-----\nAbCd\n-----END X Y-----\n\n";
        for before in ["", "\n", "a\n", "ab\n"] {
            let text = format!("{before}{pem}");
            let text = &text.as_bytes()[..text.len() & !1];
            for decode in [u16::from_le_bytes, u16::from_be_bytes] {
                let units: Vec<u16> = text.chunks(2).map(|two| decode([two[0], two[1]])).collect();
                let stored = String::from_utf16(&units).unwrap();
                let (found, closed) = open(format!("\u{4e00}{stored}").as_bytes());
                assert!(found[0].windows(11).any(|w| w == b"-----BEGIN ") && closed.is_none(), "{before:?}");
            }
        }
        assert_eq!(open("ⴭⴭ is a Georgian letter, twice".as_bytes()), (vec![], None));
        assert_eq!(open(b"\xff\xe2\xb4\xad\xe2\xb4\xad\xe2"), (vec![], None));
    }

    #[test]
    fn encodings_without_ascii_are_reported() {
        let commit = |header: &str, body: &str| format!("tree 4b82\nauthor a <a@b> 1 +0000\n{header}\n\n{body}\n");
        // Unsplit, this would be an attribute in this file too.
        let line = |before: &str, name: &str| format!("{before} working-tree-{}={name}\n", "encoding");
        for (text, is_closed) in [
            (commit("encoding IBM037", "x"), true),
            (commit("encoding UTF-7", "x"), true),
            (commit("encoding ISO-8859-1", "x"), false),
            (commit("encoding Shift_JIS", "x"), false),
            (commit("encoding CP870", "x"), true),
            (commit("encoding \"IBM 037", "x"), true),
            (commit("encoding ISO-2022-JP", "x"), true),
            (commit("encoding UTF-8//TRANSLIT", "x"), true),
            (commit("gpgsig x", "a\nencoding IBM037"), false),
            ("a\nencoding IBM037\n".to_owned(), false),
            (line("*.txt", "IBM037"), true),
            (line("# a\n  *.txt text -diff", "EBCDIC-CP-US eol=lf"), true),
            (line("\"a \\\" b.txt\" eol=lf", "garbage"), true),
            (line("*.txt", "IBM(037)"), true),
            (line("*.txt", "\u{c}IBM037"), true),
            (line("\"a.txt", "IBM037"), true),
            (line("a\u{c}(b", "UCS-4LE"), true),
            (line("*.txt", "ASCII//TRANSLIT"), true),
            (line("# *.txt", "IBM037"), false),
            (line("*.ps1", "UTF-16LE eol=CRLF"), false),
            (line("*.txt", "windows-1252"), false),
            (line("set `", "<encoding>`"), false),
            (line("echo \"*.garbage text", "garbage\" >> .gitattributes"), false),
            (line("", "garbage"), false),
            (line("(\"*.txt text", "IBM037 eol=lf\\n\".to_owned(), true),"), false),
            (line("(\"*.txt text", "IBM037 eol=(x)"), true),
        ] {
            assert_eq!(open(text.as_bytes()).1.is_some(), is_closed, "{text}");
        }
    }
}
