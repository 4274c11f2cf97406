"""Archives that do not begin at the first byte of the file, and files that hold an archive behind something else."""

import os
import struct
import zlib

from .core import carrier, filler

KIND = "containers: not at the first byte"


def png(size):
    """A picture whose pixels do not compress."""
    rows = b"".join(b"\0" + os.urandom(size * 3) for _ in range(size))

    def chunk(name, body):
        return struct.pack(">I", len(body)) + name + body + struct.pack(">I", zlib.crc32(name + body))

    head = struct.pack(">IIBBBBB", size, size, 8, 2, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b"")


# name, suffix, command that packs, command that reads one member of `a` (the archive that was cut out), package.
INNER = [
    ("zip", "cd tree && zip -qr ../a .", "mv -n a.zip a; unzip -p a {}", "zip unzip"),
    ("targz", "tar -czf a -C tree .", "tar -xzOf a ./{}", "tar"),
    ("tarxz", "tar -cJf a -C tree .", "tar -xJOf a ./{}", "xz-utils"),
    ("tarbz2", "tar -cjf a -C tree .", "tar -xjOf a ./{}", "bzip2"),
    ("tarzst", "tar -c -C tree . | zstd -q > a", "zstd -dqc < a | tar -xO ./{}", "zstd"),
    ("tar", "tar -cf a -C tree .", "tar -xOf a ./{}", "tar"),
    ("7z", "cd tree && 7z a -bso0 ../a.7z . && mv ../a.7z ../a", "7z x -so a {}", "p7zip-full"),
    ("cpio", "cd tree && find . | cpio --quiet -o -H newc > ../a", "cpio --quiet -i --to-stdout {} < a", "cpio"),
    (
        "squashfs",
        "mksquashfs tree a -quiet -no-progress -comp xz",
        "rm -rf q; unsquashfs -quiet -no-progress -d q a {} >/dev/null; cat q/{}",
        "squashfs-tools",
    ),
    ("ext4", "truncate -s 4M a; mkfs.ext4 -q -d tree a", "debugfs -R 'cat {}' a 2>/dev/null", "e2fsprogs"),
    ("lzip-tar", "tar -c -C tree . | lzip > a", "lzip -dc < a | tar -xO ./{}", "lzip"),
    (
        "cab",
        "cd tree && gcab -nzc ../a $(find . -type f)",
        "cabextract -q -p -F '*'$(basename {}) a",
        "gcab cabextract",
    ),
    ("jffs2", "mkfs.jffs2 -r tree -o a -e 65536 -p", None, "mtd-utils"),
    ("erofs", "mkfs.erofs --quiet -zlz4 a tree >/dev/null", "dump.erofs --cat --path=/{} a", "erofs-utils"),
    (
        "cramfs",
        "mkfs.cramfs tree a 2>/dev/null",
        "mkdir -p x{n}; cramfsck -x x{n}/o a >/dev/null; cat x{n}/o/{}",
        "util-linux p7zip-full",
    ),
]
SHELL = (
    b"#!/bin/sh\n# self-extracting\nsed '1,/^__ARCHIVE__$/d' \"$0\" > /tmp/a\nexit 0\n"
    + b"# notes\n" * 40
    + b"__ARCHIVE__\n"
)
BEFORE = {
    "shell": lambda c: SHELL,
    "png": lambda c: png(60),
    "random-70k": lambda c: os.urandom(70001),
    "elf": lambda c: open("/bin/true", "rb").read(),
    "text-100k": lambda c: filler(100003),
    "pad-ff-64k": lambda c: b"\xff" * 65536,
}


def pick(n):
    names = list(BEFORE)
    return [names[n % len(names)], names[(n * 5 + 2) % len(names)]]


def register(inner, before, n):
    name, pack, show, package = inner

    def make(c):
        keys = c.tree()
        c.sh(pack)
        if (c.work / "a.zip").exists():
            c.sh("mv a.zip a")
        if show is None or name in ("erofs", "cramfs"):
            if name == "jffs2":
                # Read back by jefferson, a program not written here.
                import pathlib
                import sys

                c.sh(f"{pathlib.Path(sys.executable).parent}/jefferson -d j a >/dev/null 2>&1")
                c.prove_tree(keys, lambda p: next(iter((c.work / "j").rglob(p))).read_bytes(), "jefferson")
            else:
                c.sh("mkdir m && mount -o loop,ro a m" if name == "erofs" else "7z x -bso0 -om a")
                try:
                    c.prove_tree(
                        keys, lambda p: (c.work / "m" / p).read_bytes(), "mount" if name == "erofs" else "7z"
                    )
                finally:
                    c.sh("umount m 2>/dev/null || true")
        else:
            c.prove_tree(keys, lambda p: c.sh(show.replace("{}", p)), show.split()[0])
        head = BEFORE[before](c)
        c.put("carrier.bin", head + (c.work / "a").read_bytes() + (b"\xff" * 3000 if before == "pad-ff-64k" else b""))

    carrier(f"behind-{before}-{name}", KIND, package)(make)


