//! Cheap arithmetic on public keys: does the private half follow from the public one, or nearly so?
//!
//! Everything works on the public half, so it serves certificates and trust anchors as well as found keys. [`check`] looks
//! at one key alone, [`shared_primes`] at all keys of a run together, [`certificate()`] at the hash that a certificate is
//! signed with. A weak key of a trusted role is as good as a leaked one.
//!
//! The numbers come from the bytes being scanned and may be anything: sizes are bounded before the first multiplication.
//! Factors that come out are dropped where they are found and never shown: the text of a [`Weakness`] says how a key is
//! broken, not what its private half is. They are not wiped, since anyone who has the public key can compute them again.

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
mod spki;
#[cfg(test)]
pub(crate) mod tests;

use keyradius_core::material::PublicHalf;
use number::PrimeTests;

pub use certificate::certificate;
pub use number::MAX_PRIME_TESTS;
pub use shared::{MAX_BITS_TOGETHER, MAX_MODULI, not_compared, shared_primes};
use spki::Numbers;

/// One check: what `docs/weak-keys.md` says of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Check {
    /// A stable identifier for machines; also that of every [`Weakness`] it finds.
    pub id: &'static str,
    /// What it finds, in one line.
    pub finds: &'static str,
    /// Where the fact is from: a CVE, a standard, a paper.
    pub source: &'static str,
    /// What it costs for a common key, measured (`cargo bench -p keyradius-benches weak`).
    pub cost: &'static str,
}

/// How bad it is, the least first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Grade {
    /// Unusual and worth knowing; by itself no reason to replace the key.
    Note,
    /// Below what standards allow, or made by a generator that is not to be trusted.
    Weak,
    /// Broken, or within reach of somebody with money.
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

/// What is wrong with a public key.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Weakness {
    /// The [`Check`] that found it.
    pub id: &'static str,
    /// One line for a person. Holds no digit of a private number.
    pub text: String,
    /// The private key follows from the public one, or signatures can be made without it, at a cost that will keep nobody
    /// off: for most at once, for the others some hundred core-years at most (RSA of 767 bits).
    pub computable: bool,
    /// How bad it is; [`Grade::Severe`] for everything that is computable.
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

/// What is wrong with one key, as far as the work allowed went.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Checked {
    /// Worst first.
    pub weaknesses: Vec<Weakness>,
    /// What the tests for primes that were left out would have cost, in the unit of [`MAX_PRIME_TESTS`].
    pub left_out: u64,
}

/// Everything that is wrong with one key, seen alone; worst first. Empty for a key of a kind that is not known here.
pub fn check(public: &PublicHalf) -> Vec<Weakness> {
    check_within(public, u64::MAX).weaknesses
}

/// Like [`check`], with so much work for tests for primes, in the unit of [`MAX_PRIME_TESTS`]. They are a hundred times as
/// expensive as all other checks together, so a caller with many keys has to share them out.
pub fn check_within(public: &PublicHalf, work: u64) -> Checked {
    let mut found = Vec::new();
    let mut tests = PrimeTests::within(work);
    match spki::read(&public.spki) {
        Some(Numbers::Rsa { n, e }) => rsa::check(n, e, &mut tests, &mut found),
        Some(Numbers::Dsa { p, q, g, y }) => dsa::check(p, q, g, y, &mut found),
        Some(Numbers::Dh { p, y }) => dsa::check_dh(p, y, &mut found),
        Some(Numbers::Ec { domain, point }) => curve::check(domain, point, &mut found),
        Some(Numbers::Raw { kind, bytes }) => raw::check(kind, bytes, &mut found),
        None => {}
    }
    found.sort_by_key(|weakness| (std::cmp::Reverse((weakness.computable, weakness.grade)), weakness.id));
    Checked { weaknesses: found, left_out: tests.left_out() }
}
