//! `asar` archives of Electron applications.
//!
//! Two Chromium Pickle frames around a JSON header, then the contents of the files in sequence. Files marked as
//! unpacked are next to the archive, as files of their own.

use std::fmt;
use std::ops::ControlFlow;

use keyradius_core::error::{Malformed, Reason};
use keyradius_core::read_at::Cursor;
use keyradius_core::seam::{About, Container, Inside, Magic, Member, Reader, Unopenable};
use keyradius_readers::stored::{Exactly, held, le32};
use serde::de::{DeserializeSeed, Deserializer, Error as _, IgnoredAny, MapAccess, SeqAccess, Visitor};

use super::folders::MOST_PATH;

/// `asar` archives.
#[derive(Debug)]
pub(crate) struct Asar;

static ABOUT: About = About {
    id: "asar",
    title: "Electron asar archive",
    detects: "Files in the asar archives of Electron applications.",
    blind_to: "A header of more than 32 MiB. Files marked as unpacked are next to the archive and are read there.",
    respond: "An application is on the machine of everyone who installed it: replace the key, then the application.",
    references: &["electron/asar README, Format", "Chromium base/pickle.h"],
};

/// Maximum length of a header that is parsed, in bytes. The header of an application with 100,000 files has some 15 MB.
const MOST_HEADER: u64 = 32 << 20;

/// Length of the frame that contains the length of the header, in bytes.
const SIZES: u64 = 8;

impl Container for Asar {
    fn about(&self) -> &'static About {
        &ABOUT
    }

    fn magics(&self) -> &'static [Magic] {
        // The first frame is one number. The rest must be consistent with it.
        &[Magic { at: 0, bytes: &[4, 0, 0, 0] }]
    }

    fn claims(&self, start: &[u8]) -> bool {
        let Some(frames) = Frames::read(start) else { return false };
        let json = usize::try_from(frames.json).ok().and_then(|at| start.get(at..)).unwrap_or_default();
        json.trim_ascii_start().starts_with(b"{")
    }

    fn reader(&self) -> Reader {
        Reader::AnyPlace(|bytes, inside| read(&bytes, inside))
    }
}

/// The Pickle frames around the header.
struct Frames {
    /// Offset of the JSON.
    json: u64,
    /// Length of the JSON, in bytes.
    text: u64,
    /// Offset of the content of the first file.
    content: u64,
}

impl Frames {
    /// Reads the frames. `None` if they are inconsistent. A frame begins with the length of its payload. The length of
    /// its own header follows from that, and may differ from what Electron writes.
    fn read(start: &[u8]) -> Option<Self> {
        let word = |at: u64| le32(start, usize::try_from(at).ok()?).map(u64::from);
        let (first, header, payload) = (word(0)?, word(4)?, word(SIZES)?);
        let own =
            header.checked_sub(payload).filter(|own| first == 4 && own % 4 == 0 && (4..=MOST_OWN).contains(own))?;
        let text = word(SIZES + own)?;
        let json = SIZES + own + 4;
        (text + 4 <= payload).then_some(Self { json, text, content: SIZES + header })
    }
}

/// Maximum length of the header of a frame, in bytes. Electron writes four.
const MOST_OWN: u64 = 64;

