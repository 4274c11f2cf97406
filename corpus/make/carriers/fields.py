"""Fields, slack and names: bytes of a container that no member owns."""

import base64
import os
import struct
import zipfile
import zlib

from .core import carrier, Drop, filler
from .offset import png
from .gaps import IN, part


@carrier("zip-archive-comment", IN, "python3 unzip")
def zip_comment(c):
    key = c.key("rsa", "archive comment")
    with zipfile.ZipFile(c.out / "f.zip", "w", zipfile.ZIP_DEFLATED) as z:
        z.writestr("a", filler(3000))
        z.comment = b"x " + key.data
    c.prove(key, c.sh(f"unzip -z {c.out}/f.zip | tail -n +2 | cut -c1- | sed '1s/^x //'"), "unzip -z")


@carrier("zip-member-comment", IN, "python3 unzip")
def zip_member_comment(c):
    pem, der = c.key("ed25519", "member comment"), c.key("p256:der", "member extra field")
    with zipfile.ZipFile(c.out / "f.zip", "w", zipfile.ZIP_DEFLATED) as z:
        info = zipfile.ZipInfo("a")
        info.comment = pem.data
        info.extra = struct.pack("<HH", 0x4B4B, len(der.data)) + der.data
        z.writestr(info, filler(3000))
    with zipfile.ZipFile(c.out / "f.zip") as z:
        info = z.infolist()[0]
        c.prove(pem, info.comment, "zipfile")
        c.prove(der, info.extra, "zipfile")


@carrier("zip-gap-between-members", IN, "python3 unzip")
def zip_gap(c):
    key = c.key("rsa", "between members")
    with open(c.out / "f.zip", "wb") as f, zipfile.ZipFile(f, "w", zipfile.ZIP_DEFLATED) as z:
        z.writestr("a", filler(3000))
        f.write(key.data)
        z.start_dir = f.tell()
        z.writestr("b", filler(2000))
    c.sh(f"unzip -tq {c.out}/f.zip")
    part(c, key, "f.zip")


@carrier("zip-deleted-member-still-there", IN, "python3 unzip")
def zip_deleted(c):
    key = c.key("rsa", "member that the directory does not name")
    with open(c.out / "f.zip", "wb") as f, zipfile.ZipFile(f, "w", zipfile.ZIP_DEFLATED) as z:
        z.writestr("k.pem", filler(4000) + key.data)
        z.writestr("b", filler(2000))
        z.filelist.pop(0)
        del z.NameToInfo["k.pem"]
    c.sh(f"unzip -tq {c.out}/f.zip")
    data = (c.out / "f.zip").read_bytes()
    at = 30 + struct.unpack_from("<H", data, 26)[0] + struct.unpack_from("<H", data, 28)[0]
    c.prove(key, zlib.decompressobj(-15).decompress(data[at:]), "zlib at the first local header")


@carrier("gzip-comment-extra-name", IN, "own gzip")
def gz_fields(c):
    for flag, place in ((16, "FCOMMENT"), (4, "FEXTRA"), (8, "FNAME")):
        key = c.key("p256:der" if flag == 4 else "ed25519", place)
        key.file = f"{place}.gz"
        field = struct.pack("<H", len(key.data)) + key.data if flag == 4 else key.data + b"\0"
        deflate = zlib.compressobj(9, zlib.DEFLATED, -15)
        body = filler(3000)
        raw = deflate.compress(body) + deflate.flush()
        c.put(
            key.file,
            b"\x1f\x8b\x08"
            + bytes([flag])
            + b"\0" * 4
            + b"\0\x03"
            + field
            + raw
            + struct.pack("<II", zlib.crc32(body), len(body)),
        )
        c.sh(f"gzip -t {c.out}/{key.file}")
        part(c, key, key.file, "gzip -t, grep -a")


