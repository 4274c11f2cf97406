//! All materials of a run, joined by key.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::{Arc, OnceLock};

use keyradius_core::material::{CertFacts, Occurrence, PublicHalf, Reference};

use super::Evidence;
use super::siblings::Siblings;

/// Identity by which materials are joined into one key.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum KeyName {
    /// Digest of the public half, independent of its encoding.
    Public([u8; 32]),
    /// Digest of the ciphertext, where the public half is unknown.
    Opaque([u8; 32]),
}

/// A private key and everything of the run that belongs to it.
#[derive(Clone, Debug)]
pub struct KeyGroup {
    /// The key's name.
    pub name: KeyName,
    /// The public half, where known.
    pub public: Option<Arc<PublicHalf>>,
    /// Places of the private key; empty for a public key without one.
    pub private: Vec<Occurrence>,
    /// Places of the public half and certificates.
    pub related: Vec<Occurrence>,
    /// Lines of other files that use the key.
    pub uses: Vec<Use>,
    /// Places of certificates that the key issued, sorted. Each signature was verified.
    pub issued: Vec<Occurrence>,
    /// Some places of certificates whose issuer has the name of this key's certificate, and whose signature could not be
    /// verified.
    pub same_name: Vec<Occurrence>,
}

impl KeyGroup {
    pub(super) fn new(name: KeyName) -> Self {
        Self {
            name,
            public: None,
            private: Vec::new(),
            related: Vec::new(),
            uses: Vec::new(),
            issued: Vec::new(),
            same_name: Vec::new(),
        }
    }

    /// The key's certificates.
    pub fn certificates(&self) -> impl Iterator<Item = &CertFacts> {
        self.related.iter().filter_map(|o| o.material.certificate.as_deref())
    }
}

/// A line that uses a key.
#[derive(Clone, Debug)]
pub struct Use {
    /// The line; keys that the same line names share it.
    pub reference: Arc<Occurrence>,
    /// How the line's name leads to the key.
    pub sure: Confidence,
}

impl Use {
    /// The parsed reference.
    pub fn reference(&self) -> Option<&Reference> {
        self.reference.material.reference.as_deref()
    }

    /// Whether the line uses the key. A line that makes the key, or one that is commented out, is only a hint of a role.
    pub(crate) fn is_use(&self) -> bool {
        !self.makes() && self.reference().is_some_and(|reference| reference.weight >= HINT)
    }

    /// Whether the line makes the key: such rules of `usage.toml` have ids that start so.
    pub fn makes(&self) -> bool {
        self.reference().is_some_and(|reference| reference.tool.starts_with("makes-"))
    }

    /// Whether the line only says what a text is about that contains, names or describes the key: a weak hint.
    pub fn is_topic(&self) -> bool {
        self.reference().is_some_and(|reference| reference.tool.starts_with("topic"))
    }

    /// Points that the use gives to the role, capped by the confidence of the link.
    pub fn weight(&self) -> i32 {
        self.reference().map_or(0, |reference| reference.weight.min(self.sure.most()))
    }
}

/// Fewest points of a line that uses a key: one that is commented out has fewer.
const HINT: i32 = 30;

/// How a name leads to a key, most certain first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Confidence {
    /// The key itself is on the line.
    Here,
    /// The path leads to the key's file, from the directory of the naming file or from one of its parents.
    Path,
    /// The digits match a fingerprint of the key or of its certificate.
    Digits,
    /// The path ends like the file's path: under another root, or with a variable in front.
    End,
    /// A keystore gives the key this alias.
    Alias,
    /// A file with this name exists somewhere in the run.
    FileName,
    /// The file describes the directory that the key is in.
    Described,
}

impl Confidence {
    /// Most points that such a link gives (2.5 of the scoring: strong 60, medium 30).
    const fn most(self) -> i32 {
        match self {
            Self::Here | Self::Path | Self::Digits | Self::End => 60,
            Self::Alias | Self::FileName | Self::Described => 30,
        }
    }

    /// A few words for a person.
    pub const fn text(self) -> &'static str {
        match self {
            Self::Here => "the key is on the line",
            Self::Path => "by its path",
            Self::Digits => "by its fingerprint",
            Self::End => "by the end of its path",
            Self::Alias => "by its alias",
            Self::FileName => "by its file name alone",
            Self::Described => "above the key",
        }
    }
}

/// All materials of a run.
#[derive(Debug, Default)]
pub struct Estate {
    /// Private keys, by name.
    pub keys: Vec<KeyGroup>,
    /// Public keys and certificates without a private key in the run, by name.
    pub public: Vec<KeyGroup>,
    /// Materials whose key is unknown.
    pub others: Vec<Occurrence>,
    /// Ordinary secrets.
    pub secrets: Vec<Occurrence>,
    /// Where the scan began: directories above these paths say nothing about a key.
    pub(super) roots: Vec<PathBuf>,
    /// Files by directory; computed at first use.
    pub(super) beside: OnceLock<Siblings>,
    /// What the keys around keys of unknown purpose are for; computed once all others were judged.
    pub(super) around: OnceLock<BTreeMap<KeyName, Evidence>>,
}

impl Estate {
    /// Files by directory.
    pub(crate) fn beside(&self) -> &Siblings {
        self.beside.get_or_init(|| {
            let groups = self.keys.iter().chain(&self.public);
            let of_keys = groups.flat_map(|group| group.private.iter().chain(&group.related));
            Siblings::of(of_keys.chain(&self.others))
        })
    }

    /// The estate with the paths where the scan began.
    #[must_use]
    pub fn below(mut self, roots: &[PathBuf]) -> Self {
        self.roots = roots.to_vec();
        self
    }

    /// The path where the scan that found this path began.
    pub(super) fn root(&self, path: &Path) -> Option<&Path> {
        let around = self.roots.iter().filter(|root| path.starts_with(root));
        around.max_by_key(|root| root.as_os_str().len()).map(PathBuf::as_path)
    }

    /// The part of a path that may count as evidence. Of an absolute path, the part below the start of the scan,
    /// because a directory called `test` above it says nothing about the keys below; a file that was itself a target
    /// counts by its name. A relative path counts whole, because it is inside the tree that the user works in.
    pub fn inside<'a>(&self, path: &'a Path) -> &'a Path {
        if path.is_relative() {
            return path;
        }
        let rest =
            self.roots.iter().filter_map(|root| path.strip_prefix(root).ok()).min_by_key(|rest| rest.as_os_str().len());
        match rest {
            Some(rest) if !rest.as_os_str().is_empty() => rest,
            Some(_) => path.file_name().map_or(path, Path::new),
            None => path,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn directories_above_the_start_of_a_scan_say_nothing() {
        let estate = Estate::default().below(&["/home/test/repo".into(), "/home/test/key.pem".into()]);
        for (path, inside) in [
            ("/home/test/repo/keys/a.pem", "keys/a.pem"),
            ("/home/test/repo/test/a.pem", "test/a.pem"),
            ("/home/test/key.pem", "key.pem"),
            ("tests/a.pem", "tests/a.pem"),
            ("/elsewhere/a.pem", "/elsewhere/a.pem"),
        ] {
            assert_eq!(estate.inside(Path::new(path)), Path::new(inside));
        }
    }
}
