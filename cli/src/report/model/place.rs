//! Places in a report.

use std::borrow::Cow;
use std::path::Path;

use keyradius_core::blob::printable_path;
use keyradius_core::material::{Encoding, How, Proof, ProtectionState, Reach};
use keyradius_core::oid;
use keyradius_detectors::{DETECTORS, UNWRAPPERS};
use serde::{Deserialize, Serialize};

use super::ids::{self, AllowedBy};
use super::{Text, Word};

/// An occurrence of a private key or an ordinary secret.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Occurrence {
    #[serde(flatten)]
    pub(crate) place: Place,
    pub(crate) format: Word,
    #[serde(with = "ids")]
    pub(crate) encoding: Encoding,
    #[serde(with = "ids")]
    pub(crate) proof: Proof,
    pub(crate) protection: Option<Protection>,
    pub(crate) labels: Vec<Label>,
    pub(crate) container: Option<Word>,
    pub(crate) notes: Vec<Word>,
    pub(crate) pgp_fingerprint: Option<Word>,
    pub(crate) allowed: Option<Allowance>,
    /// The git history of the place; `null` for files without one.
    #[serde(default)]
    pub(crate) git: Option<Git>,
}

/// A place in a git history.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Git {
    /// The work tree, or the directory of a bare repository.
    pub(crate) repository: Text,
    /// Id of the object that contains the key: `git cat-file -p` prints the object.
    pub(crate) object: Word,
    /// `blob`, `commit` or `tag`.
    #[serde(with = "ids")]
    pub(crate) kind: oid::Kind,
    /// Whether a commit, ref, reflog or index was found that refers to the object.
    pub(crate) attributed: bool,
    /// Path in the repository.
    pub(crate) path: Option<Text>,
    /// The first commit that has the object at this path.
    pub(crate) introduced: Option<Commit>,
    /// The commit in the history of HEAD that removed the object from this path.
    pub(crate) removed: Option<Commit>,
    /// Whether HEAD has the object at this path.
    pub(crate) at_head: bool,
    /// `refs`, `stash`, `reflog`, `index` or `unreachable`.
    #[serde(with = "ids")]
    pub(crate) reach: Reach,
    /// Branches and remote branches whose history has a commit that introduced the object.
    pub(crate) branches: Vec<Text>,
    /// Tags whose history has a commit that introduced the object.
    pub(crate) tags: Vec<Text>,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
#[allow(clippy::struct_field_names, reason = "the published names")]
pub(crate) struct Commit {
    pub(crate) commit: Word,
    pub(crate) author: Text,
    /// RFC 3339, UTC; `null` if out of range.
    pub(crate) author_date: Option<Word>,
    pub(crate) committer: Text,
    pub(crate) commit_date: Option<Word>,
}

/// The place of a material.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Place {
    /// Path of the file; bytes that are not UTF-8 are written as `\xNN`.
    pub(crate) path: Text,
    /// Bytes of the path in hexadecimal, if they are not UTF-8.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) path_bytes_hex: Option<Word>,
    /// The path and every wrapper that was opened, safe to print.
    pub(crate) origin: Text,
    /// Line in the file, from 1.
    pub(crate) line: u64,
    /// Byte offset in the innermost wrapper.
    pub(crate) offset: u64,
    /// Section of a program and offset in it, such as `.rdata+0x1f40`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) section: Option<Text>,
    /// The part of `origin` that names the file or archive member in which lines are counted; `None` if it follows from
    /// `origin`, see [`Place::counted_in`].
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) counted_in: Option<Text>,
}

/// A place in a file.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Spot {
    pub(crate) path: Text,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) path_bytes_hex: Option<Word>,
    pub(crate) origin: Text,
    /// Line in the file, from 1; 0 if unknown.
    pub(crate) line: u64,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Protection {
    #[serde(with = "ids")]
    pub(crate) state: ProtectionState,
    pub(crate) detail: Text,
    /// How the key was opened in this run, if it was.
    #[serde(default)]
    pub(crate) opened: Option<Opened>,
}

