//! Takes keys out of messages: a message may quote a value that a person pasted into the wrong place.

use std::fmt::Write as _;

/// Longest quoted value that is repeated as it is, in characters: a SHA-1 or a fingerprint of OpenPGP has 40 digits. A
/// private number of the smallest curve in use, and a line of a PEM, have more.
const LONGEST: usize = 40;

/// The text without PEM blocks, and without quoted values that may be a key: long words of base64 or hex.
pub(crate) fn hush(text: &str) -> String {
    let text = without_blocks(text);
    let mut out = String::with_capacity(text.len());
    let mut before = None;
    let mut rest = text.as_str();
    while let Some(next) = rest.chars().next() {
        let word = rest.split(|c: char| !is_digit(c)).next().unwrap_or_default();
        let (told, after) = rest.split_at(word.len().max(next.len_utf8()));
        let quoted = before.is_some_and(is_mark) && after.chars().next().is_some_and(is_mark);
        // A path begins with a slash.
        if quoted && word.len() > LONGEST && next != '/' {
            let _ = write!(out, "({} characters)", word.len());
        } else {
            out.push_str(told);
        }
        before = told.chars().next_back();
        rest = after;
    }
    out
}

const fn is_mark(c: char) -> bool {
    matches!(c, '"' | '\'' | '`')
}

/// Whether a character is a digit of base64, base64url or hex. Most paths have a dot as well.
const fn is_digit(c: char) -> bool {
    c.is_ascii_alphanumeric() || matches!(c, '+' | '/' | '=' | '-' | '_')
}

/// The text with each PEM block, and the start of one that does not end, replaced.
fn without_blocks(text: &str) -> String {
    const BEGIN: &str = "-----BEGIN";
    const END: &str = "-----END";
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some((before, block)) = rest.split_once(BEGIN) {
        out.push_str(before);
        out.push_str("(a PEM block)");
        // After the end its label and five dashes follow.
        let after = block.split_once(END).and_then(|(_, end)| end.split_once("-----"));
        rest = after.map_or("", |(_, after)| after);
    }
    out.push_str(rest);
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_are_not_repeated() {
        let line = "MIGHAgEAMBMGByqGSM49AgEGCCqGSM49AwEHBG0wawIBAQQgDAwOLSJGa8/61qB6";
        let begin = ["-----BEGIN", " PRIVATE KEY-----"].concat();
        let block = format!("{begin}\\n{line}\\n-----END PRIVATE KEY-----\\n");
        for (text, shown) in [
            (
                format!("key = \"{block}\" is not an identity"),
                "key = \"(a PEM block)\\n\" is not an identity".to_owned(),
            ),
            (format!("unknown field `{line}`, see"), "unknown field `(64 characters)`, see".to_owned()),
            (format!("[[secret]] {begin}\n{line}"), "[[secret]] (a PEM block)".to_owned()),
            (format!("it's value '{line}' for"), "it's value '(64 characters)' for".to_owned()),
        ] {
            assert_eq!(hush(&text), shown);
        }
    }

    #[test]
    fn names_and_short_values_are() {
        for text in [
            "unknown field `strct`, expected one of `scan`, `allow`",
            "path = \"/home/somebody/projects/something/with/a/long/name\": no such file",
            "`tests/fixtures/certificates/of/a/project/with/long/names/server.pem` is not a directory",
            "finding = \"kr1:0123456789abcdef\" is not a finding id",
            "key = \"0123456789abcdef0123456789abcdef01234567\" is not a key identity",
            "one ` and one \" alone",
        ] {
            assert_eq!(hush(text), text);
        }
    }
}
