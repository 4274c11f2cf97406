"""Containers in containers, two and three deep. Each layer is packed by its own tool and unpacked by it again."""

from .core import carrier

KIND = "containers: nested two deep"

# A layer packs the file or folder `in` to `out`. `read` unpacks `out` to the folder `un`.
LAYERS = {
    "tar": ("tar -cf out in", "tar -xf out -C un", "tar"),
    "tgz": ("tar -czf out in", "tar -xzf out -C un", "tar"),
    "txz": ("tar -cJf out in", "tar -xJf out -C un", "xz-utils"),
    "tzst": ("tar -c in | zstd -q > out", "zstd -dqc < out | tar -x -C un", "zstd"),
    "tlz": ("tar -c in | lzip > out", "lzip -dc < out | tar -x -C un", "lzip"),
    "tlzo": ("tar -c in | lzop > out", "lzop -dc < out | tar -x -C un", "lzop"),
    "tZ": ("tar -c in | compress -f -c > out", "gzip -dc < out | tar -x -C un", "ncompress"),
    "tbr": ("tar -c in | brotli -c > out", "brotli -dc < out | tar -x -C un", "brotli"),
    "zip": ("zip -qr out.zip in; mv out.zip out", "unzip -q out -d un", "zip unzip"),
    "zip-lzma": ("7z a -bso0 -tzip -mm=LZMA out.zip in; mv out.zip out", "7z x -bso0 -oun out", "p7zip-full"),
    "7z": ("7z a -bso0 out.7z in; mv out.7z out", "7z x -bso0 -oun out", "p7zip-full"),
    "cpio-gz": (
        "find in | cpio --quiet -o -H newc | gzip > out",
        "(cd un && gzip -dc < ../out | cpio --quiet -id)",
        "cpio",
    ),
    "squashfs": (
        "mkdir -p s && mv in s/ && mksquashfs s out -quiet -no-progress -comp zstd && mv s/in . && rmdir s",
        "unsquashfs -quiet -no-progress -f -d un out >/dev/null",
        "squashfs-tools",
    ),
    "ext4": (
        "mkdir -p s && mv in s/ && truncate -s 16M out && mke2fs -q -t ext4 -d s out && mv s/in . && rmdir s",
        "debugfs -R 'rdump / un' out 2>/dev/null",
        "e2fsprogs",
    ),
    "iso": (
        "mkdir -p s && mv in s/ && genisoimage -quiet -R -o out s && mv s/in . && rmdir s",
        "7z x -bso0 -oun out",
        "genisoimage p7zip-full",
    ),
    "xar": ("bsdtar --format=xar -cf out in", "bsdtar -xf out -C un", "libarchive-tools"),
    "lha": ("jlha -cq out.lzh in; mv out.lzh out", "(cd un && lha -xq ../out)", "jlha-utils lhasa"),
    "rpm-like-cpio-xz": (
        "find in | cpio --quiet -o -H crc | xz > out",
        "(cd un && xz -dc < ../out | cpio --quiet -id)",
        "cpio xz-utils",
    ),
    "erofs": (
        "mkdir -p s && mv in s/ && mkfs.erofs --quiet -zlz4hc out s >/dev/null && mv s/in . && rmdir s",
        "mkdir mm; mount -o loop,ro out mm && cp -r mm/. un/; umount mm; rmdir mm",
        "erofs-utils",
    ),
    "wim": (
        "mkdir -p s && mv in s/ && wimcapture s out --compress=none >/dev/null 2>&1 && mv s/in . && rmdir s",
        "wimapply out 1 un >/dev/null 2>&1",
        "wimtools",
    ),
    "qcow2-ext4": (
        (
            "mkdir -p s && mv in s/ && truncate -s 16M r && mke2fs -q -t ext4 -d s r && qemu-img convert -c -O qcow2"
            " r out && rm r && mv s/in . && rmdir s"
        ),
        "qemu-img convert -O raw out r && debugfs -R 'rdump / un' r 2>/dev/null; rm r",
        "qemu-utils e2fsprogs",
    ),
    "vmdk-stream-ext4": (
        (
            "mkdir -p s && mv in s/ && truncate -s 16M r && mke2fs -q -t ext4 -d s r && qemu-img convert -O vmdk -o"
            " subformat=streamOptimized r out && rm r && mv s/in . && rmdir s"
        ),
        "qemu-img convert -O raw out r && debugfs -R 'rdump / un' r 2>/dev/null; rm r",
        "qemu-utils e2fsprogs",
    ),
    "jffs2": (
        "mkdir -p s && mv in s/ && mkfs.jffs2 -r s -o out && mv s/in . && rmdir s",
        None,
        "mtd-utils pip:jefferson",
    ),
    "base64-in-json": (
        (
            'tar -czf t in && python3 -c "import'
            " base64,json;print(json.dumps({'name':'x','data':base64.b64encode(open('t','rb').read()).decode()}))\" >"
            " out; rm t"
        ),
        (
            'python3 -c "import'
            " base64,json,sys;sys.stdout.buffer.write(base64.b64decode(json.load(open('out'))['data']))\" | tar -xz"
            " -C un"
        ),
        "python3 tar",
    ),
    "png-tail": (
        "zip -qr t.zip in; (head -c 30000 /dev/urandom; cat t.zip) > out; rm t.zip",
        "unzip -q out -d un || true",
        "zip unzip",
    ),
    "sh-tail": (
        "(printf '#!/bin/sh\\nexit 0\\n'; tar -c in | xz) > out",
        "tail -n +3 out | xz -d | tar -x -C un",
        "xz-utils",
    ),
    "eml": (
        "zip -qr t.zip in; mpack -s k -o out t.zip; rm t.zip",
        "(cd un && munpack -q ../out >/dev/null && unzip -q t.zip)",
        "mpack zip unzip",
    ),
    "deb": (
        (
            "mkdir -p d/DEBIAN && cp -r in d/ && printf 'Package: k\\nVersion: 1\\nArchitecture: all\\nMaintainer: k"
            " <k@e.org>\\nDescription: k\\n' > d/DEBIAN/control && dpkg-deb --root-owner-group -Zxz -b d out"
            " >/dev/null; rm -r d"
        ),
        "dpkg-deb -x out un",
        "dpkg",
    ),
}
PAIRS = [
    ("tgz", "zip"),
    ("zip", "tgz"),
    ("tlz", "zip"),
    ("zip", "tlz"),
    ("tlzo", "7z"),
    ("7z", "iso"),
    ("iso", "qcow2-ext4"),
    ("qcow2-ext4", "txz"),
    ("squashfs", "cpio-gz"),
    ("cpio-gz", "squashfs"),
    ("ext4", "tzst"),
    ("deb", "tar"),
    ("deb", "iso"),
    ("lha", "zip"),
    ("zip", "lha"),
    ("xar", "tgz"),
    ("tgz", "xar"),
    ("tZ", "tar"),
    ("wim", "iso"),
    ("erofs", "tgz"),
    ("tgz", "erofs"),
    ("jffs2", "tgz"),
    ("base64-in-json", "zip"),
    ("base64-in-json", "squashfs"),
    ("png-tail", "tgz"),
    ("sh-tail", "zip"),
    ("eml", "tgz"),
    ("zip", "eml"),
    ("vmdk-stream-ext4", "tar"),
    ("squashfs", "vmdk-stream-ext4"),
    ("zip-lzma", "deb"),
    ("rpm-like-cpio-xz", "ext4"),
    ("sh-tail", "iso"),
    ("png-tail", "squashfs"),
    ("zip", "base64-in-json"),
    ("xar", "iso"),
    ("lha", "iso"),
    ("tlzo", "erofs"),
    ("7z", "wim"),
]


