//! How a material came to where it lies in a git history.

use std::path::PathBuf;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::oid::{Kind, ObjectId};

/// What a git history says of a place.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Provenance {
    /// The repository: its work tree, or the directory of a bare one.
    #[serde(with = "crate::wire::path")]
    pub repository: PathBuf,
    /// The object that holds the material.
    pub object: ObjectId,
    /// What that object is.
    pub kind: Kind,
    /// The path in the repository of this place; `None` for messages, and for what nothing leads to.
    #[serde(with = "crate::wire::optional_path")]
    pub path: Option<PathBuf>,
    /// The first commit, in the order of history, that has the object at this path.
    pub introduced: Option<CommitFacts>,
    /// The last commit on HEAD's history that took it away from this path.
    pub removed: Option<CommitFacts>,
    /// Whether HEAD's tree has it at this path.
    pub at_head: bool,
    /// What leads to it.
    pub reach: Reach,
    /// Branches and remote branches whose history has the introducing commit, sorted.
    pub branches: Arc<[String]>,
    /// Tags likewise.
    pub tags: Arc<[String]>,
}

impl Provenance {
    /// Whether anything is known of how it came here.
    pub const fn attributed(&self) -> bool {
        self.introduced.is_some() || !matches!(self.reach, Reach::Unreachable)
    }
}

/// What leads to a git object, the most public first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Reach {
    /// A branch, tag or other ref, or HEAD.
    Refs,
    /// A stash.
    Stash,
    /// A reflog only: amended, rebased or reset.
    Reflog,
    /// An index only: staged, never committed.
    Index,
    /// Nothing: dangling until git prunes it.
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

/// A commit as people speak of it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct CommitFacts {
    /// Its name.
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