fn read(bytes: &Cursor, inside: &mut dyn Inside) -> Result<(), Unopenable> {
    let mut start = [0; (SIZES + MOST_OWN + 4) as usize];
    let there = bytes.read_from(0, &mut start).map_err(|_| Malformed::new("asar header", 0))?;
    let frames = Frames::read(start.get(..there).unwrap_or_default()).filter(|frames| frames.content <= bytes.size());
    let frames = frames.ok_or(Malformed::new("asar header", 0))?;
    let most = MOST_HEADER.min(inside.memory());
    if frames.text > most {
        return Err(Reason::TooLarge.into());
    }
    let text = held(bytes, frames.json, frames.text, most).ok_or(Malformed::new("asar header", 0))?;
    // The text stays in memory while the files are read. Of the parsed tree only one path is kept.
    inside.holds(text.len() as u64)?;
    let content = frames.content;
    let mut walk = Walk { bytes, inside, content, path: String::new(), any: false, stopped: false };
    // serde_json limits the depth to 128. Invalid UTF-8 is replaced, as in Node.js.
    let text = String::from_utf8_lossy(&text);
    let root = Visit { walk: &mut walk, object: Object::Node };
    match root.deserialize(&mut serde_json::Deserializer::from_str(&text)) {
        Ok(_) => Ok(()),
        Err(_) if walk.stopped => Ok(()),
        Err(_) if walk.any => {
            walk.inside.unread(Member { name: b"", at: frames.json }, Reason::Damaged, "header");
            Ok(())
        }
        Err(_) => Err(Unopenable::Closed(Reason::Damaged, "header")),
    }
}

/// The walk over the header.
struct Walk<'a> {
    bytes: &'a Cursor,
    inside: &'a mut dyn Inside,
    /// Offset of the content of the first file.
    content: u64,
    /// Path of the current file or folder.
    path: String,
    /// Whether a file was handed out.
    any: bool,
    /// Whether the run wants no more members.
    stopped: bool,
}

impl Walk<'_> {
    /// Hands out a file. The offset is text, because JavaScript numbers are not precise enough, and is parsed like
    /// `parseInt`. Nodes without an offset are links, empty, or next to the archive.
    fn file(&mut self, size: &Scalar, offset: &Scalar, elsewhere: bool) -> ControlFlow<()> {
        let bytes = match size {
            Scalar::Number(size) => Some(*size),
            Scalar::None => Some(0),
            Scalar::Text(_) | Scalar::Other => None,
        };
        let offset = match offset {
            Scalar::Number(offset) => Some(*offset),
            Scalar::Text(text) => parse_int(text),
            Scalar::None | Scalar::Other => None,
        };
        if bytes == Some(0) || elsewhere && offset.is_none() {
            return ControlFlow::Continue(());
        }
        self.any = true;
        let Some((size, offset)) = bytes.zip(offset) else {
            let member = Member { name: self.path.as_bytes(), at: 0 };
            self.inside.unread(member, Reason::Damaged, "size and offset");
            return ControlFlow::Continue(());
        };
        let at = self.content.saturating_add(offset);
        if self.path.len() > MOST_PATH {
            self.inside.unread(Member { name: b"", at }, Reason::TooDeep, "path");
            return ControlFlow::Continue(());
        }
        let mut content = Exactly::new(self.bytes.part(at, size), size);
        self.inside.member(Member { name: self.path.as_bytes(), at }, &mut content)
    }
}

/// Parses a number like JavaScript's `parseInt`: after blanks, hexadecimal after `0x`, and up to the first other
/// character.
fn parse_int(text: &str) -> Option<u64> {
    let text = text.trim_start();
    let text = text.strip_prefix('+').unwrap_or(text);
    let (digits, base) = match text.get(..2) {
        Some("0x" | "0X") => (text.get(2..)?, 16),
        _ => (text, 10),
    };
    let mut values = digits.chars().map_while(|digit| digit.to_digit(base)).peekable();
    values.peek()?;
    values.try_fold(0_u64, |number, digit| number.checked_mul(base.into())?.checked_add(digit.into()))
}

/// The meaning of an object, which depends on its position.
#[derive(Clone, Copy)]
enum Object {
    /// A file or a folder, with `size` and `offset`, or `files`.
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

/// The parts of a value that its parent needs.
enum Scalar {
    /// Absent or null.
    None,
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

    #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "JavaScript has no other numbers")]
    fn visit_f64<E>(self, number: f64) -> Result<Scalar, E> {
        Ok(if number >= 0.0 { Scalar::Number(number as u64) } else { Scalar::Other })
    }

    fn visit_str<E>(self, text: &str) -> Result<Scalar, E> {
        Ok(Scalar::Text(text.to_owned()))
    }