def register(first, second):
    def make(c):
        import pathlib
        import sys

        keys = c.tree("in")
        marks = []
        for name in (first, second):
            c.sh(LAYERS[name][0])
            c.sh(f"mv in in.{len(marks)}; mv out in")
            marks.append(name)
        c.sh("cp in final")
        for name in reversed(marks):
            command = (
                LAYERS[name][1]
                or f"rmdir un; {pathlib.Path(sys.executable).parent}/jefferson -d un out >/dev/null 2>&1"
            )
            c.sh(
                "rm -rf un; mkdir un; mv in out; " + command + "; mv $(find un -maxdepth 2 -name in | head -1) in",
                ok=(0,),
            )
        c.prove_tree(keys, lambda p: (c.work / "in" / p).read_bytes(), f"{second}, then {first}")
        c.put("carrier.bin", (c.work / "final").read_bytes())

    tools = " ".join(dict.fromkeys((LAYERS[first][2] + " " + LAYERS[second][2]).split()))
    carrier(f"nest-{first}-in-{second}", KIND, tools)(make)


for pair in PAIRS:
    register(*pair)


@carrier("nest-tar-br-by-name-in-zip", KIND, "brotli zip unzip")
def brotli(c):
    keys = c.tree()
    c.sh("tar -c -C tree . | brotli -c > tree.tar.br; zip -q0 f.zip tree.tar.br")
    c.prove_tree(
        keys, lambda p: c.sh(f"unzip -p f.zip tree.tar.br | brotli -dc | tar -xO ./{p}"), "unzip, brotli, tar"
    )
    c.take("f.zip")


@carrier("nest-pcap-http-gzip", KIND, "tshark own")
def pcap(c):
    import gzip
    import struct

    key = c.key("rsa", "body of an answer")
    body = gzip.compress(b'{"key": 1}\n' + key.data)
    payload = (
        b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Type: text/plain\r\nContent-Length: %d\r\n\r\n"
        % len(body)
        + body
    )
    packets, seq = [], 1000

    def tcp(data, src, dst, sport, dport, seq, ack, flags):
        head = struct.pack(">HHIIBBHHH", sport, dport, seq, ack, 0x50, flags, 65535, 0, 0)
        ip = struct.pack(">BBHHHBBH4s4s", 0x45, 0, 40 + len(data), 1, 0, 64, 6, 0, bytes(src), bytes(dst))
        frame = b"\2\0\0\0\0\1\2\0\0\0\0\2\x08\0" + ip + head + data
        packets.append(struct.pack("<IIII", 1764504000, len(packets), len(frame), len(frame)) + frame)

    a, b = (10, 0, 0, 1), (10, 0, 0, 2)
    request = b"GET /k HTTP/1.1\r\nHost: h\r\n\r\n"
    tcp(b"", a, b, 4000, 80, 99, 0, 2)
    tcp(b"", b, a, 80, 4000, 999, 100, 18)
    tcp(request, a, b, 4000, 80, 100, 1000, 24)
    for i in range(0, len(payload), 500):
        tcp(payload[i : i + 500], b, a, 80, 4000, seq + i, 100 + len(request), 24)
    c.put("f.pcap", struct.pack("<IHHiIII", 0xA1B2C3D4, 2, 4, 0, 0, 65535, 1) + b"".join(packets))
    shown = c.sh(
        f"tshark -o ip.check_checksum:FALSE -o tcp.check_checksum:FALSE -r {c.out}/f.pcap -Y http.response -T fields"
        " -e http.file_data 2>/dev/null"
    )
    got = shown.strip()
    got = bytes.fromhex(got.decode().replace(":", "")) if re_hex(got) else got.replace(b"\\n", b"\n")
    c.prove(key, got, "tshark")


def re_hex(data):
    return all(x in b"0123456789abcdef:" for x in data)
