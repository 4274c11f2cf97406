//! Findings as facts, without judgement.
//!
//! No type in this file can contain a secret byte: a [`Material`] has the public half, digests, names and positions.

mod certificate;
mod locked;
mod mark;
mod number;
mod ordinary;
mod provenance;
mod remark;

use std::ops::Range;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::blob::Origin;

pub use certificate::CertFacts;
pub use locked::Locked;
pub use mark::{Mark, MarkFault, Stands};
pub use number::{Layout, Number, Part};
pub use ordinary::{OrdinarySecret, SecretClass, Verdict};
pub use provenance::{CommitFacts, Provenance, Reach};
pub use remark::Remark;

/// A constant of this program, such as the id of a format or the name of a curve; never bytes of the input.
pub type Word = &'static str;

/// The kind of a material.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    /// A private key, readable or encrypted.
    PrivateKey,
    /// A public key on its own.
    PublicKey,
    /// An X.509 certificate.
    Certificate,
    /// A keystore in which no private key could be identified (a trust store, or an opaque keystore).
    Keystore,
    /// A line of a build, CI or configuration file that names a key.
    Reference,
    /// An ordinary secret: a token or password that opens something and signs nothing.
    Secret,
}

impl Kind {
    /// A stable identifier for machines.
    pub const fn id(self) -> &'static str {
        match self {
            Self::PrivateKey => "private_key",
            Self::PublicKey => "public_key",
            Self::Certificate => "certificate",
            Self::Keystore => "keystore",
            Self::Reference => "reference",
            Self::Secret => "secret",
        }
    }
}

/// The degree to which a material was proven. Ordered, weakest first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Proof {
    /// Every field of the format parsed.
    Structure,
    /// The parts match by arithmetic: n = p*q, the public point belongs to the scalar, or a checksum over the key is
    /// right.
    Verified,
}

impl Proof {
    /// A stable identifier for machines.
    pub const fn id(self) -> &'static str {
        match self {
            Self::Structure => "structure",
            Self::Verified => "verified",
        }
    }
}

/// The protection of a private key where it is stored.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ProtectionState {
    /// Not protected.
    Plaintext,
    /// Encrypted, and opened in this run: without a password, or with a well-known one or one found near the key.
    Opened,
    /// Encrypted in a way that costs an attacker little: see [`Protection::detail`].
    Weak,
    /// Encrypted with a strong key derivation.
    Strong,
    /// Wrapped to hardware: useless elsewhere.
    Hardware,
    /// A placeholder for a key that is not in this file.
    Stub,
}

impl ProtectionState {
    /// A stable identifier for machines.
    pub const fn id(self) -> &'static str {
        match self {
            Self::Plaintext => "plaintext",
            Self::Opened => "opened",
            Self::Weak => "weak",
            Self::Strong => "strong",
            Self::Hardware => "hardware",
            Self::Stub => "stub",
        }
    }
}

/// The protection of a private key, with details.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Protection {
    /// The state.
    pub state: ProtectionState,
    /// Cipher, key derivation and its cost, such as `PBKDF2-HMAC-SHA256 2048 iterations, AES-256-CBC`. Empty for
    /// plaintext.
    pub detail: String,
    /// The way the key was opened; `None` if it was not.
    pub opened: Option<Box<Opened>>,
}

/// The way a locked key was opened; never the password itself.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Opened {
    /// The kind of password.
    pub how: How,
    /// The origin of a found password; `None` for other kinds.
    pub origin: Option<Origin>,
    /// The line of the password there, from 1; 0 if it has no line (in a file name).
    pub line: u64,
    /// The name of the field that contains the password, such as `storePassword`; for a well-known password its source.
    pub field: String,
}

/// The kind of password that opened a key.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum How {
    /// No password, or an empty one.
    Empty,
    /// A well-known password.
    WellKnown,
    /// A password found near the key.
    Found,
}

impl How {
    /// A stable identifier for machines.
    pub const fn id(self) -> &'static str {
        match self {
            Self::Empty => "empty",
            Self::WellKnown => "well_known",
            Self::Found => "found",
        }
    }
}

impl Protection {
    /// No protection.
    pub const fn plaintext() -> Self {
        Self { state: ProtectionState::Plaintext, detail: String::new(), opened: None }
    }

    /// A protection with its detail.
    pub fn new(state: ProtectionState, detail: impl Into<String>) -> Self {
        Self { state, detail: detail.into(), opened: None }
    }
}

/// The encoding of a material.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Encoding {
    /// PEM text, including its variants found in practice.
    Pem,
    /// Bare DER or BER.
    Der,
    /// A text format of its own (PuTTY, one-line SSH public keys).
    Text,
    /// A binary format of its own (OpenPGP packets, JKS).
    Binary,
}

