//! The three kinds of failure, which are never mixed.
//!
//! * [`Malformed`]: bytes that looked like a format and were not. Ordinary: counted, never reported as a fault.
//! * [`Gap`]: something that could not be read. A run with a gap is incomplete and reports that.
//! * [`SourceError`]: a source that cannot be used at all.

use std::fmt;
use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use crate::blob::Origin;

/// Bytes that looked like a format and were not.
///
/// `Copy` on purpose: a fixed text and a position cannot carry a secret out of a parser.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Malformed {
    /// What was expected.
    pub what: &'static str,
    /// Byte position in the blob (or in the decoded body) where it was expected.
    pub at: usize,
}

impl Malformed {
    /// A malformed structure: `what` was expected at byte `at`.
    pub const fn new(what: &'static str, at: usize) -> Self {
        Self { what, at }
    }
}

impl fmt::Display for Malformed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} at byte {}", self.what, self.at)
    }
}

impl std::error::Error for Malformed {}

/// Why something was not read, or not read to its end.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Reason {
    /// The operating system denied access.
    Permission,
    /// A file that was listed in its directory and gone when it was opened.
    Vanished,
    /// Reading failed part way.
    ReadError,
    /// A FIFO, socket or device met by a walk: not opened.
    SpecialFile,
    /// A pseudo file system (`/proc`, `/sys`), whose files are not stored bytes.
    PseudoFileSystem,
    /// Another file system, in a run that stays on one.
    OtherFileSystem,
    /// Larger than the limit of the run.
    TooLarge,
    /// Wrapped deeper than the limit of the run.
    TooDeep,
    /// Unwrapping would produce more bytes than the limit of the run.
    TooMuchOutput,
    /// Took longer than the limit of the run.
    TooSlow,
    /// More matches in one blob than the limit of the run.
    TooMany,
    /// Stored bytes that are damaged: a git object that does not inflate, or does not match its id.
    Damaged,
    /// An encrypted archive member.
    Encrypted,
    /// Packed with a method that this build cannot undo.
    Unsupported,
    /// A git object stored as a delta whose base is missing.
    MissingBase,
    /// Objects that a repository refers to and does not contain: a partial clone, a lost alternate.
    MissingObjects,
    /// Something in a repository that git may read differently.
    Ambiguous,
    /// A shallow clone: earlier history was never fetched.
    Shallow,
    /// A pack index that is damaged or does not list every object. The pack was read without the index, so no object is
    /// missing.
    IndexRebuilt,
    /// Objects of an alternate that were read for another repository, and not again for this one.
    ReadElsewhere,
    /// A file in the object directory that is not a git object.
    Unknown,
    /// Symbolic links met by a walk: counted, not followed.
    LinksNotFollowed,
    /// A target named by the user that could not be read at all.
    TargetUnread,
    /// History that the user asked to leave out.
    HistoryLeftOut,
    /// A detector failed on the blob: a fault of keyradius. The rest of the blob was still read.
    DetectorFault,
    /// A locked keystore on which not all passwords were tried: the run's limit on password work was reached.
    PasswordsNotTried,
    /// A locked keystore on which not all passwords were tried that name it or are stored beside it.
    NearPasswordsNotTried,
    /// The run was interrupted.
    Interrupted,
}

