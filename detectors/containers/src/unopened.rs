//! Wrappers that this build recognises by their first or last bytes but cannot open.
//!
//! Such files are scanned as raw bytes, which finds members stored uncompressed. They are also counted, so that a
//! report never claims to have read their contents. When an unwrapper is added, its entry is removed.

use keyradius_core::seam::Unopened;

/// Magic numbers with their offsets.
pub const UNOPENED: &[Unopened] = &[
    Unopened::new("git_pack", 0, b"PACK\0\0\0\x02"),
    // A bundle that is a file of its own is read as a repository; a bundle in a blob or an archive is not.
    Unopened::new("git_bundle", 0, b"# v2 git bundle\n"),
    Unopened::new("git_bundle", 0, b"# v3 git bundle\n"),
    Unopened::new("rar", 0, b"Rar!\x1a\x07"),
    // Other byte order, other vendors' versions.
    Unopened::new("squashfs_other", 0, b"sqsh"),
    Unopened::new("squashfs_other", 0, b"shsq"),
    Unopened::new("squashfs_other", 0, b"hsqt"),
    // Volume recognition: alone, or after the descriptors of an ISO 9660 image (ECMA-167 2/8.3).
    Unopened::new("udf", 0x8001, b"BEA01"),
    Unopened::new("udf", 0x8801, b"BEA01"),
    Unopened::new("udf", 0x9001, b"BEA01"),
    Unopened::new("udf", 0x9801, b"BEA01"),
    Unopened::new("udf", 0xa001, b"BEA01"),
    Unopened::new("udf", 0xa801, b"BEA01"),
    Unopened::new("udf", 0xb001, b"BEA01"),
    Unopened::new("udf", 0xb801, b"BEA01"),
    // Inside Macintosh, Files 2-60: drSigWord, and drVBMSt, which is always 3. TN1150: signature and version.
    Unopened::new("hfs", 1024, b"BD").and(1038, &[0, 3]),
    Unopened::new("hfs_plus", 1024, b"H+\0\x04"),
    Unopened::new("hfs_plus", 1024, b"HX\0\x05"),
    // Block size, and the first entry of the partition map: on disks and on hybrid discs.
    Unopened::new("apple_partition_map", 0, b"ER\x02\0").and(512, b"PM\0\0"),
    Unopened::new("apple_partition_map", 0, b"ER\x08\0").and(512, b"PM\0\0"),
    Unopened::new("apple_partition_map", 0, b"ER\x08\0").and(2048, b"PM\0\0"),
    Unopened::new("apfs", 32, b"NXSB"),
    // The trailer of an Apple disk image, whose first bytes are those of the disk or of its first compressed block.
    Unopened::trailer("dmg", 512, b"koly\0\0\0\x04"),
    Unopened::new("ntfs", 3, b"NTFS    "),
    Unopened::new("exfat", 3, b"EXFAT   "),
    Unopened::new("xfs", 0, b"XFSB"),
    Unopened::new("btrfs", 0x10040, b"_BHRfS_M"),
    Unopened::new("erofs", 1024, &[0xe2, 0xe1, 0xf5, 0xe0]),
    Unopened::new("f2fs", 1024, &[0x10, 0x20, 0xf5, 0xf2]),
    Unopened::new("cramfs", 0, &[0x45, 0x3d, 0xcd, 0x28]),
    Unopened::new("romfs", 0, b"-rom1fs-"),
    Unopened::new("jffs2", 0, &[0x85, 0x19, 0x03, 0x20]),
    Unopened::new("ubi", 0, b"UBI#"),
    Unopened::new("luks", 0, b"LUKS\xba\xbe"),
    Unopened::new("android_boot", 0, b"ANDROID!"),
    Unopened::new("vhdx", 0, b"vhdxfile"),
    Unopened::new("qcow1", 0, b"QFI\xfb\0\0\0\x01"),
    Unopened::new("qed", 0, b"QED\0"),
    Unopened::new("parallels", 0, b"WithoutFreeSpace"),
    Unopened::new("parallels", 0, b"WithouFreSpacExt"),
    Unopened::new("bochs", 0, b"Bochs Virtual HD Image\0"),
    Unopened::new("cloop", 0, b"#!/bin/sh\n#V2.0 Format\n"),
    Unopened::new("vmdk_cowd", 0, b"COWD\x01\0\0\0"),
    Unopened::new("vdi", 0x40, &[0x7f, 0x10, 0xda, 0xbe]),
    Unopened::new("xar", 0, b"xar!\0\x1c"),
    Unopened::new("ar_thin", 0, b"!<thin>\n"),
    // pack(1) and SCO's LZH, which gzip also reads. Two bytes, like the magic of arj.
    Unopened::new("pack", 0, b"\x1f\x1e"),
    Unopened::new("lzh", 0, b"\x1f\xa0"),
    // Frames of versions before 0.8: zstd, lib/legacy.
    Unopened::new("zstd_legacy", 0, b"\xfd\x2f\xb5\x1e"),
    Unopened::new("zstd_legacy", 0, b"\x22\xb5\x2f\xfd"),
    Unopened::new("zstd_legacy", 0, b"\x23\xb5\x2f\xfd"),
    Unopened::new("zstd_legacy", 0, b"\x24\xb5\x2f\xfd"),
    Unopened::new("zstd_legacy", 0, b"\x25\xb5\x2f\xfd"),
    Unopened::new("zstd_legacy", 0, b"\x26\xb5\x2f\xfd"),
    Unopened::new("zstd_legacy", 0, b"\x27\xb5\x2f\xfd"),
    Unopened::new("lrzip", 0, b"LRZI\0"),
    Unopened::new("rzip", 0, b"RZIP\x02"),
    Unopened::new("szdd", 0, b"SZDD\x88\xf0\x27\x33"),
    Unopened::new("zpaq", 0, b"7kSt"),
    Unopened::new("stuffit", 0, b"StuffIt (c)1997"),
    // Two bytes: one in 65,536 random files is counted as well.
    Unopened::new("arj", 0, b"\x60\xea"),
    Unopened::new("ace", 7, b"**ACE**"),
    Unopened::new("wim", 0, b"MSWIM\0\0\0"),
];