/// How a locked key was opened. Never contains the password.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Opened {
    /// `empty`, `well_known` or `found`.
    #[serde(with = "ids")]
    pub(crate) how: How,
    /// The place of the password, if it was found in the scan.
    pub(crate) place: Option<Spot>,
    /// The field that contains the password.
    pub(crate) field: Text,
}

/// A name that a file gives to a key.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Label {
    pub(crate) kind: Word,
    pub(crate) text: Text,
}

/// Why an occurrence is allowed.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Allowance {
    /// `config` or `inline`.
    #[serde(with = "ids")]
    pub(crate) by: AllowedBy,
    pub(crate) place: Text,
    pub(crate) reason: Text,
    pub(crate) until: Option<Word>,
}

impl Occurrence {
    /// Whether the place is in a git history and not in a file.
    pub(crate) fn is_buried(&self) -> bool {
        self.git.is_some()
            && self.place.origin.strip_prefix(self.place.path.as_str()).is_some_and(|rest| rest.starts_with('@'))
    }
}

impl Place {
    /// The part of `origin` that names the file or archive member in which lines are counted.
    pub(crate) fn counted_in(&self) -> &str {
        self.counted_in.as_deref().unwrap_or_else(|| self.outside_text())
    }

    /// The origin without the encodings of text at its end, such as `!base64@0x40`. Lines may be counted in something
    /// else if an archive member has the name of such an encoding.
    fn outside_text(&self) -> &str {
        outside_text(self.printable_path().len(), &self.origin)
    }

    /// The path in the form in which an origin begins with it.
    pub(crate) fn printable_path(&self) -> Cow<'_, str> {
        match self.path_bytes_hex {
            Some(_) => Cow::Borrowed(&self.path),
            None => Cow::Owned(printable_path(Path::new(self.path.as_str()))),
        }
    }

    /// Sets the file or archive member in which lines are counted, if it does not follow from the origin.
    #[must_use]
    pub(crate) fn with_lines_of(mut self, file: String) -> Self {
        self.counted_in = (self.outside_text() != file).then(|| file.into());
        self
    }
}

/// Removes the encodings of text at the end of an origin. Its first `file` bytes are a path, and stay.
fn outside_text(file: usize, origin: &str) -> &str {
    let mut outside = origin;
    while let Some((before, last)) = outside.rsplit_once('!').filter(|(before, _)| before.len() >= file) {
        let (kind, at) = last.split_once("@0x").unwrap_or((last, "0"));
        let is_text = UNWRAPPERS.iter().any(|unwrapper| unwrapper.about().id == kind)
            || DETECTORS.iter().any(|detector| detector.about().id == kind);
        if !is_text || !at.bytes().all(|digit| digit.is_ascii_hexdigit()) {
            break;
        }
        outside = before;
    }
    outside
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn encodings_of_text_are_removed_only_from_the_end() {
        for (path, origin, outside) in [
            ("a.yaml", "a.yaml", "a.yaml"),
            ("a.yaml", "a.yaml!base64@0x40", "a.yaml"),
            ("a.yaml", "a.yaml!base64!hex@0x1", "a.yaml"),
            ("a.zip", "a.zip!b.yaml!base64@0x40", "a.zip!b.yaml"),
            ("a", "a!base64@0x40!gzip", "a!base64@0x40!gzip"),
            ("a", "a@3f2a91c04b1d!base64@0x40", "a@3f2a91c04b1d"),
            ("a!base64", "a!base64", "a!base64"),
            ("a!base64", "a!base64!base64", "a!base64"),
            ("a", "a!base64@0xzz", "a!base64@0xzz"),
            ("longer than its origin", "a!base64", "a!base64"),
            ("", "", ""),
        ] {
            assert_eq!(outside_text(path.len(), origin), outside, "{origin}");
        }
    }
}
