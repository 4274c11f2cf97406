//! The types of a report, which define the format `keyradius.report/1`. No other types are serialized to a report.
//!
//! Within a major version, fields are added, but never change their meaning. `report.schema.json` describes the format
//! for machines; a test compares it with these types. Fields that were added after the first version are `default`, so
//! that reports of all versions with this major version can be read.

mod finding;
pub(crate) mod ids;
mod options;
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
pub(crate) use options::{Options, Reading};
pub(crate) use place::{Allowance, Commit, Git, Label, Occurrence, Opened, Place, Protection, Spot};
pub(crate) use playbook::{Command, Playbook, Reference, Section, Step};
pub(crate) use tenths::Tenths;
pub(crate) use text::{Text, Word};

/// Name and version of the format.
pub(crate) const SCHEMA: &str = "keyradius.report/1";

/// The report of a scan.
#[derive(Debug, Serialize)]
pub(crate) struct Report {
    pub(crate) schema: &'static str,
    pub(crate) tool: Tool,
    pub(crate) scan: Scan,
    pub(crate) summary: Summary,
    /// Findings, ranked: the most severe first.
    pub(crate) findings: Records<Finding>,
    /// Ordinary secrets, ranked separately from keys.
    pub(crate) secrets: Records<Secret>,
    /// Public material that belongs to no finding, by kind.
    pub(crate) public: Vec<Public>,
    /// Findings of which every occurrence is allowed.
    pub(crate) allowed: Records<Finding>,
    /// Ordinary secrets of which every occurrence is allowed.
    pub(crate) allowed_secrets: Records<Secret>,
    /// The playbooks that findings name, each once.
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

    /// This program.
    pub(crate) const THIS: Self = Self { name: Word::of("keyradius"), version: Word::of(Self::VERSION) };
}

/// The run. Its three times are the only fields that differ between two scans of the same bytes.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Scan {
    /// RFC 3339, UTC.
    pub(crate) started: Word,
    /// RFC 3339, UTC.
    pub(crate) finished: Word,
    pub(crate) duration_ms: u64,
    /// Whether all requested input was read.
    pub(crate) complete: bool,
    pub(crate) interrupted: bool,
    pub(crate) exit_code: u8,
    /// The targets as typed.
    pub(crate) targets: Vec<Text>,
    /// `None` in reports of versions that did not write it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) options: Option<Options>,
}

/// Counts of findings and inputs.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Summary {
    pub(crate) signing_keys: usize,
    pub(crate) other_keys: usize,
    /// Findings of severity below 2.0, which are also counted above.
    pub(crate) notes: usize,
    /// Notes that are signing keys.
    #[serde(skip)]
    pub(crate) signing_notes: usize,
    /// Keys for tests that are not notes. They are also counted above.
    #[serde(default)]
    pub(crate) test_keys: usize,
    /// Keys for tests that are signing keys.
    #[serde(skip)]
    pub(crate) signing_tests: usize,
    /// Places of all findings.
    pub(crate) places: usize,
    #[serde(with = "ids::counts")]
    pub(crate) by_tier: BTreeMap<Tier, usize>,
    /// Ordinary secrets, which are not counted above.
    #[serde(default)]
    pub(crate) secrets: usize,
    #[serde(default)]
    pub(crate) secret_places: usize,
    pub(crate) allowed: usize,
    /// Inputs that could not be read completely.
    pub(crate) skipped: usize,
    /// Inputs of a recognised format that were not opened.
    pub(crate) unopened: u64,
}

/// Public material of one kind that belongs to no finding.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Public {
    #[serde(with = "ids")]
    pub(crate) kind: Kind,
    pub(crate) count: usize,
    /// The places; empty without `--show-public`.
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

/// Which inputs were read and which were not.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Coverage {
    pub(crate) files: u64,
    pub(crate) bytes: u64,
    /// Matches that looked like a private key, but were not one.
    pub(crate) rejected: u64,
    /// Opened archives, images and compressed streams, by format; and the number of members read from all of them.
    #[serde(default)]
    pub(crate) containers: BTreeMap<Word, u64>,
    #[serde(default)]
    pub(crate) members: u64,
    /// Number of inputs that were recognised but not opened, by format.
    pub(crate) unopened: BTreeMap<Word, u64>,
    /// Locked keys and keystores, and the passwords tried on them.
    #[serde(default)]
    pub(crate) locked: Locked,
    /// Git histories that were read.
    #[serde(default)]
    pub(crate) repositories: Vec<Repository>,
    pub(crate) gaps: Vec<Gap>,
}

/// Locked containers of a run.
#[derive(Clone, Copy, Debug, Default, Serialize, Deserialize)]
pub(crate) struct Locked {
    /// Number of distinct containers.
    pub(crate) containers: u64,
    /// Number of passwords tried on all containers.
    pub(crate) tried: u64,
    /// Number of containers in which at least one key was opened.
    pub(crate) opened: u64,
}

/// A git history that was read. Objects that are stored several times are counted once.
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
    /// Total size of the distinct blobs in bytes, decompressed.
    pub(crate) blob_bytes: u64,
    /// Whether the repository is a shallow clone.
    pub(crate) shallow: bool,
    /// Whether the repository is a partial clone, so that objects may be missing.
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
    /// Whether the input was skipped as requested or has no stored bytes: the scan is complete without it.
    pub(crate) deliberate: bool,
}

/// A notice about the configuration or a mark that needs the user's attention.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Notice {
    pub(crate) kind: Word,
    pub(crate) place: Text,
    pub(crate) message: Text,
}