@carrier("tar-pax-comment-and-xattr", IN, "python3 tar")
def pax_fields(c):
    import io
    import tarfile

    one, two = c.key("rsa", "pax global comment"), c.key("p256", "SCHILY.xattr")
    with tarfile.open(c.out / "f.tar", "w", format=tarfile.PAX_FORMAT, pax_headers={"comment": one.text}) as t:
        info = tarfile.TarInfo("a")
        info.size = 5
        info.pax_headers = {"SCHILY.xattr.user.k": two.text}
        t.addfile(info, io.BytesIO(b"hello"))
    c.sh(f"tar -tf {c.out}/f.tar")
    with tarfile.open(c.out / "f.tar") as t:
        c.prove(one, t.pax_headers["comment"], "tarfile")
        c.prove(two, t.getmembers()[0].pax_headers["SCHILY.xattr.user.k"], "tarfile")


@carrier("tar-gz-behind-end-blocks", IN, "tar gzip")
def tar_end(c):
    key = c.key("rsa", "behind the end of the tar, in the stream")
    (c.work / "a").write_bytes(filler(5000))
    c.sh("tar -cf t.tar a")
    c.put("f.tgz", c.sh("gzip", (c.work / "t.tar").read_bytes() + key.data))
    c.prove(key, c.sh(f"gzip -dc {c.out}/f.tgz | tail -c {len(key.data)}"), "gzip -dc | tail")


@carrier("tar-slack-of-last-block", IN, "tar")
def tar_slack(c):
    key = c.key("ed25519", "padding behind a member")
    (c.work / "a").write_bytes(b"x" * 100)
    c.sh("tar -cf t.tar a")
    data = bytearray((c.work / "t.tar").read_bytes())
    data[512 + 110 : 512 + 110 + len(key.data)] = key.data
    c.put("f.tar", bytes(data))
    c.sh(f"tar -tf {c.out}/f.tar")
    part(c, key, "f.tar")


@carrier("zstd-skippable-frame", IN, "zstd")
def zstd_skip(c):
    key = c.key("rsa", "skippable frame")
    frame = struct.pack("<II", 0x184D2A53, len(key.data)) + key.data
    body = c.sh("zstd -q", filler(5000))
    c.put("f.zst", body + frame + body)
    c.sh(f"zstd -dqc {c.out}/f.zst >/dev/zero")
    part(c, key, "f.zst", "zstd -d, grep -a")


@carrier("lz4-skippable-frame-compressed-key", IN, "lz4")
def lz4_skip(c):
    key = c.key("rsa", "second frame")
    c.put(
        "f.lz4", c.sh("lz4 -q", filler(5000)) + struct.pack("<II", 0x184D2A51, 4) + b"abcd" + c.sh("lz4 -q", key.data)
    )
    c.prove(key, c.sh(f"lz4 -dcq {c.out}/f.lz4"), "lz4")


@carrier("iso-system-area", IN, "genisoimage")
def iso_sys(c):
    key = c.key("rsa", "first 32 KiB")
    (c.work / "t").mkdir()
    (c.work / "t/a").write_bytes(filler(3000))
    (c.work / "boot").write_bytes(os.urandom(700) + key.data)
    c.sh("genisoimage -quiet -G boot -o f.iso t")
    c.take("f.iso")
    part(c, key, "f.iso")


@carrier("iso-earlier-session", IN, "xorriso")
def iso_session(c):
    keys = c.tree(forms=("rsa", "p256:der", "p12"))
    c.sh(
        "xorriso -outdev f.iso -map tree /d -commit 2>/dev/null; cp f.iso one.iso; xorriso -dev f.iso -rm_r /d --"
        " -map tree/readme.txt /r -commit 2>/dev/null"
    )
    c.prove_tree(
        keys,
        lambda p: c.sh(
            f"rm -rf x; mkdir x; xorriso -indev f.iso -load session 1 -osirrox on -extract /d/{p} x/k 2>/dev/null ||"
            f" xorriso -osirrox on -indev one.iso -extract /d/{p} x/k 2>/dev/null; cat x/k"
        ),
        "xorriso",
    )
    data = (c.work / "f.iso").read_bytes()
    if not all(k.data in data for k in keys.values()):
        raise Drop("the second session overwrote the first")
    c.take("f.iso")


