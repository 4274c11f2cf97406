//! The report: the only types that are serialized, and so the promise that `keyradius.report/1` makes.
//!
//! Fields are added within a major version and never change their meaning. `report.schema.json` beside this file says
//! the same for machines; a test holds the two together. Fields that were added since the first report are `default`, so that
//! reports of every version of this major are read.

mod finding;
pub(crate) mod ids;
mod place;
mod playbook;
mod tenths;
mod text;

use std::collections::BTreeMap;

use keyradius_core::error::Reason;
use keyradius_core::material::Kind;
use keyradius_core::oid;
use keyradius_judgement::Tier;
use serde::{Deserialize, Serialize};

use super::records::Records;

pub(crate) use finding::{
    Algorithm, Certificate, Evidence, Exposure, Finding, Key, Known, Link, Modifier, Related, Role, Rule, Secret,
    UsedBy, Weakness,
};
pub(crate) use ids::{AllowedBy, FindingKind, Heading, Id, KeyUsage, LinkKind, SecretKind};
pub(crate) use place::{Allowance, Commit, Git, Label, Occurrence, Opened, Place, Protection, Spot};
pub(crate) use playbook::{Command, Playbook, Reference, Section, Step};
pub(crate) use tenths::Tenths;
pub(crate) use text::{Text, Word};

/// Name and version of this shape.
pub(crate) const SCHEMA: &str = "keyradius.report/1";

/// Everything a scan has to say.
#[derive(Debug, Serialize)]
pub(crate) struct Report {
    pub(crate) schema: &'static str,
    pub(crate) tool: Tool,
    pub(crate) scan: Scan,
    pub(crate) summary: Summary,
    /// Ranked: the first is the worst.
    pub(crate) findings: Records<Finding>,
    /// Ordinary secrets, ranked apart from keys and among themselves.
    pub(crate) secrets: Records<Secret>,
    /// Public material that belongs to no finding, by kind.
    pub(crate) public: Vec<Public>,
    /// Findings of which every occurrence is allowed.
    pub(crate) allowed: Records<Finding>,
    /// Ordinary secrets likewise.
    pub(crate) allowed_secrets: Records<Secret>,
    /// What to do, once for each role that a finding names as its playbook.
    pub(crate) playbooks: Vec<Playbook>,
    pub(crate) coverage: Coverage,
    pub(crate) notices: Vec<Notice>,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Tool {
    pub(crate) name: Word,
    pub(crate) version: Word,
}

impl Tool {
    /// The version of this program.
    pub(crate) const VERSION: &'static str = env!("CARGO_PKG_VERSION");

    /// This one.
    pub(crate) const THIS: Self = Self { name: Word::of("keyradius"), version: Word::of(Self::VERSION) };
}

/// The run. The three times are the only fields that differ between two scans of the same bytes.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Scan {
    /// RFC 3339, UTC.
    pub(crate) started: Word,
    /// RFC 3339, UTC.
    pub(crate) finished: Word,
    pub(crate) duration_ms: u64,
    /// Whether everything that was to be read was read.
    pub(crate) complete: bool,
    pub(crate) interrupted: bool,
    pub(crate) exit_code: u8,
    /// As typed.
    pub(crate) targets: Vec<Text>,
}

/// Counts.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Summary {
    pub(crate) signing_keys: usize,
    pub(crate) other_keys: usize,
    /// Findings of severity below 2.0, counted above as well.
    pub(crate) notes: usize,
    /// Those of the notes that are signing keys.
    #[serde(skip)]
    pub(crate) signing_notes: usize,
    /// Places of all findings.
    pub(crate) places: usize,
    #[serde(with = "ids::counts")]
    pub(crate) by_tier: BTreeMap<Tier, usize>,
    /// Ordinary secrets, counted nowhere else.
    #[serde(default)]
    pub(crate) secrets: usize,
    #[serde(default)]
    pub(crate) secret_places: usize,
    pub(crate) allowed: usize,
    /// Inputs that could not be read, or not to their end.
    pub(crate) skipped: usize,
    /// Inputs of a known format that were not opened.
    pub(crate) unopened: u64,
}

/// Public material of one kind that belongs to no finding.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Public {
    #[serde(with = "ids")]
    pub(crate) kind: Kind,
    pub(crate) count: usize,
    /// Only with `--show-public`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(crate) places: Vec<PublicPlace>,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct PublicPlace {
    #[serde(flatten)]
    pub(crate) place: Place,
    pub(crate) format: Word,
    pub(crate) spki_sha256: Option<Word>,
    pub(crate) subject: Option<Text>,
}

/// What was read and what was not.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Coverage {
    pub(crate) files: u64,
    pub(crate) bytes: u64,
    /// Matches that looked like a private key and were none.
    pub(crate) rejected: u64,
    /// Archives, images and compressed streams that were opened, by format, and how many members were read of them all.
    #[serde(default)]
    pub(crate) containers: BTreeMap<Word, u64>,
    #[serde(default)]
    pub(crate) members: u64,
    /// Formats recognised and not opened: how many inputs of each.
    pub(crate) unopened: BTreeMap<Word, u64>,
    /// Locked keys and keystores, and what was tried on them.
    #[serde(default)]
    pub(crate) locked: Locked,
    /// Histories read.
    #[serde(default)]
    pub(crate) repositories: Vec<Repository>,
    pub(crate) gaps: Vec<Gap>,
}

/// Locked containers of a run.
#[derive(Clone, Copy, Debug, Default, Serialize, Deserialize)]
pub(crate) struct Locked {
    /// Distinct containers.
    pub(crate) containers: u64,
    /// Passwords tried on all of them.
    pub(crate) tried: u64,
    /// Containers of which at least one key opened.
    pub(crate) opened: u64,
}

/// A history that was read: distinct objects, duplicates in several packs counted once.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Repository {
    pub(crate) path: Text,
    #[serde(with = "ids")]
    pub(crate) object_format: oid::Format,
    pub(crate) packs: usize,
    pub(crate) loose: usize,
    pub(crate) objects: u64,
    pub(crate) commits: u64,
    pub(crate) trees: u64,
    pub(crate) blobs: u64,
    pub(crate) tags: u64,
    /// Bytes of the distinct blobs, unpacked.
    pub(crate) blob_bytes: u64,
    /// Whether its history is cut off.
    pub(crate) shallow: bool,
    /// Whether objects may have been left on a server.
    pub(crate) partial: bool,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Gap {
    pub(crate) path: Text,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) path_bytes_hex: Option<Word>,
    pub(crate) origin: Text,
    #[serde(with = "ids")]
    pub(crate) reason: Reason,
    pub(crate) detail: Text,
    /// Left out because it was asked for, or because it holds no stored bytes: the scan is complete without it.
    pub(crate) deliberate: bool,
}

/// Something about the configuration that needs the user's attention.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Notice {
    pub(crate) kind: Word,
    pub(crate) place: Text,
    pub(crate) message: Text,
}
