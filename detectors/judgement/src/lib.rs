//! Judges facts: what would still trust a signature made with a key.
//!
//! Pure functions over the [`Estate`]; integers only; every point added or subtracted is recorded in a ledger.

mod around;
mod classify;
mod descriptions;
pub mod estate;
mod evidence;
mod globs;
mod issued;
mod join;
pub mod known;
mod link;
pub mod playbook;
mod posture;
pub mod rank;
mod roles;
pub mod rules;
pub mod secrets;
mod severity;
mod siblings;
mod standing;
mod subject;
pub mod tables;
mod test_key;
pub mod weak;
mod weakness;

use std::sync::Arc;

use keyradius_core::blob::Origin;
use keyradius_core::material::{Algorithm, CertFacts, KeyId, Occurrence, Proof, ProtectionState, PublicHalf};

pub use classify::{classify_all, ledger};
pub use estate::{Estate, Use};
pub use known::{Known, KnownKeys};
pub use secrets::{SecretFinding, secrets};
pub use subject::Judge;
pub use tables::Tables;
pub use weak::Weakness;
pub use weakness::{Survey, Weaknesses, survey};

/// Who must act before forged output stops being accepted. Ordered: `T0` is the widest.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Deserialize)]
pub enum Tier {
    /// Other signers, boot code, or trust anchors that no revocation reaches.
    T0,
    /// A whole population of verifiers.
    T1,
    /// One product channel, service or tenant.
    T2,
    /// One principal or host.
    T3,
    /// No verifier known, or not a signing use.
    T4,
}

impl Tier {
    /// `T0` to `T4`.
    pub const fn id(self) -> &'static str {
        match self {
            Self::T0 => "T0",
            Self::T1 => "T1",
            Self::T2 => "T2",
            Self::T3 => "T3",
            Self::T4 => "T4",
        }
    }
}

/// Fewest points of a role that is asserted.
const PROBABLE: i32 = 60;

/// How certain a role is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Band {
    /// 10 to 29 points.
    Hint,
    /// 30 to 59 points.
    Possible,
    /// 60 points or more.
    Probable,
    /// 100 points or more, and one item alone proves it.
    Proven,
}

impl Band {
    /// A stable identifier for machines.
    pub const fn id(self) -> &'static str {
        match self {
            Self::Hint => "hint",
            Self::Possible => "possible",
            Self::Probable => "probable",
            Self::Proven => "proven",
        }
    }
}

/// One reason to believe (or not to believe) a role.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Evidence {
    /// The role it supports; empty for items that only change the severity.
    pub role: String,
    /// Points for the role; negative ones contradict it.
    pub weight: i32,
    /// Source of correlation: only the strongest item of a group counts.
    pub group: String,
    /// Where the item was seen: `ca.crt:1`.
    pub locator: String,
    /// What was seen.
    pub text: String,
    /// The role's tier for a key with this item, where it is wider than usual.
    pub tier: Option<Tier>,
}

/// A role supported by the evidence.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RoleScore {
    /// The role's id: the name of its file in `data/roles/`.
    pub role: String,
    /// The role's title: a few words for a person.
    pub title: String,
    /// Points, 0 to 200: the sum over groups of the strongest item in each.
    pub score: i32,
    /// The certainty that the points amount to.
    pub band: Band,
    /// The role's tier.
    pub tier: Tier,
}

/// A change to the severity, in tenths.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Modifier {
    /// Tenths added or taken.
    pub tenths: i32,
    /// The reason.
    pub text: String,
    /// Who controls the fact.
    pub by: Word,
}

/// Who controls the fact that a modifier is based on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Word {
    /// The key itself, or what keyradius knows about it.
    Key,
    /// Whoever put the key there: its path and the certificates next to it.
    Author,
    /// Whoever put the key there, by a limit for keys for tests: thresholds are compared without it.
    Limit,
    /// Nobody: keeps the sum within its bounds.
    Bound,
}

/// A place in a file.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Spot {
    /// The file and what was opened to reach it.
    pub origin: Origin,
    /// Line in the file, from 1; 0 if unknown.
    pub line: u64,
}

