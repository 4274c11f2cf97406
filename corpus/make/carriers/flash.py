"""Flash file systems, firmware images and device formats."""

import os
import pathlib
import struct
import sys

from .core import carrier, filler

KIND = "containers: flash and firmware"


def tool(name):
    return pathlib.Path(sys.executable).parent / name


JFFS2 = [
    ("zlib", ""),
    ("none", "-m none"),
    ("big-endian", "-b"),
    ("big-endian-none", "-b -m none"),
    ("lzo", "-x zlib -X lzo"),
    ("rtime", "-x zlib -x lzo -X rtime"),
    ("no-cleanmarkers-padded", "-n --pad=0x100000"),
    ("erase-8k-pagesize", "-e 0x2000 -s 0x1000"),
]
for name, options in JFFS2:

    def make(c, options=options):
        keys = c.tree()
        c.sh(f"mkfs.jffs2 {options} -r tree -o f.jffs2 && {tool('jefferson')} -d x f.jffs2 >/dev/null 2>&1")
        c.prove_tree(keys, lambda p: next(iter((c.work / "x").rglob(p))).read_bytes(), "jefferson")
        c.take("f.jffs2")

    carrier(f"jffs2-{name}", KIND, "mtd-utils pip:jefferson")(make)

UBIFS = [("lzo", "-x lzo"), ("zlib", "-x zlib"), ("zstd", "-x zstd"), ("none", "-x none")]
for name, options in UBIFS:
    for ubi in (True, False):

        def make(c, options=options, ubi=ubi):
            keys = c.tree()
            c.sh(f"mkfs.ubifs -r tree -m 2048 -e 126976 -c 100 {options} -o v.ubifs")
            (c.work / "u.ini").write_text(
                "[v]\nmode=ubi\nimage=v.ubifs\nvol_id=0\nvol_size=8MiB\nvol_type=dynamic\nvol_name=root\nvol_flags=autoresize\n"
            )
            c.sh("ubinize -o f.ubi -m 2048 -p 128KiB u.ini")
            c.sh(f"{tool('ubireader_extract_files')} -o x f.ubi >/dev/null 2>&1")
            c.prove_tree(keys, lambda p: next(iter((c.work / "x").rglob(p))).read_bytes(), "ubireader")
            c.take("f.ubi" if ubi else "v.ubifs")

        carrier(f"ubifs-{name}{'-in-ubi' if ubi else ''}", KIND, "mtd-utils pip:ubi_reader")(make)


@carrier("ubi-static-volume-squashfs", KIND, "mtd-utils squashfs-tools pip:ubi_reader")
def ubi_static(c):
    keys = c.tree()
    c.sh("mksquashfs tree s -quiet -no-progress -comp xz")
    (c.work / "u.ini").write_text("[v]\nmode=ubi\nimage=s\nvol_id=0\nvol_type=static\nvol_name=rootfs\n")
    c.sh(
        f"ubinize -o f.ubi -m 2048 -p 128KiB u.ini; {tool('ubireader_extract_images')} -p 131072 -o x f.ubi"
        " >/dev/null; cp $(find x -type f | head -1) o"
    )
    c.prove_tree(
        keys,
        lambda p: c.sh(f"rm -rf q; unsquashfs -quiet -no-progress -d q o {p} >/dev/null; cat q/{p}"),
        "ubireader, unsquashfs",
    )
    c.take("f.ubi")


for name, comp, pack in (
    ("gzip", "gzip", "gzip -9"),
    ("lzma", "lzma", "xz --format=lzma"),
    ("bzip2", "bzip2", "bzip2"),
    ("lz4", "lz4", "lz4 -q -l"),
    ("zstd", "zstd", "zstd -q"),
    ("none", "none", "cat"),
):

    def make(c, comp=comp, pack=pack):
        keys = c.tree()
        unpack = {"gzip -9": "gzip -d", "cat": "cat", "lz4 -q -l": "lz4 -dq"}.get(pack, pack + " -d")
        c.sh(
            f"(cd tree && find . | cpio --quiet -o -H newc) | {pack} > a; mkimage -A arm -O linux -T ramdisk -C"
            f" {comp} -n k -d a f.img >/dev/null; dumpimage -T ramdisk -p 0 -o o f.img >/dev/null; {unpack} < o >"
            " o.cpio"
        )
        c.prove_tree(keys, lambda p: c.sh(f"cpio --quiet -i --to-stdout {p} < o.cpio"), "dumpimage, cpio")
        c.take("f.img")

    carrier(f"uimage-ramdisk-{name}", KIND, "u-boot-tools cpio")(make)


@carrier("uimage-multi-file", KIND, "u-boot-tools")
def multi(c):
    one, two = c.key("rsa", "first"), c.key("p256:der", "second")
    (c.work / "a").write_bytes(filler(5000) + one.data)
    (c.work / "b").write_bytes(two.data)
    c.sh(
        "mkimage -A arm -O linux -T multi -C none -n k -d a:b f.img >/dev/null; dumpimage -T multi -p 0 -o o f.img"
        " >/dev/null; dumpimage -T multi -p 1 -o p f.img >/dev/null"
    )
    c.prove(one, (c.work / "o").read_bytes(), "dumpimage")
    c.prove(two, (c.work / "p").read_bytes(), "dumpimage")
    c.take("f.img")