impl Encoding {
    /// A stable identifier for machines.
    pub const fn id(self) -> &'static str {
        match self {
            Self::Pem => "pem",
            Self::Der => "der",
            Self::Text => "text",
            Self::Binary => "binary",
        }
    }
}

/// An algorithm, by the name that people use.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Algorithm {
    /// `RSA`, `RSA-PSS`, `DSA`, `EC`, `Ed25519`, `Ed448`, `X25519`, `X448`, `ElGamal` and so on.
    #[serde(with = "crate::wire::word")]
    pub name: Word,
    /// Size of the modulus or field in bits; 0 if the algorithm name implies the size, or the size is unknown.
    pub bits: u32,
    /// The curve's name, or `explicit parameters`.
    #[serde(with = "crate::wire::optional_word")]
    pub curve: Option<Word>,
}

/// The identity of a key pair: the same for every encoding of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct KeyId {
    /// SHA-256 of the DER SubjectPublicKeyInfo: what people pin and look up.
    #[serde(with = "crate::wire::hex")]
    pub spki_sha256: [u8; 32],
    /// A digest that ignores the encoding of the key (curve by name or by parameters, RSA or RSA-PSS): materials are
    /// joined by it.
    #[serde(with = "crate::wire::hex")]
    pub key_only: [u8; 32],
}

/// The public half of a key, with every identifier that follows from the key alone.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PublicHalf {
    /// Identity.
    pub id: KeyId,
    /// Algorithm.
    pub algorithm: Algorithm,
    /// DER SubjectPublicKeyInfo.
    #[serde(with = "crate::wire::hex")]
    pub spki: Vec<u8>,
    /// `SHA256:...` as `ssh-keygen -l` prints it, where SSH has a form for the key.
    pub ssh_sha256: Option<String>,
    /// SHA-1 of the subjectPublicKey BIT STRING (RFC 5280 4.2.1.2 method 1).
    #[serde(with = "crate::wire::hex")]
    pub ski_sha1: [u8; 20],
    /// The first 120 bits of the SHA-256 of the number that defines the key (RSA n, EC x, DSA and DH y, the bytes of
    /// other keys), big-endian without leading zeros: lists of published keys are indexed by it (badkeys' BKHASH120).
    /// The same for any `e`, curve encoding or wrapping.
    #[serde(with = "crate::wire::hex")]
    pub bk120: [u8; 15],
    /// RFC 7638 / RFC 8037 thumbprint, base64url SHA-256, where JOSE has a form for the key.
    pub jwk_thumbprint: Option<String>,
}

/// The identity of a private key.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Identity {
    /// The public half could be read or derived.
    Public(Arc<PublicHalf>),
    /// The public half is unknown without the password: SHA-256 of the ciphertext.
    Opaque(#[serde(with = "crate::wire::hex")] [u8; 32]),
}

impl Identity {
    /// A known public half, in an `Arc` that the judgement shares.
    pub fn public(half: PublicHalf) -> Self {
        Self::Public(Arc::new(half))
    }
}

/// A text that a file gives to a key: an alias, a comment, a user id. Input bytes: escape before printing.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Label {
    /// `alias`, `comment`, `user id`, `friendly name`.
    #[serde(with = "crate::wire::word")]
    pub kind: Word,
    /// The text, cut at [`Label::MAX`] bytes.
    pub text: String,
}

impl Label {
    /// Longest label kept, in bytes: enough for any real alias or user id, too short to hide a key body.
    pub const MAX: usize = 200;

    /// Makes a label from input bytes: lossy UTF-8, cut at [`Self::MAX`] bytes.
    pub fn new(kind: &'static str, bytes: &[u8]) -> Self {
        let cut = bytes.get(..Self::MAX).unwrap_or(bytes);
        Self { kind, text: String::from_utf8_lossy(cut).trim().to_owned() }
    }
}

