//! Adjacent string literals that form one text: `"..." + "..."`, implicit concatenation, lists.
//!
//! Two readers use this module, each in its own direction: that of PEM bodies and that of base64 runs.

/// Maximum length of a joint, in bytes: a closing quote, an operator, a line break, deep indentation, an opening quote.
const MAX_JOINT: usize = 120;

/// Maximum length of code between two literals, in bytes: `;\n pem += `.
const MAX_CODE: usize = 96;

/// The text that joins two literals.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Joint {
    /// Bytes from the closing quote (and an escaped line break before it) to the opening quote, inclusive.
    pub len: usize,
    /// Whether it contains a comma: the literals may be a list of separate texts.
    pub comma: bool,
}

/// Whether a byte is a quotation mark.
pub const fn is_quote(byte: u8) -> bool {
    matches!(byte, b'"' | b'\'' | b'`')
}

/// The joint at the start of `bytes`.
pub fn joint(bytes: &[u8]) -> Option<Joint> {
    let breaks = written_breaks(bytes);
    let [quote, rest @ ..] = bytes.get(breaks..)? else { return None };
    let between = rest.iter().take(MAX_JOINT).position(|b| b == quote)?;
    let joins = is_quote(*quote) && is_joint(rest.get(..between)?);
    let comma = rest.get(..between)?.contains(&b',');
    joins.then_some(Joint { len: breaks + between + 2, comma })
}

/// The joint at the end of `bytes`.
pub fn joint_before(bytes: &[u8]) -> Option<Joint> {
    let [before @ .., quote] = bytes else { return None };
    let between = before.iter().rev().take(MAX_JOINT).position(|b| b == quote)?;
    let (before, inside) = before.split_at_checked(before.len() - between)?;
    let before = before.split_last()?.1;
    let breaks = before.rchunks(2).take_while(|pair| matches!(pair, [b'\\', b'n' | b'r'])).count() * 2;
    let joins = is_quote(*quote) && is_joint(inside);
    joins.then_some(Joint { len: breaks + between + 2, comma: inside.contains(&b',') })
}

/// Length of the code at the start of `bytes`, from a closing quote to the next opening one. `None` if the code shows
/// that the second literal is unrelated. Accepted: `";\n pem += "`, `").append("`, `" >> key.pem\necho "`.
pub(crate) fn code(bytes: &[u8]) -> Option<usize> {
    let [quote, rest @ ..] = bytes else { return None };
    let between = rest.iter().take(MAX_CODE).position(|b| b == quote)?;
    let plain = |b: &u8| b.is_ascii_alphanumeric() || b.is_ascii_whitespace() || b"+.,;&_()<>$=/-@[]|%".contains(b);
    (is_quote(*quote) && rest.get(..between)?.iter().all(plain)).then_some(between + 2)
}

/// Bytes of escaped line breaks (`\n`, `\r`) at the start.
fn written_breaks(bytes: &[u8]) -> usize {
    bytes.chunks(2).take_while(|pair| matches!(pair, [b'\\', b'n' | b'r'])).count() * 2
}

/// Whether the text between two quotes joins them: blanks, operators, the prefix of a literal (`b"..."`).
fn is_joint(between: &[u8]) -> bool {
    let (operators, prefix) = match between {
        [operators @ .., b'b' | b'r' | b'u' | b'f' | b'L' | b'@' | b'$'] => (operators, true),
        _ => (between, false),
    };
    let plain = |b: &u8| b.is_ascii_whitespace() || b"+.,&_\\()".contains(b);
    operators.iter().all(plain) && (prefix || !between.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn joints_are_seen_from_both_sides() {
        for (text, expected) in [
            (r#""x"#, None),
            ("\" + \"", Some(false)),
            ("\"\n    \"", Some(false)),
            ("\\n\" +\n    \"", Some(false)),
            ("\\r\\n\" \\\n\"", Some(false)),
            ("',\n  '", Some(true)),
            ("' ..\n  '", Some(false)),
            ("' .\n  '", Some(false)),
            ("\" & _\r\n  \"", Some(false)),
            ("'\n b'", Some(false)),
            ("\"\"", None),
            ("\": \"", None),
            ("\" value=\"", None),
            ("\" + '", None),
        ] {
            let expected = expected.map(|comma| Joint { len: text.len(), comma });
            assert_eq!(joint(text.as_bytes()), expected, "{text}");
            assert_eq!(joint_before(text.as_bytes()), expected, "{text}");
        }
    }

    #[test]
    fn code_between_literals() {
        for (text, expected) in [
            ("\";\n    pem += \"", true),
            ("\");\n sb.append(\"", true),
            ("\" >> key.pem\necho \"", true),
            ("\": { \"", false),
            ("\"", false),
        ] {
            assert_eq!(code(text.as_bytes()), expected.then_some(text.len()), "{text}");
        }
    }
}
