//! `asar` archives of Electron applications.
//!
//! Two Pickle frames of Chromium around a JSON header, then the content of the files, one behind the other. A file that
//! is marked as unpacked lies beside the archive; it is a file of its own.

use std::fmt;
use std::ops::ControlFlow;

use scanner_core::error::{Malformed, Reason};
use scanner_core::random::Cursor;
use scanner_core::seam::{About, Container, Inside, Magic, Member, Reader, Unopenable};
use serde::de::{DeserializeSeed, Deserializer, Error as _, IgnoredAny, MapAccess, SeqAccess, Visitor};

use super::folders::MOST_PATH;
use crate::read::stored::{Exactly, held, le32};

/// `asar` archives.
#[derive(Debug)]
pub(crate) struct Asar;

static ABOUT: About = About {
    id: "asar",
    title: "Electron asar archive",
    detects: "Files in the asar archives of Electron applications.",
    blind_to: "A header of more than 32 MiB. Files that are marked as unpacked lie beside the archive and are read there.",
    respond: "An application is on the machine of everyone who installed it: replace the key, then the application.",
    references: &["electron/asar README, Format", "Chromium base/pickle.h"],
};

/// Where the JSON begins: size of the frame, length of the header, length of its frame, length of the text.
const JSON: u64 = 16;

/// Most bytes of the header that are parsed. That of an application with 100,000 files has some 15 MB.
const MOST_HEADER: u64 = 32 << 20;

impl Container for Asar {
    fn about(&self) -> &'static About {
        &ABOUT
    }

    fn magics(&self) -> &'static [Magic] {
        &[Magic { at: JSON as usize, bytes: b"{\"files\":" }]
    }

    fn reader(&self) -> Reader {
        Reader::AnyPlace(|bytes, inside| read(&bytes, inside))
    }
}

fn read(bytes: &Cursor, inside: &mut dyn Inside) -> Result<(), Unopenable> {
    let start = held(bytes, 0, JSON, JSON).ok_or(Malformed::new("asar header", 0))?;
    let word = |at| le32(&start, at).map(u64::from).ok_or(Malformed::new("asar header", at));
    let (frame, header, text) = (word(0)?, word(4)?, word(12)?);
    if frame != 4 || text + 8 > header || header > bytes.size() {
        return Err(Malformed::new("asar header", 0).into());
    }
    let most = MOST_HEADER.min(inside.memory());
    if text > most {
        return Err(Reason::TooLarge.into());
    }
    let text = held(bytes, JSON, text, most).ok_or(Malformed::new("asar header", JSON as usize))?;
    // The text is held while its files are read. Of the tree that it is, one path is.
    inside.holds(text.len() as u64)?;
    let mut walk = Walk { bytes, inside, content: 8 + header, path: String::new(), any: false, stopped: false };
    // No deeper than 128, which is what serde_json lets through.
    let root = Visit { walk: &mut walk, object: Object::Node };
    match root.deserialize(&mut serde_json::Deserializer::from_slice(&text)) {
        Ok(_) => Ok(()),
        Err(_) if walk.stopped => Ok(()),
        Err(_) if walk.any => {
            walk.inside.unread(Member { name: b"", at: JSON }, Reason::Damaged, "header");
            Ok(())
        }
        Err(_) => Err(Malformed::new("asar header", JSON as usize).into()),
    }
}

/// The walk over the header.
struct Walk<'a> {
    bytes: &'a Cursor,
    inside: &'a mut dyn Inside,
    /// Where the content of the first file begins.
    content: u64,
    /// Of the file or folder at hand.
    path: String,
    /// Whether a file was handed on.
    any: bool,
    /// Whether the run wants no more.
    stopped: bool,
}

impl Walk<'_> {
    /// Hands on a file. The offset is a text, because the numbers of JavaScript are too small. What has none is a link, is
    /// empty or lies beside the archive.
    fn file(&mut self, size: Option<u64>, offset: Option<String>) -> ControlFlow<()> {
        let (Some(size), Some(offset)) = (size.filter(|&size| size > 0), offset.and_then(|text| text.parse().ok()))
        else {
            return ControlFlow::Continue(());
        };
        self.any = true;
        let at = self.content.saturating_add(offset);
        if self.path.len() > MOST_PATH {
            self.inside.unread(Member { name: b"", at }, Reason::TooDeep, "path");
            return ControlFlow::Continue(());
        }
        let mut content = Exactly::new(self.bytes.part(at, size), size);
        self.inside.member(Member { name: self.path.as_bytes(), at }, &mut content)
    }
}

