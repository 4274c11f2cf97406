//! The pairs of braces around a position, in texts with strings: JSON at any level of quoting, and configurations.
//!
//! A reader starts in the middle of a text, so it cannot know from the beginning what is a string. The delimiters tell:
//! a quote opens or closes a string if the number of backslashes before it fits the level of quoting (none in JSON, one
//! in JSON inside a JSON string, three one level deeper). The position itself is outside of a string, or in the first
//! word of one. Braces in strings do not count.
//!
//! Literals of programs can break these rules (single quotes, comments with one quote). So the nearest braces are
//! candidates too, after those that fit; the caller checks what it reads there.

use std::ops::Range;

/// Maximum number of pairs that enclose a position.
const MAX_AROUND: usize = 8;

/// Maximum number of other braces before a position that are candidates.
const MAX_NEAREST: usize = 32;

/// Maximum length of the part of a word before a position, in bytes: longer than any name or type of a member.
const MAX_WORD: usize = 64;

/// Where a string may end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Strings {
    /// At its delimiter, as in JSON.
    Delimited,
    /// At its delimiter, or at the end of the line. A comment with a single quote hides no other line.
    OneLine,
}

/// The part of a blob in which braces are searched, and the syntax of its strings.
#[derive(Clone, Debug)]
pub struct Braces<'a> {
    bytes: &'a [u8],
    window: Range<usize>,
    strings: Strings,
}

impl<'a> Braces<'a> {
    /// Searches the part of `bytes` from `before` bytes before `at` to `after` bytes after it.
    pub fn new(bytes: &'a [u8], at: usize, (before, after): (usize, usize), strings: Strings) -> Self {
        let window = at.saturating_sub(before)..bytes.len().min(at.saturating_add(after));
        Self { bytes, window, strings }
    }

    /// The ranges of the pairs of braces that enclose `at`, braces included: innermost first, then those of the nearest
    /// other braces. Adds the number of bytes read to `work`.
    pub fn enclosing<'w>(&self, at: usize, work: &'w mut usize) -> impl Iterator<Item = Range<usize>> + use<'a, 'w> {
        let this = self.clone();
        *work += at.saturating_sub(self.window.start);
        self.candidates(at).into_iter().filter_map(move |open| {
            let close = this.close(open);
            *work += close.unwrap_or(this.window.end).saturating_sub(open);
            Some(open..close?).filter(|range| range.contains(&at))
        })
    }

    /// The braces that may open an object around `at`: those that fit, innermost first, then the nearest others.
    pub(crate) fn candidates(&self, at: usize) -> Vec<usize> {
        let mut all: Vec<usize> = self.open(at).take(MAX_AROUND).collect();
        let others: Vec<usize> = self.nearest(at).filter(|open| !all.contains(open)).collect();
        all.extend(others);
        all
    }

    /// The nearest opening braces before `at`, whether they fit or not.
    pub(crate) fn nearest(&self, at: usize) -> impl Iterator<Item = usize> + use<'a> {
        let from = self.window.start;
        let before = self.bytes.get(from..at).unwrap_or_default();
        memchr::memrchr_iter(b'{', before).take(MAX_NEAREST).map(move |place| from + place)
    }

    /// The opening braces of the pairs around `at`, innermost first.
    pub fn open(&self, at: usize) -> impl Iterator<Item = usize> + use<'a> {
        let (mut end, mut level) = self.outside(at);
        let (bytes, from, strings) = (self.bytes, self.window.start, self.strings);
        let (mut depth, mut quoted) = (0_u32, false);
        std::iter::from_fn(move || {
            loop {
                let before = bytes.get(from..end)?;
                end = from
                    + match strings {
                        Strings::Delimited => memchr::memrchr3(b'{', b'}', b'"', before),
                        Strings::OneLine => before.iter().rposition(|byte| b"{}\"\n".contains(byte)),
                    }?;
                match bytes.get(end)? {
                    b'"' => {
                        let slashes = slashes_before(bytes, from, end);
                        quoted ^= delimits(slashes, *level.get_or_insert_with(|| level_of(slashes)));
                    }
                    b'\n' => quoted = false,
                    _ if quoted => {}
                    b'}' => depth += 1,
                    _ if depth == 0 => return Some(end),
                    _ => depth -= 1,
                }
            }
        })
    }

    /// The end of the pair that begins with the brace at `open`, including its closing brace.
    pub fn close(&self, open: usize) -> Option<usize> {
        let (mut depth, mut quoted, mut level) = (0_u32, false, None);
        let text = self.bytes.get(open..self.window.end)?;
        for (ahead, byte) in text.iter().enumerate() {
            match byte {
                b'"' => {
                    let slashes = slashes_before(text, 0, ahead);
                    quoted ^= delimits(slashes, *level.get_or_insert_with(|| level_of(slashes)));
                }
                b'\n' if self.strings == Strings::OneLine => quoted = false,
                _ if quoted => {}
                b'{' => depth += 1,
                b'}' if depth <= 1 => return Some(open + ahead + 1),
                b'}' => depth -= 1,
                _ => {}
            }
        }
        None
    }

    /// Where the search backwards from `at` begins, outside of a string, and the level of quoting if `at` shows it.
    fn outside(&self, at: usize) -> (usize, Option<usize>) {
        let from = self.window.start.max(at.saturating_sub(MAX_WORD));
        let before = self.bytes.get(from..at).unwrap_or_default();
        let is_word = |byte: &&u8| byte.is_ascii_alphanumeric() || b"_-./".contains(byte);
        let start = at - before.iter().rev().take_while(is_word).count();
        let quote = match (start.checked_sub(1), self.bytes.get(start)) {
            // In the first word of a string.
            (Some(quote), _) if self.bytes.get(quote) == Some(&b'"') => quote,
            // Before a string, or between the backslashes and the quote of its delimiter.
            (_, Some(b'"' | b'\\')) => {
                let rest = self.bytes.get(start..).unwrap_or_default();
                let slashes = rest.iter().take_while(|byte| **byte == b'\\').count();
                if rest.get(slashes) != Some(&b'"') {
                    return (start, None);
                }
                start + slashes
            }
            _ => return (start, None),
        };
        let slashes = slashes_before(self.bytes, self.window.start, quote);
        (quote - slashes, Some(level_of(slashes)))
    }
}

