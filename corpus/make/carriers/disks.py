"""File systems and disk images, each made by its own tool and read back by a mount or by the tool."""

import os

from .core import carrier, filler

KIND = "containers: disks and file systems"


def mounted(c, image, keys, how="mount", options="loop,ro", sub=""):
    c.sh(f"mkdir -p m && mount -o {options} {image} m")
    try:
        c.prove_tree(keys, lambda p: (c.work / "m" / sub / p).read_bytes(), how)
    finally:
        c.sh("umount m || (sleep 1; umount m)")


def fill(c, image, mkfs, size="64M", options="loop", before=None):
    """Makes a file system, copies the tree in by a mount, and proves it after a second mount."""
    keys = c.tree()
    c.sh(f"truncate -s {size} {image} && {mkfs} && mkdir -p m && mount -o {options} {image} m")
    try:
        if before:
            before()
        c.sh("cp -r tree/. m/ && sync -f m")
    finally:
        c.sh("umount m || (sleep 1; umount m)")
    return keys


FS = [
    (
        "ext2-1k",
        "truncate -s 4M f.img; mke2fs -q -t ext2 -b 1024 -d tree f.img",
        "debugfs -R 'cat {}' f.img 2>/dev/null",
        "e2fsprogs",
    ),
    (
        "ext3-journal",
        "truncate -s 8M f.img; mke2fs -q -t ext3 -d tree f.img",
        "debugfs -R 'cat {}' f.img 2>/dev/null",
        "e2fsprogs",
    ),
    (
        "ext4-inline-data-metadata-csum",
        "truncate -s 8M f.img; mke2fs -q -t ext4 -I 1024 -O inline_data -d tree f.img",
        "debugfs -R 'cat {}' f.img 2>/dev/null",
        "e2fsprogs",
    ),
    (
        "ext4-bigalloc",
        "truncate -s 32M f.img; mke2fs -q -t ext4 -O bigalloc -C 65536 -d tree f.img",
        "debugfs -R 'cat {}' f.img 2>/dev/null",
        "e2fsprogs",
    ),
    (
        "squashfs-lz4-4k-blocks",
        "mksquashfs tree f.img -quiet -no-progress -comp lz4 -b 4096",
        "rm -rf q; unsquashfs -quiet -no-progress -d q f.img {} >/dev/null; cat q/{}",
        "squashfs-tools",
    ),
    (
        "squashfs-lzo",
        "mksquashfs tree f.img -quiet -no-progress -comp lzo",
        "rm -rf q; unsquashfs -quiet -no-progress -d q f.img {} >/dev/null; cat q/{}",
        "squashfs-tools",
    ),
    (
        "squashfs-lzma",
        "mksquashfs tree f.img -quiet -no-progress -comp lzma",
        "rm -rf q; unsquashfs -quiet -no-progress -d q f.img {} >/dev/null; cat q/{}",
        "squashfs-tools",
    ),
    (
        "squashfs-zstd-1m",
        "mksquashfs tree f.img -quiet -no-progress -comp zstd -b 1M",
        "rm -rf q; unsquashfs -quiet -no-progress -d q f.img {} >/dev/null; cat q/{}",
        "squashfs-tools",
    ),
    (
        "squashfs-no-fragments-tailends",
        "mksquashfs tree f.img -quiet -no-progress -no-fragments -nopad",
        "rm -rf q; unsquashfs -quiet -no-progress -d q f.img {} >/dev/null; cat q/{}",
        "squashfs-tools",
    ),
    ("squashfs-tar2sqfs", "tar -c -C tree . | tar2sqfs -q f.img", "rdsquashfs -c {} f.img", "squashfs-tools-ng"),
    ("romfs", "genromfs -d tree -f f.img", "7z x -so f.img {} 2>/dev/null || true", "genromfs"),
    ("cramfs", "mkfs.cramfs tree f.img 2>/dev/null", "7z x -so f.img {}", "util-linux p7zip-full"),
    ("cramfs-big-endian", "mkfs.cramfs -N big tree f.img 2>/dev/null", "7z x -so f.img {}", "util-linux p7zip-full"),
    ("iso-plain", "genisoimage -quiet -o f.img tree", "7z x -so f.img -r {b} 2>/dev/null", "genisoimage p7zip-full"),
    ("iso-udf-bridge", "genisoimage -quiet -udf -R -J -o f.img tree", "isoinfo -R -i f.img -x /{}", "genisoimage"),
    ("iso-hfs-hybrid", "genisoimage -quiet -hfs -R -o f.img tree", "isoinfo -R -i f.img -x /{}", "genisoimage"),
    (
        "iso-zisofs",
        (
            "xorriso -as mkisofs -quiet -R -o g.iso tree 2>/dev/null; xorriso -outdev f.img -map tree / -set_filter_r"
            " --zisofs / -- -commit 2>/dev/null"
        ),
        (
            "mkdir -p u && xorriso -osirrox on -indev f.img -zisofs by_magic=on -extract / u/{b} 2>/dev/null; cat"
            " u/{b}/{}"
        ),
        "genisoimage xorriso",
    ),
    (
        "iso-hfsplus-xorriso",
        "xorriso -as mkisofs -quiet -hfsplus -R -o f.img tree 2>/dev/null",
        "isoinfo -R -i f.img -x /{}",
        "xorriso genisoimage",
    ),
    (
        "fat12",
        "truncate -s 1440K f.img; mkfs.vfat -F 12 f.img >/dev/null; mcopy -s -i f.img tree/* ::",
        "mtype -i f.img ::{}",
        "dosfstools mtools",
    ),
    (
        "fat32-512-clusters",
        "truncate -s 36M f.img; mkfs.vfat -F 32 -s 1 f.img >/dev/null; mcopy -s -i f.img tree/* ::",
        "mtype -i f.img ::{}",
        "dosfstools mtools",
    ),
    (
        "fat16-fragmented",
        (
            "truncate -s 16M f.img; mkfs.vfat -F 16 -s 1 f.img >/dev/null; for i in $(seq 60); do head -c 700"
            " /dev/urandom > x; mcopy -i f.img x ::x$i; done; for i in $(seq 1 2 60); do mdel -i f.img ::x$i; done;"
            " mcopy -s -i f.img tree/* ::"
        ),
        "mtype -i f.img ::{}",
        "dosfstools mtools",
    ),
    (
        "hfs",
        (
            "truncate -s 4M f.img; hformat -l K f.img >/dev/null; hmount f.img >/dev/null; for d in etc app home web"
            " log data; do hmkdir :$d; done; (cd tree; for f in */*; do hcopy -r $f :$(dirname $f):$(basename $f);"
            " done); humount"
        ),
        "hmount f.img >/dev/null; hcopy -r ':{c}' - ; humount",
        "hfsutils",
    ),
    (
        "makefs-ffs",
        "makefs -t ffs -s 8m f.img tree >/dev/null",
        (
            "fls -r -p -f ufs2 f.img >/dev/null 2>&1; i=$(fls -r -p f.img | awk -F'\\t' '$2==\"{}\"{print $1}' | sed"
            " 's/.* //;s/://;s/-.*//'); icat f.img $i"
        ),
        "makefs sleuthkit",
    ),
    (
        "makefs-cd9660-rr",
        "makefs -t cd9660 -o rockridge f.img tree >/dev/null",
        "isoinfo -R -i f.img -x /{}",
        "makefs genisoimage",
    ),
    (
        "ntfs-by-ntfscp",
        (
            "truncate -s 8M f.img; mkntfs -q -F -f f.img >/dev/null 2>&1; ntfscp -q f.img tree/etc/server.pem"
            " server.pem; for f in app/signing.der home/id_ed25519 app/store.p12 web/jwk.json log/big.log"
            " data/edge.bin; do ntfscp -q f.img tree/$f $(basename $f); done"
        ),
        "ntfscat f.img {b}",
        "ntfs-3g",
    ),
]