/// What an object is by its place.
#[derive(Clone, Copy)]
enum Object {
    /// A file or a folder: it has `size` and `offset`, or `files`.
    Node,
    /// The value of `files`: names and nodes.
    Files,
    Other,
}

/// Visits a value.
struct Visit<'w, 'a> {
    walk: &'w mut Walk<'a>,
    object: Object,
}

/// What of a value matters to the one around it.
enum Scalar {
    Number(u64),
    Text(String),
    Other,
}

impl<'de> DeserializeSeed<'de> for Visit<'_, '_> {
    type Value = Scalar;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Scalar, D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Visit<'_, '_> {
    type Value = Scalar;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("any value")
    }

    fn visit_bool<E>(self, _: bool) -> Result<Scalar, E> {
        Ok(Scalar::Other)
    }

    fn visit_i64<E>(self, _: i64) -> Result<Scalar, E> {
        Ok(Scalar::Other)
    }

    fn visit_u64<E>(self, number: u64) -> Result<Scalar, E> {
        Ok(Scalar::Number(number))
    }

    fn visit_f64<E>(self, _: f64) -> Result<Scalar, E> {
        Ok(Scalar::Other)
    }

    fn visit_str<E>(self, text: &str) -> Result<Scalar, E> {
        Ok(Scalar::Text(text.to_owned()))
    }

    fn visit_unit<E>(self) -> Result<Scalar, E> {
        Ok(Scalar::Other)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Scalar, A::Error> {
        while items.next_element::<IgnoredAny>()?.is_some() {}
        Ok(Scalar::Other)
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Scalar, A::Error> {
        let (mut size, mut offset) = (None, None);
        let around = self.walk.path.len();
        while let Some(name) = map.next_key::<String>()? {
            let mut visit = |object| map.next_value_seed(Visit { walk: &mut *self.walk, object });
            match (self.object, name.as_str()) {
                (Object::Node, "files") => drop(visit(Object::Files)?),
                (Object::Node, "size") => {
                    if let Scalar::Number(number) = visit(Object::Other)? {
                        size = Some(number);
                    }
                }
                (Object::Node, "offset") => {
                    if let Scalar::Text(text) = visit(Object::Other)? {
                        offset = Some(text);
                    }
                }
                (Object::Files, name) => {
                    let path = &mut self.walk.path;
                    if !path.is_empty() {
                        path.push('/');
                    }
                    path.push_str(name);
                    map.next_value_seed(Visit { walk: &mut *self.walk, object: Object::Node })?;
                    self.walk.path.truncate(around);
                }
                (Object::Node | Object::Other, _) => map.next_value::<IgnoredAny>().map(drop)?,
            }
        }
        if self.walk.file(size, offset).is_break() {
            self.walk.stopped = true;
            return Err(A::Error::custom("no more is wanted"));
        }
        Ok(Scalar::Other)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::read::stored::collect::{open, torture};

    fn archive(header: &str, content: &str) -> Vec<u8> {
        let length = header.len() as u32;
        let padded = length.next_multiple_of(4);
        let words = [4, padded + 8, padded + 4, length];
        let mut bytes: Vec<u8> = words.iter().flat_map(|word| word.to_le_bytes()).collect();
        bytes.extend(header.as_bytes());
        bytes.resize(16 + padded as usize, 0);
        bytes.extend(content.as_bytes());
        bytes
    }

    #[test]
    fn files_of_every_kind() {
        let header = r#"{"files":{"a.js":{"size":3,"offset":"0"},"keys":{"files":{"key.pem":{"size":4,"offset":"3"}}},
            "empty":{"size":0,"offset":"0"},"link":{"link":"a.js"},"beside":{"size":9,"unpacked":true},
            "cut":{"size":40,"offset":"5"}}}"#;
        let bytes = archive(header, "js!key!");
        let seen = open(&Asar, &bytes).unwrap();
        assert_eq!(seen.names(), ["a.js", "keys/key.pem", "cut"]);
        assert_eq!(seen.content("keys/key.pem"), Some(&b"key!"[..]));
        assert_eq!(seen.unread.len(), 1, "only what is cut off");
        torture(&Asar, &bytes, 5);
    }

    #[test]
    fn what_only_looks_like_one_is_none() {
        assert!(open(&Asar, b"sixteen bytes...{\"files\":{}}").is_none());
        assert!(open(&Asar, &archive("{\"files\":", "")).is_none());
        let deep = "{\"files\":{\"a\":".repeat(5000);
        assert!(open(&Asar, &archive(&deep, "")).is_none(), "nested beyond reason");
    }
}
