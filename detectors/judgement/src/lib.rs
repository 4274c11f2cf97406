//! From facts to judgement: what would still believe a signature made with a key.
//!
//! Pure functions over the [`Estate`]; integers only; every point given or taken stands in a ledger.

mod beside;
mod classify;
pub mod estate;
mod evidence;
mod join;
pub mod known;
mod link;
pub mod playbook;
mod posture;
pub mod rank;
pub mod rules;
pub mod secrets;
mod severity;
mod subject;
pub mod tables;
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
    /// Other signers, boot code, or anchors that no revocation reaches.
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

/// How sure a role is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Band {
    /// 10 to 29 points.
    Hint,
    /// 30 to 59 points.
    Possible,
    /// 60 to 99 points.
    Probable,
    /// 100 points or more.
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
    /// The role it speaks for; empty for items that only move the severity.
    pub role: String,
    /// Points for the role; negative ones contradict it.
    pub weight: i32,
    /// Source of correlation: only the strongest item of a group counts.
    pub group: String,
    /// Where it was seen: `ca.crt:1`.
    pub locator: String,
    /// What was seen.
    pub text: String,
    /// The tier that the role has for a key with this item, where it is wider than usual.
    pub tier: Option<Tier>,
}

/// A role that the evidence speaks for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RoleScore {
    /// The role's id in `roles.toml`.
    pub role: String,
    /// The role's title: a few words for a person.
    pub title: String,
    /// Points, 0 to 200: the sum over groups of the strongest item in each.
    pub score: i32,
    /// What the points amount to.
    pub band: Band,
    /// The role's tier.
    pub tier: Tier,
}

/// A change to the severity, in tenths.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Modifier {
    /// Tenths added or taken.
    pub tenths: i32,
    /// Why.
    pub text: String,
    /// Who says so.
    pub by: Word,
}

/// Whose word a modifier is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Word {
    /// That of the key itself, or of what keyradius knows of it.
    Key,
    /// That of whoever put the key where it lies: the path, and certificates beside it.
    Author,
    /// Nobody's: it keeps the sum within its bounds.
    Bound,
}

/// A place in a file.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Spot {
    /// The file and what was opened to reach it.
    pub origin: Origin,
    /// Line in the file, from 1; 0 where there is none.
    pub line: u64,
}

/// A rule that a key breaks, whatever it is for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RuleHit {
    /// The rule's id in `rules.toml`.
    pub rule: &'static str,
    /// What of this key breaks it.
    pub text: String,
    /// Where that is seen.
    pub places: Vec<Spot>,
}

/// A private key, ranked, with every place it lies; or a public key that must not be trusted, with what trusts it.
#[derive(Clone, Debug)]
pub struct Finding {
    /// Stable id: `kr1:` and 16 hex digits that follow from the key alone, so that moving a line, a file or a repository
    /// changes nothing.
    pub id: String,
    /// Whether the private key was found; otherwise the places are those of what trusts its public half.
    pub private: bool,
    /// Identity of the public half; `None` if it cannot be known without a password.
    pub key: Option<KeyId>,
    /// Every name that follows from the public half.
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
    /// Roles asserted, best tier first. Holds at least one, if only `unknown`.
    pub roles: Vec<RoleScore>,
    /// Weaker hypotheses.
    pub hypotheses: Vec<RoleScore>,
    /// Tier.
    pub tier: Tier,
    /// The best tier among weak hypotheses, if better than `tier`.
    pub tier_potential: Option<Tier>,
    /// Severity in tenths, 0 to 100.
    pub severity: i32,
    /// Whether an asserted role is to sign things that others believe: ranked apart from other keys.
    pub signing: bool,
    /// Ledger: evidence for and against every role that was considered, sorted.
    pub evidence: Vec<Evidence>,
    /// Ledger: severity modifiers in the order applied; the first one is the base of the tier.
    pub modifiers: Vec<Modifier>,
    /// Rules that the key breaks, in a fixed order.
    pub rules: Vec<RuleHit>,
    /// What arithmetic says of its public half, worst first.
    pub weaknesses: Vec<Weakness>,
    /// What lists of published keys say of it.
    pub known: Option<Known>,
    /// When the first commit was made that holds it, seconds since 1970.
    pub first_seen: Option<i64>,
    /// Whether its verifiers look at the expiry of its certificates.
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
    /// Places of certificates that the key issued, sorted.
    pub issued: Vec<Occurrence>,
}

impl Finding {
    /// Severity as people write it: `9.8`.
    pub fn severity_text(&self) -> String {
        format!("{}.{}", self.severity / 10, self.severity % 10)
    }
}