@carrier("fit-external-data-gzip", KIND, "u-boot-tools device-tree-compiler")
def fit(c):
    keys = c.tree()
    c.sh("(cd tree && find . | cpio --quiet -o -H newc) | gzip > a")
    (c.work / "k.its").write_text(
        '/dts-v1/;/{description="d";#address-cells=<1>;images{r{description="r";data=/incbin/("a");type="ramdisk";arch="arm";os="linux";compression="gzip";hash{algo="sha256";};};};};'
    )
    c.sh(
        "mkimage -E -f k.its f.itb >/dev/null; dumpimage -T flat_dt -p 0 -o o f.itb >/dev/null; gzip -d < o > o.cpio"
    )
    c.prove_tree(keys, lambda p: c.sh(f"cpio --quiet -i --to-stdout {p} < o.cpio"), "dumpimage, cpio")
    c.take("f.itb")


@carrier("android-boot-image", KIND, "abootimg cpio")
def boot(c):
    keys = c.tree()
    c.sh(
        "(cd tree && find . | cpio --quiet -o -H newc) | gzip > r; head -c 70000 /dev/urandom > k; abootimg --create"
        " f.img -k k -r r >/dev/null; mkdir x; cd x; abootimg -x ../f.img >/dev/null; gzip -d < initrd.img >"
        " ../o.cpio"
    )
    c.prove_tree(keys, lambda p: c.sh(f"cpio --quiet -i --to-stdout {p} < o.cpio"), "abootimg, cpio")
    c.take("f.img")


@carrier("uf2-blocks", KIND, "own")
def uf2(c):
    for form in ("rsa", "p256:der", "p12"):
        key = c.key(form, form.replace(":", "-"))
        key.file = f"{key.place}.uf2"
        data = os.urandom(1000) + key.data + os.urandom(3000)
        rows = [data[i : i + 256] for i in range(0, len(data), 256)]
        out = b"".join(
            struct.pack(
                "<8I476sI",
                0x0A324655,
                0x9E5D5157,
                0x2000,
                0x10000000 + 256 * i,
                len(r),
                i,
                len(rows),
                0xE48BFF56,
                r,
                0x0AB16F30,
            )
            for i, r in enumerate(rows)
        )
        c.put(key.file, out)
        c.prove(
            key,
            b"".join(
                out[i + 32 : i + 32 + struct.unpack_from("<I", out, i + 16)[0]] for i in range(0, len(out), 512)
            ),
            "by the block sizes (no program at hand)",
        )


for name, fmt, back in (("ihex", "ihex", "ihex"), ("srec", "srec", "srec"), ("ti-txt", "ti", "ti")):

    def make(c, fmt=fmt, back=back):
        import bincopy

        for form in ("rsa", "p256:der", "p12"):
            key = c.key(form, form.replace(":", "-"))
            key.file = f"{key.place}.{fmt}"
            f = bincopy.BinFile()
            f.add_binary(os.urandom(999) + key.data + os.urandom(500), address=0x8000)
            text = {"ihex": f.as_ihex, "srec": f.as_srec, "ti": f.as_ti_txt}[fmt]()
            c.put(key.file, text)
            g = bincopy.BinFile()
            {"ihex": g.add_ihex, "srec": g.add_srec, "ti": g.add_ti_txt}[back](text)
            c.prove(key, bytes(g.as_binary()), "bincopy")

    carrier(f"bincopy-{name}", KIND, "pip:bincopy")(make)


@carrier("nand-dump-with-oob", KIND, "mtd-utils pip:jefferson")
def oob(c):
    keys = c.tree(forms=("rsa", "p256:der", "p12"))
    c.sh("mkfs.jffs2 -m none -n -e 131072 -p -r tree -o j")
    data = (c.work / "j").read_bytes()
    c.sh(f"{tool('jefferson')} -d x j >/dev/null 2>&1")
    c.prove_tree(keys, lambda p: next(iter((c.work / "x").rglob(p))).read_bytes(), "jefferson before the spare bytes")
    c.put("f.nand", b"".join(data[i : i + 2048] + os.urandom(64) for i in range(0, len(data), 2048)))


@carrier("uboot-environment-octal", KIND, "u-boot-tools")
def env(c):
    key = c.key("rsa", "variable")
    (c.work / "e").write_text("a=b\nkey=" + key.text.replace("\n", "\\n") + "\nz=y\n")
    c.sh("mkenvimage -r -s 0x4000 -o f.env e")
    c.prove(key, (c.work / "f.env").read_bytes()[5:].replace(b"\\n", b"\n"), "by hand")
    c.take("f.env")
