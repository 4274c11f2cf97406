"""Disk images, made by qemu-img and other tools around a file system."""


from .core import carrier
from .disks import KIND, fill


# Disk images around an ext4 partition.
IMAGES = [
    ("qcow2-zlib", "-c -O qcow2"),
    ("qcow2-zstd", "-c -O qcow2 -o compression_type=zstd"),
    ("qcow2-512-clusters", "-O qcow2 -o cluster_size=512"),
    ("qcow2-v0.10", "-O qcow2 -o compat=0.10"),
    ("qcow2-extended-l2", "-O qcow2 -o extended_l2=on"),
    ("qcow", "-O qcow"),
    ("qed", "-O qed"),
    ("vdi", "-O vdi"),
    ("vdi-static", "-O vdi -o preallocation=full"),
    ("vhd", "-O vpc"),
    ("vhdx", "-O vhdx"),
    ("vhdx-fixed", "-O vhdx -o subformat=fixed"),
    ("vmdk-sparse", "-O vmdk"),
    ("vmdk-stream", "-O vmdk -o subformat=streamOptimized"),
    ("vmdk-flat-two-files", "-O vmdk -o subformat=monolithicFlat"),
    ("vmdk-2gb-split", "-O vmdk -o subformat=twoGbMaxExtentSparse"),
    ("parallels", "-O parallels"),
]


def register_image(name, options):
    def make(c):
        keys = c.tree()
        c.sh(
            "truncate -s 12M r; printf '2048,20000,83\\n' | sfdisk -q r; truncate -s 10000K e; mke2fs -q -t ext4 -d"
            " tree e; dd if=e of=r bs=1M seek=1 conv=notrunc 2>/dev/null"
        )
        ext = "vmdk" if "vmdk" in name else "img"
        c.sh(
            f"mkdir i && qemu-img convert {options} r i/f.{ext} && qemu-img convert -O raw i/f.{ext} o.raw && dd"
            " if=o.raw of=o.e bs=1M skip=1 2>/dev/null"
        )
        c.prove_tree(keys, lambda p: c.sh(f"debugfs -R 'cat {p}' o.e 2>/dev/null"), "qemu-img, debugfs")
        c.take("i")

    carrier(f"disk-{name}", KIND, "qemu-utils e2fsprogs")(make)


for row in IMAGES:
    register_image(*row)


@carrier("disk-qcow2-backing-file", KIND, "qemu-utils e2fsprogs")
def backing(c):
    keys = c.tree()
    c.sh(
        "mkdir i; truncate -s 12M r; mke2fs -q -t ext4 r; qemu-img convert -O qcow2 r i/base.qcow2; cd i; qemu-img"
        " create -q -f qcow2 -b base.qcow2 -F qcow2 top.qcow2; cd ..; truncate -s 12M e; mke2fs -q -t ext4 -d tree e;"
        " cd i; qemu-io -c 'write -s ../e 0 12M' top.qcow2 >/dev/null; qemu-img convert -O raw top.qcow2 ../o.raw"
    )
    c.prove_tree(keys, lambda p: c.sh(f"debugfs -R 'cat {p}' o.raw 2>/dev/null"), "qemu-img, debugfs")
    c.take("i")


for name, options in (
    ("ewf-e01-deflate", "-c deflate:fast"),
    ("ewf-e01-none", "-c none"),
    ("ewf-smart-s01", "-f smart -c deflate:best"),
):

    def make(c, options=options):
        keys = c.tree()
        c.sh("truncate -s 6M e; mke2fs -q -t ext4 -d tree e")
        c.sh(
            f"ewfacquirestream {options} -t f < e >/dev/null 2>&1; f=$(ls f.*); ewfexport -u -t o -f raw $f"
            " >/dev/null 2>&1; mv o.raw o 2>/dev/null || mv o* o",
            timeout=60,
        )
        c.prove_tree(keys, lambda p: c.sh(f"debugfs -R 'cat {p}' o 2>/dev/null"), "ewfexport, debugfs")
        c.take(*[f.name for f in c.work.glob("f.*")])

    carrier(f"disk-{name}", KIND, "ewf-tools e2fsprogs")(make)


@carrier("disk-aff", KIND, "afflib-tools e2fsprogs")
def aff(c):
    keys = c.tree()
    c.sh(
        "truncate -s 6M e; mke2fs -q -t ext4 -d tree e; mv e e.raw; affconvert -q e.raw >/dev/null 2>&1; mv e.aff"
        " f.aff; affconvert -r -o o.raw f.aff >/dev/null 2>&1 || affcat f.aff > o.raw"
    )
    c.prove_tree(keys, lambda p: c.sh(f"debugfs -R 'cat {p}' o.raw 2>/dev/null"), "affcat, debugfs")
    c.take("f.aff")


