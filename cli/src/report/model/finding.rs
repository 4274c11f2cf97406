//! Findings as the report tells them.

use keyradius_core::material::{Kind, Proof, ProtectionState, SecretClass, Verdict};
use keyradius_judgement::estate::Sure;
use keyradius_judgement::known::Class;
use keyradius_judgement::weak::Grade;
use keyradius_judgement::{Band, Tier};
use serde::{Deserialize, Serialize};

use super::ids::{self, FindingKind, KeyUsage, LinkKind, SecretKind};
use super::tenths::severity;
use super::{Occurrence, Place, Reference, Spot, Tenths, Text, Word};

/// A private key, ranked, with every place it lies; or a public key that must not be trusted, with what trusts it.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Finding {
    pub(crate) id: Word,
    /// `private_key`, or `trusted_key`: only the public half is here.
    #[serde(default = "private_key", with = "ids")]
    pub(crate) kind: FindingKind,
    /// 0.0 to 10.0, one decimal.
    #[serde(deserialize_with = "severity")]
    pub(crate) severity: Tenths,
    #[serde(with = "ids")]
    pub(crate) tier: Tier,
    #[serde(default, with = "ids::optional")]
    pub(crate) tier_potential: Option<Tier>,
    /// Whether a role of it is to sign things that others believe.
    pub(crate) signing: bool,
    pub(crate) roles: Vec<Role>,
    pub(crate) hypotheses: Vec<Role>,
    pub(crate) key: Key,
    /// The weakest protection among the occurrences.
    #[serde(with = "ids")]
    pub(crate) protection: ProtectionState,
    /// The best proof among the occurrences.
    #[serde(with = "ids")]
    pub(crate) proof: Proof,
    pub(crate) reason: Text,
    pub(crate) next_step: Text,
    pub(crate) occurrences: Vec<Occurrence>,
    pub(crate) certificates: Vec<Certificate>,
    /// Places of public halves and certificates of the same key.
    pub(crate) related: Vec<Related>,
    pub(crate) evidence: Vec<Evidence>,
    pub(crate) modifiers: Vec<Modifier>,
    /// Rules that the key breaks, whatever it is for.
    #[serde(default)]
    pub(crate) rules: Vec<Rule>,
    /// What arithmetic says of its public half, worst first.
    #[serde(default)]
    pub(crate) weaknesses: Vec<Weakness>,
    /// What lists of published keys say of it.
    #[serde(default)]
    pub(crate) known: Option<Known>,
    /// Lines of other files that use it.
    #[serde(default)]
    pub(crate) used_by: Vec<UsedBy>,
    /// Everything else of the run that leads to it or comes from it.
    #[serde(default)]
    pub(crate) links: Vec<Link>,
    /// How long the key has lain in a history; `null` if it lies in none.
    #[serde(default)]
    pub(crate) exposure: Option<Exposure>,
    /// The role whose playbook says what to do, one of [`super::Report::playbooks`].
    #[serde(default = "unknown")]
    pub(crate) playbook: Word,
    /// What the finding is called by others.
    #[serde(default)]
    pub(crate) references: Vec<Reference>,
}

/// An ordinary secret, with every place it lies.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[allow(clippy::struct_field_names, reason = "the published names")]
pub(crate) struct Secret {
    pub(crate) id: Word,
    /// `secret`.
    #[serde(with = "ids")]
    pub(crate) kind: SecretKind,
    /// The rule that found it: of `docs/secrets.md`, or of the user.
    pub(crate) rule: Word,
    pub(crate) title: Text,
    /// 0.0 to 10.0, one decimal.
    #[serde(deserialize_with = "severity")]
    pub(crate) severity: Tenths,
    /// How far it reaches: `publish`, `account`, `service`, `password` or `note`.
    #[serde(with = "ids")]
    pub(crate) class: SecretClass,
    /// What its own structure says: `shape`, `decodes` or `checksum`.
    #[serde(with = "ids")]
    pub(crate) verdict: Verdict,
    /// When it ends, where it says so. RFC 3339, UTC.
    pub(crate) expires: Option<Word>,
    /// Whether that is over.
    pub(crate) expired: bool,
    pub(crate) unlocks: Text,
    pub(crate) next_step: Text,
    /// Whether a rule of the user found it.
    pub(crate) user_rule: bool,
    pub(crate) occurrences: Vec<Occurrence>,
}

/// From the first commit that holds the key to the day of the scan.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Exposure {
    /// When the first such commit was made. RFC 3339, UTC.
    pub(crate) first_seen: Word,
    pub(crate) days: i64,
    /// The date to ask the CA for: what was signed and time-stamped before it stays valid. RFC 3339 date.
    pub(crate) revocation_date: Word,
    /// The part of the window in which verifiers would have believed a certificate of the key. RFC 3339 dates; both
    /// are `null` if they would have believed none.
    pub(crate) abuse_from: Option<Word>,
    pub(crate) abuse_until: Option<Word>,
    /// Tags whose history holds the key: releases that were made while it lay open.
    pub(crate) releases: Vec<Text>,
}