for n, inner in enumerate(INNER):
    for before in sorted(set(pick(n))):
        register(inner, before, n)


@carrier("makeself-gzip", KIND, "makeself")
def makeself(c):
    keys = c.tree()
    c.sh("makeself --quiet tree k.run label true; bash k.run --quiet --noexec --target x >/dev/null")
    c.prove_tree(keys, lambda p: (c.work / "x" / p).read_bytes(), "the archive itself")
    c.take("k.run")


@carrier("makeself-xz", KIND, "makeself xz-utils")
def makeself_xz(c):
    keys = c.tree()
    c.sh("makeself --xz --quiet tree k.run label true; bash k.run --quiet --noexec --target x >/dev/null")
    c.prove_tree(keys, lambda p: (c.work / "x" / p).read_bytes(), "the archive itself")
    c.take("k.run")


@carrier("pyz-zipapp-shebang", KIND, "python3")
def zipapp(c):
    keys = c.tree()
    (c.work / "tree/__main__.py").write_text("print(1)\n")
    c.sh("python3 -m zipapp -c -p '/usr/bin/env python3' -o k.pyz tree")
    c.prove_tree(keys, lambda p: c.sh(f"unzip -p k.pyz {p} 2>/dev/null", ok=(0, 1)), "unzip")
    c.take("k.pyz")


@carrier("pyinstaller-onefile", KIND, "pip:pyinstaller")
def pyinstaller(c):
    import pathlib
    import sys

    keys = c.tree(forms=("rsa", "p256:der", "p12", "jwk"))
    pem = c.key("ed25519", "string in main.py")
    (c.work / "main.py").write_text(f"KEY = {pem.text!r}\nprint(KEY, end='')\n")
    v = pathlib.Path(sys.executable).parent
    c.sh(
        f"{v}/pyinstaller --onefile --log-level ERROR --exclude-module numpy --add-data tree:tree main.py 2>&1",
        timeout=300,
    )
    c.prove(pem, c.sh("dist/main"), "the program itself")
    got = c.sh(f"{v}/pyi-archive_viewer -l dist/main").decode()
    for path, key in keys.items():
        c.prove(
            key,
            (
                c.sh(
                    f"printf 'X tree/{path}\\nout.bin\\nQ\\n' | {v}/pyi-archive_viewer dist/main >/dev/null; cat"
                    " out.bin; rm out.bin"
                )
                if path in got
                else None
            ),
            "pyi-archive_viewer",
        )
    c.take("dist/main")


@carrier("shiv-pyz", KIND, "pip:shiv")
def shiv(c):
    import pathlib
    import sys

    keys = c.tree()
    v = pathlib.Path(sys.executable).parent
    c.sh(
        f"mkdir site && cp -r tree site/data && touch site/data/__init__.py && {v}/shiv --site-packages site -o k.pyz"
        f" -c x 2>&1 || {v}/shiv --site-packages site -o k.pyz"
    )
    c.prove_tree(keys, lambda p: c.sh(f"unzip -p k.pyz site-packages/data/{p}", ok=(0, 1)), "unzip")
    c.take("k.pyz")


@carrier("jar-executable-with-launcher", KIND, "zip unzip")
def exec_jar(c):
    keys = c.tree()
    c.sh(
        "mkdir -p tree/META-INF BOOT-INF && echo 'Main-Class: x' > tree/META-INF/MANIFEST.MF; (cd tree && zip -qr"
        " ../k.zip .); (cat /bin/ls; cat k.zip) > k.jar; zip -qA k.jar || true"
    )
    c.prove_tree(keys, lambda p: c.sh(f"unzip -p k.jar {p}", ok=(0, 1)), "unzip")
    c.take("k.jar")


@carrier("jmod-create", KIND, "openjdk-17-jdk-headless")
def jmod(c):
    keys = c.tree()
    (c.work / "m").mkdir()
    (c.work / "m/module-info.java").write_text("module k { }\n")
    c.sh(
        "javac -d cls m/module-info.java && jmod create --class-path cls --config tree k.jmod && jmod extract --dir x"
        " k.jmod"
    )
    c.prove_tree(keys, lambda p: (c.work / "x/conf" / p).read_bytes(), "jmod extract")
    c.take("k.jmod")


@carrier("nsis-installer-lzma-solid", KIND, "nsis p7zip-full")
def nsis(c):
    keys = c.tree(forms=("rsa", "p256:der", "p12", "rsa:trad"))
    (c.work / "k.nsi").write_text(
        'SetCompressor /SOLID lzma\nOutFile "k.exe"\nRequestExecutionLevel user\nSection\nSetOutPath "$TEMP"\nFile /r'
        ' "tree"\nSectionEnd\n'
    )
    c.sh("makensis -V1 k.nsi")
    c.prove_tree(keys, lambda p: c.sh(f"7z x -so k.exe '*/{p.split('/')[-1]}' -r"), "7z")
    c.take("k.exe")


