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
    &format::jwk::Jwk,
    &format::bip32::Bip32,
    &format::bip39::Bip39,
    &format::ethereum_keystore::EthereumKeystore,
    &format::solana_keypair::SolanaKeypair,
    &format::wif::Wif,
    &format::session_secret::SessionSecret,
];

/// Every unwrapper. A new one is one file in `wrap/` and one line here.
pub const UNWRAPPERS: &[&dyn Unwrapper] = &[&wrap::base64::Base64, &wrap::utf16::Utf16];

/// Every container. A new one is one file in `wrap/` and one line here.
pub const CONTAINERS: &[&dyn Container] = &[];

/// All of it, for the engine.
pub const KNOWLEDGE: Knowledge = Knowledge {
    detectors: DETECTORS,
    unwrappers: UNWRAPPERS,
    containers: CONTAINERS,
    unopened: wrap::unopened::UNOPENED,
    clues: Some(&usage::Usage),
};