def register(name, pack, show, packages):
    def make(c):
        keys = c.tree()
        c.sh(pack)
        if name == "iso-plain":
            c.sh("7z x -bso0 -oo f.img")
            names = {f.name.lower().rstrip("."): f for f in (c.work / "o").rglob("*") if f.is_file()}

            def read(p):
                base = p.split("/")[-1]
                stem, _, ext = base.partition(".")
                return next(
                    v
                    for k, v in names.items()
                    if k.startswith(stem[:8].lower().replace("-", "_")) and k.endswith(ext[:3])
                )

            c.prove_tree(keys, lambda p: read(p).read_bytes(), "7z")
        elif name == "romfs":
            # No tool at hand reads it but the kernel; the format stores files whole behind their headers.
            data = (c.work / "f.img").read_bytes()
            c.prove_tree(
                keys,
                lambda p: data if (c.work / "tree" / p).read_bytes() in data else None,
                "grep -a of the whole file",
            )
        else:
            how = packages.split()[-1]
            c.prove_tree(
                keys,
                lambda p: c.sh(
                    show.replace("{b}", p.split("/")[-1]).replace("{c}", p.replace("/", ":")).replace("{}", p)
                ),
                how,
            )
        c.take("f.img")

    carrier(f"fs-{name}", KIND, packages)(make)


for row in FS:
    register(*row)