@carrier("iso-appended-partition", IN, "xorriso e2fsprogs")
def iso_part(c):
    keys = c.tree(forms=("rsa", "p256:der", "p12", "rsa:trad"))
    (c.work / "t").mkdir()
    (c.work / "t/a").write_bytes(filler(3000))
    c.sh(
        "truncate -s 2M e; mkfs.ext4 -q -d tree e; xorriso -as mkisofs -quiet -o f.iso -append_partition 2 0x83 e t"
        " 2>/dev/null"
    )
    c.prove_tree(keys, lambda p: c.sh(f"debugfs -R 'cat {p}' e 2>/dev/null"), "debugfs")
    c.take("f.iso")


@carrier("qcow2-internal-snapshot", IN, "qemu-utils e2fsprogs")
def qcow_snap(c):
    keys = c.tree(forms=("rsa", "p256:der", "p12", "rsa:trad"))
    c.sh(
        "truncate -s 4M r; mkfs.ext4 -q -d tree r; qemu-img convert -O qcow2 r f.qcow2; qemu-img snapshot -c s"
        " f.qcow2; qemu-io -c 'write -P 0 0 4M' f.qcow2 >/dev/null"
    )
    c.sh("qemu-img convert -l s f.qcow2 o.raw")
    c.prove_tree(keys, lambda p: c.sh(f"debugfs -R 'cat {p}' o.raw 2>/dev/null"), "qemu-img -l, debugfs")
    c.take("f.qcow2")


@carrier("qcow2-freed-cluster", IN, "qemu-utils")
def qcow_free(c):
    key = c.key("rsa", "cluster that was discarded")
    (c.work / "r").write_bytes(bytes(65536 * 3) + key.data + filler(70000))
    c.sh(
        "truncate -s 4M r; qemu-img convert -O qcow2 r f.qcow2; qemu-io --image-opts -c 'discard 196608 64k'"
        " driver=qcow2,discard=unmap,pass-discard-request=off,file.filename=f.qcow2 >/dev/null"
    )
    c.take("f.qcow2")
    part(c, key, "f.qcow2")


@carrier("qcow2-zlib-compressed-snapshot", IN, "qemu-utils")
def qcow_zsnap(c):
    key = c.key("rsa", "compressed cluster of a snapshot")
    (c.work / "r").write_bytes(bytes(65536 * 3) + filler(3000) + key.data + filler(70000))
    c.sh(
        "truncate -s 4M r; qemu-img convert -c -O qcow2 r f.qcow2; qemu-img snapshot -c s f.qcow2; qemu-io -c 'write"
        " -P 0 0 4M' f.qcow2 >/dev/null; qemu-img convert -l s f.qcow2 o.raw"
    )
    c.prove(
        key,
        c.sh("grep -a -A40 BEGIN o.raw | head -c 4000").split(b"-----END PRIVATE KEY-----")[0]
        + b"-----END PRIVATE KEY-----\n",
        "qemu-img -l, grep -a",
    )
    c.take("f.qcow2")


@carrier("fat-deleted-file", IN, "dosfstools mtools")
def fat_deleted(c):
    keys = c.tree(forms=("rsa", "p256:der", "p12", "rsa:trad"))
    c.sh("truncate -s 2M f.fat; mkfs.vfat f.fat >/dev/null; mcopy -s -i f.fat tree ::")
    c.prove_tree(keys, lambda p: c.sh(f"mtype -i f.fat ::tree/{p}"), "mtype before mdeltree")
    c.sh("mdeltree -i f.fat ::tree")
    c.take("f.fat")
    for key in keys.values():
        part(c, key, "f.fat")


