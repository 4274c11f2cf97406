"""Archives and compressed streams, each by its own tool; the same tool or another one reads them back."""

from .core import carrier

KIND = "containers: archives"

# name, file, command that packs `tree` (in the scratch folder), command that prints one member `{}`, packages.
PACKS = [
    (
        "tar-gnu-sparse",
        "k.tar",
        "truncate -s 3M tree/hole && tar -S -cf k.tar -C tree .",
        "tar -xOf k.tar ./{}",
        "tar",
    ),
    ("tar-pax-sparse", "k.tar", "tar -S -H posix -cf k.tar -C tree .", "tar -xOf k.tar ./{}", "tar"),
    ("tar-v7", "k.tar", "tar --format=v7 -cf k.tar -C tree .", "tar -xOf k.tar ./{}", "tar"),
    ("tar-b1", "k.tar", "tar -b 1 -H ustar -cf k.tar -C tree .", "tar -xOf k.tar ./{}", "tar"),
    (
        "tar-multi-member-gz",
        "k.tgz",
        "tar -c -C tree . | split -b 30000 - p. && for f in p.*; do gzip < $f; done > k.tgz",
        "tar -xzOf k.tgz ./{}",
        "tar gzip",
    ),
    (
        "tar-zst-long",
        "k.tar.zst",
        "tar -c -C tree . | zstd -q --ultra -22 --long=27 -o k.tar.zst",
        "zstd -dqc --long=27 k.tar.zst | tar -xO ./{}",
        "zstd",
    ),
    ("tar-br", "k.tar.br", "tar -c -C tree . | brotli -c > k.tar.br", "brotli -dc k.tar.br | tar -xO ./{}", "brotli"),
    ("tar-lz", "k.tar.lz", "tar -c -C tree . | lzip > k.tar.lz", "lzip -dc k.tar.lz | tar -xO ./{}", "lzip"),
    (
        "tar-plzip-multi",
        "k.tar.lz",
        "tar -c -C tree . | plzip -B 65536 > k.tar.lz",
        "lzip -dc k.tar.lz | tar -xO ./{}",
        "plzip lzip",
    ),
    (
        "tarlz",
        "k.tar.lz",
        "cd tree && tarlz -cf ../k.tar.lz .",
        "mkdir -p {x} && tarlz -xf k.tar.lz -C {x} && cat {x}/{}",
        "tarlz",
    ),
    ("tar-lzo", "k.tar.lzo", "tar -c -C tree . | lzop -c > k.tar.lzo", "lzop -dc k.tar.lzo | tar -xO ./{}", "lzop"),
    (
        "tar-lzo-9",
        "k.tar.lzo",
        "tar -c -C tree . | lzop -9 -c > k.tar.lzo",
        "lzop -dc k.tar.lzo | tar -xO ./{}",
        "lzop",
    ),
    (
        "tar-Z",
        "k.tar.Z",
        "tar -c -C tree . | compress -f -c > k.tar.Z",
        "gzip -dc k.tar.Z | tar -xO ./{}",
        "ncompress",
    ),
    (
        "tar-Z-b12",
        "k.tar.Z",
        "tar -c -C tree . | compress -f -b 12 -c > k.tar.Z",
        "gzip -dc k.tar.Z | tar -xO ./{}",
        "ncompress",
    ),
    (
        "tar-lzma",
        "k.tar.lzma",
        "tar -c -C tree . | xz --format=lzma > k.tar.lzma",
        "xz --format=lzma -dc k.tar.lzma | tar -xO ./{}",
        "xz-utils",
    ),
    (
        "tar-xz-blocks-filter",
        "k.tar.xz",
        "tar -c -C tree . | xz --block-size=65536 --x86 --lzma2=preset=6 > k.tar.xz",
        "xz -dc k.tar.xz | tar -xO ./{}",
        "xz-utils",
    ),
    (
        "tar-xz-delta",
        "k.tar.xz",
        "tar -c -C tree . | xz --delta=dist=4 --lzma2=preset=3 > k.tar.xz",
        "xz -dc k.tar.xz | tar -xO ./{}",
        "xz-utils",
    ),
    ("tar-pixz", "k.tpxz", "tar -c -C tree . | pixz > k.tpxz", "xz -dc k.tpxz | tar -xO ./{}", "pixz"),
    ("tar-zlib", "k.tar.zz", "tar -c -C tree . | pigz -z > k.tar.zz", "pigz -dcz < k.tar.zz | tar -xO ./{}", "pigz"),
    (
        "tar-lrz",
        "k.tar.lrz",
        "tar -c -C tree . > k.tar; lrzip -q -o k.tar.lrz k.tar",
        "rm -f o.tar; lrzip -q -d -o o.tar k.tar.lrz; tar -xOf o.tar ./{}",
        "lrzip",
    ),
    (
        "tar-rzip",
        "k.tar.rz",
        "tar -c -C tree . > k.tar; rzip -k -o k.tar.rz k.tar",
        "rm -f o.tar; rzip -k -d -o o.tar k.tar.rz; tar -xOf o.tar ./{}",
        "rzip",
    ),
    (
        "tar-lz4-blocks",
        "k.tar.lz4",
        "tar -c -C tree . | lz4 -q -B4 -BD -9 > k.tar.lz4",
        "lz4 -dcq k.tar.lz4 | tar -xO ./{}",
        "lz4",
    ),
    (
        "tar-lz4-legacy",
        "k.tar.lz4",
        "tar -c -C tree . | lz4 -q -l > k.tar.lz4",
        "lz4 -dcq k.tar.lz4 | tar -xO ./{}",
        "lz4",
    ),
    (
        "tar-bz2-parallel",
        "k.tbz2",
        "tar -c -C tree . | pbzip2 -1 -b1 > k.tbz2",
        "bzip2 -dc k.tbz2 | tar -xO ./{}",
        "pbzip2",
    ),
    (
        "cpio-newc",
        "k.cpio",
        "cd tree && find . | cpio --quiet -o -H newc > ../k.cpio",
        "cpio --quiet -i --to-stdout {} < k.cpio",
        "cpio",
    ),
    (
        "cpio-odc",
        "k.cpio",
        "cd tree && find . | cpio --quiet -o -H odc > ../k.cpio",
        "cpio --quiet -i --to-stdout {} < k.cpio",
        "cpio",
    ),
    (
        "cpio-crc",
        "k.cpio",
        "cd tree && find . | cpio --quiet -o -H crc > ../k.cpio",
        "cpio --quiet -i --to-stdout {} < k.cpio",
        "cpio",
    ),
    (
        "cpio-bin-old",
        "k.cpio",
        "cd tree && find . | cpio --quiet -o -H bin > ../k.cpio",
        "cpio --quiet -i --to-stdout {} < k.cpio",
        "cpio",
    ),
    (
        "cpio-hpodc",
        "k.cpio",
        "cd tree && find . | cpio --quiet -o -H hpodc > ../k.cpio",
        "cpio --quiet -i --to-stdout {} < k.cpio",
        "cpio",
    ),
    (
        "pax-sv4crc",
        "k.pax",
        "cd tree && pax -w -x sv4crc . > ../k.pax",
        "mkdir -p {x} && cd {x} && pax -r < ../k.pax && cat {}",
        "pax",
    ),
    (
        "afio-z",
        "k.afio",
        "cd tree && find . | afio -o -Z ../k.afio 2>/dev/null",
        "mkdir -p {x} && cd {x} && afio -i -Z ../k.afio 2>/dev/null && cat {}",
        "afio",
    ),
    (
        "dar-plain",
        "k.1.dar",
        "dar -Q -q -c k -R tree >/dev/null",
        "mkdir -p {x} && dar -Q -q -w -O -x k -R {x} >/dev/null && cat {x}/{}",
        "dar",
    ),
    (
        "dar-gzip",
        "k.1.dar",
        "dar -Q -q -zgzip -c k -R tree >/dev/null",
        "mkdir -p {x} && dar -Q -q -w -O -x k -R {x} >/dev/null && cat {x}/{}",
        "dar",
    ),
    ("zip-deflate", "k.zip", "cd tree && zip -qr ../k.zip .", "unzip -p k.zip {}", "zip unzip"),
    ("zip-store", "k.zip", "cd tree && zip -q0r ../k.zip .", "unzip -p k.zip {}", "zip unzip"),
    ("zip-bzip2", "k.zip", "cd tree && zip -qr -Z bzip2 ../k.zip .", "unzip -p k.zip {}", "zip unzip"),
    (
        "zip-streamed-descriptors",
        "k.zip",
        "cd tree && find . -type f | zip -q -fd - -@ > ../k.zip",
        "unzip -p k.zip {}",
        "zip unzip",
    ),
    ("zip-zip64-forced", "k.zip", "cd tree && zip -q -fz -r ../k.zip .", "unzip -p k.zip {}", "zip unzip"),
    ("zip-lzma", "k.zip", "cd tree && 7z a -bso0 -mm=LZMA ../k.zip .", "7z x -so k.zip {}", "p7zip-full"),
    ("zip-ppmd", "k.zip", "cd tree && 7z a -bso0 -mm=PPMd ../k.zip .", "7z x -so k.zip {}", "p7zip-full"),
    ("zip-deflate64", "k.zip", "cd tree && 7z a -bso0 -mm=Deflate64 ../k.zip .", "7z x -so k.zip {}", "p7zip-full"),
    (
        "zip-split-joined",
        "k.zip",
        "cd tree && zip -q -s 64k -r ../s.zip . && zip -q -s 0 ../s.zip --out ../k.zip",
        "unzip -p k.zip {}",
        "zip unzip",
    ),
    (
        "zip-split-volumes",
        "s.z01 s.z02 s.zip",
        "cd tree && zip -q -s 64k -0 -r ../s.zip .; ls ../s.z0*",
        "cat s.z?? s.zip > j.bin; 7z x -so s.zip {}",
        "zip p7zip-full",
    ),
    ("7z-lzma2-solid", "k.7z", "cd tree && 7z a -bso0 ../k.7z .", "7z x -so k.7z {}", "p7zip-full"),
    ("7z-ppmd", "k.7z", "cd tree && 7z a -bso0 -m0=PPMd ../k.7z .", "7z x -so k.7z {}", "p7zip-full"),
    (
        "7z-bcj2",
        "k.7z",
        "cd tree && 7z a -bso0 -m0=BCJ2 -m1=LZMA:d20 -m2=LZMA:d18 -m3=LZMA:d18 -mb0:1 -mb0s1:2 -mb0s2:3 ../k.7z .",
        "7z x -so k.7z {}",
        "p7zip-full",
    ),
    ("7z-copy-nonsolid", "k.7z", "cd tree && 7z a -bso0 -mx0 -ms=off ../k.7z .", "7z x -so k.7z {}", "p7zip-full"),
    (
        "7z-deflate64-delta",
        "k.7z",
        "cd tree && 7z a -bso0 -m0=Delta:4 -m1=Deflate64 ../k.7z .",
        "7z x -so k.7z {}",
        "p7zip-full",
    ),
    ("7z-bzip2-arm", "k.7z", "cd tree && 7z a -bso0 -m0=ARM -m1=BZip2 ../k.7z .", "7z x -so k.7z {}", "p7zip-full"),
    (
        "7z-volumes",
        "k.7z.001 k.7z.002 k.7z.003 k.7z.004 k.7z.005 k.7z.006",
        "cd tree && 7z a -bso0 -v60k -mx0 ../k.7z . && ls ../k.7z.002",
        "7z x -so k.7z.001 {}",
        "p7zip-full",
    ),
    (
        "7z-headers-locked",
        "k.7z",
        "cd tree && 7z a -bso0 -psecret123 -mhe=on ../k.7z .",
        "7z x -so -psecret123 k.7z {}",
        "p7zip-full",
    ),
    (
        "zip-aes-locked",
        "k.zip",
        "cd tree && 7z a -bso0 -pXy7q9aaz -mem=AES256 ../k.zip .",
        "7z x -so -pXy7q9aaz k.zip {}",
        "p7zip-full",
    ),
    (
        "zip-zipcrypto-locked",
        "k.zip",
        "cd tree && zip -q -P Xy7q9aaz -r ../k.zip .",
        "unzip -P Xy7q9aaz -p k.zip {}",
        "zip unzip",
    ),
    (
        "arj-m1",
        "k.arj",
        "cd tree && arj a -r -y ../k.arj . >/dev/null",
        "mkdir -p {x} && cd {x} && arj x -y ../k.arj >/dev/null && cat {}",
        "arj",
    ),
    (
        "arj-m4",
        "k.arj",
        "cd tree && arj a -m4 -r -y ../k.arj . >/dev/null",
        "mkdir -p {x} && cd {x} && arj x -y ../k.arj >/dev/null && cat {}",
        "arj",
    ),
    (
        "arj-m0-stored",
        "k.arj",
        "cd tree && arj a -m0 -r -y ../k.arj . >/dev/null",
        "mkdir -p {x} && cd {x} && arj x -y ../k.arj >/dev/null && cat {}",
        "arj",
    ),
    ("lha-lh5", "k.lzh", "cd tree && jlha -cq ../k.lzh *", "lha -pq k.lzh {}", "jlha-utils lhasa"),
    ("lha-lh6", "k.lzh", "cd tree && jlha -co6q ../k.lzh *", "lha -pq k.lzh {}", "jlha-utils lhasa"),
    ("lha-lh7", "k.lzh", "cd tree && jlha -co7q ../k.lzh *", "lha -pq k.lzh {}", "jlha-utils lhasa"),
    ("lha-lh0", "k.lzh", "cd tree && jlha -czq ../k.lzh *", "lha -pq k.lzh {}", "jlha-utils lhasa"),
    ("lha-level0", "k.lzh", "cd tree && jlha -c0q ../k.lzh *", "lha -pq k.lzh {}", "jlha-utils lhasa"),
    ("lha-level1", "k.lzh", "cd tree && jlha -c1q ../k.lzh *", "lha -pq k.lzh {}", "jlha-utils lhasa"),
    ("lha-level2", "k.lzh", "cd tree && jlha -c2q ../k.lzh *", "lha -pq k.lzh {}", "jlha-utils lhasa"),
    (
        "arc-stored",
        "k.arc",
        (
            "mkdir f; cp tree/etc/server.pem f/a.pem; cp tree/app/signing.der f/b.der; cp tree/app/store.p12 f/c.p12;"
            " cp tree/home/id_ed25519 f/d; cp tree/web/jwk.json f/e.jsn; cp tree/log/big.log f/f.log; cp"
            " tree/data/edge.bin f/g.bin; cd f; arc as ../k.arc * >/dev/null"
        ),
        None,
        "arc",
    ),
    (
        "zpaq",
        "k.zpaq",
        "zpaq a k.zpaq tree -m1 >/dev/null 2>&1",
        "zpaq x k.zpaq tree/{} -to {x} >/dev/null 2>&1; cat {x}",
        "zpaq",
    ),
    (
        "cab-gcab-mszip",
        "k.cab",
        "cd tree && gcab -nzc ../k.cab $(find . -type f)",
        "cabextract -q -p -F '*'$(basename {}) k.cab",
        "gcab cabextract",
    ),
    (
        "cab-gcab-stored",
        "k.cab",
        "cd tree && gcab -nc ../k.cab $(find . -type f)",
        "cabextract -q -p -F '*'$(basename {}) k.cab",
        "gcab cabextract",
    ),
    (
        "wim-none",
        "k.wim",
        "wimcapture tree k.wim --compress=none >/dev/null 2>&1",
        "wimextract k.wim 1 /{} --to-stdout",
        "wimtools",
    ),
    (
        "wim-xpress",
        "k.wim",
        "wimcapture tree k.wim --compress=fast >/dev/null 2>&1",
        "wimextract k.wim 1 /{} --to-stdout",
        "wimtools",
    ),
    (
        "wim-lzx",
        "k.wim",
        "wimcapture tree k.wim --compress=maximum >/dev/null 2>&1",
        "wimextract k.wim 1 /{} --to-stdout",
        "wimtools",
    ),
    (
        "wim-solid-lzms-esd",
        "k.esd",
        "wimcapture tree k.esd --solid >/dev/null 2>&1",
        "wimextract k.esd 1 /{} --to-stdout",
        "wimtools",
    ),
    (
        "wim-two-images",
        "k.wim",
        "mkdir o; echo hi > o/a; wimcapture o k.wim one >/dev/null 2>&1; wimappend tree k.wim two >/dev/null 2>&1",
        "wimextract k.wim 2 /{} --to-stdout",
        "wimtools",
    ),
    (
        "wim-pipable",
        "k.wim",
        "wimcapture tree k.wim --pipable >/dev/null 2>&1",
        "wimextract k.wim 1 /{} --to-stdout",
        "wimtools",
    ),
    (
        "xar-bsdtar",
        "k.xar",
        "bsdtar --format=xar -cf k.xar -C tree .",
        "bsdtar -xOf k.xar ./{} 2>/dev/null || bsdtar -xOf k.xar {}",
        "libarchive-tools",
    ),
    (
        "xar-bsdtar-xz",
        "k.xar",
        "bsdtar --format=xar --options compression=xz -cf k.xar -C tree .",
        "bsdtar -xOf k.xar ./{} 2>/dev/null || bsdtar -xOf k.xar {}",
        "libarchive-tools",
    ),
    (
        "xar-bsdtar-bzip2",
        "k.xar",
        "bsdtar --format=xar --options compression=bzip2 -cf k.xar -C tree .",
        "bsdtar -xOf k.xar ./{} 2>/dev/null || bsdtar -xOf k.xar {}",
        "libarchive-tools",
    ),
    (
        "ar-bsd",
        "k.a",
        (
            "cd tree && bsdtar --format=arbsd -cf ../k.a etc/server.pem app/signing.der app/store.p12 home/id_ed25519"
            " web/jwk.json log/big.log data/edge.bin"
        ),
        "bsdtar -xOf k.a $(basename {})",
        "libarchive-tools",
    ),
    (
        "ar-svr4",
        "k.a",
        (
            "cd tree && ar rc ../k.a etc/server.pem app/signing.der app/store.p12 home/id_ed25519 web/jwk.json"
            " log/big.log data/edge.bin"
        ),
        "ar p k.a $(basename {})",
        "binutils",
    ),
    ("rpm-zstd", "k.rpm", None, "rpm2cpio k.rpm | cpio --quiet -i --to-stdout ./opt/k/{}", "rpm cpio"),
    ("deb-zstd", "k.deb", None, "dpkg-deb --fsys-tarfile k.deb | tar -xO ./opt/k/{}", "dpkg-dev"),
    (
        "makeself-xz-base64",
        "k.run",
        "makeself --base64 --quiet tree k.run t true",
        "mkdir -p {x}; bash k.run --quiet --noexec --target {x} >/dev/null; cat {x}/{}",
        "makeself",
    ),
    (
        "snappy-framed-tar",
        "k.tar.sz",
        (
            "tar -c -C tree . | $V/python -c 'import"
            " sys,snappy;c=snappy.StreamCompressor();sys.stdout.buffer.write(c.compress(sys.stdin.buffer.read()))' >"
            " k.tar.sz"
        ),
        (
            "$V/python -c 'import"
            " sys,cramjam;sys.stdout.buffer.write(bytes(cramjam.snappy.decompress(sys.stdin.buffer.read())))' <"
            " k.tar.sz | tar -xO ./{}"
        ),
        "pip:python-snappy",
    ),
]


