//! The options of a scan that decide what was read and how it was judged. Options that only change the output (format,
//! colour, number of threads) are left out: the findings do not depend on them. No password and no key is among them.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::{Text, Word};

/// What was read and how it was judged.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Options {
    /// What was read of the targets: one entry, or one for each different way if facts of several scans were judged.
    pub(crate) reading: Vec<Reading>,
    /// `none`, `any`, `signing`, a tier or a severity.
    pub(crate) fail_on: Word,
    /// `always` or `never`.
    #[serde(default = "always")]
    pub(crate) tests_fail: Word,
    pub(crate) strict: bool,
    pub(crate) exit_zero: bool,
    /// The configuration that was used, as typed or relative to the current directory.
    pub(crate) config: Option<Text>,
    /// Whether marks beside keys were obeyed.
    pub(crate) inline_allow: bool,
    /// The user's own lists of known keys, as typed.
    pub(crate) known_keys: Vec<Text>,
    pub(crate) badkeys_blocklist: Option<Text>,
}

fn always() -> Word {
    Word::of("always")
}

/// What a scan read of its targets.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Reading {
    /// `all`, `head`, `none`, `A..B` or `A...B`; `None` in facts of a version that did not write it.
    pub(crate) history: Option<Text>,
    /// A time in RFC 3339, UTC, or an age in hours or days.
    pub(crate) since: Option<Text>,
    /// The kind that was searched for, if not all.
    pub(crate) only: Option<Text>,
    pub(crate) one_file_system: bool,
    /// Whether passwords were tried on locked keystores.
    pub(crate) passwords: bool,
    /// The limits that differ from the default, by the name of their flag: bytes, numbers, or milliseconds where the name
    /// ends in `_ms`. `None` means no limit.
    pub(crate) limits: BTreeMap<Word, Option<u64>>,
}
