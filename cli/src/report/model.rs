//! The report: the only types that are serialized, and so the promise that `keyradius.report/1` makes.
//!
//! Fields are added within a major version and never change their meaning. `report.schema.json` beside this file says
//! the same for machines; a test holds the two together.

use std::borrow::Cow;
use std::collections::BTreeMap;

use scanner_core::error::Reason;
use scanner_core::material::{Encoding, ProtectionState, Verdict};
use serde::{Serialize, Serializer};

use super::records::Records;

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

#[derive(Clone, Copy, Debug, Serialize)]
pub(crate) struct Tool {
    pub(crate) name: &'static str,
    pub(crate) version: &'static str,
}

impl Tool {
    /// This one.
    pub(crate) const THIS: Self = Self { name: "keyradius", version: env!("CARGO_PKG_VERSION") };
}

/// The run. The three times are the only fields that differ between two scans of the same bytes.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Scan {
    /// RFC 3339, UTC.
    pub(crate) started: String,
    /// RFC 3339, UTC.
    pub(crate) finished: String,
    pub(crate) duration_ms: u64,
    /// Whether everything that was to be read was read.
    pub(crate) complete: bool,
    pub(crate) interrupted: bool,
    pub(crate) exit_code: u8,
    /// As typed.
    pub(crate) targets: Vec<String>,
}

/// Counts.
#[derive(Clone, Debug, Serialize)]
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
    pub(crate) by_tier: BTreeMap<&'static str, usize>,
    /// Ordinary secrets, counted nowhere else.
    pub(crate) secrets: usize,
    pub(crate) secret_places: usize,
    pub(crate) allowed: usize,
    /// Inputs that could not be read, or not to their end.
    pub(crate) skipped: usize,
    /// Inputs of a known format that were not opened.
    pub(crate) unopened: u64,
}

/// A private key, ranked, with every place it lies; or a public key that must not be trusted, with what trusts it.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Finding {
    pub(crate) id: String,
    /// `private_key`, or `trusted_key`: only the public half is here.
    pub(crate) kind: &'static str,
    /// 0.0 to 10.0, one decimal.
    pub(crate) severity: f64,
    pub(crate) tier: &'static str,
    pub(crate) tier_potential: Option<&'static str>,
    /// Whether a role of it is to sign things that others believe.
    pub(crate) signing: bool,
    pub(crate) roles: Vec<Role>,
    pub(crate) hypotheses: Vec<Role>,
    pub(crate) key: Key,
    /// The weakest protection among the occurrences.
    #[serde(serialize_with = "id")]
    pub(crate) protection: ProtectionState,
    /// The best proof among the occurrences.
    pub(crate) proof: &'static str,
    pub(crate) reason: String,
    pub(crate) next_step: String,
    pub(crate) occurrences: Vec<Occurrence>,
    pub(crate) certificates: Vec<Certificate>,
    /// Places of public halves and certificates of the same key.
    pub(crate) related: Vec<Related>,
    pub(crate) evidence: Vec<Evidence>,
    pub(crate) modifiers: Vec<Modifier>,
    /// Rules that the key breaks, whatever it is for.
    pub(crate) rules: Vec<Rule>,
    /// What arithmetic says of its public half, worst first.
    pub(crate) weaknesses: Vec<Weakness>,
    /// What lists of published keys say of it.
    pub(crate) known: Option<Known>,
    /// Lines of other files that use it.
    pub(crate) used_by: Vec<UsedBy>,
    /// Everything else of the run that leads to it or comes from it.
    pub(crate) links: Vec<Link>,
    /// How long the key has lain in a history; `null` if it lies in none.
    pub(crate) exposure: Option<Exposure>,
    /// The role whose playbook says what to do, one of [`Report::playbooks`].
    pub(crate) playbook: String,
    /// What the finding is called by others.
    pub(crate) references: Vec<Reference>,
}

/// An ordinary secret, with every place it lies.
#[derive(Clone, Debug, Serialize)]
#[allow(clippy::struct_field_names, reason = "the published names")]
pub(crate) struct Secret {
    pub(crate) id: String,
    /// `secret`.
    pub(crate) kind: &'static str,
    /// The rule that found it: of `docs/secrets.md`, or of the user.
    pub(crate) rule: Cow<'static, str>,
    pub(crate) title: Cow<'static, str>,
    /// 0.0 to 10.0, one decimal.
    pub(crate) severity: f64,
    /// How far it reaches: `publish`, `account`, `service`, `password` or `note`.
    pub(crate) class: &'static str,
    /// What its own structure says: `shape`, `decodes` or `checksum`.
    #[serde(serialize_with = "id")]
    pub(crate) verdict: Verdict,
    /// When it ends, where it says so. RFC 3339, UTC.
    pub(crate) expires: Option<String>,
    /// Whether that is over.
    pub(crate) expired: bool,
    pub(crate) unlocks: Cow<'static, str>,
    pub(crate) next_step: Cow<'static, str>,
    /// Whether a rule of the user found it.
    pub(crate) user_rule: bool,
    pub(crate) occurrences: Vec<Occurrence>,
}

