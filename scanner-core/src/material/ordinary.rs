//! Facts about ordinary secrets, never the secrets themselves.

use std::borrow::Cow;

use serde::{Deserialize, Serialize};

/// Facts about an ordinary secret; contains no part of the secret.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct OrdinarySecret {
    /// Id of its rule, such as `github-token`.
    pub rule: Cow<'static, str>,
    /// A description of the secret, in a few words.
    pub title: Cow<'static, str>,
    /// The extent of access that it gives.
    pub class: SecretClass,
    /// The actions it enables for an attacker.
    pub unlocks: Cow<'static, str>,
    /// The next step, in one line.
    pub next: Cow<'static, str>,
    /// The evidence in its own structure.
    pub verdict: Verdict,
    /// When it expires, in seconds since 1970, if the secret states it.
    pub expires: Option<i64>,
    /// Whether a rule of the user found it.
    pub by_user: bool,
}

/// The extent of access that an ordinary secret gives. Ordered, widest first.
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

/// The evidence in the structure of an ordinary secret.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Verdict {
    /// The secret matches the pattern; the format has nothing more to check.
    Shape,
    /// The encoded content was decoded and is plausible.
    Decodes,
    /// The checksum is right: made by the issuer, not by hand.
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