/// A posture rule that a key breaks, whatever the key is for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RuleHit {
    /// The rule's id in `rules.toml`.
    pub rule: &'static str,
    /// How this key breaks the rule.
    pub text: String,
    /// Where it is seen.
    pub places: Vec<Spot>,
}

/// A private key, ranked, with all its places; or a public key that must not be trusted, with what trusts it.
#[derive(Clone, Debug)]
pub struct Finding {
    /// Stable id: `kr1:` and 16 hex digits derived from the key alone, so that moving a line, a file or a repository
    /// does not change it.
    pub id: String,
    /// Whether the private key was found; otherwise the places are those of what trusts the public key.
    pub private: bool,
    /// Identity of the public half; `None` if it is unknown without a password.
    pub key: Option<KeyId>,
    /// Every fingerprint of the public half.
    pub public: Option<Arc<PublicHalf>>,
    /// SHA-256 of the ciphertext, where there is no public half.
    pub ciphertext_sha256: Option<[u8; 32]>,
    /// Algorithm, where known.
    pub algorithm: Option<Algorithm>,
    /// OpenPGP fingerprints (lower-case hex), sorted.
    pub pgp_fingerprints: Vec<String>,
    /// The best proof among the occurrences.
    pub proof: Proof,
    /// The weakest protection among the occurrences: the one an attacker would choose.
    pub protection: ProtectionState,
    /// Asserted roles, widest tier first. At least one, possibly `unknown`.
    pub roles: Vec<RoleScore>,
    /// Weaker hypotheses.
    pub hypotheses: Vec<RoleScore>,
    /// Tier of the widest asserted role.
    pub tier: Tier,
    /// The widest tier among the weaker hypotheses, if wider than `tier`.
    pub tier_potential: Option<Tier>,
    /// Severity in tenths, 0 to 100.
    pub severity: i32,
    /// Whether an asserted role signs things that others trust: such keys are ranked before others.
    pub signing: bool,
    /// Why the key is one for tests; `None` if it is not.
    pub for_tests: Option<String>,
    /// What the severity lost because the key, or only its places, are for tests, in tenths.
    pub limited: i32,
    /// Ledger: evidence for and against every role that was considered, sorted.
    pub evidence: Vec<Evidence>,
    /// Ledger: severity modifiers in the order applied; the first one is the base of the tier.
    pub modifiers: Vec<Modifier>,
    /// Rules that the key breaks, in a fixed order.
    pub rules: Vec<RuleHit>,
    /// Weaknesses of the public half, worst first.
    pub weaknesses: Vec<Weakness>,
    /// The entry in a list of known keys.
    pub known: Option<Known>,
    /// Time of the first commit that contains the key, seconds since 1970.
    pub first_seen: Option<i64>,
    /// Whether verifiers check the expiry of the key's certificates.
    pub dated: bool,
    /// The reason in one line.
    pub reason: String,
    /// The next step in one line.
    pub next_step: String,
    /// The private key's occurrences, sorted by origin and offset.
    pub occurrences: Vec<Occurrence>,
    /// Certificates of the same key found anywhere in the run, sorted by SHA-256, each once.
    pub certificates: Vec<CertFacts>,
    /// Places of public halves and certificates of the same key, sorted.
    pub related: Vec<Occurrence>,
    /// Lines of other files that use the key, sorted.
    pub uses: Vec<Use>,
    /// Places of certificates that the key issued, sorted. Each signature was verified.
    pub issued: Vec<Occurrence>,
    /// Some places of certificates whose issuer has the name of this key's certificate, and whose signature could not be
    /// verified.
    pub same_name: Vec<Occurrence>,
}

impl Finding {
    /// The severity that thresholds are compared with, in tenths: whether the key is one for tests does not count, because
    /// whoever puts a key there decides how the place looks.
    pub fn threshold(&self) -> i32 {
        self.severity + self.limited
    }

    /// Severity as people write it: `9.8`.
    pub fn severity_text(&self) -> String {
        format!("{}.{}", self.severity / 10, self.severity % 10)
    }
}