/// An entry of a catalogue of weaknesses or controls.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Reference {
    pub(crate) framework: &'static str,
    pub(crate) id: String,
    pub(crate) title: String,
}

/// What to do about a key of one role.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Playbook {
    pub(crate) role: String,
    pub(crate) title: String,
    pub(crate) about: String,
    pub(crate) sections: Vec<Section>,
}

/// A section of a playbook.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Section {
    pub(crate) heading: &'static str,
    /// Before the steps, or why there are none; may be empty.
    pub(crate) note: String,
    pub(crate) steps: Vec<Step>,
}

/// A step of a playbook.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Step {
    pub(crate) who: String,
    pub(crate) text: String,
    pub(crate) commands: Vec<Command>,
    /// How one sees that it worked.
    pub(crate) done: String,
}

/// Lines to type, or to put into a configuration.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Command {
    /// `sh`, `powershell` or `text`.
    pub(crate) language: String,
    pub(crate) text: String,
}

/// From the first commit that holds the key to the day of the scan.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(crate) struct Exposure {
    /// When the first such commit was made. RFC 3339, UTC.
    pub(crate) first_seen: String,
    pub(crate) days: i64,
    /// The date to ask the CA for: what was signed and time-stamped before it stays valid. RFC 3339 date.
    pub(crate) revocation_date: String,
    /// The part of the window in which verifiers would have believed a certificate of the key. RFC 3339 dates; both
    /// `null` if there is no such part.
    pub(crate) abuse_from: Option<String>,
    pub(crate) abuse_until: Option<String>,
    /// Tags whose history holds the key: releases that were made while it lay open.
    pub(crate) releases: Vec<String>,
}

/// What is wrong with a public key, see `docs/weak-keys.md`.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Weakness {
    pub(crate) id: &'static str,
    /// `note`, `weak` or `severe`.
    pub(crate) grade: &'static str,
    /// Whether the private half follows from the public one.
    pub(crate) computable: bool,
    pub(crate) text: String,
}

/// A rule that a key breaks.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Rule {
    pub(crate) id: &'static str,
    pub(crate) text: String,
    pub(crate) places: Vec<Spot>,
}

/// A place in a file.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(crate) struct Spot {
    pub(crate) path: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) path_bytes_hex: Option<String>,
    pub(crate) origin: String,
    /// Line in the file, from 1; 0 where there is none.
    pub(crate) line: u64,
}

/// What a list of published keys says.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Known {
    /// `public_test`, `vendor_test`, `leaked_product` or `listed`.
    pub(crate) class: &'static str,
    pub(crate) label: String,
    pub(crate) source: String,
}

/// A line that uses a key.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct UsedBy {
    /// The rule of `usage.toml`, such as `signtool`.
    pub(crate) tool: String,
    pub(crate) role: String,
    pub(crate) text: String,
    /// How its name leads to the key.
    pub(crate) how: &'static str,
    /// What it calls the key.
    pub(crate) names: Vec<String>,
    pub(crate) place: Spot,
}

/// Something of the run that leads to a key or comes from it.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Link {
    /// `certificate_of`, `same_key`, `issued` or `opens`.
    pub(crate) kind: &'static str,
    pub(crate) text: String,
    pub(crate) place: Spot,
}

#[derive(Clone, Debug, Serialize)]
#[allow(clippy::struct_field_names, reason = "the published names")]
pub(crate) struct Role {
    pub(crate) role: String,
    pub(crate) title: String,
    pub(crate) score: i32,
    pub(crate) band: &'static str,
    pub(crate) tier: &'static str,
}

