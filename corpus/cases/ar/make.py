"""ar archives by GNU ar, Debian packages by dpkg-deb, BSD archives by bsdtar."""

from contain import Packed

f = Packed("ar", "ar archives: GNU names short and long, BSD names, Debian packages with every compressor, damaged ones")
COPY = "cp tree/etc/ssl/private/server.pem a_name_longer_than_sixteen.pem && cp tree/etc/id.pem id.pem && cp tree/signing.der signing.der"
f.run(COPY)
MEMBERS = "a_name_longer_than_sixteen.pem id.pem signing.der tree/readme.txt"


def three(archive, show):
    return [f.shown(show(archive, "a_name_longer_than_sixteen.pem")), f.shown(show(archive, "id.pem")), f.shown(show(archive, "signing.der"), der=True)]


gnu = lambda archive, name: f"ar p {archive} {name}"
bsd = lambda archive, name: f"bsdtar -xOf {archive} {name}"
f.tool("gnu.a", f"ar rcD gnu.a {MEMBERS}", lambda: three("gnu.a", gnu))
f.tool("bsd.a", f"bsdtar -cf bsd.a --format=arbsd {MEMBERS}", lambda: three("bsd.a", bsd))
f.run("echo 'int x;' > x.c && cc -c x.c -o x.o")
f.tool("symbols.a", f"ar rcsD symbols.a x.o {MEMBERS}", lambda: three("symbols.a", gnu))
CONTROL = "mkdir -p deb/DEBIAN && cp -r tree/. deb/ && printf 'Package: k\\nVersion: 1\\nArchitecture: all\\nMaintainer: k <k@example.org>\\nDescription: k\\n' > deb/DEBIAN/control"
f.run(CONTROL)
f.run("cp tree/etc/ssl/private/server.pem deb/DEBIAN/postinst.key")
for compressor in ("none", "gzip", "xz", "zstd"):
    name = f"{compressor}.deb"
    deb = lambda path: f"dpkg-deb --fsys-tarfile {name} | tar -xO ./{path}"
    f.tool(name, f"dpkg-deb --root-owner-group -Z{compressor} -b deb {name}",
           lambda: f.three(deb) + [f.shown(f"dpkg-deb --ctrl-tarfile {name} | tar -xO ./postinst.key")])
data = bytearray(f.read("gnu.a"))
at = data.index(b"id.pem/")
data[at + 48:at + 52] = b"xxxx"
# ar lists two members; openssl reads the key of the second one from the file itself.
f.add("damaged_header.a", bytes(data), "gnu.a with the size of its second member overwritten",
      [three("gnu.a", gnu)[i] for i in (0, 2, 1)])
f.add("cut.a", f.read("gnu.a")[:data.index(b"signing.der/") + 70], "gnu.a cut off in its third member", three("gnu.a", gnu)[:2])
f.silent("near-text.txt", "!<arch>\nis the first line of an ar archive. This text only says so, and is none.\n" * 3, "printf",
         "the magic alone, then text")
f.silent("near-empty.a", b"!<arch>\n", "ar rc near-empty.a", "an archive without members")
f.tool("near-thin.a", "ar rcDT near-thin.a tree/readme.txt", silent=True, why="a thin archive holds names only")
f.finish()
