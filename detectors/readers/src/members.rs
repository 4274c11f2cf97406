//! Finds members of a JSON object by name, also in JSON inside a JSON string, where every quotation mark is escaped.
//! This is not a parser: the caller checks the results against the format.

/// The start of a member's value: after the colon and blanks.
fn value<'a>(object: &'a [u8], name: &str) -> Option<&'a [u8]> {
    memchr::memmem::find_iter(object, name.as_bytes()).find_map(|at| {
        let opened = at.checked_sub(1).and_then(|before| object.get(before)) == Some(&b'"');
        let behind = object.get(at + name.len()..)?;
        let behind = skip(behind, |byte| byte == b'\\').strip_prefix(b"\"").filter(|_| opened)?;
        Some(blanks(blanks(behind).strip_prefix(b":")?))
    })
}

fn skip(bytes: &[u8], unwanted: impl Fn(u8) -> bool) -> &[u8] {
    let count = bytes.iter().take_while(|&&byte| unwanted(byte)).count();
    bytes.get(count..).unwrap_or_default()
}

/// Skips blanks and line ends, real or escaped.
fn blanks(mut bytes: &[u8]) -> &[u8] {
    loop {
        bytes = skip(bytes, |byte| byte.is_ascii_whitespace());
        let behind = skip(bytes, |byte| byte == b'\\');
        match behind {
            [b'n' | b'r' | b't', rest @ ..] if behind.len() < bytes.len() => bytes = rest,
            _ => return bytes,
        }
    }
}

/// The string value of a member; escapes are not undone.
pub fn string<'a>(object: &'a [u8], name: &str) -> Option<&'a [u8]> {
    quoted(value(object, name)?)
}

/// The string whose opening quotation mark is at the start of `bytes`.
pub(crate) fn quoted(bytes: &[u8]) -> Option<&[u8]> {
    let level = bytes.iter().take_while(|&&byte| byte == b'\\').count();
    let text = bytes.get(level..)?.strip_prefix(b"\"")?;
    // The closing mark has the same number of backslashes as the opening one.
    let end = memchr::memchr_iter(b'"', text).find_map(|at| {
        let slashes = text.get(..at)?.iter().rev().take_while(|&&byte| byte == b'\\').count();
        (slashes == level).then_some(at - slashes)
    })?;
    text.get(..end)
}

/// The whole number that is the value of a member.
pub fn number(object: &[u8], name: &str) -> Option<u64> {
    let text = value(object, name)?;
    let digits = text.iter().take_while(|byte| byte.is_ascii_digit()).count();
    str::from_utf8(text.get(..digits)?).ok()?.parse().ok()
}

/// The name of the member whose value begins with the brace at `at`: `"name": {`.
pub fn name_before(bytes: &[u8], at: usize) -> Option<&[u8]> {
    let before = bytes.get(at.saturating_sub(256)..at)?.trim_ascii_end().strip_suffix(b":")?.trim_ascii_end();
    let name = before.strip_suffix(b"\"")?;
    let name = name.get(..name.len() - name.iter().rev().take_while(|&&byte| byte == b'\\').count())?;
    name.get(memchr::memrchr(b'"', name)? + 1..)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn members_at_any_level_of_quoting() {
        for text in [
            r#"{"kdf": {"name": "scrypt", "n" :32768}, "a": "x\/y"}"#,
            r#"{\"kdf\": {\"name\": \"scrypt\",\n \"n\":\n 32768}, \"a\": \"x\/y\"}"#,
            r#"{\\\"kdf\\\":{\\\"name\\\":\\\"scrypt\\\",\\\"n\\\":32768},\\\"a\\\":\\\"x\/y\\\"}"#,
        ] {
            let text = text.as_bytes();
            assert_eq!(string(text, "name"), Some(&b"scrypt"[..]));
            assert_eq!(string(text, "a"), Some(&b"x\\/y"[..]));
            assert_eq!(number(text, "n"), Some(32_768));
            assert_eq!((string(text, "kdf"), number(text, "a"), string(text, "b")), (None, None, None));
        }
        assert_eq!(string(br#"{"a": "cut"#, "a"), None);
        assert_eq!(string(br#"{"a": "with \"marks\" in it"}"#, "a"), Some(&br#"with \"marks\" in it"#[..]));
    }

    #[test]
    fn the_name_of_an_object() {
        for text in [r#"{"keys": {"k1": {"a": {}}}}"#, r#"{\"keys\":{\"k1\" : {\"a\":{}}}}"#] {
            let open =
                memchr::memmem::find(text.as_bytes(), b"k1").and_then(|at| Some(at + text.get(at..)?.find('{')?));
            assert_eq!(name_before(text.as_bytes(), open.unwrap()), Some(&b"k1"[..]));
            assert_eq!(name_before(text.as_bytes(), 0), None);
        }
    }
}
