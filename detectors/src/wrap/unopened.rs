//! Wrappers that this build recognises and cannot open.
//!
//! They are scanned as the bytes they are, which finds what is stored in them uncompressed, and they are counted, so
//! that a report never claims to have read what is inside. Each entry goes when its unwrapper comes.

use scanner_core::seam::Unopened;

/// Magic numbers at their places.
pub(crate) const UNOPENED: &[Unopened] = &[
    Unopened { id: "git_pack", at: 0, magic: b"PACK\0\0\0\x02" },
    Unopened { id: "7z", at: 0, magic: &[b'7', b'z', 0xbc, 0xaf, 0x27, 0x1c] },
    Unopened { id: "rar", at: 0, magic: b"Rar!\x1a\x07" },
    Unopened { id: "squashfs", at: 0, magic: b"hsqs" },
    Unopened { id: "cab", at: 0, magic: b"MSCF\0\0\0\0" },
    Unopened { id: "rpm", at: 0, magic: &[0xed, 0xab, 0xee, 0xdb] },
    Unopened { id: "deb", at: 0, magic: b"!<arch>\ndebian-binary" },
    Unopened { id: "qcow2", at: 0, magic: b"QFI\xfb" },
];
