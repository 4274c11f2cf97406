//! `$Format:...$` in files with the attribute `export-subst`, as expanded by `git archive` (gitattributes(5), and
//! git-log(1), PRETTY FORMATS).
//!
//! Placeholders for a byte are expanded (`%x2d`, `%n`, `%%`). Placeholders for data of a commit are dropped, because
//! the commit is searched itself. An empty placeholder splits a key into pieces that are whole in every archive.

use zeroize::Zeroizing;

use crate::digits;

/// The start of a format, which ends at the next dollar sign.
pub(super) const MARK: &[u8] = b"$Format:";

/// Returns the text with all formats expanded; `None` if it contains none.
pub(super) fn written(text: &[u8]) -> Option<Zeroizing<Vec<u8>>> {
    let mut out = Zeroizing::new(Vec::with_capacity(text.len()));
    let mut rest = text;
    while let Some(start) = memchr::memmem::find(rest, MARK) {
        let (before, from) = rest.split_at(start);
        let inner = from.get(MARK.len()..).unwrap_or_default();
        let Some(end) = memchr::memchr(b'$', inner) else { break };
        out.extend_from_slice(before);
        expand(inner.get(..end).unwrap_or_default(), &mut out);
        rest = inner.get(end + 1..).unwrap_or_default();
    }
    let is_any = rest.len() < text.len();
    out.extend_from_slice(rest);
    is_any.then_some(out)
}

fn expand(mut format: &[u8], out: &mut Vec<u8>) {
    while let Some((&byte, rest)) = format.split_first() {
        format = rest;
        if byte == b'%' {
            format = placeholder(rest, out);
        } else if byte == 0 {
            // Git treats a format as a C string.
            return;
        } else {
            out.push(byte);
        }
    }
}

/// Writes the expansion of the placeholder after a percent sign. Returns the rest of the format.
fn placeholder<'f>(format: &'f [u8], out: &mut Vec<u8>) -> &'f [u8] {
    let behind = |many: usize| format.get(many..).unwrap_or_default();
    match format {
        [b'x', high, low, ..] if digits::byte(*high, *low).is_some() => {
            out.extend(digits::byte(*high, *low));
            behind(3)
        }
        [b'n', ..] => {
            out.push(b'\n');
            behind(1)
        }
        [b'%', ..] => {
            out.push(b'%');
            behind(1)
        }
        // `+` and ` ` put a line feed or a blank before an expansion that is not empty.
        [b'+', b'x' | b'n', ..] => {
            out.push(b'\n');
            placeholder(behind(1), out)
        }
        [b' ', b'x' | b'n', ..] => {
            out.push(b' ');
            placeholder(behind(1), out)
        }
        [b'-' | b'+' | b' ', ..] => placeholder(behind(1), out),
        // Colours, widths and everything with options in parentheses.
        [b'C' | b'w' | b'<' | b'>' | b'(', ..] => {
            let named =
                [&b"Cred"[..], b"Cgreen", b"Cblue", b"Creset"].into_iter().find(|name| format.starts_with(name));
            let signs = format.iter().take_while(|byte| matches!(byte, b'<' | b'>' | b'|')).count();
            let open = if matches!(format, [b'C' | b'w', ..]) { 1 } else { signs };
            match (named, format.get(open..)) {
                (Some(name), _) => behind(name.len()),
                (None, Some(options @ [b'(', ..])) => match memchr::memchr(b')', options) {
                    Some(end) => behind(open + end + 1),
                    None => behind(open),
                },
                _ => behind(open.max(1)),
            }
        }
        [b'a' | b'c' | b'g' | b'G', _, ..] => behind(2),
        [letter, ..] if letter.is_ascii_alphabetic() && !b"ijklqruvxzAEFIJKLMOPQRUVWXYZ".contains(letter) => behind(1),
        // Not a placeholder of git.
        _ => {
            out.push(b'%');
            format
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn formats_expand_as_in_git_archive() {
        for (text, out) in [
            ("a$Format:%x2d%x2d%x2D$b", "a---b"),
            ("$Format:a%nb%%x41$c$Format:$d", "a\nb%x41cd"),
            ("-----BEGIN PRI$Format:%C(red)%Creset%w(1,2,3)%>(5,trunc)%m$VATE", "-----BEGIN PRIVATE"),
            ("$Format:%H %an <%ae> %G?%+x41% x42%-x43$", "  <> \nA BC"),
            ("$Format:%(trailers:key=x)%x4$", "%x4"),
            ("$Format:%q%x00%xff$", "%q\0\u{fffd}"),
            ("$Format:$$Format:no end", "$Format:no end"),
        ] {
            assert_eq!(String::from_utf8_lossy(&written(text.as_bytes()).expect("a format")), out, "{text}");
        }
        assert_eq!(*written(b"$Format:a\0b$c").expect("a format"), b"ac");
        for text in ["$Format:no end", "$Formatted$ $Format", ""] {
            assert!(written(text.as_bytes()).is_none(), "{text}");
        }
    }
}
