//! One file per wrapper, and the list of those that are only recognised. Text encodings are unwrappers, found by
//! anchors; archives, images and compressed streams are containers, known by their first bytes.

pub(crate) mod ar;
pub(crate) mod base64;
pub(crate) mod bzip2;
pub(crate) mod compressed;
pub(crate) mod cpio;
pub(crate) mod gzip;
pub(crate) mod lz4;
pub(crate) mod lzma;
pub(crate) mod program;
pub(crate) mod rpm;
pub(crate) mod tar;
pub(crate) mod unopened;
pub(crate) mod utf16;
pub(crate) mod xz;
pub(crate) mod zip;
pub(crate) mod zstd;

pub(crate) mod android_sparse;
pub(crate) mod asar;
pub(crate) mod cab;
pub(crate) mod cfb;
pub(crate) mod crx;
pub(crate) mod disk;
pub(crate) mod ext;
pub(crate) mod fat;
pub(crate) mod iso9660;
pub(crate) mod qcow2;
pub(crate) mod sevenz;
pub(crate) mod sqlite;
pub(crate) mod squashfs;
pub(crate) mod uboot;
pub(crate) mod vhd;
pub(crate) mod vmdk;
