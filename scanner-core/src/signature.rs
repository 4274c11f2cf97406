//! A signature as a file states it, prepared so that it can be verified without the file: in another process, from
//! facts, with a key that another source contains.

use serde::{Deserialize, Serialize};

/// A hash function of a signature scheme.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[allow(missing_docs, reason = "each name says everything")]
pub enum Hash {
    Md5,
    Sha1,
    Sha224,
    Sha256,
    Sha384,
    Sha512,
    #[serde(rename = "sha3_224")]
    Sha3Over224,
    #[serde(rename = "sha3_256")]
    Sha3Over256,
    #[serde(rename = "sha3_384")]
    Sha3Over384,
    #[serde(rename = "sha3_512")]
    Sha3Over512,
}

/// A signature scheme, with every parameter that a verifier needs beside the public key.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Scheme {
    /// RSASSA-PKCS1-v1_5 (RFC 8017 8.2).
    RsaPkcs1(Hash),
    /// RSASSA-PSS (RFC 8017 8.1).
    RsaPss {
        /// Hash of the message.
        hash: Hash,
        /// Hash of the mask generation function MGF1.
        mask: Hash,
        /// Length of the salt in bytes.
        salt: u32,
    },
    /// ECDSA (FIPS 186-5 6).
    Ecdsa(Hash),
    /// DSA (FIPS 186-4 4).
    Dsa(Hash),
    /// Ed25519 (RFC 8032 5.1), the variant without a prehash.
    Ed25519,
    /// Ed448 (RFC 8032 5.2), the variant without a prehash and with an empty context.
    Ed448,
    /// ML-DSA (FIPS 204) with an empty context; the number in the name of the parameter set: 44, 65, 87.
    MlDsa(u8),
}

/// What a signature was made over.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Signed {
    /// The digest of the message, by the scheme's hash.
    Digest(#[serde(with = "crate::wire::hex")] Vec<u8>),
    /// The message itself, for schemes that hash the public key together with it.
    Message(#[serde(with = "crate::wire::hex")] Vec<u8>),
}

/// A signature that can be verified with a public key.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Signature {
    /// The scheme.
    pub scheme: Scheme,
    /// What was signed.
    pub over: Signed,
    /// The value: a big-endian number for RSA, the DER of two INTEGERs for ECDSA and DSA, the bytes of the scheme
    /// otherwise.
    #[serde(with = "crate::wire::hex")]
    pub value: Vec<u8>,
}

impl Signature {
    /// Maximum length of a message that is kept, in bytes. Certificates that sign with Ed25519 have some 500; one with a
    /// public key of ML-DSA-87 has 3,000.
    pub const MAX_MESSAGE: usize = 8 << 10;
    /// Maximum length of a value that is kept, in bytes. ML-DSA-87 has 4,627 (FIPS 204 table 2).
    pub const MAX_VALUE: usize = 8 << 10;

    /// The memory that the signature takes, in bytes.
    pub(crate) fn length(&self) -> usize {
        let (Signed::Digest(over) | Signed::Message(over)) = &self.over;
        size_of::<Self>() + over.len() + self.value.len()
    }
}
