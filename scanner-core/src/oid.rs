//! Object ids: SHA-1 or SHA-256 of kind, size and content.

use std::fmt;
use std::io::{self, Read};

use serde::de::Error;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use sha1::Digest;

/// The hash algorithm of a repository's object ids (`extensions.objectFormat`).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Format {
    /// 20 bytes.
    Sha1,
    /// 32 bytes.
    Sha256,
}

impl Format {
    /// The length of an id in bytes.
    pub const fn bytes(self) -> usize {
        match self {
            Self::Sha1 => 20,
            Self::Sha256 => 32,
        }
    }

    /// The name that git uses.
    pub const fn id(self) -> &'static str {
        match self {
            Self::Sha1 => "sha1",
            Self::Sha256 => "sha256",
        }
    }
}

/// The kind of an object. The numbers are those of a pack entry (gitformat-pack, "object types").
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    /// 1
    Commit = 1,
    /// 2
    Tree = 2,
    /// 3
    Blob = 3,
    /// 4
    Tag = 4,
}

impl Kind {
    /// The name that git uses.
    pub const fn id(self) -> &'static str {
        match self {
            Self::Commit => "commit",
            Self::Tree => "tree",
            Self::Blob => "blob",
            Self::Tag => "tag",
        }
    }

    /// The kind with this name in git.
    pub fn from_id(word: &[u8]) -> Option<Self> {
        [Self::Commit, Self::Tree, Self::Blob, Self::Tag].into_iter().find(|kind| kind.id().as_bytes() == word)
    }
}

/// The id of an object.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ObjectId {
    bytes: [u8; 32],
    format: Format,
}

impl Serialize for ObjectId {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        to.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for ObjectId {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        let digits = String::deserialize(from)?;
        let of = |format| Self::from_hex(format, digits.as_bytes());
        let id = of(Format::Sha1).or_else(|| of(Format::Sha256));
        id.ok_or_else(|| D::Error::custom("expected an object id: 40 or 64 hexadecimal digits"))
    }
}

impl ObjectId {
    /// Makes an id from its bytes; `None` if their number is not that of the format.
    pub fn new(format: Format, raw: &[u8]) -> Option<Self> {
        let mut bytes = [0; 32];
        bytes.get_mut(..format.bytes()).filter(|to| to.len() == raw.len())?.copy_from_slice(raw);
        Some(Self { bytes, format })
    }

    /// Computes the id of an object of this kind and size from a stream of its content.
    pub fn of_stream(format: Format, kind: Kind, size: u64, content: &mut dyn Read) -> io::Result<Self> {
        let (mut sha1, mut sha256) = (sha1::Sha1::new(), sha2::Sha256::new());
        let mut update = |bytes: &[u8]| match format {
            Format::Sha1 => sha1.update(bytes),
            Format::Sha256 => sha256.update(bytes),
        };
        update(format!("{} {size}\0", kind.id()).as_bytes());
        let mut chunk = vec![0; 64 << 10];
        loop {
            match content.read(&mut chunk)? {
                0 => break,
                read => update(chunk.get(..read).unwrap_or_default()),
            }
        }
        let mut bytes = [0; 32];
        match format {
            Format::Sha1 => bytes.iter_mut().zip(sha1.finalize()).for_each(|(to, from)| *to = from),
            Format::Sha256 => bytes.iter_mut().zip(sha256.finalize()).for_each(|(to, from)| *to = from),
        }
        Ok(Self { bytes, format })
    }

    /// Parses the hexadecimal digits of a whole id.
    pub fn from_hex(format: Format, hex: &[u8]) -> Option<Self> {
        if hex.len() != format.bytes() * 2 {
            return None;
        }
        let mut bytes = [0; 32];
        for (byte, pair) in bytes.iter_mut().zip(hex.chunks_exact(2)) {
            let [high, low] = pair else { return None };
            *byte = nibble(*high)? << 4 | nibble(*low)?;
        }
        Some(Self { bytes, format })
    }

    /// Computes the id of an object from its content.
    pub fn of(format: Format, kind: Kind, content: &[u8]) -> Self {
        let header = format!("{} {}\0", kind.id(), content.len());
        let mut bytes = [0; 32];
        match format {
            Format::Sha1 => {
                let digest = sha1::Sha1::new().chain_update(&header).chain_update(content).finalize();
                bytes.iter_mut().zip(digest).for_each(|(to, from)| *to = from);
            }
            Format::Sha256 => {
                let digest = sha2::Sha256::new().chain_update(&header).chain_update(content).finalize();
                bytes.iter_mut().zip(digest).for_each(|(to, from)| *to = from);
            }
        }
        Self { bytes, format }
    }

