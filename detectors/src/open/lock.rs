//! What every locked container has in common: a price, and a way to try a password.

use crate::read::carrier::Item;

/// A container whose numbers were read, ready for any number of trials.
pub(super) trait Lock {
    /// Nominal nanoseconds of a trial that fails: see [`super::kdf`]. The greatest number if it must not be tried.
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
    fn open(&self, password: &[u8], done: &[bool]) -> Vec<Item>;
}

/// Nominal nanoseconds of reading a key and proving it by its arithmetic.
pub(super) const PROOF: u64 = 500_000;

/// Reads a container as its format's detector kept it; `None` if nothing here can open it, whatever the password.
pub(super) fn read<'a>(format: &str, bytes: &'a [u8]) -> Option<Box<dyn Lock + 'a>> {
    match format {
        "pkcs12" => super::pkcs12::Store::read(bytes).map(boxed),
        "jks" => super::jks::Store::read(bytes).map(boxed),
        "encrypted_pkcs8" => super::encrypted_pkcs8::Key::read(bytes).map(boxed),
        "legacy_pem" => super::legacy_pem::Key::read(bytes).map(boxed),
        "openpgp" => super::openpgp::Ring::read(bytes).map(boxed),
        "openssh" => super::openssh::Key::read(bytes).map(boxed),
        "nss" => super::nss::read(bytes),
        "fastlane_match" => super::fastlane_match::Key::read(bytes).map(boxed),
        "ssh1" => super::ssh1::Key::read(bytes).map(boxed),
        "ssh2_com" => super::ssh2_com::Key::read(bytes).map(boxed),
        "putty" => super::putty::Key::read(bytes).map(boxed),
        "bcfks" => super::bcfks::Store::read(bytes).map(boxed),
        "pvk" => super::pvk::File::read(bytes).map(boxed),
        "bks" => super::bks::read(bytes),
        "minisign" => super::minisign::Key::read(bytes).map(boxed),
        "signify" => super::signify::Key::read(bytes).map(boxed),
        "cosign" => super::cosign::Key::read(bytes).map(boxed),
        "gnupg_agent" => super::gnupg_agent::Key::read(bytes).map(boxed),
        "intoto" => super::intoto::Key::read(bytes).map(boxed),
        _ => None,
    }
}

pub(super) fn boxed<'a>(lock: impl Lock + 'a) -> Box<dyn Lock + 'a> {
    Box::new(lock)
}
