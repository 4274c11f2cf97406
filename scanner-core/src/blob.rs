//! A run of bytes and its origin.

use std::borrow::Cow;
use std::fmt;
use std::ops::Range;
use std::path::{Component, Path, PathBuf};

use serde::{Deserialize, Serialize};

use crate::material::{Mark, Material, Occurrence, Word};
use crate::oid::ObjectId;

/// Where a blob came from: a path, the git object if the blob comes from a history, then every wrapper that was opened
/// to reach the blob.
///
/// Its `Display` is a path a person can follow: `deploy.yaml!base64@0x40`, `deploy.yaml@3f2a91c04b1d!base64@0x40`
/// (`git cat-file -p 3f2a91c04b1d`).
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Origin {
    /// The file, or `-` for standard input. For a git object: its path in a tree, or the repository's directory as long
    /// as no path is known.
    #[serde(with = "crate::wire::path")]
    pub path: PathBuf,
    /// The git object; `None` for a file on disk.
    pub object: Option<ObjectId>,
    /// Wrappers from the outside in; empty for the file or object itself.
    pub wraps: Vec<Wrap>,
}

/// A path that serialises without loss, whatever its bytes.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct PlainPath(#[serde(with = "crate::wire::path")] pub PathBuf);

/// One wrapper that was opened.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Wrap {
    /// The unwrapper's or container's id, such as `base64` or `zip`.
    #[serde(with = "crate::wire::word")]
    pub kind: Word,
    /// Byte offset of the wrapped bytes in the enclosing blob.
    pub at: u64,
    /// The name that the container gives to the member; empty if it has none.
    #[serde(with = "crate::wire::path")]
    pub name: PathBuf,
    /// Whether the wrapper is a text encoding: lines are then counted in the text around it.
    pub text: bool,
}

impl Wrap {
    /// A text encoding.
    pub const fn text(kind: &'static str, at: u64) -> Self {
        Self { kind, at, name: PathBuf::new(), text: true }
    }

    /// A container member; `name` is empty if the member has none.
    pub const fn member(kind: &'static str, at: u64, name: PathBuf) -> Self {
        Self { kind, at, name, text: false }
    }
}

impl Origin {
    /// The origin of a plain file.
    pub fn file(path: impl Into<PathBuf>) -> Self {
        Self { path: path.into(), object: None, wraps: Vec::new() }
    }

    /// The origin of a git object.
    pub fn object(path: impl Into<PathBuf>, id: ObjectId) -> Self {
        Self { path: path.into(), object: Some(id), wraps: Vec::new() }
    }

    /// The path followed by the names of the members that lead to the blob, as if archives were directories:
    /// `app.apk/assets/release.jks`. Rules about paths thus apply inside archives too.
    pub fn location(&self) -> Cow<'_, Path> {
        let mut names = self.wraps.iter().map(|wrap| &wrap.name).filter(|name| !name.as_os_str().is_empty()).peekable();
        if names.peek().is_none() {
            return Cow::Borrowed(&self.path);
        }
        let mut path = self.path.clone();
        for name in names {
            // `push` of an absolute name would replace the whole path.
            path.extend(name.components().filter(|part| matches!(part, Component::Normal(_))));
        }
        Cow::Owned(path)
    }

    /// The file or member in which lines and offsets are counted: this origin without the text encodings at its end.
    #[must_use]
    pub fn outside_text(&self) -> Self {
        let kept = self.wraps.iter().rposition(|wrap| !wrap.text).map_or(0, |last| last + 1);
        let wraps = self.wraps.get(..kept).unwrap_or_default().to_vec();
        Self { path: self.path.clone(), object: self.object, wraps }
    }

    /// The origin of something inside this one.
    #[must_use]
    pub fn inside(&self, wrap: Wrap) -> Self {
        let mut wraps = self.wraps.clone();
        wraps.push(wrap);
        Self { path: self.path.clone(), object: self.object, wraps }
    }
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&printable_path(&self.path))?;
        if let Some(object) = &self.object {
            write!(f, "@{}", object.short())?;
        }
        for wrap in &self.wraps {
            match (wrap.name.as_os_str().is_empty(), wrap.at) {
                (false, _) => write!(f, "!{}", printable_path(&wrap.name))?,
                (true, 0) => write!(f, "!{}", wrap.kind)?,
                (true, at) => write!(f, "!{}@{at:#x}", wrap.kind)?,
            }
        }
        Ok(())
    }
}

/// Renders a path as text that is safe on a terminal, without loss: [deceptive](is_deceptive) characters and bytes that
/// are not UTF-8 become `\xNN`; a backslash followed by `x` becomes `\x5c`.
pub fn printable_path(path: &Path) -> String {
    let mut out = String::new();
    for chunk in path.as_os_str().as_encoded_bytes().utf8_chunks() {
        let mut chars = chunk.valid().chars().peekable();
        while let Some(c) = chars.next() {
            if c == '\\' && chars.peek() == Some(&'x') {
                out.push_str("\\x5c");
            } else if is_deceptive(c) {
                let mut utf8 = [0; 4];
                for byte in c.encode_utf8(&mut utf8).bytes() {
                    push_escape(&mut out, byte);
                }
            } else {
                out.push(c);
            }
        }
        for &byte in chunk.invalid() {
            push_escape(&mut out, byte);
        }
    }
    out
}