@carrier("fat-slack-of-cluster", IN, "dosfstools mtools")
def fat_slack(c):
    key = c.key("ed25519", "slack of a cluster")
    (c.work / "big").write_bytes(b"a" * 1000 + key.data + b"a" * 900)
    (c.work / "mark").write_bytes(b"MARKMARK" + b"b" * 92)
    c.sh("truncate -s 8M f.fat; mkfs.vfat -s 8 f.fat >/dev/null; mcopy -i f.fat mark ::m")
    data = bytearray((c.work / "f.fat").read_bytes())
    at = data.index(b"MARKMARK") + 700
    data[at : at + len(key.data)] = key.data
    c.put("f.fat", bytes(data))
    c.sh(f"fsck.vfat -n {c.out}/f.fat")
    part(c, key, "f.fat", "fsck.vfat, grep -a")


@carrier("ext4-deleted-file", IN, "e2fsprogs")
def ext_deleted(c):
    keys = c.tree(forms=("rsa", "p256:der", "p12", "rsa:trad"))
    c.sh("truncate -s 4M f.img; mkfs.ext4 -q -d tree f.img")
    c.prove_tree(keys, lambda p: c.sh(f"debugfs -R 'cat {p}' f.img 2>/dev/null"), "debugfs before rm")
    for p in keys:
        c.sh(f"debugfs -w -R 'rm {p}' f.img 2>/dev/null")
    c.take("f.img")
    for key in keys.values():
        part(c, key, "f.img")


@carrier("ext4-slack-of-block", IN, "e2fsprogs")
def ext_slack(c):
    key = c.key("rsa", "slack of a block")
    (c.work / "t").mkdir()
    (c.work / "t/m").write_bytes(b"MARKMARK" + b"b" * 92)
    c.sh("truncate -s 4M f.img; mkfs.ext4 -q -b 4096 -d t f.img")
    data = bytearray((c.work / "f.img").read_bytes())
    at = data.index(b"MARKMARK") + 700
    data[at : at + len(key.data)] = key.data
    c.put("f.img", bytes(data))
    c.sh(f"e2fsck -fn {c.out}/f.img")
    part(c, key, "f.img", "e2fsck, grep -a")


@carrier("ext4-xattr-and-fast-symlink", IN, "e2fsprogs")
def ext_xattr(c):
    key = c.key("rsa", "user xattr")
    c.sh("mkdir t; echo hi > t/a; truncate -s 8M f.img; mkfs.ext4 -q -b 4096 -d t f.img")
    (c.work / "v").write_bytes(key.data)
    c.sh("debugfs -w -R 'ea_set -f v a user.k' f.img 2>/dev/null")
    c.prove(key, c.sh("debugfs -R 'ea_get -f o a user.k' f.img 2>/dev/null; cat o"), "debugfs ea_get")
    c.take("f.img")


@carrier("mbr-boot-code-gap-before-partition", IN, "fdisk e2fsprogs")
def mbr_gap(c):
    key, two = c.key("rsa", "between MBR and partition"), c.key("p256:der", "behind the last partition")
    (c.work / "t").mkdir()
    (c.work / "t/a").write_bytes(filler(2000))
    c.sh(
        "truncate -s 6M f.img; printf '2048,4096,83\\n' | sfdisk -q f.img; truncate -s 2M e; mkfs.ext4 -q -d t e; dd"
        " if=e of=f.img bs=1M seek=1 conv=notrunc 2>/dev/null"
    )
    data = bytearray((c.work / "f.img").read_bytes())
    data[70001 : 70001 + len(key.data)] = key.data
    data[5 << 20 : (5 << 20) + len(two.data)] = two.data
    c.put("f.img", bytes(data))
    c.sh(f"sfdisk -l {c.out}/f.img")
    part(c, key, "f.img")
    part(c, two, "f.img")


