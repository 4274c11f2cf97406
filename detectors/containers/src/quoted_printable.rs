//! Quoted-printable (RFC 2045 6.7): mail, web archives, vCards. A header announces it. A soft line break (`=` at the
//! end of a line) may be anywhere in a key, and an equals sign of base64 is `=3D`.

use std::ops::ControlFlow;

use keyradius_core::blob::Blob;
use keyradius_core::budget::Budget;
use keyradius_core::error::Malformed;
use keyradius_core::seam::{About, Anchor, Entry, Hit, Unopenable, Unwrapper};
use zeroize::Zeroizing;

use super::digits;

/// Bodies in quoted-printable.
#[derive(Debug)]
pub(crate) struct QuotedPrintable;

static ABOUT: About = About {
    id: "quoted_printable",
    title: "quoted-printable",
    detects: "Bodies of mails, web archives and vCards whose header names quoted-printable, up to the next header, \
              decoded as a whole: PEM on one line, JSON of service accounts, base64 of keystores.",
    blind_to: "Bodies without the header, except for PEM and files of binary data; headers in mixed case such as Quoted-printable; bodies with \
               more than 5 MiB before the key.",
    respond: "Treat the contents as plain text. Everyone who received the mail has a copy.",
    references: &["RFC 2045 section 6.7", "RFC 2426 section 5"],
};

/// The word in the header, in the cases that programs write.
const WORDS: [Anchor<'static>; 3] = [
    Anchor::anywhere(b"quoted-printable"),
    Anchor::anywhere(b"QUOTED-PRINTABLE"),
    Anchor::anywhere(b"Quoted-Printable"),
];

/// Starts of a header of the next part, or of the next mail of a mailbox.
const HEADERS: [&[u8]; 3] = [b"Content-", b"content-", b"From "];

impl Unwrapper for QuotedPrintable {
    fn about(&self) -> &'static About {
        &ABOUT
    }

    fn anchors(&self) -> &'static [Anchor<'static>] {
        &WORDS
    }

    /// A file that is a body without its header. In binary data, most bytes are written as escapes.
    fn claims(&self, blob: Blob<'_>) -> bool {
        /// How many bytes are looked at, and fewest escapes in them.
        const HEAD: usize = 160;
        const LEAST: usize = 16;
        let head = blob.bytes.get(..blob.bytes.len().min(HEAD)).unwrap_or_default();
        let escapes = || memchr::memchr_iter(b'=', head).filter_map(|at| escaped(head.get(at..)?)?.0).count();
        // Most files have no byte of this kind in their first lines.
        memchr::memchr(b'=', head).is_some() && escapes() >= LEAST
    }

    fn open(
        &self,
        blob: Blob<'_>,
        hit: Hit<'_>,
        budget: &Budget,
        each: &mut dyn FnMut(Entry<'_>) -> ControlFlow<()>,
    ) -> Result<(), Unopenable> {
        let (start, text) = if hit == Hit::START {
            (0, blob.bytes)
        } else {
            let start = hit.at + hit.anchor.bytes.len();
            let text = blob.bytes.get(start..).unwrap_or_default();
            // The next occurrence is opened by itself: a file that repeats the word costs no more than its length.
            let next = memchr::memmem::find(text, hit.anchor.bytes).unwrap_or(text.len());
            let text = text.get(..next).unwrap_or_default();
            (start, text.get(..end(text)).unwrap_or_default())
        };
        if !memchr::memchr_iter(b'=', text).any(|at| escaped(text.get(at..).unwrap_or_default()).is_some()) {
            return Err(Malformed::new("quoted-printable text", hit.at).into());
        }
        budget.take(text.len() as u64)?;
        let mut out = Zeroizing::new(Vec::with_capacity(text.len()));
        let mut rest = text;
        while let Some((byte, after)) = rest.split_first() {
            let written = escaped(rest);
            out.extend(written.map_or(Some(*byte), |(byte, _)| byte));
            rest = written.map_or(after, |(_, length)| rest.get(length..).unwrap_or_default());
        }
        let _ = each(Entry { bytes: &out, span: start..start + text.len() });
        Ok(())
    }
}

