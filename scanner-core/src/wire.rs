//! How facts are serialised: digests as hexadecimal digits, paths without loss, identifiers of this program interned.
//!
//! The input may come from anybody. A word is short and printable ASCII, and the number of distinct words is bounded;
//! the reader of the enclosing record bounds the length of everything else.

#![allow(clippy::wildcard_imports, reason = "each module is a pair of functions that use these imports")]
#![allow(clippy::ref_option, clippy::ref_option_ref, reason = "serde hands out references to fields")]

use std::path::PathBuf;

use crate::hex::{hex as hex_of, unhex};
use serde::de::Error;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// Bytes as hexadecimal digits, lower case.
pub(crate) mod hex {
    use super::*;

    pub(crate) fn serialize<S: Serializer>(bytes: impl AsRef<[u8]>, to: S) -> Result<S::Ok, S::Error> {
        hex_of(bytes.as_ref()).serialize(to)
    }

    pub(crate) fn deserialize<'de, D: Deserializer<'de>, T: TryFrom<Vec<u8>>>(from: D) -> Result<T, D::Error> {
        let text = String::deserialize(from)?;
        let bytes = bytes(&text).ok_or_else(|| D::Error::custom("hexadecimal digits expected"))?;
        let length = bytes.len();
        T::try_from(bytes).map_err(|_| D::Error::custom(format!("unexpected length: {length} bytes")))
    }
}

/// Optional bytes as hexadecimal digits.
pub(crate) mod optional_hex {
    use super::*;

    pub(crate) fn serialize<S: Serializer>(bytes: &Option<Vec<u8>>, to: S) -> Result<S::Ok, S::Error> {
        bytes.as_deref().map(hex_of).serialize(to)
    }

    pub(crate) fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<Option<Vec<u8>>, D::Error> {
        let text = Option::<String>::deserialize(from)?;
        let read = |text: String| bytes(&text).ok_or_else(|| D::Error::custom("hexadecimal digits expected"));
        text.map(read).transpose()
    }
}

/// A list of digests.
pub(crate) mod digests {
    use super::*;

    pub(crate) fn serialize<S: Serializer>(list: &[[u8; 32]], to: S) -> Result<S::Ok, S::Error> {
        to.collect_seq(list.iter().map(|digest| hex_of(digest)))
    }

    pub(crate) fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<Vec<[u8; 32]>, D::Error> {
        let digest = |text: String| bytes(&text).and_then(|bytes| bytes.try_into().ok());
        let list: Option<Vec<_>> = Vec::<String>::deserialize(from)?.into_iter().map(digest).collect();
        list.ok_or_else(|| D::Error::custom("digests of 32 bytes expected"))
    }
}

/// A path: text if it is UTF-8, else its bytes.
#[derive(Serialize, Deserialize)]
#[serde(untagged)]
enum Written {
    Text(String),
    Bytes { hex: String },
}

impl Written {
    fn of(path: &std::path::Path) -> Self {
        match path.to_str() {
            Some(text) => Self::Text(text.to_owned()),
            None => Self::Bytes { hex: hex_of(path.as_os_str().as_encoded_bytes()) },
        }
    }

    fn path<E: Error>(self) -> Result<PathBuf, E> {
        match self {
            Self::Text(text) => Ok(text.into()),
            Self::Bytes { hex } => {
                let bytes = unhex(&hex)
                    .map(|bytes| bytes.to_vec())
                    .ok_or_else(|| E::custom("a path in hexadecimal digits expected"))?;
                os_path(bytes).ok_or_else(|| E::custom("a path that this operating system cannot represent"))
            }
        }
    }
}

#[cfg(unix)]
fn os_path(bytes: Vec<u8>) -> Option<PathBuf> {
    use std::os::unix::ffi::OsStringExt;
    Some(std::ffi::OsString::from_vec(bytes).into())
}

#[cfg(not(unix))]
fn os_path(bytes: Vec<u8>) -> Option<PathBuf> {
    String::from_utf8(bytes).ok().map(Into::into)
}

/// A path.
pub(crate) mod path {
    use super::*;

    pub(crate) fn serialize<S: Serializer>(path: &std::path::Path, to: S) -> Result<S::Ok, S::Error> {
        Written::of(path).serialize(to)
    }

    pub(crate) fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<PathBuf, D::Error> {
        Written::deserialize(from)?.path()
    }
}

/// An optional path.
pub(crate) mod optional_path {
    use super::*;

    pub(crate) fn serialize<S: Serializer>(path: &Option<PathBuf>, to: S) -> Result<S::Ok, S::Error> {
        path.as_deref().map(Written::of).serialize(to)
    }