fn push_escape(out: &mut String, byte: u8) {
    use fmt::Write;
    // Writing to a String cannot fail.
    let _ = write!(out, "\\x{byte:02x}");
}

/// Whether a character can control a terminal or disguise text: control characters, and characters that reorder the
/// text around them (Unicode TR9), end a line, or are invisible (Unicode `Default_Ignorable_Code_Point`). Variation
/// selectors do not count: many harmless names contain them.
pub fn is_deceptive(c: char) -> bool {
    c.is_control()
        || matches!(c, '\u{61c}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}')
        || matches!(
            c,
            '\u{ad}' | '\u{34f}' | '\u{115f}' | '\u{1160}' | '\u{17b4}' | '\u{17b5}' | '\u{180b}'..='\u{180f}'
        )
        || matches!(c, '\u{3164}' | '\u{feff}' | '\u{ffa0}' | '\u{fff0}'..='\u{fffb}')
        || matches!(c, '\u{1bca0}'..='\u{1bca3}' | '\u{1d173}'..='\u{1d17a}' | '\u{e0000}'..='\u{e007f}')
}

/// A run of bytes to scan. Cheap to copy.
#[derive(Clone, Copy, Debug)]
pub struct Blob<'a> {
    /// The bytes: the whole input, or one window of it.
    pub bytes: &'a [u8],
    /// Their origin.
    pub origin: &'a Origin,
    /// Which part of the whole `bytes` is.
    pub window: Window,
}

impl<'a> Blob<'a> {
    /// A blob that is the whole input.
    pub fn whole(bytes: &'a [u8], origin: &'a Origin) -> Self {
        Self { bytes, origin, window: Window::whole(bytes.len()) }
    }

    /// Makes an occurrence of a material found in this blob. `line` is the line in the outermost text around the blob.
    pub(crate) fn occurrence(&self, material: Material, line: u64, mark: Option<Mark>) -> Occurrence {
        Occurrence {
            origin: self.origin.clone(),
            offset: self.window.start + material.span.start as u64,
            line,
            section: None,
            mark,
            git: None,
            material,
        }
    }
}

/// The part of a larger run of bytes that a [`Blob`] contains.
///
/// Large inputs are read in overlapping windows. Hits in `core` belong to this window; the bytes before it let a reader
/// walk back to the start of a structure, those after it let a reader reach the end of one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Window {
    /// Offset of `bytes[0]` in the whole.
    pub start: u64,
    /// Line number of `bytes[0]`, from 1.
    pub line: u64,
    /// First byte of the core, as an index into `bytes`.
    pub core_start: usize,
    /// End of the core, as an index into `bytes`.
    pub core_end: usize,
    /// Whether `bytes` reaches the end of the whole.
    pub last: bool,
}

impl Window {
    /// The window that covers all of `len` bytes.
    pub const fn whole(len: usize) -> Self {
        Self { start: 0, line: 1, core_start: 0, core_end: len, last: true }
    }

    /// Whether `bytes[0]` is the first byte of the whole.
    pub const fn first(&self) -> bool {
        self.start == 0
    }

    /// The core as a range of `bytes`.
    pub const fn core(&self) -> Range<usize> {
        self.core_start..self.core_end
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn origin_reads_like_a_path() {
        let file = Origin::file("deploy.yaml");
        assert_eq!(file.to_string(), "deploy.yaml");
        let inner = file.inside(Wrap::text("base64", 0x40));
        assert_eq!(inner.to_string(), "deploy.yaml!base64@0x40");
        assert_eq!(inner.location(), Path::new("deploy.yaml"));
        let layer = Wrap::member("tar", 0x200, "../etc/\u{1b}key.pem".into());
        let inner = Origin::file("dir/image.tar.gz").inside(Wrap::member("gzip", 0, PathBuf::new())).inside(layer);
        assert_eq!(inner.to_string(), "dir/image.tar.gz!gzip!../etc/\\x1bkey.pem");
        assert_eq!(inner.location(), Path::new("dir/image.tar.gz/etc/\u{1b}key.pem"));
    }

    #[cfg(unix)]
    #[test]
    fn hostile_names_cannot_reach_the_terminal() {
        use std::os::unix::ffi::OsStrExt;
        let name = Path::new(std::ffi::OsStr::from_bytes(b"a\x1b[31m\xff\\x41.pem"));
        assert_eq!(printable_path(name), "a\\x1b[31m\\xff\\x5cx41.pem");
        assert_eq!(printable_path(Path::new("a\u{202e}mep")), "a\\xe2\\x80\\xaemep");
    }
}