    fn visit_unit<E>(self) -> Result<Scalar, E> {
        Ok(Scalar::None)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Scalar, A::Error> {
        while items.next_element::<IgnoredAny>()?.is_some() {}
        Ok(Scalar::Other)
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Scalar, A::Error> {
        let (mut size, mut offset, mut elsewhere) = (Scalar::None, Scalar::None, false);
        let around = self.walk.path.len();
        while let Some(name) = map.next_key::<String>()? {
            let mut visit = |object| map.next_value_seed(Visit { walk: &mut *self.walk, object });
            match (self.object, name.as_str()) {
                (Object::Node, "files") => drop(visit(Object::Files)?),
                // Of duplicate keys the last one counts.
                (Object::Node, "size") => size = visit(Object::Other)?,
                (Object::Node, "offset") => offset = visit(Object::Other)?,
                (Object::Node, "link" | "unpacked") => elsewhere |= !matches!(visit(Object::Other)?, Scalar::None),
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
        if self.walk.file(&size, &offset, elsewhere).is_break() {
            self.walk.stopped = true;
            return Err(A::Error::custom("no more is wanted"));
        }
        Ok(Scalar::Other)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::collect::{open, torture};

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
        assert_eq!(seen.unread.len(), 1, "only the truncated file");
        torture(&Asar, &bytes, 5);
    }

    #[test]
    fn json_is_read_as_in_node() {
        for header in [
            r#"{"files":{"k":{"size":4,"offset":"3"}}}"#,
            r#" {"files":{"k":{"size":4,"offset":"3"}}}"#,
            r#"{"x":[1,{}],"files":{"k":{"size":4,"offset":"3"}}}"#,
            r#"{"f\u0069les":{"k":{"\u0073ize":4,"offset":"3"}}}"#,
            r#"{"files":{"k":{"size":4.0,"offset":3}}}"#,
            r#"{"files":{"k":{"size":4e0,"offset":" 0x3"}}}"#,
            r#"{"files":{"k":{"size":9,"size":4,"offset":"+3 bytes"}}}"#,
        ] {
            let seen = open(&Asar, &archive(header, "js!key!")).unwrap();
            assert_eq!((seen.content("k"), seen.unread.len()), (Some(&b"key!"[..]), 0), "{header}");
        }
        let mut longer = archive(r#"{"files":{"k":{"size":4,"offset":"0"}}}"#, "key!");
        // A second frame with a header of eight bytes.
        longer[4] += 4;
        longer.splice(12..12, [0; 4]);
        assert_eq!(open(&Asar, &longer).unwrap().content("k"), Some(&b"key!"[..]));
    }

    #[test]
    fn invalid_headers_are_reported() {
        let deep = format!("{}{}", "{\"files\":{\"a\":".repeat(5000), "}}".repeat(5000));
        for header in [
            "{\"files\":",
            &deep,
            r#"{"files":{"k":{"size":"4","offset":"3"}}}"#,
            r#"{"files":{"k":{"size":4,"offset":"three"}}}"#,
            r#"{"files":{"k":{"size":4,"offset":-3}}}"#,
            r#"{"files":{"k":{"size":4}}}"#,
        ] {
            let seen = open(&Asar, &archive(header, "js!key!")).unwrap();
            assert_eq!((seen.names().len(), seen.reasons()), (0, vec![Reason::Damaged]), "{header:.80}");
        }
    }

    #[test]
    fn lookalikes_are_not_opened() {
        assert!(open(&Asar, b"sixteen bytes...{\"files\":{}}").is_none());
        let mut bytes = archive(r#"{"files":{}}"#, "");
        for (at, value) in [(0, 5), (4, 2), (12, 200), (16, b'[')] {
            let before = std::mem::replace(&mut bytes[at], value);
            assert!(open(&Asar, &bytes).is_none(), "{at}");
            bytes[at] = before;
        }
        assert!(open(&Asar, &bytes).is_some());
    }
}