    pub(crate) fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<Option<PathBuf>, D::Error> {
        Option::<Written>::deserialize(from)?.map(Written::path).transpose()
    }
}

/// An identifier of this program: the id of a format, the name of an algorithm.
pub(crate) mod word {
    use std::collections::BTreeSet;
    use std::sync::{Mutex, PoisonError};

    use super::*;

    /// Longest word, in bytes: three times the longest in use.
    const LONGEST: usize = 100;

    /// Maximum number of distinct words that are kept: about three hundred are in use.
    const MOST: usize = 4096;

    pub(crate) fn serialize<S: Serializer>(word: &str, to: S) -> Result<S::Ok, S::Error> {
        to.serialize_str(word)
    }

    pub(crate) fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<&'static str, D::Error> {
        let text = String::deserialize(from)?;
        kept(text).ok_or_else(|| D::Error::custom("not an identifier that keyradius writes, or too many of them"))
    }

    /// Interns a word for the life of the process.
    pub(super) fn kept(text: String) -> Option<&'static str> {
        static WORDS: Mutex<BTreeSet<&'static str>> = Mutex::new(BTreeSet::new());
        let is_plain = |byte: u8| byte == b' ' || byte.is_ascii_graphic();
        if text.len() > LONGEST || !text.bytes().all(is_plain) {
            return None;
        }
        let mut words = WORDS.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(word) = words.get(text.as_str()) {
            return Some(word);
        }
        if words.len() >= MOST {
            return None;
        }
        let word: &'static str = Box::leak(text.into_boxed_str());
        words.insert(word);
        Some(word)
    }
}

/// An optional word.
pub(crate) mod optional_word {
    use super::*;

    pub(crate) fn serialize<S: Serializer>(word: &Option<&'static str>, to: S) -> Result<S::Ok, S::Error> {
        word.serialize(to)
    }

    pub(crate) fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<Option<&'static str>, D::Error> {
        let text = Option::<String>::deserialize(from)?;
        let read = |text| word::kept(text).ok_or_else(|| D::Error::custom("not an identifier that keyradius writes"));
        text.map(read).transpose()
    }
}

/// Counts by word.
pub(crate) mod counts {
    use std::collections::BTreeMap;

    use super::*;

    pub(crate) fn serialize<S: Serializer>(counts: &BTreeMap<&'static str, u64>, to: S) -> Result<S::Ok, S::Error> {
        to.collect_map(counts)
    }

    pub(crate) fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<BTreeMap<&'static str, u64>, D::Error> {
        let counts = BTreeMap::<String, u64>::deserialize(from)?;
        let kept: Option<_> = counts.into_iter().map(|(text, count)| Some((word::kept(text)?, count))).collect();
        kept.ok_or_else(|| D::Error::custom("not an identifier that keyradius writes"))
    }
}

fn bytes(digits: &str) -> Option<Vec<u8>> {
    unhex(digits).map(|bytes| bytes.to_vec())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(PartialEq, Eq, Debug, Serialize, Deserialize)]
    struct All {
        #[serde(with = "path")]
        path: PathBuf,
        #[serde(with = "hex")]
        digest: [u8; 3],
        #[serde(with = "word")]
        word: crate::material::Word,
    }

    fn read(text: &str) -> Result<All, String> {
        serde_json::from_str(text).map_err(|error| error.to_string())
    }

    #[cfg(unix)]
    #[test]
    fn facts_survive_a_round_trip() {
        use std::os::unix::ffi::OsStrExt;
        for path in [&b"a/b.pem"[..], b"a\xff\n", b"", b"{\"hex\":\"61\"}"] {
            let path = std::path::Path::new(std::ffi::OsStr::from_bytes(path)).to_owned();
            let all = All { path, digest: [0, 0xa5, 0xff], word: "PKCS#12" };
            let text = serde_json::to_string(&all).unwrap();
            assert_eq!(read(&text), Ok(all), "{text}");
        }
    }

    #[test]
    fn malformed_facts_are_refused() {
        for text in [
            r#"{"path":"a","digest":"0","word":"x"}"#,
            r#"{"path":"a","digest":"00","word":"x"}"#,
            r#"{"path":"a","digest":"0000zz","word":"x"}"#,
            r#"{"path":"a","digest":"000000","word":"\u001b[31m"}"#,
            r#"{"path":{"hex":"6"},"digest":"000000","word":"x"}"#,
        ] {
            assert!(read(text).is_err(), "{text}");
        }
        let long = format!(r#"{{"path":"a","digest":"000000","word":"{}"}}"#, "x".repeat(101));
        assert!(read(&long).is_err());
    }
}