@carrier("fs-ntfs-compressed", KIND, "ntfs-3g")
def ntfs_compressed(c):
    keys = c.tree()
    c.sh(
        "truncate -s 16M f.img; mkntfs -q -F -f -C f.img >/dev/null 2>&1; mkdir m; ntfs-3g -o compression f.img m;"
        " setfattr -h -v 0x00000800 -n system.ntfs_attrib_be m 2>/dev/null; cp -r tree/. m/; umount m; mkdir n;"
        " ntfs-3g -o ro f.img n"
    )
    try:
        c.prove_tree(keys, lambda p: (c.work / "n" / p).read_bytes(), "ntfs-3g")
    finally:
        c.sh("umount n")
    c.take("f.img")


@carrier("fs-ntfs-alternate-stream-resident", KIND, "ntfs-3g")
def ntfs_ads(c):
    small, big = c.key("ed25519", "resident stream"), c.key("rsa", "alternate stream")
    (c.work / "s").write_bytes(small.data)
    (c.work / "b").write_bytes(big.data)
    c.sh("truncate -s 8M f.img; mkntfs -q -F -f f.img >/dev/null 2>&1; ntfscp -q f.img s s; ntfscp -q -N k f.img b s")
    c.prove(small, c.sh("ntfscat f.img s"), "ntfscat")
    c.prove(big, c.sh("ntfscat -n k f.img s"), "ntfscat -n")
    c.take("f.img")


@carrier("fs-xfs", KIND, "xfsprogs")
def xfs(c):
    keys = fill(c, "f.img", "mkfs.xfs -q f.img", "320M")
    mounted(c, "f.img", keys)
    c.take("f.img")


@carrier("fs-xfs-fragmented", KIND, "xfsprogs")
def xfs_frag(c):
    keys = fill(c, "f.img", "mkfs.xfs -q -b size=1024 f.img", "320M")
    c.sh("mount -o loop f.img m")
    more = c.key("rsa", "fragmented.log")
    whole = filler(1000) + more.data + filler(90000)
    try:
        with open(c.work / "m/fragmented.log", "wb", buffering=0) as f:
            for at in reversed(range(0, len(whole), 1024)):  # Written from the back in blocks, with a sync each time.
                f.seek(at)
                f.write(whole[at : at + 1024])
                if at < 8192:
                    os.fsync(f.fileno())
    finally:
        c.sh("sync -f m; umount m")
    mounted(c, "f.img", {**keys, "fragmented.log": more})
    c.take("f.img")


for level, extra in (
    ("plain", ""),
    ("zstd", ",compress-force=zstd"),
    ("lzo", ",compress-force=lzo"),
    ("zlib", ",compress-force=zlib"),
):

    def make(c, extra=extra):
        keys = fill(c, "f.img", "mkfs.btrfs -q -M f.img", "128M", "loop" + extra)
        mounted(c, "f.img", keys)
        c.take("f.img")

    carrier(f"fs-btrfs-{level}", KIND, "btrfs-progs")(make)


@carrier("fs-btrfs-send-stream", KIND, "btrfs-progs")
def btrfs_send(c):
    keys = c.tree()
    c.sh("truncate -s 128M i; mkfs.btrfs -q -M i; mkdir m; mount -o loop i m")
    try:
        c.sh(
            "btrfs -q subvolume create m/s && cp -r tree/. m/s/ && btrfs -q property set m/s ro true && btrfs -q send"
            " -f f.send m/s"
        )
        c.sh("mkdir m/r && btrfs -q receive -f f.send m/r")
        c.prove_tree(keys, lambda p: (c.work / "m/r/s" / p).read_bytes(), "btrfs receive")
    finally:
        c.sh("umount m")
    c.take("f.send")


@carrier("fs-f2fs", KIND, "f2fs-tools")
def f2fs(c):
    keys = c.tree()
    c.sh(
        "truncate -s 64M f.img; mkfs.f2fs -q f.img >/dev/null; sload.f2fs -f tree f.img >/dev/null; mkdir d; cd d;"
        " dump.f2fs -P ../f.img >/dev/null 2>&1 || true",
        ok=None,
    )
    data = (c.work / "f.img").read_bytes()
    c.prove_tree(keys, lambda p: data if keys[p].data in data else None, "grep -a after sload.f2fs")
    c.take("f.img")


for level, options in (
    ("plain", ""),
    ("lz4", "-zlz4"),
    ("lz4hc", "-zlz4hc,12"),
    ("lz4-ztail-frag", "-zlz4hc -C65536 -Eztailpacking"),
    ("chunked", "--chunksize=65536"),
):

    def make(c, options=options):
        keys = c.tree()
        c.sh(f"mkfs.erofs --quiet {options} f.img tree >/dev/null")
        mounted(c, "f.img", keys)
        c.take("f.img")

    carrier(f"fs-erofs-{level}", KIND, "erofs-utils")(make)
