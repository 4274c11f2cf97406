"""Archives in the middle of other bytes, each made by its own tool."""

from contain import Packed

f = Packed("carved", "Archives and images amid other bytes: behind a script, a picture, a program; flash dumps; two behind each other")
import zlib
cat = lambda path: f"cat tree/{path}"
f.run("tar -cf t.tar -C tree etc signing.der var/numbers.txt")
f.run("gzip -kn t.tar; bzip2 -k t.tar; xz -k t.tar; zstd -q t.tar; lz4 -q t.tar t.tar.lz4; lzip -k t.tar; lzop t.tar; xz --format=lzma -k t.tar; cd tree && zip -qr ../t.zip etc signing.der var/numbers.txt && 7z a -bd ../t.7z etc signing.der >/dev/null; cd .. && mksquashfs tree t.sqfs -quiet -noappend >/dev/null && mkfs.jffs2 -q -l -e 64KiB -d tree -o t.jffs2 && gzip -c tree/var/numbers.txt > n.gz && mkimage -A arm -T ramdisk -C gzip -n k -d n.gz t.uimage >/dev/null")
script = b"#!/bin/sh\n# A script that unpacks what follows it.\n" + b"echo unpacking; tail -n +8 \"$0\" | tar -xz\n" * 40 + b"exit 0\n"
f.path("script").write_bytes(script)
chunk = lambda kind, data: len(data).to_bytes(4, "big") + kind + data + zlib.crc32(kind + data).to_bytes(4, "big")
picture = b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", (64).to_bytes(4, "big") * 2 + bytes([8, 0, 0, 0, 0])) + chunk(b"IDAT", zlib.compress(bytes(65 * 64))) + chunk(b"IEND", b"")
f.path("picture").write_bytes(picture)
for end in ("tar.gz", "tar.bz2", "tar.xz", "tar.zst", "tar.lz4", "tar.lz", "tar.lzo", "tar.lzma", "zip", "7z", "sqfs"):
    f.tool(f"script-{end}.sh", f"cat script t.{end} > script-{end}.sh", lambda: f.three(cat))
for end in ("zip", "7z", "tar.gz"):
    f.tool(f"picture-{end}.png", f"cat picture t.{end} > picture-{end}.png", lambda: f.three(cat))
f.tool("fixed.sh", "cat script t.zip > fixed.sh && zip -qA fixed.sh", lambda: f.three(lambda path: f"unzip -p fixed.sh {path}"))
f.tool("makeself.run", "makeself --nox11 --notemp tree makeself.run k true >/dev/null 2>&1", lambda: f.three(cat))
f.tool("app.pyz", "mkdir app && cp -r tree/etc tree/signing.der app/ && echo 'print(1)' > app/__main__.py && python3 -m zipapp -c -p '/usr/bin/env python3' app -o app.pyz", lambda: f.three(cat))
f.tool("k.jmod", "mkdir -p classes && echo 'module k { }' > module-info.java && javac -d classes module-info.java && jmod create --class-path classes --config tree k.jmod", lambda: f.three(cat))
flash = b"\xff" * 4096 + f.read("t.uimage") + b"\xff" * 3000
flash += b"\xff" * (-len(flash) % 4096) + f.read("t.sqfs")
f.run("openssl genpkey -algorithm ed25519 -out other.pem && mkdir other && cp other.pem other/ && mkfs.jffs2 -q -l -e 64KiB -d other -o other.jffs2")
flash += b"\xff" * (-len(flash) % 65536) + f.read("other.jffs2")
f.add("flash.bin", flash, "a boot loader's image, squashfs and JFFS2 behind each other", f.three(cat) + [f.shown("cat other.pem")])
magics = b"PK\x03\x04 \x1f\x8b\x08\0 \xfd7zXZ\0 \x28\xb5\x2f\xfd BZh91AY&SY 7z\xbc\xaf\x27\x1c hsqs MSCF\0\0\0\0 \xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1 \x27\x05\x19\x56 "
f.silent("magics.bin", b"\x7fELF" + bytes(60) + magics * 20 + bytes(range(256)) * 30, "printf", "a program that knows the magic numbers")
f.finish()