@carrier("gpt-unpartitioned-space", IN, "gdisk")
def gpt_gap(c):
    key = c.key("rsa", "unpartitioned space")
    c.sh("truncate -s 8M f.img; sgdisk -n 1:2048:4096 -n 2:10240:12000 f.img >/dev/null")
    data = bytearray((c.work / "f.img").read_bytes())
    data[3000001 : 3000001 + len(key.data)] = key.data
    c.put("f.img", bytes(data))
    c.sh(f"sgdisk -v {c.out}/f.img")
    part(c, key, "f.img", "sgdisk -v, grep -a")


@carrier("squashfs-xattr", IN, "squashfs-tools")
def sq_xattr(c):
    key = c.key("rsa", "user xattr")
    c.sh(
        'mkdir t; echo hi > t/a; setfattr -n user.k -v "$(cat k)" t/a 2>/dev/null || python3 -c "import'
        " os;os.setxattr('t/a','user.k',open('k','rb').read())\"",
        ok=None,
    )
    (c.work / "k").write_bytes(key.data)
    os.setxattr(c.work / "t/a", "user.k", key.data)
    c.sh("mksquashfs t f.sqfs -quiet -no-progress -xattrs; unsquashfs -quiet -no-progress -d q f.sqfs >/dev/null")
    c.prove(key, os.getxattr(c.work / "q/a", "user.k"), "unsquashfs")
    c.take("f.sqfs")


@carrier("erofs-xattr", IN, "erofs-utils")
def er_xattr(c):
    key = c.key("p256", "user xattr")
    c.sh("mkdir t; echo hi > t/a; mkdir m")
    os.setxattr(c.work / "t/a", "user.k", key.data)
    c.sh("mkfs.erofs --quiet -x 1 f.erofs t >/dev/null; mount -o loop,ro f.erofs m")
    try:
        c.prove(key, os.getxattr(c.work / "m/a", "user.k"), "mount, getxattr")
    finally:
        c.sh("umount m")
    c.take("f.erofs")


def chunked_png(name, body):
    chunk = struct.pack(">I", len(body)) + name + body + struct.pack(">I", zlib.crc32(name + body))
    whole = png(20)
    return whole[:33] + chunk + whole[33:]


@carrier("png-text-ztxt-private-chunks", IN, "own")
def png_text(c):
    rows = (
        (b"tEXt", "tEXt", lambda d: b"Comment\0" + d),
        (b"zTXt", "zTXt", lambda d: b"Comment\0\0" + zlib.compress(d)),
        (b"iTXt", "iTXt", lambda d: b"Comment\0\1\0\0\0" + zlib.compress(d)),
        (b"kyRx", "private chunk", lambda d: d),
    )
    for name, place, wrap in rows:
        key = c.key("rsa", place)
        key.file = f"{name.decode()}.png"
        body = wrap(key.data)
        c.put(key.file, chunked_png(name, body))
        data = (c.out / key.file).read_bytes()
        raw = data[41 : 41 + len(body)]
        packed = raw.index(b"\x78") if name in (b"zTXt", b"iTXt") else 0
        c.prove(key, zlib.decompress(raw[packed:]) if packed else raw, "zlib at the chunk")


@carrier("jpeg-comment-segment", IN, "own")
def jpeg(c):
    key = c.key("rsa", "COM")
    base = bytes.fromhex("ffd8ffe000104a46494600010100000100010000")
    c.put("f.jpg", base + b"\xff\xfe" + struct.pack(">H", len(key.data) + 2) + key.data + b"\xff\xd9")
    part(c, key, "f.jpg")


@carrier("elf-added-section-and-note", IN, "binutils")
def elf_section(c):
    pem, der = c.key("rsa", ".k section"), c.key("p256:der", ".note.k section")
    (c.work / "k").write_bytes(pem.data)
    (c.work / "d").write_bytes(der.data)
    c.sh(
        "objcopy --add-section .k=k --add-section .note.k=d /bin/true f.elf; objcopy -O binary --only-section=.k"
        " --set-section-flags .k=alloc f.elf o; objcopy -O binary --only-section=.note.k --set-section-flags"
        " .note.k=alloc f.elf p"
    )
    c.prove(pem, (c.work / "o").read_bytes(), "objcopy")
    c.prove(der, (c.work / "p").read_bytes(), "objcopy")
    c.take("f.elf")