def register(name, files, pack, show, packages):
    def make(c):
        import sys

        env = {"V": str(__import__("pathlib").Path(sys.executable).parent)}
        keys = c.tree(forms=("rsa", "p256:der", "ssh", "p12", "jwk") if name.startswith("shar") else None)
        if name == "rpm-zstd":
            spec = (
                "Name: k\nVersion: 1\nRelease: 1\nSummary: k\nLicense: x\nBuildArch: noarch\n%define _binary_payload"
                " w19.zstdio\n%description\nk\n%install\nmkdir -p %{buildroot}/opt && cp -r %{tree}"
                " %{buildroot}/opt/k\n%files\n/opt/k\n"
            )
            (c.work / "k.spec").write_text(spec)
            c.sh(
                f"rpmbuild -bb -D '_topdir {c.work}/rb' -D 'tree {c.work}/tree' k.spec >/dev/null 2>&1; cp"
                " rb/RPMS/noarch/*.rpm k.rpm"
            )
        elif name == "deb-zstd":
            (c.work / "d/DEBIAN").mkdir(parents=True)
            (c.work / "d/DEBIAN/control").write_text(
                "Package: k\nVersion: 1\nArchitecture: all\nMaintainer: k <k@example.org>\nDescription: k\n"
            )
            c.sh("mkdir -p d/opt && cp -r tree d/opt/k && dpkg-deb --root-owner-group -Zzstd -b d k.deb >/dev/null")
        else:
            c.sh(pack, env=env)
        if show is None:
            c.sh("mkdir x && cd x && arc x ../k.arc >/dev/null")
            both = dict(
                zip(
                    [
                        "etc/server.pem",
                        "app/signing.der",
                        "app/store.p12",
                        "home/id_ed25519",
                        "web/jwk.json",
                        "log/big.log",
                        "data/edge.bin",
                    ],
                    ["a.pem", "b.der", "c.p12", "d", "e.jsn", "f.log", "g.bin"],
                )
            )
            c.prove_tree(keys, lambda p: (c.work / "x" / both[p]).read_bytes(), "arc x")
        else:
            c.prove_tree(
                keys,
                lambda p: c.sh(show.replace("{x}", "x" + p.replace("/", "")).replace("{}", p), env=env),
                show.split()[0] if not show.startswith(("mkdir", "rm")) else packages,
            )
        c.take(*files.split())

    locked = name.endswith("-locked")
    carrier(f"arc-{name}", "containers: locked" if locked else KIND, packages, locked=locked)(make)


for row in PACKS:
    register(*row)
