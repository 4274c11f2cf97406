//! One file per wrapper, and the list of those that are only recognised. Text encodings are unwrappers, found by
//! anchors; archives, images and compressed streams are containers, known by their first bytes.

pub(crate) mod base64;
pub(crate) mod bzip2;
pub(crate) mod compressed;
pub(crate) mod gzip;
pub(crate) mod lz4;
pub(crate) mod lzma;
pub(crate) mod program;
pub(crate) mod tar;
pub(crate) mod unopened;
pub(crate) mod utf16;
pub(crate) mod xz;
pub(crate) mod zip;
pub(crate) mod zstd;

pub(crate) mod sqlite;
