//! A key as it is judged: what it is judged by, and what is known of it.

use keyradius_core::blob::printable_path;
use keyradius_core::material::{Kind, Occurrence, ProtectionState};

use super::estate::KeyGroup;
use super::evidence::file;
use super::known::Known;
use super::tables::Expiry;
use super::{Estate, Evidence, KnownKeys, RoleScore, Tables, Tier, Weaknesses};

/// What findings are judged by.
#[derive(Clone, Copy, Debug)]
pub struct Judge<'a> {
    /// Roles and evidence.
    pub tables: &'a Tables,
    /// Keys that many people have.
    pub known: &'a KnownKeys,
    /// What arithmetic says of the keys of the run.
    pub weak: &'a Weaknesses,
    /// Whether whoever put a key where it lies has a say in its severity.
    pub author: bool,
    /// The time of the run, seconds since 1970: what is expired follows from it.
    pub now: i64,
}

/// Everything that is known of a key when its severity is worked out.
#[derive(Clone, Copy)]
pub(super) struct Facts<'a> {
    pub(super) key: &'a KeyGroup,
    pub(super) estate: &'a Estate,
    pub(super) judge: Judge<'a>,
    pub(super) known: Option<&'a Known>,
    pub(super) roles: &'a [RoleScore],
    pub(super) ledger: &'a [Evidence],
    pub(super) protection: ProtectionState,
    pub(super) tier: Tier,
    /// When the first commit was made that holds it, seconds since 1970.
    pub(super) first_seen: Option<i64>,
}

impl Facts<'_> {
    /// Whether verifiers of the widest role look at expiry.
    pub(super) fn expiry(&self) -> Expiry {
        let role = self.roles.first().and_then(|role| self.judge.tables.role(&role.role));
        match role.map_or(Expiry::None, |role| role.expiry) {
            // Microsoft's lifetime signing: no time stamp keeps the signatures alive.
            Expiry::WithoutTimestamp if self.ledger.iter().any(|item| item.group == "lifetime") => Expiry::Enforced,
            expiry => expiry,
        }
    }

    /// Whether there are certificates of the key, and all of them are expired.
    pub(super) fn expired(&self) -> bool {
        let mut ends = self.key.certificates().map(|facts| facts.not_after).peekable();
        ends.peek().is_some() && ends.all(|end| end < self.judge.now)
    }

    /// Whether a place looks like one for tests and examples.
    pub(super) fn is_for_tests(&self, occurrence: &Occurrence) -> bool {
        is_for_tests(occurrence, self.estate, self.judge)
    }
}

/// Whether a place looks like one for tests and examples.
pub(super) fn is_for_tests(occurrence: &Occurrence, estate: &Estate, judge: Judge<'_>) -> bool {
    let path = printable_path(estate.inside(&occurrence.origin.location()));
    file::words(&path).iter().any(|word| judge.tables.test_words.contains(word))
}

/// Whether a material is one that a program trusts as it lies there: a key among the trusted ones of a keystore.
pub(super) fn is_trust(occurrence: &Occurrence) -> bool {
    occurrence.material.container.is_some() && occurrence.material.kind != Kind::PrivateKey
}
