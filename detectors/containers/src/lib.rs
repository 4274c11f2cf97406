//! One file per wrapper, and the list of wrappers that are only recognised. Text encodings are unwrappers, found by
//! anchors. Archives, images and compressed streams are containers, recognised by their first bytes.
//!
//! A new wrapper needs a file here and two lines in this one: its module, and its entry in [`UNWRAPPERS`] or
//! [`CONTAINERS`].

mod android_sparse;
mod ar;
mod array;
mod asar;
mod assembled;
mod base64;
mod bzip2;
mod cab;
mod cfb;
#[cfg(test)]
mod collect;
mod compressed;
mod cpio;
mod crx;
mod digits;
mod disk;
mod escape;
mod ext;
mod fat;
mod folders;
mod git_loose;
mod gzip;
mod hex;
mod hexdump;
mod ihex;
mod iso9660;
mod lz4;
mod lzma;
mod openpgp_compressed;
mod openpgp_packets;
mod percent;
mod program;
mod qcow2;
mod quoted_printable;
mod reencoded;
mod registry;
mod rpm;
mod sevenz;
mod sqlite;
mod squashfs;
mod starts;
mod tar;
mod uboot;
mod unopened;
mod utf16;
mod vhd;
mod vmdk;
mod xz;
mod zip;
mod zstd;

use keyradius_core::seam::{Container, Unwrapper};

pub use program::Sections;
pub use starts::STARTS;
pub use unopened::UNOPENED;

/// Every unwrapper.
pub const UNWRAPPERS: &[&dyn Unwrapper] = &[
    &base64::Base64,
    &utf16::Utf16,
    &hex::Hex,
    &hexdump::Hexdump,
    &ihex::Ihex,
    &registry::Registry,
    &array::Array,
    &escape::Escape,
    &percent::Percent,
    &quoted_printable::QuotedPrintable,
    &reencoded::Reencoded,
    &openpgp_packets::OpenPgpPackets,
    // Last: it begins where the others found nothing.
    &assembled::Assembled,
];

/// Every container.
pub const CONTAINERS: &[&dyn Container] = &[
    &program::Program,
    &zip::Zip,
    &tar::Tar,
    &gzip::Gzip,
    &bzip2::Bzip2,
    &xz::Xz,
    &lzma::Lzma,
    &zstd::Zstd,
    &lz4::Lz4,
    &sqlite::Sqlite,
    // Packages and images. Weak magic numbers come after the strong ones.
    &ar::Ar,
    &rpm::Rpm,
    &sevenz::SevenZ,
    &cab::Cab,
    &cfb::Cfb,
    &asar::Asar,
    &crx::Crx,
    &squashfs::Squashfs,
    &qcow2::Qcow2,
    &vmdk::Vmdk,
    &vhd::Vhd,
    &android_sparse::AndroidSparse,
    &uboot::Uboot,
    &iso9660::Iso9660,
    &ext::Ext,
    &fat::Fat,
    &cpio::Cpio,
    &disk::Disk,
    &git_loose::GitLoose,
    &openpgp_compressed::OpenPgpCompressed,
];
