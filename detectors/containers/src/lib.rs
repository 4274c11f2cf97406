//! One file per wrapper, and the list of wrappers that are only recognised. Text encodings are unwrappers, found by
//! anchors. Archives, images and compressed streams are containers, recognised by their first bytes.
//!
//! A new wrapper needs a file here and two lines in this one: its module, and its entry in [`UNWRAPPERS`] or
//! [`CONTAINERS`].

mod android_backup;
mod android_sparse;
mod ar;
mod array;
mod asar;
mod assembled;
mod bare;
mod base64;
mod brotli;
mod bzip2;
mod cab;
mod cfb;
#[cfg(test)]
mod collect;
mod compressed;
mod cpio;
mod cramfs;
mod crx;
mod digits;
mod disk;
mod dmg;
mod ebcdic;
mod erofs;
mod escape;
mod ewf;
mod ext;
mod fat;
mod folders;
mod git_loose;
mod git_pack;
mod gzip;
mod hdf5;
mod hex;
mod hexdump;
mod hg_revlog;
mod ihex;
mod inner;
mod installer;
mod iso9660;
mod jffs2;
mod lha;
mod lz4;
mod lzip;
mod lzma;
mod lzo;
mod lzop;
mod mozlz4;
mod ntfs;
mod openpgp_compressed;
mod openpgp_packets;
mod parquet;
mod pdf;
mod percent;
mod pg_dump;
mod png;
mod program;
mod pyinstaller;
mod qcow2;
mod quoted_printable;
mod reencoded;
mod registry;
mod romfs;
mod rpm;
mod runs;
mod sevenz;
mod snappy;
mod sqlite;
mod squashfs;
mod sstable;
mod starts;
mod tar;
mod ubi;
mod ubifs;
mod uboot;
mod uf2;
mod unix_compress;
mod unopened;
mod utf16;
mod vdi;
mod vhd;
mod vhdx;
mod vmdk;
mod wim;
mod xar;
mod xz;
mod zip;
mod zlib;
mod zstd;

use keyradius_core::seam::{Container, Unwrapper};

pub use program::Sections;
pub use starts::STARTS;
pub use unopened::UNOPENED;

/// Every unwrapper.
pub const UNWRAPPERS: &[&dyn Unwrapper] = &[
    &base64::Base64,
    &utf16::Utf16,
    &ebcdic::Ebcdic,
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
    &runs::Runs,
    &bare::Bare,
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
    &parquet::Parquet,
    &sstable::Sstable,
    &pg_dump::PgDump,
    &hdf5::Hdf5,
    // Packages and images. Weak magic numbers come after the strong ones.
    &ar::Ar,
    &rpm::Rpm,
    &sevenz::SevenZ,
    &cab::Cab,
    &wim::Wim,
    &xar::Xar,
    &cfb::Cfb,
    &asar::Asar,
    &crx::Crx,
    &squashfs::Squashfs,
    &cramfs::Cramfs,
    &romfs::Romfs,
    &jffs2::Jffs2,
    &ubi::Ubi,
    &ubifs::Ubifs,
    &erofs::Erofs,
    &qcow2::Qcow2,
    &dmg::Dmg,
    &vhdx::Vhdx,
    &vdi::Vdi,
    &ewf::Ewf,
    &vmdk::Vmdk,
    &vhd::Vhd,
    &android_sparse::AndroidSparse,
    &uboot::Uboot,
    &iso9660::Iso9660,
    &ext::Ext,
    &ntfs::Ntfs,
    &fat::Fat,
    &lzip::Lzip,
    &lzop::Lzop,
    &snappy::Snappy,
    &mozlz4::MozLz4,
    &unix_compress::UnixCompress,
    &uf2::Uf2,
    &android_backup::AndroidBackup,
    &pdf::Pdf,
    &png::Png,
    &pyinstaller::PyInstaller,
    &installer::Installer,
    &hg_revlog::HgRevlog,
    &lha::Lha,
    &cpio::Cpio,
    &disk::Disk,
    &git_loose::GitLoose,
    &git_pack::GitPack,
    &zlib::Zlib,
    &brotli::Brotli,
    &openpgp_compressed::OpenPgpCompressed,
];