/// What is wrong with a public key, see `docs/weak-keys.md`.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Weakness {
    pub(crate) id: Word,
    /// `note`, `weak` or `severe`.
    #[serde(with = "ids")]
    pub(crate) grade: Grade,
    /// Whether the private half follows from the public one.
    pub(crate) computable: bool,
    pub(crate) text: Text,
}

/// A rule that a key breaks.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Rule {
    pub(crate) id: Word,
    pub(crate) text: Text,
    pub(crate) places: Vec<Spot>,
}

/// What a list of published keys says.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Known {
    /// `public_test`, `vendor_test`, `leaked_product` or `listed`.
    #[serde(with = "ids")]
    pub(crate) class: Class,
    pub(crate) label: Text,
    pub(crate) source: Text,
}

/// A line that uses a key.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct UsedBy {
    /// The rule of `usage.toml`, such as `signtool`.
    pub(crate) tool: Word,
    pub(crate) role: Word,
    pub(crate) text: Text,
    /// How its name leads to the key.
    #[serde(with = "ids")]
    pub(crate) how: Sure,
    /// What it calls the key.
    pub(crate) names: Vec<Text>,
    pub(crate) place: Spot,
}

/// Something of the run that leads to a key or comes from it.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Link {
    /// `certificate_of`, `same_key`, `issued` or `opens`.
    #[serde(with = "ids")]
    pub(crate) kind: LinkKind,
    pub(crate) text: Text,
    pub(crate) place: Spot,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
#[allow(clippy::struct_field_names, reason = "the published names")]
pub(crate) struct Role {
    pub(crate) role: Word,
    #[serde(default)]
    pub(crate) title: Text,
    pub(crate) score: i32,
    #[serde(with = "ids")]
    pub(crate) band: Band,
    #[serde(with = "ids")]
    pub(crate) tier: Tier,
}

/// Every name the key goes by.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[allow(clippy::struct_field_names, reason = "the published names")]
pub(crate) struct Key {
    /// `spki-sha256:` or, where the public half is not known, `ct-sha256:` and 64 hex digits.
    pub(crate) identity: Option<Word>,
    pub(crate) algorithm: Option<Algorithm>,
    pub(crate) spki_sha256: Option<Word>,
    /// Ignores how the key was written: the same for RSA and RSA-PSS, named and explicit curves.
    pub(crate) key_only_sha256: Option<Word>,
    pub(crate) ciphertext_sha256: Option<Word>,
    pub(crate) ssh_sha256: Option<Word>,
    pub(crate) ski_sha1: Option<Word>,
    pub(crate) jwk_thumbprint: Option<Word>,
    pub(crate) pgp_fingerprints: Vec<Word>,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Algorithm {
    pub(crate) name: Word,
    /// Modulus or field; `null` where the name fixes it or it is not known.
    pub(crate) bits: Option<u32>,
    pub(crate) curve: Option<Word>,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Certificate {
    pub(crate) sha256: Word,
    pub(crate) sha1: Word,
    pub(crate) subject: Text,
    pub(crate) issuer: Text,
    pub(crate) serial: Word,
    /// RFC 3339, UTC; `null` if beyond what a date can say.
    pub(crate) not_before: Option<Word>,
    pub(crate) not_after: Option<Word>,
    pub(crate) version: u32,
    pub(crate) ca: Option<bool>,
    pub(crate) path_len: Option<u32>,
    /// Names of RFC 5280 4.2.1.3; `null` if the extension is absent.
    #[serde(default, with = "ids::optional_list")]
    pub(crate) key_usage: Option<Vec<KeyUsage>>,
    pub(crate) ext_key_usage: Vec<Word>,
    pub(crate) policies: Vec<Word>,
    pub(crate) self_issued: bool,
}

/// A place of something public that belongs to the key.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Related {
    #[serde(with = "ids")]
    pub(crate) kind: Kind,
    #[serde(flatten)]
    pub(crate) place: Place,
    pub(crate) format: Word,
    pub(crate) certificate_sha256: Option<Word>,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Evidence {
    pub(crate) role: Word,
    pub(crate) weight: i32,
    pub(crate) group: Word,
    pub(crate) locator: Text,
    pub(crate) text: Text,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Modifier {
    /// Added to the severity, one decimal.
    pub(crate) change: Tenths,
    pub(crate) text: Text,
}

/// What findings were before there was another kind.
const fn private_key() -> FindingKind {
    FindingKind::PrivateKey
}

/// The role of a finding of which no role is known.
const fn unknown() -> Word {
    Word::of("unknown")
}
