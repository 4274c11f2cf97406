//! The value of a setting, and whether it can be a secret.

use std::ops::Range;

/// Maximum length of a value, in bytes.
const MAX: usize = 512;

/// The range of the value that begins at `at`, without its quotes. `None` if it is not a complete literal.
pub(super) fn at(bytes: &[u8], at: usize) -> Option<Range<usize>> {
    let text = bytes.get(at..bytes.len().min(at + MAX + 8))?;
    let slashes = text.iter().take_while(|b| **b == b'\\').count();
    match text.get(slashes) {
        Some(quote @ (b'"' | b'\'' | b'`')) => {
            let start = slashes + 1;
            let inner = text.get(start..)?;
            let line = memchr::memchr(b'\n', inner).unwrap_or(inner.len());
            let end = memchr::memchr_iter(*quote, inner.get(..line)?).find(|&end| {
                let before = inner.get(..end).unwrap_or_default();
                before.iter().rev().take_while(|b| **b == b'\\').count() == slashes
            })?;
            Some(at + start..at + start + end - slashes)
        }
        _ if slashes > 0 => None,
        _ => {
            let end =
                text.iter().position(|b| b.is_ascii_whitespace() || matches!(b, b'"' | b'\'' | b'`' | b'<' | b'}'));
            let end = end.or((text.len() <= MAX).then_some(text.len()))?;
            let value = text.get(..end)?;
            let value = value.strip_suffix(b",").or(value.strip_suffix(b";")).unwrap_or(value);
            // A call, an index or a template is code, not a value.
            let code = value.iter().any(|b| matches!(b, b'(' | b')' | b'[' | b']' | b'{' | b'\\' | b',' | b';'));
            let alone = text.get(end).is_none_or(|b| matches!(b, b'\n' | b'\r' | b'<' | b'}' | b' ' | b'"'));
            (!code && alone && !value.is_empty()).then_some(at..at + value.len())
        }
    }
}

/// Texts that show that a value only names the location of the secret, or is a placeholder.
const REFERENCES: [&[u8]; 26] = [
    b"${",
    b"$(",
    b"{{",
    b"}}",
    b"<%",
    b"%>",
    b"#{",
    b"%{",
    b"%(",
    b"@{",
    b"$env",
    b"ENV[",
    b"ENC[",
    b"ENC(",
    b"env(",
    b"getenv",
    b"environ",
    b"process.env",
    b"://",
    b"arn:",
    b"vault:",
    b"secretmanager",
    b"secrets.",
    b"!ref",
    b"...",
    b"/run/",
];

/// Whether a value cannot be a secret, whatever its randomness.
pub(super) fn is_placeholder(value: &[u8]) -> bool {
    let has = |word: &&[u8]| value.windows(word.len()).any(|window| window.eq_ignore_ascii_case(word));
    let framed = matches!(
        (value.first(), value.last()),
        (Some(b'<'), Some(b'>')) | (Some(b'['), Some(b']')) | (Some(b'{'), Some(b'}')) | (Some(b'%'), Some(b'%'))
    );
    // A typed key, a token, a password hash: other detectors report them, and they do not sign sessions.
    let other = [&b"-----"[..], b"eyJ", b"$2a$", b"$2b$", b"$2y$", b"$argon2", b"pbkdf2", b"sha256:", b"ssh-", b"AKIA"];
    framed
        || value.starts_with(b"$")
        || other.iter().any(|start| value.starts_with(start))
        || REFERENCES.iter().any(has)
        || value.iter().any(|b| *b < b' ' || *b >= 0x7f)
        // Words separated by blanks: a sentence.
        || memchr::memchr_iter(b' ', value).count() > 2
}
