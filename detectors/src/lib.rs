//! Everything that knows what a key is. Opens no file, prints nothing.

mod format;
pub mod open;
pub mod radius;
mod read;
pub mod usage;
pub mod weak;
mod wrap;

use scanner_core::seam::{Container, Detector, Knowledge, Unwrapper};

/// Every detector. A new one is one file in `format/` and one line here.
pub const DETECTORS: &[&dyn Detector] = &[
    &format::pkcs8::Pkcs8,
    &format::pkcs1::Pkcs1,
    &format::sec1::Sec1,
    &format::dsa::Dsa,
    &format::encrypted_pkcs8::EncryptedPkcs8,
    &format::legacy_pem::LegacyPem,
    &format::openssh::OpenSsh,
    &format::putty::Putty,
    &format::openpgp::OpenPgp,
    &format::pkcs12::Pkcs12,
    &format::jks::Jks,
    &format::x509::X509,
    &format::spki::Spki,
    &format::ssh_public::SshPublic,
    &format::nss::Nss,
    &format::keybox::Keybox,
    &format::keychain::Keychain,
    &format::softhsm::SoftHsm,
    &format::tpm2::Tpm2,
];

/// Every unwrapper. A new one is one file in `wrap/` and one line here.
pub const UNWRAPPERS: &[&dyn Unwrapper] = &[&wrap::base64::Base64, &wrap::utf16::Utf16];

/// Every container. A new one is one file in `wrap/` and one line here.
pub const CONTAINERS: &[&dyn Container] = &[
    &wrap::program::Program,
    &wrap::zip::Zip,
    &wrap::tar::Tar,
    &wrap::gzip::Gzip,
    &wrap::bzip2::Bzip2,
    &wrap::xz::Xz,
    &wrap::lzma::Lzma,
    &wrap::zstd::Zstd,
    &wrap::lz4::Lz4,
    &wrap::sqlite::Sqlite,
];

/// All of it, for the engine.
pub const KNOWLEDGE: Knowledge = Knowledge {
    detectors: DETECTORS,
    unwrappers: UNWRAPPERS,
    containers: CONTAINERS,
    mapper: Some(&wrap::program::Sections),
    unopened: wrap::unopened::UNOPENED,
    clues: Some(&usage::Usage),
};
