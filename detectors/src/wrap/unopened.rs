//! Wrappers that this build recognises and cannot open.
//!
//! They are scanned as the bytes they are, which finds what is stored in them uncompressed, and they are counted, so
//! that a report never claims to have read what is inside. Each entry goes when its unwrapper comes.

use scanner_core::seam::Unopened;

/// Magic numbers at their places.
pub(crate) const UNOPENED: &[Unopened] = &[
    Unopened { id: "zip", at: 0, magic: b"PK\x03\x04" },
    Unopened { id: "gzip", at: 0, magic: &[0x1f, 0x8b, 0x08] },
    Unopened { id: "git_pack", at: 0, magic: b"PACK\0\0\0\x02" },
    Unopened { id: "xz", at: 0, magic: &[0xfd, b'7', b'z', b'X', b'Z', 0] },
    Unopened { id: "zstd", at: 0, magic: &[0x28, 0xb5, 0x2f, 0xfd] },
    Unopened { id: "bzip2", at: 0, magic: b"BZh" },
    Unopened { id: "lz4", at: 0, magic: &[0x04, 0x22, 0x4d, 0x18] },
    Unopened { id: "7z", at: 0, magic: &[b'7', b'z', 0xbc, 0xaf, 0x27, 0x1c] },
    Unopened { id: "rar", at: 0, magic: b"Rar!\x1a\x07" },
    Unopened { id: "squashfs", at: 0, magic: b"hsqs" },
    Unopened { id: "cab", at: 0, magic: b"MSCF\0\0\0\0" },
    Unopened { id: "rpm", at: 0, magic: &[0xed, 0xab, 0xee, 0xdb] },
    Unopened { id: "deb", at: 0, magic: b"!<arch>\ndebian-binary" },
    Unopened { id: "qcow2", at: 0, magic: b"QFI\xfb" },
];
