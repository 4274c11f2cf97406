//! The setting around an anchor: its name, its parent settings, and the start of its value.

use std::ops::Range;
use std::sync::LazyLock;

use serde::Deserialize;

/// Maximum length of a name, in bytes.
const MAX_NAME: usize = 80;

/// How far before and after a setting words are searched for that show what it belongs to, in bytes.
const NEAR: usize = 400;

/// How far before a setting its parent settings are searched for, in bytes.
const ABOVE: usize = 2048;

/// Maximum number of nesting levels that are followed.
const MAX_LEVELS: usize = 6;

/// The encoding of a value.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Form {
    Text,
    Hex,
    Base64,
}

/// An entry of `session-secrets.toml`, whose header explains the fields.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Rule {
    pub(super) used_by: String,
    #[serde(default)]
    names: Vec<String>,
    #[serde(default)]
    has: Vec<String>,
    #[serde(default)]
    ends: Vec<String>,
    #[serde(default)]
    case: String,
    pub(super) form: Form,
    pub(super) digits: usize,
    #[serde(default)]
    near: Vec<String>,
    #[serde(default)]
    not_near: Vec<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    secret: Vec<Rule>,
}

static RULES: LazyLock<Vec<Rule>> = LazyLock::new(|| {
    let read: Result<File, _> = toml::from_str(include_str!("../../data/session-secrets.toml"));
    #[allow(clippy::panic, reason = "the data is part of the program and read by a test")]
    read.unwrap_or_else(|error| panic!("session-secrets.toml: {error}")).secret
});

/// A setting and its position.
#[derive(Debug)]
pub(super) struct Setting<'a> {
    /// Range of the name.
    pub(super) name: Range<usize>,
    /// Start of the value, including an opening quote.
    pub(super) value: usize,
    bytes: &'a [u8],
}

impl<'a> Setting<'a> {
    /// The setting whose name contains `at`, if a value is assigned to it.
    pub(super) fn around(bytes: &'a [u8], at: usize) -> Option<Self> {
        let from = at.saturating_sub(MAX_NAME);
        let left = bytes.get(from..at)?.iter().rev().take_while(|b| is_name(**b)).count();
        let rest = bytes.get(at..bytes.len().min(at + MAX_NAME))?;
        let right = rest.iter().take_while(|b| is_name(**b)).count();
        let name = at - left..at + right;
        let value = name.end + separator(bytes.get(name.end..bytes.len().min(name.end + 96))?)?;
        Some(Self { name, value, bytes })
    }

    /// The setting whose value begins at `at`.
    pub(super) fn before(bytes: &'a [u8], at: usize) -> Option<Self> {
        let from = at.saturating_sub(MAX_NAME);
        let before = bytes.get(from..at)?;
        let line = memchr::memrchr(b'\n', before).map_or(0, |newline| newline + 1);
        let before = before.get(line..)?;
        let name = [&b"APP_KEY"[..], b"app.key", b"'key'", b"\"key\""]
            .into_iter()
            .filter_map(|name| Some((memchr::memmem::rfind(before, name)?, name.len())))
            .max()?;
        let start = from + line + name.0;
        let gap = bytes.get(start + name.1..at)?;
        let value = at - usize::from(matches!(gap.last(), Some(b'"' | b'\'')));
        let same = separator(bytes.get(start + name.1..at + 1)?)? == value - start - name.1;
        same.then_some(Self { name: start..start + name.1, value, bytes })
    }

