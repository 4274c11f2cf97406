//! The appearance of a report.

use crate::choice::{Group, Tests};

/// The appearance of the human report.
#[derive(Clone, Copy, Debug, Default)]
#[allow(clippy::struct_excessive_bools, reason = "independent choices of the user")]
pub(crate) struct Look {
    /// Whether colours are used.
    pub(crate) color: bool,
    /// Whether places are hyperlinks.
    pub(crate) links: bool,
    /// Whether all places, names and the ledger are shown.
    pub(crate) verbose: bool,
    /// Whether inputs that could not be read are listed.
    pub(crate) skipped: bool,
    /// Whether certificates and public keys without a private key are listed.
    pub(crate) public: bool,
    /// How keys for tests are shown.
    pub(crate) tests: Tests,
    /// Which keys are folded.
    pub(crate) group: Group,
    /// Findings below this severity (in tenths) are only counted.
    pub(crate) min_severity: i32,
    /// Width in columns.
    pub(crate) width: usize,
}
