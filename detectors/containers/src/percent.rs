//! PEM in URLs and forms: `-----BEGIN%20RSA%20PRIVATE%20KEY-----%0AMIIE...%2B...`, or with `+` for blanks as in forms.

use std::ops::ControlFlow;

use keyradius_core::blob::Blob;
use keyradius_core::budget::Budget;
use keyradius_core::error::Malformed;
use keyradius_core::seam::{About, Anchor, Entry, Hit, Unopenable, Unwrapper};
use zeroize::Zeroizing;

use super::digits;

/// Percent-encoded PEM.
#[derive(Debug)]
pub(crate) struct Percent;

static ABOUT: About = About {
    id: "percent",
    title: "percent-encoding",
    detects: "PEM in URLs, forms, HTTP logs and cookies: line breaks as %0A or %0D%0A, blanks as %20 or a plus sign.",
    blind_to: "Text that is percent-encoded twice, encoded dashes, PEM whose first line does not end in %0A or %0D%0A.",
    respond: "Treat the contents as plain text. Proxies, logs and browsers keep URLs: check them too.",
    references: &["RFC 3986 section 2.1", "WHATWG URL, application/x-www-form-urlencoded"],
};

/// The end of a PEM label and the following line break.
const LINE: Anchor = Anchor::anywhere(b"-----%0");

/// Maximum length of the header before the anchor, in bytes: dashes, BEGIN, a label with its blanks as `%20`.
const MAX_HEADER: usize = 96;

impl Unwrapper for Percent {
    fn about(&self) -> &'static About {
        &ABOUT
    }

    fn anchors(&self) -> &'static [Anchor<'static>] {
        &[LINE]
    }

    fn open(
        &self,
        blob: Blob<'_>,
        hit: Hit<'_>,
        budget: &Budget,
        each: &mut dyn FnMut(Entry<'_>) -> ControlFlow<()>,
    ) -> Result<(), Unopenable> {
        let from = hit.at.saturating_sub(MAX_HEADER);
        let before = blob.bytes.get(from..hit.at).unwrap_or_default();
        let Some(start) = memchr::memmem::rfind(before, b"-----BEGIN").map(|at| from + at) else {
            return Err(Malformed::new("percent-encoded PEM header", hit.at).into());
        };
        let run = blob.bytes.get(start..).unwrap_or_default();
        let run = run.get(..run.iter().take_while(|b| is_encoded(**b)).count()).unwrap_or_default();
        let plus = run.starts_with(b"-----BEGIN+");
        if run.len() < 2 * digits::MIN_BYTES {
            return Err(Malformed::new("percent-encoded text", hit.at).into());
        }
        budget.take(run.len() as u64)?;
        let mut out = Zeroizing::new(Vec::with_capacity(run.len()));
        let mut at = 0;
        while let Some(byte) = run.get(at) {
            let coded = match run.get(at..at + 3) {
                Some([b'%', high, low]) => digits::byte(*high, *low),
                _ => None,
            };
            at += if coded.is_some() { 3 } else { 1 };
            out.push(coded.unwrap_or(if plus && *byte == b'+' { b' ' } else { *byte }));
        }
        let _ = each(Entry { bytes: &out, span: start..start + run.len() });
        Ok(())
    }
}

/// Whether a byte may occur in an encoded value. `=` and `/` are often left unencoded.
const fn is_encoded(byte: u8) -> bool {
    byte.is_ascii_alphanumeric()
        || matches!(byte, b'%' | b'+' | b'-' | b'_' | b'.' | b'~' | b'*' | b'=' | b'/' | b':' | b',' | b'!')
}

#[cfg(test)]
mod tests {
    use keyradius_core::blob::Origin;
    use keyradius_core::budget::Limits;

    use super::*;

    fn open(text: &str) -> Option<String> {
        let origin = Origin::file("x");
        let mut found = None;
        for at in memchr::memmem::find_iter(text.as_bytes(), LINE.bytes) {
            let budget = Budget::new(Limits::default());
            let blob = Blob::whole(text.as_bytes(), &origin);
            let _ = Percent.open(blob, Hit { anchor: LINE, at }, &budget, &mut |entry| {
                found.get_or_insert(String::from_utf8(entry.bytes.to_vec()).unwrap());
                ControlFlow::Continue(())
            });
        }
        found
    }

    #[test]
    fn both_encodings_of_blanks_are_read() {
        let plain = format!("-----BEGIN X Y-----\n{}+/=\n-----END X Y-----\n", "AbCd".repeat(20));
        let uri = plain.replace('+', "%2B").replace('/', "%2F").replace('=', "%3D").replace('\n', "%0A");
        let loose = plain.replace(' ', "%20").replace('\n', "%0A");
        for text in [
            format!("GET /?a=1&key={}&b=2 HTTP/1.1", uri.replace(' ', "%20")),
            format!("key={}&b=2", uri.replace(' ', "+")),
            format!("\"{loose}\""),
        ] {
            assert_eq!(open(&text).as_ref(), Some(&plain), "{text}");
        }
        let crlf = format!("k={}", uri.replace(' ', "%20").replace("%0A", "%0D%0A"));
        assert_eq!(open(&crlf), Some(plain.replace('\n', "\r\n")));
    }

    #[test]
    fn format_strings_are_not_opened() {
        for text in ["printf(\"-----%08x-----%0d\", n)", "-----BEGIN%20X-----%0A-----END%20X-----%0A"] {
            assert_eq!(open(text), None, "{text}");
        }
    }
}
