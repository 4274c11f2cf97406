//! Key formats: one file or folder per family, with what it detects, how it is read, and how it is unlocked. No format
//! imports another.
//!
//! To add a format, add a file or folder here and two lines to this page: its module, and its entry in [`DETECTORS`].

#[cfg(test)]
pub(crate) mod ask;
#[cfg(test)]
pub(crate) mod samples;
pub(crate) mod unlock;

mod age;
mod android_keybox;
mod avb;
mod bcfks;
mod bip32;
mod bip39;
mod bks;
mod capi;
mod cng;
mod cosign;
mod dnssec;
mod dpapi;
mod dropbear;
mod dsa;
mod efi_signature_list;
mod encrypted_pkcs8;
mod ethereum_keystore;
mod fastlane_match;
mod freebsd_pkg;
mod gnupg_agent;
mod intoto;
mod jks;
mod jwe;
mod jwk;
mod keybox;
mod keychain;
mod legacy_pem;
mod minisign;
mod mobileprovision;
mod nix;
mod nss;
mod openpgp;
mod openssh;
mod pkcs1;
mod pkcs12;
mod pkcs8;
mod putty;
mod pvk;
mod raw_pem;
mod rsa_xml;
mod sec1;
mod session_secret;
mod signify;
mod softhsm;
mod solana_keypair;
mod spki;
mod ssh1;
mod ssh2_com;
mod ssh_public;
mod tendermint;
mod text_dump;
mod tor;
mod tpm2;
mod tsig;
mod vbprivk;
mod wif;
mod wireguard;
mod x509;

use keyradius_core::seam::Detector;

/// Every detector. The order matters only where two share an anchor: the first that finds something ends the hit.
pub const DETECTORS: &[&dyn Detector] = &[
    &pkcs8::Pkcs8,
    &pkcs1::Pkcs1,
    &sec1::Sec1,
    &dsa::Dsa,
    &encrypted_pkcs8::EncryptedPkcs8,
    &legacy_pem::LegacyPem,
    &openssh::OpenSsh,
    &putty::Putty,
    &openpgp::OpenPgp,
    &pkcs12::Pkcs12,
    &jks::Jks,
    &x509::X509,
    &spki::Spki,
    &ssh_public::SshPublic,
    &nss::Nss,
    &keybox::Keybox,
    &keychain::Keychain,
    &softhsm::SoftHsm,
    &tpm2::Tpm2,
    &ssh1::Ssh1,
    &ssh2_com::Ssh2Com,
    &dropbear::Dropbear,
    &vbprivk::Vbprivk,
    &avb::Avb,
    &efi_signature_list::EfiSignatureList,
    &raw_pem::RawPem,
    &text_dump::TextDump,
    &mobileprovision::MobileProvision,
    &fastlane_match::FastlaneMatch,
    &android_keybox::AndroidKeybox,
    &bks::Bks,
    &bcfks::Bcfks,
    &pvk::Pvk,
    &capi::Capi,
    &cng::Cng,
    &dpapi::Dpapi,
    &rsa_xml::RsaXml,
    // Supply chain.
    &minisign::Minisign,
    &signify::Signify,
    &cosign::Cosign,
    &intoto::InToto,
    &gnupg_agent::GnuPgAgent,
    &nix::Nix,
    &tor::Tor,
    &dnssec::Dnssec,
    &tsig::Tsig,
    &age::Age,
    &wireguard::WireGuard,
    &freebsd_pkg::FreeBsdPkg,
    &jwk::Jwk,
    &bip32::Bip32,
    &bip39::Bip39,
    &ethereum_keystore::EthereumKeystore,
    &solana_keypair::SolanaKeypair,
    &tendermint::Tendermint,
    &wif::Wif,
    &session_secret::SessionSecret,
    &jwe::Jwe,
];