/// A reference from one material to another, joined later.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Link {
    /// The key belongs to the certificate with this SHA-1 (PKCS#12 localKeyId of OpenSSL and NSS).
    CertSha1(#[serde(with = "crate::wire::hex")] [u8; 20]),
    /// The key's SubjectPublicKeyInfo has this SHA-1 (PKCS#12 localKeyId of GnuTLS).
    SpkiSha1(#[serde(with = "crate::wire::hex")] [u8; 20]),
}

/// A key, certificate, keystore, reference or secret found in a blob.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Material {
    /// The kind of the material.
    pub kind: Kind,
    /// The detector's id: `pkcs8`, `openssh`, ...
    #[serde(with = "crate::wire::word")]
    pub format: Word,
    /// Its encoding.
    pub encoding: Encoding,
    /// Its range in the blob, in bytes.
    pub span: Range<usize>,
    /// The degree of proof.
    pub proof: Proof,
    /// Protection of a private key; `None` for public material.
    pub protection: Option<Protection>,
    /// Identity of the key; `None` for keystores without one.
    pub identity: Option<Identity>,
    /// The certificate, for certificates.
    pub certificate: Option<Box<CertFacts>>,
    /// Names that the file gives to the key.
    pub labels: Vec<Label>,
    /// OpenPGP fingerprint, lower-case hex, for OpenPGP keys.
    pub pgp_fingerprint: Option<String>,
    /// The uses that the format allows (OpenPGP key flags).
    pub uses: Option<Uses>,
    /// References to other materials.
    pub links: Vec<Link>,
    /// The keystore around it, such as `PKCS#12`.
    #[serde(with = "crate::wire::optional_word")]
    pub container: Option<Word>,
    /// Remarks of the reader.
    pub remarks: Vec<Remark>,
    /// The bytes needed to try passwords, for a locked key or keystore.
    #[serde(skip)]
    pub locked: Option<Locked>,
    /// SHA-256 of each ciphertext that the material represents: of a locked key with a known public half, of the sealed
    /// entries of a keystore. Distinguishes a second reading of the same bytes from another key.
    #[serde(with = "crate::wire::digests")]
    pub sealed: Vec<[u8; 32]>,
    /// The contents of the line, for [`Kind::Reference`].
    pub reference: Option<Box<Reference>>,
    /// What was found of a number, if the material is a number without a format around it. Only a hunt finds such.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub number: Option<Box<Number>>,
    /// What is known of the secret, for [`Kind::Secret`]. `identity` is then a digest, and `None` for secrets that
    /// could be guessed.
    pub secret: Option<Box<OrdinarySecret>>,
}

impl Material {
    /// A material without any of the optional fields.
    pub fn new(kind: Kind, format: &'static str, encoding: Encoding, span: Range<usize>) -> Self {
        Self {
            kind,
            format,
            encoding,
            span,
            proof: Proof::Structure,
            protection: None,
            identity: None,
            certificate: None,
            labels: Vec::new(),
            pgp_fingerprint: None,
            uses: None,
            links: Vec::new(),
            container: None,
            remarks: Vec::new(),
            locked: None,
            sealed: Vec::new(),
            reference: None,
            number: None,
            secret: None,
        }
    }

    /// Whether another material is the same key or certificate in the same format.
    pub fn is_same(&self, other: &Self) -> bool {
        (self.kind, self.format) == (other.kind, other.format)
            && (self.identity.is_some() || self.certificate.is_some())
            && (&self.identity, &self.certificate) == (&other.identity, &other.certificate)
    }
}

/// A statement of a build, CI or configuration file about a key that it names.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Reference {
    /// Id of the rule in `usage.toml`, such as `signtool`.
    pub tool: String,
    /// The role that this use gives to the key.
    pub role: String,
    /// Points for that role, if the name leads to the key.
    pub weight: i32,
    /// The use of the key, in a few words: `signtool signs with it`.
    pub text: String,
    /// The names by which the key is referred to.
    pub names: Vec<Name>,
}

/// A name by which a file refers to a key. Input bytes: escape before printing.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Name {
    /// A path, as far as it could be resolved: relative to the directory of the file that names it, unless it begins
    /// with `/`. Variables set in the same file are expanded.
    Path(String),
    /// A directory that contains the key.
    Directory(String),
    /// An alias or a key name without a path.
    Alias(String),
    /// A variable of the environment or a secret of the CI system: an indirection.
    Variable(String),
    /// Hex digits of an OpenPGP fingerprint or key id, or of a certificate's thumbprint.
    Digits(String),
}

impl Name {
    /// The text of the name.
    pub fn text(&self) -> &str {
        match self {
            Self::Path(text)
            | Self::Directory(text)
            | Self::Alias(text)
            | Self::Variable(text)
            | Self::Digits(text) => text,
        }
    }
}

/// The uses that a format allows for a key: OpenPGP key flags (RFC 9580 5.2.3.29).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[allow(clippy::struct_excessive_bools, reason = "four independent flags of the standard")]
pub struct Uses {
    /// 0x01: certify other keys.
    pub certify: bool,
    /// 0x02: sign data.
    pub sign: bool,
    /// 0x04 or 0x08: encrypt.
    pub encrypt: bool,
    /// 0x20: authenticate.
    pub authenticate: bool,
}

/// A material and its location.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Occurrence {
    /// The material.
    pub material: Material,
    /// Its origin.
    pub origin: Origin,
    /// Byte offset of the material in the innermost blob of the origin.
    pub offset: u64,
    /// Line in the file or member where the material (or the text that wraps it) begins, from 1.
    pub line: u64,
    /// In a program, the section and the offset in it, such as `.rdata+0x1f40`. Input bytes: escape before printing.
    pub section: Option<String>,
    /// An inline `keyradius:allow` on the lines of the material or the line above. Whether it is obeyed depends on who
    /// wrote the file, which the engine does not know.
    pub mark: Option<Mark>,
    /// The git history of the material, if it was found in one.
    pub git: Option<Box<Provenance>>,
}