@carrier("elf-compressed-debug-section", IN, "binutils gcc")
def elf_zdebug(c):
    key = c.key("rsa", "compressed debug section")
    (c.work / "k").write_bytes(filler(5000) + key.data)
    c.sh(
        "echo 'int main(){return 0;}' | gcc -g -x c - -o p; objcopy --add-section .debug_k=k p q; objcopy"
        " --compress-debug-sections=zlib q f.elf; objcopy --decompress-debug-sections f.elf r; objcopy -O binary"
        " --only-section=.debug_k --set-section-flags .debug_k=alloc r o"
    )
    c.prove(key, (c.work / "o").read_bytes(), "objcopy --decompress")
    if key.data in (c.work / "f.elf").read_bytes():
        raise Drop("the section was not compressed")
    c.take("f.elf")


@carrier("dtb-property-bytes", IN, "device-tree-compiler")
def dtb(c):
    pem, der = c.key("rsa", "string property"), c.key("p256:der", "bytes property")
    text = "".join(f"{b:02x} " for b in der.data)
    (c.work / "k.dts").write_text(f'/dts-v1/;/{{a="x"; pem="{pem.text.strip()}"; der=[{text}];}};')
    c.sh("dtc -q -O dtb -o f.dtb k.dts")
    c.prove(pem, c.sh("fdtget -t s f.dtb / pem"), "fdtget")
    c.prove(
        der,
        bytes.fromhex("".join(f"{int(x, 16):02x}" for x in c.sh("fdtget -t bx f.dtb / der").decode().split())),
        "fdtget",
    )
    c.take("f.dtb")


NAMES = [
    ("tar-member", "tar -cf f.tar -C t .", "tar -tf f.tar", "f.tar", "tar"),
    ("zip-member", "cd t && zip -qr ../f.zip .", "zipinfo -1 f.zip", "f.zip", "zip unzip"),
    ("7z-member", "7z a -bso0 f.7z ./t/*", "7z l -ba f.7z", "f.7z", "p7zip-full"),
    (
        "cpio-member",
        "cd t && find . | cpio --quiet -o -H newc > ../f.cpio",
        "cpio --quiet -t < f.cpio",
        "f.cpio",
        "cpio",
    ),
    ("squashfs-file", "mksquashfs t f.sqfs -quiet -no-progress", "unsquashfs -l f.sqfs", "f.sqfs", "squashfs-tools"),
    (
        "ext4-file",
        "truncate -s 1M f.img; mkfs.ext4 -q -d t f.img",
        "debugfs -R 'ls -p /' f.img 2>/dev/null",
        "f.img",
        "e2fsprogs",
    ),
    (
        "fat-long-name",
        "truncate -s 1M f.img; mkfs.vfat f.img >/dev/null; mcopy -i f.img t/* ::",
        "mdir -b -i f.img ::",
        "f.img",
        "dosfstools mtools",
    ),
    ("iso-joliet-name", "genisoimage -quiet -J -R -o f.iso t", "isoinfo -R -f -i f.iso", "f.iso", "genisoimage"),
    ("directory-on-disk", "true", "ls t", "t", "coreutils"),
]


def register_name(name, pack, show, file, packages):
    def make(c):
        key = c.key("ed25519:der", "in a name")
        word = base64.urlsafe_b64encode(key.data).decode().rstrip("=")
        (c.work / "t").mkdir()
        (c.work / "t" / f"{word}").write_bytes(b"hello\n")
        c.sh(pack)
        shown = c.sh(show).decode()
        c.prove(key, base64.urlsafe_b64decode(word) if word in shown else None, show.split()[0])
        c.take(file)

    carrier(f"name-{name}", IN, packages)(make)


for row in NAMES:
    register_name(*row)