/// Returns the end of the body: the next line that begins like a MIME header, after the headers that contain the hit.
fn end(text: &[u8]) -> usize {
    // In a mail an empty line follows the headers. In a vCard the value follows at once, and a long value continues as
    // text.
    let body =
        [&b"\n\n"[..], b"\n\r\n"].iter().filter_map(|blank| memchr::memmem::find(text, blank)).min().unwrap_or(0);
    let lines = memchr::memchr_iter(b'\n', text.get(body + 1..).unwrap_or_default()).map(|at| body + 1 + at);
    let is_header = |line: &[u8]| HEADERS.iter().any(|header| line.starts_with(header));
    lines.into_iter().find(|at| is_header(text.get(at + 1..).unwrap_or_default())).unwrap_or(text.len())
}

/// Returns the end of the line break if only blanks precede it.
fn line_end(text: &[u8]) -> Option<usize> {
    /// Maximum number of blanks, so that lines of equals signs and blanks cost no more than their length.
    const BLANKS: usize = 76;
    let blanks = text.iter().take(BLANKS).take_while(|byte| matches!(byte, b' ' | b'\t')).count();
    match text.get(blanks..)? {
        [b'\r', b'\n', ..] => Some(blanks + 2),
        [b'\n', ..] => Some(blanks + 1),
        _ => None,
    }
}

/// Returns the byte represented by an escape at the start, and the length of the escape. A soft line break represents
/// no byte.
fn escaped(text: &[u8]) -> Option<(Option<u8>, usize)> {
    match text {
        // Blanks at the end of a line may have been added in transport (RFC 2045 6.7, rule 3).
        [b'=', rest @ ..] if let Some(at) = line_end(rest) => Some((None, at + 1)),
        [b'=', high, low, ..] => Some((Some(digits::byte(*high, *low)?), 3)),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use keyradius_core::blob::Origin;
    use keyradius_core::budget::Limits;

    use super::*;

    fn open(text: &str) -> Option<String> {
        let origin = Origin::file("x");
        let at = memchr::memmem::find(text.as_bytes(), WORDS[0].bytes)?;
        let mut found = None;
        let opened = QuotedPrintable.open(
            Blob::whole(text.as_bytes(), &origin),
            Hit { anchor: WORDS[0], at },
            &Budget::new(Limits::default()),
            &mut |entry| {
                found = Some(String::from_utf8(entry.bytes.to_vec()).expect("UTF-8"));
                ControlFlow::Continue(())
            },
        );
        assert_eq!(opened.is_ok(), found.is_some());
        found
    }

    #[test]
    fn a_body_ends_with_the_next_part() {
        let head = "Content-Type: text/plain\nContent-Transfer-Encoding: quoted-printable\nContent-Language: de\n\n";
        for (body, after, plain) in [
            ("Gr=C3=BC=C3=9Fe=\n!", "", "Gr\u{fc}\u{df}e!"),
            ("a=3D\n--x\n", "Content-Type: application/x", "a=\n--x"),
            ("a =\r\nb\r\n", "From a@b.example Sat", "a b\r"),
            ("1 = 1=\n=GG", "", "1 = 1=GG"),
            ("a= \t\nb=  ", "", "ab=  "),
        ] {
            let text = format!("{head}{body}{after}");
            let opened = open(&text).expect("opened");
            assert_eq!(opened.strip_prefix("\nContent-Language: de\n\n"), Some(plain), "{text}");
        }
        assert_eq!(open("NOTE;ENCODING=quoted-printable:a=0Ab\n").as_deref(), Some(":a\nb\n"));
        assert_eq!(open(&format!("{head}nothing is quoted, 1 = 1\n")), None);
    }
}
