//! All materials of a run, joined by key.

use std::path::{Path, PathBuf};
use std::sync::{Arc, OnceLock};

use keyradius_core::material::{CertFacts, Occurrence, PublicHalf, Reference};

use super::beside::Beside;

/// What makes two materials the same key.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum KeyName {
    /// Digest of the public half that does not depend on its encoding.
    Public([u8; 32]),
    /// Digest of the ciphertext, where no public half can be known.
    Opaque([u8; 32]),
}

/// A private key and everything of the run that belongs to it.
#[derive(Clone, Debug)]
pub struct KeyGroup {
    /// Its name.
    pub name: KeyName,
    /// The public half, where known.
    pub public: Option<Arc<PublicHalf>>,
    /// Places of the private key; none for a public key that stands alone.
    pub private: Vec<Occurrence>,
    /// Places of its public half and certificates.
    pub related: Vec<Occurrence>,
    /// Lines of other files that use it.
    pub uses: Vec<Use>,
    /// Places of certificates that it issued, sorted.
    pub issued: Vec<Occurrence>,
}

impl KeyGroup {
    pub(super) fn new(name: KeyName) -> Self {
        let (private, related, uses, issued) = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
        Self { name, public: None, private, related, uses, issued }
    }

    /// Its certificates.
    pub fn certificates(&self) -> impl Iterator<Item = &CertFacts> {
        self.related.iter().filter_map(|o| o.material.certificate.as_deref())
    }
}

/// A line that uses a key.
#[derive(Clone, Debug)]
pub struct Use {
    /// The line.
    pub reference: Occurrence,
    /// How its name leads to the key.
    pub sure: Sure,
}

impl Use {
    /// What the line says.
    pub fn reference(&self) -> Option<&Reference> {
        self.reference.material.reference.as_deref()
    }

    /// Points for the role that the use gives: no more than the name is worth.
    pub fn weight(&self) -> i32 {
        self.reference().map_or(0, |reference| reference.weight.min(self.sure.most()))
    }
}

/// How a name leads to a key, the surest first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Sure {
    /// The key itself stands on the line.
    Here,
    /// The path leads to the file, from the directory of the file that names it or from one above.
    Path,
    /// The digits are those of the key or of its certificate.
    Digits,
    /// The path ends as the file's does: another root, or a part that is a variable.
    End,
    /// A keystore gives the key this name.
    Alias,
    /// A file of this name, somewhere.
    FileName,
}

impl Sure {
    /// Points that such a link is worth at most (2.5 of the scoring: strong 60, medium 30).
    const fn most(self) -> i32 {
        match self {
            Self::Here | Self::Path | Self::Digits | Self::End => 60,
            Self::Alias | Self::FileName => 30,
        }
    }

    /// A few words for a person.
    pub const fn text(self) -> &'static str {
        match self {
            Self::Here => "the key stands on the line",
            Self::Path => "by its path",
            Self::Digits => "by its fingerprint",
            Self::End => "by the end of its path",
            Self::Alias => "by its alias",
            Self::FileName => "by its file name alone",
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
    /// Materials without a key that could be told.
    pub others: Vec<Occurrence>,
    /// Ordinary secrets.
    pub secrets: Vec<Occurrence>,
    /// Where the scan began: what stands above says nothing about a key.
    pub(super) roots: Vec<PathBuf>,
    /// What lies in one directory; worked out when it is first asked for.
    pub(super) beside: OnceLock<Beside>,
}

impl Estate {
    /// What lies in one directory.
    pub(crate) fn beside(&self) -> &Beside {
        self.beside.get_or_init(|| {
            let groups = self.keys.iter().chain(&self.public);
            let of_keys = groups.flat_map(|group| group.private.iter().chain(&group.related));
            Beside::of(of_keys.chain(&self.others))
        })
    }

    /// The same, scanned from these paths.
    #[must_use]
    pub fn below(mut self, roots: &[PathBuf]) -> Self {
        self.roots = roots.to_vec();
        self
    }

    /// The part of a path that says something: of an absolute one what the scan went down, because a directory called
    /// `test` above its start says nothing about the keys below (a file that was named itself is its name); a relative
    /// one whole, because it lies in the tree that the user stands in.
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
    fn what_stands_above_the_start_of_a_scan_says_nothing() {
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