@carrier("nsis-installer-zlib", KIND, "nsis p7zip-full")
def nsis_zlib(c):
    keys = c.tree(forms=("rsa", "p256:der", "p12", "rsa:trad"))
    (c.work / "k.nsi").write_text(
        'SetCompressor zlib\nOutFile "k.exe"\nSection\nSetOutPath "$TEMP"\nFile /r "tree"\nSectionEnd\n'
    )
    c.sh("makensis -V1 k.nsi")
    c.prove_tree(keys, lambda p: c.sh(f"7z x -so k.exe '*/{p.split('/')[-1]}' -r"), "7z")
    c.take("k.exe")


@carrier("7z-sfx-console", KIND, "p7zip-full")
def sfx(c):
    keys = c.tree()
    c.sh("cd tree && 7z a -bso0 -sfx7zCon.sfx ../k.exe .")
    c.prove_tree(keys, lambda p: c.sh(f"7z x -so k.exe {p}"), "7z")
    c.take("k.exe")


@carrier("appimage-like-elf-then-squashfs", KIND, "squashfs-tools squashfuse")
def appimage(c):
    keys = c.tree()
    c.sh(
        "mksquashfs tree s -quiet -no-progress -comp gzip; cat /usr/bin/squashfuse s > k.AppImage; chmod +x"
        " k.AppImage"
    )
    size = os.path.getsize("/usr/bin/squashfuse")
    for p, key in keys.items():
        c.prove(
            key,
            c.sh(f"rm -rf q; unsquashfs -quiet -no-progress -o {size} -d q k.AppImage {p} >/dev/null; cat q/{p}"),
            "unsquashfs -o",
        )
    c.take("k.AppImage")


@carrier("flash-dump-env-uimage-squashfs-jffs2", KIND, "u-boot-tools squashfs-tools mtd-utils")
def flash(c):
    import pathlib
    import sys

    one = c.tree("one", forms=("rsa", "p12", "p256:der"))
    two = c.tree("two", forms=("ed25519", "ssh", "jwk"))
    env_key = c.key("p256", "u-boot environment")
    kernel_key = c.key("rsa", "kernel")
    (c.work / "e.txt").write_text("bootcmd=run x\nkey=" + env_key.text.replace("\n", "\\n") + "\nz=1\n")
    c.sh("mkenvimage -s 0x10000 -o env.bin e.txt")
    (c.work / "kern").write_bytes(filler(80000) + kernel_key.data + filler(3000))
    c.sh("gzip -9 < kern > kern.gz; mkimage -A arm -O linux -T kernel -C gzip -n k -d kern.gz u.img >/dev/null")
    c.sh("mksquashfs one sq -quiet -no-progress -comp xz; mkfs.jffs2 -r two -o jf -e 65536 --pad=0x80000 -l")
    c.sh(
        "head -c 65536 /dev/zero | tr '\\0' '\\377' > boot; cat boot env.bin > f; dd if=u.img of=f bs=64k seek=2"
        " 2>/dev/null; dd if=sq of=f bs=64k seek=8 2>/dev/null; dd if=jf of=f bs=64k seek=24 2>/dev/null"
    )
    c.sh(
        f"dd if=f of=x.jf bs=64k skip=24 2>/dev/null; {pathlib.Path(sys.executable).parent}/jefferson -d j x.jf"
        " >/dev/null 2>&1; dd if=f of=x.sq bs=64k skip=8 2>/dev/null; unsquashfs -quiet -no-progress -d q x.sq"
        " >/dev/null"
    )
    c.prove_tree(one, lambda p: (c.work / "q" / p).read_bytes(), "unsquashfs")
    c.prove_tree(two, lambda p: next(iter((c.work / "j").rglob(p))).read_bytes(), "jefferson")
    c.prove(kernel_key, c.sh("dumpimage -T kernel -p 0 -o o.gz u.img >/dev/null; gzip -dc o.gz"), "dumpimage, gzip")
    c.prove(env_key, (c.work / "env.bin").read_bytes()[4:].replace(b"\0", b"\n").replace(b"\\n", b"\n"), "by hand")
    c.take("f")


@carrier("tail-of-pdf-zip", KIND, "zip ghostscript")
def pdf_zip(c):
    keys = c.tree()
    c.sh("echo 'showpage' | ps2pdf - k.pdf; cd tree && zip -qr ../a.zip .; cat ../a.zip >> ../k.pdf")
    c.prove_tree(keys, lambda p: c.sh(f"unzip -p k.pdf {p}", ok=(0, 1)), "unzip")
    c.take("k.pdf")


@carrier("zip-inside-core-of-tar-member-behind-text", KIND, "zip unzip tar")
def inside(c):
    keys = c.tree()
    c.sh("cd tree && zip -qr ../a.zip .")
    (c.work / "in").mkdir()
    (c.work / "in/notes.log").write_bytes(filler(33333) + (c.work / "a.zip").read_bytes() + filler(5000))
    c.prove_tree(keys, lambda p: c.sh(f"unzip -p a.zip {p}"), "unzip")
    c.sh("tar -cf k.tar in")
    c.take("k.tar")
