//! What a run read of repositories.

use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use crate::oid::Format;

/// What was read of one repository.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Summary {
    /// Its work tree, or the directory of a bare one, or the file of a bundle.
    #[serde(with = "crate::wire::path")]
    pub path: PathBuf,
    /// How its objects are named.
    pub format: Format,
    /// Packs read.
    pub packs: usize,
    /// Loose objects read.
    pub loose: usize,
    /// Distinct commits.
    pub commits: u64,
    /// Distinct trees.
    pub trees: u64,
    /// Distinct blobs.
    pub blobs: u64,
    /// Distinct tag objects.
    pub tags: u64,
    /// Bytes of distinct blobs.
    pub blob_bytes: u64,
    /// Whether its history is cut off.
    pub shallow: bool,
    /// Whether objects may have been left on a server.
    pub partial: bool,
}