impl Reason {
    /// A stable identifier for machines.
    pub const fn id(self) -> &'static str {
        match self {
            Self::Permission => "permission",
            Self::Vanished => "vanished",
            Self::ReadError => "read_error",
            Self::SpecialFile => "special_file",
            Self::PseudoFileSystem => "pseudo_file_system",
            Self::OtherFileSystem => "other_file_system",
            Self::TooLarge => "too_large",
            Self::TooDeep => "too_deep",
            Self::TooMuchOutput => "too_much_output",
            Self::TooSlow => "too_slow",
            Self::TooMany => "too_many",
            Self::Damaged => "damaged",
            Self::Encrypted => "encrypted",
            Self::Unsupported => "unsupported",
            Self::MissingBase => "missing_base",
            Self::MissingObjects => "missing_objects",
            Self::Ambiguous => "ambiguous",
            Self::Shallow => "shallow",
            Self::IndexRebuilt => "index_rebuilt",
            Self::ReadElsewhere => "read_elsewhere",
            Self::Unknown => "unknown_file",
            Self::LinksNotFollowed => "links_not_followed",
            Self::TargetUnread => "target_unread",
            Self::HistoryLeftOut => "history_left_out",
            Self::DetectorFault => "detector_fault",
            Self::PasswordsNotTried => "passwords_not_tried",
            Self::NearPasswordsNotTried => "near_passwords_not_tried",
            Self::Interrupted => "interrupted",
        }
    }

    /// Whether a run with such a gap is incomplete. Gaps that leave it complete are listed all the same: files without
    /// stored bytes, what the user asked to leave out, and locked keystores with no untried password beside them.
    pub const fn leaves_incomplete(self) -> bool {
        !matches!(
            self,
            Self::SpecialFile
                | Self::PseudoFileSystem
                | Self::OtherFileSystem
                | Self::IndexRebuilt
                | Self::ReadElsewhere
                | Self::LinksNotFollowed
                | Self::HistoryLeftOut
                | Self::PasswordsNotTried
        )
    }
}

/// Something that could not be read. Every gap ends up in the coverage of the report.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Gap {
    /// The place that was not read.
    pub origin: Origin,
    /// The reason.
    pub reason: Reason,
    /// The operating system's message, the limit that was exceeded, or the name of the detector. Never bytes of the
    /// input.
    pub detail: String,
    /// Whether the gap summarises gaps of several inputs, of which `origin` is only the first. Not part of facts: whoever
    /// reads them keeps all gaps.
    #[serde(skip)]
    pub of_many: bool,
}

impl Gap {
    /// A gap at one place.
    pub const fn new(origin: Origin, reason: Reason, detail: String) -> Self {
        Self { origin, reason, detail, of_many: false }
    }

    /// A gap that summarises those of several inputs; `first` is the first of them.
    pub const fn of_many(first: Origin, reason: Reason, detail: String) -> Self {
        Self { origin: first, reason, detail, of_many: true }
    }
}

/// A source that cannot be used at all.
#[derive(Debug)]
#[non_exhaustive]
pub enum SourceError {
    /// The path given by the user does not exist or cannot be accessed.
    Unusable {
        /// The path as given.
        path: PathBuf,
        /// The operating system's error.
        error: std::io::Error,
    },
    /// The system could not start threads; its message.
    Threads(String),
    /// No repository has the part of the history that was asked for; a message that names it.
    Selection(String),
}

impl fmt::Display for SourceError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unusable { path, error } => write!(f, "cannot scan {}: {error}", crate::blob::printable_path(path)),
            Self::Threads(error) => write!(f, "cannot start threads: {error}"),
            Self::Selection(what) => f.write_str(what),
        }
    }
}

impl std::error::Error for SourceError {}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn only_unintended_gaps_leave_a_run_incomplete() {
        let incomplete = [
            Reason::Permission,
            Reason::Vanished,
            Reason::ReadError,
            Reason::TooLarge,
            Reason::TooDeep,
            Reason::TooMuchOutput,
            Reason::TooSlow,
            Reason::TooMany,
            Reason::Damaged,
            Reason::Encrypted,
            Reason::Unsupported,
            Reason::MissingBase,
            Reason::MissingObjects,
            Reason::Ambiguous,
            Reason::Shallow,
            Reason::Unknown,
            Reason::DetectorFault,
            Reason::NearPasswordsNotTried,
            Reason::Interrupted,
        ];
        let complete = [
            Reason::SpecialFile,
            Reason::PseudoFileSystem,
            Reason::OtherFileSystem,
            Reason::IndexRebuilt,
            Reason::ReadElsewhere,
            Reason::HistoryLeftOut,
        ];
        for reason in incomplete {
            assert!(reason.leaves_incomplete(), "{}", reason.id());
        }
        for reason in complete {
            assert!(!reason.leaves_incomplete(), "{}", reason.id());
        }
        let ids: BTreeSet<_> = incomplete.iter().chain(&complete).map(|reason| reason.id()).collect();
        assert_eq!(ids.len(), incomplete.len() + complete.len(), "an id is used twice");
    }
}