/// Every name the key goes by.
#[derive(Clone, Debug, Serialize)]
#[allow(clippy::struct_field_names, reason = "the published names")]
pub(crate) struct Key {
    /// `spki-sha256:` or, where the public half is not known, `ct-sha256:` and 64 hex digits.
    pub(crate) identity: Option<String>,
    pub(crate) algorithm: Option<Algorithm>,
    pub(crate) spki_sha256: Option<String>,
    /// Ignores how the key was written: the same for RSA and RSA-PSS, named and explicit curves.
    pub(crate) key_only_sha256: Option<String>,
    pub(crate) ciphertext_sha256: Option<String>,
    pub(crate) ssh_sha256: Option<String>,
    pub(crate) ski_sha1: Option<String>,
    pub(crate) jwk_thumbprint: Option<String>,
    pub(crate) pgp_fingerprints: Vec<String>,
}

#[derive(Clone, Debug, Serialize)]
pub(crate) struct Algorithm {
    pub(crate) name: &'static str,
    /// Modulus or field; `null` where the name fixes it or it is not known.
    pub(crate) bits: Option<u32>,
    pub(crate) curve: Option<&'static str>,
}

/// A place where the private key lies.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Occurrence {
    #[serde(flatten)]
    pub(crate) place: Place,
    pub(crate) format: &'static str,
    #[serde(serialize_with = "id")]
    pub(crate) encoding: Encoding,
    pub(crate) proof: &'static str,
    pub(crate) protection: Option<Protection>,
    pub(crate) labels: Vec<Label>,
    pub(crate) container: Option<&'static str>,
    pub(crate) notes: Vec<&'static str>,
    pub(crate) pgp_fingerprint: Option<String>,
    pub(crate) allowed: Option<Allowance>,
    /// What the history says of the place; `null` for plain files.
    pub(crate) git: Option<Git>,
}

/// A place in a git history.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Git {
    /// The work tree, or the directory of a bare repository.
    pub(crate) repository: String,
    /// The object that holds the key: `git cat-file -p` prints it.
    pub(crate) object: String,
    /// `blob`, `commit` or `tag`.
    pub(crate) kind: &'static str,
    /// Whether a commit, ref, reflog or index was found that leads to it.
    pub(crate) attributed: bool,
    /// In the repository.
    pub(crate) path: Option<String>,
    /// The first commit that has the object at this path.
    pub(crate) introduced: Option<Commit>,
    /// The commit on HEAD's history that took it away from there.
    pub(crate) removed: Option<Commit>,
    /// Whether HEAD has it at this path.
    pub(crate) at_head: bool,
    /// `refs`, `stash`, `reflog`, `index` or `unreachable`.
    pub(crate) reach: &'static str,
    /// Branches and remote branches whose history has a commit that introduced it.
    pub(crate) branches: Vec<String>,
    /// Tags likewise.
    pub(crate) tags: Vec<String>,
}

#[derive(Clone, Debug, Serialize)]
#[allow(clippy::struct_field_names, reason = "the published names")]
pub(crate) struct Commit {
    pub(crate) commit: String,
    pub(crate) author: String,
    /// RFC 3339, UTC; `null` if beyond what a date can say.
    pub(crate) author_date: Option<String>,
    pub(crate) committer: String,
    pub(crate) commit_date: Option<String>,
}

/// Where something lies.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub(crate) struct Place {
    /// The file; with bytes that are no UTF-8 written as `\xNN`.
    pub(crate) path: String,
    /// The name's bytes, if they are no UTF-8.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) path_bytes_hex: Option<String>,
    /// The path and every wrapper that was opened, safe to print.
    pub(crate) origin: String,
    /// Line in the file, from 1.
    pub(crate) line: u64,
    /// Byte offset in the innermost wrapper.
    pub(crate) offset: u64,
    /// The section of a program and the offset in it, such as `.rdata+0x1f40`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) section: Option<String>,
    /// The part of `origin` that names the file, or the member of an archive, in which lines are counted.
    #[serde(skip)]
    pub(crate) counted_in: String,
}

#[derive(Clone, Debug, Serialize)]
pub(crate) struct Protection {
    #[serde(serialize_with = "id")]
    pub(crate) state: ProtectionState,
    pub(crate) detail: String,
    /// How it was opened in this run, if it was.
    pub(crate) opened: Option<Opened>,
}

/// How a locked key was opened. Never with which password.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Opened {
    /// `empty`, `well_known` or `found`.
    pub(crate) how: &'static str,
    /// Where the password stands, for one that was found.
    pub(crate) place: Option<Spot>,
    /// The field that holds it.
    pub(crate) field: String,
}

/// A name that a file gives to a key.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Label {
    pub(crate) kind: &'static str,
    pub(crate) text: String,
}

