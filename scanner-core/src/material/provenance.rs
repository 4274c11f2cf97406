//! The git history of a material.

use std::path::PathBuf;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::oid::{Kind, ObjectId};

/// The git history of one place of a material.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Provenance {
    /// The repository: its work tree, or its directory if it is bare.
    #[serde(with = "crate::wire::path")]
    pub repository: PathBuf,
    /// The object that contains the material.
    pub object: ObjectId,
    /// The kind of that object.
    pub kind: Kind,
    /// The path of this place in the repository; `None` for messages and for unreachable objects.
    #[serde(with = "crate::wire::optional_path")]
    pub path: Option<PathBuf>,
    /// The first commit, in the order of history, that has the object at this path.
    pub introduced: Option<CommitFacts>,
    /// The last commit in HEAD's history that removed it from this path.
    pub removed: Option<CommitFacts>,
    /// Whether HEAD's tree has it at this path.
    pub at_head: bool,
    /// Its reachability.
    pub reach: Reach,
    /// Branches and remote branches whose history has the introducing commit, sorted. If neither they nor a tag have it,
    /// other refs by their full names (`refs/pull/7/head`).
    pub branches: Arc<[String]>,
    /// Tags whose history has the introducing commit, sorted.
    pub tags: Arc<[String]>,
}

impl Provenance {
    /// Whether anything is known of how the material came here.
    pub const fn attributed(&self) -> bool {
        self.introduced.is_some() || !matches!(self.reach, Reach::Unreachable)
    }
}

/// The reachability of a git object. Ordered, most public first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Reach {
    /// A branch, tag or other ref, or HEAD.
    Refs,
    /// A stash.
    Stash,
    /// A reflog only: the commit was amended, rebased or reset.
    Reflog,
    /// An index only: staged, never committed.
    Index,
    /// Nothing: the object stays until git prunes it.
    Unreachable,
}

impl Reach {
    /// A stable identifier.
    pub const fn id(self) -> &'static str {
        match self {
            Self::Refs => "refs",
            Self::Stash => "stash",
            Self::Reflog => "reflog",
            Self::Index => "index",
            Self::Unreachable => "unreachable",
        }
    }
}

/// A commit, as people refer to it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct CommitFacts {
    /// Its object id.
    pub id: ObjectId,
    /// `Name <mail>`: text of the repository, not safe on a terminal.
    pub author: String,
    /// Seconds since 1970.
    pub author_time: i64,
    /// `Name <mail>`.
    pub committer: String,
    /// Seconds since 1970.
    pub commit_time: i64,
}