/// Number of backslashes directly before `at`, from `from` on.
fn slashes_before(bytes: &[u8], from: usize, at: usize) -> usize {
    bytes.get(from..at).unwrap_or_default().iter().rev().take_while(|byte| **byte == b'\\').count()
}

/// The level of quoting of a delimiter: 0, 1, 3, 7 backslashes. Any other number contains escaped backslashes at the end
/// of a string of level 0.
const fn level_of(slashes: usize) -> usize {
    if (slashes + 1).is_power_of_two() { slashes } else { 0 }
}

/// Whether a quote after this number of backslashes delimits a string of this level. An escaped backslash doubles with
/// every level; an escaped quote has twice as many and one more.
pub(crate) const fn delimits(slashes: usize, level: usize) -> bool {
    slashes >= level && (slashes - level).is_multiple_of(2 * (level + 1))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn json(text: &str) -> Braces<'_> {
        Braces::new(text.as_bytes(), 0, (0, text.len()), Strings::Delimited)
    }

    fn innermost<'t>(braces: &Braces<'_>, text: &'t str, word: &str) -> Option<&'t str> {
        let range = braces.enclosing(text.find(word).unwrap(), &mut 0).next()?;
        text.get(range)
    }

    fn escaped(text: &str) -> String {
        text.replace('\\', "\\\\").replace('"', "\\\"")
    }

    #[test]
    fn braces_in_strings_do_not_count() {
        for inside in ["}", "{", "}{", "{{{", "}}}", r#"\"}"#, r#"{\"{"#, r"}\\", r#"\\\"}"#] {
            let object = format!(r#"{{"a":"{inside}","b":{{"c":"{inside}"}},"at":[{{}},"{inside}"],"d":"{inside}"}}"#);
            let once = format!(r#"{{"x":"{inside}","env":"{}","y":"{inside}"}}"#, escaped(&object));
            for (text, object) in [
                (format!(r#"{{"x":"{inside}","o":{object},"y":{{"z":"{inside}"}}}}"#), object.clone()),
                (format!(r#"{{"env":"{}","y":"{inside}"}}"#, escaped(&once)), escaped(&escaped(&object))),
                (once, escaped(&object)),
            ] {
                for word in ["at\\", "at\""].iter().filter(|word| text.contains(**word)) {
                    assert_eq!(innermost(&json(&text), &text, word), Some(&*object), "{word} in {text}");
                }
                // The hit may begin at the delimiter too.
                let at = text.find("\"at").unwrap();
                let found = json(&text).enclosing(at, &mut 0).next().and_then(|range| text.get(range));
                assert_eq!(found, Some(&*object), "{text}");
            }
        }
    }

    #[test]
    fn pairs_are_found_from_the_inside_out() {
        let text = r#"{"1":{"k":"}"},"2":{"3":{"a":{},"at":1}},"4":"{"}"#;
        let mut work = 0;
        let found: Vec<&str> =
            json(text).enclosing(text.find("at").unwrap(), &mut work).map(|range| text.get(range).unwrap()).collect();
        assert_eq!(found, [r#"{"a":{},"at":1}"#, r#"{"3":{"a":{},"at":1}}"#, text]);
        assert!(work > text.len() && work < 8 * text.len(), "{work}");
        let deep = "{".repeat(1_000);
        assert_eq!(json(&deep).enclosing(1_000, &mut work).count(), 0);
        assert!(work < 1_000 * (MAX_AROUND + MAX_NEAREST + 2), "{work}");
    }

    #[test]
    fn a_window_limits_the_search() {
        let text = r#"{"a":1,"at":2}"#;
        let at = text.find("at").unwrap();
        let found = |before, after| {
            Braces::new(text.as_bytes(), at, (before, after), Strings::Delimited).enclosing(at, &mut 0).next()
        };
        assert_eq!(found(at, 6), Some(0..text.len()));
        assert_eq!((found(at - 1, 6), found(at, 5)), (None, None));
    }

    #[test]
    fn a_quote_in_a_comment_hides_no_other_line() {
        let text = "k {\n  # 3.5\" disks\n  at \"}\";\n  // a \" too\n};\n";
        let at = text.find("at").unwrap();
        let found = |strings| Braces::new(text.as_bytes(), at, (at, text.len()), strings).enclosing(at, &mut 0).next();
        assert_eq!(found(Strings::OneLine), Some(2..text.len() - 2));
        assert_ne!(found(Strings::Delimited), Some(2..text.len() - 2));
    }
}
