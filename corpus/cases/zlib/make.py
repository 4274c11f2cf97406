"""zlib streams by zlib-flate of qpdf: a key, an archive, one after its length, one that is cut off."""

from contain import Packed

f = Packed("zlib", "zlib streams of keys and archives, one after its length, and one that is cut off")
for source, der in (("etc/id.pem", False), ("signing.der", True)):
    name = f"{source.rsplit('/')[-1]}.zz"
    f.tool(name, f"zlib-flate -compress < tree/{source} > {name}", lambda: [f.shown(f"zlib-flate -uncompress < {name}", der=der)])
f.tool("tree.tar.zz", "tar -cf - -C tree . | zlib-flate -compress > tree.tar.zz", lambda: f.three(lambda path: f"zlib-flate -uncompress < tree.tar.zz | tar -xO ./{path}"))
f.run("seq 1 400000 > numbers.txt && cat tree/etc/id.pem numbers.txt > long.txt && zlib-flate -compress < long.txt > long.zz")
cut = f.read("long.zz")
f.add("cut.zz", cut[: len(cut) * 9 // 10], "a key and numbers, cut off", [f.shown("head -c 4096 long.txt")], oracle="the text before it was packed")
f.silent("near.bin", f.read("signing.der.zz")[:2] + b"and then no stream at all " * 20, "the first bytes of a stream and text", "the magic alone")

f.run("zlib-flate -compress < tree/etc/ssl/private/server.pem > server.zz")
size = f.path("tree/etc/ssl/private/server.pem").stat().st_size
f.add("length.bin", size.to_bytes(4, "big") + f.read("server.zz"), "a length of four bytes, as Fossil and Qt write it, then zlib-flate", [f.shown("zlib-flate -uncompress < server.zz")])
f.finish()