/// Why an occurrence is allowed.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Allowance {
    /// `config` or `inline`.
    pub(crate) by: &'static str,
    pub(crate) place: String,
    pub(crate) reason: String,
    pub(crate) until: Option<String>,
}

#[derive(Clone, Debug, Serialize)]
pub(crate) struct Certificate {
    pub(crate) sha256: String,
    pub(crate) sha1: String,
    pub(crate) subject: String,
    pub(crate) issuer: String,
    pub(crate) serial: String,
    /// RFC 3339, UTC; `null` if beyond what a date can say.
    pub(crate) not_before: Option<String>,
    pub(crate) not_after: Option<String>,
    pub(crate) version: u32,
    pub(crate) ca: Option<bool>,
    pub(crate) path_len: Option<u32>,
    /// Names of RFC 5280 4.2.1.3; `null` if the extension is absent.
    pub(crate) key_usage: Option<Vec<&'static str>>,
    pub(crate) ext_key_usage: Vec<String>,
    pub(crate) policies: Vec<String>,
    pub(crate) self_issued: bool,
}

/// A place of something public that belongs to the key.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Related {
    pub(crate) kind: &'static str,
    #[serde(flatten)]
    pub(crate) place: Place,
    pub(crate) format: &'static str,
    pub(crate) certificate_sha256: Option<String>,
}

#[derive(Clone, Debug, Serialize)]
pub(crate) struct Evidence {
    pub(crate) role: String,
    pub(crate) weight: i32,
    pub(crate) group: String,
    pub(crate) locator: String,
    pub(crate) text: String,
}

#[derive(Clone, Debug, Serialize)]
pub(crate) struct Modifier {
    /// Added to the severity, one decimal.
    pub(crate) change: f64,
    pub(crate) text: String,
}

/// Public material of one kind that belongs to no finding.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Public {
    pub(crate) kind: &'static str,
    pub(crate) count: usize,
    /// Only with `--show-public`.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(crate) places: Vec<PublicPlace>,
}

#[derive(Clone, Debug, Serialize)]
pub(crate) struct PublicPlace {
    #[serde(flatten)]
    pub(crate) place: Place,
    pub(crate) format: &'static str,
    pub(crate) spki_sha256: Option<String>,
    pub(crate) subject: Option<String>,
}

/// What was read and what was not.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Coverage {
    pub(crate) files: u64,
    pub(crate) bytes: u64,
    /// Matches that looked like a private key and were none.
    pub(crate) rejected: u64,
    /// Archives, images and compressed streams that were opened, by format, and how many members were read of them all.
    pub(crate) containers: BTreeMap<&'static str, u64>,
    pub(crate) members: u64,
    /// Formats recognised and not opened: how many inputs of each.
    pub(crate) unopened: BTreeMap<&'static str, u64>,
    /// Locked keys and keystores, and what was tried on them.
    pub(crate) locked: Locked,
    /// Histories read.
    pub(crate) repositories: Vec<Repository>,
    pub(crate) gaps: Vec<Gap>,
}

/// Locked containers of a run.
#[derive(Clone, Copy, Debug, Default, Serialize)]
pub(crate) struct Locked {
    /// Distinct containers.
    pub(crate) containers: u64,
    /// Passwords tried on all of them.
    pub(crate) tried: u64,
    /// Containers of which at least one key opened.
    pub(crate) opened: u64,
}

/// A history that was read: distinct objects, duplicates in several packs counted once.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Repository {
    pub(crate) path: String,
    pub(crate) object_format: &'static str,
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

#[derive(Clone, Debug, Serialize)]
pub(crate) struct Gap {
    pub(crate) path: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) path_bytes_hex: Option<String>,
    pub(crate) origin: String,
    #[serde(serialize_with = "id")]
    pub(crate) reason: Reason,
    pub(crate) detail: String,
    /// Left out because it was asked for, or because it holds no stored bytes: the scan is complete without it.
    pub(crate) deliberate: bool,
}

/// Something about the configuration that needs the user's attention.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Notice {
    pub(crate) kind: &'static str,
    pub(crate) place: String,
    pub(crate) message: String,
}

/// What machines are told by a stable identifier.
trait Id: Copy {
    fn id(self) -> &'static str;
}

macro_rules! ids {
    ($($of:ty),*) => {
        $(impl Id for $of {
            fn id(self) -> &'static str {
                Self::id(self)
            }
        })*
    };
}

ids!(Encoding, ProtectionState, Reason, Verdict);

fn id<T: Id, S: Serializer>(value: &T, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str((*value).id())
}
