//! `asar` archives of Electron applications.
//!
//! Two Pickle frames of Chromium around a JSON header, then the content of the files, one behind the other. A file that
//! is marked as unpacked lies beside the archive; it is a file of its own.

use scanner_core::error::{Malformed, Reason};
use scanner_core::random::Cursor;
use scanner_core::seam::{About, Container, Inside, Magic, Member, Reader, Unopenable};
use serde_json::{Map, Value};

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
    let Ok(Value::Object(root)) = serde_json::from_slice(&text) else {
        return Err(Malformed::new("asar header", JSON as usize).into());
    };
    // No deeper than 128, which is what serde_json lets through.
    let mut folders = vec![(String::new(), &root)];
    while let Some((path, folder)) = folders.pop() {
        let Some(Value::Object(files)) = folder.get("files") else { continue };
        for (name, file) in files {
            let Value::Object(file) = file else { continue };
            let path = if path.is_empty() { name.clone() } else { format!("{path}/{name}") };
            if file.contains_key("files") {
                folders.push((path, file));
                continue;
            }
            let Some((offset, size)) = place(file) else { continue };
            let at = (8 + header).saturating_add(offset);
            let member = Member { name: path.as_bytes(), at };
            let mut content = Exactly::new(bytes.part(at, size), size);
            if inside.member(member, &mut content).is_break() {
                return Ok(());
            }
        }
    }
    Ok(())
}

/// Where a file lies behind the header, and its size. `None` for links, empty files and what lies beside the archive.
fn place(file: &Map<String, Value>) -> Option<(u64, u64)> {
    let size = file.get("size")?.as_u64().filter(|&size| size > 0)?;
    // A text, because the numbers of JavaScript are too small.
    let offset = file.get("offset")?.as_str()?.parse().ok()?;
    Some((offset, size))
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
        assert_eq!(seen.names(), ["a.js", "cut", "keys/key.pem"]);
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
