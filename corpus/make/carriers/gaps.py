"""Bytes of a container that belong to no member: before, behind and between; slack, comments, extra fields, names."""

import os
import zipfile

from .core import carrier, filler
from .offset import png

APP = "gaps: before and behind"
IN = "gaps: fields, slack and names"

# name, file, command that makes a sound file from `t` (a folder without keys), test that the tool still reads it with
# a tail (None where the tool refuses a tail or has no test), packages.
BASES = [
    ("zip", "f.zip", "cd t && zip -qr ../f.zip .", "zip"),
    ("7z", "f.7z", "7z a -bso0 f.7z t", "p7zip-full"),
    ("cab", "f.cab", "cd t && gcab -nzc ../f.cab a b", "gcab"),
    ("msi", "f.msi", "msibuild f.msi -s K A {{11111111-1111-1111-1111-111111111111}} 2>&1", "msitools"),
    ("squashfs", "f.sqfs", "mksquashfs t f.sqfs -quiet -no-progress", "squashfs-tools"),
    ("cpio", "f.cpio", "find t | cpio --quiet -o -H newc > f.cpio", "cpio"),
    ("tar", "f.tar", "tar -cf f.tar t", "tar"),
    (
        "fit",
        "f.itb",
        (
            "printf"
            ' \'/dts-v1/;/{{description="d";#address-cells=<1>;images{{k{{description="k";data=/incbin/("t/a");type="kernel";arch="arm";os="linux";compression="none";load=<0>;entry=<0>;}};}};configurations{{default="c";c{{kernel="k";}};}};}};\''
            " > f.its; mkimage -f f.its f.itb >/dev/null"
        ),
        "u-boot-tools device-tree-compiler",
    ),
    ("uimage", "f.img", "mkimage -A arm -O linux -T kernel -C none -n k -d t/a f.img >/dev/null", "u-boot-tools"),
    ("ext4", "f.ext4", "truncate -s 2M f.ext4; mkfs.ext4 -q -d t f.ext4", "e2fsprogs"),
    ("fat", "f.fat", "truncate -s 1M f.fat; mkfs.vfat f.fat >/dev/null; mcopy -i f.fat t/a ::", "dosfstools mtools"),
    ("iso", "f.iso", "genisoimage -quiet -o f.iso t", "genisoimage"),
    ("qcow2", "f.qcow2", "truncate -s 1M r; mkfs.ext4 -q -d t r; qemu-img convert -O qcow2 r f.qcow2", "qemu-utils"),
    (
        "vhd-fixed",
        "f.vhd",
        "truncate -s 1M r; mkfs.ext4 -q -d t r; qemu-img convert -O vpc -o subformat=fixed r f.vhd",
        "qemu-utils",
    ),
    ("vhd-dynamic", "f.vhd", "truncate -s 1M r; mkfs.ext4 -q -d t r; qemu-img convert -O vpc r f.vhd", "qemu-utils"),
    ("vhdx", "f.vhdx", "truncate -s 1M r; mkfs.ext4 -q -d t r; qemu-img convert -O vhdx r f.vhdx", "qemu-utils"),
    ("vmdk", "f.vmdk", "truncate -s 1M r; mkfs.ext4 -q -d t r; qemu-img convert -O vmdk r f.vmdk", "qemu-utils"),
    (
        "vmdk-stream",
        "f.vmdk",
        "truncate -s 1M r; mkfs.ext4 -q -d t r; qemu-img convert -O vmdk -o subformat=streamOptimized r f.vmdk",
        "qemu-utils",
    ),
    ("vdi", "f.vdi", "truncate -s 1M r; mkfs.ext4 -q -d t r; qemu-img convert -O vdi r f.vdi", "qemu-utils"),
    (
        "android-sparse",
        "f.simg",
        "truncate -s 1M r; mkfs.ext4 -q -d t r; img2simg r f.simg",
        "android-sdk-libsparse-utils",
    ),
    ("lzma", "f.lzma", "xz --format=lzma < t/a > f.lzma", "xz-utils"),
    ("gz", "f.gz", "gzip < t/a > f.gz", "gzip"),
    ("bz2", "f.bz2", "bzip2 < t/a > f.bz2", "bzip2"),
    ("xz", "f.xz", "xz < t/a > f.xz", "xz-utils"),
    ("zst", "f.zst", "zstd -q < t/a > f.zst", "zstd"),
    ("lz4", "f.lz4", "lz4 -q < t/a > f.lz4", "lz4"),
    ("lzip", "f.lz", "lzip < t/a > f.lz", "lzip"),
    ("lzop", "f.lzo", "lzop < t/a > f.lzo", "lzop"),
    ("Z", "f.Z", "compress -f -c < t/a > f.Z", "ncompress"),
    ("wim", "f.wim", "wimcapture t f.wim >/dev/null 2>&1", "wimtools"),
    ("xar", "f.xar", "bsdtar --format=xar -cf f.xar t", "libarchive-tools"),
    ("ar", "f.a", "ar rc f.a t/a t/b", "binutils"),
    (
        "deb",
        "f.deb",
        (
            "mkdir -p d/DEBIAN && cp t/a d/ && printf 'Package: k\\nVersion: 1\\nArchitecture: all\\nMaintainer: k"
            " <k@e.org>\\nDescription: k\\n' > d/DEBIAN/control && dpkg-deb --root-owner-group -b d f.deb >/dev/null"
        ),
        "dpkg",
    ),
    ("lha", "f.lzh", "cd t && jlha -cq ../f.lzh a b", "jlha-utils"),
    ("arj", "f.arj", "arj a -y f.arj t/a >/dev/null", "arj"),
    ("erofs", "f.erofs", "mkfs.erofs --quiet f.erofs t >/dev/null", "erofs-utils"),
    ("jffs2", "f.jffs2", "mkfs.jffs2 -r t -o f.jffs2", "mtd-utils"),
    ("romfs", "f.romfs", "genromfs -d t -f f.romfs", "genromfs"),
    ("pdf", "f.pdf", "echo showpage | ps2pdf - f.pdf", "ghostscript"),
    ("elf", "f.elf", "cp /bin/true f.elf", "coreutils"),
    ("sqlite", "f.db", "sqlite3 f.db 'create table t(a);insert into t values(1)'", "sqlite3"),
    ("dtb", "f.dtb", "echo '/dts-v1/;/{{a=\"b\";}};' | dtc -q -O dtb -o f.dtb", "device-tree-compiler"),
    (
        "git-pack",
        "f.pack",
        (
            "git init -q g; cp t/a g; cd g; git add a; git -c user.name=a -c user.email=a@b commit -qm a; git gc -q;"
            " cp .git/objects/pack/*.pack ../f.pack"
        ),
        "git",
    ),
    (
        "rpm",
        "f.rpm",
        (
            "printf 'Name: k\\nVersion: 1\\nRelease: 1\\nSummary: k\\nLicense: x\\nBuildArch:"
            " noarch\\n%%description\\nk\\n%%install\\nmkdir -p %%{{buildroot}}/o; cp {work}/t/a"
            ' %%{{buildroot}}/o/\\n%%files\\n/o/a\\n\' > k.spec; rpmbuild -bb -D "_topdir $PWD/rb" k.spec >/dev/null'
            " 2>&1; cp rb/RPMS/noarch/*.rpm f.rpm"
        ),
        "rpm",
    ),
    (
        "jks",
        "f.jks",
        (
            "keytool -genkeypair -keystore f.jks -storetype JKS -storepass changeme1 -keypass changeme1 -dname CN=x"
            " -alias a -keyalg EC 2>/dev/null; keytool -exportcert -keystore f.jks -storepass changeme1 -alias a"
            " -file c 2>/dev/null; rm f.jks; keytool -importcert -noprompt -keystore f.jks -storetype JKS -storepass"
            " changeme1 -file c -alias c 2>/dev/null"
        ),
        "openjdk-17-jre-headless",
    ),
    ("png", "f.png", None, "own"),
    (
        "cert-der",
        "f.cer",
        (
            "openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout /dev/zero -subj /CN=x"
            " -outform DER -out f.cer 2>/dev/null || (openssl ecparam -genkey -name prime256v1 -out k0 2>/dev/null;"
            " openssl req -x509 -key k0 -subj /CN=x -outform DER -out f.cer)"
        ),
        "openssl",
    ),
]