    /// The hash algorithm.
    pub const fn format(&self) -> Format {
        self.format
    }

    /// The bytes of the id.
    pub fn raw(&self) -> &[u8] {
        self.bytes.get(..self.format.bytes()).unwrap_or_default()
    }

    /// The first eight bytes as a number: enough to distinguish the objects of a repository, and small enough for
    /// tables over millions of objects. Reported objects are looked up by their whole ids.
    pub fn key(&self) -> u64 {
        let [a, b, c, d, e, f, g, h, ..] = self.bytes;
        u64::from_be_bytes([a, b, c, d, e, f, g, h])
    }

    /// Whether all bytes are zero: git's way to say "none".
    pub fn is_null(&self) -> bool {
        self.raw().iter().all(|byte| *byte == 0)
    }

    /// The first twelve digits.
    pub fn short(&self) -> String {
        self.to_string().chars().take(12).collect()
    }
}

const fn nibble(digit: u8) -> Option<u8> {
    match digit {
        b'0'..=b'9' => Some(digit - b'0'),
        b'a'..=b'f' => Some(digit - b'a' + 10),
        b'A'..=b'F' => Some(digit - b'A' + 10),
        _ => None,
    }
}

impl fmt::Display for ObjectId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.raw().iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl fmt::Debug for ObjectId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_match_those_of_git() {
        // `git hash-object --stdin < /dev/null`, in a repository of each format.
        for (format, name) in [
            (Format::Sha1, "e69de29bb2d1d6434b8b29ae775ad8c2e48c5391"),
            (Format::Sha256, "473a0f4c3be8a93681a267e3b1e9a7dcda1185436fe141f7749120a303721813"),
        ] {
            let id = ObjectId::of(format, Kind::Blob, b"");
            assert_eq!(id.to_string(), name);
            assert_eq!(ObjectId::from_hex(format, name.as_bytes()), Some(id));
            assert_eq!(ObjectId::new(format, id.raw()), Some(id));
            assert_eq!(ObjectId::from_hex(format, &name.as_bytes()[1..]), None);
        }
    }

    #[test]
    fn ids_are_complete_and_hexadecimal() {
        let digits = "00112233445566778899aabbccddeeff01234567";
        let id = ObjectId::from_hex(Format::Sha1, digits.as_bytes()).unwrap();
        assert_eq!(ObjectId::from_hex(Format::Sha1, digits.to_uppercase().as_bytes()), Some(id));
        assert_eq!(
            (id.to_string(), id.short(), format!("{id:?}")),
            (digits.into(), digits[..12].into(), digits.into())
        );
        assert_eq!((id.key(), id.raw().len(), id.format()), (0x0011_2233_4455_6677, 20, Format::Sha1));
        for wrong in ["/", ":", "@", "G", "`", "g", " "] {
            for at in [0, 39] {
                let mut text = digits.to_owned();
                text.replace_range(at..=at, wrong);
                assert_eq!(ObjectId::from_hex(Format::Sha1, text.as_bytes()), None, "{text}");
            }
        }
        for (format, bytes) in [(Format::Sha1, 20), (Format::Sha256, 32)] {
            assert_eq!(format.bytes(), bytes);
            assert!(ObjectId::from_hex(format, &vec![b'0'; bytes * 2]).unwrap().is_null());
            let mut last = vec![0; bytes];
            *last.last_mut().unwrap() = 1;
            assert!(!ObjectId::new(format, &last).unwrap().is_null());
            for other in [0, bytes - 1, bytes + 1] {
                assert_eq!(ObjectId::new(format, &vec![0; other]), None);
                assert_eq!(ObjectId::from_hex(format, &vec![b'0'; other * 2]), None);
            }
        }
        assert_eq!((Format::Sha1.id(), Format::Sha256.id()), ("sha1", "sha256"));
    }

    #[test]
    fn kinds_use_the_names_and_numbers_of_git() {
        for (kind, word, number) in
            [(Kind::Commit, "commit", 1), (Kind::Tree, "tree", 2), (Kind::Blob, "blob", 3), (Kind::Tag, "tag", 4)]
        {
            assert_eq!((kind.id(), kind as u8, Kind::from_id(word.as_bytes())), (word, number, Some(kind)));
        }
        assert_eq!((Kind::from_id(b"Blob"), Kind::from_id(b""), Kind::from_id(b"blobs")), (None, None, None));
    }
}
