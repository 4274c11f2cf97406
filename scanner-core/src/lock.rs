//! Locked containers: what a password is tried on, and what it opens.

use zeroize::Zeroizing;

use crate::material::Material;

/// A container whose numbers were read, ready for any number of trials. A detector makes one from the bytes that it kept, see
/// [`crate::seam::Detector::lock`].
pub trait Lock {
    /// Nominal nanoseconds of a trial that fails. The greatest number if it must not be tried.
    fn price(&self) -> u64;

    /// Nominal nanoseconds on top of it for a trial that succeeds: reading the key and proving it.
    fn price_of_success(&self) -> u64 {
        PROOF
    }

    /// How many trials the empty password takes: two where none at all is another one, none where it cannot be.
    fn empty(&self) -> u64 {
        1
    }

    /// What the password opens. `done` says which keys are open already; nothing is said of those again.
    fn open(&self, password: &[u8], done: &[bool]) -> Vec<Unlocked>;
}

/// Nominal nanoseconds of reading a key and proving it by its arithmetic: RSA of 2048 bits, measured once.
pub const PROOF: u64 = 500_000;

/// What an opened container gives: a material, and which of those that were seen locked it takes the place of.
#[derive(Debug)]
pub struct Unlocked {
    /// Number among the materials that the detector reports as locked; `None` if it was hidden.
    pub which: Option<usize>,
    /// What it is now.
    pub material: Material,
    /// What the password decrypted; may hold more than was read of it. Wiped when dropped.
    pub plain: Vec<Zeroizing<Vec<u8>>>,
}

impl Unlocked {
    /// A material, with nothing more to search.
    pub const fn new(which: Option<usize>, material: Material) -> Self {
        Self { which, material, plain: Vec::new() }
    }

    /// The same, with what was decrypted on the way to it.
    #[must_use]
    pub fn with_plain(mut self, plain: &[u8]) -> Self {
        self.plain.push(Zeroizing::new(plain.to_vec()));
        self
    }
}

/// A lock behind the pointer that [`crate::seam::Detector::lock`] returns.
pub fn boxed<'b>(lock: impl Lock + 'b) -> Box<dyn Lock + 'b> {
    Box::new(lock)
}
