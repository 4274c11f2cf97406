//! A key while it is judged: the inputs of the judgement and what is known about the key.

use keyradius_core::blob::printable_path;
use keyradius_core::material::{Kind, Occurrence, ProtectionState, Remark};

use super::estate::KeyGroup;
use super::known::Known;
use super::tables::Expiry;
use super::{Estate, Evidence, KnownKeys, RoleScore, Tables, Tier, Weaknesses};

/// Inputs that are the same for all findings.
#[derive(Clone, Copy, Debug)]
pub struct Judge<'a> {
    /// Roles and evidence.
    pub tables: &'a Tables,
    /// Known keys.
    pub known: &'a KnownKeys,
    /// Weaknesses of the keys of the run.
    pub weak: &'a Weaknesses,
    /// Whether facts that the author of a change controls may lower the severity.
    pub author: bool,
    /// The time of the run, seconds since 1970; decides what is expired.
    pub now: i64,
}

/// Everything known about a key when its severity is computed.
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
    /// Time of the first commit that contains the key, seconds since 1970.
    pub(super) first_seen: Option<i64>,
}

impl Facts<'_> {
    /// Whether verifiers of the widest role check expiry.
    pub(super) fn expiry(&self) -> Expiry {
        let role = self.roles.first().and_then(|role| self.judge.tables.role(&role.role));
        match role.map_or(Expiry::None, |role| role.expiry) {
            // Microsoft's lifetime signing: a time stamp does not extend the validity of signatures.
            Expiry::WithoutTimestamp if self.ledger.iter().any(|item| item.group == "lifetime") => Expiry::Enforced,
            expiry => expiry,
        }
    }

    /// Whether the key has certificates, all of them expired.
    pub(super) fn expired(&self) -> bool {
        let mut ends = self.key.certificates().map(|facts| facts.not_after).peekable();
        ends.peek().is_some() && ends.all(|end| end < self.judge.now)
    }

    /// Whether a use shows the first role, and no certificate has anything to do with it: then their dates do not matter.
    pub(super) fn is_only_used(&self) -> bool {
        let Some(first) = self.roles.first() else { return false };
        let has = |group: &str| {
            self.ledger.iter().any(|item| item.role == first.role && item.weight > 0 && item.group == group)
        };
        has("build") && !has("certificate")
    }

    /// Whether a place looks like one for tests and examples.
    pub(super) fn is_for_tests(&self, occurrence: &Occurrence) -> bool {
        is_for_tests(occurrence, self.estate, self.judge)
    }
}

/// Whether a place looks like one for tests and examples.
pub(super) fn is_for_tests(occurrence: &Occurrence, estate: &Estate, judge: Judge<'_>) -> bool {
    let location = occurrence.origin.location();
    let path = estate.inside(&location);
    let words = &judge.tables.test;
    let in_test = occurrence.material.remarks.contains(&Remark::InTest);
    in_test || words.in_place(&printable_path(path)) || words.in_directory(path)
}

/// Whether a program trusts a material because of where it is stored: a trusted certificate or key of a keystore.
pub(super) fn is_trust(occurrence: &Occurrence) -> bool {
    occurrence.material.container.is_some() && occurrence.material.kind != Kind::PrivateKey
}
