//! What is known of an ordinary secret, never the secret itself.

use std::borrow::Cow;

use serde::{Deserialize, Serialize};

/// What is known of an ordinary secret; contains no part of the secret.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct OrdinarySecret {
    /// Id of its rule, such as `github-token`.
    pub rule: Cow<'static, str>,
    /// What the secret is, in a few words.
    pub title: Cow<'static, str>,
    /// What it gives access to.
    pub class: SecretClass,
    /// What an attacker can do with it.
    pub unlocks: Cow<'static, str>,
    /// The next step, in one line.
    pub next: Cow<'static, str>,
    /// What its structure proves.
    pub verdict: Verdict,
    /// When it expires, in seconds since 1970, if the secret states it.
    pub expires: Option<i64>,
    /// Whether a rule of the user found it.
    pub by_user: bool,
}

/// How far an ordinary secret reaches. Ordered, widest first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SecretClass {
    /// Publishes packages, images or releases that others install: unsigned, or signed on its behalf.
    Publish,
    /// Acts on a whole account of a cloud or of a code host.
    Account,
    /// Opens one service.
    Service,
    /// A password that somebody chose, or one that opens a single host.
    Password,
    /// Opens nothing by itself.
    Note,
}

impl SecretClass {
    /// A stable identifier for machines.
    pub const fn id(self) -> &'static str {
        match self {
            Self::Publish => "publish",
            Self::Account => "account",
            Self::Service => "service",
            Self::Password => "password",
            Self::Note => "note",
        }
    }
}

/// What the structure of an ordinary secret proves.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Verdict {
    /// It matches the pattern; the format has nothing more to check.
    Shape,
    /// Its content decodes and is plausible.
    Decodes,
    /// Its checksum is right: made by the issuer, not typed by hand.
    Checksum,
}

impl Verdict {
    /// Every verdict.
    pub const ALL: [Self; 3] = [Self::Shape, Self::Decodes, Self::Checksum];

    /// A stable identifier for machines.
    pub const fn id(self) -> &'static str {
        match self {
            Self::Shape => "shape",
            Self::Decodes => "decodes",
            Self::Checksum => "checksum",
        }
    }
}
