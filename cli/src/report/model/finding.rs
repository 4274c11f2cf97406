//! Findings in a report.

use keyradius_core::material::{Kind, Proof, ProtectionState, SecretClass, Verdict};
use keyradius_judgement::estate::Confidence;
use keyradius_judgement::known::Class;
use keyradius_judgement::weak::Grade;
use keyradius_judgement::{Band, Tier};
use serde::{Deserialize, Serialize};

use super::ids::{self, FindingKind, KeyUsage, LinkKind, SecretKind};
use super::tenths::severity;
use super::{Occurrence, Place, Reference, Spot, Tenths, Text, Word};

/// A private key, ranked, with all its places; or a public key that must not be trusted, with what trusts it.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Finding {
    pub(crate) id: Word,
    /// `private_key`, or `trusted_key` if only the public key was found.
    #[serde(default = "private_key", with = "ids")]
    pub(crate) kind: FindingKind,
    /// 0.0 to 10.0, one decimal.
    #[serde(deserialize_with = "severity")]
    pub(crate) severity: Tenths,
    #[serde(with = "ids")]
    pub(crate) tier: Tier,
    #[serde(default, with = "ids::optional")]
    pub(crate) tier_potential: Option<Tier>,
    /// Whether the key has a role in which it signs things that others trust.
    pub(crate) signing: bool,
    /// Why the key is one for tests; `null` if it is not.
    #[serde(default)]
    pub(crate) for_tests: Option<Text>,
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
    /// Places of public keys and certificates that belong to the key.
    pub(crate) related: Vec<Related>,
    pub(crate) evidence: Vec<Evidence>,
    pub(crate) modifiers: Vec<Modifier>,
    /// Rules that the key breaks.
    #[serde(default)]
    pub(crate) rules: Vec<Rule>,
    /// Arithmetic weaknesses of the public key, the worst first.
    #[serde(default)]
    pub(crate) weaknesses: Vec<Weakness>,
    /// The entry of the key in lists of published keys.
    #[serde(default)]
    pub(crate) known: Option<Known>,
    /// Lines of other files that use the key.
    #[serde(default)]
    pub(crate) used_by: Vec<UsedBy>,
    /// Other material of the run that is linked to the key.
    #[serde(default)]
    pub(crate) links: Vec<Link>,
    /// How long the key has been in a git history; `null` if it is in none.
    #[serde(default)]
    pub(crate) exposure: Option<Exposure>,
    /// The role whose playbook applies, one of [`super::Report::playbooks`].
    #[serde(default = "unknown")]
    pub(crate) playbook: Word,
    /// Entries of catalogues that describe the finding.
    #[serde(default)]
    pub(crate) references: Vec<Reference>,
}

/// An ordinary secret, with all its places.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[allow(clippy::struct_field_names, reason = "the published names")]
pub(crate) struct Secret {
    pub(crate) id: Word,
    /// `secret`.
    #[serde(with = "ids")]
    pub(crate) kind: SecretKind,
    /// The rule that found the secret: one of `docs/secrets.md`, or of the user.
    pub(crate) rule: Word,
    pub(crate) title: Text,
    /// 0.0 to 10.0, one decimal.
    #[serde(deserialize_with = "severity")]
    pub(crate) severity: Tenths,
    /// What the secret gives access to: `publish`, `account`, `service`, `password` or `note`.
    #[serde(with = "ids")]
    pub(crate) class: SecretClass,
    /// What the structure of the secret proves: `shape`, `decodes` or `checksum`.
    #[serde(with = "ids")]
    pub(crate) verdict: Verdict,
    /// When the secret expires, if it contains a time. RFC 3339, UTC.
    pub(crate) expires: Option<Word>,
    /// Whether that time has passed.
    pub(crate) expired: bool,
    pub(crate) unlocks: Text,
    pub(crate) next_step: Text,
    /// Whether a rule of the user found the secret.
    pub(crate) user_rule: bool,
    pub(crate) occurrences: Vec<Occurrence>,
}

/// The exposure of a key, from the first commit that contains it to the day of the scan.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Exposure {
    /// Time of the first such commit. RFC 3339, UTC.
    pub(crate) first_seen: Word,
    pub(crate) days: i64,
    /// The revocation date to request from the CA: signatures time-stamped before it stay valid. RFC 3339 date.
    pub(crate) revocation_date: Word,
    /// The part of the exposure in which verifiers would have trusted a certificate of the key. RFC 3339 dates; both
    /// are `null` if they would have trusted none.
    pub(crate) abuse_from: Option<Word>,
    pub(crate) abuse_until: Option<Word>,
    /// Tags whose history contains the key: releases made while it was exposed.
    pub(crate) releases: Vec<Text>,
}

/// A weakness of a public key, see `docs/weak-keys.md`.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Weakness {
    pub(crate) id: Word,
    /// `note`, `weak` or `severe`.
    #[serde(with = "ids")]
    pub(crate) grade: Grade,
    /// Whether the private key can be computed from the public one.
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

/// An entry of a list of published keys.
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
    /// How the name in the line identifies the key.
    #[serde(with = "ids")]
    pub(crate) how: Confidence,
    /// The names that the line uses for the key.
    pub(crate) names: Vec<Text>,
    pub(crate) place: Spot,
}

/// Material of the run that is linked to a key.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Link {
    /// `certificate_of`, `same_key`, `issued`, `same_name` or `opens`.
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

/// All names of a key.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[allow(clippy::struct_field_names, reason = "the published names")]
pub(crate) struct Key {
    /// `spki-sha256:` or, if the public key is unknown, `ct-sha256:`, with 64 hex digits.
    pub(crate) identity: Option<Word>,
    pub(crate) algorithm: Option<Algorithm>,
    pub(crate) spki_sha256: Option<Word>,
    /// Digest that does not depend on the encoding: the same for RSA and RSA-PSS, named and explicit curves.
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
    /// Size of the modulus or field; `null` if the name implies it or it is unknown.
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
    /// RFC 3339, UTC; `null` if out of range.
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

/// A place of a public key or certificate that belongs to the key.
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
    /// The change of the severity, one decimal.
    pub(crate) change: Tenths,
    pub(crate) text: Text,
}

/// The default kind: the only one before kinds were added.
const fn private_key() -> FindingKind {
    FindingKind::PrivateKey
}

/// The default playbook: that of a finding without a known role.
const fn unknown() -> Word {
    Word::of("unknown")
}
