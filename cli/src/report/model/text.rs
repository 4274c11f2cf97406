//! The two kinds of text in a report.
//!
//! A report may be an untrusted file. Text that keyradius itself writes is a [`Word`], which is escaped when a report
//! is read, so that it cannot act on a terminal or a build server. Text from the input is a [`Text`]. It is kept
//! unchanged, so that nothing is lost, and has no `Display`, so that it can be printed only through `words::escape`.

use std::borrow::Cow;
use std::fmt;
use std::ops::Deref;

use serde::{Deserialize, Deserializer, Serialize};

use crate::report::words::escape;

/// A word, number or date that keyradius writes: ids, digests, names of formats. Safe to print.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(transparent)]
pub(crate) struct Word(Cow<'static, str>);

impl Word {
    /// A constant word of this program.
    pub(crate) const fn of(word: &'static str) -> Self {
        Self(Cow::Borrowed(word))
    }

    pub(crate) fn as_str(&self) -> &str {
        &self.0
    }
}

impl<'de> Deserialize<'de> for Word {
    /// Reads a word, and escapes characters that keyradius never writes in one.
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        String::deserialize(from).map(|text| Self(escape(&text).into()))
    }
}

impl Deref for Word {
    type Target = str;

    fn deref(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Word {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0)
    }
}

impl From<&'static str> for Word {
    fn from(word: &'static str) -> Self {
        Self(word.into())
    }
}

impl From<String> for Word {
    fn from(word: String) -> Self {
        Self(word.into())
    }
}

/// Text from the input, unchanged. Not safe to print.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub(crate) struct Text(Cow<'static, str>);

impl Text {
    pub(crate) fn as_str(&self) -> &str {
        &self.0
    }
}

impl Deref for Text {
    type Target = str;

    fn deref(&self) -> &str {
        &self.0
    }
}

impl From<String> for Text {
    fn from(text: String) -> Self {
        Self(text.into())
    }
}

impl From<&str> for Text {
    fn from(text: &str) -> Self {
        text.to_owned().into()
    }
}

impl From<Cow<'static, str>> for Text {
    fn from(text: Cow<'static, str>) -> Self {
        Self(text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_escaped_when_read_and_texts_are_unchanged() {
        let json = r#""a\u001b[2J ::b\u202e ##vso[c""#;
        let word: Word = serde_json::from_str(json).expect("a word");
        assert_eq!(word.as_str(), "a\\x1b[2J \\x3a:b\\xe2\\x80\\xae #\\x23vso[c");
        let again: Word = serde_json::from_str(&serde_json::to_string(&word).expect("JSON")).expect("a word");
        assert_eq!(again, word, "escaped once");
        let text: Text = serde_json::from_str(json).expect("a text");
        assert_eq!(text.as_str(), "a\u{1b}[2J ::b\u{202e} ##vso[c");
    }
}
