//! Wrappers that this build recognises by their first or last bytes but cannot open.
//!
//! Such files are scanned as raw bytes, which finds members stored uncompressed. They are also counted, so that a
//! report never claims to have read their contents. When an unwrapper is added, its entry is removed.

use keyradius_core::seam::Unopened;

/// The first page of a file of InnoDB: page 0, without pages beside it (`fil0types.h`).
const INNODB: &[u8] = b"\0\0\0\0\xff\xff\xff\xff\xff\xff\xff\xff";

/// The OID of enveloped data (RFC 5652 6.1) after a header of four, three or two bytes, in base64.
const ENVELOPED: [&[u8]; 3] = [b"YJKoZIhvcNAQcD", b"BgkqhkiG9w0BBwOg", b"GCSqGSIb3DQEHA"];

/// Magic numbers with their offsets.
pub const UNOPENED: &[Unopened] = &[
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
    Unopened::new("exfat", 3, b"EXFAT   "),
    Unopened::new("xfs", 0, b"XFSB"),
    Unopened::new("btrfs", 0x10040, b"_BHRfS_M"),
    Unopened::new("f2fs", 1024, &[0x10, 0x20, 0xf5, 0xf2]),
    Unopened::new("android_boot", 0, b"ANDROID!"),
    Unopened::new("qcow1", 0, b"QFI\xfb\0\0\0\x01"),
    Unopened::new("qed", 0, b"QED\0"),
    Unopened::new("parallels", 0, b"WithoutFreeSpace"),
    Unopened::new("parallels", 0, b"WithouFreSpacExt"),
    Unopened::new("bochs", 0, b"Bochs Virtual HD Image\0"),
    Unopened::new("cloop", 0, b"#!/bin/sh\n#V2.0 Format\n"),
    Unopened::new("vmdk_cowd", 0, b"COWD\x01\0\0\0"),
    Unopened::new("ar_thin", 0, b"!<thin>\n"),
    // pack(1) and SCO's LZH, which gzip also reads. Two bytes, like the magic of arj.
    Unopened::new("pack", 0, b"\x1f\x1e"),
    Unopened::new("lzh", 0, b"\x1f\xa0"),
    // Adobe SWF File Format 19, 2: compressed by zlib or LZMA after 8 bytes. MAT-File Format, 1-2: the version and mark
    // after 124 bytes of text; elements may be compressed.
    Unopened::new("flash", 0, b"CWS").and(8, &[0x78]),
    Unopened::new("flash", 0, b"ZWS").and(12, &[0x5d]),
    Unopened::new("matlab", 0, b"MATLAB 5.0 MAT-file").and(124, b"\0\x01IM"),
    Unopened::new("matlab", 0, b"MATLAB 5.0 MAT-file").and(124, b"\x01\0MI"),
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
    // The main header: its type is 2 (ARJ TECHNOTE.TXT).
    Unopened::new("arj", 0, b"\x60\xea").and(10, &[2]),
    Unopened::new("ace", 7, b"**ACE**"),
    // Backups and repositories of other tools. Mercurial: bundles are `HG10` and a method, or `HG20` and parameters.
    Unopened::new("borg", 0, b"BORG_SEG"),
    // bup: its index of files, and those of its packs, with their versions. The files are split over the objects of a git
    // repository, and a split file is not joined.
    Unopened::new("bup", 0, b"BUPI\0\0\0"),
    Unopened::new("bup", 0, b"BLOM\0\0\0"),
    Unopened::new("bup", 0, b"MIDX\0\0\0\x04"),
    Unopened::new("restic_encrypted", 0, b"{\"created\":\"").with(b"\"kdf\":\"scrypt\""),
    Unopened::new("restic_encrypted", 0, b"{\"hostname\":\"").with(b"\"kdf\":\"scrypt\""),
    Unopened::new("hg_bundle", 0, b"HG10GZ"),
    Unopened::new("hg_bundle", 0, b"HG10BZ"),
    Unopened::new("hg_bundle", 0, b"HG10UN"),
    Unopened::new("hg_bundle", 0, b"HG20\0\0"),
    Unopened::new("svn_dump", 0, b"SVN-fs-dump-format-version: 3"),
    Unopened::new("svn_delta", 0, b"DELTA\nSVN"),
    Unopened::new("xfsdump", 0, b"xFSdump0"),
    // protocols/dumprestore.h: NFS_MAGIC.
    Unopened::new("dump", 24, &[0x6c, 0xea, 0, 0]),
    Unopened::new("dump", 24, &[0, 0, 0xea, 0x6c]),
    // sys/zfs_ioctl.h: DMU_BACKUP_MAGIC.
    Unopened::new("zfs_send", 8, &[0xac, 0xcb, 0xba, 0xf5, 2, 0, 0, 0]),
    Unopened::new("btrfs_send", 0, b"btrfs-stream\0"),
    Unopened::new("android_payload", 0, b"CrAU\0\0\0\0"),
    // Databases and columns whose blocks may be compressed. Trailers: the magic of the table, and the end of the
    // postscript with its magic and its length.
    Unopened::new("avro", 0, b"Obj\x01").with(b"avro.codec\x0edeflate"),
    Unopened::new("avro", 0, b"Obj\x01").with(b"avro.codec\x0csnappy"),
    Unopened::new("avro", 0, b"Obj\x01").with(b"avro.codec\x04xz"),
    Unopened::trailer("orc", 8, b"\x82\xf4\x03\x03ORC"),
    Unopened::trailer("rocksdb", 8, &[0xf7, 0xcf, 0xf4, 0x85, 0xb7, 0x41, 0xe2, 0x88]),
    Unopened::new("redis_rdb", 0, b"REDIS00"),
    Unopened::new("ese", 4, &[0xef, 0xcd, 0xab, 0x89]),
    Unopened::new("outlook_pst", 0, b"!BDN").and(8, b"SM"),
    // Files of tables whose values may be compressed. PostgreSQL: the header of a heap page (bufpage.h: the end of the
    // free space, and the size and version of the page) and of a segment of the log (xlog_internal.h: its size, and that of a
    // block, after a magic that ends with d1). InnoDB: the first page, and its flags (fsp0types.h).
    Unopened::new("postgres_heap", 16, &[0, 0x20, 4, 0x20]).and(11, &[0]),
    Unopened::new("postgres_wal", 32, &[0, 0, 0, 1, 0, 0x20, 0, 0]).and(1, &[0xd1]),
    Unopened::new("innodb_compressed", 4, INNODB).and(54, &[0, 0, 0, 0x23]),
    Unopened::new("innodb_compressed", 4, INNODB).and(54, &[0, 0, 0, 0x25]),
    Unopened::new("innodb_compressed", 4, INNODB).and(54, &[0, 0, 0, 0x27]),
    Unopened::new("innodb_compressed", 4, INNODB).and(54, &[0, 0, 0, 0x29]),
    Unopened::new("innodb_compressed", 4, INNODB).and(54, &[0, 0, 0, 0x2b]),
    Unopened::new("innodb_compressed", 4, INNODB).and(54, &[0, 0, 0, 0x35]),
    Unopened::new("innodb_compressed", 4, INNODB).and(54, &[0, 0, 0, 0x55]),
    Unopened::new("innodb_compressed", 4, INNODB).and(54, &[0, 0, 0, 0x75]),
    Unopened::new("innodb_compressed", 4, INNODB).and(54, &[0, 0, 0, 0x95]),
    Unopened::new("innodb_compressed", 4, INNODB).and(54, &[0, 0, 0, 0xb5]),
    Unopened::new("innodb_compressed", 4, INNODB).and(54, &[0, 0, 0, 0xd5]),
    // Captures of packets, whose streams are not joined: draft-ietf-opsawg-pcap 4, pcapng 4.1.
    Unopened::new("pcap", 0, &[0xd4, 0xc3, 0xb2, 0xa1, 2, 0, 4, 0]),
    Unopened::new("pcap", 0, &[0xa1, 0xb2, 0xc3, 0xd4, 0, 2, 0, 4]),
    Unopened::new("pcap", 0, &[0x4d, 0x3c, 0xb2, 0xa1, 2, 0, 4, 0]),
    Unopened::new("pcapng", 0, &[0x0a, 0x0d, 0x0d, 0x0a]).and(8, &[0x4d, 0x3c, 0x2b, 0x1a]),
    Unopened::new("pcapng", 0, &[0x0a, 0x0d, 0x0d, 0x0a]).and(8, &[0x1a, 0x2b, 0x3c, 0x4d]),
    // Archives and images of other tools. dar: the magic, a label of ten bytes, and two flags. wimlib: pipable WIM.
    Unopened::new("dar", 0, &[0, 0, 0, 0x7b]).and(14, b"TT"),
    Unopened::new("dar", 0, &[0, 0, 0, 0x7b]).and(14, b"NT"),
    Unopened::new("dar", 0, &[0, 0, 0, 0x7b]).and(14, b"ET"),
    Unopened::new("wim_pipable", 0, b"WLPWM\0\0\0"),
    Unopened::new("aff", 0, b"AFF10\r\n\0"),
    // Dumps of memory.
    Unopened::new("kdump", 0, b"KDUMP   "),
    Unopened::new("makedumpfile", 0, b"makedumpfile\0"),
    // Apple: LZFSE, pbzx, Apple Archive.
    Unopened::new("lzfse", 0, b"bvx1"),
    Unopened::new("lzfse", 0, b"bvx2"),
    Unopened::new("lzfse", 0, b"bvxn"),
    Unopened::new("apple_archive", 0, b"AA01"),
    Unopened::new("apple_archive", 0, b"YAA1"),
    Unopened::new("kwaj", 0, b"KWAJ\x88\xf0\x27\xd1"),
    Unopened::new("chm", 0, b"ITSF\x03\0\0\0"),
    // Encrypted: the name says so. OpenSSL's `enc`, as it is and in base64; OpenPGP messages for a password (packet 3)
    // or a key (packet 1), as they are and armored.
    Unopened::new("openssl_encrypted", 0, b"Salted__"),
    Unopened::new("openssl_encrypted", 0, b"U2FsdGVkX1"),
    Unopened::new("openpgp_encrypted", 0, &[0x8c, 0x0d, 4]).and(4, &[3]),
    Unopened::new("openpgp_encrypted", 0, &[0xc3, 0x0d, 4]).and(4, &[3]),
    Unopened::new("openpgp_encrypted", 0, &[0x85, 1, 0x0c, 3]),
    Unopened::new("openpgp_encrypted", 0, &[0x85, 2, 0x0c, 3]),
    Unopened::new("openpgp_encrypted", 0, &[0x84, 0x5e, 3]),
    Unopened::new("openpgp_encrypted", 0, b"-----BEGIN PGP MESSAGE-----"),
    Unopened::new("cms_encrypted", 0, b"-----BEGIN CMS-----").with(ENVELOPED[0]),
    Unopened::new("cms_encrypted", 0, b"-----BEGIN CMS-----").with(ENVELOPED[1]),
    Unopened::new("cms_encrypted", 0, b"-----BEGIN CMS-----").with(ENVELOPED[2]),
    Unopened::new("cms_encrypted", 0, b"-----BEGIN PKCS7-----").with(ENVELOPED[0]),
    Unopened::new("cms_encrypted", 0, b"-----BEGIN PKCS7-----").with(ENVELOPED[1]),
    Unopened::new("cms_encrypted", 0, b"-----BEGIN PKCS7-----").with(ENVELOPED[2]),
    Unopened::new("cms_encrypted", 0, &[0x30, 0x82]).and(4, b"\x06\x09\x2a\x86\x48\x86\xf7\x0d\x01\x07\x03"),
    Unopened::new("cms_encrypted", 0, &[0x30, 0x81]).and(3, b"\x06\x09\x2a\x86\x48\x86\xf7\x0d\x01\x07\x03"),
    Unopened::new("cms_encrypted", 0, &[0x30, 0x80]).and(2, b"\x06\x09\x2a\x86\x48\x86\xf7\x0d\x01\x07\x03"),
    Unopened::new("cms_encrypted", 0, b"MIME-Version: 1.0").with(b"smime-type=enveloped-data"),
    Unopened::new("age_encrypted", 0, b"age-encryption.org/v1\n"),
    Unopened::new("age_encrypted", 0, b"-----BEGIN AGE ENCRYPTED FILE-----"),
    Unopened::new("ansible_vault_encrypted", 0, b"$ANSIBLE_VAULT;1."),
    Unopened::new("sealed_secret_encrypted", 0, b"apiVersion: bitnami.com/").with(b"kind: SealedSecret"),
    Unopened::new("sealed_secret_encrypted", 0, b"---\napiVersion: bitnami.com/").with(b"kind: SealedSecret"),
    Unopened::new("sealed_secret_encrypted", 0, b"{").with(b"\"kind\": \"SealedSecret\""),
    Unopened::new("keepass_encrypted", 0, &[0x03, 0xd9, 0xa2, 0x9a, 0x67, 0xfb, 0x4b, 0xb5]),
    Unopened::new("keepass_encrypted", 0, &[0x03, 0xd9, 0xa2, 0x9a, 0x65, 0xfb, 0x4b, 0xb5]),
    Unopened::new("dmg_encrypted", 0, b"encrcdsa"),
    Unopened::new("bitlocker_encrypted", 3, b"-FVE-FS-"),
    Unopened::new("luks_encrypted", 0, b"LUKS\xba\xbe\0\x01"),
    Unopened::new("luks_encrypted", 0, b"LUKS\xba\xbe\0\x02"),
];