def register(n, name, file, make_base, packages):
    def make(c):
        (c.work / "t").mkdir()
        (c.work / "t/a").write_bytes(filler(9000))
        (c.work / "t/b").write_bytes(os.urandom(3000))
        if make_base:
            c.sh(make_base.replace("{{", "{").replace("}}", "}").replace("{work}", str(c.work)), timeout=60)
        else:
            (c.work / file).write_bytes(png(30))
        base = (c.work / file).read_bytes()
        pem, der = c.key("rsa", "PEM behind"), c.key("p256:der", "DER behind")
        gap = [b"", b"\0" * 37, os.urandom(5) + b"\n", b"\xff" * 512][n % 4]
        c.put(file, base + gap + pem.data + os.urandom(11) + der.data + gap)
        size = len(base) + len(gap) + 1
        c.prove(pem, c.sh(f"tail -c +{size} '{c.out / file}' | head -c {len(pem.data)}"), "tail, openssl")
        c.prove(
            der,
            c.sh(f"tail -c +{size + len(pem.data) + 11} '{c.out / file}' | head -c {len(der.data)}"),
            "tail, openssl",
        )

    carrier(f"appended-{name}", APP, packages)(make)


for n, row in enumerate(BASES):
    register(n, *row)


def part(c, key, file, how="grep -a -b, openssl"):
    """Proves that the plain bytes of a key are in a file."""
    data = (c.out / file).read_bytes()
    c.prove(key, key.data if key.data in data else None, how)


@carrier("zip-prefix", APP, "python3 unzip")
def zip_prefix(c):
    key = c.key("rsa", "before")
    der = c.key("p256:der", "between prefix and archive")
    c.put("f.zip", b"")
    with zipfile.ZipFile(c.work / "i.zip", "w") as z:
        z.writestr("a", filler(3000))
    c.put("f.zip", key.data + b"\0" * 50 + der.data + (c.work / "i.zip").read_bytes())
    part(c, key, "f.zip")
    part(c, der, "f.zip")
