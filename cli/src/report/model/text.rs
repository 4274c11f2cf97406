//! The two kinds of text of a report.
//!
//! A report may be a file that anybody wrote. What keyradius words itself is a [`Word`]: a report that is read cannot put anything
//! into it that acts on a terminal or a build server. What comes from the input is a [`Text`]: kept as it is, so that nothing is lost,
//! and without `Display`, so that it cannot be printed but through `words::escape`.

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
    /// A word of this program.
    pub(crate) const fn of(word: &'static str) -> Self {
        Self(Cow::Borrowed(word))
    }

    pub(crate) fn as_str(&self) -> &str {
        &self.0
    }
}

impl<'de> Deserialize<'de> for Word {
    /// Escapes what no word of keyradius has in it.
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

/// Text of the input, as it is. Not safe to print.
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
    fn a_word_that_is_read_can_be_printed_and_a_text_is_kept() {
        let json = r#""a\u001b[2J ::b\u202e ##vso[c""#;
        let word: Word = serde_json::from_str(json).expect("a word");
        assert_eq!(word.as_str(), "a\\x1b[2J \\x3a:b\\xe2\\x80\\xae #\\x23vso[c");
        let again: Word = serde_json::from_str(&serde_json::to_string(&word).expect("JSON")).expect("a word");
        assert_eq!(again, word, "escaped once");
        let text: Text = serde_json::from_str(json).expect("a text");
        assert_eq!(text.as_str(), "a\u{1b}[2J ::b\u{202e} ##vso[c");
    }
}
