//! Traits that add to findings: the sections of a program, and files that use keys.

use std::path::Path;

use crate::blob::{Blob, Origin};
use crate::material::Material;
use crate::read_at::Cursor;
use crate::secret::Secret;

/// A named part of a program.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Section {
    /// Offset of the first byte in the file.
    pub start: u64,
    /// Offset after the last byte.
    pub end: u64,
    /// The name. Input bytes: escape before printing.
    pub name: String,
}

/// Finds the section of a program that contains a finding. Called only for programs with findings.
pub trait Mapper: Sync {
    /// Whether bytes with this start are a program.
    fn begins(&self, start: &[u8]) -> bool;
    /// The sections of a program; empty if the input is not a program.
    fn sections(&self, program: Cursor) -> Vec<Section>;
}

/// A text that may be the password of a keystore.
#[derive(Debug)]
pub struct Candidate {
    /// The text.
    pub secret: Secret<Vec<u8>>,
    /// The file or member that contains it.
    pub origin: Origin,
    /// The line, from 1.
    pub line: u64,
    /// The name of the field that contains it, such as `storePassword`.
    pub field: String,
    /// Names of keystores and keys in the same statement: paths as written, aliases.
    pub about: Vec<String>,
}

impl Candidate {
    /// The sort key of candidates: their location, then their content.
    #[allow(clippy::type_complexity, reason = "a key to sort by, of borrowed parts")]
    pub fn place(&self) -> (&Origin, u64, &str, &[String], &[u8]) {
        (&self.origin, self.line, &self.field, &self.about, self.secret.expose())
    }
}

/// Keys and passwords that a file may use.
#[derive(Debug, Default)]
pub struct UsageHints {
    /// Lines that name keys: materials of [`crate::material::Kind::Reference`].
    pub references: Vec<Material>,
    /// Possible passwords.
    pub candidates: Vec<Candidate>,
    /// Whether the file contains more possible passwords than were taken from it.
    pub not_all: bool,
}

/// Reads the files that use keys: build scripts, CI configuration, properties. Selected by file name, because their
/// words are too common to be anchors.
pub trait UsageReader: Sync {
    /// Whether a file of this name may use keys.
    fn wants(&self, path: &Path) -> bool;
    /// Whether a file of this name may contain passwords: if it is too large to be read, passwords may be missing.
    fn takes_passwords(&self, path: &Path) -> bool {
        self.wants(path)
    }
    /// Reads such a file. `blob` is the whole file.
    fn read(&self, blob: Blob<'_>, out: &mut UsageHints);
}
