//! Wrappers that this build recognises and cannot open.
//!
//! They are scanned as the bytes they are, which finds what is stored in them uncompressed, and they are counted, so
//! that a report never claims to have read what is inside. Each entry goes when its unwrapper comes.

use scanner_core::seam::Unopened;

/// Magic numbers at their places.
pub(crate) const UNOPENED: &[Unopened] = &[
    Unopened { id: "git_pack", at: 0, magic: b"PACK\0\0\0\x02" },
    // Read as a repository where it is a file of its own; a blob or a member of an archive is not.
    Unopened { id: "git_bundle", at: 0, magic: b"# v2 git bundle\n" },
    Unopened { id: "git_bundle", at: 0, magic: b"# v3 git bundle\n" },
    Unopened { id: "rar", at: 0, magic: b"Rar!\x1a\x07" },
    // Other byte order, other vendors' versions.
    Unopened { id: "squashfs_other", at: 0, magic: b"sqsh" },
    Unopened { id: "squashfs_other", at: 0, magic: b"shsq" },
    Unopened { id: "squashfs_other", at: 0, magic: b"hsqt" },
    Unopened { id: "udf", at: 0x8001, magic: b"BEA01" },
    Unopened { id: "ntfs", at: 3, magic: b"NTFS    " },
    Unopened { id: "exfat", at: 3, magic: b"EXFAT   " },
    Unopened { id: "xfs", at: 0, magic: b"XFSB" },
    Unopened { id: "btrfs", at: 0x10040, magic: b"_BHRfS_M" },
    Unopened { id: "erofs", at: 1024, magic: &[0xe2, 0xe1, 0xf5, 0xe0] },
    Unopened { id: "f2fs", at: 1024, magic: &[0x10, 0x20, 0xf5, 0xf2] },
    Unopened { id: "cramfs", at: 0, magic: &[0x45, 0x3d, 0xcd, 0x28] },
    Unopened { id: "romfs", at: 0, magic: b"-rom1fs-" },
    Unopened { id: "jffs2", at: 0, magic: &[0x85, 0x19, 0x03, 0x20] },
    Unopened { id: "ubi", at: 0, magic: b"UBI#" },
    Unopened { id: "luks", at: 0, magic: b"LUKS\xba\xbe" },
    Unopened { id: "android_boot", at: 0, magic: b"ANDROID!" },
    Unopened { id: "vhdx", at: 0, magic: b"vhdxfile" },
    Unopened { id: "vdi", at: 0x40, magic: &[0x7f, 0x10, 0xda, 0xbe] },
    Unopened { id: "xar", at: 0, magic: b"xar!\0\x1c" },
    Unopened { id: "ar_thin", at: 0, magic: b"!<thin>\n" },
    Unopened { id: "lha", at: 2, magic: b"-lh0-" },
    Unopened { id: "lha", at: 2, magic: b"-lh1-" },
    Unopened { id: "lha", at: 2, magic: b"-lh4-" },
    Unopened { id: "lha", at: 2, magic: b"-lh5-" },
    Unopened { id: "lha", at: 2, magic: b"-lh6-" },
    Unopened { id: "lha", at: 2, magic: b"-lh7-" },
    Unopened { id: "lha", at: 2, magic: b"-lhd-" },
    // compress(1): the third byte is the longest code, 9 to 16 bits, and a bit for blocks.
    Unopened { id: "compress", at: 0, magic: b"\x1f\x9d\x89" },
    Unopened { id: "compress", at: 0, magic: b"\x1f\x9d\x8a" },
    Unopened { id: "compress", at: 0, magic: b"\x1f\x9d\x8b" },
    Unopened { id: "compress", at: 0, magic: b"\x1f\x9d\x8c" },
    Unopened { id: "compress", at: 0, magic: b"\x1f\x9d\x8d" },
    Unopened { id: "compress", at: 0, magic: b"\x1f\x9d\x8e" },
    Unopened { id: "compress", at: 0, magic: b"\x1f\x9d\x8f" },
    Unopened { id: "compress", at: 0, magic: b"\x1f\x9d\x90" },
    Unopened { id: "lzip", at: 0, magic: b"LZIP\x01" },
    Unopened { id: "lrzip", at: 0, magic: b"LRZI\0" },
    Unopened { id: "rzip", at: 0, magic: b"RZIP\x02" },
    Unopened { id: "lzop", at: 0, magic: b"\x89LZO\0\r\n\x1a\n" },
    Unopened { id: "snappy", at: 0, magic: b"\xff\x06\0\0sNaPpY" },
    Unopened { id: "szdd", at: 0, magic: b"SZDD\x88\xf0\x27\x33" },
    Unopened { id: "zpaq", at: 0, magic: b"7kSt" },
    Unopened { id: "stuffit", at: 0, magic: b"StuffIt (c)1997" },
    // Two bytes: one file in 65,536 of random ones is counted as well.
    Unopened { id: "arj", at: 0, magic: b"\x60\xea" },
    Unopened { id: "ace", at: 7, magic: b"**ACE**" },
    Unopened { id: "wim", at: 0, magic: b"MSWIM\0\0\0" },
];