    /// The rule that matches the setting.
    pub(super) fn rule(&self) -> Option<&'static Rule> {
        let written = self.bytes.get(self.name.clone())?;
        let own = plain(written);
        if own == "key" {
            return RULES.iter().find(|rule| rule.form == Form::Base64);
        }
        let whole = self.path(&own);
        RULES.iter().find(|rule| rule.knows(&own, &whole, written) && rule.fits(self.surroundings()))
    }

    fn surroundings(&self) -> &'a [u8] {
        let end = self.bytes.len().min(self.value.saturating_add(NEAR));
        self.bytes.get(self.name.start.saturating_sub(NEAR)..end).unwrap_or_default()
    }

    /// The name prefixed with those of its parent settings, by the indentation of the lines above.
    fn path(&self, own: &str) -> String {
        let mut path = own.to_owned();
        let from = self.name.start.saturating_sub(ABOVE);
        let above = self.bytes.get(from..self.name.start).unwrap_or_default();
        let mut lines = above.rsplit(|b| *b == b'\n');
        let Some(first) = lines.next() else { return path };
        if !first.iter().all(|b| matches!(b, b' ' | b'\t' | b'"' | b'\'' | b'-')) {
            return path;
        }
        let mut indent = blanks(first);
        for line in lines {
            if indent == 0 || path.len() > MAX_LEVELS * MAX_NAME {
                break;
            }
            let text = line.trim_ascii();
            let less = blanks(line);
            if less >= indent || text.is_empty() || text.starts_with(b"#") {
                continue;
            }
            indent = less;
            let name = text.split(|b| matches!(b, b':' | b'=' | b'{')).next().unwrap_or_default().trim_ascii();
            // One word and a sign that a block follows: not the head of a class or function.
            if name.len() <= MAX_NAME && name.len() < text.len() && !name.iter().any(u8::is_ascii_whitespace) {
                path.insert_str(0, &plain(name));
            }
        }
        path
    }
}

impl Rule {
    fn knows(&self, own: &str, whole: &str, written: &[u8]) -> bool {
        let upper = self.case != "upper" || !written.iter().any(u8::is_ascii_lowercase);
        let named = self.names.iter().any(|name| name == own || name == whole);
        let described =
            self.ends.iter().any(|end| own.ends_with(end)) && self.has.iter().any(|has| whole.contains(has));
        upper && (named || described)
    }

    fn fits(&self, around: &[u8]) -> bool {
        let has = |word: &String| around.windows(word.len()).any(|window| window.eq_ignore_ascii_case(word.as_bytes()));
        (self.near.is_empty() || self.near.iter().any(has)) && !self.not_near.iter().any(has)
    }
}

/// A name without separators between its words, in lower case.
fn plain(name: &[u8]) -> String {
    let letters = name.iter().filter(|b| b.is_ascii_alphanumeric());
    letters.map(|b| char::from(b.to_ascii_lowercase())).collect()
}

fn blanks(line: &[u8]) -> usize {
    line.iter().take_while(|b| matches!(b, b' ' | b'\t')).count()
}

fn is_name(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'.' | b'-')
}

/// Length of the bytes between a name and its value: the end of a quoted or indexed name, a type, and one assignment
/// operator. `None` if nothing is assigned.
fn separator(text: &[u8]) -> Option<usize> {
    let mut at = 0;
    let mut assigned = false;
    let mut closed = false;
    loop {
        let rest = text.get(at..)?;
        at += match rest {
            [b' ' | b'\t', ..] => 1,
            [b'\\', b'"', ..] if !assigned && !closed => {
                closed = true;
                2
            }
            // The closing quote of the name, only directly after it.
            [b'"' | b'\'' | b']' | b')', ..] if !assigned && at < 4 => {
                closed = true;
                1
            }
            [b'=', b'>', ..] | [b':' | b'?' | b'|', b'=', ..] if !assigned => {
                assigned = true;
                2
            }
            [b'|', b'|', b'=', ..] if !assigned => {
                assigned = true;
                3
            }
            [b'=', b'=', ..] | [b':', b':', ..] => return None,
            [b'=' | b':', ..] if !assigned => {
                assigned = true;
                1
            }
            // get("NAME", "value"), define('NAME', 'value')
            [b',', ..] if !assigned && closed => {
                assigned = true;
                1
            }
            // NAME: str = "value"
            _ if rest.starts_with(b"str = ") || rest.starts_with(b"str=") => 3,
            _ if rest.starts_with(b"string = ") || rest.starts_with(b"String = ") => 6,
            [b'=', ..]
                if text.get(..at).is_some_and(|before| {
                    before.trim_ascii().to_ascii_lowercase().ends_with(b"str")
                        || before.trim_ascii().to_ascii_lowercase().ends_with(b"string")
                }) =>
            {
                1
            }
            // name="NAME" value="value"
            _ if rest.starts_with(b"value=") && closed && !assigned => {
                assigned = true;
                6
            }
            // The prefix of a Python bytes or raw literal.
            [b'b' | b'r' | b'u', b'"' | b'\'', ..] if assigned => return Some(at + 1),
            _ => return assigned.then_some(at),
        }
    }
}
