//! Locked containers: what passwords are tried on, and what they open.

use zeroize::Zeroizing;

use crate::material::Material;

/// A parsed locked container, ready for any number of trials. A detector makes one from the bytes that it kept: see
/// [`crate::seam::Detector::lock`].
pub trait Lock {
    /// Nominal nanoseconds of a trial that fails; `u64::MAX` if the container must not be tried.
    fn price(&self) -> u64;

    /// Additional nominal nanoseconds of a trial that succeeds: reading the key and proving it.
    fn price_of_success(&self) -> u64 {
        PROOF
    }

    /// How many trials the empty password takes: 2 if "no password" differs from an empty one, 0 if neither is
    /// possible.
    fn empty(&self) -> u64 {
        1
    }

    /// Opens what the password opens. `done` says which keys are open already; these are not returned again.
    fn open(&self, password: &[u8], done: &[bool]) -> Vec<Unlocked>;
}

/// Nominal nanoseconds of reading a key and proving it by arithmetic: RSA of 2048 bits, measured once.
pub const PROOF: u64 = 500_000;

/// A material that a password opened, and which locked material it replaces.
#[derive(Debug)]
pub struct Unlocked {
    /// Index among the materials that the detector reports as locked; `None` if the material was not visible before.
    pub which: Option<usize>,
    /// The opened material.
    pub material: Material,
    /// The decrypted bytes; they may contain more than was parsed. Wiped when dropped.
    pub plain: Vec<Zeroizing<Vec<u8>>>,
}

impl Unlocked {
    /// A material without decrypted bytes to search.
    pub const fn new(which: Option<usize>, material: Material) -> Self {
        Self { which, material, plain: Vec::new() }
    }

    /// Adds bytes that were decrypted to reach the material.
    #[must_use]
    pub fn with_plain(mut self, plain: &[u8]) -> Self {
        self.plain.push(Zeroizing::new(plain.to_vec()));
        self
    }
}

/// Boxes a lock, as [`crate::seam::Detector::lock`] returns it.
pub fn boxed<'b>(lock: impl Lock + 'b) -> Box<dyn Lock + 'b> {
    Box::new(lock)
}
