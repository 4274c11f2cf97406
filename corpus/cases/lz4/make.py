"""lz4 streams by lz4 itself: a key, an archive, several streams in one file, one that is cut off."""

from contain import Packed

f = Packed("lz4", "lz4 streams of keys and archives, several in one file, and one that is cut off")
for source, der in (("etc/id.pem", False), ("signing.der", True)):
    name = f"{source.rsplit('/')[-1]}.lz4"
    f.tool(name, f"lz4 -qc < tree/{source} > {name}", lambda: [f.shown(f"lz4 -qdc < {name}", der=der)])
f.tool("tree.tar.lz4", "tar -cf - -C tree . | lz4 -qc > tree.tar.lz4", lambda: f.three(lambda path: f"lz4 -qdc < tree.tar.lz4 | tar -xO ./{path}"))
f.tool("two.lz4", "(lz4 -qc < tree/readme.txt; lz4 -qc < tree/etc/id.pem) > two.lz4", lambda: [f.shown("lz4 -qdc < two.lz4")])
f.run("seq 1 400000 > numbers.txt && cat tree/etc/id.pem numbers.txt > long.txt && lz4 -qc < long.txt > long.lz4")
cut = f.read("long.lz4")
f.add("cut.lz4", cut[: len(cut) * 9 // 10], "a key and numbers, cut off", [f.shown("head -c 4096 long.txt")], oracle="the text before it was packed")
f.silent("near.bin", f.read("signing.der.lz4")[:12] + b"and then no stream at all " * 20, "the first bytes of a stream and text", "the magic alone")
f.finish()
