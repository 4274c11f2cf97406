//! Cheap arithmetic on public keys: can the private key be computed, or nearly so?
//!
//! All checks need the public half alone, so they cover certificates and trust anchors as well as private keys.
//! [`check`] checks one key alone, [`shared_primes`] all keys of a run together, [`certificate()`] the hash that a
//! certificate is signed with. A weak key of a trusted role is as bad as a leaked one.
//!
//! The numbers come from the scanned bytes and may be anything: sizes are bounded before the first multiplication.
//! Factors are dropped where they are found and never shown: the text of a [`Weakness`] says how a key is broken, not
//! what its private key is. Factors are not wiped, since anyone with the public key can compute them.

mod certificate;
mod curve;
mod dsa;
mod factor;
mod number;
mod raw;
mod roca;
mod rsa;
mod shape;
mod shared;
#[cfg(test)]
pub(crate) mod tests;

use keyradius_core::material::PublicHalf;
use keyradius_readers::public::PublicKey;
use number::PrimeTests;

pub use certificate::certificate;
pub use number::MAX_PRIME_TESTS;
pub use shared::{MAX_BITS_TOGETHER, MAX_MODULI, not_compared, shared_primes};

/// A check, as described in `docs/weak-keys.md`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Check {
    /// A stable identifier for machines; also the id of every [`Weakness`] that the check finds.
    pub id: &'static str,
    /// What the check finds, in one line.
    pub finds: &'static str,
    /// Source of the fact: a CVE, a standard, a paper.
    pub source: &'static str,
    /// Cost for a typical key, measured (`cargo bench -p keyradius-benches weak`).
    pub cost: &'static str,
}

/// Severity of a weakness, lowest first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Grade {
    /// Unusual and worth knowing, but not a reason to replace the key.
    Note,
    /// Below what standards allow, or from a generator that should not be trusted.
    Weak,
    /// Broken, or breakable by an attacker with a budget.
    Severe,
}

impl Grade {
    /// A stable identifier for machines.
    pub const fn id(self) -> &'static str {
        match self {
            Self::Note => "note",
            Self::Weak => "weak",
            Self::Severe => "severe",
        }
    }
}

/// A weakness of a public key.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Weakness {
    /// The [`Check`] that found it.
    pub id: &'static str,
    /// One line for a person. Contains no digit of a private number.
    pub text: String,
    /// Whether the private key can be computed, or signatures can be made without it, at a cost that deters nobody: for
    /// most weaknesses immediately, for the others in a few hundred core-years (RSA of 767 bits).
    pub computable: bool,
    /// [`Grade::Severe`] for everything that is computable.
    pub grade: Grade,
}

impl Check {
    fn of(&self, grade: Grade, computable: bool, text: impl Into<String>) -> Weakness {
        Weakness { id: self.id, text: text.into(), computable, grade }
    }

    fn note(&self, text: impl Into<String>) -> Weakness {
        self.of(Grade::Note, false, text)
    }

    fn weak(&self, text: impl Into<String>) -> Weakness {
        self.of(Grade::Weak, false, text)
    }

    fn severe(&self, text: impl Into<String>) -> Weakness {
        self.of(Grade::Severe, false, text)
    }

    fn computable(&self, text: impl Into<String>) -> Weakness {
        self.of(Grade::Severe, true, text)
    }
}

/// Every check, in the order of `docs/weak-keys.md`.
pub const CHECKS: &[&Check] = &[
    &rsa::EVEN,
    &rsa::SIZE,
    &rsa::ODD_SIZE,
    &rsa::EXPONENT,
    &factor::SMALL_FACTOR,
    &factor::CLOSE_PRIMES,
    &factor::SMALL_D,
    &roca::ROCA,
    &shape::PATTERN,
    &shape::BIAS,
    &shape::SLEEVES,
    &shape::XZ,
    &shared::SHARED_PRIME,
    &shared::SHARED_MODULUS,
    &dsa::SIZE,
    &dsa::SPARSE,
    &dsa::DEGENERATE,
    &dsa::DH_SIZE,
    &curve::WEAK_CURVE,
    &curve::EXPLICIT,
    &curve::UNSOUND,
    &curve::OFF_CURVE,
    &curve::GUESSABLE,
    &raw::SMALL_ORDER,
    &raw::NO_POINT,
    &raw::GUESSABLE,
    &certificate::HASH,
];

/// The weaknesses of one key, within the work allowed.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Checked {
    /// Worst first.
    pub weaknesses: Vec<Weakness>,
    /// Cost of the primality tests that were left out, in the unit of [`MAX_PRIME_TESTS`].
    pub left_out: u64,
}

/// All weaknesses of one key alone, worst first. Empty for an unknown kind of key.
pub fn check(public: &PublicHalf) -> Vec<Weakness> {
    check_within(public, u64::MAX).weaknesses
}

/// Like [`check`], with limited work for primality tests, in the unit of [`MAX_PRIME_TESTS`]. These tests cost a
/// hundred times as much as all other checks together, so a caller with many keys has to divide the work among them.
pub fn check_within(public: &PublicHalf, work: u64) -> Checked {
    let mut found = Vec::new();
    let mut tests = PrimeTests::within(work);
    match keyradius_readers::spki::read(&public.spki) {
        Some(PublicKey::Rsa { n, e } | PublicKey::RsaPss { n, e, .. }) => rsa::check(n, e, &mut tests, &mut found),
        Some(PublicKey::Dsa { p, q, g, y }) => dsa::check(p, q, g, y, &mut found),
        Some(PublicKey::Dh { p, y, .. }) => dsa::check_dh(p, y, &mut found),
        Some(PublicKey::Ec { domain, point }) => curve::check(domain, point, &mut found),
        Some(PublicKey::Raw { kind, bytes }) => raw::check(kind, bytes, &mut found),
        Some(PublicKey::PostQuantum { .. }) | None => {}
    }
    found.sort_by_key(|weakness| (std::cmp::Reverse((weakness.computable, weakness.grade)), weakness.id));
    Checked { weaknesses: found, left_out: tests.left_out() }
}