@carrier("disk-luks1-by-qemu-img-locked", KIND, "qemu-utils e2fsprogs", locked=True)
def luks(c):
    keys = c.tree()
    secret = "--object secret,id=s,data=secretsecret9"
    c.sh(
        f"truncate -s 8M e; mke2fs -q -t ext4 -d tree e; qemu-img convert {secret} -O luks -o"
        f" key-secret=s,iter-time=20 e f.luks; qemu-img convert {secret} --image-opts"
        " driver=luks,key-secret=s,file.filename=f.luks -O raw o.raw"
    )
    c.prove_tree(keys, lambda p: c.sh(f"debugfs -R 'cat {p}' o.raw 2>/dev/null"), "qemu-img, debugfs")
    c.take("f.luks")


@carrier("disk-android-sparse", KIND, "android-sdk-libsparse-utils e2fsprogs")
def sparse(c):
    keys = c.tree()
    c.sh("truncate -s 8M e; mke2fs -q -t ext4 -b 4096 -d tree e; img2simg e f.img; simg2img f.img o")
    c.prove_tree(keys, lambda p: c.sh(f"debugfs -R 'cat {p}' o 2>/dev/null"), "simg2img, debugfs")
    c.take("f.img")


@carrier("disk-gpt-two-partitions-squashfs-fat", KIND, "gdisk squashfs-tools dosfstools mtools")
def gpt(c):
    one, two = c.tree("a", forms=("rsa", "p12", "jwk", "rsa:trad")), c.tree("b", forms=("p256:der", "ssh", "ed25519"))
    c.sh(
        "mksquashfs a s -quiet -no-progress; truncate -s 4M v; mkfs.vfat v >/dev/null; mcopy -s -i v b/* ::; truncate"
        " -s 24M f.img; sgdisk -n 1:2048:18431 -n 2:20480:30000 f.img >/dev/null; dd if=s of=f.img bs=512 seek=2048"
        " conv=notrunc 2>/dev/null; dd if=v of=f.img bs=512 seek=20480 conv=notrunc 2>/dev/null"
    )
    c.prove_tree(
        one,
        lambda p: c.sh(f"rm -rf q; unsquashfs -quiet -no-progress -o 1048576 -d q f.img {p} >/dev/null; cat q/{p}"),
        "unsquashfs -o",
    )
    c.prove_tree(two, lambda p: c.sh(f"mtype -i f.img@@10485760 ::{p}"), "mtype @@")
    c.take("f.img")


@carrier("disk-dmg-udzo-by-genisoimage-like", KIND, "dmg2img genisoimage python3")
def dmg(c):
    import plistlib
    import struct
    import zlib

    keys = c.tree()
    c.sh("genisoimage -quiet -R -hfs -o raw.iso tree; truncate -s %262144 raw.iso")
    raw = (c.work / "raw.iso").read_bytes()
    body, runs, at = b"", [], 0
    for n, start in enumerate(range(0, len(raw), 262144)):
        part = raw[start : start + 262144]
        packed = zlib.compress(part) if n % 4 else part
        runs.append(
            struct.pack(">IIQQQQ", 0x80000005 if n % 4 else 1, 0, start // 512, len(part) // 512, at, len(packed))
        )
        body += packed
        at += len(packed)
    runs.append(struct.pack(">IIQQQQ", 0xFFFFFFFF, 0, len(raw) // 512, 0, at, 0))
    blkx = (
        struct.pack(">4sIQQQII24x", b"mish", 1, 0, len(raw) // 512, 0, 520, 0)
        + struct.pack(">II128x", 2, 32)
        + struct.pack(">I", len(runs))
        + b"".join(runs)
    )
    plist = plistlib.dumps(
        {
            "resource-fork": {
                "blkx": [{"Attributes": "0x0050", "CFName": "disk", "Data": blkx, "ID": "0", "Name": "disk"}],
                "plst": [],
            }
        }
    )
    koly = struct.pack(
        ">4sIIIQQQQQII16sII128s QQ120x II128s IQ12x".replace(" ", ""),
        b"koly",
        4,
        512,
        1,
        0,
        0,
        at,
        0,
        0,
        1,
        1,
        b"\0" * 16,
        2,
        32,
        b"",
        at,
        len(plist),
        2,
        32,
        b"",
        1,
        len(raw) // 512,
    )
    c.put("f.dmg", body + plist + koly.ljust(512, b"\0")[:512])
    c.sh(f"dmg2img -s {c.out}/f.dmg o.iso >/dev/null")
    c.prove_tree(keys, lambda p: c.sh(f"isoinfo -R -i o.iso -x /{p}"), "dmg2img, isoinfo")


@carrier("fs-xfsdump", KIND, "xfsdump xfsprogs")
def xfsdump(c):
    keys = fill(c, "i", "mkfs.xfs -q i", "320M")
    c.sh("mount -o loop i m")
    try:
        c.sh(
            "xfsdump -J -F -L a -M b -l 0 -f f.dump $PWD/m >/dev/null && mkdir x && xfsrestore -J -F -f f.dump x"
            " >/dev/null"
        )
    finally:
        c.sh("umount m")
    c.prove_tree(keys, lambda p: (c.work / "x" / p).read_bytes(), "xfsrestore")
    c.take("f.dump")
