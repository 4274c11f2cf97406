//! Everything that knows what a key is. Opens no file, prints nothing.
//!
//! An [`Engine`] finds what is in bytes, files or git histories; [`judge()`] says what came of it: which keys there are, what would
//! still trust their signatures, and what could not be read.
//!
//! ```
//! use detectors::{Judging, judge};
//!
//! // An Ed25519 key in PKCS#8, as OpenSSL writes it, with a seed that is made up.
//! let mut der = vec![0x30, 0x2e, 2, 1, 0, 0x30, 5, 6, 3, 0x2b, 0x65, 0x70, 4, 0x22, 4, 0x20];
//! der.extend((0..32_u8).map(|n| n.wrapping_mul(37).wrapping_add(11)));
//!
//! let harvest = detectors::engine().bytes("release/sign.der", &der);
//! let judgement = judge(harvest, &Judging::at(1_795_132_800));
//! let key = &judgement.findings[0];
//! assert_eq!(key.algorithm.as_ref().unwrap().name, "Ed25519");
//! assert_eq!(key.occurrences[0].origin.to_string(), "release/sign.der");
//! // Only a run without gaps says that there is nothing else.
//! assert!(judgement.gaps.is_empty());
//! ```
//!
//! `examples/scan_bytes.rs` scans a file this way, and `examples/own_detector.rs` adds a detector. See also `docs/embed.md`.

pub mod facts;
mod format;
mod judge;
pub mod open;
pub mod radius;
mod read;
pub mod secret;
pub mod usage;
pub mod weak;
mod wrap;

use std::sync::LazyLock;

use scanner_core::budget::Limits;
use scanner_core::engine::Engine;
use scanner_core::seam::{Container, Detector, Knowledge, Unwrapper};

pub use judge::{Judgement, Judging, judge, judge_facts};

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
    &format::ssh1::Ssh1,
    &format::ssh2_com::Ssh2Com,
    &format::dropbear::Dropbear,
    &format::vbprivk::Vbprivk,
    &format::avb::Avb,
    &format::efi_signature_list::EfiSignatureList,
    &format::raw_pem::RawPem,
    &format::text_dump::TextDump,
    &format::mobileprovision::MobileProvision,
    &format::fastlane_match::FastlaneMatch,
    &format::android_keybox::AndroidKeybox,
    &format::bks::Bks,
    &format::bcfks::Bcfks,
    &format::pvk::Pvk,
    &format::capi::Capi,
    &format::cng::Cng,
    &format::dpapi::Dpapi,
    &format::rsa_xml::RsaXml,
    // Supply chain.
    &format::minisign::Minisign,
    &format::signify::Signify,
    &format::cosign::Cosign,
    &format::intoto::InToto,
    &format::gnupg_agent::GnuPgAgent,
    &format::nix::Nix,
    &format::tor::Tor,
    &format::dnssec::Dnssec,
    &format::tsig::Tsig,
    &format::age::Age,
    &format::wireguard::WireGuard,
    &format::freebsd_pkg::FreeBsdPkg,
    &format::jwk::Jwk,
    &format::bip32::Bip32,
    &format::bip39::Bip39,
    &format::ethereum_keystore::EthereumKeystore,
    &format::solana_keypair::SolanaKeypair,
    &format::wif::Wif,
    &format::session_secret::SessionSecret,
];

/// Every unwrapper. A new one is one file in `wrap/` and one line here.
pub const UNWRAPPERS: &[&dyn Unwrapper] = &[
    &wrap::base64::Base64,
    &wrap::utf16::Utf16,
    &wrap::hex::Hex,
    &wrap::hexdump::Hexdump,
    &wrap::ihex::Ihex,
    &wrap::registry::Registry,
    &wrap::array::Array,
    &wrap::escape::Escape,
    &wrap::percent::Percent,
    &wrap::reencoded::Reencoded,
    &wrap::openpgp_packets::OpenPgpPackets,
];

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
    // Packages and images. A weak magic comes behind the strong ones.
    &wrap::ar::Ar,
    &wrap::rpm::Rpm,
    &wrap::sevenz::SevenZ,
    &wrap::cab::Cab,
    &wrap::cfb::Cfb,
    &wrap::asar::Asar,
    &wrap::crx::Crx,
    &wrap::squashfs::Squashfs,
    &wrap::qcow2::Qcow2,
    &wrap::vmdk::Vmdk,
    &wrap::vhd::Vhd,
    &wrap::android_sparse::AndroidSparse,
    &wrap::uboot::Uboot,
    &wrap::iso9660::Iso9660,
    &wrap::ext::Ext,
    &wrap::fat::Fat,
    &wrap::cpio::Cpio,
    &wrap::disk::Disk,
    &wrap::git_loose::GitLoose,
    &wrap::openpgp_compressed::OpenPgpCompressed,
];

/// All that is known of keys, for the engine.
pub fn keys() -> Knowledge<'static> {
    Knowledge {
        detectors: DETECTORS.to_vec(),
        unwrappers: UNWRAPPERS.to_vec(),
        containers: CONTAINERS.to_vec(),
        mapper: Some(&wrap::program::Sections),
        unopened: wrap::unopened::UNOPENED,
        clues: Some(&usage::Usage),
    }
}

/// What finds ordinary secrets. Apart from [`DETECTORS`], because a scan for keys alone leaves it out, anchors included.
pub const SECRETS: &[&dyn Detector] = &[&secret::Secrets];

/// Everything, ordinary secrets included.
pub fn everything() -> Knowledge<'static> {
    let mut knowledge = keys();
    knowledge.detectors.extend(SECRETS);
    knowledge
}

/// Everything, and the rules of a user.
pub fn everything_and(rules: &secret::UserRules) -> Knowledge<'_> {
    let mut knowledge: Knowledge<'_> = everything();
    knowledge.detectors.push(rules);
    knowledge
}

/// An engine that looks for keys, with the usual limits, compiled once for the whole process: for what a password brings to
/// light, and for whoever looks at many small things.
pub fn engine() -> &'static Engine<'static> {
    static ENGINE: LazyLock<Engine<'static>> = LazyLock::new(|| Engine::new(keys(), Limits::default()));
    &ENGINE
}
