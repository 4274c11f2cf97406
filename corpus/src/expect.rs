//! Expectations from the oracle tools for every sample: the model of `expect.toml`.

use std::fmt;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use serde::Deserialize;

use crate::pack::{self, PackError};

/// The expectations of one case folder.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Expect {
    /// The family: the folder's name and, for formats, the detector's id.
    pub id: String,
    /// What the case contains.
    pub about: String,
    /// Every file of the pack.
    #[serde(default, rename = "sample")]
    pub samples: Vec<Sample>,
    /// Negatives that are generated from a seed instead of stored.
    #[serde(default)]
    pub generated: Vec<Generated>,
}

/// One file and its content.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
#[allow(clippy::struct_excessive_bools, reason = "independent marks of the file format")]
pub struct Sample {
    /// The file's name inside the pack.
    pub file: String,
    /// The command that made the file.
    pub made: String,
    /// The tool and command that identify the content.
    pub oracle: String,
    /// For negatives: why nothing may be reported.
    pub why: Option<String>,
    /// No private key may be reported.
    #[serde(default)]
    pub silent: bool,
    /// A damaged key: it may be reported, but never as verified.
    #[serde(default)]
    pub partial: bool,
    /// Harder than what is promised: counted in the score, but not required by the tests.
    #[serde(default)]
    pub stretch: bool,
    /// Like `stretch`, for its certificates and public keys only.
    #[serde(default)]
    pub public_stretch: bool,
    /// Number of certificates that can be read without a password.
    pub certificates: Option<usize>,
    /// SHA-256 of the DER of each certificate, hex.
    #[serde(default)]
    pub cert_sha256: Vec<String>,
    /// SHA-256 of the SPKI of each public key without a private key, hex.
    #[serde(default)]
    pub public_spki_sha256: Vec<String>,
    /// Ordinary secrets in file order: rule and verdict, such as `npm-token checksum`.
    #[serde(default)]
    pub secrets: Vec<String>,
    /// SHA-256 of the SPKI of each private key in a keystore that is fully encrypted, hex.
    #[serde(default)]
    pub hidden_spki_sha256: Vec<String>,
    /// Every private key.
    #[serde(default, rename = "key")]
    pub keys: Vec<Key>,
}

/// One private key.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Key {
    /// The detector that should report it.
    pub format: String,
    /// The key's protection; absent where opinions differ.
    pub protection: Option<Grade>,
    /// SHA-256 of the SPKI as printed by the oracle, hex. Absent for [`Key::opaque`] keys and where there is no SPKI.
    pub spki_sha256: Option<String>,
    /// The same key in other encodings of its SPKI (curve by name, uncompressed point), equally accepted.
    #[serde(default)]
    pub also: Vec<String>,
    /// The public half is unknown without the password.
    #[serde(default)]
    pub opaque: bool,
    /// For opaque keys: the SPKI after decryption with the password, hex.
    pub opened_spki_sha256: Option<String>,
    /// OpenPGP fingerprint, lower-case hex.
    pub fingerprint: Option<String>,
    /// `SHA256:...` as `ssh-keygen -l` prints it.
    pub ssh: Option<String>,
    /// The key's alias in the keystore.
    pub alias: Option<String>,
    /// Another name for the key in the file.
    pub label: Option<String>,
    /// A placeholder for a key that is not in the file.
    #[serde(default)]
    pub stub: bool,
}

/// The protection of a key, graded by the oracle's output and the corpus' one rule.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Grade {
    /// Not protected.
    Plaintext,
    /// Cheap to attack.
    Weak,
    /// An adequate key derivation.
    Strong,
    /// Usable with a token only.
    Hardware,
    /// The key is not here.
    Stub,
}

impl Grade {
    /// The scanner's id for this grade.
    pub const fn id(self) -> &'static str {
        match self {
            Self::Plaintext => "plaintext",
            Self::Weak => "weak",
            Self::Strong => "strong",
            Self::Hardware => "hardware",
            Self::Stub => "stub",
        }
    }
}

/// A negative generated from a seed.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Generated {
    /// A name for reports.
    pub name: String,
    /// What to generate.
    pub kind: Noise,
    /// The seed.
    pub seed: u64,
    /// Approximate size in bytes.
    pub bytes: usize,
}

/// Kinds of noise.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Noise {
    /// Random bytes.
    Random,
    /// Random bytes as base64 on one line.
    Base64,
    /// Random bytes as base64, 76 characters per line.
    Base64Wrapped,
    /// Zeros.
    Zeros,
    /// Random bytes with heads of DER keys in between.
    Der,
    /// PEM headers and footers around random base64.
    Pem,
}

/// A case with its files.
#[derive(Clone, Debug)]
pub struct Case {
    /// The expectations.
    pub expect: Expect,
    /// The content of each of [`Expect::samples`], in order.
    pub contents: Vec<Vec<u8>>,
}

/// Why a case could not be loaded.
#[derive(Debug)]
#[non_exhaustive]
pub enum CaseError {
    /// A file could not be read.
    Unreadable(PathBuf, io::Error),
    /// `expect.toml` is invalid.
    BadExpect(PathBuf, Box<toml::de::Error>),
    /// `samples.pack` is invalid.
    BadPack(PathBuf, PackError),
    /// The pack and the expectations list different files.
    Mismatch(PathBuf, String),
}

impl fmt::Display for CaseError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unreadable(path, error) => write!(f, "{}: {error}", path.display()),
            Self::BadExpect(path, error) => write!(f, "{}: {error}", path.display()),
            Self::BadPack(path, error) => write!(f, "{}: {error}", path.display()),
            Self::Mismatch(path, what) => write!(f, "{}: {what}", path.display()),
        }
    }
}

impl std::error::Error for CaseError {}

/// Loads one case folder.
pub fn load(folder: &Path) -> Result<Case, CaseError> {
    let path = folder.join("expect.toml");
    let text = fs::read_to_string(&path).map_err(|e| CaseError::Unreadable(path.clone(), e))?;
    let expect: Expect = toml::from_str(&text).map_err(|e| CaseError::BadExpect(path, Box::new(e)))?;
    let path = folder.join("samples.pack");
    let packed = fs::read(&path).map_err(|e| CaseError::Unreadable(path.clone(), e))?;
    let mut files = pack::read(&packed).map_err(|e| CaseError::BadPack(path.clone(), e))?;
    let mut contents = Vec::with_capacity(expect.samples.len());
    for sample in &expect.samples {
        let Some(at) = files.iter().position(|f| f.name == sample.file) else {
            return Err(CaseError::Mismatch(path, format!("{} is expected, but not in the pack", sample.file)));
        };
        contents.push(files.swap_remove(at).bytes);
    }
    match files.first() {
        Some(file) => Err(CaseError::Mismatch(path, format!("no expectation for {}", file.name))),
        None => Ok(Case { expect, contents }),
    }
}

/// Loads every case below a folder, sorted by name.
pub fn load_all(folder: &Path) -> Result<Vec<Case>, CaseError> {
    let unreadable = |e| CaseError::Unreadable(folder.to_owned(), e);
    let mut folders = Vec::new();
    for entry in fs::read_dir(folder).map_err(unreadable)? {
        let path = entry.map_err(unreadable)?.path();
        if path.join("expect.toml").is_file() {
            folders.push(path);
        }
    }
    folders.sort();
    folders.iter().map(|f| load(f)).collect()
}
